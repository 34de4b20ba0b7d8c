"""The classes and functions that CPython has in place of the core's."""
import inspect
import io
import pickle

import pytest

import microdot
from microdot import _cpython, _streams
from microdot import microdot as core
from microdot.asgi import Microdot as AsgiMicrodot
from microdot.wsgi import Microdot as WsgiMicrodot

CLASSES = [cls.__name__ for cls in _cpython.CLASSES]


@pytest.mark.parametrize('name', CLASSES)
def test_one_class_is_found_under_every_name(name):
    cls = getattr(core, name)
    assert cls is getattr(microdot, name, cls) is getattr(_cpython, name)
    assert cls.__module__ == 'microdot.microdot'
    assert pickle.loads(pickle.dumps(cls)) is cls


@pytest.mark.parametrize('name', CLASSES)
def test_it_has_the_documentation_of_the_core(name):
    cls = getattr(core, name)
    base = cls.__mro__[1]
    assert base.__name__ == name
    assert cls.__doc__ == base.__doc__
    for method in vars(cls):
        # (other tests may have set limits)
        if not method.startswith('_') and hasattr(base, method) and \
                callable(getattr(cls, method)):
            assert inspect.getdoc(getattr(cls, method))


def test_applications_of_gateways_are_of_that_class():
    assert issubclass(AsgiMicrodot, core.Microdot)
    assert issubclass(WsgiMicrodot, core.Microdot)


def test_what_handlers_make_and_return_is_of_that_class():
    assert type(core.make_response('x')) is core.Response
    assert isinstance(core.Response.already_handled, core.Response)
    assert type(microdot.redirect('/')) is core.Response
    assert type(microdot.send_file(
        'x', stream=io.BytesIO())) is core.Response


def test_the_table_names_what_the_core_has():
    for name, function in _cpython.FUNCTIONS.items():
        assert getattr(core, name) is function


def test_the_public_class_has_no_other_classes():
    assert not [name for name in ('Disconnected', 'HTTPException', 'Request',
                                  'Response')
                if hasattr(core.Microdot, name)]


def test_tests_with_streams_of_their_own_find_the_methods_of_microdot_27():
    assert core.Request.create is _streams.create_request
    assert core.Response.write is _streams.write_response
    assert core.Response.complete is _streams.complete_response
    assert core.Microdot.handle_request is _streams.handle_request
    assert issubclass(microdot.AsyncBytesIO, core.Stream)
    assert microdot.AsyncBytesIO.awrite is _streams.AsyncBytesIO.awrite
    app = microdot.Microdot()
    app.post('/a')(max)
    (methods, pattern, handler, prefix, subapp), = app.url_map
    assert (methods, pattern.url_pattern, handler, prefix, subapp) == (
        ['POST'], '/a', max, '', None)


def test_objects_say_what_they_are():
    app = microdot.Microdot()
    app.get('/a')(lambda request: 'a')
    request = microdot.Request(app, None, 'GET', '/\x1b?b', '1.1', {})
    assert repr(app) == '<Microdot, 1 routes>'
    assert repr(AsgiMicrodot()) == '<Microdot, 0 routes>'
    assert repr(request) == "<Request GET '/\\x1b?b'>"
    assert repr(microdot.Response('abc')) == '<Response 200, 3 bytes>'
    assert repr(microdot.Response(io.StringIO(), 404)) == \
        '<Response 404, StringIO>'
    assert repr(microdot.URLPattern('/<x>')) == "<URLPattern '/<x>'>"


def test_a_request_lists_what_is_made_when_it_is_read():
    names = dir(microdot.Request(None, None, 'GET', '/', '1.1', {}))
    for name in ('args', 'cookies', 'form', 'g', 'headers', 'json', 'stream',
                 'method', 'url'):
        assert names.count(name) == 1
    assert '_get_json' not in names

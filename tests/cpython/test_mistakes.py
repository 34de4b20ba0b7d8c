"""Mistakes in programs, and what is said of them."""
import asyncio
import functools
import http
import io
import logging
import re

import pytest

from microdot import (
    Microdot,
    Response,
    _mistakes,
    abort,
    debug,
    logs,
    microdot,
    send_file,
)
from microdot.compress import Compress
from microdot.hosts import TrustedHosts
from microdot.microdot import HTTPException
from microdot.multipart import with_form_data
from microdot.proxies import TrustedProxies
from microdot.test_client import TestClient
from microdot.websocket import with_websocket


async def forgotten():
    return 'x'


def message_of(result, caplog):
    app = Microdot()

    @app.get('/x')
    async def view(request):
        return result() if callable(result) else result

    with caplog.at_level(logging.ERROR, 'microdot'):
        res = asyncio.run(TestClient(app).get('/x'))
    assert (res.status_code, res.text) == (500, 'Internal server error')
    records = [one for one in caplog.records if one.name == 'microdot.error']
    assert len(records) == 1 and records[0].exc_info is None
    return records[0].getMessage()


@pytest.mark.parametrize('result,said', [
    ({1}, 'returned a set; a handler may return'),
    (object(), 'returned an object; a handler may return'),
    (1.5, 'returned a float; a handler may return'),
    ((), 'returned an empty tuple'),
    ((404, 'x'), 'returned the status 404 before the body, a str; the body '
     'comes first: return body, 404'),
    (('x', 200, {}, 1), 'returned a tuple of 4'),
    (('x', '404'), "returned the status '404' as text; a status code is a "
     'number: return body, 404'),
    (('x', 'y', {}), "returned the status 'y' as text"),
    (('x', None, {'A': 'b'}), 'returned a NoneType as status; a handler may'),
    (('x', {'A': 'b'}, 404), 'returned a dict as status; a handler may'),
    (lambda: (forgotten(), 200), 'returned a coroutine, of forgotten(), that '
     'has not been awaited; write: await forgotten(...)'),
])
def test_wrong_results_are_named(result, said, caplog):
    text = message_of(result, caplog)
    assert said in text
    assert re.match(r'handler message_of\.view \(.*test_mistakes\.py:\d+\) '
                    r'for GET /x returned ', text)


@pytest.mark.parametrize('result,status', [
    (None, 204), (204, 204), ('x', 200), (b'x', 200), ({}, 200), ([], 200),
    (('x', 201), 201), (('x', {'A': 'b'}), 200), ((201,), 201),
    ((201, {'A': 'b'}), 201), (('x', 200, None), 200),
    (bytearray(b'x'), 200), (memoryview(b'x'), 200)])
def test_right_results_are_answers(result, status):
    app = Microdot()
    app.get('/')(lambda request: result)
    assert asyncio.run(TestClient(app).get('/')).status_code == status


@pytest.mark.parametrize('result', [
    42, 99, 600, 1000, -1, ('x', 199), Response('x', 42),
    Response('x', '200')])
def test_a_status_code_that_is_none_is_named(result):
    app = Microdot()
    app.get('/')(lambda request: result)
    client = TestClient(app, raise_exceptions=True)
    with pytest.raises(ValueError) as caught:
        asyncio.run(client.get('/'))
    status = getattr(result, 'status_code', result)
    assert str(caught.value) == (
        'the status code of a response is a number from 200 to 599, or 101; '
        'this is %r' % (status[1] if isinstance(status, tuple) else status,))


@pytest.mark.parametrize('status', [200, 101, 599, http.HTTPStatus.OK])
def test_a_status_code_is_a_number_of_these(status):
    line = microdot.status_line(status)
    assert line.startswith('%d ' % status)


@pytest.mark.parametrize('status,kind', [
    ('404', 'a str'), (None, 'a NoneType'), (Response('x'), 'a Response')])
def test_abort_takes_a_number(status, kind):
    with pytest.raises(TypeError) as caught:
        abort(status)
    assert str(caught.value) == \
        'a status code is a number, such as 404; this is ' + kind


@pytest.mark.parametrize('args,text', [
    ((404,), '404 Not Found'),
    ((404, 'not found'), '404 Not Found'),
    ((404, 'no page 9'), '404 Not Found: no page 9'),
    ((422, {'errors': []}), '422 Unprocessable Content'),
    ((499,), '499 error'),
    ((499, 'gone'), '499 error: gone'),
])
def test_an_error_has_a_text_for_people(args, text):
    assert str(HTTPException(*args)) == text


@pytest.mark.parametrize('name', [None, io.BytesIO(b'x'), b'x.txt'])
def test_what_is_no_path_of_a_file_is_told(name):
    with pytest.raises(TypeError) as caught:
        send_file(name)
    assert 'takes the path of a file, not ' + _mistakes.named(name) in \
        str(caught.value)
    assert "send_file('name.txt', stream=file)" in str(caught.value)


def test_paths_of_files_are_no_mistake(tmp_path):
    path = tmp_path / 'x.txt'
    path.write_text('x')
    for name in (path, str(path)):
        response = send_file(name)
        response.body.close()
        assert response.status_code == 200


def test_a_handler_without_arguments_is_told():
    app = Microdot()

    def index():
        return 'x'

    with pytest.raises(TypeError) as caught:
        app.get('/')(index)
    assert re.match(
        r'handler test_a_handler_without_arguments_is_told\.index '
        r'\(.*test_mistakes\.py:\d+\) takes no arguments, and gets the '
        r'request as its first; write: def index\(request\)$',
        str(caught.value))
    assert not app.routes


def test_what_takes_a_request_takes_something():
    class View:
        def get(self, request):
            return 'x'

        def __call__(self, *args):
            return 'x'

    app = Microdot()
    for handler in (View().get, View(), lambda *args: 'x',
                    functools.partial(lambda a, request: 'x', 1)):
        app.get('/')(handler)
    assert len(app.routes) == 4


def test_an_application_is_not_mounted_on_itself():
    app = Microdot()
    first = Microdot()
    second = Microdot()
    first.mount(second, '/b')
    app.mount(first, '/a')
    for above, below in ((app, app), (second, app), (first, app),
                         (second, first)):
        with pytest.raises(ValueError) as caught:
            above.mount(below, '/c')
        assert 'cannot be mounted on itself' in str(caught.value)
    assert not second.mounts
    # twice is no circle
    app.mount(second, '/d')
    app.mount(second, '/e')


@pytest.mark.parametrize('make,said', [
    (lambda app: TrustedHosts(app, 'example.com'),
     "hosts is a list: ['example.com']"),
    (lambda app: Compress(app, codings='gzip'), "codings is a list: ['gzip']"),
    (lambda app: TrustedProxies(['127.0.0.1']),
     'a proxy is named as text, not by a list; write: app.middleware('
     "TrustedProxies('127.0.0.1', '10.0.0.0/8'))"),
    (lambda app: TrustedProxies(app, '127.0.0.1'),
     'a proxy is named as text, not by a Microdot; write: '),
])
def test_text_is_no_list_and_a_list_no_text(make, said):
    with pytest.raises(TypeError) as caught:
        make(Microdot())
    assert str(caught.value).startswith(said)


def test_a_decorator_without_parentheses():
    app = Microdot()
    with pytest.raises(TypeError, match=r"view \(.*py:\d+\).*@app.get\('/'\)"):
        @app.get
        def view(request):
            pass


@pytest.mark.parametrize('pattern,said', [
    ('/items/{id}', 'a parameter is written <id>, not {id}'),
    ('/items/{id:int}', 'written <id>'),
    ('/<foo:x>', 'there is no type foo; there are'),
    ('/<itn:x>', 'did you mean int'),
])
def test_patterns_written_as_elsewhere(pattern, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Microdot().get(pattern)(lambda request, **kwargs: '')


def test_braces_of_an_expression_are_none():
    Microdot().get('/<re:[0-9]{3}:x>')(lambda request, x: x)


def test_methods_are_a_list():
    with pytest.raises(TypeError, match=re.escape("methods=['POST']")):
        Microdot().route('/', methods='POST')(lambda request: '')


def view(request, id):
    return id


class View:
    def __call__(self, request, id):
        return id

    def method(self, request, id):
        return id


def plain(f):
    return lambda *args, **kwargs: f(*args, **kwargs)


def wrapped(f):
    return functools.wraps(f)(lambda request, **kwargs: f(request, **kwargs))


@pytest.mark.parametrize('handler', [
    view, View(), View().method, functools.partial(view), plain(view),
    wrapped(view), functools.partial(lambda a, request, id: id, 1),
    lambda request, *, id: id, lambda request, id, more=1: id,
    lambda request, **kwargs: '', lambda *args, **kwargs: ''])
def test_handlers_that_take_the_parameter(handler):
    app = Microdot()
    app.get('/<id>')(handler)
    assert len(app.routes) == 1


@pytest.mark.parametrize('handler', [
    lambda request: '', lambda request, name: name, lambda id: id,
    functools.wraps(view)(lambda request: ''),
    lambda request, *args: ''])
def test_handlers_that_certainly_do_not(handler):
    with pytest.raises(TypeError, match='does not take the parameter id of '
                                        '/<id>'):
        Microdot().get('/<id>')(handler)


def test_a_decorator_that_does_not_take_it_is_told_apart():
    for handler, said in ((lambda request: '', 'handler '),
                          (functools.wraps(view)(lambda request: ''),
                           'what decorates handler view ')):
        with pytest.raises(TypeError) as caught:
            Microdot().get('/<id>')(handler)
        assert str(caught.value).startswith(said)


def test_parameters_of_a_segment_and_of_a_host_are_looked_for():
    app = Microdot()
    with pytest.raises(TypeError, match='the parameter b of /<a>-<b>'):
        app.get('/<a>-<b>')(lambda request, a: '')
    child = Microdot()
    child.get('/<id>')(view)
    with pytest.raises(TypeError, match='the parameter name of '
                                        '<name>.example.com/<id>'):
        app.mount(child, host='<name>.example.com')


def test_a_function_on_several_routes_has_defaults():
    app = Microdot()

    @app.get('/')
    @app.get('/<int:page>')
    def index(request, page=1):
        return str(page)

    assert len(app.routes) == 2


def test_a_route_registered_twice_is_named(caplog):
    app = Microdot()
    with caplog.at_level(logging.WARNING, 'microdot'):
        app.get('/<id>')(view)
        app.post('/<id>')(view)
        assert not caplog.records
        app.get('/<id>')(lambda request, id: '')
    assert len(caplog.records) == 1
    assert 'GET /<id> is registered twice' in caplog.text


@pytest.mark.parametrize('args,module', [
    (({}, None, None), 'microdot.asgi'), (({}, None), 'microdot.wsgi')])
def test_another_server_is_told_what_to_import(args, module):
    with pytest.raises(TypeError, match='from %s import Microdot' % module):
        Microdot()(*args)


@pytest.mark.parametrize('args, text', [
    (('/x', Microdot()), "app.mount(subapp, '/x')"),
    ((42,), 'this is an int'), ((Microdot,), 'this is a type')])
def test_what_is_mounted_comes_first_and_is_an_application(args, text):
    with pytest.raises(TypeError) as caught:
        Microdot().mount(*args)
    assert text in str(caught.value)


def test_all_public_names_are_imported_by_a_star():
    names = {}
    exec('from microdot import *', names)
    for name in ('Microdot', 'Request', 'Response', 'abort', 'redirect',
                 'send_file', 'html', 'json_response'):
        assert name in names
    assert 'sys' not in names


def test_a_forgotten_return_is_told_once_under_debug(caplog):
    app = Microdot()

    @app.get('/x')
    @app.get('/y')
    async def view(request):
        request.g.answer = 'x'

    @app.get('/meant')
    async def meant(request):
        return '', 204

    client = TestClient(app)
    with caplog.at_level(logging.WARNING, 'microdot'):
        for path in ('/x', '/y', '/meant'):
            assert asyncio.run(client.get(path)).status_code == 204
        assert caplog.records == []
        debug.install(app)
        app.errorhandler(404)(lambda request: None)
        for path in ('/x', '/x', '/y', '/meant', '/none'):
            assert asyncio.run(client.get(path)).status_code == 204
    assert [re.sub(r'\(.*test_', '(test_', one.getMessage().partition(',')[0])
            for one in caplog.records] == [
        'handler test_a_forgotten_return_is_told_once_under_debug.view '
        '(test_mistakes.py:%d) for GET /x returned nothing' %
        view.__code__.co_firstlineno]


@pytest.mark.parametrize('result', [ValueError('on purpose'), {1}])
def test_an_error_has_the_id_of_its_request(result, caplog, capsys):
    app = Microdot()
    logs.AccessLog(app, format=lambda entry: entry['id'])

    @app.get('/')
    async def view(request):
        if isinstance(result, Exception):
            raise result
        return result

    with caplog.at_level(logging.ERROR, 'microdot'):
        res = asyncio.run(TestClient(app).get('/'))
    record, = [one for one in caplog.records if one.name == 'microdot.error']
    found = res.headers['X-Request-ID']
    assert record.request_id == found
    assert record.getMessage().endswith(' (request %s)' % found)


def test_an_error_has_the_id_where_logging_is_not_set_up(capsys, monkeypatch):
    app = Microdot()
    logs.AccessLog(app)

    @app.get('/')
    async def view(request):
        raise ValueError('on purpose')

    monkeypatch.setattr(logging.Logger, 'hasHandlers', lambda self: False)
    res = asyncio.run(TestClient(app).get('/'))
    text = capsys.readouterr().err
    assert text.count('Traceback') == 1
    assert 'ValueError: on purpose (request %s)\n' % \
        res.headers['X-Request-ID'] in text


# ------------------------------------------------- errorhandler() of what?

@pytest.mark.parametrize('key, said', [
    ('x', "this is a str: 'x'"), (True, 'this is a bool'),
    (None, 'this is a NoneType'), (ValueError('x'), 'this is a ValueError'),
    ((404, 500), 'this is a tuple'), (str, 'this is a type'),
    (asyncio.sleep, 'write: @app.errorhandler(404)')])
def test_an_error_handler_is_for_a_status_or_an_exception(key, said):
    app = Microdot()
    with pytest.raises(TypeError) as caught:
        app.errorhandler(key)
    assert said in str(caught.value)
    for right in (404, http.HTTPStatus.NOT_FOUND, ValueError, HTTPException,
                  KeyboardInterrupt):
        app.errorhandler(right)


# ---------------------------------------- the body is not what was asked for

async def field(request):
    return request.form['x']


def kept_field(request):
    form = request.form
    return form['x']


async def two_fields(request):
    form = request.form
    return {'x': form['x'], 'y': form['y']}


async def field_by_name(request, name='x'):
    return request.form[name]


async def field_of_kept(request, name='x'):
    form = request.form
    return form[name]


async def got_field(request):
    return request.form.get('x')


async def looked_for_field(request):
    return str('x' in request.form)


async def all_fields(request):
    return [name for name in request.form]


async def member(request):
    return request.json['x']['y']


async def kept_member(request):
    data = request.json
    return [data['x'] + 1]


async def got_member(request):
    return request.json.get('x')


async def file(request):
    return request.files['x']


@pytest.mark.parametrize('view, said', [
    (field, 'a form'), (kept_field, 'a form'), (two_fields, 'a form'),
    (field_by_name, 'a form'), (field_of_kept, 'a form'),
    (got_field, 'a form'), (looked_for_field, 'a form'),
    (all_fields, 'a form'), (member, 'application/json'),
    (kept_member, 'application/json'), (got_member, 'application/json'),
    (file, 'multipart/form-data')])
def test_what_a_body_of_another_type_lacks_is_the_clients_fault(
        view, said, caplog):
    app = Microdot()
    app.post('/')(view)
    for content_type in ({'Content-Type': 'text/plain'}, {}):
        res = asyncio.run(TestClient(app).post('/', content_type, b'x=1'))
        assert (res.status_code, res.text) == (415, 'The body must be ' + said)
    assert caplog.records == []


def test_null_has_no_members(caplog):
    app = Microdot()
    app.post('/')(member)
    for kind in 'application/json', 'Application/x+JSON; charset=utf-8':
        res = asyncio.run(TestClient(app).post(
            '/', {'Content-Type': kind}, b'null'))
        assert (res.status_code, res.text) == (
            400, 'The body must not be null')
    assert caplog.records == []


async def none_of_a_user(request):
    form = request.form
    user = None
    return user['x'] if form is None else ''


async def none_in_json(request):
    data = request.json or {'x': None}
    return data['x']['y']


async def overwritten(request):
    data = request.json
    data = {}.get('x')
    return data['x']


async def computed(request):
    return (request.form or None)['x']


async def into_nothing(request):
    request.form['x'] = 'y'


async def wrong_type(request):
    return 1 + 'x'


async def its_own(request):
    raise TypeError


async def its_own_words(request):
    raise TypeError('NoneType')


class Special(AttributeError):
    pass


async def special(request):
    raise Special("'NoneType' object has no attribute 'get'")


@pytest.mark.parametrize('view', [
    none_of_a_user, none_in_json, overwritten, computed, into_nothing,
    wrong_type, its_own, its_own_words, special])
def test_other_mistakes_are_those_of_the_handler(view, caplog):
    app = Microdot()
    app.post('/')(view)
    res = asyncio.run(TestClient(app).post('/', body=b'x=1'))
    assert res.status_code == 500
    assert len(caplog.records) == 1


def test_files_that_nothing_has_parsed_are_a_mistake_of_the_handler(caplog):
    app = Microdot()
    app.post('/')(file)
    res = asyncio.run(TestClient(app).post('/', {
        'Content-Type': 'multipart/form-data; boundary=x'}, b'--x--'))
    assert res.status_code == 500
    assert len(caplog.records) == 1


def test_who_asks_for_the_exception_gets_it():
    app = Microdot()
    app.post('/')(field)

    @app.errorhandler(TypeError)
    async def mistake(request, exc):
        return repr(exc.__cause__), 500

    res = asyncio.run(TestClient(app).post('/', body=b'x=1'))
    assert res.status_code == 500
    assert res.text.startswith('TypeError(')

    @app.errorhandler(415)
    async def wrong(request):
        return 'a form, please', 415

    res = asyncio.run(TestClient(app).post('/', body=b'x=1'))
    assert (res.status_code, res.text) == (415, 'a form, please')


@pytest.mark.parametrize('asked,reason', [
    (lambda request: request.files['photo'], "missing file 'photo'"),
    (lambda request: request.form['photo'], "missing form field 'photo'")])
@pytest.mark.parametrize('files', [{'picture': b'x'}, {}])
def test_what_a_form_with_files_lacks_is_the_clients_fault(
        asked, reason, files, caplog):
    app = Microdot()
    app.post('/')(with_form_data(asked))
    res = asyncio.run(TestClient(app).post(
        '/', files=files, form={'name': 'a'}))
    assert (res.status_code, res.text) == (400, reason)
    assert not caplog.records


def test_the_files_of_a_form_are_a_dict():
    app = Microdot()
    seen = []

    @app.post('/')
    @with_form_data
    def view(request):
        files = request.files
        with pytest.raises(KeyError):
            files['b']
        seen.append((sorted(dict(files)), files.get('b'), 'a' in files,
                     isinstance(files, dict), files['a'].filename))

    asyncio.run(TestClient(app).post('/', files={'a': ('x.txt', b'x')}))
    assert seen == [(['a'], None, True, True, 'x.txt')]


@pytest.mark.parametrize('files', [None, {'a': ('x.txt', b'x')}])
def test_both_kinds_of_forms_convert_values(files):
    app = Microdot()

    @app.post('/')
    @with_form_data
    def view(request):
        form = request.form
        return [form.get('n', type=int), form.get('word', 7, type=int),
                form.get('none', 'b'), form.get('none'),
                form.get('word', type=int, strict=True)]

    res = asyncio.run(TestClient(app).post(
        '/', files=files, form={'n': '5', 'word': 'w'}))
    assert (res.status_code, res.text) == (400, "malformed form field 'word'")

    @app.post('/lenient')
    @with_form_data
    def lenient(request):
        form = request.form
        return [form.get('n', type=int), form.get('word', 7, type=int),
                form.get('none', 'b'), form.get('none')]

    res = asyncio.run(TestClient(app).post(
        '/lenient', files=files, form={'n': '5', 'word': 'w'}))
    assert res.json == [5, 7, 'b', None]


HOOKS = {
    'before_request': lambda app, f: app.before_request(f),
    'after_request': lambda app, f: app.after_request(f),
    'after_error_request': lambda app, f: app.after_error_request(f),
    'on_startup': lambda app, f: app.on_startup(f),
    'on_shutdown': lambda app, f: app.on_shutdown(f),
    'errorhandler(404)': lambda app, f: app.errorhandler(404)(f),
    'errorhandler(ValueError)':
        lambda app, f: app.errorhandler(ValueError)(f),
}


def nothing():
    pass


def one(request):
    pass


def two(request, other):
    pass


def any_number(*args):
    pass


def two_at_most(request=None, other=None):
    pass


class Callable:
    def __call__(self, request):
        pass


@pytest.mark.parametrize('name, function, right', [
    ('before_request', nothing, 'def nothing(request)'),
    ('before_request', two, 'def two(request)'),
    ('after_request', one, 'def one(request, response)'),
    ('after_error_request', one, 'def one(request, response)'),
    ('after_request', Callable(), '(request, response)'),
    ('on_startup', one, 'def one()'),
    ('on_shutdown', one, 'def one()'),
    ('errorhandler(404)', two, 'def two(request)'),
    ('errorhandler(404)', nothing, 'def nothing(request)'),
    ('errorhandler(ValueError)', one, 'def one(request, exception)'),
])
def test_a_hook_that_does_not_take_what_it_gets_is_refused(
        name, function, right):
    with pytest.raises(TypeError) as exc:
        HOOKS[name](Microdot(), function)
    text = str(exc.value)
    assert text.startswith(name + ': ')
    assert 'test_mistakes.py:' in text
    assert 'write: def' in text and text.endswith(right)


@pytest.mark.parametrize('name', HOOKS)
def test_a_hook_that_is_no_function_is_refused(name):
    with pytest.raises(TypeError, match='is for a function; this is a str'):
        HOOKS[name](Microdot(), 'text')


@pytest.mark.parametrize('name, functions', [
    ('before_request', (one, Callable(), functools.partial(two, other=1))),
    ('after_request', (two,)),
    ('after_error_request', (two,)),
    ('on_startup', (nothing, [].clear)),
    ('on_shutdown', (nothing,)),
    ('errorhandler(404)', (one, Callable())),
    ('errorhandler(ValueError)', (two, functools.partial(any_number, 1))),
])
def test_a_hook_that_takes_what_it_gets_is_registered(name, functions):
    for function in (*functions, any_number, two_at_most):
        HOOKS[name](Microdot(), function)


def test_an_error_handler_of_a_mounted_application_is_looked_at_too():
    blog = Microdot()
    Microdot().mount(blog, '/blog')
    with pytest.raises(TypeError, match='errorhandler'):
        blog.errorhandler(500)(two)


def test_limits_of_a_route_that_are_no_numbers_are_refused():
    for name in 'max_content_length', 'max_body_length':
        for size in '10MB', b'1', [1]:
            with pytest.raises(TypeError, match=name + ' is a number of'):
                Microdot().post('/', **{name: size})(one)
        for size in 0, 1024, 1e6, None:
            Microdot().post('/', **{name: size})(one)


def test_middleware_of_a_route_that_is_no_list_is_refused():
    async def timing(request, call_next):
        return await call_next(request)

    with pytest.raises(TypeError) as exc:
        Microdot().get('/', middleware=timing)
    assert str(exc.value) == 'middleware is a list: middleware=[timing]'
    app = Microdot()
    app.get('/', middleware=(timing,))(lambda request: 'x')
    assert asyncio.run(TestClient(app).get('/')).text == 'x'


@pytest.mark.parametrize('prefix, pattern, path', [
    ('/blog/', '/posts', '/blog//posts'),
    ('/', '/', '//'),
    ('/blog/', '', None),
    ('/blog', '/posts', None),
    ('', '/posts', None),
    ('/blog', '//posts', None),
])
def test_a_prefix_that_ends_in_a_slash_is_warned_of(
        prefix, pattern, path, caplog):
    app = Microdot()
    blog = Microdot()
    with caplog.at_level(logging.WARNING, 'microdot.error'):
        app.mount(blog, prefix)
        blog.get(pattern)(one)
    said = [record.getMessage() for record in caplog.records]
    assert said == ([] if path is None else [
        "%s is a path with two slashes, since the prefix ends in one; write: "
        "app.mount(subapp, '%s')" % (path, prefix[:-1])])


@pytest.mark.parametrize('pieces, said', [
    (['a', {'b': 1}], "a dict in it, {'b': 1}; its pieces are text or bytes"),
    (['a', 5], 'an int in it, 5; its pieces are text or bytes'),
    (['a', None, 'b'], 'a NoneType in it, None; its pieces are'),
])
@pytest.mark.parametrize('kind', ['iterator', 'plain', 'async'])
def test_a_piece_that_cannot_be_sent_is_told_with_its_handler(
        kind, pieces, said, caplog):
    app = Microdot()

    @app.get('/iterator')
    async def iterator(request):
        return iter(pieces)

    @app.get('/plain')
    def plain(request):
        yield from pieces

    @app.get('/async')
    async def asynchronous(request):
        async def generate():
            for piece in pieces:
                yield piece
        return generate()

    with caplog.at_level(logging.ERROR, 'microdot'), \
            pytest.raises(TypeError, match='what is sent is text or bytes'):
        asyncio.run(TestClient(app).get('/' + kind))
    record, = [record for record in caplog.records
               if record.name == 'microdot.error']
    text = record.getMessage()
    assert record.exc_info is None
    assert re.match(r'handler .*\(.*test_mistakes\.py:\d+\) for GET /%s '
                    'returned a body with ' % kind, text)
    assert said in text


def test_a_message_that_cannot_be_sent_is_told_with_the_line_that_sends_it(
        caplog):
    app = Microdot()

    @app.get('/')
    @with_websocket
    async def view(request, ws):
        await ws.send({'a': 1})

    def page():
        yield

    with caplog.at_level(logging.ERROR, 'microdot'):
        asyncio.run(TestClient(app).websocket('/', page))
    record, = [record for record in caplog.records
               if record.name == 'microdot.error']
    assert 'what is sent is text or bytes; this is a dict' in \
        record.getMessage()
    assert record.exc_info[2].tb_frame.f_code.co_name == 'view'

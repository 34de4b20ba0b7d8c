"""What is the same rule for both adapters, called as their servers do."""

from unittest import mock

import pytest

import microdot
from calls import Answer, call
from microdot import abort, asgi, wsgi


class ASGI:
    """Asks an application through the adapter for ASGI."""

    module = asgi

    def ask(self, app, method='GET', path='/', query='', headers=()):
        """Return status, headers as pairs of text in lower case, body."""
        server = call(
            app, method=method, path=path, query_string=query.encode(),
            headers=[(b'host', b'a'), *headers])
        return server.status, [
            (name.decode().lower(), value.decode())
            for name, value in server.headers], server.body


class WSGI:
    """The same through the adapter for WSGI."""

    module = wsgi

    def ask(self, app, method='GET', path='/', query='', headers=()):
        answer = Answer(app, method, path, QUERY_STRING=query, **{
            'HTTP_' + name.decode().upper(): value.decode('latin-1')
            for name, value in headers})
        return answer.status, [
            (name.lower(), value) for name, value in answer.headers], \
            answer.body


@pytest.fixture(params=[ASGI, WSGI])
def way(request):
    return request.param()


@pytest.fixture
def app(way):
    app = way.module.Microdot()
    app.logged = []
    app.log_exception = lambda req, exc: app.logged.append(exc)
    yield app
    if way.module is wsgi:
        app.close()


def test_header_values_are_utf8_or_else_latin1(way, app):
    @app.get('/')
    async def index(request):
        return request.headers['a'] + request.headers['b']

    body = way.ask(app, headers=[
        (b'a', b'\xe2\x82\xac'), (b'b', b'\xff')])[2]
    assert body.decode() == '\u20ac\xff'


def test_there_is_no_body_for_head_and_some_statuses(way, app):
    closed = []

    class Pieces:
        def __aiter__(self):
            return self

        async def __anext__(self):
            raise AssertionError('a piece was asked for')

        async def aclose(self):
            closed.append(True)

    @app.get('/<int:status>')
    async def index(request, status):
        return Pieces() if request.args else 'hello', status, \
            {'Content-Type': 'text/html'}

    for query, lengths in (('', ['5']), ('stream=1', [])):
        for method, expected, length in (
                ('HEAD', 200, lengths), ('GET', 204, []), ('GET', 304, [])):
            status, headers, body = way.ask(
                app, method, '/%d' % expected, query)
            assert (status, body) == (expected, b'')
            assert [value for name, value in headers
                    if name == 'content-length'] == length
    assert closed == [True] * 3


@pytest.mark.parametrize('body', ['hello', ['hello']])
@pytest.mark.parametrize('headers', [
    {'X': 'a\r\nb: c'}, {'X\n': 'a'}, {'X': '\0'}, {'X y': 'a'},
    {'X': ['a', 'b\n']}])
def test_a_header_that_would_not_be_one_is_refused(way, app, body, headers):
    @app.get('/')
    async def index(request):
        return iter(body) if body == ['hello'] else body, headers

    status, headers, _ = way.ask(app)
    assert status == 500
    assert 'x' not in dict(headers)
    assert isinstance(app.logged[0], ValueError)


@pytest.mark.parametrize('length', [3, 5])
def test_a_body_that_is_not_of_its_length_is_an_error(way, app, length):
    @app.get('/')
    async def index(request):
        return iter(['ab', 'cd']), {'Content-Length': length}

    with pytest.raises(ValueError):
        way.ask(app)


def test_errors_are_answered(way, app):
    @app.get('/<int:status>')
    async def index(request, status):
        if status == 500:
            raise RuntimeError
        abort(status, 'sorry', {'X-Why': 'so'})

    assert way.ask(app, path='/500')[0] == 500
    status, headers, body = way.ask(app, path='/403')
    assert (status, body) == (403, b'sorry')
    assert ('x-why', 'so') in headers
    assert way.ask(app, path='/x')[0] == 404
    assert ('allow', 'GET, HEAD, OPTIONS') in way.ask(
        app, 'POST', '/1')[1]


def test_shutdown_ends_the_server_process(way, app):
    @app.get('/')
    async def index(request):
        request.app.shutdown()
        return 'bye'

    with mock.patch(way.module.__name__ + '.os.kill') as kill:
        assert way.ask(app)[2] == b'bye'
    assert kill.call_count == 1


def test_the_names_of_the_package_can_be_imported(way):
    for name in vars(microdot):
        value = getattr(microdot, name)
        if name[0] != '_' and name != 'Microdot' and \
                type(value).__name__ != 'module':
            assert getattr(way.module, name) is value
    assert issubclass(way.module.Microdot, microdot.Microdot)

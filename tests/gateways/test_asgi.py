"""The ASGI adapter, called as a server does."""

import asyncio
import gc
import json
import weakref
from unittest import mock

import pytest

from calls import PATIENCE_S, Server, call
from microdot.asgi import (
    Microdot,
    Request,
    Response,
    URLPattern,
    websocket_upgrade,
    with_websocket,
)
from microdot.microdot import HTTPException
from microdot.websocket import WebSocketError


def body(data, more=False):
    return {'type': 'http.request', 'body': data, 'more_body': more}


def post(app, *messages, length=None, **scope):
    headers = [(b'host', b'a')]
    if length is None:
        headers.append((b'transfer-encoding', b'chunked'))
    else:
        headers.append((b'content-length', str(length).encode()))
    return call(app, *messages, method='POST', headers=headers, **scope)


@pytest.fixture
def app():
    app = Microdot()
    app.logged = []
    app.log_exception = lambda req, exc: app.logged.append(exc)
    return app


def echo(app):
    @app.post('/')
    async def echo(request):
        return request.body

    return app


# ------------------------------------------------------------------ requests

def test_the_request_is_that_of_the_scope(app):
    seen = []

    @app.put('/a b/<name>')
    async def index(request, name):
        seen.append(request)
        return name

    server = call(
        app, method='PUT', path='/a b/c/d', raw_path=b'/a%20b/c%2Fd',
        query_string=b'x=1&y=%20', scheme='https', client=['1.2.3.4', 5],
        headers=[(b'host', b'example.com'), (b'x-foo-id', b'1'),
                 (b'cookie', b'a=b')])
    request, = seen
    assert server.body == b'c/d'
    assert request.url == '/a%20b/c%2Fd?x=1&y=%20'
    assert request.path == '/a b/c/d'
    assert request.query_string == 'x=1&y=%20'
    assert request.args == {'x': ['1'], 'y': [' ']}
    assert request.scheme == 'https'
    assert request.client_addr == ('1.2.3.4', 5)
    assert request.http_version == 'HTTP/1.1'
    assert request.asgi_scope is server.scope
    assert list(request.headers) == ['Host', 'X-Foo-Id', 'Cookie']
    assert request.headers['x-foo-id'] == '1'
    assert request.cookies == {'a': 'b'}
    assert request.app is app


def test_what_a_scope_may_lack_has_a_default(app):
    seen = []

    @app.get('/')
    async def index(request):
        seen.append(request)
        return 'hello'

    server = call(app, asgi=..., http_version=..., method=..., scheme=...,
                  raw_path=..., query_string=..., root_path=..., server=...,
                  headers=..., client=...)
    request, = seen
    assert server.body == b'hello'
    assert request.method == 'GET'
    assert request.scheme == 'http'
    assert request.client_addr is None
    assert request.url == '/'
    assert request.query_string is None
    assert request.headers == {}


def test_an_unknown_client_is_none(app):
    @app.get('/')
    async def index(request):
        return str(request.client_addr)

    assert call(app, client=None).body == b'None'


@pytest.mark.parametrize('path, raw, expected', [
    ('/a/b', b'/a%2Fb', '/a%2Fb'),
    ('/a/b', None, '/a/b'),
    ('/a/b', ..., '/a/b'),
    ('/a b?c', ..., '/a%20b%3Fc'),
    ('/100%', ..., '/100%25'),
    ('/100%', b'/100%25', '/100%25'),
    ('/\u20ac', ..., '/%E2%82%AC'),
    ('/\u20ac', '/\u20ac'.encode(), '/\u20ac'),
    ('/a', b'/a?b=c', '/a'),
    ('/changed', b'/as%20sent', '/changed'),
])
def test_the_url_is_as_the_client_sent_it(app, path, raw, expected):
    @app.get('/<path:path>')
    async def index(request, path):
        return [request.url, request.path]

    import json
    server = call(app, path=path, raw_path=raw)
    assert json.loads(server.body) == [expected, path]


def test_a_badly_encoded_path_is_refused(app):
    for raw in (b'/%zz', b'/%ff', b'/%00'):
        assert call(app, path='/x', raw_path=raw).status == 404
        path = raw.decode().replace('%00', '\0').replace('%ff', '\ufffd')
        assert call(app, path=path, raw_path=raw).status == 400


@pytest.mark.parametrize('root, path, raw, expected', [
    ('/root', '/root/a', b'/root/a', '/root /a'),
    ('/root/', '/root/a', b'/root/a', '/root /a'),
    ('root', '/root/a', b'/root/a', '/root /a'),
    ('/root', '/root', b'/root', '/root /'),
    ('/root', '/root/', b'/root/', '/root /'),
    ('/root', '/root/root-queue', b'/root/root-queue', '/root /root-queue'),
    ('/my app/x', '/my app/x/a', b'/my%20app/x/a%2Fb', '/my%20app/x /a/b'),
    ('/root', '/root/root/a', b'/root/root/a', '/root /root/a'),
    ('/root', '*', b'*', ' *'),
])
def test_the_root_path_is_not_part_of_the_path(
        app, root, path, raw, expected):
    @app.errorhandler(404)
    @app.errorhandler(405)
    async def index(request, path=''):
        assert request.url == raw.decode()
        return request.root_path + ' ' + request.path

    app.get('/')(index)
    app.get('/<path:path>')(index)
    if b'%2F' in raw:
        path = path + '/b'
    server = call(app, root_path=root, path=path, raw_path=raw)
    assert server.body.decode() == expected


@pytest.mark.parametrize('root, path, raw, expected', [
    ('/root', '/a', b'/a', '/root /a /root/a'),
    ('/root/', '/a', b'/a', '/root /a /root/a'),
    ('/root', '/', b'/', '/root / /root/'),
    ('/root', '/root-queue', b'/root-queue',
     '/root /root-queue /root/root-queue'),
    ('/my app', '/a', b'/a', '/my%20app /a /my%20app/a'),
    ('/a/b', '/a/b/c', b'/a%2Fb/c', '/a/b /a/b/c /a/b/a%2Fb/c'),
])
def test_the_root_path_may_have_been_taken_off_by_a_proxy(
        app, root, path, raw, expected):
    @app.get('/url/a')
    async def url(request):
        return request.url_for('url')

    @app.get('/')
    @app.get('/<path:path>')
    async def index(request, path=''):
        return ' '.join([request.root_path, request.path, request.url])

    server = call(app, root_path=root, path=path, raw_path=raw)
    assert server.body.decode() == expected
    answer = call(app, root_path='/root', path='/url/a')
    assert answer.body == b'http://a/root/url/a'


def test_redirects_to_the_other_slash_stay_below_the_root_path(app):
    seen = []

    @app.middleware
    async def watch(request, call_next):
        seen.append(request.root_path)
        return await call_next(request)

    app.redirect_slashes = True
    app.get('/a/')(lambda request: 'a')
    response = call(app, root_path='/root', path='/root/a',
                    raw_path=b'/root/a')
    assert response.status == 307
    assert (b'location', b'/root/a/') in [
        (name.lower(), value) for name, value in response.headers]
    assert seen == ['/root']
    assert call(app, root_path='/root', path='/root/b').status == 404


def test_a_route_may_name_the_root_path_too(app):
    @app.get('/root/a')
    async def index(request):
        return request.root_path + ' ' + request.path

    @app.get('/root')
    async def root(request):
        return 'root'

    @app.get('/root/c/')
    async def slash(request):
        return 'slash'

    assert call(app, root_path='/root', path='/root/a').body == b' /root/a'
    assert call(app, root_path='/root', path='/a').body == b' /root/a'
    assert call(app, root_path='/root', path='/root').body == b'root'
    for path in ('/root/b', '/root/', '/root/c'):
        assert call(app, root_path='/root', path=path).status == 404
    app.redirect_slashes = True
    answer = call(app, root_path='/root', path='/root/c')
    assert (b'location', b'/root/c/') in answer.headers
    answer = call(app, root_path='/root', path='/root/a', method='OPTIONS')
    assert (b'allow', b'GET, HEAD, OPTIONS') in answer.headers


def test_middleware_of_a_child_sees_routes_that_name_the_root_path(app):
    child = Microdot()
    seen = []

    @child.middleware
    async def watch(request, call_next):
        seen.append(request.path)
        return await call_next(request)

    child.get('/a')(lambda request: 'a')
    app.mount(child, '/root/child', local=True)
    assert call(app, root_path='/root', path='/root/child/a').body == b'a'
    assert seen == ['/root/child/a']


def test_a_type_of_parameter_that_fails_below_a_root_path_is_an_error(app):
    def fail(value):
        raise LookupError(value)

    app.errorhandler(LookupError)(lambda request, exc: (str(exc), 418))
    URLPattern.register_type('failing', parser=fail)
    try:
        app.get('/<failing:a>')(lambda request, a: a)
    finally:
        del URLPattern.segment_parsers['failing']
    answer = call(app, root_path='/root', path='/root/x')
    assert (answer.status, answer.body) == (418, b'x')


def test_a_route_below_a_root_path_is_looked_for_once(app):
    matched = []

    def watch(value):
        matched.append(value)
        return value

    URLPattern.register_type('watched', parser=watch)
    try:
        app.get('/<watched:a>')(lambda request, a: a)
    finally:
        del URLPattern.segment_parsers['watched']
    assert call(app, root_path='/root', path='/root/x').body == b'x'
    assert matched == ['x']


def test_all_lines_of_a_header_can_be_had(app):
    @app.get('/')
    async def index(request):
        return [request.headers.getlist(name) for name in
                ('X-A', 'x-b', 'X-C')] + [request.headers['X-A']]

    for _ in range(2):
        answer = call(app, headers=[
            (b'x-a', b'1, 2'), (b'x-b', b''), (b'x-a', b'3')])
        assert json.loads(answer.body) == [
            ['1, 2', '3'], [''], [], '1, 2, 3']


def test_repeated_headers_are_joined(app):
    @app.get('/')
    async def index(request):
        return [request.headers['X'], request.cookies]

    server = call(app, headers=[
        (b'x', b'1'), (b'cookie', b'a=b'), (b'X', b'2'), (b'cookie', b'c=d')])
    assert server.body == b'["1, 2", {"a": "b", "c": "d"}]'


@pytest.mark.parametrize('headers', [
    [(b'host', b'a'), (b'host', b'b')],
    [(b'host', b'a/b')],
    [(b'content-length', b'1'), (b'content-length', b'2')],
    [(b'content-length', b'1'), (b'transfer-encoding', b'chunked')],
    [(b'content-length', b'+1')],
    [(b'a b', b'c')],
    [(b'', b'c')],
])
def test_an_ambiguous_request_is_refused(app, headers):
    @app.get('/')
    async def index(request):
        return 'hello'

    server = call(app, headers=headers)
    assert server.status == 400
    assert (b'connection', b'close') in server.headers


def test_another_coding_is_refused(app):
    assert call(app, headers=[(b'transfer-encoding', b'gzip')]).status == 501


def test_the_state_of_the_lifespan_is_in_g(app):
    @app.get('/')
    async def index(request):
        return request.g.name

    assert call(app, state={'name': 'value'}).body == b'value'


# -------------------------------------------------------------------- bodies

def test_a_body_comes_in_pieces(app):
    echo(app)
    for length in (6, None):
        assert post(app, body(b'ab', True), body(b'', True),
                    body(b'cdef'), length=length).body == b'abcdef'


def test_the_fields_of_a_message_may_be_left_out(app):
    echo(app)
    server = post(app, {'type': 'http.request', 'more_body': True},
                  {'type': 'http.request', 'body': b'ab'}, length=2)
    assert server.body == b'ab'


def test_a_body_without_length_may_come_with_http_2(app):
    echo(app)
    assert call(app, body(b'ab', True), body(b'c'), method='POST',
                http_version='2').body == b'abc'
    assert call(app, body(b''), method='POST', http_version='2').body == b''


def test_nothing_is_received_before_it_is_wanted(app, monkeypatch):
    monkeypatch.setattr(Request, 'max_body_length', 16384)

    @app.post('/')
    async def index(request):
        return 'hello'

    assert post(app, length=2000000).status == 413
    app.before_request(lambda request: 'no')
    server = post(app, length=16385, path='/')
    assert server.received == 0
    assert call(app).received == 0


@pytest.mark.parametrize('size, status', [
    (99999, 200), (100000, 200), (100001, 413), (10 ** 9, 413)])
def test_a_declared_body_over_the_limit_is_refused(app, size, status):
    @app.post('/', max_content_length=100000)
    async def index(request):
        count = 0
        async for piece in request.stream:
            count += len(piece)
        return str(count)

    server = post(app, *[body(bytes(1000), True)] * 100, body(b''),
                  length=size)
    assert server.status == status
    assert (server.received == 0) == (status == 413)


@pytest.mark.parametrize('size, status', [
    (99999, 200), (100000, 200), (100001, 413), (1000000, 413)])
def test_a_body_without_length_over_the_limit_is_refused(app, size, status):
    @app.post('/', max_content_length=100000)
    async def index(request):
        count = 0
        async for piece in request.stream:
            count += len(piece)
        return str(count)

    pieces = [body(bytes(min(1000, size - i)), True)
              for i in range(0, size, 1000)]
    server = post(app, *pieces, body(b''))
    assert server.status == status
    assert server.received <= 102
    if status == 200:
        assert server.body == str(size).encode()


def test_the_stream_reads_as_the_built_in_servers_does(app):
    seen = []

    @app.post('/', max_content_length=100000)
    async def index(request):
        stream = request.stream
        seen.append(await stream.read(3))
        seen.append(await stream.readexactly(5))
        seen.append(await stream.readline())
        seen.append(await stream.readuntil(b';'))
        seen.append(await stream.read())
        seen.append(await stream.read(1))
        return 'ok'

    pieces = [body(b'abcde', True), body(b'fgh', True), body(b'line\nx', True),
              body(b'y;', True), body(bytes(20000), True), body(b'end')]
    for length in (None, 20018):
        del seen[:]
        assert post(app, *pieces, length=length).status == 200
        assert seen == [b'abc', b'defgh', b'line\n', b'xy;',
                        bytes(20000) + b'end', b'']


def test_a_client_that_leaves_within_a_body_is_not_answered(app, monkeypatch):
    monkeypatch.setattr(Request, 'max_body_length', 1000)
    ended = []

    @app.post('/', max_content_length=100000)
    async def index(request):
        try:
            await request.stream.read()
        finally:
            ended.append(True)

    for last in ({'type': 'http.disconnect'}, None):
        for length in (None, 50000):
            server = post(app, body(b'ab', True), last, length=length)
            assert server.sent == []
    assert len(ended) == 4
    assert app.logged == []


def test_silence_within_a_body_is_answered_with_408(app):
    app.stall_timeout = 0.02
    app.sweep_interval = 0.01

    @app.post('/')
    async def index(request):
        return 'hello'

    server = post(app, body(b'ab', True), length=4)
    assert server.status == 408
    assert (b'connection', b'close') in server.headers
    assert app.connections == set()


def test_a_body_that_drips_is_answered_with_408(app):
    app.min_rate = 100000
    app.rate_window = 0.05
    app.sweep_interval = 0.01

    @app.post('/')
    async def index(request):
        return 'hello'

    class Dripping(Server):
        async def receive(self):
            await asyncio.sleep(0.005)
            return body(b'a', True)

    server = Dripping(app, method='POST', headers=[
        (b'host', b'a'), (b'content-length', b'10000')])
    asyncio.run(server.run())
    assert server.status == 408
    assert app.connections == set()


# ----------------------------------------------------------------- responses

def test_a_plain_response_is_one_message_after_the_head(app):
    @app.get('/')
    async def index(request):
        return 'hello', {'X-Number': 5, 'Set-Cookie': ['a=b', 'c=d']}

    server = call(app)
    assert server.sent == [
        {'type': 'http.response.start', 'status': 200, 'headers': [
            (b'x-number', b'5'), (b'set-cookie', b'a=b'),
            (b'set-cookie', b'c=d'),
            (b'content-type', b'text/plain; charset=UTF-8'),
            (b'content-length', b'5')]},
        {'type': 'http.response.body', 'body': b'hello'}]


def test_heads_that_are_nearly_alike_are_not_confused(app):
    answers = [('a', 200, {'X': 1}), ('a', 200, {'X': True}),
               ('a', 200, {'X': 1.0}), ('a', 200, {'X': '1'}),
               ('a', 200, {'x': '1'}), ('b', 200, {'X': '2'}),
               ('ab', 200, {'X': '2'}), ('a', 204, {'X': '2'}),
               ('a', 201, {'X': '2'}), (None, 201, {'X': '2'}),
               ('a', 200, {'X': '2', 'Connection': 'close'})]

    @app.get('/<int:i>')
    async def index(request, i):
        return answers[i]

    for _ in range(2):
        for method in 'GET', 'HEAD':
            for i, (text, status, headers) in enumerate(answers):
                server = call(app, path='/%d' % i, method=method)
                got = {name.decode(): value.decode()
                       for name, value in server.headers}
                assert server.status == status
                assert got['x'] == str(headers.get('X', headers.get('x')))
                assert got.get('connection') == headers.get('Connection')
                bare = status == 204
                assert got.get('content-length') == (
                    None if bare else str(len(text or '')))
                assert server.body.decode() == (
                    '' if bare or method == 'HEAD' else text or '')
                assert ('content-type' in got) == (
                    not bare and text is not None)


def test_the_date_of_a_handler_is_kept(app):
    @app.get('/')
    async def index(request):
        return 'hello', {'Date': 'today'}

    assert [value for name, value in call(app).headers
            if name == b'date'] == [b'today']


def test_what_frames_a_response_is_left_to_the_server(app):
    @app.get('/')
    async def index(request):
        return iter(['a']), {'Transfer-Encoding': 'gzip', 'Keep-Alive': '5',
                             'Connection': 'close'}

    assert call(app).headers == [
        (b'content-type', b'text/plain; charset=UTF-8'),
        (b'connection', b'close')]
    assert call(app, body(b''), http_version='2').headers == [
        (b'content-type', b'text/plain; charset=UTF-8')]


def test_a_stream_is_sent_in_pieces(app):
    closed = []

    @app.get('/')
    async def index(request):
        async def pieces():
            try:
                yield 'a\u20ac'
                yield b''
                yield bytearray(b'b')
                yield memoryview(b'c')
            finally:
                closed.append(True)
        return pieces()

    server = call(app)
    assert [m['body'] for m in server.sent[1:]] == [
        'a\u20ac'.encode(), b'b', b'c', b'']
    assert server.body == 'a\u20acbc'.encode()
    assert closed == [True]


def test_a_file_like_object_is_read_to_its_end(app):
    class File:
        def __init__(self):
            self.pieces = [b're', b'sp', b'on', b'se', b'']

        async def read(self, size):
            return self.pieces.pop(0)

    @app.get('/')
    async def index(request):
        return File(), {'Content-Length': '8'}

    server = call(app)
    assert (b'content-length', b'8') in server.headers
    assert [m['body'] for m in server.sent[1:]] == [
        b're', b'sp', b'on', b'se', b'']


def test_a_file_has_a_length(app, tmp_path):
    path = tmp_path / 'file.txt'
    path.write_bytes(b'x' * 3000)

    @app.get('/')
    async def index(request):
        return Response.send_file(path)

    server = call(app)
    assert (b'content-length', b'3000') in server.headers
    assert server.body == b'x' * 3000
    server = call(app, method='HEAD')
    assert (b'content-length', b'3000') in server.headers
    assert server.body == b''


def test_a_bad_status_is_an_error(app):
    @app.get('/<int:status>')
    async def index(request, status):
        return 'hello', status

    for status in ('/100', '/0', '/600', '/99999'):
        assert call(app, path=status).status == 500


def test_an_error_within_a_stream_is_raised_to_the_server(app):
    @app.get('/')
    async def index(request):
        async def pieces():
            yield 'a'
            raise RuntimeError('too late')
        return pieces()

    async def main():
        server = Server(app)
        with pytest.raises(RuntimeError):
            await server.run()
        return server

    server = asyncio.run(main())
    assert server.sent[-1] == {
        'type': 'http.response.body', 'body': b'a', 'more_body': True}
    assert [str(exc) for exc in app.logged] == ['too late']


def test_a_handler_may_answer_by_itself(app):
    @app.get('/')
    async def index(request):
        receive, send = request.sock
        await send({'type': 'http.response.start', 'status': 202})
        await send({'type': 'http.response.body', 'body': b'mine'})
        assert (await receive())['type'] == 'http.request'
        return Response.already_handled

    server = call(app, body(b''))
    assert server.status == 202
    assert server.body == b'mine'


def test_what_follows_a_response_is_done_once_it_is_out(app):
    done = []

    @app.get('/')
    async def index(request):
        request.after_response(done.append, 1)
        return 'hello'

    async def main():
        server = Server(app)

        async def send(message):
            assert done == []
            server.sent.append(message)

        server.send = send
        await server.run()
        await app.finish_background()

    asyncio.run(main())
    assert done == [1]


# ------------------------------------------------------ clients that leave

class Waiting:
    """A body that waits after its first piece."""

    def __init__(self):
        self.begun = False
        self.ended = False

    async def pieces(self):
        try:
            yield 'first'
            self.begun = True
            await asyncio.sleep(60)
        finally:
            self.ended = True


def test_a_stream_ends_when_its_client_leaves(app):
    body_ = Waiting()

    @app.get('/')
    async def index(request):
        return body_.pieces()

    async def main(*messages):
        server = Server(app, *messages)
        task = asyncio.create_task(server.run())
        while not body_.begun:
            await asyncio.sleep(0)
        server.left.set()
        await asyncio.wait_for(task, PATIENCE_S)
        assert not getattr(task, 'cancelling', int)()
        assert body_.ended
        # a task of the application is not left behind
        await asyncio.sleep(0)
        assert asyncio.all_tasks() - {asyncio.current_task()} <= \
            {app.gateway.sweeping}

    for messages in ((), (body(b''),), (None,)):
        body_.begun = body_.ended = False
        asyncio.run(main(*messages))
    assert app.connections == set()
    assert app.logged == []


def test_a_server_that_repeats_itself_is_not_asked_forever(app):
    asked = []

    @app.get('/')
    async def index(request):
        async def pieces():
            for i in range(100):
                await asyncio.sleep(0)
                yield 'x'
        return pieces()

    async def main():
        server = Server(app)

        async def receive():
            asked.append(True)
            return body(b'')

        server.receive = receive
        return await server.run()

    assert asyncio.run(main()).body == b'x' * 100
    assert len(asked) < 20


def test_a_stream_is_not_watched_while_its_body_is_unread(app):
    @app.post('/', max_content_length=100000)
    async def index(request):
        async def pieces():
            yield 'got '
            async for piece in request.stream:
                yield piece
        return pieces()

    server = post(app, body(b'ab', True), body(b'cd'), length=None)
    assert server.status == 200


def test_a_cancellation_by_the_server_is_its_own(app):
    body_ = Waiting()

    @app.get('/')
    async def index(request):
        return body_.pieces()

    async def main():
        task = asyncio.create_task(Server(app).run())
        while not body_.begun:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert body_.ended

    asyncio.run(main())


def test_a_plain_handler_is_not_cancelled_but_can_ask(app):
    seen = []

    @app.get('/')
    async def index(request):
        seen.append(await request.is_disconnected())
        server.left.set()
        while not await request.is_disconnected():
            await asyncio.sleep(0)
        seen.append(await request.is_disconnected())
        return 'nobody'

    async def main():
        global server
        server = Server(app, body(b''))
        await server.run()

    asyncio.run(main())
    assert seen == [False, True]


def test_a_failure_of_send_means_that_the_client_has_left(app):
    body_ = Waiting()

    @app.get('/')
    async def index(request):
        return body_.pieces() if request.args else 'hello'

    async def main(query):
        server = Server(app, query_string=query)

        async def send(message):
            raise OSError('gone')

        server.send = send
        await server.run()

    asyncio.run(main(b''))
    asyncio.run(main(b'stream=1'))
    assert app.logged == []


def test_an_error_of_the_handlers_own_sockets_is_an_error(app):
    @app.get('/')
    async def index(request):
        raise OSError('mine')

    assert call(app).status == 500
    assert len(app.logged) == 1


@pytest.mark.parametrize('in_a_task', [False, True])
def test_a_websocket_that_does_not_read_is_given_up(app, in_a_task):
    app.stall_timeout = 0.02
    told = []

    @app.get('/')
    @with_websocket
    async def index(request, ws):
        sending = ws.send('a')
        try:
            if in_a_task:
                sending = asyncio.create_task(sending)
            await sending
        except WebSocketError as exc:
            told.append(exc.code)

    server = Server(app, {'type': 'websocket.connect'}, type='websocket')

    async def send(message):
        server.sent.append(message)
        if message['type'] == 'websocket.send':
            await asyncio.sleep(60)

    server.send = send
    asyncio.run(server.run())
    assert told == [1006]
    assert [message['type'] for message in server.sent] == [
        'websocket.accept', 'websocket.send']
    assert app.logged == []


@pytest.mark.parametrize('headers', [
    [], [(b'sec-websocket-protocol', b'a,  b')]])
def test_sub_protocols_are_known_also_where_the_header_is_not(app, headers):
    seen = []

    @app.before_request
    async def before(request):
        seen.append(sorted(request.headers))

    @app.get('/')
    @with_websocket(protocols=['b'])
    async def index(request, ws):
        seen.append(ws.protocol)

    server = Server(app, {'type': 'websocket.connect'}, type='websocket',
                    subprotocols=['a', 'b'],
                    headers=[(b'host', b'a')] + headers)
    asyncio.run(server.run())
    assert seen == [['Host', 'Sec-Websocket-Protocol'], 'b']
    assert server.sent[0]['subprotocol'] == 'b'


def test_a_websocket_is_accepted_once(app):
    @app.get('/')
    @with_websocket
    async def index(request, ws):
        await websocket_upgrade(request)

    server = Server(app, {'type': 'websocket.connect'}, type='websocket')
    asyncio.run(server.run())
    assert [message['type'] for message in server.sent] == [
        'websocket.accept', 'websocket.close']
    assert server.sent[1]['code'] == 1011
    assert len(app.logged) == 1


def test_a_client_that_does_not_read_is_given_up(app):
    app.stall_timeout = 0.02
    app.sweep_interval = 0.01
    closed = []

    @app.get('/')
    async def index(request):
        async def pieces():
            try:
                while True:
                    yield bytes(1000)
            finally:
                closed.append(True)
        return pieces() if request.args else bytes(100000)

    async def main(query):
        server = Server(app, query_string=query)

        async def send(message):
            server.sent.append(message)
            if len(server.sent) == 3 or message.get('body', b'')[1001:]:
                await asyncio.sleep(60)

        server.send = send
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(
            lambda loop, context: app.logged.append(context))
        await server.run()
        await asyncio.sleep(0)
        gc.collect()  # would tell of tasks that have failed unnoticed

    asyncio.run(main(b'stream=1'))
    asyncio.run(main(b''))
    assert closed == [True]
    assert app.logged == []
    assert app.connections == set()


def test_a_client_of_http_2_that_takes_nothing_is_given_up(app):
    app.stall_timeout = 0.02
    app.sweep_interval = 0.01
    done = []

    @app.get('/')
    async def index(request):
        request.after_response(done.append, True)
        return 'short'

    async def main():
        server = Server(app, body(b''), http_version='2')

        async def send(message):
            if message['type'] == 'http.response.body':
                await asyncio.sleep(60)

        server.send = send
        await server.run()
        await app.finish_background()

    asyncio.run(main())
    assert done == [True]
    assert app.logged == []


def test_a_client_that_is_known_to_have_left_is_sent_nothing(app):
    done = []

    @app.get('/')
    async def index(request):
        request.after_response(done.append, True)
        while not await request.is_disconnected():
            await asyncio.sleep(0)
        return 'to nobody'

    async def main():
        server = Server(app)
        server.left.set()
        await server.run()
        await app.finish_background()
        assert server.sent == []

    asyncio.run(main())
    assert done == [True]


# ------------------------------------------------------------------ lifespan

class Lifespan:
    """The server's side of a lifespan."""

    def __init__(self, app, state=...):
        self.app = app
        self.messages = ['startup', 'shutdown']
        self.sent = []
        self.scope = {'type': 'lifespan'}
        if state is not ...:
            self.scope['state'] = state

    async def receive(self):
        return {'type': 'lifespan.' + self.messages.pop(0)}

    async def send(self, message):
        self.sent.append(message)

    def run(self):
        asyncio.run(self.app(self.scope, self.receive, self.send))
        return self.sent


def test_the_lifespan_runs_the_handlers_in_order(app):
    calls = []

    async def opened(scope):
        scope['state']['db'] = 1
        calls.append('opened')

    async def closed(scope):
        assert scope['state'] == {'db': 1}
        calls.append('closed')

    app.lifespan_startup = opened
    app.lifespan_shutdown = closed
    app.on_startup(lambda: calls.append(1))

    @app.on_startup
    async def two():
        calls.append(2)

    app.on_shutdown(lambda: calls.append(-1))
    app.on_shutdown(lambda: calls.append(-2))
    assert Lifespan(app, {}).run() == [
        {'type': 'lifespan.startup.complete'},
        {'type': 'lifespan.shutdown.complete'}]
    assert calls == ['opened', 1, 2, 'closed', -2, -1]


def test_a_lifespan_may_do_nothing(app):
    assert Lifespan(app).run() == [
        {'type': 'lifespan.startup.complete'},
        {'type': 'lifespan.shutdown.complete'}]


def test_failures_of_the_lifespan_are_reported(app):
    async def opened(scope):
        scope['scope']

    async def closed(scope):
        1 / 0

    app = Microdot(lifespan_startup=opened, lifespan_shutdown=closed)
    app.log_exception = lambda req, exc: None
    assert Lifespan(app).run() == [
        {'type': 'lifespan.startup.failed', 'message': "KeyError('scope')"},
        {'type': 'lifespan.shutdown.failed',
         'message': "ZeroDivisionError('division by zero')"}]


def test_a_handler_that_fails_at_start_stops_what_has_begun(app):
    calls = []

    @app.on_startup
    def one():
        calls.append('one')

    @app.on_startup
    def two():
        raise RuntimeError('two')

    @app.on_startup
    def three():
        calls.append('three')

    app.on_shutdown(lambda: calls.append('stop'))
    assert Lifespan(app).run() == [
        {'type': 'lifespan.startup.failed', 'message': "RuntimeError('two')"},
        {'type': 'lifespan.shutdown.complete'}]
    assert calls == ['one', 'stop']
    assert len(app.logged) == 1


def test_a_handler_that_fails_at_the_end_does_not_keep_others(app):
    calls = []
    app.on_shutdown(lambda: calls.append('first'))

    @app.on_shutdown
    def last():
        raise RuntimeError('last')

    assert Lifespan(app).run()[1] == {
        'type': 'lifespan.shutdown.failed', 'message': "RuntimeError('last')"}
    assert calls == ['first']


def test_without_a_lifespan_the_first_request_starts(app):
    calls = []

    @app.on_startup
    async def start():
        calls.append('begin')
        await asyncio.sleep(0)
        if len(calls) == 1:
            raise RuntimeError('not yet')
        calls.append('end')

    @app.get('/')
    async def index(request):
        calls.append('request')
        return 'hello'

    async def main():
        with pytest.raises(RuntimeError):
            await Server(app).run()
        await asyncio.gather(*[Server(app).run() for _ in range(3)])

    asyncio.run(main())
    assert calls == ['begin', 'begin', 'end'] + ['request'] * 3


def test_an_unknown_scope_is_an_error(app):
    with pytest.raises(ValueError):
        call(app, type='smoke signals')


# ------------------------------------------------------------------ the rest

def test_shutdown_ends_the_built_in_server():
    app = Microdot()

    @app.on_startup
    def end():
        assert app.embedded_server
        app.shutdown()

    with mock.patch('microdot.asgi.os.kill') as kill:
        app.run('127.0.0.1', 0)
    assert kill.call_count == 0
    assert not app.embedded_server


def test_limits_are_those_of_the_core():
    assert Request.max_content_length == 1024 * 1024
    assert issubclass(HTTPException, Exception)


@pytest.mark.parametrize('messages', [
    [], [{'type': 'http.request', 'body': b'a' * 9, 'more_body': False}]])
def test_a_request_leaves_nothing_to_the_garbage_collector(messages):
    app = Microdot()
    seen = []

    @app.route('/', methods=['GET', 'POST'])
    async def index(request):
        seen.append(weakref.ref(request))
        return request.body

    headers = [(b'host', b'a')]
    if messages:
        headers.append((b'content-length', b'9'))

    async def main():
        server = await Server(app, *messages, headers=headers).run()
        assert server.body == b'a' * 9 * len(messages)

    gc.collect()
    gc.disable()
    try:
        asyncio.run(main())
        assert seen[0]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize('length', [3, 5])
def test_no_more_is_sent_than_was_said(app, length):
    @app.get('/')
    async def index(request):
        return iter(['ab', 'cd']), {'Content-Length': length}

    async def main():
        server = Server(app)
        with pytest.raises(ValueError):
            await server.run()
        assert server.sent[-1].get('more_body')
        assert sum(len(m['body']) for m in server.sent[1:]) <= length

    asyncio.run(main())

"""Applications of others, mounted into ours."""

import asyncio
import concurrent.futures
import threading
from wsgiref.simple_server import demo_app
from wsgiref.validate import validator

import asgiref.wsgi
import pytest
import uvicorn.middleware.wsgi

import microdot.asgi
import microdot.wsgi
from microdot import Microdot, Request
from microdot.foreign import asgi_app, wsgi_app
from microdot.test_client import TestClient

PATIENCE = 30


class App(Microdot):
    def __init__(self):
        super().__init__()
        self.logged = []

    def log_exception(self, request, exc):
        self.logged.append(repr(exc))


def other(module):
    """Make an application for a server, by which all is shown."""
    app = module.Microdot()

    @app.get('/missing')
    async def missing(request):
        return 'not here', 404, {'Content-Type': 'text/x'}

    @app.get('/stream')
    async def stream(request):
        async def pieces():
            for number in range(3):
                yield 'piece %d\n' % number
        return pieces()

    @app.route('/', methods=['GET', 'POST'])
    @app.route('/<path:rest>', methods=['GET', 'POST'])
    async def show(request, rest=''):
        return {
            'path': request.path, 'root': request.root_path,
            'query': request.query_string, 'method': request.method,
            'host': request.host, 'seen': request.headers.get('X-Seen'),
            'client': request.client_addr and request.client_addr[0],
            'body': len(await request.stream.read())}, {
                'Set-Cookie': ['a=b', 'c=d'], 'X-Other': 'yes'}

    return app


microdot_wsgi = microdot.wsgi.Microdot()


@microdot_wsgi.route('/<path:path>', methods=['GET', 'POST', 'OPTIONS'])
async def shown(request, path):
    return [request.method, path, request.root_path, request.query_string]


MADE = {
    'asgi': lambda: asgi_app(other(microdot.asgi)),
    'wsgi': lambda: wsgi_app(other(microdot.wsgi))}


@pytest.fixture(params=MADE)
def app(request):
    app = App()
    app.mount(MADE[request.param](), '/x')
    return app


def ask(app, path, method='GET', **options):
    async def run():
        async with TestClient(app) as client:
            return await asyncio.wait_for(
                client.request(method, path, **options), PATIENCE)
    return asyncio.run(run())


@pytest.mark.parametrize('path, inner', [
    ('/x/', '/'), ('/x/a/b', '/a/b'), ('/x/a%20b/%C3%A4', '/a b/ä'),
    ('/x/a?q=1&r=%20', '/a')])
def test_it_answers_what_is_below_its_prefix(app, path, inner):
    res = ask(app, path, headers={'X-Seen': 'ü', 'Host': 'example.com:81'})
    assert res.status_code == 200
    assert res.json == {
        'path': inner, 'root': '/x', 'method': 'GET', 'body': 0, 'seen': 'ü',
        'query': path.partition('?')[2] or None, 'host': 'example.com:81',
        'client': res.json['client']}
    assert res.headers['X-Other'] == 'yes'
    assert list(res.headers.getlist('Set-Cookie')) == ['a=b', 'c=d']


@pytest.mark.parametrize('host, name, port', [
    ('example.com', 'example.com', '80'), ('a:81', 'a', '81'),
    ('[::1]', '[::1]', '80'), ('[::1]:81', '[::1]', '81'),
    (None, 'localhost', '80')])
def test_the_server_has_a_name(host, name, port):
    def inner(environ, start):
        start('200 OK', [])
        return ['{SERVER_NAME} {SERVER_PORT}'.format(**environ).encode()]

    async def talk(app):
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        task = asyncio.create_task(server.serve_forever())
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname()[:2])
        writer.write(('GET /x/ HTTP/1.0\r\n%s\r\n' % (
            'Host: %s\r\n' % host if host else '')).encode())
        answer = await reader.read()
        writer.close()
        app.shutdown()
        await task
        return answer

    app = App()
    app.mount(wsgi_app(inner), '/x')
    answer = asyncio.run(asyncio.wait_for(talk(app), PATIENCE))
    assert answer.endswith(('\r\n\r\n%s %s' % (name, port)).encode())


@pytest.mark.parametrize('prefix, path, place', [
    ('', '/', ('', '/')), ('', '/a/b', ('', '/a/b')), ('/', '/', ('', '/')),
    ('/', '/a', ('', '/a')), ('/x', '/x', ('/x', '')),
    ('/x', '/x/', ('/x', '/')), ('/x', '/x/a%2Fb', ('/x', '/a/b')),
    ('/x', '/x//a', ('/x', '//a'))])
@pytest.mark.parametrize('host', [None, 'example.com'])
def test_it_knows_its_place(prefix, path, place, host):
    async def asgi(scope, receive, send):
        if scope['type'] == 'http':
            root = scope['root_path']
            assert scope['path'].startswith(root)
            await send({'type': 'http.response.start', 'status': 200})
            await send({'type': 'http.response.body', 'body': repr((
                root, scope['path'][len(root):])).encode()})

    def wsgi(environ, start):
        start('200 OK', [])
        return [repr((environ['SCRIPT_NAME'], environ['PATH_INFO'])).encode()]

    for inner in asgi_app(asgi), wsgi_app(wsgi):
        app = App()
        app.get('/mine')(lambda request: 'mine')
        app.mount(inner, prefix, host=host)
        res = ask(app, path, headers={'Host': 'example.com'})
        assert (res.status_code, res.text) == (200, repr(place))
        if not host:  # those of a host come first
            assert ask(app, '/mine').text == 'mine'


def test_others_paths_are_not_its(app):
    assert ask(app, '/y').status_code == 404
    assert ask(app, '/xy').status_code == 404


@pytest.mark.parametrize('size', [1, 100000, 1000000])
def test_bodies_reach_it(app, size):
    res = ask(app, '/x/a', 'POST', body=b'x' * size)
    assert (res.json['body'], res.json['method']) == (size, 'POST')


def test_limits_apply(app):
    res = ask(app, '/x/a', 'POST', body=b'x' * (
        Request.max_content_length + 1))
    assert res.status_code == 413
    res = ask(app, '/x/../a')
    assert res.status_code == 404


def test_streams_arrive(app):
    res = ask(app, '/x/stream')
    assert res.text == 'piece 0\npiece 1\npiece 2\n'


def test_its_errors_are_its_own(app):
    @app.errorhandler(404)
    async def not_found(request):
        return 'ours', 404

    res = ask(app, '/x/missing')
    assert (res.status_code, res.text) == (404, 'not here')
    assert res.headers['Content-Type'].startswith('text/x')


def test_hooks_run_before_and_after_it(app):
    @app.before_request
    async def before(request):
        if request.path.endswith('/secret'):
            return 'no', 403

    @app.after_request
    async def after(request, response):
        response.headers['X-Ours'] = request.path

    res = ask(app, '/x/a')
    assert (res.status_code, res.headers['X-Ours']) == (200, '/x/a')
    assert ask(app, '/x/secret').status_code == 403


def test_a_head_has_no_body(app):
    res = ask(app, '/x/a', 'HEAD')
    assert (res.status_code, res.body or b'') == (200, b'')


def test_a_prefix_may_have_parameters():
    app = App()
    app.mount(asgi_app(other(microdot.asgi)), '/<tenant>/api')
    res = ask(app, '/blue/api/a')
    assert (res.json['root'], res.json['path']) == ('/blue/api', '/a')


# ------------------------------------------------------------------- failures

async def silent(scope, receive, send):
    pass


async def failing(scope, receive, send):
    raise ValueError('oops')


async def leaving(scope, receive, send):
    raise SystemExit(3)


async def cancelled(scope, receive, send):
    raise asyncio.CancelledError  # of something else that it waited for


async def confused(scope, receive, send):
    await send({'type': 'http.response.body', 'body': b'a'})


async def broken(scope, receive, send):
    await send({'type': 'http.response.start', 'status': 200})
    await send({'type': 'http.response.body', 'body': b'a',
                'more_body': True})
    raise ValueError('oops')


@pytest.mark.parametrize('inner, logged', [
    (silent, 'has not answered'), (failing, "ValueError('oops')"),
    (leaving, 'SystemExit(3)'), (cancelled, 'CancelledError()'),
    (confused, 'http.response.body came')])
def test_asgi_failures_are_errors_of_ours(inner, logged):
    app = App()
    app.mount(asgi_app(inner), '/x')
    res = ask(app, '/x/')
    assert res.status_code == 500
    assert len(app.logged) == 1
    assert logged in app.logged[0]


def test_a_body_that_is_refused_is_not_left_to_it(monkeypatch):
    # it knows the exceptions of its own framework alone
    app = App()
    ended = []

    async def inner(scope, receive, send):
        if scope['type'] != 'http':
            return
        message = {'more_body': True}
        while message.get('more_body'):
            message = await receive()
        ended.append((message['type'], (await receive())['type']))
        await send({'type': 'http.response.start', 'status': 500})
        await send({'type': 'http.response.body', 'body': b'what?'})

    app.mount(asgi_app(inner), '/x')
    monkeypatch.setattr(Request, 'max_content_length', 100)
    monkeypatch.setattr(Request, 'max_body_length', 10)  # on the stream

    @app.errorhandler(413)
    async def too_large(request):
        return 'ours', 413

    async def talk(data):
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        task = asyncio.create_task(server.serve_forever())
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname()[:2])
        writer.write(b'POST /x/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n'
                     b'Transfer-Encoding: chunked\r\n\r\n' + data)
        answer = await reader.read()
        writer.close()
        app.shutdown()
        await task
        return answer

    for data, status, body in (
            (b'65\r\n' + b'x' * 101 + b'\r\n', b'413', b'ours'),
            (b'5\r\nabcdefg\r\n', b'400', b'Bad request')):
        answer = asyncio.run(asyncio.wait_for(talk(data), PATIENCE))
        head, _, rest = answer.partition(b'\r\n\r\n')
        assert (head[9:12], rest) == (status, body)
    assert ended == [('http.disconnect', 'http.disconnect')] * 2
    assert app.logged == []


def test_what_follows_the_response_is_not_its_body(monkeypatch):
    # Some applications read on while they answer, to hear of the client.
    monkeypatch.setattr(Request, 'max_body_length', 10)
    told = []

    async def inner(scope, receive, send):
        if scope['type'] != 'http':
            return
        if scope['path'] == '/x/early':
            reader = asyncio.create_task(receive())
            await asyncio.sleep(0)
            await send({'type': 'http.response.start', 'status': 200})
            await send({'type': 'http.response.body', 'body': b'early'})
            told.append(await reader)
            told.append(await receive())
            return
        message = {'more_body': True}
        data = b''
        while message['more_body']:
            message = await receive()
            data += message['body']
        await send({'type': 'http.response.start', 'status': 200})
        await send({'type': 'http.response.body', 'body': data})

    app = App()
    app.drain_timeout = PATIENCE  # what follows may be late
    app.mount(asgi_app(inner), '/x')

    async def run():
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        task = asyncio.create_task(server.serve_forever())
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname()[:2])
        writer.write(b'POST /x/early HTTP/1.1\r\nHost: a\r\n'
                     b'Content-Length: 30\r\n\r\n')
        await reader.readuntil(b'early')
        while len(told) < 2:
            await asyncio.sleep(0)
        writer.write(b'a' * 30 + b'POST /x/ HTTP/1.1\r\nHost: a\r\n'
                     b'Content-Length: 40\r\n\r\n' + b'b' * 20)
        await writer.drain()
        writer.write(b'c' * 20)
        await reader.readuntil(b'b' * 20 + b'c' * 20)
        writer.close()
        app.shutdown()
        await task

    asyncio.run(asyncio.wait_for(run(), PATIENCE))
    assert told == [{'type': 'http.disconnect'}] * 2
    assert app.logged == []


def test_a_client_that_cuts_its_body_is_told(monkeypatch):
    monkeypatch.setattr(Request, 'max_body_length', 10)
    told = []

    async def inner(scope, receive, send):
        if scope['type'] == 'http':
            while not told or told[-1]['type'] == 'http.request':
                told.append(await receive())

    app = App()
    app.mount(asgi_app(inner), '/x')

    async def run():
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        task = asyncio.create_task(server.serve_forever())
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname()[:2])
        writer.write(b'POST /x/ HTTP/1.1\r\nHost: a\r\n'
                     b'Content-Length: 1000000\r\n\r\nabc')
        writer.write_eof()
        assert await reader.read() == b''
        writer.close()
        app.shutdown()
        await task

    asyncio.run(asyncio.wait_for(run(), PATIENCE))
    assert told[-1] == {'type': 'http.disconnect'}
    assert b''.join(each.get('body', b'') for each in told) == b'abc'
    assert app.logged == []


def test_a_failure_in_the_middle_ends_the_body():
    app = App()
    app.mount(asgi_app(broken), '/x')
    with pytest.raises(ValueError, match='chunk'):
        ask(app, '/x/')
    assert app.logged == ["ValueError('oops')"]


@pytest.mark.parametrize('inner, logged', [
    (lambda environ, start: [], 'has not answered'),
    (lambda environ, start: 1 // 0, 'ZeroDivisionError')])
def test_wsgi_failures_are_errors_of_ours(inner, logged):
    app = App()
    app.mount(wsgi_app(inner), '/x')
    assert ask(app, '/x/').status_code == 500
    assert len(app.logged) == 1
    assert logged in app.logged[0]


# ------------------------------------------------------------------------ wsgi

def ask_wsgi(inner, **options):
    app = App()
    app.mount(wsgi_app(inner), '/x')
    return ask(app, '/x/', **options)


def test_what_is_written_comes_first():
    def inner(environ, start):
        write = start('201 Made', [('Content-Type', 'text/x')])
        write(b'a')
        write(b'b')
        return [b'c']

    res = ask_wsgi(inner)
    assert (res.status_code, res.body) == (201, b'abc')


@pytest.mark.parametrize('pieces', [[b'a', b'b'], [b'', b'ab'], []])
def test_what_it_returns_is_closed(pieces):
    closed = []

    class Result:
        def __iter__(self):
            return iter(pieces)

        def close(self):
            closed.append(True)

    def inner(environ, start):
        start('200 OK', [])
        return Result()

    assert (ask_wsgi(inner).body or b'') == b''.join(pieces)
    assert closed == [True]


def test_what_fails_is_closed():
    closed = []

    class Result:
        def __init__(self, pieces):
            self.pieces = pieces

        def __iter__(self):
            return self.pieces

        def close(self):
            closed.append(True)

    def inner(environ, start):
        return Result(iter([b'without a start']))

    assert ask_wsgi(inner).status_code == 500

    def fails():
        raise ValueError('oops')
        yield b''

    def inner_2(environ, start):
        start('200 OK', [])
        return Result(fails())

    assert ask_wsgi(inner_2).status_code == 500
    assert closed == [True, True]


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
@pytest.mark.parametrize('make', [
    lambda: wsgi_app(validator(demo_app)),
    lambda: asgi_app(asgiref.wsgi.WsgiToAsgi(demo_app)),
    lambda: asgi_app(uvicorn.middleware.wsgi.WSGIMiddleware(demo_app)),
    lambda: wsgi_app(validator(microdot_wsgi))])
@pytest.mark.parametrize('method', ['GET', 'HEAD', 'POST', 'OPTIONS'])
def test_applications_and_validators_of_others(make, method, capsys):
    app = App()
    app.mount(make(), '/x')
    res = ask(app, '/x/a/b?q=1', method,
              body=b'abc' if method == 'POST' else None)
    assert (res.status_code, app.logged) == (200, [])
    if method == 'HEAD':
        assert not res.body
    else:
        for text in 'a/b', 'q=1', '/x', method:
            assert text in res.text
    assert capsys.readouterr().err == ''


def test_a_start_can_be_taken_back():
    def inner(environ, start):
        start('200 OK', [])
        try:
            raise ValueError('oops')
        except ValueError as exc:
            start('503 Later', [('X-Why', 'so')],
                  (type(exc), exc, exc.__traceback__))
        return [b'later']

    res = ask_wsgi(inner)
    assert (res.status_code, res.body, res.headers['X-Why']) == (
        503, b'later', 'so')


def test_underscores_do_not_pass_for_dashes():
    def inner(environ, start):
        start('200 OK', [])
        return [environ.get('HTTP_X_USER', 'nobody').encode()]

    assert ask_wsgi(inner, headers={'X_User': 'root'}).body == b'nobody'
    assert ask_wsgi(inner, headers={'X-User': 'ada'}).body == b'ada'


# -------------------------------------------------------------------- lifespan

class Lived:
    """An ASGI application that tells of its life."""

    def __init__(self, answer='complete', **more):
        self.answer = answer
        self.more = more
        self.told = []

    async def __call__(self, scope, receive, send):
        if scope['type'] == 'lifespan':
            scope['state']['key'] = 'value'
            while True:
                kind = (await receive())['type']
                self.told.append(kind)
                await send(dict(self.more, type='%s.%s' % (
                    kind, self.answer)))
                if kind == 'lifespan.shutdown':
                    return
        await send({'type': 'http.response.start', 'status': 200})
        await send({'type': 'http.response.body',
                    'body': scope['state']['key'].encode()})
        await receive()
        self.told.append((await receive())['type'])


def test_its_lifespan_is_that_of_ours():
    app = App()
    inner = Lived()
    app.mount(asgi_app(inner), '/x')
    for _ in range(2):
        assert ask(app, '/x/').body == b'value'
    assert inner.told == ['lifespan.startup', 'http.disconnect',
                          'lifespan.shutdown'] * 2
    assert app.logged == []


def test_a_start_that_fails_keeps_ours_from_starting():
    app = App()
    app.mount(asgi_app(Lived('failed', message='no sensor')), '/x')
    with pytest.raises(RuntimeError, match='no sensor'):
        ask(app, '/x/')


@pytest.mark.parametrize('error, said', [
    (ValueError('no power'), "ValueError('no power')"),
    (SystemExit(3), 'ended with SystemExit(3)'),
    (asyncio.CancelledError(), 'ended with CancelledError()'), (None, None)])
@pytest.mark.parametrize('at_once', [True, False])
def test_an_end_that_fails_is_told(error, said, at_once):
    app = App()

    async def inner(scope, receive, send):
        if scope['type'] == 'lifespan':
            await receive()
            await send({'type': 'lifespan.startup.complete'})
            if not at_once:
                await receive()
            if error:
                raise error
        else:
            await send({'type': 'http.response.start', 'status': 200})
            await send({'type': 'http.response.body', 'body': b'a'})

    app.mount(asgi_app(inner), '/x')
    if error:
        with pytest.raises((ValueError, RuntimeError)) as caught:
            ask(app, '/x/')
        assert said in repr(caught.value)
    else:
        assert ask(app, '/x/').body == b'a'
        assert app.logged == []


def test_work_after_the_response_does_not_hold_it_up():
    app = App()
    answered = asyncio.Event()
    told = []

    async def inner(scope, receive, send):
        if scope['type'] == 'lifespan':
            raise ValueError('not known')
        await send({'type': 'http.response.start', 'status': 200})
        await send({'type': 'http.response.body', 'body': b'a'})
        await answered.wait()
        told.append('done')
        raise ValueError('late')

    app.mount(asgi_app(inner), '/x')

    async def run():
        async with TestClient(app) as client:
            res = await asyncio.wait_for(client.get('/x/'), PATIENCE)
            answered.set()
            while not app.logged:
                await asyncio.sleep(0)
            return res

    assert asyncio.run(asyncio.wait_for(run(), PATIENCE)).body == b'a'
    assert (told, app.logged) == (['done'], ["ValueError('late')"])


@pytest.mark.parametrize('pieces', [[b'a'], [b'a', b'b']])
@pytest.mark.parametrize('steps', [0, 1, 3])
def test_a_failure_after_the_response_is_logged(pieces, steps):
    # as frameworks do that have answered it with their own 500
    app = App()

    async def inner(scope, receive, send):
        if scope['type'] == 'lifespan':
            return
        await send({'type': 'http.response.start', 'status': 500})
        for piece in pieces:
            await send({'type': 'http.response.body', 'body': piece,
                        'more_body': piece != pieces[-1]})
        for _ in range(steps):
            await asyncio.sleep(0)
        raise ValueError('late')

    app.mount(asgi_app(inner), '/x')

    async def run():
        async with TestClient(app) as client:
            res = await client.get('/x/')
            while not app.logged:
                await asyncio.sleep(0)
            return res

    res = asyncio.run(asyncio.wait_for(run(), PATIENCE))
    assert (res.status_code, res.body) == (500, b''.join(pieces))
    assert app.logged == ["ValueError('late')"]


@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_shutting_down_waits_for_work_after_the_response(method):
    app = App()
    told = []

    async def inner(scope, receive, send):
        if scope['type'] == 'lifespan':
            return
        await send({'type': 'http.response.start', 'status': 200})
        for more in True, True, False:  # (of a HEAD nobody takes them)
            await send({'type': 'http.response.body', 'body': b'a',
                        'more_body': more})
        told.append((await receive())['type'])
        told.append((await receive())['type'])
        await asyncio.sleep(0.05)
        told.append('done')

    app.mount(asgi_app(inner), '/x')
    res = ask(app, '/x/', method)
    assert (res.status_code, res.body or b'') == (
        200, b'aaa' if method == 'GET' else b'')
    assert told[-2:] == ['http.disconnect', 'done']
    assert app.logged == []


@pytest.mark.parametrize('sends', [False, True])
@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_work_that_never_ends_is_cancelled(method, sends):
    app = App()
    app.shutdown_timeout = 0.05
    ended = []

    async def inner(scope, receive, send):
        if scope['type'] == 'lifespan':
            return
        await send({'type': 'http.response.start', 'status': 200})
        await send({'type': 'http.response.body', 'body': b'a',
                    'more_body': method == 'HEAD'})
        try:
            while sends:
                await send({'type': 'http.response.body', 'body': b'a',
                            'more_body': True})
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    app.mount(asgi_app(inner), '/x')
    assert ask(app, '/x/', method).status_code == 200
    assert (ended, app.logged) == ([True], [])


def test_an_end_that_is_cancelled_leaves_nothing():
    app = App()
    inner = Lived()
    ended = []

    async def busy(scope, receive, send):
        if scope['type'] == 'lifespan':
            return await inner(scope, receive, send)
        await send({'type': 'http.response.start', 'status': 200})
        await send({'type': 'http.response.body', 'body': b'a'})
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def live(answered):
        async with TestClient(app) as client:
            await client.get('/x/')
            answered.set()

    async def run():
        before = asyncio.all_tasks()
        answered = asyncio.Event()
        task = asyncio.create_task(live(answered))
        await answered.wait()
        while app.running:
            await asyncio.sleep(0)  # it has begun to end
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == before

    app.mount(asgi_app(busy), '/x')
    asyncio.run(asyncio.wait_for(run(), PATIENCE))
    assert ended == [True]
    assert inner.told == ['lifespan.startup', 'lifespan.shutdown']


def test_a_start_that_fails_leaves_nothing():
    app = App()
    inner = Lived('failed')
    app.mount(asgi_app(inner), '/x')

    async def run():
        with pytest.raises(RuntimeError):
            async with TestClient(app):
                pass
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(run()) == set()
    assert inner.told == ['lifespan.startup']


def test_an_application_in_two_of_ours_lives_twice():
    inner = Lived()
    mounted = asgi_app(inner)
    apps = App(), App()
    for app in apps:
        app.mount(mounted, '/x')

    async def run():
        before = asyncio.all_tasks()
        async with TestClient(apps[0]) as first:
            async with TestClient(apps[1]) as second:
                assert (await second.get('/x/')).body == b'value'
            assert inner.told.count('lifespan.shutdown') == 1
            assert (await first.get('/x/')).body == b'value'
        assert asyncio.all_tasks() == before

    asyncio.run(asyncio.wait_for(run(), PATIENCE))
    assert inner.told.count('lifespan.startup') == 2
    assert inner.told.count('lifespan.shutdown') == 2
    assert inner.told.count('http.disconnect') == 2
    assert [app.logged for app in apps] == [[], []]


def test_an_application_in_two_loops_lives_in_both():
    inner = Lived()
    mounted = asgi_app(inner)
    apps = App(), App()
    for app in apps:
        app.mount(mounted, '/x')
    # both have begun, one has ended while the other goes on
    begun = threading.Barrier(2)
    first_ended = threading.Event()
    bodies = []

    def serve(number):
        async def run():
            async with TestClient(apps[number]) as client:
                begun.wait(PATIENCE)
                bodies.append((await client.get('/x/')).body)
                if number:
                    first_ended.wait(PATIENCE)
                    bodies.append((await client.get('/x/')).body)

        asyncio.run(asyncio.wait_for(run(), PATIENCE))
        if not number:
            first_ended.set()

    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        list(threads.map(serve, range(2)))
    assert bodies == [b'value'] * 3
    assert inner.told.count('lifespan.startup') == 2
    assert inner.told.count('lifespan.shutdown') == 2
    assert inner.told.count('http.disconnect') == 3


@pytest.mark.parametrize('goes_on', [True, False])
def test_the_last_server_may_be_in_another_loop(goes_on):
    app = App()
    inner = Lived()
    app.mount(asgi_app(inner), '/x')
    started, alone, ended = [threading.Event() for _ in range(3)]
    bodies = []

    async def talk(server):
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname()[:2])
        writer.write(b'GET /x/ HTTP/1.0\r\n\r\n')
        bodies.append((await reader.read()).partition(b'\r\n\r\n')[2])
        writer.close()

    async def serve(count, until):
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        task = asyncio.create_task(server.serve_forever())
        while app.running != count:
            await asyncio.sleep(0)
        await talk(server)
        await until()
        server.close()
        await task

    async def first():
        async def other():
            threads.append(executor.submit(
                asyncio.run, asyncio.wait_for(second(), PATIENCE)))
            await asyncio.to_thread(started.wait, PATIENCE)

        await serve(1, other)
        if goes_on:
            alone.set()
            await asyncio.to_thread(ended.wait, PATIENCE)

    async def second():
        async def no_other():
            started.set()
            await asyncio.to_thread(alone.wait, PATIENCE)

        await serve(2, no_other)
        ended.set()

    threads = []
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        asyncio.run(asyncio.wait_for(first(), PATIENCE))
        alone.set()
        threads[0].result(PATIENCE)
    assert bodies == [b'value'] * 2
    # (a loop that is over has taken what lived in it along)
    assert inner.told.count('lifespan.shutdown') == goes_on


def test_a_client_that_leaves_ends_it():
    app = App()
    ended = []

    async def inner(scope, receive, send):
        if scope['type'] == 'lifespan':
            return
        await send({'type': 'http.response.start', 'status': 200})
        try:
            while True:
                await send({'type': 'http.response.body', 'body': b'a',
                            'more_body': True})
                await asyncio.sleep(0)
        finally:
            ended.append(True)

    app.mount(asgi_app(inner), '/x')

    async def run():
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        task = asyncio.create_task(server.serve_forever())
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname()[:2])
        writer.write(b'GET /x/ HTTP/1.1\r\nHost: a\r\n\r\n')
        await reader.readuntil(b'a')
        writer.transport.abort()
        while not ended:
            await asyncio.sleep(0.01)
        app.shutdown()
        await task

    asyncio.run(asyncio.wait_for(run(), PATIENCE))
    assert ended == [True]

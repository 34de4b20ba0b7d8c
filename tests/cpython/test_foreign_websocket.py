"""WebSockets of ASGI applications that are mounted into ours."""

import asyncio
import contextlib

import pytest

import microdot.asgi
from microdot import Microdot
from microdot.foreign import asgi_app
from microdot.test_client import TestClient, WebSocketClosed
from microdot.websocket import WebSocket, with_websocket

PATIENCE = 30
HANDSHAKE = (
    b'GET /x/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n'
    b'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
    b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')


class App(Microdot):
    def __init__(self, inner=None):
        super().__init__()
        self.logged = []
        if inner:
            self.mount(asgi_app(inner), '/x')

    def log_exception(self, request, exc):
        self.logged.append(repr(exc))


def serve(inner, check, path='/x/chat', app=None, **options):
    """Connect to an application, and return what a check of that returns.

    :param inner: a coroutine function ``(scope, receive, send)``, called for
                  WebSockets alone.
    :param check: one that is called with the open WebSocket.
    """
    async def whole(scope, receive, send):
        if scope['type'] == 'websocket':
            assert await receive() == {'type': 'websocket.connect'}
            await inner(scope, receive, send)

    app = app or App()
    app.mount(asgi_app(whole), '/x')

    async def run():
        async with TestClient(app) as client:
            async with client.websocket_connect(path, **options) as ws:
                return await check(ws)

    result = asyncio.run(asyncio.wait_for(run(), PATIENCE))
    return result, app


def refused(inner, app=None, **options):
    """Return the response to a handshake that fails, and what was logged."""
    async def check(ws):
        raise AssertionError('it is open')

    app = app or App()
    with pytest.raises(WebSocketClosed) as caught:
        serve(inner, check, app=app, **options)
    return caught.value.response, app.logged


async def accept(send, **more):
    await send(dict(more, type='websocket.accept'))


async def echo(scope, receive, send):
    await accept(send)
    while True:
        message = await receive()
        if message['type'] == 'websocket.disconnect':
            return
        await send(dict(message, type='websocket.send'))


def test_messages_go_both_ways():
    async def check(ws):
        found = []
        for message in ('text', 'ü', b'bytes', '', b'', 'x' * 70000):
            await ws.send(message)
            found.append(await ws.receive())
        return found

    assert serve(echo, check)[0] == [
        'text', 'ü', b'bytes', '', b'', 'x' * 70000]


def test_the_scope_is_that_of_a_websocket():
    seen = {}

    async def inner(scope, receive, send):
        seen.update(scope)
        await accept(send, subprotocol='b', headers=[
            (b'x-other', b'1'), (b'x-other', b'2')])

    async def check(ws):
        return ws.subprotocol, ws.response.headers.getlist('X-Other')

    found, _ = serve(inner, check, '/x/a%20b?q=1', headers={
        'Sec-WebSocket-Protocol': 'a, b', 'Host': 'example.com:81'})
    assert found == ('b', ['1, 2'])
    headers = dict(seen.pop('headers'))
    assert headers[b'sec-websocket-protocol'] == b'a, b'
    del seen['client']
    assert seen == {
        'type': 'websocket',
        'asgi': {'version': '3.0', 'spec_version': '2.4'},
        'http_version': '1.1', 'scheme': 'ws', 'path': '/x/a b',
        'raw_path': b'/x/a%20b', 'query_string': b'q=1', 'root_path': '/x',
        'server': ('example.com', 81), 'subprotocols': ['a', 'b'],
        'state': {}, 'extensions': {'websocket.http.response': {}}}


def test_a_protocol_that_nobody_has_asked_for_is_not_chosen():
    async def inner(scope, receive, send):
        await accept(send, subprotocol='b')

    async def check(ws):
        return ws.subprotocol

    assert serve(inner, check)[0] is None


def test_plain_requests_are_no_websockets():
    kinds = []

    async def inner(scope, receive, send):
        kinds.append(scope['type'])
        if scope['type'] == 'http':
            await send({'type': 'http.response.start', 'status': 200})
            await send({'type': 'http.response.body', 'body': b'page'})

    async def run():
        async with TestClient(App(inner)) as client:
            for headers in {}, {'Upgrade': 'h2c', 'Connection': 'Upgrade'}:
                assert (await client.get('/x/chat', headers)).text == 'page'

    asyncio.run(run())
    assert kinds == ['lifespan', 'http', 'http']


def test_our_own_adapter_can_be_mounted():
    inner = microdot.asgi.Microdot()

    @inner.get('/chat/<name>')
    @with_websocket
    async def chat(request, ws, name):
        await ws.send(name)
        async for message in ws:
            await ws.send(message)

    async def run():
        async with TestClient(App(inner)) as client:
            async with client.websocket_connect('/x/chat/ada') as ws:
                assert await ws.receive() == 'ada'
                await ws.send(b'a')
                assert await ws.receive() == b'a'
            with pytest.raises(WebSocketClosed) as caught:
                async with client.websocket_connect('/x/none'):
                    pass
            return caught.value.response.status_code

    assert asyncio.run(asyncio.wait_for(run(), PATIENCE)) == 404


# --------------------------------------------------------------------- the end

@pytest.mark.parametrize('message, code, reason', [
    ({}, 1000, ''), ({'code': 4001, 'reason': 'so long'}, 4001, 'so long'),
    ({'code': None, 'reason': None}, 1000, ''), (None, 1000, '')])
def test_it_can_close(message, code, reason):
    told = []

    async def inner(scope, receive, send):
        await accept(send)
        if message is None:
            return  # which closes too
        await send(dict(message, type='websocket.close'))
        told.append(await receive())

    async def check(ws):
        with pytest.raises(WebSocketClosed) as caught:
            await ws.receive()
        return caught.value.code, caught.value.reason

    found, app = serve(inner, check)
    assert found == (code, reason)
    assert app.logged == []
    if message is not None:
        assert told == [{'type': 'websocket.disconnect', 'code': code,
                         'reason': reason}]


def test_it_is_told_how_the_client_has_closed():
    told = []

    async def inner(scope, receive, send):
        await accept(send)
        told.append(await receive())
        for _ in range(2):
            with pytest.raises(OSError):
                await send({'type': 'websocket.send', 'text': 'late'})
        told.append(await receive())

    async def check(ws):
        await ws.close(4002, 'enough')

    _, app = serve(inner, check)
    assert told == [{'type': 'websocket.disconnect', 'code': 4002,
                     'reason': 'enough'}] * 2
    assert app.logged == []


def test_a_message_that_is_too_large_ends_it(monkeypatch):
    monkeypatch.setattr(WebSocket, 'max_message_length', 10)

    async def check(ws):
        await ws.send('x' * 10)
        assert await ws.receive() == 'x' * 10
        await ws.send('x' * 11)
        with pytest.raises(WebSocketClosed) as caught:
            await ws.receive()
        return caught.value.code

    assert serve(echo, check)[0] == 1009


def leave(inner, until, app=None):
    """Have a client open a WebSocket and vanish without a word; serve until
    something has come true."""
    app = app or App()
    app.mount(asgi_app(inner), '/x')

    async def run():
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        task = asyncio.create_task(server.serve_forever())
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname()[:2])
        writer.write(HANDSHAKE)
        assert b' 101 ' in await reader.readuntil(b'\r\n\r\n')
        writer.transport.abort()
        while not until():
            await asyncio.sleep(0.01)
        app.shutdown()
        await task

    asyncio.run(asyncio.wait_for(run(), PATIENCE))
    return app


def test_who_waits_for_something_else_is_cancelled():
    ended = []

    async def inner(scope, receive, send):
        if scope['type'] == 'websocket':
            await receive()
            await accept(send)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append('cancelled')
                raise

    app = leave(inner, lambda: ended)
    assert (ended, app.logged) == (['cancelled'], [])


def test_who_has_been_told_may_clean_up():
    ended = []
    handlers = []

    async def inner(scope, receive, send):
        if scope['type'] != 'websocket':
            return
        await receive()
        await accept(send)
        # (another task reads, so that the handler's is not known to know)
        reader = asyncio.create_task(receive())
        ended.append(dict(await reader, reason=''))
        while not handlers:
            await asyncio.sleep(0.01)
        ended.append('cleaned up')

    app = App()

    async def watch(request, call_next):
        try:
            return await call_next(request)
        finally:
            handlers.append('has ended')

    app.middleware(watch)
    leave(inner, lambda: len(ended) > 1, app)
    assert ended == [{'type': 'websocket.disconnect', 'code': 1006,
                      'reason': ''}, 'cleaned up']
    assert app.logged == []


def test_who_sends_alone_finds_out():
    ended = []

    async def inner(scope, receive, send):
        if scope['type'] != 'websocket':
            return
        await receive()
        await accept(send)
        try:
            while True:
                await send({'type': 'websocket.send', 'text': 'x'})
                await asyncio.sleep(0.01)
        except OSError:
            ended.append('found out')
            raise  # which is nothing to be logged

    app = leave(inner, lambda: ended)
    assert (ended, app.logged) == (['found out'], [])


def test_two_tasks_may_read_and_write():
    async def inner(scope, receive, send):
        await accept(send)

        async def write():
            for number in range(100):
                await send({'type': 'websocket.send', 'text': str(number)})

        writer = asyncio.create_task(write())
        while (await receive())['type'] != 'websocket.disconnect':
            pass
        await writer

    async def check(ws):
        for number in range(100):
            await ws.send('x')
            assert await ws.receive() == str(number)

    _, app = serve(inner, check)
    assert app.logged == []


# -------------------------------------------------------------------- refusals

async def close(scope, receive, send):
    await send({'type': 'websocket.close', 'code': 4000})
    assert (await receive())['type'] == 'websocket.disconnect'


async def deny(scope, receive, send):
    await send({'type': 'websocket.http.response.start', 'status': 401,
                'headers': [(b'www-authenticate', b'Basic')]})
    for piece in b'a', b'b':
        await send({'type': 'websocket.http.response.body', 'body': piece,
                    'more_body': True})
    await send({'type': 'websocket.http.response.body'})


async def deny_at_once(scope, receive, send):
    await send({'type': 'websocket.http.response.start', 'status': 404})
    await send({'type': 'websocket.http.response.body', 'body': b'none'})


def test_it_can_refuse():
    res, logged = refused(close)
    assert (res.status_code, logged) == (403, [])
    res, logged = refused(deny)
    assert (res.status_code, res.body, logged) == (401, b'ab', [])
    assert res.headers['WWW-Authenticate'] == 'Basic'
    res, logged = refused(deny_at_once)
    assert (res.status_code, res.body, logged) == (404, b'none', [])


async def close_and_fail(scope, receive, send):
    await close(scope, receive, send)
    raise ValueError('late')


async def deny_and_fail(scope, receive, send):
    await deny(scope, receive, send)
    raise ValueError('late')


@pytest.mark.parametrize('inner, status', [
    (close_and_fail, 403), (deny_and_fail, 401)])
def test_a_failure_after_a_refusal_is_logged(inner, status):
    res, logged = refused(inner)
    assert (res.status_code, logged) == (status, ["ValueError('late')"])


async def silent(scope, receive, send):
    pass


async def fails(scope, receive, send):
    raise ValueError('oops')


async def leaves(scope, receive, send):
    raise SystemExit(3)


async def sends_early(scope, receive, send):
    await send({'type': 'websocket.send', 'text': 'early'})


async def answers(scope, receive, send):
    await send({'type': 'http.response.start', 'status': 200})


@pytest.mark.parametrize('inner, said', [
    (silent, 'has not answered'), (fails, "ValueError('oops')"),
    (leaves, 'SystemExit(3)'),
    (sends_early, 'websocket.send came in place of websocket.accept'),
    (answers, 'http.response.start came')])
def test_failures_before_it_is_open_are_errors_of_ours(inner, said):
    res, logged = refused(inner)
    assert res.status_code == 500
    assert len(logged) == 1
    assert said in logged[0]


async def accepts_twice(scope, receive, send):
    await accept(send)
    await accept(send)


async def sends_nothing(scope, receive, send):
    await accept(send)
    await send({'type': 'websocket.send'})


async def closes_badly(scope, receive, send):
    await accept(send)
    await send({'type': 'websocket.close', 'code': 1005})


async def fails_late(scope, receive, send):
    await accept(send)
    await fails(scope, receive, send)


async def leaves_late(scope, receive, send):
    await accept(send)
    await leaves(scope, receive, send)


async def fails_while_it_accepts(scope, receive, send):
    task = asyncio.create_task(accept(send))
    await asyncio.sleep(0)
    task.cancel()
    raise ValueError('oops')


@pytest.mark.parametrize('inner, said', [
    (fails_late, "ValueError('oops')"), (leaves_late, 'SystemExit(3)'),
    (accepts_twice, 'websocket.accept came in place of websocket.send'),
    (sends_nothing, 'KeyError'), (closes_badly, 'ValueError'),
    (fails_while_it_accepts, "ValueError('oops')")])
def test_failures_close_it(inner, said):
    async def check(ws):
        with pytest.raises(WebSocketClosed) as caught:
            await ws.receive()
        return caught.value.code

    app = App()
    seen = []

    @app.errorhandler(Exception)
    async def error(request, exc):
        seen.append(repr(exc))

    assert serve(inner, check, app=app)[0] == 1011
    assert len(app.logged) == len(seen) == 1
    assert said in seen[0]


def test_hooks_may_keep_clients_out():
    app = App()

    @app.before_request
    async def before(request):
        return 'no', 401

    res, logged = refused(echo, app)
    assert (res.status_code, logged) == (401, [])


def test_what_cannot_be_opened_is_refused_and_told():
    app = App()
    app.reserved_connections = app.max_connections
    ended = []

    async def inner(scope, receive, send):
        try:
            await accept(send)
        finally:
            ended.append(True)

    res, logged = refused(inner, app)
    assert (res.status_code, logged, ended) == (503, [], [True])


def test_a_shutdown_tells_it():
    app = App()
    told = []

    async def inner(scope, receive, send):
        if scope['type'] != 'websocket':
            return
        await receive()
        await accept(send)
        app.shutdown()
        told.append(await receive())

    app.mount(asgi_app(inner), '/x')

    async def run():
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        task = asyncio.create_task(server.serve_forever())
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname()[:2])
        writer.write(HANDSHAKE)
        with contextlib.closing(writer):
            data = await reader.read()
        await task
        return data.partition(b'\r\n\r\n')[2]

    data = asyncio.run(asyncio.wait_for(run(), PATIENCE))
    assert data == b'\x88\x02\x03\xe9'
    assert told == [{'type': 'websocket.disconnect', 'code': 1001,
                     'reason': ''}]
    assert app.logged == []

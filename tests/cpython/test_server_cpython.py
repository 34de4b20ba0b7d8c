"""What the server does on CPython only."""

import asyncio
import contextvars
import gc
import io
import json
import logging
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

import servers
from helpers import free_port, run
from microdot import Microdot, Request, Response, microdot, send_file
from microdot._cpython import Cache
from serving import A_SECOND, GET, Server, soon, until

try:
    import uvloop
except ImportError:
    uvloop = None

PATIENCE_S = 30


def make_app():
    app = Microdot()
    app.sweep_interval = 0.05

    @app.get('/')
    async def index(request):
        return 'hello'

    return app


def test_blocking_and_async_views_run_at_the_same_time():
    # each waits for all the others
    app = Microdot()
    barrier = threading.Barrier(2)
    met = asyncio.Event()
    waiting = []

    @app.get('/sync')
    def sync_view(request):
        barrier.wait(PATIENCE_S)
        return 'sync'

    @app.get('/async')
    async def async_view(request):
        waiting.append(1)
        if len(waiting) == 2:
            met.set()
        await met.wait()
        return 'async'

    async def main():
        async with Server(app) as server:
            bodies = await asyncio.gather(*[
                server.ask(b'GET /%s HTTP/1.1\r\nHost: a\r\n\r\n' % name)
                for name in (b'sync', b'async', b'async', b'sync')])
            assert [answer.body for answer in bodies] == [
                b'sync', b'async', b'async', b'sync']

    run(main())


def test_blocking_view_does_not_stop_the_others():
    app = make_app()
    release = threading.Event()

    @app.get('/block')
    def block(request):
        assert release.wait(PATIENCE_S)
        return 'blocked'

    async def main():
        async with Server(app) as server:
            client = await server.connect()
            await client.send(b'GET /block HTTP/1.1\r\nHost: a\r\n\r\n')
            for _ in range(3):
                assert (await server.ask()).body == b'hello'
            release.set()
            assert (await client.answer()).body == b'blocked'

    run(main())


def test_blocking_generator_does_not_stop_the_others():
    app = make_app()
    release = threading.Event()

    @app.get('/pieces')
    async def pieces(request):
        def generate():
            yield 'a'
            assert release.wait(PATIENCE_S)
            yield 'b'
        return generate()

    async def main():
        async with Server(app) as server:
            client = await server.connect()
            await client.send(b'GET /pieces HTTP/1.1\r\nHost: a\r\n\r\n')
            await client.line(b'a\r\n')
            assert (await server.ask()).body == b'hello'
            release.set()
            assert await client.line(b'\r\n0\r\n\r\n') == b'1\r\nb'

    run(main())


def test_async_generator_is_closed_when_the_client_leaves():
    app = make_app()
    log = []

    @app.get('/stream')
    async def stream(request):
        try:
            yield 'first'
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            log.append('finally')

    async def main():
        async with Server(app) as server:
            client = await server.connect()
            await client.send(b'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
            await client.line(b'first\r\n')
            await client.close()
            await soon(server.idle(), A_SECOND)
            assert log == ['finally']

    run(main())


@pytest.mark.parametrize('again', [False, True])
def test_a_client_that_is_lost_just_before_it_is_judged_is_gone(again):
    """Where the process was paused, both come in one turn of the loop."""
    app = make_app()
    log = []
    going_on = asyncio.Event()

    @app.get('/stream')
    async def stream(request):
        try:
            yield 'first'
            await going_on.wait()
            yield 'second'
            await asyncio.sleep(60)
        finally:
            log.append('finally')

    async def main():
        async with Server(app) as server:
            client = await server.connect()
            await client.send(b'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
            await client.line(b'first\r\n')
            client.writer.write_eof()
            conn, = await until(lambda: [
                conn for conn in app.connections if conn._judging])
            going_on.set()
            await client.line(b'second\r\n')
            conn.transport.abort()
            asyncio.get_running_loop().call_soon(conn._judge, again)
            await server.idle()
            assert log == ['finally']
            assert app.streams == 0

    run(main())


def test_start_serving_false_gives_a_server_that_is_bound():
    async def main():
        app = make_app()
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        port = server.sockets[0].getsockname()[1]
        task = asyncio.create_task(server.serve_forever())
        reader, writer = await soon(asyncio.open_connection('127.0.0.1',
                                                            port))
        writer.write(GET)
        assert (await soon(reader.readuntil(b'hello'))).startswith(
            b'HTTP/1.1 200 OK\r\n')
        server.close()
        assert await soon(reader.read()) == b''
        await soon(server.wait_closed())
        await soon(task)
        writer.close()
        await writer.wait_closed()

    run(main())


def test_server_that_was_never_started_can_be_closed():
    async def main():
        app = make_app()
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        port = server.sockets[0].getsockname()[1]
        server.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(('127.0.0.1', port), 1).close()

    run(main())


def test_ipv6_is_served():
    async def main():
        app = make_app()
        try:
            server = await app.start_server('::1', 0, start_serving=False)
        except OSError:
            pytest.skip('no IPv6 here')
        port = server.sockets[0].getsockname()[1]
        async with server:
            task = asyncio.create_task(server.serve_forever())
            reader, writer = await soon(asyncio.open_connection('::1', port))
            writer.write(GET)
            await soon(reader.readuntil(b'hello'))
            writer.close()
            await writer.wait_closed()
        await soon(task)

    run(main())


def test_port_can_be_bound_again_at_once():
    # although connections of the last server are in TIME_WAIT
    async def main():
        app = make_app()
        async with Server(app) as server:
            await server.ask(b'GET / HTTP/1.1\r\nHost: a\r\n'
                             b'Connection: close\r\n\r\n')
        other = make_app()
        task = asyncio.create_task(
            other.start_server('127.0.0.1', server.port))
        await until(lambda: other.servers or task.done())
        assert not task.done()
        other.shutdown()
        await soon(task)

    run(main())


def test_run_works_in_a_thread_other_than_the_first():
    # where no handlers of signals can be set
    app = make_app()
    port = free_port()
    thread = threading.Thread(target=app.run, args=('127.0.0.1', port))
    thread.start()
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            sock = socket.create_connection(('127.0.0.1', port), PATIENCE_S)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.005)
    with sock:
        loop_stop = b'GET /stop HTTP/1.1\r\nHost: a\r\n\r\n'

        @app.get('/stop')
        async def stop(request):
            app.shutdown()
            return 'bye'

        sock.sendall(loop_stop)
        servers.read_until(sock, b'bye')
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_error_of_a_view_goes_to_logging_once(caplog):
    app = make_app()

    @app.get('/fail')
    async def fail(request):
        raise ValueError('of the view')

    async def main():
        async with Server(app) as server:
            del app.log_exception  # what Server keeps for itself
            with caplog.at_level(logging.ERROR, 'microdot'):
                answer = await server.ask(
                    b'GET /fail HTTP/1.1\r\nHost: a\r\n\r\n')
            assert answer.status == 500
            assert b'of the view' not in answer.body

    run(main())
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info[0] is ValueError


def test_peers_errors_are_not_logged(caplog):
    app = make_app()

    async def main():
        async with Server(app) as server:
            del app.log_exception
            await server.ask(b'nonsense\r\n\r\n')
            for data in (b'', GET, GET[:9]):
                client = await server.connect()
                await client.send(data)
                client.writer.transport.abort()
            await server.idle()

    run(main())
    assert caplog.records == []


def test_an_idle_connection_costs_no_task():
    async def main():
        app = make_app()
        async with Server(app) as server:
            before = len(asyncio.all_tasks())
            clients = [await server.connect() for _ in range(20)]
            for client in clients:
                await client.send(GET)
                await client.answer()
            assert app.counters['open'] == 20
            # but for the sweep
            assert len(asyncio.all_tasks()) <= before + 1

    run(main())


def test_request_that_comes_when_its_connection_is_stopped_is_answered():
    # before Python 3.12 its task has not begun then, and would never end
    async def main():
        app = make_app()
        async with Server(app) as server:
            for count in range(2):
                client = await server.connect()
                conn, = await until(lambda: [
                    conn for conn in app.connections if conn.transport])
                conn.data_received(GET)
                conn.expired = count > 0
                conn.stop()
                assert (await client.answer()).body == b'hello'
                await client.close()
                await server.idle()

    run(main())


def test_client_that_sends_far_ahead_gets_the_last_answer():
    # although the server had stopped reading while its handler ran
    app = make_app()
    app.drain_timeout = PATIENCE_S  # (15 MB are to be read)
    going_on = asyncio.Event()

    @app.get('/last')
    async def last(request):
        await going_on.wait()
        return 'last', 200, {'Connection': 'close'}

    async def main():
        async with Server(app) as server:
            client = await server.connect()
            await client.send(b'GET /last HTTP/1.1\r\nHost: a\r\n\r\n')
            sending = asyncio.create_task(client.send(GET * 500_000))
            await until(lambda: [
                conn for conn in app.connections if conn._paused])
            going_on.set()
            await asyncio.wait_for(sending, PATIENCE_S)
            assert (await client.answer()).body == b'last'
            await client.close()
            await server.idle()

    run(main())


@pytest.mark.parametrize('half_closed', [False, True])
def test_context_variables_are_not_for_the_next_request(half_closed):
    app = make_app()
    user = contextvars.ContextVar('user', default='nobody')
    tasks = set()

    @app.get('/login')
    async def login(request):
        tasks.add(asyncio.current_task())
        seen = user.get()
        user.set('somebody')
        return seen

    async def main():
        login = b'GET /login HTTP/1.1\r\nHost: a\r\n\r\n'
        async with Server(app) as server:
            client = await server.connect()
            await client.send((login + GET * 2) * 20)
            if half_closed:
                client.writer.write_eof()
            for _ in range(20):
                assert (await client.answer()).body == b'nobody'
                assert (await client.answer()).body == b'hello'
                assert (await client.answer()).body == b'hello'
            await client.close()
            await server.idle()

    run(main())
    assert len(tasks) == 20


def test_request_is_taken_without_a_copy_of_those_that_follow():
    class Data(bytes):
        def __getitem__(self, part):
            found = super().__getitem__(part)
            taken.append(len(found) if isinstance(part, slice) else 1)
            return found

    taken = []
    conn = microdot.Connection.__new__(microdot.Connection)
    conn.data = Data(GET * 100)
    heads = 0
    while conn.take_head():
        heads += 1
    assert heads == 100
    assert max(taken) == len(GET) - 4


def encoded(headers):
    return microdot.encode_head(Response('', 200, headers), '1.1', 0, True)[0]


def test_what_only_equals_a_header_that_was_sent_is_another():
    class Loud(str):
        def __str__(self):
            return self.upper()

    class Broken(str):
        def __str__(self):
            return 'a\r\nY: b'

    for kinds in ((Loud, str), (str, Loud), (Loud, str)):
        for number, kind in enumerate(kinds):
            value = kind('value%d' % number)
            assert b'X: %b\r\n' % str(value).encode() in encoded({'X': value})
            assert b'\r\n%b: a' % str(value).encode() in encoded({value: 'a'})
    for _ in range(2):
        assert b'X: broken\r\n' in encoded({'X': 'broken'})
        with pytest.raises(ValueError):
            encoded({'X': Broken('broken')})
    for value in (1, True, 1.0, '1', None):
        assert b'X: %b\r\n' % str(value).encode() in encoded({'X': value})


def caches():
    """Return all caches that there are."""
    # (isinstance() would ask weak proxies, of which some have nothing left)
    return [each for each in gc.get_objects() if issubclass(type(each), Cache)]


def kept():
    """Return all that the core's caches hold, as text."""
    return '\n'.join(repr(cache) for cache in caches())


def test_caches_keep_nothing_that_tells_who_somebody_is():
    microdot.parse_head(
        b'GET / HTTP/1.1\r\nHost: example.test\r\n'
        b'Cookie: a=hush47\r\nAuthorization: Bearer hush47\r\n'
        b'Proxy-Authorization: Basic hush47\r\nX-Api-Key: hush47\r\n'
        b'x-csrf-token: hush47\r\nReferer: http://a/?token=hush47\r\n'
        b'Sec-WebSocket-Protocol: bearer.hush47\r\nApiKey: hush47')
    encoded({'Set-Cookie': 'a=hush47', 'Location': '/?token=hush47',
             'X-CSRF-Token': 'hush47', 'WWW-Authenticate': 'Digest hush47',
             'X-Frame-Options': 'DENY'})
    encoded({'Set-Cookie': 'b=hush47'})
    encoded({'Location': '/' + 'hush47' * 1000})
    assert 'hush47' not in kept()
    # but these are
    assert 'Host: example.test' in kept()
    assert 'X-Frame-Options: DENY' in kept()


def test_caches_are_bounded():
    for count in range(1000):
        microdot.parse_head(b'GET / HTTP/1.1\r\nHost: h%d\r\n'
                            b'Accept: %d\r\nN%d: a' % ((count,) * 3))
        microdot.parse_head(b'GET / HTTP/1.1\r\nHost: %b\r\nAccept: %b'
                            % ((b'h' * (200 + count),) * 2))
        encoded({'X': 'value%d' % count})
        encoded({'X': 'v' * (65 + count)})
    for cache in caches():
        assert len(cache) <= 256
    assert 'h' * 200 not in kept()
    assert 'v' * 65 not in kept()


def test_connections_are_freed_without_the_collector():
    import weakref

    async def main():
        app = make_app()
        async with Server(app) as server:
            gc.collect()
            gc.disable()
            try:
                client = await server.connect()
                await client.send(GET)
                await client.answer()
                conn, = app.connections
                seen = weakref.ref(conn)
                del conn
                await client.close()
                await server.idle()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                assert seen() is None
            finally:
                gc.enable()

    run(main())


def file_app(path, data):
    path.write_bytes(data)
    app = make_app()

    @app.get('/file')
    async def file(request):
        return send_file(path, content_type='application/octet-stream')

    return app


FILE = b'GET /file HTTP/1.1\r\nHost: a\r\n\r\n'
LARGE = bytes(range(256)) * 4096


@pytest.mark.parametrize('size', [
    0, 1, 65536, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 1024 * 1024])
def test_file_of_any_size_is_sent_and_the_connection_goes_on(tmp_path, size):
    app = file_app(tmp_path / 'file', LARGE[:size])

    async def main():
        async with Server(app) as server:
            client = await server.connect()
            await client.send(FILE + FILE + GET)
            assert await client.bodies(3) == [
                LARGE[:size], LARGE[:size], b'hello']

    run(main())


def test_file_is_sent_where_the_loop_cannot_do_it(tmp_path):
    app = file_app(tmp_path / 'file', LARGE)
    asked = []

    async def sendfile(*args, **kwargs):
        asked.append(args)
        raise NotImplementedError

    async def main():
        asyncio.get_running_loop().sendfile = sendfile
        async with Server(app) as server:
            client = await server.connect()
            await client.send(FILE + GET)
            assert await client.bodies(2) == [LARGE, b'hello']

    run(main())
    assert asked


def test_file_that_has_shrunk_ends_the_connection(tmp_path):
    path = tmp_path / 'file'
    app = file_app(path, LARGE)

    @app.after_request
    async def shrink(request, response):
        path.write_bytes(LARGE[:300 * 1024])

    async def main():
        async with Server(app) as server:
            client = await server.connect()
            await client.send(FILE)
            answer = await client.answer()
            assert not answer.whole
            assert answer.body == LARGE[:300 * 1024]
            await server.idle()
            assert [type(exc) for exc in server.logged] == [ValueError]
            server.logged.clear()

    run(main())


def test_file_that_has_grown_is_sent_as_long_as_it_was(tmp_path):
    path = tmp_path / 'file'
    app = file_app(path, LARGE[:300 * 1024])

    @app.after_request
    async def grow(request, response):
        path.write_bytes(LARGE)

    async def main():
        async with Server(app) as server:
            client = await server.connect()
            await client.send(FILE)
            assert (await client.answer()).body == LARGE[:300 * 1024]

    run(main())


def open_files(path):
    return [each for each in gc.get_objects()
            if issubclass(type(each), io.BufferedReader) and not each.closed
            and each.name == str(path)]


@pytest.mark.parametrize('leave', ['stall', 'reset'])
def test_client_that_does_not_take_a_file_is_left(tmp_path, leave):
    path = tmp_path / 'file'
    app = file_app(path, LARGE * 16)
    app.stall_timeout = 0.2 if leave == 'stall' else 30

    async def main():
        async with Server(app) as server:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, ('127.0.0.1', server.port))
            await loop.sock_sendall(sock, FILE)
            await until(lambda: open_files(path))
            if leave == 'reset':
                await loop.sock_recv(sock, 10)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                struct.pack('ii', 1, 0))
                sock.close()
            await server.idle()
            await until(lambda: not open_files(path))
            sock.close()
            assert app.counters['timed_out'] == (leave == 'stall')
            # and it serves on
            assert (await server.ask()).body == b'hello'

    run(main())


def test_file_under_way_is_cut_when_the_time_for_shutdown_is_over(tmp_path):
    path = tmp_path / 'file'
    app = file_app(path, LARGE * 16)
    app.shutdown_timeout = 0.1

    async def main():
        async with Server(app) as server:
            client = await server.connect()
            await client.send(FILE)
            await until(lambda: open_files(path))
            await server.stop()
            assert not open_files(path)

    run(main())


@pytest.mark.parametrize('first', [b'', b'GET /large HTTP/1.1\r\nHost: a\r\n'
                                        b'\r\n'], ids=['alone', 'behind'])
def test_stalled_file_is_cut_without_an_error_in_the_loop(tmp_path, first):
    path = tmp_path / 'file'
    app = file_app(path, LARGE)
    app.stall_timeout = 0.2

    @app.get('/large')
    async def large(request):
        return LARGE[:60000] * 10

    async def main():
        # (the server looks for errors of the loop at the end)
        async with Server(app) as server:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, ('127.0.0.1', server.port))
            await loop.sock_sendall(sock, first + FILE * 20)
            await until(lambda: app.counters['open'])
            await server.idle()
            sock.close()
            assert app.counters['timed_out'] == 1
            await until(lambda: not open_files(path))

    run(main())


def test_peer_that_is_slow_but_steady_gets_a_file(tmp_path):
    file = LARGE * 16
    app = file_app(tmp_path / 'file', file)
    app.stall_timeout = 1

    async def main():
        async with Server(app) as server:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            sock.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, ('127.0.0.1', server.port))
            await loop.sock_sendall(sock, FILE)
            size = 0
            half = len(LARGE) // 2
            for part in range(half, len(file) + 1, half):
                while size < part:
                    data = await loop.sock_recv(sock, 65536)
                    assert data
                    size += len(data)
                # by the clock of the server, which allows 20 of these
                ticks = app.servers[0].ticks
                await until(lambda: app.servers[0].ticks > ticks)
            sock.close()

    run(main())


def test_head_of_a_cancelled_handler_has_no_body():
    app = make_app()

    @app.get('/cancelled')
    async def cancelled(request):
        raise asyncio.CancelledError

    async def main():
        async with Server(app) as server:
            client = await server.connect()
            await client.send(b'HEAD /cancelled HTTP/1.1\r\nHost: a\r\n\r\n')
            data = await soon(client.reader.read())
            head, _, body = data.partition(b'\r\n\r\n')
            assert head.startswith(b'HTTP/1.1 500')
            assert body == b''
            server.logged.clear()

    run(main())


@pytest.mark.parametrize('name, most', [('max_headers', 5),
                                        ('max_readline', 100)])
def test_limit_that_is_lowered_holds_for_header_lines_that_are_kept(
        name, most, monkeypatch):
    app = make_app()
    lines = b''.join(b'A-%d: 1\r\n' % i for i in range(20))
    request = b'GET / HTTP/1.1\r\nHost: a\r\nB: %b\r\n%b\r\n' % (
        b'x' * 200, lines)

    async def main():
        async with Server(app) as server:
            client = await server.connect()
            for _ in range(2):
                await client.send(request)
                assert (await client.answer()).status == 200
            monkeypatch.setattr(Request, name, most)
            await client.send(request)
            assert (await client.answer()).status == 431

    run(main())


def test_json_is_that_of_the_library():
    class Number(int):
        pass

    class Text(str):
        pass

    for value in ({'a': [1, 2.5, None, True, '\xe9\u20ac\U0001f600']}, {},
                  [], {2: 2, None: 3, True: 4, 1.5: 5},
                  {'a': (1, 2)}, [Number(3), Text('x')]):
        assert microdot.dump_json(value) == json.dumps(
            value, ensure_ascii=False).encode()
    # what UTF-8 or JSON does not have
    assert microdot.dump_json(['\udc80']) == b'["\\udc80"]'
    assert microdot.dump_json([float('inf')]) == b'[null]'
    circular = {}
    circular['self'] = circular
    for value in circular, [b''], [object()]:
        with pytest.raises((TypeError, ValueError)):
            microdot.dump_json(value)


def test_circular_json_in_a_small_stack_is_an_error():
    found = []

    def encode():
        value = {'text': 'x' * 1000}
        value['self'] = value
        try:
            microdot.dump_json(value)
        except ValueError as exc:
            found.append(exc)

    size = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=encode)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
    assert len(found) == 1


def test_replaced_default_of_the_json_encoder_is_heeded(monkeypatch):
    monkeypatch.setattr(json.JSONEncoder, 'default', lambda self, o: str(o))
    assert microdot.dump_json([Path('a')]) == b'["a"]'


@pytest.mark.skipif(not uvloop, reason='uvloop is missing')
def test_uvloop_serves():
    app = make_app()

    async def main():
        async with Server(app) as server:
            client = await server.connect()
            await client.send(GET + GET)
            assert await client.bodies(2) == [b'hello', b'hello']
            await client.close()

    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()

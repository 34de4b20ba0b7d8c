"""Starting and stopping: from anywhere, more than once, side by side."""
import asyncio
import multiprocessing
import os
import pickle
import signal
import socket
import threading
import time

import pytest

from microdot import Microdot
from servers import free_port

PATIENCE_S = 30


def make_app():
    app = Microdot()
    app.get('/')(lambda request: request.scheme)
    return app


def ask(port, host='127.0.0.1'):
    """Return the last bytes of an answer, or what is in its place."""
    with socket.create_connection((host, port), PATIENCE_S) as sock:
        sock.sendall(b'GET / HTTP/1.0\r\n\r\n')
        data = b''
        while True:
            piece = sock.recv(65536)
            if not piece:
                return data[-4:]
            data += piece


class Thread(threading.Thread):
    """An application that runs in a thread; ``ready`` once it serves."""

    def __init__(self, app, port):
        super().__init__(daemon=True)
        self.app = app
        self.port = port
        self.ready = threading.Event()
        app.on_startup(self.ready.set)
        self.start()
        assert self.ready.wait(PATIENCE_S)

    def run(self):
        self.app.run('127.0.0.1', self.port)

    def ended(self):
        self.join(PATIENCE_S)
        return not self.is_alive()


def test_it_is_shut_down_from_another_thread():
    app = make_app()
    thread = Thread(app, free_port())
    app.shutdown()
    assert thread.ended()
    assert app.servers == []


def test_it_is_shut_down_from_another_thread_in_asyncios_debug_mode(
        monkeypatch):
    monkeypatch.setenv('PYTHONASYNCIODEBUG', '1')
    test_it_is_shut_down_from_another_thread()


def test_it_is_shut_down_by_a_signal_that_the_program_handles():
    app = make_app()
    port = free_port()

    @app.on_startup
    async def ready():
        threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGUSR1]).start()

    previous = signal.signal(signal.SIGUSR1, lambda *args: app.shutdown())
    begin = time.monotonic()
    try:
        asyncio.run(asyncio.wait_for(
            app.start_server('127.0.0.1', port), 2 * PATIENCE_S))
    finally:
        signal.signal(signal.SIGUSR1, previous)
    # (it would also end when its time is over)
    assert time.monotonic() - begin < PATIENCE_S


def test_a_server_is_closed_from_another_thread():
    app = make_app()
    made = []
    ready = threading.Event()
    app.on_startup(ready.set)

    async def main():
        made.append(await app.start_server('127.0.0.1', 0,
                                           start_serving=False))
        await made[0].serve_forever()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE_S)
    made[0].close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_shutdown_counts_for_a_start_that_has_been_called():
    app = make_app()
    port = free_port()

    async def main():
        coro = app.start_server('127.0.0.1', port)
        app.shutdown()
        await asyncio.wait_for(coro, PATIENCE_S)

    asyncio.run(main())


def test_shutdown_before_any_start_is_forgotten():
    app = make_app()
    app.shutdown()
    thread = Thread(app, free_port())
    assert ask(thread.port) == b'http'
    app.shutdown()
    assert thread.ended()


def test_it_can_be_started_again():
    app = make_app()
    app.get('/end')(lambda request: app.shutdown())
    for _ in range(2):
        thread = Thread(app, free_port())
        assert ask(thread.port) == b'http'
        app.shutdown()
        assert thread.ended()
        app.startup_handlers.clear()


def test_two_servers_of_one_application():
    app = make_app()
    events = []
    app.on_startup(lambda: events.append('start'))
    app.on_shutdown(lambda: events.append('stop'))

    async def main():
        first = await app.start_server('127.0.0.1', 0, start_serving=False)
        second = await app.start_server('127.0.0.1', 0, start_serving=False)
        assert app.servers == [first, second]
        for server in app.servers:
            await server.start_serving()
            assert await asyncio.to_thread(ask, server.port) == b'http'
        first.close()
        await first.wait_closed()
        assert app.servers == [second]
        assert events == ['start']
        assert await asyncio.to_thread(ask, second.port) == b'http'
        app.shutdown()
        await second.wait_closed()

    asyncio.run(main())
    assert events == ['start', 'stop']


def test_each_server_has_tls_or_not_of_its_own():
    app = make_app()
    context = object()

    async def main():
        first = await app.start_server('127.0.0.1', 0, ssl=context,
                                       start_serving=False)
        second = await app.start_server('127.0.0.1', 0, start_serving=False)
        assert (first.ssl, second.ssl) == (context, None)
        await second.start_serving()
        assert await asyncio.to_thread(ask, second.port) == b'http'
        app.shutdown()
        await second.wait_closed()

    asyncio.run(main())
    assert app.servers == []


def test_a_start_that_fails_disturbs_nothing():
    app = make_app()
    waiting = asyncio.Event()

    @app.get('/slow')
    async def slow(request):
        await waiting.wait()
        return 'slow'

    async def main():
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        await server.start_serving()
        reader, writer = await asyncio.open_connection(
            '127.0.0.1', server.port)
        writer.write(b'GET /slow HTTP/1.0\r\n\r\n')
        while not app.counters['requests']:
            await asyncio.sleep(0)
        with pytest.raises(OSError):
            await app.start_server('127.0.0.1', server.port)
        waiting.set()
        assert (await reader.read())[-4:] == b'slow'
        writer.close()
        app.shutdown()
        await server.wait_closed()

    asyncio.run(main())


def test_run_within_a_loop_says_what_to_do():
    app = make_app()

    async def main():
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        await server.start_serving()
        with pytest.raises(RuntimeError, match='start_server'):
            app.run('127.0.0.1', free_port())
        assert await asyncio.to_thread(ask, server.port) == b'http'
        app.shutdown()
        await server.wait_closed()

    asyncio.run(main())


@pytest.mark.parametrize('host', ['localhost', '', None])
def test_all_addresses_of_a_name_are_bound(monkeypatch, host):
    real = socket.getaddrinfo

    def usual(host, *args, **kwargs):
        if host == 'localhost':
            return real('127.0.0.1', *args) + real('127.0.0.2', *args) + \
                real('127.0.0.1', *args)
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, 'getaddrinfo', usual)

    async def main():
        peer = await asyncio.start_server(lambda *args: None, host, 0)
        wanted = {sock.getsockname()[0] for sock in peer.sockets}
        peer.close()
        app = make_app()
        server = await app.start_server(host, 0, start_serving=False)
        found = [sock.getsockname() for sock in server.sockets]
        assert {name[0] for name in found} == wanted
        assert {name[1] for name in found} == {server.port}
        await server.start_serving()
        for name in found:
            address = name[0].replace('0.0.0.0', '127.0.0.1')
            assert await asyncio.to_thread(
                ask, server.port, address) == b'http'
        app.shutdown()
        await server.wait_closed()

    asyncio.run(main())


def test_the_programs_own_signal_handlers_are_restored():
    app = make_app()
    app.on_startup(app.shutdown)
    mine = {number: signal.signal(number, lambda *args: None)
            for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        wanted = [signal.getsignal(number) for number in mine]
        app.run('127.0.0.1', 0)
        assert [signal.getsignal(number) for number in mine] == wanted
    finally:
        for number, handler in mine.items():
            signal.signal(number, handler)


def test_so_are_those_that_a_program_has_not_changed():
    # (asyncio.run() has a handler of its own meanwhile)
    app = make_app()
    app.on_startup(app.shutdown)
    wanted = [signal.getsignal(number)
              for number in (signal.SIGINT, signal.SIGTERM)]
    app.run('127.0.0.1', 0)
    assert [signal.getsignal(number)
            for number in (signal.SIGINT, signal.SIGTERM)] == wanted


def test_a_stop_in_the_moment_of_an_accept_is_quiet(caplog):
    app = make_app()

    async def main():
        complaints = []
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: complaints.append(context))
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        await server.start_serving()
        socks = [socket.create_connection(('127.0.0.1', server.port))
                 for _ in range(5)]
        while not app.connections:
            await asyncio.sleep(0)
        server.abort()
        app.shutdown()
        server.close()
        await server.wait_closed()
        for _ in range(5):
            await asyncio.sleep(0)
        for sock in socks:
            sock.close()
        assert complaints == []

    asyncio.run(main())
    assert app.counters['open'] == 0


def test_the_accepting_task_ends_at_full_capacity():
    app = make_app()
    app.max_connections = 1

    async def main():
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        await server.start_serving()
        pairs = [await asyncio.open_connection('127.0.0.1', server.port)
                 for _ in range(3)]
        pairs[0][1].write(b'GET / HTTP/1.1\r\n')
        while not app.connections:
            await asyncio.sleep(0)
        before = asyncio.all_tasks()
        app.shutdown()
        await asyncio.wait_for(server.wait_closed(), PATIENCE_S)
        for _, writer in pairs:
            writer.close()
        accepting = [task for task in before
                     if 'Server._accept ' in repr(task.get_coro())]
        assert len(accepting) == 1
        await asyncio.wait(accepting, timeout=PATIENCE_S)
        assert accepting[0].done()

    asyncio.run(main())


sendable = make_app()
# (nested functions cannot be sent to another process)
sendable.before_request_handlers.clear()
sendable.routes.clear()
sendable.added.clear()


@sendable.get('/<int:a>/<re:[a-z]+:b>/<float:c>')
async def send_view(request, a, b, c):
    return 'x'


@sendable.middleware
async def send_middleware(request, call_next):
    return await call_next(request)


def test_an_application_can_be_sent_to_another_process():
    app = pickle.loads(pickle.dumps(sendable.run)).__self__
    assert app.find('/1/b/2', 'GET')[1] == {'a': 1, 'b': 'b', 'c': 2.0}
    assert app.wrappers[0].f is send_middleware


def in_process(queue, app):
    queue.put(app.find('/1/b/2', 'GET')[1])


def test_spawning_sends_an_application():
    context = multiprocessing.get_context('spawn')
    queue = context.Queue()
    process = context.Process(target=in_process, args=(queue, sendable))
    process.start()
    assert queue.get(timeout=60) == {'a': 1, 'b': 'b', 'c': 2.0}
    process.join(PATIENCE_S)
    assert process.exitcode == 0

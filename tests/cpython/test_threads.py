"""Plain handlers and the threads that they have."""

import asyncio
import contextvars
import decimal
import threading

import pytest

from microdot import Microdot, _gateway, asgi
from microdot._cpython import connection, serving
from microdot._cpython import threads as parts
from microdot.microdot import Disconnected, HTTPException
from microdot.test_client import TestClient
from serving import Server

#: The longest that anything may take, in seconds.
PATIENCE_S = 30


@pytest.fixture(autouse=True)
def threads(monkeypatch):
    threads = parts.Threads()
    monkeypatch.setattr(parts, '_handlers', threads)
    monkeypatch.setattr(parts, '_steps', parts.Threads(0))
    monkeypatch.setattr(Microdot, 'max_threads', 2)
    return threads


def blocking_app():
    """Return an application whose handler waits until it is let go."""
    app = Microdot()
    app.go = threading.Event()
    app.began = []

    @app.get('/<name>')
    def handler(request, name):
        app.began.append(name)
        assert app.go.wait(PATIENCE_S)
        return name

    return app


async def until(condition):
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)


def test_there_are_as_many_threads_as_are_allowed():
    async def main():
        app = blocking_app()
        client = TestClient(app)
        tasks = [asyncio.create_task(client.get('/%d' % i)) for i in range(5)]
        await until(lambda: len(app.began) == 2)
        app.go.set()
        assert sorted([(await task).text for task in tasks]) == list('01234')
        assert parts._handlers.threads == 2

    asyncio.run(main())


def test_what_more_than_may_wait_is_answered_with_503(threads):
    async def main():
        threads.max_waiting = 3
        app = blocking_app()
        client = TestClient(app)
        tasks = [asyncio.create_task(client.get('/%d' % i)) for i in range(2)]
        await until(lambda: len(app.began) == 2)
        tasks += [asyncio.create_task(client.get('/w')) for i in range(3)]
        await until(lambda: threads.waiting.qsize() == 3)
        for _ in range(3):
            res = await client.get('/over')
            assert res.status_code == 503
            assert res.headers['Retry-After'] == '1'
        app.go.set()
        assert {(await task).status_code for task in tasks} == {200}
        assert 'over' not in app.began

    asyncio.run(main())


def test_files_and_hashing_do_not_wait_for_handlers():
    async def main():
        from microdot.password import hash_password
        app = blocking_app()
        client = TestClient(app)
        tasks = [asyncio.create_task(client.get('/%d' % i)) for i in range(2)]
        await until(lambda: len(app.began) == 2)
        await asyncio.wait_for(hash_password('secret'), PATIENCE_S)
        app.go.set()
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_what_nobody_waits_for_is_not_begun(threads):
    async def main():
        go = threading.Event()
        began = []
        first = threads.submit(1, lambda: go.wait(PATIENCE_S))
        left = threads.submit(1, lambda: began.append('left'), lambda: True)
        cancelled = threads.submit(1, lambda: began.append('cancelled'))
        cancelled.cancel()
        last = threads.submit(1, lambda: began.append('last'), lambda: False)
        go.set()
        await first
        with pytest.raises(Disconnected):
            await left
        await last
        assert began == ['last']

    asyncio.run(main())


def test_threads_do_not_keep_the_process(threads):
    async def main():
        app = blocking_app()
        task = asyncio.create_task(TestClient(app).get('/a'))
        await until(lambda: app.began)
        found = [thread for thread in threading.enumerate()
                 if thread.name == 'microdot-handler']
        assert found
        assert all(thread.daemon for thread in found)
        app.go.set()
        await task

    asyncio.run(main())


def streaming_app():
    """Return an application whose streams wait until they are let go."""
    app = Microdot()
    app.go = threading.Event()
    app.log = []

    @app.get('/<name>')
    async def stream(request, name):
        def pieces():
            app.log.append('begin ' + name)
            try:
                assert app.go.wait(PATIENCE_S)
                yield name
            finally:
                app.log.append('end ' + name)
        return pieces()

    @app.get('/')
    def plain(request):
        return 'plain'

    return app


def test_generators_that_wait_keep_no_handler_waiting():
    async def main():
        app = streaming_app()
        client = TestClient(app)
        tasks = [asyncio.create_task(client.get('/%d' % i)) for i in range(5)]
        await until(lambda: len(app.log) == 2)
        assert (await client.get('/')).text == 'plain'
        app.go.set()
        assert sorted([(await task).text for task in tasks]) == list('01234')
        assert parts._steps.threads == 2

    asyncio.run(main())


def test_generators_that_wait_do_not_keep_the_event_loop():
    app = streaming_app()

    async def main():
        task = asyncio.create_task(TestClient(app).get('/a'))
        await until(lambda: app.log)
        task.cancel()

    asyncio.run(main())
    assert app.log == ['begin a']
    app.go.set()


def test_a_generator_whose_client_leaves_in_a_step_is_closed_after_it():
    async def main():
        app = streaming_app()
        async with Server(app) as server:
            client = await server.connect()
            await client.send(b'GET /a HTTP/1.1\r\nHost: a\r\n\r\n')
            await until(lambda: app.log == ['begin a'])
            await client.close()
            await server.idle()
            assert app.log == ['begin a']
            app.go.set()
            await until(lambda: app.log == ['begin a', 'end a'])

    asyncio.run(main())


def closing_app(kind, ended):
    """Return an application with a stream whose first step lasts until
    *ended*, and what it has been through."""
    app = kind()
    app.shutdown_timeout = 0
    app.began = threading.Event()
    app.log = []

    @app.get('/')
    async def stream(request):
        def pieces():
            try:
                app.began.set()
                assert ended.wait(PATIENCE_S)
                yield 'x'
            finally:
                app.log.append('end')
        return pieces()

    @app.on_shutdown
    async def down():
        app.log.append('down')

    return app


def test_a_generator_in_a_step_is_closed_before_the_application_ends(
        monkeypatch):
    class Servers(list):
        # the last thing that a server does before that
        def remove(self, server):
            super().remove(server)
            ended.set()

    async def main():
        async with Server(app) as server:
            client = await server.connect()
            await client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
            await until(app.began.is_set)
            app.servers = Servers(app.servers)

    monkeypatch.setattr(serving, 'LATE_S', PATIENCE_S)
    ended = threading.Event()
    app = closing_app(Microdot, ended)
    asyncio.run(main())
    assert app.log == ['end', 'down']


def test_a_generator_in_a_step_is_closed_before_the_application_ends_as_asgi(
        monkeypatch):
    async def wait(seconds):
        # (only now is the step over: it is waited for)
        ended.set()
        await parts.closed_late(PATIENCE_S)

    async def main():
        calls = asyncio.Queue()
        told = asyncio.Queue()
        life = asyncio.create_task(app(
            {'type': 'lifespan'}, calls.get, told.put))
        await calls.put({'type': 'lifespan.startup'})
        await told.get()

        async def receive():
            if first:
                return first.pop()
            await asyncio.Event().wait()

        first = [{'type': 'http.request', 'body': b'', 'more_body': False}]
        task = asyncio.create_task(app(
            {'type': 'http', 'method': 'GET', 'path': '/', 'headers': [],
             'query_string': b'', 'http_version': '1.1', 'scheme': 'http',
             'client': ('127.0.0.1', 1)}, receive, told.put))
        await until(app.began.is_set)
        task.cancel()
        await asyncio.wait([task])
        await calls.put({'type': 'lifespan.shutdown'})
        await life

    monkeypatch.setattr(_gateway, 'closed_late', wait)
    ended = threading.Event()
    app = closing_app(asgi.Microdot, ended)
    asyncio.run(main())
    assert app.log == ['end', 'down']


def test_a_generator_that_blocks_does_not_keep_the_application(monkeypatch):
    async def main():
        async with Server(app) as server:
            client = await server.connect()
            await client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
            await until(app.began.is_set)

    monkeypatch.setattr(serving, 'LATE_S', 0.01)
    ended = threading.Event()
    app = closing_app(Microdot, ended)
    asyncio.run(main())
    log = list(app.log)
    ended.set()
    assert log == ['down']


def test_a_generator_whose_client_leaves_before_its_first_step_never_begins(
        monkeypatch):
    monkeypatch.setattr(Microdot, 'max_threads', 1)

    async def main():
        app = streaming_app()
        async with Server(app) as server:
            clients = []
            for name in b'ab':
                client = await server.connect()
                await client.send(
                    b'GET /%c HTTP/1.1\r\nHost: a\r\n\r\n' % name)
                # (the head is sent before the first step)
                await client.line(b'\r\n\r\n')
                clients.append(client)
            await until(lambda: parts._steps.count == 2)
            await clients[1].close()
            await until(lambda: app.counters['open'] == 1)
            app.go.set()
            assert await clients[0].line(b'0\r\n\r\n') == b'1\r\na\r\n'
            await until(lambda: parts._steps.count == 0)
            assert app.log == ['begin a', 'end a']
            assert app.streams == 0

    asyncio.run(main())


def test_a_thread_that_cannot_be_started_is_not_counted(monkeypatch, threads):
    def fail(thread):
        raise RuntimeError("can't start new thread")

    async def main():
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, 'start', fail)
            with pytest.raises(HTTPException) as raised:
                threads.submit(2, lambda: 1)
            assert raised.value.status_code == 503
            assert (threads.threads, threads.count) == (0, 0)
        go = threading.Event()
        first = threads.submit(2, lambda: go.wait(PATIENCE_S))
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, 'start', fail)
            second = threads.submit(2, lambda: 2)
        go.set()
        assert (await first, await second) == (True, 2)
        third = threads.submit(2, lambda: 3)
        assert (await third, threads.threads) == (3, 1)

    # (nothing of it is left to the next one)
    asyncio.run(main())


@pytest.mark.parametrize('patience, left', [(0, '34'), (3600, '')])
def test_work_of_clients_that_have_left_is_not_begun(
        monkeypatch, patience, left):
    # who has ended its own side alone gets an answer, unless it has to wait
    monkeypatch.setattr(connection, '_LEFT_S', patience)

    async def main():
        app = blocking_app()
        async with Server(app) as server:
            clients = []
            for i in range(6):
                clients.append(await server.connect())
                await clients[-1].send(
                    b'GET /%d HTTP/1.1\r\nHost: a\r\n\r\n' % i)
                # (so that they wait in this order)
                await until(lambda: parts._handlers.count == i + 1)
            await until(lambda: sorted(app.began) == ['0', '1'])
            # of those that wait, two leave
            await clients[3].close()
            await clients[4].close()
            await until(lambda: sum(
                conn._ended for conn in app.connections) == 2)
            app.go.set()
            for i in (0, 1, 2, 5):
                assert (await clients[i].answer()).body == b'%d' % i
            await until(lambda: parts._handlers.count == 0)
            assert set('012345') - set(app.began) == set(left)

    asyncio.run(main())


variable = contextvars.ContextVar('variable', default='unset')


def test_the_steps_of_a_generator_share_a_context():
    async def main():
        app = Microdot()
        ended = []

        @app.get('/')
        async def index(request):
            variable.set('of the handler')

            def pieces():
                yield variable.get() + ', '
                token = variable.set('set')
                yield 'after it'
                try:
                    with decimal.localcontext() as context:
                        context.prec = 3
                        yield ', ' + variable.get()
                        yield ', %s' % (1 / decimal.Decimal(7))
                finally:
                    variable.reset(token)
                    ended.append(variable.get())
            return pieces()

        res = await TestClient(app).get('/')
        assert res.text == 'of the handler, after it, set, 0.143'
        assert ended == ['of the handler']

    asyncio.run(main())


def test_a_generator_is_closed_in_that_context():
    async def main():
        app = Microdot()
        ended = []

        @app.get('/')
        async def index(request):
            def pieces():
                token = variable.set('set')
                try:
                    while True:
                        yield 'x' * 4000
                finally:
                    variable.reset(token)
                    ended.append(variable.get())
            return pieces()

        async with Server(app) as server:
            for _ in range(5):
                client = await server.connect()
                await client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
                await client.line(b'xxx')
                await client.close()
                await server.idle()
            await until(lambda: ended == ['unset'] * 5)

    asyncio.run(main())

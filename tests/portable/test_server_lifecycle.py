"""The server over real connections: starting, failing, stopping."""

import asyncio
import gc
import os
import time
import unittest

from helpers import run
from microdot import Microdot
from microdot import microdot as core
from serving import GET, Server, soon, until


class Forever:
    """A body that waits after its first piece until it is cancelled."""

    def __init__(self, log):
        self.log = log
        self.begun = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.begun:
            await asyncio.sleep(60)
        self.begun = True
        return 'first'

    async def aclose(self):
        self.log.append('stream closed')


def make_app():
    app = Microdot()
    app.sweep_interval = 0.02
    app.drain_timeout = 0.05
    app.release = asyncio.Event()
    app.log = []

    @app.route('/', methods=['GET', 'POST'])
    async def index(request):
        return 'hello'

    @app.get('/stream')
    async def stream(request):
        return Forever(app.log)

    @app.get('/wait')
    async def wait(request):
        app.log.append('waiting')
        await app.release.wait()
        return 'waited'

    @app.get('/shutdown')
    async def shutdown(request):
        app.shutdown()
        return 'bye'

    return app


def ask(path):
    return b'GET ' + path + b' HTTP/1.1\r\nHost: a\r\n\r\n'


class TestShutdown(unittest.TestCase):
    def test_idle_connections_are_closed_at_once(self):
        async def main():
            app = make_app()
            async with Server(app) as server:
                silent = await server.connect()
                idle = await server.connect()
                await idle.send(GET)
                await idle.answer()
                app.shutdown()
                self.assertTrue(await idle.closed())
                self.assertTrue(await silent.closed())
                await soon(server.task)

        run(main())

    def test_request_in_flight_is_answered_before_the_end(self):
        async def main():
            app = make_app()
            async with Server(app) as server:
                client = await server.connect()
                await client.send(ask(b'/wait') + GET)
                await until(lambda: app.log)
                app.shutdown()
                await asyncio.sleep(0.02)  # for it to be cut off wrongly
                self.assertFalse(server.task.done())
                app.release.set()
                answer = await client.answer()
                self.assertEqual(answer.body, b'waited')
                self.assertTrue(answer.closes)
                self.assertTrue(await client.closed())

        run(main())

    def test_new_connections_are_refused(self):
        async def main():
            app = make_app()
            async with Server(app) as server:
                client = await server.connect()
                await client.send(ask(b'/wait'))
                await until(lambda: app.log)
                app.shutdown()

                try:
                    other = await server.connect()
                    await other.send(GET)
                    self.assertEqual(await other.rest(), b'')
                except OSError:
                    pass
                app.release.set()
                self.assertEqual((await client.answer()).body, b'waited')

        run(main())

    def test_slow_handler_and_stream_are_cancelled_after_the_grace(self):
        async def main():
            app = make_app()
            app.shutdown_timeout = 0.1
            async with Server(app) as server:
                slow = await server.connect()
                await slow.send(ask(b'/wait'))
                streaming = await server.connect()
                await streaming.send(ask(b'/stream'))
                await streaming.line(b'first\r\n')
                idle = await server.connect()
                half = await server.connect()
                await half.send(GET[:9])
                await until(lambda: app.log and any([
                    conn.partial for conn in app.connections]))
                app.shutdown()
                await soon(server.task)
                self.assertEqual(app.log, ['waiting', 'stream closed'])
                self.assertEqual(app.streams, 0)
                # cut, so that nobody takes the stream for whole
                self.assertEqual(await streaming.rest(), b'')
                for each in (slow, idle, half):
                    self.assertTrue(await each.closed())

        run(main())

    def test_shutdown_by_a_view_delivers_its_response(self):
        async def main():
            app = make_app()
            async with Server(app) as server:
                client = await server.connect()
                await client.send(ask(b'/shutdown'))
                answer = await client.answer()
                self.assertEqual(answer.body, b'bye')
                self.assertTrue(answer.closes)
                await soon(server.task)

        run(main())

    def test_shutdown_twice_and_after_the_end_does_nothing_more(self):
        async def main():
            app = make_app()
            async with Server(app) as server:
                app.shutdown()
                app.shutdown()
                await soon(server.task)
                app.shutdown()

        run(main())

    def test_shutdown_before_the_start_does_nothing(self):
        async def main():
            app = make_app()
            app.shutdown()
            async with Server(app) as server:
                self.assertEqual((await server.ask()).body, b'hello')

        run(main())

    def test_cancelled_server_closes_everything(self):
        async def main():
            app = make_app()
            async with Server(app) as server:
                client = await server.connect()
                await client.send(ask(b'/stream'))
                await client.line(b'first\r\n')
                server.task.cancel()
                self.assertEqual(await client.rest(), b'')
                try:
                    await soon(server.task)
                except asyncio.CancelledError:
                    pass
                server.task = None
                self.assertEqual(app.log, ['stream closed'])
                self.assertEqual(app.servers, [])

        run(main())


class TestStart(unittest.TestCase):
    def test_again_in_the_same_loop_and_in_another(self):
        app = make_app()
        app.keep_alive_timeout = 0.05

        async def main():
            app.release = asyncio.Event()
            for count in range(2):
                async with Server(app) as server:
                    client = await server.connect()
                    await client.send(GET)
                    self.assertEqual((await client.answer()).body, b'hello')
                    # the deadlines are enforced each time
                    self.assertTrue(await client.closed())
                    other = await server.connect()
                    await other.send(ask(b'/stream'))
                    await other.line(b'first\r\n')
                    app.shutdown_timeout = 0

        run(main())
        run(main())
        self.assertEqual(app.counters['accepted'], 8)

    def test_port_in_use_is_an_error_of_the_caller(self):
        async def main():
            async with Server(make_app()) as server:
                app = make_app()
                app.on_startup(lambda: app.log.append('up'))
                with self.assertRaises(OSError):
                    await soon(app.start_server('127.0.0.1', server.port))
                self.assertEqual(app.servers, [])
                self.assertEqual(app.log, [])
                self.assertEqual((await server.ask()).body, b'hello')

        run(main())

    def test_two_applications_at_once(self):
        async def main():
            async with Server(make_app()) as one:
                async with Server(make_app()) as two:
                    self.assertEqual((await one.ask()).body, b'hello')
                    self.assertEqual((await two.ask()).body, b'hello')
                self.assertEqual((await one.ask()).body, b'hello')

        run(main())

    def test_beside_another_coroutine(self):
        # the other one goes on while requests are slow, or many
        blinks = []

        async def blink():
            while True:
                blinks.append(1)
                await asyncio.sleep(0.005)

        async def main():
            app = make_app()
            task = asyncio.create_task(blink())
            async with Server(app) as server:
                client = await server.connect()
                await client.send(ask(b'/wait'))
                before = len(blinks)
                for count in range(20):
                    await server.ask()
                await until(lambda: len(blinks) > before + 3)
                app.release.set()
                await client.answer()
            task.cancel()

        run(main())


class TestHooks(unittest.TestCase):
    def test_startup_in_order_and_shutdown_in_reverse(self):
        log = []

        async def main():
            app = make_app()

            @app.on_startup
            async def up_one():
                await asyncio.sleep(0)
                log.append('up 1')

            @app.on_startup
            def up_two():
                log.append('up 2')

            @app.on_shutdown
            async def down_one():
                log.append('down 1')

            @app.on_shutdown
            async def down_two():
                log.append('down 2, %d open' % app.counters['open'])

            @app.get('/log')
            async def show(request):
                log.append('request')
                return ''

            async with Server(app) as server:
                await server.ask(ask(b'/log'))
                await server.connect()
            self.assertEqual(log, ['up 1', 'up 2', 'request',
                                   'down 2, 0 open', 'down 1'])

        run(main())

    def test_startup_that_fails_is_an_error_of_start_server(self):
        async def main():
            app = make_app()
            ended = []

            @app.on_startup
            async def fail():
                raise ValueError('at the start')

            @app.on_shutdown
            async def down():
                ended.append(True)

            async with Server(make_app()) as server:
                await server.stop()
                with self.assertRaises(ValueError):
                    await soon(app.start_server('127.0.0.1', server.port))
                self.assertEqual(app.servers, [])
                self.assertEqual(ended, [True])
                # the port is free again
                async with Server(make_app()) as other:
                    self.assertEqual((await other.ask()).body, b'hello')

        run(main())

    def test_shutdown_handler_that_fails_is_logged(self):
        ended = []

        async def main():
            app = make_app()

            @app.on_shutdown
            async def last():
                ended.append(True)

            @app.on_shutdown
            async def fail():
                raise ValueError('at the end')

            async with Server(app) as server:
                await server.stop()
                self.assertEqual(len(server.logged), 1)
                server.logged.clear()
            self.assertEqual(ended, [True])

        run(main())


class TestAccepting(unittest.TestCase):
    def replace(self, name, value):
        self.addCleanup(setattr, core, name, getattr(core, name))
        setattr(core, name, value)

    def test_accept_that_fails_does_not_end_the_server(self):
        accept = core.accept
        errors = [OSError(23, 'files'), MemoryError(), ValueError('odd')]

        async def failing(listener, server):
            if errors:
                raise errors.pop()
            return await accept(listener, server)

        self.replace('accept', failing)

        async def main():
            app = make_app()
            async with Server(app) as server:
                self.assertEqual((await server.ask()).body, b'hello')
                self.assertEqual(app.counters['refused'], 3)
                self.assertEqual(app.counters['accepted'], 1)

        run(main())

    def test_memory_error_after_accept_does_not_end_the_server(self):
        make = core.connection_class
        failures = [1, 2, 3]

        def fail(*args):
            raise MemoryError()

        def make_failing(*args):
            failure = failures.pop() if failures else 0
            if failure == 1:
                raise MemoryError()
            conn = make(*args)
            if failure:
                conn.start = fail
            return conn

        self.replace('connection_class', make_failing)

        async def main():
            app = make_app()
            async with Server(app) as server:
                for count in range(3):
                    client = await server.connect()
                    await client.send(GET)
                    try:
                        self.assertEqual(await client.rest(), b'')
                    except OSError:
                        pass  # a reset says no as well
                self.assertEqual(app.counters['refused'], 3)
                self.assertEqual(app.counters['open'], 0)
                self.assertEqual((await server.ask()).body, b'hello')

        run(main())

    def test_failing_accept_does_not_spin(self):
        calls = []

        async def failing(listener, server):
            calls.append(time.time())
            raise OSError(23, 'files')

        self.replace('accept', failing)

        async def main():
            app = make_app()
            async with Server(app):
                await until(lambda: len(calls) > 2)
            # no shorter than the pause between, however long that was
            for i in range(1, len(calls)):
                self.assertTrue(calls[i] - calls[i - 1] > 0.09, calls)

        run(main())


def open_files():
    """Return how many files this process has open, or 0 if unknown."""
    try:
        return len(os.listdir('/proc/self/fd'))
    except (OSError, AttributeError):
        return 0


class TestLeaks(unittest.TestCase):
    async def mixed(self, server, rounds):
        post = (b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n'
                b'\r\n')
        for count in range(rounds):
            kind = count % 10
            client = await server.connect()
            if kind < 3:
                await client.send(GET + GET)
                await client.bodies(2)
            elif kind == 3:
                await client.send(GET)        # leaves without reading
            elif kind == 4:
                await client.send(GET[:9])    # half a head
            elif kind == 5:
                await client.send(post + b'abc')
            elif kind == 6:
                await client.send(ask(b'/stream'))
                await client.line(b'first\r\n')
            elif kind == 7:
                await client.send(b'\x00\x01\x02\r\n\r\n')
            elif kind == 8:
                await client.send(ask(b'/missing'))
                await client.answer()
            await client.close()

    def test_nothing_is_left_of_300_good_and_bad_connections(self):
        async def main():
            app = make_app()
            async with Server(app) as server:
                await self.mixed(server, 20)
                await server.idle()
                await until(lambda: app.servers[0].sweeping is None)
                server.forget()
                gc.collect()
                files = open_files()
                tasks = self.tasks()
                memory = gc.mem_alloc() if hasattr(gc, 'mem_alloc') else 0
                await self.mixed(server, 300)
                await server.idle()
                await until(lambda: app.servers[0].sweeping is None)
                server.forget()
                self.assertEqual(len(app.connections), 0)
                self.assertEqual(app.streams, 0)
                self.assertEqual(open_files(), files)
                self.assertEqual(self.tasks(), tasks)
                if memory:
                    gc.collect()
                    # a leak of 16 bytes each would show
                    self.assertTrue(gc.mem_alloc() < memory + 4800)

        # (each stream that was left takes a moment on its own)
        run(main(), 60)

    @staticmethod
    def tasks():
        if hasattr(asyncio, 'all_tasks'):
            return len(asyncio.all_tasks())
        return 0

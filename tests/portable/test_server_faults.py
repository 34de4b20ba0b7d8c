"""The server over real connections whose sockets fail, in every way seen on
boards and systems, and which there is no memory for."""

import asyncio
import unittest

from faults import BOARD, ERRNOS, fault, install
from helpers import run
from microdot import Microdot
from microdot import microdot as core
from serving import GET, Server, until


def errors():
    found = [OSError(number, 'of a socket') for number in ERRNOS]
    if BOARD:
        # elsewhere asyncio itself complains of these
        found += [EOFError(), MemoryError()]
    return found


class Quick:
    """The module ``asyncio``, but with short pauses."""

    def __init__(self):
        self.pauses = []
        self.failures = 0

    def __getattr__(self, name):
        return getattr(asyncio, name)

    async def _sleep(self, seconds):
        await asyncio.sleep(0 if seconds < 1 else seconds)

    def sleep(self, seconds):
        if 0 < seconds < 1:
            self.pauses.append(seconds)
        return self._sleep(seconds)

    def create_task(self, coro):
        self.fail(coro)
        return asyncio.create_task(coro)

    def fail(self, coro):
        """Raise for want of memory, if that is due."""
        if self.failures:
            self.failures -= 1
            coro.close()
            raise MemoryError()


def make_app():
    app = Microdot()

    @app.get('/')
    async def index(request):
        return 'hello'

    return app


class FaultTestCase(unittest.TestCase):
    def replace(self, where, name, value):
        self.addCleanup(setattr, where, name, getattr(where, name))
        setattr(where, name, value)


class TestSockets(FaultTestCase):
    async def fail(self, server, place, error):
        """Have a connection fail; return what its client got."""
        fault.set(place, error)
        client = await server.connect()
        try:
            await client.send(GET[:9])
            await until(lambda: fault.reads)
            await client.send(GET[9:-2] + b'Connection: close\r\n\r\n')
            data = await client.rest()
        except OSError:
            data = b''
        await client.close()
        return data

    def check(self, places):
        self.addCleanup(install())

        async def main():
            app = make_app()
            async with Server(app) as server:
                for place in places:
                    for error in errors():
                        data = await self.fail(server, place, error)
                        self.assertIsNone(fault.place, (place, error))
                        # a reset at once, or tried again: EAGAIN
                        if data[-5:] == b'hello':
                            self.assertTrue(
                                place in ('close', 'drain')
                                or error.errno == 11, (place, error))
                        await server.idle()
                        answer = await server.ask()
                        self.assertEqual(answer.body, b'hello')
                        await server.idle()
                self.assertEqual(len(app.connections), 0)
                self.assertEqual(app.counters['refused'], 0)

        run(main())

    def test_errors_while_reading_are_quiet(self):
        self.check(('read', 'read again'))

    def test_errors_while_writing_are_quiet(self):
        self.check(('write', 'drain'))

    @unittest.skipIf(not BOARD, 'asyncio writes to the sockets itself')
    def test_answer_that_is_not_taken_at_once_arrives_whole(self):
        self.addCleanup(install())
        self.addCleanup(fault.set, None, None)

        async def main():
            async with Server(make_app()) as server:
                for place in ('half', 'full'):
                    fault.set(place, None)
                    answer = await server.ask()
                    self.assertEqual(answer.status, 200)
                    self.assertEqual(answer.body, b'hello')

        run(main())

    @unittest.skipIf(not BOARD, 'asyncio closes the sockets itself')
    def test_errors_while_closing_are_quiet(self):
        self.check(('close',))

    @unittest.skipIf(core.connection_class is core.Connection,
                     'there is no other kind of connection')
    def test_errors_of_plain_streams_are_quiet(self):
        self.replace(core, 'connection_class', core.Connection)
        self.check(('read', 'read again', 'write', 'drain'))


class TestAccepting(FaultTestCase):
    def setUp(self):
        self.quick = Quick()
        self.replace(core, 'asyncio', self.quick)

    def test_errors_while_accepting_are_quiet(self):
        accept = core.accept
        left = errors()

        async def failing(listener, server):
            if left:
                raise left.pop()
            return await accept(listener, server)

        self.replace(core, 'accept', failing)

        async def main():
            app = make_app()
            async with Server(app) as server:
                self.assertEqual((await server.ask()).body, b'hello')
                self.assertEqual(app.counters['refused'], len(errors()))
                # each of them was followed by a pause
                self.assertEqual(self.quick.pauses, [0.1] * len(errors()))

        run(main())

    def test_request_21_is_served_after_20_tasks_that_could_not_be(self):
        self.serve_after(lambda: None)

    def serve_after(self, prepare):
        async def main():
            app = make_app()
            prepare()
            async with Server(app) as server:
                self.quick.failures = 20
                for count in range(20):
                    client = await server.connect()
                    try:
                        await client.send(GET)
                        self.assertEqual(await client.rest(), b'')
                    except OSError:
                        pass  # a reset says no as well
                    await client.close()
                await until(lambda: not self.quick.failures)
                self.assertEqual((await server.ask()).body, b'hello')
                self.assertEqual(app.counters['refused'], 20)
                self.assertEqual(app.counters['accepted'], 1)
                await server.idle()
                self.assertEqual(len(app.connections), 0)

        run(main())

    @unittest.skipIf(BOARD, 'there is one way to make a task')
    def test_request_21_is_served_after_20_connections_without_a_task(self):
        def prepare():
            loop = asyncio.get_running_loop()
            create_task = loop.create_task

            def failing(coro, **kwargs):
                if coro.__name__ == '_open':
                    self.quick.fail(coro)
                return create_task(coro, **kwargs)

            loop.create_task = failing
            self.quick.create_task = asyncio.create_task

        self.serve_after(prepare)

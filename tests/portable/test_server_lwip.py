"""It serves as the firmware of boards wants it: lwIP's numbers and callback,
as many connections as there are, a heap that does not go to pieces."""

import asyncio
import gc
import sys
import unittest

import microdot.microdot as core
from helpers import run
from microdot import Microdot
from serving import Server

BOARD = sys.implementation.name == 'micropython'
if BOARD:
    import micropython


class Socket:
    """One that was accepted."""

    def __init__(self):
        self.options = []
        self.closed = False

    def setsockopt(self, level, option, value):
        self.options.append((level, option, value))

    def close(self):
        self.closed = True


class Listener:
    """One of lwIP's, whose connections come when a test says so."""

    def __init__(self):
        self.waiting = []
        self.errors = []
        self.callback = None
        self.closed = False

    def setsockopt(self, level, option, value):
        if option == 20:
            self.callback = value

    def arrive(self):
        """Let a connection come; return its socket."""
        sock = Socket()
        self.waiting.append(sock)
        # as the port does it; a loop is where it is then called
        micropython.schedule(self.callback, self)
        for _ in range(2):
            pass
        return sock

    def accept(self):
        if self.errors:
            raise self.errors.pop(0)
        if not self.waiting:
            raise OSError(11)
        return self.waiting.pop(0), ('127.0.0.1', 1)

    def close(self):
        self.closed = True


class Module:
    """The module ``socket`` of such a port."""
    __name__ = 'lwip'
    TCP_NODELAY = 0x40


class Old:
    """The same before MicroPython 1.24."""
    __name__ = 'lwip'


class System:
    """The module ``sys`` of such a port."""
    platform = 'rp2'


@unittest.skipIf(not BOARD, 'no lwIP')
class TestAccepting(unittest.TestCase):
    def setUp(self):
        self.use(Module())
        self.app = Microdot()
        self.listener = Listener()
        self.server = core.Server(self.app, [self.listener])

    def use(self, module):
        import socket
        self.addCleanup(sys.modules.__setitem__, 'socket', socket)
        sys.modules['socket'] = module

    async def accept(self):
        return (await core.accept(self.listener, self.server))[0]

    async def begin(self):
        # Wait until the callback is there; return the task that accepts.
        task = asyncio.create_task(self.accept())
        while not self.listener.callback:
            await asyncio.sleep(0)
        return task

    def test_connections_are_taken_when_they_come_and_served_in_order(self):
        async def main():
            task = await self.begin()
            sent = [self.listener.arrive() for _ in range(3)]
            # nothing has waited in between
            self.assertEqual(self.listener.waiting, [])
            self.assertIs(await task, sent[0])
            self.assertIs(await self.accept(), sent[1])
            self.assertIs(await self.accept(), sent[2])
            # and those that come later
            task = asyncio.create_task(self.accept())
            await asyncio.sleep(0)
            sock = self.listener.arrive()
            self.assertIs(await task, sock)

        run(main())

    def test_a_page_that_is_reloaded_leaves_room_to_take(self):
        # one reset after the other, before the server has come to it
        async def main():
            task = await self.begin()
            self.app.max_connections = 2
            sent = [self.listener.arrive() for _ in range(8)]
            self.assertEqual(self.listener.waiting, [])
            self.assertIs(await task, sent[0])

        run(main())

    def test_a_flood_is_not_taken_at_once(self):
        async def main():
            task = await self.begin()
            self.app.max_connections = 2
            sent = [self.listener.arrive() for _ in range(11)]
            self.assertEqual(len(self.listener.waiting), 3)
            # the rest is not forgotten
            self.assertIs(await task, sent[0])
            for sock in sent[1:]:
                self.assertIs(await self.accept(), sock)

        run(main())

    def test_failure_in_the_callback_is_met_again_and_loses_no_one(self):
        async def main():
            task = await self.begin()
            self.listener.errors = [MemoryError(), MemoryError()]
            sock = self.listener.arrive()
            with self.assertRaises(MemoryError):
                await task
            self.assertIs(await self.accept(), sock)

        run(main())

    def test_connection_that_nobody_was_told_of_is_found(self):
        async def main():
            task = await self.begin()
            sock = Socket()
            self.listener.waiting.append(sock)
            # with another client there
            self.app.sweep_interval = 0.01
            self.server.sweeping = asyncio.create_task(self.server.sweep())
            self.assertIs(await task, sock)

        run(main())

    def test_error_of_the_port_is_no_reason_to_wait(self):
        async def main():
            task = await self.begin()
            self.listener.errors = [OSError(23), OSError(23)]
            sock = self.listener.arrive()
            with self.assertRaises(OSError):
                await task
            self.assertIs(await self.accept(), sock)

        run(main())

    def test_nagle_is_switched_off_by_the_number_of_the_port(self):
        async def main():
            task = await self.begin()
            self.listener.arrive()
            self.assertEqual((await task).options, [(6, 0x40, 1)])

        run(main())

    def test_port_without_the_constant_is_not_asked(self):
        self.use(Old())
        self.addCleanup(setattr, core, 'sys', sys)
        core.sys = System

        async def main():
            task = await self.begin()
            self.listener.arrive()
            self.assertEqual((await task).options, [])

        run(main())

    def test_what_was_taken_is_closed_at_the_end(self):
        async def main():
            task = asyncio.create_task(self.server.serve())
            while not self.listener.callback:
                await asyncio.sleep(0)
            self.app.max_connections = 3
            sent = [self.listener.arrive() for _ in range(3)]
            self.server.close()
            await task
            self.assertEqual([each.closed for each in sent], [True] * 3)
            self.assertTrue(self.listener.closed)

        run(main())


class TestLimits(unittest.TestCase):
    @unittest.skipIf(not BOARD, 'not a board')
    def test_board_of_which_nothing_is_known_has_4_connections(self):
        self.assertEqual(Microdot.max_connections, 4)

    @unittest.skipIf(not hasattr(gc, 'mem_free'), 'the collector is another')
    def test_heap_is_collected_before_it_is_full_unless_chosen_otherwise(self):
        self.addCleanup(gc.threshold, gc.threshold())

        async def main():
            gc.threshold(-1)
            async with Server(Microdot()):
                free = gc.threshold()
                self.assertTrue(0 < free <= (
                    gc.mem_free() + gc.mem_alloc()) // 4)
            gc.threshold(6400)
            async with Server(Microdot()):
                self.assertEqual(gc.threshold(), 6400)

        run(main())


if __name__ == '__main__':
    unittest.main()

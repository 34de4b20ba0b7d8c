"""Peers that are slow without ever being silent, over real connections."""

import asyncio
import unittest

from helpers import run
from microdot import Microdot
from serving import GET, Server, until

POST = b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n'
CHUNKED = b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'


class Pieces:
    """A body of so many pieces; it waits for an event before the last."""

    def __init__(self, count, event=None):
        self.count = count
        self.event = event

    def __aiter__(self):
        return self

    async def __anext__(self):
        self.count -= 1
        if self.count < 0:
            raise StopAsyncIteration
        if not self.count and self.event:
            await self.event.wait()
        return b'x' * 16384


async def drip(client, piece=b'x'):
    """Send a piece again and again, until that fails."""
    try:
        while True:
            await client.send(piece)
            await asyncio.sleep(0.002)
    except OSError:
        pass


class TestMinRate(unittest.TestCase):
    def serve(self, check, **limits):
        async def main():
            app = Microdot()
            app.sweep_interval = 0.02
            app.drain_timeout = 0.05
            app.release = asyncio.Event()
            for name, value in limits.items():
                self.assertTrue(hasattr(app, name))
                setattr(app, name, value)

            @app.route('/', methods=['GET', 'POST'])
            async def index(request):
                return str(len(request.body))

            @app.get('/endless')
            async def endless(request):
                return Pieces(1000000)

            @app.get('/idle')
            async def idle(request):
                return Pieces(2, app.release)

            @app.post('/wait')
            async def wait(request):
                await app.release.wait()
                return str(len(request.body))

            async with Server(app) as server:
                await check(app, server, await server.connect())

        run(main())

    async def sweeps(self, app, count):
        """Wait for some sweeps."""
        server = app.servers[0]
        last = server.ticks + count
        await until(lambda: server.ticks >= last)

    def test_slow_body_is_answered_with_408(self):
        for head, piece in ((POST, b'x'), (CHUNKED, b'1\r\nx\r\n')):
            async def check(app, server, client):
                await client.send(head)
                task = asyncio.create_task(drip(client, piece))
                answer = await client.answer()
                self.assertEqual(answer.status, 408)
                self.assertTrue(answer.closes)
                self.assertEqual(app.counters['timed_out'], 1)
                task.cancel()

            self.serve(check, min_rate=1000000, rate_window=0.1)

    def test_body_that_is_fast_enough_is_served(self):
        async def check(app, server, client):
            await client.send(POST)
            for _ in range(20):
                await client.send(b'x' * 500)
                await self.sweeps(app, 1)
            self.assertEqual((await client.answer()).body, b'10000')

        # (the window is much less than it takes)
        self.serve(check, min_rate=2000, rate_window=0.1)

    def test_what_was_sent_at_once_makes_up_for_a_pause(self):
        async def check(app, server, client):
            await client.send(POST)
            # (in which as much is due as comes)
            await self.sweeps(app, 10)
            await client.send(b'x' * 9999)
            await self.sweeps(app, 3)
            await client.send(b'x')
            self.assertEqual((await client.answer()).body, b'10000')

        self.serve(check, min_rate=10000, rate_window=0.1)

    def test_slow_reader_is_closed(self):
        async def check(app, server, client):
            await client.send(b'GET /endless HTTP/1.1\r\nHost: a\r\n\r\n')
            try:
                while await client.fill():
                    client.data = b''
                    await asyncio.sleep(0.001)
            except OSError:
                pass
            await server.idle()
            self.assertEqual(app.counters['timed_out'], 1)

        self.serve(check, min_rate=1000000000, rate_window=0.1)

    def test_stream_that_has_nothing_to_send_is_left_alone(self):
        async def check(app, server, client):
            await client.send(b'GET /idle HTTP/1.1\r\nHost: a\r\n\r\n')
            await client.line(b'\r\n\r\n')
            await self.sweeps(app, 10)
            app.release.set()
            data = b''
            while data[-5:] != b'0\r\n\r\n':
                await client.fill()
                data = client.data
            self.assertEqual(app.counters['timed_out'], 0)

        self.serve(check, min_rate=1000000, rate_window=0.05)

    def test_slow_handler_is_left_alone(self):
        async def check(app, server, client):
            await client.send(POST.replace(b'/', b'/wait', 1) + b'x' * 10000)
            await self.sweeps(app, 10)
            app.release.set()
            self.assertEqual((await client.answer()).body, b'10000')

        self.serve(check, min_rate=1000000, rate_window=0.05)

    def test_idle_connection_is_left_to_its_own_deadline(self):
        async def check(app, server, client):
            for _ in range(2):
                await client.send(GET)
                await client.answer()
                await self.sweeps(app, 10)
            self.assertEqual(app.counters['open'], 1)

        self.serve(check, min_rate=1000000, rate_window=0.05)

    def test_none_is_a_choice(self):
        async def check(app, server, client):
            await client.send(POST[:-9] + b'3\r\n\r\n')
            for _ in range(3):
                await self.sweeps(app, 5)
                await client.send(b'x')
            self.assertEqual((await client.answer()).body, b'3')

        for none in (None, 0):
            self.serve(check, min_rate=none, rate_window=0.01)

    def test_silence_has_its_own_deadline(self):
        async def check(app, server, client):
            await client.send(POST)
            await self.sweeps(app, 10)
            self.assertEqual(app.counters['timed_out'], 0)

        self.serve(check, min_rate=1000000, rate_window=0.05)

    def test_default_is_that_of_the_page(self):
        self.assertEqual((Microdot.min_rate, Microdot.rate_window), (100, 20))

"""The server over real connections: time, and how many at once."""

import asyncio
import unittest

from helpers import change, run
from microdot import Microdot
from microdot import microdot as core
from serving import GET, Server, until

POST = b'POST / HTTP/1.1\r\nHost: a\r\n'


class Stream:
    """A body that waits for an event after its first piece."""

    def __init__(self, event):
        self.event = event
        self.begun = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.begun:
            self.begun = True
            return 'first'
        await self.event.wait()
        raise StopAsyncIteration


class Flood:
    """A body without an end."""

    count = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        self.count += 1
        return b'x' * 16384


class Unhurried:
    """The module ``asyncio``, but a connection that waits to be accepted
    does so until there is room, rather than for 0.2 seconds: then it would
    be made at the cost of those whose request is on the way.

    :param late: whether that is so from the beginning, or from when the time
                 was over for once.
    """

    def __init__(self, late=True):
        self.late = late

    def __getattr__(self, name):
        return getattr(asyncio, name)

    async def wait_for(self, coro, seconds):
        if seconds == 0.2 and self.late:
            seconds = 60
        try:
            return await asyncio.wait_for(coro, seconds)
        except asyncio.TimeoutError:
            self.late = True
            raise


def make_app():
    app = Microdot()
    app.sweep_interval = 0.02
    app.drain_timeout = 0.05
    app.release = asyncio.Event()

    @app.route('/', methods=['GET', 'POST'])
    async def index(request):
        return 'hello'

    @app.get('/stream')
    async def stream(request):
        return Stream(app.release)

    @app.get('/wait')
    async def wait(request):
        await app.release.wait()
        return 'waited'

    @app.get('/flood')
    async def flood(request):
        return Flood()

    return app


def serve(check, **limits):
    """Run ``check(app, server, client)`` with one connected client.

    :param limits: attributes of the application.
    """
    async def main():
        app = make_app()
        for name, value in limits.items():
            setattr(app, name, value)
        async with Server(app) as server:
            await check(app, server, await server.connect())

    run(main())


def ask(path):
    return b'GET ' + path + b' HTTP/1.1\r\nHost: a\r\n\r\n'


class TestTimeouts(unittest.TestCase):
    def test_half_a_head_then_silence_is_answered_with_408(self):
        async def check(app, server, client):
            await client.send(GET[:-2])
            answer = await client.answer()
            self.assertEqual(answer.status, 408)
            self.assertTrue(answer.closes)
            self.assertTrue(await client.closed())
            await server.idle()
            self.assertEqual(app.counters['timed_out'], 1)

        serve(check, head_timeout=0.05)

    def test_head_deadline_is_not_extended_by_further_bytes(self):
        async def drip(client):
            try:
                await client.send(b'GET / HTTP/1.1\r\nX: ')
                while True:
                    await client.send(b'a')
                    await asyncio.sleep(0.03)
            except OSError:
                pass

        async def check(app, server, client):
            # the first request of a connection, and the second of another
            other = await server.connect()
            await other.send(GET)
            await other.answer()
            for each in (client, other):
                task = asyncio.create_task(drip(each))
                self.assertEqual((await each.answer()).status, 408)
                task.cancel()

        serve(check, head_timeout=0.1)

    def test_head_in_slow_pieces_within_the_deadline_is_served(self):
        async def check(app, server, client):
            for i in range(0, len(GET), 9):
                await client.send(GET[i:i + 9])
                await asyncio.sleep(0.06)
            self.assertEqual((await client.answer()).body, b'hello')

        serve(check, head_timeout=5, keep_alive_timeout=0.05)

    def test_silence_is_closed_without_an_answer(self):
        async def check(app, server, client):
            other = await server.connect()
            self.assertTrue(await other.closed())
            self.assertEqual(app.counters['requests'], 0)

        serve(check, head_timeout=0.05)

    def test_idle_connection_is_closed_without_an_answer(self):
        async def check(app, server, client):
            await client.send(GET)
            self.assertEqual((await client.answer()).body, b'hello')
            self.assertTrue(await client.closed())
            self.assertEqual(app.counters['requests'], 1)
            self.assertEqual(app.counters['timed_out'], 1)

        serve(check, keep_alive_timeout=0.05)

    def test_half_a_head_on_an_idle_connection_is_answered_with_408(self):
        async def check(app, server, client):
            await client.send(GET + GET[:9])
            self.assertEqual((await client.answer()).body, b'hello')
            self.assertEqual((await client.answer()).status, 408)
            self.assertTrue(await client.closed())

        serve(check, head_timeout=0.05)

    def test_silent_body_is_answered_with_408(self):
        async def check(app, server, client):
            clients = []
            for framing in (b'Content-Length: 9\r\n\r\nabc',
                            b'Transfer-Encoding: chunked\r\n\r\n9\r\nabc',
                            b'Transfer-Encoding: chunked\r\n\r\n9'):
                clients.append(await server.connect())
                await clients[-1].send(POST + framing)
            for other in clients:
                answer = await other.answer()
                self.assertEqual(answer.status, 408)
                self.assertTrue(answer.closes)
                self.assertTrue(await other.closed())

        serve(check, stall_timeout=0.05, drain_timeout=0.05)

    def test_slow_body_that_goes_on_is_served(self):
        async def check(app, server, client):
            await client.send(POST + b'Content-Length: 8\r\n\r\n')
            for count in range(8):
                await asyncio.sleep(0.05)
                await client.send(b'x')
            self.assertEqual((await client.answer()).body, b'hello')

        serve(check, stall_timeout=0.3)

    def test_slow_handler_is_left_alone(self):
        async def check(app, server, client):
            await client.send(ask(b'/wait'))
            await until(lambda: app.servers[0].ticks > 8)
            app.release.set()
            self.assertEqual((await client.answer()).body, b'waited')

        serve(check, head_timeout=0.05, keep_alive_timeout=0.05,
              stall_timeout=0.05)

    def test_slow_stream_is_left_alone(self):
        async def check(app, server, client):
            await client.send(ask(b'/stream'))
            await client.line(b'first\r\n')
            await until(lambda: app.servers[0].ticks > 8)
            app.release.set()
            self.assertEqual(await client.line(b'\r\n\r\n'), b'0')

        serve(check, head_timeout=0.05, keep_alive_timeout=0.05,
              stall_timeout=0.05)

    def test_peer_that_never_reads_is_closed(self):
        async def check(app, server, client):
            await client.send(ask(b'/flood'))
            await server.idle()
            self.assertEqual(app.counters['timed_out'], 1)
            self.assertEqual(app.streams, 0)

        serve(check, stall_timeout=0.05)

    def test_no_timeout_is_a_choice(self):
        async def check(app, server, client):
            await client.send(GET)
            self.assertEqual((await client.answer()).body, b'hello')
            await until(lambda: app.servers[0].ticks > 4)
            await client.send(GET)
            self.assertEqual((await client.answer()).body, b'hello')

        serve(check, keep_alive_timeout=None)

    def test_there_is_no_sweep_while_no_connection_is_open(self):
        async def check(app, server, client):
            await client.close()
            await server.idle()
            await until(lambda: app.servers[0].sweeping is None)
            ticks = app.servers[0].ticks
            await asyncio.sleep(0.15)
            self.assertEqual(app.servers[0].ticks, ticks)
            self.assertEqual((await server.ask()).body, b'hello')

        serve(check)


class TestLimitOfConnections(unittest.TestCase):
    def test_further_connections_wait_until_one_has_gone(self):
        async def check(app, server, client):
            clients = [client]
            await client.send(ask(b'/wait'))
            for count in (1, 2, 2):
                await until(lambda: app.counters['requests'] == count)
                clients.append(await server.connect())
                await clients[-1].send(ask(b'/wait'))
            await asyncio.sleep(0.05)  # for a third to be served wrongly
            self.assertEqual(app.counters['requests'], 2)
            app.release.set()
            for each in clients:
                self.assertEqual((await each.answer()).body, b'waited')

        serve(check, max_connections=2)

    def test_all_connections_may_be_used(self):
        async def check(app, server, client):
            other = await server.connect()
            for count in range(3):
                for each in (client, other):
                    await each.send(GET)
                    self.assertEqual((await each.answer()).body, b'hello')
            self.assertEqual(app.counters['accepted'], 2)

        serve(check, max_connections=2)

    def test_idle_connection_is_closed_for_a_new_one(self):
        async def check(app, server, client):
            busy = await server.connect()
            await busy.send(ask(b'/wait'))
            await until(lambda: app.counters['requests'] == 1)
            # whichever was closed for the other, there is room
            idle = await server.connect()
            await idle.send(GET)
            self.assertEqual((await idle.answer()).body, b'hello')
            self.assertEqual((await server.ask()).body, b'hello')
            self.assertTrue(await idle.closed())
            app.release.set()
            self.assertEqual((await busy.answer()).body, b'waited')

        serve(check, max_connections=2)

    def test_connection_that_becomes_idle_is_closed_for_one_that_waits(self):
        async def check(app, server, client):
            await client.send(ask(b'/wait'))
            await until(lambda: app.counters['requests'] == 1)
            other = await server.connect()
            await other.send(GET)
            await asyncio.sleep(0.02)  # for accepting to pause
            app.release.set()
            self.assertEqual((await client.answer()).body, b'waited')
            self.assertEqual((await other.answer()).body, b'hello')

        serve(check, max_connections=1, keep_alive_timeout=60)

    def test_connection_without_a_timeout_is_closed_for_another(self):
        async def check(app, server, client):
            await client.send(GET)
            self.assertEqual((await client.answer()).body, b'hello')
            self.assertEqual((await server.ask()).body, b'hello')

        serve(check, max_connections=1, keep_alive_timeout=None)

    def test_silent_connections_do_not_keep_others_out(self):
        async def check(app, server, client):
            for count in range(20):
                await server.connect()
            for count in range(5):
                self.assertEqual((await server.ask()).body, b'hello')
            self.assertTrue(app.counters['open'] <= 4)

        serve(check, max_connections=4)

    def test_connection_that_has_begun_a_head_is_not_idle(self):
        change(self, core, 'asyncio', Unhurried())

        async def check(app, server, client):
            await client.send(GET[:9])
            await until(lambda: any([
                conn.partial for conn in app.connections]))
            other = await server.connect()
            await other.send(GET)
            await asyncio.sleep(0.05)  # for the first to be closed wrongly
            await client.send(GET[9:-2] + b'Connection: close\r\n\r\n')
            self.assertEqual((await client.answer()).body, b'hello')
            self.assertEqual((await other.answer()).body, b'hello')

        serve(check, max_connections=1)

    def test_nobody_is_closed_when_room_comes_as_the_time_is_over(self):
        class Late(Unhurried):
            async def wait_for(self, coro, seconds):
                res = await asyncio.wait_for(coro, 60)
                if seconds == 0.2:
                    raise asyncio.TimeoutError()
                return res

        change(self, core, 'asyncio', Late())

        async def check(app, server, client):
            await client.send(GET)
            await client.answer()
            half = await server.connect()
            await half.send(GET[:9])
            await until(lambda: any([
                conn.partial for conn in app.connections]))
            # in the place of the first
            self.assertEqual((await server.ask()).body, b'hello')
            await half.send(GET[9:])
            self.assertEqual((await half.answer()).body, b'hello')

        serve(check, max_connections=2)

    def test_slow_heads_do_not_keep_others_out(self):
        async def check(app, server, client):
            # of new connections, and of one that has had its answer
            for count in range(3):
                other = await server.connect()
                if not count:
                    await other.send(GET)
                    await other.answer()
                await other.send(GET[:count + 1])
                await until(lambda: sum([
                    conn.partial for conn in app.connections]) == count + 1)
            for count in range(3):
                self.assertEqual((await server.ask()).body, b'hello')
                await server.connect()
            self.assertEqual(app.counters['timed_out'], 0)

        serve(check, max_connections=4, head_timeout=60,
              keep_alive_timeout=60)

    def test_those_that_have_waited_longest_go_first(self):
        change(self, core, 'asyncio', Unhurried(late=False))

        async def check(app, server, client):
            ticking = app.servers[0]
            await client.send(GET[:1])
            await until(lambda: [
                conn for conn in app.connections if conn.partial])
            tick = ticking.ticks
            await until(lambda: ticking.ticks > tick)
            later = await server.connect()
            await later.send(GET[:9])
            await until(lambda: len([
                conn for conn in app.connections if conn.partial]) == 2)
            self.assertEqual((await server.ask()).body, b'hello')
            self.assertTrue(await client.closed())
            await later.send(GET[9:])
            self.assertEqual((await later.answer()).body, b'hello')

        serve(check, max_connections=2, head_timeout=60)

    def test_burst_of_connections_is_served_whole(self):
        async def check(app, server, client):
            await client.close()
            clients = []
            for count in range(12):
                clients.append(await server.connect())
                await clients[-1].send(
                    GET[:-2] + b'Connection: close\r\n\r\n')
            for each in clients:
                self.assertEqual((await each.answer()).body, b'hello')

        serve(check, max_connections=4)

    def test_streams_leave_some_connections_to_others(self):
        async def check(app, server, client):
            streaming = [client, await server.connect()]
            for each in streaming:
                await each.send(ask(b'/stream'))
                await each.line(b'first\r\n')
            answer = await server.ask(ask(b'/stream'))
            self.assertEqual(answer.status, 503)
            self.assertTrue(int(answer.headers['retry-after']) > 0)
            self.assertEqual((await server.ask()).body, b'hello')
            await client.close()
            await until(lambda: app.streams == 1)
            again = await server.connect()
            await again.send(ask(b'/stream'))
            await again.line(b'first\r\n')

        serve(check, max_connections=4, reserved_connections=2)

    def test_counters_tell_what_happened(self):
        async def check(app, server, client):
            await client.send(GET + GET)
            await client.bodies(2)
            await client.closed()
            await server.ask()
            await server.idle()
            self.assertEqual(app.counters, {
                'open': 0, 'accepted': 2, 'refused': 0, 'timed_out': 1,
                'requests': 3, 'malformed': 0})

        serve(check, keep_alive_timeout=0.05)

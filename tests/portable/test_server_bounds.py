"""The server over real connections: much of everything."""

import asyncio
import unittest

from helpers import run
from microdot import Microdot, Request
from serving import GET, Server, soon, until

#: Bytes that the server may read ahead of a handler: what it takes before it
#: waits, and one more read.
AHEAD = 131072 if hasattr(asyncio, 'Queue') else 1024


class Numbers:
    """A body of many pieces, which counts them."""

    def __init__(self, app):
        self.app = app

    def __aiter__(self):
        return self

    async def __anext__(self):
        self.app.count += 1
        if self.app.count > self.app.most:
            raise StopAsyncIteration
        return b'x' * 4096


def make_app():
    app = Microdot()
    app.count = 0
    app.most = 10000
    app.bodies = []
    app.release = asyncio.Event()

    @app.route('/', methods=['GET', 'POST'])
    async def index(request):
        app.bodies.append(request.body)
        return 'hello'

    @app.get('/stream')
    async def stream(request):
        return Numbers(app)

    @app.post('/hold', max_content_length=100000000)
    async def hold(request):
        app.count += len(await request.stream.read(1))
        await app.release.wait()
        while True:
            data = await request.stream.read(4096)
            if not data:
                return str(app.count)
            app.count += len(data)

    return app


def serve(check):
    """Run ``check(app, server, client)`` with one connected client."""
    async def main():
        app = make_app()
        async with Server(app) as server:
            await check(app, server, await server.connect())

    run(main())


def held(app):
    """Return the most bytes that a connection has read ahead."""
    return max([len(conn.data) for conn in app.connections] + [0])


async def steady(value):
    """Wait until a function returns the same for a while; return that."""
    last = value()
    same = 0
    while same < 10:
        await asyncio.sleep(0.01)
        same = same + 1 if value() == last else 0
        last = value()
    return last


async def send_all(client, piece, count):
    try:
        for _ in range(count):
            await client.send(piece)
            client.sent = getattr(client, 'sent', 0) + len(piece)
    except OSError:
        pass  # the other end has had enough


class TestBackPressure(unittest.TestCase):
    def test_stream_waits_for_its_reader(self):
        async def check(app, server, client):
            await client.send(b'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
            count = await soon(steady(lambda: app.count))
            self.assertTrue(0 < count < app.most)
            # it ends where it would have, however long it waited
            app.most = count + 50
            await client.line(b'\r\n\r\n')
            for _ in range(count + 50):
                await client.line()
                await client.take(4096)
                await client.line()
            self.assertEqual(await client.line(b'\r\n\r\n'), b'0')

        serve(check)

    def test_upload_waits_for_its_handler(self):
        async def check(app, server, client):
            piece = b'x' * 4096
            client.sent = 0
            await client.send(b'POST /hold HTTP/1.1\r\nHost: a\r\n'
                              b'Content-Length: %d\r\n\r\n' % (4096 * 4000))
            sending = asyncio.create_task(send_all(client, piece, 4000))
            await until(lambda: app.count)
            await soon(steady(lambda: client.sent))
            self.assertTrue(client.sent < 4096 * 4000)
            self.assertEqual(app.count, 1)
            self.assertTrue(held(app) <= AHEAD, held(app))
            app.release.set()
            answer = await client.answer()
            self.assertEqual(answer.body, b'%d' % (4096 * 4000))
            await sending

        serve(check)


class TestThousands(unittest.TestCase):
    def test_pipelined_requests_are_all_answered(self):
        async def check(app, server, client):
            app.max_requests = 3000
            most = 0
            sending = asyncio.create_task(send_all(client, GET * 20, 100))
            for count in range(2000):
                answer = await client.answer()
                if answer.body != b'hello' or answer.closes:
                    raise AssertionError(count)
                most = max(most, held(app))
            await sending
            self.assertTrue(most <= AHEAD, most)
            self.assertEqual(app.counters['requests'], 2000)

        serve(check)

    def test_chunks_of_one_byte_make_a_body(self):
        async def check(app, server, client):
            await client.send(b'POST / HTTP/1.1\r\nHost: a\r\n'
                              b'Transfer-Encoding: chunked\r\n\r\n')
            await send_all(client, b'1\r\nx\r\n' * 100, 30)
            await client.send(b'0\r\n\r\n' + GET)
            self.assertEqual(await client.bodies(2), [b'hello', b'hello'])
            self.assertEqual(app.bodies, [b'x' * 3000, b''])

        serve(check)

    def test_body_of_one_byte_per_packet_is_read(self):
        async def check(app, server, client):
            await client.send(b'POST / HTTP/1.1\r\nHost: a\r\n'
                              b'Content-Length: 600\r\n\r\n')
            for _ in range(600):
                await client.send(b'x')
                await asyncio.sleep(0)
            self.assertEqual((await client.answer()).body, b'hello')
            self.assertEqual(app.bodies, [b'x' * 600])

        serve(check)

    def test_header_per_packet_is_read_up_to_the_limit(self):
        async def check(app, server, client):
            for count, status in ((Request.max_headers - 1, 200),
                                  (Request.max_headers, 431)):
                other = await server.connect()
                await other.send(b'GET / HTTP/1.1\r\nHost: a\r\n')
                for _ in range(count):
                    await other.send(b'X: y\r\n')
                    await asyncio.sleep(0)
                await other.send(b'\r\n')
                self.assertEqual((await other.answer()).status, status)

        serve(check)


class TestHalfClosed(unittest.TestCase):
    def half_close(self, client, data):
        if not hasattr(client.writer, 'write_eof'):
            self.skipTest('no way to close one direction')
        client.writer.write(data)
        client.writer.write_eof()

    def test_request_of_a_peer_that_sends_no_more_is_answered(self):
        async def check(app, server, client):
            self.half_close(client, GET + GET)
            self.assertEqual(await client.bodies(2), [b'hello', b'hello'])
            self.assertTrue(await client.closed())

        serve(check)

    def test_half_a_request_of_a_peer_that_sends_no_more_is_closed(self):
        async def check(app, server, client):
            for data in (GET[:-2], b'POST / HTTP/1.1\r\nHost: a\r\n'
                         b'Content-Length: 5\r\n\r\nabc'):
                other = await server.connect()
                self.half_close(other, data)
                self.assertTrue(await other.closed())
            self.assertEqual(app.bodies, [])

        serve(check)


if __name__ == '__main__':
    unittest.main()

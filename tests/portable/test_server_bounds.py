"""The server over real connections: much of everything."""

import asyncio
import time
import unittest

from helpers import change, heap_kb, run
from microdot import Microdot, Request, URLPattern
from serving import GET, Server, soon, until, while_moving

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


class Slow:
    """A body of the numbers from 1 on, each of which takes 0.1 s."""

    def __init__(self, most):
        self.most = most
        self.count = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        self.count += 1
        if self.count > self.most:
            raise StopAsyncIteration
        await asyncio.sleep(0.1)
        return b'%d' % self.count


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
    except (OSError, AttributeError):
        pass  # the other end has had enough, or this one has been closed


async def send_patiently(client, piece, count):
    """Write pieces, however long the other end takes for each."""
    for _ in range(count):
        client.writer.write(piece)
        await client.writer.drain()
        client.sent += len(piece)


class TestBackPressure(unittest.TestCase):
    def test_stream_waits_for_its_reader(self):
        async def check(app, server, client):
            await client.send(b'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
            count = await steady(lambda: app.count)
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
            sending = asyncio.create_task(send_patiently(client, piece, 4000))
            await until(lambda: app.count)
            await steady(lambda: client.sent)
            self.assertTrue(client.sent < 4096 * 4000)
            self.assertEqual(app.count, 1)
            self.assertTrue(held(app) <= AHEAD, held(app))
            app.release.set()
            await while_moving(lambda: app.count == 4096 * 4000,
                               lambda: (client.sent, app.count))
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


class TestLimits(unittest.TestCase):
    """Each limit of a request: at it, one over it, and far over it."""

    def setUp(self):
        if heap_kb() < 150:
            # What the client and the handler have is in the same heap.
            change(self, Request, 'max_header_size', 3072)
            change(self, Request, 'max_content_length', 4096)

    def check(self, cases):
        """Send requests, each on a connection of its own: tuples of the bytes
        and the status of the answer."""
        async def main(app, server, client):
            app.sweep_interval = 0.02

            @app.post('/form')
            async def form(request):
                return str(len(request.form))

            @app.get('/args')
            async def args(request):
                return str(len(request.args))

            @app.get('/re/<re:a+:text>')
            async def expression(request, text):
                return 'matches'

            for number in range(len(cases)):
                pieces, status = cases[number]
                other = await server.connect()
                sending = asyncio.create_task(self.send(other, pieces))
                answer = await other.answer()
                self.assertEqual((number, answer.status), (number, status))
                most = Request.max_readline + Request.max_header_size + AHEAD
                self.assertTrue(held(app) <= most, held(app))
                await other.close()
                await soon(sending)
            self.assertEqual((await server.ask()).body, b'hello')

        serve(main)

    async def send(self, client, pieces):
        for piece, count in pieces:
            await send_all(client, piece, count)

    def test_request_line(self):
        most = Request.max_readline - len(b'GET / HTTP/1.0')
        self.check([([(b'GET /' + b'a' * size + b' HTTP/1.0\r\n\r\n', 1)],
                     status) for size, status in ((most, 404),
                                                  (most + 1, 414))] +
                   [([(b'GET /', 1), (b'a' * 1000, 500)], 414)])

    def test_header_line(self):
        most = Request.max_readline - len(b'X: ')
        head = b'GET / HTTP/1.0\r\nX: '
        self.check([([(head + b'a' * size + b'\r\n\r\n', 1)], status)
                    for size, status in ((most, 200), (most + 1, 431))] +
                   [([(head, 1), (b'a' * 1000, 500)], 431)])

    def test_headers(self):
        line = b'X: ' + b'a' * 995 + b'\r\n'
        count = Request.max_header_size // 1000
        rest = Request.max_header_size - count * 1000
        head = b'GET / HTTP/1.0\r\n'
        cases = []
        for size, status in ((rest, 200), (rest + 1, 431)):
            last = b'Y: ' + b'a' * (size - 3)
            cases.append(([(head, 1), (line, count), (last + b'\r\n\r\n', 1)],
                          status))
        self.check(cases + [([(head, 1), (line, 500)], 431)])

    def test_number_of_headers(self):
        head = b'GET / HTTP/1.0\r\n'
        self.check([([(head + b'X: y\r\n' * count + b'\r\n', 1)], status)
                    for count, status in ((Request.max_headers, 200),
                                          (Request.max_headers + 1, 431),
                                          (10 * Request.max_headers, 431))])

    def test_declared_body(self):
        most = Request.max_content_length
        head = b'POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n'
        self.check([([(head % most, 1), (b'x' * 1024, most // 1024)], 200),
                    ([(head % (most + 1), 1)], 413),
                    ([(head % 9999999999, 1), (b'x' * 1000, 500)], 413)])

    def test_chunked_body(self):
        most = Request.max_content_length
        head = (b'POST / HTTP/1.1\r\nHost: a\r\n'
                b'Transfer-Encoding: chunked\r\n\r\n')
        chunk = b'200\r\n' + b'x' * 512 + b'\r\n'
        count = most // 512
        self.check([([(head, 1), (chunk, count), (b'0\r\n\r\n', 1)], 200),
                    ([(head, 1), (chunk, count), (b'1\r\nx\r\n', 1)], 413),
                    ([(head, 1), (chunk, 50 * count)], 413),
                    ([(head, 1), (b'ffffffff\r\n', 1)], 413),
                    ([(head, 1), (b'100000000\r\n', 1)], 400)])

    def test_line_of_a_chunk(self):
        head = (b'POST / HTTP/1.1\r\nHost: a\r\n'
                b'Transfer-Encoding: chunked\r\n\r\n1;')
        end = b'\r\nx\r\n0\r\n\r\n'
        self.check([([(head + b'x' * 254 + end, 1)], 200),
                    ([(head + b'x' * 255 + end, 1)], 400),
                    ([(head, 1), (b'x' * 1000, 100)], 400)])

    def test_fields(self):
        most = Request.max_fields
        cases = []
        for count, status in ((most, 200), (most + 1, 413),
                              (10 * most, 413)):
            body = b'&'.join([b'a'] * count)
            head = (b'POST /form HTTP/1.0\r\nContent-Type: '
                    b'application/x-www-form-urlencoded\r\n')
            if len(body) <= Request.max_content_length:
                cases.append(([(head + b'Content-Length: %d\r\n\r\n' %
                                len(body) + body, 1)], status))
            if len(body) < Request.max_readline - 30:
                cases.append(([(b'GET /args?' + body +
                                b' HTTP/1.0\r\n\r\n', 1)], status))
        self.check(cases)

    def test_text_for_an_expression(self):
        most = URLPattern.max_regex_length
        self.check([([(b'GET /re/' + b'a' * size + b' HTTP/1.0\r\n\r\n', 1)],
                     status) for size, status in (
                         (most, 200), (most + 1, 404),
                         (Request.max_readline - 40, 404))])

    def test_requests_of_a_connection(self):
        async def check(app, server, client):
            app.max_requests = 5
            sending = asyncio.create_task(send_all(client, GET, 50))
            closes = []
            for _ in range(5):
                closes.append((await client.answer()).closes)
            self.assertEqual(closes, [False] * 4 + [True])
            await client.close()
            await soon(sending)
            await server.idle()
            self.assertEqual(app.counters['requests'], 5)

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

    def test_stream_to_a_peer_that_sends_no_more_goes_on(self):
        """RFC 9112, section 9.6"""
        async def check(app, server, client):
            # for longer than the server takes to look at the peer
            app.get('/slow')(lambda request: Slow(7))
            for version in b'1.1', b'1.0':
                other = await server.connect()
                self.half_close(other, b'GET /slow HTTP/%s\r\nHost: a\r\n\r\n'
                                % version)
                self.assertEqual((await other.answer()).body, b'1234567')
                self.assertTrue(await other.closed())

        serve(check)

    def test_stream_that_never_waits_to_a_peer_that_sends_no_more_goes_on(
            self):
        counts = []

        class Busy:
            # for longer than the server takes to look at the peer

            def __init__(self):
                self.end = time.time_ns() + 900000000
                self.count = 0

            def __aiter__(self):
                return self

            async def __anext__(self):
                if time.time_ns() > self.end:
                    counts.append(self.count)
                    raise StopAsyncIteration
                self.count += 1
                return b'.'

        async def check(app, server, client):
            app.get('/busy')(lambda request: Busy())
            self.half_close(client, b'GET /busy HTTP/1.1\r\nHost: a\r\n\r\n')
            answer = await client.answer()
            self.assertTrue(answer.whole)
            self.assertEqual([len(answer.body)], counts)

        serve(check)

    def test_stream_that_waits_with_everything_goes_on(self):
        # as after a pause of the machine, or a board's work on its flash
        body = Slow(3)

        async def check(app, server, client):
            app.get('/blocked')(lambda request: body)
            self.half_close(
                client, b'GET /blocked HTTP/1.1\r\nHost: a\r\n\r\n')
            await until(lambda: body.count)
            time.sleep(0.5)
            self.assertEqual((await client.answer()).body, b'123')

        serve(check)

    def test_stream_that_says_nothing_to_a_peer_that_sends_no_more_ends(self):
        ended = []

        class Silent:
            def __aiter__(self):
                return self

            async def __anext__(self):
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.append(True)

        async def check(app, server, client):
            app.get('/silent')(lambda request: Silent())
            self.half_close(client, b'GET /silent HTTP/1.1\r\nHost: a\r\n\r\n')
            await client.rest()
            self.assertEqual(ended, [True])

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

"""The server over real connections: peers that misbehave."""

import asyncio
import unittest

from helpers import heap_kb, run
from microdot import Microdot, Request
from serving import GET, PATIENCE_S, Server

HOST = b'Host: a\r\n'
POST = b'POST / HTTP/1.1\r\nHost: a\r\n'

#: What is refused: a name, bytes, the status of the answer.
REFUSED = (
    ('two lengths', POST + b'Content-Length: 1\r\nContent-Length: 2\r\n'
     b'\r\nab', 400),
    ('the same length twice', POST + b'Content-Length: 1\r\n'
     b'Content-Length: 1\r\n\r\na', 400),
    ('a list of lengths', POST + b'Content-Length: 1, 1\r\n\r\na', 400),
    ('a length and a coding', POST + b'Content-Length: 3\r\n'
     b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400),
    ('a coding and a length', POST + b'Transfer-Encoding: chunked\r\n'
     b'Content-Length: 3\r\n\r\n0\r\n\r\n', 400),
    ('two codings', POST + b'Transfer-Encoding: chunked\r\n'
     b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400),
    ('an unknown coding', POST + b'Transfer-Encoding: gzip\r\n\r\n', 501),
    ('a coding that ends in chunked', POST +
     b'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 501),
    ('an almost known coding', POST + b'Transfer-Encoding: xchunked\r\n'
     b'\r\n0\r\n\r\n', 501),
    ('a coding in HTTP/1.0', b'POST / HTTP/1.0\r\n'
     b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400),
    ('a negative length', POST + b'Content-Length: -1\r\n\r\n', 400),
    ('a signed length', POST + b'Content-Length: +1\r\n\r\na', 400),
    ('a hexadecimal length', POST + b'Content-Length: 0x1\r\n\r\na', 400),
    ('an empty length', POST + b'Content-Length:\r\n\r\n', 400),
    ('an underscore in a length', POST + b'Content-Length: 1_0\r\n\r\n', 400),
    ('digits of another script', POST + b'Content-Length: \xd9\xa1\r\n\r\n',
     400),
    ('an endless length', POST + b'Content-Length: ' + b'9' * 100 +
     b'\r\n\r\n', 400),
    ('a bare LF after the first line', b'GET / HTTP/1.1\n' + HOST + b'\r\n',
     400),
    ('bare LF only', b'GET / HTTP/1.1\nHost: a\n\n', 400),
    ('a bare LF between headers', b'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n',
     400),
    ('a bare CR in a header', b'GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n'
     b'\r\n', 400),
    ('a bare CR before a name', b'GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n'
     b'\r\n', 400),
    ('a folded line', b'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n',
     400),
    ('a folded first header', b'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 400),
    ('a space before the colon', b'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400),
    ('a header without a colon', b'GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n',
     400),
    ('a header without a name', b'GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n',
     400),
    ('a NUL in a value', b'GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n',
     400),
    ('a NUL in a name', b'GET / HTTP/1.1\r\nHost: a\r\nX\x00: b\r\n\r\n',
     400),
    ('a NUL in the target', b'GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n', 400),
    ('an escaped NUL in the path', b'GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n',
     400),
    ('a bad escape in the path', b'GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n',
     400),
    ('no host', b'GET / HTTP/1.1\r\n\r\n', 400),
    ('two hosts', b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400),
    ('a bad host', b'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400),
    ('a bad port', b'GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n', 400),
    ('no version', b'GET /\r\nHost: a\r\n\r\n', 400),
    ('another protocol', b'GET / ICY/1.1\r\nHost: a\r\n\r\n', 400),
    ('version 2', b'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505),
    ('the preface of HTTP/2', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505),
    ('version 1', b'GET / HTTP/1\r\nHost: a\r\n\r\n', 400),
    ('two spaces', b'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 400),
    ('a tab for a space', b'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n', 400),
    ('no method', b' / HTTP/1.1\r\nHost: a\r\n\r\n', 400),
    ('a bad method', b'G(T / HTTP/1.1\r\nHost: a\r\n\r\n', 400),
    ('a relative target', b'GET a HTTP/1.1\r\nHost: a\r\n\r\n', 400),
    ('a star for another method', b'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400),
    ('a fragment', b'GET /#a HTTP/1.1\r\nHost: a\r\n\r\n', 400),
    ('a tunnel', b'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n', 501),
    ('a TLS hello', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400),
    ('an LF only', b'\n', 400),
)


def app_with_index():
    app = Microdot()
    app.sweep_interval = 0.02
    app.drain_timeout = 0.1
    app.seen = []

    @app.route('/', methods=['GET', 'POST'])
    async def index(request):
        app.seen.append(request.method)
        return 'hello'

    return app


def serve(app, check):
    """Run ``check(server)``, then see that the next client is served."""
    async def main():
        async with Server(app) as server:
            await check(server)
            answer = await server.ask()
            if answer.body != b'hello':
                raise AssertionError(answer.status)

    run(main())


class TestRefused(unittest.TestCase):
    def refuse(self, send):
        """Refuse each sample, and take nothing after it for a request."""
        async def check(server):
            # all at once, as each of them is drained for a while
            server.app.max_connections = 100
            # (as many as there is room for)
            most = 100 if heap_kb() > 150 else 8
            for first in range(0, len(REFUSED), most):
                await some(server, REFUSED[first:first + most])
            self.assertEqual(server.app.seen, [])

        async def some(server, rows):
            clients = []
            for name, wire, status in rows:
                clients.append(await server.connect())
                await send(clients[-1], wire)
            for name, wire, status in rows:
                client = clients.pop(0)
                answer = await client.answer()
                self.assertEqual((name, answer.status), (name, status))
                self.assertTrue(answer.closes, name)
                self.assertTrue(await client.closed(), name)
                await client.close()

        serve(app_with_index(), check)

    def test_malformed_request_is_answered_and_closed(self):
        async def send(client, wire):
            await client.send(wire)

        self.refuse(send)

    def test_malformed_request_is_refused_in_two_pieces(self):
        async def send(client, wire):
            cut = wire.find(b'\r\n') + 1
            await client.send(wire[:cut or 1])
            await asyncio.sleep(0)
            await client.send(wire[cut or 1:])

        self.refuse(send)

    def test_request_before_a_malformed_one_is_answered(self):
        async def check(server):
            client = await server.connect()
            await client.send(GET + b'GET / HTTP/1.1\r\nHost : a\r\n\r\n' +
                              GET)
            self.assertEqual((await client.answer()).body, b'hello')
            answer = await client.answer()
            self.assertEqual(answer.status, 400)
            self.assertTrue(answer.closes)
            self.assertTrue(await client.closed())

        serve(app_with_index(), check)


class TestOversized(unittest.TestCase):
    def too_much(self, first, piece, count, status):
        """Send a head, one *piece* after another, until it is refused."""
        async def send(client):
            try:
                await client.send(first)
                for _ in range(count):
                    await client.send(piece)
                await client.send(b'\r\n\r\n')
            except OSError:
                pass  # refused before the end

        async def check(server):
            client = await server.connect()
            sending = asyncio.create_task(send(client))
            answer = await client.answer()
            self.assertEqual(answer.status, status)
            self.assertTrue(answer.closes)
            await asyncio.wait_for(sending, PATIENCE_S)
            await client.close()
            self.assertEqual(server.app.seen, [])

        serve(app_with_index(), check)

    def test_20000_headers_are_answered_with_431(self):
        self.too_much(b'GET / HTTP/1.1\r\nHost: a', b'\r\nX: y' * 50, 400,
                      431)

    def test_too_many_short_headers_are_answered_with_431(self):
        self.too_much(b'GET / HTTP/1.1\r\nHost: a',
                      b'\r\nX: y' * Request.max_headers, 1, 431)

    def test_long_header_is_answered_with_431(self):
        self.too_much(b'GET / HTTP/1.1\r\nHost: a\r\nX: ', b'y' * 1024, 100,
                      431)

    def test_long_target_is_answered_with_414(self):
        self.too_much(b'GET /', b'y' * 1024, 100, 414)

    def test_one_line_without_an_end_is_answered_with_414(self):
        self.too_much(b'', b'y' * 100, 1000, 414)

    def test_oversized_head_one_byte_at_a_time_is_refused_at_the_limit(self):
        # over its real limits that would take long
        readline, header_size = Request.max_readline, Request.max_header_size
        self.addCleanup(setattr, Request, 'max_readline', readline)
        self.addCleanup(setattr, Request, 'max_header_size', header_size)
        Request.max_readline = 64
        Request.max_header_size = 128
        samples = (
            (b'GET /' + b'a' * 400, 414, 64),
            (b'GET / HTTP/1.1\r\nHost: a\r\n' + b'Xy: z\r\n' * 40, 431, 144),
        )

        async def check(server):
            for wire, status, limit in samples:
                client = await server.connect()
                reading = asyncio.create_task(client.answer())
                kept = sent = 0
                while not reading.done() and sent < len(wire):
                    await client.send(wire[sent:sent + 1])
                    sent += 1
                    held = 0
                    # until it is there: several could come at once
                    while not reading.done() and held < sent:
                        await asyncio.sleep(0)
                        held = max([len(conn.data) for conn
                                    in server.app.connections] + [0])
                        kept = max(kept, held)
                self.assertEqual((await reading).status, status)
                self.assertTrue(limit <= kept < limit + 8, (limit, kept))
                await client.close()
                await server.idle()

        serve(app_with_index(), check)

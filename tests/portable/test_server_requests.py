"""The server over real connections: requests and responses."""

import asyncio
import socket
import unittest

from helpers import change, heap_kb, run
from microdot import Microdot, Request, Response
from peers import Recorder
from serving import A_SECOND, GET, Server, next_port, soon


def hello_app():
    app = Microdot()
    app.sweep_interval = 0.02
    app.drain_timeout = 0.1

    @app.get('/')
    async def index(request):
        return 'hello'

    @app.post('/echo')
    async def echo(request):
        return request.body

    @app.post('/ignore')
    async def ignore(request):
        return 'ignored'

    return app


def serve(app, check):
    """Run ``check(server, client)`` with one connected client."""
    async def main():
        async with Server(app) as server:
            client = await server.connect()
            await check(server, client)

    run(main())


class TestKeepAlive(unittest.TestCase):
    def test_two_requests_on_one_connection(self):
        async def check(server, client):
            for count in range(2):
                await client.send(GET)
                answer = await client.answer()
                self.assertEqual(answer.version, 'HTTP/1.1')
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.reason, 'OK')
                self.assertEqual(answer.body, b'hello')
                self.assertEqual(answer.headers['content-length'], '5')
                self.assertEqual(answer.headers['content-type'],
                                 'text/plain; charset=UTF-8')
                self.assertFalse('connection' in answer.headers)
            self.assertEqual(server.app.counters['accepted'], 1)

        serve(hello_app(), check)

    def test_connection_close_of_the_client_is_honoured(self):
        async def check(server, client):
            await client.send(b'GET / HTTP/1.1\r\nHost: a\r\n'
                              b'Connection: Close\r\n\r\n')
            answer = await client.answer()
            self.assertTrue(answer.closes)
            self.assertTrue(await client.closed())

        serve(hello_app(), check)

    def test_connection_close_of_the_handler_is_honoured(self):
        app = Microdot()

        @app.get('/')
        async def index(request):
            return 'bye', {'Connection': 'close'}

        async def check(server, client):
            await client.send(GET)
            answer = await client.answer()
            self.assertTrue(answer.closes)
            self.assertTrue(await client.closed())

        serve(app, check)

    def test_last_allowed_request_says_close(self):
        app = hello_app()
        app.max_requests = 2

        async def check(server, client):
            await client.send(GET + GET + GET)
            self.assertFalse((await client.answer()).closes)
            self.assertTrue((await client.answer()).closes)
            self.assertEqual(await client.rest(), b'')
            self.assertEqual(app.counters['requests'], 2)

        serve(app, check)

    def test_http_1_0_closes(self):
        async def check(server, client):
            await client.send(b'GET / HTTP/1.0\r\n\r\n')
            data = await client.rest()
            self.assertTrue(data.startswith(b'HTTP/1.0 200 OK\r\n'))
            self.assertTrue(data.endswith(b'\r\n\r\nhello'))
            self.assertIn(b'\r\nConnection: close\r\n', data)

        serve(hello_app(), check)

    def test_http_1_0_is_kept_alive_when_asked(self):
        async def check(server, client):
            for count in range(2):
                await client.send(b'GET / HTTP/1.0\r\n'
                                  b'Connection: keep-alive\r\n\r\n')
                answer = await client.answer()
                self.assertEqual(answer.version, 'HTTP/1.0')
                self.assertEqual(answer.headers['connection'], 'keep-alive')
                self.assertEqual(answer.body, b'hello')

        serve(hello_app(), check)

    def test_error_of_a_handler_keeps_the_connection(self):
        app = hello_app()

        @app.get('/fail')
        async def fail(request):
            raise OSError(5, 'of the handler')

        async def check(server, client):
            await client.send(b'GET /fail HTTP/1.1\r\nHost: a\r\n\r\n' + GET)
            self.assertEqual((await client.answer()).status, 500)
            self.assertEqual((await client.answer()).body, b'hello')
            self.assertEqual(len(server.logged), 1)
            server.logged.clear()

        serve(app, check)

    def test_memory_error_of_a_handler_is_answered_with_500(self):
        app = hello_app()

        @app.get('/fail')
        async def fail(request):
            raise MemoryError()

        async def check(server, client):
            await client.send(b'GET /fail HTTP/1.1\r\nHost: a\r\n\r\n' + GET)
            self.assertEqual((await client.answer()).status, 500)
            self.assertEqual((await client.answer()).body, b'hello')
            server.logged.clear()

        serve(app, check)


def listens(host):
    """Tell whether a server can listen at an address."""
    info = socket.getaddrinfo(host, next_port(), 0, socket.SOCK_STREAM)[0]
    try:
        listener = socket.socket(*info[:3])
    except OSError:
        return False
    try:
        listener.bind(info[-1])
        return True
    except OSError:
        return False
    finally:
        listener.close()


class TestClientAddress(unittest.TestCase):
    def check(self, host, address):
        """S9: it was a buffer on boards."""
        async def main():
            app = Microdot()
            seen = []

            @app.get('/')
            async def index(request):
                seen.append(request.client_addr)
                return ''

            async with Server(app, host) as server:
                for _ in range(2):
                    await server.ask()
            ports = [addr[1] for addr in seen]
            self.assertEqual(seen, [(address, port) for port in ports])
            for port in ports:
                self.assertTrue(0 < port < 65536)

        run(main())

    def test_it_is_host_and_port(self):
        self.check('127.0.0.1', '127.0.0.1')

    @unittest.skipIf(not listens('::1'), 'no IPv6')
    def test_over_ipv6_it_is_host_and_port(self):
        self.check('::1', '::1')


class TestPipelining(unittest.TestCase):
    def test_three_requests_at_once_are_answered_in_order(self):
        app = Microdot()

        @app.get('/<int:n>')
        async def number(request, n):
            await asyncio.sleep((3 - n) / 200)
            return str(n)

        async def check(server, client):
            await client.send(b''.join([
                b'GET /%d HTTP/1.1\r\nHost: a\r\n\r\n' % n
                for n in (1, 2, 3)]))
            self.assertEqual(await client.bodies(3), [b'1', b'2', b'3'])

        serve(app, check)

    def test_a_body_ends_where_the_next_request_begins(self):
        async def check(server, client):
            await client.send(
                b'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n'
                b'abc' + GET +
                b'POST /echo HTTP/1.1\r\nHost: a\r\n'
                b'Transfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n' +
                GET)
            self.assertEqual(await client.bodies(4),
                             [b'abc', b'hello', b'de', b'hello'])

        serve(hello_app(), check)

    def test_requests_during_a_stream_are_answered_after_it(self):
        app = hello_app()

        class Body:
            count = 0

            def __aiter__(self):
                return self

            async def __anext__(self):
                self.count += 1
                if self.count > 5:
                    raise StopAsyncIteration
                await asyncio.sleep(0.005)
                return 'x'

        @app.get('/stream')
        async def stream(request):
            return Body()

        async def check(server, client):
            await client.send(
                b'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
            await client.line(b'\r\n\r\n')
            await client.send(GET + GET)
            self.assertEqual(await client.line(b'0\r\n\r\n'),
                             b'1\r\nx\r\n' * 5)
            for count in range(2):
                self.assertEqual((await client.answer()).body, b'hello')

        serve(app, check)

    def test_empty_line_before_a_request_is_skipped(self):
        async def check(server, client):
            for count in range(2):
                await client.send(b'\r\n' + GET)
                self.assertEqual((await client.answer()).body, b'hello')

        serve(hello_app(), check)


class TestRequestBody(unittest.TestCase):
    def setUp(self):
        # (where it is more, less stays on the stream)
        change(self, Request, 'max_content_length', 16384)
        change(self, Request, 'max_body_length', 16384)

    def test_chunked_body_is_decoded_however_it_is_split(self):
        wire = (b'POST /echo HTTP/1.1\r\nHost: a\r\n'
                b'Transfer-Encoding: chunked\r\n\r\n'
                b'5\r\nhello\r\n1;a="b"\r\n,\r\n6\r\n world\r\n'
                b'0\r\nTrailer: x\r\n\r\n')

        async def check(server, client):
            for cut in range(15, len(wire), 27):
                await client.send(wire[:cut])
                await asyncio.sleep(0)
                await client.send(wire[cut:])
                answer = await client.answer()
                self.assertEqual(answer.body, b'hello, world')
                self.assertFalse(answer.closes)

        serve(hello_app(), check)

    def test_large_body_is_read_from_the_stream_in_pieces(self):
        app = Microdot()
        sizes = []

        @app.post('/', max_content_length=100000)
        async def upload(request):
            self.assertEqual(request.body, b'')
            total = 0
            while True:
                piece = await request.stream.read(1000)
                if not piece:
                    break
                sizes.append(len(piece))
                total += len(piece)
            return str(total)

        async def check(server, client):
            head = b'POST / HTTP/1.1\r\nHost: a\r\n'
            await client.send(head + b'Content-Length: 40000\r\n\r\n')
            for count in range(10):
                await client.send(b'x' * 4000)
            self.assertEqual((await client.answer()).body, b'40000')
            await client.send(head + b'Transfer-Encoding: chunked\r\n\r\n')
            for count in range(10):
                await client.send(b'fa0\r\n' + b'x' * 4000 + b'\r\n')
            await client.send(b'0\r\n\r\n')
            self.assertEqual((await client.answer()).body, b'40000')
            self.assertTrue(max(sizes) <= 1000)

        serve(app, check)

    def test_small_unread_body_is_drained(self):
        app = hello_app()
        app.drain_timeout = 30  # of which none is waited for

        @app.post('/large', max_content_length=50000)
        async def large(request):
            return 'unread'

        async def check(server, client):
            await client.send(b'POST /large HTTP/1.1\r\nHost: a\r\n'
                              b'Content-Length: 30000\r\n\r\n')
            for _ in range(25):
                await client.send(b'GET / HTTP/1.1\r\n' * 75)
            self.assertEqual((await client.answer()).body, b'unread')
            await client.send(b'POST /large HTTP/1.1\r\nHost: a\r\n'
                              b'Transfer-Encoding: chunked\r\n\r\n')
            for _ in range(20):
                await client.send((b'40\r\n' + b'GET / HTTP/1.1\r\n' * 4 +
                                   b'\r\n') * 20)
            await client.send(b'0\r\n\r\n' + GET)
            self.assertEqual((await client.answer()).body, b'unread')
            self.assertEqual((await client.answer()).body, b'hello')

        serve(app, check)

    def test_large_unread_body_closes_the_connection(self):
        app = hello_app()

        @app.post('/large', max_content_length=500000)
        async def large(request):
            return 'unread'

        async def check(server, client):
            await client.send(b'POST /large HTTP/1.1\r\nHost: a\r\n'
                              b'Content-Length: 300000\r\n\r\n')
            answer = await client.answer()
            self.assertEqual(answer.body, b'unread')
            self.assertTrue(answer.closes)
            await client.send(b'x' * 1000)
            await client.close()

        serve(app, check)

    def test_413_arrives_although_the_body_was_not_read(self):
        async def check(server, client):
            size = 60000
            await client.send(b'POST /echo HTTP/1.1\r\nHost: a\r\n'
                              b'Content-Length: %d\r\n\r\n' % size)
            for _ in range(60):
                await client.send(b'x' * 1000)
            answer = await client.answer()
            self.assertEqual(answer.status, 413)
            self.assertIn(b'Request.max_content_length', answer.body)

        app = hello_app()
        app.drain_timeout = 30  # while all of it is sent
        serve(app, check)

    def test_chunked_body_over_the_limit_is_answered_with_413(self):
        async def check(server, client):
            await client.send(b'POST /echo HTTP/1.1\r\nHost: a\r\n'
                              b'Transfer-Encoding: chunked\r\n\r\n')
            await client.send((b'400\r\n' + b'x' * 1024 + b'\r\n') * 20)
            await client.send(b'0\r\n\r\n')
            answer = await client.answer()
            self.assertEqual(answer.status, 413)
            self.assertTrue(answer.closes)
            self.assertTrue(await client.closed())

        serve(hello_app(), check)

    def test_broken_chunk_is_answered_with_400_and_close(self):
        bad = (b'x\r\n', b'-1\r\na', b'0x1\r\na\r\n', b'1\r\nab\r\n',
               b'1\na\r\n0\r\n\r\n', b'\r\n', b'fffffffff\r\n',
               b'1;' + b'e' * 300 + b'\r\na\r\n', b' 1\r\na\r\n',
               b'0\r\nno colon\r\n\r\n', b'0\r\na: \x00\r\n\r\n')

        async def check(server, client):
            server.app.max_connections = 100
            clients = []
            for chunk in bad:
                clients.append(await server.connect())
                await clients[-1].send(
                    b'POST /echo HTTP/1.1\r\nHost: a\r\n'
                    b'Transfer-Encoding: chunked\r\n\r\n' + chunk +
                    b'\r\n' + GET)
            for chunk in bad:
                other = clients.pop(0)
                answer = await other.answer()
                self.assertEqual((chunk, answer.status), (chunk, 400))
                self.assertTrue(answer.closes)
                # whatever follows is not taken for a request
                self.assertTrue(await other.closed())
            self.assertEqual(server.app.counters['requests'], len(bad))

        serve(hello_app(), check)

    def test_client_that_leaves_inside_a_body_ends_the_handler(self):
        app = Microdot()
        ended = []

        @app.post('/', max_content_length=100000)
        async def upload(request):
            try:
                while await request.stream.read(1000):
                    pass
            finally:
                ended.append(True)

        async def check(server, client):
            for framing in (b'Content-Length: 90000\r\n\r\nabc',
                            b'Transfer-Encoding: chunked\r\n\r\n'
                            b'ffff\r\n' + b'x' * 3000):
                other = await server.connect()
                await other.send(b'POST / HTTP/1.1\r\nHost: a\r\n' + framing)
                await other.close()
            await client.close()
            await server.idle()
            self.assertEqual(ended, [True, True])

        serve(app, check)


    def test_handler_can_catch_that_its_client_has_cut_the_body(self):
        app = Recorder()
        caught = []

        @app.post('/<how>', max_content_length=100000)
        async def upload(request, how):
            try:
                while await request.stream.read(1000):
                    pass
            except OSError as exc:
                caught.append(how)
                if how == 'raised':
                    raise
                if how == 'another':
                    raise exc
            return 'done'

        async def check(server, client):
            for how in (b'raised', b'another', b'kept'):
                other = await server.connect()
                await other.send(b'POST /' + how + b' HTTP/1.1\r\nHost: a\r\n'
                                 b'Content-Length: 90000\r\n\r\nabc')
                await other.close()
            await client.close()
            await server.idle()
            self.assertEqual(sorted(caught), ['another', 'kept', 'raised'])
            self.assertEqual(app.logged, [])

        serve(app, check)


class TestExpect(unittest.TestCase):
    def setUp(self):
        # (where it is more, less stays on the stream)
        change(self, Request, 'max_content_length', 16384)
        change(self, Request, 'max_body_length', 16384)

    head = (b'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n'
            b'Expect: 100-continue\r\n\r\n')

    def test_100_continue_is_sent_when_the_body_is_wanted(self):
        async def check(server, client):
            for count in range(2):
                await client.send(self.head)
                answer = await client.answer()
                self.assertEqual(answer.status, 100)
                self.assertEqual(answer.headers, {})
                await client.send(b'body')
                answer = await client.answer()
                self.assertEqual(answer.body, b'body')
                self.assertFalse(answer.closes)

        serve(hello_app(), check)

    def test_100_continue_is_not_sent_before_an_error(self):
        cases = ((b'/missing', b'4', 404), (b'/echo', b'90000', 413))

        async def check(server, client):
            for path, length, status in cases:
                other = await server.connect()
                await other.send(self.head.replace(b'/echo', path).replace(
                    b': 4', b': ' + length))
                answer = await other.answer()
                self.assertEqual(answer.status, status)
                # the client may send the body or not: nobody can tell
                self.assertTrue(answer.closes)
                await other.close()

        serve(hello_app(), check)

    def test_100_continue_is_not_sent_to_http_1_0(self):
        async def check(server, client):
            await client.send(self.head.replace(b'1.1', b'1.0'))
            await client.send(b'body')
            answer = await client.answer()
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.body, b'body')

        serve(hello_app(), check)

    def test_other_expectation_is_answered_with_417(self):
        async def check(server, client):
            await client.send(self.head.replace(b'100-continue', b'magic'))
            answer = await client.answer()
            self.assertEqual(answer.status, 417)
            self.assertTrue(answer.closes)

        serve(hello_app(), check)


class Numbers:
    """A body of three pieces."""

    def __init__(self):
        self.count = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        self.count += 1
        if self.count > 3:
            raise StopAsyncIteration
        return str(self.count) * 3


class TestResponseBody(unittest.TestCase):
    def test_stream_is_chunked_and_the_connection_kept(self):
        app = hello_app()

        @app.get('/stream')
        async def stream(request):
            return Numbers()

        async def check(server, client):
            await client.send(b'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
            answer = await client.answer()
            self.assertEqual(answer.chunks, [b'111', b'222', b'333'])
            self.assertFalse('content-length' in answer.headers)
            self.assertFalse(answer.closes)
            await client.send(GET)
            self.assertEqual((await client.answer()).body, b'hello')

        serve(app, check)

    def test_empty_piece_does_not_end_a_chunked_body(self):
        app = Microdot()

        @app.get('/')
        async def stream(request):
            return iter(['a', '', b'', 'b'])

        async def check(server, client):
            await client.send(GET)
            self.assertEqual((await client.answer()).chunks, [b'a', b'b'])

        serve(app, check)

    def test_stream_to_http_1_0_ends_with_the_connection(self):
        app = Microdot()

        @app.get('/')
        async def stream(request):
            return Numbers()

        async def check(server, client):
            await client.send(b'GET / HTTP/1.0\r\n'
                              b'Connection: keep-alive\r\n\r\n')
            answer = await client.answer()
            self.assertTrue(answer.closes)
            self.assertFalse('transfer-encoding' in answer.headers)
            self.assertEqual(answer.body, b'111222333')

        serve(app, check)

    def test_stream_of_declared_length_is_not_chunked(self):
        app = Microdot()

        @app.get('/')
        async def stream(request):
            return Numbers(), {'Content-Length': '9'}

        async def check(server, client):
            for count in range(2):
                await client.send(GET)
                answer = await client.answer()
                self.assertEqual(answer.headers['content-length'], '9')
                self.assertEqual(answer.body, b'111222333')
                self.assertIsNone(answer.chunks)

        serve(app, check)

    def test_large_body_arrives_whole(self):
        app = Microdot()
        body = bytes(range(251)) * (400 if heap_kb() > 500 else 12)

        @app.get('/')
        async def large(request):
            return body

        async def check(server, client):
            for count in range(2):
                await client.send(GET)
                answer = await client.answer()
                self.assertEqual(len(answer.body), len(body))
                self.assertTrue(answer.body == body)

        serve(app, check)

    def test_head_has_the_head_of_get_and_no_body(self):
        app = hello_app()

        @app.get('/stream')
        async def stream(request):
            return Numbers()

        async def check(server, client):
            head = b'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n'
            await client.send(head + head.replace(b'/ ', b'/stream ') + GET)
            answer = await client.answer('HEAD')
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers['content-length'], '5')
            answer = await client.answer('HEAD')
            self.assertEqual(answer.status, 200)
            self.assertEqual((await client.answer()).body, b'hello')

        serve(app, check)

    def test_204_and_304_have_neither_body_nor_length(self):
        app = hello_app()

        @app.get('/<int:status>')
        async def bare(request, status):
            return Response('ignored', status)

        async def check(server, client):
            for status in (204, 304):
                await client.send(b'GET /%d HTTP/1.1\r\nHost: a\r\n\r\n'
                                  % status)
                answer = await client.answer()
                self.assertEqual(answer.status, status)
                self.assertFalse('content-length' in answer.headers)
                self.assertFalse('transfer-encoding' in answer.headers)
                await client.send(GET)
                self.assertEqual((await client.answer()).body, b'hello')

        serve(app, check)

    def test_wrong_length_of_a_handler_never_corrupts_the_connection(self):
        app = hello_app()

        @app.get('/text/<length>')
        async def text(request, length):
            return 'abcdef', {'Content-Length': length}

        async def check(server, client):
            for length in (b'3', b'9', b'-1', b'x'):
                await client.send(b'GET /text/' + length +
                                  b' HTTP/1.1\r\nHost: a\r\n\r\n' + GET)
                answer = await client.answer()
                self.assertEqual((length, answer.status), (length, 500))
                self.assertEqual((await client.answer()).body, b'hello')
            self.assertEqual(len(server.logged), 4)
            server.logged.clear()

        serve(app, check)

    def test_stream_of_wrong_length_cuts_the_connection(self):
        app = hello_app()

        @app.get('/<int:length>')
        async def stream(request, length):
            return Numbers(), {'Content-Length': str(length)}

        async def check(server, client):
            # of what is too much no byte may be taken for another response
            for length, expected in ((4, b'111'), (20, b'111222333')):
                other = await server.connect()
                await other.send(b'GET /%d HTTP/1.1\r\nHost: a\r\n\r\n'
                                 % length + GET)
                data = (await other.rest()).split(b'\r\n\r\n', 1)
                self.assertEqual(data[1], expected)
                await other.close()
            self.assertEqual(len(server.logged), 2)
            server.logged.clear()

        serve(app, check)

    def test_stream_that_fails_cuts_the_connection(self):
        app = hello_app()

        class Failing(Numbers):
            async def __anext__(self):
                if self.count == 2:
                    raise ValueError('in the middle')
                return await super().__anext__()

        @app.get('/fail')
        async def fail(request):
            return Failing()

        async def check(server, client):
            await client.send(b'GET /fail HTTP/1.1\r\nHost: a\r\n\r\n' + GET)
            answer = await client.answer()
            self.assertEqual(answer.chunks, [b'111', b'222'])
            self.assertFalse(answer.whole)
            self.assertEqual(client.data, b'')
            self.assertEqual(len(server.logged), 1)
            server.logged.clear()

        serve(app, check)

    def test_header_with_a_line_break_is_answered_with_500(self):
        app = hello_app()

        @app.get('/bad')
        async def bad(request):
            return 'x', {'X-A': 'a\r\nSet-Cookie: b=c'}

        async def check(server, client):
            await client.send(b'GET /bad HTTP/1.1\r\nHost: a\r\n\r\n' + GET)
            answer = await client.answer()
            self.assertEqual(answer.status, 500)
            self.assertFalse('set-cookie' in answer.headers)
            self.assertEqual((await client.answer()).body, b'hello')
            self.assertEqual(len(server.logged), 1)
            server.logged.clear()

        serve(app, check)


class Endless:
    """A body that never ends, and notes when it is closed."""

    def __init__(self, log, pause=60, piece='x'):
        self.log = log
        self.pause = pause
        self.piece = piece
        self.count = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        self.count += 1
        if self.count > 1:
            try:
                await asyncio.sleep(self.pause)
            except asyncio.CancelledError:
                self.log.append('cancelled')
                raise
        return self.piece

    async def aclose(self):
        self.log.append('closed')


class TestLeavingClient(unittest.TestCase):
    def test_stream_is_cancelled_and_closed_within_a_second(self):
        app = hello_app()
        log = []

        @app.get('/stream')
        async def stream(request):
            return Endless(log)

        async def check(server, client):
            await client.send(b'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
            await client.line(b'x\r\n')
            self.assertEqual(app.streams, 1)
            await client.close()
            await soon(server.idle(), A_SECOND)
            self.assertEqual(log, ['cancelled', 'closed'])
            self.assertEqual(app.streams, 0)
            self.assertEqual((await server.ask()).body, b'hello')

        serve(app, check)

    def test_stream_is_cancelled_when_requests_wait_behind_it(self):
        app = hello_app()
        log = []

        @app.get('/stream')
        async def stream(request):
            return Endless(log)

        async def check(server, client):
            await client.send(b'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n' +
                              GET)
            await client.line(b'x\r\n')
            await client.send(GET)
            await client.close()
            await soon(server.idle(), A_SECOND)
            self.assertEqual(log, ['cancelled', 'closed'])
            self.assertEqual(app.counters['requests'], 1)

        serve(app, check)

    def test_stream_of_many_pieces_ends_when_the_client_resets(self):
        app = hello_app()
        log = []

        @app.get('/stream')
        async def stream(request):
            return Endless(log, 0, 'x' * 1000)

        async def check(server, client):
            await client.send(b'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
            await client.line(b'x\r\n')
            # bytes that were not read make this a reset
            await client.close()
            await soon(server.idle(), A_SECOND)
            self.assertEqual(log[-1], 'closed')
            self.assertEqual((await server.ask()).body, b'hello')

        serve(app, check)

    def test_plain_handler_runs_to_its_end(self):
        app = hello_app()
        log = []
        left = asyncio.Event()

        @app.get('/slow')
        async def slow(request):
            log.append('begun')
            await left.wait()
            log.append('done')
            return 'x'

        async def check(server, client):
            await client.send(b'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
            while not log:
                await asyncio.sleep(0.002)
            await client.close()
            await asyncio.sleep(0.02)  # for the end to be noticed
            self.assertEqual(log, ['begun'])
            left.set()
            await server.idle()
            self.assertEqual(log, ['begun', 'done'])

        serve(app, check)

    def test_connection_without_a_byte_is_no_request(self):
        app = hello_app()

        async def check(server, client):
            await client.close()
            await server.idle()
            self.assertEqual(app.counters['requests'], 0)
            self.assertEqual(app.counters['accepted'], 1)

        serve(app, check)

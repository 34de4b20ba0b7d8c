"""The contracts for streams of one's own: mock readers and writers."""

import asyncio
import unittest

from helpers import change, run
from microdot import Microdot, Request, Response
from microdot.test_client import (
    create_request,
    handle_request,
    write_response,
)
from peers import ways_to_cut


class Reader:
    """Gives bytes in the pieces it was made of, then the end."""

    def __init__(self, *pieces):
        self.pieces = [piece for piece in pieces if piece]

    async def read(self, n=-1):
        if not self.pieces:
            return b''
        piece = self.pieces.pop(0)
        if 0 <= n < len(piece):
            self.pieces.insert(0, piece[n:])
            piece = piece[:n]
        return piece


class Lines:
    """What ``Request.create`` reads from: all bytes at once, by line or
    number, and no more than asked for."""

    def __init__(self, data):
        self.data = data

    async def readline(self):
        end = self.data.find(b'\n') + 1 or len(self.data)
        return await self.readexactly(end)

    async def readexactly(self, n):
        if n > len(self.data):
            raise EOFError()
        return await self.read(n)

    async def read(self, n=-1):
        if n < 0:
            n = len(self.data)
        data, self.data = self.data[:n], self.data[n:]
        return data


class AWriter:
    """The smaller of the two surfaces: ``awrite`` and ``aclose``."""

    def __init__(self):
        self.writes = []
        self.closed = 0

    def get_extra_info(self, name, default=None):
        return ('192.0.2.1', 1234) if name == 'peername' else default

    async def awrite(self, data):
        if self.closed:
            raise AssertionError('written after close')
        self.writes.append(bytes(data))

    async def aclose(self):
        self.closed += 1

    @property
    def data(self):
        return b''.join(self.writes)


class Writer(AWriter):
    """The surface of a stream of asyncio's."""

    awrite = aclose = None
    waited = 0

    def write(self, data):
        if self.closed:
            raise AssertionError('written after close')
        # they keep what they are given until drain()
        if not isinstance(data, (bytes, memoryview)):
            raise AssertionError('may change')
        self.writes.append(bytes(data))

    async def drain(self):
        pass

    def close(self):
        self.closed += 1

    async def wait_closed(self):
        self.waited += 1


def make_app():
    app = Microdot()
    app.drain_timeout = 0.1
    app.logged = []
    app.log_exception = lambda req, exc: app.logged.append(exc)

    @app.route('/', methods=['GET', 'POST'])
    async def index(request):
        return 'hello'

    @app.post('/echo')
    async def echo(request):
        return request.body

    @app.get('/addr')
    async def addr(request):
        return '%s %d' % request.client_addr

    @app.get('/stream')
    async def stream(request):
        return iter(['a', 'bc'])

    return app


def handle(app, *pieces, writer=None):
    """Return the writer after a connection that brought these pieces."""
    if writer is None:
        writer = Writer()
    run(handle_request(app, Reader(*pieces), writer))
    return writer


GET = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
HEAD_200 = b'HTTP/1.1 200 OK\r\n'


class TestHandleRequest(unittest.TestCase):
    def test_head_and_small_body_are_one_write(self):
        for writer in (Writer(), AWriter()):
            handle(make_app(), GET, writer=writer)
            self.assertEqual(len(writer.writes), 1)
            self.assertTrue(writer.data.startswith(HEAD_200))
            self.assertTrue(writer.data.endswith(b'\r\n\r\nhello'))

    def test_error_is_one_write(self):
        for request in (b'GET /missing HTTP/1.1\r\nHost: a\r\n\r\n',
                        b'nonsense\r\n\r\n'):
            self.assertEqual(len(handle(make_app(), request).writes), 1)

    def test_writer_is_closed_once_and_waited_for(self):
        for request in (GET, b'', GET[:9], b'nonsense\r\n\r\n', GET * 3):
            app = make_app()
            writer = handle(app, request)
            self.assertEqual((writer.closed, writer.waited), (1, 1))
            writer = handle(app, request, writer=AWriter())
            self.assertEqual(writer.closed, 1)
            self.assertEqual(app.counters['open'], 0)
            self.assertEqual(len(app.connections), 0)

    def test_every_request_of_the_connection_is_answered(self):
        app = make_app()
        writer = handle(app, GET + GET, GET)
        self.assertEqual(writer.data.count(HEAD_200), 3)
        self.assertEqual(len(writer.writes), 3)
        self.assertEqual(app.counters['requests'], 3)

    def test_nothing_is_written_when_nothing_was_asked(self):
        for pieces in ((), (GET[:9],), (b'\r\n',)):
            app = make_app()
            self.assertEqual(handle(app, *pieces).data, b'')
            self.assertEqual(app.counters['requests'], 0)

    def test_requests_may_be_cut_anywhere(self):
        wire = (b'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n'
                b'\r\nabcPOST /echo HTTP/1.1\r\nHost: a\r\n'
                b'Transfer-Encoding: chunked\r\n\r\n'
                b'2;x\r\nde\r\n1\r\nf\r\n0\r\nA: b\r\n\r\n' + GET)
        app = make_app()
        bodies = (b'\r\n\r\nabcHTTP', b'\r\n\r\ndefHTTP', b'\r\n\r\nhello')
        for pieces in ways_to_cut(wire):
            cut = len(pieces[0])
            data = handle(app, *pieces).data
            self.assertEqual((cut, data.count(HEAD_200)), (cut, 3))
            for body in bodies:
                self.assertIn(body, data)
        self.assertEqual(app.logged, [])

    def test_end_inside_a_body_is_no_error_and_gets_no_answer(self):
        app = make_app()
        for framing in (b'Content-Length: 9\r\n\r\nabc',
                        b'Transfer-Encoding: chunked\r\n\r\n9\r\nabc',
                        b'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
                        b'Transfer-Encoding: chunked\r\n\r\n'):
            writer = handle(app, b'POST /echo HTTP/1.1\r\nHost: a\r\n',
                            framing)
            self.assertEqual(writer.data, b'')
            self.assertEqual(writer.closed, 1)
        self.assertEqual(app.logged, [])

    def test_peer_address_comes_from_the_writer(self):
        writer = handle(make_app(), b'GET /addr HTTP/1.1\r\nHost: a\r\n\r\n')
        self.assertTrue(writer.data.endswith(b'\r\n\r\n192.0.2.1 1234'))

    def test_large_body_is_written_in_small_pieces(self):
        app = make_app()

        @app.get('/large')
        async def large(request):
            return b'~' * 10000

        writer = handle(app, b'GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
        self.assertEqual(writer.data.count(b'~'), 10000)
        self.assertTrue(max([len(data) for data in writer.writes]) <= 2048)

    def test_answer_of_a_handler_itself_is_the_only_one(self):
        app = make_app()

        @app.get('/own')
        async def own(request):
            await request.sock[1].awrite(b'own')
            return Response.already_handled

        writer = handle(app, b'GET /own HTTP/1.1\r\nHost: a\r\n\r\n' + GET)
        self.assertEqual(writer.data, b'own')
        self.assertEqual(writer.closed, 1)

    def test_handler_that_took_over_reads_what_follows(self):
        app = make_app()
        seen = []

        @app.get('/own')
        async def own(request):
            reader = request.sock[0]
            while True:
                data = await reader.read(5)
                if not data:
                    return Response.already_handled
                seen.append(bytes(data))

        handle(app, b'GET /own HTTP/1.1\r\nHost: a\r\n\r\nraw ', b'bytes',
               b'!')
        self.assertEqual(b''.join(seen), b'raw bytes!')

    def test_socket_error_anywhere_is_quiet_and_closes(self):
        # errors of boards and of systems, in no list
        for number in (5, 9, 32, 104, 110, 113, 128, -32, -30464):
            for method in ('write', 'drain', 'close', 'wait_closed'):
                app = make_app()
                writer = Writer()

                def fail(*args):
                    raise OSError(number, 'of the socket')

                setattr(writer, method, fail)
                handle(app, GET + GET, writer=writer)
                self.assertEqual((number, method, app.logged),
                                 (number, method, []))
                self.assertEqual(app.counters['open'], 0)
                if method != 'close':
                    self.assertEqual(writer.closed, 1)

    def test_socket_error_while_reading_is_quiet_and_closes(self):
        for error in (OSError(104, 'reset'), OSError(-30464, 'board'),
                      EOFError(), MemoryError()):
            for before in (b'', GET[:9], GET,
                           b'POST /echo HTTP/1.1\r\nHost: a\r\n'
                           b'Content-Length: 9\r\n\r\nabc'):
                app = make_app()
                reader = Reader(before)
                read = reader.read

                async def fail(n=-1):
                    if reader.pieces:
                        return await read(n)
                    raise error

                reader.read = fail
                writer = Writer()
                run(handle_request(app, reader, writer))
                self.assertEqual(app.logged, [])
                self.assertEqual(writer.closed, 1)
                self.assertEqual(app.counters['open'], 0)

    def test_socket_error_while_a_stream_is_written_closes_its_body(self):
        app = make_app()
        closed = []

        class Body:
            def __aiter__(self):
                return self

            async def __anext__(self):
                return 'piece'

            async def aclose(self):
                closed.append(True)

        @app.get('/endless')
        async def endless(request):
            return Body()

        class Open(Reader):
            async def read(self, n=-1):
                if self.pieces:
                    return await super().read(n)
                await asyncio.sleep(60)

        for method in ('write', 'drain'):
            writer = Writer()
            self.fail_later(writer, method)
            run(handle_request(app,
                Open(b'GET /endless HTTP/1.1\r\nHost: a\r\n\r\n'), writer))
            self.assertEqual(closed, [True])
            closed.clear()
            self.assertEqual(app.logged, [])
            self.assertEqual(app.streams, 0)
            self.assertEqual(writer.closed, 1)

    @staticmethod
    def fail_later(writer, name):
        # boards: write() is what fails, as it sends at once
        method = getattr(writer, name)

        def fail(*args):
            if len(writer.writes) > 3:
                raise OSError(32, 'pipe')
            return method(*args)

        setattr(writer, name, fail)


class TestRequestCreate(unittest.TestCase):
    def create(self, data, writer='writer'):
        return run(create_request('app', Lines(data), writer, 'addr'))

    def test_small_body_is_read_and_nothing_beyond_it(self):
        stream = Lines(b'POST /a?b=c HTTP/1.1\r\nHost: a:1\r\nX-Y: z\r\n'
                       b'Content-Length: 3\r\n\r\nabcdef')
        request = run(create_request('app', stream, 'writer', 'addr'))
        self.assertEqual(request.app, 'app')
        self.assertEqual(request.client_addr, 'addr')
        self.assertEqual(request.method, 'POST')
        self.assertEqual(request.path, '/a')
        self.assertEqual(request.args['b'], 'c')
        self.assertEqual(request.headers['x-y'], 'z')
        self.assertEqual(request.body, b'abc')
        self.assertEqual(stream.data, b'def')

    def test_large_body_is_left_on_the_stream(self):
        change(self, Request, 'max_body_length', 3000)
        size = 3001
        stream = Lines(b'POST / HTTP/1.1\r\nHost: a\r\n'
                       b'Content-Length: %d\r\n\r\n' % size + b'x' * size)
        request = run(create_request('app', stream, 'writer', 'addr'))
        self.assertEqual(request.body, b'')
        self.assertEqual(len(stream.data), size)
        self.assertEqual(run(request.stream.read(5)), b'xxxxx')

    def test_end_of_the_stream_is_none(self):
        self.assertIsNone(self.create(b''))

    def test_malformed_request_is_a_value_error(self):
        for data in (b'GET\r\n\r\n', b'GET / HTTP/1.1\r\nX : y\r\n\r\n',
                     b'GET / HTTP/1.1\r\n\r\n',
                     b'GET /' + b'x' * Request.max_readline +
                     b' HTTP/1.1\r\n\r\n'):
            with self.assertRaises(ValueError):
                self.create(data)


class Sink:
    """All that ``Response.write`` may need."""

    def __init__(self):
        self.data = b''

    async def awrite(self, data):
        self.data += bytes(data)


def written(response):
    sink = Sink()
    run(write_response(response, sink))
    return sink.data


class TestResponseWrite(unittest.TestCase):
    def test_head_and_body_without_any_request(self):
        data = written(Response('foo', headers={'X-A': 'b'}))
        head, body = data.split(b'\r\n\r\n', 1)
        lines = head.split(b'\r\n')
        self.assertEqual(lines[0], b'HTTP/1.0 200 OK')
        self.assertIn(b'X-A: b', lines)
        self.assertIn(b'Content-Length: 3', lines)
        self.assertIn(b'Content-Type: text/plain; charset=UTF-8', lines)
        self.assertEqual(body, b'foo')

    def test_list_value_is_several_fields(self):
        response = Response('')
        response.set_cookie('a', 'b')
        response.set_cookie('c', 'd')
        data = written(response)
        self.assertIn(b'Set-Cookie: a=b\r\n', data)
        self.assertIn(b'Set-Cookie: c=d\r\n', data)

    def test_head_response_has_no_body(self):
        response = Response('foo')
        response.is_head = True
        data = written(response)
        self.assertIn(b'Content-Length: 3\r\n', data)
        self.assertTrue(data.endswith(b'\r\n\r\n'))

    def test_pieces_of_an_iterator_follow_each_other(self):
        data = written(Response(iter(['a', b'b', 'c'])))
        self.assertTrue(data.endswith(b'\r\n\r\nabc'))
        self.assertFalse(b'Content-Length' in data)

    def test_client_that_is_gone_is_no_error_and_the_body_closed(self):
        class Gone:
            async def awrite(self, data):
                raise OSError(128, 'not connected')

        class Body:
            closed = False

            def read(self, n):
                return b''

            def close(self):
                self.closed = True

        body = Body()
        run(write_response(Response(body), Gone()))
        self.assertTrue(body.closed)

    def test_line_break_in_a_header_is_refused(self):
        for value in ('a\r\nb: c', 'a\nb', 'a\rb', 'a\x00b'):
            with self.assertRaises(ValueError):
                written(Response('', headers={'X': value}))

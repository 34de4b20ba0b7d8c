"""A connection that a handler takes over, and other ways to lose count."""
import asyncio
import unittest

from helpers import change, run
from microdot import Microdot, Request, Response
from serving import Server

HEAD = b'GET /taken HTTP/1.1\r\nHost: a\r\n\r\n'


async def exchange(app, data, more=b'', until=b'', errors=0):
    """Send, wait for a text, send more, and return all that comes. As many
    errors as given have to be logged."""
    async with Server(app) as server:
        reader, writer = await asyncio.open_connection('127.0.0.1',
                                                       server.port)
        writer.write(data)
        await writer.drain()
        got = b''
        while until not in got or not got:
            piece = await reader.read(1000)
            if not piece:
                break
            got += piece
        if more:
            writer.write(more)
            await writer.drain()
        while True:
            piece = await reader.read(1000)
            if not piece:
                break
            got += piece
        writer.close()
        await writer.wait_closed()
        if len(server.logged) != errors:
            raise AssertionError(server.logged)
        server.logged.clear()
        return got


class TestTakeOver(unittest.TestCase):
    def check(self, app, errors=0):
        @app.get('/admin')
        async def admin(request):
            return 'ADMIN'

        got = run(exchange(app, HEAD + HEAD.replace(b'taken', b'admin'),
                           errors=errors))
        self.assertEqual(got, b'own protocol')

    def test_what_an_after_handler_returns_is_not_sent(self):
        app = Microdot()

        @app.after_request
        async def after(request, response):
            return response

        @app.get('/taken')
        async def taken(request):
            await request.sock[1].awrite(b'own protocol')
            return Response.already_handled

        self.check(app)

    def test_error_after_the_first_byte_is_not_answered(self):
        app = Microdot()

        @app.get('/taken')
        async def taken(request):
            await request.sock[1].awrite(b'own protocol')
            raise ValueError('too late')

        self.check(app, errors=1)


class TestStreams(unittest.TestCase):
    def make(self):
        app = Microdot()

        class Echo:
            def __init__(self, stream):
                self.stream = stream

            def __aiter__(self):
                return self

            async def __anext__(self):
                piece = await self.stream.read(100)
                if not piece:
                    raise StopAsyncIteration
                return piece

        @app.post('/echo', max_content_length=100000)
        async def echo(request):
            return Echo(request.stream)

        return app

    def test_body_is_read_while_the_answer_streams(self):
        change(self, Request, 'max_body_length', 1000)
        got = run(exchange(
            self.make(), b'POST /echo HTTP/1.1\r\nHost: a\r\nConnection: '
            b'close\r\nContent-Length: 5000\r\n\r\n', b'A' * 5000,
            until=b'\r\n\r\n'))
        # (the date has an A, too, in April and in August)
        body = got.partition(b'\r\n\r\n')[2]
        self.assertEqual(body.count(b'A'), 5000)
        self.assertEqual(got[-5:], b'0\r\n\r\n')

    def test_100_continue_comes_before_an_answer_that_reads_the_body(self):
        change(self, Request, 'max_body_length', 1000)
        got = run(exchange(
            self.make(), b'POST /echo HTTP/1.1\r\nHost: a\r\nConnection: '
            b'close\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n',
            b'A' * 5000, until=b'\r\n\r\n'))
        self.assertEqual(got[:25], b'HTTP/1.1 100 Continue\r\n\r\n')
        self.assertEqual(got.count(b'HTTP/1.1 '), 2)
        body = got.split(b'\r\n\r\n', 2)[2]
        self.assertEqual(body.count(b'A'), 5000)

    def test_number_as_a_piece_is_an_error(self):
        app = Microdot()

        @app.get('/numbers')
        async def numbers(request):
            return iter([5])

        got = run(exchange(app, b'GET /numbers HTTP/1.1\r\nHost: a\r\n\r\n',
                           errors=1))
        self.assertTrue(b'\0' not in got)


class TestFraming(unittest.TestCase):
    def test_letter_that_folds_to_k_is_no_chunked_coding(self):
        app = Microdot()
        got = run(exchange(
            app, b'POST / HTTP/1.1\r\nHost: a\r\n'
            b'Transfer-Encoding: chun\xe2\x84\xaaed\r\n\r\n0\r\n\r\n'))
        self.assertEqual(got[:12], b'HTTP/1.1 501')

    def test_interim_status_is_no_answer(self):
        app = Microdot()

        @app.get('/hundred')
        async def hundred(request):
            return 'x', 100

        got = run(exchange(
            app, b'GET /hundred HTTP/1.1\r\nHost: a\r\n'
            b'Connection: close\r\n\r\n', errors=1))
        self.assertEqual(got[:12], b'HTTP/1.1 500')


class TestMounts(unittest.TestCase):
    def test_handlers_of_a_child_mounted_twice_run_once(self):
        app = Microdot()
        child = Microdot()
        calls = []

        @child.before_request
        async def before(request):
            calls.append(request.path)

        @child.get('/y')
        async def y(request):
            return 'y'

        app.mount(child, '/one')
        app.mount(child, '/two')
        got = run(exchange(
            app, b'GET /one/y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n'
            b'\r\n'))
        self.assertEqual(got[-1:], b'y')
        self.assertEqual(calls, ['/one/y'])

    def test_empty_pattern_is_the_prefix_itself(self):
        app = Microdot()
        child = Microdot()

        @child.get('')
        async def index(request):
            return 'index'

        app.mount(child, '/sub')
        got = run(exchange(
            app, b'GET /sub HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'))
        self.assertEqual(got[-5:], b'index')


if __name__ == '__main__':
    unittest.main()

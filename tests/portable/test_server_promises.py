"""What other small servers get wrong, one test for each."""

import asyncio
import os
import time
import unittest

from frames import BINARY, PING, TEXT, Frames, close, frame
from helpers import run
from microdot import (
    Microdot,
    Response,
    URLPattern,
    send_file,
    sse,
    static,
    websocket,
)
from serving import A_SECOND, GET, Server, soon, until, while_moving

POST = b'POST / HTTP/1.1\r\nHost: a\r\n'


def ask(path, method=b'GET'):
    return method + b' ' + path + b' HTTP/1.1\r\nHost: a\r\n\r\n'


def make_app():
    app = Microdot()
    app.sweep_interval = 0.02
    app.drain_timeout = 0.1

    @app.route('/', methods=['GET', 'POST'])
    async def index(request):
        return request.body or 'hello'

    return app


def serve(app, check, **limits):
    """Run ``check(server, client)`` with one connected client, then see that
    another one is served.

    :param limits: attributes of the application.
    """
    async def main():
        for name, value in limits.items():
            setattr(app, name, value)
        async with Server(app) as server:
            await check(server, await server.connect())
            answer = await server.ask()
            if answer.body != b'hello':
                raise AssertionError(answer.status)

    run(main())


class File:
    """A file in memory."""

    def __init__(self, pieces, log):
        self.pieces = pieces
        self.log = log

    def read(self, n):
        if not self.pieces:
            return b''
        self.pieces -= 1
        return b'x' * n

    def close(self):
        self.log.append('file closed')


class TestRequests(unittest.TestCase):
    def test_it_speaks_http_1_1_and_stays(self):
        async def check(server, client):
            for count in range(3):
                await client.send(GET)
                answer = await client.answer()
                self.assertEqual(answer.version, 'HTTP/1.1')
                self.assertFalse(answer.closes)
            self.assertEqual(server.app.counters['accepted'], 1)

        serve(make_app(), check)

    def test_it_does_not_wait_for_those_who_say_nothing(self):
        async def check(server, client):
            self.assertTrue(await client.closed())

        serve(make_app(), check, head_timeout=0.05)

    def test_it_does_not_wait_for_the_rest_of_a_head(self):
        async def check(server, client):
            await client.send(GET[:20])
            answer = await client.answer()
            self.assertEqual(answer.status, 408)
            self.assertTrue(await client.closed())

        serve(make_app(), check, head_timeout=0.05)

    def test_it_does_not_take_20000_headers(self):
        async def check(server, client):
            async def send():
                try:
                    await client.send(GET[:-2])
                    for count in range(200):
                        await client.send(b'X: y\r\n' * 100)
                except OSError:
                    pass  # refused before the end

            sending = asyncio.create_task(send())
            self.assertEqual((await client.answer()).status, 431)
            await soon(sending)

        serve(make_app(), check)

    def test_it_does_not_choose_one_of_two_lengths(self):
        async def check(server, client):
            await client.send(POST + b'Content-Length: 5\r\n'
                              b'Content-Length: 6\r\n\r\n12345')
            self.assertEqual((await client.answer()).status, 400)
            self.assertTrue(await client.closed())

        serve(make_app(), check)

    def test_it_reads_a_chunked_body(self):
        async def check(server, client):
            await client.send(POST + b'Transfer-Encoding: chunked\r\n\r\n'
                              b'5\r\n12345\r\n0\r\n\r\n')
            self.assertEqual((await client.answer()).body, b'12345')

        serve(make_app(), check)

    def test_it_says_continue_to_those_who_wait_for_it(self):
        async def check(server, client):
            await client.send(POST + b'Content-Length: 5\r\n'
                              b'Expect: 100-continue\r\n\r\n')
            self.assertEqual((await client.answer()).status, 100)
            await client.send(b'12345')
            self.assertEqual((await client.answer()).body, b'12345')

        serve(make_app(), check)

    def test_those_who_send_3_megabytes_read_the_413(self):
        async def check(server, client):
            async def send():
                try:
                    for count in range(3 * 1024):
                        await client.send(b'.' * 1024)
                except OSError:
                    pass  # it has read enough

            await client.send(POST + b'Content-Length: 3145728\r\n\r\n')
            sending = asyncio.create_task(send())
            answer = await client.answer()
            self.assertEqual(answer.status, 413)
            self.assertIn(b'Request.max_content_length', answer.body)
            await soon(sending)

        serve(make_app(), check)

    def test_it_decodes_arguments_in_paths(self):
        app = make_app()

        @app.get('/p/<x>')
        async def p(request, x):
            return x

        async def check(server, client):
            await client.send(ask(b'/p/a%20b'))
            self.assertEqual((await client.answer()).body, b'a b')

        serve(app, check)

    def test_a_converter_that_raises_is_answered(self):
        app = make_app()

        def fail(text):
            raise RuntimeError('in a converter')

        URLPattern.register_type('fails', parser=fail)
        self.addCleanup(URLPattern.segment_parsers.pop, 'fails')
        app.get('/fails/<fails:x>')(lambda request, x: '')

        async def check(server, client):
            for count in range(2):
                await client.send(ask(b'/fails/a'))
                self.assertEqual((await client.answer()).status, 500)
            self.assertEqual(len(server.logged), 2)
            server.logged.clear()

        serve(app, check)


class TestResponses(unittest.TestCase):
    def test_a_line_break_in_a_header_is_not_sent(self):
        app = make_app()

        @app.get('/split')
        async def split(request):
            return 'x', 200, {'X-Name': 'a\r\nSet-Cookie: b=c'}

        async def check(server, client):
            await client.send(ask(b'/split'))
            answer = await client.answer()
            self.assertEqual(answer.status, 500)
            self.assertFalse('set-cookie' in answer.headers)
            server.logged.clear()

        serve(app, check)

    def test_a_file_has_a_length_for_head_as_well(self):
        app = make_app()

        @app.get('/file')
        async def file(request):
            return send_file(__file__)

        async def check(server, client):
            await client.send(ask(b'/file'))
            answer = await client.answer()
            self.assertTrue(answer.whole)
            length = answer.headers['content-length']
            self.assertEqual(int(length), len(answer.body))
            await client.send(ask(b'/file', b'HEAD') + GET)
            answer = await client.answer('HEAD')
            self.assertEqual(answer.headers['content-length'], length)
            self.assertEqual((await client.answer()).body, b'hello')

        serve(app, check)

    def test_a_file_is_sent_once_and_in_parts(self):
        app = make_app()

        @app.get('/file')
        async def file(request):
            return static.serve_file(request, name)

        name = '/tmp/microdot-promises-%d' % time.time_ns()
        self.addCleanup(os.remove, name)
        with open(name, 'wb') as f:
            f.write(b'0123456789' * 100)

        async def check(server, client):
            await client.send(ask(b'/file'))
            whole = await client.answer()
            etag = whole.headers['etag']
            self.assertTrue(whole.headers['last-modified'])
            for line, status, body in (
                    ('If-None-Match: ' + etag, 304, b''),
                    ('If-Modified-Since: ' + whole.headers['last-modified'],
                     304, b''),
                    ('Range: bytes=5-9', 206, whole.body[5:10]),
                    ('Range: bytes=-7', 206, whole.body[-7:]),
                    ('Range: bytes=999999-', 416, None)):
                await client.send(ask(b'/file').replace(
                    b'\r\n\r\n', b'\r\n' + line.encode() + b'\r\n\r\n'))
                answer = await client.answer()
                self.assertEqual(answer.status, status)
                self.assertTrue(answer.whole)
                if body is not None:
                    self.assertEqual(answer.body, body)

        serve(app, check)

    def test_a_body_that_fails_is_not_taken_for_whole(self):
        app = make_app()

        @app.get('/fail')
        async def fail(request):
            def pieces():
                yield 'first'
                raise RuntimeError('in a body')
            return pieces()

        async def check(server, client):
            await client.send(ask(b'/fail'))
            answer = await client.answer()
            self.assertEqual(answer.chunks, [b'first'])
            self.assertFalse(answer.whole)
            self.assertTrue(await client.closed())
            self.assertEqual(len(server.logged), 1)
            server.logged.clear()

        serve(app, check)


class TestLeaving(unittest.TestCase):
    """Each within a second."""

    def leave(self, app, log, expected, path=b'/leave'):
        async def check(server, client):
            await client.send(ask(path))
            # (the head has an x too, but nothing of the body has begun there)
            await client.line(b'\r\n\r\n')
            await client.line(b'x')
            await client.close()
            await until(lambda: expected in log, A_SECOND)
            await server.idle()
            self.assertEqual(log, [expected])
            self.assertEqual(app.streams, 0)

        serve(app, check)

    def test_finally_of_a_body_runs(self):
        app = make_app()
        log = []

        class Body:
            begun = False

            def __aiter__(self):
                return self

            async def __anext__(self):
                if self.begun:
                    try:
                        await asyncio.sleep(60)
                    finally:
                        log.append('finally')
                self.begun = True
                return 'x'

        app.get('/leave')(lambda request: Body())
        self.leave(app, log, 'finally')

    def test_a_file_is_closed(self):
        app = make_app()
        log = []
        app.get('/leave')(lambda request: Response(File(100000, log)))
        self.leave(app, log, 'file closed')

    def test_a_body_that_nobody_reads_is_closed(self):
        app = make_app()
        log = []
        pieces = [0]

        class Body:
            def __aiter__(self):
                return self

            async def __anext__(self):
                pieces[0] += 1
                return b'x' * 16000

            async def aclose(self):
                await asyncio.sleep(0.01)
                log.append('closed')

        app.get('/endless')(lambda request: Body())

        async def check(server, client):
            await client.send(ask(b'/endless'))
            await while_moving(lambda: log, lambda: pieces[0])
            await server.idle()
            self.assertEqual(log, ['closed'])
            self.assertEqual(app.streams, 0)

        serve(app, check, stall_timeout=0.05)

    def test_a_file_that_was_sent_is_closed(self):
        app = make_app()
        log = []

        @app.get('/file')
        async def file(request):
            return Response(File(3, log))

        async def check(server, client):
            for method in (b'GET', b'HEAD'):
                await client.send(ask(b'/file', method))
                answer = await client.answer(method.decode())
                self.assertEqual(answer.status, 200)
                await until(lambda: log)
                self.assertEqual(log, ['file closed'])
                log.clear()

        serve(app, check)

    def test_a_generator_is_closed(self):
        app = make_app()
        log = []

        @app.get('/leave')
        async def leave(request):
            def pieces():
                try:
                    while True:
                        yield 'x' * 4000
                finally:
                    log.append('generator closed')
            return pieces()

        self.leave(app, log, 'generator closed')

    def test_a_source_of_events_is_cancelled(self):
        app = make_app()
        log = []

        @app.get('/leave')
        @sse.with_sse
        async def leave(request, events):
            await events.send('x')
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                log.append('cancelled')
                raise

        self.leave(app, log, 'cancelled')

    def test_a_websocket_without_a_close_is_cancelled(self):
        app = make_app()
        log = []

        @app.get('/ws')
        @websocket.with_websocket
        async def handler(request, ws):
            await ws.send('x')
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                log.append('cancelled')
                raise

        async def check(server, client):
            ws = Frames(client)
            await ws.open('/ws')
            self.assertEqual(await ws.next(), (TEXT, b'x'))
            await client.close()
            await until(lambda: log, A_SECOND)
            await server.idle()
            self.assertEqual(log, ['cancelled'])

        serve(app, check)

    def test_a_plain_handler_runs_to_its_end(self):
        app = make_app()
        log = []

        @app.get('/slow')
        async def slow(request):
            log.append('begun')
            try:
                await asyncio.sleep(0.05)
                log.append('ended')
            finally:
                log.append('finally')
            return ''

        async def check(server, client):
            await client.send(ask(b'/slow'))
            await until(lambda: log)
            await client.close()
            await server.idle()
            self.assertEqual(log, ['begun', 'ended', 'finally'])

        serve(app, check)


class TestEvents(unittest.TestCase):
    def test_all_lines_of_an_event_arrive(self):
        app = make_app()

        @app.get('/events')
        @sse.with_sse
        async def handler(request, events):
            await events.send('a\nb')

        async def check(server, client):
            await client.send(ask(b'/events'))
            self.assertEqual((await client.answer()).body,
                             b'data: a\ndata: b\n\n')

        serve(app, check)

    def test_events_do_not_pile_up(self):
        app = make_app()
        sent = [0]

        @app.get('/events')
        @sse.with_sse
        async def handler(request, events):
            while True:
                await events.send('x' * 500)
                sent[0] += 1

        async def check(server, client):
            await client.send(ask(b'/events'))
            await until(lambda: sent[0])
            count = -1
            while count != sent[0]:  # until it waits
                count = sent[0]
                await asyncio.sleep(0.05)
            # what the system keeps of a connection, and some more
            self.assertTrue(0 < count < 40000)

        serve(app, check)


class TestWebSockets(unittest.TestCase):
    def talk(self, check, headers=b''):
        app = make_app()

        @app.get('/ws')
        async def handler(request):
            ws = await websocket.websocket_upgrade(
                request, protocols=['new', 'old'])
            async for message in ws:
                await ws.send(message)
            return Response.already_handled

        async def talk(server, client):
            ws = Frames(client)
            await ws.open('/ws', headers)
            await check(ws)

        serve(app, talk)

    def test_a_message_in_two_frames_is_one(self):
        async def check(ws):
            await ws.client.send(frame(BINARY, b'one', fin=False) +
                                 frame(0, b'two'))
            self.assertEqual(await ws.next(), (BINARY, b'onetwo'))

        self.talk(check)

    def test_it_answers_a_close_with_its_code(self):
        async def check(ws):
            await ws.client.send(close(4000, 'bye'))
            self.assertEqual((await ws.closed())[0], 4000)
            self.assertTrue(await ws.client.closed())

        self.talk(check)

    def test_it_chooses_a_protocol(self):
        async def check(ws):
            self.assertIn(b'\r\nSec-WebSocket-Protocol: old\r\n',
                          ws.head + b'\r\n')

        self.talk(check, b'Sec-WebSocket-Protocol: older, old\r\n')

    def test_it_sends_pings_and_leaves_those_who_do_not_answer(self):
        interval = websocket.WebSocket.ping_interval
        self.addCleanup(setattr, websocket.WebSocket, 'ping_interval',
                        interval)
        websocket.WebSocket.ping_interval = 0.05

        async def check(ws):
            self.assertEqual((await ws.next())[0], PING)
            # answered neither to this one nor to others
            seen = await ws.client.rest()
            self.assertTrue(len(seen) < 100, seen)

        self.talk(check)


class TestMany(unittest.TestCase):
    def test_40_who_say_nothing_keep_nobody_out(self):
        app = make_app()

        async def check(server, client):
            others = []
            for count in range(40):
                others.append(await server.connect())
                self.assertTrue(app.counters['open'] <= 20)
                if count % 20 == 19:
                    self.assertEqual((await server.ask()).body, b'hello')
            if hasattr(asyncio, 'all_tasks'):
                await until(lambda: len(asyncio.all_tasks()) < 30)
            for other in others:
                await other.close()

        serve(app, check, max_connections=20)

    def test_shutdown_ends_all_kinds_of_connections(self):
        log = []

        async def main():
            app = make_app()
            app.shutdown_timeout = 0.1
            app.on_shutdown(lambda: log.append('down'))

            @app.get('/slow')
            async def slow(request):
                log.append('slow')
                await asyncio.sleep(60)

            @app.get('/events')
            @sse.with_sse
            async def events(request, events):
                while True:
                    await events.send('x')
                    await asyncio.sleep(0.01)

            @app.get('/ws')
            @websocket.with_websocket
            async def handler(request, ws):
                while True:
                    await ws.receive()

            for count in range(2):
                async with Server(app) as server:
                    idle = await server.connect()
                    await idle.send(GET)
                    await idle.answer()
                    waiting = await server.connect()
                    await waiting.send(ask(b'/slow'))
                    listening = await server.connect()
                    await listening.send(ask(b'/events'))
                    await listening.line(b'data: x\n\n')
                    ws = Frames(await server.connect())
                    await ws.open('/ws')
                    await until(lambda: 'slow' in log)
                    app.shutdown()
                    self.assertEqual((await ws.closed())[0], 1001)
                    ws.client.writer.close()
                    await soon(server.task)
                    self.assertEqual(app.streams, 0)
                    self.assertEqual(log, ['slow', 'down'])
                    log.clear()

        run(main())

    def test_shutdown_does_not_wait_for_the_idle(self):
        app = make_app()

        async def main():
            async with Server(app) as server:
                for count in range(3):
                    client = await server.connect()
                    await client.send(GET)
                    await client.answer()
                app.shutdown()
                await soon(server.task)

        run(main())

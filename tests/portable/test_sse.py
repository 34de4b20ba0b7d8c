"""Server-sent events."""

import asyncio
import unittest

from helpers import run
from microdot.microdot import Microdot
from microdot.sse import SSE, encode_event, sse_response, with_sse
from microdot.test_client import TestClient
from serving import Server, soon, until, while_moving

HEAD = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
LAST = b'GET / HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 7\r\n\r\n'

# arguments, what is sent
EVENTS = (
    (('foo',), {}, b'data: foo\n\n'),
    (('bar',), {'event': 'test'}, b'event: test\ndata: bar\n\n'),
    (('bar',), {'event': 'test', 'event_id': 'id'},
     b'event: test\nid: id\ndata: bar\n\n'),
    (('bar', 'test', 'id'), {}, b'event: test\nid: id\ndata: bar\n\n'),
    (('bar',), {'event_id': 'id'}, b'id: id\ndata: bar\n\n'),
    (('bar',), {'event_id': 7}, b'id: 7\ndata: bar\n\n'),
    (('bar',), {'event_id': ''}, b'id: \ndata: bar\n\n'),
    (('bar',), {'retry': 2.5}, b'retry: 2500\ndata: bar\n\n'),
    (('bar',), {'retry': 0}, b'retry: 0\ndata: bar\n\n'),
    (('x', 'e', 'i', 1), {},
     b'retry: 1000\nevent: e\nid: i\ndata: x\n\n'),
    (('ping',), {'comment': True}, b': ping\n\n'),
    (('ping', 'e', 'i', 1, True), {}, b': ping\n\n'),
    ((ValueError('foo'),), {}, b'data: foo\n\n'),
    ((b'foo',), {}, b'data: foo\n\n'),
    ((bytearray(b'foo'),), {}, b'data: foo\n\n'),
    ((memoryview(b'foo'),), {}, b'data: foo\n\n'),
    ((42,), {}, b'data: 42\n\n'),
    (('',), {}, b'data: \n\n'),
    ((' a',), {}, b'data:  a\n\n'),
    (('\xe4',), {}, b'data: \xc3\xa4\n\n'),
)

# What others may want to smuggle in, as data: name, data, what is sent.
HOSTILE_DATA = (
    ('line feed', 'a\nb', b'data: a\ndata: b\n\n'),
    ('return', 'a\rb', b'data: a\ndata: b\n\n'),
    ('both', 'a\r\nb', b'data: a\ndata: b\n\n'),
    ('both, the wrong way round', 'a\n\rb', b'data: a\ndata: \ndata: b\n\n'),
    ('end of the event', 'a\n\ndata: b',
     b'data: a\ndata: \ndata: data: b\n\n'),
    ('other field', 'a\nevent: b', b'data: a\ndata: event: b\n\n'),
    ('trailing line feed', 'a\n', b'data: a\ndata: \n\n'),
    ('nothing but line feeds', '\n\n', b'data: \ndata: \ndata: \n\n'),
    ('bytes', b'a\r\r\nb', b'data: a\ndata: \ndata: b\n\n'),
    ('colon', ': a', b'data: : a\n\n'),
    ('line separators that end no line', 'a\x0b\x0c\x85\u2028b',
     b'data: a\x0b\x0c\xc2\x85\xe2\x80\xa8b\n\n'),
)
# As a name or an id, which have no second line.
HOSTILE_NAMES = ('a\nb', 'a\rb', '\n', 'a\r\ndata: x', 'a\0b', 'x\n\ndata: y')


class TestWire(unittest.TestCase):
    def test_events(self):
        for args, kwargs, expected in EVENTS:
            with self.subTest(expected=expected):
                self.assertEqual(encode_event(*args, **kwargs), expected)

    def test_json(self):
        for value in ({'foo': 'bar'}, ['a\nb', 1]):
            wire = encode_event(value)
            self.assertEqual(wire.count(b'\n'), 2)
            events = run(events_of([value]))
            self.assertEqual(events[0]['data_json'], value)

    def test_no_data_makes_more_than_one_event(self):
        for name, data, expected in HOSTILE_DATA:
            with self.subTest(name=name):
                self.assertEqual(encode_event(data), expected)

    def test_no_comment_becomes_an_event(self):
        self.assertEqual(encode_event('a\ndata: b\r\n\r\nc', comment=True),
                         b': a\n: data: b\n: \n: c\n\n')

    def test_no_name_and_no_id_makes_another_field(self):
        for text in HOSTILE_NAMES:
            for key in ('event', 'event_id'):
                with self.subTest(text=text, key=key):
                    with self.assertRaises(ValueError):
                        encode_event('x', **{key: text})

    def test_a_page_gets_the_data_as_it_was(self):
        for text in ('a\nb', 'a\n\nb', ' a', 'data: x', ': x', 'a\n'):
            events = run(events_of([text]))
            self.assertEqual([event['data'] for event in events],
                             [text.encode()])


async def events_of(values):
    app = Microdot()

    @app.get('/')
    @with_sse
    async def view(request, sse):
        for value in values:
            await sse.send(value)

    return (await TestClient(app).get('/')).events


class TestInMemory(unittest.TestCase):
    def test_ten_sends(self):
        app = Microdot()

        @app.get('/sse')
        @with_sse
        async def view(request, sse):
            await sse.send('foo')
            await sse.send('bar', event='test')
            await sse.send('bar', event='test', event_id='id')
            await sse.send('bar', event_id='id')
            await sse.send('bar', retry=2.5)
            await sse.send({'foo': 'bar'})
            await sse.send('ping', comment=True)
            await sse.send([42, 'foo'])
            await sse.send(ValueError('foo'))
            await sse.send(b'foo')

        res = run(TestClient(app).get('/sse'))
        self.assertEqual(res.status_code, 200)
        self.assertEqual(res.headers['Content-Type'], 'text/event-stream')
        self.assertEqual(res.headers['Cache-Control'], 'no-cache')
        self.assertEqual(res.headers['X-Accel-Buffering'], 'no')
        self.assertEqual(len(res.events), 9)
        self.assertEqual(res.events[4]['retry'], 2.5)
        self.assertEqual(res.events[5]['data_json'], {'foo': 'bar'})
        self.assertEqual(res.events[8]['data'], b'foo')

    def test_arguments_reach_the_function(self):
        app = Microdot()

        async def function(request, sse, a, b):
            await sse.send(request.path + a + b)

        @app.get('/x')
        async def view(request):
            return sse_response(request, function, 'a', b='b')

        @app.get('/y/<a>/<b>')
        @with_sse
        async def decorated(request, sse, a, b):
            await function(request, sse, a, b)

        for path, data in (('/x', b'/xab'), ('/y/1/2', b'/y/1/212')):
            res = run(TestClient(app).get(path))
            self.assertEqual(res.events[0]['data'], data)

    def test_exception_reaches_the_test(self):
        app = Microdot()
        app.log_exception = lambda req, exc: None

        @app.get('/')
        @with_sse
        async def view(request, sse):
            await sse.send('one')
            raise ValueError('two')

        with self.assertRaises(ValueError):
            run(TestClient(app).get('/'))

    def test_last_event_id(self):
        app = Microdot()

        @app.get('/')
        @with_sse
        async def view(request, sse):
            await sse.send(sse.last_event_id)

        for headers, data in (({'Last-Event-ID': '42'}, b'42'), ({}, b'None')):
            res = run(TestClient(app).get('/', headers=headers))
            self.assertEqual(res.events[0]['data'], data)

    def test_head_does_not_call_the_function(self):
        app = Microdot()
        calls = []

        @app.get('/')
        @with_sse
        async def view(request, sse):
            calls.append(request.method)

        res = run(TestClient(app).head('/'))
        self.assertEqual(res.headers['Content-Type'], 'text/event-stream')
        self.assertEqual(calls, [])
        run(TestClient(app).get('/'))
        self.assertEqual(calls, ['GET'])

    def test_client_that_leaves_after_some_events(self):
        app = Microdot()
        ended = []

        @app.get('/')
        @with_sse
        async def view(request, sse):
            number = 0
            try:
                while await sse.send(number):
                    number += 1
                    await sse.send('comment', comment=True)
            finally:
                ended.append(number)

        for most in (1, 3, 20):
            res = run(TestClient(app).get('/', max_events=most))
            self.assertTrue(most <= len(res.events) <= most + SSE.max_queue)
            self.assertEqual([int(event['data']) for event in res.events],
                             list(range(len(res.events))))
            self.assertEqual(len(ended), 1)
            self.assertTrue(ended.pop() >= most)
        # fewer than that
        res = run(TestClient(app).get('/missing', max_events=1))
        self.assertEqual(res.status_code, 404)

    def test_send_waits_while_the_queue_is_full(self):
        async def test():
            sse = SSE()
            for i in range(SSE.max_queue):
                await soon(sse.send(i))
            self.assertEqual(len(sse.queue), SSE.max_queue)
            task = asyncio.create_task(sse.send('more'))
            for _ in range(10):
                await asyncio.sleep(0)
            self.assertFalse(task.done())
            self.assertEqual(len(sse.queue), SSE.max_queue)
            sse.queue.clear()
            sse._room.set()
            self.assertTrue(await soon(task))
            self.assertEqual(sse.queue, [b'data: more\n\n'])

        run(test())

    def test_only_small_events_are_sent_together(self):
        async def test(size):
            app = Microdot()

            @app.get('/')
            @with_sse
            async def view(request, sse):
                for _ in range(SSE.max_queue):
                    await sse.send('x' * size)

            async with Server(app) as server:
                return [len(chunk) for chunk in
                        (await server.ask(HEAD)).chunks]

        self.assertEqual(run(test(1)), [SSE.max_queue * 9])
        self.assertEqual(run(test(600)), [608] * SSE.max_queue)
        self.assertTrue(max(run(test(300))) < 1024)

    def test_many_events_come_in_order(self):
        values = [str(i) for i in range(100)]
        events = run(events_of(values))
        self.assertEqual([event['data'].decode() for event in events], values)


class View:
    """An application with a view that sends and then waits."""

    def __init__(self, *events, **limits):
        self.app = app = Microdot()
        app.sweep_interval = 0.02
        for name in limits:
            setattr(app, name, limits[name])
        self.begun = self.ended = 0
        self.sse = None

        @app.get('/')
        @with_sse
        async def view(request, sse):
            self.begun += 1
            self.sse = sse
            try:
                for event in events:
                    await sse.send(event)
                await asyncio.sleep(60)
            finally:
                self.ended += 1

        @app.get('/plain')
        async def plain(request):
            return 'plain'


class TestOverSockets(unittest.TestCase):
    def test_events_come_when_they_are_sent(self):
        async def test():
            view = View('one')
            async with Server(view.app) as server:
                client = await server.connect()
                await client.send(LAST)
                head = await client.line(b'\r\n\r\n')
                self.assertIn(b'text/event-stream', head)
                self.assertEqual(await client.line(), b'b')
                self.assertEqual(await client.line(b'\n\n'), b'data: one')
                await client.line()
                self.assertEqual(view.sse.last_event_id, '7')
                await view.sse.send('two')
                self.assertEqual(await client.line(), b'b')

        run(test())

    def test_view_ends_when_the_client_leaves(self):
        async def test():
            view = View()
            async with Server(view.app) as server:
                client = await server.connect()
                await client.send(HEAD)
                await until(lambda: view.begun)
                sse = view.sse
                await client.close()
                await until(lambda: view.ended)
                await server.idle()
                # others that hold on to it are told
                self.assertFalse(await sse.send('x'))

        run(test())

    def test_senders_that_wait_are_told_that_the_client_has_left(self):
        async def test():
            view = View()
            async with Server(view.app) as server:
                client = await server.connect()
                await client.send(HEAD)
                await until(lambda: view.begun)
                sse = view.sse
                sse.max_queue = 0
                task = asyncio.create_task(sse.send('x'))
                await asyncio.sleep(0)
                self.assertFalse(task.done())
                await client.close()
                self.assertFalse(await soon(task))

        run(test())

    def test_connection_goes_on_after_the_last_event(self):
        async def test():
            app = Microdot()

            @app.get('/')
            @with_sse
            async def view(request, sse):
                await sse.send('only')

            async with Server(app) as server:
                client = await server.connect()
                for _ in range(3):
                    await client.send(HEAD)
                    answer = await client.answer()
                    self.assertTrue(answer.whole)
                    self.assertEqual(answer.body, b'data: only\n\n')

        run(test())

    def test_failure_cuts_the_connection(self):
        async def test():
            app = Microdot()

            @app.get('/')
            @with_sse
            async def view(request, sse):
                await sse.send('only')
                await asyncio.sleep(0.01)
                raise ValueError('late')

            async with Server(app) as server:
                answer = await server.ask(HEAD)
                self.assertFalse(answer.whole)
                self.assertEqual(len(server.logged), 1)
                server.logged.clear()

        run(test())

    def test_failure_while_it_is_cancelled_is_logged(self):
        async def test():
            app = Microdot()
            begun = []

            @app.get('/')
            @with_sse
            async def view(request, sse):
                begun.append(1)
                try:
                    await asyncio.sleep(60)
                finally:
                    raise ValueError('cleaning up')

            async with Server(app) as server:
                client = await server.connect()
                await client.send(HEAD)
                await until(lambda: begun)
                await client.close()
                await until(lambda: server.logged)
                self.assertEqual(str(server.logged.pop()), 'cleaning up')

        run(test())

    def test_comments_keep_a_quiet_stream_alive(self):
        async def test():
            view = View()
            self.addCleanup(setattr, SSE, 'keep_alive', SSE.keep_alive)
            SSE.keep_alive = 0.02
            async with Server(view.app) as server:
                client = await server.connect()
                await client.send(HEAD)
                await client.line(b'\r\n\r\n')
                for _ in range(3):
                    self.assertEqual(await client.line(), b'3')
                    self.assertEqual(await client.line(), b':\n\n')

        run(test())

    def test_no_comments(self):
        async def test():
            view = View()
            self.addCleanup(setattr, SSE, 'keep_alive', SSE.keep_alive)
            SSE.keep_alive = None
            async with Server(view.app) as server:
                client = await server.connect()
                await client.send(HEAD)
                await until(lambda: view.begun)
                await view.sse.send('x')
                await client.line(b'\r\n\r\n')
                self.assertEqual(await client.line(), b'9')

        run(test())

    def test_streams_leave_room_for_others(self):
        async def test():
            view = View('x', max_connections=4, reserved_connections=2)
            async with Server(view.app) as server:
                clients = []
                for _ in range(2):
                    client = await server.connect()
                    clients.append(client)
                    await client.send(HEAD)
                    await client.line(b'data: x\n\n')
                answer = await server.ask(HEAD)
                self.assertEqual(answer.status, 503)
                self.assertIn('retry-after', answer.headers)
                self.assertEqual(view.begun, 2)
                plain = await server.ask(HEAD.replace(b'/ ', b'/plain ', 1))
                self.assertEqual(plain.body, b'plain')
                await clients[0].close()
                await until(lambda: view.app.streams == 1)
                client = await server.connect()
                await client.send(HEAD)
                await client.line(b'data: x\n\n')

        run(test())

    def test_shutdown_ends_streams_properly(self):
        async def test():
            view = View('x')
            async with Server(view.app) as server:
                client = await server.connect()
                await client.send(HEAD)
                await until(lambda: view.begun)
                await soon(server.stop())
                answer = await client.answer()
                self.assertTrue(answer.whole)
                self.assertEqual(view.ended, 1)

        run(test())

    def test_view_waits_for_a_client_that_does_not_read(self):
        async def test():
            app = Microdot()
            app.sweep_interval = 0.02
            app.stall_timeout = 0.1
            sent = [0]
            ended = []

            @app.get('/')
            @with_sse
            async def view(request, sse):
                try:
                    while True:
                        await sse.send(b'x' * 1000)
                        sent[0] += 1
                finally:
                    ended.append(1)

            async with Server(app) as server:
                client = await server.connect()
                await client.send(HEAD)
                # cut: it does not read; how much fits is the system's affair
                await while_moving(lambda: ended, lambda: sent[0])
                self.assertTrue(0 < sent[0] < 20000, sent)

        run(test())


if __name__ == '__main__':
    unittest.main()

"""WebSockets, in memory and over sockets."""

import asyncio
import json
import unittest

from frames import (
    BINARY,
    CLOSE,
    HANDSHAKE,
    PING,
    PONG,
    TEXT,
    Frames,
    close,
    frame,
)
from helpers import heap_kb, needs_heap, run
from microdot import websocket
from microdot.microdot import (
    HTTPException,
    Microdot,
    Request,
    Response,
    abort,
)
from microdot.test_client import TestClient, handle_request
from microdot.websocket import (
    Utf8,
    WebSocket,
    WebSocketClose,
    WebSocketError,
    websocket_upgrade,
    websocket_wrapper,
    with_websocket,
)
from peers import Recorder, Stream
from serving import Server, soon, until

KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
HEADERS = {'Upgrade': 'websocket', 'Connection': 'Upgrade',
           'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': KEY}

# name, method, headers that differ (None: left out), status
BAD_HANDSHAKES = (
    ('no upgrade', 'GET', {'Upgrade': None}, 400),
    ('upgrade to something else', 'GET', {'Upgrade': 'h2c'}, 400),
    ('upgrade to something like it', 'GET', {'Upgrade': 'websockets'}, 400),
    ('no connection', 'GET', {'Connection': None}, 400),
    ('another connection', 'GET', {'Connection': 'keep-alive'}, 400),
    ('no key', 'GET', {'Sec-WebSocket-Key': None}, 400),
    ('empty key', 'GET', {'Sec-WebSocket-Key': ''}, 400),
    ('short key', 'GET', {'Sec-WebSocket-Key': 'Zm9v'}, 400),
    ('key of 15 bytes', 'GET',
     {'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25j'}, 400),
    ('key of 17 bytes', 'GET',
     {'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZWQ='}, 400),
    ('key that is not base64', 'GET', {'Sec-WebSocket-Key': '?' * 24}, 400),
    ('two keys', 'GET', {'Sec-WebSocket-Key': [KEY, KEY]}, 400),
    ('no version', 'GET', {'Sec-WebSocket-Version': None}, 400),
    ('old version', 'GET', {'Sec-WebSocket-Version': '8'}, 426),
    ('new version', 'GET', {'Sec-WebSocket-Version': '14'}, 426),
    ('two versions', 'GET', {'Sec-WebSocket-Version': ['13', '8']}, 426),
    ('body', 'GET', {'Content-Length': '5'}, 400),
    ('chunked body', 'GET', {'Transfer-Encoding': 'chunked'}, 400),
    ('POST', 'POST', {}, 400),
)

# name, frames of a client, the code of the Close frame that it gets
HOSTILE = (
    ('no mask', frame(TEXT, b'a', mask=None), 1002),
    ('reserved bit', frame(TEXT, b'a', rsv=4), 1002),
    ('reserved opcode', frame(3, b'a'), 1002),
    ('ping in fragments', frame(PING, b'a', fin=False), 1002),
    ('ping too long', frame(PING, b'x' * 126), 1002),
    ('continuation of nothing', frame(0, b'a'), 1002),
    ('message within a message',
     frame(TEXT, b'a', fin=False) + frame(TEXT, b'b'), 1002),
    ('length with a sign', b'\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff', 1002),
    ('not UTF-8', frame(TEXT, b'\xc0\x80'), 1007),
    ('not UTF-8 in fragments', frame(TEXT, b'\xe2', fin=False) +
     frame(0, b'\x28'), 1007),
    ('message too long', frame(TEXT, size=1001), 1009),
    ('message far too long, all of it', frame(TEXT, b'x' * 2000), 1009),
    ('fragments too long', frame(TEXT, b'x' * 600, fin=False) +
     frame(0, b'x' * 600), 1009),
    ('close with a bad code', close(1005), 1002),
    ('close with half a code', frame(CLOSE, b'\x03'), 1002),
    ('close with a bad reason', frame(CLOSE, b'\x03\xe8\xff'), 1007),
    ('another request', b'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 1002),
)


def make_app(handler, path='/', app=None, **options):
    """Return an application with a WebSocket handler."""
    app = app or Recorder()
    app.sweep_interval = 0.02
    app.get(path)(with_websocket(**options)(handler))
    return app


async def through(request, call_next):
    return await call_next(request)


async def echo(request, ws):
    async for message in ws:
        await ws.send(message)


def limit(test, name, value, where=WebSocket):
    """Change a class attribute for the time of a test."""
    test.addCleanup(setattr, where, name, getattr(where, name))
    setattr(where, name, value)


def leave():
    """A client that leaves at once."""
    return
    yield


def leave_later():
    """A client that waits for the server to close."""
    yield


def talk(app, client, path='/', **kwargs):
    return run(TestClient(app, **kwargs).websocket(path, client))


class TestInMemory(unittest.TestCase):
    def test_its_url_is_for_websockets(self):
        app = make_app(echo, '/ws')
        app.get('/named', name='named')(with_websocket(echo))
        app.get('/around', name='around', middleware=[through])(
            with_websocket(echo))

        @app.get('/')
        async def index(request):
            return [request.url_for(name) for name in
                    ('echo', 'named', 'around', 'index')]

        for scheme, expected in (('http', 'ws://h'), ('https', 'wss://h')):
            client = TestClient(app, host='h', scheme=scheme)
            self.assertEqual(run(client.get('/')).json, [
                expected + '/ws', expected + '/named', expected + '/around',
                scheme + '://h/'])
        self.assertEqual(app.url_for('echo'), '/ws')

    def test_echo(self):
        got = []

        def client():
            for message in ('hi', b'bytes', b'*' * 300, '', b''):
                got.append((yield message))

        res = talk(make_app(echo), client)
        self.assertEqual(res.status_code, 101)
        self.assertIsNone(res.body)
        self.assertEqual(got, ['hi', b'bytes', b'*' * 300, '', b''])

    @needs_heap(800)  # both ends have several copies of it
    def test_echo_of_a_length_in_64_bits(self):
        limit(self, 'max_message_length', 65537)
        got = []

        def client():
            got.append((yield 'x' * 65537))

        talk(make_app(echo), client)
        self.assertEqual(got, ['x' * 65537])

    def test_server_speaks_first(self):
        got = []

        async def handler(request, ws):
            await ws.send('welcome')
            await ws.send(await ws.receive())

        def client():
            got.append((yield))
            got.append((yield 'hi'))

        talk(make_app(handler), client)
        self.assertEqual(got, ['welcome', 'hi'])

    def test_handler_that_ends_closes(self):
        async def handler(request, ws):
            self.assertEqual(await ws.receive(), 'hi')

        def client():
            yield 'hi'
            yield

        res = talk(make_app(handler), client)
        self.assertEqual((res.close_code, res.close_reason), (1000, ''))

    def test_exception_closes_and_is_logged(self):
        app = make_app(None)

        @app.get('/fail')
        @with_websocket
        async def handler(request, ws):
            raise ValueError('oops')

        def client():
            yield

        res = talk(app, client, '/fail')
        self.assertIsNone(res.body)
        self.assertEqual(res.close_code, 1011)
        self.assertEqual(res.close_reason, '')
        self.assertEqual([str(exc) for exc in app.logged], ['oops'])
        with self.assertRaises(ValueError):
            talk(app, client, '/fail', raise_exceptions=True)

    def test_message_over_the_limit_does_not_come_through(self):
        got = []
        limit(self, 'max_message_length', 10)

        async def handler(request, ws):
            try:
                while True:
                    got.append(await ws.receive())
            except WebSocketError as exc:
                got.append(exc.code)

        def client():
            yield 'x' * 10
            yield 'x' * 11

        res = talk(make_app(handler), client)
        self.assertEqual(got, ['x' * 10, 1009])
        self.assertEqual(res.close_code, 1009)

    def test_limit_is_that_of_bodies(self):
        size = 1000
        limit(self, 'max_body_length', size, Request)
        got = []

        def client():
            got.append(len((yield b'x' * size)))
            yield b'x' * (size + 1)

        res = talk(make_app(echo), client)
        self.assertEqual(got, [size])
        self.assertEqual(res.close_code, 1009)

    def test_no_limit(self):
        limit(self, 'max_message_length', 0)
        limit(self, 'max_body_length', 500, Request)
        got = []

        def client():
            got.append(len((yield b'x' * 1500)))

        talk(make_app(echo), client)
        self.assertEqual(got, [1500])

    def test_bad_handshakes(self):
        app = make_app(None)

        async def handler(request, ws):
            await ws.send('never')

        app.route('/', methods=['GET', 'POST'])(with_websocket(handler))
        for name, method, changes, status in BAD_HANDSHAKES:
            with self.subTest(name=name):
                headers = dict(HEADERS)
                headers.update(changes)
                for key in changes:
                    if changes[key] is None:
                        del headers[key]
                body = 'x' * 5 if 'length' in str(changes).lower() else None
                if 'Transfer-Encoding' in headers:
                    body = iter(['x'])
                res = run(TestClient(app).request(
                    method, '/', headers=headers, body=body))
                self.assertEqual(res.status_code, status)
                if status == 426:
                    self.assertEqual(res.headers['Sec-WebSocket-Version'],
                                     '13')
        self.assertEqual(app.logged, [])
        self.assertEqual(app.streams, 0)

    def test_bad_handshakes_are_told_what_is_wrong(self):
        for name, what in (('no key', 'key'), ('no upgrade', 'Upgrade'),
                           ('no connection', 'Connection'), ('POST', 'method'),
                           ('no version', 'version'), ('body', 'body')):
            method, changes = [row[1:3] for row in BAD_HANDSHAKES
                               if row[0] == name][0]
            app = make_app(echo)
            app.route('/', methods=['POST'])(with_websocket(echo))
            headers = {key: changes.get(key, value)
                       for key, value in HEADERS.items()
                       if changes.get(key, value) is not None}
            res = run(TestClient(app).request(
                method, '/', headers=headers,
                body=b'12345' if name == 'body' else None))
            self.assertEqual((res.status_code, res.text),
                             (400, 'no WebSocket: ' + what))

    def test_bad_handshakes_by_other_servers(self):
        # without a connection that knows how long the body is
        async def status(version, more):
            headers = dict(HEADERS)
            headers.update(more)
            request = Request(Microdot(), None, 'GET', '/', version, headers,
                              sock=(None, None))
            try:
                await WebSocket(request).handshake()
            except HTTPException as exc:
                return exc.status_code

        self.assertEqual(run(status('1.0', {})), 400)
        self.assertEqual(run(status('1.1', {'Content-Length': '5'})), 400)
        self.assertEqual(run(status('1.1', {
            'Sec-WebSocket-Version': '7'})), 426)

    def test_handshakes_in_other_words(self):
        for headers in ({'Connection': 'keep-alive, UPGRADE'},
                        {'Upgrade': 'WebSocket'}, {'Upgrade': 'x, websocket'},
                        {'Content-Length': '0'}):
            res = run(TestClient(make_app(echo)).websocket(
                '/', leave, headers=headers))
            self.assertEqual(res.status_code, 101)

    def test_other_responses_instead(self):
        app = Recorder()

        @app.get('/denied')
        async def denied(request):
            abort(403)

        @app.get('/plain')
        async def plain(request):
            return 'no WebSocket', 404

        def client():
            yield

        for path, status in (('/denied', 403), ('/plain', 404),
                             ('/missing', 404)):
            self.assertEqual(talk(app, client, path).status_code, status)

    def test_protocols(self):
        seen = []

        async def handler(request, ws):
            seen.append(ws.protocol)

        def client():
            yield

        app = make_app(handler, protocols=['b', 'a'])
        for offered, chosen in (('a, b', 'b'), ('a', 'a'), ('c', None),
                                (' a ,c', 'a'), ('', None), ('A', None)):
            headers = {'Sec-WebSocket-Protocol': offered}
            res = run(TestClient(app).websocket('/', client, headers))
            self.assertEqual(seen.pop(), chosen)
            self.assertEqual(res.headers.get('Sec-WebSocket-Protocol'),
                             chosen)
        self.assertIsNone(talk(app, client).headers.get(
            'Sec-WebSocket-Protocol'))

    def test_origins(self):
        good, evil = 'https://good.example', 'https://evil.example'
        own = 'http://example.com:1234'
        for origins, origin, status in (
                (None, evil, 101), ([good], good, 101), ([good], evil, 403),
                ([good], None, 101), ([good], 'null', 403),
                (good, good, 101), (good, 'https://good', 403),
                (['self'], own, 101), (['self'], evil, 403),
                (['self'], 'http://example.com', 403),
                (['self'], own + '.evil.example', 403),
                (['self', good], good, 101), (['*'], evil, 101),
                ([], own, 403), (['self'], '', 403)):
            headers = {} if origin is None else {'Origin': origin}
            with self.subTest(origins=origins, origin=origin):
                res = run(TestClient(make_app(echo, origins=origins))
                          .websocket('/', leave, headers))
                self.assertEqual(res.status_code, status)

    def test_own_origin(self):
        for scheme, host, origin, status in (
                ('http', 'a', 'http://a', 101),
                ('http', 'A', 'http://a', 101),
                ('http', 'a', 'https://a', 101),
                ('https', 'a', 'https://a', 101),
                ('https', 'a', 'http://a', 403),
                ('http', 'a', 'ftp://a', 403), ('http', 'a', '://a', 403),
                ('http', 'a', 'a', 403), ('http', '', 'null', 403),
                ('http', '', 'http://', 403), ('http', 'a', 'null', 403)):
            with self.subTest(scheme=scheme, host=host, origin=origin):
                client = TestClient(make_app(echo, origins=['self']),
                                    scheme=scheme)
                res = run(client.websocket(
                    '/', leave, {'Origin': origin, 'Host': host}))
                self.assertEqual(res.status_code, status)

    def test_headers(self):
        def client():
            yield

        async def handler(request, ws):
            pass

        app = make_app(handler, headers={'X-One': '1',
                                         'Set-Cookie': ['a=b', 'c=d']})
        res = talk(app, client)
        self.assertEqual(res.headers['X-One'], '1')
        self.assertEqual(res.headers['Set-Cookie'], ['a=b', 'c=d'])
        for headers in ({'X': 'a\r\nY: b'}, {'X: y': 'b'}, {'': 'a'}):
            app = make_app(handler, headers=headers)
            self.assertEqual(talk(app, client).status_code, 500)
            self.assertEqual(len(app.logged), 1)
            self.assertEqual(app.streams, 0)

    def test_json(self):
        got = []

        async def handler(request, ws):
            while True:
                value = await ws.receive_json()
                await ws.send_json([value])

        def client():
            got.append((yield '{"a": "\xe4"}'))
            got.append((yield b'1'))
            yield 'no'

        app = make_app(handler)
        res = talk(app, client)
        self.assertEqual(json.loads(got[0]), [{'a': '\xe4'}])
        self.assertEqual(got[1], '[1]')
        self.assertEqual((res.close_code, res.close_reason),
                         (1007, 'not JSON'))
        self.assertEqual(app.logged, [])

    def test_half_characters_are_not_passed_on_as_they_are(self):
        async def relay(request, ws):
            async for _ in ws:
                await ws.send_json(json.loads(
                    '["\\ud800x\\udfff", "\\ud7ff\\ue000\u20ac"]'))

        got = []

        def client():
            got.append((yield 'go'))

        app = make_app(relay)
        talk(app, client)
        self.assertEqual(app.logged, [])
        Utf8().decode(got[0].encode(), True)
        value = json.loads(got[0])
        self.assertEqual(value[0][1], 'x')
        self.assertEqual(value[1], '\ud7ff\ue000\u20ac')

    def test_texts_one_after_the_other(self):
        async def handler(request, ws):
            async for text in ws.iter_text():
                got.append(text)
            got.append(ws.close_code)

        def client(*messages):
            def generator():
                for message in messages:
                    yield message
            return generator

        for messages, expected in (
                (('a', '\xe4', ''), ['a', '\xe4', '', 1006]),
                (('a', b'b', 'c'), ['a', 1003])):
            got = []
            app = make_app(handler)
            res = talk(app, client(*messages))
            self.assertEqual(got, expected)
            self.assertEqual(app.logged, [])
        self.assertEqual((res.close_code, res.close_reason),
                         (1003, 'not text'))

    def test_json_values_one_after_the_other(self):
        async def handler(request, ws):
            async for value in ws.iter_json():
                await ws.send_json({'got': value})

        def client():
            for message in ('[1]', b'"\xc3\xa4"', 'null', '[', '2'):
                got.append((yield message))

        got = []
        app = make_app(handler)
        res = talk(app, client)
        self.assertEqual([json.loads(each) for each in got], [
            {'got': [1]}, {'got': '\xe4'}, {'got': None}])
        self.assertEqual((res.close_code, res.close_reason),
                         (1007, 'not JSON'))
        self.assertEqual(app.logged, [])

    def test_close_by_an_exception(self):
        async def handler(request, ws):
            await ws.receive()
            raise WebSocketClose(4001, 'r\xe4ason')

        async def by_hand(request):
            await handler(request, await websocket_upgrade(request))

        def client():
            yield 'x'
            yield

        app = make_app(handler)
        app.get('/hand')(by_hand)
        for path in ('/', '/hand'):
            with self.subTest(path=path):
                res = talk(app, client, path)
                self.assertEqual(res.status_code, 101)
                self.assertEqual((res.close_code, res.close_reason),
                                 (4001, 'r\xe4ason'))
                self.assertEqual(app.logged, [])

    def test_close_by_an_exception_before_the_handshake_is_an_answer(self):
        app = make_app(echo)

        @app.get('/early')
        async def early(request):
            raise WebSocketClose(1008, 'no')

        @app.get('/bare')
        async def bare(request):
            raise WebSocketClose

        for path, body in (('/early', b'no'), ('/bare', b'Forbidden')):
            res = talk(app, leave, path)
            self.assertEqual((res.status_code, res.body), (403, body))
        self.assertEqual(app.logged, [])

    def test_close_by_an_exception_has_a_code_that_can_be_sent(self):
        for args in ((1005,), (999,), (5000,), (1000, 'x' * 124)):
            with self.assertRaises(ValueError):
                WebSocketClose(*args)
        exc = WebSocketClose(1000, 'x' * 123)
        self.assertEqual((exc.code, exc.close_reason), (1000, 'x' * 123))
        exc = WebSocketClose()
        self.assertEqual((exc.code, exc.close_reason), (1000, ''))

    def test_error_handlers_see_exceptions(self):
        async def handler(request, ws):
            raise ValueError('oops')

        app = make_app(handler)

        @app.errorhandler(ValueError)
        async def seen(request, exc):
            errors.append(str(exc))
            return 'not sent'

        errors = []
        res = talk(app, leave_later)
        self.assertEqual((res.status_code, res.body), (101, None))
        self.assertEqual((res.close_code, errors), (1011, ['oops']))
        self.assertEqual(app.logged, [])

    def test_what_is_no_json(self):
        async def handler(request, ws):
            await ws.receive_json()

        # (5,000 lists take more than 100 KB)
        depth = 5000 if heap_kb() > 500 else 300
        for message in ('', '"a', b'\xff', '[' * depth, b'"\xc0\x80"'):
            def client():
                yield message

            app = make_app(handler)
            self.assertEqual(talk(app, client).close_code, 1007)
            self.assertEqual(app.logged, [])

    def test_client_that_leaves(self):
        got = []

        async def handler(request, ws):
            got.append(await ws.receive())
            try:
                await ws.receive()
            except WebSocketError as exc:
                got.append((exc.code, ws.closed, ws.close_code))
            try:
                await ws.send('x')
            except WebSocketError as exc:
                got.append(exc.code)

        def client():
            yield 'one'

        app = make_app(handler)
        talk(app, client)
        self.assertEqual(got, ['one', (1006, True, 1006), 1006])
        self.assertEqual(app.logged, [])

    def test_client_that_leaves_while_the_handler_is_busy(self):
        limit(self, '_GRACE', 0.05, websocket)
        ended = []

        async def handler(request, ws):
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(ws.gone)

        app = make_app(handler)

        @app.get('/manual')
        async def manual(request):
            await handler(request, await websocket_upgrade(request))

        for path in ('/', '/manual'):
            res = run(soon(TestClient(app).websocket(path, leave)))
            self.assertEqual(res.status_code, 101)
        self.assertEqual(ended, [True, True])
        self.assertEqual(app.logged, [])
        self.assertEqual(app.streams, 0)

    def test_upgrade_by_hand(self):
        app = Recorder()
        got = []

        @app.get('/')
        async def handler(request):
            ws = await websocket_upgrade(request, protocols='p')
            await ws.send(await ws.receive())
            return 'nobody sees this'

        def client():
            got.append((yield 'hi'))
            yield

        res = talk(app, client)
        self.assertEqual(got, ['hi'])
        self.assertEqual(res.close_code, 1000)

    def test_upgrade_by_hand_and_a_failure(self):
        for fail, logged in ((lambda: 1 // 0, 1), (lambda: abort(404), 0)):
            app = Recorder()

            @app.get('/')
            async def handler(request):
                await websocket_upgrade(request)
                fail()

            for _ in range(2):
                res = talk(app, leave_later)
                self.assertEqual(res.status_code, 101)
                self.assertEqual(res.close_code, 1011)
            self.assertEqual(len(app.logged), 2 * logged)
            self.assertEqual(app.streams, 0)
            self.assertEqual(len(app.after_error_request_handlers), 1)

    def test_second_handshake_is_a_mistake(self):
        app = Recorder()

        @app.get('/same')
        @with_websocket
        async def same(request, ws):
            await ws.handshake()

        @app.get('/other')
        @with_websocket
        async def other(request, ws):
            await websocket_upgrade(request)

        for path in ('/same', '/other'):
            res = talk(app, leave_later, path)
            self.assertEqual(res.close_code, 1011)
            self.assertEqual(app.streams, 0)
        self.assertEqual(len(app.logged), 2)

    def test_wrapper(self):
        app = Recorder()
        opened = []

        async def upgrade(request):
            opened.append(await websocket_upgrade(request))
            return opened[0]

        async def handler(request, ws, name):
            await ws.send(name)

        app.get('/<name>')(websocket_wrapper(handler, upgrade))

        def client():
            opened.append((yield))

        talk(app, client, '/ada')
        self.assertTrue(opened[0].closed)
        self.assertEqual(opened[1], 'ada')

    def test_another_class(self):
        class Another(WebSocket):
            max_message_length = 3

        app = make_app(echo)

        @app.before_request
        async def before(request):
            request.websocket_class = Another

        def client():
            yield 'four'

        self.assertEqual(talk(app, client).close_code, 1009)

    def test_shared_response_stays_as_it_is(self):
        app = make_app(echo)

        @app.after_request
        async def after(request, response):
            response.set_cookie('a', 'b')
            response.headers['X'] = 'y'

        for _ in range(2):
            talk(app, leave)
        self.assertEqual(len(Response.already_handled.headers), 0)

    def test_close_as_programs_for_2_7_do(self):
        for data, code, reason in (
                (4001, 4001, ''), (b'\x0f\xa1', 4001, ''), (b'', 1000, ''),
                ('', 1000, ''), (b'\x0f\xa1why', 4001, 'why')):
            async def handler(request, ws):
                await ws.send(data, ws.CLOSE)
                self.assertTrue(ws.closed)

            res = talk(make_app(handler), leave_later)
            self.assertEqual((res.close_code, res.close_reason or ''),
                             (code, reason))

    def test_close_by_send_with_no_code_is_an_error(self):
        async def handler(request, ws):
            for data in (1, 999, 5000, b'\x01', b'\0\1'):
                try:
                    await ws.send(data, ws.CLOSE)
                except ValueError:
                    refused.append(data)

        refused = []
        talk(make_app(handler), leave_later)
        self.assertEqual(len(refused), 5)

    def test_close_with_a_code(self):
        async def handler(request, ws):
            await ws.receive()
            await ws.close(4001, 'r\xe4ason')
            await ws.close(4002)
            self.assertTrue(ws.closed)
            for method in (ws.receive(), ws.send('x')):
                try:
                    await method
                except WebSocketError as exc:
                    seen.append((exc.code, exc.reason))

        def client():
            yield 'x'
            yield

        seen = []
        app = make_app(handler)
        res = talk(app, client)
        self.assertEqual((res.close_code, res.close_reason),
                         (4001, 'r\xe4ason'))
        self.assertEqual(seen, [(4001, 'r\xe4ason')] * 2)
        self.assertEqual(app.logged, [])

    def test_mistakes_of_handlers(self):
        seen = []

        async def handler(request, ws):
            for method, args in (
                    (ws.close, (1005,)), (ws.close, (999,)),
                    (ws.close, (1000, 'x' * 124)), (ws.close, (70000,)),
                    (ws.send, ('x' * 126, ws.PING)), (ws.send, ('x', 3)),
                    (ws.send, ('x', ws.CLOSE)), (ws.send, ('x', ws.CONT))):
                try:
                    await method(*args)
                except ValueError:
                    seen.append(args)
            for value in (None, 5, ['x'], {'a': 1}):
                try:
                    await ws.send(value)
                except TypeError:
                    seen.append(value)
            await ws.send(bytearray(b'a'))
            await ws.send(memoryview(b'b'))

        got = []

        def client():
            got.append((yield))
            got.append((yield))

        app = make_app(handler)
        talk(app, client)
        self.assertEqual(len(seen), 12)
        self.assertEqual(got, [b'a', b'b'])
        self.assertEqual(app.logged, [])

    def test_before_the_handshake_it_is_not_open(self):
        async def test():
            ws = WebSocket(None)
            for coro in (ws.receive(), ws.send('x')):
                with self.assertRaises(WebSocketError):
                    await coro
            await ws.close()
            self.assertTrue(ws.closed)

        run(test())


class Paced:
    """The module ``asyncio``, but sleeps of that length are over when
    ``over`` is set."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.over = asyncio.Event()

    def __getattr__(self, name):
        return getattr(asyncio, name)

    async def sleep(self, seconds):
        if seconds != self.seconds:
            return await asyncio.sleep(seconds)
        await self.over.wait()
        self.over.clear()


class TestOverSockets(unittest.TestCase):
    def serve(self, check, handler=echo, headers=b'', options={}, **limits):
        """Run ``check(app, server, ws)``."""
        async def test():
            app = make_app(handler, app=Microdot(), **options)
            for name in limits:
                setattr(app, name, limits[name])

            @app.get('/plain')
            async def plain(request):
                return 'plain'

            async with Server(app) as server:
                ws = Frames(await server.connect())
                await ws.open('/', headers)
                await check(app, server, ws)
            self.assertEqual(app.streams, 0)

        run(test())

    def test_handshake_of_the_rfc(self):
        async def check(app, server, ws):
            self.assertIn(b'\r\nUpgrade: websocket\r\n', ws.head)
            self.assertIn(b'\r\nConnection: Upgrade\r\n', ws.head)
            self.assertIn(b'\r\nSec-WebSocket-Accept: '
                          b's3pPLMBiTxaQ9kYGzzhZRbK+xOo=', ws.head)
            await ws.client.send(close(1000, 'bye'))
            self.assertEqual(await ws.closed(), (1000, ''))
            self.assertTrue(await ws.client.closed())
            await server.idle()

        self.serve(check)

    def test_frames_that_come_with_the_handshake(self):
        async def test():
            async with Server(make_app(echo, app=Microdot())) as server:
                client = await server.connect()
                await client.send(HANDSHAKE.replace(b'%s', b'/') + b'\r\n' +
                                  frame(TEXT, b'early') +
                                  frame(TEXT, b'bird')[:-2])
                await client.line(b'\r\n\r\n')
                ws = Frames(client)
                self.assertEqual(await ws.next(), (TEXT, b'early'))
                await client.send(frame(TEXT, b'bird')[-2:])
                self.assertEqual(await ws.next(), (TEXT, b'bird'))

        run(test())

    def test_frames_byte_by_byte(self):
        async def check(app, server, ws):
            wire = frame(TEXT, b'one', fin=False) + frame(PING, b'two') + \
                frame(0, b'three')
            for i in range(len(wire)):
                await ws.client.send(wire[i:i + 1])
                await asyncio.sleep(0)
            self.assertEqual(await ws.next(), (PONG, b'two'))
            self.assertEqual(await ws.next(), (TEXT, b'onethree'))

        self.serve(check)

    def test_many_messages_at_once(self):
        async def check(app, server, ws):
            wire = b''.join([frame(TEXT, b'%d' % i) for i in range(300)])
            await ws.client.send(wire)
            for i in range(300):
                self.assertEqual(await ws.next(), (TEXT, b'%d' % i))

        self.serve(check)

    def test_hostile_frames(self):
        limit(self, 'max_message_length', 1000)

        async def test():
            app = make_app(echo, app=Microdot())
            async with Server(app) as server:
                for name, wire, code in HOSTILE:
                    ws = Frames(await server.connect())
                    await ws.open()
                    # what came before is answered
                    await ws.client.send(frame(BINARY, b'good') + wire)
                    with self.subTest(name=name):
                        self.assertEqual(await ws.next(), (BINARY, b'good'))
                        self.assertEqual((await ws.closed())[0], code)
                        await ws.client.close()
                    await server.idle()

        run(test())

    def test_messages_at_and_over_the_limit(self):
        limit(self, 'max_message_length', 1000)
        # all the time that this client takes to come to the Close frame
        limit(self, '_GRACE', 60, websocket)

        async def check(app, server, ws):
            await ws.send(BINARY, b'x' * 1000)
            self.assertEqual(len((await ws.next())[1]), 1000)
            for _ in range(500):
                # far over the limit, slowly
                try:
                    await ws.send(BINARY if not _ else 0, b'x' * 10,
                                  fin=False)
                except OSError:
                    break
            self.assertEqual((await ws.closed())[0], 1009)

        self.serve(check)

    def test_message_that_does_not_fit_into_memory(self):
        class Full:
            def feed(self, data):
                raise MemoryError

        async def handler(request, ws):
            await ws.send('x')
            ws._parser = Full()
            await ws.receive()

        async def check(app, server, ws):
            self.assertEqual((await ws.next())[0], TEXT)
            await ws.send(TEXT, b'x')
            self.assertEqual((await ws.closed())[0], 1009)

        self.serve(check, handler)

    def test_mistake_of_our_own_is_logged(self):
        class Broken:
            def feed(self, data):
                raise ZeroDivisionError

        async def handler(request, ws):
            await ws.send('x')
            ws._parser = Broken()
            await ws.receive()

        async def check(app, server, ws):
            self.assertEqual((await ws.next())[0], TEXT)
            await ws.send(TEXT, b'x')
            self.assertEqual((await ws.closed())[0], 1011)
            self.assertTrue(isinstance(server.logged.pop(),
                                       ZeroDivisionError))

        self.serve(check, handler)

    def test_streams_of_ones_own(self):
        async def test():
            stream = Stream(
                HANDSHAKE.replace(b'%s', b'/') + b'\r\n', frame(TEXT, b'one'),
                frame(TEXT, b'two', fin=False), frame(0, b'') + close(1000))
            await handle_request(make_app(echo), stream, stream)
            frames = stream.sent.split(b'\r\n\r\n', 1)[1]
            self.assertEqual(frames, b'\x81\x03one\x81\x03two\x88\x02\x03\xe8')
            self.assertEqual(stream.closed, 1)
            # a frame, a write
            self.assertEqual(stream.writes, 4)

        run(test())

    def test_close_with_code_and_reason(self):
        seen = []

        async def handler(request, ws):
            try:
                await ws.receive()
            except WebSocketError as exc:
                seen.append((exc.code, exc.reason, ws.close_code,
                             ws.close_reason))

        async def test():
            app = make_app(handler, app=Microdot())
            async with Server(app) as server:
                for wire, expected, answer in (
                        (close(1001, 'Going Away'), (1001, 'Going Away'),
                         (1001, '')),
                        (close(4321), (4321, ''), (4321, '')),
                        (close(), (1005, ''), b'')):
                    ws = Frames(await server.connect())
                    await ws.open()
                    await ws.client.send(wire)
                    self.assertEqual(await ws.closed(), answer)
                    self.assertTrue(await ws.client.closed())
                    self.assertEqual(seen.pop(), expected + expected)
                    self.assertEqual(seen, [])

        run(test())

    def test_messages_before_the_close_are_received(self):
        seen = []

        async def handler(request, ws):
            async for message in ws:
                await asyncio.sleep(0.01)
                seen.append(message)

        async def check(app, server, ws):
            await ws.client.send(frame(TEXT, b'1') + frame(TEXT, b'2') +
                                 frame(TEXT, b'3') + close(1000))
            self.assertEqual(await ws.closed(), (1000, ''))
            await server.idle()
            self.assertEqual(seen, ['1', '2', '3'])

        self.serve(check, handler)

    def test_handler_that_is_slow_gets_all_that_came_before_the_close(self):
        limit(self, '_GRACE', 0.1, websocket)
        seen = []

        async def handler(request, ws):
            async for message in ws:
                await asyncio.sleep(0.05)
                seen.append(message)

        async def check(app, server, ws):
            await ws.client.send(b''.join([frame(TEXT, b'%d' % i)
                                           for i in range(8)]) + close(1000))
            await server.idle()
            self.assertEqual(seen, list('01234567'))

        self.serve(check, handler)

    def test_nothing_follows_half_a_frame(self):
        codes = []

        async def handler(request, ws):
            try:
                while True:
                    await asyncio.wait_for(ws.send(b'x' * 3000), 0.1)
            except asyncio.TimeoutError:
                pass
            for _ in range(2):
                try:
                    await ws.send('y')
                except WebSocketError as exc:
                    codes.append(exc.code)

        async def check(app, server, ws):
            await until(lambda: codes)
            client = ws.client
            try:
                while await client.fill():
                    client.data = client.data[-9:]
                self.assertEqual(client.data, b'x' * 9)
            except OSError:
                pass  # a reset
            await server.idle()
            self.assertEqual(codes, [1006, 1006])

        self.serve(check, handler, stall_timeout=5)

    def test_ping_is_answered_while_the_handler_is_busy(self):
        limit(self, '_GRACE', 0.05, websocket)
        begun = []

        async def handler(request, ws):
            begun.append(ws)
            await asyncio.sleep(60)

        async def check(app, server, ws):
            await until(lambda: begun)
            await ws.send(PING, b'are you there')
            self.assertEqual(await ws.next(), (PONG, b'are you there'))
            await ws.client.send(close(1000))
            self.assertEqual(await ws.closed(), (1000, ''))

        self.serve(check, handler)

    def test_handler_is_cancelled_when_the_client_leaves(self):
        ended = []

        async def handler(request, ws):
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(ws.close_code)

        async def test():
            app = make_app(handler, app=Microdot())
            app.max_connections = 5
            async with Server(app) as server:
                clients = []
                for _ in range(3):
                    clients.append(Frames(await server.connect()))
                    await clients[-1].open()
                await clients[0].client.send(close(1001))
                await clients[1].client.close()
                # a reset, as a ping was sent that it has not read
                await clients[2].send(PING)
                await asyncio.sleep(0.01)
                await clients[2].client.close()
                await until(lambda: len(ended) == 3)
                await server.idle()
                self.assertEqual(sorted(ended), [1001, 1006, 1006])

        run(test())

    def test_handler_that_is_told_is_not_cancelled(self):
        limit(self, '_GRACE', 0.05, websocket)
        ended = []

        async def handler(request, ws):
            async for message in ws:
                pass
            await asyncio.sleep(0.15)
            ended.append(1)

        async def check(app, server, ws):
            await ws.client.close()
            await until(lambda: ended)

        self.serve(check, handler)

    def test_several_tasks_send_whole_frames(self):
        size = 3000 if heap_kb() > 150 else 700

        async def handler(request, ws):
            async def send(text):
                for _ in range(20):
                    await ws.send(text * size)

            tasks = [asyncio.create_task(send(text)) for text in 'abc']
            for task in tasks:
                await task

        async def check(app, server, ws):
            seen = []
            for _ in range(60):
                opcode, payload = await ws.next()
                self.assertEqual((opcode, len(payload)), (TEXT, size))
                self.assertEqual(payload, payload[:1] * size)
                seen.append(payload[:1])
            self.assertEqual(
                [seen.count(text) for text in (b'a', b'b', b'c')], [20] * 3)

        self.serve(check, handler)

    def test_sends_and_receives_in_different_tasks(self):
        async def handler(request, ws):
            async def ticks():
                for i in range(5):
                    await ws.send('tick')
                    await asyncio.sleep(0.001)

            task = asyncio.create_task(ticks())
            async for message in ws:
                await ws.send(message)
            await task

        async def check(app, server, ws):
            await ws.send(TEXT, b'tock')
            seen = []
            for _ in range(6):
                seen.append((await ws.next())[1])
            self.assertEqual(sorted(seen), [b'tick'] * 5 + [b'tock'])

        self.serve(check, handler)

    def test_two_tasks_receive_each_message_once(self):
        seen = []

        async def handler(request, ws):
            async def receive():
                async for message in ws:
                    seen.append(message)

            tasks = [asyncio.create_task(receive()) for _ in range(2)]
            for task in tasks:
                await task

        async def check(app, server, ws):
            for i in range(10):
                await ws.send(TEXT, b'%d' % i)
            await ws.client.send(close(1000))
            await ws.closed()
            await server.idle()
            self.assertEqual(sorted(seen), list('0123456789'))

        self.serve(check, handler)

    def test_time_limit_of_receive_loses_nothing(self):
        async def handler(request, ws):
            for _ in range(3):
                try:
                    await asyncio.wait_for(ws.receive(), 0.01)
                except asyncio.TimeoutError:
                    await ws.send('waiting')
            await ws.send(await ws.receive())

        async def check(app, server, ws):
            for _ in range(3):
                self.assertEqual(await ws.next(), (TEXT, b'waiting'))
            await ws.send(TEXT, b'here')
            self.assertEqual(await ws.next(), (TEXT, b'here'))

        self.serve(check, handler)

    def test_messages_wait_in_a_bounded_queue(self):
        limit(self, 'max_queue', 500)
        held = []
        go = []

        async def handler(request, ws):
            held.append(ws)
            await until(lambda: go)
            for i in range(200):
                assert await ws.receive() == '%0100d' % i
            await ws.send('all')

        async def check(app, server, ws):
            async def send():
                for i in range(200):
                    await ws.send(TEXT, b'%0100d' % i)

            task = asyncio.create_task(send())
            await until(lambda: held and held[0]._queued >= 500)
            for _ in range(50):
                await asyncio.sleep(0.001)
            self.assertEqual(len(held[0]._messages), 4)
            go.append(1)
            await task
            self.assertEqual(await ws.next(), (TEXT, b'all'))

        self.serve(check, handler)

    def test_pings_to_a_client_that_answers(self):
        limit(self, 'ping_interval', 1000)
        paced = Paced(1000)
        limit(self, 'asyncio', paced, websocket)
        opened = []

        async def handler(request, ws):
            opened.append(ws)
            await echo(request, ws)

        async def check(app, server, ws):
            for _ in range(3):
                paced.over.set()
                opcode, payload = await ws.next()
                self.assertEqual(opcode, PING)
                await ws.send(PONG, payload)
                # however long this takes
                await until(lambda: opened[0]._heard)
            paced.over.set()
            self.assertEqual((await ws.next())[0], PING)
            await ws.send(TEXT, b'here')
            self.assertEqual(await ws.next(), (TEXT, b'here'))

        self.serve(check, handler)

    def test_pings_to_a_client_that_has_vanished(self):
        limit(self, 'ping_interval', 0.03)
        codes = []

        async def handler(request, ws):
            try:
                await ws.receive()
            except WebSocketError as exc:
                codes.append(exc.code)

        async def check(app, server, ws):
            self.assertEqual((await ws.next())[0], PING)
            await server.idle()
            self.assertEqual(codes, [1006])

        self.serve(check, handler)

    def test_no_pings(self):
        limit(self, 'ping_interval', None)

        async def handler(request, ws):
            await asyncio.sleep(0.1)

        async def check(app, server, ws):
            self.assertEqual(await ws.closed(), (1000, ''))

        self.serve(check, handler)

    def test_idle_socket_outlives_the_time_limits_of_requests(self):
        async def check(app, server, ws):
            await until(lambda: app.servers[0].ticks > 8)
            await ws.send(TEXT, b'still here')
            self.assertEqual(await ws.next(), (TEXT, b'still here'))

        self.serve(check, head_timeout=0.05, keep_alive_timeout=0.05,
                   stall_timeout=0.05)

    def test_client_that_does_not_read_is_cut(self):
        codes = []

        async def handler(request, ws):
            try:
                while True:
                    await ws.send(b'x' * 3000)
            except WebSocketError as exc:
                codes.append(exc.code)

        async def check(app, server, ws):
            await server.idle()
            self.assertEqual(codes, [1006])

        self.serve(check, handler, stall_timeout=0.1)

    def test_client_that_does_not_answer_a_close(self):
        limit(self, 'close_timeout', 0.05)

        async def handler(request, ws):
            await ws.close(1000, 'enough')

        async def check(app, server, ws):
            self.assertEqual(await ws.closed(), (1000, 'enough'))
            # what it sends instead is dropped
            try:
                for _ in range(3):
                    await ws.send(TEXT, b'x')
            except OSError:
                pass  # the time is over
            await server.idle()

        self.serve(check, handler)

    def test_sockets_leave_room_for_others(self):
        async def check(app, server, ws):
            second = Frames(await server.connect())
            await second.open()
            third = await server.connect()
            await third.send(HANDSHAKE.replace(b'%s', b'/') + b'\r\n')
            answer = await third.answer()
            self.assertEqual(answer.status, 503)
            self.assertIn('retry-after', answer.headers)
            answer = await server.ask(
                b'GET /plain HTTP/1.1\r\nHost: a\r\n\r\n')
            self.assertEqual(answer.body, b'plain')
            await ws.client.send(close(1000))
            await ws.closed()
            await until(lambda: app.streams == 1)
            await Frames(await server.connect()).open()

        self.serve(check, max_connections=5, reserved_connections=3)

    def test_shutdown_says_so(self):
        limit(self, '_GRACE', 0.05, websocket)
        ended = []

        async def busy(request, ws):
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(ws.close_code)

        async def check(app, server, ws):
            app.get('/busy')(with_websocket(busy))
            second = Frames(await server.connect())
            await second.open('/busy')
            stopping = asyncio.create_task(server.stop())
            for each in (ws, second):
                self.assertEqual((await each.closed())[0], 1001)
                await each.client.send(close(1001))
            await soon(stopping)
            self.assertEqual(ended, [1001])

        self.serve(check)

    def test_shutdown_does_not_wait_for_those_who_do_not_answer(self):
        async def check(app, server, ws):
            await soon(server.stop())
            self.assertEqual((await ws.closed())[0], 1001)

        self.serve(check)

    def test_sockets_one_after_the_other_leave_nothing(self):
        async def check(app, server, ws):
            for i in range(20):
                each = Frames(await server.connect())
                await each.open()
                await each.send(TEXT, b'x')
                await each.next()
                if i & 1:
                    await each.client.send(close(1000))
                    await each.closed()
                await each.client.close()
            await until(lambda: app.counters['open'] == 1)
            self.assertEqual(app.streams, 1)

        self.serve(check)


if __name__ == '__main__':
    unittest.main()

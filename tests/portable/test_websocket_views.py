"""Classes that answer WebSockets."""

import unittest

import microdot.urls  # noqa: F401
from helpers import run
from microdot.microdot import Microdot
from microdot.test_client import TestClient
from microdot.views import WebSocketView
from microdot.websocket import WebSocketClose


def leave():
    return
    yield


class TestWebSocketViews(unittest.TestCase):
    def talk(self, cls, *messages, waits=True):
        app = Microdot()
        app.logged = []
        app.log_exception = lambda request, exc: app.logged.append(str(exc))
        app.route('/x/<int:id>')(cls)
        got = []

        def client():
            for message in messages:
                got.append((yield message))
            if waits:
                yield

        res = run(TestClient(app).websocket('/x/5', client))
        return app, res, got

    def test_its_methods_are_called_in_order(self):
        seen = []

        class Echo(WebSocketView):
            async def on_connect(self, request, ws):
                self.count = 0
                seen.append(request.url_args['id'])

            async def on_receive(self, request, ws, message):
                self.count += 1
                await ws.send('%s %d' % (message, self.count))
                if self.count == 2:
                    await ws.close(4000)

            async def on_disconnect(self, request, ws, code):
                seen.append(code)

        for _ in range(2):
            app, res, got = self.talk(Echo, 'a', 'b')
            self.assertEqual(got, ['a 1', 'b 2'])
            self.assertEqual((res.close_code, seen), (4000, [5, 4000]))
            self.assertEqual(app.logged, [])
            seen[:] = []

    def test_each_of_them_may_be_left_out_or_plain(self):
        seen = []

        class Silent(WebSocketView):
            pass

        class Plain(WebSocketView):
            def on_receive(self, request, ws, message):
                seen.append(message)

        for cls in (Silent, Plain):
            app, res, got = self.talk(cls, 'a', 'b', waits=False)
            self.assertEqual((res.status_code, app.logged), (101, []))
        self.assertEqual(seen, ['a', 'b'])

    def test_failures_close_and_are_told(self):
        seen = []

        class Failing(WebSocketView):
            async def on_receive(self, request, ws, message):
                if message == 'close':
                    raise WebSocketClose(4001, 'enough')
                raise ValueError(message)

            async def on_disconnect(self, request, ws, code):
                seen.append((code, ws.closed))

        for message, code, logged in (
                ('close', 4001, []), ('oops', 1011, ['oops'])):
            app, res, got = self.talk(Failing, message)
            self.assertEqual((res.close_code, seen.pop(), app.logged),
                             (code, (code, False), logged))

    def test_a_failure_to_connect_ends_it(self):
        seen = []

        class Closed(WebSocketView):
            async def on_connect(self, request, ws):
                raise WebSocketClose(4003)

            async def on_disconnect(self, request, ws, code):
                seen.append(code)

        app, res, got = self.talk(Closed, 'a')
        self.assertEqual((res.close_code, seen, app.logged), (4003, [], []))

    def test_options_are_those_of_the_upgrade(self):
        class Spoken(WebSocketView):
            options = {'protocols': ['two']}

        app = Microdot()
        app.route('/')(Spoken)
        client = TestClient(app)
        res = run(client.websocket('/', leave, headers={
            'Sec-WebSocket-Protocol': 'one, two'}))
        self.assertEqual(res.headers['Sec-WebSocket-Protocol'], 'two')

    def test_its_url_is_one_of_websockets(self):
        app = Microdot()
        app.route('/x/<int:id>', name='room')(WebSocketView)

        @app.get('/')
        async def index(request):
            return request.url_for('room', id=1)

        self.assertEqual(run(TestClient(app).get('/')).text[:5], 'ws://')

    def test_methods_given_to_the_decorator_are_refused(self):
        with self.assertRaises(TypeError):
            Microdot().get('/x')(WebSocketView)

import json
import unittest

import microdot.logs as module
from helpers import run
from microdot import Microdot, Response, abort
from microdot.logs import AccessLog, as_text, escape
from microdot.proxies import TrustedProxies
from microdot.test_client import TestClient
from microdot.websocket import with_websocket


def make_app(**kwargs):
    app = Microdot()
    log = AccessLog(app, **kwargs)

    @app.get('/')
    async def index(request):
        return 'x' * 17

    @app.get('/id')
    async def show_id(request):
        return request.id

    @app.get('/stream')
    async def stream(request):
        return iter(['ab', b'cde', '\u20ac'])

    @app.get('/refuse')
    async def refuse(request):
        abort(418)

    @app.get('/fail')
    async def fail(request):
        raise ValueError('on purpose')

    @app.get('/two')
    async def two(request):
        return Response('twice')

    @app.get('/ws')
    @with_websocket
    async def ws(request, ws):
        await ws.close(4001)

    app.log_exception = lambda req, exc: None
    return app, log


class TestAccessLog(unittest.TestCase):
    def setUp(self):
        self.lines = []
        self.addCleanup(setattr, module, '_write', module._write)
        module._write = lambda line, status: self.lines.append(line)

    def ask(self, path, method='GET', headers=None, **kwargs):
        app, _ = make_app(format=kwargs.pop('format', dict), **kwargs)
        res = run(TestClient(app).request(method, path, headers))
        return res

    def test_a_line_for_each_request(self):
        for method, path, status, size in (
                ('GET', '/', 200, 17), ('HEAD', '/', 200, 0),
                ('GET', '/stream', 200, 8), ('GET', '/none', 404, 9),
                ('POST', '/', 405, None), ('OPTIONS', '/', 200, 0),
                ('GET', '/refuse', 418, None), ('GET', '/fail', 500, None)):
            with self.subTest(method=method, path=path):
                self.lines.clear()
                self.assertEqual(self.ask(path, method).status_code, status)
                self.assertEqual(len(self.lines), 1)
                entry = self.lines[0]
                self.assertEqual(
                    (entry['method'], entry['path'], entry['status']),
                    (method, path, status))
                if size is not None:
                    self.assertEqual(entry['bytes'], size)
                self.assertTrue(0 <= entry['ms'] < 60000)

    def test_it_goes_around_what_was_there_before(self):
        app = Microdot()
        seen = []

        @app.middleware
        async def middleware(request, call_next):
            seen.append(request.id)
            return await call_next(request)

        log = AccessLog(app)
        self.assertIs(app.wrappers[0], log)
        run(TestClient(app).get('/'))
        self.assertEqual(len(seen[0]), 16)

    def test_each_request_has_an_id(self):
        seen = []
        for _ in range(2):
            res = self.ask('/id')
            self.assertEqual(res.headers['X-Request-ID'], res.text)
            self.assertEqual(self.lines[-1]['id'], res.text)
            self.assertEqual(len(res.text), 16)
            seen.append(res.text)
        self.assertFalse(seen[0] == seen[1])

    def test_an_id_is_taken_from_proxies_that_are_trusted(self):
        for sent, taken in (('abc-1_2.3:4=', True), ('a' * 64, True),
                            ('a' * 65, False), ('a' * 2000, False),
                            ('a b', False), ('', False), ('a"b', False),
                            ('\xe9', False)):
            with self.subTest(sent=sent):
                headers = {'X-Request-ID': sent}
                res = self.ask('/id', headers=headers, trusted=True)
                self.assertIs(res.text == sent, taken)
                self.assertFalse(
                    self.ask('/id', headers=headers).text == sent)

    def test_an_id_is_taken_from_a_proxy_that_is_named(self):
        headers = {'X-Request-ID': 'abc'}
        for inside in (True, False):
            for proxy, taken in (('127.0.0.1', True), ('10.0.0.1', False)):
                with self.subTest(inside=inside, proxy=proxy):
                    app = Microdot()
                    if inside:
                        AccessLog(app, format=dict)
                    app.middleware(TrustedProxies(proxy))
                    if not inside:
                        AccessLog(app, format=dict)
                    app.get('/')(lambda request: request.id)
                    res = run(TestClient(app).get('/', headers))
                    self.assertIs(res.text == 'abc', taken)
                    self.assertEqual(res.headers['X-Request-ID'], res.text)
                    self.assertEqual(self.lines[-1]['id'], res.text)
                    res = run(TestClient(app).get(
                        '/', {'X-Request-ID': 'a b'}))
                    self.assertEqual(len(res.text), 16)

    def test_a_second_log_takes_the_place_of_the_first(self):
        app, _ = make_app(format=lambda entry: 'first')
        AccessLog(app, format=lambda entry: 'second')
        client = TestClient(app)
        run(client.get('/'))
        run(client.request('BAD METHOD', '/'))
        self.assertEqual(self.lines, ['second', 'second'])

    def test_the_log_of_a_parent_takes_the_place_of_a_childs(self):
        app = Microdot()
        AccessLog(app, format=lambda entry: 'parent')
        child, _ = make_app(format=lambda entry: 'child')
        app.mount(child, '/child')
        res = run(TestClient(app).get('/child/id'))
        self.assertEqual(res.headers['X-Request-ID'], res.text)
        self.assertEqual(self.lines, ['parent'])

    def test_a_websocket_is_logged_when_it_opens_and_when_it_ends(self):
        def client():
            yield

        app, _ = make_app(format=dict)
        run(TestClient(app).websocket('/ws', client))
        self.assertEqual([(entry['status'], entry.get('code'))
                          for entry in self.lines], [(101, None), (101, 4001)])

    def test_the_line_of_an_error_has_its_id(self):
        for path, status, ends in (('/fail', 500, 10), ('/', 200, 9)):
            res = self.ask(path, format='text')
            parts = self.lines[-1].split(' ')
            self.assertEqual((parts[5], len(parts)), (str(status), ends))
            self.assertIs(parts[-1] == res.headers['X-Request-ID'],
                          status == 500)

    def test_a_line_tells_how_a_websocket_was_closed(self):
        def client():
            yield

        app, _ = make_app()
        run(TestClient(app).websocket('/ws', client))
        self.assertEqual([line.split(' ')[5:7] for line in self.lines],
                         [['101', '-'], ['101', 'closed=4001']])

    def test_lines_are_text_json_or_what_a_function_makes(self):
        self.ask('/', format='text')
        parts = self.lines[-1].split(' ')
        self.assertEqual(parts[3:7], ['GET', '/', '200', '17'])
        self.assertEqual(parts[8], 'ms')
        self.ask('/', format='json')
        self.assertEqual(json.loads(self.lines[-1])['status'], 200)
        self.ask('/', format=lambda entry: 'mine')
        self.assertEqual(self.lines[-1], 'mine')
        with self.assertRaises(ValueError):
            AccessLog(Microdot(), format='xml')

    def test_nothing_that_a_client_sends_forges_a_line(self):
        self.assertEqual(escape('/a\nb\x1b[31m\x7f\\'),
                         '/a\\x0ab\\x1b[31m\\x7f\\x5c')
        self.assertEqual(escape('/\u20ac/a b'), '/\u20ac/a b')
        self.assertEqual(escape('/\x9b1m\u2028'), '/\\x9b1m\\x2028')
        self.ask('/%0a%1b[31m', format='text')
        self.assertIn('/\\x0a\\x1b[31m', self.lines[-1])

    def test_a_path_has_a_limit(self):
        for size in (AccessLog.max_path - 1, AccessLog.max_path, 1500):
            self.ask('/' + 'a' * size)
            self.assertEqual(len(self.lines[-1]['path']),
                             min(size + 1, AccessLog.max_path))

    def test_a_mounted_application_is_logged_once(self):
        app, _ = make_app(format=dict)
        inner = Microdot()

        @inner.get('/x')
        async def x(request):
            return 'x'

        app.mount(inner, '/inner')
        run(TestClient(app).get('/inner/x'))
        self.assertEqual(len(self.lines), 1)

    def test_unknown_sizes_have_a_sign(self):
        self.assertEqual(as_text(dict(
            time='t', id='i', client='c', method='GET', path='/',
            status=200, bytes=None, ms=1.25)).split(' ')[5], '-')

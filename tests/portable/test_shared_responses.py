"""Handlers may return one object to many clients: what an extension adds for
one of them is not for the next."""

import sys
import unittest

from helpers import run
from microdot.cors import CORS
from microdot.helpers import add_vary
from microdot.logs import AccessLog
from microdot.microdot import Microdot, Response
from microdot.security import SecurityHeaders, csp_nonce
from microdot.test_client import TestClient

CSP = 'Content-Security-Policy'


class Page(Response):
    """One of a program's own, with an attribute of its own."""
    kind = None


class Pieces:
    """A body that is streamed, as often as it is wanted."""
    def __iter__(self):
        return iter([b'ab', b'c'])


def make_app(shared):
    """Return an application that answers all with one object. What a request
    asks for in ``X-Use`` is used meanwhile."""
    app = Microdot()

    @app.get('/')
    async def index(request):
        use = request.headers.get('X-Use')
        if use == 'nonce':
            csp_nonce(request)
        elif use:
            add_vary(request, use)
        return shared

    return app


class TestSharedResponses(unittest.TestCase):
    def get(self, app, headers=None, scheme='http'):
        res = run(TestClient(app, scheme=scheme).get('/', headers))
        self.assertEqual(res.status_code, 200)
        return res

    def test_each_request_has_its_own_nonce(self):
        app = make_app(Response('page'))
        SecurityHeaders(app, csp="default-src 'self'")
        found = [self.get(app, {'X-Use': use} if use else None).headers[CSP]
                 for use in ('', 'nonce', 'nonce', '', 'nonce')]
        for policy in (found[0], found[3]):
            self.assertEqual(policy, "default-src 'self'")
        nonces = [found[at] for at in (1, 2, 4)]
        for policy in nonces:
            self.assertEqual(policy.count("'nonce-"), 1)
        self.assertEqual(len(set(nonces)), 3)

    def test_one_that_was_sent_with_a_nonce_first_does_not_keep_it(self):
        app = make_app(Response('page'))
        SecurityHeaders(app, csp="default-src 'self'")
        self.get(app, {'X-Use': 'nonce'})
        self.assertEqual(self.get(app).headers[CSP], "default-src 'self'")

    def test_tls_of_one_request_is_not_that_of_another(self):
        app = make_app(Response('page'))
        SecurityHeaders(app, hsts=True)
        name = 'Strict-Transport-Security'
        self.assertIn(name, self.get(app, scheme='https').headers)
        self.assertNotIn(name, self.get(app).headers)

    def test_an_origin_is_not_that_of_another_request(self):
        app = make_app(Response('page'))
        CORS(app, allowed_origins=['https://a.example'],
             allow_credentials=True)
        res = self.get(app, {'Origin': 'https://a.example'})
        self.assertEqual(res.headers['Access-Control-Allow-Origin'],
                         'https://a.example')
        for headers in (None, {'Origin': 'https://b.example'}):
            res = self.get(app, headers)
            self.assertEqual([name for name in res.headers
                              if name.startswith('Access')], [])

    def test_a_response_varies_by_what_its_own_request_was_asked_for(self):
        app = make_app(Response('page', headers={'Vary': 'Origin'}))
        for use, expected in (('Cookie', 'Origin, Cookie'),
                              ('Accept', 'Origin, Accept'), ('', 'Origin')):
            self.assertEqual(self.get(app, {'X-Use': use}).headers['Vary'],
                             expected)

    def test_what_a_program_has_put_on_it_is_sent(self):
        page = Page('page', 200, {'X-Kind': 'page'})
        page.kind = 'kept'
        kinds = []
        app = make_app(page)
        SecurityHeaders(app, csp="default-src 'self'", hsts=True)
        CORS(app, allowed_origins='*')
        app.finishers.append(
            lambda request, response: kinds.append(response.kind))
        res = self.get(app, {'X-Use': 'nonce', 'Origin': 'https://a.example'},
                       'https')
        self.assertEqual(res.text, 'page')
        self.assertEqual(res.headers['X-Kind'], 'page')
        self.assertEqual(kinds, ['kept'])

    def test_what_a_hook_adds_is_for_one_client(self):
        shared = Response('page', headers={'Set-Cookie': ['x=y']})
        app = make_app(shared)

        @app.after_request
        def remember(request, response):
            response.set_cookie('user', request.headers['X-Name'])
            response.headers['X-Last'] = request.headers['X-Name']

        for name in ('ada', 'bob'):
            res = self.get(app, {'X-Name': name})
            self.assertEqual(res.headers['Set-Cookie'],
                             ['x=y', 'user=' + name])
            self.assertEqual(res.headers['X-Last'], name)
        self.assertEqual(shared.headers['Set-Cookie'], ['x=y'])
        self.assertEqual(list(shared.headers), ['Set-Cookie'])

    def test_what_stands_beside_it_is_for_one_client(self):
        shared = Response('page')
        app = Microdot()
        app.get('/a')(lambda request: (shared, 404, {'X-A': 'b'}))
        app.get('/b')(lambda request: (shared, {'X-C': 'd'}))
        app.get('/c')(lambda request: shared)
        for _ in range(2):
            for path, status, name in (('/a', 404, 'X-A'), ('/b', 200, 'X-C'),
                                       ('/c', 200, None)):
                res = run(TestClient(app).get(path))
                self.assertEqual(res.status_code, status)
                for other in ('X-A', 'X-C'):
                    self.assertEqual(other in res.headers, other == name)

    def test_a_middleware_changes_the_body_of_one_answer(self):
        app = make_app(Response('x'))

        @app.middleware
        async def shout(request, call_next):
            res = await call_next(request)
            res.map_pieces(lambda piece: piece + b'!')
            return res

        for _ in range(3):
            self.assertEqual(self.get(app).text, 'x!')

    def test_error_handlers_and_hooks_before_may_return_it_too(self):
        shared = Response('no', 403)
        app = Microdot()
        app.get('/')(lambda request: shared)
        app.before_request(
            lambda request: shared if 'X-Stop' in request.headers else None)
        app.errorhandler(404)(lambda request: shared)

        def mark(request, response):
            response.headers[request.headers['X-Mark']] = '1'

        app.after_request(mark)
        app.after_error_request(mark)
        for path, headers in (('/', {}), ('/', {'X-Stop': '1'}), ('/x', {})):
            for name in ('X-One', 'X-Two'):
                headers['X-Mark'] = name
                res = run(TestClient(app).get(path, headers))
                self.assertEqual(res.status_code, 403)
                self.assertEqual([key for key in ('X-One', 'X-Two')
                                  if key in res.headers], [name])

    def test_the_log_counts_the_bytes_of_one_answer(self):
        app = make_app(Response(Pieces()))
        sizes = []
        AccessLog(app, format=lambda entry: str(sizes.append(entry['bytes'])))
        for _ in range(2):
            self.assertEqual(self.get(app).text, 'abc')
        self.assertEqual(sizes, [3, 3])


@unittest.skipIf(sys.implementation.name != 'cpython',
                 'boards have no prefixes, headers of limits, live reload')
class TestSharedResponsesOnCPython(unittest.TestCase):
    def test_what_is_left_of_a_limit_is_not_that_of_another_client(self):
        from microdot.ratelimit import RateLimit
        app = make_app(Response('page'))
        RateLimit(app, '9/hour')
        left = [run(TestClient(app, client=(host, 1)).get('/'))
                .headers['RateLimit'].split(';')[1]
                for host in ('10.0.0.1', '10.0.0.1', '10.0.0.2')]
        self.assertEqual(left, ['r=8', 'r=7', 'r=8'])

    def test_a_prefix_is_put_before_a_location_once(self):
        from microdot import _rootpath
        app = make_app(Response.redirect('/there'))
        _rootpath.install(app, '/site')
        for _ in range(2):
            res = run(TestClient(app).get('/site/'))
            self.assertEqual(res.headers['Location'], '/site/there')
            _rootpath.install(app, '/other')
            res = run(TestClient(app).get('/other/'))
            self.assertEqual(res.headers['Location'], '/other/there')
            _rootpath.install(app, '/site')

    def test_a_prefix_of_a_proxy_is_that_of_one_request(self):
        from microdot.proxies import TrustedProxies
        app = make_app(Response.redirect('/there'))
        app.middleware(TrustedProxies('127.0.0.1'))
        for prefix in ('/site', '/other', '/site'):
            res = run(TestClient(app).get('/', {
                'X-Forwarded-Prefix': prefix}))
            self.assertEqual(res.headers['Location'], prefix + '/there')

    def test_a_page_is_given_the_tag_of_its_own_request(self):
        from microdot.cli import livereload
        app = make_app(Response('<body></body>', headers={
            'Content-Type': 'text/html'}))
        SecurityHeaders(app, csp="default-src 'self'")
        livereload.install(app, 'now')
        nonces = []
        for _ in range(2):
            res = run(TestClient(app).get('/', {'X-Use': 'nonce'}))
            nonces.append(livereload.nonce_of(res.headers))
            self.assertIn('nonce="%s"' % nonces[-1], res.text)
        self.assertEqual(len(set(nonces)), 2)


if __name__ == '__main__':
    unittest.main()

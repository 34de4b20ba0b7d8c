"""CSRF: which requests are let through."""

import unittest

from helpers import run
from microdot.cors import CORS
from microdot.csrf import CSRF
from microdot.helpers import wraps
from microdot.microdot import Microdot
from microdot.test_client import TestClient
from microdot.views import View
from peers import Recorder

NEEDS_EVENT_LOOP = False
LISTED = 'https://bar.com:8888'
METHODS = ['GET', 'HEAD', 'OPTIONS', 'QUERY', 'POST', 'PUT', 'PATCH',
           'DELETE']


def can_have_attributes(f):
    try:
        f.attribute = None
    except AttributeError:
        return False
    return True


HAVE_ATTRIBUTES = can_have_attributes(lambda: None)


def make_app(listed=None, **kwargs):
    """Return an application that is protected."""
    app = Recorder()
    cors = listed is not None and CORS(allowed_origins=listed)
    app.csrf = CSRF(app, cors=cors or None, **kwargs)

    @app.route('/', methods=METHODS)
    async def index(request):
        return 'index'

    @app.route('/exempt', methods=METHODS)
    @app.csrf.exempt
    async def exempt(request):
        return 'exempt'

    @app.route('/protect', methods=METHODS)
    @app.csrf.protect
    async def protect(request):
        return 'protect'

    return app


def fields(site=None, origin=None, **more):
    headers = {}
    if site is not None:
        headers['Sec-Fetch-Site'] = site
    if origin is not None:
        headers['Origin'] = origin
    headers.update(more)
    return headers


def ask(app, path='/', method='POST', site=None, origin=None, scheme=None,
        host='foo.com', **more):
    """Return the status of the answer to a request."""
    client = TestClient(app, scheme=scheme, host=host)
    return run(client.request(method, path, fields(site, origin, **more)))


def status(*args, **kwargs):
    return ask(*args, **kwargs).status_code


class TestViews(unittest.TestCase):
    def make(self, **kwargs):
        app = Microdot()
        csrf = CSRF(app, **kwargs)

        class Plain(View):
            async def get(self, request):
                return 'get'

            async def post(self, request):
                return 'post'

        class Below(Plain):
            def put(self, request):
                return 'put'

        class Other(Plain):
            pass

        app.route('/plain')(Plain)
        app.route('/exempt')(csrf.exempt(Below))
        app.route('/exempt-too')(Below)
        app.route('/protect')(csrf.protect(Other))
        return app

    def check(self, app, expected):
        for path, method, code in expected:
            self.assertEqual(status(app, path, method, 'cross-site'), code,
                             (path, method))
            self.assertEqual(status(app, path, method, 'same-origin'), 200)

    def test_their_methods_are_checked(self):
        self.check(self.make(), (
            ('/plain', 'GET', 200), ('/plain', 'POST', 403),
            ('/exempt', 'GET', 200), ('/exempt', 'POST', 200),
            ('/exempt', 'PUT', 200), ('/exempt-too', 'PUT', 200),
            ('/protect', 'GET', 403), ('/protect', 'POST', 403)))

    def test_only_what_is_named_is_checked(self):
        self.check(self.make(protect_all=False), (
            ('/plain', 'POST', 200), ('/exempt', 'POST', 200),
            ('/protect', 'GET', 403), ('/protect', 'POST', 403)))


class TestSecFetchSite(unittest.TestCase):
    def test_values(self):
        for site, code in (
                (None, 200), ('same-origin', 200), ('none', 200),
                ('same-site', 403), ('cross-site', 403), ('', 403),
                ('Same-Origin', 403), ('same-origin, cross-site', 403),
                ('null', 403), ('x', 403)):
            for method in ('POST', 'PUT', 'PATCH', 'DELETE'):
                with self.subTest(site=site, method=method):
                    self.assertEqual(
                        status(make_app(), method=method, site=site), code)

    def test_methods_that_change_nothing_are_let_through(self):
        """S25: QUERY was not."""
        for method in ('GET', 'HEAD', 'OPTIONS', 'QUERY'):
            for site in ('cross-site', 'same-site', '', None):
                self.assertEqual(
                    status(make_app(), method=method, site=site), 200)

    def test_subdomains(self):
        app = make_app(allow_subdomains=True)
        self.assertEqual(status(app, site='same-site'), 200)
        self.assertEqual(status(app, site='cross-site'), 403)

    def test_refusal_says_no_more_than_that(self):
        res = ask(make_app(), site='cross-site')
        self.assertEqual(res.text, 'Forbidden')

    def test_it_is_more_to_go_by_than_origin(self):
        app = make_app()
        self.assertEqual(status(app, site='same-origin',
                                origin='https://evil.com'), 200)
        # a proxy may have changed the host
        self.assertEqual(status(app, site='cross-site',
                                origin='http://foo.com'), 403)

    def test_vary(self):
        app = make_app()
        for site, origin, method, path, vary in (
                ('same-origin', None, 'POST', '/', ['Sec-Fetch-Site']),
                ('cross-site', None, 'POST', '/',
                 ['Origin', 'Sec-Fetch-Site']),
                (None, None, 'POST', '/', ['Origin', 'Sec-Fetch-Site']),
                ('cross-site', None, 'GET', '/protect',
                 ['Origin', 'Sec-Fetch-Site']),
                ('cross-site', None, 'GET', '/', []),
                ('cross-site', None, 'POST', '/exempt', [])):
            with self.subTest(site=site, path=path):
                res = ask(app, path, method, site, origin)
                self.assertEqual(
                    sorted([name for name in
                            res.headers.get('Vary', '').split(', ')
                            if name]), vary)


class TestOrigin(unittest.TestCase):
    def test_own_is_let_through(self):
        """S25: browsers that send only this were refused."""
        for host, origin, scheme, code in (
                ('foo.com', 'http://foo.com', 'http', 200),
                ('foo.com', 'https://foo.com', 'https', 200),
                ('foo.com', 'https://foo.com', 'http', 200),
                ('foo.com', 'http://foo.com', 'https', 403),
                ('FOO.com', 'http://foo.com', 'http', 200),
                ('foo.com:8080', 'http://foo.com:8080', 'http', 200),
                ('192.168.4.1', 'http://192.168.4.1', 'http', 200),
                ('[::1]:5000', 'http://[::1]:5000', 'http', 200),
                ('foo.com:8080', 'http://foo.com', 'http', 403),
                ('foo.com', 'http://foo.com:8080', 'http', 403)):
            with self.subTest(host=host, origin=origin):
                self.assertEqual(
                    status(make_app(), origin=origin, host=host,
                           scheme=scheme), code)

    def test_hostile_origins_are_refused(self):
        """S25: null was answered with 500."""
        for kwargs in ({}, {'listed': [LISTED]}, {'listed': '*'},
                       {'listed': []}, {'listed': LISTED},
                       {'listed': [LISTED], 'allow_subdomains': True},
                       {'allow_subdomains': True}):
            app = make_app(**kwargs)
            for origin in (
                    'null', '', '*', 'https://evil.com', 'file://', 'foo.com',
                    '://foo.com', 'ftp://foo.com', 'http://',
                    'http://foo.com.evil.com', 'http://evilfoo.com',
                    'http://foo.com@evil.com', 'http://evil.com/foo.com',
                    'http://evil.com/.foo.com', 'http://foo.com/',
                    'http://foo.com, http://evil.com', 'http://foo.com:81',
                    'http://foo.com:443', 'https://foo.com:80',
                    'http://foo.com:080', 'http://foo.com:80:80',
                    'http://evil.com#.foo.com/', 'https://bar.com',
                    'https://bar.com:88', 'http://bar.com:8888',
                    'https://evil.com/.bar.com:8888', '\xe9', '\u20ac',
                    'https://.evil.com', '.', ':', '/' * 1000):
                with self.subTest(kwargs=kwargs, origin=origin[:40]):
                    self.assertEqual(status(app, origin=origin), 403)
                    self.assertEqual(
                        status(app, site='cross-site', origin=origin), 403)
            self.assertEqual(app.logged, [])

    def test_it_does_not_matter_for_methods_that_change_nothing(self):
        self.assertEqual(status(make_app(), method='GET',
                                origin='https://evil.com'), 200)

    def test_listed(self):
        for listed in ([LISTED], LISTED, ['https://x.com', LISTED]):
            app = make_app(listed)
            for site in (None, 'cross-site', 'same-site'):
                with self.subTest(listed=listed, site=site):
                    self.assertEqual(status(app, site=site, origin=LISTED),
                                     200)
                    self.assertEqual(
                        status(app, site=site, origin='https://bar.com'), 403)
                    self.assertEqual(
                        status(app, site=site,
                               origin='https://x.y.bar.com:8888'), 403)

    def test_subdomains_of_listed(self):
        app = make_app([LISTED], allow_subdomains=True)
        for origin, code in (
                ('https://x.y.bar.com:8888', 200), (LISTED, 200),
                ('http://x.y.bar.com:8888', 403), ('https://x.bar.com', 403),
                ('https://xbar.com:8888', 403)):
            self.assertEqual(status(app, site='cross-site', origin=origin),
                             code)

    def test_own_subdomains(self):
        app = make_app(allow_subdomains=True)
        for origin, code in (('http://x.foo.com', 200),
                             ('http://xfoo.com', 403)):
            self.assertEqual(status(app, origin=origin), code)

    def test_those_that_match_an_expression(self):
        app = Recorder()
        CSRF(app, CORS(allowed_origin_regex='https://[a-z]+\\.bar\\.com'))

        @app.post('/')
        async def index(request):
            return 'x'

        self.assertEqual(status(app, origin='https://x.bar.com'), 200)
        self.assertEqual(status(app, origin='https://x.y.bar.com'), 403)

    def test_null_may_be_listed(self):
        self.assertEqual(status(make_app(['null']), origin='null'), 200)

    def test_policy_may_be_given_before_the_application(self):
        """S25: it was forgotten."""
        for late in (True, False):
            app = Recorder()
            cors = CORS(allowed_origins=[LISTED])
            if late:
                CSRF().initialize(app, cors)
            else:
                CSRF(cors=cors).initialize(app)
            app.post('/')(lambda request: 'x')
            self.assertEqual(status(app, site='cross-site', origin=LISTED),
                             200)

    def test_preflight_and_request(self):
        app = Recorder()
        cors = CORS(app, allowed_origins=[LISTED], allow_credentials=True)
        CSRF(app, cors)

        @app.put('/')
        async def change(request):
            return 'changed'

        for origin, code in ((LISTED, 200), ('https://evil.com', 403)):
            headers = fields('cross-site', origin)
            res = run(TestClient(app).request('OPTIONS', '/', fields(
                'cross-site', origin, **{
                    'Access-Control-Request-Method': 'PUT'})))
            self.assertEqual(res.status_code, 200)
            res = run(TestClient(app).put('/', headers))
            self.assertEqual(res.status_code, code)
            self.assertEqual(res.headers.get('Access-Control-Allow-Origin'),
                             origin if code == 200 else None)


class TestRoutes(unittest.TestCase):
    def test_matrix(self):
        """Whether cross-site requests are let through."""
        for protect_all, path, method, code in (
                (True, '/', 'GET', 200), (True, '/', 'POST', 403),
                (True, '/exempt', 'GET', 200), (True, '/exempt', 'POST', 200),
                (True, '/protect', 'GET', 403),
                (True, '/protect', 'POST', 403),
                (False, '/', 'GET', 200), (False, '/', 'POST', 200),
                (False, '/exempt', 'POST', 200),
                (False, '/protect', 'GET', 403),
                (False, '/protect', 'POST', 403)):
            with self.subTest(protect_all=protect_all, path=path):
                app = make_app(protect_all=protect_all)
                self.assertEqual(status(app, path, method, 'cross-site'),
                                 code)
                self.assertEqual(status(app, path, method, 'same-origin'),
                                 200)

    def test_decorators_return_the_function(self):
        csrf = CSRF()

        def f(request):
            pass

        self.assertIs(csrf.exempt(f), f)
        self.assertIs(csrf.protect(f), f)

    def test_decorators_may_come_above_the_route(self):
        app = Recorder()
        csrf = CSRF(app)

        @csrf.exempt
        @app.post('/exempt')
        async def exempt(request):
            return 'x'

        @csrf.protect
        @app.get('/protect')
        async def protect(request):
            return 'x'

        self.assertEqual(status(app, '/exempt', site='cross-site'), 200)
        self.assertEqual(status(app, '/protect', 'GET', 'cross-site'), 403)

    def make_wrapped(self, decorate):
        app = Recorder()
        csrf = CSRF(app)

        def other(f):
            @wraps(f)
            async def wrapper(request):
                return await f(request)
            return wrapper

        @app.route('/', methods=['GET', 'POST'])
        @other
        @other
        @getattr(csrf, decorate)
        async def index(request):
            return 'x'

        return app

    @unittest.skipIf(not HAVE_ATTRIBUTES, 'functions have no attributes')
    def test_decorators_may_come_below_another(self):
        """S25: they had no effect."""
        self.assertEqual(
            status(self.make_wrapped('exempt'), site='cross-site'), 200)
        self.assertEqual(status(self.make_wrapped('protect'), method='GET',
                                site='cross-site'), 403)

    @unittest.skipIf(HAVE_ATTRIBUTES, 'functions have attributes')
    def test_protect_below_another_is_an_error_where_it_cannot_work(self):
        app = self.make_wrapped('protect')
        for _ in range(2):
            self.assertEqual(status(app, method='GET', site='same-origin'),
                             500)
        self.assertIn('protect()', str(app.logged[0]))
        # the other fails on the safe side
        self.assertEqual(
            status(self.make_wrapped('exempt'), site='cross-site'), 403)

    def test_unknown_paths_are_404(self):
        self.assertEqual(status(make_app(), '/x', site='cross-site'), 404)


class TestWebSockets(unittest.TestCase):
    def test_upgrades_are_checked(self):
        """S25: they were not, being GET."""
        app = make_app([LISTED])
        for upgrade in ('websocket', 'WebSocket', 'h2c, websocket'):
            for site, origin, code in (
                    (None, None, 200), (None, 'http://foo.com', 200),
                    ('same-origin', 'http://foo.com', 200),
                    (None, 'https://evil.com', 403), (None, 'null', 403),
                    ('cross-site', 'https://evil.com', 403),
                    ('same-site', None, 403), (None, LISTED, 200)):
                with self.subTest(upgrade=upgrade, origin=origin):
                    self.assertEqual(
                        status(app, method='GET', site=site, origin=origin,
                               Upgrade=upgrade, Connection='Upgrade'), code)

    def test_those_without_an_upgrade_are_checked(self):
        """As ASGI has them for HTTP/2."""
        for kind, origin, code in (
                ('websocket', 'https://evil.com', 403),
                ('websocket', 'http://foo.com', 200),
                ('http', 'https://evil.com', 200)):
            app = Recorder()

            @app.before_request
            async def tell(request):
                request.asgi_scope = {'type': kind}

            CSRF(app)
            app.get('/')(lambda request: 'x')
            self.assertEqual(status(app, method='GET', origin=origin), code)

    def test_exempt_ones_are_not(self):
        for app, path in ((make_app(), '/exempt'),
                          (make_app(protect_all=False), '/')):
            self.assertEqual(
                status(app, path, 'GET', origin='https://evil.com',
                       Upgrade='websocket'), 200)

    def test_other_upgrades_are_not(self):
        self.assertEqual(status(make_app(), method='GET', site='cross-site',
                                Upgrade='h2c'), 200)


class TestMounting(unittest.TestCase):
    def make(self, local, inner):
        """Return an application with a child, one of which is protected."""
        app = Recorder()
        child = Microdot()
        csrf = CSRF(child if inner else app)

        @app.post('/')
        async def index(request):
            return 'index'

        @child.post('/')
        async def change(request):
            return 'child'

        @child.post('/exempt')
        @csrf.exempt
        async def exempt(request):
            return 'exempt'

        @child.get('/protect')
        @csrf.protect
        async def protect(request):
            return 'protect'

        app.mount(child, '/child', local=local)
        return app

    def test_protection_of_the_parent_is_for_all(self):
        for local in (False, True):
            app = self.make(local, False)
            self.check_child(app)
            self.assertEqual(status(app, site='cross-site'), 403)

    def test_protection_of_a_child(self):
        for local, code in ((False, 403), (True, 200)):
            app = self.make(local, True)
            self.check_child(app)
            self.assertEqual(status(app, site='cross-site'), code)

    def check_child(self, app):
        for path, method, code in (('', 'POST', 403), ('exempt', 'POST', 200),
                                   ('protect', 'GET', 403)):
            self.assertEqual(
                status(app, '/child/' + path, method, 'cross-site'), code)
            self.assertEqual(
                status(app, '/child/' + path, method, 'same-origin'), 200)

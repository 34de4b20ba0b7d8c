"""CORS: who may read a response, and what caches are told."""

import re
import unittest

from helpers import change, run
from microdot.cors import CORS
from microdot.helpers import add_vary
from microdot.microdot import (
    Microdot,
    Request,
    Response,
    URLPattern,
    abort,
)
from microdot.test_client import TestClient
from peers import Recorder

NEEDS_EVENT_LOOP = False

A = 'https://a.example'
B = 'https://b.example'
ORIGIN = 'Access-Control-Allow-Origin'
CREDENTIALS = 'Access-Control-Allow-Credentials'
EXPOSE = 'Access-Control-Expose-Headers'
METHODS = 'Access-Control-Allow-Methods'
HEADERS = 'Access-Control-Allow-Headers'
MAX_AGE = 'Access-Control-Max-Age'
PRIVATE = 'Access-Control-Allow-Private-Network'


def make_app(**kwargs):
    """Return an application that has a policy."""
    app = Recorder()
    app.cors = CORS(app, **kwargs)

    @app.get('/')
    async def index(request):
        return 'index'

    @app.post('/')
    async def change(request):
        return 'changed'

    @app.get('/fail')
    async def fail(request):
        return 1 // 0

    @app.get('/refuse')
    async def refuse(request):
        abort(403)

    @app.get('/vary')
    async def vary(request):
        add_vary(request, 'Cookie')
        add_vary(request, 'Origin')
        return 'x', {'Vary': 'Accept-Encoding, Origin'}

    return app


def ask(app, path='/', method='GET', origin=None, **headers):
    """Return the response to a request; underscores in names are dashes."""
    fields = {name.replace('_', '-'): value
              for name, value in headers.items()}
    if origin is not None:
        fields['Origin'] = origin
    return run(TestClient(app).request(method, path, fields))


def cors_headers(res):
    """Return what a response has for CORS, without the begin of the names."""
    found = {}
    for name in res.headers:
        if name.startswith('Access-Control-'):
            found[name[15:]] = res.headers[name]
    return found


def vary(res):
    return sorted([name for name in res.headers.get('Vary', '').split(', ')
                   if name])


def works_inside(regex):
    try:
        re.compile('(?:' + regex + ')$')
    except Exception:
        return False
    return True


class TestOrigins(unittest.TestCase):
    def test_listed_origin_is_named(self):
        res = ask(make_app(allowed_origins=[B, A]), origin=A)
        self.assertEqual(cors_headers(res), {'Allow-Origin': A})
        self.assertEqual(vary(res), ['Origin'])
        self.assertEqual(res.text, 'index')

    def test_an_origin_may_be_listed_with_the_port_of_its_scheme(self):
        for listed, origin, allowed in (
                ('https://a.example:443', 'https://a.example', True),
                ('http://A.example:80/', 'http://a.example', True),
                ('https://a.example', 'https://a.example', True),
                ('https://a.example:80', 'https://a.example', False),
                ('http://a.example:443', 'http://a.example', False),
                ('https://a.example:443', 'https://a.example:444', False),
                ('*', '*', False), ('', '://', False)):
            with self.subTest(listed=listed, origin=origin):
                self.assertIs(
                    CORS(allowed_origins=[listed]).is_listed(origin), allowed)

    def test_a_regex_that_would_fail_later_fails_at_once(self):
        # MicroPython's flags are other ones, or none
        for regex in ('https://(', '[', '(?i)https://a'):
            if regex[:3] == '(?i' and works_inside(regex):
                continue
            with self.assertRaises(Exception):
                CORS(allowed_origin_regex=regex)

    def test_others_get_nothing_but_vary(self):
        """S24: without Vary a cache would give it to the listed ones."""
        for origin in (None, B, ''):
            with self.subTest(origin=origin):
                res = ask(make_app(
                    allowed_origins=[A], allow_credentials=True, max_age=5),
                    origin=origin)
                self.assertEqual(cors_headers(res), {})
                self.assertEqual(vary(res), ['Origin'])
                self.assertEqual(res.text, 'index')

    def test_anybody(self):
        res = ask(make_app(allowed_origins='*'))
        self.assertEqual(cors_headers(res), {'Allow-Origin': '*'})
        self.assertEqual(vary(res), [])
        for allowed in ('*', ['*'], [A, '*']):
            with self.subTest(allowed=allowed):
                res = ask(make_app(allowed_origins=allowed), origin=B)
                self.assertEqual(cors_headers(res), {'Allow-Origin': B})
                self.assertEqual(vary(res), ['Origin'])

    def test_nobody(self):
        for allowed in (None, [], ''):
            res = ask(make_app(allowed_origins=allowed), origin=A)
            self.assertEqual(cors_headers(res), {})
            self.assertEqual(vary(res), [])

    def test_one_origin_as_text(self):
        """S24: any part of it was allowed."""
        app = make_app(allowed_origins=A)
        self.assertEqual(cors_headers(ask(app, origin=A)),
                         {'Allow-Origin': A})
        for origin in ('https://a.exampl', 'https://a', 'h', ''):
            self.assertEqual(cors_headers(ask(app, origin=origin)), {})

    def test_expression_is_for_the_whole_origin(self):
        app = make_app(allowed_origin_regex='https://[a-z]+\\.example\\.org',
                       allowed_origins=[A])
        for origin in ('https://x.example.org', A):
            res = ask(app, origin=origin)
            self.assertEqual(cors_headers(res), {'Allow-Origin': origin})
            self.assertEqual(vary(res), ['Origin'])
        for origin in ('https://x.example.org.evil.example',
                       'https://evil.example/https://x.example.org',
                       'https://x.example.org:81', 'http://x.example.org',
                       'https://x-example.org', 'https://.example.org',
                       'https://' + 'x' * 2000 + '.example.org', B):
            with self.subTest(origin=origin):
                self.assertEqual(cors_headers(ask(app, origin=origin)), {})

    def test_expression_is_tried_on_so_many_characters(self):
        cors = CORS(allowed_origin_regex='x+')
        most = URLPattern.max_regex_length
        for size, listed in ((most, True), (most + 1, False),
                             (100 * most, False)):
            self.assertIs(cors.is_listed('x' * size), listed)

    def test_malformed_expression_is_an_error_at_once(self):
        # (on CPython it is no ValueError)
        with self.assertRaises(Exception):
            CORS(allowed_origin_regex='(')

    def test_expression_does_not_end_before_a_line_end(self):
        self.assertFalse(CORS(allowed_origin_regex='x').is_listed('x\n'))

    def test_hostile_origins_are_not_reflected(self):
        app = make_app(allowed_origins=[A], allow_credentials=True)
        for origin in (
                'null', '*', 'https://a.example.evil.example',
                'https://evil.example', 'http://a.example',
                'https://a.example:443', 'https://a.example/',
                'HTTPS://A.EXAMPLE', 'https://a.example, https://evil.example',
                'https://evil.example,https://a.example',
                'https://a.example https://evil.example',
                'https://a.example@evil.example', 'https://xa.example',
                'https://a.example%00.evil.example', 'a.example', '/',
                'https://a.example;', '"https://a.example"', '\xe9', '\u20ac',
                'https://' + 'a' * 1900):
            for method in ('GET', 'OPTIONS', 'POST', 'PUT'):
                with self.subTest(origin=origin[:40], method=method):
                    res = ask(app, method=method, origin=origin,
                              Access_Control_Request_Method='POST',
                              Access_Control_Request_Headers='X',
                              Access_Control_Request_Private_Network='true')
                    for name in (ORIGIN, CREDENTIALS):
                        self.assertIsNone(res.headers.get(name))
                    self.assertEqual(vary(res), ['Origin'])

    def test_two_origins_are_none(self):
        res = run(TestClient(make_app(allowed_origins=[A])).get(
            '/', {'Origin': [A, B]}))
        self.assertEqual(cors_headers(res), {})

    def test_null_has_to_be_listed(self):
        app = make_app(allowed_origins=['null'])
        self.assertEqual(cors_headers(ask(app, origin='null')),
                         {'Allow-Origin': 'null'})


class TestCredentials(unittest.TestCase):
    def test_of_listed_origins(self):
        app = make_app(allowed_origins=[A], allow_credentials=True)
        self.assertEqual(cors_headers(ask(app, origin=A)), {
            'Allow-Origin': A, 'Allow-Credentials': 'true'})
        app.cors.allow_credentials = False
        self.assertEqual(cors_headers(ask(app, origin=A)),
                         {'Allow-Origin': A})

    def test_never_of_anybody(self):
        """S24: any page had them."""
        app = make_app(allowed_origins='*', allow_credentials=True)
        for origin in (None, A, 'null', '*'):
            for method in ('GET', 'OPTIONS'):
                res = ask(app, method=method, origin=origin, Cookie='a=b')
                self.assertEqual(cors_headers(res),
                                 {'Allow-Origin': origin or '*'})

    def test_of_those_that_are_listed_beside_anybody(self):
        app = make_app(allowed_origins=['*', A], allow_credentials=True)
        self.assertEqual(cors_headers(ask(app, origin=A)), {
            'Allow-Origin': A, 'Allow-Credentials': 'true'})
        self.assertEqual(cors_headers(ask(app, origin=B)),
                         {'Allow-Origin': B})
        # a cache must not keep for A what it has got without an origin
        res = ask(app)
        self.assertEqual(cors_headers(res), {'Allow-Origin': '*'})
        self.assertEqual(vary(res), ['Origin'])

    def test_leave_no_trace_in_later_answers(self):
        app = make_app(allowed_origins=['*', A], allow_credentials=True)
        client = TestClient(app)
        run(client.get('/', {'Origin': A, 'Cookie': 'a=b'}))
        self.assertEqual(cors_headers(run(client.get('/'))),
                         {'Allow-Origin': '*'})


class TestOtherHeaders(unittest.TestCase):
    def test_those_that_mean_nothing_alone_do_not_depend_on_the_origin(self):
        """As in Microdot."""
        for origin in (None, B):
            app = make_app(allowed_origins=[A], expose_headers=['X'],
                           allow_credentials=True, max_age=5)
            self.assertEqual(cors_headers(ask(app, origin=origin)),
                             {'Expose-Headers': 'X'})
            self.assertEqual(cors_headers(preflight(
                app, headers='x-a', origin=origin)), {
                    'Expose-Headers': 'X', 'Max-Age': '5',
                    'Allow-Methods': 'POST', 'Allow-Headers': 'x-a'})

    def test_exposed(self):
        for names, value in ((['X-A', 'X-B'], 'X-A, X-B'), ('X-A', 'X-A'),
                             ([], None)):
            res = ask(make_app(allowed_origins='*', expose_headers=names))
            self.assertEqual(res.headers.get(EXPOSE), value)

    def test_vary_is_extended(self):
        res = ask(make_app(allowed_origins=[A]), '/vary', origin=A)
        self.assertEqual(vary(res), ['Accept-Encoding', 'Cookie', 'Origin'])

    def test_errors_have_them(self):
        app = make_app(allowed_origins=[A], allow_credentials=True,
                       expose_headers=['X'])
        for path, method, status in (
                ('/missing', 'GET', 404), ('/', 'PUT', 405),
                ('/refuse', 'GET', 403), ('/fail', 'GET', 500)):
            with self.subTest(path=path):
                res = ask(app, path, method, origin=A)
                self.assertEqual(res.status_code, status)
                self.assertEqual(cors_headers(res), {
                    'Allow-Origin': A, 'Allow-Credentials': 'true',
                    'Expose-Headers': 'X'})
                self.assertEqual(vary(res), ['Origin'])
        change(self, Request, 'max_content_length', 2000)
        res = run(TestClient(app).post('/', {'Origin': A}, 'x' * 2001))
        self.assertEqual(res.status_code, 413)
        self.assertEqual(cors_headers(res)['Allow-Origin'], A)

    def test_error_of_a_later_hook_has_them(self):
        app = make_app(allowed_origins=[A])

        @app.after_request
        async def fail(request, response):
            return 1 // 0

        res = ask(app, origin=A)
        self.assertEqual(res.status_code, 500)
        self.assertEqual(cors_headers(res), {'Allow-Origin': A})

    def test_what_a_middleware_aborts_with_has_them(self):
        import microdot.middleware  # noqa: F401
        app = make_app(allowed_origins=[A])

        @app.middleware
        async def refuse(request, call_next):
            abort(401)

        for method in ('GET', 'OPTIONS'):
            res = ask(app, '/missing', method, origin=A)
            self.assertEqual(res.status_code, 401)
            self.assertEqual(res.headers[ORIGIN], A)

    def test_malformed_request(self):
        app = make_app(allowed_origins='*')
        res = run(TestClient(app).get('/', {'Host': 'a b'}))
        self.assertEqual(res.status_code, 400)

    def test_policy_that_is_not_handled(self):
        for app in (make_app(allowed_origins='*', handle_cors=False),
                    Microdot()):
            if not hasattr(app, 'cors'):
                CORS(allowed_origins='*').initialize(app, handle_cors=False)
            for method in ('GET', 'OPTIONS'):
                res = ask(app, method=method, origin=A,
                          Access_Control_Request_Method='GET')
                self.assertEqual(cors_headers(res), {})

    def test_response_that_was_sent_by_the_handler_is_left_alone(self):
        """S28: one object is shared by all of them."""
        app = make_app(allowed_origins='*')

        @app.get('/handled')
        async def handled(request):
            return Response.already_handled

        ask(app, '/handled', origin=A)
        self.assertEqual(len(Response.already_handled.headers), 0)

    def test_policy_may_be_given_before_the_application(self):
        app = Microdot()
        CORS(allowed_origins=[A]).initialize(app)
        self.assertEqual(cors_headers(ask(app, origin=A)),
                         {'Allow-Origin': A})

    def test_settings_can_be_changed(self):
        app = make_app(allowed_origins=[A])
        app.cors.allowed_origins = [B]
        self.assertEqual(cors_headers(ask(app, origin=A)), {})
        self.assertEqual(cors_headers(ask(app, origin=B)),
                         {'Allow-Origin': B})


def preflight(app, method='POST', path='/', headers=None, origin=A, **more):
    if headers is not None:
        more['Access_Control_Request_Headers'] = headers
    if method is not None:
        more['Access_Control_Request_Method'] = method
    return ask(app, path, 'OPTIONS', origin, **more)


class TestPreflights(unittest.TestCase):
    def test_everything_is_allowed_that_is_not_restricted(self):
        app = make_app(allowed_origins=[A])
        res = preflight(app, 'POST', headers='X-A,  x-b')
        self.assertEqual(res.status_code, 200)
        self.assertEqual(res.body, b'')
        self.assertEqual(cors_headers(res), {
            'Allow-Origin': A, 'Allow-Methods': 'POST',
            'Allow-Headers': 'X-A,  x-b'})
        self.assertEqual(vary(res), ['Origin'])

    def test_without_a_method_or_headers(self):
        res = preflight(make_app(allowed_origins=[A]), None)
        self.assertEqual(cors_headers(res), {'Allow-Origin': A})
        self.assertEqual(res.headers['Allow'], 'GET, POST, HEAD, OPTIONS')

    def test_methods(self):
        """Methods are case-sensitive, RFC 9110, section 9.1."""
        for allowed, asked, value in (
                (['POST'], 'POST', 'POST'), (['post'], 'post', 'post'),
                (['POST'], 'post', None), (['POST'], 'PUT', None),
                ([], 'POST', None), (['*'], 'PUT', 'PUT'),
                ('POST', 'POST', 'POST'), ('POST', 'POS', None)):
            with self.subTest(allowed=allowed, asked=asked):
                res = preflight(make_app(allowed_origins=[A],
                                         allowed_methods=allowed), asked)
                self.assertEqual(res.headers.get(METHODS), value)
                self.assertEqual(res.headers[ORIGIN], A)

    def test_headers(self):
        for allowed, asked, value in (
                (['X-A', 'x-b'], 'x-a, X-B', 'x-a, X-B'),
                (['X-A'], 'x-c,x-a ,x-b', 'x-a'), (['X-A'], 'x-b', None),
                ([], 'x-a', None), ('X-A', 'x-a', 'x-a'), ('*', 'q', 'q'),
                (['X-A'], ',,', None), (['X-A'], '', None)):
            with self.subTest(allowed=allowed, asked=asked):
                res = preflight(
                    make_app(allowed_origins=[A], allowed_headers=allowed),
                    headers=asked)
                self.assertEqual(res.headers.get(HEADERS), value)

    def test_max_age(self):
        """S24: 0 was left out, which asks every time."""
        for age, value in ((600, '600'), (0, '0'), (None, None)):
            app = make_app(allowed_origins=[A], max_age=age)
            self.assertEqual(preflight(app).headers.get(MAX_AGE), value)
            self.assertIsNone(ask(app, origin=A).headers.get(MAX_AGE))

    def test_private_network(self):
        for allow, asked, value in ((True, 'true', 'true'),
                                    (False, 'true', None),
                                    (True, 'false', None)):
            app = make_app(allowed_origins=[A], allow_private_network=allow)
            res = preflight(app, Access_Control_Request_Private_Network=asked)
            self.assertEqual(res.headers.get(PRIVATE), value)
        res = preflight(make_app(allowed_origins=[A]),
                        Access_Control_Request_Private_Network='true')
        self.assertIsNone(res.headers.get(PRIVATE))

    def test_page_gets_to_see_a_404_or_405(self):
        app = make_app(allowed_origins=[A])
        for path in ('/missing', '/refuse'):
            res = preflight(app, path=path)
            self.assertEqual(res.status_code, 200)
            self.assertEqual(res.headers[METHODS], 'POST')
        app.options_handler = None
        self.assertEqual(preflight(app).status_code, 200)

    def test_other_options_requests_are_as_they_were(self):
        app = make_app(allowed_origins=[A])
        self.assertEqual(preflight(app, None, '/missing').status_code, 404)
        self.assertEqual(
            preflight(app, 'POST', '/missing', origin=B).status_code, 404)
        self.assertEqual(
            preflight(app, 'POST', '/missing', origin=None).status_code, 404)

    def test_route_for_options(self):
        app = make_app(allowed_origins=[A])

        @app.route('/own', methods=['OPTIONS'])
        async def own(request):
            return 'own', {'X-Own': '1'}

        res = preflight(app, path='/own')
        self.assertEqual(res.text, 'own')
        self.assertEqual(res.headers['X-Own'], '1')
        self.assertEqual(res.headers[METHODS], 'POST')


class TestAutomaticOptions(unittest.TestCase):
    def test_the_policy_needs_no_hooks(self):
        # what no route answers has no hooks, but what pages may read
        app = Microdot()
        CORS(app, allowed_origins=[A])
        seen = []
        app.after_request(lambda request, response: seen.append(1))
        app.get('/')(lambda request: '')
        res = ask(app, '/', 'OPTIONS', A)
        self.assertEqual(res.headers['Access-Control-Allow-Origin'], A)
        self.assertEqual(res.headers['Vary'], 'Origin')
        self.assertEqual(seen, [])
        res = ask(app, '/', 'GET', A)
        self.assertEqual(res.headers['Access-Control-Allow-Origin'], A)
        self.assertEqual(seen, [1])


class TestMounting(unittest.TestCase):
    def make(self, local, outer=None):
        app = Recorder()
        if outer:
            CORS(app, allowed_origins=outer)
        child = Microdot()
        CORS(child, allowed_origins=[A], allow_credentials=True)

        @app.get('/')
        async def index(request):
            return 'index'

        @child.get('/x')
        async def inner(request):
            return 'inner'

        app.mount(child, '/child', local=local)
        return app

    def test_policy_of_a_local_child_is_for_its_routes(self):
        app = self.make(True)
        self.assertEqual(cors_headers(ask(app, '/', origin=A)), {})
        for method, status in (('GET', 200), ('OPTIONS', 200), ('PUT', 405)):
            res = ask(app, '/child/x', method, origin=A)
            self.assertEqual(res.status_code, status)
            self.assertEqual(cors_headers(res), {
                'Allow-Origin': A, 'Allow-Credentials': 'true'})

    def test_policy_of_a_child_is_for_all(self):
        app = self.make(False)
        for path in ('/', '/child/x', '/missing'):
            self.assertEqual(ask(app, path, origin=A).headers[ORIGIN], A)

    def test_outer_policy_does_not_widen_an_inner_one(self):
        app = self.make(True, outer='*')
        self.assertEqual(cors_headers(ask(app, '/child/x', origin=B)), {})
        self.assertEqual(cors_headers(ask(app, '/child/x', 'PUT', origin=B)),
                         {})
        self.assertEqual(ask(app, '/', origin=B).headers[ORIGIN], B)
        self.assertEqual(ask(app, '/child/x', origin=A).headers[CREDENTIALS],
                         'true')


class TestNames(unittest.TestCase):
    def test_a_subclass_sees_each_response(self):
        class Mine(CORS):
            async def after_request(self, request, response):
                response.headers['X-Mine'] = 'yes'
                return await super().after_request(request, response)

        app = Microdot()
        Mine(app, allowed_origins=[A])
        res = ask(app, '/missing', origin=A)
        self.assertEqual(res.headers['X-Mine'], 'yes')
        self.assertEqual(res.headers[ORIGIN], A)

    def test_options_handler_gives_the_headers_of_both(self):
        app = make_app(allowed_origins=[A], max_age=60)
        app.options_handler = app.cors.options_handler
        res = ask(app, '/', 'OPTIONS', origin=A)
        self.assertEqual(res.headers[ORIGIN], A)
        self.assertEqual(res.headers[MAX_AGE], '60')
        self.assertIn('GET', res.headers['Allow'])

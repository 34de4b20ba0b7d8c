"""Authentication by a header."""

import gc
import sys
import unittest
from binascii import b2a_base64

from helpers import run
from microdot import Microdot, Response, abort
from microdot.auth import (
    BaseAuth,
    BasicAuth,
    TokenAuth,
    encode_challenge,
    parse_basic,
    parse_credentials,
)
from microdot.test_client import TestClient
from microdot.websocket import with_websocket

IS_BOARD = sys.implementation.name == 'micropython'


def encode(data):
    if isinstance(data, str):
        data = data.encode()
    return b2a_base64(data).decode().strip()


def basic(username, password, scheme='Basic'):
    return {'Authorization': '%s %s' % (
        scheme, encode(username + ':' + password))}


def bearer(token):
    return {'Authorization': 'Bearer ' + token}


def protect(auth, app=None):
    """Make an application whose views tell who the user is."""
    app = app or Microdot()

    @app.get('/')
    @auth
    async def index(request):
        return 'for ' + str(request.g.current_user)

    @app.get('/sync/<name>')
    @auth
    def sync(request, name):
        return name + ' for ' + str(request.g.current_user)

    @app.get('/optional')
    @auth.optional
    async def optional(request):
        return 'for ' + str(request.g.current_user)

    @app.get('/optional/sync/<name>')
    @auth.optional
    def optional_sync(request, name):
        return name + ' for ' + str(request.g.current_user)

    @app.get('/open')
    async def open_to_all(request):
        return 'open'

    return app


def basic_app(asynchronous=True, **kwargs):
    auth = BasicAuth(**kwargs)

    def authenticate(request, username, password):
        if (username, password) == ('ada', 'secret'):
            return username

    async def authenticate_async(request, username, password):
        return authenticate(request, username, password)

    auth.authenticate(authenticate_async if asynchronous else authenticate)
    app = protect(auth)
    app.auth = auth
    return app


def token_app(**kwargs):
    auth = TokenAuth(**kwargs)

    @auth.authenticate
    async def authenticate(request, token):
        if token == 'secret':
            return 'ada'

    app = protect(auth)
    app.auth = auth
    return app


def get(app, path='/', headers=None):
    return run(TestClient(app).get(path, headers))


class TestBasic(unittest.TestCase):
    def test_users_are_let_in(self):
        for asynchronous in (True, False):
            app = basic_app(asynchronous)
            res = get(app, headers=basic('ada', 'secret'))
            self.assertEqual((res.status_code, res.text), (200, 'for ada'))
            res = get(app, '/sync/x', basic('ada', 'secret'))
            self.assertEqual(res.text, 'x for ada')

    def test_others_are_asked_for_a_password(self):
        for headers in (None, basic('ada', 'Secret'), basic('eve', 'secret'),
                        bearer('secret')):
            res = get(basic_app(), headers=headers)
            self.assertEqual((res.status_code, res.text), (401, ''))
            self.assertEqual(res.headers['WWW-Authenticate'],
                             'Basic realm="Please login", charset="UTF-8"')

    def test_realm_charset_and_status_are_as_given(self):
        res = get(basic_app(realm='A "b" \\ c', charset='utf-8',
                            error_status=403))
        self.assertEqual(res.status_code, 403)
        self.assertEqual(res.headers['WWW-Authenticate'],
                         'Basic realm="A \\"b\\" \\\\ c", charset="utf-8"')

    def test_case_of_the_scheme_makes_no_difference(self):
        """S26: the scheme was compared with its case."""
        for scheme in ('Basic', 'basic', 'BASIC', 'bAsIc'):
            res = get(basic_app(),
                      headers=basic('ada', 'secret', scheme))
            self.assertEqual(res.status_code, 200)

    def test_a_line_end_behind_it_is_no_part_of_it(self):
        value = 'Basic ' + b2a_base64(b'ada:secret').decode()
        self.assertEqual(value[-1], '\n')
        res = get(basic_app(), headers={'Authorization': value})
        self.assertEqual(res.text, 'for ada')

    def test_the_scheme_can_be_another(self):
        """S26: the scheme was another in the answer only."""
        app = basic_app(scheme='xBasic')
        self.assertEqual(
            get(app, headers=basic('ada', 'secret')).status_code, 401)
        res = get(app, headers=basic('ada', 'secret', 'XBASIC'))
        self.assertEqual(res.text, 'for ada')
        self.assertEqual(get(app).headers['WWW-Authenticate'],
                         'xBasic realm="Please login", charset="UTF-8"')

    def test_case_of_the_header_makes_no_difference(self):
        value = basic('ada', 'secret')['Authorization']
        for name in ('authorization', 'AUTHORIZATION'):
            self.assertEqual(
                get(basic_app(), headers={name: value}).status_code, 200)

    def test_a_password_may_have_anything_in_it(self):
        for username, password in (
                ('ada', 'a:b:c'), ('ada', ''), ('', 'secret'), ('', ''),
                ('é', 'пароль 日本'), ('ada', ' ')):
            with self.subTest(password=password):
                self.assertEqual(
                    parse_basic(encode(username + ':' + password)),
                    (username, password))

    def test_optional_views_are_open(self):
        app = basic_app()
        for path, begin in (('/optional', ''), ('/optional/sync/x', 'x ')):
            self.assertEqual(get(app, path).text, begin + 'for None')
            self.assertEqual(get(app, path, basic('ada', 'wrong')).text,
                             begin + 'for None')
            self.assertEqual(get(app, path, basic('ada', 'secret')).text,
                             begin + 'for ada')

    def test_errors_can_be_handled(self):
        """S26: there was no errorhandler for BasicAuth."""
        app = basic_app()

        @app.auth.errorhandler
        def error(request):
            return {'error': request.path}, 403

        res = get(app)
        self.assertEqual((res.status_code, res.json), (403, {'error': '/'}))

    def test_an_error_callback_can_be_assigned(self):
        app = basic_app()

        async def error(request):
            return 'no', 418

        app.auth.error_callback = error
        self.assertEqual(get(app).status_code, 418)


class TestToken(unittest.TestCase):
    def test_users_are_let_in(self):
        res = get(token_app(), headers=bearer('secret'))
        self.assertEqual((res.status_code, res.text), (200, 'for ada'))
        res = get(token_app(), '/sync/x', bearer('secret'))
        self.assertEqual(res.text, 'x for ada')

    def test_others_are_asked_for_a_token(self):
        """S26: token failures had no WWW-Authenticate."""
        for headers in (None, basic('ada', 'secret')):
            res = get(token_app(), headers=headers)
            self.assertEqual(res.status_code, 401)
            self.assertEqual(res.headers['WWW-Authenticate'], 'Bearer')

    def test_a_token_that_is_not_accepted_is_named_so(self):
        res = get(token_app(realm='an api'), headers=bearer('wrong'))
        self.assertEqual(res.status_code, 401)
        self.assertEqual(res.headers['WWW-Authenticate'],
                         'Bearer realm="an api", error="invalid_token"')

    def test_other_schemes_have_no_such_errors(self):
        res = get(token_app(scheme='Token'), headers={
            'Authorization': 'Token wrong'})
        self.assertEqual(res.headers['WWW-Authenticate'], 'Token')

    def test_case_of_the_scheme_makes_no_difference(self):
        for value in ('bearer secret', 'BEARER secret', 'Bearer  secret '):
            res = get(token_app(), headers={'Authorization': value})
            self.assertEqual(res.status_code, 200)

    def test_a_token_that_is_repeated_is_not_that_token(self):
        for app, header, value in (
                (token_app(), 'Authorization', 'Bearer secret'),
                (token_app(header='X-Api-Key'), 'X-Api-Key', 'secret')):
            self.assertEqual(get(app, headers={
                header: [value]}).status_code, 200)
            for values in ([value, value], [value, ''], ['', value]):
                self.assertEqual(get(app, headers={
                    header: values}).status_code, 401)

    def test_the_scheme_can_be_another(self):
        app = token_app(scheme='Token')
        self.assertEqual(get(app, headers=bearer('secret')).status_code, 401)
        res = get(app, headers={'Authorization': 'token secret'})
        self.assertEqual(res.status_code, 200)

    def test_another_header_has_just_the_token(self):
        app = token_app(header='X-Api-Key')
        for name in ('X-Api-Key', 'x-api-key', 'X-API-KEY'):
            self.assertEqual(
                get(app, headers={name: 'secret'}).status_code, 200)
        for headers in ({'X-Api-Key': 'Bearer secret'}, bearer('secret'),
                        {'X-Api-Key': ''}, None):
            self.assertEqual(get(app, headers=headers).status_code, 401)

    def test_the_name_authorization_is_known_in_any_case(self):
        app = token_app(header='AUTHORIZATION')
        self.assertEqual(get(app, headers=bearer('secret')).status_code, 200)

    def test_optional_views_are_open(self):
        app = token_app()
        self.assertEqual(get(app, '/optional').text, 'for None')
        self.assertEqual(get(app, '/optional', bearer('x')).text, 'for None')
        self.assertEqual(get(app, '/optional', bearer('secret')).text,
                         'for ada')

    def test_errors_can_be_handled(self):
        app = token_app()

        @app.auth.errorhandler
        async def error(request):
            return {'error': 'token'}, 403

        res = get(app)
        self.assertEqual((res.status_code, res.json),
                         (403, {'error': 'token'}))
        self.assertNotIn('WWW-Authenticate', res.headers)

    def test_errors_reach_the_handler_of_their_status(self):
        app = token_app(error_status=401)

        @app.errorhandler(401)
        async def error(request):
            return 'not you', 401

        res = get(app)
        self.assertEqual(res.text, 'not you')
        self.assertEqual(res.headers['WWW-Authenticate'], 'Bearer')

    def test_the_status_is_as_given(self):
        self.assertEqual(get(token_app(error_status=403)).status_code, 403)


class TestBoth(unittest.TestCase):
    def test_decorators_return_the_function(self):
        """S26: they returned None."""
        def function(request, *args):
            pass

        for auth in (BasicAuth(), TokenAuth()):
            self.assertIs(auth.authenticate(function), function)
            self.assertIs(auth.errorhandler(function), function)
            self.assertIs(auth.scopes(function), function)

    def test_views_keep_their_name(self):
        """S26: they lost it. (Functions take no name on boards.)"""
        async def view(request):
            pass

        for auth in (BasicAuth(), TokenAuth()):
            for wrapped in (auth(view), auth.optional(view),
                            auth.requires('x')(view)):
                self.assertIn(wrapped.__name__, ('view', 'wrapper'))
                self.assertEqual(wrapped.__name__ == 'view',
                                 hasattr(view, '__doc__'))

    def test_the_user_may_be_anything_true(self):
        auth = BasicAuth()
        for user in ('ada', 5, ('ada', 1), {'id': 1}, [0], True):
            auth.authenticate(lambda request, name, password: user)
            app = protect(auth)
            self.assertEqual(get(app, headers=basic('a', 'b')).text,
                             'for ' + str(user))

    def test_what_is_false_is_nobody(self):
        auth = BasicAuth()
        for user in (None, '', 0, (), {}, [], False):
            auth.authenticate(lambda request, name, password: user)
            app = protect(auth)
            self.assertEqual(
                get(app, headers=basic('a', 'b')).status_code, 401)
            self.assertEqual(
                get(app, '/optional', basic('a', 'b')).text, 'for None')

    def test_the_function_may_answer_by_itself(self):
        auth = BasicAuth()

        @auth.authenticate
        async def authenticate(request, name, password):
            abort(429, 'slow down')

        res = get(protect(auth), headers=basic('a', 'b'))
        self.assertEqual((res.status_code, res.text), (429, 'slow down'))

    def test_the_function_is_not_called_without_credentials(self):
        auth = BasicAuth()
        called = []
        auth.authenticate(lambda *args: called.append(args))
        get(protect(auth))
        get(protect(auth), headers={'Authorization': 'Basic x'})
        self.assertEqual(called, [])

    def test_the_client_is_not_told_what_failed(self):
        auth = BasicAuth()
        failures = []

        @auth.authenticate
        async def authenticate(request, name, password):
            raise KeyError('secret of the server')

        app = protect(auth)
        app.log_exception = lambda request, exc: failures.append(exc)
        res = get(app, headers=basic('a', 'b'))
        self.assertEqual((res.status_code, res.text),
                         (500, 'Internal server error'))
        self.assertEqual(len(failures), 1)

    def test_a_function_that_is_missing_is_an_error_and_lets_nobody_in(self):
        for auth in (BasicAuth(), TokenAuth()):
            app = protect(auth)
            failures = []
            app.log_exception = lambda request, exc: failures.append(str(exc))
            self.assertEqual(get(app).status_code, 500)
            self.assertEqual(failures,
                             ['no function was given to authenticate()'])

    def test_caches_know_what_it_depends_on(self):
        self.assertEqual(get(basic_app()).headers['Vary'], 'Authorization')
        self.assertEqual(get(basic_app(), '/optional').headers['Vary'],
                         'Authorization')
        self.assertEqual(get(token_app(header='X-Key')).headers['Vary'],
                         'X-Key')
        self.assertNotIn('Vary', get(basic_app(), '/open').headers)

    def test_an_authentication_of_ones_own(self):
        class QueryAuth(BaseAuth):
            header = 'Cookie'

            def _get_auth(self, request):
                return (request.args['user'],) if 'user' in request.args \
                    else None

        auth = QueryAuth()
        auth.authenticate(lambda request, user: user)
        auth.errorhandler(lambda request: ('who?', 401))
        app = protect(auth)
        self.assertEqual(get(app, '/?user=ada').text, 'for ada')
        self.assertEqual(get(app).text, 'who?')

    def test_challenges(self):
        for expected, args, params in (
                ('Basic', ('Basic',), {}),
                ('B realm=""', ('B',), {'realm': '', 'error': None}),
                ('B realm="x", error="y", scope="a b"', ('B',),
                 {'scope': 'a b', 'error': 'y', 'realm': 'x'})):
            self.assertEqual(encode_challenge(*args, **params), expected)


class TestMemory(unittest.TestCase):
    @unittest.skipIf(not hasattr(gc, 'mem_alloc'), 'no gc.mem_alloc()')
    def test_nothing_is_held_between_requests(self):
        apps = [basic_app(), token_app()]

        def use(count):
            for _ in range(count):
                for app in apps:
                    for headers in (basic('ada', 'secret'), bearer('secret'),
                                    basic('ada', 'wrong'), None):
                        get(app, '/', headers)
                        get(app, '/optional', headers)
            gc.collect()
            return gc.mem_alloc()

        before = use(2)
        self.assertTrue(use(10) - before < 500)


class TestWebSocket(unittest.TestCase):
    def test_others_are_refused_before_the_upgrade(self):
        auth = TokenAuth()
        auth.authenticate(lambda request, token: token)
        app = Microdot()

        @app.get('/ws')
        @auth
        @with_websocket
        async def echo(request, ws):
            await ws.send(request.g.current_user + await ws.receive())

        received = []

        def peer():
            received.append((yield 'x'))

        client = TestClient(app)
        res = run(client.websocket('/ws', peer))
        self.assertEqual(res.status_code, 401)
        self.assertEqual(res.headers['WWW-Authenticate'], 'Bearer')
        res = run(client.websocket('/ws', peer, bearer('ada')))
        self.assertEqual(res.status_code, 101)
        self.assertEqual(received, ['adax'])


class TestWholeApplication(unittest.TestCase):
    def make(self, auth):
        auth.authenticate(lambda request, *credentials: credentials[0])
        app = Microdot()
        auth.initialize(app)
        return protect(BasicAuth(), app)

    def test_every_handler_is_for_users_only(self):
        app = self.make(BasicAuth())
        self.assertEqual(get(app, '/open').status_code, 401)
        self.assertEqual(get(app, '/open', basic('ada', 'x')).text, 'open')

    def test_an_error_handler_that_returns_nothing_lets_nobody_in(self):
        for nothing in (None, '', 0, (), b'', False, {}):
            auth = BasicAuth()
            app = self.make(auth)
            app.log_exception = lambda request, exc: None
            auth.errorhandler(lambda request: nothing)
            self.assertNotEqual(get(app, '/open').text, 'open')

    def test_a_mounted_application_can_be_for_users_only(self):
        app = Microdot()
        app.mount(self.make(TokenAuth()), '/private', local=True)

        @app.get('/')
        async def index(request):
            return 'public'

        self.assertEqual(get(app, '/').text, 'public')
        self.assertEqual(get(app, '/private/open').status_code, 401)
        self.assertEqual(get(app, '/private/open', bearer('x')).text, 'open')

    def test_the_function_is_called_once_for_a_request(self):
        auth = BasicAuth()
        calls = []

        @auth.authenticate
        async def authenticate(request, username, password):
            calls.append(username)
            return username

        app = Microdot()
        auth.initialize(app)
        protect(auth, app)
        self.assertEqual(get(app, '/', basic('ada', 'x')).text, 'for ada')
        self.assertEqual(calls, ['ada'])

    def test_a_way_of_ones_own_without_an_error_handler_answers_403(self):
        class Nobody(BaseAuth):
            def _get_auth(self, request):
                return None

        auth = Nobody()
        auth.authenticate(lambda request: 'nobody')
        app = Microdot()

        @app.get('/')
        @auth
        async def index(request):
            return 'secret'

        self.assertEqual(get(app).status_code, 403)

    def test_two_ways_do_not_stand_in_for_each_other(self):
        auth = BasicAuth()
        auth.authenticate(lambda request, username, password: username)
        other = TokenAuth()
        other.authenticate(lambda request, token: token)
        app = Microdot()

        @app.get('/')
        @auth.optional
        @other
        async def index(request):
            return str(request.g.current_user)

        self.assertEqual(get(app, '/', basic('ada', 'x')).status_code, 401)
        self.assertEqual(get(app, '/', bearer('eve')).text, 'eve')


class TestScopes(unittest.TestCase):
    def make(self, granted, auth=None, **kwargs):
        auth = auth or TokenAuth()
        auth.authenticate(lambda request, *credentials: credentials[0])
        auth.scopes(lambda request, user: granted)
        app = Microdot()

        @app.get('/')
        @auth.requires('read', 'admin', **kwargs)
        async def both(request):
            return 'for ' + request.g.current_user

        @app.get('/sync/<name>')
        @auth.requires('read')
        def one(request, name):
            return name

        return app

    def test_users_with_all_scopes_are_let_in(self):
        for granted in (['read', 'admin'], {'admin', 'read', 'x'},
                        ('x', 'admin', 'read'), 'admin read',
                        {'read': 1, 'admin': 0}):
            with self.subTest(granted=granted):
                app = self.make(granted)
                self.assertEqual(get(app, '/', bearer('ada')).text,
                                 'for ada')
                self.assertEqual(get(app, '/sync/x', bearer('a')).text, 'x')

    def test_users_without_one_of_them_are_not(self):
        for granted in (['read'], ['admin'], [], None, (), '', 'read',
                        'readadmin', 'read admins', 'read,admin',
                        'superadmin read', {'read': 1}, False):
            with self.subTest(granted=granted):
                res = get(self.make(granted), '/', bearer('ada'))
                self.assertEqual(res.status_code, 403)
                self.assertEqual(
                    res.headers['WWW-Authenticate'],
                    'Bearer error="insufficient_scope", scope="read admin"')

    def test_who_is_no_user_is_asked_to_become_one(self):
        for auth in (TokenAuth(), BasicAuth()):
            app = self.make(['read', 'admin'], auth)
            for path in ('/', '/sync/x'):
                self.assertEqual(get(app, path).status_code, 401)

    def test_the_status_can_hide_that_there_is_something(self):
        res = get(self.make(['read'], status_code=404), '/', bearer('ada'))
        self.assertEqual(res.status_code, 404)
        self.assertNotIn('WWW-Authenticate', res.headers)

    def test_passwords_have_no_error_for_it(self):
        res = get(self.make(['read'], BasicAuth()), '/', basic('ada', ''))
        self.assertEqual(res.status_code, 403)
        self.assertNotIn('WWW-Authenticate', res.headers)

    def test_the_function_may_be_async(self):
        app = self.make([], auth=BasicAuth())
        auth = TokenAuth()
        auth.authenticate(lambda request, token: token)

        @auth.scopes
        async def scopes(request, user):
            return [user]

        @app.get('/own')
        @auth.requires('ada')
        async def own(request):
            return 'own'

        self.assertEqual(get(app, '/own', bearer('ada')).text, 'own')
        self.assertEqual(get(app, '/own', bearer('eve')).status_code, 403)

    def test_others_can_be_sent_to_a_page(self):
        for page in ('log_in', 'enter', '/log-in', '/log-in?a=b'):
            app = self.make(['read'], redirect=page)

            @app.get('/log-in', name='enter' if page == 'enter' else None)
            async def log_in(request):
                return 'who are you?'

            there = '/log-in' if page[0] != '/' else page
            there += '&' if '?' in there else '?'
            for headers in ({}, bearer('ada')):
                res = get(app, '/', headers)
                self.assertEqual(res.status_code, 302)
                self.assertEqual(res.headers['Location'], there + 'next=/')
            res = get(app, '/?q=1%202', {})
            self.assertEqual(res.headers['Location'],
                             there + 'next=/%3Fq%3D1%25202')
            self.assertEqual(get(app, '/sync/x', {}).status_code, 401)
            app = self.make(['read', 'admin'], redirect=page)
            self.assertEqual(get(app, '/', bearer('ada')).text, 'for ada')

    def test_a_page_to_come_back_to_may_not_be_too_long(self):
        app = self.make(['read'], redirect='/log-in')
        most = TokenAuth.max_next_length
        for length, expected in ((most, True), (most + 1, False)):
            path = '/?' + 'a' * (length - 4)  # the sign is %3F
            res = get(app, path, {})
            self.assertEqual('next=' in res.headers['Location'], expected)

    def test_scopes_that_are_no_text_are_a_mistake(self):
        auth = TokenAuth()
        for scope in (lambda request: None, ['read'], None, 5):
            with self.assertRaises(ValueError):
                auth.requires('read', scope)

    def test_who_needs_no_scope_needs_no_function(self):
        auth = TokenAuth()
        auth.authenticate(lambda request, token: token == 'good' and token)
        app = Microdot()
        app.get('/')(auth.requires()(lambda request: 'x'))
        app.get('/sent')(auth.requires(redirect='/in')(lambda request: 'x'))
        for path, status in (('/', 401), ('/sent', 302)):
            self.assertEqual(get(app, path, bearer('good')).text, 'x')
            self.assertEqual(get(app, path, bearer('bad')).status_code,
                             status)

    def test_a_function_that_is_missing_is_an_error(self):
        auth = TokenAuth()
        auth.authenticate(lambda request, token: token)
        app = Microdot()
        app.get('/')(auth.requires('x')(lambda request: 'x'))
        failures = []
        app.log_exception = lambda request, exc: failures.append(str(exc))
        self.assertEqual(get(app, '/', bearer('a')).status_code, 500)
        self.assertEqual(failures, ['no function was given to scopes()'])


GOOD = encode('ada:secret')


def hostile():
    """What a client may send as Authorization; none of it is let in, or
    breaks anything: ``(name, value)``."""
    yield 'nothing', ''
    yield 'no scheme', GOOD
    yield 'scheme alone', 'Basic'
    yield 'scheme and spaces', 'Basic    '
    yield 'another scheme', 'Digest ' + GOOD
    yield 'a longer scheme', 'Basics ' + GOOD
    yield 'scheme of another alphabet', 'Ваsic ' + GOOD
    yield 'scheme and a tab', 'Basic\t' + GOOD
    yield 'scheme and a comma', 'Basic,' + GOOD
    yield 'scheme twice', 'Basic Basic ' + GOOD
    yield 'not base 64', 'Basic !!!!'
    yield 'signs between', 'Basic YWRh!OnNlY3JldA=='
    yield 'a space between', 'Basic ' + GOOD[:4] + ' ' + GOOD[4:]
    yield 'text behind it', 'Basic ' + GOOD + ' x'
    yield 'behind its end', 'Basic ' + GOOD + '=='
    yield 'encoded twice', 'Basic ' + encode(GOOD)
    yield 'not encoded', 'Basic ada:secret'
    yield 'without padding', 'Basic ' + encode('a:').rstrip('=')
    yield 'padding alone', 'Basic ===='
    yield 'one character', 'Basic Y'
    yield 'other bits at the end', 'Basic YTpiY2R='
    yield 'URL-safe alphabet', 'Basic ' + encode(
        b'a:\xf0\x9f\x8f\xbf').replace('/', '_')
    yield 'no colon', 'Basic ' + encode('ada')
    yield 'not UTF-8', 'Basic ' + encode(b'ada:\xff')
    yield 'half a character', 'Basic ' + encode(b'ada:\xc3')
    yield 'half of a pair', 'Basic ' + encode(b'ada:\xed\xa0\x80')
    yield 'NUL', 'Basic ' + encode('ada\0:secret')
    yield 'line ends', 'Basic ' + encode('ada\r\nX: y:secret')
    yield 'escape sequence', 'Basic ' + encode('ada\x1b[2J:secret')
    yield 'DEL', 'Basic ' + encode('ada\x7f:secret')
    yield 'repeated', ['Basic ' + GOOD, 'Basic ' + GOOD]
    yield 'repeated otherwise', ['Bearer x', 'Basic ' + GOOD]
    yield 'wrong case', 'Basic ' + encode('Ada:secret')
    yield 'space around the name', 'Basic ' + encode(' ada:secret')
    yield 'space around the password', 'Basic ' + encode('ada:secret ')
    yield 'long', 'Basic ' + encode('a:' + 'x' * 1400)


# Those of them that are well formed, and just not right. (Boards take halves
# of pairs for characters.)
WELL_FORMED = ('wrong case', 'space around the name',
               'space around the password', 'long',
               'half of a pair' if IS_BOARD else '')


class TestHostileInput(unittest.TestCase):
    def test_basic(self):
        app = basic_app()
        self.assertEqual(
            get(app, '/', {'Authorization': 'Basic ' + GOOD}).text, 'for ada')
        for name, value in hostile():
            with self.subTest(name):
                res = get(app, '/', {'Authorization': value})
                self.assertEqual((res.status_code, res.text), (401, ''))
                res = get(app, '/optional', {'Authorization': value})
                self.assertEqual((res.status_code, res.text),
                                 (200, 'for None'))

    def test_only_what_is_well_formed_is_looked_at(self):
        auth = BasicAuth()
        seen = []
        auth.authenticate(lambda request, *pair: seen.append(pair))
        app = protect(auth)
        for name, value in hostile():
            with self.subTest(name):
                seen.clear()
                get(app, '/', {'Authorization': value})
                self.assertEqual(len(seen), name in WELL_FORMED)

    def test_each_part_of_a_header_is_refused(self):
        app = basic_app()
        header = 'Basic ' + GOOD
        for size in range(len(header)):
            res = get(app, '/', {'Authorization': header[:size]})
            self.assertEqual(res.status_code, 401)

    def refuse_tokens(self, rows):
        app = token_app()
        for name, value in rows:
            with self.subTest(name):
                res = get(app, '/', {'Authorization': value})
                self.assertEqual((res.status_code, res.text),
                                 (401, 'Unauthorized'))

    def test_token(self):
        self.refuse_tokens(hostile())

    def test_token_that_is_not_quite_right(self):
        self.refuse_tokens((
            ('in part', 'Bearer secre'),
            ('and more', 'Bearer secrets'),
            ('and a word', 'Bearer secret x'),
            ('in quotes', 'Bearer "secret"'),
            ('repeated', ['Bearer secret', 'Bearer secret']),
            ('with a comma', 'Bearer secret,'),
            ('not ASCII', 'Bearer sécret'),
            ('in another case', 'Bearer SECRET'),
            ('as parameter', 'Bearer token=secret')))

    def test_what_a_client_sent_is_not_sent_back(self):
        for app in (basic_app(), token_app()):
            res = get(app, '/', {'Authorization': 'Bearer zzz"zzz'})
            self.assertFalse('zzz' in repr(res.headers) + res.text)

    def test_a_broken_header_is_refused_by_the_parser(self):
        for value in ('', 'Basic', 'Basic ', ' Basic x', 'BASIC'):
            self.assertIsNone(parse_credentials(value, 'basic'))
        self.assertEqual(parse_credentials('BASIC  x y ', 'basic'), 'x y')


class TestOtherResponses(unittest.TestCase):
    def test_the_answer_of_a_view_is_kept(self):
        auth = TokenAuth()
        auth.authenticate(lambda request, token: token)
        app = Microdot()
        for path, answer in (('/a', ('x', 201)), ('/b', {'a': 1}),
                             ('/c', None), ('/d', 205),
                             ('/e', Response('y', 202))):
            app.get(path)(auth(lambda request, answer=answer: answer))
        found = [get(app, path, bearer('t')).status_code
                 for path in ('/a', '/b', '/c', '/d', '/e')]
        self.assertEqual(found, [201, 200, 204, 205, 202])

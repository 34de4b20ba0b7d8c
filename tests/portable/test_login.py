"""Users who log in."""

import asyncio
import gc
import json
import unittest
from binascii import b2a_base64
from hmac import digest

import microdot.attempts as attempts
import microdot.remembering as remembering
import microdot.session as session_module
from helpers import change, run
from microdot import Microdot, abort
from microdot.auth import TokenAuth
from microdot.login import Login, is_local
from microdot.session import Session, with_session
from microdot.test_client import TestClient

NEEDS_EVENT_LOOP = False
KEY = 'an example of a key of 32 bytes!'
DAY = 24 * 3600


class User:
    def __init__(self, id):
        self.id = id


class Clock:
    """Takes the place of the clock, and can be set."""

    def __init__(self, test, when=1_800_000_000):
        self.when = when
        for module in (session_module, attempts, remembering):
            test.addCleanup(setattr, module, 'now', module.now)
            module.now = lambda: self.when


def make_app(asynchronous=True, session_options=None, **kwargs):
    """Make an application with the users ``ada`` and 5."""
    app = Microdot()
    app.sessions = Session(app, KEY, **(session_options or {}))
    app.login = login = Login(**kwargs)
    app.users = {'ada': User('ada'), 5: User(5)}
    app.loaded = []

    def load(user_id):
        app.loaded.append(user_id)
        return app.users.get(user_id)

    async def load_async(user_id):
        return load(user_id)

    login.user_loader(load_async if asynchronous else load)

    @app.route('/login', methods=['GET', 'POST'])
    async def log_in(request):
        if request.method == 'GET':
            return 'who are you?'
        user = app.users.get(request.json['user'])
        return await login.login_user(
            request, user, request.json.get('remember', False),
            redirect_url=request.json.get('url', '/'))

    @app.post('/logout')
    async def log_out(request):
        await login.logout_user(request)
        return 'bye'

    @app.get('/')
    @login
    async def index(request):
        return {'user': request.g.current_user.id}

    @app.get('/sync/<name>')
    @login
    def sync(request, name):
        return {'user': request.g.current_user.id, 'name': name}

    @app.get('/fresh')
    @login.fresh
    def fresh(request):
        return {'user': request.g.current_user.id}

    @app.get('/open')
    async def open_to_all(request):
        user = await login.get_current_user(request)
        return {'user': user and user.id}

    @app.route('/session', methods=['GET', 'POST'])
    @with_session
    async def session(request, session):
        for name in request.json or ():
            session[name] = request.json[name]
        if request.json:
            session.save()
        return {name: session[name] for name in session}

    return app


def log_in(client, user='ada', query='', **options):
    options['user'] = user
    return run(client.post('/login' + query, json=options))


def logged_in(**kwargs):
    client = TestClient(make_app())
    log_in(client, **kwargs)
    return client


def where(res):
    return res.status_code, res.headers.get('Location')


def user_of(client, path='/'):
    res = run(client.get(path))
    return res.json['user'] if res.status_code == 200 else None


def cookies_of(res):
    found = {}
    for line in res.headers.get('Set-Cookie', []):
        name, _, rest = line.partition('=')
        found[name] = rest.split('; ')
    return found


class TestLogin(unittest.TestCase):
    def test_who_has_not_logged_in_is_sent_to_the_login_page(self):
        for path in ('/', '/sync/x', '/fresh'):
            client = TestClient(make_app())
            res = run(client.get(path))
            self.assertEqual(where(res), (302, '/login?next=' + path))
            self.assertEqual(res.body, b'')
            self.assertNotIn('Set-Cookie', res.headers)

    def test_who_has_logged_in_is_let_in(self):
        for asynchronous in (True, False):
            for user in ('ada', 5):
                client = TestClient(make_app(asynchronous))
                res = log_in(client, user)
                self.assertEqual(where(res), (302, '/'))
                self.assertEqual(len(res.headers['Set-Cookie']), 1)
                for path in ('/', '/sync/x', '/fresh', '/open'):
                    self.assertEqual(user_of(client, path), user)
                self.assertEqual(
                    run(client.get('/sync/x')).json['name'], 'x')

    def test_who_logs_out_is_let_in_no_more(self):
        client = logged_in()
        res = run(client.post('/logout'))
        self.assertEqual(res.text, 'bye')
        self.assertEqual(client.cookies, {})
        self.assertEqual(user_of(client), None)
        self.assertEqual(user_of(client, '/open'), None)

    def test_a_user_who_is_gone_is_let_in_no_more(self):
        client = logged_in()
        del client.app.users['ada']
        self.assertEqual(user_of(client), None)
        self.assertEqual(user_of(client, '/open'), None)

    def test_the_user_is_loaded_once_for_a_request(self):
        client = logged_in()
        app = client.app

        @app.before_request
        async def look(request):
            await app.login.get_current_user(request)
            await app.login.get_current_user(request)

        user_of(client, '/fresh')
        self.assertEqual(app.loaded, ['ada'])

    def test_nobody_is_loaded_once_for_a_request(self):
        client = logged_in()
        app = client.app
        app.users.clear()

        @app.before_request
        async def look(request):
            await app.login.get_current_user(request)

        user_of(client)
        self.assertEqual(app.loaded, ['ada'])

    def test_the_user_is_known_in_the_request_that_logs_in_or_out(self):
        app = make_app()

        @app.get('/both')
        async def both(request):
            users = [await app.login.get_current_user(request)]
            await app.login.login_user(request, app.users['ada'])
            users.append(await app.login.get_current_user(request))
            await app.login.logout_user(request)
            users.append(await app.login.get_current_user(request))
            return repr([user and user.id for user in users])

        client = TestClient(app)
        self.assertEqual(run(client.get('/both')).text,
                         "[None, 'ada', None]")
        self.assertEqual(client.cookies, {})

    def test_another_way_to_come_in_does_not_stand_in_for_it(self):
        """Whoever a token let in was taken for somebody who had logged in."""
        app = make_app()
        tokens = TokenAuth()
        tokens.authenticate(lambda request, token: token)

        @app.get('/optional')
        @tokens.optional
        @app.login
        async def optional(request):
            return {'user': request.g.current_user.id}

        @app.get('/both')
        @app.login
        @tokens
        async def both(request):
            user = await app.login.get_current_user(request)
            return {'user': user.id}

        client = TestClient(app)
        bearer = {'Authorization': 'Bearer eve'}
        for path in ('/optional', '/both'):
            self.assertEqual(where(run(client.get(path, bearer))),
                             (302, '/login?next=' + path))
        log_in(client)
        for path in ('/optional', '/both'):
            self.assertEqual(run(client.get(path, bearer)).json,
                             {'user': 'ada'})

    def test_a_user_whom_the_application_has_found_is_kept(self):
        app = make_app()

        @app.before_request
        async def find(request):
            request.g.current_user = app.users[5]

        self.assertEqual(user_of(TestClient(app)), 5)
        self.assertEqual(app.loaded, [])

    def test_the_loader_is_returned(self):
        """The decorators returned None."""
        login = Login()

        def load(user_id):
            pass

        self.assertIs(login.user_loader(load), load)
        self.assertIs(login.errorhandler(load), load)

    def test_a_loader_that_is_missing_is_an_error(self):
        app = Microdot()
        Session(app, KEY)
        login = Login()
        app.get('/')(login(lambda request: 'in'))
        failures = []
        app.log_exception = lambda request, exc: failures.append(str(exc))
        self.assertEqual(run(TestClient(app).get('/')).status_code, 500)
        self.assertEqual(failures,
                         ['no function was given to user_loader()'])

    def test_a_session_that_is_missing_is_an_error(self):
        app = Microdot()
        login = Login()
        login.user_loader(lambda user_id: user_id)
        app.get('/')(login(lambda request: 'in'))
        failures = []
        app.log_exception = lambda request, exc: failures.append(str(exc))
        self.assertEqual(run(TestClient(app).get('/')).status_code, 500)
        self.assertEqual(failures, ['the application has no Session'])

    def test_others_can_be_answered_otherwise(self):
        app = make_app()

        @app.login.errorhandler
        def error(request):
            return {'error': 'log in'}, 401

        res = run(TestClient(app).get('/'))
        self.assertEqual((res.status_code, res.json),
                         (401, {'error': 'log in'}))

    def test_caches_know_that_it_depends_on_the_cookie(self):
        for client in (TestClient(make_app()), logged_in()):
            for path in ('/', '/open', '/fresh'):
                self.assertEqual(run(client.get(path)).headers['Vary'],
                                 'Cookie')

    def test_who_logs_out_without_having_logged_in_gets_no_cookie(self):
        res = run(TestClient(make_app()).post('/logout'))
        self.assertNotIn('Set-Cookie', res.headers)


class TestEverywhere(unittest.TestCase):
    """required_everywhere()"""

    def make(self, except_=(), login_url='/login', **kwargs):
        app = make_app(login_url=login_url)

        @app.get('/about')
        async def about(request):
            return 'about'

        @app.get('/static/<path:path>')
        async def static(request, path):
            return path

        @app.get('/<name>')
        def any_name(request, name):
            return name

        @app.get('/hidden/deep', name='deep')
        async def hidden(request):
            return 'deep'

        app.login.required_everywhere(app, except_)
        return app

    def status(self, app, path, method='GET', **kwargs):
        return run(TestClient(app).request(
            method, path, **kwargs)).status_code

    def test_only_users_may_call_any_handler(self):
        app = self.make()
        for path in ('/about', '/static/a', '/hidden/deep', '/open', '/any'):
            self.assertEqual(where(run(TestClient(app).get(path))),
                             (302, '/login?next=' + path))
        self.assertEqual(self.status(app, '/logout', 'POST'), 302)
        client = TestClient(app)
        log_in(client)
        for path in ('/about', '/static/a', '/hidden/deep', '/open', '/any'):
            self.assertEqual(run(client.get(path)).status_code, 200)

    def test_the_login_page_is_for_all(self):
        for login_url in ('/login', '/login?lang=en'):
            app = self.make(login_url=login_url)
            self.assertEqual(self.status(app, '/login'), 200)
            self.assertEqual(
                self.status(app, '/login', 'POST', json={'user': 'ada'}), 302)

    def test_paths_and_names_can_be_left_out(self):
        app = self.make(['/about', '/static/*', 'deep'])
        for path, expected in (
                ('/about', 200), ('/static/a', 200), ('/static/a/b', 200),
                ('/hidden/deep', 200), ('/static', 302), ('/abouts', 302),
                ('/about/', 404), ('/open', 302), ('/deep', 302)):
            self.assertEqual(self.status(app, path), expected)

    def test_an_encoded_slash_is_none(self):
        """It would reach another route than the path that was left out."""
        app = self.make(['/static/*'])
        for path in ('/static%2Fa', '/static%2fa', '/static/%2e%2e/open',
                     '/static/..%2fopen'):
            self.assertIn(self.status(app, path), (302, 404))

    def test_everything_can_be_left_out(self):
        app = self.make(['*'])
        self.assertEqual(self.status(app, '/about'), 200)
        # what is protected by itself still is
        self.assertEqual(self.status(app, '/'), 302)

    def test_text_in_place_of_a_list_is_a_mistake(self):
        """Each of its characters would be a path, and one of them a slash."""
        with self.assertRaises(TypeError):
            self.make('/static')

    def test_it_can_be_a_hook(self):
        app = make_app()
        app.before_request(app.login.required_everywhere(except_=['/open']))
        self.assertEqual(self.status(app, '/session'), 302)
        self.assertEqual(self.status(app, '/open'), 200)

    def test_what_no_route_matches_is_not_found(self):
        app = self.make()
        self.assertEqual(self.status(app, '/a/b/c'), 404)

    def test_a_function_that_answers_nothing_lets_nobody_in(self):
        app = self.make()

        @app.login.errorhandler
        async def refuse(request):
            return None

        self.assertEqual(self.status(app, '/about'), 204)
        self.assertEqual(self.status(app, '/'), 204)


class TestNewSession(unittest.TestCase):
    def session(self, client):
        return run(client.get('/session')).json

    def test_nothing_of_the_session_before_is_kept(self):
        client = TestClient(make_app())
        run(client.post('/session', json={
            'planted': 1, '_fresh': True, 'csrf': 'known'}))
        before = client.cookies['session']
        log_in(client)
        self.assertEqual(self.session(client),
                         {'_user_id': 'ada', '_fresh': True})
        self.assertNotEqual(client.cookies['session'], before)
        # who has the old one has not logged in
        thief = TestClient(client.app, {'session': before})
        self.assertEqual(user_of(thief), None)

    def test_what_is_named_is_kept(self):
        client = TestClient(make_app(keep=('lang', 'other')))
        run(client.post('/session', json={'lang': 'en', 'planted': 1}))
        log_in(client)
        self.assertEqual(self.session(client), {
            'lang': 'en', '_user_id': 'ada', '_fresh': True})
        run(client.post('/logout'))
        self.assertEqual(self.session(client), {'lang': 'en'})

    def test_nothing_of_a_user_is_kept_for_the_next(self):
        client = logged_in()
        run(client.post('/session', json={'private': 1}))
        log_in(client, 5)
        self.assertEqual(self.session(client),
                         {'_user_id': 5, '_fresh': True})

    def test_nothing_of_a_user_is_kept_after_logging_out(self):
        client = logged_in()
        run(client.post('/session', json={'private': 1}))
        run(client.post('/logout'))
        self.assertEqual(self.session(client), {})

    def test_it_has_all_of_its_time_before_it(self):
        clock = Clock(self)
        client = TestClient(make_app(session_options={'max_age': 60}))
        run(client.post('/session', json={'x': 1}))
        clock.when += 50
        res = log_in(client)
        self.assertIn('Max-Age=60', cookies_of(res)['session'])
        clock.when += 59
        self.assertEqual(user_of(client), 'ada')
        clock.when += 1
        self.assertEqual(user_of(client), None)

    def test_logging_in_counts_although_the_response_is_an_error(self):
        app = make_app()

        @app.get('/in')
        async def fail_in(request):
            await app.login.login_user(request, app.users['ada'], True)
            abort(400)

        @app.get('/out')
        async def fail_out(request):
            await app.login.logout_user(request)
            abort(400)

        client = TestClient(app)
        run(client.get('/in'))
        self.assertEqual(sorted(client.cookies), ['_remember', 'session'])
        self.assertEqual(user_of(client), 'ada')
        run(client.get('/out'))
        self.assertEqual(client.cookies, {})


class TestRemember(unittest.TestCase):
    def test_a_remembered_user_is_known_without_a_session(self):
        client = TestClient(make_app())
        res = log_in(client, remember=True)
        self.assertEqual(len(res.headers['Set-Cookie']), 2)
        self.assertEqual(user_of(client, '/fresh'), 'ada')
        del client.cookies['session']
        self.assertEqual(user_of(client), 'ada')
        self.assertEqual(user_of(client, '/open'), 'ada')

    def test_but_has_to_log_in_again_where_that_matters(self):
        client = logged_in(remember=True)
        del client.cookies['session']
        self.assertEqual(where(run(client.get('/fresh'))),
                         (302, '/login?next=/fresh'))
        self.assertEqual(user_of(client), 'ada')
        self.assertEqual(where(run(client.get('/fresh'))),
                         (302, '/login?next=/fresh'))
        log_in(client)
        self.assertEqual(user_of(client, '/fresh'), 'ada')

    def test_scripts_and_other_sites_do_not_get_the_cookie(self):
        """S19: it had no attributes but Max-Age."""
        client = TestClient(make_app())
        cookie = cookies_of(log_in(client, remember=True))['_remember']
        self.assertEqual(cookie[1:], ['Path=/', 'Max-Age=2592000',
                                      'HttpOnly', 'SameSite=Lax'])
        client = TestClient(make_app(), scheme='https')
        cookie = cookies_of(log_in(client, remember=True))['_remember']
        self.assertIn('Secure', cookie)

    def test_it_has_the_options_of_the_session(self):
        client = TestClient(make_app(session_options={'cookie_options': {
            'path': '/', 'domain': 'example.com', 'same_site': 'Strict',
            'secure': True}}))
        cookie = cookies_of(log_in(client, remember=2))['_remember']
        self.assertEqual(cookie[1:], [
            'Path=/', 'Domain=example.com', 'Max-Age=172800', 'Secure',
            'HttpOnly', 'SameSite=Strict'])

    def test_it_lasts_as_long_as_said(self):
        for remember, days in ((True, 30), (1, 1), (7, 7), (0.5, 0.5),
                               ('on', 30)):
            clock = Clock(self)
            client = logged_in(remember=remember)
            del client.cookies['session']
            client.app.login.user_loader(lambda user_id: None)
            token = client.cookies['_remember']
            clock.when += int(days * DAY) - 1
            client.app.login.user_loader(client.app.users.get)
            copy = TestClient(client.app, {'_remember': token})
            self.assertEqual(user_of(copy), 'ada')
            clock.when += 1
            copy = TestClient(client.app, {'_remember': token})
            self.assertEqual(user_of(copy), None)

    def test_use_renews_it_for_as_long(self):
        """S19: it was renewed for 30 days, whatever had been asked for."""
        clock = Clock(self)
        client = logged_in(remember=7)
        for _ in range(3):
            clock.when += 7 * DAY - 1
            del client.cookies['session']
            res = run(client.get('/'))
            self.assertEqual(res.json, {'user': 'ada'})
            self.assertIn('Max-Age=604800', cookies_of(res)['_remember'])
        self.assertEqual(len(cookies_of(run(client.get('/')))), 0)

    def test_nobody_is_remembered_unasked(self):
        app = make_app()

        @app.get('/in')
        async def log_user_in(request):
            return await app.login.login_user(request, app.users['ada'])

        client = TestClient(app)
        self.assertEqual(where(run(client.get('/in'))), (302, '/'))
        self.assertEqual(list(client.cookies), ['session'])

    def test_who_logs_out_is_forgotten(self):
        client = logged_in(remember=True)
        run(client.post('/logout'))
        self.assertEqual(client.cookies, {})

    def test_who_logs_in_without_it_is_forgotten(self):
        client = logged_in(remember=True)
        log_in(client, 5)
        self.assertEqual(list(client.cookies), ['session'])
        self.assertEqual(user_of(client), 5)

    def test_a_user_who_is_gone_is_forgotten(self):
        client = logged_in(remember=True)
        del client.cookies['session']
        client.app.users.clear()
        self.assertEqual(user_of(client), None)
        self.assertEqual(client.cookies, {})

    def test_a_session_before_it_is_not_kept(self):
        client = logged_in(remember=True)
        del client.cookies['session']
        run(client.post('/session', json={'planted': 1}))
        self.assertEqual(user_of(client), 'ada')
        self.assertEqual(run(client.get('/session')).json,
                         {'_user_id': 'ada', '_fresh': False})

    def test_it_is_not_looked_at_in_a_session(self):
        client = logged_in(remember=True)
        client.cookies['_remember'] = 'x'
        self.assertEqual(user_of(client), 'ada')
        self.assertEqual(client.cookies['_remember'], 'x')

    def test_a_key_can_be_replaced(self):
        client = logged_in(remember=True)
        del client.cookies['session']
        client.app.sessions.secret_key = ['new', KEY]
        self.assertEqual(user_of(client), 'ada')
        client.app.sessions.secret_key = 'new'
        del client.cookies['session']
        self.assertEqual(user_of(client), 'ada')

    def test_its_name_can_be_chosen(self):
        client = TestClient(make_app(cookie_name='__Host-me'),
                            scheme='https')
        log_in(client, remember=True)
        self.assertEqual(sorted(client.cookies), ['__Host-me', 'session'])
        run(client.post('/logout'))
        self.assertEqual(client.cookies, {})


def encode(data):
    return b2a_base64(data).decode().strip('=\n').replace(
        '+', '-').replace('/', '_')


def sign(payload, key=KEY):
    text = encode(b'{"alg":"HS256"}') + '.' + encode(
        json.dumps(payload).encode())
    return text + '.' + encode(digest(
        key if isinstance(key, bytes) else key.encode(), text.encode(),
        'sha256'))


class TestHostileCookies(unittest.TestCase):
    def cookies(self):
        """Yield ``(application, None)``, and what to send it: ``(name,
        cookies)``."""
        client = logged_in(remember=True)
        yield client.app, None
        remember = client.cookies['_remember']
        session = client.cookies['session']
        del client
        derived = digest(KEY.encode(), b'microdot.login', 'sha256')
        later = 4_000_000_000
        claims = {'user_id': 'ada', 'days': 30, 'exp': later}
        # S19: a session and such a token were of one key and format
        yield 'a session in its place', {'_remember': session}
        yield 'it in place of a session', {'session': remember}
        yield 'a session with its claims', {'_remember': sign(claims)}
        yield 'a session of its key', {'session': sign(
            {'_user_id': 'ada'}, derived)}
        yield 'expired', {'_remember': sign(
            {'user_id': 'ada', 'days': 30, 'exp': 5}, derived)}
        yield 'not signed', {'_remember': remember.rpartition('.')[0] + '.'}
        yield 'cut', {'_remember': remember[:-1]}
        yield 'nothing', {'_remember': ''}
        yield 'text', {'_remember': 'ada'}
        yield 'dots', {'_remember': '...'}
        yield 'another user', {'_remember': sign(
            {'user_id': 'eve', 'days': 1, 'exp': later}, derived)}
        yield 'no user', {'_remember': sign({'days': 1, 'exp': later},
                                            derived)}
        yield 'null', {'_remember': sign(
            {'user_id': None, 'days': 1, 'exp': later}, derived)}
        yield 'another key', {'_remember': sign(claims, 'other')}
        yield 'another user in a session', {'session': sign(
            {'_user_id': 'eve', '_fresh': True})}
        yield 'null in a session', {'session': sign({'_user_id': None})}
        yield 'fresh alone', {'session': sign({'_fresh': True})}
        yield 'large', {'_remember': 'x' * 1800}

    def test_nobody_is_let_in(self):
        rows = self.cookies()
        app = next(rows)[0]
        for name, cookies in rows:
            with self.subTest(name):
                for path in ('/', '/fresh'):
                    res = run(TestClient(app, dict(cookies)).get(path))
                    self.assertEqual(res.status_code, 302)
                res = run(TestClient(app, dict(cookies)).get('/open'))
                self.assertEqual(res.json, {'user': None})

    def test_nobody_is_loaded_without_an_id(self):
        rows = self.cookies()
        app = next(rows)[0]
        app.users[None] = User(None)
        for name, cookies in rows:
            with self.subTest(name):
                run(TestClient(app, dict(cookies)).get('/'))
                self.assertFalse(None in app.loaded)

    def test_what_is_no_use_is_deleted(self):
        rows = self.cookies()
        app = next(rows)[0]
        for name, cookies in rows:
            if '_remember' in cookies:
                with self.subTest(name):
                    client = TestClient(app, dict(cookies))
                    run(client.get('/'))
                    self.assertEqual(client.cookies, {})


# Where to go after logging in: (name, next). None of it is gone to.
HOSTILE = (
    ('another site', 'http://evil.example'),
    ('another site over TLS', 'https://evil.example/'),
    ('another host', '//evil.example'),
    ('another host and more slashes', '///evil.example'),
    ('many slashes', '/' * 50 + 'evil.example'),
    ('backslash', '/\\evil.example'),
    ('backslashes', '\\\\evil.example'),
    ('backslash first', '\\/evil.example'),
    ('slash, backslash, slash', '/\\/evil.example'),
    ('tab', '/\t/evil.example'),
    ('newline', '/\n/evil.example'),
    ('carriage return', '/\r/evil.example'),
    ('header', '/\r\nX-Evil: 1'),
    ('newline first', '\n//evil.example'),
    ('space first', ' //evil.example'),
    ('NUL', '/\0/evil.example'),
    ('DEL', '/\x7f/evil.example'),
    ('encoded slash', '/%2Fevil.example'),
    ('encoded slash, lower case', '/%2fevil.example'),
    ('encoded slashes', '%2F%2Fevil.example'),
    ('encoded backslash', '/%5Cevil.example'),
    ('encoded backslash later', '/x/%5c..'),
    ('encoded tab', '/%09/evil.example'),
    ('encoded newline', '/%0A/evil.example'),
    ('encoded header', '/%0d%0aX-Evil:%201'),
    ('encoded NUL', '/%00/evil.example'),
    ('dot segment', '/.//evil.example'),
    ('dot segments', '/..//evil.example'),
    ('encoded dot segment', '/%2e//evil.example'),
    ('doubled slash later', '/x//evil.example'),
    ('bad escape', '/%zz'),
    ('escape that is no UTF-8', '/%ff'),
    ('script', 'javascript:alert(1)'),
    ('script after a newline', '\njavascript:alert(1)'),
    ('data', 'data:text/html,x'),
    ('scheme without slashes', 'http:evil.example'),
    ('scheme with one slash', 'http:/evil.example'),
    ('name only', 'evil.example'),
    ('relative', 'x/y'),
    ('relative to here', './/evil.example'),
    ('query only', '?x=//evil.example'),
    ('fragment only', '#x'),
    ('at sign', '@evil.example'),
    ('nothing', ''),
    ('space', '/a b'),
    ('space in the query', '/a?b c'),
    ('line end in the query', '/a?b\r\nX: y'),
    ('DEL in the query', '/a?b\x7f'),
    ('slash of another alphabet', '\uff0f\uff0fevil.example'),
)
LOCAL = (
    ('/', '/'),
    ('/x/y', '/x/y'),
    ('/x/', '/x/'),
    ('/?a=b&c=d', '/?a=b&c=d'),
    ('/x?next=//other.example/', '/x?next=//other.example/'),
    ('/x?y=%5C%0D%0A%2F%2F', '/x?y=%5C%0D%0A%2F%2F'),
    ('/a%20b', '/a%20b'),
    ('/a!+~', '/a!+~'),
    ('/x?y=\\z', '/x?y=%5Cz'),
    ('/x#part', '/x#part'),
    ('/@ada', '/@ada'),
    ('/é', '/%C3%A9'),
    ('/\u2028', '/%E2%80%A8'),
    ('/a:b', '/a:b'),
    ('/100%25', '/100%25'),
    ('/./x', '/./x'),
)


class TestMemory(unittest.TestCase):
    # (MicroPython's WebAssembly build collects later)
    @unittest.skipIf(not hasattr(gc, 'mem_alloc') or not hasattr(
        asyncio, 'run'), 'no gc.mem_alloc(), or not at once')
    def test_nothing_is_held_between_requests(self):
        client = TestClient(make_app(session_options={
            'auto_save': True, 'rolling': True}))
        del client.app.loaded  # grows, by the test's own doing
        client.app.login.user_loader(client.app.users.get)

        def use(count):
            for _ in range(count):
                log_in(client, remember=True)
                user_of(client, '/fresh')
                del client.cookies['session']
                user_of(client)
                run(client.get('/session'))
                run(client.post('/logout'))
                run(client.get('/', {'Cookie': 'session=a.b.c'}))
            gc.collect()
            return gc.mem_alloc()

        before = use(3)
        self.assertTrue(use(20) - before < 500)


class TestNext(unittest.TestCase):
    def test_it_is_where_the_user_wanted_to_go(self):
        app = make_app()
        for path in ('/', '/sync/x', '/fresh?a=b&c=d%20e', '/?foo=bar'):
            client = TestClient(app)
            res = run(client.get(path))
            target = res.headers['Location']
            self.assertEqual(target[:12], '/login?next=')
            res = run(client.post(target, json={'user': 'ada'}))
            self.assertEqual(where(res), (302, path))
        self.assertEqual(
            run(TestClient(app).get('/?foo=bar')).headers['Location'],
            '/login?next=/%3Ffoo%3Dbar')

    def test_paths_of_this_site_are_gone_to(self):
        client = TestClient(make_app())
        for url, expected in LOCAL:
            with self.subTest(url=url):
                self.assertTrue(is_local(url))
                res = run(client.post(
                    '/login', json={'user': 'ada'}, query={'next': url}))
                self.assertEqual(where(res), (302, expected))

    def test_nothing_else_is_gone_to(self):
        """S19: an open redirect after login."""
        client = TestClient(make_app())
        for name, url in HOSTILE:
            with self.subTest(name):
                self.assertFalse(is_local(url))
                res = run(client.post(
                    '/login', json={'user': 'ada', 'url': '/home'},
                    query={'next': url}))
                self.assertEqual(where(res), (302, '/home'))

    def test_no_line_ends_reach_the_header(self):
        """S20: those of a path did."""
        client = TestClient(make_app())
        for path in ('/sync/%0d%0aX:%20y', '/sync/%250d%250a', '/sync/%5c'):
            location = run(client.get(path)).headers['Location']
            self.assertEqual(location,
                             '/login?next=' + path.replace('%', '%25'))

    def test_it_is_left_out_when_it_is_too_long(self):
        change(self, Login, 'max_next_length', 100)
        client = TestClient(make_app())
        limit = 100
        for size, is_there in ((limit - 6, True), (limit - 5, False)):
            path = '/sync/' + 'x' * size
            self.assertEqual(
                where(run(client.get(path))),
                (302, '/login?next=' + path if is_there else '/login'))
        path = '/sync/' + '%' * (limit // 3 - 2)
        self.assertEqual(len(run(client.get(path)).headers['Location']),
                         len('/login?next=/sync/') + 3 * (limit // 3 - 2))
        self.assertEqual(run(client.get(path + '%')).headers['Location'],
                         '/login')

    def test_a_login_page_may_have_a_query(self):
        client = TestClient(make_app(login_url='/login?a=b'))
        self.assertEqual(run(client.get('/')).headers['Location'],
                         '/login?a=b&next=/')

    def test_a_login_page_may_be_elsewhere(self):
        client = TestClient(make_app(login_url='https://id.example/in'))
        self.assertEqual(run(client.get('/')).headers['Location'],
                         'https://id.example/in?next=/')

    def test_a_gateway_may_have_put_it_below_a_path(self):
        """That path was there twice, and the login page without it."""
        for url, login_page, home in (
                ('/login', '/below/login', '/below/home'),
                ('//id.example/in', '//id.example/in', '/below/home'),
                ('https://id.example/in', 'https://id.example/in',
                 '/below/home')):
            app = make_app(login_url=url)

            @app.before_request
            async def place(request):
                request.root_path = '/below'
                request.url = '/below' + request.url

            client = TestClient(app)
            self.assertEqual(run(client.get('/?a=b')).headers['Location'],
                             login_page + '?next=/below/%3Fa%3Db')
            res = run(client.post('/login?next=/below/%3Fa%3Db',
                                  json={'user': 'ada'}))
            self.assertEqual(where(res), (302, '/below/?a=b'))
            res = run(client.post('/login', json={
                'user': 'ada', 'url': '/home'}))
            self.assertEqual(where(res), (302, home))

    def test_the_first_of_several_counts(self):
        client = TestClient(make_app())
        res = log_in(client, query='?next=/x&next=//evil.example')
        self.assertEqual(where(res), (302, '/x'))
        res = log_in(client, query='?next=//evil.example&next=/x')
        self.assertEqual(where(res), (302, '/'))


class TestAttempts(unittest.TestCase):
    def app(self):
        app = Microdot()
        app.login = login = Login()

        @app.get('/<name>/<word>')
        async def enter(request, name, word):
            async def check():
                return word == 'right' and name

            return await login.attempt(request, name, check) or abort(401)

        return app

    def codes(self, app, *paths):
        client = TestClient(app)
        return [run(client.get(path)).status_code for path in paths]

    def test_an_account_has_so_many_failures(self):
        change(self, Login, 'max_account_failures', 3)
        Clock(self)
        app = self.app()
        self.assertEqual(self.codes(app, *['/ada/wrong'] * 4),
                         [401, 401, 401, 429])
        # the right word does not help any more; others are not concerned
        self.assertEqual(self.codes(app, '/ada/right', '/bob/right'),
                         [429, 200])

    def test_it_is_told_when_to_come_back(self):
        change(self, Login, 'max_account_failures', 1)
        clock = Clock(self)
        app = self.app()
        self.codes(app, '/ada/wrong')
        clock.when += 100
        res = run(TestClient(app).get('/ada/wrong'))
        self.assertEqual(res.status_code, 429)
        self.assertEqual(res.headers['Retry-After'], '800')
        clock.when += 799
        self.assertEqual(self.codes(app, '/ada/right'), [429])
        clock.when += 1
        self.assertEqual(self.codes(app, '/ada/right'), [200])

    def test_a_clock_that_is_set_back_locks_nobody_out(self):
        change(self, Login, 'max_account_failures', 1)
        clock = Clock(self)
        app = self.app()
        self.codes(app, '/ada/wrong')
        self.assertEqual(self.codes(app, '/ada/right'), [429])
        clock.when -= 10 ** 8
        # what follows counts from now on
        self.assertEqual(self.codes(app, '/ada/wrong', '/ada/right'),
                         [401, 429])
        clock.when += 900
        self.assertEqual(self.codes(app, '/ada/right'), [200])

    def test_an_address_has_so_many_failures(self):
        change(self, Login, 'max_address_failures', 3)
        app = self.app()
        self.assertEqual(self.codes(
            app, '/a/wrong', '/b/wrong', '/c/right', '/c/wrong', '/d/right'),
            [401, 401, 200, 401, 429])

    def test_success_forgets_the_failures_of_an_account(self):
        change(self, Login, 'max_account_failures', 2)
        self.assertEqual(self.codes(
            self.app(), *['/ada/wrong', '/ada/right'] * 4), [401, 200] * 4)

    def test_memory_is_bounded(self):
        change(self, Login, 'max_counted', 5)
        app = self.app()
        self.codes(app, *['/name%d/wrong' % number for number in range(20)])
        self.assertEqual(len(app.login.failures), 5)

    def test_something_else_may_count(self):
        class Limiter:
            async def hit(self, key):
                keys.append(key)
                return (-1, 4500) if len(keys) > 2 else (1, 0)

        keys = []
        app = self.app()
        app.login.limiter = Limiter()
        self.assertEqual(self.codes(app, '/ada/wrong'), [401])
        res = run(TestClient(app).get('/ada/right'))
        self.assertEqual((res.status_code, res.headers['Retry-After']),
                         (429, '5'))
        self.assertEqual(keys[0], 'account ada')

"""Sessions in signed cookies."""

import json
import sys
import time
import unittest
from binascii import b2a_base64
from hmac import digest

import microdot.middleware  # noqa: F401
import microdot.session as module
from helpers import change, heap_kb, run
from microdot import Microdot, Response, abort
from microdot.session import (
    Session,
    SessionDict,
    encode_jwt,
    find_session,
    finish_sessions,
    parse_jwt,
    with_session,
)
from microdot.test_client import TestClient

NEEDS_EVENT_LOOP = False
IS_BOARD = sys.implementation.name == 'micropython'
KEY = 'an example of a key of 32 bytes!'
HS256 = {'alg': 'HS256', 'typ': 'JWT'}


def encode(data):
    if isinstance(data, (dict, list, int, str)):
        data = json.dumps(data).encode()
    return b2a_base64(data).decode().strip('=\n').replace(
        '+', '-').replace('/', '_')


def sign(payload, key=KEY, header=HS256):
    """Make a token, without the code that is tested."""
    text = encode(header) + '.' + encode(payload)
    return text + '.' + encode(digest(key.encode(), text.encode(), 'sha256'))


def make_app(**kwargs):
    """Make an application whose session can be read, changed, deleted."""
    app = Microdot()
    kwargs.setdefault('secret_key', KEY)
    app.sessions = Session(app, **kwargs)

    @app.get('/')
    @with_session
    async def index(request, session):
        return plain(session)

    @app.post('/')
    @with_session
    async def change(request, session):
        for name, value in request.json.items():
            session[name] = value
        session.save()
        return plain(session)

    @app.post('/unsaved')
    @with_session
    async def change_only(request, session):
        for name, value in request.json.items():
            session[name] = value
        return plain(session)

    @app.post('/nested')
    @with_session
    async def change_inside(request, session):
        session['list'].append(request.json)
        return plain(session)

    @app.delete('/')
    @with_session
    async def delete(request, session):
        session.delete()
        return plain(session)

    @app.post('/clear')
    @with_session
    async def clear(request, session):
        session.clear()
        session.save()
        return {}

    @app.get('/none')
    async def none(request):
        return 'none'

    return app


def plain(session):
    return {key: session[key] for key in session}


class Clock:
    """Takes the place of the clock, and can be set."""

    def __init__(self, test, when=1_800_000_000):
        self.when = when
        self.real = module.now
        test.addCleanup(self.restore)
        module.now = lambda: self.when

    def restore(self):
        module.now = self.real


def cookies_of(res):
    """Return the cookies that a response sets, as dicts by name."""
    found = {}
    for line in res.headers.get('Set-Cookie', []):
        options = {}
        parts = line.split('; ')
        for part in parts[1:]:
            name, _, value = part.partition('=')
            options[name] = value or True
        name, _, options['value'] = parts[0].partition('=')
        if name in found:
            raise AssertionError('set twice: ' + name)
        found[name] = options
    return found


def cookie_of(res, name='session'):
    return cookies_of(res).get(name)


class TestSessions(unittest.TestCase):
    def test_a_session_lasts_from_request_to_request(self):
        client = TestClient(make_app())
        self.assertEqual(run(client.get('/')).json, {})
        res = run(client.post('/', json={'name': 'Ada', 'n': [1, None]}))
        self.assertEqual(res.json, {'name': 'Ada', 'n': [1, None]})
        self.assertEqual(run(client.get('/')).json,
                         {'name': 'Ada', 'n': [1, None]})

    def test_what_is_not_saved_is_forgotten(self):
        client = TestClient(make_app())
        run(client.post('/', json={'a': 1}))
        res = run(client.post('/unsaved', json={'a': 2}))
        self.assertIsNone(cookie_of(res))
        self.assertEqual(run(client.get('/')).json, {'a': 1})

    def test_a_session_can_be_deleted(self):
        client = TestClient(make_app())
        run(client.post('/', json={'a': 1}))
        res = run(client.delete('/'))
        self.assertEqual(cookie_of(res)['Max-Age'], '0')
        self.assertEqual(res.json, {'a': 1})
        self.assertEqual(client.cookies, {})
        self.assertEqual(run(client.get('/')).json, {})

    def test_an_empty_session_is_deleted(self):
        for max_age in (None, 60, 0):
            client = TestClient(make_app(max_age=max_age))
            run(client.post('/', json={'a': 1}))
            self.assertEqual(
                cookie_of(run(client.post('/clear')))['Max-Age'], '0')
            self.assertEqual(client.cookies, {})

    def test_an_empty_session_is_not_sent_where_there_was_none(self):
        client = TestClient(make_app())
        self.assertEqual(cookies_of(run(client.post('/clear'))), {})

    def test_what_is_saved_and_emptied_is_not_sent(self):
        app = make_app()

        @app.get('/emptied')
        @with_session
        async def emptied(request, session):
            session['a'] = 1
            session.save()
            session.clear()
            session.save()
            return ''

        self.assertEqual(
            cookies_of(run(TestClient(app).get('/emptied'))), {})

    def test_it_is_one_object_for_all_of_a_request(self):
        app = make_app()
        seen = []

        @app.before_request
        async def look(request):
            seen.append(app.sessions.get(request))

        @app.get('/same')
        @with_session
        async def same(request, session):
            seen.append(session)
            seen.append(app.sessions.get(request))
            self.assertIsInstance(session, SessionDict)
            self.assertIsInstance(session, dict)
            self.assertIs(session.request, request)
            self.assertIs(request.g._session, session)
            return ''

        run(TestClient(app).get('/same', raise_exceptions=True))
        self.assertEqual(len(seen), 3)
        self.assertIs(seen[0], seen[1])
        self.assertIs(seen[0], seen[2])

    def test_plain_views_and_arguments_of_routes(self):
        app = make_app()

        @app.get('/plain/<int:n>')
        @with_session
        def view(request, session, n):
            session['n'] = n
            session.save()
            return str(n + 1)

        client = TestClient(app)
        self.assertEqual(run(client.get('/plain/4')).text, '5')
        self.assertEqual(run(client.get('/')).json, {'n': 4})

    def test_what_is_saved_is_what_it_was_then(self):
        app = make_app()

        @app.get('/twice')
        @with_session
        async def twice(request, session):
            session['a'] = 1
            session.save()
            session['a'] = 2
            return ''

        client = TestClient(app)
        run(client.get('/twice'))
        self.assertEqual(run(client.get('/')).json, {'a': 1})

    def test_the_last_of_several_saves_counts(self):
        app = make_app()

        @app.get('/several')
        @with_session
        async def several(request, session):
            session['a'] = 1
            session.save()
            session.delete()
            session['a'] = 2
            session.save()

            @request.after_request
            async def later(request, response):
                session['a'] = 3
                session.save()

            return ''

        client = TestClient(app)
        res = run(client.get('/several'))
        self.assertEqual(app.sessions.decode(cookie_of(res)['value'])['a'], 3)
        self.assertEqual(run(client.get('/')).json, {'a': 3})

    def test_a_dict_can_be_made_the_session(self):
        app = make_app()

        @app.get('/update')
        async def update(request):
            app.sessions.update(request, {'x': 'y'})
            return ''

        @app.get('/delete')
        async def delete(request):
            app.sessions.delete(request)
            return ''

        client = TestClient(app)
        run(client.get('/update'))
        self.assertEqual(run(client.get('/')).json, {'x': 'y'})
        run(client.get('/delete'))
        self.assertEqual(run(client.get('/')).json, {})

    def test_text_of_any_script_is_kept(self):
        client = TestClient(make_app())
        for text in ('é', '日本', '\x00\x1f"\\;,', ''):
            with self.subTest(text=text):
                run(client.post('/', json={text: text}))
                self.assertEqual(run(client.get('/')).json[text], text)

    def test_a_session_made_by_hand_can_be_saved(self):
        app = make_app()

        @app.get('/hand')
        async def hand(request):
            SessionDict(request, {'h': 1}).save()
            return ''

        client = TestClient(app)
        run(client.get('/hand'))
        self.assertEqual(run(client.get('/')).json, {'h': 1})

    def test_initialised_later_with_other_arguments(self):
        app = Microdot()
        sessions = Session(secret_key='old', cookie_options={'path': '/old'})
        sessions.initialize(app, 'new', {'path': '/new'})

        @app.get('/')
        async def index(request):
            sessions.update(request, {'a': 1})
            return ''

        cookie = cookie_of(run(TestClient(app).get('/')))
        self.assertEqual(cookie['Path'], '/new')
        self.assertEqual(parse_jwt(cookie['value'], ['old']), {})
        self.assertEqual(parse_jwt(cookie['value'], ['new'])['a'], 1)


class TestMistakesOfTheApplication(unittest.TestCase):
    def raised(self, function, app=None, **kwargs):
        app = app or make_app(**kwargs)

        @app.get('/mistake')
        async def mistake(request):
            function(app, request)
            return ''

        client = TestClient(app)
        app.log_exception = lambda request, exc: None
        self.assertEqual(run(client.get('/mistake')).text,
                         'Internal server error')
        seen = []

        @app.errorhandler(Exception)
        async def note(request, exc):
            seen.append(exc)
            return 'failed'

        self.assertEqual(run(client.get('/mistake')).text, 'failed')
        return seen[0]

    def test_without_a_key_there_is_no_session(self):
        for key in (None, '', b'', [], [''], ['good', ''], ['good', None],
                    ()):
            with self.subTest(key=key):
                for function in (
                        lambda app, request: app.sessions.get(request),
                        lambda app, request: app.sessions.update(request, {}),
                        lambda app, request: app.sessions.delete(request),
                        lambda app, request: app.sessions.encode({}),
                        lambda app, request: app.sessions.decode('')):
                    exc = self.raised(function, secret_key=key)
                    self.assertIsInstance(exc, ValueError)
                    self.assertEqual(str(exc),
                                     'the secret_key is empty: it needs 32 '
                                     'random bytes')

    def test_tokens_need_a_key_too(self):
        for key in ('', b''):
            with self.assertRaises(ValueError):
                encode_jwt({'a': 1}, key)
            with self.assertRaises(ValueError):
                parse_jwt('a.b.c', [KEY, key])

    def test_without_a_session_object_there_is_none(self):
        exc = self.raised(lambda app, request: find_session(request),
                          Microdot())
        self.assertIsInstance(exc, ValueError)
        self.assertEqual(str(exc), 'the application has no Session')

    def test_what_json_does_not_know_cannot_be_saved(self):
        for value in (object(), Microdot()):
            with self.subTest(value=value):
                exc = self.raised(lambda app, request: app.sessions.update(
                    request, {'x': value}))
                self.assertTrue(isinstance(exc, (ValueError, TypeError)))


class TestTheCookie(unittest.TestCase):
    def saved(self, scheme='http', **kwargs):
        client = TestClient(make_app(**kwargs), scheme=scheme)
        return cookies_of(run(client.post('/', json={'a': 1})))

    def test_scripts_and_other_sites_do_not_get_it(self):
        """S23: there was no default but HttpOnly."""
        cookie = self.saved()['session']
        del cookie['value']
        self.assertEqual(cookie, {'Path': '/', 'HttpOnly': True,
                                  'SameSite': 'Lax'})

    def test_it_is_secure_over_tls(self):
        self.assertIs(self.saved('https')['session'].get('Secure'), True)
        self.assertIsNone(self.saved('http')['session'].get('Secure'))

    def test_it_is_secure_or_not_as_the_application_says(self):
        for scheme in ('http', 'https'):
            for secure in (True, False):
                cookie = self.saved(
                    scheme, cookie_options={'secure': secure})['session']
                self.assertEqual('Secure' in cookie, secure)

    def test_options_are_as_given(self):
        cookie = self.saved(cookie_options={
            'path': '/child', 'domain': 'example.com', 'http_only': False,
            'same_site': 'Strict', 'partitioned': True,
            'max_age': 7})['session']
        del cookie['value']
        self.assertEqual(cookie, {
            'Path': '/child', 'Domain': 'example.com', 'SameSite': 'Strict',
            'Partitioned': True, 'Max-Age': '7'})

    def test_options_of_the_caller_are_not_changed(self):
        """S23: the dict of the caller was mutated."""
        options = {'path': '/child'}
        self.saved(cookie_options=options)
        self.assertEqual(options, {'path': '/child'})

    def test_its_name_can_be_chosen(self):
        """S23: it was fixed."""
        cookies = self.saved('https', cookie_name='__Host-id')
        self.assertEqual(list(cookies), ['__Host-id'])

    def test_it_is_deleted_where_it_was_set(self):
        app = make_app(cookie_options={'path': '/child'})

        @app.get('/child/set')
        @with_session
        async def set_it(request, session):
            session['a'] = 1
            session.save()
            return ''

        @app.get('/child/get')
        @with_session
        async def get_it(request, session):
            return plain(session)

        @app.get('/child/delete')
        @with_session
        async def delete_it(request, session):
            session.delete()
            return ''

        client = TestClient(app)
        run(client.get('/child/set'))
        self.assertEqual(run(client.get('/')).json, {})
        self.assertEqual(run(client.get('/child/get')).json, {'a': 1})
        run(client.get('/child/delete'))
        self.assertEqual(client.cookies, {})

    def test_deleting_keeps_the_attributes(self):
        client = TestClient(make_app(), scheme='https')
        run(client.post('/', json={'a': 1}))
        cookie = cookie_of(run(client.delete('/')))
        self.assertEqual(cookie['value'], '')
        self.assertEqual((cookie['Path'], cookie['Secure'],
                          cookie['HttpOnly'], cookie['SameSite']),
                         ('/', True, True, 'Lax'))


class TestVary(unittest.TestCase):
    def test_only_what_the_session_was_used_for_depends_on_it(self):
        client = TestClient(make_app())
        self.assertEqual(run(client.get('/')).headers['Vary'], 'Cookie')
        self.assertIsNone(run(client.get('/none')).headers.get('Vary'))
        self.assertIsNone(run(client.get('/404')).headers.get('Vary'))

    def test_error_responses_depend_on_it_too(self):
        app = make_app()

        @app.get('/error')
        @with_session
        async def error(request, session):
            abort(418)

        res = run(TestClient(app).get('/error'))
        self.assertEqual(res.status_code, 418)
        self.assertEqual(res.headers['Vary'], 'Cookie')


class TestErrorResponses(unittest.TestCase):
    def check(self, fail, status, **kwargs):
        app = make_app(**kwargs)

        @app.get('/fail')
        @with_session
        async def view(request, session):
            session['a'] = 1
            if not kwargs:
                session.save()
            return fail(request)

        app.log_exception = lambda request, exc: None
        client = TestClient(app)
        res = run(client.get('/fail'))
        self.assertEqual(res.status_code, status)
        self.assertEqual(len(res.headers['Set-Cookie']), 1)
        self.assertEqual(run(client.get('/')).json, {'a': 1})

    def abort(self, request):
        abort(400)

    def raises(self, request):
        raise KeyError('on purpose')

    def fails_later(self, request):
        @request.after_request
        async def later(request, response):
            raise KeyError('on purpose')
        return ''

    def test_changes_are_kept_when_the_handler_aborts(self):
        """S23: changes were lost on error responses."""
        self.check(self.abort, 400)
        self.check(self.abort, 400, auto_save=True)

    def test_changes_are_kept_when_the_handler_fails(self):
        self.check(self.raises, 500)
        self.check(self.raises, 500, auto_save=True)

    def test_changes_are_kept_when_what_comes_later_fails(self):
        self.check(self.fails_later, 500)
        self.check(self.fails_later, 500, auto_save=True)

    def test_an_error_handler_may_use_the_session(self):
        app = make_app()

        @app.errorhandler(404)
        @with_session
        async def missing(request, session):
            session['missing'] = request.path
            session.save()
            return 'missing', 404

        client = TestClient(app)
        res = run(client.get('/nowhere'))
        self.assertEqual(res.status_code, 404)
        self.assertEqual(len(res.headers['Set-Cookie']), 1)
        self.assertEqual(run(client.get('/')).json, {'missing': '/nowhere'})

    def test_a_hook_may_use_the_session(self):
        app = make_app()

        @app.after_request
        @app.after_error_request
        async def note(request, response):
            session = app.sessions.get(request)
            session['status'] = response.status_code
            session.save()

        client = TestClient(app)
        for path, status in (('/none', 200), ('/nowhere', 404)):
            res = run(client.get(path))
            self.assertEqual(len(res.headers['Set-Cookie']), 1)
            self.assertEqual(res.headers['Vary'], 'Cookie')
            res = run(client.get('/'))
            self.assertEqual(res.json, {'status': status})

    def test_a_middleware_may_use_the_session(self):
        for auto_save in (False, True):
            app = make_app(auto_save=auto_save)

            @app.middleware
            async def count(request, call_next):
                session = app.sessions.get(request)
                session['before'] = session.get('before', 0) + 1
                if not auto_save:
                    session.save()
                if request.path == '/answered':
                    return 'answered', 203
                if request.path == '/fails':
                    raise KeyError('on purpose')
                res = await call_next(request)
                session['after'] = session.get('after', 0) + 1
                if not auto_save:
                    session.save()
                return res

            app.log_exception = lambda request, exc: None
            client = TestClient(app)
            for path, status in (('/answered', 203), ('/none', 200),
                                 ('/nowhere', 404), ('/fails', 500)):
                res = run(client.get(path))
                self.assertEqual(res.status_code, status)
                self.assertEqual(len(res.headers['Set-Cookie']), 1)
            self.assertEqual(run(client.get('/')).json,
                             {'before': 5, 'after': 2})

    def test_a_body_that_is_not_sent_is_closed(self):
        app = make_app(auto_save=True)
        closed = []

        class Body:
            def read(self, size):
                return b''

            def close(self):
                closed.append(True)

        @app.get('/file')
        @with_session
        async def file(request, session):
            session['x'] = 'y' * 5000
            return Body()

        app.log_exception = lambda request, exc: None
        self.assertEqual(run(TestClient(app).get('/file')).status_code, 500)
        self.assertEqual(closed, [True])

    def test_a_request_that_is_none_is_no_concern(self):
        app = make_app()
        self.assertEqual(run(app.dispatch_request(None)).status_code, 400)
        run(TestClient(app).get('/'))
        self.assertEqual(run(app.dispatch_request(None)).status_code, 400)

    def test_requests_without_a_session_are_as_before(self):
        app = make_app()
        client = TestClient(app)
        for path in ('/none', '/', '/none', '/', '/none'):
            self.assertEqual(run(client.get(path)).status_code, 200)
        self.assertEqual(app.finishers.count(finish_sessions), 1)


# What a client may send as the session of {'user': 'ada'}: (name, token).
GOOD = sign({'user': 'ada'})
HEAD, PAYLOAD, SIGNATURE = GOOD.split('.')
BODY = HEAD + '.' + PAYLOAD
def hostile():
    yield ('nothing', '')
    yield ('dots', '..')
    yield ('more dots', '.' * 100)
    yield ('text', 'admin')
    yield ('no signature', BODY)
    yield ('empty signature', BODY + '.')
    yield ('signature cut', GOOD[:-1])
    yield ('signature cut to one', BODY + '.' + SIGNATURE[0])
    yield ('signature of something else', sign(
        {'user': 'eve'}).rpartition('.')[0] + '.' + SIGNATURE)
    yield ('signature padded', GOOD + '=')
    yield ('signature with a newline in it', GOOD + '%0A')
    yield ('signature with other last bits', GOOD[:-1] + chr(
        ord(GOOD[-1]) + 1))
    yield ('signature twice', GOOD + '.' + SIGNATURE)
    yield ('signature in hex', BODY + '.' + '00' * 32)
    yield ('signature not ASCII', BODY + '.' + 'é' * 43)
    yield ('payload changed', HEAD + '.' + encode({'user': 'eve'}) + '.'
           + SIGNATURE)
    yield ('payload padded', BODY + '=.' + SIGNATURE)
    yield ('payload cut', HEAD + '.' + PAYLOAD[:-1] + '.' + SIGNATURE)
    yield ('payload extended', BODY + 'A.' + SIGNATURE)
    yield ('header changed', encode({'alg': 'none'}) + '.' + PAYLOAD + '.'
           + SIGNATURE)
    yield ('unsigned', encode(
        {'alg': 'none', 'typ': 'JWT'}) + '.' + PAYLOAD + '.')
    yield ('unsigned, spelt otherwise', encode({'alg': 'nOnE'}) + '.' + PAYLOAD
           + '.')
    yield ('signed with another key', sign({'user': 'eve'}, 'another key'))
    yield ('signed with no key', sign({'user': 'eve'}, ''))
    yield ('signed with the name of the hash', sign({'user': 'eve'}, 'HS256'))
    yield ('alg none, yet signed', sign(
        {'user': 'eve'}, header={'alg': 'none'}))
    yield ('another alg, yet signed', sign(
        {'user': 'e'}, header={'alg': 'HS512'}))
    yield ('no alg, yet signed', sign({'user': 'eve'}, header={'typ': 'JWT'}))
    yield ('alg of another type', sign(
        {'user': 'eve'}, header={'alg': ['HS256']}))
    yield ('header that is a list', sign({'user': 'eve'}, header=['HS256']))
    yield ('header that is no JSON', sign({'user': 'eve'}, header=b'{alg'))
    yield ('header that is empty', sign({'user': 'eve'}, header=b''))
    yield ('extension that must be understood', sign(
        {'user': 'eve'}, header={'alg': 'HS256', 'crit': ['b64']}))
    yield ('payload that is a list', sign(['user']))
    yield ('payload that is a text', sign('user'))
    yield ('payload that is a number', sign(5))
    yield ('payload that is null', sign(b'null'))
    yield ('payload that is no JSON', sign(b'{'))
    yield ('payload that is not UTF-8', sign(b'{"a": "\xff"}'))
    yield ('payload that is empty', sign(b''))
    yield ('expired', sign({'user': 'ada', 'exp': 1_799_999_999}))
    yield ('expiring now', sign({'user': 'ada', 'exp': 1_800_000_000}))
    yield ('expired long ago', sign({'user': 'ada', 'exp': 0}))
    yield ('expired before 1970', sign({'user': 'ada', 'exp': -1}))
    yield ('expiry that is a text', sign({'user': 'a', 'exp': '1900000000'}))
    yield ('expiry that is null', sign(b'{"user": "ada", "exp": null}'))
    yield ('expiry that is a list', sign({'user': 'ada', 'exp': [1900000000]}))
    yield ('not yet valid', sign({'user': 'ada', 'nbf': 1_800_000_001}))
    yield ('begin that is a text', sign({'user': 'ada', 'nbf': '1'}))
    yield ('two tokens', GOOD + GOOD)
    yield ('two cookies', GOOD + '; session=x')
    yield ('large', 'x' * 1900)


class TestHostileCookies(unittest.TestCase):
    def test_what_is_not_a_session_is_an_empty_one(self):
        Clock(self)
        client = TestClient(make_app())
        for name, token in hostile():
            with self.subTest(name):
                res = run(client.get('/', {'Cookie': 'session=' + token}))
                self.assertEqual(res.status_code, 200)
                self.assertEqual(res.json, {})
                self.assertIsNone(cookie_of(res))

    def test_the_sample_itself_is_a_session(self):
        client = TestClient(make_app())
        res = run(client.get('/', {'Cookie': 'session=' + GOOD}))
        self.assertEqual(res.json, {'user': 'ada'})

    def test_each_part_of_a_session_is_an_empty_one(self):
        for size in range(len(GOOD)):
            with self.subTest(size=size):
                self.assertEqual(parse_jwt(GOOD[:size], [KEY]), {})
                self.assertEqual(parse_jwt(GOOD[-size:], [KEY])
                                 if size else {}, {})

    def test_a_change_of_any_character_is_noticed(self):
        for i in range(len(GOOD)):
            for char in '.A_':
                if GOOD[i] != char:
                    token = GOOD[:i] + char + GOOD[i + 1:]
                    self.assertEqual(parse_jwt(token, [KEY]), {}, i)

    def test_signatures_are_compared_in_constant_time(self):
        """S23: boards compared them with ==."""
        compared = []

        def compare(a, b, real=module.compare_digest):
            compared.append((a, b))
            return real(a, b)

        self.addCleanup(setattr, module, 'compare_digest',
                        module.compare_digest)
        module.compare_digest = compare
        for token, expected in ((GOOD, {'user': 'ada'}), (GOOD[:-1], {}),
                                (BODY + '.', {}), ('.', {})):
            compared.clear()
            self.assertEqual(parse_jwt(token, [KEY, 'other']), expected)
            # with that of each key, also after one has fitted
            signature = token.rpartition('.')[2].encode()
            self.assertEqual([b for a, b in compared], [signature] * 2)
            self.assertEqual([len(a) for a, b in compared], [43, 43])

    def test_what_is_no_text_is_no_token(self):
        for value in (None, 5, [], {}, GOOD.encode(), [GOOD]):
            self.assertEqual(parse_jwt(value, [KEY]), {})

    def test_what_is_nested_too_deep_is_no_session(self):
        # (3,000 lists take 100 KB)
        for depth in (100, 3000 if heap_kb() > 500 else 500):
            with self.subTest(depth=depth):
                token = sign(b'[' * depth + b']' * depth)
                self.assertEqual(parse_jwt(token, [KEY]), {})

    def test_hostile_names_and_values_come_back_as_they_were(self):
        client = TestClient(make_app())
        for text in ('exp ', '__proto__', 'a=b; Path=/', '\r\nX: y'):
            with self.subTest(text=text):
                res = run(client.post('/', json={text: text}))
                self.assertEqual(len(res.headers['Set-Cookie']), 1)
                self.assertEqual(run(client.get('/')).json[text], text)


class TestTokens(unittest.TestCase):
    def test_a_token_is_as_others_make_it(self):
        # of the form that PyJWT gives it
        sessions = Session(secret_key=KEY)
        self.assertEqual(sessions.encode({'user': 'ada'}), (
            'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyIjoiYWRhIn0.'
            + encode(digest(
                KEY.encode(), b'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.'
                b'eyJ1c2VyIjoiYWRhIn0', 'sha256'))))

    def test_tokens_of_others_are_read(self):
        Clock(self)
        for payload in ({'user': 'ada'}, {'exp': 1_800_000_001},
                        {'exp': 1_800_000_000.5}, {'nbf': 1_800_000_000},
                        {'a': {'b': [None, True, 1.5, 'é']}}):
            for header in (HS256, {'alg': 'HS256'},
                           {'kid': 'x', 'alg': 'HS256', 'typ': 'other'}):
                with self.subTest(payload=payload, header=header):
                    self.assertEqual(
                        parse_jwt(sign(payload, header=header), [KEY]),
                        payload)

    def test_times_that_are_none_are_a_mistake(self):
        """Such a token was valid for nobody, and a session with it lost."""
        app = make_app()
        errors = []
        app.log_exception = lambda request, exc: errors.append(exc)
        client = TestClient(app)
        for name in ('exp', 'nbf'):
            for value in ('tomorrow', '5', None, []):
                with self.assertRaises(ValueError):
                    app.sessions.encode({name: value})
                res = run(client.post('/', json={name: value}))
                self.assertEqual(res.status_code, 500)
        self.assertEqual(len(errors), 8)

    def test_another_key_can_be_named(self):
        sessions = Session(secret_key=KEY)
        token = sessions.encode({'a': 1}, 'other')
        self.assertEqual(sessions.decode(token), {})
        self.assertEqual(sessions.decode(token, 'other'), {'a': 1})
        self.assertEqual(sessions.decode(token, ['new', 'other']), {'a': 1})

    def test_keys_are_text_or_bytes(self):
        sessions = Session(secret_key=KEY.encode())
        self.assertEqual(sessions.decode(GOOD), {'user': 'ada'})
        sessions.secret_key = 'ключ' * 20
        self.assertEqual(sessions.decode(sessions.encode({'a': 1})),
                         {'a': 1})

    def test_a_new_key_signs_and_the_old_one_is_accepted(self):
        app = make_app(secret_key=['new', KEY])
        client = TestClient(app, {'session': GOOD})
        self.assertEqual(run(client.get('/')).json, {'user': 'ada'})
        token = cookie_of(run(client.post('/', json={'a': 1})))['value']
        self.assertEqual(parse_jwt(token, [KEY]), {})
        self.assertEqual(parse_jwt(token, ['new'])['user'], 'ada')
        app.sessions.secret_key = ['newest', 'new']
        self.assertEqual(run(client.get('/')).json['user'], 'ada')
        app.sessions.secret_key = ['newest']
        self.assertEqual(run(client.get('/')).json, {})


class TestExpiry(unittest.TestCase):
    def test_a_session_ends_after_two_weeks_and_with_the_browser(self):
        """S23: sessions did not expire."""
        clock = Clock(self)
        client = TestClient(make_app())
        cookie = cookie_of(run(client.post('/', json={'a': 1})))
        self.assertNotIn('Max-Age', cookie)
        clock.when += 14 * 24 * 3600 - 1
        self.assertEqual(run(client.get('/')).json, {'a': 1})
        clock.when += 1
        self.assertEqual(run(client.get('/')).json, {})

    def test_a_session_lasts_as_long_as_said(self):
        clock = Clock(self)
        client = TestClient(make_app(max_age=60))
        cookie = cookie_of(run(client.post('/', json={'a': 1})))
        self.assertEqual(cookie['Max-Age'], '60')
        clock.when += 59
        self.assertEqual(run(client.get('/')).json, {'a': 1})
        clock.when += 1
        self.assertEqual(run(client.get('/')).json, {})

    def test_a_session_may_last_for_ever(self):
        clock = Clock(self)
        client = TestClient(make_app(max_age=0))
        cookie = cookie_of(run(client.post('/', json={'a': 1})))
        self.assertNotIn('Max-Age', cookie)
        clock.when += 100 * 365 * 24 * 3600
        self.assertEqual(run(client.get('/')).json, {'a': 1})

    def test_a_fixed_end_does_not_move(self):
        clock = Clock(self)
        client = TestClient(make_app(max_age=60))
        run(client.post('/', json={'a': 1}))
        clock.when += 40
        cookie = cookie_of(run(client.post('/', json={'b': 2})))
        self.assertEqual(cookie['Max-Age'], '20')
        clock.when += 19
        self.assertIsNone(cookie_of(run(client.get('/'))))
        clock.when += 1
        self.assertEqual(run(client.get('/')).json, {})

    def test_an_end_begins_anew_after_deleting(self):
        clock = Clock(self)
        app = make_app(max_age=60)

        @app.get('/restart')
        @with_session
        async def restart(request, session):
            session.delete()
            session.save()
            return ''

        client = TestClient(app)
        run(client.post('/', json={'a': 1}))
        clock.when += 50
        cookie = cookie_of(run(client.get('/restart')))
        self.assertEqual(cookie['Max-Age'], '60')

    def test_a_rolling_end_moves_with_use(self):
        clock = Clock(self)
        client = TestClient(make_app(max_age=60, rolling=True))
        run(client.post('/', json={'a': 1}))
        for _ in range(5):
            clock.when += 59
            res = run(client.get('/'))
            self.assertEqual(res.json, {'a': 1})
            self.assertEqual(cookie_of(res)['Max-Age'], '60')
        clock.when += 60
        self.assertEqual(run(client.get('/')).json, {})

    def test_a_rolling_end_moves_after_a_tenth_of_the_time(self):
        clock = Clock(self)
        client = TestClient(make_app(max_age=60, rolling=True))
        run(client.post('/', json={'a': 1}))
        clock.when += 5
        self.assertIsNone(cookie_of(run(client.get('/'))))
        clock.when += 1
        self.assertEqual(cookie_of(run(client.get('/')))['Max-Age'], '60')

    def test_rolling_saves_no_change_unasked(self):
        clock = Clock(self)
        client = TestClient(make_app(max_age=60, rolling=True))
        run(client.post('/', json={'a': 1}))
        clock.when += 30
        self.assertIsInstance(
            cookie_of(run(client.post('/unsaved', json={'a': 2}))), dict)
        self.assertEqual(run(client.get('/')).json, {'a': 1})

    def test_a_session_without_an_end_gets_one(self):
        client = TestClient(make_app(max_age=60, rolling=True),
                            {'session': GOOD})
        self.assertEqual(cookie_of(run(client.get('/')))['Max-Age'], '60')
        client = TestClient(make_app(max_age=0, rolling=True),
                            {'session': GOOD})
        self.assertIsNone(cookie_of(run(client.get('/'))))

    def test_an_end_between_two_seconds_is_rounded(self):
        Clock(self)
        client = TestClient(make_app(max_age=60), {
            'session': sign({'exp': 1_800_000_030.5})})
        cookie = cookie_of(run(client.post('/', json={'a': 1})))
        self.assertEqual(cookie['Max-Age'], '30')

    def test_nothing_rolls_where_there_is_no_session(self):
        clock = Clock(self)
        client = TestClient(make_app(max_age=60, rolling=True))
        run(client.get('/'))
        clock.when += 30
        self.assertIsNone(cookie_of(run(client.get('/'))))
        res = run(client.get('/', {'Cookie': 'session=a.b.c'}))
        self.assertIsNone(cookie_of(res))

    def test_a_shorter_time_applies_to_what_is_saved_again(self):
        clock = Clock(self)
        app = make_app(max_age=1000)
        client = TestClient(app)
        run(client.post('/', json={'a': 1}))
        app.sessions.max_age = 60
        cookie = cookie_of(run(client.post('/', json={'b': 2})))
        self.assertEqual(cookie['Max-Age'], '60')
        clock.when += 60
        self.assertEqual(run(client.get('/')).json, {})

    def test_no_expiry_takes_away_the_one_there_was(self):
        clock = Clock(self)
        app = make_app(max_age=60)
        client = TestClient(app)
        run(client.post('/', json={'a': 1}))
        app.sessions.max_age = 0
        run(client.post('/', json={'b': 2}))
        clock.when += 61
        self.assertEqual(run(client.get('/')).json, {'a': 1, 'b': 2})

    def test_the_end_is_known_but_no_item(self):
        Clock(self)
        app = make_app(max_age=60)
        seen = []

        @app.get('/expires')
        @with_session
        async def expires(request, session):
            seen.append(session.expires)
            seen.append('exp' in session)
            session['a'] = 1
            session.save()
            seen.append(session.expires)
            return ''

        client = TestClient(app)
        run(client.get('/expires'))
        run(client.get('/expires'))
        self.assertEqual(seen, [None, False, 1_800_000_060,
                                1_800_000_060, False, 1_800_000_060])

    def test_a_new_session_has_a_new_end(self):
        clock = Clock(self)
        client = TestClient(make_app(max_age=60))
        run(client.post('/', json={'a': 1}))
        clock.when += 50
        run(client.delete('/'))
        cookie = cookie_of(run(client.post('/', json={'b': 2})))
        self.assertEqual(cookie['Max-Age'], '60')

    def test_the_clock_counts_from_1970(self):
        # some boards count from 2000, and are wrong until their clock is set
        start = 946684800 if time.gmtime(0)[0] == 2000 else 0
        self.assertTrue(abs(module.now() - start - time.time()) < 2)

    def test_sessions_of_microdot_have_no_end(self):
        client = TestClient(make_app(), {'session': GOOD})
        self.assertEqual(run(client.get('/')).json, {'user': 'ada'})


class TestSize(unittest.TestCase):
    def post(self, app, size):
        return run(TestClient(app).post('/', json={'x': 'y' * size}))

    def test_a_session_that_is_just_small_enough_is_saved(self):
        """S23: nobody looked at the size."""
        app = make_app(max_age=0)
        sizes = []
        for size in range(40):
            token = cookie_of(self.post(app, size))['value']
            sizes.append(len('session=' + token))
        app.log_exception = lambda request, exc: None
        app.sessions.max_cookie_size = sizes[20]
        for size in range(40):
            with self.subTest(size=size):
                res = self.post(app, size)
                self.assertEqual(res.status_code,
                                 200 if sizes[size] <= sizes[20] else 500)

    def test_a_larger_one_is_an_error_that_says_so(self):
        app = make_app()
        seen = []

        @app.errorhandler(ValueError)
        async def note(request, exc):
            seen.append(str(exc))
            return 'failed', 500

        change(self, Session, 'max_cookie_size', 500)
        res = self.post(app, 1000)
        self.assertEqual(res.status_code, 500)
        self.assertIsNone(cookie_of(res))
        self.assertTrue(seen[0].startswith('a session cookie of 1'))
        self.assertTrue(seen[0].endswith(
            'over Session.max_cookie_size (500)'))

    def test_the_client_is_not_told(self):
        change(self, Session, 'max_cookie_size', 500)
        app = make_app(auto_save=True)
        for path in ('/', '/unsaved'):
            logged = []
            app.log_exception = lambda request, exc: logged.append(exc)
            res = run(TestClient(app).post(path, json={'x': 'y' * 1000}))
            self.assertEqual(res.text, 'Internal server error')
            self.assertTrue(logged)
            self.assertIsInstance(logged[0], ValueError)

    def test_a_larger_cookie_is_no_session(self):
        app = make_app()
        app.sessions.max_cookie_size = len('session=' + GOOD)
        client = TestClient(app, {'session': GOOD})
        self.assertEqual(run(client.get('/')).json, {'user': 'ada'})
        app.sessions.max_cookie_size -= 1
        self.assertEqual(run(client.get('/')).json, {})

    def test_the_largest_that_is_saved_comes_back(self):
        if heap_kb() < 150:
            # the client has it several times, in the same heap
            change(self, Session, 'max_cookie_size', 1000)
        app = make_app(max_age=0)
        client = TestClient(app)
        app.log_exception = lambda request, exc: None
        size = Session.max_cookie_size * 3 // 4
        while run(client.post('/', json={'x': 'y' * size})).status_code > 200:
            size -= 1
        self.assertEqual(run(client.get('/')).json, {'x': 'y' * size})
        self.assertTrue(size > Session.max_cookie_size * 3 // 4 - 99)


    def test_the_limit_is_the_one_that_the_guide_tells(self):
        self.assertEqual(Session.max_cookie_size,
                         1536 if IS_BOARD else 4096)
        self.assertEqual(Session.default_max_age, 1209600)


class TestAutoSave(unittest.TestCase):
    def client(self, **kwargs):
        return TestClient(make_app(auto_save=True, **kwargs))

    def test_a_change_is_saved(self):
        client = self.client()
        run(client.post('/unsaved', json={'a': 1}))
        self.assertEqual(run(client.get('/')).json, {'a': 1})

    def test_a_change_inside_a_value_is_saved(self):
        client = self.client()
        run(client.post('/unsaved', json={'list': [1]}))
        run(client.post('/nested', json=2))
        self.assertEqual(run(client.get('/')).json, {'list': [1, 2]})

    def test_nothing_is_sent_where_nothing_changed(self):
        client = self.client()
        values = {'a': 1, 'b': {'c': [None, 1.5], 'd': 'é'}, 'e': 'f'}
        self.assertIsInstance(
            cookie_of(run(client.post('/unsaved', json=values))), dict)
        for _ in range(3):
            self.assertIsNone(cookie_of(run(client.get('/'))))
        self.assertIsNone(cookie_of(run(client.post('/unsaved',
                                                    json={'a': 1}))))

    def test_nothing_is_sent_where_there_is_nothing(self):
        self.assertIsNone(cookie_of(run(self.client().get('/'))))

    def test_what_was_saved_is_not_sent_twice(self):
        res = run(self.client().post('/', json={'a': 1}))
        self.assertEqual(len(res.headers['Set-Cookie']), 1)

    def test_a_session_that_was_deleted_stays_so(self):
        client = self.client()
        run(client.post('/unsaved', json={'a': 1}))
        self.assertEqual(cookie_of(run(client.delete('/')))['Max-Age'], '0')
        self.assertEqual(run(client.get('/')).json, {})

    def test_a_session_that_was_emptied_is_deleted(self):
        client = self.client()
        run(client.post('/unsaved', json={'a': 1}))
        run(client.post('/clear'))
        self.assertEqual(client.cookies, {})

    def test_a_hostile_cookie_is_left_alone(self):
        client = self.client()
        res = run(client.get('/', {'Cookie': 'session=x.y.z'}))
        self.assertIsNone(cookie_of(res))

    def test_what_comes_back_otherwise_is_saved_once(self):
        # of a tuple, and of a number as key, JSON makes something else
        app = make_app(auto_save=True, max_age=60)

        @app.get('/other')
        @with_session
        async def other(request, session):
            session['t'] = (1, (2,))
            session[5] = 1.1
            session['exp'] = 4_000_000_000
            return ''

        client = TestClient(app)
        for _ in range(2):
            res = run(client.get('/other'))
            self.assertEqual(len(res.headers['Set-Cookie']), 1)
        self.assertEqual(run(client.get('/')).json['t'], [1, [2]])

    def test_what_was_saved_in_its_place_is_kept(self):
        app = make_app(auto_save=True)

        @app.get('/replace')
        @with_session
        async def replace(request, session):
            session['a'] = 1
            app.sessions.update(request, {'b': 2})
            return ''

        client = TestClient(app)
        res = run(client.get('/replace'))
        self.assertEqual(len(res.headers['Set-Cookie']), 1)
        self.assertEqual(run(client.get('/')).json, {'b': 2})

    def test_what_is_put_in_after_deleting_is_all_there_is(self):
        app = make_app(auto_save=True)

        @app.get('/restart')
        @with_session
        async def restart(request, session):
            session.delete()
            session['new'] = 1
            return ''

        client = TestClient(app)
        run(client.post('/unsaved', json={'a': 1}))
        run(client.get('/restart'))
        self.assertEqual(run(client.get('/')).json, {'new': 1})

    def test_rolling_and_changed(self):
        clock = Clock(self)
        client = self.client(rolling=True, max_age=60)
        run(client.post('/unsaved', json={'a': 1}))
        clock.when += 30
        res = run(client.post('/unsaved', json={'a': 2}))
        self.assertEqual(cookie_of(res)['Max-Age'], '60')
        clock.when += 59
        self.assertEqual(run(client.get('/')).json, {'a': 2})


class TestMounted(unittest.TestCase):
    def make_child(self, **kwargs):
        return make_app(**kwargs)

    def test_the_session_is_that_of_the_application(self):
        app = make_app()
        child = Microdot()

        @child.get('/in')
        @with_session
        async def view(request, session):
            session['in'] = 'child'
            session.save()
            return ''

        app.mount(child, '/child')
        client = TestClient(app)
        run(client.get('/child/in'))
        self.assertEqual(run(client.get('/')).json, {'in': 'child'})

    def test_or_else_that_of_the_mounted_one(self):
        for local in (False, True):
            child = make_app(secret_key='child')

            @child.get('/fail')
            @with_session
            async def fail(request, session):
                session['a'] = 'failed'
                session.save()
                abort(400)

            app = Microdot()
            app.mount(child, '/child', local=local)
            client = TestClient(app)
            run(client.post('/child/', json={'a': 1}))
            self.assertEqual(run(client.get('/child/')).json, {'a': 1})
            run(client.get('/child/fail'))
            self.assertEqual(run(client.get('/child/')).json,
                             {'a': 'failed'})

    def test_two_of_them_do_not_share(self):
        app = Microdot()
        child = make_app(cookie_name='two', secret_key='two',
                         cookie_options={'path': '/two'})

        @child.get('/fail')
        @with_session
        async def fail(request, session):
            session['a'] = 1
            session.save()
            abort(400)

        app.mount(child, '/child')
        Session(app, 'one', cookie_name='one')
        res = run(TestClient(app).get('/child/fail'))
        self.assertEqual([(name, cookie['Path']) for name, cookie
                          in cookies_of(res).items()], [('one', '/')])


class TestSideBySide(unittest.TestCase):
    """Two sessions of an application, with cookies of their own."""

    def make(self):
        app = Microdot()
        app.short = Session(app, 'short', cookie_name='short')
        app.long = Session(app, 'long', cookie_name='long',
                           cookie_options={'path': '/all'}, auto_save=True)

        @app.post('/all')
        async def change(request):
            one = app.short.get(request)
            two = app.long.get(request)
            self.assertFalse(one is two)
            self.assertIs(app.short.get(request), one)
            self.assertIs(app.long.get(request), two)
            one['in'] = 'short'
            two['in'] = 'long'
            one.save()
            return ''

        @app.get('/all')
        async def show(request):
            return [plain(app.long.get(request)),
                    plain(app.short.get(request))]

        @app.delete('/all')
        async def delete(request):
            app.long.get(request)
            app.short.get(request).delete()
            return ''

        return app

    def test_each_has_what_was_put_into_it(self):
        client = TestClient(self.make())
        res = run(client.post('/all'))
        self.assertEqual(
            {name: cookie['Path'] for name, cookie
             in cookies_of(res).items()}, {'short': '/', 'long': '/all'})
        self.assertEqual(run(client.get('/all')).json,
                         [{'in': 'long'}, {'in': 'short'}])

    def test_one_can_be_deleted(self):
        client = TestClient(self.make())
        run(client.post('/all'))
        run(client.delete('/all'))
        self.assertEqual(run(client.get('/all')).json, [{'in': 'long'}, {}])

    def test_one_that_is_too_large_is_an_error(self):
        app = self.make()
        app.long.max_cookie_size = 30
        errors = []
        app.log_exception = lambda request, exc: errors.append(exc)
        res = run(TestClient(app).post('/all'))
        self.assertEqual((res.status_code, len(errors)), (500, 1))
        self.assertEqual(res.text, 'Internal server error')


class TestOtherResponses(unittest.TestCase):
    def test_a_handler_that_has_answered_sends_no_cookie(self):
        """S28: the shared response was changed by each request."""
        app = make_app()

        @app.get('/answered')
        @with_session
        async def answered(request, session):
            session['a'] = 1
            session.save()
            return Response.already_handled

        run(TestClient(app).get('/answered'))
        self.assertNotIn('Set-Cookie', Response.already_handled.headers)

    def test_a_response_that_is_returned_to_all_keeps_no_session(self):
        """Whoever came next got the session of the one before."""
        class Page(Response):
            pass

        for shared in (Response('shared'),
                       Page('shared', 201, {'X-Kind': 'page'})):
            app = make_app()

            @app.get('/shared')
            @with_session
            async def share(request, session):
                if 'Cookie' not in request.headers:
                    session['secret'] = 'mine'
                    session.save()
                return shared

            res = run(TestClient(app).get('/shared'))
            self.assertEqual(list(cookies_of(res)), ['session'])
            self.assertEqual((res.status_code, res.text),
                             (shared.status_code, 'shared'))
            self.assertEqual(res.headers.get('X-Kind'),
                             shared.headers.get('X-Kind'))
            res = run(TestClient(app).get('/shared', {'Cookie': 'a=b'}))
            self.assertEqual(cookies_of(res), {})
            self.assertNotIn('Set-Cookie', shared.headers)

    def test_a_response_with_cookies_of_its_own_keeps_them(self):
        app = make_app()

        @app.get('/own')
        @with_session
        async def own(request, session):
            session['a'] = 1
            session.save()
            res = Response('ok')
            res.set_cookie('own', '1')
            return res

        res = run(TestClient(app).get('/own'))
        self.assertEqual(sorted(cookies_of(res)), ['own', 'session'])


class TestKeyOfAClass(unittest.TestCase):
    def test_a_subclass_may_have_the_key(self):
        class Mine(Session):
            secret_key = 'of the class, and long enough for that'

        self.assertIsNone(Session.secret_key)
        session = Mine(Microdot())
        self.assertEqual(session.decode(session.encode({'a': 1})), {'a': 1})

    def test_the_argument_comes_before_the_key_of_the_class(self):
        class Mine(Session):
            secret_key = 'of the class, and long enough for that'

        key = 'of the instance, and long enough too'
        self.assertEqual(Mine(Microdot(), key).secret_key, key)

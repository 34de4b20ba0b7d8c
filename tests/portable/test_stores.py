"""Sessions that the server keeps."""

import os
import unittest
from binascii import hexlify

import microdot.session as module
from helpers import change, run
from microdot import Microdot
from microdot.login import Login
from microdot.session import Session, parse_jwt, with_session
from microdot.stores import FolderStore, MemoryStore, Store
from microdot.test_client import TestClient

NEEDS_EVENT_LOOP = False
KEY = 'an example of a key of 32 bytes!'
FOLDER = 'test_stores.%s' % (
    hexlify(os.urandom(4)).decode() if hasattr(os, 'urandom') else '')
RANDOM = hasattr(os, 'urandom')  # not on WebAssembly


def plain(session):
    return {key: session[key] for key in session}


def make_app(store, **kwargs):
    app = Microdot()
    app.logged = []
    app.log_exception = lambda request, exc: app.logged.append(exc)
    app.sessions = Session(app, KEY, store=store, **kwargs)
    app.meanwhile = []  # coroutines to be awaited inside of the next request

    @app.get('/')
    @with_session
    async def index(request, session):
        return plain(session)

    @app.post('/')
    @with_session
    async def change(request, session):
        while app.meanwhile:
            await app.meanwhile.pop()
        for name, value in request.json.items():
            if value is None:
                session.pop(name, None)
            elif isinstance(session.get(name), list):
                session[name].append(value)
            else:
                session[name] = value
        if not app.sessions.auto_save:
            session.save()
        return plain(session)

    @app.delete('/')
    @with_session
    async def delete(request, session):
        session.delete()
        return ''

    @app.post('/renew')
    @with_session
    async def renew(request, session):
        session.renew()
        session.save()
        return session.id

    return app


def set_cookie(res):
    """Return the session's line of Set-Cookie, or None."""
    found = [line for line in res.headers.get('Set-Cookie', [])
             if line.startswith('session=')]
    assert len(found) < 2
    return found[0] if found else None


def claims(res):
    return parse_jwt(set_cookie(res)[8:].partition(';')[0], [KEY])


def ids_of(store):
    return list(store.ids() if hasattr(store, 'ids') else store.data)


class Clock:
    """Takes the place of the clock, and can be set."""

    def __init__(self, test, when=1_800_000_000):
        self.when = when
        change(test, module, 'now', lambda: self.when)


def can_write():
    try:
        os.mkdir(FOLDER)
        os.rmdir(FOLDER)
        return True
    except OSError:
        return False


class Stores:
    """What all stores do."""

    #: Has the limits, and how many of the characters that are counted are not
    #: those of a text.
    limits = Store
    counted = 3 + 10 + 1 + 2  # "exp" and its number, a name, quotes

    def make(self):
        return MemoryStore()

    def client(self, **kwargs):
        self.store = self.make()
        self.app = make_app(self.store, **kwargs)
        return TestClient(self.app)

    def ask(self, client, method='GET', path='/', status=200, **kwargs):
        res = run(client.request(method, path, **kwargs))
        self.assertEqual(res.status_code, status)
        return res

    def post(self, client, **values):
        return self.ask(client, 'POST', json=values)

    def test_a_session_lasts_from_request_to_request(self):
        client = self.client()
        self.assertEqual(self.ask(client).json, {})
        self.assertEqual(ids_of(self.store), [])
        res = self.post(client, name='J\xfcrgen \u20ac "\\', n=[1, {'a': 2}])
        self.assertEqual(len(ids_of(self.store)), 1)
        # the cookie has no more than an id of 128 bits, and an end
        self.assertEqual(sorted(claims(res)), ['_id', 'exp'])
        self.assertEqual(ids_of(self.store), [claims(res)['_id']])
        self.assertEqual(len(bytes.fromhex(claims(res)['_id'])), 16)
        res = self.ask(client)
        self.assertEqual(res.json, {'name': 'J\xfcrgen \u20ac "\\',
                                    'n': [1, {'a': 2}]})
        self.assertIsNone(set_cookie(res))
        self.assertIn('Cookie', res.headers['Vary'])

    def test_the_cookie_is_sent_once(self):
        client = self.client()
        first = set_cookie(self.post(client, a=1))
        self.assertIsNone(set_cookie(self.post(client, b=2)))
        self.assertEqual(self.ask(client).json, {'a': 1, 'b': 2})
        self.assertEqual(first, 'session=' + client.cookies['session'] +
                         '; Path=/; HttpOnly; SameSite=Lax')

    def test_two_clients_have_two_sessions(self):
        one = self.client()
        two = TestClient(self.app)
        self.post(one, a=1)
        self.post(two, a=2)
        self.assertEqual(len(ids_of(self.store)), 2)
        self.assertEqual(self.ask(one).json, {'a': 1})
        self.assertEqual(self.ask(two).json, {'a': 2})

    def test_what_was_changed_inside_is_saved(self):
        client = self.client()
        self.post(client, a=[1])
        self.post(client, a=2)
        self.assertEqual(self.ask(client).json, {'a': [1, 2]})

    def test_values_of_one_request_are_not_those_of_another(self):
        client = self.client()
        self.post(client, a=[1])

        @self.app.get('/unsaved')
        @with_session
        async def unsaved(request, session):
            session['a'].append(2)
            return ''

        self.ask(client, path='/unsaved')
        self.assertEqual(self.ask(client).json, {'a': [1]})

    def test_auto_save(self):
        client = self.client(auto_save=True)
        self.post(client, a=[1])
        self.post(client, a=2)
        self.assertEqual(self.ask(client).json, {'a': [1, 2]})
        self.assertEqual(len(ids_of(self.store)), 1)
        self.ask(client, 'DELETE')
        self.assertEqual(ids_of(self.store), [])

    def test_a_session_can_be_deleted(self):
        client = self.client()
        self.post(client, a=1)
        old = client.cookies['session']
        self.assertIn('Max-Age=0', set_cookie(self.ask(client, 'DELETE')))
        self.assertEqual(client.cookies, {})
        self.assertEqual(ids_of(self.store), [])
        # who has kept a copy of the cookie has nothing
        client.cookies['session'] = old
        self.assertEqual(self.ask(client).json, {})

    def test_an_empty_session_is_removed(self):
        client = self.client()
        self.post(client, a=1)
        self.assertIn('Max-Age=0', set_cookie(self.post(client, a=None)))
        self.assertEqual(ids_of(self.store), [])
        self.assertIsNone(set_cookie(self.post(client, a=None)))

    def test_what_is_saved_while_a_body_is_sent_is_kept(self):
        client = self.client()
        self.post(client, a=1)

        @self.app.get('/stream')
        @with_session
        async def stream(request, session):
            def pieces():
                yield 'begin '
                session['b'] = 2
                session.save()
                yield 'end'

            return pieces()

        self.assertEqual(self.ask(client, path='/stream').text, 'begin end')
        self.assertEqual(self.ask(client).json, {'a': 1, 'b': 2})

    def test_concurrent_requests_are_merged_by_key(self):
        client = self.client()
        self.post(client, a=1, b=1, c=1, d=[1])
        other = TestClient(self.app, cookies=dict(client.cookies))
        self.app.meanwhile.append(other.post(
            '/', json={'b': 2, 'c': None, 'e': 5}))
        self.post(client, a=2, d=2)
        self.assertEqual(self.ask(client).json,
                         {'a': 2, 'b': 2, 'd': [1, 2], 'e': 5})

    def test_what_has_ended_meanwhile_does_not_come_back(self):
        for method, path in (('DELETE', '/'), ('POST', '/renew')):
            client = self.client()
            self.post(client, a=1)
            other = TestClient(self.app, cookies=dict(client.cookies))
            self.app.meanwhile.append(other.request(method, path))
            res = self.post(client, secret=2)
            self.assertIsNone(set_cookie(res))
            self.assertEqual(self.ask(client).json, {})
            self.assertEqual(self.ask(other).json,
                             {'a': 1} if path == '/renew' else {})

    def test_ids_that_the_server_has_not_made_are_not_used(self):
        """Session fixation."""
        client = self.client()
        for payload in ({'_id': 'ab' * 16}, {'_id': '../' + 'ab' * 15},
                        {'_id': 'ab' * 15}, {'_id': '/' * 32}, {'_id': 5},
                        {'_id': ''}, {'_id': None}, {'_id': ['ab' * 16]},
                        {'_id': '\xb2' * 32}, {'a': 'b'}):
            client.cookies['session'] = self.app.sessions.encode(payload)
            self.assertEqual(self.ask(client).json, {})
            res = self.post(client, a=1)
            made = claims(res)['_id']
            self.assertTrue(made != payload.get('_id'))
            self.assertIn(made, ids_of(self.store))
        client.cookies['session'] = 'ab' * 16
        self.assertEqual(self.ask(client).json, {})

    def test_a_new_id_with_the_same_items(self):
        client = self.client()
        old = claims(self.post(client, a=1))['_id']
        res = self.ask(client, 'POST', '/renew')
        self.assertTrue(claims(res)['_id'] != old)
        self.assertEqual(ids_of(self.store), [res.text])
        self.assertEqual(self.ask(client).json, {'a': 1})

    def test_logging_in_and_out_changes_the_id(self):
        client = self.client()
        login = Login()

        class User:
            id = 7

        login.user_loader(lambda user_id: User())

        @self.app.post('/login')
        async def log_in(request):
            return await login.login_user(request, User())

        @self.app.post('/logout')
        async def log_out(request):
            await login.logout_user(request)
            return ''

        planted = claims(self.post(client, basket=1))['_id']
        thief = TestClient(self.app, cookies=dict(client.cookies))
        self.ask(client, 'POST', '/login', 302)
        ids = ids_of(self.store)
        self.assertEqual(len(ids), 1)
        self.assertTrue(ids[0] != planted)
        self.assertEqual(self.ask(thief).json, {})
        self.assertEqual(self.ask(client).json,
                         {'_user_id': 7, '_fresh': True})
        kept = dict(client.cookies)
        self.ask(client, 'POST', '/logout')
        self.assertEqual(ids_of(self.store), [])
        self.assertEqual(
            self.ask(TestClient(self.app, cookies=kept)).json, {})

    def test_a_session_ends(self):
        clock = Clock(self)
        client = self.client(max_age=60)
        end = claims(self.post(client, a=1))['exp']
        self.assertEqual(end, clock.when + 60)
        clock.when += 59
        self.post(client, b=1)
        self.assertEqual(self.ask(client).json, {'a': 1, 'b': 1})
        clock.when += 1
        self.assertEqual(self.ask(client).json, {})

    def test_a_session_that_is_used_lasts(self):
        clock = Clock(self)
        client = self.client(max_age=60, rolling=True)
        self.post(client, a=1)
        clock.when += 50
        self.assertIn('Max-Age=60', set_cookie(self.ask(client)))
        clock.when += 50
        self.assertEqual(self.ask(client).json, {'a': 1})

    def test_sessions_without_an_end(self):
        clock = Clock(self)
        client = self.client(max_age=0)
        self.assertEqual(sorted(claims(self.post(client, a=1))), ['_id'])
        clock.when += 10 ** 8
        self.assertEqual(self.ask(client).json, {'a': 1})

    def test_a_limit_of_one(self):
        change(self, self.limits, 'max_sessions', 1)
        client = self.client()
        for number in range(3):
            client.cookies.clear()
            self.post(client, a=number)
            self.assertEqual(len(ids_of(self.store)), 1)
            self.assertEqual(self.ask(client).json, {'a': number})

    def test_the_size_is_limited(self):
        change(self, self.limits, 'max_session_size', 100)
        client = self.client()

        @self.app.errorhandler(ValueError)
        async def too_large(request, exc):
            return str(exc), 400

        room = 100 - self.counted
        self.post(client, a='x' * room)
        before = self.ask(client).json
        for size in (room + 1, 5000):
            res = self.ask(client, 'POST', status=400, json={'a': 'y' * size})
            self.assertIn('max_session_size', res.text)
            self.assertEqual(self.ask(client).json, before)
        client.cookies.clear()
        self.ask(client, 'POST', status=400, json={'a': 'x' * (room + 1)})
        self.assertEqual(len(ids_of(self.store)), 1)

    def test_what_is_not_json_is_refused(self):
        client = self.client()

        @self.app.get('/object')
        @with_session
        async def save_object(request, session):
            session['a'] = object()
            try:
                session.save()
            except (TypeError, ValueError):
                return 'refused'

        self.assertEqual(self.ask(client, path='/object').text, 'refused')
        self.assertEqual(ids_of(self.store), [])


class AskedStores(Stores):
    """What the stores do that are asked by ids."""

    def test_those_that_are_over_are_removed(self):
        clock = Clock(self)
        client = self.client(max_age=60)
        for _ in range(5):
            client.cookies.clear()
            self.post(client, a=1)
        clock.when += 599
        client.cookies.clear()
        self.post(client, a=1)
        self.assertEqual(len(ids_of(self.store)), 6)
        clock.when += 1  # sweep_period
        client.cookies.clear()
        self.post(client, a=1)
        self.assertEqual(len(ids_of(self.store)), 2)

    def test_the_number_is_limited(self):
        change(self, Store, 'max_sessions', 20)
        clock = Clock(self)
        client = self.client(max_age=6000)
        for number in range(20):
            client.cookies.clear()
            self.post(client, a=1)
            if number == 0:
                first = dict(client.cookies)
            clock.when += 1
        last = dict(client.cookies)
        self.assertEqual(len(ids_of(self.store)), 20)
        client.cookies.clear()
        self.post(client, a=1)
        # a tenth at once, and those that end soonest
        self.assertEqual(len(ids_of(self.store)), 18)
        self.assertEqual(
            self.ask(TestClient(self.app, cookies=first)).json, {})
        self.assertEqual(
            self.ask(TestClient(self.app, cookies=last)).json, {'a': 1})
        for _ in range(100):
            client.cookies.clear()
            self.post(client, a=1)
            self.assertTrue(len(ids_of(self.store)) <= 20)

    def test_a_store_that_fails_is_a_503(self):
        for name in ('read', 'write', 'remove', 'ids'):
            client = self.client()
            self.post(client, a=1)
            kept = dict(client.cookies)
            whole = getattr(self.store, name)
            fail_in(self.store, name)
            if name == 'read':
                requests = ('GET', '/', None), ('POST', '/', {'b': 1})
            elif name == 'write':
                requests = (('POST', '/', {'b': 1}),)
            elif name == 'remove':
                requests = ('DELETE', '/', None), ('POST', '/renew', None)
            else:
                self.store.max_sessions = 1
                client.cookies.clear()
                requests = (('POST', '/', {'b': 1}),)
            for method, path, value in requests:
                res = self.ask(client, method, path, 503, json=value)
                self.assertEqual(res.headers['Retry-After'], '10')
                self.assertIsNone(set_cookie(res))
                self.assertEqual(str(self.app.logged.pop()), 'broken')
            setattr(self.store, name, whole)
            client.cookies.clear()
            client.cookies.update(kept)
            self.assertEqual(self.ask(client).json, {'a': 1})

    def test_what_fails_after_the_handler_is_a_503(self):
        client = self.client(auto_save=True)
        self.post(client, a=1)
        fail_in(self.store, 'write')
        self.ask(client, 'POST', status=503, json={'b': 1})
        self.assertEqual(str(self.app.logged.pop()), 'broken')

    def test_a_session_that_is_over_is_removed(self):
        clock = Clock(self)
        client = self.client(max_age=60)
        self.post(client, a=1)
        # where the cookie lasts
        client.cookies['session'] = self.app.sessions.encode(
            {'_id': ids_of(self.store)[0]})
        clock.when += 59
        self.assertEqual(self.ask(client).json, {'a': 1})
        clock.when += 1
        self.assertEqual(self.ask(client).json, {})
        self.assertEqual(ids_of(self.store), [])

    def test_sessions_without_an_end_are_not_over(self):
        clock = Clock(self)
        client = self.client(max_age=0)
        self.post(client, a=1)
        clock.when += 10 ** 8
        self.store.sweep(clock.when)
        self.assertEqual(self.ask(client).json, {'a': 1})


def fail_in(store, name):
    def fail(*args):
        raise Broken('broken')

    setattr(store, name, fail)


class Broken(Exception):
    pass


@unittest.skipIf(not RANDOM or issubclass(MemoryStore, Store),
                 'no MemoryStore of its own')
class TestMemoryStoreOfBoards(Stores, unittest.TestCase):

    limits = MemoryStore
    counted = len('{"exp": 1800000000, "a": ""}')

    def test_the_number_is_limited(self):
        change(self, MemoryStore, 'max_sessions', 3)
        client = self.client()
        kept = []
        for number in range(3):
            client.cookies.clear()
            self.post(client, a=number)
            kept.append(dict(client.cookies))
        first = TestClient(self.app, cookies=kept[0])
        self.post(first, b=1)
        client.cookies.clear()
        self.post(client, a=3)
        # the one that was saved longest ago is gone
        self.assertEqual(len(ids_of(self.store)), 3)
        self.assertEqual(self.ask(first).json, {'a': 0, 'b': 1})
        self.assertEqual(
            self.ask(TestClient(self.app, cookies=kept[1])).json, {})
        self.assertEqual(
            self.ask(TestClient(self.app, cookies=kept[2])).json, {'a': 2})
        for _ in range(20):
            client.cookies.clear()
            self.post(client, a=1)
            self.assertEqual(len(ids_of(self.store)), 3)


@unittest.skipIf(not issubclass(MemoryStore, Store), 'no locks')
class TestMemoryStore(AskedStores, unittest.TestCase):
    pass


@unittest.skipIf(not RANDOM or not can_write(), 'no file system')
class TestFolderStore(AskedStores, unittest.TestCase):
    def make(self):
        clear()
        self.addCleanup(clear)
        return FolderStore(FOLDER)

    def test_another_process_finds_them(self):
        client = self.client()
        self.post(client, a=1)
        app = make_app(FolderStore(FOLDER))
        other = TestClient(app, cookies=dict(client.cookies))
        self.assertEqual(self.ask(other).json, {'a': 1})

    def test_what_a_power_cut_has_left_is_no_session(self):
        client = self.client()
        path = '%s/%s.session' % (
            FOLDER, claims(self.post(client, a=1))['_id'])
        for data in ('', '{', 'null', '[]'):
            with open(path, 'w') as file:
                file.write(data)
            self.assertEqual(self.ask(client).json, {})
        self.assertEqual(self.app.logged, [])

    def test_files_of_others_are_left_alone(self):
        change(self, Store, 'max_sessions', 1)
        client = self.client()
        for name in ('notes.txt', 'x' * 32, '.session'):
            with open(FOLDER + '/' + name, 'w') as file:
                file.write('mine')
        for number in range(3):
            client.cookies.clear()
            self.post(client, a=number)
        self.assertEqual(len(ids_of(self.store)), 1)
        for name in ('notes.txt', 'x' * 32, '.session'):
            with open(FOLDER + '/' + name) as file:
                self.assertEqual(file.read(), 'mine')

    def test_a_folder_that_is_gone_is_a_503(self):
        client = self.client()
        self.post(client, a=1)
        clear()
        self.ask(client, status=503)
        self.assertIsInstance(self.app.logged.pop(), OSError)
        self.ask(client, 'POST', status=503, json={})


def clear():
    try:
        names = os.listdir(FOLDER)
    except OSError:
        return
    for name in names:
        os.remove(FOLDER + '/' + name)
    os.rmdir(FOLDER)


@unittest.skipIf(not RANDOM, 'no random numbers')
class TestOwnStore(unittest.TestCase):
    def test_four_methods_are_enough(self):
        kept = {}

        class Own(Store):
            def read(self, id):
                return kept.get(id)

            def write(self, id, texts):
                kept[id] = texts

            def remove(self, id):
                kept.pop(id, None)

            def ids(self):
                return list(kept)

        client = TestClient(make_app(Own()))
        run(client.post('/', json={'a': 1}))
        self.assertEqual(list(kept.values())[0]['a'], '1')
        self.assertEqual(run(client.get('/')).json, {'a': 1})
        run(client.delete('/'))
        self.assertEqual(kept, {})

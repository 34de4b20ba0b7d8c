"""Sessions in a real Redis."""

import asyncio
import contextlib
import logging

import pytest

from microdot import Microdot
from microdot.login import Login
from microdot.session import MemoryStore, RedisStore, Session, SessionDict
from microdot.test_client import TestClient
from redis_server import redis_server  # noqa: F401

KEY = 'an example of a key of 32 bytes!'
PATIENCE_S = 30


class Process:
    """An application in a process of its own, as far as Redis can tell."""

    def __init__(self, url, **options):
        self.store = RedisStore(url)
        self.app = app = Microdot()
        self.sessions = Session(app, KEY, store=self.store, **options)
        self.meanwhile = []

        @app.get('/')
        async def index(request):
            return dict(request.session)

        @app.get('/plain')
        async def plain(request):
            return 'plain'

        @app.post('/')
        async def change(request):
            session = request.session
            while self.meanwhile:
                await self.meanwhile.pop()
            for name, value in request.json.items():
                if value is None:
                    session.pop(name, None)
                else:
                    session[name] = value
            if not self.sessions.auto_save:
                session.save()
            return dict(session)

        @app.delete('/')
        async def delete(request):
            request.session.delete()
            return ''

        @app.post('/error')
        def error(request):
            request.session['failed'] = True
            request.session.save()
            raise LookupError('a handler that fails')

    def client(self, other=None):
        return TestClient(
            self.app, cookies=dict(other.cookies) if other else None)


def with_processes(redis_server, test, **options):  # noqa: F811
    async def main():
        processes = [Process(redis_server.url, **options) for _ in range(2)]
        try:
            await asyncio.wait_for(test(*processes), PATIENCE_S)
        finally:
            for process in processes:
                await process.store.close()

    asyncio.run(main())


@contextlib.asynccontextmanager
async def redis_client(server):
    import redis.asyncio
    client = redis.asyncio.Redis.from_url(server.url)
    try:
        yield client
    finally:
        await client.aclose()


def test_processes_share_sessions(redis_server):  # noqa: F811
    async def test(one, two):
        ada = one.client()
        res = await ada.post('/', json={'name': 'J\xfcrgen', 'n': [1, None]})
        claims = one.sessions.decode(ada.cookies['session'])
        assert sorted(claims) == ['_id', 'exp']
        bob = two.client(ada)
        res = await bob.get('/')
        assert res.json == {'name': 'J\xfcrgen', 'n': [1, None]}
        assert 'Set-Cookie' not in res.headers
        res = await bob.post('/', json={'n': None, 'm': 5})
        assert 'Set-Cookie' not in res.headers
        assert (await ada.get('/')).json == {'name': 'J\xfcrgen', 'm': 5}
        await bob.delete('/')
        assert (await ada.get('/')).json == {}
        async with redis_client(redis_server) as client:
            assert await client.keys('*') == []

    with_processes(redis_server, test)


def test_concurrent_requests_are_merged_by_key(redis_server):  # noqa: F811
    async def test(one, two):
        ada = one.client()
        await ada.post('/', json={'a': 1, 'b': 1, 'c': 1})
        one.meanwhile.append(two.client(ada).post(
            '/', json={'b': 2, 'c': None, 'e': 5}))
        await ada.post('/', json={'a': 2})
        assert (await ada.get('/')).json == {'a': 2, 'b': 2, 'e': 5}

    with_processes(redis_server, test)


def test_what_has_ended_meanwhile_does_not_come_back(
        redis_server):  # noqa: F811
    async def test(one, two):
        ada = one.client()
        await ada.post('/', json={'a': 1})
        one.meanwhile.append(two.client(ada).delete('/'))
        res = await ada.post('/', json={'b': 2})
        assert 'Set-Cookie' not in res.headers
        assert (await ada.get('/')).json == {}
        async with redis_client(redis_server) as client:
            assert await client.keys('*') == []

    with_processes(redis_server, test)


def test_redis_removes_what_is_over(redis_server):  # noqa: F811
    async def test(one, two):
        one.sessions.max_age = 60
        two.sessions.max_age = 0
        await one.client().post('/', json={'a': 1})
        async with redis_client(redis_server) as client:
            key, = await client.keys('*')
            assert key.startswith(b'microdot:session:')
            assert 50 < await client.ttl(key) <= 60
            await client.flushall()
            await two.client().post('/', json={'a': 1})
            key, = await client.keys('*')
            assert RedisStore.max_idle - 10 < await client.ttl(key) <= \
                RedisStore.max_idle

    with_processes(redis_server, test)


def test_logging_in_changes_the_id(redis_server):  # noqa: F811
    async def test(one, two):
        login = Login()

        class User:
            id = 7

        @one.app.post('/login')
        async def log_in(request):
            return await login.login_user(request, User())

        ada = one.client()
        await ada.post('/', json={'planted': 1})
        thief = two.client(ada)
        await ada.post('/login')
        assert (await thief.get('/')).json == {}
        assert (await ada.get('/')).json == {'_user_id': 7, '_fresh': True}
        async with redis_client(redis_server) as client:
            assert len(await client.keys('*')) == 1

    with_processes(redis_server, test)


def test_auto_save(redis_server):  # noqa: F811
    async def test(one, two):
        ada = one.client()
        await ada.post('/', json={'a': [1]})
        assert (await ada.get('/')).json == {'a': [1]}
        async with redis_client(redis_server) as client:
            await client.config_resetstat()
            await ada.get('/')
            stats = await client.info('commandstats')
            assert 'cmdstat_hgetall' in stats
            assert 'cmdstat_evalsha' not in stats

    with_processes(redis_server, test, auto_save=True)


def test_a_handler_that_fails_has_saved(redis_server, caplog):  # noqa: F811
    caplog.set_level(logging.CRITICAL, 'microdot.error')

    async def test(one, two):
        ada = one.client()
        assert (await ada.post('/error')).status_code == 500
        assert (await ada.get('/')).json == {'failed': True}

    with_processes(redis_server, test)


# (the library complains of connections that Redis has closed)
@pytest.mark.filterwarnings(
    'ignore::pytest.PytestUnraisableExceptionWarning')
def test_without_redis_sessions_are_a_503(redis_server, caplog):  # noqa: F811
    async def test(one, two):
        ada = one.client()
        await ada.post('/', json={'a': 1})
        redis_server.kill()
        for res in (await ada.get('/'), await ada.post('/', json={'b': 1}),
                    await one.client().post('/', json={'b': 1})):
            assert res.status_code == 503
            assert res.headers['Retry-After'] == '10'
            assert 'Set-Cookie' not in res.headers
        # who asks for no session does not notice
        assert (await ada.get('/plain')).text == 'plain'
        assert (await one.client().get('/')).json == {}
        await asyncio.to_thread(redis_server.start)
        assert (await ada.get('/')).json == {'a': 1}

    caplog.set_level(logging.WARNING, 'microdot.error')
    with_processes(redis_server, test)
    gone, back = [record.getMessage() for record in caplog.records]
    assert 'is gone' in gone and '503' in gone
    assert 'is back' in back


def test_a_body_that_is_not_sent_is_closed(redis_server):  # noqa: F811
    closed = []

    async def test(one, two):
        @one.app.get('/stream')
        async def stream(request):
            request.session['a'] = 1
            request.session.save()
            redis_server.kill()

            class Body:
                def __aiter__(self):
                    return self

                async def __anext__(self):
                    raise StopAsyncIteration

                async def aclose(self):
                    closed.append(True)

            return Body()

        assert (await one.client().get('/stream')).status_code == 503

    with_processes(redis_server, test)
    assert closed == [True]


def test_the_size_is_limited(redis_server):  # noqa: F811
    async def test(one, two):
        one.store.max_session_size = 100

        @one.app.errorhandler(ValueError)
        async def too_large(request, exc):
            return str(exc), 400

        ada = one.client()
        room = 100 - 3 - 10 - 1 - 2
        assert (await ada.post('/', json={'a': 'x' * room})
                ).status_code == 200
        for size in (room + 1, 5000):
            res = await ada.post('/', json={'a': 'x' * size})
            assert res.status_code == 400
            assert 'max_session_size' in res.text
        assert (await ada.get('/')).json == {'a': 'x' * room}

    with_processes(redis_server, test)


def test_a_store_of_another_application_says_so(redis_server):  # noqa: F811
    async def test(one, two):
        seen = []
        app = Microdot()

        @app.get('/')
        async def index(request):
            with pytest.raises(RuntimeError, match='application'):
                one.sessions.get(request)
            seen.append(request)
            return ''

        await TestClient(app).get('/')
        assert seen

    with_processes(redis_server, test)


def test_stores_are_in_the_module_of_sessions():
    from microdot import stores
    assert RedisStore is stores.RedisStore
    assert MemoryStore is stores.MemoryStore
    assert issubclass(SessionDict, dict)
    with pytest.raises(ValueError):
        RedisStore('no url')


def test_under_wsgi_every_request_has_its_session(redis_server):  # noqa: F811
    from wsgiref.util import setup_testing_defaults

    from microdot import wsgi
    app = wsgi.Microdot()
    Session(app, KEY, store=RedisStore(redis_server.url))

    @app.get('/')
    def count(request):
        session = request.session
        session['count'] = session.get('count', 0) + 1
        session.save()
        return str(session['count'])

    cookies = []

    def get():
        environ = {'HTTP_COOKIE': cookies[-1]} if cookies else {}
        setup_testing_defaults(environ)

        def start_response(status, headers):
            assert status == '200 OK'
            cookies.extend(value.partition(';')[0] for name, value in headers
                           if name == 'Set-Cookie')

        return b''.join(app(environ, start_response))

    assert [get() for _ in range(3)] == [b'1', b'2', b'3']
    assert len(cookies) == 1
    app.close()

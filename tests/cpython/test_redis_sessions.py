"""Sessions in a real Redis."""

import asyncio
import contextlib
import logging
import time

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


def test_a_redis_that_can_only_be_read_is_told_once(
        redis_server, caplog):  # noqa: F811
    async def test(one, two):
        ada = one.client()
        await ada.post('/', json={'a': 1})
        async with redis_client(redis_server) as client:
            await client.config_set('maxmemory', 1)
            try:
                for number in range(3):
                    res = await ada.post('/', json={'b': number})
                    assert res.status_code == 503
                    assert (await ada.get('/')).json == {'a': 1}
            finally:
                await client.config_set('maxmemory', 0)
        assert (await ada.post('/', json={'b': 1})).status_code == 200

    caplog.set_level(logging.WARNING, 'microdot.error')
    with_processes(redis_server, test)
    refuses, back = [record.getMessage() for record in caplog.records]
    assert 'refuses' in refuses and '503' in refuses
    assert 'is back' in back


def test_a_redis_that_is_only_saved_to_is_told_to_be_back(
        redis_server, caplog):  # noqa: F811
    async def test(one, two):
        redis_server.kill()
        assert (await one.client().post('/', json={'a': 1})).status_code == 503
        await asyncio.to_thread(redis_server.start)
        assert (await one.client().post('/', json={'a': 1})).status_code == 200

    caplog.set_level(logging.WARNING, 'microdot.error')
    with_processes(redis_server, test)
    gone, back = [record.getMessage() for record in caplog.records]
    assert 'is gone' in gone and 'is back' in back


@pytest.mark.parametrize('together', (3, 4, 150))
def test_requests_share_so_many_connections(
        redis_server, caplog, monkeypatch, together):  # noqa: F811
    monkeypatch.setattr(RedisStore, 'max_connections', 3)

    async def test(one, two):
        ada = one.client()
        await ada.post('/', json={'a': 1})
        clients = [one.client(ada) for _ in range(together)]
        answers = await asyncio.gather(
            *(client.get('/') for client in clients))
        assert [res.json for res in answers] == [{'a': 1}] * together
        async with redis_client(redis_server) as client:
            # (this client is one of those that are listed)
            assert len(await client.client_list()) <= 3 + 1

    with_processes(redis_server, test)
    assert not caplog.records


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


# --- Bodies that are made when the cookie is out

def add_streams(app):
    """Routes whose bodies change the session."""
    @app.get('/begin')
    async def begin(request):
        request.session['seen'] = 0
        request.session.save()
        return ''

    @app.get('/stream')
    async def stream(request):
        async def body():
            yield 'one,'
            session = request.session
            session['seen'] = session.get('seen', 0) + 1
            session.save()
            yield 'two'
        return body()

    @app.get('/sync')
    def sync(request):
        def body():
            yield 'one,'
            session = request.session
            session['seen'] = session.get('seen', 0) + 1
            session.save()
            yield 'two'
        return body()

    @app.get('/forget')
    async def forget(request):
        async def body():
            yield 'one,'
            request.session.delete()
            yield 'two'
        return body()

    @app.get('/tell')
    async def tell(request):
        return str(request.session.get('seen'))


async def until_seen(ask, expected):
    """Ask until a body's changes have been saved, which is after its end."""
    deadline = time.monotonic() + PATIENCE_S
    while await ask() != expected:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


class BuiltIn:
    """Asks the built-in server over a socket."""

    def __init__(self, url, **options):
        self.store = RedisStore(url)
        self.app = Microdot()
        Session(self.app, KEY, store=self.store, **options)
        add_streams(self.app)
        self.cookie = ''

    async def __aenter__(self):
        self.server = await self.app.start_server(
            '127.0.0.1', 0, start_serving=False)
        self.task = asyncio.create_task(self.server.serve_forever())
        return self

    async def __aexit__(self, *args):
        self.app.shutdown()
        await self.task

    async def get(self, path):
        port = self.server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection('127.0.0.1', port)
        writer.write(b'GET %b HTTP/1.0\r\nCookie: %b\r\n\r\n' % (
            path.encode(), self.cookie.encode()))
        head, _, body = (await reader.read()).decode().partition(
            '\r\n\r\n')
        writer.close()
        self.take(line.partition(': ') for line in head.split('\r\n'))
        return body

    def take(self, headers):
        for name, _, value in headers:
            if name.lower() == 'set-cookie':
                self.cookie = value.partition(';')[0]


class Asgi(BuiltIn):
    """Asks by the protocol of ASGI."""

    def __init__(self, url, **options):
        from microdot import asgi
        self.store = RedisStore(url)
        self.app = asgi.Microdot()
        Session(self.app, KEY, store=self.store, **options)
        add_streams(self.app)
        self.cookie = ''

    async def __aenter__(self):
        return self

    async def __aexit__(self, *args):
        if self.app.background:
            await self.app.background.finish()
        await self.store.close()

    async def get(self, path):
        sent = []

        async def receive():
            if not sent:
                return {'type': 'http.request'}
            await asyncio.Event().wait()

        async def send(message):
            sent.append(message)

        await self.app({
            'type': 'http', 'asgi': {'version': '3.0'}, 'method': 'GET',
            'http_version': '1.1', 'path': path, 'query_string': b'',
            'headers': [(b'host', b'a'), (b'cookie', self.cookie.encode())],
        }, receive, send)
        self.take((name.decode(), '', value.decode())
                  for name, value in sent[0]['headers'])
        return b''.join(each.get('body', b'') for each in sent[1:]).decode()


class Wsgi(Asgi):
    """Asks by the protocol of WSGI."""

    def __init__(self, url, **options):
        from microdot import wsgi
        self.app = wsgi.Microdot()
        Session(self.app, KEY, store=RedisStore(url), **options)
        add_streams(self.app)
        self.cookie = ''

    async def __aexit__(self, *args):
        await asyncio.to_thread(self.app.close)

    async def get(self, path):
        return await asyncio.to_thread(self.ask, path)

    def ask(self, path):
        from wsgiref.util import setup_testing_defaults
        environ = {'PATH_INFO': path, 'HTTP_COOKIE': self.cookie}
        setup_testing_defaults(environ)
        body = self.app(environ, lambda status, headers: self.take(
            (name, '', value) for name, value in headers))
        try:
            return b''.join(body).decode()
        finally:
            body.close()


def with_gateway(gateway, redis_server, test, **options):  # noqa: F811
    async def main():
        async with gateway(redis_server.url, **options) as client:
            await asyncio.wait_for(test(client), PATIENCE_S)

    asyncio.run(main())


every_gateway = pytest.mark.parametrize(
    'gateway', [BuiltIn, Asgi, Wsgi], ids=lambda each: each.__name__.lower())


@every_gateway
@pytest.mark.parametrize('auto_save', [False, True])
@pytest.mark.parametrize('path', ['/stream', '/sync'])
def test_what_a_streamed_body_changes_is_saved(
        gateway, path, auto_save, redis_server):  # noqa: F811
    async def test(client):
        await client.get('/begin')
        for number in range(1, 4):
            assert await client.get(path) == 'one,two'
            await until_seen(lambda: client.get('/tell'), str(number))

    with_gateway(gateway, redis_server, test, auto_save=auto_save)


@every_gateway
def test_a_streamed_body_may_end_the_session(
        gateway, redis_server):  # noqa: F811
    async def test(client):
        await client.get('/begin')
        assert await client.get('/forget') == 'one,two'
        await until_seen(lambda: client.get('/tell'), 'None')
        async with redis_client(redis_server) as redis:
            assert await redis.keys('*') == []

    with_gateway(gateway, redis_server, test)


@every_gateway
def test_a_streamed_body_cannot_begin_one(
        gateway, redis_server):  # noqa: F811
    async def test(client):
        assert await client.get('/stream') == 'one,two'
        assert await client.get('/tell') == 'None'
        assert client.cookie == ''
        async with redis_client(redis_server) as redis:
            assert await redis.keys('*') == []

    with_gateway(gateway, redis_server, test)


def test_a_client_that_leaves_amid_a_body_has_what_was_saved(
        redis_server):  # noqa: F811
    async def test(client):
        sent = asyncio.Event()

        @client.app.get('/endless')
        async def endless(request):
            async def body():
                request.session['seen'] = 7
                request.session.save()
                yield 'one,'
                sent.set()
                await asyncio.Event().wait()
            return body()

        await client.get('/begin')
        port = client.server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection('127.0.0.1', port)
        writer.write(b'GET /endless HTTP/1.0\r\nCookie: %b\r\n\r\n'
                     % client.cookie.encode())
        await sent.wait()
        writer.close()
        await until_seen(lambda: client.get('/tell'), '7')

    with_gateway(BuiltIn, redis_server, test)


@pytest.mark.filterwarnings(
    'ignore::pytest.PytestUnraisableExceptionWarning')
def test_a_late_change_that_is_lost_is_logged(
        redis_server, caplog):  # noqa: F811
    async def test(client):
        @client.app.get('/cut')
        async def cut(request):
            async def body():
                request.session['seen'] = 7
                redis_server.kill()
                request.session.save()
                yield 'one'
            return body()

        await client.get('/begin')
        assert await client.get('/cut') == 'one'
        while not any('is lost' in record.getMessage()
                      for record in caplog.records):
            await asyncio.sleep(0.005)

    caplog.set_level(logging.WARNING, 'microdot.error')
    with_gateway(BuiltIn, redis_server, test)

"""Async generators around serving, on every server."""

import asyncio
import contextlib
import functools
import io

import pytest

import microdot.asgi
import microdot.wsgi
from microdot import Microdot
from microdot.test_client import TestClient
from servers import free_port


def follow(app, trace, name):
    """Give *app* a lifespan that tells when it begins and ends."""
    @app.lifespan
    async def lifespan():
        trace.append(name)
        yield
        trace.append('-' + name)

    return lifespan


async def with_client(app, path='/'):
    async with TestClient(app) as client:
        return await client.get(path)


def test_they_begin_in_order_and_end_in_the_reverse_one():
    app = Microdot()
    trace = []
    follow(app, trace, 'a')
    app.on_startup(lambda: trace.append('up'))
    app.on_shutdown(lambda: trace.append('down'))
    follow(app, trace, 'b')
    app.get('/')(lambda request: trace.append('served') or 'x')
    asyncio.run(with_client(app))
    assert trace == ['a', 'up', 'b', 'served', '-b', 'down', '-a']


def test_it_can_be_used_again():
    app = Microdot()
    trace = []
    follow(app, trace, 'a')
    for _ in range(2):
        asyncio.run(with_client(app))
    assert trace == ['a', '-a', 'a', '-a']


def test_two_at_a_time_have_one_each():
    app = Microdot()
    trace = []
    follow(app, trace, 'a')

    async def both():
        async with TestClient(app):
            async with TestClient(app):
                assert trace == ['a', 'a']
        assert trace == ['a', 'a', '-a', '-a']

    asyncio.run(both())


def test_the_decorator_returns_the_function():
    async def lifespan():
        yield

    assert Microdot().lifespan(lifespan) is lifespan


def test_it_may_take_the_application():
    app = Microdot()
    seen = []

    @app.lifespan
    async def lifespan(it):
        seen.append(it)
        yield

    asyncio.run(with_client(app))
    assert seen == [app]


def test_it_may_be_a_context_manager_already():
    app = Microdot()
    trace = []

    @app.lifespan
    @contextlib.asynccontextmanager
    async def lifespan():
        trace.append('up')
        yield
        trace.append('down')

    asyncio.run(with_client(app))
    assert trace == ['up', 'down']


def test_both_parts_run_in_one_task():
    app = Microdot()
    tasks = []

    @app.lifespan
    async def lifespan():
        tasks.append(asyncio.current_task())
        yield
        tasks.append(asyncio.current_task())

    asyncio.run(with_client(app))
    assert tasks[0] is tasks[1]


def test_one_of_a_mounted_application_runs_once():
    app = Microdot()
    child = Microdot()
    trace = []
    follow(child, trace, 'child')
    app.mount(child, '/a')
    app.mount(child, '/b', local=True)
    asyncio.run(with_client(app))
    assert trace == ['child', '-child']


def test_if_one_fails_to_begin_those_before_it_end():
    app = Microdot()
    trace = []
    follow(app, trace, 'a')

    @app.lifespan
    async def fails():
        raise KeyError('on purpose')
        yield

    follow(app, trace, 'c')
    with pytest.raises(KeyError, match='on purpose'):
        asyncio.run(with_client(app))
    assert trace == ['a', '-a']


def test_if_one_fails_to_end_the_others_end():
    app = Microdot()
    trace = []
    follow(app, trace, 'a')

    @app.lifespan
    async def fails():
        yield
        raise KeyError('on purpose')

    follow(app, trace, 'c')
    with pytest.raises(KeyError, match='on purpose'):
        asyncio.run(with_client(app))
    assert trace == ['a', 'c', '-c', '-a']


def test_one_yield_is_meant():
    for count, error in ((0, "didn't yield"), (2, "didn't stop")):
        app = Microdot()

        @app.lifespan
        async def lifespan(count=count):
            for _ in range(count):
                yield

        with pytest.raises(RuntimeError, match=error):
            asyncio.run(with_client(app))


def test_a_start_that_is_cancelled_is_unwound():
    app = Microdot()
    trace = []

    @app.lifespan
    async def lifespan():
        try:
            trace.append('waits')
            await asyncio.Event().wait()
            yield
        finally:
            trace.append('unwound')

    async def cancelled():
        task = asyncio.create_task(with_client(app))
        while not trace:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert trace == ['waits', 'unwound']

    asyncio.run(cancelled())


async def coroutine():
    pass


async def too_many(app, more):
    yield


@pytest.mark.parametrize('function, said', [
    (coroutine, r'one yield.*this is coroutine \('),
    (lambda: None, 'one yield'), (42, 'this is an int'),
    (too_many, r'takes the application or nothing.*too_many')])
def test_what_is_no_lifespan_is_refused(function, said):
    with pytest.raises(TypeError, match=said):
        Microdot().lifespan(function)


def test_a_partial_may_be_one():
    app = Microdot()
    trace = []

    async def lifespan(name):
        trace.append(name)
        yield

    app.lifespan(functools.partial(lifespan, 'a'))
    asyncio.run(with_client(app))
    assert trace == ['a']


def test_the_built_in_server_runs_it():
    app = Microdot()
    trace = []
    follow(app, trace, 'a')
    follow(app, trace, 'b')

    @app.on_startup
    async def end():
        trace.append('serves')
        app.shutdown()

    app.run('127.0.0.1', free_port(), banner=False)
    assert trace == ['a', 'b', 'serves', '-b', '-a']


def test_asgi_runs_it():
    app = microdot.asgi.Microdot()
    trace = []
    sent = []
    messages = ['startup', 'shutdown']
    follow(app, trace, 'a')

    async def receive():
        return {'type': 'lifespan.' + messages.pop(0)}

    async def send(message):
        sent.append(message['type'])
        trace.append('sent')

    asyncio.run(app({'type': 'lifespan'}, receive, send))
    assert trace == ['a', 'sent', '-a', 'sent']
    assert sent == ['lifespan.startup.complete', 'lifespan.shutdown.complete']


def test_wsgi_runs_it():
    app = microdot.wsgi.Microdot()
    trace = []
    follow(app, trace, 'a')
    app.get('/')(lambda request: trace.append('served') or 'x')
    body = app({'REQUEST_METHOD': 'GET', 'PATH_INFO': '/', 'SCRIPT_NAME': '',
                'SERVER_PROTOCOL': 'HTTP/1.1', 'wsgi.url_scheme': 'http',
                'SERVER_NAME': 'x', 'SERVER_PORT': '80',
                'wsgi.input': io.BytesIO(), 'wsgi.errors': io.StringIO()},
               lambda status, headers, exc_info=None: trace.append(status))
    assert b''.join(body) == b'x'
    app.close()
    assert trace == ['a', 'served', '200 OK', '-a']

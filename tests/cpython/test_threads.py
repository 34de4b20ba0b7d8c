"""Plain handlers and the threads that they have."""

import asyncio
import threading

import pytest

from microdot import Microdot
from microdot import _cpython as parts
from microdot.microdot import Disconnected
from microdot.test_client import TestClient

#: The longest that anything may take, in seconds.
PATIENCE_S = 10


@pytest.fixture(autouse=True)
def threads(monkeypatch):
    threads = parts.Threads()
    monkeypatch.setattr(parts, '_handlers', threads)
    monkeypatch.setattr(parts.Microdot, 'max_threads', 2)
    return threads


def blocking_app():
    """Return an application whose handler waits until it is let go."""
    app = Microdot()
    app.go = threading.Event()
    app.began = []

    @app.get('/<name>')
    def handler(request, name):
        app.began.append(name)
        assert app.go.wait(PATIENCE_S)
        return name

    return app


async def until(condition):
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)


def test_there_are_as_many_threads_as_are_allowed():
    async def main():
        app = blocking_app()
        client = TestClient(app)
        tasks = [asyncio.create_task(client.get('/%d' % i)) for i in range(5)]
        await until(lambda: len(app.began) == 2)
        app.go.set()
        assert sorted([(await task).text for task in tasks]) == list('01234')
        assert parts._handlers.threads == 2

    asyncio.run(main())


def test_what_more_than_may_wait_is_answered_with_503(threads):
    async def main():
        threads.max_waiting = 3
        app = blocking_app()
        client = TestClient(app)
        tasks = [asyncio.create_task(client.get('/%d' % i)) for i in range(2)]
        await until(lambda: len(app.began) == 2)
        tasks += [asyncio.create_task(client.get('/w')) for i in range(3)]
        await until(lambda: threads.waiting.qsize() == 3)
        for _ in range(3):
            res = await client.get('/over')
            assert res.status_code == 503
            assert res.headers['Retry-After'] == '1'
        app.go.set()
        assert {(await task).status_code for task in tasks} == {200}
        assert 'over' not in app.began

    asyncio.run(main())


def test_files_and_hashing_do_not_wait_for_handlers():
    async def main():
        from microdot.password import hash_password
        app = blocking_app()
        client = TestClient(app)
        tasks = [asyncio.create_task(client.get('/%d' % i)) for i in range(2)]
        await until(lambda: len(app.began) == 2)
        await asyncio.wait_for(hash_password('secret'), PATIENCE_S)
        app.go.set()
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_what_nobody_waits_for_is_not_begun(threads):
    async def main():
        go = threading.Event()
        began = []
        first = threads.submit(1, lambda: go.wait(PATIENCE_S))
        left = threads.submit(1, lambda: began.append('left'), lambda: True)
        cancelled = threads.submit(1, lambda: began.append('cancelled'))
        cancelled.cancel()
        last = threads.submit(1, lambda: began.append('last'), lambda: False)
        go.set()
        await first
        with pytest.raises(Disconnected):
            await left
        await last
        assert began == ['last']

    asyncio.run(main())


def test_threads_do_not_keep_the_process(threads):
    async def main():
        app = blocking_app()
        task = asyncio.create_task(TestClient(app).get('/a'))
        await until(lambda: app.began)
        found = [thread for thread in threading.enumerate()
                 if thread.name == 'microdot-handler']
        assert found
        assert all(thread.daemon for thread in found)
        app.go.set()
        await task

    asyncio.run(main())

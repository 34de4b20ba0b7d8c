"""Handlers that use tasks of their own, and what becomes of these."""

import asyncio
import sys

import pytest

from microdot import Microdot

PATIENCE_S = 30

needs_3_11 = pytest.mark.skipif(sys.version_info < (3, 11),
                                reason='no TaskGroup, no cancelling()')
GET = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'


def serve(app, client):
    """Serve an application while a client coroutine talks to it. Return what
    that returns, what was logged, and what the event loop complained of."""
    async def main():
        complaints = []
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: complaints.append(context))
        logged = []
        app.log_exception = lambda req, exc: logged.append(exc)
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        await server.start_serving()
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname()[:2])
        try:
            result = await client(reader, writer)
        finally:
            writer.transport.abort()
            server.close()
            await server.wait_closed()
        assert app.counters['open'] == 0
        return result, logged, complaints

    return asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


async def ask(reader, writer):
    writer.write(GET + GET)
    return await reader.read()


@needs_3_11
def test_handler_that_awaits_what_was_cancelled_is_answered_with_500():
    app = Microdot()

    @app.get('/')
    async def index(request):
        task = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        task.cancel()
        await task

    answer, logged, complaints = serve(app, ask)
    assert answer.startswith(b'HTTP/1.1 500 ')
    # nothing is known of the state of the handler: the connection is closed
    assert b'\r\nConnection: close\r\n' in answer
    assert answer.count(b'HTTP/1.1') == 1
    assert [type(exc) for exc in logged] == [asyncio.CancelledError]
    assert not complaints


@needs_3_11
def test_handler_that_has_answered_before_is_not_answered_again():
    app = Microdot()

    @app.get('/')
    async def index(request):
        await request.sock[1].awrite(b'own')
        raise asyncio.CancelledError

    answer, logged, complaints = serve(app, ask)
    assert answer == b'own'
    assert not complaints


@needs_3_11
def test_stream_that_is_cancelled_by_itself_is_cut():
    app = Microdot()

    @app.get('/')
    async def index(request):
        async def pieces():
            yield 'piece'
            raise asyncio.CancelledError
        return pieces()

    answer, logged, complaints = serve(app, ask)
    assert answer.endswith(b'\r\n\r\n5\r\npiece\r\n')
    assert not complaints


def test_task_that_is_cancelled_from_outside_is_not_answered():
    app = Microdot()

    @app.get('/')
    async def index(request):
        asyncio.current_task().cancel()
        await asyncio.sleep(60)

    answer, logged, complaints = serve(app, ask)
    assert answer == b''
    assert not logged and not complaints


@needs_3_11
def test_client_that_leaves_while_a_group_reads_its_body_is_silent():
    app = Microdot()
    ended = []

    # (what is larger stays on the stream)
    @app.post('/', max_content_length=100000, max_body_length=1000)
    async def upload(request):
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(request.stream.readexactly(90000))
                group.create_task(asyncio.sleep(60))
        finally:
            ended.append(True)

    async def leave(reader, writer):
        writer.write(b'POST / HTTP/1.1\r\nHost: a\r\n'
                     b'Content-Length: 90000\r\n\r\nabc')
        while not app.counters['requests']:
            await asyncio.sleep(0.01)
        writer.close()
        while app.counters['open']:
            await asyncio.sleep(0.01)

    result, logged, complaints = serve(app, leave)
    assert ended == [True]
    assert not logged and not complaints


def test_timeouts_cost_neither_a_task_nor_a_timer_per_request():
    app = Microdot()
    app.sweep_interval = 60  # seconds, in which the requests are over
    count = 200
    timers = []
    tasks = []

    @app.post('/')
    async def index(request):
        await asyncio.sleep(0)
        tasks.append(len(asyncio.all_tasks()))
        return request.body

    async def client(reader, writer):
        loop = asyncio.get_running_loop()
        call_at = loop.call_at
        loop.call_at = lambda *args, **kwargs: (
            timers.append(args) or call_at(*args, **kwargs))
        for _ in range(count):
            # each of these waits under three deadlines: for the rest of a
            # head, for the rest of a body, for the next request
            for piece in (b'POST / HTTP/1.1\r\nHost: a\r\n',
                          b'Content-Length: 5\r\n\r\nhe', b'llo'):
                writer.write(piece)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            assert (await reader.readuntil(b'hello')).startswith(
                b'HTTP/1.1 200 ')
        del loop.call_at

    result, logged, complaints = serve(app, client)
    assert len(tasks) == count
    # the sweep, this test, the server, and the connection itself
    assert max(tasks) <= 6
    # looks at the deadlines
    assert len(timers) <= 5
    assert not logged and not complaints

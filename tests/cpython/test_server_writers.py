"""Writing much, slowly or twice, and threads that end in an odd way."""

import asyncio

from microdot import Microdot, Response
from microdot.test_client import TestClient

PATIENCE_S = 20


def serve(app, client):
    """Serve an application while a client coroutine talks to it."""
    async def main():
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        port = server.sockets[0].getsockname()[1]
        await server.start_serving()
        reader, writer = await asyncio.open_connection(
            '127.0.0.1', port, limit=1024)
        try:
            return await client(reader, writer)
        finally:
            writer.close()
            server.close()
            await server.wait_closed()

    return asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def test_stop_iteration_in_a_thread_is_answered_with_500(capsys):
    app = Microdot()

    @app.get('/')
    def empty(request):
        return next(iter(()))

    res = asyncio.run(asyncio.wait_for(TestClient(app).get('/'), PATIENCE_S))
    assert res.status_code == 500


def test_two_tasks_may_write_to_one_connection():
    app = Microdot()
    size = 6 * 1024 * 1024
    done = []

    @app.get('/')
    async def both(request):
        async def write():
            await request.sock[1].awrite(b'x' * size)
            done.append(True)

        await asyncio.gather(write(), write())
        return Response.already_handled

    async def client(reader, writer):
        writer.write(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        await asyncio.sleep(0.2)  # until both of them wait
        count = 0
        while data := await reader.read(65536):
            count += len(data)
        return count

    assert serve(app, client) == 2 * size
    assert done == [True, True]
    assert app.counters['open'] == 0


def test_slow_reader_of_a_large_body_is_not_a_stalled_one():
    app = Microdot()
    app.sweep_interval = 0.05
    app.stall_timeout = 0.4
    size = 32 * 1024 * 1024

    @app.get('/')
    async def large(request):
        return b'x' * size

    async def client(reader, writer):
        writer.write(b'GET / HTTP/1.1\r\nHost: a\r\nConnection: close'
                     b'\r\n\r\n')
        await reader.readuntil(b'\r\n\r\n')
        count = pause = 0
        while data := await reader.read(65536):
            count += len(data)
            if count - pause > 1024 * 1024:
                pause = count
                await asyncio.sleep(0.05)
        return count

    assert serve(app, client) == size
    assert app.counters['timed_out'] == 0


def test_last_answer_reaches_a_client_that_goes_on_sending():
    app = Microdot()
    app.max_requests = 100
    request = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

    @app.get('/')
    async def index(request):
        return 'x' * 100

    async def client(reader, writer):
        async def send():
            try:
                for _ in range(200):
                    writer.write(request * 20)
                    await writer.drain()
            except ConnectionError:
                pass

        sending = asyncio.create_task(send())
        data = b''
        while piece := await reader.read(1000):
            data += piece
            await asyncio.sleep(0)
        await sending
        return data

    data = serve(app, client)
    assert data.count(b'HTTP/1.1 200 OK') == 100
    assert data.count(b'Connection: close') == 1
    assert data.endswith(100 * b'x')
    assert app.counters['requests'] == 100
    assert app.counters['timed_out'] == app.counters['open'] == 0


def test_client_that_goes_on_sending_for_ever_is_cut():
    app = Microdot()
    app.sweep_interval = 0.02
    app.drain_timeout = 0.1
    app.max_requests = 1
    request = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

    @app.get('/')
    async def index(request):
        return 'x'

    async def client(reader, writer):
        try:
            while True:
                writer.write(request * 20)
                await writer.drain()
                await asyncio.sleep(0.001)
        except ConnectionError:
            return app.counters['open']

    assert serve(app, client) == 0
    assert app.counters['requests'] == 1

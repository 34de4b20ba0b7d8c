"""Who still reads when the connection goes on gets nothing of what follows."""

import asyncio

import pytest

from microdot import Microdot, Request

PATIENCE = 30
HEAD = b' HTTP/1.1\r\nHost: a\r\nContent-Length: '


async def talk(app, *messages):
    """Serve messages of one client, each after the answer to the one before;
    return the last answer's body."""
    server = await app.start_server('127.0.0.1', 0, start_serving=False)
    task = asyncio.create_task(server.serve_forever())
    reader, writer = await asyncio.open_connection(
        *server.sockets[0].getsockname()[:2])
    for message in messages:
        if callable(message):
            await message()
            continue
        writer.write(message)
        if message.endswith(b'-'):
            continue  # the rest is to follow
        head = await reader.readuntil(b'\r\n\r\n')
        size = int(head.partition(b'Content-Length: ')[2].split()[0])
        body = await reader.readexactly(size)
    writer.close()
    app.shutdown()
    await task
    return body


@pytest.mark.parametrize('method, args', [
    ('read', ()), ('read', (5,)), ('readexactly', (5,)), ('readline', ()),
    ('readuntil', (b'x',)), ('__anext__', ())])
def test_a_task_with_the_stream_of_an_earlier_request(
        method, args, monkeypatch):
    monkeypatch.setattr(Request, 'max_body_length', 1)
    app = Microdot()
    seen = []
    go = asyncio.Event()

    async def late(stream):
        await go.wait()
        try:
            seen.append(await getattr(stream, method)(*args))
        except RuntimeError as exc:
            seen.append(str(exc))

    @app.post('/early')
    async def early(request):
        assert await request.stream.readexactly(3) == b'abc'
        seen.append(asyncio.create_task(late(request.stream)))
        return 'early'

    @app.post('/next')
    async def follow(request):
        data = await request.stream.readexactly(5)
        go.set()
        return data + await request.stream.read()

    async def wait():
        while len(seen) < 2:
            await asyncio.sleep(0)

    body = asyncio.run(asyncio.wait_for(talk(
        app, b'POST /early' + HEAD + b'6\r\n\r\nabcdef',
        b'POST /next' + HEAD + b'16\r\n\r\nsecret-', wait, b'123456789'),
        PATIENCE))
    assert body == b'secret-123456789'
    assert seen[1:] == ['read the body before you answer']


def test_all_ways_to_read_it_are_there(monkeypatch):
    monkeypatch.setattr(Request, 'max_body_length', 1)
    app = Microdot()

    @app.post('/')
    async def view(request):
        stream = request.stream
        found = [await stream.readline(), await stream.readuntil(b'c'),
                 await stream.readexactly(2), await stream.read(2)]
        async for piece in stream:
            found.append(piece)
        assert (stream.done, await stream.read()) == (True, b'')
        return b'|'.join(found)

    body = asyncio.run(asyncio.wait_for(talk(
        app, b'POST /' + HEAD + b'14\r\n\r\na\nbcdefghijklm'), PATIENCE))
    assert body == b'a\n|bc|de|fg|hijklm'

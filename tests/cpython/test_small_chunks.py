"""Chunks of a few bytes each, of which those that are here come at once."""
import random

import pytest

from helpers import run
from microdot import Microdot, Request
from microdot._cpython.wire import whole_chunks
from serving import Server

HEAD = b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'


def encode(pieces, line=b'%x'):
    """Return chunks, each after the end of line that the one before lacks."""
    return b''.join(b'\r\n' + line % len(piece) + b'\r\n' + piece
                    for piece in pieces)


def take(data, most=10 ** 6, pos=0):
    pieces, size, end = whole_chunks(data, pos, most)
    content = b''.join(pieces)
    assert len(content) == size <= most
    return content, end


@pytest.mark.parametrize('seed', range(40))
def test_they_are_what_they_are_one_by_one(seed):
    chance = random.Random(seed)
    pieces = []
    while len(pieces) < 500:
        size = chance.choice((1, 1, 2, 3, 8, 9, 16, 40, 300))
        for _ in range(chance.choice((1, 2, 5, 17, 100))):
            pieces.append(chance.choice((b'\r', b'\n', b'1', b'x')) * size)
    data = encode(pieces)
    content = b''.join(pieces)
    assert take(data) == (content, len(data))
    assert take(b'abc' + data, pos=3) == (content, len(data) + 3)
    for _ in range(20):
        cut = chance.randrange(len(data))
        found, end = take(data[:cut])
        assert content.startswith(found) and end <= cut
        # and what follows is found from there
        assert found + take(data, pos=end)[0] == content
        most = chance.randrange(len(content))
        found, end = take(data, most)
        assert found + take(data, pos=end)[0] == content
        assert most - len(found) < 300


@pytest.mark.parametrize('data', (
    b'', b'\r', b'\r\n', b'\r\n1', b'\r\n1\r\n', b'x\r\n1\r\na',
    b'\r\n0\r\n\r\n', b'\r\n1;a\r\nx', b'\r\n1 \r\nx', b'\r\n-1\r\nx',
    b'\r\n0x1\r\nx', b'\r\n\r\nx', b'\r\n123456789\r\nx', b'\r\n2\r\nx',
    b'\n1\r\nx', b'\r\n1\nx'))
def test_all_but_whole_plain_ones_are_left(data):
    assert take(data) == (b'', 0)
    first = encode([b'a', b'b', b'cd'])
    assert take(first + data) == (b'abcd', len(first))
    many = encode([b'a'] * 100)
    assert take(many + data) == (b'a' * 100, len(many))


def test_sizes_may_have_zeros_and_capitals():
    pieces = [b'x' * 10] * 40
    for line in (b'%02x', b'%08x', b'%X', b'000%X'):
        data = encode(pieces, line)
        assert take(data) == (b'x' * 400, len(data))


def test_of_equal_ones_no_more_are_taken_than_asked_for():
    data = encode([b'ab'] * 5000)
    for most in (1, 2, 3, 31, 32, 33, 9999, 10000):
        assert len(take(data, most)[0]) == most // 2 * 2


def serve(check, limit=20000):
    async def main():
        app = Microdot()
        app.pieces = []

        @app.post('/', max_content_length=limit)
        async def index(request):
            app.pieces = []
            async for piece in request.stream:
                app.pieces.append(piece)
            return b''.join(app.pieces)

        async with Server(app) as server:
            await check(app, server)

    run(main())


def test_thousands_take_a_few_steps(monkeypatch):
    monkeypatch.setattr(Request, 'max_body_length', 0)
    content = bytes(i % 251 for i in range(10000))
    pieces = [content[i:i + 1] for i in range(len(content))]
    data = HEAD + encode(pieces)[2:] + b'\r\n0\r\n\r\n'

    async def check(app, server):
        for split in (len(data), 10007):
            client = await server.connect()
            for i in range(0, len(data), split):
                await client.send(data[i:i + split])
            assert (await client.answer()).body == content
            assert len(app.pieces) < 50
            await client.close()

    serve(check)


@pytest.mark.parametrize('kept', (0, 20000))
def test_the_limit_is_that_of_the_core(monkeypatch, kept):
    monkeypatch.setattr(Request, 'max_body_length', kept)

    async def check(app, server):
        for size, status in ((20000, 200), (20001, 413), (25000, 413)):
            answer = await server.ask(
                HEAD + encode([b'x'] * size)[2:] + b'\r\n0\r\n\r\n')
            assert (size, answer.status) == (size, status)

    serve(check)


def test_what_follows_is_judged_as_ever():
    async def check(app, server):
        for more, status in ((b'\r\n0\r\nX: y\r\n\r\n', 200),
                             (b'\r\n0\r\nX : y\r\n\r\n', 400),
                             (b'x\r\n0\r\n\r\n', 400),
                             (b'\r\n1 \r\nx\r\n0\r\n\r\n', 400),
                             (b'\r\n1;a=b\r\nx\r\n0\r\n\r\n', 200)):
            answer = await server.ask(
                HEAD + encode([b'x'] * 300)[2:] + more)
            assert (more, answer.status) == (more, status)

    serve(check)

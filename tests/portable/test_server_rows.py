"""Every row of requests and responses over real connections."""

import asyncio
import unittest

from helpers import run
from serving import Server, soon
from wire_rows import (
    BAD_REQUESTS,
    CONVERSATIONS,
    RESPONSES,
    B,
    Echo,
    accepted_chunks,
    accepted_framings,
    accepted_heads,
    refused_chunks,
    refused_framings,
    refused_heads,
)

SMUGGLED = b'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'


async def connect(server):
    client = await server.connect()
    if hasattr(client.writer, 's'):
        # boards: or else bytes wait for each other (TCP_NODELAY)
        client.writer.s.setsockopt(6, 1, 1)
    return client


async def send_whole(client, data, task):
    await client.send(data)


async def send_bytes(client, data, task):
    # the server reads each of them before the next is written
    last = len(data) - 1
    if data[-len(B):] == B:
        # at once, as the server may close when it has come so far
        last -= len(B)
    for i in range(last):
        if task.done():
            return  # refused before the end
        client.writer.write(data[i:i + 1])
        await client.writer.drain()
        await asyncio.sleep(0)
    await client.send(data[last:])


async def ask(client, send, data, expected):
    """Send bytes, and return the answers as they are in a row."""
    async def receive():
        found = []
        for status, body, keeps in expected:
            answer = await client.answer('HEAD' if body is None else 'GET')
            found.append((answer.status, None if body is None else answer.body,
                          not answer.closes))
        return found

    task = asyncio.create_task(receive())
    try:
        await soon(send(client, data, task))
    except OSError:
        if expected[-1][2]:
            raise
    return await soon(task)


def serve(check):
    """Run ``check(app, server)`` with a server of :class:`Echo`."""
    async def main():
        app = Echo()
        app.max_connections = 100
        app.max_requests = 1000
        app.sweep_interval = 0.02
        async with Server(app) as server:
            await check(app, server)

    run(main())


class TestRequests(unittest.TestCase):
    def accept(self, send, rows):
        async def check(app, server):
            client = await connect(server)
            count = 0
            for name, wire, expected in rows:
                found = await ask(client, send, wire, expected)
                self.assertEqual((name, found), (name, expected))
                # whole answers, and no more
                self.assertEqual((name, client.data), (name, b''))
                count += len([row for row in expected if row[0] != 100])
                if not expected[-1][2]:
                    await client.close()
                    client = await connect(server)
            await client.close()
            await server.idle()
            # what follows the last of a connection has not been answered
            self.assertEqual(app.counters['requests'], count)

        serve(check)

    def test_heads_are_answered(self):
        self.accept(send_whole, accepted_heads())

    def test_heads_are_answered_one_byte_at_a_time(self):
        self.accept(send_bytes, accepted_heads())

    def test_framings_are_answered(self):
        self.accept(send_whole, accepted_framings())

    def test_framings_are_answered_one_byte_at_a_time(self):
        self.accept(send_bytes, accepted_framings())

    def test_chunks_are_answered(self):
        self.accept(send_whole, accepted_chunks())

    def test_chunks_are_answered_one_byte_at_a_time(self):
        self.accept(send_bytes, accepted_chunks())

    def test_conversations_are_answered(self):
        self.accept(send_whole, CONVERSATIONS)

    def test_conversations_are_answered_one_byte_at_a_time(self):
        self.accept(send_bytes, CONVERSATIONS)

    def refuse(self, send, rows):
        async def check(app, server):
            count = 0
            for name, wire, status in rows:
                count += 1
                client = await connect(server)
                found = await ask(client, send, wire + SMUGGLED,
                                  [(status, b'', False)])
                self.assertEqual((name, found[0][0], found[0][2]),
                                 (name, status, False))
                # what comes behind it is no answer
                self.assertEqual((name, client.data), (name, b''))
                await client.close()
            await server.idle()
            self.assertEqual(app.counters['requests'], count)
            self.assertFalse('/smuggled' in app.seen)

        serve(check)

    def test_heads_are_refused(self):
        self.refuse(send_whole, refused_heads())

    def test_heads_are_refused_one_byte_at_a_time(self):
        self.refuse(send_bytes, refused_heads())

    def test_framings_are_refused(self):
        self.refuse(send_whole, refused_framings())

    def test_framings_are_refused_one_byte_at_a_time(self):
        self.refuse(send_bytes, refused_framings())

    def test_chunks_are_refused(self):
        self.refuse(send_whole, refused_chunks())

    def test_chunks_are_refused_one_byte_at_a_time(self):
        self.refuse(send_bytes, refused_chunks())

    def test_requests_are_refused(self):
        self.refuse(send_whole, BAD_REQUESTS)

    def test_requests_are_refused_one_byte_at_a_time(self):
        self.refuse(send_bytes, BAD_REQUESTS)


class TestResponses(unittest.TestCase):
    def ask(self, method, version, check_row):
        async def check(app, server):
            client = await server.connect()
            for number in range(len(RESPONSES)):
                await client.send(b'%s /row/%d HTTP/%s\r\nHost: a\r\n\r\n' % (
                    method, number, version))
                head = await client.line(b'\r\n\r\n')
                closes = await check_row(
                    client, RESPONSES[number], head.split(b'\r\n'))
                if closes:
                    self.assertEqual(await client.rest(), b'')
                    await client.close()
                    client = await server.connect()
            failures = [row for row in RESPONSES if b' 500 ' in row[2][0]]
            if method == b'GET':
                self.assertEqual(len(server.logged), len(failures))
            server.logged.clear()

        serve(check)

    def test_rows_are_sent_as_they_should_be(self):
        async def check(client, row, lines):
            name, make, expected, body, keeps = row
            closes = b'Connection: close' in lines
            dates = [line for line in lines if line[:6] == b'Date: ']
            self.assertTrue(len(dates) <= 1)
            self.assertEqual((name, lines[0]), (name, expected[0]))
            self.assertEqual(
                (name, sorted([line for line in lines if line not in dates
                               and line != b'Connection: close'])),
                (name, sorted(expected)))
            self.assertEqual((name, closes), (name, not keeps))
            self.assertEqual((name, await client.take(len(body))),
                             (name, body))
            return closes

        self.ask(b'GET', b'1.1', check)

    def test_rows_have_no_body_for_head(self):
        async def check(client, row, lines):
            # the next row begins where this head ends
            self.assertEqual((row[0], client.data), (row[0], b''))
            return b'Connection: close' in lines

        self.ask(b'HEAD', b'1.1', check)

    def test_rows_have_no_coding_for_version_1_0(self):
        async def check(client, row, lines):
            name, make, expected, body, keeps = row
            self.assertFalse(b'Transfer-Encoding: chunked' in lines)
            self.assertIn(b'Connection: close', lines)
            rest = await client.rest()
            if b'Transfer-Encoding: chunked' in expected:
                body = b''.join([
                    piece if isinstance(piece, bytes) else piece.encode()
                    for piece in _pieces(make())])
            self.assertEqual((name, rest), (name, body))
            return True

        self.ask(b'GET', b'1.0', check)


def _pieces(result):
    return result[0] if isinstance(result, tuple) else result


if __name__ == '__main__':
    unittest.main()

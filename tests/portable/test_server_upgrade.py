"""A handler takes a connection over, with what has come behind the head."""

import asyncio
import unittest

from helpers import run
from microdot import Microdot, Response
from serving import Server

HEAD = (b'GET /raw HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n'
        b'Upgrade: raw\r\n\r\n')
SWITCH = (b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n'
          b'Upgrade: raw\r\n\r\n')
BEHIND = b'GET /smuggled HTTP/1.1\r\n\r\n\x00\xff!'


def make_app():
    app = Microdot()
    app.smuggled = []

    @app.get('/raw')
    async def raw(request):
        # echoes until a '!'
        reader, writer = request.sock
        await writer.awrite(SWITCH)
        while True:
            data = await reader.read(7)
            if data:
                await writer.awrite(data)
            if data[-1:] in b'!':
                return Response.already_handled

    @app.get('/smuggled')
    async def smuggled(request):
        app.smuggled.append(request.url)
        return ''

    return app


class TestUpgrade(unittest.TestCase):
    def check(self, cuts):
        async def main():
            app = make_app()
            wire = HEAD + BEHIND
            async with Server(app) as server:
                for cut in cuts(wire):
                    client = await server.connect()
                    await client.send(wire[:cut])
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                    await client.send(wire[cut:])
                    self.assertEqual((cut, await client.rest()),
                                     (cut, SWITCH + BEHIND))
                    await client.close()
                await server.idle()
                self.assertEqual(app.smuggled, [])
                self.assertEqual((await server.ask(
                    b'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n')).status, 200)

        run(main())

    def test_bytes_behind_the_head_reach_the_handler_in_any_cut(self):
        self.check(lambda wire: range(1, len(wire) + 1))

    def test_requests_before_are_answered_first(self):
        async def main():
            app = make_app()
            first = b'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
            async with Server(app) as server:
                client = await server.connect()
                await client.send(first + first + HEAD + BEHIND)
                for count in range(2):
                    self.assertEqual((await client.answer()).status, 200)
                self.assertEqual(await client.rest(), SWITCH + BEHIND)
                self.assertEqual(len(app.smuggled), 2)

        run(main())


if __name__ == '__main__':
    unittest.main()

"""The least that a server in Python can do: constant bytes for whatever
comes. What it costs is the machine's and asyncio's, not a framework's.
Usage: ``floor_app.py PORT [uvloop]``."""
import asyncio
import sys

ANSWER = (b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'
          b'Content-Length: 13\r\n\r\nHello, world!')


class Constant(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(ANSWER)


async def main():
    server = await asyncio.get_running_loop().create_server(
        Constant, '127.0.0.1', int(sys.argv[1]))
    await server.serve_forever()


if __name__ == '__main__':
    if 'uvloop' in sys.argv:
        import uvloop
        uvloop.run(main())
    else:
        asyncio.run(main())

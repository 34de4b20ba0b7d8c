"""Compare what one message to many WebSockets costs.

``python3 tools/bench/fanout.py`` prints processor time of the server for each
message that is delivered, by a hub of :mod:`microdot.pubsub` and by
``websockets.broadcast``, without compression, in turns. The clients are a
process of their own, which reads and throws away.
"""

import argparse
import asyncio
import contextlib
import os
import pathlib
import subprocess
import sys
import time

import common  # noqa: F401

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / 'src'), str(TOP / 'tools')]

import check  # noqa: E402

UPGRADE = (b'GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n'
           b'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
           b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
MESSAGE = 'x' * 100
ROUNDS = 200
PAUSE_S = 0.002


async def listen(port, count):
    """Open connections, and read from them until they end."""
    readers = []
    writers = []
    for _ in range(count):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                reader, writer = await asyncio.open_connection(
                    '127.0.0.1', port)
                break
            await asyncio.sleep(0.05)
        writer.write(UPGRADE)
        await reader.readuntil(b'\r\n\r\n')
        readers.append(reader)
        writers.append(writer)

    async def drain(reader):
        with contextlib.suppress(OSError):
            while await reader.read(65536):
                pass

    await asyncio.gather(*map(drain, readers))


async def measure(publish, listeners, count):
    while listeners() < count:
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    start = time.process_time()
    for _ in range(ROUNDS):
        publish(MESSAGE)
        await asyncio.sleep(PAUSE_S)
    taken = time.process_time() - start
    print('%.2f' % (taken / ROUNDS / count * 1e6), flush=True)
    os._exit(0)  # whatever the servers would still wait for


async def serve_hub(port, count):
    from microdot import Microdot
    from microdot.pubsub import Hub
    from microdot.websocket import with_websocket
    app = Microdot()
    app.max_connections = count + 10
    hub = Hub()

    @app.get('/ws')
    @with_websocket
    async def ws(request, ws):
        await hub.forward(ws, 'a')

    measuring = asyncio.create_task(measure(
        lambda message: hub.publish('a', message), lambda: hub.count('a'),
        count))
    await app.start_server('127.0.0.1', port)
    await measuring


async def serve_websockets(port, count):
    from websockets.asyncio.server import broadcast, serve
    connections = set()

    async def handler(ws):
        connections.add(ws)
        await ws.wait_closed()

    async with serve(handler, '127.0.0.1', port, compression=None):
        await measure(lambda message: broadcast(connections, message),
                      lambda: len(connections), count)


SERVERS = {'hub': serve_hub, 'websockets.broadcast': serve_websockets}


def run(name, count):
    """Return the microseconds for each message delivered."""
    port = str(check.free_port())
    command = [sys.executable, __file__, '--listeners', str(count), '--port',
               port, '--role']
    server = subprocess.Popen([*command, name], stdout=subprocess.PIPE,
                              text=True)
    client = subprocess.Popen([*command, 'client'])
    try:
        return float(server.communicate(timeout=120)[0])
    finally:
        for child in (server, client):
            child.kill()
            child.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--listeners', type=int, default=200)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--role', help=argparse.SUPPRESS)
    parser.add_argument('--port', type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role:
        role = SERVERS.get(options.role, listen)
        asyncio.run(role(options.port, options.listeners))
        return 0
    best = {}
    for _ in range(options.rounds):
        for name in SERVERS:
            taken = run(name, options.listeners)
            best[name] = min(taken, best.get(name, taken))
    for name, taken in best.items():
        print('%-22s %6.2f us' % (name, taken))
    print('ratio %.2f' % (best['hub'] / best['websockets.broadcast']))
    return 0


if __name__ == '__main__':
    sys.exit(main())

"""Compare one process, workers, and instances behind nginx with a Redis.

``python3 tools/bench/deployments.py`` serves the same application in each of
these ways, the last as docs/deployment has it, and prints processor time of
all processes of the server, those of nginx and Redis too: for a request with
a connection of its own, and for a message that a WebSocket gets, with so many
of them; and how many messages a second could be published and delivered.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import sys
import time

import common
from common import TOP

sys.path[:0] = [str(TOP / 'tests' / 'support')]

try:
    import deployment
    import redis_server
except ImportError:
    common.enter()

APP = TOP / 'tests' / 'apps' / 'deployed.py'
UPGRADE = (b'GET /socket HTTP/1.1\r\nHost: chat.example.com\r\n'
           b'Connection: Upgrade\r\nUpgrade: websocket\r\n'
           b'Sec-WebSocket-Version: 13\r\n'
           b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
MESSAGE = b'x' * 100
WORKERS = 2
LABELS = {'one': 'one process', 'workers': '%d workers' % WORKERS,
          'instances': '2 instances with %d workers each, nginx, Redis'
                       % WORKERS}


class Command:
    """``microdot run`` on a port, without a log."""

    def __init__(self, workers):
        self.port = common.free_port()
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'microdot', 'run', str(APP), '--port',
             str(self.port), '--workers', str(workers), '--no-access-log'],
            env={**os.environ, 'PYTHONPATH': str(TOP / 'src')},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)

    def pids(self):
        return [self.process.pid]

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Instances:
    """What docs/deployment has; nginx answers without TLS here, as the others
    do."""

    def __init__(self, stack):
        redis = stack.enter_context(redis_server.RedisServer())
        self.found = stack.enter_context(deployment.deploy(
            APP, Plain, REDIS_URL=redis.url,
            MICRODOT_NO_ACCESS_LOG='yes'))
        self.port = self.found.port
        self.redis = redis

    def pids(self):
        return [self.redis.process.pid] + [
            each.process.pid for each in
            (*self.found.instances, self.found.proxy)]

    def stop(self):
        pass  # by the stack


class Plain(deployment.Nginx):
    """An nginx without TLS."""

    tls = False

    def site(self, text):
        return deployment.replace(text, (' ssl;', ';'))


@contextlib.contextmanager
def serving(kind):
    with contextlib.ExitStack() as stack:
        server = Instances(stack) if kind == 'instances' else Command(
            WORKERS if kind == 'workers' else 1)
        try:
            deadline = time.monotonic() + common.PATIENCE_S
            while True:
                with contextlib.suppress(OSError):
                    if ask(server.port)[0] == 200:
                        break
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield server
        finally:
            server.stop()


def ask(port, method='GET', path='/', body=None):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, body,
                           {'Host': 'chat.example.com'})
        response = connection.getresponse()
        return response.status, response.read()


def cpu_us(server):
    return sum(common.cpu_us(each) for pid in server.pids()
               for each in common.descendants(pid))


def cost_of_requests(server, count):
    """Return the microseconds of a request."""
    begin = cpu_us(server)
    for _ in range(count):
        assert ask(server.port)[0] == 200
    return (cpu_us(server) - begin) / count


class Listener(asyncio.Protocol):
    """A WebSocket that counts bytes."""

    total = 0

    def connection_made(self, transport):
        transport.write(UPGRADE)
        self.answered = asyncio.get_running_loop().create_future()

    def data_received(self, data):
        if not self.answered.done():
            self.answered.set_result(None)
        Listener.total += len(data)


async def deliver(server, listeners, messages):
    """Let listeners get messages; return seconds and microseconds of
    processor time."""
    loop = asyncio.get_running_loop()
    for _ in range(listeners):
        _, listener = await loop.create_connection(
            Listener, '127.0.0.1', server.port)
        await listener.answered
    await asyncio.sleep(0.5)
    Listener.total = 0
    begin = time.monotonic()
    used = cpu_us(server)
    expected = listeners * messages * (len(MESSAGE) + 2)

    def publish():
        # (one after the other, on one connection where that is kept)
        connection = http.client.HTTPConnection(
            '127.0.0.1', server.port, timeout=30)
        for _ in range(messages):
            connection.request('POST', '/say', MESSAGE,
                               {'Host': 'chat.example.com'})
            response = connection.getresponse()
            assert response.status == 200
            response.read()
        connection.close()

    publishing = loop.run_in_executor(None, publish)
    while Listener.total < expected:
        await asyncio.sleep(0.01)
    await publishing
    return time.monotonic() - begin, cpu_us(server) - used


def measure(kind, options):
    with serving(kind) as server:
        request = cost_of_requests(server, options.requests)
        seconds, used = asyncio.run(deliver(
            server, options.listeners, options.messages))
    count = options.listeners * options.messages
    return {'kind': kind, 'label': LABELS[kind], 'request_us': request,
            'listeners': options.listeners, 'delivery_us': used / count,
            'deliveries': count / seconds}


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--listeners', type=int, default=200)
    parser.add_argument('--messages', type=int, default=300)
    parser.add_argument('--requests', type=int, default=1000)
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args(argv)
    common.enter()
    found = [measure(kind, options) for kind in LABELS]
    if options.json:
        print(json.dumps(found, indent=1))
        return 0
    for each in found:
        print('%-48s %7.1f us a request, %5.1f us and %6.0f/s delivered' % (
            each['label'], each['request_us'], each['delivery_us'],
            each['deliveries']))
    return 0


if __name__ == '__main__':
    sys.exit(main())

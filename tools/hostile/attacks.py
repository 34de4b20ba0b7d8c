"""Attack a server, and print how much memory it holds while that goes on.

``python3 tools/hostile/attacks.py`` attacks the Python that runs this and each
MicroPython that ``tools/interpreters.py`` has fetched; ``--interpreter NAME``
and the names of attacks choose. What is printed for each attack:

- ``held``: bytes of the heap that the attack keeps in use, at most, after a
  collection of garbage, over what is in use before;
- ``each``: that by the connections that were open;
- ``bound``: what the limits allow, see ``ATTACKS``;
- ``after``: what is still in use once the attack is over.

``refused`` means that the peer has got an answer or a close in the middle. In
the end an ordinary request has to be answered. The exit status is 1 if that is
not so, or more is held than the bound.
"""

import argparse
import asyncio
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tools'))

import interpreters  # noqa: E402
from check import free_port  # noqa: E402

#: Connections that the server may have.
BOARD_CONNECTIONS = 8
CONNECTIONS = 20
#: Tiny pieces of a body.
PIECES = 5000
#: Bytes of an upload that nobody reads.
UPLOAD = 20000000
#: Seconds for the server to start, and to answer after an attack.
PATIENCE_S = 60
#: Seconds that what has been brought about is looked at.
LOOK_S = 0.3
#: Bytes that a connection costs besides what is limited, with the objects of
#: its request and its task, and those of the event loop and of the sampling.
OVERHEAD_BOARD = 4 * 1024
OVERHEAD = 24 * 1024
SLACK = 16 * 1024
#: Bytes that may stay in use: a board's collector takes some garbage for more.
REMAINDER = 64 * 1024

GET = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
POST = b'POST / HTTP/1.1\r\nHost: a\r\n'


class Limits:
    """The limits of a server, as ``docs/reference/limits.rst`` has them."""

    def __init__(self, is_board):
        self.is_board = is_board
        self.connections = BOARD_CONNECTIONS if is_board else CONNECTIONS
        self.line = 2048 if is_board else 8192
        self.head = 8192 if is_board else 32768
        self.headers = 64 if is_board else 100
        self.body = 16384
        #: Read ahead of a handler: what is waited for, and one more read.
        self.ahead = 512 if is_board else 128 * 1024
        #: Written and not sent: what is waited for, and a piece.
        self.written = 2048 if is_board else 64 * 1024 + 16384


class Server:
    """A server as a child process, and what it says of its memory."""

    def __init__(self, interpreter):
        self.interpreter = interpreter
        self.limits = Limits(interpreter.is_micropython)
        self.samples = []
        self.baseline = 0

    def __enter__(self):
        self.port = free_port()
        path = '%s:%s' % (TOP / 'src', TOP / 'libs' / 'micropython')
        self._process = subprocess.Popen(
            self.interpreter.command + [
                str(TOP / 'tools' / 'hostile' / 'attacked.py'), str(self.port),
                str(self.limits.connections)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
            env=dict(os.environ, PYTHONPATH=str(TOP / 'src'),
                     MICROPYPATH=path + ':.frozen'))
        self._output = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def _read(self):
        for line in self._process.stdout:
            words = line.split()
            if len(words) == 6 and all(word.isdigit() for word in words):
                self.samples.append([int(word) for word in words])
            else:
                self._output.append(line)

    def __exit__(self, *args):
        self._process.kill()
        self._process.wait()
        self._thread.join(PATIENCE_S)
        self._process.stdout.close()

    @property
    def output(self):
        """What it has printed besides samples, such as tracebacks."""
        return ''.join(self._output)

    async def settle(self):
        """Wait until it answers and holds no connection; return its last
        sample."""
        stop = time.monotonic() + PATIENCE_S
        while True:
            try:
                client = await Client.connect(self)
                try:
                    if b' 200 ' in await client.answer(GET):
                        break
                finally:
                    client.close()
            except OSError:
                pass  # not yet started
            if time.monotonic() > stop:
                raise TimeoutError('no answer\n' + self.output)
            await asyncio.sleep(0.05)
        while True:
            count = len(self.samples)
            while len(self.samples) < count + 3:
                if time.monotonic() > stop:
                    raise TimeoutError('not settled: %s\n%s' % (
                        self.samples[-1:], self.output))
                await asyncio.sleep(0.02)
            if not self.samples[-1][2]:
                return self.samples[-1]

    async def wait(self, condition, seconds=PATIENCE_S):
        """Wait until a function of the last sample is true, or for so long."""
        stop = time.monotonic() + seconds
        while not (self.samples and condition(self.samples[-1])) and \
                time.monotonic() < stop:
            await asyncio.sleep(0.02)


class Client:
    """A peer that means no good."""

    def __init__(self, sock):
        self.sock = sock
        self.sent = 0
        #: Whether the server has answered or closed while it was sending.
        self.refused = False

    @classmethod
    async def connect(cls, server):
        sock = socket.socket()
        sock.setblocking(False)
        # what the kernel keeps would say nothing of the server
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(
                sock, ('127.0.0.1', server.port)), PATIENCE_S)
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    async def send(self, data, seconds=PATIENCE_S):
        """Send bytes, as many as are taken in some seconds."""
        loop = asyncio.get_running_loop()
        view = memoryview(data)
        stop = loop.time() + seconds
        while view and not self.refused and loop.time() < stop:
            try:
                count = self.sock.send(view[:65536])
            except BlockingIOError:
                await asyncio.sleep(0.005)
            except OSError:
                self.refused = True
            else:
                self.sent += count
                view = view[count:]

    async def drip(self, data, size=1):
        """Send bytes in pieces of that size, a packet each."""
        for i in range(0, len(data), size):
            if self.refused or self._has_answer():
                self.refused = True
                break
            await self.send(data[i:i + size])
            if not i % 64:
                await asyncio.sleep(0)

    def _has_answer(self):
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    async def read(self, size=65536):
        return await asyncio.wait_for(
            asyncio.get_running_loop().sock_recv(self.sock, size), PATIENCE_S)

    async def answer(self, data):
        """Send a request; return some of the answer."""
        await self.send(data)
        return await self.read()

    def close(self):
        self.sock.close()


# ------------------------------------------------------------------ attacks

#: By name: the function, and what a connection may hold, given the limits.
ATTACKS = {}


def attack(bound):
    def add(function):
        ATTACKS[function.__name__.replace('_', '-')] = function, bound
        return function
    return add


async def on_all(server, clients, attack_one, extra=0):
    """Run a coroutine on as many connections as there may be, and more."""
    for _ in range(server.limits.connections + extra):
        clients.append(await Client.connect(server))
    await asyncio.gather(*[attack_one(client) for client in clients])


def whole_head(limits, size):
    """Return a request of so many bytes of headers, less the last CRLF."""
    line = b'X: ' + b'y' * (limits.line - 3)
    count = size // (len(line) + 2)
    return b'GET / HTTP/1.1\r\n' + (line + b'\r\n') * count


@attack(lambda limits: limits.line + limits.head)
async def slow_heads(server, clients):
    """Heads of nearly the largest size, that do not end."""
    head = whole_head(server.limits, server.limits.head)

    async def one(client):
        await client.send(head[:-8])
        for i in range(len(head) - 8, len(head)):
            await client.drip(head[i:i + 1])
            await asyncio.sleep(LOOK_S / 8)

    await on_all(server, clients, one)


@attack(lambda limits: limits.line + limits.head)
async def header_per_packet(server, clients):
    """Heads without an end, a header in each packet."""
    async def one(client):
        await client.send(b'GET / HTTP/1.1\r\nHost: a\r\n')
        await client.drip(b'Xy: z1\r\n' * 5000, 8)

    await on_all(server, clients, one)


@attack(lambda limits: 2 * limits.body)
async def slow_bodies(server, clients):
    """Bodies of the largest size, of which the last byte does not come."""
    async def one(client):
        await client.send(POST + b'Content-Length: %d\r\n\r\n' %
                          server.limits.body)
        await client.send(b'x' * (server.limits.body - 200))
        await client.drip(b'x' * 199)

    await on_all(server, clients, one)


@attack(lambda limits: 2 * limits.body)
async def byte_per_packet(server, clients):
    """Bodies of the largest size, a byte in each of many packets."""
    async def one(client):
        await client.send(POST + b'Content-Length: %d\r\n\r\n' %
                          server.limits.body)
        await client.drip(b'x' * PIECES)
        await client.send(b'x' * (server.limits.body - PIECES - 1))

    await on_all(server, clients, one)


@attack(lambda limits: 2 * limits.body + limits.ahead)
async def tiny_chunks(server, clients):
    """Bodies in thousands of chunks of one byte."""
    async def one(client):
        await client.send(POST + b'Transfer-Encoding: chunked\r\n\r\n')
        await client.send(b'1\r\nx\r\n' * PIECES)

    await on_all(server, clients, one)


@attack(lambda limits: limits.written)
async def never_reading(server, clients):
    """Endless responses that nobody reads."""
    async def one(client):
        await client.send(b'GET /flood HTTP/1.1\r\nHost: a\r\n\r\n')

    await on_all(server, clients, one)


@attack(lambda limits: limits.written + limits.ahead)
async def pipelined(server, clients):
    """Thousands of requests at once, whose answers nobody reads."""
    async def one(client):
        await client.send(GET * 2000, 2)

    await on_all(server, clients, one)


@attack(lambda limits: limits.ahead)
async def unread_uploads(server, clients):
    """Uploads that the handler does not read."""
    async def one(client):
        await client.send(
            POST.replace(b'/ ', b'/hold ') +
            b'Content-Length: 50000000\r\n\r\n' + b'x' * UPLOAD, 0.7)

    await on_all(server, clients, one)


@attack(lambda limits: limits.line)
async def idle(server, clients):
    """Connections on which nothing is sent."""
    async def one(client):
        pass

    await on_all(server, clients, one)


@attack(lambda limits: limits.line)
async def half_closed(server, clients):
    """Peers that send no more in the middle of a head, and stay."""
    async def one(client):
        await client.send(GET[:-2])
        client.sock.shutdown(socket.SHUT_WR)

    await on_all(server, clients, one)


@attack(lambda limits: limits.written)
async def half_closed_readers(server, clients):
    """Peers that send no more behind a request, and do not read."""
    async def one(client):
        await client.send(b'GET /flood HTTP/1.1\r\nHost: a\r\n\r\n')
        client.sock.shutdown(socket.SHUT_WR)

    await on_all(server, clients, one)


@attack(lambda limits: limits.line)
async def too_many(server, clients):
    """Four times as many connections as there may be, each half a head."""
    async def one(client):
        await client.send(GET[:-2])

    await on_all(server, clients, one, extra=3 * server.limits.connections)


# ------------------------------------------------------------------ running

class Result:
    """What an attack has come to. ``refused``: of how many peers."""

    def __init__(self, server, name, samples, before, after, clients):
        limits = server.limits
        self.held = max(sample[0] for sample in samples) - before
        self.open = max(sample[2] for sample in samples)
        self.produced = samples[-1][5]
        self.requests = samples[-1][3]
        self.after = after - before
        self.sent = max(client.sent for client in clients)
        self.refused = sum(client.refused for client in clients)
        self.bound = SLACK + limits.connections * (
            ATTACKS[name][1](limits) +
            (OVERHEAD_BOARD if limits.is_board else OVERHEAD))


async def run(server, name):
    """Run an attack on a server; return its :class:`Result`."""
    before = (await server.settle())[0]
    count = len(server.samples)
    clients = []
    try:
        await ATTACKS[name][0](server, clients)
        stop = len(server.samples) + 5
        await asyncio.sleep(LOOK_S)
        await server.wait(lambda sample: len(server.samples) > stop)
        samples = server.samples[count:]
    finally:
        for client in clients:
            client.close()
    after = (await server.settle())[0]
    return Result(server, name, samples, before, after, clients)


async def run_all(interpreter, names):
    failed = False
    with Server(interpreter) as server:
        print('%s, %d connections' % (
            interpreter.name, server.limits.connections))
        print('%-20s %9s %8s %9s %8s %5s %8s %9s' % (
            'attack', 'held', 'each', 'bound', 'after', 'open', 'refused',
            'sent each'))
        for name in names:
            result = await run(server, name)
            print('%-20s %9d %8d %9d %8d %5d %8d %9d%s' % (
                name, result.held, result.held // max(result.open, 1),
                result.bound, result.after, result.open, result.refused,
                result.sent,
                '  OVER' if result.held > result.bound else ''), flush=True)
            failed = failed or result.held > result.bound
        if server.output:
            print(server.output)
            failed = True
    return failed


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('attacks', nargs='*', metavar='attack')
    parser.add_argument('--interpreter', action='append', metavar='NAME')
    args = parser.parse_args(argv)
    for name in args.attacks:
        if name not in ATTACKS:
            parser.error('no attack %s; there are: %s' % (
                name, ' '.join(ATTACKS)))
    running = interpreters.Interpreter(
        'running', [sys.executable], sys.version_info[:3], 64, True)
    failed = False
    for each in [running] + [each for each in interpreters.find()
                             if each.has_event_loop]:
        if not args.interpreter or each.name in args.interpreter:
            failed = asyncio.run(run_all(
                each, args.attacks or list(ATTACKS))) or failed
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())

"""Measure what one message to many listeners costs, and how long it takes.

``python3 tools/bench/fanout.py`` prints three tables:

- Processor time of the server for each message that a WebSocket gets, by a
  hub of :mod:`microdot.pubsub`, by ``websockets.broadcast`` and by a loop over
  all in Starlette on uvicorn, without compression, in turns.
- Of 1,000 listeners to one topic that gets one message a second, one of which
  does not read, with more waiting for it than is kept: how long until the
  others have it, and what memory grows by.
- Memory of the server for each of 10,000 SSE clients that are silent.

The listeners are a process of their own, pinned to the last core; the server
has the first. For root both go before all others on the machine, unless
``--shared`` is given: what the delay is then more comes from the others, as
the processor time that a message takes, which is printed too, stays the same.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import select
import socket
import statistics
import subprocess
import sys
import time

import common
from common import TOP

UPGRADE = (b'GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n'
           b'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
           b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
EVENTS = b'GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
MESSAGE = 'x' * 100
#: Messages of a round, and seconds between two.
ROUNDS = 200
PAUSE_S = 0.002
#: Connections that are opened at a time: less than the backlog.
AT_ONCE = 50
#: Over what the others take, at most.
TARGETS = {'websockets.broadcast': 1.2, 'starlette': 1.0}
#: Milliseconds in which 99 of 100 messages are to be there.
MOST_DELAY_MS = 100
#: Messages after which memory is looked at for the first time.
WARM = 10
LABELS = {'hub': 'microdot', 'hub-uvloop': 'microdot, uvloop',
          'websockets.broadcast': 'websockets.broadcast',
          'starlette': 'Starlette, uvicorn (uvloop, httptools)'}


def rss():
    """Return the bytes of memory that this process has."""
    gc.collect()
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def say(value):
    print(json.dumps(value), flush=True)


# ---------------------------------------------------------------- listeners

class Client(asyncio.Protocol):
    """Asks, and reads."""

    def __init__(self, request):
        self.request = request
        self.answered = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data):
        if not self.answered.done():
            self.answered.set_result(None)


async def listen(options):
    """Open connections, and read from them until this process is ended."""
    loop = asyncio.get_running_loop()
    request = EVENTS if options.events else UPGRADE

    async def join():
        while True:
            with contextlib.suppress(OSError):
                _, client = await loop.create_connection(
                    lambda: Client(request), '127.0.0.1', options.port)
                break
            await asyncio.sleep(0.05)
        await client.answered

    for begin in range(0, options.listeners, AT_ONCE):
        await asyncio.gather(*[join() for _ in range(
            min(AT_ONCE, options.listeners - begin))])
    await asyncio.Event().wait()


def ask(port, request):
    """Return a connection whose request has been answered."""
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            sock = socket.create_connection(('127.0.0.1', port))
            break
        time.sleep(0.05)
    sock.sendall(request)
    data = b''
    while not data.endswith(b'\r\n\r\n'):
        data += sock.recv(1)
    return sock


def note(options):
    """Be listeners that note when they get what, and one that does not read;
    print the nanoseconds. Without asyncio, whose work would be in them."""
    stalled = ask(options.port, UPGRADE.replace(b'/ws', b'/all'))
    poll = select.epoll()
    listeners = {}
    for _ in range(options.listeners - 1):
        sock = ask(options.port, UPGRADE)
        listeners[sock.fileno()] = sock
        poll.register(sock, select.EPOLLIN)
    delays = []
    while len(delays) < len(listeners) * options.messages:
        for fd, _ in poll.poll():
            data = listeners[fd].recv(4096)
            now = time.monotonic_ns()
            # Frames of 2 + 18 bytes: the time at which it was published.
            for at in range(2, len(data), 20):
                delays.append(now - int(data[at:at + 18]))
    say(sorted(delays))
    stalled.close()
    os._exit(0)


# ------------------------------------------------------------------ servers

async def cost(publish, listeners, count):
    """Print the microseconds that a delivery takes."""
    while listeners() < count:
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    start = time.process_time()
    for _ in range(ROUNDS):
        await publish(MESSAGE)
        await asyncio.sleep(PAUSE_S)
    taken = time.process_time() - start
    say(taken / ROUNDS / count * 1e6)
    os._exit(0)  # whatever the servers would still wait for


async def delay(publish, listeners, hub, options):
    """Publish now and then, after the one that stalls has been given more
    than it may have; print the bytes that memory grows by. Each message is
    the time of its publishing."""
    while listeners() < options.listeners:
        await asyncio.sleep(0.05)
    while not hub.counters['dropped']:
        hub.publish('filler', b'x' * 65536)
        await asyncio.sleep(0.01)
    taken = []
    for number in range(options.messages):
        if number == WARM:
            begin = rss()
        start = time.process_time()
        await publish('%018d' % time.monotonic_ns())
        taken.append(time.process_time() - start)
        await asyncio.sleep(options.pause)
    say([rss() - begin, statistics.median(taken) * 1000, max(taken) * 1000])
    await asyncio.Event().wait()


async def memory(listeners, count):
    """Print the bytes of memory that a client takes."""
    begin = rss()
    while listeners() < count:
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    say((rss() - begin) / count)
    os._exit(0)


async def serve_hub(options):
    from microdot import Microdot
    from microdot.pubsub import Hub
    from microdot.sse import with_sse
    from microdot.websocket import WebSocket, with_websocket
    app = Microdot()
    WebSocket.ping_interval = None  # the listeners do not answer
    app.max_connections = options.listeners + 10
    app.stall_timeout = None  # the one that stalls is to stay
    hub = Hub()

    @app.get('/ws')
    @with_websocket
    async def ws(request, ws):
        await hub.forward(ws, 'a')

    @app.get('/all')
    @with_websocket
    async def listen_to_all(request, ws):
        await ws.send('welcome')
        await hub.forward(ws, '*')

    @app.get('/events')
    @with_sse
    async def events(request, sse):
        await sse.send('welcome')
        await hub.forward(sse, 'a')

    async def publish(message):
        hub.publish('a', message)

    def listeners():
        return hub.count('a')

    measuring = asyncio.create_task(
        memory(listeners, options.listeners) if options.events else
        delay(publish, listeners, hub, options) if options.stalled else
        cost(publish, listeners, options.listeners))
    await app.start_server('127.0.0.1', options.port)
    await measuring


async def serve_websockets(options):
    from websockets.asyncio.server import broadcast, serve
    connections = set()

    async def handler(ws):
        connections.add(ws)
        await ws.wait_closed()

    async def publish(message):
        broadcast(connections, message)

    async with serve(handler, '127.0.0.1', options.port, compression=None):
        await cost(publish, lambda: len(connections), options.listeners)


async def serve_starlette(options):
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute
    connections = set()

    async def handler(ws):
        await ws.accept()
        connections.add(ws)
        await ws.receive_text()

    async def publish(message):
        for ws in connections:
            await ws.send_text(message)

    app = Starlette(routes=[WebSocketRoute('/ws', handler)])
    server = uvicorn.Server(uvicorn.Config(
        app, port=options.port, log_level='error', access_log=False,
        http='httptools', ws='auto', ws_per_message_deflate=False))
    measuring = asyncio.create_task(cost(
        publish, lambda: len(connections), options.listeners))
    await server.serve()
    await measuring


SERVERS = {'hub': serve_hub, 'hub-uvloop': serve_hub,
           'websockets.broadcast': serve_websockets,
           'starlette': serve_starlette}


def be(options):
    """Be one of the processes."""
    role = SERVERS.get(options.role, listen)
    first, last = common.cores()
    os.sched_setaffinity(0, {last if role is listen else first})
    if not options.shared:
        with contextlib.suppress(PermissionError):
            # For root: whatever else runs is not to be measured.
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    if role is listen and options.stalled:
        note(options)
    if options.role in ('hub-uvloop', 'starlette'):
        import uvloop
        uvloop.run(role(options))
    else:
        asyncio.run(role(options))


# ------------------------------------------------------------------- rounds

def run(server, listeners, *words):
    """Run a server and listeners; return what each says, ``None`` for
    listeners that are ended with the server."""
    command = [sys.executable, __file__, '--port', str(common.free_port()),
               '--listeners', str(listeners), *words, '--role']
    environ = {**os.environ, 'PYTHONPATH': str(TOP / 'src')}
    children = []
    try:
        for role in server, 'client':
            children.append(subprocess.Popen(
                [*command, role], stdout=subprocess.PIPE, text=True,
                env=environ))
        found = json.loads(children[0].stdout.readline())
        if '--stalled' in words:
            return found, json.loads(children[1].stdout.readline())
        return found, None
    finally:
        for child in children:
            child.kill()
            child.communicate()


def measure_cost(listeners, rounds):
    """Return the cost by server: microseconds, and the ratios of the hub to
    the others, of each round."""
    taken = {name: [] for name in SERVERS}
    for number in range(rounds):
        names = list(SERVERS)
        for name in names if number % 2 else names[::-1]:
            taken[name].append(run(name, listeners)[0])
    return [{
        'server': name, 'us': statistics.median(values),
        'best_us': min(values),
        'ratio': statistics.median(
            ours / theirs for ours, theirs in zip(
                taken['hub-uvloop' if name == 'starlette' else 'hub'],
                values)),
        'target': TARGETS.get(name)} for name, values in taken.items()]


def measure_delay(listeners, messages, pause, *words):
    """Return how long deliveries take, what processor time of the server each
    message does, and what memory grows by."""
    (growth, median, most), delays = run(
        'hub', listeners, '--stalled', '--messages', str(messages),
        '--pause', str(pause), *words)
    return {'listeners': listeners, 'messages': messages,
            'median_ms': statistics.median(delays) / 1e6,
            'p99_ms': delays[int(len(delays) * 0.99)] / 1e6,
            'most_ms': delays[-1] / 1e6, 'target_ms': MOST_DELAY_MS,
            'processor_ms': median, 'most_processor_ms': most,
            'growth': growth}


def print_delay(data):
    print('{listeners} listeners: median {median_ms:.1f} ms, 99 of 100 '
          '{p99_ms:.1f} ms, most {most_ms:.1f} ms; processor time of a '
          'message {processor_ms:.1f} ms, at most {most_processor_ms:.1f}; '
          'memory {growth:+} bytes'.format(**data))


def measure_idle(listeners):
    """Return the bytes that a silent SSE client takes."""
    return {'listeners': listeners,
            'bytes': run('hub', listeners, '--events')[0]}


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--listeners', type=int, default=200,
                        help='of the first table; default: 200')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--many', type=int, default=1000,
                        help='listeners of the second table')
    parser.add_argument('--messages', type=int, default=40)
    parser.add_argument('--pause', type=float, default=1.0)
    parser.add_argument('--idle', type=int, default=10000,
                        help='clients of the third table')
    parser.add_argument('--shared', action='store_true',
                        help='take turns with what else runs; the second '
                             'table alone')
    parser.add_argument('--json', action='store_true')
    for name in ('--role', '--port'):
        parser.add_argument(name, help=argparse.SUPPRESS)
    for name in ('--stalled', '--events'):
        parser.add_argument(name, action='store_true',
                            help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.role:
        be(options)
        return 0
    common.enter()
    common.stay_awake()
    if options.shared:
        print_delay(measure_delay(options.many, options.messages,
                                  options.pause, '--shared'))
        return 0
    data = {'cost': measure_cost(options.listeners, options.rounds),
            'delay': measure_delay(options.many, options.messages,
                                   options.pause),
            'idle': measure_idle(options.idle)}
    if options.json:
        print(json.dumps(data, indent=1))
        return 0
    for each in data['cost']:
        print('%-52s %6.2f us, the hub takes %.2f of it' % (
            LABELS[each['server']], each['us'], each['ratio']))
    print_delay(data['delay'])
    print('{listeners} silent clients: {bytes:.0f} bytes each'.format(
        **data['idle']))
    return 0


if __name__ == '__main__':
    sys.exit(main())

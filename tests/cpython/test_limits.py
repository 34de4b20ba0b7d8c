"""docs/reference/limits.rst tells the limits, and what exceeding them does.

The values are compared with those of CPython and of each MicroPython here.
Then each limit is exceeded, over a socket, to see what a client receives.
"""

import asyncio
import inspect
import os
import pathlib
import socket
import subprocess
import threading

import pytest

import check
import interpreters
from microdot import Microdot, Request, URLPattern
from microdot.login import Login
from microdot.metrics import Health, Metrics
from microdot.multipart import FileUpload, FormDataIter
from microdot.pubsub import Hub
from microdot.ratelimit import Limiter
from microdot.session import Session
from microdot.sse import SSE
from microdot.stores import Store
from microdot.test_client import TestClient
from microdot.validation import Field
from microdot.websocket import WebSocket

TOP = pathlib.Path(__file__).resolve().parents[2]
CLASSES = {cls.__name__: cls
           for cls in (Request, URLPattern, Microdot, FormDataIter,
                       FileUpload, WebSocket, SSE, Session, Store, Login,
                       Field, Hub, Limiter, Metrics, Health)}
#: Class attributes that are numbers, and no limits.
NO_LIMITS = {'Request.content_length', 'Microdot.sweep_interval',
             'Microdot.streams', 'Microdot.running',
             'Microdot.body_bytes', 'Request.held', 'Microdot.shutdowns',
             'FormDataIter.buffer_size', 'Login.remember_days',
             'Session.default_max_age', 'Store.sweep_period',
             # CPython's alone, and on the pages of validation and of hubs
             'Field.max_tries',
             'Hub.max_topic', 'Hub.max_pending', 'Hub.max_unsent',
             # CPython's alone, and below the tables
             'Microdot.max_threads'} | {
                 'WebSocket.' + opcode for opcode in (
                     'CONT', 'TEXT', 'BINARY', 'CLOSE', 'PING', 'PONG')}
#: Seconds that no test may take.
PATIENCE = 30


def read_table():
    """Return the rows of the tables of limits, as lists of cells."""
    rows = []
    page = TOP / 'docs' / 'reference' / 'limits.rst'
    for line in page.read_text().split('\n'):
        if line.startswith('   * - '):
            rows.append([line[7:].strip('`')])
        elif line.startswith('     - '):
            rows[-1].append(line[7:])
    return [row for row in rows if row[0].partition('.')[0] in CLASSES]


LIMITS = {row[0]: row for row in read_table()}


def value_of(name):
    """Return the value that a limit has here."""
    cls, _, attribute = name.partition('.')
    return getattr(CLASSES[cls], attribute)


def test_the_table_has_every_limit():
    numbers = set()
    for name, cls in CLASSES.items():
        for attribute, value in inspect.getmembers(cls):
            if attribute[0] != '_' and type(value) in (int, float):
                numbers.add('%s.%s' % (name, attribute))
    assert set(LIMITS) == numbers - NO_LIMITS


def test_every_row_is_complete():
    assert {len(row) for row in LIMITS.values()} == {7}
    assert all(cell for row in LIMITS.values() for cell in row)


@pytest.mark.parametrize('name', LIMITS)
def test_the_default_is_that_of_the_table(name):
    assert int(LIMITS[name][4]) == value_of(name)


@pytest.mark.parametrize(
    'board', [each for each in interpreters.find() if each.is_micropython],
    ids=lambda board: board.name)
def test_the_defaults_of_boards_are_those_of_the_table(board):
    # (CPython's own classes are in modules that begin with an underscore. A
    # dash: boards have no such limit)
    code = ''.join('from %s import %s\n' % (
        cls.__module__.replace('._', '.'), name)
        for name, cls in CLASSES.items())
    # (where a board's hub has its history)
    code += 'from microdot.replay import History\n'
    code += '\n'.join(
        'print("%s", getattr(%s, "%s", "–"))' % (
            name, *('History.max_history' if name == 'Hub.max_history'
                    else name).split('.')) for name in LIMITS)
    result = subprocess.run(
        board.command + ['-c', code], capture_output=True, text=True,
        timeout=PATIENCE,
        env=dict(os.environ, MICROPYPATH='%s:%s:.frozen' % (
            TOP / 'src', TOP / 'libs' / 'micropython')))
    assert result.stdout.split('\n')[:-1] == [
        '%s %s' % (name, row[3]) for name, row in LIMITS.items()], (
            result.stderr)


# ---------------------------------------------------- what a client receives

class Client:
    """A client that sends bytes as it is told."""

    async def connect(self, port, data=b''):
        # (what is sent at once is there before the server accepts)
        sock = socket.create_connection(('127.0.0.1', port))
        sock.sendall(data)
        self.reader, self.writer = await asyncio.open_connection(sock=sock)
        return self

    async def send(self, data):
        """Send bytes and return the status and the head of the response."""
        self.writer.write(data)
        return await self.receive()

    async def receive(self):
        """Return the status and the head of a response; its body is read."""
        head = (await self.reader.readuntil(b'\r\n\r\n')).decode()
        for line in head.lower().split('\r\n'):
            if line.startswith('content-length: '):
                await self.reader.readexactly(int(line.split()[1]))
        return int(head.split()[1]), head

    async def closed(self):
        """Wait until the server closes; return what it sent before that."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b''


def serve(test, **limits):
    """Run ``test(app, connect)`` against a server with these limits."""
    app = Microdot()
    app.sweep_interval = 0.02
    for name, value in limits.items():
        assert hasattr(Microdot, name)
        setattr(app, name, value)
    clients = []

    async def connect(data=b''):
        clients.append(await Client().connect(port, data))
        return clients[-1]

    async def run():
        server = await app.start_server('127.0.0.1', port,
                                        start_serving=False)
        task = asyncio.create_task(server.serve_forever())
        try:
            await asyncio.wait_for(test(app, connect), PATIENCE)
        finally:
            for client in clients:
                client.writer.transport.abort()
            app.shutdown()
            await asyncio.wait_for(task, PATIENCE)

    @app.get('/')
    async def index(request):
        return 'index'

    @app.post('/body')
    async def body(request):
        return {'size': len(request.body)}

    @app.post('/json')
    async def json(request):
        return {'json': request.json}

    @app.post('/stream')
    async def stream(request):
        await request.stream.read(1)
        return 'read'

    @app.post('/unread')
    async def unread(request):
        return 'unread'

    port = check.free_port()
    asyncio.run(run())


def get(target='/', headers=''):
    """Return the bytes of a request without a body."""
    return ('GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n' % (
        target, headers)).encode()


def post(path, body, length=None, kind='text/plain'):
    """Return the bytes of a request with a body."""
    return ('POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\n'
            'Content-Length: %d\r\n\r\n' % (
                path, kind, len(body) if length is None else length)
            ).encode() + body


def test_a_long_request_line_receives_414():
    async def test(app, connect):
        line = 'GET /%s HTTP/1.1'
        room = Request.max_readline - len(line % '')
        client = await connect()
        assert (await client.send(get('/' + room * 'a')))[0] == 404
        assert (await client.send(get('/' + (room + 1) * 'a')))[0] == 414

    serve(test)


def test_a_long_header_line_receives_431():
    async def test(app, connect):
        room = Request.max_readline - len('X: ')
        client = await connect()
        assert (await client.send(
            get(headers='X: %s\r\n' % (room * 'a'))))[0] == 200
        assert (await client.send(
            get(headers='X: %s\r\n' % ((room + 1) * 'a'))))[0] == 431

    serve(test)


def test_large_headers_receive_431():
    async def test(app, connect):
        header = 'X: %s\r\n' % (1000 * 'a')
        count = Request.max_header_size // len(header)
        client = await connect()
        assert (await client.send(get(headers=count * header)))[0] == 200
        assert (await client.send(
            get(headers=(count + 1) * header)))[0] == 431

    serve(test)


def test_many_headers_receive_431():
    async def test(app, connect):
        client = await connect()
        count = Request.max_headers - 1  # there is a Host
        assert (await client.send(get(headers=count * 'X: y\r\n')))[0] == 200
        assert (await client.send(
            get(headers=(count + 1) * 'X: y\r\n')))[0] == 431

    serve(test)


def test_many_cookies_and_options_receive_431():
    async def test(app, connect):
        @app.get('/cookies')
        async def count(request):
            return str(len(request.cookies))

        most = Request.max_members
        cookies = ['Cookie: %s\r\n' % '; '.join(
            '%d=x' % i for i in range(many)) for many in (most, most + 1)]
        client = await connect()
        assert (await client.send(get('/cookies', cookies[0])))[0] == 200
        assert (await client.send(get('/cookies', cookies[1])))[0] == 431
        # whoever does not read them does not mind
        assert (await client.send(get('/', cookies[1])))[0] == 200
        options = 'Connection: x%s\r\n'
        assert (await client.send(
            get(headers=options % ((most - 1) * ',x'))))[0] == 200
        assert (await client.send(get(headers=options % (most * ',x'))))[0] \
            == 431
        assert await client.closed() == b''

    serve(test)


def test_a_large_body_receives_413():
    async def test(app, connect):
        client = await connect()
        most = Request.max_content_length
        assert (await client.send(post('/body', bytes(most))))[0] == 200
        assert (await client.send(post('/body', bytes(most + 1))))[0] == 413

    serve(test)


def test_a_body_not_kept_in_memory_stays_on_the_stream(monkeypatch):
    monkeypatch.setattr(Request, 'max_body_length', 10)

    async def test(app, connect):
        client = await connect()
        assert '\r\nContent-Length: 12\r\n' in (
            await client.send(post('/body', bytes(10))))[1]
        # {"size": 0}
        assert '\r\nContent-Length: 11\r\n' in (
            await client.send(post('/body', bytes(11))))[1]
        assert (await client.send(post('/stream', bytes(11))))[0] == 200
        kind = 'application/json'
        assert (await client.send(
            post('/json', b'"aaaaaaaa"', kind=kind)))[0] == 200
        assert (await client.send(
            post('/json', b'"aaaaaaaaa"', kind=kind)))[0] == 413

    serve(test)


def test_bodies_together_receive_503(monkeypatch):
    async def test(app, connect):
        first = await connect()
        first.writer.write(post('/body', bytes(600), 601))
        while app.body_bytes < 600:
            await asyncio.sleep(0)
        second = await connect()
        status, head = await second.send(post('/body', bytes(401)))
        assert status == 503
        assert '\r\nRetry-After: ' in head
        third = await connect()
        assert (await third.send(post('/body', bytes(400))))[0] == 200
        assert (await first.send(b'x'))[0] == 200
        assert app.body_bytes == 0
        fourth = await connect()
        assert (await fourth.send(post('/body', bytes(1000))))[0] == 200
        assert (await fourth.send(post('/body', bytes(1001))))[0] == 503
        assert app.body_bytes == 0

    serve(test, max_bodies=1000)


def test_many_fields_receive_413():
    async def test(app, connect):
        @app.get('/args')
        async def args(request):
            return str(len(request.args))

        client = await connect()
        fields = '&'.join(str(i) for i in range(Request.max_fields))
        assert (await client.send(get('/args?' + fields)))[0] == 200
        assert (await client.send(get('/args?' + fields + '&x')))[0] == 413

    serve(test)


def test_a_long_value_does_not_match_an_expression():
    async def test(app, connect):
        @app.get('/re/<re:a+:value>')
        async def expression(request, value):
            return ''

        client = await connect()
        most = URLPattern.max_regex_length
        assert (await client.send(get('/re/' + most * 'a')))[0] == 200
        assert (await client.send(get('/re/' + (most + 1) * 'a')))[0] == 404

    serve(test)


def test_one_connection_too_many_ends_an_idle_one():
    async def test(app, connect):
        first = await connect()
        assert (await first.send(get()))[0] == 200
        await asyncio.sleep(0.1)  # for the deadlines to differ
        second = await connect()
        assert (await second.send(get()))[0] == 200
        third = await connect()
        assert (await third.send(get()))[0] == 200
        assert await first.closed() == b''
        assert (await second.send(get()))[0] == 200

    serve(test, max_connections=2)


def test_one_connection_too_many_waits_while_none_is_idle():
    async def test(app, connect):
        @app.get('/wait')
        async def wait(request):
            await event.wait()
            return 'done'

        event = asyncio.Event()
        first = await connect()
        first.writer.write(get('/wait'))
        while not app.counters['requests']:
            await asyncio.sleep(0.01)
        second = await connect()
        second.writer.write(get())
        await asyncio.sleep(0.05)
        assert app.counters['requests'] == 1
        event.set()
        assert (await first.receive())[0] == 200
        assert (await second.receive())[0] == 200

    serve(test, max_connections=1)


def test_one_stream_too_many_receives_503_with_retry_after():
    async def test(app, connect):
        @app.get('/stream')
        async def stream(request):
            async def pieces():
                yield 'piece'
                await event.wait()
            return pieces()

        event = asyncio.Event()
        first = await connect()
        assert (await first.send(get('/stream')))[0] == 200
        second = await connect()
        status, head = await second.send(get('/stream'))
        assert status == 503
        assert '\r\nRetry-After: ' in head
        event.set()

    serve(test, max_connections=3, reserved_connections=2)


def test_the_last_request_of_a_connection_receives_connection_close():
    async def test(app, connect):
        client = await connect()
        assert 'Connection' not in (await client.send(get()))[1]
        assert '\r\nConnection: close\r\n' in (await client.send(get()))[1]
        assert await client.closed() == b''

    serve(test, max_requests=2)


def test_a_slow_head_receives_408():
    async def test(app, connect):
        client = await connect(b'GET / HTTP/1.1\r\n')
        assert (await client.receive())[0] == 408
        assert await client.closed() == b''

    serve(test, head_timeout=0.1)


def test_a_client_that_sends_nothing_is_disconnected():
    async def test(app, connect):
        client = await connect()
        assert await client.closed() == b''

    serve(test, head_timeout=0.1)


def test_an_idle_client_is_disconnected():
    async def test(app, connect):
        client = await connect()
        assert (await client.send(get()))[0] == 200
        assert await client.closed() == b''

    serve(test, keep_alive_timeout=0.1)


def test_silence_within_a_body_receives_408():
    async def test(app, connect):
        client = await connect()
        assert (await client.send(post('/body', b'a', 10)))[0] == 408
        assert await client.closed() == b''

    serve(test, stall_timeout=0.1)


def test_a_body_that_drips_receives_408():
    async def test(app, connect):
        client = await connect()
        client.writer.write(post('/body', b'a', 1000))
        answer = asyncio.create_task(client.receive())
        while not answer.done():
            client.writer.write(b'a')
            await asyncio.sleep(0.01)
        assert (await answer)[0] == 408
        assert await client.closed() == b''

    serve(test, min_rate=100000, rate_window=0.1)


def test_a_client_that_does_not_read_is_disconnected():
    async def test(app, connect):
        @app.get('/endless')
        async def endless(request):
            def pieces():
                while True:
                    yield bytes(65536)
            return pieces()

        client = await connect()
        client.writer.write(get('/endless'))
        while not app.counters['timed_out']:
            await asyncio.sleep(0.01)
        while app.counters['open']:
            await asyncio.sleep(0.01)

    serve(test, stall_timeout=0.1)


def test_a_request_in_progress_is_cut_after_the_time_to_shut_down():
    async def test(app, connect):
        @app.get('/wait')
        async def wait(request):
            await asyncio.sleep(PATIENCE)

        client = await connect()
        client.writer.write(get('/wait'))
        while not app.counters['requests']:
            await asyncio.sleep(0.01)
        app.shutdown()
        assert await client.closed() == b''

    serve(test, shutdown_timeout=0.1)


def test_little_of_a_body_that_is_left_is_read_past(monkeypatch):
    monkeypatch.setattr(Request, 'max_body_length', 0)

    async def test(app, connect):
        client = await connect()
        status, head = await client.send(post('/unread', bytes(100)))
        assert status == 200 and 'Connection: close' not in head
        assert (await client.send(get()))[0] == 200
        status, head = await client.send(post('/unread', bytes(101)))
        assert status == 200 and '\r\nConnection: close\r\n' in head
        assert await client.closed() == b''

    serve(test, drain_size=100)


def test_what_is_left_of_a_body_is_waited_for_no_longer(monkeypatch):
    monkeypatch.setattr(Request, 'max_body_length', 0)

    async def test(app, connect):
        client = await connect()
        assert (await client.send(post('/unread', b'', 100)))[0] == 200
        assert await client.closed() == b''

    serve(test, drain_timeout=0.1)


def test_a_timeout_of_none_is_no_timeout():
    async def test(app, connect):
        client = await connect()
        await asyncio.sleep(0.1)
        assert (await client.send(get()))[0] == 200

    serve(test, head_timeout=None, keep_alive_timeout=None,
          stall_timeout=None)


# ------------------------------------------------------ many listeners, many

def in_a_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


@pytest.mark.parametrize('over', [0, 1, 10 ** 7])
def test_a_message_has_so_many_bytes(over):
    hub = Hub(history=10)
    size = Hub.max_message + over
    for message in (b'x' * size, 'x' * size, '\xfc' * (size // 2) + 'x' * (
            size % 2), ['x' * (size - 4)]):
        if over:
            with pytest.raises(ValueError, match='max_message is 524288'):
                hub.publish('a', message)
        else:
            hub.publish('a', message)
    assert hub.counters['published'] == (0 if over else 4)
    assert hub.kept_bytes < 3 * 2 ** 20


@pytest.mark.parametrize('over', [0, 1, 10 ** 6])
def test_a_topic_has_so_many_characters(over):
    hub = Hub(history=10)
    topic = '\u20ac' * (Hub.max_topic + over)
    for use in (lambda: hub.publish(topic, 'x'),
                lambda: hub.subscribe(topic)):
        if over:
            with pytest.raises(ValueError, match='max_topic'):
                use()
        else:
            use()
    assert len(hub.kept) == (0 if over else 1)


@pytest.mark.parametrize('over', [0, 1, 1000])
def test_so_many_messages_of_threads_wait(over):
    hub = Hub()
    in_a_thread(lambda: [hub.publish('a', number) for number in range(
        Hub.max_pending + over)])
    assert len(hub.pending) == Hub.max_pending
    assert hub.counters['dropped'] == over
    assert hub.pending[0][1] == over  # the oldest are lost


@pytest.mark.parametrize('over', [0, 1, 1000])
def test_so_many_bytes_of_history_are_kept(over, monkeypatch):
    monkeypatch.setattr(Hub, 'max_history', 50 * 201)
    hub = Hub(history=1000)
    for number in range(50 + over):
        hub.publish('%03d' % (number % 7) if over == 1000 else 'abc',
                    'x' * 98)
    assert hub.kept_bytes == 50 * 201
    kept = [entry[0] for entries in hub.kept.values() for entry in entries]
    assert sorted(kept) == list(range(over + 1, over + 51)) \
        or over == 1000 and len(kept) == 50


@pytest.mark.parametrize('over', [0, 1, 1000])
def test_so_many_messages_of_a_topic_are_kept(over):
    hub = Hub(history=50)
    for number in range(50 + over):
        hub.publish('a', number)
        hub.publish('b', number)
    for topic in 'ab':
        assert [entry[2] for entry in hub.kept[topic]] == list(
            range(over, over + 50))


@pytest.mark.parametrize('over', [0, 1, 1000])
def test_so_many_messages_wait_for_a_listener(over):
    async def main():
        hub = Hub(queue=50)
        async with hub.subscribe('a') as messages:
            for number in range(50 + over):
                hub.publish('a', number)
            assert [entry[2] for entry in messages.queue] == list(
                range(over, over + 50))
            assert hub.counters['dropped'] == over

    asyncio.run(main())


@pytest.mark.parametrize('over', [0, 1, 1000])
def test_so_many_clients_are_counted(over, monkeypatch):
    monkeypatch.setattr(Limiter, 'max_keys', 50)
    limiter = Limiter('1/day')

    async def main():
        for number in range(50 + over):
            assert (await limiter.hit(str(number)))[0] == 0
        assert len(limiter.hits) == 50
        # the last ones are remembered, and the first if there is room
        assert (await limiter.hit(str(49 + over)))[0] == -1
        assert (await limiter.hit('0'))[0] == (0 if over else -1)

    asyncio.run(main())


@pytest.mark.parametrize('over', [0, 1, 100])
def test_so_many_combinations_are_counted(over, monkeypatch):
    monkeypatch.setattr(Metrics, 'max_series', 20)
    app = Microdot()
    metrics = Metrics(app)
    for number in range(20 + over):
        app.get('/%d' % number)(lambda request: 'x')

    async def main():
        client = TestClient(app)
        for number in range(20 + over):
            await client.get('/%d' % number)

    asyncio.run(main())
    assert len(metrics.series) == 20 + bool(over)
    others = [counts[0] for labels, counts in metrics.series.items()
              if 'route="other"' in labels]
    assert others == ([over] if over else [])

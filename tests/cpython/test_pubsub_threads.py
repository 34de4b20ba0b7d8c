"""What CPython's hub has beside the portable one."""

import asyncio
import pathlib
import re
import threading
from collections import deque

import pytest

from microdot import Microdot
from microdot.pubsub import Hub
from microdot.sse import with_sse
from microdot.websocket import with_websocket

PATIENCE_S = 20


def run(coro):
    async def limited():
        return await asyncio.wait_for(coro, PATIENCE_S)

    return asyncio.run(limited())


async def until(condition):
    while not condition():
        await asyncio.sleep(0.005)


class Served:
    """``async with Served(app) as port``."""

    def __init__(self, app):
        self.app = app

    async def __aenter__(self):
        self.server = await self.app.start_server(
            '127.0.0.1', 0, start_serving=False)
        self.task = asyncio.create_task(self.server.serve_forever())
        return self.server.port

    async def __aexit__(self, *args):
        self.app.shutdown()
        await self.task


async def open_sse(port, last=None):
    reader, writer = await asyncio.open_connection(
        '127.0.0.1', port, limit=2 ** 24)
    writer.write(b'GET /events HTTP/1.1\r\nHost: a\r\n%s\r\n' % (
        b'Last-Event-ID: %b\r\n' % last.encode() if last else b''))
    await reader.readuntil(b'\r\n\r\n')
    return reader, writer


def make_app(hub):
    app = Microdot()

    @app.get('/events')
    @with_sse
    async def events(request, sse):
        await hub.forward(sse, 'a')

    @app.get('/ws')
    @with_websocket
    async def ws(request, ws):
        await hub.forward(ws, 'a')

    return app


def test_messages_of_threads_arrive_in_their_order():
    async def main():
        hub = Hub(queue=10000)

        def publish(name):
            for number in range(1000):
                hub.publish('a', (name, number))

        async with hub.subscribe('a') as messages:
            threads = [threading.Thread(target=publish, args=(name,))
                       for name in range(4)]
            for thread in threads:
                thread.start()
            got = {name: [] for name in range(4)}
            async for _, (name, number) in messages:
                got[name].append(number)
                if sum(map(len, got.values())) == 4000:
                    break
            for thread in threads:
                thread.join()
        assert got == {name: list(range(1000)) for name in range(4)}

    run(main())


def test_what_a_thread_publishes_before_anybody_listens_is_kept():
    async def main():
        hub = Hub(history=5)
        thread = threading.Thread(target=hub.publish, args=('a', 1))
        thread.start()
        thread.join()
        async with hub.subscribe('a', after='') as messages:
            assert await messages.__anext__() == ('a', 1)

    run(main())


def test_messages_of_threads_that_nobody_takes_are_bounded(monkeypatch):
    monkeypatch.setattr(Hub, 'max_pending', 10)
    hub = Hub(history=100)

    def publish():
        for number in range(1000):
            hub.publish('a', number)

    thread = threading.Thread(target=publish)
    thread.start()
    thread.join()
    assert len(hub.pending) == 10
    assert hub.counters['dropped'] == 990


def test_a_thread_may_see_as_full_what_has_been_handed_on():
    class Seen(deque):
        def __len__(self):
            return Hub.max_pending  # a moment ago

    hub = Hub()
    hub.pending = Seen()
    hub.thread = None  # that of the loop is another one
    hub.publish('a', 1)
    assert list(hub.pending) == [('a', 1, b'1')]
    assert hub.counters['dropped'] == 0


def test_one_task_at_a_time_takes_messages():
    async def main():
        hub = Hub()
        async with hub.subscribe('a') as messages:
            first = asyncio.create_task(messages.__anext__())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match='subscribe once for each'):
                await messages.__anext__()
            hub.publish('a', 1)
            assert await first == ('a', 1)
            # one that was cancelled is not in the way
            second = asyncio.create_task(messages.__anext__())
            await asyncio.sleep(0)
            second.cancel()
            await asyncio.sleep(0)
            hub.publish('a', 2)
            assert await messages.__anext__() == ('a', 2)

    run(main())


def test_a_hub_serves_one_loop_after_the_other():
    hub = Hub()

    async def main():
        async with hub.subscribe('a') as messages:
            hub.publish('a', 1)
            assert await messages.__anext__() == ('a', 1)

    run(main())
    run(main())


@pytest.mark.parametrize('topic', ['', 'x' * 129, 'x' * 100000])
def test_topics_have_a_length(topic):
    hub = Hub()
    with pytest.raises(ValueError, match='max_topic'):
        hub.publish(topic, 1)
    with pytest.raises(ValueError, match='max_topic'):
        hub.subscribe(topic)


@pytest.mark.parametrize('options', [
    {'full': 'newest'}, {'full': None}, {'queue': 0}, {'queue': -1},
    {'history': -1}])
def test_options_are_checked(options):
    [name] = options
    with pytest.raises(ValueError, match=name):
        Hub(**options)


def test_a_star_elsewhere_is_refused():
    with pytest.raises(ValueError, match=r'\*'):
        Hub().subscribe('room/*/x')


def test_who_does_not_keep_up_is_closed():
    async def main():
        hub = Hub(queue=3, full='close')
        async with hub.subscribe('a') as messages:
            for number in range(3):
                hub.publish('a', number)
            assert not messages.closed
            hub.publish('a', 3)
            assert messages.closed
            assert [each async for each in messages] == []
        assert hub.counters == {
            'published': 4, 'delivered': 4, 'dropped': 1, 'closed': 1}

    run(main())


def test_an_id_that_is_still_to_come_has_nothing_after_it():
    async def main():
        hub = Hub(history=3)
        hub.publish('a', 1)
        async with hub.subscribe('a', hub.event_id(99)) as messages:
            assert messages.queue == []

    run(main())


def test_what_is_no_json_is_the_publishers_error():
    with pytest.raises(TypeError):
        Hub().publish('a', object())


def test_events_are_written_at_once_to_idle_connections():
    hub = Hub()

    async def main():
        async with Served(make_app(hub)) as port:
            reader, writer = await open_sse(port)
            await until(lambda: hub.count('a'))
            [sinks] = hub.find('a')
            [sink] = sinks
            await until(lambda: sink.out.direct is not None)
            # the first wait of the stream
            await asyncio.sleep(0)
            for number in range(3):
                hub.publish('a', number)
                assert not sink.queue
            for number in range(3):
                assert b'data: %d\n' % number in await reader.readuntil(
                    b'\n\n\r\n')
            writer.close()
            await until(lambda: not hub.count('a'))

    run(main())


@pytest.mark.parametrize('path', ['/events', '/ws'])
@pytest.mark.parametrize('full', ['oldest', 'close'])
def test_a_client_that_stalls_delays_nobody(path, full, monkeypatch):
    # who waits for the stalled one waits longer than this test does
    monkeypatch.setattr(Microdot, 'stall_timeout', 3600)
    hub = Hub(queue=4, full=full)
    size = 100000

    async def stall(port):
        reader, writer = await asyncio.open_connection(
            '127.0.0.1', port, limit=1024)
        writer.write(b'GET %b HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n'
                     b'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
                     b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
                     % path.encode())
        return writer

    async def main():
        app = make_app(hub)
        async with Served(app) as port:
            stalled = await stall(port)
            reader, writer = await open_sse(port)
            await until(lambda: hub.count('a') == 2)
            dropped = 'closed' if full == 'close' else 'dropped'
            number = 0
            while not hub.counters[dropped]:
                hub.publish('a', b'%06d' % number + b'x' * size)
                line = await reader.readuntil(b'\n\n')
                assert b'data: %06dx' % number in line
                number += 1
                assert number < 1000
            # and in the end it is cut
            [conn] = [conn for conn in app.connections
                      if conn.addr == stalled.get_extra_info('sockname')]
            monkeypatch.setattr(Microdot, 'stall_timeout', 0)
            conn.wait(0)
            await until(lambda: hub.count('a') == 1)
            stalled.close()
            writer.close()

    run(main())


def test_frames_of_a_long_message_are_not_broken_up():
    """What is published while a long message is under way comes after it."""
    hub = Hub()
    app = Microdot()
    seen = []

    @app.get('/ws')
    @with_websocket
    async def ws(request, ws):
        forwarding = asyncio.create_task(hub.forward(ws, 'a'))
        await until(lambda: hub.count('a'))
        sending = asyncio.create_task(ws.send('x' * 3000000))
        while not sending.done():
            hub.publish('a', 'small')
            await asyncio.sleep(0)
        hub.publish('a', 'end')
        await ws.receive()
        forwarding.cancel()

    async def main():
        client = pytest.importorskip('websockets.asyncio.client')
        async with Served(app) as port:
            async with client.connect('ws://127.0.0.1:%d/ws' % port,
                                      max_size=None) as ws:
                while True:
                    message = await ws.recv()
                    seen.append(len(message))
                    if message == 'end':
                        break
                await ws.send('done')

    run(main())
    assert seen.count(3000000) == 1


def test_the_limits_of_the_page_are_those_of_the_classes():
    pytest.importorskip('redis')
    from microdot.pubsub import RedisHub
    page = pathlib.Path(__file__).parents[2] / 'docs/guide/pubsub.rst'
    rows = re.findall(
        r'\* - ``(\w+)\.(\w+)``\n(?:     - .*\n){3}     - (\d+)\n',
        page.read_text())
    told = {(name, limit): int(value) for name, limit, value in rows}
    # (what the hub of one process has is told once)
    assert told == {
        (kind.__name__, limit): getattr(kind, limit)
        for kind in (Hub, RedisHub) for limit in vars(kind)
        if limit.startswith('max_') or limit == 'history_seconds'}

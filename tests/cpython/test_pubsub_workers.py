"""One hub in all workers of ``microdot run --workers N``."""

import asyncio
import contextlib
import http.client
import logging
import os
import selectors
import signal
import socket
import threading
import time

import pytest

from command import PATIENCE, Command, save
from microdot import _bus
from microdot.cli import bus as cli_bus
from microdot.pubsub import Hub

pytestmark = pytest.mark.skipif(os.name != 'posix', reason='sockets')


def run(coro):
    async def limited():
        return await asyncio.wait_for(coro, PATIENCE)

    return asyncio.run(limited())


async def until(condition):
    while not condition():
        await asyncio.sleep(0.005)


class Supervisor:
    """The supervisor's part, in a thread."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.bus = cli_bus.Bus(self.selector)
        self.bell, self.push = socket.socketpair()
        self.selector.register(self.bell, selectors.EVENT_READ)
        self.jobs = []
        self.results = []
        self.ended = False
        self.thread = threading.Thread(target=self.work)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *args):
        self.ended = True
        self.push.send(b'!')
        self.thread.join(PATIENCE)
        for sock in (self.bell, self.push):
            sock.close()
        for member in self.bus.members:
            member.sock.close()
        self.selector.close()

    def work(self):
        while not self.ended:
            for key, events in self.selector.select():
                if key.data:
                    self.bus.ready(key.data, events)
                    continue
                self.bell.recv(1)
                while self.jobs:
                    job, done = self.jobs.pop(0)
                    self.results.append(job())
                    done.set()

    def do(self, job):
        """Let the thread do something, and return what that gives."""
        done = threading.Event()
        self.jobs.append((job, done))
        self.push.send(b'!')
        assert done.wait(PATIENCE)
        return self.results.pop()


class Worker:
    """A worker's part, in the loop of the test."""

    def __init__(self, supervisor, monkeypatch, hubs=1, **options):
        self.supervisor = supervisor
        self.member, sock = supervisor.do(supervisor.bus.add)
        self.line = _bus.Line(sock, supervisor.bus.life)
        with monkeypatch.context() as patch:
            patch.setattr(_bus, 'line', self.line)
            self.hubs = [Hub(**options) for _ in range(hubs)]
        self.hub = self.hubs[0]
        self.line.connect()

    def die(self):
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.line.sock)
        loop.remove_writer(self.line.sock)
        self.line.sock.close()
        self.line.loop = None


@pytest.fixture
def supervisor():
    with Supervisor() as found:
        yield found


@pytest.fixture
def make(supervisor, monkeypatch):
    made = []

    def make_worker(**options):
        made.append(Worker(supervisor, monkeypatch, **options))
        return made[-1]

    yield make_worker
    for worker in made:
        worker.line.sock.close()


def limit_room(sock):
    """Let the system take less than tests send, whatever it does usually."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)


async def take(messages, count):
    found = []
    async for _, message in messages:
        found.append(message)
        if len(found) == count:
            return found


async def gather(hub, topic, after):
    async with hub.subscribe(topic, after) as messages:
        return [entry[2] for entry in messages.queue]


SENT = ['text', 'gr\xfc\xdfe', b'\x00\xff', {'a': [1, None]}, 7, None,
        'x' * 512 * 1024]


def test_messages_reach_all_workers_as_they_are(make):
    async def main():
        ada, bob = make().hub, make().hub
        async with ada.subscribe('room/*') as first:
            async with bob.subscribe('room/1') as second:
                for message in SENT:
                    ada.publish('room/1', message)
                assert await take(first, len(SENT)) == SENT
                assert await take(second, len(SENT)) == SENT

    run(main())


def test_all_workers_have_one_order_and_the_same_ids(make):
    async def main():
        hubs = [make(queue=1000).hub for _ in range(3)]
        async with contextlib.AsyncExitStack() as stack:
            messages = [await stack.enter_async_context(hub.subscribe('a'))
                        for hub in hubs]
            for number in range(100):
                for name, hub in enumerate(hubs):
                    hub.publish('a', (name, number))
            found = []
            for hub, each in zip(hubs, messages):
                entries = [await each.next() for _ in range(300)]
                found.append([(hub.event_id(entry[0]), entry[2])
                              for entry in entries])
        assert found[0] == found[1] == found[2]
        for name in range(3):
            assert [message[1] for _, message in found[0]
                    if message[0] == name] == list(range(100))

    run(main())


def test_hubs_of_a_program_are_told_apart(make):
    async def main():
        ada, bob = make(hubs=2), make(hubs=2)
        async with bob.hubs[0].subscribe('a') as first:
            async with bob.hubs[1].subscribe('a') as second:
                ada.hubs[1].publish('a', 'second')
                ada.hubs[0].publish('a', 'first')
                assert await take(first, 1) == ['first']
                assert await take(second, 1) == ['second']
                assert not first.queue and not second.queue

    run(main())


def test_history_can_be_had_from_any_worker_and_a_new_one(make):
    async def main():
        ada, bob = make(history=5).hub, make(history=5).hub
        async with bob.subscribe('a') as messages:
            for number in range(8):
                ada.publish('a', number)
            ids = [bob.event_id((await messages.next())[0])
                   for _ in range(8)]
        await until(lambda: ada.number == 8)  # it may read later than bob
        new = make(history=5).hub
        for hub in (ada, bob, new):
            assert await gather(hub, 'a', '') == [3, 4, 5, 6, 7]
            assert await gather(hub, 'a', ids[5]) == [6, 7]
            assert await gather(hub, 'a', ids[7]) == []
            assert await gather(hub, 'a', 'x-1') == [3, 4, 5, 6, 7]

    run(main())


def test_listeners_of_all_workers_are_counted(make):
    async def main():
        workers = [make() for _ in range(3)]
        hubs = [worker.hub for worker in workers]
        async with hubs[0].subscribe('a'), hubs[1].subscribe('*'):
            await until(lambda: [hub.count('a') for hub in hubs] == [2] * 3)
            assert [hub.count('b') for hub in hubs] == [1] * 3
            hubs.append(make().hub)
            await until(lambda: hubs[3].count('a') == 2)
            workers[1].die()
            await until(lambda: hubs[0].count('a') == hubs[2].count('a')
                        == 1)
        await until(lambda: hubs[2].count('a') == 0)

    run(main())


def test_what_changes_back_at_once_is_told_to_nobody(make):
    async def main():
        worker = make()
        async with worker.hub.subscribe('a'):
            pass
        assert not worker.line.changed

    run(main())


def test_threads_may_publish(make):
    async def main():
        ada, bob = make(queue=1000).hub, make(queue=1000).hub
        async with bob.subscribe('a') as messages:
            thread = threading.Thread(target=lambda: [
                ada.publish('a', number) for number in range(500)])
            thread.start()
            assert await take(messages, 500) == list(range(500))
            thread.join()

    run(main())


def test_a_worker_that_does_not_read_hurts_nobody(make, monkeypatch):
    monkeypatch.setattr(cli_bus, 'MAX_BEHIND', 100000)
    loop = asyncio.new_event_loop()

    async def main():
        ada, bob, stuck = (make(queue=10000, history=100) for _ in range(3))
        limit_room(stuck.member.sock)
        async with bob.hub.subscribe('a') as messages:
            async with stuck.hub.subscribe('a') as missed:
                await until(lambda: ada.hub.count('a') == 2)
                asyncio.get_running_loop().remove_reader(stuck.line.sock)
                for number in range(50):
                    for part in range(40):
                        ada.hub.publish('a', '%d' % number + 'x' * 1000)
                    assert len(await take(messages, 40)) == 40
                assert stuck.member.waiting_bytes < 110000
                assert stuck.member.behind
                # it is back, and gets what the history has
                asyncio.get_running_loop().add_reader(
                    stuck.line.sock, stuck.line.read)
                ada.hub.publish('a', 'last')
                await until(lambda: missed.queue and
                            missed.queue[-1][2] == 'last')
                got = [entry[0] for entry in missed.queue]
                assert got == sorted(got)
                assert got[-100:] == list(range(1902, 2002))
                dropped = stuck.hub.counters['dropped']
                assert dropped == 2001 - len(got) > 0
                assert bob.hub.counters['dropped'] == 0
                await until(lambda: stuck.hub.count('a') == 2)

    loop.run_until_complete(asyncio.wait_for(main(), PATIENCE))
    loop.close()


def test_what_the_supervisor_does_not_read_is_bounded(make, supervisor,
                                                      monkeypatch):
    monkeypatch.setattr(Hub, 'max_unsent', 1000000)
    stopping, stopped = threading.Event(), threading.Event()

    def stop():
        stopping.set()
        stopped.wait()

    async def main():
        worker = make()
        limit_room(worker.line.sock)
        supervisor.jobs.append((stop, threading.Event()))
        supervisor.push.send(b'!')
        assert stopping.wait(PATIENCE)
        try:
            for _ in range(1000):
                worker.hub.publish('a', b'x' * 10000)
                assert worker.line.unsent_bytes <= 1000000
                await asyncio.sleep(0)
            assert worker.hub.counters['dropped'] > 800
        finally:
            stopped.set()
        await until(lambda: not worker.line.unsent)

    run(main())


def test_a_supervisor_that_dies_leaves_nobody_hanging(make, supervisor):
    async def main():
        worker = make()
        async with worker.hub.subscribe('a'):
            supervisor.do(lambda: supervisor.bus.drop(worker.member))
            for _ in range(10):
                worker.hub.publish('a', 'x' * 100000)
                await asyncio.sleep(0)
            assert not worker.line.unsent

    run(main())


def test_a_hub_made_while_it_serves_is_of_one_worker_and_says_so(
        make, monkeypatch, caplog):
    async def main():
        worker = make()
        monkeypatch.setattr(_bus, 'line', worker.line)
        for _ in range(2):
            late = Hub()
            async with late.subscribe('a') as messages:
                late.publish('a', 1)
                assert await take(messages, 1) == [1]
                assert late.count('a') == 1

    with caplog.at_level(logging.WARNING):
        run(main())
    [record] = caplog.records
    assert 'of one worker alone' in record.getMessage()


@pytest.mark.parametrize('size', [1, 7, 64, 1000])
def test_pieces_of_any_size_are_put_together(size):
    said = [('M', 'hub 1', 'room/1', b'data' * number, number, b's')
            for number in range(20)]
    data = b''.join(_bus.pack(kind.encode(), hub, topic, data, number, form)
                    for kind, hub, topic, data, number, form in said)
    unpacker = _bus.Unpacker()
    found = []
    for at in range(0, len(data), size):
        found += unpacker.feed(data[at:at + size])
    assert found == [(kind.encode(), *rest) for kind, *rest in said]
    assert unpacker.data == b''


# --- With the command

APP = """\
import os
import time
from microdot import Microdot
from microdot.pubsub import Hub
from microdot.sse import with_sse

app = Microdot()
app.shutdown_timeout = 1
hub = Hub(history=100)


@app.get('/pid')
async def pid(request):
    return str(os.getpid())


@app.get('/count')
async def count(request):
    return str(hub.count('a'))


@app.post('/say')
def say(request):
    hub.publish('a', request.body.decode())
    return str(os.getpid())


@app.get('/block')
async def block(request):
    print('blocked', flush=True)
    time.sleep(1)
    return 'done'


@app.get('/events')
@with_sse
async def events(request, sse):
    async with hub.subscribe('a'):  # (waits until the worker has joined)
        await sse.send(str(os.getpid()), event='pid')
    await hub.forward(sse, 'a')
"""


class Page:
    """A browser's EventSource."""

    def __init__(self, address, last=''):
        self.connection = http.client.HTTPConnection(*address,
                                                     timeout=PATIENCE)
        self.last = last
        self.connection.request(
            'GET', '/events', headers={'Last-Event-ID': last} if last else {})
        self.response = self.connection.getresponse()
        self.pid = int(self.next())

    def next(self):
        """Return the data of the next event, or ``None`` at the end."""
        while True:
            line = self.response.readline().decode().rstrip('\n')
            name, _, value = line.partition(': ')
            if name == 'id':
                self.last = value
            elif name == 'data':
                return value
            elif not line and self.response.isclosed():
                return None

    def close(self):
        self.connection.close()


@contextlib.contextmanager
def pages(command, count=2):
    """A page of each of so many workers."""
    found = {}
    try:
        while len(found) < count:
            page = Page(command.address())
            if page.pid in found:
                page.close()
            else:
                found[page.pid] = page
        yield list(found.values())
    finally:
        for page in found.values():
            page.close()


def say(command, text):
    connection = http.client.HTTPConnection(*command.address(),
                                            timeout=PATIENCE)
    connection.request('POST', '/say', text)
    response = connection.getresponse()
    assert response.status == 200
    number = int(response.read())
    connection.close()
    return number


@pytest.fixture
def command(tmp_path):
    save(tmp_path / 'app.py', APP)
    with Command('run', '--port', 0, '--workers', 2, '--no-access-log',
                 cwd=tmp_path) as found:
        yield found
        assert found.stop() == 0
        assert 'Traceback' not in found.output


def test_command_workers_share_a_hub(command):
    with pages(command) as (first, second):
        speakers = set()
        number = 0
        while len(speakers) < 2 or number < 20:
            speakers.add(say(command, str(number)))
            assert first.next() == second.next() == str(number)
            assert first.last == second.last
            number += 1
        while command.get('/count')[1] != '2':
            pass
    assert 'each worker has its own' not in command.output


def test_command_a_killed_worker_hurts_nobody(command):
    with pages(command) as (first, second):
        say(command, 'before')
        assert first.next() == second.next() == 'before'
        os.kill(first.pid, signal.SIGKILL)
        command.wait_for('another takes its place')
        for number in range(20):
            say(command, str(number))
            assert second.next() == str(number)
        # and its page misses nothing
        again = Page(command.address(), first.last)
        assert [again.next() for _ in range(20)] == [
            str(number) for number in range(20)]
        again.close()


def test_command_a_blocked_worker_delays_nobody(command):
    with pages(command) as (first, second):
        with socket.create_connection(command.address()) as sock:
            sock.sendall(b'GET /block HTTP/1.0\r\n\r\n')
            command.wait_for('blocked')
            for number in range(50):
                say(command, str(number))
            for page in (first, second):
                assert [page.next() for _ in range(50)] == [
                    str(number) for number in range(50)]


def test_command_rolling_restart_misses_no_message(command):
    with pages(command) as (first, second):
        said = 1
        begun = {first.pid, second.pid}
        # (both have an id to go on from)
        say(command, '0')
        got = {0: [first.next()], 1: [second.next()]}
        command.process.send_signal(signal.SIGHUP)
        current = {0: first, 1: second}
        while 'all workers have been restarted' not in command.output or \
                any(page.pid in begun for page in current.values()):
            say(command, str(said))
            said += 1
            for index, page in current.items():
                while got[index][-1] != str(said - 1):
                    text = page.next()
                    if text is None:
                        page.close()
                        page = current[index] = Page(command.address(),
                                                     page.last)
                    else:
                        got[index].append(text)
            with contextlib.suppress(AssertionError):
                command.read(time.monotonic() + 0.001)
        for page in current.values():
            page.close()
        assert got[0] == got[1] == [str(number) for number in range(said)]

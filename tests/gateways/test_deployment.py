"""Two instances behind nginx, with two workers each and a Redis, set up as the
page of the docs says."""

import collections
import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

import servers
from command import Command
from deployment import FILES, Caddy, deploy, replace
from redis_server import redis_server  # noqa: F401

pytestmark = pytest.mark.skipif(os.name != 'posix', reason='sockets')
APP = servers.TOP / 'tests' / 'apps' / 'deployed.py'
#: Said until all hear it, and left out of what they get.
HELLO = 'hello'


@pytest.fixture
def deployment(redis_server):  # noqa: F811
    with deploy(APP, REDIS_URL=redis_server.url) as found:
        yield found
        for each in found.instances:
            assert 'Traceback' not in each.output


class Load:
    """Asks again and again from several threads, and keeps what was not
    answered with 200.

    :param say: what is to be published: a function of a number.
    """

    def __init__(self, deployment, say, threads=3):
        self.deployment = deployment
        self.say = say
        self.wrong = []
        self.answers = 0
        self.said = []
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.ask)
                        for _ in range(threads)]
        self.threads.append(threading.Thread(target=self.speak))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *args):
        self.ended.set()
        for thread in self.threads:
            thread.join(servers.PATIENCE_S)

    def send(self, *request):
        try:
            status, text = self.deployment.ask(*request)
        except OSError as exc:
            status, text = exc, None
        if status != 200:
            self.wrong.append((request, status, text))
        self.answers += 1

    def ask(self):
        while not self.ended.is_set():
            self.send()

    def speak(self):
        while not self.ended.is_set():
            text = self.say(len(self.said))
            self.said.append(text)
            self.send('POST', '/say', text.encode())
            time.sleep(0.005)  # (some hundred a second are enough)

    def until_more(self, count):
        wanted = self.answers + count
        servers.wait_until(lambda: self.answers >= wanted, 'answers')


class Listener:
    """An EventSource: it connects again, tells what it had last, and keeps
    all that it gets."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.last = ''
        self.got = []
        self.processes = []
        self.hears = False
        self.ended = False
        self.thread = threading.Thread(target=self.listen)

    def __enter__(self):
        self.thread.start()
        servers.wait_until(lambda: self.processes, 'a stream')
        return self

    def __exit__(self, *args):
        self.ended = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(servers.PATIENCE_S)

    def listen(self):
        while not self.ended:
            try:
                self.listen_once()
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)  # as a browser waits before it tries again

    def listen_once(self):
        with self.deployment.connect() as self.sock:
            self.sock.settimeout(servers.PATIENCE_S)
            self.sock.sendall(
                b'GET /events HTTP/1.1\r\nHost: chat.example.com\r\n%s\r\n'
                % (b'Last-Event-ID: %s\r\n' % self.last.encode()
                   if self.last else b''))
            response = http.client.HTTPResponse(self.sock)
            response.begin()
            fields = {}
            while not self.ended:
                line = response.readline().decode()
                if not line:
                    return
                name, _, value = line.strip().partition(': ')
                fields[name] = value
                if not name:
                    self.take(fields)
                    fields = {}

    def take(self, fields):
        if fields.get('event') == 'pid':
            self.processes.append(int(fields['data']))
        elif 'id' in fields:
            self.last = fields['id']
            if fields['data'] == HELLO:
                self.hears = True
            else:
                self.got.append(fields['data'])


def wait_until_heard(deployment, listeners, ws=None):
    """Wait until all get what is said: they tell their process a moment
    before they listen."""
    def heard():
        nonlocal ws
        assert deployment.ask('POST', '/say', HELLO.encode())[0] == 200
        if ws:
            with contextlib.suppress(TimeoutError):
                assert ws.recv(0.5) == HELLO
                ws = None
        return not ws and all(each.hears for each in listeners)

    servers.wait_until(heard, 'what was said')


def wait_for(listeners, texts):
    """Wait until all have got these, in whatever order."""
    wanted = set(texts)
    servers.wait_until(
        lambda: all(wanted <= set(each.got) for each in listeners),
        'messages; the first missing: %r' % [
            sorted(wanted - set(each.got))[:3] for each in listeners])


def check_each_once(listeners, texts):
    for each in listeners:
        assert collections.Counter(each.got) == collections.Counter(texts)
        assert each.got == listeners[0].got


def test_all_workers_answer_and_know_the_client(deployment):
    pids = set()

    def ask():
        status, text = deployment.ask()
        answer = json.loads(text)
        assert status == 200
        assert answer['client'] == '127.0.0.1'
        assert answer['secure']
        pids.add(answer['pid'])
        return len(pids) == 4

    servers.wait_until(ask, 'four processes', servers.START_S)
    # what comes without TLS is sent there
    with deployment.connect_plainly(deployment.proxy.plain) as sock:
        sock.sendall(b'GET /x HTTP/1.0\r\nHost: chat.example.com\r\n\r\n')
        answer = servers.read_all(sock)
    assert answer.startswith(b'HTTP/1.1 301')
    assert b'Location: https://chat.example.com/x\r\n' in answer


def test_rolling_restart_loses_no_request_and_no_message(deployment):
    first = deployment.instances[0]
    with Listener(deployment) as ada, Listener(deployment) as bob, \
            Listener(deployment) as cyd, Listener(deployment) as dan:
        listeners = [ada, bob, cyd, dan]
        # streams end with their worker; each is at another one
        assert len({each.processes[0] for each in listeners}) > 1
        wait_until_heard(deployment, listeners)
        with Load(deployment, str) as load:
            load.until_more(50)
            first.reload()
            servers.wait_until(first.restarts, 'the restart')
            load.until_more(50)
        assert load.wrong == []
        wait_for(listeners, load.said)
        check_each_once(listeners, load.said)
        # those of the first instance have come back, to either
        assert sum(map(len, (each.processes for each in listeners))) > 4


def test_killing_redis_is_survived(deployment, redis_server):  # noqa: F811
    websockets = pytest.importorskip('websockets.sync.client')
    with Listener(deployment) as ada, Listener(deployment) as bob, \
            websockets.connect(
                'wss://chat.example.com/socket', ssl=deployment.context,
                sock=deployment.connect_plainly(deployment.port)) as ws:
        ws.recv(servers.PATIENCE_S)
        listeners = [ada, bob]
        wait_until_heard(deployment, listeners, ws)
        with Load(deployment, str, threads=1) as load:
            load.until_more(50)
            redis_server.kill()
            for each in deployment.instances:
                # one line of each of its workers
                servers.wait_until(lambda: each.output.count('is gone') == 2,
                                   'the error')
            before = len(load.said)
            load.until_more(100)
            redis_server.start()
            servers.wait_until(lambda: any(
                int(text) > before for text in ada.got), 'a message')
            load.until_more(50)
        assert load.wrong == []
        wait_for(listeners, load.said)
        check_each_once(listeners, load.said)
        # all have stayed where they were
        assert [len(each.processes) for each in listeners] == [1, 1]
        got = []
        while len(got) < len(load.said):
            text = ws.recv(servers.PATIENCE_S)
            if text != HELLO:
                got.append(text)
        assert sorted(got, key=int) == load.said
        for each in deployment.instances:
            assert each.output.count('is gone') == 2


def test_caddy_passes_all_on(redis_server):  # noqa: F811
    websockets = pytest.importorskip('websockets.sync.client')
    with deploy(APP, Caddy, REDIS_URL=redis_server.url) as deployment:
        status, text = deployment.ask()
        assert status == 200
        assert json.loads(text)['client'] == '127.0.0.1'
        assert not json.loads(text)['secure']
        with websockets.connect(
                'ws://chat.example.com/socket',
                sock=deployment.connect_plainly(deployment.port)) as ws:
            ws.recv(servers.PATIENCE_S)
            wait_until_heard(deployment, [], ws)
        with Listener(deployment) as ada:
            wait_until_heard(deployment, [ada])
            with Load(deployment, str) as load:
                load.until_more(20)
                deployment.instances[0].reload()
                servers.wait_until(deployment.instances[0].restarts,
                                   'the restart')
                load.until_more(20)
            assert load.wrong == []
            wait_for([ada], load.said)
            check_each_once([ada], load.said)


def test_unit_is_one_that_systemd_takes(tmp_path):
    if not shutil.which('systemd-analyze'):
        pytest.skip('systemd-analyze is missing')
    text = (FILES / 'chat@.service').read_text()
    (tmp_path / 'chat@.service').write_text(replace(
        text, ('/srv/chat/venv/bin/microdot', sys.executable)))
    result = subprocess.run(
        ['systemd-analyze', 'verify', './chat@a.service'], cwd=tmp_path,
        capture_output=True, text=True, timeout=60)
    assert (result.stderr, result.returncode) == ('', 0)


def test_container_serves_and_is_healthy(tmp_path):
    """What the Dockerfile has run, without the container."""
    text = (FILES / 'Dockerfile').read_text()
    health = json.loads(re.search(r'^HEALTHCHECK CMD (.*)', text, re.M)[1])
    command = json.loads(re.search(r'^CMD (.*)', text, re.M)[1])
    shutil.copy(APP, tmp_path / 'chat.py')
    assert command.pop(0) == 'microdot'
    with Command(*command, '--port', 0, cwd=tmp_path) as found:
        port = found.wait_for(r'http://127.0.0.1:(\d+)')[1]
        found.wait_for('Ctrl-C')
        check = [sys.executable if word == 'python3' else
                 word.replace(':5000', ':' + port).replace(
                     'timeout=3', 'timeout=30') for word in health]
        assert subprocess.run(check, timeout=60).returncode == 0
        assert found.stop() == 0
    assert subprocess.run(check, timeout=60,
                          stderr=subprocess.DEVNULL).returncode == 1


def test_composition_is_consistent():
    """The containers are not started here: their names and ports fit."""
    yaml = pytest.importorskip('yaml')
    whole = yaml.safe_load((FILES / 'compose.yaml').read_text())
    services = whole['services']
    assert services['chat'] == services['chat2']
    url = services['chat']['environment']['REDIS_URL']
    assert url == 'redis://redis:6379/0' and 'redis' in services
    [port] = re.findall(r'^EXPOSE (\d+)', (FILES / 'Dockerfile').read_text(),
                        re.MULTILINE)
    assert re.findall(r'--to (\S+):(\d+)', services['caddy']['command']) == [
        ('chat', port), ('chat2', port)]
    volumes = {each.partition(':')[0] for service in services.values()
               for each in service.get('volumes', ())}
    assert volumes == set(whole['volumes'])


def test_files_are_whole():
    """What the page includes is what is used here."""
    page = (FILES.parent / 'production.rst').read_text()
    for file in FILES.iterdir():
        assert 'literalinclude:: files/%s\n' % file.name in page, file.name

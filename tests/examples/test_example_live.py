"""The examples of WebSocket and server-sent events do as they say, also in a
real browser."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys

import pytest

import check
import servers
from browser import browser, needs_browser  # noqa: F401
from redis_server import redis_server  # noqa: F401
from servers import TOP

CHAT = TOP / 'examples' / 'websocket' / 'chat.py'
COUNTER = TOP / 'examples' / 'sse' / 'counter.py'
both = pytest.mark.parametrize('script', [CHAT, COUNTER],
                               ids=lambda path: path.stem)
every = pytest.mark.parametrize(
    'interpreter', [servers.running(), *servers.boards()],
    ids=lambda interpreter: interpreter.name)
some = pytest.mark.parametrize(
    'interpreter', [servers.running(), *servers.boards()[:1]],
    ids=lambda interpreter: interpreter.name)


def serve(interpreter, script):
    return servers.serve(interpreter, script=script, before=['127.0.0.1'])


@every
def test_counter_counts_as_shown(interpreter):
    shown = re.search(r'/count/3\n(.*?)"""', COUNTER.read_text(), re.DOTALL)
    shown = ''.join(line.strip() + '\n' for line in shown[1].split('\n'))
    with serve(interpreter, COUNTER) as child:
        text = child.get('/count/3')
        # the chunks of HTTP
        text = re.sub(rb'(^|\r\n)[0-9a-f]+\r\n', b'', text).strip(b'\r\n')
        assert text.decode() == shown.strip('\n')
        assert 'Traceback' not in child.output


@every
def test_counter_notices_who_has_left(interpreter):
    with serve(interpreter, COUNTER) as child:
        with child.connect() as sock:
            sock.sendall(b'GET /count HTTP/1.1\r\nHost: a\r\n'
                         b'Last-Event-ID: 41\r\n\r\n')
            servers.read_until(sock, b'data: 42\n')
            assert child.get('/listeners') == b'1\n'
        servers.wait_until(lambda: child.get('/listeners') == b'0\n',
                           'the end of the stream')
        assert 'Traceback' not in child.output


@every
def test_chat_goes_on_when_one_is_rude(interpreter):
    websockets = pytest.importorskip('websockets.sync.client')
    with serve(interpreter, CHAT) as child:
        def join(room='hall'):
            return websockets.connect(
                'ws://127.0.0.1:%d/chat/%s' % (child.port, room),
                sock=child.connect())

        def read_until(ws, **expected):
            while True:
                message = json.loads(ws.recv(20))
                if message == expected:
                    return

        with join() as ada, join() as bob, join() as rude:
            read_until(ada, count=3)
            with contextlib.suppress(
                    pytest.importorskip('websockets').ConnectionClosed):
                # from the first of these on the server may have closed it
                for message in ('not JSON', '[]', 'x' * 2000):
                    rude.send(message)
            with contextlib.suppress(OSError):  # it is closed already
                rude.socket.shutdown(socket.SHUT_RDWR)
            read_until(ada, count=2)
            bob.send('{"name": "Bob", "text": "hi"}')
            read_until(ada, name='Bob', text='hi')
            # who comes later is told, and another room knows nothing of it
            with join() as eve, join('garden') as cyd:
                read_until(eve, name='Bob', text='hi')
                assert json.loads(cyd.recv(20)) == {'count': 1}
        assert 'Traceback' not in child.output


def test_chat_of_two_instances_is_one(redis_server):  # noqa: F811
    websockets = pytest.importorskip('websockets.sync.client')
    environment = dict(os.environ, REDIS_URL=redis_server.url,
                       PYTHONPATH=str(TOP / 'src'))
    ports = [check.free_port() for _ in range(2)]
    children = [subprocess.Popen(
        [sys.executable, str(CHAT), '127.0.0.1', str(port)],
        env=environment, stderr=subprocess.PIPE, text=True,
        stdout=subprocess.DEVNULL) for port in ports]
    try:
        def is_open(port):
            with contextlib.suppress(OSError):
                socket.create_connection(('127.0.0.1', port)).close()
                return True

        def join(port):
            servers.wait_until(lambda: is_open(port), 'the server')
            return websockets.connect('ws://127.0.0.1:%d/chat/hall' % port)

        def read_until(ws, expected):
            while json.loads(ws.recv(20)) != expected:
                pass

        hi = {'name': 'Ada', 'text': 'hi'}
        with join(ports[0]) as ada, join(ports[1]) as bob:
            read_until(ada, {'count': 2})
            read_until(bob, {'count': 2})
            ada.send(json.dumps(hi))
            read_until(bob, hi)
        with join(ports[1]) as cyd:
            read_until(cyd, hi)
    finally:
        for child in children:
            child.terminate()
        errors = [child.communicate(timeout=20)[1] for child in children]
    assert not any('Traceback' in text for text in errors), errors


@both
def test_pages_tell_how_to_run_them(script):
    name = str(script.relative_to(TOP))
    assert re.findall(r'^    (\w+)=(\S+) (\S+) (examples\S+)$',
                      script.read_text(), re.MULTILINE) == [
        ('PYTHONPATH', 'src', 'python3', name),
        ('MICROPYPATH', 'src:.frozen', 'micropython', name)]


@both
def test_importing_them_starts_nothing(script, tmp_path):
    subprocess.run(
        [sys.executable, '-c', 'import %s' % script.stem], check=True,
        cwd=tmp_path, timeout=60, env=dict(
            os.environ, PYTHONPATH='%s:%s' % (TOP / 'src', script.parent)))


@needs_browser
@some
def test_chat_in_a_browser(interpreter, browser):  # noqa: F811
    with serve(interpreter, CHAT) as child:
        url = 'http://127.0.0.1:%d/' % child.port
        ada, bob = browser.open(url), browser.open(url)
        for page in (ada, bob):
            page.wait_for('byId("count").innerText == "2"')
        ada.fill('#name', 'Ada')
        ada.fill('#text', 'Gr\xfc\xdfe & <b>bold</b>')
        ada.click('button')
        for page in (ada, bob):
            assert page.wait_for('byId("lines").innerText') == \
                'Ada: Gr\xfc\xdfe & <b>bold</b>'
        bob.close()
        ada.wait_for('byId("count").innerText == "1"')
        # a page of another origin may not
        ada.close()
        eve = browser.open('http://localhost:%d/' % child.port)
        eve.wait_for('byId("count").innerText == "1"')
        assert eve.evaluate(
            'new Promise(done => { const ws = new WebSocket("ws://127.0.0.1:'
            '%d/chat/hall"); ws.onopen = () => done("open");'
            'ws.onerror = () => done("refused") })' % child.port) == 'refused'
        eve.close()
        assert 'Traceback' not in child.output


@needs_browser
@some
def test_counter_in_a_browser(interpreter, browser):  # noqa: F811
    with serve(interpreter, COUNTER) as child:
        page = browser.open('http://127.0.0.1:%d/' % child.port)
        page.wait_for('byId("count").innerText == "3"')
        assert page.evaluate('byId("state").innerText') == 'counting'
        page.click('button')
        servers.wait_until(lambda: child.get('/listeners') == b'0\n',
                           'the end of the stream')
        page.close()
        assert 'Traceback' not in child.output

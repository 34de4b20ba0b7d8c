"""The example of server-sent events does as it says, also in a real browser;
so does, in ``test_example_chat.py``, that of WebSocket."""

import os
import re
import subprocess
import sys

import pytest

import servers
from browser import browser, needs_browser  # noqa: F401
from servers import TOP

CHAT = TOP / 'examples' / 'chat' / 'chat.py'
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
def test_counter_in_a_browser(interpreter, browser):  # noqa: F811
    with serve(interpreter, COUNTER) as child:
        page = browser.open('http://127.0.0.1:%d/' % child.port)
        page.wait_for('byId("count").innerText >= 3')
        assert page.evaluate('byId("state").innerText') == 'counting'
        page.click('button')
        servers.wait_until(lambda: child.get('/listeners') == b'0\n',
                           'the end of the stream')
        page.close()
        assert 'Traceback' not in child.output

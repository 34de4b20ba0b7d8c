"""The guest books run as they say, on CPython and on MicroPython."""

import http.client
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse

import pytest

import check
import interpreters

TOP = pathlib.Path(__file__).resolve().parents[2]
FOLDER = TOP / 'examples' / 'templates'
#: Seconds to start, to answer, and to stop.
PATIENCE = 30
CASES = {'guests-cpython': ('guests', [sys.executable]),
         'jinja-cpython': ('guests_jinja', [sys.executable])}
for each in interpreters.find():
    if each.is_micropython and each.has_event_loop:
        CASES['guests-' + each.name] = 'guests', each.command


@pytest.fixture
def top(tmp_path):
    """A folder like the top of the repository, that may be written to."""
    shutil.copytree(
        FOLDER, tmp_path / 'examples' / 'templates',
        ignore=shutil.ignore_patterns('*_html.py', '__pycache__'))
    for name in ('src', 'libs'):
        (tmp_path / name).symlink_to(TOP / name)
    return tmp_path


def ask(port, method='GET', cookies=None, **form):
    """Send a request, once the server listens; return status and text.

    :param cookies: a list, whose last one is sent, and that gets those that
                    are set.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        connection = http.client.HTTPConnection('127.0.0.1', port,
                                                timeout=PATIENCE)
        try:
            headers = {'Content-Type': 'application/x-www-form-urlencoded'}
            if cookies:
                headers['Cookie'] = cookies[-1]
            connection.request(
                method, '/', urllib.parse.urlencode(form) if form else None,
                headers)
            response = connection.getresponse()
            if cookies is not None:
                cookies.append(response.getheader(
                    'Set-Cookie', '').partition(';')[0])
            return response.status, response.read().decode()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, 'it does not listen'
            time.sleep(0.02)
        finally:
            connection.close()


@pytest.mark.parametrize('name, command', CASES.values(), ids=CASES)
def test_what_is_signed_is_shown_and_escaped(name, command, top):
    text = (FOLDER / (name + '.py')).read_text()
    variables = dict(re.findall(r'^    (\w+PATH)=(\S+) ', text, re.MULTILINE))
    port = check.free_port()
    process = subprocess.Popen(
        [*command, 'examples/templates/%s.py' % name, '127.0.0.1', str(port)],
        cwd=top, env=dict(os.environ, **variables), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL)
    try:
        status, page = ask(port)
        assert status == 200
        assert '<h1>Guest book</h1>' in page and 'nobody yet' in page
        assert ask(port, 'POST', name='<i>Ada</i>')[0] == 303
        page = ask(port)[1]
        assert '<li>&lt;i&gt;Ada&lt;/i&gt;</li>' in page
        assert 'nobody' not in page
        if name == 'guests_jinja':
            cookies = []
            ask(port, 'POST', cookies, name='<i>Ada</i>')
            thanks = '<p role="status">Thank you, &lt;i&gt;Ada&lt;/i&gt;!</p>'
            assert [thanks in ask(port, 'GET', cookies)[1]
                    for _ in range(2)] == [True, False]
        for wrong in ('', ' ', 'x' * 41):
            status, page = ask(port, 'POST', name=wrong)
            assert status == 400
            assert '<p role="alert">A name has 1 to 40' in page
        for number in range(25):
            ask(port, 'POST', name='number %d' % number)
        page = ask(port)[1]
        assert page.count('<li>') == 20 and 'number 4<' not in page
        check.wait_for_sleep(process)
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()

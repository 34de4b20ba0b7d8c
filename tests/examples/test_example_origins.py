"""The examples of CORS and CSRF do as they say, also in a real browser."""

import contextlib
import http.client
import os
import re
import subprocess
import sys

import pytest

import servers
from browser import browser, needs_browser  # noqa: F401
from servers import TOP

CORS = TOP / 'examples' / 'cors' / 'cors.py'
CSRF = TOP / 'examples' / 'csrf' / 'csrf.py'
every = pytest.mark.parametrize(
    'interpreter', [servers.running(), *servers.boards()],
    ids=lambda interpreter: interpreter.name)
some = pytest.mark.parametrize(
    'interpreter', [servers.running(), *servers.boards()[:1]],
    ids=lambda interpreter: interpreter.name)


def ask(port, method='GET', path='/', body=None, **headers):
    """Return the status, the text and the headers of an answer."""
    client = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
    try:
        client.request(method, path, body, {
            name.replace('_', '-'): value for name, value in headers.items()})
        response = client.getresponse()
        return response.status, response.read().decode(), response.headers
    finally:
        client.close()


@contextlib.contextmanager
def serve(interpreter, script):
    """Serve an example; give the process and the second port."""
    port = servers.free_port()
    with servers.serve(interpreter, port, script=script,
                       before=['127.0.0.1']) as child:
        servers.wait_until(lambda: servers.is_listening(port),
                           'the second server')
        yield child, port


@every
def test_cors_answers_as_shown(interpreter):
    with serve(interpreter, CORS) as (child, port):
        page = 'http://127.0.0.1:%d' % port
        for origin, allowed in ((page, page), ('http://evil.example', None),
                                ('http://localhost:5001', None)):
            status, text, headers = ask(child.port, Origin=origin)
            assert (status, text) == (200, '{"greeting": "welcome"}')
            assert headers['Access-Control-Allow-Origin'] == allowed
            assert headers['Vary'] == 'Origin'


@every
def test_csrf_answers_as_shown(interpreter):
    with serve(interpreter, CSRF) as (child, port):
        for path, headers, answer in (
                ('/send', {'Sec_Fetch_Site': 'same-origin'},
                 (200, '90 left\n')),
                ('/send', {'Sec_Fetch_Site': 'cross-site'},
                 (403, 'Forbidden')),
                ('/send', {'Origin': 'http://127.0.0.1:1'},
                 (403, 'Forbidden')),
                ('/report', {'Sec_Fetch_Site': 'cross-site'},
                 (200, 'thank you\n'))):
            assert ask(child.port, 'POST', path, 'amount=10', Content_Type=(
                'application/x-www-form-urlencoded'), **headers)[:2] == answer
        assert '<p class="big">90</p>' in child.get('/').decode()
        assert 'Traceback' not in child.output


@pytest.mark.parametrize('script', [CORS, CSRF], ids=lambda path: path.stem)
def test_pages_tell_how_to_run_them(script):
    name = str(script.relative_to(TOP))
    assert re.findall(r'^    (\w+)=(\S+) (\S+) (examples\S+)$',
                      script.read_text(), re.MULTILINE) == [
        ('PYTHONPATH', 'src', 'python3', name),
        ('MICROPYPATH', 'src:.frozen', 'micropython', name)]


@pytest.mark.parametrize('script', [CORS, CSRF], ids=lambda path: path.stem)
def test_importing_them_starts_nothing(script, tmp_path):
    subprocess.run(
        [sys.executable, '-c', 'import %s' % script.stem], check=True,
        cwd=tmp_path, timeout=60, env=dict(
            os.environ, PYTHONPATH='%s:%s' % (TOP / 'src', script.parent)))


@needs_browser
@some
def test_cors_in_a_browser(interpreter, browser):  # noqa: F811
    browser.forget_cookies()
    with serve(interpreter, CORS) as (child, port):
        for host, answers in (('127.0.0.1', ['welcome', 'welcome back']),
                              ('localhost', ['refused', 'refused'])):
            for answer in answers:
                page = browser.open('http://%s:%d/' % (host, port))
                assert page.wait_for(
                    'answer.innerText != "asking\u2026" && answer.innerText'
                ) == answer
                page.close()


@needs_browser
@some
def test_csrf_in_a_browser(interpreter, browser):  # noqa: F811
    with serve(interpreter, CSRF) as (child, port):
        for address, answer in (
                ('localhost:%d' % child.port, '90 left'),
                ('127.0.0.1:%d' % child.port, '80 left'),
                ('127.0.0.1:%d' % port, 'Forbidden'),
                ('localhost:%d' % port, 'Forbidden')):
            page = browser.open('http://%s/' % address)
            page.click('button')
            assert page.wait_for(
                '!document.querySelector("form") && document.body && '
                'document.body.innerText.trim()') == answer
            page.close()
        assert '<p class="big">80</p>' in child.get('/').decode()

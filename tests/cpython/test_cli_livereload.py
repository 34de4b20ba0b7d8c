"""Pages that follow their program."""

import asyncio
import re

import pytest

from browser import browser, needs_browser  # noqa: F401
from command import Command, save
from microdot import Microdot, Response
from microdot.cli import livereload
from microdot.test_client import TestClient

PAGE = '<!doctype html><title>x</title><body>hello</BODY>'


def make(headers=None, body=PAGE, root_path=''):
    app = Microdot()
    headers = {'Content-Type': 'text/html', **(headers or {})}

    @app.get('/')
    async def index(request):
        return Response(body, 200, headers)

    @app.before_request
    async def closed(request):
        if request.path != '/':
            return 'not allowed', 401

    livereload.install(app, 'g1', root_path)
    return app


def get(app, path='/', headers=None):
    return asyncio.run(TestClient(app).get(path, headers=headers))


def test_page_gets_one_tag_before_the_end_of_its_body():
    text = get(make()).text
    assert text == PAGE.replace(
        '</BODY>', '<script src="/_microdot/reload"></script></BODY>')


def test_shared_response_gets_one_tag():
    app = Microdot()
    shared = Response(PAGE, 200, {'Content-Type': 'text/html'})
    app.get('/')(lambda request: shared)
    livereload.install(app, 'g1')
    for _ in range(2):
        assert get(app).text.count('<script') == 1


def test_tag_has_the_nonce_of_the_page():
    text = get(make({'Content-Security-Policy':
                     "default-src 'self'; script-src 'nonce-aB3+/_-='"})).text
    assert '<script src="/_microdot/reload" nonce="aB3+/_-="></script>' \
        in text


def test_nonce_that_is_none_is_left_out():
    text = get(make({'Content-Security-Policy':
                     "script-src 'nonce-\"><b>'"})).text
    assert '<script src="/_microdot/reload"></script>' in text


def test_tag_has_the_prefix_of_the_site():
    assert 'src="/todo/_microdot/reload"' in get(make(root_path='/todo')).text


def test_length_that_was_given_is_that_of_the_page():
    res = get(make({'Content-Length': str(len(PAGE))}))
    assert int(res.headers['Content-Length']) == len(res.body)
    assert '<script' in res.text


@pytest.mark.parametrize('headers, body', [
    ({'Content-Type': 'text/plain'}, PAGE),
    ({'Content-Encoding': 'gzip'}, PAGE),
    ({}, '<p>a piece of a page'),
    ({}, (piece for piece in [PAGE])),
])
def test_other_answers_are_as_they_were(headers, body):
    res = get(make(headers, body))
    assert '<script' not in res.text


def test_script_is_not_kept_from_the_page():
    # (the hook of the application refuses all but the page)
    res = get(make(), livereload.PATH)
    assert res.status_code == 200
    assert res.headers['Content-Type'].startswith('text/javascript')
    assert 'const id = "g1"' in res.text


@pytest.mark.parametrize('headers', [
    {'Sec-Fetch-Site': 'cross-site'}, {'Sec-Fetch-Site': 'same-site'},
    {'Origin': 'http://evil.example'}, {'Origin': 'null'}])
@pytest.mark.parametrize('accept', ['*/*', 'text/event-stream'])
def test_other_sites_are_refused(headers, accept):
    res = get(make(), livereload.PATH, {'Accept': accept, **headers})
    assert res.status_code == 403


@pytest.mark.parametrize('headers', [
    {}, {'Sec-Fetch-Site': 'same-origin'},
    {'Origin': 'http://localhost', 'Host': 'localhost'}])
def test_own_site_is_answered(headers):
    assert get(make(), livereload.PATH, headers).status_code == 200


def test_stream_names_the_generation_and_ends_with_the_server():
    class Connection:
        leave = None

    class Asked:
        sock = Connection(), None

    async def main():
        body = livereload.Generation('g1', Asked)
        first = await body.__anext__()
        second = asyncio.create_task(body.__anext__())
        await asyncio.sleep(0)
        assert not second.done()
        Asked.sock[0].leave()
        with pytest.raises(StopAsyncIteration):
            await second
        return first

    assert re.fullmatch(rb'retry: \d+\ndata: g1\n\n', asyncio.run(main()))


PROGRAM = """\
from microdot import Microdot

app = Microdot()


@app.get('/')
async def index(request):
    return '<title>%s</title><body>page</body>', {
        'Content-Type': 'text/html', 'Content-Security-Policy':
        "default-src 'none'; connect-src 'self'; script-src 'nonce-abc'"}
"""


@needs_browser
def test_open_page_follows_its_program(browser, tmp_path):  # noqa: F811
    app = tmp_path / 'app.py'
    app.write_text(PROGRAM % 'first')
    with Command('run', '--port', 0, '--reload', '--debug',
                 cwd=tmp_path) as command:
        page = browser.open('http://%s:%d/' % command.address())
        page.wait_for('document.title == "first"')
        save(app, 'def f(:\n')
        command.wait_for('Waiting for the next save')
        save(app, PROGRAM % 'second')
        page.wait_for('document.title == "second"')
        assert command.stop() == 0

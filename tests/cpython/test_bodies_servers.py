"""The limits of bodies are those of every server, and 413 names which."""
import asyncio
import io

import pytest

from helpers import run
from microdot import Microdot, Request
from microdot.asgi import Microdot as AsgiMicrodot
from microdot.test_client import TestClient
from microdot.wsgi import Microdot as WsgiMicrodot


def with_test_client(app, path, size, kind):
    async def main():
        res = await TestClient(app).post(
            path, body=bytes(size), headers={'Content-Type': kind})
        return res.status_code, res.text
    return run(main())


def with_asgi(app, path, size, kind):
    sent = []
    pieces = [{'type': 'http.request', 'body': bytes(size)}]

    async def send(message):
        sent.append(message)

    async def receive():
        return pieces.pop(0)

    asyncio.run(app({
        'type': 'http', 'method': 'POST', 'path': path,
        'raw_path': path.encode(), 'http_version': '1.1', 'client': None,
        'query_string': b'', 'headers': [
            (b'host', b'a'), (b'content-length', b'%d' % size),
            (b'content-type', kind.encode())]}, receive, send))
    return sent[0]['status'], b''.join(
        message['body'] for message in sent[1:]).decode()


def with_wsgi(app, path, size, kind):
    started = []
    body = app({
        'REQUEST_METHOD': 'POST', 'PATH_INFO': path, 'HTTP_HOST': 'a',
        'wsgi.url_scheme': 'http', 'CONTENT_LENGTH': str(size),
        'CONTENT_TYPE': kind, 'wsgi.input': io.BytesIO(bytes(size))},
        lambda status, headers: started.append(int(status[:3])))
    return started[0], b''.join(body).decode()


SERVERS = [(Microdot, with_test_client), (AsgiMicrodot, with_asgi),
           (WsgiMicrodot, with_wsgi)]


@pytest.fixture(params=SERVERS, ids=['test client', 'asgi', 'wsgi'])
def ask(request):
    cls, with_server = request.param
    app = cls()

    @app.post('/')
    async def plain(request):
        return str(len(request.body))

    @app.post('/body', max_body_length=3 << 20)
    async def body(request):
        return str(len(request.body))

    @app.post('/json')
    async def parsed(request):
        return str(request.json)

    def asking(path, size, kind='text/plain'):
        return with_server(app, path, size, kind)

    asking.app = app
    yield asking
    assert app.body_bytes == 0


def test_a_megabyte_is_in_memory(ask):
    assert ask('/', 1 << 20) == (200, '1048576')
    status, text = ask('/', (1 << 20) + 1)
    assert (status, text) == (
        413, 'Payload too large, see Request.max_content_length')


def test_one_argument_of_the_route_suffices(ask):
    assert ask('/body', 3 << 20) == (200, '3145728')
    assert ask('/body', (3 << 20) + 1)[0] == 413


@pytest.mark.parametrize('kind', (
    'application/json', 'application/problem+json; charset=UTF-8',
    'application/x-www-form-urlencoded', 'Application/JSON'))
def test_what_has_to_be_in_memory_is_told_the_setting_for_that(ask, kind):
    status, text = ask('/json', (1 << 20) + 1, kind)
    assert status == 413
    assert 'max_body_length= of the route suffices' in text


def test_what_is_left_on_the_stream_is_told_the_setting(ask, monkeypatch):
    monkeypatch.setattr(Request, 'max_body_length', 100)
    status, text = ask('/json', 101, 'application/json')
    assert (status, text) == (
        413, 'Payload too large, see Request.max_body_length')


def test_all_together_have_a_limit(ask):
    ask.app.max_bodies = 1000
    assert ask('/', 1000) == (200, '1000')
    assert ask('/', 1001) == (503, 'Too many bodies')
    # and it counts for nothing afterwards
    assert ask('/', 1000) == (200, '1000')

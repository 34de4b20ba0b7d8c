"""Response.etag()."""
import asyncio

import pytest

from microdot import Microdot, Response
from microdot.test_client import TestClient


def make():
    app = Microdot()
    shared = Response('shared')

    @app.route('/', methods=['GET', 'POST'])
    async def index(request):
        return Response('hello', 200, {'X': 'y'}).etag()

    @app.get('/shared')
    async def several(request):
        return shared.etag()

    @app.get('/made')
    async def made(request):
        return Response('hello', 201).etag()

    return app


def send(app, path='/', method='GET', **headers):
    return asyncio.run(TestClient(app).request(method, path, headers))


def test_a_client_that_has_it_gets_no_body():
    app = make()
    first = send(app)
    tag = first.headers['ETag']
    assert (first.status_code, first.text) == (200, 'hello')
    for known in (tag, 'W/' + tag, '"x", %s' % tag, '*'):
        res = send(app, **{'If-None-Match': known})
        assert (res.status_code, res.text) == (304, '')
        assert (res.headers['ETag'], res.headers['X']) == (tag, 'y')
        head = send(app, method='HEAD', **{'If-None-Match': known})
        assert head.status_code == 304


def test_others_get_it():
    app = make()
    tag = send(app).headers['ETag']
    for known in ('"x"', tag[1:-1], tag[:-2] + '"'):
        res = send(app, **{'If-None-Match': known})
        assert (res.status_code, res.text) == (200, 'hello')
    for path, method, status in (('/', 'POST', 200), ('/made', 'GET', 201)):
        res = send(app, path, method, **{'If-None-Match': tag})
        assert (res.status_code, res.text) == (status, 'hello')


def test_a_response_may_be_shared():
    app = make()
    tag = send(app, '/shared').headers['ETag']
    assert tag != send(app).headers['ETag']
    known = send(app, '/shared', **{'If-None-Match': tag})
    assert known.status_code == 304
    assert send(app, '/shared').text == 'shared'


def test_bodies_that_are_not_in_memory_have_none():
    with pytest.raises(TypeError, match='in memory'):
        Response(iter('abc')).etag()

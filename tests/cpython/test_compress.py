"""Responses compressed, on every way to a client."""

import asyncio
import gzip
import http.client
import io
import subprocess
import sys
import threading
import zlib

import brotli
import httpx
import pytest
import zstandard

import microdot.asgi
import microdot.wsgi
from microdot.compress import Compress, no_compress
from microdot.microdot import Microdot, Response
from microdot.session import Session, with_session
from microdot.sse import with_sse
from microdot.static import static
from microdot.test_client import TestClient

TEXT = 'microdot ' * 200
LARGE = 'microdot ' * 40000
PATIENCE = 30
#: How a client undoes each coding.
UNDO = {
    'gzip': gzip.decompress, 'br': brotli.decompress,
    'zstd': lambda data: zstandard.ZstdDecompressor().decompressobj(
        ).decompress(data)}
SHARED = Response(TEXT)


def make_app(app_class=Microdot, **options):
    app = app_class()
    Session(app, 'a key of 32 bytes for the tests..')
    Compress(app, **options)

    @app.get('/text')
    async def text(request):
        return TEXT

    @app.get('/large')
    async def large(request):
        return LARGE

    @app.get('/json')
    async def json(request):
        return {'text': TEXT}

    @app.get('/stream')
    async def stream(request):
        async def pieces():
            for number in range(3):
                yield 'piece %d\n' % number
        return pieces()

    @app.get('/shared')
    async def shared(request):
        return SHARED

    @app.get('/sized/<int:size>')
    async def sized(request, size):
        return 'x' * size

    @app.get('/type/<path:kind>')
    async def typed(request, kind):
        return TEXT, {'Content-Type': kind}

    @app.get('/coded')
    async def coded(request):
        return TEXT, {'Content-Encoding': 'br'}

    @app.get('/transform')
    async def transform(request):
        return TEXT, {'Cache-Control': 'no-transform'}

    @app.get('/etag/<kind>')
    async def etag(request, kind):
        return TEXT, {'ETag': '"a"' if kind == 'strong' else 'W/"a"',
                      'Accept-Ranges': 'bytes',
                      'Content-Length': str(len(TEXT))}

    @app.get('/partial')
    async def partial(request):
        return TEXT, 206

    @app.get('/error')
    async def error(request):
        return TEXT, 404

    @app.get('/plain')
    @no_compress
    async def plain(request):
        return TEXT

    @app.get('/session')
    @with_session
    async def session(request, session):
        return TEXT

    @app.get('/events')
    @with_sse
    async def events(request, sse):
        await sse.send(TEXT)

    return app


# Each takes an application, a path and an Accept-Encoding, and returns
# status, headers with names in lower case, and the body as received.

def by_test_client(app, path, coding):
    res = asyncio.run(TestClient(app).get(
        path, headers={'Accept-Encoding': coding} if coding else {}))
    return (res.status_code,
            {key.lower(): value for key, value in res.headers.items()},
            res.body)


def by_server(app, path, coding):
    ready = threading.Event()
    ports = []

    async def serve():
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        await server.serve_forever()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        conn = http.client.HTTPConnection('127.0.0.1', ports[0],
                                          timeout=PATIENCE)
        conn.putrequest('GET', path, skip_accept_encoding=True)
        if coding:
            conn.putheader('Accept-Encoding', coding)
        conn.endheaders()
        res = conn.getresponse()
        result = (res.status, {key.lower(): value
                               for key, value in res.getheaders()},
                  res.read())
        conn.close()
        return result
    finally:
        app.shutdown()
        thread.join(PATIENCE)


def by_asgi(app, path, coding):
    async def run():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
                transport=transport, base_url='http://x') as client:
            async with client.stream('GET', path, headers={
                    'Accept-Encoding': coding or ''}) as res:
                body = b''.join([each async for each in res.aiter_raw()])
                return res.status_code, dict(res.headers), body
    return asyncio.run(run())


def by_wsgi(app, path, coding):
    environ = {
        'REQUEST_METHOD': 'GET', 'PATH_INFO': path, 'QUERY_STRING': '',
        'SERVER_PROTOCOL': 'HTTP/1.1', 'wsgi.input': io.BytesIO(),
        'wsgi.url_scheme': 'http', 'HTTP_HOST': 'x',
        'SERVER_NAME': 'x', 'SERVER_PORT': '80', 'SCRIPT_NAME': '',
        'REMOTE_ADDR': '127.0.0.1'}
    if coding:
        environ['HTTP_ACCEPT_ENCODING'] = coding
    started = []
    pieces = app(environ, lambda *args: started.append(args))
    try:
        body = b''.join(pieces)
    finally:
        if hasattr(pieces, 'close'):
            pieces.close()
    return (int(started[0][0][:3]),
            {key.lower(): value for key, value in started[0][1]}, body)


WAYS = [(by_test_client, Microdot), (by_server, Microdot),
        (by_asgi, microdot.asgi.Microdot), (by_wsgi, microdot.wsgi.Microdot)]


@pytest.mark.parametrize('coding', UNDO)
@pytest.mark.parametrize('way, app_class', WAYS)
@pytest.mark.parametrize('path, expected', [
    ('/text', TEXT), ('/large', LARGE),
    ('/stream', 'piece 0\npiece 1\npiece 2\n'), ('/shared', TEXT)])
def test_it_arrives_on_every_way(way, app_class, path, expected, coding):
    status, headers, body = way(make_app(app_class), path, coding)
    assert (status, headers['content-encoding']) == (200, coding)
    assert headers['vary'] == 'Accept-Encoding'
    assert UNDO[coding](body).decode() == expected
    assert int(headers.get('content-length', len(body))) == len(body)


@pytest.mark.parametrize('way, app_class', WAYS)
def test_clients_that_do_not_ask_get_it_as_it_is(way, app_class):
    for path, expected in ('/text', TEXT), ('/shared', TEXT):
        app = make_app(app_class)
        way(app, path, 'gzip')
        status, headers, body = way(app, path, None)
        assert 'content-encoding' not in headers
        assert headers['vary'] == 'Accept-Encoding'
        assert body.decode() == expected


@pytest.mark.parametrize('value, expected', [
    ('a, ' * 19 + 'gzip', 'gzip'), ('a, ' * 20 + 'gzip', None),
    ('a,' * 2000 + 'gzip', None), ('X-GZIP', 'gzip'), (None, None)])
def test_codings_are_read_up_to_a_limit(value, expected):
    _, headers, _ = by_test_client(make_app(), '/text', value)
    assert headers.get('content-encoding') == expected
    assert headers['vary'] == 'Accept-Encoding'


@pytest.mark.parametrize('value, expected', [
    ('gzip, br, zstd', 'zstd'), ('gzip, br', 'br'), ('*', 'zstd'),
    ('gzip;q=1, br;q=0.9, zstd;q=0.8', 'gzip'), ('zstd;q=0, *', 'br'),
    ('br;q=0.5, identity;q=0.9', None), ('deflate', None)])
def test_the_client_chooses_among_what_is_installed(value, expected):
    _, headers, body = by_test_client(make_app(), '/text', value)
    assert headers.get('content-encoding') == expected
    assert UNDO.get(expected, bytes)(body) == TEXT.encode()


def test_codings_can_be_chosen():
    app = make_app(codings=['br', 'gzip'])
    for value, expected in (('zstd, br, gzip', 'br'), ('zstd', None)):
        _, headers, _ = by_test_client(app, '/text', value)
        assert headers.get('content-encoding') == expected
    with pytest.raises(ValueError, match="'deflate'.* zstd, br, gzip"):
        Compress(Microdot(), codings=['deflate'])


def test_without_the_libraries_there_is_gzip():
    code = 'import sys; sys.modules["brotli"] = sys.modules["zstandard"] = ' \
        'None; from microdot.compress import CODINGS; print(*CODINGS)'
    done = subprocess.run([sys.executable, '-c', code], text=True, check=True,
                          stdout=subprocess.PIPE)
    assert done.stdout == 'gzip\n'


@pytest.mark.parametrize('level', [1, 9])
@pytest.mark.parametrize('coding', ['gzip', 'br', 'zstd'])
def test_levels_are_those_of_all_codings(coding, level):
    _, headers, body = by_test_client(make_app(level=level), '/large', coding)
    assert headers['content-encoding'] == coding
    assert UNDO[coding](body) == LARGE.encode()


@pytest.mark.parametrize('path', [
    '/coded', '/partial', '/error', '/plain', '/session', '/events',
    '/transform', '/type/image/png', '/type/video/mp4',
    '/type/application/zip', '/type/text/event-stream', '/sized/499',
    '/nowhere'])
def test_some_responses_are_left_as_they_are(path):
    _, headers, body = by_test_client(make_app(), path, 'gzip')
    assert headers.get('content-encoding') in (None, 'br')
    assert body[:2] != b'\x1f\x8b'


@pytest.mark.parametrize('path', [
    '/sized/500', '/json', '/type/image/svg+xml', '/type/text/css',
    '/type/application/problem+json', '/type/Text/HTML; charset=UTF-8'])
def test_others_are_compressed(path):
    _, headers, body = by_test_client(make_app(), path, 'gzip')
    assert headers['content-encoding'] == 'gzip'
    assert gzip.decompress(body)


def test_what_was_made_with_the_session_is_compressed_if_told_so():
    _, headers, _ = by_test_client(make_app(with_sessions=True), '/session',
                                   'gzip')
    assert headers['content-encoding'] == 'gzip'
    assert sorted(headers['vary'].split(', ')) == ['Accept-Encoding', 'Cookie']


@pytest.mark.parametrize('kind', ['strong', 'weak'])
def test_the_etag_becomes_weak(kind):
    _, headers, body = by_test_client(make_app(), '/etag/' + kind, 'gzip')
    assert headers['etag'] == 'W/"a"'
    assert 'accept-ranges' not in headers
    assert headers['content-length'] == str(len(body))
    _, headers, _ = by_test_client(make_app(), '/etag/strong', None)
    assert headers['etag'] == '"a"'


@pytest.mark.parametrize('coding, reader_of', [
    ('gzip', lambda: zlib.decompressobj(31).decompress),
    ('br', lambda: brotli.Decompressor().process),
    ('zstd', lambda: zstandard.ZstdDecompressor().decompressobj(
        ).decompress)])
def test_each_piece_can_be_read_as_soon_as_it_is_sent(coding, reader_of):
    app = make_app()
    read = asyncio.Event()

    @app.get('/slow')
    async def slow(request):
        async def pieces():
            yield 'first'
            await asyncio.wait_for(read.wait(), PATIENCE)
            yield 'second'
        return pieces()

    async def run():
        server = await app.start_server('127.0.0.1', 0, start_serving=False)
        task = asyncio.create_task(server.serve_forever())
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname()[:2])
        writer.write(b'GET /slow HTTP/1.1\r\nHost: x\r\n'
                     b'Accept-Encoding: %s\r\n\r\n' % coding.encode())
        await reader.readuntil(b'\r\n\r\n')
        undo = reader_of()
        text = b''
        while not text.endswith(b'second'):
            size = int(await reader.readline(), 16)
            assert size
            text += undo((await reader.readexactly(size + 2))[:-2])
            if text == b'first':
                read.set()
        writer.close()
        app.shutdown()
        await task
        return text

    assert asyncio.run(asyncio.wait_for(run(), PATIENCE)) == b'firstsecond'


def test_the_stream_is_closed_when_it_is_not_read():
    app = make_app()
    closed = []

    class Body:
        def __aiter__(self):
            return self

        async def __anext__(self):
            raise StopAsyncIteration

        async def aclose(self):
            closed.append(self)

    @app.get('/body')
    async def body(request):
        return Body()

    asyncio.run(TestClient(app).request(
        'HEAD', '/body', headers={'Accept-Encoding': 'gzip'}))
    assert closed


def test_files_are_compressed_and_not_found_changed(tmp_path):
    (tmp_path / 'a.txt').write_text(LARGE)
    app = make_app()
    static(app, '/files', str(tmp_path))
    _, headers, body = by_server(app, '/files/a.txt', 'gzip')
    assert gzip.decompress(body).decode() == LARGE
    assert headers['etag'].startswith('W/')
    res = asyncio.run(TestClient(app).get('/files/a.txt', headers={
        'Accept-Encoding': 'gzip', 'If-None-Match': headers['etag']}))
    assert res.status_code == 304
    res = asyncio.run(TestClient(app).get('/files/a.txt', headers={
        'Accept-Encoding': 'gzip', 'Range': 'bytes=0-7'}))
    assert (res.status_code, res.text) == (206, 'microdot')
    assert 'Content-Encoding' not in res.headers


def test_a_level_that_zlib_has_not_is_refused():
    for level in -1, 0, 10, None:
        with pytest.raises(ValueError):
            Compress(Microdot(), level=level)


@pytest.mark.parametrize('size', ['500', None, b'1'])
def test_a_least_size_that_is_no_number_is_refused(size):
    with pytest.raises(TypeError, match='min_size is a number of bytes'):
        Compress(Microdot(), min_size=size)

"""The WSGI adapter, called as a server does."""

import asyncio
import errno
import io
import os
import signal
import threading
from unittest import mock

import pytest

from calls import PATIENCE_S, Answer
from microdot import wsgi
from microdot.wsgi import Microdot, Response


@pytest.fixture
def app():
    app = Microdot()
    app.logged = []
    app.log_exception = lambda req, exc: app.logged.append(exc)
    yield app
    app.close()


def echo(app):
    @app.post('/')
    async def echo(request):
        return request.body

    @app.post('/stream', max_content_length=1000000)
    async def stream(request):
        size = 0
        async for piece in request.stream:
            size += len(piece)
        return str(size)

    return app


# ------------------------------------------------------------------ requests

def test_the_request_is_that_of_the_environment(app):
    seen = []

    @app.put('/a b/<name>')
    async def index(request, name):
        seen.append(request)
        return name

    answer = Answer(
        app, 'PUT', '/a b/c', QUERY_STRING='x=1&y=%20',
        HTTP_X_FOO_ID='1', HTTP_COOKIE='a=b', HTTP_HOST='example.com',
        CONTENT_TYPE='text/plain', **{'wsgi.url_scheme': 'https'})
    request, = seen
    assert answer.status == 200
    assert answer.body == b'c'
    assert request.url == '/a%20b/c?x=1&y=%20'
    assert request.path == '/a b/c'
    assert request.args == {'x': ['1'], 'y': [' ']}
    assert request.scheme == 'https'
    assert request.client_addr == ('192.0.2.1', 4321)
    assert request.http_version == 'HTTP/1.1'
    assert request.environ['HTTP_X_FOO_ID'] == '1'
    assert set(request.headers) == {
        'Host', 'X-Foo-Id', 'Cookie', 'Content-Type'}
    assert request.content_type == 'text/plain'
    assert request.cookies == {'a': 'b'}
    assert request.sock == (None, None)


def test_what_an_environment_may_lack_has_a_default(app):
    @app.get('/')
    async def index(request):
        return [request.client_addr, request.content_length,
                request.query_string]

    answer = Answer(app, CONTENT_LENGTH='', CONTENT_TYPE='', QUERY_STRING=...,
                    REMOTE_ADDR=..., REMOTE_PORT=..., lint=False)
    assert answer.body == b'[null, 0, null]'
    answer = Answer(app, REMOTE_ADDR='', REMOTE_PORT='')
    assert answer.body == b'[null, 0, null]'
    answer = Answer(app, REMOTE_PORT='')
    assert answer.body == b'[["192.0.2.1", 0], 0, null]'


def test_the_peer_of_a_unix_socket_has_no_address(app):
    @app.get('/')
    async def index(request):
        return [request.client_addr]

    for host, port in (('', ''), ('localhost', 'None')):  # gunicorn, waitress
        answer = Answer(app, REMOTE_ADDR=host, REMOTE_PORT=port)
        assert answer.body == b'[null]'


@pytest.mark.parametrize('path, raw, url, decoded', [
    ('/\xe2\x82\xac', None, '/%E2%82%AC', '/\u20ac'),
    ('/a/b', '/a%2Fb', '/a%2Fb', '/a/b'),
    ('/a/b', '/a%2Fb?x=1', '/a%2Fb', '/a/b'),
    ('/a/b', 'http://example.com/a%2Fb', '/a%2Fb', '/a/b'),
    ('/changed', '/as%20sent', '/changed', '/changed'),
    ('/a?b', None, '/a%3Fb', '/a?b'),
    ('/100%', None, '/100%25', '/100%'),
])
@pytest.mark.parametrize('name', ['RAW_URI', 'REQUEST_URI'])
def test_the_path_is_utf8_and_as_the_client_sent_it(
        app, name, path, raw, url, decoded):
    seen = []

    @app.get('/<path:path>')
    async def index(request, path):
        seen.append((request.url, request.path))
        return 'hello'

    Answer(app, path=path, **{name: raw or ...})
    assert seen == [(url, decoded)]


def test_a_badly_encoded_path_is_refused(app):
    assert Answer(app, path='/\xff').status == 400
    assert Answer(app, path='/\0').status == 400


def test_the_script_name_is_not_part_of_the_path(app):
    @app.get('/a')
    async def index(request):
        return [request.root_path, request.path, request.url]

    answer = Answer(app, path='/a', SCRIPT_NAME='/my app',
                    RAW_URI='/my%20app/a')
    assert answer.body == b'["/my%20app", "/a", "/my%20app/a"]'
    assert Answer(app, path='/b', SCRIPT_NAME='/a').status == 404


def test_a_route_may_name_the_script_name_too(app):
    @app.get('/foo/bar')
    async def index(request):
        return [request.root_path, request.path]

    answer = Answer(app, path='/bar', SCRIPT_NAME='/foo')
    assert answer.body == b'["", "/foo/bar"]'


@pytest.mark.parametrize('environ', [
    {'HTTP_HOST': 'a/b'}, {'CONTENT_LENGTH': '+1'}, {'CONTENT_LENGTH': '-1'},
    {'CONTENT_LENGTH': '1', 'HTTP_TRANSFER_ENCODING': 'chunked'}])
def test_an_ambiguous_request_is_refused(app, environ):
    assert Answer(app, lint=False, **environ).status == 400


# -------------------------------------------------------------------- bodies

def test_a_body_is_read(app):
    echo(app)
    assert Answer(app, 'POST', body=b'hello').body == b'hello'
    answer = Answer(app, 'POST', '/stream', body=bytes(200000))
    assert answer.body == b'200000'


def test_a_body_that_has_been_decoded_ends_with_the_input(app):
    echo(app)
    for path, expected in (('/', b'hello'), ('/stream', b'5')):
        answer = Answer(
            app, 'POST', path, HTTP_TRANSFER_ENCODING='chunked',
            **{'wsgi.input_terminated': True,
               'wsgi.input': io.BytesIO(b'hello')})
        assert answer.body == expected


def test_a_body_is_read_line_by_line(app, monkeypatch):
    monkeypatch.setattr(wsgi.Request, 'max_body_length', 0)
    monkeypatch.setattr(wsgi.Request, 'max_readline', 8)
    found = []

    @app.post('/')
    async def view(request):
        stream = request.stream
        for _ in range(3):
            found.append(await stream.readline())
        found.append(await stream.readuntil(b'--'))
        found.append(await stream.readline())
        found.append(await stream.readline())
        return 'x'

    body = b'one\ntwo\n' + 10 * b'x' + b'a--b'
    assert Answer(app, 'POST', body=body).status == 200
    assert found == [b'one\n', b'two\n', 8 * b'x', b'xxa--', b'b', b'']


def test_a_coded_body_that_nobody_decodes_is_refused(app):
    echo(app)
    answer = Answer(app, 'POST', HTTP_TRANSFER_ENCODING='chunked')
    assert answer.status == 411


@pytest.mark.parametrize('size, status', [
    (999999, 200), (1000000, 200), (1000001, 413), (3000000, 413)])
def test_a_body_over_the_limit_is_refused(app, size, status):
    echo(app)
    data = bytes(size)
    answer = Answer(app, 'POST', '/stream', body=data)
    assert answer.status == status
    if status == 413:
        assert answer.input.tell() == 0
    input_ = io.BytesIO(data)
    answer = Answer(app, 'POST', '/stream', HTTP_TRANSFER_ENCODING='chunked',
                    **{'wsgi.input_terminated': True, 'wsgi.input': input_})
    assert answer.status == status
    assert input_.tell() <= 1000000 + 65536


def test_a_client_that_leaves_within_a_body_ends_the_handler(app, monkeypatch):
    monkeypatch.setattr(wsgi.Request, 'max_body_length', 20000)
    ended = []

    @app.post('/')
    async def index(request):
        return 'hello'

    @app.post('/stream', max_content_length=1000000)
    async def stream(request):
        try:
            await request.stream.read()
        finally:
            ended.append(True)

    for path in ('/', '/stream'):
        answer = Answer(app, 'POST', path, b'ab',
                        CONTENT_LENGTH='16000' if path == '/' else '50000')
        assert answer.status == 400

    class Failing(io.BytesIO):
        def read(self, size=-1):
            raise OSError('reset')

    answer = Answer(app, 'POST', '/stream', CONTENT_LENGTH='50000',
                    **{'wsgi.input': Failing()})
    assert answer.status == 400
    assert ended == [True, True]
    assert app.logged == []


class Slow(io.BytesIO):
    """A body of which each byte takes so long, by a clock that is not real."""

    def __init__(self, data, seconds, clock):
        super().__init__(data)
        self.seconds = seconds
        self.clock = clock
        self.sizes = []

    def _pass(self, data):
        self.clock[0] += len(data) * self.seconds
        return data

    def read(self, size=-1):
        self.sizes.append(size)
        return self._pass(super().read(size))

    def readline(self, size=-1):
        return self._pass(super().readline(size))


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(wsgi, 'monotonic', lambda: now[0])
    return now


def send_slowly(app, clock, data, seconds, path='/', **environ):
    body = Slow(data, seconds, clock)
    answer = Answer(app, 'POST', path, **{
        'CONTENT_LENGTH': str(len(data)), 'wsgi.input': body, **environ})
    answer.input = body
    return answer


@pytest.mark.parametrize('path', ['/', '/stream'])
@pytest.mark.parametrize('length', ['known', 'unknown'])
def test_a_body_that_comes_too_slowly_is_answered_with_408(
        app, clock, path, length):
    echo(app)
    environ = {} if length == 'known' else {
        'CONTENT_LENGTH': ..., 'HTTP_TRANSFER_ENCODING': 'chunked',
        'wsgi.input_terminated': True}
    # 90 bytes a second, and so 10 of 100 that are due are missing in each
    answer = send_slowly(app, clock, bytes(50000), 1 / 90, path, **environ)
    assert answer.status == 408
    assert app.counters['timed_out'] == 1
    assert app.logged == []
    # about when 2,000 are missing
    assert 17000 < answer.input.tell() < 20000


@pytest.mark.parametrize('limits, seconds', [
    ({}, 1 / 110), ({'min_rate': None}, 100), ({'min_rate': 0}, 100),
    ({'min_rate': 1}, 1 / 2), ({'rate_window': 60}, 1 / 90)])
def test_a_body_that_is_fast_enough_is_read(app, clock, limits, seconds):
    echo(app)
    for name, value in limits.items():
        assert hasattr(app, name)
        setattr(app, name, value)
    for path in ('/', '/stream'):
        answer = send_slowly(app, clock, bytes(50000), seconds, path)
        assert (answer.status, answer.body[-5:]) == (
            200, bytes(5) if path == '/' else b'50000')
    assert app.counters['timed_out'] == 0


def test_a_body_that_is_read_line_by_line_is_measured_too(
        app, clock, monkeypatch):
    monkeypatch.setattr(wsgi.Request, 'max_body_length', 0)

    @app.post('/')
    async def view(request):
        while await request.stream.readline():
            pass

    answer = send_slowly(app, clock, b'a line\n' * 1000, 1)
    assert answer.status == 408
    assert 20 < answer.input.tell() < 30  # of 20 seconds


def test_a_pause_of_the_handler_is_not_the_clients(app, clock, monkeypatch):
    monkeypatch.setattr(wsgi.Request, 'max_body_length', 0)

    @app.post('/')
    async def view(request):
        for _ in range(3):
            clock[0] += 1000
            await request.stream.read(100)
        return 'x'

    assert send_slowly(app, clock, bytes(300), 0).status == 200


def test_the_clock_is_looked_at_about_once_a_second(app, clock):
    echo(app)
    app.min_rate = 1
    answer = send_slowly(app, clock, bytes(50000), 1 / 2000, '/stream')
    sizes = answer.input.sizes
    assert sizes[0] == 1024
    assert all(1900 < size <= 2000 for size in sizes[1:-1]), sizes
    # and hardly ever where nobody waits
    answer = send_slowly(app, clock, bytes(900000), 0, '/stream')
    assert len(answer.input.sizes) < 30


def test_the_body_is_read_by_the_thread_of_the_server(app):
    echo(app)
    threads = []

    class Input(io.BytesIO):
        def read(self, size=-1):
            threads.append(threading.current_thread())
            return super().read(size)

    Answer(app, 'POST', '/', b'ab', **{'wsgi.input': Input(b'ab')})
    assert threads == [threading.current_thread()]


# ----------------------------------------------------------------- responses

def test_a_plain_response_has_a_head_and_a_body(app):
    @app.get('/')
    async def index(request):
        return 'hello', {'X-Number': 5, 'Set-Cookie': ['a=b', 'c=d'],
                         'X-Text': '\u20ac'}

    answer = Answer(app)
    assert (answer.status, answer.reason) == (200, 'OK')
    assert answer.headers == [
        ('X-Number', '5'), ('Set-Cookie', 'a=b'), ('Set-Cookie', 'c=d'),
        ('X-Text', '\xe2\x82\xac'),
        ('Content-Type', 'text/plain; charset=UTF-8'),
        ('Content-Length', '5')]
    assert answer.body == b'hello'


def test_what_frames_a_response_is_left_to_the_server(app):
    @app.get('/')
    async def index(request):
        return iter(['a']), {'Transfer-Encoding': 'gzip', 'Keep-Alive': '5',
                             'Connection': 'close'}

    assert Answer(app).headers == [
        ('Content-Type', 'text/plain; charset=UTF-8')]


@pytest.mark.parametrize('name', [
    'Connection', 'Keep-Alive', 'Proxy-Authenticate', 'Proxy-Authorization',
    'Proxy-Connection', 'TE', 'Trailers', 'Transfer-Encoding', 'upgrade'])
def test_headers_of_the_connection_are_left_to_the_server(app, name):
    @app.get('/')
    async def index(request):
        return 'hello', {name: 'a', 'X-A': 'b'}

    answer = Answer(app)
    assert answer.status == 200
    assert answer.header(name) == []
    assert answer.header('x-a') == ['b']


def test_a_sync_body_is_iterated_by_the_thread_of_the_server(app):
    threads = []

    @app.get('/')
    async def index(request):
        def pieces():
            try:
                yield 'a\u20ac'
                yield b''
                yield bytearray(b'b')
            finally:
                threads.append(threading.current_thread())
        return pieces()

    assert Answer(app).body == 'a\u20acb'.encode()
    answer = Answer(app, finish=False)
    assert next(answer.pieces) == 'a\u20ac'.encode()
    answer.iterable.close()
    assert threads == [threading.current_thread()] * 2


def test_an_async_body_is_iterated_in_the_event_loop(app):
    seen = []

    @app.get('/')
    async def index(request):
        async def pieces():
            task = asyncio.current_task()
            try:
                for piece in 'a\u20ac', b'', memoryview(b'b'):
                    await asyncio.sleep(0)
                    assert asyncio.current_task() is task
                    yield piece
            finally:
                seen.append(threading.current_thread().name)
        return pieces()

    assert Answer(app).body == 'a\u20acb'.encode()
    assert seen == ['microdot']


def test_a_body_is_closed_when_the_server_wants_no_more(app):
    ended = []

    @app.get('/')
    async def index(request):
        async def pieces():
            try:
                while True:
                    yield 'x'
            except asyncio.CancelledError:
                ended.append('cancelled')
                raise
            finally:
                await asyncio.sleep(0)
                ended.append('ended')
        return pieces()

    answer = Answer(app, finish=False)
    assert next(answer.pieces) == b'x'
    answer.iterable.close()
    assert ended in (['ended'], ['cancelled', 'ended'])
    assert app.logged == []


def test_a_stream_may_read_the_body(app):
    @app.post('/', max_content_length=1000000)
    async def index(request):
        async def pieces():
            async for piece in request.stream:
                yield piece.upper()
        return pieces()

    data = b'x' * 200000
    assert Answer(app, 'POST', body=data).body == data.upper()


def test_an_object_with_an_async_read_is_read_to_its_end(app):
    class File:
        def __init__(self):
            self.pieces = [b'a', b'b', b'']

        async def read(self, size):
            return self.pieces.pop(0)

    class Late(File):
        def read(self, size):
            return super().read(size)

    @app.get('/')
    async def index(request):
        return Late() if request.args else File()

    assert Answer(app).body == b'ab'
    assert Answer(app, QUERY_STRING='late=1').body == b'ab'


def test_a_file_has_a_length_and_is_closed(app, tmp_path):
    path = tmp_path / 'file.txt'
    path.write_bytes(b'x' * 200000)
    opened = []

    @app.get('/')
    async def index(request):
        res = Response.send_file(path)
        opened.append(res.body)
        return res

    answer = Answer(app)
    assert answer.header('content-length') == ['200000']
    assert answer.body == b'x' * 200000
    assert Answer(app, 'HEAD').header('content-length') == ['200000']
    assert [file.closed for file in opened] == [True, True]


def test_a_file_is_read_in_pieces_of_the_size_that_was_set(
        app, tmp_path, monkeypatch):
    monkeypatch.setattr(Response, 'send_file_buffer_size', 1000)
    path = tmp_path / 'file.txt'
    path.write_bytes(b'x' * 2500)

    @app.get('/')
    async def index(request):
        return Response.send_file(path)

    answer = Answer(app, finish=False)
    assert [len(piece) for piece in answer.pieces] == [1000, 1000, 500]
    answer.iterable.close()


def test_none_within_a_stream_is_not_its_end(app):
    @app.get('/plain')
    def plain(request):
        return iter(['a', None, 'b'])

    @app.get('/generator')
    def generator(request):
        yield 'a'
        yield None

    for path in '/plain', '/generator':
        answer = Answer(app, 'GET', path, finish=False)
        assert next(answer.pieces) == b'a'
        with pytest.raises(TypeError, match='this is a NoneType: None'):
            next(answer.pieces)
        answer.iterable.close()


def test_an_error_within_a_stream_is_raised_to_the_server(app):
    @app.get('/')
    async def index(request):
        async def async_pieces():
            yield 'a'
            raise RuntimeError('too late')

        def pieces():
            yield 'a'
            raise RuntimeError('too late')
        return async_pieces() if request.args else pieces()

    for query in ('', 'async=1'):
        answer = Answer(app, finish=False, QUERY_STRING=query)
        assert next(answer.pieces) == b'a'
        with pytest.raises(RuntimeError):
            next(answer.pieces)
        answer.iterable.close()
    assert [str(exc) for exc in app.logged] == ['too late'] * 2


# ------------------------------------- what is not for the server to catch

@pytest.mark.parametrize('error', [
    SystemExit, asyncio.CancelledError, GeneratorExit, KeyboardInterrupt,
    type('Own', (BaseException,), {})])
def test_what_a_handler_ends_with_never_ends_the_server(app, error):
    @app.get('/')
    async def index(request):
        raise error()

    assert Answer(app).status == 500
    assert len(app.logged) == 1


@pytest.mark.parametrize('error', [
    SystemExit, asyncio.CancelledError, GeneratorExit,
    type('Own', (BaseException,), {})])
@pytest.mark.parametrize('path', ['/sync', '/async'])
def test_what_a_stream_ends_with_never_ends_the_server(app, error, path):
    @app.get('/sync')
    async def sync(request):
        def pieces():
            yield 'a'
            raise error()
        return pieces()

    @app.get('/async')
    async def index(request):
        async def pieces():
            yield 'a'
            raise error()
        return pieces()

    answer = Answer(app, path=path, finish=False, lint=False)
    assert next(answer.pieces) == b'a'
    with pytest.raises(RuntimeError):
        next(answer.pieces)
    answer.iterable.close()
    assert [type(exc) for exc in app.logged] == [error]


@pytest.mark.parametrize('path', ['/sync', '/async'])
def test_what_the_end_of_a_stream_raises_never_ends_the_server(app, path):
    @app.get('/sync')
    async def sync(request):
        def pieces():
            try:
                yield 'a'
                yield 'b'
            finally:
                raise SystemExit(3)
        return pieces()

    @app.get('/async')
    async def index(request):
        async def pieces():
            try:
                yield 'a'
                yield 'b'
            finally:
                raise SystemExit(3)
        return pieces()

    answer = Answer(app, path=path, finish=False, lint=False)
    assert next(answer.pieces) == b'a'
    answer.iterable.close()
    assert [type(exc) for exc in app.logged] == [SystemExit]


def test_a_client_that_leaves_within_a_stream_is_a_quiet_error(
        app, monkeypatch):
    monkeypatch.setattr(wsgi.Request, 'max_body_length', 1000)
    @app.post('/', max_content_length=1000000)
    async def index(request):
        async def pieces():
            yield 'a'
            yield await request.stream.read()
        return pieces()

    answer = Answer(app, 'POST', body=b'cut', CONTENT_LENGTH='50000',
                    finish=False, lint=False)
    assert next(answer.pieces) == b'a'
    with pytest.raises(ConnectionResetError) as caught:
        next(answer.pieces)
    assert caught.value.errno == errno.ECONNRESET
    answer.iterable.close()
    assert app.logged == []


def test_a_body_that_the_server_finds_malformed_is_refused(app):
    echo(app)

    class Malformed(Exception):
        pass

    class Input(io.BytesIO):
        def read(self, n=-1):
            raise Malformed('chunk')

    for path in ('/', '/stream'):
        answer = Answer(app, 'POST', path, HTTP_TRANSFER_ENCODING='chunked',
                        lint=False, **{'wsgi.input': Input(),
                                       'wsgi.input_terminated': True})
        assert answer.status == 400
        assert b'chunk' not in answer.body
    assert app.logged == []


def test_a_signal_within_the_reading_of_a_body_is_the_servers(app):
    echo(app)

    class Input(io.BytesIO):
        def read(self, n=-1):
            raise SystemExit(1)

    with pytest.raises(SystemExit):
        Answer(app, 'POST', lint=False, CONTENT_LENGTH='9',
               **{'wsgi.input': Input()})


# ------------------------------------------------------------------- threads

def test_plain_handlers_run_in_the_thread_of_the_server(app):
    seen = []

    @app.before_request
    def before(request):
        seen.append(threading.current_thread())

    @app.get('/')
    def index(request):
        seen.append(threading.current_thread())
        return 'a'

    @app.get('/exit')
    def leave(request):
        raise SystemExit(3)

    @app.get('/stop')
    def stop(request):
        raise StopIteration

    assert Answer(app).body == b'a'
    assert seen == [threading.current_thread()] * 2
    assert Answer(app, path='/exit').status == 500
    assert Answer(app, path='/stop').status == 500
    assert len(app.logged) == 2


def test_requests_of_several_threads_wait_for_each_other(app):
    # in one event loop, so that its locks and events may be shared
    waiting = []

    @app.get('/async')
    async def index(request):
        waiting.append(asyncio.Event())
        if len(waiting) < 8:
            await waiting[-1].wait()
        for event in waiting:
            event.set()
        return 'together'

    barrier = threading.Barrier(4)

    @app.get('/sync')
    def sync(request):
        barrier.wait(PATIENCE_S)
        return 'together'

    bodies = []
    for path, count in (('/async', 8), ('/sync', 4)):
        threads = [threading.Thread(
            target=lambda: bodies.append(Answer(app, path=path).body))
            for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert bodies == [b'together'] * 12


def test_streams_of_several_threads_run_side_by_side(app):
    @app.get('/')
    async def index(request):
        async def pieces():
            for i in range(100):
                await asyncio.sleep(0)
                yield '%03d' % i
        return pieces()

    bodies = []
    threads = [threading.Thread(
        target=lambda: bodies.append(Answer(app).body)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert bodies == [b''.join(b'%03d' % i for i in range(100))] * 8


# ---------------------------------------------------------------- life cycle

def test_the_first_request_starts_the_application(app):
    calls = []

    @app.on_startup
    async def start():
        calls.append('start')
        await asyncio.sleep(0)

    app.on_shutdown(lambda: calls.append('stop'))

    @app.get('/')
    async def index(request):
        calls.append('request')
        return 'hello'

    threads = [threading.Thread(target=Answer, args=(app,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert calls == ['start'] + ['request'] * 4
    app.close()
    assert calls[5:] == ['stop']
    app.close()
    assert calls[5:] == ['stop']


def test_a_start_that_fails_is_raised_and_tried_again(app):
    calls = []

    @app.on_startup
    def start():
        calls.append('start')
        if len(calls) == 1:
            raise RuntimeError('not yet')

    @app.get('/')
    async def index(request):
        return 'hello'

    with pytest.raises(RuntimeError):
        app.start()
    assert Answer(app).body == b'hello'
    app.start()
    assert calls == ['start', 'start']


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no fork')
@pytest.mark.filterwarnings('ignore:This process:DeprecationWarning')
def test_each_process_has_a_loop_of_its_own(app):
    @app.get('/')
    async def index(request):
        return 'hello'

    assert Answer(app).body == b'hello'
    pid = os.fork()
    if not pid:
        status = 1
        # (a lock that another thread had would never be free here)
        signal.alarm(60)
        try:
            if Answer(app).body == b'hello':
                status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    assert Answer(app).body == b'hello'


def test_what_follows_a_response_is_done_once_it_is_out(app):
    done = threading.Event()

    @app.get('/')
    async def index(request):
        request.after_response(done.set)
        return 'hello'

    answer = Answer(app, finish=False)
    assert b''.join(answer.pieces) == b'hello'
    assert not done.is_set()
    answer.iterable.close()
    assert done.wait(PATIENCE_S)


def test_the_adapters_replace_nothing_of_the_core_by_accident():
    from microdot import _gateway, asgi
    from microdot.microdot import Microdot as Core
    for kind in _gateway.Microdot, asgi.Microdot, Microdot:
        own = {name for name in vars(kind) if name[:2] != '__'}
        assert own & set(dir(Core)) <= {'match', 'run', 'shutdown'}


def test_the_built_in_server_serves_it_too():
    app = Microdot()

    @app.on_startup
    def end():
        assert app.embedded_server
        app.shutdown()

    with mock.patch('microdot.wsgi.os.kill') as kill:
        app.run('127.0.0.1', 0)
    assert kill.call_count == 0
    assert not app.embedded_server

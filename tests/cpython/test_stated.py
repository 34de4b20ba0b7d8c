"""What the guide and the change log state in words holds.

What they show as code is run by ``test_docs.py``, and the limits are
exceeded by ``test_limits.py``.
"""

import asyncio
import datetime
import http.client
import io
import pathlib
import signal
import ssl
import subprocess
import sys
import threading

import pytest

import check
from microdot import Microdot, Request, Response, URLPattern, abort
from microdot.microdot import MultiDict, NoCaseDict, urlencode
from microdot.test_client import TestClient

TOP = pathlib.Path(__file__).resolve().parents[2]
FILES = TOP / 'tests' / 'files'
#: A program whose handler waits for a signal, and then ends or does not.
SLOW_PROGRAM = """\
import asyncio, sys
from microdot import Microdot
from microdot._cpython import running
running._SECOND_S = 60  # to end after a second signal: it may be paused
app = Microdot()
@app.get('/')
async def slow(request):
    print('running', flush=True)
    while not app.servers[0].closing:
        await asyncio.sleep(0.01)
    print('closing', flush=True)
    await asyncio.sleep(0 if int(sys.argv[2]) else 60)
    return 'finished'
app.run('127.0.0.1', int(sys.argv[1]), banner=False)
"""
#: A program that prints or logs a traceback.
PROGRAM = """\
import asyncio, logging, sys
from microdot import Microdot
from microdot.test_client import TestClient
if sys.argv[1] == 'log':
    logging.basicConfig()
app = Microdot()
app.get('/')(lambda request: 1 / 0)
asyncio.run(TestClient(app).get('/'))
"""
#: Seconds that no test may take.
PATIENCE = 30


def ask(app, path='/', method='GET', **options):
    """Return the response of an application."""
    return asyncio.run(TestClient(app).request(method, path, **options))


def exchange(app, *requests, tls=False, closes=False):
    """Send requests on one connection; return all that the server sends.

    A request is ``bytes``, sent when the previous one has been answered.
    After the last the client ends its side, unless the server *closes*.
    """
    async def run():
        port = check.free_port()
        context = client_context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(FILES / 'cert.pem', FILES / 'key.pem')
            client_context = ssl._create_unverified_context()
        server = await app.start_server('127.0.0.1', port, ssl=context,
                                        start_serving=False)
        task = asyncio.create_task(server.serve_forever())
        reader, writer = await asyncio.open_connection(
            '127.0.0.1', port, ssl=client_context)
        received = b''
        try:
            for request in requests:
                if received:
                    received += await reader.readuntil(b'\r\n\r\n')
                writer.write(request)
            if not closes:
                writer.write_eof()
            received += await reader.read()
        finally:
            writer.close()
            app.shutdown()
            await task
        return received.decode()

    async def limited():
        return await asyncio.wait_for(run(), PATIENCE)

    return asyncio.run(limited())


@pytest.fixture
def app():
    """An application with a page."""
    app = Microdot()

    @app.get('/')
    async def index(request):
        return 'index'

    return app


# ----------------------------------------------------------------- the guide

def test_first_the_route_registered_first_is_used():
    app = Microdot()
    app.get('/<name>')(lambda request, name: 'first')
    app.get('/x')(lambda request: 'second')
    assert ask(app, '/x').text == 'first'


def test_routes_slashes_at_the_end_matter(app):
    app.get('/lamp')(lambda request: 'on')
    assert ask(app, '/lamp').status_code == 200
    assert ask(app, '/lamp/').status_code == 404


def test_routes_head_and_options_may_have_routes_of_their_own(app):
    @app.route('/', methods=['HEAD', 'OPTIONS'])
    async def own(request):
        return '', {'X-Own': request.method}

    assert ask(app, method='HEAD').headers['X-Own'] == 'HEAD'
    assert ask(app, method='OPTIONS').headers['X-Own'] == 'OPTIONS'


@pytest.mark.parametrize('pattern, path, value', [
    ('/<int:x>', '/-12', -12),
    ('/<int:x>', '/+12', None),
    ('/<int:x>', '/1_2', None),
    ('/<float:x>', '/1', 1.0),
    ('/<float:x>', '/-1.5', -1.5),
    ('/<float:x>', '/1.5e3', None),
    ('/<x>', '/a/b', None),
    ('/<string:x>', '/', None),
    ('/<path:x>', '/a/b/', 'a/b/'),
    ('/<re:[a-f]+:x>', '/abc', 'abc'),
    ('/<re:[a-f]+:x>', '/abcz', None),
    ('/a.b', '/axb', None),
])
def test_routes_the_types_match_what_the_table_says(pattern, path, value):
    args = URLPattern(pattern).match(path)
    assert args == (None if value is None else {'x': value})


def test_routes_a_type_may_have_no_expression():
    URLPattern.register_type('upper', parser=str.upper)
    assert URLPattern('/<upper:x>').match('/abc') == {'x': 'ABC'}


def test_routes_a_malformed_pattern_is_refused_at_once(app):
    for pattern in '/<x', '/<unknown:x>', '/<x>/<x>', '/<path:x>/<path:y>':
        with pytest.raises(ValueError):
            app.get(pattern)(lambda request: '')


def test_routes_hooks_run_in_the_order_of_their_registration(app):
    ran = []
    for number in range(2):
        app.before_request(
            lambda request, number=number: ran.append(('before', number)))
        app.after_request(
            lambda request, response, number=number: ran.append(
                ('after', number)))
    ask(app)
    assert ran == [('before', 0), ('before', 1), ('after', 0), ('after', 1)]


def test_routes_before_request_is_called_only_for_routes(app):
    ran = []
    app.before_request(lambda request: ran.append(request))
    assert ask(app, '/nowhere').status_code == 404
    assert ran == []


def test_routes_after_request_may_return_another_response(app):
    app.after_request(lambda request, response: Response('other'))
    assert ask(app).text == 'other'


def test_routes_errors_have_hooks_of_their_own(app):
    ran = []
    app.after_request(lambda request, response: ran.append('after'))
    app.after_error_request(lambda request, response: ran.append('error'))
    ask(app, '/nowhere')
    assert ran == ['error']


def test_routes_without_local_hooks_apply_to_the_whole_application(app):
    ran = []
    child = Microdot()
    child.before_request(lambda request: ran.append('before'))
    child.errorhandler(404)(lambda request: ('child', 404))
    app.mount(child, '/child')
    ask(app)
    assert ran == ['before']
    assert ask(app, '/nowhere').text == 'child'


def test_requests_other_types_have_no_json_and_no_form(app):
    @app.post('/')
    async def post(request):
        return str((request.json, request.form))

    assert ask(app, method='POST', body='x').text == '(None, None)'


def test_requests_json_may_have_a_suffix(app):
    @app.post('/')
    async def post(request):
        return request.json

    response = ask(app, method='POST', body='{"a": 1}', headers={
        'Content-Type': 'application/problem+json'})
    assert response.json == {'a': 1}


def test_requests_repeated_headers_are_joined(app):
    @app.get('/headers')
    async def headers(request):
        return [request.headers['x'], request.headers['COOKIE']]

    text = exchange(app, b'GET /headers HTTP/1.1\r\nHost: x\r\nX: 1\r\n'
                    b'X: 2\r\nCookie: a=1\r\nCookie: b=2\r\n'
                    b'Connection: close\r\n\r\n')
    assert text.endswith('["1, 2", "a=1; b=2"]')


def test_requests_without_a_query_have_neither(app):
    @app.get('/query')
    async def query(request):
        assert isinstance(request.args, MultiDict)
        return [request.query_string, request.args, request.client_addr[0],
                request.http_version, request.scheme]

    assert ask(app, '/query').json == [None, {}, '127.0.0.1', '1.1', 'http']


def test_requests_the_stream_is_there_for_small_bodies_too(app):
    @app.post('/')
    async def post(request):
        return await request.stream.readexactly(2) + \
            await request.stream.read(1) + await request.stream.read(100) + \
            await request.stream.read(100)

    assert ask(app, method='POST', body='abcdef').text == 'abcdef'


def test_requests_the_stream_has_lines(app):
    @app.post('/', max_content_length=100000)
    async def post(request):
        return await request.stream.readline()

    # of a body in memory, and of one on the stream
    for rest in '', 50000 * 'b':
        assert ask(app, method='POST',
                   body='line\n' + rest).text == 'line\n'


def test_requests_a_chunked_body_is_read_in_the_same_way(app):
    @app.post('/', max_content_length=100000)
    async def post(request):
        size = 0
        async for piece in request.stream:
            size += len(piece)
        return [request.content_length, size]

    for size in 10, 50000:
        assert ask(app, method='POST',
                   body=iter([size * 'a', 'b'])).json == [0, size + 1]


@pytest.mark.parametrize('request_', [
    b'GET / HTTP/1.1\r\n\r\n',
    b'GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n',
    b'GET / HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n',
    b'GET  / HTTP/1.1\r\nHost: x\r\n\r\n',
    b'GET / HTTP/1.1\r\nHost: x\r\nX: y\r\n z\r\n\r\n',
    b'GET / HTTP/1.1\nHost: x\n\n',
    b'GET / HTTP/1.1\r\nHost: x\r\nX: \x01\r\n\r\n',
    b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n'
    b'Content-Length: 1\r\n\r\na',
    b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na',
    b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n'
    b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
])
def test_requests_ambiguous_ones_are_refused_and_disconnected(app, request_):
    text = exchange(app, request_)
    assert text.startswith('HTTP/1.1 400 Bad Request\r\n')
    assert '\r\nConnection: close\r\n' in text
    assert text.count('HTTP/1.1 ') == 1


def test_responses_a_break_in_a_header_is_never_sent(app, caplog):
    @app.get('/break')
    async def broken(request):
        return '', {'X': 'a\r\nY: b'}

    response = ask(app, '/break')
    assert response.status_code == 500
    assert 'Y' not in response.headers
    assert 'Traceback' in caplog.text


def test_responses_may_ask_for_the_connection_to_be_closed(app):
    @app.get('/close')
    async def close(request):
        return 'bye', {'Connection': 'close'}

    assert '\r\nConnection: close\r\n' in exchange(
        app, b'GET /close HTTP/1.1\r\nHost: x\r\n\r\n')


@pytest.mark.parametrize('make', [
    lambda: (char for char in 'abc'),
    lambda: iter(['a', b'b', 'c']),
    lambda: io.BytesIO(b'abc'),
    lambda: io.StringIO('abc'),
    lambda: bytearray(b'abc'),
    lambda: memoryview(b'abc'),
    lambda: {'a': 1, 'b': 2, 'c': 3}.keys(),
])
def test_responses_bodies_of_many_kinds(app, make):
    @app.get('/body')
    async def body(request):
        return make()

    assert ask(app, '/body').text == 'abc'


def test_responses_have_no_length_with_204(app):
    app.get('/none')(lambda request: None)
    response = ask(app, '/none')
    assert response.status_code == 204
    assert 'Content-Length' not in response.headers
    assert 'Content-Type' not in response.headers


def test_responses_a_stream_is_closed_when_the_client_leaves(app):
    closed = []

    @app.get('/stream')
    async def stream(request):
        async def pieces():
            try:
                yield 'end'
                await asyncio.sleep(PATIENCE)
            finally:
                closed.append(True)
        return pieces()

    async def run():
        port = check.free_port()
        server = await app.start_server('127.0.0.1', port,
                                        start_serving=False)
        task = asyncio.create_task(server.serve_forever())
        reader, writer = await asyncio.open_connection('127.0.0.1', port)
        writer.write(b'GET /stream HTTP/1.1\r\nHost: x\r\n\r\n')
        await reader.readuntil(b'end')
        writer.close()
        while not closed:
            await asyncio.sleep(0.01)
        app.shutdown()
        await task

    asyncio.run(asyncio.wait_for(run(), PATIENCE))


def test_responses_an_exception_in_a_stream_cuts_it(app, caplog):
    @app.get('/stream')
    async def stream(request):
        async def pieces():
            yield 'piece'
            raise RuntimeError('in the middle')
        return pieces()

    text = exchange(app, b'GET /stream HTTP/1.1\r\nHost: x\r\n\r\n',
                    closes=True)
    assert text.endswith('\r\n5\r\npiece\r\n')
    assert caplog.text.count('raise RuntimeError') == 1


def test_responses_old_clients_get_streams_until_the_end(app):
    app.get('/stream')(lambda request: (char for char in 'abc'))
    text = exchange(app, b'GET /stream HTTP/1.0\r\n\r\n', closes=True)
    assert text.startswith('HTTP/1.0 200 OK\r\n')
    assert 'chunked' not in text and text.endswith('\r\n\r\nabc')


@pytest.mark.parametrize('args', [
    ('a b', 'c'), ('a', 'b;c'), ('a', 'b\r\nc'), ('a', 'b', '/;x'),
    ('a', 'b', '/', 'x;y')])
def test_responses_a_cookie_cannot_be_ended_by_its_parts(args):
    response = Response()
    with pytest.raises(ValueError):
        response.set_cookie(*args)
    assert 'Set-Cookie' not in response.headers


def test_responses_cookies_expire_at_a_time_of_any_kind():
    zone = datetime.timezone(datetime.timedelta(hours=2))
    when = datetime.datetime(2030, 1, 1, 2, tzinfo=zone)
    for expires in (when, when.timestamp(),
                    'Tue, 01 Jan 2030 00:00:00 GMT'):
        response = Response()
        response.set_cookie('a', 'b', expires=expires)
        assert response.headers['Set-Cookie'] == [
            'a=b; Expires=Tue, 01 Jan 2030 00:00:00 GMT']


def test_responses_a_missing_file_is_404_and_paths_are_taken(app, tmp_path):
    app.get('/file')(lambda request: Response.send_file(tmp_path / 'a.ico'))
    assert ask(app, '/file').status_code == 404
    (tmp_path / 'a.ico').write_bytes(b'icon')
    response = ask(app, '/file')
    assert response.body == b'icon'
    assert response.headers['Content-Length'] == '4'
    assert response.headers['Content-Type'] == 'image/x-icon'


def test_errors_a_handler_for_400_is_called_without_a_request(app):
    seen = []

    @app.errorhandler(400)
    async def bad_request(request):
        seen.append(request)
        return 'custom', 400

    assert exchange(app, b'nonsense\r\n\r\n').endswith('custom')
    assert seen == [None]


def test_errors_a_handler_for_500_is_called_for_exceptions(app):
    @app.get('/error')
    async def error(request):
        raise RuntimeError('error')

    app.errorhandler(500)(lambda request: ('custom', 500))
    assert ask(app, '/error').text == 'custom'


def test_errors_the_closest_class_is_used(app):
    @app.get('/error')
    async def error(request):
        return [][0]

    app.errorhandler(Exception)(lambda request, exc: 'exception')
    app.errorhandler(LookupError)(lambda request, exc: 'lookup')
    assert ask(app, '/error').text == 'lookup'


def test_errors_a_handler_that_returns_none_has_not_handled_it(app):
    @app.get('/error')
    async def error(request):
        raise RuntimeError('error')

    app.errorhandler(RuntimeError)(lambda request, exc: None)
    assert ask(app, '/error').status_code == 500


def test_errors_a_handler_that_fails_gives_500(app):
    app.errorhandler(404)(lambda request: 1 / 0)
    response = ask(app, '/nowhere')
    assert (response.status_code, response.text) == (
        500, 'Internal server error')


@pytest.mark.parametrize('result, status, text', [
    (('text', 503), 503, 'text'), (418, 418, ''), (('text', {'X': 'y'}), 200,
                                                   'text'),
    ({'a': 1}, 200, '{"a": 1}')])
def test_errors_handlers_return_what_any_handler_may(
        app, result, status, text):
    app.errorhandler(404)(lambda request: result)
    response = ask(app, '/nowhere')
    assert (response.status_code, response.text) == (status, text)


def test_errors_a_client_that_leaves_is_silent(app, capsys, caplog):
    @app.post('/', max_content_length=100000)
    async def post(request):
        return await request.stream.read(-1)

    exchange(app, b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n'
             b'\r\nabc')
    output = capsys.readouterr()
    assert (output.out, output.err, caplog.text) == ('', '', '')


def test_concurrency_plain_functions_run_in_threads(app):
    threads = []

    @app.get('/thread')
    def thread(request):
        threads.append(threading.current_thread())
        return ''

    app.before_request(
        lambda request: threads.append(threading.current_thread()))
    ask(app, '/thread')
    assert len(threads) == 2
    assert threading.main_thread() not in threads


def test_concurrency_what_returns_an_awaitable_is_awaited(app):
    class Handler:
        async def __call__(self, request):
            return 'object'

    async def coroutine(request):
        return 'lambda'

    app.get('/object')(Handler())
    app.get('/lambda')(lambda request: coroutine(request))
    assert ask(app, '/object').text == 'object'
    assert ask(app, '/lambda').text == 'lambda'


def test_concurrency_the_order_of_starting_and_stopping(app):
    ran = []
    for number in range(2):
        app.on_startup(lambda number=number: ran.append(number))
        app.on_shutdown(lambda number=number: ran.append(-number))
    exchange(app, b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    assert ran == [0, 1, -1, 0]


def test_concurrency_a_failing_start_stops_the_server(app):
    app.on_startup(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(app.start_server('127.0.0.1', check.free_port()))


def test_concurrency_mounted_applications_start_too(app):
    ran = []
    child = Microdot()
    child.on_startup(lambda: ran.append('before'))
    app.mount(child, '/child', local=True)
    child.on_startup(lambda: ran.append('after'))
    exchange(app, b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    assert ran == ['before', 'after']


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('count', [1, 2])
def test_concurrency_signals_shut_down(number, count):
    port = check.free_port()
    process = subprocess.Popen(
        [sys.executable, '-c', SLOW_PROGRAM, str(port), str(2 - count)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={'PYTHONPATH': str(TOP / 'src')})
    try:
        result = []
        thread = threading.Thread(target=lambda: result.append(
            fetch_or_none('http://127.0.0.1:%d/' % port)))
        thread.start()
        # The handler says that it runs, and then that a signal has come.
        for _ in range(count):
            assert process.stdout.readline()
            process.send_signal(number)
        thread.join(PATIENCE)
        assert result == ['finished' if count == 1 else None]
        assert process.wait(PATIENCE) == 0
        assert 'Traceback' not in process.stdout.read()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def fetch_or_none(url):
    """Return the text at a URL, or ``None`` if the connection is cut."""
    try:
        return check.fetch(url)
    except (OSError, http.client.HTTPException):
        return None


# ------------------------------------------------------------ the change log

def test_changes_requests_may_be_sent_before_the_answers(app):
    app.get('/<int:n>')(lambda request, n: str(n))
    text = exchange(app, b''.join(
        b'GET /%d HTTP/1.1\r\nHost: x\r\n\r\n' % n for n in (1, 2, 3)))
    assert [part[-1] for part in text.split('HTTP/1.1 200 OK')[1:]] == [
        '1', '2', '3']
    assert text.count('\r\nDate: ') == 3


def test_changes_100_continue_is_sent(app):
    @app.post('/')
    async def post(request):
        return request.body

    text = exchange(
        app, b'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n'
        b'Content-Length: 2\r\n\r\n', b'ok')
    assert text.startswith('HTTP/1.1 100 Continue\r\n\r\n'
                           'HTTP/1.1 200 OK\r\n')


def test_changes_absolute_targets_are_understood(app):
    text = exchange(app, b'GET http://example.com/ HTTP/1.1\r\n'
                    b'Host: other\r\n\r\n')
    assert text.endswith('index')


def test_changes_old_clients_are_disconnected_or_may_stay(app):
    text = exchange(app, b'GET / HTTP/1.0\r\n\r\n')
    assert text.startswith('HTTP/1.0 200 OK\r\n')
    assert '\r\nConnection: close\r\n' in text
    text = exchange(
        app, b'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    assert '\r\nConnection: keep-alive\r\n' in text


def test_changes_write_by_itself_speaks_http_1_0():
    class Stream:
        data = b''

        async def awrite(self, data):
            self.data += data

    stream = Stream()
    asyncio.run(Response('text').write(stream))
    assert stream.data == (
        b'HTTP/1.0 200 OK\r\nContent-Length: 4\r\n'
        b'Content-Type: text/plain; charset=UTF-8\r\n\r\ntext')


def test_changes_abort_takes_headers(app):
    @app.get('/abort')
    async def aborting(request):
        abort(401, headers={'WWW-Authenticate': 'Basic'})

    response = ask(app, '/abort')
    assert response.status_code == 401
    assert response.headers['WWW-Authenticate'] == 'Basic'


def test_changes_405_tells_what_is_allowed_and_options_is_404(app):
    assert ask(app, method='POST').headers['Allow'] == 'GET, HEAD, OPTIONS'
    assert ask(app, '/nowhere', 'OPTIONS').status_code == 404


def test_changes_bad_forms_are_400(app):
    @app.post('/')
    async def post(request):
        return request.form

    assert ask(app, method='POST', body='a=%zz', headers={
        'Content-Type': 'application/x-www-form-urlencoded',
    }).status_code == 400


def test_changes_containers():
    assert MultiDict({'a': 'x'}).get('a', 1, type=int) == 1
    headers = NoCaseDict({'One': 1})
    assert headers.pop('ONE') == 1 and 'one' not in headers
    assert headers.setdefault('TWO', 2) == headers['two'] == 2
    assert urlencode('a+b') == 'a%2Bb'


def test_changes_a_converter_that_fails_gives_500(app):
    URLPattern.register_type('broken', parser=lambda text: 1 / 0)
    app.get('/broken/<broken:x>')(lambda request, x: '')
    assert ask(app, '/broken/x').status_code == 500


def test_changes_a_mounted_application_stays_as_it_was(app):
    child = Microdot()
    child.before_request(lambda request: None)
    app.mount(child, '/child')
    child.get('/late')(lambda request: 'late')
    assert ask(app, '/child/late').text == 'late'
    assert len(child.before_request_handlers) == 1


def test_changes_tracebacks_go_to_the_logger_once_there_is_one(tmp_path):
    # Not here, since pytest sets up logging.
    program = tmp_path / 'program.py'
    program.write_text(PROGRAM)
    for argument in 'print', 'log':
        result = subprocess.run(
            [sys.executable, program, argument], capture_output=True,
            text=True, timeout=PATIENCE, env={'PYTHONPATH': str(TOP / 'src')})
        assert result.stderr.count('ZeroDivisionError: division') == (
            1 if argument == 'print' else 2)
        assert result.stderr.startswith(
            'Traceback' if argument == 'print' else 'ERROR:microdot.error:')


def test_changes_the_scheme_is_https_under_tls(app):
    @app.get('/scheme')
    async def scheme(request):
        return request.scheme

    assert exchange(
        app, b'GET /scheme HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
        tls=True, closes=True).endswith('https')


def test_changes_unread_bodies_do_not_disturb_the_next_request(
        app, monkeypatch):
    app.post('/')(lambda request: 'unread')
    monkeypatch.setattr(Request, 'max_body_length', 1000)
    text = exchange(
        app, b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 16000\r\n\r\n'
        + bytes(16000) + b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    assert text.count('HTTP/1.1 200 OK') == 2


def test_changes_shutdown_lets_requests_finish(app):
    @app.get('/slow')
    async def slow(request):
        request.app.shutdown()
        await asyncio.sleep(0.05)
        return 'finished'

    assert exchange(
        app, b'GET /slow HTTP/1.1\r\nHost: x\r\n\r\n').endswith('finished')

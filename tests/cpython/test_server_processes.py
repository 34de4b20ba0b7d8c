"""The same application, served by every interpreter as a process."""

import contextlib
import http.client
import json
import shutil
import signal
import subprocess
import time
import zlib

import pytest

import servers
from servers import GET, TOP

CURL = shutil.which('curl')
MEGABYTE = 1024 * 1024

needs_curl = pytest.mark.skipif(not CURL, reason='curl is missing')


def interpreter_id(interpreter):
    return interpreter.name


every = pytest.mark.parametrize('interpreter', servers.everything(),
                                ids=interpreter_id)
every_board = pytest.mark.parametrize('interpreter', servers.boards(),
                                      ids=interpreter_id)
every_cpython = pytest.mark.parametrize(
    'interpreter', [each for each in servers.everything()
                    if not each.is_micropython], ids=interpreter_id)


@pytest.fixture(scope='module', params=servers.everything(),
                ids=interpreter_id)
def server(request):
    with servers.serve(request.param) as child:
        yield child
        assert child.process.poll() is None, child.output
        # nothing was complained of
        assert child.output == ''


def curl(*args):
    """Run curl; return its standard output."""
    return subprocess.run([CURL, '-sS', '--noproxy', '*', '-m', '20', *args],
                          capture_output=True, timeout=60).stdout


# ------------------------------------------------------------- good clients

def test_http_client_sends_two_requests_on_one_connection(server):
    with http_client(server) as client:
        client.connect()
        sock = client.sock
        for _ in range(2):
            client.request('GET', '/')
            response = client.getresponse()
            assert (response.status, response.version) == (200, 11)
            assert response.read() == b'hello'
            assert client.sock is sock


def test_three_pipelined_requests(server):
    with server.connect() as sock:
        sock.sendall(GET + b'POST /small HTTP/1.1\r\nHost: a\r\n'
                     b'Content-Length: 5\r\n\r\nabcde'
                     b'GET /sync HTTP/1.1\r\nHost: a\r\n'
                     b'Connection: close\r\n\r\n')
        data = servers.read_all(sock)
    assert data.count(b'HTTP/1.1 200 OK\r\n') == 3
    bodies = [part.split(b'HTTP/1.1')[0]
              for part in data.split(b'\r\n\r\n')[1:]]
    assert bodies == [b'hello', b'5 bytes', b'sync']


def test_client_that_ends_its_side_after_the_request_is_answered(server):
    with server.connect() as sock:
        sock.sendall(GET)
        sock.shutdown(1)
        assert servers.read_all(sock).endswith(b'\r\n\r\nhello')


def test_client_that_ends_its_side_during_a_slow_request_is_answered(server):
    with server.connect() as sock:
        sock.sendall(b'GET /slow/0.1 HTTP/1.1\r\nHost: a\r\n\r\n')
        sock.shutdown(1)
        assert servers.read_all(sock).endswith(b'\r\n\r\nslow')


def test_upload_and_download_of_a_megabyte(server):
    check_upload(server)
    check_download(server)


def check_upload(server, ways=(False, True)):
    body = bytes(range(256)) * 4096
    for chunked in ways:
        pieces = (body[i:i + 5000] for i in range(0, len(body), 5000))
        with http_client(server) as client:
            client.request('POST', '/upload', body=pieces if chunked else
                           body, encode_chunked=chunked,
                           headers={'Transfer-Encoding': 'chunked'}
                           if chunked else {})
            response = client.getresponse()
            assert response.status == 200
            assert json.loads(response.read()) == {
                'size': len(body), 'crc32': zlib.crc32(body)}


def check_download(server):
    with http_client(server) as client:
        client.request('GET', '/download/1024')
        response = client.getresponse()
        body = response.read()
    assert response.getheader('Transfer-Encoding') == 'chunked'
    assert body == b''.join(b'%07d\n' % i + b'.' * 1016 for i in range(1024))
    assert len(body) == MEGABYTE


def http_client(server):
    # closed in any case, lest another test is blamed for it
    return contextlib.closing(
        http.client.HTTPConnection('127.0.0.1', server.port, timeout=20))


def test_pieces_of_a_stream_do_not_wait_for_acknowledgements(server):
    # Nagle's algorithm and delayed acknowledgements make that 40 ms each
    # nearly each time. (A loaded machine delays some, or all for a while.)
    times = []
    with server.connect() as sock:
        while len(times) < 50 or sorted(times[-50:])[12] >= 0.03:
            assert len(times) < 1000
            start = time.monotonic()
            sock.sendall(b'GET /download/1 HTTP/1.1\r\nHost: a\r\n\r\n')
            servers.read_until(sock, b'\r\n0\r\n\r\n')
            times.append(time.monotonic() - start)


@needs_curl
def test_curl_gets_the_page(server):
    assert curl('http://127.0.0.1:%d/' % server.port) == b'hello'


@needs_curl
@every
def test_curl_gets_the_page_of_the_hello_example(interpreter):
    hello = TOP / 'examples' / 'hello' / 'hello.py'
    with servers.serve(interpreter, script=hello,
                       before=['127.0.0.1']) as child:
        page = curl('-i', 'http://127.0.0.1:%d/' % child.port)
    assert page.startswith(b'HTTP/1.1 200 OK\r\n')
    assert b'<h1>It works</h1>' in page


@needs_curl
@pytest.mark.parametrize('expect', ['Expect: 100-continue', 'Expect:'])
def test_curl_prints_the_413_for_3_megabytes(server, expect, tmp_path):
    file = tmp_path / 'large'
    file.write_bytes(b'x' * 3 * MEGABYTE)
    answer = curl('-H', expect, '--data-binary', '@%s' % file,
                  'http://127.0.0.1:%d/small' % server.port)
    assert b'Request.max_content_length' in answer


# -------------------------------------------------------------- bad clients

def test_reset_connections_leave_nothing_open(server):
    for request in (b'', GET, GET[:9], b'GET /stream HTTP/1.1\r\nHost: a'
                    b'\r\n\r\n', b'GET /download/99999 HTTP/1.1\r\nHost: a'
                    b'\r\n\r\n', b'POST /upload HTTP/1.1\r\nHost: a\r\n'
                    b'Content-Length: 99999\r\n\r\nabc'):
        with server.connect() as sock:
            # so that closing is a reset
            sock.setsockopt(1, 13, b'\x01\0\0\0\0\0\0\0')
            sock.sendall(request)
            if b'stream' in request or b'download' in request:
                sock.recv(10)
    servers.wait_until(
        lambda: json.loads(server.get('/state'))['open'] == 1,
        'the connections to be gone')
    assert json.loads(server.get('/state'))['streams'] == 0


# ------------------------------------------------------------------ signals

@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM],
                         ids=['SIGINT', 'SIGTERM'])
@every_cpython
def test_signal_lets_the_request_in_flight_finish(interpreter, number):
    with servers.serve(interpreter) as child:
        with child.connect() as sock, child.connect() as idle, \
                child.connect() as half:
            idle.sendall(GET)
            assert idle.recv(1000).endswith(b'hello')
            half.sendall(GET[:9])
            sock.sendall(b'GET /until-the-end HTTP/1.1\r\nHost: a\r\n\r\n')
            servers.wait_until(
                lambda: json.loads(child.get('/state'))['slow'],
                'the request to begin')
            child.interrupt(number)
            assert idle.recv(1000) == b''
            answer = servers.read_all(sock)
            assert answer.endswith(b'\r\n\r\nslow')
            assert b'\r\nConnection: close\r\n' in answer
        assert child.wait() == 0, child.output
        assert child.output == 'ended\n'
        assert not servers.is_listening(child.port)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM],
                         ids=['SIGINT', 'SIGTERM'])
@every_cpython
def test_second_signal_stops_at_once(interpreter, number):
    with servers.serve(interpreter) as child:
        with child.connect() as sock:
            sock.sendall(b'GET /slow/60 HTTP/1.1\r\nHost: a\r\n\r\n')
            servers.wait_until(
                lambda: json.loads(child.get('/state'))['slow'],
                'the request to begin')
            child.interrupt(number)
            servers.wait_until(
                lambda: not servers.is_listening(child.port),
                'the server to listen no more')
            child.interrupt(number)
            child.wait(8)  # less than requests would be waited for
            try:
                assert servers.read_all(sock) == b''
            except ConnectionResetError:
                pass  # stopping at once may reset what is open
        assert 'Task was destroyed' not in child.output
        assert 'never' not in child.output


@every
def test_shutdown_by_a_view_ends_the_process(interpreter):
    with servers.serve(interpreter) as child:
        assert child.get('/shutdown') == b'bye'
        assert child.wait(8) == 0
        assert child.output == 'ended\n'


@every_board
def test_control_c_on_a_board_leaves_all_ready_for_another_run(interpreter):
    with servers.serve(interpreter, 'again') as child:
        with child.connect() as idle, child.connect() as streaming, \
                child.connect() as half:
            idle.sendall(GET)
            assert idle.recv(1000).endswith(b'hello')
            streaming.sendall(b'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
            servers.read_until(streaming, b'first\r\n')
            half.sendall(GET[:9])
            child.wait_for_sleep()
            child.interrupt()
            # all of them are closed, not only forgotten
            assert servers.read_all(idle) == b''
            assert servers.read_all(streaming) == b''
        servers.wait_until(lambda: 'interrupted' in child.output,
                           'the interrupt')
        servers.wait_until(lambda: servers.is_listening(child.port),
                           'the second run')
        with child.connect() as sock:
            sock.sendall(GET)
            assert sock.recv(1000).endswith(b'hello')
            # the deadlines are enforced in the second run as well
            assert servers.read_all(sock) == b''
        assert json.loads(child.get('/state')) == {
            'open': 1, 'streams': 0, 'slow': 0, 'runs': 2, 'scheme': 'http'}
        assert child.get('/shutdown') == b'bye'
        assert child.wait(8) == 0
        assert child.output == 'interrupted\nended\n'

"""Clients that others wrote, each against the server on every interpreter."""

import json
import socket
import subprocess
import zlib

import httpx
import pytest
import requests

import servers
from test_server_processes import CURL, interpreter_id, needs_curl

SIZE = 300000
BODY = bytes(range(256)) * (SIZE // 256)
PIECES = [BODY[i:i + 5000] for i in range(0, len(BODY), 5000)]
UPLOADED = {'size': len(BODY), 'crc32': zlib.crc32(BODY)}
DOWNLOAD = b''.join(b'%07d\n' % i + b'.' * 1016 for i in range(100))


@pytest.fixture(scope='module', params=servers.everything(),
                ids=interpreter_id)
def server(request):
    with servers.serve(request.param) as child:
        yield child
        assert child.process.poll() is None, child.output
        assert child.output == ''


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp('upload') / 'body'
    path.write_bytes(BODY)
    return path


def curl(server, *args, **kwargs):
    """Run curl for paths of the server; return what it prints."""
    url = 'http://127.0.0.1:%d' % server.port
    return subprocess.run(
        [CURL, '-sS', '--noproxy', '*', '-m', '20',
         *[url + arg if arg.startswith('/') else arg for arg in args]],
        check=True, capture_output=True, timeout=60, **kwargs).stdout


@needs_curl
def test_curl_in_http_1_0(server):
    assert curl(server, '-0', '-i', '/').startswith(b'HTTP/1.0 200 OK\r\n')
    # a body whose end is that of the connection
    assert curl(server, '-0', '/download/100') == DOWNLOAD


@needs_curl
def test_curl_in_http_1_1_on_one_connection(server):
    paths = ['/', '/sync', '/download/100', '/missing', '/']
    output = curl(server, '-w', '<%{http_code} %{num_connects}>', *paths)
    assert output.count(b' 1>') == 1
    assert output.count(b' 0>') == len(paths) - 1
    assert output.startswith(b'hello<200 1>sync<200 0>' + DOWNLOAD)


@needs_curl
def test_curl_asks_for_the_head(server):
    answer = curl(server, '-I', '/')
    assert b'\r\nContent-Length: 5\r\n' in answer
    assert answer.endswith(b'\r\n\r\n')


@needs_curl
@pytest.mark.parametrize('chunked', [(), ('-H', 'Transfer-Encoding: chunked')],
                         ids=['length', 'chunked'])
@pytest.mark.parametrize('expect', ['Expect:', 'Expect: 100-continue'])
def test_curl_uploads(server, file, chunked, expect):
    # it would wait for longer than it may take
    answer = curl(server, *chunked, '-H', expect, '--expect100-timeout', '30',
                  '--data-binary', '@%s' % file, '/upload')
    assert json.loads(answer) == UPLOADED


@needs_curl
def test_curl_uploads_what_it_is_piped(server):
    answer = curl(server, '-X', 'POST', '-T', '-', '/upload', input=BODY)
    assert json.loads(answer) == UPLOADED


def test_httpx(server):
    with httpx.Client(base_url='http://127.0.0.1:%d' % server.port,
                      trust_env=False, timeout=20) as client:
        for _ in range(3):
            response = client.get('/')
            assert (response.http_version, response.text) == (
                'HTTP/1.1', 'hello')
        assert client.post('/upload', content=BODY).json() == UPLOADED
        assert client.post('/upload', content=iter(PIECES)).json() == UPLOADED
        with client.stream('GET', '/download/100') as response:
            assert b''.join(response.iter_bytes()) == DOWNLOAD
        assert client.head('/').headers['Content-Length'] == '5'
        assert client.options('/').headers['Allow'] == 'GET, HEAD, OPTIONS'
        assert client.get('/missing').status_code == 404
        assert client.post('/small', content=BODY * 4).status_code == 413
        # one that leaves in the middle
        with client.stream('GET', '/download/9999') as response:
            next(response.iter_bytes())
        assert client.get('/').text == 'hello'


def test_requests(server):
    url = 'http://127.0.0.1:%d' % server.port
    with requests.Session() as client:
        client.trust_env = False
        for _ in range(3):
            assert client.get(url, timeout=20).text == 'hello'
        for body in BODY, iter(PIECES):
            assert client.post(url + '/upload', data=body,
                               timeout=20).json() == UPLOADED
        response = client.get(url + '/download/100', stream=True, timeout=20)
        assert b''.join(response.iter_content(1000)) == DOWNLOAD
        assert client.head(url, timeout=20).headers['Content-Length'] == '5'
        response = client.post(url + '/small', data=BODY * 4, timeout=20)
        assert response.status_code == 413
        assert client.get(url, timeout=20).text == 'hello'


def connect(server):
    return socket.create_connection(('127.0.0.1', server.port), 20)


def read_all(sock):
    pieces = []
    while True:
        piece = sock.recv(65536)  # raises an exception when reset
        if not piece:
            return b''.join(pieces)
        pieces.append(piece)


@pytest.mark.parametrize('version', ['1.0', '1.1'])
def test_a_client_that_has_ended_its_own_side_gets_all_of_a_stream(
        server, version):
    """RFC 9112, section 9.6"""
    with connect(server) as sock:
        sock.sendall(b'GET /download/10000 HTTP/%s\r\nHost: a\r\n\r\n' %
                     version.encode())
        sock.shutdown(socket.SHUT_WR)
        answer = read_all(sock)
    assert answer.count(b'.' * 1016) == 10000
    assert answer.endswith(b'\r\n0\r\n\r\n' if version == '1.1' else b'.')


@pytest.mark.parametrize('more', [1, 100, 2000])
def test_what_follows_the_last_request_does_not_reset_the_answer(
        server, more):
    with connect(server) as sock:
        sock.sendall(b'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
                     + b'GET / HTTP/1.1\r\n\r\n' * more)
        assert read_all(sock).endswith(b'\r\n\r\nhello')


def test_a_malformed_request_is_answered_though_more_follows(server):
    with connect(server) as sock:
        sock.sendall(b'GET / HTTP/1.1\r\n\r\n' * 2000)
        assert read_all(sock).startswith(b'HTTP/1.1 400 ')

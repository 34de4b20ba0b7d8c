"""``microdot run``, in terminals and pipes."""

import io
import os
import pathlib
import re
import signal
import socket
import stat
import struct
import subprocess
import sys

import pytest

from command import HELLO, PATIENCE, TOP, Command, environment, run
from microdot.cli import screens
from microdot.cli.terminal import Terminal

try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = termios = None

pytestmark = pytest.mark.skipif(os.name != 'posix', reason='signals, pty')


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'app.py').write_text(HELLO)
    return tmp_path


def write(folder, text, name='app.py'):
    (folder / name).write_text(text)


# --- The banner, and the end -------------------------------------------------

def test_link_is_shown_and_answers(folder):
    with Command('run', '--port', 0, cwd=folder) as command:
        assert command.get() == (200, 'hello')
        assert command.output.startswith('microdot ')
        assert 'Ctrl-C stops it' in command.output


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_it_with_status_0(folder, number):
    with Command('run', '--port', 0, cwd=folder) as command:
        command.address()
        assert command.stop(number) == 0
        assert 'Traceback' not in command.output


def test_control_c_in_a_terminal_ends_it_with_status_0(folder):
    with Command('run', '--port', 0, cwd=folder, terminal=True) as command:
        command.address()
        command.press('\x03')
        assert command.wait() == 0
        assert 'Traceback' not in command.output


def test_terminal_gets_colours(folder):
    with Command('run', '--port', 0, cwd=folder, terminal=True) as command:
        command.address()
        assert '\x1b[36mhttp://127.0.0.1:' in command.output


def test_no_color_means_none(folder):
    with Command('run', '--port', 0, cwd=folder, terminal=True,
                 env={'NO_COLOR': '1'}) as command:
        command.address()
        assert '\x1b' not in command.output


def test_pipe_gets_no_colours(folder):
    with Command('run', '--port', 0, cwd=folder) as command:
        command.address()
        assert '\x1b' not in command.output


def test_all_addresses_have_a_link_for_this_computer(folder):
    with Command('run', '--port', 0, '--host', '0.0.0.0',
                 cwd=folder) as command:
        assert command.get() == (200, 'hello')


# --- APP ---------------------------------------------------------------------

@pytest.mark.parametrize('app', [
    'app.py', 'app', 'app:app', 'app.py:app', './app.py'])
def test_app_is_found(folder, app):
    with Command('run', app, '--port', 0, cwd=folder) as command:
        assert command.get() == (200, 'hello')


@pytest.mark.parametrize('app', [
    'shop.web', 'shop.web:app', 'shop/web.py', 'shop.web:make',
    'shop/web.py:make'])
def test_app_in_a_package_is_found(tmp_path, app):
    (tmp_path / 'shop').mkdir()
    write(tmp_path, '', 'shop/__init__.py')
    write(tmp_path, 'TEXT = "in a package"', 'shop/text.py')
    write(tmp_path, """\
from microdot import Microdot
from .text import TEXT

app = Microdot()
app.get('/')(lambda request: TEXT)

def make():
    return app
""", 'shop/web.py')
    with Command('run', app, '--port', 0, cwd=tmp_path) as command:
        assert command.get() == (200, 'in a package')


@pytest.mark.parametrize('name', ['app.py', 'main.py', 'wsgi.py', 'asgi.py'])
def test_file_is_found_without_a_word(tmp_path, name):
    write(tmp_path, HELLO, name)
    with Command('run', '--port', 0, cwd=tmp_path) as command:
        assert command.get() == (200, 'hello')


def test_run_of_the_program_says_once_that_it_does_nothing(folder):
    write(folder, HELLO + '\napp.run()\napp.run(port=1)\n')
    with Command('run', '--port', 0, cwd=folder) as command:
        assert command.get() == (200, 'hello')
        assert command.output.count('app.run() in the program') == 1


@pytest.mark.parametrize('app, text, said', [
    ('shop.py', '', 'there is no file shop.py'),
    ('ap.py', '', 'did you mean app.py?'),
    ('app:ap', 'app = Microdot()', 'did you mean app?'),
    ('app', 'app = 5', 'app is 5 (int)'),
    ('app', 'x = 1', 'app.py has no application'),
    ('app:x', 'x = {}', 'app:x is a dict instead of an application'),
    ('app:f', 'f = lambda: 7', 'app:f returned 7 (int)'),
    ('app:f', 'def f(x): pass', 'app:f is called without arguments: f() '
     "missing 1 required positional argument: 'x'"),
    ('app', 'a = Microdot()\nb = Microdot()', 'app:a, app:b'),
    ('app:', '', 'neither'),
    ('no.such', '', 'there is no module no'),
])
def test_wrong_app_is_told_what_was_found(folder, app, text, said):
    write(folder, 'from microdot import Microdot\n' + text)
    status, output = run('run', app, cwd=folder)
    assert status == 2
    assert said in output
    assert 'Traceback' not in output


def test_no_app_at_all_is_said(tmp_path):
    status, output = run('run', cwd=tmp_path)
    assert status == 2
    assert 'app.py, main.py, wsgi.py or asgi.py' in output


# --- Screens -----------------------------------------------------------------

@pytest.mark.parametrize('text, said', [
    ('x = 1\ndef f(:\n    pass\n', ['app.py, line 2', '> 2 | def f(:',
                                    'SyntaxError']),
    ('import no_such_module\n', ['app.py, line 1', 'no_such_module is not '
                                 'installed for this Python']),
    ('from os import nothing_there\n', ['app.py, line 1', 'ImportError']),
    ('def f():\n    return 1 / 0\nf()\n', [
        'app.py, line 3, in <module>', 'app.py, line 2, in f',
        'ZeroDivisionError']),
    (HELLO + """
@app.on_startup
def connect():
    raise OSError('no database')
""", ['app.py does not start', 'in connect', 'OSError: no database']),
    ('raise SystemExit(3)', ['ended itself (status 3)']),
    ('raise ValueError("\\x1b[2J")', ['ValueError: \\x1b[2J']),
])
def test_mistake_is_shown_with_file_and_line(folder, text, said):
    write(folder, text)
    status, output = run('run', '--port', 0, cwd=folder)
    assert status == 1
    for part in said:
        assert part in output
    assert 'Traceback' not in output
    assert 'importlib' not in output


def test_mistake_in_a_factory_is_its_own(folder):
    write(folder, 'def make():\n    return make(1)\n')
    status, output = run('run', 'app:make', cwd=folder)
    assert status == 1
    assert '> 2 |     return make(1)' in output
    assert 'TypeError: make() takes 0' in output


LONG = 'x = [%s1, 2) # %s' % (' ' * 100, 'y' * 100)


@pytest.mark.parametrize('columns', [20, 40, 80, 300])
def test_lines_of_source_are_cut_where_the_terminal_ends(folder, columns):
    write(folder, 'first = %s\n%s\n' % ('1' * 200, LONG))
    reader, writer = os.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ,
                struct.pack('HHHH', 24, columns, 0, 0))
    with open(writer, 'w') as stream, open(reader, 'rb', 0):
        terminal = Terminal(stream)
        assert terminal.columns == columns
        shown = [re.sub('\x1b\\[[0-9;]*m', '', line) for line in
                 screens.source(terminal, str(folder / 'app.py'), 2,
                                LONG.index(')') + 1)]
    room = max(columns - 8, screens.ROOM)
    assert max(map(len, shown)) <= 8 + room
    first, wrong, caret = shown
    assert wrong[caret.index('^')] == ')'
    assert first.startswith('    1 | first = 1')
    assert first.endswith('\u2026') == (columns < 219)
    assert wrong.endswith('\u2026') == (columns < 219)


def test_where_no_terminal_is_nothing_is_cut(folder):
    write(folder, LONG)
    with open(os.devnull, 'w') as stream:
        terminal = Terminal(stream)
        assert terminal.columns is None
        assert '  > 1 | ' + LONG in screens.source(
            terminal, str(folder / 'app.py'), 1, 3)
    assert Terminal(io.StringIO()).columns is None


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='no full disk')
def test_what_stderr_does_not_take_is_lost(monkeypatch):
    with open('/dev/full', 'wb', 0) as disk:
        full = io.TextIOWrapper(disk, write_through=True)
        with pytest.raises(OSError):
            Terminal(full).print('as stdout')
        for stream in (full, None):
            monkeypatch.setattr(sys, 'stderr', stream)
            Terminal(sys.stderr).print('nobody hears it')
            Terminal(sys.stderr).end()
            assert Terminal(sys.stderr).columns is None
    closed = io.StringIO()
    closed.close()
    with pytest.raises(ValueError):
        Terminal(closed).print('as stdout')
    monkeypatch.setattr(sys, 'stderr', closed)
    Terminal(closed).print('nobody hears it')


@pytest.mark.parametrize('words', [
    ('run', '--port', 0), ('run', 'app.py', '--workers', 2), ('routes',)])
def test_folder_that_is_no_more_is_said(folder, words):
    gone = folder / 'gone'
    gone.mkdir()
    status, output = run(*words, cwd=gone, before=(
        'sh', '-c', 'rmdir "$PWD"; exec "$@"', 'sh'))
    assert status == 1
    assert output == 'microdot: the current folder: ' \
        'No such file or directory\n'


def test_port_in_use_is_said(folder):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        status, output = run('run', '--port', port, cwd=folder)
    assert status == 1
    assert 'cannot listen on 127.0.0.1:%d: another program does' % port \
        in output


# --- Where it listens --------------------------------------------------------

def ask(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        sock.sendall(b'GET / HTTP/1.0\r\n\r\n')
        return b''.join(iter(lambda: sock.recv(65536), b''))


def test_unix_socket_is_served_and_removed(folder):
    with Command('run', '--uds', 'sock', cwd=folder) as command:
        command.wait_for('unix:sock')
        command.wait_for('Ctrl-C')
        assert ask(folder / 'sock').endswith(b'hello')
        assert command.stop() == 0
    assert not (folder / 'sock').exists()


def test_stale_socket_is_replaced(folder):
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(folder / 'sock'))
    with Command('run', '--uds', 'sock', cwd=folder) as command:
        command.wait_for('Ctrl-C')
        assert ask(folder / 'sock').endswith(b'hello')


def test_socket_of_a_live_server_is_refused(folder):
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(folder / 'sock'))
        old.listen()
        status, output = run('run', '--uds', 'sock', cwd=folder)
    assert status == 1
    assert 'a server listens there' in output
    assert stat.S_ISSOCK((folder / 'sock').stat().st_mode)


def test_file_is_not_replaced_by_a_socket(folder):
    status, output = run('run', '--uds', 'app.py', cwd=folder)
    assert status == 1
    assert 'not a socket' in output
    assert (folder / 'app.py').read_text() == HELLO


def test_inherited_socket_is_served(folder):
    with socket.create_server(('127.0.0.1', 0)) as sock:
        fd = sock.fileno()
        with Command('run', '--fd', fd, cwd=folder,
                     pass_fds=(fd,)) as command:
            assert command.get() == (200, 'hello')
            assert command.address() == sock.getsockname()


def test_what_is_not_a_listening_socket_is_refused(folder):
    for fd, said in ((0, 'not a socket'), (99, 'not a socket')):
        status, output = run('run', '--fd', fd, cwd=folder)
        assert status == 1
        assert said in output
    with socket.socket() as sock:
        status, output = run('run', '--fd', sock.fileno(), cwd=folder,
                             pass_fds=(sock.fileno(),))
    assert status == 1
    assert 'not a socket that listens' in output


def test_sockets_of_systemd_are_served(folder):
    # The variable names the process, which becomes the command.
    with socket.create_server(('127.0.0.1', 0)) as sock:
        fd = sock.fileno()
        start = 'import os, sys; os.dup2(%d, 3); os.environ.update(' \
            'LISTEN_FDS="1", LISTEN_PID=str(os.getpid())); ' \
            'os.execv(sys.argv[1], sys.argv[1:])' % fd
        with Command('run', cwd=folder, pass_fds=(fd,),
                     before=(sys.executable, '-c', start)) as command:
            assert command.address() == sock.getsockname()
            assert command.get() == (200, 'hello')


# --- What it costs -----------------------------------------------------------

def test_import_of_microdot_loads_none_of_it():
    code = 'import microdot, sys; print([name for name in sys.modules ' \
        'if name.startswith("microdot.cli") or name == "argparse"])'
    result = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True,
        env={**os.environ, 'PYTHONPATH': str(TOP / 'src')})
    assert result.stdout == '[]\n'


# --- app.run()

def start(folder, text):
    write(folder, text, 'program.py')
    return subprocess.run(
        [sys.executable, 'program.py'], cwd=folder, capture_output=True,
        text=True, env=environment(), timeout=PATIENCE)


STOPPED = """\
from microdot import Microdot

app = Microdot()
app.on_startup(app.shutdown)
app.run(%s)
"""


def test_app_run_says_where_it_listens(folder):
    result = start(folder, STOPPED % "'127.0.0.1', 0")
    assert result.returncode == 0
    assert result.stdout == ''
    lines = result.stderr.splitlines()
    assert re.fullmatch(r'microdot \S+', lines[0])
    assert re.fullmatch(r'  http://127\.0\.0\.1:[1-9]\d*/', lines[1])
    assert lines[2:] == ['  Ctrl-C stops it']


def test_app_run_says_it_once_under_debug(folder):
    result = start(folder, STOPPED % "'127.0.0.1', 0, True")
    assert (result.returncode, result.stdout) == (0, '')
    assert result.stderr.count('http://') == 1
    result = start(folder, STOPPED % "'127.0.0.1', 0, True, banner=False")
    assert re.fullmatch(r'Starting server on 127\.0\.0\.1:0\.\.\.\n',
                        result.stdout)


def test_app_run_says_nothing_without_a_banner(folder):
    result = start(folder, STOPPED % "'127.0.0.1', 0, banner=False")
    assert (result.returncode, result.stderr) == (0, '')


def test_app_run_takes_a_prefix(folder):
    result = start(folder, STOPPED % "'127.0.0.1', 0, root_path='/todo'")
    assert result.returncode == 0
    assert re.search(r'  http://127\.0\.0\.1:\d+/todo/\n', result.stderr)


# --- What the system lacks

WITHOUT_SIGNALS = """\
import asyncio
import os
import pathlib
import signal

from microdot import Microdot
from microdot.cli.run import Signals


def refuse(*args):
    raise NotImplementedError


asyncio.SelectorEventLoop.add_signal_handler = refuse
app = Microdot()


@app.on_startup
async def interrupt():
    loop = asyncio.get_running_loop()
    loop.call_later(0.1, os.kill, os.getpid(), signal.SIGINT)


Signals().hold(app)
app.run('127.0.0.1', 0, banner=False)
print('ended')
"""


def test_signal_ends_it_where_loops_take_none(folder):
    result = start(folder, WITHOUT_SIGNALS)
    assert (result.returncode, result.stdout, result.stderr) == \
        (0, 'ended\n', '')


@pytest.mark.skipif(not os.path.exists('/proc/self/schedstat'),
                    reason='no /proc/PID/schedstat')
def test_first_answer_takes_four_times_what_asyncio_takes(folder):
    # (of the processor's time, up to the first answer, to load it: 0.25 s
    # where asyncio takes 0.06)
    used = []
    usual = []
    for _ in range(3):
        usual.append(float(subprocess.run(
            [sys.executable, '-c',
             'import asyncio, time; print(time.process_time())'],
            stdout=subprocess.PIPE, env=environment(), check=True,
            timeout=PATIENCE).stdout))
        with Command('run', '--port', 0, cwd=folder) as command:
            assert command.get() == (200, 'hello')
            tasks = '/proc/%d/task' % command.process.pid
            used.append(sum(
                int(pathlib.Path(tasks, task, 'schedstat')
                    .read_text().split()[0]) / 1e9
                for task in os.listdir(tasks)))
    assert min(used) <= 4 * min(usual), (used, usual)


# --- A reader that has seen enough -------------------------------------------

@pytest.mark.parametrize('words', [
    (), ('--help',), ('--version',), ('run', '--help'), ('routes',),
    ('completion', 'bash')])
def test_a_pipe_that_is_closed_is_no_error_to_be_shown(folder, words):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = subprocess.run(
            [sys.executable, '-m', 'microdot', *words], cwd=folder,
            env=environment(), stdout=writer, stderr=subprocess.PIPE,
            timeout=PATIENCE)
    finally:
        os.close(writer)
    assert (result.returncode, result.stderr) == (1, b'')


@pytest.mark.parametrize('words', [('--',), ('app.py', '--')])
def test_hyphens_alone_are_near_to_nothing(folder, words):
    status, output = run('run', *words, cwd=folder)
    assert status == 2
    assert 'there is no option %s (' % words[-1] in output

"""Starting and stopping: what is told, and what is run."""

import asyncio
import gc
import signal
import socket
import ssl
import subprocess
import sys
import threading

import pytest

import interpreters
import servers
from microdot import Microdot
from servers import TOP
from test_server_processes import every_board

PROGRAM = """\
import sys
sys.path.insert(0, sys.argv[1])
from microdot import Microdot
app = Microdot()
app.on_startup(lambda: print('started'))
app.run(sys.argv[2], int(sys.argv[3]), ssl=tuple(sys.argv[4:]) or None)
"""
CPYTHONS = [servers.running()] + interpreters.cpythons()


@pytest.fixture
def taken():
    """A port that another program listens on."""
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        sock.listen()
        yield sock.getsockname()[1]


@pytest.fixture
def no_key(tmp_path):
    """A file that is neither a certificate nor a key."""
    path = tmp_path / 'nothing.pem'
    path.write_text('nothing\n')
    return str(path)


def start(*args, **kwargs):
    asyncio.run(Microdot().start_server(*args, **kwargs))


def refused(capsys, *args, **kwargs):
    """Return what run() says when it cannot serve."""
    app = Microdot()
    started = []
    app.on_startup(lambda: started.append(True))
    with pytest.raises(SystemExit) as caught:
        app.run(*args, **kwargs)
    assert not started
    assert app.servers == []
    assert isinstance(caught.value.__cause__, (OSError, ValueError))
    # nothing but what the exception itself will have printed
    assert capsys.readouterr() == ('', '')
    caught.value.__cause__ = None
    gc.collect()  # a socket that was left open would be complained of
    return caught.value.code


def test_port_in_use_is_told_in_a_line(capsys, taken):
    assert refused(capsys, '127.0.0.1', taken) == (
        'microdot: cannot serve on 127.0.0.1:%d: Address already in use'
        % taken)


@pytest.mark.parametrize('port', [-1, 65536, 70000, 1 << 40])
def test_port_out_of_range_is_told_in_a_line(capsys, port):
    assert refused(capsys, '127.0.0.1', port) == (
        'microdot: cannot serve on 127.0.0.1:%d: port out of range: %d, '
        '0 to 65535' % (port, port))


def test_address_of_another_machine_is_told_in_a_line(capsys):
    # one that is set aside for documentation
    assert refused(capsys, '192.0.2.1', 0) == (
        'microdot: cannot serve on 192.0.2.1:0: '
        'Cannot assign requested address')


def test_missing_tls_files_are_told_in_a_line(capsys, tmp_path):
    missing = str(tmp_path / 'missing.pem')
    assert refused(capsys, '127.0.0.1', 0, ssl=(missing, missing)) == (
        'microdot: cannot use the TLS files %s and %s: '
        'No such file or directory' % (missing, missing))


def test_bad_tls_files_are_told_in_a_line(capsys, no_key):
    told = refused(capsys, '127.0.0.1', 0, ssl=(no_key, no_key))
    assert told.startswith(
        'microdot: cannot use the TLS files %s and %s: [SSL]'
        % (no_key, no_key))
    assert '\n' not in told


def test_start_server_raises_what_is_wrong(taken, tmp_path, no_key):
    missing = str(tmp_path / 'missing.pem')
    with pytest.raises(OSError, match='in use'):
        start('127.0.0.1', taken)
    with pytest.raises(ValueError, match='port out of range'):
        start('127.0.0.1', 70000)
    with pytest.raises(FileNotFoundError):
        start('127.0.0.1', 0, ssl=(missing, missing))
    with pytest.raises(ssl.SSLError):
        start('127.0.0.1', 0, ssl=(no_key, no_key))
    gc.collect()


def test_another_thread_is_told_by_the_exception_itself(taken):
    caught = []

    def run():
        try:
            Microdot().run('127.0.0.1', taken)
        except OSError as exc:
            caught.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(servers.PATIENCE_S)
    assert len(caught) == 1
    gc.collect()


def test_error_of_a_startup_function_is_raised_as_it_is():
    app = Microdot()

    @app.on_startup
    def fail():
        raise FileNotFoundError('of the program')

    with pytest.raises(FileNotFoundError, match='of the program'):
        app.run('127.0.0.1', 0)
    gc.collect()


@pytest.mark.parametrize('interpreter', CPYTHONS, ids=lambda each: each.name)
def test_one_line_on_stderr_and_exit_status_1(interpreter, taken, tmp_path):
    program = tmp_path / 'program.py'
    program.write_text(PROGRAM)
    for args in (['127.0.0.1', taken], ['127.0.0.1', 70000],
                 ['127.0.0.1', 0, program, program]):
        result = subprocess.run(
            [*interpreter.command, str(program), str(TOP / 'src'),
             *map(str, args)],
            capture_output=True, text=True, timeout=servers.PATIENCE_S)
        assert result.returncode == 1
        assert result.stdout == ''
        assert result.stderr.startswith('microdot: cannot ')
        assert result.stderr.count('\n') == 1


def test_port_may_be_text(capsys, taken):
    # as it comes from the environment
    assert 'in use' in refused(capsys, '127.0.0.1', str(taken))


def test_server_tells_the_port_that_the_system_has_chosen():
    async def main():
        server = await Microdot().start_server(
            '127.0.0.1', 0, start_serving=False)
        try:
            assert server.port == server.sockets[0].getsockname()[1] > 0
        finally:
            server.close()

    asyncio.run(main())


def test_a_board_refuses_a_port_out_of_range(tmp_path):
    program = tmp_path / 'program.py'
    program.write_text(PROGRAM)
    for board in servers.boards():
        result = subprocess.run(
            [*board.command, str(program), str(TOP / 'src'), '127.0.0.1',
             '70000'],
            capture_output=True, text=True, timeout=servers.PATIENCE_S)
        assert result.returncode == 1
        assert result.stderr.endswith('port out of range: 70000, 0 to 65535\n')


STOPPED = """\
import asyncio
import sys
sys.path.insert(0, sys.argv[1])
from microdot import Microdot
app = Microdot()
app.shutdown_timeout = 0.2
app.on_startup(lambda: print('up', flush=True))
app.on_shutdown(lambda: print('down', flush=True))
@app.get('/')
async def slow(request):
    try:
        print('slow', flush=True)
        await asyncio.sleep(60)
    finally:
        print('finally', flush=True)
app.run('127.0.0.1', int(sys.argv[2]), banner=False)
print('ended', flush=True)
"""


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signal_cancels_what_remains_and_runs_the_hooks(tmp_path, number):
    program = tmp_path / 'program.py'
    program.write_text(STOPPED)
    port = servers.free_port()
    with subprocess.Popen(
            [sys.executable, str(program), str(TOP / 'src'), str(port)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True) as process:
        try:
            assert process.stdout.readline() == 'up\n'
            with socket.create_connection(('127.0.0.1', port), 20) as sock:
                sock.sendall(servers.GET)
                assert process.stdout.readline() == 'slow\n'
                process.send_signal(number)
                assert sock.recv(1) == b''
            assert process.stdout.read() == 'finally\ndown\nended\n'
            assert process.wait(servers.PATIENCE_S) == 0
        finally:
            process.kill()
    assert not servers.is_listening(port)


INTERRUPTED = """\
import sys
from microdot import Microdot
app = Microdot()
app.runs = 0
@app.on_shutdown
async def down():
    app.runs += 1
    print('down %d, %d open' % (app.runs, app.counters['open']))
@app.get('/')
async def index(request):
    return 'hello'
for count in range(2):
    try:
        app.run('127.0.0.1', int(sys.argv[1]))
    except KeyboardInterrupt:
        print('interrupted')
"""


@every_board
def test_control_c_on_a_board_runs_the_hooks(interpreter, tmp_path):
    program = tmp_path / 'program.py'
    program.write_text(INTERRUPTED)
    with servers.serve(interpreter, script=program) as child:
        for count in (1, 2):
            servers.wait_until(lambda: servers.is_listening(child.port),
                               'the server to listen')
            assert child.get('/') == b'hello'
            with child.connect():
                child.wait_for_sleep()
                child.interrupt()
                servers.wait_until(
                    lambda: child.output.count('interrupted') == count,
                    'the end')
        assert child.wait() == 0
        assert child.output == (
            'down 1, 0 open\ninterrupted\ndown 2, 0 open\ninterrupted\n')


@every_board
def test_board_that_could_not_start_runs_no_hooks(interpreter, tmp_path,
                                                  taken):
    program = tmp_path / 'program.py'
    program.write_text(INTERRUPTED)
    result = subprocess.run(
        [*interpreter.command, str(program), str(taken)],
        capture_output=True, text=True, timeout=servers.PATIENCE_S,
        env={'MICROPYPATH': '%s:.frozen' % (TOP / 'src')})
    assert result.stderr.endswith('] EADDRINUSE\n'), result.stderr
    assert result.stdout == ''

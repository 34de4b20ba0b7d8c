"""The simulated board is one to mpremote, and fails as boards do."""

import contextlib
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

import pytest

import servers
import simboard

pytest.importorskip('mpremote')
pytestmark = pytest.mark.skipif(sys.platform != 'linux',
                                reason='MicroPython is unpacked on Linux')


def mpremote(board, *words):
    """Run mpremote; return its exit status and what it printed."""
    result = subprocess.run(
        [sys.executable, '-m', 'mpremote', 'connect', board.device, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=30)
    return result.returncode, result.stdout


@pytest.fixture(scope='module')
def shared(tmp_path_factory):
    """A board that behaves."""
    folder = tmp_path_factory.mktemp('flash')
    with simboard.Board(folder, rom_size=65536, pty=True) as board:
        yield board


def test_code_runs_in_a_heap_of_the_size_of_a_board(shared):
    status, output = mpremote(
        shared, 'exec', 'import gc; print(gc.mem_free() + gc.mem_alloc())')
    assert status == 0
    assert 190000 < int(output) <= 200 * 1024


def test_files_go_to_its_flash_and_back(shared, tmp_path):
    sent = tmp_path / 'sent'
    sent.write_bytes(bytes(range(256)) * 5)
    back = tmp_path / 'back'
    status, output = mpremote(
        shared, 'fs', 'cp', str(sent), ':file', '+', 'fs', 'cp', ':file',
        str(back), '+', 'fs', 'ls')
    assert status == 0
    assert ' file\n' in output
    assert (shared.flash / 'file').read_bytes() == sent.read_bytes()
    assert back.read_bytes() == sent.read_bytes()


def test_an_error_is_told_with_its_traceback(shared):
    status, output = mpremote(shared, 'exec', 'print(1)\nraise OSError(28)')
    assert status == 1
    assert output.startswith('1')
    assert 'Traceback' in output and 'OSError' in output


def test_long_code_is_taken_with_flow_control(shared):
    text = 'x' * 20000
    status, output = mpremote(shared, 'exec', 'print(len(%r))' % text)
    assert (status, output.strip()) == (0, '20000')


def test_state_is_kept_until_a_soft_reset(shared):
    assert mpremote(shared, 'exec', 'value = 5')[0] == 0
    assert mpremote(shared, 'resume', 'exec', 'print(value)') == (0, '5\n')
    status, output = mpremote(shared, 'exec', 'print(value)')
    assert status == 1
    assert 'NameError' in output


def test_files_can_be_renamed_and_removed(shared):
    status, _ = mpremote(shared, 'exec', (
        'import os\nos.mkdir("/d")\nopen("/d/a", "w").close()\n'
        'os.rename("/d/a", "/d/b")\nos.chdir("/d")\n'
        'assert os.listdir() == ["b"]\n'
        'os.rename("b", "c")\nos.remove("/d/c")\nos.rmdir("/d")\n'))
    assert status == 0
    assert not (shared.flash / 'd').exists()


def test_a_romfs_is_deployed_and_imported_from(shared, tmp_path):
    (tmp_path / 'lib').mkdir()
    (tmp_path / 'lib' / 'inrom.py').write_text('value = 7\n')
    status, output = mpremote(shared, 'romfs', 'deploy', str(tmp_path))
    assert status == 0, output
    status, output = mpremote(
        shared, 'exec', 'import inrom; print(inrom.__file__, inrom.value)')
    assert output.split() == ['/rom/lib/inrom.mpy', '7']


def test_boot_and_main_run_when_it_starts(tmp_path):
    (tmp_path / 'boot.py').write_text('open("booted", "a").write("b")\n')
    (tmp_path / 'main.py').write_text('open("booted", "a").write("m")\n')
    with simboard.Board(tmp_path, pty=True) as board:
        servers.wait_until(
            lambda: (tmp_path / 'booted').exists()
            and (tmp_path / 'booted').read_text() == 'bm', 'main.py')
        # the raw REPL leaves main.py out
        assert mpremote(board, 'exec', 'import os') == (0, '')
        assert (tmp_path / 'booted').read_text() == 'bmb'


def test_a_running_program_is_interrupted(tmp_path):
    (tmp_path / 'main.py').write_text(
        'import time\nwhile True:\n    time.sleep_ms(50)\n')
    with simboard.Board(tmp_path, pty=True) as board:
        assert mpremote(board, 'exec', 'print(2)') == (0, '2\n')


def test_a_port_takes_one_connection_after_another(tmp_path):
    with simboard.Board(tmp_path) as board:
        assert board.device.startswith('socket://127.0.0.1:')
        # one connection after another
        for _ in range(2):
            assert mpremote(board, 'exec', 'print(3)') == (0, '3\n')


def test_flash_has_an_end(tmp_path):
    file = tmp_path / 'large'
    file.write_bytes(bytes(9000))
    flash = tmp_path / 'flash'
    flash.mkdir()
    with simboard.Board(flash, flash_size=16384, pty=True) as board:
        status, output = mpremote(board, 'fs', 'cp', str(file), ':large')
        assert status == 1
        assert 'No space left' in output
        status, output = mpremote(
            board, 'exec', 'import os; print(os.statvfs("/")[2])')
        assert output.strip() == '4'


def test_power_is_lost_once_while_something_is_sent(tmp_path):
    file = tmp_path / 'large'
    file.write_bytes(bytes(5000))
    flash = tmp_path / 'flash'
    flash.mkdir()
    with simboard.Board(flash, drop_after=3000) as board:
        status, _ = mpremote(board, 'fs', 'cp', str(file), ':large')
        assert status == 1
        # (one of them was mpremote's)
        servers.wait_until(lambda: board.resets == 3, 'the last reset')
        assert len((flash / 'large').read_bytes()) < 5000
        assert mpremote(board, 'fs', 'cp', str(file), ':large')[0] == 0
        assert (flash / 'large').read_bytes() == bytes(5000)


def test_what_cannot_start_says_why(tmp_path):
    interpreter = simboard.board_like()
    broken = type(interpreter)('broken', ['false'], (1, 25), 32, True)
    with pytest.raises(RuntimeError, match='does not start'):
        with simboard.Board(tmp_path, interpreter=broken):
            pass


def test_the_command_prints_where_it_is(tmp_path):
    # a folder is named as from where the command is given
    process = subprocess.Popen(
        [sys.executable, simboard.__file__, tmp_path.name],
        cwd=tmp_path.parent, stdout=subprocess.PIPE, text=True)
    with contextlib.closing(process.stdout):
        try:
            class Printed:
                device = process.stdout.readline().strip()

            assert mpremote(Printed, 'exec', 'print(4)') == (0, '4\n')
        finally:
            process.kill()
            process.wait()
    shutil.rmtree(tmp_path)


# ----------------------------------------------------- as strict as firmware

#: Begins a program that listens, and waits for what a test does.
LISTENING = """\
import os, simulated, socket, time
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('127.0.0.1', %d))
listener.listen(20)
print('it listens')


def wait_for(name):
    print(name)
    while name not in os.listdir():
        time.sleep_ms(1)


"""


@contextlib.contextmanager
def listening(folder, program, kind='pico-w'):
    """Run a program that listens on a board of a kind.

    :return: the board, a function that connects, and one that lets the
             program go on where it waits for a name.
    """
    port = servers.free_port()
    (folder / 'main.py').write_text(LISTENING % port + program)
    socks = []
    with simboard.Board(folder, kind=kind) as board:
        def connect():
            socks.append(socket.create_connection(
                ('127.0.0.1', port), servers.PATIENCE_S))
            return socks[-1]

        def go(name):
            servers.wait_until(lambda: name.encode() in board.output, name)
            (folder / name).touch()

        servers.wait_until(lambda: b'it listens' in board.output,
                           'the board to listen')
        try:
            yield board, connect, go
        finally:
            for sock in socks:
                sock.close()


def printed(board, line):
    """Wait until a board has printed a line."""
    servers.wait_until(lambda: b'\n%s\r' % line.encode() in board.output,
                       line)


@pytest.mark.parametrize('kind, platform, free', [
    ('pico-w', 'rp2', 198432), ('esp32', 'esp32', 102400)])
def test_a_kind_has_its_platform_and_its_heap(tmp_path, kind, platform, free):
    (tmp_path / 'main.py').write_text(
        'import gc, sys\ngc.collect()\nprint()\n'
        'print(sys.platform, %d < gc.mem_free() < %d)\n'
        'bytearray(%d)\nprint("in one piece")\n' % (
            free - 700, free + 300, free - 4000))
    with simboard.Board(tmp_path, kind=kind) as board:
        printed(board, platform + ' True')
        printed(board, 'in one piece')


@pytest.mark.parametrize('kind, count', [('pico-w', 5), ('esp32', 16)])
def test_one_connection_more_than_its_network_has_is_refused(
        tmp_path, kind, count):
    program = """\
listener.setblocking(False)
got = []
while len(got) < COUNT or not simulated.counts['refused']:
    try:
        got.append(listener.accept())
    except OSError:
        pass
print()
print(len(got), simulated.counts['most'])
got.pop()[0].close()
wait_for('closed')
listener.setblocking(True)
listener.accept()
print('another')
""".replace('COUNT', str(count))
    with listening(tmp_path, program, kind) as (board, connect, go):
        socks = [connect() for _ in range(count + 1)]
        printed(board, '%d %d' % (count, count))
        with pytest.raises(ConnectionResetError):
            socks[-1].recv(1)
        # the one that was closed is one until the client has closed it too
        assert socks[count - 1].recv(1) == b''
        socks[count - 1].close()
        go('closed')
        connect()
        printed(board, 'another')


def test_a_connection_that_was_reset_is_none(tmp_path):
    program = """\
listener.setblocking(False)
got = []
while len(got) < 4:
    try:
        got.append(listener.accept())
    except OSError:
        pass
wait_for('reset')
listener.setblocking(True)
got.append(listener.accept())
got.append(listener.accept())
print()
print(simulated.counts)
print('refused', simulated.counts['refused'])
"""
    with listening(tmp_path, program) as (board, connect, go):
        socks = [connect() for _ in range(5)]
        servers.wait_until(lambda: b'reset' in board.output, 'four')
        # one that was accepted, and one that was not yet
        for sock in (socks[0], socks[4]):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            b'\1\0\0\0\0\0\0\0')
            sock.close()
        connect()
        connect()
        go('reset')
        printed(board, 'refused 0')


@pytest.mark.parametrize('kind, stalls', [('pico-w', 1), ('esp32', 0)])
def test_data_that_comes_before_accept_waits_for_a_timer(
        tmp_path, kind, stalls):
    program = """\
wait_for('sent')
sock, address = listener.accept()
print()
print(sock.recv(10), address[0], simulated.counts['stalls'])
wait_for('more')
print(sock.recv(10), simulated.counts['stalls'])
"""
    with listening(tmp_path, program, kind) as (board, connect, go):
        sock = connect()
        sock.sendall(b'early')
        go('sent')
        printed(board, "b'early' 127.0.0.1 %d" % stalls)
        sock.sendall(b'late')
        go('more')
        printed(board, "b'late' %d" % stalls)


def test_accepting_in_the_callback_is_early_enough(tmp_path):
    program = """\
got = []
listener.setblocking(False)
listener.setsockopt(socket.SOL_SOCKET, 20,
                    lambda sock: got.append(sock.accept()))
wait_for('sent')
import select
poll = select.poll()
poll.register(listener, select.POLLIN)
while not got:
    poll.poll(1)
print()
print(got[0][0].recv(10), simulated.counts['stalls'])
"""
    with listening(tmp_path, program) as (board, connect, go):
        connect().sendall(b'early')
        go('sent')
        printed(board, "b'early' 0")


def test_options_have_the_numbers_of_the_port(tmp_path):
    program = """\
print()
print(socket.__name__, hex(socket.TCP_NODELAY))
sock = socket.socket()
sock.setsockopt(6, socket.TCP_NODELAY, 1)
print('quiet')
sock.setsockopt(6, 1, 1)
print(simulated.counts['warnings'])
"""
    with listening(tmp_path, program) as (board, connect, go):
        printed(board, '1')
        assert board.output.splitlines()[-4:] == [
            b'lwip 0x40', b'quiet',
            b'Warning: lwip.setsockopt() not implemented', b'1']


def test_what_is_in_the_romfs_hides_what_is_in_lib(shared, tmp_path):
    (tmp_path / 'lib').mkdir()
    (tmp_path / 'lib' / 'twice.py').write_text('value = "rom"\n')
    status, output = mpremote(shared, 'romfs', 'deploy', str(tmp_path))
    assert status == 0, output
    (shared.flash / 'lib').mkdir()
    (shared.flash / 'lib' / 'twice.py').write_text('value = "flash"\n')
    assert mpremote(shared, 'exec', 'import twice; print(twice.value)') == (
        0, 'rom\n')
    (shared.flash / 'twice.py').write_text('value = "top"\n')
    assert mpremote(shared, 'exec', 'import twice; print(twice.value)') == (
        0, 'top\n')


def test_its_flash_takes_time_if_asked_to(tmp_path):
    (tmp_path / 'main.py').write_text(
        'import os, simulated\nprint()\n'
        'with open("file", "w") as file:\n    file.write("a" * 5000)\n'
        'print(simulated.counts["flash_ms"])\nos.remove("file")\n'
        'print(simulated.counts["flash_ms"])\n')
    block, entry = simboard.KINDS['pico-w'].flash_ms
    with simboard.Board(tmp_path, kind='pico-w', slow=True) as board:
        printed(board, str(2 * block + entry))
        printed(board, str(2 * block + 2 * entry))



# What runs once, with ``N`` as the number of a timer, and then hangs.
HANGING = """\
import gc, machine, os, time
N = %d
def note(text):
    with open('notes', 'a') as file:
        file.write(text + ' ')
def end(timer):
    note('timer')
    machine.reset()
def watch(timeout=150):
    note('watchdog')
    return machine.WDT(timeout=timeout)
if 'notes' in os.listdir():
    note('again')
    raise OSError('that is all')
note('first')
%s
while True:
    pass
"""
TIMERS = [
    ('once', 'first timer again ',
     'timer = machine.Timer(N)\n'
     'timer.init(mode=machine.Timer.ONE_SHOT, period=100, callback=end)\n'
     'gc.collect()\n'),
    ('again and again', 'first 1 2 3 again ',
     'calls = []\n'
     'def count(timer):\n'
     '    calls.append(timer)\n'
     '    note(str(len(calls)))\n'
     '    if len(calls) == 3:\n'
     '        machine.reset()\n'
     'timer = machine.Timer(N, mode=machine.Timer.PERIODIC, period=20,\n'
     '                      callback=count)\n'),
    ('stopped', 'first watchdog again ',
     'timer = machine.Timer(N, mode=0, period=50, callback=end)\n'
     'timer.deinit()\n'
     'watch()\n'),
    ('failing', 'first 1 watchdog again ',
     'def fail(timer):\n'
     '    note("1")\n'
     '    raise ValueError\n'
     'timer = machine.Timer(N, mode=0, period=20, callback=fail)\n'
     'time.sleep_ms(50)\n'
     'watch()\n'),
    ('in a wait', 'first timer again ',
     'timer = machine.Timer(N, mode=0, period=50, callback=end)\n'
     'time.sleep(60)\n'),
    # (a computer that pauses for less than this does not let it starve)
    ('fed', 'first watchdog fed again ',
     'dog = watch(3000)\n'
     'for _ in range(32):\n'
     '    time.sleep_ms(100)\n'
     '    dog.feed()\n'
     'note("fed")\n'
     'machine.reset()\n'),
]


def notes(folder, kind, code):
    """Return what a program notes until it has been started again."""
    (folder / 'main.py').write_text(
        HANGING % (0 if kind == 'esp32' else -1, code))
    path = folder / 'notes'
    with simboard.Board(folder, kind=kind):
        servers.wait_until(
            lambda: path.exists() and path.read_text().endswith('again '),
            'the reset')
    return path.read_text()


@pytest.mark.parametrize('kind', ['pico-w', 'esp32'])
@pytest.mark.parametrize('row', TIMERS, ids=[row[0] for row in TIMERS])
def test_a_program_that_hangs_is_ended_by_a_timer(tmp_path, kind, row):
    assert notes(tmp_path, kind, row[2]) == row[1]


@pytest.mark.parametrize('kind, expected', [
    ('pico-w', 'first watchdog again '), ('esp32', 'first timer again ')])
def test_a_timer_that_nobody_keeps_is_collected(tmp_path, kind, expected):
    assert notes(tmp_path, kind, (
        'def begin():\n'
        '    machine.Timer(N, mode=0, period=100, callback=end)\n'
        'begin()\n'
        'kept = [bytes(number) for number in range(20)]\n'
        'gc.collect()\n' + ('watch()\n' if kind == 'pico-w' else '')
    )) == expected


@pytest.mark.parametrize('kind, code', [
    ('pico-w', 'machine.Timer(0)'), ('pico-w', 'machine.WDT(timeout=8389)'),
    ('esp32', 'machine.Timer(-1)'), ('esp32', 'machine.Timer(4)')])
def test_timers_have_the_bounds_of_the_port(tmp_path, kind, code):
    assert notes(tmp_path, kind, (
        'try:\n    %s\nexcept ValueError:\n    note("refused")\n'
        'machine.reset()\n' % code)) == 'first refused again '


def runs(folder):
    """Tell whether a process has a folder among its arguments."""
    for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
        with contextlib.suppress(OSError):
            if str(folder).encode() in path.read_bytes():
                return True
    return False


@pytest.mark.parametrize('number', [
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=str)
def test_a_signal_to_the_command_ends_the_board(number, tmp_path):
    command = [sys.executable, simboard.__file__, '--pty', str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as child:
        assert child.stdout.readline().startswith(b'/dev/')
        assert runs(tmp_path)
        child.send_signal(number)
        assert child.wait(timeout=20) == 0
        assert child.stderr.read() == b''
    servers.wait_until(lambda: not runs(tmp_path), 'the board to end')

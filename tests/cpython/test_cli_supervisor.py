"""``--reload`` and ``--workers``."""

import asyncio
import collections
import contextlib
import gc
import http.client
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import sys
import threading
import time
import types

import pytest

from command import HELLO, PATIENCE, Command, run, save
from microdot.cli import sharing, supervisor

pytestmark = pytest.mark.skipif(os.name != 'posix', reason='signals')


needs_prlimit = pytest.mark.skipif(
    not hasattr(resource, 'prlimit'), reason='only Linux has prlimit()')


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'app.py').write_text(HELLO)
    return tmp_path


def pid(command):
    status, text = command.get('/pid', Connection='close')
    assert status == 200
    return int(text)


def pids(command, count):
    """Ask until so many processes have answered; return their ids."""
    found = set()
    deadline = time.monotonic() + PATIENCE
    while len(found) < count:
        assert time.monotonic() < deadline
        found.add(pid(command))
        time.sleep(0.002)  # the others need a processor to start
    return found


#: Seconds within which a connection has to send its request to be promised an
#: answer. (a worker that ends waits for 0.2 s, and this process may be stopped
#: for longer between two calls)
PROMPT_S = 0.1


class Load:
    """Asks again and again, on a new connection each time, and keeps what
    went wrong."""

    def __init__(self, address):
        self.address = address
        self.errors = []
        self.answers = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *args):
        self.ended.set()
        self.thread.join(PATIENCE)

    def ask(self):
        while not self.ended.is_set():
            connected = sent = 0
            try:
                with socket.create_connection(
                        self.address, timeout=PATIENCE) as sock:
                    connected = time.monotonic()
                    sock.sendall(b'GET / HTTP/1.1\r\nHost: a\r\n'
                                 b'Connection: close\r\n\r\n')
                    sent = time.monotonic()
                    answer = b''.join(iter(lambda: sock.recv(65536), b''))
            except OSError as exc:
                if connected and not sent:
                    sent = time.monotonic()
                answer = exc
            if isinstance(answer, bytes) and \
                    answer.startswith(b'HTTP/1.1 200'):
                self.answers += 1
            elif sent - connected < PROMPT_S:
                self.errors.append(answer)


# --- Reload

def test_save_is_served_without_a_refused_request(folder):
    with Command('run', '--port', 0, '--reload', cwd=folder) as command:
        assert command.get() == (200, 'hello')
        with Load(command.address()) as load:
            save(folder / 'app.py', HELLO.replace("'hello'", "'changed'"))
            began = time.monotonic()
            while command.get() != (200, 'changed'):
                assert time.monotonic() < began + PATIENCE
            answers = load.answers
            while load.answers < answers + 5:
                command.take()
                assert not load.errors
        assert load.errors == []
        command.wait_for('app.py saved, starting again')
        assert command.stop() == 0


@pytest.mark.parametrize('name', ['more.py', 'templates/page.txt', '.env',
                                  'page.html'])
def test_save_of_what_matters_starts_again(folder, name):
    (folder / 'templates').mkdir()
    (folder / name).write_text('')
    with Command('run', '--port', 0, '--reload', cwd=folder) as command:
        first = pid(command)
        (folder / name).write_text('# changed')
        command.wait_for('saved, starting again')
        deadline = time.monotonic() + PATIENCE
        while pid(command) == first:
            assert time.monotonic() < deadline


@pytest.mark.parametrize('text, said', [
    ('def f(:\n', 'SyntaxError'),
    ('import no_such_module\n', 'no_such_module is not installed'),
    ('from os import nothing_there\n', 'ImportError'),
    ('x = 1\n', 'app.py has no application'),
    (HELLO + '\n@app.on_startup\ndef f():\n    1 / 0\n',
     'ZeroDivisionError'),
    ('import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n', 'SIGKILL'),
])
def test_mistake_is_shown_and_the_next_save_goes_on(folder, text, said):
    save(folder / 'app.py', text)
    with Command('run', '--port', 0, '--reload', cwd=folder) as command:
        command.wait_for('Waiting for the next save')
        assert command.output.count(said) == 1
        assert 'Traceback' not in command.output
        save(folder / 'app.py', HELLO)
        assert command.get() == (200, 'hello')
        before = len(command.output)
        save(folder / 'app.py', text)
        command.wait_for('Waiting for the next save', before)
        assert command.stop() == 0


def test_port_in_use_is_waited_for(folder):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        command = Command('run', '--port', port, '--reload', cwd=folder)
        try:
            command.wait_for('another program does')
            command.wait_for('Trying again each second, and at the next save')
        except BaseException:
            command.__exit__()
            raise
    with command:
        save(folder / 'app.py', HELLO)
        assert command.get() == (200, 'hello')


def test_what_is_inherited_and_wrong_is_not_waited_for(folder):
    status, output = run('run', '--fd', 99, '--reload', cwd=folder)
    assert status == 1
    assert 'not a socket that is open' in output
    assert 'save' not in output


def test_control_c_in_a_terminal_ends_all_with_status_0(folder):
    for words in ('--reload',), ('--workers', 2):
        with Command('run', '--port', 0, *words, cwd=folder,
                     terminal=True) as command:
            found = pids(command, 1)
            command.press('\x03')
            assert command.wait() == 0
            assert 'Traceback' not in command.output
            assert not alive(found)


# --- Workers

def alive(found):
    living = set()
    for number in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, 0)
            if not is_zombie(number):
                living.add(number)
    return living


def is_zombie(number):
    """Tell whether a process has ended, and nobody has asked how: in a
    container there may be nobody who does when its parent is no more."""
    try:
        stat = pathlib.Path('/proc/%d/stat' % number).read_text()
    except OSError:
        return False
    return stat.rpartition(') ')[2][0] in 'ZX'


def until_gone(number):
    deadline = time.monotonic() + PATIENCE
    while alive([number]):
        assert time.monotonic() < deadline


def test_workers_answer_on_one_port(folder):
    with Command('run', '--port', 0, '--workers', 2, cwd=folder) as command:
        found = pids(command, 2)
        assert command.process.pid not in found
        assert command.stop() == 0
        assert 'Traceback' not in command.output
    assert not alive(found)


def test_dead_worker_is_replaced(folder):
    with Command('run', '--port', 0, '--workers', 2, cwd=folder) as command:
        first, second = pids(command, 2)
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while pid(command) in (first, second):
            assert time.monotonic() < deadline
        command.wait_for('ended by SIGKILL; another takes its place')


#: Starts the words that follow with a pipe as stderr that nobody reads.
NO_READER = """\
import os, sys
reader, writer = os.pipe()
os.dup2(writer, 2)
os.close(reader)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize('before', [
    (sys.executable, '-c', NO_READER),
    ('sh', '-c', 'exec "$@" 2>/dev/full', 'sh'),
    ('sh', '-c', 'exec "$@" <&- 2>&-', 'sh')], ids=('gone', 'full', 'none'))
def test_workers_are_replaced_where_nobody_can_be_told(folder, before):
    with socket.create_server(('127.0.0.1', 0)) as sock:
        fd = sock.fileno()
        with Command('run', '--fd', fd, '--workers', 2, cwd=folder,
                     pass_fds=[fd], before=before) as command:
            command.address = sock.getsockname
            first = pids(command, 2)
            os.kill(min(first), signal.SIGKILL)
            until_gone(min(first))
            assert pids(command, 2) - first
            command.process.send_signal(signal.SIGHUP)
            for number in first:
                until_gone(number)
            assert pids(command, 2).isdisjoint(first)
            command.stop()
            assert command.output == ''


#: Does not come to serve while there is a file "wait".
HANGING = HELLO + """

@app.on_startup
async def wait():
    import asyncio
    while os.path.exists('wait'):
        open('hangs', 'w').close()
        await asyncio.sleep(0.01)
"""


def test_a_second_sighup_begins_anew_where_the_first_hangs(folder):
    save(folder / 'app.py', HANGING)
    with Command('run', '--port', 0, '--workers', 2, cwd=folder) as command:
        first = pids(command, 2)
        (folder / 'wait').touch()
        command.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + PATIENCE
        while not (folder / 'hangs').exists():
            assert time.monotonic() < deadline
        save(folder / 'app.py', HELLO)
        command.process.send_signal(signal.SIGHUP)
        command.wait_for('all workers have been restarted')
        for number in first:
            until_gone(number)
        assert len(pids(command, 2) - first) == 2


REFUSED = 'cannot start a process: Too many open files'


@contextlib.contextmanager
def no_more_files(process):
    """Have the system refuse a process any further file."""
    limit = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, limit[1]))
    try:
        yield
    finally:
        if process.poll() is None:
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, limit)


@needs_prlimit
def test_workers_go_on_where_no_process_can_be_started(folder):
    with Command('run', '--port', 0, '--workers', 2, cwd=folder) as command:
        first = pids(command, 2)
        with no_more_files(command.process):
            command.process.send_signal(signal.SIGHUP)
            command.wait_for(REFUSED)
            command.wait_for('the workers go on as they were')
            assert pids(command, 2) == first
        command.process.send_signal(signal.SIGHUP)
        command.wait_for('all workers have been restarted')
        assert command.stop() == 0


def test_workers_go_on_when_their_folder_has_been_removed(folder):
    with Command('run', '--port', 0, '--workers', 2, cwd=folder) as command:
        first = pids(command, 2)
        shutil.rmtree(folder)
        command.process.send_signal(signal.SIGHUP)
        command.wait_for('microdot: the current folder: No such file')
        command.wait_for('the workers go on as they were')
        assert pids(command, 2) == first
        assert 'Traceback' not in command.output


@needs_prlimit
def test_dead_worker_is_replaced_when_a_process_can_be_started(folder):
    with Command('run', '--port', 0, '--workers', 2, cwd=folder) as command:
        first = pids(command, 2)
        with no_more_files(command.process):
            os.kill(min(first), signal.SIGKILL)
            command.wait_for(REFUSED + '; trying again each second')
            assert pids(command, 1) == {max(first)}
        assert len(pids(command, 2) - first) == 1
        assert command.stop() == 0
        assert command.output.count(REFUSED) == 1


@needs_prlimit
def test_where_none_lives_and_none_can_be_started_it_ends(folder):
    with Command('run', '--port', 0, '--workers', 2, cwd=folder) as command:
        first = pids(command, 2)
        with no_more_files(command.process):
            for number in first:
                os.kill(number, signal.SIGKILL)
            assert command.wait() == 1
        assert '3 deaths at the start' in command.output
        assert 'Traceback' not in command.output


@pytest.mark.skipif(not sharing.AVAILABLE, reason='no file for each worker')
def test_more_workers_than_files_are_refused_in_a_line(folder):
    status, output = run('run', '--port', 0, '--workers', 50, cwd=folder,
                         before=('sh', '-c', 'ulimit -n 60; exec "$@"', 'sh'))
    assert status == 1
    assert output == 'microdot: --workers 50: Too many open files\n'


def test_what_has_to_be_killed_is_told(folder):
    save(folder / 'app.py', HELLO + """

@app.get('/stuck')
async def stuck(request):
    import time
    open('stuck', 'w').close()
    time.sleep(1000)

app.shutdown_timeout = 0
""")
    with Command('run', '--port', 0, '--workers', 2, cwd=folder) as command:
        with socket.create_connection(command.address()) as sock:
            sock.sendall(b'GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n')
            deadline = time.monotonic() + PATIENCE
            while not (folder / 'stuck').exists():
                assert time.monotonic() < deadline
            assert command.stop() == 0
        assert 'has not ended in time, and is killed' in command.output


@pytest.mark.parametrize('lived, wait', [
    (1000, 0), (supervisor.LIVED_S, 0), (0.25, supervisor.LIVED_S - 0.25)])
def test_place_of_a_dead_worker_is_taken_at_once(monkeypatch, lived, wait):
    # (but not all the time, where none lives for long)
    now = 2000.0
    monkeypatch.setattr(supervisor, 'time', types.SimpleNamespace(
        monotonic=lambda: now, time_ns=time.time_ns))
    process = types.SimpleNamespace(pid=5, returncode=-signal.SIGKILL)
    child = supervisor.Child(process, None, 0, None)
    child.ready = True
    child.began = now - lived
    place = supervisor.Place(1)
    place.start_at = None
    said = []
    kept = types.SimpleNamespace(
        settings=types.SimpleNamespace(reload=False), say=said.append)
    supervisor.Supervisor.child_died(kept, place, child)
    assert place.start_at == now + wait
    assert said == ['worker 1: process 5 was ended by SIGKILL; another takes '
                    'its place']


def test_three_deaths_at_the_start_end_it(folder):
    save(folder / 'app.py', 'import no_such_module\n')
    status, output = run('run', '--port', 0, '--workers', 2, cwd=folder)
    assert status == 1
    assert output.count('No module named') == 1
    assert '3 deaths at the start' in output


def test_workers_restart_one_by_one_on_sighup(folder):
    with Command('run', '--port', 0, '--workers', 2, cwd=folder) as command:
        before = pids(command, 2)
        with Load(command.address()) as load:
            save(folder / 'app.py', HELLO.replace("'hello'", "'changed'"))
            command.process.send_signal(signal.SIGHUP)
            command.wait_for('all workers have been restarted')
            answers = load.answers
            while load.answers < answers + 5:
                command.take()
                assert not load.errors
        assert load.errors == []
        for number in before:
            until_gone(number)
        assert not pids(command, 2) & before
        assert command.get() == (200, 'changed')


def test_workers_go_on_when_what_was_saved_does_not_start(folder):
    with Command('run', '--port', 0, '--workers', 2, cwd=folder) as command:
        before = pids(command, 2)
        save(folder / 'app.py', 'def f(:\n')
        command.process.send_signal(signal.SIGHUP)
        command.wait_for('SyntaxError')
        command.wait_for('the workers go on as they were')
        assert pids(command, 2) == before


def test_request_under_way_is_finished(folder):
    save(folder / 'app.py', HELLO + """
import asyncio

@app.get('/slow')
async def slow(request):
    print('begun', flush=True)
    await asyncio.sleep(0.5)
    return 'finished'
""")
    with Command('run', '--port', 0, '--workers', 2, cwd=folder) as command:
        pids(command, 2)
        with socket.create_connection(command.address()) as sock:
            sock.sendall(b'GET /slow HTTP/1.0\r\n\r\n')
            command.wait_for('begun')
            command.process.send_signal(signal.SIGTERM)
            answer = b''.join(iter(lambda: sock.recv(65536), b''))
        assert answer.endswith(b'finished')
        assert command.wait() == 0


UNTIL_GO = HELLO + """
import asyncio

@app.get('/until-go')
async def until_go(request):
    print('begun', flush=True)
    while not os.path.exists('go'):
        await asyncio.sleep(0.01)
    return 'finished'

app.shutdown_timeout = 60
"""


@pytest.mark.parametrize('where', ('--port', '--uds'))
def test_who_comes_while_workers_end_does_not_wait_for_them(
        folder, monkeypatch, where):
    monkeypatch.chdir(folder)  # (a path of a socket is short)
    save(folder / 'app.py', UNTIL_GO)
    with Command('run', where, 'sock' if where == '--uds' else 0,
                 '--workers', 2, cwd=folder) as command:
        if where == '--uds':
            command.wait_for('Ctrl-C')
            family, address = socket.AF_UNIX, 'sock'
        else:
            family, address = socket.AF_INET, command.address()
        with socket.socket(family) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(address)
            sock.sendall(b'GET /until-go HTTP/1.0\r\n\r\n')
            command.wait_for('begun')
            command.process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + PATIENCE
            with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
                while time.monotonic() < deadline:
                    with socket.socket(family) as late:
                        late.settimeout(PATIENCE)
                        # (there may be no room for more, and who is there
                        # when the last worker looks away is cut)
                        with contextlib.suppress(
                                BlockingIOError, ConnectionResetError):
                            late.connect(address)
            # (what was under way has not been cut)
            (folder / 'go').touch()
            answer = b''.join(iter(lambda: sock.recv(65536), b''))
        assert answer.endswith(b'finished')
        assert command.wait() == 0


def test_workers_end_when_their_supervisor_is_killed(folder):
    with Command('run', '--port', 0, '--workers', 2, cwd=folder) as command:
        found = pids(command, 2)
        command.process.kill()
        for number in found:
            until_gone(number)


@pytest.mark.parametrize('words', [('--reload',), ('--workers', 2)])
def test_control_c_while_the_program_is_imported_ends_it(folder, words):
    # What is raised in such a callback would be printed, and be no more.
    save(folder / 'app.py', HELLO + """
import time
import weakref


def gone(reference):
    print('begun', flush=True)
    time.sleep(60)


class Thing:
    pass


thing = Thing()
reference = weakref.ref(thing, gone)
del thing
""")
    with Command('run', '--port', 0, *words, cwd=folder,
                 terminal=True) as command:
        command.wait_for('begun')
        command.press('\x03')
        assert command.wait() == 0
        assert 'Traceback' not in command.output


def test_link_is_shown_once(folder):
    with Command('run', '--port', 0, '--workers', 2, cwd=folder) as command:
        pids(command, 2)
        assert len(re.findall('http://', command.output)) == 1
        assert '2 workers' in command.output


# --- Shares

def shares(command, count, keep):
    """Open so many connections, one after the other, ask on each, and return
    how many each process has answered, the least first."""
    kept = []
    counts = collections.Counter()
    for _ in range(count):
        connection = http.client.HTTPConnection(*command.address(),
                                                timeout=PATIENCE)
        connection.request('GET', '/pid')
        counts[connection.getresponse().read()] += 1
        if keep:
            kept.append(connection)
        else:
            connection.close()
    for connection in kept:
        connection.close()
    return sorted(counts.values())


@pytest.mark.skipif(not sharing.AVAILABLE, reason='no epoll')
@pytest.mark.parametrize('count, keep', [(10, True), (100, True),
                                         (100, False)])
def test_connections_are_shared_fairly(folder, count, keep):
    # Who does not keep up is not waited for: a busy machine may stop either
    # worker for a while, but not each time.
    found = []
    for _ in range(6):
        with Command('run', '--port', 0, '--workers', 2,
                     cwd=folder) as command:
            pids(command, 2)
            found.append(shares(command, count, keep))
        if len(found[-1]) == 2 and found[-1][0] >= count * 0.35:
            return
    raise AssertionError(found)


class Pair:
    """The shares of two workers, in one process."""

    def __init__(self):
        self.opened = [0, 0]
        board = sharing.Board.create(2)
        self.shares = [sharing.Share(board, row, lambda row=row:
                                     self.opened[row]) for row in range(2)]

    def takes(self, row, most, keep=False):
        """Have a worker take connections for as long as it may, which are
        closed at once or kept; return how many."""
        share = self.shares[row]
        for count in range(most):
            if share.credit <= 0 and share.leaves_it():
                return count
            self.opened[row] += keep
            share.took_one()
        return most


def with_pair(function):
    async def main():
        pair = Pair()
        gc.disable()  # (what it takes would count as work for connections)
        try:
            function(pair)
        finally:
            gc.enable()
        for share in pair.shares:
            share.end()
        board = pair.shares[0].board
        board.memory.close()
        for fd in board.fds:
            os.close(fd)

    @pytest.mark.skipif(not sharing.AVAILABLE, reason='no epoll')
    def test():
        asyncio.run(main())

    return test


@with_pair
def test_a_run_of_connections_is_taken_by_one_worker(pair):
    most = sharing.ACCEPTED_AHEAD
    assert [pair.takes(row, 1000) for row in (0, 1, 0, 1)] == [
        most, 2 * most, 2 * most, 2 * most]


@with_pair
def test_who_is_not_at_it_looks_away(pair):
    assert pair.takes(0, 3) == 3
    assert pair.takes(1, 1000) == 0
    assert pair.takes(0, 1000) == sharing.ACCEPTED_AHEAD - 3


@with_pair
def test_what_stays_open_is_shared_one_by_one(pair):
    for row in 0, 1, 0, 1:
        pair.takes(row, 1000, True)
    assert pair.opened == [3, 4]


def measured(pair, row, seconds=0, still_open=0):
    """Have a worker measure what it has taken."""
    share = pair.shares[row]
    share.measured = (time.process_time() - seconds,
                      share.accepted - sharing.MEASURED, 0)
    pair.opened[row] = still_open
    share.measure()
    pair.opened[row] = 0
    return share.ahead


@with_pair
def test_runs_are_long_where_many_come_and_are_soon_closed(pair):
    few = sharing.ACCEPTED_AHEAD
    # (as many came to the other)
    assert [measured(pair, 0) for _ in range(5)] == [8, 16, 24, 32, 32]
    assert measured(pair, 0, still_open=sharing.MEASURED) == few
    assert measured(pair, 0) == sharing.MOST_AHEAD
    assert measured(pair, 0, seconds=1) == few
    pair.shares[0].times = type(pair.shares[0].times)(
        each - 1 for each in pair.shares[0].times)
    assert measured(pair, 0) == few


@with_pair
def test_a_long_run_is_made_up_for(pair):
    for row in 0, 1:
        for _ in range(5):
            measured(pair, row)
    most = sharing.MOST_AHEAD
    assert [pair.takes(row, 1000) for row in (0, 1, 0, 1)] == [
        most, 2 * most, 2 * most, 2 * most]


@with_pair
def test_how_far_ahead_depends_on_what_is_soon_closed(pair):
    share = pair.shares[0]
    assert share.open_ahead == 1
    for still_open, seconds, ahead in (
            (0, 0, sharing.SHORT_AHEAD), (sharing.MEASURED, 0, 1),
            (0, 0, sharing.SHORT_AHEAD), (0, 1, 1)):
        share.measured = (time.process_time() - seconds,
                          share.accepted - sharing.MEASURED, 0)
        pair.opened[0] = still_open
        share.measure()
        assert share.open_ahead == ahead


@with_pair
def test_nobody_looks_away_from_a_run_of_what_takes_time(pair):
    measured(pair, 1, sharing.CHEAP_S * 1.1 * sharing.MEASURED)
    # (what it keeps open is shared one by one)
    assert pair.shares[1].open_ahead == 1
    assert pair.takes(0, 3) == 3
    assert pair.takes(1, 3) == 3


@with_pair
def test_who_looks_away_looks_again_when_what_it_took_may_be_done(pair):
    share = pair.shares[0]
    for cost, away in ((sharing.CHEAP_S / 2, sharing.AWAY_S),
                       (sharing.CHEAP_S * 1.1, sharing.LEAST_AWAY_S),
                       (0.01, 0.02), (1, sharing.AWAY_S)):
        measured(pair, 0, cost * sharing.MEASURED)
        assert away <= share.away_s <= away * 1.2, cost


@pytest.mark.skipif(not sharing.AVAILABLE, reason='no epoll')
def test_worker_that_is_busy_is_not_waited_for(folder):
    save(folder / 'app.py', HELLO + """
import time

@app.get('/block')
async def block(request):
    print('blocked', flush=True)
    while not os.path.exists('released'):
        time.sleep(0.01)
    return str(os.getpid())
""")
    with Command('run', '--port', 0, '--workers', 2, cwd=folder) as command:
        pids(command, 2)
        with socket.create_connection(command.address()) as sock:
            sock.sendall(b'GET /block HTTP/1.0\r\n\r\n')
            command.wait_for('blocked')
            found = [pid(command) for _ in range(30)]
            save(folder / 'released', '')
            assert sock.recv(100)
            assert len(set(found[-10:])) == 1


KEPT = """
from microdot.login import Login
from microdot.metrics import Metrics
from microdot.pubsub import Hub
from microdot.ratelimit import RateLimit, limit
from microdot.schedule import every
%s
"""


def warnings_of(folder, program):
    """Return what the command says of each worker when it starts."""
    save(folder / 'app.py', HELLO + KEPT % program)
    with Command('run', '--port', 0, '--workers', 2, cwd=folder) as command:
        pids(command, 2)
        command.stop()
        return re.findall('each worker has its own: (.*)', command.output)


@pytest.mark.parametrize('program, said', [
    ('', []),
    ('hub = Hub()', []),
    ('RateLimit(app, "9999/minute")', ['rate limits']),
    ('index = limit("9999/minute")(index)', ['rate limits']),
    ('Metrics(app)', ['metrics']),
    ('every(app, 60)(print)', ['scheduled functions']),
    ('login = Login()', ['counts of failed logins']),
    ('login = Login()\nMetrics(app)\nevery(app, 60)(print)\n'
     'RateLimit(app, "9999/second")',
     ['rate limits, counts of failed logins, metrics, scheduled functions']),
])
def test_what_workers_do_not_share_is_named_once(folder, program, said):
    assert warnings_of(folder, program) == said


def test_stores_in_memory_are_named(folder):
    pytest.importorskip('microdot.stores')
    assert warnings_of(
        folder, 'from microdot.stores import FolderStore, MemoryStore\n'
        'store = MemoryStore()') == ['sessions (MemoryStore)']
    assert warnings_of(
        folder, 'from microdot.stores import FolderStore, MemoryStore\n'
        'store = FolderStore("sessions")') == []


def test_what_redis_shares_is_not_named(folder):
    pytest.importorskip('redis')
    assert warnings_of(folder, """
from microdot.pubsub import RedisHub
hub = RedisHub('redis://localhost:1')
RateLimit(app, '9999/second', redis='redis://localhost:1')
""") == []

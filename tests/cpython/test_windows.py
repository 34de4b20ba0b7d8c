"""What is another way on Windows, as far as it can be played here: its event
loop tells of no sockets and takes no signals, and its sockets have another
option for a port of one's own. Paths are in ``test_static_files.py``."""
import asyncio
import http.client
import os
import re
import signal
import socket
import sys
import threading

import pytest

from command import HELLO, Command, save
from helpers import run
from microdot import Microdot
from microdot._cpython import serving
from microdot.cli import CommandError, options, sockets
from servers import free_port, wait_until
from serving import Server


@pytest.fixture
def proactor(monkeypatch):
    """Loops that have as much as Windows' proactor; what they were asked."""
    asked = []

    def without(name):
        def refuse(self, *args):
            asked.append(name)
            raise NotImplementedError
        return refuse

    # (the loop here calls its own remove_reader() and remove_writer())
    for name in ('add_reader', 'add_writer', 'add_signal_handler',
                 'remove_signal_handler'):
        monkeypatch.setattr(asyncio.SelectorEventLoop, name, without(name))
    monkeypatch.setitem(sys.modules, 'uvloop', None)
    return asked


@pytest.fixture
def windows(monkeypatch):
    """The option and the name of the system; the option does no harm here."""
    class System:
        name = 'nt'

        def __getattr__(self, name):
            return getattr(os, name)

    monkeypatch.setattr(serving, 'os', System())
    monkeypatch.setattr(socket, 'SO_EXCLUSIVEADDRUSE', socket.SO_KEEPALIVE,
                        raising=False)


def make_app():
    app = Microdot()
    app.ended = []

    @app.get('/')
    async def index(request):
        return 'hello'

    @app.on_shutdown
    async def end():
        app.ended.append(True)

    return app


def test_it_serves_where_the_loop_tells_of_no_sockets(proactor):
    async def main():
        async with Server(make_app()) as server:
            for _ in range(3):
                assert (await server.ask()).body == b'hello'
    run(main())
    assert 'add_reader' in proactor


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_where_the_loop_takes_none(proactor, number):
    app = make_app()

    @app.on_startup
    async def interrupt():
        asyncio.get_running_loop().call_soon(signal.raise_signal, number)

    previous = signal.getsignal(number)
    app.run('127.0.0.1', 0)
    assert app.ended == [True]
    assert 'add_signal_handler' in proactor
    assert signal.getsignal(number) is previous


def test_it_runs_in_another_thread_where_no_signals_are_taken(proactor):
    app = make_app()
    app.on_startup(app.shutdown)
    thread = threading.Thread(target=app.run, args=('127.0.0.1', 0))
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert app.ended == [True]


def options_of(sock):
    return [bool(sock.getsockopt(socket.SOL_SOCKET, option)) for option in (
        socket.SO_REUSEADDR, socket.SO_KEEPALIVE)]


def test_no_other_server_shares_its_port(windows):
    found = []

    async def main():
        async with Server(make_app()) as server:
            found.extend(map(options_of, server.app.servers[0].sockets))
            assert (await server.ask()).body == b'hello'
    run(main())
    assert found == [[False, True]]


def test_no_other_server_shares_the_port_of_the_command(windows):
    for sock in sockets.open_port('127.0.0.1', 0):
        assert options_of(sock) == [False, True]
        sock.close()


def test_elsewhere_a_port_is_taken_over_from_one_that_has_ended():
    for sock in sockets.open_port('127.0.0.1', 0):
        assert options_of(sock) == [True, False]
        sock.close()


# --- The command: a process that finds neither the sockets of another nor a
# --- line to it

COMMAND = """
import asyncio
import sys
from microdot.cli import main, supervisor

def refuse(self, *args):
    raise NotImplementedError

for name in ('add_reader', 'add_writer', 'add_signal_handler',
             'remove_signal_handler'):
    setattr(asyncio.SelectorEventLoop, name, refuse)
sys.modules['uvloop'] = None
supervisor.POSIX = False
if __name__ == '__main__':
    # (what follows is: Python, -m, microdot, and what was typed)
    sys.exit(main(sys.argv[4:]))
"""


@pytest.mark.skipif(os.name != 'posix', reason='plays Windows')
def test_reload_opens_the_port_anew(tmp_path):
    (tmp_path / 'windows.py').write_text(COMMAND)
    app = tmp_path / 'app.py'
    app.write_text(HELLO)
    # (each process opens the port anew: it is none that others may be given)
    with Command('run', '--port', free_port(), '--reload', cwd=tmp_path,
                 before=(sys.executable, 'windows.py')) as command:
        wait_until(lambda: answer(command) == (200, 'hello'), 'the start')
        save(app, HELLO.replace("'hello'", "'changed'"))
        wait_until(lambda: answer(command) == (200, 'changed'), 'the save')
        save(app, 'def f(:\n')
        command.wait_for('Waiting for the next save')
        assert '> 1 | def f(:' in command.output
        save(app, HELLO)
        wait_until(lambda: answer(command) == (200, 'hello'), 'the last save')
        assert len(re.findall('http://', command.output)) == 1
        assert command.stop(signal.SIGINT) == 0


def answer(command):
    """Return an answer; ``None`` while nobody listens."""
    try:
        return command.get()
    except (OSError, http.client.HTTPException):
        return None


@pytest.mark.parametrize('option, value', [
    ('workers', 2), ('uds', 'sock'), ('fd', 3)])
def test_what_the_system_lacks_is_said_in_a_line(monkeypatch, option, value):
    class System:
        name = 'nt'

        def __getattr__(self, name):
            return getattr(os, name)

    monkeypatch.setattr(options, 'os', System())
    with pytest.raises(CommandError) as caught:
        options.gather(['--' + option, str(value)], {}, pytest.fail)
    assert caught.value.text == 'Windows has no --' + option
    assert options.gather(['--workers', '1'], {}, pytest.fail).workers == 1

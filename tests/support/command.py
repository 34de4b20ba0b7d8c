"""Run the ``microdot`` command as somebody would: in a terminal or a pipe."""

import contextlib
import http.client
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import time

try:
    import fcntl
    import pty
    import termios
except ImportError:  # Windows
    pty = None

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
#: Seconds for anything to happen.
PATIENCE = 30

HELLO = """\
import os
from microdot import Microdot

app = Microdot()


@app.get('/')
async def index(request):
    return 'hello'


@app.get('/pid')
async def pid(request):
    return str(os.getpid())
"""


def environment(**more):
    """Return an environment for the command: this checkout, and none of our
    own settings."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(('MICRODOT_', 'LISTEN_'))
            and name not in ('NO_COLOR', 'FORCE_COLOR')}
    return {**kept, 'PYTHONPATH': str(TOP / 'src'), 'TERM': 'xterm',
            'PYTHONDONTWRITEBYTECODE': '1', **more}


class Command:
    """The command while it runs.

    :param words: what follows ``microdot``.
    :param cwd: the folder in which it is typed.
    :param terminal: whether its output is a pseudo-terminal; a pipe if not.
    :param pass_fds: files that it inherits.
    """

    def __init__(self, *words, cwd, terminal=False, env=None, pass_fds=(),
                 before=()):
        self.output = ''
        self._data = b''
        arguments = {}
        if terminal:
            self.reader, writer = pty.openpty()

            def control():
                os.setsid()
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)

            arguments['preexec_fn'] = control
        else:
            self.reader, writer = os.pipe()
        self.process = subprocess.Popen(
            [*before, sys.executable, '-m', 'microdot', *map(str, words)],
            cwd=cwd, env=environment(**env or {}),
            stdin=writer if terminal else subprocess.DEVNULL,
            stdout=writer, stderr=writer, pass_fds=pass_fds, **arguments)
        os.close(writer)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.wait()  # (with a pipe that is full it could not end)
            except (AssertionError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()
                raise
        os.close(self.reader)

    def read(self, deadline):
        """Add what has been written to ``output``; return whether there may
        be more."""
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.reader], [], [], left)[0]:
            raise AssertionError('no more within the time; so far:\n'
                                 + self.output)
        try:
            data = os.read(self.reader, 65536)
        except OSError:  # a terminal whose other end is closed
            data = b''
        # (all of it: a character, or the end of a line, may come in parts)
        self._data += data
        self.output = self._data.decode(errors='replace').replace(
            '\r\n', '\n')
        return bool(data)

    def take(self):
        """Add what has been written so far: a pipe that nobody reads gets
        full, and the command would wait for ever with its next line."""
        while select.select([self.reader], [], [], 0)[0] and \
                self.read(time.monotonic() + PATIENCE):
            pass

    def wait_for(self, pattern, start=0):
        """Wait until the output matches an expression from *start* on;
        return the match."""
        deadline = time.monotonic() + PATIENCE
        while True:
            match = re.compile(pattern).search(self.output, start)
            if match:
                return match
            if not self.read(deadline):
                raise AssertionError('ended (%s) without %r:\n%s' % (
                    self.process.wait(), pattern, self.output))

    def wait(self):
        """Wait for its end; return the exit status."""
        deadline = time.monotonic() + PATIENCE
        while self.read(deadline):
            pass
        return self.process.wait(PATIENCE)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.wait()

    def press(self, key):
        """Type into its terminal."""
        os.write(self.reader, key.encode())

    def address(self):
        """Wait for its link; return host and port."""
        self.take()
        match = self.wait_for(r'https?://([\d.]+):(\d+)/')
        self.wait_for('Ctrl-C')
        return match[1], int(match[2])

    def get(self, path='/', **headers):
        """Return status and text of an answer."""
        with contextlib.closing(http.client.HTTPConnection(
                *self.address(), timeout=PATIENCE)) as connection:
            connection.request('GET', path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()


def run(*words, cwd, **arguments):
    """Run the command to its end; return exit status and output."""
    with Command(*words, cwd=cwd, **arguments) as command:
        return command.wait(), command.output


def save(path, text):
    """Save as editors do: nobody finds half of it."""
    part = path.with_name('.part')
    part.write_text(text)
    part.replace(path)

"""See that the server lives with what the firmware of boards is like.

``python3 tools/boards/firmware.py`` serves an application on the simulated
Pico W and the simulated ESP32 of ``tools/boards/simboard.py``, with the heap,
the connections and the timer of their firmware, and prints for each trial what
came of it. Names of trials choose some; ``--requests`` is for ``mixed``. The
exit status is 1 if one has failed.

Stalls are counted, and a trial fails by these: a computer under load has its
own pauses. The longest of nine answers in a row is printed beside, and its
part of a stall.
"""

import argparse
import concurrent.futures
import contextlib
import json
import pathlib
import random
import socket
import sys
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / 'tests' / 'support'), str(TOP / 'tools')]

import creep  # noqa: E402
import servers  # noqa: E402
import simboard  # noqa: E402
import size  # noqa: E402

APP = """\
import asyncio
from microdot import Microdot
from microdot.sse import with_sse

app = Microdot()


@app.get('/')
async def index(request):
    return '<!doctype html>' + 'page ' * 300


@app.get('/asset/<int:number>')
async def asset(request, number):
    await asyncio.sleep(0.005)
    return b'a' * 3000


@app.get('/events')
@with_sse
async def events(request, sse):
    while True:
        await sse.send({'value': 1})
        await asyncio.sleep(0.2)
"""
#: Added to each application.
MORE = """

@app.get('/counts')
async def counts(request):
    import simulated
    return simulated.counts


@app.get('/piece/<int:length>')
async def piece(request, length):
    # in one piece
    return str(len(bytearray(length)))
"""
PATIENCE_S = 20
#: How long lwIP keeps what has come before it is accepted.
STALL_MS = 250


class Wrong(Exception):
    """A trial has failed; the text is one line."""


def need(condition, text):
    """Fail with a text unless a condition is true."""
    if not condition:
        raise Wrong(text)


class Served:
    """An application on a simulated board. Like a ``servers.Child``."""

    def __init__(self, port, board):
        self.port = port
        self.board = board
        # who came while it was starting does not count
        self._before = {}
        self._before = self.counts()

    def connect(self, timeout=PATIENCE_S):
        """Return a connected socket."""
        return socket.create_connection(('127.0.0.1', self.port), timeout)

    def get(self, path):
        """Return the body of a response, on a connection of its own."""
        with Page(self) as page:
            return page.get(path, b'Connection: close\r\n')[1]

    def counts(self):
        """Return what the board has counted since it serves, as a dict."""
        found = json.loads(self.get('/counts'))
        return {name: found[name] - self._before.get(name, 0)
                for name in found}


class Page:
    """A client that keeps its connection, as browsers do."""

    def __init__(self, served):
        #: Whether the board has closed it, and so has the client.
        self.is_over = False
        self.sock = served.connect()
        self.file = self.sock.makefile('rb')

    def send(self, path, headers=b''):
        self.sock.sendall(creep.get(path, headers))

    def head(self):
        """Return the status of a response, and its length."""
        line = self.file.readline()
        need(line, 'the board has closed the connection')
        length = 0
        while True:
            header = self.file.readline().lower()
            if header in (b'\r\n', b''):
                return int(line.split()[1]), length
            if header.startswith(b'content-length:'):
                length = int(header.split()[1])

    def get(self, path, headers=b''):
        """Return the status and the body of a response."""
        self.send(path, headers)
        status, length = self.head()
        return status, self.file.read(length)

    def linger(self):
        """Keep the connection until the board closes it, and then close it
        too, as browsers do: on lwIP it counts until then."""
        threading.Thread(target=self._linger, daemon=True).start()

    def _linger(self):
        with contextlib.suppress(OSError):
            while self.sock.recv(4096):
                pass
        self.__exit__()
        self.is_over = True

    def reset(self):
        """Leave as a browser does in the middle of a page."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             b'\1\0\0\0\0\0\0\0')
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        # (what another thread reads from cannot be closed)
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


def lay_out(flash, source, modules, main):
    """Put an application on a flash, the core, and modules beside it.

    :param source: the text of the module ``program``, which is compiled.
    :param main: that of ``main.py``.
    """
    servers.compile_modules(flash / 'lib')
    for name in modules:
        servers.compile_module(
            size.PACKAGE / (name + '.py'),
            flash / 'lib' / 'microdot' / (name + '.mpy'))
    program = flash / 'program.py'
    program.write_text(source)
    servers.compile_module(program, flash / 'program.mpy')
    program.unlink()
    (flash / 'main.py').write_text(main)


@contextlib.contextmanager
def serve(kind, source, modules=('helpers', 'sse', 'background')):
    """Serve an application on a simulated board.

    :param source: its text, which defines ``app``.
    :param modules: names of those of the framework that it loads.
    :return: a :class:`Served`.
    """
    port = servers.free_port()
    with tempfile.TemporaryDirectory() as folder:
        flash = pathlib.Path(folder)
        lay_out(flash, source + MORE, modules,
                'from program import app\napp.run("127.0.0.1", %d)\n' % port)
        (flash / 'file.bin').write_bytes(creep.FILE)
        with simboard.Board(flash, kind=kind) as board:
            servers.wait_until(lambda: listens(port), 'the board')
            yield Served(port, board)


def listens(port):
    """Tell whether a board accepts connections at a port."""
    try:
        socket.create_connection(('127.0.0.1', port), 1).close()
    except OSError:
        return False
    return True


# -------------------------------------------------------------------- trials

def in_a_row(requests):
    """Nine clients in a row, all of which keep their connection."""
    with serve('pico-w', APP) as served, contextlib.ExitStack() as stack:
        times = []
        pages = []
        for number in range(9):
            # (a client under load takes its time to close)
            servers.wait_until(lambda: sum(
                not page.is_over for page in pages) <= 4, 'a client')
            begin = time.perf_counter()
            page = stack.enter_context(Page(served))
            need(page.get('/')[0] == 200, 'client %d' % number)
            times.append((time.perf_counter() - begin) * 1000)
            page.linger()
            pages.append(page)
        servers.wait_until(lambda: sum(
            not page.is_over for page in pages) <= 4, 'a client')
        counts = served.counts()
    need(not counts['refused'], '%(refused)d were refused' % counts)
    need(not counts['stalls'], '%(stalls)d stalls' % counts)
    return '9 answers, 0 stalls, %d connections, the longest %.1f ms, %d %% ' \
        'of a stall' % (counts['accepted'], max(times),
                        max(times) * 100 / STALL_MS)


def streams(requests):
    """Five pages with server-sent events, and other pages beside them."""
    with serve('pico-w', APP) as served, contextlib.ExitStack() as stack:
        found = []
        opened = []
        for _ in range(5):
            page = stack.enter_context(Page(served))
            opened.append(page)
            page.send('/events')
            found.append(page.head()[0])
            page.linger()
        pages = []
        for _ in range(5):
            # (a client under load takes its time to close)
            servers.wait_until(lambda: sum(
                not page.is_over for page in opened) <= 4, 'a client')
            page = stack.enter_context(Page(served))
            opened.append(page)
            pages.append(page.get('/')[0])
            page.linger()
        servers.wait_until(lambda: sum(
            not page.is_over for page in opened) <= 4, 'a client')
        counts = served.counts()
    need(found == [200, 200, 503, 503, 503], 'streams: %s' % found)
    need(pages == [200] * 5, 'pages: %s' % pages)
    need(not counts['refused'], '%(refused)d were refused' % counts)
    need(not counts['stalls'], '%(stalls)d stalls' % counts)
    return '2 streams, 3 times 503, and 5 pages'


def six_files(requests):
    """A page with six files on four connections, ten times."""
    with serve('pico-w', APP) as served, \
            concurrent.futures.ThreadPoolExecutor(4) as pool:
        def fetch(numbers):
            with Page(served) as page:
                return [page.get('/asset/%d' % number)
                        for number in numbers]

        for _ in range(10):
            with Page(served) as page:
                need(page.get('/')[0] == 200, 'the page')
            for answers in pool.map(fetch, ((0, 1), (2, 3), (4,), (5,))):
                need(all(status == 200 and len(body) == 3000
                         for status, body in answers), 'a file')
        counts = served.counts()
    need(not counts['refused'], '%(refused)d were refused' % counts)
    need(not counts['stalls'], '%(stalls)d stalls' % counts)
    return '10 pages, 60 files, %(accepted)d connections, 0 stalls' % counts


def reloads(requests):
    """A page with six files that is reloaded 20 times, mostly before it is
    there, and then once more."""
    chance = random.Random(1)
    with serve('pico-w', APP) as served:
        for _ in range(20):
            pages = []
            try:
                for number in range(4):
                    page = Page(served)
                    pages.append(page)
                    page.send('/asset/%d' % number)
                    if chance.random() < 0.3:
                        need(page.head()[0] == 200, 'a file')
            finally:
                for page in pages:
                    page.reset()
        with Page(served) as page:
            for path in ('/', *('/asset/%d' % i for i in range(6))):
                need(page.get(path)[0] == 200, path)
        counts = served.counts()
        output = served.board.output.decode()
    need(not output, output)
    need(not counts['stalls'], '%(stalls)d stalls' % counts)
    return '20 reloads, %(accepted)d connections, 0 stalls' % counts


def mixed(requests):
    """Requests of many kinds in 100 KB, and then 10,000 bytes in one piece."""
    source = creep.APP.partition('\napp.run')[0]
    source = source.replace('import gc\nimport sys\n', 'import gc\n')
    with serve('esp32', source, ('helpers',
                                 'background')) as served:
        used = creep.run(served, requests)
        need(not creep.creeps(used), 'the heap fills up: %s' % used)
        body = served.get('/piece/10000')
        need(body == b'10000', 'no piece of 10,000 bytes: %r' % body[:60])
    pieces = [piece for _, piece in used]
    return '%d requests, %d to %d bytes in one piece' % (
        requests, min(pieces), max(pieces))


TRIALS = {'in_a_row': in_a_row, 'streams': streams, 'six_files': six_files,
          'reloads': reloads, 'mixed': mixed}


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description='See that the server lives with the firmware of boards.')
    parser.add_argument('trials', nargs='*', metavar='TRIAL',
                        help='one of ' + ', '.join(TRIALS))
    parser.add_argument('--requests', type=int, default=10000)
    options = parser.parse_args(argv)
    for name in options.trials:
        if name not in TRIALS:
            parser.error('no trial ' + name)
    failed = False
    for name in options.trials or TRIALS:
        try:
            text = 'ok      ' + TRIALS[name](options.requests)
        except (Wrong, creep.Wrong, OSError, AssertionError) as error:
            text = 'FAILED  %s' % error
            failed = True
        print('%-10s %s' % (name, text), flush=True)
    return int(failed)


if __name__ == '__main__':
    sys.exit(main())

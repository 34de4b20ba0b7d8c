"""See whether the heap of a board fills up, in a heap with little to spare.

``python3 tools/boards/creep.py`` looks for the smallest heap in which a server
answers one request of each kind, gives it a quarter more, and sends it 10,000
requests of mixed kinds: pages, streams, files, bodies small, large and
chunked, errors, and heads that are nonsense, over connections that stay open
and such that close, and clients that leave in the middle. Each answer is
checked. In between the server says how much of its heap is in use after a
collection, and what it can have in one piece. The exit status is 0 if the one
does not grow and the other does not shrink, and nothing else was printed or
broken. ``--requests`` chooses how many.

It runs on the 32-bit MicroPython that ``tools/interpreters.py`` has fetched,
with modules compiled as for a board.
"""

import argparse
import contextlib
import pathlib
import random
import socket
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / 'tests' / 'support'), str(TOP / 'tools')]

import servers  # noqa: E402
import size  # noqa: E402

APP = """\
import gc
import sys
from microdot import Microdot, send_file

app = Microdot()
app.sweep_interval = 0.2


class Numbers:
    def __init__(self, count):
        self.count = count

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.count:
            raise StopAsyncIteration
        self.count -= 1
        return '%05d' % self.count


@app.get('/')
async def index(request):
    return 'hello'


@app.get('/json/<int:number>')
async def dictionary(request, number):
    return {'number': number, 'args': request.args.get('x')}


@app.get('/stream/<int:count>')
async def stream(request, count):
    return Numbers(count)


@app.get('/file')
async def file(request):
    return send_file('file.bin')


@app.post('/body')
async def body(request):
    return str(len(request.body))


@app.post('/upload', max_content_length=1000000)
async def upload(request):
    count = 0
    while True:
        piece = await request.stream.read(512)
        if not piece:
            return str(count)
        count += len(piece)


@app.get('/memory')
async def memory(request):
    # more than there is
    return bytearray(10000000)


@app.get('/eat')
async def eat(request):
    # little by little
    pieces = []
    while True:
        pieces.append(bytearray(1000))


@app.get('/heap')
async def heap(request):
    gc.collect()
    return str(gc.mem_alloc())


@app.get('/piece')
async def piece(request):
    # the largest that can be had
    low, high = 0, gc.mem_free()
    while high - low > 100:
        middle = (low + high) // 2
        try:
            bytearray(middle)
            low = middle
        except MemoryError:
            high = middle
    return str(low)


app.run('127.0.0.1', int(sys.argv[1]))
"""
FILE = bytes(range(256)) * 20
#: Bytes that use may grow by: names that were interned, tables that grew.
SLACK = 1024


def lay_out(folder):
    """Put what the server needs into a folder."""
    servers.compile_modules(folder)
    source = folder / 'served.py'
    source.write_text(APP)
    servers.compile_module(source, folder / 'served.mpy')
    source.unlink()
    (folder / 'file.bin').write_bytes(FILE)
    (folder / 'main.py').write_text(
        'import os\nos.chdir(%r)\nimport served\n' % str(folder))


@contextlib.contextmanager
def serve(folder, heap_kib):
    """Serve with a heap of that size."""
    with servers.serve(size.board_like(), script=folder / 'main.py',
                       path=folder, heapsize='%dk' % heap_kib) as child:
        yield child


def get(path, headers=b''):
    return b'GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n' % (path.encode(), headers)


def post(path, body, chunked=False):
    head = b'POST %s HTTP/1.1\r\nHost: a\r\n' % path.encode()
    if not chunked:
        return head + b'Content-Length: %d\r\n\r\n' % len(body) + body
    data = head + b'Transfer-Encoding: chunked\r\n\r\n'
    for i in range(0, len(body), 300):
        piece = body[i:i + 300]
        data += b'%x\r\n' % len(piece) + piece + b'\r\n'
    return data + b'0\r\n\r\n'


#: Kinds of requests: the bytes, and the status and body of the answer; the
#: body may be ``None``: any.
KINDS = {
    'page': (get('/'), (200,), b'hello'),
    'headers': (get('/', b''.join(
        b'X-Header-%d: %s\r\n' % (i, b'v' * 40) for i in range(10))),
        (200,), b'hello'),
    'json': (get('/json/7?x=1%20y'), (200,), None),
    'stream': (get('/stream/30'), (200,), b''.join(
        b'%05d' % i for i in reversed(range(30)))),
    'file': (get('/file'), (200,), FILE),
    'body': (post('/body', b'x' * 1000), (200,), b'1000'),
    'chunked': (post('/body', b'x' * 1000, True), (200,), b'1000'),
    'upload': (post('/upload', b'x' * 20000), (200,), b'20000'),
    'nowhere': (get('/nowhere'), (404,), None),
    'method': (b'PUT / HTTP/1.1\r\nHost: a\r\n\r\n', (405,), None),
    'nonsense': (b'nonsense\r\n\r\n', (400,), None),
}
#: Kinds that take all the memory there is.
GREEDY = {
    'memory': (get('/memory'), (500, 503), None),
    'eat': (get('/eat'), (500, 503), None),
}


class Wrong(Exception):
    """An answer is not what it should be."""


class Client:
    """Talks to a server over one connection after another."""

    def __init__(self, child):
        self.child = child
        self.file = None

    def close(self):
        if self.file:
            self.file.close()
            self.sock.close()
            self.file = None

    def ask(self, kind):
        """Send a request and check the answer.

        :raises Wrong: it is another, or there is none.
        """
        data, statuses, expected = {**KINDS, **GREEDY}[kind]
        if not self.file:
            self.sock = self.child.connect()
            self.file = self.sock.makefile('rb')
        try:
            self.sock.sendall(data)
            status, body, stays = self._read()
        except OSError as error:
            self.close()
            if kind in GREEDY:
                return  # to close is an answer, too
            raise Wrong('%s: %s' % (kind, error)) from None
        if status not in statuses or expected not in (None, body):
            if kind in GREEDY and not status:
                self.close()
                return
            raise Wrong('%s: %s %r' % (kind, status, body[:50]))
        if not stays:
            self.close()

    def _read(self):
        line = self.file.readline()
        status = int(line.split()[1]) if line else 0
        length = 0
        chunked = False
        stays = bool(line)
        while True:
            line = self.file.readline().strip().lower()
            if not line:
                break
            name, _, value = line.partition(b': ')
            if name == b'content-length':
                length = int(value)
            elif name == b'transfer-encoding':
                chunked = True
            elif name == b'connection':
                stays = value != b'close'
        body = b''
        if chunked:
            while True:
                count = int(self.file.readline() or b'0', 16)
                piece = self.file.read(count + 2)[:-2]
                if not piece:
                    break
                body += piece
        else:
            body = self.file.read(length)
        return status, body, stays

    def leave(self, kind):
        """Send a request and do not wait for the answer."""
        self.close()
        sock = self.child.connect()
        data = KINDS[kind][0]
        sock.sendall(data[:max(1, len(data) // 2)])
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        b'\1\0\0\0\0\0\0\0')
        sock.close()

    def heap(self):
        """Return the bytes of heap in use, and those of the largest piece
        that can be had, with no other client."""
        self.close()
        return int(self.child.get('/heap')), int(self.child.get('/piece'))


def is_enough(folder, heap_kib):
    """Tell whether a heap of that size is enough for each kind."""
    try:
        with serve(folder, heap_kib) as child:
            client = Client(child)
            try:
                for _ in range(3):
                    for kind in KINDS:
                        client.ask(kind)
            finally:
                client.close()
            return child.output == ''
    except (Wrong, AssertionError, OSError, ValueError):
        return False


def smallest_heap(folder):
    """Return the smallest heap that is enough, in KiB."""
    low, high = 15, 256
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(folder, middle) \
            else (middle, high)
    return high


def run(child, requests, seed=1, greedy=False, every=500):
    """Send requests; return what the heap is like, again and again: a list
    of what :meth:`Client.heap` returns.

    :param greedy: whether some take all the memory there is.
    :param every: requests from one look to the next.
    :raises Wrong: an answer is not what it should be.
    """
    chance = random.Random(seed)
    kinds = sorted(KINDS) + sorted(GREEDY) * greedy
    client = Client(child)
    used = []
    try:
        # once each: what is loaded when it is needed is no growth
        for kind in kinds:
            client.ask(kind)
        for number in range(requests):
            if number % every == 0:
                used.append(client.heap())
            kind = chance.choice(kinds)
            if chance.random() < 0.05 and kind in KINDS:
                client.leave(kind)
                continue
            client.ask(kind)
            if chance.random() < 0.2:
                client.close()
        used.append(client.heap())
    finally:
        client.close()
    return used


def creeps(found):
    """Tell whether use has grown from the first quarter to the last, or the
    largest piece has shrunk to less than half of what it was.

    Of each the best counts: a client that has just left may not have been
    noticed yet.
    """
    quarter = max(1, len(found) // 4)
    used, pieces = zip(*found)
    return min(used[-quarter:]) > min(used[:quarter]) + SLACK or \
        max(pieces[-quarter:]) < max(pieces[:quarter]) // 2


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description='See whether the heap of a board fills up.')
    parser.add_argument('--requests', type=int, default=10000)
    parser.add_argument('--greedy', action='store_true',
                        help='some requests take all the memory there is')
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lay_out(folder)
        least = smallest_heap(folder)
        heap_kib = -(-least * 5 // 4)
        print('smallest heap: %d KiB; now %d KiB' % (least, heap_kib))
        with serve(folder, heap_kib) as child:
            try:
                used = run(child, options.requests, greedy=options.greedy)
            except Wrong as error:
                print('wrong: %s' % error)
                print(child.output)
                return 1
            output = child.output
    print('in use: ' + ' '.join(str(each) for each, _ in used))
    print('in one piece: ' + ' '.join(str(each) for _, each in used))
    if output and not options.greedy:
        print(output)
        return 1
    if creeps(used):
        print('it grows, or goes to pieces')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())

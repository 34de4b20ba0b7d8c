"""Talk to a server for long, in every way, and see what it has left behind.

``python3 tools/hostile/soak.py`` sends 200,000 requests to a server on CPython
and to one on each MicroPython: over connections that stay open or close,
pipelined, with bodies, chunked, with streams, by clients that leave in the
middle and by some that talk nonsense. Meanwhile the server's sockets fail now
and then. Every answer is checked. Then it prints what the server held before
and after: sockets, tasks, streams and memory (bytes on MicroPython, blocks on
CPython). The exit status is 0 if nothing is left.

``--requests`` and ``--seed`` choose how many and which; name interpreters,
such as ``micropython-1.25-32``, to run only these.
"""

import argparse
import contextlib
import json
import os
import pathlib
import random
import socket
import struct
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / 'tests' / 'support'), str(TOP / 'tools')]

import servers  # noqa: E402

SCRIPT = TOP / 'tools' / 'hostile' / 'soak_server.py'
CLIENTS = 4
#: The longest that any answer may take, in seconds.
PATIENCE = 30
#: Steps of the server's sockets from one fault to the next.
EVERY = 197
#: What memory may differ by: a string that was interned, or a list that has
#: grown for good; and a board's collector keeps garbage that something looks
#: like a pointer to. Far less than a byte for each request, and than a
#: connection lost with each fault.
SLACK = {'micropython': 6144, 'cpython': 400}

#: What is to be as it was.
COUNTED = ('sockets', 'open', 'listed', 'tasks', 'streams')

GET = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
HELLO = (200, b'hello')
MALFORMED = (
    b'GET / HTTP/1.1\r\n\r\n', b'GET  / HTTP/1.1\r\nHost: a\r\n\r\n',
    b'\x16\x03\x01\x02\x00\x01\x00', b'GET / HTTP/1.1\r\nHost : a\r\n\r\n',
    b'GET / HTTP/1.1\nHost: a\n\n', b'GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n',
    b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n',
    b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n'
    b'Transfer-Encoding: chunked\r\n\r\n',
    b'POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n'
    b'\r\nzz\r\n',
)


class Wrong(Exception):
    """An answer is not what it should be; never the fault of a socket."""


class Conversation:
    """One connection to the server."""

    def __init__(self, port):
        self.sock = socket.create_connection(('127.0.0.1', port), PATIENCE)
        self.data = b''
        self.requests = 0

    def send(self, data, requests=1):
        """Send so many requests."""
        self.requests += requests
        self.sock.sendall(data)

    def _fill(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise ConnectionError('the end')
        self.data += piece

    def _take(self, size):
        while len(self.data) < size:
            self._fill()
        data, self.data = self.data[:size], self.data[size:]
        return data

    def _until(self, ending):
        while ending not in self.data:
            self._fill()
        data, _, self.data = self.data.partition(ending)
        return data

    def answer(self, head_only=False):
        """Return status and body of the next answer."""
        lines = self._until(b'\r\n\r\n').decode('latin-1').split('\r\n')
        status = int(lines[0].split(' ')[1])
        fields = dict(line.lower().split(': ', 1) for line in lines[1:])
        if status == 100 or head_only:
            return status, b''
        if fields.get('transfer-encoding') == 'chunked':
            body = b''
            while True:
                size = int(self._until(b'\r\n'), 16)
                body += self._take(size)
                if self._take(2) != b'\r\n':
                    raise Wrong('a chunk without its end')
                if not size:
                    return status, body
        if 'content-length' in fields:
            return status, self._take(int(fields['content-length']))
        while True:
            try:
                self._fill()
            except ConnectionResetError:
                raise
            except ConnectionError:
                return status, self.data

    def expect(self, wanted, **kwargs):
        """Take an answer and compare it."""
        found = self.answer(**kwargs)
        if found != wanted:
            raise Wrong('%r in place of %r' % (found, wanted))

    def closed(self):
        """Wait for the end, which is to be next."""
        try:
            piece = self.sock.recv(1)
        except ConnectionResetError:
            return
        if piece or self.data:
            raise Wrong('%r in place of the end' % (self.data + piece))

    def reset(self):
        """Leave without a word."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack('ii', 1, 0))


def stay(talk, chance):
    for _ in range(chance.randint(1, 40)):
        talk.send(GET)
        talk.expect(HELLO)


def pipeline(talk, chance):
    count = chance.randint(2, 16)
    talk.send(GET * count, count)
    for _ in range(count):
        talk.expect(HELLO)


def close(talk, chance):
    talk.send(b'GET /sync HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    talk.expect((200, b'sync'))
    talk.closed()


def old(talk, chance):
    talk.send(b'GET /pieces/3 HTTP/1.0\r\n\r\n')
    status, body = talk.answer()
    if body != b'0123456789' * 60:
        if not (b'0123456789' * 60).startswith(body):
            raise Wrong(body)
        # a body that ends with the connection cannot show that it was cut
        raise ConnectionError


def upload(talk, chance):
    for _ in range(chance.randint(1, 5)):
        size = chance.choice((0, 1, 511, 512, 4000, 16000))
        talk.send(b'POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d'
                  b'\r\n\r\n' % size + b'.' * size)
        talk.expect((200, b'%d' % size))


def upload_in_chunks(talk, chance):
    for _ in range(chance.randint(1, 5)):
        sizes = [chance.randint(1, 600) for _ in range(chance.randint(0, 9))]
        talk.send(b'POST /upload HTTP/1.1\r\nHost: a\r\n'
                  b'Transfer-Encoding: chunked\r\n\r\n' + b''.join(
                      b'%x\r\n%s\r\n' % (size, b'.' * size)
                      for size in sizes) + b'0\r\n\r\n')
        talk.expect((200, b'%d' % sum(sizes)))


def upload_when_asked(talk, chance):
    talk.send(b'POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n'
              b'Expect: 100-continue\r\n\r\n')
    talk.expect((100, b''))
    talk.send(b'12345', 0)
    talk.expect((200, b'5'))


def upload_that_is_ignored(talk, chance):
    talk.send(b'POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 9000'
              b'\r\n\r\n' + b'.' * 9000 + GET, 2)
    talk.expect((200, b'ignored'))
    talk.expect(HELLO)


def upload_that_is_too_large(talk, chance):
    talk.send(b'POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 20000'
              b'\r\n\r\n' + b'.' * 20000)
    status, body = talk.answer()
    if status != 413:
        raise Wrong(status)


def stream(talk, chance):
    for _ in range(chance.randint(1, 4)):
        count = chance.randint(0, 20)
        talk.send(b'GET /pieces/%d HTTP/1.1\r\nHost: a\r\n\r\n' % count)
        talk.expect((200, b'0123456789' * 20 * count))


def others(talk, chance):
    talk.send(b'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
    talk.expect((200, b''), head_only=True)
    for path, status in ((b'/missing', 404), (b'/fail', 500),
                         (b'/upload', 405)):
        talk.send(b'GET %s HTTP/1.1\r\nHost: a\r\n\r\n' % path)
        if talk.answer()[0] != status:
            raise Wrong(path)


def leave_a_stream(talk, chance):
    talk.send(b'GET /forever HTTP/1.1\r\nHost: a\r\n\r\n')
    talk.sock.recv(chance.choice((1, 100, 5000)))
    if chance.random() < 0.5:
        talk.reset()


def leave_unread(talk, chance):
    talk.send(GET * 3, 3)
    if chance.random() < 0.5:
        talk.reset()


def leave_in_a_head(talk, chance):
    talk.send(GET[:chance.randrange(len(GET))], 0)
    if chance.random() < 0.5:
        talk.reset()


def leave_in_a_body(talk, chance):
    talk.send(b'POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n'
              b'\r\n1234')
    if chance.random() < 0.5:
        talk.reset()


def talk_nonsense(talk, chance):
    talk.send(chance.choice(MALFORMED))
    status, body = talk.answer()
    if status != 400:
        raise Wrong(status)


#: The ways to talk, and how often each is chosen.
WAYS = {stay: 10, pipeline: 8, close: 4, old: 2, upload: 4,
        upload_in_chunks: 4, upload_when_asked: 2, upload_that_is_ignored: 2,
        upload_that_is_too_large: 1, stream: 4, others: 2, leave_a_stream: 2,
        leave_unread: 2, leave_in_a_head: 1, leave_in_a_body: 1,
        talk_nonsense: 2}


class Soak:
    """A run against one server."""

    def __init__(self, child, seed):
        self.child = child
        self.chance = random.Random(seed)
        self.lock = threading.Lock()
        self.wanted = self.sent = 0
        self.cut = 0
        self.errors = []

    def send(self, requests):
        """Send about so many requests, by several clients at once.

        :raises Wrong: an answer was not what it should be.
        """
        self.wanted = self.sent + requests
        threads = [threading.Thread(
            target=self._client, args=(random.Random(self.chance.random()),))
            for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]

    def _client(self, chance):
        ways, weights = list(WAYS), list(WAYS.values())
        while self.sent < self.wanted and not self.errors:
            way, = chance.choices(ways, weights)
            talk = None
            try:
                talk = Conversation(self.child.port)
                way(talk, chance)
            except ConnectionError:
                self.cut += 1  # as any of its sockets may be
            except Exception as exc:
                exc.args = ('%s: %s %s' % (way.__name__, type(exc).__name__,
                                           exc),)
                self.errors.append(exc)
            finally:
                if talk:
                    talk.sock.close()
                    with self.lock:
                        self.sent += talk.requests

    def state(self, before=None):
        """Return what the server holds, once nothing is going on.

        :param before: what it held before: it has some time to come back to
                       that, as tasks end after their connections.
        """
        deadline = time.monotonic() + PATIENCE
        good = False
        while True:
            state = self._ask()
            if state:
                state['sockets'] = self._sockets()
            was_good = good
            # the connection that asks is the only one
            good = state and state['open'] == 1 and (not before or all(
                state[name] <= before[name] for name in COUNTED))
            if good and was_good or time.monotonic() > deadline:
                return state
            # for tasks that end after their connections
            time.sleep(0.5 if good else 0.05)

    def _ask(self):
        with contextlib.suppress(ConnectionError, ValueError):
            return json.loads(self.child.get('/state'))

    def _sockets(self):
        folder = '/proc/%d/fd' % self.child.process.pid
        names = []
        for number in os.listdir(folder):
            with contextlib.suppress(OSError):
                names.append(os.readlink(folder + '/' + number))
        return sum(name.startswith('socket:') for name in names)


def soak(interpreter, requests, seed=1, out=sys.stdout):
    """Soak a server on one interpreter; return what was left behind."""
    def say(*args):
        print(*args, file=out, flush=True)

    path = '%s:%s' % (TOP / 'src', TOP / 'tests' / 'portable')
    start = time.monotonic()
    with servers.serve(interpreter, EVERY, script=SCRIPT, path=path,
                       heapsize='1m') as child:
        run = Soak(child, seed)
        run.send(max(requests // 20, 400))  # what is kept for good
        before = run.state()
        run.send(requests)
        after = run.state(before)
        output = child.output
    say('%s: %d requests in %d s, %d conversations cut by %d failures of '
        'sockets' % (interpreter.name, run.sent, time.monotonic() - start,
                     run.cut, after['failures']))
    say('%-10s %10s %10s' % ('', 'before', 'after'))
    left = []
    for name in (*COUNTED, 'heap'):
        say('%-10s %10d %10d' % (name, before[name], after[name]))
        slack = 0
        if name == 'heap':
            kind = 'micropython' if interpreter.is_micropython else 'cpython'
            slack = SLACK[kind]
        if after[name] > before[name] + slack:
            left.append(name)
    for name in ('requests', 'errors', 'refused', 'timed out', 'closed'):
        say('%-10s %10d %10d' % (name, before[name], after[name]))
    if output:
        say(output[:2000])
        left.append('output')
    if left:
        say('left behind: ' + ', '.join(left))
    return left


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('interpreters', nargs='*', metavar='interpreter')
    parser.add_argument('--requests', type=int, default=200000)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args(argv)
    known = {each.name: each for each in servers.everything()}
    for name in args.interpreters:
        if name not in known:
            parser.error('there are ' + ' '.join(known))
    status = 0
    for name in args.interpreters or ['running'] + [
            each.name for each in servers.boards()]:
        if soak(known[name], args.requests, args.seed):
            status = 1
    return status


if __name__ == '__main__':
    sys.exit(main())

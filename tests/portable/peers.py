"""Peers of an application in memory; runs on both interpreters, also where
there is no event loop."""

from microdot.microdot import Connection, Disconnected, Microdot, Server


class Recorder(Microdot):
    """An application that keeps in ``logged`` what it would print."""

    def __init__(self):
        super().__init__()
        self.logged = []

    def log_exception(self, req, exc):
        if req:
            req.exception = exc
        self.logged.append(exc)


class Peer(Connection):
    """A connection that brings given pieces, one at a time, and ends."""

    def __init__(self, app, pieces):
        super().__init__(Server(app), ('127.0.0.1', 1234))
        self.pieces = list(pieces)
        self.sent = b''
        #: Bytes that have been kept at once, of what came.
        self.most_held = 0

    async def serve(self):
        """Serve until the peer ends, as the server does."""
        try:
            while await self.fill() and await self.server.serve_requests(self):
                pass
        except Disconnected:
            pass

    async def fill(self):
        data = self.pieces.pop(0) if self.pieces else b''
        self.data = self.data[self.pos:] + data
        self.pos = 0
        self.most_held = max(self.most_held, len(self.data))
        return len(data) > 0

    async def send(self, data):
        self.sent += bytes(data)

    async def watch(self, on):
        pass


async def converse(app, *pieces):
    """Let an application answer what comes in pieces; return the answers,
    but for their dates."""
    conn = Peer(app, pieces)
    await conn.serve()
    return without_date(conn.sent)


def without_date(data):
    """Take the ``Date`` headers, which differ each time, out of responses."""
    while b'\r\nDate: ' in data:
        start = data.find(b'\r\nDate: ')
        data = data[:start] + data[data.find(b'\r\n', start + 2):]
    return data


def answers(data, expected):
    """Return the responses in *data* as they are expected in a row: tuples of
    status, body and whether the connection is kept.

    :param expected: such tuples, which tell what has no body (``None``).
    """
    found = []
    while data:
        head, end, data = data.partition(b'\r\n\r\n')
        lines = head.lower().split(b'\r\n')
        body = b''
        length = None
        for line in lines:
            if line.startswith(b'content-length: '):
                length = int(line[16:])
        if len(found) < len(expected) and expected[len(found)][1] is None:
            body = None
        elif b'transfer-encoding: chunked' in lines:
            size = 1
            while size:
                line, end, data = data.partition(b'\r\n')
                size = int(line, 16)
                body += data[:size]
                data = data[size + 2:]
        elif length is None:
            if b' 204 ' not in lines[0] and b' 304 ' not in lines[0]:
                body, data = data, b''
        else:
            if len(data) < length:
                raise AssertionError('a body of %d, not %d bytes' % (
                    len(data), length))
            body, data = data[:length], data[length:]
        found.append((int(head.split(b' ')[1]), body,
                      b'connection: close' not in lines))
    return found


def single_bytes(wire):
    """Return a list of bytes, each of which is one object wherever it is."""
    pieces = []
    known = {}
    for i in range(len(wire)):
        piece = wire[i:i + 1]
        pieces.append(known.setdefault(piece, piece))
    return pieces


def ways_to_cut(wire):
    """Yield the ways in which bytes may arrive: whole, byte by byte, and in
    two at every place. Each is a list of pieces."""
    yield [wire]
    yield single_bytes(wire)
    for i in range(1, len(wire)):
        yield [wire[:i], wire[i:]]


class Stream:
    """A reader and writer of the kind that boards have, over pieces."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.sent = b''
        self.writes = 0
        self.closed = 0

    async def read(self, n=-1):
        if n < 0:
            data = b''.join(self.pieces)
            self.pieces = []
        else:
            piece = self.pieces.pop(0) if self.pieces else b''
            data = piece[:n]
            if piece[n:]:
                self.pieces.insert(0, piece[n:])
        return data

    async def readexactly(self, n):
        data = b''
        while len(data) < n:
            piece = await self.read(n - len(data))
            if not piece:
                raise EOFError()
            data += piece
        return data

    async def readline(self):
        data = b''
        while not data.endswith(b'\n'):
            piece = await self.read(1)
            if not piece:
                break
            data += piece
        return data

    async def awrite(self, data):
        self.sent += bytes(data)
        self.writes += 1

    async def aclose(self):
        self.closed += 1

    def get_extra_info(self, name, default=None):
        return ('127.0.0.1', 1234) if name == 'peername' else default

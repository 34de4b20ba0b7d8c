"""The targets of ``fuzz.py``: functions that take any bytes, and raise when
what is made of them is wrong.

More than crashes count. The core is loaded twice, as CPython has it and as a
board has it, and both have to agree; and where it is simple to say what is
right, that is said here once more, in another way.
"""

import importlib
import json
import pathlib
import re
import sys
import types
import urllib.parse

import microdot.microdot as fast
from microdot.microdot import (
    Connection,
    Disconnected,
    HTTPException,
    Microdot,
    Request,
    Response,
    Server,
)

TOP = pathlib.Path(__file__).resolve().parent.parent.parent


def load_plain():
    """Return the core as it is without what only CPython has: as on a board,
    with the modules that it loads when they are used."""
    package = types.ModuleType('plain')
    package.__path__ = [str(TOP / 'src' / 'microdot')]
    sys.modules['plain'] = package
    sys.modules['plain._cpython'] = None  # cannot be imported
    return importlib.import_module('plain.microdot')


plain = load_plain()

# Small limits are met more often. Both classes must agree on them.
for _core in (fast, plain):
    _core.Request.max_readline = 256
    _core.Request.max_header_size = 512
    _core.Request.max_headers = 16
    _core.Request.max_content_length = 256
    _core.Request.max_body_length = 128
    _core.Request.max_fields = 16
    _core.Request.max_members = 16


class Target:
    """A function to throw bytes at.

    :param samples: inputs to begin with.
    :param words: what inputs may be made of.
    """

    def __init__(self, name, function, samples, words):
        self.name = name
        self.function = function
        self.samples = samples
        self.words = words


TARGETS = {}


def target(name, samples=(), words=()):
    """Decorator: add a target."""
    def add(function):
        TARGETS[name] = Target(name, function, list(samples), list(words))
        return function
    return add


def check(condition, *what):
    """Raise unless *condition* is true. (``assert`` is for invariants of the
    code that has it.)"""
    if not condition:
        raise AssertionError(*what)


def outcome(function, *args):
    """Return what a function returns, or the status that its refusal is
    answered with. Anything else that it raises is a finding."""
    try:
        return function(*args)
    except ValueError:
        return 400
    except Exception as exc:
        if not hasattr(exc, 'status_code'):
            raise
        return exc.status_code


def same(name, *args, module='microdot'):
    """Return the outcome of a function of the core, or of another module,
    which is the same in both forms of it."""
    results = [outcome(getattr(importlib.import_module(
        '%s.%s' % (core.__package__, module)), name), *args)
        for core in (fast, plain)]
    check(results[0] == results[1], name, results)
    return results[0]


def finish(coro):
    """Run a coroutine that has nothing to wait for."""
    try:
        coro.send(None)
    except StopIteration as exc:
        return exc.value
    coro.close()
    raise AssertionError('it waits, though all has come')


# ------------------------------------------------------------ whole requests

class Peer(Connection):
    """A connection that brings given pieces, and then ends."""

    def __init__(self, app, pieces):
        super().__init__(Server(app), None)
        self.pieces = pieces
        self.sent = b''
        self.most_held = 0

    async def fill(self):
        data = self.pieces.pop(0) if self.pieces else b''
        self.data = self.data[self.pos:] + data
        self.pos = 0
        self.most_held = max(self.most_held, len(self.data))
        return len(data) > 0

    async def send(self, data):
        self.sent += bytes(data)

    def watch(self):
        pass

    async def unwatch(self):
        pass


class App(Microdot):
    """Keeps the requests that it gets, and lets no error pass."""

    def __init__(self):
        super().__init__()
        self.forget()
        self.drain_size = 64
        for path in ('/', '/<path:path>', '/int/<int:value>',
                     '/re/<re:(a|b)*c:value>'):
            self.route(path, ['GET', 'POST'])(self.view)
        self.post('/stream', max_content_length=200)(self.read)
        self.get('/pieces')(self.pieces)

    def forget(self):
        self.seen = []     # by handlers
        self.methods = []  # of all that is answered; None: not known

    def log_exception(self, req, exc):
        raise AssertionError('logged') from exc

    async def dispatch_request(self, req, error=None):
        res = await super().dispatch_request(req, error)
        self.methods.append(req and req.method)
        return res

    def note(self, request, body):
        self.seen.append((request.method, request.url, request.path,
                          sorted(request.headers.items()), body))

    async def view(self, request, path=None, value=None):
        self.note(request, request.body)
        return [request.args, request.cookies, request.json, request.form]

    async def read(self, request):
        body = b''
        while data := await request.stream.read(7):
            body += data
        self.note(request, body)
        return body

    async def pieces(self, request):
        self.note(request, b'')
        return iter(['a', 'bc', b''])


app = App()


async def serve(pieces):
    """Return what the application saw, the statuses of the answers, and the
    most bytes that were held at once."""
    app.forget()
    conn = Peer(app, pieces)
    try:
        while await conn.fill() and await conn.server.serve_requests(conn):
            pass
    except Disconnected:
        pass
    return app.seen, split_answers(conn.sent, app.methods), conn.most_held


def split_answers(data, methods):
    """Return the statuses of the responses in *data*, which has to be nothing
    but whole responses to requests of these methods."""
    methods = list(methods)
    statuses = []
    while data:
        head, end, data = data.partition(b'\r\n\r\n')
        check(end and head.startswith(b'HTTP/1.'), 'no head', head)
        statuses.append(int(head.split(b' ')[1]))
        lines = head.lower().split(b'\r\n')
        sizes = [int(line[15:]) for line in lines
                 if line.startswith(b'content-length:')]
        chunked = b'transfer-encoding: chunked' in lines
        check(len(sizes) + chunked <= 1, 'two framings', head)
        if statuses[-1] == 100:
            continue
        if methods.pop(0) == 'HEAD':
            pass
        elif chunked:
            end = data.find(b'0\r\n\r\n')
            check(end >= 0, 'no last chunk', data)
            data = data[end + 5:]
        elif sizes:
            check(len(data) >= sizes[0], 'a short body', data)
            data = data[sizes[0]:]
        elif b'connection: close' in lines:
            data = b''
    check(not methods, 'a request without an answer', methods)
    return statuses


REQUEST_WORDS = [
    b'GET', b'POST', b'HEAD', b'OPTIONS', b'CONNECT', b' ', b'/', b'*', b'/a',
    b'%2F', b'%', b'?a=b', b'&', b'http://', b'a', b'[::1]', b':80', b':',
    b'#', b' HTTP/1.1', b' HTTP/1.0', b' HTTP/2.0', b'\r\n', b'\r', b'\n',
    b'\r\n\r\n', b'Host: a\r\n', b'Content-Length: ',
    b'Content-Length: 5\r\n', b'Transfer-Encoding: chunked\r\n',
    b'Transfer-Encoding: ', b'chunked', b'Connection: close\r\n',
    b'Connection: keep-alive\r\n', b'Cookie: a=b\r\n',
    b'Expect: 100-continue\r\n', b'Expect: x\r\n', b'X: y\r\n', b'\t', b'\0',
    b'\x7f', b'\x80', b'\xc5\xbf', b'\xe2\x84\xaa', b'0\r\n\r\n', b';', b',',
    b'5\r\nhello\r\n', b'ffffffff', b'/stream', b'/pieces', b'/int/1',
    b'/re/abc', b'Content-Type: application/json\r\n',
    b'Content-Type: application/x-www-form-urlencoded\r\n',
]
GET = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
CHUNKED = (b'POST /stream HTTP/1.1\r\nHost: a\r\n'
           b'Transfer-Encoding: chunked\r\n\r\n')
REQUESTS = [
    GET, GET + GET, b'\r\n' + GET,
    b'GET http://b/c?d=e HTTP/1.1\r\nHost: a\r\n\r\n',
    b'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
    b'HEAD /pieces HTTP/1.1\r\nHost: a\r\n\r\n',
    b'GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
    b'POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello' +
    GET,
    CHUNKED + b'5\r\nhello\r\n0\r\nX: y\r\n\r\n' + GET,
    b'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n'
    b'Content-Length: 2\r\nContent-Type: application/json\r\n\r\n{}' + GET,
    b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Type: '
    b'application/x-www-form-urlencoded\r\n\r\na=b' + GET,
    b'POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: 200\r\n\r\n' +
    b'a' * 200 + GET,
]


@target('requests', REQUESTS, REQUEST_WORDS)
def fuzz_requests(data):
    """Any bytes are answered or closed, however they are cut."""
    seen, statuses, held = finish(serve([data]))
    check(all(status < 500 or status in (501, 505) for status in statuses),
          statuses)
    # the first bytes choose where to cut
    step = data[0] % 7 + 1 if data else 1
    pieces = [data[i:i + step] for i in range(0, len(data), step)]
    again, more, held = finish(serve(pieces))
    for each in (statuses, more):
        if each and each[-1] in (414, 431):
            # with two faults, the one that shows first is answered
            each[-1] = 400
    check(more == statuses and seen == again, statuses, more, seen, again)
    most = Request.max_readline + Request.max_header_size + 4
    check(held <= most + step, 'held', held)


# -------------------------------------------------------------------- heads

HEADS = [
    b'GET / HTTP/1.1\r\nHost: a',
    b'POST /a%2Fb?c=d HTTP/1.0\r\nX: y\r\nX: z\r\nCookie: a=b\r\nCookie: c=d',
    b'OPTIONS * HTTP/1.1\r\nHost: [::1]:80',
    b'GET http://b:80/c HTTP/1.1\r\nHost: a\r\nContent-Length: 5',
    b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked',
    b'GET / HTTP/1.0\r\nConnection: keep-alive, x\r\nX: \xe2\x82\xac\xe9',
]
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):"
                   rb'[ \t]*((?:[^\0-\x1f\x7f]|\t)*?)[ \t]*')


@target('head', HEADS, REQUEST_WORDS)
def fuzz_head(data):
    """A head is refused, or is what RFC 9112 says."""
    wire = data + b'\r\n\r\n'
    end = same('find_head', wire)
    if isinstance(end, int) and end >= 0 and end not in (400, 414, 431):
        check(end == wire.find(b'\r\n\r\n'), end)
    parsed = same('parse_head', data)
    if isinstance(parsed, int):
        check(parsed in (400, 431, 501, 505), parsed)
        return
    method, target_, version, fields, lines = parsed
    raw = data.split(b'\r\n')
    words = raw[0].split(b' ')
    check(len(words) == 3 and TOKEN.fullmatch(words[0]), raw[0])
    check(re.fullmatch(rb'HTTP/1\.\d', words[2]), words[2])
    check(words[0].decode() == method and words[2][5:].decode() == version)
    check(target_[0] == '/' or target_ == '*' and method == 'OPTIONS', target_)
    check(len(lines) == len(raw) - 1 <= Request.max_headers)
    names = set()
    for line in raw[1:]:
        field = FIELD.fullmatch(line)
        check(field, line)
        name = field.group(1).lower().decode()
        try:
            value = field.group(2).decode()
        except ValueError:
            # then the whole head is taken byte by byte
            value = field.group(2).decode('latin-1')
        if name in names:
            check(name not in ('host', 'content-length',
                               'transfer-encoding'), name)
        names.add(name)
        if name != 'host' and data.isascii():
            check(value in fields[name], name, value, fields)
    check(names | {'host'} == set(fields) | {'host'}, names, fields)
    check(version == '1.0' or 'host' in names, 'no host')
    framing = same('parse_framing', version, fields)
    if isinstance(framing, tuple):
        length, keep = framing
        check(-1 <= length < 10 ** 10 and isinstance(keep, bool), framing)
        lengths = [value for name in fields for value in [fields[name]]
                   if name == 'content-length']
        check(length == (-1 if 'transfer-encoding' in fields else
                         int(lengths[0]) if lengths else 0), framing)


@target('host', [b'a', b'a.b:80', b'[::1]', b'[::1]:80', b'127.0.0.1:5000'],
        [b':', b'[', b']', b'::', b'@', b'%25', b'65535', b'65536'])
def fuzz_host(data):
    """A host has nothing that ends it in an URL."""
    text = data.decode('latin-1')
    if same('parse_host', text) == text:
        check(not set(text) & set('/?#@\\ \t\r\n'), text)
        if '[' not in text:
            url = urllib.parse.urlsplit('http://%s/' % text)
            check(url.path == '/' and url.netloc == text, text, url)
            check(url.port is None or url.port < 65536)


# ------------------------------------------------------------------- chunks

SIZE = re.compile(rb'([0-9A-Fa-f]{1,8})([ \t]*;[^\0-\x08\x0a-\x1f\x7f]*)?')
TRAILER = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+:[^\0-\x08\x0a-\x1f\x7f]*")


def decode_chunks(data, limit):
    """Decode the chunked coding as RFC 9112, section 7.1 has it.

    :return: ``(status, body, rest)``; the status is 200, 0 for need more, or
             that of the answer.
    """
    body = b''
    while True:
        line, end, rest = data.partition(b'\r\n')
        if len(line) - (not end) > 256:
            return 400, body, b''
        if not end:
            return 0, body, b''
        size = SIZE.fullmatch(line)
        if not size:
            return 400, body, b''
        size = int(size.group(1), 16)
        if size > limit:
            return 413, body, b''
        limit -= size
        if not size:
            break
        body += rest[:size]
        data = rest[size:]
        if data[:2] != b'\r\n':
            return (400 if len(data) > 1 else 0), body, b''
        data = data[2:]
    left = Request.max_header_size
    while True:
        line, end, rest = rest.partition(b'\r\n')
        if len(line) - (not end) > left:
            return 400, body, b''
        if not end:
            return 0, body, b''
        if not line:
            return 200, body, rest
        if not TRAILER.fullmatch(line):
            return 400, body, b''
        left -= len(line)


@target('chunks',
        [b'5\r\nhello\r\n0\r\n\r\n', b'0\r\n\r\n', b'1;a=b\r\nx\r\n00\r\n\r\n',
         b'A\r\n0123456789\r\n0\r\nX: y\r\nZ: w\r\n\r\nrest',
         b'1\r\na\r\n' * 20 + b'0\r\n\r\n', b'c8\r\n' + b'a' * 200 + b'\r\n'],
        [b'0', b'1', b'5', b'f', b'ff', b'ffffffff', b'00000000', b'\r\n',
         b'\r', b'\n', b';', b' ', b'\t', b':', b'X: y\r\n', b'hello',
         b'0\r\n\r\n', b'1\r\na\r\n', b'-', b'+', b'0x', b'_', b'\0'])
def fuzz_chunks(data):
    """Chunks are decoded as the RFC says, however they are cut and read."""
    expected = decode_chunks(data, 200)
    step = data[0] % 9 + 1 if data else 1
    for pieces in ([data], [data[i:i + step]
                            for i in range(0, len(data), step)]):
        for most in (-1, 1 + len(data) % 5, 4096):
            got = finish(read_chunks([piece for piece in pieces if piece],
                                     most))
            check(got[0] == expected[0], got, expected)
            if got[0] == 200:
                check(got == expected, got, expected)
            elif most > 0:
                check(expected[1].startswith(got[1]) or
                      got[1].startswith(expected[1]), got, expected)


async def read_chunks(pieces, most):
    conn = Peer(app, pieces)
    conn.length = -1
    conn.done = False
    conn.chunks = 0
    conn.limit = 200
    conn.expect = None
    body = b''
    try:
        while data := await conn.read(most):
            body += data
            check(most < 0 or len(data) <= most)
            if most < 0:
                break
        # the end has been seen, and is seen again
        check(conn.done and await conn.read(1) == b'')
    except Disconnected:
        return 0, body, b''
    except HTTPException as exc:
        return exc.status_code, body, b''
    return 200, body, conn.data[conn.pos:] + b''.join(conn.pieces)


# --------------------------------------------------------------------- text

@target('url', [b'', b'/', b'abc', b'a%20b+c', b'%e2%82%ac', b'100%', b'%%41'],
        [b'%', b'+', b'%2F', b'%00', b'%ff', b'%c0%af', b'%zz', b'%u1234',
         b'%25', b'%E2%82%AC', b'/', b'?', b'..'])
def fuzz_url(data):
    """Escapes are decoded as the URL standard says, or refused."""
    for plus in (True, False):
        got = same('urldecode', data, plus)
        if got == 400:
            continue
        text = data.replace(b'+', b' ') if plus else data
        check(got.encode() == urllib.parse.unquote_to_bytes(text), got)
    try:
        text = data.decode()
    except ValueError:
        return
    encoded = same('urlencode', text)
    check(encoded.isascii() and not set(encoded) & set(' +?#&="<>\r\n'))
    check(same('urldecode', encoded) == text, encoded)
    check(urllib.parse.unquote(encoded, errors='strict') == text)
    for core in (fast, plain):
        req = outcome(core.Request, None, None, 'GET', '/' + text, '1.1', {})
        if req == 400:
            continue
        check('\0' not in req.path or '\0' in text, req.path)
        res = outcome(core.Response.redirect, text)
        if res != 400:
            check(res.headers['Location'].isascii())


@target('cookies', [b'', b'a=b', b'a=b; c=d', b'a="b"', b'a=b=c;d', b';;='],
        [b'=', b';', b'; ', b'"', b',', b' ', b'\t', b'a=b', b'\xff', b'%3B'])
def fuzz_cookies(data):
    """Cookies are pairs of text; those that are set come back."""
    text = data.decode('latin-1')
    cookies = same('parse_cookies', text, module='cookies')
    if isinstance(cookies, int):
        # more of them than are taken
        check(cookies == 431 and text.count(';') >= fast.Request.max_members,
              cookies)
        return
    for name, value in cookies.items():
        check(';' not in name + value and '=' not in name, name, value)
        # (what is in quotes may begin or end with blanks)
        check(name == name.strip() and (
            '"' in text or value == value.strip()))
    name, _, value = text.partition('=')
    res = Response('')
    try:
        res.set_cookie(name, value, path='/', max_age=1)
    except ValueError:
        return
    line, = res.headers['Set-Cookie']
    check(line.count(';') == 2, line)
    quoted = line.partition('=')[2][:1] == '"'
    check(same('parse_cookies', line.split(';')[0], module='cookies') ==
          {name: value if quoted else value.strip()}, line)
    head = outcome(fast.encode_head, res, '1.1', 0, True)
    check(head != 400 and head[0].count(b'\r\n') <= 7, head)


@target('pairs', [b'', b'a=b', b'a=b&c=d&a=e', b'a', b'=', b'a=%20+&&b='],
        [b'=', b'&', b'+', b'%26', b'%3D', b'%', b';', b'a=b', b'%ff', b'%00'])
def fuzz_pairs(data):
    """Queries and forms are what the standard library makes of them. A form
    is UTF-8."""
    refused = None
    try:
        text = data.decode()
    except ValueError:
        text = data.decode('latin-1')
        refused = 400
    pairs = same('parse_pairs', text, None, Request.max_fields)
    if pairs not in (400, 413):
        expected = {}
        for pair in text.split('&'):
            if pair:
                key, _, value = pair.partition('=')
                expected.setdefault(
                    urllib.parse.unquote_plus(key, errors='strict'), []
                ).append(urllib.parse.unquote_plus(value, errors='strict'))
        check({key: pairs.getlist(key) for key in pairs} == expected, pairs)
    for core in (fast, plain):
        req = core.Request(
            None, None, 'POST', '/', '1.1',
            {'Content-Type': 'application/x-www-form-urlencoded',
             'Content-Length': str(len(data))}, data)
        req.query_string = text
        args = outcome(lambda: req.args)
        form = outcome(lambda: req.form)
        for got in (args, form):
            check(got in (400, 413) if isinstance(got, int) else
                  all(isinstance(each, str) for key in got
                      for each in got.getlist(key)), got)
        if text.count('&') >= Request.max_fields:
            check((args, form) == (413, refused or 413), args, form)
        check(not refused or form == refused, form)


@target('json', [b'{"a": [1, 2.5e3, "b\\u20ac", null, true]}', b'[]', b'""'],
        [b'{', b'}', b'[', b']', b'"', b'\\u', b'1e9', b'-', b'[' * 400])
def fuzz_json(data):
    """A body is JSON or refused, and never an error of the server's."""
    for core in (fast, plain):
        req = core.Request(
            None, None, 'POST', '/', '1.1',
            {'Content-Type': 'application/json',
             'Content-Length': str(len(data))}, data)
        got = outcome(lambda: (req.json,))
        if got == 400:
            continue
        data.decode()  # UTF-8, or it was to be refused
        if got == 413:
            check(not data)
            continue
        check(got == (None,) or json.dumps(got[0]), got)


@target('response', [b'X|y|text', b'Set-Cookie|a=b|', b'Content-Length|4|text',
                     b'Connection|close|text', b'Date|x|204'],
        [b'|', b'Content-Length', b'Transfer-Encoding', b'chunked', b'close',
         b'Connection', b'Content-Type', b'\r\n', b'\0', b'304', b'204'])
def fuzz_response(data):
    """Whatever a handler gives, the head of its response is one head."""
    name, _, rest = data.decode('latin-1').partition('|')
    value, _, body = rest.partition('|')
    status = int(body) if body.isascii() and body.isdigit() and \
        len(body) < 5 else 200
    for version in ('1.1', '1.0'):
        res = Response(body, status, {name: value})
        got = outcome(fast.encode_head, res, version, len(res.body), True)
        if got == 400:
            continue
        head, size, keep, chunked = got
        check(head.count(b'\r\n\r\n') == 1 and head.endswith(b'\r\n\r\n'))
        check(head.startswith(b'HTTP/%s %d ' % (version.encode(), status)))
        lines = head[:-4].split(b'\r\n')
        check(all(FIELD.fullmatch(line) for line in lines[1:]), lines)
        lengths = [line for line in lines
                   if line.lower().startswith(b'content-length:')]
        bare = status in (101, 204, 304)
        check(lengths == ([] if bare else
                          [b'Content-Length: %d' % len(res.body)]), lines)
        check(not any(line.lower().startswith(b'transfer-encoding:')
                      for line in lines), lines)




# --------------------------------------------------------------- extensions

def pieces_of(data):
    """Return the ways in which bytes may arrive: whole, and in small pieces
    whose size the last byte chooses."""
    step = data[-1] % 7 + 1 if data else 1
    return [data], [data[i:i + step] for i in range(0, len(data), step)]


def take_events(parser, pieces):
    """Feed a parser; return its events, and its error or ``None``."""
    events = []
    try:
        for piece in pieces:
            parser.feed(piece)
            while True:
                event = parser.next_event()
                if event is None:
                    break
                events.append(event)
    except Exception as exc:
        if not isinstance(exc, EXPECTED):
            raise
        return events, (getattr(exc, 'status_code', 0),
                        getattr(exc, 'code', 0))
    return events, None


EXPECTED = (ValueError, HTTPException)

try:
    from microdot import multipart
except ImportError:
    multipart = None
else:
    PART = b'Content-Disposition: form-data; name="a"\r\n\r\n'
    FILE = (b'Content-Disposition: form-data; name="f"; filename="b.txt"\r\n'
            b'Content-Type: text/plain\r\n\r\n')

    @target('multipart', [
        b'--b\r\n' + PART + b'x\r\n--b--\r\n',
        b'--b\r\n' + PART + b'x\r\n--b\r\n' + FILE + b'text\r\n--b--',
        b'skip\r\n--b \t\r\n' + FILE + b'--b\r\n-\r\n--\r\n--b--\r\nskip',
        b'--b\r\nContent-Disposition: form-data; name="a\\"b"; '
        b"filename*=utf-8''%e2%82%ac\r\n\r\n\r\n--b--"],
        [b'--b', b'\r\n', b'\r\n--b', b'--b--', b'-', b'\r', b'\n', b'\0',
         b'Content-Disposition: form-data; name=', b'"', b'\\', b';', b'=',
         b'filename=', b"filename*=utf-8''%ff", b'name', b': ', b'../', PART,
         FILE, b'Content-Type: a/b', b'\xff', b' ', b'\t'])
    def fuzz_multipart(data):
        """A form is the same however it is cut, or refused."""
        results = []
        for pieces in pieces_of(data):
            parser = multipart.MultipartParser('b', 4, 200)
            events, error = take_events(parser, pieces)
            parts = []
            for event in events:
                if isinstance(event, tuple):
                    name, filename, headers = event
                    check(isinstance(name, str) and isinstance(headers, dict))
                    check(filename is None or not set(filename) &
                          set('/\\\r\n\0') and filename not in ('.', '..'),
                          filename)
                    parts.append([event, b'', False])
                elif event:
                    check(not parts[-1][2])
                    parts[-1][1] += event
                else:
                    parts[-1][2] = True
            check(len(parts) <= 4)
            if error is None:
                outcome(parser.close)
            else:
                # how much of a part has come by then is up to the cuts
                parts = [part for part in parts if part[2]]
            results.append((parts, parser.done, error))
        check(results[0] == results[1], results)
        for text in (data.decode('latin-1'), 'form-data;' +
                     data.decode('utf-8', 'replace')):
            outcome(multipart.parse_options, text)

try:
    from microdot import websocket
except ImportError:
    websocket = None
else:
    EXPECTED += (websocket.WebSocketError,)

    @target('websocket', [
        b'\x81\x85\x01\x02\x03\x04iggho', b'\x89\x80\0\0\0\0',
        b'\x01\x82\0\0\0\0\xe2\x82\x80\x81\0\0\0\0\xac',
        b'\x88\x82\0\0\0\0\x03\xe8', b'\x82\xfe\x00\x7e\0\0\0\0' + b'x' * 126,
        b'\x01\x81\0\0\0\0a\x89\x81\0\0\0\0b\x80\x81\0\0\0\0c'],
        [b'\x81', b'\x01', b'\x80', b'\x82', b'\x88', b'\x89', b'\x8a', b'\0',
         b'\xfe\0\x7e', b'\xff\0\0\0\0\0\1\0\0', b'\0\0\0\0', b'\x85', b'\xc1',
         b'\x03\xe8', b'\xe2\x82\xac', b'\xed\xa0\x80', b'\xff'])
    def fuzz_websocket(data):
        """Messages are the same however they are cut, and within limits."""
        results = []
        for pieces in pieces_of(data):
            parser = websocket.FrameParser(200)
            events, error = take_events(parser, pieces)
            for opcode, payload in events:
                check(opcode in (1, 2, 8, 9, 10), opcode)
                check(len(payload) <= (125 if opcode > 7 else 200))
                if opcode == 1:
                    payload.decode()
                elif opcode == 8:
                    try:
                        code, reason = websocket.parse_close(payload)
                        check(code == 1005 or websocket.is_close_code(code))
                    except websocket.WebSocketError as exc:
                        check(exc.code in (1002, 1007), exc.code)
            check(error is None or error[1] in (1002, 1007, 1009), error)
            results.append((events, error))
        check(results[0] == results[1], results)

try:
    from microdot import session
except ImportError:
    session = None
else:
    TOKEN_1 = session.encode_jwt({'a': 'b', 'exp': 4102444800}, 'key')

    @target('session', [
        TOKEN_1.encode(), b'', b'..', b'a.b.c',
        b'{"alg":"HS256"}.{"a":1}', b'{"alg":"none"}.{"a":1}',
        b'{"alg":"HS256","crit":["x"]}.{}', b'{}.{"exp":1,"nbf":1e9}'],
        [b'.', b'=', b'{', b'}', b'"exp":', b'"nbf":', b'NaN', b'1e999',
         b'Infinity', b'null', b'"alg":"HS256"', b'[', b'-', b'_'])
    def fuzz_session(data):
        """No token but a signed one is taken; those that are signed, whatever
        is in them, are a dict."""
        text = data.decode('latin-1')
        for keys in (['key'], ['other', b'key'], ['other'], []):
            got = session.parse_jwt(text, keys)
            check(got == {} or text == TOKEN_1 and keys and
                  keys != ['other'], got)
        # the same as text within a token that is signed
        head, _, payload = data.partition(b'.')
        for token in (data, session._encode_part(head) + b'.' +
                      session._encode_part(payload)):
            signed = token + b'.' + session._sign(token, 'key')
            try:
                got = session.parse_jwt(signed.decode(), ['key'])
            except UnicodeDecodeError:
                continue
            check(isinstance(got, dict), got)
            try:
                check(session.parse_jwt(
                    session.encode_jwt(got, 'key'), ['key']) == got or
                    'nan' in repr(got), got)
            except (ValueError, TypeError):
                pass  # not everything that is read can be written


try:
    from microdot import auth
except ImportError:
    auth = None
else:
    import base64

    @target('auth', [
        b'Basic YWRhOmxvdmVsYWNl', b'basic  YTo=', b'Basic', b'Bearer x',
        b'Basic YTpi, Basic YTpi', b'Basic Og=='],
        [b'Basic ', b'=', b'==', b' ', b',', b'Og==', b'/', b'_', b'\t'])
    def fuzz_auth(data):
        """Credentials are as RFC 7617 has them, or none."""
        text = data.decode('latin-1')
        found = auth.parse_credentials(text, 'Basic')
        if found is None:
            check(text[:6].lower() != 'basic ' or not text[6:].strip(), text)
            return
        check(text[:6].lower() == 'basic ', text)
        pair = auth.parse_basic(found)
        if pair is None:
            return
        check(':' not in pair[0], pair)
        check(not re.search('[\0-\x1f\x7f]', ''.join(pair)), pair)
        check(base64.b64encode(':'.join(pair).encode()).decode() == found,
              found)


try:
    from microdot import login
except ImportError:
    login = None
else:
    @target('login', [
        b'/', b'/a/b?c=d#e', b'//evil', b'/\\evil', b'/%2Fevil', b'/\t/evil',
        b'/.//evil', b'https://evil/', b'/%5Cevil', b'/a%20b', b''],
        [b'/', b'//', b'\\', b'%2f', b'%5C', b'%09', b'.', b'..', b'?', b'#',
         b'@', b':', b'\t', b'%25', b'http:'])
    def fuzz_login(data):
        """What is taken for a path of this site is one."""
        try:
            url = data.decode()
        except UnicodeDecodeError:
            url = data.decode('latin-1')
        if not login.is_local(url):
            return
        # (those who sent it, and a proxy that decodes once)
        for text in (url, urllib.parse.unquote(re.split('[?#]', url)[0])):
            # as browsers do: WHATWG URL, section 4.4
            text = re.sub('[\t\n\r]', '', text).strip(
                ''.join(map(chr, range(33)))).replace('\\', '/')
            check(text[:1] == '/' and text[1:2] != '/', text)
        target = urllib.parse.urljoin('http://site.example/x', url)
        check(target.startswith('http://site.example/'), target)
        check(not re.search('[\0-\x20\x7f]', Response.redirect(
            url).headers['Location']), url)


try:
    from microdot import static
except ImportError:
    static = None
else:
    # (RFC 9110, section 14.1.2)
    RANGE = re.compile('[ \t]*bytes[ \t]*=[ \t]*([0-9]*)-([0-9]*)[ \t]*',
                       re.IGNORECASE)

    @target('ranges', [
        b'bytes=0-499', b'bytes=500-', b'bytes=-1', b'bytes=-0', b'bytes=5-2',
        b'bytes=0-0,-1', b'lines=1-2', b'Sun, 06 Nov 1994 08:49:37 GMT',
        b'Sunday, 06-Nov-94 08:49:37 GMT', b'Sun Nov  6 08:49:37 1994',
        b'"a"', b'W/"a", "b"', b'*'],
        [b'bytes', b'=', b'-', b',', b' ', b'\t', b'0', b'99999999999999999',
         b'GMT', b':', b'Jan', b'"', b'W/', b'\xb2', b'+', b'_'])
    def fuzz_ranges(data):
        """A range is of bytes that there are; dates and tags are read or
        ignored."""
        text = data.decode('latin-1')
        found = RANGE.fullmatch(text)
        for size in (0, 1, 500):
            got = outcome(static.parse_range, text, size)
            if got is None:
                check(not found or found[1] == found[2] == '' or
                      len(text.partition('=')[2]) > 40 or
                      found[1] and found[2] and
                      int(found[1]) > int(found[2]), text)
            elif got == 416:
                check(found, text)
                check(int(found[1]) >= size if found[1] else
                      not size or not int(found[2]), text)
            else:
                first, last = got
                check(found and 0 <= first <= last < size, got)
                check(first == int(found[1]) if found[1] else
                      last == size - 1, got)
        date = static.parse_date(text)
        check(date is None or len(date) == 6 and 1 <= date[1] <= 12 and
              min(date) >= 0, date)
        tags = [tag.strip() for tag in text.split(',')]
        got = outcome(static.matches_etag, text, 'W/"a"')
        if got == 431:
            check(len(tags) > Request.max_members, text)
        elif text.isprintable():  # (others never come so far)
            check(got == (text.strip() == '*' or '"a"' in tags or
                          'W/"a"' in tags), got)


try:
    from microdot import proxies
except ImportError:
    proxies = None
else:
    import ipaddress

    TRUSTED = proxies.TrustedProxies('127.0.0.1', '10.0.0.0/8', host=True)

    @target('forwarded', [
        b'1.2.3.4', b'1.2.3.4, 10.0.0.1|https|b.example|/p',
        b'[::1]:80, 10.1.1.1:5|http|[::1]:8|/p/q', b'::ffff:1.2.3.4|x|a b|..',
        b'unknown|https, http|a, b|/p/../q', b'2001:db8::1||a:80|//p'],
        [b'|', b',', b' ', b'.', b':', b'::', b'[', b']', b'10.0.0.1', b'/',
         b'256', b'https', b'0', b'ffff', b'\xb2', b'%', b'..', b'\t'])
    def fuzz_forwarded(data):
        """What proxies say of a client is an address, a scheme, a host and a
        path, or is not believed."""
        values = data.decode('latin-1').split('|')
        req = core_request()
        names = ('For', 'Proto', 'Host', 'Prefix')
        for name, value in zip(names, values):
            req.headers['X-Forwarded-' + name] = value
            req.fields['x-forwarded-' + name.lower()] = value

        async def view(request):
            return Response('', headers={'Location': '/x'})

        try:
            res = finish(TRUSTED(req, view))
        except HTTPException as exc:
            check(exc.status_code == 431 and
                  values[0].count(',') >= Request.max_members, values)
            return
        host, port = req.client_addr
        check(0 <= port < 65536, port)
        ipaddress.ip_address(host)
        check(req.scheme in ('http', 'https'), req.scheme)
        host = req.headers['Host']
        check(fast.parse_host(host) == host, host)
        check(re.fullmatch(r'(/[A-Za-z0-9._~-]+)*', req.root_path))
        check(not {'.', '..'} & set(req.root_path.split('/')))
        check(res.headers['Location'] == req.root_path + '/x' or
              req.root_path == '/x', req.root_path)


def core_request():
    """Return a request by a proxy."""
    fields = {'host': 'a'}
    return Request(app, ('127.0.0.1', 5), 'GET', '/', '1.1',
                   (fields, [b'Host: a']), scheme='http')


try:
    from microdot import hosts
except ImportError:
    hosts = None
else:
    LAN = [ipaddress.ip_network(net) for net in (
        '127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16',
        '169.254.0.0/16')]

    @target('hosts', [
        b'a.example.com|<name>.example.com', b'127.0.0.1|<int:n>.0.0.1',
        b'[::1]:80|[::1]', b'A.EXAMPLE.COM.:80|a.example.com', b'x.local|*.a',
        b'192.168.1.1|<a>-<b>.c', b'[fe80::1]|<uuid:x>', b'172.31.255.255|'],
        [b'|', b'.', b':', b'[', b']', b'<', b'>', b'int:', b'path:', b're:',
         b'*', b'/', b'0', b'256', b'10.', b'.local', b'localhost', b'\xb2'])
    def fuzz_hosts(data):
        """Each host fits a pattern or does not; those of the network at home
        are known as such."""
        host, _, pattern = data.decode('latin-1').partition('|')
        if outcome(fast.parse_host, host) == 400:
            return
        req = core_request()
        req.fields['host'] = host
        name = hosts.host_name(req)
        check(name == name.lower())
        if re.fullmatch('[0-9.]*', name):
            try:
                address = ipaddress.ip_address(name)
                found = any(address in net for net in LAN)
            except ValueError:
                found = None  # (it has no such number, or zeroes before it)
            if found is not None:
                check(hosts.is_local(name) == found, name)
        hosts.is_local(name)
        try:
            rule = outcome(hosts.Host, pattern)
        except re.error:
            return  # (it is the program's pattern, not a client's)
        if rule != 400:
            args = rule(req, {'z': 1})
            check(args is None or args['z'] == 1, args)
            if '<' not in pattern and args is not None:
                check(rule.name == name, rule.name, name)


try:
    from microdot import dotenv
except ImportError:
    dotenv = None
else:
    @target('config', [
        b'A=1', b'export A="b c" # d\n# e\nF=\'g\'', b'A = 1\r\nB', b'=\n=\n',
        b'A="b', b"A=' # '", b'\xef\xbb\xbfA=1', b'A=b#c #d'],
        [b'=', b'"', b"'", b' #', b'#', b'\n', b'\r\n', b'export ', b' ',
         b'\t', b'A', b'\\', b'\0', b'\xc2\xa0'])
    def fuzz_config(data):
        """A file of settings has names and values of one line each; one that
        is written plainly is read as it was."""
        text = data.decode('latin-1')
        got = dotenv.parse(text.split('\n'))
        for name, value in got.items():
            check(name and '=' not in name and name.split() == [name], name)
            check('\n' not in value, value)
        check(len(got) <= text.count('='))
        if text.isprintable() and '"' not in text:
            again = dotenv.parse(['export A="%s" # x' % text, 'B = 1'])
            check(again == {'A': text, 'B': '1'}, again)


try:
    from microdot import codings
except ImportError:
    codings = None
else:
    @target('codings', [
        b'gzip', b'gzip, br;q=0.5', b'*;q=0', b'identity;q=0, *', b'br;q=0',
        b'gzip;q=1.0, identity; q=0.5, *;q=0', b'gzip;q=nan', b'x;y=z;q=1'],
        [b'gzip', b'br', b'*', b'identity', b';q=', b'; q=', b',', b'0', b'1',
         b'0.001', b'1e9', b'-', b'nan', b'inf', b'_', b'q', b'\xb2'])
    def fuzz_codings(data):
        """A coding is one that the client takes, and not less gladly than
        none."""
        text = data.decode('latin-1')
        got = outcome(codings.choose_coding, text, ['br', 'gzip'])
        if got == 431:
            check(text.count(',') >= Request.max_members)
            return
        check(got in (None, 'br', 'gzip'), got)
        if got is not None:
            items = [item.strip() for item in text.lower().split(',')]
            names = [item.partition(';')[0].strip() for item in items]
            check(got in names or '*' in names, names)
            check(got + ';q=0' not in items or names.count(got) > 1, items)


try:
    from microdot import _deflate
except ImportError:
    _deflate = None
else:
    import zlib

    def _deflated(text):
        made = zlib.compressobj(9, zlib.DEFLATED, -12)
        return made.compress(text) + made.flush(zlib.Z_SYNC_FLUSH)

    @target('deflate', [
        b'permessage-deflate|', b'permessage-deflate; client_max_window_bits|',
        b'x, permessage-deflate; server_max_window_bits="9"; '
        b'server_no_context_takeover; client_no_context_takeover|' +
        _deflated(b'hello' * 9)[:-4], b'permessage-deflate|\xff\xff',
        b'permessage-deflate|' + _deflated(b'\0' * 60000)[:-4]],
        [b'permessage-deflate', b';', b',', b'=', b'"', b'|', b'8', b'15',
         b'client_max_window_bits', b'server_max_window_bits', b'16',
         b'client_no_context_takeover', b'server_no_context_takeover',
         b'\0\0\xff\xff', b'\1', b'\3\0', b'\xff'])
    def fuzz_deflate(data):
        """What is agreed on was offered; a message is taken in pieces or
        refused, and never longer than allowed."""
        head, _, payload = data.partition(b'|')
        text = head.decode('latin-1')
        got = outcome(_deflate.negotiate, text)
        if got == 431 or got is None:
            return
        value, inflate, deflate = got
        agreed = _deflate.parse_offer(value)
        check(agreed is not None, value)
        for name in agreed:
            check(name in text.lower() or name == 'server_max_window_bits',
                  value)
        for size in (200, 5):
            try:
                out = inflate.decompress(payload, True, size)
            except Exception as exc:
                check(getattr(exc, 'code', 0) in (1002, 1007, 1009) or
                      isinstance(exc, (ValueError, zlib.error)), exc)
                return
            check(len(out) <= size, len(out))
        sent = deflate.compress(payload)
        bits = agreed['server_max_window_bits']
        check(zlib.decompressobj(-bits).decompress(
            sent + b'\0\0\xff\xff') == payload)


try:
    from microdot import captive, udp
except ImportError:
    captive = None
else:
    QUERY = b'ab\1\0\0\1\0\0\0\0\0\0\1a\2bc\0\0\1\0\1'

    @target('names', [
        QUERY, captive.encode_answer(QUERY, b'\1\2\3\4'), QUERY[:-4],
        QUERY[:13] + b'\xc0\x0c\0\1\0\1', b'', QUERY[:12] + b'\0\0\1\0\1'],
        [b'\xc0\x0c', b'\0\1\0\1', b'\0\1', b'\0', b'\xff', b'\x3f', b'\1a',
         b'\0\0\0\x3c\0\4\1\2\3\4'])
    def fuzz_names(data):
        """A query is answered with its own name, which is read again; what
        is no query is not."""
        got = captive.encode_answer(data, b'\1\2\3\4')
        if got is not None:
            check(got[:2] == data[:2] and got[2] & 0x80, got)
            check(len(got) <= len(data) + 16 and len(got) <= 287, len(got))
            end = len(got) - 16 if got[7] else len(got)
            check(data[12:].startswith(got[12:end]), got)
            found = udp._find_address(got, end)
            check(found == ('1.2.3.4' if got[7] else None), found)
        if len(data) >= 12:
            # (such an answer has been seen to have a head)
            for start in (12, len(data) // 2):
                found = udp._find_address(data, start)
                check(found is None or len(found.split('.')) == 4, found)


try:
    from microdot import _redis
except ImportError:
    _redis = None  # needs the library redis
else:
    HUB = _redis.RedisHub('redis://127.0.0.1:1')

    @target('redis', [
        b's|room/a|text', b'b|room|\0\xff', b'j|a|{"a": [1, null]}',
        b'p||["a1", {"room": 2}]', b'1-2', b'1700000000000-15', b'|', b'j||7'],
        [b'|', b'p|', b'j|', b'[', b']', b'{', b'}', b'"a"', b':', b',',
         b'NaN', b'-1', b'1e999', b'-', b'0', b'\xff', b'\xb2'])
    def fuzz_redis(data):
        """An entry is one of a hub or refused, and the id of an event that a
        browser sends is a pair of numbers."""
        kind, _, rest = data.partition(b'|')
        topic, _, rest = rest.partition(b'|')
        entry = outcome(_redis.parse_entry, {
            b'k': kind, b't': topic, b'd': rest})
        if entry != 400:
            check(entry[0] == kind and entry[1] == topic.decode() and
                  entry[3] == rest, entry)
            HUB._take(b'1-1', {b'k': kind, b't': topic, b'd': rest})
            check(len(HUB.others) <= HUB.max_others)
            HUB.count('room')
        text = data.decode('latin-1')
        first, second = HUB.position(text)
        check(first >= 0 and second >= 0)
        if (first, second) != (0, 0):
            again = HUB.event_id((first, second))
            check(HUB.position(again) == (first, second), again)

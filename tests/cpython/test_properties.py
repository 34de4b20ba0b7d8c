"""Properties of the wire functions, which hold for any bytes of a peer."""

import asyncio
from email.utils import formatdate

from hypothesis import example, given, settings
from hypothesis import strategies as st

from microdot.cookies import parse_cookies
from microdot.microdot import (
    AsyncBytesIO,
    Connection,
    Disconnected,
    HTTPException,
    MalformedBody,
    Microdot,
    Request,
    Response,
    Server,
    encode_head,
    find_head,
    http_date,
    parse_chunk_size,
    parse_framing,
    parse_head,
    parse_host,
    parse_token,
    urldecode,
    urlencode,
)
from microdot.test_client import TestResponse

# What the wire functions may raise: more needs no answer than its status.
REFUSED = (ValueError, HTTPException)

# Bytes that are nearly a request, so that more than the first check is met.
WORDS = st.sampled_from([
    b'GET', b'POST', b'OPTIONS', b'CONNECT', b' ', b'  ', b'/', b'*', b'/a%2F',
    b'?x=1&y', b'http://', b'example.com', b'[::1]', b':80', b':', b': ', b'#',
    b' HTTP/1.1', b' HTTP/1.0', b' HTTP/2.0', b' HTTP/', b'\r\n', b'\r', b'\n',
    b'\r\n\r\n', b'Host', b'Host: a', b'Content-Length: 5', b'chunked',
    b'Content-Length:', b'Transfer-Encoding: chunked', b'Cookie: a=b; c',
    b'Connection: close', b'Connection: keep-alive', b'Expect: 100-continue',
    b'X', b'\t', b'\x00', b'\x7f', b'\xff', b'\xe2\x82\xac', b'%', b'%zz',
    b'5', b'5\r\nhello\r\n', b'0\r\n\r\n', b'hello', b';', b',', b'"'])
NEARLY = st.lists(WORDS | st.binary(max_size=4), max_size=24).map(b''.join)
ANY_BYTES = st.binary(max_size=200) | NEARLY
HEAD_START = st.sampled_from([
    b'GET / HTTP/1.1\r\nHost: a\r\n', b'POST /x?y HTTP/1.1\r\nHost: a\r\n',
    b'OPTIONS * HTTP/1.0\r\n', b'GET http://a/b HTTP/1.1\r\n', b''])

TOKEN = st.text(
    'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_',
    min_size=1, max_size=12)
VALUE = st.text(st.characters(codec='utf-8', exclude_categories=('Cc', 'Cs')),
                max_size=20)


class Peer(Connection):
    """A connection that brings given pieces, and then ends."""

    def __init__(self, app, pieces):
        super().__init__(Server(app), None)
        self.pieces = list(pieces)
        self.sent = b''

    async def fill(self):
        data = self.pieces.pop(0) if self.pieces else b''
        self.data = self.data[self.pos:] + data
        self.pos = 0
        return len(data) > 0

    async def send(self, data):
        self.sent += data

    async def watch(self, on):
        pass


def make_app():
    app = Microdot()
    app.seen = []

    async def view(request, path=''):
        app.seen.append((
            request.method, request.url, sorted(request.headers.items()),
            request.body))
        return [request.path, request.args, request.cookies, request.json,
                request.form]

    for pattern in ('/', '/<path:path>'):
        app.route(pattern, methods=['GET', 'POST'])(view)
    return app


async def serve(pieces):
    """Return what the handler saw, and the statuses of the answers."""
    app = make_app()
    conn = Peer(app, pieces)
    try:
        while await conn.fill() and await conn.server.serve_requests(conn):
            pass
    except Disconnected:
        pass
    return app.seen, [
        line.split(b' ')[1] for line in conn.sent.split(b'\r\n')
        if line.startswith(b'HTTP/1.')]


def cut(data, places):
    """Return the pieces of *data* that cutting at *places* gives."""
    places = sorted({place % (len(data) + 1) for place in places})
    pieces = [data[start:stop] for start, stop in zip(
        [0] + places, places + [len(data)], strict=True)]
    return [piece for piece in pieces if piece]


@given(HEAD_START, ANY_BYTES.filter(bool))
@example(b'', b'GET  HTTP/1.1\r\nHost: a')
@example(b'', b'GET HTTP/1.1')
@example(b'', b'\r\n')
@example(b'', b'GET / HTTP/1.1\r\nHost: ')
def test_any_head_is_parsed_or_refused(start, data):
    try:
        method, target, version, fields, lines = parse_head(start + data)
    except REFUSED:
        return
    assert target[0] in '/*'
    assert version.startswith('1.')
    assert all(name == name.lower() for name in fields)
    assert len(fields) <= len(lines) + 1
    try:
        length, keep_alive = parse_framing(version, fields)
    except REFUSED:
        return
    assert -1 <= length < 10 ** 10
    assert isinstance(keep_alive, bool)


@given(ANY_BYTES.filter(bool))
def test_any_bytes_end_a_head_or_need_more_or_are_refused(data):
    try:
        end = find_head(data)
    except REFUSED:
        return
    assert end == data.find(b'\r\n\r\n')


@given(ANY_BYTES, ANY_BYTES.filter(bool))
def test_head_is_found_after_what_was_used(before, data):
    results = []
    for text, pos in ((data, 0), (before + data, len(before))):
        try:
            end = find_head(text, pos)
            results.append(end - pos if end >= 0 else end)
        except REFUSED as exc:
            results.append(getattr(exc, 'status_code', 400))
    assert results[0] == results[1]


@given(ANY_BYTES)
def test_any_chunk_size_is_parsed_or_refused(line):
    try:
        size = parse_chunk_size(line)
    except ValueError:
        return
    assert 0 <= size < 2 ** 32
    digits = line.split(b';')[0].rstrip(b' \t')
    assert size == int(digits, 16)


@given(st.text(max_size=40))
def test_any_host_is_accepted_or_refused(text):
    try:
        assert parse_host(text) == text
    except ValueError:
        return
    assert not set(text) & set('/?#@\\ \r\n\t')


@given(st.text(max_size=20))
def test_any_token_is_accepted_or_refused(text):
    try:
        token = parse_token(text)
    except ValueError:
        return
    assert token == text.lower()
    assert token.isascii() and token.isprintable()
    assert not set(token) & set('()<>@,;:\\"/[]?={} ')


@given(st.text(st.characters(codec='utf-8')))
def test_decoding_undoes_encoding(text):
    assert urldecode(urlencode(text)) == text
    assert urldecode(urlencode(text), plus=False) == text
    assert urldecode(urlencode(text).encode()) == text


@given(st.text(st.characters(codec='utf-8')))
def test_encoded_text_has_no_separator(text):
    encoded = urlencode(text)
    assert encoded.isascii() and encoded.isprintable()
    assert not set(encoded) & set(' +?#&="<>\\')


@given(st.binary() | st.text(st.characters(codec='utf-8')))
@example(b'%+1')
@example(b'% 1')
@example(b'%4')
@example(b'%\xff')
def test_any_escapes_are_decoded_or_refused(data):
    try:
        assert isinstance(urldecode(data), str)
    except ValueError:
        pass


@given(st.text())
def test_any_cookies_are_parsed(text):
    cookies = parse_cookies(text)
    assert all(isinstance(part, str)
               for pair in cookies.items() for part in pair)


@given(st.dictionaries(TOKEN, st.text('abc 123=+/', max_size=8).map(str.strip),
                       max_size=5))
def test_cookies_survive_their_header(cookies):
    text = '; '.join('%s=%s' % pair for pair in cookies.items())
    assert parse_cookies(text) == cookies or not cookies


@given(st.text(st.characters(codec='utf-8')))
def test_any_query_is_parsed_or_refused(query):
    req = Request(None, None, 'GET', '/?' + query, '1.1', {})
    try:
        assert all(isinstance(value, str) for key in req.args
                   for value in req.args.getlist(key))
    except (HTTPException, MalformedBody) as exc:
        assert exc.status_code in (400, 413)


@given(st.sampled_from(['application/json', 'application/problem+json',
                        'application/x-www-form-urlencoded', 'text/plain',
                        '', ';', 'application/json; charset=x']),
       st.binary(max_size=60) | st.text('[]{}",:0123e.-\\u ').map(str.encode))
@example('application/json', b'[' * 20000)
def test_any_body_is_parsed_or_refused(content_type, body):
    req = Request(None, None, 'POST', '/', '1.1',
                  {'Content-Type': content_type,
                   'Content-Length': str(len(body))}, body)
    for name in ('json', 'form'):
        try:
            getattr(req, name)
        except (HTTPException, MalformedBody) as exc:
            assert exc.status_code in (400, 413)


@given(st.text(max_size=20))
@example('/%00')
@example('/%2F%')
@example('')
def test_any_target_makes_a_request_or_is_refused(target):
    try:
        req = Request(None, None, 'GET', target, '1.1', {})
    except ValueError:
        return
    assert isinstance(req.path, str)


@given(st.dictionaries(TOKEN, VALUE | st.text(), max_size=4),
       st.integers(0, 999), st.text(max_size=10),
       st.none() | st.integers(0, 99))
def test_any_response_has_one_head_or_is_refused(headers, status, reason,
                                                 size):
    res = Response(b'x' * (size or 0), status, headers, reason)
    try:
        head, size, keep_alive, chunked = encode_head(res, '1.1', size, True)
    except (ValueError, UnicodeError):
        return
    assert head.endswith(b'\r\n\r\n')
    assert head.count(b'\r\n\r\n') == 1
    lines = head[:-4].split(b'\r\n')
    assert len(lines) >= len(headers) - 4
    for line in lines:
        assert b'\r' not in line and b'\n' not in line and b'\0' not in line


@given(st.sampled_from([
    b'HTTP/1.1 200 OK\r\n', b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204\r\n',
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
    b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n', b'']),
       ANY_BYTES, st.booleans())
def test_any_response_is_parsed_by_the_client_or_refused(head, data, is_head):
    try:
        res = TestResponse.parse(head + data, is_head)
    except ValueError:
        return
    assert 100 <= res.status_code <= 999
    assert res.text is None or isinstance(res.text, str)
    try:
        res.events
    except ValueError:
        pass  # a text that is not UTF-8, a time that is none


@settings(max_examples=50)
@given(HEAD_START, ANY_BYTES)
@example(b'', b'')
@example(b'', b'\r\n')
def test_any_stream_gives_a_request_or_an_error(start, data):
    stream = AsyncBytesIO(start + data)
    try:
        req = asyncio.run(Request.create(None, stream, None, None))
    except (ValueError, EOFError):
        return
    assert req is None or isinstance(req.path, str)


@given(st.integers(0, 2 ** 32))
def test_any_time_is_a_date_of_one_form(seconds):
    assert http_date(seconds) == formatdate(seconds, usegmt=True)


@settings(max_examples=50)
@given(ANY_BYTES, st.lists(st.integers(0, 10 ** 6), max_size=8))
@example(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n', [])
@example(b'GET  HTTP/1.1\r\nHost: a\r\n\r\n', [])
def test_any_bytes_are_answered_or_closed(data, places):
    seen, statuses = asyncio.run(serve(cut(data, places)))
    assert b'500' not in statuses


HEADS = st.builds(
    lambda method, target, version, fields: (
        '%s %s HTTP/%s\r\nHost: a\r\n%s\r\n' % (
            method, target, version, ''.join(
                'X-%s: %s\r\n' % pair for pair in fields))).encode(),
    st.sampled_from(['GET', 'HEAD', 'OPTIONS', 'DELETE']),
    st.sampled_from(['/', '/a', '/a/b?c=d', '/%E2%82%AC', 'http://b/c']),
    st.sampled_from(['1.1', '1.0']),
    st.lists(st.tuples(TOKEN, VALUE.map(str.strip)), max_size=4))


def post(body, chunks):
    """Return a request with a body, in chunks of given sizes if any."""
    head = b'POST /p HTTP/1.1\r\nHost: a\r\n'
    if not chunks:
        return head + b'Content-Length: %d\r\n\r\n' % len(body) + body
    wire = head + b'Transfer-Encoding: chunked\r\n\r\n'
    while body:
        size = chunks[0]
        chunks = chunks[1:] + chunks[:1]
        piece, body = body[:size], body[size:]
        wire += b'%x\r\n' % len(piece) + piece + b'\r\n'
    return wire + b'0\r\n\r\n'


REQUESTS = HEADS | st.builds(post, st.binary(max_size=50),
                             st.lists(st.integers(1, 20), max_size=3))


@settings(max_examples=50)
@given(st.lists(REQUESTS, min_size=1, max_size=3).map(b''.join),
       st.lists(st.integers(0, 10 ** 6), max_size=12))
def test_cutting_requests_changes_nothing(data, places):
    assert asyncio.run(serve(cut(data, places))) == \
        asyncio.run(serve([data]))


@settings(max_examples=30)
@given(REQUESTS)
def test_requests_survive_one_byte_at_a_time(data):
    pieces = [data[i:i + 1] for i in range(len(data))]
    assert asyncio.run(serve(pieces)) == asyncio.run(serve([data]))


# What requests mean, from which their bytes are made: a method, a target, a
# version, headers in order, a body, and the sizes of chunks (none: a length).
MODELS = st.tuples(
    st.sampled_from(['GET', 'POST']),
    st.sampled_from(['/', '/a', '/a/b?c=d&e', '/%E2%82%AC', '/a%2Fb?%zz',
                     '//']),
    st.lists(st.tuples(TOKEN.map('X-'.__add__), VALUE.map(str.strip)),
             max_size=4, unique_by=lambda pair: pair[0].lower()),
    st.binary(max_size=60),
    st.lists(st.integers(1, 20), max_size=3))


def encode(model):
    """Return the bytes of a request."""
    method, target, headers, body, chunks = model
    lines = ['%s %s HTTP/1.1' % (method, target), 'Host: a']
    lines += ['%s: %s' % pair for pair in headers]
    if chunks:
        lines.append('Transfer-Encoding: chunked')
    elif body:
        lines.append('Content-Length: %d' % len(body))
    wire = '\r\n'.join(lines).encode() + b'\r\n\r\n'
    if not chunks:
        return wire + body
    while body:
        size = chunks[0]
        chunks = chunks[1:] + chunks[:1]
        wire += b'%x;x="y"\r\n' % len(body[:size]) + body[:size] + b'\r\n'
        body = body[size:]
    return wire + b'0\r\nX-Late: no header\r\n\r\n'


def meant(model):
    """Return what a handler has to see of a request."""
    method, target, headers, body, chunks = model
    headers = [('Host', 'a')] + headers
    if chunks:
        headers.append(('Transfer-Encoding', 'chunked'))
    elif body:
        headers.append(('Content-Length', str(len(body))))
    return method, target, sorted(headers), body


@settings(max_examples=80)
@given(st.lists(MODELS, min_size=1, max_size=4),
       st.lists(st.integers(0, 10 ** 6), max_size=20))
def test_requests_in_any_pieces_are_what_was_meant(models, places):
    app = Microdot()
    seen = []

    async def view(request, path=''):
        seen.append((request.method, request.url,
                     sorted(request.headers.items()), request.body))
        return 'seen'

    for pattern in ('/', '/<path:path>'):
        app.route(pattern, methods=['GET', 'POST'])(view)
    wire = b''.join(encode(model) for model in models)

    async def converse():
        conn = Peer(app, cut(wire, places))
        while await conn.fill() and await conn.server.serve_requests(conn):
            pass
        return conn.sent

    sent = asyncio.run(converse())
    assert seen == [meant(model) for model in models]
    assert sent.count(b'HTTP/1.1 200 OK\r\n') == len(models)
    assert sent.count(b'\r\n\r\nseen') == len(models)


async def talk(data, places):
    """Send pieces of bytes to a running server and then no more. Return what
    it answers until it closes, and the exceptions that nobody expected."""
    app = make_app()
    failures = []
    app.log_exception = lambda req, exc: failures.append(exc)
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: failures.append(context))
    server = await app.start_server('127.0.0.1', 0, start_serving=False)
    await server.start_serving()
    reader, writer = await asyncio.open_connection(
        *server.sockets[0].getsockname()[:2])
    try:
        for piece in cut(data, places):
            writer.write(piece)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        writer.write_eof()
        answer = await reader.read()
    except ConnectionError:
        answer = b''
    finally:
        writer.transport.abort()
        server.close()
        await server.wait_closed()
    assert app.counters['open'] == 0
    return answer, failures


@settings(max_examples=60)
@given(HEAD_START, ANY_BYTES, st.lists(st.integers(0, 10 ** 6), max_size=4))
@example(b'', b'GET / HTTP/1.1\r\nHost: a\r\n\r\n', [])
@example(b'', b'\x16\x03\x01', [])
@example(b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
         b'5\r\nhel', [])
def test_any_bytes_to_a_server_are_answered_or_closed(start, data, places):
    answer, failures = asyncio.run(asyncio.wait_for(
        talk(start + data, places), 10))
    assert not failures
    assert not answer or answer.startswith(b'HTTP/1.')
    assert b'HTTP/1.1 500' not in answer


def split_lines(body, separator, most):
    """Return what readuntil() gives until there is no more."""
    lines = []
    while body:
        end = body.find(separator)
        end = len(body) if end < 0 else end + len(separator)
        lines.append(body[:min(end, most)])
        body = body[len(lines[-1]):]
    return lines


@settings(max_examples=100)
@given(st.lists(st.sampled_from([b'\r\n', b'\n', b'\r', b'-', b'--', b'a',
                                 b'\r\n--', b'bcd' * 9]), max_size=20),
       st.sampled_from([b'\n', b'\r\n', b'--', b'\r\n--']),
       st.lists(st.integers(1, 20), max_size=3),
       st.lists(st.integers(0, 10 ** 6), max_size=10),
       st.integers(40, 80))  # more than the headers have
def test_lines_of_a_body_are_those_of_its_text(words, separator, chunks,
                                               places, most):
    body = b''.join(words)
    app = Microdot()
    conn = Peer(app, cut(post(body, chunks), places))
    seen = []

    @app.post('/p', max_content_length=10 ** 6)  # stays on the stream
    async def view(request):
        stream = request.stream
        while line := await stream.readuntil(separator):
            seen.append(line)
        return ''

    async def converse():
        while await conn.fill() and await conn.server.serve_requests(conn):
            pass

    usual = Request.max_readline, Request.max_body_length
    Request.max_readline, Request.max_body_length = most, 0
    try:
        asyncio.run(converse())
    finally:
        Request.max_readline, Request.max_body_length = usual
    assert seen == split_lines(body, separator, most)

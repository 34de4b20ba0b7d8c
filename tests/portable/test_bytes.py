"""Whole responses, byte for byte: the same on every interpreter, in memory
and over real connections. What differs is the time in ``Date``, whose value
is an asterisk here.
"""

import asyncio
import io
import unittest

from helpers import needs_heap, run
from microdot.microdot import (
    Disconnected,
    HTTPException,
    Microdot,
    Request,
    Response,
    abort,
)
from microdot.test_client import TestClient, _Connection

DATE = b'Date: *\r\n'
PLAIN = b'Content-Type: text/plain; charset=UTF-8\r\n'
CLOSE = b'Connection: close\r\n'
LAST = b'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
LAST_ANSWER = b'HTTP/1.1 200 OK\r\n' + PLAIN + b'Content-Length: 4\r\n' + \
    DATE + CLOSE + b'\r\nlast'


class Pieces:
    """A body that is made while it is sent, and may fail."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)

    def __aiter__(self):
        return self

    async def __anext__(self):
        await asyncio.sleep(0)
        if not self.pieces:
            raise StopAsyncIteration
        piece = self.pieces.pop(0)
        if piece is None:
            raise ValueError('on purpose')
        return piece


class Teapot(Exception):
    """What an error handler knows of."""


def make_app():
    app = Microdot()
    app.max_requests = 3
    app.sweep_interval = 0.02
    app.drain_timeout = 0.1
    app.log_exception = lambda req, exc: None

    @app.errorhandler(Teapot)
    async def teapot(request, exc):
        return 'short', 403, {'X-Teapot': 'yes'}

    @app.get('/last')
    async def last(request):
        return 'last'

    @app.get('/')
    async def index(request):
        return 'hello'

    @app.get('/sync')
    def sync(request):
        return 'h\u00e9llo', 404

    @app.get('/bytes')
    async def in_bytes(request):
        return b'\0\xff', {'content-type': 'application/octet-stream'}

    @app.get('/json')
    async def in_json(request):
        return [1, 'a']

    @app.get('/status/<int:status>')
    async def status(request, status):
        return status

    @app.get('/nothing')
    async def nothing(request):
        return None

    @app.get('/cookies')
    async def cookies(request):
        response = Response('')
        response.set_cookie('a', 'b', path='/', http_only=True)
        response.set_cookie('c', 'd', max_age=5)
        return response

    @app.get('/elsewhere')
    async def elsewhere(request):
        return Response.redirect('/a b?c=\u00fc')

    @app.get('/reason')
    async def reason(request):
        return Response('x', 299, reason='Fine')

    @app.get('/dated')
    async def dated(request):
        return 'x', {'Date': 'long ago'}

    @app.get('/framed')
    async def framed(request):
        return 'x', {'Transfer-Encoding': 'gzip'}

    @app.get('/closed')
    async def closed(request):
        return 'x', {'Connection': 'close'}

    @app.get('/stream')
    async def stream(request):
        return Pieces('one', b'', 'four' * 4)

    @app.get('/sync-stream')
    async def sync_stream(request):
        return iter(['one', 'two'])

    @app.get('/known')
    async def known(request):
        return Pieces('ab', b'cd'), {'Content-Length': '4'}

    @app.get('/file')
    async def file(request):
        return Response.send_file('a.txt', stream=io.BytesIO(b'file'))

    @app.get('/failing')
    async def failing(request):
        return Pieces('one', None)

    @app.get('/too-long')
    async def too_long(request):
        return Pieces('abc', b'def'), {'Content-Length': '4'}

    @app.get('/error')
    async def error(request):
        raise ValueError('on purpose')

    @app.get('/abort')
    async def aborted(request):
        abort(401, 'who?', {'WWW-Authenticate': 'Basic'})

    @app.get('/teapot')
    async def make_tea(request):
        raise Teapot()

    @app.get('/injected')
    async def injected(request):
        return 'x', {'X': 'a\r\nb: c'}

    @app.post('/echo')
    async def echo(request):
        return request.body

    return app


def get(path, version=b'1.1', more=b'', method=b'GET'):
    return method + b' ' + path + b' HTTP/' + version + b'\r\nHost: a\r\n' + \
        more + b'\r\n'


def answer(status, size, more=b'', body=b'', version=b'1.1', kind=PLAIN,
           end=b''):
    return b'HTTP/' + version + b' ' + status + b'\r\n' + more + kind + \
        b'Content-Length: %d\r\n' % size + DATE + end + b'\r\n' + body


def ok(body, **kwargs):
    return answer(b'200 OK', len(body), body=body, **kwargs)


BAD = answer(b'400 Bad Request', 11, body=b'Bad request', end=CLOSE)
CHUNKED = b'HTTP/1.1 200 OK\r\n' + PLAIN + b'Transfer-Encoding: chunked\r\n' \
    + DATE + b'\r\n'
OLD = b'HTTP/1.0 200 OK\r\n' + PLAIN + DATE + CLOSE + b'\r\n'
KEPT = b'Connection: keep-alive\r\n'

# name, request, answer; where that does not close the connection, another
# request follows at once
BYTES = [
    ('text', get(b'/'), ok(b'hello')),
    ('sync handler and UTF-8', get(b'/sync'),
     answer(b'404 Not Found', 6, body=b'h\xc3\xa9llo')),
    ('bytes', get(b'/bytes'), ok(
        b'\0\xff', kind=b'content-type: application/octet-stream\r\n')),
    ('JSON', get(b'/json'), None),  # see below
    ('head', get(b'/', method=b'HEAD'), answer(b'200 OK', 5)),
    ('head of a stream', get(b'/stream', method=b'HEAD'), CHUNKED),
    ('head of a known length', get(b'/known', method=b'HEAD'),
     answer(b'200 OK', 4)),
    ('head of a missing page', get(b'/x', method=b'HEAD'),
     answer(b'404 Not Found', 9)),
    ('options', get(b'/', method=b'OPTIONS'),
     answer(b'200 OK', 0, b'Allow: GET, HEAD, OPTIONS\r\n')),
    ('204', get(b'/nothing'), b'HTTP/1.1 204 No Content\r\n' + DATE + b'\r\n'),
    ('204 of a status', get(b'/status/204'),
     b'HTTP/1.1 204 No Content\r\n' + DATE + b'\r\n'),
    ('304', get(b'/status/304'),
     b'HTTP/1.1 304 Not Modified\r\n' + DATE + b'\r\n'),
    ('another status', get(b'/status/503'),
     answer(b'503 Service Unavailable', 0)),
    ('missing', get(b'/x'), answer(b'404 Not Found', 9, body=b'Not found')),
    ('method not allowed', get(b'/', method=b'DELETE'),
     answer(b'405 Method Not Allowed', 18,
            b'Allow: GET, HEAD, OPTIONS\r\n', b'Method Not Allowed')),
    ('cookies', get(b'/cookies'), answer(
        b'200 OK', 0, b'Set-Cookie: a=b; Path=/; HttpOnly\r\n'
        b'Set-Cookie: c=d; Max-Age=5\r\n')),
    ('redirect', get(b'/elsewhere'),
     answer(b'302 Found', 0, b'Location: /a%20b?c=%C3%BC\r\n')),
    ('reason', get(b'/reason'), answer(b'299 Fine', 1, body=b'x')),
    ('date of the handler', get(b'/dated'),
     b'HTTP/1.1 200 OK\r\nDate: long ago\r\n' + PLAIN +
     b'Content-Length: 1\r\n\r\nx'),
    ('framing of the handler', get(b'/framed'), ok(b'x')),
    ('close of the handler', get(b'/closed'), ok(b'x', end=CLOSE)),
    ('close of the client', get(b'/', more=CLOSE), ok(b'hello', end=CLOSE)),
    # streams
    ('stream', get(b'/stream'),
     CHUNKED + b'3\r\none\r\n10\r\n' + b'four' * 4 + b'\r\n0\r\n\r\n'),
    ('sync stream', get(b'/sync-stream'),
     CHUNKED + b'3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n'),
    ('stream of known length', get(b'/known'), ok(b'abcd')),
    ('file', get(b'/file'), b'HTTP/1.1 200 OK\r\n' + PLAIN +
     b'Transfer-Encoding: chunked\r\n' + DATE +
     b'\r\n4\r\nfile\r\n0\r\n\r\n'),
    ('closed stream', get(b'/stream', more=CLOSE),
     CHUNKED[:-2] + CLOSE + b'\r\n3\r\none\r\n10\r\n' + b'four' * 4 +
     b'\r\n0\r\n\r\n'),
    ('stream that fails', get(b'/failing', more=CLOSE),
     CHUNKED[:-2] + CLOSE + b'\r\n3\r\none\r\n'),
    ('stream that is too long', get(b'/too-long', more=CLOSE),
     answer(b'200 OK', 4, body=b'abc', end=CLOSE)),
    # errors
    ('error', get(b'/error'), answer(
        b'500 Internal Server Error', 21, body=b'Internal server error')),
    ('abort', get(b'/abort'), answer(
        b'401 Unauthorized', 4, b'WWW-Authenticate: Basic\r\n', b'who?')),
    ('error handler', get(b'/teapot'),
     answer(b'403 Forbidden', 5, b'X-Teapot: yes\r\n', b'short')),
    ('header that would be two', get(b'/injected'), answer(
        b'500 Internal Server Error', 21, body=b'Internal server error',
        kind=PLAIN)),
    ('malformed', b'GET /\r\n\r\n', BAD),
    ('no host', b'GET / HTTP/1.1\r\n\r\n', BAD),
    ('bad path', get(b'/%00'), BAD),
    ('two lengths', get(b'/echo', more=b'Content-Length: 1\r\n'
                        b'Content-Length: 2\r\n', method=b'POST') + b'ab',
     BAD),
    ('long line', get(b'/' + b'x' * Request.max_readline),
     b'HTTP/1.1 414 ' + b'*\r\n' + PLAIN + b'Content-Length: %d\r\n' %
     len(HTTPException(414).reason) + DATE + CLOSE + b'\r\n' +
     HTTPException(414).reason.encode()),
    ('too large', get(b'/echo', more=b'Content-Length: 99999999\r\n',
                      method=b'POST'),
     answer(b'413 Content Too Large', 49, body=b'Payload too large, see '
            b'Request.max_content_length', end=CLOSE)),
    # bodies
    ('body', get(b'/echo', more=b'Content-Length: 3\r\n', method=b'POST') +
     b'abc', ok(b'abc')),
    ('chunked body', get(b'/echo', more=b'Transfer-Encoding: chunked\r\n',
                         method=b'POST') + b'1;x\r\na\r\n2\r\nbc\r\n0\r\n'
     b'X: y\r\n\r\n', ok(b'abc')),
    ('broken chunk', get(b'/echo', more=b'Transfer-Encoding: chunked\r\n',
                         method=b'POST') + b'x\r\n',
     answer(b'400 Bad Request', 11, body=b'Bad request', end=CLOSE)),
    ('expectation', get(b'/echo', more=b'Content-Length: 3\r\n'
                        b'Expect: 100-continue\r\n', method=b'POST') + b'abc',
     b'HTTP/1.1 100 Continue\r\n\r\n' + ok(b'abc')),
    # HTTP/1.0
    ('1.0', get(b'/', b'1.0'), ok(b'hello', version=b'1.0', end=CLOSE)),
    ('1.0, kept', get(b'/', b'1.0', KEPT),
     ok(b'hello', version=b'1.0', end=KEPT)),
    ('1.0, head', get(b'/', b'1.0', method=b'HEAD'),
     answer(b'200 OK', 5, version=b'1.0', end=CLOSE)),
    ('1.0, 204', get(b'/nothing', b'1.0', KEPT),
     b'HTTP/1.0 204 No Content\r\n' + DATE + KEPT + b'\r\n'),
    ('1.0, stream', get(b'/stream', b'1.0', KEPT), OLD + b'onefourfourfour'
     b'four'),
    ('1.0, stream of known length', get(b'/known', b'1.0', KEPT),
     ok(b'abcd', version=b'1.0', end=KEPT)),
    ('1.0, stream that fails', get(b'/failing', b'1.0'), OLD + b'one'),
    ('1.0, error', get(b'/error', b'1.0'), answer(
        b'500 Internal Server Error', 21, body=b'Internal server error',
        version=b'1.0', end=CLOSE)),
    # connections
    ('three at once, which is the most', get(b'/') * 4,
     ok(b'hello') * 2 + ok(b'hello', end=CLOSE)),
]


def rows():
    """Return the table: name, bytes that are sent, bytes that are answered."""
    found = []
    for name, request, expected in BYTES:
        if expected is None:
            # some encoders leave spaces out
            from microdot.microdot import dump_json
            expected = ok(
                dump_json([1, 'a']),
                kind=b'Content-Type: application/json; charset=UTF-8\r\n')
        if b'HTTP/1.0' in request and KEPT not in expected or \
                CLOSE in expected:
            found.append((name, request, expected))
        else:
            found.append((name, request + LAST, expected + LAST_ANSWER))
    return found


def masked(data):
    """Put an asterisk for what may differ: the value of ``Date``, and the
    reason phrase of 414, which boards do not know."""
    data = data.replace(b' 414 URI Too Long\r\n', b' 414 *\r\n')
    data = data.replace(b' 414 \r\n', b' 414 *\r\n')
    parts = data.split(b'\r\nDate: ')
    for i in range(1, len(parts)):
        value, end, rest = parts[i].partition(b'\r\n')
        if len(value) == 29 and value[:4].endswith(b',') \
                and value.endswith(b' GMT'):
            parts[i] = b'*' + end + rest
    return b'\r\nDate: '.join(parts)


@needs_heap(150)  # all rows, and what makes them, at once
class TestInMemory(unittest.TestCase):
    def test_every_byte_is_as_it_should_be(self):
        async def main(request):
            app = make_app()
            conn = _Connection(TestClient(app), 'http', request)
            try:
                await conn.server.serve_requests(conn)
            except Disconnected:
                pass
            return await conn.finish()

        for name, request, expected in rows():
            with self.subTest(name=name):
                self.assertEqual(masked(run(main(request))), expected)


@needs_heap(150)  # all rows, and what makes them, at once
class TestOverConnections(unittest.TestCase):
    def check(self, cut):
        from serving import Server

        async def main():
            app = make_app()
            async with Server(app) as server:
                app.log_exception = lambda req, exc: None
                for name, request, expected in rows():
                    client = await server.connect()
                    if cut:
                        await client.send(request[:cut])
                        await asyncio.sleep(0.001)
                    await client.send(request[cut:])
                    data = await client.rest()
                    await client.close()
                    with self.subTest(name=name):
                        self.assertEqual(masked(data), expected)

        run(main())

    def test_every_byte_is_as_it_should_be(self):
        self.check(0)

    def test_every_byte_is_as_it_should_be_in_two_pieces(self):
        self.check(17)


if __name__ == '__main__':
    unittest.main()

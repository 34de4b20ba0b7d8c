"""Response: bodies, headers, cookies, redirects and files."""

import gc
import os
import sys
import time
import unittest

from helpers import run
from microdot import problems
from microdot.cookies import parse_cookies
from microdot.helpers import html, json_response
from microdot.microdot import (
    HTTPException,
    Microdot,
    Response,
    abort,
    http_date,
    make_response,
    redirect,
    send_file,
)
from microdot.test_client import TestClient, handle_request, write_response
from peers import Recorder, Stream, converse

NEEDS_EVENT_LOOP = False

#: Boards know it by microdot.static only.
GZIP = 'application/gzip' if sys.implementation.name == 'cpython' \
    else 'application/octet-stream'


def write(res):
    """Return what Response.write() writes: the lines of the head but for the
    first sorted, and the body."""
    stream = Stream()
    run(write_response(res, stream))
    head, blank, body = stream.sent.partition(b'\r\n\r\n')
    assert blank
    lines = head.decode().split('\r\n')
    return lines[:1] + sorted(lines[1:]), body


def get(result, method='GET', version='1.1', app=None):
    """Return the response to a view that returns or calls something."""
    app = app or Recorder()

    @app.route('/', methods=['GET', 'POST'])
    async def view(request):
        return result() if callable(result) else result

    return run(converse(app, ('%s / HTTP/%s\r\nHost: a\r\n\r\n' % (
        method, version)).encode()))


def fetch(result, **kwargs):
    """Return the response to a view as the test client gives it."""
    app = Microdot()

    @app.get('/')
    async def view(request):
        return result() if callable(result) else result

    return run(TestClient(app, **kwargs).get('/'))


class SettingsTestCase(unittest.TestCase):
    def setting(self, name, value):
        self.addCleanup(setattr, Response, name, getattr(Response, name))
        setattr(Response, name, value)


class TestWrite(SettingsTestCase):
    def test_text(self):
        self.assertEqual(write(Response('foo')), (
            ['HTTP/1.0 200 OK', 'Content-Length: 3',
             'Content-Type: text/plain; charset=UTF-8'], b'foo'))

    def test_text_is_utf_8(self):
        lines, body = write(Response('\u20ac'))
        self.assertIn('Content-Length: 3', lines)
        self.assertEqual(body, b'\xe2\x82\xac')

    def test_bytes(self):
        self.assertEqual(write(Response(b'\0\xff'))[1], b'\0\xff')

    def test_nothing(self):
        self.assertEqual(write(Response(None)), (
            ['HTTP/1.0 204 N/A', 'Content-Length: 0',
             'Content-Type: text/plain; charset=UTF-8'], b''))

    def test_nothing_with_a_status(self):
        lines, body = write(Response(None, 404))
        self.assertEqual(lines[0], 'HTTP/1.0 404 Not Found')
        self.assertFalse([line for line in lines if 'Length' in line])
        self.assertEqual(body, b'')

    def test_dict(self):
        self.assertEqual(write(Response({'foo': 'bar'})), (
            ['HTTP/1.0 200 OK', 'Content-Length: 14',
             'Content-Type: application/json; charset=UTF-8'],
            b'{"foo": "bar"}'))

    def test_list(self):
        self.assertEqual(write(Response([1, '2'])), (
            ['HTTP/1.0 200 OK', 'Content-Length: 8',
             'Content-Type: application/json; charset=UTF-8'], b'[1, "2"]'))

    def test_reason(self):
        self.assertEqual(write(Response('', reason='ALL GOOD!'))[0][0],
                         'HTTP/1.0 200 ALL GOOD!')
        self.assertEqual(write(Response('', 404, reason='NOT FOUND'))[0][0],
                         'HTTP/1.0 404 NOT FOUND')

    def test_own_length_is_kept(self):
        lines, body = write(Response('foo', 200, {'Content-Length': '7'}))
        self.assertIn('Content-Length: 7', lines)

    def test_own_type_is_kept(self):
        for name in ('Content-Type', 'content-type'):
            lines, body = write(Response('foo', 200, {name: 'text/html'}))
            self.assertIn(name + ': text/html', lines)
            self.assertEqual(len(lines), 3)

    def test_default_type_may_be_set(self):
        self.setting('default_content_type', 'text/html')
        self.assertIn('Content-Type: text/html; charset=UTF-8',
                      write(Response('foo'))[0])
        self.setting('default_content_type', 'text/html; charset=ISO-8859-1')
        self.assertIn('Content-Type: text/html; charset=ISO-8859-1',
                      write(Response('foo'))[0])

    def test_text_without_charset_is_utf_8(self):
        for kind in ('text/html', 'text/css', 'TEXT/csv', 'text/html; a=b',
                     'text/javascript', 'application/javascript',
                     'application/xml', 'application/atom+xml',
                     'image/svg+xml'):
            with self.subTest(kind=kind):
                res = fetch(('x', {'Content-Type': kind}))
                self.assertEqual(res.headers['Content-Type'],
                                 kind + '; charset=UTF-8')

    def test_other_types_are_sent_as_they_are(self):
        for kind in ('text/event-stream', 'text/html; charset=latin-1',
                     'text/html;Charset=x', 'image/png', 'application/json',
                     'application/octet-stream', 'application/xmlx',
                     'text', 'application/x-javascript-not'):
            with self.subTest(kind=kind):
                res = fetch(('x', {'Content-Type': kind}))
                self.assertEqual(res.headers['Content-Type'], kind)

    def test_html(self):
        res = fetch(lambda: html('<p>\xfc', 201, {'X': 'y'}))
        self.assertEqual(
            (res.status_code, res.headers['Content-Type'], res.headers['X'],
             res.body),
            (201, 'text/html; charset=UTF-8', 'y', b'<p>\xc3\xbc'))
        res = fetch(lambda: html('x', headers={'content-type': 'a/b'}))
        self.assertEqual(res.headers['Content-Type'], 'a/b')

    def test_any_value_as_json(self):
        for value, body in ((None, b'null'), ('a"', b'"a\\""'), (1, b'1'),
                            (True, b'true'), ([], b'[]'), ({}, b'{}')):
            with self.subTest(value=value):
                res = fetch(lambda: json_response(value, 202, {'X': 'y'}))
                self.assertEqual(
                    (res.status_code, res.headers['Content-Type'],
                     res.headers['X'], res.body),
                    (202, 'application/json; charset=UTF-8', 'y', body))

    def test_json_of_other_than_ascii_is_utf_8(self):
        self.assertEqual(write(Response({'a': '\xfc'}))[1],
                         b'{"a": "\xc3\xbc"}')

    def test_numbers_that_json_has_not_are_null(self):
        bad = float('inf')
        for value in (bad, -bad, bad - bad):
            with self.subTest(value=value):
                self.assertEqual(
                    write(Response([value, {'inf nan': (1.5, value)}]))[1],
                    b'[null, {"inf nan": [1.5, null]}]')

    def test_a_board_tells_once_what_becomes_null(self):
        told = []
        problems.print = told.append
        self.addCleanup(delattr, problems, 'print')
        before = problems._told
        problems._told = False
        try:
            value = {'rooms': [1.5, {'degrees': float('inf')}]}
            for _ in range(2):
                self.assertEqual(problems.json_form(value), {
                    'rooms': [1.5, {'degrees': None}]})
        finally:
            problems._told = before
        self.assertEqual(told, [
            'JSON has no inf: null is sent for $.rooms[1].degrees'])

    def test_encoder_of_json(self):
        class Point:
            x = 1

        self.setting('json_encoder', lambda point: {'x': [point.x]})
        self.assertEqual(write(Response({'a': [Point(), None, 'b']}))[1],
                         b'{"a": [{"x": [1]}, null, "b"]}')

    def test_list_of_headers(self):
        lines, body = write(Response('', 200, {'X': ['a', 'b']}))
        self.assertIn('X: a', lines)
        self.assertIn('X: b', lines)

    def test_head_has_no_body(self):
        res = Response('foo')
        res.is_head = True
        lines, body = write(res)
        self.assertIn('Content-Length: 3', lines)
        self.assertEqual(body, b'')

    def test_generator(self):
        lines, body = write(Response(part for part in ('foo', b'bar')))
        self.assertEqual(lines, ['HTTP/1.0 200 OK',
                                 'Content-Type: text/plain; charset=UTF-8'])
        self.assertEqual(body, b'foobar')

    def test_head_is_one_write(self):
        """S11: each line was a write of its own."""
        stream = Stream()
        run(write_response(
            Response('foo', 200, {'X': 'y', 'Z': 'w'}), stream))
        self.assertTrue(stream.writes <= 2)

    def test_client_that_is_gone_is_no_error(self):
        body = Body(['foo'])

        class Gone(Stream):
            async def awrite(self, data):
                raise OSError(32, 'gone')

        run(write_response(Response(body), Gone()))
        self.assertEqual(body.closed, 1)

    def test_what_would_split_the_response_is_an_error(self):
        """S21: it was written verbatim."""
        for res in (Response('', 200, {'X': 'a\r\nY: b'}),
                    Response('', 200, {'X\r\nY': 'b'}),
                    Response('', reason='a\r\nX: b')):
            with self.subTest(headers=res.headers):
                stream = Stream()
                with self.assertRaises(ValueError):
                    run(write_response(res, stream))
                self.assertEqual(stream.sent, b'')

    def test_mock_with_nothing_but_awrite_will_do(self):
        class Writer:
            data = b''

            async def awrite(self, data):
                self.data += data

        writer = Writer()
        run(write_response(Response('foo'), writer))
        self.assertEqual(writer.data[-7:], b'\r\n\r\nfoo')


class TestConstructor(SettingsTestCase):
    def test_other_bodies_are_stored_untouched(self):
        self.assertEqual(Response(23.7).body, 23.7)
        for body in (b'x', bytearray(b'x'), iter('x')):
            self.assertIs(Response(body).body, body)

    def test_no_header_is_added(self):
        self.assertEqual(Response('foo').headers, {})

    def test_headers_are_copied(self):
        headers = {'X': 'y'}
        Response('', 200, headers).headers['Z'] = 'w'
        self.assertEqual(headers, {'X': 'y'})

    def test_own_json_type_is_kept(self):
        """S35: it was replaced, or doubled if spelled otherwise."""
        for name in ('Content-Type', 'content-type'):
            res = Response({}, 200, {name: 'application/ld+json'})
            self.assertEqual(res.headers, {name: 'application/ld+json'})

    def test_nothing_is_204(self):
        res = Response(None)
        self.assertEqual((res.status_code, res.body), (204, b''))

    def test_nothing_keeps_another_status(self):
        res = Response(None, 304)
        self.assertEqual((res.status_code, res.body), (304, None))


class Body:
    """A file-like body that gives prepared pieces."""

    def __init__(self, pieces):
        self.pieces = pieces
        self.sizes = []
        self.closed = 0

    def read(self, n):
        self.sizes.append(n)
        return self.pieces.pop(0) if self.pieces else b''

    def close(self):
        self.closed += 1


class AsyncBody(Body):
    async def read(self, n):
        return super().read(n)

    async def close(self):
        super().close()


class Iterator:
    def __init__(self, pieces):
        self.pieces = pieces
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        if not self.pieces:
            raise StopIteration
        return self.pieces.pop(0)

    def close(self):
        self.closed += 1


class AsyncIterator:
    def __init__(self, pieces):
        self.pieces = pieces
        self.closed = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.pieces:
            raise StopAsyncIteration
        return self.pieces.pop(0)

    async def aclose(self):
        self.closed += 1


class OnlyIter:
    """An iterable that is no iterator."""

    def __iter__(self):
        return iter(('foo', b'bar'))


def generator():
    yield 'foo'
    yield b'bar'


async def async_generator():
    yield 'foo'
    yield b'bar'


BODIES = [
    ('a generator', generator), ('an async generator', async_generator),
    ('an iterator', lambda: Iterator(['foo', b'bar'])),
    ('an iterable', OnlyIter), ('a tuple body', lambda: Response(
        ('foo', b'bar'))),
    ('an async iterator', lambda: AsyncIterator(['foo', b'bar'])),
    ('a file', lambda: Body([b'foo', b'bar'])),
    ('an async file', lambda: AsyncBody([b'foo', b'bar'])),
    ('a file of text', lambda: Body(['foo', 'bar'])),
    ('bytearrays', lambda: iter([bytearray(b'foo'), memoryview(b'bar')])),
    ('empty pieces', lambda: iter(['', 'foo', b'', b'bar', ''])),
]


class TestBodies(SettingsTestCase):
    def test_pieces_are_sent_in_chunks(self):
        """S2: streams were delimited by closing only."""
        for name, body in BODIES:
            with self.subTest(name=name):
                got = get(body)
                self.assertEqual(got[:17], b'HTTP/1.1 200 OK\r\n')
                self.assertIn(b'\r\nTransfer-Encoding: chunked\r\n', got)
                self.assertFalse(b'Content-Length' in got)
                self.assertEqual(
                    got.partition(b'\r\n\r\n')[2],
                    b'3\r\nfoo\r\n3\r\nbar\r\n0\r\n\r\n')

    def test_pieces_are_sent_as_they_are_in_version_1_0(self):
        for name, body in BODIES:
            with self.subTest(name=name):
                got = get(body, version='1.0')
                self.assertEqual(got[:17], b'HTTP/1.0 200 OK\r\n')
                self.assertIn(b'\r\nConnection: close\r\n', got)
                self.assertEqual(got.partition(b'\r\n\r\n')[2], b'foobar')

    def test_pieces_are_not_sent_to_head(self):
        for name, body in BODIES:
            with self.subTest(name=name):
                got = get(body, 'HEAD')
                self.assertEqual(got[-4:], b'\r\n\r\n')
                self.assertEqual(got.count(b'\r\n\r\n'), 1)

    def test_bodies_in_memory_have_a_length(self):
        """S35: a bytearray had none."""
        for body in ('foo', b'foo', bytearray(b'foo'), memoryview(b'foo')):
            with self.subTest(body=type(body)):
                got = get(Response(body))
                self.assertIn(b'\r\nContent-Length: 3\r\n', got)
                self.assertEqual(got[-7:], b'\r\n\r\nfoo')

    def test_empty_bodies(self):
        """S35: an empty iterator was an error."""
        for name, body in (
                ('text', ''), ('bytes', b''), ('iterator', lambda: iter(())),
                ('generator', lambda: (x for x in ())),
                ('file', lambda: Body([])),
                ('async iterator', lambda: AsyncIterator([]))):
            with self.subTest(name=name):
                res = fetch(body)
                self.assertEqual((res.status_code, res.body), (200, b''))

    def test_bodies_are_closed_once_sent(self):
        for kind in (Body, AsyncBody, Iterator, AsyncIterator):
            with self.subTest(kind=kind):
                body = kind(['foo'])
                get(Response(body))
                self.assertEqual(body.closed, 1)

    def test_bodies_are_closed_after_head(self):
        """S34: the file of an answer to HEAD stayed open."""
        for kind in (Body, AsyncBody, Iterator, AsyncIterator):
            with self.subTest(kind=kind):
                body = kind(['foo'])
                get(Response(body), 'HEAD')
                self.assertEqual(body.closed, 1)
                self.assertEqual(body.pieces, ['foo'])

    def test_bodies_are_closed_if_they_are_not_sent(self):
        for headers in ({'X': 'a\r\n'}, {'X Y': 'z'}):
            body = Iterator(['foo'])
            app = Recorder()
            got = get(Response(body, 200, headers), app=app)
            self.assertEqual(got[:13], b'HTTP/1.1 500 ')
            self.assertEqual(body.closed, 1)
            self.assertEqual(len(app.logged), 1)

    def test_short_reads_do_not_end_a_body(self):
        """S34: a piece shorter than the buffer was taken for the last."""
        self.setting('send_file_buffer_size', 4)
        res = fetch(lambda: Body([b'a', b'bcd', b'ef']))
        self.assertEqual(res.body, b'abcdef')

    def test_buffer_size_is_that_of_the_reads(self):
        self.setting('send_file_buffer_size', 2)
        body = Body([b'ab', b'c'])
        get(Response(body))
        self.assertEqual(body.sizes, [2, 2, 2])

    def test_what_is_no_body_is_an_error(self):
        for body in (23.7, object()):
            app = Recorder()
            got = get(Response(body), app=app)
            self.assertEqual(got[:13], b'HTTP/1.1 500 ')
            self.assertEqual(len(app.logged), 1)

    def test_error_in_a_stream_cuts_it(self):
        """S41: it was not signalled to the client."""
        def body():
            yield 'foo'
            raise ValueError('on purpose')

        app = Recorder()
        got = get(body, app=app)
        self.assertEqual(got.partition(b'\r\n\r\n')[2], b'3\r\nfoo\r\n')
        self.assertEqual(got.count(b'HTTP/1.1 '), 1)
        self.assertEqual([str(exc) for exc in app.logged], ['on purpose'])

    def test_error_at_the_begin_of_a_stream_cuts_it(self):
        def body():
            raise ValueError('on purpose')
            yield 'foo'

        app = Recorder()
        got = get(body, app=app)
        self.assertFalse(b'0\r\n\r\n' in got)
        self.assertEqual(got.count(b'HTTP/1.1 '), 1)
        self.assertEqual(len(app.logged), 1)

    def test_stream_of_another_length_than_promised_is_cut(self):
        for pieces, off in (['foo'], 3), (['foo', 'bar', 'baz'], -3):
            with self.subTest(pieces=pieces):
                app = Recorder()

                @app.get('/')
                async def view(request):
                    return Response(iter(pieces), 200,
                                    {'Content-Length': '6'})

                got = run(converse(
                    app, b'GET / HTTP/1.1\r\nHost: a\r\n\r\n' * 2))
                body = got.partition(b'\r\n\r\n')[2]
                self.assertTrue(len(body) <= 6, body)
                self.assertEqual(got.count(b'HTTP/1.1 '), 1)
                self.assertEqual(
                    [str(exc) for exc in app.logged],
                    ['body and Content-Length differ by %d bytes' % off])

    def test_stream_of_the_promised_length_is_not_chunked(self):
        got = get(Response(iter(['foo', 'bar']), 200,
                           {'Content-Length': '6'}))
        self.assertIn(b'\r\nContent-Length: 6\r\n', got)
        self.assertFalse(b'Transfer-Encoding' in got)
        self.assertEqual(got[-10:], b'\r\n\r\nfoobar')

    def test_statuses_without_a_body_send_none(self):
        """S13: 204 and 304 had a length and a type."""
        for status in (204, 304):
            for body in ('foo', iter(['foo'])):
                with self.subTest(status=status, body=body):
                    got = get(Response(body, status))
                    self.assertEqual(got[-4:], b'\r\n\r\n')
                    self.assertFalse(b'\r\nContent-' in got)
                    self.assertFalse(b'\r\nTransfer-' in got)

    def test_version_of_the_request_is_answered(self):
        """S1: it was always 1.0."""
        self.assertEqual(get('x')[:17], b'HTTP/1.1 200 OK\r\n')
        self.assertEqual(get('x', version='1.0')[:17],
                         b'HTTP/1.0 200 OK\r\n')

    def test_statuses_have_their_reason(self):
        """S13: it was N/A for nearly all."""
        for status, reason in ((200, 'OK'), (404, 'Not Found'),
                               (400, 'Bad Request'), (302, 'Found')):
            self.assertEqual(
                get(('', status)).partition(b'\r\n')[0],
                ('HTTP/1.1 %d %s' % (status, reason)).encode())

    def test_small_response_is_one_write(self):
        """S11: each line was a write of its own."""
        app = Recorder()
        app.get('/')(lambda request: 'x')
        stream = Stream(b'GET / HTTP/1.0\r\n\r\n')

        async def serve():
            await handle_request(app, stream, stream)

        if not hasattr(__import__('asyncio'), 'run'):
            self.skipTest('needs tasks')
        run(serve())
        self.assertEqual(stream.writes, 1)
        self.assertEqual(stream.closed, 1)


class TestCookies(unittest.TestCase):
    def check(self, expected, *args, **kwargs):
        res = Response()
        res.set_cookie(*args, **kwargs)
        self.assertEqual(res.headers, {'Set-Cookie': [expected]})

    def test_name_and_value(self):
        self.check('a=b', 'a', 'b')

    def test_options_are_in_order(self):
        self.check('a=b; Path=/c; Domain=d.e; Expires=f; Max-Age=5; Secure; '
                   'HttpOnly; Partitioned; SameSite=Lax',
                   'a', 'b', path='/c', domain='d.e', expires='f', max_age=5,
                   secure=True, http_only=True, partitioned=True,
                   same_site='Lax')

    def test_same_site(self):
        """S22: there was none."""
        for value in ('Strict', 'Lax', 'None'):
            self.check('a=b; SameSite=' + value, 'a', 'b', same_site=value)

        self.check('a=b; SameSite=lax', 'a', 'b', same_site='lax')

    def test_same_site_of_another_kind_is_refused(self):
        for value in ('Laxx', 'La', ' Lax', 'true'):
            res = Response()
            with self.assertRaises(ValueError) as caught:
                res.set_cookie('a', 'b', same_site=value)
            self.assertIn(repr(value), str(caught.exception))
            self.assertEqual(res.headers, {})

    def test_values_are_quoted_where_they_must_be(self):
        for value, expected in (
                ('a b', '"a b"'), ('a,b', '"a,b"'), (' ', '" "'),
                ('"', '"\\""'), ('\\', '"\\\\"'),
                ('say "a, b\\"', '"say \\"a, b\\\\\\""'),
                ('{"a": [1, 2]}', '"{\\"a\\": [1, 2]}"'),
                ("a'b(c)=d/e", "a'b(c)=d/e")):
            self.check('a=' + expected, 'a', value)
            self.assertEqual(parse_cookies('a=' + expected), {'a': value})

    def test_options_that_are_off_are_left_out(self):
        self.check('a=b', 'a', 'b', path='', domain='', expires=None,
                   secure=False, http_only=False, partitioned=False,
                   same_site=None)

    def test_max_age_of_zero(self):
        self.check('a=b; Max-Age=0', 'a', 'b', max_age=0)

    def test_expires_in_seconds(self):
        """S22: boards have no datetime to pass."""
        self.check('a=b; Expires=Sun, 09 Sep 2001 01:46:40 GMT',
                   'a', 'b', expires=1_000_000_000)
        self.check('a=b; Expires=Sun, 09 Sep 2001 01:46:41 GMT',
                   'a', 'b', expires=1_000_000_001.5)

    def test_expires_in_fewer_seconds_counts_from_now(self):
        for seconds in (3600, 0.5, 0, -1, 999_999_999):
            before = time.time()
            res = Response()
            res.set_cookie('a', 'b', expires=seconds)
            # any second since then (more than range() takes on 32 bits)
            when = int(before + seconds)
            allowed = []
            while when <= int(time.time() + seconds):
                allowed.append('a=b; Expires=' + http_date(when))
                when += 1
            self.assertIn(res.headers['Set-Cookie'][0], allowed)

    def test_max_age_is_rounded_down(self):
        self.check('a=b; Max-Age=90', 'a', 'b', max_age=90.5)
        self.check('a=b; Max-Age=0', 'a', 'b', max_age=0.9)
        self.check('a=b; Max-Age=5', 'a', 'b', max_age='5')

    def test_max_age_as_a_timedelta(self):
        try:
            from datetime import timedelta
        except ImportError:
            self.skipTest('datetime')
        self.check('a=b; Max-Age=86400', 'a', 'b', max_age=timedelta(days=1))
        self.check('a=b; Max-Age=1', 'a', 'b',
                   max_age=timedelta(milliseconds=1999))
        self.check('a=b; Max-Age=0', 'a', 'b', max_age=timedelta(0))

    def test_expires_as_a_datetime(self):
        """S22: one with a time zone was not converted."""
        try:
            from datetime import datetime, timedelta, timezone
        except ImportError:
            self.skipTest('datetime')
        when = datetime(1994, 11, 6, 8, 49, 37)
        text = 'a=b; Expires=Sun, 06 Nov 1994 08:49:37 GMT'
        self.check(text, 'a', 'b', expires=when)
        self.check(text, 'a', 'b', expires=when.replace(
            hour=10, tzinfo=timezone(timedelta(hours=2))))

    def test_value_need_not_be_text(self):
        """S22: it was an error."""
        self.check('a=5', 'a', 5)

    def test_value_may_be_empty_or_have_an_equals_sign(self):
        self.check('a=', 'a', '')
        self.check('a=b=c', 'a', 'b=c')

    def test_a_response_gets_what_stands_beside_it(self):
        for rest, status, more in (
                ((), 201, None), ((404,), 404, None), ((None,), 201, None),
                (({'X-A': '2'},), 201, '2'), ((404, {'X-A': '2'}), 404, '2')):
            res = make_response(
                (Response('body', 201, {'X-B': '1'}),) + rest)
            self.assertEqual(
                (res.status_code, res.body, res.headers.get('X-A'),
                 res.headers['X-B']), (status, b'body', more, '1'))

    def test_cookies_are_added(self):
        res = Response()
        res.set_cookie('a', 'b')
        res.set_cookie('c', 'd')
        self.assertEqual(res.headers['set-cookie'], ['a=b', 'c=d'])

    def test_cookie_is_added_to_a_header_of_text(self):
        """S22: that broke set_cookie()."""
        res = Response('', 200, {'Set-Cookie': 'a=b'})
        res.set_cookie('c', 'd')
        self.assertEqual(res.headers['Set-Cookie'], ['a=b', 'c=d'])

    def test_cookie_after_a_tuple(self):
        res = Response('', 200, {'Set-Cookie': ('a=b', 'c=d')})
        res.set_cookie('e', 'f')
        self.assertEqual(res.headers['Set-Cookie'], ['a=b', 'c=d', 'e=f'])

    def test_list_of_the_caller_is_not_changed(self):
        cookies = ['a=b']
        res = Response('', 200, {'Set-Cookie': cookies})
        res.set_cookie('c', 'd')
        self.assertEqual(cookies, ['a=b'])

    def test_what_would_be_more_than_a_cookie_is_refused(self):
        """S21: a name, path or domain could bring options."""
        for args, kwargs in (
                (('a', 'b;c'), {}), (('a', 'b\r\nX: y'), {}),
                (('a', 'b\n'), {}), (('a', 'b\0'), {}),
                (('a;b', 'c'), {}), (('a b', 'c'), {}), (('a=b', 'c'), {}),
                (('', 'c'), {}), (('a\r\n', 'c'), {}), (('\xe9', 'c'), {}),
                (('a', 'b'), {'path': '/; HttpOnly'}),
                (('a', 'b'), {'path': '/\r\n'}),
                (('a', 'b'), {'domain': 'c; d'}),
                (('a', 'b'), {'domain': 'c\n'}),
                (('a', 'b'), {'expires': 'c; d'}),
                (('a', 'b'), {'max_age': '5; d'}),
                (('a', 'b'), {'same_site': 'Lax; d'})):
            with self.subTest(args=args, kwargs=kwargs):
                res = Response()
                with self.assertRaises(ValueError):
                    res.set_cookie(*args, **kwargs)
                self.assertEqual(res.headers, {})

    def test_delete(self):
        res = Response()
        res.delete_cookie('a')
        res.delete_cookie('b', path='/s', expires='x', max_age=5, secure=True)
        self.assertEqual(res.headers['Set-Cookie'], [
            'a=; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0',
            'b=; Path=/s; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; '
            'Secure'])


class TestRedirect(unittest.TestCase):
    def test_default(self):
        res = redirect('/foo')
        self.assertEqual((res.status_code, res.body), (302, b''))
        self.assertEqual(res.headers, {'Location': '/foo'})

    def test_status(self):
        self.assertEqual(Response.redirect('/foo', 301).status_code, 301)
        self.assertEqual(redirect('/foo', status_code=308).status_code, 308)

    def test_line_breaks_are_refused(self):
        for location in ('/a\r\nX: y', '/a\n', '/a\r', '/a\0'):
            self.assertRaises(ValueError, redirect, location)

    def test_location_is_encoded(self):
        for location, expected in (
                ('/a b', '/a%20b'), ('/\u20ac', '/%E2%82%AC'),
                ('/a%20b', '/a%20b'), ('/a?b=c&d#e', '/a?b=c&d#e'),
                ('https://[::1]:80/a;b', 'https://[::1]:80/a;b'),
                ('/"<>\\^`{|}', '/%22%3C%3E%5C%5E%60%7B%7C%7D')):
            with self.subTest(location=location):
                self.assertEqual(redirect(location).headers['Location'],
                                 expected)


class TestSendFile(SettingsTestCase):
    def setUp(self):
        gc.collect()  # boards: a file that nobody closed stays open
        try:
            os.stat('/tmp')
        except OSError:
            os.mkdir('/tmp')
        self.name = '/tmp/microdot-%s-%d-%d' % (
            sys.implementation.name, id(self), time.time_ns())

    def file(self, extension, content=b'foo\n'):
        name = self.name + extension
        with open(name, 'wb') as f:
            f.write(content)
        self.addCleanup(os.remove, name)
        return name

    def test_exact_bytes_of_a_file(self):
        name = self.file('.txt')
        for size in (1024, 4, 2, 1):
            with self.subTest(size=size):
                self.setting('send_file_buffer_size', size)
                stream = Stream()
                run(write_response(
                    send_file(name, content_type='text/html'), stream))
                self.assertEqual(
                    stream.sent, b'HTTP/1.0 200 OK\r\n'
                    b'Content-Type: text/html\r\n\r\nfoo\n')

    def test_types_are_known_by_extension(self):
        for extension, kind in (
                ('.txt', 'text/plain'), ('.html', 'text/html'),
                ('.css', 'text/css'), ('.js', 'application/javascript'),
                ('.json', 'application/json'), ('.png', 'image/png'),
                ('.jpg', 'image/jpeg'), ('.gif', 'image/gif'),
                ('.svg', 'image/svg+xml'), ('.x', 'application/octet-stream'),
                ('', 'application/octet-stream'), ('.a.html', 'text/html')):
            with self.subTest(extension=extension):
                res = send_file('x' + extension, stream=Body([]))
                self.assertEqual(res.headers, {'Content-Type': kind})

    def test_extension_may_be_of_any_case(self):
        """S34: it had to be lower."""
        self.assertEqual(send_file('x.HTML', stream=Body([])).headers,
                         {'Content-Type': 'text/html'})

    def test_types_may_be_added(self):
        self.setting('types_map', dict(Response.types_map))
        Response.types_map['xyz'] = 'text/xyz'
        self.assertEqual(send_file('a.xyz', stream=Body([])).headers,
                         {'Content-Type': 'text/xyz'})

    def test_status(self):
        res = send_file('a.html', 404, stream=Body([]))
        self.assertEqual(res.status_code, 404)

    def test_stream_in_place_of_the_file(self):
        res = send_file('/nowhere/a.txt', stream=Body([b'foo', b'bar']))
        lines, body = write(res)
        self.assertEqual(lines, ['HTTP/1.0 200 OK',
                                 'Content-Type: text/plain'])
        self.assertEqual(body, b'foobar')

    def test_age(self):
        for default, given, expected in (
                (None, None, None), (None, 5, 'max-age=5'),
                (None, 0, 'max-age=0'), (9, None, 'max-age=9'),
                (9, 5, 'max-age=5'), (9, 0, 'max-age=0'),
                (0, None, 'max-age=0')):
            with self.subTest(default=default, given=given):
                self.setting('default_send_file_max_age', default)
                res = send_file('a.txt', stream=Body([]), max_age=given)
                self.assertEqual(res.headers.get('Cache-Control'), expected)

    def test_compressed(self):
        for name, compressed, kind, coding in (
                ('a.txt.gz', False, GZIP, None),
                ('a.txt.gz', True, 'text/plain', 'gzip'),
                ('a.txt', True, 'text/plain', 'gzip'),
                ('a.txt', 'foo', 'text/plain', 'foo'),
                ('a.gz', True, 'application/octet-stream', 'gzip')):
            with self.subTest(name=name, compressed=compressed):
                res = send_file(name, stream=Body([]), compressed=compressed)
                self.assertEqual(res.headers['Content-Type'], kind)
                self.assertEqual(res.headers.get('Content-Encoding'), coding)

    def test_names_for_downloads(self):
        for name, told in (
                ('a b.pdf', 'attachment; filename="a b.pdf"'),
                ('M\xe4rz.pdf', 'attachment; filename="M_rz.pdf"; '
                 "filename*=UTF-8''M%C3%A4rz.pdf"),
                ('\u20ac\U0001f600', 'attachment; filename="__"; '
                 "filename*=UTF-8''%E2%82%AC%F0%9F%98%80"),
                ('../a\\b/c.txt', 'attachment; filename="c.txt"'),
                ('c:\\a"b.txt', 'attachment; filename="a_b.txt"; '
                 "filename*=UTF-8''a%22b.txt"),
                ('50%.txt', 'attachment; filename="50_.txt"; '
                 "filename*=UTF-8''50%25.txt"),
                ("it's;(1).txt", 'attachment; filename="it\'s;(1).txt"'),
                ('a\r\nX: y\0\x7f', 'attachment; filename="a__X: y__"; '
                 "filename*=UTF-8''a__X%3A%20y__")):
            with self.subTest(name=name):
                res = send_file('x', stream=Body([]), download_name=name)
                self.assertEqual(res.headers['Content-Disposition'], told)

    def test_disposition(self):
        for options, told in (
                ({'disposition': 'inline'}, 'inline; filename="a.txt"'),
                ({'disposition': 'attachment'},
                 'attachment; filename="a.txt"'),
                ({'disposition': 'inline', 'download_name': 'b.txt'},
                 'inline; filename="b.txt"'), ({}, None)):
            with self.subTest(options=options):
                res = send_file('x/a.txt', stream=Body([]), **options)
                self.assertEqual(res.headers.get('Content-Disposition'), told)
        with self.assertRaises(ValueError):
            send_file('x', stream=Body([]), disposition='form-data')

    def test_type_is_that_of_the_name_for_the_download(self):
        res = send_file('x/1234', stream=Body([]), download_name='b.css')
        self.assertEqual(res.headers['Content-Type'], 'text/css')

    def test_file_extension_is_added_to_the_name_only(self):
        name = self.file('.txt.gz')
        res = send_file(name[:-3], compressed=True, file_extension='.gz')
        lines, body = write(res)
        self.assertEqual(lines[1:], ['Content-Encoding: gzip',
                                     'Content-Type: text/plain'])
        self.assertEqual(body, b'foo\n')

    def test_missing_file_is_404(self):
        """S34: it was 500."""
        try:
            open(self.name, 'rb')
        except OSError as exc:
            if exc.errno != 2:
                self.skipTest('errors with the usual numbers')
        for name in (self.name, self.file('.txt') + '/x'):
            with self.subTest(name=name):
                app = Recorder()
                got = get(lambda: send_file(name), app=app)
                self.assertEqual(got[:13], b'HTTP/1.1 404 ')
                self.assertEqual(app.logged, [])

    def test_folder_is_404(self):
        try:
            open('/tmp', 'rb').close()
        except OSError:
            pass
        else:
            self.skipTest('opening a folder is no error')
        self.assertEqual(get(lambda: send_file('/tmp'))[:13],
                         b'HTTP/1.1 404 ')

    def test_path_may_be_an_object(self):
        """S34: pathlib was not supported."""
        name = self.file('.txt')

        class Path:
            def __str__(self):
                return name

        res = send_file(Path())
        self.assertEqual(write(res)[1], b'foo\n')

    def test_server_tells_the_length(self):
        """S34: there was none."""
        name = self.file('.txt', b'x' * 3000)
        got = get(lambda: send_file(name))
        self.assertIn(b'\r\nContent-Length: 3000\r\n', got)
        self.assertFalse(b'Transfer-Encoding' in got)
        self.assertEqual(got.partition(b'\r\n\r\n')[2], b'x' * 3000)

    def test_head_of_a_file(self):
        name = self.file('.txt')
        got = get(lambda: send_file(name), 'HEAD')
        self.assertIn(b'\r\nContent-Length: 4\r\n', got)
        self.assertEqual(got[-4:], b'\r\n\r\n')

    def test_empty_file(self):
        name = self.file('.txt', b'')
        got = get(lambda: send_file(name))
        self.assertIn(b'\r\nContent-Length: 0\r\n', got)


class TestAbort(unittest.TestCase):
    def test_it_raises(self):
        with self.assertRaises(HTTPException) as raised:
            abort(406, 'Not acceptable', {'X': 'y'})
        self.assertEqual(raised.exception.status_code, 406)
        self.assertEqual(raised.exception.reason, 'Not acceptable')
        self.assertEqual(raised.exception.headers, {'X': 'y'})

    def test_default_reason(self):
        self.assertEqual(HTTPException(404).reason, 'Not found')
        self.assertEqual(HTTPException(403).reason, 'Forbidden')
        self.assertEqual(HTTPException(499).reason, '499 error')

    def test_names_of_the_application_are_the_same(self):
        with self.assertRaises(HTTPException):
            Microdot.abort(404)
        self.assertEqual(Response.redirect('/a').headers,
                         redirect('/a').headers)


if __name__ == '__main__':
    unittest.main()

"""Request: its attributes, body and limits."""

import sys
import unittest

from helpers import heap_kb, run
from microdot.microdot import (
    AsyncBytesIO,
    HTTPException,
    Microdot,
    MultiDict,
    Request,
)
from microdot.test_client import TestClient, create_request
from peers import Peer, Recorder, Stream, converse, ways_to_cut

NEEDS_EVENT_LOOP = False


def create(*lines, **kwargs):
    """Return what create_request() makes of lines and a body."""
    body = kwargs.get('body', b'')
    data = '\n'.join(lines).encode() + b'\n\n' + body
    return run(create_request('app', Stream(data), 'writer', 'addr'))


def make(url='/', headers=None, body=b''):
    return Request(None, None, 'POST', url, '1.1', headers or {}, body)


class LimitsTestCase(unittest.TestCase):
    def limit(self, name, value):
        self.addCleanup(setattr, Request, name, getattr(Request, name))
        setattr(Request, name, value)


class TestCreate(LimitsTestCase):
    def test_request_is_read(self):
        req = create('GET /foo HTTP/1.0', 'Host: example.com:1234')
        self.assertEqual(req.app, 'app')
        self.assertEqual(req.client_addr, 'addr')
        self.assertEqual(req.method, 'GET')
        self.assertEqual(req.path, '/foo')
        self.assertEqual(req.url, '/foo')
        self.assertEqual(req.http_version, '1.0')
        self.assertEqual(req.scheme, 'http')
        self.assertIsNone(req.query_string)
        self.assertEqual(req.headers, {'Host': 'example.com:1234'})
        self.assertEqual(req.args, {})
        self.assertEqual(req.cookies, {})
        self.assertEqual(req.content_length, 0)
        self.assertIsNone(req.content_type)
        self.assertEqual(req.body, b'')
        self.assertEqual(req.url_args, {})
        self.assertEqual(req.url_prefix, '')
        self.assertIsNone(req.subapp)
        self.assertIsNone(req.route)

    def test_lines_may_end_in_crlf(self):
        stream = Stream(b'GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n')
        req = run(create_request('app', stream, 'writer', 'addr'))
        self.assertEqual(req.headers, {'Host': 'a', 'X': 'y'})

    def test_scheme_is_passed_on(self):
        stream = Stream(b'GET / HTTP/1.0\r\n\r\n')
        req = run(create_request('app', stream, 'writer', 'addr', 'https'))
        self.assertEqual(req.scheme, 'https')

    def test_headers_are_found_by_any_case(self):
        req = create('GET / HTTP/1.0', 'x-foo:   bar  ')
        self.assertEqual(req.headers['X-Foo'], 'bar')

    def test_body_is_read(self):
        req = create('POST / HTTP/1.0', 'Content-Length: 5', body=b'hello')
        self.assertEqual(req.content_length, 5)
        self.assertEqual(req.body, b'hello')
        self.assertEqual(run(req.stream.read()), b'hello')

    def test_nothing_is_read_after_the_body(self):
        stream = Stream(b'POST / HTTP/1.0\nContent-Length: 2\n\nhimore')
        run(create_request('app', stream, 'writer', 'addr'))
        self.assertEqual(run(stream.read()), b'more')

    def test_body_over_the_limit_stays_on_the_stream(self):
        self.limit('max_content_length', 32)
        self.limit('max_body_length', 16)
        req = create('POST / HTTP/1.0', 'Content-Length: 19',
                     body=b'0123456789012345678')
        self.assertEqual(req.body, b'')
        self.assertEqual(run(req.stream.read()), b'0123456789012345678')

    def test_end_of_the_stream_gives_none(self):
        for data in (b'', b'\r\n', b'\n'):
            self.assertIsNone(run(create_request(
                'app', Stream(data), 'writer', 'addr')))

    def test_short_body_is_an_error(self):
        with self.assertRaises(EOFError):
            create('POST / HTTP/1.0', 'Content-Length: 5', body=b'hell')

    def test_malformed_requests_are_errors(self):
        for lines in (['GET'], ['GET /'], ['GET / x HTTP/1.0'],
                      ['GET / HTTP/1.1'], ['GET / HTTP/2.0'],
                      ['GET / HTTP/1.0', 'X'], ['GET / HTTP/1.0', 'X : y'],
                      ['GET / HTTP/1.0', 'Content-Length: -1'],
                      ['GET / HTTP/1.0', 'Content-Length: x'],
                      ['GET /%ff HTTP/1.0'], ['GET /%00 HTTP/1.0']):
            with self.subTest(lines=lines):
                with self.assertRaises(ValueError):
                    create(*lines)

    def test_line_at_the_limit_is_taken(self):
        self.limit('max_readline', 20)
        self.assertEqual(create('GET /abcdef HTTP/1.0').path, '/abcdef')

    def test_line_over_the_limit_is_an_error(self):
        self.limit('max_readline', 20)
        for lines in (['GET /abcdefg HTTP/1.0'], ['GET /' + 'a' * 2000],
                      ['GET / HTTP/1.0', 'X: ' + 'a' * 20]):
            with self.subTest(lines=lines):
                with self.assertRaises(ValueError):
                    create(*lines)


class TestTarget(LimitsTestCase):
    def test_query_is_parsed(self):
        for query, expected in (
                ('a=1', {'a': ['1']}),
                ('a=1&b=2', {'a': ['1'], 'b': ['2']}),
                ('a=1&a=2', {'a': ['1', '2']}),
                ('a', {'a': ['']}), ('a=', {'a': ['']}),
                ('a&b=1', {'a': [''], 'b': ['1']}),
                ('a=b=c', {'a': ['b=c']}),
                ('&&a=1&', {'a': ['1']}),
                ('a=x+y%20z%2B', {'a': ['x y z+']}),
                ('%61=1', {'a': ['1']}),
                ('a=%e2%82%ac', {'a': ['\u20ac']}),
                ('a=?x', {'a': ['?x']})):
            with self.subTest(query=query):
                req = make('/?' + query)
                self.assertEqual(req.args, expected)
                self.assertEqual(req.query_string, query)

    def test_args_are_a_multidict_without_a_query(self):
        """S5: they were a plain dict, and get(type=) failed."""
        for url in ('/', '/?'):
            args = make(url).args
            self.assertTrue(isinstance(args, MultiDict))
            self.assertIsNone(args.get('p', type=int))
            self.assertEqual(args.getlist('p'), [])

    def test_query_is_not_part_of_the_path(self):
        req = make('/a%20b?c=d')
        self.assertEqual(req.path, '/a b')
        self.assertEqual(req.url, '/a%20b?c=d')
        self.assertEqual(req.query_string, 'c=d')

    def test_bad_query_is_refused(self):
        """S38: an escape that is none must not be an error of ours."""
        for query in ('a=%zz', 'a=%4', '%ff=a', 'a=%+1'):
            with self.subTest(query=query):
                with self.assertRaises(ValueError) as raised:
                    make('/?' + query).args
                self.assertEqual(raised.exception.status_code, 400)

    def test_number_of_fields_is_limited(self):
        self.limit('max_fields', 3)
        self.assertEqual(len(make('/?a&b&c').args), 3)
        with self.assertRaises(HTTPException) as raised:
            make('/?a&b&c&d').args
        self.assertEqual(raised.exception.status_code, 413)

    def test_path_is_decoded(self):
        """S20: it was decoded under ASGI and WSGI only."""
        for url, path in (('/a%20b', '/a b'), ('/a+b', '/a+b'),
                          ('/%e2%82%ac', '/\u20ac'), ('/a%2Fb', '/a/b'),
                          ('/a%3Fb', '/a?b'), ('/100%', '/100%'),
                          ('/%25%32%35', '/%25')):
            with self.subTest(url=url):
                self.assertEqual(make(url).path, path)
                self.assertEqual(make(url).url, url)

    def test_encoded_question_mark_begins_no_query(self):
        """S20: it was split off a second time."""
        req = make('/a%3Fb=c')
        self.assertIsNone(req.query_string)
        self.assertEqual(req.args, {})

    def test_bad_path_is_an_error(self):
        for url in ('/%ff', '/%zz', '/%4', '/%00', '/a%00b'):
            with self.subTest(url=url):
                self.assertRaises(ValueError, make, url)


class TestFields(unittest.TestCase):
    def test_cookies_are_parsed(self):
        req = make('/', {'Cookie': 'foo=bar;nothing;abc=def;'})
        self.assertEqual(req.cookies, {'foo': 'bar', 'nothing': '',
                                       'abc': 'def', '': ''})

    def test_no_cookies(self):
        self.assertEqual(make().cookies, {})

    def test_g_is_a_bag_of_its_own(self):
        first, second = make(), make()
        first.g.x = 1
        self.assertEqual(first.g.x, 1)
        self.assertFalse(hasattr(second.g, 'x'))

    def test_unknown_attribute_is_an_error(self):
        with self.assertRaises(AttributeError):
            make().nope

    def test_attributes_may_be_set(self):
        req = make('/?a=1')
        req.args = {'b': 2}
        req.user = 'x'
        self.assertEqual((req.args, req.user), ({'b': 2}, 'x'))

    def test_content_length_and_type_are_given(self):
        req = make('/', {'content-length': '5', 'CONTENT-TYPE': 'a/b; c=d'})
        self.assertEqual(req.content_length, 5)
        self.assertEqual(req.content_type, 'a/b; c=d')

    def test_after_request_is_a_decorator(self):
        req = make()
        f = req.after_request(len)
        self.assertIs(f, len)
        self.assertEqual(list(req.after_request_handlers), [len])


class TestBody(LimitsTestCase):
    def test_json(self):
        for content_type in ('application/json', 'APPLICATION/JSON',
                             'application/json; charset=UTF-8',
                             'application/json;charset=utf-8',
                             ' application/json ', 'application/ld+json',
                             'application/problem+json; x=y'):
            with self.subTest(content_type=content_type):
                req = make('/', {'Content-Type': content_type}, b'{"a": [1]}')
                self.assertEqual(req.json, {'a': [1]})

    def test_json_is_parsed_once(self):
        req = make('/', {'Content-Type': 'application/json'}, b'{}')
        self.assertIs(req.json, req.json)

    def test_other_types_are_no_json(self):
        for content_type in ('text/plain', '', 'json', 'text/json+x',
                             'application/jsonx'):
            with self.subTest(content_type=content_type):
                req = make('/', {'Content-Type': content_type}, b'{}')
                self.assertIsNone(req.json)
        self.assertIsNone(make('/', {}, b'{}').json)

    def test_the_text_of_a_malformed_body_says_what_is_wrong(self):
        for kind, name in (('application/json', 'json'),
                           ('application/x-www-form-urlencoded', 'form')):
            req = make('/', {'Content-Type': kind}, b'a=%zz')
            with self.assertRaises(ValueError) as raised:
                getattr(req, name)
            self.assertIn(name if name == 'form' else 'JSON',
                          str(raised.exception))

    def test_bad_json_is_refused(self):
        """S39: it was answered with 500."""
        for body in (b'', b'nope', b'\xff', b'"\xff"', b'"a', b'}', b'1 2'):
            with self.subTest(body=body):
                req = make('/', {'Content-Type': 'application/json'}, body)
                with self.assertRaises(ValueError) as raised:
                    req.json
                self.assertEqual(raised.exception.status_code, 400)

    def test_truncated_json_is_refused(self):
        for body in (b'{', b'{"a"', b'{"a":', b'[1', b'[1,', b'[[1]',
                     b'{"value": 21', b'{"a": "}", "b": {}',
                     b'["\\"]\\\\"'):
            with self.subTest(body=body):
                req = make('/', {'Content-Type': 'application/json'}, body)
                with self.assertRaises(ValueError) as raised:
                    req.json
                self.assertEqual(raised.exception.status_code, 400)

    def test_brackets_in_text_are_text(self):
        req = make('/', {'Content-Type': 'application/json'},
                   b'["{", "\\"[", "\\\\", {"]": "}}"}]')
        self.assertEqual(req.json, ['{', '"[', '\\', {']': '}}'}])

    def test_byte_order_mark_is_taken(self):
        req = make('/', {'Content-Type': 'application/json'},
                   b'\xef\xbb\xbf[1]')
        self.assertEqual(req.json, [1])

    def test_json_that_is_wanted(self):
        for body, value in ((b'[1]', [1]), (b'null', None)):
            req = make('/', {'Content-Type': 'application/json'}, body)
            self.assertEqual(req.get_json(), value)
        for kind in ('text/plain', 'application/jsonx', ''):
            with self.subTest(kind=kind):
                req = make('/', {'Content-Type': kind}, b'[1]')
                self.assertIsNone(req.json)
                with self.assertRaises(HTTPException) as raised:
                    req.get_json()
                self.assertEqual(raised.exception.status_code, 415)
        req = make('/', {'Content-Type': 'application/json'}, b'[1,\n x]')
        with self.assertRaises(ValueError) as raised:
            req.get_json()
        self.assertEqual(raised.exception.status_code, 400)
        reason = raised.exception.reason
        self.assertTrue(reason.startswith('The body is not JSON'))
        if sys.implementation.name == 'cpython':
            self.assertIn('line 2, column 2', reason)

    def test_values_may_have_to_be_of_a_type(self):
        args = make('/?page=x&size=2').args
        self.assertEqual(args.get('size', 1, type=int, strict=True), 2)
        self.assertEqual(args.get('no', 1, type=int, strict=True), 1)
        self.assertEqual(args.get('page', 1, type=int), 1)
        with self.assertRaises(ValueError) as raised:
            args.get('page', 1, type=int, strict=True)
        self.assertEqual(
            (raised.exception.status_code, raised.exception.reason),
            (400, "malformed query parameter 'page'"))

    def test_urls_with_scheme_and_host(self):
        req = make('/a%20b?c=d', {'Host': 'example.com:81'})
        self.assertEqual(
            (req.host, req.absolute_url, req.base_url, req.url),
            ('example.com:81', 'http://example.com:81/a%20b?c=d',
             'http://example.com:81/a%20b', '/a%20b?c=d'))
        req.scheme = 'https'
        req.root_path = '/todo'
        self.assertEqual(req.base_url, 'https://example.com:81/todo/a%20b')
        self.assertEqual(make('/').host, '')

    def test_json_that_is_nested_too_deep_is_refused(self):
        # (4,000 lists take more than 100 KB)
        depth = 4000 if heap_kb() > 500 else 500
        req = make('/', {'Content-Type': 'application/json'},
                   b'[' * depth + b']' * depth)
        try:
            req.json  # some parsers need no stack
        except ValueError as exc:
            self.assertEqual(exc.status_code, 400)

    def test_form(self):
        for content_type in (
                'application/x-www-form-urlencoded',
                'Application/X-WWW-Form-Urlencoded',
                'application/x-www-form-urlencoded; charset=UTF-8'):
            with self.subTest(content_type=content_type):
                req = make('/', {'Content-Type': content_type},
                           b'a=1&b=x+y%21&a=2&c&d=%e2%82%ac')
                self.assertEqual(req.form, {
                    'a': ['1', '2'], 'b': ['x y!'], 'c': [''],
                    'd': ['\u20ac']})

    def test_form_is_parsed_once(self):
        req = make('/', {'Content-Type': 'application/x-www-form-urlencoded'},
                   b'a=1')
        self.assertIs(req.form, req.form)

    def test_value_less_key_is_text(self):
        """S36: it was b'' in forms."""
        req = make('/', {'Content-Type': 'application/x-www-form-urlencoded'},
                   b'a')
        self.assertEqual(req.form['a'], '')

    def test_empty_form(self):
        req = make('/', {'Content-Type': 'application/x-www-form-urlencoded'})
        self.assertEqual(req.form, {})

    def test_other_types_are_no_form(self):
        self.assertIsNone(make('/', {'Content-Type': 'text/plain'}).form)
        self.assertIsNone(make('/', {}, b'a=1').form)

    def test_bad_form_is_refused(self):
        """S38: it was answered with 500."""
        for body in (b'a=%zz', b'a=%ff', b'%4=a', b'a=\xff', b'a=\xff%ff'):
            with self.subTest(body=body):
                req = make('/', {
                    'Content-Type': 'application/x-www-form-urlencoded'}, body)
                with self.assertRaises(ValueError) as raised:
                    req.form
                self.assertEqual(raised.exception.status_code, 400)

    def test_number_of_fields_is_limited(self):
        self.limit('max_fields', 3)
        for body, status in ((b'a&b&c', None), (b'a&b&c&d', 413)):
            req = make('/', {
                'Content-Type': 'application/x-www-form-urlencoded'}, body)
            try:
                self.assertEqual(len(req.form), 3)
            except HTTPException as exc:
                self.assertEqual(exc.status_code, status)
            else:
                self.assertIsNone(status)

    def test_json_and_form_of_a_body_left_on_the_stream_are_refused(self):
        """S39: they were parsed as empty."""
        for content_type, name in (
                ('application/json', 'json'),
                ('application/x-www-form-urlencoded', 'form')):
            with self.subTest(name=name):
                req = make('/', {'Content-Type': content_type,
                                 'Content-Length': '99'})
                with self.assertRaises(HTTPException) as raised:
                    getattr(req, name)
                self.assertEqual(raised.exception.status_code, 413)

    def test_no_files(self):
        self.assertIsNone(make().files)

    def test_stream_of_a_body(self):
        req = make('/', {}, b'hello')
        self.assertTrue(isinstance(req.stream, AsyncBytesIO))
        self.assertIs(req.stream, req.stream)
        self.assertEqual(run(req.stream.read(3)), b'hel')
        self.assertEqual(run(req.stream.read()), b'lo')

    def test_stream_of_no_body_is_empty(self):
        """S14: reading it waited for ever."""
        self.assertEqual(run(make().stream.read()), b'')


def upload(body, chunks, more=b''):
    """Return a request with a body, perhaps in chunks."""
    head = b'POST /up HTTP/1.1\r\nHost: a\r\n'
    if not chunks:
        return head + b'Content-Length: %d\r\n\r\n' % len(body) + body + more
    head += b'Transfer-Encoding: chunked\r\n\r\n'
    for i in range(0, len(body), 7):
        piece = body[i:i + 7]
        head += b'%x\r\n' % len(piece) + piece + b'\r\n'
    return head + b'0\r\n\r\n' + more


GET = b'GET /next HTTP/1.1\r\nHost: a\r\n\r\n'
BODY = b'The quick brown fox jumps over the lazy dog.'


async def read_all(req):
    return await req.stream.read()


async def read_again(req):
    stream = req.stream
    data = await stream.read()
    return data + await stream.read() + await stream.read(5)


async def read_pieces(req):
    pieces = []
    while True:
        piece = await req.stream.read(5)
        if not piece:
            return b''.join(pieces)
        if len(piece) > 5:
            return b'too much'
        pieces.append(piece)


async def read_nothing_then_all(req):
    if await req.stream.read(0):
        return b'too much'
    return await req.stream.read()


async def read_exactly(req):
    return await req.stream.readexactly(10) + \
        await req.stream.readexactly(len(BODY) - 10)


async def read_more_than_there_is(req):
    try:
        await req.stream.readexactly(len(BODY) + 1)
    except EOFError:
        return BODY
    return b'no error'


async def iterate(req):
    data = b''
    async for piece in req.stream:
        data += piece
    return data


async def read_body(req):
    return req.body


async def read_some(req):
    await req.stream.read(3)
    return BODY


async def ignore(req):
    return BODY


WAYS_TO_READ = [read_all, read_again, read_pieces, read_nothing_then_all,
                read_exactly, read_more_than_there_is, iterate, read_some,
                ignore]


class TestStream(LimitsTestCase):
    def answers(self, view, *pieces):
        app = Recorder()
        app.post('/up')(view)

        @app.get('/next')
        async def following(request):
            return 'next'

        got = run(converse(app, *pieces))
        self.assertEqual(app.logged, [])
        return [answer[-200:] for answer in got.split(b'HTTP/1.1 ')[1:]]

    def check(self, view, wire, pieces=None):
        answers = self.answers(view, *(pieces or [wire]))
        self.assertEqual(len(answers), 2, answers)
        self.assertEqual(answers[0][-len(BODY):], BODY)
        self.assertEqual(answers[1][-4:], b'next')

    def test_body_in_memory_is_read_by_any_method(self):
        for view in WAYS_TO_READ[:5] + WAYS_TO_READ[6:] + [read_body]:
            for chunks in (False, True):
                with self.subTest(view=str(view), chunks=chunks):
                    self.check(view, upload(BODY, chunks, GET))

    def test_streamed_body_is_read_by_any_method(self):
        """S14: what was read was not bounded by the length."""
        self.limit('max_body_length', 16)
        for view in WAYS_TO_READ:
            for chunks in (False, True):
                with self.subTest(view=str(view), chunks=chunks):
                    self.check(view, upload(BODY, chunks, GET))

    def test_streamed_body_may_be_cut_anywhere(self):
        self.limit('max_body_length', 16)
        for chunks in (False, True):
            wire = upload(BODY, chunks, GET)
            for pieces in ways_to_cut(wire):
                self.check(read_pieces, wire, pieces)

    def test_body_length_at_the_limit_is_kept_in_memory(self):
        self.limit('max_body_length', len(BODY))
        self.limit('max_content_length', len(BODY))
        for chunks in (False, True):
            self.check(read_body, upload(BODY, chunks, GET))

    def test_chunked_body_that_might_be_too_long_is_not(self):
        self.limit('max_body_length', len(BODY))
        self.limit('max_content_length', len(BODY) + 1)
        answers = self.answers(read_body, upload(BODY, True, GET))
        self.assertIn(b'Content-Length: 0\r\n', answers[0])

    def test_body_length_one_over_the_limit_is_not(self):
        self.limit('max_body_length', len(BODY) - 1)
        for chunks in (False, True):
            answers = self.answers(read_body, upload(BODY, chunks, GET))
            self.assertIn(b'Content-Length: 0\r\n', answers[0])
            self.assertEqual(answers[1][-4:], b'next')

    def test_content_length_at_the_limit_is_taken(self):
        self.limit('max_content_length', len(BODY))
        for chunks in (False, True):
            self.check(read_body, upload(BODY, chunks, GET))

    def test_content_length_one_over_the_limit_is_refused(self):
        self.limit('max_content_length', len(BODY) - 1)
        for chunks in (False, True):
            answers = self.answers(read_body, upload(BODY, chunks))
            self.assertEqual(answers[0][:4], b'413 ')
            self.assertIn(b'Request.max_content_length', answers[0])

    def test_content_length_far_over_the_limit_is_refused_unread(self):
        answers = self.answers(
            read_body, b'POST /up HTTP/1.1\r\nHost: a\r\n'
            b'Content-Length: 9999999999\r\n\r\n')
        self.assertEqual(answers[0][:4], b'413 ')
        self.assertIn(b'\r\nConnection: close\r\n', answers[0])

    def test_bad_json_is_answered_400(self):
        """S39: it was answered with 500."""
        async def view(req):
            return req.json

        answers = self.answers(
            view, b'POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n'
            b'Content-Type: application/json\r\n\r\n}' + GET)
        self.assertEqual(answers[0][:4], b'400 ')
        self.assertEqual(answers[1][-4:], b'next')

    def test_line_of_a_streamed_body(self):
        self.limit('max_body_length', 16)

        async def view(req):
            return await req.stream.readline() + await req.stream.readline()

        for chunks in (False, True):
            with self.subTest(chunks=chunks):
                wire = upload(b'The quick brown fox\njumps\nover', chunks)
                answers = self.answers(view, wire)
                self.assertEqual(answers[0][-26:],
                                 b'The quick brown fox\njumps\n')

    def test_lines_end_at_their_separator_however_they_are_cut(self):
        self.limit('max_body_length', 16)
        self.limit('max_readline', 100)
        text = b'ab--c-d--e\r\n--1234567890abcdef--'
        for separator, expected in (
                (b'--', [b'ab--', b'c-d--', b'e\r\n--', b'1234567890ab',
                         b'cdef--', b'']),
                (b'\r\n', [b'ab--c-d--e\r\n', b'--1234567890',
                           b'abcdef--', b''])):
            seen = []

            async def view(req):
                lines = []
                Request.max_readline = 12
                while not lines or lines[-1]:
                    lines.append(await req.stream.readuntil(separator))
                Request.max_readline = 100
                seen.append(lines)
                return ''

            for chunks in (False, True):
                wire = upload(text, chunks)
                app = Recorder()
                app.post('/up')(view)
                for pieces in ways_to_cut(wire):
                    run(Peer(app, pieces).serve())
                    self.assertEqual((separator, seen.pop()),
                                     (separator, expected))

    def test_line_that_is_here_is_read_at_once(self):
        self.limit('max_body_length', 16)
        reads = []

        class Counting(Peer):
            async def read(self, n=-1):
                reads.append(n)
                return await super().read(n)

        async def view(req):
            return await req.stream.readline()

        app = Recorder()
        app.post('/up')(view)
        conn = Counting(app, [upload(b'The quick brown fox\njumps\n', False)])
        run(conn.serve())
        self.assertEqual(conn.sent[-20:], b'The quick brown fox\n')
        self.assertEqual(reads[0], 20)


class TestClientAddress(unittest.TestCase):
    def test_app_and_address_of_the_peer_are_given(self):
        app = Microdot()
        seen = []

        @app.get('/')
        async def index(request):
            seen.append((request.app, request.client_addr))
            return ''

        run(TestClient(app).get('/'))
        self.assertEqual(seen, [(app, ('127.0.0.1', 1234))])


if __name__ == '__main__':
    unittest.main()

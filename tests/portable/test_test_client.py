"""The test client."""

import asyncio
import gc
import unittest

from helpers import needs_heap, run
from microdot.microdot import (
    Disconnected,
    HTTPException,
    Microdot,
    NoCaseDict,
    Response,
    redirect,
)
from microdot.test_client import TestClient, TestResponse
from peers import Recorder

NEEDS_EVENT_LOOP = False
HAS_EVENT_LOOP = hasattr(asyncio, 'run')
METHODS = ('get', 'head', 'options', 'post', 'put', 'patch', 'delete',
           'query')


def make_app():
    """Return an application that answers with what it was asked."""
    app = Recorder()

    @app.route('/', methods=[name.upper() for name in METHODS])
    @app.route('/<path:path>', methods=[name.upper() for name in METHODS])
    async def echo(request, path=''):
        app.seen = request
        return {
            'method': request.method, 'url': request.url,
            'headers': list(request.headers.items()),
            'body': request.body.decode(), 'cookies': request.cookies,
            'args': pairs(request.args), 'form': pairs(request.form)}

    return app


def pairs(values):
    return values and [[key, values.getlist(key)] for key in sorted(values)]


def echo(method='POST', path='/', client=None, **kwargs):
    """Return what an application was asked by a request."""
    client = client or TestClient(make_app())
    return run(client.request(method, path, **kwargs)).json


def headers_of(asked):
    return NoCaseDict(dict([tuple(pair) for pair in asked['headers']]))


class TestRequests(unittest.TestCase):
    def test_white_space_around_a_header_is_left_out(self):
        asked = echo(headers={'Authorization': ' Basic dTpw\n'})
        self.assertEqual(headers_of(asked)['Authorization'], 'Basic dTpw')
        for value in ('a\nb', 'a\r\nX: y'):
            with self.assertRaises(ValueError):
                echo(headers={'X': value})

    def test_methods(self):
        for name in METHODS:
            client = TestClient(make_app())
            res = run(getattr(client, name)('/'))
            with self.subTest(name=name):
                self.assertEqual(res.status_code, 200)
                self.assertEqual(client.app.seen.method, name.upper())

    def test_methods_take_headers_and_a_body(self):
        for name in METHODS:
            client = TestClient(make_app())
            run(getattr(client, name)('/', {'X': 'y'}, 'hello'))
            with self.subTest(name=name):
                self.assertEqual(client.app.seen.body, b'hello')
                self.assertEqual(client.app.seen.headers['X'], 'y')

    def test_request_is_of_version_1_1(self):
        """S31: it did not go through the server's code."""
        client = TestClient(make_app())
        res = run(client.get('/a?b=c'))
        self.assertEqual(client.app.seen.http_version, '1.1')
        self.assertEqual(client.app.seen.client_addr, ('127.0.0.1', 1234))
        self.assertEqual(client.app.seen.query_string, 'b=c')
        self.assertEqual(res.http_version, '1.1')

    def test_host_and_scheme(self):
        client = TestClient(make_app())
        run(client.get('/'))
        self.assertEqual(client.app.seen.headers['Host'], 'example.com:1234')
        self.assertEqual(client.app.seen.scheme, 'http')
        client = TestClient(make_app(), scheme='https', host='foo.com')
        run(client.get('/'))
        self.assertEqual(client.app.seen.headers['Host'], 'foo.com')
        self.assertEqual(client.app.seen.scheme, 'https')
        run(client.get('/', {'host': 'bar.com'}))
        self.assertEqual(client.app.seen.headers['Host'], 'bar.com')

    def test_headers_of_the_caller_are_not_changed(self):
        """S31: they were."""
        headers = {'X': 'y'}
        echo(headers=headers, body={'a': 1}, client=TestClient(
            make_app(), cookies={'a': 'b'}))
        self.assertEqual(headers, {'X': 'y'})

    def test_list_is_sent_as_several_headers(self):
        asked = echo(headers={'X': ['a', 'b']})
        self.assertEqual(headers_of(asked)['X'], 'a, b')

    def test_bodies(self):
        for body, expected, length in (
                (None, '', None), ('', '', None), (b'', '', None),
                ('\u20ac', '\u20ac', '3'), (b'abc', 'abc', '3'),
                (bytearray(b'abc'), 'abc', '3')):
            with self.subTest(body=body):
                asked = echo(body=body)
                self.assertEqual(asked['body'], expected)
                headers = headers_of(asked)
                self.assertEqual(headers.get('Content-Length'), length)
                self.assertIsNone(headers.get('Content-Type'))

    def test_json_bodies(self):
        for kwargs in ({'body': {'a': 1}}, {'json': {'a': 1}},
                       {'body': [1]}, {'json': [1]}, {'json': 0},
                       {'json': False}, {'json': ''}):
            with self.subTest(kwargs=kwargs):
                client = TestClient(make_app())
                asked = echo(client=client, **kwargs)
                self.assertEqual(headers_of(asked)['Content-Type'],
                                 'application/json')
                self.assertEqual(client.app.seen.json,
                                 kwargs.get('body', kwargs.get('json')))

    def test_own_content_type_is_kept(self):
        asked = echo(headers={'content-type': 'a/b'}, body={})
        self.assertEqual(headers_of(asked)['Content-Type'], 'a/b')

    def test_body_of_an_async_iterator(self):
        class Pieces:
            def __init__(self):
                self.left = ['he', b'', b'llo']

            def __aiter__(self):
                return self

            async def __anext__(self):
                if not self.left:
                    raise StopAsyncIteration
                return self.left.pop(0)

        asked = echo(body=Pieces())
        self.assertEqual(asked['body'], 'hello')
        self.assertEqual(headers_of(asked)['Transfer-Encoding'], 'chunked')

    def test_a_file_has_its_own_name(self):
        class File:
            def __init__(self, name):
                self.name = name

            def read(self):
                return b'x'

        for name, sent in (('a/b.png', 'b.png'), ('C:\\a\\b.txt', 'b.txt'),
                           ('c', 'c'), (5, 'f')):
            with self.subTest(name=name):
                body = echo(files={'f': File(name)})['body']
                self.assertIn('name="f"; filename="%s"\r\n' % sent, body)
        body = echo(files={'f': ('x.txt', File('a'))})['body']
        self.assertIn('filename="x.txt"', body)

    def test_body_in_chunks(self):
        asked = echo(body=iter(['he', b'', b'llo']))
        self.assertEqual(asked['body'], 'hello')
        self.assertEqual(headers_of(asked)['Transfer-Encoding'], 'chunked')

    def test_form(self):
        for form in ({'a': '1 &=+%\u20ac', 'b': ['2', 3]},
                     [('b', '2'), ('a', '1 &=+%\u20ac'), ('b', 3)]):
            with self.subTest(form=form):
                asked = echo(form=form)
                self.assertEqual(asked['form'], [
                    ['a', ['1 &=+%\u20ac']], ['b', ['2', '3']]])

    def test_query(self):
        for path, query, expected, url in (
                ('/', {'a': 'x y'}, [['a', ['x y']]], '/?a=x%20y'),
                ('/', [('a', 1), ('a', 2)], [['a', ['1', '2']]], '/?a=1&a=2'),
                ('/?b=1', {'a': [1, 2]}, [['a', ['1', '2']], ['b', ['1']]],
                 '/?b=1&a=1&a=2')):
            with self.subTest(query=query):
                asked = echo('GET', path, query=query)
                self.assertEqual(asked['args'], expected)
                self.assertEqual(asked['url'], url)

    def test_files(self):
        asked = echo(files={'f': ('a.txt', 'hello'), 'g': b'raw'},
                     form={'x': 'y'})
        kind = headers_of(asked)['Content-Type']
        start, mark, boundary = kind.partition('; boundary=')
        self.assertEqual(start, 'multipart/form-data')
        parts = asked['body'].split('--' + boundary)
        self.assertEqual((parts[0], parts[-1]), ('', '--\r\n'))
        self.assertEqual(sorted(parts[1:-1]), [
            '\r\nContent-Disposition: form-data; name="f"; '
            'filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nhello\r\n',
            '\r\nContent-Disposition: form-data; name="g"; '
            'filename="g"\r\nContent-Type: application/octet-stream\r\n\r\n'
            'raw\r\n',
            '\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n'])

    def test_files_with_a_type_and_odd_names(self):
        asked = echo(files=[('f', ('a"b\r\n.txt', b'x', 'text/x'))])
        self.assertIn('filename="a%22b%0D%0A.txt"\r\nContent-Type: text/x',
                      asked['body'])

    def test_boundary_does_not_occur_in_a_file(self):
        asked = echo(files={'f': 'boundary boundary- boundary--'})
        boundary = headers_of(asked)['Content-Type'].partition('=')[2]
        self.assertEqual(asked['body'].count(boundary), 2)

    def test_sock_may_be_replaced(self):
        client = TestClient(make_app())
        run(client.request('GET', '/', sock=('reader', 'writer')))
        self.assertEqual(client.app.seen.sock, ('reader', 'writer'))

    def test_line_breaks_are_refused(self):
        for path, headers in (('/\r\nX: y', {}), ('/', {'X': 'a\r\nb'}),
                              ('/', {'X\n': 'a'})):
            with self.assertRaises(ValueError):
                run(TestClient(make_app()).get(path, headers))

    def test_malformed_requests_are_answered_400(self):
        """S31: they raised."""
        for path, headers in (('a', {}), ('/', {'X Y': 'z'}),
                              ('/', {'Content-Length': 'x'}),
                              ('/', {'Host': 'a/b'})):
            with self.subTest(path=path, headers=headers):
                res = run(TestClient(make_app()).get(path, headers))
                self.assertEqual(res.status_code, 400)

    def test_path_is_sent_as_browsers_do(self):
        for path, url in (('/a b', '/a%20b'), ('/a#b c', '/a'),
                          ('/a?b=c d#e', '/a?b=c%20d')):
            with self.subTest(path=path):
                res = run(TestClient(make_app()).get(path))
                self.assertEqual(res.json['url'], url)

    def test_expectation_is_met(self):
        asked = echo(headers={'Expect': '100-continue'}, body='hello')
        self.assertEqual(asked['body'], 'hello')

    def test_body_that_is_too_short_is_an_error(self):
        with self.assertRaises(ValueError):
            echo(headers={'Content-Length': '9'}, body='hello')


class TestOptions(unittest.TestCase):
    def ask(self, path='/', **kwargs):
        headers = kwargs.pop('call', None)
        client = TestClient(make_app(), **kwargs)
        self.res = run(client.get(path, headers))
        return client.app.seen

    def test_headers_of_the_client_are_sent(self):
        own = {'X': 'a', 'Y': 'b'}
        seen = self.ask(headers=own, call={'x': 'c'})
        self.assertEqual((seen.headers['X'], seen.headers['Y']), ('c', 'b'))
        self.assertEqual(own, {'X': 'a', 'Y': 'b'})

    def test_address_of_the_client(self):
        seen = self.ask(client=('1.2.3.4', 5))
        self.assertEqual(seen.client_addr, ('1.2.3.4', 5))

    def test_base_url(self):
        for base, path, scheme, host, url in (
                ('https://x/y', '/a?b', 'https', 'x', '/y/a?b'),
                ('https://x/y/', '/', 'https', 'x', '/y/'),
                ('http://x:8080', '/a', 'http', 'x:8080', '/a'),
                ('http://x/', '/a', 'http', 'x', '/a')):
            with self.subTest(base=base):
                seen = self.ask(path, base_url=base)
                self.assertEqual(
                    (seen.scheme, seen.headers['Host'], seen.url),
                    (scheme, host, url))
                self.assertEqual(self.res.url, scheme + '://' + host + url)

    def test_base_url_is_whole_and_alone(self):
        for kwargs in ({'base_url': 'x/y'}, {'base_url': 'ftp://x'},
                       {'base_url': 'http://'}, {'base_url': 'http:///a'},
                       {'base_url': 'http://x?a'}, {'base_url': 'http://x#a'},
                       {'base_url': ''},
                       {'base_url': 'http://x', 'scheme': 'http'},
                       {'base_url': 'http://x', 'host': 'x'}):
            with self.subTest(kwargs=kwargs):
                with self.assertRaises(ValueError):
                    TestClient(make_app(), **kwargs)

    def test_auth(self):
        # RFC 7617, sections 2 and 2.1
        for auth, sent in (
                (('Aladdin', 'open sesame'), 'QWxhZGRpbjpvcGVuIHNlc2FtZQ=='),
                (('test', '123\u00a3'), 'dGVzdDoxMjPCow=='),
                (('u', 'p' * 60), None)):
            with self.subTest(auth=auth):
                seen = self.ask(auth=auth)
                kind, _, value = seen.headers['Authorization'].partition(' ')
                self.assertEqual(kind, 'Basic')
                self.assertTrue(value and value == (sent or value))
        client = TestClient(make_app(), auth=('u', 'p'))
        run(client.get('/', auth=('u', 'q')))
        self.assertEqual(client.app.seen.headers['Authorization'],
                         'Basic dTpx')
        run(client.get('/', {'Authorization': 'Bearer x'}))
        self.assertEqual(client.app.seen.headers['Authorization'], 'Bearer x')

    def test_who_a_call_says_it_is_comes_before_what_the_client_says(self):
        for number, (own, call, sent) in enumerate((
                ({'headers': {'Authorization': 'Bearer x'}}, {},
                 'Bearer x'),
                ({'headers': {'authorization': 'Bearer x'}},
                 {'auth': ('u', 'p')}, 'Basic dTpw'),
                ({'headers': {'Authorization': 'Bearer x'},
                  'auth': ('u', 'p')}, {}, 'Bearer x'),
                ({'auth': ('u', 'p')},
                 {'headers': {'authorization': 'Bearer y'}}, 'Bearer y'),
                ({'headers': {'Authorization': 'Bearer x'}},
                 {'headers': {'Authorization': 'Bearer y'},
                  'auth': ('u', 'p')}, 'Bearer y'))):
            with self.subTest(number=number):
                client = TestClient(make_app(), **own)
                run(client.get('/', **call))
                self.assertEqual(
                    client.app.seen.headers['Authorization'], sent)

    def test_url_of_a_response(self):
        self.ask('/a b?c=d e#f')
        self.assertEqual(self.res.url,
                         'http://example.com:1234/a%20b?c=d%20e')
        self.assertEqual(self.res.history, [])


class TestResponses(unittest.TestCase):
    def get(self, result, method='GET'):
        app = Microdot()
        app.get('/')(lambda request: result)
        return run(TestClient(app).request(method, '/'))

    def test_text(self):
        res = self.get('hello')
        self.assertEqual((res.body, res.text), (b'hello', 'hello'))
        self.assertIsNone(res.json)
        self.assertIsNone(res.events)
        self.assertIsNone(res.reason)

    def test_body_that_is_no_text(self):
        res = self.get(b'\xff')
        self.assertEqual(res.body, b'\xff')
        self.assertIsNone(res.text)

    def test_json(self):
        res = self.get({'a': 1})
        self.assertEqual(res.json, {'a': 1})
        self.assertEqual(res.text, '{"a": 1}')

    def test_json_of_another_type(self):
        for kind, expected in (('application/json', [1]),
                               ('Application/JSON; x', [1]),
                               ('application/problem+json', [1]),
                               ('text/plain', None)):
            res = self.get(('[1]', {'Content-Type': kind}))
            self.assertEqual(res.json, expected)

    def test_reason_that_the_application_set(self):
        res = self.get(Response('', reason='ALL GOOD!'))
        self.assertEqual(res.reason, 'ALL GOOD!')

    def test_head_has_no_body(self):
        res = self.get({'a': 1}, 'HEAD')
        self.assertEqual(res.headers['Content-Length'], '8')
        for value in (res.body, res.text, res.json):
            self.assertIsNone(value)

    def test_stream_is_put_together(self):
        res = self.get(iter(['foo', b'bar', 'x' * 20]))
        self.assertEqual(res.text, 'foobar' + 'x' * 20)
        self.assertEqual(res.headers['Transfer-Encoding'], 'chunked')

    def test_cookies_are_a_list(self):
        response = Response('')
        response.set_cookie('a', 'b')
        response.set_cookie('c', 'd')
        self.assertEqual(self.get(response).headers['set-cookie'],
                         ['a=b', 'c=d'])

    def test_cookies_that_a_response_sets(self):
        response = Response('')
        response.set_cookie('a', 'b', path='/x', http_only=True)
        response.set_cookie('c', 'd', max_age=5)
        response.delete_cookie('e')
        response.set_cookie('f', '', expires='Thu, 01 Jan 1970 00:00:01 GMT')
        self.assertEqual(self.get(response).cookies, {'a': 'b', 'c': 'd'})
        self.assertEqual(self.get('').cookies, {})

    def test_errors_are_raised_for_their_status(self):
        for status in (200, 204, 304, 399):
            res = self.get(('x', status))
            self.assertIs(res.raise_for_status(), res)
        for status in (400, 404, 500, 599):
            with self.assertRaises(HTTPException) as caught:
                self.get(('no such thing', status)).raise_for_status()
            self.assertEqual(caught.exception.status_code, status)
            self.assertEqual(caught.exception.reason,
                             'http://example.com:1234/: no such thing')

    def test_already_handled_is_empty(self):
        res = self.get(Response.already_handled)
        for value in (res.status_code, res.body, res.text, res.json,
                      res.events):
            self.assertIsNone(value)

    def test_create_takes_a_response(self):
        res = run(TestResponse.create(Response(
            {'a': 1}, 201, {'X': 'y'}, 'FINE')))
        self.assertEqual((res.status_code, res.reason), (201, 'FINE'))
        self.assertEqual((res.json, res.headers['x']), ({'a': 1}, 'y'))

    def test_retry_that_is_no_number_is_ignored(self):
        for value in (b'', b'x', b'-1', b'1.5', b'\xff'):
            res = self.get((b'retry: ' + value + b'\ndata: a\n\n',
                            {'Content-Type': 'text/event-stream'}))
            self.assertIsNone(res.events[0]['retry'])

    def test_events(self):
        wire = (b': comment\n\ndata: foo\n\nevent: test\ndata: bar\n\n'
                b'event: test\nid: 5\ndata: {"a": 1}\n\nretry: 2500\n'
                b'data: one\ndata:two\r\n\r\nevent: nothing\n\ndata\n\n'
                b'data: [1]\r\rdata: cut')
        res = self.get((wire, {'Content-Type': 'text/event-stream'}))
        self.assertEqual(res.events, [
            {'data': b'foo', 'data_json': None, 'event': None,
             'event_id': None, 'retry': None},
            {'data': b'bar', 'data_json': None, 'event': 'test',
             'event_id': None, 'retry': None},
            {'data': b'{"a": 1}', 'data_json': {'a': 1}, 'event': 'test',
             'event_id': '5', 'retry': None},
            {'data': b'one\ntwo', 'data_json': None, 'event': None,
             'event_id': None, 'retry': 2.5},
            {'data': b'[1]', 'data_json': [1], 'event': None,
             'event_id': None, 'retry': None}])

    def test_events_are_parsed_by_the_standard(self):
        """WHATWG HTML, section 9.2.6"""
        for wire, found in (
                (b'\xef\xbb\xbfdata: a\n\n', [(b'a', None)]),
                (b'data: a\nid: 1\x002\n\n', [(b'a', None)]),
                (b'id: 1\nid: 2\ndata: a\n\n', [(b'a', '2')]),
                (b'data:\n\n', []), (b'data\ndata\n\n', [(b'\n', None)]),
                (b'data: a\n\ndata: b\n', [(b'a', None)]),
                (b'data:  a\nDATA: b\n\n', [(b' a', None)])):
            with self.subTest(wire=wire):
                res = self.get((wire, {'Content-Type': 'text/event-stream'}))
                self.assertEqual([(event['data'], event['event_id'])
                                  for event in res.events], found)

    def test_body_is_what_the_handler_wrote_itself(self):
        app = Microdot()

        @app.get('/')
        async def view(request):
            await request.sock[1].awrite(
                b'HTTP/1.1 299 Own\r\nContent-Length: 3\r\n\r\nfoo')
            return Response.already_handled

        res = run(TestClient(app).get('/'))
        self.assertEqual((res.status_code, res.reason, res.body),
                         (299, 'Own', b'foo'))

    def test_well_formed_responses_are_parsed(self):
        for wire, status, body in (
                (b'HTTP/1.1 200 OK\r\n\r\nfoo', 200, b'foo'),
                (b'HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nfoo', 200,
                 b'foo'),
                (b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 x\r\n\r\n', 204,
                 b''),
                (b'HTTP/1.1 101 Switching Protocols\r\n\r\nfoo', 101, None),
                (b'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n',
                 304, b''),
                (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
                 b'3\r\nfoo\r\nA;x\r\n0123456789\r\n0\r\n\r\n', 200,
                 b'foo0123456789')):
            with self.subTest(wire=wire):
                if status == 101:
                    wire = wire[:-3]
                res = TestResponse.parse(wire)
                self.assertEqual((res.status_code, res.body), (status, body))

    def test_malformed_responses_are_errors(self):
        for wire in (
                b'', b'HTTP/1.1 200 OK\r\n', b'foo\r\n\r\n',
                b'HTTP/1.1 +20 OK\r\n\r\n',
                b'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nfoo',
                b'HTTP/1.1 20 OK\r\n\r\n', b'HTTP/1.1 abc OK\r\n\r\n',
                b'HTTP/1.1 100 Continue\r\n\r\n',
                b'HTTP/1.1 200 OK\r\nX\r\n\r\n',
                b'HTTP/1.1 200 OK\r\nX : y\r\n\r\n',
                b'HTTP/1.1 200 OK\r\n: y\r\n\r\n',
                b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfoo',
                b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nfoo',
                b'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nfoo',
                b'HTTP/1.1 204 x\r\n\r\nfoo',
                b'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n'
                b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n') + tuple([
                    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' +
                    body for body in (
                        b'', b'3\r\n', b'3\r\nfo', b'3\r\nfoo', b'0\r\n',
                        b'3\r\nfoo\r\n', b'2\r\nfoo\r\n0\r\n\r\n',
                        b'x\r\n', b'0\r\n\r\nfoo', b'0\r\nX: y\r\n\r\n')]):
            with self.subTest(wire=wire):
                self.assertRaises(ValueError, TestResponse.parse, wire)

    def test_every_truncation_is_an_error(self):
        wire = (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
                b'3\r\nfoo\r\n0\r\n\r\n')
        self.assertEqual(TestResponse.parse(wire).body, b'foo')
        for cut in range(len(wire)):
            self.assertRaises(ValueError, TestResponse.parse, wire[:cut])


class TestCookies(unittest.TestCase):
    def after(self, jar, *cookies):
        """Return a jar after a response has set cookies."""
        app = Microdot()
        app.get('/')(lambda request: ('', {'Set-Cookie': list(cookies)}))
        client = TestClient(app, cookies=jar)
        run(client.get('/'))
        return client.cookies

    def sent(self, jar, path='/', headers=None):
        """Return the cookies that are sent."""
        return echo('GET', path, client=TestClient(make_app(), cookies=jar),
                    headers=headers)['cookies']

    def test_jar_is_sent(self):
        self.assertEqual(self.sent({'a': 'b', 'c': 'd'}),
                         {'a': 'b', 'c': 'd'})

    def test_jar_is_added_to_a_header(self):
        self.assertEqual(self.sent({'a': 'b'}, headers={'cookie': 'c=d'}),
                         {'a': 'b', 'c': 'd'})

    def test_paths_match_by_segment(self):
        """S31: /foo matched /foobar."""
        for scope, path, sent in (
                ('/foo', '/foo', True), ('/foo', '/foo/bar', True),
                ('/foo', '/foo?x', True), ('/foo', '/foobar', False),
                ('/foo', '/', False), ('/foo', '/Foo', False),
                ('/foo/', '/foo/', True), ('/foo/', '/foo/bar', True),
                ('/foo/', '/foo', False), ('/', '/foo', True)):
            with self.subTest(scope=scope, path=path):
                self.assertEqual(self.sent({'a': ('b', scope)}, path),
                                 {'a': 'b'} if sent else {})

    def test_cookies_are_stored(self):
        self.assertEqual(
            self.after({'x': 'y'}, 'a=b', 'c=d; Path=/foo; HttpOnly',
                       'e=f=g; HttpOnly', 'h="i"', 'j=; Path=/'),
            {'x': 'y', 'a': 'b', 'c': ('d', '/foo'), 'e': 'f=g', 'h': '"i"',
             'j': ''})

    def test_cookie_without_a_path_is_that_of_its_folder(self):
        """RFC 6265, section 5.1.4"""
        for path, stored in (('/', 'b'), ('/x', 'b'), ('/x?/y/z', 'b'),
                             ('/x/y', ('b', '/x')), ('/x/', ('b', '/x')),
                             ('/x/y/z', ('b', '/x/y'))):
            with self.subTest(path=path):
                self.assertEqual(self.kept(path, 'a=b'), {'a': stored})

    def test_cookies_of_one_name_live_side_by_side(self):
        for first, second in (('/', '/x'), ('/x', '/')):
            client = self.client('a=1; Path=' + first, 'a=2; Path=' + second)
            self.assertEqual(sorted(client.cookies['a'], key=repr),
                             [('1', first), ('2', second)])
            run(client.get('/x/y'))
            # section 5.4: longer paths first
            self.assertEqual(
                self.seen[-1],
                'a=2; a=1' if second == '/x' else 'a=1; a=2')
            run(client.get('/'))
            self.assertEqual(self.seen[-1],
                             'a=1' if second == '/x' else 'a=2')

    def test_cookies_of_another_domain_are_not_kept(self):
        for domain, kept in (('example.com', True), ('.Example.COM', True),
                             ('www.example.com', False), ('ample.com', False),
                             ('com.example', False)):
            with self.subTest(domain=domain):
                self.assertEqual(
                    self.kept('/', 'a=b; Domain=' + domain),
                    {'a': 'b'} if kept else {})

    def client(self, *cookies):
        app = Microdot()
        self.seen = []
        left = list(cookies)

        @app.get('/<path:path>')
        @app.get('/')
        async def view(request, path=None):
            self.seen.append(request.headers.get('Cookie'))
            return '', 200, {'Set-Cookie': left.pop(0)} if left else {}

        client = TestClient(app)
        for _ in cookies:
            run(client.get('/'))
        return client

    def kept(self, path, cookie):
        client = self.client()
        app = Microdot()

        @app.get('/<path:path>')
        @app.get('/')
        async def view(request, path=None):
            return '', 200, {'Set-Cookie': cookie}

        client.app = app
        run(client.get(path))
        return client.cookies

    def test_case_of_a_path_is_kept(self):
        """S31: it was lowered."""
        self.assertEqual(self.after({}, 'a=b; PATH=/Foo'),
                         {'a': ('b', '/Foo')})

    def test_path_that_is_none_is_the_root(self):
        # RFC 6265, section 5.2.4
        self.assertEqual(self.after({}, 'a=b; Path=x'), {'a': 'b'})

    def test_cookies_are_replaced(self):
        self.assertEqual(self.after({'a': 'b'}, 'a=c'), {'a': 'c'})

    def test_cookies_expire(self):
        for options, left in (
                ('Max-Age=0', False), ('Max-Age=-1', False),
                ('max-age=0', False), ('Max-Age=5', True),
                ('Expires=Thu, 01 Jan 1970 00:00:01 GMT', False),
                ('Expires=Thu, 01-Jan-1970 00:00:00 GMT', False),
                ('Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=5', True),
                ('Expires=Wed, 01 Jan 2098 00:00:00 GMT', True),
                ('Expires=Wed, 01 Jan 2098 00:00:00 GMT; Max-Age=0', False),
                ('Expires=nonsense', True), ('Expires=', True),
                ('Max-Age=nonsense', True), ('Max-Age=', True),
                ('Max-Age=-', True),
                ('Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=x', False)):
            with self.subTest(options=options):
                self.assertEqual(self.after({'a': 'b'}, 'a=c; ' + options),
                                 {'a': 'c'} if left else {})

    def test_cookies_expire_where_the_path_agrees(self):
        app = Microdot()

        @app.get('/')
        async def view(request):
            res = Response('')
            res.set_cookie('four', '4')
            res.delete_cookie('two', path='/')
            res.delete_cookie('one', path='/bad')
            res.delete_cookie('five')
            return res

        client = TestClient(app, cookies={'one': '1', 'two': '2',
                                          'five': '5'})
        run(client.get('/'))
        self.assertEqual(client.cookies, {'one': '1', 'four': '4'})

    def test_cookie_with_a_path_expires(self):
        self.assertEqual(
            self.after({'a': ('b', '/foo'), 'c': ('d', '/')},
                       'a=; Path=/foo; Max-Age=0', 'c=; Max-Age=0'), {})

    def test_deleting_an_unknown_cookie_does_nothing(self):
        self.assertEqual(self.after({}, 'a=; Max-Age=0'), {})


def redirecting_app(location, status=302):
    """Return an application that redirects from /from/here, and echoes what
    else it is asked."""
    app = Recorder()

    @app.route('/from/here', methods=['GET', 'POST', 'PUT', 'HEAD'])
    async def leave(request):
        res = Response('', status, {'Location': location})
        res.set_cookie('a', 'b')
        return res

    app.mount(make_app())
    return app


class TestRedirects(unittest.TestCase):
    def follow(self, location, status=302, method='GET', **kwargs):
        client = TestClient(redirecting_app(location, status))
        kwargs['follow_redirects'] = True
        return run(client.request(method, '/from/here', **kwargs))

    def test_locations_are_resolved(self):
        for location, url in (
                ('/a', '/a'), ('/a?b=c#d', '/a?b=c'), ('/', '/'),
                ('b', '/from/b'), ('b/c?d', '/from/b/c?d'),
                ('./b', '/from/b'), ('../b?c', '/b?c'), ('../../b', '/b'),
                ('http://example.com:1234/a', '/a'),
                ('http://example.com:1234', '/'),
                ('//example.com:1234/a', '/a'),
                ('/a?b=http://x', '/a?b=http://x')):
            with self.subTest(location=location):
                res = self.follow(location)
                self.assertEqual(res.status_code, 200)
                self.assertEqual(res.json['url'], url)

    def test_responses_on_the_way_are_kept(self):
        app = Microdot()

        @app.get('/<int:n>')
        async def view(request, n):
            return redirect('/%d' % (n - 1)) if n else 'done'

        client = TestClient(app, follow_redirects=True)
        res = run(client.get('/2'))
        self.assertEqual(res.url, 'http://example.com:1234/0')
        self.assertEqual([(each.url[-2:], each.status_code)
                          for each in res.history], [('/2', 302), ('/1', 302)])
        self.assertEqual(res.history[0].history, [])
        self.assertEqual(res.history[1].history, res.history[:1])

    def test_redirects_of_a_base_url_have_its_path(self):
        app = Microdot()
        app.get('/y/old')(lambda request: redirect('/y/new'))
        app.get('/y/new')(lambda request: 'new')
        res = run(TestClient(app, base_url='https://x/y').get(
            '/old', follow_redirects=True))
        self.assertEqual((res.text, res.url), ('new', 'https://x/y/new'))

    def test_cookies_are_kept(self):
        self.assertEqual(self.follow('b').json['cookies'], {'a': 'b'})

    def test_hosts_have_no_case(self):
        res = self.follow('http://EXAMPLE.com:1234/a')
        self.assertEqual(res.json['url'], '/a')

    def test_hosts_above_and_below_are_asked(self):
        for host, other in (('example.com:1', 'www.example.com:1'),
                            ('www.example.com', 'example.com')):
            client = TestClient(
                redirecting_app('http://%s/a' % other.upper()), host=host,
                follow_redirects=True)
            res = run(client.get('/from/here', {
                'Authorization': 'x', 'Cookie': 'c=d', 'X': 'y'}))
            headers = headers_of(res.json)
            self.assertEqual((headers['Host'], headers['X']), (other, 'y'))
            self.assertFalse('Authorization' in headers)
            self.assertFalse('c' in res.json['cookies'])
            self.assertEqual(res.url, 'http://%s/a' % other)
        for other in ('badexample.com:1234', 'com', 'example.com.evil.org',
                      'example.com'):
            client = TestClient(redirecting_app('http://%s/a' % other),
                                follow_redirects=True)
            res = run(client.get('/from/here'))
            self.assertEqual(res.status_code, 302)

    def test_headers_are_kept(self):
        asked = self.follow('/a', headers={'X': 'y'}).json
        self.assertEqual(headers_of(asked)['X'], 'y')

    def test_methods_change_as_in_browsers(self):
        # were it left over, it would be taken for another request
        text = 'GET / HTTP/1.0\r\n\r\n'
        for status, method, after, body in (
                (301, 'GET', 'GET', ''), (301, 'POST', 'GET', ''),
                (302, 'POST', 'GET', ''), (303, 'POST', 'GET', ''),
                (303, 'PUT', 'GET', ''), (302, 'PUT', 'PUT', text),
                (307, 'POST', 'POST', text), (308, 'PUT', 'PUT', text)):
            with self.subTest(status=status, method=method):
                asked = self.follow(
                    '/a', status, method,
                    body=text if method != 'GET' else None).json
                self.assertEqual((asked['method'], asked['body']),
                                 (after, body))
                self.assertEqual('Content-Length' in headers_of(asked),
                                 bool(body))

    def test_head_stays_head(self):
        for status in (302, 303):
            res = self.follow('/a', status, 'HEAD')
            self.assertEqual(res.status_code, 200)
            self.assertIsNone(res.body)

    def test_other_hosts_are_not_asked(self):
        for location in ('http://other.com/a', '//other.com/a',
                         'mailto://x'):
            res = self.follow(location)
            self.assertEqual(res.status_code, 302)

    def test_scheme_may_change(self):
        app = Microdot()

        @app.get('/')
        async def view(request):
            if request.scheme == 'http':
                return redirect('https://example.com:1234/')
            return 'safe'

        res = run(TestClient(app).get('/', follow_redirects=True))
        self.assertEqual(res.text, 'safe')

    def test_other_statuses_are_not_followed(self):
        for status in (201, 300, 304, 305):
            self.assertEqual(self.follow('/a', status).status_code, status)

    def test_redirects_are_not_followed_by_default(self):
        res = run(TestClient(redirecting_app('/a')).get('/from/here'))
        self.assertEqual((res.status_code, res.headers['Location']),
                         (302, '/a'))

    def test_client_may_follow_by_default(self):
        client = TestClient(redirecting_app('/a'), follow_redirects=True)
        self.assertEqual(run(client.get('/from/here')).status_code, 200)
        self.assertEqual(run(client.get(
            '/from/here', follow_redirects=False)).status_code, 302)

    def test_endless_redirects_are_an_error(self):
        app = redirecting_app('/from/here')
        with self.assertRaises(ValueError):
            run(TestClient(app).get('/from/here', follow_redirects=True))
        self.assertEqual(app.counters['requests'], 11)

    def test_redirects_at_the_limit_are_followed(self):
        app = Microdot()

        @app.get('/<int:n>')
        async def view(request, n):
            return redirect('/%d' % (n - 1)) if n else 'done'

        res = run(TestClient(app).get('/10', follow_redirects=True))
        self.assertEqual(res.text, 'done')


class TestExceptions(unittest.TestCase):
    def make(self):
        app = Recorder()

        @app.get('/')
        async def view(request):
            raise KeyError('on purpose')

        @app.get('/stream')
        async def stream(request):
            def body():
                yield 'foo'
                raise KeyError('on purpose')
            return body()

        return app

    def test_exception_is_500_by_default(self):
        self.assertEqual(run(TestClient(self.make()).get('/')).status_code,
                         500)

    def test_exception_is_raised_on_request(self):
        with self.assertRaises(KeyError):
            run(TestClient(self.make()).get('/', raise_exceptions=True))
        with self.assertRaises(KeyError):
            run(TestClient(self.make(), raise_exceptions=True).get('/'))

    def test_handled_exception_is_not_raised(self):
        app = self.make()
        app.errorhandler(KeyError)(lambda request, exc: 'handled')
        res = run(TestClient(app).get('/', raise_exceptions=True))
        self.assertEqual(res.text, 'handled')

    def test_exception_of_a_stream_is_raised(self):
        with self.assertRaises(KeyError):
            run(TestClient(self.make()).get('/stream'))


class TestTime(unittest.TestCase):
    @unittest.skipIf(not HAS_EVENT_LOOP, 'needs an event loop')
    def test_request_that_takes_too_long_is_an_error(self):
        app = Microdot()
        ended = []

        @app.get('/')
        async def view(request):
            try:
                await asyncio.sleep(10)
            finally:
                ended.append(True)

        async def main():
            with self.assertRaises(asyncio.TimeoutError):
                await TestClient(app).get('/', timeout=0.01)
            with self.assertRaises(asyncio.TimeoutError):
                await TestClient(app, timeout=0.01).get('/')

        run(main())
        self.assertEqual(ended, [True, True])


class TestLifeCycle(unittest.TestCase):
    def make(self):
        self.log = log = []
        app = Microdot()
        for i in range(2):
            @app.on_startup
            async def up(i=i):
                log.append('up %d' % i)

            @app.on_shutdown
            def down(i=i):
                log.append('down %d' % i)

        app.get('/')(lambda request: 'hello')
        return app

    def test_handlers_run_around_the_block(self):
        app = self.make()

        async def main():
            async with TestClient(app) as client:
                self.log.append((await client.get('/')).text)

        run(main())
        self.assertEqual(self.log, ['up 0', 'up 1', 'hello', 'down 1',
                                    'down 0'])

    def test_handlers_do_not_run_without(self):
        run(TestClient(self.make()).get('/'))
        self.assertEqual(self.log, [])

    def test_failing_startup_is_raised_after_shutdown(self):
        app = self.make()
        app.on_startup(fails)
        app.on_startup(lambda: self.log.append('not reached'))

        async def main():
            async with TestClient(app):
                self.log.append('not reached')

        with self.assertRaises(KeyError):
            run(main())
        self.assertEqual(self.log, ['up 0', 'up 1', 'down 1', 'down 0'])

    def test_failing_shutdown_is_raised_after_the_others(self):
        app = self.make()
        app.on_shutdown(fails)

        async def main():
            async with TestClient(app):
                pass

        with self.assertRaises(KeyError):
            run(main())
        self.assertEqual(self.log[-2:], ['down 1', 'down 0'])

    def test_exception_of_the_block_wins(self):
        app = self.make()
        app.on_shutdown(fails)

        async def main():
            async with TestClient(app):
                raise IndexError('first')

        with self.assertRaises(IndexError):
            run(main())
        self.assertEqual(self.log[-2:], ['down 1', 'down 0'])


def fails():
    raise KeyError('on purpose')


# --- WebSocket, without the extension ---------------------------------------

ACCEPT = (b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
          b'Connection: Upgrade\r\n'
          b'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n')


class Socket:
    """A WebSocket server as small as can be."""

    def __init__(self, request):
        self.reader, self.writer = request.sock

    async def receive(self):
        """Return the opcode and the payload of a frame."""
        first, size = await self.reader.readexactly(2)
        assert size > 127
        size -= 128
        if size > 125:
            size = int.from_bytes(await self.reader.readexactly(
                2 if size == 126 else 8), 'big')
        mask = await self.reader.readexactly(4)
        data = bytearray(await self.reader.readexactly(size))
        for i in range(size):
            data[i] ^= mask[i & 3]
        return first & 15, bytes(data)

    async def send(self, opcode, payload, fin=128):
        size = len(payload)
        if size < 126:
            head = bytes([fin | opcode, size])
        elif size < 65536:
            head = bytes([fin | opcode, 126]) + size.to_bytes(2, 'big')
        else:
            head = bytes([fin | opcode, 127]) + size.to_bytes(8, 'big')
        await self.writer.awrite(head + payload)


def websocket_app(serve):
    """Return an application that accepts a WebSocket and serves it."""
    app = Recorder()
    app.left = []

    @app.get('/')
    async def view(request):
        app.seen = request
        await request.sock[1].awrite(ACCEPT)
        try:
            await serve(Socket(request))
        except EOFError:
            app.left.append(True)
        except Disconnected:
            app.left.append(True)
            raise
        return Response.already_handled

    return app


async def echo_frames(ws):
    while True:
        await ws.send(*await ws.receive())


class TestWebSocket(unittest.TestCase):
    def connect(self, serve, peer, **kwargs):
        self.app = websocket_app(serve)
        res = run(TestClient(self.app).websocket('/', peer, **kwargs))
        self.assertEqual(self.app.logged, [])
        return res

    def check_echo(self, peer):
        res = self.connect(echo_frames, peer)
        self.assertEqual((res.status_code, res.body), (101, None))
        self.assertEqual(self.app.left, [True])

    def test_messages_are_echoed(self):
        got = []

        async def peer():
            got.append((yield 'hi'))
            got.append((yield b'bin'))
            got.append((yield ''))

        self.check_echo(peer)
        self.assertEqual(got, ['hi', b'bin', ''])

    def test_client_may_be_a_plain_generator(self):
        got = []

        def peer():
            got.append((yield '\u20ac'))

        self.check_echo(peer)
        self.assertEqual(got, ['\u20ac'])

    def test_long_messages_are_echoed(self):
        got = []

        def peer():
            for size in (125, 126, 300, 2000):
                got.append((yield b'x' * size))

        self.check_echo(peer)
        self.assertEqual([len(message) for message in got],
                         [125, 126, 300, 2000])

    @needs_heap(800)  # both ends have several copies of them
    def test_lengths_of_16_and_of_64_bits_are_echoed(self):
        got = []
        for size in (65535, 65537):
            def peer():
                got.append(len((yield b'x' * size)))

            gc.collect()  # or else no piece of the heap may be so large
            self.check_echo(peer)
        self.assertEqual(got, [65535, 65537])

    def test_headers_are_those_of_a_handshake(self):
        def peer():
            yield 'hi'

        self.connect(echo_frames, peer, headers={'X': 'y'})
        for name, value in (('Upgrade', 'websocket'),
                            ('Connection', 'Upgrade'),
                            ('Sec-WebSocket-Version', '13'), ('X', 'y'),
                            ('Sec-WebSocket-Key',
                             'dGhlIHNhbXBsZSBub25jZQ==')):
            self.assertEqual(self.app.seen.headers[name], value)

    def test_refusal_is_returned(self):
        app = Microdot()
        app.get('/')(lambda request: ('no', 403))

        def peer():
            yield 'never sent'

        res = run(TestClient(app).websocket('/', peer))
        self.assertEqual((res.status_code, res.text), (403, 'no'))

    def test_wrong_answer_to_the_key_is_an_error(self):
        app = Microdot()

        @app.get('/')
        async def view(request):
            await request.sock[1].awrite(ACCEPT.replace(b's3pP', b'xxxx'))
            return Response.already_handled

        def peer():
            yield

        with self.assertRaises(ValueError):
            run(TestClient(app).websocket('/', peer))

    def test_server_may_speak_first(self):
        got = []

        async def serve(ws):
            await ws.send(1, b'one')
            await ws.send(1, b'two')
            got.append(await ws.receive())

        def peer():
            got.append((yield))
            got.append((yield))
            yield 'three'

        self.connect(serve, peer)
        self.assertEqual(got, ['one', 'two', (1, b'three')])

    def test_client_may_send_several_messages(self):
        got = []

        async def serve(ws):
            for i in range(3):
                got.append(await ws.receive())

        def peer():
            got.append((yield 'one'))
            got.append((yield 'two'))
            yield 'three'

        self.connect(serve, peer)
        self.assertEqual(got, [(1, b'one'), None, (1, b'two'), None,
                               (1, b'three')])

    def test_fragments_are_put_together(self):
        got = []

        async def serve(ws):
            await ws.send(1, b'he', fin=0)
            await ws.send(9, b'ping')
            await ws.send(0, b'l', fin=0)
            await ws.send(0, b'lo')
            got.append(await ws.receive())

        def peer():
            got.append((yield))

        self.connect(serve, peer)
        self.assertEqual(got, ['hello', (10, b'ping')])

    def test_frame_may_come_in_pieces(self):
        got = []

        async def serve(ws):
            for byte in b'\x81\x05hello':
                await ws.writer.awrite(bytes([byte]))

        def peer():
            got.append((yield))

        self.connect(serve, peer)
        self.assertEqual(got, ['hello'])

    def test_close_is_answered(self):
        got = []

        async def serve(ws):
            await ws.send(8, b'\x03\xe8')
            got.append(await ws.receive())

        def peer():
            try:
                yield 'x'
                yield
            finally:
                got.append('ended')

        async def serve_after_message(ws):
            await ws.receive()
            await serve(ws)

        self.connect(serve_after_message, peer)
        self.assertEqual(got, [(8, b'\x03\xe8'), 'ended'])

    def test_masked_frame_of_a_server_is_an_error(self):
        async def serve(ws):
            await ws.writer.awrite(b'\x81\x81\0\0\0\0x')
            await ws.receive()

        def peer():
            yield

        with self.assertRaises(ValueError):
            self.connect(serve, peer)

    def test_exception_of_the_client_is_raised(self):
        def peer():
            yield 'hi'
            raise KeyError('on purpose')

        with self.assertRaises(KeyError):
            self.connect(echo_frames, peer)

    def test_server_notices_that_the_client_left(self):
        async def serve(ws):
            while True:
                await ws.send(1, b'tick')

        def peer():
            for i in range(3):
                yield

        self.connect(serve, peer)
        self.assertEqual(self.app.left, [True])

    def test_cookies_are_sent(self):
        app = websocket_app(echo_frames)

        def peer():
            yield 'hi'

        run(TestClient(app, cookies={'a': 'b'}).websocket('/', peer))
        self.assertEqual(app.seen.cookies, {'a': 'b'})

    @unittest.skipIf(not HAS_EVENT_LOOP, 'needs an event loop')
    def test_other_task_may_send(self):
        got = []

        async def serve(ws):
            async def tick():
                await asyncio.sleep(0.01)
                await ws.send(1, b'tick')

            task = asyncio.create_task(tick())
            got.append(await ws.receive())
            await task

        def peer():
            got.append((yield))
            yield 'done'

        self.connect(serve, peer, timeout=60)
        self.assertEqual(got, ['tick', (1, b'done')])

    @unittest.skipIf(not HAS_EVENT_LOOP, 'needs an event loop')
    def test_silence_ends_by_timeout(self):
        async def serve(ws):
            await ws.receive()

        def peer():
            yield

        with self.assertRaises(asyncio.TimeoutError):
            self.connect(serve, peer, timeout=0.01)


if __name__ == '__main__':
    unittest.main()

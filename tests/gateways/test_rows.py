"""Every feature answers alike, whatever serves it.

A row of the table is a request and its answer; what takes several requests is
a function. All of them are tried with the test client and on each server,
which starts once. What a server cannot do is named in ``EXCEPTIONS``.
"""
import concurrent.futures
import contextlib
import email.utils
import gzip
import http.client
import json
import re
import secrets

import brotli
import pytest
import websockets.sync.client
import zstandard

import gateways
import rows
import servers
from microdot import Response
from microdot.test_client import TestClient

# Importing the application has set this, which its own process is to have.
Response.json_encoder = None
KINDS = ['test client', 'built-in', 'uvicorn', 'hypercorn', 'granian',
         'waitress', 'gunicorn-threads']
#: Rows that a server does not let through, with its reason.
EXCEPTIONS = {
    'waitress': {'websocket': 'it has no upgrades',
                 'named proxy': 'it takes out what proxies add',
                 'TLS by a proxy': 'likewise'},
}

TEXT = 'text/plain; charset=UTF-8'
JSON = 'application/json; charset=UTF-8'
PROBLEM = 'application/problem+json'
AS_JSON = {'Content-Type': 'application/json'}
AS_FORM = {'Content-Type': 'application/x-www-form-urlencoded'}
PAGE = (rows.HERE / 'page.py').read_bytes()

#: Name, method, path, headers, body; status, some headers, body: what JSON
#: stands for, if it is no text.
ROWS = [
    # Answers
    ('charset of HTML', 'GET', '/html', {}, None,
     200, {'Content-Type': 'text/html; charset=UTF-8'}, '<p>ü'),
    ('html()', 'GET', '/html-of', {}, None, 201,
     {'Content-Type': 'text/html; charset=UTF-8', 'X-A': 'b'}, '<p>ü'),
    ('charset of SVG', 'GET', '/svg', {}, None, 200,
     {'Content-Type': 'image/svg+xml; charset=UTF-8'}, '<svg/>'),
    ('no charset of images', 'GET', '/png', {}, None,
     200, {'Content-Type': 'image/png'}, 'x'),
    ('JSON of None', 'GET', '/null', {}, None,
     200, {'Content-Type': JSON}, None),
    ('JSON of text', 'GET', '/string', {}, None,
     202, {'Content-Type': JSON}, '"ü"'),
    ('JSON in UTF-8', 'GET', '/umlaut', {}, None, 200, {}, '{"a": "ü"}'),
    ('JSON of what Python has', 'GET', '/types', {}, None,
     200, {'Content-Type': JSON},
     {'datetime': '2026-01-02T03:04:05', 'date': '2026-01-02',
      'time': '03:04:05', 'uuid': '00000000-0000-0000-0000-000000000001',
      'decimal': '1.50', 'enum': 'red', 'set': [1],
      'dataclass': {'x': 1, 'y': 2}}),
    ('a dataclass', 'GET', '/point', {}, None, 200, {}, {'x': 1, 'y': 2}),
    ('json_encoder', 'GET', '/own', {}, None, 200, {}, {'a': 'own'}),
    ('NaN', 'GET', '/nan', {}, None, 200, {}, {'a': None, 'b': None}),
    ('nothing', 'GET', '/nothing', {}, None, 204, {}, ''),
    ('403', 'GET', '/abort/403', {}, None, 403, {}, 'Forbidden'),
    ('405', 'DELETE', '/html', {}, None,
     405, {'Allow': 'GET, HEAD, OPTIONS'}, 'Method Not Allowed'),
    ('404', 'GET', '/nowhere', {}, None, 404, {}, 'Not found'),
    ('download', 'HEAD', '/download', {}, None, 200, {
        'Content-Disposition': "attachment; filename=\"M_rz.pdf\"; "
        "filename*=UTF-8''M%C3%A4rz.pdf"}, ''),
    ('download in place', 'HEAD', '/inline', {}, None, 200,
     {'Content-Disposition': 'inline; filename="a.py"'}, ''),
    ('part of a file', 'GET', '/file', {'Range': 'bytes=1-3'}, None, 206,
     {'Content-Range': 'bytes 1-3/%d' % len(PAGE)}, PAGE[1:4].decode()),
    ('no part of a file', 'GET', '/file', {'Range': 'bytes=9999999-'}, None,
     416, {'Content-Range': 'bytes */%d' % len(PAGE), 'X-Refused': '416'},
     'no such part'),
    # Mistakes
    ('a set', 'GET', '/set', {}, None, 500, {}, 'Internal server error'),
    ('status first', 'GET', '/swapped', {}, None,
     500, {}, 'Internal server error'),
    # Requests
    ('missing query parameter', 'GET', '/key', {}, None,
     400, {}, "missing query parameter 'q'"),
    ('missing field', 'POST', '/form-key', AS_FORM, b'a=b',
     400, {}, "missing form field 'q'"),
    ('field of what is no form', 'POST', '/form-key', AS_JSON, b'{"q": 1}',
     415, {}, 'The body must be a form'),
    ('member of what is no JSON', 'POST', '/member', AS_FORM, b'q=1',
     415, {}, 'The body must be application/json'),
    ('member of null', 'POST', '/member', AS_JSON, b'null',
     400, {}, 'The body must not be null'),
    ('missing cookie', 'GET', '/cookie-key', {}, None,
     400, {}, "missing cookie 'q'"),
    ('missing header', 'GET', '/header-key', {}, None,
     400, {}, "missing header 'X-Q'"),
    ('JSON asked for', 'POST', '/json', AS_JSON, b'{"a": 1}',
     200, {}, {'a': 1}),
    ('JSON with a byte order mark', 'POST', '/json', AS_JSON,
     b'\xef\xbb\xbf[1]', 200, {}, [1]),
    ('JSON of another type', 'POST', '/json', {'Content-Type': 'text/plain'},
     b'[1]', 415, {}, None),
    ('JSON that is none', 'POST', '/json', AS_JSON, b'{"a":\n 1,}',
     400, {}, re.compile('line 2, column 4')),
    ('no JSON', 'POST', '/maybe', {'Content-Type': 'text/plain'}, b'[1]',
     200, {}, None),
    ('strict argument', 'GET', '/strict?page=x', {}, None,
     400, {}, re.compile('page')),
    ('strict argument that is right', 'GET', '/strict?page=2', {}, None,
     200, {}, [2]),
    ('argument that is wrong', 'GET', '/lax?page=x', {}, None, 200, {}, [1]),
    ('URLs of a request', 'GET', '/urls?a=b', {}, None, 200, {},
     ['http://example.com/urls?a=b', 'http://example.com/urls',
      'example.com', '/urls?a=b']),
    ('fields', 'POST', '/fields', AS_FORM, b'a=1&b=2&a=3',
     200, {}, [[['a', '1'], ['a', '3'], ['b', '2']], {'a': '1', 'b': '2'}]),
    ('no fields', 'POST', '/fields', AS_FORM, b'', 200, {}, [[], {}]),
    ('body at a limit', 'POST', '/small', {}, b'x' * 10, 200, {}, 'x' * 10),
    ('body over a limit', 'POST', '/small', {}, b'x' * 11,
     413, {}, 'too large'),
    ('body saved at a limit', 'POST', '/save', {}, b'x' * 10,
     200, {}, {'saved': 'x' * 10}),
    ('body saved over a limit', 'POST', '/save', {}, b'x' * 11,
     413, {}, {'saved': 'old'}),
    ('body saved far over a limit', 'POST', '/save', {}, b'x' * 20000,
     413, {}, {'saved': 'old'}),
    ('bodies at their limit', 'POST', '/length', {}, b'x' * 4000,
     200, {}, [4000]),
    ('bodies over their limit', 'POST', '/length', {}, b'x' * 4001,
     503, {'Retry-After': '1'}, 'Too many bodies'),
    ('bodies far over their limit', 'POST', '/length', {}, b'x' * 20000,
     503, {'Retry-After': '1'}, 'Too many bodies'),
    ('bodies after that', 'POST', '/length', {}, b'x' * 4000,
     200, {}, [4000]),
    ('named proxy', 'GET', '/who', {
        'X-Forwarded-For': '192.0.2.1', 'X-Forwarded-Proto': 'https'}, None,
     200, {}, ['192.0.2.1', 'https']),
    ('prefix of a named proxy', 'GET', '/flash',
     {'X-Forwarded-Prefix': '/shop'}, None,
     302, {'Location': '/shop/flashed'}, None),
    ('prefix that the proxy passes on', 'GET', '/shop/built',
     {'X-Forwarded-Prefix': '/shop'}, None, 200, {},
     ['http://example.com/shop/files/css/a.css', '/files/a%20b',
      'ws://example.com/shop/chat']),
    ('prefix that is none', 'GET', '/flash',
     {'X-Forwarded-Prefix': '//evil.example'}, None,
     302, {'Location': '/flashed'}, None),
    # Routes
    ('a UUID', 'GET', '/uuid/12345678-1234-5678-1234-567812345678', {}, None,
     200, {}, 'UUID'),
    ('no UUID', 'GET', '/uuid/1234', {}, None, 404, {}, 'Not found'),
    ('a date', 'GET', '/date/2026-02-28', {}, None, 200, {}, [2026, 2]),
    ('no date', 'GET', '/date/2026-02-30', {}, None, 404, {}, 'Not found'),
    ('one of several', 'GET', '/any/b', {}, None, 200, {}, 'b'),
    ('none of several', 'GET', '/any/c', {}, None, 404, {}, 'Not found'),
    ('two in a segment', 'GET', '/two/a-b-c', {}, None,
     200, {}, ['a', 'b-c']),
    ('a path', 'GET', '/files/a%20b/c', {}, None, 200, {}, 'a b/c'),
    ('dot segments', 'GET', '/files/a/%2e%2e/b', {}, None,
     404, {}, 'Not found'),
    ('built URLs', 'GET', '/built', {}, None, 200, {},
     ['http://example.com/files/css/a.css', '/files/a%20b',
      'ws://example.com/chat']),
    ('middleware of a route', 'GET', '/loud', {}, None,
     200, {'X-Shout': 'yes', 'X-Hooked': 'True'}, 'loud'),
    ('middleware of no other', 'GET', '/any/a', {}, None,
     200, {'X-Shout': None, 'X-Hooked': 'True'}, 'a'),
    ('no hooks without a route', 'GET', '/none', {}, None,
     404, {'X-Hooked': None}, 'Not found'),
    ('no hooks of OPTIONS', 'OPTIONS', '/any/a', {}, None,
     200, {'X-Hooked': None, 'Allow': 'GET, HEAD, OPTIONS'}, ''),
    ('another path before routing', 'GET', '/old/any/a', {}, None,
     200, {}, 'a'),
    ('view', 'GET', '/item/1', {}, None, 200, {}, 'item 1'),
    ('another method of a view', 'PUT', '/item/2', {}, b'', 200, {}, 'put 2'),
    ('no method of a view', 'POST', '/item/2', {}, b'',
     405, {}, 'Method Not Allowed'),
    ('host', 'GET', '/', {'Host': 'api.example.com'}, None, 200, {}, 'api'),
    ('host with a parameter', 'GET', '/home', {'Host': 'ada.example.com'},
     None, 200, {}, 'home of ada'),
    ('host without the path', 'GET', '/any/a', {'Host': 'api.example.com'},
     None, 200, {}, 'a'),
    ('redirect to TLS', 'GET', '/?a=b', {'Host': 'secure.example.com'}, None,
     307, {'Location': 'https://secure.example.com/?a=b'}, None),
    ('TLS by a proxy', 'GET', '/', {
        'Host': 'secure.example.com', 'X-Forwarded-Proto': 'https'}, None,
     200, {'Strict-Transport-Security': 'max-age=60'}, 'secure'),
    ('no host of ours', 'GET', '/', {'Host': 'evil.example'}, None,
     400, {}, 'Unknown host'),
    ('host of the network', 'GET', '/', {'Host': 'shed.local:5000'}, None,
     200, {}, 'index'),
    # Files, cookies
    ('static file', 'GET', '/static/page.py', {}, None,
     200, {}, PAGE.decode()),
    ('part of a static file', 'GET', '/static/page.py',
     {'Range': 'bytes=1-3'}, None, 206,
     {'Content-Range': 'bytes 1-3/%d' % len(PAGE)}, PAGE[1:4].decode()),
    ('no part of a static file', 'GET', '/static/page.py',
     {'Range': 'bytes=9999999-'}, None, 416,
     {'Content-Range': 'bytes */%d' % len(PAGE), 'X-Refused': '416'},
     'no such part'),
    ('another file than is meant', 'GET', '/file', {'If-Match': '"x"'}, None,
     412, {'X-Refused': '412'}, 'Precondition Failed'),
    ('no static file', 'GET', '/static/none.py', {}, None,
     404, {}, 'Not found'),
    ('first of several folders', 'GET', '/both/cert.pem', {}, None,
     200, {}, re.compile('BEGIN CERTIFICATE')),
    ('second of several folders', 'GET', '/both/page.py', {}, None,
     200, {}, PAGE.decode()),
    ('page for what is not there', 'GET', '/both/none', {}, None,
     404, {}, PAGE.decode()),
    ('fallback for pages', 'GET', '/page/a/b', {'Accept': 'text/html'}, None,
     200, {}, PAGE.decode()),
    ('no fallback for files', 'GET', '/page/a.css', {'Accept': 'text/html'},
     None, 404, {}, 'Not found'),
    ('no fallback for programs', 'GET', '/page/a',
     {'Accept': 'application/json'}, None, 404, {}, 'Not found'),
    ('cookies', 'GET', '/eat', {'Cookie': 'a="b c"; d=e'}, None,
     200, {}, {'a': 'b c', 'd': 'e'}),
    ('template', 'GET', '/hello/%3Cada%3E', {}, None, 203,
     {'Content-Type': 'text/html; charset=UTF-8'},
     '<p>&lt;ada&gt; GET /files/a'),
    ('mapped text', 'GET', '/upper', {}, None,
     200, {'Content-Length': '4'}, 'LOUD'),
    ('mapped file', 'GET', '/upper/file', {}, None,
     200, {}, PAGE.decode().upper()),
    ('mapped stream', 'GET', '/upper/pieces', {}, None,
     200, {}, 'AB' + 'C' * 600),
    # Applications of others, settings
    ('ASGI application', 'GET', '/asgi/a%20b?c=%20', {}, None,
     203, {'X-Other': 'a, b', 'X-Hooked': 'True'},
     ['asgi', 'GET', '/asgi', '/asgi/a b', 'c=%20', '']),
    ('body for an ASGI application', 'POST', '/asgi/', {}, b'x' * 3000,
     203, {}, ['asgi', 'POST', '/asgi', '/asgi/', '', 'x' * 3000]),
    ('WSGI application', 'GET', '/wsgi/a%20b?c=%20', {}, None,
     203, {'X-Other': 'a, b', 'X-Hooked': 'True'},
     ['wsgi', 'GET', '/wsgi', '/a b', 'c=%20', '']),
    ('body for a WSGI application', 'POST', '/wsgi/', {}, b'x' * 3000,
     203, {}, ['wsgi', 'POST', '/wsgi', '/', '', 'x' * 3000]),
    ('application of Prometheus, ASGI', 'GET', '/prometheus/asgi', {}, None,
     200, {}, re.compile('^rows 7.0$', re.M)),
    ('application of Prometheus, WSGI', 'GET', '/prometheus/wsgi', {}, None,
     200, {}, re.compile('^rows 7.0$', re.M)),
    ('its method', 'POST', '/prometheus/wsgi', {}, b'a=b',
     405, {'Allow': 'OPTIONS,GET'}, re.compile('405')),
    ('beside applications of others', 'GET', '/wsgia', {}, None,
     404, {}, 'Not found'),
    ('settings', 'GET', '/config', {}, None, 200, {},
     ['environment', 2, ['a', 'b'], "Secret('***')", 'none']),
    ('setting of another type', 'GET', '/config/NAMES', {}, None,
     500, {}, 'Internal server error'),
    ('missing setting', 'GET', '/config/MISSING', {}, None,
     500, {}, 'Internal server error'),
    # Life, users
    ('lifespan', 'GET', '/alive', {}, None, 200, {}, [True]),
    ('who has not logged in', 'GET', '/private?a=b', {}, None, 302,
     {'Location': '/log-in?next=/private%3Fa%3Db'}, None),
    ('who has', 'GET', '/private',
     {'Authorization': 'Basic YWRhOnJpZ2h0'}, None, 200, {}, 'for ada'),
    ('what only users may see', 'GET', '/inside/?a=b', {}, None, 302,
     {'Location': '/log-in?next=/inside/%3Fa%3Db'}, None),
    ('what all may see of it', 'GET', '/inside/about', {}, None,
     200, {}, 'about it'),
    # compress
    ('small bodies are left', 'GET', '/', {'Accept-Encoding': 'gzip'}, None,
     200, {'Content-Encoding': None}, 'index'),
    ('who takes no gzip', 'GET', '/large', {'Accept-Encoding': 'gzip;q=0'},
     None, 200, {'Content-Encoding': None, 'Vary': 'Accept-Encoding'},
     'A long text. ' * 100),
    ('best coding', 'HEAD', '/large', {'Accept-Encoding': 'gzip, br, zstd'},
     None, 200, {'Content-Encoding': 'zstd'}, ''),
    ('coding that is liked best', 'HEAD', '/large',
     {'Accept-Encoding': 'gzip;q=0.5, br, zstd;q=0.9'}, None,
     200, {'Content-Encoding': 'br'}, ''),
    ('no compression', 'GET', '/raw', {'Accept-Encoding': 'gzip'}, None,
     200, {'Content-Encoding': None}, 'A long text. ' * 100),
]


class Answer:
    """Status, headers by their names in lower case, body."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {}
        self.cookies = []
        for name, value in headers:
            if name.lower() == 'set-cookie':
                self.cookies.append(value)
            elif name.lower() in self.headers:
                self.headers[name.lower()] += ', ' + value
            else:
                self.headers[name.lower()] = value
        self.body = body or b''

    @property
    def json(self):
        return json.loads(self.body)


class InMemory:
    """The test client."""
    kind = 'test client'

    def __init__(self, client):
        self.client = client

    def ask(self, path, method='GET', headers=(), body=None):
        self.client.cookies = {}
        res = self.client.request(
            method, path, {'Host': 'example.com', **dict(headers)}, body)
        headers = [(name, value) for name, values in res.headers.items()
                   for value in (values if isinstance(values, list)
                                 else [values])]
        return Answer(res.status_code, headers, res.body)

    def websocket(self, path):
        return self.client.websocket_connect(path)


class OnServer:
    """A server behind a socket."""

    def __init__(self, server):
        self.server = server
        self.kind = server.kind

    def ask(self, path, method='GET', headers=(), body=None):
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.server.port, timeout=servers.PATIENCE_S)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host=True,
                                  skip_accept_encoding=True)
            for name, value in {'Host': 'example.com',
                                **dict(headers)}.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader('Content-Length', str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(),
                          response.read())

    def websocket(self, path):
        return websockets.sync.client.connect('ws://127.0.0.1:%d%s' % (
            self.server.port, path))


@pytest.fixture(scope='module', params=KINDS)
def server(request):
    """Each server in turn."""
    if request.param == 'test client':
        try:
            with TestClient(rows.make_app(rows.Microdot)) as client:
                yield InMemory(client)
        finally:
            Response.json_encoder = None
        return
    with gateways.serve(request.param, app='rows') as server:
        yield OnServer(server)


def differences(answer, status, headers, body):
    """Yield how an answer is not what it should be."""
    if answer.status != status:
        yield 'status %s' % answer.status
    for name, value in headers.items():
        if answer.headers.get(name.lower()) != value:
            yield '%s: %s' % (name, answer.headers.get(name.lower()))
    text = answer.body.decode()
    same = status >= 300 and body is None
    if isinstance(body, str):
        same = text == body
    elif isinstance(body, re.Pattern):
        same = body.search(text)
    elif not same:
        same = json.loads(text) == body
    if not same:
        yield 'body %r' % text


def wait_for_room(server):
    """Wait until no body is kept: one is for a moment after its answer."""
    servers.wait_until(lambda: server.ask('/kept').json == [0], 'room')


def test_the_table(server):
    wrong = []
    for name, method, path, headers, body, *wanted in ROWS:
        if name not in EXCEPTIONS.get(server.kind, ()):
            if path == '/length':
                wait_for_room(server)
            answer = server.ask(path, method, headers, body)
            wrong += ['%s: %s' % (name, each)
                      for each in differences(answer, *wanted)]
    assert not wrong, '\n'.join(wrong)


def test_no_row_comes_twice():
    names = [row[0] for row in ROWS]
    assert len(set(names)) == len(names)


def test_http_version(server):
    # Microdot 2.7 has these two forms, which programs compare with.
    wanted = '1.1' if server.kind in ('test client', 'built-in') \
        else 'HTTP/1.1'
    assert server.ask('/version').json == [wanted]


def test_etag(server):
    for path in '/etag', '/file', '/static/page.py':
        tag = server.ask(path).headers['etag']
        answer = server.ask(path, headers={'If-None-Match': tag})
        assert (answer.status, answer.body) == (304, b'')
        assert answer.headers['etag'] == tag
        assert server.ask(path, headers={
            'If-None-Match': '"x"'}).status == 200


def test_last_modified(server):
    answer = server.ask('/static/page.py')
    date = answer.headers['last-modified']
    assert email.utils.parsedate(date)
    assert server.ask('/static/page.py', headers={
        'If-Modified-Since': date}).status == 304


def test_errors_as_json(server):
    assert server.ask('/switch', 'POST', body=b'').json == [True]
    try:
        for path, status, title, detail in (
                ('/nowhere', 404, 'Not Found', 'Not found'),
                ('/abort/403', 403, 'Forbidden', None),
                ('/key', 400, 'Bad Request', "missing query parameter 'q'"),
                ('/set', 500, 'Internal Server Error', None)):
            answer = server.ask(path)
            assert answer.status == status
            assert answer.headers['content-type'].startswith(PROBLEM)
            problem = answer.json
            assert (problem['status'], problem['title']) == (status, title)
            if detail:
                assert problem['detail'] == detail
    finally:
        assert server.ask('/switch', 'POST', body=b'').json == [False]


def test_bodies_at_the_same_time_share_their_limit(server):
    if server.kind == 'test client':
        pytest.skip('it has one request at a time')
    wait_for_room(server)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        held = pool.submit(server.ask, '/hold', 'POST', (), b'x' * 3000)
        try:
            servers.wait_until(lambda: server.ask('/holding').json == [True],
                               'the first body')
            for size, status in (1000, 200), (1001, 503):
                assert server.ask(
                    '/length', 'POST', body=b'x' * size).status == status
        finally:
            server.ask('/release', 'POST', body=b'')
        assert held.result().json == [3000, True]
    wait_for_room(server)
    assert server.ask('/length', 'POST', body=b'x' * 4000).status == 200


def test_a_body_is_read_before_the_answer(server):
    for body, said in (b'x' * 10, 'x' * 10), (
            b'x' * 11, 'read the body before you answer'):
        assert server.ask('/late', 'POST', body=body).body == b'early'
        servers.wait_until(lambda: server.ask('/late').json != [None],
                           'what is done after the answer')
        assert server.ask('/late').json == [said]


def cookie_of(answer):
    return '; '.join([line.partition(';')[0] for line in answer.cookies])


def test_session_on_the_server(server):
    first = server.ask('/count')
    assert first.json == [1]
    cookie = cookie_of(first)
    assert [server.ask('/count', headers={'Cookie': cookie}).json
            for _ in range(2)] == [[2], [3]]
    assert server.ask('/count', headers={
        'Cookie': cookie[:-3] + 'abc'}).json == [1]


def test_attempts_to_log_in(server):
    name = 'ada-' + secrets.token_hex(4)  # (nobody has tried that before)
    asked = [server.ask('/try/%s/%s' % (name, password))
             for password in ('wrong', 'right', 'wrong', 'wrong', 'right')]
    assert [answer.status for answer in asked] == [200] * 4 + [429]
    assert [answer.body.decode() for answer in asked[:4]] == [
        'wrong', name, 'wrong', 'wrong']
    assert int(asked[-1].headers['retry-after']) > 0
    assert server.ask('/try/bob/right').body == b'bob'


def test_flash(server):
    answer = server.ask('/flash')
    assert (answer.status, answer.headers['location']) == (302, '/flashed')
    cookie = cookie_of(answer)
    answer = server.ask('/flashed', headers={'Cookie': cookie})
    assert answer.json == [['success', 'Saved']]
    answer = server.ask('/flashed', headers={
        'Cookie': cookie_of(answer) or cookie})
    assert answer.json == []


def test_cookies_that_are_set(server):
    assert server.ask('/bake').cookies == [
        'a="b c"; Max-Age=86400', 'd=e; Max-Age=90']


@pytest.mark.parametrize('coding, undo', [
    ('gzip', gzip.decompress), ('br', brotli.decompress),
    ('zstd', lambda data: zstandard.ZstdDecompressor().decompressobj(
        ).decompress(data))])
def test_compressed(server, coding, undo):
    answer = server.ask('/large', headers={'Accept-Encoding': coding})
    assert answer.headers['content-encoding'] == coding
    assert answer.headers['vary'] == 'Accept-Encoding'
    assert undo(answer.body).decode() == 'A long text. ' * 100
    answer = server.ask('/pieces', headers={'Accept-Encoding': coding})
    assert undo(answer.body) == b'ab' + b'c' * 600
    for path, body in ('large', 'A LONG TEXT. ' * 100), (
            'pieces', 'AB' + 'C' * 600):
        answer = server.ask('/upper/' + path,
                            headers={'Accept-Encoding': coding})
        assert answer.headers['content-encoding'] == coding
        assert undo(answer.body).decode() == body


def test_websocket(server):
    if 'websocket' in EXCEPTIONS.get(server.kind, ()):
        pytest.skip(EXCEPTIONS[server.kind]['websocket'])
    with server.websocket('/chat') as ws:
        receive = getattr(ws, 'receive', None) or ws.recv
        ws.send('hello')
        assert json.loads(receive()) == {'text': 'hello'}
        ws.send('close')
        with pytest.raises(Exception, match='so long'):
            receive()
        assert (ws.close_code, ws.close_reason) == (4000, 'so long')
    with server.websocket('/talk') as ws:
        receive = getattr(ws, 'receive', None) or ws.recv
        assert receive() == 'welcome'
        ws.send('hello')
        assert receive() == 'HELLO'


def test_websocket_of_an_application_of_others(server):
    if 'websocket' in EXCEPTIONS.get(server.kind, ()):
        pytest.skip(EXCEPTIONS[server.kind]['websocket'])
    with server.websocket('/asgi/chat') as ws:
        receive = getattr(ws, 'receive', None) or ws.recv
        for message in 'hello', b'bytes', 'x' * 70000:
            ws.send(message)
            assert receive() == message
        ws.send('close')
        with pytest.raises(Exception, match='so long'):
            receive()
        assert (ws.close_code, ws.close_reason) == (4000, 'so long')
    with pytest.raises(Exception, match='403'):
        with server.websocket('/asgi/other'):
            pass

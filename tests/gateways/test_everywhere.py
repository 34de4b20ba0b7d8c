"""The application answers alike, whatever serves it.

What it should answer is what the test client gets: the connection in memory
that it has. From the built-in server the same bytes are expected, but for the
time in ``Date``. From a server that writes the head by itself the same status,
headers and body are, but for the headers that are its own.
"""

import asyncio
import contextlib
import email.utils
import http.client
import json
import os
import re
import signal
import socket
import threading
import time

import pytest
import websockets
import websockets.sync.client

import everywhere
import gateways
import servers
from microdot.microdot import Disconnected
from microdot.test_client import TestClient, TestResponse, _Connection

#: What servers add to responses, or take out of them.
THEIRS = {'date', 'server', 'connection', 'transfer-encoding', 'keep-alive',
          'via'}

FORM = {'Content-Type': 'application/x-www-form-urlencoded'}
JSON = {'Content-Type': 'application/json'}

#: Requests: name, method, path, headers, body.
REQUESTS = [
    ('text', 'GET', '/', {}, None),
    ('sync handler', 'GET', '/sync', {}, None),
    ('json', 'GET', '/json', {}, None),
    ('bytes', 'GET', '/bytes', {}, None),
    ('nothing', 'GET', '/empty', {}, None),
    ('204', 'GET', '/status/204', {}, None),
    ('304', 'GET', '/status/304', {}, None),
    ('202', 'GET', '/status/202', {}, None),
    ('418', 'GET', '/status/418', {}, None),
    ('head', 'HEAD', '/', {}, None),
    ('head of json', 'HEAD', '/json', {}, None),
    ('head of a stream', 'HEAD', '/async-stream', {}, None),
    ('head of a file', 'HEAD', '/file', {}, None),
    ('head of a missing page', 'HEAD', '/nowhere', {}, None),
    ('options', 'OPTIONS', '/echo', {}, None),
    ('missing', 'GET', '/nowhere', {}, None),
    ('method not allowed', 'POST', '/json', {}, b''),
    ('unknown method', 'PATCH', '/', {}, b''),
    ('abort', 'GET', '/abort/403', {}, None),
    ('error handler of a status', 'GET', '/abort/410', {}, None),
    ('error', 'GET', '/error', {}, None),
    ('error handler of a class', 'GET', '/teapot', {}, None),
    ('headers', 'GET', '/headers', {}, None),
    ('header injection', 'GET', '/injection', {}, None),
    ('bad status', 'GET', '/bad-status', {}, None),
    ('redirect', 'GET', '/redirect', {}, None),
    ('request', 'GET', '/echo?a=1&b=%20+&a=2', {'X-Test': 'a b'}, None),
    ('empty query', 'GET', '/echo?', {}, None),
    ('query with a path', 'GET', '/echo?a=/../%2F?&b=%3D', {}, None),
    ('cookies', 'GET', '/echo', {'Cookie': 'a=b; c=d'}, None),
    ('header in utf-8', 'GET', '/echo', {'X-Test': 'ü'.encode()}, None),
    ('put', 'PUT', '/echo', {}, b'abc'),
    ('delete with a body', 'DELETE', '/echo', {}, b'abc'),
    ('empty post', 'POST', '/echo', {}, b''),
    ('form', 'POST', '/form', FORM, b'a=1&b=%C3%BC&a=+2'),
    ('bad form', 'POST', '/form', FORM, b'a=%ff'),
    ('posted json', 'POST', '/post-json', JSON, b'{"a": 1}'),
    ('bad json', 'POST', '/post-json', JSON, b'{"a": '),
    ('checked body', 'POST', '/validated?page=2', JSON,
     b'{"name": "\xc3\xa4", "tags": ["x"]}'),
    ('faults of a body', 'POST', '/validated', JSON,
     b'{"name": 1, "tags": ["x", 2]}'),
    ('faults of a query', 'POST', '/validated?page=x', JSON, b'{}'),
    ('body that is not JSON', 'POST', '/validated', JSON, b'{"name"}'),
    ('body of another type', 'POST', '/validated', FORM, b'{}'),
    ('checked form', 'POST', '/validated-plain', FORM, b'a=1&a=2&b=on'),
    ('faults of a form', 'POST', '/validated-plain', FORM, b'a=1&a=x'),
    ('body at the limit', 'POST', '/echo', {}, b'x' * 16384),
    ('body over the limit', 'POST', '/echo', {}, b'x' * 16385),
    ('body over the limit of a route', 'POST', '/upload', {},
     b'x' * (8 * 1024 * 1024 + 1)),
    ('upload', 'POST', '/upload', {}, bytes(range(256)) * 4096),
    ('unread body', 'POST', '/unread', {}, b'x' * 30000),
    ('copy', 'POST', '/copy', {}, b'0123456789' * 10000),
    ('chunked body', 'POST', '/echo', {}, [b'ab', b'c' * 1000]),
    ('chunked body over the limit', 'POST', '/echo', {}, [b'x' * 8000] * 3),
    ('chunked upload', 'POST', '/upload', {}, [bytes(range(256)) * 4] * 500),
    ('encoded path', 'GET', '/path/a%20%C3%BC', {}, None),
    ('encoded slash', 'GET', '/path/a%2Fb', {}, None),
    ('encoded question mark', 'GET', '/path/a%3Fb%25', {}, None),
    ('several segments', 'GET', '/paths/a/b%2Fc//d', {}, None),
    ('number', 'GET', '/int/41', {}, None),
    ('no number', 'GET', '/int/4x', {}, None),
    ('urls', 'GET', '/url', {}, None),
    ('refused by a hook', 'GET', '/refused', {}, None),
    ('async stream', 'GET', '/async-stream', {}, None),
    ('sync stream', 'GET', '/sync-stream', {}, None),
    ('stream of known length', 'GET', '/known-stream', {}, None),
    ('file', 'GET', '/file', {}, None),
    ('missing file', 'GET', '/missing-file', {}, None),
    ('events', 'GET', '/events', {}, None),
    ('mounted', 'GET', '/child/', {}, None),
    ('missing below a mount', 'GET', '/child/nowhere', {}, None),
]

#: What a server does not pass on, or does on its own, by name of the request.
#: These are not the application's to change.
EXCEPTIONS = {
    # an empty query looks like none
    kind: ['empty query'] for kind in gateways.ASGI + gateways.WSGI}
EXCEPTIONS['wsgiref'] += [
    # it adds a length, knows no coding, and tells the decoded path alone
    'encoded slash', 'several segments',
    'nothing', '204', '304', 'head of a stream', 'chunked body',
    'chunked body over the limit', 'chunked upload']


class Answer:
    """What is compared: status, headers and body. Headers are a list for each
    name, as one may come several times."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {}
        for name, value in headers:
            name = name.lower()
            if name not in THEIRS:
                self.headers.setdefault(name, []).append(value)
        self.body = body or b''

    def __eq__(self, other):
        return vars(self) == vars(other)

    def __repr__(self):
        return '%s %s %s' % (self.status, self.headers, self.body[:300])


def encode(method, path, headers, body, version='1.1', connection=None):
    """Return the bytes of a request."""
    lines = ['%s %s HTTP/%s' % (method, path, version), 'Host: example.com']
    if connection:
        lines.append('Connection: ' + connection)
    for name, value in headers.items():
        lines.append('%s: %s' % (name, value.decode() if isinstance(
            value, bytes) else value))
    if isinstance(body, list):
        lines.append('Transfer-Encoding: chunked')
        body = b''.join([b'%x\r\n%b\r\n' % (len(piece), piece)
                         for piece in body]) + b'0\r\n\r\n'
    elif body is not None:
        lines.append('Content-Length: %d' % len(body))
    return '\r\n'.join(lines).encode() + b'\r\n\r\n' + (body or b'')


@pytest.fixture(autouse=True)
def limits(monkeypatch):
    """Let this process have the limits of the servers'."""
    for name in ('max_content_length', 'max_body_length'):
        monkeypatch.setattr(everywhere.Request, name, everywhere.LIMIT)


def in_memory(data):
    """Return what is answered on a connection of the test client."""
    app = everywhere.make_app(everywhere.Microdot)
    app.log_exception = lambda req, exc: None

    async def main():
        conn = _Connection(TestClient(app), 'http', data)
        try:
            await conn.server.serve_requests(conn)
        except Disconnected:
            pass
        return await conn.finish()

    return asyncio.run(main())


def expected(method, path, headers, body):
    """Return what the test client gets."""
    data = in_memory(encode(method, path, headers, body))
    head = data.partition(b'\r\n\r\n')[0].decode().split('\r\n')
    res = TestResponse.parse(data, method == 'HEAD')
    return Answer(res.status_code, [
        line.split(': ', 1) for line in head[1:]], res.body)


def ask(connection, method, path, headers, body):
    """Send a request on a connection; return the :class:`Answer`."""
    connection.putrequest(method, path, skip_host=True,
                          skip_accept_encoding=True)
    connection.putheader('Host', 'example.com')
    for name, value in headers.items():
        connection.putheader(name, value)
    chunked = isinstance(body, list)
    if chunked:
        connection.putheader('Transfer-Encoding', 'chunked')
        body = iter(body)
    elif body is not None:
        connection.putheader('Content-Length', str(len(body)))
    try:
        connection.endheaders(body, encode_chunked=chunked)
    except (BrokenPipeError, ConnectionResetError):
        pass  # an answer came before the end
    response = connection.getresponse()
    return Answer(response.status, [
        (name, value.encode('latin-1').decode())
        for name, value in response.getheaders()], response.read())


@contextlib.contextmanager
def connected(server):
    """A connection to a server, as one of ``http.client``."""
    connection = http.client.HTTPConnection(
        '127.0.0.1', server.port, timeout=servers.PATIENCE_S)
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture(scope='module', params=list(gateways.COMMANDS))
def server(request):
    """Each server in turn."""
    with gateways.serve(request.param) as server:
        yield server


def test_every_request_is_answered_alike(server):
    differences = []
    with connected(server) as connection:
        for name, method, path, headers, body in REQUESTS:
            if name in EXCEPTIONS.get(server.kind, ()):
                continue
            wanted = expected(method, path, headers, body)
            try:
                got = ask(connection, method, path, headers, body)
            except (http.client.RemoteDisconnected, ConnectionResetError):
                # closed after the request before, whose body was not read
                connection.close()
                got = ask(connection, method, path, headers, body)
            if got != wanted:
                differences.append('%s:\n    %s\nnot %s' % (name, got, wanted))
    assert not differences, '\n'.join(differences)


#: How a connection is used: name, version, Connection, whether it is kept.
WAYS = [('kept', '1.1', None, True), ('closed', '1.1', 'close', False),
        ('1.0', '1.0', None, False), ('1.0, kept', '1.0', 'Keep-Alive', True)]

#: Requests that the other tests have no use for.
MORE = [
    ('broken stream', 'GET', '/broken', {}, None),
    ('date of the handler', 'GET', '/dated', {}, None),
    ('reason of the handler', 'GET', '/reason', {}, None),
    ('large pieces', 'GET', '/large/3', {}, None),
    ('another expectation', 'POST', '/echo', {'Expect': 'more'}, b'abc'),
    ('expectation', 'POST', '/echo', {'Expect': '100-continue'}, b'abc'),
    ('no such coding', 'POST', '/echo', {'Transfer-Encoding': 'gzip'}, None),
    ('two lengths', 'POST', '/echo', {'content-length': '4'}, b'abc'),
    ('bad version', 'GET', '/ HTTP/2.0 x', {}, None),
    ('long line', 'GET', '/' + 'x' * 10000, {}, None),
    ('long header', 'GET', '/', {'X': 'x' * 10000}, None),
    ('many headers', 'GET', '/', {'X-%d' % i: 'x' for i in range(101)}, None),
]

#: These are sent in pieces as they have come: what is compared is the body.
AS_IT_COMES = ['copy']

LAST = b'GET /known-stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'


def masked(data):
    """Put an asterisk for the time in ``Date``, where it is that of today."""
    def mask(match):
        when = email.utils.parsedate_to_datetime(match[2].decode())
        assert match[2].decode() == email.utils.format_datetime(when, True)
        return match[1] + b'*' if abs(
            when.timestamp() - time.time()) < 3600 else match[0]

    return re.sub(rb'(\r\nDate: )([^\r]*GMT)', mask, data)


def without_chunks(data):
    """Return head and body of a response, joined, and what follows it."""
    head, end, data = data.partition(b'\r\n\r\n')
    if b'\r\nTransfer-Encoding: chunked' in head:
        size = None
        while size != 0:
            line, _, data = data.partition(b'\r\n')
            size = int(line, 16)
            head += data[:size]
            data = data[size + 2:]
    return head + end + data


def test_the_built_in_server_sends_the_bytes_that_the_test_client_gets():
    differences = []
    dates = 0
    with gateways.serve('built-in') as server:
        for row in REQUESTS + MORE:
            name = row[0]
            for way, version, option, keeps in WAYS:
                data = encode(*row[1:], version=version, connection=option)
                if len(data) > 1024 * 1024 and isinstance(row[4], bytes) and \
                        name == 'body over the limit of a route':
                    # its head is enough to refuse it
                    data = data[:data.find(b'\r\n\r\n') + 4]
                elif keeps:
                    data += LAST
                got, wanted = masked(server.request(data)), masked(
                    in_memory(data))
                dates += wanted.count(b'\r\nDate: *\r\n')
                if name in AS_IT_COMES:
                    got, wanted = without_chunks(got), without_chunks(wanted)
                if got != wanted:
                    differences.append('%s, %s:\n    %s\nnot %s' % (
                        name, way, got[:1000], wanted[:1000]))
    assert not differences, '\n'.join(differences)
    assert dates > len(REQUESTS) * len(WAYS)


def test_what_differs_on_the_wire_is_not_masked():
    one = b'HTTP/1.1 200 OK\r\nDate: %b GMT\r\n\r\n'
    now = email.utils.formatdate(usegmt=True)[:-4].encode()
    old = b'Thu, 01 Jan 1970 00:00:00'
    assert masked(one % now) == one.replace(b'%b GMT', b'*')
    assert masked(one % old) == one % old
    assert masked(one % now + one % old).count(b'*') == 1


def needs(server, *kinds):
    """Skip a test for servers that cannot do what it is about."""
    if server.kind in kinds:
        pytest.skip(server.kind + ' cannot do that')


GET = b'GET %s HTTP/1.1\r\nHost: example.com\r\n\r\n'


def test_a_connection_is_used_again(server):
    needs(server, 'gunicorn-sync', 'wsgiref')
    with connected(server) as connection:
        ports = set()
        for _ in range(3):
            for name, body in (('/', b'hello'), ('/known-stream', b'abcd')):
                connection.request('GET', name)
                ports.add(connection.sock.getsockname()[1])
                assert connection.getresponse().read() == body
        assert len(ports) == 1


def test_several_cookie_headers_are_one(server):
    answer = server.request(
        b'GET /echo HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nCookie: c=d\r\n'
        b'Connection: close\r\n\r\n')
    # what WSGI servers join is joined by commas, which is theirs to decide
    if server.kind not in gateways.WSGI:
        assert b'"cookies": {"a": "b", "c": "d"}' in answer
    else:
        assert b'"a": "b' in answer


def test_views_with_sessions_in_a_store_are_protected(server):
    def shop(method, headers=None, body=None):
        with connected(server) as connection:
            answer = ask(connection, method, '/shop/', headers or {}, body)
        return answer.status, answer.headers.get('set-cookie'), answer.body

    own = {'Sec-Fetch-Site': 'same-origin',
           'Content-Type': 'application/json'}
    assert shop('POST', dict(own, **{'Sec-Fetch-Site': 'cross-site'}),
                b'{"a": 1}')[0] == 403
    status, lines, _ = shop('POST', own, b'{"a": 1}')
    assert status == 200
    cookie = {'Cookie': lines[0].partition(';')[0]}
    assert shop('POST', dict(own, **cookie), b'{"b": 2}')[:2] == (200, None)
    assert json.loads(shop('GET', cookie)[2]) == {'a': 1, 'b': 2}
    foreign = dict(cookie, Origin='https://evil.example')
    assert shop('DELETE', foreign)[0] == 403
    assert json.loads(shop('GET', cookie)[2]) == {'a': 1, 'b': 2}
    assert shop('DELETE', cookie)[0] == 200
    assert json.loads(shop('GET', cookie)[2]) == {}


def test_a_head_has_no_body_on_the_wire(server):
    paths = [b'/', b'/file', b'/nowhere']
    if server.kind != 'waitress':  # it ends a body that it has not begun
        paths.append(b'/async-stream')
    for path in paths:
        answer = server.request(
            b'HEAD %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
            % path)
        assert answer.endswith(b'\r\n\r\n'), answer
        assert answer.count(b'\r\n\r\n') == 1


def test_a_piece_is_sent_before_the_next_is_made(server):
    needs(server, 'gunicorn-sync', 'wsgiref')  # one request at a time
    with connected(server) as connection:
        connection.request('GET', '/gated')
        response = connection.getresponse()
        assert response.read(6) == b'first '
        assert server.get('/open') == b'open'
        assert response.read() == b'second'


def test_a_body_is_read_while_it_comes(server):
    needs(server, 'waitress', 'daphne')  # they keep all of it first
    with connected(server) as connection:
        connection.putrequest('POST', '/copy')
        connection.putheader('Content-Length', '200000')
        connection.endheaders()
        connection.send(b'a' * 100000)
        # the answer begins before the request has ended
        assert connection.sock.recv(1, socket.MSG_PEEK) == b'H'
        connection.send(b'b' * 100000)
        assert connection.getresponse().read() == \
            b'a' * 100000 + b'b' * 100000


def test_large_bodies_go_both_ways(server):
    data = bytes(range(256)) * 16384
    with server.connect() as sock:
        # It comes back meanwhile: not all of it need fit into the kernel.
        thread = threading.Thread(target=sock.sendall, args=[encode(
            'POST', '/copy', {}, data)])
        thread.start()
        response = http.client.HTTPResponse(sock, method='POST')
        response.begin()
        assert response.read() == data
        thread.join(servers.PATIENCE_S)
    with connected(server) as connection:
        connection.request('GET', '/large/50')
        received = connection.getresponse().read()
        assert [received[i:i + 7] for i in range(0, len(received), 65536)] \
            == [b'%07d' % i for i in range(50)]


def test_a_client_that_leaves_ends_its_stream(server):
    # WSGI tells of that only when something is sent
    paths = ['endless'] if server.kind in gateways.WSGI else [
        'waiting', 'endless']
    for name in paths:
        with server.connect() as sock:
            sock.sendall(GET % (b'/' + name.encode()))
            servers.read_until(sock, b'\r\n\r\n')
            if server.kind not in ('gunicorn-sync', 'wsgiref'):
                server.wait_for(name, 'True')
        # (by itself, that of one of them would end after a minute)
        server.wait_for(name, 'False')


def test_a_handler_is_told_that_its_client_has_left(server):
    needs(server, *gateways.WSGI)
    with server.connect() as sock:
        sock.sendall(GET % b'/left')
        server.wait_for('left', 'False')
    server.wait_for('left', 'True')


def test_a_broken_stream_is_seen_to_be_broken(server):
    needs(server, 'daphne')  # it lets the client wait
    with connected(server) as connection:
        connection.request('GET', '/broken')
        response = connection.getresponse()
        if server.kind == 'wsgiref':  # the end is that of the connection
            assert response.read() == b'whole so far'
        else:
            with pytest.raises((http.client.IncompleteRead,
                                ConnectionResetError)):
                response.read()
    assert server.get('/') == b'hello'


def test_what_follows_a_response_does_not_delay_it(server):
    before = server.log().count('afterwards')
    assert server.get('/afterwards') == b'before'
    servers.wait_until(
        lambda: server.log().count('afterwards') > before, 'what follows')
    assert server.log().count('afterwards') == before + 1


def test_requests_are_handled_side_by_side(server):
    needs(server, 'gunicorn-sync', 'wsgiref')
    bodies = []
    path = '/meet/%s' % os.urandom(4).hex()  # (nobody has been there before)
    threads = [threading.Thread(
        target=lambda: bodies.append(server.get(path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == [b'4'] * 4  # each has waited for the others


def test_bad_paths_are_refused(server):
    for path in (b'/path/%ff', b'/path/%00'):
        answer = server.request(
            b'GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
            % path)
        assert b' 400 ' in answer.partition(b'\r\n')[0], (path, answer)


#: What some need, so that they leave the headers of proxies alone.
PROXIED = {'uvicorn': ['--no-proxy-headers'],
           'waitress': ['--no-clear-untrusted-proxy-headers']}


@pytest.mark.parametrize('kind', [
    'built-in', 'uvicorn', 'hypercorn', 'granian', 'daphne',
    'gunicorn-threads', 'waitress'])
def test_what_a_proxy_tells_of_the_client_is_heeded(kind):
    with gateways.serve(kind, *PROXIED.get(kind, ())) as server:
        answer = server.request(
            b'GET /echo HTTP/1.1\r\nHost: inner\r\nConnection: close\r\n'
            b'X-Forwarded-For: 192.0.2.1, 203.0.113.5\r\n'
            b'X-Forwarded-Host: site.example\r\n'
            b'X-Forwarded-Proto: https\r\n\r\n')
        assert b'"scheme": "https", "host": "site.example", ' \
            b'"client": "203.0.113.5"' in answer


#: How each is told of a prefix, and which paths it may be asked for then.
PREFIXES = {
    'uvicorn': (['--root-path', '/root'], ['']),
    'hypercorn': (['--root-path', '/root'], ['', '/root']),
    'granian': (['--url-path-prefix', '/root'], ['', '/root']),
    'daphne': (['--root-path', '/root'], ['', '/root']),
    'gunicorn-threads': (['--env', 'SCRIPT_NAME=/root'], ['/root']),
    'waitress': (['--url-prefix', '/root'], ['/root']),
}


@pytest.mark.parametrize('kind', list(PREFIXES))
def test_urls_have_the_prefix_of_the_application(kind):
    options, prefixes = PREFIXES[kind]
    with gateways.serve(kind, *options) as server:
        for prefix in prefixes:
            assert server.get(prefix + '/url') == \
                b'["http://a/root/path/a%2Fb%20%C3%BC", "/"]'
            assert server.get(prefix + '/path/a%2Fb') == \
                b'["a/b", "/path/a/b", "/root/path/a%2Fb"]'
            assert server.get(prefix + '/child/') == \
                b'["child", "/child", "/child/"]'


# ----------------------------------------------------------------- WebSocket

def open_websocket(server, path, **options):
    return websockets.sync.client.connect(
        'ws://127.0.0.1:%d%s' % (server.port, path), compression=None,
        open_timeout=servers.PATIENCE_S, close_timeout=servers.PATIENCE_S,
        **options)


def close_code(server, code):
    """What becomes of a code: some servers refuse to send most of them."""
    return 3000 + code if server.kind == 'daphne' else code


#: Servers whose applications cannot have WebSockets.
WITHOUT = ['waitress', 'wsgiref']


def test_websocket_messages_go_both_ways(server):
    needs(server, *WITHOUT)
    with open_websocket(server, '/ws') as ws:
        for message in ('text', 'ü' * 1000, b'\x00\xff', b'x' * 16384, '',
                        b''):
            if not message and server.kind == 'daphne':
                continue  # it sends none that are empty
            ws.send(message)
            assert ws.recv(servers.PATIENCE_S) == message
        ws.send('bye')
        with pytest.raises(websockets.ConnectionClosedOK) as info:
            ws.recv(servers.PATIENCE_S)
        assert info.value.rcvd.code == 1000
    assert server.get('/') == b'hello'


def test_websocket_options_are_heeded(server):
    needs(server, *WITHOUT)
    with open_websocket(server, '/ws-options?q=%20', subprotocols=[
            'a', 'b']) as ws:
        assert ws.subprotocol == 'b'
        if server.kind not in ('daphne', 'granian'):  # they drop these
            assert ws.response.headers['X-Extra'] == 'yes'
        assert ws.recv(servers.PATIENCE_S) == 'b http  '
        with pytest.raises(websockets.ConnectionClosedError) as info:
            ws.recv(servers.PATIENCE_S)
        assert info.value.rcvd.code == 4000
        if server.kind != 'daphne':  # it knows no reasons
            assert info.value.rcvd.reason == 'enough'


def test_a_websocket_message_over_the_limit_closes(server):
    needs(server, *WITHOUT)
    for message in (b'x' * 16385, 'ü' * 8193):
        with open_websocket(server, '/ws') as ws:
            ws.send(message)
            with pytest.raises(websockets.ConnectionClosedError) as info:
                ws.recv(servers.PATIENCE_S)
            assert info.value.rcvd.code == close_code(server, 1009)


def test_a_websocket_handler_that_fails_closes_with_1011(server):
    needs(server, *WITHOUT)
    paths = ['/ws-error']
    if server.kind in gateways.ASGI:  # where it is the adapter that closes
        paths.append('/ws-unclosed')
    for path in paths:
        with open_websocket(server, path) as ws:
            assert ws.recv(servers.PATIENCE_S) == 'soon'
            with pytest.raises(websockets.ConnectionClosedError) as info:
                ws.recv(servers.PATIENCE_S)
            assert info.value.rcvd.code == close_code(server, 1011)


def test_a_client_that_leaves_ends_its_websocket_handler(server):
    needs(server, *WITHOUT, 'gunicorn-sync')
    with open_websocket(server, '/ws-waiting'):
        server.wait_for('ws', 'True')
    server.wait_for('ws', 'False')
    with open_websocket(server, '/ws-waiting') as ws:
        server.wait_for('ws', 'True')
        ws.socket.shutdown(socket.SHUT_RDWR)
        server.wait_for('ws', 'False')


def test_a_websocket_may_be_denied_by_a_response(server):
    needs(server, *WITHOUT)
    for path, status in (('/ws-denied', 401), ('/nowhere', 404),
                         ('/error', 500)):
        with pytest.raises(websockets.InvalidStatus) as info:
            with open_websocket(server, path):
                pass
        response = info.value.response
        if server.kind in PLAIN_DENIAL:
            assert response.status_code == 403
        else:
            assert response.status_code == status
            if status == 401:
                assert response.headers['WWW-Authenticate'] == 'Basic'
                assert response.body == b'{"denied": true}'
    assert server.get('/') == b'hello'


#: Servers that cannot send a response in place of a WebSocket.
PLAIN_DENIAL = ['daphne']


def test_a_websocket_is_refused_where_there_can_be_none(server):
    needs(server, *[kind for kind in gateways.COMMANDS
                    if kind not in WITHOUT])
    with server.connect() as sock:
        sock.sendall(
            b'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n'
            b'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
            b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
        assert b' 501 ' in servers.read_until(sock, b'\r\n')


# ---------------------------------------------------------------- life cycle

#: How these end by SIGTERM: nothing handles it, so that no Python runs any
#: more, neither for shut-down handlers.
KILLED = {'waitress': -signal.SIGTERM, 'wsgiref': -signal.SIGTERM}


@pytest.mark.parametrize('how', ['request', 'signal'])
@pytest.mark.parametrize('kind', list(gateways.COMMANDS))
def test_the_life_cycle_is_that_of_the_server(kind, how):
    with gateways.serve(kind) as server:
        assert server.get('/') == b'hello'
        assert server.log() == ['started', 'started too']
        if how == 'signal':
            server.interrupt(signal.SIGTERM)
        else:
            server.get('/shutdown')
        status = server.wait()
        if kind in KILLED:
            assert status == KILLED[kind]
            assert server.log()[2:] == []
        else:
            assert server.log()[2:] == ['stopped']


@pytest.mark.parametrize('kind', [
    'built-in', 'uvicorn', 'uvicorn-h11', 'hypercorn', 'granian'])
def test_a_start_up_handler_of_a_child_that_fails_ends_the_server(kind):
    with gateways.serve(kind, fails=True) as server:
        assert server.log() == ['started', 'started too', 'stopped']
        # (what the server says of it differs)
        assert server.output.count('\nRuntimeError: no sensor\n') == 1
        if kind != 'hypercorn':
            assert server.process.returncode


@pytest.mark.parametrize('kind', list(KILLED))
def test_a_server_that_does_not_handle_sigterm_stops_at_sigint(kind):
    with gateways.serve(kind) as server:
        assert server.get('/') == b'hello'
        server.interrupt(signal.SIGINT)
        server.wait()
        assert server.log()[2:] == ['stopped']


@pytest.mark.parametrize('kind', [
    'built-in', 'uvicorn', 'uvicorn-h11', 'hypercorn', 'granian',
    'gunicorn-threads'])
def test_a_request_under_way_is_answered_at_the_end(kind):
    with gateways.serve(kind) as server:
        with server.connect() as sock:
            sock.sendall(GET % b'/slow')
            server.wait_for('slow', 'True')
            server.process.send_signal(signal.SIGTERM)
            assert b'slow' in servers.read_until(sock, b'slow')
        server.wait()

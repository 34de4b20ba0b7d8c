"""Test an application in memory, with no socket.

A request is encoded to the bytes that a client would send, goes through the
connection loop of the server, and what is answered is parsed from the bytes
that a client would get.
"""
import asyncio
import sys
import time
from binascii import b2a_base64
from json import dumps, loads

from .microdot import (
    Connection,
    Disconnected,
    HTTPException,
    Microdot,
    NoCaseDict,
    Response,
    Server,
    encode_lines,
    invoke_handler,
    parse_chunk_size,
    reason_phrase,
    urlencode,
)

__all__ = ['TestClient', 'TestResponse', 'create_request', 'handle_request',
           'url_map', 'write_response']

# The example of RFC 6455, section 1.3
_KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
_ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
_MASK = b'\x37\xfa\x21\x3d'


# --- Wire: requests ---------------------------------------------------------

def _pairs(fields):
    # The pairs of a dict or of an iterable of pairs, a list being so many
    # values.
    for key, values in fields.items() if hasattr(fields, 'items') else fields:
        for value in values if isinstance(values, list) else (values,):
            yield key, value


def _encode_pairs(fields):
    return '&'.join([urlencode(str(key)) + '=' + urlencode(str(value))
                     for key, value in _pairs(fields)])


def _encode(content):
    if hasattr(content, 'read'):
        content = content.read()
    if isinstance(content, (bytes, bytearray, memoryview)):
        return bytes(content)
    return str(content).encode()


def _escape(name):
    # WHATWG HTML, section 4.10.21.8
    return name.replace('\r', '%0D').replace('\n', '%0A').replace('"', '%22')


def _encode_multipart(form, files):
    # RFC 7578. Returns the body and its boundary.
    parts = [('name="%s"' % _escape(name), _encode(value))
             for name, value in _pairs(form)]
    for name, value in _pairs(files):
        if not isinstance(value, tuple):
            path = getattr(value, 'name', None)  # an int of a descriptor
            value = (path.replace('\\', '/').rsplit('/', 1)[-1]
                     if isinstance(path, str) else name, value)
        filename = value[0]
        kind = value[2] if len(value) > 2 else Response.types_map.get(
            filename.rsplit('.', 1)[-1], 'application/octet-stream')
        parts.append(('name="%s"; filename="%s"\r\nContent-Type: %s' % (
            _escape(name), _escape(filename), kind), _encode(value[1])))
    boundary = 'boundary'
    while any([boundary.encode() in content for _, content in parts]):
        boundary += '-'
    body = b''
    for head, content in parts:
        body += ('--%s\r\nContent-Disposition: form-data; %s\r\n\r\n' % (
            boundary, head)).encode() + content + b'\r\n'
    return body + ('--%s--\r\n' % boundary).encode(), boundary


def _encode_chunks(pieces):
    return b''.join([
        ('%x\r\n' % len(piece)).encode() + piece + b'\r\n'
        for piece in map(_encode, pieces) if piece]) + b'0\r\n\r\n'


def _encode_body(headers, body, form, files, json):
    # Returns the body as bytes and sets the headers that it needs.
    kind = None
    if files is not None:
        body, boundary = _encode_multipart(form or (), files)
        kind = 'multipart/form-data; boundary=' + boundary
    elif form is not None:
        body = _encode_pairs(form)
        kind = 'application/x-www-form-urlencoded'
    elif json is not None or isinstance(body, (dict, list)):
        body = dumps(body if json is None else json)
        kind = 'application/json'
    if kind:
        headers.setdefault('Content-Type', kind)
    if hasattr(body, '__next__'):
        headers['Transfer-Encoding'] = 'chunked'
        return _encode_chunks(body)
    body = b'' if body is None else _encode(body)
    if body:
        headers.setdefault('Content-Length', str(len(body)))
    return body


async def _gather(pieces):
    # An iterator of what an async one gives.
    found = []
    async for piece in pieces:
        found.append(piece)
    return iter(found)


def _basic(auth):
    # RFC 7617, section 2
    return 'Basic ' + b2a_base64(
        ('%s:%s' % tuple(auth)).encode()).decode().strip()


def _target(path):
    # What a client sends of an address: no fragment, blanks encoded.
    return path.partition('#')[0].replace(' ', '%20')


def _drop(headers, *names):
    for name in names:
        headers.pop(name, None)


def _resolve(path, location):
    # A relative reference (RFC 3986, section 5.2); dot segments may begin it.
    if location[:1] == '/':
        return location
    path = path.partition('?')[0]
    if location[:1] == '?':
        return path + location
    if not location:
        return path
    parts = path[:path.rfind('/')].split('/')
    while location[:2] == './' or location[:3] == '../':
        dots, _, location = location.partition('/')
        if dots == '..' and len(parts) > 1:
            parts.pop()
    return '/'.join(parts) + '/' + location


# --- Wire: responses --------------------------------------------------------

def _number(text):
    # int() also takes a sign
    if not text.isdigit():
        raise ValueError('not a number: ' + text)
    return int(text)


def _decode_chunks(data):
    # Returns the content of a chunked body, and what follows it.
    body = b''
    while True:
        line, _, data = data.partition(b'\r\n')
        size = parse_chunk_size(line)
        if not size:
            break
        body += data[:size]
        if data[size:size + 2] != b'\r\n':
            raise ValueError('a chunk is not of its size')
        data = data[size + 2:]
    if data[:2] != b'\r\n':
        raise ValueError('trailers')
    return body, data[2:]


def _scoped(stored):
    # The cookies of one name, as pairs of value and path.
    if isinstance(stored, list):
        return stored
    return [stored if isinstance(stored, tuple) else (stored, '/')]


def parse_date(date):
    # Year to second of a date such as Thu, 01 Jan 1970 00:00:01 GMT, or None.
    try:
        _, day, month, year, clock = date.replace('-', ' ').split()[:5]
        months = 'JanFebMarAprMayJunJulAugSepOctNovDec'
        when = [int(year), months.find(month[:3]) // 3 + 1, int(day)]
        return when + [int(number) for number in clock.split(':')]
    except ValueError:
        return None


def _parse_cookie(line):
    # Name, value and attributes of a cookie that is set; the seconds that it
    # is to live under 'max-age', or None.
    cookie, _, rest = line.partition(';')
    options = {}
    for option in rest.split(';'):
        name, _, value = option.partition('=')
        options[name.strip().lower()] = value.strip()
    age = options.get('max-age', '')
    digits = age[1:] if age[:1] == '-' else age
    options['max-age'] = int(age) if digits.isdigit() else None
    name, _, value = cookie.partition('=')
    return name.strip(), value.strip(), options


def _is_deleted(options):
    # RFC 6265, section 5.3: Max-Age comes before Expires.
    age = options['max-age']
    if age is not None:
        return age <= 0
    when = parse_date(options.get('expires', ''))
    return bool(when) and when <= list(time.gmtime()[:6])


# CPython has others of the next three.

def is_sent(value, scheme, host):
    """Tell whether a cookie that is kept is sent, as far as its value knows.
    """
    return True


def kept_value(name, value, options, scheme, host):
    """Return the value that is kept of a cookie, or ``None``: none (RFC 6265,
    section 5.3)."""
    domain = options.get('domain', '').lstrip('.').lower()
    if not domain or domain == host or host.endswith('.' + domain):
        return value


def is_same(old, new):
    """Tell whether a cookie takes the place of another of its path."""
    return True


def _bare_host(host):
    # The name of a host, without its port.
    host = host.lower()
    if host[:1] == '[':
        return host.partition(']')[0] + ']'
    return host.partition(':')[0]


class TestResponse:
    """A response, as a client sees it.

    Attributes: ``status_code``, ``reason`` (``None`` unless it is another
    than the standard one), ``http_version``, ``headers``
    (:class:`NoCaseDict`; ``Set-Cookie`` is a list), ``body`` (``bytes``, or
    ``None`` when there can be none: the answer to HEAD, or a handler that
    answered nothing or took over the connection); of a WebSocket that the
    server has closed, ``close_code`` (``None`` without one) and
    ``close_reason``; ``url``, that which has been asked, and ``history``, the
    list of responses that led there by redirects.
    """
    __test__ = False
    status_code = reason = http_version = body = url = None
    close_code = close_reason = None

    def __init__(self):
        self.headers = NoCaseDict()
        self.history = []

    @classmethod
    async def create(cls, res):
        """Make a response of a :class:`Response`, without a request."""
        from . import _streams
        stream = _streams.AsyncBytesIO(b'')
        await _streams.write_response(res, stream)
        result = cls.parse(stream.stream.getvalue(), res.is_head)
        result.reason = res.reason
        return result

    @classmethod
    def parse(cls, data, is_head=False):
        """Parse what a server has sent up to the end of a connection.

        :param is_head: whether it answers a HEAD request.
        :raises ValueError: it is not one response, whole and well-formed.
        """
        while True:
            res = cls()
            head, blank, data = data.partition(b'\r\n\r\n')
            if not blank:
                raise ValueError('the head of a response does not end')
            res._parse_head(head.decode().split('\r\n'))
            if res.status_code >= 200 or res.status_code == 101:
                break  # another 1xx is followed by the response
        if res.status_code != 101:
            data = res._parse_body(data, is_head)
        if data:
            raise ValueError('bytes after the end of a response')
        return res

    def _parse_head(self, lines):
        start = lines.pop(0)
        version, _, status = start.partition(' ')
        status, _, reason = status.partition(' ')
        if version[:5] != 'HTTP/' or len(status) != 3:
            raise ValueError('not a status line: ' + start)
        self.http_version = version[5:]
        self.status_code = _number(status)
        if reason != reason_phrase(self.status_code):
            self.reason = reason
        headers = self.headers
        for line in lines:
            name, colon, value = line.partition(':')
            value = value.strip()
            if not colon or not name or name != name.strip():
                raise ValueError('not a header: ' + line)
            if name.lower() == 'set-cookie':
                headers.setdefault(name, []).append(value)
            else:
                headers[name] = headers[name] + ', ' + value \
                    if name in headers else value

    def _parse_body(self, data, is_head):
        # RFC 9112, section 6.3. Returns what follows the body.
        size = self.headers.get('Content-Length')
        chunked = 'Transfer-Encoding' in self.headers
        if chunked and size is not None:
            raise ValueError('a response has a length and a coding')
        if is_head:
            return data
        if self.status_code in (204, 304):
            self.body = b''
            return data
        if chunked:
            self.body, data = _decode_chunks(data)
            return data
        size = len(data) if size is None else _number(size)
        if size > len(data):
            raise ValueError('%d bytes of a body of %d' % (len(data), size))
        self.body = data[:size]
        return data[size:]

    def _content_type(self):
        return self.headers.get('Content-Type', '').split(';')[0].lower()

    @property
    def cookies(self):
        """The cookies that this response sets, as a dict of their values:
        those that it deletes are not in it."""
        found = {}
        for line in self.headers.get('Set-Cookie', ()):
            name, value, options = _parse_cookie(line)
            if not _is_deleted(options):
                found[name] = value
        return found

    def raise_for_status(self):
        """Return this response, unless its status tells of an error.

        :raises HTTPException: the status is 400 or more. Its reason has the
                               address and the begin of the body.
        """
        if self.status_code and self.status_code >= 400:
            raise HTTPException(self.status_code, '%s: %s' % (
                self.url, (self.text or '')[:200]))
        return self

    @property
    def text(self):
        """The body as text, or ``None`` if it is not UTF-8."""
        try:
            return self.body.decode()
        except (ValueError, AttributeError):
            return None

    @property
    def json(self):
        """The body parsed as JSON, or ``None`` if it is of another type.

        :raises ValueError: it is not what its type says.
        """
        kind = self._content_type()
        if self.body and (kind == 'application/json' or
                          kind.endswith('+json')):
            return loads(self.body.decode())

    @property
    def events(self):
        """The server-sent events as a list, or ``None`` if there are none.

        Each is a dict of ``data`` (``bytes``), ``data_json`` (that parsed, or
        ``None``), ``event``, ``event_id`` and ``retry`` (in seconds).
        """
        if self._content_type() != 'text/event-stream' or self.body is None:
            return None
        # WHATWG HTML, section 9.2.6: what does not end in a blank line is
        # no event. (event_id is what came with the event itself)
        events = []
        data = None
        name = event_id = retry = None
        body = self.body.replace(b'\r\n', b'\n').replace(b'\r', b'\n')
        if body[:3] == b'\xef\xbb\xbf':
            body = body[3:]
        lines = body.split(b'\n')
        lines.pop()  # is not ended
        for line in lines:
            if not line:
                if data:
                    events.append(_make_event(data, name, event_id, retry))
                data = name = event_id = retry = None
                continue
            field, _, value = line.partition(b':')
            if value[:1] == b' ':
                value = value[1:]
            if field == b'data':
                data = value if data is None else data + b'\n' + value
            elif field == b'event':
                name = value.decode()
            elif field == b'id' and b'\0' not in value:
                event_id = value.decode()
            elif field == b'retry' and value.isdigit():
                retry = int(value) / 1000
        return events


def _make_event(data, name, event_id, retry):
    event = {'data': data, 'data_json': None, 'event': name,
             'event_id': event_id, 'retry': retry}
    try:
        event['data_json'] = loads(data.decode())
    except ValueError:
        pass
    return event


# --- Wire: WebSocket --------------------------------------------------------

def encode_frame(opcode, payload):
    # RFC 6455, section 5.2. A client's frames are masked.
    size = len(payload)
    if size < 126:
        head = bytes([0x80 | opcode, 0x80 | size])
    elif size < 65536:
        head = bytes([0x80 | opcode, 0xfe]) + size.to_bytes(2, 'big')
    else:
        head = bytes([0x80 | opcode, 0xff]) + size.to_bytes(8, 'big')
    masked = bytearray(payload)
    for i in range(size):
        masked[i] ^= _MASK[i & 3]
    return head + _MASK + masked


def _take_frame(data):
    # Returns the first byte, the payload and what follows, or None: need
    # more. A server's frames are not masked.
    if len(data) < 2:
        return None
    size = data[1]
    if data[0] & 0x70 or size > 127:
        raise ValueError('not a frame that a server may send')
    pos = 2
    if size > 125:
        pos = 4 if size == 126 else 10
        size = int.from_bytes(data[2:pos], 'big')
    if len(data) < pos + size:
        return None
    return data[0], data[pos:pos + size], data[pos + size:]


# --- Connections ------------------------------------------------------------

class _Connection(Connection):
    # A connection of which the client has sent all that it will.
    path = key = None  # target, and what the handshake of a WebSocket has
    last = None    # the request, also when it has been answered
    error = None   # of the client's own
    max_events = None  # after which the client leaves
    _request = None

    def __init__(self, client, scheme, data, sock=None):
        super().__init__(Server(client.app), client.client)
        self.scheme = scheme
        self.replaced_sock = sock
        self.data = data
        self.sent = b''
        self.pieces = []

    @property
    def request(self):
        return self._request

    @request.setter
    def request(self, req):
        self._request = req
        if req:
            self.last = req
            req.scheme = self.scheme
            if self.replaced_sock:
                req.sock = self.replaced_sock

    async def fill(self):
        return False

    async def send(self, data):
        self.pieces.append(bytes(data))
        if self.max_events:
            # as if the body had ended here
            end = b'0\r\n\r\n'
            try:
                res = TestResponse.parse(await self.finish() + end)
            except ValueError:
                return  # within a chunk, or not in chunks, or at the end
            if res.events and len(res.events) >= self.max_events:
                self.pieces.append(end)
                raise Disconnected

    async def watch(self, on):
        pass

    async def aclose(self):
        pass

    async def finish(self):
        # Returns all that the server has sent.
        return b''.join(self.pieces)


class WebSocketConnection(_Connection):
    # A connection whose client is a generator, once it has been upgraded. It
    # runs when the server sends or waits, in the server's task.
    head = b''
    incoming = b''     # frames for the server
    message = b''      # the begin of one from the server
    opcode = 0         # of that
    listening = False  # the client has nothing to send
    ended = False      # the client has left
    close = None       # payload of the server's Close frame
    _waits = False     # the handler waits for a message
    _busy = False
    _event = None

    def __init__(self, client, scheme, data, generator):
        super().__init__(client, scheme, data)
        self.generator = generator

    async def fill(self):
        while not self.incoming:
            if self.ended:
                return False
            if self.listening or self._busy or not self._is_my_turn():
                self._event = asyncio.Event()
                await self._event.wait()
            else:
                # the server waits, having sent nothing
                await self._run(self._advance, None)
        self.data = self.data[self.pos:] + self.incoming
        self.pos = 0
        self.incoming = b''
        return True

    def on_wait(self, waits):
        # Called by a WebSocket, for which a task of its own reads.
        self._waits = waits
        self.wake()

    def wake(self):
        """Let the server look again, if it waits for the client."""
        if self._event:
            self._event.set()

    def _is_my_turn(self):
        # Whether it is the handler that waits, and not only such a task.
        return self._waits or not self.task or \
            asyncio.current_task() is self.task

    async def send(self, data):
        if self.ended:
            raise Disconnected
        self.sent += data
        if not self._busy:
            await self._run(self._deliver)

    async def _run(self, function, *args):
        self._busy = True
        try:
            await function(*args)
        except Exception as exc:
            # is the test's, not the handler's
            self.error = exc
            self.ended = True
        finally:
            self._busy = False
            self.wake()

    async def _deliver(self):
        if not self.head:
            head, blank, rest = self.sent.partition(b'\r\n\r\n')
            if not blank or not head.startswith(b'HTTP/1.1 101 '):
                return
            self.head = head + blank
            self.sent = rest
            await self._advance(None)
        while not self.ended:
            frame = _take_frame(self.sent)
            if not frame:
                break
            first, payload, self.sent = frame
            opcode = first & 15
            if opcode == 8:
                self.close = payload
                self.incoming += encode_frame(8, payload)
                self.ended = True
            elif opcode == 9:
                self.incoming += encode_frame(10, payload)
            elif opcode < 3:
                self.opcode = opcode or self.opcode
                self.message += payload
                if first & 0x80:
                    message = self.message
                    self.message = b''
                    await self._advance(
                        message.decode() if self.opcode == 1 else message)

    async def _advance(self, message):
        generator = self.generator
        try:
            if hasattr(generator, 'asend'):
                message = await generator.asend(message)
            else:
                message = generator.send(message)
        except (StopIteration, StopAsyncIteration):
            self.ended = True
            return
        self.listening = message is None
        if not self.listening:
            self.incoming += encode_frame(
                1 if isinstance(message, str) else 2, _encode(message))

    async def finish(self):
        self.ended = True
        if hasattr(self.generator, 'aclose'):
            await self.generator.aclose()
        else:
            self.generator.close()
        return self.head or self.sent


async def exchange(client, conn, is_head=False):
    """Have a connection served, and return the :class:`TestResponse`."""
    handled = False
    try:
        await conn.server.serve_requests(conn)
        if client.app.background:
            await client.app.background.finish()
        handled = True
    except Disconnected:
        pass  # the client left, or there was less of a body than declared
    except asyncio.CancelledError:
        if not conn.gone:
            raise
    finally:
        data = await conn.finish()
    if conn.error:
        raise conn.error
    host = conn.last.headers.get('Host', '') if conn.last else client.host
    try:
        # nothing: the handler says that it has answered
        res = TestResponse() if handled and not data else \
            TestResponse.parse(data, is_head)
    except ValueError:
        if conn.last and conn.last.exception:
            raise conn.last.exception  # it ended the body
        raise
    res.url = '%s://%s%s' % (conn.scheme, host, conn.path)
    for cookie in res.headers.get('Set-Cookie', ()):
        client._set_cookie(cookie, conn.scheme, _bare_host(host), conn.path)
    return res


def begin_websocket(kind, client, path, peer, headers, auth):
    """Return a connection of a kind that asks for a WebSocket."""
    fields = NoCaseDict({
        'Upgrade': 'websocket', 'Connection': 'Upgrade',
        'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': _KEY})
    fields.update(client._headers(headers, auth))
    path = client._path(path)
    scheme = client.scheme or 'http'
    conn = kind(client, scheme, client._encode_request(
        'GET', scheme, path, fields), peer)
    conn.path = path
    conn.key = fields['Sec-WebSocket-Key']
    return conn


def end_websocket(client, conn, res):
    """Complete the response that began a WebSocket, and return it.

    :raises ValueError: the handshake was none.
    """
    if conn.close is not None:
        res.close_code = int.from_bytes(conn.close[:2], 'big') or None
        res.close_reason = conn.close[2:].decode()
    if client.raise_exceptions and conn.last and conn.last.exception:
        raise conn.last.exception
    if res.status_code == 101 and conn.key == _KEY \
            and res.headers.get('Sec-WebSocket-Accept') != _ACCEPT:
        raise ValueError('Sec-WebSocket-Accept does not fit the key')
    return res


# --- Streams of a test's own ------------------------------------------------

async def create_request(app, client_reader, client_writer, client_addr,
                         scheme=None):
    """Read a request from a pair of streams: what ``Request.create()`` does
    on CPython."""
    from . import _streams
    return await _streams.create_request(
        app, client_reader, client_writer, client_addr, scheme)


async def write_response(response, stream):
    """Write a response to a stream: what ``Response.write()`` does on CPython.
    """
    from . import _streams
    await _streams.write_response(response, stream)


async def handle_request(app, reader, writer):
    """Serve one connection over a pair of streams: what
    ``Microdot.handle_request()`` does on CPython."""
    from . import _streams
    await _streams.handle_request(app, reader, writer)


def url_map(app):
    """Return the routes as a list of tuples, which may be appended to: what
    ``Microdot.url_map`` is on CPython."""
    from . import _streams
    return _streams.UrlMap(app)


# --- The client -------------------------------------------------------------

def _method(method):
    def send(self, path, headers=None, body=None, **options):
        return self.request(method, path, headers, body, **options)
    return send


class TestClient:
    """A client of an application.

    ``async with TestClient(app) as client:`` runs the application's startup
    handlers, and in the end its shutdown handlers; without, neither is run.

    :param cookies: a dict of cookies to begin with; those that the
                    application sets are added as a browser does: by path,
                    and those of another domain not at all. A value is the
                    cookie's, or a tuple of that and a path, or a list of such
                    tuples.
    :param scheme: ``'http'`` or ``'https'``.
    :param host: the value of the ``Host`` header.
    :param follow_redirects: whether to follow them, as a browser does: to
                             the same host, and those above and below it.
    :param raise_exceptions: whether to raise what a handler raised, rather
                             than to return the response with status 500.
    :param timeout: seconds that a request may take; ``None``: any.
    :param headers: a dict of headers of every request; those of a call come
                    before them.
    :param client: the address of the client, as ``request.client_addr``.
    :param base_url: scheme, host and the begin of all paths, such as
                     ``'https://example.com/api'``.
    :param auth: a user's name and password, sent with every request (RFC
                 7617).
    :raises ValueError: *base_url* is no such address, or comes beside
                        *scheme* or *host*.
    :raises TypeError: on a board, which has no ``handle_request()`` of its
                       own: the application has one, and nothing calls it.
    """
    __test__ = False
    #: Redirects that one request may lead to.
    max_redirects = 10

    def __init__(self, app, cookies=None, scheme=None, host=None,
                 follow_redirects=False, raise_exceptions=False,
                 timeout=None, headers=None, client=('127.0.0.1', 1234),
                 base_url=None, auth=None):
        self.base_path = ''
        if base_url is not None:
            if scheme or host:
                raise ValueError('base_url has the scheme and the host: give '
                                 'it, or these')
            scheme, mark, host = base_url.partition('://')
            host, _, path = host.partition('/')
            if scheme not in ('http', 'https') or not host or \
                    '?' in base_url or '#' in base_url:
                raise ValueError('base_url is written http://host/path or '
                                 'https://host/path, not ' + base_url)
            if path.strip('/'):
                self.base_path = '/' + path.rstrip('/')
        if hasattr(app, 'handle_request') and \
                not hasattr(Microdot, 'handle_request'):
            # boards: it is the application's; on CPython the server says so
            from . import _streams
            _streams.refuse_connections(app)
        self.app = app
        self.cookies = {} if cookies is None else cookies
        self.scheme = scheme
        self.host = host or 'example.com:1234'
        self.follow_redirects = follow_redirects
        self.raise_exceptions = raise_exceptions
        self.timeout = timeout
        self.headers = headers or {}
        self.client = client
        self.auth = auth

    async def __aenter__(self):
        try:
            for handler in self.app.startup_handlers:
                await invoke_handler(handler)
        except Exception as exc:
            await self.__aexit__(type(exc), exc, None)
            raise
        return self

    async def __aexit__(self, exc_type, exc, tb):
        error = None
        for handler in reversed(self.app.shutdown_handlers):
            try:
                await invoke_handler(handler)
            except Exception as failure:
                error = error or failure
        if error and not exc_type:
            raise error

    get = _method('GET')
    head = _method('HEAD')
    options = _method('OPTIONS')
    post = _method('POST')
    put = _method('PUT')
    patch = _method('PATCH')
    delete = _method('DELETE')
    query = _method('QUERY')

    async def request(self, method, path, headers=None, body=None, sock=None,
                      form=None, files=None, json=None, query=None,
                      follow_redirects=None, raise_exceptions=None,
                      timeout=None, max_events=None, auth=None):
        """Send a request and return the :class:`TestResponse`.

        :param path: the target; may have a query.
        :param headers: a dict; a list as value is sent as several headers.
        :param body: ``str``, ``bytes`` or a file; a dict or list is sent as
                     JSON, an iterator, sync or async, in chunks.
        :param sock: what ``request.sock`` is to be.
        :param form: the fields of a form: a dict, or pairs. A list as value
                     is sent as several fields.
        :param files: the files of a form, likewise: the content (``bytes``,
                      ``str`` or a file), or a tuple of the name of the file,
                      the content and, if it is to differ, the type. Without
                      a tuple it has the name of a file that has one, or else
                      that of the field.
        :param json: a value to be sent as JSON.
        :param query: the fields of a query, as those of a form.
        :param follow_redirects: see the client; so are the next two.
        :param max_events: server-sent events after which to leave, as a
                           client that goes away does.
        :param auth: see the client.
        :raises ValueError: the response is malformed, or there is none, or
                            there are too many redirects.
        :raises asyncio.TimeoutError: it took too long.

        An exception that ends a streamed body is always raised.
        """
        path = self._path(path)
        headers = self._headers(headers, auth)
        if hasattr(body, '__anext__'):
            body = await _gather(body)
        body = _encode_body(headers, body, form, files, json)
        if query is not None:
            path += ('&' if '?' in path else '?') + _encode_pairs(query)
        if follow_redirects is None:
            follow_redirects = self.follow_redirects
        if raise_exceptions is None:
            raise_exceptions = self.raise_exceptions
        return await self._limit(timeout, self._send(
            method, path, headers, body, sock, follow_redirects,
            raise_exceptions, max_events))

    async def websocket(self, path, client, headers=None, timeout=None,
                        auth=None):
        """Open a WebSocket.

        :param client: a generator function, sync or (on CPython) async. What
                       it yields, ``str`` or ``bytes``, is sent; ``None``
                       sends nothing. Then ``yield`` gives the next message
                       from the server, or ``None`` if the server waits for
                       one in turn (unless nothing was sent). It leaves by
                       ending.
        :param headers: a dict.
        :return: a :class:`TestResponse`, of status 101 if all went well.

        An exception of *client* is raised. When it has left, the handler
        fares as it would with a server.
        """
        conn = begin_websocket(
            WebSocketConnection, self, path, client(), headers, auth)
        res = await self._limit(timeout, self._open(conn))
        return end_websocket(self, conn, res)

    def _path(self, path):
        path = _target(path)
        return self.base_path + path if path[:1] == '/' else path

    def _headers(self, headers, auth):
        # The headers of a request: what the client says, and then the call;
        # of each, who it is comes after a header that says so.
        result = NoCaseDict(self.headers)
        if self.auth:
            result.setdefault('Authorization', _basic(self.auth))
        if auth:
            result['Authorization'] = _basic(auth)
        result.update(NoCaseDict(headers))
        return result

    async def _open(self, conn):
        if hasattr(asyncio, 'run'):
            # a task, for the server to cancel
            conn.task = asyncio.create_task(exchange(self, conn))
            return await conn.task
        return await exchange(self, conn)

    async def _limit(self, timeout, coro):
        if timeout is None:
            timeout = self.timeout
        if timeout is None:
            return await coro
        return await asyncio.wait_for(coro, timeout)

    async def _send(self, method, path, headers, body, sock, follow,
                    raise_exceptions, max_events):
        scheme = self.scheme or 'http'
        left = self.max_redirects
        history = []
        while True:
            conn = _Connection(self, scheme, self._encode_request(
                method, scheme, path, headers) + body, sock)
            conn.max_events = max_events
            conn.path = path
            res = await exchange(self, conn, method == 'HEAD')
            if raise_exceptions and conn.last and conn.last.exception:
                raise conn.last.exception
            res.history = history
            location = res.headers.get('Location')
            if not follow or location is None or \
                    res.status_code not in (301, 302, 303, 307, 308):
                return res
            location = location.partition('#')[0]
            if location[:2] == '//':
                location = scheme + ':' + location
            new_scheme, mark, rest = location.partition('://')
            if mark and '?' not in new_scheme:
                host, slash, rest = rest.partition('/')
                # (names of hosts have no case: RFC 9110, section 4.2.3)
                host = host.lower()
                asked = headers.get('Host', self.host).lower()
                if host != asked:
                    if not host.endswith('.' + asked) and \
                            not asked.endswith('.' + host):
                        return res  # is not for this application to answer
                    headers['Host'] = host
                    # what was for the other one alone
                    _drop(headers, 'Authorization', 'Cookie')
                scheme = new_scheme
                location = '/' + rest
            path = _resolve(path, location)
            # RFC 9110, sections 15.4.2 to 15.4.4
            if res.status_code == 303 and method != 'HEAD' or \
                    res.status_code < 303 and method == 'POST':
                method = 'GET'
                body = b''
                _drop(headers, 'Content-Type', 'Content-Length',
                      'Transfer-Encoding')
            if not left:
                raise ValueError(
                    'more than %d redirects' % self.max_redirects)
            left -= 1
            history = history + [res]

    def _encode_request(self, method, scheme, path, headers):
        lines = ['%s %s HTTP/1.1' % (method, path)]
        headers = headers.copy()
        headers.setdefault('Host', self.host)
        cookies = [headers['Cookie']] if 'Cookie' in headers else []
        cookies += self._cookies_for(
            scheme, _bare_host(headers['Host']), path.partition('?')[0])
        if cookies:
            headers['Cookie'] = '; '.join(cookies)
        for name, value in _pairs(headers):
            # such as what b2a_base64() leaves
            lines.append('%s: %s' % (name, str(value).strip()))
        return encode_lines([line.encode() for line in lines])

    def _cookies_for(self, scheme, host, where):
        found = []
        for name in self.cookies:
            for value, scope in _scoped(self.cookies[name]):
                # RFC 6265, section 5.1.4
                if is_sent(value, scheme, host) and (
                        where == scope or
                        where.startswith(scope.rstrip('/') + '/')):
                    found.append((-len(scope), '%s=%s' % (name, value)))
        # section 5.4: those of longer paths come first
        found.sort(key=lambda pair: pair[0])
        return [cookie for _, cookie in found]

    def _set_cookie(self, line, scheme, host, where):
        # Keeps a cookie as a browser does, or not.
        name, value, options = _parse_cookie(line)
        value = kept_value(name, value, options, scheme, host)
        if value is None:
            return
        path = options.get('path', '')
        if path[:1] != '/':
            where = where.partition('?')[0]
            path = where[:where.rfind('/')] or '/'
        kept = [pair for pair in _scoped(self.cookies.get(name, []))
                if pair[1] != path or not is_same(pair[0], value)]
        if not _is_deleted(options):
            kept.append((value, path))
        if not kept:
            self.cookies.pop(name, None)
        elif len(kept) > 1:
            self.cookies[name] = kept
        else:
            self.cookies[name] = kept[0][0] if kept[0][1] == '/' else kept[0]


if sys.implementation.name == 'cpython':
    try:
        from . import _testing  # noqa: F401  (sets names of this module)
    except ImportError:
        pass  # left out

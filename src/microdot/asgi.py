"""An application for ASGI servers: uvicorn, hypercorn, granian, daphne.

It is the application that ``microdot`` has, and can be called by the server.
What an ASGI server leaves to applications is done here: reading a body under
the limits, noticing that the client has left, starting and stopping.
"""
import asyncio
import functools
import os  # noqa: F401 (tests of applications replace its kill())
from typing import Any

from . import microdot as core
from ._cpython import Cache
from ._cpython.tasks import count_cancels, take_back
from ._gateway import Microdot as _Microdot
from ._gateway import (
    Pieces,
    add_field,
    at_exit,
    parse_path,
    split_head,
)
from .answers import html, json_response
from .microdot import (
    AsyncBytesIO,
    Connection,
    Disconnected,
    HTTPException,
    Request,
    Response,
    URLPattern,
    abort,
    decode_text,
    encode_field,
    encode_lines,
    invoke_handler,
    iscoroutine,
    parse_framing,
    parse_host,
    parse_token,
    redirect,
    send_file,
    too_large,
)

try:
    from . import websocket
except ImportError:
    websocket = None  # left out
else:
    from ._websocket import (
        CLOSING,
        FAILED,
        FIRST_FREE,
        LEFT,
        LOST,
        NO_CODE,
        POLICY,
        TOO_BIG,
    )
    from .websocket import websocket_upgrade, with_websocket

__all__ = [
    'AsyncBytesIO', 'Microdot', 'Request', 'Response', 'URLPattern', 'abort',
    'html', 'iscoroutine', 'json_response', 'redirect', 'send_file']
if websocket:
    __all__ += ['WebSocket', 'websocket_upgrade', 'with_websocket']

# Bytes of a body sent at once without looking at the time.
_QUICK = 64 * 1024


# --- Wire -------------------------------------------------------------------

# Names of headers that have been seen, and are tokens. (No Cache: what looks
# up a plain dict is specialized)
_names: dict[bytes, str] = {}
_lower = Cache(bytes.lower)
_schemes = {'ws': 'http', 'wss': 'https'}
_title = Cache(
    lambda name: (name.title() + ':').encode()).__getitem__
# Heads of responses, by what they were made of: (status, pairs of bytes, it
# must not have a body).
_heads: dict[Any, Any] = {}
_SHORT = 512  # bytes of one that is kept


def _name(name):
    key = parse_token(name.decode())
    if len(name) <= Cache.max_length:
        if len(_names) >= Cache.max_entries:
            _names.clear()
        _names[name] = key
    return key


def _head_key(res):
    # None where it has values that cannot be compared.
    key: tuple[Any, ...] = (
        res.status_code, len(res.body), res.is_head, res.reason,
        res.default_content_type)
    if res.headers:
        key += (*res.headers.items(),
                *map(type, res.headers.values()))  # 1 equals True
        try:
            hash(key)
        except TypeError:
            return None  # some value is a list
    return key


def _known_head(exchange, res):
    # The head of a response of which there has been an equal one, or None:
    # that is so for most, which are short and plain.
    if type(res.body) is not bytes or exchange.expired or exchange.gone or \
            exchange.prefix != 'http.response' or \
            res is Response.already_handled:
        return None
    return _heads.get(_head_key(res))


def parse_fields(headers):
    """Return the headers of a scope as a dict by lower-case name, repeated
    ones joined.

    :raises ValueError: one is malformed, or ambiguous.
    """
    fields = {}
    try:
        for name, value in headers:
            fields[_names[name]] = value.decode()
        if len(fields) == len(headers):
            return fields
    except (KeyError, UnicodeDecodeError):
        pass
    fields = {}
    for name, value in headers:
        add_field(fields, _name(name), decode_text(value))
    return fields


class Lines:
    """The header lines of a scope, made each time that they are looked at."""
    __slots__ = ('headers',)

    def __init__(self, headers):
        self.headers = headers

    def __iter__(self):
        for name, value in self.headers:
            yield _title(_names.get(name) or _name(name)) + b' ' + value


# --- Transport --------------------------------------------------------------

class _Exchange(Connection):
    # One request and its response. As a stream it is the body, of which the
    # server has undone the chunked coding; called, it is the server's
    # receive().
    ended = False    # the server has given all of the body
    streaming = False
    cancels = 0      # times that the task was cancelled from here
    before = 0       # and times that it had been before that, by others
    done: bool = True  # the body has been read
    length = 0       # of it; -1: unknown

    def __init__(self, app, receive, send):
        # not the base class: the server does not hand its connections over
        self.app = app
        self._receive = receive
        self._send = send
        self.version = '1.1'
        self.prefix = 'http.response'
        self.websocket = None  # the WebSocket that it has become
        # (each request asks for these: attributes of a class take longer)
        self.task: Any = None
        self.watcher: Any = None
        self.gone = self.expired = False

    @property
    def server(self):
        return self.app.gateway

    def __call__(self):
        return self._receive()

    def wait(self, timeout):
        # Under the deadline that one sweep over all that wait looks at.
        server = self.server
        self.mind()
        self.app.connections.add(self)
        if not server.sweeping or server.sweeping.done():
            server.sweeping = asyncio.create_task(server.sweep())
        super().wait(timeout)

    def mind(self):
        """Note the task that runs: it is to be cancelled if need be. (With
        the time-out of a handler, that may not be the handler's.)"""
        task = asyncio.current_task()
        if task is not self.task:
            self.task = task
            self.before = count_cancels(task)

    def stop(self, now=False):
        self.cancels += self.task.cancel()

    def take_back(self):
        """Take back that the task that runs was cancelled from here.

        :return: whether it was, and whether it was by others too, such as the
                 server: for them it has to end as cancelled.
        """
        task = asyncio.current_task()
        if task is not self.task:
            return False, False  # it has waited for nothing
        # (a WebSocket does that for itself)
        count = self.cancels + bool(self.websocket and self.websocket.gone)
        self.cancels = 0
        return count > 0, take_back(task, count) > self.before

    async def fill(self):
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            if not self.expired or self.take_back() != (True, False):
                raise
            raise Disconnected
        if message is None or message['type'] != 'http.request':
            self.gone = True
            return False
        data = message.get('body') or b''
        self.ended = not message.get('more_body', False)
        if self.length < 0:
            self.limit -= len(data)
        self.data = self.data[self.pos:] + data
        self.pos = 0
        return True

    async def read(self, n=-1):
        if n < 0:
            return await super().read(n)
        if self.done:
            return b''
        if self.limit < 0:
            raise too_large(self.request)
        while n and self.pos >= len(self.data) and not self.ended:
            await self.more()
            if self.limit < 0:
                raise too_large(self.request)
        data = self.data[self.pos:self.pos + n]
        self.pos += len(data)
        self.left -= len(data)
        self.done = not self.left or \
            self.ended and self.pos >= len(self.data)
        return data

    async def has_left(self):
        """Tell whether the client has left, without waiting for that."""
        if self.done and not self.watcher:
            self.watcher = asyncio.create_task(self._watch())
        # a step for the task to begin, and one for what it has asked for
        for _ in range(2):
            if not self.gone:
                await asyncio.sleep(0)
        return self.gone

    def watch(self):
        self.mind()
        self.streaming = True
        if not self.watcher:
            self.watcher = asyncio.create_task(self._watch())

    async def _watch(self):
        # After the end of the body nothing but the client's leave is to
        # come. A server that says otherwise is not asked forever.
        for _ in range(8):
            if not await self.fill():
                if self.streaming:
                    self.stop()
                break
            self.data = b''

    async def send(self, message):
        """Give the server a message, which it may take its time for."""
        self.owed -= len(message.get('body') or b'')
        self.wait(self.app.stall_timeout)
        try:
            await self._send(message)
        except OSError:
            raise Disconnected
        self.deadline = 0

    def is_websocket(self, scope):
        """Take it that a WebSocket is asked for: not every server can send a
        response to that, and where it cannot the prefix is empty."""
        self.mind()
        prefix = 'websocket.http.response'
        self.prefix = prefix if prefix in (
            scope.get('extensions') or ()) else ''

    def begin_body(self, kind, version, fields):
        """Return the stream of the body, or ``None`` if there is no body.

        :raises ValueError: its length is malformed.
        """
        length = 0
        if 'content-length' in fields or 'transfer-encoding' in fields:
            length = parse_framing(version, fields)[0]
        elif version[0] != '1' and kind == 'http':
            length = -1  # a body need not be announced
        self.version = version
        if not length:
            return None
        self.length = self.left = length
        self.limit = Request.max_content_length
        self.done = False
        return self

    async def finish(self):
        if self.watcher:
            self.watcher.cancel()
        self.app.connections.discard(self)
        if self.websocket and not self.websocket.closed:
            # its handler has failed
            await self.websocket.end(FAILED)

    async def send_whole(self, head, body):
        """Send a response whose body is in memory."""
        if not self.prefix:
            return await self.refuse()
        # (HTTP/2 lets clients refuse to take even one byte)
        send = self._send if len(body) <= _QUICK and self.version < '2' \
            else self.send
        status, pairs, bare = head
        try:
            await send({'type': self.prefix + '.start', 'status': status,
                        'headers': pairs.copy()})
            await send({'type': self.prefix + '.body',
                        'body': b'' if bare else body})
        except OSError:
            raise Disconnected

    async def refuse(self):
        """Refuse a WebSocket, of a server that cannot send a response."""
        await self.send({'type': 'websocket.close', 'code': POLICY})

    async def send_pieces(self, res, head, pieces, left):
        """Send a response whose body comes in pieces.

        :param left: bytes of the body, or ``None``.
        """
        more = self.prefix + '.body'
        try:
            if self.gone:
                raise Disconnected
            if not self.prefix:
                return await self.refuse()
            await self.send({'type': self.prefix + '.start',
                             'status': head[0], 'headers': head[1].copy()})
            if self.done:
                self.watch()
            measure = Pieces(res, left)
            async for piece in pieces:
                piece = measure.take(piece)
                if piece:
                    await self.send({'type': more, 'body': piece,
                                     'more_body': True})
            measure.end()
            await self.send({'type': more, 'body': b''})
        finally:
            await core.close_body(pieces)


if websocket:
    class WebSocket(websocket.WebSocket):
        """A :class:`microdot.websocket.WebSocket` whose frames are the
        server's."""
        ping_interval = None  # is the server's
        _counts = False       # the server counts its connections
        _done = False         # nothing more is to be received
        _pulling = False      # the server has been asked for a message

        def _check_request(self):
            if self.request.asgi_scope['type'] != 'websocket':
                super()._check_request()
                # it asks for a WebSocket, and the server does not know how
                abort(501)

        async def _accept(self, headers, compress):
            # (the server compresses or does not)
            lines: list[Any] = []
            for name, value in headers:
                parse_token(name)
                encode_field(lines, name.lower(), value)
            head = encode_lines(lines)[:-4] if lines else b''
            exchange, send = self.request.sock
            await send({
                'type': 'websocket.accept', 'subprotocol': self.protocol,
                'headers': [tuple(line.split(b': ', 1))
                            for line in head.split(b'\r\n') if line]})
            exchange.websocket = self
            exchange.taken = True

        async def _pull(self):
            if self._done:
                raise Disconnected
            self._pulling = True
            try:
                message = await self.request.sock[0]()
            finally:
                self._pulling = False
            if message is None or message['type'] != 'websocket.receive':
                self._done = True
                return self._take_end(message or {})
            data = message.get('text')
            if data is None:
                data = message.get('bytes') or b''
            if 0 < self._limit() < len(
                    data.encode() if isinstance(data, str) else data):
                raise websocket.WebSocketError('message too big', TOO_BIG)
            self._deliver(data)
            await asyncio.sleep(0)

        def _take_end(self, message):
            code = message.get('code') or NO_CODE
            if code == LOST:
                raise Disconnected
            # (the server answers the Close frame)
            self._move(LEFT, code, message.get('reason') or '')

        async def _push(self, opcode, payload):
            if opcode == self.TEXT:
                message = {'type': 'websocket.send', 'text': payload.decode()}
            elif opcode == self.BINARY:
                message = {'type': 'websocket.send', 'bytes': payload}
            else:
                return  # pings are the server's
            try:
                await asyncio.wait_for(self.request.sock[1](message),
                                       self.request.app.stall_timeout)
            except asyncio.TimeoutError:
                # the client does not read, so neither a Close frame
                self._move(CLOSING, LOST)
                self._end_reader(LOST)
                raise Disconnected

        async def _push_close(self, code, reason=''):
            # Not every server closes while it is asked for messages.
            self._done = True
            if self._pulling:
                self._end_reader(LOST)
                await self._say_goodbye(False)
            message = {'type': 'websocket.close', 'code': code,
                       'reason': reason}
            try:
                await self.request.sock[1](message)
            except OSError:
                raise
            except Exception:
                if 1000 < code < FIRST_FREE:
                    # nor does every server know these codes (daphne)
                    message['code'] = FIRST_FREE + code
                    await self.request.sock[1](message)
                else:
                    raise


# --- Application ------------------------------------------------------------

class Microdot(_Microdot):
    """An application that an ASGI server can call.

    :param lifespan_startup: a coroutine function, called with the scope of
                             the server's ``lifespan`` before it serves.
    :param lifespan_shutdown: likewise, after it has served.
    """
    _at_exit = False  # something is to be done when the process ends

    def __init__(self, lifespan_startup=None, lifespan_shutdown=None):
        super().__init__()
        self.lifespan_startup = lifespan_startup
        self.lifespan_shutdown = lifespan_shutdown

    async def __call__(self, scope, receive, send):
        await self.asgi_app(scope, receive, send)

    async def asgi_app(self, scope, receive, send):
        """Do what a server asks for.

        :raises ValueError: it is of a type that is not known here.
        """
        if (scope['type'] != 'http' or not self._started) and \
                not await self._is_opened(scope, receive, send):
            return
        exchange = _Exchange(self, receive, send)
        req = None
        res = Response.already_handled
        try:
            try:
                req, error = self._open(scope, exchange)
                self.counters['requests'] += 1
                res = await self.dispatch_request(req, error)
                head = _known_head(exchange, res) \
                    if req and not error else None
                if head:
                    await exchange.send_whole(head, res.body)
                elif res is not Response.already_handled and \
                        not exchange.websocket:
                    await self._respond_to(exchange, req, res, error)
            finally:
                # Each has the other: nothing would be freed until the
                # garbage collector runs.
                exchange.request = None
                try:
                    if exchange.task or exchange.watcher:
                        await exchange.finish()
                finally:
                    if req:
                        self._forget(req, res)
        except Disconnected:
            pass
        except asyncio.CancelledError:
            # ours: the client has left, or does not read
            if exchange.take_back() != (True, False):
                raise
            return
        if exchange.task and exchange.take_back()[1]:
            # what was closed meanwhile has kept that to itself
            raise asyncio.CancelledError

    def _forget(self, req, res):
        # After the response.
        self.body_bytes -= req.held
        if res.jobs or req.jobs:
            self.answered(req, res)

    async def _is_opened(self, scope, receive, send):
        # Sees to what is no HTTP request, and to a server that has not told
        # when it started; tells whether there is a request to be answered.
        kind = scope['type']
        if kind == 'lifespan':
            await self.handle_lifespan(scope, receive, send)
            return False
        if kind == 'websocket':
            message = await receive()
            if message is None or message['type'] != 'websocket.connect':
                return False
        elif kind != 'http':
            raise ValueError('unknown type of scope: %s' % kind)
        if not self._started:
            await self._start_late()
        return True

    async def _respond_to(self, exchange, req, res, error):
        # Send a response that is not as short and plain as most are.
        head, body, pieces, left = await self._prepare(
            exchange, req, res, not (error or exchange.expired))
        if pieces:
            await self._send_pieces(exchange, req, res, head, pieces, left)
        elif exchange.gone:
            raise Disconnected
        else:
            await exchange.send_whole(head, body)

    async def _send_pieces(self, exchange, req, res, head, pieces, left):
        # Send a response whose body comes in pieces. What that raises is
        # logged here: servers do not know what it belongs to.
        try:
            await exchange.send_pieces(res, head, pieces, left)
        except core.LEAVING:
            raise
        except BaseException as exc:
            # (sys.exit() must not end the server)
            self.log_exception(req, exc)
            if not isinstance(exc, Exception):
                raise RuntimeError('the body has ended with %r' % exc) from exc
            raise

    async def _prepare(self, exchange, req, res, may_stream):
        # Makes the head of a response, and keeps one that is short and plain.
        # Returns head, body, pieces and the length of these.
        key = _head_key(res) if req and may_stream and \
            type(res.body) is bytes else None
        body, pieces, head, left, _, chunked = await self.gateway.prepare(
            req, res, '1.1', may_stream)
        line, pairs, close = split_head(res, head)
        status = int(line[9:12])
        pairs = [(_lower[name], value) for name, value in pairs]
        if close and exchange.version[0] == '1':
            pairs.append((b'connection', b'close'))
            key = None
        bare = chunked is None  # it must not have a body
        if bare:
            if pieces:
                await core.close_body(pieces)
            body, pieces = b'', None
        found = status, pairs, bare
        if key and status == key[0] and len(head) < _SHORT:
            if len(_heads) >= Cache.max_entries:
                _heads.clear()
            _heads[key] = found
        return found, body, pieces, left

    def _open(self, scope, exchange):
        # Make a request of a scope. Returns the request and None, or None and
        # what it is refused with.
        kind = scope['type']
        if kind != 'http':
            exchange.is_websocket(scope)
        try:
            req = exchange.request = self._parse(scope, exchange)
        except HTTPException as exc:
            return None, exc
        except ValueError as exc:
            return None, self.refuse(exc)
        req.asgi_scope = scope
        if kind != 'http' or 'upgrade' in req.fields:
            self._prepare_upgrade(req, scope)
        state = scope.get('state')
        if state:
            for name in state:
                setattr(req.g, name, state[name])
        return req, None

    def _parse(self, scope, exchange):
        get = scope.get
        headers = get('headers') or ()
        fields = parse_fields(headers)
        if 'host' in fields:
            parse_host(fields['host'])
        version = get('http_version', '1.1')
        stream = None
        if version != '1.1' or 'content-length' in fields or \
                'transfer-encoding' in fields:
            stream = exchange.begin_body(scope['type'], version, fields)
        path = scope['path']
        raw = get('raw_path')
        if raw != path.encode():
            path = parse_path(path, raw and decode_text(raw))
        query = get('query_string')
        if query:
            query = decode_text(query)
        client = get('client')
        root = get('root_path')
        if root:
            return self.make_request(
                client and tuple(client), get('method', 'GET'), path, root,
                query, 'HTTP/' + version, (fields, Lines(headers)), stream,
                (exchange, exchange._send), get('scheme'))
        return Request(
            self, client and tuple(client), get('method', 'GET'),
            path + '?' + query if query else path,
            'HTTP/1.1' if version == '1.1' else 'HTTP/' + version,
            (fields, Lines(headers)), None, stream,
            (exchange, exchange._send), '', None, get('scheme'), None)

    def _prepare_upgrade(self, req, scope):
        if websocket:
            req.websocket_class = WebSocket
        req.scheme = _schemes.get(req.scheme, req.scheme)
        if scope.get('subprotocols'):
            # not every server leaves the header there
            req.fields.setdefault('sec-websocket-protocol',
                                  ', '.join(scope['subprotocols']))
            req.header_lines = map(_title, req.fields)  # has one more

    async def _start_late(self):
        if not self._at_exit:
            self._at_exit = True
            at_exit(functools.partial(
                self._stop_late, asyncio.get_running_loop()))
        await super()._start_late()

    def _stop_late(self, loop):
        # Nor does such a server tell when it stops. But its loop may still be
        # there when the process ends (daphne).
        if self._running and not (loop.is_closed() or loop.is_running()):
            loop.run_until_complete(self._stop())

    async def handle_lifespan(self, scope, receive, send):
        """Start the application when the server does, and stop it likewise."""
        while True:
            message = await receive()
            kind = message['type']
            errors = []
            if kind == 'lifespan.startup':
                try:
                    if self.lifespan_startup:
                        await invoke_handler(self.lifespan_startup, scope)
                    await self._start()
                except Exception as exc:
                    self.log_exception(None, exc)
                    errors.append(exc)
            elif kind == 'lifespan.shutdown':
                if self.lifespan_shutdown:
                    try:
                        await invoke_handler(self.lifespan_shutdown, scope)
                    except Exception as exc:
                        self.log_exception(None, exc)
                        errors.append(exc)
                errors += await self._stop()
            if errors:
                await send({'type': kind + '.failed',
                            'message': repr(errors[0])})
            else:
                await send({'type': kind + '.complete'})
            if kind == 'lifespan.shutdown':
                break

"""WebSocket: messages in both directions over one connection (RFC 6455).

First the wire: :class:`FrameParser` and a few functions turn bytes into
messages and back. Then :class:`WebSocket`, which moves them. A task of its own
reads, from the handshake on: so pings are answered and a client that leaves is
noticed while the handler is busy with something else.
"""
import asyncio
import hashlib
from binascii import a2b_base64, b2a_base64

from .microdot import (
    Disconnected,
    HTTPException,
    Request,
    Response,
    abort,
    dump_json,
    encode_field,
    encode_lines,
    load_json,
    parse_list,
    parse_token,
    to_bytes,
)

try:
    from micropython import const
except ImportError:
    const = int
try:
    from codecs import getincrementaldecoder
    from functools import wraps
except ImportError:
    getincrementaldecoder = None  # boards

# Bytes read at once.
_PIECE = 65536 if getincrementaldecoder else 512
# Seconds that a handler has to notice by itself that its client has left, and
# a client to take in that it was closed.
_GRACE = 0.4
# What a socket, or a server in its place, raises when the client is lost.
_OF_ITS_SOCKET = (OSError, EOFError, HTTPException, asyncio.TimeoutError)

# States of a WebSocket, see there.
_NEW = const(0)
_OPEN = const(1)
_CUT = const(2)
_CLOSING = const(3)
_LEFT = const(4)
_ENDED = const(5)

# Codes of Close frames (RFC 6455, section 7.4.1).
_NORMAL = const(1000)
_GOING_AWAY = const(1001)
_BROKEN_RULE = const(1002)
_NO_TEXT = const(1003)
_NO_CODE = const(1005)   # none was sent
_LOST = const(1006)      # not even a frame
_BAD_DATA = const(1007)
_TOO_BIG = const(1009)
_FAILED = const(1011)


class WebSocketError(Exception):
    """The WebSocket is closed.

    :param code: why: the code of the Close frame that the client or this end
                 has sent (RFC 6455, section 7.4), 1005 if that had none, 1006
                 if the connection was lost without.
    :param reason: the text that came with it.
    """
    def __init__(self, message='', code=_LOST, reason=''):
        super().__init__(message)
        self.code = code
        self.reason = reason


class WebSocketClose(HTTPException):
    """Closes the WebSocket when a handler raises it. Where there is none yet,
    the request is answered with 403.

    :param code: 1000 to 1014 or 3000 to 4999 (RFC 6455, section 7.4).
    :param reason: a text of up to 123 bytes.
    :raises ValueError: the code or reason cannot be sent.
    """
    def __init__(self, code=_NORMAL, reason=''):
        _check_close(code, reason)
        super().__init__(403, reason)
        self.code = code
        self.close_reason = reason


# --- Wire -------------------------------------------------------------------

class Utf8:
    """Checks UTF-8 that comes in pieces (Unicode 15, table 3-7). Boards take
    more when they decode: overlong forms, surrogates, numbers too large."""
    need = 0     # bytes to come of this character
    low = 0x80   # what the next of them may be
    high = 0xbf

    def decode(self, data, final=False):
        """Check a piece.

        :raises ValueError: it is not UTF-8, or *final* and incomplete.
        """
        need = self.need
        if need or data and max(data) > 0x7f:
            low = self.low
            high = self.high
            for byte in data:
                if need:
                    if not low <= byte <= high:
                        raise ValueError
                    need -= 1
                    low = 0x80
                    high = 0xbf
                elif byte > 0x7f:
                    if not 0xc2 <= byte <= 0xf4:
                        raise ValueError
                    need = 1 if byte < 0xe0 else 2 if byte < 0xf0 else 3
                    if byte == 0xe0:
                        low = 0xa0
                    elif byte == 0xed:
                        high = 0x9f
                    elif byte == 0xf0:
                        low = 0x90
                    elif byte == 0xf4:
                        high = 0x8f
            self.need = need
            self.low = low
            self.high = high
        if need and final:
            raise ValueError


def unmask(data, mask):
    """Apply a mask to the payload of a frame (RFC 6455, section 5.3).

    :param data: a slice, which is changed in place where it can be.
    :param mask: four bytes.
    """
    data = bytearray(data)
    for i in range(len(data)):
        data[i] ^= mask[i & 3]
    return data


if getincrementaldecoder:
    _checker = getincrementaldecoder('utf-8')

    def unmask(data, mask):  # noqa: F811
        # Seventy times as fast. On a 32-bit board it is slower than the loop
        # and takes six times the memory.
        size = len(data)
        mask = (mask * (size // 4 + 1))[:size]
        return (int.from_bytes(data, 'little') ^
                int.from_bytes(mask, 'little')).to_bytes(size, 'little')
else:
    _checker = Utf8


def _mend(data):
    # Boards: what json.loads() makes of \ud800 would be sent as it is, and no
    # browser takes that. Puts U+FFFD in its place.
    result = None
    pos = data.find(b'\xed')
    while pos >= 0:
        if data[pos + 1:pos + 2] > b'\x9f':
            result = result or bytearray(data)
            result[pos:pos + 3] = b'\xef\xbf\xbd'
        pos = data.find(b'\xed', pos + 1)
    return bytes(result) if result else data


def is_close_code(code):
    """Tell whether a Close frame may have a code (RFC 6455, section 7.4)."""
    return 1000 <= code < 1004 or 1006 < code < 1015 or 2999 < code < 5000


def _check_close(code, reason):
    if not is_close_code(code) or len(reason.encode()) > 123:
        raise ValueError('close code or reason')


def parse_close(payload):
    """Parse the payload of a Close frame.

    :return: ``(code, reason)``; *code* is 1005 when there is none.
    :raises WebSocketError: it is malformed.
    """
    if not payload:
        return _NO_CODE, ''
    code = int.from_bytes(payload[:2], 'big')
    if not is_close_code(code):
        raise WebSocketError('code', _BROKEN_RULE)
    reason = payload[2:]
    try:
        _checker().decode(reason, True)
        return code, reason.decode()
    except ValueError:
        raise WebSocketError('not UTF-8', _BAD_DATA)


class FrameParser:
    """Makes messages of what a client sends, without any I/O.

    What is received goes in by :meth:`feed`, and messages and control frames
    come out of :meth:`next_event`. What is stored is the message under way,
    up to the limit, and less than one frame head or control frame.

    :param max_length: bytes that a message may have; 0: any number.
    """
    _data = b''       # not parsed yet
    _pos = 0          # how much of that is used
    _left = -1        # bytes to come of a frame's payload; -1: of its head
    _opcode = 0       # of this frame
    _fin = False      # it is the last of its message
    _mask = b''
    _kind = 0         # opcode of the message under way; 0: none
    _message = b''    # what is here of it
    _utf8 = None      # checks it, if it is text
    _failed = False

    def __init__(self, max_length=0):
        self.max_length = max_length

    def feed(self, data):
        """Take bytes from the peer."""
        if self._failed:
            return
        if self._pos < len(self._data):
            data = self._data[self._pos:] + data
        self._data = data
        self._pos = 0

    def next_event(self):
        """Return what comes next, as ``(opcode, payload)``, or ``None``: need
        more. The payload is in bytes; that of a text is valid UTF-8.

        :raises WebSocketError: the peer has broken a rule: its ``code`` is
                                the one to close with. Nothing comes after it.
        """
        try:
            event = None if self._failed else self._next_event()
        except WebSocketError:
            self._failed = True
            self._data = self._message = b''
            raise
        if event is None and self._pos == len(self._data):
            self._data = b''  # or else it would be kept until more comes
            self._pos = 0
        return event

    def _next_event(self):
        while True:
            if self._left < 0 and not self._parse_head():
                return None
            pos = self._pos
            size = len(self._data) - pos
            if size >= self._left:
                size = self._left
            elif self._opcode > 7:
                return None
            data = self._data[pos:pos + size]
            self._pos = pos + size
            self._left -= size
            data = unmask(data, self._mask)
            if self._opcode > 7:
                self._left = -1
                return self._opcode, bytes(data)
            done = not self._left
            self._add(data, done and self._fin)
            if not done:
                # the next piece begins elsewhere in the mask
                size &= 3
                self._mask = self._mask[size:] + self._mask[:size]
                return None
            self._left = -1
            if self._fin:
                data = self._message
                self._message = b''
                kind = self._kind
                self._kind = 0
                return kind, data if isinstance(data, bytes) else bytes(data)

    def _parse_head(self):
        # Parses the head of a frame; false if it is not all here. What is
        # wrong with it is found as soon as the bytes that say so have come.
        data = self._data
        pos = self._pos
        have = len(data) - pos
        if have < 2:
            return False
        first = data[pos]
        length = data[pos + 1] & 127
        fault = self._fault(first, data[pos + 1])
        end = 2
        if length > 125 and not fault:
            end = 4 if length == 126 else 10
            if have < end:
                return False
            length = int.from_bytes(data[pos + 2:pos + end], 'big')
            # the shortest form, and no sign
            if length <= (125 if end == 4 else 65535) or length >> 63:
                fault = 'length'
        if fault:
            raise WebSocketError(fault, _BROKEN_RULE)
        opcode = first & 15
        if opcode < 8:
            self._check_length(length)
        if have < end + 4:
            return False
        self._mask = bytes(data[pos + end:pos + end + 4])
        self._pos = pos + end + 4
        self._left = length
        self._opcode = opcode
        self._fin = first > 127
        if 0 < opcode < 3:
            self._kind = opcode
            self._utf8 = _checker() if opcode == 1 else None
        return True

    def _fault(self, first, second):
        # The rule of RFC 6455, section 5.2, that the first bytes of a frame
        # break, or None.
        opcode = first & 15
        if first & 0x70:
            return 'reserved'
        if 2 < opcode < 8 or opcode > 10:
            return 'opcode'
        if second < 128:
            return 'mask'
        if opcode > 7:
            # control frames are whole and short
            if first < 128:
                return 'fragment'
            if second > 253:
                return 'length'
        elif (opcode > 0) == (self._kind > 0):
            # fragments, and they alone, follow the first of their message
            return 'fragment'

    def _check_length(self, length):
        if self.max_length and \
                len(self._message) + length > self.max_length:
            raise WebSocketError('message too big', _TOO_BIG)

    def _add(self, data, last):
        # Adds to the message under way.
        if self._utf8:
            try:
                self._utf8.decode(data, last)
            except ValueError:
                raise WebSocketError('not UTF-8', _BAD_DATA)
        if not self._message:
            self._message = data
        elif data:
            if isinstance(self._message, bytes):
                self._message = bytearray(self._message)
            self._message.extend(data)


# --- Transport --------------------------------------------------------------

class _Messages:
    # Iterates over what receive() gives, until the WebSocket is closed.
    def __init__(self, receive):
        self.receive = receive

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return await self.receive()
        except WebSocketError:
            raise StopAsyncIteration


class WebSocket(_Messages):
    """A WebSocket.

    Attributes: ``request``; ``protocol`` (the sub-protocol that was agreed on,
    or ``None``); ``closed`` (nothing can be sent or received any more);
    ``close_code`` and ``close_reason`` (as in :class:`WebSocketError`, once it
    is closed). It is an asynchronous iterator of the messages that come, which
    ends when it is closed.

    Several tasks may use it at a time: messages are sent one after the other,
    and each is received by one of them.
    """
    # Its states follow one another; some are passed over:
    #
    #   NEW --handshake()--> OPEN --a frame cannot be sent--> CUT
    #                         |                                |
    #                         +-- a Close frame is sent <------+
    #                         |             |                  |
    #                         |             v                  |
    #                         |          CLOSING               |
    #                         v             v                  v
    #                       LEFT: the client's Close frame has come
    #                                       |
    #                                       v
    #                       ENDED: nothing more will be read
    #
    # OPEN alone is open for handlers. What has come before it was closed can
    # be received in all states. A connection that is lost ends at once.

    CONT = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10

    #: Bytes that a message from the client may have: more closes with 1009.
    #: -1: as many as ``Request.max_body_length``; 0: any number.
    max_message_length = -1
    #: Bytes of messages that wait for :meth:`receive`, each counted as 64
    #: more than it has: while there are more, nothing is read.
    max_queue = 64 * 1024 if getincrementaldecoder else 1024
    #: Seconds between two pings: a client from which nothing is heard from
    #: one to the next is gone. ``None``: no pings.
    ping_interval = 20
    #: Seconds that the client has to answer a Close frame.
    close_timeout = 5

    closed = False
    close_code = protocol = None
    close_reason = ''
    gone = False      # the handler was or will be told by being cancelled
    _state = _NEW
    _counts = True    # as one of the long-lived connections
    _reader = None    # the task that reads
    _pinger = None    # the task that sends pings
    _task = None      # the handler's, until that knows that it is closed
    _on_wait = None   # called when receive() waits, and when it need not
    _broken = False   # part of a frame has been written
    _heard = False    # since the last ping
    _why = 0          # the code with which the reader is to end
    _queued = 0
    _room = None

    def __init__(self, request):
        self.request = request
        self._messages = []
        self._lock = asyncio.Lock()
        self._event = asyncio.Event()

    # Handshake

    async def handshake(self, protocols=(), origins=None, headers=None,
                        compress=False):
        """Accept the connection. The arguments are those of
        :func:`websocket_upgrade`.

        :raises HTTPException: 400, 403, 426 or 503: there is no WebSocket.
        """
        request = self.request
        conn = self._conn = request.sock and request.sock[0]
        if self._state or getattr(conn, 'taken', False):
            raise RuntimeError('it is a WebSocket already')
        self._check_request()
        self._check_origin(origins)
        offered = parse_list(request.fields.get('sec-websocket-protocol', ''))
        for name in (protocols,) if isinstance(protocols, str) \
                else protocols or ():
            if name in offered:
                self.protocol = name
                break
        # A WebSocket counts as a stream does.
        if self._counts:
            request.app.check_streams()
            request.app.streams += 1
        self._state = _OPEN
        try:
            await self._accept(list((headers or {}).items()), compress)
            self._start(conn)
        except BaseException:
            self._finish()
            raise
        opened = getattr(request, 'upgraded', None)
        if opened:
            opened(request, self)  # a log wants to know
        # what is cancelled before it has begun would not clean up
        await asyncio.sleep(0)

    def _check_request(self):
        # RFC 6455, section 4.2.1
        request = self.request
        # request.headers would be built, and kept for as long as this
        get = request.fields.get
        key = get('sec-websocket-key', '')
        try:
            # (1.29 takes bytes alone)
            size = len(key) == 24 and len(a2b_base64(key.encode()))
        except ValueError:
            size = 0
        asked = 'sec-websocket-version'
        version = get(asked)
        connection = parse_list(get('connection', '').lower())
        upgrade = parse_list(get('upgrade', '').lower())
        for fault, good in (
                ('method', request.method == 'GET'),
                ('HTTP/1.0', request.http_version != '1.0'),
                ('Connection', 'upgrade' in connection),
                ('Upgrade', 'websocket' in upgrade),
                ('key', size == 16),
                ('version', version is not None),
                ('body', not (request.content_length or
                              getattr(self._conn, 'length', 0)))):
            if not good:
                abort(400, 'no WebSocket: ' + fault)
        if version != '13':
            abort(426, None, {asked: '13', 'upgrade': 'websocket'})

    def _check_origin(self, origins):
        request = self.request
        origin = request.fields.get('origin')
        if origins is None or origin is None:
            return
        if isinstance(origins, str):
            origins = (origins,)
        if '*' not in origins and origin not in origins:
            # (boards: an import for those alone who need it)
            from .origins import is_own_origin
            if 'self' not in origins or not is_own_origin(request, origin):
                abort(403)

    async def _accept(self, headers, compress):
        key = self.request.fields['sec-websocket-key'] + \
            '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
        lines = [b'Sec-WebSocket-Accept: ' + b2a_base64(
            hashlib.sha1(key.encode()).digest())[:-1]]
        if self.protocol:
            headers.append(('Sec-WebSocket-Protocol', self.protocol))
        for name, value in headers:
            parse_token(name)
            encode_field(lines, name, value)
        self._parser = FrameParser()
        await self.request.sock[1].awrite(
            b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
            b'Connection: Upgrade\r\n' + encode_lines(lines))

    def _start(self, conn):
        self._task = getattr(conn, 'task', None) or asyncio.current_task()
        self._on_wait = getattr(conn, 'on_wait', None)
        self._reader = asyncio.create_task(self._read())
        if hasattr(conn, 'task'):
            # the server cancels the reader before it closes the socket, and
            # calls the other when it shuts down
            conn.watcher = self._reader
            conn.leave = self._end_reader
        if self.ping_interval:
            self._pinger = asyncio.create_task(self._ping())

    # States

    def _move(self, state, code, reason=''):
        # It is closed from now on, for the first reason that was given. Tells
        # whether there has been no Close frame yet.
        silent = self._state < _CLOSING
        self._state = max(self._state, state)
        self.closed = True
        if self.close_code is None:
            self.close_code = code
            self.close_reason = reason
        self._event.set()
        if self._room:
            self._room.set()
        return silent

    def _end(self):
        if self._counts and _NEW < self._state < _ENDED:
            app = self.request.app
            app.streams = max(app.streams - 1, 0)
        self._move(_ENDED, _LOST)
        if self._pinger:
            self._pinger.cancel()

    def _finish(self):
        # Nothing runs on after this.
        self._task = None
        self._end()
        if self._reader:
            self._reader.cancel()

    # What moves bytes. ASGI has its own instead, up to _push_close().

    async def _pull(self):
        # Waits for something to come and sees to it.
        event = self._parser.next_event()
        if event is None:
            self._parser.max_length = self._limit()
            data = await self._conn.read(_PIECE)
            if not data:
                raise Disconnected
            self._heard = True
            self._parser.feed(data)
            return
        opcode, payload = event
        if opcode == self.CLOSE:
            if self._move(_LEFT, *parse_close(payload)):
                await self._push_close(self.close_code)
        elif opcode == self.PING:
            if self._state < _CLOSING:
                await self._push(self.PONG, payload)
        elif opcode != self.PONG:
            self._deliver(payload.decode() if opcode == self.TEXT
                          else payload)
            # what it is answered with goes before what may come next
            await asyncio.sleep(0)

    async def _push(self, opcode, payload):
        async with self._lock:
            # After half a frame nothing else can be sent.
            if self._broken:
                raise Disconnected
            self._broken = True
            await self.request.sock[1].awrite(
                self.encode_frame(opcode, payload))
            self._broken = False

    async def _push_close(self, code, reason=''):
        await self._push(
            self.CLOSE, b'' if code == _NO_CODE else
            code.to_bytes(2, 'big') + reason.encode())

    @staticmethod
    def encode_frame(opcode, payload):
        size = len(payload)
        if size < 126:
            return bytes((0x80 | opcode, size)) + payload
        large = size > 65535
        return bytes((0x80 | opcode, 126 + large)) + \
            size.to_bytes(8 if large else 2, 'big') + payload

    # The reader

    def _limit(self):
        limit = self.max_message_length
        return Request.max_body_length if limit == -1 else limit or 0

    def _deliver(self, message):
        # Takes a message from the peer.
        if not self.closed:
            self._messages.append(message)
            self._queued += len(message) + 64
            self._event.set()
            if self._on_wait:
                self._on_wait(False)

    async def _follow(self):
        # Reads until there is nothing more to be read, and returns the code
        # and reason to close with.
        try:
            while self._state < _LEFT:
                await self._pull()
                while self._queued >= self.max_queue and not self.closed:
                    self._room = asyncio.Event()
                    await self._room.wait()
                self._room = None
        except WebSocketError as exc:
            return exc.code, exc.args[0]
        except MemoryError:
            self._parser = FrameParser()
            return _TOO_BIG, 'message too big'
        except asyncio.CancelledError:
            if not self._why:
                raise
            return self._why, ''
        except Exception as exc:
            if not isinstance(exc, _OF_ITS_SOCKET):
                self.request.app.log_exception(self.request, exc)
                return _FAILED, ''
        return _LOST, ''

    async def _read(self):
        # The task that reads, until the peer has left, and then tells the
        # handler.
        try:
            code, reason = await self._follow()
            if code != _LOST and self._move(_CLOSING, code, reason):
                # Reads on for a moment, or else the peer would get a reset in
                # place of the Close frame.
                await asyncio.wait_for(
                    self._close_and_drain(code, reason), _GRACE)
        except _OF_ITS_SOCKET:
            pass
        except asyncio.CancelledError:
            if not self._why:
                raise
        finally:
            self._end()
        while self._task:
            # The handler may be about to find out, by receiving or sending.
            left = len(self._messages)
            await asyncio.sleep(_GRACE)
            if self._task and left == len(self._messages):
                self.gone = True
                if hasattr(self._conn, 'gone'):
                    self._conn.gone = True
                self._task.cancel()
                self._task = None

    async def _close_and_drain(self, code, reason):
        # Boards: no Disconnected may get out of a task that wait_for() makes.
        try:
            await self._push_close(code, reason)
            if code != _GOING_AWAY and hasattr(self._conn, 'end'):
                self._conn.end()  # what comes from now on is not understood
            # (after a mistake of our own it would be made again)
            while self._state < _LEFT and code != _FAILED:
                await self._pull()
        except WebSocketError:
            pass
        except _OF_ITS_SOCKET:
            pass

    def _end_reader(self, code=_GOING_AWAY):
        # Makes the reader end, from another task. Called without a code when
        # the server shuts down.
        if self._state < _ENDED and not self._why:
            self._why = code
            self._reader.cancel()

    async def _ping(self):
        await asyncio.sleep(self.ping_interval)
        try:
            self._heard = True
            # (while nothing is read nothing can be heard)
            while self._heard or self._room:
                self._heard = False
                await self._push(self.PING, b'')
                await asyncio.sleep(self.ping_interval)
        except OSError:
            pass
        self._pinger = None
        self._end_reader(_LOST)

    # For handlers

    def _error(self):
        if self._task is asyncio.current_task():
            self._task = None
        code = self.close_code or _LOST
        return WebSocketError('closed: %d' % code, code, self.close_reason)

    async def receive(self):
        """Return the next message: ``str`` or ``bytes``.

        :raises WebSocketError: it is closed, and all has been received that
                                came before that.
        """
        while not self._messages:
            if self._state != _OPEN:
                raise self._error()
            self._event.clear()
            if self._on_wait:
                self._on_wait(True)
            await self._event.wait()
        message = self._messages.pop(0)
        self._queued -= len(message) + 64
        if self._room:
            self._room.set()
        return message

    async def _receive_text(self):
        message = await self.receive()
        if isinstance(message, str):
            return message
        await self.close(_NO_TEXT, 'not text')
        raise self._error()

    async def receive_json(self):
        """Return the next message, parsed as JSON. What is none closes with
        1007.

        :raises WebSocketError: it is closed.
        """
        message = await self.receive()
        try:
            if not isinstance(message, str):
                _checker().decode(message, True)
                message = message.decode()
            return load_json(message)
        except ValueError:
            await self.close(_BAD_DATA, 'not JSON')
            raise self._error()

    def iter_text(self):
        """Return an asynchronous iterator of the messages, which ends when it
        is closed. A message that is no text closes it, with 1003."""
        return _Messages(self._receive_text)

    def iter_json(self):
        """The same for what :meth:`receive_json` returns."""
        return _Messages(self.receive_json)

    async def send(self, data, opcode=None):
        """Send a message, and wait until the client has taken enough of what
        was sent for more to be welcome. If the wait is cancelled, so is the
        connection.

        :param data: ``str`` for a text, otherwise ``bytes`` or the like.
        :param opcode: to send something else, such as ``WebSocket.PING``.
                       ``WebSocket.CLOSE`` closes; *data* is a code, or
                       nothing.
        :raises WebSocketError: it is closed.
        """
        if opcode == self.CLOSE:
            # As programs for Microdot 2.7 close: with a code as a number or
            # in two bytes, and perhaps a reason behind these.
            reason = ''
            if not isinstance(data, int):
                data = to_bytes(data)
                reason = data[2:].decode()
                data = int.from_bytes(data[:2], 'big') if data else _NORMAL
            return await self.close(data, reason)
        if opcode is None:
            opcode = self.TEXT if isinstance(data, str) else self.BINARY
        if not isinstance(data, bytes):
            data = to_bytes(data)
        if opcode not in (self.TEXT, self.BINARY) and (
                opcode not in (self.PING, self.PONG) or len(data) > 125):
            raise ValueError('opcode, or too long for it')
        if self._state != _OPEN:
            raise self._error()
        if opcode == self.TEXT and not getincrementaldecoder:
            data = _mend(data)
        try:
            await self._push(opcode, data)
        except OSError:
            self._move(_CUT, _LOST)
            raise self._error()

    async def send_json(self, value):
        """Send *value* as JSON, in a text.

        :raises WebSocketError: it is closed.
        """
        await self.send(dump_json(value), self.TEXT)

    async def close(self, code=_NORMAL, reason=''):
        """Close it, and wait for the client to agree, for a limited time. It
        may be closed already.

        :param code: 1000 to 1014 or 3000 to 4999 (RFC 6455, section 7.4).
        :param reason: a text of up to 123 bytes.
        :raises ValueError: the code or reason cannot be sent.
        """
        _check_close(code, reason)
        if not self.closed:
            self._messages.clear()
            self._queued = 0
        silent = self._move(_CLOSING if self._state else _ENDED, code, reason)
        if self._state < _ENDED:
            try:
                await asyncio.wait_for(self._say_goodbye(silent),
                                       self.close_timeout)
            except asyncio.TimeoutError:
                self._end_reader(_LOST)

    async def _say_goodbye(self, silent):
        if silent:
            try:
                await self._push_close(self.close_code, self.close_reason)
            except OSError:
                self._end_reader(_LOST)
        while self._state < _ENDED:
            self._event.clear()
            await self._event.wait()

    async def end(self, code):
        """Close it as far as it is open when its handler has ended."""
        try:
            if not self.gone:
                self._task = None
                await self.close(code)
        finally:
            self._finish()
        # until they have let go of the socket
        await asyncio.sleep(0)


# --- For handlers -----------------------------------------------------------

async def websocket_upgrade(request, protocols=(), origins=None, headers=None,
                            compress=False):
    """Make a WebSocket of the connection of a request. It is closed when the
    handler returns.

    :param protocols: the sub-protocols that are spoken, best first.
    :param origins: a list of the origins whose pages may connect, such as
                    ``'https://example.com'``; ``'self'`` is that of the
                    request. ``None``: all. Clients that are no browsers may
                    connect in any case.
    :param headers: a dict of more headers for the response.
    :param compress: whether to compress messages for clients that can
                     (RFC 7692). Has no effect on a board.
    :return: a :class:`WebSocket`.
    :raises HTTPException: 400 or 426: it asks for none. 403: of another
                           origin. 503: there are too many.
    """
    ws = getattr(request, 'websocket_class', WebSocket)(request)
    await ws.handshake(protocols, origins, headers, compress)
    request._ws = ws
    request.after_request(_after)
    # or there, if the handler fails
    handlers = request.app.after_error_request_handlers
    if _after not in handlers:
        handlers.append(_after)
    return ws


async def _after(request, response):
    ws = getattr(request, '_ws', None)
    if ws:
        error = request.error
        if isinstance(error, WebSocketClose):
            await ws.close(error.code, error.close_reason)
        await ws.end(_FAILED if error else _NORMAL)
        return Response.already_handled


class WebSocketHandler:
    # (an object, since functions of boards have no attributes)
    is_websocket = True  # url_for() asks

    def __init__(self, f, upgrade_function):
        self.f = f
        self.upgrade_function = upgrade_function
        self.__name__ = getattr(f, '__name__', None)
        if getincrementaldecoder is not None:
            wraps(f)(self)

    async def __call__(self, request, *args, **kwargs):
        ws = await self.upgrade_function(request)
        code = _FAILED
        try:
            await self.f(request, ws, *args, **kwargs)
            code = _NORMAL
        except WebSocketClose as exc:
            await ws.close(exc.code, exc.close_reason)
        except WebSocketError:
            pass
        except asyncio.CancelledError:
            # because the client has left, or by the server
            if not ws.gone:
                ws._finish()
                raise
        await ws.end(code)
        return Response.already_handled


def websocket_wrapper(f, upgrade_function):
    """Make a handler for requests of one for WebSockets.

    :param f: the handler: ``f(request, ws, **arguments)``, a coroutine.
    :param upgrade_function: makes the WebSocket of the request.
    """
    return WebSocketHandler(f, upgrade_function)


def with_websocket(f=None, **options):
    """Decorator: call ``f(request, ws, **arguments)``, a coroutine, with a
    WebSocket; close that in the end. It comes below the route.

    :param options: see :func:`websocket_upgrade`; used as
                    ``@with_websocket(origins=['self'])``.
    """
    def upgrade(request):
        return websocket_upgrade(request, **options)

    return websocket_wrapper(f, upgrade) if f else \
        lambda f: websocket_wrapper(f, upgrade)


if getincrementaldecoder:
    try:
        from . import _websocket
    except ImportError:
        pass  # left out
    else:
        FrameParser = _websocket.FrameParser
        WebSocket = _websocket.WebSocket

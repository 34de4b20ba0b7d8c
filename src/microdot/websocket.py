"""WebSocket: messages in both directions over one connection (RFC 6455).

First the wire: :class:`FrameParser` and a few functions turn bytes into
messages and back. Then :class:`WebSocket`, which moves them. A task of its own
reads, from the handshake on: so pings are answered and a client that leaves is
noticed while the handler is busy with something else.
"""
import asyncio
import hashlib
import json
from binascii import a2b_base64, b2a_base64

from .helpers import is_own_origin, wraps
from .microdot import (
    Disconnected,
    HTTPException,
    Request,
    Response,
    abort,
    dump_json,
    encode_lines,
    parse_list,
    parse_token,
)

try:
    from codecs import getincrementaldecoder
except ImportError:
    getincrementaldecoder = None  # boards

# Bytes read at once.
_PIECE = 65536 if getincrementaldecoder else 512
# Seconds that a handler has to notice by itself that its client has left, and
# a client to take in that it was closed.
_GRACE = 0.4


class WebSocketError(Exception):
    """The WebSocket is closed.

    :param code: why: the code of the Close frame that the client or this end
                 has sent (RFC 6455, section 7.4), 1005 if that had none, 1006
                 if the connection was lost without.
    :param reason: the text that came with it.
    """
    def __init__(self, message='', code=1006, reason=''):
        super().__init__(message)
        self.code = code
        self.reason = reason


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
                        raise ValueError('UTF-8')
                    need -= 1
                    low = 0x80
                    high = 0xbf
                elif byte > 0x7f:
                    if not 0xc2 <= byte <= 0xf4:
                        raise ValueError('UTF-8')
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
            raise ValueError('UTF-8')


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
    return 1000 <= code <= 1014 and code not in (1004, 1005, 1006) or \
        3000 <= code <= 4999


def parse_close(payload):
    """Parse the payload of a Close frame.

    :return: ``(code, reason)``; *code* is 1005 when there is none.
    :raises WebSocketError: it is malformed.
    """
    if not payload:
        return 1005, ''
    code = int.from_bytes(payload[:2], 'big')
    if len(payload) < 2 or not is_close_code(code):
        raise WebSocketError('close code', 1002)
    reason = payload[2:]
    try:
        _checker().decode(reason, True)
        return code, reason.decode()
    except ValueError:
        raise WebSocketError('close reason', 1007)


class FrameParser:
    """Makes messages of what a client sends, without any I/O.

    What is received goes in by :meth:`feed`, and messages and control frames
    come out of :meth:`next_event`. What is stored is the message under way,
    up to the limit, and less than one frame head or control frame.

    :param max_length: bytes that a message may have; 0: any number.
    :param inflate: decompresses messages; see ``_deflate.py``.
    """
    _data = b''       # not parsed yet
    _pos = 0          # how much of that is used
    _left = -1        # bytes to come of a frame's payload; -1: of its head
    _opcode = 0       # of this frame
    _fin = False      # it is the last of its message
    _mask = b''
    _kind = 0         # opcode of the message under way; 0: none
    _message = b''    # what is here of it
    _deflated = False
    _utf8 = None      # checks it, if it is text
    _failed = False

    def __init__(self, max_length=0, inflate=None):
        self.max_length = max_length
        self._inflate = inflate

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
        # Parses the head of a frame, if it is here. What is wrong with it is
        # found as soon as the bytes that say so have come.
        data = self._data
        pos = self._pos
        have = len(data) - pos
        if have < 2:
            return False
        fin, opcode, has_mask, length = WebSocket._parse_frame_header(
            data[pos:pos + 2])
        deflated = data[pos] & 0x40
        good = has_mask and not data[pos] & 0x30 and (
            # control frames are short and whole
            fin and length >= 0 and not deflated if opcode > 7 else
            # fragments follow the first of their message
            (opcode == 0) == (self._kind > 0) and
            (not deflated or self._inflate and opcode))
        end = 2
        if length < 0 and good:
            end -= length
            if have < end:
                return False
            length = int.from_bytes(data[pos + 2:pos + end], 'big')
            # the shortest form, and no sign
            good = (125 if end == 4 else 65535) < length and not length >> 63
        if not good:
            raise WebSocketError('frame', 1002)
        if not (opcode > 7 or deflated or self._deflated and opcode == 0):
            self._check_length(length)
        if have < end + 4:
            return False
        self._mask = bytes(data[pos + end:pos + end + 4])
        self._pos = pos + end + 4
        self._left = length
        self._opcode = opcode
        self._fin = fin
        if 0 < opcode < 3:
            self._kind = opcode
            self._deflated = deflated
            self._utf8 = _checker() if opcode == 1 else None
        return True

    def _check_length(self, length):
        if self.max_length and \
                len(self._message) + length > self.max_length:
            raise WebSocketError('message too big', 1009)

    def _add(self, data, last):
        # Adds to the message under way.
        if self._deflated:
            most = 0
            if self.max_length:
                most = self.max_length - len(self._message) + 1
            data = self._inflate.decompress(data, last, most)
            self._check_length(len(data))
        if self._utf8:
            try:
                self._utf8.decode(data, last)
            except ValueError:
                raise WebSocketError('not UTF-8', 1007)
        if not self._message:
            self._message = data
        elif data:
            if isinstance(self._message, bytes):
                self._message = bytearray(self._message)
            self._message.extend(data)


# --- Transport --------------------------------------------------------------

class WebSocket:
    """A WebSocket.

    Attributes: ``request``; ``protocol`` (the sub-protocol that was agreed on,
    or ``None``); ``closed`` (nothing can be sent or received any more);
    ``close_code`` and ``close_reason`` (as in :class:`WebSocketError`, once it
    is closed). It is an asynchronous iterator of the messages that come, which
    ends when it is closed.

    Several tasks may use it at a time: messages are sent one after the other,
    and each is received by one of them.
    """
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

    #: Writes a frame of :meth:`encode_frame` at once if nothing waits to be
    #: written, and tells whether it did; ``None`` where that is not possible.
    direct = None

    closed = False
    close_code = protocol = None
    close_reason = ''
    gone = False      # the handler was or will be told by being cancelled
    _reader = None    # the task that reads
    _pinger = None    # the task that sends pings
    _task = None      # the handler's
    _on_wait = None   # called when receive() waits, and when it need not
    _counted = False  # as one of the long-lived connections
    _sent_close = False
    _left = False     # the peer has closed
    _ended = False    # nothing more will be read
    _told = False     # the handler has got a WebSocketError
    _broken = False   # part of a frame has been written
    _heard = False    # since the last ping
    _why = 0          # the code with which the reader is to end
    _queued = 0
    _room = None
    _inflate = _deflate = None

    def __init__(self, request):
        self.request = request
        self._messages = []

    # Handshake

    async def handshake(self, protocols=(), origins=None, headers=None,
                        compress=False):
        """Accept the connection. The arguments are those of
        :func:`websocket_upgrade`.

        :raises HTTPException: 400, 403, 426 or 503: there is no WebSocket.
        """
        conn = self.request.sock and self.request.sock[0]
        if self._reader or getattr(conn, 'taken', False):
            raise RuntimeError('it is a WebSocket already')
        self._check_request()
        fields = self.request.fields
        origin = fields.get('origin')
        if origins is not None and origin is not None:
            if isinstance(origins, str):
                origins = (origins,)
            if '*' not in origins and origin not in origins and not (
                    'self' in origins and is_own_origin(self.request, origin)):
                abort(403)
        offered = parse_list(fields.get('sec-websocket-protocol', ''))
        if isinstance(protocols, str):
            protocols = (protocols,)
        for name in protocols or ():
            if name in offered:
                self.protocol = name
                break
        headers = list((headers or {}).items())
        if compress:
            self._negotiate(headers)
        self._enter()
        try:
            self._lock = asyncio.Lock()
            self._event = asyncio.Event()
            await self._accept(headers)
            self._task = getattr(conn, 'task', None) or asyncio.current_task()
            self._on_wait = getattr(conn, 'on_wait', None)
            if not self._deflate:
                self.direct = getattr(conn, 'send_now', None)
            self._reader = asyncio.create_task(self._read())
            if hasattr(conn, 'task'):
                # the server cancels the reader before it closes the socket,
                # and calls the other when it shuts down
                conn.watcher = self._reader
                conn.leave = self._end_reader
            if self.ping_interval:
                self._pinger = asyncio.create_task(self._ping())
        except BaseException:
            self._finish()
            raise
        opened = getattr(self.request, 'upgraded', None)
        if opened:
            opened(self.request, self)  # a log wants to know
        # what is cancelled before it has begun would not clean up
        await asyncio.sleep(0)

    def _check_request(self):
        # RFC 6455, section 4.2.1
        request = self.request
        # request.headers would be built, and kept for as long as this
        fields = request.fields
        key = fields.get('sec-websocket-key', '')
        version = fields.get('sec-websocket-version')
        try:
            if request.method != 'GET' or request.http_version == '1.0' or \
                    not _has(fields.get('connection', ''), 'upgrade') or \
                    not _has(fields.get('upgrade', ''), 'websocket') or \
                    len(key) != 24 or len(a2b_base64(key)) != 16 or \
                    version is None or request.content_length or \
                    getattr(request.sock[0], 'length', 0):
                raise ValueError
        except ValueError:
            abort(400)
        if version != '13':
            abort(426, None, {'Sec-WebSocket-Version': '13',
                              'Upgrade': 'websocket'})

    def _negotiate(self, headers):
        # RFC 7692; needs what boards do not have
        try:
            from ._deflate import negotiate
        except ImportError:
            return
        found = negotiate(self.request.fields.get(
            'sec-websocket-extensions', ''))
        if found:
            value, self._inflate, self._deflate = found
            headers.append(('Sec-WebSocket-Extensions', value))

    async def _accept(self, headers):
        key = self.request.fields['sec-websocket-key'] + \
            '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
        lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket',
                 'Connection: Upgrade', 'Sec-WebSocket-Accept: ' +
                 b2a_base64(hashlib.sha1(key.encode()).digest())[:-1].decode()]
        if self.protocol:
            lines.append('Sec-WebSocket-Protocol: ' + self.protocol)
        for name, value in headers:
            parse_token(name)
            for item in value if isinstance(value, list) else (value,):
                lines.append('%s: %s' % (name, item))
        self._parser = FrameParser(0, self._inflate)
        await self.request.sock[1].awrite(
            encode_lines([line.encode() for line in lines]))

    def _enter(self):
        # A WebSocket counts as a stream does.
        app = self.request.app
        app.check_streams()
        app.streams += 1
        self._counted = True

    def _exit(self):
        if self._counted:
            self._counted = False
            app = self.request.app
            app.streams = max(app.streams - 1, 0)

    # The frames, by the names that they have had

    @classmethod
    def _parse_frame_header(cls, header):
        opcode = header[0] & 15
        if 2 < opcode < 8 or opcode > 10:
            raise WebSocketError('opcode', 1002)
        length = header[1] & 127
        return header[0] > 127, opcode, header[1] > 127, \
            length if length < 126 else -2 if length == 126 else -8

    @classmethod
    def _encode_websocket_frame(cls, opcode, payload):
        if isinstance(payload, str):
            payload = payload.encode()
        size = len(payload)
        head = bytes((0x80 | opcode, size if size < 126 else
                      126 if size < 65536 else 127))
        if size > 125:
            head += size.to_bytes(2 if size < 65536 else 8, 'big')
        return head + payload

    encode_frame = _encode_websocket_frame

    def _process_websocket_frame(self, opcode, payload):
        if opcode == self.TEXT:
            return None, payload.decode()
        if opcode == self.BINARY:
            return None, payload
        if opcode == self.CLOSE:
            raise WebSocketError('closed', *parse_close(payload))
        return (self.PONG, payload) if opcode == self.PING else (None, None)

    # What moves bytes. ASGI has its own instead, up to _push_close().

    async def _pull(self):
        # Waits for something to come and sees to it.
        event = self._parser.next_event()
        if event is None:
            self._parser.max_length = self._limit()
            data = await self.request.sock[0].read(_PIECE)
            if not data:
                raise Disconnected
            self._heard = True
            self._parser.feed(data)
        elif event[0] == self.CLOSE:
            self._peer_close(*parse_close(event[1]))
            if not self._sent_close:
                self._sent_close = True
                await self._push_close(self.close_code)
        else:
            opcode, data = self._process_websocket_frame(*event)
            if opcode:
                if not self._sent_close:
                    await self._push(opcode, data)
            elif data is not None:
                self._deliver(data)
                # what it is answered with goes before what may come next
                await asyncio.sleep(0)

    async def _push(self, opcode, payload):
        async with self._lock:
            if self._deflate and payload and opcode < 8:
                payload = self._deflate.compress(payload)
                opcode |= 0x40
            await self._write(self._encode_websocket_frame(opcode, payload))

    async def _push_close(self, code, reason=''):
        payload = b''
        if code != 1005:
            payload = code.to_bytes(2, 'big') + reason.encode()
        async with self._lock:
            await self._write(
                self._encode_websocket_frame(self.CLOSE, payload))

    async def _write(self, frame):
        # After half a frame nothing else can be sent.
        if self._broken:
            raise Disconnected
        self._broken = True
        await self.request.sock[1].awrite(frame)
        self._broken = False

    # The reader

    def _limit(self):
        limit = self.max_message_length
        return Request.max_body_length if limit == -1 else limit or 0

    def _deliver(self, message):
        # Takes a message from the peer.
        if 0 < self._limit() < len(message):
            raise WebSocketError('message too big', 1009)
        if not self.closed:
            self._messages.append(message)
            self._queued += len(message) + 64
            self._event.set()
            if self._on_wait:
                self._on_wait(False)

    def _peer_close(self, code, reason=''):
        # Takes the peer's Close frame.
        self._left = True
        self._note(code or 1005, reason)

    def _note(self, code, reason=''):
        # It is closed from now on, for the first reason that was given.
        self.closed = True
        if self.close_code is None:
            self.close_code = code
            self.close_reason = reason
        if self._reader:
            self._event.set()
        if self._room:
            self._room.set()

    async def _read(self):
        # The task that reads, until the peer has left, and then tells the
        # handler.
        try:
            try:
                while not self._left:
                    await self._pull()
                    while self._queued >= self.max_queue and not self.closed:
                        self._room = asyncio.Event()
                        await self._room.wait()
                    self._room = None
            except WebSocketError as exc:
                await self._fail(exc.code, exc.args[0])
            except MemoryError:
                self._parser = FrameParser()
                await self._fail(1009, 'message too big')
            except asyncio.CancelledError:
                if not self._why:
                    raise
                if self._why != 1006:
                    await self._fail(self._why)
            except Exception as exc:
                if not isinstance(exc, (OSError, EOFError, HTTPException)):
                    self.request.app.log_exception(self.request, exc)
                    self._left = True
                    await self._fail(1011)
        except Disconnected:
            pass
        except asyncio.CancelledError:
            if not self._why:
                raise
        except (OSError, EOFError, HTTPException):
            pass  # of its socket
        finally:
            self._ended = True
            self._note(1006)
            if self._pinger:
                self._pinger.cancel()
            self._exit()
        while not self._told:
            # The handler may be about to find out, by receiving or sending.
            left = len(self._messages)
            await asyncio.sleep(_GRACE)
            if not self._told and left == len(self._messages):
                self.gone = self._told = True
                conn = self.request.sock and self.request.sock[0]
                if hasattr(conn, 'gone'):
                    conn.gone = True
                self._task.cancel()

    async def _fail(self, code, reason=''):
        # Closes from this end, and reads on for a moment, or else the peer
        # would get a reset in place of the Close frame.
        self._note(code, reason)
        if self._sent_close:
            return
        self._sent_close = True
        try:
            await asyncio.wait_for(self._close_and_drain(code, reason), _GRACE)
        except asyncio.TimeoutError:
            pass

    async def _close_and_drain(self, code, reason):
        # Boards: no Disconnected may get out of a task that wait_for() makes.
        try:
            await self._push_close(code, reason)
            conn = self.request.sock and self.request.sock[0]
            if code != 1001 and hasattr(conn, 'end'):
                conn.end()  # what comes from now on is not understood
            while not self._left:
                await self._pull()
        except (Disconnected, WebSocketError):
            pass

    def _end_reader(self, code=1001):
        # Makes the reader end, from another task. Called without a code when
        # the server shuts down.
        if not self._ended and not self._why:
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
        except (Disconnected, OSError):
            pass
        self._pinger = None
        self._end_reader(1006)

    def _finish(self):
        # Nothing runs on after this.
        self.closed = self._told = True
        for task in (self._reader, self._pinger):
            if task:
                task.cancel()
        self._exit()

    # For handlers

    def _error(self):
        if self._task is asyncio.current_task():
            self._told = True
        code = self.close_code or 1006
        return WebSocketError('closed: %d' % code, code, self.close_reason)

    async def receive(self):
        """Return the next message: ``str`` or ``bytes``.

        :raises WebSocketError: it is closed, and all has been received that
                                came before that.
        """
        while not self._messages:
            if self.closed or not self._reader:
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
            return json.loads(message)
        except (ValueError, RuntimeError):
            # RuntimeError: nested too deep
            await self.close(1007, 'not JSON')
            raise self._error()

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
            return await self._close_by(data)
        if isinstance(data, str):
            data = data.encode()
            if opcode is None:
                opcode = self.TEXT
        elif not isinstance(data, bytes):
            data = bytes(memoryview(data))
        if opcode is None:
            opcode = self.BINARY
        if opcode not in (self.TEXT, self.BINARY) and (
                opcode not in (self.PING, self.PONG) or len(data) > 125):
            raise ValueError('opcode, or too long for it')
        if self.closed or not self._reader:
            raise self._error()
        if opcode == self.TEXT and not getincrementaldecoder:
            data = _mend(data)
        try:
            await self._push(opcode, data)
        except (Disconnected, OSError):
            self._note(1006)
            raise self._error()

    async def _close_by(self, data):
        # As programs for Microdot 2.7 close: with a code as a number or in
        # two bytes, and perhaps a reason behind these.
        reason = ''
        if not isinstance(data, int):
            if isinstance(data, str):
                data = data.encode()
            reason = bytes(data[2:]).decode()
            data = int.from_bytes(data[:2], 'big') if data else 1000
        await self.close(data, reason)

    async def send_json(self, value):
        """Send *value* as JSON, in a text.

        :raises WebSocketError: it is closed.
        """
        await self.send(dump_json(value), self.TEXT)

    async def close(self, code=1000, reason=''):
        """Close it, and wait for the client to agree, for a limited time. It
        may be closed already.

        :param code: 1000 to 1014 or 3000 to 4999 (RFC 6455, section 7.4).
        :param reason: a text of up to 123 bytes.
        :raises ValueError: the code or reason cannot be sent.
        """
        if not is_close_code(code) or len(reason.encode()) > 123:
            raise ValueError('close code or reason')
        if not self._reader:
            self.closed = True
        if not self.closed:
            self._messages.clear()
            self._queued = 0
            self._note(code, reason)
        if not self._ended and self._reader:
            try:
                await asyncio.wait_for(self._say_goodbye(), self.close_timeout)
            except asyncio.TimeoutError:
                self._end_reader(1006)

    async def _say_goodbye(self):
        if not self._sent_close:
            self._sent_close = True
            try:
                await self._push_close(self.close_code, self.close_reason)
            except (Disconnected, OSError):
                self._end_reader(1006)
        while not self._ended:
            self._event.clear()
            await self._event.wait()

    async def end(self, code):
        """Close it as far as it is open when its handler has ended."""
        try:
            if not self.gone:
                self._told = True
                await self.close(code)
        finally:
            self._finish()
        # until they have let go of the socket
        await asyncio.sleep(0)

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return await self.receive()
        except WebSocketError:
            raise StopAsyncIteration


def _has(value, token):
    # Whether a header that is a list of tokens has one.
    return token in parse_list(value.lower())


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
    # or this one, if the handler fails
    handlers = request.app.after_error_request_handlers
    if _after_error not in handlers:
        handlers.append(_after_error)
    return ws


async def _after(request, response, code=1000):
    ws = getattr(request, '_ws', None)
    if ws:
        await ws.end(code)
        return Response.already_handled


async def _after_error(request, response):
    return await _after(request, response, 1011)


def websocket_wrapper(f, upgrade_function):
    """Make a handler for requests of one for WebSockets.

    :param f: the handler: ``f(request, ws, **arguments)``, a coroutine.
    :param upgrade_function: makes the WebSocket of the request.
    """
    @wraps(f)
    async def wrapper(request, *args, **kwargs):
        ws = await upgrade_function(request)
        code = 1011
        try:
            await f(request, ws, *args, **kwargs)
            code = 1000
        except WebSocketError:
            pass
        except asyncio.CancelledError:
            # because the client has left, or by the server
            if not ws.gone:
                ws._finish()
                raise
        except Exception as exc:
            request.app.log_exception(request, exc)
        await ws.end(code)
        return Response.already_handled
    return wrapper


def with_websocket(f=None, **options):
    """Decorator: call ``f(request, ws, **arguments)``, a coroutine, with a
    WebSocket; close that in the end. It comes below the route.

    :param options: see :func:`websocket_upgrade`; used as
                    ``@with_websocket(origins=['self'])``.
    """
    async def upgrade(request):
        return await websocket_upgrade(request, **options)

    def decorated(f):
        return websocket_wrapper(f, upgrade)
    return decorated(f) if f else decorated

"""What a WebSocket has on CPython alone: compression, sending at once, names
that Microdot 2.7 gave to its methods. ``websocket.py`` takes the names at its
end, and is to be imported first."""
import asyncio

from . import websocket as base

# Boards know these numbers without the names. First the states of a WebSocket
# that asgi.py needs.
CLOSING = 3
LEFT = 4
# Codes of Close frames (RFC 6455, section 7.4).
NO_CODE = 1005
LOST = 1006
BAD_DATA = 1007
POLICY = 1008
TOO_BIG = 1009
FAILED = 1011
FIRST_FREE = 3000   # what is not the protocol's


class FrameParser(base.FrameParser):
    __module__ = base.__name__
    __doc__ = (base.FrameParser.__doc__ or '').rstrip() + """
    :param inflate: decompresses messages, on CPython; see ``_deflate.py``.
    """
    _deflated = False   # the message under way is compressed

    def __init__(self, max_length=0, inflate=None):
        super().__init__(max_length)
        self._inflate = inflate

    def _fault(self, first, second):
        if self._inflate and 0 < first & 15 < 3:
            # RFC 7692, section 6: of a message its first frame says so
            self._deflated = first & 0x40
            first -= self._deflated
        return super()._fault(first, second)

    def _check_length(self, length):
        # what counts is how long it becomes
        if not self._deflated:
            super()._check_length(length)

    def _add(self, data, last):
        if self._deflated:
            have = len(self._message)
            most = self.max_length and self.max_length - have + 1
            data = self._inflate.decompress(data, last, most)
            super()._check_length(len(data))
        super()._add(data, last)


class WebSocket(base.WebSocket):
    __module__ = base.__name__
    __doc__ = base.WebSocket.__doc__

    #: Writes a frame of :meth:`encode_frame` at once if nothing waits to be
    #: written, and tells whether it did; ``None`` where that is not possible.
    direct = None
    _deflate = None

    def __repr__(self):
        state = 'new' if not self._state else 'open' if not self.closed \
            else 'closed: %s' % self.close_code
        path = '' if self.request is None else ' %r' % self.request.path
        return '<WebSocket%s, %s>' % (path, state)

    async def _accept(self, headers, compress):
        inflate = compress and self._negotiate(headers)
        await super()._accept(headers, compress)
        if inflate:
            self._parser = FrameParser(0, inflate)

    def _negotiate(self, headers):
        try:
            from ._deflate import negotiate
        except ImportError:
            return None  # left out
        found = negotiate(self.request.fields.get(
            'sec-websocket-extensions', ''))
        if not found:
            return None
        value, inflate, self._deflate = found
        self._deflating = asyncio.Lock()
        headers.append(('Sec-WebSocket-Extensions', value))
        return inflate

    def _start(self, conn):
        if not self._deflate:
            self.direct = getattr(conn, 'send_now', None)
        super()._start(conn)

    async def _push(self, opcode, payload):
        if not self._deflate or not payload or opcode >= self.CLOSE:
            return await super()._push(opcode, payload)
        # each message is compressed with what went before it
        async with self._deflating:
            payload = self._deflate.compress(payload)
            await super()._push(opcode | 0x40, payload)

    # The names that programs for Microdot 2.7 know

    @classmethod
    def _encode_websocket_frame(cls, opcode, payload):
        if isinstance(payload, str):
            payload = payload.encode()
        return cls.encode_frame(opcode, payload)

    @classmethod
    def _parse_frame_header(cls, header):
        opcode = header[0] & 15
        if 2 < opcode < 8 or opcode > 10:
            raise base.WebSocketError('opcode', 1002)
        length = header[1] & 127
        return header[0] > 127, opcode, header[1] > 127, \
            length if length < 126 else -2 if length == 126 else -8

    def _process_websocket_frame(self, opcode, payload):
        if opcode == self.TEXT:
            return None, payload.decode()
        if opcode == self.BINARY:
            return None, payload
        if opcode == self.CLOSE:
            raise base.WebSocketError('closed', *base.parse_close(payload))
        return (self.PONG, payload) if opcode == self.PING else (None, None)

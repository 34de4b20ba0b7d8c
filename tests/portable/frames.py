"""WebSocket frames as clients send and get them; runs on both interpreters."""

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MASK = b'\x37\xfa\x21\x3d'

HANDSHAKE = (b'GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n'
             b'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
             b'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n')


def masked(payload, mask=MASK):
    """Return a payload as a client sends it."""
    data = bytearray(payload)
    for i in range(len(data)):
        data[i] ^= mask[i & 3]
    return bytes(data)


def frame(opcode, payload=b'', fin=True, rsv=0, mask=MASK, size=None):
    """Return a client's frame.

    :param rsv: the reserved bits, 0 to 7.
    :param mask: ``None`` for a frame without.
    :param size: the length that it says, if it is another.
    """
    length = len(payload) if size is None else size
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0 if mask is None else 0x80
    if length < 126:
        head += bytes([bit | length])
    elif length < 65536:
        head += bytes([bit | 126]) + length.to_bytes(2, 'big')
    else:
        head += bytes([bit | 127]) + length.to_bytes(8, 'big')
    return head + (payload if mask is None else mask + masked(payload, mask))


def close(code=None, reason=''):
    """Return a client's Close frame."""
    payload = b'' if code is None else code.to_bytes(2, 'big')
    return frame(CLOSE, payload + reason.encode())


class Frames:
    """The client's end of a WebSocket, over a ``serving.Client``."""

    def __init__(self, client):
        self.client = client
        self.head = None

    async def open(self, path='/', headers=b''):
        """Send the handshake and return the head of the response, which has
        to be one that accepts."""
        await self.client.send(HANDSHAKE.replace(b'%s', path.encode()) +
                               headers + b'\r\n')
        self.head = await self.client.line(b'\r\n\r\n')
        if not self.head.startswith(b'HTTP/1.1 101 '):
            raise AssertionError(self.head)
        return self.head

    async def send(self, *args, **kwargs):
        """Send a frame; the arguments are those of :func:`frame`."""
        await self.client.send(frame(*args, **kwargs))

    async def next(self):
        """Return the next frame as ``(opcode, payload)``; it has to be a
        whole message.

        :raises EOFError: there is none.
        """
        first, size = await self.client.take(2)
        if first & 0xf0 != 0x80 or size > 127:
            raise AssertionError('not a frame of a server: %x' % first)
        if size > 125:
            size = int.from_bytes(
                await self.client.take(2 if size == 126 else 8), 'big')
        return first & 15, await self.client.take(size)

    async def closed(self):
        """Return code and reason of the Close frame that has to come next,
        and after which the server has to close."""
        opcode, payload = await self.next()
        if opcode != CLOSE:
            raise AssertionError('%d: %r' % (opcode, payload))
        if payload:
            payload = int.from_bytes(payload[:2], 'big'), payload[2:].decode()
        return payload

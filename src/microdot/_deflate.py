"""Compressed WebSocket messages (RFC 7692). For CPython: boards have no
compressor. Imported by ``websocket.py`` when a handler asks for it."""
import zlib

from . import websocket  # before its half, which comes with it
from ._websocket import BAD_DATA
from .microdot import parse_list

# Base-two logarithm of the window that either side is to use, when the client
# lets us choose, and what zlib calls the memory level: 32 KiB to compress, 4
# to decompress (36 for a client that does not). The usual 15 and 8 take 256
# and 32, and make small messages hardly any smaller.
WINDOW_BITS = 12
MEMORY_LEVEL = 5

_TAIL = b'\x00\x00\xff\xff'


def parse_offer(text):
    """Parse one extension of a ``Sec-WebSocket-Extensions`` header.

    :return: its parameters as a dict, or ``None``: it is another extension or
             has a parameter that is unknown, repeated or out of range.
    """
    name, *rest = parse_list(text, ';')
    if name.lower() != 'permessage-deflate':
        return None
    offer = {}
    for each in rest:
        key, sign, value = each.partition('=')
        key = key.strip().lower()
        value = value.strip().strip('"')
        if key in offer:
            return None
        if key in ('server_no_context_takeover', 'client_no_context_takeover'):
            if sign:
                return None
            offer[key] = True
        elif key == 'client_max_window_bits' and not sign:
            offer[key] = 15
        elif key in ('server_max_window_bits', 'client_max_window_bits'):
            if value not in ('8', '9', '10', '11', '12', '13', '14', '15'):
                return None
            offer[key] = int(value)
        else:
            return None
    return offer


def negotiate(header):
    """Choose among the extensions that a client offers.

    :param header: its ``Sec-WebSocket-Extensions``.
    :return: ``(value, inflate, deflate)``: the value of that header in the
             response, an :class:`Inflate` and a :class:`Deflate`; or
             ``None``.
    """
    for text in parse_list(header):
        offer = parse_offer(text)
        # zlib has no window of 256 bytes
        if offer is None or offer.get('server_max_window_bits') == 8:
            continue
        value = 'permessage-deflate'
        server_bits = min(offer.get('server_max_window_bits', 15), WINDOW_BITS)
        value += '; server_max_window_bits=%d' % server_bits
        client_bits = 15
        if 'client_max_window_bits' in offer:
            client_bits = min(offer['client_max_window_bits'], WINDOW_BITS)
            value += '; client_max_window_bits=%d' % client_bits
        for name in ('server_no_context_takeover',
                     'client_no_context_takeover'):
            if name in offer:
                value += '; ' + name
        return (value,
                Inflate(client_bits, 'client_no_context_takeover' in offer),
                Deflate(server_bits, 'server_no_context_takeover' in offer))


class Inflate:
    """Decompresses what a client sends.

    :param bits: of the client's window.
    :param forget: whether each message stands alone.
    """
    def __init__(self, bits, forget):
        self._bits = max(bits, 9)
        self._forget = forget
        self._zlib = None

    def decompress(self, data, last, most):
        """Decompress a piece of a message.

        :param last: whether the message ends with it.
        :param most: bytes to return at most, whatever they would become; 0:
                     any number.
        :raises WebSocketError: it is not the output of a compressor.
        """
        if last:
            data += _TAIL
        try:
            result = self._decompress(data, most)
            if self._zlib and self._zlib.eof:
                # RFC 7692, section 7.2.3.4: a block may say that it is the
                # last. More than one in a piece are of use to nobody.
                data = self._zlib.unused_data
                self._zlib = None
                left = most and most - len(result)
                # (0 is any number to zlib, so nothing is left of a limit)
                if data and (left or not most):
                    result += self._decompress(data, left)
                    if self._zlib.eof:
                        raise websocket.WebSocketError('compression', BAD_DATA)
        except zlib.error:
            raise websocket.WebSocketError('compression', BAD_DATA) from None
        if last and self._forget:
            self._zlib = None
        return result

    def _decompress(self, data, most):
        if self._zlib is None:
            self._zlib = zlib.decompressobj(-self._bits)
        return self._zlib.decompress(data, most)


class Deflate:
    """Compresses what the server sends.

    :param bits: of its window.
    :param forget: whether each message is to stand alone.
    """
    def __init__(self, bits, forget):
        self._bits = bits
        self._forget = forget
        self._zlib = None

    def compress(self, data):
        """Compress a message, of at least one byte."""
        if self._zlib is None:
            self._zlib = zlib.compressobj(
                wbits=-self._bits, memLevel=MEMORY_LEVEL)
        result = self._zlib.compress(data) + \
            self._zlib.flush(zlib.Z_SYNC_FLUSH)
        if self._forget:
            self._zlib = None
        return result[:-len(_TAIL)]

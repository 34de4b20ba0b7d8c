"""Responses compressed by gzip, for clients that take that (RFC 9110, section
8.4.1.3).

What an attacker can add to, and who can see its length, tells the attacker
what else is in it (an attack known as BREACH). So what has been made with the
session is left as it is.
"""
import copy
import zlib

from .helpers import add_vary, finish_vary
from .microdot import close_body, invoke_handler

#: Types that get smaller, beside ``text/…``, ``…+json`` and ``…+xml``.
_TYPES = {
    'application/javascript', 'application/json', 'application/ld+json',
    'application/manifest+json', 'application/rtf', 'application/wasm',
    'application/x-ndjson', 'application/xml', 'font/otf', 'font/ttf',
    'image/bmp', 'image/svg+xml'}
#: zlib's number for a window of 32 KiB within gzip's head and end.
_GZIP = 31


def no_compress(f):
    """Decorator for handlers: leave the responses as they are."""
    f.no_compress = True
    return f


def parse_weights(value, most):
    """Return the weights of an ``Accept-Encoding``, as a dict by coding in
    lower case. What is malformed weighs nothing (RFC 9110, section 12.5.3).

    :param most: codings that are read, at the most.
    """
    weights = {}
    for item in value.lower().split(',', most)[:most]:
        coding, semicolon, weight = item.partition(';')
        quality = 1.0
        if semicolon:
            name, _, number = weight.partition('=')
            try:
                quality = float(number)
            except ValueError:
                quality = 0.0
            if name.strip() != 'q' or not 0 <= quality <= 1:
                quality = 0.0
        weights[coding.strip()] = quality
    return weights


def takes_gzip(value, most=20):
    """Tell whether a client with that ``Accept-Encoding`` takes gzip, and
    would not rather have what is not compressed."""
    weights = parse_weights(value or '', most)
    other = weights.get('*', 0)
    quality = max(weights.get('gzip', other), weights.get('x-gzip', 0))
    return quality > 0 and quality >= weights.get('identity', 0)


def is_compressible(content_type):
    """Tell whether content of that type gets smaller."""
    kind = content_type.partition(';')[0].strip().lower()
    return kind != 'text/event-stream' and (
        kind.startswith('text/') or kind in _TYPES
        or kind.endswith(('+json', '+xml')))


def _step(compressor, piece, flush):
    return compressor.compress(piece) + compressor.flush(flush)


class CompressedPieces:
    """The pieces of a body, compressed. Each can be read by the client as
    soon as it is sent, unless they are those of a file.

    :param response: the response; its body is closed in the end.
    :param level: that of zlib.
    """
    #: Bytes of a piece: a larger one is compressed in a thread.
    max_inline = 64 * 1024

    def __init__(self, response, level):
        self._flush = zlib.Z_NO_FLUSH if response.size is not None \
            else zlib.Z_SYNC_FLUSH
        self._pieces = response.body_iter()
        self._compressor = zlib.compressobj(level, zlib.DEFLATED, _GZIP)

    def __aiter__(self):
        return self

    async def __anext__(self):
        data = b''
        while not data:
            if not self._compressor:
                raise StopAsyncIteration
            try:
                piece = await self._pieces.__anext__()
            except StopAsyncIteration:
                data = self._compressor.flush()
                self._compressor = None
                continue
            if isinstance(piece, str):
                piece = piece.encode()
            if not piece:
                continue
            if self._flush == zlib.Z_NO_FLUSH:
                data = self._compressor.compress(piece)
            elif len(piece) > self.max_inline:
                data = await invoke_handler(
                    _step, self._compressor, piece, self._flush)
            else:
                data = _step(self._compressor, piece, self._flush)
        return data

    async def aclose(self):
        await close_body(self._pieces)


class Compress:
    """Compresses the responses of an application.

    Left as they are: responses of another status than 200 to 299, partial
    ones (206), those with a ``Content-Encoding`` or ``no-transform``, events
    (SSE), images and whatever else would not get smaller.

    :param min_size: bytes of a body that is not compressed yet.
    :param level: 1, fast, to 9, small.
    :param with_sessions: whether to compress what was made with the session
                          too: only where no response holds both a secret and
                          what a client has sent.
    :raises ValueError: the level is none of these.
    """
    #: Bytes of a body that is compressed in one piece; a larger one is sent
    #: in pieces, without ``Content-Length``.
    max_whole = 64 * 1024
    #: Codings that are read of an ``Accept-Encoding``.
    max_codings = 20

    def __init__(self, app, min_size=500, level=6, with_sessions=False):
        if level not in range(1, 10):
            raise ValueError('level is %r, and has to be 1 to 9' % (level,))
        self.min_size = min_size
        self.level = level
        self.with_sessions = with_sessions
        app.finishers.append(self.finish)

    def finish(self, request, response):
        """Return the response to be sent in place of another."""
        if request is None or not self._may(request, response):
            return response
        add_vary(request, 'Accept-Encoding')
        if not takes_gzip(request.headers.get('Accept-Encoding'),
                          self.max_codings):
            finish_vary(request, response)
            return response
        # A handler may return one object to several clients.
        response = copy.copy(response)
        headers = response.headers = response.headers.copy()
        finish_vary(request, response)
        body = self._body(response)
        if isinstance(body, bytes):
            response.body = zlib.compress(body, self.level, _GZIP)
        else:
            response.body = CompressedPieces(response, self.level)
        response.size = None
        headers['Content-Encoding'] = 'gzip'
        for name in 'Content-Length', 'Accept-Ranges':
            if name in headers:
                del headers[name]
        # The bytes are not those that a strong one stands for (RFC 9110,
        # section 8.8.1).
        if headers.get('ETag', '').startswith('"'):
            headers['ETag'] = 'W/' + headers['ETag']
        return response

    def _may(self, request, response):
        headers = response.headers
        size = response.size
        if isinstance(response.body, (str, bytes, bytearray, memoryview)):
            size = len(response.body)
        return 200 <= response.status_code < 300 and \
            response.status_code not in (204, 206) and \
            'Content-Encoding' not in headers and \
            'no-transform' not in headers.get('Cache-Control', '') and \
            is_compressible(headers.get('Content-Type') or
                            response.default_content_type) and \
            (size is None or size >= self.min_size) and \
            not getattr(request.route, 'no_compress', False) and \
            (self.with_sessions or 'Cookie' not in (request.vary or ()))

    def _body(self, response):
        body = response.body
        if isinstance(body, str):
            body = body.encode()
        elif isinstance(body, (bytearray, memoryview)):
            body = bytes(body)
        if isinstance(body, bytes):
            if len(body) <= self.max_whole:
                return body
            view = memoryview(body)
            response.body = iter([
                view[pos:pos + self.max_whole]
                for pos in range(0, len(body), self.max_whole)])
            response.size = len(body)  # nobody waits for a single piece
        return None

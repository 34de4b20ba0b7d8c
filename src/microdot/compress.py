"""Responses compressed for clients that take that (RFC 9110, section 8.4.1):
by gzip, and where the libraries are installed by zstd (RFC 8878) or br (RFC
7932).

What an attacker can add to, and who can see its length, tells the attacker
what else is in it (an attack known as BREACH). So what has been made with the
session is left as it is.
"""
import zlib

from .codings import choose_coding
from .helpers import add_vary, finish_vary
from .microdot import close_body, invoke_handler, to_bytes

try:
    import brotli
except ImportError:
    brotli = None
try:
    import zstandard
except ImportError:
    zstandard = None

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


def is_compressible(content_type):
    """Tell whether content of that type gets smaller."""
    kind = content_type.partition(';')[0].strip().lower()
    return kind != 'text/event-stream' and (
        kind.startswith('text/') or kind in _TYPES
        or kind.endswith(('+json', '+xml')))


# --- Codings ----------------------------------------------------------------
#
# Each makes a compressor of a level: compress() may keep what it is given,
# flush() returns what the client needs to read all that was given, finish()
# the rest.

class _Gzip:
    def __init__(self, level):
        self._zlib = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
        self.compress = self._zlib.compress
        self.finish = self._zlib.flush

    def flush(self):
        return self._zlib.flush(zlib.Z_SYNC_FLUSH)


class _Brotli:
    def __init__(self, level):
        compressor = brotli.Compressor(quality=level)
        self.compress = compressor.process
        self.flush = compressor.flush
        self.finish = compressor.finish


class _Zstd:
    # RFC 9659 lets clients refuse windows of more than 8 MiB: these levels
    # have none.
    def __init__(self, level):
        self._zstd = zstandard.ZstdCompressor(level=level).compressobj()
        self.compress = self._zstd.compress
        self.finish = self._zstd.flush

    def flush(self):
        return self._zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)


#: What makes a compressor, by the name of the coding, the best first.
CODINGS = {name: make for name, make, library in (
    ('zstd', _Zstd, zstandard), ('br', _Brotli, brotli),
    ('gzip', _Gzip, zlib)) if library}


def _step(compressor, piece):
    return compressor.compress(piece) + compressor.flush()


class CompressedPieces:
    """The pieces of a body, compressed. Each can be read by the client as
    soon as it is sent, unless they are those of a file.

    :param response: the response; its body is closed in the end.
    :param compressor: one of :data:`CODINGS` makes it.
    """
    #: Bytes of a piece: a larger one is compressed in a thread.
    max_inline = 64 * 1024

    def __init__(self, response, compressor):
        self._is_file = response.size is not None
        self._pieces = response.body_iter()
        self._compressor = compressor

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
                data = self._compressor.finish()
                self._compressor = None
                continue
            if piece:
                data = await self._compress(to_bytes(piece))
        return data

    async def _compress(self, piece):
        if self._is_file:
            return self._compressor.compress(piece)
        if len(piece) > self.max_inline:
            return await invoke_handler(_step, self._compressor, piece)
        return _step(self._compressor, piece)

    async def aclose(self):
        await close_body(self._pieces)


class Compress:
    """Compresses the responses of an application.

    Left as they are: responses of another status than 200 to 299, partial
    ones (206), those with a ``Content-Encoding`` or ``no-transform``, events
    (SSE), images and whatever else would not get smaller.

    :param min_size: bytes of a body that is not compressed yet.
    :param level: 1, fast, to 9, small; zstd and br understand it likewise.
    :param with_sessions: whether to compress what was made with the session
                          too: only where no response holds both a secret and
                          what a client has sent.
    :param codings: those to use, of ``zstd``, ``br`` and ``gzip``, the best
                    first; ``None``: all that are installed.
    :raises ValueError: the level or a coding is none of these, or not
                        installed.
    :raises TypeError: *min_size* is no number, or *codings* a text.
    """
    #: Bytes of a body that is compressed in one piece; a larger one is sent
    #: in pieces, without ``Content-Length``.
    max_whole = 64 * 1024
    #: Codings in an ``Accept-Encoding``: with more nothing is compressed.
    max_codings = 20

    def __init__(self, app, min_size=500, level=6, with_sessions=False,
                 codings=None):
        if level not in range(1, 10):
            raise ValueError('level is %r, and has to be 1 to 9' % (level,))
        if not isinstance(min_size, (int, float)):
            raise TypeError('min_size is a number of bytes; this is %r' % (
                min_size,))
        self.min_size = min_size
        self.level = level
        self.with_sessions = with_sessions
        if isinstance(codings, str):
            raise TypeError('codings is a list: [%r]' % codings)
        self.codings = tuple(CODINGS if codings is None else codings)
        for name in self.codings:
            if name not in CODINGS:
                raise ValueError('coding is %r, and has to be one of %s' % (
                    name, ', '.join(CODINGS)))
        app.finishers.append(self.finish)

    def finish(self, request, response):
        """Return the response to be sent in place of another."""
        if request is None or not self._may(request, response):
            return response
        add_vary(request, 'Accept-Encoding')
        coding = self._choose(request.headers.get('Accept-Encoding', ''))
        if not coding:
            finish_vary(request, response)
            return response
        finish_vary(request, response)
        headers = response.headers
        compressor = CODINGS[coding](self.level)
        body = self._body(response)
        if isinstance(body, bytes):
            response.body = compressor.compress(body) + compressor.finish()
        else:
            response.body = CompressedPieces(response, compressor)
        response.size = None
        headers['Content-Encoding'] = coding
        for name in 'Content-Length', 'Accept-Ranges':
            if name in headers:
                del headers[name]
        # The bytes are not those that a strong one stands for (RFC 9110,
        # section 8.8.1).
        if headers.get('ETag', '').startswith('"'):
            headers['ETag'] = 'W/' + headers['ETag']
        return response

    def _choose(self, value):
        if value.count(',') >= self.max_codings:
            return None
        # the same under an old name (RFC 9110, section 8.4.1.3)
        return choose_coding(value.lower().replace('x-gzip', 'gzip'),
                             self.codings)

    def _may(self, request, response):
        size = response.size
        if isinstance(response.body, (str, bytes, bytearray, memoryview)):
            size = len(response.body)
        return (size is None or size >= self.min_size) and \
            self._is_plain(response) and \
            not getattr(request.route, 'no_compress', False) and \
            (self.with_sessions or 'Cookie' not in (request.vary or ()))

    def _is_plain(self, response):
        headers = response.headers
        return 200 <= response.status_code < 300 and \
            response.status_code not in (204, 206) and \
            'Content-Encoding' not in headers and \
            'no-transform' not in headers.get('Cache-Control', '') and \
            is_compressible(headers.get('Content-Type') or
                            response.default_content_type)

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

"""Between bytes and values, faster than the core: what clients send again and
again is parsed once, what is sent again and again is encoded once."""
import calendar
import functools
import sys
import time
from http import HTTPStatus
from typing import Any

from .. import microdot as core
from .._mistakes import WrongPiece, named


class Cache(dict):
    """The results of a function of one short text, by that text. Peers choose
    the texts, so that it is bounded: full, it starts anew."""
    max_entries = 256
    max_length = 64  # of a text

    def __init__(self, function, len_of=len):
        super().__init__()
        self.function = function
        self.len_of = len_of

    def __missing__(self, text):
        value = self.function(text)
        if self.len_of(text) <= self.max_length:
            if len(self) >= self.max_entries:
                self.clear()
            self[text] = value
        return value


class LineCache(Cache):
    """The same for header lines, those that clients repeat with each request.
    What may tell who somebody is, under whatever name, does not stay."""
    max_length = 192
    kept = frozenset((
        b'host:', b'user-', b'accep', b'conne', b'conte', b'cache', b'upgra',
        b'sec-f', b'sec-c'))

    def __missing__(self, line):
        if line[:5].lower() in self.kept:
            return super().__missing__(line)
        return self.function(line)


# What a line of a head may hold.
_allowed = bytes(byte for byte in range(256)
                 if byte == 9 or byte >= 32 and byte != 127)


def bad_text(data, count):
    """The core's check of a head in one pass instead of three: what remains
    of *data*, in which there are so many line ends, is these alone."""
    if not count and data.isascii() and data.decode().isprintable():
        return False  # in a third of the time, where it is short
    return len(data.translate(None, _allowed)) != 2 * count


_phrases = {status.value: status.phrase for status in HTTPStatus}
# before Python 3.13 these are not yet those of RFC 9110
_phrases.update({413: 'Content Too Large', 414: 'URI Too Long',
                 416: 'Range Not Satisfiable', 422: 'Unprocessable Content'})


def reason_phrase(status_code):
    """Return the standard reason phrase of a status code, or ``''``.

    :raises TypeError: it is no number.
    """
    if not isinstance(status_code, int):
        # (abort() asks for that of what it is given)
        raise TypeError('a status code is a number, such as 404; this is ' +
                        named(status_code))
    return _phrases.get(status_code, '')


def describe_error(error):
    """Return status, phrase and reason of an :class:`HTTPException`."""
    text = '%d %s' % (error.status_code,
                      reason_phrase(error.status_code) or 'error')
    reason = error.reason
    if isinstance(reason, str) and reason.lower() not in text.lower():
        text += ': ' + reason
    return text


def status_line(status_code, reason=None):
    """Return the status line, without the version.

    :raises ValueError: the status is none that a server sends last (RFC 9110,
                        section 15), or that of a protocol to switch to.
    """
    try:
        return _status_line(status_code, reason)
    except (TypeError, ValueError):
        raise ValueError('the status code of a response is a number from 200 '
                         'to 599, or 101; this is %r' % (status_code,)
                         ) from None


_status_line = core.status_line


def fast_head(encode_head):
    """Make an ``encode_head`` that keeps what comes before the length: the
    status line and the header lines, by their values. It leaves all but plain
    responses with a body of known length to the core's, and the checks of a
    line are the core's."""
    special = ('connection', 'content-length', 'transfer-encoding',
               'keep-alive', 'date')
    private = 'cookie', 'location', 'authenticate', 'token', 'key'
    when = date = None  # a second, and the header line for it

    def encode_line(item):
        # Returns the line, and whether it is the type of the content; None
        # for what the core has to look at.
        name, value = item
        key = core.parse_token(name)
        if key == 'content-type':
            value = core.text_type(value)
        line = ('%s: %s\r\n' % (name, value)).encode()
        if key in special or bad_text(line, 1):
            return None
        return line, key == 'content-type'

    def encode_start(key):
        # Returns what comes before the length, or None likewise.
        status, content_type, *items = key
        line = core.status_line(status)  # first: it says what is no status
        if status < 200 or status == 204 or status == 304:
            return None
        start = b'HTTP/1.1 %b\r\n' % line.encode()
        typed = False
        for item in items:
            found = encoded_line(item)
            if found is None:
                return None
            start += found[0]
            typed = typed or found[1]
        if not typed:
            found = encode_line(
                ('Content-Type', core.default_type(content_type)))
            if found is None:
                return None
            start += found[0]
        return start

    def length(item):
        name, value = item
        # what tells who somebody is, or lets them in, does not stay
        return sys.maxsize if name.lower().endswith(private) \
            else len(name + value)

    def total(key):
        return len(key[1]) + sum(map(length, key[2:]))

    # (the method of a dict's subclass is faster than its subscript)
    encoded_line = Cache(encode_line, len_of=length).__getitem__
    starts = Cache(encode_start, len_of=total)
    starts.max_length = 256
    encoded_start = starts.__getitem__
    encoded_length = Cache(lambda size: b'Content-Length: %d\r\n' % size,
                           len_of=lambda size: 0).__getitem__

    def fast(res, version, size, keep):
        nonlocal when, date
        status = res.status_code
        if version != '1.1' or not keep or size is None or res.reason \
                or res.is_head or res.body is None:
            return encode_head(res, version, size, keep)
        key: tuple[Any, ...] = status, res.default_content_type
        if res.headers:
            for item in res.headers.items():
                # (what equals a string may be another when it is sent)
                if not type(item[0]) is type(item[1]) is str:
                    return encode_head(res, version, size, keep)
                key += item,
        start = encoded_start(key)
        if start is None:
            return encode_head(res, version, size, keep)
        now = int(time.time())
        if now != when:
            date = core.date_line()
            date = date.encode() + b'\r\n\r\n' if date else b'\r\n'
            when = now
        return start + encoded_length(size) + date, size, True, False

    return fast


def in_utc(core_date):
    """Make an ``http_date`` that knows zones of time."""
    @functools.wraps(core_date)
    def http_date(when):
        if hasattr(when, 'utctimetuple'):
            when = calendar.timegm(when.utctimetuple())
        return core_date(when)
    return http_date


def once_a_second(function):
    """Make a function without arguments whose result is kept for the rest of
    the second."""
    when = result = None

    def cached():
        nonlocal when, result
        now = int(time.time())
        if now != when:
            result = function()
            when = now
        return result

    return cached


def _parse_plain_size(line):
    # The size of a chunk; 0 for what the core has to look at: the last one,
    # and those with extensions.
    try:
        return core.parse_chunk_size(line) if b';' not in line else 0
    except ValueError:
        return 0


_plain_size = Cache(_parse_plain_size).__getitem__
#: Bytes of a chunk, equals of which are looked for all at once.
_SMALL = 8


def _equal_chunks(data, pos, start, size, count):
    # Find how many chunks there are like the one whose line ends at *start*,
    # of so few bytes, up to a number; return what is in them, and where they
    # end.
    head = data[pos:start]
    unit = start - pos + size
    count = min(count, (len(data) - pos) // unit)
    for i, byte in enumerate(head):
        column = data[pos + i:pos + count * unit:unit]
        if column.count(byte) != count:
            count = len(column) - len(column.lstrip(bytes((byte,))))
    content = bytearray(count * size)
    for i in range(size):
        content[i::size] = data[start + i:pos + count * unit:unit]
    return content, pos + count * unit


def whole_chunks(data, pos, most):
    """Find the chunks that are in *data* as a whole, each after the end of the
    line that the one before lacks. All but plain ones end the search.

    :param most: bytes that may be in them.
    :return: ``(pieces, size, pos)``: what is in them, the sum of its bytes,
             and where they end.
    """
    pieces = []
    left = most
    length = len(data)
    count = 16  # of equal ones that are looked for; more where all were
    skip = 0    # of those before the next look, which takes as long as ten
    while data[pos:pos + 2] == b'\r\n':
        end = data.find(b'\r\n', pos + 2, pos + 12)
        if end < 0:
            break
        size = _plain_size(data[pos + 2:end])
        stop = end + 2 + size
        if not size or size > left or stop > length:
            break
        if size <= _SMALL and not skip:
            count = min(count, left // size)
            piece, pos = _equal_chunks(data, pos, end + 2, size, count)
            if len(piece) == count * size:
                count *= 4
            else:
                count, skip = 16, 64
        else:
            piece = data[end + 2:stop]
            pos = stop
            skip = max(0, skip - 1)
        left -= len(piece)
        pieces.append(piece)
    return pieces, most - left, pos


def to_bytes(data):
    """Return text, or what else has bytes, as ``bytes``.

    :raises TypeError: it is neither.
    """
    if isinstance(data, str):
        return data.encode()
    try:
        return bytes(memoryview(data))
    except TypeError:
        raise WrongPiece(data) from None

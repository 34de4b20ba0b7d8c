"""A web framework small enough for a microcontroller."""
# This file is the core, and works when copied alone to a board. What not
# every program needs, such as cookies, files and mounted applications, is in
# files beside it, and loaded when it is first used. The core is
# written in three layers, in the order in which the bytes of a request meet
# them. *Wire*: bytes to values and back, no ``await``. *Transport*: awaits,
# reads, writes and times out, decides nothing. *Application*: routes, requests
# and responses, knows no sockets.
#
# Docstrings are short here, since a board that compiles this file has to hold
# them: what else is to be said is in the stub beside it, microdot.pyi, which
# the reference and editors show.

import asyncio
import io
import json
import sys
import time
from binascii import unhexlify
from collections import namedtuple

# An .mpy has its names in a list, in the order in which the compiler meets
# them, and takes one byte for each use of the first 128, two for others'. So
# those that are used most are met here: nothing of it is run, or compiled to
# more than a jump, and it saves 820 bytes of .mpy and of heap. What
# "tools/boards/names.py --write" puts here are words of up to ten characters,
# and as attributes longer ones, which would be constants as text.
while True:
    break
    ['', '*', '/', '1.0', 'Exception', 'G', 'MissingKey', 'NoCaseDict',
     'OSError', 'Request', 'Response', 'Stream', 'ValueError', 'Values',
     '_BOARD', '_PIECE', '__aiter__', '__anext__', '__init__', '__module__',
     '__name__', '_adder', '_method', 'abort', 'app', 'append', 'bad_text',
     'body', 'body_bytes', 'bytes', 'chain', 'clear', 'close', 'close_body',
     'closing', 'count', 'counters', 'data', 'deadline', 'decode', 'discard',
     'done', 'encode', 'endswith', 'event', 'expect', 'expired', 'find', 'get',
     'getattr', 'hasattr', 'headers', 'host', 'int', 'isinstance', 'join',
     'keep', 'key', 'kind', 'later', 'left', 'len', 'length', 'limit', 'list',
     'lower', 'match', 'method', 'methods', 'owed', 'own', 'partial', 'path',
     'pos', 'read', 'reason', 'register', 'replace', 'req', 'request', 'res',
     'self', 'send', 'server', 'servers', 'sock', 'source', 'split', 'str',
     'streams', 'strip', 'super', 'sweeping', 'update', 'value', 'version',
     'wait', 'watcher']
    (asyncio.AsyncBytesIO.BodyIterator.Disconnected.HTTPException.ImportError
     .MalformedBody.MemoryError.__getattr__.__getitem__.__qualname__
     .__setitem__.after_request_handlers.already_handled.connections
     .invoke_handler.iscoroutine.log_exception.max_content_length.status_code)


def const(value):
    # For CPython. Boards compile what it is given into where a name is used.
    return value


# Boards lack inspect, threads and signals, have one type for coroutines and
# generators, and their streams close only in wait_closed().
_BOARD = not hasattr(asyncio, 'to_thread')

# All of ASCII that a header may hold; the first 77 are for tokens, 73 of them
# for names of hosts, of which 62 are letters and digits, those from 26 to 42
# hexadecimal ones. strip() of these leaves nothing of a text, in a third of a
# regular expression's time.
_TEXT = const(
    b'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'
    b"-!$%&'*+._~#^`|" b' /:;=,()"<>?@[]\\{}\t')
# What else a URL may hold, and of it the first six a host.
_MARKS = const(b'(),;=:/?#@[]')

_OTHER_LENGTH = const('body and Content-Length differ by %d bytes')
_TOO_LARGE = const('Payload too large, see Request.')
_CONTINUE = const(b'HTTP/1.1 100 Continue\r\n\r\n')
# Bytes read or joined at once. Boards: a full heap has few larger pieces.
_PIECE = 512 if _BOARD else 65536


# --- Port shims -------------------------------------------------------------

def print_line(method, path, status_code):
    # Print a line for a request. A console that is gone, or has not the
    # characters, does not cost the client anything. (Escapes are for no
    # terminal to obey)
    try:
        print(method, repr(path)[1:-1], status_code)
    except (OSError, ValueError):
        pass  # there is no other place to say so


def iscoroutine(obj):
    """Tell whether *obj* is to be awaited."""
    # On a board that is also true of a generator, which has the same type.
    return hasattr(obj, '__await__') or _BOARD and hasattr(obj, 'throw')


def mro(cls):
    # The classes of a class, from itself to ``object``.
    found = [cls]
    for base in cls.__bases__:
        for parent in mro(base):
            if parent in found:
                found.remove(parent)
            found.append(parent)
    return found


def _step(iterator):
    # Boards only. Runs a generator to its next item or its end, and returns
    # a BodyIterator that begins with the item, or the value. What it awaits
    # on the way shows here as None and is passed on to the event loop: so a
    # coroutine, a generator and an "async generator" can be told apart, and
    # the last one just works.
    error = None
    while True:
        try:
            item = iterator.throw(error) if error \
                else iterator.send(None)
        except StopIteration as exc:
            return exc.value
        if item is not None:
            return BodyIterator(iterator, item)
        error = None
        try:
            yield
        except BaseException as exc:
            error = exc


# Tells whether a handler is known to return a coroutine: none is, here.
is_async = iscoroutine


async def invoke_handler(_f, *args, **kwargs):
    # Call a handler, and await what it returns if need be.
    # (its own arguments may have any other name)
    result = _f(*args, **kwargs)
    if iscoroutine(result):
        result = await (_step(result) if _BOARD else result)
    return result


def later(obj, name):
    # A method that needs another module, see methods.py, which is loaded when
    # the first of them is asked for. (What a handler returns is asked for
    # what coroutines have)
    if name == 'throw' or name[:2] == '__':
        raise AttributeError(name)
    try:
        from .methods import find
    except ImportError:
        raise AttributeError('no %s, or no methods.py' % name)
    return find(obj, name)


# --- Errors -----------------------------------------------------------------

class HTTPException(Exception):
    """An error as an answer, see :func:`abort`."""
    def __init__(self, status_code, reason=None, headers=None):
        super().__init__(status_code, reason)
        self.status_code = status_code
        # (where none is given, the standard phrase if that is known)
        self.reason = reason or (
            'Not found' if status_code == 404 else
            reason_phrase(status_code) or '%d error' % status_code)
        self.headers = headers


class MalformedBody(ValueError):
    """The body or query is not what its type says."""
    # Where no handler catches it, it is answered as an HTTPException is. Its
    # text says what is wrong.
    status_code = 400
    reason = 'Bad Request'
    headers = None


class MissingKey(KeyError):
    """A request lacks what a handler takes by name."""
    # Where no handler catches it, it is answered as an HTTPException is.
    status_code = 400
    headers = None

    def __init__(self, key, kind):
        super().__init__(key)
        self.reason = "missing %s '%s'" % (kind, key)


# What is answered with the status that it carries.
_ANSWERS = (HTTPException, MalformedBody, MissingKey)


class Disconnected(OSError):
    """The client is gone."""
    # Handlers may catch it to clean up; what they let pass is not logged.


# What is nobody's error, and ends more than a request.
LEAVING = (asyncio.CancelledError, Disconnected, KeyboardInterrupt,
            GeneratorExit)


def abort(status_code, reason=None, headers=None):
    """Stop handling the request and answer with an error."""
    raise HTTPException(status_code, reason, headers)


# --- Wire: text -------------------------------------------------------------

# On boards; CPython has its own.
print_exception = getattr(sys, 'print_exception', print)


def decode_text(data):
    # Text is UTF-8, or else each byte is one character (obs-text, RFC 9110
    # section 5.5). Boards have no latin-1 codec.
    try:
        return data.decode()
    except ValueError:
        return ''.join(map(chr, data))


def urldecode(s, plus=True):
    """Decode percent-encoded UTF-8 text."""
    if isinstance(s, str):
        s = s.encode()
    if plus:
        s = s.replace(b'+', b' ')
    parts = s.split(b'%')
    for i in range(1, len(parts)):
        part = parts[i]
        parts[i] = unhexlify(part[:2]) + part[2:] if part else b'%'
    return b''.join(parts).decode()


def urlencode(s, safe=b'-/!$()*,:;@._~'):
    """Percent-encode text, for a path or query."""
    # :param safe: what is left as it is beside letters and digits
    safe += _TEXT[:62]
    parts = []
    for byte in s.encode():
        parts.append(chr(byte) if byte in safe else '%%%02X' % byte)
    return ''.join(parts)


def http_date(when):
    # Format a time (RFC 9110, section 5.6.7).
    when = time.gmtime(int(when)) if isinstance(when, (int, float)) \
        else when.timetuple()
    return '%s, %02d %s %d %02d:%02d:%02d GMT' % (
        'MonTueWedThuFriSatSun'[when[6] * 3:][:3], when[2],
        'JanFebMarAprMayJunJulAugSepOctNovDec'[when[1] * 3 - 3:][:3],
        when[0], when[3], when[4], when[5])


def parse_pairs(text, kind, most):
    # Parse a query string or URL-encoded form into a :class:`MultiDict`.
    #
    # :param kind: what a key is called when it is missing.
    # :param most: pairs.
    # :raises HTTPException: 413: there are more.
    # :raises MalformedBody: a key or value is badly encoded.
    pairs = MultiDict()
    pairs.kind = kind
    if text.count('&') >= most:
        raise HTTPException(413, _TOO_LARGE + 'max_fields')
    try:
        for pair in text.split('&'):
            if pair:
                key, _, value = pair.partition('=')
                pairs[urldecode(key)] = urldecode(value)
    except ValueError:
        raise MalformedBody('Badly encoded form or query')
    return pairs


def parse_list(text, sep=','):
    # Return the members of a header that is a list, without the spaces
    # around them (RFC 9110, section 5.6.1).
    #
    # :raises HTTPException: 431: more than ``Request.max_members``.
    if text.count(sep) >= Request.max_members:
        raise HTTPException(431)
    members = text.split(sep)
    for i in range(len(members)):
        members[i] = members[i].strip(' \t')
    return members


def bad_text(data, count):
    # Whether data has bytes that no header may have (RFC 9110, section 5.5),
    # or CR or LF other than in so many line ends.
    rest = data.replace(b'\r\n', b'') if count else data
    if len(data) - len(rest) != 2 * count:
        return True
    rest = rest.strip(_TEXT)
    return rest and (127 in rest or
                     min(rest.replace(b'\t', b'') or b' ') < 32)


def _parse_number(text):
    # int() also takes signs, spaces, underscores and digits of other scripts
    if len(text) > 10 or not text.encode().isdigit():
        raise ValueError('not a number')
    return int(text)


# --- Wire: requests ---------------------------------------------------------

def _check_token(data):
    if not data or data.strip(_TEXT[:77]):
        raise ValueError('not a token')


def parse_token(text):
    # Return a header name or method in lower case.
    #
    # :raises ValueError: not a token (RFC 9110, section 5.6.2).
    _check_token(text.encode())
    return text.lower()


_host = ''  # the last that was good: boards have one name


def parse_host(host):
    # Check a ``Host`` value: a name or address, and perhaps a port.
    #
    # :raises ValueError: it is neither (RFC 9110, section 7.2).
    global _host
    if host == _host:
        return host
    name = host
    if ':' in host and not host.endswith(']'):
        name, _, port = host.rpartition(':')
        if port and _parse_number(port) > 65535:
            raise ValueError('host')
    if name.startswith('[') and name.endswith(']'):
        name = name[1:-1]
    elif ':' in name:
        raise ValueError('host')
    if name.encode().strip(_TEXT[:73] + _MARKS[:6]):
        raise ValueError('host')
    for part in name.split('%')[1:]:
        unhexlify(part[:2] or '%')  # or ValueError (RFC 3986, section 2.1)
    if len(host) < 64:
        _host = host
    return host


def join_field(key, value, more):
    # Return the value of a header that is repeated.
    #
    # :raises ValueError: it must not be (RFC 9112, sections 3.2 and 6.3).
    if key in ('host', 'content-length', 'transfer-encoding'):
        raise ValueError('ambiguous')
    return value + ('; ' if key == 'cookie' else ', ') + more


def parse_line(line):
    # Return name, in lower case, and value of a header line.
    #
    # :raises ValueError: it has no colon, or space before it, or no name, or a
    #                     control character.
    # Boards: for each new str all that are interned are searched, a
    # microsecond of the 25 that a request takes; for bytes they are not.
    name, value = line.split(b':', 1)
    _check_token(name)
    if bad_text(value, 0):
        raise ValueError('control character in a head')
    return name.lower().decode(), decode_text(value.strip(b' \t'))


def find_head(data, pos=0):
    # Find the end of the request head that starts at *pos*.
    #
    # :return: the index of the blank line that ends it, or -1: need more.
    # :raises ValueError: it is no request, and never will be.
    # :raises HTTPException: 414 or 431: it is over a limit.
    end = data.find(b'\r\n\r\n', pos)
    # (without an end, the last three bytes may be most of it)
    size = (len(data) - 3 if end < 0 else end) - pos
    most = Request.max_readline
    if size > most:
        line = data.find(b'\r\n', pos, pos + most + 2) - pos
        if line < 0:
            raise HTTPException(414)
        if size - line - 2 > Request.max_header_size:
            raise HTTPException(431)
    if end < 0:
        line = data.find(b'\n', pos)
        # A bare LF would never end a head; nor would TLS on a plain port.
        if data[pos] < 33 or line >= 0 and data[line - 1] != 13:
            raise ValueError('not HTTP')
    return end


def _parse_version(version):
    # Any but the usual one.
    number = version[5:].decode()
    if version[:5] != b'HTTP/' or len(number) != 3 or number[1] != '.':
        raise ValueError('version')
    if _parse_number(number[0] + number[2]) // 10 != 1:
        raise HTTPException(505)
    return number


def parse_head(head):
    # Parse a request head, without the blank line that ends it.
    #
    # RFC 9112, sections 2 to 5, without its leniencies: one space, CRLF only,
    # no folded lines, no control bytes.
    #
    # :return: ``(method, target, version, fields, lines)``: *version* is
    #          ``'1.1'`` or the like, *fields* a dict of values by lower-case
    #          name, *lines* the header lines as received, in bytes. Repeated
    #          fields are joined: cookies by ``'; '``, others by ``', '``.
    # :raises ValueError: it is malformed or ambiguous.
    # :raises HTTPException: 431, 501 or 505.
    lines = head.split(b'\r\n')
    method, target, version = lines.pop(0).split(b' ')
    _check_token(method)
    if bad_text(target, 0) or b'\t' in target:
        raise ValueError('control character in a head')
    method = method.decode()
    target = decode_text(target)
    version = '1.1' if version == b'HTTP/1.1' else _parse_version(version)
    most = Request.max_readline
    if len(lines) > Request.max_headers or len(head) > most and lines and \
            max(map(len, lines)) > most:
        raise HTTPException(431)
    fields = {}
    for line in lines:
        key, value = parse_line(line)
        if key in fields:
            value = join_field(key, fields[key], value)
        fields[key] = value
    if 'host' in fields:
        parse_host(fields['host'])
    elif version != '1.0':
        raise ValueError('no host')
    if method == 'CONNECT':
        raise HTTPException(501)
    if (target[:1] != '/' or '#' in target) and (
            target != '*' or method != 'OPTIONS'):
        fields['host'], target = parse_absolute(target)
    return method, target, version, fields, lines


def parse_absolute(target):
    # Return the host and the path of a target in absolute form (RFC 9112,
    # section 3.2.2).
    #
    # :raises ValueError: it is malformed.
    scheme, _, rest = target.partition('://')
    host = rest.split('/', 1)[0].split('?', 1)[0]
    if scheme.lower() not in ('http', 'https') or not host or '#' in target:
        raise ValueError('target')
    target = rest[len(host):]
    if target[:1] != '/':
        target = '/' + target  # there may be a query without a path
    return parse_host(host), target


def parse_chunk_size(line):
    # Return the size of a chunk from the line that begins it, without CRLF.
    # Extensions are ignored (RFC 9112, section 7.1.1).
    #
    # :raises ValueError: it is not one to eight hexadecimal digits.
    size, extension, _ = line.partition(b';')
    if extension:
        size = size.rstrip(b' \t')
    if not size or len(size) > 8 or bad_text(line, 0) or \
            size.upper().strip(_TEXT[26:42]):
        raise ValueError('chunk')
    return int(size, 16)


def parse_framing(version, fields):
    # Find how long a body is and whether the connection may stay open
    # (RFC 9112, sections 6 and 9.3).
    #
    # :return: ``(length, keep_alive)``; *length* is -1 for the chunked coding.
    # :raises ValueError: two lengths, a length beside a coding, a coding in
    #                     HTTP/1.0.
    # :raises HTTPException: 501: another coding. 431: too many options.
    length = 0
    coding = fields.get('transfer-encoding')
    if coding is not None:
        if version == '1.0' or 'content-length' in fields:
            raise ValueError('ambiguous')
        # (other scripts have letters that are ASCII in lower case)
        if coding.lower() != 'chunked' or len(coding.encode()) > 7:
            raise HTTPException(501)
        length = -1
    elif 'content-length' in fields:
        length = _parse_number(fields['content-length'])
    value = fields.get('connection')
    if value is None:
        return length, version != '1.0'
    options = parse_list(value.lower())
    return length, 'close' not in options and (
        version != '1.0' or 'keep-alive' in options)


# --- Wire: responses --------------------------------------------------------

_REASONS = const(
    ',200 OK,204 No Content,301 Moved Permanently,302 Found,' \
    '304 Not Modified,400 Bad Request,401 Unauthorized,403 Forbidden,' \
    '404 Not Found,405 Method Not Allowed,413 Content Too Large,' \
    '500 Internal Server Error,503 Service Unavailable,')


def reason_phrase(status_code):
    # Return the standard reason phrase of a status code, or ``''``. On a
    # board only the usual ones are known (RFC 9112, section 4).
    i = _REASONS.find(',%d ' % status_code)
    return '' if i < 0 else _REASONS[i + 5:_REASONS.find(',', i + 5)]


def status_line(status_code, reason=None):
    # without the version
    if not 200 <= status_code <= 599 and status_code != 101:
        raise ValueError('status code')
    return '%d %s' % (status_code, reason or reason_phrase(status_code))


_dated = 0, ''  # a second, and its date_line(): kept, as both take long


def date_line():
    # Return the ``Date`` header, or ``''`` while the clock is not set.
    global _dated
    now = int(time.time())
    if now != _dated[0]:
        _dated = now, 'Date: ' + http_date(now) \
            if time.gmtime(now)[0] > 2023 else ''
    return _dated[1]


def encode_field(lines, name, value):
    # Append the lines of a header, as ``bytes``: more than one for a list.
    for item in value if isinstance(value, (list, tuple)) else (value,):
        lines.append(('%s: %s' % (name, item)).encode())


def encode_lines(lines, check=True):
    # Join a start line and header lines, all ``bytes``, into a head.
    #
    # :param check: whether any line is not our own.
    # :raises ValueError: a line holds CR, LF or another control character.
    head = b'\r\n'.join(lines)
    if check and bad_text(head, len(lines) - 1):
        raise ValueError('control character in a head')
    return head + b'\r\n\r\n'


def default_type(content_type):
    # with the charset that text has here
    return content_type if 'charset=' in content_type \
        else content_type + '; charset=UTF-8'


def text_type(content_type):
    # Return a content type, with the charset that text has here where it is
    # one of text and names none. Event streams have no other (HTML Living
    # Standard, section 9.2.5).
    kind = str(content_type).lower()
    name = kind.split(';')[0].rstrip()
    if 'charset=' not in kind and name != 'text/event-stream' and (
            name.startswith('text/') or name.endswith('xml') or
            name.endswith('javascript')):
        content_type += '; charset=UTF-8'
    return content_type


def encode_head(res, version, size, keep):
    # Encode the head of a response as the server sends it.
    #
    # :param res: the :class:`Response`.
    # :param version: of the request: ``'1.1'``, ``'1.0'``...
    # :param size: bytes of the body; ``None`` when that is not known.
    # :param keep: whether the connection may stay open.
    # :return: ``(head, size, keep, chunked)``; *size* is that of the
    #          body to send, or ``None``; *chunked* is ``None`` for a response
    #          that must not have one.
    # :raises ValueError: a header is not fit for the wire, or the handler's
    #                     own Content-Length is not that of the body.
    status = res.status_code
    old = version == '1.0'
    # RFC 9110, sections 6.4.1 and 8.6: these never have a body or a length.
    bare = status < 200 or status in (204, 304)
    lines = [(b'HTTP/1.0 ' if old else b'HTTP/1.1 ') +
             status_line(status, res.reason).encode()]
    own = _encode_own(res, lines)
    # what a handler may ask for is to close
    keep = keep and status != 101 and \
        'close' not in own.get('connection', '').lower()
    if not bare and res.body is not None and 'content-type' not in own:
        lines.append(b'Content-Type: ' +
                     default_type(res.default_content_type).encode())
    chunked = False
    if not bare:
        size = _measure(res, size, own.get('content-length'))
        if size is not None:
            lines.append(b'Content-Length: %d' % size)
        elif old:
            keep = False
        else:
            chunked = True
            lines.append(b'Transfer-Encoding: chunked')
    date = '' if 'date' in own else date_line()
    if date:
        lines.append(date.encode())
    if status != 101:
        if not keep:
            lines.append(b'Connection: close')
        elif old:
            lines.append(b'Connection: keep-alive')
    return encode_lines(lines, res.headers or res.reason or
                        res.default_content_type != 'text/plain'), size, \
        keep, None if bare or res.is_head else chunked


def _encode_own(res, lines):
    # Append the handler's headers, but for those that frame the response,
    # which is decided by encode_head(). Return what that has to know.
    own = {}
    for name, value in res.headers.items():
        key = parse_token(name)
        own[key] = value
        if key == 'content-type':
            value = text_type(value)
        if key not in ('connection', 'content-length', 'transfer-encoding',
                       'keep-alive') or \
                key == 'connection' and res.status_code == 101:
            encode_field(lines, name, value)
    return own


def _measure(res, size, length):
    # The bytes of a body, by the handler's own length too.
    if length is None:
        return size
    length = int(length)
    if size is not None and length != size and not res.is_head:
        raise ValueError(_OTHER_LENGTH % (length - size))
    return length


# --- Containers -------------------------------------------------------------

class Values(dict):
    # What a request has under names.
    kind = None  # of a request: what a key is called when it is missing

    def __getitem__(self, key):
        if key in self:
            return super().__getitem__(key)
        raise MissingKey(key, self.kind) if self.kind else KeyError(key)

    def setdefault(self, key, default=None):
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, other_dict=(), **kwargs):
        for pairs in (other_dict, kwargs):
            if hasattr(pairs, 'items'):
                pairs = pairs.items()
            for key, value in pairs:
                self[key] = value


class NoCaseDict(Values):
    """A dict without regard to the case of keys."""
    # (iteration shows the spelling of a key that was set first)

    # getlist(key): all values
    __getattr__ = later

    def __init__(self, initial_dict=None):
        if _BOARD:
            super().__init__()
        self.keymap = {}
        if initial_dict:
            self.update(initial_dict)

    def __setitem__(self, key, value):
        super().__setitem__(self.keymap.setdefault(key.lower(), key), value)

    def __getitem__(self, key):
        return super().__getitem__(self.keymap.get(key.lower(), key))

    def __delitem__(self, key):
        super().__delitem__(self.keymap.pop(key.lower()))

    def __contains__(self, key):
        return key.lower() in self.keymap

    def get(self, key, default=None):
        return self[key] if key in self else default

    def pop(self, key, *default):
        if default and key not in self:
            return default[0]
        value = self[key]
        del self[key]
        return value

    def copy(self):
        return NoCaseDict(self)

    def clear(self):
        super().clear()
        self.keymap = {}


class MultiDict(Values):
    """A dict that keeps every value of a key."""
    def __init__(self, initial_dict=None):
        super().__init__()
        self.update(initial_dict or ())

    def __setitem__(self, key, value):
        if key in self:
            super().__getitem__(key).append(value)
        else:
            super().__setitem__(key, [value])

    def __getitem__(self, key):
        return super().__getitem__(key)[0]

    def get(self, key, default=None, type=None, strict=False):
        """Return the first value of *key*."""
        if key not in self:
            return default
        try:
            value = self[key]
            return type(value) if type else value
        except (KeyError, ValueError):
            if not strict:
                return default
        from .methods import malformed
        raise malformed(self, key)

    def getlist(self, key, type=None):
        """Return all values of *key* as a list."""
        values = super().__getitem__(key) if key in self else ()
        return list(map(type, values) if type else values)


class Stream:
    # What a stream has beside ``read(n)``, which returns one to *n* bytes, or
    # none at the end.
    left = 0          # bytes that are known to follow
    data = b''        # read ahead
    pos = 0           # how much of that is used

    # readexactly(n), readuntil(separator), readline()
    __getattr__ = later

    def __aiter__(self):
        return self

    async def __anext__(self):
        data = await self.read(_PIECE)
        if not data:
            raise StopAsyncIteration
        return data


class AsyncBytesIO(Stream):
    """An ``io.BytesIO`` as a stream."""
    def __init__(self, data):
        self.stream = io.BytesIO(data)

    async def read(self, n=-1):
        return self.stream.read(n)

    readexactly = read

    async def readline(self):
        return self.stream.readline()


# --- Transport --------------------------------------------------------------

class Connection(Stream):
    # One client: what was read ahead of it, and how long it may take.
    #
    # The methods up to ``take_head`` move bytes, and are replaced where there
    # is something better than a pair of streams; the others are built on them.
    # ``wait`` sets a deadline and one sweep over all connections enforces it,
    # so that a time-out costs neither a task nor a timer.
    #
    # As a stream it is the body of the request under way, bounded by the
    # declared length or the chunked coding (RFC 9112, sections 6 and 7);
    # without a body, all that the peer sends: for a protocol that took over.
    task = request = reader = writer = out = watcher = None
    deadline = 0      # in sweeps; 0: not waiting for the peer
    expired = False   # the deadline has passed
    owed = 0          # bytes that the peer is behind min_rate
    gone = False      # the peer ended while a response streamed
    partial = False   # some of a head is here
    count = 0         # requests so far
    taken = False     # a handler has written to it
    leave = None      # called on shutdown by what would go on for ever
    # The server sets also, with each request, version, keep: another may
    # follow it, length: of the body, -1: chunked, -2: lost in the framing,
    # done: it has been read, and expect: the peer waits for 100 Continue;
    # with a body chunks, so far, and limit: bytes that they may bring.

    def __init__(self, server, addr, sock=None):
        self.server = server
        self.app = server.app
        self.addr = addr
        self.sock = sock

    def register(self):
        # Count this connection, and have its deadlines enforced.
        server = self.server
        if not server.sweeping:
            server.sweeping = asyncio.create_task(server.sweep())
        self.app.connections.add(self)
        self.app.counters['open'] += 1

    parse_head = staticmethod(parse_head)

    def start(self):
        self.task = asyncio.create_task(self.serve())

    async def serve(self):
        app = self.app
        server = self.server
        sock = self.sock
        try:
            try:
                if self.reader:
                    pass
                elif _BOARD:
                    if server.ssl:
                        # the socket below is what has to be closed in the end
                        sock = server.ssl.wrap_socket(
                            sock, server_side=True,
                            do_handshake_on_connect=False)
                    sock.setblocking(False)
                    self.out = sock
                    self.reader = self.writer = asyncio.StreamReader(sock)
                else:
                    self.reader, self.writer = await asyncio.open_connection(
                        sock=sock)
                self.rest()
                while await self.fill() and await server.serve_requests(self):
                    pass
            except Disconnected:
                if self.expired and self.partial:
                    await server.serve_requests(self, HTTPException(408))
            except MemoryError:
                self.data = b''  # gives room for the answer
                await server.serve_requests(self, HTTPException(503))
        except asyncio.CancelledError:
            # ours: a client that left, or a shutdown
            if not (self.gone or server.closing):
                raise
        except (OSError, MemoryError):
            pass  # gone (Disconnected is an OSError), or not to be served
        except Exception as exc:
            app.log_exception(None, exc)
        finally:
            watcher = self.watcher
            if watcher:
                self.watcher = None
                watcher.cancel()
            try:
                await self.aclose()
            except MemoryError:
                pass  # not even for that
            finally:
                self.discard()

    async def _peer(self, io):
        # Errors of the peer's own socket mean that the peer is gone.
        try:
            return await io
        except asyncio.CancelledError:
            if not self.expired:
                raise
        except (OSError, EOFError, MemoryError):
            pass
        raise Disconnected

    async def fill(self):
        # Read some more of what the peer sent; ``False`` at its end.
        data = await self._peer(self.reader.read(_PIECE))
        more = len(data) > 0
        if self.pos < len(self.data):
            # boards: a slice of all would be a copy
            data = (self.data[self.pos:] if self.pos else self.data) + data
        self.data = data
        self.pos = 0
        return more

    def answer(self, data):
        # Send an answer; to be awaited, as :meth:`send` is.
        # Boards: what the network takes at once does without a turn of the
        # event loop, which there is when more is read. (TLS wants a piece
        # that it has not taken again as it was)
        if self.out and self.pos >= len(self.data) and len(data) <= 2048:
            try:
                taken = self.out.write(data)
            except (OSError, EOFError):
                raise Disconnected
            if taken == len(data):
                return ()
            data = data[taken or 0:]
        return self.send(data)

    async def awrite(self, data):
        # Send bytes past the server, which will not answer any more.
        self.taken = True
        await self.send(data)

    async def send(self, data):
        # Send bytes; wait until the peer has taken enough to go on.
        writer = self.writer
        data = memoryview(data)
        for i in range(0, len(data), 2048):
            piece = data[i:i + 2048]  # boards: network buffers are small
            self.owed -= len(piece)
            self.wait(self.app.stall_timeout)
            try:
                writer.write(piece)  # boards: sends at once
                piece = writer.drain()
            except (OSError, EOFError):
                raise Disconnected
            await self._peer(piece)
        self.deadline = 0

    async def watch(self, on):
        # Cancel the connection's task should the peer end, from now on, or
        # no longer.
        if not on:
            if self.watcher:
                self.watcher.cancel()
                self.watcher = None
                await asyncio.sleep(0)  # until it has let go of the stream
            return
        try:
            from .watching import watch
        except ImportError:
            return  # copied alone
        self.watcher = asyncio.create_task(watch(self))

    def stop(self, now=False):
        # Make the task end: a deadline has passed, or the server closes.
        #
        # :param now: whether what has been written need not arrive.
        self.task.cancel()
        if not self.writer:
            self.discard()  # the task may not even have begun

    def discard(self):
        # Close the connection at once.
        app = self.app
        if self.sock:
            self.sock.close()
            self.sock = None
        if self in app.connections:
            app.connections.remove(self)
            app.counters['open'] -= 1
            self.server.event.set()

    async def aclose(self):
        # Close the connection, whatever its state.
        writer = self.writer
        if writer:
            try:
                # boards: close() does nothing, wait_closed() closes
                writer.close()
                await writer.wait_closed()
            except (OSError, EOFError):
                pass

    def take_head(self):
        # Return the next request head, or ``None``: not yet here.
        data = self.data
        pos = self.pos
        # RFC 9112, section 2.2: an empty line before a request
        if data.startswith(b'\r\n', pos):
            pos += 2
        if pos >= len(data) or data[pos] == 13 and pos + 1 == len(data):
            return None
        end = find_head(data, pos)
        if end < 0:
            return None
        self.pos = end + 4
        self.partial = False
        if self.pos == len(data):
            # nothing of it is kept while it is handled
            self.data = b''
            self.pos = 0
        return data[pos:end]

    def wait(self, timeout):
        # Allow the peer that much time from now; ``None``: any. One that is
        # too slow gets none.
        app = self.app
        if app.min_rate and self.owed > app.min_rate * app.rate_window:
            timeout = 0
        self.deadline = 0 if timeout is None else 1 + self.server.ticks + \
            int(timeout / app.sweep_interval)

    def rest(self):
        # Set the deadline of a connection that waits for a request.
        app = self.app
        if not self.partial:
            # absolute: further bytes do not extend it
            self.partial = self.pos < len(self.data)
            if self.count or not self.deadline:
                self.wait(app.keep_alive_timeout if self.count and
                          not self.partial else app.head_timeout)
            if len(app.connections) >= app.max_connections:
                self.server.event.set()  # it may have to make room

    async def more(self):
        # More of a body: *fill* under the deadline for silence, unless the
        # caller has set an absolute one.
        own = not self.deadline
        if own:
            self.wait(self.app.stall_timeout)
        self.owed += len(self.data) - self.pos
        try:
            if not await self.fill():
                raise Disconnected
            self.owed -= len(self.data)
        except Disconnected:
            if self.expired:
                raise HTTPException(408)
            raise
        finally:
            if own:
                self.deadline = 0

    async def _read_line(self, most, reason):
        # A line of the chunked coding, without its CRLF. The reason says
        # which one is longer than *most*.
        while True:
            data = self.data
            pos = self.pos
            end = data.find(b'\r\n', pos)
            # (without an end, the last byte may be its CR)
            if (len(data) - 1 if end < 0 else end) - pos > most:
                raise ValueError(reason)
            if end >= 0:
                self.pos = end + 2
                return data[pos:end]
            await self.more()

    async def _next_chunk(self):
        # Read the line that begins the next chunk, or what ends the body.
        # Before it is read again the body counts as lost: what raises here
        # leaves a connection that must not be used again.
        if self.length != -1:
            raise HTTPException(400)
        self.length = -2
        try:
            if self.chunks:
                await self._read_line(0, 'chunk end')
            self.chunks += 1
            size = parse_chunk_size(await self._read_line(256, 'chunk line'))
            self.limit -= size
            if self.limit < 0:
                raise too_large(self.request)
            self.left = size
            if not size:
                # trailers are dropped, never merged into the headers
                most = Request.max_header_size
                while True:
                    line = await self._read_line(most, 'trailers')
                    if not line:
                        break
                    parse_line(line)
                    most -= len(line)
                self.done = True
        except ValueError as exc:
            raise self.app.refuse(exc)
        self.length = -1

    async def read(self, n=-1):
        # Read up to *n* bytes, at least one before the end; -1: all.
        #
        # :raises HTTPException: 400 for a broken chunk, 408 for silence, 413
        #                        for chunks of more than is allowed.
        # :raises Disconnected: the peer left in the middle.
        if n < 0:
            data = bytearray()
            async for piece in self:
                data += piece
            return bytes(data)
        length = self.length
        if length:
            if self.done:
                return b''
            if self.expect:
                # RFC 9110, section 10.1.1: only now is the body wanted
                self.expect = None
                await self.send(_CONTINUE)
            if not self.left:
                await self._next_chunk()
            n = min(n, self.left)
        if self.pos >= len(self.data) and n:
            await (self.more if length else self.fill)()
        data = self.data
        if self.pos or len(data) > n:
            data = data[self.pos:self.pos + n]
        self.pos += len(data)
        if length:
            self.left -= len(data)
            self.done = length > 0 and not self.left or self.done
        return data


# --- Requests ---------------------------------------------------------------

class Request:
    """A request, as handlers get it."""
    # The limits are those of boards; CPython's are with its own class.
    #: Bytes of a body, declared or chunked: more is answered with 413. Also
    #: an argument of the route decorators.
    max_content_length = 16 * 1024
    #: Bytes of a body that ``body`` holds; a larger one stays on
    #: :attr:`stream`. Also an argument of the route decorators.
    max_body_length = max_content_length
    #: Bytes of the request line (414) and of each header line (431).
    max_readline = 2 * 1024
    #: Bytes of all header lines: more is answered with 431.
    max_header_size = 8 * 1024
    #: Number of header lines: more is answered with 431.
    max_headers = 64
    #: Number of cookies, and of members of a header that is a list, such as
    #: ``Connection``: more is answered with 431.
    max_members = 64
    #: Number of fields in a query or form: more is answered with 413.
    max_fields = 100

    class G:
        # A bag of attributes.
        pass

    after_request_handlers = ()
    body_used = False
    root_path = ''        # where a gateway has put the application
    held = 0              # bytes of its body that count for max_bodies
    id = None             # given by logs.AccessLog, which logs it
    error = None          # the exception that is answered
    exception = None      # that nobody handled
    entry = None          # the Route that matches
    chain = ()            # mounted applications whose local handlers apply
    vary = None           # names for the Vary header, see helpers.add_vary()
    jobs = None           # what is to run after the response
    missing = None        # the type of body that was asked for, of another
    _json = _form = None
    #: The uploaded files of a multipart form, as a dict, or ``None``.
    files = None

    def __init__(self, app, client_addr, method, url, http_version, headers,
                 body=None, stream=None, sock=None, url_prefix='',
                 subapp=None, scheme=None, route=None):
        self.app = app
        self.client_addr = client_addr
        self.method = method
        self.url = url
        self.http_version = http_version
        self.scheme = scheme or 'http'
        self.sock = sock
        self.body = body or b''
        self.source = stream
        self.url_args = {}
        self.url_prefix = url_prefix
        self.subapp = subapp
        self.route = route
        path, _, query = url.partition('?')
        self.query_string = query or None
        self.route_path = path
        if '%' in path:
            # An encoded slash is not a separator: to routes it is a NUL.
            if '%00' in path:
                raise ValueError('NUL')
            parts = path.split('/')
            for i in range(len(parts)):
                parts[i] = urldecode(parts[i], False).replace('/', '\0')
            self.route_path = '/'.join(parts)
            path = self.route_path.replace('\0', '/')
        self.path = path
        if isinstance(headers, tuple):
            # from parse_head(): the dict that users see is built when needed
            self.fields, self.header_lines = headers
        else:
            from .methods import take_headers
            take_headers(self, headers)
        self.content_type = self.fields.get('content-type')
        length = self.fields.get('content-length')
        self.content_length = int(length) if length else 0

    def __getattr__(self, name):
        # What most handlers never read is built when first asked for, and
        # is an ordinary attribute from then on.
        if name == 'args':
            value = parse_pairs(self.query_string or '', 'query parameter',
                                self.max_fields)
        elif name == 'headers':
            value = NoCaseDict()
            value.kind = 'header'
            value.lines = self.header_lines
            for line in self.header_lines:
                key = line[:line.find(b':')].decode()
                value[key] = self.fields[key.lower()]
        elif name == 'g':
            value = Request.G()
        elif name == 'host':
            return self.fields.get('host', '')
        elif name in ('stream', 'json', 'form'):
            # On CPython these are properties. Boards: a class that has any
            # is searched whenever an attribute is set, a tenth of a request.
            return getattr(self, '_get_' + name)()
        else:
            return later(self, name)
        setattr(self, name, value)
        return value

    def _content(self, *types):
        # The body if it is of one of these types, or else None.
        kind = (self.content_type or '').split(';', 1)[0].strip().lower()
        if kind in types or kind.endswith(types[-1]):
            if not self.body and (self.content_length or not getattr(
                    self.source, 'done', True)):
                raise HTTPException(413, _TOO_LARGE + 'max_body_length')
            try:
                return self.body.decode()
            except ValueError:
                raise MalformedBody('The body is not UTF-8')
        self.missing = types[0]

    async def load(self, limit, most=None):
        # Take a small body into memory, before any handler asks for it. A
        # chunked one counts as large where it might become so. With those of
        # all requests it counts for Microdot.max_bodies.
        #
        # :param limit: most bytes that a chunked body may have.
        # :param most: bytes that are taken, max_body_length by default.
        #
        # Middleware that wants the body calls it before it calls what is next.
        stream = self.source
        length = getattr(stream, 'length', None)
        if length is not None and not stream.done:
            stream.limit = limit
            if (limit if length < 0 else length) > (
                    self.max_body_length if most is None else most):
                return
            app = self.app
            data = bytearray()
            while not stream.done:
                piece = await stream.read(_PIECE)
                self.held += len(piece)
                app.body_bytes += len(piece)
                if app.body_bytes > (app.max_bodies or app.body_bytes):
                    raise HTTPException(503, 'Too many bodies',
                                        {'Retry-After': '1'})
                data += piece
            self.body = bytes(data)

    def _get_stream(self):
        if self.body and not isinstance(self.source, AsyncBytesIO) or \
                not self.source:
            self.source = AsyncBytesIO(self.body)
        return self.source

    def _get_json(self):
        if self._json is None:
            text = self._content('application/json', '+json')
            if text is not None:
                # (some editors begin files with a byte order mark)
                self._json = load_json(
                    text[1:] if text[:1] == '\ufeff' else text)
        return self._json

    def _get_form(self):
        if self._form is None:
            text = self._content('application/x-www-form-urlencoded')
            if text is not None:
                self._form = parse_pairs(text, 'form field', self.max_fields)
        return self._form

    def after_request(self, f):
        """Decorator: call ``f(request, response)``."""
        self.after_request_handlers = list(self.after_request_handlers) + [f]
        return f


# --- Responses --------------------------------------------------------------

class BodyIterator:
    # The pieces of a body.
    def __init__(self, body, first=None):
        self.body = body
        self.first = first

    __aiter__ = Stream.__aiter__

    async def __anext__(self):
        body = self.body
        piece = self.first
        self.first = None
        if piece is None:
            if hasattr(body, 'read'):
                piece = body.read(Response.send_file_buffer_size)
                if iscoroutine(piece):
                    piece = await piece
                piece = piece or None
            elif _BOARD and hasattr(body, 'throw'):
                piece = await _step(body)
                piece = piece.first if isinstance(piece, BodyIterator) \
                    else None
            else:
                piece = await next_piece(body)
            if piece is None:
                raise StopAsyncIteration
        return piece

    async def aclose(self):
        await close_body(self.body)


class Response:
    """A response."""
    #: Content types by file extension, for :meth:`send_file`.
    types_map = {
        'css': 'text/css',
        'gif': 'image/gif',
        'html': 'text/html',
        'ico': 'image/x-icon',
        'jpg': 'image/jpeg',
        'js': 'application/javascript',
        'json': 'application/json',
        'png': 'image/png',
        'txt': 'text/plain',
        'svg': 'image/svg+xml',
    }
    #: Bytes read at a time from a file-like body.
    send_file_buffer_size = 1024
    #: The content type of responses that name none.
    default_content_type = 'text/plain'
    #: Seconds that files may be cached, when :meth:`send_file` names none.
    default_send_file_max_age = None
    #: A function that returns, for an object that JSON has no form for, one
    #: that it has. Of all responses; set it on this class.
    json_encoder = None
    #: Returned by a handler that has answered on the socket itself.
    already_handled = None

    jobs = None  # what is to run after it
    size = None  # bytes of a body that is a file
    is_head = False

    __getattr__ = later

    def __init__(self, body=b'', status_code=200, headers=None, reason=None):
        if body is None and status_code == 200:
            body = b''
            status_code = 204
        self.status_code = status_code
        self.reason = reason
        self.headers = headers = NoCaseDict(headers)
        if isinstance(body, str):
            body = body.encode()
        elif isinstance(body, (dict, list)):
            body = dump_json(body)
            if 'Content-Type' not in headers:
                headers['Content-Type'] = \
                    'application/json; charset=UTF-8'
        self.body = body

    def body_iter(self):
        """Return an asynchronous iterator of pieces."""
        body = self.body
        if hasattr(body, '__aiter__'):
            return body.__aiter__()
        if not hasattr(body, 'read'):
            if isinstance(body, (str, bytes, bytearray, memoryview)):
                body = [body] if body else ()
            body = iter(body or ())
        return BodyIterator(body)

    @classmethod
    def redirect(cls, location, status_code=302):
        """Redirect to another URL."""
        if bad_text(location.encode(), 0):
            raise ValueError('control character in a head')
        return cls(b'', status_code, {
            'Location': urlencode(
                location, _TEXT[62:73] + _MARKS)})

    @classmethod
    def send_file(cls, *args, **kwargs):
        """Send a file, whose name is trusted."""
        from .sendfile import send_file
        return send_file(cls, *args, **kwargs)


Response.already_handled = Response()
redirect = Response.redirect
send_file = Response.send_file


def to_bytes(data):
    # Return text, or what else has bytes, as ``bytes``.
    return data.encode() if isinstance(data, str) \
        else bytes(memoryview(data))


def load_json(text):
    # Return what JSON text stands for.
    #
    # :raises MalformedBody: it is none.
    try:
        # The parsers of boards take text that has been cut: then what is put
        # after it here ends up in the innermost list or object.
        value = json.loads('[' + text + ',0]')
    except (ValueError, RuntimeError):
        value = 0  # RuntimeError: nested too deep
    if not isinstance(value, list) or value[1:] != [0]:
        raise MalformedBody('The body is not JSON')
    return value[0]


def dump_json(value):
    # Return *value* as JSON, in ``bytes``.
    text = json.dumps(value)
    if Response.json_encoder or 'nan' in text or 'inf' in text:
        # (or only a text that has these letters)
        try:
            from .problems import json_form
        except ImportError:
            pass  # copied alone
        else:
            text = json.dumps(json_form(value))
    return text.encode()


def too_large(req):
    return HTTPException(413, _TOO_LARGE + 'max_content_length')


def make_response(result):
    # Make a response of what a handler returned.
    if isinstance(result, (str, dict)):
        return Response(result)  # most are
    if result is Response.already_handled:
        return result
    rest = ()
    if isinstance(result, tuple):
        result, rest = result[0], result[1:]
    status = None
    if isinstance(result, int):
        status, result = result, b''
    elif rest and isinstance(rest[0], int):
        status, rest = rest[0], rest[1:]
    headers = rest[0] if rest else None
    if isinstance(result, Response):
        # A copy: a handler may return one object to many clients, and what is
        # added from here on is for one.
        res = object.__new__(type(result))
        for name in result.__dict__:
            setattr(res, name, getattr(result, name))
        res.headers = result.headers.copy()
        # as of html(): it gets what stands beside it
        if status is not None:
            res.status_code = status
        res.headers.update(headers or ())
        return res
    return Response(result, 200 if status is None else status, headers)


async def next_piece(iterator):
    return next(iterator, None)


async def close_body(body):
    # Close an iterator or file that will not be read any further.
    for name in ('aclose', 'close'):
        if hasattr(body, name):
            try:
                result = getattr(body, name)()
                if iscoroutine(result):
                    await result
            except ValueError:
                pass  # it runs in a thread, which will close it
            break


# --- Routing ----------------------------------------------------------------

def _parse_int(value):
    digits = value[1:] if value.startswith('-') else value
    if len(value) < 40 and digits.encode().isdigit():
        return int(value)


def _parse_float(value):
    whole, point, part = value.partition('.')
    if _parse_int(whole) is not None and len(value) < 40 and (
            not point or part.encode().isdigit()):
        return float(value)


class URLPattern:
    """The pattern of a route: ``/users/<int:id>``."""
    #: Characters of a value that an expression is tried on.
    max_regex_length = 64
    #: The types: a callable each that converts a value, or returns ``None``
    #: or raises ``ValueError``.
    segment_parsers = {'string': str, 'path': str, 'int': _parse_int,
                       'float': _parse_float}
    segments = None

    def __init__(self, url_pattern):
        self.url_pattern = url_pattern

    @classmethod
    def register_type(cls, *args, **kwargs):
        from .patterns import register_type
        register_type(cls, *args, **kwargs)

    def compile(self):
        # Parse the pattern. Done when the route is registered.
        #
        # :raises ValueError: it is malformed or names an unknown type.
        segments = []
        names = []
        self.span = None
        for segment in self.url_pattern.lstrip('/').split('/'):
            start = segment.find('<')
            if start >= 0:
                end = segment.rfind('>')
                kind, colon, name = segment[start + 1:end].rpartition(':')
                parser = self.segment_parsers.get(kind if colon else 'string')
                if not parser or '<' in segment[start + 1:]:
                    # another type, or several parameters
                    from .patterns import parse_segment
                    segments.append(parse_segment(self, segment, names))
                    continue
                if end < start or not name or name in names or \
                        kind == 'path' and self.span is not None:
                    raise ValueError('URL pattern ' + self.url_pattern)
                if kind == 'path':
                    self.span = len(segments)
                names.append(name)
                segment = segment[:start], name, parser, segment[end + 1:]
            segments.append(segment)
        self.segments = segments
        #: The path of a pattern without parameters, or ``None``.
        self.static = None if names else '/' + '/'.join(segments)

    def match(self, path):
        """Match a path."""
        if not self.segments:
            self.compile()
        args = {}
        parts = path.split('/')
        span = self.span
        segments = self.segments
        if span is not None:
            # as many parts as the others leave
            span += 1
            stop = span + len(parts) - len(segments)
            parts[span:stop] = ['/'.join(parts[span:stop])]
        if len(parts) != len(segments) + 1 or parts[0]:
            return None
        for i in range(len(segments)):
            segment = segments[i]
            part = parts[i + 1]
            if isinstance(segment, str):
                if part != segment:
                    return None
            else:
                before, name, parser, after = segment
                end = len(part) - len(after)
                value = None
                if end > len(before) and part.startswith(before) and \
                        part.endswith(after):
                    try:
                        value = parser(
                            part[len(before):end].replace('\0', '/'))
                    except ValueError:
                        pass  # no match
                if value is None:
                    return None
                if isinstance(name, tuple):
                    args.update(value)
                else:
                    args[name] = value
        return args


# --- The application --------------------------------------------------------

def _adder(name):
    def add(self, f):
        self.register(name, f)
        return f
    return add


def _method(method):
    def add(self, url_pattern, **kwargs):
        return self.route(url_pattern, [method], **kwargs)
    return add


#: A route, as :attr:`Microdot.routes` has it: a list of methods, a
#: :class:`URLPattern`, the handler, the prefix and the application under which
#: it is mounted (or ``''`` and ``None``), a tuple of the applications whose
#: local handlers apply, what the decorator was given, the
#: :class:`microdot.hosts.Host` it is for (or ``None``), and its place: those
#: with a host are 0 and 1, others 2 and 3, and of both the second is for
#: folders of files.
Route = namedtuple('Route', (
    'methods', 'pattern', 'handler', 'url_prefix', 'subapp', 'chain',
    'max_content_length', 'name', 'host', 'place', 'max_body_length'))


class Microdot:
    """An application."""

    # Limits of the server, in seconds where not said otherwise; None: none.

    #: Connections open at once. More wait to be accepted; one that idles is
    #: closed for them. Boards: lwIP has five in all, an ESP32 16.
    max_connections = 1000 if not _BOARD else \
        8 if sys.platform == 'esp32' else 4
    #: How many of these are kept from streamed responses, which get 503.
    reserved_connections = 2
    #: Requests answered on one connection before it is closed.
    max_requests = 1000
    #: For a whole request head, from its first byte or, on a new connection,
    #: from the start: 408, or a silent close when nothing was sent.
    head_timeout = 10
    #: For the next request to begin: a silent close.
    keep_alive_timeout = 5
    #: Silence within a body (408), or of a peer that does not read (close).
    stall_timeout = 30
    #: Bytes a second of a body that comes in, or an answer that is taken,
    #: while the peer is waited for, and the seconds over which that is
    #: averaged: 408, or a close. Streams that have nothing to send may idle.
    min_rate = 100
    rate_window = 20
    #: Bytes of the bodies in memory of all requests in progress: a request
    #: whose body would be more than that gets 503.
    max_bodies = 64 * 1024
    #: For requests in flight to finish after :meth:`shutdown`.
    shutdown_timeout = 10
    #: Bytes, and seconds, spent on what is left of a body after the answer.
    drain_size = 64 * 1024
    drain_timeout = 1
    #: Seconds between two looks at the deadlines.
    sweep_interval = 1

    #: Whether a path that no route matches is redirected to the same path
    #: with, or without, a slash at its end, when a route matches that.
    redirect_slashes = False
    #: Whether errors that no handler answers are told as JSON (RFC 9457).
    json_errors = False

    debug = False

    def __init__(self):
        self.before_request_handlers = []
        self.after_request_handlers = []
        self.after_error_request_handlers = []
        self.startup_handlers = []
        self.shutdown_handlers = []
        self.error_handlers = {}
        self.options_handler = self.default_options_handler
        #: Free for what lives as long as the application.
        self.g = Request.G()
        #: ``open``, ``accepted``, ``refused``, ``timed_out`` connections and
        #: ``requests`` so far, and those that were ``malformed``.
        self.counters = {'open': 0, 'accepted': 0, 'refused': 0,
                         'timed_out': 0, 'requests': 0, 'malformed': 0}
        self.connections = set()
        #: The :class:`Server` of each address that is served.
        self.servers = []
        #: All :class:`Route` objects, those of mounted applications too, in
        #: the order of registration.
        self.routes = []
        #: Functions ``f(request, response)`` that are called for every answer
        #: of this application and of those it is mounted in, errors too, just
        #: before it is sent. They may change the response, or return another
        #: one. They may be called again for the same one. *request* is
        #: ``None`` if it was malformed.
        self.finishers = []
        # responses being streamed, by all servers, bytes of bodies in memory,
        # and servers that have been started up
        self.streams = self.body_bytes = self.running = 0
        self.wrappers = []  # see wrap_dispatch()
        self.stack = []     # what runs them, once there are any
        self.background = None  # runs what after_response() has registered
        self.added = []     # (name, value, key) of all that was registered
        # What it has mounted, as (subapp, prefix, local, name, host), and
        # where it is, as (parent, prefix, local, host).
        self.mounts = self.parents = ()

    __getattr__ = later

    # Registration

    def route(self, url_pattern, methods=None, max_content_length=None,
              name=None, middleware=None, max_body_length=None):
        """Decorator: ``f(request, **args)`` answers requests."""
        pattern = URLPattern(url_pattern)

        def decorated(f):
            pattern.compile()
            handler, names, label = f, methods or ('GET',), name
            if middleware or hasattr(f, 'as_handler'):
                # middleware, or a class of microdot.views
                from .methods import dress
                handler, names, label = dress(f, methods, name, middleware)
            self.register('routes', Route(
                list(map(str.upper, names)), pattern, handler, '',
                None, (), max_content_length, label, None, 2,
                max_body_length))
            return f
        return decorated

    get = _method('GET')
    post = _method('POST')
    put = _method('PUT')
    patch = _method('PATCH')
    delete = _method('DELETE')
    query = _method('QUERY')

    before_request = _adder('before_request_handlers')
    after_request = _adder('after_request_handlers')
    after_error_request = _adder('after_error_request_handlers')
    on_startup = _adder('startup_handlers')
    on_shutdown = _adder('shutdown_handlers')

    def errorhandler(self, status_code_or_exception_class):
        """Decorator: ``f(request[, exc])`` answers errors."""
        def decorated(f):
            self.register('error_handlers', f, status_code_or_exception_class)
            return f
        return decorated

    def register(self, name, value, key=None):
        # Registers something, here and with the applications above.
        self.added.append((name, value, key))
        where = getattr(self, name)
        if key is None:
            i = len(where)
            while name == 'routes' and i and where[i - 1].place > value.place:
                i -= 1
            where.insert(i, value)
        else:
            where[key] = value
        if self.parents:
            from .mounting import inherit
            inherit(self, name, value, key)

    # Dispatch

    def find(self, path, method, req=None, routes=None):
        # Find who answers a request.
        #
        # :param path: decoded, but an encoded slash is a NUL.
        # :param req: the request, for routes that are for a host.
        # :param routes: those that may match, in order; all by default.
        # :return: ``(route, args, allow)``: the :class:`Route` and its
        #          arguments, a dict. Where no route that matches the path
        #          takes the method, *route* is the first of them and *args* is
        #          ``None``. ``(None, None, [])`` if none matches. *allow* is a
        #          list of the methods of the routes that have been looked at.
        found = found_args = None
        allow = []
        for route in self.routes if routes is None else routes:
            pattern = route.pattern
            if pattern.static:
                args = {} if pattern.static == path else None
            else:
                args = pattern.match(path)
            if route.host and args is not None:
                args = route.host(req, args)
            if args is None:
                continue
            methods = route.methods
            if method in methods:
                return route, args, methods
            if found_args is None:
                if method == 'HEAD' and 'GET' in methods:
                    found = route
                    found_args = args
                found = found or route
            for name in methods:
                if name not in allow:
                    allow.append(name)
        return found, found_args, allow

    def match(self, req):
        # Find who answers a request, see :meth:`find`.
        return self.find(req.route_path, req.method, req)

    def find_route(self, req):
        # Find who answers a request.
        #
        # :return: ``(target, url_prefix, subapp)``; *target* is the handler, a
        #          dict of headers for an OPTIONS request without a handler of
        #          its own, or 404 or 405.
        req.entry = None
        route, args, _ = self.match(req)
        if args is not None:
            req.entry = route
            req.chain = route.chain
            req.url_args = args
            return route[2:5]
        if route:
            req.url_prefix, req.subapp, req.chain = route[3:6]
        elif req.route_path != '*':
            if self.redirect_slashes:
                from .urls import redirect_slash
                redirect_slash(self, req)
            return 404, '', None
        return self.options_handler(req) \
            if req.method == 'OPTIONS' and self.options_handler else 405, \
            req.url_prefix, req.subapp

    def default_options_handler(self, req):
        # Return the headers of the answer to an OPTIONS request.
        allow = list(self.match(req)[2])
        if 'GET' in allow and 'HEAD' not in allow:
            allow.append('HEAD')
        if 'OPTIONS' not in allow:
            allow.append('OPTIONS')
        return {'Allow': ', '.join(allow)}

    def get_request_handlers(self, req, attr, local_first=True):
        # Return the handlers that apply to a request.
        #
        # :param attr: ``'before_request'``, ``'after_request'`` or
        #              ``'after_error_request'``.
        attr += '_handlers'
        handlers = getattr(self, attr)
        for app in req.chain if req else ():
            local = getattr(app, attr)
            handlers = local + handlers if local_first else handlers + local
        return handlers

    def error_handler(self, req, keys):
        # The handler for the first of some keys, of the innermost application.
        chain = req.chain if req else ()
        if not chain and 404 in keys and req and self.mounts:
            # a local child answers what none of its routes matches
            from .mounting import local_apps
            chain = local_apps(self, req, req.route_path)
        for key in keys:
            for app in reversed((self,) + chain):
                if key in app.error_handlers:
                    return app.error_handlers[key]

    async def _exception(self, req, exc, last):
        # What is answered to an exception.
        http = isinstance(exc, _ANSWERS)
        keys = list(mro(type(exc)))
        if http:
            keys = keys[:keys.index(Exception)]
            if self.error_handler(req, (exc.status_code,)):
                # (who asks for a KeyError gets each)
                keys = keys if isinstance(exc, KeyError) else []
            elif not isinstance(exc, HTTPException):
                keys.append(HTTPException)
        if req:
            req.error = exc
        handler = self.error_handler(req, keys)
        res = handler and await invoke_handler(handler, req, exc)
        if res is None:
            if not http and not last:
                raise exc
            handler = self.error_handler(
                req, (exc.status_code if http else 500,))
            if not handler:
                return self.plain_error(req, exc)
            if not http:
                self.log_exception(req, exc)
            res = await invoke_handler(handler, req)
        res = make_response(res)
        if http and exc.headers:
            res.headers.update(exc.headers)
        return res

    def log_exception(self, req, exc):
        # Note an exception that nobody handled, once, on the console.
        #
        # :param req: the request, or ``None``.
        if req:
            req.exception = exc
        print_exception(exc)

    async def dispatch_request(self, req, error=None):
        # Handle a request: find its handler, run what comes before and after
        # it, turn errors into answers.
        #
        # :param req: the :class:`Request`, or ``None``: it was malformed.
        # :param error: the :class:`HTTPException` to answer with.
        # :return: a :class:`Response`, always.
        # :raises Disconnected: the client left while its body was read.
        try:
            if req and self.stack:
                res = await self.stack[0](self, req, error)
            elif error or not req:
                raise error or HTTPException(400, 'Bad request')
            else:
                res = await self.handle(req)
            return self.complete(req, res)
        except LEAVING:
            raise
        except BaseException as exc:
            # (not only an Exception: sys.exit() must not end the server)
            res = await self.answer_error(req, exc)
        return self.complete(req, res)

    async def handle(self, req):
        # Return the response to a request, without regard to wrappers.
        # Errors are raised.
        # Dot segments may lead out of a folder: no handler has to think of
        # them.
        if '.' in req.path and not {'.', '..'}.isdisjoint(
                req.path.replace('\\', '/').split('/')):
            raise HTTPException(404)
        target, req.url_prefix, req.subapp = self.find_route(req)
        entry = req.entry
        limit = most = None
        if entry:
            limit = entry.max_content_length
            most = entry.max_body_length
        if limit is None:
            limit = max(req.max_content_length, most or 0)
        if req.content_length > limit:
            raise too_large(req)
        if entry:
            if req.source:
                await req.load(limit, most)
            req.route = target
            res = None
            if req.chain or self.before_request_handlers:
                res = await self._before(req)
            if not res:
                # (without a coroutine for invoke_handler())
                if _BOARD:
                    res = target(req, **req.url_args)
                    if iscoroutine(res):
                        res = await _step(res)
                elif is_async(target):
                    res = await target(req, **req.url_args)
                else:
                    res = await invoke_handler(target, req, **req.url_args)
            try:
                res = make_response(res)
            except Exception:
                await close_body(res)
                raise
            if req.error:
                return res  # by a middleware of the route
            if req.chain or self.after_request_handlers:
                res = await self._after(req, res, self.get_request_handlers(
                    req, 'after_request'))
        else:
            res = self._unrouted(req, target)
        if req.after_request_handlers:
            res = await self._after(req, res, req.after_request_handlers)
        return res

    def _unrouted(self, req, target):
        # What is answered where no route does.
        if not isinstance(target, int):
            return Response(b'', 200, target)
        allow = None
        if target == 405:
            allow = self.default_options_handler(req)
            is_unknown = getattr(self, 'is_unknown', None)
            if is_unknown and is_unknown(req.method):  # (not copied alone)
                target = 501
        raise HTTPException(target, None, allow)

    async def _before(self, req):
        # What a handler before the route's answers in its place, if any does.
        for handler in self.get_request_handlers(req, 'before_request', False):
            res = await invoke_handler(handler, req)
            if res:
                return res

    async def answer_error(self, req, exc, last=True):
        # Return the response to an exception: that of the error handler for
        # it, or a plain one.
        #
        # :param last: if false, an exception that no handler takes is raised.
        if req and req.missing and 'NoneType' in str(exc) and \
                isinstance(exc, (TypeError, AttributeError)):
            # request.form['name'] where there is no form, as far as a board
            # can tell: it is logged, and answered as the client's mistake
            self.log_exception(req, exc)
            exc = HTTPException(415, 'The body must be ' + req.missing)
        try:
            try:
                res = await self._exception(req, exc, last)
            except HTTPException as aborted:
                # the handler has called abort()
                res = await self._exception(req, aborted, last)
            return await self._after(req, res, self.get_request_handlers(
                req, 'after_error_request'))
        except LEAVING:
            raise
        except BaseException as failure:
            if not last:
                raise
            return self.plain_error(req, failure)

    def refuse(self, exc):
        # Count a request that is malformed; return what it is answered with.
        # With ``debug``, the rule that it breaks is printed.
        self.counters['malformed'] += 1
        if self.debug:
            print('malformed request:', exc)
        return HTTPException(400, 'Bad request')

    def check_streams(self):
        # See that one more response may be streamed.
        #
        # :raises HTTPException: 503: there are as many as there may be.
        if self.streams >= self.max_connections - self.reserved_connections:
            raise HTTPException(503, 'Too many streams', {'Retry-After': '10'})

    def plain_error(self, req, exc):
        # Return a response to an exception that needs no handler: what
        # ``abort()`` was given, or 500, and then the exception is logged.
        if not isinstance(exc, _ANSWERS):
            self.log_exception(req, exc)
            exc = HTTPException(500, 'Internal server error',
                                {'Content-Type': 'text/plain'})
        if self.json_errors:
            from .problems import problem
            return problem(exc.status_code, exc.reason, exc.headers)
        return Response(exc.reason, exc.status_code, exc.headers)

    def complete(self, req, res):
        # What no handler has to think of. May be called again.
        if res is not Response.already_handled:
            if self.finishers or self.mounts:
                try:
                    res = self._finish(req, res)
                except Exception as exc:
                    # the answer may lack what it needs
                    if hasattr(res.body, 'close'):
                        res.body.close()
                    res = self.plain_error(req, exc)
            res.is_head = req is not None and req.method == 'HEAD'
        return res

    def _finish(self, req, res):
        for finish in self.finishers:
            res = finish(req, res) or res
        for mount in self.mounts:
            res = mount[0]._finish(req, res)
        return res

    async def _after(self, req, res, handlers):
        try:
            for handler in handlers:
                # the shared object must not be changed by any request, and
                # what has been answered is not answered again
                taken = res is Response.already_handled
                result = await invoke_handler(handler, req,
                                              Response() if taken else res)
                if result and not taken:
                    res = make_response(result)
        except Exception:
            # what is not sent is not left open
            await close_body(res.body)
            raise
        return res

    # Serving

    async def start_server(self, host='0.0.0.0', port=5000, debug=False,
                           ssl=None, start_serving=True):
        """Serve until :meth:`shutdown`."""
        if port >> 16:
            # or else the system takes its last 16 bits
            raise ValueError('port out of range: %d, 0 to 65535' % port)
        server = Server(self, listen(host, port), ssl)
        self.debug = debug
        if debug:
            print('Starting server on %s:%d...' % (host, port))
        if not start_serving:
            return server
        await server.serve()

    async def start_up(self):
        # Run the handlers for start-up, when a server begins.
        self.running += 1
        for handler in self.startup_handlers:
            await invoke_handler(handler)

    async def shut_down(self):
        # Run the handlers for shut-down, when a server ends. Return a list of
        # what they have raised.
        errors = []
        self.running = 0
        if self.background:
            await self.background.finish()
        for handler in reversed(self.shutdown_handlers):
            try:
                await invoke_handler(handler)
            except Exception as exc:
                self.log_exception(None, exc)
                errors.append(exc)
        return errors

    def run(self, *args, **kwargs):
        """Serve until :meth:`shutdown` or Ctrl-C."""
        # (which takes what start_server() takes)
        try:
            asyncio.run(self.start_server(*args, **kwargs))
        finally:
            # boards: after Ctrl-C nothing has been unwound
            if _BOARD:
                for server in self.servers:
                    server.abort()
                self.servers = []
                asyncio.new_event_loop()
                self.background = None  # its tasks went with their loop
                if self.running:
                    asyncio.run(self.shut_down())

    def shutdown(self):
        """Stop serving: requests in flight finish."""
        for server in list(self.servers):
            server.close()

    abort = staticmethod(abort)


# --- The server -------------------------------------------------------------

class Server:
    """Serves an application on one address."""
    # (or for a gateway that has the sockets) Connections, deadlines, and the
    # task that accepts. It knows no routes. The limits are the application's.
    closing = False  # no more is accepted
    ticks = 0        # sweeps so far
    sweeping = None  # the task that enforces deadlines
    flag = None      # of lwip.py: there is something in
    taken = ()       # what that has accepted

    def __init__(self, app, listeners=(), ssl=None):
        self.app = app
        self.ssl = ssl
        self.listeners = listeners
        # A connection has gone, or may have to go, or close() was called.
        self.event = asyncio.Event()
        if listeners:
            app.servers.append(self)

    # Requests

    async def serve_requests(self, conn, error=None):
        # Answer the whole requests that a connection has read.
        #
        # :param error: an :class:`HTTPException` to answer instead.
        # :return: whether the connection may go on.
        app = self.app
        while True:
            conn.request = conn.expect = None
            conn.version = '1.1'
            conn.keep = False
            try:
                if not error and not self._take_request(conn):
                    conn.rest()
                    return True
            except HTTPException as exc:
                error = exc
            except ValueError as exc:
                error = app.refuse(exc)
            if error:
                conn.deadline = 0
                # what follows cannot be told from the head
                conn.length = -2
                conn.done = conn.keep = False
            conn.count += 1
            app.counters['requests'] += 1
            req = conn.request
            try:
                dispatch = app.dispatch_request
                try:
                    res = dispatch(req, error) if error else dispatch(req)
                except TypeError:
                    if not error:
                        raise
                    # a program's own, which has no parameter for errors
                    res = Microdot.dispatch_request(app, req, error)
                res = await res
                # Whether another request may follow, as far as is known now:
                # what is left of the body has to be read first.
                keep = conn.keep and conn.count < app.max_requests and not (
                    self.closing or conn.expired) and (conn.done or not (
                        conn.expect or conn.left > app.drain_size or
                        conn.length < -1))
                if not await self._answer(conn, req, res, keep):
                    return False
            finally:
                if req:
                    app.body_bytes -= req.held
                    if req.jobs:
                        # the client left while the body was read
                        app.answered(req, Response())

    def _take_request(self, conn):
        # Make a request of the next head, with the connection as its body.
        # Returns False if the head is not yet here.
        head = conn.take_head()
        if head is None:
            return False
        conn.deadline = 0
        method, target, version, fields, lines = conn.parse_head(head)
        conn.version = version
        conn.owed = 0
        length, conn.keep = parse_framing(version, fields)
        expect = version != '1.0' and fields.get('expect')
        conn.length = length
        conn.done = not length
        if length:
            conn.left = max(length, 0)
            conn.limit = Request.max_content_length
            conn.chunks = 0
            conn.expect = expect
        conn.request = Request(
            self.app, conn.addr, method, target, version, (fields, lines),
            None, conn if length else None, (conn, conn), '', None,
            'https' if self.ssl else 'http')
        if expect and expect.lower() != '100-continue':
            raise HTTPException(417)
        return True

    async def _answer(self, conn, req, res, keep):
        # Send a response, and read past what is left of the request.
        #
        # :param keep: whether another request may follow.
        # :return: the same, from now on.
        app = self.app
        try:
            if res is Response.already_handled or conn.taken:
                return False
            ready = await self.prepare(req, res, conn.version, keep)
            body, pieces, head, _, keep, _ = ready
            if pieces or len(body) > _PIECE:
                keep = await self._respond(conn, req, res, *ready)
            else:
                await conn.answer(head + body)
            if app.debug and req and not req.id:
                print_line(req.method, req.path, head[9:12].decode())
        except MemoryError:
            raise Disconnected  # some of it may have been sent
        finally:
            if res.jobs or req and req.jobs:
                app.answered(req, res)
        if not conn.done or not keep and conn.pos < len(conn.data):
            # (a connection that is closed with bytes unread is reset)
            if not keep and hasattr(conn, 'end'):
                conn.end()  # nothing more will be sent
            keep = await self._drain(conn) and keep
        conn.request = None
        return keep and not self.closing

    async def _drain(self, conn):
        # Read what is left of a body after the answer, if there is little of
        # it, so that the connection can be used again, or at least so that
        # the peer gets the answer and not a reset. Tell whether it can.
        left = conn.limit = self.app.drain_size
        whole = not conn.done and conn.length >= -1 and not conn.expect
        if not whole:
            conn.length = 0
        conn.wait(self.app.drain_timeout)
        try:
            while left > 0:
                data = await conn.read(left)
                if not data:
                    break
                left -= len(data)
        except (HTTPException, Disconnected):
            return False
        return whole and conn.done

    async def prepare(self, req, res, version, keep):
        # Make a response ready to be sent. One that is not fit for that
        # becomes a plain 500.
        #
        # :return: ``(body, pieces, head, size, keep, chunked)``: *pieces* is
        #          an iterator in place of *body*, or ``None``; for the others
        #          see ``encode_head()``.
        while True:
            try:
                pieces = None
                body = res.body or b''
                if isinstance(body, (str, bytearray, memoryview)):
                    body = to_bytes(body)
                if isinstance(body, bytes):
                    size = len(body)
                else:
                    pieces = res.body_iter()
                    size = res.size
                    if size is None:
                        self.app.check_streams()
                head, size, keep, chunked = encode_head(
                    res, version, size, keep)
                if chunked is None and not pieces:
                    body = b''
                return body, pieces, head, size, keep, chunked
            except Exception as exc:
                await close_body(res.body)
                if isinstance(exc, MemoryError):
                    raise exc  # nor would there be any for the next
                res = self.app.complete(
                    req, self.app.plain_error(req, exc))

    async def _respond(self, conn, req, res, body, pieces, head, left, keep,
                       chunked):
        # Write a large or streamed response; tell whether the connection may
        # go on.
        if not pieces:
            await conn.send(head)
            await conn.send(body)
            return keep
        bare = chunked is None
        size = res.size
        watch = size is None and not bare
        try:
            if watch:
                self.app.streams += 1
                # a stream's first piece may be long in coming, and then it
                # is too late to ask for the body
                if conn.expect:
                    head = _CONTINUE + head
                    conn.expect = None
                await conn.send(head)
                head = b''
                if conn.done:
                    await conn.watch(True)
            if not bare:
                async for piece in pieces:
                    if not isinstance(piece, bytes):
                        piece = to_bytes(piece)
                    if size is not None:
                        piece = piece[:left]  # the file has grown
                    if left is not None:
                        left -= len(piece)
                        if left < 0:
                            break
                    end = b''
                    if chunked and piece:
                        head += b'%x\r\n' % len(piece)
                        end = b'\r\n'
                    if len(piece) > _PIECE:
                        # no copy of what is large; its end follows later
                        await conn.send(head)
                        head = end
                    else:
                        piece = b''.join((head, piece, end))
                        head = b''
                    await conn.send(piece)
                if left:
                    raise ValueError(_OTHER_LENGTH % left)
                if chunked:
                    head += b'0\r\n\r\n'
            await conn.send(head)
        except LEAVING:
            raise
        except BaseException as exc:
            # the connection is cut: the client sees that the body is not whole
            self.app.log_exception(req, exc)
            keep = False
        finally:
            try:
                if watch:
                    self.app.streams -= 1
                    await conn.watch(False)
            finally:
                await close_body(pieces)
        return keep

    # Connections

    async def sweep(self):
        # Enforce the deadlines, as long as there are connections.
        task = asyncio.current_task()
        app = self.app
        try:
            while self.sweeping is task:
                await asyncio.sleep(app.sweep_interval)
                self.ticks += 1
                if self.flag:
                    self.flag.set()  # lwIP loses calls when many are due
                for conn in self.own():
                    if conn.deadline and conn.request and app.min_rate:
                        # it is waited for: what it has sent or taken counts
                        conn.owed = max(conn.owed, 0) + \
                            app.min_rate * app.sweep_interval
                    if 0 < conn.deadline <= self.ticks:
                        conn.deadline = 0
                        if not conn.expired:
                            conn.expired = True
                            app.counters['timed_out'] += 1
                        conn.stop()
                if not self.own():
                    break
        finally:
            if self.sweeping is task:
                self.sweeping = None

    def own(self):
        # Return the connections of this server. Boards have one server, and
        # no memory for a copy; MicroPython allows the set to change
        # meanwhile.
        connections = self.app.connections
        return connections if _BOARD else list(connections)

    async def _empty(self):
        while self.own():
            self.event.clear()
            await self.event.wait()

    def _make_room(self, now=False):
        # Close the connection that has idled longest since its last request,
        # if any does. The request of another, that is new or in the middle
        # of a head or of the handshake of TLS, may be on its way.
        #
        # :param now: whether those that have waited longest, by the second,
        #             are closed in any case.
        idle = []
        for one in self.own():
            if not one.request and (
                    now or one.reader and one.count and not one.partial):
                if idle and one.deadline < idle[0].deadline:
                    idle = []
                if not idle or now and one.deadline == idle[0].deadline:
                    idle.append(one)
        for one in idle:
            one.stop()

    async def _accept(self, listener):
        # Never ends before close(): whatever fails, for want of memory,
        # sockets or files, it waits a little and goes on.
        app = self.app
        sock = None
        try:
            while not self.closing:
                conn = None
                try:
                    # at once, even if there is no room
                    sock, addr = await accept(listener, self)
                    late = False
                    while len(app.connections) >= app.max_connections:
                        self.event.clear()
                        self._make_room(late)
                        try:
                            await asyncio.wait_for(self.event.wait(), 0.2)
                            late = False
                        except asyncio.TimeoutError:
                            # (or one has gone in that moment)
                            late = True
                        if self.closing:
                            # (wait_for() may have lost the cancellation)
                            return
                    conn = connection_class(self, peer_address(addr), sock)
                    sock = None
                    conn.register()
                    conn.start()
                    app.counters['accepted'] += 1
                except Exception:
                    app.counters['refused'] += 1
                    if sock:
                        sock.close()
                    elif conn:
                        conn.discard()
                    sock = None
                    try:
                        await asyncio.sleep(0.1)
                        self._make_room(True)
                        await asyncio.sleep(0)  # until they are closed
                    except MemoryError:
                        await asyncio.sleep(1)  # boards: needs none
        finally:
            if sock:
                sock.close()
            for sock, _ in self.taken:
                sock.close()
            listener.close()

    async def serve(self):
        """Serve until :meth:`close`."""
        app = self.app
        if _BOARD:
            import gc
            if gc.threshold() < 0:
                # collect before the heap is full, and then in pieces
                gc.collect()
                gc.threshold(gc.mem_free() // 4)
        accepting = []
        try:
            try:
                await app.start_up()
                for listener in self.listeners:
                    accepting.append(asyncio.create_task(
                        self._accept(listener)))
                while not self.closing:
                    try:
                        # a connection has gone, or close() was called
                        self.event.clear()
                        await self.event.wait()
                    except MemoryError:
                        await asyncio.sleep(1)
            finally:
                await self._end(accepting)
        finally:
            await app.shut_down()

    async def _end(self, running):
        # Let what is under way finish, and close all.
        grace = self.app.shutdown_timeout if self.closing else 0
        self.closing = True
        for task in running:
            task.cancel()
        for conn in self.own():
            if not conn.request:
                conn.stop()
            elif conn.leave:
                conn.leave()
        try:
            for seconds in (grace, 1):
                try:
                    await asyncio.wait_for(self._empty(), seconds)
                except asyncio.TimeoutError:
                    for conn in self.own():
                        conn.stop(True)
        finally:
            self.abort()

    def abort(self):
        # Close everything at once.
        app = self.app
        self.sweeping = None
        for conn in self.own():
            conn.discard()
        for listener in self.listeners:
            listener.close()
        if self in app.servers:
            app.servers.remove(self)
        if not app.servers:
            app.streams = 0

    def close(self):
        """Accept no more, and finish what is under way."""
        self.closing = True
        self.event.set()


def listen(host, port):
    # Bind an address; return a list of sockets that listen.
    import socket
    info = socket.getaddrinfo(
        host or '0.0.0.0', port, 0, socket.SOCK_STREAM)[0]
    sock = socket.socket(*info[:3])
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    except (AttributeError, OSError):
        pass  # some network chips have none
    sock.bind(info[-1])
    sock.listen(5)
    sock.setblocking(False)
    return [sock]


async def accept(listener, server):
    # Wait for a connection; return its socket and address.
    if not _BOARD:
        return await asyncio.get_running_loop().sock_accept(listener)
    import socket
    lwip = None
    if socket.__name__ == 'lwip':
        try:
            from . import lwip
        except ImportError:
            pass  # copied alone
    if lwip:
        sock, addr = await lwip.accept(listener, server)
    else:
        # reading nothing waits for there being something
        await asyncio.StreamReader(listener).read(0)
        sock, addr = listener.accept()
    # Or else the pieces of a stream wait for acknowledgements. The number is
    # the port's own: lwIP's is another than the usual 1.
    option = getattr(socket, 'TCP_NODELAY', sys.platform == 'linux')
    try:
        if option:
            sock.setsockopt(6, option, 1)
    except (AttributeError, OSError):
        pass
    return sock, addr


def peer_address(addr):
    # Return a peer's address as ``(host, port)``, or what there is in its
    # place. For IPv6 there is more, and MicroPython's Unix port has it raw.
    if isinstance(addr, (bytes, bytearray)):
        try:
            from .methods import unix_address
            return unix_address(addr)
        except ImportError:
            pass  # copied alone
    return addr[:2] if isinstance(addr, tuple) else addr


connection_class = Connection
del const  # nothing calls it any more

if __name__ == 'microdot' and _BOARD:
    # Copied alone: what it loads may lie beside it. (96 bytes there)
    __path__ = __file__.rpartition('/')[0] or '.'
    sys.modules['microdot.microdot'] = sys.modules[__name__]

if not _BOARD:
    try:
        from . import _cpython
    except ImportError:
        pass  # copied alone, or left out: plain streams, everything inline
    else:
        _cpython.install()

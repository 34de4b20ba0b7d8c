"""Forms of the type ``multipart/form-data`` (RFC 7578), read as they arrive.

The parser is fed bytes and gives events; it knows neither sockets nor files.
:class:`FormDataIter` feeds it from a request, through one buffer. Whatever a
client controls has a limit, all of them attributes of :class:`FormDataIter`:
over a limit is 413, malformed or truncated is 400.
"""
import io
import os
import re
from binascii import hexlify

from .microdot import (
    HTTPException,
    bad_text,
    decode_text,
    invoke_handler,
    parse_token,
    urldecode,
)

_BOARD = not hasattr(os, 'fspath')

if _BOARD:
    _Form = _Files = dict  # they copy no subclass of it
else:
    from ._cpython.requests import Files as _Files
    from ._cpython.requests import Form as _Form


class MultipartError(HTTPException):
    """A body is no form: 400. Or it is over a limit, which the text of the
    response names: 413."""


def _over(limit):
    return MultipartError(413, 'See FormDataIter.' + limit)


# --- Wire -------------------------------------------------------------------

def _find_quote(text):
    # Where the quoted text that begins here ends. A backslash escapes a quote
    # for some clients; for browsers it is a character like others, so that a
    # name may end in one (WHATWG HTML, section 4.10.21.8). The first is
    # assumed unless there is no end then.
    end = 0
    last = -1  # an escaped quote that could be the end
    while True:
        # (boards: no indexing, as characters would be kept forever)
        end = start = text.find('"', end + 1)
        if end < 0:
            if last < 0:
                raise ValueError('quotes')
            return last
        while text[start - 1:start] == '\\':
            start -= 1
        ends = text[end + 1:].lstrip(' \t')[:1] in ('', ';')
        if not end - start & 1:
            if ends or last < 0:
                return end
            return last
        if ends and last < 0:
            last = end


def parse_options(text):
    """Parse a value with parameters, such as ``form-data; name="a"``.

    In a quoted parameter a backslash escapes quotes and itself, and stands
    for itself elsewhere: some clients send whole paths as file names.

    :return: the value in lower case, and a dict of the parameters.
    :raises ValueError: it is malformed, or has a parameter twice.
    """
    kind, _, rest = text.partition(';')
    options = {}
    while rest:
        rest = rest.lstrip(' \t')
        if not rest or rest[:1] == ';':
            rest = rest[1:]
            continue
        name, equals, rest = rest.partition('=')
        name = parse_token(name)
        if not equals or name in options:
            raise ValueError('parameter')
        if rest[:1] == '"':
            end = _find_quote(rest)
            value = rest[1:end]
            rest = rest[end + 1:].lstrip(' \t')
            if rest[:1] not in ('', ';'):
                raise ValueError('quotes')
            rest = rest[1:]
            if '\\' in value:
                value = value.replace('\\\\', '\0').replace(
                    '\\"', '"').replace('\0', '\\')
        else:
            value, _, rest = rest.partition(';')
            value = value.rstrip(' \t')
            if not value or '"' in value or ' ' in value or '\t' in value:
                raise ValueError('value')
        options[name] = value
    return kind.strip(' \t').lower(), options


def _parse_filename(options):
    # Returns the last component of the file's name, whatever the system that
    # the client runs on, or None: no file.
    name = options.get('filename')
    extended = options.get('filename*')
    if extended is not None:
        # RFC 8187: charset, language, percent-encoded text
        charset, _, extended = extended.partition("'")
        _, quote, extended = extended.partition("'")
        if quote and charset.lower() == 'utf-8':
            name = urldecode(extended, False)
        elif name is None:
            raise ValueError('charset')
    elif name is not None:
        name = name.replace('%22', '"')  # as browsers encode it
    if name is not None:
        if bad_text(name.encode(), 0):
            raise ValueError('filename')
        name = name.replace('\\', '/')
        name = name[name.rfind('/') + 1:]
        if name == '.' or name == '..':
            name = ''
    return name


def parse_part_head(head):
    """Parse the head of a part, from the end of the delimiter on and without
    the blank line that ends it.

    :return: ``(name, filename, headers)``: *filename* is ``None`` for a text
             field and has no folders, *headers* is a dict by lower-case name.
    :raises ValueError: it is malformed or ambiguous, or not of a form.
    """
    lines = decode_text(head).split('\r\n')
    if lines.pop(0).strip(' \t') or bad_text(head, len(lines)):
        raise ValueError('head')
    headers = {}
    for line in lines:
        name, colon, value = line.partition(':')
        name = parse_token(name)
        if not colon or name in headers:
            raise ValueError('ambiguous')
        headers[name] = value.strip(' \t')
    kind, options = parse_options(headers.get('content-disposition', ''))
    # RFC 7578, section 4.7: there are no codings in forms
    if kind != 'form-data' or 'name' not in options or headers.get(
            'content-transfer-encoding', '8bit').lower() not in \
            '7bit 8bit binary'.split():
        raise ValueError('form-data')
    name = options['name']
    if '%' in name:
        # as browsers encode what would end the name; the same field has the
        # same name in an URL-encoded form
        name = name.replace('%22', '"').replace('%0D', '\r').replace(
            '%0A', '\n')
    return name, _parse_filename(options), headers


class MultipartParser:
    """A parser of multipart bodies (RFC 2046, section 5.1): *feed* it, then
    take events until there are none, and so on.

    It holds what it was fed last and not yet asked for, and before that no
    more than a delimiter or the head of a part. Text before the first part
    and after the last is skipped.

    :param boundary: of 1 to 70 characters.
    :param max_parts: number of parts.
    :param max_header_size: bytes of the head of a part.
    :raises MultipartError: no such boundary is allowed.
    """
    #: Whether the delimiter that ends the body has been found.
    done = False
    _error = None
    _in_head = False
    _in_part = False  # there has been a part

    def __init__(self, boundary, max_parts, max_header_size):
        self.max_parts = max_parts
        self.max_header_size = max_header_size
        if not 0 < len(boundary) < 71 or boundary[-1:] == ' ' or \
                re.search("[^-'()+_,./:=? 0-9A-Za-z]", boundary):
            self._fail()
        self._delimiter = b'\r\n--' + boundary.encode()
        self._data = b'\r\n'  # the line end that the first delimiter lacks

    def _fail(self, error=None):
        self._error = error or MultipartError(400, 'Malformed form')
        raise self._error

    def feed(self, data):
        """Take some more bytes of the body."""
        if not self.done:
            self._data = self._data + data if self._data else data

    def close(self):
        """Take notice of the end of the body.

        :raises MultipartError: it is truncated.
        """
        if not self.done:
            self._fail()

    def next_event(self):
        """Return the next event.

        :return: a tuple, see :func:`parse_part_head`: a part begins;
                 ``bytes``: some of its content; ``b''``: it ends; ``None``:
                 more bytes are needed, unless :attr:`done`.
        :raises MultipartError: the body is malformed, or over a limit. Then
                                any further call raises the same.
        """
        if self._error:
            raise self._error
        delimiter = self._delimiter
        while not self.done:
            data = self._data
            if self._in_head:
                start = data[:2]
                if len(start) < 2:
                    break
                if start == b'--':
                    self.done = True
                    self._data = b''
                    break
                if start != b'\r\n' and start[0] not in b' \t':
                    # RFC 2046 wants a boundary that begins no line of content
                    self._fail()
                end = data.find(b'\r\n\r\n')
                if (len(data) - 3 if end < 0 else end) > self.max_header_size:
                    self._fail(_over('max_header_size'))
                if end < 0:
                    break
                if not self.max_parts:
                    self._fail(_over('max_parts'))
                self.max_parts -= 1
                self._data = data[end + 4:]
                self._in_head = False
                self._in_part = True
                try:
                    return parse_part_head(data[:end])
                except ValueError:
                    self._fail()
            end = data.find(delimiter)
            if not end:
                self._data = data[len(delimiter):]
                self._in_head = True
                if self._in_part:
                    return b''
                continue
            if end < 0:
                # What may be the beginning of a delimiter has to wait. It has
                # one CR, so that is the last.
                end = data.rfind(b'\r', max(0, len(data) - len(delimiter)))
                if end < 0 or not delimiter.startswith(data[end:]):
                    end = len(data)
                if not end:
                    break
            self._data = data[end:]
            if self._in_part:
                return data[:end]
        return None


# --- Files ------------------------------------------------------------------

def _open_temporary(folder):
    # Returns a new file and the path to remove it by, which is None where it
    # has no name: there it is gone with the program, whatever becomes of it.
    try:
        from tempfile import TemporaryFile
    except ImportError:
        pass
    else:
        return TemporaryFile(dir=folder or None), None
    if not FileUpload._swept:
        # those of a program that was interrupted, such as by a power failure
        FileUpload._swept = True
        for name in os.listdir(folder):
            if name[:9] == 'microdot-' and name[-4:] == '.tmp':
                os.remove((folder and folder + '/') + name)
    path = '%smicrodot-%s.tmp' % (
        folder and folder + '/', hexlify(os.urandom(8)).decode())
    return open(path, 'w+b'), path


class FileUpload:
    """A file of a form.

    Attributes: ``filename`` (as the client names it, without folders; empty
    if none was chosen), ``content_type`` (as the client says, or ``None``),
    ``headers`` (of the part, a dict by lower-case name); ``size`` (bytes) and
    ``file`` (the content as a binary file), ``None`` before :meth:`copy`.

    :param read: coroutine function of the number of bytes, for the content.
    """
    #: Bytes that :meth:`copy` keeps in memory; more go to a temporary file.
    max_memory_size = 1024 if _BOARD else 64 * 1024
    #: The folder for temporary files; empty for the usual one: on a board the
    #: current folder, elsewhere that of the system.
    temp_dir = ''

    size = None
    _swept = False
    file = _path = None

    def __init__(self, filename, content_type, read, headers=None):
        self.filename = filename
        self.content_type = content_type
        self.headers = headers or {}
        self._read = read

    @property
    def safe_name(self):
        """The name made fit to store the file under: ASCII letters, digits,
        ``-``, ``_`` and ``.``, and ``_`` for each other character; at most 64
        of them; not hidden, not empty, not a device of Windows."""
        # boards: a comprehension would be a function, and a tuple of texts
        # would hold six objects; both take 64 to 200 bytes more
        chars = []
        for byte in self.filename.encode():
            if byte & 0xc0 != 0x80:
                chars.append(
                    chr(byte) if 96 < byte < 123 or 64 < byte < 91 or
                    byte in b'-.0123456789' else '_')
        name = ''.join(chars).lstrip('.-').rstrip('.') or 'file'
        stem, dot, kind = name.rpartition('.')
        if len(name) > 64:
            kind = dot + kind[:8] if stem else ''
            name = name[:64 - len(kind)] + kind
        if name.partition('.')[0].rstrip('0123456789').upper() in \
                'CON PRN AUX NUL COM LPT'.split():
            name = '_' + name[-63:]
        return name

    async def _call(self, method, *args):
        # A method of the file that holds a copy. Disks may block.
        if isinstance(self.file, io.BytesIO):
            return method(*args)
        return await invoke_handler(method, *args)

    async def read(self, n=-1):
        """Read up to *n* bytes, at least one before the end; -1: all that is
        left, in memory.

        :raises ValueError: the form has gone on to its next part, or this was
                            closed.
        """
        if self.file:
            return await self._call(self.file.read, n)
        if not self._read:
            raise ValueError('the upload has been passed by or closed')
        return await self._read(n)

    async def save(self, path_or_file):
        """Write what is left to a file. It gets its name when it is whole;
        one that has the name stays until then.

        :param path_or_file: a path, to be trusted: see :attr:`safe_name`; or
                             an open binary file, which is left open.
        :raises HTTPException: 507 if there is no room at the path.
        """
        if not hasattr(path_or_file, 'write'):
            from .uploads import write_file
            await write_file(self.read, path_or_file, 1 << 62)
            return
        while True:
            data = await self.read(FormDataIter.buffer_size)
            if not data:
                break
            await invoke_handler(path_or_file.write, data)

    async def copy(self, max_memory_size=None):
        """Read what is left now, so that it is still there when the form goes
        on. Needs :meth:`close` in the end.

        :param max_memory_size: in place of the attribute.
        :return: the upload itself.
        :raises HTTPException: 507 if there is no room for the temporary file.
        """
        if self.file:
            return self
        read = self._read
        if not read:
            raise ValueError('the upload has been passed by or closed')
        if max_memory_size is None:
            max_memory_size = self.max_memory_size
        size = 0
        self.file = io.BytesIO()
        try:
            while True:
                data = await read(FormDataIter.buffer_size)
                if not data:
                    break
                size += len(data)
                if size > max_memory_size and \
                        isinstance(self.file, io.BytesIO):
                    begin = self.file.getvalue()
                    self.file, self._path = await invoke_handler(
                        _open_temporary, self.temp_dir)
                    await self._call(self.file.write, begin)
                await self._call(self.file.write, data)
            await self._call(self.file.seek, 0)
        except BaseException as exc:
            try:
                await self.close()
            except OSError:
                pass  # there is no room for what is in a buffer
            if isinstance(exc, OSError):
                from .uploads import refuse
                refuse(exc)
            raise
        self.size = size
        return self

    async def close(self):
        """Release the content, and remove the temporary file. May be called
        again."""
        path = self._path
        try:
            if self.file:
                await self._call(self.file.close)
        finally:
            self.file = self._path = self._read = None
            if path:
                os.remove(path)


# --- Forms ------------------------------------------------------------------

class FormDataIter:
    """The fields and files of a multipart form, one after the other, as an
    asynchronous iterator of pairs: the name, and the value as ``str`` or as
    :class:`FileUpload`. There are none if the request is of another type or
    has no body.

    A file can be read until the iterator goes on; what was not read is then
    skipped. What is wrong with a form is raised as :exc:`MultipartError`.
    """
    #: Bytes read at once.
    buffer_size = 512 if _BOARD else 64 * 1024
    #: Number of parts of a form: more is answered with 413.
    max_parts = 64 if _BOARD else 1000
    #: Bytes of the head of a part: more is answered with 413.
    max_header_size = 1024 if _BOARD else 8 * 1024
    #: Bytes of a text field: more is answered with 413.
    max_field_size = 4 * 1024 if _BOARD else 1024 * 1024
    #: Characters of all names and text fields that :func:`with_form_data`
    #: keeps: more is answered with 413.
    max_form_size = 8 * 1024 if _BOARD else 1024 * 1024
    #: Number of files that :func:`with_form_data` keeps: more is answered
    #: with 413.
    max_files = 8 if _BOARD else 100

    _stream = _parser = _upload = None
    _piece = b''        # read and not yet asked for
    _pos = 0            # how much of that is used
    _more = False       # the part goes on

    def __init__(self, request):
        content_type = request.content_type or ''
        if content_type.partition(';')[0].strip(' \t').lower() == \
                'multipart/form-data':
            try:
                self._boundary = parse_options(content_type)[1]['boundary']
            except (ValueError, KeyError):
                self._boundary = ''
            self._stream = request.stream

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self._upload:
            self._upload._read = self._upload = None
        while self._more:
            await self._next_piece()
        part = self._stream and await self._next_event()
        if not part:
            raise StopAsyncIteration
        name, filename, headers = part
        self._more = True
        if filename is not None:
            self._upload = FileUpload(
                filename, headers.get('content-type'), self._read, headers)
            return name, self._upload
        value = bytearray()
        while await self._next_piece():
            if len(value) + len(self._piece) > self.max_field_size:
                raise _over('max_field_size')
            value.extend(self._piece)
        return name, decode_text(value)

    async def _next_event(self):
        # Returns None at the end of the form.
        parser = self._parser
        while True:
            if parser:
                event = parser.next_event()
                if event is not None or parser.done:
                    return event
            data = await self._stream.read(self.buffer_size)
            if not parser:
                if not data:
                    return None  # without a body there is no form
                self._parser = parser = MultipartParser(
                    self._boundary, self.max_parts, self.max_header_size)
            elif not data:
                parser.close()
            parser.feed(data)

    async def _next_piece(self):
        # Returns whether there is more of this part.
        self._pos = 0
        self._piece = await self._next_event()
        self._more = len(self._piece) > 0
        return self._more

    async def _read(self, n=-1):
        if n < 0:
            pieces = []
            while True:
                data = await self._read(self.buffer_size)
                if not data:
                    return b''.join(pieces)
                pieces.append(data)
        while self._pos >= len(self._piece) and self._more:
            await self._next_piece()
        data = self._piece
        if self._pos or len(data) > n:
            data = data[self._pos:self._pos + n]
        self._pos += len(data)
        return data


def with_form_data(f):
    """Decorator for handlers: take in a multipart form before, as
    ``request.form`` and ``request.files``, which are dicts. On CPython a name
    that they lack is answered with 400.

    Where a name comes several times they have its first value, and
    :func:`getlist` has all. The files are closed after the handler. Other
    requests are passed on as they are::

        @app.post('/upload')
        @with_form_data
        async def upload(request):
            await request.files['photo'].save('photo.jpg')
    """
    async def wrapper(request, *args, **kwargs):
        form = _Form()
        files = _Files()
        pairs = []
        uploads = []
        left = FormDataIter.max_form_size
        try:
            reader = FormDataIter(request)
            async for name, value in reader:
                left -= len(name)
                if isinstance(value, FileUpload):
                    if len(uploads) >= FormDataIter.max_files:
                        raise _over('max_files')
                    uploads += [value]
                    files.setdefault(name, await value.copy())
                else:
                    left -= len(value)
                    form.setdefault(name, value)
                if left < 0:
                    raise _over('max_form_size')
                pairs.append((name, value))
            if reader._stream:
                if not _BOARD:
                    form.pairs = pairs
                request._form = form
                request.files = files
                request._pairs = pairs
            return await invoke_handler(f, request, *args, **kwargs)
        finally:
            for upload in uploads:
                try:
                    await upload.close()
                except OSError as exc:
                    request.app.log_exception(None, exc)

    try:
        from functools import wraps
    except ImportError:
        return wrapper  # boards: functions take no attributes
    return wraps(f)(wrapper)


def getlist(request, name):
    """Return all values that a form has for a name, text and files, in order,
    as a list. The form may be of either type."""
    pairs = getattr(request, '_pairs', None)
    if pairs is None:
        return request.form.getlist(name) if request.form else []
    found = []
    for key, value in pairs:
        if key == name:
            found += [value]
    return found

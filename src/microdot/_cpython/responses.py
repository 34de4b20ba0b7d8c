"""What a response has on CPython alone, and what is made of results."""
import hashlib
import os

from .. import _streams
from .. import microdot as core
from .._mistakes import check_result, named
from .data import without_record


def make_response(result):
    """Make a :class:`Response` of what a handler returned.

    :raises TypeError: it cannot be one.
    """
    if isinstance(result, str):
        return Response(result)  # most are
    if isinstance(result, core.Response):
        return result if result is Response.already_handled \
            else copy_response(result)
    if not isinstance(result, dict):
        check_result(result)
        if result is None:
            res = _make_response(None)
            res.forgotten = True
            return res
        result = without_record(result)
    return _make_response(result)


_make_response = core.make_response


def copy_response(res):
    # As the core does it, in a third of the time.
    copy = object.__new__(res.__class__)
    copy.__dict__.update(res.__dict__)
    headers = res.headers
    if type(headers) is core.NoCaseDict:
        copy.headers = core.NoCaseDict.__new__(core.NoCaseDict)
        dict.update(copy.headers, headers)
        copy.headers.__dict__.update(headers.__dict__)
        copy.headers.keymap = headers.keymap.copy()
    else:
        copy.headers = headers.copy()
    return copy


class Response(core.Response):
    send_file_buffer_size = 64 * 1024
    complete = _streams.complete_response
    write = _streams.write_response
    tagged = False     # etag() has been called
    file = None        # the body, if send_file() has opened it
    forgotten = False  # made of a handler's None

    def etag(self):
        """Add an ``ETag`` of the body (RFC 9110, section 8.8.3). A client
        that has it already gets 304 in place of the body. Returns the
        response itself, to be returned by a handler.

        :raises TypeError: the body is not in memory.
        """
        if not isinstance(self.body, (bytes, bytearray, memoryview)):
            raise TypeError('etag() is for bodies in memory, not for a ' +
                            type(self.body).__name__)
        self.headers['ETag'] = '"%s"' % hashlib.blake2b(
            self.body, digest_size=16).hexdigest()
        self.tagged = True
        return self

    @classmethod
    def send_file(cls, filename, status_code=200, content_type=None,
                  stream=None, max_age=None, compressed=False,
                  file_extension='', download_name=None, disposition=None):
        if filename is None or isinstance(filename, bytes) or \
                hasattr(filename, 'read'):
            # whose text would be the name of no file: 404
            raise TypeError(
                'send_file() takes the path of a file, not %s; for one that '
                "is open, write: send_file('name.txt', stream=file)"
                % named(filename))
        if not content_type:
            content_type = guess_type(
                cls, str(download_name or filename), compressed)
        if download_name:
            # (names that are no UTF-8 have half characters here)
            download_name = str(download_name).encode(
                'utf-8', 'replace').decode()
        res = super().send_file(
            filename, status_code, content_type, stream, max_age, compressed,
            file_extension, download_name, disposition)
        if not stream:
            # with what tells it from others of the name; see complete()
            res.file = res.body, file_extension
        return res

    def __repr__(self):
        kind = '%d bytes' % len(self.body) if isinstance(self.body, bytes) \
            else type(self.body).__name__
        return '<Response %s, %s>' % (self.status_code, kind)


# (that of the core's is an instance of the core's class)
Response.already_handled = Response()


def answer_file(req, res, extension):
    """Return what a request asks of a file, see
    :func:`microdot.static.answer_file`. Its validators are added."""
    from .. import static
    stat = os.fstat(res.body.fileno())
    for name, value in static.validators(
            stat.st_size, int(stat.st_mtime), stat.st_mtime_ns,
            extension).items():
        res.headers.setdefault(name, value)
    return static.answer_file(req, res)


def guess_type(cls, name, compressed):
    """Return the content type of a file, or ``None`` for the core to find it:
    that of ``static``, or of the system, where :class:`Response` has none."""
    if compressed:
        name = name.removesuffix('.gz')
    extension = os.path.splitext(name)[1][1:].lower()
    if not extension or extension in cls.types_map:
        return None
    from ..static import TYPES
    if extension in TYPES:
        return TYPES[extension]
    import mimetypes
    found, coding = mimetypes.guess_type('x.' + extension)
    return None if coding else found


def is_known(res, known):
    """Tell whether the value of an ``If-None-Match`` has the response's
    ``ETag``, be it weak or strong (RFC 9110, section 13.1.2)."""
    if not known:
        return False
    tag = res.headers['ETag']
    tags = [item.removeprefix('W/') for item in core.parse_list(known)]
    return known.strip() == '*' or tag.removeprefix('W/') in tags

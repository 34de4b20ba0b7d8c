"""Files for browsers: validators, ranges, and whole folders.

``send_file()`` of the core sends a file. What is here also answers that a
browser has it already, or sends the part that a browser asks for (RFC 9110,
sections 8.8, 13 and 14).
"""
import os
import time

from .helpers import add_vary
from .microdot import (
    HTTPException,
    Response,
    Route,
    URLPattern,
    http_date,
    parse_list,
)

if hasattr(os, 'fspath'):
    from ._folders import find_folder
else:
    find_folder = str  # boards

#: Content types by file extension, beside those that the core knows. With
#: this module they are in ``Response.types_map``.
TYPES = {
    'csv': 'text/csv',
    'gz': 'application/gzip',
    'htm': 'text/html',
    'jpeg': 'image/jpeg',
    'map': 'application/json',
    'md': 'text/markdown',
    'mjs': 'text/javascript',
    'mp3': 'audio/mpeg',
    'mp4': 'video/mp4',
    'pdf': 'application/pdf',
    'wasm': 'application/wasm',
    'webmanifest': 'application/manifest+json',
    'webp': 'image/webp',
    'woff2': 'font/woff2',
    'xml': 'application/xml',
    'zip': 'application/zip',
}
for _extension in TYPES:
    # (what a program has set stays)
    Response.types_map.setdefault(_extension, TYPES[_extension])
if find_folder is str:
    TYPES = Response.types_map  # boards: a second table would take 208 bytes

_MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec'
#: Seconds for which a file that was changed has a weak ``ETag``: it may
#: change again, at the same size, before its time of change is another. FAT
#: has steps of two seconds.
settle_time = 2


# --- Wire -------------------------------------------------------------------

def parse_date(text):
    """Parse an HTTP date, also of the two old forms (RFC 9110, section
    5.6.7).

    :return: ``(year, month, day, hour, minute, second)``, or ``None`` for
             anything else, to be ignored.
    """
    if len(text) > 40:
        return None
    parts = text.replace(',', ' ').replace('-', ' ').replace(
        ':', ' ').split()
    if len(parts) == 8 and parts[7] == 'GMT':
        day, month, year, hour, minute, second = parts[1:7]
    elif len(parts) == 7:
        month, day, hour, minute, second, year = parts[1:]
    else:
        return None
    found = _MONTHS.find(month)
    if found < 0 or found % 3 or len(month) != 3 or not (
            day + year + hour + minute + second).encode().isdigit():
        return None
    number = int(year)
    if len(year) == 2:
        # the past, if it would be more than 50 years ahead
        number += 2000
        if number > time.gmtime()[0] + 50:
            number -= 100
    return (number, found // 3 + 1, int(day), int(hour), int(minute),
            int(second))


def matches_etag(value, etag):
    """Tell whether an ``If-None-Match`` names an entity tag, or any. Tags
    are compared weakly (RFC 9110, section 13.1.2)."""
    if etag[:2] == 'W/':
        etag = etag[2:]
    if value.strip() == '*':
        return True
    for tag in parse_list(value):
        if tag[:2] == 'W/':
            tag = tag[2:]
        if tag == etag:
            return True
    return False


def parse_range(value, size):
    """Parse a ``Range`` header (RFC 9110, section 14.1.2).

    :param size: bytes of the file.
    :return: ``(first, last)``; ``None``: to be ignored, as it is malformed,
             of another unit, or of several parts.
    :raises HTTPException: 416: the file has none of these bytes.
    """
    unit, _, text = value.partition('=')
    first, dash, last = text.strip(' \t').partition('-')
    if unit.strip(' \t').lower() != 'bytes' or not dash or \
            not first and not last or len(text) > 40:
        return None
    for char in first + last:
        # int() also takes signs, spaces and digits of other scripts
        if char not in '0123456789':
            return None
    if not first:
        # the last bytes of the file, that many
        first = max(size - int(last), 0)
        last = size - 1
    else:
        first = int(first)
        if last and int(last) < first:
            return None
        last = min(int(last), size - 1) if last else size - 1
    if first > last:
        raise HTTPException(416, 'Range not satisfiable',
                            {'Content-Range': 'bytes */%d' % size})
    return first, last


# --- Files ------------------------------------------------------------------

class Part:
    """The next *size* bytes of an open file, as a file."""
    def __init__(self, file, size):
        self.file = file
        self.size = size

    def read(self, n):
        data = self.file.read(min(n, self.size))
        self.size -= len(data)
        return data

    def close(self):
        self.file.close()


def _stat(filename):
    # (size, time of change, the same as finely as it is known) of a file, or
    # 403 or 404.
    try:
        stat = os.stat(filename)
    except OSError as exc:
        # EPERM, EACCES
        if exc.errno in (1, 13):
            raise HTTPException(403)
        stat = None
    if stat is None or stat[0] & 0xf000 != 0x8000:
        raise HTTPException(404, 'Not found')
    when = int(stat[8])
    return stat[6], when, getattr(stat, 'st_mtime_ns', when)


def serve_file(request, filename, content_type=None, max_age=None,
               gzip=False):
    """Return a :class:`Response` that is a file, or what the request asks of
    it: nothing, if it has not changed, or one range of its bytes. Several
    ranges are answered with the whole.

    ``ETag`` and ``Last-Modified`` are made of its size and the time when it
    was changed; a file system that keeps no times gives none of these.

    :param filename: the name is trusted: never take it from a request
                     unchecked. See :func:`static`.
    :param content_type: found by the extension if omitted.
    :param max_age: seconds that it may be used without asking again.
    :param gzip: whether to send the file of that name with ``.gz`` behind
                 it, where there is one and the client takes it.
    :raises HTTPException: 403: it may not be read. 404: there is no such
                           file. 416: it has none of the bytes of the range.
    """
    headers = request.headers
    extension = ''
    size = None
    if gzip:
        add_vary(request, 'Accept-Encoding')
        from .codings import choose_coding  # for who has such files
        if choose_coding(headers.get('Accept-Encoding', ''), ['gzip']):
            try:
                size, when, stamp = _stat(filename + '.gz')
                extension = '.gz'
            except HTTPException:
                pass
    if size is None:
        size, when, stamp = _stat(filename)
    res = Response.send_file(
        filename, content_type=content_type, max_age=max_age,
        compressed=bool(extension), file_extension=extension)
    res.headers.update(validators(size, when, stamp, extension))
    return answer_file(request, res)


def validators(size, when, stamp, extension=''):
    """Return ``ETag`` and ``Last-Modified`` of a file as a dict, which is
    empty where the file system keeps no times.

    :param when: the time of the last change.
    :param stamp: the same, as finely as it is known.
    :param extension: what tells it from others of that name.
    """
    if not when:
        return {}
    etag = '"%x-%x%s"' % (stamp, size, extension)
    if time.time() - when < settle_time:
        # The next one differs, so that no client keeps what may have
        # changed in between (RFC 9110, sections 8.8.1 and 8.8.2.2).
        etag = 'W/"new-' + etag[1:]
    return {'ETag': etag, 'Last-Modified': http_date(when)}


def answer_file(request, res):
    """Return what a request asks of a response that is a whole file: the same
    one, or for one range of it, or another one with 304.

    :raises HTTPException: 412: it is not the one that the client wants. 416:
                           it has none of the bytes of the range.
    """
    headers = request.headers
    etag = res.headers.get('ETag', '')
    modified = res.headers.get('Last-Modified')
    if request.method != 'GET' and request.method != 'HEAD':
        return res
    try:
        if not _is_wanted(headers, etag, modified):
            raise HTTPException(412)
        known = modified and _is_known(headers, etag, modified)
    except HTTPException:  # or 431, for a list that is too long
        res.body.close()
        raise
    if known:
        res.body.close()
        known = Response(b'', 304)
        for name in res.headers:
            if name[:8].lower() != 'content-':
                known.headers[name] = res.headers[name]
        known.jobs = res.jobs
        return known
    res.headers['Accept-Ranges'] = 'bytes'
    # (of HEAD it means nothing, RFC 9110, section 14.2)
    if request.method == 'GET' and 'Range' in headers and (
            'If-Range' not in headers or (
                etag[:1] == '"' and
                headers['If-Range'] in (etag, modified))):
        try:
            part = parse_range(headers['Range'], res.size)
        except HTTPException:
            res.body.close()
            raise
        if part:
            first, last = part
            res.body.seek(first)
            res.body = Part(res.body, last + 1 - first)
            res.status_code = 206
            res.headers['Content-Range'] = 'bytes %d-%d/%d' % (
                first, last, res.size)
            res.size = last + 1 - first
    return res


def _is_wanted(headers, etag, modified):
    # Whether it is the file that the client means. Tags are compared strongly
    # (RFC 9110, sections 13.1.1 and 13.1.4).
    if 'If-Match' in headers:
        value = headers['If-Match']
        return value.strip() == '*' or \
            etag[:1] == '"' and etag in parse_list(value)
    until = parse_date(headers.get('If-Unmodified-Since', ''))
    return until is None or not modified or parse_date(modified) <= until


def _is_known(headers, etag, modified):
    # Whether the client has the file already (RFC 9110, section 13.2.2).
    if 'If-None-Match' in headers:
        return matches_etag(headers['If-None-Match'], etag)
    since = parse_date(headers.get('If-Modified-Since', ''))
    return since is not None and since >= parse_date(modified)


# --- Folders ----------------------------------------------------------------

def safe_path(path):
    """Return a path from a URL if it stays in its folder and hides nothing.

    :raises HTTPException: 404: a part of it is empty, begins with a dot,
                           holds a backslash, a colon or a control character,
                           or may be the short name that FAT and NTFS give to
                           such a part, as ``HTPASS~1`` is ``.htpasswd``.
    """
    for part in path.split('/'):
        if part[:1] in ('', '.') or _is_short(part.split('.', 1)[0]):
            raise HTTPException(404, 'Not found')
        for char in part:
            if char in '\\:' or ord(char) < 32 or ord(char) == 127:
                raise HTTPException(404, 'Not found')
    return path


def _is_short(name):
    # whether it has up to eight characters, of which the last are ~1 or so
    start, tilde, number = name.rpartition('~')
    return len(name) < 9 and tilde and not number.strip('0123456789') and \
        number != ''


class Folder:
    # A folder whose files are served.
    def __init__(self, path, follow_symlinks):
        self.path = find_folder(path).rstrip('/') or '/'
        if not _is_folder(self.path):
            raise ValueError('no folder ' + self.path)
        # boards: no links, and no such function
        self.real = None if follow_symlinks else \
            getattr(getattr(os, 'path', None), 'realpath', None)
        self.root = self.real and self.real(self.path)

    def is_inside(self, name):
        # of what is opened, since each part of a name may be a link
        root = self.root
        return not root or self.real(name) == root or self.real(
            name).startswith(root.rstrip('/\\') + (
                '/' if '/' in root else '\\'))  # Windows

    def find(self, request, path, html):
        # Return the name of a file, or raise what is to be answered.
        name = self.path
        slash = path[-1:] in ('', '/')
        if path:
            name += '/' + (path[:-1] if slash else path)
        if self.is_inside(name):
            if html and _is_folder(name):
                page = name + '/index.html'
                _stat(page)
                if not slash:
                    url, mark, query = request.url.partition('?')
                    raise HTTPException(
                        307, 'Temporary Redirect',
                        {'Location': './%s/%s' % (
                            url.rsplit('/', 1)[-1], mark + query)})
                if self.is_inside(page):
                    return page
            elif not slash:
                _stat(name)
                return name
        raise HTTPException(404, 'Not found')


def static(app, url_prefix, folder, max_age=None, html=False, gzip=False,
           follow_symlinks=False, fallback=None, not_found=None):
    """Serve the files of a folder, at any depth, as :func:`serve_file` does.

    Names that begin with a dot are not served, nor is what links lead to
    outside of the folder.

    :param url_prefix: put before the names, such as ``'/static'``.
    :param folder: a path; on CPython that of a folder in the current one, or
                   else beside the module that calls. Or a list of them: the
                   first that has a file counts.
    :param html: whether the file ``index.html`` of a folder answers for the
                 folder; without its slash at the end, the client is
                 redirected.
    :param follow_symlinks: whether links may lead out of the folder.
    :param fallback: the file that answers for pages that are not there: the
                     client takes HTML, and the name has no extension.
                     Browsers ask for it again each time.
    :param not_found: the file that is sent with 404.
    :raises ValueError: there is no such folder or file.
    """
    folders = []
    for path in folder if isinstance(folder, (list, tuple)) else (folder,):
        folders.append(Folder(path, follow_symlinks))
    prefix = url_prefix.rstrip('/')

    def find(request, path, html):
        # (folder, name) of a file
        for one in folders:
            try:
                return one, one.find(request, path, html)
            except HTTPException as exc:
                if exc.status_code != 404:
                    raise
        raise HTTPException(404, 'Not found')

    def view(request, path=''):
        try:
            if path:
                safe_path(path[:-1] if path[-1] == '/' else path)
            try:
                one, name = find(request, path, html)
            except HTTPException as exc:
                if exc.status_code != 404 or not fallback or path and (
                        '.' in path.rsplit('/', 1)[-1] or
                        'text/html' not in request.headers.get('Accept', '')):
                    raise
                return serve_file(
                    request, find(request, fallback, False)[1], None, 0)
            return serve_file(request, name, None, max_age,
                              gzip and one.is_inside(name + '.gz'))
        except HTTPException as exc:
            if exc.status_code != 404 or not not_found:
                raise
            return Response.send_file(
                find(request, not_found, False)[1], 404)

    for name in (fallback, not_found):
        try:
            if name:
                find(None, name, False)
        except HTTPException:
            raise ValueError('no file ' + name)
    name = prefix.strip('/') or 'static'
    texts = ['/<path:path>']
    if html or fallback or not_found:
        texts.append('/')
    for text in texts:
        pattern = URLPattern(prefix + text)
        pattern.compile()
        # after all other routes, whenever these are registered
        app.register('routes', Route(['GET'], pattern, view, '', None, (),
                                     None, name, None, 3, None))


def _is_folder(name):
    try:
        return os.stat(name)[0] & 0xf000 == 0x4000
    except OSError:
        return False

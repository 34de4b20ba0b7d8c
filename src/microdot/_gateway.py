"""What the adapters for ASGI and WSGI have in common.

Both stand behind a server that has parsed the request and will write the
response. The rules for what goes out are the core's own: the head of a
response is encoded as for the built-in server, and taken apart again here.
"""
import asyncio
import atexit
import os
import signal
import threading
from urllib.parse import quote, unquote

from . import microdot as core
from ._cpython import Cache
from ._cpython.threads import LATE_S, closed_late

# --- Wire -------------------------------------------------------------------

def parse_path(path, raw=None):
    """Return a path as the client has sent it.

    :param path: the path, decoded; it cannot tell ``/`` from ``%2F``.
    :param raw: what the client has sent, if the server says so; but where
                it is not *path*, somebody has changed that since.
    """
    if raw == path:
        return raw
    if raw:
        raw = raw.partition('?')[0]
        if raw == path or unquote(raw) == path:
            return raw
    return quote(path, "/!$&'()*+,;=:@~")


def add_field(fields, key, value):
    """Add a header to those of a request, by lower-case name.

    :raises ValueError: it is there already, and cannot be there twice.
    """
    if key in fields:
        value = core.join_field(key, fields[key], value)
    fields[key] = value


def add_root(url, root):
    """Put the prefix that a server or proxy names in front of a path, where
    it is not: not every server does that.

    :param url: the path, as the client or a proxy sends it.
    :param root: the prefix, decoded.
    :return: the whole path, and the prefix as it is spelled there.
    """
    root = root.strip('/')
    if not root:
        return url, ''
    # whole segments only
    count = root.count('/') + 2
    prefix = '/'.join(url.split('/', count)[:count])
    if unquote(prefix) != '/' + root:
        prefix = '/' + quote(root)
        url = prefix + url
    return url, prefix


_split_line = Cache(lambda line: tuple(line.split(b': ', 1)))
_CLOSE = (b'Connection', b'close')
_CHUNKED = (b'Transfer-Encoding', b'chunked')


def split_head(res, head):
    """Take the head of a response apart, and leave out what the server will
    add by itself.

    :return: ``(status, pairs, close)``: names and values are ``bytes``;
             *close* tells whether the connection is to be closed.
    """
    lines = head.split(b'\r\n')
    pairs = [_split_line[line] for line in lines[1:-2]]
    # these come last, in this order, where they are the core's
    close = bool(pairs) and pairs[-1] == _CLOSE
    if close:
        pairs.pop()
    if pairs and pairs[-1][0] == b'Date' and 'Date' not in res.headers:
        pairs.pop()
    if pairs and pairs[-1] == _CHUNKED:
        pairs.pop()
    return lines[0], pairs, close


class Pieces:
    """Makes bytes of the pieces of a body, and sees to their number.

    :param res: the response.
    :param left: bytes that they are to be, or ``None``.
    """
    def __init__(self, res, left):
        self.left = left
        self.cut = res.size is not None  # the file may have grown

    def take(self, piece):
        """Return a piece as ``bytes``.

        :raises ValueError: that is more than there should be.
        """
        if not isinstance(piece, bytes):
            piece = core.to_bytes(piece)
        if self.left is not None:
            if self.cut:
                piece = piece[:self.left]
            self.left -= len(piece)
            if self.left < 0:
                self.end()
        return piece

    def end(self):
        """Note the end.

        :raises ValueError: there should be another number of bytes.
        """
        if self.left:
            raise ValueError('body is not of its Content-Length')


# --- Application ------------------------------------------------------------

def at_exit(function):
    """Call a function when the process ends, unless by a signal that nothing
    handles."""
    # What is registered last is called first. The thread pool, which this
    # import registers, must not end before what may still use it.
    import concurrent.futures.thread  # noqa: F401
    getattr(threading, '_register_atexit', atexit.register)(function)


class Microdot(core.Microdot):
    """The part of an application that both adapters have."""

    #: Whether :meth:`run` serves it, rather than another server.
    embedded_server = False
    def __init__(self):
        super().__init__()
        # for what the gateway accepts
        self.gateway = core.Server(self)

    _started = False   # by the server, or because that does not do it
    _running = False   # start-up has begun, shut-down is to come
    _starting = None   # the task of a start that no server has asked for

    def run(self, host='0.0.0.0', port=5000, debug=False, ssl=None,
            banner=True, root_path=''):
        """Serve with the built-in server, see
        :meth:`microdot.microdot.Microdot.run`."""
        self.embedded_server = True
        try:
            super().run(host, port, debug, ssl, banner=banner,
                        root_path=root_path)
        finally:
            self.embedded_server = False

    def shutdown(self):
        """Stop the server. One that is not the built-in one gets SIGTERM, or
        rather the leader of its process group: that is the one to stop
        where there are several processes."""
        if self.embedded_server or self.servers:
            super().shutdown()
        else:
            os.kill((getattr(os, 'getpgrp', None) or os.getpid)(),
                    signal.SIGTERM)

    async def _start(self):
        # Runs the handlers for start-up; if one fails, those for shut-down.
        self._running = True
        self.running += 1
        try:
            for handler in self.startup_handlers:
                await core.invoke_handler(handler)
        except BaseException:
            await self._stop()
            raise
        self._started = True

    async def _start_late(self):
        # For a server that does not tell when it starts: with the first
        # request. Where that fails the next one tries again.
        if not self._starting:
            self._starting = asyncio.create_task(self._start())
        task = self._starting
        try:
            await asyncio.shield(task)
        finally:
            if task.done() and task is self._starting:
                self._starting = None

    async def _stop(self):
        # Runs all handlers for shut-down, once; returns what they have raised.
        if not self._running:
            return []
        self._running = False
        await closed_late(LATE_S)
        return await self.shut_down()

    def make_request(self, client_addr, method, url, root, query, version,
                     headers, stream, sock, scheme):
        """Make a :class:`microdot.Request` of what a server has parsed.

        The application answers for the paths below *root*. What none of its
        routes matches may be meant for one that names the prefix as well,
        as it had to with Microdot 2.7.

        :param url: the path as the client sends it, perhaps without *root*.
        :param root: the prefix, decoded.
        :param query: the query, if there is one.
        :raises ValueError: the path is badly encoded.
        """
        root_path = ''
        if root and url[:1] == '/':
            url, root_path = add_root(url, root)
        req = core.Request(self, client_addr, method,
                           url + '?' + query if query else url, version,
                           headers, None, stream, sock, '', None, scheme)
        if root_path:
            req.root_path = root_path
            count = root_path.count('/') + 1
            parts = req.route_path.split('/', count)
            req.raw_root = '/'.join(parts[:count])
            req.route_path = '/' + '/'.join(parts[count:])
            req.path = req.route_path.replace('\0', '/')
        return req

    def match(self, req):
        path = req.route_path
        found = super().match(req)
        if found[0] or 'raw_root' not in vars(req):
            return found  # (a prefix may also be that of a proxy)
        req.route_path = req.raw_root + path
        if path == '/' and req.url.partition('?')[0][-1] != '/':
            req.route_path = req.raw_root
        found = super().match(req)
        if found[0]:
            req.root_path = ''
            req.path = req.route_path.replace('\0', '/')
        else:
            req.route_path = path
        return found

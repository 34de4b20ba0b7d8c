"""What the adapters for ASGI and WSGI have in common.

Both stand behind a server that has parsed the request and will write the
response. The rules for what goes out are the core's own: the head of a
response is encoded as for the built-in server, and taken apart again here.
"""
import asyncio
import os
import signal
from urllib.parse import quote, unquote

from microdot import microdot as core
from microdot._cpython import Cache

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


def strip_root(url, root):
    """Take the prefix that a server or proxy names off a path.

    Whole segments only, and only where they are there: not every server puts
    them in front of the path.

    :param url: the path, as the client sends it.
    :param root: the prefix, decoded.
    :return: the rest, and the prefix as it was in *url*, or ``''``.
    """
    root = root.strip('/')
    if root:
        count = root.count('/') + 2
        parts = url.split('/', count)
        if len(parts) >= count and unquote('/'.join(parts[1:count])) == root:
            return '/' + '/'.join(parts[count:]), '/'.join(parts[:count])
    return url, ''


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
        if isinstance(piece, str):
            piece = piece.encode()
        elif not isinstance(piece, bytes):
            piece = bytes(memoryview(piece))
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

class Microdot(core.Microdot):
    """The part of an application that both adapters have."""

    #: Whether :meth:`run` serves it, rather than another server.
    embedded_server = False
    _started = False   # by the server, or because that does not do it
    _running = False   # start-up has begun, shut-down is to come
    _starting = None   # the task of a start that no server has asked for

    def run(self, host='0.0.0.0', port=5000, debug=False, ssl=None):
        """Serve with the built-in server, see
        :meth:`microdot.microdot.Microdot.run`."""
        self.embedded_server = True
        try:
            super().run(host, port, debug, ssl)
        finally:
            self.embedded_server = False

    def shutdown(self):
        """Stop the server. One that is not the built-in one gets SIGTERM, or
        rather the leader of its process group: that is the one to stop
        where there are several processes."""
        if self.embedded_server or self.server:
            super().shutdown()
        else:
            os.kill((getattr(os, 'getpgrp', None) or os.getpid)(),
                    signal.SIGTERM)

    async def _start(self):
        # Runs the handlers for start-up; if one fails, those for shut-down.
        self._running = True
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
        return await self._stopped()

    def make_request(self, client_addr, method, url, root, query, version,
                     headers, stream, sock, scheme):
        """Make a :class:`microdot.Request` of what a server has parsed.

        The application answers for the paths below *root*. What none of its
        routes matches may be meant for one that names the prefix as well,
        as it had to with Microdot 2.7.

        :param url: the path as the client sends it, with *root* before it.
        :param root: the prefix, decoded.
        :param query: the query, if there is one.
        :raises ValueError: the path is badly encoded.
        """
        query = '?' + query if query else ''
        rest = url
        if root:
            rest, root = strip_root(url, root)
        req = core.Request(self, client_addr, method, rest + query, version,
                           headers, None, stream, sock, '', None, scheme)
        if root:
            req.root_path = root
            req.url = url + query
            try:
                found = self.find_route(req)[0] != 404
            except core.HTTPException:
                found = True  # will be redirected
            if not found:
                return core.Request(self, client_addr, method, url + query,
                                    version, headers, None, stream, sock, '',
                                    None, scheme)
        return req

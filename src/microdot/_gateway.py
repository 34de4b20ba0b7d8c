"""What the adapters for ASGI and WSGI have in common.

Both stand behind a server that has parsed the request and will write the
response. The rules for what goes out are the core's own: the head of a
response is encoded as for the built-in server, and taken apart again here.
"""
import os
import signal
from urllib.parse import quote, unquote

from microdot import microdot as core
from microdot._cpython import Cache

# --- Wire -------------------------------------------------------------------

def quote_path(path):
    """Encode a path that somebody has decoded."""
    return quote(path, "/!$&'()*+,;=:@~")


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


# --- Application ------------------------------------------------------------

class Microdot(core.Microdot):
    """The part of an application that both adapters have."""

    #: Whether :meth:`run` serves it, rather than another server.
    embedded_server = False
    _started = False   # by the server, or because that does not do it
    _running = False   # start-up is over, shut-down is to come

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

    async def _stop(self):
        # Runs all handlers for shut-down; returns what they have raised.
        errors = []
        if self._running:
            self._running = False
            for handler in reversed(self.shutdown_handlers):
                try:
                    await core.invoke_handler(handler)
                except Exception as exc:
                    self.log_exception(None, exc)
                    errors.append(exc)
        return errors

    def make_request(self, client_addr, method, url, root, query, version,
                     headers, **kwargs):
        """Make a :class:`microdot.Request` of what a server has parsed.

        The application answers for the paths below *root*. What none of its
        routes matches may be meant for one that names the prefix as well,
        as it had to with Microdot 2.7.

        :param url: the path as the client sends it, with *root* before it.
        :param root: the prefix, decoded.
        :param query: the query, or an empty text.
        :raises ValueError: the path is badly encoded.
        """
        rest = url
        if root:
            rest, root = strip_root(url, root)
        if query:
            query = '?' + query
        req = core.Request(self, client_addr, method, rest + query, version,
                      headers, **kwargs)
        if root:
            if self.find_route(req)[0] == 404:
                return core.Request(self, client_addr, method, url + query,
                               version, headers, **kwargs)
            req.root_path = root
            req.url = url + query
        return req

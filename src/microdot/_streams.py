"""What only tests with streams of their own use: requests read from a pair of
streams, responses written to one, and the routes as a list of tuples.

On CPython these are methods of the core's classes, as they are in Microdot
2.7. On a board, where nobody else needs them, :mod:`microdot.test_client` has
them as functions and as a subclass.
"""
import asyncio

from . import microdot as core
from .microdot import (
    Connection,
    HTTPException,
    Server,
    close_body,
    default_type,
    encode_field,
    encode_lines,
    find_head,
    parse_framing,
    parse_head,
    peer_address,
    status_line,
)


async def create_request(app, client_reader, client_writer, client_addr,
                         scheme=None):
    """Read one request from a stream that has ``readline``, ``read`` and
    ``readexactly``.

    :return: a :class:`Request`, or ``None`` at the end of the stream.
    :raises ValueError: the request is malformed or over a limit.
    """
    head = b''
    try:
        while True:
            line = (await client_reader.readline()).rstrip()
            if not line:
                break
            head += line + b'\r\n'
            find_head(head + b'\r\n')
        if not head:
            return None
        method, target, version, fields, lines = parse_head(head[:-2])
        length = parse_framing(version, fields)[0]
    except HTTPException as exc:
        raise ValueError(exc.reason)
    body = None
    if 0 < length <= core.Request.max_body_length:
        body = await client_reader.readexactly(length)
    return core.Request(
        app, client_addr, method, target, version, (fields, lines), body,
        None if body else client_reader, (client_reader, client_writer),
        scheme=scheme)


def complete_response(self):
    """Fill in ``Content-Length`` (for a body of ``bytes``) and
    ``Content-Type`` where the headers lack them."""
    if isinstance(self.body, bytes):
        self.headers.setdefault('Content-Length', str(len(self.body)))
    self.headers.setdefault('Content-Type',
                            default_type(self.default_content_type))


async def write_response(self, stream):
    """Write the response to a stream with ``awrite``, as HTTP/1.0 and without
    regard to any request. The server does not use this."""
    complete_response(self)
    lines = [b'HTTP/1.0 ' + status_line(
        self.status_code,
        self.reason or self.status_code == 204 and 'N/A').encode()]
    for name, value in self.headers.items():
        encode_field(lines, name, value)
    try:
        await stream.awrite(encode_lines(lines))
        if not self.is_head:
            async for piece in self.body_iter():
                await stream.awrite(
                    piece.encode() if isinstance(piece, str) else piece)
    except OSError:
        pass  # the client is gone
    finally:
        await close_body(self.body)


class AsyncBytesIO(core.AsyncBytesIO):
    """An ``io.BytesIO`` with the methods of an asynchronous stream."""

    async def awrite(self, data):
        return self.stream.write(data)

    async def aclose(self):
        pass


class Writer:
    # The methods that a connection needs, of a stream with awrite and aclose.
    def __init__(self, stream):
        self.stream = stream
        self._data = b''

    def write(self, data):
        self._data = data

    async def drain(self):
        await self.stream.awrite(self._data)

    def close(self):
        pass

    async def wait_closed(self):
        await self.stream.aclose()


async def handle_request(self, reader, writer):
    """Serve one connection over a pair of streams, until it is closed.

    :param reader: has ``read(n)``.
    :param writer: has ``write``, ``drain``, ``close``, ``wait_closed``; or
                   ``awrite`` and ``aclose``.
    """
    conn = Connection(Server(self), peer_address(
        writer.get_extra_info('peername')))
    conn.reader = reader
    conn.writer = writer if hasattr(writer, 'drain') else Writer(writer)
    conn.task = asyncio.current_task()
    conn.register()
    await conn.serve()


# --- What a program has made its own ----------------------------------------

def refuse_connections(app):
    """Refuse an application with a ``handle_request`` of its own.

    :raises TypeError: always.
    """
    raise TypeError(
        'no server calls %s.handle_request(): override dispatch_request(), or '
        'use @app.middleware' % type(app).__name__)


class UrlMap(list):
    """The routes of an application as Microdot 2.7 has them: a list of tuples
    ``(methods, URLPattern, handler, url_prefix, subapp)``. What is appended is
    registered."""

    def __init__(self, app):
        super().__init__([route[:5] for route in app.routes])
        self.app = app

    def append(self, entry):
        """Register a route."""
        # boards: no star within a tuple
        methods, pattern, handler, prefix, subapp = (
            tuple(entry) + ('', None))[:5]
        pattern.compile()
        self.app.register('routes', core.Route(
            [method.upper() for method in methods], pattern, handler, prefix,
            subapp, (), None, None, None, 2, None))
        super().append(entry)

    def extend(self, entries):
        """Register several routes."""
        for entry in entries:
            self.append(entry)

    def __iadd__(self, entries):
        self.extend(entries)
        return self

    def refuse(self, *args, **kwargs):
        """Stand in for the methods that have no effect on the application.

        :raises TypeError: always.
        """
        raise TypeError('of url_map only append(), extend() and += have an '
                        'effect on the application: its routes are never '
                        'removed, replaced or put in another order')

    insert = remove = pop = clear = sort = reverse = refuse
    __setitem__ = __delitem__ = __imul__ = refuse

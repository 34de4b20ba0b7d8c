"""What only tests with streams of their own use: requests read from a pair of
streams, responses written to one.

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

"""What few clients send: chunked bodies, targets in absolute form, and more of
a body than the handler reads.

The core loads this module when it meets one of these. A core that was copied
to a board alone refuses them, and closes the connection.
"""
from .microdot import (
    Disconnected,
    HTTPException,
    Request,
    bad_text,
    decode_text,
    parse_host,
    parse_line,
    too_large,
)

# --- Wire -------------------------------------------------------------------

def parse_absolute(target):
    """Return the host and the path of a target in absolute form (RFC 9112,
    section 3.2.2).

    :raises ValueError: it is malformed.
    """
    scheme, _, rest = target.partition('://')
    host = rest.split('/', 1)[0].split('?', 1)[0]
    if scheme.lower() not in ('http', 'https') or not host or '#' in target:
        raise ValueError('target')
    target = rest[len(host):]
    if target[:1] != '/':
        target = '/' + target  # there may be a query without a path
    return parse_host(host), target


def parse_chunk_size(line):
    """Return the size of a chunk from the line that begins it, without CRLF.
    Extensions are ignored (RFC 9112, section 7.1.1).

    :raises ValueError: it is not one to eight hexadecimal digits.
    """
    size, extension, _ = decode_text(line).partition(';')
    if extension:
        size = size.rstrip(' \t')
    if not size or len(size) > 8 or bad_text(line, 0) or \
            size.strip('0123456789abcdefABCDEF'):
        raise ValueError('chunk')
    return int(size, 16)


# --- Transport --------------------------------------------------------------

async def _read_line(conn, most, word):
    # A line of the chunked coding, without its CRLF. The word says which one
    # is longer than *most*.
    while True:
        end = conn.data.find(b'\r\n', conn.pos)
        # (without an end, the last byte may be its CR)
        if (len(conn.data) - 1 if end < 0 else end) - conn.pos > most:
            raise ValueError(word)
        if end >= 0:
            line = conn.data[conn.pos:end]
            conn.pos = end + 2
            return line
        await conn.more()


async def next_chunk(conn):
    """Read the line that begins the next chunk of a body, or what ends it.

    :raises HTTPException: 400 for a broken chunk, 413 for chunks of more than
                           is allowed.
    """
    # Before it is read again the body counts as lost: what raises here leaves
    # a connection that must not be used again.
    if conn.length != -1:
        raise HTTPException(400)
    conn.length = -2
    try:
        if conn.chunks:
            await _read_line(conn, 0, 'chunk end')
        conn.chunks += 1
        size = parse_chunk_size(await _read_line(conn, 256, 'chunk line'))
        conn.limit -= size
        if conn.limit < 0:
            raise too_large(conn.request)
        conn.left = size
        if not size:
            # trailers are dropped, never merged into the headers
            most = Request.max_header_size
            while True:
                line = await _read_line(conn, most, 'trailers')
                if not line:
                    break
                parse_line(line)
                most -= len(line)
            conn.done = True
    except ValueError as exc:
        raise conn.app.refuse(exc)
    conn.length = -1


async def drain(server, conn):
    """Read what is left of a body after the answer, if there is little of it,
    so that the connection can be used again, or at least so that the peer gets
    the answer and not a reset. Tell whether it can be used again."""
    left = conn.limit = server.app.drain_size
    whole = not conn.done and conn.length >= -1 and not conn.expect
    if not whole:
        conn.length = 0
    conn.wait(server.app.drain_timeout)
    try:
        while left > 0 and not (whole and conn.done):
            data = await conn.read(left)
            if not data and not whole:
                break
            left -= len(data)
    except (HTTPException, Disconnected):
        return False
    return whole and conn.done

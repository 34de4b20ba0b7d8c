"""What only CPython has, and boards should not carry.

The core imports this module at its end, and works without it. Here are
subclasses of the core's classes, and functions that do what the core's do:
connections over an ``asyncio.Protocol`` rather than streams, threads for plain
functions, an index of routes, caches for what is parsed again and again,
logging, signals, and uvloop and orjson where they can be imported.

:func:`install`, at the end of this file, names all of them: there the core's
global names are set to what is here.
"""
import _thread
import asyncio
import calendar
import contextvars
import errno
import functools
import hashlib
import inspect
import io
import json
import logging
import math
import os
import queue
import re
import signal
import socket
import sys
import threading
import time
import traceback
import types
import weakref
from http import HTTPStatus

from .. import _streams
from .. import microdot as core
from .._mistakes import (
    WrongResult,
    check_mount,
    check_pattern,
    check_result,
    check_route,
    check_text,
    describe,
    explain,
    inner,
)
from ..microdot import HTTPException

try:
    import orjson
except ImportError:
    orjson = None

logger = logging.getLogger('microdot.error')

# Bytes read ahead of a handler before the peer has to wait.
_READ_AHEAD = 64 * 1024
# Bytes written at once: the peer may take a stall's time for each of these.
# A file begins with fewer, and goes on with these where the peer is fast.
_WRITE = 256 * 1024
_FILE = 64 * 1024
# Seconds that a new connection has to send its request when the server ends.
_LATE_S = 0.2
# Seconds that a call has to wait for a thread for its client to have left, if
# that sends no more. Most such clients have left; those that have ended their
# own side alone get no answer where there are too many.
_LEFT_S = 1
# Seconds in which something has to be sent, and to arrive, for a client to
# have closed no more than its own side.
_HALF_S = 0.3


# --- Errors -----------------------------------------------------------------

class Disconnected(core.Disconnected, ConnectionResetError):
    def __init__(self):
        super().__init__(errno.ECONNRESET, 'the client has left')


# --- Wire -------------------------------------------------------------------

class Cache(dict):
    """The results of a function of one short text, by that text. Peers choose
    the texts, so that it is bounded: full, it starts anew."""
    max_entries = 256
    max_length = 64  # of a text

    def __init__(self, function, len_of=len):
        super().__init__()
        self.function = function
        self.len_of = len_of

    def __missing__(self, text):
        value = self.function(text)
        if self.len_of(text) <= self.max_length:
            if len(self) >= self.max_entries:
                self.clear()
            self[text] = value
        return value


class LineCache(Cache):
    """The same for header lines, those that clients repeat with each request.
    What may tell who somebody is, under whatever name, does not stay."""
    max_length = 192
    kept = frozenset((
        b'host:', b'user-', b'accep', b'conne', b'conte', b'cache', b'upgra',
        b'sec-f', b'sec-c'))

    def __missing__(self, line):
        if line[:5].lower() in self.kept:
            return super().__missing__(line)
        return self.function(line)


# Bytes of header lines that a connection keeps from request to request.
_KEPT = 2048
_METHODS = frozenset(('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE',
                      'OPTIONS', 'QUERY'))
# What a line of a head may hold.
_allowed = bytes(byte for byte in range(256)
                 if byte == 9 or byte >= 32 and byte != 127)


def bad_text(data, breaks):
    """The core's check of a head in one pass instead of three: what remains
    of *data*, in which there are so many line ends, is these alone."""
    if not breaks and data.isascii() and data.decode().isprintable():
        return False  # in a third of the time, where it is short
    return len(data.translate(None, _allowed)) != 2 * breaks


_phrases = {status.value: status.phrase for status in HTTPStatus}
# before Python 3.13 these are not yet those of RFC 9110
_phrases.update({413: 'Content Too Large', 414: 'URI Too Long',
                 416: 'Range Not Satisfiable', 422: 'Unprocessable Content'})


def reason_phrase(status_code):
    """Return the standard reason phrase of a status code, or ``''``."""
    return _phrases.get(status_code, '')


def fast_head(encode_head):
    """Make an ``encode_head`` that keeps what comes before the length: the
    status line and the header lines, by their values. It leaves all but plain
    responses with a body of known length to the core's, and the checks of a
    line are the core's."""
    special = ('connection', 'content-length', 'transfer-encoding',
               'keep-alive', 'date')
    private = 'cookie', 'location', 'authenticate', 'token', 'key'
    when = date = None  # a second, and the header line for it

    def encode_line(item):
        # Returns the line, and whether it is the type of the content; None
        # for what the core has to look at.
        name, value = item
        key = core.parse_token(name)
        if key == 'content-type':
            value = core.text_type(value)
        line = ('%s: %s\r\n' % (name, value)).encode()
        if key in special or bad_text(line, 1):
            return None
        return line, key == 'content-type'

    def encode_start(key):
        # Returns what comes before the length, or None likewise.
        status, content_type, *items = key
        if status < 200 or status == 204 or status == 304:
            return None
        start = b'HTTP/1.1 %b\r\n' % core.status_line(status).encode()
        typed = False
        for item in items:
            found = encoded_line(item)
            if found is None:
                return None
            start += found[0]
            typed = typed or found[1]
        if not typed:
            found = encode_line(
                ('Content-Type', core.default_type(content_type)))
            if found is None:
                return None
            start += found[0]
        return start

    def length(item):
        name, value = item
        # what tells who somebody is, or lets them in, does not stay
        return sys.maxsize if name.lower().endswith(private) \
            else len(name + value)

    def total(key):
        return len(key[1]) + sum(map(length, key[2:]))

    # (the method of a dict's subclass is faster than its subscript)
    encoded_line = Cache(encode_line, len_of=length).__getitem__
    starts = Cache(encode_start, len_of=total)
    starts.max_length = 256
    encoded_start = starts.__getitem__
    encoded_length = Cache(lambda size: b'Content-Length: %d\r\n' % size,
                           len_of=lambda size: 0).__getitem__

    def fast(res, version, size, keep_alive):
        nonlocal when, date
        status = res.status_code
        if version != '1.1' or not keep_alive or size is None or res.reason \
                or res.is_head or res.body is None:
            return encode_head(res, version, size, keep_alive)
        key = status, res.default_content_type
        if res.headers:
            for item in res.headers.items():
                # (what equals a string may be another when it is sent)
                if not type(item[0]) is type(item[1]) is str:
                    return encode_head(res, version, size, keep_alive)
                key += item,
        start = encoded_start(key)
        if start is None:
            return encode_head(res, version, size, keep_alive)
        now = int(time.time())
        if now != when:
            date = core.date_line()
            date = date.encode() + b'\r\n\r\n' if date else b'\r\n'
            when = now
        return start + encoded_length(size) + date, size, True, False

    return fast


def in_utc(core_date):
    """Make an ``http_date`` that knows zones of time."""
    @functools.wraps(core_date)
    def http_date(when):
        if hasattr(when, 'utctimetuple'):
            when = calendar.timegm(when.utctimetuple())
        return core_date(when)
    return http_date


def once_a_second(function):
    """Make a function without arguments whose result is kept for the rest of
    the second."""
    when = result = None

    def cached():
        nonlocal when, result
        now = int(time.time())
        if now != when:
            result = function()
            when = now
        return result

    return cached


def _parse_plain_size(line):
    # The size of a chunk; 0 for what the core has to look at: the last one,
    # and those with extensions.
    try:
        return core.parse_chunk_size(line) if b';' not in line else 0
    except ValueError:
        return 0


_plain_size = Cache(_parse_plain_size).__getitem__
#: Bytes of a chunk, equals of which are looked for all at once.
_SMALL = 8


def _equal_chunks(data, pos, start, size, count):
    # Find how many chunks there are like the one whose line ends at *start*,
    # of so few bytes, up to a number; return what is in them, and where they
    # end.
    head = data[pos:start]
    unit = start - pos + size
    count = min(count, (len(data) - pos) // unit)
    for i, byte in enumerate(head):
        column = data[pos + i:pos + count * unit:unit]
        if column.count(byte) != count:
            count = len(column) - len(column.lstrip(bytes((byte,))))
    content = bytearray(count * size)
    for i in range(size):
        content[i::size] = data[start + i:pos + count * unit:unit]
    return content, pos + count * unit


def whole_chunks(data, pos, most):
    """Find the chunks that are in *data* as a whole, each after the end of the
    line that the one before lacks. All but plain ones end the search.

    :param most: bytes that may be in them.
    :return: ``(pieces, size, pos)``: what is in them, the sum of its bytes,
             and where they end.
    """
    pieces = []
    left = most
    length = len(data)
    count = 16  # of equal ones that are looked for; more where all were
    skip = 0    # of those before the next look, which takes as long as ten
    while data[pos:pos + 2] == b'\r\n':
        end = data.find(b'\r\n', pos + 2, pos + 12)
        if end < 0:
            break
        size = _plain_size(data[pos + 2:end])
        stop = end + 2 + size
        if not size or size > left or stop > length:
            break
        if size <= _SMALL and not skip:
            count = min(count, left // size)
            piece, pos = _equal_chunks(data, pos, end + 2, size, count)
            if len(piece) == count * size:
                count *= 4
            else:
                count, skip = 16, 64
        else:
            piece = data[end + 2:stop]
            pos = stop
            skip = max(0, skip - 1)
        left -= len(piece)
        pieces.append(piece)
    return pieces, most - left, pos


# --- Transport --------------------------------------------------------------

if sys.version_info >= (3, 12):
    def start_task(coro, loop):
        # The first step runs at once: most requests need no second one.
        return asyncio.Task(coro, loop=loop, eager_start=True)
else:
    def start_task(coro, loop):
        return loop.create_task(coro)


def is_cancelled():
    """Tell whether somebody has cancelled the task that runs, rather than
    what it has awaited. Before Python 3.11 nobody knows."""
    task = asyncio.current_task()
    return not hasattr(task, 'cancelling') or task.cancelling()


# The state that a connection of the core's begins with.
_STATE = {name: value for name, value in vars(core.Connection).items()
          if not name.startswith('__') and not callable(value)
          and not isinstance(value, staticmethod)}


class ProtocolConnection(asyncio.Protocol, core.Connection):
    """A connection whose bytes are moved by an ``asyncio.Protocol``. While it
    idles it has no task: each batch of requests gets one."""
    # All state is in slots, that of the core's class too: an attribute that
    # hides one of a class is looked up in both each time, which took a tenth
    # of a request.
    __slots__ = (
        *_STATE, 'server', 'app', 'addr', 'sock', 'transport', '_loop',
        '_opening', '_sent', '_context', '_reading', '_writing', '_watching',
        '_judging', '_ended', '_lost', '_full', '_paused', '_closing',
        '_begun', '_burst', '_answered', '_served', '_again', '_block',
        '_limits', '_fields', '_lines', '_sliced')

    def __init__(self, server, addr, sock=None):
        for name, value in _STATE.items():
            setattr(self, name, value)
        self.transport = None
        self._opening = None    # task that makes the transport
        self._reading = None    # future that fill() waits for
        self._writing = None    # future that send() waits for
        self._watching = False
        self._judging = None    # timer, after the peer has ended its side
        self._ended = False     # the peer sends no more
        self._lost = False      # the socket is closed
        self._sliced = False    # something long is under way
        self._full = False      # the transport has enough to write
        self._paused = False    # the transport does not read
        self._closing = False
        # the server ends before the first request has come
        self._late = False
        self._begun = False     # the task has
        self._burst = 0         # writes since the peer was last heard
        self._answered = 0      # number of the request last written to
        self._served = 0        # requests before the task
        self._again = False     # what follows is for another task
        # header lines of the last request: as bytes, and parsed
        self._block = self._limits = self._fields = self._lines = None
        core.Connection.__init__(self, server, addr, sock)

    def start(self):
        self._loop = asyncio.get_running_loop()
        self.rest()
        self._opening = self._loop.create_task(self._open())
        self._opening.add_done_callback(self._opened)

    async def _open(self):
        ssl = self.server.ssl
        try:
            await self._loop.connect_accepted_socket(
                lambda: self, self.sock, ssl=ssl or None,
                **{'ssl_handshake_timeout': self.app.head_timeout,
                   'ssl_shutdown_timeout': 1}
                if ssl and sys.version_info >= (3, 11) else {})
        except (OSError, EOFError, MemoryError):
            self.discard()  # it left, or does not speak TLS
        except Exception as exc:
            self.discard()
            self.app.log_exception(None, exc)

    def _opened(self, task):
        self._opening = None
        if self.transport is None:
            self.discard()

    # called by the event loop

    def connection_made(self, transport):
        self.transport = self.reader = self.writer = transport
        try:
            # a single read could bring 256 KiB
            transport.max_size = _READ_AHEAD
        except AttributeError:
            pass  # uvloop
        self.sock = None  # is the transport's
        # what send() returns when there is nothing to wait for
        self._sent = asyncio.get_running_loop().create_future()
        self._sent.set_result(None)
        self._context = contextvars.copy_context()

    def data_received(self, data):
        if self.pos < len(self.data):
            self.data = self.data[self.pos:] + data
        else:
            self.data = data
        self.pos = self._burst = 0
        if self._reading:
            _wake(self._reading, True)
        elif self.task is None:
            if self._closing:
                self.data = b''
            else:
                task = start_task(self.serve(), self._loop)
                if not task.done():
                    self.task = task
        elif len(self.data) > _READ_AHEAD:
            self._paused = True
            self.transport.pause_reading()

    def _go_on(self):
        self._again = False
        if self.task is None and not self._lost:
            # (as if it had come just now)
            self.data_received(b'')

    def eof_received(self):
        self._ended = True
        if self._reading:
            _wake(self._reading, False)
        elif self._watching:
            self._leave_unless_half()
        # keep the transport, to answer what is under way
        return (self.task is not None or self._again) and not self.server.ssl

    def connection_lost(self, exc):
        self._ended = self._lost = True
        self.deadline = 0
        if self._reading:
            _wake(self._reading, False)
        self._wake_writers()
        if self._watching:
            self._leave()
        if self.task is None:
            super().discard()

    def pause_writing(self):
        self._full = True

    def resume_writing(self):
        self._full = False
        self._wake_writers()

    def _wake_writers(self):
        if self._writing:
            _wake(self._writing)
            self._writing = None

    def _leave(self):
        self._watching = False
        self.gone = True
        if self.task:
            self.task.cancel()

    def _leave_unless_half(self):
        # It may have ended its own side alone (RFC 9112, section 9.6): then
        # what is sent arrives. (TLS has no such half)
        if self.server.ssl:
            self._leave()
        else:
            self._burst = 0
            self.app.streams -= 1  # another may stream
            self._judging = self._loop.call_later(_HALF_S, self._judge)

    def _judge(self):
        self._judging = None
        self.app.streams += 1
        if self._watching and not (self._burst or self._full) or \
                self._watching and self._is_reset():
            self._leave()

    def _is_reset(self):
        # Nobody reads any more, so that nobody else would notice this.
        sock = self.transport.get_extra_info('socket')
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0

    # called by the core

    def parse_head(self, head):
        # What a client sends with one request it mostly sends with the next:
        # header lines that are those of the last request have been parsed.
        # Takes a tenth off a request with one of them, and a third off one
        # with ten. Anything unusual is for the core to judge.
        start, _, block = head.partition(b'\r\n')
        request = core.Request
        limits = request.max_headers, request.max_readline
        if block == self._block and limits == self._limits and \
                start.isascii():
            start = start.decode()
            method, _, rest = start.partition(' ')
            target, _, version = rest.partition(' ')
            if method in _METHODS and target[:1] == '/' and \
                    version == 'HTTP/1.1' and '#' not in target and \
                    start.isprintable():
                return method, target, '1.1', self._fields.copy(), self._lines
        parsed = core.parse_head(head)
        # (a target with a host would have its say in the fields)
        if len(block) <= _KEPT and b' /' in head[:9] and parsed[2] == '1.1':
            self._block = block
            self._limits = limits
            self._fields = parsed[3].copy()
            self._lines = parsed[4]
        return parsed

    def take_head(self):
        data = self.data
        if self.pos >= len(data):
            return None
        # What a handler has put into context variables is not for the next
        # request: behind a proxy that may be somebody else's.
        if self.count > self._served and \
                contextvars.copy_context() != self._context:
            self._again = True
            return None
        end = data.find(b'\r\n\r\n')
        if self.pos == 0 and 0 < end <= core.Request.max_readline and \
                data[0] > 32:
            # what is over no limit of a line is over none
            self.pos = end + 4
            self.partial = False
            return data[:end]
        return core.Connection.take_head(self)

    def rest(self):
        app = self.app
        if self.count and not self.partial and self.pos >= len(self.data) \
                and len(app.connections) < app.max_connections:
            self.wait(app.keep_alive_timeout)
        else:
            core.Connection.rest(self)

    async def serve(self, error=None):
        keep = False
        app = self.app
        self._begun = True
        self._served = self.count
        try:
            keep = await self.server.serve_requests(self, error)
        except (HTTPException, Disconnected):
            pass
        except asyncio.CancelledError as exc:
            # ours: a client that left, or a shutdown
            if not (self.gone or self.server.closing):
                if self._answered == self.count or not self.request or \
                        is_cancelled():
                    raise
                await self._fail(exc)
        except Exception as exc:
            app.log_exception(None, exc)
        finally:
            self.task = self.request = None
            self._begun = False
            if keep and self._again:
                self._loop.call_soon(self._go_on, context=self._context)
            elif not keep or self._ended:
                self._close()
            elif self._paused:
                self._paused = False
                self.transport.resume_reading()
            if self._lost:
                super().discard()

    async def _fail(self, exc):
        # Answer a handler that has been cancelled, or has awaited what was.
        app = self.app
        req = self.request
        res = app.complete(req, app.plain_error(req, exc))
        try:
            ready = await self.server.prepare(
                req, res, req.http_version, False)
            await self.send(ready[2] + ready[0])
        except Disconnected:
            pass
        finally:
            if req.jobs:
                app.answered(req, res)

    def read(self, n=-1):
        if self.length == -1 and n > 1:
            return self._read_chunks(n)
        return core.Connection.read(self, n)

    async def _read_chunks(self, n):
        # Chunks may have a byte each: what is here of those that follow comes
        # with the first, for a tenth of the time that each alone would take.
        data = await core.Connection.read(self, n)
        if data and not self.left and self.length == -1:
            most = min(n - len(data), self.limit)
            pieces, size, self.pos = whole_chunks(self.data, self.pos, most)
            if pieces:
                self.limit -= size
                data = b''.join((data, *pieces))
        return data

    async def fill(self):
        if self._ended:
            return False
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        self._reading = self._loop.create_future()
        try:
            return await self._reading
        finally:
            self._reading = None

    def send(self, data):
        # no coroutine where nothing is to be awaited
        if len(data) <= _WRITE:
            # (before Python 3.11 TLS does not tell that it has lost the peer)
            if self._lost or self.transport.is_closing():
                raise Disconnected
            self._answered = self.count
            self.transport.write(data)
            self._burst += 1
            if self._burst <= 64 and not self._full:
                return self._sent
        return self._send(data)

    answer = send

    def send_now(self, data):
        """Write *data* if the peer keeps up; tell whether it was written."""
        if self._full or self._lost or self._sliced or \
                len(data) > _WRITE or self.transport.is_closing():
            return False
        self.transport.write(data)
        self._burst += 1
        return True

    async def _send(self, data):
        if len(data) > _WRITE:
            # Each of these has the time that a peer may take. (Should this be
            # cancelled, nothing can follow: it would not be understood)
            self._sliced = True
            data = memoryview(data)
            for i in range(0, len(data), _WRITE):
                await self.send(data[i:i + _WRITE])
            self._sliced = False
            return
        if self._burst > 64:
            # a long pipeline must not keep the others waiting
            self._burst = 0
            await asyncio.sleep(0)
        while self._full and not self._lost:
            self.wait(self.app.stall_timeout)
            unsent = self.transport.get_write_buffer_size()
            if self._writing is None:
                self._writing = self._loop.create_future()
            try:
                # several tasks may wait for this one
                await asyncio.shield(self._writing)
            finally:
                self.deadline = 0
            self.owed -= unsent - self.transport.get_write_buffer_size()
        if self._lost:
            raise Disconnected

    async def send_file(self, file, size):
        """Send *size* bytes of a file that the system reads by itself.

        :return: how many of them have been sent: fewer where the file ends or
                 the event loop cannot do it.
        """
        start = file.tell()
        sent = 0
        most = _FILE
        self._answered = self.count
        # (what waits for that could not be cancelled without an error)
        while sent < size and not self.transport.get_write_buffer_size():
            self.wait(self.app.stall_timeout)
            ticks = self.server.ticks
            try:
                n = await self._loop.sendfile(
                    self.transport, file, start + sent,
                    min(size - sent, most), fallback=False)
            except asyncio.CancelledError:
                if not self.expired:
                    raise
                self.transport.abort()
                raise Disconnected from None
            except OSError:
                raise Disconnected from None
            except (RuntimeError, NotImplementedError):
                if self.transport.is_closing():
                    raise Disconnected from None
                break  # uvloop has none
            finally:
                self.deadline = 0
            if not n:
                break
            sent += n
            self.owed -= n
            most = _WRITE if ticks == self.server.ticks else _FILE
        file.seek(start + sent)
        return sent

    def end(self):
        if not self._lost and self.transport.can_write_eof():
            try:
                self.transport.write_eof()
            except OSError:
                pass  # it has gone, which will be noticed soon

    async def watch(self, on):
        self._watching = on
        if self._judging:
            self._judging.cancel()
            self._judging = None
            self.app.streams += 1
        if on:
            # not known yet where the task's first step is still under way
            self.task = asyncio.current_task()
            if self._lost:
                self._leave()
            elif self._ended:
                self._leave_unless_half()

    async def has_left(self):
        """Tell whether the peer has closed the connection."""
        await asyncio.sleep(0)  # the news may be waiting
        return self._ended

    def stop(self, now=False):
        if self.server.closing and not (
                self.count or self._late or self.expired or now):
            # It was accepted a moment ago, and its request is on the way:
            # somebody else may go on listening on the same socket, and has
            # promised that none is lost.
            self._late = True
            self._loop.call_later(_LATE_S, self._stop_late)
        elif self.transport is None:
            # The socket is closed when that has ended: a transport that is
            # being made would use it.
            self._opening.cancel()
        elif self._closing or self._writing:
            # unless its time is over, let it have what was written
            if now or self.expired:
                self.transport.abort()
        elif self._reading and self.expired:
            if not self._reading.done():
                self._reading.set_exception(
                    HTTPException(408, 'Request timeout'))
        elif self.task:
            if self._begun:
                self.task.cancel()
            else:
                # it would never run, nor end; what has come is served, or
                # looked at again
                self.deadline = 1
        elif self.expired and self.partial:
            self.task = self._loop.create_task(self.serve(
                HTTPException(408, 'Request timeout')))
        else:
            self._close()

    def _stop_late(self):
        if not self.count:
            self.stop()

    def _close(self):
        if not self._closing:
            self._closing = True
            self.reader = None  # not idle
            if self.pos < len(self.data) and not self._ended and not \
                    self.transport.get_write_buffer_size() and \
                    self.transport.can_write_eof():
                # It sends requests ahead. Were they not read, it would get a
                # reset, and perhaps not the last answers.
                self.data = b''
                if self._paused:
                    self._paused = False
                    self.transport.resume_reading()
                self.end()
                self.expired = True  # when it is over; none that counts
                self.wait(self.app.drain_timeout)
                return
            self.transport.close()
            # the peer may not read what is still to be written
            self.wait(self.app.stall_timeout)

    def discard(self):
        if self.transport:
            self.transport.abort()
        elif self._opening:
            self._opening.cancel()
            return
        super().discard()

    async def aclose(self):
        if self.transport:
            self._close()


async def accept(listener, server):
    """Wait for a connection; return its socket and address.

    ``loop.sock_accept()`` would lose a connection that comes in the moment in
    which it is cancelled.
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            return listener.accept()
        except (BlockingIOError, InterruptedError):
            pass
        waiter = loop.create_future()
        try:
            loop.add_reader(listener, _wake, waiter)
        except NotImplementedError:  # Windows
            return await loop.sock_accept(listener)
        try:
            await waiter
        finally:
            loop.remove_reader(listener)


def _wake(waiter, result=None):
    if not waiter.done():
        waiter.set_result(result)


class Server(core.Server):
    _loop = None
    _task = None  # of start_serving()
    hurried = False  # what is under way has no time to end

    @property
    def sockets(self):
        """The sockets that listen, until the server is closed."""
        return () if self.closing else tuple(self.listeners)

    @property
    def port(self):
        """The port, also when the system has chosen it."""
        return self.listeners[0].getsockname()[1]

    def is_serving(self):
        """Tell whether it serves in the background."""
        return self._task is not None

    async def start_serving(self):
        """Begin to serve, in the background."""
        if self._task is None:
            self._task = asyncio.ensure_future(self.serve())
            await asyncio.sleep(0)

    async def serve_forever(self):
        """Serve until :meth:`close`."""
        await self.start_serving()
        await self._task

    async def serve(self):
        self._loop = asyncio.get_running_loop()
        await super().serve()

    def close(self):
        # May be called from another thread or by a signal, which does not
        # wake the event loop.
        self.closing = True
        if self._loop is None:
            if self._task is None:
                self.abort()
            return
        try:
            self._loop.call_soon_threadsafe(self.event.set)
        except RuntimeError:
            pass  # the loop has ended

    async def _end(self, accepting):
        if self.hurried:
            # the second signal came at once: nothing has been waited for yet
            self.closing = False
        await super()._end(accepting)

    async def wait_closed(self):
        """Wait until all has been finished."""
        if self._task:
            await asyncio.wait([self._task])

    async def __aenter__(self):
        return self

    async def __aexit__(self, *args):
        self.close()
        await self.wait_closed()

    async def _respond(self, conn, req, res, body, pieces, head, left, keep,
                       chunked):
        # Files are left to the system. What that has not sent is for the
        # core's method, which also looks after the end.
        if type(res.body) is io.BufferedReader and res.size == left and \
                chunked is False and not self.ssl and \
                isinstance(conn, ProtocolConnection):
            try:
                await conn.send(head)
                head = b''
                left -= await conn.send_file(res.body, left)
            except BaseException:
                await core.close_body(pieces)
                raise
        attach = getattr(res.body, 'attach', None)
        if attach and left is None and isinstance(conn, ProtocolConnection):
            attach(conn.send_now, chunked)
        return await super()._respond(conn, req, res, body, pieces, head,
                                      left, keep, chunked)


def listen(host, port):
    """Bind an address, or all that a name has; return a list of sockets that
    listen. An empty name, or ``None``, has all addresses of the machine.

    :raises OSError: one of them cannot be bound.
    """
    found = socket.getaddrinfo(host or None, port, 0, socket.SOCK_STREAM, 0,
                               socket.AI_PASSIVE)
    sockets = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            if sockets and not port:
                # one port for all addresses
                address = (address[0], sockets[0].getsockname()[1],
                           *address[2:])
            try:
                sock = socket.socket(family, kind, protocol)
            except OSError:
                continue  # the system knows no such addresses
            sockets.append(sock)
            # on Windows it would let two servers share a port
            sock.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR if os.name == 'posix'
                else socket.SO_EXCLUSIVEADDRUSE, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                sock.bind(address)
            except OSError as exc:
                if exc.errno != errno.EADDRNOTAVAIL or len(found) < 2:
                    raise
                # a name may have addresses that this machine does not
                sockets.pop().close()
                continue
            sock.listen(1024)
            sock.setblocking(False)
        if not sockets:
            raise OSError(errno.EADDRNOTAVAIL, 'no address to be bound')
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets


# --- Application ------------------------------------------------------------

def report(exc, request_id):
    """Log an exception with its traceback, or print it where logging has not
    been set up. What is a wrong result has no traceback worth showing.

    :param request_id: that which the access log has, or ``None``.
    """
    wrong = isinstance(exc, WrongResult)
    text = str(exc) if wrong else '%s: %s' % (type(exc).__name__, exc)
    # (how a request gets to its handler is of no use to who wrote that)
    trace = type(exc), exc, inner(exc.__traceback__)
    if request_id:
        text = '%s (request %s)' % (text, request_id)
    if logger.hasHandlers():
        logger.error('%s', text, exc_info=None if wrong else trace,
                     extra={'request_id': request_id})
        return
    if not wrong:
        traceback.print_exception(*trace)
    if request_id or wrong:
        print(text, file=sys.stderr)


def make_response(result):
    """Make a :class:`Response` of what a handler returned.

    :raises TypeError: it cannot be one.
    """
    if isinstance(result, str):
        return Response(result)  # most are
    if not isinstance(result, (dict, core.Response)):
        check_result(result)
        if result is None:
            res = _make_response(None)
            res.forgotten = True
            return res
        result = without_record(result)
    return _make_response(result)


_make_response = core.make_response


def is_async(function):
    """Tell whether a call of *function* gives a coroutine."""
    try:
        # CO_COROUTINE, CO_ITERABLE_COROUTINE
        return function.__code__.co_flags & 0x180
    except AttributeError:
        call = getattr(function, '__call__', None)
        return inspect.iscoroutinefunction(function) or \
            inspect.iscoroutinefunction(call)


class Threads:
    """Calls functions in threads of its own, as many at a time as there may
    be. They are daemons: what blocks in one does not keep the process."""
    #: Functions that may wait for a thread: one more is answered with 503.
    max_waiting = 1000

    def __init__(self, max_waiting=None):
        self.waiting = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.threads = 0
        self.count = 0  # of functions that wait or run
        self.pid = os.getpid()
        if max_waiting is not None:
            self.max_waiting = max_waiting

    def submit(self, most, function, is_unwanted=None):
        """Have a function called; return a future of the running loop.

        :param most: threads that there may be.
        :param is_unwanted: tells, when the turn comes, whether nobody waits
                            for the function any more: then it is not called.
        :raises HTTPException: 503: too many wait.
        """
        if self.pid != os.getpid():
            self.__init__(self.max_waiting)  # a fork takes no threads along
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        with self.lock:
            if self.max_waiting and \
                    self.count - most >= self.max_waiting:
                raise HTTPException(503, 'Too many requests wait',
                                    {'Retry-After': '1'})
            if self.threads <= self.count and self.threads < most:
                self._start()
            self.count += 1
            self.waiting.put((loop, future, function, is_unwanted))
        return future

    def _start(self):
        try:
            threading.Thread(target=self._work, name='microdot-handler',
                             daemon=True).start()
        except RuntimeError:
            # the system has no more; those that there are have to do
            if not self.threads:
                raise HTTPException(503, 'No thread can be started',
                                    {'Retry-After': '1'}) from None
        else:
            self.threads += 1

    def _work(self):
        while True:
            loop, future, function, is_unwanted = self.waiting.get()
            result = error = None
            try:
                if future.cancelled() or is_unwanted and is_unwanted():
                    raise Disconnected
                result = function()
            except StopIteration as exc:
                # which no future takes
                error = RuntimeError('StopIteration in a handler')
                error.__cause__ = exc
            except BaseException as exc:
                error = exc
            with self.lock:
                self.count -= 1
            try:
                loop.call_soon_threadsafe(settle, future, result, error)
            except RuntimeError:
                pass  # the loop has been closed meanwhile
            del loop, future, function, is_unwanted, result, error


def settle(future, result=None, error=None):
    """Set the outcome of a future, unless nobody waits for it any more."""
    if not future.done():
        if error:
            future.set_exception(error)
        else:
            future.set_result(result)


# What handlers do, what their generators do, which may take as long as their
# clients stay, and what the server itself does: files, hashing.
_handlers = Threads()
_steps = Threads(0)
_own = Threads(0)
_OWN_THREADS = min(32, (os.cpu_count() or 1) + 4)
#: What has a plain handler called by the thread that waits for the answer,
#: under WSGI: ``await caller.get()(function)``, or ``None``.
caller = contextvars.ContextVar('caller', default=None)


def _is_own(function):
    # Whether it is the server that calls a function, rather than a handler.
    return isinstance(function, types.BuiltinFunctionType) or \
        str(getattr(function, '__module__', '')).startswith(
            core.__package__ + '.')


def _unwanted(args):
    # What tells whether the client of a request, if this is one, has left.
    sock = getattr(args[0], 'sock', None) if args else None
    conn = sock[0] if type(sock) is tuple and sock else None
    if isinstance(conn, ProtocolConnection):
        since = time.monotonic()
        return lambda: conn._lost or \
            conn._ended and time.monotonic() - since > _LEFT_S


async def run_in_thread(function, /, *args, **kwargs):
    """Call a function in a thread, in a copy of the current context."""
    call_here = caller.get()
    if call_here and not _is_own(function):
        context = contextvars.copy_context()
        waiting = call_here(functools.partial(
            context.run, function, *args, **kwargs))
        if waiting:
            return await waiting
    return await _start_in_thread(function, *args, **kwargs)


def _start_in_thread(function, /, *args, **kwargs):
    call = functools.partial(
        contextvars.copy_context().run, function, *args, **kwargs)
    if _is_own(function):
        return _own.submit(_OWN_THREADS, call)
    return _handlers.submit(Microdot.max_threads, call, _unwanted(args))


async def invoke_handler(handler, /, *args, **kwargs):
    """Call *handler*, await what it returns if need be, return the result.
    A plain function runs in a thread."""
    if is_async(handler):
        return await handler(*args, **kwargs)
    if inspect.isasyncgenfunction(handler):
        result = handler(*args, **kwargs)
    else:
        result = await run_in_thread(handler, *args, **kwargs)
    if inspect.isawaitable(result):
        return await result
    return result


_MEMORY = tuple(type(iter(kind)) for kind in ((), [], '', b'', set(), {}))


async def next_piece(iterator):
    """Return the next piece of a body, or ``None``. What may block runs in a
    thread."""
    if isinstance(iterator, _MEMORY):
        return next(iterator, None)
    # Neither do handlers wait for what blocks here, nor the end of the event
    # loop, as it would for a pool of its own.
    future = _steps.submit(Microdot.max_threads, functools.partial(
        _context_of(iterator).run, next, iterator, None))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        # it cannot be closed before that step is done
        future.add_done_callback(functools.partial(_close_late, iterator))
        raise


def _close_late(iterator, future):
    if not future.cancelled():
        future.exception()
    if hasattr(iterator, 'close'):
        _context_of(iterator).run(iterator.close)


# The context that the steps of each generator share, or else a variable that
# it sets would be gone at the next one, and its token be good for nothing.
_contexts = weakref.WeakKeyDictionary()


def _context_of(iterator):
    try:
        return _contexts.setdefault(iterator, contextvars.copy_context())
    except TypeError:
        return contextvars.copy_context()  # not to be kept track of


async def close_body(body):
    """Close an iterator or file that will not be read any further; a generator
    in the context of its steps."""
    if not isinstance(body, types.GeneratorType) or body not in _contexts:
        await _core_close_body(body)
        return
    try:
        _contexts[body].run(body.close)
    except ValueError:
        pass  # it runs in a thread, and is closed after that step
    except RuntimeError as exc:
        if 'cannot enter context' not in str(exc):  # or so does its context
            raise


_core_close_body = core.close_body


class RouteIndex:
    """Finds the routes that may match a path, whatever their number: by the
    whole path, or by the segments before the first parameter."""

    def __init__(self, routes):
        self.count = len(routes)
        self.static = {}
        self.dynamic = {}
        depths = set()
        for order, route in enumerate(routes):
            pattern = route.pattern
            if pattern.static:
                table, key = self.static, pattern.static
            else:
                table, key = self.dynamic, '/'
                for segment in pattern.segments:
                    if not isinstance(segment, str):
                        break
                    key += segment + '/'
                depths.add(key.count('/'))
            table.setdefault(key, []).append((order, route))
        self.depths = sorted(depths)
        self.plain = {key: [route for _, route in found]
                      for key, found in self.static.items()}
        #: For each static path its route, where no other matches before.
        self.first = {}
        for key in self.plain:
            route = self.find(key)[0]
            if route.pattern.static and not route.host:
                self.first[key] = route

    def find(self, path):
        found = None
        pos = depth = 0
        for wanted in self.depths:
            while depth < wanted:
                pos = path.find('/', pos) + 1
                if not pos:
                    break
                depth += 1
            if not pos:
                break
            more = self.dynamic.get(path[:pos])
            if more:
                found = found + more if found else more
        if not found:
            return self.plain.get(path, ())
        # the order of registration decides
        found = found + self.static.get(path, [])
        found.sort()
        return [route for _, route in found]


def parse_int(value):
    """Return the integer that a segment of a path is, or ``None``."""
    if value.isdigit() and value.isascii() and len(value) < 40:
        return int(value)
    return _core_parse_int(value)


_core_parse_int = core._parse_int


def parse_uuid(value):
    """Return the ``UUID`` that a segment of a path is, or ``None``."""
    import uuid

    from ..patterns import check_uuid
    return uuid.UUID(value) if check_uuid(value) else None


def parse_date(value):
    """Return the ``date`` that a segment of a path is, or ``None``."""
    import datetime

    from ..patterns import check_date
    return datetime.date.fromisoformat(value) if check_date(value) else None


class Expression:
    """The parser of a type that has a regular expression."""

    def __init__(self, pattern, parser=None):
        self.regex = re.compile('(?:' + pattern + ')\\Z')
        self.parser = parser

    def __call__(self, value):
        if len(value) <= core.URLPattern.max_regex_length and \
                self.regex.match(value):
            return self.parser(value) if self.parser else value


class URLPattern(core.URLPattern):
    #: Expressions of the types, for programs that look: the parsers decide.
    segment_patterns = {
        'string': '[^/]+', 'path': '.+', 'int': '-?[0-9]+',
        'float': r'-?[0-9]+(?:\.[0-9]+)?',
        'uuid': '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}',
        'date': '[0-9]{4}-[0-9]{2}-[0-9]{2}'}
    # Goes straight to the parameters where these are whole segments.
    _plan = None  # tuples (index, name, parser), or (index, None, text)

    def __init__(self, url_pattern):
        check_text(url_pattern)
        super().__init__(url_pattern)

    @classmethod
    def register_type(cls, type_name, pattern='[^/]+', parser=None):
        """Add a type of parameter.

        :param pattern: a regular expression for the whole value.
        :param parser: converts the value; returns ``None`` or raises
                       ``ValueError`` for no match.
        """
        super().register_type(type_name, pattern, parser)
        cls.segment_patterns[type_name] = pattern

    def compile(self):
        """Parse the pattern, as the core does, and plan how it is matched.

        :raises ValueError: it is malformed or names an unknown type.
        """
        check_pattern(self.url_pattern, self.segment_parsers)
        super().compile()
        #: The names of the parameters.
        self.names = [
            name for segment in self.segments or ()
            if isinstance(segment, tuple) for name in
            (segment[1] if isinstance(segment[1], tuple) else segment[1:2])]
        self._plan = None
        if self.static is not None or self.span is not None:
            return
        plan = []
        for i, segment in enumerate(self.segments, 1):
            if isinstance(segment, str):
                plan.append((i, None, segment))
            elif segment[0] or segment[3] or isinstance(segment[1], tuple):
                return  # has text around the parameter
            else:
                plan.append((i, segment[1], segment[2]))
        self._plan = plan

    def match(self, path):
        plan = self._plan
        if not plan:
            return super().match(path)
        parts = path.split('/')
        if len(parts) != len(plan) + 1 or parts[0]:
            return None
        args = {}
        for i, name, wanted in plan:
            value = parts[i]
            if name is None:
                if value != wanted:
                    return None
                continue
            if not value:
                return None
            if '\0' in value:
                value = value.replace('\0', '/')
            if wanted is not str:
                try:
                    value = wanted(value)
                except ValueError:
                    return None
                if value is None:
                    return None
            args[name] = value
        return args

    def __repr__(self):
        return '<URLPattern %r>' % self.url_pattern


class Request(core.Request):
    # What boards find by __getattr__().
    stream = property(core.Request._get_stream)
    json = property(core.Request._get_json)
    form = property(core.Request._get_form)
    create = staticmethod(_streams.create_request)
    # Set by logs.AccessLog and proxies.TrustedProxies, which ask for them
    # with each request; without these they would ask __getattr__().
    access = None
    proxied = False

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            for app in (self.app, self.subapp):
                function = getattr(app, 'request_attributes', {}).get(name)
                if function:
                    return function(self)
            if name == 'session':
                raise AttributeError(
                    'request.session is there with Session(app, key), see '
                    'microdot.session') from None
            raise

    def __repr__(self):
        return '<Request %s %r>' % (self.method, self.url)

    def __dir__(self):
        names = {name for name in super().__dir__() if name[:4] != '_get'}
        return sorted(names | {'args', 'cookies', 'g', 'headers'})


class MultiDict(core.MultiDict):
    def items_list(self):
        """Return a list of pairs of keys and values: a pair for each value.
        """
        return [(key, value) for key in self for value in self.getlist(key)]

    def poplist(self, key):
        """Remove a key; return the list of its values, empty without any."""
        values = self.getlist(key)
        if key in self:
            del self[key]
        return values

    def setlist(self, key, values):
        """Give a key these values, in place of those that it has."""
        self.poplist(key)
        for value in values:
            self[key] = value

    def to_dict(self, flat=True):
        """Return a plain dict: with the first value of each key, or, if not
        *flat*, with lists of all."""
        return {key: self[key] if flat else self.getlist(key)
                for key in self}


class UrlMap(list):
    """The routes of an application as Microdot 2.7 has them: a list of tuples
    ``(methods, URLPattern, handler, url_prefix, subapp)``. What is appended is
    registered."""

    def __init__(self, app):
        super().__init__(route[:5] for route in app.routes)
        self.app = app

    def append(self, entry):
        """Register a route."""
        methods, pattern, handler, prefix, subapp = (*entry, '', None)[:5]
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


class AsyncBytesIO(core.AsyncBytesIO):
    awrite = _streams.AsyncBytesIO.awrite
    aclose = _streams.AsyncBytesIO.aclose


class Response(core.Response):
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
        if not content_type:
            content_type = guess_type(
                cls, str(download_name or filename), compressed)
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


class Microdot(core.Microdot):
    handle_request = _streams.handle_request
    #: Called with the application by :meth:`run`, in place of serving: a
    #: command that imports a program, to serve it itself, puts it there.
    on_run = None
    #: Threads for handlers and hooks that are plain functions. At most 1,000
    #: calls wait for one: the next is answered with 503. (Files and hashing
    #: have threads of their own; under WSGI the server's call handlers.)
    max_threads = 40
    _banner = False     # run() has yet to say where it listens
    #: The prefix under which a proxy has it: an argument of :meth:`run`.
    root_path = ''
    #: What answers errors by pages for the developer, see
    #: :mod:`microdot.debug`.
    debug_pages = None

    def __init__(self):
        self._index = RouteIndex(())
        self._known = {}  # who answers a method and pattern
        _applications[id(self)] = self
        #: By name functions ``f(request)``: what ``request.NAME`` gives, for
        #: extensions.
        self.request_attributes = {}
        super().__init__()

    def __repr__(self):
        return '<%s, %d routes>' % (type(self).__name__, len(self.routes))

    def complete(self, req, res):
        """Do what no handler has to think of. May be called again."""
        if res.file and req and res.status_code == 200 and \
                res.body is res.file[0]:
            try:
                res = answer_file(req, res, res.file[1])
            except HTTPException as exc:
                res = self.plain_error(req, exc)
        res = super().complete(req, res)
        if not res.tagged or req is None or res.status_code != 200 or \
                req.method not in ('GET', 'HEAD'):
            return res
        wanted = req.fields.get('if-match')
        if wanted and wanted.strip() != '*' and \
                res.headers['ETag'] not in core.parse_list(wanted):
            # (RFC 9110, section 13.1.1)
            refused = super().complete(
                req, self.plain_error(req, HTTPException(412)))
            refused.jobs = res.jobs
            return refused
        if is_known(res, req.fields.get('if-none-match')):
            # another object: a handler may return one response to many
            known = Response(b'', 304, res.headers)
            known.jobs = res.jobs
            known.is_head = res.is_head
            return known
        return res

    async def answer_error(self, req, exc, last=True):
        """Return the response to an exception, as the core does."""
        # a TaskGroup makes a group of what says that the client has left
        if hasattr(exc, 'split') and not exc.split(Disconnected)[1]:
            raise Disconnected
        return await super().answer_error(req, exc, last)

    @property
    def url_map(self):
        """The routes as a list of tuples ``(methods, URLPattern, handler,
        url_prefix, subapp)``, which may be appended to."""
        return UrlMap(self)

    @url_map.setter
    def url_map(self, value):
        # (what += has registered)
        if getattr(value, 'app', None) is not self:
            raise AttributeError('url_map cannot be replaced: append to it, '
                                 'or register routes with @app.route()')

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get('dispatch_request')
        if own and not takes(own, 3):
            cls.dispatch_request = of_requests_alone(cls, own)

    def __call__(self, *args):
        kind = 'wsgi' if len(args) == 2 else 'asgi'
        raise TypeError(
            'this application is not for another server; for that one: from '
            'microdot.%s import Microdot; or without one: app.run()' % kind)

    def register(self, name, value, key=None):
        """Register something, here and with the applications above."""
        if name == 'routes' and (not value.subapp or value.host):
            check_route(value)
        if name == 'routes' and not value.subapp:
            for method in value.methods:
                same = method, value.pattern.url_pattern, repr(value[8:10])
                if same in self._known:
                    logger.warning(
                        '%s %s is registered twice, for %s and for %s: the '
                        'first answers', *same[:2], self._known[same],
                        describe(value.handler))
                else:
                    self._known[same] = describe(value.handler)
        super().register(name, value, key)

    def lifespan(self, f):
        """Decorator: run an async generator around serving, up to its one
        ``yield`` at the start, and the rest at the end. Several begin in
        order, and end in the reverse one.

        :raises TypeError: it is no async generator.
        """
        from .._lifespan import Lifespan
        lifespan = Lifespan(self, f)
        self.on_startup(lifespan.start)
        self.on_shutdown(lifespan.stop)
        return f

    def log_exception(self, req, exc):
        """Log an exception that nobody handled, once, or print it where
        logging has not been set up.

        :param req: the request, or ``None``.
        """
        if isinstance(exc, WrongResult):
            explain(req, exc)
        if req:
            req.exception = exc
        report(exc, req.id if req else None)

    async def finish_background(self):
        """Wait until all that was registered with ``after_response`` has run,
        at most for ``shutdown_timeout``; then cancel it."""
        if self.background:
            await self.background.finish()

    def find(self, path, method, req=None, routes=None):
        """Find who answers a request, see the core's. Of all routes only
        those that may match are looked at."""
        if routes is None:
            index = self._index
            if index.count != len(self.routes):
                index = self._index = RouteIndex(self.routes)
            routes = index.find(path)
        return super().find(path, method, req, routes)

    def mount(self, subapp, url_prefix='', local=False, name=None, host=None):
        check_mount(subapp, core.Microdot)
        super().mount(subapp, url_prefix, local, name, host)

    def find_route(self, req):
        """Find who answers a request, see the core's."""
        # Most requests have a route for their method: a static one is found
        # by its path alone. What is left, such as 405, is for the core.
        index = self._index
        if index.count != len(self.routes):
            index = self._index = RouteIndex(self.routes)
        path = req.route_path
        method = req.method
        route = index.first.get(path)
        if route and method in route.methods:
            req.entry = route
            req.chain = route.chain
            return route[2:5]
        for route in index.find(path):
            if method in route.methods:
                args = route.pattern.match(path)
                if route.host and args is not None:
                    args = route.host(req, args)
                if args is not None:
                    req.entry = route
                    req.chain = route.chain
                    req.url_args = args
                    return route[2:5]
        return super().find_route(req)

    async def _start_server(self, shutdowns, host, port, debug, ssl,
                            start_serving):
        # TLS may be a pair of files, and run() is told what keeps a server
        # from being started.
        if getattr(self.handle_request, '__func__', None) is not \
                _streams.handle_request:
            raise TypeError(
                'no server calls %s.handle_request(): override '
                'dispatch_request(), or use @app.middleware' %
                type(self).__name__)
        where = 'cannot serve on %s:%s' % (host, port)
        try:
            if isinstance(ssl, (tuple, list)):
                where = 'cannot use the TLS files %s and %s' % tuple(ssl)
                ssl = tls_context(*ssl)
                where = 'cannot serve on %s:%s' % (host, port)
            server = await super()._start_server(
                shutdowns, host, int(port), debug and not self._banner, ssl,
                False)
        except (OSError, ValueError) as exc:
            exc.why_not_started = '%s: %s' % (
                where, getattr(exc, 'strerror', None) or exc)
            raise
        self.debug = debug
        if debug:
            show_errors(self)
        if self._banner:
            self._banner = False
            show_banner(server.sockets, ssl, self.root_path)
        if not start_serving:
            return server
        await server.serve()

    def run(self, host='0.0.0.0', port=5000, debug=False, ssl=None,
            banner=True, root_path=''):
        if self.on_run:
            self.on_run()
            return
        if root_path or self.root_path:
            from .._rootpath import install
            install(self, root_path)
            self.root_path = root_path
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            running = False
        else:
            running = True
        if running:
            raise RuntimeError('run() makes an event loop, and one is running '
                               'here: await start_server() instead')
        # (not within "except": that would be the context of all exceptions)
        self._banner = banner
        run_loop(self, self.start_server(host, port, debug, ssl))


def takes(function, count):
    """Tell whether *function* can be called with that many arguments."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    return True


def of_requests_alone(cls, function):
    """Return a ``dispatch_request`` for a class whose own, as in Microdot
    2.7, has no parameter for errors: it is called for requests. What is
    malformed, or refused before a handler is looked for, is left to the class
    above."""
    @functools.wraps(function)
    async def dispatch_request(self, req, error=None):
        if error:
            return await super(cls, self).dispatch_request(req, error)
        return await function(self, req)
    return dispatch_request


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


def show_errors(app):
    """Have errors answered by pages for the developer, to whom may see
    them."""
    try:
        from .. import debug
    except ImportError:
        return  # left out
    debug.install(app)


def show_banner(sockets, ssl, root_path):
    """Say on stderr where a server listens, and how to stop it."""
    try:
        from ..cli import banner
    except ImportError:
        return  # left out
    banner.show(sockets, bool(ssl), root_path.rstrip('/'))


def run_loop(app, main):
    """Run a coroutine to its end. SIGINT and SIGTERM shut the application
    down; a second one cancels the coroutine, and ends the process where
    something blocks that, see :class:`SecondSignal`."""
    second = SecondSignal()

    async def guarded():
        loop = asyncio.get_running_loop()
        task = loop.create_task(main)
        seen = []

        def stop():
            if seen or not app.servers:
                for server in app.servers:
                    server.hurried = True
                task.cancel()
            seen.append(True)
            app.shutdown()

        restore = [restorer for number in STOPPING
                   for restorer in handle_signal(loop, number, stop,
                                                 second)]
        try:
            await task
        except asyncio.CancelledError:
            if not seen:
                raise
        finally:
            for restorer in restore:
                restorer()
            second.loop_ended = True

    try:
        import uvloop
    except ImportError:
        uvloop = None
    try:
        if uvloop and sys.version_info >= (3, 11):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(guarded())
        else:
            asyncio.run(guarded())
    except (OSError, ValueError) as exc:
        if not hasattr(exc, 'why_not_started') or \
                threading.current_thread() is not threading.main_thread():
            raise  # (nobody would hear of SystemExit in another thread)
        # on stderr, with exit status 1 and without a traceback
        raise SystemExit('microdot: ' + exc.why_not_started) from exc
    finally:
        second.release()


#: Signals that shut an application down.
STOPPING = [getattr(signal, name) for name in ('SIGINT', 'SIGTERM', 'SIGBREAK')
            if hasattr(signal, name)]


# Seconds that a second signal leaves to whatever has to end.
_SECOND_S = 0.7


class SecondSignal:
    """Ends the process a moment after a second signal, where it goes on then:
    the event loop or a thread that it waits for may block. It is told by the
    interpreter, since a loop that blocks tells nothing."""

    def __init__(self):
        self.count = 0
        self.loop_ended = self.all_ended = False
        self.previous = {}  # what handled each signal before

    def watch(self, number, previous, then=None):
        """Be told of a signal, from now on.

        :param previous: what handles it after :meth:`release`.
        :param then: called each time too.
        """
        self.previous[number] = previous

        def handle(number, frame):
            self.count += 1
            if self.count == 2:
                # (no Thread: its start takes locks that may be held here)
                _thread.start_new_thread(self._end, (number,))
            elif self.loop_ended and self.count == 1:
                self.release()
                signal.raise_signal(number)
            if then:
                then()

        signal.signal(number, handle)

    def release(self):
        """Be told of no signal any more: all has ended."""
        self.all_ended = True
        for number, previous in self.previous.items():
            if previous is not None:
                signal.signal(number, previous)
        self.previous = {}

    def _end(self, number):
        time.sleep(_SECOND_S)
        if not self.all_ended:
            os.write(2, b'microdot: ended by a second signal, as something '
                     b'blocks that\n')
            os._exit(128 + number)


def handle_signal(loop, number, function, second):
    """Have a function called in the event loop when a signal comes; return a
    list of functions that undo that: none where it cannot be done.

    :param second: a :class:`SecondSignal`, which is told of it too.
    """
    previous = signal.getsignal(number)
    try:
        loop.add_signal_handler(number, function)
        second.watch(number, previous)
    except NotImplementedError:
        # Windows
        try:
            second.watch(number, previous, functools.partial(
                loop.call_soon_threadsafe, function))
        except ValueError:
            return []  # not in this thread
        return [functools.partial(second.watch, number, previous)]
    except (ValueError, RuntimeError):
        return []  # not in this thread

    def restore():
        loop.remove_signal_handler(number)
        second.watch(number, previous)

    return [restore]


def tls_context(certificate, key):
    """Make an ``SSLContext`` for a server of two files in PEM form."""
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def is_record(value):
    """Tell whether *value* is an instance of a dataclass."""
    return hasattr(type(value), '__dataclass_fields__')


def record_form(record):
    """Return the fields of a dataclass's instance as a dict."""
    from dataclasses import fields
    return {field.name: getattr(record, field.name)
            for field in fields(record)}


# To know whether a program has put its own in the place of it.
_library_default = json.JSONEncoder.default


def json_default(value):
    """Return what stands in JSON for an object that has no form there.

    :raises TypeError: nothing does.
    """
    # (programs that need none of these do not wait for their import)
    from datetime import date, time
    from decimal import Decimal
    from enum import Enum
    from uuid import UUID
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return list(value)
    if is_record(value) and not isinstance(value, type):
        return record_form(value)
    encoder = core.Response.json_encoder
    if encoder:
        return encoder(value)
    if json.JSONEncoder.default is not _library_default:
        return json.JSONEncoder().default(value)  # a program's own
    raise TypeError('%s has no form in JSON: see Response.json_encoder' %
                    type(value).__name__)


def without_record(result):
    """Return what a handler returned, with a dict in place of an instance of
    a dataclass, unless that is one of the bodies that are sent in pieces."""
    body = result[0] if isinstance(result, tuple) and result else result
    if not is_record(body) or isinstance(body, (type, str, dict)) or \
            hasattr(body, '__iter__') or hasattr(body, '__aiter__') or \
            hasattr(body, 'read'):
        return result
    form = record_form(body)
    return (form, *result[1:]) if isinstance(result, tuple) else form


def with_orjson(fallback):
    """Make a ``dump_json`` of orjson, if that can be imported. What orjson
    refuses, such as keys that are numbers, is for *fallback*."""
    if not orjson:
        return fallback

    def dump(value):
        try:
            data = orjson.dumps(value, json_default)
        except TypeError:
            return fallback(value)
        if b'null' in data:
            tell_lost(value)
        return data
    return dump


# All applications, by their ids: what makes a body does not know its own.
_applications = weakref.WeakValueDictionary()


def tell_lost(value):
    """Under debug, say for which number of a body ``null`` is sent."""
    if any(app.debug for app in list(_applications.values())):
        lost = find_lost(value, 'body')
        if lost:
            logger.warning('JSON has no form for %s: null is sent for %s',
                           *lost)


def find_lost(value, where):
    """Return the first number that JSON has no form for, and where it is, as
    an expression; ``None`` without one."""
    if isinstance(value, float):
        return None if math.isfinite(value) else (value, where)
    pairs = value.items() if isinstance(value, dict) else enumerate(value) \
        if isinstance(value, (list, tuple)) else ()
    for key, item in pairs:
        lost = find_lost(item, '%s[%r]' % (where, key))
        if lost:
            return lost
    if is_record(value) and not isinstance(value, type):
        return find_lost(record_form(value), where)
    return None


def finite(value):
    """Return *value* with ``None`` for numbers that JSON has not."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if value is None or isinstance(value, (str, int)):
        return value
    return finite(json_default(value))


def too_large(req):
    """Return the error for a body that is too large. It names the setting that
    suffices: what is parsed as a whole has to be in memory too."""
    text = 'Payload too large, see Request.max_content_length'
    kind = req and req.content_type and req.content_type.lower() or ''
    if '/json' in kind or '+json' in kind or 'x-www-form' in kind:
        text = 'Payload too large, over Request.max_content_length: ' \
            'max_body_length= of the route suffices'
    return HTTPException(413, text)


def load_json(text):
    """Return what JSON text stands for.

    :raises MalformedBody: it is none.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as exc:
        where = exc.msg, exc.lineno, exc.colno
    except (ValueError, RecursionError):
        # a number of too many digits; nested too deep
        raise core.MalformedBody('The body is not JSON') from None
    raise core.MalformedBody(
        'The body is not JSON: %s, line %d, column %d' % where)


def slow_json(value):
    """The ``dump_json`` for what is rare: numbers that JSON has not, and text
    that UTF-8 has not.

    :raises ValueError: *value* contains itself.
    """
    text = json.dumps(value, ensure_ascii=False, default=json_default)
    try:
        json.dumps(value, default=json_default, allow_nan=False)
    except ValueError:
        tell_lost(value)
        value = finite(value)
        text = json.dumps(value, ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, default=json_default).encode()


def fast_json(fallback):
    """Make a ``dump_json`` that has no more done than makes a difference: at
    half the cost of ``json.dumps`` for a small dict."""
    # (one that is kept could not find circular references)
    make = json.encoder.c_make_encoder
    encode_text = json.encoder.encode_basestring
    join = ''.join

    def dump(value):
        try:
            return join(make({}, json_default, encode_text, None, ': ', ', ',
                             False, False, False)(value, 0)).encode()
        except ValueError:
            return fallback(value)

    probe = {'a': [1, 2.5, None, True, '\xe9'], 'b': {}}
    try:
        return dump if dump(probe) == fallback(probe) else fallback
    except TypeError:
        return fallback  # it is not documented, and may not be there


# --- In place of the core's -------------------------------------------------

# By the name of the core's function, what takes its place. The table is made
# before any of it is put there: so what calls core._check_token() here, while
# the table is made, has the core's own, and the order of the lines does not
# matter. What is called later, such as core.parse_token() in fast_head(), is
# what is here.
FUNCTIONS = {
    # what clients send again and again is parsed once
    '_check_token': Cache(core._check_token).__getitem__,
    'parse_token': Cache(core.parse_token).__getitem__,
    'parse_line': LineCache(core.parse_line).__getitem__,
    'parse_host': Cache(core.parse_host).__getitem__,
    '_parse_int': parse_int,
    '_bad_text': bad_text,
    # what is sent again and again is encoded once
    'reason_phrase': reason_phrase,
    'date_line': once_a_second(core.date_line),
    'http_date': in_utc(core.http_date),
    'default_type': functools.lru_cache(core.default_type),
    'status_line': functools.lru_cache(core.status_line),
    'encode_head': fast_head(core.encode_head),
    'too_large': too_large,
    'load_json': load_json,
    'dump_json': with_orjson(fast_json(slow_json)),
    'make_response': make_response,
    # plain functions run in threads
    'is_async': is_async,
    'invoke_handler': invoke_handler,
    'next_piece': next_piece,
    'close_body': close_body,
    # what the system has
    'accept': accept,
    'listen': listen,
    'mro': lambda cls: cls.__mro__,
    # what is made of a socket
    'connection_class': ProtocolConnection,
    # can be sent to another process, as a nested function cannot
    'expression': Expression,
    # bound to the class that has them
    'redirect': Response.redirect,
    'send_file': Response.send_file,
}
CLASSES = (
    Disconnected, MultiDict, AsyncBytesIO, URLPattern, Request, Response,
    Server, Microdot)


def install():
    """Set the core's global names to what is here, so that all who import
    them, and the core itself, have that."""
    for name, function in FUNCTIONS.items():
        setattr(core, name, function)
    for cls in CLASSES:
        base = getattr(core, cls.__name__)
        cls.__module__ = core.__name__
        cls.__doc__ = base.__doc__
        for name, value in vars(cls).items():
            inherited = getattr(base, name, None)
            if inspect.isfunction(value) and not value.__doc__:
                value.__doc__ = getattr(inherited, '__doc__', None)
        setattr(core, cls.__name__, cls)
    core.URLPattern.segment_parsers.update(
        int=parse_int, uuid=parse_uuid, date=parse_date)

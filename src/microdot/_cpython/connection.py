"""Connections over an ``asyncio.Protocol`` rather than streams."""
import asyncio
import contextvars
import errno
import socket
import sys
import time
from typing import Any

from .. import microdot as core
from ..microdot import HTTPException
from .tasks import is_cancelled, settle, start_task
from .wire import whole_chunks

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
# Bytes of header lines that a connection keeps from request to request.
_KEPT = 2048
_METHODS = frozenset(('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE',
                      'OPTIONS', 'QUERY'))
# The state that a connection of the core's begins with.
_STATE = {name: value for name, value in vars(core.Connection).items()
          if not name.startswith('__') and not callable(value)
          and not isinstance(value, staticmethod)}
# What its server sets with each request.
_STATE.update(version='1.1', keep=False, length=0, expect=None, done=True,
              chunks=0, limit=0)


class Disconnected(core.Disconnected, ConnectionResetError):
    def __init__(self):
        super().__init__(errno.ECONNRESET, 'the client has left')


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

    limit: int

    def __init__(self, server, addr, sock=None):
        for name, value in _STATE.items():
            setattr(self, name, value)
        self.transport: Any = None
        self._opening: Any = None   # task that makes the transport
        self._reading: Any = None   # future that fill() waits for
        self._writing: Any = None   # future that send() waits for
        self._watching = False
        self._judging: Any = None   # timer, after the peer has ended its side
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
        self._block = self._limits = self._lines = None
        self._fields: Any = None
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
            settle(self._reading, True)
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
            settle(self._reading, False)
        elif self._watching:
            self._leave_unless_half()
        # keep the transport, to answer what is under way
        return (self.task is not None or self._again) and not self.server.ssl

    def connection_lost(self, exc):
        self._ended = self._lost = True
        self.deadline = 0
        if self._reading:
            settle(self._reading, False)
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
            settle(self._writing)
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
            self._judging = self._loop.call_later(_HALF_S, self._judge, False)

    def _judge(self, again=True):
        if self._lost:
            return  # in this turn of the loop; watch() does the rest
        leaves = not (self._burst or self._full) or self._is_reset()
        if leaves and not again:
            # After a pause of the whole process this comes before what was to
            # be sent meanwhile.
            self._judging = self._loop.call_later(_HALF_S, self._judge)
            return
        self._judging = None
        self.app.streams += 1
        if leaves and self._watching:
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
            self._end_task(keep)

    def _end_task(self, keep):
        # After the last of a batch of requests.
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
            core.Connection.discard(self)

    async def _fail(self, exc):
        # Answer a handler that has been cancelled, or has awaited what was.
        app = self.app
        req: Any = self.request
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
            self._burst = 1  # (0: nothing was written)
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

    def is_left(self, since):
        """Tell whether nobody waits any more for what a thread has been asked
        for at that time of ``time.monotonic()``."""
        return self._lost or \
            self._ended and time.monotonic() - since > _LEFT_S

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
        elif self.task:
            self._stop_task()
        elif self.expired and self.partial:
            self.task = self._loop.create_task(self.serve(
                HTTPException(408, 'Request timeout')))
        else:
            self._close()

    def _stop_task(self):
        task: Any = self.task
        if self._reading and self.expired:
            if not self._reading.done():
                self._reading.set_exception(
                    HTTPException(408, 'Request timeout'))
        elif self._begun:
            task.cancel()
        else:
            # it would never run, nor end; what has come is served, or looked
            # at again
            self.deadline = 1

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

"""The sockets that listen, and who serves what they accept."""
import asyncio
import errno
import io
import os
import socket
from typing import Any

from .. import microdot as core
from .connection import ProtocolConnection
from .tasks import settle
from .threads import LATE_S, closed_late


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
            loop.add_reader(listener, settle, waiter)
        except NotImplementedError:  # Windows
            return await loop.sock_accept(listener)
        try:
            await waiter
        finally:
            loop.remove_reader(listener)


def own_port(sock):
    """Have a socket take over the port of a server that has ended, and share
    it with no other."""
    # on Windows the first option would let two servers share it
    sock.setsockopt(
        socket.SOL_SOCKET, socket.SO_REUSEADDR if os.name == 'posix'
        else socket.SO_EXCLUSIVEADDRUSE, 1)


class Server(core.Server):
    _loop = None
    _task: Any = None  # of start_serving()
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

    def own(self):
        """Return a list of the connections of this server: an application
        may have several."""
        return [conn for conn in self.app.connections if conn.server is self]

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

    async def _end(self, running):
        if self.hurried:
            # the second signal came at once: nothing has been waited for yet
            self.closing = False
        await super()._end(running)
        if not self.hurried:
            await closed_late(LATE_S)

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


def listen(host: str | None, port: int) -> list[socket.socket]:
    """Bind an address, or all that a name has; return a list of sockets that
    listen. An empty name, or ``None``, has all addresses of the machine.

    :raises OSError: one of them cannot be bound.
    """
    found = socket.getaddrinfo(host or None, port, 0, socket.SOCK_STREAM, 0,
                               socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
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
            own_port(sock)
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

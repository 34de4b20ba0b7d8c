"""Sockets that fail when they are told to; runs on both interpreters.

:func:`install` has the server use them. What is to fail is for
:data:`fault` to say, which is asked by ``at(place)``: ``'read'``,
``'write'``, ``'drain'`` (some of it has been sent), ``'close'``. A socket
that is ``'half'`` or wholly ``'full'`` is no error: the rest has to wait.
"""

import asyncio
import socket

from microdot import microdot as core

#: Of boards and systems; no list of numbers would hold them all.
ERRNOS = (5, 9, 11, 12, 23, 32, 54, 60, 104, 105, 107, 110, 113, 128, -32,
          -30464, -30592)
BOARD = hasattr(asyncio, 'core')


class Fault:
    """Fails once."""

    def __init__(self):
        self.place = self.error = None
        self.reads = 0

    def set(self, place, error):
        """Name the place and the exception; the second ``'read'`` is
        ``'read again'``."""
        self.place = place
        self.error = error
        self.reads = 0

    def at(self, place):
        """Fail, if this is the place."""
        if place == 'read':
            self.reads += 1
            if self.reads > 1:
                place = 'read again'
        if place == self.place:
            error, self.place = self.error, None
            raise error


fault = Fault()

if BOARD:
    class Faulty(asyncio.StreamReader):
        """A board's stream that fails."""

        async def read(self, n=-1):
            if n:  # nothing is read of a socket that listens
                fault.at('read')
            return await super().read(n)

        def write(self, data):
            fault.at('write')
            return super().write(data)

        async def drain(self):
            await super().drain()
            fault.at('drain')

        async def wait_closed(self):
            fault.at('close')
            await super().wait_closed()

    class Taker:
        """A socket that fails when it is given an answer."""

        def __init__(self, sock):
            self.sock = sock

        def write(self, data):
            fault.at('write')
            if fault.place in ('drain', 'half'):
                # the rest has to wait
                data = data[:len(data) // 2]
            elif fault.place == 'full':
                return None
            return self.sock.write(data)

    class FaultyConnection(core.Connection):
        """A connection with such a socket beside its stream."""

        @property
        def out(self):
            return self.taker

        @out.setter
        def out(self, sock):
            self.taker = Taker(sock)

    def install():
        """Have connections fail; return what undoes that."""
        reader = asyncio.StreamReader
        asyncio.StreamReader = Faulty
        core.connection_class = FaultyConnection

        def undo():
            asyncio.StreamReader = reader
            core.connection_class = core.Connection

        return undo

else:
    class Faulty(socket.socket):
        """A socket that fails, for an event loop to use."""

        def recv(self, *args):
            fault.at('read')
            return super().recv(*args)

        def send(self, data, *args):
            fault.at('write')
            if fault.place == 'drain':
                if len(data) == 1:
                    fault.at('drain')
                # the rest has to wait
                data = data[:max(len(data) // 2, 1)]
            return super().send(data, *args)

        def sendmsg(self, *args):
            fault.at('write')
            fault.at('drain')
            return super().sendmsg(*args)

    def install():
        """Have connections fail; return what undoes that."""
        accept = core.accept

        async def faulty(listener, server):
            sock, addr = await accept(listener, server)
            return Faulty(fileno=sock.detach()), addr

        def undo():
            core.accept = accept

        core.accept = faulty
        return undo

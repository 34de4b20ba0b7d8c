"""Work that outlives a response, and clients that do not wait for one.

A request that uses ``after_response`` or ``is_disconnected`` loads this
module. On a board it has to be there only then.
"""
import asyncio

from .microdot import (
    AsyncBytesIO,
    Connection,
    Disconnected,
    Stream,
    invoke_handler,
)


class Gone(Stream):
    # In place of a body that is not in memory: what is on the connection may
    # be the next request already.
    async def read(self, n=-1):
        raise RuntimeError('read the body before you answer')


class Background:
    """Runs what has been registered with ``after_response``."""

    def __init__(self, app):
        self.app = app
        self._tasks = []
        self._idle = None  # event that finish() waits for

    def start(self, req, res):
        """Start what is to run after a response.

        :param req: the request; ``None``: it was malformed.
        """
        jobs = (req and req.jobs or []) + (res.jobs or [])
        if jobs:
            if req:
                req.jobs = None
                if req.source and not isinstance(req.source, AsyncBytesIO):
                    req.source = Gone()
            res.jobs = None
            self._tasks.append(asyncio.create_task(self._run(req, jobs)))

    async def _run(self, req, jobs):
        try:
            for f, args, kwargs in jobs:
                try:
                    await invoke_handler(f, *args, **kwargs)
                except Exception as exc:
                    self.app.log_exception(req, exc)
        finally:
            self._tasks.remove(asyncio.current_task())
            if self._idle and not self._tasks:
                self._idle.set()

    async def finish(self):
        """Wait until all has run, at most for the application's
        ``shutdown_timeout``; then cancel it."""
        try:
            await asyncio.wait_for(self._wait(), self.app.shutdown_timeout)
        except asyncio.TimeoutError:
            for task in list(self._tasks):
                task.cancel()

    async def _wait(self):
        # No task: it would be cancelled together with this one.
        while self._tasks:
            self._idle = asyncio.Event()
            await self._idle.wait()


async def has_left(request):
    """Tell whether the client of a request has closed its connection, see
    :meth:`Request.is_disconnected`."""
    sock = request.sock
    for peer in (request.source, sock[0] if isinstance(sock, tuple) else sock):
        if hasattr(peer, 'has_left'):
            return await peer.has_left()
        if isinstance(peer, Connection):
            # Bytes that the client sends meanwhile are kept, up to a bound.
            if peer.gone or len(peer.data) - peer.pos > 2048:
                return peer.gone
            try:
                return not await asyncio.wait_for(peer.fill(), 0.02)
            except asyncio.TimeoutError:
                return False
            except Disconnected:
                return True
    return False

"""Work that outlives a response, and clients that do not wait for one.

Importing this module adds ``after_response`` to :class:`Request` and
:class:`Response`, and ``is_disconnected`` to :class:`Request`. On CPython the
package does so itself; on a board an application pays for what it imports.
"""
import asyncio

from .microdot import (
    Connection,
    Disconnected,
    Microdot,
    Request,
    Response,
    invoke_handler,
)


def after_response(*args, **kwargs):
    """``after_response(f, *args, **kwargs)``: call ``f(*args, **kwargs)`` once
    the response is out, or its client gone. Returns *f*.

    What is registered on the request and then what is on the response runs in
    that order, in a task of its own: neither the client nor its next request
    waits. On CPython a plain function runs in a thread. An error is logged,
    and the next one runs. The server ends when all is done, or cancels it
    after ``shutdown_timeout``.
    """
    # (an argument may be called f, or self)
    self, f = args[:2]
    if self._jobs is None:
        self._jobs = []
    self._jobs.append((f, args[2:], kwargs))
    return f


def answered(self, req, res):
    """Start what is to run after a response. The servers call this when the
    response is out, or its client gone, if there is anything to run.

    :param req: the request; ``None``: it was malformed.
    """
    jobs = (req and req._jobs or []) + (res._jobs or [])
    if jobs:
        if self._background is None:
            self._background = []
            # the last is the first to run
            self.shutdown_handlers.append(self.finish_background)
        if req:
            req._jobs = None
        res._jobs = None
        self._background.append(asyncio.create_task(_run(self, req, jobs)))


async def _run(app, req, jobs):
    try:
        for f, args, kwargs in jobs:
            try:
                await invoke_handler(f, *args, **kwargs)
            except Exception as exc:
                app.log_exception(req, exc)
    finally:
        app._background.remove(asyncio.current_task())
        if app._idle and not app._background:
            app._idle.set()


async def finish_background(self):
    """Wait until all that was registered with ``after_response`` has run, at
    most for ``shutdown_timeout``; then cancel it."""
    if self._event and not self.server and not self.closing:
        # boards: Ctrl-C has ended the loop that it ran in
        self._background.clear()
    try:
        await asyncio.wait_for(_wait(self), self.shutdown_timeout)
    except asyncio.TimeoutError:
        for task in list(self._background):
            task.cancel()


async def _wait(app):
    # (not for a task: it would be cancelled with this one)
    while app._background:
        app._idle = asyncio.Event()
        await app._idle.wait()


async def is_disconnected(self):
    """Tell whether the client has closed its connection, or said that it
    sends no more. For handlers that take long: they are not cancelled."""
    sock = self.sock
    for peer in (self._stream, sock[0] if isinstance(sock, tuple) else sock):
        if hasattr(peer, 'has_left'):
            return await peer.has_left()
        if isinstance(peer, Connection):
            # what it sends meanwhile is kept, up to a bound
            if peer.gone or len(peer.data) - peer.pos > 2048:
                return peer.gone
            try:
                return not await asyncio.wait_for(peer.fill(), 0.02)
            except asyncio.TimeoutError:
                return False
            except Disconnected:
                return True
    return False


Microdot._background = Microdot._idle = None
Microdot.answered = answered
Microdot.finish_background = finish_background
Request.after_response = Response.after_response = after_response
Request.is_disconnected = is_disconnected

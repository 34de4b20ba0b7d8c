"""Threads for plain functions: handlers, the steps of generators, and what the
server itself does."""
import asyncio
import contextvars
import functools
import inspect
import os
import queue
import threading
import time
import types
import weakref
from typing import Any

from .. import microdot as core
from .._mistakes import WrongPiece
from ..microdot import HTTPException
from .connection import Disconnected, ProtocolConnection
from .tasks import settle


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
        self.waiting: Any = queue.SimpleQueue()
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
            result = None
            error: BaseException | None = None
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


# What handlers do, what their generators do, which may take as long as their
# clients stay, and what the server itself does: files, hashing.
_handlers = Threads()
_steps = Threads(0)
_own = Threads(0)
_OWN_THREADS = min(32, (os.cpu_count() or 1) + 4)
#: What has a plain handler called by the thread that waits for the answer,
#: under WSGI: ``await caller.get()(function)``, or ``None``.
caller = contextvars.ContextVar('caller', default=None)


def _most():
    # Threads for handlers that there may be.
    microdot: Any = core.Microdot  # by now the class that has the limit
    return microdot.max_threads


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
        return functools.partial(conn.is_left, time.monotonic())


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
    return _handlers.submit(_most(), call, _unwanted(args))


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


_EMPTY: tuple[Any, ...] = ((), [], '', b'', set(), {})
_MEMORY = tuple(type(iter(kind)) for kind in _EMPTY)


_END = object()


def _piece_of(piece):
    if piece is None:
        raise WrongPiece(None)
    return None if piece is _END else piece


async def next_piece(iterator):
    """Return the next piece of a body, or ``None``. What may block runs in a
    thread.

    :raises TypeError: the piece is ``None``, which the caller would take for
                       the end, and the client for a whole body.
    """
    if isinstance(iterator, _MEMORY):
        return _piece_of(next(iterator, _END))
    # Neither do handlers wait for what blocks here, nor the end of the event
    # loop, as it would for a pool of its own.
    future = _steps.submit(_most(), functools.partial(
        _context_of(iterator).run, next, iterator, _END))
    try:
        return _piece_of(await asyncio.shield(future))
    except asyncio.CancelledError:
        # it cannot be closed before that step is done
        future.add_done_callback(functools.partial(_close_late, iterator))
        _late.add(future)
        raise


#: Seconds that the end of a server leaves to steps of generators.
LATE_S = 1
# The steps after which a generator is closed.
_late: Any = weakref.WeakSet()


async def closed_late(seconds):
    """Wait, for so many seconds at most, until the generators are closed that
    were left in the middle of a step: what they have opened may need what
    ends with the application, and ends with the process."""
    loop = asyncio.get_running_loop()
    steps = [future for future in _late
             if future.get_loop() is loop and not future.done()]
    if steps:
        await asyncio.wait(steps, timeout=seconds)


def _close_late(iterator, future):
    if not future.cancelled():
        future.exception()
    if hasattr(iterator, 'close'):
        _context_of(iterator).run(iterator.close)


# The context that the steps of each generator share, or else a variable that
# it sets would be gone at the next one, and its token be good for nothing.
_contexts: Any = weakref.WeakKeyDictionary()


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

"""What portable tests share; runs on both interpreters."""

import asyncio
import gc
import os
import unittest

#: The longest a test may take, in seconds, unless it says otherwise. Meant to
#: end what hangs, not to measure anything.
TIMEOUT_S = 60


def run(coro, timeout=TIMEOUT_S):
    """Run a coroutine in an event loop of its own and return its result.

    Where there is no loop to run (MicroPython's WebAssembly build), the
    coroutine is run here as long as it does not wait for anything.

    :param coro: the coroutine, as a call of an ``async def`` returns it.
    :param timeout: seconds after which it is cancelled.
    :raises asyncio.TimeoutError: it took longer.
    :raises RuntimeError: it waited, and there is no event loop.
    """
    if not hasattr(asyncio, 'run'):
        return _run_without_loop(coro)
    # A board has one loop, which would still hold the tasks and the streams
    # that the test before has left behind. CPython's run() makes its own.
    if hasattr(asyncio, 'core'):
        asyncio.new_event_loop()
    return asyncio.run(_limited(coro, timeout))


async def _limited(coro, timeout):
    return await asyncio.wait_for(coro, timeout)


def _run_without_loop(coro):
    try:
        coro.send(None)
    except StopIteration as exc:
        return exc.value
    coro.close()
    raise RuntimeError('the coroutine waits, but there is no event loop')


def heap_kb():
    """Return the size of the heap in thousands of bytes."""
    if not hasattr(gc, 'mem_free'):
        return 1000000  # CPython: what the computer has
    return (gc.mem_alloc() + gc.mem_free()) // 1000


def needs_heap(kb):
    """Skip the decorated test or class in a heap of less than that."""
    # (a little of its size is for the collector's own table)
    return unittest.skipIf(heap_kb() < kb * 0.95, 'needs %d KB of heap' % kb)


def change(test, owner, name, value):
    """Set an attribute, such as a limit, for as long as a test runs."""
    test.addCleanup(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)


def free_port():
    """Return a TCP port of 127.0.0.1 on which nobody listens.

    A board's server cannot tell which port it was given for 0, so tests name
    one. It is chosen at random, as tests of several files run side by side,
    and below those that systems give to clients and ``serving`` to servers.
    """
    import socket  # not on every build
    while True:
        port = 10000 + int.from_bytes(os.urandom(2), 'big') % 10000
        listener = socket.socket()
        try:
            # In this form for boards, which take no tuple here.
            listener.bind(socket.getaddrinfo('127.0.0.1', port)[0][-1])
            return port
        except OSError:
            pass
        finally:
            listener.close()

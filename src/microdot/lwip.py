"""Accepts connections on boards whose network stack is lwIP, such as a Pico W.

The core loads this module there. Without it, which is when the core was
copied alone, now and then a connection waits a quarter of a second.
"""
import asyncio


def take(server, listener):
    """Accept what has come: lwIP calls this, whatever else runs. Data that
    comes before accept() would wait there for a timer of 250 ms."""
    try:
        # Those that were reset meanwhile still wait here; a page that is
        # reloaded leaves as many as there may be, each time.
        while len(server.taken) < 4 * server.app.max_connections:
            server.taken.append(listener.accept())
    except (OSError, MemoryError):
        pass  # there is no more; or else accept() meets it too
    server.flag.set()


async def accept(listener, server):
    """Wait for a connection; return its socket and address."""
    if not server.flag:
        server.taken = []
        server.flag = asyncio.ThreadSafeFlag()
        listener.setsockopt(1, 20, lambda listener: take(server, listener))
    while not server.taken:
        try:
            server.taken.append(listener.accept())
        except OSError as exc:
            if exc.errno != 11:  # EAGAIN: wait for take()
                raise
            await server.flag.wait()
    return server.taken.pop(0)

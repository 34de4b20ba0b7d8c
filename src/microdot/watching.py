"""Learns that the client of a streamed response has gone.

The server loads this module for streams that may have nothing to send for
long. Without it, which is when the core was copied to a board alone, such a
stream learns it when it sends.
"""
import asyncio

from .microdot import Disconnected


async def watch(conn):
    """Read from a :class:`Connection`, while its response streams, to cancel
    its task should the peer end."""
    try:
        while await conn.fill():
            if len(conn.data) > 2048:
                return  # pipelined requests: they can wait
        # It may have ended its own side alone (RFC 9112, section 9.6): then
        # what is sent arrives. Meanwhile another may stream.
        owed = conn.owed
        conn.app.streams -= 1
        try:
            # twice: after what has kept the loop busy for as long, this comes
            # before what was to be sent meanwhile
            for _ in range(2):
                await asyncio.sleep(0.2)
        finally:
            conn.app.streams += 1
        if owed != conn.owed:
            return
    except (Disconnected, MemoryError):
        pass
    if conn.watcher:
        # (or else it was cancelled, which looks the same after a time-out)
        conn.watcher = None
        conn.gone = True
        conn.task.cancel()

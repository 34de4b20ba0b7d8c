"""The one place where the command starts the server of an application."""
from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

from .. import _cpython as _untyped
from ..microdot import Microdot

_cpython: Any = _untyped


def serve(app: Microdot, sockets: Sequence[socket.socket],
          tls: tuple[str, str] | None = None, debug: bool = False) -> None:
    """Serve an application on sockets that listen, until it is shut down,
    SIGINT or SIGTERM.

    :param tls: the files of a certificate and its key.
    :raises Exception: whatever a handler for start-up has raised.
    """
    engine: Any = app
    first, *others = sockets

    async def main() -> None:
        engine.ssl = _cpython.tls_context(*tls) if tls else None
        engine.debug = debug
        engine.server = first
        engine.closing = False
        engine._event = asyncio.Event()
        accepting: list[Any] = []

        async def accept_others() -> None:
            accepting.extend(asyncio.create_task(engine._accept(sock))
                             for sock in others)

        engine.startup_handlers.append(accept_others)
        try:
            await engine._serve()
        finally:
            engine.startup_handlers.remove(accept_others)
            for task in accepting:
                task.cancel()

    _cpython.run_loop(engine, main())

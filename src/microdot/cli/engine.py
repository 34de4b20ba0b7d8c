"""The one place where the command starts the server of an application."""
from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from .. import _cpython as _untyped
from ..microdot import Microdot, Server

_cpython: Any = _untyped


def serve(app: Microdot, sockets: Sequence[socket.socket],
          tls: tuple[str, str] | None = None, debug: bool = False) -> None:
    """Serve an application on sockets that listen, until it is shut down,
    SIGINT or SIGTERM.

    :param tls: the files of a certificate and its key.
    :raises Exception: whatever a handler for start-up has raised.
    """
    async def main() -> None:
        context = _cpython.tls_context(*tls) if tls else None
        server = Server(app, sockets, context)
        app.debug = debug
        await server.serve()

    _cpython.run_loop(app, main())

"""A process that the supervisor has started: it imports the application and
serves it on the sockets that it inherits."""
from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from .. import _bus as _untyped
from ..microdot import Microdot
from . import CommandError, engine, serving
from .find import import_app
from .options import Settings
from .run import CHILD, Signals, failed, name_of, warn
from .screens import explain
from .terminal import Terminal

_bus: Any = _untyped


class Control:
    """The way to the supervisor: a socket on which lines of JSON go up. It
    is closed at the other end to ask for an orderly end, or since the
    supervisor is no more."""

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)
        self.sock = socket.socket(fileno=fd)
        self.sock.setblocking(False)

    def send(self, **message: Any) -> None:
        try:
            self.sock.sendall(json.dumps(message).encode() + b'\n')
        except OSError:
            pass  # the supervisor has gone, and wants to know nothing

    def watch(self, ended: Callable[[], None]) -> None:
        """Call *ended* when the other end is closed."""
        loop = asyncio.get_running_loop()

        def readable() -> None:
            try:
                data = self.sock.recv(4096)
            except BlockingIOError:
                return
            except OSError:
                data = b''
            if not data:
                loop.remove_reader(self.sock)
                ended()

        loop.add_reader(self.sock, readable)


def read_settings(values: dict[str, Any]) -> Settings:
    """Return the settings from what JSON has made of them."""
    values = dict(values)
    if 'limit' in values:
        values['limit'] = tuple(map(tuple, values['limit']))
    if 'proxy' in values:
        values['proxy'] = tuple(values['proxy'])
    return Settings(values)


def announce(app: Microdot, control: Control) -> None:
    """Let the supervisor know when the application serves, and end it when
    that wants."""
    async def ready() -> None:
        control.watch(app.shutdown)
        control.send(ready=True, grace=app.shutdown_timeout)

    # (the last of them: all others have done their work)
    app.on_startup(ready)


def run(signals: Signals) -> int:
    """Be the child; return the exit status."""
    part = json.loads(os.environ.pop(CHILD))
    settings = read_settings(part['settings'])
    control = Control(part['control']) if part['control'] is not None \
        else None
    tls = tuple(part['tls']) if part['tls'] else None
    try:
        sockets = open_again(part['sockets'], settings)
        if settings.env:
            from .envfile import load
            load(settings.env)
        if part['bus']:
            open_bus(*part['bus'])
        app = import_app(settings.app, part['quiet'])
        serving.prepare(app, settings)
        if settings.reload and settings.debug:
            from . import livereload
            livereload.install(app, part['generation'], settings.root_path)
        if settings.workers > 1 and not part['quiet']:
            warn_of_own(serving.kept_per_process(app))
        signals.hold(app)
        if _bus.line:
            connect_bus(app, _bus.line)
        if control:
            announce(app, control)
        engine.serve(app, share(app, sockets, part['board'], part['row']),
                     tls, settings.debug)
    except KeyboardInterrupt:
        pass
    except (Exception, SystemExit) as exc:
        if control is None:
            return failed(exc, settings)
        control.send(failed=explain(exc, name_of(settings),
                                    Terminal(sys.stderr)))
        return exc.status if isinstance(exc, CommandError) else 1
    finally:
        signals.ignore()
        if _bus.line:
            _bus.line.close()
    return 0


def connect_bus(app: Microdot, line: Any) -> None:
    """Let the hubs of an application reach the other workers."""
    async def connect() -> None:
        line.connect()

    app.on_startup(connect)


def open_bus(fd: int, life: str) -> None:
    """Let hubs that are made from now on be those of all workers."""
    os.set_inheritable(fd, False)
    _bus.line = _bus.Line(socket.socket(fileno=fd), life)


def warn_of_own(kept: list[str]) -> None:
    """Say what each worker has for itself, rather than all of them."""
    if kept:
        warn('each worker has its own: %s' % ', '.join(kept))


def share(app: Microdot, sockets: list[socket.socket], board: list[int],
          row: int) -> list[Any]:
    """Return what is to be served on: the sockets, or where other workers
    accept on them too, what shares fairly."""
    if not board:
        return list(sockets)
    from .sharing import Board, Share, SharedListener
    for fd in board:
        os.set_inheritable(fd, False)
    ours = Share(Board(board), row, lambda: len(app.connections))
    return [SharedListener(sock, ours) for sock in sockets]


def open_again(fds: list[int], settings: Settings) -> list[socket.socket]:
    """Return the sockets that were inherited; on Windows a new one."""
    if not fds:
        from .sockets import open_port
        return open_port(settings.host, settings.port)
    sockets = []
    for fd in fds:
        os.set_inheritable(fd, False)
        sock = socket.socket(fileno=fd)
        sock.setblocking(False)
        sockets.append(sock)
    return sockets

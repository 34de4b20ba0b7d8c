"""``microdot run``: serve an application."""
from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from typing import Any

from ..microdot import Microdot
from . import CommandError, banner
from .find import default_app, import_app
from .options import HELP, Settings, describe, gather
from .screens import explain
from .sockets import open_sockets
from .terminal import Terminal

#: What hands a process that the supervisor starts its part.
CHILD = '_MICRODOT_CHILD'


def warn(text: str) -> None:
    terminal = Terminal(sys.stderr)
    terminal.print(terminal.yellow('microdot: ') + text)


def notes(settings: Settings) -> list[str]:
    """Return what the banner says of these settings."""
    found = []
    if settings.workers > 1:
        found.append('%d workers' % settings.workers)
    if settings.reload:
        found.append('starts again when a file is saved')
    if settings.debug:
        found.append('debug: shows lines of the program with errors, on this '
                     'computer only')
    return found


def announce(sockets: Iterable[Any], secure: bool,
             settings: Settings) -> None:
    """Say where the server listens."""
    banner.show(sockets, secure, settings.root_path, notes(settings),
                code=settings.qr, browser=settings.open)


class Signals:
    """SIGINT and SIGTERM where the server does not look after them: while a
    program is imported they end it, without a traceback; from :meth:`hold` on
    they are remembered until the server runs.

    :param supervised: a supervisor gets each Ctrl-C too, and sends SIGTERM to
                       a process that does not serve yet. That ends it at once
                       while it imports; SIGINT is only remembered.
    """

    def __init__(self, supervised: bool = False) -> None:
        self.app: Microdot | None = None
        self.seen = False
        # An exception may come in a place that only prints it and goes on,
        # such as a callback of a weak reference, which each import has.
        self.supervised = supervised and os.name == 'posix'
        signal.signal(signal.SIGINT, self.handle)
        if not self.supervised:
            signal.signal(signal.SIGTERM, self.handle)
        if hasattr(signal, 'pthread_sigmask'):
            # The supervisor has held it back until here.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])

    def handle(self, number: int, frame: object) -> None:
        if not self.supervised and (self.app is None or self.seen):
            raise KeyboardInterrupt
        self.seen = True
        if self.app is None:
            return
        # (Windows has no other way; elsewhere the server has its own handler
        # from its start on)
        self.app.shutdown()

    def hold(self, app: Microdot) -> None:
        """Let the application end what comes until it serves."""
        self.app = app
        signal.signal(signal.SIGTERM, self.handle)

        @app.on_startup
        def end_if_seen() -> None:
            if self.seen:
                app.shutdown()

    def ignore(self) -> None:
        """Let none disturb the end."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def open_standard_files() -> None:
    """See to it that files 0 to 2 are open.

    In a process that was started without them (``2>&-``) a socket would be
    stderr, and what is written there sent to whoever is at its other end.
    """
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            # (the system takes the lowest number that is free)
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def command(words: list[str]) -> int:
    """Serve what the words name until SIGINT or SIGTERM; return the exit
    status."""
    if '-h' in words or '--help' in words:
        print(HELP % describe())
        return 0
    signals = Signals(CHILD in os.environ)
    if CHILD in os.environ:
        from .child import run
        return run(signals)
    open_standard_files()
    settings = gather(words, os.environ, warn)
    if settings.reload or settings.workers > 1:
        from .supervisor import supervise
        return supervise(settings)
    return serve_here(settings, signals)


def serve_here(settings: Settings, signals: Signals) -> int:
    """Import an application and serve it in this process."""
    from . import engine, serving
    tls = serving.tls_files(settings)
    listening = open_sockets(settings, os.environ)
    try:
        if settings.env:
            from .envfile import load
            load(settings.env)
        app = import_app(settings.app)
        serving.prepare(app, settings)
        signals.hold(app)
        announce(listening.sockets, bool(tls), settings)
        engine.serve(app, listening.sockets, tls, settings.debug)
        Terminal(sys.stderr).end()
    except KeyboardInterrupt:
        Terminal(sys.stderr).end()
    except (Exception, SystemExit) as exc:
        return failed(exc, settings)
    finally:
        signals.ignore()
        listening.close()
    return 0


def failed(exc: BaseException, settings: Settings) -> int:
    """Show what kept an application from starting; return the exit
    status."""
    terminal = Terminal(sys.stderr)
    terminal.print(explain(exc, name_of(settings), terminal))
    return exc.status if isinstance(exc, CommandError) else 1


def name_of(settings: Settings) -> str:
    try:
        return settings.app or default_app()
    except CommandError:
        return 'the application'




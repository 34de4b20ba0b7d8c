"""Opening what a server listens on."""
from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable, Mapping

from .._cpython import listen
from . import CommandError
from .options import Settings

#: Connections that wait to be accepted.
BACKLOG = 1024
#: The first that systemd passes (sd_listen_fds(3)).
FIRST_FD = 3


class Listening:
    """The sockets of a server, and what is to be done when it ends."""

    def __init__(self, sockets: list[socket.socket],
                 cleanup: Callable[[], None] = lambda: None) -> None:
        self.sockets = sockets
        self.cleanup = cleanup

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()
        self.cleanup()


def open_sockets(settings: Settings,
                 environ: Mapping[str, str]) -> Listening:
    """Open what the settings name: a port, a Unix socket, or what was
    inherited.

    :raises CommandError: it cannot be had; status 1.
    """
    if settings.uds:
        return open_unix(settings.uds)
    if settings.fd is not None:
        return Listening([inherited(settings.fd, '--fd %d' % settings.fd)])
    count = passed(environ)
    if count and not settings.given & {'host', 'port'}:
        return Listening([inherited(fd, 'LISTEN_FDS')
                          for fd in range(FIRST_FD, FIRST_FD + count)])
    return Listening(open_port(settings.host, settings.port))


def passed(environ: Mapping[str, str]) -> int:
    """Return how many sockets systemd has passed to this process."""
    if environ.get('LISTEN_PID') != str(os.getpid()):
        return 0
    count = environ.get('LISTEN_FDS', '')
    return int(count) if count.isascii() and count.isdigit() and \
        len(count) < 4 else 0


def inherited(fd: int, where: str) -> socket.socket:
    """Return a listening socket that was open when the process began."""
    try:
        sock = socket.socket(fileno=fd)
    except OSError as exc:
        raise CommandError('%s: not a socket that is open: %s'
                           % (where, exc.strerror), 1) from None
    try:
        listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError:
        listens = 1  # a system that cannot tell
    if sock.type != socket.SOCK_STREAM or not listens:
        sock.detach()
        raise CommandError('%s: not a socket that listens' % where, 1)
    sock.setblocking(False)
    return sock


def open_port(host: str, port: int) -> list[socket.socket]:
    """Listen on a port of all addresses of a host.

    :raises CommandError: that is refused, or the host is unknown.
    """
    try:
        return listen(host, port)
    except socket.gaierror as exc:
        raise CommandError('--host %s: %s' % (
            host, exc.strerror or exc), 1) from None
    except OSError as exc:
        raise CommandError(refused(host, port, exc), 1) from None


def refused(host: str, port: int, exc: OSError) -> str:
    """Return what is said of a port that cannot be had."""
    where = 'cannot listen on %s:%d: ' % (host, port)
    if exc.errno == errno.EADDRINUSE:
        return where + 'another program does. --port %d may be free, ' \
            '--port 0 takes one that is' % (port + 1 if port < 65535 else 5000)
    if exc.errno == errno.EACCES:
        return where + 'only root may; ports from 1024 on are free for all'
    if exc.errno == errno.EADDRNOTAVAIL:
        return where + 'this computer does not have that address'
    return where + str(exc.strerror or exc)


def open_unix(path: str) -> Listening:
    """Listen on a Unix socket. One that nobody listens on any more is
    replaced; it is removed at the end."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        remove_stale(path)
        sock.bind(path)
        sock.listen(BACKLOG)
        sock.setblocking(False)
        made = os.stat(path)
    except OSError as exc:
        sock.close()
        raise CommandError('--uds %s: %s' % (
            path, exc.strerror or exc), 1) from None
    except CommandError:
        sock.close()
        raise

    def cleanup() -> None:
        # What another server has put there since is not ours.
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(path), made):
                os.unlink(path)

    return Listening([sock], cleanup)


def remove_stale(path: str) -> None:
    """Remove a socket that its server has left behind.

    :raises CommandError: somebody listens there, or it is no socket.
    """
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise CommandError('--uds %s: there is a file of that name, which '
                           'is not a socket' % path, 1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except (BlockingIOError, TimeoutError):
            pass  # its backlog is full: it lives
    raise CommandError('--uds %s: a server listens there' % path, 1)

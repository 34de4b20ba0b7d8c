"""The lines that say where a server listens, and how to stop it."""
from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from .terminal import Terminal

_ANY = ('0.0.0.0', '::', '')


def lan_address() -> str | None:
    """Return the address of this computer that others on its network reach,
    or ``None``. Nothing is sent: connecting a UDP socket picks the route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            # (RFC 5737: belongs to nobody)
            sock.connect(('192.0.2.1', 9))
            address: str = sock.getsockname()[0]
        except OSError:
            return None
    return None if address in _ANY or address.startswith('127.') else address


def link(scheme: str, host: str, port: int, path: str = '') -> str:
    """Return a URL; an address of IPv6 gets its brackets, and the usual port
    of the scheme is left out."""
    if ':' in host:
        host = '[%s]' % host
    usual = {'http': 80, 'https': 443}[scheme]
    return '%s://%s%s%s/' % (
        scheme, host, '' if port == usual else ':%d' % port, path)


def addresses(sockets: Iterable[Any], secure: bool,
              root_path: str = '') -> list[str]:
    """Return where sockets are reached: links, this computer's first, or the
    paths of Unix sockets."""
    scheme = 'https' if secure else 'http'
    found = []
    for sock in sockets:
        name = sock.getsockname()
        if not isinstance(name, tuple):
            name = name.decode(errors='replace') \
                if isinstance(name, bytes) else name
            found.append('unix:' + name.replace('\0', '@'))
            continue
        host, port = name[:2]
        if host in _ANY:
            found.append(link(scheme, '127.0.0.1', port, root_path))
            lan = lan_address()
            if lan:
                found.append(link(scheme, lan, port, root_path))
        else:
            found.append(link(scheme, host, port, root_path))
    return list(dict.fromkeys(found))


def open_browser(url: str) -> None:
    """Open a page in the user's browser. The server is about to answer: its
    socket listens."""
    import threading
    import webbrowser
    # (a browser in a terminal would keep the server waiting)
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True,
                     name='microdot browser').start()


def show_code(urls: Sequence[str], terminal: Terminal) -> None:
    """Show a QR code for the link that a phone can reach."""
    from . import qr
    reached = [url for url in urls if not url.startswith('unix:') and
               '//127.' not in url and '//localhost' not in url and
               '//[::1]' not in url]
    if not reached:
        terminal.print('  no QR code: others cannot reach this address; add '
                       '--host 0.0.0.0')
        return
    try:
        code = qr.draw(reached[0], terminal.colours)
        code.encode(terminal.stream.encoding or 'ascii')
    except ValueError as exc:
        terminal.print('  no QR code: %s' % exc)
        return
    terminal.print(code)


def show(sockets: Iterable[Any], secure: bool = False, root_path: str = '',
         notes: Sequence[str] = (), stream: TextIO | None = None,
         code: bool = False, browser: bool = False) -> None:
    """Write name and version, the links, and how to stop, to stderr.

    :param notes: more lines, of what is unusual about this server.
    :param code: whether to show a QR code of the link for a phone.
    :param browser: whether to open the first link in a browser.
    """
    from .. import __version__
    terminal = Terminal(stream or sys.stderr)
    terminal.print(terminal.bold('microdot') + ' ' + __version__)
    found = addresses(sockets, secure, root_path)
    for text in found:
        terminal.print('  ' + terminal.cyan(text))
    if code:
        show_code(found, terminal)
    for note in notes:
        terminal.print('  ' + note)
    terminal.print(terminal.dim('  Ctrl-C stops it'))
    if browser and found and not found[0].startswith('unix:'):
        open_browser(found[0])

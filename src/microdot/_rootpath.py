"""An application under a prefix that a proxy has for it: ``/todo``. CPython
only.

Some proxies pass the prefix on, some take it off. Either way routes match what
comes after it, and what is sent back to clients begins with it.
"""
from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from ._mistakes import named
from .microdot import Microdot, Request, Response

# RFC 3986, section 2.3
_PREFIX = re.compile(r'(/[A-Za-z0-9._~-]+)+')


def strip(request: Request, root_path: str) -> None:
    """Take the prefix off the path of a request, if it is there, and let the
    request know of it."""
    request.root_path = root_path
    if not (request.path + '/').startswith(root_path + '/'):
        return
    # Whole segments; route_path has NUL where a segment has a slash.
    count = root_path.count('/') + 1
    parts = request.route_path.split('/', count)
    request.route_path = '/' + '/'.join(parts[count:])
    request.path = request.route_path.replace('\0', '/')


def check_proxies(proxies: tuple[Any, ...]) -> None:
    """See that proxies are named as text, each by an argument.

    :raises TypeError: one is not.
    """
    for proxy in proxies:
        if not isinstance(proxy, str):
            raise TypeError(
                'a proxy is named as text, not by %s; write: app.middleware('
                "TrustedProxies('127.0.0.1', '10.0.0.0/8'))" % named(proxy))


def with_prefix(location: str, root_path: str) -> str:
    """Return where a response leads to, with the prefix if it is a path of
    this site that has none."""
    if location[:1] != '/' or location[:2] in ('//', '/\\'):
        return location
    path = location.partition('?')[0].partition('#')[0]
    if (path + '/').startswith(root_path + '/'):
        return location
    return root_path + location


def believe(request: Request, prefix: str, most: int) -> None:
    """Take the prefix that a trusted proxy names for that of a request, if it
    is one: segments of unreserved characters, none of them dots alone. A
    request that has a prefix already keeps that.

    :param prefix: the value of ``X-Forwarded-Prefix``.
    :param most: bytes that it may have.
    """
    if not request.root_path and len(prefix) <= most and \
            _PREFIX.fullmatch(prefix) and \
            not {'.', '..'} & set(prefix.split('/')):
        strip(request, prefix)


def finish(request: Request | None, res: Response) -> None:
    """Add the prefix of a request to where its response leads to."""
    location = res.headers.get('Location')
    if request and request.root_path and isinstance(location, str):
        res.headers['Location'] = with_prefix(location, request.root_path)


class RootPath:
    """What puts an application below a prefix."""

    def __init__(self, root_path: str) -> None:
        self.root_path = root_path

    async def around(self, request: Request, call_next: Callable[
            [Request], Awaitable[Response]]) -> Response:
        if self.root_path:
            strip(request, self.root_path)
        return await call_next(request)


def install(app: Microdot, root_path: str) -> None:
    """Have an application answer below a prefix, in place of one that it has
    had.

    :param root_path: begins with ``/``; ``''``: none.
    :raises ValueError: it does not.
    """
    root_path = root_path.rstrip('/')
    if root_path and (root_path[0] != '/' or '//' in root_path):
        raise ValueError('root_path begins with one /, as in /todo, not %r'
                         % root_path)
    for wrapper in app.wrappers:
        installed = getattr(wrapper, '__self__', None)
        if isinstance(installed, RootPath):
            installed.root_path = root_path
            return
    if root_path:
        installed = RootPath(root_path)
        # (before what looks at the path)
        app.wrap_dispatch(installed.around, outermost=True)
        app.finishers.append(finish)

"""``microdot routes``: list what an application answers."""
from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator
from typing import Any

from ..microdot import Microdot, Request
from . import CommandError
from .find import import_app
from .options import Option, Settings, parse_words, read_flag
from .run import failed
from .screens import short
from .terminal import Terminal

OPTIONS = (Option('json', '', read_flag, False, 'as JSON'),)
HELP = """\
usage: microdot routes [APP] [--json]

Lists the routes of an application: methods, host and pattern, the name that
url_for() takes, the function with its file and line, the mounted application
it belongs to, and the limit of its body where it has one of its own."""


def place(handler: Any) -> tuple[str, str, int | None]:
    """Return name, file and line of a function, below what decorates it."""
    function = inspect.unwrap(handler)
    while hasattr(function, 'func'):
        function = inspect.unwrap(function.func)  # functools.partial
    name = getattr(function, '__qualname__', None) or \
        type(function).__qualname__
    code = getattr(function, '__code__', None) or getattr(
        getattr(type(function), '__call__', None), '__code__', None)
    if code is None:
        return name, '', None
    return name, short(code.co_filename), code.co_firstlineno


def names_of(app: Microdot) -> dict[int, str]:
    """Return under what names their modules have the applications."""
    found: dict[int, str] = {}
    for module_name, module in list(sys.modules.items()):
        for name, value in list(getattr(module, '__dict__', {}).items()):
            if isinstance(value, Microdot):
                found.setdefault(id(value), '%s:%s' % (module_name, name))
    return found


def url_names(app: Any) -> Iterator[tuple[str, Any, str]]:
    """Return pattern, handler and name of each route, the name as
    :meth:`Microdot.url_for` takes it: below that of the mount."""
    for route in all_routes(app):
        if route.subapp is None:
            yield route.pattern.url_pattern, route.handler, route.name or \
                getattr(route.handler, '__name__', '')
    for subapp, prefix, _, label, _ in app.mounts:
        for pattern, handler, name in url_names(subapp):
            yield prefix + pattern, handler, \
                '%s:%s' % (label, name) if label and name else name


def route_rows(app: Microdot) -> list[dict[str, Any]]:
    """Return a dict for each route, in the order in which they are asked."""
    applications = names_of(app)
    names: dict[Any, str] = {}
    for one, known, url_name in url_names(app):
        names.setdefault((one, id(known)), url_name)
    rows = []
    for route in all_routes(app):
        methods, pattern, handler, _, subapp, _, limit, name, host = route[:9]
        function, file, line = place(handler)
        owner = subapp or app
        rows.append({
            'methods': list(methods),
            'host': host.name if host else None,
            'pattern': pattern.url_pattern,
            'name': names.get((pattern.url_pattern, id(handler))) or
                name or function,
            'handler': function,
            'file': file,
            'line': line,
            'app': applications.get(id(owner), ''),
            'max_content_length':
                Request.max_content_length if limit is None else limit,
            'own_limit': limit is not None,
        })
    return rows


def all_routes(app: Any) -> list[Any]:
    """Return the routes of an application."""
    found: list[Any] = app.routes
    return found


def same_name(handler: str, name: str) -> bool:
    """Tell whether a name is no other than that of the function."""
    return handler.rpartition('.')[2] == name.rpartition(':')[2]


def table(rows: list[dict[str, Any]], terminal: Terminal) -> str:
    """Return the rows as lines for people, in columns."""
    cells = [('METHODS', 'PATTERN', 'NAME', 'HANDLER', 'APP', 'LIMIT')]
    for row in rows:
        where = '%s:%s' % (row['file'], row['line']) if row['file'] else ''
        cells.append((
            ' '.join(row['methods']), (row['host'] or '') + row['pattern'],
            row['name'],
            where if where and same_name(row['handler'], row['name'])
            else '%s %s' % (row['handler'], where),
            row['app'],
            '%d' % row['max_content_length'] if row['own_limit'] else ''))
    used = [i for i in range(len(cells[0]))
            if any(cell[i] for cell in cells[1:])]
    widths = [max(len(cell[i]) for cell in cells) for i in used]
    lines = ['  '.join(cell[i].ljust(width)
                       for i, width in zip(used, widths)).rstrip()
             for cell in cells]
    return '\n'.join([terminal.dim(lines[0]), *lines[1:]])


def command(words: list[str]) -> int:
    """Print the routes; return the exit status."""
    if '-h' in words or '--help' in words:
        print(HELP)
        return 0
    values = parse_words(words, OPTIONS, 'microdot routes')
    app_name = values.get('app')
    try:
        app = import_app(app_name or os.environ.get('MICRODOT_APP'))
    except Exception as exc:
        if isinstance(exc, CommandError):
            raise
        return failed(exc, Settings({'app': app_name} if app_name else {}))
    rows = route_rows(app)
    if values.get('json'):
        import json
        for row in rows:
            del row['own_limit']
        print(json.dumps(rows, indent=2))
    elif rows:
        print(table(rows, Terminal(sys.stdout)))
    else:
        Terminal(sys.stderr).print('microdot: no routes yet; one is made by '
                                   "@app.get('/') before a function")
    return 0

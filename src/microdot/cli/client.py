"""``microdot client``: send a request to an application, without a server."""
from __future__ import annotations

import json
import os
import sys
from typing import Any

from . import CommandError
from .find import import_app
from .options import Settings
from .run import failed
from .terminal import Terminal

HELP = """\
usage: microdot client [APP] [METHOD] PATH [options]

Starts an application, sends it one request without a network, and ends it.
The body of the answer goes to stdout, its status and headers to stderr. The
exit status is 1 if the status of the answer is 400 or more.

options:
  -H, --header 'NAME: VALUE'  a header (may be repeated)
  -d, --data TEXT             a body; @FILE: what is in the file
  -j, --json TEXT             a body that is JSON
  -u, --user NAME:PASSWORD    who asks (Basic authentication)

METHOD is GET, or POST where there is a body."""

OPTIONS = {'-H': 'header', '--header': 'header', '-d': 'data',
           '--data': 'data', '-j': 'json', '--json': 'json', '-u': 'user',
           '--user': 'user'}
_SEE = '; see microdot client --help'


def parse(words: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the words that are no options, and the options by name.

    :raises CommandError: an option is unknown, or lacks its value.
    """
    names: list[str] = []
    values: dict[str, Any] = {'header': []}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith('-'):
            names.append(word)
            continue
        option, equals, value = word.partition('=')
        if option not in OPTIONS:
            from .options import nearest
            raise CommandError('there is no option %s%s' % (
                option, nearest(option, OPTIONS) or _SEE))
        if not equals:
            if not rest:
                raise CommandError('%s needs a value%s' % (option, _SEE))
            value = rest.pop(0)
        if OPTIONS[option] == 'header':
            values['header'].append(value)
        else:
            values[OPTIONS[option]] = value
    return names, values


def split(names: list[str], has_body: bool) -> tuple[str | None, str, str]:
    """Return APP, if it was given, method and path.

    :raises CommandError: there is no path, or more.
    """
    path = names.pop() if names else ''
    if path[:1] != '/':
        raise CommandError('which path? It is the last word, as in '
                           '"microdot client GET /"' if not path else
                           'a path begins with /, not as %s%s' % (path, _SEE))
    method = names.pop() if names and names[-1].isupper() else \
        'POST' if has_body else 'GET'
    if len(names) > 1:
        raise CommandError('%s is not expected%s' % (names[1], _SEE))
    return names[0] if names else os.environ.get('MICRODOT_APP'), method, path


def body_of(values: dict[str, Any]) -> dict[str, Any]:
    """Return what the client is given of a body.

    :raises CommandError: there are two, it is not JSON, or no such file.
    """
    if 'data' in values and 'json' in values:
        raise CommandError('--data or --json, not both')
    if 'json' in values:
        try:
            return {'json': json.loads(values['json'])}
        except ValueError as exc:
            raise CommandError('--json: this is none: %s' % exc) from None
    data = values.get('data')
    if data is not None and data[:1] == '@':
        try:
            with open(data[1:], 'rb') as file:
                return {'body': file.read()}
        except OSError as exc:
            raise CommandError('--data %s: %s' % (
                data, exc.strerror), 1) from None
    return {'body': data}


def headers_of(lines: list[str]) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    for line in lines:
        name, colon, value = line.partition(':')
        if not colon or not name:
            raise CommandError("--header: 'NAME: VALUE' expected, not %r"
                               % line)
        headers.setdefault(name, []).append(value.strip())
    return headers


def show(res: Any) -> None:
    """Write the answer."""
    from ..microdot import reason_phrase
    terminal = Terminal(sys.stderr)
    status = '%s %s' % (res.status_code,
                        res.reason or reason_phrase(res.status_code))
    terminal.print(terminal.red(status) if res.status_code >= 400
                   else terminal.bold(status))
    for name, values in res.headers.items():
        for value in values if isinstance(values, list) else [values]:
            terminal.print(terminal.dim('%s: %s' % (name, value)))
    body = res.body or b''
    sys.stdout.flush()
    sys.stdout.buffer.write(body)
    if sys.stdout.isatty() and body[-1:] not in (b'', b'\n'):
        sys.stdout.buffer.write(b'\n')
    sys.stdout.buffer.flush()


def command(words: list[str]) -> int:
    """Send the request; return the exit status."""
    if '-h' in words or '--help' in words:
        print(HELP)
        return 0
    names, values = parse(words)
    app_name, method, path = split(names, 'data' in values or
                                   'json' in values)
    headers = headers_of(values['header'])
    options = body_of(values)
    if 'user' in values:
        user, _, password = values['user'].partition(':')
        options['auth'] = user, password
    from ..test_client import TestClient
    try:
        app = import_app(app_name)
        with TestClient(app, host='localhost') as client:
            res = client.request(method, path, headers, **options)
    except Exception as exc:
        if isinstance(exc, CommandError):
            raise
        return failed(exc, Settings({'app': app_name} if app_name else {}))
    if res.status_code is None:
        raise CommandError('nothing was answered', 1)
    show(res)
    return 1 if res.status_code >= 400 else 0

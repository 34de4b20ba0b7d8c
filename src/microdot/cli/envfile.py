"""Files of variables, ``NAME=value`` on each line."""
from __future__ import annotations

import os
import re

from . import CommandError

#: The longest such file, in bytes.
MAX_SIZE = 1024 * 1024

_ESCAPES = {'n': '\n', 't': '\t', 'r': '\r'}


def parse_file(path: str) -> dict[str, str]:
    """Return the variables of a file.

    Lines that begin with ``#`` and empty ones are skipped, as is ``export``.
    A value may be in quotes; in double ones ``\\n``, ``\\t``, ``\\"`` and
    ``\\\\`` mean what they do in Python. A ``#`` after a space begins a
    comment.

    :raises CommandError: it cannot be read, or a line is something else:
                          names file and line.
    """
    try:
        with open(path, encoding='utf-8-sig') as file:
            text = file.read(MAX_SIZE + 1)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, 'strerror', None) or 'not UTF-8'
        raise CommandError('--env %s: %s' % (path, reason)) from None
    if len(text) > MAX_SIZE:
        raise CommandError('--env %s: larger than %d bytes'
                           % (path, MAX_SIZE))
    values = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith('#'):
            continue
        name, value = parse_line(line, '%s, line %d' % (path, number))
        values[name] = value
    return values


def parse_line(line: str, where: str) -> tuple[str, str]:
    """Return name and value of a line.

    :param where: file and line, for the error.
    """
    name, equals, value = line.removeprefix('export ').partition('=')
    name, value = name.strip(), value.strip()
    if not equals or not name.isidentifier() or not name.isascii():
        raise CommandError('%s: NAME=value expected' % where)
    quote = value[:1]
    if quote in ('"', "'"):
        end = find_end(value, quote)
        tail = value[end + 1:].strip()
        if end < 0 or tail and not tail.startswith('#'):
            raise CommandError('%s: a quote that does not end' % where)
        value = value[1:end]
        if quote == '"':
            value = re.sub(r'\\(.)', unescape, value)
    else:
        value = re.split(r'(?:^|\s)#', value, maxsplit=1)[0].rstrip()
    return name, value


def find_end(value: str, quote: str) -> int:
    """Return where the quote that *value* begins with is closed, or -1."""
    pos = 1
    while pos < len(value):
        if value[pos] == '\\' and quote == '"':
            pos += 1
        elif value[pos] == quote:
            return pos
        pos += 1
    return -1


def unescape(match: re.Match[str]) -> str:
    char: str = match[1]
    return _ESCAPES.get(char, char if char in '"\\$' else '\\' + char)


def load(path: str) -> None:
    """Set the variables of a file that are not set yet."""
    for name, value in parse_file(path).items():
        os.environ.setdefault(name, value)

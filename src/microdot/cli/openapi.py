"""``microdot openapi``: write the document that describes an application."""
from __future__ import annotations

import json
import os
import sys

from . import CommandError
from .find import import_app
from .options import Settings
from .run import failed

HELP = """\
usage: microdot openapi [APP] [-o FILE]

Writes the OpenAPI document of an application, for instance as a file that a
board serves. Without -o it is printed.

  -o, --out FILE  where to write it"""


def command(words: list[str]) -> int:
    """Write the document; return the exit status."""
    if '-h' in words or '--help' in words:
        print(HELP)
        return 0
    names, target = split(words)
    try:
        app = import_app(names[0] if names
                         else os.environ.get('MICRODOT_APP'))
    except Exception as exc:
        if isinstance(exc, CommandError):
            raise
        return failed(exc, Settings({'app': names[0]} if names else {}))
    from ..openapi import document_of
    try:
        document = document_of(app)
    except ValueError as exc:
        raise CommandError('the application cannot be described: %s' % exc,
                           1) from exc
    text = json.dumps(document, ensure_ascii=False, indent=2) + '\n'
    if target is None:
        sys.stdout.write(text)
        return 0
    try:
        with open(target, 'w', encoding='utf-8') as file:
            file.write(text)
    except OSError as exc:
        raise CommandError('%s cannot be written: %s' % (
            target, exc.strerror), 1) from exc
    return 0


def split(words: list[str]) -> tuple[list[str], str | None]:
    """Return the words that are no option, at most one, and the file of
    ``-o``.

    :raises CommandError: the words are others.
    """
    names: list[str] = []
    target = None
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in ('-o', '--out'):
            if not rest:
                raise CommandError('%s needs a file; see microdot openapi '
                                   '--help' % word)
            target = rest.pop(0)
        elif word.startswith('--out='):
            target = word[6:]
        elif word.startswith('-') or names:
            raise CommandError('%s is not expected; see microdot openapi '
                               '--help' % word)
        else:
            names.append(word)
    return names, target

"""``microdot shell``: Python, with an application that has been started."""
from __future__ import annotations

import code
import os
import sys
from typing import Any

from . import CommandError
from .find import default_app, import_app, module_name, split
from .options import Settings
from .run import failed

HELP = """\
usage: microdot shell [APP]

Starts an application and Python, with all names of its module, and

  app     the application
  client  a test client: client.get('/')

client.run(coroutine) awaits. The application is ended with Python."""


def names_of(app: str) -> dict[str, Any]:
    """Return the names of the module that APP has been imported from."""
    module = sys.modules.get(module_name(split(app)[0])[0])
    return {name: value for name, value in vars(module).items()
            if not name.startswith('__')} if module else {}


def prepare_keys(names: dict[str, Any]) -> None:
    """Let the tabulator complete names, where the system can."""
    try:
        import readline
        import rlcompleter
    except ImportError:
        return  # Windows
    readline.set_completer(rlcompleter.Completer(names).complete)
    readline.parse_and_bind('tab: complete')


def command(words: list[str]) -> int:
    """Run Python until its end; return the exit status."""
    if '-h' in words or '--help' in words:
        print(HELP)
        return 0
    if len(words) > 1 or words and words[0].startswith('-'):
        raise CommandError('%s is not expected; see microdot shell --help'
                           % words[-1])
    app_name = words[0] if words else os.environ.get('MICRODOT_APP')
    from ..test_client import TestClient
    try:
        app_name = app_name or default_app()
        app = import_app(app_name)
        with TestClient(app) as client:
            names = {**names_of(app_name), 'app': app, 'client': client}
            prepare_keys(names)
            code.interact("app and client are there: client.get('/')",
                          local=names, exitmsg='')
    except Exception as exc:
        if isinstance(exc, CommandError):
            raise
        return failed(exc, Settings({'app': app_name} if app_name else {}))
    return 0

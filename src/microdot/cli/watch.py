"""Noticing that files of a program have been saved."""
from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from .._saves import State, changes, snapshot

#: What endings of names matter: programs and templates. Other files may be
#: what the program itself writes.
ENDINGS = ('.py', '.html', '.htm', '.jinja', '.jinja2', '.j2', '.tpl')
#: All files of a folder of this name are templates.
TEMPLATES = 'templates'
#: Folders that are not looked into.
SKIPPED = frozenset((
    '__pycache__', 'node_modules', 'venv', 'env', 'site-packages',
    'build', 'dist'))
#: Seconds between two looks; at most that much of the time is spent looking.
INTERVAL_S = 0.25
SHARE = 0.1


def matters(name: str, folders: Iterable[str] = ()) -> bool:
    """Tell whether a file is watched.

    :param name: without its folder.
    :param folders: the names of those that it is in.
    """
    if name.startswith('.'):
        return name == '.env' or name.startswith('.env.')
    return TEMPLATES in folders and not name.endswith('~') or \
        name == 'pyproject.toml' or name.endswith(ENDINGS)


def is_skipped(name: str) -> bool:
    """Tell whether a folder of this name is left out."""
    return name.startswith('.') or name in SKIPPED


class Watcher(threading.Thread):
    """Calls *changed* with the paths that were saved, from a thread of its
    own, until the process ends."""

    def __init__(self, folders: list[str], files: list[str],
                 changed: Callable[[list[str]], None]) -> None:
        super().__init__(name='watcher', daemon=True)
        self.folders = list(dict.fromkeys(map(os.path.abspath, folders)))
        self.files = list(map(os.path.abspath, files))
        self.changed = changed
        self.state = self.now()

    def now(self) -> dict[str, State]:
        """Return the state of all that is watched."""
        return snapshot(
            self.folders + self.files, lambda entry: is_skipped(entry.name),
            lambda entry, folders: matters(entry.name, folders))

    def run(self) -> None:
        try:
            watchfiles = importlib.import_module('watchfiles')
        except ImportError:
            self.look()
        else:
            self.listen(watchfiles)

    def listen(self, watchfiles: Any) -> None:
        """Let the package ``watchfiles`` tell when something has changed."""
        folders = self.folders + [os.path.dirname(path)
                                  for path in self.files]
        begun = False
        for found in watchfiles.watch(
                *dict.fromkeys(folders), watch_filter=self.wanted,
                debounce=200, step=50, raise_interrupt=False,
                rust_timeout=500, yield_on_timeout=True):
            paths = sorted(path for _, path in found)
            if not begun:
                # What was saved before the system listened, it does not tell.
                begun = True
                paths = changes(self.state, self.now())
            if paths:
                self.changed(paths)

    def wanted(self, change: object, path: str) -> bool:
        if path in self.files:
            return True
        for folder in self.folders:
            if path.startswith(folder + os.sep):
                *inner, name = path[len(folder) + 1:].split(os.sep)
                if not any(map(is_skipped, inner)) and \
                        matters(name, inner):
                    return True
        return False

    def look(self) -> None:
        """Look again and again: it needs no package."""
        pause = INTERVAL_S
        while True:
            time.sleep(pause)
            began = time.monotonic()
            state = self.now()
            pause = max(INTERVAL_S, (time.monotonic() - began) / SHARE)
            pause = min(pause, 3 * INTERVAL_S)
            found = changes(self.state, state)
            self.state = state
            if found:
                self.changed(found)

"""Noticing that files of a program have been saved."""
from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Callable
from typing import Any

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
#: Files that are looked at; a tree that has more is cut there.
MAX_FILES = 20000


def matters(name: str, templates: bool = False) -> bool:
    """Tell whether a file of this name is watched.

    :param name: without its folder.
    :param templates: whether it is somewhere in a folder of templates.
    """
    if name.startswith('.'):
        return name == '.env' or name.startswith('.env.')
    return templates and not name.endswith('~') or \
        name == 'pyproject.toml' or name.endswith(ENDINGS)


def is_skipped(name: str) -> bool:
    """Tell whether a folder of this name is left out."""
    return name.startswith('.') or name in SKIPPED


def state_of(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino


def snapshot(folders: list[str], files: list[str]) -> dict[str, object]:
    """Return what tells one state of the files from another, by path."""
    found: dict[str, object] = {}
    waiting = [(folder, False) for folder in folders]
    while waiting and len(found) < MAX_FILES:
        folder, templates = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            if not is_skipped(entry.name):
                                waiting.append((
                                    entry.path,
                                    templates or entry.name == TEMPLATES))
                        elif matters(entry.name, templates):
                            found[entry.path] = state_of(entry.stat())
                    except OSError:
                        continue  # removed meanwhile
        except OSError:
            continue
    for path in files:
        try:
            found[path] = state_of(os.stat(path))
        except OSError:
            pass
    return found


def changes(before: dict[str, object], after: dict[str, object]) -> list[str]:
    """Return the paths that differ between two snapshots."""
    return sorted(path for path in before.keys() | after.keys()
                  if before.get(path) != after.get(path))


class Watcher(threading.Thread):
    """Calls *changed* with the paths that were saved, from a thread of its
    own, until the process ends."""

    def __init__(self, folders: list[str], files: list[str],
                 changed: Callable[[list[str]], None]) -> None:
        super().__init__(name='watcher', daemon=True)
        self.folders = list(dict.fromkeys(map(os.path.abspath, folders)))
        self.files = list(map(os.path.abspath, files))
        self.changed = changed
        self.state = snapshot(self.folders, self.files)

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
                paths = changes(self.state,
                                snapshot(self.folders, self.files))
            if paths:
                self.changed(paths)

    def wanted(self, change: object, path: str) -> bool:
        if path in self.files:
            return True
        for folder in self.folders:
            if path.startswith(folder + os.sep):
                *inner, name = path[len(folder) + 1:].split(os.sep)
                if not any(map(is_skipped, inner)) and \
                        matters(name, TEMPLATES in inner):
                    return True
        return False

    def look(self) -> None:
        """Look again and again: it needs no package."""
        pause = INTERVAL_S
        while True:
            time.sleep(pause)
            began = time.monotonic()
            state = snapshot(self.folders, self.files)
            pause = max(INTERVAL_S, (time.monotonic() - began) / SHARE)
            pause = min(pause, 3 * INTERVAL_S)
            found = changes(self.state, state)
            self.state = state
            if found:
                self.changed(found)

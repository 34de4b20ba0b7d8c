"""Looking for files that have been saved: ``microdot run --reload`` and
``microdot deploy --watch`` do."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterable

#: Files that are looked at; a tree that has more is cut there.
MAX_FILES = 20000


#: What tells one state of a file from another: when it was written, its size,
#: its number.
State = tuple[int, int, int]


def snapshot(paths: Iterable[str],
             skips: Callable[[os.DirEntry[str]], bool],
             matters: Callable[[os.DirEntry[str], tuple[str, ...]], bool],
             ) -> dict[str, State]:
    """Return the state of files, by path. What cannot be read, or is removed
    meanwhile, is left out.

    :param paths: files, which count in any case, and folders, with all below
                  them. Links to folders are not followed.
    :param skips: tells whether a folder is left out.
    :param matters: tells whether a file counts; it gets the names of the
                    folders that it is in, too, below the one of *paths*.
    """
    found: dict[str, State] = {}
    waiting: list[tuple[str, tuple[str, ...]]] = []
    for path in paths:
        if os.path.isdir(path):
            waiting.append((path, ()))
        else:
            add(found, path)
    while waiting and len(found) < MAX_FILES:
        folder, inner = waiting.pop()
        for entry in entries(folder):
            if entry.is_dir(follow_symlinks=False):
                if not skips(entry):
                    waiting.append((entry.path, (*inner, entry.name)))
            elif matters(entry, inner):
                add(found, entry.path)
    return found


def entries(folder: str) -> list[os.DirEntry[str]]:
    """Return what is in a folder."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def add(found: dict[str, State], path: str) -> None:
    """Add the state of a file, if it is there."""
    try:
        status = os.stat(path)
    except OSError:
        return
    found[path] = status.st_mtime_ns, status.st_size, status.st_ino


def changes(before: dict[str, State],
            after: dict[str, State]) -> list[str]:
    """Return the paths that differ between two snapshots."""
    return sorted(path for path in before.keys() | after.keys()
                  if before.get(path) != after.get(path))

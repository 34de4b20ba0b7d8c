"""Stores of sessions as CPython has them: used by several threads, and those
in folders by several processes."""
import contextlib
import json
import os
import threading

from . import stores

try:
    import fcntl
except ImportError:
    fcntl = None  # Windows: processes may overwrite each other's changes


class Store(stores.Store):
    # All access to a store is locked, so that nothing happens between reading
    # a session and writing it.
    __doc__ = stores.Store.__doc__
    _lock: threading.Lock

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        self._lock = threading.Lock()
        return self

    def locked(self):
        return self._lock

    def ask(self, session, function, *args):
        return super().ask(session, self._ask, function, *args)

    def _ask(self, function, *args):
        with self.locked():
            return function(*args)


class MemoryStore(Store, stores.MemoryStore):
    __doc__ = stores.MemoryStore.__doc__


class FolderStore(Store, stores.FolderStore):
    __doc__ = stores.FolderStore.__doc__

    def __init__(self, path):
        path = os.fspath(path)
        with contextlib.suppress(FileExistsError):
            os.makedirs(path, 0o700)
        super().__init__(path)

    @contextlib.contextmanager
    def locked(self):
        with self._lock:
            if not fcntl:
                yield
                return
            with open(self.path + '/lock', 'w', opener=_private) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield

    def write(self, id, texts):
        path = '%s/new-%d' % (self.path, os.getpid())
        try:
            with open(path, 'w', opener=_private) as file:
                json.dump(texts, file)
            os.replace(path, self.file_of(id))
        except OSError:
            with contextlib.suppress(OSError):
                os.remove(path)
            raise


def _private(path, flags):
    return os.open(path, flags | getattr(os, 'O_NOFOLLOW', 0), 0o600)


def __getattr__(name):
    if name == 'RedisStore':
        from ._redis import RedisStore
        return RedisStore
    raise AttributeError(name)


# (here, as any of the two modules may be imported first)
def _install(*classes):
    for cls in classes:
        cls.__module__ = stores.__name__
        setattr(stores, cls.__name__, cls)


_install(Store, MemoryStore, FolderStore)
stores.__getattr__ = __getattr__

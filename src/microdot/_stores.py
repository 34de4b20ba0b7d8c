"""Stores of sessions as CPython has them: used by several threads.

``stores.py`` takes the names of this module at its end.
"""
import threading

from . import stores


class Store(stores.Store):
    # All access to a store is locked, so that nothing happens between reading
    # a session and writing it.
    __doc__ = stores.Store.__doc__
    __module__ = stores.__name__
    lock: threading.Lock

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        self.lock = threading.Lock()
        return self

    def locked(self):
        return self.lock

    def ask(self, session, function, *args):
        return super().ask(session, self._ask, function, *args)

    def _ask(self, function, *args):
        with self.locked():
            return function(*args)


class MemoryStore(Store, stores.MemoryStore):
    __doc__ = stores.MemoryStore.__doc__
    __module__ = stores.__name__


def __getattr__(name):
    if name == 'FolderStore':
        from ._filestore import FolderStore
        return FolderStore
    if name == 'RedisStore':
        from ._redis import RedisStore
        return RedisStore
    raise AttributeError(name)

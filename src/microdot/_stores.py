"""Stores of sessions as CPython has them: used by several threads."""
import threading

from . import stores


class Store(stores.Store):
    # All access to a store is locked, so that nothing happens between reading
    # a session and writing it.
    __doc__ = stores.Store.__doc__
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


def __getattr__(name):
    if name == 'FolderStore':
        from ._filestore import FolderStore
        return FolderStore
    if name == 'RedisStore':
        from ._redis import RedisStore
        return RedisStore
    raise AttributeError(name)


# (here, as any of the two modules may be imported first)
def _install(*classes):
    for cls in classes:
        cls.__module__ = stores.__name__
        setattr(stores, cls.__name__, cls)


_install(Store, MemoryStore)
stores.__getattr__ = __getattr__

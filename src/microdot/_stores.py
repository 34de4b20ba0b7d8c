"""Stores of sessions as CPython has them: used by several threads.

``stores.py`` takes the names of this module at its end.
"""
import threading

from . import filestore

#: What takes the place of what ``stores`` has on boards, or is added.
__all__ = ['MemoryStore', 'Store', 'UNAVAILABLE', '__getattr__']

_MODULE = __package__ + '.stores'   # where programs find the classes
UNAVAILABLE = filestore.UNAVAILABLE


class Store(filestore.Store):
    # All access to a store is locked, so that nothing happens between reading
    # a session and writing it.
    __doc__ = filestore.Store.__doc__
    __module__ = _MODULE
    lock: threading.Lock

    #: Sessions that are kept. Of more, those that end soonest are dropped, a
    #: tenth at once.
    max_sessions = 10000
    #: Characters of a session as JSON: a larger one cannot be saved.
    max_session_size = 16384

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


class MemoryStore(Store):
    """Keeps sessions in memory, until the program ends."""

    __module__ = _MODULE

    def __init__(self):
        sessions = {}
        self.read = sessions.get
        self.write = sessions.__setitem__
        self.remove = lambda id: sessions.pop(id, None)
        self.ids = sessions.keys


def __getattr__(name):
    if name == 'FolderStore':
        from ._filestore import FolderStore
        return FolderStore
    if name == 'RedisStore':
        from ._redis import RedisStore
        return RedisStore
    raise AttributeError(name)

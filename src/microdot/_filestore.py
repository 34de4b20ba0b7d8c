"""A store in a folder as CPython has it: used by several threads and
processes, and closed to other users of the machine."""
import contextlib
import json
import os

from . import filestore
from ._stores import Store

try:
    import fcntl
except ImportError:
    fcntl = None  # Windows: processes may overwrite each other's changes


class FolderStore(Store, filestore.FolderStore):
    __doc__ = filestore.FolderStore.__doc__
    __module__ = Store.__module__

    def __init__(self, path):
        path = os.fspath(path)
        with contextlib.suppress(FileExistsError):
            os.makedirs(path, 0o700)
        super().__init__(path)

    @contextlib.contextmanager
    def locked(self):
        with self.lock:
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

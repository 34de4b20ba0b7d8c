"""A store that keeps sessions in files: ``FolderStore`` of ``stores.py``."""
import json
import os

from .stores import Store


class FolderStore(Store):
    """Keeps sessions in files, one each, of a folder.

    :param path: the folder, which is made unless it is there.
    :raises OSError: it cannot be made.
    """
    def __init__(self, path):
        self.path = path
        try:
            os.mkdir(path)
        except OSError:
            os.listdir(path)  # it must be there already

    def file_of(self, id):
        return '%s/%s.session' % (self.path, id)

    def read(self, id):
        try:
            with open(self.file_of(id)) as file:
                return json.load(file)
        except ValueError:
            return None  # a power cut while it was written
        except OSError as exc:
            if exc.errno not in (2, 44):  # ENOENT; of WebAssembly
                raise
            os.listdir(self.path)  # no folder is not no session

    def write(self, id, texts):
        path = self.path + '/new'
        with open(path, 'w') as file:
            json.dump(texts, file)
        try:
            os.rename(path, self.file_of(id))
        except OSError:
            self.remove(id)  # FAT: rename() does not replace
            os.rename(path, self.file_of(id))

    def remove(self, id):
        try:
            os.remove(self.file_of(id))
        except OSError as exc:
            if exc.errno not in (2, 44):
                raise

    def ids(self):
        return [name[:32] for name in os.listdir(self.path)
                if name[32:] == '.session']

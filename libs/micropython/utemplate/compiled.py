"""Loads templates that were compiled before: nothing is written or compiled
on a board, and a compiled template can be a ``.mpy`` file or frozen."""
import sys

from utemplate import TemplateNotFound, check_name

try:
    from threading import RLock
except ImportError:
    RLock = None  # boards


def module_path(name):
    """Return where the compiled form of a template is, below the folder of
    the templates and without an extension."""
    return name.replace('.', '_')


class Loader:
    """Imports compiled templates.

    :param package: the package that the folder is in, or ``None``.
    :param folder: the folder of the templates; it must be found from
                   ``sys.path``.
    :param autoescape: whether expressions are escaped.
    """
    #: Templates kept in memory. When there are more, all are loaded again.
    max_templates = 256 if sys.implementation.name == 'cpython' else 16

    def __init__(self, package, folder, autoescape=False):
        if package and package != '__main__':
            folder = package.replace('.', '/') + '/' + folder
        self.folder = folder.rstrip('/') or folder[:1] or '.'
        self.autoescape = autoescape
        self.loaded = {}
        # handlers may run in threads, loading works on what all share
        self.lock = RLock() if RLock else None

    def load(self, name):
        """Return a template as a generator function.

        :raises TemplateNotFound: there is none of that name.
        :raises TemplateError: it is not correct.
        """
        entry = self.loaded.get(name)
        if entry is None or self.is_stale(entry):
            check_name(name)
            if self.lock:
                with self.lock:
                    entry = self.find(name)
            else:
                entry = self.find(name)
            if len(self.loaded) >= self.max_templates:
                self.loaded.clear()
            self.loaded[name] = entry
        return entry['render']

    def arguments(self, name):
        """Return the names of the arguments of a template; ``'**'``: any."""
        return (self.loaded.get(name) or self.find(name))['ARGUMENTS']

    def is_stale(self, entry):
        return False

    def find(self, name):
        # Returns the names that the compiled template defines.
        path = self.folder.strip('/') + '/' + module_path(name)
        module = path.lstrip('./').replace('/', '.')
        try:
            __import__(module)
            module = sys.modules[module]
            entry = {'render': module.render,
                     'ARGUMENTS': getattr(module, 'ARGUMENTS', ())}
        except (ImportError, AttributeError):
            raise TemplateNotFound('no compiled template ' + name)
        if getattr(module, 'AUTOESCAPE', False) != self.autoescape:
            raise TemplateNotFound('%s was compiled with autoescape=%s' % (
                name, not self.autoescape))
        module._load = self.load
        return entry

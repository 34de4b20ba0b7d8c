"""Loads templates, and compiles again those that have changed."""
import os

from utemplate import TemplateNotFound, source


class Loader(source.Loader):
    """Like :class:`utemplate.source.Loader`, for templates that change.

    The first time that a template is loaded, its text is compared with what
    was compiled, by a hash and not by time, as the clocks of boards start
    anew. From then on a change is seen by the time and the size of the file.
    Templates that are included by name count as part of those that do so.
    """
    def __init__(self, package, folder, autoescape=False):
        super().__init__(package, folder, autoescape)
        self.states = {}  # of the files, when they were opened

    def state(self, name):
        state = os.stat(self.path(name))
        return state[6], getattr(state, 'st_mtime_ns', state[8])

    def open_source(self, name):
        # Before it is opened: a file that takes its place meanwhile differs.
        try:
            state = self.state(name)
        except (OSError, ValueError):
            state = None  # super() tells why
        opened = super().open_source(name)
        self.states[name] = state
        return opened

    def is_stale(self, entry):
        try:
            for name, state in entry['states']:
                if self.state(name) != state:
                    return True
        except OSError:
            return True
        return False

    def find(self, name):
        entry = super().find(name)
        entry['states'] = [(part, self.states[part])
                           for part, _ in entry['SOURCES']]
        self.states.clear()
        return entry

    def find_compiled(self, name, path):
        entry = super().find_compiled(name, path)
        try:
            for part, digest in entry['SOURCES'] if entry else ():
                text = self.open_source(part)
                try:
                    while text.read():
                        pass
                finally:
                    text.file.close()
                if text.digest() != digest:
                    return None
        except TemplateNotFound:
            return None
        return entry

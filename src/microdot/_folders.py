"""Where folders of templates and files are, on CPython."""
import os
import sys

_PACKAGE = __name__.rpartition('.')[0]


def find_folder(path):
    """Return a folder as it is where it is in the current folder, or else
    that beside the module that asks for it, if there is one."""
    path = os.fspath(path)
    if os.path.isabs(path) or os.path.isdir(path):
        return path
    frame = sys._getframe(1)
    while frame and _is_own(frame.f_globals.get('__name__') or ''):
        frame = frame.f_back
    module = frame and frame.f_globals.get('__file__')
    if module:
        beside = os.path.join(os.path.dirname(os.path.abspath(module)), path)
        if os.path.isdir(beside):
            return beside
    return path


def _is_own(name):
    return name == _PACKAGE or name.startswith(_PACKAGE + '.')

"""Runs on the board before files are copied: functions for each of them.

``sums.py`` comes before it.
"""


def _remove(path):
    """Remove a file or a folder with all that is in it, if it is there."""
    import os
    try:
        if os.stat(path)[0] & 0x4000:
            for name in os.listdir(path):
                _remove(path + '/' + name)
            os.rmdir(path)
        else:
            os.remove(path)
    except OSError:  # not there: that is what was asked for
        pass


def _make(path):
    """Make a folder, if it is not there."""
    import os
    try:
        os.mkdir(path)
    except OSError:  # there already; if not, copying into it will say so
        pass


def _copied(mark, path):
    """Give a copied file its name, and print its hash behind the mark."""
    import os
    part = path + '.part'
    hashed = _sum(part)  # noqa: F821
    try:
        os.rename(part, path)
    except OSError:  # FAT: only to a name that is free
        _remove(path)
        os.rename(part, path)
    print('\n' + mark + hashed)

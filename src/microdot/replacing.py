"""Files that take the place of others: after a power cut it is the old one or
the new one that is there, never a part of one.

``settings`` and ``wifi`` load this when they are to write.
"""
import os


def replace(source, target):
    """Give a file the name of another, if there is one, and its place.

    :raises OSError: that is not possible.
    """
    if hasattr(os, 'replace'):
        os.replace(source, target)
        return
    try:
        os.rename(source, target)
    except OSError:
        # FAT: rename() does not replace. A cut between these two leaves the
        # new file under its other name.
        os.remove(target)
        os.rename(source, target)


def write(path, text):
    """Write a file as ``PATH.new``, and then put it in the place of another.

    :param text: what it is to have, as UTF-8.
    :raises OSError: there is no room. The old file stays.
    """
    new = '%s.new' % path
    try:
        with open(new, 'wb') as file:
            file.write(text.encode())
            file.flush()
            if hasattr(os, 'fsync'):
                os.fsync(file.fileno())
        replace(new, path)
    except OSError:
        try:
            os.stat(path)  # without it the new file is all there is
            os.remove(new)
        except OSError:
            pass  # it was not begun, or has to stay
        raise
    if hasattr(os, 'sync'):
        os.sync()

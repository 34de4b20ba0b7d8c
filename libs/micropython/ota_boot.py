"""Switches a board between two versions of its files when it starts.

``boot.py`` imports this before anything else. It imports nothing of what an
update may change, and an update never changes it. The state is the name of
one file, whose lines are paths, each after ``c`` (changed), ``a`` (added) or
``r`` (removed):

- ``ota.new``: all new files are there, as ``PATH.new``. They take their
  places, the old ones become ``PATH.old``; then it is ``ota.trial``.
- ``ota.trial``: the new version has been started. Once it has served, it
  removes this file. Otherwise the board is reset, and:
- ``ota.undo``: the old files take their places again.

Each step can be done again after a power cut in its middle.
"""
import os

#: Seconds that a new version has to serve a request.
TRIAL = 30
#: Kept here, as an RP2040 stops timers that nobody keeps.
timer = None


def exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def entries(name):
    with open(name) as file:
        return [(line[0], line[2:].strip()) for line in file]


def replace():
    for kind, path in entries('ota.new'):
        old = path + '.old'
        if kind == 'r' or exists(path + '.new'):
            if exists(path) and not exists(old):
                os.rename(path, old)
            if kind != 'r':
                os.rename(path + '.new', path)
    os.rename('ota.new', 'ota.trial')


def undo():
    for kind, path in entries('ota.undo'):
        if kind == 'a':
            if exists(path):
                os.remove(path)
        elif exists(path + '.old'):
            if exists(path):
                os.remove(path)  # FAT: rename() does not replace
            os.rename(path + '.old', path)
    os.remove('ota.undo')


def end_trial(_=None):
    """Reset the board, unless the new version has served."""
    if exists('ota.trial'):
        import machine
        machine.reset()
    elif timer:
        timer.deinit()


def start():
    """Do what is to be done before the program starts.

    :return: whether a new version is to be tried.
    """
    global timer
    if exists('ota.new'):
        replace()
        import machine
        # On a port without timers by number, 0 is the first.
        try:
            timer = machine.Timer(-1)
        except ValueError:
            timer = machine.Timer(0)
        # Again and again, as a call is lost when too many wait.
        timer.init(mode=machine.Timer.PERIODIC, period=TRIAL * 1000,
                   callback=end_trial)
        return True
    if exists('ota.trial'):
        os.rename('ota.trial', 'ota.undo')
    if exists('ota.undo'):
        undo()
    return False


start()

"""Looking on: what the board prints, and what is saved on the computer."""

import importlib
import os
import pathlib
import time

from .._saves import changes, snapshot
from .collect import IGNORED, Failure, is_environment, is_ignored

#: Seconds between two looks at the files, and at a port that is gone.
INTERVAL_S = 0.3
BAUD = 115200


class Changes:
    """Tells when something of an application has been saved.

    :param options: those of the command line.
    """

    def __init__(self, options):
        main = pathlib.Path(options.application)
        # a program imports what is beside it
        self._paths = [str(main if main.is_dir() else main.parent)]
        self._paths += options.add
        self._patterns = IGNORED + tuple(options.exclude)
        self._state = self._now()

    def _now(self):
        # what is not copied does not count
        return snapshot(
            self._paths,
            lambda entry: is_ignored(entry, self._patterns)
            or is_environment(entry),
            lambda entry, folders: not is_ignored(entry, self._patterns))

    def seen(self):
        """Return whether there was something since the last time."""
        before, self._state = self._state, self._now()
        return bool(changes(before, self._state))

    def wait(self):
        """Wait until there is something."""
        while not self.seen():
            time.sleep(INTERVAL_S)


def find_port(line):
    """Return the device of the board that a line leads to.

    :raises Failure: there is none.
    """
    if line.port != 'auto':
        return line.port
    for text in line.run('devs', connect=False).splitlines():
        words = text.split()
        if words and 'None' not in words[1:2]:
            return words[0]
    raise Failure('no board found: is it plugged in, with a cable that '
                  'carries data? --port names the port')


def open_port(device):
    """Return an open serial port, by pyserial, which mpremote brings along.
    """
    try:
        serial = importlib.import_module('serial')
    except ImportError:
        raise Failure('pyserial is missing: pip install pyserial') from None
    return serial.serial_for_url(device, BAUD, timeout=INTERVAL_S,
                                 exclusive=os.name != 'nt' or None)


def monitor(line, show, ended=lambda: False):
    """Show what the board prints, also after it has started again, until
    Ctrl-C.

    :param line: the line to it, which nothing else uses meanwhile.
    :param show: called with each line to show.
    :param ended: asked now and then whether this is to end.
    """
    device = find_port(line)
    show('what %s prints; Ctrl-C ends this view, the application goes on'
         % device)
    gone = False
    rest = b''
    try:
        while not ended():
            try:
                with open_port(device) as port:
                    gone = False
                    while not ended():
                        data = port.read(1) + port.read(port.in_waiting)
                        *lines, rest = (rest + data).split(b'\n')
                        for each in lines:
                            show(each.decode(errors='replace').rstrip('\r'))
                        if not data and rest:
                            # a prompt has no end of line
                            show(rest.decode(errors='replace'))
                            rest = b''
            except OSError as error:
                # (that of pyserial is one)
                if not gone:
                    show('(the board is gone: %s)' % error)
                gone = True
                time.sleep(INTERVAL_S)
    except KeyboardInterrupt:
        show('')

"""What ``logs`` has on CPython: the clock, and lines that go through
``logging``."""
import logging
import sys
import time

from ._terminal import has_colours


def now():
    return time.perf_counter() * 1000


def since(moment, start):
    return moment - start


class StreamHandler(logging.StreamHandler):
    """Writes to stderr, with colours on a terminal unless ``NO_COLOR`` is
    set. What cannot be written, as a pipe is closed, is dropped: the client
    gets its answer all the same."""
    __module__ = 'microdot.logs'
    #: Codes of colours by the first digit of a status.
    colors = {'2': 32, '3': 36, '4': 33, '5': 31}

    def __init__(self):
        super().__init__(sys.stderr)

    def format(self, record):
        text = super().format(record)
        color = self.colors.get(str(getattr(record, 'status', ''))[:1])
        if color and has_colours(self.stream):
            text = '\x1b[%dm%s\x1b[0m' % (color, text)
        encoding = getattr(self.stream, 'encoding', None) or 'ascii'
        return text.encode(encoding, 'backslashreplace').decode(encoding)

    def handleError(self, record):
        pass


logger = logging.getLogger('microdot.access')


def write(line, status):
    """Write a line of an answer with that status."""
    if not logger.hasHandlers():
        logger.addHandler(StreamHandler())
        logger.setLevel(logging.INFO)
    logger.info('%s', line, extra={'status': status})

"""Colours where somebody looks at them, plain text elsewhere."""
from __future__ import annotations

import os
import sys
from typing import TextIO

from .._terminal import has_colours


def printable(text: str) -> str:
    """Return *text* without what a terminal would obey: escape sequences and
    other control characters, as they would be written in Python."""
    return ''.join(
        char if char.isprintable() or char in '\n\t'
        else char.encode('unicode_escape').decode()
        for char in text)


class Terminal:
    """Writes to a stream, in colours where that has them."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.colours = has_colours(stream)

    @property
    def columns(self) -> int | None:
        """How wide the terminal is; ``None`` where there is none, or where it
        does not tell."""
        try:
            return os.get_terminal_size(self.stream.fileno()).columns or None
        except (AttributeError, ValueError, OSError):
            return None

    def paint(self, code: str, text: str) -> str:
        return '\x1b[%sm%s\x1b[0m' % (code, text) if self.colours else text

    def bold(self, text: str) -> str:
        return self.paint('1', text)

    def dim(self, text: str) -> str:
        return self.paint('2', text)

    def red(self, text: str) -> str:
        return self.paint('1;31', text)

    def yellow(self, text: str) -> str:
        return self.paint('33', text)

    def cyan(self, text: str) -> str:
        return self.paint('36', text)

    def print(self, text: str) -> None:
        """Write a line, at once: also in front of what a process that ends
        by a signal would keep to itself.

        What stderr does not take is lost, and the server that says it goes
        on: the reader of a pipe may have gone, a disk may be full, and a
        process that was started without stderr has none.
        """
        try:
            if self.stream:
                self.write(text)
        except (OSError, ValueError):
            if self.stream is not sys.stderr:
                raise

    def write(self, text: str) -> None:
        """Write a line.

        :raises OSError: the stream does not take it.
        :raises ValueError: it has been closed.
        """
        try:
            self.stream.write(text + '\n')
        except UnicodeEncodeError:
            encoding = self.stream.encoding or 'ascii'
            self.stream.write(text.encode(
                encoding, 'backslashreplace').decode(encoding) + '\n')
        self.stream.flush()

    def end(self) -> None:
        """Leave the line in which a terminal has shown ``^C``, so that what
        comes next begins its own."""
        try:
            if self.stream.isatty():
                self.print('')
        except (AttributeError, ValueError):
            pass  # it has been closed

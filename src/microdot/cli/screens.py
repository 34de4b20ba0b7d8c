"""What somebody sees whose program does not start."""
from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from types import TracebackType

from . import CommandError
from .find import ImportFailed
from .terminal import Terminal, printable

#: Lines of source around the one that failed.
AROUND = 2
#: Characters of a line that are shown in any case.
ROOM = 20
#: Frames of a traceback that are shown.
MAX_FRAMES = 8

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def short(path: str) -> str:
    """Return a path as somebody in the current folder would write it."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return path
    return path if relative.startswith('..') else relative


def is_own(path: str) -> bool:
    """Tell whether a file is part of the program, rather than of Python, of
    what is installed, or of this package."""
    path = os.path.abspath(path)
    places = [sysconfig.get_path(name)
              for name in ('stdlib', 'purelib', 'platlib')]
    return not path.startswith(
        tuple(place + os.sep for place in [_HERE, *places] if place)) and \
        not path.startswith('<')


def frames(tb: TracebackType | None) -> list[traceback.FrameSummary]:
    """Return the frames that show where the program failed: its own, or all
    if none is."""
    found = traceback.extract_tb(tb)
    found = traceback.StackSummary.from_list([
        frame for frame in found
        if not frame.filename.startswith('<frozen ')])
    own = [frame for frame in found if is_own(frame.filename)]
    return (own or list(found))[-MAX_FRAMES:]


def source(terminal: Terminal, path: str, line: int, column: int = 0,
           width: int = 1) -> list[str]:
    """Return the lines around one of a file, marked, with a caret below a
    column that counts from 1."""
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    first = max(line - AROUND, 1)
    digits = len(str(line + AROUND))
    room = terminal.columns and max(terminal.columns - digits - 7, ROOM)
    shown = []
    for number in range(first, min(line + AROUND, len(lines)) + 1):
        text = printable(lines[number - 1].expandtabs(4))
        mark = '>' if number == line else ' '
        before = len(printable(lines[number - 1][:column - 1].expandtabs(4))) \
            if number == line and column else 0
        text, left_out = cut(text, room, before)
        row = '  %s %*d | %s' % (mark, digits, number, text)
        shown.append(terminal.bold(row) if number == line
                     else terminal.dim(row))
        if number == line and column:
            carets = '^' * max(width, 1)
            shown.append(' ' * (digits + 7 + before - left_out) +
                         terminal.red(carets[:room and room - before
                                             + left_out]))
    return shown


def cut(text: str, room: int | None, place: int) -> tuple[str, int]:
    """Return what of a line has room in the terminal, where it would be
    broken otherwise, and how much is left out at its begin.

    :param place: where in it is what has to be seen.
    """
    if room is None or len(text) <= room:
        return text, 0
    left_out = max(0, min(place - room // 2, len(text) - room))
    shown = text[left_out:left_out + room]
    if left_out:
        shown = '\u2026' + shown[1:]
    if left_out + room < len(text):
        shown = shown[:-1] + '\u2026'
    return shown, left_out


def syntax_error(terminal: Terminal, exc: SyntaxError) -> list[str]:
    path = exc.filename or '?'
    line = exc.lineno or 1
    width = 1
    end = getattr(exc, 'end_offset', None)
    if end and getattr(exc, 'end_lineno', None) == line and exc.offset:
        width = end - exc.offset
    return [terminal.cyan('%s, line %d' % (short(path), line)),
            *source(terminal, path, line, exc.offset or 0, width)]


def where(terminal: Terminal, exc: BaseException) -> list[str]:
    """Return the lines that say where an exception was raised: the way
    there, and the source at its end."""
    if isinstance(exc, SyntaxError) and exc.filename:
        return syntax_error(terminal, exc)
    found = frames(exc.__traceback__)
    if not found:
        return []
    lines = [terminal.dim('%s, line %d, in %s' % (
        short(frame.filename), frame.lineno or 0, frame.name))
        for frame in found[:-1]]
    last = found[-1]
    name = ', in ' + last.name if last.name != '<module>' else ''
    lines.append(terminal.cyan('%s, line %d%s' % (
        short(last.filename), last.lineno or 0, name)))
    return lines + source(terminal, last.filename, last.lineno or 1)


def message(exc: BaseException) -> str:
    text = ''.join(traceback.format_exception_only(type(exc), exc)).strip()
    if isinstance(exc, SyntaxError):
        text = '%s: %s' % (type(exc).__name__, exc.msg)
    return printable(text)


def advice(exc: BaseException) -> str:
    """Return what may be done about an exception, if that is known."""
    if isinstance(exc, ModuleNotFoundError) and exc.name:
        text = '%s is not installed for this Python: %s' % (
            exc.name.partition('.')[0], sys.executable)
        for folder in ('.venv', 'venv'):
            if os.path.exists(os.path.join(folder, 'pyvenv.cfg')) and \
                    os.path.abspath(folder) != os.path.abspath(sys.prefix):
                text += '\nThe environment in %s is another one.' % folder
                break
        return text
    if isinstance(exc, SystemExit):
        return 'The program ended itself (status %s) while it was imported.' \
            % exc.code
    return ''


def screen(title: str, exc: BaseException, terminal: Terminal) -> str:
    """Return what is shown of an exception: what failed, where, why, and
    what may help."""
    lines = [terminal.red(title), '']
    lines += where(terminal, exc)
    lines.append(terminal.bold(message(exc)))
    cause = exc.__cause__ or (
        None if exc.__suppress_context__ else exc.__context__)
    if cause is not None:
        lines.append(terminal.dim('after ' + message(cause)))
    hint = advice(exc)
    if hint:
        lines += ['', hint]
    return '\n'.join(lines)


def explain(exc: BaseException, app: str, terminal: Terminal) -> str:
    """Return what is shown when an application does not start.

    :param exc: what was raised by finding, importing or starting it.
    :param app: what was typed for APP.
    """
    if isinstance(exc, CommandError):
        return terminal.red('microdot: ') + exc.text
    if isinstance(exc, ImportFailed) and exc.__cause__ is not None:
        return screen('%s cannot be imported' % app, exc.__cause__, terminal)
    if isinstance(exc, SystemExit) and isinstance(exc.code, str):
        return terminal.red(exc.code)
    return screen('%s does not start' % app, exc, terminal)

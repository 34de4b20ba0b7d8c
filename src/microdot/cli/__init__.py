"""The ``microdot`` command.

Each command is a module of its own, imported when it is used: what is not
asked for costs no time. :data:`COMMANDS` is where another module adds its own.
"""
from __future__ import annotations

import importlib
import importlib.util
import os
import sys

#: Name, module, and what it does in a line. The module has a function
#: ``command(words)``, which gets the words after the name and returns the
#: exit status.
COMMANDS: dict[str, tuple[str, str]] = {
    'run': ('.run', 'serve an application'),
    'routes': ('.routes', 'list what an application answers'),
    'new': ('.new', 'begin a project'),
    'client': ('.client', 'send a request without a server'),
    'shell': ('.shell', 'Python, with an application that has been started'),
    'openapi': ('.openapi', 'write the document of an application'),
    'deploy': ('.deploy', 'put an application on a board'),
    'completion': ('.completion', 'complete command lines in a shell'),
}

#: What ``status`` a wrong command line, or a wrong APP, ends with.
USAGE = 2


class CommandError(Exception):
    """What keeps a command from its work, said to who typed it.

    :param text: one line, or more; no traceback is shown.
    :param status: the exit status.
    """
    def __init__(self, text: str, status: int = USAGE) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


def overview() -> str:
    """Return what ``microdot --help`` prints."""
    width = max(map(len, COMMANDS))
    lines = ['usage: microdot COMMAND ...', '', 'commands:']
    for name, (_, summary) in COMMANDS.items():
        lines.append('  %s  %s' % (name.ljust(width), summary))
    lines += ['', 'microdot COMMAND --help says more; microdot --version '
              'the version.']
    return '\n'.join(lines)


def fail(error: CommandError) -> int:
    """Say on stderr what went wrong; return the exit status."""
    from .terminal import Terminal
    terminal = Terminal(sys.stderr)
    first, _, rest = error.text.partition('\n')
    terminal.print(terminal.red('microdot: ') + first)
    if rest:
        terminal.print(rest)
    return error.status


def run_command(name: str, words: list[str]) -> int:
    """Run the command of a name; return the exit status.

    :raises CommandError: there is none, or it says so.
    """
    if name in ('-h', '--help', 'help'):
        print(overview())
        return 0
    if name in ('-V', '--version'):
        from .. import __version__
        print('microdot', __version__)
        return 0
    if name not in COMMANDS:
        from .options import nearest
        raise CommandError('there is no command %r%s' % (
            name, nearest(name, COMMANDS)))
    try:
        os.getcwd()
    except OSError as exc:
        # (no path could be made of a name, nor be shown)
        raise CommandError('the current folder: %s' % exc.strerror,
                           1) from None
    try:
        module = importlib.import_module(COMMANDS[name][0], __package__)
    except ModuleNotFoundError as exc:
        if exc.name != importlib.util.resolve_name(
                COMMANDS[name][0], __package__):
            raise
        raise CommandError('%s was left out of this installation'
                           % exc.name, 1) from None
    status: int = module.command(words)
    return status


def main(words: list[str] | None = None) -> int:
    """Run the command line.

    :param words: what follows the name of the program, those of the process
                  by default.
    :return: the exit status: 0 if all went well, 1 if not, 2 if the command
             line or the application it names is wrong.
    """
    if words is None:
        words = sys.argv[1:]
    try:
        status = run_command(words[0] if words else '--help', words[1:])
        if sys.stdout:
            sys.stdout.flush()
        return status if words else USAGE
    except CommandError as error:
        return fail(error)
    except BrokenPipeError:
        # ``microdot routes | head``: the reader has seen enough. Python would
        # complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 0

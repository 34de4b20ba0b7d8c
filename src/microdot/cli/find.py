"""Finding APP: from what was typed to the application."""
from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ..microdot import Microdot
from . import USAGE, CommandError

#: What is looked for where no APP was given, in this order.
FILES = ('app.py', 'main.py', 'wsgi.py', 'asgi.py')
#: Names of applications, and of functions that make them, likewise.
NAMES = ('app', 'application')
FACTORIES = ('create_app', 'make_app')


class ImportFailed(Exception):
    """APP raised an exception while it was imported, or its factory did: the
    ``__cause__``."""


class WrongApp(CommandError):
    """APP is not an application, or there is none."""

    def __init__(self, text: str) -> None:
        super().__init__(text, USAGE)


def default_app() -> str:
    """Return the file in the current folder that holds the application."""
    for name in FILES:
        if os.path.isfile(name):
            return name
    raise WrongApp(
        'which application? There is no %s or %s here; name it, as in '
        '"microdot run shop.py"' % (', '.join(FILES[:-1]), FILES[-1]))


def split(app: str) -> tuple[str, str]:
    """Split APP into the module, or its file, and the name in it."""
    place, colon, name = app.rpartition(':')
    if not colon or os.sep in name or '/' in name:
        return app, ''  # also C:\\app.py
    if not place or not all(part.isidentifier()
                            for part in name.split('.')):
        raise WrongApp('APP is a file or module, or that and a name, as in '
                       'app.py:app; this is neither: %s' % app)
    return place, name


def module_name(place: str) -> tuple[str, str]:
    """Return the name by which a module is imported, and the folder that
    has to be on Python's path for that."""
    if not place.endswith('.py') and '/' not in place and \
            os.sep not in place:
        if not all(part.isidentifier() for part in place.split('.')):
            raise WrongApp('not the name of a module or file: %s' % place)
        if os.path.isfile(place + '.py') or '.' in place or \
                not os.path.isdir(place):
            return place, os.getcwd()
        if os.path.isfile(os.path.join(place, '__init__.py')):
            return place, os.getcwd()
    folder, name = os.path.split(main_file(place)[:-3])
    while os.path.isfile(os.path.join(folder, '__init__.py')):
        folder, package = os.path.split(folder)
        name = package if name == '__init__' else package + '.' + name
    return name, folder


def main_file(place: str) -> str:
    """Return the path of a file, or of the main one of a folder.

    :raises WrongApp: there is none.
    """
    path = os.path.abspath(place)
    if os.path.isdir(path):
        for name in FILES:
            if os.path.isfile(os.path.join(path, name)):
                return os.path.join(path, name)
        raise WrongApp('the folder %s has none of %s'
                       % (place, ', '.join(FILES)))
    if not path.endswith('.py') and os.path.isfile(path + '.py'):
        path += '.py'
    if not os.path.isfile(path):
        raise WrongApp('there is no file %s%s' % (place, beside(path)))
    return path


def beside(path: str) -> str:
    """Return a hint at the file that may have been meant."""
    from .options import nearest
    folder = os.path.dirname(path)
    try:
        names = [name for name in os.listdir(folder) if name.endswith('.py')]
    except OSError:
        return ''
    return nearest(os.path.basename(path), names)


def say_muted(app: Microdot) -> None:
    from .terminal import Terminal
    terminal = Terminal(sys.stderr)
    terminal.print(terminal.dim(
        'microdot: app.run() in the program does nothing here; the command '
        'serves it'))


@contextlib.contextmanager
def muted_run(quiet: bool = False) -> Iterator[None]:
    """While this lasts, ``app.run()`` only says, once, that it does
    nothing.

    :param quiet: it has been said before.
    """
    said = [True] if quiet else []

    def on_run(app: Microdot) -> None:
        if not said:
            said.append(True)
            say_muted(app)

    Microdot.on_run = on_run
    try:
        yield
    finally:
        Microdot.on_run = None


def import_app(app: str | None, quiet: bool = False) -> Microdot:
    """Import the application that APP names.

    :param app: what was typed, or ``None``.
    :param quiet: whether nothing is to be said of ``app.run()``.
    :raises WrongApp: there is no such module, or in it no application.
    :raises ImportFailed: the module, or the function, raised an exception.
    """
    app = app or default_app()
    place, name = split(app)
    module, folder = module_name(place)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    # What was added to the folder since Python first looked there counts.
    importlib.invalidate_caches()
    with muted_run(quiet):
        try:
            imported = importlib.import_module(module)
        except ModuleNotFoundError as exc:
            if exc.name and (module + '.').startswith(exc.name + '.'):
                raise WrongApp('there is no module %s in %s%s' % (
                    exc.name, folder, beside(os.path.join(
                        folder, module + '.py')))) from None
            raise ImportFailed from exc
        except (Exception, SystemExit) as exc:
            raise ImportFailed from exc
        found = named(imported, name, app) if name else \
            only(imported, app)
        if not isinstance(found, Microdot) and callable(found):
            try:
                found = found()
            except (Exception, SystemExit) as exc:
                if isinstance(exc, TypeError) and exc.__traceback__ and \
                        exc.__traceback__.tb_next is None:
                    # it was not even entered
                    raise WrongApp(
                        '%s is called without arguments: %s'
                        % (app, exc)) from None
                raise ImportFailed from exc
            if not isinstance(found, Microdot):
                raise WrongApp('%s returned %s instead of an application'
                               % (app, describe(found)))
    if not isinstance(found, Microdot):
        raise WrongApp('%s is %s instead of an application'
                       % (app, describe(found)))
    return found


def named(module: ModuleType, name: str, app: str) -> Any:
    """Return what a module has under a name, also a dotted one."""
    found: Any = module
    for part in name.split('.'):
        try:
            found = getattr(found, part)
        except AttributeError:
            from .options import nearest
            there = applications(module)
            hint = nearest(part, there or dir(found))
            if not hint and there:
                hint = '; there is ' + ', '.join(there)
            raise WrongApp('%s has no %s%s' % (
                file_of(module), name, hint)) from None
    return found


def only(module: ModuleType, app: str) -> Any:
    """Return the application of a module, or what makes it."""
    for name in NAMES:
        if isinstance(getattr(module, name, None), Microdot):
            return getattr(module, name)
    names = applications(module)
    different = {id(getattr(module, name)) for name in names}
    if len(different) > 1:
        raise WrongApp('%s has several applications; name one: %s' % (
            file_of(module), ', '.join('%s:%s' % (app, name)
                                       for name in names)))
    if names:
        return getattr(module, names[0])
    for name in FACTORIES:
        if callable(getattr(module, name, None)):
            return getattr(module, name)
    others = ['%s is %s' % (name, describe(getattr(module, name)))
              for name in NAMES if hasattr(module, name)]
    raise WrongApp('%s has no application%s' % (
        file_of(module), ': ' + ', '.join(others) if others else
        '; one is made by app = Microdot()'))


def applications(module: ModuleType) -> list[str]:
    return [name for name, value in vars(module).items()
            if isinstance(value, Microdot)]


def file_of(module: ModuleType) -> str:
    path = getattr(module, '__file__', None)
    return os.path.relpath(path) if path and \
        not os.path.relpath(path).startswith('..') else \
        path or module.__name__


def describe(value: Any) -> str:
    """Return what a value is, in words."""
    kind = type(value)
    name = kind.__name__ if kind.__module__ == 'builtins' else \
        '%s.%s' % (kind.__module__, kind.__name__)
    if value is None or isinstance(value, (int, float, str, bytes)):
        text = repr(value)
        return '%s (%s)' % (text if len(text) < 60 else text[:57] + '...',
                            name)
    return 'a ' + name

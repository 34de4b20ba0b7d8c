"""Tell what each module costs a board, in each form it can have there.

``python3 tools/boards/budgets.py`` prints a table: bytes of ``.mpy``, and
bytes of heap that stay in use after an import from ``.mpy``, from ``.py`` and
from a ROMFS that is mapped into memory, as the flash of a board is. Extensions
are imported after the core, the core after asyncio. Measured on the 32-bit
MicroPython that ``tools/interpreters.py`` has fetched, which is given the
names that only boards have.

``--serving`` looks for the smallest heaps in which a small application
answers 200 requests, and in which the core can be imported. ``--write``
writes both into ``docs/boards/budgets.inc``, which is part of the
documentation. ``tools/boards/size.py`` compares the core with that of Microdot
2.7.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

import size
from size import Failure

TOP = pathlib.Path(__file__).resolve().parents[2]
TABLE = TOP / 'docs' / 'boards' / 'budgets.inc'
FORMS = ('mpy', 'romfs', 'py')
#: .mpy bytes of Microdot 2.7.0's modules, compiled in the same way: at -O3,
#: for the same format. Its core is counted with its ``__init__``, too.
RIVAL = {
    'microdot': 11621, 'auth': 1205, 'cors': 1201, 'csrf': 846,
    'helpers': 113, 'login': 1364, 'multipart': 2164, 'session': 1235,
    'sse': 1097, 'test_client': 3604, 'utemplate': 626, 'websocket': 2402,
}
#: Names that the firmware of boards has and MicroPython's Unix port has not:
#: of the modules network, machine and socket, which boards need no heap for.
FIRMWARE = """\
WLAN AP_IF STA_IF active authmode channel config connect disconnect hostname
ifconfig isconnected key password scan security ssid status
RTC datetime reset IPPROTO_TCP TCP_NODELAY lwip network machine
"""
#: Mounts an image without any cost to the heap. By the Unix port's ffi.
MOUNT = """\
import ffi, sys, uctypes, vfs
libc = ffi.open(None)
fd = libc.func('i', 'open', 'si')({path!r}, 0)
address = libc.func('p', 'mmap', 'pLiiil')(None, {size}, 1, 1, fd, 0)
vfs.mount(vfs.VfsRom(memoryview(uctypes.bytearray_at(address, {size}))),
          '/rom')
sys.path[:] = ['/rom', '.frozen']
"""


def lay_out(folder):
    """Make a folder for each form; return the sizes of the ``.mpy`` files.

    :raises Failure: a module does not compile.
    """
    sizes = {}
    for name in ['microdot', '__init__', *size.board_modules()]:
        source = size.PACKAGE / (name + '.py')
        sizes[name] = size.compile_module(
            source, folder / 'mpy' / 'microdot' / (name + '.mpy'), 3)
    for source in size.LIBRARIES.rglob('*.py'):
        target = folder / 'mpy' / source.relative_to(size.LIBRARIES)
        size.compile_module(source, target.with_suffix('.mpy'), 3)
    shutil.copytree(size.LIBRARIES, folder / 'py')
    # (CPython's own modules are on no board)
    shutil.copytree(size.PACKAGE, folder / 'py' / 'microdot',
                    ignore=lambda _, names: [
                        name for name in names if not name.endswith('.py')
                        or name[0] == '_' and name != '__init__.py'])
    for form, suffix in (('mpy', '.mpy'), ('py', '.py')):
        hello = folder / form / 'hello.py'
        hello.write_text(size.HELLO)
        if form == 'mpy':
            size.compile_module(hello, hello.with_suffix('.mpy'), 3)
            hello.unlink()
    return sizes


def mount_image(folder):
    """Build a ROMFS image of what is compiled; return code that mounts it.

    :raises Failure: mpremote does not do it.
    """
    image = folder / 'image.romfs'
    result = subprocess.run(
        [sys.executable, '-m', 'mpremote', 'romfs', '--no-mpy', '--output',
         str(image), 'build', str(folder / 'mpy')],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    if result.returncode or not image.exists():
        raise Failure('mpremote: ' + result.stdout.strip())
    return MOUNT.format(path=str(image), size=image.stat().st_size)


def measure(machine, folder):
    """Return the figures: a dict by module of dicts by form, in bytes; the
    key ``file`` is the size of the ``.mpy``."""
    sizes = lay_out(folder)
    before = {'mpy': '', 'py': '', 'romfs': mount_image(folder)}
    figures = {}
    for name in sizes:
        if name == '__init__':
            continue
        each = figures[name] = {'file': sizes[name]}
        for form in FORMS:
            path = folder / form if form != 'romfs' else '/rom'
            # (the package itself is counted with the core)
            setup = '%s\n%s = None\nimport asyncio' % (
                before[form], ' = '.join(FIRMWARE.split()))
            if name != 'microdot':
                setup += '\nimport microdot.microdot'
            each[form] = size.imported(machine, path, 'microdot.' + name,
                                       setup)
    figures['microdot']['file'] += sizes['__init__']
    return figures


def smallest_import(machine, path, before=''):
    """Return the smallest heap, in bytes, in which the core is imported."""
    low, high = 15, 512
    while high - low > 1:
        middle = (low + high) // 2
        result = subprocess.run(
            machine.command + ['-X', 'heapsize=%dk' % middle, '-c',
                               before + '\nimport microdot'],
            env=size.environment(path), stdin=subprocess.DEVNULL,
            capture_output=True, timeout=60)
        low, high = (low, middle) if result.returncode == 0 else (middle,
                                                                   high)
    return high * 1024


def measure_serving(machine, folder):
    """Return the smallest heaps, by form: ``(import, serve)``, in bytes."""
    found = {}
    for form in FORMS:
        before = mount_image(folder) if form == 'romfs' else ''
        path = folder / form if form != 'romfs' else '/rom'
        found[form] = (
            smallest_import(machine, path, before),
            size.smallest_serving_heap(machine, path, before))
    return found


def columns(figures):
    """Yield the rows of the table, as text."""
    yield ('module', '.mpy', 'of 2.7', 'heap, .mpy', 'heap, ROMFS',
           'heap, .py')
    names = ['microdot'] + sorted(set(figures) - {'microdot'})
    for name in names:
        each = figures[name]
        yield (name if name != 'microdot' else 'core',
               '{:,}'.format(each['file']),
               '{:,}'.format(RIVAL[name]) if name in RIVAL else '',
               *('{:,}'.format(each[form]) for form in FORMS))


def as_rst(figures, serving):
    """Return the tables for the documentation."""
    lines = ['.. Written by tools/boards/budgets.py --write', '',
             '.. list-table::', '   :header-rows: 1', '']
    for row in columns(figures):
        for number, cell in enumerate(row):
            if row[0] not in ('module', 'core') and number == 0:
                cell = '``%s``' % cell
            lines.append(('   %s %s' % ('-' if number else '* -', cell))
                         .replace('   - ', '     - ').rstrip())
    lines += ['', '.. list-table::', '   :header-rows: 1', '',
              '   * - smallest heap, KiB', '     - .mpy', '     - ROMFS',
              '     - .py']
    for number, label in enumerate(('to import the core',
                                    'to serve the hello example')):
        lines.append('   * - ' + label)
        for form in FORMS:
            lines.append('     - %d' % (serving[form][number] // 1024))
    return '\n'.join(lines) + '\n'


def print_table(figures):
    """Print the table."""
    for row in columns(figures):
        print('%-12s %8s %8s %12s %12s %12s' % row)


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description='Tell what each module costs a board.')
    parser.add_argument('--serving', action='store_true',
                        help='look for the smallest heaps too')
    parser.add_argument('--write', action='store_true',
                        help='write the tables of the documentation')
    options = parser.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            machine = size.board_like()
            figures = measure(machine, folder)
            print_table(figures)
            if options.serving or options.write:
                serving = measure_serving(machine, folder)
                for form in FORMS:
                    print('%-6s imports in %d KiB, serves in %d KiB' % (
                        form, *(each // 1024 for each in serving[form])))
            if options.write:
                TABLE.write_text(as_rst(figures, serving))
    except Failure as error:
        print('error: %s' % error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())

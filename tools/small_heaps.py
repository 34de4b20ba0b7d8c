"""Run the portable tests in heaps of the size of a board's.

``python3 tools/small_heaps.py`` runs every test file on the 32-bit
MicroPython that ``tools/interpreters.py`` has fetched, with a heap of 200 KB,
which is a Pico W's, and of 100 KB, that of an ESP32 without PSRAM. The
framework is imported from ``.mpy`` files, as on a board. The tests and what
runs them are not what is measured: they come from a ROMFS mapped into memory,
and take of the heap what they need to run.

A test that fails is run once more, in a process of its own, as those before
it may have left the heap in pieces. It prints a line for each file: how many
passed, for how many there was no room, and how many failed in another way;
and a line for each of these. Tests have clients and data in the same heap, up
to 64 KB in one piece, so that for some of them there is none.

Name heaps in KB, such as ``100``, to run only these; name files, such as
``test_wire``, to run only those. The exit status is 0 if none failed other
than for want of room.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / 'tests'), str(TOP / 'tools')]

import budgets  # noqa: E402
import portable_plugin as plugin  # noqa: E402
import size  # noqa: E402

CLASSES = (200, 100)
#: Seconds for all tests of a file.
PATIENCE_S = 120
#: What is executed. Without the threshold MicroPython collects only when its
#: heap is full, and then it is in pieces; see docs/memory.rst.
RUN = budgets.MOUNT.replace(
    "sys.path[:] = ['/rom', '.frozen']", "sys.path.insert(1, '/rom')") + """
import gc
gc.collect()
gc.threshold(4096)
import run_portable
run_portable.main()
"""


def lay_out(folder, names=()):
    """Compile all of it, or of the test files those that are named; return
    the code that runs a file of tests."""
    plugin._compile_tree('src', '**/*.py', folder, '-O3')
    plugin._compile_tree('libs/micropython', '**/*.py', folder, '-O3')
    plugin._compile_tree('tests', 'run_portable.py', folder, '-O3')
    for pattern in ['[!t]*.py'] + [name + '.py' for name in names
                                   or ['test_*']]:
        plugin._compile_tree('tests/portable', pattern, folder, '-O3')
    heap = folder / 'heap'
    shutil.copytree(folder / 'src', heap)
    shutil.copytree(folder / 'libs' / 'micropython', heap,
                    dirs_exist_ok=True)
    (heap / 'unittest.mpy').unlink()
    rom = folder / 'rom'
    rom.mkdir()
    for path in [*(folder / 'tests').rglob('*.mpy'),
                 folder / 'libs' / 'micropython' / 'unittest.mpy']:
        shutil.copy(path, rom)
    image = folder / 'image.romfs'
    subprocess.run(
        [sys.executable, '-m', 'mpremote', 'romfs', '--no-mpy', '--output',
         str(image), 'build', str(rom)], check=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return RUN.format(path=str(image), size=image.stat().st_size)


def run_file(machine, folder, code, path, heap_kb):
    """Run the tests of a file; return a dict of the plugin's results."""
    tests = [name + '.' + test for name, each in plugin.ParsedFile(
        path.read_text()).classes.items() for test in each]
    results = run_tests(machine, folder, code, path, heap_kb, tests)
    for test in tests:
        if results[test].outcome == 'failed':
            results.update(run_tests(machine, folder, code, path, heap_kb,
                                     [test]))
            if imports_not(results[test]):
                break  # neither can the others
    return results


def imports_not(result):
    # the error was raised by the statements of the file itself
    return ', in <module>' in result.text and ', in test' not in result.text


def has_no_room(result):
    """Tell whether a test failed for want of memory."""
    # (what did not run has another to refer to, which counts by itself)
    return 'MemoryError' in result.text + result.output or \
        'could not be imported' in result.text or \
        result.text.startswith('did not run')


def run_tests(machine, folder, code, path, heap_kb, tests):
    """Run some tests of a file in one process; return their results."""
    mark = '@@' + os.urandom(8).hex()
    env = dict(os.environ, MICROPYPATH='%s:.frozen' % (folder / 'heap'))
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            machine.command + ['-X', 'heapsize=%d' % (heap_kb * 1000), '-c',
                               code, mark, path.stem, *tests],
            cwd=TOP, env=env, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT)
        try:
            status = process.wait(PATIENCE_S)
            ending = 'ended with exit status %d' % status if status else ''
        except subprocess.TimeoutExpired:
            ending = 'was killed after %d s' % PATIENCE_S
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        output.seek(0)
        text = output.read().decode(errors='replace')
    return plugin.parse_output(text, mark, ending, tests)


def report(name, heap_kb, results):
    """Print how the tests of a file went; return how many failed."""
    bad = [test for test in results if results[test].outcome == 'failed']
    failed = [test for test in bad if not has_no_room(results[test])]
    print('%3d KB  %-28s %4d passed, %2d without room, %d failed' % (
        heap_kb, name, len([each for each in results.values()
                            if each.outcome == 'passed']),
        len(bad) - len(failed), len(failed)), flush=True)
    for test in bad:
        lines = results[test].text.strip().splitlines() or ['?']
        if 'could not be imported' not in lines[-1] and \
                not lines[-1].startswith('did not run'):
            print('          %s: %s' % (test, lines[-1][:90]))
    return len(failed)


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description='Run the portable tests in heaps of boards.')
    parser.add_argument('words', nargs='*', metavar='HEAP|FILE',
                        help='a heap in KB, or the name of a test file')
    options = parser.parse_args(argv)
    totals = {}
    heaps = [int(word) for word in options.words if word.isdigit()]
    names = [word for word in options.words if not word.isdigit()]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        machine = size.board_like()
        code = lay_out(folder, names)
        for heap_kb in heaps or CLASSES:
            for path in sorted(plugin.PORTABLE.glob('test_*.py')):
                if path.exists() and (not names or path.stem in names):
                    results = run_file(machine, folder, code, path, heap_kb)
                    failed += report(path.stem, heap_kb, results)
                    passed, count = totals.get(heap_kb, (0, 0))
                    totals[heap_kb] = passed + len([
                        each for each in results.values()
                        if each.outcome != 'failed']), count + len(results)
    for heap_kb, (passed, count) in totals.items():
        print('%3d KB  %d of %d tests passed or skipped' % (heap_kb, passed,
                                                            count))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())

"""Run the portable tests in heaps of the size of a board's.

``python3 tools/boards/small_heaps.py`` runs every test file on the 32-bit
MicroPython that ``tools/interpreters.py`` has fetched, with a heap of 200 KB,
which is a Pico W's, and of 100 KB, that of an ESP32 without PSRAM. The
framework is imported from ``.mpy`` files, as on a board. The tests and what
runs them, which includes the test client, are not what is measured: they come
from a ROMFS mapped into memory, one class of tests at a time with what it
uses of its file, each in a process of its own. What they need to run they
take of the heap.

A test that fails is run once more by itself, as those before it may have left
the heap in pieces. It prints a line for each file: how many passed, how many
of these only by themselves, how many were skipped, for how many there was no
room, and how many failed in another way; and a line for each of the last two.

Name heaps in KB, such as ``100``, to run only these; name files, such as
``test_wire``, to run only those. The exit status is 0 if all passed or were
skipped.
"""

import argparse
import ast
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / 'tests' / 'support'), str(TOP / 'tools')]

import budgets  # noqa: E402
import portable_plugin as plugin  # noqa: E402
import size  # noqa: E402

CLASSES = (200, 100)
#: Seconds for all tests of a class.
PATIENCE_S = 120
#: What is executed. Without the threshold MicroPython collects only when its
#: heap is full, and then it is in pieces; see docs/boards/memory.rst.
RUN = budgets.MOUNT.replace(
    "sys.path[:] = ['/rom', '.frozen']", "sys.path.insert(1, '/rom')") + """
import gc
gc.collect()
gc.threshold(4096)
{client}import run_portable
run_portable.main()
"""
#: Executed before that if the tests use the test client. A module that has
#: been imported is not looked for elsewhere.
CLIENT = """\
import microdot
path = microdot.__path__
microdot.__path__ = '/rom/client'
import microdot.test_client
microdot.__path__ = path
"""


class Machine:
    """Runs tests of portable files in heaps of any size.

    :param folder: an empty one, for what is compiled.
    """

    def __init__(self, folder):
        self.folder = folder
        self.interpreter = size.board_like()
        for base, pattern in (('src', '**/*.py'),
                              ('libs/micropython', '**/*.py'),
                              ('tests/support', 'run_portable.py')):
            plugin._compile_tree(base, pattern, folder, '-O3')
        self.heap = folder / 'heap'
        shutil.copytree(folder / 'src', self.heap)
        shutil.copytree(folder / 'libs' / 'micropython', self.heap,
                        dirs_exist_ok=True)
        (self.heap / 'unittest.mpy').unlink()
        (self.heap / 'microdot' / 'test_client.mpy').unlink()
        self.runner = [folder / 'tests' / 'support' / 'run_portable.mpy',
                       folder / 'libs' / 'micropython' / 'unittest.mpy']

    def mount(self, path, tests):
        """Make an image of what these tests of a file need; return the code
        that runs them."""
        rom = self.folder / 'rom'
        shutil.rmtree(rom, ignore_errors=True)
        rom.mkdir()
        for file in self.runner:
            shutil.copy(file, rom)
        (rom / 'client').mkdir()
        shutil.copy(self.folder / 'src' / 'microdot' / 'test_client.mpy',
                    rom / 'client')
        client = ''
        for name, text in parts_of(path, tests).items():
            if 'microdot.test_client' in text:
                client = CLIENT
            source = self.folder / (name + '.py')
            source.write_text(text)
            # (with its line numbers: they are in the code, not in the heap)
            size.compile_module(source, rom / (name + '.mpy'), 0)
        image = self.folder / 'image.romfs'
        subprocess.run(
            [sys.executable, '-m', 'mpremote', 'romfs', '--no-mpy',
             '--output', str(image), 'build', str(rom)], check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return RUN.format(path=str(image), size=image.stat().st_size,
                          client=client)

    def run_file(self, path, heaps_kb):
        """Run the tests of a file; return a dict, by heap, of dicts of the
        plugin's results, and the set of ``(heap, test)`` that passed only by
        themselves."""
        results = {heap_kb: {} for heap_kb in heaps_kb}
        alone = set()
        for name, each in plugin.ParsedFile(path.read_text()).classes.items():
            tests = [name + '.' + test for test in each]
            code = self.mount(path, tests) if tests else ''
            for heap_kb in heaps_kb if tests else ():
                results[heap_kb].update(
                    self.run_tests(code, path, heap_kb, tests))
        for heap_kb in heaps_kb:
            for test, result in results[heap_kb].items():
                if result.outcome == 'failed':
                    again = self.run_tests(self.mount(path, [test]), path,
                                           heap_kb, [test])
                    results[heap_kb].update(again)
                    if again[test].outcome == 'passed':
                        alone.add((heap_kb, test))
        return results, alone

    def run_tests(self, code, path, heap_kb, tests):
        """Run some tests of a file in one process; return their results."""
        mark = '@@' + os.urandom(8).hex()
        env = dict(os.environ, MICROPYPATH='%s:.frozen' % self.heap)
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                self.interpreter.command + [
                    '-X', 'heapsize=%d' % (heap_kb * 1000), '-c', code, mark,
                    path.stem, *tests],
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


# ------------------------------------------------------------ parts of files

def parts_of(path, tests):
    """Return what some tests need of a file, and of what it imports of the
    same folder: a dict from the names of modules to their texts."""
    # What is wanted of each: names, or None for all.
    wanted = {path.stem: {test.split('.')[0] for test in tests}}
    chosen = {test.split('.')[1] for test in tests}
    parts = {}
    while True:
        missing = [name for name in wanted if name not in parts]
        if not missing:
            return parts
        for name in missing:
            source = (path.parent / (name + '.py')).read_text()
            parts[name], imports = part_of(source, wanted[name], chosen)
            for other, names in imports.items():
                if not (path.parent / (other + '.py')).exists():
                    continue
                if other in wanted and names and wanted[other]:
                    names = names | wanted[other]
                else:
                    names = names if other not in wanted else None
                if other not in wanted or names != wanted[other]:
                    wanted[other] = names
                    parts.pop(other, None)


def part_of(source, names, chosen=()):
    """Return what is needed of a module for some names, each line in its
    place; and what that imports: a dict of sets of names, or ``None`` for
    all.

    :param names: what is wanted, or ``None`` for all.
    :param chosen: methods ``test...`` that are wanted.
    """
    tree = ast.parse(source)
    removed = []
    empty = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            others = [each for each in node.body
                      if isinstance(each, ast.FunctionDef)
                      and each.name.startswith('test')
                      and each.name not in chosen]
            removed += others
            node.body = [each for each in node.body if each not in others]
            if not node.body:
                # (nothing of it is used but its name, if that)
                empty[node.name] = others[0].lineno
    # What always runs, such as an import, and what that and the names need.
    kept = [node for node in tree.body
            if names is None or defines(node) is None]
    used = set(names or ()).union(*map(mentions, kept))
    rest = [node for node in tree.body if node not in kept]
    found = True
    while found:
        found = [node for node in rest if defines(node) & used]
        rest = [node for node in rest if node not in found]
        used.update(*map(mentions, found))
    lines = source.split('\n')
    imports = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            imports.update({each.name: None for each in node.names})
        elif isinstance(node, ast.ImportFrom):
            aliases = [each for each in node.names
                       if (each.asname or each.name) in used]
            imports[node.module] = {each.name for each in aliases}
            blank(lines, node)
            if aliases:
                node.names = aliases
                lines[node.lineno - 1] = ast.unparse(node)
            else:
                del imports[node.module]
    for node in set(tree.body).difference(rest):
        for each in ast.walk(node):
            # in a function, or under try
            if isinstance(each, ast.ImportFrom) and \
                    imports.get(each.module, '') is not None and \
                    each is not node:
                imports.setdefault(each.module, set()).update(
                    alias.name for alias in each.names)
    for node in rest + removed:
        blank(lines, node)
    for name, number in empty.items():
        if name in used:
            lines[number - 1] = '    pass'
    return '\n'.join(lines), imports


def blank(lines, node):
    """Empty the lines of a statement."""
    first = (getattr(node, 'decorator_list', None) or [node])[0].lineno
    lines[first - 1:node.end_lineno] = [''] * (node.end_lineno - first + 1)


def defines(node):
    """Return the names that a statement gives a meaning, or ``None`` if it
    does anything besides."""
    if isinstance(node, (ast.ClassDef, ast.FunctionDef,
                         ast.AsyncFunctionDef)):
        return {node.name}
    if isinstance(node, ast.Assign):
        targets = [each for target in node.targets
                   for each in getattr(target, 'elts', [target])]
        if all(isinstance(each, ast.Name) for each in targets):
            return {each.id for each in targets}
    return None


def mentions(node):
    """Return all names in a statement."""
    names = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            names.add(each.id)
        elif isinstance(each, ast.Global):
            names.update(each.names)
    return names


def has_no_room(result):
    """Tell whether a test failed for want of memory."""
    # (what did not run has another to refer to, which counts by itself)
    return 'MemoryError' in result.text + result.output


def report(name, heap_kb, results, alone=()):
    """Print how the tests of a file went; return how many failed."""
    outcomes = [each.outcome for each in results.values()]
    bad = [test for test in results if results[test].outcome == 'failed']
    failed = [test for test in bad if not has_no_room(results[test])]
    print('%3d KB  %-28s %3d passed%s, %d skipped, %d without room, %d failed'
          % (heap_kb, name, outcomes.count('passed'),
             ' (%d alone)' % len(alone) if alone else '',
             outcomes.count('skipped'), len(bad) - len(failed), len(failed)),
          flush=True)
    for test in bad:
        lines = results[test].text.strip().splitlines() or ['?']
        print('          %s: %s' % (test, lines[-1][:90]))
    return len(bad)


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description='Run the portable tests in heaps of boards.')
    parser.add_argument('words', nargs='*', metavar='HEAP|FILE',
                        help='a heap in KB, or the name of a test file')
    options = parser.parse_args(argv)
    heaps = [int(word) for word in options.words if word.isdigit()] or CLASSES
    names = [word for word in options.words if not word.isdigit()]
    totals = {heap_kb: [] for heap_kb in heaps}
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(pathlib.Path(folder))
        for path in sorted(plugin.PORTABLE.glob('test_*.py')):
            if not names or path.stem in names:
                results, alone = machine.run_file(path, heaps)
                for heap_kb in heaps:
                    failed += report(
                        path.stem, heap_kb, results[heap_kb],
                        [test for kb, test in alone if kb == heap_kb])
                    totals[heap_kb] += results[heap_kb].values()
    for heap_kb, results in totals.items():
        outcomes = [each.outcome for each in results]
        print('%3d KB  of %d tests %d passed, %d were skipped, %d failed' % (
            heap_kb, len(outcomes), *map(outcomes.count, (
                'passed', 'skipped', 'failed'))))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())

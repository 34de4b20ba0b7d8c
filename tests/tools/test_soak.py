"""The soak of tools/hostile/soak.py, for some seconds."""

import io

import pytest

import servers
import soak


@pytest.mark.parametrize('interpreter', [servers.running()] +
                         servers.boards(), ids=lambda each: each.name)
def test_nothing_is_left_of_mixed_and_failing_connections(interpreter):
    output = io.StringIO()
    left = soak.soak(interpreter, 700, out=output)
    assert not left, output.getvalue()

"""docs/project/design.rst names files and functions that there are."""

import pathlib
import re

import pytest

from microdot import microdot as core

TOP = pathlib.Path(__file__).resolve().parents[2]
TEXT = (TOP / 'docs' / 'project' / 'design.rst').read_text()
LIMITS = re.findall(r'``((?:max|drain)_\w+)``', TEXT)
PATHS = sorted(set(re.findall(
    r'``((?:src|tests|tools|docs|libs|examples)(?:/[\w.]+)*)``', TEXT)))
CALLS = sorted(set(re.findall(r'``([A-Za-z_][\w.]*)\(\)``', TEXT)))
#: Who has a limit.
OWNERS = (core.Request, core.Microdot, core.URLPattern)


@pytest.mark.parametrize('path', PATHS)
def test_a_file_is_there(path):
    if 'NAME' not in path:
        assert (TOP / path).exists()


@pytest.mark.parametrize('call', CALLS)
def test_a_function_is_there(call):
    if call == 'install':
        from microdot import _cpython
        assert callable(_cpython.install)
        return
    found = core
    for name in call.replace('request.', 'Request.').split('.'):
        found = getattr(found, name)
    assert callable(found)


@pytest.mark.parametrize('name', sorted(set(LIMITS)))
def test_a_limit_is_there(name):
    assert any(hasattr(owner, name) for owner in OWNERS)


def test_everything_is_looked_at():
    assert len(PATHS) > 20 and len(CALLS) > 20 and len(LIMITS) > 8

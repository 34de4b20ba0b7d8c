"""The page on types shows what mypy and pyright print."""

import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
GUIDE = TOP / 'docs' / 'guide'


def shown(checker):
    """Return what the page shows of a type checker: parts without a gap."""
    block = re.search(r'^   \$ %s wrong_types.py\n((?:   .*\n)+)' % checker,
                      (GUIDE / 'types.rst').read_text(), re.MULTILINE)
    return textwrap.dedent(block[1]).split('...\n')


@pytest.mark.parametrize('checker', ['mypy', 'pyright'])
def test_page_shows_what_type_checkers_print(checker, tmp_path):
    pytest.importorskip(checker)
    path = shutil.copy(GUIDE / 'wrong_types.py', tmp_path)
    (tmp_path / 'pyrightconfig.json').write_text(
        '{"extraPaths": ["%s"]}' % (TOP / 'src'))
    words = {'mypy': ['--python-executable', sys.executable],
             'pyright': ['-p', tmp_path, '--pythonpath', sys.executable]}
    result = subprocess.run(
        [sys.executable, '-m', checker, *words[checker],
         *([path] if checker == 'mypy' else [])],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
        env={'MYPYPATH': str(TOP / 'src'), 'PATH': '/usr/bin:/bin'})
    printed = result.stdout.replace(str(tmp_path) + '/', '').replace(
        '\N{NO-BREAK SPACE}', ' ')
    place = 0
    for part in shown(checker):
        place = printed.find(part, place)
        assert place >= 0, (part, printed, result.stderr)
        place += len(part)
    assert result.returncode == 1

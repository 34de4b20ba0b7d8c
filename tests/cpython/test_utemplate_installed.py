"""uTemplate works where the package is installed, with nothing to copy."""

import pathlib
import shutil
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from microdot.utemplate import Template
from utemplate.source import Loader
print(Template('page.html').render('Ada'))
Template.initialize('templates', Loader, autoescape=True)
print(Template('page.html').render('<Ada>'))
print(sys.modules['utemplate'].__file__)
"""


@pytest.fixture
def site(tmp_path):
    """A folder with what ``pyproject.toml`` has installed."""
    site = tmp_path / 'site'
    shutil.copytree(TOP / 'src' / 'microdot', site / 'microdot',
                    ignore=shutil.ignore_patterns('__pycache__'))
    shutil.copytree(TOP / 'libs' / 'micropython',
                    site / 'microdot' / '_boards',
                    ignore=shutil.ignore_patterns('__pycache__'))
    (tmp_path / 'templates').mkdir()
    (tmp_path / 'templates' / 'page.html').write_text(
        '{% args name %}\nHello, {{ name }}!')
    return site


def render(site):
    # (-S: not the one of the environment that runs the tests)
    done = subprocess.run(
        [sys.executable, '-S', '-c', PROGRAM], cwd=site.parent,
        env={'PYTHONPATH': str(site)}, capture_output=True, text=True,
        timeout=60)
    assert done.stderr == ''
    return done.stdout.split('\n')


def test_the_compiler_is_installed_with_it(site):
    lines = render(site)
    assert lines[:2] == ['Hello, Ada!', 'Hello, &lt;Ada&gt;!']
    assert pathlib.Path(lines[2]).parent == \
        site / 'microdot' / '_boards' / 'utemplate'


def test_a_copy_of_the_programs_own_comes_first(site):
    shutil.move(site / 'microdot' / '_boards' / 'utemplate', site)
    lines = render(site)
    assert lines[:2] == ['Hello, Ada!', 'Hello, &lt;Ada&gt;!']
    assert pathlib.Path(lines[2]).parent == site / 'utemplate'

"""All examples look alike, have a picture, and leave nothing behind."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tools'))

import pictures  # noqa: E402

INDEX = ''.join((TOP / 'docs' / name).read_text()
                for name in ('start/examples.rst', 'guide/debug.rst'))
EXAMPLES = TOP / 'examples'
#: Pages with a style of their own.
OWN = {'chat.html'}


def test_the_style_is_small_and_of_this_site():
    text = pictures.STYLE.read_text()
    assert len(text) <= 3000
    assert 'prefers-color-scheme: dark' in text
    assert ':focus-visible' in text
    assert not re.search(r'https?:|@import|url\(', text)


def test_all_have_the_same_style():
    assert len(pictures.copies()) > 5
    for path in pictures.copies():
        assert path.read_bytes() == pictures.STYLE.read_bytes(), (
            '%s: run tools/pictures.py --styles' % path)


@pytest.mark.parametrize('name', pictures.PROGRAMS)
def test_each_page_has_its_picture(name):
    data = (pictures.PICTURES / (name + '.png')).read_bytes()
    assert data[:8] == b'\x89PNG\r\n\x1a\n'
    assert int.from_bytes(data[16:20], 'big') == pictures.DESKTOP[0]
    assert '/_static/examples/%s.png' % name in INDEX


def test_each_folder_is_in_the_index():
    for folder in EXAMPLES.iterdir():
        if folder.is_dir() and folder.name != '__pycache__':
            assert 'examples/' + folder.name in INDEX, folder.name


def pages():
    for path in sorted(EXAMPLES.rglob('*')):
        if path.suffix in ('.py', '.html') and path.name not in OWN:
            text = path.read_text()
            if '<!doctype html>' in text:
                yield pytest.param(text, id=path.name)


@pytest.mark.parametrize('text', list(pages()))
def test_each_page_is_for_phones_and_screen_readers(text):
    for start in re.finditer('<!doctype html>', text):
        page = text[start.end():start.end() + 1500]
        assert '<html lang="en">' in page
        assert 'name="viewport" content="width=device-width, ' \
            'initial-scale=1"' in page
        assert '<title>' in page
        assert not re.search(r'(src|href)="(https?:)?//', page)


#: Loads a program as ``microdot run`` does, which calls no main().
OPEN = """\
import asyncio, runpy, sys
from microdot.test_client import TestClient

async def main():
    async with TestClient(runpy.run_path(sys.argv[1])['app']) as client:
        res = await client.get('/', headers={'Accept-Encoding': 'gzip'})
        print(res.status_code)

asyncio.run(main())
"""


@pytest.mark.parametrize('name', [
    'auth/passwords.py', 'chat/chat.py',
    'files/files.py', 'hello/hello.py', 'login/login.py',
    'sessions/basket.py', 'sse/counter.py', 'static/static_site.py',
    'templates/guests.py', 'todo/todo.py', 'uploads/uploads.py'])
def test_the_address_that_is_printed_shows_a_page(name, tmp_path):
    result = subprocess.run(
        [sys.executable, '-c', OPEN, str(EXAMPLES / name)], cwd=tmp_path,
        capture_output=True, text=True,
        env={**os.environ, 'PYTHONPATH': str(TOP / 'src')})
    assert result.stdout.split() in (['200'], ['302']), result.stderr


def test_what_they_write_is_not_offered_to_git(tmp_path):
    if not (TOP / '.git').exists():
        pytest.skip('this is no checkout')
    for name in ('login', 'shop', 'uploads', 'guests', 'todo'):
        with pictures.running(pictures.PROGRAMS[name][0], tmp_path):
            pass
    # as if they had been started at the top, as their docstrings say
    written = sorted(path.name for path in tmp_path.iterdir())
    assert 'login.key' in written and 'uploads' in written
    for name in written:
        if (tmp_path / name).is_dir():
            name += '/file'
        assert subprocess.run(['git', 'check-ignore', '--quiet', name],
                              cwd=TOP).returncode == 0, name

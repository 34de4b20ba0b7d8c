"""``microdot new``: begin a project."""
from __future__ import annotations

import os
import sys

from . import CommandError
from .options import Option, parse_words, read_flag
from .terminal import Terminal, printable

OPTIONS = (Option('board', '', read_flag, False,
                  'for a microcontroller with MicroPython'),)
HELP = """\
usage: microdot new NAME [--board]

Makes a folder with an application that runs and a test that passes; with
--board for a microcontroller with MicroPython, and for this computer to try
it. What is there already is not touched."""

APP = '''\
"""{name}: a web application."""
import pathlib

from microdot import Microdot, send_file

FOLDER = pathlib.Path(__file__).parent

app = Microdot()


@app.get('/')
async def index(request):
    return send_file(str(FOLDER / 'pages' / 'index.html'))


@app.get('/hello/<name>')
async def hello(request, name):
    return {{'hello': name}}


if __name__ == '__main__':
    app.run(host='127.0.0.1')
'''

BOARD_APP = '''\
"""{name}: a web application for a board with MicroPython."""
import gc

from microdot import Microdot

app = Microdot()

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{name}</title></head>
<body><h1>{name}</h1><p>Free memory: {{}} bytes</p></body>
</html>
"""


def free_memory():
    # CPython, on which the test runs, does not know.
    return gc.mem_free() if hasattr(gc, 'mem_free') else 0


@app.get('/')
async def index(request):
    return PAGE.format(free_memory()), {{'Content-Type': 'text/html'}}


@app.get('/hello/<name>')
async def hello(request, name):
    return {{'hello': name}}


if __name__ == '__main__':
    app.run(port=80)
'''

PAGE = """\
<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width">
  <title>{name}</title>
</head>
<body>
  <h1>{name}</h1>
  <p><a href="/hello/world">Hello</a></p>
</body>
</html>
"""

TEST = """\
import asyncio
import unittest

from app import app
from microdot.test_client import TestClient


class TestApp(unittest.TestCase):
    def test_index_is_a_page(self):
        response = asyncio.run(TestClient(app).get('/'))
        self.assertEqual(response.status_code, 200)
        self.assertIn('<h1>{name}</h1>', response.text)

    def test_hello_greets(self):
        response = asyncio.run(TestClient(app).get('/hello/world'))
        self.assertEqual(response.json, {{'hello': 'world'}})


if __name__ == '__main__':
    unittest.main()
"""

README = """\
{name}
{line}

Run it, and again at each save:

    microdot run --reload --debug

Test it:

    python -m unittest
"""

BOARD_README = """\
{name}
{line}

Try it on this computer:

    microdot run --reload --debug

Test it:

    python -m unittest

Put it on a board that is connected by USB, with the name of your network, so
that it starts when the board does:

    microdot deploy app.py --main --wifi NETWORK --start
"""

IGNORED = """\
__pycache__/
.venv/
.env
"""


def files(name: str, board: bool) -> dict[str, str]:
    """Return the files of a project: their contents, by path."""
    found = {
        'app.py': BOARD_APP if board else APP,
        'test_app.py': TEST,
        'README.md': BOARD_README if board else README,
        '.gitignore': IGNORED,
    }
    if not board:
        found['pages/index.html'] = PAGE
    return {path: text.format(name=name, line='=' * len(name))
            for path, text in found.items()}


def command(words: list[str]) -> int:
    """Make the folder; return the exit status."""
    if '-h' in words or '--help' in words:
        print(HELP)
        return 0
    values = parse_words(words, OPTIONS, 'microdot new')
    folder = values.get('app')
    if not folder:
        raise CommandError('which name? For example: microdot new shop')
    name = os.path.basename(os.path.normpath(folder))
    if not name.replace('-', '').replace('_', '').isalnum() or \
            not name.isascii():
        raise CommandError('a name is made of letters, digits, - and _; '
                           'this is not: %s' % printable(name))
    if os.path.exists(folder) and (
            not os.path.isdir(folder) or os.listdir(folder)):
        raise CommandError('%s exists, and is not an empty folder'
                           % printable(folder), 1)
    board = bool(values.get('board'))
    try:
        for path, text in files(name, board).items():
            path = os.path.join(folder, *path.split('/'))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'x', encoding='utf-8', newline='\n') as file:
                file.write(text)
    except OSError as exc:
        raise CommandError('%s: %s' % (exc.filename, exc.strerror),
                           1) from None
    terminal = Terminal(sys.stdout)
    terminal.print('%s is ready:\n' % terminal.bold(name))
    terminal.print('  cd %s' % folder)
    terminal.print('  microdot run --reload --debug')
    if board:
        terminal.print('  microdot deploy app.py --main --wifi NETWORK '
                       '--start')
    terminal.print('  python -m unittest')
    return 0

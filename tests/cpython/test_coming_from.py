"""The larger program of the page for those who come from Flask.

Here it passes the test that the page shows. The program for Flask is compiled
alone: the tests do without Flask.
"""

import os
import pathlib
import re
import subprocess
import sys
import textwrap

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = TOP / 'docs' / 'coming-from' / 'flask.rst'
BLOCK = re.compile(r'^\.\. code-block:: \w+\n   :caption: (\S+?)(?:, .*)?\n'
                   r'(?:   :class: (\w+)\n)?\n((?:(?:   .*)?\n)+)',
                   re.MULTILINE)


def write_program(kind, folder):
    """Write the files of a kind, and the templates, into a folder."""
    names = []
    for name, found, text in BLOCK.findall(PAGE.read_text()):
        if found in (kind, ''):
            names.append(name)
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text).strip('\n') + '\n')
    assert sorted(names) == [
        'app.py', 'templates/login.html', 'templates/missing.html',
        'templates/shelf.html', 'test_app.py']


def test_program_passes_its_own_test(tmp_path):
    write_program('moved', tmp_path)
    result = subprocess.run(
        [sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider', '-q',
         'test_app.py'], cwd=tmp_path, text=True, timeout=60,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={
            **os.environ, 'SECRET_KEY': 32 * 'k',
            'PYTHONPATH': '%s:%s' % (TOP / 'src', tmp_path)})
    assert result.returncode == 0, result.stdout
    assert '1 passed' in result.stdout


def test_program_for_flask_compiles(tmp_path):
    write_program('flask', tmp_path)
    for name in 'app.py', 'test_app.py':
        compile((tmp_path / name).read_text(), name, 'exec')

"""What bash, zsh and fish make of ``microdot completion``."""

import contextlib
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import time

import pytest

try:
    import pty
except ImportError:  # Windows
    pty = None

from command import PATIENCE
from microdot.cli import COMMANDS, completion

pytestmark = pytest.mark.skipif(os.name != 'posix', reason='pseudo-terminals')
TOP = pathlib.Path(__file__).resolve().parents[2]
SHELLS = [pytest.param(name, marks=pytest.mark.skipif(
    not shutil.which(name), reason='%s is not installed' % name))
    for name in completion.SHELLS]
#: What is typed, and what the line is after the tabulator; ``None``: as it
#: was.
LINES = [
    ('microdot ro', 'microdot routes '),
    ('microdot --v', 'microdot --version '),
    ('microdot run --rel', 'microdot run --reload '),
    ('microdot run ap', 'microdot run app.py '),
    ('microdot run my', 'microdot run my\\ app.py '),
    ('microdot run pa', 'microdot run package/'),
    ('microdot run --tls-cert ap', 'microdot run --tls-cert app.py '),
    ('microdot run --log-format j', 'microdot run --log-format json '),
    ('microdot run --log-level w', 'microdot run --log-level warning '),
    ('microdot routes --j', 'microdot routes --json '),
    ('microdot client --us', 'microdot client --user '),
    ('microdot deploy --mo', 'microdot deploy --monitor '),
    ('microdot completion f', 'microdot completion fish '),
    ('microdot shell --h', 'microdot shell --help '),
    ('microdot x --h', None), ('microdot run --nothing', None)]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('completed')
    for name in 'app.py', 'my app.py', 'other.txt':
        (folder / name).write_text('')
    (folder / 'package').mkdir()
    return folder


def microdot(folder, *words):
    return subprocess.run(
        [sys.executable, '-m', 'microdot', *words], cwd=folder, text=True,
        capture_output=True, timeout=PATIENCE,
        env={**os.environ, 'PYTHONPATH': str(TOP / 'src')})


def script(shell, folder):
    result = microdot(folder, 'completion', shell)
    assert (result.returncode, result.stderr) == (0, '')
    return result.stdout


@pytest.mark.parametrize('shell', SHELLS)
def test_the_shell_can_read_it(folder, shell):
    option = '--no-execute' if shell == 'fish' else '-n'
    path = folder / ('completion.' + shell)
    path.write_text(script(shell, folder))
    result = subprocess.run([shell, option, str(path)], capture_output=True,
                            text=True, timeout=PATIENCE)
    assert (result.returncode, result.stdout + result.stderr) == (0, '')
    path.unlink()


class Terminal:
    """A shell that somebody types into.

    :param words: its command line.
    """

    def __init__(self, words, folder):
        self.fd, child = pty.openpty()
        self.process = subprocess.Popen(
            words, cwd=folder, stdin=child, stdout=child, stderr=child,
            start_new_session=True,
            env={'PATH': os.environ['PATH'], 'TERM': 'dumb',
                 'HOME': str(folder), 'LC_ALL': 'C.UTF-8'})
        os.close(child)
        self.seen = ''

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait_for(self, pattern):
        """Return the match of what it shows from now on."""
        deadline = time.monotonic() + PATIENCE
        self.seen = ''
        while True:
            match = re.search(pattern, self.seen, re.M)
            if match:
                return match
            ready, _, _ = select.select(
                [self.fd], [], [], max(deadline - time.monotonic(), 0))
            assert ready, 'in vain: %r in %r' % (pattern, self.seen)
            self.seen += os.read(self.fd, 4096).decode(errors='replace')

    def complete(self, line):
        """Type the beginning of a line, and a tabulator; return the line."""
        # then, go to its begin and end, and have it printed
        self.type(line + "\t\x01print_line '\x05'\n")
        return self.wait_for(r'^<(.*)>\r?$').group(1)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.fd)


@contextlib.contextmanager
def terminal(shell, folder):
    words = {'bash': ['bash', '--norc', '--noprofile', '-i'],
             'zsh': ['zsh', '-f', '-i']}[shell]
    path = folder / ('script.' + shell)
    path.write_text(
        ('autoload -Uz compinit && compinit -D -u\nbindkey -e\n'
         if shell == 'zsh' else '') + script(shell, folder) +
        "print_line() { printf '\\n<%s>\\n' \"$1\"; }\n")
    found = Terminal(words, folder)
    try:
        found.type('. ./%s; print_line ready\n' % path.name)
        found.wait_for(r'^<ready>\r?$')
        yield found
    finally:
        found.close()
        path.unlink()


@pytest.mark.parametrize('shell', SHELLS[:2])
def test_what_is_typed_is_completed(folder, shell):
    with terminal(shell, folder) as shown:
        for typed, line in LINES:
            # (zsh takes what it has put at the end back when the cursor goes
            # elsewhere)
            assert shown.complete(typed).rstrip(' /') == \
                (line or typed).rstrip(' /')


@pytest.mark.parametrize('shell', SHELLS[2:])
def test_fish_completes(folder, shell):
    for typed, line in LINES:
        result = subprocess.run(
            [shell, '--no-config', '--command',
             'source; complete --do-complete=' + "'%s'" % typed],
            input=script(shell, folder), cwd=folder, capture_output=True,
            text=True, timeout=PATIENCE, env={
                'PATH': os.environ['PATH'], 'HOME': str(folder)})
        found = [each.partition('\t')[0]
                 for each in result.stdout.split('\n')[:-1]]
        last = typed.split(' ')[-1]
        wanted = [line[len(typed) - len(last):].strip().replace('\\', '')] \
            if line else []
        assert (found, result.stderr) == (wanted, ''), typed


def test_every_command_and_its_options_are_there(folder):
    for name, options in completion.options_of().items():
        help_of = microdot(folder, name, '--help').stdout
        for option in options:
            assert option.name in help_of, name
        for found in re.findall(r'^  (?:-\w, )?(--[a-z-]+)', help_of, re.M):
            assert found in [each.name for each in options] + ['--help'], name
    assert set(completion.options_of()) == set(COMMANDS)


def test_without_deploy_the_others_are_completed(monkeypatch):
    monkeypatch.setitem(sys.modules, 'microdot.deploy.command', None)
    assert completion.options_of()['deploy'] == []
    assert '--romfs' not in completion.for_bash()


def test_other_shells_are_refused(folder):
    result = microdot(folder, 'completion', 'cmd')
    assert result.returncode == 2 and 'bash, zsh, fish' in result.stderr

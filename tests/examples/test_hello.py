"""The hello example runs as it says, on CPython and on MicroPython."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

import check
import interpreters

TOP = pathlib.Path(__file__).resolve().parents[2]
HELLO = TOP / 'examples' / 'hello' / 'hello.py'
BOARDS = [each for each in interpreters.find()
          if each.is_micropython and each.has_event_loop]


def shown_commands():
    """Return the environment variables and commands that the file names."""
    text = HELLO.read_text()
    return re.findall(r'^    (\w+)=(\S+) (\S+) (examples\S+)$', text,
                      re.MULTILINE)


def test_it_names_a_command_for_each_interpreter():
    assert [(name, program) for name, _, program, _ in shown_commands()] == [
        ('PYTHONPATH', 'python3'), ('MICROPYPATH', 'micropython')]
    assert {script for *_, script in shown_commands()} == {
        str(HELLO.relative_to(TOP))}


def test_it_runs_on_cpython_from_the_checkout():
    name, value, _, script = shown_commands()[0]
    env = dict(os.environ, **{name: value})
    # Without what is installed, as the file says.
    check.try_hello([sys.executable, '-S', script], cwd=TOP, env=env)


@pytest.mark.parametrize('board', BOARDS, ids=lambda board: board.name)
def test_it_runs_on_micropython_from_the_checkout(board):
    name, value, _, script = shown_commands()[1]
    env = dict(os.environ, **{name: value})
    check.try_hello(board.command + [script], cwd=TOP, env=env)


def test_its_page_tells_what_it_prints():
    text = HELLO.read_text()
    assert '$ curl http://127.0.0.1:5000/hello/Ada\n    Hello, Ada!\n' in text
    assert '$ curl http://127.0.0.1:5000/add/2/3\n    {"sum": 5}\n' in text


def test_importing_it_starts_nothing():
    subprocess.run(
        [sys.executable, '-c', 'import hello; hello.app'], check=True,
        cwd=HELLO.parent, timeout=60,
        env=dict(os.environ, PYTHONPATH=str(TOP / 'src')))

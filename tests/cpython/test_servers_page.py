"""The commands of the page on servers serve the programs above them."""

import os
import pathlib
import re
import shlex
import signal
import sys

import pytest

import servers
import test_docs
from servers import TOP

PAGE = TOP / 'docs' / 'deployment' / 'servers.rst'


def commands():
    """Yield each command that starts a server, with the program before it."""
    program = None
    for block in test_docs.read_blocks(PAGE):
        if block.language == 'python' and block.is_program:
            program = block.text
        elif block.language == 'console':
            for command, _ in test_docs.parse_console(block.text):
                if 'hello:app' in command:
                    yield pytest.param(program, command, id=command)


def test_page_has_them():
    assert len(list(commands())) == 6


@pytest.mark.parametrize('program, command', list(commands()))
def test_command_serves(program, command, tmp_path):
    (tmp_path / 'hello.py').write_text(program)
    port = servers.free_port()
    name, *words = shlex.split(re.sub(r'\b5000\b', str(port), command))
    script = pathlib.Path(sys.executable).with_name(name)
    with servers.start(
            [str(script), *words], port,
            dict(os.environ, PYTHONPATH=str(TOP / 'src')), tmp_path) as child:
        assert child.get('/').endswith(b'Hello, world!\n')
        # (some have processes of their own, which they end)
        child.interrupt(signal.SIGINT)
        child.wait()

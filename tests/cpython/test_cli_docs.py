"""The terminal sessions of the pages on the command are what happens."""

import os
import re
import shlex
import textwrap

import pytest

from command import TOP, Command

pytestmark = pytest.mark.skipif(os.name != 'posix', reason='pty')

PAGES = ('command', 'development')
BLOCK = re.compile(
    r'^\.\. code-block:: (\w+)\n(?:   :caption: (\S+)\n)?\n'
    r'((?:   .*\n|\n)+)', re.MULTILINE)


def blocks(page):
    """Return language, caption and text of a page's blocks of code."""
    text = (TOP / 'docs' / 'guide' / (page + '.rst')).read_text()
    return [(language, caption, textwrap.dedent(code).strip('\n') + '\n')
            for language, caption, code in BLOCK.findall(text)]


def sessions(text):
    """Return the commands of a block, each with what follows it."""
    return [part.partition('\n')[::2]
            for part in re.split(r'^\$ ', text, flags=re.MULTILINE)[1:]]


def plain(text):
    """Return output without what differs from time to time: the port, the
    version, spaces at the ends of lines."""
    text = re.sub(r'(127\.0\.0\.1):\d+', r'\1:5000', text)
    text = re.sub(r'^microdot \d\S*$', 'microdot VERSION', text,
                  flags=re.MULTILINE)
    return '\n'.join(line.rstrip() for line in text.strip().split('\n'))


def type_in(command, expected, folder):
    """Type a command into a terminal, and compare what it shows."""
    words = shlex.split(command)
    if words[0] == 'cd':
        return folder / words[1]
    assert words[0] == 'microdot'
    expected, interrupt, rest = expected.partition('^C')
    assert not rest.strip()
    with Command(*words[1:], cwd=folder, terminal=True,
                 env={'NO_COLOR': '1', 'MICRODOT_PORT': '0'}) as running:
        if interrupt:
            last = plain(expected).rpartition('\n')[2]
            running.wait_for(re.escape(last))
            running.press('\x03')
        status = running.wait()
        output = running.output.replace('^C', '')
        assert plain(output) == plain(expected)
        assert (status == 0) == (bool(interrupt) or
                                 'microdot: ' not in output)
    return folder


@pytest.mark.parametrize('page', PAGES)
def test_sessions_show_what_happens(page, tmp_path):
    tested = 0
    for language, caption, text in blocks(page):
        if caption and caption != 'pyproject.toml':
            (tmp_path / caption).write_text(text)
        elif language == 'console':
            folder = tmp_path  # each block is a terminal of its own
            for command, expected in sessions(text):
                if expected or command.startswith('cd '):
                    folder = type_in(command, expected, folder)
            tested += 1
    assert tested >= 3


def test_project_file_of_the_page_is_read(tmp_path, monkeypatch):
    from microdot.cli import options
    found = [text for _, caption, text in blocks('command')
             if caption == 'pyproject.toml']
    (tmp_path / 'pyproject.toml').write_text(*found)
    monkeypatch.chdir(tmp_path)
    settings = options.gather([], {}, pytest.fail)
    assert settings.port == 8000
    assert dict(settings.limit) == {'max_connections': 200,
                                    'max_content_length': 16 << 20}


def test_page_names_every_option():
    from microdot.cli import options
    text = (TOP / 'docs' / 'guide' / 'command.rst').read_text()
    for option in options.OPTIONS:
        assert '``--%s' % option.name in text or \
            '``--%s``' % option.name in text, option.name

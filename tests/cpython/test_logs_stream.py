"""Where the access log is written on CPython."""

import io
import logging

import pytest

import microdot.logs as logs
from microdot import _terminal


class Terminal(io.TextIOWrapper):
    def __init__(self, encoding='utf-8', tty=True):
        super().__init__(io.BytesIO(), encoding=encoding)
        self.tty = tty

    def isatty(self):
        return self.tty

    @property
    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture
def written(monkeypatch):
    """Return a function that writes a line to a stream."""
    kept = logs.logger.handlers[:]
    propagate = logs.logger.propagate
    level = logs.logger.level
    logs.logger.propagate = False
    logs.logger.setLevel(logging.INFO)
    monkeypatch.delenv('NO_COLOR', raising=False)
    monkeypatch.setenv('TERM', 'xterm')

    def write(stream, line='GET /', status=200):
        monkeypatch.setattr('sys.stderr', stream)
        logs.logger.handlers[:] = []
        logs._write(line, status)
        return stream.text if isinstance(stream, Terminal) else None

    yield write
    logs.logger.handlers[:] = kept
    logs.logger.propagate = propagate
    logs.logger.setLevel(level)


@pytest.mark.parametrize('status, color', [
    (200, 32), (302, 36), (404, 33), (500, 31)])
def test_a_terminal_shows_colors(written, status, color):
    assert written(Terminal(), status=status) == \
        '\x1b[%dmGET /\x1b[0m\n' % color
    assert written(Terminal(), status=101) == 'GET /\n'


def test_no_color_is_heeded(written, monkeypatch):
    monkeypatch.setenv('NO_COLOR', '1')
    assert written(Terminal()) == 'GET /\n'


def test_a_terminal_that_knows_none_gets_none(written, monkeypatch):
    monkeypatch.setenv('TERM', 'dumb')
    assert written(Terminal()) == 'GET /\n'


@pytest.mark.parametrize('variable, colored', [
    ('WT_SESSION', True), ('TERM', True), ('OTHER', False)])
def test_a_console_of_windows_is_to_be_known(monkeypatch, variable, colored):
    class System:
        name = 'nt'
        environ = {variable: 'x'}

    monkeypatch.setattr(_terminal, 'os', System)
    assert _terminal.has_colours(Terminal()) == colored
    assert not _terminal.has_colours(Terminal(tty=False))


def test_a_pipe_has_no_colors(written):
    assert written(Terminal(tty=False)) == 'GET /\n'


def test_what_a_console_cannot_show_is_escaped(written):
    assert written(Terminal('ascii', False), '/\u20ac') == '/\\u20ac\n'


def test_a_closed_pipe_costs_nothing(written):
    class Pipe(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    written(Pipe())
    closed = io.StringIO()
    closed.close()
    written(closed)


def test_logging_that_is_set_up_is_used(written):
    records = []

    class Handler(logging.Handler):
        def emit(self, record):
            records.append((record.name, record.getMessage(), record.status))

    logs.logger.handlers[:] = [Handler()]
    logs._write('GET /', 204)
    assert records == [('microdot.access', 'GET /', 204)]

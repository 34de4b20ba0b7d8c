"""The options of ``microdot run``, and where their values come from.

A value comes from the command line, else from the environment
(``MICRODOT_PORT``), else from ``[tool.microdot]`` of ``pyproject.toml``, else
it is the default. One table, :data:`OPTIONS`, says all of it: also the help is
made of it. ``argparse`` knows of one of the three places, and would cost each
start a tenth of its time.
"""
from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from . import CommandError

PREFIX = 'MICRODOT_'
#: Names in the environment with our prefix that are not options.
FOREIGN_NAMES = frozenset(('MICRODOT_WIFI_PASSWORD',))
LEVELS = ('debug', 'info', 'warning', 'error', 'critical')
FORMATS = ('text', 'json')
TRUE = ('1', 'true', 'yes', 'on')
FALSE = ('0', 'false', 'no', 'off', '')
UNITS = (('KiB', 1 << 10), ('MiB', 1 << 20), ('GiB', 1 << 30))


def nearest(name: str, names: Iterable[str], form: str = '%s') -> str:
    """Return ``'; did you mean X?'`` for the nearest of *names*, if any is
    near."""
    import difflib
    found = difflib.get_close_matches(name, list(names), 1) \
        if name.strip('-') else None
    return '; did you mean %s?' % (form % found[0]) if found else ''


# --- Values -----------------------------------------------------------------
# Each takes what was given, text or what TOML has, and raises ValueError with
# what was expected.

def read_text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError('text')
    return value


def read_host(value: Any) -> str:
    # An empty host is asyncio's way to say: all addresses.
    if not isinstance(value, str):
        raise ValueError('text')
    return value


def read_number(value: Any, lowest: int, highest: int, what: str) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and \
            len(value) < 10:
        value = int(value)
    if type(value) is not int or not lowest <= value <= highest:
        raise ValueError(what)
    return value


def read_port(value: Any) -> int:
    return read_number(value, 0, 65535, 'a port, 0 to 65535')


def read_workers(value: Any) -> int:
    return read_number(value, 1, 512, 'a number of processes, 1 to 512')


def read_fd(value: Any) -> int:
    return read_number(value, 0, 1 << 20, 'the number of an open file')


def read_flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in TRUE + FALSE:
        return value.lower() in TRUE
    raise ValueError('true or false')


def read_choice(choices: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or value.lower() not in choices:
            raise ValueError('one of ' + ', '.join(choices))
        return value.lower()
    return read


def read_root_path(value: Any) -> str:
    if not isinstance(value, str) or value[:1] != '/' or '//' in value:
        raise ValueError('a path that begins with one /')
    return value.rstrip('/')


def read_limit_value(value: Any) -> int | float | None:
    """Read the value of a limit: a number, also with a unit of bytes, or
    ``none``."""
    if isinstance(value, str):
        text = value.strip()
        if text.lower() == 'none':
            return None
        factor = 1
        for unit, size in UNITS:
            if text.lower().endswith(unit.lower()):
                text, factor = text[:-len(unit)].strip(), size
        try:
            value = int(text) * factor
        except ValueError:
            try:
                value = float(text) * factor
            except ValueError:
                value = None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or \
            not 0 <= value < float('inf'):
        raise ValueError('a number such as 20, 0.5 or 64KiB, or none')
    return value


def read_limit(value: Any) -> tuple[str, int | float | None]:
    name, equals, number = value.partition('=') \
        if isinstance(value, str) else ('', '', '')
    if not equals or not name.strip():
        raise ValueError('NAME=VALUE, such as max_connections=200')
    return name.strip(), read_limit_value(number)


# --- The table --------------------------------------------------------------

class Option(NamedTuple):
    name: str               # with hyphens
    metavar: str            # '' for a flag
    read: Callable[[Any], Any]
    default: Any
    summary: str
    many: bool = False      # may be given several times

    @property
    def key(self) -> str:
        return self.name.replace('-', '_')

    @property
    def variable(self) -> str:
        return PREFIX + self.key.upper()


OPTIONS = (
    Option('host', 'ADDRESS', read_host, '127.0.0.1',
           'where to listen; 0.0.0.0 for other computers too'),
    Option('port', 'PORT', read_port, 5000,
           'which port; 0 lets the system choose'),
    Option('reload', '', read_flag, False,
           'start again whenever a file is saved'),
    Option('debug', '', read_flag, False,
           'show errors in the browser; only on your own computer'),
    Option('workers', 'N', read_workers, 1, 'processes that share the port'),
    Option('uds', 'PATH', read_text, None,
           'listen on a Unix socket in place of a port'),
    Option('fd', 'N', read_fd, None,
           'listen on a socket that is open already'),
    Option('tls-cert', 'FILE', read_text, None,
           'certificate, with those that lead to its root (PEM)'),
    Option('tls-key', 'FILE', read_text, None, 'its private key (PEM)'),
    Option('self-signed', '', read_flag, False,
           'TLS with a certificate made for this computer'),
    Option('root-path', 'PATH', read_root_path, '',
           'the prefix under which a proxy has the application'),
    Option('log-level', 'LEVEL', read_choice(LEVELS), 'info',
           ', '.join(LEVELS)),
    Option('log-format', 'FORMAT', read_choice(FORMATS), 'text',
           'text or json'),
    Option('no-access-log', '', read_flag, False,
           'no line for each request'),
    Option('proxy', 'ADDRESS', read_text, (),
           'believe what this proxy says of clients (may be repeated)', True),
    Option('limit', 'NAME=VALUE', read_limit, (),
           'set a limit, such as max_connections=200 (may be repeated)',
           True),
    Option('env', 'FILE', read_text, None,
           'set the variables of this file before the application starts'),
    Option('open', '', read_flag, False, 'open the link in a browser'),
    Option('qr', '', read_flag, False,
           'show the link for a phone as a QR code'),
)
BY_KEY = {option.key: option for option in OPTIONS}


class Settings:
    """The values of all options, as attributes, and ``app``: what APP was
    given, or ``None``."""

    app: str | None = None
    host: str
    port: int
    reload: bool
    debug: bool
    workers: int
    uds: str | None
    fd: int | None
    tls_cert: str | None
    tls_key: str | None
    self_signed: bool
    root_path: str
    log_level: str
    log_format: str
    no_access_log: bool
    proxy: tuple[str, ...]
    limit: tuple[tuple[str, int | float | None], ...]
    env: str | None
    open: bool
    qr: bool

    def __init__(self, values: Mapping[str, Any]) -> None:
        #: The keys of what was set, rather than left at its default.
        self.given = frozenset(values)
        for option in OPTIONS:
            setattr(self, option.key, values.get(option.key, option.default))
        self.app = values.get('app')

    def values(self) -> dict[str, Any]:
        """Return what was set, to hand it to another process."""
        return {key: getattr(self, key) for key in self.given}


# --- The command line -------------------------------------------------------

def parse_words(words: list[str], options: Iterable[Option] = OPTIONS,
                usage: str = 'microdot run') -> dict[str, Any]:
    """Return the values of a command line, by key.

    :raises CommandError: an option is unknown, lacks its value or has a wrong
                          one; there is more than one APP.
    """
    known = {'--' + option.name: (option, True) for option in options}
    for option in options:
        if not option.metavar:
            off = '--' + option.name.removeprefix('no-') \
                if option.name.startswith('no-') else '--no-' + option.name
            known[off] = option, False
    values: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith('-') or word == '-':
            if 'app' in values:
                raise CommandError('one APP, not two: %s and %s'
                                   % (values['app'], word))
            values['app'] = word
            continue
        name, equals, value = word.partition('=')
        if name not in known:
            raise CommandError('there is no option %s%s (%s --help lists '
                               'them)' % (name, nearest(name, known), usage))
        option, on = known[name]
        if not option.metavar:
            if equals:
                raise CommandError('%s takes no value' % name)
            values[option.key] = on
            continue
        if not equals:
            if not rest or rest[0].startswith('--'):
                raise CommandError('%s needs a value: %s %s' % (
                    name, name, option.metavar))
            value = rest.pop(0)
        store(values, option, value, name)
    return values


def store(values: dict[str, Any], option: Option, value: Any,
          where: str) -> None:
    """Check a value, and put it with the others."""
    try:
        value = option.read(value)
    except ValueError as exc:
        raise CommandError('%s: %s expected, not %r'
                           % (where, exc, value)) from None
    if option.many:
        value = values.get(option.key, ()) + (value,)
    values[option.key] = value


# --- The environment --------------------------------------------------------

def parse_environment(environ: Mapping[str, str],
                      warn: Callable[[str], None]) -> dict[str, Any]:
    """Return the values of ``MICRODOT_...``; *warn* gets a line for each that
    is none of ours: a misspelt one, or another program's."""
    variables = {option.variable: option for option in OPTIONS}
    values: dict[str, Any] = {}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in FOREIGN_NAMES:
            continue
        if name == PREFIX + 'APP':
            values['app'] = environ[name]
        elif name in variables:
            option = variables[name]
            parts = environ[name].split(',') if option.many \
                else [environ[name]]
            for part in parts:
                store(values, option, part.strip(), name)
        else:
            warn('%s is set, but there is no such option%s' % (
                name, nearest(name, [*variables, PREFIX + 'APP'])))
    return values


# --- pyproject.toml ---------------------------------------------------------

def parse_project(path: str, warn: Callable[[str], None]) -> dict[str, Any]:
    """Return the values of ``[tool.microdot]`` in a file, if there is any.

    :raises CommandError: it is not TOML, or has an unknown key or a wrong
                          value: names file, line and key.
    """
    try:
        with open(path, 'rb') as file:
            data = file.read()
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise CommandError('%s: %s' % (path, exc.strerror)) from None
    if b'microdot' not in data:
        return {}  # and Python's parser need not be loaded
    parser = load_parser()
    if parser is None:
        warn('%s was not read: Python %d.%d needs the package tomli for that'
             % ((path,) + sys.version_info[:2]))
        return {}
    try:
        text = data.decode()
        table: Any = parser(text)
    except UnicodeDecodeError as exc:
        line = data.count(b'\n', 0, exc.start) + 1
        raise CommandError('%s, line %d: not UTF-8' % (path, line)) from None
    except ValueError as exc:  # TOMLDecodeError, which says the line
        raise CommandError('%s: %s' % (path, exc)) from None
    for key in ('tool', 'microdot'):
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise CommandError('%s, line %d: %s is not a table' % (
                path, key_line(text, key), key))
    values: dict[str, Any] = {}
    for name, value in table.items():
        key = name.replace('-', '_')
        where = '%s, line %d: %s' % (path, key_line(text, name), name)
        if key == 'app':
            values['app'] = read_app(value, where)
        elif key not in BY_KEY:
            names = [option.name for option in OPTIONS] + ['app']
            raise CommandError('%s: there is no such option%s'
                               % (where, nearest(name, names)))
        else:
            store_project(values, BY_KEY[key], value, where)
    return values


def read_app(value: Any, where: str) -> str:
    try:
        return read_text(value)
    except ValueError:
        raise CommandError('%s: text expected, not %r'
                           % (where, value)) from None


def store_project(values: dict[str, Any], option: Option, value: Any,
                  where: str) -> None:
    """Check a value of ``pyproject.toml``, which may be a list, and for
    limits a table."""
    if option.key == 'limit' and isinstance(value, dict):
        value = ['%s=%s' % item for item in value.items()]
    parts = value if option.many and isinstance(value, list) else [value]
    for part in parts:
        store(values, option, part, where)


def load_parser() -> Callable[[str], Any] | None:
    """Return the function that parses TOML, or ``None``."""
    for name in ('tomllib', 'tomli'):
        try:
            loads: Callable[[str], Any] = importlib.import_module(name).loads
            return loads
        except ImportError:
            pass
    return None


def key_line(text: str, key: str) -> int:
    """Return the line of a key in ``[tool.microdot]``, or of that table."""
    inside = False
    table = 1
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line.startswith('['):
            name = line.strip('[] \t').replace(' ', '')
            inside = name.startswith('tool.microdot')
            if inside:
                table = number
                if name == 'tool.microdot.' + key:
                    return number
        elif inside:
            name = line.partition('=')[0].strip().strip('"\'')
            if name == key or name.startswith(key + '.'):
                return number
    return table


# --- All together -----------------------------------------------------------

def gather(words: list[str], environ: Mapping[str, str],
           warn: Callable[[str], None]) -> Settings:
    """Return the settings of a command line, in this environment and folder.

    :raises CommandError: something is wrong with any of them.
    """
    values = parse_words(words)
    project = parse_project('pyproject.toml', warn)
    outside = parse_environment(environ, warn)
    merged = {**project, **outside}
    file = values.get('env', merged.get('env'))
    if file:
        # The file's MICRODOT_... count as if they had been set.
        from .envfile import parse_file
        environ = {**parse_file(file), **environ}
        merged.update(parse_environment(environ, lambda text: None))
    merged.update(values)
    check_places(values)
    settings = Settings(merged)
    check_together(settings)
    return settings


def check_places(typed: dict[str, Any]) -> None:
    """Refuse a port beside a socket. One that is set elsewhere is the usual
    place, and what is typed wins."""
    for place in 'uds', 'fd':
        for other in 'host', 'port':
            if place in typed and other in typed:
                raise CommandError('either --%s or --%s, not both'
                                   % (place, other))


def check_together(settings: Settings) -> None:
    """Refuse options that contradict one another."""
    places = [option for option, chosen in (
        ('--uds', settings.uds), ('--fd', settings.fd is not None))
        if chosen]
    if len(places) > 1:
        raise CommandError('either --uds or --fd, not both')
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise CommandError('--tls-cert and --tls-key belong together')
    if settings.tls_cert and settings.self_signed:
        raise CommandError('either --self-signed or --tls-cert, not both')
    if os.name == 'nt':
        for key, lacking in (('uds', settings.uds),
                             ('fd', settings.fd is not None),
                             ('workers', settings.workers > 1)):
            if lacking:
                raise CommandError('Windows has no --%s' % key)


def describe(options: Iterable[Option] = OPTIONS) -> str:
    """Return the lines of the help for options."""
    shown = [('--%s %s' % (option.name, option.metavar)).rstrip()
             for option in options]
    width = max(map(len, shown)) + 2
    lines = []
    for option, text in zip(options, shown):
        summary = option.summary
        if option.default not in (None, '', (), False):
            summary += ' (%s)' % option.default
        lines.append('  %s%s' % (text.ljust(width), summary))
    return '\n'.join(lines)


HELP = """\
usage: microdot run [APP] [options]

Serves an application. APP is a file, a module, or either with the name of the
application or of a function that makes one: app.py, shop.web, shop.web:app,
app.py:create_app. Without it: app.py, main.py, wsgi.py or asgi.py of this
folder.

options:
%s

Each is also read from the environment, as MICRODOT_PORT, and from
[tool.microdot] of pyproject.toml; what is typed here wins, then the
environment."""

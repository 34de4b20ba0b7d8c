"""Settings that are only read: from the environment, or else from a file.

Nothing in the file is executed or expanded.
"""
import json
import os

_BOOLS = '1 true yes on 0 false no off'


class Secret:
    """A text that does not show in tracebacks and logs: ``repr()`` hides it,
    ``str()`` gives it."""
    def __init__(self, value):
        self._value = value

    def __str__(self):
        return self._value

    def __repr__(self):
        return "Secret('***')"

    def __bool__(self):
        return bool(self._value)


def CommaSeparated(value):
    """Return the items of a text such as ``a, 'b', c`` as a list, without
    blanks and quotes around them. Of another sequence, its items."""
    if isinstance(value, str):
        value = [item.strip(' \t"\'') for item in value.split(',')]
    return [item for item in value if item]


def _parse_bool(value):
    # ValueError where it is none of them
    return _BOOLS.split().index(str(value).lower()) < 4


def _parse_env(text):
    values = {}
    for line in text.split('\n'):
        name, equals, value = line.partition('=')
        name = name.split()[-1:]  # the word before may be "export"
        if equals and name and line.lstrip()[0] != '#':
            value = value.strip()
            quote = value[:1]
            end = value.find(quote, 1) if quote in '"\'' else -1
            if end > 0:
                value = value[1:end]
            else:
                value = (' ' + value).split(' #')[0].strip()
            values[name[0]] = value
    return values


class Config:
    """The settings of a program.

    :param path: a file, which need not exist: one whose name ends in
                 ``.json`` holds an object, any other is an ``.env`` file.
                 ``None``: there is only the environment.
    :param prefix: put before each name.
    :raises ValueError: the file is over :attr:`max_size`, or malformed.

    Example::

        config = Config('.env', prefix='APP_')
        DEBUG = config('DEBUG', cast=bool, default=False)
    """
    #: Bytes of a file: a larger one is a ``ValueError``.
    max_size = 16 * 1024

    def __init__(self, path=None, prefix=''):
        self.path = path
        self.prefix = prefix
        self._values = {}
        if path:
            try:
                with open(path, 'rb') as file:
                    data = file.read(self.max_size + 1)
            except OSError as exc:
                if exc.errno not in (2, 44):  # ENOENT; of WebAssembly
                    raise
                return
            if len(data) > self.max_size:
                raise ValueError('%s is over Config.max_size' % path)
            if data[:3] == b'\xef\xbb\xbf':
                data = data[3:]  # a byte order mark
            is_json = str(path).endswith('.json')
            self._values = (
                json.loads if is_json else _parse_env)(data.decode())
            # boards: the parser takes an object without its end
            if not isinstance(self._values, dict) or \
                    is_json and data.rstrip()[-1:] != b'}':
                raise ValueError('%s holds no object' % path)

    def __call__(self, name, cast=None, default=KeyError):
        """Return a setting: from the environment, or else from the file, or
        else *default*.

        :param cast: what converts it, and the default unless that is
                     ``None``: ``bool`` (1, 0, true, false, yes, no, on, off),
                     ``int``, :class:`Secret`, :func:`CommaSeparated`, or
                     anything that can be called.
        :raises KeyError: it is missing, and there is no default.
        :raises ValueError: it is not what *cast* takes.
        """
        name = self.prefix + name
        # boards have no environment
        value = getattr(os, 'getenv', {}.get)(name)
        if value is None:
            value = self._values.get(name, default)
            if value is KeyError:
                raise KeyError('%s is neither in the environment nor in %s'
                               % (name, self.path))
        if cast and value is not None:
            try:
                value = (_parse_bool if cast is bool else cast)(value)
            except (TypeError, ValueError):
                raise ValueError('%s: %r is no %s' % (
                    name, value, getattr(cast, '__name__', cast)))
        return value

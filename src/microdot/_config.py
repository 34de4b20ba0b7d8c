"""Settings on CPython: the environment comes first, secrets do not show, and
files are looked at closely. ``config.py`` takes these names at its end."""
import collections
import json
import os

from . import config, dotenv


class Secret:
    """A text that does not show in tracebacks and logs: ``repr()`` hides it,
    ``str()`` gives it, and ``bytes()`` in UTF-8, as ``Session`` takes it. On
    boards, whose tracebacks show no values, it is ``str``."""
    __module__ = config.__name__

    def __init__(self, value):
        self._value = value

    def __str__(self):
        return self._value

    def __bytes__(self):
        return self._value.encode()

    def __repr__(self):
        return "Secret('***')"

    def __bool__(self):
        return bool(self._value)


def CommaSeparated(value):
    """Return the items of a text such as ``a, 'b', c`` as a list, without
    blanks and quotes around them. Of another sequence, its items."""
    if isinstance(value, str):
        value = [item.strip(' \t"\'') for item in value.split(',')]
    return list(filter(None, value))


class Config(config.Config):
    """The settings of a program.

    :param path: a file, which need not exist: one whose name ends in
                 ``.json`` holds an object, any other is an ``.env`` file.
                 ``None``: there is only the environment.
    :param prefix: put before each name.
    :raises ValueError: the file is over ``max_size``, or malformed.

    Example::

        config = Config('.env', prefix='APP_')
        DEBUG = config('DEBUG', cast=bool, default=False)
    """
    __module__ = config.__name__

    #: Bytes of a file: a larger one is a ``ValueError``.
    max_size = 16 * 1024

    def __init__(self, path=None, prefix=''):
        super().__init__(prefix=prefix)
        self.path = path
        self.values = collections.ChainMap(
            os.environ, self._read(path) if path else {})

    def _read(self, path):
        try:
            with open(path, 'rb') as file:
                data = file.read(self.max_size + 1)
        except FileNotFoundError:
            return {}
        if len(data) > self.max_size:
            raise ValueError('%s is over Config.max_size' % path)
        text = data.decode('utf-8-sig')  # with a byte order mark or without
        if os.fspath(path)[-5:] != '.json':
            return dotenv.parse(text.split('\n'))
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError('%s is no JSON object' % path)
        return values

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
        full_name = self.prefix + name
        value = self.values.get(full_name, default)
        if value is KeyError:
            raise KeyError('%s is neither in the environment nor in %s'
                           % (full_name, self.path or 'a file'))
        try:
            return super().__call__(name, cast, default)
        except (TypeError, ValueError):
            raise ValueError('%s: %r is not of %s' % (
                full_name, value, cast)) from None

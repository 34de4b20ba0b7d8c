"""Settings that are only read: from the environment, or else from a file.

Nothing in the file is executed or expanded.
"""
import json
import sys

_BOARD = sys.implementation.name in ('micropython', 'circuitpython')


def CommaSeparated(value):
    """Return the items of a text such as ``a, 'b', c`` as a list, without
    blanks and quotes around them. Of another sequence, its items."""
    if isinstance(value, str):
        value = [item.strip(' \t"\'') for item in value.split(',')]
    return list(filter(None, value))


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
        self.values = {}
        if not path:
            return
        try:
            with open(path, 'rb') as file:
                data = file.read(self.max_size + 1)
        except OSError as exc:
            if exc.errno not in (2, 44):  # ENOENT; of WebAssembly
                raise
            return
        if len(data) > self.max_size:
            raise ValueError('%s is over Config.max_size' % path)
        text = data.decode().strip('\ufeff \r\n')  # a byte order mark
        if str(path)[-5:] != '.json':
            self.parse(text)
            return
        self.values = json.loads(text)
        # boards: the parser takes an object without its end
        if text[:1] + text[-1:] != '{}':
            raise ValueError('%s is no JSON object' % path)

    def parse(self, text):
        # The lines of an .env file.
        for line in text.split('\n'):
            name, equals, value = line.partition('=')
            name = name.split()[-1:]  # the word before may be "export"
            if equals and name and line.lstrip()[0] != '#':
                value = value.strip()
                quote = value[:1]
                end = value.find(quote, 1) if quote in '"\'' else -1
                self.values[name[0]] = value[1:end] if end > 0 else \
                    (' ' + value).split(' #')[0].strip()

    def __call__(self, name, cast=None, default=KeyError):
        """Return a setting: on CPython from the environment, or else from the
        file, or else *default*.

        :param cast: what converts it, and the default unless that is
                     ``None``: ``bool`` (1, 0, true, false, yes, no, on, off),
                     ``int``, :class:`Secret`, :func:`CommaSeparated`, or
                     anything that can be called.
        :raises KeyError: it is missing, and there is no default.
        :raises ValueError: it is not what *cast* takes.
        """
        name = self.prefix + name
        value = self.values.get(name, default)
        if value is KeyError:
            raise KeyError('no %s in %s' % (name, self.path))
        if not cast or value is None:
            return value
        try:
            if cast is bool:
                # ValueError where it is none of them
                return '1 true yes on 0 false no off'.split().index(
                    str(value).lower()) < 4
            return cast(value)
        except (TypeError, ValueError):
            raise ValueError('%s: %r is not of %s' % (name, value, cast))


Secret = str  # boards: their tracebacks show no values

if not _BOARD:
    # puts others in place of Secret and Config
    from . import _config  # noqa: F401

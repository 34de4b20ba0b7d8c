"""Settings that are only read: from the environment, or else from a file.

Nothing in the file is executed or expanded.

What is here is for boards, with ``dotenv`` beside it for ``.env`` files, which
is loaded when there is one. On CPython the sibling ``_config`` takes the place
of all of it: it reads the environment, hides secrets, and tells more of what
is wrong.
"""
import json


def CommaSeparated(value):
    """Return the items of a text such as ``a, b, c`` as a list, without
    blanks around them. Of another sequence, its items."""
    if isinstance(value, str):
        value = map(str.strip, value.split(','))
    return list(filter(None, value))


class Config:
    """The settings of a program.

    :param path: a file, which need not exist: one whose name ends in
                 ``.json`` holds an object, any other is an ``.env`` file.
    :param prefix: put before each name.
    :raises ValueError: the file is malformed.

    Example::

        config = Config('.env', prefix='APP_')
        DEBUG = config('DEBUG', cast=bool, default=False)
    """
    def __init__(self, path=None, prefix=''):
        self.prefix = prefix
        self.values = {}
        if not path:
            return
        try:
            with open(path) as file:
                if path.endswith('.json'):
                    self.values = json.load(file)
                else:
                    from .dotenv import parse
                    self.values = parse(file)
        except OSError as exc:
            if exc.errno not in (2, 44):  # ENOENT; of WebAssembly
                raise

    def __call__(self, name, cast=None, default=KeyError):
        """Return a setting from the file, or else *default*.

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
            raise KeyError(name)
        if not cast or value is None:
            return value
        if cast is bool:
            # ValueError where it is none of them
            return '1 true yes on 0 false no off'.split().index(
                str(value).lower()) < 4
        return cast(value)


Secret = str  # boards: their tracebacks show no values

try:
    import dataclasses  # noqa: F401
except ImportError:
    pass  # boards
else:
    from ._config import CommaSeparated, Config, Secret  # noqa: F401

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
    """The settings that a board has in a file.

    :param path: the file: an object if its name ends in ``.json``, otherwise
                 lines of an ``.env`` file. No file is no settings.
    :param prefix: what the names there begin with, and those in the program
                   do not.
    :raises ValueError: it is no JSON.
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
            # ENOENT, and that of WebAssembly (a tuple of both takes 16 bytes)
            if exc.errno != 2 and exc.errno != 44:
                raise

    def __call__(self, name, cast=None, default=KeyError):
        """Look up a setting in the file.

        :param cast: a function of what is found, or of a default that is not
                     ``None``. ``bool`` knows 1 true yes on 0 false no off.
        :param default: what a setting that is not there is; without it that
                        is a ``KeyError``.
        :raises ValueError: *cast* does not take it.
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

if hasattr(Config, '__hash__'):
    # no class of a board has that
    from ._config import CommaSeparated, Config, Secret  # noqa: F401

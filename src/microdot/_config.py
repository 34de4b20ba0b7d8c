"""Settings on CPython: the environment comes first, and secrets do not show.
"""
import collections
import os

from . import config


class Secret:
    """A text that does not show in tracebacks and logs: ``repr()`` hides it,
    ``str()`` gives it. On boards, whose tracebacks show no values, it is
    ``str``."""
    def __init__(self, value):
        self._value = value

    def __str__(self):
        return self._value

    def __repr__(self):
        return "Secret('***')"

    def __bool__(self):
        return bool(self._value)


class Config(config.Config):
    __doc__ = config.Config.__doc__

    def __init__(self, path=None, prefix=''):
        super().__init__(path, prefix)
        self.values = collections.ChainMap(os.environ, self.values)

    def __call__(self, name, cast=None, default=KeyError):
        full_name = self.prefix + name
        if default is KeyError and full_name not in self.values:
            raise KeyError('%s is neither in the environment nor in %s'
                           % (full_name, self.path or 'a file'))
        return super().__call__(name, cast, default)

    __call__.__doc__ = config.Config.__call__.__doc__


# (here, as any of the two modules may be imported first)
def _install(*classes):
    for cls in classes:
        cls.__module__ = config.__name__
        setattr(config, cls.__name__, cls)


_install(Secret, Config)

"""Sessions on CPython: ``session`` takes these names at its end."""
from . import session
from ._keys import check

_check_empty = session.check_key


def check_key(key):
    """See that a key is one that not everybody has.

    :raises ValueError: it is empty, or that of an example. One of less than
                        32 bytes is warned of.
    """
    _check_empty(key)
    check(key if isinstance(key, str) else bytes(key))


class Session(session.Session):
    __doc__ = session.Session.__doc__
    __module__ = session.__name__

    #: Bytes of the cookie, name and value: a larger session cannot be saved,
    #: a larger cookie is ignored. Browsers have no room for more than 4,096,
    #: and it comes back in one header line, see ``Request.max_readline``.
    max_cookie_size = 4096

    def initialize(self, app, secret_key=None, cookie_options=None):
        super().initialize(app, secret_key, cookie_options)
        app.request_attributes['session'] = self.get
        if hasattr(self.store, 'attach'):
            self.store.attach(self, app)

    initialize.__doc__ = session.Session.initialize.__doc__


def __getattr__(name):
    # the stores too, loaded when they are asked for
    if name in ('MemoryStore', 'FolderStore', 'RedisStore'):
        from . import stores
        return getattr(stores, name)
    raise AttributeError(name)

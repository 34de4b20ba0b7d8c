"""Sessions on CPython: ``session`` takes these names at its end."""
from . import session
from ._keys import check
from ._mistakes import named
from .cookies import set_cookie
from .microdot import Microdot, Response

_check_empty = session.check_key


def check_key(key):
    """See that a key is one that not everybody has.

    :raises ValueError: it is empty, or that of an example. One of less than
                        32 bytes is warned of.
    :raises TypeError: it is neither text nor bytes.
    """
    _check_empty(key)
    if not isinstance(key, (str, bytes, bytearray, memoryview)) and \
            not hasattr(key, '__bytes__'):
        raise TypeError('a secret key is text or bytes; this is %s'
                        % named(key))
    check(key if isinstance(key, str) else bytes(key))


class Session(session.Session):
    __doc__ = session.Session.__doc__
    __module__ = session.__name__

    #: Bytes of the cookie, name and value: a larger session cannot be saved,
    #: a larger cookie is ignored. Browsers have no room for more than 4,096,
    #: and it comes back in one header line, see ``Request.max_readline``.
    max_cookie_size = 4096

    def keys(self, secret_key=None):
        keys = secret_key or self.secret_key or ''
        if not isinstance(keys, (list, tuple)):
            keys = (keys,)
        # (a Secret of config is text on boards, and here what has bytes)
        return super().keys([
            bytes(key) if hasattr(key, '__bytes__') else key for key in keys])

    keys.__doc__ = session.Session.keys.__doc__

    def initialize(self, app, secret_key=None, cookie_options=None):
        if not isinstance(app, Microdot):
            raise TypeError('the application comes first: Session(app, '
                            'secret_key); this is %s' % named(app))
        super().initialize(app, secret_key, cookie_options)
        self._see_arguments()
        app.request_attributes['session'] = self.get
        if hasattr(self.store, 'attach'):
            self.store.attach(self, app)

    def _see_arguments(self):
        # They are first used when a session is saved, and that would be a
        # 500 each time.
        if isinstance(self.store, type):
            raise TypeError('store is an object, such as %s(), and not its '
                            'class' % self.store.__name__)
        if hasattr(self.max_age, 'total_seconds'):
            self.max_age = int(self.max_age.total_seconds())
        if not isinstance(self.max_age, (int, float, type(None))):
            raise TypeError('max_age is a number of seconds; this is %s: %r'
                            % (named(self.max_age), self.max_age))
        try:
            set_cookie(Response(), self.cookie_name, '',
                       **self.cookie_options or {})
        except (TypeError, ValueError) as exc:
            raise type(exc)('cookie_name and cookie_options are arguments of '
                            'set_cookie(): %s' % exc) from None

    initialize.__doc__ = session.Session.initialize.__doc__


def __getattr__(name):
    # the stores too, loaded when they are asked for
    if name in ('MemoryStore', 'FolderStore', 'RedisStore'):
        from . import stores
        return getattr(stores, name)
    raise AttributeError(name)

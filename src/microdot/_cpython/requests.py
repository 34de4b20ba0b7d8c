"""What a request and its parts have on CPython alone."""
from typing import Any

from .. import _streams
from .. import microdot as core

# Makes what is asked for first. The attributes below call it, and install()
# takes it from the class.
_make = core.Request.__getattr__


class _Made:
    # An attribute that the core makes when it is first read.
    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, request, owner=None):
        return self if request is None else _make(request, self.name)


class _Asked:
    # An attribute that an extension has a function for, if the application
    # of the request has that extension.
    def __init__(self, name, missing=None):
        self.name = name
        self.missing = missing or \
            "'Request' object has no attribute %r" % name

    def __get__(self, request, owner=None):
        if request is None:
            return self
        for app in (request.app, request.subapp):
            function = getattr(app, 'request_attributes', {}).get(self.name)
            if function:
                return function(request)
        raise AttributeError(self.missing)


class RequestAttributes(dict):
    """By name functions ``f(request)``: what ``request.NAME`` gives, where
    the request has no such attribute."""

    def __setitem__(self, name, function):
        if not hasattr(Request, name):
            setattr(Request, name, _Asked(name))
        super().__setitem__(name, function)

    def refuse(self, *args, **kwargs):
        """Stand in for the methods that are not needed.

        :raises TypeError: always.
        """
        raise TypeError('request_attributes takes one function at a time: '
                        'app.request_attributes[name] = function')

    setdefault = update = __ior__ = refuse


class Body(core.Stream):
    """The body of a request that is on a connection: it knows when that goes
    on with the next request, whose body is not for who still reads."""

    def __init__(self, request, conn):
        self.request = request
        self._conn = conn

    @property
    def conn(self):
        if self._conn.request is not self.request:
            raise RuntimeError('read the body before you answer')
        return self._conn

    async def read(self, n=-1):
        return await self.conn.read(n)

    async def readexactly(self, n):
        return await self.conn.readexactly(n)

    async def readuntil(self, separator=b'\n'):
        return await self.conn.readuntil(separator)

    async def readline(self):
        return await self.conn.readline()

    def __getattr__(self, name):
        return getattr(self._conn, name)


def _stream(request):
    stream = request._get_stream()
    return Body(request, stream) if isinstance(stream, core.Connection) \
        else stream


class Request(core.Request):
    max_content_length = max_body_length = 1024 * 1024
    max_readline = 8 * 1024
    max_header_size = 32 * 1024
    max_headers = 100
    max_members = 200
    max_fields = 1000
    args = _Made()
    headers = _Made()
    cookies = _Made()
    g = _Made()
    host = _Made()
    stream = property(_stream, doc='The body as an asynchronous stream.')
    json = property(core.Request._get_json,
                    doc='The body parsed as JSON, or ``None``.')
    form = property(core.Request._get_form, doc='The fields of a form as a '
                    ':class:`MultiDict`, or ``None``.')
    session = _Asked('session', 'request.session is there with Session(app, '
                     'key), see microdot.session')
    create = staticmethod(_streams.create_request)
    # Set by logs.AccessLog and proxies.TrustedProxies, which ask for them
    # with each request.
    access = None
    proxied = False

    def __repr__(self):
        return '<Request %s %r>' % (self.method, self.url)

    def __dir__(self):
        return sorted(name for name in super().__dir__() if name[:4] != '_get')


class MultiDict(core.MultiDict):
    def items_list(self):
        """Return a list of pairs of keys and values: a pair for each value.
        """
        return [(key, value) for key in self for value in self.getlist(key)]

    def poplist(self, key):
        """Remove a key; return the list of its values, empty without any."""
        values = self.getlist(key)
        if key in self:
            del self[key]
        return values

    def setlist(self, key, values):
        """Give a key these values, in place of those that it has."""
        self.poplist(key)
        for value in values:
            self[key] = value

    def to_dict(self, flat=True):
        """Return a plain dict: with the first value of each key, or, if not
        *flat*, with lists of all."""
        return {key: self[key] if flat else self.getlist(key)
                for key in self}


class Form(core.Values):
    """The texts of a form with files: as a dict, the first of each name."""
    kind: Any = 'form field'
    pairs: Any = ()  # what has come, in order, files too
    get = core.MultiDict.get

    def getlist(self, key, type=None):
        """Return all texts of *key* as a list, as that of a form of the
        other type does."""
        values = [value for name, value in self.pairs
                  if name == key and isinstance(value, str)]
        return list(map(type, values) if type else values)


class Files(core.Values):
    """The files of a form, by name."""
    kind: Any = 'file'


class AsyncBytesIO(core.AsyncBytesIO):
    awrite = _streams.AsyncBytesIO.awrite
    aclose = _streams.AsyncBytesIO.aclose

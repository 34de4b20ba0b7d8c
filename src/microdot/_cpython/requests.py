"""What a request and its parts have on CPython alone."""
from .. import _streams, methods
from .. import microdot as core


class Request(core.Request):
    # What boards find by __getattr__().
    stream = property(core.Request._get_stream)
    json = property(core.Request._get_json)
    form = property(core.Request._get_form)
    create = staticmethod(_streams.create_request)
    get_json = methods.get_json
    is_disconnected = methods.is_disconnected
    save = methods.save
    url_for = methods.request_url_for
    absolute_url = property(methods.absolute_url)
    base_url = property(methods.base_url)
    # Set by logs.AccessLog and proxies.TrustedProxies, which ask for them
    # with each request; without these they would ask __getattr__().
    access = None
    proxied = False

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            for app in (self.app, self.subapp):
                function = getattr(app, 'request_attributes', {}).get(name)
                if function:
                    return function(self)
            if name == 'session':
                raise AttributeError(
                    'request.session is there with Session(app, key), see '
                    'microdot.session') from None
            raise

    def __repr__(self):
        return '<Request %s %r>' % (self.method, self.url)

    def __dir__(self):
        names = {name for name in super().__dir__() if name[:4] != '_get'}
        return sorted(names | {'args', 'cookies', 'g', 'headers'})


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


class AsyncBytesIO(core.AsyncBytesIO):
    awrite = _streams.AsyncBytesIO.awrite
    aclose = _streams.AsyncBytesIO.aclose

"""Methods of applications and requests that need other modules.

The core loads this module when one of these is first asked for. On a board it
has to be there only then, and with it the module that the method needs.
"""
from .microdot import (
    HTTPException,
    MalformedBody,
    Microdot,
    Request,
    invoke_handler,
)

# --- Of applications --------------------------------------------------------

def url_for(*names, **args):
    """Return the path of a route, see :meth:`Microdot.url_for`."""
    from .urls import url_for
    return url_for(*names, **args)


def wrap_dispatch(self, wrapper, outermost=False):
    """Register a wrapper, see :meth:`Microdot.wrap_dispatch`."""
    from .wrapping import add_wrapper
    add_wrapper(self, wrapper, outermost)


def middleware(self, f=None, before_routing=False):
    """Register a middleware, see :meth:`Microdot.middleware`."""
    from .middleware import add
    return add(self, f, before_routing)


async def error_response(self, req, status_code, reason=None):
    """Return what the handler for a status code returns, or else
    ``(reason, status_code)``."""
    handler = self.error_handler(req, (status_code,))
    if handler:
        return await invoke_handler(handler, req)
    if self.json_errors:
        return self.plain_error(req, HTTPException(status_code, reason))
    return reason or 'N/A', status_code


def dress(f, methods, name, middleware):
    """Return handler, methods and name of a route, for a class of
    :mod:`microdot.views` or a handler with middleware around it."""
    handler, methods, label = f.as_handler(methods, name) \
        if hasattr(f, 'as_handler') else (f, methods or ('GET',), name)
    if middleware:
        from .middleware import around
        handler = around(handler, middleware)
        label = label or getattr(f, '__name__', None)
    return handler, methods, label


def answered(self, req, res):
    """Start what is to run after a response, see :meth:`Microdot.answered`.
    """
    if not self.background:
        from .background import Background
        self.background = Background(self)
    self.background.start(req, res)


# --- Of requests ------------------------------------------------------------

def get_json(self):
    """Return the body parsed as JSON, see :meth:`Request.get_json`."""
    try:
        value = self.json
    except MalformedBody as exc:
        exc.reason = str(exc)
        raise
    kind = (self.content_type or '').split(';', 1)[0].strip().lower()
    if value is None and kind != 'application/json' and \
            not kind.endswith('+json'):
        raise HTTPException(415, 'The body must be application/json')
    return value


async def save(self, path, max_size=None):
    """Write the body to a file, see :meth:`Request.save`."""
    from .uploads import save
    return await save(self, path, max_size)


async def is_disconnected(self):
    """Tell whether the client has left, see :meth:`Request.is_disconnected`.
    """
    from .background import has_left
    return await has_left(self)


def request_url_for(*names, **args):
    """Return the absolute URL of a route, see :meth:`Request.url_for`."""
    from .urls import request_url_for
    return request_url_for(*names, **args)


def absolute_url(self):
    """Return the URL of a request with scheme and host."""
    url = self.url
    if not url.startswith(self.root_path):
        url = self.root_path + url
    return self.scheme + '://' + self.host + url


def base_url(self):
    """Return the URL of a request with scheme and host, without the query."""
    return absolute_url(self).split('?', 1)[0]


# --- Of what a request has --------------------------------------------------

def malformed(pairs, key):
    """Return the error for a value that is not of the type that is wanted.
    """
    error = MalformedBody("malformed %s '%s'" % (pairs.kind or 'value', key))
    error.reason = str(error)
    return error


#: By class and name what is a method.
METHODS = {
    Microdot: {'url_for': url_for, 'wrap_dispatch': wrap_dispatch,
               'middleware': middleware, 'answered': answered,
               'error_response': error_response},
    Request: {'get_json': get_json, 'save': save,
              'is_disconnected': is_disconnected,
              'url_for': request_url_for},
}
#: By name what is an attribute of a request.
ATTRIBUTES = {'absolute_url': absolute_url, 'base_url': base_url}


def find(obj, name):
    """Return the attribute *name* of an application or a request.

    :raises AttributeError: there is none.
    """
    for cls, methods in METHODS.items():
        if isinstance(obj, cls):
            if name in methods:
                return lambda *args, **kwargs: methods[name](
                    obj, *args, **kwargs)
            if cls is Request and name in ATTRIBUTES:
                return ATTRIBUTES[name](obj)
    raise AttributeError(name)

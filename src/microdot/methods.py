"""Methods of applications, requests, responses and streams that not every
program needs, or that need other modules.

The core loads this module when one of these is first asked for. On a board it
has to be there only then, and with it the module that the method needs.
"""
from .microdot import (
    Disconnected,
    HTTPException,
    MalformedBody,
    Microdot,
    NoCaseDict,
    Request,
    Response,
    Stream,
    invoke_handler,
    parse_line,
)

#: The methods of standards that a handler may have (RFC 9110, section 9, RFC
#: 5789, and QUERY), so all but TRACE, which would show cookies.
STANDARD = ('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'HEAD',
            'OPTIONS')

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


def mount(self, subapp, url_prefix='', local=False, name=None, host=None):
    """Mount another application, see :meth:`Microdot.mount`."""
    from .mounting import mount
    mount(self, subapp, url_prefix, local, name, host)


def is_unknown(self, method):
    """Tell whether nobody knows a method (RFC 9110, section 15.6.2): no
    standard, and no route."""
    # (a comprehension would be a function: 48 bytes)
    for route in self.routes:
        if method in route.methods:
            return False
    method = method.upper()
    return method not in STANDARD and method != 'TRACE'


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


# --- Of requests and responses ----------------------------------------------

def after_response(*args, **kwargs):
    """``after_response(f, *args, **kwargs)``: call ``f(*args, **kwargs)`` once
    the response is out, or its client gone. Returns *f*."""
    # (an argument may be called f, or self)
    self, f = args[:2]
    if self.jobs is None:
        self.jobs = []
    self.jobs.append((f, args[2:], kwargs))
    return f


def set_cookie(self, *args, **kwargs):
    """Add a cookie, see :meth:`Response.set_cookie`."""
    from .cookies import set_cookie
    set_cookie(self, *args, **kwargs)


def delete_cookie(self, cookie, **kwargs):
    """Make the client forget a cookie, see :meth:`Response.delete_cookie`.
    """
    from .cookies import delete_cookie
    delete_cookie(self, cookie, **kwargs)


def map_pieces(self, f):
    """Send ``f(piece)`` for each piece of a body, see
    :meth:`Response.map_pieces`."""
    from .middleware import map_pieces
    map_pieces(self, f)


def cookies(self):
    """Return the cookies of a request, which has them from then on."""
    from .cookies import parse_cookies
    self.cookies = parse_cookies(self.fields.get('cookie', ''))
    return self.cookies


def take_headers(req, headers):
    """Give a request its headers, which are not from the wire.

    :param headers: a dict.
    """
    req.headers = NoCaseDict(headers)
    req.headers.kind = 'header'
    req.fields = {}
    for name in req.headers:
        req.fields[name.lower()] = req.headers[name]



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

def getlist(self, key):
    """Return all values of a header, see :meth:`NoCaseDict.getlist`."""
    value = self.get(key, [])
    if not isinstance(value, str):
        return list(value)
    found = []
    for line in getattr(self, 'lines', ()):  # of a request
        name, item = parse_line(line)
        if name == key.lower():
            found.append(item)
    # (what has been set since is one)
    return found if found and ', '.join(found) == value else [value]


async def readexactly(self, n):
    """Read *n* bytes, see :meth:`Stream.readexactly`."""
    # (a list of pieces may be many times as large as what is in them)
    data = bytearray()
    while len(data) < n:
        piece = await self.read(n - len(data))
        if not piece:
            raise EOFError if self.length else Disconnected
        data += piece
    return bytes(data)


async def readuntil(self, separator=b'\n'):
    """Read up to and including a separator, see :meth:`Stream.readuntil`."""
    line = b''
    most = Request.max_readline
    while most > 0 and line[-len(separator):] != separator:
        n = 1
        if self.left:
            # all that has been read ahead, but nothing that follows the
            # separator
            n = self.data.find(separator[-1:], self.pos) + 1 \
                or len(self.data)
            n = max(1, min(n - self.pos, most))
        piece = await self.read(n)
        if not piece:
            break
        line += piece
        most -= len(piece)
    return line


def unix_address(addr):
    """Return the address, which MicroPython's Unix port has raw, as
    ``(host, port)``, or ``None`` for one of a Unix socket."""
    import socket
    addr = socket.sockaddr(addr)
    return (socket.inet_ntop(addr[0], addr[1]), addr[2]) \
        if len(addr) > 2 else None


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
               'mount': mount, 'is_unknown': is_unknown,
               'error_response': error_response},
    Request: {'get_json': get_json, 'save': save,
              'is_disconnected': is_disconnected,
              'after_response': after_response,
              'url_for': request_url_for},
    Response: {'after_response': after_response, 'map_pieces': map_pieces,
               'set_cookie': set_cookie, 'delete_cookie': delete_cookie},
    Stream: {'readexactly': readexactly, 'readuntil': readuntil,
             'readline': readuntil},
    NoCaseDict: {'getlist': getlist},
}
#: By name what is an attribute of a request.
ATTRIBUTES = {'absolute_url': absolute_url, 'base_url': base_url,
              'cookies': cookies}


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

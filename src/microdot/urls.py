"""URLs made from the names of routes, and redirects to the path that was
meant.

An application that uses ``url_for`` or ``redirect_slashes`` loads this module.
On a board it has to be there only then.
"""
from .microdot import (
    HTTPException,
    URLPattern,
    redirect,
    urlencode,
)

try:
    from ._urls import URL  # noqa: F401, for programs
except ImportError:
    pass  # boards


def _routes(app, name):
    # (pattern, host, route) of all routes with that name, in order.
    found = [(route.pattern.url_pattern, None, route) for route in app.routes
             if route.subapp is None and name == (
                 route.name or getattr(route.handler, '__name__', None))]
    for subapp, prefix, _, label, host in app.mounts:
        if label is None:
            rest = name
        else:
            first, colon, rest = name.partition(':')
            if not colon or first != label:
                continue
        found += [(prefix + pattern, inner or host, route)
                  for pattern, inner, route in _routes(subapp, rest)]
    return found


def _build(url_pattern, args):
    # Returns a path, or raises ValueError.
    pattern = URLPattern(url_pattern)
    pattern.compile()
    path = ''
    names = []
    for i in range(len(pattern.segments)):
        segment = pattern.segments[i]
        if isinstance(segment, str):
            path += '/' + urlencode(segment)
            continue
        before, name, parser, after = segment
        if isinstance(name, tuple):
            value = parser.join(args, _text)
            names += name
        else:
            names.append(name)
            value = _text(args, name, parser)
            if i == pattern.span and not before:
                value = value.lstrip('/')  # as files are named
        # Clients resolve the segments "." and "..", and servers refuse NUL.
        parts = value.split('/') if i == pattern.span else \
            (before + value + after,)
        if not value or '\0' in value or '.' in parts or '..' in parts:
            raise ValueError('%s cannot be %r' % (name, value))
        value = urlencode(value)
        if i != pattern.span:
            value = value.replace('/', '%2F')
        path += '/' + urlencode(before) + value + urlencode(after)
    for name in args:
        if name not in names:
            raise ValueError('no parameter ' + name)
    if path[:2] == '//':
        raise ValueError('the path would name a host')
    return path


def _text(args, name, parser):
    # What stands for a parameter in a path.
    if name not in args:
        raise ValueError('no value for ' + name)
    text = str(args[name])
    if not text or parser(text) is None:
        raise ValueError('%s cannot be %r' % (name, text))
    return text


def _build_host(host, args):
    # Returns a host; takes its parameters out of the arguments.
    own = {}
    for segment in host.pattern.segments:
        if not isinstance(segment, str):
            for name in segment[1] if isinstance(segment[1], tuple) else \
                    segment[1:2]:
                if name in args:
                    own[name] = args.pop(name)
    path = _build(host.pattern.url_pattern, own)
    name = path[1:].replace('/', '.').lower()
    if '%' in name or '.' in path or host.pattern.match(path) is None:
        raise ValueError('no host can be %r' % name)
    return name


def _find(app, name, args):
    # Returns path, host and handler of the first route that fits.
    error = None
    for pattern, host, route in _routes(app, name):
        rest = dict(args)
        try:
            if host:
                host = _build_host(host, rest)
            return _build(pattern, rest), host, route.handler
        except ValueError as exc:
            error = error or exc
    raise ValueError('route %s: %s' % (name, error or 'there is none'))


def url_for(*names, **args):
    """Return the path of a route, see :meth:`Microdot.url_for`."""
    # A parameter of a route may have any name, also "self" or "name".
    self, name = names
    return _find(self, name, args)[0]


def request_url_for(*names, **args):
    """Return the absolute URL of a route, see :meth:`Request.url_for`."""
    self, name = names
    path, host, handler = _find(self.app, name, args)
    own = self.headers.get('Host') or 'localhost'
    if host:
        # the port is that of the server, or of what is before it
        colon = own.rfind(':')
        own = host + (own[colon:] if colon > own.rfind(']') else '')
    while handler and not hasattr(handler, 'is_websocket'):
        handler = getattr(handler, '__wrapped__', None)
    scheme = self.scheme.replace('http', 'ws') if handler else self.scheme
    return '%s://%s%s%s' % (scheme, own, self.root_path, path)


def redirect_slash(app, req):
    """Redirect to the path with, or without, a slash at its end, if a route
    matches that.

    :raises HTTPException: 307: the redirect.
    """
    path = req.route_path
    url, mark, query = req.url.partition('?')
    if path == '/' or path[:2] == '//':
        return
    # a host before the path has been taken off by the parser
    if path[-1:] == '/':
        req.route_path = path.rstrip('/')
        url = url.rstrip('/')
    else:
        req.route_path += '/'
        url += '/'
    route = app.match(req)[0]
    req.route_path = path
    if route and url[:2] != '//':
        # (encoded, since a client may take \ for a slash)
        raise HTTPException(307, 'Temporary Redirect',
                            redirect(url + mark + query).headers)

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


def _patterns(app, name):
    # The patterns of all routes with that name, in order.
    found = [route.pattern.url_pattern for route in app.routes
             if route.subapp is None and name == (
                 route.name or getattr(route.handler, '__name__', None))]
    for subapp, prefix, _, mount in app.mounts:
        if mount is None:
            rest = name
        else:
            first, colon, rest = name.partition(':')
            if not colon or first != mount:
                continue
        found += [prefix + pattern for pattern in _patterns(subapp, rest)]
    return found


def _build(url_pattern, args):
    # Returns a path, or raises ValueError.
    pattern = URLPattern(url_pattern)
    pattern.compile()
    path = ''
    names = []
    for i in range(len(pattern.segments)):
        segment = pattern.segments[i]
        if not isinstance(segment, str):
            before, name, parser, after = segment
            if name not in args:
                raise ValueError('no value for ' + name)
            names.append(name)
            value = str(args[name])
            # Clients resolve the segments "." and "..", and servers refuse
            # NUL.
            parts = value.split('/') if i == pattern.span else \
                (before + value + after,)
            if not value or parser(value) is None or '\0' in value or \
                    '.' in parts or '..' in parts:
                raise ValueError('%s cannot be %r' % (name, value))
            value = urlencode(value)
            if i != pattern.span:
                value = value.replace('/', '%2F')
            path += '/' + urlencode(before) + value + urlencode(after)
        else:
            path += '/' + urlencode(segment)
    for name in args:
        if name not in names:
            raise ValueError('no parameter ' + name)
    if path[:2] == '//':
        raise ValueError('the path would name a host')
    return path


def url_for(*names, **args):
    """Return the path of a route, see :meth:`Microdot.url_for`."""
    # A parameter of a route may have any name, also "self" or "name".
    self, name = names
    error = None
    for url_pattern in _patterns(self, name):
        try:
            return _build(url_pattern, args)
        except ValueError as exc:
            error = error or exc
    raise ValueError('route %s: %s' % (name, error or 'there is none'))


def request_url_for(*names, **args):
    """Return the absolute URL of a route, see :meth:`Request.url_for`."""
    self, name = names
    return '%s://%s%s%s' % (
        self.scheme, self.headers.get('Host') or 'localhost', self.root_path,
        self.app.url_for(name, **args))


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

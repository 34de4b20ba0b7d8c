"""URLs made from the names of routes, and redirects to the path that was
meant.

Importing this module adds ``url_for`` to :class:`Microdot` and
:class:`Request`, and gives ``Microdot.redirect_slashes`` its effect. On
CPython the package does so itself; on a board an application pays for what it
imports.
"""
from .microdot import (
    HTTPException,
    Microdot,
    Request,
    URLPattern,
    redirect,
    urlencode,
)


def _patterns(app, name):
    # The patterns of all routes with that name, in order.
    found = [route[1].url_pattern for route in app._routes
             if route[4] is None and
             name == (route[7] or getattr(route[2], '__name__', None))]
    for subapp, prefix, _, mount in app._mounts:
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
            # a client takes . and .. for steps, and a server no NUL
            parts = value.split('/') if i == pattern._span else \
                (before + value + after,)
            if not value or parser(value) is None or '\0' in value or \
                    '.' in parts or '..' in parts:
                raise ValueError('%s cannot be %r' % (name, value))
            value = urlencode(value)
            if i != pattern._span:
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
    """Return the path of a route, percent-encoded.

    :param name: the route's: given with ``name=``, or that of its function.
                 Those of an application mounted with a name follow that name
                 and a colon. Of several, the first that fits.
    :param args: a value for each parameter of the pattern.
    :raises ValueError: there is no such route, or the values do not fit.
    """
    # (any name may be that of a parameter)
    self, name = names
    error = None
    for url_pattern in _patterns(self, name):
        try:
            return _build(url_pattern, args)
        except ValueError as exc:
            error = error or exc
    raise ValueError('route %s: %s' % (name, error or 'there is none'))


def request_url_for(*names, **args):
    """Return the absolute URL of a route, at the scheme and host that this
    request was sent to. See :meth:`Microdot.url_for`.

    The host is the client's word. Where that is not to be trusted, as in a
    mail to somebody else, use a host of your own.
    """
    self, name = names
    return '%s://%s%s%s' % (
        self.scheme, self.headers.get('Host') or 'localhost', self.root_path,
        self.app.url_for(name, **args))


def not_found(self, req):
    path = req._path
    url, mark, query = req.url.partition('?')
    if self.redirect_slashes and path != '/' and path[:2] != '//':
        # a host before the path has been taken off by the parser
        if path[-1:] == '/':
            req._path = path.rstrip('/')
            url = url.rstrip('/')
        else:
            req._path += '/'
            url += '/'
        route, allow = self._match(req)
        req._path = path
        if (route or allow) and url[:2] != '//':
            # (encoded, since a client may take \ for a slash)
            raise HTTPException(307, 'Temporary Redirect',
                                redirect(url + mark + query).headers)
    return 404


#: Whether a path that no route matches is redirected to the same path with,
#: or without, a slash at its end, when a route matches that.
Microdot.redirect_slashes = False
Microdot.url_for = url_for
Microdot.not_found = not_found
Request.url_for = request_url_for

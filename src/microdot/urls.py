"""URLs made from the names of routes, redirects to the path that was meant,
and what patterns of routes have beside the usual.

An application that uses ``url_for``, ``redirect_slashes``, the types ``uuid``,
``date`` and ``any``, or several parameters in a segment loads this module. On
a board it has to be there only then.
"""
from .microdot import (
    HTTPException,
    URLPattern,
    expression,
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
    for subapp, prefix, _, mount, host in app.mounts:
        if mount is None:
            rest = name
        else:
            first, colon, rest = name.partition(':')
            if not colon or first != mount:
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
        if isinstance(parser, Several):
            value = parser.join(args)
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


def _parse(parser, text):
    # The value of a parameter, or None.
    try:
        return parser(text) if text else None
    except ValueError:
        return None


def _text(args, name, parser):
    # What stands for a parameter in a path.
    if name not in args:
        raise ValueError('no value for ' + name)
    text = str(args[name])
    if _parse(parser, text) is None:
        raise ValueError('%s cannot be %r' % (name, text))
    return text


class Several:
    """The parser of a segment with several parameters, such as
    ``<a>-<b>``: all but the last match the shortest text that their type
    takes."""
    def __init__(self, parts):
        self.parts = parts  # (name, parser, text behind it)

    def __call__(self, value):
        args = {}
        for name, parser, text in self.parts:
            found = None
            end = 0
            while found is None:
                end = value.find(text, end + 1) if text else len(value)
                if end < 0:
                    return None
                found = _parse(parser, value[:end])
                if found is None and not text:
                    return None
            args[name] = found
            value = value[end + len(text):]
        return args

    def join(self, args):
        """Return the text for some arguments.

        :raises ValueError: one is missing, or they would not be found again.
        """
        joined = ''
        for name, parser, text in self.parts:
            joined += _text(args, name, parser) + text
        found = self(joined)
        for name, parser, _ in self.parts:
            if not found or found[name] != parser(str(args[name])):
                raise ValueError('%r would be read otherwise' % joined)
        return joined


def check_uuid(text):
    """Return the text of a UUID (RFC 9562, section 4); ``None`` for any
    other."""
    parts = text.split('-')
    if [len(part) for part in parts] == [8, 4, 4, 4, 12] and \
            not ''.join(parts).strip('0123456789abcdefABCDEF'):
        return text


def check_date(text):
    """Return a date as ``YYYY-MM-DD``; ``None`` for any other text."""
    if len(text) == 10 and text[4] == text[7] == '-' and \
            not (text[:4] + text[5:7] + text[8:]).strip('0123456789'):
        year, month, day = int(text[:4]), int(text[5:7]), int(text[8:])
        leap = not year % 4 and (year % 100 or not year % 400)
        if year and 0 < month < 13 and 0 < day <= (
                31 - (month in (4, 6, 9, 11)) -
                (month == 2) * (2 if leap else 3)):
            return text


def _choice(texts):
    # The parser of any(a,b).
    texts = [text.strip() for text in texts.split(',')]
    return lambda value: value if value in texts else None


def _find_end(text):
    # The end of a parameter: a regular expression may have a ">".
    end = text.find('>')
    if text[:3] == 're:':
        while 0 <= end and ':' not in text[3:end]:
            end = text.find('>', end + 1)
    return end


def parse_segment(pattern, segment, names):
    """Parse a segment of a pattern that has several parameters, or one of a
    type that the core does not know. :class:`URLPattern` calls it.

    :param names: of the parameters so far; those of the segment are added.
    :return: text, name, parser, and text. For several parameters a tuple of
             names, and a parser that returns a dict.
    :raises ValueError: it is malformed.
    """
    before, _, rest = segment.partition('<')
    parts = []
    while rest:
        end = _find_end(rest)
        kind = rest[:end]
        colon = kind.rfind(':')
        name = kind[colon + 1:]
        kind = kind[:colon] if colon >= 0 else 'string'
        parser = pattern.segment_parsers.get(kind)
        if kind[:4] == 'any(' and kind[-1] == ')':
            parser = _choice(kind[4:-1])
        elif kind[:3] == 're:':
            parser = expression(kind[3:])
        elif not parser:
            parser = {'uuid': check_uuid, 'date': check_date}.get(kind)
        text, more, following = rest[end + 1:].partition('<')
        if end < 0 or not name or name in names or not parser or \
                '>' in text or more and (not text or not following) or \
                kind == 'path':
            raise ValueError('URL pattern ' + pattern.url_pattern)
        names.append(name)
        parts.append((name, parser, text))
        rest = following
    if len(parts) == 1:
        return before, name, parser, text
    parts[-1] = name, parser, ''
    return before, tuple([part[0] for part in parts]), Several(parts), text


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

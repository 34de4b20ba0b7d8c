"""Applications by host: ``Host`` of ``hosts.py``."""
from .hosts import host_name
from .microdot import URLPattern


class Host:
    """The host for which an application is mounted:
    ``app.mount(api, host='api.example.com')``. Ports do not matter, and
    neither do capitals.

    :param name: the name; each part between dots may have parameters, as the
                 segments of a pattern do: ``'<name>.example.com'``.
    :raises ValueError: it has a port, a path, a ``*``, a dot in front, or a
                        parameter for several parts or by an expression.
    """
    def __init__(self, name):
        # capitals of parameters stay
        parts = name.split('<')
        for i in range(len(parts)):
            kind, end, text = parts[i].rpartition('>')
            parts[i] = kind + end + text.lower()
        self.name = '<'.join(parts)
        self.pattern = URLPattern('/' + self.name.replace('.', '/'))
        self.pattern.compile()
        refused = name[:1] == '.' or '/' in name or '*' in name or \
            '<re:' in name or self.pattern.span is not None
        for segment in self.pattern.segments:
            if not isinstance(segment, str):
                segment = segment[0] + segment[3]
            if refused or ':' in segment and name[:1] != '[':
                raise ValueError('not the name of a host: %r' % name)

    def __call__(self, request, args):
        """Return the arguments of a route with those of the host, or
        ``None``: the request is for another host."""
        found = request and self.pattern.match(
            '/' + host_name(request).replace('.', '/'))
        if found is not None:
            found.update(args)
        return found

"""Which hosts an application answers for, which of its parts are for one of
them, and TLS for all."""
from .microdot import Response, URLPattern, redirect


def host_name(request):
    """Return the host of a request in lower case, without port and a dot at
    the end; of an IPv6 address with its brackets. Empty if there is none."""
    host = request.fields.get('host', '').lower()
    colon = host.rfind(':')
    if colon > host.find(']'):
        host = host[:colon]
    return host[:-1] if host[-1:] == '.' else host


def is_local(host):
    """Tell whether a host is this machine, a private or link-local address,
    or a name that ends in ``.local``."""
    if host[:1] == '[':
        return host == '[::1]' or host[1:6] == 'fe80:' or \
            host[1:3] in ('fc', 'fd') and ':' in host
    if host == 'localhost' or host[-6:] == '.local':
        return True
    if not host.replace('.', '').encode().isdigit():
        return False
    # (CPython refuses to read a number of thousands of digits)
    parts = [int(part) if 0 < len(part) < 4 else 256
             for part in host.split('.')]
    return len(parts) == 4 and max(parts) < 256 and (
        parts[0] in (10, 127) or parts[:2] in ([192, 168], [169, 254]) or
        parts[0] == 172 and 16 <= parts[1] < 32)


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


class TrustedHosts:
    """Answers requests for other hosts with 400: their ``Host`` is the
    client's word, or that of a page whose name has been pointed here.

    :param hosts: names, or ``'*.example.com'`` for all below one.
    :param redirect_www: whether ``example.com`` is redirected to
                         ``www.example.com``, where only that is named.
    :param lan: whether this machine's own name, private addresses and names
                in ``.local`` are trusted too.
    :raises ValueError: a name has a port, a path, or another ``*``.
    """
    def __init__(self, app, hosts=(), redirect_www=False, lan=False):
        self.hosts = list(map(str.lower, hosts))
        self.redirect_www = redirect_www
        self.lan = lan
        for host in self.hosts:
            name = host[2:] if host[:2] == '*.' else host
            if not name or '*' in name or '/' in name or \
                    ':' in name and name[-1] != ']':
                raise ValueError('not the name of a host: %r' % host)
        if lan:
            try:
                from network import hostname  # a board
            except ImportError:
                try:
                    from socket import gethostname as hostname
                except ImportError:
                    hostname = str
            self.hosts.append(hostname().lower())
        app.wrap_dispatch(self)

    def is_trusted(self, host):
        """Tell whether a host, in lower case and without port, is one."""
        if not host:
            return False
        for one in self.hosts:
            if host == one or one[:2] == '*.' and \
                    host.endswith(one[1:]) and len(host) >= len(one):
                return True
        return self.lan and is_local(host)

    async def __call__(self, request, call_next):
        host = host_name(request)
        if self.is_trusted(host):
            return await call_next(request)
        if self.redirect_www and request.url[:1] == '/' and \
                self.is_trusted('www.' + host):
            return redirect('%s://www.%s%s' % (
                request.scheme, request.fields['host'], request.url), 307)
        return Response('Unknown host', 400)


class RedirectHTTPS:
    """Redirects requests that came without TLS to the same URL with it.
    Behind a proxy that ends TLS, see ``TrustedProxies``. The host is the
    client's word, see :class:`TrustedHosts`.

    :param hsts: seconds for which browsers are told to use TLS only, 0: they
                 are not (RFC 6797). Said over TLS alone.
    """
    def __init__(self, app, hsts=31536000):
        self.hsts = hsts
        app.wrap_dispatch(self)
        app.finishers.append(self.finish)

    async def __call__(self, request, call_next):
        host = host_name(request)
        if request.scheme == 'https' or request.url[:1] != '/' or not host:
            return await call_next(request)
        return redirect('https://%s%s' % (host, request.url), 307)

    def finish(self, request, response):
        """Add ``Strict-Transport-Security`` to a response over TLS."""
        if self.hsts and request and request.scheme == 'https':
            response.headers.setdefault('Strict-Transport-Security',
                                        'max-age=%d' % self.hsts)

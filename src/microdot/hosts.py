"""Which hosts an application answers for.

``Host``, for parts of an application, and ``RedirectHTTPS`` have modules of
their own, which are loaded when used. On CPython the sibling ``_hosts`` looks
at the names that are given, and knows IPv6.
"""
from .microdot import Response


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
    if not host.replace('.', '').encode().isdigit():
        return host == 'localhost' or host[-6:] == '.local'
    # (CPython refuses to read a number of thousands of digits)
    parts = []
    for part in host.split('.'):
        if not 0 < len(part) < 4 or int(part) > 255:
            return False
        parts.append(int(part))
    return len(parts) == 4 and (
        parts[0] == 10 or parts[0] == 127 or
        parts[:2] in ([192, 168], [169, 254]) or
        parts[0] == 172 and 16 <= parts[1] < 32)


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
        if lan:
            try:
                from network import hostname
                self.hosts.append(hostname().lower())
            except ImportError:
                pass  # no network
        app.wrap_dispatch(self)

    def is_trusted(self, host):
        """Tell whether a host, in lower case and without port, is one."""
        for one in self.hosts:
            if host == one or one[:2] == '*.' and \
                    host.endswith(one[1:]) and len(host) >= len(one):
                return host != ''
        return self.lan and is_local(host)

    async def __call__(self, request, call_next):
        if self.is_trusted(host_name(request)):
            return await call_next(request)
        if self.redirect_www:
            from .redirects import redirect_www
            return redirect_www(self, request)
        return Response('Unknown host', 400)


def __getattr__(name):
    if name == 'Host':
        from . import vhosts as module
    else:
        from . import redirects as module
    return getattr(module, name)


if getattr(TrustedHosts, '__hash__', None):
    # no class of a board has that (hasattr would be one more name: 16 bytes)
    from ._hosts import TrustedHosts, is_local  # noqa: F401

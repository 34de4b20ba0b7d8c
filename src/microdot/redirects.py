"""Other URLs for a host: ``RedirectHTTPS`` of ``hosts.py``, and the
``redirect_www`` of its ``TrustedHosts``."""
from .hosts import host_name
from .microdot import Response, redirect


def redirect_www(trusted, request):
    """Return a redirect to the host with ``www.`` before it where a
    :class:`TrustedHosts` trusts that one, or else the refusal."""
    if request.url[:1] == '/' and \
            trusted.is_trusted('www.' + host_name(request)):
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
        app.wrap_dispatch(self)
        if hsts:
            from .hsts import add_hsts
            add_hsts(app, hsts)

    async def __call__(self, request, call_next):
        host = host_name(request)
        if request.scheme == 'https' or request.url[:1] != '/' or not host:
            return await call_next(request)
        return redirect('https://%s%s' % (host, request.url), 307)

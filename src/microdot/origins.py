"""Where a browser says that a request comes from."""


def without_port(scheme, host):
    """Return a host without the port that its scheme has anyway: browsers
    leave that out of ``Origin`` (RFC 6454, section 6.2), others may not."""
    end = ':443' if scheme == 'https' else ':80'
    return host[:-len(end)] if host.endswith(end) else host


def fits_host(host, own, subdomains=False):
    """Tell whether a host, perhaps with a port, is another or, if told so,
    a subdomain of that."""
    return host == own or subdomains and host.endswith('.' + own) and \
        '/' not in host


def is_own_origin(request, origin, subdomains=False):
    """Tell whether an ``Origin`` is that of the request itself. Behind a proxy
    that is what :class:`microdot.proxies.TrustedProxies` has found.

    The scheme may not be known here, where a proxy ends TLS: so ``https`` is
    taken for ``http``. But what came over TLS is not for pages that did not.

    :param subdomains: whether it may be that of a subdomain.
    """
    scheme, _, host = origin.partition('://')
    # (the dict of headers would be built, and a WebSocket would keep it)
    own = without_port(scheme, request.fields.get('host', '').lower())
    return own != '' and fits_host(
        without_port(scheme, host), own, subdomains) and (
        scheme == 'https' or scheme == 'http' and request.scheme != 'https')

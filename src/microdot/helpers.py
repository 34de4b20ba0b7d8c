"""Functions that several extensions share. The core needs none of them."""

from .microdot import Response, dump_json, reason_phrase, urlencode

try:
    from functools import wraps
except ImportError:
    def wraps(f):
        """Decorator for a function that takes the place of *f*.

        It is ``functools.wraps``. Functions of boards have no attributes, so
        that the wrapper cannot get the name of *f* there::

            @wraps(f)
            async def wrapper(request, **kwargs):
                return await invoke_handler(f, request, **kwargs)
        """
        return _unchanged

    def _unchanged(wrapper):
        return wrapper


def add_vary(request, name):
    """Say that the response depends on a header of the request: caches keep
    one response for each of its values (RFC 9110, section 12.5.5).

    It ends up in the ``Vary`` header, of error responses too.
    """
    if request.vary is None:
        request.vary = []
        finishers = request.app.finishers
        if finish_vary not in finishers:
            finishers.append(finish_vary)
    if name not in request.vary:
        request.vary.append(name)


def finish_vary(request, response):
    """Put the names that :func:`add_vary` has been given into ``Vary``."""
    if request and request.vary:
        value = response.headers.get('Vary') or ''
        if isinstance(value, (list, tuple)):
            value = ','.join(value)
        names = [name.strip() for name in str(value).split(',') if name]
        for name in request.vary:
            if name not in names:
                names.append(name)
        response.headers['Vary'] = ', '.join(names)


def json_form(value):
    """Return *value* as JSON can have it on a board: ``None`` for what is no
    number or infinite, and for what has no form what
    ``Response.json_encoder`` returns for it."""
    if isinstance(value, dict):
        return {key: json_form(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_form(item) for item in value]
    if isinstance(value, float):
        # infinity less itself is no number, which does not equal itself
        return value if value - value == 0 else None
    encoder = Response.json_encoder
    if encoder and not isinstance(value, (str, int, type(None))):
        return json_form(encoder(value))
    return value


def html(text, status=200, headers=None):
    """Make a response of HTML.

    :param text: ``str``, or ``bytes`` in UTF-8.
    :param headers: a dict of more headers.
    """
    return typed(text, status, headers, 'text/html; charset=UTF-8')


def json_response(value, status=200, headers=None):
    """Make a response of any value as JSON: also of ``None``, text, a number.

    :param headers: a dict of more headers.
    """
    return typed(dump_json(value), status, headers,
                 'application/json; charset=UTF-8')


def problem(status, detail=None, headers=None):
    """Make a response that tells an error as JSON (RFC 9457)."""
    title = reason_phrase(status) or '%d error' % status
    headers = dict(headers or {})
    headers['Content-Type'] = 'application/problem+json'
    members = {'type': 'about:blank', 'title': title, 'status': status}
    if isinstance(detail, dict):
        members.update(detail)  # such as a list of faults
    else:
        members['detail'] = detail or title
    return json_response(members, status, headers)


def typed(body, status, headers, content_type):
    """Make a response of a content type, unless the headers name another."""
    response = Response(body, status, headers)
    response.headers.setdefault('Content-Type', content_type)
    return response


def below_root(request, url):
    """Return a path of the application as clients know it: with the prefix
    of a gateway. A URL with a host stays as it is."""
    return request.root_path + url \
        if url[:1] == '/' and url[:2] != '//' else url


def login_url(request, url, most):
    """Return the URL of a login page, with the one to come back to as
    ``next``, unless that is longer than *most*."""
    url = below_root(request, url)
    target = urlencode(request.url)
    if len(target) <= most:
        url += ('&' if '?' in url else '?') + 'next=' + target
    return url


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

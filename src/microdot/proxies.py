"""What a reverse proxy says of the client: ``X-Forwarded-For``, ``-Proto``,
``-Host`` and ``-Prefix``, believed of named proxies only.
"""
from .microdot import parse_host, parse_list

try:
    from ._rootpath import believe, check_proxies, finish
except ImportError:
    believe = None  # boards


def _parse_ipv4(text):
    # The number of an address, or None.
    parts = text.split('.')
    number = 0
    for part in parts:
        if not part or len(part) > 3 or part.strip('0123456789') or \
                int(part) > 255 or str(int(part)) != part:
            raise ValueError('address')
        number = number << 8 | int(part)
    if len(parts) != 4:
        raise ValueError('address')
    return number


def _unmap(host):
    # An IPv4 address as a server for both kinds sees it (RFC 4291, section
    # 2.5.5.2), without what comes before.
    return host[7:] if host[:7] == '::ffff:' and '.' in host else host


def _check_ipv6(text):
    # RFC 4291, section 2.2
    start = text.rfind(':') + 1
    if '.' in text[start:]:
        _parse_ipv4(text[start:])
        text = text[:start] + '0:0'
    parts = text.split('::')
    groups = ':'.join(filter(None, parts)).split(':')
    if len(parts) > 2 or len(groups) > 9 - len(parts) or \
            len(parts) == 1 and len(groups) < 8:
        raise ValueError('address')
    for group in groups:
        if len(group) > 4 or group.strip('0123456789abcdefABCDEF') or \
                not group and text != '::':
            raise ValueError('address')


def _parse_node(text):
    # An address as proxies write it, perhaps with a port, as (host, port).
    text = text.strip()
    if text[:1] == '[':
        host, bracket, port = text[1:].partition(']')
        if not bracket or port[:1] not in ('', ':') or ':' not in host:
            raise ValueError('address')
        port = port[1:]
    elif text.count(':') == 1:
        host, _, port = text.partition(':')
    else:
        host, port = text, ''
    if ':' in host:
        _check_ipv6(host)
    else:
        _parse_ipv4(host)
    if port and (len(port) > 5 or port.strip('0123456789') or
                 int(port) > 65535):
        raise ValueError('port')
    return host.lower(), int(port or 0)


class TrustedProxies:
    """A middleware that takes the client's address, scheme and host from the
    headers that named proxies set, and from nobody else.

    ``app.middleware(TrustedProxies('127.0.0.1', '10.0.0.0/8'))``, before any
    other. It changes ``request.client_addr`` (port 0 when none is said),
    ``request.scheme`` and the ``Host`` header, and an ``X-Request-ID`` that
    came with the request is its id for :class:`microdot.logs.AccessLog`. On
    CPython ``X-Forwarded-Prefix`` is the ``request.root_path`` of a request
    that has none.

    :param proxies: addresses (IPv4, or IPv6 as ``client_addr`` shows them),
                    IPv4 networks, or ``'unix'`` for a peer without address.
    :param host: whether to believe ``X-Forwarded-Host``. Not every proxy sets
                 it, and one that does not lets the client's own through.
    :raises ValueError: a malformed address or network.
    :raises TypeError: (CPython) a proxy is not named as text.
    """

    #: Bytes of an ``X-Forwarded-Prefix``; one with more is ignored.
    max_prefix = 256

    def __init__(self, *proxies, host=False):
        self.hosts = []
        self.networks = []
        self.host = host
        if believe is not None:
            check_proxies(proxies)
        for proxy in proxies:
            network, slash, bits = proxy.partition('/')
            if slash:
                shift = 32 - int(bits)
                if not 0 <= shift <= 32:
                    raise ValueError('network')
                self.networks.append((_parse_ipv4(network) >> shift, shift))
            else:
                if proxy != 'unix' and ':' not in proxy:
                    _parse_ipv4(proxy)
                self.hosts.append(_unmap(proxy.lower()))

    def trusts(self, host):
        """Tell whether *host*, an address or ``None``, is a named proxy."""
        if not host:
            return 'unix' in self.hosts
        try:
            host = _unmap(host)
            if host in self.hosts:
                return True
            number = _parse_ipv4(host)
        except (ValueError, TypeError, AttributeError):
            return False  # IPv6, or not even text
        for network, shift in self.networks:
            if number >> shift == network:
                return True
        return False

    async def __call__(self, request, call_next):
        addr = request.client_addr
        if self.trusts(addr[0] if isinstance(addr, tuple) else addr):
            self._believe(request)
        res = await call_next(request)
        if believe is not None:
            finish(request, res)
        return res

    def _believe(self, request):
        request.proxied = True
        access = getattr(request, 'access', None)
        if access:
            access.identify(request)  # the log is around this
        headers = request.headers
        # Each proxy appends the address of its peer: from the end, up to the
        # first that is not one of ours. What is left of that is hearsay.
        nodes = parse_list(headers.get('X-Forwarded-For', ''))
        while nodes:
            try:
                node = _parse_node(nodes.pop())
            except ValueError:
                break
            request.client_addr = node
            if not self.trusts(node[0]):
                break
        # of these the nearest proxy has written the last
        scheme = headers.get('X-Forwarded-Proto', '')
        scheme = scheme.rpartition(',')[2].strip().lower()
        if scheme in ('http', 'https'):
            request.scheme = scheme
        prefix = headers.get('X-Forwarded-Prefix', '')
        if believe is not None:
            believe(request, prefix.rpartition(',')[2].strip(),
                    self.max_prefix)
        host = headers.get('X-Forwarded-Host', '').rpartition(',')[2].strip()
        if self.host and host:
            try:
                # Programs that read one header must agree with programs that
                # read the other.
                request.fields['host'] = headers['Host'] = parse_host(host)
            except ValueError:
                pass  # the proxy's own will do

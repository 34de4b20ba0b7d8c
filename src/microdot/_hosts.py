"""What ``hosts`` has on CPython: it takes these names at its end."""
import socket

from . import hosts

_without_ipv6 = hosts.is_local


def is_local(host):
    """Tell whether a host is this machine, a private or link-local address,
    or a name that ends in ``.local``."""
    if host[:1] == '[':
        return host == '[::1]' or host[1:6] == 'fe80:' or \
            host[1:3] in ('fc', 'fd') and ':' in host
    return _without_ipv6(host)


class TrustedHosts(hosts.TrustedHosts):
    __doc__ = hosts.TrustedHosts.__doc__
    __module__ = hosts.__name__

    def __init__(self, app, hosts=(), redirect_www=False, lan=False):
        if isinstance(hosts, str):
            raise TypeError('hosts is a list: [%r]' % hosts)
        hosts = [host.lower() for host in hosts]
        for host in hosts:
            name = host[2:] if host[:2] == '*.' else host
            if not name or '*' in name or '/' in name or \
                    ':' in name and name[-1] != ']':
                raise ValueError('not the name of a host: %r' % host)
        if lan:
            hosts.append(socket.gethostname().lower())
        super().__init__(app, hosts, redirect_www, lan)

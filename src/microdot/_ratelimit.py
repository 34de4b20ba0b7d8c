"""What CPython's limits know beside those of boards; see ``ratelimit.py``."""
from functools import wraps
from ipaddress import IPv6Address

from . import ratelimit

_client_address = ratelimit.client_address
_limit = ratelimit.limit


def client_address(request):
    host = _client_address(request)
    if ':' not in host:
        return host
    try:
        found = IPv6Address(host.partition('%')[0])
    except ValueError:
        return host
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return '%x/64' % (int(found) >> 64)


class Limiter(ratelimit.Limiter):
    __doc__ = ratelimit.Limiter.__doc__

    max_keys = 10000
    redis = None

    def __init__(self, rate, redis=None):
        super().__init__(rate)
        if redis:
            from ._redis import RedisLimiter
            self.redis = RedisLimiter(redis)

    async def hit(self, key):
        if self.redis:
            return await self.redis.hit(key, self.count, self.period)
        return await super().hit(key)

    hit.__doc__ = ratelimit.Limiter.hit.__doc__


@wraps(_limit)
def limit(rate, key=None, redis=None):
    decorate = _limit(rate, key, redis)
    return lambda f: wraps(f)(decorate(f))


client_address.__doc__ = _client_address.__doc__

"""What CPython's limits know beside those of boards; see ``ratelimit.py``,
which takes the names of this module at its end."""
from functools import wraps
from ipaddress import IPv6Address
from time import monotonic_ns as time_ns  # one that nobody sets

from .microdot import abort, invoke_handler

__all__ = ['RateLimit', 'client_address', 'complete', 'limit', 'time_ns']


def client_address(request):
    """Return the address of a request's client, as text. Of IPv6 that is the
    network, as a client has 2^64 addresses."""
    address = request.client_addr
    host = str(address[0]) if address else ''
    if ':' not in host:
        return host
    try:
        found = IPv6Address(host.partition('%')[0])
    except ValueError:
        return host
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return '%x/64' % (int(found) >> 64)


def complete(base):
    """Return CPython's ``Limiter``, derived from that of boards."""
    class Limiter(base):
        """Counts by keys, each allowed so many hits in a period: all at once,
        and then one whenever as much of the period has passed.

        :param rate: such as ``'100/minute'``; also ``second``, ``hour``,
                     ``day``.
        :param redis: the URL of a Redis that counts for all processes.
        """
        #: Keys that are counted; more, and those longest unused are forgotten.
        max_keys = 10000
        redis = None

        def __init__(self, rate, redis=None):
            try:
                super().__init__(rate)
            except ValueError:
                raise ValueError("a rate is such as '100/minute', not %r"
                                 % (rate,)) from None
            if redis:
                from ._redis import RedisLimiter
                self.redis = RedisLimiter(redis)

        async def hit(self, key):
            """Count a hit.

            :return: how many more are allowed now, and the milliseconds until
                     the next is; -1: this was not allowed.
            """
            if self.redis:
                return await self.redis.hit(key, self.count, self.period)
            left, wait = await super().hit(key)
            return left, max(wait, 0)

        async def check(self, request, key=None):
            """Count a request; return headers that tell what is left.

            :param key: ``f(request)``, as that of :class:`RateLimit`.
            :raises HTTPException: 429: too many.
            """
            key = (key or client_address)(request)
            if key is None:
                return {}
            left, wait = await self.hit(key)
            seconds = str(max((wait + 999) // 1000, 1))
            headers = {
                'RateLimit-Policy': '"default";q=%d;w=%d' % (
                    self.count, self.period // 1000),
                'RateLimit': '"default";r=%d;t=%s' % (max(left, 0), seconds)}
            if left < 0:
                headers['Retry-After'] = seconds
                abort(429, None, headers)
            return headers

    Limiter.__module__ = base.__module__
    Limiter.__qualname__ = base.__qualname__
    return Limiter


def limiter_class():
    """Return what :func:`complete` has made."""
    from .ratelimit import Limiter
    return Limiter


class RateLimit:
    """Limits the requests of each client of an application, also those that
    no route matches.

    :param key: ``f(request)``, what to count by: text, or ``None`` for no
                limit. By default the client's address.
    """
    def __init__(self, app, rate, key=None, redis=None):
        self.limiter = limiter_class()(rate, redis)
        self.key = key
        app.wrap_dispatch(self._limit)

    async def _limit(self, request, call_next):
        headers = await self.limiter.check(request, self.key)
        res = await call_next(request)
        if res.status_code:
            for name in headers:
                res.headers.setdefault(name, headers[name])
        return res


def limit(rate, key=None, redis=None):
    """Decorator: limit the requests of each client to a handler. It goes
    between the route and the function, and counts for all that it is used
    for together. The arguments are those of :class:`RateLimit`."""
    limiter = limiter_class()(rate, redis)

    def decorated(f):
        @wraps(f)
        async def wrapper(request, *args, **kwargs):
            await limiter.check(request, key)
            return await invoke_handler(f, request, *args, **kwargs)
        return wrapper
    return decorated

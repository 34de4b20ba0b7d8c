"""Limits of how often a client may ask."""
import time
from collections import OrderedDict

from .helpers import wraps
from .microdot import abort, invoke_handler

_PERIODS = {'second': 1000, 'minute': 60000, 'hour': 3600000,
            'day': 86400000}
_clock = getattr(time, 'monotonic_ns', None) or time.time_ns

try:
    from ipaddress import IPv6Address
except ImportError:
    IPv6Address = None  # boards


def client_address(request):
    """Return the address of a request's client, as text. Of IPv6 that is the
    network, as a client has 2^64 addresses."""
    address = request.client_addr
    host = str(address[0]) if address else ''
    if IPv6Address and ':' in host:
        try:
            found = IPv6Address(host.partition('%')[0])
            if found.ipv4_mapped:
                return str(found.ipv4_mapped)
            return '%x/64' % (int(found) >> 64)
        except ValueError:
            pass
    return host


class Limiter:
    """Counts by keys, each allowed so many hits in a period: all at once, and
    then one whenever as much of the period has passed.

    :param rate: such as ``'100/minute'``; also ``second``, ``hour``, ``day``.
    :param redis: the URL of a Redis that counts for all processes.
    """
    #: Keys that are counted; more, and those longest unused are forgotten.
    max_keys = 10000 if IPv6Address else 64

    redis = None

    def __init__(self, rate, redis=None):
        count, _, period = rate.partition('/')
        if not count.isdigit() or int(count) < 1 or period not in _PERIODS:
            raise ValueError("a rate is such as '100/minute', not %r" % rate)
        self.count = int(count)
        self.period = _PERIODS[period]
        self.hits = OrderedDict()
        if redis:
            from ._redis import RedisLimiter
            self.redis = RedisLimiter(redis)

    async def hit(self, key):
        """Count a hit.

        :return: how many more are allowed now, and the milliseconds until
                 the next is; -1: this was not allowed.
        """
        now = _clock() // 1000000
        if self.redis:
            return await self.redis.hit(key, self.count, self.period)
        hits = self.hits
        step = self.period / self.count
        # The time at which all is allowed again; boards' clocks may be set.
        end = hits.pop(key, 0)
        if not now < end <= now + self.period:
            end = now
        allowed = end + step <= now + self.period + 1
        if allowed:
            end += step
        hits[key] = end
        while len(hits) > self.max_keys:
            hits.pop(next(iter(hits)))
        left = int((now + self.period + 1 - end) / step)
        wait = end + step - now - self.period
        return left if allowed else -1, max(int(wait), 0)

    async def check(self, request, key):
        """Count a request; return headers that tell what is left.

        :raises HTTPException: 429: too many.
        """
        left, wait = await self.hit(key)
        seconds = max((wait + 999) // 1000, 1)
        headers = {
            'RateLimit-Policy': '"default";q=%d;w=%d' % (
                self.count, self.period // 1000),
            'RateLimit': '"default";r=%d;t=%d' % (max(left, 0), seconds)}
        if left < 0:
            headers['Retry-After'] = str(seconds)
            abort(429, None, headers)
        return headers


class RateLimit:
    """Limits the requests of each client of an application, also those that
    no route matches.

    :param key: ``f(request)``, what to count by: text, or ``None`` for no
                limit. By default the client's address.
    """
    def __init__(self, app, rate, key=client_address, redis=None):
        self.limiter = Limiter(rate, redis)
        self.key = key
        app.wrap_dispatch(self._limit)

    async def _limit(self, request, call_next):
        key = self.key(request)
        if key is None:
            return await call_next(request)
        headers = await self.limiter.check(request, key)
        res = await call_next(request)
        if res.status_code:
            for name in headers:
                res.headers.setdefault(name, headers[name])
        return res


def limit(rate, key=client_address, redis=None):
    """Decorator: limit the requests of each client to a handler. It goes
    between the route and the function, and counts for all that it is used
    for together. The arguments are those of :class:`RateLimit`."""
    limiter = Limiter(rate, redis)

    def decorated(f):
        @wraps(f)
        async def wrapper(request, *args, **kwargs):
            found = key(request)
            if found is not None:
                await limiter.check(request, found)
            return await invoke_handler(f, request, *args, **kwargs)
        return wrapper
    return decorated

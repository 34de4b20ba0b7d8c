"""Limits of how often a client may ask.

This is what boards load. On CPython the names at the end are those of
``_ratelimit.py``, which knows IPv6, wrappers that are named after what they
wrap, and Redis.
"""
import time
from collections import OrderedDict

from .microdot import abort, invoke_handler

_clock = getattr(time, 'monotonic_ns', None) or time.time_ns


def client_address(request):
    """Return the address of a request's client, as text. Of IPv6 that is the
    network, as a client has 2^64 addresses."""
    address = request.client_addr
    return str(address[0]) if address else ''


class Limiter:
    """Counts by keys, each allowed so many hits in a period: all at once, and
    then one whenever as much of the period has passed.

    :param rate: such as ``'100/minute'``; also ``second``, ``hour``, ``day``.
    :param redis: the URL of a Redis that counts for all processes (CPython).
    """
    #: Keys that are counted; more, and those longest unused are forgotten.
    max_keys = 64

    def __init__(self, rate, redis=None):
        count, _, period = rate.partition('/')
        periods = {'second': 1000, 'minute': 60000, 'hour': 3600000,
                   'day': 86400000}
        if not count.isdigit() or int(count) < 1 or period not in periods:
            raise ValueError("a rate is such as '100/minute', not %r" % rate)
        self.count = int(count)
        self.period = periods[period]
        self.hits = OrderedDict()

    async def hit(self, key):
        """Count a hit.

        :return: how many more are allowed now, and the milliseconds until
                 the next is; -1: this was not allowed.
        """
        now = _clock() // 1000000
        hits = self.hits
        step = self.period / self.count
        latest = now + self.period + 1
        # The time at which all is allowed again; boards' clocks may be set.
        end = hits.pop(key, 0)
        if not now < end < latest:
            end = now
        allowed = end + step <= latest
        if allowed:
            end += step
        hits[key] = end
        if len(hits) > self.max_keys:
            hits.pop(next(iter(hits)))
        return int((latest - end) / step) if allowed else -1, \
            max(int(end + step - latest) + 1, 0)

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


class RateLimit:
    """Limits the requests of each client of an application, also those that
    no route matches.

    :param key: ``f(request)``, what to count by: text, or ``None`` for no
                limit. By default the client's address.
    """
    def __init__(self, app, rate, key=None, redis=None):
        self.limiter = Limiter(rate, redis)
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
    limiter = Limiter(rate, redis)

    def decorated(f):
        async def wrapper(request, *args, **kwargs):
            await limiter.check(request, key)
            return await invoke_handler(f, request, *args, **kwargs)
        return wrapper
    return decorated


try:
    # CPython's
    from ._ratelimit import Limiter, client_address, limit  # noqa: F401, F811
except ImportError:
    pass

"""Limits of how often a client may ask.

This is what boards load. ``_ratelimit.py`` has what CPython knows beside it:
IPv6, a Redis, headers that tell what is left, and wrappers that are named
after what they wrap.
"""
import time
from collections import OrderedDict

from .microdot import abort, invoke_handler

time_ns = time.time_ns


class Limiter:
    """Counts by keys, each allowed so many hits in a period: all at once, and
    then one whenever as much of the period has passed.

    :param rate: such as ``'100/minute'``; also ``second``, ``hour``, ``day``.
    """
    #: Keys that are counted; more, and those longest unused are forgotten.
    max_keys = 64

    def __init__(self, rate):
        count, _, period = rate.partition('/')
        self.count = int(count)
        self.period = {'second': 1000, 'minute': 60000, 'hour': 3600000,
                       'day': 86400000}.get(period, 0)
        if self.count * self.period < 1:
            raise ValueError(rate)
        self.hits = OrderedDict()

    async def hit(self, key):
        """Count a hit.

        :return: how many more are allowed now, and the milliseconds until
                 the next is, not more than 0 if that is now; -1: this was not
                 allowed.
        """
        # (whole nanoseconds: a board's floats have 24 bits)
        now = time_ns()
        period = self.period * 1000000
        step = period // self.count
        hits = self.hits
        # What has come in since: a hit takes a step of it. A board's clock may
        # have been set.
        free = now - hits.pop(key, -period)
        if free < 0 or free > period:
            free = period
        allowed = free // step
        if allowed:
            free -= step
        hits[key] = now - free
        if len(hits) > self.max_keys:
            hits.pop(next(iter(hits)))
        return allowed - 1, -((free - step) // 1000000)

    async def check(self, request, key=None):
        """Count a request.

        :param key: ``f(request)``, as that of :func:`limit`.
        :raises HTTPException: 429: too many.
        """
        address = request.client_addr
        key = key(request) if key else address and address[0]
        if key is not None:
            left, wait = await self.hit(key)
            if left < 0:
                abort(429, None, {'Retry-After': str(wait // 1000 + 1)})


def limit(rate, key=None):
    """Decorator: limit the requests of each client to a handler. It goes
    between the route and the function, and counts for all that it is used
    for together.

    :param key: ``f(request)``, what to count by: text, or ``None`` for no
                limit. By default the client's address.
    """
    limiter = Limiter(rate)

    def decorated(f):
        async def handle(request, *args, **kwargs):
            await limiter.check(request, key)
            return await invoke_handler(f, request, *args, **kwargs)
        return handle
    return decorated


def RateLimit(app, rate, key=None):
    """Limits the requests of each client of an application, also those that
    no route matches. The arguments are those of :func:`limit`."""
    app.wrap_dispatch(limit(rate, key)(
        lambda request, f: f(request)))


if hasattr(Limiter, '__hash__'):
    # no class of a board has that: all of these and client_address
    from ._ratelimit import *  # noqa: F403
    Limiter = complete(Limiter)  # noqa: F405

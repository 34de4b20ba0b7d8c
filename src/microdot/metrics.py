"""Figures for Prometheus, and a page that tells whether all is well.

This is what boards load; CPython's figures are in ``_metrics.py``.
"""
import gc
import time


class Metrics:
    """Counts and times the requests of an application, and serves that as
    text for Prometheus.

    :param path: where; ``None``: nowhere, ``render()`` gives the text.
    """
    def __init__(self, app, path='/metrics'):
        self.app = app
        self.series = {}  # requests, by their labels
        self.times = {}   # milliseconds that they took, together
        app.wrap_dispatch(self._measure)
        if path:
            app.get(path)(self.render)

    async def _measure(self, request, handle):
        start = time.ticks_ms()
        status = 500  # an exception
        try:
            res = await handle(request)
            status = res.status_code or 101
            return res
        finally:
            # (what no route has matched together, so that a client cannot
            # make up series)
            entry = request.entry
            key = entry and '{method="%s",route="%s",status="%d"}' % (
                request.method, entry.pattern.url_pattern.replace(
                    '\\', '\\\\').replace('"', '\\"'), status) or ''
            self.series[key] = self.series.get(key, 0) + 1
            self.times[key] = self.times.get(key, 0) + time.ticks_diff(
                time.ticks_ms(), start)

    def render(self, request=None):
        """Return the figures, in Prometheus' text format."""
        lines = ['microdot_heap_free_bytes %d\n' % gc.mem_free()]
        for form, values in (
                ('microdot_requests_total%s %d\n', self.series),
                ('microdot_request_seconds_total%s %de-3\n', self.times),
                ('microdot_server_%s %d\n', self.app.counters)):
            for item in values.items():
                lines.append(form % item)
        return ''.join(lines)


def __getattr__(name):
    # in a module of its own
    from . import health
    return getattr(health, name)


if not hasattr(gc, 'mem_free'):
    # CPython's
    from ._metrics import *  # noqa: F403

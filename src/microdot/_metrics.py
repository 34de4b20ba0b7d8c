"""CPython's figures; ``metrics.py`` takes the names of this module at its end.

Beside those of boards they have types, the bytes of bodies and the requests
that are being handled, by Prometheus' rules for names.
"""
from time import perf_counter

from .health import Health

__all__ = ['Health', 'Metrics']


class Metrics:
    """Counts and times the requests of an application, and serves that as
    text for Prometheus.

    :param path: where; ``None``: nowhere, ``render()`` gives the text.
    """
    #: Combinations of route, method and status that are counted one by one.
    #: The others together have the route ``other``.
    max_series = 200

    def __init__(self, app, path='/metrics'):
        self.app = app
        self.in_flight = 0
        self.series = {}  # [requests, seconds, bytes], by their labels
        app.wrap_dispatch(self._measure)
        if path:
            app.get(path)(self._page)

    async def _measure(self, request, call_next):
        start = perf_counter()
        status = 500
        body = None
        self.in_flight += 1
        try:
            res = await call_next(request)
            status = res.status_code or 101
            body = res.body
            return res
        finally:
            self.in_flight -= 1
            entry = request.entry
            method = request.method
            route = entry.pattern.url_pattern if entry else ''
            # (a client could make up any number of paths and methods)
            if not entry and method not in ('GET', 'HEAD', 'POST', 'PUT'):
                method = 'other'
            labels = 'method="%s",route="%s",status="%d"'
            series = self.series
            key = labels % (method, route.replace('\\', '\\\\').replace(
                '"', '\\"'), status)
            if key not in series and len(series) >= self.max_series:
                key = labels % ('other', 'other', status)
            found = series.setdefault(key, [0, 0, 0])
            found[0] += 1
            found[1] += perf_counter() - start
            if isinstance(body, (bytes, str)):
                found[2] += len(body)

    def render(self):
        """Return the figures, in Prometheus' text format."""
        lines = []
        series = self.series
        for i, name in enumerate(('requests', 'request_seconds',
                                  'response_bytes')):
            lines.append('# TYPE microdot_%s_total counter' % name)
            for labels in sorted(series):
                lines.append('microdot_%s_total{%s} %s' % (
                    name, labels, series[labels][i]))
        values = {'requests_in_flight': self.in_flight}
        counters = self.app.counters
        for name in counters:
            values['connections_open' if name == 'open' else
                   'server_%s_total' % name] = counters[name]
        for name in sorted(values):
            lines.append('# TYPE microdot_%s %s\nmicrodot_%s %d' % (
                name, 'counter' if name.endswith('total') else 'gauge',
                name, values[name]))
        lines.append('')
        return '\n'.join(lines)

    async def _page(self, request):
        return self.render(), {
            'Content-Type': 'text/plain; version=0.0.4; charset=utf-8'}

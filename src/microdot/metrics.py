"""Figures for Prometheus, and a page that tells whether all is well."""
import asyncio
import gc
import time

from .microdot import invoke_handler

_METHODS = ('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS')

if hasattr(time, 'ticks_ms'):
    def _since(start):
        return time.ticks_diff(time.ticks_ms(), start) / 1000
    _now = time.ticks_ms
else:
    def _since(start):
        return time.perf_counter() - start
    _now = time.perf_counter


def _label(text):
    return text.replace('\\', '\\\\').replace('"', '\\"').replace(
        '\n', '\\n')


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
        start = _now()
        status = 500
        size = 0
        self.in_flight += 1
        try:
            res = await call_next(request)
            status = res.status_code or 101
            if isinstance(res.body, (bytes, str)):
                size = len(res.body)
            return res
        finally:
            self.in_flight -= 1
            entry = request.entry
            method = request.method
            # (a client could make up any number of paths and methods)
            key = 'method="%s",route="%s",status="%d"' % (
                method if method in _METHODS else 'other',
                _label(entry.pattern.url_pattern) if entry else '', status)
            series = self.series
            if key not in series and len(series) >= self.max_series:
                key = 'method="other",route="other",status="%d"' % status
            found = series.setdefault(key, [0, 0, 0])
            found[0] += 1
            found[1] += _since(start)
            found[2] += size

    def render(self):
        """Return the figures, in Prometheus' text format."""
        lines = []

        def add(name, kind, values):
            lines.append('# TYPE microdot_%s %s' % (name, kind))
            for labels, value in values:
                lines.append('microdot_%s%s %s' % (name, labels, value))

        series = sorted(self.series.items())
        for i, name in enumerate(('requests', 'request_seconds',
                                  'response_bytes')):
            add(name + '_total', 'counter',
                [('{%s}' % labels, found[i]) for labels, found in series])
        add('requests_in_flight', 'gauge', [('', self.in_flight)])
        for name, value in sorted(self.app.counters.items()):
            add('connections_open' if name == 'open' else
                'server_%s_total' % name,
                'gauge' if name == 'open' else 'counter', [('', value)])
        if hasattr(gc, 'mem_free'):
            add('heap_free_bytes', 'gauge', [('', gc.mem_free())])
        return '\n'.join(lines) + '\n'

    async def _page(self, request):
        return self.render(), {
            'Content-Type': 'text/plain; version=0.0.4; charset=utf-8'}


class Health:
    """Serves a page for whoever watches the application: 200, or 503 if a
    check fails or the server is shutting down.

    :param checks: functions without arguments, or coroutines, that return
                   something false or raise an exception if all is not well.
    """
    #: Seconds that a check may take.
    timeout = 5

    def __init__(self, app, path='/health', checks=()):
        self.app = app
        self.checks = checks
        self.failed = []  # names of the checks that failed the last time
        app.get(path)(self._page)

    async def _page(self, request):
        failed = []
        for check in self.checks:
            name = getattr(check, '__name__', 'check')
            try:
                if not await asyncio.wait_for(
                        invoke_handler(check), self.timeout):
                    failed.append(name)
            except Exception as exc:
                failed.append(name)
                # (not each time that somebody looks)
                if name not in self.failed:
                    self.app.log_exception(request, exc)
        self.failed = failed
        closing = any([server.closing for server in self.app.servers])
        return {'status': 'closing' if closing else
                'failing' if failed else 'ok', 'failed': failed}, \
            503 if closing or failed else 200, {'Cache-Control': 'no-store'}

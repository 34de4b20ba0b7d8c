"""A page that tells whether all is well."""
import asyncio

from .microdot import invoke_handler


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
        app = self.app
        status = 'ok'
        failed = []
        for check in self.checks:
            name = getattr(check, '__name__', 'check')
            good = False
            try:
                good = await asyncio.wait_for(
                    invoke_handler(check), self.timeout)
            except Exception as exc:
                # (not each time that somebody looks)
                if name not in self.failed:
                    app.log_exception(request, exc)
            if not good:
                status = 'failing'
                failed.append(name)
        self.failed = failed
        for server in app.servers:
            if server.closing:
                status = 'closing'
        return {'status': status, 'failed': failed}, \
            200 if status == 'ok' else 503, {'Cache-Control': 'no-store'}

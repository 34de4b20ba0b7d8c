"""What runs the wrappers of :meth:`Microdot.wrap_dispatch`.

An application that has a wrapper loads this module, also by
``@app.middleware``. On a board it has to be there only then.
"""
from .microdot import Disconnected


def add_wrapper(app, wrapper, outermost=False):
    """Register a wrapper, see :meth:`Microdot.wrap_dispatch`."""
    app.register('wrappers', wrapper)
    if outermost:
        app.wrappers.insert(0, app.wrappers.pop())
    # All applications that this one is mounted in learn of it, even if the
    # wrapper applies to this one alone.
    if run_wrappers not in app.stack:
        app.register('stack', run_wrappers)


async def run_wrappers(app, req, error):
    """Handle a request inside the wrappers that apply to it.

    :param app: the application that dispatches the request.
    :param error: the :class:`HTTPException` to answer with, or ``None``.
    :return: a :class:`Response`.
    """
    return await _run(app, req, error, app.wrappers, True)


async def _run(app, req, error, wrappers, outer):
    if wrappers:
        async def call_next(request):
            return await _run(app, request, error, wrappers[1:], outer)

        return await wrappers[0](req, call_next)
    if outer and app.mounts:
        # Those of the applications that are to answer come last: what is
        # around them may have changed the request.
        from .mounting import local_apps
        route = app.match(req)[0]
        if route:
            # for the handlers of their errors
            req.url_prefix, req.subapp, req.chain = route[3:6]
        for local in req.chain if route else local_apps(
                app, req, req.route_path):
            wrappers = wrappers + local.wrappers
        return await _run(app, req, error, wrappers, False)
    try:
        if error:
            raise error
        req.error = None  # of a call before
        return await app.handle(req)
    except Disconnected:
        raise
    except Exception as exc:
        return await app.answer_error(req, exc, False)

"""Code around the handling of requests: ``@app.middleware``.

Importing this module adds the decorator to :class:`Microdot`. On CPython the
package does so itself; on a board an application pays for what it imports.
"""
from .microdot import (
    HTTPException,
    Microdot,
    Response,
    _close,
    invoke_handler,
    make_response,
)

_add_core = Microdot._add
_dispatch_core = Microdot.dispatch_request


def middleware(self, f):
    """Decorator: call ``f(request, call_next)`` around the handling of each
    request, also of one that no route matches.

    ``await call_next(request)`` gives the :class:`Response` of what is inside:
    of the next middleware, and in the end of the handlers, whose answers to
    errors come as responses too. Only an exception that no error handler
    takes is raised there. What is returned is what a handler may return, but
    not ``None``. The first registered is the outermost. With a mounted
    application it applies to all of the parent, unless mounted with
    ``local=True``: then to the requests that the child answers.
    """
    self._add('middlewares', f)
    return f


def _add(self, name, value, key=None):
    if name == 'middlewares':
        if not self.middlewares:
            self.middlewares = []
        _enable(self)
    _add_core(self, name, value, key)


def _enable(app):
    # An application without middleware keeps the core's method.
    async def dispatch_request(req, error=None):
        return await _dispatch(app, req, error)

    app.dispatch_request = dispatch_request
    for parent, _, local in app._parents:
        # (what is local to a child stays so, however that is mounted)
        if local or app._inner:
            parent._inner = True
            _enable(parent)


_mount_core = Microdot.mount


def mount(self, subapp, url_prefix='', local=False, name=None):
    _mount_core(self, subapp, url_prefix, local, name)
    if subapp._inner or local and subapp.middlewares:
        self._inner = True
        _enable(self)


def _find_local(app, req):
    # The middleware of the mounted applications that are to answer. Found as
    # late as can be: what is around them may have changed the request.
    req._chain = ()
    route = app._match(req)[0]
    if route:
        # for the handlers of their errors
        req.url_prefix, req.subapp, req._chain = route[3:6]
    handlers = []
    for inner in req._chain if route else \
            req._chain or app._local_apps(req._path):
        handlers.extend(inner.middlewares)
    return handlers


async def _dispatch(app, req, error):
    if not req:
        # malformed: there is nothing to show
        return await _dispatch_core(app, req, error)
    taken = []

    def layer(i, handlers, inner):
        async def call_next(request):
            res = None
            made = []
            try:
                if i < len(handlers):
                    async def following(request):
                        made.append(
                            await layer(i + 1, handlers, inner)(request))
                        return made[-1]

                    res = await invoke_handler(
                        handlers[i], request, following)
                    if res is None:
                        raise TypeError('a middleware returned None')
                    res = make_response(res)
                elif inner:
                    res = await layer(
                        0, _find_local(app, request), False)(request)
                else:
                    res = await _dispatch_core(app, request, error)
                if res is Response.already_handled:
                    # the shared object must not be changed by any request
                    res = Response()
                    taken.append(res)
                return res
            except HTTPException as exc:
                # abort() in a middleware: those around it see the answer
                return await _dispatch_core(app, request, exc)
            finally:
                if res is None or isinstance(res.body, bytes):
                    # what is not sent, nor a part of it, is not left open
                    for dropped in made:
                        if dropped is not res:
                            await _close(dropped.body)

        return call_next

    req.passing = True
    try:
        res = await layer(0, app.middlewares, app._inner)(req)
    except Exception as exc:
        req.passing = False
        return await _dispatch_core(app, req, exc)
    req.passing = False
    if taken:
        # what has been answered is not answered again
        if res._jobs:
            req._jobs = (req._jobs or []) + res._jobs
        res = Response.already_handled
    return app._complete(req, res)


Microdot.middlewares = ()
Microdot._inner = False
Microdot.middleware = middleware
Microdot._add = _add
Microdot.mount = mount

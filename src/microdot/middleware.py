"""Code around the handling of requests: ``@app.middleware``, and around that
of one route: ``@app.get('/', middleware=[f])``.

An application that uses these loads this module. On a board it has to be there
only then.
"""
from .microdot import (
    Disconnected,
    HTTPException,
    MalformedBody,
    MissingKey,
    Response,
    close_body,
    invoke_handler,
    make_response,
    to_bytes,
)

try:
    from functools import update_wrapper
except ImportError:
    class update_wrapper:
        # boards: functions have no attributes, which url_for() looks for
        def __init__(self, wrapper, wrapped):
            self.wrapper = wrapper
            self.__wrapped__ = wrapped

        def __call__(self, *args, **kwargs):
            return self.wrapper(*args, **kwargs)


class wrap:
    """The wrapper, see :meth:`Microdot.wrap_dispatch`, that calls *f*.

    ``f(request, call_next)`` is called around the handling of each request,
    also of one that no route matches.

    ``await call_next(request)`` gives the :class:`Response` of what is inside:
    of the next middleware, and in the end of the handlers, whose answers to
    errors come as responses too. Only an exception that no error handler
    takes is raised there. What is returned is what a handler may return, but
    not ``None``. The first registered is the outermost. With a mounted
    application it applies to all of the parent, unless mounted with
    ``local=True``: then to the requests that the child answers.
    """
    # (an object, since a nested function cannot be sent to another process)
    def __init__(self, f, before_routing=False):
        self.f = f
        self.before_routing = before_routing

    async def __call__(self, request, call_next):
        res = None
        path = request.path
        made = []
        taken = False  # a handler has answered on the socket itself

        async def following(request):
            nonlocal taken
            if self.before_routing and request.path != path:
                request.route_path = request.path
            res = await call_next(request)
            if res is Response.already_handled:
                # the shared object must not be changed by any request
                taken = True
                res = Response()
            made.append(res)
            return res

        try:
            try:
                res = await invoke_handler(
                    self.f, request, following)
                if res is None:
                    raise TypeError('a middleware returned None')
                res = make_response(res)
            finally:
                if res is None or isinstance(res.body, bytes):
                    # what is not sent, nor a part of it, is not left open
                    for dropped in made:
                        if dropped is not res:
                            await close_body(dropped.body)
        except (HTTPException, MalformedBody, MissingKey) as exc:
            # abort() in a middleware: those around it see the answer
            res = await request.app.answer_error(request, exc)
        if taken:
            # what has been answered is not answered again
            if res.jobs:
                request.jobs = (request.jobs or []) + res.jobs
            res = Response.already_handled
        return res


def add(app, f, before_routing):
    """Add a middleware, or return a decorator that does if there is none,
    see :meth:`Microdot.middleware`."""
    if f is None:
        return lambda f: add(app, f, before_routing)
    app.wrap_dispatch(wrap(f, before_routing))
    return f


def around(handler, middleware):
    """Return a handler with middleware around it, the first outermost. An
    error is a response for these, as it is for those of an application.

    :param middleware: a list of functions, see :class:`wrap`.
    """
    wrappers = list(map(wrap, middleware))

    async def run(request, kwargs, i):
        if i < len(wrappers):
            async def call_next(request):
                return await run(request, kwargs, i + 1)

            return await wrappers[i](request, call_next)
        try:
            res = await invoke_handler(handler, request, **kwargs)
            try:
                return make_response(res)
            except Exception:
                await close_body(res)
                raise
        except Disconnected:
            raise
        except Exception as exc:
            try:
                return await request.app.answer_error(request, exc, False)
            except Exception:
                request.error = None  # it has not been answered
                raise

    async def view(request, **kwargs):
        return await run(request, kwargs, 0)

    return update_wrapper(view, handler)


class Mapped:
    # A body whose pieces go through a function.
    def __init__(self, response, f):
        self.pieces = response.body_iter()
        self.f = f

    def __aiter__(self):
        return self

    async def __anext__(self):
        piece = b''
        while not piece:
            piece = self.f(to_bytes(await self.pieces.__anext__()))
        return piece

    async def aclose(self):
        await close_body(self.pieces)


def map_pieces(response, f):
    """See :meth:`microdot.Response.map_pieces`."""
    body = response.body
    if not isinstance(body, (str, bytes)):
        response.body = Mapped(response, f)
        response.size = None
    elif body:
        response.body = f(to_bytes(body))
    response.headers.pop('Content-Length', None)

"""Code around the handling of requests: ``@app.middleware``.

An application that uses the decorator loads this module. On a board it has to
be there only then.
"""
from .microdot import (
    HTTPException,
    MalformedBody,
    MissingKey,
    Response,
    close_body,
    invoke_handler,
    make_response,
)


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
    def __init__(self, f):
        self.f = f

    async def __call__(self, request, call_next):
        res = None
        made = []
        taken = False  # a handler has answered on the socket itself

        async def following(request):
            nonlocal taken
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

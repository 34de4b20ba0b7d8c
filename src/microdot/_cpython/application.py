"""What an application has on CPython alone."""
import asyncio
import functools
import inspect
import logging
import sys
import traceback

from .. import _streams
from .. import microdot as core
from .._mistakes import (
    WrongResult,
    check_error_key,
    check_hook,
    check_middleware,
    check_mount,
    check_route,
    describe,
    doubled_slash,
    explain,
    inner,
    missing_part,
    of_generator,
)
from ..microdot import HTTPException
from .connection import Disconnected
from .data import applications
from .requests import RequestAttributes
from .responses import Response, answer_file, is_known
from .routing import RouteIndex
from .running import run_loop, tls_context

logger = logging.getLogger('microdot.error')


def report(exc, request_id):
    """Log an exception with its traceback, or print it where logging has not
    been set up. What is a wrong result has no traceback worth showing.

    :param request_id: that which the access log has, or ``None``.
    """
    wrong = isinstance(exc, WrongResult)
    text = str(exc) if wrong else '%s: %s' % (type(exc).__name__, exc)
    # (how a request gets to its handler is of no use to who wrote that)
    trace = type(exc), exc, inner(exc.__traceback__)
    if request_id:
        text = '%s (request %s)' % (text, request_id)
    if logger.hasHandlers():
        logger.error('%s', text, exc_info=None if wrong else trace,
                     extra={'request_id': request_id})
        return
    if not wrong:
        traceback.print_exception(*trace)
    if request_id or wrong:
        print(text, file=sys.stderr)


class WrongBody(HTTPException, TypeError):
    """A handler has asked the body for what is there in another type of body
    only. Who has no handler for the status may have one for TypeError."""


# (for each request: super() takes longer)
_complete = core.Microdot.complete


class Microdot(core.Microdot):
    handle_request = _streams.handle_request
    #: Called with the application by :meth:`run`, in place of serving: a
    #: command that imports a program, to serve it itself, puts it there.
    on_run = None
    #: Threads for handlers and hooks that are plain functions. At most 1,000
    #: calls wait for one: the next is answered with 503. (Files and hashing
    #: have threads of their own; under WSGI the server's call handlers.)
    max_threads = 40
    shutdowns = 0       # calls of shutdown()
    starting = False    # the handlers for start-up run
    max_bodies = 64 * 1024 * 1024
    _banner = False     # run() has yet to say where it listens
    #: The prefix under which a proxy has it: an argument of :meth:`run`.
    root_path = ''
    #: What answers errors by pages for the developer, see
    #: :mod:`microdot.debug`.
    debug_pages = None

    def __init__(self):
        self._index = RouteIndex(())
        self._known = {}  # who answers a method and pattern
        applications[id(self)] = self
        #: By name functions ``f(request)``: what ``request.NAME`` gives, for
        #: extensions.
        self.request_attributes = RequestAttributes()
        super().__init__()

    def __repr__(self):
        return '<%s, %d routes>' % (type(self).__name__, len(self.routes))

    def complete(self, req, res):
        """Do what no handler has to think of. May be called again.

        :raises HTTPException: a file or a tagged body is not what the request
                               wants: for the error handlers, unless it is the
                               answer of one.
        """
        if res.file:
            res = self._answer_file(req, res)
        res = _complete(self, req, res)
        return self._answer_tagged(req, res) if res.tagged else res

    def _answer_file(self, req, res):
        if not req or res.status_code != 200 or res.body is not res.file[0]:
            return res
        try:
            return answer_file(req, res, res.file[1])
        except HTTPException as exc:
            return self._refused(req, res, exc)

    def _answer_tagged(self, req, res):
        if req is None or res.status_code != 200 or \
                req.method not in ('GET', 'HEAD'):
            return res
        wanted = req.fields.get('if-match')
        if wanted and wanted.strip() != '*' and \
                res.headers['ETag'] not in core.parse_list(wanted):
            # (RFC 9110, section 13.1.1)
            return _complete(
                self, req, self._refused(req, res, HTTPException(412)))
        if is_known(res, req.fields.get('if-none-match')):
            # another object: a handler may return one response to many
            known = Response(b'', 304, res.headers)
            known.jobs = res.jobs
            known.is_head = res.is_head
            return known
        return res

    def _refused(self, req, res, exc):
        # What is to run after a response that is not sent still is.
        req.jobs = [*(req.jobs or ()), *(res.jobs or ())]
        if not req.error:
            raise exc
        return self.plain_error(req, exc)

    async def answer_error(self, req, exc, last=True):
        """Return the response to an exception, as the core does."""
        # a TaskGroup makes a group of what says that the client has left
        if hasattr(exc, 'split') and not exc.split(Disconnected)[1]:
            raise Disconnected
        wanted = req and missing_part(req, exc)
        if req:
            req.missing = None  # the core has nothing to guess
        if wanted:
            wrong = WrongBody(*wanted)
            wrong.__cause__ = exc
            exc = wrong
        return await super().answer_error(req, exc, last)

    @property
    def url_map(self):
        """The routes as a list of tuples ``(methods, URLPattern, handler,
        url_prefix, subapp)``, which may be appended to."""
        return _streams.UrlMap(self)

    @url_map.setter
    def url_map(self, value):
        # (what += has registered)
        if getattr(value, 'app', None) is not self:
            raise AttributeError('url_map cannot be replaced: append to it, '
                                 'or register routes with @app.route()')

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get('dispatch_request')
        if own and not takes(own, 3):
            cls.dispatch_request = of_requests_alone(cls, own)

    def __call__(self, *args):
        kind = 'wsgi' if len(args) == 2 else 'asgi'
        raise TypeError(
            'this application is not for another server; for that one: from '
            'microdot.%s import Microdot; or without one: app.run()' % kind)

    def register(self, name, value, key=None):
        """Register something, here and with the applications above."""
        if name == 'routes' and (not value.subapp or value.host):
            check_route(value)
        check_hook(name, value, key)
        if name == 'routes' and value.subapp and doubled_slash(value):
            logger.warning(
                '%s is a path with two slashes, since the prefix ends in one; '
                "write: app.mount(subapp, '%s')", value.pattern.url_pattern,
                value.url_prefix.rstrip('/'))
        if name == 'routes' and not value.subapp:
            for method in value.methods:
                same = method, value.pattern.url_pattern, repr(value[8:10])
                if same in self._known:
                    logger.warning(
                        '%s %s is registered twice, for %s and for %s: the '
                        'first answers', *same[:2], self._known[same],
                        describe(value.handler))
                else:
                    self._known[same] = describe(value.handler)
        super().register(name, value, key)

    def route(self, url_pattern, methods=None, max_content_length=None,
              name=None, middleware=None, max_body_length=None):
        check_middleware(middleware)
        return super().route(url_pattern, methods, max_content_length, name,
                             middleware, max_body_length)

    def errorhandler(self, status_code_or_exception_class):
        check_error_key(status_code_or_exception_class)
        return super().errorhandler(status_code_or_exception_class)

    def lifespan(self, f):
        """Decorator: run an async generator around serving, up to its one
        ``yield`` at the start, and the rest at the end. Several begin in
        order, and end in the reverse one.

        :raises TypeError: it is no async generator.
        """
        from .._lifespan import Lifespan
        lifespan = Lifespan(self, f)
        self.on_startup(lifespan.start)
        self.on_shutdown(lifespan.stop)
        return f

    def log_exception(self, req, exc):
        """Log an exception that nobody handled, once, or print it where
        logging has not been set up.

        :param req: the request, or ``None``.
        """
        if req:
            req.exception = exc
        exc = of_generator(exc)
        if isinstance(exc, WrongResult):
            explain(req, exc)
        report(exc, req.id if req else None)

    def refuse(self, exc):
        """Count a request that is malformed, and log the rule that it breaks:
        for ``debug`` as a warning, which the answer repeats."""
        from .refusals import find_rule
        rule, came = find_rule(exc)
        self.counters['malformed'] += 1
        logger.log(logging.WARNING if self.debug else logging.DEBUG,
                   'malformed request: %s; this is %s', rule,
                   came or 'another')
        return HTTPException(
            400, 'Bad request: ' + rule if self.debug else 'Bad request')

    async def finish_background(self):
        """Wait until all that was registered with ``after_response`` has run,
        at most for ``shutdown_timeout``; then cancel it."""
        if self.background:
            await self.background.finish()

    def find(self, path, method, req=None, routes=None):
        """Find who answers a request, see the core's. Of all routes only
        those that may match are looked at."""
        if routes is None:
            index = self._index
            if index.count != len(self.routes):
                index = self._index = RouteIndex(self.routes)
            routes = index.find(path)
        return super().find(path, method, req, routes)

    def mount(self, subapp, url_prefix='', local=False, name=None, host=None):
        check_mount(self, subapp, core.Microdot)
        from ..mounting import mount
        mount(self, subapp, url_prefix, local, name, host)

    def find_route(self, req):
        """Find who answers a request, see the core's."""
        # Most requests have a route for their method: a static one is found
        # by its path alone. What is left, such as 405, is for the core.
        index = self._index
        if index.count != len(self.routes):
            index = self._index = RouteIndex(self.routes)
        path = req.route_path
        method = req.method
        route = index.first.get(path)
        if route and method in route.methods:
            req.entry = route
            req.chain = route.chain
            return route[2:5]
        for route in index.find(path):
            if method in route.methods:
                args = route.pattern.match(path)
                if route.host and args is not None:
                    args = route.host(req, args)
                if args is not None:
                    req.entry = route
                    req.chain = route.chain
                    req.url_args = args
                    return route[2:5]
        return super().find_route(req)

    def start_server(self, host='0.0.0.0', port=5000, debug=False, ssl=None,
                     start_serving=True):
        # (a coroutine that has been made counts for shutdown())
        return self._start_server(self.shutdowns, host, port, debug, ssl,
                                  start_serving)

    async def _start_server(self, shutdowns, host, port, debug, ssl,
                            start_serving):
        # TLS may be a pair of files, and run() is told what keeps a server
        # from being started.
        if getattr(self.handle_request, '__func__', None) is not \
                _streams.handle_request:
            _streams.refuse_connections(self)
        where = 'cannot serve on %s:%s' % (host, port)
        try:
            if isinstance(ssl, (tuple, list)):
                where = 'cannot use the TLS files %s and %s' % tuple(ssl)
                ssl = tls_context(*ssl)
                where = 'cannot serve on %s:%s' % (host, port)
            server = await super().start_server(
                host, int(port), debug and not self._banner, ssl, False)
        except (OSError, ValueError) as exc:
            exc.why_not_started = '%s: %s' % (
                where, getattr(exc, 'strerror', None) or exc)
            raise
        self.debug = debug
        if debug:
            show_errors(self)
        if self._banner:
            self._banner = False
            show_banner(server.sockets, ssl, self.root_path)
        if shutdowns != self.shutdowns:
            server.close()
        if not start_serving:
            return server
        await server.serve()

    async def start_up(self):
        """Run the handlers for start-up, once for all servers that run."""
        while self.starting:
            await asyncio.sleep(0.05)  # another server does
        if self.running:
            self.running += 1
            return
        self.starting = True
        try:
            await super().start_up()
        finally:
            self.starting = False

    async def shut_down(self):
        """Run the handlers for shut-down when the last server ends. Return a
        list of what they have raised."""
        if self.running > 1:
            self.running -= 1
            return []
        return await super().shut_down()

    def shutdown(self):
        self.shutdowns += 1
        super().shutdown()

    def run(self, host='0.0.0.0', port=5000, debug=False, ssl=None,
            banner=True, root_path=''):
        if self.on_run:
            self.on_run()
            return
        if root_path or self.root_path:
            from .._rootpath import install
            install(self, root_path)
            self.root_path = root_path
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            running = False
        else:
            running = True
        if running:
            raise RuntimeError('run() makes an event loop, and one is running '
                               'here: await start_server() instead')
        # (not within "except": that would be the context of all exceptions)
        self._banner = banner
        run_loop(self, self.start_server(host, port, debug, ssl))


def takes(function, count):
    """Tell whether *function* can be called with that many arguments."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    return True


def of_requests_alone(cls, function):
    """Return a ``dispatch_request`` for a class whose own, as in Microdot
    2.7, has no parameter for errors: it is called for requests. What is
    malformed, or refused before a handler is looked for, is left to the class
    above."""
    @functools.wraps(function)
    async def dispatch_request(self, req, error=None):
        if error:
            return await super(cls, self).dispatch_request(req, error)
        return await function(self, req)
    return dispatch_request


def show_errors(app):
    """Have errors answered by pages for the developer, to whom may see
    them."""
    try:
        from .. import debug
    except ImportError:
        return  # left out
    debug.install(app)


def show_banner(sockets, ssl, root_path):
    """Say on stderr where a server listens, and how to stop it."""
    try:
        from ..cli import banner
    except ImportError:
        return  # left out
    banner.show(sockets, bool(ssl), root_path.rstrip('/'))

"""Protection from cross-site request forgery: requests that a page of another
site makes a browser send, with the cookies of its user.

Browsers say where a request comes from, in ``Sec-Fetch-Site`` or ``Origin``,
and pages cannot change that. So there is no token to be kept or sent.
"""
from .helpers import add_vary
from .microdot import abort
from .origins import fits_host, is_own_origin, without_port


def _is_marked(route, marked):
    # On a board the functions that decorators wrap cannot be known.
    while route is not None:
        for one in marked:
            # (the second: a View)
            if one is route or getattr(one, 'run_view', None) == route:
                return True
        route = getattr(route, '__wrapped__', None)
    return False


class CSRF:
    """The protection of an application: what is refused is answered with 403.

    Requests without any of the two headers are not from a current browser,
    and are let through.

    :param app: the application, or ``None``: see :meth:`initialize`.
    :param cors: a ``CORS`` object, whose listed origins are let through.
    :param protect_all: whether to check all requests of methods that change
                        something and all that open a WebSocket; otherwise,
                        only those for routes with :meth:`protect`.
    :param allow_subdomains: whether to let subdomains through.
    """
    #: Methods that are not checked, unless the route is protected.
    SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS', 'QUERY']

    def __init__(self, app=None, cors=None, protect_all=True,
                 allow_subdomains=False):
        self.cors = cors
        self.protect_all = protect_all
        self.allow_subdomains = allow_subdomains
        self._exempt = []
        self._protected = []
        self._unseen = []  # protected, and not yet known to be a route
        if app is not None:
            self.initialize(app)

    def initialize(self, app, cors=None):
        """Protect an application, and what is mounted on it."""
        if cors is not None:
            self.cors = cors
        app.before_request(self._check)

    def exempt(self, f):
        """Decorator: do not check requests for this route. It comes directly
        below the decorator of the route, also above a ``View``::

            @app.post('/webhook')
            @csrf.exempt
            async def webhook(request):
                ...
        """
        self._exempt.append(f)
        return f

    def protect(self, f):
        """Decorator: check all requests for this route, whatever the method.
        It comes directly below the decorator of the route::

            @app.get('/log-out')
            @csrf.protect
            async def log_out(request):
                ...
        """
        self._protected.append(f)
        self._unseen.append(f)
        return f

    async def _check(self, request):
        while self._unseen:
            f = self._unseen[-1]
            if not any([_is_marked(route.handler, (f,))
                        for route in request.app.routes]):
                # hidden by another decorator: it would not be protected
                raise ValueError('protect() is not next to a route')
            self._unseen.pop()
        if _is_marked(request.route, self._protected) or \
                self.protect_all and self._is_unsafe(request) and \
                not _is_marked(request.route, self._exempt):
            if not self._is_allowed(request):
                abort(403, 'Forbidden')

    def _is_unsafe(self, request):
        # Browsers let any page open a WebSocket, and read it. Under ASGI that
        # need not take an upgrade, with HTTP/2.
        return request.method not in self.SAFE_METHODS or \
            'websocket' in request.headers.get('Upgrade', '').lower() or \
            getattr(request, 'asgi_scope', {}).get('type') == 'websocket'

    def _is_allowed(self, request):
        site = request.headers.get('Sec-Fetch-Site')
        add_vary(request, 'Sec-Fetch-Site')
        if site == 'same-origin' or site == 'none' or \
                site == 'same-site' and self.allow_subdomains:
            return True
        add_vary(request, 'Origin')
        origin = request.headers.get('Origin')
        if origin is None:
            return site is None
        # Browsers send Sec-Fetch-Site only over TLS and to this machine.
        if site is None and is_own_origin(
                request, origin, self.allow_subdomains):
            return True
        if not self.cors:
            return False
        if self.cors.is_listed(origin):
            return True
        if self.allow_subdomains:
            scheme, _, host = origin.partition('://')
            origins = self.cors.allowed_origins or ()
            for one in (origins,) if isinstance(origins, str) else origins:
                listed_scheme, _, listed_host = one.partition('://')
                if scheme == listed_scheme and \
                        fits_host(host, without_port(scheme, listed_host),
                                  True):
                    return True
        return False

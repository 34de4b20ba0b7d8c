"""Authentication by a header of each request: user name and password (Basic,
RFC 7617), or a token (Bearer, RFC 6750, and others like it).
"""
from binascii import a2b_base64, b2a_base64

from .helpers import add_vary, wraps
from .microdot import abort, invoke_handler, make_response
from .microdot import redirect as redirect_to

# --- Wire -------------------------------------------------------------------

def parse_credentials(value, scheme):
    """Return what follows the scheme in an ``Authorization`` header, or
    ``None`` if it is of another scheme (RFC 9110, section 11.6.2).

    :param value: the value of the header; ``''`` without one.
    """
    name, _, credentials = value.partition(' ')
    if name.lower() == scheme.lower():
        return credentials.strip() or None


def parse_basic(credentials):
    """Return user name and password (RFC 7617, section 2), or ``None`` if
    they are malformed: not base 64 as it is to be, not UTF-8, no colon, or
    control characters.
    """
    try:
        text = credentials.encode()
        data = a2b_base64(text)
        # Decoders skip characters that are not Base64, each in its own way.
        if b2a_base64(data).rstrip(b'\n') != text:
            return None
        username, colon, password = data.decode().partition(':')
    except ValueError:
        return None
    if not colon or any(byte < 32 or byte == 127 for byte in data):
        return None
    return username, password


def encode_challenge(scheme, **params):
    """Return the value of a ``WWW-Authenticate`` header.

    :param params: its parameters; those that are ``None`` are left out.
    """
    pairs = []
    for name in ('realm', 'charset', 'error', 'scope'):
        value = params.get(name)
        if value is not None:
            pairs.append('%s="%s"' % (name, value.replace(
                '\\', '\\\\').replace('"', '\\"')))
    return scheme + ' ' + ', '.join(pairs) if pairs else scheme


# --- Authentication ---------------------------------------------------------

class BaseAuth:
    """What the ways to authenticate have in common.

    An instance is a decorator for handlers that only users may call: they
    find the user in ``request.g.current_user``. It goes between the route
    and the function. Subclasses have a method ``_get_auth(request)``, which
    returns the credentials as a tuple, or ``None``.
    """
    header = 'Authorization'
    #: Characters of the URL to come back to, encoded, where ``requires()``
    #: redirects. A longer one is left out.
    max_next_length = 1024
    auth_callback = error_callback = scopes_callback = None

    def authenticate(self, f):
        """Decorator for the function that knows the users::

            @auth.authenticate
            async def check(request, username, password):
                if check_password(password, HASHES.get(username)):
                    return username

        :param f: ``f(request, ...)``, with the credentials as arguments.
                  It returns the user, or something false for nobody.
        """
        self.auth_callback = f
        return f

    def errorhandler(self, f):
        """Decorator for a function ``f(request)`` that answers requests
        without valid credentials. It returns the response. A class of your
        own without such a function answers 403::

            @auth.errorhandler
            async def refuse(request):
                return 'Who are you?', 401
        """
        self.error_callback = f
        return f

    def scopes(self, f):
        """Decorator for the function that knows what a user may do::

            @auth.scopes
            async def scopes(request, user):
                return SCOPES[user]

        :param f: ``f(request, user)``. Returns the scopes as a list, a set,
                  or a text that has spaces between them.
        """
        self.scopes_callback = f
        return f

    def initialize(self, app):
        """Let only users call any handler of an application."""
        app.before_request(self.check)

    async def load_user(self, request):
        """Return the user that a request is of, or ``None``. It is also in
        ``request.g.current_user`` from then on."""
        g = request.g
        if getattr(g, '_auth', None) is not self:
            if not self.auth_callback:
                raise ValueError('no function was given to authenticate()')
            add_vary(request, self.header)
            credentials = self._get_auth(request)
            g.current_user = credentials and await invoke_handler(
                self.auth_callback, request, *credentials) or None
            g._auth = self
        return g.current_user

    async def check(self, request):
        """Return ``None`` if a request is of a user, or else the response."""
        if not await self.load_user(request):
            if not self.error_callback:
                abort(403)
            # a response even if the function returns nothing: as the result
            # of a hook, nothing would let the request pass
            return make_response(
                await invoke_handler(self.error_callback, request))

    def __call__(self, f):
        @wraps(f)
        async def wrapper(request, *args, **kwargs):
            return await self.check(request) or await invoke_handler(
                f, request, *args, **kwargs)
        return wrapper

    def optional(self, f):
        """Decorator for a handler that anybody may call.
        ``request.g.current_user`` is ``None`` without valid credentials::

            @app.get('/')
            @auth.optional
            async def index(request):
                return 'Hello, %s' % (request.g.current_user or 'stranger')
        """
        @wraps(f)
        async def wrapper(request, *args, **kwargs):
            await self.load_user(request)
            return await invoke_handler(f, request, *args, **kwargs)
        return wrapper

    def requires(self, *scopes, status_code=403, redirect=None):
        """Make a decorator for a handler that only users with all of these
        scopes may call, see :meth:`scopes`; without any, all users::

            @app.delete('/notes/<int:id>')
            @auth.requires('write')
            async def delete(request, id):
                ...

        :param status_code: answered to other users; 404 hides the handler.
        :param redirect: the name of a route, or a path, that all others are
                         sent to, with ``next`` to come back.
        :raises ValueError: a scope is not text.
        """
        for scope in scopes:
            if not isinstance(scope, str):
                raise ValueError('scopes are text')

        def decorated(f):
            @wraps(f)
            async def wrapper(request, *args, **kwargs):
                res = None if redirect else await self.check(request)
                if res:
                    return res
                if await self.load_user(request) and (
                        not scopes or await self._has(request, scopes)):
                    return await invoke_handler(f, request, *args, **kwargs)
                if not redirect:
                    abort(status_code,
                          headers=self._missing(scopes, status_code))
                from .login import login_url  # whose page it is
                return redirect_to(login_url(
                    request, redirect if '/' in redirect
                    else request.app.url_for(redirect), self.max_next_length))
            return wrapper
        return decorated

    async def _has(self, request, scopes):
        # Whether the user has all of these scopes.
        if not self.scopes_callback:
            raise ValueError('no function was given to scopes()')
        granted = await invoke_handler(
            self.scopes_callback, request, request.g.current_user) or ()
        if isinstance(granted, str):
            granted = granted.split()
        for scope in scopes:
            if scope not in granted:
                return False
        return True

    def _missing(self, scopes, status_code):
        return None


class BasicAuth(BaseAuth):
    """Authentication by user name and password. Anybody on the way can read
    them, so it is for connections over TLS.

    :param realm: what the user logs in to; some browsers show it.
    :param charset: announced to clients. It is UTF-8.
    :param scheme: what browsers do not know they do not ask a password for.
    :param error_status: the status code for those who are not let in.
    """
    def __init__(self, realm='Please login', charset='UTF-8', scheme='Basic',
                 error_status=401):
        self.realm = realm
        self.charset = charset
        self.scheme = scheme
        self.error_status = error_status
        self.error_callback = self.authentication_error

    def _get_auth(self, request):
        credentials = parse_credentials(
            request.headers.get('Authorization', ''), self.scheme)
        return credentials and parse_basic(credentials)

    async def authentication_error(self, request):
        """Ask for a user name and a password."""
        return '', self.error_status, {
            'WWW-Authenticate': encode_challenge(
                self.scheme, realm=self.realm, charset=self.charset)}


class TokenAuth(BaseAuth):
    """Authentication by a token.

    :param header: the header that has it. In ``Authorization`` it comes after
                   the scheme, any other has just the token.
    :param scheme: the scheme.
    :param error_status: the status code for those who are not let in.
    :param realm: what the token is for.
    """
    def __init__(self, header='Authorization', scheme='Bearer',
                 error_status=401, realm=None):
        self.header = header
        self.scheme = scheme
        self.error_status = error_status
        self.realm = realm
        self.error_callback = self.authentication_error

    def _get_auth(self, request):
        token = request.headers.get(self.header, '')
        if self.header.lower() == 'authorization':
            token = parse_credentials(token, self.scheme)
        return (token,) if token else None

    def _challenge(self, **params):
        # RFC 6750, section 3.1, has the errors
        if self.scheme.lower() != 'bearer':
            params = {}
        return {'WWW-Authenticate': encode_challenge(
            self.scheme, realm=self.realm, **params)}

    async def authentication_error(self, request):
        """Ask for a token, or for another one."""
        abort(self.error_status, headers=self._challenge(
            error=self._get_auth(request) and 'invalid_token'))

    def _missing(self, scopes, status_code):
        # not where it is to be hidden that there is something
        return self._challenge(
            error='insufficient_scope', scope=' '.join(scopes)) \
            if status_code == 403 else None

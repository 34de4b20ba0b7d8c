"""Users who log in, on top of sessions (see ``session.py``).

The session has the user's id as ``_user_id``, and ``_fresh``: whether the
user has logged in during this session, rather than been remembered.

What not every program uses has modules of its own, which are loaded then:
``attempts`` counts failed ones, ``remembering`` knows users whose session has
ended, ``guards`` are for all routes at once.
"""
from collections import OrderedDict

from .helpers import wraps
from .microdot import (
    invoke_handler,
    make_response,
    redirect,
    urldecode,
    urlencode,
)
from .session import find_session


def is_local(url):
    """Tell whether a URL is a path of this site, and of none other to any
    browser. They take ``\\`` for ``/``, two of them for the begin of a host,
    and drop control characters. What looks so after decoding is refused too:
    somebody on the way may decode it.
    """
    try:
        path = urldecode(url.partition('?')[0].partition('#')[0], False)
    except ValueError:
        return False
    return url[:1] == '/' and '//' not in path and '\\' not in path and \
        min(path.encode()) > 31 and min(url.encode()) > 32 and \
        '\x7f' not in url


def below_root(request, url):
    """Return a path of the application as clients know it: with the prefix
    of a gateway. A URL with a host stays as it is."""
    return request.root_path + url \
        if url[:1] == '/' and url[:2] != '//' else url


def login_url(request, url, most):
    """Return the URL of a login page, with the one to come back to as
    ``next``, unless that is longer than *most*."""
    url = below_root(request, url)
    target = urlencode(request.url)
    if len(target) <= most:
        url += ('&' if '?' in url else '?') + 'next=' + target
    return url


class Login:
    """Logs users in and out of an application that has a ``Session``.

    An instance is a decorator for handlers that only users who have logged in
    may call. It goes between the route and the function.

    :param login_url: where the others are sent.
    :param keep: names of the items of a session that are kept when a user
                 logs in or out. All others are dropped then.
    :param cookie_name: the name of the cookie by which users are remembered.
    """
    #: Characters of the URL to come back to, encoded. A longer one is left
    #: out, and the user comes to where everybody else does.
    max_next_length = 1024
    #: Days that users are remembered, if no other number is given.
    remember_days = 30

    #: Failed attempts to log in, of an account and from an address, until
    #: there are no more for ``failure_period`` from the first, in seconds.
    max_account_failures = 10
    max_address_failures = 50
    failure_period = 900
    #: Accounts and addresses that are counted; those tried longest ago are
    #: forgotten.
    max_counted = 1000
    #: Counts in place of this object: a ``ratelimit.Limiter``, which may be
    #: shared by processes. It counts all attempts.
    limiter = None
    #: What a client counts as, ``f(request)``: on CPython its address, or of
    #: IPv6 its network, as there are 2^64 addresses in one.
    address_of = None

    user_callback = None

    def __init__(self, login_url='/login', keep=(), cookie_name='_remember'):
        self.login_url = login_url
        self.keep = keep
        self.cookie_name = cookie_name
        self.error_callback = self.redirect_to_login
        self.failures = OrderedDict()

    def user_loader(self, f):
        """Decorator for the function that finds users::

            @login.user_loader
            async def find_user(user_id):
                return USERS.get(user_id)

        :param f: ``f(user_id)``, returns the user or ``None``. A user has an
                  attribute ``id`` that JSON can encode.
        """
        self.user_callback = f
        return f

    def errorhandler(self, f):
        """Decorator for a function ``f(request)`` that answers clients who
        have not logged in. Without it they are redirected to *login_url*::

            @login.errorhandler
            async def refuse(request):
                return {'error': 'log in first'}, 401
        """
        self.error_callback = f
        return f

    async def redirect_to_login(self, request):
        """Redirect to the login page, with the address to return to."""
        return redirect(login_url(request, self.login_url,
                                  self.max_next_length))

    async def attempt(self, request, name, check):
        """Check a password, unless too many attempts have failed: of this
        account, or from the client's address.

        :param name: the name that the client gives.
        :param check: a function without arguments, or coroutine, that returns
                      something true, such as the user, if all is well. On
                      CPython a plain function runs in a thread.
        :return: what *check* returns.
        :raises HTTPException: 429, with ``Retry-After``.
        """
        from .attempts import attempt
        return await attempt(self, request, name, check)

    async def login_user(self, request, user, remember=False,
                         redirect_url='/'):
        """Log a user in, in a new session.

        :param remember: whether the user is to be known when the session has
                         ended; a number of days, or ``True`` for
                         :attr:`remember_days`.
        :param redirect_url: where to go if the query has no ``next``, or not
                             a path of this site.
        :return: a redirect.
        """
        self.renew(request, user, True)
        if remember:
            from .remembering import remember_user
            remember_user(self, request, user.id, remember)
        target = request.args.get('next', '')
        return redirect(target if is_local(target)
                        else below_root(request, redirect_url))

    async def logout_user(self, request):
        """Log the user out."""
        self.renew(request, None)

    async def get_current_user(self, request):
        """Return the user who has logged in, or ``None``. It is also in
        ``request.g.current_user`` from then on."""
        g = request.g
        # A user whom auth.py has let in has not logged in.
        if not hasattr(g, 'current_user') or \
                getattr(g, '_auth', self) is not self:
            g.current_user = await self._load(request)
            g._auth = self
        return g.current_user

    async def _load(self, request):
        if not self.user_callback:
            raise ValueError('no function was given to user_loader()')
        sessions = find_session(request)
        user_id = sessions.get(request).get('_user_id')
        if user_id is not None:
            return await invoke_handler(self.user_callback, user_id) or None
        if self.cookie_name in request.cookies:
            from .remembering import find_user
            return await find_user(self, request)

    def renew(self, request, user, fresh=False):
        # Begins a new session, of a user or of nobody. Whoever had the one
        # before, such as an attacker who has planted it here, is to know
        # nothing of the new one. The cookie by which a user is remembered
        # is taken back.
        session = find_session(request).get(request)
        before = dict(session.items())
        session.clear()
        session.renew()
        for name in self.keep:
            if name in before:
                session[name] = before[name]
        if user is not None:
            session['_user_id'] = user.id
            session['_fresh'] = fresh
        session.save()
        session.cookies.pop(self.cookie_name, None)
        if self.cookie_name in request.cookies:
            session.cookies[self.cookie_name] = '', 0
        request.g.current_user = user
        request.g._auth = self

    async def check(self, request, fresh=False):
        """Return ``None`` if the user has logged in, or else the response.

        :param fresh: whether being remembered is not enough.
        """
        if not await self.get_current_user(request) or \
                fresh and not find_session(request).get(request).get('_fresh'):
            # a response even if the function returns nothing: as the result
            # of a hook, nothing would let the request pass
            return make_response(
                await invoke_handler(self.error_callback, request))

    def required_everywhere(self, app=None, except_=()):
        """Let only users who have logged in call any handler of an
        application, but for the login page, and what is named::

            login.required_everywhere(app, except_=['/', '/static/*'])

        :param app: the application; or pass what is returned to
                    ``app.before_request()``.
        :param except_: a list of paths, those that end in ``*`` with all that
                        begins so, and names of routes.
        :raises TypeError: *except_* is text.
        """
        from .guards import guard_all
        return guard_all(self, app, except_)

    def __call__(self, f, fresh=False):
        @wraps(f)
        async def wrapper(request, *args, **kwargs):
            return await self.check(request, fresh) or await invoke_handler(
                f, request, *args, **kwargs)
        return wrapper

    def fresh(self, f):
        """Decorator for a handler that users may call only if they have
        logged in during this session. Being remembered is not enough::

            @app.post('/password')
            @login.fresh
            async def change_password(request):
                ...
        """
        return self(f, True)


try:
    from ._ratelimit import client_address
except ImportError:
    pass  # boards
else:
    Login.address_of = staticmethod(client_address)

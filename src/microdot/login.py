"""Users who log in, on top of sessions (see ``session.py``).

The session has the user's id as ``_user_id``, and ``_fresh``: whether the
user has logged in during this session, rather than been remembered.
"""
import sys
from collections import OrderedDict

from .helpers import wraps
from .microdot import (
    abort,
    invoke_handler,
    make_response,
    redirect,
    urldecode,
    urlencode,
)
from .session import digest, find_session, now

_BOARD = sys.implementation.name in ('micropython', 'circuitpython')


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
        not any(ord(char) < 32 for char in path) and \
        not any(ord(char) <= 32 or ord(char) == 127 for char in url)


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
        address = self.address_of(request) if self.address_of else \
            request.client_addr and request.client_addr[0]
        keys = (('account ' + str(name)[:200], self.max_account_failures),
                ('address %s' % address, self.max_address_failures))
        if self.limiter:
            for key, _ in keys:
                left, wait = await self.limiter.hit(key)
                if left < 0:
                    abort(429, None, {'Retry-After': str(wait // 1000 + 1)})
            return await invoke_handler(check)
        failures = self.failures
        for key, most in keys:
            count, end = failures.get(key, (0, 0))
            if count >= most and now() < end:
                abort(429, None, {'Retry-After': str(end - now())})
        # It counts from now on: others may come while it is checked.
        for key, _ in keys:
            self._count(key, 1)
        result = await invoke_handler(check)
        if result:
            failures.pop(keys[0][0], None)
            self._count(keys[1][0], -1)
        return result

    def _count(self, key, number):
        failures = self.failures
        count, end = failures.pop(key, (0, 0))
        if now() >= end:
            count = 0
            end = now() + self.failure_period
        failures[key] = max(count + number, 0), end
        while len(failures) > self.max_counted:
            failures.pop(next(iter(failures)))

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
        self._renew(request, user, True)
        if remember:
            if remember is True or not isinstance(remember, (int, float)):
                remember = self.remember_days
            self._remember(request, user.id, remember)
        else:
            self._forget(request)
        target = request.args.get('next', '')
        return redirect(target if is_local(target)
                        else below_root(request, redirect_url))

    async def logout_user(self, request):
        """Log the user out."""
        self._renew(request, None)
        self._forget(request)

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
        if self.cookie_name not in request.cookies:
            return None
        claims = sessions.decode(request.cookies[self.cookie_name],
                                 self._keys(sessions))
        user_id = claims.get('user_id')
        user = None
        if user_id is not None:
            user = await invoke_handler(self.user_callback, user_id)
        if not user:
            self._forget(request)
            return None
        self._renew(request, user)
        self._remember(request, user_id, claims['days'])
        return user

    def _renew(self, request, user, fresh=False):
        # Whoever had the session before, such as an attacker who has planted
        # it here, is to know nothing of the new one.
        session = find_session(request).get(request)
        kept = [(name, session[name]) for name in self.keep
                if name in session]
        session.clear()
        session.renew()
        for name, value in kept:
            session[name] = value
        if user is not None:
            session['_user_id'] = user.id
            session['_fresh'] = fresh
        session.save()
        request.g.current_user = user
        request.g._auth = self

    def _keys(self, sessions):
        # Keys of its own: so a session is never taken for such a token, and
        # such a token never for a session.
        return [digest(key.encode() if isinstance(key, str) else key,
                       b'microdot.login', 'sha256')
                for key in sessions._keys()]

    def _remember(self, request, user_id, days):
        sessions = find_session(request)
        seconds = int(days * 86400)
        token = sessions.encode(
            {'user_id': user_id, 'days': days, 'exp': now() + seconds},
            self._keys(sessions))
        sessions.get(request).cookies[self.cookie_name] = token, seconds

    def _forget(self, request):
        sessions = find_session(request)
        cookies = sessions.get(request).cookies
        cookies.pop(self.cookie_name, None)
        if self.cookie_name in request.cookies:
            cookies[self.cookie_name] = '', 0

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
        if isinstance(except_, str):
            raise TypeError("except_ is a list, such as ['/static/*']")
        free = list(except_)

        async def check(request):
            # (here an encoded slash is none, as for routes)
            path = request.route_path
            route = request.entry
            for one in free:
                if one in (path, route.name or getattr(
                        route.handler, '__name__', path)) or \
                        one[-1:] == '*' and path.startswith(one[:-1]):
                    return None
            if path != self.login_url.partition('?')[0]:
                return await self.check(request)

        if app:
            app.before_request(check)
        return check

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


if not _BOARD:
    from . import ratelimit
    Login.address_of = staticmethod(ratelimit.client_address)

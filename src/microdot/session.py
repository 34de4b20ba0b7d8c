"""Sessions in signed cookies.

A session is a dict that the client keeps for the server, in a cookie. The
client can read it, but not change it: it is signed. The cookie is a JSON Web
Token (RFC 7519) with HMAC-SHA256, known as HS256 (RFC 7518, section 3.2).

On CPython the sibling ``_session`` looks closely at keys, and adds stores and
``request.session``.
"""
import json
import time
from binascii import a2b_base64, b2a_base64

try:
    from hmac import compare_digest, digest
except ImportError:
    # The hmac that some programs for boards bring along has new() alone.
    from hashlib import sha256
    from hmac import new

    def digest(key, msg, digest):
        return new(key, msg, sha256).digest()

    def compare_digest(a, b):
        different = len(a) ^ len(b)
        for x, y in zip(a, b):
            different |= x ^ y
        return not different

from .helpers import add_vary, wraps
from .microdot import invoke_handler

# Boards may count from 2000, tokens count from 1970.
_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0


def now():
    """Return the time in seconds since 1970, wherever the clock counts from.
    """
    return int(time.time()) + _EPOCH


# --- Wire: tokens -----------------------------------------------------------

def _dump(payload):
    return json.dumps(payload, separators=(',', ':'))


def _encode_part(data):
    # RFC 7515, section 2: the URL-safe alphabet, without padding. (Boards: a
    # constant of bytes takes 32, one of text 4)
    size = (len(data) * 4 + 2) // 3
    return b2a_base64(data)[:size].decode().replace(
        '+', '-').replace('/', '_').encode()


def _parse_part(part):
    # The dict in a part of a token. Raises ValueError.
    text = part.decode().replace('-', '+').replace('_', '/')
    value = json.loads(a2b_base64(text.encode() + b'==').decode())
    if not isinstance(value, dict):
        raise ValueError
    return value


def check_key(key):
    """See that a key is one that not everybody has.

    :raises ValueError: it is empty, or on CPython that of an example. There
                        one of less than 32 bytes is warned of.
    """
    if not key:
        raise ValueError('the secret_key is empty: it needs 32 random bytes')


def _sign(token, key):
    if isinstance(key, str):
        key = key.encode()
    return _encode_part(digest(key, token, 'sha256'))


def encode_jwt(payload, key):
    """Return a dict as a token, signed.

    :param payload: a dict of what JSON knows.
    :param key: ``bytes`` or ``str``.
    :raises ValueError: JSON does not know it; CPython has a ``TypeError`` too.
                        Or ``exp`` or ``nbf`` is not a number. Or the key is
                        empty or an example's.
    """
    check_key(key)
    for name in ('exp', 'nbf'):
        if not isinstance(payload.get(name, 0), (int, float)):
            raise ValueError(name + ' is not a number')
    text = _dump(payload)
    json.loads(text)  # boards: dumps() takes anything
    # {"alg":"HS256","typ":"JWT"}
    token = b'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.' + \
        _encode_part(text.encode())
    return (token + b'.' + _sign(token, key)).decode()


def parse_jwt(token, keys):
    """Return the dict that is in a token, if it is one.

    :param keys: a list of keys, any of which may have signed it.
    :return: ``{}`` if none of them has, it is malformed, its time is over
             (``exp``) or has not yet come (``nbf``).
    :raises ValueError: a key is empty or an example's.
    """
    for key in keys:
        check_key(key)
    if not isinstance(token, str):
        return {}
    try:
        token, _, signature = token.encode().rpartition(b'.')
        # Nothing is parsed before it is known who wrote it. All keys are
        # tried, and as text: so there is just one form of a signature.
        good = False
        for key in keys:
            if compare_digest(_sign(token, key), signature):
                good = True
        if not good:
            return {}
        header, _, payload = token.partition(b'.')
        header = _parse_part(header)
        payload = _parse_part(payload)
    except (ValueError, RuntimeError):
        # RuntimeError: nested too deep
        return {}
    when = now()
    try:
        # RFC 7515, section 4.1.11: extensions that must be understood
        if header.get('alg') == 'HS256' and 'crit' not in header and \
                payload.get('nbf', when) <= when < \
                payload.get('exp', when + 1):
            return payload
    except TypeError:
        pass  # one that is no number
    return {}


# --- Sessions ---------------------------------------------------------------

class SessionDict(dict):
    """The session of a request: a dict of what JSON knows.

    ``request`` is the request; ``expires`` the time at which the session
    ends, in seconds since 1970, or ``None``: not saved, or it never does.
    """
    expires = None
    id = None      # in a store, see stores.py: its id there,
    kept = None    # and by name what is there, as JSON
    _owner = None  # the Session that it is of
    _saved = None  # with auto_save: as JSON, what is in the cookie
    _next = None   # the request's session of another Session

    def __init__(self, request, session_dict):
        super().__init__(session_dict)
        self.request = request
        # to be set: by name the value ('' to delete it), and Max-Age
        self.cookies = {}

    def save(self):
        """Send the session, as it is now, with the response to this request.
        An empty one is deleted.

        :raises ValueError: it is larger than
                            :attr:`Session.max_cookie_size`, or not JSON.
        """
        (self._owner or find_session(self.request)).update(
            self.request, self)

    def delete(self):
        """Make the client forget the session."""
        (self._owner or find_session(self.request)).delete(self.request)

    def renew(self):
        """Begin a new one with the same items, when it is next saved: its
        time begins anew, and in a store it gets another id, so that who has
        the old one has nothing. ``Login`` does that for whoever logs in."""
        self.expires = None
        store = (self._owner or find_session(self.request)).store
        if store:
            store.keep(self, {}, 0)


class Session:
    """Sessions for an application.

    :param app: the application; or call :meth:`initialize` later.
    :param secret_key: signs the sessions: random, 32 bytes or more, ``str``
                       or ``bytes``. Of a list the first one signs, and those
                       after it are still accepted.
    :param cookie_options: arguments of :meth:`Response.set_cookie`, beside
                           ``http_only=True``, ``same_site='Lax'``,
                           ``path='/'`` or the prefix of the application, and
                           ``secure=True`` where the request came over TLS.
    :param cookie_name: the name of the cookie.
    :param max_age: seconds that a session lasts, also if the browser is
                    closed meanwhile. ``None``: at most
                    :attr:`default_max_age`, and no longer than the browser is
                    open. 0: until then, without another end.
    :param rolling: whether a session lasts that long from when it was last
                    used, rather than from when it was first saved.
    :param auto_save: whether to save a session that has been changed.
    :param store: where the sessions are kept, such as
                  ``stores.MemoryStore()``; ``None``: in the cookie.
    """
    #: Bytes of the cookie, name and value: a larger session cannot be saved,
    #: a larger cookie is ignored. Browsers have no room for more than 4,096,
    #: and it comes back in one header line, see ``Request.max_readline``.
    max_cookie_size = 1536
    #: Seconds that a session lasts where nothing else is said.
    default_max_age = 14 * 24 * 3600
    #: Signs the sessions; a subclass may have it instead of the argument.
    secret_key = None

    def __init__(self, app=None, secret_key=None, cookie_options=None,
                 cookie_name='session', max_age=None, rolling=False,
                 auto_save=False, store=None):
        if secret_key is not None:
            self.secret_key = secret_key
        self.cookie_options = cookie_options
        self.cookie_name = cookie_name
        self.max_age = max_age
        self.rolling = rolling
        self.auto_save = auto_save
        self.store = store
        if app is not None:
            self.initialize(app)

    def initialize(self, app, secret_key=None, cookie_options=None):
        """Provide an application with sessions.

        :param secret_key: in place of the one given before, if any.
        :param cookie_options: likewise.
        """
        if secret_key is not None:
            self.secret_key = secret_key
        if cookie_options is not None:
            self.cookie_options = cookie_options
        app.g._session = self

    def keys(self, secret_key=None):
        # Returns the keys as a list.
        #
        # :raises ValueError: there is none, or one is empty.
        keys = secret_key or self.secret_key or ('',)
        if not isinstance(keys, (list, tuple)):
            keys = (keys,)
        for key in keys:
            check_key(key)
        return keys

    def encode(self, payload, secret_key=None):
        """Return a dict as a signed token, ``str``."""
        return encode_jwt(payload, self.keys(secret_key)[0])

    def decode(self, session, secret_key=None):
        """Return the dict of a token, or ``{}`` if it is not valid."""
        return parse_jwt(session, self.keys(secret_key))

    def get(self, request):
        """Return the :class:`SessionDict` of a request, always the same one.
        It is empty if there is none that is valid.

        :raises ValueError: there is no secret key.
        """
        session = first = getattr(request.g, '_session', None)
        while session is not None:
            if session._owner is self or not session._owner:
                return session
            session = session._next
        keys = self.keys()
        add_vary(request, 'Cookie')
        name = self.cookie_name
        token = request.cookies.get(name, '')
        data = {}
        if token and len(name) + 1 + len(token) <= self.max_cookie_size:
            data = parse_jwt(token, keys)
        session = SessionDict(request, data)
        if self.store:
            self.store.open(session, now())
        session.expires = session.pop('exp', None)
        session._owner = self
        session._next = first
        request.g._session = session
        if self.auto_save:
            session._saved = _dump(session)
        finishers = request.app.finishers
        if finish_sessions not in finishers:
            finishers.append(finish_sessions)
        if session and self.rolling:
            self.update(request, session, True)
        return session

    def update(self, request, session, if_due=False):
        """Send a session, as it is now, with the response. See
        :meth:`SessionDict.save`.

        :param if_due: only if a tenth of its time is over. Not with each
                       request, as a response may overtake another, with a
                       session that has been changed.
        """
        current = self.get(request)
        when = now()
        expires = None
        payload = dict(session.items())
        if payload:
            lifetime = self.default_max_age if self.max_age is None \
                else self.max_age
            end = current.expires
            if if_due and not (lifetime and (
                    not end or end - when <= lifetime - lifetime // 10)):
                return
            if lifetime:
                expires = when + lifetime
                if end and not self.rolling:
                    expires = min(expires, int(end))
                payload.setdefault('exp', expires)
        if self.store:
            payload = self.store.keep(current, payload, when)
        token = self.encode(payload) if payload else ''
        name = self.cookie_name
        size = len(name) + 1 + len(token)
        if token and size > self.max_cookie_size:
            raise ValueError(
                'a session cookie of %d bytes is over Session.max_cookie_size'
                ' (%d)' % (size, self.max_cookie_size))
        current.expires = expires
        if self.auto_save:
            current._saved = _dump(current)
        if payload is None:
            return  # the cookie says it already
        # (what a request sets in the end counts)
        if token or name in request.cookies:
            current.cookies[name] = \
                token, self.max_age and expires and expires - when
        else:
            current.cookies.pop(name, None)

    def delete(self, request):
        """Make the client forget its session."""
        session = self.get(request)
        if self.auto_save:
            session.clear()
            session._saved = '{}'
        if self.store:
            self.store.keep(session, {}, 0)
        session.expires = None
        session.cookies[self.cookie_name] = '', 0


def finish_sessions(request, response):
    """Put the cookies of a request's sessions on the response when all else
    has been done with it, whoever has made it: a handler, one of errors, or a
    middleware."""
    session = getattr(request.g, '_session', None) if request else None
    while session is not None:
        owner = session._owner
        if owner and owner.auto_save and _dump(session) != session._saved:
            owner.update(request, session)
        for name, (value, max_age) in session.cookies.items():
            lines = response.headers.get('Set-Cookie')
            if isinstance(lines, list):
                # it may have been here before
                kept = []
                for line in lines:
                    if not line.startswith(name + '='):
                        kept.append(line)
                response.headers['Set-Cookie'] = kept
            options = {'http_only': True, 'same_site': 'Lax',
                       'secure': request.scheme == 'https',
                       'path': request.root_path or '/'}
            options.update(owner.cookie_options or {})
            if not value:
                response.delete_cookie(name, **options)
                continue
            if max_age:
                options['max_age'] = max_age
            response.set_cookie(name, value, **options)
        session = session._next
    return response


def find_session(request):
    """Return the :class:`Session` that a request is to use: that of the
    application, or else of the one mounted there.

    :raises ValueError: neither has one.
    """
    for app in (request.app, request.subapp):
        if app and hasattr(app.g, '_session'):
            return app.g._session
    raise ValueError('the application has no Session')


def with_session(f):
    """Decorator for handlers ``f(request, session, **arguments)``."""
    @wraps(f)
    async def wrapper(request, *args, **kwargs):
        return await invoke_handler(
            f, request, find_session(request).get(request), *args, **kwargs)
    return wrapper


try:
    import dataclasses  # noqa: F401
except ImportError:
    pass  # boards
else:
    from ._session import Session, __getattr__, check_key  # noqa: F401

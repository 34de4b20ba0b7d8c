"""Users who are known when their session has ended, for ``login``."""
from .microdot import invoke_handler
from .session import digest, find_session, now


def keys_of(sessions):
    """Return keys for the cookie of a user. They are its own: so a session is
    never taken for such a token, and such a token never for a session."""
    keys = []
    for key in sessions.keys():
        keys.append(digest(key.encode() if isinstance(key, str) else key,
                           b'microdot.login', 'sha256'))
    return keys


def remember_user(login, request, user_id, days):
    """Set the cookie by which a user is known.

    :param days: for how many days, or something true.
    """
    if days is True or not isinstance(days, (int, float)):
        days = login.remember_days
    sessions = find_session(request)
    seconds = int(days * 86400)
    token = sessions.encode(
        {'user_id': user_id, 'days': days, 'exp': now() + seconds},
        keys_of(sessions))
    sessions.get(request).cookies[login.cookie_name] = token, seconds


async def find_user(login, request):
    """Return the user whom the cookie names, in a new session; or ``None``,
    and the cookie is deleted."""
    sessions = find_session(request)
    claims = sessions.decode(
        request.cookies[login.cookie_name], keys_of(sessions))
    user_id = claims.get('user_id')
    user = None
    if user_id is not None:
        user = await invoke_handler(login.user_callback, user_id)
    if not user:
        sessions.get(request).cookies[login.cookie_name] = '', 0
        return None
    login.renew(request, user)
    remember_user(login, request, user_id, claims['days'])
    return user

"""Cookies: those of a request, and those that a response sets.

An application that uses cookies loads this module. On a board it has to be
there only then.
"""
import time

from .microdot import Values, encode_lines, http_date, parse_list, parse_token


def parse_cookies(text):
    """Parse a ``Cookie`` header into a dict of names and values.

    :raises HTTPException: 431: more than ``Request.max_members``.
    """
    cookies = Values()
    cookies.kind = 'cookie'
    for pair in parse_list(text, ';') if text else ():
        name, _, value = pair.partition('=')
        value = value.strip()
        if value[:1] == '"' == value[1:][-1:]:
            value = value[1:-1].replace('\\"', '"').replace('\\\\', '\\')
        cookies[name.strip()] = value
    return cookies


def quote(value):
    """Return the value of a cookie, in quotes where it may only be so
    (RFC 6265, section 4.1.1)."""
    quoted = value.replace('\\', '\\\\').replace('"', '\\"')
    return '"%s"' % quoted if quoted != value or ' ' in value or \
        ',' in value else value


def set_cookie(self, cookie, value, path=None, domain=None, expires=None,
               max_age=None, secure=False, http_only=False,
               partitioned=False, same_site=None):
    """Add a cookie, see :meth:`Response.set_cookie`."""
    parse_token(cookie)
    # (a tuple of these would take 64 bytes more on a board)
    if same_site and same_site.lower() not in 'strict lax none'.split():
        raise ValueError(
            "same_site is 'Strict', 'Lax' or 'None', not %r" % same_site)
    if isinstance(expires, (int, float)) and \
            time.gmtime(int(expires)) < (2001, 9, 9, 1, 46, 40):
        # (boards may count from 2000)
        expires += time.time()
    if not isinstance(expires, (str, type(None))):
        expires = http_date(expires)
    if hasattr(max_age, 'total_seconds'):
        max_age = max_age.total_seconds()
    parts = ['%s=%s' % (cookie, quote(str(value)))]
    for name, value in (
            ('Path', path), ('Domain', domain), ('Expires', expires),
            ('Max-Age', None if max_age is None else str(int(max_age))),
            ('Secure', secure and 1), ('HttpOnly', http_only and 1),
            ('Partitioned', partitioned and 1), ('SameSite', same_site)):
        if value:
            parts.append(name if value == 1 else name + '=' + value)
    text = '; '.join(parts)
    encode_lines([text.encode()])  # looks for control characters
    if text.count(';') >= len(parts):
        raise ValueError('bad character in a cookie')
    cookies = self.headers.get('Set-Cookie', [])
    self.headers['Set-Cookie'] = (
        [cookies] if isinstance(cookies, str) else list(cookies)) + [text]


def delete_cookie(self, cookie, **kwargs):
    """Make the client forget a cookie, see :meth:`Response.delete_cookie`."""
    kwargs['expires'] = 'Thu, 01 Jan 1970 00:00:01 GMT'
    kwargs['max_age'] = 0
    self.set_cookie(cookie, '', **kwargs)

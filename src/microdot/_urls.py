"""URLs as objects, CPython only."""
import re
from urllib.parse import (
    SplitResult,
    parse_qsl,
    quote,
    unquote,
    urlencode,
    urlsplit,
    urlunsplit,
)

from .microdot import MultiDict

# What may be in a URL as it is (RFC 3986, sections 2.2 and 2.3, and "%" of
# what has been encoded).
_SAFE = "/:;@!$&'()*+,=-._~%"
_PARTS = ('scheme', 'netloc', 'path', 'query', 'fragment')
_OF_NETLOC = ('host', 'port', 'username', 'password')
_HOST = re.compile(r'[A-Za-z0-9._~!$&\'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\]')


class URL:
    """A URL, absolute or of this site. It does not change: its methods return
    new ones.

    Equal to, and hashed as, its text, which ``str(url)`` gives.

    :param text: the URL; what must not be in one is percent-encoded.
    :raises ValueError: it has a control character, or the host or port is
                        malformed.

    Example::

        url = URL('https://example.com/search?q=a&page=1')
        str(url.include_query(page=2).replace(host='example.org'))
        # https://example.org/search?q=a&page=2
    """
    __slots__ = ('_parts', '_text')

    def __init__(self, text):
        text = str(text)
        if any(ord(char) < 32 or ord(char) == 127 for char in text):
            raise ValueError('a URL has no control characters: %r' % text)
        parts = urlsplit(text.strip(' '))
        host = parts.netloc.rpartition('@')[2]
        if not _HOST.fullmatch(re.sub(r':\d*\Z', '', host)):
            raise ValueError('the host of a URL is malformed: %r' % host)
        parts.port  # raises what is wrong with it
        self._parts = SplitResult(
            scheme=parts.scheme, netloc=parts.netloc,
            path=_encode(parts.path, _SAFE),
            query=_encode(parts.query, _SAFE + '?'),
            fragment=_encode(parts.fragment, _SAFE + '?'))
        self._text = urlunsplit(self._parts)

    @property
    def scheme(self):
        """The scheme, such as ``'https'``, or empty."""
        return self._parts.scheme

    @property
    def netloc(self):
        """User, host and port as they are written, or empty."""
        return self._parts.netloc

    @property
    def path(self):
        """The path, percent-encoded."""
        return self._parts.path

    @property
    def query(self):
        """What follows the ``?``, percent-encoded, or empty."""
        return self._parts.query

    @property
    def fragment(self):
        """What follows the ``#``, percent-encoded, or empty."""
        return self._parts.fragment

    @property
    def host(self):
        """The host in lower case, of an IPv6 address without brackets;
        ``None`` without one."""
        return self._parts.hostname

    @property
    def port(self):
        """The port as a number; ``None`` where it is not written."""
        return self._parts.port

    @property
    def username(self):
        """The name before the ``@``, decoded, or ``None``."""
        return _decode(self._parts.username)

    @property
    def password(self):
        """The password before the ``@``, decoded, or ``None``."""
        return _decode(self._parts.password)

    @property
    def args(self):
        """The query as a new :class:`MultiDict`, decoded."""
        found = MultiDict()
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            found[name] = value
        return found

    def replace(self, **parts):
        """Return a URL with other parts.

        :param parts: ``scheme``, ``netloc``, ``host``, ``port``,
                      ``username``, ``password``, ``path``, ``query``,
                      ``fragment``; ``None`` takes one out. A path in which
                      there is a ``?`` or ``#`` has it encoded.
        :raises TypeError: there is no such part.
        :raises ValueError: the URL would be malformed.
        """
        own = [name for name in _OF_NETLOC if name in parts]
        if own:
            place = {name: getattr(self, name) for name in _OF_NETLOC}
            place.update((name, parts.pop(name)) for name in own)
            parts['netloc'] = _netloc(**place)
        unknown = set(parts) - set(_PARTS)
        if unknown:
            raise TypeError('a URL has no part %s' % ', '.join(
                sorted(unknown)))
        parts = self._checked({name: parts[name] or '' for name in parts})
        if parts['netloc'] and parts['path'][:1] not in ('', '/'):
            parts['path'] = '/' + parts['path']
        elif not parts['netloc'] and parts['path'][:2] == '//':
            raise ValueError('the path would name a host')
        return type(self)(urlunsplit(SplitResult(**parts)))

    def _checked(self, parts):
        # New parts, encoded, with those that stay.
        if 'path' in parts:
            # or else it would end here
            parts['path'] = _encode(parts['path'], _SAFE)
        if 'query' in parts:
            parts['query'] = _encode(parts['query'], _SAFE + '?')
        if re.search(r'[/?#\\\s]', parts.get('netloc', '')):
            raise ValueError('the host of a URL is malformed: %r'
                             % parts['netloc'])
        if not re.fullmatch(r'([A-Za-z][A-Za-z0-9+.-]*)?',
                            parts.get('scheme', '')):
            raise ValueError('the scheme of a URL is malformed: %r'
                             % parts['scheme'])
        for name, part in zip(_PARTS, self._parts):
            parts.setdefault(name, part)
        return parts

    def include_query(self, *args, **kwargs):
        """Return a URL whose query has other values for some names. Those of
        other names stay.

        :param args: a dict, for names that Python has no arguments for.
        :param kwargs: a value, or a list of them, for each name.
        """
        new = dict(*args, **kwargs)
        pairs = [(name, value) for name, value in self._pairs()
                 if name not in new]
        for name, values in new.items():
            for value in values if isinstance(values, (list, tuple)) \
                    else (values,):
                pairs.append((name, value))
        return self.replace(query=urlencode(pairs))

    def remove_query(self, *names):
        """Return a URL whose query lacks some names; without any, that has no
        query."""
        pairs = [(name, value) for name, value in self._pairs()
                 if names and name not in names]
        return self.replace(query=urlencode(pairs))

    def _pairs(self):
        return parse_qsl(self.query, keep_blank_values=True)

    def __str__(self):
        return self._text

    def __repr__(self):
        # no password in logs
        url = self if self.password is None else self.replace(password='***')
        return 'URL(%r)' % str(url)

    def __eq__(self, other):
        return str(other) == self._text if isinstance(other, (str, URL)) \
            else NotImplemented

    def __hash__(self):
        return hash(self._text)


def _encode(text, safe):
    # (a "%" that encodes nothing stands for itself)
    return quote(re.sub('%(?![0-9A-Fa-f]{2})', '%25', text), safe)


def _decode(text):
    return text if text is None else unquote(text)


def _netloc(host, port, username, password):
    text = host or ''
    if ':' in text and text[:1] != '[':
        text = '[%s]' % text
    if not _HOST.fullmatch(text):
        raise ValueError('the host of a URL is malformed: %r' % host)
    if port is not None:
        text += ':%d' % int(port)
    if username is not None or password is not None:
        user = quote(username or '', '')
        if password is not None:
            user += ':' + quote(password, '*')
        text = user + '@' + text
    return text

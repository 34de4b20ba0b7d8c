"""What keys are good for nothing: CPython's, since boards have no warnings."""
import functools
import warnings

#: Bytes that a key for HMAC-SHA256 should have (RFC 7518, section 3.2).
SIZE = 32
# Letters and digits of texts that stand for a key in documentation.
_EXAMPLES = frozenset((
    'changeme', 'changethis', 'replaceme', 'replacethis', 'yourkey',
    'yourkeyhere', 'yoursecret', 'yoursecretkey', 'yoursecretkeyhere',
    'put32randombyteshere', 'forlinksinmailsandnothingelse'))


@functools.lru_cache(64)
def check(key):
    """See that a key is none of those that everybody has, and warn of one
    that can be guessed, once.

    :param key: ``str`` or ``bytes``.
    :raises ValueError: it is an example's.
    """
    data = key.encode() if isinstance(key, str) else key
    letters = ''.join(filter(str.isalnum, data.decode('latin-1').lower()))
    if letters in _EXAMPLES:
        raise ValueError('this secret key is the one of an example, which '
                         'everybody has: make one with os.urandom(32)')
    if len(data) < SIZE:
        warnings.warn(
            'a secret key of %d bytes may be guessed: make one of %d with '
            'os.urandom(%d)' % (len(data), SIZE, SIZE), stacklevel=4)

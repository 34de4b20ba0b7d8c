"""Passwords, hashed by PBKDF2 with HMAC-SHA256 (RFC 8018, section 5.2).

A hash is text, such as ``pbkdf2_sha256$1000$SALT$HASH``: the iterations,
which are the cost of trying a password, a random salt, and what came out, in
base 64. Django writes and reads the same.
"""
import os
from binascii import b2a_base64
from hmac import compare_digest

from .microdot import invoke_handler

try:
    from hashlib import pbkdf2_hmac
except ImportError:
    import asyncio
    from hashlib import sha256

    #: Iterations of a new hash, unless another number is asked for.
    default_iterations = 1000

    async def _derive(password, salt, iterations):
        # As an HMAC's key is the same each time, the blocks that it begins
        # its two hashes with are made once. Hashes of boards have no copy().
        if len(password) > 64:
            password = sha256(password).digest()
        password = int.from_bytes(password + bytes(64 - len(password)), 'big')
        inner = _pad(password, b'\x36')
        outer = _pad(password, b'\x5c')
        data = salt + b'\0\0\0\1'
        result = 0
        for i in range(iterations):
            data = sha256(outer + sha256(inner + data).digest()).digest()
            result ^= int.from_bytes(data, 'big')
            if i % 16 == 15:
                await asyncio.sleep(0)  # others want to be served meanwhile
        return result.to_bytes(32, 'big')

    def _pad(key, byte):
        return (key ^ int.from_bytes(byte * 64, 'big')).to_bytes(64, 'big')
else:
    default_iterations = 600000

    def _derive(password, salt, iterations):
        # runs in a thread
        return pbkdf2_hmac('sha256', password, salt, iterations)


def _encode(data):
    return b2a_base64(data).decode().rstrip('\n')


async def _hash(password, iterations, salt):
    if iterations < 1:
        raise ValueError('fewer than one iteration')
    data = await invoke_handler(_derive, password, salt.encode(), iterations)
    return 'pbkdf2_sha256$%d$%s$%s' % (iterations, salt, _encode(data))


async def hash_password(password, iterations=None):
    """Return a hash of a password, to be stored in its place.

    :param password: ``str`` of any length.
    :param iterations: by default 600,000 on CPython and 1,000 on boards.
    :raises ValueError: fewer than one iteration.
    """
    if iterations is None:
        iterations = default_iterations
    return await _hash(password.encode(), iterations,
                       _encode(os.urandom(18)))


async def check_password(password, hashed):
    """Tell whether a password is the one that was hashed.

    :param password: ``str``; anything else is not the one.
    :param hashed: what :func:`hash_password` has returned. ``None``: there is
                   no such user, which takes as long to tell.
    :raises ValueError: *hashed* is not such a hash.
    """
    try:
        password = password.encode()
    except (AttributeError, ValueError):
        # no text, or half a character: JSON has both
        password = b''
        hashed = None
    kind, iterations, salt, _ = (
        hashed or 'pbkdf2_sha256$%d$$' % default_iterations).split('$')
    if kind != 'pbkdf2_sha256':
        raise ValueError('not a hash of a password')
    found = await _hash(password, int(iterations), salt)
    return compare_digest(found.encode(), (hashed or '').encode())

"""A small ``hmac`` for boards, which have none.

Origin: written for microdot, from RFC 2104; it shares no code with CPython's
module of the same name nor with other such modules.

Subset provided, with the meaning that CPython gives it:

- ``digest(key, msg, 'sha256')``, of ``bytes``; of no other hash.
- ``compare_digest(a, b)`` for two ``bytes``.

Left out: ``new()`` and the objects that it makes, other hashes.
"""
from hashlib import sha256


def digest(key, msg, digest):
    """Return the HMAC-SHA256 of a message (RFC 2104, section 2).

    :param key: ``bytes`` of any number.
    :param msg: ``bytes``.
    :param digest: ``'sha256'``.
    :raises ValueError: it names another hash.
    """
    if digest != 'sha256':
        raise ValueError('only sha256')
    if len(key) > 64:
        key = sha256(key).digest()
    # As numbers, in a third of the time of a loop over the bytes.
    key = int.from_bytes(key + bytes(64 - len(key)), 'big')
    for pad in (b'\x36', b'\x5c'):
        pad = int.from_bytes(pad * 64, 'big')
        total = sha256((key ^ pad).to_bytes(64, 'big'))
        total.update(msg)
        msg = total.digest()
    return msg


def compare_digest(a, b):
    """Tell whether *a* and *b* are equal. How long that takes says how long
    they are, but not where they differ."""
    different = len(a) ^ len(b)
    for x, y in zip(a, b):
        different |= x ^ y
    return not different

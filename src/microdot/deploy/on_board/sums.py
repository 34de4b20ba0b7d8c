"""Runs on the board before others of these files: hashes of files."""


def _hex(hashed):
    """Return the first half of a hash as text. ``digest`` in
    ``microdot.deploy.plan`` gives the same on the computer."""
    return ''.join(['%02x' % byte for byte in hashed.digest()[:8]])


def _sum(path):
    """Return the hash of a file, or nothing where there are no hashes."""
    try:
        import hashlib
        hashed = hashlib.sha256()
    except Exception:  # ImportError, AttributeError: the firmware has none
        return ''
    buffer = bytearray(256)
    view = memoryview(buffer)
    with open(path, 'rb') as file:
        while True:
            count = file.readinto(buffer)
            if not count:
                return _hex(hashed)
            hashed.update(view[:count])

"""Sessions with the hmac that programs for boards bring along: it has new()
and nothing else."""

import sys
import unittest
from hmac import digest as real_digest


class Hmac:
    """Stands for such a module."""

    class new:
        def __init__(self, key, msg, kind):
            self.value = real_digest(key, msg, 'sha256')

        def digest(self):
            return self.value


class TestHmac(unittest.TestCase):
    def test_sessions_are_signed_as_with_any_other(self):
        import microdot
        from microdot import session as usual
        kept = {name: sys.modules[name]
                for name in ('hmac', 'microdot.session')}
        sys.modules['hmac'] = Hmac
        del sys.modules['microdot.session']
        try:
            from microdot.session import encode_jwt, parse_jwt
        finally:
            sys.modules.update(kept)
            microdot.session = usual
        self.assertFalse(encode_jwt is usual.encode_jwt)
        key = b'an example of a key of 32 bytes!'
        token = usual.encode_jwt({'a': 1}, key)
        self.assertEqual(encode_jwt({'a': 1}, key), token)
        self.assertEqual(parse_jwt(token, [key]), {'a': 1})
        for bad in (token[:-4] + 'AAAA', token[:-4], token + 'AAAA'):
            self.assertEqual(parse_jwt(bad, [key]), {})

"""Message authentication: CPython's own, and the one that boards get."""

import unittest
from binascii import hexlify
from hmac import compare_digest, digest

NEEDS_EVENT_LOOP = False

# RFC 4231, section 4: (name, key, message, HMAC-SHA256).
VECTORS = (
    ('test case 1', b'\x0b' * 20, b'Hi There',
     b'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'),
    ('test case 2', b'Jefe', b'what do ya want for nothing?',
     b'5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'),
    ('test case 3', b'\xaa' * 20, b'\xdd' * 50,
     b'773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'),
    ('test case 4', bytes(range(1, 26)), b'\xcd' * 50,
     b'82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b'),
    ('test case 6', b'\xaa' * 131,
     b'Test Using Larger Than Block-Size Key - Hash Key First',
     b'60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54'),
    ('test case 7', b'\xaa' * 131,
     b'This is a test using a larger than block-size key and a larger than '
     b'block-size data. The key needs to be hashed before being used by the '
     b'HMAC algorithm.',
     b'9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2'),
    # from here on, CPython's results
    ('key of a whole block', b'k' * 64, b'm',
     b'3b7a8d453e76edb519238a515105a57508d0f169f480ebeee120a9e7803289fa'),
    ('nothing at all', b'', b'',
     b'b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad'),
)


class TestDigest(unittest.TestCase):
    def test_vectors(self):
        for name, key, message, expected in VECTORS:
            with self.subTest(name):
                self.assertEqual(
                    hexlify(digest(key, message, 'sha256')), expected)

    def test_another_hash_is_refused_or_another(self):
        try:
            result = digest(b'key', b'message', 'sha512')
        except ValueError:
            return
        self.assertEqual(len(result), 64)


class TestCompareDigest(unittest.TestCase):
    def test_equal_bytes_are_equal(self):
        for data in (b'', b'a', b'\0\xff' * 40):
            with self.subTest(data=data):
                self.assertTrue(compare_digest(data, bytes(list(data))))

    def test_a_difference_is_found_wherever_it_is(self):
        data = bytes(range(32))
        for i in range(32):
            for bit in (1, 0x80):
                other = bytearray(data)
                other[i] ^= bit
                with self.subTest(i=i, bit=bit):
                    self.assertFalse(compare_digest(data, bytes(other)))

    def test_a_part_is_not_the_whole(self):
        for other in (b'', b'ab', b'abcd', b'bc', b'abc\0', b'abcabc'):
            with self.subTest(other=other):
                self.assertFalse(compare_digest(b'abc', other))
                self.assertFalse(compare_digest(other, b'abc'))

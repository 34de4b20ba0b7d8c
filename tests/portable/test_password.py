"""Hashes of passwords."""

import asyncio
import sys
import unittest
from binascii import a2b_base64, hexlify

import microdot.password as module
from helpers import run
from microdot.password import check_password, hash_password

IS_BOARD = sys.implementation.name == 'micropython'

# The first 32 bytes of PBKDF2-HMAC-SHA256: (password, salt, iterations,
# result). The first one is of RFC 7914, section 11; for the others, CPython
# and MicroPython agree.
VECTORS = (
    ('passwd', 'salt', 1,
     b'55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc'),
    ('password', 'salt', 2,
     b'ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43'),
    ('password', 'salt', 4096,
     b'c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a'),
    ('p' * 64, 's' * 80, 3,
     b'88ed695f4b482cbc2785a9f7f1dfa8c08deac7cc1858e87a5f7097b782c837e7'),
    ('p' * 65, 's' * 80, 3,
     b'2543bbddce87f8764d410891f72c2ec509fe4f4503aed310adc9083ec4393d6f'),
    ('', '', 5,
     b'175e955e8313459d689f8d811366083e3bc0563d38799aa49f4cac7e4a6eb262'),
)
HASH = ('pbkdf2_sha256$4096$salt$'
        'xeR41ZKIyEGqUw22hFxMjZYok6ABzk4RpJY4c6qYE0o=')


class TestHash(unittest.TestCase):
    def test_vectors(self):
        for password, salt, iterations, expected in VECTORS:
            with self.subTest(password=password):
                found = run(module._hash(
                    password.encode(), iterations, salt)).split('$')
                self.assertEqual(found[:3],
                                 ['pbkdf2_sha256', str(iterations), salt])
                self.assertEqual(hexlify(a2b_base64(found[3])), expected)

    def test_a_hash_is_checked(self):
        hashed = run(hash_password('secret', 10))
        self.assertIs(run(check_password('secret', hashed)), True)
        self.assertIs(run(check_password('Secret', hashed)), False)

    def test_a_hash_that_is_stored_is_checked(self):
        self.assertTrue(run(check_password('password', HASH)))
        self.assertFalse(run(check_password('passwor', HASH)))

    def test_no_two_hashes_are_the_same(self):
        hashes = [run(hash_password('secret', 1)) for _ in range(20)]
        self.assertEqual(len(set(hashes)), 20)

    def test_the_cost_is_the_one_of_the_platform_unless_given(self):
        self.assertEqual(module.default_iterations,
                         1000 if IS_BOARD else 600000)
        self.addCleanup(setattr, module, 'default_iterations',
                        module.default_iterations)
        module.default_iterations = 7
        self.assertTrue(run(hash_password('a')).startswith(
            'pbkdf2_sha256$7$'))
        self.assertTrue(run(hash_password('a', 8)).startswith(
            'pbkdf2_sha256$8$'))

    def test_no_user_has_no_password(self):
        self.addCleanup(setattr, module, '_hash', module._hash)
        self.addCleanup(setattr, module, 'default_iterations',
                        module.default_iterations)
        module.default_iterations = 7
        made = []

        async def note(password, iterations, salt, real=module._hash):
            made.append(iterations)
            return await real(password, iterations, salt)

        module._hash = note
        self.assertIs(run(check_password('secret', None)), False)
        self.assertIs(run(check_password('', None)), False)
        self.assertIs(run(check_password('', '')), False)
        # which took as long as for a user
        self.assertEqual(made, [7, 7, 7])

    def test_hashes_are_compared_in_constant_time(self):
        compared = []

        def compare(a, b, real=module.compare_digest):
            compared.append((len(a), len(b)))
            return real(a, b)

        self.addCleanup(setattr, module, 'compare_digest',
                        module.compare_digest)
        module.compare_digest = compare
        hashed = run(hash_password('secret', 1))
        run(check_password('secret', hashed))
        run(check_password('secre', hashed))
        self.assertEqual(compared, [(len(hashed), len(hashed))] * 2)

    @unittest.skipIf(not IS_BOARD, 'it is done in a thread')
    def test_others_run_meanwhile(self):
        turns = []

        async def count():
            while True:
                turns.append(1)
                await asyncio.sleep(0)

        async def main():
            task = asyncio.create_task(count())
            await hash_password('secret', 160)
            task.cancel()

        run(main())
        self.assertTrue(len(turns) >= 10)


# Passwords that somebody may send: none of them is 'password', none raises.
HOSTILE = (
    None, 0, 5, 1.5, True, [], ['password'], {}, b'password', '',
    'pass\0word', '\0password', 'password ', 'PASSWORD', 'pаssword',
    'p\ud800ssword' if not IS_BOARD else 'p', 'x' * 16384, '$', '$$$',
    HASH, 'é' * 1000)
# What is no hash, as an application may have stored it.
MALFORMED = (
    'password', '$', '$$$', '$$$$', 'md5$1$salt$x', 'pbkdf2_sha256$1$salt',
    'pbkdf2_sha256$x$salt$x', 'pbkdf2_sha256$0$salt$x',
    'pbkdf2_sha256$-1$salt$x', 'pbkdf2_sha256$1$salt$x$',
    'pbkdf2_sha1$1$salt$x')


class TestHostileInput(unittest.TestCase):
    def test_what_is_not_the_password_is_refused(self):
        hashed = run(module._hash(b'password', 2, 'salt'))
        self.addCleanup(setattr, module, 'default_iterations',
                        module.default_iterations)
        module.default_iterations = 2
        self.assertTrue(run(check_password('password', hashed)))
        for password in HOSTILE:
            with self.subTest(password=password):
                self.assertIs(run(check_password(password, hashed)), False)

    def test_zeros_at_the_end_make_no_difference(self):
        # RFC 2104, section 2: that is how HMAC fills up its key
        hashed = run(module._hash(b'password', 2, 'salt'))
        self.assertTrue(run(check_password('password\0', hashed)))

    def test_a_changed_hash_is_refused(self):
        hashed = run(module._hash(b'password', 2, 'salt'))
        for i in range(len(hashed)):
            if hashed[i] not in '$':
                other = hashed[:i] + ('1' if hashed[i] != '1' else '3') \
                    + hashed[i + 1:]
                with self.subTest(other=other):
                    try:
                        self.assertIs(run(check_password('password', other)),
                                      False)
                    except ValueError:
                        self.assertTrue(i < 13)

    def test_part_of_a_hash_is_refused(self):
        hashed = run(module._hash(b'password', 2, 'salt'))
        for size in range(hashed.rfind('$') + 1, len(hashed)):
            self.assertIs(run(check_password('password', hashed[:size])),
                          False)

    def test_what_is_no_hash_is_a_mistake_of_the_application(self):
        for hashed in MALFORMED:
            with self.subTest(hashed=hashed):
                with self.assertRaises(ValueError):
                    run(check_password('password', hashed))

    def test_no_iterations_are_a_mistake_too(self):
        for iterations in (0, -1):
            with self.assertRaises(ValueError):
                run(hash_password('password', iterations))

"""Limits of how often a client may ask."""

import unittest

from helpers import change, run
from microdot import ratelimit
from microdot.microdot import Microdot
from microdot.ratelimit import Limiter, RateLimit, limit
from microdot.test_client import TestClient


class TestLimiter(unittest.TestCase):
    def setUp(self):
        self.now = 10 ** 12
        change(self, ratelimit, 'time_ns', lambda: self.now)

    def hits(self, limiter, count, key='a'):
        return [run(limiter.hit(key))[0] for _ in range(count)]

    def test_as_many_as_the_rate_says_are_allowed(self):
        self.assertEqual(self.hits(Limiter('3/minute'), 5),
                         [2, 1, 0, -1, -1])

    def test_keys_are_counted_apart(self):
        limiter = Limiter('1/minute')
        self.assertEqual(self.hits(limiter, 2, 'a'), [0, -1])
        self.assertEqual(self.hits(limiter, 2, 'b'), [0, -1])

    def test_time_makes_room(self):
        limiter = Limiter('3/minute')
        self.hits(limiter, 3)
        self.now += 19 * 10 ** 9
        self.assertEqual(self.hits(limiter, 1), [-1])
        self.now += 10 ** 9
        self.assertEqual(self.hits(limiter, 2), [0, -1])
        self.now += 60 * 10 ** 9
        self.assertEqual(self.hits(limiter, 4), [2, 1, 0, -1])

    def test_the_wait_is_as_long_as_it_says(self):
        limiter = Limiter('2/second')
        self.hits(limiter, 2)
        left, wait = run(limiter.hit('a'))
        self.assertEqual(left, -1)
        self.assertTrue(490 <= wait <= 500)
        self.now += wait * 10 ** 6
        self.assertEqual(self.hits(limiter, 1), [0])

    def test_it_counts_in_whole_numbers(self):
        """Boards' floats have 24 bits, which is 47 seconds of a time."""
        limiter = Limiter('7/second')
        self.assertEqual(self.hits(limiter, 9),
                         [6, 5, 4, 3, 2, 1, 0, -1, -1])
        self.assertTrue(isinstance(limiter.hits['a'], int))
        self.now += 142857142
        self.assertEqual(self.hits(limiter, 2), [0, -1])

    def test_a_clock_that_is_set_back_locks_nobody_out(self):
        limiter = Limiter('1/second')
        self.hits(limiter, 1)
        self.now -= 9 * 10 ** 11
        self.assertEqual(self.hits(limiter, 1), [0])

    def test_memory_is_bounded(self):
        change(self, Limiter, 'max_keys', 5)
        limiter = Limiter('1/minute')
        for number in range(6):
            self.hits(limiter, 1, number)
            self.assertTrue(len(limiter.hits) <= 5)
        for number in range(100):
            self.hits(limiter, 1, number)
        self.assertEqual(len(limiter.hits), 5)
        self.assertEqual(self.hits(limiter, 1, 99), [-1])

    def test_rates(self):
        for rate in ('', '5', '5/', '/minute', '0/minute', '-1/minute',
                     '5/fortnight', 'x/minute', '5/minute/2', '1.5/minute'):
            with self.subTest(rate=rate):
                with self.assertRaises(ValueError):
                    Limiter(rate)
        for rate in ('1/second', '5/minute', '100/hour', '7/day'):
            Limiter(rate)


class TestApplications(unittest.TestCase):
    def setUp(self):
        # (a second that passes would be one that need not be waited for)
        change(self, ratelimit, 'time_ns', lambda: 10 ** 12)

    def test_all_requests_of_an_application_are_limited(self):
        app = Microdot()
        RateLimit(app, '2/minute')
        app.get('/')(lambda request: 'x')

        async def main():
            client = TestClient(app)
            first = await client.get('/')
            self.assertEqual(first.status_code, 200)
            # also those that no route matches
            second = await client.get('/nothing')
            self.assertEqual(second.status_code, 404)
            third = await client.get('/')
            self.assertEqual(third.status_code, 429)
            self.assertTrue(30 <= int(third.headers['Retry-After']) <= 31)

        run(main())

    def test_a_handler_has_a_limit_of_its_own(self):
        app = Microdot()

        @app.get('/<name>')
        @limit('1/minute', key=lambda request: request.args.get('user'))
        async def page(request, name):
            return name

        @app.get('/')
        async def index(request):
            return 'index'

        async def main():
            client = TestClient(app)
            for path, expected in (
                    ('/x?user=a', 200), ('/y?user=a', 429),
                    ('/y?user=b', 200), ('/x', 200), ('/x', 200),
                    ('/', 200), ('/', 200)):
                res = await client.get(path)
                self.assertEqual(res.status_code, expected)

        run(main())

    def test_an_error_handler_can_say_it_nicely(self):
        app = Microdot()
        RateLimit(app, '1/minute')
        app.errorhandler(429)(lambda request: ('slower', 429))

        async def main():
            await TestClient(app).get('/')
            res = await TestClient(app).get('/')
            self.assertEqual((res.status_code, res.text), (429, 'slower'))

        run(main())

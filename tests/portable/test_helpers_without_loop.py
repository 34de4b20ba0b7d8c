"""What helpers.run() does where there is no event loop."""

import asyncio
import unittest

from helpers import run

NEEDS_EVENT_LOOP = False


class TestRunWithoutLoop(unittest.TestCase):
    def test_coroutine_that_does_not_wait_is_run(self):
        async def inner():
            return 5

        async def main():
            return await inner() + 1

        self.assertEqual(run(main()), 6)

    def test_exception_is_raised(self):
        async def main():
            raise ValueError('on purpose')

        with self.assertRaises(ValueError):
            run(main())

    @unittest.skipIf(hasattr(asyncio, 'run'), 'there is an event loop')
    def test_coroutine_that_waits_is_refused(self):
        async def main():
            await asyncio.sleep(0)

        with self.assertRaises(RuntimeError):
            run(main())


if __name__ == '__main__':
    unittest.main()

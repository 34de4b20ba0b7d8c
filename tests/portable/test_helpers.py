"""The helpers of the portable tests themselves."""

import asyncio
import unittest

from helpers import free_port, run


async def endless():
    while True:
        await asyncio.sleep(0)


class TestRun(unittest.TestCase):
    def test_result_is_returned(self):
        async def main():
            await asyncio.sleep(0.001)
            return 5

        self.assertEqual(run(main()), 5)

    def test_exception_is_raised(self):
        async def main():
            raise ValueError('on purpose')

        with self.assertRaises(ValueError):
            run(main())

    def test_tasks_do_not_outlive_the_loop(self):
        turns = []

        async def count():
            while True:
                turns.append(1)
                await asyncio.sleep(0)

        async def start():
            asyncio.create_task(count())
            await asyncio.sleep(0.001)

        async def look():
            before = len(turns)
            await asyncio.sleep(0.001)
            return len(turns) - before

        run(start())
        self.assertTrue(turns)
        self.assertEqual(run(look()), 0)

    def test_loop_works_after_a_failure(self):
        with self.assertRaises(asyncio.TimeoutError):
            run(endless(), timeout=0.01)
        self.assertIsNone(run(asyncio.wait_for(self.nothing(), 30)))

    async def nothing(self):
        pass

    def test_what_takes_too_long_is_ended(self):
        with self.assertRaises(asyncio.TimeoutError):
            run(endless(), timeout=0.01)


class TestFreePort(unittest.TestCase):
    def test_server_can_listen_on_it(self):
        async def main():
            server = await asyncio.start_server(handle, '127.0.0.1', port)
            reader, writer = await asyncio.open_connection('127.0.0.1', port)
            data = await reader.read(1)
            writer.close()
            await writer.wait_closed()
            server.close()
            return data

        async def handle(reader, writer):
            writer.write(b'x')
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        port = free_port()
        self.assertTrue(1024 < port < 32768)
        self.assertEqual(run(main()), b'x')


if __name__ == '__main__':
    unittest.main()

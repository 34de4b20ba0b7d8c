"""What is done again and again while the server runs."""

import asyncio
import unittest

from helpers import run
from microdot import schedule
from microdot.microdot import Microdot
from microdot.schedule import every
from serving import Server, until


class TestSchedule(unittest.TestCase):
    def test_it_runs_while_the_server_does(self):
        app = Microdot()
        calls = []

        @every(app, 0.01)
        async def tick():
            calls.append(1)

        async def main():
            for _ in range(2):
                del calls[:]
                async with Server(app):
                    await until(lambda: len(calls) > 2)
                count = len(calls)
                await asyncio.sleep(0.03)
                self.assertEqual(len(calls), count)

        run(main())

    def test_the_first_time_is_at_the_start_if_asked_for(self):
        app = Microdot()
        calls = []
        every(app, 1000, at_start=True)(lambda: calls.append('now'))
        every(app, 1000)(lambda: calls.append('later'))

        async def main():
            async with Server(app):
                await until(lambda: calls)

        run(main())
        self.assertEqual(calls, ['now'])

    def test_errors_are_logged_and_it_goes_on(self):
        app = Microdot()

        @every(app, 0.01, at_start=True)
        async def fail():
            raise ValueError('meant')

        async def main():
            async with Server(app) as server:
                await until(lambda: len(server.logged) > 2)
                self.assertIn('meant', str(server.logged[0]))
                app.shutdown()
                await server.task
                del server.logged[:]

        run(main())

    def test_it_never_runs_twice_at_once(self):
        app = Microdot()
        running = []
        most = []

        @every(app, 0.005, at_start=True)
        async def slow():
            running.append(1)
            most.append(len(running))
            await asyncio.sleep(0.02)
            running.pop()

        async def main():
            async with Server(app):
                await until(lambda: len(most) > 3)

        run(main())
        self.assertEqual(max(most), 1)

    def test_it_is_cancelled_at_the_end(self):
        app = Microdot()
        ended = []

        @every(app, 1000, at_start=True)
        async def endless():
            try:
                ended.append(False)
                await asyncio.sleep(1000)
            finally:
                ended.append(True)

        async def main():
            async with Server(app):
                await until(lambda: ended)

        run(main())
        self.assertEqual(ended, [False, True])

    def test_it_waits_for_weeks_in_pieces(self):
        # (the ticks of a board are for less than a week)
        app = Microdot()
        calls = []
        waits = []

        class Asyncio:
            create_task = asyncio.create_task
            CancelledError = asyncio.CancelledError

            @staticmethod
            async def sleep(seconds):
                waits.append(seconds)
                # after the second call it does wait
                await asyncio.sleep(0 if len(calls) < 2 else 1000)

        self.addCleanup(setattr, schedule, 'asyncio', schedule.asyncio)
        schedule.asyncio = Asyncio
        week = 7 * 24 * 3600
        every(app, week)(lambda: calls.append(sum(waits)))

        async def main():
            async with Server(app):
                await until(lambda: len(calls) > 1)

        run(main())
        self.assertTrue(abs(calls[0] - week) < 1)
        self.assertTrue(abs(calls[1] - 2 * week) < 10)
        self.assertTrue(max(waits) <= 24 * 3600)

    def test_seconds_are_above_zero(self):
        for seconds in (0, -1):
            with self.assertRaises(ValueError):
                every(Microdot(), seconds)

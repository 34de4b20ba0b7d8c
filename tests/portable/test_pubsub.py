"""Publish and subscribe."""

import asyncio
import unittest

from helpers import change, run
from microdot.microdot import Microdot
from microdot.pubsub import Hub
from microdot.sse import with_sse
from microdot.test_client import TestClient
from microdot.websocket import with_websocket
from serving import Server, soon, until

ON_BOARD = not hasattr(asyncio, 'to_thread')
MESSAGES = ('text', 'gr\xfc\xdfe', '', b'\x00\xff', {'a': [1, None]}, [1, 2],
            7, None, True)


async def take(messages, count):
    """Return that many items of an asynchronous iterator."""
    found = []
    async for item in messages:
        found.append(item)
        if len(found) >= count:
            break
    return found


def make_hub(history):
    """Return a hub that has published nothing so far."""
    hub = Hub(history=history)
    if ON_BOARD:
        hub.first = hub.replay.number
    return hub


def event_id(hub, number):
    """Return the id of the event with a message's number, from 1."""
    if ON_BOARD:
        return str(hub.first + number)
    return hub.event_id(number)


async def gather(hub, topic, after=None):
    """Return the messages that a listener gets without waiting."""
    found = []
    async with hub.subscribe(topic, after) as messages:
        while messages.queue:
            found.append((await messages.__anext__())[1])
    return found


class TestTopics(unittest.TestCase):
    def test_messages_arrive_as_they_were_published(self):
        async def main():
            hub = Hub()
            async with hub.subscribe('a') as messages:
                for message in MESSAGES:
                    hub.publish('a', message)
                found = await soon(take(messages, len(MESSAGES)))
            self.assertEqual(found, [('a', each) for each in MESSAGES])

        run(main())

    def test_topics_and_prefixes(self):
        hears = (
            ('room/1', 'room/1', True),
            ('room/1', 'room/12', False),
            ('room/1', 'room', False),
            ('room/*', 'room/1', True),
            ('room/*', 'room/1/2', True),
            ('room/*', 'room/', True),
            ('room/*', 'room', False),
            ('*', 'anything', True),
            ('r*', 'room/1', True),
        )

        async def main():
            for own, topic, expected in hears:
                with self.subTest(own=own, topic=topic):
                    hub = Hub()
                    async with hub.subscribe(own) as messages:
                        self.assertEqual(hub.count(topic), int(expected))
                        hub.publish(topic, 1)
                        self.assertEqual(len(messages.queue), int(expected))
                    self.assertEqual(hub.count(topic), 0)

        run(main())

    def test_publishing_to_a_prefix_is_refused(self):
        for topic in ('*', 'room/*', 'a*b'):
            with self.assertRaises(ValueError):
                Hub().publish(topic, 1)

    def test_a_message_one_byte_over_the_limit_is_refused(self):
        change(self, Hub, 'max_message', 10)
        hub = Hub(history=1000)
        hub.publish('a', 'x' * 10)
        hub.publish('a', b'x' * 10)
        hub.publish('a', 'x' * 8 + '\xfc')
        for message in ('x' * 11, b'x' * 11, 'x' * 9 + '\xfc', 'x' * 9999,
                        {'key': 'value'}):
            with self.assertRaises(ValueError):
                hub.publish('a', message)
        self.assertEqual(len(run(gather(hub, 'a', ''))), 3)

    def test_listeners_are_counted_while_they_listen(self):
        async def main():
            hub = Hub()
            async with hub.subscribe('a'):
                async with hub.subscribe('*'):
                    async with hub.subscribe('b'):
                        self.assertEqual(hub.count('a'), 2)
                    hub.publish('a', 1)
                self.assertEqual(hub.count('a'), 1)
            self.assertEqual(hub.count('a'), 0)
            self.assertEqual(hub.counters['dropped'], 0)

        run(main())

    def test_a_listener_that_is_cancelled_listens_no_more(self):
        async def listen(hub):
            async with hub.subscribe('a') as messages:
                await take(messages, 2)

        async def main():
            hub = Hub()
            task = asyncio.create_task(listen(hub))
            await until(lambda: hub.count('a'))
            task.cancel()
            await until(lambda: not hub.count('a'))

        run(main())


class TestBounds(unittest.TestCase):
    def test_who_does_not_keep_up_loses_the_oldest(self):
        async def main():
            hub = Hub(queue=3)
            async with hub.subscribe('a') as slow:
                async with hub.subscribe('a') as quick:
                    for number in range(3):
                        hub.publish('a', number)
                    self.assertEqual(hub.counters['dropped'], 0)
                    await soon(take(quick, 3))
                    hub.publish('a', 3)
                    self.assertEqual(hub.counters['dropped'], 1)
                    self.assertEqual(len(quick.queue), 1)
                for number in range(4, 1000):
                    hub.publish('a', number)
                    self.assertEqual(len(slow.queue), 3)
                found = await soon(take(slow, 3))
            self.assertEqual([each[1] for each in found], [997, 998, 999])
            self.assertEqual(hub.counters['dropped'], 997)

        run(main())

    def test_what_it_cannot_do_with_who_does_not_keep_up_is_refused(self):
        for full in ('newest', '', None) + (('close',) if ON_BOARD else ()):
            with self.assertRaises(ValueError):
                Hub(full=full)


class SmallHub(Hub):
    max_history = 1000


class TestHistory(unittest.TestCase):
    def publish(self, hub, count, topic='a'):
        for number in range(count):
            hub.publish(topic, number)

    def test_no_history_is_kept_unless_asked_for(self):
        hub = Hub()
        self.publish(hub, 5)
        self.assertEqual(run(gather(hub, 'a', '')), [])

    def test_history_is_given_when_asked_for(self):
        hub = make_hub(3)
        self.publish(hub, 5)
        hub.publish('b', 'x')
        self.assertEqual(run(gather(hub, 'a')), [])
        self.assertEqual(run(gather(hub, 'a', '')), [2, 3, 4])
        self.assertEqual(run(gather(hub, '*', '')), [2, 3, 4, 'x'])
        self.assertEqual(run(gather(hub, 'c', '')), [])

    def test_history_of_several_topics_comes_in_order(self):
        hub = make_hub(3)
        for number in range(6):
            hub.publish('room/%d' % (number % 2), number)
        self.assertEqual(run(gather(hub, 'room/*', '')), [0, 1, 2, 3, 4, 5])

    def test_what_came_after_an_id_is_given(self):
        hub = make_hub(3)
        self.publish(hub, 5)
        for last, expected in ((3, [3, 4]), (4, [4]), (5, []),
                               (1, [2, 3, 4]), (2, [2, 3, 4])):
            with self.subTest(last=last):
                self.assertEqual(run(gather(
                    hub, 'a', event_id(hub, last))), expected)

    def test_an_id_of_another_life_is_answered_with_all(self):
        hub = make_hub(3)
        self.publish(hub, 5)
        own = event_id(hub, 4)
        for last in ('', '-', '-4', 'x-4', 'x' + own, own + 'x', own + '-',
                     own + own, '-' + own, '00000000-4', '\xe4-\xe4',
                     '\u0664', '0', '1' * 2000):
            with self.subTest(last=last):
                self.assertEqual(run(gather(hub, 'a', last)), [2, 3, 4])

    def test_the_history_of_all_topics_is_bounded(self):
        hub = SmallHub(history=100)
        for number in range(300):
            hub.publish('topic/%d' % number, 'x' * 50)
        self.assertTrue(2 <= len(run(gather(hub, '*', ''))) <= 7)

    def test_one_topic_cannot_exceed_the_bound_either(self):
        hub = SmallHub(history=100)
        for number in range(300):
            hub.publish('a', 'x' * 50 + str(number))
        found = run(gather(hub, 'a', ''))
        self.assertTrue(2 <= len(found) <= 7)
        self.assertEqual(found[-1], 'x' * 50 + '299')


class TestForward(unittest.TestCase):
    def test_messages_reach_a_websocket(self):
        hub = Hub()
        app = Microdot()

        @app.get('/')
        @with_websocket
        async def listen(request, ws):
            forwarding = asyncio.create_task(hub.forward(ws, 'a'))
            try:
                await until(lambda: hub.count('a'))
                async for message in ws:
                    hub.publish('a', message if message != 'json'
                                else {'a': 1})
            finally:
                forwarding.cancel()

        def page():
            for message in ('text', b'\x00\xff', 'json'):
                answer = yield message
                while answer is None:  # the application waits
                    answer = yield
                got.append(answer)

        got = []
        run(TestClient(app).websocket('/', page))
        self.assertEqual(got, ['text', b'\x00\xff', '{"a": 1}'])

    def sse_app(self, hub):
        app = Microdot()

        @app.get('/')
        @with_sse
        async def listen(request, sse):
            await hub.forward(sse, 'a')

        return app

    def test_events_have_ids(self):
        hub = make_hub(10)
        app = self.sse_app(hub)

        async def main():
            hub.publish('a', 'before')
            hub.publish('a', {'b': 1})
            async with Server(app) as server:
                client = await server.connect()
                await client.send(b'GET / HTTP/1.1\r\nHost: a\r\n'
                                  b'Last-Event-ID: %s\r\n\r\n' %
                                  event_id(hub, 1).encode())
                await client.line(b'data: {"b": 1}\n\n')
                hub.publish('a', 'after')
                data = await client.line(b'data: after\n\n')
                self.assertIn(b'id: %s\n' % event_id(hub, 3).encode(), data)
                await client.close()
                await until(lambda: not hub.count('a'))

        run(main())

    def test_an_end_of_the_stream_is_a_whole_body(self):
        hub = Hub(history=2)
        app = Microdot()

        @app.get('/')
        @with_sse
        async def listen(request, sse):
            listening = asyncio.create_task(hub.forward(sse, 'a', ''))
            await until(lambda: hub.count('b'))
            listening.cancel()

        async def main():
            async with Server(app) as server:
                client = await server.connect()
                await client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
                await until(lambda: hub.count('a'))
                for number in range(5):
                    hub.publish('a', number)
                    await asyncio.sleep(0)
                async with hub.subscribe('b'):
                    answer = await client.answer()
                self.assertTrue(answer.whole)
                for number in range(5):
                    self.assertIn(b'data: %d\n\n' % number, answer.body)

        run(main())

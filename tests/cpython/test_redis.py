"""A real Redis between hubs, and behind limits."""

import asyncio
import contextlib
import json
import logging
import threading

import pytest
import redis
from redis.asyncio import connection

from microdot import Microdot
from microdot._redis import RedisLimiter
from microdot.pubsub import RedisHub
from microdot.ratelimit import Limiter
from redis_server import RedisServer, redis_server  # noqa: F401

PATIENCE_S = 60


def run(coro):
    async def limited():
        return await asyncio.wait_for(coro, PATIENCE_S)

    return asyncio.run(limited())


@contextlib.asynccontextmanager
async def hubs(server, count=2, **options):
    """Hubs that have only the Redis in common, as in several processes."""
    found = [RedisHub(server.url, **options) for _ in range(count)]
    try:
        yield found
    finally:
        for hub in found:
            await hub.close()


@contextlib.asynccontextmanager
async def redis_client(server):
    client = redis.asyncio.Redis.from_url(server.url)
    try:
        yield client
    finally:
        await client.aclose()


async def take(messages, count):
    found = []
    async for _, message in messages:
        found.append(message)
        if len(found) == count:
            return found


async def gather(hub, topic, after):
    async with hub.subscribe(topic, after) as messages:
        return [entry[2] for entry in messages.queue]


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)


def test_messages_reach_all_processes_as_they_are(redis_server):  # noqa: F811
    sent = ['text', 'gr\xfc\xdfe', b'\x00\xff', {'a': [1, None]}, 7, None]

    async def main():
        async with hubs(redis_server) as (ada, bob):
            async with ada.subscribe('room/*') as first:
                async with bob.subscribe('room/1') as second:
                    for message in sent:
                        ada.publish('room/1', message)
                    assert await take(first, len(sent)) == sent
                    assert await take(second, len(sent)) == sent

    run(main())


def test_history_can_be_had_from_any_process(redis_server):  # noqa: F811
    async def main():
        async with hubs(redis_server, history=5) as (ada, bob):
            async with ada.subscribe('a') as messages:
                for number in range(8):
                    ada.publish('a', number)
                ids = [ada.event_id((await messages.next())[0])
                       for _ in range(8)]
            assert await gather(bob, 'a', '') == [3, 4, 5, 6, 7]
            assert await gather(bob, 'a', ids[5]) == [6, 7]
            assert await gather(bob, 'a', ids[7]) == []
            for wrong in ('x', '1', '1-', '-', '\xb2-1', '9' * 90 + '-1'):
                assert len(await gather(bob, 'a', wrong)) == 5
            bob.publish('b', 'other')
            await until(lambda: ada.counters['published'] == 9)
            assert await gather(ada, '*', '') == [3, 4, 5, 6, 7, 'other']
        # and by one that has just begun
        async with hubs(redis_server, count=1) as (cyd,):
            assert await gather(cyd, 'a', ids[6]) == [7]

    run(main())


def test_listeners_of_all_processes_are_counted(redis_server):  # noqa: F811
    async def main():
        async with hubs(redis_server) as (ada, bob):
            async with ada.subscribe('a'), bob.subscribe('*'):
                await until(lambda: ada.count('a') == bob.count('a') == 2)
                assert ada.count('b') == 1
            await until(lambda: ada.count('a') == bob.count('a') == 0)

    run(main())


def test_a_process_that_begins_later_is_told_at_once(
        redis_server, monkeypatch):  # noqa: F811
    monkeypatch.setattr(RedisHub, 'report_interval', 3600)

    async def main():
        async with hubs(redis_server) as (ada, bob):
            async with ada.subscribe('a'):
                # (its report has been sent, and would not come again)
                await until(lambda: not ada.unsent and not
                            ada.changed.is_set())
                await bob.connect()
                await until(lambda: bob.count('a') == 1)

    run(main())


def test_what_was_published_before_closing_arrives(
        redis_server, monkeypatch):  # noqa: F811
    monkeypatch.setattr(RedisHub, 'flush_timeout', PATIENCE_S)

    async def main():
        async with hubs(redis_server, queue=5000) as (ada, bob):
            async with bob.subscribe('a') as messages:
                for number in range(3000):
                    ada.publish('a', number)
                await ada.close()
                assert not ada.unsent
                assert await take(messages, 3000) == list(range(3000))

    run(main())


def test_closing_leaves_no_connection_however_long_that_takes(
        redis_server, monkeypatch):  # noqa: F811
    disconnect = connection.AbstractConnection.disconnect

    async def slowly(self, *args, **kwargs):
        await asyncio.sleep(0.3)
        await disconnect(self, *args, **kwargs)

    async def main():
        async with hubs(redis_server, count=1) as (hub,):
            async with hub.subscribe('a') as messages:
                hub.publish('a', 1)
                assert await take(messages, 1) == [1]
            monkeypatch.setattr(
                connection.AbstractConnection, 'disconnect', slowly)
            await hub.close()
            monkeypatch.undo()
        with redis.Redis.from_url(redis_server.url) as client:
            # but the one that asks
            await until(lambda: len(client.client_list()) == 1)

    run(main())


def test_closing_waits_so_long_for_a_redis_that_is_gone(
        redis_server, caplog, monkeypatch):  # noqa: F811
    monkeypatch.setattr(RedisHub, 'flush_timeout', 0.01)
    caplog.set_level(logging.ERROR, 'microdot.error')

    async def main():
        async with hubs(redis_server, count=1) as (hub,):
            async with hub.subscribe('a'):
                redis_server.kill()
                await until(lambda: hub.link.lost)
                hub.publish('a', 1)
                await hub.close()

    run(main())
    assert '1 messages have not been sent' in caplog.text


def test_threads_may_publish(redis_server):  # noqa: F811
    async def main():
        async with hubs(redis_server, count=1, queue=1000) as (hub,):
            async with hub.subscribe('a') as messages:
                thread = threading.Thread(target=lambda: [
                    hub.publish('a', number) for number in range(500)])
                thread.start()
                assert await take(messages, 500) == list(range(500))
                thread.join()

    run(main())


# (the library complains of connections that Redis has closed)
@pytest.mark.filterwarnings(
    'ignore::pytest.PytestUnraisableExceptionWarning')
def test_killing_redis_loses_nothing_and_logs_once(
        redis_server, caplog):  # noqa: F811
    caplog.set_level(logging.WARNING, 'microdot.error')

    async def main():
        async with hubs(redis_server, queue=1000) as (ada, bob):
            async with bob.subscribe('a') as messages:
                for number in range(300):
                    ada.publish('a', number)
                    await asyncio.sleep(0.005)
                    if number == 100:
                        redis_server.kill()
                    if number == 250:
                        await asyncio.to_thread(redis_server.start)
                assert await take(messages, 300) == list(range(300))

    run(main())
    errors = [record for record in caplog.records
              if record.levelno >= logging.ERROR]
    # one for each of the two processes
    assert len(errors) == 2
    assert 'is gone' in errors[0].getMessage()


def test_a_wrong_password_is_told_at_the_start():
    pytest.importorskip('redis')
    import programs
    try:
        programs.fetch('redis-server')
    except programs.FetchError as error:
        pytest.skip(str(error))
    with RedisServer('--requirepass', 'secret') as server:
        for url in (server.url, server.url_for(':wrong@'),
                    server.url + '&password=wrong@'):
            with pytest.raises(ValueError, match='password') as caught:
                RedisHub(url)
            assert 'wrong' not in str(caught.value)
        RedisHub(server.url_for(':secret@'))


def test_messages_over_the_limit_are_refused(redis_server):  # noqa: F811
    hub = RedisHub(redis_server.url)
    hub.publish('a', b'x' * 512 * 1024)
    with pytest.raises(ValueError, match='max_message'):
        hub.publish('a', b'x' * (512 * 1024 + 1))


def test_what_cannot_be_sent_is_bounded(redis_server):  # noqa: F811
    hub = RedisHub(redis_server.url)
    for _ in range(100):
        hub.publish('a', b'x' * 512 * 1024)
    assert hub.unsent_bytes <= hub.max_unsent
    assert hub.counters['dropped'] == 100 - len(hub.unsent)


def test_a_redis_that_is_not_there_may_come_later(redis_server):  # noqa: F811
    redis_server.kill()

    async def main():
        async with hubs(redis_server, count=1) as (hub,):
            hub.publish('a', 'early')
            await asyncio.sleep(0.3)
            await asyncio.to_thread(redis_server.start)
            while await gather(hub, 'a', '') != ['early']:
                await asyncio.sleep(0.02)

    run(main())


def test_limits_are_counted_for_all_processes(redis_server):  # noqa: F811
    async def main():
        first = Limiter('3/minute', redis=redis_server.url)
        second = Limiter('3/minute', redis=redis_server.url)
        lefts = [(await each.hit('a'))[0]
                 for each in (first, second, first, second, first)]
        assert lefts == [2, 1, 0, -1, -1]
        left, wait = await first.hit('a')
        assert left == -1 and 0 < wait <= 20000
        assert (await first.hit('b'))[0] == 2
        await first.redis.client.aclose()
        await second.redis.client.aclose()

    run(main())


def test_without_redis_nobody_is_limited(redis_server, caplog):  # noqa: F811
    async def main():
        limiter = Limiter('1/minute', redis=redis_server.url)
        redis_server.kill()
        for _ in range(3):
            assert (await limiter.hit('a'))[0] >= 0
        await limiter.redis.client.aclose()

    run(main())
    assert len(caplog.records) == 1


@pytest.mark.parametrize('together', (3, 4, 150))
def test_hits_share_so_many_connections(
        redis_server, caplog, monkeypatch, together):  # noqa: F811
    monkeypatch.setattr(RedisLimiter, 'max_connections', 3)

    async def main():
        limiter = Limiter('200/day', redis=redis_server.url)
        found = await asyncio.gather(
            *(limiter.hit('a') for _ in range(together)))
        # each of them has been counted
        assert sorted(left for left, _ in found) == \
            list(range(200 - together, 200))
        async with redis_client(redis_server) as client:
            # (this client is one of those that are listed)
            assert len(await client.client_list()) <= 3 + 1
        await limiter.redis.client.aclose()

    run(main())
    assert not caplog.records


def test_the_url_may_say_how_many_connections(redis_server):  # noqa: F811
    url = redis_server.url + '&max_connections=2'

    async def main():
        limiter = Limiter('9/minute', redis=url)
        await asyncio.gather(*(limiter.hit('a') for _ in range(9)))
        async with redis_client(redis_server) as client:
            assert len(await client.client_list()) <= 2 + 1
        await limiter.redis.client.aclose()

    run(main())


def test_an_application_can_connect_when_it_starts(redis_server):  # noqa: F811
    from microdot.test_client import TestClient

    async def main():
        hub = RedisHub(redis_server.url)
        app = Microdot()
        app.on_startup(hub.connect)
        app.on_shutdown(hub.close)
        app.get('/')(lambda request: hub.publish('a', 'from a thread'))
        async with TestClient(app) as client:
            await client.get('/')
            while await gather(hub, 'a', '') != ['from a thread']:
                await asyncio.sleep(0.01)

    run(main())


def test_what_history_has_before_it_arrives_comes_once(
        redis_server, monkeypatch):  # noqa: F811
    """A process may load a message with the history before its reader has
    come to it."""
    async def main():
        async with hubs(redis_server) as (ada, bob):
            async with bob.subscribe('a') as first:
                held = []
                take_one = bob._take
                monkeypatch.setattr(
                    bob, '_take', lambda *entry: held.append(entry))
                async with ada.subscribe('a') as own:
                    ada.publish('a', 'one')
                    ada.publish('a', 'two')
                    await take(own, 2)
                async with bob.subscribe('a', '') as messages:
                    await until(lambda: len(held) >= 2)
                    monkeypatch.setattr(bob, '_take', take_one)
                    for entry in held:
                        take_one(*entry)
                    ada.publish('a', 'three')
                    assert await take(messages, 3) == ['one', 'two', 'three']
                    assert await take(first, 3) == ['one', 'two', 'three']
                    assert not bob.late

    run(main())


@pytest.mark.parametrize('over', [0, 1, 1000])
def test_so_many_messages_of_a_topic_are_kept(redis_server, over):  # noqa: F811
    async def main():
        async with hubs(redis_server, history=50, queue=2000) as (ada, bob):
            async with bob.subscribe('a') as messages:
                for number in range(50 + over):
                    ada.publish('a', number)
                await take(messages, 50 + over)
            assert await gather(bob, 'a', '') == list(range(over, over + 50))

    run(main())


@pytest.mark.parametrize('over', [0, 1, 20])
def test_a_prefix_is_replayed_for_so_many_topics(
        redis_server, over, monkeypatch):  # noqa: F811
    monkeypatch.setattr(RedisHub, 'max_replayed', 20)

    async def main():
        async with hubs(redis_server, count=1) as (hub,):
            async with hub.subscribe('*') as messages:
                for number in range(20 + over):
                    hub.publish('a/%d' % number, number)
                await take(messages, 20 + over)
            found = await gather(hub, 'a/*', '')
            assert len(found) == 20
            assert set(found) <= set(range(20 + over))

    run(main())


def test_what_redis_keeps_is_bounded_and_expires(
        redis_server, monkeypatch):  # noqa: F811
    monkeypatch.setattr(RedisHub, 'max_lag', 100)

    async def main():
        async with hubs(redis_server, count=1, queue=5000) as (hub,):
            async with hub.subscribe('*') as messages:
                for _ in range(60):
                    for number in range(50):
                        hub.publish('a', number)
                    await take(messages, 50)
                # (Redis forgets whole blocks of about 100)
                async with hub._client() as client:
                    assert 100 <= await client.xlen('microdot:all') < 350
                    assert await client.xlen('microdot:topic:a') == 100
                    assert 86000 < await client.ttl('microdot:topic:a')
                    async for key in client.scan_iter('microdot:sent:*'):
                        assert 86000 < await client.ttl(key)

    run(main())


@pytest.mark.parametrize('over', [0, 1, 1000])
def test_the_listeners_of_so_many_processes_are_counted(
        redis_server, over, monkeypatch):  # noqa: F811
    monkeypatch.setattr(RedisHub, 'max_others', 50)
    hub = RedisHub(redis_server.url)
    for number in range(50 + over):
        hub._take(b'1-1', {b'k': b'p', b't': b'', b'd': json.dumps(
            ['%d' % number, {'a': 2}]).encode()})
    assert len(hub.others) == 50
    assert hub.count('a') == 100


@pytest.mark.parametrize('over', [0, 1, 5000])
def test_a_report_of_listeners_is_bounded(
        redis_server, over, monkeypatch):  # noqa: F811
    hub = RedisHub(redis_server.url)
    hub.listeners = {'%05d' % number: {number} for number in range(50)}
    hub.listeners['popular'] = {1, 2}
    size = len(hub._count_all())
    monkeypatch.setattr(RedisHub, 'max_message', size)
    for number in range(50, 50 + over):
        hub.listeners['%05d' % number] = {number}
    data = hub._count_all()
    assert len(data) <= size
    counts = json.loads(data)[1]
    assert counts['popular'] == 2
    assert len(counts) == 51 if not over else 30 < len(counts) <= 51


STRANGE = [
    {'x': 'y'}, {'t': 'room/a', 'k': 's'}, {'k': 's', 'd': 'x'},
    {'t': b'\xff', 'k': 's', 'd': 'x'}, {'t': 'room/a', 'k': 's',
                                         'd': b'\xff'},
    {'t': 'room/a', 'k': 'j', 'd': '{'}, {'t': 'room/a', 'k': 'q', 'd': ''},
    {'t': 'room/a', 'k': 'j', 'd': '[' * 100000},
    *({'t': '', 'k': 'p', 'd': json.dumps(each)} for each in (
        1, [], ['a'], ['a', 1], [[], {}], ['a', {'room': 'x'}],
        ['a', {'room': None}], ['a', {'room': 1}, 2]))]


def test_what_no_hub_has_written_ends_nothing(
        redis_server, caplog):  # noqa: F811
    import redis

    async def main():
        async with hubs(redis_server, history=100) as (ada, bob):
            async with bob.subscribe('room/*') as messages:
                await ada.connect()
                await bob.connect()
                ada.publish('room/a', 'before')
                assert await take(messages, 1) == ['before']
                client = redis.Redis.from_url(redis_server.url)
                # (the topic's first: its ids stay below those of all)
                for fields in STRANGE:
                    client.xadd(bob._key('room/a'), fields)
                    client.xadd(bob.prefix + 'all', fields)
                client.close()
                ada.publish('room/a', 'after')
                assert await take(messages, 1) == ['after']
                assert bob.count('room/a') >= 1
                # (each has a reader of its own)
                await until(lambda: ada.strange)
            assert await gather(bob, 'room/a', '0-0') == ['before', 'after']

    with caplog.at_level(logging.ERROR, 'microdot.error'):
        run(main())
    told = [record.getMessage() for record in caplog.records]
    assert told == ['this entry of a stream is of no hub: skipped, '
                    'and so are further ones'] * 2  # a hub each


@pytest.mark.parametrize('end', ['9999999999999-5', 'text'])
def test_what_was_written_over_a_topic_sends_nothing_twice(
        redis_server, caplog, end):  # noqa: F811
    """No entry of ours can follow one with a later id, as after the clock
    was set back, nor be in a key that is no stream."""
    import redis

    async def main():
        async with hubs(redis_server) as (ada, bob):
            async with bob.subscribe('*') as messages:
                await ada.connect()
                await bob.connect()
                ada.publish('a', 'lost with the history')
                await take(messages, 1)
                client = redis.Redis.from_url(redis_server.url)
                if end == 'text':
                    client.set(bob._key('a'), end)
                else:
                    client.xadd(bob._key('a'), {'x': 'y'}, id=end)
                client.close()
                sent = [('b', 1), ('a', 2), ('b', 3), ('a', 4)]
                for topic, message in sent:
                    ada.publish(topic, message)
                ada.publish('end', 0)
                found = []
                while not found or found[-1][0] != 'end':
                    entry = await messages.next()
                    found.append((entry[1], entry[2]))
                assert found[:-1] == sent
                assert ada.link.lost is False
            assert await gather(bob, 'a', '0-0') == [2, 4]
            assert await gather(bob, 'b', '0-0') == [1, 3]

    with caplog.at_level(logging.WARNING, 'microdot.error'):
        run(main())
    assert not caplog.records


def test_a_redis_without_room_is_told_once(
        redis_server, caplog):  # noqa: F811
    """Who reads goes on, which does not mean that it is back."""
    async def main():
        async with hubs(redis_server, count=1) as (hub,):
            async with hub.subscribe('a') as messages:
                client = redis.Redis.from_url(redis_server.url)
                client.config_set('maxmemory', 1)
                hub.publish('a', 1)
                await until(lambda: hub.link.lost)
                heard = []
                up = hub.link.up
                hub.link.up = lambda *who: (heard.append(who), up(*who))
                await until(lambda: heard)
                assert hub.link.lost
                client.config_set('maxmemory', 0)
                client.close()
                assert await take(messages, 1) == [1]
                await until(lambda: not hub.link.lost)

    with caplog.at_level(logging.WARNING, 'microdot.error'):
        run(main())
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert ' refuses: ' in told[0]
    assert told[1].endswith(' is back')


def test_a_redis_without_room_limits_nobody_and_keeps_the_messages(
        redis_server, caplog):  # noqa: F811
    import redis

    async def main():
        limiter = Limiter('1/minute', redis=redis_server.url)
        client = redis.Redis.from_url(redis_server.url)
        async with hubs(redis_server) as (ada, bob):
            async with bob.subscribe('a') as messages:
                ada.publish('a', 'before')
                assert await take(messages, 1) == ['before']
                client.config_set('maxmemory', 1)
                try:
                    for _ in range(3):
                        assert (await limiter.hit('x'))[0] >= 0
                    ada.publish('a', 'after')
                    await until(lambda: ada.link.lost)
                finally:
                    client.config_set('maxmemory', 0)
                    client.close()
                assert await take(messages, 1) == ['after']
        assert [(await limiter.hit('x'))[0] for _ in range(2)] == [0, -1]
        await limiter.redis.client.aclose()

    with caplog.at_level(logging.ERROR, 'microdot.error'):
        run(main())
    told = [record.getMessage() for record in caplog.records]
    assert all(' refuses: ' in each for each in told)
    # once by the limiter, once by each hub (both tell who listens)
    assert 2 <= len(told) <= 3

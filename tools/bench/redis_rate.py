"""Measure what two processes say to one another through a Redis.

``python3 tools/bench/redis_rate.py`` has one process publish 5,000 messages a
second for some seconds to a ``RedisHub``, 100 bytes each, and another, with a
listener, count them and see to their order. It prints how many were lost, how
long they took, and the processor time of both, for a message.

Each process has a core of its own, where there are two, and Redis either; for
root they go before all others on the machine.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time

import common
from common import TOP

sys.path[:0] = [str(TOP / 'src'), str(TOP / 'tests' / 'support')]

try:
    import redis_server
    from microdot.pubsub import RedisHub
except ImportError:
    common.enter()

#: Times a second that some messages are published at once.
BEATS = 100
LENGTH = 100
#: Messages a second, at least, and none of them lost.
TARGET = 5000
END = 'end'


def say(value):
    print(json.dumps(value), flush=True)


async def listen(url, queue):
    """Print when it listens, and then what it has got."""
    hub = RedisHub(url, queue=queue, history=0)
    delays = []
    expected = lost = swapped = 0
    async with hub.subscribe('a') as messages:
        say('ready')
        start = time.process_time()
        async for _, message in messages:
            if message == END:
                break
            number, sent = map(int, message.split()[:2])
            delays.append((time.monotonic_ns() - sent) / 1e6)
            swapped += number < expected
            lost += max(number - expected, 0)
            expected = number + 1
        used = time.process_time() - start
    delays.sort()
    say({'got': len(delays), 'lost': lost, 'swapped': swapped,
         'dropped': hub.counters['dropped'],
         'median_ms': statistics.median(delays),
         'p99_ms': delays[int(len(delays) * 0.99)], 'most_ms': delays[-1],
         'us': used / len(delays) * 1e6})
    await hub.close()


async def publish(url, rate, seconds):
    """Print what it has taken to publish all."""
    hub = RedisHub(url, history=0)
    await hub.connect()
    while not hub.count('a'):
        await asyncio.sleep(0.05)
    begin = time.monotonic()
    start = time.process_time()
    count = rate * seconds
    number = 0
    while number < count:
        due = min(int((time.monotonic() - begin) * rate) + 1, count)
        while number < due:
            hub.publish('a', ('%d %d ' % (
                number, time.monotonic_ns())).ljust(LENGTH, 'x'))
            number += 1
        taken = time.monotonic() - begin
        await asyncio.sleep(1 / BEATS)
    hub.publish('a', END)
    used = time.process_time() - start
    say({'published': number, 'rate': number / taken,
         'us': used / number * 1e6})
    await hub.close()


def be(options):
    """Be one of the processes."""
    first, last = common.cores()
    os.sched_setaffinity(0, {last if options.role == 'listen' else first})
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    asyncio.run(
        listen(options.url, options.rate * options.seconds)
        if options.role == 'listen' else
        publish(options.url, options.rate, options.seconds))


def measure(rate, seconds):
    """Return what both processes say, as one dict."""
    with redis_server.RedisServer('--appendonly', 'no') as server:
        command = [sys.executable, __file__, '--url', server.url, '--rate',
                   str(rate), '--seconds', str(seconds), '--role']
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(
                server.process.pid, os.SCHED_RR, os.sched_param(1))
        children = []
        try:
            for role in 'listen', 'publish':
                children.append(subprocess.Popen(
                    [*command, role], stdout=subprocess.PIPE, text=True))
                if role == 'listen':
                    children[0].stdout.readline()
            said = json.loads(children[1].stdout.readline())
            got = json.loads(children[0].stdout.readline())
        finally:
            for child in children:
                child.kill()
                child.communicate()
    return {'rate': said['rate'], 'published': said['published'],
            'publish_us': said['us'], 'target': TARGET, **got}


def main(argv=None):
    """Run the command line; return the exit status: 1 if some were lost."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition('\n')[0])
    parser.add_argument('--rate', type=int, default=TARGET,
                        help='messages a second')
    parser.add_argument('--seconds', type=int, default=10)
    parser.add_argument('--json', action='store_true')
    for name in ('--role', '--url'):
        parser.add_argument(name, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.role:
        be(options)
        return 0
    common.enter()
    found = measure(options.rate, options.seconds)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        print('{rate:.0f} messages a second: {published} published, {got} '
              'arrived, {lost} lost, {swapped} out of order; half after '
              '{median_ms:.1f} ms, 99 of 100 after {p99_ms:.1f}, all after '
              '{most_ms:.1f}; processor time for each {publish_us:.0f} us and '
              '{us:.0f} us'.format(**found))
    return int(found['got'] != found['published'] or found['swapped'] > 0)


if __name__ == '__main__':
    sys.exit(main())

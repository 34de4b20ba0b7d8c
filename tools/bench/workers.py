"""Compare two workers of ``microdot run`` with one process.

``python3 tools/bench/workers.py`` serves the same application by one process,
by two workers, and by two servers that know nothing of one another and get
half of the clients each. It sends all three the same load in turn, round after
round, and prints processor time per request, of all processes of a server
together, and which share of the requests each worker has answered. What the
load itself needs is not in it. Requests come on connections that stay open,
or each on a new one, from so many clients at a time.

Two processes of the same program need more than one that has all to do: each
wakes up more often for less, and finds other data in the caches. How much that
is on a machine, the two servers show; what workers need beyond them is the
price of sharing.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import signal
import statistics
import sys
import tempfile
import time

import common
import speed
from common import APPS, TOP, Case, Failure

WORKERS = 2
CONNECTIONS = (1, 4, 16, 64)
CLOSE = (('Connection', 'close'),)
#: Heading, path and headers of the requests.
KINDS = {'keep': ('connections stay open', '/', ()),
         'close': ('a new connection each', '/', CLOSE),
         'work': ('a new connection each, and a millisecond of work',
                  '/work?ms=1', CLOSE)}
#: At most so much of the processor time that one process needs.
TARGET = 1.1


class Workers(common.Server):
    """``microdot run`` with so many workers, on any core."""

    pinned = False

    def __init__(self, workers, folder, name=None):
        self.workers = workers
        self.folder = pathlib.Path(folder)
        super().__init__(
            name or 'workers-%d' % workers,
            [sys.executable, '-m', 'microdot', 'run',
             str(APPS / 'counted_app.py'), '--port', '{port}', '--workers',
             str(workers), '--no-access-log'],
            {'PYTHONPATH': str(TOP / 'src'), 'BENCH_COUNTS': str(folder)})

    def serving(self):
        """Return the ids of the processes that serve."""
        pids = common.descendants(self.process.pid)
        return pids[1:] if self.workers > 1 else pids

    def wait(self, patience_s=common.PATIENCE_S):
        """Wait until each worker serves."""
        super().wait(patience_s)
        deadline = time.monotonic() + patience_s
        while True:
            try:
                self.counts(1)
                return
            except Failure:
                if time.monotonic() > deadline:
                    raise

    def counts(self, patience_s=common.PATIENCE_S):
        """Return how many requests each process has answered, by its id.

        :raises Failure: one does not tell.
        """
        found = {}
        pids = self.serving()
        if len(pids) != self.workers:
            time.sleep(0.05)
            raise Failure('%s: %d processes serve' % (self.name, len(pids)))
        for pid in pids:
            path = self.folder / str(pid)
            path.unlink(missing_ok=True)
            if not catches(pid, signal.SIGUSR1):
                time.sleep(0.05)
                raise Failure('%s: process %d has not begun' % (
                    self.name, pid))
            os.kill(pid, signal.SIGUSR1)
            deadline = time.monotonic() + patience_s
            while not path.exists():
                if time.monotonic() > deadline:
                    raise Failure('%s: process %d does not tell' % (
                        self.name, pid))
                time.sleep(0.002)
            found[pid] = int(path.read_text())
        return found


def catches(pid, number):
    """Tell whether a process handles a signal, which would end it
    otherwise."""
    text = pathlib.Path('/proc/%d/status' % pid).read_text()
    mask = int(text.partition('SigCgt:')[2].split()[0], 16)
    return bool(mask & 1 << number - 1)


class Apart:
    """Servers that share nothing, as if they were one.

    :param servers: a list of :class:`Workers`, of one process each.
    """

    name = 'apart'

    def __init__(self, servers):
        self.servers = servers
        self.port = None

    def cpu_us(self):
        return sum(server.cpu_us() for server in self.servers)

    def counts(self):
        return {pid: count for server in self.servers
                for pid, count in server.counts().items()}


class ApartLoad:
    """A load for :class:`Apart`: each server has its share of the clients."""

    def __init__(self, apart, load):
        self.apart = apart
        self.load = load

    def run(self, port, case, seconds):
        servers = self.apart.servers
        with concurrent.futures.ThreadPoolExecutor() as pool:
            found = list(pool.map(lambda server: self.load.run(
                server.port, case._replace(
                    # (of its own, as a file of that name is written)
                    name='%s-%s' % (case.name, server.name),
                    connections=max(1, case.connections // len(servers))),
                seconds), servers))
        requests, took, errors = zip(*found)
        return sum(requests), max(took), sum(errors)


def case_of(kind, connections):
    label, path, headers = KINDS[kind]
    return Case('workers-' + kind, label, path, headers=headers,
                connections=connections)


def sample(server, case, load, seconds):
    """Measure a server once; return a sample and the shares of its workers in
    percent."""
    before = server.counts()
    taken = common.sample(server, case, load, seconds)
    after = server.counts()
    answered = [after[pid] - before.get(pid, 0) for pid in after]
    return taken, [100 * each / max(sum(answered), 1) for each in answered]


def measure(servers, case, load, rounds, seconds):
    """Measure servers in turn; return a dict of figures.

    :param servers: one process, workers, and :class:`Apart`.
    """
    samples = [[] for _ in servers]
    shares = []
    loads = [ApartLoad(server, load) if isinstance(server, Apart) else load
             for server in servers]
    for server, each in zip(servers, loads):
        each.run(server.port, case, 1)
    turns = list(range(len(servers)))
    for _ in range(rounds):
        for turn in turns:
            taken, share = sample(servers[turn], case, loads[turn], seconds)
            samples[turn].append(taken)
            if turn == 1:
                shares.append(min(share))
        turns.append(turns.pop(0))
    one, workers, apart = map(common.summary, samples)
    return {
        'connections': case.connections,
        'one_us': one['cpu_us_median'],
        'workers_us': workers['cpu_us_median'],
        'apart_us': apart['cpu_us_median'],
        'ratio': common.ratio(samples[1], samples[0])['median'],
        'apart_ratio': common.ratio(samples[2], samples[0])['median'],
        'one_rate': one['rate_median'],
        'workers_rate': workers['rate_median'],
        'apart_rate': apart['rate_median'],
        'share': round(statistics.median(shares), 1),
        'least_share': round(min(shares), 1),
        'errors': one['errors'] + workers['errors'] + apart['errors'],
    }


def rows_of(rows):
    """Return rows of a table of what was measured; the first is the heading.
    """
    return [('clients', 'one, µs', 'workers, µs', 'of one', 'target',
             'two apart, of one', 'one, a second', 'workers, a second',
             'smaller share, %')] + [
        (each['connections'], each['one_us'], each['workers_us'],
         each['ratio'], TARGET, each['apart_ratio'], each['one_rate'],
         each['workers_rate'], each['share']) for each in rows]


def report(found):
    """Return the figures as a text."""
    lines = []
    for kind, rows in found.items():
        lines += [KINDS[kind][0], common.table(rows_of(rows))]
        errors = sum(each['errors'] for each in rows)
        if errors:
            lines.append('%d errors\n' % errors)
    return '\n'.join(lines)


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--kinds', help='of %s' % ', '.join(KINDS))
    parser.add_argument('--connections', default=','.join(
        map(str, CONNECTIONS)), help='clients at a time, default %(default)s')
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--seconds', type=int, default=1,
                        help='of load in each')
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args(argv)
    kinds = speed.parse_names(options.kinds, KINDS)
    common.STORE.mkdir(exist_ok=True)
    load = Load()
    with tempfile.TemporaryDirectory() as folder:
        servers = {
            'one': Workers(1, folder), 'workers': Workers(WORKERS, folder),
            **{'apart-%d' % number: Workers(1, folder, 'apart-%d' % number)
               for number in range(WORKERS)}}
        expected = len(servers)
        with common.running(servers):
            if len(servers) < expected:
                return 1
            one, workers, *apart = servers.values()
            found = {kind: [measure(
                [one, workers, Apart(apart)], case_of(kind, int(count)), load,
                options.rounds, options.seconds)
                for count in options.connections.split(',')]
                for kind in kinds}
    print(json.dumps(found, indent=1) if options.json else report(found))
    return 0


class Load(common.Wrk):
    """Load by ``wrk``, which is not to be what workers wait for."""

    pinned = False
    threads = WORKERS


if __name__ == '__main__':
    sys.exit(main())

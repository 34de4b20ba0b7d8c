"""Measure how the cost of a request grows, on CPython.

``python3 tools/bench/growth.py`` varies the number of routes, of headers, of
open connections and the size of the body, and prints the processor time of a
request. ``--plot FOLDER`` also writes the figures as SVG files there. See
docs/project/benchmarks.rst.
"""
import argparse
import contextlib
import json
import pathlib
import resource
import statistics
import sys

import common
import speed
from common import Case

SERVERS = ('ours', 'microdot27', 'starlette', 'blacksheep', 'aiohttp')
#: What is varied: (label of the axis, values).
SERIES = {
    'static': ('static routes; the last one is requested',
               (1, 10, 100, 1000, 5000)),
    'param': ('routes with a parameter; the last one is requested',
              (1, 10, 100, 1000, 5000)),
    'headers': ('headers of the request', (1, 5, 10, 20, 40, 80)),
    'idle': ('open connections that do nothing', (0, 10, 100, 1000, 5000)),
    'body': ('bytes of the body of the request',
             (100, 1000, 10000, 100000, 1000000)),
}
LARGE = {'BENCH_LARGE': '1'}


def case_for(series, value):
    """Return the :class:`Case` of a point."""
    if series == 'static':
        return Case('growth', '', '/static%d' % (value - 1),
                    begins=b'%d' % (value - 1), static=value)
    if series == 'param':
        return Case('growth', '', '/param%d/5' % (value - 1), begins=b'5',
                    param=value)
    if series == 'headers':
        return Case('growth', '', headers=tuple(
            ('X-Header-%d' % i, 'value number %d' % i) for i in range(value)))
    if series == 'body':
        return Case('growth', '', '/length', 'POST', body=b'x' * value,
                    begins=b'%d' % value)
    return Case('growth', '')


class FileLoad(common.Wrk):
    """``wrk`` that is told of a large body by a script, not by a string."""

    def run(self, port, case, seconds):
        if len(case.body) > 10000:
            case = case._replace(connections=8)
        return super().run(port, case, seconds)


def measure(names, series, load, count, seconds=1, note=print):
    """Return ``{series: {server: [(value, [Sample, ...]), ...]}}``."""
    results = {}
    for name in series:
        results[name] = {server: [] for server in names}
        for value in SERIES[name][1]:
            note('%s: %d ...' % (name, value))
            case = case_for(name, value)
            measured = {}
            with common.running(speed.start(names, case.static, case.param,
                                            LARGE)) as servers:
                if name != 'idle':
                    measured = common.rounds(servers, case, load, count,
                                             seconds, note)
                # one after the other: those of all at once would be too many
                for key, server in servers.items() if name == 'idle' else ():
                    with contextlib.closing(common.Idle(server.port, value)):
                        measured.update(common.rounds(
                            {key: server}, case, load, count, seconds, note))
            for server, samples in measured.items():
                results[name][server].append((value, samples))
    return results


def medians(results):
    """Return the results as ``{series: {server: [[value, us], ...]}}``."""
    return {name: {server: [
        [value, round(statistics.median(
            sample.cpu_us for sample in samples), 2)]
        for value, samples in points] for server, points in by_server.items()}
        for name, by_server in results.items()}


def report(figures):
    """Return the figures as text."""
    parts = []
    for name, by_server in figures.items():
        label, values = SERIES[name]
        rows = [(label, *['%d' % value for value in values])]
        for server, points in by_server.items():
            found = dict(points)
            rows.append((speed.SERVERS[server][0],
                         *[found.get(value) for value in values]))
        parts.append(common.table(rows))
    return '\n'.join(parts)


def plot(figures, folder):
    """Write a chart for each series; return the paths.

    :param folder: is made if need be.
    """
    import matplotlib
    matplotlib.use('svg')
    # the same figures give the same file, and text stays text
    matplotlib.rcParams['svg.hashsalt'] = 'microdot'
    matplotlib.rcParams['svg.fonttype'] = 'none'
    from matplotlib import pyplot
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, by_server in figures.items():
        figure, axes = pyplot.subplots(figsize=(7, 4))
        for server, points in by_server.items():
            if points:
                # zero has no place on a scale of powers
                axes.plot([max(value, 1) for value, _ in points],
                          [us for _, us in points], marker='o',
                          linewidth=2 if server == 'ours' else 1,
                          label=speed.SERVERS[server][0])
        axes.set_xscale('log')
        axes.set_yscale('log')
        axes.set_xlabel(SERIES[name][0])
        axes.set_ylabel('processor time, microseconds')
        axes.grid(True, which='major', alpha=0.3)
        axes.legend(fontsize='small')
        figure.tight_layout()
        path = folder / ('growth-%s.svg' % name)
        figure.savefig(path, metadata={'Date': None, 'Creator': None})
        pyplot.close(figure)
        # matplotlib leaves blanks at the ends of lines
        path.write_text('\n'.join(
            line.rstrip() for line in path.read_text().split('\n')))
        paths.append(path)
    return paths


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description='Measure how the cost of a request grows.')
    parser.add_argument('--servers', help='names with commas between; '
                        'default: ' + ','.join(SERVERS))
    parser.add_argument('--series', help='likewise, of ' + ', '.join(SERIES))
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=int, default=1)
    parser.add_argument('--plot', metavar='FOLDER', help='write SVG files')
    parser.add_argument('--from-json', metavar='FILE',
                        help='do not measure, use what --json has printed')
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args(argv)
    names = speed.parse_names(options.servers or ','.join(SERVERS),
                              speed.SERVERS)
    series = speed.parse_names(options.series, SERIES)
    common.enter()
    if options.from_json:
        figures = json.loads(pathlib.Path(options.from_json).read_text())
    else:
        # for the connections that are kept open, here and in the servers
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        figures = medians(measure(
            names, series, FileLoad(), options.rounds, options.seconds,
            lambda text: print(text, file=sys.stderr)))
    if options.plot:
        plot(figures, options.plot)
    print(json.dumps(figures, indent=1) if options.json else report(figures))
    return 0


if __name__ == '__main__':
    sys.exit(main())

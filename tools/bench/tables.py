"""Write the tables and charts of docs/project/benchmarks.rst.

``python3 tools/bench/tables.py`` reads what the other tools print with
``--json``, from the files of ``docs/project/benchmarks`` named after them, and
writes the tables beside them, as ``.inc``, and the charts. ``--run`` runs the
tools first, which takes an hour.
"""
import argparse
import json
import subprocess
import sys

import board_speed
import common
import fanout
import growth
import memory
import speed
import start
import workers
from common import HERE, TOP

FOLDER = TOP / 'docs' / 'project' / 'benchmarks'
TOOLS = ('speed', 'instructions', 'board_speed', 'memory', 'growth',
         'imports', 'start', 'fanout', 'redis_rate', 'deployments', 'workers')
#: The cases shown of all servers, in this order.
SHOWN = ('text', 'headers', 'changing', 'json', 'param', 'post', 'file',
         'stream', 'close')
ROUTES = ('static-1', 'static-last', 'param-1', 'param-last', 'unknown')


def list_table(rows, widths=None):
    """Return rows as a ``list-table``; the first is the heading."""
    lines = ['.. list-table::', '   :header-rows: 1']
    if widths:
        lines.append('   :widths: ' + ' '.join(map(str, widths)))
    lines.append('')
    for row in rows:
        for number, cell in enumerate(row):
            cell = common.format_cell(cell)
            lines.append(('   * - ' if not number else '     - ') + cell)
    return '\n'.join(line.rstrip() for line in lines) + '\n'


def server_rows(cases, shown):
    """Return rows of the processor time of all servers, cheapest first."""
    labels = {name: speed.CASES[name].label for name in shown
              if cases.get(name)}
    rows = [('microseconds', *labels.values())]
    names = dict.fromkeys(name for case in labels for name in cases[case])
    first = next(iter(labels))
    for name in sorted(names, key=lambda name: cases[first].get(
            name, {}).get('cpu_us_median', 1e9)):
        rows.append((speed.SERVERS[name][0], *[
            cases[case].get(name, {}).get('cpu_us_median')
            for case in labels]))
    return rows


def claims(data):
    """Return what README says of the speed, as a list of lines."""
    def over(peer, *cases):
        return '; '.join('%s: %.2f' % (
            speed.CASES[case].label,
            data['cases'][case][peer]['ours_over_it']['median'])
            for case in cases)

    return [
        'Processor time per request on CPython %s, over that of Starlette on '
        'uvicorn with uvloop and httptools: %s.' % (
            data['machine']['python'], over(
                'starlette', 'text', 'json', 'param', 'headers', 'changing')),
        'Over that of Microdot 2.7: %s.' % over('microdot27', 'text', 'close')]


def front_rows(data):
    """Return the rows of the front page: our processor time over that of
    others."""
    rows = [('processor time per request, over that of',
             'Starlette on uvicorn', 'Microdot 2.7')]
    for case in 'text', 'json', 'param', 'headers', 'changing', 'close':
        servers = data['cases'][case]
        rows.append((speed.CASES[case].label, *(
            '%.2f' % servers[peer]['ours_over_it']['median']
            if peer in servers else ''
            for peer in ('starlette', 'microdot27'))))
    return rows


def target_rows(targets):
    """Return rows of targets of ratios."""
    return [('Processor time per request', 'median', 'best', 'target', '')] + [
        (each['label'], each['median'], each['min'], each['target'],
         each['verdict']) for each in targets]


def speed_tables(data):
    """Yield ``(name, rows)`` of what speed.py prints."""
    yield 'speed', server_rows(data['cases'], SHOWN)
    yield 'speed-routes', server_rows(
        {name: {server: each for server, each in by_server.items()
                if server not in speed.FLOORS}
         for name, by_server in data['cases'].items()}, ROUTES)
    yield 'speed-targets', target_rows(data['targets'])
    yield 'speed-front', front_rows(data)
    machine = data['machine']
    yield 'speed-machine', [('Measured with', '')] + [
        ('processor', machine['processor']),
        ('cores', machine['cores']),
        ('CPython', machine['build']),
        ('cores that wait', 'are kept awake' if machine['awake']
         else "may sleep, and waking them counts as the server's time"),
        ('processes waiting for a core at the end', machine['load'])]


def instructions_tables(data):
    """Yield the same of what instructions.py prints."""
    names = list(dict.fromkeys(
        name for by_server in data.values() for name in by_server))
    yield 'instructions', [('thousand instructions per request', *[
        speed.CASES[case].label for case in data])] + [
        (speed.SERVERS[name][0] if name in speed.SERVERS
         else name.replace('ours', 'microdot').replace(
             'microdot27', 'Microdot 2.7'),
         *[data[case][name] / 1000 if name in data[case] else None
           for case in data]) for name in names]


def board_speed_tables(data):
    """Yield the same of what board_speed.py prints."""
    rows = [('', 'request', 'microseconds', '2.7', 'ratio', 'target', '')]
    for each in data:
        rows.append((
            each['interpreter'].replace('micropython-', '') + ' bits',
            board_speed.CASES[each['case']].label,
            each['ours']['cpu_us_median'],
            each['microdot27']['cpu_us_median'], each['median'],
            each['target'],
            common.verdict(each['median'], each['target'])
            if each['target'] else ''))
    yield 'board_speed', rows


def memory_tables(data):
    """Yield the same of what memory.py prints."""
    ours, theirs = data['ours'], data['microdot27']
    rows = [('bytes', 'form', 'microdot', 'Microdot 2.7', 'ratio')]

    def add(label, form, mine, peer):
        rows.append((label, form, mine, peer,
                     mine / peer if mine and peer else None))

    for figure, label in memory.FIGURES.items():
        for form, kind in memory.FORMS.items():
            add(label.strip() if figure != 'import_asyncio' else
                'importing keeps, after asyncio', kind,
                ours['forms'][form].get(figure),
                theirs['forms'][form].get(figure))
    for figure, label in memory.RUNNING.items():
        add(label, '', ours['running'].get(figure),
            theirs['running'].get(figure))
    yield 'memory', rows
    forms = list(memory.FORMS)
    yield 'memory-modules', [
        ('bytes', *[memory.FORMS[form] for form in forms],
         'Microdot 2.7, ' + memory.FORMS['mpy3'])] + [
        (name, *[each.get(form) for form in forms],
         theirs['modules'].get(name, {}).get('mpy3'))
        for name, each in sorted(ours['modules'].items())]
    yield 'memory-targets', [
        ('Heap', 'microdot', 'Microdot 2.7', 'ratio', 'target', '')] + [
        (each['label'], each['ours'], each['microdot27'], each['ratio'],
         each['target'], each['verdict']) for each in data['targets']]


def growth_tables(data):
    """Yield the same of what growth.py prints."""
    for name, by_server in data.items():
        label, values = growth.SERIES[name]
        rows = [(label, *values)]
        for server, points in by_server.items():
            found = dict(points)
            rows.append((speed.SERVERS[server][0],
                         *[found.get(value) for value in values]))
        yield 'growth-' + name, rows


def imports_tables(data):
    """Yield the same of what imports.py prints."""
    yield 'imports', [('milliseconds', 'median', 'best', 'target', '')] + [
        tuple(each.values()) for each in data]


def start_tables(data):
    """Yield the same of what start.py prints."""
    yield 'start', start.rows_of(data)


def fanout_tables(data):
    """Yield the same of what fanout.py prints."""
    yield 'fanout', [('microseconds', 'median', 'best',
                      'microdot takes of it', 'target')] + [
        (fanout.LABELS[each['server']], each['us'], each['best_us'],
         each['ratio'] if each['target'] else None, each['target'])
        for each in data['cost']]
    delay = data['delay']
    yield 'fanout-delay', [
        ('milliseconds', '', 'target'),
        ('half of the messages are there after', delay['median_ms'], None),
        ('99 of 100', delay['p99_ms'], delay['target_ms']),
        ('all', delay['most_ms'], None),
        ('processor time of the server, for all of a message',
         delay['processor_ms'], None)]
    yield 'fanout-memory', [
        ('bytes', ''),
        ('memory grows meanwhile by', delay['growth']),
        ('each of %s silent SSE clients takes' % common.format_cell(
            data['idle']['listeners']), data['idle']['bytes'])]


def redis_rate_tables(data):
    """Yield the same of what redis_rate.py prints."""
    yield 'redis_rate', [
        ('', '', 'target'),
        ('messages a second', data['rate'], data['target']),
        ('messages that arrived, of %s' % common.format_cell(
            data['published']), data['got'], data['published']),
        ('out of order', data['swapped'], 0),
        ('milliseconds until half are there', data['median_ms'], None),
        ('until 99 of 100 are', data['p99_ms'], None),
        ('until all are', data['most_ms'], None),
        ('microseconds of processor time to publish one',
         data['publish_us'], None),
        ('to take one', data['us'], None)]


def deployments_tables(data):
    """Yield the same of what deployments.py prints."""
    yield 'deployments', [
        ('', 'µs a request', 'µs a message delivered',
         'messages delivered a second')] + [
        (each['label'], each['request_us'], each['delivery_us'],
         round(each['deliveries'])) for each in data]


def workers_tables(data):
    """Yield the same of what workers.py prints."""
    for kind, rows in data.items():
        yield 'workers-' + kind, workers.rows_of(rows)


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition('\n')[0])
    parser.add_argument('--run', action='store_true',
                        help='run the tools first')
    parser.add_argument('tools', nargs='*', metavar='tool',
                        help='of %s; default: all' % ', '.join(TOOLS))
    options = parser.parse_args(argv)
    names = speed.parse_names(','.join(options.tools), TOOLS)
    common.enter()
    FOLDER.mkdir(exist_ok=True)
    for name in names:
        path = FOLDER / (name + '.json')
        if options.run:
            result = subprocess.run(
                [sys.executable, HERE / (name + '.py'), '--json'],
                stdout=subprocess.PIPE, text=True)
            if result.returncode:
                return 1
            path.write_text(result.stdout)
        data = json.loads(path.read_text())
        for table, rows in globals()[name + '_tables'](data):
            (FOLDER / (table + '.inc')).write_text(list_table(rows))
        if name == 'speed':
            (FOLDER / 'claims.inc').write_text(
                ''.join(line + '\n' for line in claims(data)))
        if name == 'growth':
            growth.plot(data, FOLDER)
    return 0


if __name__ == '__main__':
    sys.exit(main())

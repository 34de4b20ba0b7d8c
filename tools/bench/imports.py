"""Measure how long importing takes on CPython.

``python3 tools/bench/imports.py`` imports the core and each extension in a
new process, many times in turn, and prints the processor time beyond that of
asyncio, or of the core, which were imported before. See
docs/project/benchmarks.rst.
"""
import argparse
import json
import statistics
import subprocess
import sys

import common
from common import TOP

#: Milliseconds that importing the core may take beyond asyncio.
MOST_MS = 10
CODE = """\
import sys, time
if {path!r}:
    sys.path.insert(0, {path!r})
{before}
start = time.process_time_ns()
import {module}
print(time.process_time_ns() - start)
"""
#: For comparison, after asyncio too.
PEERS = ('starlette.applications', 'aiohttp.web', 'falcon.asgi', 'bottle',
         'flask', 'blacksheep', 'sanic')


def imports():
    """Return ``{label: (path, module, before)}``."""
    source = str(TOP / 'src')
    found = {'microdot': (source, 'microdot', 'import asyncio')}
    for path in sorted((TOP / 'src' / 'microdot').glob('*.py')):
        if path.stem[0] != '_' and path.stem != 'microdot':
            found['microdot.' + path.stem] = (
                source, 'microdot.' + path.stem, 'import asyncio, microdot')
    found['Microdot 2.7'] = ('', 'microdot', 'import asyncio')
    for module in PEERS:
        found[module] = ('', module, 'import asyncio')
    return found


def once(path, module, before):
    """Return the milliseconds of one import in a process of its own.

    :raises common.Failure: it cannot be imported.
    """
    result = subprocess.run(
        [sys.executable, '-I', '-W', 'ignore', '-c', CODE.format(
            path=path, module=module, before=before)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if result.returncode:
        raise common.Failure('%s: %s' % (
            module, result.stderr.strip().split('\n')[-1]))
    return int(result.stdout.split()[-1]) / 1e6


def measure(count, note=print):
    """Return ``{label: [milliseconds, ...]}``. The first of each, which may
    compile the module, does not count."""
    todo = imports()
    results = {}
    for label in list(todo):
        try:
            once(*todo[label])
            results[label] = []
        except common.Failure as failure:
            note('%s' % failure)
            del todo[label]
    for _ in range(count):
        for label, arguments in todo.items():
            results[label].append(once(*arguments))
    return results


def figures(results):
    """Return the results as a list of dicts."""
    rows = []
    for label, times in results.items():
        most = MOST_MS if label == 'microdot' else None
        median = round(statistics.median(times), 2)
        rows.append({'import': label, 'median_ms': median,
                     'min_ms': round(min(times), 2), 'target_ms': most,
                     'verdict': common.verdict(median, most) if most else ''})
    return rows


def report(results):
    """Return the results as text."""
    rows = [('import, milliseconds', 'median', 'min', 'most', '')]
    rows += [tuple(each.values()) for each in figures(results)]
    return common.table(rows)


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description='Measure how long importing takes on CPython.')
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args(argv)
    common.enter()
    results = measure(options.rounds,
                      lambda text: print(text, file=sys.stderr))
    print(json.dumps(figures(results), indent=1)
          if options.json else report(results))
    return 0


if __name__ == '__main__':
    sys.exit(main())

"""Compare the speed with that of Microdot 2.7, on MicroPython.

``python3 tools/bench/board_speed.py`` serves both from the interpreters that
``tools/interpreters.py`` has fetched, and prints the processor time that the
server spends on a request. See docs/project/benchmarks.rst.
"""
import argparse
import json
import sys

import common
import speed
from common import Case

CASES = {case.name: case for case in (
    Case('text', 'plain text', begins=b'Hello, world!', connections=4),
    Case('headers', 'ten browser headers', headers=speed.BROWSER,
         begins=b'Hello, world!', connections=4),
    Case('json', 'JSON', '/json', begins=b'{', connections=4),
    Case('param', 'int parameter', '/param/1234', begins=b'1234',
         connections=4),
    Case('post', 'POST of 1 KB of JSON, echoed', '/echo', 'POST',
         speed.JSON_TYPE, speed.KILOBYTE, begins=b'{', connections=4),
    Case('close', 'new connection per request',
         headers=(('Connection', 'close'),), begins=b'Hello, world!',
         connections=4),
)}
#: Case: most that the ratio of processor times may be.
TARGETS = {'text': 0.25, 'close': 0.8}


def measure(names, cases, load, count, seconds=1, note=print):
    """Return ``{interpreter: {case: {project: [Sample, ...]}}}``."""
    import board
    found = board.boards()
    paths = {project: board.lay_out(project, board.folder(project)) / 'mpy3'
             for project in board.PROJECTS}
    results = {}
    for name in names or found:
        if name not in found:
            raise common.Failure('no interpreter ' + name)
        results[name] = {}
        servers = {project: board.server('%s-%s' % (project, name),
                                         found[name], path)
                   for project, path in paths.items()}
        with common.running(servers):
            for case in cases:
                note('%s: %s ...' % (name, case.label))
                results[name][case.name] = common.rounds(
                    servers, case, load, count, seconds, note)
    return results


def compared(results):
    """Return the figures as a list of dicts."""
    rows = []
    for name, by_case in results.items():
        for case, samples in by_case.items():
            if {'ours', 'microdot27'} <= samples.keys():
                rows.append(dict(
                    common.ratio(samples['ours'], samples['microdot27']),
                    interpreter=name, case=case, target=TARGETS.get(case),
                    ours=common.summary(samples['ours']),
                    microdot27=common.summary(samples['microdot27'])))
    return rows


def report(results):
    """Return the results as text."""
    rows = [('interpreter', 'request', 'us', 'us, 2.7', 'ratio', 'min',
             'target', '')]
    for each in compared(results):
        rows.append((
            each['interpreter'], CASES[each['case']].label,
            each['ours']['cpu_us_median'],
            each['microdot27']['cpu_us_median'], each['median'], each['min'],
            each['target'],
            common.verdict(each['median'], each['target'])
            if each['target'] else ''))
    return common.table(rows)


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description='Compare the speed of servers on MicroPython.')
    parser.add_argument('--interpreters', help='names with commas between; '
                        'default: all that tools/interpreters.py lists')
    parser.add_argument('--cases', help='likewise, of ' + ', '.join(CASES))
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--seconds', type=int, default=1)
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args(argv)
    cases = [CASES[name] for name in speed.parse_names(options.cases, CASES)]
    common.enter()
    names = options.interpreters.split(',') if options.interpreters else None
    try:
        results = measure(names, cases, common.Wrk(), options.rounds,
                          options.seconds,
                          lambda text: print(text, file=sys.stderr))
    except common.Failure as failure:
        print('error: %s' % failure, file=sys.stderr)
        return 1
    print(json.dumps(compared(results), indent=1) if options.json
          else report(results))
    return 0


if __name__ == '__main__':
    sys.exit(main())

"""Count the instructions that servers spend on a request.

``python3 tools/bench/instructions.py`` runs this project and its peers, on
CPython and on MicroPython, under valgrind, which counts what the processor
executes outside of the kernel. That is not time, but other programs that run
on the machine do not disturb it. See docs/project/benchmarks.rst.
"""
import argparse
import json
import re
import shutil
import signal
import subprocess
import sys

import board_speed
import common
import speed
from common import Failure

#: Requests in the two runs whose difference counts.
FEW, MANY = 100, 700
#: Starting takes long under valgrind.
PATIENCE_S = 120
CASES = ('text', 'headers', 'json', 'post', 'close')
#: On CPython; gunicorn's processes cannot be counted in this way.
SERVERS = ('ours', 'ours-uvloop', 'ours-asgi', 'microdot27', 'starlette-h11',
           'starlette', 'blacksheep', 'falcon', 'aiohttp', 'sanic', 'bottle')
VALGRIND = ['valgrind', '--tool=callgrind',
            '--callgrind-out-file=/dev/null']


def parse_count(text):
    """Return the number of instructions from what valgrind prints.

    :raises Failure: it is not such a text.
    """
    found = re.findall(r'Collected\s*:\s*(\d+)', text)
    if not found:
        raise Failure('valgrind counts nothing')
    return int(found[-1])


def total(name, command, env, case, requests):
    """Return the instructions of a server that answers some requests."""
    server = common.Server('valgrind-' + name, VALGRIND + command,
                           dict(env, PYTHONHASHSEED='0'))
    try:
        server.wait(PATIENCE_S)
        common.check_answer(server.port, case)
        errors = common.PlainLoad(requests).run(server.port, case, 0)[2]
        if errors:
            raise Failure('%s: %d errors' % (name, errors))
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failure('%s: %s' % (name, error)) from None
    finally:
        server.stop()
    return parse_count(server.log.read_text(errors='replace'))


def per_request(name, command, env, case):
    """Return the instructions per request."""
    few = total(name, command, env, case, FEW)
    many = total(name, command, env, case, MANY)
    return round((many - few) / (MANY - FEW))


def desktop(names):
    """Yield ``(name, command, variables)`` of the servers on CPython."""
    for name in names:
        _, command, variables = speed.SERVERS[name]
        yield name, command, dict(variables,
                                  BENCH_FILE=str(common.megabyte()))


def boards():
    """Yield the same of those on MicroPython."""
    import board
    import size
    found = board.boards()
    for name, interpreter in found.items():
        for project in board.PROJECTS:
            path = board.folder(project) / 'py'
            if not path.exists():
                board.lay_out(project, board.folder(project))
            yield ('%s %s' % (project, name),
                   [*interpreter.command, '-X', 'heapsize=4m', '-c',
                    'import board_app; board_app.main({port})'],
                   size.environment(path))


def measure(names, cases, note=print):
    """Return ``{case: {server: instructions}}``."""
    results = {}
    todo = [(speed.CASES, each) for each in desktop(names)]
    todo += [(board_speed.CASES, each) for each in boards()]
    for known, (name, command, env) in todo:
        for case in cases:
            note('%s: %s ...' % (name, case))
            try:
                results.setdefault(case, {})[name] = per_request(
                    name, command, env, known[case])
            except Failure as failure:
                note(str(failure))
    return results


def report(results):
    """Return the results as text."""
    names = list(dict.fromkeys(name for by_server in results.values()
                               for name in by_server))
    rows = [('thousand instructions per request', *results)]
    for name in names:
        label = speed.SERVERS[name][0] if name in speed.SERVERS else name
        rows.append((label, *[
            results[case][name] / 1000 if name in results[case] else None
            for case in results]))
    return common.table(rows)


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description='Count the instructions that servers spend.')
    parser.add_argument('--servers', help='names with commas between; '
                        'default: ' + ','.join(SERVERS))
    parser.add_argument('--cases', help='likewise, of ' + ','.join(CASES))
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args(argv)
    names = speed.parse_names(options.servers, SERVERS)
    cases = speed.parse_names(options.cases, CASES)
    if not shutil.which('valgrind'):
        print('error: valgrind is not installed', file=sys.stderr)
        return 1
    common.enter()
    results = measure(names, cases,
                      lambda text: print(text, file=sys.stderr))
    print(json.dumps(results, indent=1) if options.json
          else report(results))
    return 0


if __name__ == '__main__':
    sys.exit(main())

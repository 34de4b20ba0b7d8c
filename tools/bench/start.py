"""Compare the processor time from a command to the first answer.

``python3 tools/bench/start.py`` types ``microdot run``, ``flask run`` and
``uvicorn``, each with an application of one page, in turn, several times, and
prints the processor time that each has used when the page has come.
"""
import argparse
import contextlib
import json
import pathlib
import statistics
import sys
import tempfile

import common
import speed
from common import TOP, Case

#: Milliseconds that ``microdot run`` may take.
MOST_MS = 250
CASE = Case('start', 'the first answer', begins=b'hello')
HELLO = """\
from {module} import {name}

app = {name}({argument})


@app.{route}('/')
{function}:
    return {result}
"""
STARLETTE = """\
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def hello(request):
    return PlainTextResponse('hello')


app = Starlette(routes=[Route('/', hello)])
"""
#: By name: label, program, and command; PORT stands for the port.
SERVERS = {
    'ours': ('microdot run', HELLO.format(
        module='microdot', name='Microdot', argument='', route='get',
        function='async def hello(request)', result="'hello'"),
        ['-m', 'microdot', 'run', 'program.py', '--port', '{port}']),
    'flask': ('flask run', HELLO.format(
        module='flask', name='Flask', argument='__name__', route='get',
        function='def hello()', result="'hello'"),
        ['-m', 'flask', '--app', 'program', 'run', '--port', '{port}']),
    'starlette': ('uvicorn, Starlette', STARLETTE,
                  ['-m', 'uvicorn', 'program:app', '--port', '{port}']),
    'fastapi': ('uvicorn, FastAPI', HELLO.format(
        module='fastapi', name='FastAPI', argument='', route='get',
        function='async def hello()', result="'hello'")
        .replace("@app.get('/')", "@app.get('/', response_class="
                 'PlainTextResponse)').replace(
            'app =', 'from fastapi.responses import PlainTextResponse\n'
            'app =', 1),
        ['-m', 'uvicorn', 'program:app', '--port', '{port}']),
}


def once(name, folder):
    """Return the milliseconds of one start.

    :raises common.Failure: it does not start, or answers something else.
    """
    _, program, words = SERVERS[name]
    place = pathlib.Path(folder, name)
    place.mkdir(exist_ok=True)
    (place / 'program.py').write_text(program)
    server = common.Server(
        'start-' + name, [sys.executable, *words],
        {'PYTHONPATH': str(TOP / 'src')} if name == 'ours' else {},
        cwd=place)
    with contextlib.closing(server):
        server.wait()
        common.check_answer(server.port, CASE)
        return server.cpu_us() / 1000


def measure(names, rounds):
    """Return rows of figures, a dict for each server."""
    found = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            once(name, folder)  # compiles what it imports
        for _ in range(rounds):
            for name in names:
                found[name].append(once(name, folder))
    return [{'server': name, 'label': SERVERS[name][0],
             'median_ms': round(statistics.median(taken), 1),
             'best_ms': round(min(taken), 1),
             'target_ms': MOST_MS if name == 'ours' else None}
            for name, taken in found.items()]


def rows_of(found):
    """Return rows of a table; the first is the heading."""
    return [('milliseconds to the first answer', 'median', 'best',
             'target')] + [
        (each['label'], each['median_ms'], each['best_ms'],
         each['target_ms']) for each in found]


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--servers', help='of %s' % ', '.join(SERVERS))
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args(argv)
    names = speed.parse_names(options.servers, SERVERS)
    common.enter()
    found = measure(names, options.rounds)
    print(json.dumps(found, indent=1) if options.json
          else common.table(rows_of(found)), end='')
    return 0


if __name__ == '__main__':
    sys.exit(main())

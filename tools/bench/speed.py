"""Compare the speed of servers on CPython.

``python3 tools/bench/speed.py`` starts this project and its peers, sends each
the same requests from another core, and prints the processor time that the
server spends on one, and the requests per second. See
docs/project/benchmarks.rst.

The peers are installed into ``.bench`` first (tools/bench/peers.txt).
"""
import argparse
import json
import sys

import common
from common import APPS, TOP, Case

#: A browser's, beside Host.
BROWSER = (
    ('User-Agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 '
                   'Firefox/128.0'),
    ('Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,'
               'image/avif,image/webp,*/*;q=0.8'),
    ('Accept-Language', 'en-US,en;q=0.5'),
    ('Accept-Encoding', 'gzip, deflate, br, zstd'),
    ('Referer', 'http://localhost/start'),
    ('Cookie', 'session=0123456789abcdef0123456789abcdef; theme=dark'),
    ('Upgrade-Insecure-Requests', '1'),
    ('Sec-Fetch-Dest', 'document'),
    ('Sec-Fetch-Mode', 'navigate'),
    ('Cache-Control', 'max-age=0'),
)
KILOBYTE = json.dumps({'items': [
    {'id': i, 'name': 'item number %d' % i, 'price': i * 1.5}
    for i in range(18)]}).encode()
JSON_TYPE = (('Content-Type', 'application/json'),)
CASES = {case.name: case for case in (
    Case('text', 'plain text', begins=b'Hello, world!'),
    Case('json', 'JSON', '/json', begins=b'{'),
    Case('param', 'int parameter, one of 100 routes', '/param50/1234',
         begins=b'1234', param=100),
    Case('headers', 'ten browser headers', headers=BROWSER,
         begins=b'Hello, world!'),
    Case('changing', 'ten browser headers and a new one each time',
         headers=BROWSER, begins=b'Hello, world!', changing=True),
    Case('post', 'POST of 1 KB of JSON, echoed', '/echo', 'POST', JSON_TYPE,
         KILOBYTE, begins=b'{'),
    Case('validated', 'validated POST of 1 KB', '/validated', 'POST',
         JSON_TYPE, KILOBYTE, begins=b'{"count":'),
    Case('file', 'file of 1 MB', '/file', begins=bytes(range(256))),
    Case('stream', 'stream of 100 pieces', '/stream', begins=b'xxxx'),
    Case('close', 'new connection per request',
         headers=(('Connection', 'close'),), begins=b'Hello, world!'),
    Case('static-1', 'static route, the only one', '/static0', begins=b'0',
         static=1),
    Case('static-first', 'static route, first of 1,000', '/static0',
         begins=b'0', static=1000),
    Case('static-last', 'static route, last of 1,000', '/static999',
         begins=b'999', static=1000),
    Case('param-1', 'parameter route, the only one', '/param0/5',
         begins=b'5', param=1),
    Case('param-first', 'parameter route, first of 1,000', '/param0/5',
         begins=b'5', param=1000),
    Case('param-last', 'parameter route, last of 1,000', '/param999/5',
         begins=b'5', param=1000),
    Case('unknown', 'unknown path, 1,000 routes', '/nothing/5', status=404,
         param=1000),
)}


def uvicorn(app, loop='uvloop', http='httptools'):
    """Return the command of uvicorn, as its documentation has it."""
    return [sys.executable, '-m', 'uvicorn', app, '--app-dir', str(APPS),
            '--host', '127.0.0.1', '--port', '{port}', '--loop', loop,
            '--http', http, '--log-level', 'warning', '--no-access-log']


def program(name, *args):
    """Return the command of a program of ours."""
    return [sys.executable, str(APPS / name), '{port}', *args]


OURS = {'PYTHONPATH': str(TOP / 'src')}
#: Name: (label, command, variables).
SERVERS = {
    'ours': ('microdot, on asyncio', program('microdot_app.py', 'asyncio'),
             OURS),
    'ours-uvloop': ('microdot, on uvloop', program('microdot_app.py'), OURS),
    'ours-asgi': ('microdot.asgi, uvicorn (uvloop, httptools)',
                  uvicorn('microdot_app:app'), dict(OURS, BENCH_ASGI='1')),
    'microdot27': ('Microdot 2.7, app.run()', program('microdot_app.py'), {}),
    'microdot27-asgi': ('Microdot 2.7, uvicorn (uvloop, httptools)',
                        uvicorn('microdot_app:app'), {'BENCH_ASGI': '1'}),
    'starlette-h11': ('Starlette, uvicorn (asyncio, h11)',
                      uvicorn('starlette_app:app', 'asyncio', 'h11'), {}),
    'starlette': ('Starlette, uvicorn (uvloop, httptools)',
                  uvicorn('starlette_app:app'), {}),
    'blacksheep': ('BlackSheep, uvicorn (uvloop, httptools)',
                   uvicorn('blacksheep_app:app'), {'APP_ENV': 'production'}),
    'falcon': ('Falcon ASGI, uvicorn (uvloop, httptools)',
               uvicorn('falcon_app:app'), {}),
    'aiohttp': ('aiohttp, its own server', program('aiohttp_app.py'), {}),
    'sanic': ('Sanic, its own server (uvloop)', program('sanic_app.py'), {}),
    'bottle': ('Bottle, waitress', program('bottle_app.py'), {}),
    'flask': ('Flask, gunicorn (4 threads)',
              [sys.executable, '-m', 'gunicorn', '--chdir', str(APPS),
               '--bind', '127.0.0.1:{port}', '--workers', '1', '--threads',
               '4', '--log-level', 'warning', 'flask_app:app'], {}),
}
#: Servers that answer anything with constant bytes, and so only the cases
#: that want these.
FLOORS = {
    'floor': ('constant bytes, asyncio', program('floor_app.py'), {}),
    'floor-uvloop': ('constant bytes, uvloop',
                     program('floor_app.py', 'uvloop'), {}),
}
FLOOR_CASES = ('text', 'headers')
#: Servers that check bodies, and answer this case only.
CHECKING = {
    'ours-dataclass': ('microdot, dataclasses, on asyncio', program(
        'validated_app.py', 'dataclass', 'asyncio'), OURS),
    'ours-dict': ('microdot, a dict of rules, on asyncio', program(
        'validated_app.py', 'dict', 'asyncio'), OURS),
    'ours-msgspec': ('microdot, msgspec, on asyncio', program(
        'validated_app.py', 'msgspec', 'asyncio'), OURS),
    'ours-pydantic': ('microdot, pydantic, on asyncio', program(
        'validated_app.py', 'pydantic', 'asyncio'), OURS),
    'fastapi': ('FastAPI with pydantic, uvicorn (uvloop, httptools)',
                uvicorn('fastapi_app:app'), {}),
    'starlette-msgspec': (
        'Starlette with msgspec, uvicorn (uvloop, httptools)',
        uvicorn('starlette_msgspec_app:app'), {}),
}
CHECKED_CASES = ('validated',)
#: Those that are not this project.
RIVALS = [name for name in SERVERS if not name.startswith('ours')]
SERVERS.update(FLOORS)
SERVERS.update(CHECKING)
#: (label, our server, case, their server or None for the best, case, most,
#: aimed for): ratios of processor time per request.
TARGETS = (
    *[('%s, over Starlette (uvloop, httptools)' % CASES[case].label, 'ours',
       case, 'starlette', case, most, aim) for case, most, aim in (
           ('text', 0.60, 0.50), ('json', 0.60, 0.50), ('param', 0.60, 0.50),
           ('headers', 0.65, 0.55))],
    *[('%s, on uvloop, over the same' % CASES[case].label, 'ours-uvloop',
       case, 'starlette', case, 0.45, None)
      for case in ('text', 'json', 'param')],
    *[('%s, under ASGI, over the same' % CASES[case].label, 'ours-asgi',
       case, 'starlette', case, 1.0, None)
      for case in ('text', 'json', 'param', 'headers')],
    ('plain text, over Microdot 2.7', 'ours', 'text', 'microdot27', 'text',
     0.11, None),
    ('new connection per request, over Microdot 2.7', 'ours', 'close',
     'microdot27', 'close', 0.6, None),
    *[('%s, over the best peer' % CASES[case].label, 'ours', case, None, case,
       1.0, None) for case in ('post', 'stream', 'file')],
    *[('validated POST of 1 KB, %s' % label, ours, 'validated', theirs,
       'validated', most, None) for label, ours, theirs, most in (
           ('dataclasses over FastAPI', 'ours-dataclass', 'fastapi', 1.0),
           ('a dict of rules over FastAPI', 'ours-dict', 'fastapi', 1.0),
           ('pydantic over FastAPI', 'ours-pydantic', 'fastapi', 1.0),
           ('msgspec over Starlette with msgspec', 'ours-msgspec',
            'starlette-msgspec', 1.1))],
    ('static route, last of 1,000 over one', 'ours', 'static-last', 'ours',
     'static-1', 1.3, None),
    ('parameter route, last of 1,000 over one', 'ours', 'param-last', 'ours',
     'param-1', 1.3, None),
    ('unknown path of 1,000 routes over one route', 'ours', 'unknown', 'ours',
     'param-1', 1.3, None),
)


def start(names, static=0, param=0, env=None):
    """Start servers of :data:`SERVERS`; return them as a dict."""
    servers = {}
    for name in names:
        _, command, variables = SERVERS[name]
        servers[name] = common.Server(name, command, dict(
            variables, BENCH_STATIC=str(static), BENCH_PARAM=str(param),
            BENCH_FILE=str(common.megabyte()), **(env or {})))
    return servers


def answers(server, case):
    """Tell whether a server is meant to answer a case."""
    if server in CHECKING or case in CHECKED_CASES:
        return server in CHECKING and case in CHECKED_CASES
    return server not in FLOORS or case in FLOOR_CASES


def measure(names, cases, load, count, seconds=1, note=print):
    """Return ``{case: {server: [Sample, ...]}}``.

    Cases that need the same routes share the servers, and take turns.
    """
    results = {case.name: {} for case in cases}
    groups = {}
    for case in cases:
        groups.setdefault((case.static, case.param), []).append(case)
    for (static, param), group in groups.items():
        with common.running(start(names, static, param)) as servers:
            for case in group:
                note('%s ...' % case.label)
                results[case.name] = common.rounds(
                    {name: servers[name] for name in servers
                     if answers(name, case.name)},
                    case, load, count, seconds, note)
    return results


def judge(results):
    """Return the targets with what was measured, as a list of dicts."""
    judged = []
    for label, ours, case, theirs, other, most, aim in TARGETS:
        mine = results.get(case, {}).get(ours)
        if theirs is None:
            peers = [name for name in RIVALS if name in
                     results.get(other, {})]
            if peers:
                theirs = min(peers, key=lambda name: common.summary(
                    results[other][name])['cpu_us_median'])
                label += ' (%s)' % theirs
        peer = results.get(other, {}).get(theirs)
        if not mine or not peer:
            continue
        figures = common.ratio(mine, peer)
        judged.append(dict(figures, label=label, target=most, aim=aim,
                           verdict=common.verdict(figures['median'], most,
                                                  aim)))
    return judged


def report(results):
    """Return the results as text."""
    parts = []
    for name, by_server in results.items():
        if not by_server:
            continue
        rows = [(CASES[name].label, 'us, median', 'min', 'requests/s',
                 'ours over it', 'min', 'errors')]
        figures = {server: common.summary(samples)
                   for server, samples in by_server.items()}
        for server in sorted(figures, key=lambda server: figures[server][
                'cpu_us_median']):
            each = figures[server]
            compared = {'median': None, 'min': None}
            if 'ours' in by_server and server != 'ours':
                compared = common.ratio(by_server['ours'], by_server[server])
            rows.append((SERVERS[server][0], each['cpu_us_median'],
                         each['cpu_us_min'], each['rate_median'],
                         compared['median'], compared['min'],
                         each['errors']))
        parts.append(common.table(rows))
    judged = judge(results)
    if judged:
        parts.append(common.table(
            [('processor time per request', 'median', 'min', 'target',
              'aim', '')] + [(each['label'], each['median'], each['min'],
                              each['target'], each['aim'], each['verdict'])
                             for each in judged]))
    return '\n'.join(parts)


def as_json(results):
    """Return the results for programs."""
    cases = {}
    for case, by_server in results.items():
        cases[case] = {}
        for server, samples in by_server.items():
            each = cases[case][server] = common.summary(samples)
            if 'ours' in by_server:
                each['ours_over_it'] = common.ratio(by_server['ours'],
                                                    samples)
    return {'cases': cases, 'targets': judge(results),
            'machine': common.machine()}


def parse_names(text, known):
    """Return names that were given with commas between."""
    names = text.split(',') if text else list(known)
    for name in names:
        if name not in known:
            raise SystemExit('error: no %s; there are: %s' % (
                name, ', '.join(known)))
    return names


def main(argv=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description='Compare the speed of servers on CPython.')
    parser.add_argument('--servers', help='names with commas between; default:'
                        ' all of ' + ', '.join(SERVERS))
    parser.add_argument('--cases', help='likewise, of ' + ', '.join(CASES))
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=int, default=1,
                        help='of each sample (default: 1)')
    parser.add_argument('--json', action='store_true',
                        help='print JSON instead of tables')
    options = parser.parse_args(argv)
    names = parse_names(options.servers, SERVERS)
    cases = [CASES[name] for name in parse_names(options.cases, CASES)]
    common.enter()
    results = measure(names, cases, common.Wrk(), options.rounds,
                      options.seconds,
                      lambda text: print(text, file=sys.stderr))
    print(json.dumps(as_json(results), indent=1) if options.json
          else report(results))
    return 0


if __name__ == '__main__':
    sys.exit(main())

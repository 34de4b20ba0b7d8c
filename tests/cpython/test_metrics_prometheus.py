"""Prometheus' own parser takes what ``microdot.metrics`` serves, and what
CPython's figures have beside those of boards."""

import asyncio
import os
import pathlib
import subprocess
import time

import pytest

import interpreters
from command import HELLO, PATIENCE, Command, save
from microdot import Microdot
from microdot.metrics import Metrics
from microdot.test_client import TestClient

TOP = pathlib.Path(__file__).resolve().parents[2]
#: A route with all that has to be escaped.
PATTERN = '/<re:a["\\\\]+:x>'


def families_of(text):
    """Return what the parser makes of a page: families, by their names."""
    parser = pytest.importorskip('prometheus_client.parser')
    found = {}
    last = None
    for family in parser.text_string_to_metric_families(text):
        if family.name not in found:
            found[family.name] = family
        else:
            # (of what has no type each sample is given alone)
            assert (family.name, family.type) == (last, 'unknown')
            found[family.name].samples += family.samples
        last = family.name
    return found


def metrics_after(requests, app=None):
    """Return the page after some requests: methods and paths."""
    app = app or Microdot()
    app.log_exception = lambda request, exc: None
    Metrics(app)
    app.get(PATTERN)(lambda request, x: 'hi')

    @app.get('/fails')
    def fails(request):
        raise ValueError('meant')

    async def main():
        client = TestClient(app)
        for method, path in requests:
            await client.request(method, path)
        return (await client.get('/metrics'))

    return asyncio.run(main())


def test_the_text_is_parsed():
    res = metrics_after([('GET', '/a"'), ('GET', '/nothing')])
    assert res.headers['Content-Type'] == \
        'text/plain; version=0.0.4; charset=utf-8'
    families = families_of(res.text)
    labels = [sample.labels for sample in
              families['microdot_requests'].samples]
    assert {'method': 'GET', 'route': PATTERN, 'status': '200'} in labels
    assert {'method': 'GET', 'route': '', 'status': '404'} in labels
    assert families['microdot_requests_in_flight'].samples[0].value == 1
    assert families['microdot_response_bytes'].type == 'counter'
    assert families['microdot_connections_open'].type == 'gauge'
    assert families['microdot_server_accepted'].type == 'counter'


@pytest.mark.parametrize('requests, line', [
    ([('GET', '/no'), ('GET', '/other')],
     'requests_total{method="GET",route="",status="404"} 2'),
    ([('GET', '/fails')],
     'requests_total{method="GET",route="/fails",status="500"} 1'),
    ([('FUNNY', '/fails')],
     'requests_total{method="other",route="",status="501"} 1'),
    ([('GET', '/a"')] * 3,
     'response_bytes_total{method="GET",route="/<re:a[\\"\\\\\\\\]+:x>",'
     'status="200"} 6'),
])
def test_a_line_of_the_page(requests, line):
    assert 'microdot_%s\n' % line in metrics_after(requests).text


ON_BOARD = """\
import asyncio
from microdot.microdot import Microdot
from microdot.metrics import Metrics
from microdot.test_client import TestClient

app = Microdot()
metrics = Metrics(app)
for path in %r, '/b', '/c':
    app.get(path)(lambda request, x=1: 'hi')

async def main():
    for path in ('/a"', '/b', '/b', '/c', '/nothing', '/metrics'):
        res = await TestClient(app).get(path)
    print(res.text, end='')

asyncio.run(main())
""" % PATTERN


@pytest.mark.parametrize(
    'board', [each for each in interpreters.find() if each.is_micropython
              and 'wasm' not in each.name],
    ids=lambda board: board.name)
def test_the_text_of_a_board_is_parsed(board):
    result = subprocess.run(
        board.command + ['-c', ON_BOARD], capture_output=True, text=True,
        timeout=PATIENCE,
        env=dict(os.environ, MICROPYPATH='%s:%s:.frozen' % (
            TOP / 'src', TOP / 'libs' / 'micropython')))
    assert result.returncode == 0, result.stderr
    families = families_of(result.stdout)
    counts = {sample.labels.get('route'): sample.value
              for sample in families['microdot_requests_total'].samples}
    assert counts == {PATTERN: 1, '/b': 2, '/c': 1, None: 1}
    assert len(families['microdot_request_seconds_total'].samples) == 4
    assert families['microdot_heap_free_bytes'].samples[0].value > 0
    assert families['microdot_server_open'].samples[0].value == 0


WORKER = HELLO + """
import os
from microdot.metrics import Metrics

metrics = Metrics(app)


@app.get('/figures')
def figures(request):
    return '%d\\n%s' % (os.getpid(), metrics.render())
"""


@pytest.mark.skipif(os.name != 'posix', reason='workers')
def test_each_worker_has_a_page_that_is_parsed(tmp_path):
    save(tmp_path / 'app.py', WORKER)
    seen = {}
    with Command('run', '--port', 0, '--workers', 2, cwd=tmp_path) as command:
        deadline = time.monotonic() + PATIENCE
        while len(seen) < 2 and time.monotonic() < deadline:
            status, text = command.get('/figures', Connection='close')
            assert status == 200
            number, _, page = text.partition('\n')
            seen[number] = families_of(page)
            status, page = command.get('/metrics', Connection='close')
            assert families_of(page)['microdot_connections_open'].samples
        command.stop()
    assert len(seen) == 2
    for families in seen.values():
        assert families['microdot_requests_in_flight'].samples[0].value >= 1

"""The measuring tools: what they compute, and one tiny round of each kind
that needs nothing but this project."""

import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BENCH = TOP / 'tools' / 'bench'
sys.path.insert(0, str(BENCH))

import board_speed  # noqa: E402
import common  # noqa: E402
import growth  # noqa: E402
import imports  # noqa: E402
import instructions  # noqa: E402
import memory  # noqa: E402
import speed  # noqa: E402
import start  # noqa: E402
import tables  # noqa: E402
import workers  # noqa: E402
from common import Case, Failure, Sample  # noqa: E402

WRK = """\
Running 1s test @ http://127.0.0.1:5000/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.28ms    0.87ms  13.13ms   88.05%
    Req/Sec    27.67k     2.48k   31.98k    72.73%
  30271 requests in 1.10s, 4.27MB read
Requests/sec:  27524.38
Transfer/sec:      3.88MB
"""


pytestmark = pytest.mark.skipif(
    not hasattr(os, 'sched_getaffinity'), reason='needs Linux')


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A folder for what the tools write."""
    monkeypatch.setattr(common, 'STORE', tmp_path)
    return tmp_path


@pytest.mark.parametrize('name, awake', [
    ('file', True), ('missing/file', False), ('/dev/full', False)])
def test_cores_are_kept_awake_until_the_end(tmp_path, name, awake):
    path = tmp_path / name
    res = subprocess.run(
        [sys.executable, '-X', 'dev', '-c',
         'import common; common.LATENCY = %r; print(common.stay_awake(), '
         'common.stay_awake())' % str(path)],
        cwd=BENCH, capture_output=True, text=True)
    assert (res.stdout, res.stderr) == ('%s %s\n' % (awake, awake), '')
    if awake:
        assert path.read_bytes() == bytes(4)


def test_what_wrk_prints_is_read():
    assert common.parse_wrk(WRK) == (30271, 1.1, 0)
    errors = WRK.replace('Requests/sec', """\
  Socket errors: connect 1, read 20, write 0, timeout 300
  Non-2xx or 3xx responses: 4000
Requests/sec""")
    assert common.parse_wrk(errors) == (30271, 1.1, 4321)
    assert common.parse_wrk('5 requests in 1.50m, 1KB read') == (5, 90, 0)
    assert common.parse_wrk('7 requests in 500.00ms, 1KB read') == (7, 0.5, 0)


@pytest.mark.parametrize('text', [
    '', 'unable to connect to 127.0.0.1:5000 Connection refused'])
def test_what_wrk_prints_when_it_fails_is_told(text):
    with pytest.raises(Failure, match='wrk says'):
        common.parse_wrk(text)


def test_what_valgrind_prints_is_read():
    assert instructions.parse_count(
        '==7== Events    : Ir\n==7== Collected : 1234567\n') == 1234567
    with pytest.raises(Failure):
        instructions.parse_count('==7== killed')


def test_the_script_for_wrk_holds_the_request(store):
    path = common.write_script(Case(
        'x', '', '/', 'POST', (('A', 'say "\\"'),), b'\0"\n\xff'))
    text = path.read_text()
    assert 'wrk.method = "POST"' in text
    assert 'wrk.headers["A"] = "say \\"\\\\\\""' in text
    assert 'wrk.body = "\\000\\034\\010\\255"' in text


def test_figures_of_several_samples():
    samples = [Sample(3, 100, 0), Sample(1, 300, 2), Sample(9, 200, 0)]
    assert common.summary(samples) == {
        'cpu_us_median': 3, 'cpu_us_min': 1, 'rate_median': 200, 'errors': 2,
        'rounds': 3}


def test_ratios_are_taken_within_a_round():
    # a machine that is twice as slow for a while changes no ratio
    ours = [Sample(1, 1, 0), Sample(2, 1, 0), Sample(1, 1, 0)]
    theirs = [Sample(2, 1, 0), Sample(4, 1, 0), Sample(2, 1, 0)]
    assert common.ratio(ours, theirs) == {'median': 0.5, 'min': 0.5}


def test_tables_are_aligned():
    assert common.table([
        ('name', 'us', 'count'), ('a', 1.234, 1000), ('long name', None, 5),
    ]) == ('name         us  count\n'
           '---------  ----  -----\n'
           'a          1.23  1,000\n'
           'long name     -      5\n')


def test_verdicts():
    assert common.verdict(0.5, 0.6, 0.5) == 'as aimed for'
    assert common.verdict(0.6, 0.6, 0.5) == 'within the target'
    assert common.verdict(0.61, 0.6, 0.5) == 'MISSED'
    assert common.verdict(None, 0.6) == 'not measured'


def test_targets_name_known_servers_and_cases():
    for _, ours, case, theirs, other, most, aim in speed.TARGETS:
        assert ours in speed.SERVERS and case in speed.CASES
        assert theirs in (None, *speed.SERVERS) and other in speed.CASES
        assert aim is None or aim < most
    assert set(board_speed.TARGETS) < set(board_speed.CASES)
    assert set(instructions.CASES) <= \
        set(board_speed.CASES) & set(speed.CASES)


def test_targets_are_judged():
    results = {'text': {
        'ours': [Sample(10, 1, 0)], 'starlette': [Sample(20, 1, 0)],
        'microdot27': [Sample(50, 1, 0)]},
        'post': {'ours': [Sample(10, 1, 0)], 'falcon': [Sample(8, 1, 0)],
                 'sanic': [Sample(20, 1, 0)]}}
    judged = {each['label']: each for each in speed.judge(results)}
    assert len(judged) == 3
    assert judged['plain text, over Starlette (uvloop, httptools)'][
        'verdict'] == 'as aimed for'
    assert judged['plain text, over Microdot 2.7']['verdict'] == 'MISSED'
    best, = [label for label in judged if 'best peer' in label]
    assert '(falcon)' in best and judged[best]['median'] == 1.25
    assert 'microdot, on asyncio' in speed.report(results)
    json.dumps(speed.as_json(results))


def test_memory_is_judged_and_reported():
    forms = {name: {'import': 100, 'import_asyncio': 90, 'peak': 200,
                    'serving': 300} for name in memory.FORMS}
    results = {
        'ours': {'forms': forms, 'running': {'idle': 1300},
                 'modules': {'cors': {'mpy0': 10}}},
        'microdot27': {'forms': forms, 'running': {'idle': None},
                       'modules': {}}}
    judged = {each['label']: each['verdict']
              for each in memory.judge(results)}
    assert judged.pop('idle keep-alive connection, bytes') == 'MISSED'
    assert set(judged.values()) == {'as aimed for'}
    text = memory.report(results)
    assert 'smallest heap that serves, ROMFS, -O3' in text and 'cors' in text


@pytest.mark.parametrize('least', [1, 7, 15, 16, 17, 64])
def test_the_smallest_number_is_found(least):
    tried = []

    def works(number):
        tried.append(number)
        return number >= least

    assert memory.smallest(works, 0, 64) == least
    assert len(tried) < 9


def test_no_number_is_found_where_none_works():
    assert memory.smallest(lambda number: False, 0, 64) is None


def test_every_point_of_growth_is_a_request():
    for series, (_, values) in growth.SERIES.items():
        for value in values:
            case = growth.case_for(series, value)
            assert case.path[0] == '/'
            assert max(case.static, case.param) in (0, value)
    assert len(growth.case_for('headers', 20).headers) == 20
    assert len(growth.case_for('body', 1000).body) == 1000
    assert growth.case_for('static', 1000).path == '/static999'


def test_growth_is_reported_and_plotted(tmp_path):
    samples = [Sample(cost, 1, 0) for cost in (10.0, 30.0, 20.0)]
    figures = growth.medians({'idle': {'ours': [(0, samples), (10, samples)],
                                       'aiohttp': [(10, samples)]}})
    assert figures == {'idle': {'ours': [[0, 20], [10, 20]],
                                'aiohttp': [[10, 20]]}}
    assert '20.0' in growth.report(figures)
    if not importlib.util.find_spec('matplotlib'):
        return
    path, = growth.plot(figures, tmp_path)
    assert path.read_text().startswith('<?xml')


def test_unknown_names_are_refused():
    assert speed.parse_names('text,json', speed.CASES) == ['text', 'json']
    assert speed.parse_names(None, {'a': 1}) == ['a']
    with pytest.raises(SystemExit, match='no nothing'):
        speed.parse_names('nothing', speed.CASES)


def test_every_peer_of_the_list_has_a_version():
    lines = [line for line in common.PEERS.read_text().split('\n')
             if line and line[0] != '#']
    assert len(lines) > 10
    assert all(line.count('==') == 1 for line in lines)


def test_tables_for_the_docs_are_aligned_lists():
    assert tables.list_table([('a', 'b'), (1.5, None)]) == (
        '.. list-table::\n   :header-rows: 1\n\n'
        '   * - a\n     - b\n   * - 1.50\n     - -\n')


@pytest.mark.parametrize('tool', tables.TOOLS)
def test_the_tables_of_the_docs_are_those_of_the_figures(tool):
    data = json.loads((tables.FOLDER / (tool + '.json')).read_text())
    page = (TOP / 'docs' / 'project' / 'benchmarks.rst').read_text()
    page += (TOP / 'docs' / 'index.rst').read_text()
    for name, rows in getattr(tables, tool + '_tables')(data):
        assert len(rows) > 1
        assert (tables.FOLDER / (name + '.inc')).read_text() == \
            tables.list_table(rows)
        assert 'benchmarks/%s.inc\n' % name in page


def test_the_claims_of_readme_are_those_of_the_figures():
    data = json.loads((tables.FOLDER / 'speed.json').read_text())
    lines = tables.claims(data)
    readme = (TOP / 'README.rst').read_text()
    page = (TOP / 'docs' / 'project' / 'benchmarks.rst').read_text()
    assert 'include:: benchmarks/claims.inc' in page
    assert (tables.FOLDER / 'claims.inc').read_text().split('\n')[:-1] == lines
    for line in lines:
        assert line in readme


# ---------------------------------------------------------------- tiny rounds

def test_a_round_against_our_own_server(store):
    names = ['text', 'json', 'headers', 'post', 'file', 'stream', 'close']
    cases = [speed.CASES[name] for name in names]
    notes = []
    with common.running(speed.start(['ours', 'floor'])) as servers:
        for case in cases:
            chosen = servers if case.name == 'text' else {
                'ours': servers['ours']}
            results = common.rounds(chosen, case, common.PlainLoad(5), 2,
                                    note=notes.append)
            assert set(results) == set(chosen), notes
            for samples in results.values():
                assert len(samples) == 2
                assert all(each.cpu_us > 0 and each.rate > 0
                           and not each.errors for each in samples)
        idle = common.Idle(servers['ours'].port, 5)
        idle.close()
    assert notes == []
    assert all(server.process.poll() is not None
               for server in servers.values())


def test_cases_with_many_routes_find_them(store):
    cases = [case for case in speed.CASES.values()
             if case.static + case.param == 1000]
    with common.running(speed.start(['ours'], 1000, 1000)) as servers:
        for case in cases:
            common.check_answer(servers['ours'].port, case)


def test_a_wrong_answer_is_not_measured(store):
    notes = []
    with common.running(speed.start(['ours'])) as servers:
        results = common.rounds(
            servers, Case('wrong', '', '/missing'), common.PlainLoad(1), 1,
            note=notes.append)
    assert results == {}
    assert '/missing answers 404' in notes[0]


def test_a_server_that_does_not_start_is_left_out(store, capsys):
    servers = {'broken': common.Server(
        'broken', [sys.executable, '-c', 'raise SystemExit("no way")'])}
    with common.running(servers) as running:
        assert running == {}
    assert 'broken does not start: no way' in capsys.readouterr().err


def test_an_import_is_measured():
    path, module, before = imports.imports()['microdot']
    assert 0 < imports.once(path, module, before) < 100000
    with pytest.raises(Failure, match='nothing_of_that_name'):
        imports.once('', 'nothing_of_that_name', '')
    assert 'MISSED' in imports.report({'microdot': [11.0]})


@pytest.mark.skipif(os.cpu_count() < 2, reason='one core')
def test_workers_are_measured_beside_one_process(store, tmp_path):
    counts = tmp_path / 'counts'
    counts.mkdir()
    servers = {'one': workers.Workers(1, counts),
               'two': workers.Workers(2, counts, 'two'),
               'apart': workers.Workers(1, counts, 'apart')}
    case = workers.case_of('close', 2)
    with common.running(servers):
        one, two, apart = servers.values()
        found = workers.measure([one, two, workers.Apart([one, apart])],
                                case, common.PlainLoad(40), 1, 1)
        assert len(two.serving()) == len(two.counts()) == 2
        # 40 of a warm-up, and as many that were measured
        assert sum(two.counts().values()) == 80
        assert found['errors'] == 0
        assert 0 < found['share'] <= 50
        assert found['ratio'] > 0 and found['apart_ratio'] > 0
    assert '1.10' in workers.report({'close': [found]})


def test_only_a_process_that_handles_a_signal_gets_it():
    old = signal.signal(signal.SIGUSR1, lambda *args: None)
    try:
        assert workers.catches(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert not workers.catches(os.getpid(), signal.SIGUSR2)


def test_a_start_is_measured(store, tmp_path):
    assert 10 < start.once('ours', tmp_path) < 100000
    for label, program, _ in start.SERVERS.values():
        compile(program, label, 'exec')
    rows = start.rows_of([{'server': 'ours', 'label': 'microdot run',
                           'median_ms': 1.5, 'best_ms': 1.0,
                           'target_ms': 250}])
    assert rows[1:] == [('microdot run', 1.5, 1.0, 250)]


def test_a_wrong_first_answer_is_not_measured(store, tmp_path, monkeypatch):
    label, program, words = start.SERVERS['ours']
    monkeypatch.setitem(start.SERVERS, 'ours', (
        label, program.replace("'hello'", "'goodbye'"), words))
    with pytest.raises(Failure, match='goodbye'):
        start.once('ours', tmp_path)

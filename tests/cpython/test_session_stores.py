"""What sessions and their stores have on CPython: an attribute of requests,
threads, processes, modes."""

import asyncio
import os
import pathlib
import stat
import subprocess
import sys
import threading

import pytest

from microdot import Microdot, Request
from microdot.session import Session, SessionDict, with_session
from microdot.stores import FolderStore, MemoryStore
from microdot.test_client import TestClient

KEY = 'an example of a key of 32 bytes!'
SOURCE = pathlib.Path(__file__).resolve().parents[2] / 'src'
#: A process that changes one session as often as it is told.
CHANGE = """\
import sys
from microdot.stores import FolderStore
store = FolderStore(sys.argv[1])
for number in range(int(sys.argv[4])):
    assert store._ask(store.merge, sys.argv[2],
                      {'%s%d' % (sys.argv[3], number): '1'}, False)
"""


def make_app(store):
    app = Microdot()
    Session(app, KEY, store=store)

    @app.post('/<name>')
    @with_session
    def add(request, session, name):  # in a thread
        session[name] = True
        session.save()
        return dict(session)

    @app.get('/')
    @with_session
    async def show(request, session):
        return dict(session)

    return app


@pytest.mark.parametrize('kind', ('memory', 'folder'))
def test_threads_do_not_lose_each_other_s_changes(kind, tmp_path):
    store = MemoryStore() if kind == 'memory' else FolderStore(tmp_path)

    async def main():
        client = TestClient(make_app(store))
        await client.post('/first')
        await asyncio.gather(*[
            client.post('/name%d' % number) for number in range(100)])
        return (await client.get('/')).json

    assert len(asyncio.run(main())) == 101


def test_processes_do_not_lose_each_other_s_changes(tmp_path):
    pytest.importorskip('fcntl')
    store = FolderStore(tmp_path)
    store.merge('ab' * 16, {'a': '1'}, True)
    processes = [
        subprocess.Popen(
            [sys.executable, '-c', CHANGE, str(tmp_path), 'ab' * 16, name,
             '200'], env=dict(os.environ, PYTHONPATH=str(SOURCE)))
        for name in 'xyz']
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len(store.read('ab' * 16)) == 601
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'ab' * 16 + '.session', 'lock']


@pytest.mark.skipif(os.name != 'posix', reason='modes of files')
def test_nobody_else_can_read_the_files(tmp_path):
    previous = os.umask(0)
    try:
        folder = tmp_path / 'new' / 'sessions'
        client = TestClient(make_app(FolderStore(folder)))
        asyncio.run(client.post('/a'))
    finally:
        os.umask(previous)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    paths = list(folder.iterdir())
    assert len(paths) == 2
    for path in paths:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != 'posix', reason='links')
def test_links_are_not_followed_when_writing(tmp_path):
    victim = tmp_path / 'victim'
    victim.write_text('mine')
    folder = tmp_path / 'sessions'
    store = FolderStore(folder)
    (folder / ('new-%d' % os.getpid())).symlink_to(victim)
    with pytest.raises(OSError):
        store.write('ab' * 16, {'a': '1'})
    (folder / ('ab' * 16 + '.session')).symlink_to(victim)
    store.write('ab' * 16, {'a': '1'})
    assert victim.read_text() == 'mine'


def test_a_write_that_fails_leaves_the_old_session(tmp_path, monkeypatch):
    store = FolderStore(tmp_path)
    store.write('ab' * 16, {'a': '1'})

    def fail(*args):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'replace', fail)
    with pytest.raises(OSError):
        store.write('ab' * 16, {'a': '2'})
    assert store.read('ab' * 16) == {'a': '1'}
    assert [path.name for path in tmp_path.iterdir()] == [
        'ab' * 16 + '.session']


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / 'file').write_text('')
    for path in ('file', 'file/folder'):
        with pytest.raises(OSError):
            FolderStore(tmp_path / path)


def test_a_store_locks_while_it_is_asked():
    store = MemoryStore()
    release = threading.Event()
    inside = threading.Event()

    def slow(*args):
        inside.set()
        assert release.wait(10)

    thread = threading.Thread(target=store._ask, args=(slow,))
    thread.start()
    assert inside.wait(10)
    assert not store.locked().acquire(blocking=False)
    release.set()
    thread.join()
    assert store.locked().acquire(blocking=False)


def test_sessions_import_stores_only_where_one_is_used():
    subprocess.run([sys.executable, '-c', """\
import sys
import microdot.session
from microdot import Microdot
microdot.session.Session(Microdot(), 'key')
assert 'microdot.stores' not in sys.modules
from microdot.session import FolderStore, MemoryStore
import microdot.stores
assert MemoryStore is microdot.stores.MemoryStore
assert FolderStore is microdot.stores.FolderStore
try:
    microdot.session.OtherStore
except AttributeError as exc:
    assert str(exc) == 'OtherStore'
else:
    raise AssertionError
"""], env=dict(os.environ, PYTHONPATH=str(SOURCE)), check=True, timeout=60)


def get(app, path='/', **kwargs):
    return asyncio.run(TestClient(app).get(path, **kwargs))


def test_requests_have_the_session():
    app = Microdot()
    Session(app, KEY, cookie_name='other')
    sessions = Session(app, KEY)
    seen = []

    @app.get('/')
    async def index(request):
        seen.append(request)
        request.session['a'] = 1
        request.session.save()
        return ''

    res = get(app)
    assert res.headers['Set-Cookie'][0].startswith('session=')
    request, = seen
    assert isinstance(request.session, SessionDict)
    assert request.session is sessions.get(request)
    assert hasattr(request, 'session')


def test_applications_have_sessions_of_their_own():
    with_one, without, outer = Microdot(), Microdot(), Microdot()
    Session(with_one, KEY, cookie_name='inner')

    @with_one.get('/')
    async def one(request):
        request.session['a'] = 1
        request.session.save()
        return ''

    @without.get('/')
    async def none(request):
        assert not hasattr(request, 'session')
        with pytest.raises(AttributeError, match=r'Session\(app, key\)'):
            request.session
        return 'none'

    outer.mount(with_one, '/one')
    outer.mount(without, '/none')
    assert get(outer, '/none/').text == 'none'
    assert get(outer, '/one/').headers['Set-Cookie'][0][:6] == 'inner='
    Session(outer, KEY, cookie_name='outer')
    assert get(outer, '/one/').headers['Set-Cookie'][0][:6] == 'outer='


def test_other_attributes_of_requests():
    app = Microdot()
    app.request_attributes['shouted'] = lambda request: request.path.upper()

    @app.get('/<name>')
    async def shout(request, name):
        assert not hasattr(request, 'whispered')
        with pytest.raises(AttributeError, match="'whispered'$"):
            request.whispered
        return request.shouted

    assert get(app, '/a').text == '/A'
    # an application need not be one, and each has its own
    for other in ('app', Microdot()):
        request = Request(other, None, 'GET', '/', '1.1', {})
        with pytest.raises(AttributeError):
            request.session
        with pytest.raises(AttributeError, match="'shouted'$"):
            request.shouted
    for change in ('update', 'setdefault'):
        with pytest.raises(TypeError, match='one function at a time'):
            getattr(app.request_attributes, change)({})

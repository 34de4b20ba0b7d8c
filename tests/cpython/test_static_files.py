"""What the file systems of computers add to ``static``."""

import asyncio
import errno
import os

import pytest

import microdot.static
from microdot import sendfile
from microdot.microdot import Microdot, Response
from microdot.static import static
from microdot.test_client import TestClient

GZIP = {'Accept-Encoding': 'gzip'}


def ask(app, path, **headers):
    return asyncio.run(TestClient(app).get(path, headers=headers))


@pytest.fixture
def folder(tmp_path):
    """A folder to be served, beside what is not."""
    (tmp_path / 'secret').write_text('secret')
    folder = tmp_path / 'public'
    (folder / 'sub').mkdir(parents=True)
    (folder / 'a.txt').write_text('content')
    (folder / 'sub' / 'b.txt').write_text('content')
    return folder


def serve(folder, **options):
    app = Microdot()
    static(app, '/files', folder, **options)
    return app


def test_a_link_that_is_the_page_of_a_folder_does_not_lead_out(folder):
    (folder / 'sub' / 'index.html').symlink_to(folder.parent / 'secret')
    assert ask(serve(folder, html=True), '/files/sub/').status_code == 404
    res = ask(serve(folder, html=True, follow_symlinks=True), '/files/sub/')
    assert res.text == 'secret'


def test_a_link_that_is_a_compressed_file_does_not_lead_out(folder):
    (folder / 'a.txt.gz').symlink_to(folder.parent / 'secret')
    res = ask(serve(folder, gzip=True), '/files/a.txt', **GZIP)
    assert res.text == 'content'
    assert 'Content-Encoding' not in res.headers


def test_links_within_the_folder_are_followed(folder):
    (folder / 'c.txt').symlink_to(folder / 'sub' / 'b.txt')
    assert ask(serve(folder), '/files/c.txt').text == 'content'


def test_a_folder_whose_name_begins_the_same_is_another(folder):
    other = folder.parent / 'public-not'
    other.mkdir()
    (other / 'x').write_text('secret')
    (folder / 'link').symlink_to(other)
    assert ask(serve(folder), '/files/link/x').status_code == 404


def test_paths_of_windows_are_compared(folder, monkeypatch):
    real = os.path.realpath

    def windows(path, **kwargs):
        return 'C:' + real(path).replace('/', '\\')

    monkeypatch.setattr(os.path, 'realpath', windows)
    (folder / 'link').symlink_to(folder.parent)
    app = serve(folder)
    assert ask(app, '/files/a.txt').text == 'content'
    assert ask(app, '/files/sub/b.txt').text == 'content'
    assert ask(app, '/files/link/secret').status_code == 404


def test_a_file_rewritten_in_the_same_second_has_another_tag(
        folder, monkeypatch):
    monkeypatch.setattr(microdot.static, 'settle_time', 0)
    app = serve(folder)
    tags = set()
    for when in 1700000000000000000, 1700000000000000001:
        os.utime(folder / 'a.txt', ns=(when, when))
        tags.add(ask(app, '/files/a.txt').headers['ETag'])
    assert len(tags) == 2


ERRORS = [(errno.EACCES, 403), (errno.EPERM, 403), (errno.ENOENT, 404),
          (errno.ELOOP, 404), (errno.EIO, 404), (errno.ENAMETOOLONG, 404)]


@pytest.mark.parametrize('number, status', ERRORS)
def test_errors_of_the_file_system_are_answered(
        folder, monkeypatch, number, status):
    app = serve(folder)
    stat = os.stat

    def fail(path, *args, **kwargs):
        if str(path).endswith('a.txt'):
            raise OSError(number, 'on purpose')
        return stat(path, *args, **kwargs)

    monkeypatch.setattr(os, 'stat', fail)
    assert ask(app, '/files/a.txt').status_code == status


@pytest.mark.parametrize('number, status', ERRORS)
def test_errors_of_send_file_are_answered(
        folder, monkeypatch, number, status):
    app = Microdot()

    @app.get('/')
    async def index(request):
        return Response.send_file(folder / 'a.txt')

    def fail(*args, **kwargs):
        raise OSError(number, 'on purpose')

    monkeypatch.setattr(sendfile, 'open', fail, raising=False)
    assert ask(app, '/').status_code == status

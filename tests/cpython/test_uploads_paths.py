"""What request.save() and FileUpload.save() take as a path."""

import asyncio
import os
import pathlib
import stat
import threading

import pytest

from microdot import Microdot
from microdot.multipart import FormDataIter
from microdot.test_client import TestClient

CONTENT = b'0123456789' * 1000
FORM = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"' \
    b'\r\n\r\n' + CONTENT + b'\r\n--b--\r\n'


def send(path, kind):
    """Save a body, or the file of a form, at a path."""
    app = Microdot()

    @app.post('/')
    async def save(request):
        if kind == 'body':
            await request.save(path)
        else:
            async for _, value in FormDataIter(request):
                await value.save(path)
        return 'done'

    res = asyncio.run(TestClient(app).post(
        '/', body=CONTENT if kind == 'body' else FORM,
        headers={'Content-Type': 'application/octet-stream' if kind == 'body'
                 else 'multipart/form-data; boundary=b'}))
    assert res.text == 'done'


@pytest.mark.parametrize('kind', ['body', 'form'])
@pytest.mark.parametrize('make', [str, os.fsencode, pathlib.Path])
def test_all_kinds_of_paths(kind, make, tmp_path):
    path = tmp_path / 'gr\xfc\xdfe'
    send(make(path), kind)
    assert path.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='there are no pipes')
@pytest.mark.parametrize('kind', ['body', 'form'])
def test_what_is_no_file_is_written_to_and_stays(kind, tmp_path):
    """A file that took the place of /dev/null would fill the disk."""
    path = tmp_path / 'pipe'
    os.mkfifo(path)
    got = []
    thread = threading.Thread(target=lambda: got.append(path.read_bytes()),
                              daemon=True)
    thread.start()
    send(path, kind)
    thread.join(20)
    assert got == [CONTENT]
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert list(tmp_path.iterdir()) == [path]

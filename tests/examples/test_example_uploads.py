"""The example of uploads runs as it says, also with a real browser."""

import http.client
import os
import re
import subprocess
import sys

import pytest

import servers
from browser import browser, needs_browser  # noqa: F401
from servers import TOP

EXAMPLE = TOP / 'examples' / 'uploads' / 'uploads.py'
every = pytest.mark.parametrize(
    'interpreter', [servers.running(), *servers.boards()],
    ids=lambda interpreter: interpreter.name)


def serve(interpreter, folder):
    return servers.serve(interpreter, folder, script=EXAMPLE,
                         before=['127.0.0.1'])


def form(*parts):
    """Return a body of pairs of disposition and content."""
    return b''.join(
        b'--b\r\nContent-Disposition: form-data; ' + disposition.encode() +
        b'\r\n\r\n' + content + b'\r\n'
        for disposition, content in parts) + b'--b--\r\n'


def post(child, body, **headers):
    """Return the status and the text of the answer to a form."""
    client = http.client.HTTPConnection('127.0.0.1', child.port, timeout=20)
    try:
        client.request('POST', '/', body, {
            'Content-Type': 'multipart/form-data; boundary=b',
            **{name.replace('_', '-'): value
               for name, value in headers.items()}})
        response = client.getresponse()
        return response.status, response.read().decode()
    finally:
        client.close()


@every
def test_what_is_uploaded_is_stored(interpreter, tmp_path):
    folder = tmp_path / 'files'
    with serve(interpreter, folder) as child:
        large = os.urandom(100000)
        assert post(child, form(
            ('name="note"', b'hello'), ('name="file"; filename="a.txt"', b'x'),
            ('name="file"; filename="../../b c.bin"', large),
            ('name="file"; filename=""', b''))) == (
                200, 'note: hello\na.txt: 1 bytes\nb_c.bin: 100000 bytes\n')
        page = child.get('/').decode()
        assert ('<li>a.txt <span class="faint">1 bytes</span>'
                '<li>b_c.bin ') in page
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        'a.txt': b'x', 'b_c.bin': large}
    assert list(tmp_path.iterdir()) == [folder]


@every
def test_what_is_not_whole_or_not_allowed_is_not_stored(
        interpreter, tmp_path):
    folder = tmp_path / 'files'
    whole = form(('name="file"; filename="a"', b'x' * 5000))
    with serve(interpreter, folder) as child:
        assert post(child, whole[:-20]) == (400, 'Malformed form')
        assert post(child, whole, Origin='http://evil.example') == (
            403, 'Forbidden')
        assert post(child, b'', Content_Length='9000000')[0] == 413
    assert list(folder.iterdir()) == []


def test_its_page_tells_what_it_prints():
    text = EXAMPLE.read_text()
    assert re.findall(r'^    (\w+)=(\S+) (\S+) (examples\S+)$', text,
                      re.MULTILINE) == [
        ('PYTHONPATH', 'src', 'python3', 'examples/uploads/uploads.py'),
        ('MICROPYPATH', 'src:.frozen', 'micropython',
         'examples/uploads/uploads.py')]


def test_importing_it_starts_nothing(tmp_path):
    subprocess.run(
        [sys.executable, '-c', 'import uploads; uploads.app'], check=True,
        cwd=tmp_path, timeout=60, env=dict(
            os.environ, PYTHONPATH='%s:%s' % (TOP / 'src', EXAMPLE.parent)))
    assert list(tmp_path.iterdir()) == []


@needs_browser
@pytest.mark.parametrize(
    'interpreter', [servers.running(), *servers.boards()[:1]],
    ids=lambda interpreter: interpreter.name)
def test_in_a_browser(interpreter, browser, tmp_path):  # noqa: F811
    folder = tmp_path / 'stored'
    names = ['plain.txt', 'with "quotes"; and \\.txt', '\u20ac \u00e9.bin',
             '--b.txt']
    contents = [b'hello\r\n', b'', os.urandom(300000), b'\r\n--b--\r\n']
    for name, content in zip(names, contents, strict=True):
        (tmp_path / name).write_bytes(content)
    with serve(interpreter, folder) as child:
        page = browser.open('http://127.0.0.1:%d/' % child.port)
        page.fill('input[name=note]', 'gr\u00fc\u00dfe "x"')
        page.choose_files('input[type=file]',
                          *[tmp_path / name for name in names])
        page.click('button')
        assert page.wait_for('document.body.innerText.includes("bytes") && '
                             '!document.querySelector("form") && '
                             'document.body.innerText') == (
            'note: gr\u00fc\u00dfe "x"\nplain.txt: 7 bytes\n'
            'txt: 0 bytes\n___.bin: 300000 bytes\nb.txt: 9 bytes\n')
        # a form without a file, and what a script sends
        page.goto('http://127.0.0.1:%d/' % child.port)
        page.click('button')
        page.wait_for('document.body.innerText.trim() == "note:"')
        assert page.evaluate("""(async () => {
            const form = new FormData()
            form.append('note', 'a\\nb')
            form.append('file', new Blob(['12345']), 'blob.bin')
            const response = await fetch('/', {method: 'POST', body: form})
            return [response.status, await response.text()]
        })()""") == [200, 'note: a\r\nb\nblob.bin: 5 bytes\n']
        page.close()
        assert 'Traceback' not in child.output
    assert (folder / '___.bin').read_bytes() == contents[2]
    assert sorted(path.name for path in folder.iterdir()) == [
        '___.bin', 'b.txt', 'blob.bin', 'plain.txt', 'txt']

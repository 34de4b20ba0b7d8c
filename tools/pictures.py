"""Take the pictures of the examples: ``python3 tools/pictures.py [NAME ...]``.

Starts each example, does in Chromium what makes a good picture, and writes a
PNG into ``docs/_static/examples``. First it copies ``examples/style.css``,
the look that all examples share, into each folder that has a copy of it: an
example is a folder that can be put on a board as it is.

``--out FOLDER`` writes elsewhere, ``--phone`` in the width of a phone,
``--dark`` in dark colours, for looking at them one by one; ``--styles`` only
copies the styles.
"""

import argparse
import base64
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / 'tools'), str(TOP / 'tests' / 'support')]

from servers import (  # noqa: E402
    free_port,
    is_listening,
    start,
    wait_until,
)

EXAMPLES = TOP / 'examples'
PICTURES = TOP / 'docs' / '_static' / 'examples'
#: The look that all examples share.
STYLE = EXAMPLES / 'style.css'
DESKTOP = 800, 500
PHONE = 390, 700
#: Of the pictures that need more than that.
LARGER = {'dashboard': (800, 620), 'debug': (800, 580)}
#: Those that the documentation shows large, in light and in dark colours.
BOTH = {'dashboard', 'debug', 'notes'}


def fill(page, **values):
    """Write into fields by name or id, in order."""
    for name, value in values.items():
        page.fill('[name=%s], #%s' % (name, name), value)


def sign(page):
    for name in ('Ada', 'Grace', 'Edsger'):
        fill(page, name=name)
        page.click('button')
        page.wait_for('document.body.innerText.includes(%r)' % name)


def shop(page):
    for name, total in ('tea', 3), ('cake', 8), ('tea', 11):
        page.click('button[name=add][value=%s]' % name)
        page.wait_for('document.readyState == "complete" && '
                      r'/Total\s+%d\b/.test(document.body.innerText)' % total)


def count(page):
    page.wait_for('Number(document.getElementById("count").innerText) > 2')


def log_in(page):
    page.wait_for('!!document.querySelector("[name=password]")')
    fill(page, name='ada', password='wrong')
    page.click('button')
    page.wait_for('!!document.querySelector("[role=alert]").innerText')


def upload(page):
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, size in (('plan.pdf', 48213), ('photo.jpg', 310522)):
            paths.append(pathlib.Path(folder, name))
            paths[-1].write_bytes(bytes(size))
        page.choose_files('[type=file]', *paths)
        page.click('button')
        page.wait_for('!document.querySelector("form")')
    page.goto(page.url)
    page.wait_for('document.querySelectorAll("li").length > 1')


def chat(page):
    other = page.open(page.url)
    # (what is sent before they are connected is not)
    for tab in page, other:
        tab.wait_for('document.getElementById("count").innerText == "2"')
    for tab, name, text in (
            (page, 'Ada', 'Is anybody here?'), (other, 'Grace', 'I am.'),
            (page, 'Ada', 'Good. It works on the board, too.')):
        fill(tab, name=name, text=text)
        tab.click('button')
        page.wait_for('document.getElementById("lines").innerText'
                      '.includes(%r)' % text)


def describe(page):
    page.wait_for('document.body.innerText.includes("/todos")')


def switch(page):
    page.click('#led')
    page.wait_for('document.getElementById("log").innerText'
                  '.includes("LED on")')
    page.evaluate("""lamp.value = 65; lamp.dispatchEvent(new Event('change'));
                  points.splice(0, points.length, ...Array.from(
                      {length: 119}, (_, i) => 24 + 3 * Math.sin(i / 17)
                      + Math.sin(i / 5) / 3)); draw()""")
    page.wait_for('document.getElementById("log").innerText'
                  '.includes("lamp at 65")')


def shine(page):
    page.wait_for('document.getElementById("led").innerText == "off"')
    page.click('#led')
    page.wait_for('document.getElementById("led").innerText == "on"')


def keep(page):
    with tempfile.TemporaryDirectory() as folder:
        for name, size in (('config.json', 213), ('log.txt', 48213)):
            path = pathlib.Path(folder, name)
            path.write_bytes(bytes(size))
            page.choose_files('[type=file]', path)
            page.wait_for('document.body.innerText.includes("%s")' % name)


def remember(page):
    fill(page, name='ada', password='correct horse')
    page.click('main button')
    page.wait_for('!!document.querySelector("#notes")')
    for text in ('Order a second Pico W', 'Water the plants',
                 'Call Grace about the compiler'):
        fill(page, text=text)
        page.click('main button')
        page.wait_for('document.readyState == "complete" && '
                      'document.body.innerText.includes(%r)' % text)
    page.evaluate('document.activeElement.blur()')


#: Fails, for a picture of the debug page.
FAILING = """\
from microdot import Microdot

app = Microdot()
notes = ['Water the plants', 'Call Ada']


def find(number):
    return notes[number]


@app.get('/notes/<int:number>')
async def show(request, number):
    return {'text': find(number)}
"""
#: Served by ``microdot run``, since they take no host and port.
BY_COMMAND = {'notes/app.py': [], 'failing.py': ['--debug']}
#: What a script needs after host and port.
MORE = {'todo/todo.py': ['todo.db']}
#: Whose page is on the port after the first.
SECOND_PORT = {'cors/cors.py'}
#: By name: the script, the path to open, and what to do there, or ``None``.
PROGRAMS = {
    'chat': ('chat/chat.py', '/', chat),
    'cors': ('cors/cors.py', '/', None),
    'counter': ('sse/counter.py', '/', count),
    'csrf': ('csrf/csrf.py', '/', None),
    'dashboard': ('dashboard/dashboard.py', '/', switch),
    'debug': ('failing.py', '/notes/5', None),
    'files': ('files/files.py', '/', keep),
    'gpio': ('gpio/gpio.py', '/', shine),
    'guests': ('templates/guests.py', '/', sign),
    'hello': ('hello/hello.py', '/', None),
    'login': ('login/login.py', '/login', log_in),
    'notes': ('notes/app.py', '/signup', remember),
    'shop': ('sessions/basket.py', '/', shop),
    'site': ('static/static_site.py', '/', None),
    'todo': ('todo/todo.py', '/docs', describe),
    'uploads': ('uploads/uploads.py', '/', upload),
}


def copies():
    """Return the copies of the shared style."""
    return sorted(
        path for folder in (EXAMPLES, TOP / 'docs' / 'start' / 'tutorial')
        for path in folder.rglob('style.css') if path != STYLE)


def copy_styles():
    """Make all copies of the shared style the same."""
    for path in copies():
        shutil.copy(STYLE, path)
    subprocess.run([sys.executable, str(EXAMPLES / 'static/compress.py')],
                   check=True)


def words_of(script, folder, port, second):
    """Return what follows ``python`` to serve an example.

    :param folder: an empty one.
    """
    path = EXAMPLES / script
    if script == 'failing.py':
        path = pathlib.Path(folder, script)
        path.write_text(FAILING)
    if script in BY_COMMAND:
        return ['-m', 'microdot', 'run', str(path), '--port', str(port),
                *BY_COMMAND[script]]
    return [str(path), '127.0.0.1', str(port),
            *([str(second)] if second else MORE.get(script, ()))]


@contextlib.contextmanager
def running(script, cwd=None):
    """Serve an example while a block runs; gives the address.

    :param cwd: the folder that it runs in, an empty one by default.
    """
    port = free_port()
    second = free_port() if script in SECOND_PORT else None
    path = os.pathsep.join(
        str(folder) for folder in (TOP / 'src', EXAMPLES / 'laptop'))
    with tempfile.TemporaryDirectory() as folder, start(
            [sys.executable, *words_of(script, folder, port, second)], port,
            dict(os.environ, PYTHONPATH=path,
                 NOTES_DATABASE=os.path.join(folder, 'notes.sqlite')),
            cwd or folder) as child:
        if second:
            wait_until(lambda: is_listening(second), 'the second port')
        yield 'http://127.0.0.1:%d' % (second or port)
        # it is to keep what it writes
        child.interrupt(signal.SIGTERM)
        child.wait()


def take(browser, name, target, size, dark=False):
    """Write a picture of an example.

    :param size: width and height in pixels.
    """
    script, path, act = PROGRAMS[name]
    with running(script) as address:
        page = browser.open('about:blank')
        try:
            page.send('Emulation.setDeviceMetricsOverride', width=size[0],
                      height=size[1], deviceScaleFactor=1,
                      mobile=size[0] < 500)
            page.send('Emulation.setEmulatedMedia', features=[{
                'name': 'prefers-color-scheme',
                'value': 'dark' if dark else 'light'}])
            page.send('Emulation.setScrollbarsHidden', hidden=True)
            page.goto(address + path)
            page.wait_for('document.readyState == "complete"')
            if act:
                act(page)
            # until what moves has come to rest
            page.evaluate('new Promise(done => setTimeout(done, 300))')
            data = page.send('Page.captureScreenshot', format='png')['data']
        finally:
            page.close()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(base64.b64decode(data))


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__.partition('\n')[0])
    parser.add_argument('names', nargs='*', metavar='NAME',
                        help=', '.join(PROGRAMS))
    parser.add_argument('--out', type=pathlib.Path, default=PICTURES)
    parser.add_argument('--phone', action='store_true')
    parser.add_argument('--dark', action='store_true')
    parser.add_argument('--styles', action='store_true')
    options = parser.parse_args(arguments)
    copy_styles()
    if options.styles:
        return 0
    from browser import CHROMIUM, Browser
    if not CHROMIUM:
        print('pictures: Chromium is missing (Debian: chromium)',
              file=sys.stderr)
        return 1
    for name in options.names:
        if name not in PROGRAMS:
            parser.error('no example %s: %s' % (name, ', '.join(PROGRAMS)))
    try:
        with Browser() as browser:
            for name in options.names or PROGRAMS:
                target = options.out / (name + '.png')
                take(browser, name, target,
                     PHONE if options.phone else LARGER.get(name, DESKTOP),
                     options.dark)
                print(target)
                if name in BOTH and options.out == PICTURES:
                    target = options.out / (name + '-dark.png')
                    take(browser, name, target, LARGER.get(name, DESKTOP),
                         True)
                    print(target)
    except AssertionError as error:
        print('pictures: %s' % error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())

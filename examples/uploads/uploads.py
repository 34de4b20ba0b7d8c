"""A page to upload files, which go to the disk or the flash as they arrive.

Board: any with Wi-Fi, such as Pico W or ESP32. Wiring: none.
Flash: 43 KB. Heap: 98 KB.

Put it on a board, from the top of the repository, with the package installed
as ``docs/start/board.rst`` says, which prints its address::

    $ microdot deploy examples/uploads --wifi "NAME" --main --start

Or on a computer, with nothing installed, either of::

    PYTHONPATH=src python3 examples/uploads/uploads.py
    MICROPYPATH=src:.frozen micropython examples/uploads/uploads.py

It listens on port 5000 of all addresses and stores what it gets in the folder
``uploads``; append a host, a port and a folder to change that. Open
http://127.0.0.1:5000/ in a browser, or use another terminal::

    $ echo hello > hello.txt
    $ curl -F note=first -F file=@hello.txt http://127.0.0.1:5000/
    note: first
    hello.txt: 6 bytes

Whoever can reach it may upload files, also over those that are there.
"""
import os
import sys

from microdot import Microdot, send_file
from microdot.csrf import CSRF
from microdot.multipart import FileUpload, FormDataIter

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Uploads</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Uploads</h1>
<form class="card column" method="post" enctype="multipart/form-data">
  <label>Note <input name="note"></label>
  <label>Files <input type="file" name="file" multiple></label>
  <div><button>Upload</button></div>
</form>
<ul>%s</ul>
</main>
"""

app = Microdot()
CSRF(app)  # or any page in the browser could upload
folder = 'uploads'
# (the folder of this program, on boards too)
HERE = __file__.replace('\\', '/').rpartition('/')[0] or '.'


def stored():
    """Return the names and sizes of the files, sorted by name."""
    return [(name, os.stat(folder + '/' + name)[6])
            for name in sorted(os.listdir(folder))]


@app.get('/')
async def index(request):
    # (the names need no escaping, as none but safe ones were stored)
    return PAGE % ''.join(
        ['<li>%s <span class="faint">%d bytes</span>' % pair
         for pair in stored()] or ['<li class="none">nothing yet']), {
            'Content-Type': 'text/html; charset=UTF-8'}


@app.get('/style.css')
async def style(request):
    return send_file(HERE + '/style.css', max_age=3600)


@app.post('/', max_content_length=8 * 1024 * 1024)
async def upload(request):
    lines = []
    async for name, value in FormDataIter(request):
        if not isinstance(value, FileUpload):
            lines.append('%s: %s\n' % (name, value))
        elif value.filename:  # without one no file was chosen
            path = folder + '/' + value.safe_name
            await value.save(path)
            lines.append('%s: %d bytes\n' % (
                value.safe_name, os.stat(path)[6]))
    return ''.join(lines)


@app.on_startup
def make_folder():
    try:
        os.mkdir(folder)
    except OSError:
        pass  # it is there, or else the first upload will tell


def main(host='0.0.0.0', port='5000', path=folder):
    global folder
    folder = path
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

"""A file manager: files go to the board's flash and back in small pieces.

Board: any, with some flash to spare. Wiring: none.
Flash: 35 KB and the files. Heap: 78 KB, however large a file is.

From the top of the repository, with the package installed as
``docs/start/board.rst`` says::

    $ microdot deploy examples/files --wifi "NAME" --main --start

Then open http://ADDRESS:5000/. Or on a computer, where the files go to the
folder ``uploads`` of the current one::

    PYTHONPATH=src python3 examples/files/files.py
    MICROPYPATH=src:.frozen micropython examples/files/files.py

    $ curl -T README.rst http://127.0.0.1:5000/files/readme.txt
    $ curl http://127.0.0.1:5000/files
    {"files": [{"name": "readme.txt", "size": 3810}], "free": 1234567}
    $ curl -X DELETE http://127.0.0.1:5000/files/readme.txt

A file is there as a whole or not at all: it is written under another name,
which is changed at the end. Whoever is in the same network can do all this;
for people see ``microdot.auth``. Pages of other sites cannot
(``microdot.csrf``), unless a name of theirs leads to the board's address (DNS
rebinding): once the board has a name of its own, ``TrustedHosts`` of
``microdot.hosts`` refuses all others.
"""
import os
import sys

from microdot import Microdot, abort, send_file
from microdot.csrf import CSRF

FOLDER = 'uploads'  # not as this file: a board would import the folder
#: Bytes of the largest file.
MAX_SIZE = 4 * 1024 * 1024
#: Bytes read from the network, and written to the flash, at once.
PIECE = 1024
#: Bytes of flash that are left free, for the board itself.
RESERVE = 16 * 1024
ALLOWED = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.'

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Files</title>
<link rel="stylesheet" href="/style.css">
<style>#list a { flex: 1 }</style>
<main>
<h1>Files</h1>
<label class="card">Copy to the board
  <input type="file" id="file" multiple></label>
<p role="alert" id="note"></p>
<ul id="list"></ul>
<p class="faint" id="free"></p>
</main>
<script>
const $ = id => document.getElementById(id);
const url = name => '/files/' + encodeURIComponent(name);
async function call(path, options) {
  const response = await fetch(path, options);
  if (!response.ok) $('note').textContent = await response.text();
  return response;
}
async function show() {
  let {files, free} = await (await call('/files')).json();
  $('list').replaceChildren(...files.map(file => {
    const item = document.createElement('li');
    const link = document.createElement('a');
    link.href = url(file.name);
    link.textContent = file.name;
    const remove = document.createElement('button');
    remove.textContent = 'delete';
    remove.className = 'quiet';
    remove.setAttribute('aria-label', 'delete ' + file.name);
    const size = document.createElement('span');
    size.className = 'faint';
    size.textContent = file.size + ' bytes';
    remove.onclick = async () => {
      await call(url(file.name), {method: 'DELETE'});
      show();
    };
    item.append(link, size, remove);
    return item;
  }));
  let unit = 0;
  for (free /= 1024; free >= 10000; free /= 1024) unit++;
  $('free').textContent =
    Math.floor(free) + ' ' + ['KiB', 'MiB', 'GiB'][unit] + ' free';
}
$('file').onchange = async () => {
  $('note').textContent = '';
  for (const file of $('file').files)
    await call(url(file.name), {method: 'PUT', body: file});
  show();
};
show();
</script>
"""

# (the folder of this program, on boards too)
HERE = __file__.replace('\\', '/').rpartition('/')[0] or '.'

app = Microdot()
CSRF(app)
uploads = {'count': 0}


def path_of(name):
    """Return the path of a file.

    :raises HTTPException: 400: such a name could lead elsewhere.
    """
    if not 0 < len(name) <= 40 or name[0] == '.' or \
            [char for char in name if char not in ALLOWED]:
        abort(400, 'A name has letters, digits and - _ . and no more than '
                   '40 of them')
    return FOLDER + '/' + name


def free_space():
    """Return the bytes that may be written."""
    stat = os.statvfs(FOLDER)
    return max(0, stat[0] * stat[3] - RESERVE)


def remove(path):
    try:
        os.remove(path)
    except OSError:
        return False
    return True


@app.on_startup
async def prepare():
    try:
        os.mkdir(FOLDER)
    except OSError:
        pass  # it is there
    for name in os.listdir(FOLDER):
        if name.startswith('.part'):
            remove(FOLDER + '/' + name)  # power was lost while it came


@app.get('/')
async def index(request):
    return PAGE, {'Content-Type': 'text/html; charset=UTF-8'}


@app.get('/style.css')
async def style(request):
    return send_file(HERE + '/style.css', max_age=3600)


@app.get('/files')
async def list_files(request):
    return {'files': [{'name': name, 'size': os.stat(FOLDER + '/' + name)[6]}
                      for name in sorted(os.listdir(FOLDER))
                      if name[0] != '.'], 'free': free_space()}


@app.get('/files/<name>')
async def download(request, name):
    # text that a stranger has uploaded is not to run as our page
    return send_file(path_of(name), content_type='application/octet-stream')


@app.put('/files/<name>', max_content_length=MAX_SIZE, max_body_length=0)
async def upload(request, name):
    path = path_of(name)
    room = free_space()
    if request.content_length > room:
        abort(507, 'There is not enough room')
    uploads['count'] += 1
    part = '%s/.part%d' % (FOLDER, uploads['count'])
    try:
        with open(part, 'wb') as file:
            while True:
                piece = await request.stream.read(PIECE)
                if not piece:
                    break
                room -= len(piece)
                if room < 0:
                    # it did not say how much would come
                    abort(507, 'There is not enough room')
                file.write(piece)
        remove(path)  # on some file systems rename() does not replace
        os.rename(part, path)
    except OSError as exc:
        if exc.errno != 28:
            raise
        abort(507, 'There is not enough room')
    finally:
        # also when the client has left
        remove(part)
    return 201


@app.delete('/files/<name>')
async def delete(request, name):
    if not remove(path_of(name)):
        abort(404, 'There is no such file')
    return 204


def main(host='0.0.0.0', port='5000'):
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

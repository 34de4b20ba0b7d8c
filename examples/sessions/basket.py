"""A shop whose baskets are in sessions: each browser has its own.

Board: any with Wi-Fi, such as Pico W or ESP32. Wiring: none.
Flash: 43 KB. Heap: 82 KB.

Put it on a board, from the top of the repository, with the package installed
as ``docs/start/board.rst`` says, which prints its address::

    $ microdot deploy examples/sessions --wifi "NAME" --main --start

Or on a computer, with nothing installed, either of::

    PYTHONPATH=src python3 examples/sessions/basket.py
    MICROPYPATH=src:libs/micropython:.frozen micropython \
examples/sessions/basket.py

It listens on port 5000 of all addresses and keeps the key that signs the
sessions in the file ``basket.key``, so that they outlive it; append a host, a
port and a name of the file to change that. With the name of a folder after
these the baskets are kept there, and the cookie has no more than an id. Open
http://127.0.0.1:5000/ in two browsers, or use another terminal::

    $ curl -i -d add=tea http://127.0.0.1:5000/
    HTTP/1.1 302 Found
    Location: /
    Set-Cookie: session=eyJ...; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax
"""
import os
import sys

from microdot import Microdot, abort, redirect, send_file
from microdot.session import Session, with_session

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Shop</h1>
<form method="post"><table class="card">%s</table></form>
<h2>Basket</h2>
<form method="post"><table class="card">%s</table></form>
</main>
"""
ROW = """<tr><td>%s<td class="number">%d<td class="number">
<button%s name="%s" value="%s" aria-label="%s">%s</button>"""
PRICES = [('tea', 3), ('coffee', 4), ('cake', 5)]

# (the folder of this program, on boards too)
HERE = __file__.replace('\\', '/').rpartition('/')[0] or '.'

app = Microdot()
# An hour from when a basket was last looked at. What is changed is saved.
sessions = Session(app, max_age=3600, rolling=True, auto_save=True)


@app.get('/')
@with_session
async def index(request, session):
    basket = session.get('basket', {})
    names = [name for name, price in PRICES if name in basket]
    total = sum([basket[name] * price for name, price in PRICES
                 if name in basket])
    return PAGE % (
        ''.join([ROW % (name, price, '', 'add', name, 'Add ' + name, 'Add')
                 for name, price in PRICES]),
        ''.join([ROW % (name, basket[name], ' class="quiet"', 'remove', name,
                        'Remove ' + name, 'Remove') for name in names])
        + '<tr><th>Total<td class="number">%d<td class="number">' % total
        + '<button class="quiet" name="clear">Clear</button>' * bool(names)), {
            'Content-Type': 'text/html; charset=UTF-8'}


@app.get('/style.css')
async def style(request):
    return send_file(HERE + '/style.css', max_age=3600)


@app.post('/')
@with_session
async def change(request, session):
    form = request.form or {}
    basket = session.setdefault('basket', {})
    for action, step in (('add', 1), ('remove', -1)):
        name = form.get(action)
        if name is None:
            continue
        if name not in [name for name, price in PRICES]:
            abort(400, 'No such thing')
        # (a session has little room: see Session.max_cookie_size)
        basket[name] = min(max(basket.get(name, 0) + step, 0), 99)
        if not basket[name]:
            del basket[name]
    if 'clear' in form:
        session.delete()
    return redirect('/')


def load_key(path):
    """Return the key in a file, or make one that nobody else has."""
    try:
        with open(path, 'rb') as file:
            return file.read()
    except OSError:
        key = os.urandom(32)
        if hasattr(os, 'umask'):  # other users of a computer may not read it
            os.umask(0o077)
        with open(path, 'wb') as file:
            file.write(key)
        return key


@app.on_startup
def find_key():
    # (main() has it already; microdot run and others do not call that)
    sessions.secret_key = sessions.secret_key or load_key('basket.key')


def main(host='0.0.0.0', port='5000', path='basket.key', folder=None):
    sessions.secret_key = load_key(path)
    if folder:
        from microdot.stores import FolderStore
        sessions.store = FolderStore(folder)
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

"""A guest book whose page is a uTemplate, for a desktop and a board.

Board: any with Wi-Fi, such as Pico W or ESP32. Wiring: none.
Flash: 52 KB. Heap: 82 KB.

Put it on a board, from the top of the repository, with the package installed
as ``docs/start/board.rst`` says, which prints its address. The templates come
by a command of their own, before::

    $ mpremote fs cp -r examples/templates/guestbook :
    $ microdot deploy examples/templates/guests.py --wifi "NAME" --main --start

Or on a computer, either of::

    PYTHONPATH=src python3 examples/templates/guests.py
    MICROPYPATH=src:.frozen micropython examples/templates/guests.py

It listens on port 5000 of all addresses; append a host and a port to change
that. Open http://127.0.0.1:5000/ and sign, or use
another terminal::

    $ curl -d name='<i>Ada</i>' http://127.0.0.1:5000/
    $ curl http://127.0.0.1:5000/

The second prints the page, where Ada's name is a text and not in italics.
"""
import sys

from microdot import Microdot, redirect, send_file
from microdot.utemplate import Template

HERE = __file__.replace('\\', '/').rpartition('/')[0] or '.'
try:
    import utemplate  # noqa: F401
except ImportError:
    sys.path.append(HERE + '/../../libs/micropython')

HTML = {'Content-Type': 'text/html; charset=UTF-8'}
TITLE = 'Guest book'
#: Names that are kept; the oldest one goes when there are more.
MAX_GUESTS = 20

app = Microdot()
guests = []
Template.initialize(HERE + '/guestbook', autoescape=True)


@app.get('/')
async def index(request):
    # sent in pieces, so that the page is never in memory as a whole
    return Template('page.html').generate(TITLE, guests), HTML


@app.get('/style.css')
async def style(request):
    return send_file(HERE + '/style.css', max_age=3600)


@app.post('/')
async def sign(request):
    name = (request.form or {}).get('name', '').strip()
    if not 0 < len(name) <= 40:
        return Template('page.html').generate(
            TITLE, guests, error='A name has 1 to 40 characters.'), 400, HTML
    guests.insert(0, name)
    del guests[MAX_GUESTS:]
    return redirect('/', 303)


def main(host='0.0.0.0', port='5000'):
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

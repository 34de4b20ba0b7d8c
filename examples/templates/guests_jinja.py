"""A guest book whose pages are Jinja templates, one of which extends another.

With Jinja installed, from the top of the repository::

    pip install Jinja2
    PYTHONPATH=src python3 examples/templates/guests_jinja.py

It listens on port 5000 of all addresses; append a host and a port to change
that. Open http://127.0.0.1:5000/ and sign, or use another terminal::

    $ curl -d name='<i>Ada</i>' http://127.0.0.1:5000/
    $ curl http://127.0.0.1:5000/

The second prints the page, where Ada's name is a text and not in italics. A
browser also shows a message once, after it has signed.
"""
import os
import pathlib
import sys

from microdot import Microdot, redirect, send_file
from microdot.flash import flash
from microdot.jinja import Template
from microdot.session import Session

TITLE = 'Guest book'
#: Names that are kept; the oldest one goes when there are more.
MAX_GUESTS = 20

app = Microdot()
Session(app, os.urandom(32))  # for messages, which need not last
guests = []
HERE = pathlib.Path(__file__).parent
Template.initialize(HERE / 'guests_jinja')


@app.get('/')
async def index(request):
    return Template('page.html').response(request, title=TITLE, guests=guests)


@app.get('/style.css')
async def style(request):
    return send_file(HERE / 'style.css', max_age=3600)


@app.post('/')
async def sign(request):
    name = (request.form or {}).get('name', '').strip()
    if not 0 < len(name) <= 40:
        return Template('page.html').response(
            request, 400, title=TITLE, guests=guests,
            error='A name has 1 to 40 characters.')
    guests.insert(0, name)
    del guests[MAX_GUESTS:]
    flash(request, 'Thank you, %s!' % name)
    return redirect('/', 303)


def main(host='0.0.0.0', port='5000'):
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

"""A page, a greeting and JSON: the same program for a desktop and a board.

Board: any with Wi-Fi, such as Pico W or ESP32. Wiring: none.
Flash: 29 KB. Heap: 68 KB.

Put it on a board, from the top of the repository, with the package installed
as ``docs/start/board.rst`` says, which prints its address::

    $ microdot deploy examples/hello --wifi "NAME" --main --start

Or on a computer, with nothing installed, either of::

    PYTHONPATH=src python3 examples/hello/hello.py
    MICROPYPATH=src:.frozen micropython examples/hello/hello.py

It listens on port 5000 of all addresses; append a host and a port to change
that. Open http://127.0.0.1:5000/ in a browser, or use another terminal::

    $ curl http://127.0.0.1:5000/hello/Ada
    Hello, Ada!
    $ curl http://127.0.0.1:5000/add/2/3
    {"sum": 5}
"""
import sys

from microdot import Microdot

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>microdot</title>
<body style="max-width: 40rem; margin: 2rem auto; padding: 0 1rem;
             font: 1.1rem/1.6 system-ui, sans-serif;
             background: Canvas; color: CanvasText">
<main>
<h1>It works</h1>
<ul>
  <li><a href="/hello/Ada">a greeting</a></li>
  <li><a href="/add/2/3">a sum, as JSON</a></li>
</ul>
</main>
"""

app = Microdot()


@app.get('/')
async def index(request):
    return PAGE, {'Content-Type': 'text/html; charset=UTF-8'}


@app.get('/hello/<name>')
async def hello(request, name):
    return 'Hello, ' + name + '!\n'


@app.get('/add/<int:a>/<int:b>')
async def add(request, a, b):
    return {'sum': a + b}


def main(host='0.0.0.0', port='5000'):
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

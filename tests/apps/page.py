"""A page with six assets, on a server for few connections.

Run with ``PORT`` as argument.
"""

import sys

from microdot import Microdot, send_file

#: A large one.
FILE = __file__.rsplit('/', 3)[0] + '/src/microdot/microdot.py'

QUIET = {} if sys.implementation.name == 'micropython' else {'banner': False}

app = Microdot()
app.max_connections = 4
app.sweep_interval = 0.1

ASSETS = ('style.css', 'app.js', 'logo.png', 'photo.jpg', 'font.bin',
          'data.json')


@app.get('/')
async def page(request):
    return '<html>%s</html>' % ' '.join(ASSETS), {'Content-Type': 'text/html'}


class Pieces:
    def __init__(self, text, left):
        self.text = text
        self.left = left

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return self.text


@app.get('/<name>')
async def asset(request, name):
    if name == 'counters':
        return app.counters
    index = ASSETS.index(name)
    if index == 1:
        return Pieces(name * 50, 40)
    if index % 2:
        return send_file(FILE)
    return name * (100 + 500 * index)


if __name__ == '__main__':
    app.run('127.0.0.1', int(sys.argv[1]), **QUIET)

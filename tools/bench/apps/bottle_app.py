"""Bottle on waitress. Usage: ``bottle_app.py PORT``."""
import sys

from bottle import Bottle, request, response, run, static_file

from settings import DATA, FILE, PARAM, PIECE, PIECES, STATIC, TEXT

app = Bottle()


@app.get('/')
def text():
    response.content_type = 'text/plain'
    return TEXT


@app.get('/json')
def json():
    return DATA


@app.post('/echo')
def echo():
    return request.json


@app.post('/length')
def length():
    return str(len(request.body.read()))


@app.get('/file')
def file():
    folder, _, name = FILE.rpartition('/')
    return static_file(name, folder, mimetype='application/octet-stream')


@app.get('/stream')
def stream():
    response.content_type = 'text/plain'
    for _ in range(PIECES):
        yield PIECE


def add_routes(number):
    if number < STATIC:
        @app.get('/static%d' % number)
        def static():
            return str(number)

    if number < PARAM:
        @app.get('/param%d/<value:int>' % number)
        def param(value):
            return str(value)


for number in range(max(STATIC, PARAM)):
    add_routes(number)

if __name__ == '__main__':
    run(app, server='waitress', host='127.0.0.1', port=int(sys.argv[1]),
        quiet=True)

"""Flask, for gunicorn."""
from flask import Flask, Response, jsonify, request, send_file

from settings import DATA, FILE, PARAM, PIECE, PIECES, STATIC, TEXT

app = Flask('bench', static_folder=None)


@app.get('/')
def text():
    return TEXT, {'Content-Type': 'text/plain'}


@app.get('/json')
def json():
    return jsonify(DATA)


@app.post('/echo')
def echo():
    return jsonify(request.get_json())


@app.post('/length')
def length():
    return str(len(request.get_data()))


@app.get('/file')
def file():
    return send_file(FILE, mimetype='application/octet-stream')


@app.get('/stream')
def stream():
    return Response((PIECE for _ in range(PIECES)), mimetype='text/plain')


def add_routes(number):
    if number < STATIC:
        app.add_url_rule('/static%d' % number, 'static%d' % number,
                         lambda: str(number))
    if number < PARAM:
        app.add_url_rule('/param%d/<int:value>' % number, 'param%d' % number,
                         lambda value: str(value))


for number in range(max(STATIC, PARAM)):
    add_routes(number)

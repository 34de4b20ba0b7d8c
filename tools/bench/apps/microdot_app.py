"""This project and Microdot 2.7, which have the same interface.

Usage: ``microdot_app.py PORT [asyncio]``; ``microdot_app:app`` for ASGI.
"""
import asyncio
import os
import sys

from microdot import Microdot, Request, send_file
from settings import DATA, FILE, PARAM, PIECE, PIECES, STATIC, TEXT

if os.environ.get('BENCH_ASGI'):
    from microdot.asgi import Microdot  # noqa: F811

app = Microdot()


@app.get('/')
async def text(request):
    return TEXT


@app.get('/json')
async def json(request):
    return DATA


@app.post('/echo')
async def echo(request):
    return request.json


@app.post('/length')
async def length(request):
    return str(len(request.body))


@app.get('/file')
async def file(request):
    return send_file(FILE, content_type='application/octet-stream')


@app.get('/stream')
async def stream(request):
    async def pieces():
        for _ in range(PIECES):
            yield PIECE
    return pieces()


def add_routes(number):
    if number < STATIC:
        @app.get('/static%d' % number)
        async def static(request):
            return str(number)

    if number < PARAM:
        @app.get('/param%d/<int:value>' % number)
        async def param(request, value):
            return str(value)


for number in range(max(STATIC, PARAM)):
    add_routes(number)

if os.environ.get('BENCH_LARGE'):
    # for the measurements of growth, which go beyond the defaults
    Request.max_content_length = Request.max_body_length = 2 * 1024 * 1024
    if hasattr(Request, 'max_headers'):
        Request.max_headers = 1000
        Request.max_header_size = 64 * 1024
        app.max_connections = 10000
        app.keep_alive_timeout = app.head_timeout = 3600

if __name__ == '__main__':
    if 'asyncio' in sys.argv:
        # app.run() takes uvloop where that is installed
        asyncio.run(app.start_server('127.0.0.1', int(sys.argv[1])))
    else:
        app.run('127.0.0.1', int(sys.argv[1]))

"""Sanic with its own server. Usage: ``sanic_app.py PORT``."""
import sys

from sanic import Sanic, response

from settings import DATA, FILE, PARAM, PIECE, PIECES, STATIC, TEXT

app = Sanic('bench', configure_logging=False)


@app.get('/')
async def text(request):
    return response.text(TEXT)


@app.get('/json')
async def json(request):
    return response.json(DATA)


@app.post('/echo')
async def echo(request):
    return response.json(request.json)


@app.post('/length')
async def length(request):
    return response.text(str(len(request.body)))


@app.get('/file')
async def file(request):
    return await response.file(FILE, mime_type='application/octet-stream')


@app.get('/stream')
async def stream(request):
    answer = await request.respond(content_type='text/plain')
    for _ in range(PIECES):
        await answer.send(PIECE)
    await answer.eof()


def add_routes(number):
    if number < STATIC:
        async def static(request):
            return response.text(str(number))
        app.add_route(static, '/static%d' % number, name='static%d' % number)

    if number < PARAM:
        async def param(request, value):
            return response.text(str(value))
        app.add_route(param, '/param%d/<value:int>' % number,
                      name='param%d' % number)


for number in range(max(STATIC, PARAM)):
    add_routes(number)

if __name__ == '__main__':
    app.run('127.0.0.1', int(sys.argv[1]), access_log=False, motd=False,
            single_process=True)

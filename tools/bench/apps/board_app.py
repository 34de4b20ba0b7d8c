"""The server of the measurements on MicroPython, for this project and for
Microdot 2.7. Run as ``import board_app; board_app.main(port)``."""
import gc

from microdot import Microdot

app = Microdot()


@app.get('/')
async def text(request):
    return 'Hello, world!'


@app.get('/json')
async def json(request):
    return {'message': 'Hello, world!'}


@app.get('/param/<int:value>')
async def param(request, value):
    return str(value)


@app.post('/echo')
async def echo(request):
    return request.json


@app.get('/heap')
async def heap(request):
    # bytes in use, with the garbage
    return str(gc.mem_alloc())


@app.get('/live')
async def live(request):
    gc.collect()
    return str(gc.mem_alloc())


def main(port, collect=True):
    if not collect:
        gc.disable()
    app.max_connections = 40
    app.run('127.0.0.1', port)

"""A greeting, a stream and an echo over WebSocket, on a server for ASGI.

From the top of the repository, with one of the servers installed, one of::

    PYTHONPATH=src:examples/asgi uvicorn --port 5000 hello_asgi:app
    PYTHONPATH=src:examples/asgi hypercorn --bind 127.0.0.1:5000 hello_asgi:app
    PYTHONPATH=src:examples/asgi granian --interface asgi --port 5000 hello_asgi:app
    PYTHONPATH=src:examples/asgi daphne --port 5000 hello_asgi:app

Then, in another terminal::

    $ curl http://127.0.0.1:5000/hello/Ada
    Hello, Ada!
    $ curl http://127.0.0.1:5000/count
    1 2 3
    $ curl http://127.0.0.1:5000/started
    yes

``python3 examples/asgi/hello_asgi.py`` serves the same with the built-in
server.
"""  # noqa: E501
import asyncio

from microdot.asgi import Microdot, with_websocket

app = Microdot()
app.started = 'no'


@app.on_startup
async def start():
    # where a program would connect to its database
    app.started = 'yes'


@app.get('/hello/<name>')
async def hello(request, name):
    return 'Hello, ' + name + '!\n'


@app.get('/count')
async def count(request):
    async def numbers():
        for number in '1 ', '2 ', '3\n':
            yield number
            await asyncio.sleep(0.1)

    return numbers()


@app.get('/started')
async def started(request):
    return app.started + '\n'


@app.get('/echo')
@with_websocket
async def echo(request, ws):
    async for message in ws:
        await ws.send(message)


if __name__ == '__main__':
    app.run('127.0.0.1', 5000, debug=True)

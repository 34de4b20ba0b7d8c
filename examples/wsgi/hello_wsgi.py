"""A greeting, a stream and an upload, on a server for WSGI.

From the top of the repository, with one of the servers installed, one of::

    PYTHONPATH=src:examples/wsgi gunicorn --bind 127.0.0.1:5000 --threads 8 hello_wsgi:app
    PYTHONPATH=src:examples/wsgi waitress-serve --listen 127.0.0.1:5000 hello_wsgi:app

Then, in another terminal::

    $ curl http://127.0.0.1:5000/hello/Ada
    Hello, Ada!
    $ curl http://127.0.0.1:5000/count
    1 2 3
    $ curl http://127.0.0.1:5000/started
    yes

``python3 examples/wsgi/hello_wsgi.py`` serves the same with the built-in
server.
"""  # noqa: E501
import asyncio

from microdot.wsgi import Microdot

app = Microdot()
app.started = 'no'


@app.on_startup
async def start():
    # where a program would connect to its database
    app.started = 'yes'


@app.get('/hello/<name>')
def hello(request, name):
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


@app.post('/upload', max_content_length=1024 * 1024 * 1024)
async def upload(request):
    size = 0
    async for piece in request.stream:
        size += len(piece)
    return '%d bytes\n' % size


if __name__ == '__main__':
    app.run('127.0.0.1', 5000, debug=True)

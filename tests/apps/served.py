"""The application that the end-to-end tests serve on every interpreter.

Run with ``PORT [TLS-CERTIFICATE TLS-KEY]`` as arguments; the files are PEM on
CPython and DER on MicroPython. With ``again`` as the last argument it serves
a second time after Ctrl-C.
"""
import asyncio
import gc
import sys
from binascii import crc32

try:
    from microdot import Microdot
except ImportError:  # the core alone, beside this file
    from microdot.microdot import Microdot

# What is printed is compared with what each interpreter prints.
# The core alone, and a board's, print no banner.
QUIET = {'banner': False} if 'banner' in getattr(getattr(
    Microdot.run, '__code__', None), 'co_varnames', ()) else {}

app = Microdot()
app.sweep_interval = 0.1
app.slow = 0
app.runs = 0


@app.get('/')
async def index(request):
    return 'hello'


@app.get('/sync')
def sync(request):
    return 'sync'


@app.post('/small')
async def small(request):
    return '%d bytes' % len(request.body)


@app.post('/upload', max_content_length=2 * 1024 * 1024)
async def upload(request):
    size = check = 0
    while True:
        piece = await request.stream.read(1024)
        if not piece:
            return {'size': size, 'crc32': check}
        size += len(piece)
        check = crc32(piece, check)


class Numbered:
    """A body of pieces that begin with their number."""

    def __init__(self, count):
        self.count = count
        self.number = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.number == self.count:
            raise StopAsyncIteration
        self.number += 1
        return b'%07d\n' % (self.number - 1) + b'.' * 1016


@app.get('/download/<int:count>')
async def download(request, count):
    return Numbered(count)


@app.get('/slow/<float:seconds>')
async def slow(request, seconds):
    app.slow += 1
    await asyncio.sleep(seconds)
    return 'slow'


@app.get('/until-the-end')
async def until_the_end(request):
    server = app.servers[0]
    app.slow += 1
    while not server.closing:
        await asyncio.sleep(0.01)
    return 'slow'


class Waiting:
    begun = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.begun:
            await asyncio.sleep(60)
        self.begun = True
        return 'first'


@app.get('/stream')
async def stream(request):
    return Waiting()


@app.get('/state')
async def state(request):
    return {'open': app.counters['open'], 'streams': app.streams,
            'slow': app.slow, 'runs': app.runs, 'scheme': request.scheme}


@app.get('/shutdown')
async def shutdown(request):
    app.shutdown()
    return 'bye'


@app.on_startup
async def count_run():
    app.runs += 1


def tls_context(certificate, key):
    if sys.implementation.name == 'micropython':
        import tls  # what ssl is made of; not every build has that
        context = tls.SSLContext(tls.PROTOCOL_TLS_SERVER)
        files = []
        for name in (certificate, key):
            with open(name, 'rb') as file:
                files.append(file.read())
        context.load_cert_chain(*files)
    else:
        import ssl
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    return context


def main(port, *options):
    if hasattr(gc, 'threshold'):
        # what docs/start/board.rst advises where the heap is small
        gc.collect()
        gc.threshold(4096)
    context = None
    if len(options) == 2:
        context = tls_context(*options)
    again = options[-1:] == ('again',)
    app.keep_alive_timeout = 1 if again else 5
    try:
        app.run('127.0.0.1', int(port), ssl=context, **QUIET)
    except KeyboardInterrupt:
        print('interrupted')
        if not again:
            raise
        app.run('127.0.0.1', int(port), ssl=context, **QUIET)
    print('ended')


if __name__ == '__main__':
    main(*sys.argv[1:])

"""What ``tools/hostile/soak.py`` and ``tools/hostile/clients.py`` talk to;
runs on both interpreters.

Run with ``PORT EVERY``: after so many steps of its sockets one of them fails,
each time in another way, and sometimes accepting or making a task. 0: none.
"""

import asyncio
import gc
import sys

import faults
from microdot import Microdot
from microdot import microdot as core

app = Microdot()
app.sweep_interval = 0.1
app.head_timeout = 1
app.keep_alive_timeout = 1
app.stall_timeout = 2
app.drain_timeout = 0.1
# The same on all interpreters, as the talks expect.
app.max_connections = 8 if sys.implementation.name == 'micropython' else 1000
core.Request.max_content_length = core.Request.max_body_length = 16 * 1024
app.tasks = 0
app.errors = 0
app.closed = 0


class Fault:
    """Fails each time when so many steps have been taken."""

    def __init__(self, every):
        self.place = None
        self.every = every
        self.steps = self.count = 0

    def at(self, place):
        self.steps += 1
        if self.steps < self.every:
            return
        self.steps = 0
        self.count += 1
        if self.count % 16 == 0:
            app.no_task = True
        number = faults.ERRNOS[self.count % len(faults.ERRNOS)]
        raise OSError(number, 'of a socket')


class Counting:
    """The module ``asyncio``, but it counts tasks, and may fail to make
    one."""

    def __getattr__(self, name):
        return getattr(asyncio, name)

    def create_task(self, coro):
        if app.no_task:
            app.no_task = False
            coro.close()
            raise MemoryError('on purpose')
        return asyncio.create_task(self._counted(coro))

    async def _counted(self, coro):
        app.tasks += 1
        try:
            return await coro
        finally:
            app.tasks -= 1


app.no_task = False


@app.get('/')
async def index(request):
    return 'hello'


@app.post('/upload')
async def upload(request):
    size = 0
    while True:
        piece = await request.stream.read(512)
        if not piece:
            return str(size)
        size += len(piece)


@app.post('/ignore')
async def ignore(request):
    return 'ignored'


app.get('/sync')(lambda request: 'sync')


class Pieces:
    def __init__(self, left):
        self.left = left

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        await asyncio.sleep(0)
        return b'0123456789' * 20

    async def aclose(self):
        app.closed += 1


@app.get('/pieces/<int:count>')
async def pieces(request, count):
    return Pieces(count)


@app.get('/forever')
async def forever(request):
    return Pieces(-1)


@app.get('/fail')
async def fail(request):
    raise ValueError('on purpose')


@app.get('/state')
async def state(request):
    gc.collect()
    gc.collect()
    if hasattr(gc, 'mem_alloc'):
        heap = gc.mem_alloc()
        tasks = app.tasks
    else:
        heap = sys.getallocatedblocks()
        tasks = len(asyncio.all_tasks())
    return {'open': app.counters['open'], 'listed': len(app.connections),
            'streams': app.streams, 'tasks': tasks, 'heap': heap,
            'requests': app.counters['requests'], 'errors': app.errors,
            'accepted': app.counters['accepted'],
            'refused': app.counters['refused'], 'closed': app.closed,
            'failures': fault.count, 'timed out': app.counters['timed_out']}


def log_exception(req, exc):
    if exc.args != ('on purpose',):  # by the thousand
        core.Microdot.log_exception(app, req, exc)
    app.errors += 1


app.log_exception = log_exception
fault = Fault(0)


def main(port, every):
    fault.every = int(every)
    if fault.every:
        faults.fault = fault
        faults.install()
    if faults.BOARD:
        core.asyncio = Counting()
    gc.collect()
    if hasattr(gc, 'threshold') and faults.BOARD:
        gc.threshold(16384)
    # only CPython has a banner
    app.run('127.0.0.1', int(port), **(
        {} if sys.implementation.name == 'micropython'
        else {'banner': False}))


if __name__ == '__main__':
    main(*sys.argv[1:])

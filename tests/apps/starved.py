"""An application that can be left without memory; runs on boards only.

Run with ``PORT`` as argument. ``/starve/LEFT`` answers, then takes all of the
heap but for about that many bytes in one piece, and pieces that are of use to
the event loop alone, which cannot do without. A moment later it lets go.
"""
import asyncio
import gc
import sys

from microdot import Microdot

app = Microdot()
app.starved = False
app.left = 0


def take(left):
    """Return what keeps the heap full."""
    spare = bytearray(left)
    small = [float(number) for number in range(200)]
    gc.collect()
    taken = [small[::2]]
    size = 16384
    while size >= 32:
        try:
            while True:
                taken = [taken, bytearray(size)]
        except MemoryError:
            size //= 2
    # leaves holes that nothing larger fits in
    del small, spare
    return taken


async def starve():
    while True:
        await app.wanted.wait()
        app.wanted.clear()
        await asyncio.sleep_ms(5)  # the answer goes first
        gc.collect()
        taken = take(app.left)
        await asyncio.sleep_ms(100)
        taken = None
        gc.collect()
        app.starved = bool(taken)


@app.get('/')
async def index(request):
    return 'hello'


class Pieces:
    def __init__(self):
        self.left = 5

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        await asyncio.sleep(0)
        return b'.' * 100


@app.get('/stream')
async def stream(request):
    return Pieces()


@app.post('/body')
async def body(request):
    return {'size': len(request.body)}


@app.get('/large')
async def large(request):
    return b'.' * 3000


@app.get('/greedy')
async def greedy(request):
    return bytearray(1 << 30)


@app.get('/starve/<int:left>')
async def begin(request, left):
    app.left = left
    app.starved = True
    app.wanted.set()
    return 'soon'


@app.get('/state')
async def state(request):
    gc.collect()
    return {'starved': app.starved, 'streams': app.streams,
            'listed': len(app.connections), 'open': app.counters['open'],
            'free': gc.mem_free()}


async def main():
    app.wanted = asyncio.Event()
    app.task = asyncio.create_task(starve())
    await app.start_server('127.0.0.1', int(sys.argv[1]))


if __name__ == '__main__':
    asyncio.run(main())

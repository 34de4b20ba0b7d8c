"""The server that ``attacks.py`` attacks; runs on both interpreters.

Run with ``PORT CONNECTIONS`` as arguments. It prints a line of numbers every
few milliseconds: the bytes of its heap that are in use, the most since the
line before (CPython), and its connections, requests, time-outs and pieces.
"""
import asyncio
import gc
import sys

from microdot import Microdot

app = Microdot()
app.max_connections = int(sys.argv[2])
app.sweep_interval = 0.05
app.produced = 0

# Of the streams. On a board a piece is as large as one of a file.
PIECE = b'x' * (16384 if hasattr(sys, 'getsizeof') else 1024)
LARGEST = 100000000


@app.route('/', methods=['GET', 'POST'])
async def index(request):
    return 'hello'


class Flood:
    """A body without an end."""

    def __aiter__(self):
        return self

    async def __anext__(self):
        app.produced += 1
        return PIECE


@app.get('/flood')
async def flood(request):
    return Flood()


@app.post('/hold', max_content_length=LARGEST)
async def hold(request):
    # takes a byte of the upload, and no more for a while
    await request.stream.read(1)
    await asyncio.sleep(1)


if hasattr(gc, 'mem_alloc'):
    def measure():
        gc.collect()
        held = gc.mem_alloc()
        return held, held
else:
    import tracemalloc

    def measure():
        gc.collect()
        held, peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        return held, peak

    tracemalloc.start()


async def sample():
    while True:
        await asyncio.sleep(0.02)
        held, peak = measure()
        print(held, peak, app.counters['open'], app.counters['requests'],
              app.counters['timed_out'], app.produced)
        if hasattr(sys.stdout, 'flush'):
            sys.stdout.flush()


async def main():
    sampling = asyncio.create_task(sample())
    await app.start_server('127.0.0.1', int(sys.argv[1]))
    sampling.cancel()


asyncio.run(main())

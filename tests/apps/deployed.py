"""What the deployments of tests run: it counts, and tells who listens."""

import asyncio
import os

from microdot import Microdot
from microdot.pubsub import Hub, RedisHub
from microdot.sse import with_sse
from microdot.websocket import with_websocket

app = Microdot()
#: Streams that are still open at the end of a worker are cut soon.
app.shutdown_timeout = 1
url = os.getenv('REDIS_URL')
if url:
    hub = RedisHub(url, queue=2000, history=2000)
    app.on_startup(hub.connect)
    app.on_shutdown(hub.close)
else:
    hub = Hub(queue=2000, history=2000)


async def listen():
    # The topic is followed from the start, so that who comes gets what is
    # said a moment later.
    async with hub.subscribe('news') as messages:
        async for _ in messages:
            pass


@app.on_startup
async def begin():
    app.g.task = asyncio.create_task(listen())


@app.on_shutdown
async def end():
    app.g.task.cancel()


@app.get('/')
async def index(request):
    return {'pid': os.getpid(), 'client': request.client_addr[0],
            'secure': request.scheme == 'https'}


@app.post('/say')
async def say(request):
    hub.publish('news', request.body.decode())
    return 'said'


@app.get('/count')
async def count(request):
    return str(hub.count('news'))


@app.get('/events')
@with_sse
async def events(request, sse):
    # (so that a page knows when it listens)
    await sse.send(str(os.getpid()), event='pid')
    await hub.forward(sse, 'news')


@app.get('/socket')
@with_websocket
async def socket(request, ws):
    await ws.send(str(os.getpid()))
    await hub.forward(ws, 'news')

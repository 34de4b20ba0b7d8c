"""The WebSockets that real clients open on every interpreter.

Run with ``PORT`` as argument, as ``served.py``.
"""
import asyncio
import sys

from microdot import Microdot
from microdot.websocket import WebSocket, WebSocketError, with_websocket

# What is printed is compared with what each interpreter prints.
# The core alone, and a board's, print no banner.
QUIET = {'banner': False} if 'banner' in getattr(getattr(
    Microdot.run, '__code__', None), 'co_varnames', ()) else {}

app = Microdot()
app.max_connections = 20  # several clients come at a time
WebSocket.max_message_length = 16 * 1024
app.sweep_interval = 0.1
app.stall_timeout = 0.3
app.ended = 0
app.last = None


@app.get('/')
@with_websocket(protocols=['b', 'a'])
async def echo(request, ws):
    async for message in ws:
        await ws.send(message)
    app.last = [ws.close_code, ws.close_reason]


@app.get('/compressed')
@with_websocket(compress=True)
async def compressed(request, ws):
    async for message in ws:
        await ws.send(message)


@app.get('/close/<int:code>')
@with_websocket
async def close(request, ws, code):
    await ws.close(code, 'b\xe4rg')


@app.get('/fail')
@with_websocket
async def fail(request, ws):
    raise WebSocketError('not to be logged')


@app.get('/busy')
@with_websocket
async def busy(request, ws):
    await ws.send('busy')
    try:
        await asyncio.sleep(60)
    finally:
        app.ended += 1


@app.get('/state')
async def state(request):
    return {'streams': app.streams, 'ended': app.ended, 'last': app.last}


if __name__ == '__main__':
    app.run('127.0.0.1', int(sys.argv[1]), **QUIET)

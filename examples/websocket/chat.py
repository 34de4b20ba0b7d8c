"""A chat over WebSocket: rooms, who is there, and what was said before. The
same program for a board, a laptop, and several instances behind a proxy.

From the top of the repository, with nothing installed, either of::

    PYTHONPATH=src python3 examples/websocket/chat.py
    MICROPYPATH=src:.frozen micropython examples/websocket/chat.py

It listens on port 5000 of all addresses; append a host and a port to change
that. Open http://127.0.0.1:5000/ in two windows of a browser, and write.
Append ``#garden`` to the address for another room.

On CPython instances that are given the same Redis, as in
``REDIS_URL=redis://localhost``, are one chat.
"""
import asyncio
import os
import sys

from microdot import Microdot
from microdot.pubsub import Hub
from microdot.websocket import WebSocket, WebSocketError, with_websocket

PAGE = """<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>chat</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem;
       margin: 1rem auto; padding: 0 1rem; }
form { display: flex; gap: .5rem; flex-wrap: wrap; }
input { font: inherit; min-width: 5rem; }
#text { flex: 1; }
</style>
<h1>Chat</h1>
<p>There are <b id="count">0</b> of us in <b id="room"></b>.
  <span id="state"></span></p>
<ul id="lines"></ul>
<form>
  <input id="name" value="somebody" size="10" aria-label="Name">
  <input id="text" size="30" autofocus aria-label="Text">
  <button>Say</button>
</form>
<script>
const byId = id => document.getElementById(id);
const room = location.hash.slice(1) || 'hall';
let ws;

function connect() {
  const base = location.href.split('#')[0].replace(/^http/, 'ws');
  ws = new WebSocket(base + 'chat/' + encodeURIComponent(room));
  ws.onopen = () => {
    byId('state').textContent = '';
    byId('lines').textContent = '';  // what was said comes again
  };
  ws.onmessage = event => {
    const message = JSON.parse(event.data);
    if ('count' in message)
      byId('count').textContent = message.count;
    if (message.text) {
      const line = document.createElement('li');
      line.textContent = message.name + ': ' + message.text;
      byId('lines').append(line);
    }
  };
  ws.onclose = () => {
    byId('state').textContent = 'Connecting...';
    setTimeout(connect, 1000);
  };
}

byId('room').textContent = room;
window.onhashchange = () => location.reload();
document.querySelector('form').onsubmit = event => {
  event.preventDefault();
  ws.send(JSON.stringify(
    {name: byId('name').value, text: byId('text').value}));
  byId('text').value = '';
};
connect();
</script>
"""

app = Microdot()
WebSocket.max_message_length = 1000

REDIS_URL = os.getenv('REDIS_URL') if hasattr(os, 'getenv') else None
if REDIS_URL:
    from microdot.pubsub import RedisHub
    hub = RedisHub(REDIS_URL, queue=20, history=20)
    app.on_startup(hub.connect)
    app.on_shutdown(hub.close)
else:
    hub = Hub(queue=20, history=20)


@app.get('/')
async def index(request):
    return PAGE, {'Content-Type': 'text/html; charset=UTF-8'}


async def tell_count(ws, topic):
    """Tell a member how many there are, whenever that changes."""
    told = 0
    while not ws.closed:
        count = hub.count(topic)
        if count != told:
            told = count
            await ws.send_json({'count': count})
        await asyncio.sleep(0.2)


async def until_closed(coro):
    """Await what sends to a member, until that has left."""
    try:
        await coro
    except WebSocketError:
        pass  # as its handler knows


@app.get('/chat/<room>')
@with_websocket(origins=['self'])
async def chat(request, ws, room):
    if '*' in room or len(room) > 30:
        return
    topic = 'room/' + room
    # who is slow misses what is oldest, and holds up nobody
    tasks = [asyncio.create_task(until_closed(each)) for each in (
        hub.forward(ws, topic, after=''), tell_count(ws, topic))]
    try:
        while True:
            message = await ws.receive_json()
            if isinstance(message, dict):
                hub.publish(topic, {'name': str(message.get('name')),
                                    'text': str(message.get('text'))})
    finally:
        for task in tasks:
            task.cancel()


def main(host='0.0.0.0', port='5000'):
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

"""A chat: rooms, who is in them, and what was said before. The same program
for a board, a laptop, and several instances behind a proxy.

Board: any with Wi-Fi, such as Pico W or ESP32. Wiring: none.
Flash: 49 KB. Heap: 102 KB.

Put it on a board, from the top of the repository, with the package installed
as ``docs/start/board.rst`` says, which prints its address::

    $ microdot deploy examples/chat --wifi "NAME" --main --start

Or on a computer, with nothing installed, either of::

    PYTHONPATH=src python3 examples/chat/chat.py
    MICROPYPATH=src:.frozen micropython examples/chat/chat.py

It listens on port 5000 of all addresses; append a host and a port to change
that. Open http://127.0.0.1:5000/ in two windows of a browser, and write. From
a terminal one can speak and listen, too::

    $ curl --json '{"name": "Eve", "text": "hi"}' localhost:5000/rooms/hall
    {"heard_by": 2}
    $ curl localhost:5000/rooms/hall/events

``PYTHONPATH=src python3 -m microdot run --workers 2 examples/chat/chat.py``
is one chat as well, and so are instances that have the same Redis, as in
``REDIS_URL=redis://localhost``.
"""
import asyncio
import os
import sys
import time
from binascii import hexlify

from microdot import Microdot, abort, send_file
from microdot.pubsub import Hub
from microdot.schedule import every
from microdot.sse import with_sse
from microdot.websocket import WebSocket, WebSocketError, with_websocket

MAX_NAME = 20    # characters
MAX_ROOM = 20
MAX_TEXT = 400
MAX_SHOWN = 50   # names of a room that one process tells

FOLDER = __file__.rpartition('/')[0] or '.'
REDIS_URL = os.getenv('REDIS_URL') if hasattr(os, 'getenv') else None

app = Microdot()
# (boards take few unless told otherwise; each costs one about 2 KB of heap)
app.max_connections = max(app.max_connections, 10)
WebSocket.max_message_length = 2000

if REDIS_URL:
    from microdot.pubsub import RedisHub
    talk = RedisHub(REDIS_URL, queue=20, history=20, prefix='chat:')
    presence = RedisHub(REDIS_URL, queue=20, history=1, prefix='present:')
    presence.history_seconds = 90  # each process tells it more often
    for hub in talk, presence:
        app.on_startup(hub.connect)
        app.on_shutdown(hub.close)
else:
    # who is slow misses what is oldest, and holds up nobody
    talk = Hub(queue=20, history=20)
    presence = Hub(queue=20, history=1)

# Who is in the rooms of this process: names, by handler. All processes tell
# that, each under a topic of its own, whose last message is kept.
rooms = {}
ME = hexlify(os.urandom(4)).decode()


def announce(room):
    names = sorted(rooms.get(room, {}).values())
    presence.publish('%s/%s' % (room, ME), {
        'process': ME, 'at': int(time.time()), 'count': len(names),
        'names': names[:MAX_SHOWN]})


@every(app, 20)
async def announce_all():
    # (a process that is killed does not tell: pages forget it after a while)
    for room in list(rooms):
        announce(room)


@app.before_request
async def check_room(request):
    room = request.url_args.get('room', '')
    if len(room) > MAX_ROOM or '*' in room or '/' in room:
        abort(404, 'There is no such room.')


def say(room, name, text):
    """Say something, if it is anything; return whether it is."""
    name, text = str(name).strip()[:MAX_NAME], str(text).strip()
    if not name or not 0 < len(text) <= MAX_TEXT:
        return False
    talk.publish(room, {'name': name, 'text': text})
    return True


@app.get('/')
async def index(request):
    return send_file(FOLDER + '/chat.html')


@app.post('/rooms/<room>')
async def post(request, room):
    message = request.get_json()
    if not isinstance(message, dict) or not say(
            room, message.get('name', ''), message.get('text', '')):
        abort(400, 'name and text are missing, or too long')
    return {'heard_by': talk.count(room)}


@app.get('/rooms/<room>/events')
@with_sse
async def events(request, sse, room):
    await talk.forward(sse, room)


async def until_closed(coro):
    """Await what sends to somebody, until that one has left."""
    try:
        await coro
    except WebSocketError:
        pass  # as its handler knows


@app.get('/rooms/<room>/socket')
@with_websocket(origins=['self'])
async def socket(request, ws, room):
    tasks = [asyncio.create_task(until_closed(each)) for each in (
        talk.forward(ws, room, after=''),
        presence.forward(ws, room + '/*', after=''))]
    key = id(ws)
    name = ''
    try:
        while True:
            message = await ws.receive_json()
            if not isinstance(message, dict):
                continue
            name = str(message.get('name', name)).strip()[:MAX_NAME]
            if name and rooms.get(room, {}).get(key) != name:
                rooms.setdefault(room, {})[key] = name
                announce(room)
            say(room, name, message.get('text', ''))
    finally:
        for task in tasks:
            task.cancel()
        if rooms.get(room, {}).pop(key, None) is not None:
            announce(room)
            if not rooms[room]:
                del rooms[room]


def main(host='0.0.0.0', port='5000'):
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

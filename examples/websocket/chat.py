"""A chat over WebSocket: the same program for a desktop and a board.

From the top of the repository, with nothing installed, either of::

    PYTHONPATH=src python3 examples/websocket/chat.py
    MICROPYPATH=src:.frozen micropython examples/websocket/chat.py

It listens on port 5000 of all addresses; append a host and a port to change
that. Open http://127.0.0.1:5000/ in two windows of a browser, and write.
"""
import asyncio
import sys

from microdot import Microdot
from microdot.websocket import WebSocket, WebSocketError, with_websocket

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>chat</title>
<h1>Chat</h1>
<p>There are <b id="count">0</b> of us. <span id="state"></span></p>
<ul id="lines"></ul>
<form>
  <input id="name" value="somebody" size="10">
  <input id="text" size="40" autofocus>
  <button>Say</button>
</form>
<script>
const byId = id => document.getElementById(id);
let ws;

function connect() {
  ws = new WebSocket(location.href.replace(/^http/, 'ws') + 'chat');
  ws.onopen = () => byId('state').textContent = '';
  ws.onmessage = event => {
    const message = JSON.parse(event.data);
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
members = []
WebSocket.max_message_length = 1000


class Member:
    """One of those who are here. What it is told waits until it can be sent,
    so that nobody has to wait for anybody with a slow connection."""
    most = 20

    def __init__(self, ws):
        self.ws = ws
        self.messages = []
        self.event = asyncio.Event()

    def tell(self, message):
        # who does not keep up misses what is oldest
        self.messages = self.messages[1 - self.most:] + [message]
        self.event.set()

    async def send(self):
        try:
            while True:
                await self.event.wait()
                self.event.clear()
                messages, self.messages = self.messages, []
                for message in messages:
                    await self.ws.send_json(message)
        except WebSocketError:
            pass  # it has left, as its handler knows


def tell_all(name='', text=''):
    for member in members:
        member.tell({'name': name, 'text': text, 'count': len(members)})


@app.get('/')
async def index(request):
    return PAGE, {'Content-Type': 'text/html; charset=UTF-8'}


@app.get('/chat')
@with_websocket(origins=['self'])
async def chat(request, ws):
    member = Member(ws)
    members.append(member)
    sending = asyncio.create_task(member.send())
    try:
        tell_all()
        while True:
            message = await ws.receive_json()
            if isinstance(message, dict):
                tell_all(str(message.get('name')), str(message.get('text')))
    finally:
        sending.cancel()
        members.remove(member)
        tell_all()


def main(host='0.0.0.0', port='5000'):
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

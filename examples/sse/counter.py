"""A live counter over server-sent events: the same program for a desktop and
a board.

Board: any with Wi-Fi, such as Pico W or ESP32. Wiring: none.
Flash: 33 KB. Heap: 78 KB.

Put it on a board, from the top of the repository, with the package installed
as ``docs/start/board.rst`` says, which prints its address::

    $ microdot deploy examples/sse --wifi "NAME" --main --start

Or on a computer, with nothing installed, either of::

    PYTHONPATH=src python3 examples/sse/counter.py
    MICROPYPATH=src:.frozen micropython examples/sse/counter.py

It listens on port 5000 of all addresses; append a host and a port to change
that. Open http://127.0.0.1:5000/ in a browser, or use another terminal::

    $ curl http://127.0.0.1:5000/count/3
    id: 1
    data: 1

    id: 2
    data: 2

    event: done
    id: 3
    data: 3
"""
import asyncio
import sys

from microdot import Microdot, send_file
from microdot.sse import with_sse

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Counter</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Counter</h1>
<div class="card">
  <p class="big" id="count">&hellip;</p>
  <p class="faint" id="state" role="status">connecting&hellip;</p>
</div>
<button>Stop</button>
</main>
<script>
const byId = id => document.getElementById(id);
// If the connection breaks, the browser connects again, and says which number
// it has got last.
const events = new EventSource('/count');
events.onmessage = event => byId('count').textContent = event.data;
events.onopen = () => byId('state').textContent = 'counting';
events.onerror = () => byId('state').textContent = 'connecting...';
document.querySelector('button').onclick = () => {
  events.close();
  byId('state').textContent = 'stopped';
};
</script>
"""

app = Microdot()
listeners = []
# (the folder of this program, on boards too)
HERE = __file__.replace('\\', '/').rpartition('/')[0] or '.'


@app.get('/')
async def index(request):
    return PAGE, {'Content-Type': 'text/html; charset=UTF-8'}


@app.get('/style.css')
async def style(request):
    return send_file(HERE + '/style.css', max_age=3600)


@app.get('/count')
@app.get('/count/<int:last>')
@with_sse
async def count(request, sse, last=0):
    # a client that connects again goes on where it was
    number = sse.last_event_id or '0'
    number = int(number) if number.isdigit() else 0
    listeners.append(sse)
    try:
        while True:
            number += 1
            await sse.send(number, 'done' if number == last else None,
                           event_id=number)
            if number == last:
                break
            await asyncio.sleep(0.2)
    finally:
        # also when the client leaves
        listeners.remove(sse)


@app.get('/listeners')
async def state(request):
    return '%d\n' % len(listeners)


def main(host='0.0.0.0', port='5000'):
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

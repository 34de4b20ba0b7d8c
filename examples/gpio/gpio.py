"""A live page: switch an LED, see a button and the temperature change.

Board: Pico W. Wiring: a push button between GP14 and GND; the LED and the
temperature sensor are on the board. On others set ``LED``, ``BUTTON`` and
``SENSOR`` below. Flash: 38 KB. Heap: 84 KB.

From the top of the repository, with the package installed as
``docs/start/board.rst`` says::

    $ microdot deploy examples/gpio --wifi "NAME" --main --start

Then open http://ADDRESS:5000/ in several browsers: all of them change at
once. Or on a computer, where stand-ins play the parts of the pins::

    PYTHONPATH=src:examples/laptop python3 examples/gpio/gpio.py
    MICROPYPATH=src:examples/laptop:.frozen micropython examples/gpio/gpio.py

    $ curl -X POST http://127.0.0.1:5000/led/1
    $ curl http://127.0.0.1:5000/state
    {"led": 1, "button": 0, "temperature": 27.1}

Whoever is in the same network can switch the LED; for people see
``microdot.auth``. Pages of other sites cannot (``microdot.csrf``), unless a
name of theirs leads to the board's address (DNS rebinding): once the board has
a name of its own, ``TrustedHosts`` of ``microdot.hosts`` refuses all others.
"""
import asyncio
import sys

from machine import ADC, Pin

from microdot import Microdot, send_file
from microdot.csrf import CSRF
from microdot.sse import with_sse

LED = 'LED'
BUTTON = 14
SENSOR = 4  # the temperature of the chip itself
#: Seconds between two looks at the pins, while somebody looks at the page.
INTERVAL = 0.2

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Board</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Board</h1>
<table class="card">
<tr><th>LED<td class="number"><button id="led">?</button>
<tr><th>Button<td class="number" id="button">?
<tr><th>Temperature<td class="number"><span id="temperature">?</span> &deg;C
</table>
</main>
<script>
const $ = id => document.getElementById(id);
let state = {};
new EventSource('/events').onmessage = event => {
  state = JSON.parse(event.data);
  $('led').textContent = state.led ? 'on' : 'off';
  $('button').textContent = state.button ? 'pressed' : 'not pressed';
  $('temperature').textContent = state.temperature;
};
$('led').onclick = () =>
  fetch('/led/' + (state.led ? 0 : 1), {method: 'POST'});
</script>
"""

# (the folder of this program, on boards too)
HERE = __file__.replace('\\', '/').rpartition('/')[0] or '.'

app = Microdot()
CSRF(app)
led = Pin(LED, Pin.OUT)
button = Pin(BUTTON, Pin.IN, Pin.PULL_UP)
sensor = ADC(SENSOR)


def read_state():
    """Return what the page shows. A button that is pressed reads 0."""
    volts = sensor.read_u16() * 3.3 / 65535
    return {'led': led.value(), 'button': 1 - button.value(),
            'temperature': round(27 - (volts - 0.706) / 0.001721, 1)}


@app.get('/')
async def index(request):
    return PAGE, {'Content-Type': 'text/html; charset=UTF-8'}


@app.get('/style.css')
async def style(request):
    return send_file(HERE + '/style.css', max_age=3600)


@app.get('/state')
async def state(request):
    return read_state()


@app.get('/events')
@with_sse
async def events(request, sse):
    # runs once for each page that is open, and is cancelled when it leaves
    shown = None
    while True:
        now = read_state()
        if now != shown:
            await sse.send(now)
            shown = now
        await asyncio.sleep(INTERVAL)


@app.post('/led/<int:on>')
async def switch(request, on):
    led.value(1 if on else 0)
    return 204


def main(host='0.0.0.0', port='5000'):
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

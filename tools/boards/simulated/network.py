"""Runs in a simulated board: a module ``network`` whose networks have names
and passwords, and whose connection outlasts a soft reset, as on a Pico W.

``install(networks, folder)`` puts it where ``import`` finds it. In the file
``network`` of that folder of the computer is what outlasts a reset.
"""

import json
import sys

import vfs

STA_IF = 0
AP_IF = 1
STAT_IDLE = 0
STAT_CONNECTING = 1
STAT_WRONG_PASSWORD = -3
STAT_NO_AP_FOUND = -2
STAT_CONNECT_FAIL = -1
STAT_GOT_IP = 3
_given = {}
_hosts = ['board']
#: The settings of the access point, and whether it is on.
_access_point = {'active': False}


def hostname(*names):
    """Set the name of the board, or return it. As in the firmware, ``None``
    is no name."""
    for name in names:
        if not isinstance(name, str):
            raise TypeError("can't convert to str implicitly")
        _hosts.append(name)
    return None if names else _hosts[-1]


class WLAN:
    """An interface. That of an access point is never connected to."""
    IF_STA = STA_IF
    IF_AP = AP_IF

    def __init__(self, interface=STA_IF):
        self.interface = interface

    def _state(self, change=None):
        # Returns what outlasts a reset, after a change.
        if change is not None:
            with _given['disk'].open('/network', 'w') as file:
                json.dump(change, file)
            return change
        try:
            with _given['disk'].open('/network', 'r') as file:
                return json.load(file)
        except OSError:
            return {'active': False, 'ssid': None, 'status': STAT_IDLE}

    def active(self, on=None):
        if self.interface == AP_IF:
            if on is not None:
                _access_point['active'] = bool(on)
            return _access_point['active']
        state = self._state()
        if on is None:
            return state['active']
        if not on or not state['active']:
            self._state({'active': bool(on), 'ssid': None,
                         'status': STAT_IDLE})

    def connect(self, ssid=None, key=None):
        state = self._state()
        if not state['active']:
            raise OSError(1)
        networks = _given['networks']
        right = ssid in networks and networks[ssid] == key
        state['ssid'] = ssid if right else None
        state['status'] = STAT_GOT_IP if right else \
            STAT_WRONG_PASSWORD if ssid in networks else STAT_NO_AP_FOUND
        self._state(state)

    def disconnect(self):
        state = self._state()
        state['ssid'] = None
        state['status'] = STAT_IDLE
        self._state(state)

    def isconnected(self):
        return self.interface == STA_IF and self._state()['ssid'] is not None

    def status(self, param=None):
        return self._state()['status']

    def config(self, *args, **kwargs):
        if args:
            return self._state()['ssid'] if args == ('ssid',) else None
        _access_point.update(kwargs)

    def scan(self):
        return [(name.encode(), bytes(6), 1, -50, 3, False)
                for name in _given['networks']]

    def ifconfig(self, config=None):
        up = self.isconnected() or self.interface == AP_IF and self.active()
        address = '127.0.0.1' if up else '0.0.0.0'
        return (address, '255.0.0.0', '127.0.0.1', '127.0.0.1')


class Module:
    """The module ``network``."""


def install(networks, folder):
    """Put the module in place.

    :param networks: a dict from name to password.
    """
    _given['networks'] = networks
    _given['disk'] = vfs.VfsPosix(folder)
    for name in globals():
        if name[0] != '_' and name != 'Module':
            setattr(Module, name, globals()[name])
    sys.modules['network'] = Module

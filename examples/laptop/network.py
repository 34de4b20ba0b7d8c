"""Stands for the module ``network`` of a board, where there is no board.

As much of it as the examples use. Put its folder on the path to run them on a
computer; never copy it to a board. ``WLAN.in_reach`` tells whether there is a
network to connect to: while it is false, connections are lost.
"""

STA_IF = 0
AP_IF = 1
STAT_IDLE = 0
STAT_GOT_IP = 3


class WLAN:
    IF_STA = STA_IF
    IF_AP = AP_IF
    in_reach = True
    #: The settings that were asked for, by interface.
    settings = {}

    def __init__(self, interface=STA_IF):
        self.interface = interface
        self.is_active = False
        self.wanted = False

    def active(self, on=None):
        if on is None:
            return self.is_active
        self.is_active = bool(on)
        self.wanted = self.wanted and self.is_active

    def connect(self, ssid=None, key=None):
        if not self.is_active:
            raise OSError(5, 'Wifi Not Started')
        WLAN.settings[self.interface] = (ssid, key)
        self.wanted = WLAN.in_reach

    def disconnect(self):
        self.wanted = False

    def isconnected(self):
        if self.interface == STA_IF and not WLAN.in_reach:
            self.wanted = False  # until somebody connects again
            return False
        return self.is_active and (self.interface == AP_IF or self.wanted)

    def status(self, param=None):
        if param == 'rssi':
            return -50
        return STAT_GOT_IP if self.isconnected() else STAT_IDLE

    def config(self, *args, **kwargs):
        if args:
            return WLAN.settings.get((self.interface, args[0]))
        for name in kwargs:
            WLAN.settings[self.interface, name] = kwargs[name]

    def ifconfig(self, config=None):
        return ('127.0.0.1', '255.0.0.0', '127.0.0.1', '127.0.0.1')

    def scan(self):
        return [(b'emulated', bytes(6), 1, -50, 3, False)]


def hostname(name=None):
    return 'laptop'


def country(code=None):
    return 'XX'

"""A Wi-Fi network: connect, and stay connected.

Where there is no module ``network``, on a computer, the system's own network
counts as connected.
"""
import asyncio
import json

try:
    import network
except ImportError:
    network = None


class WiFi:
    """Connects to the first of some networks that is in reach, and again
    whenever it is lost.

    :param networks: a list of pairs of name and password.
    :param hostname: of the board: ``http://HOSTNAME.local/`` leads to it.

    ::

        wifi = WiFi.load()
        await wifi.connect()
        print('http://%s/' % wifi.address)
    """
    #: Seconds that one network gets to let the board in.
    patience = 20
    #: Seconds between two looks at the connection, and before the first new
    #: attempt. That time doubles up to ``longest_wait``.
    interval = 2
    longest_wait = 60
    #: Where the time comes from; ``None``: the clock is left alone.
    time_server = 'pool.ntp.org'
    #: ``'idle'``, ``'connecting'``, ``'connected'``, ``'no such network'``,
    #: ``'wrong password'`` or ``'failed'``.
    status = 'idle'
    #: How often a connection has been made.
    connections = 0

    def __init__(self, networks=(), hostname=None):
        self.networks = list(networks)
        self.hostname = hostname
        self.wlan = network and network.WLAN(0)  # STA_IF, on all ports
        #: The board's address as text, or ``None`` while there is none.
        self.address = None if network else '127.0.0.1'
        self._task = None

    @classmethod
    def load(cls, path='wifi.json'):
        """Read the networks from a file: ``{"ssid": ..., "password": ...}``,
        as the deploy command writes it, and perhaps ``"hostname"``, and
        ``"more"``: a list of further such objects. Without the file there are
        none.

        :raises ValueError: the file is broken.
        """
        wifi = cls()
        try:
            try:
                file = open(path)
            except OSError:
                # where a power cut on FAT left what save() has written
                file = open(path + '.new')
            with file:
                found = json.load(file)
            wifi.hostname = found.get('hostname')
            for each in [found] + found.get('more', []):
                if 'ssid' in each:
                    wifi.networks.append((each['ssid'] + '',
                                          each.get('password', '') + ''))
        except OSError:
            pass
        except (ValueError, TypeError, AttributeError):
            raise ValueError(path + ' has no "ssid"')
        return wifi

    def save(self, path='wifi.json'):
        """Write the networks to a file, for :meth:`load`. It is written
        beside the old one, which stays if that fails.

        :raises OSError: there is no room.
        """
        more = []
        for ssid, password in self.networks:
            more.append({'ssid': ssid, 'password': password})
        found = more.pop(0) if more else {}
        found['more'] = more
        found['hostname'] = self.hostname
        from .replacing import write
        write(path, json.dumps(found))

    async def connect(self, timeout=None):
        """Connect, and stay connected from then on, in the background.

        :param timeout: seconds to wait for the first connection; ``None``:
                        any time. Attempts go on after it.
        :return: the board's address.
        :raises ValueError: no network is known.
        :raises ImportError: ``udp.py`` is missing, for :attr:`time_server`.
        :raises OSError: there is no connection after *timeout* seconds; the
                         text is :attr:`status`.
        """
        if self.wlan is None:
            self.status = 'connected'
            return self.address
        if not self.networks:
            raise ValueError('no Wi-Fi known')
        if not self._task:
            adjust = None
            if self.time_server:
                # here, as not every program wants the time
                from .udp import adjust_clock as adjust
            self._event = asyncio.Event()
            self._task = asyncio.create_task(self._keep(adjust))
        try:
            await asyncio.wait_for(self._event.wait(), timeout)
        except asyncio.TimeoutError:
            # (a driver that blocks may have connected meanwhile)
            if not self.address:
                raise OSError(110, self.status)
        return self.address

    async def disconnect(self):
        """Leave the network, and do not come back."""
        if self._task:
            self._task.cancel()
            self._task = None
        if self.wlan:
            self.wlan.disconnect()
            self.wlan.active(False)
            self.address = None
        self.status = 'idle'

    async def _keep(self, adjust):
        wlan = self.wlan
        wait = self.interval
        while True:
            try:
                for pair in self.networks:
                    # (join() may have been called before)
                    if self.address or await self.join(*pair):
                        wait = self.interval
                        self.connections += 1
                        self._event.set()
                        while wlan.isconnected():
                            if adjust:
                                await adjust(self.time_server,
                                             wlan.ifconfig()[3])
                            await asyncio.sleep(wait)
                        self._event.clear()
                        self.address = None
                        self.status = 'connecting'
                        break
            except Exception as exc:
                # (that a heap is full for now must not end all attempts)
                print('Wi-Fi:', exc)
            await asyncio.sleep(wait)
            wait = min(2 * wait, self.longest_wait)

    async def join(self, ssid, password):
        """Try one network once.

        :return: whether it has let the board in; :attr:`status` says more.
        """
        wlan = self.wlan
        self.status = 'connecting'
        try:
            # off and on: some boards do not come back otherwise
            wlan.active(False)
            if self.hostname:
                network.hostname(self.hostname)
            wlan.active(True)
            wlan.connect(ssid, password)
            for _ in range(int(self.patience * 5)):
                # rp2: -3 and -2; esp32: 202 and 201
                status = {-3: 'wrong password', 202: 'wrong password',
                          -2: 'no such network', 201: 'no such network',
                          }.get(wlan.status())
                if wlan.isconnected():
                    self.address = wlan.ifconfig()[0]
                    status = 'connected'
                if status:
                    self.status = status
                    return status == 'connected'
                await asyncio.sleep(0.2)
        except Exception as exc:
            # (ports raise different classes, and attempts must go on)
            print('Wi-Fi:', ssid, exc)
        self.status = 'failed'
        return False

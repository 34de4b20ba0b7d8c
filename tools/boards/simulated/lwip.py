"""Runs in a simulated board: the modules ``socket`` and ``select``, as strict
as the network of its firmware.

``install(kind)`` puts them where ``import`` finds them. Behind them are the
sockets of the computer, and what a board's network lacks is taken away:

- There are so many TCP connections; the next one is refused.
- lwIP (``rp2``): data that has come before ``accept()`` is offered again at
  a tick of its timer, every 250 ms. What the callback of a listener accepts
  (option 20) has come before its data, as on a board, where the callback
  runs at once.
- An option that the port does not have is a line of warning.
- A connection that was closed is one until the peer has closed it too, for
  10 seconds at most; one that the peer has reset is none.

``counts`` has ``stalls`` (connections whose first data waited for the timer),
``refused``, ``accepted``, ``most`` (connections at once), ``warnings``.
"""

import io
import select as _select
import socket as _socket
import sys
import time

import ffi

TICK_MS = 250
CLOSING_MS = 10000
#: What lwIP sends before it waits for acknowledgements: 8 segments.
SEND_BUFFER = 11680
counts = {'stalls': 0, 'refused': 0, 'accepted': 0, 'most': 0, 'warnings': 0}

#: By ``sys.platform``: the name of the module, how many sockets there are and
#: whether data may come too early, the numbers of options.
KINDS = {
    'rp2': ('lwip', 5, True, {
        'SO_REUSEADDR': 4, 'SO_BROADCAST': 0x20, 'IP_ADD_MEMBERSHIP': 1024,
        'IP_DROP_MEMBERSHIP': 1025, 'TCP_NODELAY': 0x40},
        'Warning: lwip.setsockopt() not implemented'),
    'esp32': ('socket', 16, False, {
        'SO_REUSEADDR': 4, 'SO_BROADCAST': 0x20, 'SO_BINDTODEVICE': 0x100b,
        'IP_ADD_MEMBERSHIP': 3, 'TCP_NODELAY': 1},
        'Warning: lwip.setsockopt() option not implemented'),
}
_kind = None
#: Sockets that hold a connection, and those that are being closed.
_open = []
_closing = []
_listeners = []
_looking = False
# A struct pollfd, so that to look takes no heap.
_pollfd = bytearray(8)
_libc = ffi.open(None)
_c_poll = _libc.func('i', 'poll', 'pii')
_c_shutdown = _libc.func('i', 'shutdown', 'ii')


def _ready(real, events):
    """Tell which of the events a socket of the computer has."""
    fd = real.fileno()
    _pollfd[0] = fd & 255
    _pollfd[1] = fd >> 8
    _pollfd[4] = events & 255
    _pollfd[6] = 0
    _c_poll(_pollfd, 1, 0)
    return _pollfd[6]


def _hold(sock):
    """Count a connection.

    :raises OSError: there are as many as the port has.
    """
    if len(_open) + len(_closing) >= _kind[1]:
        raise OSError(12)  # ENOMEM
    _open.append(sock)
    counts['most'] = max(counts['most'], len(_open) + len(_closing))


def look():
    """See what has come: what the network of a board does by itself."""
    global _looking
    if _looking:
        return
    _looking = True
    try:
        i = 0
        while i < len(_open):
            if _ready(_open[i].real, 0) & 8:
                _forget(_open[i])
            else:
                i += 1
        if _closing:
            _look_after_closing()
        for listener in _listeners:
            listener.look()
    finally:
        _looking = False


def _forget(sock):
    # The peer has reset it: it is no connection any more, whether or not the
    # program has noticed.
    _open.remove(sock)
    for listener in _listeners:
        for one in listener.waiting:
            if one[0] is sock:
                listener.waiting.remove(one)
                sock.close()
                return


def _look_after_closing():
    for one in list(_closing):
        real, since = one
        gone = time.ticks_diff(time.ticks_ms(), since) > CLOSING_MS
        try:
            while not gone and _ready(real, 1):
                gone = not real.recv(512)
        except OSError:
            gone = True
        if gone:
            _closing.remove(one)
            real.close()


def _wait(condition, timeout):
    """Wait until a function returns something true, and return that.

    :param timeout: in seconds; 0: do not wait; ``None``: for ever.
    :raises OSError: EAGAIN or ETIMEDOUT.
    """
    start = time.ticks_ms()
    while True:
        look()
        value = condition()
        if value:
            return value
        if timeout == 0:
            raise OSError(11)
        if timeout is not None and time.ticks_diff(
                time.ticks_ms(), start) > timeout * 1000:
            raise OSError(110)
        time.sleep_ms(1)


def _pair(addr):
    """Return an address as boards have it."""
    addr = _socket.sockaddr(addr)
    return _socket.inet_ntop(addr[0], addr[1]), addr[2]


def _sockaddr(addr):
    """Return an address as the computer has it."""
    return _socket.getaddrinfo(addr[0], addr[1])[0][-1]


class Socket(io.IOBase):
    """A socket of a board."""

    def __init__(self, family=2, kind=1, proto=0, real=None):
        if kind == 1 and not real:
            look()
            _hold(self)
        self.real = real or _socket.socket(family, kind)
        self.real.setblocking(False)
        self.timeout = None
        self.kind = kind
        self.blind = 0          # until when data is not seen
        self.has_just_come = False
        self.callback = None
        self.waiting = None     # of a listener: those not yet accepted
        self.backlog = 0

    # As a listener

    def bind(self, addr):
        # (the computer keeps a port for a while after its last connection)
        self.real.setsockopt(1, 2, 1)
        self.real.bind(_sockaddr(addr))

    def listen(self, backlog=2):
        self.real.listen(50)
        if self in _open:
            _open.remove(self)
        self.waiting = []
        self.backlog = max(backlog, 1)
        _listeners.append(self)

    def look(self):
        while _ready(self.real, 1):
            real, addr = self.real.accept()
            if _ready(real, 0) & 8:
                real.close()  # it has come and gone
                continue
            sock = Socket(real=real)
            try:
                if len(self.waiting) >= self.backlog:
                    raise OSError(12)
                _hold(sock)
            except OSError:
                counts['refused'] += 1
                # a reset, and not an end
                real.setsockopt(1, 13, b'\1\0\0\0\0\0\0\0')
                real.close()
                continue
            self.waiting.append((sock, _pair(addr)))
            if self.callback:
                sock.has_just_come = True
                try:
                    self.callback(self)
                except Exception as exc:
                    sys.print_exception(exc)
                sock.has_just_come = False

    def accept(self):
        if self not in _listeners:
            raise OSError(9)
        _wait(lambda: self.waiting, self.timeout)
        sock, addr = self.waiting.pop(0)
        sock.timeout = self.timeout
        counts['accepted'] += 1
        if _kind[2] and not sock.has_just_come and _ready(sock.real, 1):
            counts['stalls'] += 1
            now = time.ticks_ms()
            sock.blind = time.ticks_add(now, TICK_MS - now % TICK_MS)
        return sock, addr

    # As a connection

    def connect(self, addr):
        self.real.setblocking(True)
        try:
            self.real.connect(_sockaddr(addr))
        finally:
            self.real.setblocking(False)

    def sees(self):
        """Tell whether data that has come is seen."""
        if self.blind and time.ticks_diff(
                self.blind, time.ticks_ms()) <= 0:
            self.blind = 0
        return not self.blind

    def _readable(self):
        return self.sees() and _ready(self.real, 1)

    def recv(self, size, flags=0):
        _wait(self._readable, self.timeout)
        return self.real.recv(size)

    def recvfrom(self, size):
        _wait(self._readable, self.timeout)
        data, addr = self.real.recvfrom(size)
        return data, _pair(addr)

    def read(self, size=-1):
        if not size:
            return b''
        if self.timeout == 0:
            if not self._readable():
                return None
            return self.real.read(size) if size >= 0 else self.real.read()
        data = b''
        while size < 0 or len(data) < size:
            piece = self.recv(512 if size < 0 else size - len(data))
            if not piece:
                break
            data += piece
        return data

    def readinto(self, buffer, size=-1):
        if self.timeout != 0:
            _wait(self._readable, self.timeout)
        elif not self._readable():
            return None
        return self.real.readinto(buffer, len(buffer) if size < 0 else size)

    def readline(self):
        line = b''
        while not line.endswith(b'\n'):
            piece = self.recv(1)
            if not piece:
                break
            line += piece
        return line

    def write(self, data, size=None):
        data = memoryview(data)[:size or len(data)]
        if self.timeout == 0:
            return self.real.write(data[:SEND_BUFFER])
        done = 0
        while done < len(data):
            _wait(lambda: _ready(self.real, 4), self.timeout)
            done += self.real.write(data[done:done + SEND_BUFFER]) or 0
        return done

    def send(self, data):
        count = self.write(data)
        if count is None:
            raise OSError(11)
        return count

    def sendall(self, data):
        if self.send(data) < len(data):
            raise OSError(11)

    def sendto(self, data, addr):
        return self.real.sendto(data, _sockaddr(addr))

    # As either

    def setblocking(self, on):
        self.timeout = None if on else 0

    def settimeout(self, seconds):
        self.timeout = seconds

    def setsockopt(self, level, option, value):
        if option == 20:
            self.callback = value
        elif option not in _kind[3].values():
            counts['warnings'] += 1
            print(_kind[4])
        elif option == _kind[3]['TCP_NODELAY']:
            self.real.setsockopt(6, 1, int(value))

    def makefile(self, *args):
        return self

    def ioctl(self, request, arg):
        if request == 3:
            look()
            if self.waiting is not None:
                return 1 & arg if self.waiting else 0
            if not self.real:
                return 0x20 & arg
            if not self.sees():
                arg &= ~1
            return _ready(self.real, arg) if arg else 0
        if request == 4:
            self.close()
            return 0
        return -22

    def close(self):
        real = self.real
        self.real = None
        if real is None:
            return
        if self in _listeners:
            _listeners.remove(self)
            for sock, _ in self.waiting:
                sock.close()
            self.waiting = []
            real.close()
        elif self in _open:
            _open.remove(self)
            if _ready(real, 1) & 1 and real.recv(1, 2):  # MSG_PEEK
                # what was not read becomes a reset
                real.close()
                return
            _c_shutdown(real.fileno(), 1)
            _closing.append((real, time.ticks_ms()))
        else:
            real.close()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()


class Module:
    """The module ``socket``."""
    AF_INET = 2
    AF_INET6 = 10
    SOCK_STREAM = 1
    SOCK_DGRAM = 2
    SOL_SOCKET = 1
    IPPROTO_IP = 0
    IPPROTO_TCP = 6
    socket = Socket

    def __init__(self):
        self.__name__ = _kind[0]
        for name in _kind[3]:
            setattr(self, name, _kind[3][name])

    def getaddrinfo(self, host, port, family=0, kind=0, proto=0, flags=0):
        if family not in (0, 2) or kind not in (0, 1) or proto or flags:
            print('Warning: unsupported getaddrinfo constraints')
        addr = _socket.getaddrinfo(host, port)[0][-1]
        return [(2, 1, 0, '', _pair(addr))]


class Poll:
    """What ``select.poll()`` returns: looks after the network too."""

    def __init__(self):
        self.real = _select.poll()
        self.register = self.real.register
        self.unregister = self.real.unregister
        self.modify = self.real.modify

    def ipoll(self, timeout=-1, flags=0):
        # Takes no heap; asyncio asks again where less time has passed.
        while timeout < 0:
            look()
            for _ in self.real.ipoll(5):
                return self.real.ipoll(0, flags)
        look()
        return self.real.ipoll(min(timeout, 5), flags)

    def poll(self, timeout=-1):
        start = time.ticks_ms()
        while True:
            found = list(self.ipoll(timeout))
            if found or 0 <= timeout <= time.ticks_diff(
                    time.ticks_ms(), start):
                return found


class Select:
    """The module ``select``."""
    POLLIN = 1
    POLLOUT = 4
    POLLERR = 8
    POLLHUP = 16
    poll = Poll


def install(platform):
    """Put the modules in place of those of the computer."""
    global _kind
    _kind = KINDS[platform]
    sys.modules['socket'] = Module()
    sys.modules['select'] = Select()

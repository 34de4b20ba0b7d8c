"""Datagrams on a board: names and the time, without blocking.

``socket.getaddrinfo`` and ``ntptime.settime`` stop a board until they have an
answer, or for seconds where there is none: nothing is served meanwhile.
"""
import asyncio
import socket
import sys
import time

_BOARD = sys.implementation.name == 'micropython'


async def readable(sock):
    """Wait until a socket that does not block has something to read."""
    if _BOARD:
        # reading nothing waits for there being something
        await asyncio.StreamReader(sock).read(0)
        return
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    loop.add_reader(sock, event.set)
    try:
        await event.wait()
    finally:
        loop.remove_reader(sock)


async def _ask(address, query, timeout):
    # Send a datagram; return the first answer from there.
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        address = socket.getaddrinfo(*address)[0][-1]  # numbers: at once
        sock.connect(address)
        sock.send(query)
        try:
            await asyncio.wait_for(readable(sock), timeout)
        except asyncio.TimeoutError:
            # it may have come while something else kept the board busy
            try:
                return sock.recv(512)
            except OSError:
                raise asyncio.TimeoutError
        return sock.recv(512)
    finally:
        sock.close()


def _find_address(answer, start):
    # The first address in a DNS answer (RFC 1035, section 4); its records
    # begin at *start*. ``None``: it has none.
    count = answer[6] * 256 + answer[7]
    pos = start
    while count and pos < len(answer):
        while pos < len(answer) and 0 < answer[pos] < 192:
            pos += answer[pos] + 1  # a label
        pos += 2 if pos < len(answer) and answer[pos] else 1
        size = int.from_bytes(answer[pos + 8:pos + 10], 'big')
        if answer[pos:pos + 4] == b'\0\1\0\1' and size == 4 and \
                len(answer) >= pos + 14:
            return '.'.join(map(str, answer[pos + 10:pos + 14]))
        pos += 10 + size
        count -= 1


async def look_up(name, server, timeout=3):
    """Return the IPv4 address of a name, without blocking as
    ``socket.getaddrinfo`` does on a board.

    :param server: the address of a DNS server, or ``(address, port)``.
    :raises OSError: it has none, or does not answer in *timeout* seconds.
    """
    if name.replace('.', '').isdigit():
        return name
    ident = time.time_ns().to_bytes(8, 'big')[5:7] if not _BOARD \
        else time.ticks_us().to_bytes(8, 'big')[6:]
    query = ident + b'\1\0\0\1\0\0\0\0\0\0'
    for label in name.encode().split(b'.'):
        query += bytes([len(label)]) + label
    query += b'\0\0\1\0\1'
    try:
        answer = await _ask(server if isinstance(server, tuple)
                            else (server, 53), query, timeout)
    except asyncio.TimeoutError:
        raise OSError(110, 'no answer from the DNS server')
    if answer[:2] == ident and len(answer) > len(query):
        found = _find_address(answer, len(query))
        if found:
            return found
    raise OSError(2, 'no address of ' + name)


async def network_time(server, timeout=3):
    """Return the time of an NTP server (RFC 5905), in seconds since 1970.

    :param server: its address, or ``(address, port)``.
    :raises OSError: it does not answer in *timeout* seconds, or not with a
                     time.
    """
    try:
        answer = await _ask(server if isinstance(server, tuple)
                            else (server, 123), b'\x1b' + bytes(47), timeout)
    except asyncio.TimeoutError:
        raise OSError(110, 'no answer from the NTP server')
    # mode 4: a server; stratum 0: it does not know the time
    if len(answer) < 48 or answer[0] & 7 != 4 or not 0 < answer[1] < 16:
        raise OSError(71, 'no answer of an NTP server')
    seconds = int.from_bytes(answer[40:44], 'big')
    # these numbers start anew in 2036
    return seconds - 2208988800 + (0 if seconds >> 31 else 1 << 32)


#: When :func:`adjust_clock` is to set the clock, by that clock.
due = 0


async def adjust_clock(name, server):
    """Set the board's clock by an NTP server; print why if that fails. It
    does so once a day, and a minute after it has failed; called meanwhile, it
    does nothing.

    :param name: that of the NTP server.
    :param server: the address of a DNS server.
    """
    global due
    if time.time() < due:
        return
    due = int(time.time()) + 60
    try:
        set_clock(await network_time(await look_up(name, server)))
        due = int(time.time()) + 86400
    except Exception as exc:
        # (whatever it is, a full heap too: it may be gone the next time)
        print('the clock is not set:', exc)


def set_clock(seconds):
    """Set the board's clock.

    :param seconds: since 1970, UTC.
    """
    import machine
    # the epoch of most boards is 2000
    when = time.gmtime(seconds - (
        946684800 if time.gmtime(0)[0] == 2000 else 0))
    machine.RTC().datetime(when[:3] + (when[6],) + when[3:6] + (0,))

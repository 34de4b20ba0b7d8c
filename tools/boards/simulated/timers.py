"""The timers of a simulated board: ``machine.Timer``, ``machine.WDT`` and a
``machine.reset`` that works anywhere.

A timer's callback runs between two steps of a program, also of one that hangs
in Python, as the firmware's soft timers do. A watchdog that is not fed resets
whatever the program does. As strict as an RP2040: a timer that nobody keeps is
collected and does not fire, and a watchdog takes 8,388 ms at most; an ESP32
keeps its timers, and numbers them from 0.
"""
import array
import sys
import time

import ffi
import micropython

_libc = ffi.open(None)
_exit = _libc.func('v', '_exit', 'i')
_read = _libc.func('i', 'read', 'ipi')
_setitimer = _libc.func('i', 'setitimer', 'ipp')
_SIGALRM = 14
#: Milliseconds at most; the RP2040's counter has 24 bits of 2 MHz.
_WATCHDOG_MS = 8388

_alarms = []      # that are set
_watchdog = [None, 0]  # when it resets, and milliseconds from each feeding
_handler = None   # of the signal, once it is needed
_interval = array.array('l', [0, 0, 0, 0])
_byte = bytearray(1)
_platform = None


def reset():
    """Reset the board, also out of the callback of a timer."""
    _exit(4)


class Alarm:
    # What is set, and what the callback gets. It does not keep the Timer.
    def __init__(self, fd):
        self.fd = fd

    def init(self, mode=1, period=0xffffffff, callback=None):
        self.deinit()
        self.mode = mode
        self.period = max(period, 1)
        self.callback = callback
        self.when = time.ticks_add(time.ticks_ms(), self.period)
        _alarms.append(self)
        _arm()

    def deinit(self):
        if self in _alarms:
            _alarms.remove(self)

    def is_kept(self):
        # The other end is closed by the finaliser of a file.
        return self.fd is None or _read(self.fd, _byte, 1) != 0

    def fire(self):
        if self.mode == Timer.ONE_SHOT or not self.is_kept():
            _alarms.remove(self)
        else:
            self.when = time.ticks_add(self.when, self.period)
        if self.is_kept():
            try:
                self.callback(self)
            except Exception as exc:
                sys.print_exception(exc)


class Timer:
    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id=-1, **options):
        fd = None
        if _platform == 'esp32':
            if not 0 <= id < 4:
                raise ValueError('invalid Timer number')
        elif id != -1:
            raise ValueError("Timer doesn't exist")
        else:
            ends = array.array('i', [0, 0])
            if _libc.func('i', 'pipe2', 'pi')(ends, 0o4000):  # O_NONBLOCK
                raise OSError(24)
            fd = ends[0]
            self._kept = open(ends[1], 'wb')
        self._alarm = Alarm(fd)
        if options:
            self.init(**options)

    def init(self, **options):
        self._alarm.init(**options)

    def deinit(self):
        self._alarm.deinit()


class WDT:
    def __init__(self, id=0, timeout=5000):
        if not 0 < timeout <= _WATCHDOG_MS and _platform != 'esp32':
            raise ValueError('timeout exceeds %d' % _WATCHDOG_MS)
        _watchdog[1] = timeout
        self.feed()

    def feed(self):
        _watchdog[0] = time.ticks_add(time.ticks_ms(), _watchdog[1])
        _arm()


def _on_signal(number):
    # The heap is locked here.
    if _watchdog[0] is not None and \
            time.ticks_diff(_watchdog[0], time.ticks_ms()) <= 0:
        _exit(4)
    try:
        micropython.schedule(_fire, 0)
    except RuntimeError:
        pass  # so many are waiting that one of them is this


def _fire(_):
    now = time.ticks_ms()
    for alarm in [each for each in _alarms
                  if time.ticks_diff(each.when, now) <= 0]:
        alarm.fire()
    _arm()


def _arm():
    # Have the signal come when the next is due.
    global _handler
    if _handler is None:
        _handler = ffi.callback('v', _on_signal, 'i', lock=True)
        _libc.func('p', 'signal', 'ip')(_SIGALRM, _handler.cfun())
        # what blocks is interrupted, and goes on afterwards
        _libc.func('i', 'siginterrupt', 'ii')(_SIGALRM, 1)
    now = time.ticks_ms()
    due = [alarm.when for alarm in _alarms]
    if _watchdog[0] is not None:
        due.append(_watchdog[0])
    left = min([time.ticks_diff(when, now) for when in due]) if due else 0
    left = max(left, 1) if due else 0
    _interval[2] = left // 1000
    _interval[3] = left % 1000 * 1000
    _setitimer(0, _interval, None)


def install(emulation, platform):
    """Put a module ``machine`` in place: that of the laptop, and these.

    :param emulation: the folder of that.
    :param platform: ``sys.platform`` of the board, or ``None``.
    """
    global _platform
    _platform = platform
    scope = {'__name__': 'machine'}
    with open(emulation + '/machine.py') as file:
        code = file.read()
    exec(code, scope)
    scope.update({'Timer': Timer, 'WDT': WDT, 'reset': reset})

    class Machine:
        pass

    for name in scope:
        if name[0] != '_':
            setattr(Machine, name, scope[name])
    sys.modules['machine'] = Machine

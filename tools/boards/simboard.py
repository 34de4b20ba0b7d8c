"""A board without a board: MicroPython behind a simulated serial line.

``python3 tools/boards/simboard.py FOLDER`` makes FOLDER the flash of a
simulated board and prints where it can be reached, such as
``socket://127.0.0.1:4567``. What talks to boards talks to it::

    $ mpremote connect socket://127.0.0.1:4567 fs ls

``--pty`` offers a pseudo-terminal instead of a TCP port. The code that the
board is given runs in a real MicroPython, by default the 32-bit one that
``tools/interpreters.py`` has fetched, whose heap is nearest to a board's.
Tests use :class:`Board` instead of the command.

The line speaks as MicroPython's documentation says of its REPL: the friendly
prompt, the raw REPL, and its raw-paste mode with flow control. A soft reset
starts a new process, with ``boot.py``, and with ``main.py`` unless the raw
REPL asked for it. Of the friendly REPL only single lines work.

It can misbehave: be full (``flash_size``), answer late (``delay_s``), lose
its power while something is sent (``drop_after``), say nothing at all
(``mute``).

The board's ``machine`` and ``network`` are those of ``examples/laptop``, or
with ``networks`` one that takes the right passwords alone. With
``rom_size`` it has a ROMFS partition, mapped into memory as on a board, and
found before ``/lib`` as in the firmware.

``--kind pico-w`` is as strict as the firmware of a Pico W: 198,432 bytes of
heap, five TCP connections, lwIP's timer for data that comes too early and its
numbers of options (see ``simulated/lwip.py``). ``esp32`` has 100 KB and
sixteen connections. ``--slow`` adds the time that flash takes. A program may
``import simulated``: ``simulated.counts`` tells what has happened.
"""

import argparse
import json
import os
import pathlib
import re
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import typing

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tools'))

import interpreters  # noqa: E402

#: The modules that stand for those of a board.
EMULATION = TOP / 'examples' / 'laptop'
#: Bytes that a sender in raw-paste mode may be ahead, twice.
WINDOW = 128
#: The heap of a Pico W is about 200 KB.
HEAP = '200k'
FRIENDLY_PROMPT = b'>>> '
RAW_BANNER = b'raw REPL; CTRL-B to exit\r\n>'

#: What runs in MicroPython.
SIMULATED = pathlib.Path(__file__).resolve().parent / 'simulated'


class Kind(typing.NamedTuple):
    """What boards of a kind have."""
    #: What it calls itself.
    machine: str
    #: ``sys.platform`` of their firmware.
    platform: str
    #: Bytes of heap that are free when they have started.
    free: int
    #: Milliseconds to write 4,096 bytes of flash, and to change a folder.
    flash_ms: tuple[int, int]


#: A Pico W: its heap was measured on its firmware, the time of its flash is
#: the typical one of the chip's data sheet (45 ms to erase a sector, 0.4 ms
#: to write a page). An ESP32 without PSRAM.
KINDS = {'pico-w': Kind('a simulated Pico W', 'rp2', 198432, (52, 20)),
         'esp32': Kind('a simulated ESP32', 'esp32', 102400, (60, 20))}
#: Bytes of flash that a Pico W leaves to files.
FLASH_SIZE = 848 * 1024


class Process:
    """The MicroPython of a board, between two resets."""

    def __init__(self, board):
        self.board = board
        # no byte that a program prints by itself
        self.mark = b'\0' + secrets.token_hex(8).encode()
        self.host = tempfile.TemporaryDirectory()
        env = dict(os.environ, MICROPYPATH='.frozen')
        kind = board.kind
        heap = board.heap
        if kind:
            # and what runs there beside the program
            heap = str(kind.free + 160 * 1024)
        given = {
            'flash': str(board.flash), 'host': self.host.name,
            'mark': self.mark.decode(), 'flash_size': board.flash_size,
            'rom': str(board.rom), 'rom_size': board.rom_size,
            'emulation': str(EMULATION), 'here': str(SIMULATED),
            'networks': board.networks,
            'network': str(board.network.parent),
            'machine': kind.machine if kind else 'a simulated board',
            'platform': kind.platform if kind else None,
            'free': kind.free if kind else 0,
            'flash_ms': kind.flash_ms if kind and board.slow else (0, 0)}
        self.process = subprocess.Popen(
            board.interpreter.command + [
                '-X', 'heapsize=' + heap, '-c',
                'import sys\nsys.argv[1:] = [%r]\nexec(open(%r).read())' % (
                    json.dumps(given), str(SIMULATED / 'agent.py'))],
            cwd=board.flash, env=env, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self.data = b''
        self.ready = False
        self.running = False

    def fileno(self):
        return self.process.stdout.fileno()

    def execute(self, code):
        """Begin to execute code."""
        pathlib.Path(self.host.name, 'code').write_bytes(code)
        self.running = True
        self.process.stdin.write(b'go\n')

    def interrupt(self):
        """Press Ctrl-C."""
        # Not in the middle of a garbage collection, which MicroPython's Unix
        # port would not survive.
        # (looks are counted, as a clock goes on where all is stopped)
        stat = pathlib.Path('/proc/%d/stat' % self.process.pid)
        for _ in range(1000):
            if not stat.exists():
                break
            if stat.read_text().rpartition(') ')[2][0] == 'S':
                break
            time.sleep(0.001)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def read(self):
        """Yield what it prints, and letters where a part begins or ends:
        ``R`` ready, ``E`` error output follows, ``D`` done, ``X`` ended."""
        data = os.read(self.fileno(), 65536)
        if not data:
            self.process.wait()
            yield self.data.replace(b'\n', b'\r\n')
            yield 'X'
            return
        self.data += data
        while True:
            at = self.data.find(self.mark)
            if at < 0 or len(self.data) <= at + len(self.mark):
                break
            yield self.data[:at].replace(b'\n', b'\r\n')
            yield chr(self.data[at + len(self.mark)])
            self.data = self.data[at + len(self.mark) + 1:]
        at = self.data.rfind(b'\0')
        if at < 0 or not self.mark.startswith(
                self.data[at:at + len(self.mark)]):
            at = len(self.data)
        yield self.data[:at].replace(b'\n', b'\r\n')
        self.data = self.data[at:]

    def close(self):
        """Take its power."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.host.cleanup()


class Board:
    """A simulated board, to be used in a ``with`` statement.

    :param flash: the folder that is its flash.
    :param heap: bytes of its heap, such as ``'200k'``.
    :param flash_size: bytes of its flash; 0: as much as there is.
    :param rom_size: bytes of its ROMFS partition; 0: none.
    :param delay_s: seconds that each answer takes longer.
    :param drop_after: bytes after which it loses its power, once.
    :param mute: whether it never answers.
    :param pty: whether the line is a pseudo-terminal.
    :param interpreter: the MicroPython to run; a 32-bit one by default.
    :param kind: as strict as which board, such as ``'pico-w'``: with its
                 network, and with its heap in place of *heap*.
    :param networks: the Wi-Fi networks in reach, a dict from name to
                     password; ``None``: whatever the board asks for.
    :param slow: with a *kind*: whether writing takes as long as its flash.
    """

    def __init__(self, flash, heap=HEAP, flash_size=0, rom_size=0, delay_s=0,
                 drop_after=0, mute=False, pty=False, interpreter=None,
                 kind=None, slow=False, networks=None):
        self.kind = KINDS[kind] if kind else None
        self.slow = slow
        self.networks = networks
        self.flash = pathlib.Path(flash).resolve()
        self.heap = heap
        self.flash_size = flash_size
        self.rom_size = rom_size
        self.delay_s = delay_s
        self.drop_after = drop_after
        self.mute = mute
        self.interpreter = interpreter or board_like()
        #: What programs have printed since the last reset, as ``bytes``.
        self.output = b''
        #: Bytes that the line has brought.
        self.received = 0
        #: Times that MicroPython was started.
        self.resets = 0
        #: Why MicroPython could not be started, or ``None``.
        self.broken = None
        self._dead = False
        self._started = threading.Event()
        self._pty = pty
        self._line = None
        self._listener = None
        self._process = None
        self._mode = 'friendly'
        self._input = b''
        self._folder = tempfile.TemporaryDirectory()
        self.rom = pathlib.Path(self._folder.name, 'rom')
        self.network = pathlib.Path(self._folder.name, 'network')
        if rom_size:
            with open(self.rom, 'wb') as file:
                file.truncate(rom_size)

    def __enter__(self):
        self._wake, self._woken = os.pipe()
        if self._pty:
            import tty
            self._line, self._slave = os.openpty()
            tty.setraw(self._slave)
            #: What ``mpremote connect`` is to be given.
            self.device = os.ttyname(self._slave)
        else:
            self._listener = socket.create_server(('127.0.0.1', 0))
            self.device = 'socket://127.0.0.1:%d' % (
                self._listener.getsockname()[1])
        self._boot(main=True)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._started.wait(20)
        if self.broken is not None:
            self.__exit__()
            raise RuntimeError('the board does not start: ' + self.broken)
        return self

    def __exit__(self, *args):
        os.write(self._woken, b'x')
        self._thread.join()
        self._process.close()
        self._hang_up()
        if self._pty:
            os.close(self._slave)
        else:
            self._listener.close()
        os.close(self._wake)
        os.close(self._woken)
        self._folder.cleanup()

    # ---------------------------------------------------------------- line

    def _run(self):
        while True:
            with selectors.DefaultSelector() as selector:
                selector.register(self._wake, selectors.EVENT_READ)
                if not self._dead:
                    selector.register(self._process, selectors.EVENT_READ)
                if self._line is not None:
                    selector.register(self._line, selectors.EVENT_READ)
                elif self._listener:
                    selector.register(self._listener, selectors.EVENT_READ)
                ready = [key.fileobj for key, _ in selector.select()]
            if self._wake in ready:
                return
            if self._process in ready:
                self._from_process()
            elif self._line is not None and self._line in ready:
                self._from_line()
            elif self._listener in ready:
                self._line = self._listener.accept()[0]
                self._line.setsockopt(socket.IPPROTO_TCP,
                                      socket.TCP_NODELAY, 1)

    def _from_line(self):
        try:
            data = os.read(self._line, 4096) if self._pty \
                else self._line.recv(4096)
        except OSError:
            data = b''
        if not data:
            self._hang_up()
            return
        before = self.received
        self.received += len(data)
        if before < self.drop_after <= self.received:
            self._lose_power()
            return
        if not self.mute:
            self._input += data
            self._take_input()

    def _send(self, data):
        if not data or self._line is None:
            return
        if self.delay_s:
            time.sleep(self.delay_s)
        try:
            if self._pty:
                os.write(self._line, data)
            else:
                self._line.sendall(data)
        except OSError:
            self._hang_up()

    def _hang_up(self):
        if self._line is None:
            return
        if self._pty:
            os.close(self._line)
        else:
            self._line.close()
        self._line = None

    def _lose_power(self):
        self._hang_up()
        self._boot(main=True)

    # ---------------------------------------------------------------- REPL

    def _boot(self, main, raw=False):
        # Start MicroPython anew, then boot.py and perhaps main.py.
        if self._process:
            self._process.close()
        self.resets += 1
        self.output = b''
        self._input = b''
        self._mode = 'boot'
        self._raw = raw
        names = ['boot.py'] + ['main.py'] * main
        self._programs = [name for name in names
                          if (self.flash / name).exists()]
        self._process = Process(self)

    def _prompt(self):
        self._process.running = False
        if self._mode == 'boot' and self._programs:
            name = self._programs.pop(0)
            self._process.execute(b'execfile(%r)' % name)
            self._take_input()
            return
        if self._mode == 'boot' and self._raw:
            self._mode = 'raw'
            self._send(RAW_BANNER)
        elif self._mode == 'boot':
            self._mode = 'friendly'
            self._send(b'MicroPython simulated board\r\n'
                       b'Type "help()" for more information.\r\n'
                       + FRIENDLY_PROMPT)
        elif self._mode == 'raw':
            self._send(b'\x04>')
        else:
            self._send(FRIENDLY_PROMPT)
        self._take_input()

    def _from_process(self):
        output = b''
        for part in list(self._process.read()):
            if isinstance(part, bytes):
                output += part
                self.output += part
                self._send(part)
            elif part == 'E':
                if self._mode == 'raw':
                    self._send(b'\x04')
            elif part == 'X' and self._mode == 'boot' and \
                    not self._process.ready:
                # its own fault, and so it would be the next time
                self.broken = output.decode(errors='replace')
                self._started.set()
                self._hang_up()
                self._dead = True
                return
            elif part == 'X':
                raw = self._mode == 'raw' and \
                    self._process.process.returncode == 3
                self._send(b'\r\nMPY: soft reboot\r\n')
                self._boot(main=not raw, raw=raw)
                return
            else:
                self._process.ready = True
                self._started.set()
                self._prompt()

    def _take_input(self):
        # Let the REPL take what the line has brought, as far as it can.
        while self._input and self._take_some():
            pass

    def _take_some(self):
        if not self._process.ready:
            return False  # a Ctrl-C would end it: nothing catches that yet
        if self._process.running or self._mode == 'boot':
            before, control, after = self._input.partition(b'\x03')
            if control:
                self._input = after
                self._process.interrupt()
                return True
            # the rest is for later: programs have no stdin
            return False
        if self._mode == 'paste':
            return self._take_paste()
        if self._mode == 'raw':
            return self._take_raw()
        return self._take_friendly()

    def _take_friendly(self):
        match = re.search(rb'[\x01-\x05\r]', self._input)
        if not match:
            return False
        line = self._input[:match.start()]
        key = match[0]
        self._input = self._input[match.end():]
        if key == b'\x01':
            self._mode = 'raw'
            self._send(RAW_BANNER)
        elif key == b'\x04' and not line:
            self._send(b'\r\nMPY: soft reboot\r\n')
            self._boot(main=True)
        elif key == b'\r' and line.strip():
            self._send(line + b'\r\n')
            self._process.execute(
                b"exec(compile(%r, '<stdin>', 'single'))"
                % line.decode(errors='replace'))
        else:
            self._send(b'\r\n' + FRIENDLY_PROMPT)
        return True

    def _take_raw(self):
        if self._input.startswith(b'\x05'):
            if len(self._input) < 3:
                return False
            self._input = self._input[3:]
            self._mode = 'paste'
            self._pasted = b''
            self._window = 0
            self._send(b'R\x01' + WINDOW.to_bytes(2, 'little') + b'\x01')
            return True
        match = re.search(rb'[\x01-\x04]', self._input)
        if not match:
            return False
        code = self._input[:match.start()]
        key = match[0]
        self._input = self._input[match.end():]
        if key == b'\x01':
            self._send(RAW_BANNER)
        elif key == b'\x02':
            self._mode = 'friendly'
            self._send(b'\r\nMicroPython simulated board\r\n'
                       + FRIENDLY_PROMPT)
        elif key == b'\x04':
            code = code.lstrip(b'\r')
            self._send(b'OK')
            if code:
                self._process.execute(code)
            else:
                self._send(b'\r\nMPY: soft reboot\r\n')
                self._boot(main=False, raw=True)
        return True

    def _take_paste(self):
        match = re.search(rb'[\x03\x04]', self._input)
        data = self._input[:match.start()] if match else self._input
        self._pasted += data
        self._window += len(data)
        self._input = self._input[match.end():] if match else b''
        while self._window >= WINDOW:
            self._window -= WINDOW
            self._send(b'\x01')
        if match:
            self._mode = 'raw'
            self._send(b'\x04')
            if match[0] == b'\x03':
                self._send(b'\x04KeyboardInterrupt: \r\n\x04>')
            else:
                self._process.execute(self._pasted)
        return True


def board_like():
    """Return the interpreter that is most like a board's.

    :raises RuntimeError: there is none.
    """
    found = [each for each in interpreters.find() if each.has_event_loop]
    found.sort(key=lambda each: each.bits)
    if not found:
        raise RuntimeError('no MicroPython; see tools/interpreters.py')
    return found[0]


def main(argv=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description='Simulate a board.')
    parser.add_argument('flash', help='the folder that is its flash')
    parser.add_argument('--pty', action='store_true',
                        help='offer a pseudo-terminal instead of a TCP port')
    parser.add_argument('--kind', choices=sorted(KINDS),
                        help='be as strict as this board')
    parser.add_argument('--slow', action='store_true',
                        help='with --kind: write as slowly as its flash')
    parser.add_argument('--heap', default=HEAP,
                        help='bytes of heap (default: %(default)s)')
    parser.add_argument('--flash-size', type=int, default=FLASH_SIZE,
                        metavar='N',
                        help='bytes of flash (default: %(default)s, as a '
                             'Pico W has; 0: as much as the computer)')
    parser.add_argument('--rom-size', type=int, default=0, metavar='N',
                        help='bytes of a ROMFS partition (default: none)')
    options = parser.parse_args(argv)
    # kill, or a terminal that is closed: the board ends too
    for name in ('SIGTERM', 'SIGHUP'):
        signal.signal(getattr(signal, name), lambda *args: sys.exit())
    try:
        with Board(options.flash, options.heap, options.flash_size,
                   options.rom_size, pty=options.pty, kind=options.kind,
                   slow=options.slow) as board:
            print(board.device, flush=True)
            while True:
                # (a signal just before signal.pause() would not end it)
                time.sleep(1)
    except KeyboardInterrupt:
        pass


if __name__ == '__main__':
    sys.exit(main())

"""``--reload`` and ``--workers``: a process that serves nothing itself.

It holds the sockets, starts processes that serve on them, and starts others
in their place: when one dies, when files are saved, on SIGHUP. Since the
sockets stay open, no connection is refused meanwhile; it waits.

Each process is a new Python rather than a fork of this one, so that what it
imports is what is in the files now.
"""
from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from typing import Any

from . import CommandError
from .bus import Bus, Member
from .find import module_name, split
from .options import Settings
from .run import CHILD, announce, name_of
from .serving import tls_files
from .sharing import AVAILABLE, Board
from .sockets import Listening, open_sockets
from .terminal import Terminal
from .watch import Watcher

#: Deaths at the start, one after the other, after which there is no point.
MAX_DEATHS = 3
#: Seconds before another try after such a death; twice that after the next.
RETRY_S = 0.2
#: Seconds that one has lived, at least, for its place to be taken at once.
LIVED_S = 1
#: Seconds in which requests may finish when a file has been saved.
RELOAD_GRACE_S = 2
#: Seconds for an orderly end beyond what the application grants requests.
END_S = 5
#: Seconds between two tries to get a port that is in use, with ``--reload``.
PORT_S = 1
#: Processes that a place may have at a time: one that serves, one that is to
#: take its place, and those that finish what they do.
ROWS = 4
#: Seconds between two looks where nothing tells that a process has ended.
POLL_S = 0.1

POSIX = os.name == 'posix'


class Child:
    """A process that serves, or will."""

    def __init__(self, process: subprocess.Popen[bytes],
                 control: socket.socket | None, row: int,
                 member: Member | None) -> None:
        self.process = process
        self.control = control
        self.member = member  # of the bus
        self.row = row      # of the board
        self.began = time.monotonic()
        self.ready = False
        self.stopping = False
        self.deadline: float | None = None  # when it is killed
        self.grace = 10.0   # what the application grants requests
        self.error = ''     # what it says of its end
        self._data = b''

    def read(self) -> None:
        """Take what it says."""
        assert self.control
        try:
            data = self.control.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            self.hang_up()
            return
        *lines, self._data = (self._data + data).split(b'\n')
        for line in lines:
            message = json.loads(line)
            self.ready = self.ready or message.get('ready', False)
            self.grace = message.get('grace', self.grace)
            self.error = message.get('failed', self.error)

    def hang_up(self) -> None:
        if self.control:
            self.control.close()
            self.control = None

    def stop(self, grace: float | None = None) -> None:
        """Ask for its end, in an orderly way if it serves. It is killed if
        that takes too long."""
        if self.stopping:
            return
        self.stopping = True
        seconds = (self.grace if grace is None else grace) + END_S
        if grace is not None:
            seconds = grace
        self.deadline = time.monotonic() + seconds
        if not self.ready or not POSIX:
            self.process.terminate()
        self.hang_up()

    def describe_end(self) -> str:
        code = self.process.returncode
        if self.error or not POSIX:
            return self.error  # on Windows it has said so itself
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = 'signal %d' % -code
            return 'microdot: process %d was ended by %s' % (
                self.process.pid, name)
        return 'microdot: process %d ended with status %d' % (
            self.process.pid, code)


class Place:
    """Where one process serves at a time, or two while the second takes the
    first one's place."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.child: Child | None = None
        self.successor: Child | None = None
        self.start_at: float | None = 0.0  # None: not before something happens


class Supervisor:
    """Keeps the processes of one server running.

    :param settings: what the command line says.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.terminal = Terminal(sys.stderr)
        self.places = [Place(number)
                       for number in range(1, settings.workers + 1)]
        self.leaving: list[Child] = []      # have been replaced
        self.board = Board.create(ROWS * settings.workers) \
            if AVAILABLE and settings.workers > 1 else None
        self.listening: Listening | None = None
        self.tls: tuple[str, str] | None = None
        self.deaths = 0         # at the start, one after the other
        self.signals = 0        # that asked for the end
        self.status = 0
        self.generation = new_generation()
        self.started = False    # one has been, and has said what there is
        self.ending = False
        self.rolling: list[Place] = []      # still to be restarted
        self.hangup = False
        self.saved: list[str] = []
        self.retry_at = 0.0     # when the port is tried again
        self.shown = ''         # the last thing said of what is tried again
        self.selector = selectors.DefaultSelector()
        # What signals and the watcher write to, so that nothing is missed.
        self.bell, self.bell_push = socket.socketpair()
        self.bell.setblocking(False)
        self.bell_push.setblocking(False)
        self.selector.register(self.bell, selectors.EVENT_READ)
        self.bus = Bus(self.selector) \
            if POSIX and settings.workers > 1 else None

    # What happens outside

    def ring(self) -> None:
        try:
            self.bell_push.send(b'!')
        except OSError:
            pass  # it rings already

    def on_stop(self, number: int, frame: Any) -> None:
        self.signals += 1

    def on_hangup(self, number: int, frame: Any) -> None:
        self.hangup = True

    def on_saved(self, paths: list[str]) -> None:
        # (from the watcher's thread)
        self.saved = paths
        self.ring()

    def listen_to_signals(self) -> None:
        signal.set_wakeup_fd(self.bell_push.fileno(),
                             warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.on_stop)
        if POSIX:
            signal.signal(signal.SIGHUP, self.on_hangup)
            # (a handler, so that the bell rings)
            signal.signal(signal.SIGCHLD, lambda number, frame: None)

    # Starting

    def open(self) -> bool:
        """Open the sockets, and say where; return whether that worked."""
        try:
            self.tls = tls_files(self.settings)
            self.listening = open_sockets(self.settings, os.environ)
        except CommandError as error:
            if not self.settings.reload or self.settings.fd is not None:
                raise  # what it inherits does not change
            if error.text != self.shown:
                self.shown = error.text
                self.terminal.print(self.terminal.red('microdot: ') +
                                    error.text)
                self.terminal.print(self.terminal.dim(
                    '\nTrying again each second, and at the next save.'))
            self.retry_at = time.monotonic() + PORT_S
            return False
        announce(self.listening.sockets, bool(self.tls), self.settings)
        if not POSIX:
            # The next process opens it anew; port 0 has become a number.
            name = self.listening.sockets[0].getsockname()
            values = {**self.settings.values(), 'port': name[1]}
            self.settings = Settings(values)
            self.listening.close()
        return True

    def start(self) -> Child:
        """Start a process.

        :raises OSError: the system refuses that: there are too many open
                         files or processes, or there is no memory.
        """
        with contextlib.ExitStack() as undo:
            child = self.start_or_undo(undo)
            undo.pop_all()
        return child

    def start_or_undo(self, undo: contextlib.ExitStack) -> Child:
        assert self.listening
        row = min(set(range(ROWS * len(self.places))) -
                  {child.row for child in self.living()}, default=0)
        fds = [sock.fileno() for sock in self.listening.sockets] \
            if POSIX else []
        ours = theirs = None
        if POSIX:
            ours, theirs = socket.socketpair()
            undo.callback(ours.close)
            undo.callback(theirs.close)
            ours.setblocking(False)
        member = bus = None
        if self.bus:
            member, bus = self.bus.add()
            undo.callback(self.bus.drop, member)
            undo.callback(bus.close)
        boards = self.board.fds if self.board else []
        part = {
            'settings': self.settings.values(),
            'sockets': fds,
            'control': theirs.fileno() if theirs else None,
            'tls': self.tls,
            'quiet': self.started,
            'generation': self.generation,
            'board': boards,
            'row': row,
            'bus': [bus.fileno(), self.bus.life]
            if self.bus and bus else None,
        }
        process = self.spawn(part, [*fds, *boards], [
            sock for sock in (theirs, bus) if sock])
        self.started = True
        child = Child(process, ours, row, member)
        if ours:
            self.selector.register(ours, selectors.EVENT_READ, child)
        else:
            child.ready = True  # nobody would say so
        return child

    def spawn(self, part: dict[str, Any], fds: list[int],
              socks: list[socket.socket]) -> subprocess.Popen[bytes]:
        """Start the program that runs here once more.

        :param part: what it is told.
        :param fds: what it gets beside the sockets, which are its own then.
        """
        environ = {**os.environ, CHILD: json.dumps(part)}
        # A Ctrl-C goes to all processes of the terminal. One that is just
        # beginning could only answer with a traceback, so it gets that when
        # it has begun.
        if POSIX:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            return subprocess.Popen(
                [sys.executable, *sys.orig_argv[1:]], env=environ,
                pass_fds=[*fds, *(sock.fileno() for sock in socks)])
        finally:
            if POSIX:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
            for sock in socks:
                sock.close()

    # The loop

    def run(self) -> int:
        """Supervise until the end; return the exit status."""
        self.listen_to_signals()
        try:
            while not self.step():
                self.sleep()
            if not self.status:
                self.terminal.end()
        finally:
            for child in self.living():
                child.process.kill()
                child.process.wait()
            if self.listening:
                self.listening.close()
        return self.status

    def living(self) -> list[Child]:
        found = [child for place in self.places
                 for child in (place.child, place.successor) if child]
        return found + self.leaving

    def step(self) -> bool:
        """Do what is to be done now; return whether all is over."""
        if self.signals:
            self.end()
        self.reap()
        if self.ending:
            return not self.living()
        if self.listening is None:
            if not (self.saved or time.monotonic() >= self.retry_at):
                return False
            self.saved = []
            if not self.open():
                return False
        if self.saved:
            self.reload()
        if self.hangup:
            self.hangup = False
            self.roll_anew()
        self.roll()
        self.fill()
        return False

    def fill(self) -> None:
        """Start the processes whose time has come."""
        now = time.monotonic()
        for place in self.places:
            if place.child is None and place.start_at is not None and \
                    place.start_at <= now:
                place.start_at = None
                try:
                    place.child = self.start()
                    self.shown = ''
                except OSError as exc:
                    self.cannot_start(place, exc)

    def sleep(self) -> None:
        """Wait for something to happen, or for the next time at which
        something is to be done."""
        for key, events in self.selector.select(self.patience()):
            if isinstance(key.data, Member):
                assert self.bus
                self.bus.ready(key.data, events)
            elif key.data is None:
                try:
                    while self.bell.recv(4096):
                        pass
                except BlockingIOError:
                    pass
            else:
                self.hear(key.data)

    def patience(self) -> float | None:
        """Return the seconds until something is to be done, or ``None``."""
        times = [child.deadline for child in self.living()
                 if child.deadline is not None]
        times += [place.start_at for place in self.places
                  if place.child is None and place.start_at is not None]
        if self.listening is None:
            times.append(self.retry_at)
        timeout = max(min(times) - time.monotonic(), 0) if times else None
        if not POSIX:
            timeout = POLL_S if timeout is None else min(timeout, POLL_S)
        return timeout

    def hear(self, child: Child) -> None:
        sock = child.control
        if sock is None:
            return
        was_ready = child.ready
        child.read()
        if child.control is None:
            self.selector.unregister(sock)
        if child.ready and not was_ready:
            self.deaths = 0

    def forget(self, child: Child) -> None:
        """Take what it still has to say, and stop listening to it."""
        while child.control:
            self.hear_rest(child)

    def hear_rest(self, child: Child) -> None:
        sock = child.control
        assert sock
        try:
            before = child._data, child.error, child.ready
            child.read()
            if child.control and \
                    before == (child._data, child.error, child.ready):
                child.hang_up()
        finally:
            if child.control is None:
                self.selector.unregister(sock)

    # What ends

    def stop_child(self, child: Child, grace: float | None = None) -> None:
        if child.control and not child.stopping:
            self.selector.unregister(child.control)
        child.stop(grace)

    def end(self) -> None:
        """Let all finish what they do; at a second signal they do not."""
        self.ending = True
        if self.listening:
            # Who comes now would wait for the last of them, and then be cut:
            # a proxy can ask another instance at once.
            self.listening.close()
            self.listening = None
        for child in self.living():
            if self.signals > 1:
                child.process.kill()
            self.stop_child(child)

    def reap(self) -> None:
        """Look after the processes that have ended, or should have."""
        now = time.monotonic()
        for child in self.living():
            if child.process.poll() is None:
                if child.deadline is not None and child.deadline <= now:
                    self.kill_late(child)
                continue
            self.clear(child)
            if child in self.leaving:
                self.leaving.remove(child)
                continue
            for place in self.places:
                if place.successor is child:
                    place.successor = None
                    self.successor_died(child.describe_end())
                elif place.child is child:
                    place.child = None
                    self.child_died(place, child)

    def kill_late(self, child: Child) -> None:
        """End a process that has had its time to end."""
        child.deadline = None
        child.process.kill()
        if not self.settings.reload:
            self.say('process %d has not ended in time, and is killed'
                     % child.process.pid)

    def clear(self, child: Child) -> None:
        """Take back what a process that has ended had."""
        if child.control:
            self.forget(child)
        if self.board:
            self.board.clear(child.row)
        if self.bus and child.member:
            self.bus.remove(child.member)

    def child_died(self, place: Place, child: Child) -> None:
        if child.stopping:
            place.start_at = 0.0
        elif self.settings.reload:
            self.wait_for_save(child)
        elif place.successor:
            place.child, place.successor = place.successor, None
        elif child.ready:
            self.say('worker %d: %s; another takes its place' % (
                place.number, ends(child)))
            lived = time.monotonic() - child.began
            place.start_at = time.monotonic() + max(LIVED_S - lived, 0)
        else:
            self.died_at_start(place, child.describe_end())

    def cannot_start(self, place: Place, exc: OSError) -> None:
        """Try again later, as long as others serve."""
        text = 'cannot start a process: %s' % (exc.strerror or exc)
        if not self.living():
            self.died_at_start(place, 'microdot: ' + text)
            return
        place.start_at = time.monotonic() + LIVED_S
        if text != self.shown:
            self.shown = text
            self.say(text + '; trying again each second')

    def died_at_start(self, place: Place, why: str) -> None:
        self.deaths += 1
        if self.deaths >= MAX_DEATHS:
            if not self.ending:
                self.terminal.print(why)
                self.say('%d deaths at the start: that is the end'
                         % self.deaths)
            self.status = 1
            self.end()
        else:
            place.start_at = time.monotonic() + \
                RETRY_S * 2 ** (self.deaths - 1)

    def wait_for_save(self, child: Child) -> None:
        """Show why it ended; the next save starts another."""
        if child.ready and child.process.returncode == 0:
            self.end()  # the program has ended itself
            return
        text = child.describe_end()
        if text:
            self.terminal.print('\n' + text)
        self.terminal.print(self.terminal.dim(
            '\nWaiting for the next save.'))

    def say(self, text: str) -> None:
        self.terminal.print(self.terminal.yellow('microdot: ') + text)

    # Restarts

    def reload(self) -> None:
        """Start all again, since files were saved."""
        paths, self.saved = self.saved, []
        self.generation = new_generation()
        names = ', '.join(map(os.path.basename, paths[:3]))
        if len(paths) > 3:
            names += ' and %d more' % (len(paths) - 3)
        self.terminal.print(self.terminal.dim(
            'microdot: %s saved, starting again' % names))
        for place in self.places:
            if place.child:
                self.stop_child(place.child, RELOAD_GRACE_S)
            else:
                place.start_at = 0.0

    def roll_anew(self) -> None:
        """Begin to restart them all, also where one from before does not
        come to serve."""
        self.rolling = [place for place in self.places if place.child]
        for place in self.places:
            if place.successor and not place.successor.ready:
                self.leaving.append(place.successor)
                self.stop_child(place.successor, RELOAD_GRACE_S)
                place.successor = None

    def roll(self) -> None:
        """Go on with restarting one after the other: the new one serves
        before the old one is told to end."""
        while self.rolling:
            place = self.rolling[0]
            if place.child is None:
                self.rolling.pop(0)  # it is new anyway
            elif place.successor is None:
                try:
                    place.successor = self.start()
                except OSError as exc:
                    self.successor_died('microdot: cannot start a process: %s'
                                        % (exc.strerror or exc))
                return
            elif place.successor.ready:
                self.rolling.pop(0)
                self.leaving.append(place.child)
                self.stop_child(place.child)
                place.child, place.successor = place.successor, None
                if not self.rolling:
                    self.say('all workers have been restarted')
            else:
                return

    def successor_died(self, why: str) -> None:
        if self.ending:
            return
        self.rolling.clear()
        self.terminal.print(why)
        self.say('the workers go on as they were')


def new_generation() -> str:
    """Return a name for the processes that are started from now on."""
    return '%x' % time.time_ns()


def ends(child: Child) -> str:
    return child.describe_end().partition('microdot: ')[2] or \
        'process %d ended' % child.process.pid


def watched(settings: Settings) -> tuple[list[str], list[str]]:
    """Return the folders and files whose changes matter."""
    folders = [os.getcwd()]
    files = []
    try:
        folders.append(module_name(split(name_of(settings))[0])[1])
    except CommandError:
        pass  # the child will say so
    if settings.env:
        files.append(settings.env)
    return folders, files


def supervise(settings: Settings) -> int:
    """Serve with several processes, or with one that is started again when
    files are saved; return the exit status."""
    try:
        supervisor = Supervisor(settings)
    except OSError as exc:
        raise CommandError('--workers %d: %s' % (
            settings.workers, exc.strerror or exc), 1) from None
    if settings.reload:
        Watcher(*watched(settings), supervisor.on_saved).start()
    return supervisor.run()

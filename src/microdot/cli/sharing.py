"""Workers that accept on one socket share the connections fairly.

All wake when a connection comes, and whoever is first takes it. Left alone,
that gives one of them most connections that stay open, and wakes the others
for nothing. So each tells the others, in memory that all have, how many it
has and has had. One takes a run of them, as what comes together costs less
together, while the others look away. Who is ahead then looks away as well, and
rings for one that does. Where connections stay open, or take long, runs are
short; where each costs more than a run saves, there are none, so that all
work. A worker that does not keep up is not waited for.
"""
from __future__ import annotations

import asyncio
import mmap
import os
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Any

#: How much more a worker may have than another, before it looks away: of the
#: open connections of both, and connections accepted.
OPEN_AHEAD = 0.1
ACCEPTED_AHEAD = 8
#: Where many come, and are soon closed, runs are longer: a worker may be ahead
#: by so much of what came in the last second, and at most by so many. Two
#: servers that take turns of 64 need a tenth more than one alone, with turns
#: of 16 a third: what they need is in the caches of their processor then.
OF_SECOND = 1 / 16
MOST_AHEAD = 32
#: Seconds of work, and connections, that it may have open more, where so many
#: of those that come are soon closed.
WORK_AHEAD_S = 0.004
SHORT_AHEAD = 32
SOON_CLOSED = 0.5
#: Seconds of work that a short connection is, from which on nobody looks away
#: while another one takes a run. What a run saves is a small part of them, and
#: who is free is to work.
CHEAP_S = 0.0003
#: Connections by which that is measured.
MEASURED = 64
#: Seconds after which it looks again whether the others do take them.
AWAY_S = 0.05
#: Where what comes takes its time, that is twice what one takes, at least so
#: many: it may be done, and those that it looked away for are not.
LEAST_AWAY_S = 0.001
#: Seconds for which those that did not are not waited for.
STUCK_S = 0.5
#: Seconds between two times at which it tells how many it has, if any.
NEWS_S = 0.02

#: Of each worker: its state, open connections, all that it has accepted.
_ROW = struct.Struct('=qqq')
_ABSENT, _LISTENS, _AWAY = range(3)

#: Whether the system has what this takes: Linux does.
AVAILABLE = hasattr(select, 'epoll') and hasattr(os, 'eventfd')


class Board:
    """What workers tell one another: a row for each in memory that they
    share, and a bell.

    :param fds: files that :meth:`create` has made: the memory, and a bell for
                each row.
    """

    def __init__(self, fds: list[int]) -> None:
        self.fds = fds
        self.memory = mmap.mmap(fds[0], 0)
        self.bells = fds[1:]

    @classmethod
    def create(cls, count: int) -> Board:
        """Make a board of *count* rows."""
        memory = os.memfd_create('microdot')
        os.ftruncate(memory, count * _ROW.size)
        return cls([memory] + [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
                               for _ in range(count)])

    def write(self, row: int, state: int, opened: int,
              accepted: int) -> None:
        _ROW.pack_into(self.memory, row * _ROW.size, state, opened, accepted)

    def clear(self, row: int) -> None:
        """Forget a worker that is no more."""
        self.write(row, _ABSENT, 0, 0)

    def others(self, row: int) -> list[tuple[int, int, int, int]]:
        """Return row, state, open and accepted connections of the others
        that serve."""
        return [(other, *found) for other, found in enumerate(
            _ROW.iter_unpack(self.memory)) if found[0] and other != row]

    def ring(self, row: int) -> None:
        """Wake a worker that has looked away."""
        os.eventfd_write(self.bells[row], 1)

    def silence(self, row: int) -> None:
        """Stop the bell of a worker."""
        try:
            os.eventfd_read(self.bells[row])
        except BlockingIOError:
            pass  # it did not ring


def _accepted(entry: tuple[int, int, int]) -> int:
    return entry[2]


class Share:
    """What one worker has taken, and whether that is more than its share.

    :param board: what the workers tell one another.
    :param row: the row of this one.
    :param count_open: gives the number of open connections.
    """

    def __init__(self, board: Board, row: int,
                 count_open: Callable[[], int]) -> None:
        self.board = board
        self.row = row
        self.count_open = count_open
        self.listeners: list[SharedListener] = []
        self.state = _LISTENS
        self.accepted = max(
            [accepted for *_, accepted in board.others(row)], default=0)
        # Those that did not take what they might have, and how many they had
        # accepted by then.
        self.stuck: dict[int, int] = {}
        self.stuck_until = 0.0
        self.seen: dict[int, int] = {}
        # Connections that may be taken before anything is looked up again.
        self.credit = 0
        # How many more it may have open, and since when that is measured.
        self.open_ahead = 1
        # How many more it may have accepted, and when it had measured.
        self.ahead = ACCEPTED_AHEAD
        # Whether what comes is left to who is at it, and for how long.
        self.in_runs = True
        self.away_s = AWAY_S
        self.times: deque[float] = deque(maxlen=64)
        self.measured = time.process_time(), self.accepted, count_open()
        self.away: asyncio.TimerHandle | None = None
        self.news: asyncio.TimerHandle | None = None
        board.silence(row)
        self.publish()
        # How many the others had accepted when this one last took one, or
        # began to listen: who has more is at it.
        self.last = self.counts()

    def publish(self) -> int:
        """Tell the others how many there are here; return that."""
        opened = self.count_open()
        self.board.write(self.row, self.state, opened, self.accepted)
        if opened and self.news is None:
            # Nothing tells that a connection has been closed.
            self.news = asyncio.get_running_loop().call_later(
                NEWS_S, self.publish_again)
        return opened

    def publish_again(self) -> None:
        self.news = None
        self.publish()

    def took_one(self) -> None:
        self.accepted += 1
        self.credit -= 1
        self.publish()

    def measure(self) -> None:
        """See what a connection costs here, and how many more than another
        worker this one may have open for that."""
        used, accepted, opened = self.measured
        count = self.accepted - accepted
        if count < MEASURED:
            return
        self.measured = now, _, more = \
            time.process_time(), self.accepted, self.count_open()
        cost = max((now - used) / count, 1e-6)
        self.times.append(time.monotonic())
        self.open_ahead = 1
        self.ahead = ACCEPTED_AHEAD
        self.in_runs = True
        self.away_s = AWAY_S
        if 1 - (more - opened) / count >= SOON_CLOSED:
            worth = int(WORK_AHEAD_S / cost)
            self.open_ahead = max(1, min(SHORT_AHEAD, worth))
            # (of all workers, as each takes its share)
            second = sum(each > self.times[-1] - 1 for each in self.times) * \
                MEASURED * (1 + len(self.board.others(self.row)))
            self.ahead = max(self.ahead, min(
                MOST_AHEAD, 2 * worth, int(second * OF_SECOND)))
        if cost > CHEAP_S:
            self.in_runs = False
            self.open_ahead = 1
            self.away_s = min(AWAY_S, max(LEAST_AWAY_S, 2 * cost))

    def behind(self) -> list[tuple[int, int, int]]:
        """Return row, state and accepted connections of those that are to
        have the next connection rather than this one."""
        opened = self.publish()
        self.credit = self.open_ahead
        if self.stuck and time.monotonic() > self.stuck_until:
            self.stuck = {}
        found = []
        for row, state, theirs, accepted in self.board.others(self.row):
            ahead = self.accepted - accepted
            if -ahead > 2 * MOST_AHEAD:
                # This one has been away for long, which is not made up for.
                self.accepted = accepted - self.ahead
                self.measured = time.process_time(), self.accepted, opened
            more = opened + 1 - theirs
            slack = max(self.open_ahead, OPEN_AHEAD * (opened + theirs))
            runs = self.in_runs and state == _LISTENS and \
                accepted != self.last.get(row, accepted) and \
                ahead > -MOST_AHEAD and more > 1 - slack
            if self.stuck.get(row) != accepted and (
                    runs or more > slack or
                    ahead >= self.ahead and opened >= theirs):
                found.append((row, state, accepted))
            self.credit = min(self.credit, self.ahead - ahead,
                              int(slack) - more)
        return found

    def counts(self) -> dict[int, int]:
        """Return how many the others have accepted, by row."""
        return {row: accepted
                for row, *_, accepted in self.board.others(self.row)}

    def leaves_it(self) -> bool:
        """Look away if another worker is to have the next connection, and
        see to it that one listens; return whether that is so."""
        if self.away is not None:
            # The bell: another one leaves it to this one.
            self.listen()
        self.measure()
        if not self.behind():
            self.last = self.counts()
            return False
        self.seen = self.counts()
        for listener in self.listeners:
            listener.ignore()
        self.state = _AWAY
        behind = self.behind()
        self.credit = 0
        # (asked again since this one is known to look away: were another one
        # to do so in the same moment, one of both would notice)
        if behind:
            if all(state == _AWAY for _, state, _ in behind):
                self.board.ring(min(behind, key=_accepted)[0])
        elif all(state == _AWAY for _, state, *_ in
                 self.board.others(self.row)):
            self.listen()
            return False
        self.wait()
        return True

    def listen(self) -> None:
        """Look for connections again."""
        if self.away:
            self.away.cancel()
            self.away = None
        self.board.silence(self.row)
        self.state = _LISTENS
        self.last = self.counts()
        self.publish()
        for listener in self.listeners:
            listener.listen()

    def wait(self) -> None:
        self.away = asyncio.get_running_loop().call_later(
            self.away_s, self.look_again)

    def look_again(self) -> None:
        """See whether the others have taken what has come."""
        counts = self.counts()
        moved = counts != self.seen
        if moved and self.behind():
            # They work, and are still behind.
            self.seen = counts
            self.wait()
            return
        self.listen()
        if not moved and any(listener.has_some()
                             for listener in self.listeners):
            # Nobody has taken it.
            self.stuck = counts
            self.stuck_until = time.monotonic() + STUCK_S

    def end(self) -> None:
        for timer in (self.away, self.news):
            if timer:
                timer.cancel()
        self.board.clear(self.row)
        # It may have been this one's turn.
        for row, *_ in self.board.others(self.row):
            self.board.ring(row)


class SharedListener:
    """A listening socket that others accept on as well.

    It is for the server what the socket would be: ``accept()`` and
    ``fileno()``, which can be waited for.
    """

    def __init__(self, sock: socket.socket, share: Share) -> None:
        self.sock = sock
        self.share = share
        self.took = False  # one, since this was last woken
        # This can be waited for like a socket, and be deaf for a while.
        self.poll = select.epoll()
        self.poll.register(sock, select.EPOLLIN)
        if not share.listeners:
            self.poll.register(share.board.bells[share.row], select.EPOLLIN)
        share.listeners.append(self)

    def fileno(self) -> int:
        return -1 if self.poll.closed else self.poll.fileno()

    def getsockname(self) -> Any:
        return self.sock.getsockname()

    def accept(self) -> tuple[socket.socket, Any]:
        """Return what ``socket.accept()`` does.

        :raises BlockingIOError: there is no connection, or another worker is
                                 to take it.
        """
        share = self.share
        if share.credit <= 0 and share.leaves_it():
            raise BlockingIOError
        try:
            found = self.sock.accept()
        except BlockingIOError:
            if not self.took:
                # It was the bell, or another one was faster.
                share.board.silence(share.row)
            self.took = False
            raise
        self.took = True
        share.took_one()
        return found

    def ignore(self) -> None:
        self.poll.modify(self.sock, 0)

    def listen(self) -> None:
        self.poll.modify(self.sock, select.EPOLLIN)

    def has_some(self) -> bool:
        """Tell whether there is a connection to be accepted."""
        return bool(self.poll.poll(0))

    def close(self) -> None:
        """Accept no more, and let the others know."""
        if self.poll.closed:
            return
        self.share.listeners.remove(self)
        if not self.share.listeners:
            self.share.end()
        self.poll.close()
        self.sock.close()

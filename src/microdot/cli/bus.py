"""What workers publish, handed to all of them by the supervisor.

Messages get their numbers here, so that all workers have them in one order,
and the history is kept here for workers that begin later. See ``_bus.py``.
"""
from __future__ import annotations

import contextlib
import os
import selectors
import socket
from collections import Counter, deque
from typing import Any

from .. import _bus as _untyped_bus
from .. import _pubsub as _untyped_hubs

_bus: Any = _untyped_bus
_pubsub: Any = _untyped_hubs

#: Bytes that wait for a worker which does not read. What comes then is left
#: out; it gets what the history has of that when it reads again.
MAX_BEHIND = 16 * 1024 * 1024


class Shared:
    """A hub that workers have together."""

    def __init__(self) -> None:
        # (what it holds is the history; nobody listens to it)
        self.hub = _pubsub.Hub()
        self.counts: Counter[str] = Counter()  # all listeners, by topic

    def join(self, history: int, max_history: int) -> None:
        self.hub.history = max(history, self.hub.history)
        self.hub.max_history = max_history

    def take(self, topic: str, data: bytes, form: bytes) -> int:
        """Keep a message; return its number."""
        self.hub.number += 1
        if self.hub.history:
            self.hub.keep([self.hub.number, topic, form, data])
        return int(self.hub.number)

    def since(self, number: int) -> list[tuple[int, str, bytes, bytes]]:
        """Return what the history has after a number."""
        return [(each[0], each[1], each[2], each[3])
                for each in self.hub.missed('*', '') if each[0] > number]


class Member:
    """The way to a worker."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.unpacker = _bus.Unpacker()
        self.events = selectors.EVENT_READ
        self.sent: dict[str, int] = {}     # its hubs, and the last message
        self.counts: dict[tuple[str, str], int] = {}
        # What it is to get, and whether that is a message: hub and number.
        self.waiting: deque[tuple[bytes, str, int]] = deque()
        self.waiting_bytes = 0
        self.rest = b''
        self.behind = False                # something has been left out

    def send(self, said: bytes, name: str = '', number: int = 0) -> None:
        """Send when that can be done without waiting."""
        if self.behind or self.waiting_bytes > MAX_BEHIND:
            self.behind = True
            return
        self.waiting.append((said, name, number))
        self.waiting_bytes += len(said)

    def flush(self) -> bool:
        """Send as much as goes; return whether that is all.

        :raises OSError: the worker is no more.
        """
        while self.rest or self.gather():
            try:
                self.rest = self.rest[self.sock.send(self.rest):]
            except BlockingIOError:
                return False
        return True

    def gather(self) -> bytes:
        """Return what is to be sent next."""
        parts = []
        size = 0
        while self.waiting and size < _bus.PIECE:
            said, name, number = self.waiting.popleft()
            parts.append(said)
            size += len(said)
            if number:
                self.sent[name] = number
        self.waiting_bytes -= size
        self.rest = b''.join(parts)
        return self.rest


class Bus:
    """All workers, and the hubs that they share."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self.selector = selector
        self.life = os.urandom(4).hex()
        self.hubs: dict[str, Shared] = {}
        self.members: list[Member] = []

    def add(self) -> tuple[Member, socket.socket]:
        """Return a new member, and the other end of its socket."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        member = Member(ours)
        self.members.append(member)
        self.selector.register(ours, selectors.EVENT_READ, member)
        return member, theirs

    def remove(self, member: Member) -> None:
        """Forget a worker that is no more, after what it has still said."""
        while member in self.members and self.read(member):
            pass
        self.drop(member)
        self.flush()

    def drop(self, member: Member) -> None:
        if member not in self.members:
            return
        self.members.remove(member)
        self.selector.unregister(member.sock)
        member.sock.close()
        for (name, topic), count in member.counts.items():
            self.change(member, name, topic, -count)

    def ready(self, member: Member, events: int) -> None:
        """Read from a worker, and write to all that can be written to."""
        if events & selectors.EVENT_READ:
            self.read(member)
        self.flush()

    def flush(self) -> None:
        for member in list(self.members):
            with contextlib.suppress(OSError):
                whole = member.flush()
                while whole and member.behind:
                    self.catch_up(member)
                    whole = member.flush()
                events = selectors.EVENT_READ if whole else \
                    selectors.EVENT_READ | selectors.EVENT_WRITE
                if events != member.events:
                    member.events = events
                    self.selector.modify(member.sock, events, member)

    def read(self, member: Member) -> bool:
        """Take what a worker says; return whether it has said something."""
        try:
            piece = member.sock.recv(_bus.PIECE)
        except BlockingIOError:
            return False
        except OSError:
            piece = b''
        if not piece:
            self.drop(member)
            return False
        for kind, name, topic, data, number, form in \
                member.unpacker.feed(piece):
            shared = self.hubs.setdefault(name, Shared())
            if kind == _bus.JOIN:
                shared.join(number, int(data))
                self.bring(member, name, 0)
            elif kind == _bus.COUNT:
                before = member.counts.pop((name, topic), 0)
                if number:
                    member.counts[name, topic] = number
                self.change(member, name, topic, number - before)
            else:
                self.publish(name, shared, topic, data, form)
        return True

    def publish(self, name: str, shared: Shared, topic: str, data: bytes,
                form: bytes) -> None:
        """Hand a message to all that have the hub."""
        number = shared.take(topic, data, form)
        said = _bus.pack(_bus.MESSAGE, name, topic, data, number, form)
        for member in self.members:
            if name in member.sent:
                member.send(said, name, number)

    def change(self, member: Member, name: str, topic: str,
               more: int) -> None:
        """Let the others know how many listen to a topic."""
        counts = self.hubs[name].counts
        counts[topic] += more
        for other in self.members:
            if other is not member and name in other.sent:
                self.tell_count(other, name, topic)
        if not counts[topic]:
            del counts[topic]

    def tell_count(self, member: Member, name: str, topic: str) -> None:
        others = self.hubs[name].counts[topic] - \
            member.counts.get((name, topic), 0)
        member.send(_bus.pack(_bus.COUNT, name, topic, number=others))

    def bring(self, member: Member, name: str, number: int) -> None:
        """Let a worker have what the history of a hub has after a number,
        and know how many listen elsewhere."""
        shared = self.hubs[name]
        member.sent.setdefault(name, 0)
        for found, topic, form, data in shared.since(number):
            member.send(_bus.pack(_bus.MESSAGE, name, topic, data, found,
                                  form), name, found)
        member.send(_bus.pack(_bus.JOIN, name, number=shared.hub.number),
                    name, shared.hub.number)
        for topic in list(shared.counts):
            self.tell_count(member, name, topic)

    def catch_up(self, member: Member) -> None:
        """Let a worker that reads again have what was left out, as far as
        the history has it."""
        member.behind = False
        member.send(_bus.pack(_bus.RESET, ''))
        for name, number in list(member.sent.items()):
            self.bring(member, name, number)

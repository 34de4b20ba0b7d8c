"""CPython's hub, for many listeners: ``pubsub.py`` takes its names from here.

Whoever forwards to a connection is a sink: a message is encoded once for all
connections of a kind, and written at once to each that keeps up. Only behind
a full one it waits in a queue, which is bounded, so that a slow listener
delays nobody but itself. An entry is what is handed on: a list ``[number,
topic, message, its bytes, as a frame of WebSocket, as an event]``, the last
two ``None`` until a listener needs them.
"""
import asyncio
import contextlib
import json
import os
from collections import OrderedDict, deque
from threading import get_ident
from typing import Any

from . import _bus
from .microdot import dump_json

_TEXT = 1
_BINARY = 2
#: Code of a Close frame: try again later.
TOO_SLOW = 1013
# Places in an entry.
_WS = 4
_SSE = 5


def _size(entry):
    # Bytes that an entry of the history is taken to need.
    return len(entry[1]) + len(entry[3]) + 100


class Hub:
    """Hands each message to all who listen to its topic.

    ``counters`` is a dict: ``published`` and ``delivered`` messages, those
    ``dropped`` and listeners ``closed`` because they did not keep up.

    :param queue: messages that wait for a listener.
    :param full: when there are more it loses the ``'oldest'``, or is closed:
                 ``'close'``.
    :param history: messages kept of each topic, for those who connect again.
    """
    #: Bytes that a message may have, encoded.
    max_message = 512 * 1024
    #: Bytes of the history, each message counted as 100 more than it has.
    max_history = 16 * 1024 * 1024
    #: Characters that a topic may have.
    max_topic = 128
    #: Messages from other threads that have not been handed on yet.
    max_pending = 10000
    #: Bytes of messages that wait to be sent to other workers, or to Redis;
    #: more lose the oldest.
    max_unsent = 16 * 1024 * 1024
    #: Whether the workers of ``microdot run --workers`` have it together.
    joins = True

    def __init__(self, queue=64, full='oldest', history=0):
        if full not in ('oldest', 'close'):
            raise ValueError("full is 'oldest' or 'close', not %r" % (full,))
        if queue < 1 or history < 0:
            raise ValueError(
                'queue is at least 1 and history at least 0, not %r and %r'
                % (queue, history))
        self.queue = queue
        self.closes = full == 'close'
        self.history = history
        self.counters = {'published': 0, 'delivered': 0, 'dropped': 0,
                         'closed': 0}
        self.number = 0
        # An id begins with this: one of another life is none of this.
        self.life = '%x' % int.from_bytes(os.urandom(4), 'big')
        self.kept = OrderedDict()  # that silent for longest is the first
        self.kept_bytes = 0
        self.listeners = {}        # sets, by what they have subscribed to
        self.late = {}             # who has had which before they arrive
        self.pending: Any = deque()
        self.thread = get_ident()
        self.loop = None
        self.line = _bus.line if self.joins else None
        # Its name among the processes that have it together.
        self.shared = self.line and self.line.join(self)
        if self.shared:
            self.life = self.line.life
            self.joined = asyncio.Event()
        else:
            self.line = None

    def publish(self, topic, message):
        """Hand a message to all who listen. Never waits, and may be called
        from any thread: those of one thread keep their order.

        :param message: ``str``, ``bytes`` or what JSON knows. Listeners share
                        it: nobody may change it.
        :raises ValueError: it is longer than ``max_message``, or the topic is
                            malformed.
        :raises TypeError: JSON does not know it.
        """
        self.check_topic(topic)
        if '*' in topic:
            raise ValueError('publish to one topic, without *: %r' % topic)
        if isinstance(message, str):
            data = message.encode()
        elif isinstance(message, (bytes, bytearray, memoryview)):
            message = data = bytes(message)
        else:
            data = dump_json(message)
        if len(data) > self.max_message:
            raise ValueError(
                'a message of %d bytes for %r: %s.max_message is %d' % (
                    len(data), topic, type(self).__name__, self.max_message))
        if get_ident() == self.thread:
            self.accept(topic, message, data)
            return
        if len(self.pending) >= self.max_pending:
            # (the loop may have handed on all of them meanwhile)
            with contextlib.suppress(IndexError):
                self.pending.popleft()
                self.counters['dropped'] += 1
        self.pending.append((topic, message, data))
        if self.loop:
            try:
                self.loop.call_soon_threadsafe(self.drain)
            except RuntimeError:
                pass  # that loop has ended; the next listener has another

    def check_topic(self, topic):
        """:raises ValueError: it is empty or too long."""
        if not 0 < len(topic) <= self.max_topic:
            raise ValueError('a topic has 1 to %d characters '
                             '(Hub.max_topic), not %d' % (
                                 self.max_topic, len(topic)))

    def drain(self):
        """Hand on what other threads have published."""
        while self.pending:
            self.accept(*self.pending.popleft())

    def subscribe(self, topic, after=None):
        """Return a :class:`Listener`, for ``async with``.

        :param topic: a topic, or the begin of topics and ``*``: ``room/*``
                      has ``room/1/2``.
        :param after: the id of the last event that it got: what is kept since
                      then comes first. ``''``: all that is kept.
        :raises ValueError: the topic is malformed.
        """
        return Listener(self, topic, after)

    async def forward(self, out, topic, after=None):
        """Send all messages to a WebSocket or SSE, until that is closed.
        Events have ids.

        :param topic: as in :meth:`subscribe`.
        :param after: as there; ``None``: what the client has sent as
                      ``Last-Event-ID``.
        """
        async with Sink(self, topic, after, out) as sink:
            await sink.run()

    def count(self, topic):
        """Return how many listeners would get a message of a topic, those of
        other workers too."""
        count = sum(map(len, self.find(topic)))
        return count + self.line.count_others(self, topic) \
            if self.line else count

    # What another kind of hub replaces.

    def start(self):
        """Called in the loop when somebody begins to listen."""

    async def enter(self, listener):
        """Called when it listens, before it gets anything."""

    def accept(self, topic, message, data):
        """Take what was published, in the thread of the loop."""
        if self.line:
            self.line.publish(self, topic, data, self.form(message, data))
            return
        self.number += 1
        self.arrive(self.number, topic, message, data)

    def position(self, event_id):
        """Return the number of an event from its id; 0: of another life."""
        life, _, number = event_id.partition('-')
        good = life == self.life and number.isascii() and number.isdigit()
        return int(number) if good and len(number) < 20 else 0

    def event_id(self, number):
        """Return the id of an event from its number."""
        return '%s-%d' % (self.life, number)

    # Between processes.

    @staticmethod
    def form(message, data):
        """Return what tells others how to read a message: bytes, text or
        JSON."""
        return b'b' if message is data else \
            b's' if isinstance(message, str) else b'j'

    @staticmethod
    def decode(form, data):
        """Return a message from its form and its bytes."""
        return data if form == b'b' else data.decode() if form == b's' \
            else json.loads(data)

    def count_own(self, name):
        """Return how many have subscribed here to just this."""
        return len(self.listeners.get(name, ()))

    @staticmethod
    def names(topic):
        """Return all that one may have subscribed to to get a topic."""
        return [topic, *(topic[:end] + '*' for end in range(len(topic) + 1))]

    def enter_loop(self, loop):
        """Belong to a loop from now on."""
        self.loop = loop
        self.thread = get_ident()
        self.drain()

    # Handing on.

    def arrive(self, number, topic, message, data):
        """Hand a message to the listeners of this process."""
        entry = [number, topic, message, data, None, None]
        counters = self.counters
        counters['published'] += 1
        if self.history:
            self.keep(entry)
        for listeners in self.find(topic):
            if self.late:
                listeners = [each for each in listeners
                             if number not in self.late.get(each, ())]
            counters['delivered'] += len(listeners)
            for listener in listeners:
                listener.take(entry)

    def keep(self, entry):
        """Add to the history."""
        kept = self.kept
        entries = kept.pop(entry[1], None)
        if entries is None:
            entries = deque()
        kept[entry[1]] = entries
        entries.append(entry)
        self.kept_bytes += _size(entry)
        if len(entries) > self.history:
            self.kept_bytes -= _size(entries.popleft())
        while self.kept_bytes > self.max_history:
            topic = next(iter(kept))
            self.kept_bytes -= _size(kept[topic].popleft())
            if not kept[topic]:
                del kept[topic]

    def missed(self, topic, after):
        """Return what the history has since an event, oldest first."""
        begin = self.position(after)
        names = [name for name in self.kept if name.startswith(topic[:-1])] \
            if topic[-1] == '*' else [topic]
        found = [entry for name in names for entry in self.kept.get(name, ())
                 if not begin or entry[0] > begin]
        found.sort(key=lambda entry: entry[0])
        return found

    def find(self, topic):
        """Return the sets of listeners that a topic has."""
        return [found for found in map(self.listeners.get, self.names(topic))
                if found]

    def add(self, listener):
        """Let a listener have what it has missed, and all from now on."""
        loop = asyncio.get_running_loop()
        if loop is not self.loop:
            if self.loop and self.listeners and not self.loop.is_closed():
                raise RuntimeError('the listeners of a hub are in one event '
                                   'loop; this is another')
            self.listeners.clear()
        self.start()
        self.enter_loop(loop)
        if listener.after is not None:
            listener.replay(self.missed(listener.topic, listener.after))
        self.listeners.setdefault(listener.topic, set()).add(listener)
        if self.line:
            self.line.count(self, listener.topic)

    def remove(self, listener):
        """Let a listener have nothing more."""
        found = self.listeners.get(listener.topic)
        if found:
            found.discard(listener)
            if not found:
                del self.listeners[listener.topic]
            if self.line:
                self.line.count(self, listener.topic)


class Listener:
    """An asynchronous iterator of ``(topic, message)``. It ends where it was
    closed, as it did not keep up."""
    closed = False
    waits = False  # something is in the queue, or on the way out of it

    def __init__(self, hub, topic, after=None):
        hub.check_topic(topic)
        if '*' in topic[:-1]:
            raise ValueError('a * ends a topic: %r' % topic)
        self.hub = hub
        self.topic = topic
        self.after = after
        # (a list and a future, as most wait all the time: a deque and an
        # Event, which has another, take 1.4 KB more)
        self.queue = []
        self.most = hub.queue
        self.waiter = None

    async def __aenter__(self):
        if self.hub.line:
            await self.hub.joined.wait()  # it has the history
        self.hub.add(self)
        try:
            await self.hub.enter(self)
        except BaseException:
            self.hub.remove(self)
            raise
        return self

    async def __aexit__(self, *args):
        self.hub.remove(self)

    def __aiter__(self):
        return self

    async def __anext__(self):
        entry = await self.next()
        if entry is None:
            raise StopAsyncIteration
        return entry[1], entry[2]

    async def next(self):
        """Return the next entry; ``None``: it is closed."""
        while not self.queue:
            self.waits = False
            if self.closed:
                return None
            if self.waiter and not self.waiter.done():
                raise RuntimeError('one task at a time takes messages from a '
                                   'listener: subscribe once for each')
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
        return self.queue.pop(0)

    def wake(self):
        """Let :meth:`next` go on."""
        if self.waiter and not self.waiter.done():
            self.waiter.set_result(None)

    def replay(self, entries):
        """Begin with these."""
        self.queue.extend(entries)
        self.most += len(entries)
        self.waits = len(entries) > 0

    def take(self, entry):
        """Take an entry. Never waits."""
        if self.closed:
            return
        if len(self.queue) >= self.most:
            counters = self.hub.counters
            counters['dropped'] += 1
            if self.hub.closes:
                counters['closed'] += 1
                self.end()
                return
            self.queue.pop(0)
        self.waits = True
        self.queue.append(entry)
        self.wake()

    def end(self):
        """Close it, as it does not keep up."""
        self.closed = True
        self.queue.clear()
        self.wake()


class Sink(Listener):
    """Forwards to a WebSocket or SSE, called *out*."""
    ending = None

    def __init__(self, hub, topic, after, out):
        if after is None:
            after = getattr(out, 'last_event_id', None)
        super().__init__(hub, topic, after)
        self.out = out
        self.kind = _WS if hasattr(out, 'receive') else _SSE

    def take(self, entry):
        out = self.out
        if out.closed:
            self.closed = True
            self.wake()
        elif self.waits or not out.direct or not out.direct(
                entry[self.kind] or self.encode(entry)):
            super().take(entry)

    def encode(self, entry):
        """Encode an entry, once for all connections of this kind."""
        if self.kind == _WS:
            frame = self.out.encode_frame(self.opcode(entry), entry[3])
        else:
            frame = self.out.encode(
                entry[3], None, self.hub.event_id(entry[0]))
        entry[self.kind] = frame
        return frame

    @staticmethod
    def opcode(entry):
        return _BINARY if entry[2] is entry[3] else _TEXT

    def end(self):
        super().end()
        # (the client may not take even that: it is cut after a while)
        self.ending = asyncio.create_task(self.cut())

    async def cut(self):
        if self.kind == _WS:
            await self.out.close(TOO_SLOW, 'too slow')
        else:
            self.out.close()

    async def run(self):
        """Send what waits, until *out* is closed."""
        out = self.out
        try:
            while True:
                entry = await self.next()
                if entry is None:
                    return
                if self.kind == _WS:
                    await out.send(entry[3], self.opcode(entry))
                elif not await out.send(
                        entry[3], None, self.hub.event_id(entry[0])):
                    return
        except Exception:
            # a WebSocketError, of a module that may not even be there
            if not out.closed:
                raise


def __getattr__(name):
    if name == 'RedisHub':
        from ._redis import RedisHub
        return RedisHub
    raise AttributeError('module microdot.pubsub has no %r' % name)

"""One message for many listeners: publish and subscribe.

This is what boards load, and what defines the rules. On CPython the classes
are those of ``_pubsub.py``, which derive from these: they write to many
connections at once, and take messages from other threads.
"""
import asyncio
import os
from binascii import hexlify

from .microdot import dump_json


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
    max_message = 4096
    #: Bytes of the history, each message counted as 100 more than it has.
    max_history = 4096

    def __init__(self, queue=64, full='oldest', history=0):
        self.queue = queue
        self.closes = full == 'close'
        if not (self.closes or full == 'oldest'):
            raise ValueError('full: %r' % full)
        self.history = history
        self.counters = {'published': 0, 'delivered': 0, 'dropped': 0,
                         'closed': 0}
        # An id begins with this: one of another life is none of this.
        self.life = hexlify(os.urandom(4)).decode()
        self.kept = []
        self.listeners = []

    def publish(self, topic, message):
        """Hand a message to all who listen. Never waits.

        :param message: ``str``, ``bytes`` or what JSON knows.
        :raises ValueError: it is longer than ``max_message``, or the topic
                            has a ``*``.
        """
        data = message
        if isinstance(data, str):
            data = data.encode()
        elif not isinstance(data, bytes):
            data = dump_json(data)
        if '*' in topic or len(data) > self.max_message:
            raise ValueError('%r, %d bytes: see Hub' % (topic, len(data)))
        self.counters['published'] += 1
        entry = self.counters['published'], topic, message, data
        kept = self.kept
        if self.history:
            kept.append(entry)
            same = [each for each in kept if each[1] == topic]
            if len(same) > self.history:
                kept.remove(same[0])
            while sum([len(each[3]) + 100 for each in kept]) > \
                    self.max_history:
                kept.pop(0)
        for listener in self.listeners:
            if listener.wants(topic):
                listener.take(entry)

    def subscribe(self, topic, after=None):
        """Return a :class:`Listener`, for ``async with``.

        :param topic: a topic, or the begin of topics and ``*``.
        :param after: the id of the last event that it got: what is kept since
                      then comes first. ``''``: all that is kept.
        """
        return Listener(self, topic, after)

    async def forward(self, out, topic, after=None):
        """Send all messages to a WebSocket or SSE, until that is closed.

        :param after: as in :meth:`subscribe`; ``None``: what the client has
                      sent as ``Last-Event-ID``.
        """
        socket = hasattr(out, 'receive')
        if after is None and not socket:
            after = out.last_event_id
        async with self.subscribe(topic, after) as listener:
            while True:
                entry = await listener.next()
                if not entry:
                    break
                if out.closed:
                    return
                try:
                    if socket:
                        await out.send(entry[3],
                                       2 - (entry[2] is not entry[3]))
                    else:
                        await out.send(entry[3], None,
                                       '%s-%d' % (self.life, entry[0]))
                except Exception:
                    # a WebSocketError, which this module need not know
                    if not out.closed:
                        raise
        if socket:
            await out.close(1013)

    def count(self, topic):
        """Return how many listeners would get a message of a topic."""
        return sum([each.wants(topic) for each in self.listeners])


class Listener:
    """An asynchronous iterator of ``(topic, message)``. It ends where it was
    closed, as it did not keep up."""
    closed = False

    def __init__(self, hub, topic, after):
        self.hub = hub
        self.topic = topic
        self.queue = []
        if after is not None:
            life, _, number = after.partition('-')
            try:
                number = int(number) if life == hub.life else 0
            except ValueError:
                number = 0
            self.queue = [each for each in hub.kept
                          if each[0] > number and self.wants(each[1])]
        self.event = asyncio.Event()

    def wants(self, topic):
        """Tell whether it listens to a topic."""
        own = self.topic
        return own == topic or own[-1:] == '*' and topic.startswith(own[:-1])

    def take(self, entry):
        """Take a message. Never waits."""
        hub = self.hub
        hub.counters['delivered'] += 1
        if len(self.queue) >= hub.queue + hub.history:
            hub.counters['dropped'] += 1
            if hub.closes:
                hub.counters['closed'] += 1
                self.closed = True
            else:
                self.queue.pop(0)
        if not self.closed:
            self.queue.append(entry)
        self.event.set()

    async def next(self):
        """Return what comes next, or ``None``."""
        while not self.queue and not self.closed:
            self.event.clear()
            await self.event.wait()
        return None if self.closed else self.queue.pop(0)

    async def __aenter__(self):
        self.hub.listeners.append(self)
        return self

    async def __aexit__(self, *args):
        self.hub.listeners.remove(self)

    def __aiter__(self):
        return self

    async def __anext__(self):
        entry = await self.next()
        if not entry:
            raise StopAsyncIteration
        return entry[1:3]


if not hasattr(asyncio, 'ThreadSafeFlag'):
    try:
        # CPython's, and a RedisHub that is loaded when it is used
        from ._pubsub import Hub, Listener, __getattr__  # noqa: F401
    except ImportError:
        pass  # left out

"""One message for many listeners: publish and subscribe.

This is what boards load, and what defines the rules. On CPython the classes
are those of ``_pubsub.py``, which derive from these: they write to many
connections at once, and take messages from other threads.
"""
import asyncio
import os

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
        self.history = history
        self.counters = {'published': 0, 'delivered': 0, 'dropped': 0,
                         'closed': 0}
        # An id begins with this: one of another life is none of this.
        self.life = '%x' % int.from_bytes(os.urandom(4), 'big')
        self.kept = []  # the newest is the last
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
        counters = self.counters
        counters['published'] += 1
        entry = counters['published'], topic, message, data
        if self.history:
            kept = self.kept
            kept.append(entry)
            count = size = 0
            for each in kept[::-1]:
                size += len(each[3]) + 100
                count += each[1] == topic
                if size > self.max_history or \
                        each[1] == topic and count > self.history:
                    kept.remove(each)
        for listener in self.listeners:
            if listener.wants(topic):
                counters['delivered'] += 1
                queue = listener.queue
                if len(queue) >= self.queue + self.history:
                    counters['dropped'] += 1
                    counters['closed'] += self.closes > listener.closed
                    listener.closed = self.closes
                    queue.pop(0)
                queue.append(entry)
                listener.event.set()

    def subscribe(self, topic, after=None):
        """Return a :class:`Listener`, for ``async with``.

        :param topic: a topic, or the begin of topics and ``*``.
        :param after: the id of the last event that it got: what is kept since
                      then comes first. ``''``: all that is kept.
        """
        listener = Listener()
        listener.hub = self
        listener.topic = topic
        listener.event = asyncio.Event()
        listener.queue = queue = []
        if after is not None:
            life, _, number = after.partition('-')
            number = int(number) \
                if life == self.life and number.isdigit() else 0
            for each in self.kept:
                if each[0] > number and listener.wants(each[1]):
                    queue.append(each)
        return listener

    async def forward(self, out, topic, after=None):
        """Send all messages to a WebSocket or SSE, until that is closed.

        :param after: as in :meth:`subscribe`; ``None``: what the client has
                      sent as ``Last-Event-ID``.
        """
        socket = hasattr(out, 'receive')
        if after is None and not socket:
            after = out.last_event_id
        async with self.subscribe(topic, after) as listener:
            async for _ in listener:
                if out.closed:
                    return
                number, _, message, data = listener.entry
                try:
                    await (out.send(data, 2 - (message is not data))
                           if socket else out.send(
                               data, None, '%s-%d' % (self.life, number)))
                except Exception:
                    # a WebSocketError, which this module need not know
                    if not out.closed:
                        raise
        if socket:
            await out.close(1013)

    def count(self, topic):
        """Return how many listeners would get a message of a topic."""
        count = 0
        for each in self.listeners:
            count += each.wants(topic)
        return count


class Listener:
    """An asynchronous iterator of ``(topic, message)``. It ends where it was
    closed, as it did not keep up."""
    closed = False

    def wants(self, topic):
        """Tell whether it listens to a topic."""
        own = self.topic
        return own == topic or own[-1:] == '*' and topic.startswith(own[:-1])

    async def __aenter__(self):
        self.hub.listeners.append(self)
        return self

    async def __aexit__(self, *args):
        self.hub.listeners.remove(self)

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self.queue and not self.closed:
            self.event.clear()
            await self.event.wait()
        if self.closed:
            raise StopAsyncIteration
        self.entry = self.queue.pop(0)
        return self.entry[1:3]


if hasattr(asyncio, 'to_thread'):
    try:
        # CPython's, and a RedisHub that is loaded when it is used
        from ._pubsub import Hub, Listener, __getattr__  # noqa: F401
    except ImportError:
        pass  # left out

"""One message for many listeners: publish and subscribe.

This is what boards load. On CPython the classes are those of ``_pubsub.py``,
which write to many connections at once, take messages from other threads, and
can close who does not keep up.
"""
import asyncio

from .microdot import dump_json


class Hub:
    """Hands each message to all who listen to its topic.

    ``counters`` is a dict: messages ``dropped`` because a listener did not
    keep up.

    :param queue: messages that wait for a listener.
    :param full: when there are more it loses the ``'oldest'``. On CPython
                 also ``'close'``: it is closed.
    :param history: messages kept of each topic, for those who connect again.
    """
    #: Bytes that a message may have, encoded.
    max_message = 4096

    def __init__(self, queue=64, full='oldest', history=0):
        if full != 'oldest':
            raise ValueError(full)
        self.queue = queue
        self.history = history
        self.counters = {'dropped': 0}
        if history:
            # in a module of its own, as most boards keep none; it is
            # self.replay from now on
            from .replay import History
            History(self)
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
            raise ValueError(topic, len(data), 'max_message')
        entry = (topic, message), data
        if self.history:
            entry = self.replay.add(entry)
        for listener in self.listeners:
            if listener.wants(topic):
                queue = listener.queue
                queue.append(entry)
                if len(queue) > self.queue + self.history:
                    self.counters['dropped'] += 1
                    queue.pop(0)
                listener.event.set()

    def subscribe(self, topic, after=None):
        """Return a :class:`Listener`, for ``async with``.

        :param topic: a topic, or the begin of topics and ``*``.
        :param after: the id of the last event that it got: what is kept since
                      then comes first. ``''``: all that is kept.
        """
        listener = Listener()
        listener.topic = topic
        listener.listeners = self.listeners
        listener.event = asyncio.Event()
        listener.queue = []
        if self.history and after is not None:
            listener.queue = self.replay.find(listener, after)
        return listener

    async def forward(self, out, topic, after=None):
        """Send all messages to a WebSocket or SSE, until that is closed.

        :param after: as in :meth:`subscribe`; ``None``: what the client has
                      sent as ``Last-Event-ID``.
        """
        events = hasattr(out, 'queue')  # an SSE
        if events and after is None:
            after = out.last_event_id
        listener = self.subscribe(topic, after)
        self.listeners.append(listener)
        try:
            while not out.closed:
                await listener.__anext__()
                entry = listener.entry
                await (out.send(*entry[1:]) if events else out.send(
                    entry[1], 1 + (entry[0][1] is entry[1])))
        except Exception:
            # a WebSocketError, which this module need not know
            if not out.closed:
                raise
        finally:
            self.listeners.remove(listener)

    def count(self, topic):
        """Return how many listeners would get a message of a topic."""
        count = 0
        for each in self.listeners:
            count += each.wants(topic)
        return count


class Listener:
    """An asynchronous iterator of ``(topic, message)``."""

    def wants(self, topic):
        """Tell whether it listens to a topic."""
        own = self.topic
        return own == topic or own == topic[:len(own) - 1] + '*'

    async def __aenter__(self):
        self.listeners.append(self)
        return self

    async def __aexit__(self, *args):
        self.listeners.remove(self)

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self.queue:
            self.event.clear()
            await self.event.wait()
        self.entry = self.queue.pop(0)
        return self.entry[0]


if hasattr(Hub, '__hash__'):
    # No class of a board has that: CPython's, and a RedisHub that is loaded
    # when it is used. (Boards: the names of an import stay in memory, those of
    # assignments do not.)
    from . import _pubsub
    Hub = _pubsub.Hub
    Listener = _pubsub.Listener
    __getattr__ = _pubsub.__getattr__

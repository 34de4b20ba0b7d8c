"""One hub in several processes: workers of ``microdot run --workers N``.

Each worker has a socket to the supervisor, which gives messages their numbers
and hands them to all workers, that of the publisher too: so all have them in
one order, under the same ids. It also keeps the history, for workers that
begin later. Nobody waits for anybody: what a worker does not read is bounded
there, and what the supervisor does not read is bounded here.

A hub is known by the module that makes it and its place among those of that
module. So only hubs that are made before the application serves are shared.
"""
import asyncio
import logging
import struct
import sys
from collections import Counter, deque
from typing import Any

_logger = logging.getLogger('microdot.error')

#: What follows, in bytes; kind; form of the message; number; lengths of the
#: names of hub and topic.
_HEAD = struct.Struct('=IccQHH')
#: To the supervisor: a hub that joins, with the length of its history, a
#: message, and how many listen to a topic. From it: that all of the history
#: has come, a message, how many others listen, and that all that was told of
#: that is void.
JOIN, MESSAGE, COUNT, RESET = b'J', b'M', b'C', b'R'
#: Bytes that are read at once.
PIECE = 256 * 1024

#: What a worker has; ``None`` in any other process.
line = None


def pack(kind, hub, topic='', data=b'', number=0, form=b'-'):
    """Return what goes over the socket."""
    hub = hub.encode()
    topic = topic.encode('utf-8', 'surrogatepass')
    return b''.join((_HEAD.pack(
        _HEAD.size - 4 + len(hub) + len(topic) + len(data), kind, form,
        number, len(hub), len(topic)), hub, topic, data))


class Unpacker:
    """Takes pieces of what the other end has sent."""

    def __init__(self):
        self.data = b''

    def feed(self, piece):
        """Return what is whole: lists of kind, hub, topic, data, number and
        form, as for :func:`pack`."""
        data = self.data + piece
        found = []
        at = 0
        while len(data) - at >= _HEAD.size:
            size, kind, form, number, hub, topic = _HEAD.unpack_from(data, at)
            end = at + 4 + size
            if end > len(data):
                break
            names = at + _HEAD.size
            rest = names + hub + topic
            found.append((
                kind, data[names:names + hub].decode(),
                data[names + hub:rest].decode('utf-8', 'surrogatepass'),
                data[rest:end], number, form))
            at = end
        self.data = data[at:]
        return found


def _maker():
    # The name of the module that makes a hub.
    frame = sys._getframe()
    while frame and frame.f_globals['__name__'].startswith(__package__ + '.'):
        frame = frame.f_back
    return frame.f_globals['__name__'] if frame else '?'


class Line:
    """A worker's way to the others.

    :param sock: to the supervisor.
    :param life: what ids of events begin with.
    """

    def __init__(self, sock, life):
        sock.setblocking(False)
        self.sock = sock
        self.life = life
        self.hubs = {}           # by name
        self.names: Any = Counter()  # how many hubs modules have made
        self.loop = None
        self.serves = False      # hubs that are made now are not shared
        self.warned = False
        self.unpacker = Unpacker()
        self.unsent: Any = deque()   # (hub, what it says)
        self.unsent_bytes = 0
        self.rest = b''          # of what has been sent in part
        self.flushing = False
        self.changed = set()     # (hub, topic): how many listen
        self.told = {}           # the same, and what the others know of it
        self.others = {}         # by the name of a hub: counts by topic

    def join(self, hub):
        """Return the name of a hub among the workers; ``None`` if it is made
        too late to be shared."""
        if self.serves:
            if not self.warned:
                self.warned = True
                _logger.warning(
                    'this Hub is of one worker alone: make it before the '
                    'application serves, and all workers share it')
            return None
        maker = _maker()
        self.names[maker] += 1
        name = '%s %d' % (maker, self.names[maker])
        self.hubs[name] = hub
        return name

    def connect(self):
        """Begin to send and listen, in the loop that runs."""
        self.serves = True
        self.loop = asyncio.get_running_loop()
        self.loop.add_reader(self.sock, self.read)
        for name, hub in self.hubs.items():
            self.rest += pack(JOIN, name, number=hub.history,
                              data=b'%d' % hub.max_history)
        self.flush()
        for hub in self.hubs.values():
            hub.enter_loop(self.loop)

    def close(self):
        """Send what is left, when the loop has ended."""
        self.loop = None
        self.sock.settimeout(1)
        self.flush()

    def publish(self, hub, topic, data, form):
        """Send a message to all workers. Never waits."""
        said = pack(MESSAGE, hub.shared, topic, data, form=form)
        self.unsent.append((hub, said))
        self.unsent_bytes += len(said)
        while self.unsent_bytes > hub.max_unsent:
            lost, said = self.unsent.popleft()
            self.unsent_bytes -= len(said)
            lost.counters['dropped'] += 1
        self.flush_soon()

    def count(self, hub, topic):
        """Tell the others how many listen here, as that has changed."""
        key = hub, topic
        if hub.count_own(topic) == self.told.get(key, 0):
            self.changed.discard(key)
        else:
            self.changed.add(key)
            self.flush_soon()

    def flush_soon(self):
        # (all that is published in one go is sent in one piece)
        if self.loop and not self.flushing:
            self.flushing = True
            self.loop.call_soon(self.flush)

    def flush(self):
        """Send as much as goes."""
        self.flushing = False
        try:
            while self.gather():
                self.rest = self.rest[self.sock.send(self.rest):]
        except BlockingIOError:
            if self.loop:
                self.loop.add_writer(self.sock, self.flush)
            return
        except OSError:
            # The supervisor is no more, and this worker ends.
            self.unsent.clear()
            self.unsent_bytes = 0
            self.rest = b''
        if self.loop:
            self.loop.remove_writer(self.sock)

    def gather(self):
        """Return what is to be sent next."""
        if self.rest:
            return self.rest
        parts = []
        for key in self.changed:
            hub, topic = key
            number = hub.count_own(topic)
            if number:
                self.told[key] = number
            else:
                self.told.pop(key, None)
            parts.append(pack(COUNT, hub.shared, topic, number=number))
        self.changed.clear()
        size = 0
        while self.unsent and size < PIECE:
            said = self.unsent.popleft()[1]
            size += len(said)
            parts.append(said)
        self.unsent_bytes -= size
        self.rest = b''.join(parts)
        return self.rest

    def read(self):
        """Take what the supervisor has sent."""
        try:
            piece = self.sock.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b''
        if not piece:
            self.loop.remove_reader(self.sock)
            return
        for kind, name, topic, data, number, form in \
                self.unpacker.feed(piece):
            hub = self.hubs.get(name)
            if kind == RESET:
                self.others.clear()
            elif kind == COUNT:
                # what has changed: it may be less
                counts = self.others.setdefault(name, Counter())
                counts[topic] = number
                if not number:
                    del counts[topic]
            elif hub:
                self.take(hub, kind, topic, data, number, form)

    @staticmethod
    def take(hub, kind, topic, data, number, form):
        if hub.joined.is_set():
            # The supervisor has left out what this one did not read in time.
            hub.counters['dropped'] += number - hub.number - (kind == MESSAGE)
        hub.number = number
        if kind == JOIN:
            hub.joined.set()
        else:
            hub.arrive(number, topic, hub.decode(form, data), data)

    def count_others(self, hub, topic):
        """Return how many in other workers would get a message."""
        counts = self.others.get(hub.shared)
        return sum(map(counts.__getitem__, hub.names(topic))) if counts else 0

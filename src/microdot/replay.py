"""The history of a hub (``pubsub.py``), on boards that ask for one."""
import os


class History:
    """Messages of a hub that are kept for those who connect again.

    :param hub: whose; this is its ``replay``. Its ``max_history`` counts, if
                it has one.
    """
    #: Bytes of all that is kept, each message counted as 100 more.
    max_history = 4096

    def __init__(self, hub):
        self.hub = hub
        hub.replay = self
        self.kept = []  # the newest is the last
        # The number of the latest message, which is its id as an event. They
        # begin anywhere, so that one of another life is rarely one of this.
        # (64 apart, and with 30 bits: more need heap on a 32-bit board)
        self.number = int.from_bytes(os.urandom(3), 'big') << 6

    def add(self, entry):
        """Keep a message; return it with its id."""
        self.number += 1
        entry += None, self.number
        kept = self.kept
        kept.append(entry)
        count = self.hub.history
        size = getattr(self.hub, 'max_history', self.max_history)
        for each in kept[::-1]:
            same = each[0][0] == entry[0][0]
            count -= same
            size -= len(each[1]) + 100
            if size < 0 or same and count < 0:
                kept.remove(each)
        return entry

    def find(self, listener, after):
        """Return what a listener has missed since the event *after*; all
        that is kept, if that is none of this hub."""
        last = int(after) if after.isdigit() else 0
        found = []
        for each in self.kept:
            if listener.wants(each[0][0]) and not (
                    each[3] <= last <= self.number):
                found.append(each)
        return found

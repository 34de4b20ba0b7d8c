"""Stores that keep sessions on the server: the cookie has the id of one, and
nothing of what is in it.

What is here is for boards, which load the other stores from ``filestore`` when
they are used. On CPython all of them come from the sibling ``_stores``.
"""
import json
from collections import OrderedDict


class MemoryStore:
    """Keeps sessions in memory, until the program ends."""

    #: Sessions that are kept. Of more, those saved longest ago are dropped.
    max_sessions = 16
    #: Characters of a session as JSON: a larger one cannot be saved.
    max_session_size = 1024

    def __init__(self):
        # by id, as JSON; what was saved longest ago comes first
        self.data = OrderedDict()

    def open(self, session, when):
        """Replace what the cookie says by the session of its id."""
        # (the cookie ends when the session does)
        session.id = str(session.get('_id'))
        session.clear()
        text = self.data.get(session.id, '{}')
        session.kept = json.loads(text)
        session.update(json.loads(text))

    def keep(self, session, values, when):
        """Keep what has changed in a session; none of *values*: remove it.

        :return: what the cookie is to have, or ``None``: what it has.
        :raises ValueError: it is too large, or not JSON.
        """
        sessions = self.data
        id = session.id
        kept = session.kept
        if not values:
            session.kept = values
            sessions.pop(id, None)
            return values
        if not kept:
            from os import urandom

            session.id = id = urandom(16).hex()
        elif id not in sessions:
            return None  # another request has ended it meanwhile
        found = json.loads(sessions.get(id, '{}'))
        for key in kept:
            if key not in values:
                found.pop(key, None)
        for key in values:
            if values[key] != kept.get(key):
                found[key] = values[key]
        text = json.dumps(found)
        if len(text) > self.max_session_size:
            # (a name that is there already; other text would take 52 bytes)
            raise ValueError('max_session_size')
        session.kept = json.loads(text)  # boards: dumps() takes anything
        sessions.pop(id, None)
        sessions[id] = text
        while len(sessions) > self.max_sessions:
            sessions.pop(next(iter(sessions)))
        exp = values.get('exp')
        if kept and kept.get('exp') == exp:
            return None
        cookie = {'_id': id}
        if exp is not None:
            cookie['exp'] = exp
        return cookie


if hasattr(MemoryStore, '__hash__'):
    # no class of a board has that
    from ._stores import *  # noqa: F403
else:
    def __getattr__(name):
        from . import filestore
        return getattr(filestore, name)

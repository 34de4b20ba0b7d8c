"""Stores that keep sessions on the server: the cookie has the id of one, and
nothing of what is in it.

What is here is for boards, which load the other stores from ``filestore`` when
they are used. On CPython all of them come from the sibling ``_stores``.
"""
import json
import os
from collections import OrderedDict


class MemoryStore:
    """Keeps sessions in memory, until the program ends."""

    #: Sessions that are kept. Of more, those saved longest ago are dropped.
    max_sessions = 16
    #: Characters of a session as JSON: a larger one cannot be saved.
    max_session_size = 1024

    def __init__(self):
        # by id, as JSON; what was saved longest ago comes first
        self.sessions = OrderedDict()

    def open(self, session, when):
        """Replace what the cookie says by the session of its id."""
        # (the cookie ends when the session does)
        session.id = str(session.get('_id'))
        session.clear()
        text = self.sessions.get(session.id, '{}')
        session.kept = json.loads(text)
        session.update(json.loads(text))

    def keep(self, session, values, when):
        """Keep what has changed in a session; none of *values*: remove it.

        :return: what the cookie is to have, or ``None``: what it has.
        :raises ValueError: it is too large, or not JSON.
        """
        sessions = self.sessions
        id = session.id
        kept = session.kept
        if not values:
            session.kept = values
            sessions.pop(id, None)
            return values
        found = {}
        if not kept:
            session.id = id = os.urandom(16).hex()
        elif id in sessions:
            found = json.loads(sessions[id])
            for key in kept:
                if key not in values:
                    found.pop(key, None)
        else:
            return None  # another request has ended it meanwhile
        for key in values:
            if values[key] != kept.get(key):
                found[key] = values[key]
        text = json.dumps(found)
        if len(text) > self.max_session_size:
            raise ValueError('over max_session_size')
        session.kept = json.loads(text)  # boards: dumps() takes anything
        sessions.pop(id, None)
        sessions[id] = text
        while len(sessions) > self.max_sessions:
            sessions.pop(next(iter(sessions)))
        exp = values.get('exp')
        if kept and kept.get('exp') == exp:
            return None
        return {'_id': id} if exp is None else {'_id': id, 'exp': exp}


if hasattr(MemoryStore, '__hash__'):
    # no class of a board has that
    from ._stores import *  # noqa: F403
else:
    def __getattr__(name):
        from . import filestore
        return getattr(filestore, name)

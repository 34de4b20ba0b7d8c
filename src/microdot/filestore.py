"""Stores that may fail, and are asked by ids: the base of all but a board's
``MemoryStore``, and the one that keeps sessions in files. Programs import them
from ``stores``.
"""
import json
import os
from binascii import hexlify, unhexlify

from .microdot import HTTPException

#: What a client gets when a store fails.
UNAVAILABLE = 503, 'Sessions are not available', {'Retry-After': '10'}


class Store:
    """The base of a store. One's own has methods ``read(id)``, which returns
    what was given last to ``write(id, texts)``, or ``None``; ``remove(id)``;
    and ``ids()``, which returns those of all. *texts* is a dict by name of
    JSON, *id* a text. What they raise, for example because a disk is full, is
    logged, and the client gets 503."""

    #: Sessions that are kept. Of more, those that end soonest are dropped, a
    #: tenth at once.
    max_sessions = 16
    #: Characters of a session as JSON: a larger one cannot be saved.
    max_session_size = 1024
    #: Seconds until sessions that are over are removed, when a new one comes.
    sweep_period = 600

    _count = 0  # sessions at most
    _sweep_at = 0

    def open(self, session, when):
        """Replace what the cookie says by the session of its id."""
        id = session.get('_id')
        session.clear()
        session.id = None
        session.kept = {}
        try:
            texts = len(unhexlify(id)) == 16 and \
                self.ask(session, self.read, id)
        except (TypeError, ValueError):
            return  # not an id of ours
        if not texts:
            return
        for key in texts:
            session[key] = json.loads(texts[key])
        if session.get('exp', when + 1) <= when:
            session.clear()
            self.ask(session, self.remove, id)
            return
        session.id = id
        # (as text here: a board's dicts have another order when read again)
        for key in session:
            session.kept[key] = json.dumps(session[key])

    def keep(self, session, values, when):
        """Keep what has changed in a session; none of *values*: remove it.

        :return: what the cookie is to have, or ``None``: what it has.
        :raises ValueError: it is too large.
        """
        id = session.id
        if not values:
            session.id = None
            session.kept = {}
            if id:
                self.ask(session, self.remove, id)
            return values
        texts = {}
        changes = {}
        for key in values:
            texts[key] = text = json.dumps(values[key])
            if text != session.kept.get(key):
                json.loads(text)  # boards: dumps() takes anything
                changes[key] = text
        for key in session.kept:
            if key not in texts:
                changes[key] = None
        if not changes:
            return None
        if not id and (when >= self._sweep_at or
                       self._count >= self.max_sessions):
            self.ask(session, self.sweep, when)
        new = id or hexlify(os.urandom(16)).decode()
        size = self.ask(session, self.merge, new, changes, not id)
        if size > self.max_session_size:
            raise ValueError(
                'a session of %d characters is over its Store.max_session_'
                'size (%d)' % (size, self.max_session_size))
        if not size:
            return None  # another request has ended it meanwhile
        session.id = new
        session.kept = texts
        if id and 'exp' not in changes:
            return None
        found = {'_id': new}
        if 'exp' in values:
            found['exp'] = values['exp']
        return found

    def ask(self, session, function, *args):
        # Calls what may fail. There is no telling what a store raises.
        try:
            return function(*args)
        except Exception as exc:
            session.request.app.log_exception(session.request, exc)
            raise HTTPException(*UNAVAILABLE)

    def merge(self, id, changes, is_new):
        # Changes a session by key, whatever other requests have changed.
        # Gives its size, 0 if it is gone; one that is too large is left.
        texts = {} if is_new else self.read(id)
        if texts is None:
            return 0
        texts = texts.copy()
        for key in changes:
            if changes[key] is None:
                texts.pop(key, None)
            else:
                texts[key] = changes[key]
        size = sum(map(len, texts)) + sum(map(len, texts.values()))
        if size <= self.max_session_size:
            self.write(id, texts)
            self._count += is_new
        return size

    def sweep(self, when):
        """Remove the sessions that have ended, and then as many as must be,
        that there is room for a new one."""
        found = []
        for id in list(self.ids()):
            texts = self.read(id)
            end = json.loads(texts.get('exp', '9e9')) if texts else 0
            if end <= when:
                self.remove(id)
            else:
                found.append((end, id))
        count = len(found)
        most = self.max_sessions
        if count >= most:
            found.sort()
            count = most - most // 10 - 1
            for _, id in found[:len(found) - count]:
                self.remove(id)
        self._count = count
        self._sweep_at = when + self.sweep_period


class FolderStore(Store):
    """Keeps sessions in files, one each, of a folder.

    :param path: the folder, which is made unless it is there.
    :raises OSError: it cannot be made.
    """
    def __init__(self, path):
        self.path = path
        try:
            os.mkdir(path)
        except OSError:
            os.listdir(path)  # it must be there already

    def file_of(self, id):
        return '%s/%s.session' % (self.path, id)

    def read(self, id):
        try:
            with open(self.file_of(id)) as file:
                return json.load(file)
        except ValueError:
            return None  # a power cut while it was written
        except OSError as exc:
            if exc.errno not in (2, 44):  # ENOENT; of WebAssembly
                raise
            os.listdir(self.path)  # no folder is not no session

    def write(self, id, texts):
        path = self.path + '/new'
        with open(path, 'w') as file:
            json.dump(texts, file)
        try:
            os.rename(path, self.file_of(id))
        except OSError:
            self.remove(id)  # FAT: rename() does not replace
            os.rename(path, self.file_of(id))

    def remove(self, id):
        try:
            os.remove(self.file_of(id))
        except OSError as exc:
            if exc.errno not in (2, 44):
                raise

    def ids(self):
        return [name[:32] for name in os.listdir(self.path)
                if name[32:] == '.session']

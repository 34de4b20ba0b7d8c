"""What several processes and machines share, in a Redis: the messages of a
hub (``pubsub.py``), the counts of limits (``ratelimit.py``), and sessions
(``stores.py``).
"""
import asyncio
import contextlib
import itertools
import json
import logging
import time
from collections import deque
from typing import Any

from . import _pubsub, stores
from .microdot import HTTPException, Response, close_body

try:
    import redis
    import redis.asyncio
except ImportError as exc:
    raise ImportError('this needs the library redis: pip install redis') \
        from exc

_logger = logging.getLogger('microdot.error')
#: What says that Redis is not there, and may be later.
_DOWN = (redis.ConnectionError, redis.TimeoutError, OSError)
#: And what says that it cannot do it now: it loads its data, has no memory
#: left, cannot save to its disk, or has become a replica.
_FAILS = (*_DOWN, redis.ResponseError)

# Adds messages to the stream that all processes read and each to that of its
# topic, with the same id, unless they were added before: a connection that
# was lost does not tell. A topic's key that cannot take this id, since
# another program has written to it or the clock was set back, begins anew.
# (An error here would have the messages before it sent twice.)
_PUBLISH = """\
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local length = tonumber(ARGV[2])
local key = 2
for at = 4, #ARGV, 4 do
    local number = tonumber(ARGV[at])
    local topic, kind, data = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    key = key + 1
    if number > last then
        last = number
        local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*',
                              't', topic, 'k', kind, 'd', data)
        if length > 0 and kind ~= 'p' then
            local added = redis.pcall('XADD', KEYS[key], 'MAXLEN', length, id,
                                      't', topic, 'k', kind, 'd', data)
            if type(added) == 'table' then
                redis.call('DEL', KEYS[key])
                redis.call('XADD', KEYS[key], id,
                           't', topic, 'k', kind, 'd', data)
            end
            redis.call('EXPIRE', KEYS[key], ARGV[3])
        end
    end
end
redis.call('SET', KEYS[2], last, 'EX', 86400)
"""
# As Limiter.hit(), by Redis' clock.
_HIT = """\
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local count = tonumber(ARGV[1])
local period = tonumber(ARGV[2])
local step = period / count
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
if last < now or last > now + period then last = now end
local allowed = last + step <= now + period + 1
if allowed then
    last = last + step
    redis.call('SET', KEYS[1], string.format('%.3f', last), 'PX', period + 1)
end
local left = math.floor((now + period + 1 - last) / step)
if not allowed then left = -1 end
return {left, math.max(math.floor(last + step - now - period), 0)}
"""
# Changes a session by key, unless another request has ended it.
_MERGE = """\
if ARGV[1] == '0' and redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for at = 3, #ARGV, 2 do
    if ARGV[at + 1] == '' then
        redis.call('HDEL', KEYS[1], ARGV[at])
    else
        redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
    end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


def _where(url):
    # The address without the password, which may be in the query as well.
    scheme, _, rest = url.partition('?')[0].partition('://')
    return (rest or scheme).rpartition('@')[2]


def check_redis(url):
    """Look whether a Redis takes us. One that is not there may come later.

    :raises ValueError: the URL is malformed, or the password is wrong.
    """
    client = redis.Redis.from_url(
        url, socket_connect_timeout=2, socket_timeout=2)
    try:
        client.ping()
    except (redis.AuthenticationError, redis.ResponseError) as exc:
        text = str(exc)
        if isinstance(exc, redis.AuthenticationError) or \
                text.startswith(('NOAUTH', 'WRONGPASS', 'NOPERM')):
            raise ValueError(
                'Redis at %s refuses the user or password of the URL '
                '(redis://user:password@host): %s' % (
                    _where(url), text)) from None
    except _DOWN:
        pass
    finally:
        client.close()


def make_client(url, count):
    """Return a client for the requests of a process.

    Requests that come together share its connections: where all are taken, a
    request waits for one. The library's own pool would fail them, as if Redis
    were gone, or without a bound of its own take a file for each.

    :param count: how many connections there are at most, unless the URL says
                  so: ``?max_connections=200``.
    """
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url, max_connections=count, socket_connect_timeout=2,
        socket_timeout=2)
    # It waits as long for one as for an answer, which the URL may say, too.
    pool.timeout = pool.connection_kwargs['socket_timeout']
    return redis.asyncio.Redis.from_pool(pool)


def parse_entry(fields):
    """Read an entry of a stream that a hub has written.

    :param fields: what Redis has of it: a dict of ``bytes``.
    :return: ``(kind, topic, message, data)``; of kind ``b'p'`` the message is
             that of a process: its life, and how many listen there.
    :raises ValueError: something else has written it.
    """
    try:
        kind = fields[b'k']
        data = fields[b'd']
        topic = fields[b't'].decode()
        message = _pubsub.Hub.decode(kind, data)
        if kind == b'p':
            life, counts = message
            # (the sum is a TypeError unless all are numbers)
            if not isinstance(life, str) or sum(counts.values()) < 0:
                raise ValueError('counts')
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise ValueError('this entry of a stream is of no hub') from None
    return kind, topic, message, data


class Link:
    """Tells once when Redis is gone or refuses, and when it is back.

    What fails has a name where several things use the same Redis: one that
    is full still answers who reads. It is back when none of them fails.
    """

    def __init__(self, url):
        self.where = _where(url)
        self.failing = set()
        self.pause = 0.1

    @property
    def lost(self):
        return len(self.failing) > 0

    def tell(self, exc, result, who=''):
        if not self.lost:
            _logger.error(
                'Redis at %s %s: %s; %s', self.where,
                'refuses' if isinstance(exc, redis.ResponseError)
                else 'is gone', exc, result)
        self.failing.add(who)

    async def down(self, exc, who):
        self.tell(exc, 'trying again', who)
        await asyncio.sleep(self.pause)
        self.pause = min(self.pause * 2, 2)

    def up(self, who=''):
        if who in self.failing:
            self.failing.discard(who)
            if not self.failing:
                _logger.warning('Redis at %s is back', self.where)
        if not self.failing:
            self.pause = 0.1


class RedisHub(_pubsub.Hub):
    """A hub of all processes and machines that use the same Redis.

    Each topic has a stream there, of bounded length, and events have the ids
    of its entries: so a client that connects again may do so anywhere.

    :param url: such as ``redis://:password@host:6379/0`` or
                ``unix:///path``.
    :param history: messages of each topic that Redis keeps.
    :param prefix: begin of the names of all keys.
    :raises ValueError: Redis does not take the password.
    """
    #: Messages that Redis keeps for processes that lag or were cut off.
    max_lag = 10000
    #: Seconds after the last message that the history of a topic is kept.
    history_seconds = 86400
    #: Topics that a prefix is replayed for.
    max_replayed = 1000
    #: Processes whose listeners are counted; more, and those that have told
    #: longest ago are forgotten.
    max_others = 1000
    #: Seconds between two reports of who listens here, and until a process
    #: that has sent none is taken to be gone.
    report_interval = 5
    #: Seconds that closing waits for messages to be sent.
    flush_timeout = 2
    flushed = None  # event of close(): all has been sent
    report_lifetime = 15
    joins = False

    def __init__(self, url, queue=64, full='oldest', history=100,
                 prefix='microdot:'):
        super().__init__(queue, full, 0)
        check_redis(url)
        self.url = url
        self.shared = prefix
        self.length = history
        self.prefix = prefix
        self.unsent: Any = deque()  # (number, topic, kind, data)
        self.unsent_bytes = 0
        self.changed = asyncio.Event()  # the others are to be told
        self.others = {}       # reports of other processes: (time, counts)
        self.seen = 0, 0       # the newest that has arrived here
        self.tasks = None
        self.clients: list[Any] = []  # of the tasks that read and send
        self.strange = False   # one that is not of a hub has been met

    # Instead of handing on in this process alone.

    def position(self, event_id):
        """Return the number of an event, a pair, from its id."""
        first, _, second = event_id.partition('-')
        if first.isascii() and first.isdigit() and second.isascii() and \
                second.isdigit() and len(event_id) < 40:
            return int(first), int(second)
        return 0, 0

    def event_id(self, number):
        """Return the id of an event, which is that of Redis."""
        return '%d-%d' % number

    def accept(self, topic, message, data):
        """Take what was published, to be sent to Redis."""
        self.number += 1
        self.unsent.append(
            (self.number, topic, self.form(message, data), data))
        self.unsent_bytes += len(data) + 100
        while self.unsent_bytes > self.max_unsent:
            self.unsent_bytes -= len(self.unsent.popleft()[3]) + 100
            self.counters['dropped'] += 1
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return  # sent when the loop runs
        self.start()
        self.wake.set()

    def count(self, topic):
        """Return how many listeners, of all processes, would get a message
        of a topic. What others have changes here within a second."""
        oldest = time.monotonic() - self.report_lifetime
        names = self.names(topic)
        return super().count(topic) + sum(
            counts.get(name, 0) for when, counts in self.others.values()
            if when > oldest for name in names)

    # Life

    async def connect(self):
        """Begin to send and listen. That happens by itself when somebody
        listens or publishes in the event loop; a program that publishes from
        threads alone has this as an ``on_startup`` handler."""
        self.start()
        self.enter_loop(asyncio.get_running_loop())

    async def close(self):
        """Send what has been published, and end the connections to Redis.
        It waits ``flush_timeout`` seconds at most, and what is lost then is
        logged."""
        if self.tasks and self.unsent:
            self.flushed = asyncio.Event()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(
                    self.flushed.wait(), self.flush_timeout)
        lost = sum(1 for each in self.unsent if each[2] != b'p')
        if lost:
            _logger.error('%d messages have not been sent to Redis at %s',
                          lost, self.link.where)
        tasks, self.tasks = self.tasks, None
        left = tasks
        while left:
            # (the library may take in a cancellation)
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=0.2)
        # Not by the tasks: a further cancellation would end that half-way.
        clients, self.clients = self.clients, []
        for client in clients:
            with contextlib.suppress(*_DOWN):
                await client.aclose()

    def start(self):
        loop = asyncio.get_running_loop()
        if self.tasks and self.tasks[0].get_loop() is loop:
            return
        self.wake = asyncio.Event()
        self.changed = asyncio.Event()
        self.ready = asyncio.Event()
        self.wake.set()
        self.link = Link(self.url)
        self.clients = [self._client(), self._client()]
        self.tasks = [loop.create_task(each) for each in (
            self._read(self.clients[0]), self._send(self.clients[1]),
            self._report())]

    def _client(self):
        return redis.asyncio.Redis.from_url(
            self.url, socket_connect_timeout=5, socket_timeout=15)

    def _key(self, topic):
        return self.prefix + 'topic:' + topic

    async def _read(self, client):
        # Hands on what all processes have published, from now on.
        stream = self.prefix + 'all'
        last = None
        task = asyncio.current_task()
        is_cancelled = getattr(task, 'cancelling', bool)  # Python 3.11
        while not is_cancelled():
            try:
                if last is None:
                    found = await client.xrevrange(stream, count=1)
                    last = found[0][0] if found else b'0-0'
                    self.ready.set()
                found = await client.xread({stream: last}, 500, 1000)
                self.link.up('read')
            except _FAILS as exc:
                await self.link.down(exc, 'read')
                continue
            for number, fields in found[0][1] if found else ():
                last = number
                self._take(number, fields)

    def _parse(self, fields):
        # An entry, or None: an operator, or another program that has the
        # prefix too, must not end what all processes hear.
        try:
            return parse_entry(fields)
        except ValueError as exc:
            if not self.strange:
                self.strange = True
                _logger.error('%s: skipped, and so are further ones', exc)
            return None

    def _take(self, number, fields):
        entry = self._parse(fields)
        if not entry:
            return
        kind, topic, message, data = entry
        if kind == b'p':
            life, counts = message
            if life != self.life:
                if life not in self.others:
                    self.changed.set()  # that one does not know this one
                self.others.pop(life, None)
                self.others[life] = time.monotonic(), counts
                while len(self.others) > self.max_others:
                    del self.others[next(iter(self.others))]
            return
        self.arrive(self.position(number.decode()), topic, message, data)

    def arrive(self, number, topic, message, data):
        self.seen = number
        super().arrive(number, topic, message, data)
        for listener in [each for each, numbers in self.late.items()
                         if max(numbers) <= number]:
            del self.late[listener]

    async def _send(self, client):
        script = client.register_script(_PUBLISH)
        while True:
            if not self.unsent:
                self.wake.clear()
                await self.wake.wait()
            # (this process is to get its own messages, too)
            await self.ready.wait()
            batch = list(itertools.islice(self.unsent, 200))
            keys = [self.prefix + 'all', self.prefix + 'sent:' + self.life]
            args = [self.max_lag, self.length, self.history_seconds]
            for each in batch:
                keys.append(self._key(each[1]))
                args.extend(each)
            try:
                await script(keys, args)
            except _FAILS as exc:
                await self.link.down(exc, 'send')
                continue
            self.link.up('send')
            newest = batch[-1][0]
            while self.unsent and self.unsent[0][0] <= newest:
                self.unsent_bytes -= len(self.unsent.popleft()[3]) + 100
            if self.flushed and not self.unsent:
                self.flushed.set()

    async def _report(self):
        # Tells the others how many listen here.
        while True:
            self.number += 1
            data = self._count_all()
            self.unsent.append((self.number, '', b'p', data))
            self.unsent_bytes += len(data) + 100
            self.wake.set()
            # (before Python 3.12 wait_for() may lose a cancellation)
            timer = asyncio.get_running_loop().call_later(
                self.report_interval, self.changed.set)
            try:
                await self.changed.wait()
            finally:
                timer.cancel()
            self.changed.clear()
            await asyncio.sleep(0.2)  # for several changes at once

    def _count_all(self):
        # How many listen here, by what they have subscribed to; if that is
        # more than a message may have, what most have subscribed to.
        counts = sorted(((topic, len(found))
                         for topic, found in self.listeners.items()),
                        key=lambda each: -each[1])
        while True:
            data = json.dumps([self.life, dict(counts)]).encode()
            if len(data) <= self.max_message or not counts:
                return data
            del counts[len(counts) * 9 // 10:]

    # Listening

    def add(self, listener):
        after, listener.after = listener.after, None
        super().add(listener)
        listener.after = after
        if after is not None:
            # what comes meanwhile waits for what was before
            listener.waits = True
            listener.most += self.length
        self.changed.set()

    def remove(self, listener):
        super().remove(listener)
        self.late.pop(listener, None)
        self.changed.set()

    async def enter(self, listener):
        """Let a listener begin with what it has missed."""
        await self.ready.wait()
        if listener.after is None:
            return
        while True:
            try:
                async with self._client() as client:
                    missed = await self._load(
                        client, listener.topic, listener.after)
                break
            except _FAILS as exc:
                # (told to be back by who reads all the time)
                await self.link.down(exc, 'read')
        known = {entry[0] for entry in missed}
        later = [entry for entry in listener.queue if entry[0] not in known]
        listener.queue.clear()
        listener.replay(missed + later)
        # The streams of topics were read after that of all, which will bring
        # these once more.
        again = {number for number in known if number > self.seen}
        if again:
            self.late[listener] = again

    async def _load(self, client, topic, after):
        begin = self.position(after)
        keys = [self._key(topic)]
        if topic[-1] == '*':
            pattern = ''.join('\\' + char if char in '\\*?[]^' else char
                              for char in self._key(topic[:-1])) + '*'
            keys = []
            async for key in client.scan_iter(pattern, count=1000):
                keys.append(key)
                if len(keys) >= self.max_replayed:
                    break
        found = []
        for key in keys:
            for number, fields in await client.xrevrange(
                    key, '+', '(' + self.event_id(begin), self.length):
                entry = self._parse(fields)
                if entry:
                    found.append([self.position(number.decode()), *entry[1:],
                                  None, None])
        found.sort(key=lambda entry: entry[0])
        return found


class RedisLimiter:
    """Counts hits for all processes. While Redis is gone or refuses, all are
    allowed."""
    #: Connections to Redis; requests that find all of them taken wait.
    max_connections = 50

    def __init__(self, url, prefix='microdot:limit:'):
        check_redis(url)
        self.url = url
        self.prefix = prefix
        self.link = Link(url)
        self.loop = None

    async def hit(self, key, count, period):
        loop = asyncio.get_running_loop()
        if loop is not self.loop:
            self.loop = loop
            self.client = make_client(self.url, self.max_connections)
            self.script = self.client.register_script(_HIT)
        try:
            left, wait = await self.script(
                ['%s%d/%d:%s' % (self.prefix, count, period, key)],
                (count, period))
        except _FAILS as exc:
            self.link.tell(exc, 'limits are off')
            return count, 0
        self.link.up()
        return left, wait


class _Loaded(stores.Store):
    # The store of one request: what it has is loaded before, and what it
    # does is done afterwards, as handlers do not wait for their session.
    save_late = None  # from when the cookie is out: what to call once more

    def __init__(self, store):
        self.max_session_size = store.max_session_size
        self.texts = {}
        self.sessions = []
        self.changes = []  # tuples (id, changes or None, is_new)
        self.error = None  # of Redis: for whoever asks for the session

    def open(self, session, when):
        super().open(session, when)
        self.sessions.append(session)

    def keep(self, session, values, when):
        if self.save_late and values and not session.id:
            return None  # the client cannot be told of a new one any more
        return super().keep(session, values, when)

    def ask(self, session, function, *args):
        return function(*args)

    def read(self, id):
        if self.error:
            raise self.error
        return self.texts.get(id)

    def write(self, id, texts):
        self.texts[id] = texts

    def merge(self, id, changes, is_new):
        size = super().merge(id, changes, is_new)
        if size <= self.max_session_size:
            self.change(id, changes, is_new)
        return size

    def remove(self, id):
        self.texts.pop(id, None)
        self.change(id, None, False)

    def change(self, id, changes, is_new):
        self.changes.append((id, changes, is_new))
        if self.save_late and len(self.changes) == 1:
            self.save_late()

    def sweep(self, when):
        pass  # Redis removes what is over


def _is_changed(session):
    kept = {key: session.kept[key] for key in session.kept if key != 'exp'}
    return kept != {key: json.dumps(session[key]) for key in session}


class RedisStore(stores.Store):
    """Keeps sessions in a Redis, for all processes and machines. A session is
    loaded when a request comes that has its cookie, and saved when the
    handler has returned, and once more when a body has been streamed that has
    changed it.

    :param url: such as ``'redis://localhost'``.
    :param prefix: of the keys, one for each session.
    :raises ValueError: the URL is malformed, or the password is wrong.
    """
    #: Seconds that a session without an end is kept since it was last saved.
    max_idle = 90 * 86400
    #: Connections to Redis; requests that find all of them taken wait.
    max_connections = 50

    def __init__(self, url, prefix='microdot:session:'):
        check_redis(url)
        self.url = url
        self.prefix = prefix
        self.link = Link(url)
        self.loop = None

    def attach(self, sessions, app):
        """Load and save the sessions of an application's requests."""
        async def around(request, call_next):
            loaded = _Loaded(self)
            request.g.__dict__.setdefault('_redis', {})[self] = loaded
            claims = sessions.decode(
                request.cookies.get(sessions.cookie_name, ''))
            await self._load(loaded, claims.get('_id'))
            try:
                res = await call_next(request)
            except Exception:
                await self._save(request, sessions, loaded)
                raise
            try:
                await self._save(request, sessions, loaded)
            except HTTPException:
                if res is Response.already_handled:
                    return res  # it cannot be told any more
                await close_body(res.body)
                raise
            if loaded.texts and not isinstance(res.body, bytes):
                self._expect(request, sessions, loaded)
            return res

        app.wrap_dispatch(around)
        app.on_shutdown(self.close)

    def _expect(self, request, sessions, loaded):
        # The body is still to be made, and may change the session.
        def save_late():
            request.after_response(self._save_late, request, sessions, loaded)

        loaded.save_late = save_late
        if sessions.auto_save:
            save_late()

    async def _save_late(self, request, sessions, loaded):
        try:
            await self._save(request, sessions, loaded)
        except HTTPException:
            _logger.error('%s %r: what its body has changed in a session is '
                          'lost', request.method, request.path)

    async def close(self):
        """Close the connections. They are opened again when needed."""
        if self.loop is asyncio.get_running_loop():
            self.loop = None
            await self.client.aclose()

    def _loaded(self, session):
        loaded = getattr(session.request.g, '_redis', {}).get(self)
        if not loaded:
            raise RuntimeError(
                'a RedisStore has sessions in requests of the application '
                'only that the Session was made for')
        return loaded

    def open(self, session, when):
        self._loaded(session).open(session, when)

    def keep(self, session, values, when):
        return self._loaded(session).keep(session, values, when)

    def _connect(self):
        loop = asyncio.get_running_loop()
        if loop is not self.loop:
            self.loop = loop
            self.client = make_client(self.url, self.max_connections)
            self.script = self.client.register_script(_MERGE)
        return self.client

    async def _load(self, loaded, id):
        if not isinstance(id, str):
            return
        try:
            found = await self._connect().hgetall(self.prefix + id)
        except _FAILS as exc:
            loaded.error = self._fail(exc)
            return
        self.link.up()
        if found:
            loaded.texts[id] = {
                key.decode(): found[key].decode() for key in found}

    async def _save(self, request, sessions, loaded):
        for session in loaded.sessions:
            if sessions.auto_save and _is_changed(session):
                sessions.update(request, session)
        all_changes, loaded.changes = loaded.changes, []
        try:
            for id, changes, is_new in all_changes:
                await self._change(loaded, id, changes, is_new)
        except _FAILS as exc:
            for session in loaded.sessions:
                session.cookies.clear()  # of a session that is not there
            # (one that is full or a replica can still be read)
            refused = isinstance(exc, redis.ResponseError)
            raise self._fail(exc, 'save' if refused else '') from None
        if all_changes:
            self.link.up()
            self.link.up('save')

    def _fail(self, exc, who=''):
        self.link.tell(exc, 'sessions are answered with 503', who)
        return HTTPException(*stores.UNAVAILABLE)

    async def _change(self, loaded, id, changes, is_new):
        client = self._connect()
        if changes is None:
            await client.delete(self.prefix + id)
            return
        end = loaded.texts.get(id, {}).get('exp')
        seconds = max(int(json.loads(end) - time.time()), 1) if end \
            else self.max_idle
        args = itertools.chain.from_iterable(
            (name, text or '') for name, text in changes.items())
        await self.script([self.prefix + id], [int(is_new), seconds, *args])

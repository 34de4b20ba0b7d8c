"""What the test client has on CPython alone: plain methods, a WebSocket as a
block, and cookies that know their domain, their end, and whether they are for
HTTPS."""
import asyncio
import calendar
import threading
import time
from collections import deque
from concurrent.futures import Future
from json import dumps, loads

from . import test_client as base

#: Bytes that name and value of a cookie may have, and its domain or path
#: (RFC 6265bis, section 5.6).
MAX_COOKIE = 4096
MAX_ATTRIBUTE = 1024


# --- Cookies ----------------------------------------------------------------

class Cookie(str):
    """The value of a cookie, with what its response said of it.

    Attributes: ``domain``, that of the host that set it, with a dot before it
    if other hosts of that domain have it too; ``secure``; ``expires``, in
    seconds since 1970, or ``None``.
    """
    domain = ''
    expires: float | None = None
    secure = False


def is_sent(value, scheme, host):
    """Tell whether a cookie goes with a request. Those that a test has put
    into the jar as plain text always do."""
    if not isinstance(value, Cookie):
        return True
    if value.expires is not None and value.expires <= time.time():
        return False
    if value.secure and not _is_secure(scheme, host):
        return False
    domain = value.domain
    return host == domain.lstrip('.') or \
        domain[0] == '.' and host.endswith(domain)


def _is_secure(scheme, host):
    # Browsers trust their own machine without TLS.
    return scheme == 'https' or host in ('localhost', '127.0.0.1', '[::1]') \
        or host.endswith('.localhost')


def _domain(options, host):
    # The domain of a cookie, or None: the host may not set it (RFC 6265,
    # section 5.3). There is no list of public suffixes here; a name without
    # a dot is one.
    domain = options.get('domain', '').lstrip('.').lower()
    if not domain or len(domain) > MAX_ATTRIBUTE:
        return host
    is_address = host[-1:] == ']' or host.rpartition('.')[2].isdigit()
    if domain == host:
        return host if is_address or '.' not in host else '.' + host
    if is_address or '.' not in domain or not host.endswith('.' + domain):
        return None
    return '.' + domain


def _is_refused(name, value, options, scheme, host):
    # RFC 6265bis, section 5.7: what a browser does not take.
    secure = 'secure' in options
    prefix = name.lower()
    return len((name + value).encode()) > MAX_COOKIE or \
        secure and not _is_secure(scheme, host) or \
        prefix.startswith(('__secure-', '__host-')) and not secure or \
        prefix.startswith('__host-') and (
            bool(options.get('domain')) or options.get('path') != '/')


def kept_value(name, value, options, scheme, host):
    """Return a cookie's value as a :class:`Cookie`, or ``None``: browsers do
    not keep it."""
    domain = _domain(options, host)
    if domain is None or _is_refused(name, value, options, scheme, host):
        return None
    cookie = Cookie(value)
    cookie.domain = domain
    cookie.secure = 'secure' in options
    age = options['max-age']
    when = base.parse_date(options.get('expires', ''))
    if age is not None:
        cookie.expires = time.time() + age
    elif when:
        cookie.expires = calendar.timegm(tuple(when))
    return cookie


def is_same(old, new):
    """Tell whether a cookie takes the place of another of its name and path:
    one of the same domain, or one that a test has put there."""
    return not isinstance(old, Cookie) or old.domain == new.domain


# --- Responses --------------------------------------------------------------

class TestResponse(base.TestResponse):
    __doc__ = base.TestResponse.__doc__
    __module__ = base.__name__

    def __repr__(self):
        if self.status_code is None:
            return '<TestResponse: nothing was sent>'
        parts = ['%s %s' % (
            self.status_code,
            self.reason or base.reason_phrase(self.status_code))]
        if 'Content-Type' in self.headers:
            parts.append(self.headers['Content-Type'])
        if self.body is not None:
            parts.append('%d bytes' % len(self.body))
        return '<TestResponse %s>' % ', '.join(parts)


# --- WebSocket --------------------------------------------------------------

class WebSocketClosed(Exception):
    """The server has closed a WebSocket, or has not opened it.

    Attributes: ``code`` and ``reason`` of the Close frame (RFC 6455, section
    7.4), 1005 if that had none, 1006 without one; ``response``, the
    :class:`TestResponse` that refused the handshake, or ``None``.
    """
    __module__ = base.__name__

    def __init__(self, message, code=1006, reason='', response=None):
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.response = response


class _Connection(base.WebSocketConnection):
    # A connection whose client is a test that sends and receives when it
    # likes, while the handler runs in a task of its own.

    def __init__(self, client, scheme, data, peer):
        super().__init__(client, scheme, data, peer)
        self.listening = True
        self.messages: deque[str | bytes] = deque()
        self.news = asyncio.Event()

    async def _advance(self, message):
        if message is not None:
            self.messages.append(message)

    async def send(self, data):
        await super().send(data)
        self.news.set()

    def take(self, frame):
        """Take a frame of the client's."""
        self.incoming += frame
        self.wake()

    async def finish(self):
        self.ended = True
        return self.head or self.sent


class WebSocketSession:
    """One end of a WebSocket, in a test.

    Attributes: ``response``, the :class:`TestResponse` of status 101;
    ``subprotocol``, the one that the server has chosen, or ``None``.
    """
    __module__ = base.__name__
    response: base.TestResponse
    subprotocol = None

    def __init__(self, client, path, headers, timeout, auth):
        self._client = client
        self._timeout = client.timeout if timeout is None else timeout
        self._asked = path, headers, auth

    async def __aenter__(self):
        path, headers, auth = self._asked
        client = self._client
        self._conn = conn = base.begin_websocket(
            _Connection, client, path, None, headers, auth)
        conn.task = asyncio.create_task(base.exchange(client, conn))
        try:
            await self._news(lambda: conn.head)
            if not conn.head:
                await self._refused()
            self.response = base.end_websocket(
                client, conn, base.TestResponse.parse(conn.head))
        except BaseException:
            conn.task.cancel()
            raise
        self.response.url = 'ws' + conn.scheme[4:] + '://%s%s' % (
            conn.last.headers.get('Host', ''), conn.path)
        self.subprotocol = self.response.headers.get('Sec-WebSocket-Protocol')
        return self

    async def _refused(self):
        conn = self._conn
        res = base.end_websocket(self._client, conn, await conn.task)
        raise WebSocketClosed('the handshake was answered with %s' %
                              res.status_code, response=res)

    async def __aexit__(self, exc_type, exc, tb):
        conn = self._conn
        await self.close()
        try:
            await self._limit(asyncio.shield(conn.task))
            base.end_websocket(self._client, conn, self.response)
        except Exception:
            if not exc_type:
                raise
        finally:
            conn.task.cancel()

    async def _limit(self, awaitable, timeout=None):
        return await asyncio.wait_for(
            awaitable, self._timeout if timeout is None else timeout)

    async def _news(self, found, timeout=None):
        # Waits until something is found, or the handler has ended.
        conn = self._conn

        async def wait():
            while not found() and not conn.ended and not conn.task.done():
                conn.news.clear()
                waiter = asyncio.ensure_future(conn.news.wait())
                try:
                    await asyncio.wait((waiter, conn.task),
                                       return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waiter.cancel()

        await self._limit(wait(), timeout)

    async def send(self, data):
        """Send a message: ``str`` or ``bytes``.

        :raises WebSocketClosed: it is closed.
        """
        self._check()
        self._conn.take(base.encode_frame(
            1 if isinstance(data, str) else 2,
            data.encode() if isinstance(data, str) else bytes(data)))

    async def send_json(self, data):
        """Send JSON, as text.

        :raises WebSocketClosed: it is closed.
        """
        await self.send(dumps(data))

    async def receive(self, timeout=None):
        """Return the next message of the server's, ``str`` or ``bytes``.

        :param timeout: seconds to wait; ``None``: those of the client.
        :raises WebSocketClosed: the server has closed, and there is no more.
        :raises asyncio.TimeoutError: nothing came.
        """
        messages = self._conn.messages
        await self._news(lambda: messages, timeout)
        if not messages:
            self._check()
        return messages.popleft()

    async def receive_json(self, timeout=None):
        """Return the next message of the server's, parsed as JSON."""
        return loads(await self.receive(timeout))

    async def close(self, code=1000, reason=''):
        """Close from this end, unless it is closed."""
        conn = self._conn
        if not conn.ended:
            conn.take(base.encode_frame(
                8, code.to_bytes(2, 'big') + reason.encode()))
            # what comes is not for this end any more
            await self._news(lambda: False)

    @property
    def close_code(self):
        """The code of the server's Close frame, 1005 if that had none, 1006
        if it has ended without one; ``None``: it is open."""
        conn = self._conn
        if conn.close is not None:
            return int.from_bytes(conn.close[:2], 'big') or 1005
        return 1006 if conn.ended or conn.task.done() else None

    @property
    def close_reason(self):
        """The text of the server's Close frame."""
        return (self._conn.close or b'')[2:].decode()

    def _check(self):
        conn = self._conn
        if not conn.ended and not conn.task.done():
            return
        if self._client.raise_exceptions and conn.last.exception:
            raise conn.last.exception
        raise WebSocketClosed(
            'the WebSocket is closed: %s %s' % (
                self.close_code, self.close_reason),
            self.close_code, self.close_reason)

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return await self.receive()
        except WebSocketClosed:
            raise StopAsyncIteration from None


class SyncWebSocket:
    """A :class:`WebSocketSession` with plain methods."""
    __module__ = base.__name__

    def __init__(self, run, session):
        self._run = run
        self._session = session

    def __enter__(self):
        self._run(self._session.__aenter__())
        return self

    def __exit__(self, *exc):
        self._run(self._session.__aexit__(*exc))

    def __getattr__(self, name):
        return getattr(self._session, name)

    def send(self, data):
        self._run(self._session.send(data))

    def send_json(self, data):
        self._run(self._session.send_json(data))

    def receive(self, timeout=None):
        return self._run(self._session.receive(timeout))

    def receive_json(self, timeout=None):
        return self._run(self._session.receive_json(timeout))

    def close(self, code=1000, reason=''):
        self._run(self._session.close(code, reason))

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return self.receive()
        except WebSocketClosed:
            raise StopIteration from None


# --- The client -------------------------------------------------------------

class TestClient(base.TestClient):
    __doc__ = base.TestClient.__doc__
    __module__ = base.__name__

    def __enter__(self):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise RuntimeError('an event loop runs here, which plain methods '
                               'would stop; write: async with TestClient(app) '
                               'as client')
        self._plain = SyncClient(self)
        return self._plain

    def __exit__(self, *exc):
        self._plain.end(*exc)

    def websocket_connect(self, path, headers=None, timeout=None, auth=None):
        """Open a WebSocket for a block: ``async with
        client.websocket_connect('/ws') as ws``.

        :param headers: a dict; ``Sec-WebSocket-Protocol`` to ask for one.
        :param timeout: seconds that each step may take; ``None``: those of
                        the client.
        :return: what gives a :class:`WebSocketSession`. In the end it closes,
                 and waits until the handler has ended.
        :raises WebSocketClosed: as the block begins: the server refuses.
        """
        return WebSocketSession(self, path, headers, timeout, auth)


class _Life:
    # An event loop in a thread, and an application that lives in it.

    def __init__(self, client):
        self.client = client
        self.exc = None, None, None
        self.ready: Future[asyncio.AbstractEventLoop] = Future()
        self.ended: Future[None] = Future()
        self.thread = threading.Thread(
            target=self._live, daemon=True, name='microdot test client')
        self.thread.start()
        self.loop = self.ready.result()

    def _live(self):
        try:
            asyncio.run(self._main())
        except BaseException as exc:
            (self.ended if self.ready.done() else self.ready
             ).set_exception(exc)
        else:
            self.ended.set_result(None)

    async def _main(self):
        # The whole life in one task, as context variables have it.
        self.stop = asyncio.Event()
        await self.client.__aenter__()
        self.ready.set_result(asyncio.get_running_loop())
        await self.stop.wait()
        await self.client.__aexit__(*self.exc)

    def end(self, exc):
        self.exc = exc
        self.loop.call_soon_threadsafe(self.stop.set)
        self.ended.result()

    def run(self, coro):
        problem = None
        if self.ended.done():
            problem = 'the block of this client has ended'
        elif threading.current_thread() is self.thread:
            problem = 'called within the application: it would wait for itself'
        if problem:
            coro.close()
            raise RuntimeError(problem)
        future = asyncio.run_coroutine_threadsafe(coro, self.loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C
            raise


def _plain(name):
    def method(self, path, headers=None, body=None, **options):
        return self.request(name, path, headers, body, **options)
    method.__name__ = name.lower()
    return method


class SyncClient:
    """A :class:`TestClient` with plain methods: ``with TestClient(app) as
    client`` gives it. The application runs in an event loop of its own, in a
    thread that ends with the block; so do its startup and shutdown handlers.

    It has the methods and attributes of the client.
    """
    __module__ = base.__name__
    __test__ = False

    get = _plain('GET')
    head = _plain('HEAD')
    options = _plain('OPTIONS')
    post = _plain('POST')
    put = _plain('PUT')
    patch = _plain('PATCH')
    delete = _plain('DELETE')
    query = _plain('QUERY')

    def __init__(self, client):
        self._client = client
        self._life = _Life(client)

    def run(self, coro):
        """Run a coroutine in the application's event loop.

        :return: its result.
        :raises RuntimeError: the block has ended, or this is called from
                              within that loop.
        """
        return self._life.run(coro)

    def end(self, *exc):
        """End the block, as ``with`` does."""
        self._life.end(exc)

    def request(self, method, path, headers=None, body=None, **options):
        """What :meth:`TestClient.request` does."""
        return self.run(self._client.request(
            method, path, headers, body, **options))

    def websocket(self, path, client, headers=None, **options):
        """What :meth:`TestClient.websocket` does."""
        return self.run(self._client.websocket(
            path, client, headers, **options))

    def websocket_connect(self, path, headers=None, timeout=None, auth=None):
        """Open a WebSocket for a block, with plain methods: ``with
        client.websocket_connect('/ws') as ws``. See
        :meth:`TestClient.websocket_connect`."""
        return SyncWebSocket(self.run, WebSocketSession(
            self._client, path, headers, timeout, auth))

    def __getattr__(self, name):
        return getattr(self._client, name)

    def __setattr__(self, name, value):
        if name[0] == '_':
            super().__setattr__(name, value)
        else:
            setattr(self._client, name, value)


# What a module that is being imported lacks cannot be imported from it, so
# that these names are set from here, whichever of the two comes first.
for _each in (TestClient, TestResponse, is_sent, kept_value, is_same,
              SyncClient, SyncWebSocket, WebSocketClosed, WebSocketSession):
    _name = _each.__name__
    if not hasattr(base, _name):
        base.__all__.append(_name)
    setattr(base, _name, _each)

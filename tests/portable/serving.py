"""A server and its clients in one event loop; runs on both interpreters."""

import asyncio
import time

from helpers import heap_kb

#: The longest any single wait may take, in seconds: see :func:`soon`.
PATIENCE_S = 5

#: For what is promised within a second: a loaded machine is slow.
A_SECOND = 4

#: Below the range that Linux takes the ports of outgoing connections from.
_FIRST_PORT, _LAST_PORT = 20000, 32000
_port = _FIRST_PORT + time.time_ns() // 1000 % (_LAST_PORT - _FIRST_PORT)

#: Bytes that a client reads at once. A board takes as much before it reads.
_READ = 4096 if heap_kb() > 500 else 512

GET = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'


async def soon(coro, seconds=PATIENCE_S):
    """Await a coroutine, for a limited time.

    It is counted in tenths of a second, each of which the event loop has to
    see: a machine that stands still for some seconds, server and all, takes
    one of them.

    :raises asyncio.TimeoutError: it took too long.
    """
    tenths = int(seconds * 10)
    if hasattr(asyncio, 'core'):
        return await asyncio.wait_for(coro, tenths, _sleep)
    task = asyncio.ensure_future(coro)
    try:
        while tenths and not task.done():
            await asyncio.wait([task], timeout=0.1)
            tenths -= 1
    except asyncio.CancelledError:
        await _end(task)
        raise
    if task.done():
        return await task
    await _end(task)
    raise asyncio.TimeoutError


async def _end(task):
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # has been seen


async def _sleep(tenths):
    for _ in range(tenths):
        await asyncio.sleep(0.1)


async def until(condition, seconds=PATIENCE_S):
    """Wait until a function returns something true, and return that.

    :raises asyncio.TimeoutError: it took too long.
    """
    return await soon(_until(condition), seconds)


async def _until(condition):
    while True:
        value = condition()
        if value:
            return value
        await asyncio.sleep(0.002)


async def while_moving(condition, value):
    """Wait until a function returns something true, for as long as another
    one returns something new. What takes long on a loaded machine is given
    its time; what has come to a halt is not.

    :raises asyncio.TimeoutError: nothing has moved for too long.
    """
    while not condition():
        last = value()
        await until(lambda: condition() or value() != last)


def next_port():
    """Return a port to try, another one each time."""
    global _port
    _port = _port + 1 if _port < _LAST_PORT else _FIRST_PORT
    return _port


class Server:
    """``async with Server(app) as server:`` serves it on a free port.

    At the end the clients are closed and the application is shut down. It is
    an error if that takes long or leaves a connection, or if anything was
    logged or went wrong unnoticed that the test has not taken out of
    :attr:`logged` or :attr:`unnoticed`.
    """

    def __init__(self, app, host='127.0.0.1', **kwargs):
        self.app = app
        self.host = host
        self.kwargs = kwargs
        self.port = None
        self.task = None
        #: Exceptions that the application has logged.
        self.logged = []
        #: What the event loop complained of.
        self.unnoticed = []
        self._clients = []

    async def __aenter__(self):
        self.app.log_exception = self._log
        asyncio.get_event_loop().set_exception_handler(self._notice)
        while True:
            self.port = next_port()
            self.task = asyncio.create_task(self.app.start_server(
                self.host, self.port, **self.kwargs))
            await until(lambda: self.app.servers or self.task.done())
            if self.app.servers:
                return self
            try:
                await self.task
            except OSError as exc:
                if exc.errno != 98:  # EADDRINUSE
                    raise
                self.unnoticed.clear()  # boards: the loop saw it first

    def _log(self, req, exc):
        self.logged.append(exc)

    def _notice(self, loop, context):
        self.unnoticed.append((context.get('message'),
                               context.get('exception')))

    async def connect(self):
        """Return a :class:`Client` that has connected."""
        client = Client(*await soon(
            asyncio.open_connection(self.host, self.port)))
        # (those that were closed are not to be held)
        self._clients = [each for each in self._clients if each.writer]
        self._clients.append(client)
        return client

    async def ask(self, data=GET):
        """Send a request on a connection of its own; return the answer."""
        client = await self.connect()
        await client.send(data)
        answer = await client.answer()
        await client.close()
        return answer

    def forget(self):
        """Hold on to no client any more."""
        self._clients = []

    async def idle(self):
        """Wait until no connection is open."""
        await until(lambda: self.app.counters['open'] == 0)

    async def stop(self):
        """Shut the application down and wait until it has ended."""
        self.app.shutdown()
        if self.task:
            await soon(self.task)

    async def __aexit__(self, kind, exc, traceback):
        try:
            for client in self._clients:
                await client.close()
            await self.stop()
        finally:
            asyncio.get_event_loop().set_exception_handler(None)
        if exc:
            return
        counters = self.app.counters
        if counters['open'] or self.app.connections or self.app.servers:
            raise AssertionError('left open: %s %s' % (
                counters, self.app.connections))
        if self.logged or self.unnoticed:
            raise AssertionError('errors: %r %r' % (
                self.logged, self.unnoticed))


class Answer:
    """A response as it came.

    Attributes: ``version`` (``'HTTP/1.1'``), ``status``, ``headers`` (a dict
    by lower-case name), ``body``, ``chunks`` (a list, or ``None`` without the
    chunked coding), ``whole`` (whether its framing says that it ended).
    """

    def __init__(self, head):
        lines = head.decode().split('\r\n')
        self.version, status, self.reason = lines[0].split(' ', 2)
        if self.version not in ('HTTP/1.0', 'HTTP/1.1'):
            # such as what is left of the response before
            raise AssertionError('no status line: %r' % lines[0])
        self.status = int(status)
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(': ')
            self.headers[name.lower()] = value
        self.body = b''
        self.chunks = None
        self.whole = True

    @property
    def closes(self):
        """Whether it says that the connection will be closed."""
        return self.headers.get('connection') == 'close'


class Client:
    """The other end of a connection."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self.data = b''

    async def send(self, data):
        """Write all of it."""
        self.writer.write(data)
        await soon(self.writer.drain())

    async def fill(self):
        """Read some more; tell whether there was more."""
        data = await soon(self.reader.read(_READ))
        self.data += data
        return len(data) > 0

    async def take(self, size):
        """Return that many bytes.

        :raises EOFError: there are fewer.
        """
        while len(self.data) < size:
            if not await self.fill():
                raise EOFError('%d bytes missing' % (size - len(self.data)))
        data, self.data = self.data[:size], self.data[size:]
        return data

    async def line(self, ending=b'\r\n'):
        """Return what comes before *ending*, without it."""
        while ending not in self.data:
            if not await self.fill():
                raise EOFError('the end, after %r' % self.data)
        size = self.data.find(ending)
        return (await self.take(size + len(ending)))[:size]

    async def rest(self):
        """Return all that comes until the peer closes.

        :raises OSError: it closed by a reset.
        """
        while await self.fill():
            pass
        data, self.data = self.data, b''
        return data

    async def answer(self, method='GET'):
        """Return the next response as an :class:`Answer`."""
        answer = Answer(await self.line(b'\r\n\r\n'))
        length = answer.headers.get('content-length')
        if method == 'HEAD' or answer.status in (204, 304) \
                or answer.status < 200:
            pass
        elif answer.headers.get('transfer-encoding') == 'chunked':
            answer.chunks = []
            try:
                await self._chunks(answer.chunks)
            except EOFError:
                answer.whole = False
            answer.body = b''.join(answer.chunks)
        elif length is None:
            answer.body = await self.rest()
        else:
            try:
                answer.body = await self.take(int(length))
            except EOFError:
                answer.whole = False
                answer.body = self.data
        return answer

    async def bodies(self, count):
        """Return the bodies of that many responses, as a list."""
        bodies = []
        for _ in range(count):
            bodies.append((await self.answer()).body)
        return bodies

    async def _chunks(self, chunks):
        while True:
            size = int(await self.line(), 16)
            data = await self.take(size)
            if await self.line():
                raise AssertionError('a chunk without its end')
            if not size:
                return
            chunks.append(data)

    async def closed(self):
        """Wait until the peer closes; tell whether it did so properly,
        without a reset and without sending anything more."""
        try:
            return await self.rest() == b''
        except OSError:
            return False

    async def close(self):
        """Close this end. Bytes that were not read make that a reset."""
        if self.writer:
            writer, self.writer = self.writer, None
            writer.close()
            try:
                await soon(writer.wait_closed())
            except OSError:
                pass

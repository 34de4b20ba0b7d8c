"""An application for WSGI servers: gunicorn, waitress (PEP 3333).

It is the application that ``microdot`` has, and can be called by the server,
from any number of threads. All coroutines run in one event loop, which has a
thread of its own in each process. What blocks is done by the thread that the
server calls from, while that waits: it reads the body of the request, and
takes the pieces of bodies that are no asynchronous iterators.
"""
import asyncio
import errno
import os
import signal
import socket
import ssl
import threading
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from . import microdot as core
from ._cpython import Cache, caller, is_async, settle, start_task
from ._gateway import Microdot as _Microdot
from ._gateway import (
    Pieces,
    add_field,
    at_exit,
    parse_path,
    split_head,
)
from .answers import html, json_response
from .microdot import (
    AsyncBytesIO,
    Connection,
    Disconnected,
    HTTPException,
    Request,
    Response,
    Stream,
    URLPattern,
    abort,
    decode_text,
    iscoroutine,
    parse_framing,
    parse_host,
    parse_token,
    redirect,
    send_file,
    too_large,
)

try:
    from . import websocket
except ImportError:
    websocket = None  # left out
else:
    from .websocket import WebSocket, websocket_upgrade, with_websocket

__all__ = [
    'AsyncBytesIO', 'Microdot', 'Request', 'Response', 'URLPattern', 'abort',
    'html', 'iscoroutine', 'json_response', 'redirect', 'send_file']
if websocket:
    __all__ += ['WebSocket', 'websocket_upgrade', 'with_websocket']


# --- Wire -------------------------------------------------------------------

# Headers that are the server's (RFC 9110, section 7.6.1; PEP 3333).
_HOP_BY_HOP = frozenset((
    b'connection', b'keep-alive', b'proxy-authenticate',
    b'proxy-authorization', b'proxy-connection', b'te', b'trailer',
    b'trailers', b'transfer-encoding', b'upgrade'))

_names = Cache(lambda name: parse_token(
    name[5:] if name[:5] == 'HTTP_' else name).replace('_', '-'))
_title = Cache(
    lambda name: (name.title() + ':').encode()).__getitem__


def _text(text):
    # PEP 3333: the characters of a text are the bytes that were sent
    return text if text.isascii() else decode_text(text.encode('latin-1'))


def parse_fields(environ):
    """Return the headers of a request as a dict by lower-case name.

    :raises ValueError: one is malformed.
    """
    fields: dict[str, str] = {}
    for name in environ:
        if name[:5] == 'HTTP_' or name == 'CONTENT_TYPE' or \
                name == 'CONTENT_LENGTH':
            value = environ[name]
            # (these two are empty rather than left out)
            if value or name[:5] == 'HTTP_':
                add_field(fields, _names[name], _text(value).strip(' \t'))
    return fields


def body_length(environ, version, fields):
    """Return the bytes of a request's body; -1 if the server ends it.

    :raises HTTPException: 411: nobody knows where it ends.
    :raises ValueError: its length is malformed.
    """
    if 'transfer-encoding' in fields and environ.get('wsgi.input_terminated'):
        return -1  # the server has undone the coding
    if 'content-length' not in fields and 'transfer-encoding' not in fields:
        return 0
    length = parse_framing(version[5:], fields)[0]
    if length < 0:
        raise HTTPException(411)
    return length


def raw_path(environ):
    """Return the path as the client has sent it, or ``None``."""
    raw = environ.get('RAW_URI') or environ.get('REQUEST_URI')
    if not raw:
        return None
    raw = _text(raw)
    if '://' in raw and raw[0] != '/':
        raw = raw[raw.find('/', raw.find('://') + 3):]
    return raw


def client_of(environ):
    """Return the address of the client, or ``None``."""
    host = environ.get('REMOTE_ADDR')
    port = environ.get('REMOTE_PORT') or '0'
    # (waitress has a name and 'None' for the peer of a Unix socket)
    return (host, int(port)) if host and port.isdigit() else None


# --- Transport --------------------------------------------------------------

class _Body(Stream):
    # The body of a request. What reads waits for the server's thread.
    done = gone = False
    limit = 0
    request = None  # whose body it is
    _owed = 0       # bytes that the client is behind min_rate
    _pace = 1024    # bytes of the next read, to look at the clock after it

    def __init__(self, app, call, file, length):
        self._app = app
        self._call = call
        self._file = file
        self.length = length
        self.left = length

    async def read(self, n=-1):
        if n < 0:
            pieces = []
            async for data in self:
                pieces.append(data)
            return b''.join(pieces)
        return await self._ask(self._read, n)

    async def readuntil(self, separator=b'\n'):
        if separator != b'\n':
            return await super().readuntil(separator)
        # at once: each question costs a change of threads
        return await self._ask(self._read_line, Request.max_readline)

    def _read_line(self, n):
        return self._measure(self._file.readline, n)

    def _read(self, n):
        # In pieces, as the server returns no sooner than a read is complete:
        # each as long as takes about a second, by what the last one took.
        pieces = []
        while n > 0:
            size = min(n, self._pace)
            data = self._measure(self._file.read, size)
            pieces.append(data)
            n -= len(data)
            if len(data) < size:
                break  # the end, or a server that gives what it has
        return b''.join(pieces)

    def _measure(self, read, n):
        rate = self._app.min_rate
        start = monotonic()
        data = read(n)
        seconds = monotonic() - start
        self._pace = max(1, int(min(
            self._pace * 4, len(data) / max(seconds, 1e-9))))
        if rate:
            # (as the built-in server counts: what comes quickly makes up for
            # what was slow before it, not for what will be)
            self._owed = max(self._owed, 0) + rate * seconds - len(data)
            if self._owed > rate * self._app.rate_window:
                raise HTTPException(408)
        return data

    async def _ask(self, read, n):
        if self.done or not n:
            return b''
        if self.length >= 0:
            n = min(n, self.left)
        try:
            data = await self._call.ask(read, n)
        except OSError:
            self.gone = True
            raise Disconnected
        except HTTPException:
            self.gone = True
            self._app.counters['timed_out'] += 1
            raise
        except Exception:
            # The server has found the body malformed. Each server has an
            # exception of its own for that, and its text is not ours to send.
            self.gone = True
            raise HTTPException(400, 'Malformed body')
        if self.length < 0:
            self.limit -= len(data)
            self.done = not data
            if self.limit < 0:
                raise too_large(self.request)
        else:
            self.left -= len(data)
            self.done = not self.left
            if not data:
                self.gone = True
                raise Disconnected
        return data


class _Socket(Connection):
    # The connection itself, for a WebSocket, where the server lets the
    # application have it.
    length = 0  # no body: all that the peer sends

    def __init__(self, app, addr, sock):
        super().__init__(app.gateway, addr)
        self.shared = sock

    async def open(self):
        """Begin to use it beside the server."""
        self.register()
        self.task = asyncio.current_task()
        self.reader, self.writer = await asyncio.open_connection(
            sock=self.shared.dup())

    async def aclose(self):
        if self.watcher:
            self.watcher.cancel()
        await super().aclose()
        if self.taken:
            # nothing that the server may say now belongs there
            try:
                self.shared.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the client has closed it
        else:
            # both are one to the system, which was told not to wait
            self.shared.settimeout(self.shared.gettimeout())


if websocket:
    class _NoWebSocket(websocket.WebSocket):
        # For servers that keep the connection to themselves.
        def _check_request(self):
            abort(501)


# What a task tells the thread that waits for it.
_ASK, _GIVE, _END = range(3)


class _Call:
    # One call of the application by the server. Its thread and a task in the
    # event loop take turns: the thread waits for what the task gives, and
    # does meanwhile what that asks for.
    task = None
    socket = None    # of the connection, for a WebSocket
    ended = False    # the task has
    closed = False   # the server does not want any more
    _turn = None     # future that the task waits for, having given something

    def __init__(self, loop):
        self.loop = loop
        self._orders: Any = SimpleQueue()

    # In the server's thread:

    def start(self, coro):
        """Begin a task."""
        self.loop.call_soon_threadsafe(self._begin, coro)

    def wait(self, timeout=None):
        """Return what the task gives, or when it ends, ``None``.

        :raises BaseException: it has ended with that.
        :raises Empty: nothing came in so many seconds.
        """
        while True:
            kind, value, future = self._orders.get(timeout=timeout)
            if kind == _GIVE:
                return value
            if kind == _END:
                self.ended = True
                if value:
                    raise value
                return None
            self._serve(future, *value)

    def _serve(self, future, function, args):
        # Calls what the task asks for. What is no Exception is the server's
        # (a signal, a timeout of gevent) and ends its thread's work: the
        # client is then as good as gone.
        result = error = None
        try:
            if self.closed:
                raise Disconnected
            result = function(*args)
        except (Exception, Disconnected) as exc:
            error = exc
        except BaseException:
            error = Disconnected()
            raise
        finally:
            self.loop.call_soon_threadsafe(settle, future, result, error)

    def next(self):
        """Let the task go on, and :meth:`wait`."""
        self.loop.call_soon_threadsafe(settle, self._turn)
        return self.wait()

    def close(self, timeout):
        """Cancel the task and wait for its end.

        :return: what it has ended with, if that says more than that the
                 client has left.
        """
        self.closed = True
        if not self.ended:
            self.loop.call_soon_threadsafe(self.task.cancel)
        while not self.ended:
            try:
                self.wait(timeout)
            except Empty:
                break
            except BaseException as exc:
                if not self.ended:
                    raise  # it is the server's
                if not isinstance(exc, (asyncio.CancelledError, Disconnected)):
                    return exc

    # In the event loop:

    def _begin(self, coro):
        self.task = start_task(self._run(coro), self.loop)

    async def _run(self, coro):
        error = None
        caller.set(self.call_here)
        try:
            await coro
        except BaseException as exc:
            error = exc
        self._orders.put((_END, error, None))

    async def ask(self, function, *args):
        """Have a function called by the thread; return its result."""
        future = self.loop.create_future()
        self._orders.put((_ASK, (function, args), future))
        return await future

    def call_here(self, function):
        """Have a plain handler called by the thread, if that waits for
        nothing else; otherwise return ``None``."""
        if not self.ended and asyncio.current_task() is self.task:
            return self._call_here(function)

    async def _call_here(self, function):
        result, error = await self.ask(_outcome, function)
        if error:
            raise error
        return result

    def put(self, value):
        """Give the thread something."""
        self._orders.put((_GIVE, value, None))

    async def give(self, value):
        """Give the thread something; wait until it wants more."""
        if self.closed:
            raise asyncio.CancelledError
        self._turn = self.loop.create_future()
        self.put(value)
        await self._turn


def _outcome(function):
    # Calls a handler. What it raises is never the server's.
    try:
        return function(), None
    except StopIteration as exc:
        error = RuntimeError('StopIteration in a handler')
        error.__cause__ = exc
        return None, error
    except BaseException as exc:
        if _is_interrupt(exc):
            raise
        return None, exc


def _is_interrupt(exc):
    # Whether Ctrl-C was pressed while the server's thread was in a handler.
    return isinstance(exc, KeyboardInterrupt) and \
        threading.current_thread() is threading.main_thread() and \
        signal.getsignal(signal.SIGINT) is signal.default_int_handler


class _Answer:
    # A response, as the server takes it.
    def __init__(self, app, call, req, res, prepared):
        self._app = app
        self._call = call
        self._req = req
        self._res = res
        self._body, self._pieces, head, self._left, _, chunked = prepared
        line, pairs, _ = split_head(res, head)
        self.status = line[9:].decode('latin-1')
        self.headers = [
            (name.decode('latin-1'), value.decode('latin-1'))
            for name, value in pairs if name.lower() not in _HOP_BY_HOP]
        if chunked is None:
            self._body = b''
            if line[9:12] in (b'204', b'304'):
                # wsgiref.validate insists
                self.headers = [pair for pair in self.headers
                                if pair[0].lower() != 'content-type']
        # Such a body is for this thread, which may block.
        self._file = None
        self.direct = not self._pieces
        if isinstance(self._pieces, core.BodyIterator):
            source = self._pieces.body
            self.direct = not hasattr(source, 'read') or \
                not is_async(source.read)

    def __iter__(self):
        if not self._pieces:
            if self._body:
                yield self._body
            return
        measure = Pieces(self._res, self._left)
        pieces = None
        while True:
            # (no yield in here: what it raises is the server's)
            try:
                if pieces is None:
                    pieces = iter(self._read()) if self.direct else \
                        iter(self._call.next, None)
                # (None is no piece, and not the end)
                piece = next(pieces, self)
                if piece is self:
                    measure.end()
                    return
                piece = measure.take(piece)
            except BaseException as exc:
                self._fail(exc)
            if piece:
                yield piece

    def _fail(self, exc):
        # The answer has begun, so that only the end of the connection can
        # tell the client. Servers end it for an Exception; anything else
        # would end the server.
        if _is_interrupt(exc):
            raise exc
        if isinstance(exc, Disconnected):
            raise ConnectionResetError(
                errno.ECONNRESET, 'the client has left') from None
        if not self.direct and not self._call.ended:
            raise exc  # not of the task
        self._app.log_exception(self._req, exc)
        if isinstance(exc, Exception):
            raise exc
        raise RuntimeError('the body has ended with %r' % exc) from exc

    def _read(self):
        source = self._pieces.body
        if not hasattr(source, 'read'):
            return source
        return self._read_file(source)

    def _read_file(self, file):
        while True:
            data = file.read(Response.send_file_buffer_size)
            if iscoroutine(data):
                data = asyncio.run_coroutine_threadsafe(
                    data, self._call.loop).result()
            if not data:
                break
            yield data

    def close(self):
        """End the body, wherever it is."""
        if self._res is None:
            return
        req, res = self._req, self._res
        self._res = None
        error = None
        try:
            if not self.direct:
                error = self._call.close(self._app.shutdown_timeout)
            elif self._pieces and hasattr(self._pieces.body, 'close'):
                self._pieces.body.close()
        except BaseException as exc:
            if not self.direct or _is_interrupt(exc):
                raise
            error = exc
        finally:
            if res.jobs or req and req.jobs:
                self._call.loop.call_soon_threadsafe(
                    self._app.answered, req, res)
        if error:
            self._app.log_exception(req, error)


# --- Application ------------------------------------------------------------

_lock = threading.Lock()


class Microdot(_Microdot):
    """An application that a WSGI server can call."""
    _loop = _thread = _pid = None

    def __call__(self, environ, start_response):
        return self.wsgi_app(environ, start_response)

    @property
    def loop(self):
        """The event loop, which runs from the first use on."""
        if self._pid != os.getpid():
            with _lock:
                if self._pid != os.getpid():
                    self._start_loop()
        return self._loop

    def _start_loop(self):
        # Once in each process: a fork takes no threads along.
        try:
            from uvloop import new_event_loop
        except ImportError:
            new_event_loop = asyncio.new_event_loop
        self._started = self._running = False
        self._starting = None
        self._loop = new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name='microdot', daemon=True)
        self._thread.start()
        at_exit(self.close)
        self._pid = os.getpid()

    def start(self):
        """Start the application, if that has not been done. The first request
        would do so; a server may have a hook that can do it before.

        :raises Exception: a start-up handler has failed.
        """
        asyncio.run_coroutine_threadsafe(
            self._start_once(), self.loop).result()

    async def _start_once(self):
        if not self._started:
            await self._start_late()

    def close(self):
        """Stop the application and its event loop. Happens by itself when
        the process ends, unless by a signal that nothing handles."""
        if self._pid != os.getpid():
            return
        self._pid = None
        loop = self._loop
        future = asyncio.run_coroutine_threadsafe(self._close(), loop)
        try:
            future.result(self.shutdown_timeout)
        except TimeoutError:
            pass
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(self.shutdown_timeout)
        if not loop.is_running():
            loop.close()

    async def _close(self):
        await self._stop()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await asyncio.get_running_loop().shutdown_asyncgens()

    def wsgi_app(self, environ, start_response):
        """Answer one request.

        :param environ: what the server knows of it.
        :param start_response: to be called with status line and headers.
        :return: an iterable of the pieces of the body, to be closed.
        """
        call = _Call(self.loop)
        req = error = None
        try:
            req = self._open(environ, call)
        except HTTPException as exc:
            error = exc
        except ValueError as exc:
            error = self.refuse(exc)
        call.start(self._answer(call, req, error))
        status = '500 Internal Server Error'
        try:
            answer = call.wait()
        except Disconnected:
            answer = None
            status = '400 Bad Request'
        except BaseException as exc:
            if not call.ended or isinstance(exc, Exception):
                raise
            # it has come out of a handler, and would end the server
            answer = None
            self.log_exception(req, exc)
        if not answer:
            # The client has left, or a WebSocket is over. Either way there
            # is nobody to read this.
            start_response(status, [('Content-Length', '0'),
                                    ('Content-Type', 'text/plain')])
            return []
        start_response(answer.status, answer.headers)
        return answer

    async def _answer(self, call, req, error):
        # The task of a call.
        if req and req.source:
            req.source.request = req
        try:
            await self._handle_call(call, req, error)
        finally:
            if req:
                self.body_bytes -= req.held

    async def _handle_call(self, call, req, error):
        if not self._started:
            await self._start_late()
        self.counters['requests'] += 1
        res = await self._dispatch(call, req, error)
        if not res:
            return
        prepared = await self.gateway.prepare(req, res, '1.1', True)
        pieces = prepared[1]
        if pieces and prepared[5] is None:
            # it must not have a body
            await core.close_body(pieces)
            prepared = (b'', None) + prepared[2:]
        answer = _Answer(self, call, req, res, prepared)
        if answer.direct:
            call.put(answer)
            call.ended = True
            return
        try:
            await call.give(answer)
            async for piece in pieces:
                await call.give(piece)
        finally:
            await core.close_body(pieces)

    async def _dispatch(self, call, req, error):
        # Returns None where a WebSocket has been the answer.
        conn = None
        try:
            if call.socket:
                conn = _Socket(self, req.client_addr, call.socket)
                req.sock = (conn, conn)
                await conn.open()
            res = await self.dispatch_request(req, error)
            return None if res is Response.already_handled or \
                conn and conn.taken else res
        except asyncio.CancelledError:
            if not (conn and conn.gone):
                raise
            return None
        finally:
            if conn:
                await conn.aclose()

    def _open(self, environ, call):
        # Make a request of what the server knows.
        fields = parse_fields(environ)
        if 'host' in fields:
            parse_host(fields['host'])
        version = environ.get('SERVER_PROTOCOL', 'HTTP/1.1')
        length = body_length(environ, version, fields)
        stream = _Body(self, call, environ['wsgi.input'], length) \
            if length else None
        root = environ.get('SCRIPT_NAME', '').encode('latin-1').decode()
        path = environ.get('PATH_INFO', '').encode('latin-1').decode()
        req = self.make_request(
            client_of(environ), environ['REQUEST_METHOD'],
            parse_path(root + path, raw_path(environ)), root,
            _text(environ.get('QUERY_STRING', '')), version,
            (fields, map(_title, fields)), stream, (None, None),
            environ.get('wsgi.url_scheme'))
        req.environ = environ
        if websocket and 'upgrade' in fields:
            self._prepare_upgrade(req, call)
        return req

    def _prepare_upgrade(self, req, call):
        sock = req.environ.get('gunicorn.socket')
        if req.source or not isinstance(sock, socket.socket) or \
                isinstance(sock, ssl.SSLSocket):
            req.websocket_class = _NoWebSocket
        else:
            call.socket = sock

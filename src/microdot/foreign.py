"""Applications of other frameworks, mounted into one of ours: Django, Flask,
Starlette and whatever else speaks ASGI or WSGI::

    app.mount(wsgi_app(django), '/old')
    app.mount(asgi_app(other), '/api')

Each becomes an application whose routes take every path, so that limits,
hooks and error handlers of the parent apply as to any other.
"""
import asyncio
import itertools
import sys
import tempfile
from typing import Any

from .microdot import (
    Disconnected,
    HTTPException,
    Microdot,
    Response,
    abort,
    invoke_handler,
    parse_list,
)

_METHODS = ('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS',
            'QUERY', 'TRACE')
# Bytes of a request's body that are read at once.
_PIECE = 64 * 1024
# Seconds that are left to what has been cancelled.
_LAST = 1


# --- What both have in common -----------------------------------------------

def _make(handler):
    # An application that hands every request to a handler, with the path
    # below the prefix.
    app = Microdot()

    @app.route('', methods=_METHODS)
    async def prefix(request, **args):
        if request.path == '/':
            return await root(request)  # mounted without a prefix
        return await handler(request, request.path, '')

    @app.route('/', methods=_METHODS)
    async def root(request, **args):
        return await handler(request, request.path[:-1], '/')

    @app.route('/<path:_rest>', methods=_METHODS)
    async def below(request, _rest, **args):
        return await handler(
            request, request.path[:-len(_rest) - 1], '/' + _rest)

    return app


def _response(status, headers, body):
    # Headers are pairs of text; those of one name become a list.
    res = Response(body, status)
    for name, value in headers:
        if name in res.headers:
            found = res.headers[name]
            value = (found if isinstance(found, list) else [found]) + [value]
        res.headers[name] = value
    return res


def _version(request):
    # (servers in place of ours have HTTP/ before it)
    return request.http_version.rpartition('/')[2]


def _server(request):
    # Name and port by which the client knows the server.
    host = request.fields.get('host', '')
    name, colon, port = host.rpartition(':')
    if colon and port.isdigit():
        return name, int(port)
    # (PEP 3333 wants some name; those of HTTP/1.0 need send none)
    return host or 'localhost', 443 if request.scheme == 'https' else 80


# --- ASGI -------------------------------------------------------------------

_SCHEMES = {'http': 'ws', 'https': 'wss'}


def _pairs(message):
    # The headers of a message, as text.
    return [[bytes(text).decode('latin-1') for text in pair]
            for pair in message.get('headers') or ()]


def _wants_websocket(request):
    scope = getattr(request, 'asgi_scope', None)
    if scope:
        return scope['type'] == 'websocket'
    return request.method == 'GET' and 'websocket' in parse_list(
        request.fields.get('upgrade', '').lower())


class _Exchange:
    # One request to an ASGI application. It runs in a task of its own, and
    # waits with each message until the one before has been taken.
    prefix = 'http.response'
    answered = False  # the application has said all of its response

    def __init__(self, app, request, running):
        self.request = request
        self.running = running
        self.read = False
        self.over = asyncio.Event()
        self.messages: Any = asyncio.Queue(1)
        self.reading: Any = None
        self.refused = None  # what is wrong with the body of the request
        self.app = app
        self.task: Any = None

    def start(self, scope):
        self.task = asyncio.create_task(self.run(scope))
        self.running.add(self.task)  # the event loop would let it go
        self.task.add_done_callback(self.running.discard)

    async def run(self, scope):
        error = None
        try:
            await self.app(scope, self.receive, self.send)
        except BaseException as exc:
            # (sys.exit() must not end the server; and who waits for the
            # response is to hear of a cancelling that is not his)
            error = exc if isinstance(exc, Exception) else \
                RuntimeError('the application has ended with %r' % exc)
            if self.is_over() and not isinstance(
                    exc, (Disconnected, asyncio.CancelledError)):
                self.request.app.log_exception(self.request, error)
        if not self.is_over():
            await self.end(error)

    def is_over(self):
        # Whether nobody waits for what the application may still say.
        return self.answered or self.over.is_set()

    async def end(self, error):
        # The application has returned, or has raised an error.
        await self.send({'type': 'end', 'error': error or RuntimeError(
            'the application has not answered')})

    async def receive(self):
        data = None
        if not self.read and not self.over.is_set():
            data = await self.read_piece()
        elif not self.refused:
            await self.over.wait()
        if data is None:
            return {'type': 'http.disconnect'}
        self.read = not data
        return {'type': 'http.request', 'body': data,
                'more_body': not self.read}

    async def read_piece(self):
        # Some of the body, or None. After the response what is left of it is
        # the server's, and then comes the next request.
        reading = self.reading = asyncio.ensure_future(
            self.request.stream.read(_PIECE))
        try:
            await asyncio.wait([reading])
        finally:
            reading.cancel()
        if reading.cancelled():
            return None
        try:
            return reading.result()
        except (HTTPException, OSError) as exc:
            # It is ours to answer that: others make a 500 of what they do
            # not know.
            self.read = True
            self.refused = exc
            if self.messages.empty():
                self.messages.put_nowait({'type': 'refused'})
        return None

    async def send(self, message):
        if not self.over.is_set():
            self.answered = message['type'] == self.prefix + '.body' and \
                not message.get('more_body')
            await self.messages.put(message)
        else:
            await asyncio.sleep(0)  # who sends for ever is not alone here

    async def first(self):
        # The next message, whatever it is.
        message = await self.messages.get()
        if self.refused:
            raise self.refused
        if message['type'] == 'end':
            raise message['error']
        return message

    async def next(self, kind):
        """Return the next message.

        :raises Exception: what the application has raised in its place.
        """
        message = await self.first()
        if message['type'] != '%s.%s' % (self.prefix, kind):
            raise RuntimeError('%s came in place of %s.%s' % (
                message['type'], self.prefix, kind))
        return message

    async def answer(self):
        """Return the response."""
        return await self.respond(await self.next('start'))

    async def respond(self, start):
        """Return the response that begins with a message."""
        message = await self.next('body')
        body = bytes(message.get('body') or b'')
        if message.get('more_body'):
            body = _Pieces(self, message)
        else:
            await self.finish()
        return _response(start['status'], _pairs(start), body)

    async def finish(self):
        # The response is out, and the application may have more to do.
        self.over.set()
        if not self.messages.empty():
            self.messages.get_nowait()  # it may wait with the next one
        if self.reading and not self.reading.done():
            # before the server reads what is left of the body
            self.reading.cancel()
            await asyncio.wait([self.reading])

    async def aclose(self):
        if not self.over.is_set():
            await self.finish()
            self.task.cancel()
            await asyncio.wait([self.task])

    async def leave_body(self):
        # What nobody takes of the body is no reason to cancel work that
        # comes after the response to a HEAD: the client is still there.
        if self.request.method == 'HEAD' and not self.over.is_set():
            await self.finish()
            asyncio.get_running_loop().call_later(
                self.request.app.shutdown_timeout, self.task.cancel)
        await self.aclose()


class _Talk(_Exchange):
    # One WebSocket of an ASGI application. Once it has been accepted the
    # application sends and receives by itself.
    prefix = 'websocket.http.response'
    connected = False  # the application knows that somebody wants to
    accepted = None    # the message by which it has agreed
    ws = None
    told = False       # the application knows that it is over
    error = None       # what it has raised then

    def __init__(self, app, request, running):
        super().__init__(app, request, running)
        self.settled = asyncio.Event()  # whether there is a WebSocket

    async def answer(self):
        message = await self.first()
        if message['type'] == 'websocket.close':
            await self.finish()
            abort(403)
        if message['type'] == 'websocket.http.response.start':
            return await self.respond(message)
        if not self.accepted:
            raise RuntimeError('%s came in place of websocket.accept' %
                               message['type'])
        from .websocket import websocket_wrapper
        return await websocket_wrapper(self.follow, self.upgrade)(
            self.request)

    async def upgrade(self, request):
        from .websocket import websocket_upgrade
        headers: dict[str, list[str]] = {}
        for name, value in _pairs(self.accepted):
            headers.setdefault(name, []).append(value)
        protocol = self.accepted.get('subprotocol')
        return await websocket_upgrade(
            request, protocol and (protocol,), None, headers)

    async def follow(self, request, ws):
        # The handler of the WebSocket.
        self.ws = ws
        self.settled.set()
        try:
            await asyncio.wait([self.task])
        finally:
            if self.told:
                await self.finish()  # it may take its time to clean up
            await self.aclose()
        if self.error:
            raise self.error

    async def finish(self):
        self.settled.set()
        await super().finish()

    async def end(self, error):
        if self.accepted:
            self.error = error
        else:
            await super().end(error)

    async def receive(self):
        if not self.connected:
            self.connected = True
            return {'type': 'websocket.connect'}
        await self.settled.wait()
        code, reason = 1006, ''
        if self.ws:
            from .websocket import WebSocketError
            try:
                data = await self.ws.receive()
                return {'type': 'websocket.receive',
                        'text' if isinstance(data, str) else 'bytes': data}
            except WebSocketError as exc:
                code, reason = exc.code, exc.reason
        self.told = True
        return {'type': 'websocket.disconnect', 'code': code,
                'reason': reason}

    async def send(self, message):
        kind = message['type']
        if self.accepted:
            await self.settled.wait()
        if not self.ws:
            if kind == 'websocket.accept':
                self.accepted = message
            await super().send(message)
            self.answered = self.answered or kind == 'websocket.close'
            if self.accepted:
                await self.settled.wait()
        elif kind == 'websocket.send':
            data = message.get('text')
            await self.push(message['bytes'] if data is None else data)
        elif kind == 'websocket.close':
            await self.ws.close(message.get('code') or 1000,
                                message.get('reason') or '')
        else:
            raise RuntimeError('%s came in place of websocket.send' % kind)

    async def push(self, data):
        from .websocket import WebSocketError
        try:
            await self.ws.send(data)
        except WebSocketError:
            raise Disconnected from None


class _Pieces:
    # The body of a response that comes in several messages.
    def __init__(self, exchange, message):
        self.exchange = exchange
        self.message = message
        self.more = True

    def __aiter__(self):
        return self

    async def __anext__(self):
        while self.more:
            message = self.message or await self.exchange.next('body')
            self.message = None
            self.more = message.get('more_body', False)
            if not self.more:
                await self.exchange.finish()
            if message.get('body'):
                return bytes(message['body'])
        raise StopAsyncIteration

    async def aclose(self):
        await self.exchange.leave_body()


class _Life:
    # One life of an ASGI application, in a task of its own.
    known = True  # the application knows of a lifespan

    def __init__(self, app):
        self.app = app
        self.state: dict[str, Any] = {}
        self.asked: Any = asyncio.Queue()
        self.answered: Any = asyncio.Queue()
        self.task = asyncio.create_task(self.run())

    async def run(self):
        error = None
        try:
            await self.app(
                {'type': 'lifespan', 'asgi': {'version': '3.0'},
                 'state': self.state}, self.asked.get, self.answered.put)
        except BaseException as exc:
            # Before it has started, that is how an application says that it
            # knows of no lifespan. (Who asks is to hear of a cancelling too.)
            error = exc if isinstance(exc, Exception) else \
                RuntimeError('the lifespan has ended with %r' % exc)
        self.answered.put_nowait({'type': 'unknown', 'error': error})

    async def ask(self, kind):
        self.asked.put_nowait({'type': 'lifespan.' + kind})
        answer = await self.answered.get()
        if answer['type'] == 'lifespan.%s.failed' % kind:
            raise RuntimeError(answer.get('message') or kind + ' failed')
        if kind == 'shutdown' and answer.get('error'):
            raise answer['error']
        return answer['type'] != 'unknown'

    async def start(self):
        try:
            self.known = await self.ask('startup')
        except BaseException:
            await self.end()
            raise

    async def stop(self):
        loop = self.task.get_loop()
        if loop is not asyncio.get_running_loop():
            # The last of our servers was one in another thread.
            if loop.is_running():
                await asyncio.wrap_future(
                    asyncio.run_coroutine_threadsafe(self.stop(), loop))
            return
        try:
            if self.known:
                await self.ask('shutdown')
        finally:
            await self.end()

    async def end(self):
        self.known = False
        self.task.cancel()
        await asyncio.wait([self.task], timeout=_LAST)


class _Lifespan:
    # The lives of an ASGI application: one for each start of whom it is
    # mounted into, which may have an event loop of its own.
    def __init__(self, app):
        self.app = app
        self.patience = 0  # seconds; those of who has had a request
        self.lives = []
        self.running = set()  # the tasks of its requests

    def find(self):
        # The last life in the loop that runs, or else in another, or None.
        loop = asyncio.get_running_loop()
        own = [life for life in self.lives if life.task.get_loop() is loop]
        return (own or self.lives or [None])[-1]

    def state(self):
        # What a request is to have of it.
        life = self.find()
        return life.state.copy() if life else {}

    async def start(self):
        life = _Life(self.app)
        await life.start()
        self.lives.append(life)

    async def stop(self):
        loop = asyncio.get_running_loop()
        life = self.find()
        if life:
            self.lives.remove(life)
        try:
            if all(each.task.get_loop() is not loop for each in self.lives):
                await self.finish()
        finally:
            if life:
                await life.stop()

    async def finish(self):
        # Some have work left after their responses. It may be done in a
        # thread, which waits for this loop: an end without it is for ever.
        try:
            await self.wait(self.patience)
        finally:
            for task in self.own():
                task.cancel()
        await self.wait(_LAST)
        for task in self.own():
            task.cancel()

    async def wait(self, seconds):
        tasks = self.own()
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    def own(self):
        loop = asyncio.get_running_loop()
        # (a copy, as other loops add to it meanwhile)
        return [task for task in self.running.copy()
                if task.get_loop() is loop]


def asgi_app(other):
    """Return an application that hands its requests to an ASGI application,
    to be mounted. Its ``lifespan`` is run with ours, and a start that fails
    keeps ours from starting. What it does after a response may last until
    ``shutdown_timeout`` is over when ours shuts down.

    A request for a WebSocket is a scope ``websocket``, for which the
    application may send a response too.

    :param other: a callable, as ASGI 3 has it.
    """
    lifespan = _Lifespan(other)

    async def handler(request, root, path):
        lifespan.patience = request.app.shutdown_timeout
        root = request.root_path + root
        scope = {
            'type': 'http', 'asgi': {'version': '3.0', 'spec_version': '2.3'},
            'http_version': _version(request), 'scheme': request.scheme,
            'path': root + path,
            'raw_path': (request.root_path + request.url.partition('?')[0])
            .encode(),
            'query_string': (request.query_string or '').encode(),
            'root_path': root, 'headers': [
                (name.encode('latin-1'), value.encode())
                for name, value in request.fields.items()],
            'client': request.client_addr, 'server': _server(request),
            'state': lifespan.state()}
        if _wants_websocket(request):
            exchange = _Talk(other, request, lifespan.running)
            scope.update({
                'type': 'websocket',
                'asgi': {'version': '3.0', 'spec_version': '2.4'},
                'scheme': _SCHEMES.get(request.scheme, request.scheme),
                'subprotocols': parse_list(request.fields.get(
                    'sec-websocket-protocol', '')),
                'extensions': {'websocket.http.response': {}}})
        else:
            exchange = _Exchange(other, request, lifespan.running)
            scope['method'] = request.method
        exchange.start(scope)
        try:
            return await exchange.answer()
        except BaseException:
            await exchange.aclose()
            raise

    app = _make(handler)
    app.on_startup(lifespan.start)
    app.on_shutdown(lifespan.stop)
    return app


# --- WSGI -------------------------------------------------------------------

class _Started:
    # What a WSGI application says of its response, and writes.
    status = None

    def __init__(self):
        self.written = []

    def __call__(self, status, headers, exc_info=None):
        if exc_info and exc_info[1]:
            try:
                if self.status and self.written:
                    raise exc_info[1]
            finally:
                exc_info = None
        self.status = int(status[:3])
        self.headers = headers
        return self.written.append


class _Result:
    # The body of a response, which comes in pieces.
    def __init__(self, iterator, result, file):
        self.iterator = iterator
        self.result = result
        self.file = file

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.iterator)

    def close(self):
        try:
            _close(self.result)
        finally:
            self.file.close()


def _close(result):
    if hasattr(result, 'close'):
        result.close()


def _environ(request, root, path, file, length):
    name, port = _server(request)
    environ = {
        'REQUEST_METHOD': request.method,
        'SCRIPT_NAME': root.encode().decode('latin-1'),
        'PATH_INFO': path.encode().decode('latin-1'),
        'QUERY_STRING': request.query_string or '',
        'SERVER_NAME': name, 'SERVER_PORT': str(port),
        'SERVER_PROTOCOL': 'HTTP/' + _version(request),
        'CONTENT_LENGTH': str(length),
        'wsgi.version': (1, 0), 'wsgi.url_scheme': request.scheme,
        'wsgi.input': file, 'wsgi.errors': sys.stderr,
        'wsgi.input_terminated': True, 'wsgi.multithread': True,
        'wsgi.multiprocess': False, 'wsgi.run_once': False}
    if request.client_addr:
        environ['REMOTE_ADDR'] = request.client_addr[0]
        environ['REMOTE_PORT'] = str(request.client_addr[1])
    for name, value in request.fields.items():
        # (an underscore would pass for another header's dash)
        if '_' not in name and name not in (
                'content-length', 'transfer-encoding'):
            key = name.upper().replace('-', '_')
            environ[key if key == 'CONTENT_TYPE' else 'HTTP_' + key] = \
                value.encode().decode('latin-1')
    return environ


def _call(other, environ):
    # In a thread. Returns status, headers and body.
    started = _Started()
    file = environ['wsgi.input']  # it may put something else there
    result = other(environ, started)
    try:
        iterator = iter(result)
        first = b''
        for first in iterator:
            if started.status:
                break
        if not started.status:
            raise RuntimeError('the application has not answered')
    except BaseException:
        _close(result)
        raise
    if isinstance(result, (list, tuple)):
        body = b''.join([*started.written, *result])
        return started.status, started.headers, body

    return started.status, started.headers, _Result(
        itertools.chain(started.written, [first], iterator), result, file)


def wsgi_app(other):
    """Return an application that hands its requests to a WSGI application, to
    be mounted. It is called in a thread, with the whole body of the request:
    in memory up to 1 MiB, in a file above.

    :param other: a callable, as PEP 3333 has it.
    """
    async def handler(request, root, path):
        root = request.root_path + root
        file = tempfile.SpooledTemporaryFile(1024 * 1024)
        streamed = False
        try:
            length = 0
            while True:
                data = await request.stream.read(_PIECE)
                if not data:
                    break
                length += len(data)
                file.write(data)
            file.seek(0)
            found = await invoke_handler(_call, other, _environ(
                request, root, path, file, length))
            streamed = not isinstance(found[2], bytes)
            return _response(*found)
        finally:
            if not streamed:
                file.close()

    return _make(handler)

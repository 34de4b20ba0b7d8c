"""A server may cancel the application's task: when it stops, or after a time
that it has set. The task has to end soon, and has to end as cancelled."""

import asyncio
import contextlib
import sys
import threading

import pytest

from calls import PATIENCE_S, Server
from microdot import websocket
from microdot.asgi import Microdot, Request, websocket_upgrade, with_websocket
from microdot.foreign import asgi_app
from microdot.sse import with_sse

#: Turns of the event loop in which a task has to end that was cancelled, and
#: what it has left behind.
SOON = 50

CONNECT = {'type': 'websocket.connect'}
GONE = {'type': 'http.disconnect'}
CHUNKED = [(b'host', b'a'), (b'transfer-encoding', b'chunked')]


async def turns(condition):
    """Let others run until something is so, or for long enough; tell which.
    """
    for _ in range(SOON):
        if condition():
            return True
        await asyncio.sleep(0)
    return False


class Holding(Server):
    """A server that takes some messages, and does not return from another.
    """
    takes = 1000
    held = False

    async def send(self, message):
        await super().send(message)
        if len(self.sent) > self.takes:
            self.held = True
            await asyncio.Event().wait()


class Case:
    """An application, a request, and what is to be seen of it."""
    takes = 1000
    max_body_length = Request.max_body_length
    messages = ()
    scope = {}

    def __init__(self):
        self.app = Microdot()
        self.log = []
        self.app.log_exception = lambda req, exc: self.log.append(repr(exc))
        self.waits = False  # the handler waits
        self.server = Holding(self.app, *self.messages, **self.scope)
        self.server.takes = self.takes

    @contextlib.contextmanager
    def noted(self):
        self.log.append('begin')
        self.waits = True
        try:
            yield
        finally:
            self.log.append('end')

    def is_ready(self):
        return self.waits

    def begin(self):
        return self.app(self.server.scope, self.server.receive,
                        self.server.send)


class HasSent:
    """A case that is ready when the server has some of a body."""

    def is_ready(self):
        return len(self.server.sent) > 1


class IsHeld:
    """A case that is ready when the server takes no more."""

    def is_ready(self):
        return self.server.held


class Plain(Case):
    def __init__(self):
        super().__init__()

        @self.app.get('/')
        async def index(request):
            with self.noted():
                await asyncio.Event().wait()


class LookedAt(Case):
    """A handler that has asked whether its client has left."""
    messages = [GONE]

    def __init__(self):
        super().__init__()

        @self.app.get('/')
        async def index(request):
            assert await request.is_disconnected()
            with self.noted():
                await asyncio.Event().wait()


class Hooked(Case):
    """What runs around the handler is told too."""

    def __init__(self):
        super().__init__()

        @self.app.middleware
        async def around(request, call_next):
            with self.noted():
                return await call_next(request)

        @self.app.get('/')
        async def index(request):
            with self.noted():
                await asyncio.Event().wait()


class Body(Case):
    scope = {'method': 'POST', 'headers': CHUNKED}

    def __init__(self):
        super().__init__()

        @self.app.post('/', max_body_length=0)
        async def index(request):
            with self.noted():
                await request.stream.read()


class BodyInMemory(Body):
    """Nobody has been asked yet."""

    def __init__(self):
        super().__init__()
        self.app.routes.clear()

        @self.app.post('/other')
        async def other(request):
            return request.body

    scope = dict(Body.scope, path='/other')

    def is_ready(self):
        return self.server.received


class Thread(Case):
    def __init__(self):
        super().__init__()
        self.event = threading.Event()

        @self.app.get('/')
        def index(request):
            with self.noted():
                self.event.wait()


class Answer(IsHeld, Case):
    """The server does not take the answer."""
    takes = 0

    def __init__(self):
        super().__init__()

        @self.app.get('/')
        async def index(request):
            with self.noted():
                return 'x'


class Stream(HasSent, Case):
    def __init__(self):
        super().__init__()

        @self.app.get('/')
        async def index(request):
            async def pieces():
                with self.noted():
                    yield 'a'
                    await asyncio.Event().wait()
            return pieces()


class StreamHeld(IsHeld, Stream):
    takes = 1


class StreamClass(HasSent, Case):
    """Its end takes its time."""

    def __init__(self):
        super().__init__()
        case = self

        class Pieces:
            def __aiter__(self):
                return self

            async def __anext__(self):
                if 'begin' in case.log:
                    await asyncio.Event().wait()
                case.log.append('begin')
                return 'a'

            async def aclose(self):
                await asyncio.sleep(0)
                case.log.append('end')

        @self.app.get('/')
        async def index(request):
            return Pieces()


class Events(HasSent, Case):
    def __init__(self):
        super().__init__()

        @self.app.get('/')
        @with_sse
        async def index(request, sse):
            with self.noted():
                await sse.send('a')
                await asyncio.Event().wait()


class EventsHeld(Events):
    takes = 1


class Socket(Case):
    messages = [CONNECT]
    scope = {'type': 'websocket'}

    def __init__(self):
        super().__init__()

        @self.app.get('/')
        @with_websocket
        async def index(request, ws):
            with self.noted():
                await ws.receive()


class SocketBusy(Case):
    messages = [CONNECT]
    scope = {'type': 'websocket'}

    def __init__(self):
        super().__init__()

        @self.app.get('/')
        async def index(request):
            await websocket_upgrade(request)
            with self.noted():
                await asyncio.Event().wait()


class SocketHeld(IsHeld, Case):
    messages = [CONNECT]
    scope = {'type': 'websocket'}
    takes = 1

    def __init__(self):
        super().__init__()

        @self.app.get('/')
        @with_websocket
        async def index(request, ws):
            with self.noted():
                await ws.send('a')


class Mounted(Case):
    """An application of another framework."""

    def __init__(self):
        super().__init__()
        self.app.mount(asgi_app(self.serve), '/')

    async def serve(self, scope, receive, send):
        if scope['type'] != 'lifespan':
            with self.noted():
                await self.answer(receive, send)

    async def answer(self, receive, send):
        await asyncio.Event().wait()


class MountedBody(Mounted):
    scope = Body.scope
    max_body_length = 0

    async def answer(self, receive, send):
        await receive()
        await asyncio.Event().wait()


class MountedStream(HasSent, Mounted):
    async def answer(self, receive, send):
        await send({'type': 'http.response.start', 'status': 200})
        await send({'type': 'http.response.body', 'body': b'a',
                    'more_body': True})
        await asyncio.Event().wait()


class MountedStreamHeld(MountedStream):
    takes = 1


class MountedSocket(Mounted):
    messages = [CONNECT]
    scope = {'type': 'websocket'}

    async def answer(self, receive, send):
        await receive()
        await send({'type': 'websocket.accept'})
        await receive()

    def is_ready(self):
        return self.server.received > 1


CASES = [Mounted, MountedBody, MountedStream, MountedStreamHeld,
         MountedSocket, Plain, LookedAt, Hooked, Body, BodyInMemory, Thread,
         Answer, Stream, StreamHeld, StreamClass, Events, EventsHeld, Socket,
         SocketBusy, SocketHeld]


@pytest.fixture(params=CASES, ids=lambda each: each.__name__)
def case(request, monkeypatch):
    monkeypatch.setattr(Request, 'max_body_length',
                        request.param.max_body_length)
    case = request.param()
    yield case
    if hasattr(case, 'event'):
        case.event.set()


def check(case):
    assert case.log == ['begin'] * case.log.count('begin') + \
        ['end'] * case.log.count('begin') or type(case) is Thread


async def all_ended(case):
    # (what looks at deadlines ends when it finds no request)
    kept = {asyncio.current_task(), case.app.gateway.sweeping}
    return await turns(lambda: asyncio.all_tasks() <= kept) and \
        not case.app.connections


async def until_ready(case, task):
    while not case.is_ready():
        assert not task.done(), await task
        await asyncio.sleep(0)


def test_a_task_that_is_cancelled_ends(case):
    async def main():
        task = asyncio.create_task(case.begin())
        await until_ready(case, task)
        task.cancel()
        assert await turns(task.done)
        assert task.cancelled()
        check(case)
        assert await all_ended(case)

    asyncio.run(main())


@pytest.mark.skipif(sys.version_info < (3, 11), reason='asyncio.timeout()')
def test_a_time_that_the_server_sets_is_up(case):
    async def serve(limit):
        async with limit:
            await case.begin()

    async def main():
        limit = asyncio.timeout(None)
        task = asyncio.create_task(serve(limit))
        await until_ready(case, task)
        limit.reschedule(0)
        assert await turns(task.done)
        assert isinstance(task.exception(), TimeoutError)
        check(case)
        assert await all_ended(case)

    asyncio.run(main())


# ------------------------------------------------ cancelled from two sides

class Cleaning:
    """What cleans up takes its time."""

    def __init__(self):
        super().__init__()
        self.cleans = False

    @contextlib.asynccontextmanager
    async def cleaned(self):
        try:
            yield
        finally:
            self.cleans = True
            self.log.append('cleans')
            try:
                await asyncio.Event().wait()
            finally:
                self.log.append('left')


class CleanedStream(Cleaning, Case):
    def __init__(self):
        super().__init__()

        @self.app.get('/')
        async def index(request):
            async def pieces():
                async with self.cleaned():
                    yield 'a'
                    self.waits = True
                    await asyncio.Event().wait()
            return pieces()


class CleanedEvents(Cleaning, Case):
    def __init__(self):
        super().__init__()

        @self.app.get('/')
        @with_sse
        async def index(request, sse):
            async with self.cleaned():
                await sse.send('a')
                self.waits = True
                await asyncio.Event().wait()

    def is_ready(self):
        return self.waits and len(self.server.sent) > 1


class CleanedSocket(Cleaning, Case):
    messages = [CONNECT]
    scope = {'type': 'websocket'}

    def __init__(self):
        super().__init__()

        @self.app.get('/')
        @with_websocket
        async def index(request, ws):
            async with self.cleaned():
                self.waits = True
                await asyncio.Event().wait()


@pytest.fixture(params=[CleanedStream, CleanedEvents, CleanedSocket],
                ids=lambda each: each.__name__)
def cleaning(request, monkeypatch):
    monkeypatch.setattr(websocket, '_GRACE', 0.01)
    return request.param()


needs_counts = pytest.mark.skipif(
    sys.version_info < (3, 11),
    reason='a task does not know how often it has been cancelled')


async def until(condition):
    async def wait():
        while not condition():
            await asyncio.sleep(0)

    await asyncio.wait_for(wait(), PATIENCE_S)


@needs_counts
def test_a_server_that_stops_while_the_rest_of_a_client_is_cleaned_up(
        cleaning):
    async def main():
        task = asyncio.create_task(cleaning.begin())
        await until(cleaning.is_ready)
        cleaning.server.left.set()
        await until(lambda: cleaning.cleans)
        assert not task.done()
        task.cancel()
        assert await turns(task.done)
        assert task.cancelled()
        assert cleaning.log == ['cleans', 'left']
        assert await all_ended(cleaning)

    asyncio.run(main())


@pytest.mark.parametrize('make', [Stream, Events, CleanedSocket])
def test_who_leaves_is_not_taken_for_the_server(make, monkeypatch):
    monkeypatch.setattr(websocket, '_GRACE', 0.01)
    case = make()
    case.cleaned = case.noted
    if make is CleanedSocket:
        case.cleaned = lambda: contextlib.AsyncExitStack()
    after = []

    async def serve():
        await case.begin()
        task = asyncio.current_task()
        after.append(getattr(task, 'cancelling', int)())

    async def main():
        task = asyncio.create_task(serve())
        await until(case.is_ready)
        case.server.left.set()
        await asyncio.wait_for(task, PATIENCE_S)
        assert await all_ended(case)

    asyncio.run(main())
    assert after == [0]


@needs_counts
@pytest.mark.parametrize('server_too', [False, True])
def test_a_deadline_and_the_server_at_once(server_too):
    case = Body()
    seen = []

    @case.app.errorhandler(OSError)
    async def failed(request, exc):
        seen.append(exc)

    async def main():
        task = asyncio.create_task(case.begin())
        await until_ready(case, task)
        await turns(lambda: case.app.connections)
        exchange, = case.app.connections
        exchange.expired = True  # as what looks at deadlines does
        exchange.stop()
        if server_too:
            task.cancel()
        assert await turns(task.done)
        assert task.cancelled() == server_too
        assert await all_ended(case)

    asyncio.run(main())
    assert case.log == ['begin', 'end']


class Limited(Case):
    """A handler that reads the body in another task, as ``wait_for()`` does
    before Python 3.12, and whose answer is not taken."""
    scope = Body.scope
    messages = [{'type': 'http.request', 'body': b'a'}]
    takes = 1

    def __init__(self):
        super().__init__()

        @self.app.post('/', max_body_length=0)
        async def index(request):
            await asyncio.create_task(request.stream.read())

            async def pieces():
                with self.noted():
                    yield 'a'
                    yield 'b'
            return pieces()


def test_a_deadline_is_for_the_task_that_waits():
    case = Limited()
    case.app.stall_timeout = 0.02
    case.app.sweep_interval = 0.01

    async def main():
        task = asyncio.create_task(case.begin())
        await asyncio.wait({task}, timeout=PATIENCE_S)
        assert task.done()
        await task

    asyncio.run(main())
    assert case.log == ['begin', 'end']
    assert case.app.counters['timed_out'] == 1

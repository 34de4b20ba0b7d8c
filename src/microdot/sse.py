"""Server-sent events: a response that a page reads as it is being written
(WHATWG HTML, section 9.2)."""
import asyncio

from .microdot import dump_json

# --- Wire -------------------------------------------------------------------

def encode_event(data, event=None, event_id=None, retry=None, comment=False):
    """Encode an event. The arguments are those of :meth:`SSE.send`.

    :return: ``bytes``, which nothing in the arguments can make more than one
             event.
    """
    if isinstance(data, (dict, list)):
        data = dump_json(data)
    elif not isinstance(data, bytes):
        data = bytes(data) if isinstance(data, (bytearray, memoryview)) \
            else str(data).encode()
    lines = []
    if not comment:
        if retry is not None:
            lines.append(b'retry: %d' % int(retry * 1000))
        for name, value in (('event', event), ('id', event_id)):
            if value is not None:
                value = '%s: %s' % (name, value)
                if '\r' in value or '\n' in value or '\0' in value:
                    raise ValueError('control character in an event')
                lines.append(value.encode())
    # each of these ends a line
    for line in data.replace(b'\r\n', b'\n').replace(b'\r', b'\n').split(
            b'\n'):
        lines.append((b': ' if comment else b'data: ') + line)
    return b'\n'.join(lines) + b'\n\n'


# --- Application ------------------------------------------------------------

class SSE:
    """What a handler sends events with.

    Attributes: ``last_event_id``, the id of the event that the client has got
    last, if it connects again, or else ``None``; ``closed``, whether it has
    left.
    """
    #: Events that wait to be sent: :meth:`send` waits while there are more.
    max_queue = 8
    #: Seconds without an event after which a comment is sent, so that a
    #: client that has vanished is noticed. ``None``: none is sent.
    keep_alive = 20

    #: Writes an event of :meth:`encode` at once if nothing waits to be
    #: written, and tells whether it did; ``None`` where that is not possible.
    direct = None
    encode = staticmethod(encode_event)

    last_event_id = None
    closed = False
    _room = None

    def __init__(self):
        self.event = asyncio.Event()
        self.queue = []

    async def send(self, data, event=None, event_id=None, retry=None,
                   comment=False):
        """Send an event. Waits while too many have not been sent yet.

        :param data: a dict or list is sent as JSON, ``bytes`` as they are,
                     and anything else as its ``str()``.
        :param event: the name of the event.
        :param event_id: its id, which the client will send as
                         ``Last-Event-ID`` when it connects again.
        :param retry: seconds that the client is to wait before that.
        :param comment: whether *data* is a comment, which no page gets.
        :return: ``False`` if the client has left.
        :raises ValueError: the name or id has a CR, LF or NUL.
        """
        piece = encode_event(data, event, event_id, retry, comment)
        while len(self.queue) >= self.max_queue and not self.closed:
            self._room = self._room or asyncio.Event()
            self._room.clear()
            await self._room.wait()
        if self.closed:
            await asyncio.sleep(0)  # or else a loop that ignores it hangs all
            return False
        self.queue.append(piece)
        self.event.set()
        return True

    def close(self):
        """End the stream, after what waits to be sent."""
        self.closed = True
        self.event.set()
        if self._room:
            self._room.set()


class EventStream:
    """The body of a response: an asynchronous iterator of events, that come
    from a function in a task of its own."""
    task = None
    _pinger = None
    error = None
    done = False
    _idle = False
    _waits = False  # nothing is under way to the client

    def __init__(self, request, sse, function, args, kwargs):
        self.request = request
        self.sse = sse
        self._call = function, args, kwargs

    def __aiter__(self):
        return self

    async def __anext__(self):
        sse = self.sse
        if self.task is None:
            # not before the response is under way: HEAD does not get here
            self.task = asyncio.create_task(self.run())
            self._pinger = asyncio.create_task(self._ping())
            self._set_leave(sse.close)
        while not sse.queue:
            if self.done or sse.closed:
                error, self.error = self.error, None
                if error:
                    raise error
                raise StopAsyncIteration
            sse.event.clear()
            self._waits = True
            try:
                await sse.event.wait()
            finally:
                self._waits = False
        self._idle = False
        # small ones together
        piece = sse.queue.pop(0)
        while sse.queue and len(piece) < 512:
            piece += sse.queue.pop(0)
        if sse._room:
            sse._room.set()
        return piece

    def attach(self, write, chunked):
        """Called by a server that can write past this iterator.

        :param write: ``f(data)`` writes at once or returns ``False``.
        :param chunked: whether *data* is to be a chunk.
        """
        sse = self.sse

        def direct(piece):
            if sse.queue or not self._waits:
                return False
            self._idle = False
            return write(b'%x\r\n%b\r\n' % (len(piece), piece)
                         if chunked else piece)

        sse.direct = direct

    def _set_leave(self, leave):
        # what the server calls when it shuts down
        conn = self.request.sock and self.request.sock[0]
        if hasattr(conn, 'leave'):
            conn.leave = leave

    async def run(self):
        function, args, kwargs = self._call
        try:
            await function(self.request, self.sse, *args, **kwargs)
        except asyncio.CancelledError:
            pass
        except Exception as exc:
            self.error = exc
        finally:
            self.done = True
            self.sse.event.set()

    async def _ping(self):
        sse = self.sse
        while sse.keep_alive:
            self._idle = True
            await asyncio.sleep(sse.keep_alive)
            if self._idle and not sse.queue:
                sse.queue.append(b':\n\n')
                sse.event.set()

    async def aclose(self):
        """End the function, and wait until it has ended."""
        self.sse.close()
        if self.task:
            self._set_leave(None)
            self._pinger.cancel()
            if not self.done:
                self.task.cancel()
                try:
                    await self.task
                except asyncio.CancelledError:
                    pass
            if self.error:
                self.request.app.log_exception(self.request, self.error)


def sse_response(request, event_function, *args, **kwargs):
    """Return a response of events, for a handler to return.

    :param event_function: ``f(request, sse, *args, **kwargs)``, a coroutine
                           that sends them: it is called when the response is
                           under way, and cancelled when the client leaves.
    """
    sse = SSE()
    sse.last_event_id = request.headers.get('Last-Event-ID')
    return EventStream(request, sse, event_function, args, kwargs), 200, {
        'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache',
        'X-Accel-Buffering': 'no'}


def with_sse(f):
    """Decorator: call ``f(request, sse, **arguments)``, a coroutine, to send
    events, see :func:`sse_response`. It comes below the route::

        @app.get('/time')
        @with_sse
        async def tell(request, sse):
            await sse.send(time.time())
    """
    async def wrapper(request, *args, **kwargs):
        return sse_response(request, f, *args, **kwargs)

    try:
        from functools import wraps
    except ImportError:
        return wrapper  # boards: functions take no attributes
    return wraps(f)(wrapper)

"""WebSockets as classes: ``WebSocketView`` of ``views.py``."""
from .microdot import invoke_handler
from .views import View


class WebSocketView(View):
    """The base of a class that answers a WebSocket, by those of these methods
    that it has: ``on_connect(request, ws)``; ``on_receive(request, ws,
    message)``, for one message after the other; ``on_disconnect(request, ws,
    code)``, with the code of a :class:`microdot.websocket.WebSocketError`, or
    1011 after a failure. Arguments of the path are in ``request.url_args``.

    Each WebSocket has an instance of its own, made without arguments.

    Example::

        @app.route('/echo')
        class Echo(WebSocketView):
            async def on_receive(self, request, ws, message):
                await ws.send(message)
    """
    #: The arguments of :func:`microdot.websocket.websocket_upgrade`, as a
    #: dict.
    options = {}

    async def on_connect(self, request, ws, *args):
        pass

    on_receive = on_disconnect = on_connect

    @classmethod
    def as_handler(cls, methods=None, name=None):
        """Return the function, the methods and the name of a route.

        :raises TypeError: the decorator names methods.
        """
        if methods:
            raise TypeError('a WebSocketView has on_receive, route() none')
        # (one for all routes of a class: by it csrf.py knows the class)
        if 'run_view' not in cls.__dict__:
            from .websocket import with_websocket

            async def answer(request, ws, **kwargs):
                await converse(cls(), request, ws)

            cls.run_view = with_websocket(**cls.options)(answer)
        return cls.run_view, ['GET'], name or cls.__name__


async def converse(view, request, ws):
    """Call the methods of a :class:`WebSocketView` until its client or it
    itself ends the connection."""
    from .websocket import WebSocketClose

    await invoke_handler(view.on_connect, request, ws)
    code = 1011
    try:
        async for message in ws:
            await invoke_handler(view.on_receive, request, ws, message)
    except WebSocketClose as exc:
        code = exc.code
        raise
    finally:
        await invoke_handler(view.on_disconnect, request, ws,
                             ws.close_code or code)

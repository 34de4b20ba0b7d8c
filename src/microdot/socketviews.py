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
    def make_handler(cls):
        from .websocket import WebSocketClose, with_websocket

        async def view(request, ws, **kwargs):
            each = cls()
            await invoke_handler(each.on_connect, request, ws)
            code = 1011
            try:
                async for message in ws:
                    await invoke_handler(each.on_receive, request, ws, message)
            except WebSocketClose as exc:
                code = exc.code
                raise
            finally:
                await invoke_handler(each.on_disconnect, request, ws,
                                     ws.close_code or code)

        return with_websocket(**cls.options)(view), ['GET']

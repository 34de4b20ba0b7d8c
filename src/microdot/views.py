"""Routes whose methods are those of a class."""
from .microdot import invoke_handler

_METHODS = 'get post put patch delete query head options'.split()


class View:
    """The base of a class that answers the requests for a route. Its methods
    ``get``, ``post``, ``put``, ``patch``, ``delete``, ``query``, ``head`` and
    ``options``, those that it has, get what a function would.

    Each request has an instance of its own, made without arguments.

    Example::

        @app.route('/items/<int:id>')
        class Item(View):
            async def get(self, request, id):
                return {'id': id}
    """
    @classmethod
    def as_handler(cls, methods=None, name=None):
        """Return the function, the methods and the name of a route. The
        decorator ``route`` calls it with the arguments that it has.

        :raises TypeError: the class has no method for requests, or the
                           decorator names some.
        """
        view, own = cls._view()
        if methods or not own:
            raise TypeError('a View has methods such as get, route() none')
        # by these csrf.py knows the class
        if 'handlers' not in cls.__dict__:
            cls.handlers = []
        cls.handlers.append(view)
        return view, own, name or cls.__name__

    @classmethod
    def _view(cls):
        methods = [method for method in _METHODS if hasattr(cls, method)]

        async def view(request, **kwargs):
            name = request.method.lower()
            # a HEAD request runs get, where there is no head
            return await invoke_handler(
                getattr(cls(), name if name in methods else 'get'), request,
                **kwargs)

        return view, methods


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
    def _view(cls):
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

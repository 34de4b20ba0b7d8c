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
        view, own = cls.make_handler()
        if methods or not own:
            raise TypeError('a View has methods such as get, route() none')
        # by these csrf.py knows the class
        if 'handlers' not in cls.__dict__:
            cls.handlers = []
        cls.handlers.append(view)
        return view, own, name or cls.__name__

    @classmethod
    def make_handler(cls):
        # the function and its methods
        methods = [method for method in _METHODS if hasattr(cls, method)]

        async def view(request, **kwargs):
            name = request.method.lower()
            # a HEAD request runs get, where there is no head
            return await invoke_handler(
                getattr(cls(), name if name in methods else 'get'), request,
                **kwargs)

        return view, methods


def __getattr__(name):
    # in a module of its own, as few programs have both
    if name == 'WebSocketView':
        from .socketviews import WebSocketView
        return WebSocketView
    raise AttributeError(name)

"""Routes whose methods are those of a class.

``WebSocketView`` has a module of its own, ``socketviews``. On CPython the
sibling ``_views`` refuses classes that cannot be meant.
"""
from .microdot import invoke_handler


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

        :raises TypeError: on CPython: the class has no method for requests,
                           or the decorator names some.
        """
        from .methods import STANDARD
        own = []
        for each in STANDARD:
            if getattr(cls, each.lower(), None):
                own += [each]
        return cls.run_view, own, name or cls.__name__

    @classmethod
    async def run_view(cls, request, **kwargs):
        """Answer a request: the handler of the route."""
        view = cls()
        # a HEAD request runs get, where there is no head
        return await invoke_handler(
            getattr(view, request.method.lower(), None) or view.get, request,
            **kwargs)


def __getattr__(name):
    from . import socketviews
    return getattr(socketviews, name)


if hasattr(View, '__hash__'):
    # no class of a board has that
    from ._views import View  # noqa: F401

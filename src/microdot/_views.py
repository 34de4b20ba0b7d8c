"""The class of ``views`` on CPython, which takes this name at its end."""
from . import views


class View(views.View):
    __doc__ = views.View.__doc__
    __module__ = views.__name__

    @classmethod
    def as_handler(cls, methods=None, name=None):
        handler, own, name = super().as_handler(methods, name)
        if methods or not own:
            raise TypeError('a View has methods such as get, route() none')
        return handler, own, name

    as_handler.__func__.__doc__ = views.View.as_handler.__doc__

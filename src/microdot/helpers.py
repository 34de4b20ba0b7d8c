"""Functions that several extensions share. The core needs none of them."""

try:
    from functools import wraps
except ImportError:
    def wraps(f):
        """Decorator for a function that takes the place of *f*.

        It is ``functools.wraps``. Functions of boards have no attributes, so
        that the wrapper cannot get the name of *f* there::

            @wraps(f)
            async def wrapper(request, **kwargs):
                return await invoke_handler(f, request, **kwargs)
        """
        return _unchanged

    def _unchanged(wrapper):
        return wrapper


def add_vary(request, name):
    """Say that the response depends on a header of the request: caches keep
    one response for each of its values (RFC 9110, section 12.5.5).

    It ends up in the ``Vary`` header, of error responses too.
    """
    if request.vary is None:
        request.vary = []
        finishers = request.app.finishers
        if finish_vary not in finishers:
            finishers.append(finish_vary)
    if name not in request.vary:
        request.vary.append(name)


def finish_vary(request, response):
    """Put the names that :func:`add_vary` has been given into ``Vary``."""
    if request and request.vary:
        value = response.headers.get('Vary') or ''
        if isinstance(value, (list, tuple)):
            value = ','.join(value)
        names = str(value).replace(' ', '').split(',') if value else []
        for name in request.vary:
            if name not in names:
                names.append(name)
        response.headers['Vary'] = ', '.join(names)


def __getattr__(name):
    # what few programs need
    from . import answers
    return getattr(answers, name)

"""What several extensions share. The core does not need it."""

try:
    from functools import wraps
except ImportError:
    def wraps(f):
        """Decorator for a function that takes the place of *f*.

        It is ``functools.wraps``. Boards have none: functions take no
        attributes there, so that nothing can be carried over to the wrapper,
        not even the name, and it is returned as it is.
        """
        return _unchanged

    def _unchanged(wrapper):
        return wrapper


def add_vary(request, name):
    """Say that the response depends on a header of the request: caches keep
    one response for each of its values (RFC 9110, section 12.5.5).

    It ends up in the ``Vary`` header, of error responses too.
    """
    g = request.g
    if not hasattr(g, '_vary'):
        g._vary = set()
    g._vary.add(name)

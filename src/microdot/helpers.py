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

"""What is said of mistakes in programs, with the handler's file and line.

CPython only: a board would pay for texts that are read while a program is
written.
"""
import inspect
import os


def function_of(handler):
    """Return the function below what decorates a handler."""
    function = inspect.unwrap(handler)
    while hasattr(function, 'func'):
        function = inspect.unwrap(function.func)  # functools.partial
    return function


def describe(handler):
    """Return name, file and line of a handler."""
    function = function_of(handler)
    name = getattr(function, '__qualname__', None) or \
        type(function).__qualname__
    code = getattr(function, '__code__', None) or getattr(
        getattr(type(function), '__call__', None), '__code__', None)
    if code is None:
        return name
    path = code.co_filename
    try:
        relative = os.path.relpath(path)
        if not relative.startswith('..'):
            path = relative
    except ValueError:
        pass  # another drive
    return '%s (%s:%d)' % (name.replace('<locals>.', ''), path,
                           code.co_firstlineno)

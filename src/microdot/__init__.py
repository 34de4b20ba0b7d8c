"""A web framework for microcontrollers and servers."""
import sys

from .microdot import (
    AsyncBytesIO,
    Microdot,
    Request,
    Response,
    URLPattern,
    abort,
    iscoroutine,
    redirect,
    send_file,
)

if sys.implementation.name not in ('micropython', 'circuitpython'):
    # What boards import when they need it, as it costs them heap. Each may
    # be left out.
    try:
        from . import background
    except ImportError:
        pass
    try:
        from . import middleware
    except ImportError:
        pass
    try:
        from . import urls
    except ImportError:
        pass

__version__ = '0.1.0.dev0'

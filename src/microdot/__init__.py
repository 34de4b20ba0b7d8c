"""A web framework for microcontrollers and servers."""
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

__version__ = '0.1.0.dev0'

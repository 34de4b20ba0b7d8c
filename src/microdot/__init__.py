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

__all__ = ['AsyncBytesIO', 'Microdot', 'Request', 'Response', 'URLPattern',
           'abort', 'iscoroutine', 'redirect', 'send_file']
__version__ = '0.1.0.dev0'

if sys.implementation.name == 'cpython':
    # boards load these when a program does
    from .answers import html, json_response
    __all__ += ['html', 'json_response']

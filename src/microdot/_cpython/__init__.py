"""What only CPython has, and boards should not carry.

The core imports this package at its end, and works without it. Here are
subclasses of the core's classes, and functions that do what the core's do:
connections over an ``asyncio.Protocol`` rather than streams, threads for plain
functions, an index of routes, caches for what is parsed again and again,
logging, signals, and uvloop and orjson where they can be imported.

Each has its room, a module of the package. :data:`FUNCTIONS` and
:data:`CLASSES` name all that takes the place of something of the core's, and
:func:`install` sets the core's global names to that.
"""
import functools
import inspect
import traceback
from typing import Any

from .. import microdot as core
from .application import Microdot
from .connection import Disconnected, ProtocolConnection
from .data import fast_json, load_json, slow_json, too_large, with_orjson
from .requests import AsyncBytesIO, MultiDict, Request
from .responses import Response, make_response
from .routing import URLPattern, parse_date, parse_int, parse_uuid
from .running import run_loop, tls_context
from .serving import Server, accept, listen
from .tasks import settle, start_task
from .threads import caller, close_body, invoke_handler, is_async, next_piece
from .wire import (
    Cache,
    LineCache,
    bad_text,
    describe_error,
    fast_head,
    in_utc,
    once_a_second,
    reason_phrase,
    status_line,
    to_bytes,
)

#: For the rest of the package.
__all__ = [
    'CLASSES', 'Cache', 'FUNCTIONS', 'caller', 'install', 'is_async',
    'listen', 'run_loop', 'settle', 'start_task', 'tls_context',
]

# By the name of the core's function, what takes its place. The table is made
# before any of it is put there: so what calls core._check_token() here, while
# the table is made, has the core's own, and the order of the lines does not
# matter. What is called later, such as core.parse_token() in fast_head(), is
# what is here.
FUNCTIONS = {
    # what clients send again and again is parsed once
    '_check_token': Cache(core._check_token).__getitem__,
    'parse_token': Cache(core.parse_token).__getitem__,
    'parse_line': LineCache(core.parse_line).__getitem__,
    'parse_host': Cache(core.parse_host).__getitem__,
    '_parse_int': parse_int,
    'bad_text': bad_text,
    # what is sent again and again is encoded once
    'reason_phrase': reason_phrase,
    'date_line': once_a_second(core.date_line),
    'http_date': in_utc(core.http_date),
    'default_type': functools.lru_cache(core.default_type),
    'status_line': functools.lru_cache(status_line),
    'encode_head': fast_head(core.encode_head),
    'too_large': too_large,
    'load_json': load_json,
    'dump_json': with_orjson(fast_json(slow_json)),
    'make_response': make_response,
    # plain functions run in threads
    'is_async': is_async,
    'invoke_handler': invoke_handler,
    'next_piece': next_piece,
    'close_body': close_body,
    'to_bytes': to_bytes,
    # what the system has
    'accept': accept,
    'listen': listen,
    'mro': lambda cls: cls.__mro__,
    # what is made of a socket
    'connection_class': ProtocolConnection,
    # kept for programs that import them: (all errors of a connection's own
    # socket mean that the client is gone)
    'print_exception': traceback.print_exception,
    'MUTED_SOCKET_ERRORS': [32, 54, 104, 128],
    # bound to the class that has them
    'redirect': Response.redirect,
    'send_file': Response.send_file,
}
CLASSES = (
    Disconnected, MultiDict, AsyncBytesIO, URLPattern, Request, Response,
    Server, Microdot)


def install():
    """Set the core's global names to what is here, so that all who import
    them, and the core itself, have that."""
    for name, function in FUNCTIONS.items():
        setattr(core, name, function)
    for cls in CLASSES:
        base = getattr(core, cls.__name__)
        cls.__module__ = core.__name__
        cls.__doc__ = base.__doc__
        for name, value in vars(cls).items():
            inherited = getattr(base, name, None)
            if inspect.isfunction(value) and not value.__doc__:
                value.__doc__ = getattr(inherited, '__doc__', None)
        setattr(core, cls.__name__, cls)
        if '__getattr__' in vars(base):
            # CPython 3.11 reads all attributes of what has this without its
            # shortcuts. What it makes or finds on boards has names here.
            delattr(base, '__getattr__')
    error: Any = core.HTTPException  # whose text is for pages and logs
    error.__str__ = describe_error
    # (now that these get from the core what is here)
    from .. import cookies, methods
    # Streams and headers are made in the core, so their classes are its own.
    del core.Stream.__getattr__
    del core.NoCaseDict.__getattr__
    for cls, found in methods.METHODS.items():
        for name, function in found.items():
            if name not in vars(cls):
                setattr(cls, name, function)
    Request.absolute_url = property(methods.absolute_url)
    Request.base_url = property(methods.base_url)
    Response.set_cookie = cookies.set_cookie
    Response.delete_cookie = cookies.delete_cookie
    core.URLPattern.segment_parsers.update(
        int=parse_int, uuid=parse_uuid, date=parse_date)

"""What only CPython has, and boards should not carry."""
from .connection import (
    CLASSES,
    FUNCTIONS,
    AsyncBytesIO,
    Cache,
    Disconnected,
    Microdot,
    MultiDict,
    Request,
    Response,
    Server,
    URLPattern,
    caller,
    install,
    is_async,
    run_loop,
    settle,
    start_task,
    tls_context,
    whole_chunks,
)

__all__ = [
    'AsyncBytesIO', 'CLASSES', 'Cache', 'Disconnected', 'FUNCTIONS',
    'Microdot', 'MultiDict', 'Request', 'Response', 'Server', 'URLPattern',
    'caller', 'install', 'is_async', 'run_loop', 'settle', 'start_task',
    'tls_context', 'whole_chunks',
]

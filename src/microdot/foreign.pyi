from collections.abc import Awaitable, Callable
from typing import Any

from .microdot import Microdot

def asgi_app(other: Callable[..., Awaitable[Any]]) -> Microdot: ...
def wsgi_app(other: Callable[..., Any]) -> Microdot: ...

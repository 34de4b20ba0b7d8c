from collections.abc import Awaitable, Callable
from typing import Any

from .microdot import Request, Response

def wrap(f: Callable[..., Any]) -> Callable[
    [Request, Callable[[Request], Awaitable[Response]]],
    Awaitable[Response]]: ...

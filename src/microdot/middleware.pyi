from collections.abc import Awaitable, Callable
from typing import Any

from .microdot import Request, Response

class wrap:
    f: Callable[..., Any]
    def __init__(self, f: Callable[..., Any]) -> None: ...
    async def __call__(
        self, request: Request,
        call_next: Callable[[Request], Awaitable[Response]],
    ) -> Response: ...

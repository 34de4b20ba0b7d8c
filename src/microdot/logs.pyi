import logging
from collections.abc import Awaitable, Callable
from typing import Any

from .microdot import Microdot, Request, Response

logger: logging.Logger

class StreamHandler(logging.StreamHandler[Any]):
    colors: dict[str, int]
    def __init__(self) -> None: ...
    def handleError(self, record: logging.LogRecord) -> None: ...

def escape(text: str) -> str: ...
def as_text(entry: dict[str, Any]) -> str: ...

class AccessLog:
    max_id: int
    max_path: int
    format: Callable[[dict[str, Any]], str]
    header: str
    trusted: bool
    replaced: bool
    def __init__(
        self,
        app: Microdot,
        format: str | Callable[[dict[str, Any]], str] = 'text',
        header: str = 'X-Request-ID',
        trusted: bool = False,
    ) -> None: ...
    def known_id(self, request: Request) -> str | None: ...
    async def __call__(
        self, request: Request,
        call_next: Callable[[Request], Awaitable[Response]],
    ) -> Response: ...
    def write(
        self,
        request: Request | None,
        status: int,
        size: int | None,
        **more: Any,
    ) -> None: ...

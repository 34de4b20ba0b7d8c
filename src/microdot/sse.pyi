import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from typing_extensions import Self, TypeAlias

from .microdot import Request

# f(request, sse, **arguments)
_Handler: TypeAlias = Callable[..., Awaitable[Any]]
_Response: TypeAlias = tuple[EventStream, int, dict[str, str]]

def encode_event(
    data: Any, event: object = None, event_id: object = None,
    retry: float | None = None, comment: bool = False) -> bytes: ...

class SSE:
    max_queue: int
    keep_alive: float | None
    direct: Callable[[bytes], bool] | None
    last_event_id: str | None
    closed: bool
    event: asyncio.Event
    queue: list[bytes]
    def __init__(self) -> None: ...
    async def send(
        self, data: Any, event: object = None, event_id: object = None,
        retry: float | None = None, comment: bool = False) -> bool: ...
    @staticmethod
    def encode(
        data: Any, event: object = None, event_id: object = None,
        retry: float | None = None, comment: bool = False) -> bytes: ...
    def close(self) -> None: ...

class EventStream:
    # (without underscores, as these are names of the core, too)
    request: Request
    sse: SSE
    task: asyncio.Task[None] | None
    error: Exception | None
    done: bool
    def __init__(
        self, request: Request, sse: SSE, function: _Handler,
        args: tuple[Any, ...], kwargs: dict[str, Any]) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> bytes: ...
    def attach(
        self, write: Callable[[bytes], bool], chunked: bool) -> None: ...
    async def run(self) -> None: ...
    async def aclose(self) -> None: ...

def sse_response(
    request: Request, event_function: _Handler, *args: Any,
    **kwargs: Any) -> _Response: ...
def with_sse(f: _Handler) -> Callable[..., Awaitable[_Response]]: ...

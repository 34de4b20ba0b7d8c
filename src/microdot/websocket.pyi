from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
)
from typing import Any, Generic, TypeVar, overload

from typing_extensions import Self, TypeAlias

from .microdot import HTTPException, Request, Response

_T = TypeVar('_T')
_Bytes: TypeAlias = bytes | bytearray | memoryview
# f(request, ws, **arguments)
_Handler: TypeAlias = Callable[..., Awaitable[Any]]
_View: TypeAlias = Callable[..., Awaitable[Response]]

class WebSocketError(Exception):
    code: int
    reason: str
    def __init__(
        self, message: str = '', code: int = 1006,
        reason: str = '') -> None: ...

class WebSocketClose(HTTPException):
    code: int
    close_reason: str
    def __init__(self, code: int = 1000, reason: str = '') -> None: ...

class Utf8:
    need: int
    low: int
    high: int
    def decode(self, data: bytes | bytearray, final: bool = False) -> None: ...

def unmask(data: bytes, mask: bytes) -> bytes | bytearray: ...
def is_close_code(code: int) -> bool: ...
def parse_close(payload: bytes) -> tuple[int, str]: ...

class FrameParser:
    max_length: int
    def __init__(self, max_length: int = 0, inflate: Any = None) -> None: ...
    def feed(self, data: bytes) -> None: ...
    def next_event(self) -> tuple[int, bytes] | None: ...

class _Messages(Generic[_T]):
    def __init__(self, receive: Callable[[], Awaitable[_T]]) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> _T: ...

class WebSocket(_Messages[str | bytes]):
    CONT: int
    TEXT: int
    BINARY: int
    CLOSE: int
    PING: int
    PONG: int
    max_message_length: int
    max_queue: int
    ping_interval: float | None
    close_timeout: float | None
    direct: Callable[[bytes], bool] | None
    request: Request
    protocol: str | None
    closed: bool
    close_code: int | None
    close_reason: str
    gone: bool
    def __init__(self, request: Request) -> None: ...
    @staticmethod
    def encode_frame(opcode: int, payload: bytes) -> bytes: ...
    async def handshake(
        self, protocols: Iterable[str] = (),
        origins: Iterable[str] | None = None,
        headers: Mapping[str, str | list[str]] | None = None,
        compress: bool = False) -> None: ...
    async def receive(self) -> str | bytes: ...
    async def receive_json(self) -> Any: ...
    async def send(
        self, data: str | _Bytes, opcode: int | None = None) -> None: ...
    def iter_text(self) -> AsyncIterator[str]: ...
    def iter_json(self) -> AsyncIterator[Any]: ...
    async def send_json(self, value: Any) -> None: ...
    async def close(self, code: int = 1000, reason: str = '') -> None: ...
    async def end(self, code: int) -> None: ...

async def websocket_upgrade(
    request: Request, protocols: Iterable[str] = (),
    origins: Iterable[str] | None = None,
    headers: Mapping[str, str | list[str]] | None = None,
    compress: bool = False) -> WebSocket: ...

class WebSocketHandler:
    is_websocket: bool
    f: Callable[..., Any]
    upgrade_function: Callable[[Request], Awaitable[WebSocket]]
    def __init__(
        self, f: Callable[..., Any],
        upgrade_function: Callable[[Request], Awaitable[WebSocket]],
    ) -> None: ...
    async def __call__(
        self, request: Request, *args: Any, **kwargs: Any) -> Response: ...

def websocket_wrapper(
    f: _Handler,
    upgrade_function: Callable[[Request], Awaitable[WebSocket]]) -> _View: ...
@overload
def with_websocket(f: _Handler) -> _View: ...
@overload
def with_websocket(
    f: None = None, *, protocols: Iterable[str] = (),
    origins: Iterable[str] | None = None,
    headers: Mapping[str, str | list[str]] | None = None,
    compress: bool = False) -> Callable[[_Handler], _View]: ...

from collections.abc import (
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    MutableMapping,
)
from typing import Any

from typing_extensions import TypeAlias

from ._gateway import Microdot as _Microdot
from .helpers import html as html
from .helpers import json_response as json_response
from .microdot import AsyncBytesIO as AsyncBytesIO
from .microdot import Request as Request
from .microdot import Response as Response
from .microdot import URLPattern as URLPattern
from .microdot import abort as abort
from .microdot import iscoroutine as iscoroutine
from .microdot import redirect as redirect
from .microdot import send_file as send_file
from .websocket import WebSocket as _WebSocket
from .websocket import websocket_upgrade as websocket_upgrade
from .websocket import with_websocket as with_websocket

__all__ = [
    'AsyncBytesIO', 'Microdot', 'Request', 'Response', 'URLPattern', 'abort',
    'WebSocket', 'html', 'iscoroutine', 'json_response', 'redirect',
    'send_file', 'websocket_upgrade', 'with_websocket']

_Scope: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_Hook: TypeAlias = Callable[[_Scope], Any]

def parse_fields(
    headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]: ...

class Lines:
    headers: Iterable[tuple[bytes, bytes]]
    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None: ...
    def __iter__(self) -> Iterator[bytes]: ...

class WebSocket(_WebSocket): ...

class Microdot(_Microdot):
    lifespan_startup: _Hook | None
    lifespan_shutdown: _Hook | None
    def __init__(
        self, lifespan_startup: _Hook | None = None,
        lifespan_shutdown: _Hook | None = None) -> None: ...
    async def __call__(
        self, scope: _Scope, receive: _Receive, send: _Send) -> None: ...
    async def asgi_app(
        self, scope: _Scope, receive: _Receive, send: _Send) -> None: ...
    async def handle_lifespan(
        self, scope: _Scope, receive: _Receive, send: _Send) -> None: ...

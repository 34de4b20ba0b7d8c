from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from .microdot import Request
from .websocket import WebSocket

class View:
    @classmethod
    def as_handler(
        cls, methods: Sequence[str] | None = None, name: str | None = None,
    ) -> tuple[
        Callable[..., Coroutine[Any, Any, Any]], list[str], str]: ...

class WebSocketView(View):
    options: Mapping[str, Any]
    async def on_connect(
        self, request: Request, ws: WebSocket, *args: Any) -> Any: ...
    async def on_receive(
        self, request: Request, ws: WebSocket, *args: Any) -> Any: ...
    async def on_disconnect(
        self, request: Request, ws: WebSocket, *args: Any) -> Any: ...

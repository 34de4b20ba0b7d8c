from collections.abc import Mapping
from typing import Any

from .microdot import Request
from .views import View
from .websocket import WebSocket

class WebSocketView(View):
    options: Mapping[str, Any]
    async def on_connect(
        self, request: Request, ws: WebSocket, *args: Any) -> Any: ...
    async def on_receive(
        self, request: Request, ws: WebSocket, *args: Any) -> Any: ...
    async def on_disconnect(
        self, request: Request, ws: WebSocket, *args: Any) -> Any: ...

async def converse(
    view: WebSocketView, request: Request, ws: WebSocket) -> None: ...

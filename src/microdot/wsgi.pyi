import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

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
from .websocket import WebSocket as WebSocket
from .websocket import websocket_upgrade as websocket_upgrade
from .websocket import with_websocket as with_websocket

__all__ = [
    'AsyncBytesIO', 'Microdot', 'Request', 'Response', 'URLPattern', 'abort',
    'WebSocket', 'html', 'iscoroutine', 'json_response', 'redirect',
    'send_file', 'websocket_upgrade', 'with_websocket']

def parse_fields(environ: Mapping[str, Any]) -> dict[str, str]: ...

class Microdot(_Microdot):
    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    def __call__(
        self, environ: dict[str, Any],
        start_response: Callable[..., Any]) -> Iterable[bytes]: ...
    def wsgi_app(
        self, environ: dict[str, Any],
        start_response: Callable[..., Any]) -> Iterable[bytes]: ...
    def start(self) -> None: ...
    def close(self) -> None: ...

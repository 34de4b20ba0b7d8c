from collections.abc import Awaitable, Callable
from typing import Any

from .microdot import Request, Response

class TrustedProxies:
    hosts: list[str]
    networks: list[tuple[int, int]]
    host: bool
    max_prefix: int
    def __init__(self, *proxies: str, host: bool = False) -> None: ...
    def trusts(self, host: str | None) -> bool: ...
    async def __call__(
        self, request: Request,
        call_next: Callable[[Request], Awaitable[Response]]) -> Any: ...

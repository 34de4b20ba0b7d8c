from collections.abc import Callable
from time import monotonic_ns as time_ns  # noqa: F401
from typing import Any, TypeVar

from .microdot import Microdot, Request

_F = TypeVar('_F', bound=Callable[..., Any])

def client_address(request: Request) -> str: ...

class Limiter:
    max_keys: int
    count: int
    period: int
    redis: Any
    hits: dict[str, float]
    def __init__(self, rate: str, redis: str | None = None) -> None: ...
    async def hit(self, key: str) -> tuple[int, int]: ...
    async def check(
        self, request: Request,
        key: Callable[[Request], str | None] | None = None,
    ) -> dict[str, str]: ...

class RateLimit:
    limiter: Limiter
    key: Callable[[Request], str | None] | None
    def __init__(
        self, app: Microdot, rate: str,
        key: Callable[[Request], str | None] | None = None,
        redis: str | None = None) -> None: ...

def limit(
    rate: str, key: Callable[[Request], str | None] | None = None,
    redis: str | None = None) -> Callable[[_F], _F]: ...

from typing import Any, Literal

from typing_extensions import Self

from .sse import SSE
from .websocket import WebSocket

class Hub:
    max_message: int
    max_topic: int
    max_history: int
    max_pending: int
    max_unsent: int
    joins: bool
    queue: int
    closes: bool
    history: int
    counters: dict[str, int]
    life: str
    def __init__(
        self, queue: int = 64, full: Literal['oldest', 'close'] = 'oldest',
        history: int = 0) -> None: ...
    def publish(self, topic: str, message: Any) -> None: ...
    def subscribe(self, topic: str, after: str | None = None) -> Listener: ...
    async def forward(
        self, out: WebSocket | SSE, topic: str,
        after: str | None = None) -> None: ...
    def count(self, topic: str) -> int: ...

class Listener:
    closed: bool
    def __init__(
        self, hub: Hub, topic: str, after: str | None = None) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *args: object) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> tuple[str, Any]: ...

class RedisHub(Hub):
    max_lag: int
    history_seconds: int
    max_replayed: int
    max_others: int
    report_interval: float
    flush_timeout: float
    report_lifetime: float
    def __init__(
        self, url: str, queue: int = 64,
        full: Literal['oldest', 'close'] = 'oldest', history: int = 100,
        prefix: str = 'microdot:') -> None: ...
    async def connect(self) -> None: ...
    async def close(self) -> None: ...

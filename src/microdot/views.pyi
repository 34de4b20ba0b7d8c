from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from .microdot import Request
from .socketviews import WebSocketView as WebSocketView

class View:
    @classmethod
    def as_handler(
        cls, methods: Sequence[str] | None = None, name: str | None = None,
    ) -> tuple[
        Callable[..., Coroutine[Any, Any, Any]], list[str], str]: ...
    @classmethod
    async def run_view(cls, request: Request, **kwargs: Any) -> Any: ...

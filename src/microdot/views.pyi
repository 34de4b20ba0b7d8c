from collections.abc import Callable, Coroutine
from typing import Any

class View:
    @classmethod
    def as_handler(
        cls) -> tuple[Callable[..., Coroutine[Any, Any, Any]], list[str]]: ...

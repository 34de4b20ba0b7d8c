from collections.abc import Callable, Iterable
from typing import Any

from .microdot import Microdot

class Health:
    timeout: float
    app: Microdot
    checks: Iterable[Callable[[], Any]]
    failed: list[str]
    def __init__(
        self, app: Microdot, path: str = '/health',
        checks: Iterable[Callable[[], Any]] = ()) -> None: ...

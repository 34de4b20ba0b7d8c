from typing import Any

from .microdot import Request, URLPattern

class Host:
    name: str
    pattern: URLPattern
    def __init__(self, name: str) -> None: ...
    def __call__(
        self, request: Request | None, args: dict[str, Any]
    ) -> dict[str, Any] | None: ...

from collections.abc import Mapping
from typing import Any

from .microdot import Response

def json_form(value: Any, path: str = ...) -> Any: ...
def problem(
    status: int, detail: str | None = None,
    headers: Mapping[str, Any] | None = None) -> Response: ...

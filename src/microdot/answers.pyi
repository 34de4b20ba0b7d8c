from collections.abc import Mapping
from typing import Any

from .microdot import Response

def html(
    text: str | bytes, status: int = 200,
    headers: Mapping[str, Any] | None = None) -> Response: ...
def json_response(
    value: Any, status: int = 200,
    headers: Mapping[str, Any] | None = None) -> Response: ...
def typed(
    body: str | bytes, status: int, headers: Mapping[str, Any] | None,
    content_type: str) -> Response: ...

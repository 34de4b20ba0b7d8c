import re
from collections.abc import Callable
from typing import Any

from .microdot import URLPattern

class Expression:
    regex: re.Pattern[str]
    parser: Callable[[str], Any] | None
    def __init__(
        self, pattern: str,
        parser: Callable[[str], Any] | None = None) -> None: ...
    def __call__(self, value: str) -> Any: ...

class Several:
    parts: list[tuple[str, Callable[[str], Any], str]]
    def __init__(
        self, parts: list[tuple[str, Callable[[str], Any], str]]) -> None: ...
    def __call__(self, value: str) -> dict[str, Any] | None: ...
    def join(
        self, args: dict[str, Any],
        text_of: Callable[[dict[str, Any], str, Callable[[str], Any]], str],
    ) -> str: ...

def register_type(
    cls: type[URLPattern], type_name: str, pattern: str = '[^/]+',
    parser: Callable[[str], Any] | None = None) -> None: ...
def check_uuid(text: str) -> str | None: ...
def check_date(text: str) -> str | None: ...
def parse_segment(
    pattern: URLPattern, segment: str, names: list[str]
) -> tuple[
    str, str | tuple[str, ...], Callable[[str], Any], str]: ...

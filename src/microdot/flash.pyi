from typing import Any

from .microdot import Request

max_flashed: int

def flash(
    request: Request, message: Any, category: str = 'message') -> None: ...
def get_flashed(request: Request) -> list[tuple[str, Any]]: ...

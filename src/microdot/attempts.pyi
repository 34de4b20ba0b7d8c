from collections.abc import Callable
from typing import Any

from .login import Login
from .microdot import Request

async def attempt(
    login: Login, request: Request, name: str, check: Callable[[], Any],
) -> Any: ...
def count_attempt(login: Login, key: str, number: int) -> None: ...

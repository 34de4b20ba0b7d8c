from collections.abc import Awaitable, Callable
from os import PathLike

from .microdot import Request

def refuse(exc: OSError) -> None: ...
async def write_file(
    read: Callable[[int], Awaitable[bytes]],
    path: str | bytes | PathLike[str] | PathLike[bytes],
    max_size: int, min_size: int = 0) -> int: ...
async def save(
    request: Request, path: str | PathLike[str], max_size: int | None = None
) -> int: ...

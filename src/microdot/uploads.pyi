from os import PathLike

from .microdot import Request

async def save(
    request: Request, path: str | PathLike[str], max_size: int | None = None
) -> int: ...

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from .microdot import Microdot, Request, Response

_F = TypeVar('_F', bound=Callable[..., Any])

def no_compress(f: _F) -> _F: ...
class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...
    def finish(self) -> bytes: ...

CODINGS: dict[str, Callable[[int], _Compressor]]

def is_compressible(content_type: str) -> bool: ...

class CompressedPieces:
    max_inline: int
    def __init__(
        self, response: Response, compressor: _Compressor) -> None: ...
    def __aiter__(self) -> CompressedPieces: ...
    async def __anext__(self) -> bytes: ...
    async def aclose(self) -> None: ...

class Compress:
    max_whole: int
    max_codings: int
    min_size: int
    level: int
    with_sessions: bool
    codings: tuple[str, ...]
    def __init__(
        self, app: Microdot, min_size: int = 500, level: int = 6,
        with_sessions: bool = False,
        codings: Iterable[str] | None = None) -> None: ...
    def finish(
        self, request: Request | None, response: Response) -> Response: ...

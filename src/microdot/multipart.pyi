from collections.abc import Awaitable, Callable, Coroutine
from os import PathLike
from typing import IO, Any

from typing_extensions import Self, TypeAlias

from .microdot import HTTPException, Request

# A handler, and what takes its place.
_Handler: TypeAlias = Callable[..., Any]
_Wrapped: TypeAlias = Callable[..., Coroutine[Any, Any, Any]]
_Part: TypeAlias = tuple[str, str | None, dict[str, str]]

class MultipartError(HTTPException): ...

def parse_options(text: str) -> tuple[str, dict[str, str]]: ...
def parse_part_head(head: bytes) -> _Part: ...

class MultipartParser:
    done: bool
    max_parts: int
    max_header_size: int
    def __init__(
        self, boundary: str, max_parts: int, max_header_size: int) -> None: ...
    def feed(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def next_event(self) -> _Part | bytes | None: ...

class FileUpload:
    max_memory_size: int
    temp_dir: str
    filename: str
    content_type: str | None
    headers: dict[str, str]
    size: int | None
    file: IO[bytes] | None
    def __init__(
        self, filename: str, content_type: str | None,
        read: Callable[[int], Awaitable[bytes]],
        headers: dict[str, str] | None = None) -> None: ...
    @property
    def safe_name(self) -> str: ...
    async def read(self, n: int = -1) -> bytes: ...
    async def save(
        self, path_or_file: str | PathLike[str] | IO[bytes]) -> None: ...
    async def copy(self, max_memory_size: int | None = None) -> Self: ...
    async def close(self) -> None: ...

class FormDataIter:
    buffer_size: int
    max_parts: int
    max_header_size: int
    max_field_size: int
    max_form_size: int
    max_files: int
    def __init__(self, request: Request) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> tuple[str, str | FileUpload]: ...

def with_form_data(f: _Handler) -> _Wrapped: ...
def getlist(request: Request, name: str) -> list[str | FileUpload]: ...

from collections.abc import Sequence
from os import PathLike
from typing import IO, Any

from .microdot import Microdot, Request, Response

TYPES: dict[str, str]
settle_time: float

def parse_date(
    text: str) -> tuple[int, int, int, int, int, int] | None: ...
def matches_etag(value: str, etag: str) -> bool: ...
def parse_range(value: str, size: int) -> tuple[int, int] | None: ...

class Part:
    file: IO[bytes]
    size: int
    def __init__(self, file: IO[bytes], size: int) -> None: ...
    def read(self, n: int) -> bytes: ...
    def close(self) -> None: ...

def serve_file(
    request: Request, filename: str, content_type: str | None = None,
    max_age: int | None = None, gzip: bool = False) -> Response: ...
class Folder:
    path: str
    root: str | None
    real: Any
    def __init__(
        self, path: str | PathLike[str], follow_symlinks: bool) -> None: ...
    def is_inside(self, name: str) -> bool: ...
    def find(
        self, request: Request | None, path: str, html: bool) -> str: ...

def safe_path(path: str) -> str: ...
def static(
    app: Microdot, url_prefix: str,
    folder: str | PathLike[str] | Sequence[str | PathLike[str]],
    max_age: int | None = None, html: bool = False, gzip: bool = False,
    follow_symlinks: bool = False, fallback: str | None = None,
    not_found: str | None = None) -> None: ...

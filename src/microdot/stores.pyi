from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from typing_extensions import Self

from . import filestore
from .filestore import UNAVAILABLE as UNAVAILABLE
from .microdot import Microdot
from .session import Session

class Store(filestore.Store):
    # CPython's
    def __new__(cls, *args: Any, **kwargs: Any) -> Self: ...
    lock: AbstractContextManager[object]
    def locked(self) -> AbstractContextManager[object]: ...

class MemoryStore(Store):
    def __init__(self) -> None: ...
    read: Callable[[str], dict[str, str] | None]
    write: Callable[[str, dict[str, str]], None]
    remove: Callable[[str], object]
    ids: Callable[[], Iterable[str]]

class FolderStore(Store, filestore.FolderStore):
    def locked(self) -> AbstractContextManager[None]: ...

class RedisStore(Store):
    max_idle: int
    max_connections: int
    url: str
    prefix: str
    def __init__(
        self, url: str, prefix: str = 'microdot:session:') -> None: ...
    def attach(self, sessions: Session, app: Microdot) -> None: ...
    async def close(self) -> None: ...

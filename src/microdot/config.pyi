from collections.abc import Callable, Iterable, MutableMapping
from os import PathLike
from typing import Any, TypeVar, overload

_T = TypeVar('_T')
_D = TypeVar('_D')

class Secret:
    def __init__(self, value: str) -> None: ...
    def __bytes__(self) -> bytes: ...
    def __bool__(self) -> bool: ...

def CommaSeparated(value: str | Iterable[str]) -> list[str]: ...

class Config:
    max_size: int
    path: str | PathLike[str] | None
    prefix: str
    values: MutableMapping[str, Any]
    def __init__(
        self, path: str | PathLike[str] | None = None,
        prefix: str = '') -> None: ...
    # Without cast: text, or of a JSON file what it holds.
    @overload
    def __call__(self, name: str) -> Any: ...
    @overload
    def __call__(self, name: str, cast: None = None, *,
                 default: Any) -> Any: ...
    @overload
    def __call__(self, name: str, cast: Callable[[Any], _T]) -> _T: ...
    @overload
    def __call__(self, name: str, cast: Callable[[Any], _T],
                 default: None) -> _T | None: ...
    @overload
    def __call__(self, name: str, cast: Callable[[Any], _T],
                 default: Any) -> _T: ...

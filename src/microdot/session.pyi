from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Any, SupportsBytes

from typing_extensions import TypeAlias

from .microdot import Microdot, Request, Response
from .stores import FolderStore as FolderStore
from .stores import MemoryStore as MemoryStore
from .stores import RedisStore as RedisStore
from .stores import Store

_Key: TypeAlias = str | bytes
_Keys: TypeAlias = _Key | SupportsBytes | Sequence[_Key | SupportsBytes]

def now() -> int: ...
def check_key(key: str | bytes) -> None: ...
def encode_jwt(payload: Mapping[str, Any], key: _Key) -> str: ...
def parse_jwt(token: str, keys: Sequence[_Key]) -> dict[str, Any]: ...

class SessionDict(dict[str, Any]):
    request: Request
    expires: float | None
    id: str | None
    kept: dict[str, str] | None
    cookies: dict[str, tuple[str, float | None]]
    def __init__(
        self, request: Request, session_dict: Mapping[str, Any]) -> None: ...
    def save(self) -> None: ...
    def delete(self) -> None: ...
    def renew(self) -> None: ...

class Session:
    max_cookie_size: int
    default_max_age: int
    secret_key: _Keys | None
    cookie_options: Mapping[str, Any] | None
    cookie_name: str
    max_age: float | timedelta | None
    rolling: bool
    auto_save: bool
    store: Store | None
    def __init__(
        self, app: Microdot | None = None, secret_key: _Keys | None = None,
        cookie_options: Mapping[str, Any] | None = None,
        cookie_name: str = 'session',
        max_age: float | timedelta | None = None,
        rolling: bool = False, auto_save: bool = False,
        store: Store | None = None) -> None: ...
    def initialize(
        self, app: Microdot, secret_key: _Keys | None = None,
        cookie_options: Mapping[str, Any] | None = None) -> None: ...
    def keys(self, secret_key: _Keys | None = None) -> Sequence[_Key]: ...
    def encode(
        self, payload: Mapping[str, Any],
        secret_key: _Keys | None = None) -> str: ...
    def decode(
        self, session: str,
        secret_key: _Keys | None = None) -> dict[str, Any]: ...
    def get(self, request: Request) -> SessionDict: ...
    def update(
        self, request: Request, session: Mapping[str, Any],
        if_due: bool = False) -> None: ...
    def delete(self, request: Request) -> None: ...

def finish_sessions(
    request: Request | None, response: Response) -> Response: ...
def find_session(request: Request) -> Session: ...
def with_session(
    f: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]: ...

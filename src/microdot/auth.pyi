from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from typing_extensions import TypeAlias

from .microdot import Microdot, Request, Response

_F = TypeVar('_F', bound=Callable[..., Any])
_Wrapper: TypeAlias = Callable[..., Coroutine[Any, Any, Any]]
_Scopes: TypeAlias = str | Iterable[str] | None

def parse_credentials(value: str, scheme: str) -> str | None: ...
def parse_basic(credentials: str) -> tuple[str, str] | None: ...
def encode_challenge(scheme: str, **params: str | None) -> str: ...

class BaseAuth:
    header: str
    max_next_length: int
    auth_callback: Callable[..., Any] | None
    error_callback: Callable[..., Any] | None
    scopes_callback: Callable[..., _Scopes] | Callable[
        ..., Coroutine[Any, Any, _Scopes]] | None
    def authenticate(self, f: _F) -> _F: ...
    def errorhandler(self, f: _F) -> _F: ...
    def scopes(self, f: _F) -> _F: ...
    def initialize(self, app: Microdot) -> None: ...
    async def load_user(self, request: Request) -> Any: ...
    async def check(self, request: Request) -> Response | None: ...
    def __call__(self, f: Callable[..., Any]) -> _Wrapper: ...
    def optional(self, f: Callable[..., Any]) -> _Wrapper: ...
    def requires(
        self, *scopes: str, status_code: int = 403,
        redirect: str | None = None,
    ) -> Callable[[Callable[..., Any]], _Wrapper]: ...

class BasicAuth(BaseAuth):
    realm: str
    charset: str
    scheme: str
    error_status: int
    def __init__(
        self, realm: str = 'Please login', charset: str = 'UTF-8',
        scheme: str = 'Basic', error_status: int = 401) -> None: ...
    async def authentication_error(
        self, request: Request) -> tuple[str, int, dict[str, str]]: ...

class TokenAuth(BaseAuth):
    scheme: str
    error_status: int
    realm: str | None
    def __init__(
        self, header: str = 'Authorization', scheme: str = 'Bearer',
        error_status: int = 401, realm: str | None = None) -> None: ...
    async def authentication_error(self, request: Request) -> None: ...

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from typing_extensions import TypeAlias

from .microdot import Microdot, Request, Response

_F = TypeVar('_F', bound=Callable[..., Any])
_Wrapper: TypeAlias = Callable[..., Coroutine[Any, Any, Any]]

def is_local(url: str) -> bool: ...
def below_root(request: Request, url: str) -> str: ...
def login_url(request: Request, url: str, most: int) -> str: ...

class Login:
    max_next_length: int
    remember_days: float
    max_account_failures: int
    max_address_failures: int
    failure_period: int
    max_counted: int
    limiter: Any
    address_of: Callable[[Request], str] | None
    failures: dict[str, tuple[int, int]]
    user_callback: Callable[[Any], Any] | None
    login_url: str
    keep: Sequence[str]
    cookie_name: str
    error_callback: Callable[[Request], Any]
    def __init__(
        self, login_url: str = '/login', keep: Sequence[str] = (),
        cookie_name: str = '_remember') -> None: ...
    def user_loader(self, f: _F) -> _F: ...
    def errorhandler(self, f: _F) -> _F: ...
    async def redirect_to_login(self, request: Request) -> Response: ...
    async def attempt(
        self, request: Request, name: str, check: Callable[[], Any],
    ) -> Any: ...
    async def login_user(
        self, request: Request, user: Any, remember: object = False,
        redirect_url: str = '/') -> Response: ...
    async def logout_user(self, request: Request) -> None: ...
    async def get_current_user(self, request: Request) -> Any: ...
    async def check(
        self, request: Request, fresh: bool = False) -> Response | None: ...
    def required_everywhere(
        self, app: Microdot | None = None, except_: Iterable[str] = (),
    ) -> Callable[[Request], Coroutine[Any, Any, Response | None]]: ...
    def __call__(
        self, f: Callable[..., Any], fresh: bool = False) -> _Wrapper: ...
    def fresh(self, f: Callable[..., Any]) -> _Wrapper: ...

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from .microdot import Microdot, Request, Response, URLPattern

def host_name(request: Request) -> str: ...
def is_local(host: str) -> bool: ...

class Host:
    name: str
    pattern: URLPattern
    def __init__(self, name: str) -> None: ...
    def __call__(
        self, request: Request | None, args: dict[str, Any]
    ) -> dict[str, Any] | None: ...

class TrustedHosts:
    hosts: list[str]
    redirect_www: bool
    lan: bool
    def __init__(
        self, app: Microdot, hosts: Iterable[str] = (),
        redirect_www: bool = False, lan: bool = False) -> None: ...
    def is_trusted(self, host: str) -> bool: ...
    async def __call__(
        self, request: Request,
        call_next: Callable[[Request], Awaitable[Response]]) -> Response: ...

class RedirectHTTPS:
    hsts: int
    def __init__(self, app: Microdot, hsts: int = 31536000) -> None: ...
    async def __call__(
        self, request: Request,
        call_next: Callable[[Request], Awaitable[Response]]) -> Response: ...
    def finish(
        self, request: Request | None, response: Response) -> None: ...

from collections.abc import Awaitable, Callable

from .hosts import TrustedHosts
from .microdot import Microdot, Request, Response

def redirect_www(trusted: TrustedHosts, request: Request) -> Response: ...

class RedirectHTTPS:
    def __init__(self, app: Microdot, hsts: int = 31536000) -> None: ...
    async def __call__(
        self, request: Request,
        call_next: Callable[[Request], Awaitable[Response]]) -> Response: ...

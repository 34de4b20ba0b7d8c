from collections.abc import Awaitable, Callable, Iterable

from .microdot import Microdot, Request, Response
from .redirects import RedirectHTTPS as RedirectHTTPS
from .vhosts import Host as Host

def host_name(request: Request) -> str: ...
def is_local(host: str) -> bool: ...

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

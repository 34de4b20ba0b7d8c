from .microdot import Microdot, Request, Response

def csp_nonce(request: Request) -> str: ...

class SecurityHeaders:
    headers: dict[str, str]
    csp: str | None
    hsts: int
    frames: str | None
    def __init__(
        self, app: Microdot, csp: str | None = None, hsts: bool | int = False,
        frames: str | None = 'SAMEORIGIN') -> None: ...
    def finish(self, request: Request | None, response: Response) -> None: ...
    def policy(self, nonce: str | None) -> str | None: ...

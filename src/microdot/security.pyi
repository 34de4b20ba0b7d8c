from .microdot import Microdot, Request, Response
from .nonces import csp_nonce as csp_nonce

class SecurityHeaders:
    headers: dict[str, str]
    def __init__(
        self, app: Microdot, csp: str | None = None, hsts: bool | int = False,
        frames: str | None = 'SAMEORIGIN') -> None: ...
    def finish(self, request: Request | None, response: Response) -> None: ...

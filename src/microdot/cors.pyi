from collections.abc import Sequence

from .microdot import Microdot, Request, Response

class CORS:
    allowed_origins: str | Sequence[str] | None
    allow_credentials: bool
    allowed_methods: Sequence[str] | None
    expose_headers: Sequence[str] | None
    allowed_headers: Sequence[str] | None
    max_age: int | None
    allowed_origin_regex: str | None
    allow_private_network: bool
    def __init__(
        self, app: Microdot | None = None,
        allowed_origins: str | Sequence[str] | None = None,
        allow_credentials: bool = False,
        allowed_methods: Sequence[str] | None = None,
        expose_headers: Sequence[str] | None = None,
        allowed_headers: Sequence[str] | None = None,
        max_age: int | None = None, handle_cors: bool = True,
        allowed_origin_regex: str | None = None,
        allow_private_network: bool = False) -> None: ...
    def initialize(self, app: Microdot, handle_cors: bool = True) -> None: ...
    def is_listed(self, origin: str) -> bool: ...
    def get_cors_headers(self, request: Request) -> dict[str, str]: ...
    def options_handler(self, request: Request) -> dict[str, str]: ...
    async def after_request(
        self, request: Request | None,
        response: Response) -> Response | None: ...

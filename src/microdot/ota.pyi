from collections.abc import Callable
from typing import Any

from .microdot import Microdot, Request

def exists(path: str) -> bool: ...
def remove(path: str) -> None: ...

class Ota:
    max_files: int
    max_path: int
    max_size: int
    key: bytes
    reset: Callable[[], Any] | None
    nonce: str | None
    def __init__(
        self,
        app: Microdot,
        key: bytes,
        path: str = '/_ota',
        reset: Callable[[], Any] | None = None,
    ) -> None: ...
    @staticmethod
    def installed() -> dict[str, Any]: ...
    def new_nonce(self) -> str: ...
    async def tell(self, request: Request) -> dict[str, Any]: ...
    async def begin(self, request: Request) -> dict[str, Any]: ...
    async def take(
        self, request: Request, name: str
    ) -> tuple[str, int]: ...
    async def restart(self, request: Request) -> tuple[str, int]: ...

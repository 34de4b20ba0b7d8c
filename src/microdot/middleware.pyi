from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, overload

from .microdot import Microdot, Request, Response

_F = TypeVar('_F', bound=Callable[..., Any])

def map_pieces(
    response: Response, f: Callable[[bytes], bytes]) -> None: ...

class Mapped:
    pieces: Any
    f: Callable[[bytes], bytes]
    def __init__(
        self, response: Response, f: Callable[[bytes], bytes]) -> None: ...
    def __aiter__(self) -> Mapped: ...
    async def __anext__(self) -> bytes: ...
    async def aclose(self) -> None: ...

@overload
def add(app: Microdot, f: _F, before_routing: bool) -> _F: ...
@overload
def add(
    app: Microdot, f: None, before_routing: bool) -> Callable[[_F], _F]: ...
def around(
    handler: Callable[..., Any], middleware: Sequence[Callable[..., Any]]
) -> Callable[..., Awaitable[Response]]: ...

class wrap:
    f: Callable[..., Any]
    before_routing: bool
    def __init__(
        self, f: Callable[..., Any], before_routing: bool = False) -> None: ...
    async def __call__(
        self, request: Request,
        call_next: Callable[[Request], Awaitable[Response]],
    ) -> Response: ...

from collections.abc import Awaitable, Callable

from .microdot import HTTPException, Microdot, Request, Response

_CallNext = Callable[[Request], Awaitable[Response]]

def add_wrapper(
    app: Microdot,
    wrapper: Callable[[Request, _CallNext], Awaitable[Response]],
    outermost: bool = False) -> None: ...
async def run_wrappers(
    app: Microdot, req: Request, error: HTTPException | None) -> Response: ...

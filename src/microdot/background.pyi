from collections.abc import Callable
from typing import ParamSpec, TypeVar

from .microdot import Microdot, Request, Response

_P = ParamSpec('_P')
_R = TypeVar('_R')

def after_response(
    self: Request | Response, f: Callable[_P, _R], /, *args: _P.args,
    **kwargs: _P.kwargs) -> Callable[_P, _R]: ...
def answered(self: Microdot, req: Request | None, res: Response) -> None: ...
async def finish_background(self: Microdot) -> None: ...
async def is_disconnected(self: Request) -> bool: ...

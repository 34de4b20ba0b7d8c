from collections.abc import Callable
from typing import Any, TypeVar

from .microdot import Microdot

_F = TypeVar('_F', bound=Callable[..., Any])

def middleware(self: Microdot, f: _F) -> _F: ...
def mount(
    self: Microdot, subapp: Microdot, url_prefix: str = '',
    local: bool = False, name: str | None = None) -> None: ...

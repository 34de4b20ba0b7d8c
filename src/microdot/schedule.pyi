from collections.abc import Callable
from typing import Any, TypeVar

from .microdot import Microdot

_F = TypeVar('_F', bound=Callable[[], Any])

def every(
    app: Microdot, seconds: float, at_start: bool = False,
) -> Callable[[_F], _F]: ...

from collections.abc import Callable, Coroutine, Iterable

from .login import Login
from .microdot import Microdot, Request, Response

def guard_all(
    login: Login, app: Microdot | None, except_: Iterable[str],
) -> Callable[[Request], Coroutine[None, None, Response | None]]: ...

from typing import Any

from .hosts import Host
from .microdot import Microdot, Request

def mount(
    self: Microdot, subapp: Microdot, url_prefix: str = '',
    local: bool = False, name: str | None = None,
    host: str | Host | None = None) -> None: ...
def inherit(app: Microdot, name: str, value: Any, key: Any) -> None: ...
def local_apps(
    app: Microdot, req: Request, path: str) -> tuple[Microdot, ...]: ...

from typing import Any

from . import microdot as _core

def quote_path(path: str) -> str: ...
def strip_root(url: str, root: str) -> tuple[str, str]: ...
def split_head(
    res: _core.Response,
    head: bytes) -> tuple[bytes, list[tuple[bytes, bytes]], bool]: ...

class Microdot(_core.Microdot):
    embedded_server: bool
    def run(
        self, host: str = '0.0.0.0', port: int = 5000, debug: bool = False,
        ssl: Any = None) -> None: ...
    def shutdown(self) -> None: ...
    def make_request(
        self, client_addr: tuple[str, int] | None, method: str, url: str,
        root: str | None, query: str, version: str, headers: Any,
        **kwargs: Any) -> _core.Request: ...

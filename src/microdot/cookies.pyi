from datetime import datetime, timedelta
from typing import Any

from .microdot import Response, Values

def parse_cookies(text: str) -> Values[str]: ...
def quote(value: str) -> str: ...
def set_cookie(
    self: Response, cookie: str, value: str, path: str | None = None,
    domain: str | None = None,
    expires: str | datetime | float | None = None,
    max_age: float | timedelta | None = None, secure: bool = False,
    http_only: bool = False, partitioned: bool = False,
    same_site: str | None = None) -> None: ...
def delete_cookie(self: Response, cookie: str, **kwargs: Any) -> None: ...

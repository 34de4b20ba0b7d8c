# The one of a board takes the first argument only.
from collections.abc import Mapping
from functools import wraps as wraps
from typing import Any

from .codings import choose_coding as choose_coding
from .microdot import Request, Response
from .origins import fits_host as fits_host
from .origins import is_own_origin as is_own_origin
from .origins import without_port as without_port
from .problems import json_form as json_form
from .problems import problem as problem

def add_vary(request: Request, name: str) -> None: ...
def finish_vary(request: Request | None, response: Response) -> None: ...
def html(
    text: str | bytes, status: int = 200,
    headers: Mapping[str, Any] | None = None) -> Response: ...
def json_response(
    value: Any, status: int = 200,
    headers: Mapping[str, Any] | None = None) -> Response: ...
def typed(
    body: str | bytes, status: int, headers: Mapping[str, Any] | None,
    content_type: str) -> Response: ...

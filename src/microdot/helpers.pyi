# The one of a board takes the first argument only.
from functools import wraps as wraps

from .microdot import Request

def add_vary(request: Request, name: str) -> None: ...

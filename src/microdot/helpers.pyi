# The one of a board takes the first argument only.
from functools import wraps as wraps

from .answers import html as html
from .answers import json_response as json_response
from .codings import choose_coding as choose_coding
from .microdot import Request, Response
from .origins import fits_host as fits_host
from .origins import is_own_origin as is_own_origin
from .origins import without_port as without_port
from .problems import json_form as json_form
from .problems import problem as problem

def add_vary(request: Request, name: str) -> None: ...
def finish_vary(request: Request | None, response: Response) -> None: ...

from .helpers import html as html
from .helpers import json_response as json_response
from .microdot import AsyncBytesIO as AsyncBytesIO
from .microdot import Microdot as Microdot
from .microdot import Request as Request
from .microdot import Response as Response
from .microdot import URLPattern as URLPattern
from .microdot import abort as abort
from .microdot import iscoroutine as iscoroutine
from .microdot import redirect as redirect
from .microdot import send_file as send_file

__all__ = [
    'AsyncBytesIO', 'Microdot', 'Request', 'Response', 'URLPattern',
    'abort', 'iscoroutine', 'redirect', 'send_file', 'html', 'json_response']
__version__: str

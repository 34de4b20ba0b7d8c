from os import PathLike
from typing import Any

from .microdot import Response

def send_file(
    cls: type[Response], filename: str | PathLike[str],
    status_code: int = 200, content_type: str | None = None,
    stream: Any = None, max_age: int | None = None,
    compressed: bool | str = False, file_extension: str = '',
    download_name: str | None = None,
    disposition: str | None = None) -> Response: ...

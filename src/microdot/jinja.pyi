from collections.abc import (
    AsyncIterator,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from os import PathLike
from typing import Any, ClassVar, TypeVar

import jinja2
from typing_extensions import TypeAlias

from .microdot import Request, Response

_Context: TypeAlias = Callable[[Request], Mapping[str, Any]]
_F = TypeVar('_F', bound=_Context)

class Template:
    jinja_env: ClassVar[jinja2.Environment | None]
    contexts: ClassVar[list[_Context]]
    name: str
    template: jinja2.Template
    @classmethod
    def initialize(
        cls,
        template_dir: str
        | PathLike[str]
        | Sequence[str | PathLike[str]] = 'templates',
        enable_async: bool = False,
        **kwargs: Any,
    ) -> None: ...
    @classmethod
    def context(cls, f: _F) -> _F: ...
    def __init__(self, template: str, **kwargs: Any) -> None: ...
    def generate(self, *args: Any, **kwargs: Any) -> Iterator[str]: ...
    def render(self, *args: Any, **kwargs: Any) -> str: ...
    def generate_async(
        self, *args: Any, **kwargs: Any
    ) -> AsyncIterator[str]: ...
    async def render_async(self, *args: Any, **kwargs: Any) -> str: ...
    def response(
        self, request: Request, status: int = 200, **context: Any
    ) -> Response: ...

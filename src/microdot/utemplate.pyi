from collections.abc import (
    AsyncIterator,
    Callable,
    Iterator,
    Mapping,
)
from typing import Any, ClassVar, Protocol, TypeVar

from typing_extensions import TypeAlias

from .microdot import Request, Response

_Context: TypeAlias = Callable[[Request], Mapping[str, Any]]
_F = TypeVar('_F', bound=_Context)

class _Loader(Protocol):
    def load(self, name: str, /) -> Callable[..., Iterator[str]]: ...

class Template:
    loader: ClassVar[_Loader | None]
    contexts: ClassVar[list[_Context]]
    name: str
    template: Callable[..., Iterator[str]]
    @classmethod
    def initialize(
        cls,
        template_dir: str = 'templates',
        loader_class: Callable[..., _Loader] | None = None,
        autoescape: bool = False,
    ) -> None: ...
    @classmethod
    def context(cls, f: _F) -> _F: ...
    def __init__(self, template: str) -> None: ...
    def generate(self, *args: Any, **kwargs: Any) -> Iterator[str]: ...
    def render(self, *args: Any, **kwargs: Any) -> str: ...
    def generate_async(
        self, *args: Any, **kwargs: Any
    ) -> AsyncIterator[str]: ...
    async def render_async(self, *args: Any, **kwargs: Any) -> str: ...
    def response(
        self, request: Request, status: int = 200, **context: Any
    ) -> Response: ...

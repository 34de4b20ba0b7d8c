from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, ClassVar, Protocol

class _Loader(Protocol):
    def load(self, name: str, /) -> Callable[..., Iterator[str]]: ...

class Template:
    loader: ClassVar[_Loader | None]
    name: str
    template: Callable[..., Iterator[str]]
    @classmethod
    def initialize(
        cls,
        template_dir: str = 'templates',
        loader_class: Callable[..., _Loader] | None = None,
        autoescape: bool = False,
    ) -> None: ...
    def __init__(self, template: str) -> None: ...
    def generate(self, *args: Any, **kwargs: Any) -> Iterator[str]: ...
    def render(self, *args: Any, **kwargs: Any) -> str: ...
    def generate_async(
        self, *args: Any, **kwargs: Any
    ) -> AsyncIterator[str]: ...
    async def render_async(self, *args: Any, **kwargs: Any) -> str: ...

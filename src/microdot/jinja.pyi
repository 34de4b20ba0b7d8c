from collections.abc import AsyncIterator, Iterator, Sequence
from os import PathLike
from typing import Any, ClassVar

import jinja2

class Template:
    jinja_env: ClassVar[jinja2.Environment | None]
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
    def __init__(self, template: str, **kwargs: Any) -> None: ...
    def generate(self, *args: Any, **kwargs: Any) -> Iterator[str]: ...
    def render(self, *args: Any, **kwargs: Any) -> str: ...
    def generate_async(
        self, *args: Any, **kwargs: Any
    ) -> AsyncIterator[str]: ...
    async def render_async(self, *args: Any, **kwargs: Any) -> str: ...

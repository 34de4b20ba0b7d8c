from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from .microdot import Microdot, Route

_F = TypeVar('_F', bound=Callable[..., Any])

METHODS: tuple[str, ...]
JSON: str

class Description(NamedTuple):
    summary: str | None = None
    description: str | None = None
    responses: dict[int | str, object] | None = None
    tags: list[str] | None = None
    deprecated: bool = False
    hidden: bool = False
    security: list[dict[str, list[str]]] | None = None

def describe(
    summary: str | None = None, description: str | None = None,
    responses: Mapping[Any, Any] | None = None,
    tags: list[str] | None = None, deprecated: bool = False,
    hidden: bool = False,
    security: list[dict[str, list[str]]] | None = None
) -> Callable[[_F], _F]: ...
def layers(handler: Any) -> Iterator[Any]: ...
def description_of(handler: Any) -> Description: ...
def guards_of(handler: Any) -> list[tuple[Any, Any]]: ...
def hooks_of(app: Microdot) -> list[tuple[Any, list[str]]]: ...
def is_left_out(route: Route, except_: list[str]) -> bool | None: ...

class Schemas:
    components: dict[str, Any]
    def __init__(self) -> None: ...
    def make(self, rule: Any, extra: str = 'ignore') -> dict[str, Any]: ...

def parse_pattern(pattern: str) -> tuple[str, dict[str, Any]]: ...
def parameter_schema(kind: str) -> dict[str, Any]: ...

class Writer:
    app: Microdot
    api: OpenAPI
    schemas: Schemas
    paths: dict[str, Any]
    schemes: dict[str, Any]
    ids: set[str]
    def __init__(self, app: Microdot, api: OpenAPI) -> None: ...
    def document(self) -> dict[str, Any]: ...

class OpenAPI:
    app: Microdot
    title: str
    version: str
    description: str | None
    path: str
    docs: str | None
    cookie_name: str
    def __init__(
        self, app: Microdot | None = None, title: str = 'API',
        version: str = '1.0', description: str | None = None,
        path: str = '/openapi.json', docs: str | None = '/docs',
        cookie_name: str = 'session') -> None: ...
    def initialize(self, app: Microdot) -> None: ...
    def document(self) -> dict[str, Any]: ...

def document_of(
    app: Microdot, title: str = 'API', version: str = '1.0'
) -> dict[str, Any]: ...

from collections.abc import (
    AsyncGenerator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from types import TracebackType
from typing import IO, Any

from typing_extensions import Self, TypeAlias

from .microdot import Microdot, NoCaseDict, Request, Response

__all__ = ['TestClient', 'TestResponse', 'create_request', 'handle_request',
           'write_response']

_Content: TypeAlias = str | bytes | bytearray | memoryview | IO[Any]
_Body: TypeAlias = (
    _Content | dict[str, Any] | list[Any] | Iterator[Any] | None)
# A list as value stands for several fields.
_Fields: TypeAlias = Mapping[str, Any] | Iterable[tuple[str, Any]]
_Peer: TypeAlias = (
    Callable[[], Generator[str | bytes | None, Any, Any]]
    | Callable[[], AsyncGenerator[str | bytes | None, Any]])

class TestResponse:
    __test__: bool
    status_code: int
    reason: str | None
    http_version: str | None
    headers: NoCaseDict[Any]
    body: bytes | None
    close_code: int | None
    close_reason: str | None
    def __init__(self) -> None: ...
    @classmethod
    async def create(cls, res: Response) -> TestResponse: ...
    @classmethod
    def parse(cls, data: bytes, is_head: bool = False) -> Self: ...
    @property
    def text(self) -> str | None: ...
    @property
    def json(self) -> Any: ...
    @property
    def events(self) -> list[dict[str, Any]] | None: ...

class TestClient:
    __test__: bool
    max_redirects: int
    app: Microdot
    cookies: dict[str, str | tuple[str, str] | list[tuple[str, str]]]
    scheme: str | None
    host: str
    follow_redirects: bool
    raise_exceptions: bool
    timeout: float | None
    def __init__(
        self, app: Microdot,
        cookies: dict[
            str, str | tuple[str, str] | list[tuple[str, str]]] | None = None,
        scheme: str | None = None, host: str | None = None,
        follow_redirects: bool = False, raise_exceptions: bool = False,
        timeout: float | None = None) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, exc_type: type[BaseException] | None,
        exc: BaseException | None, tb: TracebackType | None) -> None: ...
    async def get(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    async def head(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    async def options(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    async def post(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    async def put(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    async def patch(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    async def delete(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    async def query(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    async def request(
        self, method: str, path: str,
        headers: Mapping[str, Any] | None = None, body: _Body = None,
        sock: Any = None, form: _Fields | None = None,
        files: _Fields | None = None, json: Any = None,
        query: _Fields | None = None, follow_redirects: bool | None = None,
        raise_exceptions: bool | None = None,
        timeout: float | None = None,
        max_events: int | None = None) -> TestResponse: ...
    async def websocket(
        self, path: str, client: _Peer,
        headers: Mapping[str, Any] | None = None,
        timeout: float | None = None) -> TestResponse: ...

async def create_request(
    app: Microdot, client_reader: Any, client_writer: Any,
    client_addr: tuple[str, int] | None,
    scheme: str | None = None) -> Request | None: ...
async def write_response(response: Response, stream: Any) -> None: ...
async def handle_request(app: Microdot, reader: Any, writer: Any) -> None: ...

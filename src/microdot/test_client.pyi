from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from types import TracebackType
from typing import IO, Any, TypeVar

from typing_extensions import Self, TypeAlias

from .microdot import Microdot, NoCaseDict, Request, Response

__all__ = ['SyncClient', 'SyncWebSocket', 'TestClient', 'TestResponse',
           'WebSocketClosed', 'WebSocketSession', 'create_request',
           'handle_request', 'url_map', 'write_response']

_T = TypeVar('_T')
_Content: TypeAlias = str | bytes | bytearray | memoryview | IO[Any]
_Body: TypeAlias = (
    _Content | dict[str, Any] | list[Any] | Iterator[Any] |
    AsyncIterator[Any] | None)
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
    url: str | None
    history: list[TestResponse]
    def __init__(self) -> None: ...
    @classmethod
    async def create(cls, res: Response) -> TestResponse: ...
    @classmethod
    def parse(cls, data: bytes, is_head: bool = False) -> Self: ...
    @property
    def cookies(self) -> dict[str, str]: ...
    def raise_for_status(self) -> Self: ...
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
    headers: Mapping[str, Any]
    client: Any
    base_path: str
    auth: tuple[str, str] | None
    def __init__(
        self, app: Microdot,
        cookies: dict[
            str, str | tuple[str, str] | list[tuple[str, str]]] | None = None,
        scheme: str | None = None, host: str | None = None,
        follow_redirects: bool = False, raise_exceptions: bool = False,
        timeout: float | None = None,
        headers: Mapping[str, Any] | None = None,
        client: Any = ('127.0.0.1', 1234), base_url: str | None = None,
        auth: tuple[str, str] | None = None) -> None: ...
    def __enter__(self) -> SyncClient: ...
    def __exit__(
        self, exc_type: type[BaseException] | None,
        exc: BaseException | None, tb: TracebackType | None) -> None: ...
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
        max_events: int | None = None,
        auth: tuple[str, str] | None = None) -> TestResponse: ...
    async def websocket(
        self, path: str, client: _Peer,
        headers: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        auth: tuple[str, str] | None = None) -> TestResponse: ...
    def websocket_connect(
        self, path: str, headers: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        auth: tuple[str, str] | None = None) -> WebSocketSession: ...

class SyncClient:
    __test__: bool
    app: Microdot
    cookies: dict[str, str | tuple[str, str] | list[tuple[str, str]]]
    scheme: str | None
    host: str
    follow_redirects: bool
    raise_exceptions: bool
    timeout: float | None
    headers: Mapping[str, Any]
    client: Any
    auth: tuple[str, str] | None
    def __init__(self, client: TestClient) -> None: ...
    def get(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    def head(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    def options(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    def post(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    def put(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    def patch(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    def delete(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    def query(
        self, path: str, headers: Mapping[str, Any] | None = None,
        body: _Body = None, **options: Any) -> TestResponse: ...
    def request(
        self, method: str, path: str,
        headers: Mapping[str, Any] | None = None, body: _Body = None,
        **options: Any) -> TestResponse: ...
    def run(self, coro: Coroutine[Any, Any, _T]) -> _T: ...
    def end(
        self, exc_type: type[BaseException] | None,
        exc: BaseException | None, tb: TracebackType | None) -> None: ...
    def websocket(
        self, path: str, client: _Peer,
        headers: Mapping[str, Any] | None = None,
        **options: Any) -> TestResponse: ...
    def websocket_connect(
        self, path: str, headers: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        auth: tuple[str, str] | None = None) -> SyncWebSocket: ...

class WebSocketClosed(Exception):
    code: int
    reason: str
    response: TestResponse | None
    def __init__(
        self, message: str, code: int = 1006, reason: str = '',
        response: TestResponse | None = None) -> None: ...

class WebSocketSession:
    response: TestResponse
    subprotocol: str | None
    def __init__(
        self, client: TestClient, path: str,
        headers: Mapping[str, Any] | None, timeout: float | None,
        auth: tuple[str, str] | None) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, exc_type: type[BaseException] | None,
        exc: BaseException | None, tb: TracebackType | None) -> None: ...
    @property
    def close_code(self) -> int | None: ...
    @property
    def close_reason(self) -> str: ...
    async def send(self, data: str | bytes) -> None: ...
    async def send_json(self, data: Any) -> None: ...
    async def receive(self, timeout: float | None = None) -> Any: ...
    async def receive_json(self, timeout: float | None = None) -> Any: ...
    async def close(self, code: int = 1000, reason: str = '') -> None: ...
    def __aiter__(self) -> AsyncIterator[Any]: ...
    async def __anext__(self) -> Any: ...

class SyncWebSocket:
    response: TestResponse
    subprotocol: str | None
    close_code: int | None
    close_reason: str
    def __init__(
        self, run: Callable[[Coroutine[Any, Any, Any]], Any],
        session: WebSocketSession) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None,
        exc: BaseException | None, tb: TracebackType | None) -> None: ...
    def send(self, data: str | bytes) -> None: ...
    def send_json(self, data: Any) -> None: ...
    def receive(self, timeout: float | None = None) -> Any: ...
    def receive_json(self, timeout: float | None = None) -> Any: ...
    def close(self, code: int = 1000, reason: str = '') -> None: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __next__(self) -> Any: ...

async def create_request(
    app: Microdot, client_reader: Any, client_writer: Any,
    client_addr: tuple[str, int] | None,
    scheme: str | None = None) -> Request | None: ...
async def write_response(response: Response, stream: Any) -> None: ...
async def handle_request(app: Microdot, reader: Any, writer: Any) -> None: ...
def url_map(app: Microdot) -> list[tuple[Any, ...]]: ...

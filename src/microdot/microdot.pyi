import io
import socket as _socket
import ssl as _ssl
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import date as _date_type
from datetime import timedelta
from os import PathLike
from traceback import print_exception as print_exception
from typing import (
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    NoReturn,
    Protocol,
    TypeVar,
    overload,
    type_check_only,
)

from typing_extensions import Concatenate, ParamSpec, Self, TypeAlias

from .background import Background
from .debug import DebugPages
from .hosts import Host
from .session import SessionDict

_T = TypeVar('_T')
_D = TypeVar('_D')
_V = TypeVar('_V')
_F = TypeVar('_F', bound=Callable[..., Any])
_H = TypeVar('_H', bound=Handler | type[Any])
_P = ParamSpec('_P')
_R = TypeVar('_R')

# What handlers may return, see Response and make_response(). Bodies are too
# many kinds of things to be of use as a type.
_Body: TypeAlias = Any
@type_check_only
class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]

@type_check_only
class _File(Protocol):
    def read(self, n: int = ..., /) -> Any: ...

_Content: TypeAlias = (
    str | bytes | bytearray | memoryview | dict[Any, Any] | list[Any] |
    Response | Iterator[str] | Iterator[bytes] | AsyncIterable[Any] |
    _File | _Dataclass | None)
# What a handler may return; a page of the guide, "Types", tells of both.
ResponseValue: TypeAlias = (
    _Content | int | tuple[_Content, int] | tuple[_Content, Mapping[str, Any]]
    | tuple[_Content, int, Mapping[str, Any] | None] | tuple[int]
    | tuple[int, Mapping[str, Any]])
Handler: TypeAlias = Callable[
    Concatenate[Request, ...],
    ResponseValue | Awaitable[ResponseValue]]
_Wrapper: TypeAlias = Callable[[Request, Callable[[Request], Any]], Any]
_Jobs: TypeAlias = list[
    tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]
_Found: TypeAlias = tuple[Route | None, dict[str, Any] | None, list[str]]
_Fields: TypeAlias = dict[str, str]
_Framing: TypeAlias = tuple[int, bool]
_Target: TypeAlias = Callable[..., Any] | dict[str, str] | int
_TLSFiles: TypeAlias = tuple[str | PathLike[str], str | PathLike[str]]
_Route: TypeAlias = tuple[
    list[str], URLPattern, Callable[..., Any], str, Microdot | None]

# The streams that Request.create(), handle_request() and Response.write()
# take: no more than these methods is asked of them.
@type_check_only
class _Reader(Protocol):
    async def readline(self) -> bytes: ...
    async def read(self, n: int = ..., /) -> bytes: ...
    async def readexactly(self, n: int, /) -> bytes: ...

@type_check_only
class _AsyncWriter(Protocol):
    async def awrite(self, data: bytes, /) -> object: ...

MUTED_SOCKET_ERRORS: list[int]

def iscoroutine(obj: object) -> bool: ...
def later(obj: object, name: str) -> Any: ...
def print_line(method: str, path: str, status_code: str) -> None: ...
def mro(cls: type) -> Sequence[type]: ...
def is_async(function: Callable[..., Any]) -> int: ...
async def invoke_handler(
    handler: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a handler, await what it returns if need be, return the result.

    On CPython a plain function runs in a thread.
    """

class HTTPException(Exception):
    """An answer in place of the handler's: raised by :func:`abort` and by
    whatever finds a fault with the request.

    :param status_code: the status of the response.
    :param reason: the text of its body.
    :param headers: a dict of extra headers, or ``None``.
    """
    status_code: int
    reason: str
    headers: Mapping[str, Any] | None
    def __init__(
        self, status_code: int, reason: str | None = None,
        headers: Mapping[str, Any] | None = None) -> None: ...


class MalformedBody(ValueError):
    status_code: int
    headers: None
    reason: str

class MissingKey(KeyError):
    status_code: int
    headers: None
    reason: str
    def __init__(self, key: str, kind: str) -> None: ...

class Disconnected(ConnectionResetError):
    def __init__(self) -> None: ...

LEAVING: tuple[type[BaseException], ...]

def abort(
    status_code: int, reason: str | None = None,
    headers: Mapping[str, Any] | None = None) -> NoReturn:
    """Stop handling the request and answer with an error.

    :raises HTTPException: always.
    """

def decode_text(data: bytes) -> str: ...
def urldecode(s: str | bytes, plus: bool = True) -> str:
    """Decode percent-encoded UTF-8 text.

    A ``%`` before another ``%`` or at the end stands for itself.

    :param s: ``str`` or ``bytes``.
    :param plus: whether ``+`` is a space, as it is in forms and queries.
    :raises ValueError: for other bad escapes, or text that is not UTF-8.
    """

def urlencode(s: str, safe: bytes = ...) -> str: ...
def http_date(when: float | tuple[int, ...] | _date_type) -> str:
    """Format a time as HTTP does (RFC 9110, section 5.6.7).

    :param when: seconds as of ``time.time()``, or a ``datetime`` (UTC when
                 naive).
    """

def parse_pairs(
    text: str, kind: str | None, most: int) -> MultiDict[str]: ...
def parse_list(text: str, sep: str = ',') -> list[str]: ...
# Called by position only, as on CPython a cache stands in for them.
def parse_token(text: str, /) -> str: ...
def join_field(key: str, value: str, more: str) -> str: ...
def parse_line(line: bytes) -> tuple[str, str]: ...
def find_head(data: bytes, pos: int = 0) -> int: ...
def parse_head(
    head: bytes) -> tuple[str, str, str, _Fields, list[bytes]]: ...
def parse_host(host: str, /) -> str: ...
def parse_framing(version: str, fields: _Fields) -> _Framing: ...
def parse_absolute(target: str) -> tuple[str, str]: ...
def parse_chunk_size(line: bytes) -> int: ...
def bad_text(data: bytes, count: int) -> object: ...
def default_type(content_type: str) -> str: ...
def text_type(content_type: str) -> str: ...
def reason_phrase(status_code: int) -> str: ...
def status_line(status_code: int, reason: str | None = None) -> str: ...
def date_line() -> str: ...
def encode_field(lines: list[bytes], name: str, value: Any) -> None: ...
def encode_lines(lines: Sequence[bytes], check: object = ...) -> bytes: ...
def encode_head(
    res: Response, version: str, size: int | None,
    keep: bool) -> tuple[bytes, int | None, bool, bool]: ...


class Values(dict[str, _V]):
    kind: str | None
    def __getitem__(self, key: str) -> _V: ...
    @overload
    def setdefault(self, key: str, default: None = None) -> _V | None: ...
    @overload
    def setdefault(self, key: str, default: _V) -> _V: ...
    @overload  # type: ignore[override]
    def update(
        self, other_dict: Mapping[str, _V], **kwargs: _V) -> None: ...
    @overload
    def update(
        self, other_dict: Iterable[tuple[str, _V]] = (),
        **kwargs: _V) -> None: ...

class NoCaseDict(Values[_V]):
    """A dict whose keys are compared without regard to case. The spelling
    of a key that was set first is the one that iteration shows.

    ``keymap`` holds that spelling for each lower-case key.
    """
    keymap: dict[str, str]
    lines: Iterable[bytes]
    def getlist(self, key: str) -> list[Any]:
        """Return all values of *key* as a list: of a request those of all
        header lines of that name, where the server tells them apart (WSGI
        servers do not); of a response the items of a list.
        """
    def __init__(
        self, initial_dict: Mapping[str, _V] | None = None) -> None: ...
    def __setitem__(self, key: str, value: _V) -> None: ...
    def __getitem__(self, key: str) -> _V: ...
    def __delitem__(self, key: str) -> None: ...
    def __contains__(self, key: str) -> bool: ...  # type: ignore[override]
    @overload
    def get(self, key: str, default: None = None) -> _V | None: ...
    @overload
    def get(self, key: str, default: _D) -> _V | _D: ...
    @overload
    def setdefault(self, key: str, default: None = None) -> _V | None: ...
    @overload
    def setdefault(self, key: str, default: _V) -> _V: ...
    @overload
    def pop(self, key: str) -> _V: ...
    @overload
    def pop(self, key: str, default: _D, /) -> _V | _D: ...
    def copy(self) -> NoCaseDict[_V]: ...
    def update(  # type: ignore[override]
        self, other_dict: Mapping[str, _V] | Iterable[tuple[str, _V]] = (),
        **kwargs: _V) -> None: ...

class MultiDict(dict[str, list[_V]]):
    """A dict that keeps every value a key was given, in order.

    ``[key]`` and :meth:`get` give the first, :meth:`getlist` all of them;
    assigning adds one. As a plain dict it shows the lists.
    """
    kind: str | None
    def __init__(
        self, initial_dict: Mapping[str, _V] | None = None) -> None: ...
    @overload  # type: ignore[override]
    def setdefault(self, key: str, default: None = None) -> _V | None: ...
    @overload
    def setdefault(self, key: str, default: _V) -> _V: ...
    def update(  # type: ignore[override]
        self, other_dict: Mapping[str, _V] | Iterable[tuple[str, _V]] = (),
        **kwargs: _V) -> None: ...
    def __setitem__(  # type: ignore[override]
        self, key: str, value: _V) -> None: ...
    def __getitem__(self, key: str) -> _V: ...  # type: ignore[override]
    @overload  # type: ignore[override]
    def get(
        self, key: str, default: None = None, type: None = None,
        strict: bool = False) -> _V | None:
        """Return the first value of *key*.

        :param default: returned when there is none, or *type* refuses it.
        :param type: a callable that converts the value, such as ``int``.
        :param strict: whether what *type* refuses is answered with 400.
        """
    @overload
    def get(
        self, key: str, default: _D, type: None = None,
        strict: bool = False) -> _V | _D: ...
    @overload
    def get(
        self, key: str, default: None = None, *,
        type: Callable[[_V], _T], strict: bool = False) -> _T | None: ...
    @overload
    def get(
        self, key: str, default: _D,
        type: Callable[[_V], _T], strict: bool = False) -> _T | _D: ...
    @overload
    def getlist(self, key: str, type: None = None) -> list[_V]:
        """Return all values of *key*, converted by *type*, as a list.

        :raises ValueError: *type* refuses one.
        """
    @overload
    def getlist(
        self, key: str, type: Callable[[_V], _T]) -> list[_T]: ...

    def items_list(self) -> list[tuple[str, _V]]: ...
    def poplist(self, key: str) -> list[_V]: ...
    def setlist(self, key: str, values: Iterable[_V]) -> None: ...
    @overload
    def to_dict(self, flat: Literal[True] = True) -> dict[str, _V]: ...
    @overload
    def to_dict(self, flat: bool) -> dict[str, Any]: ...

class Stream:
    left: int
    data: bytes
    pos: int
    async def read(self, n: int = -1) -> bytes: ...
    async def readexactly(self, n: int) -> bytes:
        """Read *n* bytes.

        :raises EOFError: the body has fewer.
        :raises Disconnected: the peer ended before that.
        """
    async def readuntil(self, separator: bytes = b'\n') -> bytes: ...
    async def readline(self, separator: bytes = b'\n') -> bytes: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> bytes: ...

class AsyncBytesIO(Stream):
    stream: io.BytesIO
    def __init__(self, data: bytes) -> None: ...
    async def readexactly(self, n: int = -1) -> bytes: ...
    async def readline(self) -> bytes: ...  # type: ignore[override]
    async def readuntil(self, separator: bytes = b'\n') -> bytes: ...
    async def awrite(self, data: bytes) -> int: ...
    async def aclose(self) -> None: ...

# All but these methods, which request.sock and request.stream are for, is
# between the server and its connections.
class Connection(Stream):
    def __init__(
        self, app: Microdot, addr: Any,
        sock: _socket.socket | None = None) -> None: ...
    async def awrite(self, data: bytes) -> None: ...
    async def aclose(self) -> None: ...

class Request:
    """A request, as handlers get it.

    Attributes: ``app``, ``client_addr`` (host and port, or ``None``),
    ``method``, ``url`` (as received), ``path`` (percent-decoded),
    ``query_string`` (``None`` without one), ``http_version``, ``scheme``,
    ``headers`` (:class:`NoCaseDict`), ``args`` (:class:`MultiDict` of the
    query), ``cookies`` (dict), ``content_length`` (0 when not declared),
    ``content_type`` (or ``None``), ``g`` (free for the application),
    ``url_args``, ``url_prefix``, ``subapp``, ``route``, ``sock``; ``host``
    (as in ``Host``), ``absolute_url`` (with scheme and host), ``base_url``
    (that without the query);
    ``body``: the body as ``bytes``, empty when it was left on the stream;
    ``error``: in handlers of errors, the exception.

    :raises ValueError: the path of *url* is badly encoded.
    """
    max_content_length: int
    max_body_length: int
    max_readline: int
    max_header_size: int
    max_headers: int
    max_members: int
    max_fields: int

    class G:
        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...
        def __delattr__(self, name: str) -> None: ...

    app: Microdot
    client_addr: tuple[str, int] | None
    method: str
    url: str
    path: str
    query_string: str | None
    http_version: str
    scheme: str
    content_length: int
    content_type: str | None
    files: dict[str, Any] | None
    url_args: dict[str, Any]
    url_prefix: str
    root_path: str
    subapp: Microdot | None
    route: Callable[..., Any] | None
    sock: tuple[Any, Any] | None
    after_request_handlers: Sequence[Callable[..., Any]]
    body_used: bool
    held: int
    access: Any
    proxied: bool
    id: str | None
    error: BaseException | None
    exception: BaseException | None
    body: bytes
    source: Any
    entry: Route | None
    chain: tuple[Microdot, ...]
    vary: list[str] | None
    jobs: _Jobs | None
    route_path: str
    fields: _Fields
    header_lines: Iterable[bytes]
    # Built when first asked for.
    args: MultiDict[str]
    headers: NoCaseDict[str]
    cookies: dict[str, str]
    # On CPython, with Session(app).
    session: SessionDict
    host: str
    @property
    def absolute_url(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    g: G

    def __init__(
        self, app: Microdot, client_addr: tuple[str, int] | None,
        method: str, url: str, http_version: str,
        headers: Mapping[str, str] | tuple[_Fields, list[str]],
        body: bytes | None = None, stream: Any = None, sock: Any = None,
        url_prefix: str = '', subapp: Microdot | None = None,
        scheme: str | None = None,
        route: Callable[..., Any] | None = None) -> None: ...
    @staticmethod
    async def create(
        app: Microdot, client_reader: _Reader, client_writer: Any,
        client_addr: tuple[str, int] | None,
        scheme: str | None = None) -> Request | None: ...
    async def load(self, limit: int, most: int | None = None) -> None:
        """Take a small body into memory, before any handler asks for it. A
        chunked one counts as large where it might become so.

        :param limit: most bytes that a chunked body may have.
        :param most: bytes that are taken, ``max_body_length`` by default.
        :raises HTTPException: 503: see ``Microdot.max_bodies``.

        Middleware that wants the body calls it before it calls what is next.
        """
    @property
    def stream(self) -> Stream: ...
    @property
    def json(self) -> Any:
        """The body parsed as JSON, or ``None`` when it is of another type.

        :raises ValueError: not JSON: a :class:`MalformedBody`, 400.
        :raises HTTPException: 413: left on the stream.
        """
    @property
    def form(self) -> MultiDict[str] | None:
        """The fields of an URL-encoded form as a :class:`MultiDict`, or
        ``None`` when the body is of another type.

        :raises ValueError: badly encoded: a :class:`MalformedBody`, 400.
        :raises HTTPException: 413: left on the stream, or too many fields.
        """
    def after_request(self, f: _F) -> _F: ...
    def url_for(self, name: str, /, **args: Any) -> str:
        """Return the absolute URL of a route, at the scheme and host that
        this request was sent to. See :meth:`Microdot.url_for`.

        The host is the client's word. Where that is not to be trusted, as in
        a mail to somebody else, use a host of your own.
        """
    def after_response(
        self, f: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs,
    ) -> Callable[_P, _R]:
        """``after_response(f, *args, **kwargs)``: call ``f(*args, **kwargs)``
        once the response is out, or its client gone. Returns *f*.

        What is registered on the request and then what is on the response
        runs in that order, in a task of its own: neither the client nor its
        next request waits. On CPython a plain function runs in a thread. An
        error is logged, and the next one runs. The server ends when all is
        done, or cancels it after ``shutdown_timeout``.
        """
    def get_json(self) -> Any:
        """Return the body parsed as JSON.

        :raises HTTPException: 415: it is of another type; 413: left on the
                               stream.
        :raises ValueError: not JSON: a :class:`MalformedBody`, answered with
                            400 and on CPython line and column.
        """
    async def save(
        self, path: str | PathLike[str], max_size: int | None = None) -> int:
        """Write the body to a file in pieces, under another name until it is
        whole. A file of that name is replaced then, and stays otherwise.

        :param path: to be trusted: never take it from a request unchecked.
        :param max_size: bytes that the body may have, beside the
                         *max_content_length* of the route.
        :return: the size in bytes.
        :raises HTTPException: 413: it is larger. 507: there is no room.
        :raises OSError: the file cannot be written, or as
                         :class:`Disconnected` the client has left.
        :raises RuntimeError: the body has been read already.
        """
    async def is_disconnected(self) -> bool: ...

class BodyIterator:
    """The pieces of a body as an asynchronous iterator.

    :param body: a file-like object, an iterator, or on a board a generator.
    :param first: a piece already taken from it.
    """
    body: Any
    first: bytes | str | None
    def __init__(
        self, body: Any, first: bytes | str | None = None) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> bytes | str: ...
    async def aclose(self) -> None: ...

class Response:
    """A response.

    :param body: ``str``, ``bytes``, ``bytearray``, ``memoryview``; ``dict`` or
                 ``list``, sent as JSON; a generator, iterator or file-like
                 object, sync or async, sent in pieces; ``None`` for no body.
    :param status_code: the status; ``None`` as body makes 200 a 204.
    :param headers: a dict; a list as value is sent as several fields.
    :param reason: the reason phrase, when it is not the standard one.
    """
    types_map: dict[str, str]
    send_file_buffer_size: int
    default_content_type: str
    default_send_file_max_age: int | None
    json_encoder: Callable[[Any], Any] | None
    already_handled: Response

    status_code: int
    headers: NoCaseDict[Any]
    reason: str | None
    body: _Body
    is_head: bool
    size: int | None

    def __init__(
        self, body: _Body = b'', status_code: int = 200,
        headers: Mapping[str, Any] | None = None,
        reason: str | None = None) -> None: ...
    def set_cookie(
        self, cookie: str, value: object, path: str | None = None,
        domain: str | None = None,
        expires: str | float | _date_type | None = None,
        max_age: float | timedelta | None = None, secure: bool = False,
        http_only: bool = False, partitioned: bool = False,
        same_site: str | None = None) -> None:
        """Add a cookie. A value with blanks, commas, quotes or backslashes
        is quoted, and ``Request.cookies`` has it without the quotes.

        :param expires: an HTTP date, a ``datetime`` (UTC when naive), or
                        seconds: from now, or as of ``time.time()`` where
                        that is after September 2001 (10^9).
        :param max_age: seconds to keep it, rounded down, or a ``timedelta``.
        :param same_site: ``'Strict'``, ``'Lax'`` or ``'None'``.
        :raises ValueError: a part would not be a part of that cookie any
                            more: it has a semicolon or a control character,
                            or the name is not a token. Or *same_site* is
                            something else.
        """
    def delete_cookie(self, cookie: str, **kwargs: Any) -> None: ...
    tagged: bool
    file: tuple[Any, str] | None
    forgotten: bool
    def etag(self) -> Self: ...
    def complete(self) -> None: ...
    async def write(self, stream: _AsyncWriter) -> None: ...
    def map_pieces(self, f: Callable[[bytes], bytes]) -> None:
        """Send ``f(piece)`` for each piece of the body.

        A body in memory is one piece, and one without bytes is none. What has
        been streamed goes through *f* as it comes, and is sent without
        ``Content-Length``, since *f* may change how long it is.

        :param f: a plain function from ``bytes`` to ``bytes``; it runs in the
                  event loop. A piece that becomes empty is not sent.
        """
    def body_iter(self) -> AsyncIterator[Any]:
        """Return the body as an asynchronous iterator of pieces.

        :raises TypeError: the body is nothing that can be sent.
        """
    @classmethod
    def redirect(
        cls, location: str, status_code: int = 302) -> Self:
        """Redirect to another URL, which is percent-encoded where needed.

        :raises ValueError: it holds CR or LF.
        """
    @classmethod
    def send_file(
        cls, filename: str | PathLike[str], status_code: int = 200,
        content_type: str | None = None, stream: Any = None,
        max_age: int | None = None, compressed: bool | str = False,
        file_extension: str = '', download_name: str | None = None,
        disposition: str | None = None) -> Self:
        """Send a file. The name is trusted: never take it from a request
        unchecked.

        On CPython a file of a name has ``ETag`` and ``Last-Modified``, and is
        answered as :func:`microdot.static.serve_file` does: by 304, or by one
        range of it.

        :param content_type: found by the extension of *download_name* or
                             *filename* if omitted.
        :param stream: a file-like object to send instead.
        :param max_age: seconds that it may be cached.
        :param compressed: the file is: ``True`` for gzip, or the name of the
                           coding. Nothing is compressed here.
        :param file_extension: added to the name when opening the file.
        :param download_name: the name under which a browser saves it
                              (RFC 6266), of any characters.
        :param disposition: ``'inline'`` for a browser to show it under that
                            name, or ``'attachment'``.
        :raises HTTPException: 404: there is no such file. 403: it may not be
                               read.
        """
    # of microdot.background
    def after_response(
        self, f: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs,
    ) -> Callable[_P, _R]: ...

def redirect(location: str, status_code: int = 302) -> Response: ...
def send_file(
    filename: str | PathLike[str], status_code: int = 200,
    content_type: str | None = None, stream: Any = None,
    max_age: int | None = None, compressed: bool | str = False,
    file_extension: str = '', download_name: str | None = None,
    disposition: str | None = None) -> Response: ...
def load_json(text: str) -> Any: ...
def dump_json(value: Any) -> bytes: ...
def to_bytes(data: Any) -> bytes: ...
def too_large(req: Request | None) -> HTTPException: ...
async def close_body(body: Any) -> None: ...
def make_response(result: Any) -> Response:
    """Make a :class:`Response` of what a handler returned.

    A response, a body, a status code, or a tuple ``(body, status)``,
    ``(body, headers)``, ``(body, status, headers)``, ``(status,)`` or
    ``(status, headers)``.
    """

async def next_piece(iterator: Any) -> Any: ...


class URLPattern:
    """The pattern of a route, such as ``/users/<int:id>/<path:rest>``.

    A parameter is ``<name>`` or ``<type:name>``; a segment may have text
    around one, as in ``/user-<id>.json``. Types: ``string``, ``int``,
    ``float``, ``path`` (several segments, once in a pattern),
    ``re:EXPRESSION``, and registered ones; by :mod:`microdot.patterns` also
    ``uuid``, ``date``, ``any(a,b)``, and several in a segment: ``/<a>-<b>``.
    """
    max_regex_length: int
    segment_parsers: dict[str, Callable[[str], Any]]
    segment_patterns: dict[str, str]
    url_pattern: str
    segments: list[str | tuple[
        str, str | tuple[str, ...], Callable[[str], Any], str]] | None
    names: list[str]
    static: str | None
    def __init__(self, url_pattern: str) -> None: ...
    @classmethod
    def register_type(
        cls, type_name: str, pattern: str = '[^/]+',
        parser: Callable[[str], Any] | None = None) -> None:
        """Add a type of parameter.

        :param pattern: a regular expression for the whole value.
        :param parser: converts the value; returns ``None`` or raises
                       ``ValueError`` for no match.
        """
    def compile(self) -> None: ...
    def match(self, path: str) -> dict[str, Any] | None:
        """Match a path.

        :return: a dict of arguments, or ``None``.
        """

class Route(NamedTuple):
    methods: list[str]
    pattern: URLPattern
    handler: Callable[..., Any]
    url_prefix: str
    subapp: Microdot | None
    chain: tuple[Microdot, ...]
    max_content_length: int | None
    name: str | None
    host: Host | None
    place: int
    max_body_length: int | None

class Microdot:
    max_connections: int
    reserved_connections: int
    max_requests: int
    head_timeout: float | None
    keep_alive_timeout: float | None
    stall_timeout: float | None
    min_rate: float | None
    rate_window: float
    max_bodies: int | None
    body_bytes: int
    shutdown_timeout: float | None
    drain_size: int
    drain_timeout: float
    sweep_interval: float

    before_request_handlers: list[Callable[..., Any]]
    after_request_handlers: list[Callable[..., Any]]
    after_error_request_handlers: list[Callable[..., Any]]
    startup_handlers: list[Callable[[], Any]]
    shutdown_handlers: list[Callable[[], Any]]
    error_handlers: dict[int | type[BaseException], Callable[..., Any]]
    options_handler: Callable[[Request], dict[str, str]] | None
    debug: bool
    streams: int
    running: int
    starting: bool
    shutdowns: int
    servers: list[Server]
    counters: dict[str, int]
    connections: set[Connection]
    g: Request.G
    routes: list[Route]
    finishers: list[Callable[[Request | None, Response], Response | None]]
    # CPython's
    request_attributes: dict[str, Callable[[Request], Any]]
    debug_pages: DebugPages | None
    # only to say what is meant
    def __call__(self, *args: Any) -> Any: ...
    wrappers: list[_Wrapper]
    stack: list[Callable[
        [Microdot, Request, HTTPException | None], Awaitable[Response]]]
    mounts: tuple[tuple[Microdot, str, bool, str | None, Host | None], ...]
    background: Background | None
    # CPython
    on_run: Callable[[Microdot], None] | None
    max_threads: int
    root_path: str
    redirect_slashes: bool
    json_errors: bool

    def __init__(self) -> None: ...
    @overload
    def middleware(self, f: _F, before_routing: bool = False) -> _F:
        """Decorator: call ``f(request, call_next)`` around the handling of
        each request. See :mod:`microdot.middleware`.

        :param before_routing: whether *f* may change ``request.path``, for
                               the route to be that of the new one.
        """
    @overload
    def middleware(
        self, f: None = None, before_routing: bool = False
    ) -> Callable[[_F], _F]: ...
    def url_for(self, name: str, /, **args: Any) -> str:
        """Return the path of a route, percent-encoded.

        :param name: the route's: given with ``name=``, or that of its
                     function. Those of an application mounted with a name
                     follow that name and a colon. Of several, the first that
                     fits.
        :param args: a value for each parameter of the pattern.
        :raises ValueError: there is no such route, or the values do not fit.
        """
    async def finish_background(self) -> None: ...
    @property
    def url_map(self) -> list[_Route]: ...
    @url_map.setter
    def url_map(self, value: list[_Route]) -> None: ...
    def route(
        self, url_pattern: str, methods: Sequence[str] | None = None,
        max_content_length: int | None = None,
        name: str | None = None,
        middleware: Sequence[Callable[..., Any]] | None = None,
        max_body_length: int | None = None) -> Callable[[_H], _H]:
        """Decorator: call ``f(request, **arguments)`` for matching requests.

        :param url_pattern: see :class:`URLPattern`.
        :param methods: a list, ``['GET']`` by default.
        :param max_content_length: bytes of a body, in place of
                                   ``Request.max_content_length``.
        :param name: for ``url_for``, that of the function by default.
        :param middleware: a list of what goes around this route alone, see
                           :meth:`middleware`.
        :param max_body_length: bytes of a body that is kept in memory, in
                                place of ``Request.max_body_length``. Without
                                *max_content_length* no body of so many is
                                refused.
        :raises ValueError: the pattern is malformed.
        """
    def get(
        self, url_pattern: str, **kwargs: Any) -> Callable[[_H], _H]: ...
    def post(
        self, url_pattern: str, **kwargs: Any) -> Callable[[_H], _H]: ...
    def put(
        self, url_pattern: str, **kwargs: Any) -> Callable[[_H], _H]: ...
    def patch(
        self, url_pattern: str, **kwargs: Any) -> Callable[[_H], _H]: ...
    def delete(
        self, url_pattern: str, **kwargs: Any) -> Callable[[_H], _H]: ...
    def query(
        self, url_pattern: str, **kwargs: Any) -> Callable[[_H], _H]: ...
    def before_request(self, f: _F) -> _F: ...
    def after_request(self, f: _F) -> _F: ...
    def after_error_request(self, f: _F) -> _F: ...
    def errorhandler(
        self, status_code_or_exception_class: int | type[BaseException],
    ) -> Callable[[_F], _F]: ...
    def on_startup(self, f: _F) -> _F: ...
    # CPython
    def lifespan(self, f: _F) -> _F:
        """Decorator: run an async generator around serving, up to its one
        ``yield`` at the start, and the rest at the end. Several begin in
        order, and end in the reverse one.

        :raises TypeError: it is no async generator.
        """
    def on_shutdown(self, f: _F) -> _F: ...
    def mount(
        self, subapp: Microdot, url_prefix: str = '',
        local: bool = False, name: str | None = None,
        host: str | None = None) -> None:
        """Make the routes of another application this one's, now and later.

        :param url_prefix: put before its patterns.
        :param local: whether its before, after and error handlers remain its
                      own. Otherwise they apply to all of this application.
        :param name: put before the names of its routes, with a colon.
        :param host: the only host that they are for, as
                     ``'<name>.example.com'``; see :mod:`microdot.hosts`.
        """
    def register(self, name: str, value: Any, key: Any = None) -> None: ...
    def wrap_dispatch(
        self, wrapper: _Wrapper, outermost: bool = False) -> None:
        """Have ``await wrapper(request, call_next)`` called in place of the
        handling of each request, also of one that no route matches.

        ``await call_next(request)`` gives the :class:`Response` of what is
        inside, or raises an exception that no error handler takes. What the
        wrapper raises is answered as what a handler raises. The first
        registered is the outermost. What a mounted application registers
        applies to all of its parent, unless mounted with ``local=True``: then
        to the requests that it answers.

        :param outermost: whether it goes around those that are there.
        """
    def find(
        self, path: str, method: str, req: Request | None = None,
        routes: Sequence[Route] | None = None) -> _Found: ...
    def match(self, req: Request) -> _Found: ...
    def is_unknown(self, method: str) -> bool: ...
    def find_route(
        self, req: Request) -> tuple[_Target, str, Microdot | None]: ...
    def default_options_handler(self, req: Request) -> dict[str, str]: ...
    def get_request_handlers(
        self, req: Request | None, attr: str,
        local_first: bool = True) -> list[Callable[..., Any]]: ...
    async def error_response(
        self, req: Request | None, status_code: int,
        reason: str | None = None) -> Any: ...
    def log_exception(
        self, req: Request | None, exc: BaseException) -> None: ...
    async def handle(self, req: Request) -> Response: ...
    async def answer_error(
        self, req: Request | None, exc: Exception,
        last: bool = True) -> Response: ...
    def plain_error(
        self, req: Request | None, exc: BaseException) -> Response: ...
    def complete(self, req: Request | None, res: Response) -> Response: ...
    def answered(self, req: Request | None, res: Response) -> None: ...
    async def dispatch_request(
        self, req: Request | None,
        error: HTTPException | None = None) -> Response: ...
    def refuse(self, exc: Exception) -> HTTPException: ...
    def check_streams(self) -> None: ...
    async def start_up(self) -> None: ...
    async def shut_down(self) -> list[Exception]: ...
    async def handle_request(self, reader: Any, writer: Any) -> None: ...
    @overload
    def start_server(
        self, host: str = '0.0.0.0', port: int = 5000, debug: bool = False,
        ssl: _ssl.SSLContext | _TLSFiles | None = None,
        start_serving: Literal[True] = True,
    ) -> Coroutine[Any, Any, None]:
        """Serve until :meth:`shutdown`, beside whatever else runs; to be
        awaited. May be called again meanwhile, for another address.

        :param host: the address to bind.
        :param port: the port; 0 lets the system choose one (CPython).
        :param debug: whether to print a line per request and, on CPython, to
                      answer errors by the pages of :mod:`microdot.debug`.
        :param ssl: an ``SSLContext``, for TLS; on CPython also the names of
                    two files in PEM form, the certificate and its key.
        :param start_serving: if false, return a bound :class:`Server`, whose
                              ``serve()`` is to be awaited.
        :raises OSError: the address cannot be bound, or a file not be read.
        :raises ValueError: the port is out of range.
        """
    @overload
    def start_server(
        self, host: str = '0.0.0.0', port: int = 5000, debug: bool = False,
        ssl: _ssl.SSLContext | _TLSFiles | None = None, *,
        start_serving: Literal[False],
    ) -> Coroutine[Any, Any, Server]: ...
    def run(
        self, host: str = '0.0.0.0', port: int = 5000, debug: bool = False,
        ssl: _ssl.SSLContext | _TLSFiles | None = None,
        banner: bool = True, root_path: str = '') -> None:
        """Serve until :meth:`shutdown` or Ctrl-C. The arguments are those of
        :meth:`start_server`, and on CPython ``banner``: whether to say on
        stderr where it listens, true by default; and ``root_path``: the
        prefix under which a proxy has the application.

        :raises SystemExit: on CPython, that cannot be done. Says why on
                            stderr, unless caught, and sets exit status 1.
        """
    def shutdown(self) -> None: ...
    @staticmethod
    def abort(
        status_code: int, reason: str | None = None,
        headers: Mapping[str, Any] | None = None) -> NoReturn: ...

class Server:
    """What serves an application on one address, or for a gateway that has
    the sockets: connections, deadlines, and the task that accepts. It knows no
    routes. The limits are those of the application.

    :param listeners: sockets that listen.
    :param ssl: an ``SSLContext``, for TLS.
    """
    app: Microdot
    ssl: _ssl.SSLContext | None
    listeners: Sequence[_socket.socket]
    closing: bool
    ticks: int
    hurried: bool
    sweeping: Any
    event: Any
    flag: Any
    taken: Sequence[tuple[_socket.socket, Any]]
    def __init__(
        self, app: Microdot, listeners: Sequence[_socket.socket] = (),
        ssl: _ssl.SSLContext | None = None) -> None: ...
    async def serve_requests(
        self, conn: Connection,
        error: HTTPException | None = None) -> bool: ...
    async def prepare(
        self, req: Request | None, res: Response, version: str, keep: bool,
    ) -> tuple[
        bytes, AsyncIterator[Any] | None, bytes, int | None, bool,
        bool | None]: ...
    async def sweep(self) -> None: ...
    def own(self) -> list[Connection]: ...
    async def serve(self) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...
    # on CPython only
    @property
    def sockets(self) -> tuple[_socket.socket, ...]: ...
    @property
    def port(self) -> int: ...
    def is_serving(self) -> bool: ...
    async def start_serving(self) -> None: ...
    async def serve_forever(self) -> None: ...
    async def wait_closed(self) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *args: object) -> None: ...

def listen(host: str | None, port: int) -> list[_socket.socket]: ...

async def accept(
    listener: _socket.socket, server: Server,
) -> tuple[_socket.socket, Any]: ...
def peer_address(addr: Any) -> tuple[str, int] | None: ...

connection_class: type[Connection]

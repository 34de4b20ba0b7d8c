from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar

from typing_extensions import TypeAlias

_F = TypeVar('_F', bound=Callable[..., Any])
_Extra: TypeAlias = Literal['ignore', 'forbid']

class Field:
    """A rule with bounds.

    :param rule: ``str``, ``int``, ``float``, ``bool``, ``dict``, ``list``,
                 ``object`` (anything), ``[rule]``, a tuple of choices, or
                 ``{'name': rule, 'optional?': rule}``; on CPython also a
                 class or a type. May be omitted in
                 ``Annotated[str, Field(max=80)]``.
    :param min: the least number, or length of a text or list.
    :param max: the greatest.
    :param pattern: a regular expression that the whole text matches. Needs
                    *max*.
    :param default: for a missing value. If it is ``None``, null is taken too.
    :raises ValueError: *pattern* without *max*, or *max* is over
                        :attr:`max_pattern`.
    """

    max_depth: int
    max_length: int
    max_faults: int
    max_pattern: int
    max_tries: int
    rule: Any
    min: Any
    max: Any
    pattern: Any
    default: Any
    source: str | None
    def __init__(
        self, rule: Any = ..., min: Any = None, max: Any = None,
        pattern: str | None = None, default: Any = ...) -> None: ...

class Spec(NamedTuple):
    rule: Any
    extra: _Extra

def check_value(
    value: Any, rule: Any, at: list[str | int],
    errors: list[dict[str, Any]]) -> Any: ...
def fault_of(value: Any, rule: Any, field: Any) -> str | None: ...
def check(
    value: Any, rule: Any, extra: _Extra = 'ignore'
) -> tuple[Any, list[dict[str, Any]]]: ...
def spec_of(handler: Any) -> dict[str, Spec]: ...
def with_body(
    rule: Any, extra: _Extra = 'ignore') -> Callable[[_F], _F]: ...
def with_query(
    rule: Any, extra: _Extra = 'ignore') -> Callable[[_F], _F]: ...
def with_form(
    rule: Any, extra: _Extra = 'ignore') -> Callable[[_F], _F]: ...

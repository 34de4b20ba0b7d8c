"""What ``validation`` has on CPython: classes, unions, dates, and speed.

A rule is made once, when a handler is decorated, into a *checker*: a function
``f(value, faults, depth)`` that returns the value as the rule has it and adds
to the :class:`Faults`. Where a value is wrong is known to whoever holds it, so
the path of a fault is put together on the way back, by :func:`_add_key`, and
a value without faults costs no path.
"""
import copy
import dataclasses
import datetime
import decimal
import enum
import functools
import json
import math
import re
import sys
import types
import typing
import uuid
import weakref

from ._mistakes import check_value_taken
from .microdot import (
    HTTPException,
    Request,
    abort,
    invoke_handler,
)

try:
    import orjson
except ImportError:
    orjson = None

#: What takes the place of what ``validation`` has on boards, or is added.
__all__ = ['Field', 'Spec', 'check', 'spec_of', 'with_body', 'with_form',
           'with_query']

_MISSING = ...
#: What values of a type are called in errors, as on boards.
NAMES = {str: 'text', int: 'an integer', float: 'a number', list: 'a list',
         bool: 'true/false', dict: 'an object'}


class Field:
    """A rule with bounds.

    :param rule: see the guide. May be omitted in
                 ``Annotated[str, Field(max=80)]``.
    :param min: the least number, or length of a text or list.
    :param max: the greatest.
    :param pattern: an expression that the whole text matches. Needs *max*.
    :param default: for a missing value. If it is ``None``, null is taken too.
    :raises ValueError: *pattern* without *max*, or *max* is over
                        :attr:`max_pattern`.
    """
    __module__ = __package__ + '.validation'    # where programs find it

    #: Levels of objects and lists: more is a fault.
    max_depth = 32
    #: Characters of a text and items of a list that have no *max*.
    max_length = 100000
    #: Faults that are told of a request, at most.
    max_faults = 50
    #: The largest *max* beside a *pattern*.
    max_pattern = 10000
    #: Members of unions that are tried for one request: more is a fault.
    #: Without this bound, unions of classes that hold each other take time
    #: that doubles with each level.
    max_tries = 1000

    min = max = pattern = None
    default = _MISSING

    def __init__(self, rule=object, min=None, max=None, pattern=None,
                 default=_MISSING):
        self.rule = rule
        self.min = min
        self.max = max
        self.default = default
        if pattern:
            if not 0 < (max or 0) <= self.max_pattern:
                raise ValueError('a pattern needs a max of 1 to %d' %
                                 self.max_pattern)
            self.pattern = re.compile('^(?:' + pattern + ')$')
        #: The text of the pattern, or ``None``.
        self.source = pattern


class Faults(list):
    """The faults of one value: dicts of ``at`` and ``error``."""

    tries = 0   # members of unions so far


def _add(faults, error, *at):
    if len(faults) < Field.max_faults:
        faults.append({'at': list(at), 'error': error})


def _add_key(faults, count, key):
    # What has been added since there were so many lies below that key.
    for fault in faults[count:]:
        fault['at'].insert(0, key)


# --- Rules, from what is written --------------------------------------------

@dataclasses.dataclass
class Member:
    """An item of an object."""

    name: str           # as in JSON
    rule: object
    required: bool
    #: Makes the value of a missing one, unless the class does.
    default: object = _MISSING
    attribute: str = ''     # as the class names it


def unwrap(rule):
    """Return a rule without ``Annotated``, ``Required`` and the like, and the
    :class:`Field` around it, or ``None``.

    ``Annotated[str, Field(max=80)]`` is a field whose rule is ``str``. Of
    several, as an alias has them, the outer one counts where both say
    something. The bounds of a union are those of its members.
    """
    field = None
    while True:
        origin = typing.get_origin(rule)
        if isinstance(rule, Field):
            field = _join(field, rule)
            rule = rule.rule
        elif origin is typing.Annotated:
            for extra in reversed(typing.get_args(rule)[1:]):
                if isinstance(extra, Field):
                    field = _join(field, extra)
            rule = typing.get_args(rule)[0]
        elif getattr(origin, '_name', None) in (
                'Required', 'NotRequired', 'ReadOnly'):
            rule = typing.get_args(rule)[0]
        elif isinstance(rule, typing.NewType):
            rule = rule.__supertype__
        elif origin in _UNIONS and field and _has_bounds(field):
            return _bound_members(rule, field)
        else:
            return rule, field


_UNIONS = typing.Union, types.UnionType


def _has_bounds(field):
    return (field.min, field.max, field.pattern) != (None, None, None)


def _join(outer, inner):
    # One Field that says what two say, which are around each other.
    if outer is None:
        return inner
    return Field(
        min=inner.min if outer.min is None else outer.min,
        max=inner.max if outer.max is None else outer.max,
        pattern=outer.source or inner.source,
        default=inner.default if outer.default is _MISSING else outer.default)


def _bound_members(rule, field):
    # Annotated[int | None, Field(min=1)]: None has no bounds, and int has.
    args = typing.get_args(rule)
    bounds = Field(min=field.min, max=field.max, pattern=field.source)
    bounded = [typing.Annotated[one, bounds] if _types_of_bounds(one) else one
               for one in args]
    if bounded == list(args):
        return rule, field  # no rule: the Maker says so
    return typing.Union[tuple(bounded)], Field(default=field.default)


def _types_of_bounds(rule):
    """Return of what types the bounds of a rule are, or ``()`` for a rule
    that has neither a value nor a length."""
    rule = unwrap(rule)[0]
    kind = typing.get_origin(rule) or (
        list if isinstance(rule, list) else rule)
    if kind in (int, float, decimal.Decimal):
        return int, float, decimal.Decimal
    if kind in (str, list, set, frozenset, tuple) or \
            kind is dict and typing.get_args(rule):
        return (int,)
    return (kind,) if isinstance(kind, type) and kind in CONVERTED else ()


def _see_bounds(rule, field):
    """See that the bounds of a field are some that its rule can have.

    :raises ValueError: they are not, and nothing would check them.
    """
    if not _has_bounds(field):
        return
    kinds = _types_of_bounds(rule)
    if not kinds:
        raise ValueError(
            'min, max and pattern are for numbers, dates, texts and lists, '
            'not for %s' % ('an unnamed rule: write Field(int, ...)'
                            if rule is object else '%r' % (rule,)))
    if field.pattern and rule is not str:
        raise ValueError('a pattern is for text, not for %r' % (rule,))
    for name in ('min', 'max'):
        bound = getattr(field, name)
        if bound is not None and not isinstance(bound, kinds):
            raise ValueError('the %s of %r is of the type %s, not %r' % (
                name, rule, kinds[0].__name__, bound))


def default_of(rule):
    """Return the default of a rule, or ``...`` if there is none."""
    field = unwrap(rule)[1]
    return _MISSING if field is None else field.default


def is_model(rule):
    """Tell what library checks values of a class: ``'pydantic'``,
    ``'msgspec'`` or ``None``."""
    # (who has such a class has imported the library: it is not imported here,
    # where that takes longer than all else)
    for name, base in (('pydantic', 'BaseModel'), ('msgspec', 'Struct')):
        base = getattr(sys.modules.get(name), base, None)
        if base and isinstance(rule, type) and issubclass(rule, base):
            return name
    return None


def members_of(rule):
    """Return the :class:`Member` objects of a rule for objects, or ``None``
    if it is no such rule.

    :raises ValueError: a key or a type is not one that is known.
    """
    if isinstance(rule, dict):
        return [_dict_member(key, rule[key]) for key in rule]
    if not isinstance(rule, type):
        return None
    if dataclasses.is_dataclass(rule):
        return _dataclass_members(rule)
    if is_typed_dict(rule):
        hints = _hints(rule)
        return [Member(name, hints[name], _is_required(rule, name, hints),
                       default_of(hints[name]), name) for name in hints]
    if hasattr(rule, '__attrs_attrs__'):
        return _attrs_members(rule)
    if is_model(rule) == 'msgspec':
        hints = _hints(rule)
        return [Member(field.encode_name, hints[field.name], field.required,
                       _MISSING, field.name)
                for field in sys.modules['msgspec'].structs.fields(rule)]
    return None


def _see_default(rule, name, default):
    # (elsewhere a field with bounds is written as the default)
    if isinstance(default, Field):
        raise ValueError(
            '%s.%s has a Field as its default, which would bound nothing; '
            'write %s: Annotated[int, Field(...)], with its own type' % (
                rule.__name__, name, name))


def _dataclass_members(rule):
    hints = _hints(rule)
    for field in dataclasses.fields(rule):
        _see_default(rule, field.name, field.default)
    members = [Member(field.name, hints[field.name],
                      field.default is dataclasses.MISSING and
                      field.default_factory is dataclasses.MISSING and
                      default_of(hints[field.name]) is _MISSING,
                      default_of(hints[field.name]), field.name)
               for field in dataclasses.fields(rule) if field.init]
    # what __post_init__() alone gets is no field; a default is the class's
    return members + [
        Member(name, hint.type, not hasattr(rule, name), _MISSING, name)
        for name, hint in hints.items()
        if isinstance(hint, dataclasses.InitVar)]


def _attrs_members(rule):
    hints = _hints(rule)
    for one in rule.__attrs_attrs__:
        _see_default(rule, one.name, one.default)
    # (attrs has its own word for "no default")
    return [Member(one.alias, hints[one.name],
                   repr(one.default) == 'NOTHING', _MISSING, one.alias)
            for one in rule.__attrs_attrs__ if one.init]


def is_typed_dict(rule):
    """Tell whether a rule is a ``TypedDict``, of whatever module."""
    return isinstance(rule, type) and issubclass(rule, dict) and \
        hasattr(rule, '__required_keys__')


def _is_required(rule, name, hints):
    # (with annotations kept as text, __required_keys__ has all)
    word = getattr(typing.get_origin(hints[name]), '_name', '')
    return default_of(hints[name]) is _MISSING and (
        word == 'Required' or
        word != 'NotRequired' and name in rule.__required_keys__)


def _hints(rule):
    try:
        return typing.get_type_hints(rule, include_extras=True)
    except NameError as exc:
        raise ValueError('%s names a type that is not known where the '
                         'handler is decorated: %s' % (
                             rule.__name__, exc)) from exc


def _dict_member(key, rule):
    if not isinstance(key, str):
        raise ValueError('%r is no key of JSON' % (key,))
    name = key.rstrip('?')
    default = default_of(rule)
    return Member(name, rule, name == key and default is _MISSING, default,
                  name)


# --- Checkers ---------------------------------------------------------------

def _text(field, make=None, name='text'):
    least = field.min or 0
    most = field.max
    pattern = field.pattern and field.pattern.fullmatch

    def check_text(value, faults, depth):
        if type(value) is not str:
            _add(faults, 'must be ' + name)
        elif len(value) > (Field.max_length if most is None else most):
            _add(faults, 'length is over %s' % (
                Field.max_length if most is None else most))
        elif len(value) < least:
            _add(faults, 'length is under %s' % least)
        elif pattern and not pattern(value):
            _add(faults, 'is malformed')
        return value

    return check_text


def _number(kind, field, name):
    least = field.min
    most = field.max

    def check_number(value, faults, depth):
        if type(value) is not kind:
            if kind is not float or type(value) is not int:
                _add(faults, 'must be ' + name)
                return value
            try:
                value = float(value)
            except OverflowError:
                _add(faults, 'must be ' + name)
                return value
        if kind is float and not math.isfinite(value):
            _add(faults, 'must be ' + name)
        elif most is not None and value > most:
            _add(faults, 'is over %s' % most)
        elif least is not None and value < least:
            _add(faults, 'is under %s' % least)
        return value

    return check_number


def _exactly(kind, name):
    def check_type(value, faults, depth):
        if not isinstance(value, kind):
            _add(faults, 'must be ' + name)
        return value

    return check_type


def _anything(value, faults, depth):
    return value


def _nothing(value, faults, depth):
    if value is not None:
        _add(faults, 'must be null')
    return value


def pairs_of(values):
    """Return what JSON has for each of some values, and the value: members
    of enumerations, also in a ``Literal``, are sent as what they stand for."""
    return [(one.value if isinstance(one, enum.Enum) else one, one)
            for one in values]


def _choice(pairs, text):
    if not pairs:
        raise ValueError('there is nothing to choose from')
    # pairs: what is sent, and what the handler gets. (1 equals True)
    found = {(str(sent) if text else (type(sent), sent)): value
             for sent, value in pairs}
    error = 'must be ' + ' or '.join(str(sent) for sent, _ in pairs)

    def check_choice(value, faults, depth):
        try:
            return found[value if text else (type(value), value)]
        except (KeyError, TypeError):
            _add(faults, error)
            return value

    return check_choice


def _converted(parse, name, field):
    # What JSON has as text and Python as an object.
    def check_converted(value, faults, depth):
        try:
            value = parse(value)
        except (ValueError, TypeError, ArithmeticError):
            _add(faults, 'must be ' + name)
            return value
        try:
            if field.max is not None and value > field.max:
                _add(faults, 'is over %s' % field.max)
            elif field.min is not None and value < field.min:
                _add(faults, 'is under %s' % field.min)
        except TypeError:
            # (one of them has an offset, and the other has none)
            _add(faults, 'must have an offset from UTC'
                 if value.tzinfo is None else 'must have no offset from UTC')
        return value

    return check_converted


_TIME = r'\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?'
_is_time = re.compile(_TIME, re.A | re.I).fullmatch
_is_datetime = re.compile(
    r'\d{4}-\d\d-\d\d[T ]' + _TIME, re.A | re.I).fullmatch
_is_date = re.compile(r'\d{4}-\d\d-\d\d', re.A).fullmatch
_is_uuid = re.compile(
    r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', re.A | re.I).fullmatch
# (an exponent makes a number that takes gigabytes as an integer)
_is_decimal = re.compile(r'-?\d{1,100}(\.\d{1,100})?', re.A).fullmatch


def _iso(text):
    # As RFC 3339 has it. Before Python 3.11 fromisoformat() knows no "Z", and
    # fractions of three or six digits alone.
    text = text.upper().replace('Z', '+00:00')
    time, dot, fraction = text.partition('.')
    if dot:
        digits = re.match(r'\d+', fraction)[0]
        text = '%s.%s%s' % (
            time, digits.ljust(6, '0'), fraction[len(digits):])
    return text


def _only(matches, parse):
    def parse_text(value):
        if not isinstance(value, str) or not matches(value):
            raise ValueError('of another form')
        return parse(value)

    return parse_text


def _parse_decimal(value):
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError('not a number')
    if isinstance(value, float):
        value = format(decimal.Decimal(repr(value)), 'f')
    elif isinstance(value, int):
        value = str(value)
    if not _is_decimal(value):
        raise ValueError('not a number')
    return decimal.Decimal(value)


#: What JSON has no type for: how to parse it, and what it is called.
CONVERTED = {
    datetime.datetime: (_only(_is_datetime, lambda text:
                              datetime.datetime.fromisoformat(_iso(text))),
                        'a date and time'),
    datetime.date: (_only(_is_date, datetime.date.fromisoformat), 'a date'),
    datetime.time: (_only(_is_time, lambda text:
                          datetime.time.fromisoformat(_iso(text))), 'a time'),
    uuid.UUID: (_only(_is_uuid, uuid.UUID), 'a UUID'),
    decimal.Decimal: (_parse_decimal, 'a number'),
}


def _items(check, field, make):
    least = field.min or 0

    def check_items(value, faults, depth):
        if type(value) is not list:
            _add(faults, 'must be a list')
            return value
        most = Field.max_length if field.max is None else field.max
        if depth > Field.max_depth:
            _add(faults, 'is too deep')
        elif len(value) > most:
            _add(faults, 'length is over %s' % most)
        elif len(value) < least:
            _add(faults, 'length is under %s' % least)
        else:
            depth += 1
            count = len(faults)
            result = []
            for item in value:
                result.append(check(item, faults, depth))
                if len(faults) > count:
                    _add_key(faults, count, len(result) - 1)
                    count = len(faults)
            if make is list:
                return result
            try:
                return make(result)
            except TypeError:
                _add(faults, 'has items that no set may have')
        return value

    return check_items


def _mapping(check_key, check, field):
    least = field.min or 0

    def check_mapping(value, faults, depth):
        if not isinstance(value, dict):
            _add(faults, 'must be an object')
            return value
        if depth > Field.max_depth:
            _add(faults, 'is too deep')
            return value
        if len(value) > (Field.max_length if field.max is None
                         else field.max):
            _add(faults, 'length is over %s' % (
                Field.max_length if field.max is None else field.max))
            return value
        if len(value) < least:
            _add(faults, 'length is under %s' % least)
            return value
        result = {}
        for key, item in value.items():
            count = len(faults)
            key_made = check_key(key, faults, depth)
            result[key_made] = check(item, faults, depth + 1)
            if len(faults) > count:
                _add_key(faults, count, key[:64])
        return result

    return check_mapping


def _is_list(rule):
    rule = unwrap(rule)[0]
    if typing.get_origin(rule) in _UNIONS:
        return any(_is_list(one) for one in typing.get_args(rule))
    return isinstance(rule, list) or (typing.get_origin(rule) or rule) in (
        list, set, frozenset, tuple)


def _object(rule, extra, text, make_checker):
    """Make the checker of a rule that has members."""
    members = members_of(rule)
    steps = [(member.name, make_checker(member.rule), member.attribute,
              member.required, member.default, text and _is_list(member.rule))
             for member in members]
    names = frozenset(member.name for member in members)
    make = rule if isinstance(rule, type) and not is_typed_dict(rule) \
        else None

    def check_object(value, faults, depth):
        if not isinstance(value, dict):
            _add(faults, 'must be an object')
            return value
        if depth > Field.max_depth:
            _add(faults, 'is too deep')
            return value
        depth += 1
        start = count = len(faults)
        result = {}
        for name, check, attribute, required, default, several in steps:
            if name in value:
                item = value[name]
                if several and type(item) is str:
                    item = value.getlist(name) \
                        if hasattr(value, 'getlist') else [item]
                result[attribute] = check(item, faults, depth)
                if len(faults) > count:
                    _add_key(faults, count, name)
                    count = len(faults)
            elif required:
                _add(faults, 'is missing', name)
                count = len(faults)
            elif default is not _MISSING:
                # (requests share no list or dict, nor one in it)
                result[attribute] = copy.deepcopy(default) \
                    if hasattr(default, 'copy') else default
        if extra == 'forbid' and not names >= value.keys():
            for name in value:
                if name not in names:
                    _add(faults, 'is unknown', name[:64])
        if make and len(faults) == start and start < Field.max_faults:
            try:
                return make(**result)
            except ValueError as exc:
                # from __post_init__(), or a validator of attrs
                _add(faults, str(exc) or 'is not valid')
        return result

    return check_object


def _union(checks, names):
    error = 'must be ' + ' or '.join(names)

    def check_union(value, faults, depth):
        start = len(faults)
        deepest = []
        for check in checks:
            faults.tries += 1
            if start >= Field.max_faults or faults.tries > Field.max_tries:
                _add(faults, 'is too complex')
                return value
            result = check(value, faults, depth)
            if len(faults) == start:
                return result
            found = faults[start:]
            del faults[start:]
            # A value of the right kind, with a fault inside or beyond a
            # bound, is told more of than that it is not of another kind.
            if any(fault['at'] or not fault['error'].startswith('must ')
                   for fault in found):
                deepest.append(found)
        if len(deepest) == 1:
            faults.extend(deepest[0])
        else:
            _add(faults, error)
        return value

    return check_union


def _optional(check, text):
    def check_optional(value, faults, depth):
        if value is None or text and value == '':
            return None
        return check(value, faults, depth)

    return check_optional


def _parsed(check):
    # A number or bool that comes as text, in a query or form.
    def check_parsed(value, faults, depth):
        if type(value) is str:
            if value == 'on':
                # (browsers send this for a box that is ticked)
                value = True
            elif len(value) < 400:
                try:
                    value = json.loads(value)
                except ValueError:
                    pass
        return check(value, faults, depth)

    return check_parsed


def _pydantic(rule, text):
    """Make the checker for a class of pydantic."""
    validator = rule.__pydantic_validator__
    for name, field in rule.model_fields.items():
        _see_default(rule, name, field.default)
    lists = [name for name, field in rule.model_fields.items()
             if text and _is_list(field.annotation)]
    error_class = sys.modules['pydantic'].ValidationError

    def check_pydantic(value, faults, depth):
        try:
            if text:
                return validator.validate_python(_without_text(value, lists))
            # (what it takes from JSON differs from what it takes from Python)
            return validator.validate_json(json.dumps(value))
        except error_class as exc:
            for error in exc.errors(include_url=False, include_input=False,
                                    include_context=False):
                _add(faults, error['msg'], *error['loc'])
        return value

    return check_pydantic


def _msgspec(rule, text):
    """Make the checker for a class of msgspec."""
    msgspec = sys.modules['msgspec']
    lists = [member.name for member in members_of(rule)
             if text and _is_list(member.rule)]
    try:
        # msgspec tells one fault, this all that it knows
        check = _object(rule, 'ignore', text, Maker(text=text).make)
    except ValueError:
        check = _anything  # a type that only msgspec knows

    def check_msgspec(value, faults, depth):
        try:
            return msgspec.convert(_without_text(value, lists), rule,
                                   strict=not text)
        except msgspec.ValidationError as exc:
            count = len(faults)
            check(value, faults, depth)
            if len(faults) == count:
                _add(faults, *_parse_msgspec(str(exc)))
        return value

    return check_msgspec


def _parse_msgspec(text):
    # "Expected `str`, got `int` - at `$.tags[2]`"
    text, _, path = text.partition(' - at `$')
    return (text, *(
        int(part[1:-1]) if part[1:-1].isdigit() else part.strip('.[]')
        for part in re.findall(r'\.[^.\[`]+|\[[^\]`]*\]', path)))


def _without_text(value, lists):
    # A MultiDict as a dict, with all values of those that are lists.
    if not hasattr(value, 'getlist'):
        return value
    return {name: value.getlist(name) if name in lists else value[name]
            for name in value}


class Maker:
    """Makes checkers.

    :param extra: ``'ignore'`` or ``'forbid'``.
    :param text: whether all values are text, as in queries and forms.
    """
    def __init__(self, extra='ignore', text=False):
        if extra not in ('ignore', 'forbid'):
            raise ValueError("extra is 'ignore' or 'forbid', not %r" % (
                extra,))
        self.extra = extra
        self.text = text
        self.made = {}     # by the rule's identity
        self.level = 0

    def make(self, rule):
        """Return the checker of a rule.

        :raises ValueError: there is no such rule.
        """
        rule, field = unwrap(rule)
        if field:
            _see_bounds(rule, field)
        check = self._make(rule, field or Field)
        if field and field.default is None:
            return _optional(check, self.text)
        return check

    def _make(self, rule, field):
        if self.text and self.level and (
                rule is dict or members_of(rule) is not None):
            raise ValueError('a query or form has no objects in it: %r' % (
                rule,))
        for make in (self._make_plain, self._make_converted,
                     self._make_generic, self._make_class):
            found = make(rule, field)
            if found:
                return found
        raise ValueError('%r is no rule' % (rule,))

    def _make_plain(self, rule, field):
        # What JSON has itself.
        if rule in (None, type(None)):
            return _nothing
        if rule is object or rule is typing.Any:
            return _anything
        if rule is bool:
            return self._from_text(_exactly(bool, NAMES[bool]))
        if rule is str:
            return _text(field)
        if rule in (int, float):
            return self._from_text(_number(rule, field, NAMES[rule]))
        if rule is dict:
            return _exactly(dict, NAMES[dict])
        return None

    def _make_converted(self, rule, field):
        # What is text or a number in JSON.
        if isinstance(rule, tuple):
            return _choice(pairs_of(rule), self.text)
        if isinstance(rule, type) and rule in CONVERTED:
            return _converted(*CONVERTED[rule], field)
        if isinstance(rule, type) and issubclass(rule, enum.Enum):
            return _choice(pairs_of(rule), self.text)
        return None

    def _make_class(self, rule, field):
        library = is_model(rule)
        if library:
            if self.extra != 'ignore':
                raise ValueError('%s says itself whether keys may be unknown'
                                 % rule.__name__)
            return (_pydantic if library == 'pydantic' else _msgspec)(
                rule, self.text)
        if members_of(rule) is not None:
            return self._once(rule, lambda: _object(
                rule, self.extra, self.text, self._inner))
        return None

    def _from_text(self, check):
        return _parsed(check) if self.text else check

    def _make_generic(self, rule, field):
        origin = typing.get_origin(rule) or rule
        args = typing.get_args(rule)
        if origin is typing.Literal:
            return _choice(pairs_of(args), self.text)
        if origin in _UNIONS:
            return self._make_union(args)
        if isinstance(rule, list):
            if len(rule) != 1:
                raise ValueError('a list of one rule is expected: %r' % (
                    rule,))
            return self._once(rule, lambda: _items(
                self._inner(rule[0]), field, list))
        if origin is tuple and (len(args) != 2 or args[1] is not ...):
            raise ValueError('of tuples, tuple[type, ...] is known: %r' % (
                rule,))
        if origin in (list, set, frozenset, tuple):
            return _items(self._inner(args[0] if args else object), field,
                          origin)
        if origin is dict:
            if not args:
                return _exactly(dict, NAMES[dict])  # typing.Dict
            # (JSON has keys of text alone, numbers too)
            return _mapping(Maker(self.extra, text=True).make(args[0]),
                            self._inner(args[1]), field)
        return None

    def _inner(self, rule):
        self.level += 1
        try:
            return self.make(rule)
        finally:
            self.level -= 1

    def _make_union(self, args):
        others = [one for one in args if one is not type(None)]
        if len(others) == 1:
            check = self.make(others[0])
        else:
            check = _union([self.make(one) for one in others],
                           [name_of(one) for one in others])
        return check if len(others) == len(args) \
            else _optional(check, self.text)

    def _once(self, rule, make):
        # A class, dict or list may hold itself.
        key = id(rule)
        if key in self.made:
            return lambda *args: self.made[key](*args)
        self.made[key] = None
        self.made[key] = check = make()
        return check


def name_of(rule):
    """Return what a value of a rule is called in an error."""
    rule = unwrap(rule)[0]
    if isinstance(rule, tuple):
        return _names_of(rule)
    if typing.get_origin(rule) is typing.Literal:
        return _names_of(typing.get_args(rule))
    if isinstance(rule, type) and rule in CONVERTED:
        return CONVERTED[rule][1]
    if _is_list(rule):
        return NAMES[list]
    try:
        return NAMES[rule]
    except (KeyError, TypeError):
        pass
    if isinstance(rule, type) and issubclass(rule, enum.Enum):
        return _names_of(rule)
    return NAMES[dict]


def _names_of(values):
    return ' or '.join(str(sent) for sent, _ in pairs_of(values))


def check(value, rule, extra='ignore'):
    """Check a value, as JSON has it, outside a request. On CPython.

    :param extra: ``'forbid'`` makes faults of keys that the rule lacks.
    :return: the value as the rule has it, and the faults: a list of dicts of
             ``at``, the keys and indexes that lead there, and ``error``.
    :raises ValueError: there is no such rule.
    """
    faults = Faults()
    value = Maker(extra).make(rule)(value, faults, 1)
    return value, list(faults)


# --- Requests ---------------------------------------------------------------

def _no_constant(name):
    raise ValueError(name + ' is not JSON')


_decode = json.JSONDecoder(parse_constant=_no_constant).decode


def parse_json(data):
    """Parse JSON in ``bytes``: UTF-8, with or without a byte order mark.

    :raises HTTPException: 400, with line and column where there are any.
    """
    if data[:3] == b'\xef\xbb\xbf':
        data = data[3:]
    try:
        if orjson:
            return orjson.loads(data)
        value = _decode(data.decode())
        if b'\\u' in data:
            # half of a surrogate pair is no text, and cannot be sent
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except json.JSONDecodeError as exc:
        abort(400, 'not JSON: %s, line %d, column %d' % (
            exc.msg, exc.lineno, exc.colno))
    except RecursionError:
        abort(400, 'not JSON: nested too deep')
    except ValueError as exc:
        abort(400, 'not JSON: %s' % exc)


@functools.lru_cache(maxsize=64)
def is_json(content_type):
    """Tell whether a ``Content-Type`` is JSON (RFC 6839, section 3.1)."""
    kind = content_type.partition(';')[0].strip().lower()
    return kind == 'application/json' or kind.endswith('+json')


def _json_body(request):
    # Returns the body of a request, in bytes.
    content_type = request.content_type
    if not content_type or len(content_type) > 200 or \
            not is_json(content_type):
        abort(415, 'the body must be of the type application/json')
    body = request.body
    if not body:
        try:
            request.json  # noqa: B018 - 413 if it was left on the stream
        except ValueError:
            pass
        abort(400, 'not JSON: the body is empty')
    return body


def _read_body(rule, extra):
    """Make a function that takes a request, and returns the value and the
    faults."""
    check_value = Maker(extra).make(rule)
    model = is_model(rule)

    def read(request):
        faults = Faults()
        return check_value(
            parse_json(_json_body(request)), faults, 1), faults

    def read_msgspec(request):
        body = _json_body(request)
        try:
            return decode(body), ()
        except (ValueError, RecursionError):
            # again, for all faults at once and for where they are
            return read(request)

    def read_pydantic(request):
        body = _json_body(request)
        # (what pydantic takes for JSON has NaN and infinity)
        if b'NaN' not in body and b'Infinity' not in body:
            try:
                return from_json(body), ()
            except ValueError:
                pass  # again, for whether it is JSON, and where not
        return read(request)

    if model == 'msgspec':
        decode = sys.modules['msgspec'].json.Decoder(rule).decode
        return read_msgspec
    if model == 'pydantic':
        from_json = rule.__pydantic_validator__.validate_json
        return read_pydantic
    return read


def _read_pairs(where, attribute, rule, extra):
    if members_of(unwrap(rule)[0]) is None and not is_model(rule):
        raise ValueError('a %s is checked by a dict or a class' % where)
    check_value = Maker(extra, text=True).make(rule)

    def read(request):
        faults = Faults()
        value = getattr(request, attribute)
        if value is None:
            abort(415, 'the body must be a form')
        return check_value(value, faults, 1), faults

    return read


class Spec(typing.NamedTuple):
    """What a handler takes: a rule, and whether unknown keys are faults."""

    rule: object
    extra: str


_specs: typing.Any = weakref.WeakKeyDictionary()


def spec_of(handler):
    """Return what a handler takes, by the decorators of this module: a dict
    of ``'body'``, ``'query'`` and ``'form'`` to a ``Spec`` of ``rule`` and
    ``extra``."""
    found = {}
    while handler is not None:
        try:
            found.update(_specs.get(handler, ()))
        except TypeError:
            break  # nothing that could have been decorated
        handler = getattr(handler, '__func__', None) or getattr(
            handler, '__wrapped__', None)
    return found


def problem(request, faults):
    """Return the :class:`HTTPException` that faults are answered with."""
    if not getattr(request.app, 'json_errors', False):
        return HTTPException(422, {'errors': faults})
    return HTTPException(422, {
        'type': 'about:blank', 'title': 'Unprocessable Content',
        'status': 422, 'detail': 'the %s does not fit' % (
            faults[0]['at'][0]), 'errors': faults},
        {'Content-Type': 'application/problem+json'})


def _decorate(where, rule, extra, read):
    spec = Spec(rule, extra)

    def decorated(f):
        check_value_taken(f, where, 'with_' + where)

        @functools.wraps(f)
        async def wrapper(*args, **kwargs):
            # (the methods of a view have their object before it)
            request = args[0]
            if not isinstance(request, Request):
                request = args[1]
            value, faults = read(request)
            if faults:
                _add_key(faults, 0, where)
                raise problem(request, list(faults))
            kwargs[where] = value
            return await invoke_handler(f, *args, **kwargs)

        _specs[wrapper] = {where: spec}
        return wrapper

    return decorated


def with_body(rule, extra='ignore'):
    """Decorator for a handler: it gets the body, checked, as ``body=``.

    A body of another type than JSON is answered with 415, what is not JSON
    with 400, and what does not fit with 422 and all faults.

    :param rule: a dict, a class, a type, or a :class:`Field`.
    :param extra: ``'forbid'`` makes faults of keys that the rule lacks.
    :raises ValueError: there is no such rule.
    :raises TypeError: the handler takes no ``body``.
    """
    return _decorate('body', rule, extra, _read_body(rule, extra))


def with_query(rule, extra='ignore'):
    """Decorator for a handler: it gets the query, checked, as ``query=``.

    :param rule: a dict or a class.
    :raises ValueError: there is no such rule, or it has objects in it.
    :raises TypeError: the handler takes no ``query``.
    """
    return _decorate('query', rule, extra,
                     _read_pairs('query', 'args', rule, extra))


def with_form(rule, extra='ignore'):
    """Decorator for a handler: it gets a form, checked, as ``form=``. A body
    that is no form is answered with 415.

    :param rule: a dict or a class.
    :raises ValueError: there is no such rule, or it has objects in it.
    :raises TypeError: the handler takes no ``form``.
    """
    return _decorate('form', rule, extra,
                     _read_pairs('form', 'form', rule, extra))

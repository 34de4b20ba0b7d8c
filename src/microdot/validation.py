"""Bodies, queries and forms that are checked before a handler sees them.

A rule is ``str``, ``int``, ``float``, ``bool``, ``dict``, ``list``, ``object``
(anything), ``[rule]``, a tuple of choices, a dict such as ``{'name': rule,
'optional?': rule}``, or a :class:`Field`. What only CPython needs is in the
sibling ``_models``: classes, unions, dates. There its functions take the place
of those here, which remain what they are compared with.
"""
import re

from .microdot import Request, abort, invoke_handler, load_json


class Field:
    """A rule with bounds.

    :param rule: may be omitted in ``Annotated[str, Field(max=80)]``.
    :param min: the least number, or length of a text or list.
    :param max: the greatest.
    :param pattern: an expression that the whole text matches. Needs *max*.
    :param default: for a missing value. If it is ``None``, null is taken too.
    :raises ValueError: *pattern* without *max*, or on boards with over 200.
    """
    #: Levels of objects and lists: more is a fault.
    max_depth = 8
    #: Characters of a text and items of a list that have no *max*.
    max_length = 1000
    #: Faults that are told of a request, at most.
    max_faults = 8
    #: The largest *max* beside a *pattern*: boards run out of stack.
    max_pattern = 200

    min = max = pattern = None
    default = ...  # there is none

    def __init__(self, rule=object, min=None, max=None, pattern=None,
                 default=...):
        self.rule = rule
        self.min = min
        self.max = max
        self.default = default
        if pattern:
            if not 0 < (max or 0) <= self.max_pattern:
                raise ValueError('pattern needs max')
            self.pattern = re.compile('^(?:' + pattern + ')$')


_NAMES = {str: 'text', int: 'an integer', float: 'a number', list: 'a list',
          bool: 'true/false', dict: 'an object'}


def _check(value, rule, at, faults, extra):
    # Returns the value as the rule has it, and adds to the faults. A rule
    # that is text is a fault itself.
    field = Field
    if isinstance(rule, Field):
        field = rule
        rule = field.rule
    kind = rule if isinstance(rule, type) else type(rule)
    text = at[0] != 'body'  # all values are
    if field.default is None and (value is None or text and value == ''):
        return None
    try:
        if kind is tuple:
            return _choose(value, rule, text)
        if text and kind in (int, float, bool):
            # (browsers send "on" for a box that is ticked)
            try:
                value = value == 'on' or load_json(value)
            except ValueError:
                pass
        inner = kind is not rule and isinstance(value, kind)
        if inner and len(at) > Field.max_depth:
            raise ValueError('is too deep')
        value = _fit(value, rule, kind, field)
        if not inner:
            return value
    except ValueError as exc:
        faults.append({'at': at, 'error': exc.args[0]})
        if len(faults) >= Field.max_faults:
            abort(422, {'errors': faults})
        return value
    if kind is dict:
        return _check_object(value, rule, at, faults, extra)
    return [_check(value[i], rule[0], at + [i], faults, extra)
            for i in range(len(value))]


def _check_object(value, rules, at, faults, extra):
    result = {}
    for key in rules:
        rule = rules[key]
        name = key.rstrip('?')
        item = getattr(rule, 'default', ...)
        if name in value:
            item = value[name]
            if hasattr(value, 'getlist') and \
                    type(getattr(rule, 'rule', rule)) is list:
                item = value.getlist(name)
            item = _check(item, rule, at + [name], faults, extra)
        elif hasattr(item, 'copy'):
            item = item.copy()
        elif item is ... and name == key:
            _check(0, 'is missing', at + [name], faults, extra)
        if item is not ...:
            result[name] = item
    if extra == 'forbid':
        for key in value:
            if key not in rules and key + '?' not in rules:
                _check(0, 'is unknown', at + [key[:64]], faults, extra)
    return result


def _choose(value, rule, text):
    for choice in rule:
        # (1 equals True)
        if str(choice) == value if text else \
                choice == value and type(choice) is type(value):
            return choice
    raise ValueError('must be ' + ' or '.join(map(str, rule)))


def _fit(value, rule, kind, field):
    # Returns a value, or raises a ValueError that tells what is wrong with it.
    if kind is str and rule is not str:
        raise ValueError(rule)
    if kind is float and type(value) is int:
        value = float(value)
    # (1 - 1 == 0, but neither NaN nor infinity are)
    if not isinstance(value, kind) or \
            type(value) is bool and kind not in (bool, object) or \
            kind is float and value - value != 0:
        raise ValueError('must be ' + _NAMES[kind])
    unit = ''
    size = value
    most = field.max
    if kind in (str, list):
        size = len(value)
        unit = 'length '
        if most is None:
            most = Field.max_length
    if most is not None and size > most:
        raise ValueError(unit + 'is over %s' % most)
    if field.min is not None and size < field.min:
        raise ValueError(unit + 'is under %s' % field.min)
    if field.pattern and not field.pattern.match(value):
        raise ValueError('is malformed')
    return value


def with_body(rule, extra='ignore', where='body', attribute='json'):
    """Decorator for a handler: it gets the body, checked, as ``body=``.

    A body of another type than JSON is answered with 415, what is not JSON
    with 400, faults with 422.

    :param extra: ``'forbid'`` makes faults of keys that the rule lacks.
    """
    def decorated(f):
        async def wrapper(*args, **kwargs):
            # (the methods of a view have their object before it)
            request = args[not isinstance(args[0], Request)]
            value = getattr(request, attribute)
            if value is None:
                abort(415)
            faults = []
            kwargs[where] = _check(value, rule, [where], faults, extra)
            if faults:
                abort(422, {'errors': faults})
            return await invoke_handler(f, *args, **kwargs)
        return wrapper
    return decorated


def with_query(rule, extra='ignore'):
    """The same for the query, as ``query=``."""
    return with_body(rule, extra, 'query', 'args')


def with_form(rule, extra='ignore'):
    """The same for a form, as ``form=``."""
    return with_body(rule, extra, 'form', 'form')


try:
    import dataclasses  # noqa: F401
except ImportError:
    pass  # boards
else:
    from ._models import *  # noqa: F403

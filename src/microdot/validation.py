"""Bodies, queries and forms that are checked before a handler sees them.

A rule is ``str``, ``int``, ``float``, ``bool``, ``dict``, ``list``, ``object``
(anything), ``[rule]``, a tuple of choices, a dict such as ``{'name': rule,
'optional?': rule}``, or a :class:`Field`. What only CPython needs is in the
sibling ``_models``: classes, unions, dates. There its functions take the place
of those here, which remain what they are compared with.
"""
import json
import re
import sys

from .microdot import Request, abort, invoke_handler


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


def _check(value, rule, at, faults, extra):
    # Returns the value as the rule has it, and adds to the faults.
    field = Field
    if isinstance(rule, Field):
        field = rule
        rule = field.rule
    text = at[0] != 'body'  # all values are
    if field.default is None and (value is None or text and value == ''):
        return None
    inner = None
    error = None
    if value is ...:
        error = 'is missing'
    elif rule is None:
        error = 'is unknown'
    elif type(rule) is tuple:
        for choice in rule:
            # (1 equals True)
            if str(choice) == value if text else \
                    choice == value and type(choice) is type(value):
                return choice
        error = 'must be ' + ' or '.join(map(str, rule))
    elif rule is not object:
        if type(rule) in (dict, list):
            inner = rule
            rule = type(rule)
        if text and rule in (int, float, bool):
            # (browsers send "on" for a box that is ticked)
            try:
                value = value == 'on' or json.loads(value)
            except ValueError:
                pass
        if rule is float and type(value) is int:
            value = float(value)
        # (1 - 1 == 0, but neither NaN nor infinity are)
        if not isinstance(value, rule) or type(value) is bool is not rule \
                or rule is float and value - value != 0:
            error = 'must be ' + _NAMES[rule]
        elif inner is not None and len(at) > Field.max_depth:
            error = 'is too deep'
        else:
            error = _misfit(value, field)
    if error:
        if len(faults) < Field.max_faults:
            faults.append({'at': at, 'error': error})
    elif inner and rule is list:
        return [_check(value[i], inner[0], at + [i], faults, extra)
                for i in range(len(value))]
    elif inner is not None:
        return _check_object(value, inner, at, faults, extra)
    return value


def _check_object(value, rules, at, faults, extra):
    result = {}
    for key in rules:
        rule = rules[key]
        name = key.rstrip('?')
        item = value.get(name, ...)
        if hasattr(value, 'getlist') and item is not ... and \
                type(getattr(rule, 'rule', rule)) is list:
            item = value.getlist(name)
        default = getattr(rule, 'default', ...)
        if item is not ... or name == key and default is ...:
            item = _check(item, rule, at + [name], faults, extra)
        elif hasattr(default, 'copy'):
            item = default.copy()
        else:
            item = default
        if item is not ...:
            result[name] = item
    if extra == 'forbid':
        for key in value:
            if key not in rules and key + '?' not in rules:
                _check(0, None, at + [key[:64]], faults, extra)
    return result


def _misfit(value, field):
    # Returns which bound a value is beyond, or None.
    unit = ''
    most = field.max
    if isinstance(value, (str, list)):
        if field.pattern and len(value) <= most:
            match = field.pattern.match(value)
            # (CPython: $ also matches before a last newline)
            if not match or match.group(0) != value:
                return 'is malformed'
        value = len(value)
        unit = 'length '
        if most is None:
            most = Field.max_length
    if isinstance(value, dict):
        return None
    if most is not None and value > most:
        return unit + 'is over %s' % most
    if field.min is not None and value < field.min:
        return unit + 'is under %s' % field.min


_NAMES = {str: 'text', int: 'an integer', float: 'a number', list: 'a list',
          bool: 'true/false', dict: 'an object'}


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


if sys.implementation.name not in ('micropython', 'circuitpython'):
    from ._models import (  # noqa: F401 - for those who import this
        Field,
        Spec,
        check,
        spec_of,
        with_body,
        with_form,
        with_query,
    )

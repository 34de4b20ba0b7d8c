"""Bodies, queries and forms that are checked before a handler sees them.

A rule is ``str``, ``int``, ``float``, ``bool``, ``dict``, ``list``, ``object``
(anything), ``[rule]``, a tuple of choices, a dict such as ``{'name': rule,
'optional?': rule}``, or a :class:`Field`.

What is here is for boards, with ``fields`` beside it for bounds, queries and
forms, which is loaded when a program has such. On CPython the sibling
``_models`` takes the place of all of it, and has more: classes, unions, dates,
unknown keys that are faults.
"""
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
    #: Characters of a text and items of a list that have no *max*.
    max_length = 1000
    #: Faults that are told of a request, at most.
    max_faults = 8
    #: The largest *max* beside a *pattern*: boards run out of stack.
    max_pattern = 200

    def __init__(self, *args, **bounds):
        from .fields import set_bounds
        set_bounds(self, *args, **bounds)


def check_value(value, rule, at, errors):
    # Returns the value as the rule has it, and adds to the errors. It calls
    # itself as deep as the rule is, whatever the value is.
    field = rule
    rule = getattr(field, 'rule', field)
    if value is None and hasattr(field, 'nullable'):
        return None
    if rule is float and type(value) is int:
        value = float(value)
    error = fault_of(value, rule, field)
    if error:
        if len(errors) < Field.max_faults:
            errors.append({'at': at, 'error': error})
    elif type(rule) is list:
        result = []
        for item in value:
            result.append(check_value(
                item, rule[0], at + [len(result)], errors))
        return result
    elif type(rule) is dict:
        result = {}
        for key in rule:
            name = key.rstrip('?')
            if name in value:
                result[name] = check_value(
                    value[name], rule[key], at + [name], errors)
            elif hasattr(rule[key], 'make'):
                result[name] = rule[key].make()
            elif name == key:
                errors.append({'at': at + [name], 'error': 'is missing'})
        return result
    return value


def fault_of(value, rule, field):
    # Returns what is wrong with a value, or None. What is in it comes later.
    if type(rule) is tuple:
        # (1 equals True, but their texts differ)
        if repr(value) not in map(repr, rule):
            return 'must be ' + ' or '.join(map(str, rule))
        return None
    kind = rule if isinstance(rule, type) else type(rule)
    # (boards: True is no int; 1 - 1 == 0, but neither NaN nor infinity are)
    if not isinstance(value, kind) or kind is float and value - value != 0:
        return 'must be ' + ('text' if kind is str else kind.__name__)
    if field is not rule:
        return field.fault_of(field, value)
    if kind in (str, list) and len(value) > Field.max_length:
        return 'length is over %d' % Field.max_length


def with_body(rule, name='body', read=None):
    """Decorator for a handler: it gets the body, checked, as ``body=``.

    A body of another type than JSON is answered with 415, what is not JSON
    with 400, faults with 422.
    """
    def decorated(f):
        async def handler(*args, **kwargs):
            # (the methods of a view have their object before it)
            request = args[not isinstance(args[0], Request)]
            # (json, as get_json() is in a module of its own)
            value = read(request) if read else request.json
            if value is None:
                abort(415)
            errors = []
            kwargs[name] = check_value(value, rule, [name], errors)
            if errors:
                abort(422, {'errors': errors})
            return await invoke_handler(f, *args, **kwargs)
        return handler
    return decorated


try:
    import dataclasses  # noqa: F401
except ImportError:
    def __getattr__(name):
        # boards: with_query and with_form
        from . import fields
        return getattr(fields, name)
else:
    from ._models import *  # noqa: F403

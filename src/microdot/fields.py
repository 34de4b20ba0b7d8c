"""What boards load of ``validation`` when a rule has bounds, or when a query
or a form is checked: ``Field``, ``with_query`` and ``with_form``."""
import re

from .microdot import load_json
from .validation import Field, with_body


def set_bounds(field, rule=object, min=None, max=None, pattern=None,
               default=...):
    """Make a :class:`Field` of its arguments.

    :raises ValueError: *pattern* without *max*, or with one that is over
                        :attr:`Field.max_pattern`.
    """
    field.rule = rule
    field.min = min
    field.max = max
    field.pattern = pattern
    if default is not ...:
        # (requests do not share a list or dict)
        field.make = getattr(default, 'copy', lambda: default)
    if default is None:
        field.nullable = True
    field.fault_of = fault_of
    if pattern:
        if not 0 < (max or 0) <= Field.max_pattern:
            raise ValueError('pattern needs max')
        field.pattern = re.compile('^(?:' + pattern + ')$')


def fault_of(field, value):
    """Return which bound a value of the right type exceeds, or ``None``."""
    unit = ''
    most = field.max
    size = value
    if isinstance(value, (str, list)):
        size = len(value)
        unit = 'length '
        if most is None:
            most = Field.max_length
    if most is not None and size > most:
        return unit + 'is over %s' % most
    if field.min is not None and size < field.min:
        return unit + 'is under %s' % field.min
    if field.pattern and not field.pattern.match(value):
        return 'is malformed'


def from_text(text, rule):
    """Return what JSON would have for the text of a query or form. What is
    none of the rule stays text, and is a fault."""
    if text == '' and hasattr(rule, 'nullable'):
        return None
    rule = getattr(rule, 'rule', rule)
    if type(rule) is tuple:
        for choice in rule:
            if str(choice) == text:
                return choice
    if rule in (int, float, bool):
        try:
            # (browsers send "on" for a box that is ticked)
            value = text == 'on' or load_json(text)
        except ValueError:
            return text
        if value is not None:
            return value
    return text


def from_pairs(pairs, rules):
    """Return a dict of what a query or form has for the keys of a rule."""
    values = {}
    for key in rules:
        name = key.rstrip('?')
        rule = getattr(rules[key], 'rule', rules[key])
        if name in pairs:
            values[name] = from_text(pairs[name], rules[key])
            if type(rule) is list:
                # (a dict is that of a form with files)
                values[name] = [from_text(text, rule[0]) for text in (
                    pairs.getlist(name) if hasattr(pairs, 'getlist')
                    else [pairs[name]])]
    return values


def with_query(rule):
    """Decorator for a handler: it gets the query, checked, as ``query=``."""
    return with_body(rule, 'query',
                     lambda request: from_pairs(request.args, rule))


def with_form(rule):
    """The same for a form, as ``form=``. Another body is answered with 415.
    """
    def read(request):
        form = request.form
        return form if form is None else from_pairs(form, rule)

    return with_body(rule, 'form', read)

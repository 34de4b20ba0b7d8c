"""JSON, of what CPython has and boards have not."""
import json
import logging
import math
import weakref
from typing import Any

from .. import microdot as core
from ..microdot import HTTPException

try:
    import orjson
except ImportError:
    orjson = None

logger = logging.getLogger('microdot.error')


def is_record(value):
    """Tell whether *value* is an instance of a dataclass."""
    return hasattr(type(value), '__dataclass_fields__')


def record_form(record):
    """Return the fields of a dataclass's instance as a dict."""
    from dataclasses import fields
    return {field.name: getattr(record, field.name)
            for field in fields(record)}


# To know whether a program has put its own in the place of it.
_library_default = json.JSONEncoder.default


def json_default(value):
    """Return what stands in JSON for an object that has no form there.

    :raises TypeError: nothing does.
    """
    # (programs that need none of these do not wait for their import)
    from datetime import date, time
    from decimal import Decimal
    from enum import Enum
    from uuid import UUID
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return list(value)
    if is_record(value) and not isinstance(value, type):
        return record_form(value)
    encoder = core.Response.json_encoder
    if encoder:
        return encoder(value)
    if json.JSONEncoder.default is not _library_default:
        return json.JSONEncoder().default(value)  # a program's own
    raise TypeError('%s has no form in JSON: see Response.json_encoder' %
                    type(value).__name__)


def without_record(result):
    """Return what a handler returned, with a dict in place of an instance of
    a dataclass, unless that is one of the bodies that are sent in pieces."""
    body = result[0] if isinstance(result, tuple) and result else result
    if not is_record(body) or isinstance(body, (type, str, dict)) or \
            hasattr(body, '__iter__') or hasattr(body, '__aiter__') or \
            hasattr(body, 'read'):
        return result
    form = record_form(body)
    return (form, *result[1:]) if isinstance(result, tuple) else form


def with_orjson(fallback):
    """Make a ``dump_json`` of orjson, if that can be imported. What orjson
    refuses, such as keys that are numbers, is for *fallback*."""
    if not orjson:
        return fallback

    def dump(value):
        try:
            data = orjson.dumps(value, json_default)
        except TypeError:
            return fallback(value)
        if b'null' in data:
            tell_lost(value)
        return data
    return dump


# All applications, by their ids: what makes a body does not know its own.
applications: Any = weakref.WeakValueDictionary()


def tell_lost(value):
    """Under debug, say for which number of a body ``null`` is sent."""
    if any(app.debug for app in list(applications.values())):
        lost = find_lost(value, 'body')
        if lost:
            logger.warning('JSON has no form for %s: null is sent for %s',
                           *lost)


def find_lost(value, where):
    """Return the first number that JSON has no form for, and where it is, as
    an expression; ``None`` without one."""
    if isinstance(value, float):
        return None if math.isfinite(value) else (value, where)
    pairs = value.items() if isinstance(value, dict) else enumerate(value) \
        if isinstance(value, (list, tuple)) else ()
    for key, item in pairs:
        lost = find_lost(item, '%s[%r]' % (where, key))
        if lost:
            return lost
    if is_record(value) and not isinstance(value, type):
        return find_lost(record_form(value), where)
    return None


def finite(value):
    """Return *value* with ``None`` for numbers that JSON has not."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if value is None or isinstance(value, (str, int)):
        return value
    return finite(json_default(value))


def too_large(req):
    """Return the error for a body that is too large. It names the setting that
    suffices: what is parsed as a whole has to be in memory too."""
    text = 'Payload too large, see Request.max_content_length'
    kind = req and req.content_type and req.content_type.lower() or ''
    if '/json' in kind or '+json' in kind or 'x-www-form' in kind:
        text = 'Payload too large, over Request.max_content_length: ' \
            'max_body_length= of the route suffices'
    return HTTPException(413, text)


def load_json(text):
    """Return what JSON text stands for.

    :raises MalformedBody: it is none.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as exc:
        where = exc.msg, exc.lineno, exc.colno
    except (ValueError, RecursionError):
        # a number of too many digits; nested too deep
        raise core.MalformedBody('The body is not JSON') from None
    raise core.MalformedBody(
        'The body is not JSON: %s, line %d, column %d' % where)


def slow_json(value):
    """The ``dump_json`` for what is rare: numbers that JSON has not, and text
    that UTF-8 has not.

    :raises ValueError: *value* contains itself.
    """
    text = json.dumps(value, ensure_ascii=False, default=json_default)
    try:
        json.dumps(value, default=json_default, allow_nan=False)
    except ValueError:
        tell_lost(value)
        value = finite(value)
        text = json.dumps(value, ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, default=json_default).encode()


def fast_json(fallback):
    """Make a ``dump_json`` that has no more done than makes a difference: at
    half the cost of ``json.dumps`` for a small dict."""
    # (one that is kept could not find circular references)
    encoder: Any = json.encoder
    make = encoder.c_make_encoder
    encode_text = encoder.encode_basestring
    join = ''.join

    def dump(value):
        try:
            return join(make({}, json_default, encode_text, None, ': ', ', ',
                             False, False, False)(value, 0)).encode()
        except ValueError:
            return fallback(value)

    probe = {'a': [1, 2.5, None, True, '\xe9'], 'b': {}}
    try:
        return dump if dump(probe) == fallback(probe) else fallback
    except TypeError:
        return fallback  # it is not documented, and may not be there

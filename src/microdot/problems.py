"""Errors as JSON, and JSON of what it has no form for. Loaded when needed."""

from .answers import json_response
from .microdot import Response, reason_phrase

_told = False  # that something is sent as null


def json_form(value, path='$'):
    """Return *value* as JSON can have it on a board: ``None`` for what is no
    number or infinite, which the console tells once, and for what has no form
    what ``Response.json_encoder`` returns for it.

    :param path: where the value is, such as ``$.rooms[2].degrees``.
    """
    global _told
    if isinstance(value, dict):
        return {key: json_form(item, '%s.%s' % (path, key))
                for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_form(value[i], '%s[%d]' % (path, i))
                for i in range(len(value))]
    if isinstance(value, float):
        # infinity less itself is no number, which does not equal itself
        if value - value == 0:
            return value
        if not _told:
            _told = True
            print('JSON has no %s: null is sent for %s' % (value, path))
        return None
    encoder = Response.json_encoder
    if encoder and not isinstance(value, (str, int, type(None))):
        return json_form(encoder(value), path)
    return value


def problem(status, detail=None, headers=None):
    """Make a response that tells an error as JSON (RFC 9457)."""
    title = reason_phrase(status) or '%d error' % status
    headers = dict(headers or {})
    headers['Content-Type'] = 'application/problem+json'
    members = {'type': 'about:blank', 'title': title, 'status': status}
    if isinstance(detail, dict):
        members.update(detail)  # such as a list of faults
    else:
        members['detail'] = detail or title
    return json_response(members, status, headers)

"""Errors as JSON, and JSON of what it has no form for. Loaded when needed."""

from .answers import json_response
from .microdot import Response, reason_phrase


def json_form(value):
    """Return *value* as JSON can have it on a board: ``None`` for what is no
    number or infinite, and for what has no form what
    ``Response.json_encoder`` returns for it."""
    if isinstance(value, dict):
        return {key: json_form(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_form(item) for item in value]
    if isinstance(value, float):
        # infinity less itself is no number, which does not equal itself
        return value if value - value == 0 else None
    encoder = Response.json_encoder
    if encoder and not isinstance(value, (str, int, type(None))):
        return json_form(encoder(value))
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

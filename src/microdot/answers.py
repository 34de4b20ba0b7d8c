"""Responses of a content type: ``html`` and ``json_response``. On a board,
programs import them from ``helpers``, and what else :func:`__getattr__` finds.
"""
from .microdot import Response, dump_json


def html(text, status=200, headers=None):
    """Make a response of HTML.

    :param text: ``str``, or ``bytes`` in UTF-8.
    :param headers: a dict of more headers.
    """
    return typed(text, status, headers, 'text/html; charset=UTF-8')


def json_response(value, status=200, headers=None):
    """Make a response of any value as JSON: also of ``None``, text, a number.

    :param headers: a dict of more headers.
    """
    return typed(dump_json(value), status, headers,
                 'application/json; charset=UTF-8')


def typed(body, status, headers, content_type):
    """Make a response of a content type, unless the headers name another."""
    response = Response(body, status, headers)
    response.headers.setdefault('Content-Type', content_type)
    return response


def __getattr__(name):
    # what ``helpers`` is asked for and does not have
    if name == 'choose_coding':
        from . import codings as module
    elif name in ('problem', 'json_form'):
        from . import problems as module
    else:
        from . import origins as module
    return getattr(module, name)

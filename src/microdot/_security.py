"""The headers of ``security`` on CPython, which takes these names at its end.
"""
from . import security


class SecurityHeaders(security.SecurityHeaders):
    __doc__ = security.SecurityHeaders.__doc__
    __module__ = security.__name__

    #: Added to each response.
    headers = dict(security.SecurityHeaders.headers, **{
        'Referrer-Policy': 'strict-origin-when-cross-origin',
        'Cross-Origin-Opener-Policy': 'same-origin-allow-popups'})

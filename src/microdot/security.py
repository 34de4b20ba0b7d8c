"""Headers that tell browsers to be careful.

Nonces and HSTS have modules of their own, ``nonces`` and ``hsts``, which are
loaded when used. On CPython the sibling ``_security`` adds headers that a
board does not need: one has what browsers do by themselves, one they heed over
TLS alone.
"""


class SecurityHeaders:
    """Adds headers to all responses of an application that do not have them.

    :param csp: the ``Content-Security-Policy``, if any.
    :param hsts: whether browsers are to use TLS only from now on, for a year;
                 or the seconds. Said over TLS alone.
    :param frames: who may show pages in a frame: ``'SAMEORIGIN'``,
                   ``'DENY'``, or ``None`` for all.
    """
    #: Added to each response.
    headers = {'X-Content-Type-Options': 'nosniff'}

    def __init__(self, app, csp=None, hsts=False, frames='SAMEORIGIN'):
        self.headers = headers = self.headers.copy()
        if frames:
            headers['X-Frame-Options'] = frames
        if csp:
            headers['Content-Security-Policy'] = csp
        if hsts:
            from .hsts import add_hsts
            add_hsts(app, hsts)
        app.finishers.append(self.finish)

    def finish(self, request, response):
        """Add the headers to a response. Where the page has a nonce, let
        the policy allow that."""
        headers = self.headers
        for name in headers:
            response.headers.setdefault(name, headers[name])
        if request and getattr(request.g, 'csp_nonce', None):
            # something has asked for it
            from .nonces import finish
            finish(request, response, headers)


def __getattr__(name):
    from . import nonces
    return getattr(nonces, name)


if getattr(SecurityHeaders, '__hash__', None):
    # no class of a board has that (hasattr would be one more name: 16 bytes)
    from ._security import SecurityHeaders  # noqa: F401

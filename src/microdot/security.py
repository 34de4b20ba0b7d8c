"""Headers that tell browsers to be careful."""
import os
from binascii import b2a_base64


def csp_nonce(request):
    """Return the nonce of a request, for ``<script nonce="…">``: what it is
    given to may run although the policy forbids inline scripts."""
    g = request.g
    if not hasattr(g, 'csp_nonce'):
        g.csp_nonce = b2a_base64(os.urandom(18))[:-1].decode()
    return g.csp_nonce


class SecurityHeaders:
    """Adds headers to all responses of an application that do not have them.

    :param csp: the ``Content-Security-Policy``, if any.
    :param hsts: whether browsers are to use TLS only from now on, for a year;
                 or the seconds. Said over TLS alone.
    :param frames: who may show pages in a frame: ``'SAMEORIGIN'``,
                   ``'DENY'``, or ``None`` for all.
    """
    #: Added to each response.
    headers = {
        'X-Content-Type-Options': 'nosniff',
        'Referrer-Policy': 'strict-origin-when-cross-origin',
        'Cross-Origin-Opener-Policy': 'same-origin-allow-popups'}

    def __init__(self, app, csp=None, hsts=False, frames='SAMEORIGIN'):
        self.csp = csp
        self.hsts = 31536000 if hsts is True else hsts
        self.frames = frames
        app.finishers.append(self.finish)

    def finish(self, request, response):
        """Add the headers to a response."""
        headers = response.headers
        for name in self.headers:
            headers.setdefault(name, self.headers[name])
        if self.frames:
            headers.setdefault('X-Frame-Options', self.frames)
        if self.csp and 'Content-Security-Policy' not in headers:
            headers['Content-Security-Policy'] = self.policy(
                request and getattr(request.g, 'csp_nonce', None))
        if self.hsts and request and request.scheme == 'https':
            headers.setdefault('Strict-Transport-Security',
                               'max-age=%d' % self.hsts)

    def policy(self, nonce):
        """Return the policy, that also allows a nonce, if there is one: for
        scripts and styles, and where these have no sources of their own by
        ``default-src``."""
        if not nonce:
            return self.csp
        parts = []
        for part in self.csp.split(';'):
            if part.split()[:1] in (
                    ['default-src'], ['script-src'], ['style-src']):
                part = part.replace(" 'none'", '') + " 'nonce-%s'" % nonce
            parts.append(part)
        return ';'.join(parts)

"""Nonces for the policy of ``security``: ``csp_nonce``."""
import os
from binascii import b2a_base64

_CSP = 'Content-Security-Policy'


def csp_nonce(request):
    """Return the nonce of a request, for ``<script nonce="…">``: what it is
    given to may run although the policy forbids inline scripts."""
    g = request.g
    if not hasattr(g, 'csp_nonce'):
        g.csp_nonce = b2a_base64(os.urandom(18))[:-1].decode()
    return g.csp_nonce


def finish(request, response, headers):
    """Let the policy of a response allow the nonce of its request, if that is
    the one in *headers*, those of the application."""
    policy = headers.get(_CSP)
    if policy and response.headers[_CSP] == policy:
        response.headers[_CSP] = allow_nonce(policy, request.g.csp_nonce)


def allow_nonce(policy, nonce):
    """Return a policy that also allows a nonce: for scripts and styles, and
    where these have no sources of their own by ``default-src``."""
    parts = []
    for part in policy.split(';'):
        if part.split()[:1] in (
                ['default-src'], ['script-src'], ['style-src']):
            part = part.replace(" 'none'", '') + " 'nonce-%s'" % nonce
        parts.append(part)
    return ';'.join(parts)

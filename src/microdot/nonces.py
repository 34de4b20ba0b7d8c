"""Nonces for the policy of ``security``: ``csp_nonce``."""
import os
from binascii import b2a_base64


def csp_nonce(request):
    """Return the nonce of a request, for ``<script nonce="…">``: what it is
    given to may run although the policy forbids inline scripts."""
    g = request.g
    if not hasattr(g, 'csp_nonce'):
        nonce = g.csp_nonce = b2a_base64(os.urandom(18))[:-1].decode()
        g.allow_nonce = lambda policy: allow_nonce(policy, nonce)
    return g.csp_nonce


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

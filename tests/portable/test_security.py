"""Headers that tell browsers to be careful."""

import unittest

from helpers import run
from microdot.microdot import Microdot
from microdot.security import SecurityHeaders, csp_nonce
from microdot.test_client import TestClient

CSP = 'Content-Security-Policy'


def answer(path='/', scheme=None, **options):
    app = Microdot()
    SecurityHeaders(app, **options)

    @app.get('/')
    async def index(request):
        return 'x'

    @app.get('/own')
    async def own(request):
        return 'x', {'X-Frame-Options': 'DENY', CSP: 'own'}

    @app.get('/nonce')
    async def nonce(request):
        assert csp_nonce(request) == csp_nonce(request)
        return csp_nonce(request)

    client = TestClient(app) if scheme is None else \
        TestClient(app, scheme=scheme)
    return run(client.get(path))


class TestSecurity(unittest.TestCase):
    def test_each_answer_has_the_headers(self):
        for path in ('/', '/nothing'):
            headers = answer(path).headers
            self.assertEqual(headers['X-Content-Type-Options'], 'nosniff')
            self.assertEqual(headers['X-Frame-Options'], 'SAMEORIGIN')
            self.assertEqual(CSP in headers, False)
            self.assertEqual('Strict-Transport-Security' in headers, False)

    def test_what_a_response_has_stays(self):
        headers = answer('/own', csp="default-src 'self'").headers
        self.assertEqual(headers['X-Frame-Options'], 'DENY')
        self.assertEqual(headers[CSP], 'own')

    def test_hsts_is_said_over_tls_only(self):
        name = 'Strict-Transport-Security'
        self.assertEqual(name in answer(hsts=True).headers, False)
        self.assertEqual(answer(hsts=True, scheme='https').headers[name],
                         'max-age=31536000')
        self.assertEqual(answer(hsts=60, scheme='https').headers[name],
                         'max-age=60')

    def test_the_policy_allows_a_nonce_that_was_used(self):
        for csp, expected in (
                ("default-src 'self'", "default-src 'self' N"),
                ("default-src 'none'; img-src *; script-src 'self'",
                 "default-src N; img-src *; script-src 'self' N"),
                ('img-src *', 'img-src *'),
                ("style-src-attr 'none';style-src 'none';script-src",
                 "style-src-attr 'none';style-src N;script-src N"),
                ("upgrade-insecure-requests; default-src 'self';",
                 "upgrade-insecure-requests; default-src 'self' N;")):
            with self.subTest(csp=csp):
                res = answer('/nonce', csp=csp)
                self.assertEqual(res.headers[CSP], expected.replace(
                    'N', "'nonce-%s'" % res.text))

    def test_without_a_nonce_the_policy_is_sent_as_it_is(self):
        self.assertEqual(answer(csp="default-src 'self';x").headers[CSP],
                         "default-src 'self';x")

    def test_nonces_differ(self):
        found = [answer('/nonce').text for _ in range(5)]
        self.assertEqual(len(set(found)), 5)
        self.assertEqual(len(found[0]), 24)

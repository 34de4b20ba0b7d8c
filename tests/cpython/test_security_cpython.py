"""Security headers that CPython adds beside those of boards."""

from helpers import run
from microdot import Microdot
from microdot.security import SecurityHeaders
from microdot.test_client import TestClient


def test_each_answer_has_the_headers():
    app = Microdot()
    SecurityHeaders(app)
    headers = run(TestClient(app).get('/')).headers
    assert headers['X-Content-Type-Options'] == 'nosniff'
    assert headers['Referrer-Policy'] == 'strict-origin-when-cross-origin'
    assert headers['Cross-Origin-Opener-Policy'] == 'same-origin-allow-popups'


def test_a_program_may_have_other_headers():
    class Own(SecurityHeaders):
        headers = {'X-Own': 'yes'}

    app = Microdot()
    Own(app, frames=None)
    headers = run(TestClient(app).get('/')).headers
    assert headers['X-Own'] == 'yes'
    assert 'X-Content-Type-Options' not in headers
    assert 'X-Frame-Options' not in headers

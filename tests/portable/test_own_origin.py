"""What is of the same origin: one rule for forms and WebSockets, also behind
proxies."""

import unittest

from helpers import run
from microdot.csrf import CSRF
from microdot.helpers import fits_host, is_own_origin
from microdot.microdot import Microdot, Request
from microdot.proxies import TrustedProxies
from microdot.test_client import TestClient
from microdot.websocket import with_websocket

import microdot.middleware  # noqa: F401, isort: skip

# scheme and Host as they arrive, X-Forwarded-Proto and -Host, Origin, whether
# that is the request's own
BEHIND_A_PROXY = [
    ('http', 'inner:8000', 'https', 'site.example', 'https://site.example',
     True),
    ('http', 'inner:8000', 'https', 'site.example', 'http://site.example',
     False),
    ('http', 'inner:8000', 'https', 'site.example', 'https://inner:8000',
     False),
    ('http', 'inner:8000', 'https', 'site.example', 'https://evil.example',
     False),
    ('http', 'inner:8000', 'http', 'site.example:81',
     'http://site.example:81', True),
    ('http', 'inner:8000', 'http', 'site.example:81', 'http://site.example',
     False),
    ('http', 'inner:8000', None, 'SITE.example', 'http://site.example', True),
    ('http', 'inner:8000', 'https', 'evil.example, site.example',
     'https://site.example', True),
    ('http', 'inner:8000', 'https', 'evil.example, site.example',
     'https://evil.example', False),
    # one that leaves Host as it is
    ('http', 'site.example', 'https', None, 'https://site.example', True),
    ('http', 'site.example', 'https', None, 'http://site.example', False),
    ('https', 'site.example', 'http', None, 'http://site.example', True),
    # what is no host changes nothing
    ('http', 'site.example', 'https', 'a b', 'https://site.example', True),
    ('http', 'site.example', 'https', 'evil.example/',
     'https://evil.example', False),
]


def make_app(proxy, looked_at=False):
    app = Microdot()

    @app.middleware
    async def look(request, call_next):
        if looked_at:
            request.headers  # is built from here on
        return await call_next(request)

    app.middleware(TrustedProxies(proxy, host=True))
    CSRF(app)

    @app.post('/')
    async def index(request):
        return request.headers['Host']

    @app.get('/ws')
    @with_websocket(origins=['self'])
    async def ws(request, ws):
        pass

    return app


def leave():
    yield


def ask(app, scheme, host, proto, forwarded, origin):
    """Return whether a form is taken, and whether a WebSocket is."""
    headers = {'Origin': origin, 'Host': host}
    if proto:
        headers['X-Forwarded-Proto'] = proto
    if forwarded:
        headers['X-Forwarded-Host'] = forwarded
    client = TestClient(app, scheme=scheme)
    form = run(client.post('/', headers))
    # (the other protection would refuse it first)
    headers['Sec-Fetch-Site'] = 'same-origin'
    ws = run(client.websocket('/ws', leave, headers))
    return form.status_code == 200, ws.status_code == 101


class TestBehindAProxy(unittest.TestCase):
    def test_it_is_what_the_client_has_asked_for(self):
        for looked_at in (False, True):
            app = make_app('127.0.0.1', looked_at)
            for row in BEHIND_A_PROXY:
                with self.subTest(row=row, looked_at=looked_at):
                    self.assertEqual(ask(app, *row[:5]), (row[5], row[5]))

    def test_others_than_named_proxies_change_nothing(self):
        app = make_app('10.0.0.1')
        for proto, forwarded in (('https', 'evil.example'), (None, None)):
            for origin, own in (('http://site.example', True),
                                ('https://evil.example', False)):
                self.assertEqual(
                    ask(app, 'http', 'site.example', proto, forwarded,
                        origin), (own, own))


class TestRule(unittest.TestCase):
    def test_it_is_that_of_the_request(self):
        for scheme, host, origin, subdomains, own in (
                ('http', 'a', 'http://a', False, True),
                ('http', 'a', 'http://b.a', False, False),
                ('http', 'a', 'http://b.a', True, True),
                ('https', 'a', 'http://b.a', True, False),
                ('http', 'a', 'http://ba', True, False),
                ('http', 'a', 'http://b/.a', True, False),
                ('http', 'a', 'null', True, False),
                ('http', 'a:80', 'http://a', False, True),
                ('http', 'a', 'http://a:80', False, True),
                ('http', 'a:443', 'https://a', False, True),
                ('https', 'a:443', 'https://a', False, True),
                ('https', 'a', 'https://a:443', False, True),
                ('http', 'a:443', 'http://a', False, False),
                ('http', 'a:80', 'https://a', False, False),
                ('http', '[::1]:80', 'http://[::1]', False, True),
                ('http', '[::1]', 'http://[::1]:80', False, True),
                ('http', 'a:80', 'http://b.a', True, True),
                ('http', None, 'http://', True, False),
                ('http', '', 'http://', True, False),
                ('http', '', 'http://b.', True, False)):
            req = Request(Microdot(), None, 'GET', '/', '1.1',
                          {} if host is None else {'Host': host},
                          scheme=scheme)
            with self.subTest(host=host, origin=origin):
                self.assertIs(is_own_origin(req, origin, subdomains), own)

    def test_hosts(self):
        self.assertTrue(fits_host('a:80', 'a:80'))
        self.assertFalse(fits_host('b.a:80', 'a:80'))
        self.assertTrue(fits_host('b.a:80', 'a:80', True))
        self.assertFalse(fits_host('b.a', 'a:80', True))


if __name__ == '__main__':
    unittest.main()

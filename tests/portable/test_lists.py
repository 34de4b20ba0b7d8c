"""Headers that are lists, and cookies: how many members there may be."""

import unittest

from helpers import change, run
from microdot import Microdot, Request
from microdot.cookies import parse_cookies
from microdot.cors import CORS
from microdot.microdot import (
    HTTPException,
    parse_framing,
    parse_list,
)
from microdot.proxies import TrustedProxies
from microdot.static import matches_etag
from microdot.test_client import TestClient


class TestLists(unittest.TestCase):
    def setUp(self):
        change(self, Request, 'max_members', 5)

    def refused(self, function, *args):
        with self.assertRaises(HTTPException) as raised:
            function(*args)
        self.assertEqual(raised.exception.status_code, 431)

    def test_members_are_stripped(self):
        for text, members in (
                ('', ['']), ('a', ['a']), (' a ,\tb', ['a', 'b']),
                (',', ['', '']), ('a,b,c,d,e', ['a', 'b', 'c', 'd', 'e'])):
            self.assertEqual(parse_list(text), members)
        self.assertEqual(parse_list('a,b; c', ';'), ['a,b', 'c'])

    def test_more_than_allowed_are_refused(self):
        for text in ('a,b,c,d,e,f', ',,,,,', ',' * 100000):
            self.refused(parse_list, text)

    def test_cookies(self):
        self.assertEqual(len(parse_cookies('a=1;b=2;c=3;d=4;e=5')), 5)
        for text in ('a=1;b=2;c=3;d=4;e=5;f=6', 'a=1;' * 5, ';' * 5000):
            self.refused(parse_cookies, text)

    def test_cookies_of_a_request(self):
        app = Microdot()
        app.get('/')(lambda request: str(len(request.cookies)))
        app.get('/unread')(lambda request: 'unread')
        for count, status in ((5, 200), (6, 431), (200, 431)):
            headers = {'Cookie': '; '.join([
                '%d=x' % i for i in range(count)])}
            res = run(TestClient(app).get('/', headers=headers))
            self.assertEqual(res.status_code, status)
            res = run(TestClient(app).get('/unread', headers=headers))
            self.assertEqual(res.text, 'unread')

    def test_options_of_a_connection(self):
        value = 'a,b,c,d,close'
        self.assertEqual(parse_framing('1.1', {'connection': value}),
                         (0, False))
        for more in (',x', ',' * 1000):
            self.refused(parse_framing, '1.1', {'connection': value + more})

    def test_entity_tags(self):
        self.assertTrue(matches_etag('"a","b","c","d","e"', '"e"'))
        self.refused(matches_etag, '"a","b","c","d","e","f"', '"a"')

    def test_proxies(self):
        app = Microdot()
        app.middleware(TrustedProxies('192.0.2.1'))
        app.get('/')(lambda request: request.client_addr[0])
        for nodes, status in ((5, 200), (6, 431), (900, 431)):
            req = Request(app, ('192.0.2.1', 1), 'GET', '/', '1.1', {
                'X-Forwarded-For': ','.join(['192.0.2.9'] * nodes)})
            res = run(app.dispatch_request(req))
            self.assertEqual(res.status_code, status)

    def test_names_that_a_preflight_asks_for(self):
        app = Microdot()
        CORS(app, allowed_origins='*', allowed_headers=['X-A'])
        app.get('/')(lambda request: '')
        for count, status in ((5, 200), (6, 431), (900, 431)):
            res = run(TestClient(app).options('/', headers={
                'Origin': 'https://a', 'Access-Control-Request-Method': 'GET',
                'Access-Control-Request-Headers':
                    ','.join(['x-a'] * count)}))
            self.assertEqual(res.status_code, status)

    def test_protocols_of_a_websocket(self):
        from microdot.websocket import with_websocket
        app = Microdot()

        @app.get('/')
        @with_websocket
        async def echo(request, ws):
            pass

        for count, status in ((5, 400), (6, 431), (900, 431)):
            res = run(TestClient(app).get('/', headers={
                'Connection': ','.join(['upgrade'] * count),
                'Upgrade': ','.join(['websocket'] * count)}))
            self.assertEqual((count, res.status_code), (count, status))

"""What named proxies say of a client."""

import unittest

from helpers import run
from microdot.microdot import Microdot, Request
from microdot.proxies import TrustedProxies
from microdot.test_client import TestClient

import microdot.middleware  # noqa: F401, isort: skip

NEEDS_EVENT_LOOP = False


def seen(headers, *proxies, peer='127.0.0.1', **options):
    """Return the address, scheme and host that a handler sees."""
    app = Microdot()

    async def connect(request, call_next):
        request.client_addr = (peer, 1234) if peer else None
        return await call_next(request)

    app.middleware(connect)
    app.middleware(TrustedProxies(*proxies, **options))

    @app.get('/')
    async def view(request):
        return [request.client_addr, request.scheme, request.headers['Host']]

    res = run(TestClient(app, host='here').get('/', headers))
    addr, scheme, host = res.json
    return addr and tuple(addr), scheme, host


def address(value, *proxies):
    return seen({'X-Forwarded-For': value}, *(proxies or ('127.0.0.1',)))[0]


class TestTrustedProxies(unittest.TestCase):
    def test_others_are_not_believed(self):
        headers = {'X-Forwarded-For': '203.0.113.5',
                   'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'there'}
        for proxies in ((), ('127.0.0.2',), ('127.0.0.0/32',), ('unix',)):
            self.assertEqual(seen(headers, *proxies, host=True),
                             (('127.0.0.1', 1234), 'http', 'here'))

    def test_a_named_one_is(self):
        headers = {'X-Forwarded-For': '203.0.113.5',
                   'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'there'}
        for proxy in ('127.0.0.1', '127.0.0.0/8', '0.0.0.0/0',
                      '127.0.0.1/32'):
            self.assertEqual(seen(headers, proxy),
                             (('203.0.113.5', 0), 'https', 'here'))
            self.assertEqual(seen(headers, proxy, host=True),
                             (('203.0.113.5', 0), 'https', 'there'))

    def test_one_that_a_server_for_ipv4_and_ipv6_sees(self):
        headers = {'X-Forwarded-For': '203.0.113.5'}
        for proxy in ('10.0.0.1', '10.0.0.0/8', '::ffff:10.0.0.1',
                      '::FFFF:10.0.0.1'):
            for peer in ('::ffff:10.0.0.1', '10.0.0.1'):
                self.assertEqual(seen(headers, proxy, peer=peer)[0],
                                 ('203.0.113.5', 0))
        for peer in ('::ffff:11.0.0.1', '::ffff:a00:1', '::ffff:', '::fff'):
            self.assertEqual(seen(headers, '10.0.0.0/8', peer=peer)[0],
                             (peer, 1234))
        self.assertEqual(seen(headers, '::1', peer='::1')[0],
                         ('203.0.113.5', 0))

    def test_a_peer_without_address(self):
        headers = {'X-Forwarded-For': '203.0.113.5'}
        self.assertEqual(seen(headers, 'unix', peer=None)[0],
                         ('203.0.113.5', 0))
        self.assertEqual(seen(headers, '127.0.0.1', peer=None)[0], None)

    def test_one_that_says_nothing(self):
        self.assertEqual(seen({}, '127.0.0.1', host=True),
                         (('127.0.0.1', 1234), 'http', 'here'))

    def test_addresses(self):
        here = ('127.0.0.1', 1234)
        for value, expected in (
                ('203.0.113.5', ('203.0.113.5', 0)),
                (' 203.0.113.5 ', ('203.0.113.5', 0)),
                ('203.0.113.5:8080', ('203.0.113.5', 8080)),
                ('2001:DB8::1', ('2001:db8::1', 0)),
                ('[2001:db8::1]', ('2001:db8::1', 0)),
                ('[2001:db8::1]:443', ('2001:db8::1', 443)),
                ('::ffff:203.0.113.5', ('::ffff:203.0.113.5', 0)),
                # what the client itself sent comes first
                ('1.2.3.4, 203.0.113.5', ('203.0.113.5', 0)),
                ('evil, 203.0.113.5', ('203.0.113.5', 0)),
                # nothing that can be used
                ('', here), (',', here), ('unknown', here), ('_x', here),
                ('203.0.113.5, ', here),
                ('203.0.113.5, evil', here),
                ('203.0.113', here), ('203.0.113.5.6', here),
                ('203.0.113.256', here), ('203.0.113.05', here),
                ('203.0.113.-5', here), ('203.0.113.5:', ('203.0.113.5', 0)),
                ('203.0.113.5:port', here), ('203.0.113.5:999999', here),
                ('203.0.113.5:-1', here), ('203.0.113.5:65536', here),
                ('203.0.113.5<script>', here), ('[203.0.113.5]', here),
                ('[::1', here), ('[::1]x', here), ('[]', here),
                ('::', ('::', 0)), ('1::', ('1::', 0)),
                ('1:2:3:4:5:6:7:8', ('1:2:3:4:5:6:7:8', 0)),
                ('1:2:3:4:5:6:1.2.3.4', ('1:2:3:4:5:6:1.2.3.4', 0)),
                ('1:2:3:4:5:6:7', here), ('1:2:3:4:5:6:7:8:9', here),
                ('1::3:4:5:6:7:8:9', here), ('1::2::3', here),
                (':::', here), (':1:2:3:4:5:6:7', here), ('::12345', here),
                ('::1.2.3', here), ('::1.2.3.4:5', here), ('::g', here),
                ('fe80::1%eth0', here), (':' * 2000, here),
                ('9' * 2000, here)):
            with self.subTest(value=value):
                self.assertEqual(address(value), expected)

    def test_a_peer_whose_address_is_raw(self):
        app = Microdot()
        app.middleware(TrustedProxies('127.0.0.1'))
        app.get('/')(lambda request: repr(request.client_addr))
        addr = b'\n\0' + bytes(26)
        req = Request(app, addr, 'GET', '/', '1.1',
                      {'X-Forwarded-For': '203.0.113.5'})
        res = run(app.dispatch_request(req))
        self.assertEqual(res.body, repr(addr).encode())

    def test_several_proxies(self):
        for value, expected in (
                ('203.0.113.5, 10.0.0.2, 10.0.0.1', '203.0.113.5'),
                ('1.2.3.4, 203.0.113.5, 10.0.0.1', '203.0.113.5'),
                ('10.0.0.3, 10.0.0.2', '10.0.0.3'),
                ('evil, 10.0.0.2', '10.0.0.2')):
            with self.subTest(value=value):
                self.assertEqual(
                    address(value, '127.0.0.1', '10.0.0.0/8')[0], expected)

    def test_repeated_headers(self):
        self.assertEqual(
            seen({'X-Forwarded-For': ['1.2.3.4', '203.0.113.5']},
                 '127.0.0.1')[0], ('203.0.113.5', 0))

    def test_schemes(self):
        for value, scheme in (
                ('https', 'https'), ('HTTPS', 'https'), ('http', 'http'),
                ('http, https', 'https'), ('https,http', 'http'),
                ('', 'http'), ('gopher', 'http'), ('https;x', 'http'),
                ('https, ', 'http')):
            with self.subTest(value=value):
                self.assertEqual(seen({'X-Forwarded-Proto': value},
                                      '127.0.0.1')[1], scheme)

    def test_hosts(self):
        for value, host in (
                ('there', 'there'), ('there:8443', 'there:8443'),
                ('a, there', 'there'), ('[::1]:80', '[::1]:80'),
                ('', 'here'), ('a b', 'here'), ('a/b', 'here'),
                ('a:99999', 'here'), ('<b>', 'here')):
            with self.subTest(value=value):
                self.assertEqual(seen({'X-Forwarded-Host': value},
                                      '127.0.0.1', host=True)[2], host)

    def test_malformed_proxies_are_refused(self):
        for network in ('10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/x',
                        '10.0.0/8', '::/0', '/8', '10.0.0.256/8',
                        'localhost', '*', '10.0.0.1 ', '10.0.0.256', ''):
            with self.assertRaises(ValueError):
                TrustedProxies(network)

    def test_urls_show_what_the_proxy_said(self):
        import microdot.urls  # noqa: F401
        app = Microdot()
        app.middleware(TrustedProxies('127.0.0.1', host=True))

        @app.get('/')
        async def view(request):
            return request.url_for('view')

        self.assertEqual(
            run(TestClient(app).get('/', {
                'X-Forwarded-Proto': 'https',
                'X-Forwarded-Host': 'example.com'})).text,
            'https://example.com/')


if __name__ == '__main__':
    unittest.main()

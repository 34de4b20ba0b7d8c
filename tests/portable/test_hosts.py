"""Which hosts an application answers for, and TLS for them."""

import unittest

from helpers import run
from microdot.hosts import RedirectHTTPS, TrustedHosts, is_local
from microdot.microdot import Microdot
from microdot.test_client import TestClient

NEEDS_EVENT_LOOP = False


def make_app():
    app = Microdot()

    @app.get('/')
    async def index(request):
        return 'index'

    return app


def ask(app, host, path='/', **options):
    client = TestClient(app, **options)
    return run(client.get(path, headers={'Host': host}))


class TestTrustedHosts(unittest.TestCase):
    def test_only_named_hosts_are_answered(self):
        app = make_app()
        TrustedHosts(app, ['Example.com', '*.example.org', '[fd00::1]'])
        for host, status in (
                ('example.com', 200), ('EXAMPLE.com', 200),
                ('example.com:8000', 200), ('example.com.', 200),
                ('a.example.org', 200), ('a.b.example.org:1', 200),
                ('[fd00::1]', 200), ('[fd00::1]:80', 200),
                ('example.org', 400), ('.example.org', 400),
                ('aexample.org', 400), ('www.example.com', 400),
                ('example.com.evil.net', 400), ('evil.net', 400),
                ('[fd00::2]', 400), ('localhost', 400)):
            with self.subTest(host=host):
                self.assertEqual(ask(app, host).status_code, status)

    def test_what_no_route_matches_is_checked_too(self):
        app = make_app()
        TrustedHosts(app, ['example.com'])
        self.assertEqual(ask(app, 'evil.net', '/none').status_code, 400)
        self.assertEqual(ask(app, 'example.com', '/none').status_code, 404)

    def test_a_name_is_redirected_to_www(self):
        app = make_app()
        TrustedHosts(app, ['www.example.com'], redirect_www=True)
        res = ask(app, 'example.com:81', '/a?b=c')
        self.assertEqual(res.status_code, 307)
        self.assertEqual(res.headers['Location'],
                         'http://www.example.com:81/a?b=c')
        self.assertEqual(ask(app, 'evil.net').status_code, 400)

    def test_without_being_told_it_is_not_redirected(self):
        app = make_app()
        TrustedHosts(app, ['www.example.com'])
        self.assertEqual(ask(app, 'example.com').status_code, 400)

    def test_the_local_network_is_trusted_if_told_so(self):
        app = make_app()
        TrustedHosts(app, lan=True)
        for host, status in (
                ('localhost:5000', 200), ('192.168.1.7', 200),
                ('sensor.local', 200), ('evil.net', 400),
                ('8.8.8.8', 400)):
            with self.subTest(host=host):
                self.assertEqual(ask(app, host).status_code, status)

    def test_malformed_names_are_refused(self):
        for host in ('', '*', '*.', 'a*.com', 'example.com:80',
                     'http://example.com', '*.*.com'):
            with self.subTest(host=host):
                with self.assertRaises(ValueError):
                    TrustedHosts(Microdot(), [host])

    def test_local_addresses_are_known(self):
        for host, local in (
                ('127.0.0.1', True), ('10.255.0.1', True),
                ('172.16.0.1', True), ('172.31.0.1', True),
                ('192.168.0.1', True), ('169.254.1.1', True),
                ('[::1]', True), ('[fe80::1]', True), ('[fd12::1]', True),
                ('172.15.0.1', False), ('172.32.0.1', False),
                ('192.169.0.1', False), ('11.0.0.1', False),
                ('10.0.0.256', False), ('10.0.0', False),
                ('10.0.0.1.evil.net', False), ('10.a.0.1', False),
                ('10.0.0.٣', False), ('[2001:db8::1]', False),
                ('[fd]', False), ('xlocal', False), ('', False)):
            with self.subTest(host=host):
                self.assertEqual(is_local(host), local)


class TestRedirectHTTPS(unittest.TestCase):
    def test_requests_without_tls_are_redirected(self):
        app = make_app()
        RedirectHTTPS(app)
        res = ask(app, 'example.com:80', '/a?b=c')
        self.assertEqual(res.status_code, 307)
        self.assertEqual(res.headers['Location'],
                         'https://example.com/a?b=c')
        self.assertNotIn('Strict-Transport-Security', res.headers)

    def test_over_tls_they_are_answered_and_hsts_is_said(self):
        app = make_app()
        RedirectHTTPS(app, hsts=60)
        res = ask(app, 'example.com', scheme='https')
        self.assertEqual(res.text, 'index')
        self.assertEqual(res.headers['Strict-Transport-Security'],
                         'max-age=60')

    def test_hsts_can_be_left_out(self):
        app = make_app()
        RedirectHTTPS(app, hsts=0)
        res = ask(app, 'example.com', scheme='https')
        self.assertNotIn('Strict-Transport-Security', res.headers)

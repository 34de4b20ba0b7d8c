"""Which hosts an application answers for, and TLS for them."""

import unittest

from helpers import run
from microdot.hosts import Host, RedirectHTTPS, TrustedHosts, is_local
from microdot.microdot import Microdot, Request
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

    def test_local_addresses_are_known(self):
        for host, local in (
                ('127.0.0.1', True), ('10.255.0.1', True),
                ('172.16.0.1', True), ('172.31.0.1', True),
                ('192.168.0.1', True), ('169.254.1.1', True),
                ('172.15.0.1', False), ('172.32.0.1', False),
                ('192.169.0.1', False), ('11.0.0.1', False),
                ('10.0.0.256', False), ('10.0.0', False),
                ('0010.0.0.1', False), ('1' * 5000, False),
                ('10.0.0.' + '1' * 5000, False),
                ('10.0.0.1.evil.net', False), ('10.a.0.1', False),
                ('10.0.0.٣', False), ('xlocal', False), ('', False)):
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


class TestMountedHosts(unittest.TestCase):
    def setUp(self):
        self.app = Microdot()
        self.api = Microdot()
        self.people = Microdot()
        self.add(self.app, 'index', '/', '/only')
        self.app.mount(self.api, host='API.Example.com')
        self.app.mount(self.people, host='<name>.example.com')
        # routes and handlers that are registered after mounting count too
        self.add(self.api, 'api', '/', '/x/<int:i>')
        self.add(self.people, 'people', '/', '/x/<y>')
        self.add(self.app, 'later', '/x/<y>')

    def add(self, app, text, *patterns):
        for pattern in patterns:
            @app.get(pattern)
            async def view(request, **kwargs):
                return '%s %s' % (text, sorted(kwargs.items()))

    def check(self, *rows):
        for host, path, expected in rows:
            with self.subTest(host=host, path=path):
                res = ask(self.app, host, path)
                self.assertEqual(
                    res.text if res.status_code == 200 else res.status_code,
                    expected)

    def test_a_host_is_asked_before_the_others(self):
        self.check(
            ('api.example.com', '/', 'api []'),
            ('API.EXAMPLE.COM', '/', 'api []'),
            ('api.example.com:8000', '/', 'api []'),
            ('api.example.com.', '/', 'api []'),
            ('api.example.com', '/x/3', "api [('i', 3)]"),
            ('example.com', '/', 'index []'), ('localhost', '/', 'index []'),
            ('xapi.example.com.evil.net', '/', 'index []'),
            ('api.example.org', '/', 'index []'))

    def test_a_part_of_a_host_is_a_parameter(self):
        self.check(
            ('ada.example.com', '/', "people [('name', 'ada')]"),
            ('Ada.example.com', '/x/B',
             "people [('name', 'ada'), ('y', 'B')]"),
            ('a.b.example.com', '/', 'index []'),
            ('.example.com', '/', 'index []'),
            ('example.com', '/', 'index []'))

    def test_of_several_hosts_the_first_that_fits_answers(self):
        self.check(('api.example.com', '/x/y',
                    "people [('name', 'api'), ('y', 'y')]"))

    def test_a_path_that_the_host_lacks_is_for_the_others(self):
        self.check(('api.example.com', '/only', 'index []'),
                   ('ada.example.com', '/only', 'index []'),
                   ('api.example.com', '/nowhere', 404),
                   ('example.com', '/x/3', "later [('y', '3')]"))

    def test_a_method_that_the_host_lacks_is_for_the_others(self):
        @self.app.post('/')
        async def post(request):
            return 'post'

        client = TestClient(self.app)
        res = run(client.post('/', headers={'Host': 'api.example.com'}))
        self.assertEqual(res.text, 'post')
        res = run(client.delete('/', headers={'Host': 'api.example.com'}))
        self.assertEqual(res.status_code, 405)
        self.assertEqual(sorted(res.headers['Allow'].split(', ')),
                         ['GET', 'HEAD', 'OPTIONS', 'POST'])

    def test_a_request_without_a_host_is_for_the_others(self):
        self.assertEqual(self.app.find('/', 'GET')[1], {})
        self.assertEqual(self.app.find('/x/1', 'GET')[1], {'y': '1'})
        self.assertIsNone(Host('a.b')(None, {}))

    def test_a_host_and_a_prefix(self):
        app = Microdot()
        self.add(app, 'v1', '/a')
        self.app.mount(app, '/v1', host='api.example.com')
        self.check(('api.example.com', '/v1/a', 'v1 []'),
                   ('other.example.com', '/v1/a', 404))

    def test_applications_within_have_the_host_too(self):
        inner = Microdot()
        other = Microdot()
        self.api.mount(inner, '/inner')
        self.api.mount(other, host='other.example.com')
        self.add(inner, 'inner', '/a')
        self.add(other, 'other', '/b')
        self.check(('api.example.com', '/inner/a', 'inner []'),
                   ('example.com', '/inner/a', 404),
                   ('other.example.com', '/b', 'other []'),
                   ('api.example.com', '/b', 404))

    def test_handlers_of_a_local_one_are_for_its_host(self):
        local = Microdot()
        self.add(local, 'local', '/a')

        @local.before_request
        async def before(request):
            request.g.seen = 'seen'

        @local.errorhandler(404)
        async def lost(request):
            return 'lost', 404

        @local.after_request
        async def after(request, response):
            response.headers['X-Seen'] = request.g.seen

        self.app.mount(local, host='local.example.com', local=True)
        res = ask(self.app, 'local.example.com', '/a')
        self.assertEqual(res.headers['X-Seen'], 'seen')
        res = ask(self.app, 'local.example.com', '/b')
        self.assertEqual((res.status_code, res.text), (404, 'lost'))
        self.assertNotIn('X-Seen', ask(self.app, 'example.com').headers)
        self.assertEqual(ask(self.app, 'example.com', '/b').text, 'Not found')

    def test_urls_have_the_host(self):
        @self.people.get('/<int:i>', name='page')
        async def page(request, name, i):
            return request.url_for('page', name='Bob', i=i + 1)

        self.assertEqual(self.app.url_for('page', name='ada', i=3), '/3')
        for host, url in (
                ('ada.example.com', 'http://bob.example.com/2'),
                ('ada.example.com:81', 'http://bob.example.com:81/2')):
            self.assertEqual(ask(self.app, host, '/1').text, url)
        for args in ({'i': 1}, {'i': 1, 'name': 'a.b'},
                     {'i': 1, 'name': 'a b'}, {'i': 1, 'name': ''}):
            with self.subTest(args=args):
                with self.assertRaises(ValueError):
                    self.app.url_for('page', **args)

    def test_what_is_no_host_is_refused(self):
        for host in ('a:80', 'http://a', 'a/b', '*.example.com', '<a>:80',
                     '<path:x>.com', '<re:[ab]:x>.com', '<x', '<x>.<x>',
                     '<nope:x>.com', '.example.com'):
            with self.subTest(host=host):
                with self.assertRaises(ValueError):
                    Microdot().mount(Microdot(), host=host)

    def test_hosts_may_be_addresses_and_have_types(self):
        for host, name, args in (
                ('[::1]', '[::1]:80', {}), ('127.0.0.1', '127.0.0.1', {}),
                ('s<int:n>.x', 'S12.X', {'n': 12}),
                ('s<int:n>.x', 'sa.x', None),
                ('<Name>.X', 'a.x', {'Name': 'a'}),
                ('<a>-<b>.x', 'a-b-c.x', {'a': 'a', 'b': 'b-c'})):
            with self.subTest(host=host, name=name):
                request = Request(self.app, None, 'GET', '/', '1.1',
                                  {'Host': name})
                self.assertEqual(Host(host)(request, {}), args)

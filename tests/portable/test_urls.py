"""URLs made from names, and redirects to the path that was meant."""

import unittest

from helpers import run
from microdot.microdot import Microdot, Request, URLPattern
from microdot.test_client import TestClient

import microdot.urls  # noqa: F401, isort: skip

NEEDS_EVENT_LOOP = False


def request(app, path='/', method='GET', **kwargs):
    return run(TestClient(app).request(method, path, **kwargs))


UUID = '12345678-9abc-def0-1234-56789abcdef0'


async def view(request, **kwargs):
    return 'view'


def application(**patterns):
    app = Microdot()
    for name in patterns:
        app.get(patterns[name], name=name)(view)
    return app


class TestPaths(unittest.TestCase):
    def test_slashes_at_the_beginning_of_a_path_are_left_out(self):
        app = application(css='/css/<path:path>', all='/<path:path>',
                          mixed='/f-<path:path>')
        for name, value, path in (
                ('css', '/css/a.css', '/css/css/a.css'),
                ('css', '//a.css', '/css/a.css'),
                ('all', '//evil.example', '/evil.example'),
                ('mixed', '/a', '/f-/a')):
            with self.subTest(name=name, value=value):
                self.assertEqual(app.url_for(name, path=value), path)

    def test_several_parameters_in_a_segment(self):
        app = application(two='/x/<a>-<int:b>.txt')
        self.assertEqual(app.url_for('two', a='f', b=3), '/x/f-3.txt')
        self.assertEqual(app.url_for('two', a='f/g', b='4'), '/x/f%2Fg-4.txt')
        for a, b in (('', 3), ('f', 'x'), ('f-1', 2), ('\0', 1)):
            with self.subTest(a=a, b=b):
                with self.assertRaises(ValueError):
                    app.url_for('two', a=a, b=b)
        with self.assertRaises(ValueError):
            app.url_for('two', a='f')
        with self.assertRaises(ValueError):
            app.url_for('two', a='f', b=3, c=4)
        dots = application(dots='/<a>.<b>')
        self.assertEqual(dots.url_for('dots', a='x', b='.'), '/x..')

    def test_what_would_be_read_otherwise_is_refused(self):
        app = application(two='/<a>-<b>')
        self.assertEqual(app.url_for('two', a='x', b='y-z'), '/x-y-z')
        with self.assertRaises(ValueError):
            app.url_for('two', a='x-y', b='z')


class TestNames(unittest.TestCase):
    def test_that_of_the_function(self):
        app = Microdot()

        @app.get('/a/<x>')
        async def first(request, x):
            pass

        @app.post('/b')
        def second(request):
            pass

        self.assertEqual(app.url_for('first', x='1'), '/a/1')
        self.assertEqual(app.url_for('second'), '/b')

    def test_that_of_the_decorator(self):
        app = Microdot()
        app.route('/r', name='r')(view)
        for method in ('get', 'post', 'put', 'patch', 'delete', 'query'):
            getattr(app, method)('/' + method, name=method)(view)
            self.assertEqual(app.url_for(method), '/' + method)
        self.assertEqual(app.url_for('r'), '/r')
        with self.assertRaises(ValueError):
            app.url_for('view')

    def test_an_object_has_none(self):
        class View:
            async def __call__(self, request):
                return ''

        app = Microdot()
        app.get('/a')(View())
        app.get('/b', name='b')(View())
        self.assertEqual(app.url_for('b'), '/b')
        with self.assertRaises(ValueError):
            app.url_for('View')

    def test_of_several_the_first_that_fits(self):
        app = Microdot()
        app.get('/', name='index')(view)
        app.get('/<int:page>', name='index')(view)
        app.get('/<page>/x', name='index')(view)
        self.assertEqual(app.url_for('index'), '/')
        self.assertEqual(app.url_for('index', page=3), '/3')
        self.assertEqual(app.url_for('index', page='a'), '/a/x')


class TestValues(unittest.TestCase):
    def check(self, pattern, value, path):
        app = application(name=pattern)
        if path is None:
            with self.assertRaises(ValueError):
                app.url_for('name', x=value)
            return
        self.assertEqual(app.url_for('name', x=value), path)
        # and back
        seen = []

        @app.before_request
        async def before(request):
            seen.append(request.url_args['x'])

        self.assertEqual(request(app, path).status_code, 200)
        self.assertEqual(str(seen[0]), str(value))

    def test_values(self):
        for pattern, value, path in (
                ('/<x>', 'a', '/a'),
                ('/<x>', 'a b', '/a%20b'),
                ('/<x>', '\xe9\u20ac', '/%C3%A9%E2%82%AC'),
                ('/<x>', 'a/b', '/a%2Fb'),
                ('/<x>', '/', '/%2F'),
                ('/<x>', 'a?b#c%d', '/a%3Fb%23c%25d'),
                ('/<x>', '100%', '/100%25'),
                ('/<x>', 'a+b&c=d', '/a%2Bb%26c%3Dd'),
                ('/<x>', '...', '/...'),
                ('/<x>', '\r\nX: y', '/%0D%0AX:%20y'),
                ('/<x>', 5, '/5'),
                ('/<x>', '', None),
                ('/<x>', '.', None),
                ('/<x>', '..', None),
                ('/<x>', 'a\0', None),
                ('/a-<x>', '.', '/a-.'),
                ('/<x>.json', '.', '/..json'),
                ('/.<x>', '.', None),
                ('/user-<x>.json', 'a', '/user-a.json'),
                ('/<int:x>', 5, '/5'),
                ('/<int:x>', -5, '/-5'),
                ('/<int:x>', '12', '/12'),
                ('/<int:x>', 'a', None),
                ('/<int:x>', 1.5, None),
                ('/<int:x>', None, None),
                ('/<int:x>', 10 ** 40, None),
                ('/<float:x>', 1.5, '/1.5'),
                ('/<float:x>', -2, '/-2'),
                ('/<float:x>', 'nan', None),
                ('/<float:x>', 'inf', None),
                ('/<re:[a-c]+:x>', 'abc', '/abc'),
                ('/<re:[a-c]+:x>', 'abd', None),
                ('/f/<path:x>', 'a/b c', '/f/a/b%20c'),
                ('/f/<path:x>', 'a//b', '/f/a//b'),
                ('/f/<path:x>', '/', None),
                ('/f/<path:x>', 'a/../b', None),
                ('/f/<path:x>', './b', None),
                ('/f/<path:x>', '', None),
                ('/<path:x>', 'a', '/a'),
                ('/<uuid:x>', UUID, '/' + UUID),
                ('/<uuid:x>', UUID[1:], None),
                ('/<date:x>', '2031-02-28', '/2031-02-28'),
                ('/<date:x>', '2031-02-29', None),
                ('/<any(a,b):x>', 'b', '/b'),
                ('/<any(a,b):x>', 'c', None),
                ('/caf\xe9/<x>', 'a', '/caf%C3%A9/a')):
            with self.subTest(pattern=pattern, value=value):
                if pattern == '/<float:x>' and path == '/-2':
                    self.assertEqual(application(name=pattern).url_for(
                        'name', x=value), path)
                else:
                    self.check(pattern, value, path)

    def test_a_type_of_ones_own(self):
        URLPattern.register_type('even', parser=lambda value: int(value)
                                 if int(value) % 2 == 0 else None)
        try:
            app = application(name='/<even:x>')
            self.assertEqual(app.url_for('name', x=4), '/4')
            for value in (3, 'a'):
                with self.assertRaises(ValueError):
                    app.url_for('name', x=value)
        finally:
            del URLPattern.segment_parsers['even']

    def test_any_name_of_a_parameter(self):
        app = application(a='/a/<name>', b='/b/<self>/<args>')
        self.assertEqual(app.url_for('a', name='x'), '/a/x')
        self.assertEqual(app.url_for('b', self='x', args='y'), '/b/x/y')
        req = Request(app, None, 'GET', '/', '1.1', {'Host': 'a'})
        self.assertEqual(req.url_for('a', name='x'), 'http://a/a/x')

    def test_several_parameters(self):
        app = application(name='/<int:a>/b/<c>/<path:d>')
        self.assertEqual(app.url_for('name', a=1, c='c', d='d/e'),
                         '/1/b/c/d/e')

    def test_errors_name_the_fault(self):
        app = application(user='/<int:id>')
        for args, text in (({}, 'route user: no value for id'),
                           ({'id': 1, 'foo': 2},
                            'route user: no parameter foo'),
                           ({'id': 'x'}, "route user: id cannot be 'x'")):
            with self.assertRaises(ValueError) as context:
                app.url_for('user', **args)
            self.assertEqual(context.exception.args[0], text)
        with self.assertRaises(ValueError) as context:
            app.url_for('none')
        self.assertEqual(context.exception.args[0],
                         'route none: there is none')


class TestMounts(unittest.TestCase):
    def test_names_of_a_child_follow_its_own(self):
        top = application(a='/a')
        child = application(a='/b', c='/c')
        top.mount(child, '/child', name='sub')
        self.assertEqual(top.url_for('a'), '/a')
        self.assertEqual(top.url_for('sub:a'), '/child/b')
        self.assertEqual(top.url_for('sub:c'), '/child/c')
        for name in ('c', 'sub', 'sub:', 'sub:none', 'other:a', ':a'):
            with self.assertRaises(ValueError):
                top.url_for(name)

    def test_those_of_a_child_without_a_name_are_the_parents(self):
        top = application(a='/a')
        child = application(a='/b', c='/c')
        top.mount(child, '/child')
        self.assertEqual(top.url_for('a'), '/a')
        self.assertEqual(top.url_for('c'), '/child/c')

    def test_a_prefix_with_parameters(self):
        top = Microdot()
        child = application(post='/posts/<int:post>')
        top.mount(child, '/users/<user>', name='users')
        self.assertEqual(top.url_for('users:post', user='a b', post=3),
                         '/users/a%20b/posts/3')
        with self.assertRaises(ValueError):
            top.url_for('users:post', post=3)

    def test_mounts_in_mounts_later_and_twice(self):
        top = Microdot()
        middle = Microdot()
        bottom = Microdot()
        top.mount(middle, '/m', local=True, name='m')
        middle.mount(bottom, '/b', name='b')
        bottom.get('/x', name='x')(view)
        top.mount(bottom, '/c', name='c')
        self.assertEqual(top.url_for('m:b:x'), '/m/b/x')
        self.assertEqual(top.url_for('c:x'), '/c/x')
        self.assertEqual(middle.url_for('b:x'), '/b/x')
        self.assertEqual(bottom.url_for('x'), '/x')


class TestAbsolute(unittest.TestCase):
    def get(self, headers=None, **options):
        app = Microdot()
        child = Microdot()
        app.mount(child, '/child', name='child')

        @child.get('/<x>')
        async def view(request, x):
            return request.url_for('child:view', x=x)

        return run(TestClient(app, **options).get('/child/a', headers)).text

    def test_scheme_and_host_are_those_of_the_request(self):
        self.assertEqual(self.get(host='example.com'),
                         'http://example.com/child/a')
        self.assertEqual(self.get(host='example.com:8443', scheme='https'),
                         'https://example.com:8443/child/a')
        self.assertEqual(self.get(host='[::1]:80'), 'http://[::1]:80/child/a')
        self.assertEqual(self.get({'Host': ''}), 'http://localhost/child/a')


class TestSlashes(unittest.TestCase):
    def setUp(self):
        self.app = Microdot()
        self.app.redirect_slashes = True
        self.app.get('/with/')(view)
        self.app.get('/without')(view)
        self.app.post('/post')(view)
        self.app.get('/item/<x>/')(view)
        self.app.get('/file/<path:p>')(view)

    def check(self, path, status, location=None, method='GET'):
        res = request(self.app, path, method)
        self.assertEqual(res.status_code, status)
        self.assertEqual(res.headers.get('Location'), location)

    def test_by_default_there_is_none(self):
        self.app.redirect_slashes = False
        self.check('/with', 404)
        self.check('/without/', 404)
        self.assertFalse(Microdot.redirect_slashes)

    def test_redirects(self):
        for path, location in (
                ('/with', '/with/'),
                ('/without/', '/without'),
                ('/without///', '/without'),
                ('/with?a=b/c', '/with/?a=b/c'),
                ('/with?', '/with/?'),
                ('/item/a%20b', '/item/a%20b/'),
                ('/item/a%2Fb', '/item/a%2Fb/')):
            with self.subTest(path=path):
                self.check(path, 307, location)

    def test_every_method(self):
        self.check('/with', 307, '/with/', 'DELETE')
        self.check('/post/', 307, '/post', 'GET')
        self.check('/post/', 307, '/post', 'POST')
        self.check('/post', 405)

    def test_what_matches_neither_way(self):
        for path in ('/none', '/none/', '/with/x', '//with', '//'):
            self.check(path, 404)
        self.check('/', 404)
        self.check('*', 200, None, 'OPTIONS')

    def test_no_redirect_to_another_host(self):
        self.app.get('/<path:p>/')(view)
        for path in ('//evil.example', '//evil.example/x'):
            self.check(path, 404)
        self.check('/\\evil.example', 307, '/%5Cevil.example/')
        self.check('/%09/evil.example', 307, '/%09/evil.example/')
        self.check('/%2Fevil.example', 307, '/%2Fevil.example/')
        self.app.get('/<path:p>')(view)
        self.check('//evil.example/', 200)

    def test_no_path_at_all(self):
        # as some servers for ASGI give it
        req = Request(self.app, None, 'GET', '', '1.1', {})
        res = run(self.app.dispatch_request(req))
        self.assertEqual(res.status_code, 404)

    def test_error_handlers_apply(self):
        self.app.errorhandler(307)(lambda request: ('moved', 307))
        res = request(self.app, '/with')
        self.assertEqual((res.text, res.headers['Location']),
                         ('moved', '/with/'))


if __name__ == '__main__':
    unittest.main()

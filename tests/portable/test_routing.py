"""Which handler answers a request, and with what arguments."""

import unittest

from helpers import change, heap_kb, run
from microdot.microdot import Microdot, Request, URLPattern
from microdot.test_client import TestClient
from peers import Recorder, converse

NEEDS_EVENT_LOOP = False


def request(app, method, path, **kwargs):
    return run(TestClient(app).request(method, path, **kwargs))


def make_app(*routes):
    """Return an application with routes that answer with their number.

    :param routes: tuples of a pattern and methods.
    """
    app = Recorder()
    for i in range(len(routes)):
        add(app, i, *routes[i])
    return app


def add(app, number, pattern, *methods):
    @app.route(pattern, methods=list(methods) or None)
    async def view(request, **kwargs):
        return str(number)


class TestRegistration(unittest.TestCase):
    def test_decorators_for_methods(self):
        for method in ('get', 'post', 'put', 'patch', 'delete', 'query'):
            with self.subTest(method=method):
                app = Microdot()

                async def view(request):
                    return request.method

                getattr(app, method)('/')(view)
                res = request(app, method.upper(), '/')
                self.assertEqual((res.status_code, res.text),
                                 (200, method.upper()))
                other = 'PUT' if method != 'put' else 'POST'
                self.assertEqual(request(app, other, '/').status_code, 405)

    def test_route_is_for_get_by_default(self):
        app = make_app(('/',))
        self.assertEqual(request(app, 'GET', '/').text, '0')
        self.assertEqual(request(app, 'POST', '/').status_code, 405)

    def test_route_takes_several_methods(self):
        app = make_app(('/', 'get', 'POST'))
        for method in ('GET', 'POST'):
            self.assertEqual(request(app, method, '/').text, '0')

    def test_decorators_return_the_function(self):
        app = Microdot()

        def view(*args):
            pass

        self.assertIs(app.get('/a')(view), view)
        self.assertIs(app.route('/b')(view), view)
        self.assertIs(app.before_request(view), view)
        self.assertIs(app.after_request(view), view)
        self.assertIs(app.after_error_request(view), view)
        self.assertIs(app.errorhandler(404)(view), view)
        self.assertIs(app.on_startup(view), view)
        self.assertIs(app.on_shutdown(view), view)

    def test_decorators_may_be_stacked(self):
        app = Microdot()

        @app.get('/a')
        @app.post('/b')
        @app.get('/c/<x>')
        async def view(request, x='none'):
            return x

        self.assertEqual(request(app, 'GET', '/a').text, 'none')
        self.assertEqual(request(app, 'POST', '/b').text, 'none')
        self.assertEqual(request(app, 'GET', '/c/d').text, 'd')

    def test_routes_are_listed(self):
        app = Microdot()

        @app.route('/a', methods=['get', 'POST'])
        def view(request):
            pass

        self.assertEqual(len(app.routes), 1)
        methods, pattern, handler, prefix, subapp = app.routes[0][:5]
        self.assertEqual(methods, ['GET', 'POST'])
        self.assertTrue(isinstance(pattern, URLPattern))
        self.assertEqual(pattern.url_pattern, '/a')
        self.assertIs(handler, view)
        self.assertEqual(prefix, '')
        self.assertIsNone(subapp)

    def test_applications_share_nothing(self):
        first, second = make_app(('/',)), make_app()
        self.assertEqual(request(second, 'GET', '/').status_code, 404)
        first.errorhandler(404)(lambda request: 'first')
        first.before_request(lambda request: 'first')
        self.assertEqual(second.error_handlers, {})
        self.assertEqual(second.before_request_handlers, [])


class TestMatching(unittest.TestCase):
    def test_first_route_that_matches_wins(self):
        for routes, path, expected in (
                ([('/a',), ('/a',)], '/a', '0'),
                ([('/<x>',), ('/a',)], '/a', '0'),
                ([('/a',), ('/<x>',)], '/a', '0'),
                ([('/a',), ('/<x>',)], '/b', '1'),
                ([('/<int:x>',), ('/<x>',)], '/5', '0'),
                ([('/<int:x>',), ('/<x>',)], '/a', '1'),
                ([('/<path:x>',), ('/a/b',)], '/a/b', '0'),
                ([('/a/<x>',), ('/<path:x>',), ('/a/b',)], '/a/b', '0'),
                ([('/<path:x>',), ('/a/<x>',)], '/a/b', '0'),
                ([('/a/<x>/c',), ('/a/<path:x>',), ('/a/b/c',)], '/a/b/d',
                 '1'),
                ([('/b/<x>',), ('/<x>/c',), ('/a/<x>',)], '/a/c', '1'),
                ([('/a', 'POST'), ('/<x>',)], '/a', '1'),
                ([('/<x>', 'POST'), ('/a',)], '/a', '1')):
            with self.subTest(routes=routes, path=path):
                self.assertEqual(
                    request(make_app(*routes), 'GET', path).text, expected)

    def test_routes_may_be_added_at_any_time(self):
        app = make_app(('/<path:x>', 'POST'))
        self.assertEqual(request(app, 'GET', '/a').status_code, 405)
        add(app, 1, '/a')
        self.assertEqual(request(app, 'GET', '/a').text, '1')
        add(app, 2, '/b/<x>')
        self.assertEqual(request(app, 'GET', '/b/c').text, '2')

    def test_a_thousand_routes(self):
        """S32: routing was a scan over expressions."""
        half = 500 if heap_kb() > 500 else 25
        app = make_app(*([('/r%d/<int:x>' % i,) for i in range(half)] +
                         [('/s%d' % i,) for i in range(half)]))
        for path, number in (
                ('/r0/5', 0), ('/r%d/5' % (half - 1), half - 1),
                ('/s0', half), ('/s%d' % (half - 1), 2 * half - 1)):
            self.assertEqual(request(app, 'GET', path).text, str(number))
        self.assertEqual(request(app, 'GET', '/r0/x').status_code, 404)

    def test_unknown_path_is_404(self):
        app = make_app(('/a',), ('/a/<int:x>',))
        for path in ('/', '/b', '/a/', '/A', '/a/b', '/a/5/', '//a', '/aa'):
            with self.subTest(path=path):
                res = request(app, 'GET', path)
                self.assertEqual((res.status_code, res.text),
                                 (404, 'Not found'))

    def test_arguments_may_have_any_name(self):
        app = Microdot()

        @app.get('/a/<handler>/<function>')
        def plain(request, handler, function):
            return handler + function

        @app.get('/b/<handler>/<args>')
        async def view(request, handler, args):
            return handler + args

        for path in ('/a/x/y', '/b/x/y'):
            self.assertEqual(request(app, 'GET', path).text, 'xy')

    def test_arguments_are_decoded(self):
        """S20: they were not, by the built-in server."""
        app = Microdot()
        seen = []

        @app.get('/one/<x>/end')
        @app.get('/path/<path:x>')
        @app.get('/int/<int:x>')
        @app.get('/re/<re:[a-z ]+:x>')
        async def view(request, x):
            seen.append((x, request.path, request.url))
            return ''

        for path, x, decoded in (
                ('/one/a%20b/end', 'a b', '/one/a b/end'),
                ('/one/a+b/end', 'a+b', '/one/a+b/end'),
                ('/one/%e2%82%ac/end', '\u20ac', '/one/\u20ac/end'),
                ('/one/a%2Fb/end', 'a/b', '/one/a/b/end'),
                ('/one/%2F/end', '/', '/one///end'),
                ('/one/100%25/end', '100%', '/one/100%/end'),
                ('/one/a%3Fb/end', 'a?b', '/one/a?b/end'),
                ('/path/a%2Fb/c%20d', 'a/b/c d', '/path/a/b/c d'),
                ('/int/%35', 5, '/int/5'),
                ('/re/a%20b', 'a b', '/re/a b')):
            with self.subTest(path=path):
                seen.clear()
                res = request(app, 'GET', path)
                self.assertEqual(res.status_code, 200)
                self.assertEqual(seen, [(x, decoded, path)])

    def test_encoded_slash_does_not_separate(self):
        app = make_app(('/a/b',), ('/<x>',))
        self.assertEqual(request(app, 'GET', '/a%2Fb').text, '1')
        self.assertEqual(request(app, 'GET', '/a/b').text, '0')

    def test_encoded_letters_are_the_same_path(self):
        app = make_app(('/abc',), ('/\u20ac',))
        self.assertEqual(request(app, 'GET', '/%61b%63').text, '0')
        self.assertEqual(request(app, 'GET', '/%E2%82%AC').text, '1')

    def test_badly_encoded_path_is_400(self):
        app = make_app(('/<path:x>',))
        for path in ('/%ff', '/%zz', '/a%4', '/%00'):
            with self.subTest(path=path):
                self.assertEqual(request(app, 'GET', path).status_code, 400)
        self.assertEqual(app.logged, [])

    def test_query_is_no_part_of_the_path(self):
        app = make_app(('/a',), ('/a/<x>',))
        self.assertEqual(request(app, 'GET', '/a?b=/c').text, '0')
        self.assertEqual(request(app, 'GET', '/a/x?b=c').text, '1')

    def test_absolute_target(self):
        """S33: it was not found."""
        app = make_app(('/a',))
        got = run(converse(
            app, b'GET http://b:80/a?c HTTP/1.1\r\nHost: x\r\n\r\n'))
        self.assertEqual(got[:13], b'HTTP/1.1 200 ')

    def test_parser_that_fails_is_500(self):
        """S6: no response was sent."""
        self.addCleanup(setattr, URLPattern, 'segment_parsers',
                        dict(URLPattern.segment_parsers))
        URLPattern.register_type('number', parser=lambda text: {'5': 5}[text])
        app = make_app(('/<number:x>',))
        self.assertEqual(request(app, 'GET', '/a').status_code, 500)
        self.assertEqual(len(app.logged), 1)
        self.assertEqual(request(app, 'GET', '/5').text, '0')

    def test_parser_that_refuses_is_404(self):
        self.addCleanup(setattr, URLPattern, 'segment_parsers',
                        dict(URLPattern.segment_parsers))
        URLPattern.register_type('number', parser=int)
        app = make_app(('/<number:x>',), ('/<x>/a',))
        self.assertEqual(request(app, 'GET', '/a').status_code, 404)
        self.assertEqual(request(app, 'GET', '/a/a').text, '1')
        self.assertEqual(request(app, 'GET', '/5').text, '0')
        self.assertEqual(app.logged, [])

    def test_request_knows_its_route(self):
        app = Microdot()
        seen = []

        @app.get('/<int:x>')
        async def view(request, x):
            seen.append(request)
            return ''

        request(app, 'GET', '/5')
        self.assertIs(seen[0].route, view)
        self.assertEqual(seen[0].url_args, {'x': 5})
        self.assertEqual(seen[0].url_prefix, '')
        self.assertIsNone(seen[0].subapp)

    def test_find_route_tells_the_target(self):
        app = make_app(('/a',))
        for method, path, expected in (('GET', '/b', 404), ('PUT', '/a', 405)):
            req = Request(app, None, method, path, '1.1', {})
            self.assertEqual(app.find_route(req), (expected, '', None))
        target, prefix, subapp = app.find_route(
            Request(app, None, 'GET', '/a', '1.1', {}))
        self.assertEqual(run(target(None)), '0')


class TestMethods(unittest.TestCase):
    def test_other_method_is_405_with_allow(self):
        """S33: Allow was missing."""
        app = make_app(('/a', 'GET', 'DELETE'), ('/<x>', 'POST'))
        res = request(app, 'PUT', '/a')
        self.assertEqual((res.status_code, res.text),
                         (405, 'Method Not Allowed'))
        self.assertEqual(res.headers['Allow'],
                         'GET, DELETE, POST, HEAD, OPTIONS')

    def test_method_in_lower_case_is_another(self):
        app = make_app(('/', 'GET'))
        self.assertEqual(request(app, 'get', '/').status_code, 405)

    def test_unknown_method(self):
        app = make_app(('/', 'GET'), ('/x', 'BREW'))
        self.assertEqual(request(app, 'BREW', '/').status_code, 405)
        self.assertEqual(request(app, 'BREW', '/x').text, '1')

    def test_head_runs_the_get_route_without_its_body(self):
        app = make_app(('/', 'GET'))
        res = request(app, 'HEAD', '/')
        self.assertEqual(res.status_code, 200)
        self.assertEqual(res.headers['Content-Length'], '1')
        self.assertIsNone(res.body)
        self.assertIsNone(res.text)

    def test_explicit_head_wins(self):
        """S33: such a route could not be reached."""
        for routes in ([('/', 'GET'), ('/', 'HEAD')],
                       [('/', 'HEAD'), ('/', 'GET')]):
            app = Microdot()
            for pattern, method in routes:
                @app.route(pattern, methods=[method])
                async def view(request, method=method):
                    return '', 200, {'X': method}
            self.assertEqual(request(app, 'HEAD', '/').headers['X'], 'HEAD')
            self.assertEqual(request(app, 'GET', '/').headers['X'], 'GET')

    def test_explicit_head_may_tell_a_length(self):
        app = Recorder()

        @app.route('/', methods=['HEAD'])
        async def view(request):
            return '', 200, {'Content-Length': '1000'}

        res = request(app, 'HEAD', '/')
        self.assertEqual(res.status_code, 200)
        self.assertEqual(res.headers['Content-Length'], '1000')

    def test_head_without_get_is_405(self):
        app = make_app(('/', 'POST'))
        res = request(app, 'HEAD', '/')
        self.assertEqual(res.status_code, 405)
        self.assertIsNone(res.body)

    def test_head_of_an_unknown_path_is_404(self):
        res = request(make_app(), 'HEAD', '/')
        self.assertEqual(res.status_code, 404)
        self.assertIsNone(res.body)

    def test_options_are_told(self):
        for routes, expected in (
                ([('/', 'GET', 'DELETE'), ('/', 'POST')],
                 'GET, DELETE, POST, HEAD, OPTIONS'),
                ([('/', 'POST', 'PUT')], 'POST, PUT, OPTIONS'),
                ([('/', 'GET', 'HEAD')], 'GET, HEAD, OPTIONS'),
                ([('/', 'GET'), ('/<path:x>', 'PUT')],
                 'GET, HEAD, OPTIONS')):
            with self.subTest(routes=routes):
                res = request(make_app(*routes), 'OPTIONS', '/')
                self.assertEqual((res.status_code, res.body), (200, b''))
                self.assertEqual(res.headers['Allow'], expected)

    def test_options_of_an_unknown_path_is_404(self):
        """S33: it was 200, and ran after-error handlers."""
        app = make_app(('/a',))
        self.assertEqual(request(app, 'OPTIONS', '/b').status_code, 404)

    def test_options_of_the_server(self):
        app = make_app(('/a',))
        got = run(converse(app, b'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n'))
        self.assertEqual(got[:13], b'HTTP/1.1 200 ')
        self.assertIn(b'\r\nAllow: ', got)

    def test_explicit_options_win(self):
        """S33: such a route could not be reached."""
        app = make_app(('/', 'GET'), ('/', 'OPTIONS'))
        res = request(app, 'OPTIONS', '/')
        self.assertEqual(res.text, '1')

    def test_options_handler_may_be_replaced(self):
        app = make_app(('/',))
        app.options_handler = lambda request: {'X': request.path}
        self.assertEqual(request(app, 'OPTIONS', '/').headers['X'], '/')

    def test_options_handler_may_be_switched_off(self):
        app = make_app(('/', 'GET'), ('/x', 'OPTIONS'))
        app.options_handler = None
        self.assertEqual(request(app, 'OPTIONS', '/').status_code, 405)
        self.assertEqual(request(app, 'OPTIONS', '/x').text, '1')

    def test_default_options_handler_gives_headers(self):
        app = make_app(('/', 'POST'))
        req = Request(app, None, 'OPTIONS', '/', '1.1', {})
        self.assertEqual(app.default_options_handler(req),
                         {'Allow': 'POST, OPTIONS'})


class TestLimits(unittest.TestCase):
    def test_large_body_is_413(self):
        """Also where the path is unknown."""
        change(self, Request, 'max_content_length', 2000)
        app = make_app(('/', 'POST'))
        for path in ('/', '/unknown'):
            res = request(app, 'POST', path, body=b'x' * 2001)
            self.assertEqual(res.status_code, 413)
            self.assertIn('Request.max_content_length', res.text)

    def test_route_may_take_more(self):
        app = Microdot()

        @app.post('/', max_content_length=3000)
        async def view(request):
            return str(len(await request.stream.read()))

        change(self, Request, 'max_content_length', 2000)
        self.assertEqual(request(app, 'POST', '/', body=b'x' * 3000).text,
                         '3000')
        self.assertEqual(
            request(app, 'POST', '/', body=b'x' * 3001).status_code, 413)

    def test_route_may_take_less(self):
        app = Microdot()
        app.post('/', max_content_length=5)(lambda request: request.body)
        self.assertEqual(request(app, 'POST', '/', body='hello').text, 'hello')
        for body in ('hello!', iter(['hello', '!'])):
            self.assertEqual(
                request(app, 'POST', '/', body=body).status_code, 413)


if __name__ == '__main__':
    unittest.main()

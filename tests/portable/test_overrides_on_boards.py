"""What programs for Microdot 2.7 do to an application beside its decorators,
tested with the test client: it works, or an error says what to do."""

import unittest

from helpers import run
from microdot.microdot import Microdot, URLPattern
from microdot.test_client import TestClient, url_map

NEEDS_EVENT_LOOP = False
ON_CPYTHON = hasattr(Microdot, 'handle_request')


def view(request, x='view'):
    return x


class Marking(Microdot):
    """Its ``dispatch_request`` has no parameter for errors."""

    async def dispatch_request(self, req):
        res = await super().dispatch_request(req)
        res.headers['X-Mine'] = req.path
        return res


class Telling(Microdot):
    """Its ``dispatch_request`` is told of errors."""

    async def dispatch_request(self, req, error=None):
        res = await super().dispatch_request(req, error)
        res.headers['X-Error'] = str(error and error.status_code)
        return res


class Failing(Microdot):
    """Its ``dispatch_request`` has an error that is not of parameters."""

    async def dispatch_request(self, req, error=None):
        raise TypeError('its own')


class Connecting(Microdot):
    async def handle_request(self, reader, writer):
        raise AssertionError('no server calls it')


def ask(app, path='/', headers=None):
    return run(TestClient(app).get(path, headers))


class TestRouteMap(unittest.TestCase):
    def test_what_is_appended_is_a_route(self):
        app = Microdot()
        routes = url_map(app)
        routes.append((['get'], URLPattern('/a'), view, '', None))
        routes.extend([(['GET'], URLPattern('/b/<x>'), view)])
        routes += [(['POST'], URLPattern('/c'), view)]
        self.assertEqual(len(routes), 3)
        self.assertEqual(ask(app, '/a').text, 'view')
        self.assertEqual(ask(app, '/b/1').text, '1')
        self.assertEqual(ask(app, '/c').status_code, 405)

    def test_it_has_the_routes_in_order(self):
        app = Microdot()
        app.get('/a')(view)
        app.post('/b')(view)
        url_map(app).append((['GET'], URLPattern('/c'), view))
        self.assertEqual(
            [(methods, pattern.url_pattern, handler is view)
             for methods, pattern, handler, prefix, subapp in url_map(app)],
            [(['GET'], '/a', True), (['POST'], '/b', True),
             (['GET'], '/c', True)])

    def test_it_is_a_route_of_what_has_mounted_the_application(self):
        app, parent = Microdot(), Microdot()
        parent.mount(app, '/p')
        url_map(app).append((['GET'], URLPattern('/a'), view))
        self.assertEqual(ask(parent, '/p/a').text, 'view')

    def test_other_changes_are_refused(self):
        app = Microdot()
        app.get('/')(view)
        routes = url_map(app)

        def replace():
            routes[0] = routes[0]

        def delete():
            del routes[0]

        for change in (lambda: routes.insert(0, routes[0]),
                       lambda: routes.remove(routes[0]), routes.pop,
                       routes.clear, routes.sort, routes.reverse, replace,
                       delete):
            with self.assertRaises(TypeError) as caught:
                change()
            self.assertIn('append()', str(caught.exception))
        self.assertEqual(ask(app).text, 'view')


class TestDispatch(unittest.TestCase):
    def test_one_without_a_parameter_for_errors_is_called_for_requests(self):
        app = Marking()
        app.get('/')(view)
        for path, status in (('/', 200), ('/nowhere', 404)):
            res = ask(app, path)
            self.assertEqual(res.status_code, status)
            self.assertEqual(res.headers['X-Mine'], path)

    def test_what_is_malformed_is_answered_in_its_place(self):
        for headers, status in (({'Expect': 'x'}, 417),
                                ({'Content-Length': 'x'}, 400)):
            res = ask(Marking(), headers=headers)
            self.assertEqual(res.status_code, status)
            self.assertNotIn('X-Mine', res.headers)

    def test_a_plain_function_keeps_its_own_errors(self):
        class Plain(Microdot):
            def dispatch_request(self, req):
                raise TypeError('its own')

        with self.assertRaises(TypeError) as caught:
            ask(Plain())
        self.assertEqual(str(caught.exception), 'its own')

    def test_one_with_the_parameter_is_told_of_errors(self):
        app = Telling()
        app.get('/')(view)
        for headers, status, error in (
                (None, 200, 'None'), ({'Expect': 'x'}, 417, '417'),
                ({'Content-Length': 'x'}, 400, '400')):
            res = ask(app, headers=headers)
            self.assertEqual(res.status_code, status)
            self.assertEqual(res.headers['X-Error'], error)

    def test_an_error_of_its_own_is_left_as_it_is(self):
        with self.assertRaises(TypeError) as caught:
            ask(Failing())
        self.assertEqual(str(caught.exception), 'its own')


class TestConnections(unittest.TestCase):
    @unittest.skipIf(ON_CPYTHON, 'on CPython the server says so')
    def test_a_method_that_no_server_calls_is_named(self):
        with self.assertRaises(TypeError) as caught:
            TestClient(Connecting())
        self.assertIn('Connecting.handle_request()', str(caught.exception))
        self.assertIn('@app.middleware', str(caught.exception))

    @unittest.skipIf(not ON_CPYTHON, 'a board has no such method')
    def test_it_is_in_the_way_of_no_test(self):
        app = Connecting()
        app.get('/')(view)
        self.assertEqual(ask(app).text, 'view')

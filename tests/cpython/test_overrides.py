"""What programs for Microdot 2.7 do to an application beside its decorators:
it works, or an error says what to do."""
import asyncio

import pytest

from helpers import run
from microdot import Microdot, URLPattern
from microdot.asgi import Microdot as AsgiMicrodot
from microdot.test_client import TestClient
from microdot.wsgi import Microdot as WsgiMicrodot
from serving import GET, Server


def view(request):
    return 'view'


class TestRouteMap:
    def get(self, app, path):
        return run(TestClient(app).get(path))

    def test_what_is_appended_is_a_route(self):
        app = Microdot()
        app.url_map.append((['get'], URLPattern('/a'), view, '', None))
        app.url_map.extend([(['GET'], URLPattern('/b/<x>'),
                             lambda request, x: x)])
        app.url_map += [(['POST'], URLPattern('/c'), view)]
        assert self.get(app, '/a').text == 'view'
        assert self.get(app, '/b/1').text == '1'
        assert self.get(app, '/c').status_code == 405
        assert [pattern.url_pattern for _, pattern, *_ in app.url_map] == \
            ['/a', '/b/<x>', '/c']

    def test_it_is_a_route_of_what_has_mounted_the_application(self):
        app, parent = Microdot(), Microdot()
        parent.mount(app, '/p')
        app.url_map.append((['GET'], URLPattern('/a'), view, '', None))
        assert self.get(parent, '/p/a').text == 'view'

    def test_a_list_that_is_kept_shows_what_was_appended(self):
        routes = Microdot().url_map
        routes.append((['GET'], URLPattern('/a'), view, '', None))
        assert len(routes) == 1

    @pytest.mark.parametrize('change', (
        lambda routes: routes.insert(0, routes[0]),
        lambda routes: routes.remove(routes[0]),
        lambda routes: routes.pop(),
        lambda routes: routes.clear(),
        lambda routes: routes.sort(key=str),
        lambda routes: routes.reverse(),
        lambda routes: routes.__setitem__(0, routes[0]),
        lambda routes: routes.__delitem__(0),
        lambda routes: routes.__imul__(2)))
    def test_other_changes_are_refused(self, change):
        app = Microdot()
        app.get('/')(view)
        with pytest.raises(TypeError, match=r'append\(\)'):
            change(app.url_map)

    def test_it_is_not_replaced(self):
        app = Microdot()
        with pytest.raises(AttributeError, match=r'@app\.route\(\)'):
            app.url_map = []
        with pytest.raises(AttributeError, match=r'@app\.route\(\)'):
            app.url_map = Microdot().url_map


def overriding(base):
    class Overriding(base):
        async def dispatch_request(self, req):
            res = await super().dispatch_request(req)
            res.headers['X-Mine'] = req.path
            return res
    return Overriding()


class TestDispatch:
    def test_one_without_a_parameter_for_errors_is_called(self):
        async def main():
            app = overriding(Microdot)
            app.get('/')(view)
            async with Server(app) as server:
                answer = await server.ask()
                assert (answer.body, answer.headers['x-mine']) == \
                    (b'view', '/')
                # what is no request does not come so far
                for data, status in (
                        (b'GET / HTTP/1.1\r\n\r\n', 400),
                        (GET[:-2] + b'Expect: x\r\n\r\n', 417),
                        (GET[:-2] + b'X: y\r\n' * 101 + b'\r\n', 431)):
                    answer = await server.ask(data)
                    assert answer.status == status
                    assert 'x-mine' not in answer.headers
        run(main())

    def test_it_is_called_for_every_server(self):
        app = overriding(AsgiMicrodot)
        app.get('/')(view)
        sent = []

        async def send(message):
            sent.append(message)

        async def receive():
            return {'type': 'http.request', 'body': b''}

        asyncio.run(app({
            'type': 'http', 'method': 'GET', 'path': '/', 'raw_path': b'/',
            'headers': [(b'host', b'a')], 'query_string': b'',
            'http_version': '1.1', 'client': None}, receive, send))
        assert (b'x-mine', b'/') in sent[0]['headers']

        app = overriding(WsgiMicrodot)
        app.get('/')(view)
        started = []
        body = app({'REQUEST_METHOD': 'GET', 'PATH_INFO': '/',
                    'HTTP_HOST': 'a', 'wsgi.url_scheme': 'http'},
                   lambda status, headers: started.append(headers))
        assert b''.join(body) == b'view'
        assert ('X-Mine', '/') in started[0]

    def test_a_class_below_and_the_test_client_call_it_too(self):
        class Below(type(overriding(Microdot))):
            pass

        app = Below()
        app.get('/')(view)
        res = run(TestClient(app).get('/'))
        assert res.headers['X-Mine'] == '/'

    def test_one_with_the_parameter_is_told_of_errors(self):
        seen = []

        class Overriding(Microdot):
            async def dispatch_request(self, req, error=None):
                seen.append(error and error.status_code)
                return await super().dispatch_request(req, error)

        async def main():
            async with Server(Overriding()) as server:
                await server.ask()
                await server.ask(b'GET / HTTP/1.1\r\n\r\n')
        run(main())
        assert seen == [None, 400]


class TestConnections:
    def test_a_method_that_no_server_calls_is_named(self):
        class Overriding(Microdot):
            async def handle_request(self, reader, writer):
                await super().handle_request(reader, writer)

        with pytest.raises(TypeError, match=r'Overriding\.handle_request\(\)'
                                            r'.*dispatch_request\(\)'):
            run(Overriding().start_server('127.0.0.1', 0))

    def test_so_is_one_of_the_application_alone(self):
        app = Microdot()
        app.handle_request = view
        with pytest.raises(TypeError, match=r'@app\.middleware'):
            app.run('127.0.0.1', 0)
        assert app.servers == []

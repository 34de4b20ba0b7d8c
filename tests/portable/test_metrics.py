"""Figures for Prometheus, and a page for whoever watches."""

import asyncio
import unittest

from helpers import change, run
from microdot.metrics import Health, Metrics
from microdot.microdot import Microdot, Server, abort
from microdot.test_client import TestClient


def make_app():
    app = Microdot()

    @app.get('/items/<int:id>')
    async def item(request, id):
        if id == 404:
            abort(404)
        return 'x' * 10

    @app.get('/fails')
    async def fails(request):
        raise ValueError('meant')

    return app


def value(text, name):
    for line in text.split('\n'):
        if line.startswith(name + ' '):
            return float(line[len(name):])
    return None


class TestMetrics(unittest.TestCase):
    def test_requests_are_counted_by_pattern_method_and_status(self):
        app = make_app()
        app.log_exception = lambda req, exc: None
        Metrics(app)

        async def main():
            client = TestClient(app)
            for path in ('/items/1', '/items/2', '/items/404', '/nothing',
                         '/fails'):
                await client.get(path)
            await client.post('/items/1')
            return (await client.get('/metrics')).text

        text = run(main())
        for name, expected in (
                ('requests_total{method="GET",route="/items/<int:id>",'
                 'status="200"}', 2),
                ('requests_total{method="GET",route="/items/<int:id>",'
                 'status="404"}', 1),
                ('requests_total{method="GET",route="/fails",status="500"}',
                 1)):
            with self.subTest(name=name):
                self.assertEqual(value(text, 'microdot_' + name), expected)
        self.assertTrue(value(
            text, 'microdot_request_seconds_total{method="GET",'
            'route="/items/<int:id>",status="200"}') >= 0)

    def test_what_no_route_matches_makes_no_series_of_its_own(self):
        app = make_app()
        metrics = Metrics(app)

        async def main():
            client = TestClient(app)
            for number in range(5):
                await client.get('/%d' % number)
                await client.request('M%d' % number, '/items/1')

        run(main())
        self.assertTrue(len(metrics.series) <= 2)

    def test_without_a_path_nothing_is_served(self):
        app = make_app()
        metrics = Metrics(app, path=None)
        res = run(TestClient(app).get('/metrics'))
        self.assertEqual(res.status_code, 404)
        self.assertIn('microdot_requests_total', metrics.render())


class TestHealth(unittest.TestCase):
    def test_all_is_well(self):
        app = make_app()

        async def database():
            return True

        Health(app, checks=[database, lambda: 1])
        res = run(TestClient(app).get('/health'))
        self.assertEqual(res.status_code, 200)
        self.assertEqual(res.json, {'status': 'ok', 'failed': []})

    def test_a_check_that_fails_is_named_and_logged_once(self):
        app = make_app()
        logged = []
        app.log_exception = lambda req, exc: logged.append(exc)

        async def database():
            raise OSError('down')

        def disk():
            return False

        Health(app, path='/well', checks=[database, disk])

        async def main():
            for _ in range(3):
                res = await TestClient(app).get('/well')
                self.assertEqual(res.status_code, 503)
                self.assertEqual(res.json['failed'], ['database', 'disk'])
                self.assertEqual('down' in res.text, False)

        run(main())
        self.assertEqual(len(logged), 1)

    def test_a_check_that_takes_long_fails(self):
        change(self, Health, 'timeout', 0.01)
        app = make_app()
        app.log_exception = lambda req, exc: None

        async def slow():
            await asyncio.sleep(60)

        Health(app, checks=[slow])
        res = run(TestClient(app).get('/health'))
        self.assertEqual(res.status_code, 503)

    def test_a_server_that_shuts_down_is_not_well(self):
        app = make_app()
        Health(app)
        server = Server(app, [None])
        server.closing = True
        res = run(TestClient(app).get('/health'))
        self.assertEqual(res.status_code, 503)
        self.assertEqual(res.json['status'], 'closing')

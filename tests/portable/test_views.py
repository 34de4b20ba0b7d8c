"""Routes whose methods are those of a class."""

import unittest

import microdot.urls  # noqa: F401
from helpers import run
from microdot.microdot import Microdot
from microdot.test_client import TestClient
from microdot.views import View

NEEDS_EVENT_LOOP = False


class Item(View):
    def __init__(self):
        self.count = 0

    async def get(self, request, id):
        self.count += 1
        return 'get %d %d' % (id, self.count)

    def post(self, request, id):
        return 'post %d' % id


class Own(Item):
    async def head(self, request, id):
        return '', {'X-Own': 'head'}

    async def options(self, request, id):
        return 'own'


def make_app():
    app = Microdot()
    app.route('/items/<int:id>')(Item)
    app.route('/own/<int:id>')(Own)
    return app


class TestViews(unittest.TestCase):
    def setUp(self):
        self.app = make_app()

    def ask(self, path, method='GET'):
        return run(TestClient(self.app).request(method, path))

    def test_the_method_of_a_request_is_called(self):
        self.assertEqual(self.ask('/items/7').text, 'get 7 1')

    def test_a_plain_method_is_called_too(self):
        self.assertEqual(self.ask('/items/7', 'POST').text, 'post 7')

    def test_each_request_has_an_instance_of_its_own(self):
        for _ in range(2):
            self.assertEqual(self.ask('/items/7').text, 'get 7 1')

    def test_other_methods_are_not_allowed(self):
        res = self.ask('/items/7', 'DELETE')
        self.assertEqual(res.status_code, 405)
        self.assertIn('POST', res.headers['Allow'])
        self.assertNotIn('DELETE', res.headers['Allow'])

    def test_head_runs_get(self):
        res = self.ask('/items/7', 'HEAD')
        self.assertEqual((res.status_code, res.body or b''), (200, b''))
        self.assertEqual(res.headers['Content-Length'], '7')

    def test_options_are_answered(self):
        res = self.ask('/items/7', 'OPTIONS')
        self.assertIn('GET', res.headers['Allow'])

    def test_head_and_options_may_be_methods(self):
        self.assertEqual(self.ask('/own/7', 'HEAD').headers['X-Own'], 'head')
        self.assertEqual(self.ask('/own/7', 'OPTIONS').text, 'own')

    def test_methods_are_inherited(self):
        self.assertEqual(self.ask('/own/7').text, 'get 7 1')

    def test_the_decorator_returns_the_class(self):
        self.assertTrue(self.app.route('/x/<int:id>')(Item) is Item)

    def test_the_route_is_named_after_the_class(self):
        self.assertEqual(self.app.url_for('Item', id=7), '/items/7')

    def test_it_may_have_another_name(self):
        self.app.route('/named/<int:id>', name='thing')(Item)
        self.assertEqual(self.app.url_for('thing', id=7), '/named/7')

    def test_it_works_in_a_mounted_application(self):
        app = Microdot()
        app.mount(self.app, '/sub')
        self.app = app
        self.assertEqual(self.ask('/sub/items/7').text, 'get 7 1')

"""Methods are case-sensitive, and dot segments reach no handler."""

import unittest

from helpers import run
from microdot import Microdot
from microdot.test_client import TestClient


def make_app():
    app = Microdot()
    app.seen = []

    @app.before_request
    async def before(request):
        app.seen.append(request.path)

    @app.route('/x', methods=['get', 'POST'])
    async def x(request):
        return request.method

    @app.get('/f/<path:path>')
    async def file(request, path):
        return path

    return app


class TestMethods(unittest.TestCase):
    def test_the_method_of_a_request_is_case_sensitive(self):
        """RFC 9110, section 9.1"""
        app = make_app()
        for method in ('get', 'Post', 'post', 'head', 'options', 'pOST'):
            res = run(TestClient(app).request(method, '/x'))
            self.assertEqual(res.status_code, 405)
            self.assertEqual(res.headers['Allow'], 'GET, POST, HEAD, OPTIONS')
        self.assertEqual(app.seen, [])
        # a program may write them as it likes
        for method in ('GET', 'POST'):
            res = run(TestClient(app).request(method, '/x'))
            self.assertEqual(res.text, method)


    def test_a_method_that_nobody_knows_is_not_implemented(self):
        """RFC 9110, section 15.6.2"""
        app = make_app()
        app.route('/own', methods=['PURGE'])(lambda request: 'purged')
        for method, path, status in (
                ('FOO', '/x', 501), ('foo', '/f/1', 501), ('FOO', '/y', 404),
                ('PURGE', '/own', 200), ('PURGE', '/x', 405),
                ('TRACE', '/x', 405), ('DELETE', '/x', 405),
                ('QUERY', '/x', 405), ('GET', '/own', 405)):
            with self.subTest(method=method, path=path):
                res = run(TestClient(app).request(method, path))
                self.assertEqual(res.status_code, status)
                self.assertEqual('Allow' in res.headers, status in (405, 501))
        self.assertEqual(app.seen, ['/own'])

    def test_not_implemented_may_have_a_handler(self):
        app = make_app()
        app.errorhandler(501)(lambda request: ('no such thing', 501))
        res = run(TestClient(app).request('FOO', '/x'))
        self.assertEqual((res.status_code, res.text), (501, 'no such thing'))


class TestDotSegments(unittest.TestCase):
    def test_they_are_not_found(self):
        app = make_app()
        for path in ('/f/..', '/f/.', '/f/../x', '/f/./x', '/./x', '/..',
                     '/f/%2e%2e/x', '/f/%2E%2e', '/f/a%2f..%2fb', '/f/.%2f',
                     '/f/..%5cx', '/f/a\\..\\b', '/f/a%5c..', '/f/a/..\\b'):
            with self.subTest(path=path):
                res = run(TestClient(app).get(path))
                self.assertEqual(res.status_code, 404)
        self.assertEqual(app.seen, [])

    def test_other_dots_are_taken(self):
        app = make_app()
        for path in ('...', '.well-known/x', 'a..b', 'a/..b', 'b../c', '.a',
                     'a.b/.c', '..%20/x'):
            res = run(TestClient(app).get('/f/' + path))
            self.assertEqual(res.text, path.replace('%20', ' '))

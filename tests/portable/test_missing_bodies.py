"""A handler asks the body for what is there in another type of body only."""

import sys
import unittest

from helpers import run
from microdot.microdot import Microdot
from microdot.test_client import TestClient

NEEDS_EVENT_LOOP = False
ON_CPYTHON = sys.implementation.name == 'cpython'
JSON = {'Content-Type': 'application/json'}
FORM = {'Content-Type': 'application/x-www-form-urlencoded'}


def nothing():
    return None


def make():
    app = Microdot()
    app.logged = []
    app.log_exception = lambda req, exc: app.logged.append(exc)

    @app.post('/field')
    async def field(request):
        return request.form['q']

    @app.post('/method')
    def method(request):
        return request.form.get('q', 'none')

    @app.post('/member')
    async def member(request):
        return request.json['q']

    @app.post('/unasked')
    async def unasked(request):
        return nothing()['q']

    @app.post('/text')
    async def text(request):
        raise ValueError("%s, and 'NoneType'" % request.form)

    @app.post('/taken')
    async def taken(request):
        return nothing()[request.form['q']]

    return app


def ask(app, path, headers, body=b'{"q": "a"}'):
    return run(TestClient(app).post(path, headers, body))


class TestMissingBodies(unittest.TestCase):
    def test_another_type_is_a_415(self):
        for path, headers, wanted in (
                ('/field', JSON, 'form'), ('/field', {}, 'form'),
                ('/method', JSON, 'form'), ('/method', {}, 'form'),
                ('/member', FORM, 'application/json'),
                ('/member', {}, 'application/json')):
            with self.subTest(path=path, headers=headers):
                app = make()
                res = ask(app, path, headers)
                self.assertEqual(res.status_code, 415)
                self.assertTrue(res.text.startswith('The body must be '))
                self.assertIn(wanted, res.text)
                # a board cannot tell it from a mistake of the program
                self.assertEqual(len(app.logged), 0 if ON_CPYTHON else 1)

    def test_a_handler_for_415_answers_it(self):
        app = make()
        app.errorhandler(415)(lambda request: ('mine', 415))
        res = ask(app, '/field', JSON)
        self.assertEqual((res.status_code, res.text), (415, 'mine'))

    def test_the_right_type_is_taken(self):
        app = make()
        for path, headers, body in (
                ('/field', FORM, b'q=a'), ('/method', FORM, b'q=a'),
                ('/member', JSON, b'{"q": "a"}')):
            self.assertEqual(ask(app, path, headers, body).text, 'a')
        self.assertEqual(app.logged, [])

    def test_other_errors_are_the_programs(self):
        for path, headers, body in (
                ('/unasked', JSON, b'{}'), ('/text', JSON, b'{}'),
                ('/taken', FORM, b'q=a')):
            with self.subTest(path=path):
                app = make()
                res = ask(app, path, headers, body)
                self.assertEqual(res.status_code, 500)
                self.assertEqual(len(app.logged), 1)

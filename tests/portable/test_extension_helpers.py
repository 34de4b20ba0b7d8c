"""What the extensions share."""

import sys
import unittest

from helpers import run
from microdot import Microdot
from microdot.helpers import add_vary, choose_coding, wraps
from microdot.test_client import TestClient

NEEDS_EVENT_LOOP = False
IS_BOARD = sys.implementation.name == 'micropython'


def view(request):
    """Answer."""


class TestWraps(unittest.TestCase):
    def test_the_wrapper_is_kept(self):
        def wrapper(request):
            return 5

        self.assertIs(wraps(view)(wrapper), wrapper)
        self.assertEqual(wrapper(None), 5)

    @unittest.skipIf(IS_BOARD, 'functions take no attributes')
    def test_the_wrapper_takes_over_name_and_docstring(self):
        @wraps(view)
        def wrapper(request):
            pass

        self.assertEqual(wrapper.__name__, 'view')
        self.assertEqual(wrapper.__doc__, 'Answer.')
        self.assertIs(wrapper.__wrapped__, view)

    def test_what_is_no_function_is_wrapped_too(self):
        class View:
            def __call__(self, request):
                return 6

        @wraps(View())
        def wrapper(request):
            return 7

        self.assertEqual(wrapper(None), 7)


class TestAddVary(unittest.TestCase):
    def answer(self, *added, headers=None):
        app = Microdot()

        @app.get('/')
        async def index(request):
            for name in added:
                add_vary(request, name)
            return 'ok', headers

        vary = run(TestClient(app).get('/')).headers.get('Vary')
        return None if vary is None else sorted(vary.split(', '))

    def test_a_name_is_in_the_header(self):
        self.assertEqual(self.answer('Cookie'), ['Cookie'])

    def test_names_are_there_once(self):
        self.assertEqual(self.answer('Cookie', 'Origin', 'Cookie'),
                         ['Cookie', 'Origin'])

    def test_names_of_the_handler_are_kept(self):
        self.assertEqual(
            self.answer('Cookie', headers={'Vary': 'Accept, Cookie'}),
            ['Accept', 'Cookie'])

    def test_nothing_is_there_unasked(self):
        self.assertIsNone(self.answer())


class TestChooseCoding(unittest.TestCase):
    def test_weights_are_those_of_rfc_9110(self):
        for value, expected in (
                ('gzip', 'gzip'), ('GZIP', 'gzip'), ('*', 'gzip'),
                ('gzip, deflate, br', 'gzip'),
                ('br;q=1.0, gzip;q=0.5', 'gzip'), ('gzip;q=0.001', 'gzip'),
                ('gzip ; q=0.8', 'gzip'), ('deflate , gzip', 'gzip'),
                ('', None), ('br', None), ('gzip;q=0', None),
                ('gzip;q=0.0, *', None), ('*;q=0', None), ('identity', None),
                ('gzip;q=0.5, identity;q=0.9', None),
                ('gzip;q=0.9, identity;q=0.5', 'gzip'),
                ('gzip;q=0.5, identity;q=0.5', 'gzip'),
                ('gzip;q=x', None), ('gzip;q=nan', None), ('gzip;q=2', None),
                ('gzip;q=-1', None), ('gzip;q', None), ('gzip;level=9', None),
                ('gzipped', None), ('identity;q=-1', None),
                ('br, identity;q=-0.5', None)):
            self.assertEqual(choose_coding(value, ('gzip',)), expected)

    def test_the_weightiest_wins_and_then_the_first(self):
        for value, expected in (
                ('a, b', 'b'), ('b, a', 'b'), ('a, b;q=0.9', 'a'),
                ('a;q=0.1', 'a'), ('*', 'b'), ('*, b;q=0', 'a'),
                ('c', None)):
            self.assertEqual(choose_coding(value, ['b', 'a']), expected)

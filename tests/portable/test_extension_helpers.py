"""What the extensions share."""

import sys
import unittest

from microdot.helpers import wraps

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

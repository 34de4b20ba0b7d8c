"""The subset of unittest that portable tests are written in.

On CPython this checks the expectations themselves, elsewhere the module in
libs/micropython.
"""

import asyncio
import gc
import unittest

NEEDS_EVENT_LOOP = False


class Recorder(unittest.TestResult):
    """Notes what a test comes to, in order."""

    def __init__(self):
        super().__init__()
        self.events = []

    def addSuccess(self, test):
        super().addSuccess(test)
        self.events.append('passed')

    def addFailure(self, test, err):
        self.events.append('failure: %s' % err[1])

    def addError(self, test, err):
        self.events.append('error: %s' % err[0].__name__)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.events.append('skipped: ' + reason)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.events.append('subtest: ' + describe(test, subtest))


def describe(test, subtest):
    return subtest.id()[len(test.id()) + 1:]


def outcome(cls, *names):
    """Return what running methods of a class is reported as, in a list."""
    result = Recorder()
    suite = unittest.TestSuite()
    for name in names or ('check',):
        suite.addTest(cls(name))
    suite.run(result)
    return result.events


class Holder(unittest.TestCase):
    """Its tests hold a lot, and note how much memory is in use."""

    used = []

    def check(self):
        self.held = bytearray(5000)
        gc.collect()
        self.used.append(gc.mem_alloc())


class Calls(unittest.TestCase):
    """Not a test itself: no name of a method begins with ``test``."""

    log = []

    @classmethod
    def setUpClass(cls):
        cls.log = ['setUpClass']

    @classmethod
    def tearDownClass(cls):
        cls.log.append('tearDownClass')

    def setUp(self):
        self.log.append('setUp')
        self.addCleanup(self.log.append, 'first cleanup')
        self.addCleanup(self.log.append, 'second cleanup')

    def tearDown(self):
        self.log.append('tearDown')

    def check(self):
        self.log.append('check')

    def check_again(self):
        self.log.append('check_again')

    def check_failing(self):
        self.log.append('check_failing')
        self.fail('on purpose')


class FailingSetUp(Calls):
    def setUp(self):
        super().setUp()
        raise ValueError('on purpose')


class FailingEverywhere(Calls):
    def setUp(self):
        self.addCleanup(self.fail, 'cleanup')

    def tearDown(self):
        self.fail('tearDown')


class FailingClass(Calls):
    @classmethod
    def setUpClass(cls):
        cls.log = []
        raise ValueError('on purpose')


class SkippingClass(FailingClass):
    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest('no class')


@unittest.skip('decorated class')
class DecoratedClass(FailingClass):
    log = []


class Skips(unittest.TestCase):
    def setUp(self):
        self.ready = True

    @unittest.skip('always')
    def check_skip(self):
        self.fail('not to be run')

    @unittest.skipIf(True, 'if')
    def check_skip_if(self):
        self.fail('not to be run')

    @unittest.skipIf(False, 'if')
    def check_skip_if_not(self):
        self.assertTrue(self.ready)

    @unittest.skipUnless(False, 'unless')
    def check_skip_unless(self):
        self.fail('not to be run')

    @unittest.skipUnless(True, 'unless')
    def check_skip_unless_not(self):
        self.assertTrue(self.ready)

    def check_skip_test(self):
        self.skipTest('method')


class SubTests(unittest.TestCase):
    def check(self):
        for number in range(4):
            with self.subTest(number=number):
                self.assertEqual(number % 2, 0)

    def check_nested(self):
        with self.subTest(outer=1):
            with self.subTest('inner', number=2):
                self.fail('on purpose')

    def check_text(self):
        with self.subTest('only text'):
            raise ValueError('on purpose')

    def check_skip(self):
        with self.subTest(number=1):
            self.skipTest('a part')
        self.fail('reached')


class Errors(unittest.TestCase):
    def check(self):
        raise ValueError('on purpose')

    def check_exit(self):
        raise SystemExit(0)


class TestOrder(unittest.TestCase):
    def test_fixtures_surround_the_test(self):
        self.assertEqual(outcome(Calls), ['passed'])
        self.assertEqual(Calls.log, [
            'setUpClass', 'setUp', 'check', 'tearDown', 'second cleanup',
            'first cleanup', 'tearDownClass'])

    def test_class_fixtures_run_once_for_two_tests(self):
        self.assertEqual(outcome(Calls, 'check', 'check_again'),
                         ['passed', 'passed'])
        self.assertEqual(Calls.log.count('setUpClass'), 1)
        self.assertEqual(Calls.log.count('tearDownClass'), 1)

    def test_class_fixtures_run_for_each_class(self):
        result = Recorder()
        suite = unittest.TestSuite()
        suite.addTest(Calls('check'))
        suite.addTest(Errors('check'))
        suite.run(result)
        self.assertEqual(result.events, ['passed', 'error: ValueError'])
        self.assertEqual(Calls.log[-1], 'tearDownClass')

    # (MicroPython's WebAssembly build collects later)
    @unittest.skipIf(not hasattr(gc, 'mem_alloc') or not hasattr(
        asyncio, 'run'), 'no gc.mem_alloc(), or not at once')
    def test_what_a_test_holds_is_let_go_before_the_next(self):
        Holder.used = []
        self.assertEqual(outcome(Holder, *['check'] * 6), ['passed'] * 6)
        # (a collector may take what it finds for another reference)
        self.assertTrue(Holder.used[-1] < Holder.used[0] + 12000,
                        Holder.used)

    def test_failing_test_is_still_torn_down(self):
        self.assertEqual(outcome(Calls, 'check_failing'),
                         ['failure: on purpose'])
        self.assertIn('tearDown', Calls.log)
        self.assertIn('first cleanup', Calls.log)

    def test_failing_set_up_leaves_out_test_and_tear_down(self):
        self.assertEqual(outcome(FailingSetUp), ['error: ValueError'])
        self.assertEqual(FailingSetUp.log, [
            'setUpClass', 'setUp', 'second cleanup', 'first cleanup',
            'tearDownClass'])

    def test_each_failure_of_a_test_is_reported(self):
        self.assertEqual(outcome(FailingEverywhere),
                         ['failure: tearDown', 'failure: cleanup'])

    def test_failing_class_leaves_out_its_tests(self):
        self.assertEqual(outcome(FailingClass, 'check', 'check_again'),
                         ['error: ValueError'])
        self.assertEqual(FailingClass.log, [])

    def test_cleanups_can_be_done_early(self):
        done = []
        self.addCleanup(done.append, 1)
        self.doCleanups()
        self.assertEqual(done, [1])


class TestSkipping(unittest.TestCase):
    def test_skip(self):
        self.assertEqual(outcome(Skips, 'check_skip'), ['skipped: always'])

    def test_skip_if(self):
        self.assertEqual(outcome(Skips, 'check_skip_if'), ['skipped: if'])
        self.assertEqual(outcome(Skips, 'check_skip_if_not'), ['passed'])

    def test_skip_unless(self):
        self.assertEqual(outcome(Skips, 'check_skip_unless'),
                         ['skipped: unless'])
        self.assertEqual(outcome(Skips, 'check_skip_unless_not'), ['passed'])

    def test_skip_test(self):
        self.assertEqual(outcome(Skips, 'check_skip_test'),
                         ['skipped: method'])

    def test_skip_in_set_up_class_skips_the_class(self):
        self.assertEqual(outcome(SkippingClass, 'check', 'check_again'),
                         ['skipped: no class'])

    def test_decorated_class_is_skipped_test_by_test(self):
        self.assertEqual(outcome(DecoratedClass, 'check', 'check_again'),
                         ['skipped: decorated class'] * 2)
        self.assertEqual(DecoratedClass.log, [])


class TestSubTest(unittest.TestCase):
    def test_failures_are_collected(self):
        self.assertEqual(outcome(SubTests), [
            'subtest: (number=1)', 'subtest: (number=3)'])

    def test_names_of_nested_ones_are_joined(self):
        events = outcome(SubTests, 'check_nested')
        self.assertEqual(len(events), 1)
        self.assertIn('[inner]', events[0])
        self.assertIn('outer=1', events[0])
        self.assertIn('number=2', events[0])

    def test_text_alone_names_it(self):
        self.assertEqual(outcome(SubTests, 'check_text'),
                         ['subtest: [only text]'])

    def test_skip_leaves_the_block_only(self):
        events = outcome(SubTests, 'check_skip')
        self.assertEqual(events, ['skipped: a part', 'failure: reached'])


class TestErrors(unittest.TestCase):
    def test_exception_is_an_error(self):
        self.assertEqual(outcome(Errors), ['error: ValueError'])

    def test_exit_does_not_end_the_run(self):
        self.assertEqual(outcome(Errors, 'check_exit'),
                         ['error: SystemExit'])


# Each row: the assertion, arguments for which it holds, and others for which
# it must fail.
ASSERTIONS = [
    ('assertEqual', (1, 1.0), (1, 2)),
    ('assertEqual', (b'ab' * 100, b'ab' * 100), (b'ab' * 100, b'ab' * 99)),
    ('assertEqual', ([], []), ([], None)),
    ('assertEqual', ({'a': [1]}, {'a': [1]}), ({'a': [1]}, {'a': [2]})),
    ('assertNotEqual', (1, 2), (1, 1)),
    ('assertTrue', ([0],), ([],)),
    ('assertFalse', ('',), ('x',)),
    ('assertIs', (None, None), ([], [])),
    ('assertIsNot', ([], []), (None, None)),
    ('assertIsNone', (None,), (0,)),
    ('assertIsNotNone', (0,), (None,)),
    ('assertIn', ('b', 'abc'), ('d', 'abc')),
    ('assertNotIn', ('d', 'abc'), ('b', 'abc')),
    ('assertIsInstance', (1, int), (1, str)),
    ('assertIsInstance', (1, (str, int)), (1, (str, bytes))),
    ('assertNotIsInstance', (1, str), (1, int)),
    ('assertAlmostEqual', (0.1 + 0.2, 0.3), (0.1, 0.2)),
    ('assertAlmostEqual', (1.04, 1.0, 1), (1.06, 1.0, 1)),
    ('assertNotAlmostEqual', (1.06, 1.0, 1), (1.04, 1.0, 1)),
    ('assertGreater', (2, 1), (1, 1)),
    ('assertGreaterEqual', (1, 1), (0, 1)),
    ('assertLess', (1, 2), (1, 1)),
    ('assertLessEqual', (1, 1), (2, 1)),
]


class TestAssertions(unittest.TestCase):
    def test_holds(self):
        for name, good, bad in ASSERTIONS:
            with self.subTest(name=name, args=good):
                getattr(self, name)(*good)

    def test_fails(self):
        for name, good, bad in ASSERTIONS:
            with self.subTest(name=name, args=bad):
                try:
                    getattr(self, name)(*bad)
                except AssertionError:
                    continue
                raise ValueError('no failure')

    def test_message_is_added_to_the_values(self):
        for name, good, bad in ASSERTIONS:
            with self.subTest(name=name):
                with self.assertRaises(AssertionError) as raised:
                    getattr(self, name)(*bad, msg='the reason')
                text = str(raised.exception)
                self.assertTrue(text.endswith(' : the reason'), text)

    def test_message_shows_the_values(self):
        with self.assertRaises(AssertionError) as raised:
            self.assertEqual('left', ['right'])
        self.assertEqual(str(raised.exception), "'left' != ['right']")

    def test_almost_equal_by_delta(self):
        self.assertAlmostEqual(10, 12, delta=2)
        with self.assertRaises(AssertionError):
            self.assertAlmostEqual(10, 13, delta=2)

    def test_fail(self):
        with self.assertRaises(AssertionError) as raised:
            self.fail('the reason')
        self.assertEqual(str(raised.exception), 'the reason')


class TestAssertRaises(unittest.TestCase):
    def test_context_keeps_the_exception(self):
        error = ValueError('x')
        with self.assertRaises(ValueError) as raised:
            raise error
        self.assertIs(raised.exception, error)

    def test_context_takes_subclasses_and_tuples(self):
        with self.assertRaises(LookupError):
            raise KeyError('x')
        with self.assertRaises((ValueError, KeyError)):
            raise KeyError('x')

    def test_context_lets_others_through(self):
        with self.assertRaises(KeyError):
            with self.assertRaises(ValueError):
                raise KeyError('x')

    def test_context_fails_when_nothing_is_raised(self):
        with self.assertRaises(AssertionError) as raised:
            with self.assertRaises(ValueError):
                pass
        self.assertEqual(str(raised.exception), 'ValueError not raised')

    def test_call(self):
        self.assertRaises(ValueError, int, 'x', 16)

    def test_call_fails_when_nothing_is_raised(self):
        with self.assertRaises(AssertionError):
            self.assertRaises(ValueError, int, '1')


if __name__ == '__main__':
    unittest.main()

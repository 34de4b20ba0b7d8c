"""A small ``unittest`` for boards, which have none.

Origin: written for microdot, from the documentation of CPython's module of
the same name; it shares no code with it nor with other such modules.

Subset provided, with the names and the meaning that CPython gives them:

- ``TestCase`` with ``setUp``, ``tearDown``, ``setUpClass``,
  ``tearDownClass``, ``addCleanup``, ``doCleanups``, ``subTest``,
  ``skipTest``, ``fail``, ``id`` and the assertions ``assertEqual``,
  ``assertNotEqual``, ``assertTrue``, ``assertFalse``, ``assertIs``,
  ``assertIsNot``, ``assertIsNone``, ``assertIsNotNone``, ``assertIn``,
  ``assertNotIn``, ``assertIsInstance``, ``assertNotIsInstance``,
  ``assertAlmostEqual``, ``assertNotAlmostEqual``, ``assertGreater``,
  ``assertGreaterEqual``, ``assertLess``, ``assertLessEqual`` and
  ``assertRaises`` (as a context manager or with a callable).
- ``SkipTest`` and the decorators ``skip``, ``skipIf`` and ``skipUnless``,
  for methods and classes.
- ``TestSuite`` and ``TestResult``, as far as a runner needs them, and
  ``main()`` for a test file that is run by itself.

Left out: ``async`` tests, module fixtures, mocks, regular expressions,
expected failures, loaders and the command line.
"""

import sys

#: How much of a value a failure message shows, in characters.
MAX_SHOWN = 300


class SkipTest(Exception):
    """Raised to skip the test, the class or the file that raises it."""


class _Skipped:
    # Stands where the method was. Functions take no attributes on a board,
    # and an instance in a class is not bound, so this can be recognised
    # before setUp() runs.
    def __init__(self, reason):
        self.reason = reason


def skip(reason):
    """Skip the decorated method or class.

    :param reason: a text that says why.
    """
    def decorate(item):
        if isinstance(item, type):
            item._skip_reason = reason
            return item
        return _Skipped(reason)
    return decorate


def skipIf(condition, reason):
    """Skip the decorated method or class if *condition* is true."""
    return skip(reason) if condition else _unchanged


def skipUnless(condition, reason):
    """Skip the decorated method or class unless *condition* is true."""
    return _unchanged if condition else skip(reason)


def _unchanged(item):
    return item


def _show(value):
    text = repr(value)
    if len(text) > MAX_SHOWN:
        text = '%s... (%d characters)' % (text[:MAX_SHOWN], len(text))
    return text


def _show_difference(first, second):
    """Say where two long sequences of the same type first differ."""
    if type(first) is not type(second) or not isinstance(
            first, (str, bytes, bytearray, list, tuple)):
        return ''
    if len(repr(first)) + len(repr(second)) < 80:
        return ''
    end = min(len(first), len(second))
    at = 0
    while at < end and first[at] == second[at]:
        at += 1
    if at == end and len(first) == len(second):
        return ''
    return '\nfirst difference at index %d of %d and %d: %s and %s' % (
        at, len(first), len(second), _show(first[at:at + 20]),
        _show(second[at:at + 20]))


class _AssertRaises:
    def __init__(self, expected, msg):
        self.expected = expected
        self.exception = None
        self._msg = msg

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc, traceback):
        if exc_type is None:
            raise AssertionError(_message(
                '%s not raised' % _names(self.expected), self._msg))
        if not issubclass(exc_type, self.expected):
            return False
        self.exception = exc
        return True


def _names(types):
    if not isinstance(types, tuple):
        types = (types,)
    return ' or '.join([t.__name__ for t in types])


def _message(text, msg):
    return text if msg is None else '%s : %s' % (text, msg)


class _SubTest:
    # One with block of a test: what the result is told about, and the
    # context manager that tells it.
    def __init__(self, test, msg, params):
        self.test_case = test
        self.params = params
        self._msg = msg
        self._outer = None

    def id(self):
        parts = []
        if self._msg is not None:
            parts.append('[%s]' % self._msg)
        # sorted(), as a board's dict has no order
        pairs = ['%s=%r' % (name, self.params[name])
                 for name in sorted(self.params)]
        if pairs or not parts:
            parts.append('(%s)' % ', '.join(pairs))
        return self.test_case.id() + ' ' + ' '.join(parts)

    def __enter__(self):
        test = self.test_case
        self._outer = test._subtest
        if self._outer is not None:
            params = dict(self._outer.params)
            params.update(self.params)
            self.params = params
        test._subtest = self

    def __exit__(self, exc_type, exc, traceback):
        test = self.test_case
        test._subtest = self._outer
        if exc_type is None:
            return False
        if issubclass(exc_type, KeyboardInterrupt):
            return False
        if issubclass(exc_type, SkipTest):
            test._result.addSkip(self, str(exc))
        else:
            test._failed = True
            test._result.addSubTest(test, self, (exc_type, exc, None))
        return True


class TestCase:
    """A group of tests: each method whose name starts with ``test``.

    An instance runs one of them.

    :param methodName: the name of that method.
    """

    failureException = AssertionError
    _skip_reason = None

    def __init__(self, methodName='runTest'):
        self._method = methodName
        self._cleanups = []
        self._subtest = None
        self._failed = False
        self._result = None

    def id(self):
        """Return the name of the test, such as ``TestX.test_y``."""
        return '%s.%s' % (type(self).__name__, self._method)

    def __str__(self):
        return self.id()

    def setUp(self):
        """Called before the test."""

    def tearDown(self):
        """Called after the test, unless ``setUp`` failed."""

    @classmethod
    def setUpClass(cls):
        """Called before the first test of the class."""

    @classmethod
    def tearDownClass(cls):
        """Called after the last test of the class."""

    def addCleanup(self, function, *args, **kwargs):
        """Have a function called after ``tearDown``, last added first.

        It is also called when ``setUp`` failed.
        """
        self._cleanups.append((function, args, kwargs))

    def doCleanups(self):
        """Call what ``addCleanup`` was given, now rather than later."""
        while self._cleanups:
            function, args, kwargs = self._cleanups.pop()
            self._attempt(function, *args, **kwargs)

    def skipTest(self, reason):
        """Leave the test; it counts as skipped."""
        raise SkipTest(reason)

    def subTest(self, msg=None, **params):
        """Return a context manager that notes a failure and goes on.

        :param msg: a text for the report.
        :param params: values for the report.
        """
        return _SubTest(self, msg, params)

    def run(self, result):
        """Run the test and tell a :class:`TestResult` how it went."""
        self._result = result
        self._failed = False
        result.startTest(self)
        method = getattr(self, self._method)
        reason = self._skip_reason
        if isinstance(method, _Skipped):
            reason = method.reason
        if reason is not None:
            result.addSkip(self, reason)
        else:
            skipped = []
            if self._attempt(self.setUp, skipped=skipped):
                self._attempt(self._call, method, skipped=skipped)
                self._attempt(self.tearDown, skipped=skipped)
            self.doCleanups()
            if not self._failed:
                if skipped:
                    result.addSkip(self, skipped[0])
                else:
                    result.addSuccess(self)
        result.stopTest(self)

    def _call(self, method):
        if method() is not None:
            # Most likely a coroutine, which has not run a single line.
            raise TypeError('a test method returned a value')

    def _attempt(self, function, *args, skipped=None, **kwargs):
        """Call a function, report what it raises; return if it raised not."""
        try:
            function(*args, **kwargs)
            return True
        except KeyboardInterrupt:
            raise
        except SkipTest as exc:
            if skipped is not None:
                skipped.append(str(exc))
        except AssertionError as exc:
            self._failed = True
            self._result.addFailure(self, (type(exc), exc, None))
        except BaseException as exc:  # CancelledError and SystemExit too
            self._failed = True
            self._result.addError(self, (type(exc), exc, None))
        return False

    def fail(self, msg=None):
        """Fail the test."""
        raise AssertionError('failed' if msg is None else msg)

    def _check(self, condition, text, values, msg):
        # The text is only put together when it is needed: most assertions
        # hold, and some are in loops.
        if not condition:
            raise AssertionError(_message(
                text % tuple([_show(value) for value in values]), msg))

    def assertEqual(self, first, second, msg=None):
        """Fail unless ``first == second``."""
        if not first == second:
            text = '%s != %s%s' % (_show(first), _show(second),
                                   _show_difference(first, second))
            raise AssertionError(_message(text, msg))

    def assertNotEqual(self, first, second, msg=None):
        """Fail unless ``first != second``."""
        self._check(first != second, '%s == %s', (first, second), msg)

    def assertTrue(self, expr, msg=None):
        """Fail unless *expr* counts as true."""
        self._check(expr, '%s is not true', (expr,), msg)

    def assertFalse(self, expr, msg=None):
        """Fail unless *expr* counts as false."""
        self._check(not expr, '%s is not false', (expr,), msg)

    def assertIs(self, first, second, msg=None):
        """Fail unless both are the same object."""
        self._check(first is second, '%s is not %s', (first, second), msg)

    def assertIsNot(self, first, second, msg=None):
        """Fail if both are the same object."""
        self._check(first is not second, 'unexpectedly identical: %s',
                    (first,), msg)

    def assertIsNone(self, obj, msg=None):
        """Fail unless *obj* is ``None``."""
        self._check(obj is None, '%s is not None', (obj,), msg)

    def assertIsNotNone(self, obj, msg=None):
        """Fail if *obj* is ``None``."""
        self._check(obj is not None, 'unexpectedly None', (), msg)

    def assertIn(self, member, container, msg=None):
        """Fail unless *container* holds *member*."""
        self._check(member in container, '%s not found in %s',
                    (member, container), msg)

    def assertNotIn(self, member, container, msg=None):
        """Fail if *container* holds *member*."""
        self._check(member not in container, '%s unexpectedly found in %s',
                    (member, container), msg)

    def assertIsInstance(self, obj, cls, msg=None):
        """Fail unless *obj* is an instance of *cls*, or of one in a tuple."""
        if not isinstance(obj, cls):
            raise AssertionError(_message('%s is not an instance of %s' % (
                _show(obj), _names(cls)), msg))

    def assertNotIsInstance(self, obj, cls, msg=None):
        """Fail if *obj* is an instance of *cls*, or of one in a tuple."""
        if isinstance(obj, cls):
            raise AssertionError(_message('%s is an instance of %s' % (
                _show(obj), _names(cls)), msg))

    def assertGreater(self, first, second, msg=None):
        """Fail unless ``first > second``."""
        self._check(first > second, '%s not greater than %s',
                    (first, second), msg)

    def assertGreaterEqual(self, first, second, msg=None):
        """Fail unless ``first >= second``."""
        self._check(first >= second, '%s not greater than or equal to %s',
                    (first, second), msg)

    def assertLess(self, first, second, msg=None):
        """Fail unless ``first < second``."""
        self._check(first < second, '%s not less than %s',
                    (first, second), msg)

    def assertLessEqual(self, first, second, msg=None):
        """Fail unless ``first <= second``."""
        self._check(first <= second, '%s not less than or equal to %s',
                    (first, second), msg)

    def assertAlmostEqual(self, first, second, places=None, msg=None,
                          delta=None):
        """Fail unless both are about equal.

        :param places: decimal places to which the difference must round to
                       zero, 7 unless given.
        :param delta: instead of *places*, the largest difference allowed.
        """
        self._check(_almost_equal(first, second, places, delta),
                    '%s and %s are not almost equal', (first, second), msg)

    def assertNotAlmostEqual(self, first, second, places=None, msg=None,
                             delta=None):
        """Fail if both are about equal, as in ``assertAlmostEqual``."""
        self._check(not _almost_equal(first, second, places, delta),
                    '%s and %s are almost equal', (first, second), msg)

    def assertRaises(self, expected_exception, *args, **kwargs):
        """Fail unless an exception is raised.

        ``with self.assertRaises(ValueError) as raised:`` checks the block,
        after which ``raised.exception`` is the exception. Given a callable,
        calls it with the remaining arguments.

        :param expected_exception: a class, or a tuple of classes.
        """
        if not args:
            return _AssertRaises(expected_exception, kwargs.get('msg'))
        with _AssertRaises(expected_exception, None):
            args[0](*args[1:], **kwargs)


def _almost_equal(first, second, places, delta):
    if places is not None and delta is not None:
        raise TypeError('specify delta or places, not both')
    if first == second:
        return True
    difference = abs(first - second)
    if delta is not None:
        return difference <= delta
    return round(difference, 7 if places is None else places) == 0


class TestResult:
    """Keeps what the tests of a run came to.

    ``failures`` and ``errors`` hold pairs of a test's name and an exception,
    ``skipped`` pairs of a name and a reason.
    """

    def __init__(self):
        self.testsRun = 0
        self.failures = []
        self.errors = []
        self.skipped = []

    def wasSuccessful(self):
        """Return whether nothing failed."""
        return not self.failures and not self.errors

    def startTest(self, test):
        """Called before a test runs, even if it is to be skipped."""
        self.testsRun += 1

    def stopTest(self, test):
        """Called after a test has run."""

    def addSuccess(self, test):
        """Called when a test has passed."""

    def addFailure(self, test, err):
        """Called when an assertion did not hold.

        :param err: a tuple of the exception's class, the exception and
                    ``None`` in the place of a traceback.
        """
        self.failures.append((test.id(), err[1]))

    def addError(self, test, err):
        """Called when a test, or what belongs to a class, raised."""
        self.errors.append((test.id(), err[1]))

    def addSkip(self, test, reason):
        """Called when a test, a part of it or a class is skipped."""
        self.skipped.append((test.id(), reason))

    def addSubTest(self, test, subtest, err):
        """Called when a ``subTest`` block has failed."""
        if isinstance(err[1], AssertionError):
            self.addFailure(subtest, err)
        else:
            self.addError(subtest, err)


class _ClassFixture:
    # Stands for the test when setUpClass() or tearDownClass() fails.
    def __init__(self, name, cls):
        self._id = '%s (%s)' % (name, cls.__name__)

    def id(self):
        return self._id


class TestSuite:
    """Tests to be run in turn; those of a class are to follow each other.

    :param tests: the :class:`TestCase` instances.
    """

    def __init__(self, tests=()):
        self._tests = list(tests)

    def addTest(self, test):
        """Add a test at the end."""
        self._tests.append(test)

    def run(self, result):
        """Run the tests and return *result*."""
        current = None
        usable = False
        for number in range(len(self._tests)):
            test = self._tests[number]
            # What it holds is needed no more once it has run.
            self._tests[number] = None
            cls = type(test)
            if cls is not current:
                self._leave(current, usable, result)
                current = cls
                usable = self._enter(cls, result)
            if usable:
                test.run(result)
            test = None
        self._leave(current, usable, result)
        return result

    def _enter(self, cls, result):
        if cls._skip_reason is not None:
            return True  # its tests report that, one by one
        return self._attempt('setUpClass', cls, result)

    def _leave(self, cls, usable, result):
        if usable and cls._skip_reason is None:
            self._attempt('tearDownClass', cls, result)

    def _attempt(self, name, cls, result):
        try:
            getattr(cls, name)()
            return True
        except KeyboardInterrupt:
            raise
        except SkipTest as exc:
            result.addSkip(_ClassFixture(name, cls), str(exc))
        except BaseException as exc:
            result.addError(_ClassFixture(name, cls), (type(exc), exc, None))
        return False


class _PrintingResult(TestResult):
    def addSuccess(self, test):
        print('ok     ', test.id())

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._print_failure('FAIL   ', test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._print_failure('ERROR  ', test, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print('skipped', test.id(), '(%s)' % reason)

    def _print_failure(self, label, test, err):
        print(label, test.id())
        sys.print_exception(err[1], sys.stdout)


def _test_names(cls):
    # dir() of a class shows inherited names on every version, but in no
    # order.
    return sorted([name for name in dir(cls) if name.startswith('test')])


def main(module='__main__'):
    """Run all tests of a module, print how each went, and exit.

    The exit status is 0 if all passed, otherwise 1.

    :param module: a module, or its name.
    """
    if isinstance(module, str):
        module = __import__(module)
    result = _PrintingResult()
    for name in sorted(dir(module)):
        cls = getattr(module, name)
        if isinstance(cls, type) and issubclass(cls, TestCase):
            TestSuite([cls(method) for method in _test_names(cls)]).run(
                result)
    print('%d tests, %d failed, %d skipped' % (
        result.testsRun, len(result.failures) + len(result.errors),
        len(result.skipped)))
    sys.exit(0 if result.wasSuccessful() else 1)

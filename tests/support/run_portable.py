"""Runs tests of one portable file on the interpreter that executes this.

Usage: ``run_portable.py MARK MODULE CLASS.TEST [CLASS.TEST ...]``

``portable_plugin.py`` starts it, once per file and interpreter. What happens
is told on standard output, in lines of *MARK* (a word that the caller makes
up, so that nothing a test prints is taken for such a line) and a JSON object:

- ``{"begin": "TestX.test_y"}`` before a test runs;
- ``{"end": "TestX.test_y", "outcome": "passed", "ms": 3, "text": ""}`` after
  it, where the outcome may also be ``failed`` or ``skipped`` and the text
  gives the tracebacks or the reason;
- ``{"import": "failed", "text": ...}`` when the file cannot be imported, with
  ``skipped`` if it raised ``SkipTest``; no test follows;
- ``{"done": true}`` last, without which the process has died early.

The exit status is 0 once that is written, however the tests went.
"""

import gc
import io
import json
import sys
import time
import unittest

# Tables of samples can fail in every row; a few rows tell enough.
MAX_SUBTEST_FAILURES = 5

# A test may put something else into sys.stdout.
stdout = sys.stdout


def now_ms():
    try:
        return time.ticks_ms()
    except AttributeError:
        return int(time.monotonic() * 1000)


def elapsed_ms(start):
    try:
        return time.ticks_diff(time.ticks_ms(), start)
    except AttributeError:
        return now_ms() - start


def format_exception(exc):
    """Return a traceback as text, without the frames of unittest itself."""
    if not hasattr(exc, '__traceback__'):
        gc.collect()  # boards: what the test held has just been let go
    text = io.StringIO()
    if hasattr(sys, 'print_exception'):
        sys.print_exception(exc, text)
        return ''.join([line + '\n' for line in text.getvalue().split('\n')
                        if line and '/unittest.' not in line])
    import traceback  # boards have none
    frames = exc.__traceback__
    while frames and '__unittest' in frames.tb_frame.f_globals:
        frames = frames.tb_next
    last = frames
    while last and last.tb_next:
        if '__unittest' in last.tb_next.tb_frame.f_globals:
            last.tb_next = None
        else:
            last = last.tb_next
    traceback.print_exception(type(exc), exc, frames, file=text)
    return text.getvalue()


class Reporter(unittest.TestResult):
    """Tells the caller about each test, as soon as the next one begins.

    The delay is for ``tearDownClass``: its failure becomes one of the last
    test of the class, which is the one that pytest would blame.
    """

    def __init__(self, mark):
        super().__init__()
        self._mark = mark
        self._record = None
        self._start = 0
        self._failed_subtests = 0

    def tell(self, record):
        # The mark begins a line whatever a test has printed before.
        stdout.write('\n%s %s\n' % (self._mark, json.dumps(record)))
        if hasattr(stdout, 'flush'):
            stdout.flush()

    def finish(self):
        """Tell how the last test ended."""
        if self._record is not None:
            self.tell(self._record)
            self._record = None

    def begin(self, name):
        self.finish()
        self.tell({'begin': name})
        self._record = {'end': name, 'outcome': 'passed', 'ms': 0,
                        'text': ''}
        self._failed_subtests = 0
        self._start = now_ms()

    def fail(self, text):
        self._record['outcome'] = 'failed'
        self._record['text'] += text

    def startTest(self, test):
        super().startTest(test)
        self.begin(test_name(test))

    def stopTest(self, test):
        super().stopTest(test)
        self._record['ms'] = elapsed_ms(self._start)

    def addFailure(self, test, err):
        self.addError(test, err)

    def addError(self, test, err):
        text = format_exception(err[1])
        if isinstance(test, unittest.TestCase):
            self.fail(text)
        else:
            self.class_failed('failed', text)

    def addSkip(self, test, reason):
        if not isinstance(test, unittest.TestCase):
            self.class_failed('skipped', reason)
        elif (self._record['outcome'] == 'passed'
                and not hasattr(test, 'test_case')):
            # One subTest that is skipped does not make the test so.
            self._record['outcome'] = 'skipped'
            self._record['text'] = reason

    def addSubTest(self, test, subtest, err):
        if err is None:
            return
        self._failed_subtests += 1
        if self._failed_subtests <= MAX_SUBTEST_FAILURES:
            self.fail('%s\n%s\n' % (subtest.id()[len(test.id()) + 1:],
                                    format_exception(err[1])))
        elif self._failed_subtests == MAX_SUBTEST_FAILURES + 1:
            self.fail('more subtests failed\n')

    def class_failed(self, outcome, text):
        if self._record is not None:
            self.fail('tearDownClass:\n' + text)
            return
        for name in self.names:
            self.begin(name)
            self._record['outcome'] = outcome
            self._record['text'] = text
        self.finish()

    def run_class(self, cls, names):
        """Run the named tests, such as ``TestX.test_y``, of one class."""
        self.names = names
        suite = unittest.TestSuite()
        for name in names:
            suite.addTest(cls(name.split('.')[1]))
        suite.run(self)
        self.finish()


def test_name(test):
    # The id of CPython's test begins with the module.
    return '.'.join(test.id().split('.')[-2:])


def run_test_classes(reporter, module, names):
    while names:
        class_name = names[0].split('.')[0]
        group = [name for name in names
                 if name.split('.')[0] == class_name]
        names = [name for name in names if name not in group]
        cls = getattr(module, class_name, None)
        known = []
        for name in group:
            if hasattr(cls, name.split('.')[1]):
                known.append(name)
            else:
                reporter.begin(name)
                reporter.fail('%s does not exist on this interpreter; a test '
                              'that it cannot run is to be skipped\n' % name)
        reporter.finish()
        if known:
            gc.collect()
            reporter.run_class(cls, known)


def main(argv=None):
    if argv is None:
        argv = sys.argv[1:]
    reporter = Reporter(argv[0])
    try:
        module = __import__(argv[1])
    except unittest.SkipTest as exc:
        reporter.tell({'import': 'skipped', 'text': str(exc)})
    except BaseException as exc:
        reporter.tell({'import': 'failed', 'text': format_exception(exc)})
    else:
        run_test_classes(reporter, module, argv[2:])
    reporter.tell({'done': True})


if __name__ == '__main__':
    main()

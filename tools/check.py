"""Check everything: set up what that takes, then run every check.

``python3 tools/check.py`` needs Python 3.10 or later and nothing else. It
makes a virtual environment in ``.venv``, fetches MicroPython (see
``tools/interpreters.py``), and runs:

- ``lint``: ruff;
- ``types``: ``mypy --strict`` and stubtest, on the stubs; mypy and pyright,
  on typed programs;
- ``bodies``: mypy inside functions, see ``tools/bodies.py``;
- ``docs``: the documentation, where a warning is an error;
- ``package``: builds wheel and sdist, installs the wheel into an empty
  environment and runs the hello example there;
- ``size``: what the core costs a board;
- ``test``: all tests, last, so that pytest's summary ends the output.

``python3 tools/check.py quick`` is for between two commits: ``lint``,
``types`` and the portable tests, on the running Python and on the smallest
MicroPython.

Name some of these to run only them. What follows ``--`` goes to pytest, as in
``tools/check.py test -- -k cookies``. The exit status is 0 if all went well.
"""

import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

TOP = pathlib.Path(__file__).resolve().parent.parent
VENV = TOP / '.venv'
#: Names the steps that failed, for the plugin that this file is to pytest.
FAILED = 'MICRODOT_CHECK_FAILED'
#: When the first step began, for the same.
STARTED = 'MICRODOT_CHECK_STARTED'
#: What ``quick`` runs, and the options of its tests.
QUICK = ('lint', 'types', 'test')
QUICK_OPTIONS = ('tests/portable', '--interpreter', 'running',
                 '--interpreter', 'micropython-1.25-32')
#: Where the same notes the tests that fail.
FAILURES = 'MICRODOT_CHECK_FAILURES'
#: If no more tests than these fail, of all, each is tried once more.
#: Thousands of them talk to servers, browsers and interpreters on a machine
#: that others use too.
MAX_AGAIN = 3
#: Seconds that each step takes on two cores, about.
USUAL_S = {'lint': 1, 'types': 60, 'bodies': 10, 'docs': 40, 'package': 20,
           'size': 20, 'test': 900}
USUAL_QUICK_S = 120
#: Seconds without a word after which a terminal is told what is going on.
SILENCE_S = 8
#: Seconds that the hello example has to start, and to stop.
PATIENCE = 30
#: Seconds from a download that fails to the next attempt.
PAUSES_S = (5, 20)


class Failure(Exception):
    """A step failed; the text says how, unless it is empty."""


class Step:
    """One step as it runs: collects its output."""

    def __init__(self, name):
        self.name = name
        self.output = []

    def run(self, *command, **env):
        """Run a command in the checkout and keep what it prints.

        :raises Failure: the exit status is not 0.
        """
        command = [str(word) for word in command]
        self.output.append('$ ' + ' '.join(command))
        result = subprocess.run(
            command, cwd=TOP, env=dict(os.environ, **env),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors='replace')
        self.output.append(result.stdout.rstrip())
        if result.returncode:
            raise Failure('exit status %d' % result.returncode)

    def download(self, *command):
        """Run a command that downloads, and run it again if it fails.

        :raises Failure: it has failed each time.
        """
        for pause_s in PAUSES_S:
            try:
                return self.run(*command)
            except Failure as failure:
                self.output.append('%s; again in %d s' % (failure, pause_s))
                time.sleep(pause_s)
        return self.run(*command)


# ------------------------------------------------------------------- set-up

def venv_python(venv):
    """Return the path of the interpreter of a virtual environment."""
    if os.name == 'nt':
        return venv / 'Scripts' / 'python.exe'
    return venv / 'bin' / 'python'


def set_up(step):
    """Make ``.venv``, or bring it up to date.

    One that is linked to belongs to another checkout, and is taken as it is.
    """
    if VENV.is_symlink():
        return
    stamp = VENV / 'microdot-check'
    # An environment can neither be moved nor change its interpreter.
    base = '%s %s\n' % (VENV, sys.version)
    wanted = base + hashlib.sha256(
        (TOP / 'pyproject.toml').read_bytes()).hexdigest()
    try:
        found = stamp.read_text()
    except OSError:
        found = ''
    if found == wanted:
        return
    if not found.startswith(base):
        try:
            step.run(sys.executable, '-m', 'venv', '--clear', VENV)
        except Failure:
            raise Failure('cannot make a virtual environment; on Debian and '
                          'Ubuntu: apt install python3-venv') from None
    step.download(venv_python(VENV), '-m', 'pip', 'install', '--quiet',
                  '--disable-pip-version-check', '-e', '.[dev]')
    stamp.write_text(wanted)


def fetch_interpreters(step):
    """Fetch MicroPython. A failure is left to the tests to report: they fail
    for it where ``$CI`` is set, and skip what they cannot run elsewhere."""
    try:
        step.run(sys.executable, 'tools/interpreters.py')
    except Failure:
        pass


# -------------------------------------------------------------------- steps

def check_lint(step):
    """Look for mistakes of style."""
    step.run(venv_python(VENV), '-m', 'ruff', 'check', '.')


def blocks_of(page):
    """Return the code of a page, block after block."""
    found = []
    inside = False
    for line in page.read_text().split('\n'):
        if line.startswith('.. code-block::'):
            inside = line.endswith(' python')
        elif line and not line[0].isspace():
            inside = False
        elif inside:
            found.append(line[3:])
    return '\n'.join(found) + '\n'


def check_programs(step):
    """Have mypy and pyright read typed programs, and those that are wrong."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / 'page.py').write_text(
            blocks_of(TOP / 'docs' / 'guide' / 'types.rst'))
        for path in (TOP / 'tests' / 'support').glob('typed_*.py'):
            shutil.copy(path, folder)
        (folder / 'pyrightconfig.json').write_text(json.dumps({
            'include': ['.'], 'extraPaths': [str(TOP / 'src')],
            'pythonVersion': '3.10', 'typeCheckingMode': 'strict',
            'reportUnnecessaryTypeIgnoreComment': True,
            'reportUnusedImport': False}))
        step.run(venv_python(VENV), '-m', 'mypy', '--strict',
                 *sorted(folder.glob('*.py')))
        step.run(venv_python(VENV), '-m', 'pyright', '-p', folder,
                 '--pythonpath', venv_python(VENV))


def check_types(step):
    """Check the stubs, by themselves and against the code."""
    package = TOP / 'src' / 'microdot'
    # (the command is for CPython alone, so its types are in the code)
    stubs = sorted((*package.glob('*.pyi'), *package.glob('cli/*.py')))
    step.run(venv_python(VENV), '-m', 'mypy', '--strict',
             *[stub.relative_to(TOP) for stub in stubs])
    check_programs(step)
    step.run(venv_python(VENV), '-m', 'mypy.stubtest', 'microdot',
             '--mypy-config-file', 'pyproject.toml',
             '--allowlist', 'tools/stubtest.allow', MYPYPATH='src',
             PYTHONPATH='src')


def check_bodies(step):
    """Check the bodies of functions, which the stubs hide."""
    step.run(venv_python(VENV), 'tools/bodies.py')


def check_docs(step):
    """Build the documentation; it ends up in ``docs/_build/html``."""
    step.run(venv_python(VENV), '-m', 'sphinx', '-W', '--keep-going', '-q',
             '-b', 'html', 'docs', 'docs/_build/html')
    return 'ok: ' + (TOP / 'docs/_build/html/index.html').as_uri()


def check_package(step):
    """Build what would be published, and use it as a stranger would."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        # The wheel is built from the sdist, so that is complete. (setuptools
        # is downloaded for that)
        step.download(venv_python(VENV), '-m', 'build', '--outdir', folder)
        wheel, = folder.glob('*.whl')
        empty = folder / 'empty'
        step.run(sys.executable, '-m', 'venv', '--without-pip', empty)
        step.run(venv_python(VENV), '-m', 'pip', '--quiet',
                 '--disable-pip-version-check', '--python',
                 venv_python(empty), 'install', '--no-index', '--no-deps',
                 wheel)
        shutil.copy(TOP / 'examples' / 'hello' / 'hello.py', folder)
        step.output.append(try_hello(
            [str(venv_python(empty)), '-I', str(folder / 'hello.py')],
            cwd=folder))


def check_size(step):
    """Measure what the core costs a board."""
    if (TOP / 'tools' / 'boards' / 'size.py').exists():
        step.run(venv_python(VENV), 'tools/boards/size.py')


CHECKS = {
    'lint': check_lint,
    'types': check_types,
    'bodies': check_bodies,
    'docs': check_docs,
    'package': check_package,
    'size': check_size,
}


# -------------------------------------------------------- the hello example

def free_port():
    """Return a TCP port of 127.0.0.1 that nothing listens on.

    It is chosen at random below those that systems give to clients and to
    who asks for any: one of those could be another's before it is used.
    """
    while True:
        port = 10000 + secrets.randbelow(20000)
        with socket.socket() as sock:
            try:
                sock.bind(('127.0.0.1', port))
                return port
            except OSError:
                pass  # in use


def fetch(url):
    """Return the text at a URL, waiting for a server that is starting."""
    # Not through a proxy that the environment may name.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with opener.open(url, timeout=PATIENCE) as response:
                return response.read().decode()
        except urllib.error.URLError as error:
            if (not isinstance(error.reason, ConnectionRefusedError)
                    or time.monotonic() > deadline):
                raise
            time.sleep(0.05)


def wait_for_sleep(process):
    """Wait until a process waits for something, where that shows.

    MicroPython's Unix port raises KeyboardInterrupt right in the handler of
    the signal. In the middle of a garbage collection that leaves the heap
    locked, which no board does.
    """
    stat = pathlib.Path('/proc/%d/stat' % process.pid)
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and stat.exists() and \
            stat.read_text().rpartition(') ')[2][0] != 'S' and \
            time.monotonic() < deadline:
        time.sleep(0.005)


def try_hello(command, **kwargs):
    """Start the hello example, compare its answers, and stop it by Ctrl-C.

    :param command: to be followed by host and port.
    :param kwargs: for ``subprocess.Popen``.
    :return: what the program has printed.
    :raises Failure: an answer is not what it should be.
    """
    port = free_port()
    with tempfile.TemporaryFile('w+') as output:
        process = subprocess.Popen(
            list(command) + ['127.0.0.1', str(port)],
            stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, **kwargs)
        try:
            for path, expected in (
                    ('/hello/Ada', 'Hello, Ada!\n'),
                    ('/add/2/3', '{"sum": 5}'),
                    ('/', '<h1>It works</h1>')):
                text = fetch('http://127.0.0.1:%d%s' % (port, path))
                if expected not in text:
                    raise Failure('%s gave %r' % (path, text))
            wait_for_sleep(process)
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failure('hello.py: %s' % error) from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        output.seek(0)
        return output.read()


# ------------------------------------------------------------- what is shown

class Progress:
    """Tells on a terminal which steps are running, while they say nothing.

    A context manager. Steps are added to ``running`` and taken out of it.
    """

    def __init__(self, stream=None, silence_s=SILENCE_S):
        self.running = {}
        self.interrupted = False
        self._stream = stream or sys.stdout
        self._silence_s = silence_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)

    def _tell(self):
        while not self._over.wait(self._silence_s):
            now = time.monotonic()
            text = ', '.join('%s for %d s' % (name, now - start)
                             for name, start in list(self.running.items()))
            if text:
                self._stream.write('running: %s\n' % text)
                self._stream.flush()

    def __enter__(self):
        if self._stream.isatty():
            self._thread.start()
        return self

    def __exit__(self, *exc):
        self._over.set()
        if self._thread.ident:
            self._thread.join()


progress = Progress()


def in_words(seconds):
    """Return a time as text."""
    if seconds < 90:
        return '%d seconds' % round(seconds)
    return '%d minutes' % round(seconds / 60)


def announce(steps, quick):
    """Print in one line what will run, and for how long."""
    seconds = USUAL_QUICK_S if quick else sum(
        USUAL_S.get(name, 0) for name in steps)
    print('check: %s; about %s on two cores%s' % (
        ', '.join(steps), in_words(seconds),
        '' if VENV.exists() else ', and some minutes more to set all up'),
        flush=True)


def sum_up_skips(reports):
    """Return lines: how many tests were skipped, for each reason."""
    reasons = collections.Counter()
    for report in reports:
        text = report.longrepr
        if isinstance(text, tuple):
            text = text[2]
        reasons[str(text).replace('Skipped: ', '', 1)] += 1
    return ['%5d skipped: %s' % (count, reason)
            for reason, count in reasons.most_common()]


# ----------------------------------------------------------------- the rest

def attempt(name, function):
    """Run a step and print how it went.

    :return: its name if it failed, otherwise ``None``.
    """
    step = Step(name)
    start = progress.running[name] = time.monotonic()
    outcome = 'ok'
    try:
        outcome = function(step) or 'ok'
    except Failure as failure:
        outcome = 'FAILED: %s' % failure
    except Exception as error:
        outcome = 'FAILED: %s: %s' % (type(error).__name__, error)
    finally:
        del progress.running[name]
    if progress.interrupted:
        return name
    failed = outcome.startswith('FAILED')
    text = '%-12s %5.1f s  %s\n' % (
        name, time.monotonic() - start, outcome)
    if failed:
        text = '\n'.join(step.output + [text])
    # In one piece, since two steps run at a time.
    sys.stdout.write(text)
    sys.stdout.flush()
    return name if failed else None


def run_tests(failed, options):
    """Run pytest, and without options once more what fails; return its exit
    status."""
    env = dict(os.environ)
    # This file is a plugin of pytest as well: see below.
    env['PYTHONPATH'] = str(pathlib.Path(__file__).resolve().parent)
    env[FAILED] = ' '.join(failed)
    with tempfile.TemporaryDirectory() as folder:
        noted = pathlib.Path(folder, 'failures')
        env[FAILURES] = str(noted)
        status = run_pytest(['-n', '2', *options], env)
        names = noted.read_text().splitlines() if noted.exists() else []
    if status != 1 or options or not 0 < len(names) <= MAX_AGAIN:
        return status
    print('check: %d failed, see above; once more, by themselves:'
          % len(names), *names, sep='\n', flush=True)
    del env[FAILURES]
    return run_pytest(names, env)


def run_pytest(options, env):
    """Run pytest and return its exit status."""
    process = subprocess.Popen(
        [str(venv_python(VENV)), '-m', 'pytest', '-p', 'check', '-rfE',
         *options], cwd=TOP, env=env)
    try:
        return process.wait()
    except KeyboardInterrupt:
        # It has had the same signal, and puts away what it has started.
        process.wait()
        raise


class Failures:
    """Notes the tests that fail, unless something else than a test does."""

    def __init__(self, path):
        self.path = path
        self.names = {}
        self.is_whole = True

    def pytest_runtest_logreport(self, report):
        """Note a test."""
        if report.failed:
            self.names[report.nodeid] = True

    def pytest_collectreport(self, report):
        """Note that a file cannot be read."""
        if report.failed:
            self.is_whole = False

    def pytest_sessionfinish(self):
        """Write their names, a line each."""
        if self.is_whole:
            pathlib.Path(self.path).write_text(
                ''.join(name + '\n' for name in self.names))


def pytest_configure(config):
    """Note failures where :func:`run_tests` asks for it, in the process that
    hears of all of them."""
    if FAILURES in os.environ and not hasattr(config, 'workerinput'):
        config.pluginmanager.register(Failures(os.environ[FAILURES]))


def pytest_terminal_summary(terminalreporter):
    """Sum up the skips, and repeat, shortly before the last line, which
    steps failed."""
    lines = sum_up_skips(terminalreporter.stats.get('skipped', ()))
    if lines:
        terminalreporter.section('skipped')
        for line in lines:
            terminalreporter.line(line)
    if STARTED in os.environ:
        terminalreporter.line('all checks took %s' % in_words(
            time.time() - float(os.environ[STARTED])))
    failed = os.environ.get(FAILED, '').split()
    if failed:
        terminalreporter.section('checks that failed before the tests')
        for name in failed:
            terminalreporter.line('FAILED tools/check.py ' + name)


def main(argv=None):
    """Run the command line; return the exit status."""
    if sys.version_info < (3, 10):
        print('tools/check.py: Python 3.10 or later is needed')
        return 1
    argv = sys.argv[1:] if argv is None else argv
    options = []
    if '--' in argv:
        options = argv[argv.index('--') + 1:]
        argv = argv[:argv.index('--')]
    parser = argparse.ArgumentParser(
        usage='%(prog)s [step ...] [-- pytest options]',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__)
    parser.add_argument('steps', nargs='*', metavar='step')
    steps = parser.parse_args(argv).steps or [*CHECKS, 'test']
    quick = 'quick' in steps
    if quick:
        steps = [name for name in steps if name not in ('quick', *QUICK)]
        steps += QUICK
        options = [*QUICK_OPTIONS, *options]
    for name in steps:
        if name not in CHECKS and name != 'test':
            parser.error('no step ' + name)
    if threading.current_thread() is threading.main_thread():
        # Where Ctrl-C is ignored, as under nohup, children would ignore it
        # too, and tests send it to them.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    started = time.time()
    os.environ[STARTED] = str(started)
    announce(steps, quick)
    try:
        status = run(steps, options)
    except KeyboardInterrupt:
        print('\ncheck: interrupted after %s' % in_words(
            time.time() - started))
        return 130
    if 'test' not in steps:
        print('all checks took %s' % in_words(time.time() - started))
    return status


def run(steps, options):
    """Run steps, two at a time, and then the tests.

    :param options: for pytest.
    :return: the exit status.
    """
    # The machine is assumed to have two cores.
    with concurrent.futures.ThreadPoolExecutor(2) as pool, progress:
        try:
            failed = run_checks(steps, pool)
        except KeyboardInterrupt:
            progress.interrupted = True
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failed == ['set-up']:
        return 1
    status = 1 if failed else 0
    if 'test' in steps:
        status = run_tests(failed, options) or status
    return status


def run_checks(steps, pool):
    """Run all steps but the tests; return the names of those that failed.
    """
    fetching = None
    if 'test' in steps or 'size' in steps:
        fetching = pool.submit(attempt, 'interpreters', fetch_interpreters)
    if attempt('set-up', set_up):
        return ['set-up']
    running = [pool.submit(attempt, name, CHECKS[name])
               for name in CHECKS if name in steps and name != 'size']
    if 'size' in steps:
        fetching.result()
        running.append(pool.submit(attempt, 'size', check_size))
    return [name for name in (each.result() for each in running) if name]


if __name__ == '__main__':
    sys.exit(main())

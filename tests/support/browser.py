"""A real browser: Chromium without a window, driven over a pipe.

It speaks the DevTools protocol, so that nothing is needed but Chromium::

    @needs_browser
    def test_page(browser):
        page = browser.open('http://127.0.0.1:5000/')
        page.click('button')
        page.wait_for('document.title == "done"')

A module that uses it imports ``browser`` (the fixture) and ``needs_browser``.
"""
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

import pytest

CHROMIUM = next(filter(None, map(shutil.which, (
    'chromium', 'chromium-browser', 'google-chrome'))), None)
#: The longest any wait may take, in seconds.
PATIENCE_S = 60
FLAGS = [
    '--headless=new', '--no-sandbox', '--disable-gpu',
    '--disable-dev-shm-usage', '--no-first-run', '--disable-extensions',
    '--disable-background-networking', '--disable-component-update',
    '--disable-sync', '--no-proxy-server', '--remote-debugging-pipe']
#: It reads commands from descriptor 3 and writes to descriptor 4.
LAUNCHER = """\
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""

needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason='Chromium is missing (Debian: chromium)')


class BrowserError(Exception):
    """A command failed, or a script raised; the text says which and how."""


class Browser:
    """Chromium, with a profile of its own. A context manager."""

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            profile = stack.enter_context(tempfile.TemporaryDirectory(
                prefix='microdot-browser-', ignore_cleanup_errors=True))
            commands, self._commands = os.pipe()
            self._answers, answers = os.pipe()
            stack.callback(os.close, self._answers)
            stack.callback(os.close, self._commands)
            try:
                self._process = subprocess.Popen(
                    [sys.executable, '-c', LAUNCHER, str(commands),
                     str(answers), CHROMIUM, *FLAGS,
                     '--user-data-dir=' + profile, 'about:blank'],
                    pass_fds=(commands, answers), stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    env=dict(os.environ, HOME=profile))
            finally:
                os.close(commands)
                os.close(answers)
            stack.callback(self._stop)
            self._data = b''
            self._number = 0
            self._events = []
            self.send('Browser.getVersion')
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *args):
        try:
            # (it may be gone before it has answered)
            with contextlib.suppress(BrowserError):
                self.send('Browser.close')
            self._process.wait(PATIENCE_S)
        finally:
            self._stack.close()

    def _stop(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def send(self, method, session=None, **params):
        """Carry out a command of the DevTools protocol; return its result.

        :raises BrowserError: it failed.
        """
        self._number += 1
        message = {'id': self._number, 'method': method, 'params': params}
        if session:
            message['sessionId'] = session
        data = json.dumps(message).encode() + b'\0'
        while data:  # what is long may be written in part
            data = data[os.write(self._commands, data):]
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer = self._receive(deadline, method)
            if answer.get('id') == self._number:
                if 'error' in answer:
                    raise BrowserError('%s: %s' % (
                        method, answer['error']['message']))
                return answer['result']
            if 'method' in answer:
                self._events.append(answer)

    def wait_for_event(self, method, session, **params):
        """Wait for an event, unless it has come already.

        :param params: what it is to have among its own.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            for event in self._events:
                if (event['method'], event.get('sessionId')) == (
                        method, session) and all(
                            event['params'].get(key) == value
                            for key, value in params.items()):
                    self._events.remove(event)
                    return event['params']
            answer = self._receive(deadline, method)
            if 'method' in answer:
                self._events.append(answer)

    def _receive(self, deadline, what):
        while b'\0' not in self._data:
            ready, _, _ = select.select(
                [self._answers], [], [], max(0, deadline - time.monotonic()))
            data = ready and os.read(self._answers, 65536)
            if not data:
                raise BrowserError('no answer to ' + what)
            self._data += data
        message, _, self._data = self._data.partition(b'\0')
        return json.loads(message)

    def forget_cookies(self):
        """Delete all cookies."""
        self.send('Storage.clearCookies')

    def open(self, url):
        """Return a new :class:`Page` with what is at a URL."""
        page = Page(self)
        page.goto(url)
        return page


class Page:
    """A page of the browser, in a tab of its own."""

    def __init__(self, browser):
        self._browser = browser
        self._target = browser.send(
            'Target.createTarget', url='about:blank')['targetId']
        self._session = browser.send(
            'Target.attachToTarget', targetId=self._target,
            flatten=True)['sessionId']
        self.send('Page.enable')
        self.send('Page.setLifecycleEventsEnabled', enabled=True)

    def send(self, method, **params):
        """Carry out a command for this page; see :meth:`Browser.send`."""
        return self._browser.send(method, self._session, **params)

    def goto(self, url):
        """Go to a URL and wait until it has been loaded."""
        result = self.send('Page.navigate', url=url)
        if 'errorText' in result:
            raise BrowserError('%s: %s' % (url, result['errorText']))
        self._browser.wait_for_event(
            'Page.lifecycleEvent', self._session, name='load',
            loaderId=result['loaderId'])

    def evaluate(self, script):
        """Return the value of a JavaScript expression; a promise is awaited.

        :raises BrowserError: it raised.
        """
        result = self.send('Runtime.evaluate', expression=script,
                           awaitPromise=True, returnByValue=True,
                           userGesture=True)
        if 'exceptionDetails' in result:
            details = result['exceptionDetails']
            raise BrowserError('%s: %s' % (script, details.get(
                'exception', details).get('description', details['text'])))
        return result['result'].get('value')

    def wait_for(self, script):
        """Wait until an expression is true of a page that has been loaded,
        also if the page changes meanwhile; return its value."""
        # (while it is loaded, a part of what is looked for may be there)
        script = 'document.readyState == "complete" && (%s)' % script
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                value = self.evaluate(script)
            except BrowserError:
                # such as between two pages
                if time.monotonic() > deadline:
                    raise
                value = None
            if value:
                return value
            if time.monotonic() > deadline:
                raise BrowserError('waited in vain for %s; the page: %s' % (
                    script, self.text))
            time.sleep(0.02)

    @property
    def text(self):
        """What the page shows, as text."""
        return self.evaluate('document.body ? document.body.innerText : ""')

    @property
    def url(self):
        """Where it is."""
        return self.evaluate('location.href')

    def open(self, url):
        """Return a new page of the same browser."""
        return self._browser.open(url)

    def click(self, selector):
        """Click on the first element that a CSS selector finds."""
        self.evaluate('document.querySelector(%s).click()'
                      % json.dumps(selector))

    def fill(self, selector, value):
        """Type a text into an input."""
        self.evaluate(
            '(input => { input.value = %s;'
            'input.dispatchEvent(new Event("input", {bubbles: true}));'
            'input.dispatchEvent(new Event("change", {bubbles: true})) })'
            '(document.querySelector(%s))'
            % (json.dumps(value), json.dumps(selector)))

    def choose_files(self, selector, *paths):
        """Choose files in an input for files."""
        root = self.send('DOM.getDocument')['root']['nodeId']
        node = self.send('DOM.querySelector', nodeId=root,
                         selector=selector)['nodeId']
        self.send('DOM.setFileInputFiles', nodeId=node,
                  files=[str(path) for path in paths])

    def close(self):
        """Close the tab."""
        self._browser.send('Target.closeTarget', targetId=self._target)


@pytest.fixture(scope='module')
def browser():
    """A browser for the tests of a module."""
    with Browser() as browser:
        yield browser

"""axe-core finds nothing wrong with the pages of the examples."""

import contextlib

import pytest

import axe
import pictures
from browser import browser, needs_browser  # noqa: F401
from command import Command

pytestmark = needs_browser


@pytest.fixture(autouse=True, scope='module')
def script():
    try:
        axe.fetch()
    except axe.FetchError as error:
        pytest.skip('axe-core: %s' % error)


@contextlib.contextmanager
def opened(browser, url, dark):  # noqa: F811
    page = browser.open('about:blank')
    try:
        axe.use_colours(page, dark)
        page.goto(url)
        page.wait_for('document.readyState == "complete"')
        yield page
    finally:
        page.close()


colours = pytest.mark.parametrize('dark', [False, True],
                                  ids=['light', 'dark'])


@colours
@pytest.mark.parametrize('name', pictures.PROGRAMS)
def test_example_has_no_violation(name, dark, browser):  # noqa: F811
    script, path, act = pictures.PROGRAMS[name]
    with pictures.running(script) as address, opened(
            browser, address + path, dark) as page:
        assert axe.violations(page) == []
        if act:
            act(page)
            assert axe.violations(page) == []
            browser.forget_cookies()


@colours
def test_debug_pages_have_no_violation(dark, browser, tmp_path):  # noqa: F811
    (tmp_path / 'app.py').write_text(
        'from microdot import Microdot\napp = Microdot()\n'
        '@app.get("/")\nasync def index(request):\n    return 1 / 0\n')
    with Command('run', '--debug', '--port', '0', cwd=tmp_path) as command:
        url = 'http://%s:%s/' % command.address()
        for path, text in ('', 'ZeroDivisionError'), ('nothing', '404'):
            with opened(browser, url + path, dark) as page:
                assert text in page.text
                assert axe.violations(page) == []

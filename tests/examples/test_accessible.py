"""axe-core finds nothing wrong with the pages of the examples."""

import contextlib

import pytest

import axe
import pictures
from browser import browser, needs_browser  # noqa: F401

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
def test_page_of_routes_has_no_violation(dark, browser):  # noqa: F811
    with pictures.running('failing.py') as address, opened(
            browser, address + '/nothing', dark) as page:
        assert 'No route matches' in page.text
        assert axe.violations(page) == []

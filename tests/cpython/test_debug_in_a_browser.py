"""The debug page in a real browser: what it copies, and how it looks."""

import os
import re

import pytest

from browser import browser, needs_browser  # noqa: F401
from command import Command

pytestmark = [
    needs_browser,
    pytest.mark.skipif(os.name != 'posix', reason='signals')]
PROGRAM = """
from microdot import Microdot

app = Microdot()


def deep(count, text):
    if not count:
        raise ValueError('no <b>bold</b> \\u2603 ' + 'x' * 300)
    return deep(count - 1, text)


@app.get('/deep')
async def start(request):
    return deep(9, 'a line that is long ' * 50), 'and one of the source, too: ' + 'ends here, at last, after a while'
"""  # noqa: E501


@pytest.fixture(scope='module')
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp('program')
    (folder / 'app.py').write_text(PROGRAM)
    with Command('run', '--port', 0, '--debug', cwd=folder) as command:
        yield 'http://%s:%d' % command.address()


def show(browser, url, size=(1100, 900), scheme='light'):  # noqa: F811
    page = browser.open('about:blank')
    page.send('Emulation.setDeviceMetricsOverride', width=size[0],
              height=size[1], deviceScaleFactor=1, mobile=size[0] < 500)
    page.send('Emulation.setEmulatedMedia', features=[
        {'name': 'prefers-color-scheme', 'value': scheme}])
    page.goto(url)
    page.wait_for('document.readyState == "complete"')
    return page


@pytest.mark.parametrize('allowed', [True, False])
@pytest.mark.parametrize('path', ['/deep', '/nowhere'])
def test_the_button_copies_it_as_text(browser, address, path,  # noqa: F811
                                      allowed):
    page = show(browser, address + path)
    if allowed:
        browser.send('Browser.grantPermissions', origin=address, permissions=[
            'clipboardReadWrite', 'clipboardSanitizedWrite'])
        page.send('Page.bringToFront')
    else:
        # as where a page has no clipboard of its own
        page.evaluate('delete Navigator.prototype.clipboard')
    page.evaluate("document.addEventListener('copy', () => {"
                  "window.copied = getSelection().toString()})")
    # (what it says for a moment may be over before it is asked for)
    page.evaluate("window.said = []; new MutationObserver(() => said.push("
                  "document.querySelector('button').innerText)).observe("
                  "document.querySelector('button'), {childList: true})")
    assert page.evaluate(
        "document.querySelector('button').innerText") == 'Copy as text'
    page.click('button')
    page.wait_for("said.includes('Copied')")
    found = page.evaluate('navigator.clipboard.readText()') if allowed \
        else page.evaluate('window.copied')
    assert found == page.evaluate("document.getElementById('text').value")
    assert ('Traceback (most recent call last)' in found) == (path == '/deep')
    if path == '/deep':
        assert 'ValueError: no <b>bold</b> \u2603' in found
    page.wait_for(
        "document.querySelector('button').innerText == 'Copy as text'")
    assert page.evaluate("getComputedStyle(document.getElementById('text'))"
                         ".display") == 'none'
    page.close()


@pytest.mark.parametrize('path', ['/deep', '/nowhere'])
@pytest.mark.parametrize('width', [320, 390, 1100])
def test_nothing_is_wider_than_the_screen(browser, address, path,  # noqa: F811
                                          width):
    page = show(browser, address + path, (width, 800))
    assert page.evaluate('document.documentElement.scrollWidth') <= width
    # (a line of source is scrolled by itself)
    assert page.evaluate(
        "[...document.querySelectorAll('main *')].every(each => "
        "each.closest('pre') || each.id == 'text' || "
        "each.getBoundingClientRect().right <= innerWidth)")
    page.close()


def test_a_marked_line_is_marked_to_its_end(browser, address):  # noqa: F811
    page = show(browser, address + '/deep', (390, 800))
    page.evaluate("document.querySelector('details').open = true")
    assert page.evaluate(
        "(() => {const pre = document.querySelector('details[open] pre');"
        "return pre.querySelector('.now').offsetWidth >= pre.scrollWidth "
        "&& pre.scrollWidth > pre.clientWidth})()")
    page.close()


def lightness(color):
    """Return that of a color as Chromium writes it, between 0 and 1."""
    red, green, blue = [
        (int(part) / 255) ** 2.2
        for part in re.match(r'rgb\((\d+), (\d+), (\d+)\)', color).groups()]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('path', ['/deep', '/nowhere'])
def test_text_can_be_read_in_light_and_dark(browser, address, path,  # noqa: F811
                                            scheme):
    page = show(browser, address + path, scheme=scheme)
    found = page.evaluate("""
        [...document.querySelectorAll('main *')].filter(each =>
            each.offsetParent && [...each.childNodes].some(node =>
                node.nodeType == 3 && node.data.trim())).map(each => {
            let back = each;
            while (getComputedStyle(back).backgroundColor ==
                   'rgba(0, 0, 0, 0)') back = back.parentElement;
            return [getComputedStyle(each).color,
                    getComputedStyle(back).backgroundColor, each.innerText];
        })""")
    page.close()
    assert len(found) > 5
    for color, back, text in found:
        one, other = sorted(map(lightness, (color, back)))
        # WCAG 2.2, 1.4.3
        assert (other + 0.05) / (one + 0.05) >= 4.5, (color, back, text)
    backs = {back for _, back, _ in found}
    assert all((lightness(back) > 0.5) == (scheme == 'light')
               for back in backs)


def test_it_asks_no_other_site(browser, address):  # noqa: F811
    page = show(browser, address + '/deep')
    assert page.evaluate(
        "performance.getEntriesByType('resource').map(each => each.name)"
        ".filter(each => !each.startsWith(location.origin))") == []
    page.close()

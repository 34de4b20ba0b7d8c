"""The documentation as a site: links, search, copy buttons, narrow screens.

That it builds without a warning is a step of ``tools/check.py``; here it is
built once more, into a folder of its own, and looked at.
"""

import html.parser
import importlib
import pathlib
import re
import subprocess
import sys
import urllib.parse

import pytest

import axe
import stubs
from browser import browser, needs_browser  # noqa: F401

TOP = pathlib.Path(__file__).resolve().parents[2]
#: What one looks for, and the page that should come first.
SEARCHES = [
    ('install', 'start/install'),
    ('deploy', 'boards/deploying'),
    ('reload', 'guide/development'),
    ('upload', 'guide/multipart'),
    ('WebSocket', 'guide/websocket'),
    ('CORS', 'guide/cors'),
    ('CSRF', 'guide/csrf'),
    ('login', 'guide/login'),
    ('memory', 'boards/memory'),
    ('OpenAPI', 'guide/openapi'),
    ('session', 'guide/sessions'),
    ('SQLite', 'recipes/sqlite'),
    ('template', 'guide/templates'),
    ('test', 'guide/testing'),
    ('tutorial', 'start/tutorial/index'),
    ('Wi-Fi', 'boards/wifi'),
]
#: The pages that axe-core is asked about: one of each sort.
AXE = ['index', 'start/install', 'start/examples', 'start/tutorial/users',
       'guide/types', 'reference/login', 'boards/memory']
#: The width of a small telephone, in CSS pixels.
NARROW = 360


class Links(html.parser.HTMLParser):
    """What a page links to, and the anchors that it has."""

    def __init__(self, text):
        super().__init__()
        self.targets = []
        self.anchors = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        for name in ('href', 'src'):
            if attrs.get(name):
                self.targets.append(attrs[name])
        self.anchors.update(filter(None, (attrs.get('id'),
                                          attrs.get('name'))))


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """The folder of the site."""
    folder = tmp_path_factory.mktemp('site')
    subprocess.run(
        [sys.executable, '-m', 'sphinx', '-q', '-b', 'html',
         '-d', str(folder / 'doctrees'), 'docs', str(folder / 'html')],
        cwd=TOP, check=True, timeout=1200)
    return folder / 'html'


@pytest.fixture(scope='module')
def pages(site):
    """The pages: what each links to and the anchors it has, by path."""
    return {path.resolve(): Links(path.read_text(encoding='utf-8'))
            for path in site.rglob('*.html')
            if not {'_static', '_downloads'} & set(
                path.relative_to(site).parts)}


def test_links_lead_to_what_is_there(site, pages):
    wrong = []
    for path, page in pages.items():
        for target in page.targets:
            parts = urllib.parse.urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            there = path
            if parts.path:
                there = (path.parent / urllib.parse.unquote(
                    parts.path)).resolve()
            if not there.is_file():
                wrong.append('%s: %s' % (path.relative_to(site), target))
            elif parts.fragment and there in pages and (
                    urllib.parse.unquote(parts.fragment)
                    not in pages[there].anchors):
                wrong.append('%s: %s' % (path.relative_to(site), target))
    assert wrong == []


def test_nothing_is_loaded_from_another_site(pages):
    for path, page in pages.items():
        text = path.read_text(encoding='utf-8')
        assert '<script src="http' not in text
        assert '<link rel="stylesheet" type="text/css" href="http' not in text


def test_pages_suit_narrow_and_dark_screens(pages):
    for path in pages:
        text = path.read_text(encoding='utf-8')
        assert 'name="viewport"' in text, path
        assert 'theme-toggle' in text, path


def test_reference_has_every_name_that_can_be_imported(site, pages):
    missing = []
    for path in sorted((site / 'reference').resolve().glob('*.html')):
        name = 'microdot.' + path.stem
        if stubs.stub(name) is None:
            continue
        module = importlib.import_module(name)
        anchors = pages[path].anchors
        missing += [
            '%s.%s' % (name, each) for each in stubs.stub(name).public()
            if hasattr(module, each)
            and '%s.%s' % (name, each) not in anchors]
    assert missing == []


def test_parameters_and_errors_are_in_tables_with_types(site):
    text = (site / 'reference' / 'login.html').read_text(encoding='utf-8')
    table = text[text.index('id="microdot.login.Login.attempt"'):]
    table = re.sub('<[^>]+>', ' ', table[:table.index('</dl>')])
    words = ' '.join(table.split())
    assert 'Parameter Type Meaning name str the name that the' in words
    assert 'Error When HTTPException 429, with Retry-After' in words


@needs_browser
@pytest.mark.parametrize('word, expected', SEARCHES)
def test_search_finds_the_page_about(site, browser, word, expected):  # noqa: F811
    page = browser.open((site / 'search.html').as_uri() + '?q=' + word)
    try:
        # the list is whole when its number is told
        page.wait_for('/found|matching/.test(document.querySelector('
                      '"#search-results .search-summary")?.innerText)')
        found = page.wait_for(
            'document.querySelector("#search-results li a")?.href')
    finally:
        page.close()
    found = found.split('#')[0].split('?')[0]
    assert found == (site / (expected + '.html')).as_uri()


@needs_browser
@pytest.mark.parametrize('dark', [False, True], ids=['light', 'dark'])
@pytest.mark.parametrize('name', AXE)
def test_axe_finds_nothing_wrong(site, browser, name, dark):  # noqa: F811
    try:
        axe.fetch()
    except axe.FetchError as error:
        pytest.skip('axe-core: %s' % error)
    page = browser.open('about:blank')
    try:
        axe.use_colours(page, dark)
        page.goto((site / (name + '.html')).as_uri())
        assert axe.violations(page) == []
    finally:
        page.close()


@needs_browser
def test_no_page_is_wider_than_a_telephone(site, pages, browser):  # noqa: F811
    wide = []
    tab = browser.open('about:blank')
    try:
        tab.send('Emulation.setDeviceMetricsOverride', width=NARROW,
                 height=800, deviceScaleFactor=1, mobile=True)
        for path in pages:
            tab.goto(path.as_uri())
            width = tab.evaluate('document.documentElement.scrollWidth')
            if width > NARROW:
                wide.append('%s: %d' % (path.relative_to(site.resolve()),
                                        width))
    finally:
        tab.close()
    assert wide == []


@needs_browser
def test_code_is_copied_without_prompts_and_output(site, browser):  # noqa: F811
    page = browser.open((site / 'index.html').as_uri())
    try:
        page.wait_for('document.querySelectorAll(".copybtn").length >= 2')
        # it is selected in a hidden field, and that is copied
        page.evaluate('copied = [], document.execCommand = () =>'
                      'copied.push(document.activeElement.value)')
        page.evaluate(
            'document.querySelectorAll(".copybtn").forEach(b => b.click())')
        copied = page.evaluate('copied')
    finally:
        page.close()
    assert copied[0].startswith('from microdot import Microdot\n')
    assert copied[1].strip() == 'curl http://localhost:5000/hello/Ada'

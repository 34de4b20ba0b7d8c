"""What a page in a real browser sees of streams, files and messages."""

import array
import re
import wave

import pytest

import servers
from browser import browser, needs_browser  # noqa: F401

APP = servers.TOP / 'tests' / 'apps' / 'in_browser.py'
REPORT = b'%PDF-1.4 of March'
#: Of the recording: far more than a browser reads ahead.
SECONDS = 100
#: 16-bit samples of two channels.
RATE = 44100

INDEX = """\
<!doctype html>
<meta charset=utf-8>
<title>app</title>
<a href=/download>Download</a>
<script>document.title = 'app at ' + location.pathname</script>
"""

#: Keeps what has come of the stream in ``seen``.
READ_STREAM = """(async () => {
    window.seen = '';
    window.over = false;
    const response = await fetch('/stream');
    window.coding = response.headers.get('Content-Encoding');
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
        const {done, value} = await reader.read();
        if (done)
            break;
        window.seen += decoder.decode(value, {stream: true});
    }
    window.over = true;
})(), 0"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """What is served: an application of one page, a report, a recording."""
    folder = tmp_path_factory.mktemp('served')
    (folder / 'index.html').write_text(INDEX)
    (folder / 'report').write_bytes(REPORT)
    with wave.open(str(folder / 'tone.wav'), 'wb') as file:
        file.setparams((2, 2, RATE, 0, 'NONE', None))
        file.writeframes(
            array.array('h', [0, 0, 9000, 9000]) * (RATE // 2) * SECONDS)
    return folder


@pytest.fixture(scope='module')
def url(folder):
    """Where the pages are."""
    with servers.serve(servers.running(), folder, 'gzip', script=APP) as child:
        yield 'http://127.0.0.1:%d' % child.port
        assert 'Traceback' not in child.output


@pytest.fixture
def page(browser, url):  # noqa: F811
    """The first page, in a tab."""
    page = browser.open(url + '/')
    yield page
    page.close()


@needs_browser
@pytest.mark.parametrize('coding', ['gzip', 'br', 'zstd'])
def test_a_page_sees_each_piece_of_a_compressed_stream(
        browser, folder, coding):  # noqa: F811
    with servers.serve(servers.running(), folder, coding,
                       script=APP) as child:
        page = browser.open('http://127.0.0.1:%d/' % child.port)
        page.evaluate(READ_STREAM)
        for seen in 'eins ', 'eins zwei ', 'eins zwei dreißig':
            page.evaluate('fetch("/next", {method: "POST"})')
            page.wait_for('window.seen.length >= %d' % len(seen))
            # the server sends no more, and does not end, until it is let
            assert page.evaluate('[seen, over, coding]') == [
                seen, False, coding]
        page.evaluate('fetch("/next", {method: "POST"})')
        page.wait_for('window.over')
        assert page.evaluate('seen') == 'eins zwei dreißig'
        page.close()
        assert 'Traceback' not in child.output


@needs_browser
def test_an_application_of_one_page_has_all_paths(page, url):
    for path in '/', '/some/page', '/some/other/':
        page.goto(url + path)
        assert page.evaluate('document.title') == 'app at ' + path
    # a browser asks for scripts by another Accept than for pages
    assert page.evaluate("""new Promise(resolve => {
        const script = document.createElement('script');
        script.src = '/missing.js';
        script.onerror = () => resolve('missing');
        script.onload = () => resolve('loaded');
        document.head.append(script);
    })""") == 'missing'
    assert page.evaluate(
        'fetch("/missing.js").then(response => response.status)') == 404
    page.goto(url + '/missing.js')
    assert page.text == 'Not found'


@needs_browser
def test_a_download_has_its_name(page, browser, tmp_path):  # noqa: F811
    browser.send('Browser.setDownloadBehavior', behavior='allow',
                 downloadPath=str(tmp_path), eventsEnabled=True)
    page.click('a')
    begun = browser.wait_for_event('Browser.downloadWillBegin', None)
    assert begun['suggestedFilename'] == 'März 2.pdf'
    browser.wait_for_event('Browser.downloadProgress', None,
                           guid=begun['guid'], state='completed')
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        'März 2.pdf': REPORT}


@needs_browser
def test_a_message_is_shown_once(page, url):
    page.goto(url + '/messages')
    assert not page.evaluate('document.querySelectorAll("p").length')
    page.click('button')
    page.wait_for('document.querySelectorAll("p.success").length')
    assert page.evaluate('[...document.querySelectorAll("p")].map('
                         'each => each.textContent)') == ['Saved']
    page.goto(url + '/messages')
    assert not page.evaluate('document.querySelectorAll("p").length')


@needs_browser
@pytest.mark.parametrize('element', ['audio', 'video'])
def test_a_recording_can_be_sought_in(page, element):
    page.evaluate("""new Promise((resolve, reject) => {
        window.player = document.createElement('%s');
        player.preload = 'auto';
        player.onloadeddata = resolve;
        player.onerror = () => reject(new Error(player.error.message));
        player.src = '/tone.wav?%s';
        document.body.append(player);
    })""" % (element, element))
    assert page.evaluate('player.duration') == SECONDS
    assert page.evaluate('player.seekable.end(0)') == SECONDS
    before = len(page.evaluate('fetch("/ranges").then(r => r.json())'))
    where = page.evaluate("""new Promise(resolve => {
        player.onseeked = () => resolve(
            [player.currentTime, player.readyState >= 2]);
        player.currentTime = %d;
    })""" % (SECONDS - 10))
    assert where == [SECONDS - 10, True]
    asked = page.evaluate('fetch("/ranges").then(r => r.json())')
    assert {status for _, status in asked} == {206}
    starts = [int(re.match('bytes=([0-9]+)-', value)[1])
              for value, _ in asked[before:]]
    # it has asked for what lies about there
    assert any(start > 4 * RATE * (SECONDS // 2) for start in starts), asked

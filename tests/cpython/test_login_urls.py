"""Where users go after logging in is this site, whatever they were sent with:
also as a real browser sees it. And no header breaks the authentication."""

import asyncio
import io
import itertools
import json
import random
import urllib.parse
from base64 import b64encode

from hypothesis import example, given, settings
from hypothesis import strategies as st

import microdot.asgi
import microdot.wsgi
from browser import browser, needs_browser  # noqa: F401
from microdot import redirect
from microdot.auth import parse_basic, parse_credentials
from microdot.login import Login, is_local
from microdot.session import Session

#: What URLs are made of that lead elsewhere.
WORDS = ['/', '//', '\\', '.', '..', '%2f', '%2F', '%5c', '%2e', '%09', '%0a',
         '%00', '%25', '\t', '\n', '\r', '\0', ' ', '\x7f', '\x85', '\xa0',
         'evil.example', '@', ':', ':80', '?', '#', ';', 'http:', 'x',
         '\uff0f', '\u2028', '\u3002', 'javascript:', '[', ']', '|', '%',
         '\u2215', '\ufeff']


def urls(count):
    """Return many URLs: all short ones, and long ones at random."""
    found = [''.join(words) for size in (1, 2)
             for words in itertools.product(WORDS, repeat=size)]
    rng = random.Random(5)
    while len(found) < count:
        found.append('/' * rng.randrange(2) + ''.join(
            rng.choice(WORDS) for _ in range(rng.randint(2, 7))))
    return found


@needs_browser
def test_a_browser_stays_on_this_site(browser):  # noqa: F811
    local = [url for url in urls(20000) if is_local(url)]
    assert len(local) > 1000
    # as given, as it is sent, and as something on the way may decode it
    asked = local + [redirect(url).headers['Location'] for url in local] + [
        urllib.parse.unquote(url.partition('?')[0].partition('#')[0])
        for url in local]
    page = browser.open('about:blank')
    hosts = page.evaluate(
        '%s.map(url => { try { return new URL(url, '
        '"http://site.example/login?next=x").origin } '
        'catch (error) { return null } })' % json.dumps(asked))
    page.close()
    elsewhere = [url for url, host in zip(asked, hosts, strict=True)
                 if host not in ('http://site.example', None)]
    assert elsewhere == []
    # (some decode to what is no URL at all)
    assert None not in hosts[:2 * len(local)]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=3)).map(''.join))
@example('')
@example('/\ud800')
def test_python_stays_on_this_site(url):
    if is_local(url):
        target = urllib.parse.urljoin('http://site.example/login', url)
        assert urllib.parse.urlsplit(target)[:2] == ('http', 'site.example')


@settings(max_examples=300, deadline=None)
@given(st.text() | st.binary().map(lambda data: b64encode(data).decode()))
@example('\ud800')
def test_no_credentials_break_the_parser(text):
    found = parse_basic(text)
    assert found is None or b64encode(
        ':'.join(found).encode()).decode() == text
    assert parse_credentials('Basic ' + text, 'basic') in (
        None, text.strip())


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=32, exclude_characters='\x7f:',
                             exclude_categories=['Cs'])),
       st.text(st.characters(min_codepoint=32, exclude_characters='\x7f',
                             exclude_categories=['Cs'])))
def test_all_names_and_passwords_are_understood(username, password):
    text = b64encode((username + ':' + password).encode()).decode()
    assert parse_basic(text) == (username, password)


def protected(app):
    Session(app, 'an example of a key of 32 bytes!')
    login = Login()
    login.user_loader(lambda user_id: None)
    app.get('/page')(login(lambda request: 'for users'))
    return app


def test_the_prefix_of_an_asgi_server_is_there_once():
    sent = []

    async def receive():
        return {'type': 'http.request'}

    async def send(event):
        sent.append(event)

    asyncio.run(protected(microdot.asgi.Microdot())({
        'type': 'http', 'asgi': {'version': '3.0'}, 'http_version': '1.1',
        'method': 'GET', 'scheme': 'http', 'path': '/below/page',
        'raw_path': b'/below/page', 'root_path': '/below',
        'query_string': b'a=b', 'headers': [(b'host', b'example.com')],
        'client': None, 'server': None}, receive, send))
    assert dict(sent[0]['headers'])[b'location'] == \
        b'/below/login?next=/below/page%3Fa%3Db'


def test_the_prefix_of_a_wsgi_server_is_there_once():
    started = []
    list(protected(microdot.wsgi.Microdot())({
        'REQUEST_METHOD': 'GET', 'SCRIPT_NAME': '/below',
        'PATH_INFO': '/page', 'QUERY_STRING': 'a=b', 'SERVER_NAME': 'h',
        'SERVER_PORT': '80', 'SERVER_PROTOCOL': 'HTTP/1.1',
        'HTTP_HOST': 'example.com', 'wsgi.url_scheme': 'http',
        'wsgi.input': io.BytesIO(), 'wsgi.errors': io.StringIO()},
        lambda status, headers: started.append(dict(headers))))
    assert started[0]['Location'] == '/below/login?next=/below/page%3Fa%3Db'

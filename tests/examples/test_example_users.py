"""The examples of sessions, authentication and logins run as they say."""

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import urllib.parse
from base64 import b64encode

import pytest

import servers
from browser import browser, needs_browser  # noqa: F401
from servers import TOP

BASKET = TOP / 'examples' / 'sessions' / 'basket.py'
PASSWORDS = TOP / 'examples' / 'auth' / 'passwords.py'
TOKENS = TOP / 'examples' / 'auth' / 'tokens.py'
LOGIN = TOP / 'examples' / 'login' / 'login.py'
every = pytest.mark.parametrize(
    'interpreter', [servers.running(), *servers.boards()],
    ids=lambda interpreter: interpreter.name)
some = pytest.mark.parametrize(
    'interpreter', [servers.running(), *servers.boards()[:1]],
    ids=lambda interpreter: interpreter.name)


def serve(interpreter, script, *args):
    path = TOP / 'src'
    if interpreter.is_micropython:
        path = '%s:%s' % (path, TOP / 'libs' / 'micropython')
    return servers.serve(interpreter, *args, script=script, path=path,
                         before=['127.0.0.1'])


class Answer:
    """What a client got."""

    def __init__(self, response):
        self.status = response.status
        self.text = response.read().decode()
        self.headers = response.headers
        self.location = response.headers['Location']


class Client:
    """A browser without a window: it keeps cookies."""

    def __init__(self, child, **headers):
        self.child = child
        self.headers = headers
        self.cookies = {}

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.child.port, timeout=20)
        headers = {name.replace('_', '-'): value
                   for name, value in {**self.headers, **headers}.items()}
        if self.cookies:
            headers['Cookie'] = '; '.join(
                '%s=%s' % pair for pair in self.cookies.items())
        if body is not None:
            body = urllib.parse.urlencode(body)
            headers['Content-Type'] = 'application/x-www-form-urlencoded'
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = Answer(connection.getresponse())
        for line in answer.headers.get_all('Set-Cookie', ()):
            cookie, *options = line.split('; ')
            assert 'HttpOnly' in options and 'SameSite=Lax' in options
            name, _, value = cookie.partition('=')
            if value:
                self.cookies[name] = value
            else:
                del self.cookies[name]
        return answer

    def get(self, path, **headers):
        return self.ask('GET', path, **headers)

    def post(self, path, **fields):
        return self.ask('POST', path, fields)


def basic(username, password):
    return 'Basic ' + b64encode(
        ('%s:%s' % (username, password)).encode()).decode()


def total(client):
    return int(re.search(r'<th>Total<td class="number">(\d+)',
                         client.get('/').text)[1])


@every
def test_each_browser_has_its_basket(interpreter, tmp_path):
    key = tmp_path / 'key'
    with serve(interpreter, BASKET, key) as child:
        one, other = Client(child), Client(child)
        assert total(one) == 0
        assert one.cookies == {}
        for name in ('tea', 'cake', 'tea'):
            answer = one.post('/', add=name)
            assert (answer.status, answer.location) == (302, '/')
        other.post('/', add='coffee')
        assert total(one) == 11
        assert total(other) == 4
        one.post('/', remove='tea')
        assert total(one) == 8
        assert one.post('/', add='gold').status == 400
        assert one.post('/', x='y').status == 302
        assert total(one) == 8
        kept = dict(one.cookies)
        one.post('/', clear='')
        assert one.cookies == {}
        assert total(one) == 0
        one.cookies = {'session': kept['session'][:-4] + 'AAAA'}
        assert total(one) == 0
        assert 'Traceback' not in child.output
    # the same key when it is started anew
    assert len(key.read_bytes()) == 32
    if not interpreter.is_micropython and os.name == 'posix':
        assert key.stat().st_mode & 0o077 == 0
    with serve(interpreter, BASKET, key) as child:
        client = Client(child)
        client.cookies = kept
        assert total(client) == 8


@every
def test_baskets_can_be_kept_in_a_folder(interpreter, tmp_path):
    args = tmp_path / 'key', tmp_path / 'sessions'
    with serve(interpreter, BASKET, *args) as child:
        one, other = Client(child), Client(child)
        one.post('/', add='tea')
        other.post('/', add='coffee')
        assert (total(one), total(other)) == (3, 4)
        kept = dict(one.cookies)
        assert len(list(args[1].glob('*.session'))) == 2
        other.post('/', clear='')
        assert len(list(args[1].glob('*.session'))) == 1
        assert 'Traceback' not in child.output
    with serve(interpreter, BASKET, *args) as child:
        client = Client(child)
        client.cookies = kept
        assert total(client) == 3
        client.post('/', clear='')
        # who has kept a copy of the cookie has nothing
        client.cookies = kept
        assert total(client) == 0


@every
def test_passwords_are_asked_for(interpreter):
    with serve(interpreter, PASSWORDS) as child:
        client = Client(child)
        assert client.get('/').text == 'Hello, stranger!\n'
        answer = client.get('/private')
        assert answer.status == 401
        assert answer.headers['WWW-Authenticate'] == (
            'Basic realm="examples", charset="UTF-8"')
        for name, password, greeting, status in (
                ('ada', 'lovelace', 'ada', 200), ('grace', 'hopper', 'grace',
                                                  403),
                ('ada', 'hopper', 'stranger', 401),
                ('eve', 'lovelace', 'stranger', 401)):
            header = {'Authorization': basic(name, password)}
            assert client.get('/', **header).text == 'Hello, %s!\n' % greeting
            assert client.get('/private', **header).status == status
        assert 'Traceback' not in child.output


@every
def test_tokens_are_given_and_taken(interpreter):
    with serve(interpreter, TOKENS) as child:
        client = Client(child)
        assert client.ask('POST', '/token').status == 401
        assert client.get('/lamp').status == 401
        for name, password, status in (('grace', 'hopper', 403),
                                       ('ada', 'lovelace', 200)):
            token = client.ask('POST', '/token', Authorization=basic(
                name, password)).text
            bearer = {'Authorization': 'Bearer ' + token}
            assert json.loads(client.get('/lamp', **bearer).text) == {
                'lamp': 'off'}
            answer = client.ask('PUT', '/lamp/on', **bearer)
            assert answer.status == status
            assert client.ask('PUT', '/lamp/dim', **bearer).status == 404
            other = client.get('/lamp', Authorization='Bearer %sx' % token)
            assert other.status == 401
            assert other.headers['WWW-Authenticate'] == (
                'Bearer error="invalid_token"')
        assert json.loads(answer.text) == {'lamp': 'on'}
        assert 'Traceback' not in child.output


@every
def test_users_log_in_and_out(interpreter, tmp_path):
    key = tmp_path / 'key'
    with serve(interpreter, LOGIN, key) as child:
        client = Client(child)
        answer = client.get('/')
        assert (answer.status, answer.location) == (302, '/login?next=/')
        assert '<form' in client.get(answer.location).text
        for fields in ({'name': 'ada', 'password': 'hopper'},
                       {'name': 'eve', 'password': 'lovelace'},
                       {'name': 'ada'}, {'password': 'lovelace'}, {}):
            answer = client.post('/login', **fields)
            assert answer.status == 403
            assert 'Wrong name or password.' in answer.text
        assert client.cookies == {}
        answer = client.post('/login?next=/password', name='ada',
                             password='lovelace')
        assert (answer.status, answer.location) == (302, '/password')
        assert 'logged in as ada' in client.get('/').text
        assert 'name="password"' in client.get('/password').text
        assert client.ask('POST', '/logout', {}, Origin='http://evil.example'
                          ).status == 403
        assert 'logged out' in client.post('/logout').text
        assert client.cookies == {}
        assert client.get('/').status == 302
        answer = client.post('/login?next=//evil.example', name='grace',
                             password='hopper', remember='on')
        assert (answer.status, answer.location) == (302, '/')
        assert sorted(client.cookies) == ['_remember', 'session']
        assert 'Traceback' not in child.output
    # remembered, also when it is started anew
    del client.cookies['session']
    with serve(interpreter, LOGIN, key) as child:
        client.child = child
        assert 'logged in as grace' in client.get('/').text
        answer = client.get('/password')
        assert answer.location == '/login?next=/password'
        client.post('/login', name='grace', password='hopper')
        assert client.post('/password', password='short').status == 422
        assert client.post('/password', password='longer').location == '/'
        client.post('/logout')
        assert client.post('/login', name='grace',
                           password='hopper').status == 403
        assert client.post('/login', name='grace',
                           password='longer').status == 302
        assert 'Traceback' not in child.output


@needs_browser
@some
def test_login_in_a_browser(interpreter, browser, tmp_path):  # noqa: F811
    browser.forget_cookies()
    with serve(interpreter, LOGIN, tmp_path / 'key') as child:
        site = 'http://127.0.0.1:%d' % child.port
        page = browser.open(site + '/password')
        page.wait_for('document.title == "Log in"')
        assert page.url == site + '/login?next=/password'
        page.fill('input[name=name]', 'ada')
        page.fill('input[name=password]', 'wrong')
        page.click('button')
        page.wait_for(
            'document.body.innerText.includes("Wrong name or password.")')
        page.fill('input[name=name]', 'ada')
        page.fill('input[name=password]', 'lovelace')
        page.click('input[name=remember]')
        page.click('button')
        # where the user wanted to go first
        page.wait_for('document.title == "Change the password"')
        assert page.url == site + '/password'
        # no script can see the cookies
        assert page.evaluate('document.cookie') == ''
        page.fill('input[name=password]', 'countess')
        page.click('button')
        page.wait_for('document.title == "Home"')
        assert 'You are logged in as ada.' in page.text
        # the browser is closed and opened: the session is over
        cookies = {cookie['name']: cookie for cookie in page.send(
            'Network.getCookies', urls=[site])['cookies']}
        assert cookies['session']['session']
        assert not cookies['_remember']['session']
        for cookie in cookies.values():
            assert cookie['httpOnly'] and cookie['sameSite'] == 'Lax'
        page.send('Network.deleteCookies', name='session', url=site)
        page.close()
        page = browser.open(site + '/')
        page.wait_for('document.title == "Home"')
        assert 'You are logged in as ada.' in page.text
        page.close()
        page = browser.open(site + '/password')
        page.wait_for('document.title == "Log in"')
        assert page.url == site + '/login?next=/password'
        page.close()
        page = browser.open(site + '/')
        page.wait_for('document.title == "Home"')
        page.click('button')
        page.wait_for('document.title == "Bye"')
        page.click('a')
        page.wait_for('document.title == "Log in"')
        assert page.url == site + '/login?next=/'
        assert page.send('Network.getCookies', urls=[site])['cookies'] == []
        page.close()
        assert 'Traceback' not in child.output


@needs_browser
@some
def test_passwords_in_a_browser(interpreter, browser):  # noqa: F811
    with serve(interpreter, PASSWORDS) as child:
        page = browser.open('http://ada:lovelace@127.0.0.1:%d/private'
                            % child.port)
        assert page.text.strip() == 'Nobody else knows.'
        page.close()


@pytest.mark.parametrize('script', [BASKET, PASSWORDS, TOKENS, LOGIN],
                         ids=lambda path: path.stem)
def test_pages_tell_how_to_run_them(script):
    text = script.read_text().replace('\\\n', '')
    name = str(script.relative_to(TOP))
    assert re.findall(r'^    (\w+)=(\S+) (\S+) (examples\S+)$', text,
                      re.MULTILINE) == [
        ('PYTHONPATH', 'src', 'python3', name),
        ('MICROPYPATH', 'src:libs/micropython:.frozen', 'micropython', name)]


@pytest.mark.parametrize('script', [BASKET, PASSWORDS, TOKENS, LOGIN],
                         ids=lambda path: path.stem)
def test_importing_them_starts_nothing(script, tmp_path):
    subprocess.run(
        [sys.executable, '-c', 'import %s as it; it.app' % script.stem],
        check=True, cwd=tmp_path, timeout=60, env=dict(
            os.environ, PYTHONPATH='%s:%s' % (TOP / 'src', script.parent)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('page, modules', [
    ('sessions', ['session']), ('auth', ['auth', 'password']),
    ('login', ['login', 'password'])])
def test_the_files_that_a_page_names_are_enough(page, modules, tmp_path):
    text = (TOP / 'docs' / 'guide' / (page + '.rst')).read_text()
    row = text.partition('* - Copy to a board\n')[2].partition('\n   * ')[0]
    package = tmp_path / 'microdot'
    package.mkdir()
    for name in ('__init__', 'microdot', *re.findall(
            r'\b(\w+)\.py', row)):
        source = TOP / 'src' / 'microdot' / (name + '.py')
        target = package
        if not source.exists():
            source = TOP / 'libs' / 'micropython' / (name + '.py')
            target = tmp_path
        (target / source.name).write_text(source.read_text())
    for board in servers.boards()[:1]:
        subprocess.run(
            [*board.command, '-c', 'import ' + ', '.join(
                'microdot.' + module for module in modules)],
            check=True, cwd=tmp_path, timeout=60,
            env=dict(os.environ, MICROPYPATH='%s:.frozen' % tmp_path))

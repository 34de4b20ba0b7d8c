"""A prefix that a proxy names: X-Forwarded-Prefix."""

import asyncio

import pytest

import microdot.asgi
from microdot import Microdot, Request, redirect
from microdot._rootpath import install
from microdot.proxies import TrustedProxies
from microdot.session import Session
from microdot.test_client import TestClient


def make(*proxies, app=None):
    app = app or Microdot()
    app.middleware(TrustedProxies(*proxies or ('127.0.0.1',)))

    @app.get('/')
    async def index(request):
        return '%s %s %s' % (request.path, request.root_path, request.url_for(
            'item', name='a b'))

    @app.get('/a/<name>')
    async def item(request, name):
        return '%s %s %s' % (name, request.root_path,
                             app.url_for('item', name='b'))

    @app.get('/go')
    async def go(request):
        return redirect(request.args['to'])

    return app


def ask(app, path, prefix, **options):
    async def send():
        client = TestClient(app, host='x', **options)
        return await client.get(path, headers={'X-Forwarded-Prefix': prefix})

    return asyncio.run(send())


@pytest.mark.parametrize('path, text', [
    ('/todo/', '/ /todo http://x/todo/a/a%20b'),
    ('/todo', '/ /todo http://x/todo/a/a%20b'),
    ('/', '/ /todo http://x/todo/a/a%20b'),
    ('/todo/a/x%2Fy', 'x/y /todo /a/b'), ('/a/x', 'x /todo /a/b'),
    ('/todos', 'Not found'), ('/todo/todo/', 'Not found')])
def test_it_may_come_or_be_taken_off(path, text):
    assert ask(make(), path, '/todo').text == text


def test_other_peers_are_not_believed():
    res = ask(make('10.0.0.1'), '/', '/todo')
    assert res.text == '/  http://x/a/a%20b'


@pytest.mark.parametrize('prefix', [
    '', '/', 'todo', '/todo/', '//todo', '/a//b', '/.', '/..', '/a/../b',
    '/a/.', '/a b', '/a?b', '/a#b', '/a%2Fb', '/a\\b', '/a:b', '/a@b',
    'http://x/', '/\xe9', '/a, /b/', '/' + 'a' * TrustedProxies.max_prefix,
    '/' + 'a' * 8000])
def test_what_is_no_prefix_is_ignored(prefix):
    assert ask(make(), '/', prefix).text == '/  http://x/a/a%20b'


@pytest.mark.parametrize('prefix', [
    '/a', '/a/b', '/a.b/..c', '/-._~9Z',
    '/' + 'a' * (TrustedProxies.max_prefix - 1)])
def test_what_is_one_is_taken(prefix):
    assert ask(make(), prefix + '/a/x', prefix).text == 'x %s /a/b' % prefix


def test_of_several_the_nearest_proxy_has_written_the_last():
    assert ask(make(), '/', '/a, /b').text == '/ /b http://x/b/a/a%20b'


@pytest.mark.parametrize('to, location', [
    ('/b', '/todo/b'), ('/', '/todo/'), ('/todo/x', '/todo/x'),
    ('/todo', '/todo'), ('/todos', '/todo/todos'), ('b', 'b'),
    ('//other.example/', '//other.example/'),
    ('https://other.example/', 'https://other.example/')])
def test_redirects_have_it_once(to, location):
    assert ask(make(), '/go?to=' + to, '/todo').headers['Location'] == \
        location


def test_a_prefix_of_the_application_comes_first():
    for prefix in ('/todo', '/other'):
        app = make()
        install(app, '/todo')
        assert ask(app, '/todo/', prefix).text == \
            '/ /todo http://x/todo/a/a%20b'
        assert ask(app, '/todo/todo/', prefix).status_code == 404
        res = ask(app, '/todo/go?to=/x', prefix)
        assert res.headers['Location'] == '/todo/x'


@pytest.mark.parametrize('options, path', [
    (None, '/todo'), ({'path': '/own'}, '/own')])
def test_the_cookie_of_a_session_is_for_it(options, path):
    app = make()
    Session(app, 'a secret of the tests', cookie_options=options)

    @app.get('/login')
    async def login(request):
        request.session['user'] = 'ada'
        request.session.save()
        return ''

    res = ask(app, '/todo/login', '/todo')
    cookie = res.headers.getlist('Set-Cookie')[0]
    assert '; Path=%s;' % path in cookie + ';'
    cookie = ask(app, '/login', '').headers.getlist('Set-Cookie')[0]
    assert '; Path=%s;' % (options or {'path': '/'})['path'] in cookie + ';'


def test_under_another_server_a_missing_page_is_missing():
    app = make(app=microdot.asgi.Microdot())
    for path, status in (('/todo/nothing', 404), ('/todo/', 200)):
        assert ask(app, path, '/todo').status_code == status


def test_a_path_that_no_route_matches_has_no_prefix_of_a_gateway():
    app = microdot.asgi.Microdot()
    request = Request(app, None, 'GET', '/x', '1.1', {})
    request.root_path = '/todo'
    assert app.match(request)[0] is None

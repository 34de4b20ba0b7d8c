"""Recipes that need another server do what they say with a stand-in of it."""

import asyncio
import base64
import hashlib
import pathlib
import re
import textwrap
from urllib.parse import parse_qs, urlsplit

from microdot import Microdot, abort
from microdot.test_client import TestClient

TOP = pathlib.Path(__file__).resolve().parents[2]


def read_program(name):
    """Return the first program of a recipe."""
    text = (TOP / 'docs' / 'recipes' / (name + '.rst')).read_text()
    block = re.search(
        r'\.\. code-block:: python\n(?:   :.*\n)*\n((?:(?:   .*)?\n)+)', text)
    return textwrap.dedent(block[1])


class Service:
    """A service of OpenID Connect, with one user."""

    def __init__(self):
        self.app = Microdot()
        self.challenge = None
        self.app.get('/.well-known/openid-configuration')(self.describe)
        self.app.post('/token')(self.give_token)
        self.app.get('/userinfo')(self.tell_user)

    async def describe(self, request):
        return {name + '_endpoint': 'http://%s/%s' % (
            request.headers['Host'], path) for name, path in (
            ('authorization', 'authorize'), ('token', 'token'),
            ('userinfo', 'userinfo'))}

    async def give_token(self, request):
        form = request.form
        digest = hashlib.sha256(form['code_verifier'].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip('=')
        if form['code'] != 'right' or challenge != self.challenge or \
                form['client_secret'] != 'secret':
            abort(400)
        return {'access_token': 'token'}

    async def tell_user(self, request):
        if request.headers['Authorization'] != 'Bearer token':
            abort(401)
        return {'sub': '7', 'name': 'Ada'}


async def come_back(client, service, **query):
    """Begin to log in, and come back as the service sends one."""
    response = await client.get('/login')
    asked = {name: value for name, (value,) in parse_qs(urlsplit(
        response.headers['Location']).query).items()}
    service.challenge = asked['code_challenge']
    return await client.get('/callback', query={
        'code': 'right', 'state': asked['state'], **query})


async def use_oauth(function, monkeypatch):
    service = Service()
    server = await service.app.start_server(
        host='127.0.0.1', port=0, start_serving=False)
    serving = asyncio.create_task(server.serve_forever())
    try:
        for name, value in {
                'OIDC_ISSUER': 'http://127.0.0.1:%d' % server.port,
                'OIDC_CLIENT_ID': 'notes', 'OIDC_CLIENT_SECRET': 'secret',
                'OIDC_CALLBACK': 'https://notes.example.com/callback',
                'SECRET_KEY': 'k' * 32, 'NO_PROXY': '127.0.0.1'}.items():
            monkeypatch.setenv(name, value)
        module = {}
        exec(compile(read_program('oauth'), 'oauth.rst', 'exec'), module)
        async with TestClient(module['app']) as client:
            await function(client, service)
    finally:
        server.close()
        await serving


def test_oauth_logs_in_who_comes_back_from_the_service(monkeypatch):
    async def check(client, service):
        response = await client.get('/')
        assert response.headers['Location'] == '/login?next=/'
        response = await come_back(client, service)
        assert response.headers['Location'] == '/'
        assert (await client.get('/')).text == 'Hello, Ada!'

    asyncio.run(use_oauth(check, monkeypatch))


def test_oauth_refuses_another_state_or_code(monkeypatch):
    async def check(client, service):
        for query, status in (({'state': 'other'}, 400),
                              ({'code': 'wrong'}, 403)):
            response = await come_back(client, service, **query)
            assert response.status_code == status
        # one who has not begun here
        stranger = TestClient(client.app)
        response = await stranger.get('/callback?code=right&state=x')
        assert response.status_code == 400
        assert (await client.get('/')).status_code == 302

    asyncio.run(use_oauth(check, monkeypatch))

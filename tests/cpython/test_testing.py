"""What the test client has on CPython alone."""

import asyncio
import threading
from unittest import mock

import pytest

from microdot import Microdot, Response
from microdot.test_client import (
    SyncClient,
    TestClient,
    TestResponse,
    WebSocketClosed,
)
from microdot.websocket import with_websocket


def make_app():
    """Return an application that writes down its life."""
    app = Microdot()
    app.log = []

    @app.on_startup
    async def up():
        app.log.append('up')
        app.loop = asyncio.get_running_loop()

    @app.on_shutdown
    async def down():
        app.log.append('down')

    @app.route('/', methods=['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT',
                             'PATCH', 'DELETE', 'QUERY'])
    async def echo(request):
        assert asyncio.get_running_loop() is app.loop
        return {'method': request.method, 'body': request.body.decode(),
                'x': request.headers.get('X')}

    @app.get('/broken')
    async def broken(request):
        raise LookupError('on purpose')

    @app.get('/set')
    async def set_cookie(request):
        res = Response('')
        res.set_cookie('a', 'b')
        return res

    @app.get('/slow')
    async def slow(request):
        await asyncio.Event().wait()

    @app.get('/chat')
    @with_websocket
    async def chat(request, ws):
        try:
            while True:
                message = await ws.receive()
                if message == 'bye':
                    await ws.close(4000, 'so long')
                elif message == 'end':
                    return
                elif message == 'boom':
                    raise LookupError('on purpose')
                elif message == 'twice':
                    await ws.send('one')
                    await ws.send('two')
                elif message != 'quiet':
                    await ws.send(message)
        finally:
            app.log.append('left')

    return app


class TestPlainMethods:
    def test_requests_are_answered(self):
        with TestClient(make_app()) as client:
            assert isinstance(client, SyncClient)
            for name in ('get', 'options', 'post', 'put', 'patch', 'delete',
                         'query'):
                res = getattr(client, name)('/', {'X': 'y'}, 'text')
                assert res.json == {'method': name.upper(), 'body': 'text',
                                    'x': 'y'}
            assert client.head('/').status_code == 200
            assert client.request('PUT', '/', json=[1]).json['body'] == '[1]'

    def test_the_application_lives_with_the_block(self):
        app = make_app()
        with TestClient(app) as client:
            assert app.log == ['up']
            client.get('/')
        assert app.log == ['up', 'down']
        assert app.loop.is_closed()

    def test_a_client_may_be_used_again(self):
        app = make_app()
        client = TestClient(app)
        for _ in range(2):
            with client as plain:
                plain.get('/set')
        assert app.log == ['up', 'down'] * 2
        assert client.cookies == {'a': 'b'}

    def test_attributes_are_those_of_the_client(self):
        client = TestClient(make_app())
        with client as plain:
            plain.get('/set')
            assert plain.cookies is client.cookies == {'a': 'b'}
            plain.follow_redirects = True
        assert client.follow_redirects is True

    def test_failing_startup_is_raised(self):
        app = make_app()

        @app.on_startup
        async def fail():
            raise LookupError('on purpose')

        with pytest.raises(LookupError):
            with TestClient(app):
                raise AssertionError('the block ran')
        assert app.log == ['up', 'down']

    def test_failing_shutdown_is_raised_but_hides_nothing(self):
        app = make_app()

        @app.on_shutdown
        async def fail():
            raise LookupError('on purpose')

        with pytest.raises(LookupError):
            with TestClient(app):
                pass
        with pytest.raises(ZeroDivisionError):
            with TestClient(app):
                1 / 0
        assert app.log == ['up', 'down'] * 2

    def test_exceptions_are_raised_on_request(self):
        with TestClient(make_app(), raise_exceptions=True) as client:
            with pytest.raises(LookupError):
                client.get('/broken')
            assert client.get(
                '/broken', raise_exceptions=False).status_code == 500

    def test_requests_that_take_too_long_are_errors(self):
        with TestClient(make_app()) as client:
            with pytest.raises(asyncio.TimeoutError):
                client.get('/slow', timeout=0.01)
            assert client.get('/').status_code == 200

    def test_it_is_refused_where_a_loop_runs(self):
        async def main():
            with TestClient(make_app()):
                pass

        with pytest.raises(RuntimeError, match='async with'):
            asyncio.run(main())

    def test_it_is_refused_within_the_application(self):
        app = make_app()

        @app.get('/itself')
        async def itself(request):
            return client.get('/').text

        with TestClient(app, raise_exceptions=True) as client:
            with pytest.raises(RuntimeError, match='wait for itself'):
                client.get('/itself')

    def test_it_is_refused_after_its_end(self):
        with TestClient(make_app()) as client:
            pass
        with pytest.raises(RuntimeError, match='ended'):
            client.get('/')

    def test_threads_may_share_a_client(self):
        found = []
        with TestClient(make_app()) as client:
            threads = [threading.Thread(target=lambda: found.append(
                client.get('/').status_code)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert found == [200] * 8

    def test_a_websocket_by_a_generator(self):
        found = []

        def peer():
            found.append((yield 'hi'))

        with TestClient(make_app()) as client:
            assert client.websocket('/chat', peer).status_code == 101
        assert found == ['hi']


class TestWebSockets:
    def test_messages_come_and_go(self):
        with TestClient(make_app()) as client:
            with client.websocket_connect('/chat') as ws:
                ws.send('a')
                assert ws.receive() == 'a'
                ws.send(b'b')
                assert ws.receive() == b'b'
                ws.send_json({'a': [1]})
                assert ws.receive_json() == {'a': [1]}
                ws.send('x' * 9000)
                assert ws.receive() == 'x' * 9000
                assert ws.response.status_code == 101
                assert ws.response.url == 'ws://example.com:1234/chat'
                assert ws.close_code is None

    def test_asynchronous_form(self):
        async def main():
            app = make_app()
            async with TestClient(app, base_url='https://x') as client:
                async with client.websocket_connect('/chat') as ws:
                    await ws.send('twice')
                    assert [await ws.receive() for _ in 'ab'] == ['one', 'two']
                    assert ws.response.url == 'wss://x/chat'
                    await ws.send('twice')
                    await ws.send('end')
                    assert [m async for m in ws] == ['one', 'two']
            assert app.log == ['up', 'left', 'down']

        asyncio.run(main())

    def test_the_handler_has_ended_with_the_block(self):
        app = make_app()
        with TestClient(app) as client:
            with client.websocket_connect('/chat') as ws:
                ws.send('quiet')
            assert app.log == ['up', 'left']

    def test_a_server_that_closes(self):
        for message, code, reason in (('bye', 4000, 'so long'),
                                      ('end', 1000, ''), ('boom', 1011, '')):
            with TestClient(make_app()) as client:
                with client.websocket_connect('/chat') as ws:
                    ws.send('twice')
                    ws.send(message)
                    assert [ws.receive(), ws.receive()] == ['one', 'two']
                    with pytest.raises(WebSocketClosed) as caught:
                        ws.receive()
                    assert (caught.value.code, caught.value.reason) == (
                        code, reason)
                    assert (ws.close_code, ws.close_reason) == (code, reason)
                    assert caught.value.response is None
                    with pytest.raises(WebSocketClosed):
                        ws.send('more')
                    assert list(ws) == []

    def test_exceptions_of_the_handler_are_raised_on_request(self):
        with TestClient(make_app(), raise_exceptions=True) as client:
            with pytest.raises(LookupError):
                with client.websocket_connect('/chat') as ws:
                    ws.send('boom')
                    ws.receive()
            with pytest.raises(LookupError):
                with client.websocket_connect('/chat') as ws:
                    ws.send('boom')
            with pytest.raises(ZeroDivisionError):
                with client.websocket_connect('/chat') as ws:
                    ws.send('boom')
                    1 / 0

    def test_a_handshake_that_is_refused(self):
        with TestClient(make_app()) as client:
            for path, status in (('/', 200), ('/nowhere', 404)):
                with pytest.raises(WebSocketClosed,
                                   match=str(status)) as caught:
                    with client.websocket_connect(path):
                        raise AssertionError('the block ran')
                assert caught.value.response.status_code == status
                assert caught.value.code == 1006

    def test_waiting_may_end(self):
        with TestClient(make_app(), timeout=5) as client:
            with client.websocket_connect('/chat') as ws:
                with pytest.raises(asyncio.TimeoutError):
                    ws.receive(timeout=0.01)
                ws.send('a')
                assert ws.receive() == 'a'

    def test_a_client_may_close_with_a_code(self):
        app = Microdot()
        seen = []

        @app.get('/')
        @with_websocket
        async def view(request, ws):
            try:
                await ws.receive()
            finally:
                seen.append(ws.close_code)

        with TestClient(app) as client:
            with client.websocket_connect('/') as ws:
                ws.close(4001, 'enough')
                assert ws.close_code == 4001
                ws.close()
        assert seen == [4001]

    def test_headers_and_the_clients_own_are_sent(self):
        app = Microdot()
        seen = []

        @app.get('/base/')
        @with_websocket
        async def view(request, ws):
            seen.append((request.headers['X'], request.headers['Y'],
                         request.headers['Authorization']))

        with TestClient(app, headers={'X': 'a'}, auth=('u', 'p'),
                        base_url='http://x/base') as client:
            with client.websocket_connect('/', headers={'Y': 'b'}):
                pass
        assert seen == [('a', 'b', 'Basic dTpw')]


class TestCookies:
    def client(self, *cookies, **kwargs):
        """Return a client that has been given cookies at the root."""
        app = Microdot()
        left = list(cookies)

        @app.get('/')
        @app.get('/<path:path>')
        async def view(request, path=''):
            sent = {'Set-Cookie': left.pop(0)} if left else {}
            return request.headers.get('Cookie', ''), sent

        client = TestClient(app, **kwargs)
        for _ in cookies:
            asyncio.run(client.get('/'))
        return client

    def sent(self, client, path='/', host=None):
        return asyncio.run(client.get(
            path, {'Host': host} if host else None)).text

    def test_secure_cookies_need_https(self):
        assert self.sent(self.client('a=b; Secure')) == ''
        client = self.client('a=b; Secure', scheme='https')
        assert self.sent(client) == 'a=b'
        client.scheme = 'http'
        assert self.sent(client) == ''
        for host in ('localhost:5000', '127.0.0.1', '[::1]:80',
                     'app.localhost'):
            assert self.sent(self.client('a=b; Secure', host=host)) == 'a=b'

    @pytest.mark.parametrize('cookie, scheme, kept', [
        ('__Secure-a=b; Secure', 'https', True),
        ('__Secure-a=b', 'https', False),
        ('__Host-a=b; Secure; Path=/', 'https', True),
        ('__Host-a=b; Secure', 'https', False),
        ('__Host-a=b; Path=/', 'https', False),
        ('__host-a=b; Secure; Path=/; Domain=example.com', 'https', False),
        ('__Host-a=b; Secure; Path=/', 'http', False),
        ('a=' + 'b' * 4095, 'http', True),
        ('a=' + 'b' * 4096, 'http', False),
        ('a=' + 'b' * 100000, 'http', False),
    ])
    def test_what_a_browser_would_not_keep(self, cookie, scheme, kept):
        assert bool(self.client(cookie, scheme=scheme).cookies) is kept

    @pytest.mark.parametrize('domain, host, sent_to, not_to', [
        ('', 'example.com', 'example.com', 'www.example.com'),
        ('example.com', 'example.com', 'www.example.com', 'example.org'),
        ('example.com', 'www.example.com', 'example.com', 'badexample.com'),
        ('.EXAMPLE.com', 'www.example.com', 'a.example.com', 'com'),
        ('localhost', 'localhost', 'localhost', 'a.localhost'),
        ('1.2.3.4', '1.2.3.4', '1.2.3.4', 'a.1.2.3.4'),
    ])
    def test_domains(self, domain, host, sent_to, not_to):
        client = self.client(
            'a=b' + ('; Domain=' + domain if domain else ''), host=host)
        assert self.sent(client) == 'a=b'
        assert self.sent(client, host=sent_to) == 'a=b'
        assert self.sent(client, host=sent_to + ':8080') == 'a=b'
        assert self.sent(client, host=not_to) == ''

    @pytest.mark.parametrize('domain, host', [
        ('example.org', 'example.com'), ('www.example.com', 'example.com'),
        ('com', 'example.com'), ('2.3.4', '1.2.3.4'), (':1]', '[::1]'),
        ('ample.com', 'example.com'),
    ])
    def test_domains_that_a_host_may_not_set(self, domain, host):
        assert self.client('a=b; Domain=' + domain, host=host).cookies == {}

    def test_domains_of_one_name_live_side_by_side(self):
        client = self.client('a=1', 'a=2; Domain=example.com')
        assert client.cookies == {'a': [('1', '/'), ('2', '/')]}
        assert self.sent(client, host='www.example.com') == 'a=2'
        assert self.sent(client, host='example.com') == 'a=1; a=2'

    def test_cookies_end(self):
        client = self.client('a=b; Max-Age=60', 'c=d', 'e=f; Expires='
                             'Fri, 01 Jan 2100 00:00:00 GMT')
        assert self.sent(client) == 'a=b; c=d; e=f'
        with mock.patch('time.time', return_value=4102444799):
            assert self.sent(client) == 'c=d; e=f'
        with mock.patch('time.time', return_value=4102444800):
            assert self.sent(client) == 'c=d'

    def test_a_cookie_of_the_test_goes_anywhere_and_is_replaced(self):
        client = self.client(cookies={'a': 'b'})
        assert self.sent(client, host='example.org') == 'a=b'
        client = self.client('a=c', cookies={'a': 'b'})
        assert client.cookies == {'a': 'c'}

    def test_a_cookie_knows_what_was_said_of_it(self):
        cookie = self.client('a=b; Max-Age=60; Secure; Domain=example.com',
                             scheme='https').cookies['a']
        assert (cookie, cookie.domain, cookie.secure) == (
            'b', '.example.com', True)
        assert cookie.expires > 0


def test_a_response_shows_what_it_is():
    def shown(result, method='GET'):
        app = Microdot()
        app.get('/')(lambda request: result)
        return repr(asyncio.run(TestClient(app).request(method, '/')))

    assert shown('hello') == \
        '<TestResponse 200 OK, text/plain; charset=UTF-8, 5 bytes>'
    assert shown('hello', 'HEAD') == \
        '<TestResponse 200 OK, text/plain; charset=UTF-8>'
    assert shown(Response('', 418, reason='TEA')) == \
        '<TestResponse 418 TEA, text/plain; charset=UTF-8, 0 bytes>'
    assert shown(Response.already_handled) == \
        '<TestResponse: nothing was sent>'
    assert repr(TestResponse.parse(b'HTTP/1.1 204 No Content\r\n\r\n')) == \
        '<TestResponse 204 No Content, 0 bytes>'

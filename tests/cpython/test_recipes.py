"""Recipes that need another server do what they say.

PostgreSQL, an MQTT broker and multicast DNS are real; a stand-in takes the
place of who logs in users for others, and of the client of MQTT for boards.
"""

import asyncio
import base64
import contextlib
import hashlib
import http.client
import json
import pathlib
import re
import textwrap
from urllib.parse import parse_qs, urlsplit

import pytest

import servers
from microdot import Microdot, abort
from microdot.test_client import TestClient
from mqtt_broker import mqtt_broker  # noqa: F401
from postgres_server import postgres_server  # noqa: F401

TOP = pathlib.Path(__file__).resolve().parents[2]
#: How many blocks of each recipe need a server; all of them are run here.
WITH_SERVER = {'mdns': 1, 'mqtt': 2, 'oauth': 1, 'postgresql': 3}


def read_program(name, number=0):
    """Return a program of a recipe: of those that need a server, the first
    or another."""
    text = (TOP / 'docs' / 'recipes' / (name + '.rst')).read_text()
    found = re.findall(
        r'\.\. code-block:: python\n   :class: with-server\n\n'
        r'((?:(?:   .*)?\n)+)', text)
    assert len(found) == WITH_SERVER[name]
    return textwrap.dedent(found[number])


def replace(text, *pairs):
    """Replace what must be there."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def execute(source):
    """Run the code of a page; return the names that it defines."""
    names = {}
    exec(compile(source, 'recipe', 'exec'), names)
    return names


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
        module = execute(read_program('oauth'))
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


# --------------------------------------------------------------- PostgreSQL

@pytest.mark.parametrize('number', [0, 1], ids=['plain', 'coroutines'])
def test_postgresql_gives_rows(
        number, postgres_server, monkeypatch):  # noqa: F811
    monkeypatch.setenv('DATABASE_URL', postgres_server.url)
    postgres_server.run('CREATE TABLE items (id int, name text)')
    postgres_server.run("INSERT INTO items VALUES (1, 'lamp'), (2, 'Öl')")

    async def main():
        names = execute(read_program('postgresql', number)
                        + read_program('postgresql', 2))
        async with TestClient(names['app']) as client:
            response = await client.get('/items/2')
            assert response.json == {'id': 2, 'name': 'Öl'}
            assert (await client.get('/items/3')).status_code == 404
            # more at once than the pool has connections
            found = await asyncio.gather(*(
                client.get('/items/1') for _ in range(30)))
            assert {each.json['name'] for each in found} == {'lamp'}
            postgres_server.stop()
            response = await client.get('/items/1')
            assert response.status_code == 503
            assert response.headers['Retry-After'] == '5'
            postgres_server.start()
            # the pool may still hold connections that are broken
            while (response := await client.get('/items/1')).status_code != (
                    200):
                assert response.status_code == 503
            assert response.json == {'id': 1, 'name': 'lamp'}

    # (it stops and starts a database)
    asyncio.run(asyncio.wait_for(main(), 6 * servers.PATIENCE_S))


# --------------------------------------------------------------------- MQTT

#: The part of ``mqtt_as`` that the recipe uses, for MQTT 3.1.1. Like that, it
#: connects again by itself, and what it subscribed to is then forgotten.
MQTT_AS = """\
import asyncio
config = {}
class MQTTClient:
    def __init__(self, config):
        self.config = config
        self.up = asyncio.Event()
        self.queue = self
        self.reader = None
    async def connect(self):
        self.reader, self.writer = await asyncio.open_connection(
            self.config['server'], PORT)
        await self.send(0x10, b'\\0\\4MQTT\\4\\2\\0\\0\\0\\5board')
        kind, payload = await self.receive()
        assert kind == 0x20 and payload == b'\\0\\0'
        self.up.set()
    async def send(self, kind, payload):
        self.writer.write(bytes((kind, len(payload))) + payload)
        await self.writer.drain()
    async def receive(self):
        kind, size = await self.reader.readexactly(2)
        return kind, await self.reader.readexactly(size)
    async def subscribe(self, topic, qos):
        topic = topic.encode()
        await self.send(0x82, bytes((0, 1, 0, len(topic))) + topic
                        + bytes((qos,)))
    def __aiter__(self):
        return self
    async def __anext__(self):
        while True:
            try:
                kind, payload = await self.receive()
            except (OSError, EOFError):
                await self.connect_again()
                continue
            if kind & 0xf0 == 0x30:
                end = 2 + payload[1]
                return payload[2:end], payload[end:], bool(kind & 1)
    async def connect_again(self):
        while True:
            try:
                return await self.connect()
            except (OSError, EOFError):
                await asyncio.sleep(0.05)
"""


@contextlib.asynccontextmanager
async def mqtt_client(broker):
    """Be connected to a broker."""
    import aiomqtt
    async with aiomqtt.Client('127.0.0.1', broker.port) as client:
        yield client


async def publish(broker, topic, payload):
    async with mqtt_client(broker) as client:
        await client.publish(topic, payload)


def publish_until(broker, child, topic, payload):
    """Publish until the program shows it: it may not have subscribed yet."""
    def is_shown():
        asyncio.run(publish(broker, topic, payload))
        return json.loads(child.get('/readings')).get(topic) == payload
    servers.wait_until(is_shown, '%s to be shown' % topic)


def put(child, path):
    """Send a PUT request; return the status of the answer."""
    connection = http.client.HTTPConnection('127.0.0.1', child.port,
                                            timeout=servers.PATIENCE_S)
    with contextlib.closing(connection):
        connection.request('PUT', path)
        return connection.getresponse().status


def test_mqtt_shows_what_sensors_publish(mqtt_broker, tmp_path):  # noqa: F811
    broker = mqtt_broker
    script = tmp_path / 'app.py'
    script.write_text('import sys\n' + replace(
        read_program('mqtt'),
        ("'broker.local'", "'127.0.0.1', %d" % broker.port),
        ('sleep(5)', 'sleep(0.05)'),
        ('app.run()', "app.run(host='127.0.0.1', port=int(sys.argv[1]))")))
    with servers.serve(servers.running(), script=script) as child:
        publish_until(broker, child, 'sensors/attic', '21.5')
        with child.connect() as sock:
            sock.sendall(b'GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n')
            servers.read_until(sock, b'\r\n\r\n')
            servers.wait_until(
                lambda: asyncio.run(publish(broker, 'sensors/sea', '4'))
                or b'data: {"sensors/sea": "4"}' in sock.recv(65536),
                'the event')
        asyncio.run(switch_lamp(broker, child))
        broker.kill()
        servers.wait_until(lambda: put(child, '/lamp/on') == 503,
                           'the end of the connection')
        broker.start()
        publish_until(broker, child, 'sensors/attic', '22')


async def switch_lamp(broker, child):
    async with mqtt_client(broker) as client:
        await client.subscribe('lamps/#')
        status = await asyncio.to_thread(put, child, '/lamp/on')
        assert status == 200
        async for message in client.messages:
            assert str(message.topic) == 'lamps/kitchen'
            assert message.payload == b'on'
            break


@pytest.mark.parametrize('interpreter', servers.boards(),
                         ids=lambda each: each.name)
def test_mqtt_on_a_board_shows_what_sensors_publish(
        interpreter, mqtt_broker, tmp_path):  # noqa: F811
    broker = mqtt_broker
    script = tmp_path / 'main.py'
    (tmp_path / 'mqtt_as.py').write_text(
        MQTT_AS.replace('PORT', str(broker.port)))
    script.write_text('import sys\n' + replace(
        read_program('mqtt', 1), ("'broker.local'", "'127.0.0.1'"),
        ('port=80', "host='127.0.0.1', port=int(sys.argv[1])")))
    with servers.serve(interpreter, script=script, path='%s:%s' % (
            tmp_path, TOP / 'src')) as child:
        publish_until(broker, child, 'sensors/attic', '21.5')
        broker.kill()
        broker.start()
        publish_until(broker, child, 'sensors/attic', '22')


# --------------------------------------------------------------------- mDNS

async def find(name, seconds):
    """Ask by multicast, on loopback, who has a name; return its addresses and
    the port of the service, or ``None`` after so many seconds."""
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf
    async with AsyncZeroconf(interfaces=['127.0.0.1']) as asking:
        service = AsyncServiceInfo('_http._tcp.local.', name)
        if not await service.async_request(asking.zeroconf, seconds * 1000):
            return None
        return service.server, service.parsed_addresses(), service.port


def test_mdns_answers_who_asks_for_the_name():
    pytest.importorskip('zeroconf')
    source = replace(
        read_program('mdns'), ('AsyncZeroconf()',
                               "AsyncZeroconf(interfaces=['127.0.0.1'])"),
        ("'192.0.2.1'", "'127.0.0.1'"), ('app.run(port=PORT)', ''))

    async def main():
        app = execute(source)['app']
        async with TestClient(app) as client:
            server, addresses, port = await find(
                'Notes._http._tcp.local.', servers.PATIENCE_S)
            assert server == 'notes.local.'
            assert port == 5000
            for host, status in (
                    ('notes.local', 404), (addresses[0], 404),
                    ('example.com', 400)):
                response = await client.get('/', headers={'Host': host})
                assert response.status_code == status
        assert await find('Notes._http._tcp.local.', 3) is None

    asyncio.run(main())

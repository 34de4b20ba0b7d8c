"""Failed attempts to log in are counted by networks of IPv6."""

import asyncio

import pytest

from microdot import Microdot
from microdot.login import Login
from microdot.session import Session
from microdot.test_client import TestClient


@pytest.mark.parametrize('first, second, same', [
    ('192.0.2.1', '192.0.2.1', True),
    ('192.0.2.1', '192.0.2.2', False),
    ('192.0.2.1', '::ffff:192.0.2.1', True),
    ('2001:db8::1', '2001:db8::ffff:2:3:4', True),
    ('2001:db8:0:1::1', '2001:db8:0:2::1', False),
    ('fe80::1%eth0', 'fe80::2%eth0', True)])
def test_failures_count_for_the_network(first, second, same):
    app = Microdot()
    Session(app, 'key')
    login = Login()
    login.max_address_failures = 1

    @app.post('/login/<name>')
    async def log_in(request, name):
        return str(await login.attempt(request, name, lambda: False))

    async def ask(address, name):
        client = TestClient(app, client=(address, 50000))
        return (await client.post('/login/' + name)).status_code

    async def main():
        return await ask(first, 'a'), await ask(second, 'b')

    assert asyncio.run(main()) == (200, 429 if same else 200)

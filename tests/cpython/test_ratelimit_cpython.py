"""What CPython's limits have beside those of boards."""

import asyncio
import types

import pytest

from microdot import Microdot
from microdot.ratelimit import Limiter, RateLimit, client_address, limit
from microdot.test_client import TestClient


def test_answers_tell_what_is_left():
    app = Microdot()
    RateLimit(app, '2/minute')
    app.get('/')(lambda request: 'x')

    async def main():
        client = TestClient(app)
        first = await client.get('/')
        assert first.headers['RateLimit'] == '"default";r=1;t=1'
        assert first.headers['RateLimit-Policy'] == '"default";q=2;w=60'
        second = await client.get('/nothing')
        assert second.headers['RateLimit'].startswith('"default";r=0;t=')
        third = await client.get('/')
        assert third.status_code == 429
        assert third.headers['RateLimit'] == '"default";r=0;t=%s' % \
            third.headers['Retry-After']

    asyncio.run(main())


def test_what_a_handler_says_itself_stays():
    app = Microdot()
    RateLimit(app, '2/minute')
    app.get('/')(lambda request: ('x', {'RateLimit': 'mine'}))
    app.get('/free')(lambda request: 'x')
    res = asyncio.run(TestClient(app).get('/'))
    assert res.headers['RateLimit'] == 'mine'


def test_who_has_no_limit_is_told_none():
    app = Microdot()
    RateLimit(app, '1/minute', key=lambda request: None)
    app.get('/')(lambda request: 'x')

    async def main():
        for _ in range(3):
            res = await TestClient(app).get('/')
            assert res.status_code == 200
            assert 'RateLimit' not in res.headers

    asyncio.run(main())


@pytest.mark.parametrize('address, expected', [
    (('192.0.2.1', 80), '192.0.2.1'),
    (('2001:db8:1:2:3:4:5:6', 80), '20010db800010002/64'),
    (('2001:db8:1:2::1', 80), '20010db800010002/64'),
    (('2001:db8:1:3::1', 80), '20010db800010003/64'),
    (('::ffff:192.0.2.1', 80), '192.0.2.1'),
    (('fe80::1%eth0', 80), 'fe80000000000000/64'),
    (('not:an:address', 80), 'not:an:address'),
    (('', 0), ''),
    (None, ''),
])
def test_a_client_is_an_address_or_a_network(address, expected):
    found = client_address(types.SimpleNamespace(client_addr=address))
    assert found == (expected if '/' not in expected else
                     '%x/64' % int(expected[:-3], 16))


def test_a_limited_handler_keeps_its_name():
    @limit('5/minute')
    async def page(request):
        """The page."""

    assert (page.__name__, page.__doc__) == ('page', 'The page.')


def test_a_wrong_rate_says_what_a_rate_is():
    with pytest.raises(ValueError, match="such as '100/minute', not '5/week'"):
        Limiter('5/week')


def test_the_wait_is_never_negative():
    async def main():
        limiter = Limiter('3/minute')
        assert await limiter.hit('a') == (2, 0)
        assert await limiter.hit('a') == (1, 0)

    asyncio.run(main())

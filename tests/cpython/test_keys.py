"""Secret keys that are none, on CPython."""
import asyncio
import datetime
import os
import stat
import subprocess
import sys
import warnings

import pytest

import servers
from microdot import Microdot, _keys
from microdot.config import Secret
from microdot.login import Login
from microdot.session import Session, encode_jwt, parse_jwt
from microdot.stores import MemoryStore
from microdot.test_client import TestClient

GOOD = 'k' * 32


@pytest.fixture(autouse=True)
def anew():
    _keys.check.cache_clear()


@pytest.mark.parametrize('key', (
    'change me', 'CHANGE-ME!', b'changeme', 'your-secret-key',
    'put 32 random bytes here........', b'put 32 random bytes here........',
    'for links in mails, and nothing else'))
def test_keys_of_examples_are_refused(key):
    for function in (lambda: encode_jwt({}, key),
                     lambda: parse_jwt('a.b.c', [GOOD, key]),
                     lambda: Session(secret_key=key).encode({}),
                     lambda: Session(secret_key=[GOOD, key]).encode({}),
                     lambda: Session(secret_key=GOOD).decode('', key)):
        with pytest.raises(ValueError, match=r'example.*os\.urandom\(32\)'):
            function()


@pytest.mark.parametrize('key', ('', b'', bytearray()))
def test_empty_keys_are_refused(key):
    with pytest.raises(ValueError, match='empty'):
        encode_jwt({}, key)
    with pytest.raises(ValueError, match='empty'):
        parse_jwt(encode_jwt({}, GOOD), [GOOD, key])


@pytest.mark.parametrize('size', (1, 8, 31))
def test_short_keys_are_warned_of_once(size):
    for key in ('x' * size, b'y' * size, bytearray(b'z' * size)):
        with pytest.warns(UserWarning, match='key of %d bytes' % size):
            token = encode_jwt({'a': 1}, key)
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            assert parse_jwt(token, [key]) == {'a': 1}


@pytest.mark.parametrize('key', (
    GOOD, GOOD.encode(), bytes(range(100, 132)), b'\xff' * 32, '\xe9' * 16,
    bytes(range(64)), 'change me, ' + GOOD))
def test_others_are_taken_silently(key):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert parse_jwt(encode_jwt({'a': 1}, key), [key]) == {'a': 1}
        Session(Microdot(), key)


@pytest.mark.skipif(os.name != 'posix', reason='modes of files')
@pytest.mark.parametrize('program', ('login/login.py', 'sessions/basket.py'))
def test_examples_make_keys_that_nobody_else_reads(tmp_path, program):
    path = servers.TOP / 'examples' / program
    result = subprocess.run(
        [sys.executable, '-c', 'import os, runpy, sys\nos.umask(0)\n'
         'load = runpy.run_path(sys.argv[1])["load_key"]\n'
         'assert load("a.key") == load("a.key") and len(load("a.key")) == 32',
         str(path)], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, 'PYTHONPATH': str(servers.TOP / 'src')})
    assert result.returncode == 0, result.stderr
    assert stat.S_IMODE((tmp_path / 'a.key').stat().st_mode) == 0o600


class User:
    id = 'ada'


@pytest.mark.parametrize('key', [
    Secret(GOOD), [Secret(GOOD)], [GOOD, Secret('n' * 32)],
    (Secret(GOOD), b'n' * 32)])
def test_a_secret_of_the_configuration_is_a_key(key):
    app = Microdot()
    sessions = Session(app, key, max_age=60)
    login = Login()
    login.user_loader(lambda id: User())

    @app.get('/login')
    async def log_in(request):
        return await login.login_user(request, User(), remember=True)

    @app.get('/')
    @login
    async def index(request):
        return request.g.current_user.id

    async def visit():
        client = TestClient(app)
        await client.get('/login')
        first = (await client.get('/')).text
        del client.cookies['session']  # and now by the other cookie
        return first, (await client.get('/')).text

    assert asyncio.run(visit()) == ('ada', 'ada')
    assert parse_jwt(sessions.encode({'a': 1}), [GOOD]) == {'a': 1}
    assert sessions.decode(encode_jwt({'a': 1}, GOOD)) == {'a': 1}


@pytest.mark.parametrize('key', [5, 1.5, object(), {'a': 1}])
def test_a_key_that_is_no_text_is_told(key):
    with pytest.raises(TypeError, match='a secret key is text or bytes; this'):
        Session(secret_key=key).encode({})


@pytest.mark.parametrize('options, error, text', [
    ({'cookie_options': {'samesite': 'Lax'}}, TypeError, 'samesite'),
    ({'cookie_options': {'same_site': 'Loose'}}, ValueError, 'same_site'),
    ({'cookie_options': {'path': '/;x'}}, ValueError, 'bad character'),
    ({'cookie_name': 'a b'}, ValueError, 'not a token'),
    ({'max_age': '3600'}, TypeError, 'max_age is a number of seconds'),
    ({'store': MemoryStore}, TypeError, 'such as MemoryStore()'),
])
def test_what_could_not_be_saved_is_refused_when_the_program_starts(
        options, error, text):
    with pytest.raises(error) as exc:
        Session(Microdot(), GOOD, **options)
    assert text in str(exc.value)
    later = Session(None, GOOD, **options)
    with pytest.raises(error):
        later.initialize(Microdot())


def test_a_session_without_its_application_first_is_told():
    with pytest.raises(TypeError, match='the application comes first'):
        Session(GOOD, Microdot())


def test_a_session_may_last_for_a_timedelta():
    sessions = Session(Microdot(), GOOD, max_age=datetime.timedelta(hours=1))
    assert sessions.max_age == 3600
    assert Session(Microdot(), GOOD, max_age=0).max_age == 0
    assert Session(Microdot(), GOOD).max_age is None

"""Secret keys that are none, on CPython."""
import os
import stat
import subprocess
import sys
import warnings

import pytest

import servers
from microdot import Microdot, _keys
from microdot.session import Session, encode_jwt, parse_jwt

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

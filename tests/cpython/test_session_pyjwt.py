"""Session tokens are those of PyJWT, in both directions, and nothing that a
client may send does more than give an empty session."""

import calendar
import contextlib
import importlib.util
import time

import hypothesis.strategies as st
import jwt
import pytest
from hypothesis import example, given, settings

from microdot import session
from microdot.session import Session, parse_jwt

KEY = 'an example of a key of 32 bytes!'
sessions = Session(secret_key=KEY)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2**53, 2**53)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10)
#: Whatever may be in a session, but for names that PyJWT makes demands on.
payloads = st.dictionaries(
    st.text().filter(lambda name: name not in (
        'exp', 'nbf', 'iat', 'aud', 'iss', 'sub', 'jti')), json_values)


@settings(max_examples=60, deadline=None)
@given(payloads)
def test_each_reads_what_the_other_writes(payload):
    ours = sessions.encode(payload)
    theirs = jwt.encode(payload, KEY, 'HS256')
    assert ours == theirs
    assert jwt.decode(ours, KEY, ['HS256']) == payload
    assert sessions.decode(theirs) == payload


@pytest.mark.parametrize('headers', [
    {}, {'kid': '1'}, {'typ': None}, {'typ': 'at+jwt'}])
def test_headers_of_pyjwt_make_no_difference(headers):
    token = jwt.encode({'a': 1}, KEY, 'HS256', headers=headers)
    assert sessions.decode(token) == {'a': 1}


@pytest.mark.parametrize('claim, offset, valid', [
    ('exp', 60, True), ('exp', -60, False), ('nbf', -60, True),
    ('nbf', 60, False)])
def test_both_agree_on_time(claim, offset, valid):
    payload = {'user': 'ada', claim: int(time.time()) + offset}
    ours = sessions.encode(payload)
    theirs = jwt.encode(payload, KEY, 'HS256')
    assert sessions.decode(theirs) == (payload if valid else {})
    expected = (contextlib.nullcontext() if valid
                else pytest.raises(jwt.InvalidTokenError))
    with expected:
        assert jwt.decode(ours, KEY, ['HS256']) == payload


def test_clocks_that_count_from_2000_make_the_same_tokens(monkeypatch):
    # as some boards' do
    real_time, real_gmtime = time.time, time.gmtime
    offset = calendar.timegm((2000, 1, 1, 0, 0, 0))
    monkeypatch.setattr(time, 'time', lambda: real_time() - offset)
    monkeypatch.setattr(time, 'gmtime', lambda s: real_gmtime(s + offset))
    spec = importlib.util.spec_from_file_location(
        'microdot.board', session.__file__)
    board = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(board)
    begin = real_time()
    assert begin - 1 <= board.now() <= real_time() + 1
    token = board.encode_jwt({'exp': board.now() + 3600}, KEY)
    monkeypatch.undo()
    assert jwt.decode(token, KEY, ['HS256'])['exp'] > time.time() + 3000


@pytest.mark.parametrize('algorithm', ['HS384', 'HS512', 'none'])
def test_other_algorithms_of_pyjwt_are_refused(algorithm):
    key = None if algorithm == 'none' else KEY * 2
    token = jwt.encode({'a': 1}, key, algorithm)
    assert Session(secret_key=KEY * 2).decode(token) == {}
    assert sessions.decode(token) == {}


def test_a_key_of_pyjwt_in_bytes_is_the_same():
    key = bytes(range(128, 192))
    token = jwt.encode({'a': 1}, key, 'HS256')
    assert Session(secret_key=key).decode(token) == {'a': 1}


@settings(max_examples=300, deadline=None)
@given(st.text())
@example('\ud800.x.y')
@example('a.b.' + '\0')
def test_no_text_is_a_session(text):
    assert parse_jwt(text, [KEY]) == {}


@settings(max_examples=100, deadline=None)
@given(st.binary(), st.binary())
def test_what_is_signed_need_not_be_a_session(header, payload):
    # by whoever else has the key
    jws = jwt.api_jws.PyJWS()
    token = jws.encode(payload, KEY, 'HS256')
    assert isinstance(parse_jwt(token, [KEY]), dict)
    token = jws.encode(header, KEY, 'HS256').split('.')[1] + '.x'
    assert parse_jwt(token + '.x', [KEY]) == {}


@settings(max_examples=60, deadline=None)
@given(payloads, st.data())
def test_no_changed_token_is_a_session(payload, data):
    token = sessions.encode(payload)
    i = data.draw(st.integers(0, len(token) - 1))
    char = data.draw(st.characters(max_codepoint=126, min_codepoint=33))
    changed = token[:i] + char + token[i + 1:]
    assert changed == token or sessions.decode(changed) == {}


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_a_token_of_another_key_is_no_session(one, other):
    def normal(key):
        # HMAC fills keys up with zeros, and hashes those of over 64 bytes
        return key.encode().rstrip(b'\0')

    token = Session(secret_key=one).encode({'a': 1})
    assert (Session(secret_key=other).decode(token) == {}
            or normal(one) == normal(other))

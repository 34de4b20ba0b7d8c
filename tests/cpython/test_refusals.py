"""A malformed request is refused by a rule that the log names."""

import asyncio
import logging

import pytest

from calls import call
from microdot import Microdot
from microdot import microdot as core
from microdot._cpython import refusals
from microdot.asgi import Microdot as AsgiMicrodot
from peers import converse
from serving import Server

GOOD = b'GET / HTTP/1.1\r\nHost: a'
#: (the head, a word of the rule, what came).
ROWS = (
    (b'G\x01T / HTTP/1.1\r\nHost: a', 'methods and names', "b'G\\x01T'"),
    (GOOD + b'\r\na b: 1', 'methods and names', "b'a b'"),
    (GOOD + b'\r\nSecret\x00: 1', 'methods and names', "b'Secret\\x00'"),
    (GOOD + b'\r\nToken: secret\x00', 'a header is a name', "b'Token'"),
    (GOOD + b'\r\nnothing', 'a header is a name', "b'nothing'"),
    (GOOD + b'\r\nHost: b', 'come once', "'host'"),
    (b'GET / HTTP/1.1\r\nHost: a/b', 'Host is a name', "'a/b'"),
    (b'GET / HTTP/1.1\r\nHost: a%zz', 'Host is a name', "'a%zz'"),
    (b'GET / HTTP/1.1\r\nHost: a:x', 'ten ASCII digits', "'x'"),
    (b'GET / HTTP/1.1', 'names a Host', "b'GET / HTTP/1.1'"),
    (b'GET /?key=secret', 'is method, target and version', "b'GET /'"),
    (b'GET /\x7f HTTP/1.1', 'is method, target and version',
     "b'GET /\\x7f HTTP/1.1'"),
    (b'GET / FTP/1.1', 'HTTP/1.1 or HTTP/1.0', "b'FTP/1.1'"),
    (b'GET a HTTP/1.1\r\nHost: a', 'a target begins', "'a'"),
    (b'GET /' + b'a' * 200 + b'\x7f HTTP/1.1', 'no control characters',
     "b'GET /" + 'a' * 73 + '...'),
)


@pytest.mark.parametrize('head, word, came', ROWS)
def test_a_rule_is_named(head, word, came):
    with pytest.raises(ValueError) as error:
        core.parse_head(head)
    rule, found = refusals.find_rule(error.value)
    assert word in rule and 'RFC' in rule
    assert found == came


#: (chunks, a word of the rule, what came).
CHUNKS = (
    (b'\r\n', 'begins with a line of its size', ''),
    (b'secret\r\n', 'begins with a line of its size', ''),
    (b'123456789\r\n', 'begins with a line of its size', ''),
    (b'1;a=\x01\r\n', 'begins with a line of its size', ''),
    (b'1;' + b'a' * 255 + b'\r\n', '256 bytes', ''),
    (b'secret' * 50, '256 bytes', ''),
    (b'3\r\nsecret\r\n', 'CR LF follows', ''),
    (b'3\r\nabc\n0\r\n', 'CR LF follows', ''),
    (b'0\r\nToken\x00: a\r\n\r\n', 'methods and names', "b'Token\\x00'"),
    (b'0\r\nToken: secret\x00\r\n\r\n', 'a header is a name', "b'Token'"),
    (b'0\r\n' + b'Token: %s\r\n' % (b'a' * 1000) * 40 + b'\r\n',
     'max_header_size', ''),
)


@pytest.mark.parametrize('debug', [False, True])
@pytest.mark.parametrize('limit', [0, core.Request.max_body_length])
@pytest.mark.parametrize('chunks, word, came', CHUNKS)
def test_a_rule_of_chunks_is_named(caplog, monkeypatch, chunks, word, came,
                                   limit, debug):
    app = Microdot()
    app.debug = debug
    # with a limit of 0 the handler reads the body, otherwise the core
    monkeypatch.setattr(core.Request, 'max_body_length', limit)
    caplog.set_level(logging.DEBUG, 'microdot.error')

    @app.post('/')
    async def index(request):
        return str(len(await request.stream.read()))

    answer = asyncio.run(converse(
        app, b'POST / HTTP/1.1\r\nHost: a\r\n'
        b'Transfer-Encoding: chunked\r\n\r\n', chunks))
    record, = caplog.records
    rule, _, found = record.getMessage().partition('; this is ')
    assert rule.startswith('malformed request: ')
    assert word in rule and 'RFC' in rule
    assert found == (came or 'another')
    assert 'secret' not in record.getMessage()
    assert answer.startswith(b'HTTP/1.1 400 ')
    assert (rule[len('malformed request: '):].encode() in answer) == debug
    assert app.counters['malformed'] == 1


def raised(function, *args):
    with pytest.raises(ValueError) as error:
        function(*args)
    return refusals.find_rule(error.value)


def test_rules_of_other_functions():
    assert 'CR LF' in raised(core.find_head, b'\x16\x03\x01')[0]
    assert 'beside' in raised(core.parse_framing, '1.1', {
        'content-length': '1', 'transfer-encoding': 'chunked'})[0]
    for path in ('/%00', '/%zz', '/%ff'):
        rule, came = raised(core.Request, None, None, 'GET', path, '1.1', {})
        assert 'percent-encoded' in rule and came == repr(path)


def test_what_is_not_known_says_itself():
    assert refusals.find_rule(ValueError('odd')) == ('odd', '')


def test_every_rule_is_of_a_function_that_there_is():
    names = {key if isinstance(key, str) else key[0]
             for key in refusals.RULES}
    assert [name for name in names if name != '__init__'
            and not hasattr(core, name)
            and not hasattr(core.Connection, name)] == []


@pytest.mark.parametrize('debug', [False, True])
def test_the_server_tells_the_log_and_under_debug_the_client(
        caplog, monkeypatch, debug):
    async def main():
        app = Microdot()
        async with Server(app) as server:
            # (what stays under debug is seen by other tests)
            monkeypatch.setattr(app, 'debug', debug)
            client = await server.connect()
            await client.send(b'GET / HTTP/1.1\r\n\r\n')
            head = await client.line(b'\r\n\r\n')
            assert head.startswith(b'HTTP/1.1 400 ')
            body = await client.rest()
            assert body == (b'Bad request: ' + rule.encode() if debug
                            else b'Bad request')
            assert app.counters['malformed'] == 1

    rule = refusals.RULES['parse_head', 'no host'][0]
    caplog.set_level(logging.DEBUG, 'microdot.error')
    asyncio.run(main())
    record, = [each for each in caplog.records
               if each.name == 'microdot.error']
    assert record.levelno == (logging.WARNING if debug else logging.DEBUG)
    assert record.getMessage() == \
        "malformed request: %s; this is b'GET / HTTP/1.1'" % rule


def test_adapters_have_the_same_rules(caplog, monkeypatch):
    app = AsgiMicrodot()
    monkeypatch.setattr(app, 'debug', True)
    response = call(app, headers=[(b'host', b'a/b')])
    assert response.status == 400
    assert response.body == b'Bad request: ' + \
        refusals.RULES['parse_host'][0].encode()
    assert app.counters['malformed'] == 1
    assert "this is 'a/b'" in caplog.text

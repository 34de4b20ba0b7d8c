"""The library websockets talks to servers of both interpreters, and so do raw
sockets that misbehave."""

import asyncio
import json
import pathlib
import signal
import socket
import sys

import pytest

import servers
from browser import browser, needs_browser  # noqa: F401

websockets = pytest.importorskip('websockets')

from websockets.asyncio.client import connect  # noqa: E402
from websockets.exceptions import (  # noqa: E402
    ConnectionClosed,
    InvalidStatus,
)

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'portable'))
import frames  # noqa: E402

APP = servers.TOP / 'tests' / 'apps' / 'served_websocket.py'
PATIENCE = 30


def interpreters():
    """Return the running Python and the newest MicroPython: the others have
    tests/portable/test_websocket.py."""
    return [servers.running(), *servers.boards()[-1:]]


@pytest.fixture(scope='module', params=interpreters(),
                ids=lambda interpreter: interpreter.name)
def server(request):
    with servers.serve(request.param, script=APP) as child:
        child.is_board = request.param.is_micropython
        yield child
        child.interrupt()
        child.wait()
        if not child.is_board:
            assert child.output == ''


def client(server, path='/', **kwargs):
    """Return a connection of the library's, to be entered."""
    return connect('ws://127.0.0.1:%d%s' % (server.port, path),
                   sock=server.connect(), open_timeout=PATIENCE,
                   close_timeout=PATIENCE, **kwargs)


def run(coro):
    return asyncio.run(asyncio.wait_for(coro, PATIENCE * 2))


def until_state(server, **wanted):
    """Wait until the application tells so."""
    def reached():
        state = json.loads(server.get('/state'))
        return all(state[name] == wanted[name] for name in wanted)
    servers.wait_until(reached, wanted)


def test_messages_come_back(server):
    async def test():
        async with client(server) as ws:
            for message in ('text', '', b'', b'\0\xff' * 50, 'h\xe4h' * 100,
                            '\U0001f600', b'x' * 16384, 'x' * 16384):
                await ws.send(message)
                assert await ws.recv() == message

    run(test())


def test_fragments_come_back_whole(server):
    async def test():
        async with client(server) as ws:
            euro = '\u20ac'.encode()
            await ws.send([euro[:1], euro[1:2], euro[2:] + b'x', b''],
                          text=True)
            assert await ws.recv() == '\u20acx'
            await ws.send([b'a' * 1000, b'b' * 1000])
            assert await ws.recv() == b'a' * 1000 + b'b' * 1000

    run(test())


def test_ping_is_answered(server):
    async def test():
        async with client(server, '/busy') as ws:
            assert await ws.recv() == 'busy'
            await (await ws.ping(b'x' * 125))

    run(test())


def test_code_and_reason_reach_the_server(server):
    async def test():
        ws = await client(server)
        await ws.close(4000, 'b\xe4rg')
        assert ws.close_code == 4000

    run(test())
    until_state(server, last=[4000, 'b\xe4rg'])


@pytest.mark.parametrize('code', (1000, 1001, 1011, 4999))
def test_code_and_reason_reach_the_client(server, code):
    async def test():
        async with client(server, '/close/%d' % code) as ws:
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            assert (ws.close_code, ws.close_reason) == (code, 'b\xe4rg')

    run(test())


def test_failure_closes_with_1011(server):
    async def test():
        async with client(server, '/fail') as ws:
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            assert ws.close_code == 1011

    run(test())


def test_message_over_the_limit_is_refused(server):
    async def test():
        async with client(server) as ws:
            await ws.send(b'x' * 16385)
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            assert ws.close_code == 1009

    run(test())


def test_protocol_is_chosen(server):
    async def test():
        for offered, chosen in ((['a', 'b'], 'b'), (['a'], 'a'),
                                (['c'], None)):
            async with client(server, subprotocols=offered) as ws:
                assert ws.subprotocol == chosen

    run(test())


def test_path_without_a_websocket_is_refused(server):
    async def test():
        with pytest.raises(InvalidStatus) as info:
            async with client(server, '/missing'):
                pass
        assert info.value.response.status_code == 404

    run(test())


def test_compression_is_for_those_who_can(server):
    async def test():
        async with client(server, '/compressed') as ws:
            extensions = [each.name for each in ws.protocol.extensions]
            assert extensions == (
                [] if server.is_board else ['permessage-deflate'])
            for message in ('x' * 10000, 'y', '', b'', b'x' * 10000):
                await ws.send(message)
                assert await ws.recv() == message

    run(test())


def test_several_clients_at_a_time(server):
    async def talk(name):
        async with client(server) as ws:
            for i in range(20):
                await ws.send('%s %d' % (name, i))
                assert await ws.recv() == '%s %d' % (name, i)

    async def test():
        await asyncio.gather(*[talk(name) for name in 'abcde'])

    run(test())
    until_state(server, streams=0)


def test_handler_ends_when_its_client_has_gone(server):
    until_state(server, streams=0)  # all others have ended
    ended = json.loads(server.get('/state'))['ended']

    async def test():
        async with client(server, '/busy') as ws:
            await ws.recv()
            ws.transport.abort()

    run(test())
    until_state(server, ended=ended + 1, streams=0)


def raw(server, receive_buffer=None):
    """Return a socket on which a WebSocket was opened."""
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(PATIENCE)
    sock.connect(('127.0.0.1', server.port))
    sock.sendall(frames.HANDSHAKE.replace(b'%s', b'/') + b'\r\n')
    servers.read_until(sock, b'\r\n\r\n')
    return sock


def test_client_that_floods_and_does_not_read_is_cut(server):
    flood = frames.frame(frames.PING, b'x' * 125) * 100
    with raw(server, 4096) as sock, pytest.raises(OSError):
        while True:
            sock.sendall(flood)
    until_state(server, streams=0)


SCRIPT = """
new Promise(done => {
  const ws = new WebSocket("ws://127.0.0.1:%d%s", ["x", "a"].slice(%d));
  const messages = %s;
  const got = [];
  ws.onopen = () => messages.forEach(message => ws.send(message));
  ws.onmessage = event => {
    got.push(event.data);
    if (got.length == messages.length) ws.close(4001, "bye");
  };
  ws.onclose = event => done([
    got, ws.protocol, ws.extensions.split(";")[0], event.code,
    event.wasClean]);
})
"""


@needs_browser
def test_browser_gets_on_with_it(server, browser):  # noqa: F811
    page = browser.open('http://127.0.0.1:%d/state' % server.port)
    messages = ['x' * 5000, '', 'Gr\xfc\xdfe \U0001f600']
    long = ['x' * 20000]
    for path, skipped, messages, expected in (
            ('/', 0, messages, [messages, 'a', '', 4001, True]),
            ('/', 1, long, [[], 'a', '', 1009, True]),
            ('/compressed', 2, messages, [
                messages, '', '' if server.is_board else 'permessage-deflate',
                4001, True])):
        assert page.evaluate(SCRIPT % (
            server.port, path, skipped, json.dumps(messages))) == expected
    page.close()
    until_state(server, streams=0)


@pytest.mark.parametrize(
    'interpreter', interpreters(),
    ids=lambda interpreter: interpreter.name)
def test_it_ends_while_clients_are_connected(interpreter):
    with servers.serve(interpreter, script=APP) as child:
        with raw(child) as sock:
            child.wait_for_sleep()
            child.interrupt(signal.SIGINT)
            if not interpreter.is_micropython:
                assert servers.read_all(sock)[:4] == b'\x88\x02\x03\xe9'
            child.wait()

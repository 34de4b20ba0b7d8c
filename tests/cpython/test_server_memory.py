"""The server on a board that has no memory left, and comes to have it again.

The heap is really full, so that everything that the server does fails at one
place after another, as more and more of it is left.
"""

import contextlib
import json
import time

import servers
from servers import GET, TOP
from test_server_processes import every, every_board

SCRIPT = TOP / 'tests' / 'apps' / 'starved.py'
REQUESTS = (
    GET,
    GET,
    b'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n',
    b'POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n'
    + b'.' * 2000,
    b'GET /large HTTP/1.1\r\nHost: a\r\n\r\n',
)
#: What a client may get: nothing, a refusal, or the answer.
OUTCOMES = (b'', b'200', b'500', b'503')


def outcome(sock):
    """Return the status of the answer, or nothing: it was a close."""
    sock.settimeout(servers.PATIENCE_S)
    try:
        data = servers.read_until(sock, b'\r\n\r\n')
    except (ConnectionError, AssertionError):
        return b''
    return data[9:12]


def recovered(child, what, condition=lambda state: True):
    """Wait until a server that is no longer starved has a state for which a
    function returns true, and return that state."""
    def look():
        try:
            state = json.loads(child.get('/state'))
        except (ConnectionError, ValueError):
            return None
        return not state['starved'] and condition(state) and state

    return servers.wait_until(look, what)


def starve(child, left):
    """Send requests while the server has only so much memory left; return
    what became of them."""
    with contextlib.ExitStack() as stack:
        def connect():
            return stack.enter_context(child.connect())

        kept = connect()
        kept.sendall(GET)
        assert outcome(kept) == b'200'
        begin = connect()
        begin.sendall(b'GET /starve/%d HTTP/1.1\r\nHost: a\r\n\r\n' % left)
        assert outcome(begin) == b'200'
        time.sleep(0.01)  # the server tells nobody when it has begun
        kept.sendall(GET)
        socks = [kept]
        for request in REQUESTS:
            sock = connect()
            with contextlib.suppress(ConnectionError):
                sock.sendall(request)
            socks.append(sock)
        return [outcome(sock) for sock in socks]


@every_board
def test_server_outlives_a_heap_that_is_full(interpreter):
    with servers.serve(interpreter, script=SCRIPT, heapsize='512k') as child:
        first = recovered(child, 'the server')
        seen = set()
        for left in range(0, 8000, 370):
            seen.update(starve(child, left))
            # but for the connection that asks
            state = recovered(child, 'the connections to be gone',
                              lambda state: state['open'] == 1)
            assert state['streams'] == 0
            assert child.get('/') == b'hello'
        assert seen.issubset(OUTCOMES)
        # it was full, and less and less so
        assert {b'', b'200'}.issubset(seen)
        # A connection lost in each round would be ten times this; what looks
        # like a reference to a board may keep a piece or two of garbage.
        last = recovered(child, 'the heap to be given back', lambda state:
                         state['free'] > first['free'] - 4000)
        assert last['listed'] == 1
        assert child.process.poll() is None


@every_board
def test_handler_that_wants_too_much_is_answered(interpreter):
    with servers.serve(interpreter, script=SCRIPT) as child:
        with child.connect() as sock:
            sock.sendall(b'GET /greedy HTTP/1.1\r\nHost: a\r\n\r\n' + GET)
            assert servers.read_until(sock, b'hello').count(
                b'HTTP/1.1 500 ') == 1
        assert child.output.count('MemoryError') == 1


@every
def test_more_connections_than_files_are_served_in_turn(interpreter):
    # EMFILE: those that idle are closed for those that wait
    files = 10 if interpreter.is_micropython else 20
    limited = interpreter._replace(
        command=['sh', '-c', 'ulimit -n %d; exec "$@"' % files, 'sh',
                 *interpreter.command])
    with servers.serve(limited) as child:
        with contextlib.ExitStack() as stack:
            socks = []
            for _ in range(files):
                socks.append(stack.enter_context(child.connect()))
                socks[-1].sendall(GET)
            for sock in socks:
                assert servers.read_until(sock, b'hello')
            state = json.loads(child.get('/state'))
            assert state['open'] < files
        assert child.get('/') == b'hello'
        assert child.output == ''

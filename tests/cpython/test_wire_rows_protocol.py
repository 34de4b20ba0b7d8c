"""Every row of requests, in every way, to the connections that CPython has.

They are fed as the event loop does it, without a socket.
"""

import asyncio
import re

import pytest

from microdot import microdot
from peers import answers, ways_to_cut, without_date
from wire_rows import Echo, accepted, refused

SMUGGLED = b'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'


class Transport:
    """Takes what is written."""

    def __init__(self):
        self.sent = b''
        self.closing = False
        self.paused = 0

    def write(self, data):
        assert not self.closing
        self.sent += bytes(data)

    def close(self):
        self.closing = True

    abort = close

    def is_closing(self):
        return self.closing

    def can_write_eof(self):
        return True

    def get_write_buffer_size(self):
        return 0

    def write_eof(self):
        pass

    def pause_reading(self):
        self.paused += 1

    def resume_reading(self):
        self.paused -= 1


async def deliver(app, pieces):
    """Deliver pieces; return what was answered, but for dates."""
    transport = Transport()
    conn = microdot.connection_class(
        microdot.Server(app), ('127.0.0.1', 1234))
    # there is no socket that a transport could be made of
    conn._open = lambda: asyncio.sleep(0)
    conn.start()
    conn.connection_made(transport)
    for piece in pieces:
        if transport.closing:
            break
        conn.data_received(piece)
        await asyncio.sleep(0)
    conn.eof_received()
    while conn.task:
        await asyncio.sleep(0)
    transport.close()
    conn.connection_lost(None)
    assert app.counters['open'] == 0
    assert transport.paused == 0
    return without_date(transport.sent)


async def deliver_all(app, wire, more=b''):
    results = []
    for pieces in ways_to_cut(wire):
        sent = await deliver(app, pieces[:-1] + [pieces[-1] + more])
        results.append(([len(piece) for piece in pieces], sent))
    return results


def ids(rows):
    return ['%s-%d' % (rows[i][0], i) for i in range(len(rows))]


GOOD = list(accepted())
BAD = list(refused())


@pytest.mark.parametrize('row', GOOD, ids=ids(GOOD))
def test_it_is_answered_however_it_is_cut(row):
    name, wire, expected = row
    app = Echo()
    for sizes, sent in asyncio.run(deliver_all(app, wire)):
        assert answers(sent, expected) == expected, sizes
    assert app.logged == []


@pytest.mark.parametrize('row', BAD, ids=ids(BAD))
def test_it_is_refused_however_it_is_cut(row):
    name, wire, status = row
    app = Echo()
    for sizes, sent in asyncio.run(deliver_all(app, wire, SMUGGLED)):
        found = answers(sent, ())
        assert [(each[0], each[2]) for each in found] == [
            (status, False)], sizes
    assert '/smuggled' not in app.seen
    assert app.logged == []


def after_another(wire):
    """Return a request that brings the header lines of *wire*, and then
    *wire*: the connection has kept these lines when that comes."""
    start, line_end, rest = wire.partition(b'\r\n')
    block = rest[:rest.find(b'\r\n\r\n')] if b'\r\n\r\n' in rest else rest
    first = b'GET /first HTTP/1.1\r\n' + block + b'\r\n\r\n'
    return first, wire


def is_kept(row):
    # Whether that first request is a whole one, and others may follow it.
    first, wire = after_another(row[1])
    sent = asyncio.run(deliver(Echo(), [first]))
    return sent.startswith(b'HTTP/1.1 200') and \
        sent.count(b'HTTP/1.1') == 1 and b'Connection: close' not in sent \
        and b'\r\ncontent-length:' not in wire.lower() \
        and b'\r\ntransfer-encoding:' not in wire.lower()


KEPT = [row for row in GOOD + BAD if is_kept(row)]


@pytest.mark.parametrize('row', KEPT, ids=ids(KEPT))
def test_header_lines_that_are_kept_change_nothing(row):
    """A request is answered as on a connection of its own by one that has
    parsed the same header lines before."""
    name, wire, _ = row
    app = Echo()
    first, _ = after_another(wire)
    expected = asyncio.run(deliver(app, [first])) + \
        asyncio.run(deliver(app, [wire]))
    assert asyncio.run(deliver(app, [first, wire])) == expected


def test_many_rows_have_lines_that_are_kept():
    assert len(KEPT) > 100


def conversation(*heads):
    """Return what is answered to requests on one connection."""
    app = microdot.Microdot()

    @app.get('/<path:path>')
    async def show(request, path):
        request.headers['X-Seen'] = path
        return '%s %s %s %s' % (
            request.headers.get('Host'), request.headers.get('A'),
            request.headers.get('a-b'), len(request.headers))

    sent = asyncio.run(deliver(app, [head + b'\r\n\r\n' for head in heads]))
    return [each.partition(b'\r\n\r\n')[2].decode()
            for each in re.split(b'HTTP/1[.][01] ', sent)[1:]]


def test_lines_of_the_last_request_are_not_those_of_the_next():
    assert conversation(
        b'GET /1 HTTP/1.1\r\nHost: h\r\nA: 1',
        b'GET /2 HTTP/1.1\r\nHost: h\r\nA: 1',
        b'GET /3 HTTP/1.1\r\nHost: h\r\nA: 2',
        b'GET /4 HTTP/1.1\r\nHost: h\r\nA-B: 2',
        b'GET /5 HTTP/1.1\r\nHost: h\r\nA-B: 2',
        b'GET /6 HTTP/1.1\r\nHost: h') == [
            'h 1 None 3', 'h 1 None 3', 'h 2 None 3', 'h None 2 3',
            'h None 2 3', 'h None None 2']


def test_the_host_of_a_target_is_not_kept():
    lines = b' HTTP/1.1\r\nHost: h'
    assert conversation(
        b'GET http://other/1' + lines, b'GET /2' + lines,
        b'GET http://third/3' + lines, b'GET /4' + lines) == [
            'other None None 2', 'h None None 2', 'third None None 2',
            'h None None 2']


def test_a_host_is_needed_again_where_a_version_did_without_it():
    answered = conversation(b'GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n'
                            b'Host: h',
                            b'GET /2 HTTP/1.1\r\nConnection: keep-alive\r\n'
                            b'Host: h',
                            b'GET /3 HTTP/1.0\r\nConnection: keep-alive\r\n'
                            b'Host: h')
    assert answered == ['h None None 3'] * 3
    assert conversation(b'GET /1 HTTP/1.0\r\nConnection: keep-alive',
                        b'GET /2 HTTP/1.1\r\nConnection: keep-alive') == [
                            'None None None 2', 'Bad request']


@pytest.mark.parametrize('size', [2047, 2048, 2049, 8000])
def test_lines_of_any_size_are_answered_again(size):
    lines = b'Host: h\r\nA: '
    lines += b'x' * (size - len(lines))
    head = b'GET /1 HTTP/1.1\r\n' + lines
    first, second = conversation(head, head)
    assert first == second
    assert first.startswith('h xxx')

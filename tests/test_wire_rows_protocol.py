"""Every row of requests, in every way, to the connections that CPython has.

They are fed as the event loop does it, without a socket.
"""

import asyncio

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
    conn = microdot.connection_class(app, ('127.0.0.1', 1234))
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


GOOD = accepted()
BAD = refused()


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

"""Every row of requests, in every way in which its bytes may arrive."""

import unittest

from helpers import run
from microdot.microdot import (
    HTTPException,
    find_head,
    parse_framing,
    parse_head,
)
from peers import Peer, answers, ways_to_cut, without_date
from wire_rows import (
    BAD_FRAMINGS,
    BAD_HEADS,
    HEADS,
    RESPONSES,
    Echo,
    accepted,
    framed,
    refused,
)

SMUGGLED = b'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'


async def deliver(app, wire, check, more=b''):
    """Deliver bytes in every way, and ``check(cut, sent)`` each answer.

    :param more: bytes that come with the last of them.
    """
    app.seen = []  # long lists are more than a board has room for
    for pieces in ways_to_cut(wire):
        pieces[-1] += more
        conn = Peer(app, pieces)
        cut = len(pieces), len(pieces[0])
        del pieces
        await conn.serve()
        check(cut, conn.sent)


async def respond(app, number):
    """Return what is sent for a row of responses, without a date."""
    conn = Peer(app, [b'GET /row/%d HTTP/1.1\r\nHost: a\r\n\r\n' % number])
    await conn.serve()
    return without_date(conn.sent)


def status_of(wire):
    """Return the status that the head of a request is refused with, by the
    functions of the wire, or None."""
    start = 2 if wire[:2] == b'\r\n' else 0
    if start == len(wire):
        return None
    try:
        end = find_head(wire, start)
        if end >= 0:
            parsed = parse_head(wire[start:end])
            parse_framing(parsed[2], parsed[3])
    except HTTPException as exc:
        return exc.status_code
    except ValueError:
        return 400


class TestWire(unittest.TestCase):
    def test_heads_that_are_taken_need_more_until_their_end(self):
        for row in HEADS:
            wire = row[1] + b'\r\n\r\n'
            with self.subTest(name=row[0]):
                for cut in range(1, len(wire)):
                    self.assertEqual(find_head(wire[:cut]), -1)
                self.assertEqual(find_head(wire), len(row[1]))
                self.assertIsNone(status_of(wire))

    def test_heads_that_are_refused_are_so_by_one_status(self):
        rows = [(name, head + b'\r\n\r\n', status)
                for name, head, status in BAD_HEADS]
        for name, version, fields, status in BAD_FRAMINGS:
            rows.append((name, framed(version, fields), status))
        for name, wire, status in rows:
            with self.subTest(name=name):
                self.assertEqual(status_of(wire), status)
                for cut in range(1, len(wire)):
                    # what is refused early is refused alike
                    self.assertIn(status_of(wire[:cut]), (None, status, 400))


class TestDelivery(unittest.TestCase):
    def test_rows_are_answered_however_they_are_cut(self):
        app = Echo()
        for name, wire, expected in accepted():
            with self.subTest(name=name):
                run(deliver(app, wire, lambda cut, sent: self.assertEqual(
                    (cut, answers(sent, expected)), (cut, expected))))
        self.assertEqual(app.logged, [])

    def test_rows_are_refused_however_they_are_cut(self):
        def check(cut, sent):
            found = answers(sent, ())
            self.assertEqual((cut, len(found)), (cut, 1))
            self.assertEqual((cut, found[0][0], found[0][2]),
                             (cut, status, False))

        for name, wire, status in refused():
            app = Echo()
            with self.subTest(name=name):
                run(deliver(app, wire, check, SMUGGLED))
                self.assertFalse('/smuggled' in app.seen)
                self.assertEqual(app.logged, [])

    def test_rows_that_end_early_get_no_wrong_answer(self):
        app = Echo()

        async def truncate(wire, expected):
            app.seen = []
            for cut in range(len(wire)):
                conn = Peer(app, [wire[:cut]])
                await conn.serve()
                found = answers(conn.sent, expected)
                self.assertEqual((cut, found), (cut, expected[:len(found)]))

        for name, wire, expected in accepted():
            with self.subTest(name=name):
                run(truncate(wire, expected))
        self.assertEqual(app.logged, [])

    def test_rows_of_responses_are_sent_as_they_should_be(self):
        for number in range(len(RESPONSES)):
            name, make, lines, body, keeps = RESPONSES[number]
            app = Echo()
            with self.subTest(name=name):
                head, _, rest = run(respond(app, number)).partition(
                    b'\r\n\r\n')
                got = head.split(b'\r\n')
                self.assertEqual(got[0], lines[0])
                if not keeps:
                    got.remove(b'Connection: close')
                self.assertEqual(sorted(got), sorted(lines))
                self.assertEqual(rest, body)
                self.assertEqual(len(app.logged), b' 500 ' in lines[0])


if __name__ == '__main__':
    unittest.main()

"""What WebSocket frames are read as and written as, without any I/O."""

import unittest

from frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    close,
    frame,
    masked,
)
from helpers import needs_heap
from microdot.websocket import (
    FrameParser,
    Utf8,
    WebSocket,
    WebSocketError,
    is_close_code,
    parse_close,
    unmask,
)
from peers import ways_to_cut

NEEDS_EVENT_LOOP = False

HELLO = 'Hello-\xb5@\xdf\xf6\xe4\xfc\xe0\xe1-UTF-8!!'.encode()

# name, bytes of a client, what is read
VALID = (
    ('text', frame(TEXT, b'Hello'), [(TEXT, b'Hello')]),
    ('example of RFC 6455, section 5.7',
     b'\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58', [(TEXT, b'Hello')]),
    ('binary', frame(BINARY, b'\0\xff'), [(BINARY, b'\0\xff')]),
    ('empty text', frame(TEXT), [(TEXT, b'')]),
    ('empty binary', frame(BINARY), [(BINARY, b'')]),
    ('mask of zeros', frame(TEXT, b'abc', mask=b'\0\0\0\0'),
     [(TEXT, b'abc')]),
    ('two messages', frame(TEXT, b'a') + frame(BINARY, b'b'),
     [(TEXT, b'a'), (BINARY, b'b')]),
    ('not ASCII', frame(TEXT, HELLO), [(TEXT, HELLO)]),
    ('fragments', frame(TEXT, b'Hel', fin=False) + frame(0, b'lo'),
     [(TEXT, b'Hello')]),
    ('empty fragments', frame(TEXT, fin=False) + frame(0, fin=False) +
     frame(0), [(TEXT, b'')]),
    ('character across fragments',
     frame(TEXT, b'\xe2\x82', fin=False) + frame(0, b'\xac'),
     [(TEXT, b'\xe2\x82\xac')]),
    ('ping', frame(PING, b'x' * 125), [(PING, b'x' * 125)]),
    ('empty ping', frame(PING), [(PING, b'')]),
    ('pong that nobody asked for', frame(PONG, b'x'), [(PONG, b'x')]),
    ('ping between fragments', frame(BINARY, b'a', fin=False) +
     frame(PING, b'p') + frame(0, b'b'), [(PING, b'p'), (BINARY, b'ab')]),
    ('close', close(1000, 'bye'), [(CLOSE, b'\x03\xe8bye')]),
    ('close without a code', close(), [(CLOSE, b'')]),
    ('length in 16 bits', frame(BINARY, b'x' * 126), [(BINARY, b'x' * 126)]),
)

# name, bytes of a client, the code to close with
HOSTILE = (
    ('no mask', frame(TEXT, b'a', mask=None), 1002),
    ('reserved bit 1', frame(TEXT, b'a', rsv=4), 1002),
    ('reserved bit 2', frame(TEXT, b'a', rsv=2), 1002),
    ('reserved bit 3', frame(PING, b'a', rsv=1), 1002),
    ('reserved opcode 3', frame(3, b'a'), 1002),
    ('reserved opcode 7', frame(7, b'a'), 1002),
    ('reserved opcode 11', frame(11, b'a'), 1002),
    ('reserved opcode 15', frame(15, b'a'), 1002),
    ('ping in fragments', frame(PING, b'a', fin=False), 1002),
    ('ping of 126 bytes', frame(PING, b'x' * 126), 1002),
    ('close of 126 bytes', frame(CLOSE, b'x' * 126), 1002),
    ('ping that says 64 bits', frame(PING, size=1 << 32), 1002),
    ('continuation of nothing', frame(0, b'a'), 1002),
    ('continuation after the last',
     frame(TEXT, b'a', fin=False) + frame(0, b'b') + frame(0, b'c'), 1002),
    ('message within a message',
     frame(TEXT, b'a', fin=False) + frame(TEXT, b'b'), 1002),
    ('length of 125 in 16 bits', b'\x82\xfe\x00\x7d', 1002),
    ('length of 65535 in 64 bits',
     b'\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff', 1002),
    ('length with a sign',
     b'\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00', 1002),
    ('length over the limit', frame(BINARY, size=201), 1009),
    ('length far over the limit', frame(BINARY, size=1 << 62), 1009),
    ('fragments over the limit',
     frame(BINARY, b'x' * 150, fin=False) + frame(0, size=51), 1009),
    ('not UTF-8', frame(TEXT, b'a\xff'), 1007),
    ('character that is cut off', frame(TEXT, b'\xe2\x82'), 1007),
    ('overlong slash', frame(TEXT, b'\xc0\xaf'), 1007),
    ('overlong in three', frame(TEXT, b'\xe0\x80\xaf'), 1007),
    ('surrogate', frame(TEXT, b'\xed\xa0\x80'), 1007),
    ('beyond Unicode', frame(TEXT, b'\xf4\x90\x80\x80'), 1007),
    ('not UTF-8 in the first fragment',
     frame(TEXT, b'\xce\xba\xed\xa0\x80', fin=False), 1007),
    ('not UTF-8 across fragments',
     frame(TEXT, b'\xe2', fin=False) + frame(0, b'\x28\xa1'), 1007),
    ('not HTTP any more', b'GET / HTTP/1.1\r\n\r\n', 1002),
)

# payload of a Close frame, the code to close with
BAD_CLOSES = (
    (b'\x03', 1002), (b'\x00\x00', 1002), (b'\x03\xe7', 1002),
    (b'\x03\xec', 1002), (b'\x03\xed', 1002), (b'\x03\xee', 1002),
    (b'\x03\xf7', 1002), (b'\x04\x4c', 1002), (b'\x0b\xb7', 1002),
    (b'\x13\x88', 1002), (b'\xff\xff', 1002), (b'\x03\xe8\xff', 1007),
)

BAD_UTF8 = (
    b'\x80', b'\xbf', b'\xc0\x80', b'\xc1\xbf', b'\xc2', b'\xc2\x41',
    b'\xe0\x9f\xbf', b'\xe1\x80', b'\xe1\x80\x41', b'\xed\xa0\x80',
    b'\xed\xbf\xbf', b'\xef\xbf', b'\xf0\x8f\xbf\xbf', b'\xf1\x80\x80',
    b'\xf4\x90\x80\x80', b'\xf5\x80\x80\x80', b'\xf8\x88\x80\x80\x80',
    b'\xfe', b'\xff', b'\xc2\x80\x80', b'a\xc3\x28b',
)
GOOD_UTF8 = (
    b'', b'abc', b'\x00', b'\x7f', b'\xc2\x80', b'\xdf\xbf',
    b'\xe0\xa0\x80', b'\xed\x9f\xbf', b'\xee\x80\x80', b'\xef\xbf\xbf',
    b'\xf0\x90\x80\x80', b'\xf4\x8f\xbf\xbf', HELLO,
)


def read(pieces, max_length=200):
    """Return what is read of pieces, as a list of events."""
    parser = FrameParser(max_length)
    events = []
    for piece in pieces:
        parser.feed(piece)
        while True:
            event = parser.next_event()
            if event is None:
                break
            events.append(event)
    return events


def long_frame(opcode, size):
    """Yield a frame of that many x, in pieces."""
    yield frame(opcode, size=size)
    for i in range(0, size, 500):
        yield masked(b'x' * min(500, size - i))


def refusal(pieces):
    """Return the code with which pieces are refused, or ``None``."""
    try:
        read(pieces)
    except WebSocketError as exc:
        return exc.code


def is_utf8(pieces):
    check = Utf8()
    try:
        for piece in pieces:
            check.decode(piece)
        check.decode(b'', True)
    except ValueError:
        return False
    return True


class TestParser(unittest.TestCase):
    def test_valid_frames_are_read_however_they_arrive(self):
        for name, wire, expected in VALID:
            for pieces in ways_to_cut(wire):
                with self.subTest(name=name):
                    self.assertEqual(read(pieces), expected)

    def test_payloads_are_bytes(self):
        for pieces in ways_to_cut(frame(BINARY, b'abcdef')):
            self.assertTrue(isinstance(read(pieces)[0][1], bytes))

    def test_hostile_frames_are_refused_however_they_arrive(self):
        for name, wire, code in HOSTILE:
            for pieces in ways_to_cut(wire):
                with self.subTest(name=name):
                    self.assertEqual(refusal(pieces), code)

    def test_truncated_frames_are_waited_for(self):
        for name, wire, expected in VALID:
            for i in range(len(wire)):
                with self.subTest(name=name, i=i):
                    events = read([wire[:i]])
                    self.assertEqual(events, expected[:len(events)])
                    self.assertTrue(len(events) < len(expected))

    def test_nothing_comes_after_a_refusal(self):
        parser = FrameParser()
        parser.feed(frame(3) + frame(TEXT, b'a'))
        with self.assertRaises(WebSocketError):
            parser.next_event()
        self.assertIsNone(parser.next_event())
        parser.feed(frame(TEXT, b'b') * 1000)
        self.assertIsNone(parser.next_event())
        self.assertEqual(len(parser._data), 0)

    def test_bad_text_is_refused_before_its_frame_has_ended(self):
        wire = frame(TEXT, b'\xce\xba\xff' + b'x' * 100)
        self.assertEqual(refusal([wire[:9]]), 1007)

    def test_bad_head_is_refused_before_its_frame_has_come(self):
        self.assertEqual(refusal([frame(3, b'x' * 100)[:2]]), 1002)
        self.assertEqual(refusal([frame(BINARY, size=201)[:4]]), 1009)

    def test_message_as_long_as_is_allowed_is_read(self):
        for size in (125, 126, 127, 199, 200):
            wire = frame(BINARY, b'x' * size)
            self.assertEqual(read([wire]), [(BINARY, b'x' * size)])
        self.assertEqual(
            read([frame(BINARY, b'x' * 150, fin=False),
                  frame(0, b'x' * 50)]), [(BINARY, b'x' * 200)])

    @needs_heap(300)
    def test_length_in_64_bits(self):
        events = read(long_frame(BINARY, 65536), 0)
        self.assertEqual(len(events), 1)
        self.assertEqual(events[0][0], BINARY)
        self.assertEqual(len(events[0][1]), 65536)
        self.assertEqual(events[0][1].count(b'x'), 65536)

    def test_no_limit(self):
        self.assertEqual(len(read(long_frame(TEXT, 9000), 0)[0][1]), 9000)

    def test_what_is_held_is_bounded(self):
        # far over the limit, bit by bit: one fragment after the other
        parser = FrameParser(200)
        parser.feed(frame(BINARY, b'', fin=False))
        held = 0
        with self.assertRaises(WebSocketError):
            for _ in range(100000):
                parser.feed(frame(0, b'x' * 7, fin=False))
                parser.next_event()
                held = max(held, len(parser._message) + len(parser._data))
        self.assertTrue(190 < held < 220, held)

    def test_what_was_read_is_not_held(self):
        parser = FrameParser()
        for fin in (True, False):
            parser.feed(frame(BINARY, b'x' * 100, fin=fin))
            while parser.next_event():
                pass
            self.assertEqual(len(parser._data), 0)

    def test_empty_fragments_take_no_memory(self):
        parser = FrameParser(200)
        parser.feed(frame(TEXT, b'', fin=False))
        for _ in range(1000):
            parser.feed(frame(0, b'', fin=False))
            self.assertIsNone(parser.next_event())
        self.assertEqual(len(parser._message), 0)
        parser.feed(frame(0, b'end'))
        self.assertEqual(parser.next_event(), (TEXT, b'end'))


class TestCloseFrames(unittest.TestCase):
    def test_codes_that_may_be_sent(self):
        for code in (1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999):
            self.assertTrue(is_close_code(code), code)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000,
                     65535):
            self.assertFalse(is_close_code(code), code)

    def test_code_and_reason(self):
        self.assertEqual(parse_close(b''), (1005, ''))
        self.assertEqual(parse_close(b'\x03\xe8'), (1000, ''))
        self.assertEqual(parse_close(b'\x0f\xa0\xc3\xa4'), (4000, '\xe4'))

    def test_malformed(self):
        for payload, code in BAD_CLOSES:
            with self.subTest(payload=payload):
                with self.assertRaises(WebSocketError) as context:
                    parse_close(payload)
                self.assertEqual(context.exception.code, code)


class TestText(unittest.TestCase):
    def test_good_utf8(self):
        for text in GOOD_UTF8:
            for pieces in ways_to_cut(text):
                self.assertTrue(is_utf8(pieces), text)

    def test_bad_utf8(self):
        for text in BAD_UTF8:
            for pieces in ways_to_cut(text):
                self.assertFalse(is_utf8(pieces), text)

    def test_mask(self):
        mask = b'\x01\x80\xff\x00'
        for size in (0, 1, 2, 3, 4, 5, 127, 1000):
            payload = bytes([i & 255 for i in range(size)])
            self.assertEqual(unmask(payload, mask), masked(payload, mask))


class TestOwnFrames(unittest.TestCase):
    def test_lengths(self):
        for size, head in (
                (0, b'\x82\x00'), (125, b'\x82\x7d'),
                (126, b'\x82\x7e\x00\x7e'), (5000, b'\x82\x7e\x13\x88')):
            self.assertEqual(
                WebSocket.encode_frame(BINARY, bytes(size)),
                head + bytes(size))

    def test_heads_of_long_frames(self):
        class Long(bytes):
            """Nothing, of which it is said how long it is."""

            def __len__(self):
                return size

        for size, head in (
                (65535, b'\x82\x7e\xff\xff'),
                (65536, b'\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00')):
            self.assertEqual(
                WebSocket.encode_frame(BINARY, Long()), head)


if __name__ == '__main__':
    unittest.main()

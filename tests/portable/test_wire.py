"""The wire layer: requests and responses as bytes."""

import time
import unittest

import microdot.microdot as core
from helpers import run
from microdot.cookies import parse_cookies
from microdot.microdot import (
    HTTPException,
    NoCaseDict,
    Request,
    Response,
    encode_head,
    find_head,
    http_date,
    make_response,
    parse_chunk_size,
    parse_framing,
    parse_head,
    parse_host,
    parse_token,
    peer_address,
    urldecode,
    urlencode,
)
from peers import Peer, Recorder, converse, ways_to_cut, without_date
from wire_rows import (
    BAD_CHUNK_SIZES,
    BAD_FRAMINGS,
    BAD_HEADS,
    BAD_HOSTS,
    CHUNK_SIZES,
    CHUNKED,
    FRAMINGS,
    HEADS,
    HOSTS,
)

NEEDS_EVENT_LOOP = False

try:
    import socket
except ImportError:
    socket = None  # not on every build

try:
    LENIENT_UTF8 = b'\xc0\xaf'.decode() is not None
except ValueError:
    LENIENT_UTF8 = False


def status_of(function, *args):
    """Return the status that a refusal is answered with, or None."""
    try:
        function(*args)
    except HTTPException as exc:
        return exc.status_code
    except ValueError:
        return 400


class TestHeads(unittest.TestCase):
    def limit(self, name, value):
        self.addCleanup(setattr, Request, name, getattr(Request, name))
        setattr(Request, name, value)

    def test_heads_are_parsed(self):
        for name, head, method, target, version, fields in HEADS:
            with self.subTest(name=name):
                parsed = parse_head(head)
                self.assertEqual(parsed[:3], (method, target, version))
                self.assertEqual(parsed[3], fields)

    def test_header_lines_are_kept_as_received(self):
        lines = parse_head(b'GET / HTTP/1.0\r\nX-a:  b \r\nY: c')[4]
        self.assertEqual(lines, [b'X-a:  b ', b'Y: c'])

    def test_bad_heads_are_refused(self):
        """S7: many were taken, such as folded lines and any version."""
        for name, head, status in BAD_HEADS:
            with self.subTest(name=name):
                self.assertEqual(status_of(parse_head, head), status)

    def test_end_of_a_head_is_found(self):
        for name, head, method, target, version, fields in HEADS:
            with self.subTest(name=name):
                self.assertEqual(find_head(head + b'\r\n\r\nmore'), len(head))

    def test_end_of_a_head_is_found_after_others(self):
        head = b'GET / HTTP/1.0\r\n\r\n'
        self.assertEqual(find_head(head + head, len(head)),
                         2 * len(head) - 4)

    def test_part_of_a_head_needs_more(self):
        for name, head, method, target, version, fields in HEADS:
            head += b'\r\n\r\n'
            with self.subTest(name=name):
                for cut in range(1, len(head)):
                    self.assertEqual(find_head(head[:cut]), -1)

    def test_what_never_becomes_a_head_is_refused_at_once(self):
        for name, data in (('a bare LF', b'GET / HTTP/1.1\n'),
                           ('LF in a header', b'GET / HTTP/1.1\r\nHost: a\n'),
                           ('an LF alone', b'\n'),
                           ('TLS', b'\x16\x03\x01\x02\x00\x01\x00'),
                           ('a space', b' GET / HTTP/1.1\r\n')):
            with self.subTest(name=name):
                if name == 'LF in a header':
                    # seen when the head ends, or is over its limit
                    self.assertEqual(find_head(data), -1)
                else:
                    self.assertEqual(status_of(find_head, data), 400)

    def test_request_line_at_the_limit_is_taken(self):
        self.limit('max_readline', 100)
        line = b'GET /' + b'a' * 86 + b' HTTP/1.0'
        self.assertEqual(len(line), 100)
        self.assertEqual(find_head(line + b'\r\n\r\n'), 100)

    def test_request_line_one_byte_over_the_limit_is_refused(self):
        self.limit('max_readline', 100)
        line = b'GET /' + b'a' * 87 + b' HTTP/1.0'
        for end in (b'aaa', b'\r\nX', b'\r\n\r\n', b'\r\nX: y\r\n\r\n'):
            with self.subTest(end=end):
                self.assertEqual(status_of(find_head, line + end), 414)

    def test_request_line_that_does_not_end_is_refused_at_the_limit(self):
        """S4: the limit was looked at once the line was in memory."""
        self.limit('max_readline', 100)
        conn = Peer(Recorder(), [b'a'] * 1000)
        run(conn.serve())
        self.assertEqual(conn.sent[:13], b'HTTP/1.1 414 ')
        self.assertEqual(conn.most_held, 104)

    def test_head_at_both_limits_is_taken_however_it_is_cut(self):
        self.limit('max_readline', 40)
        self.limit('max_header_size', 60)
        line = b'GET /' + b'a' * 26 + b' HTTP/1.0'
        lines = b'X: ' + b'b' * 37 + b'\r\nY: ' + b'c' * 15
        self.assertEqual((len(line), len(lines)), (40, 60))
        for head, status in ((line + b'\r\n' + lines, 404),
                             (line + b'\r\n' + lines + b'c', 431),
                             (line.replace(b' /', b' /a') + b'\r\n' + lines,
                              414)):
            for pieces in ways_to_cut(head + b'\r\n\r\n'):
                conn = Peer(Recorder(), pieces)
                run(conn.serve())
                self.assertEqual(conn.sent[9:12], b'%d' % status,
                                 [len(piece) for piece in pieces])
                self.assertTrue(conn.most_held <= 107, conn.most_held)

    def test_header_line_at_the_limit_is_taken(self):
        self.limit('max_readline', 100)
        line = b'X: ' + b'a' * 97
        self.assertEqual(
            parse_head(b'GET / HTTP/1.0\r\n' + line)[3], {'x': 'a' * 97})

    def test_header_line_one_byte_over_the_limit_is_refused(self):
        self.limit('max_readline', 100)
        for head in (b'X: %s', b'X: %s\r\nY: z', b'Y: z\r\nX: %s'):
            head = b'GET / HTTP/1.0\r\n' + head.replace(b'%s', b'a' * 98)
            with self.subTest(head=head):
                self.assertEqual(status_of(parse_head, head), 431)

    def test_headers_at_the_limit_are_taken(self):
        self.limit('max_readline', 50)
        self.limit('max_header_size', 100)
        lines = b'X: ' + b'a' * 46 + b'\r\nY: ' + b'b' * 46
        self.assertEqual(len(lines), 100)
        head = b'GET / HTTP/1.0\r\n' + lines
        self.assertEqual(find_head(head + b'\r\n\r\n'), len(head))

    def test_headers_one_byte_over_the_limit_are_refused(self):
        """S3: there was no limit."""
        self.limit('max_readline', 50)
        self.limit('max_header_size', 100)
        head = b'GET / HTTP/1.0\r\nX: ' + b'a' * 46 + b'\r\nY: ' + b'b' * 47
        self.assertEqual(status_of(find_head, head + b'\r\n\r\n'), 431)

    def test_headers_that_do_not_end_are_refused_at_the_limit(self):
        self.limit('max_readline', 50)
        self.limit('max_header_size', 100)
        conn = Peer(Recorder(), [b'GET / HTTP/1.0\r\n'] + [b'a: b\r\n'] * 999)
        run(conn.serve())
        self.assertEqual(conn.sent[:13], b'HTTP/1.1 431 ')
        self.assertTrue(100 < conn.most_held < 130, conn.most_held)

    def test_number_of_headers_at_the_limit_is_taken(self):
        self.limit('max_headers', 5)
        head = b'GET / HTTP/1.0' + b'\r\nX: y' * 5
        self.assertEqual(len(parse_head(head)[4]), 5)

    def test_number_of_headers_one_over_the_limit_is_refused(self):
        """S3: there was no limit."""
        self.limit('max_headers', 5)
        head = b'GET / HTTP/1.0' + b'\r\nX: y' * 6
        self.assertEqual(status_of(parse_head, head), 431)


class TestFraming(unittest.TestCase):
    def test_framing_is_found(self):
        for name, version, fields, length, keep_alive in FRAMINGS:
            with self.subTest(name=name):
                self.assertEqual(parse_framing(version, fields),
                                 (length, keep_alive))

    def test_bad_framing_is_refused(self):
        """S7: two lengths, or a length and a coding, were taken."""
        for name, version, fields, status in BAD_FRAMINGS:
            with self.subTest(name=name):
                self.assertEqual(status_of(parse_framing, version, fields),
                                 status)

    def test_chunk_sizes_are_parsed(self):
        for line, size in CHUNK_SIZES:
            with self.subTest(line=line):
                self.assertEqual(parse_chunk_size(line), size)

    def test_bad_chunk_sizes_are_refused(self):
        for line in BAD_CHUNK_SIZES:
            with self.subTest(line=line):
                self.assertRaises(ValueError, parse_chunk_size, line)


# What MicroPython's Unix port gives on Linux: struct sockaddr.
RAW_ADDRESSES = [
    (b'\x02\0\x04\xd2\x7f\0\0\x01', ('127.0.0.1', 1234)),
    (b'\x02\0\xff\xff\xc0\0\x02\xff' + bytes(8), ('192.0.2.255', 65535)),
    (b'\n\0\x04\xd2' + bytes(19) + b'\x01' + bytes(4), ('::1', 1234)),
    (b'\n\0\0\x50\0\0\0\x07\xfe\x80' + bytes(8) +
     b'\0\xfc\0\xff\xfe\0\x02\0\0\0', ('fe80::fc:ff:fe00', 80)),
    (b'\n\0\0\x50' + bytes(4) + b'\x20\x01\x0d\xb8' + bytes(4) +
     b'\0\x01' + bytes(5) + b'\x01' + bytes(4),
     ('2001:db8::1:0:0:1', 80)),
    (b'\n\0\0\x50' + bytes(14) + b'\xff\xff\x7f\0\0\x01' + bytes(4),
     ('::ffff:127.0.0.1', 80)),
    # of a socket with a path there is no address
    (b'\x01\0', None),
    (b'\x01\0/tmp/socket', None),
]


class TestPeerAddress(unittest.TestCase):
    @unittest.skipIf(not hasattr(socket, 'sockaddr'),
                     'addresses are not raw')
    def test_raw_address_of_a_board_is_decoded(self):
        """S9: it was a buffer there."""
        for raw, expected in RAW_ADDRESSES:
            with self.subTest(raw=raw):
                self.assertEqual(peer_address(raw), expected)
                self.assertEqual(peer_address(bytearray(raw)), expected)

    def test_tuple_is_kept(self):
        for addr in (('127.0.0.1', 80), None, ''):
            self.assertEqual(peer_address(addr), addr)

    def test_of_ipv6_only_host_and_port_are(self):
        self.assertEqual(peer_address(('::1', 80, 0, 0)), ('::1', 80))


class TestNames(unittest.TestCase):
    def test_tokens_are_lowered(self):
        for text in ('a', 'X-Y', "!#$%&'*+-.^_`|~09azAZ"):
            with self.subTest(text=text):
                self.assertEqual(parse_token(text), text.lower())

    def test_other_texts_are_no_tokens(self):
        for text in ['', 'a b', ' a', 'a\r', 'a\n', 'a\0', '\xe9', '\u0661',
                     '\u212a', 'a' * 3000 + ' '] + list('"(),/:;<=>?@[\\]{}'):
            with self.subTest(text=text[:9]):
                self.assertRaises(ValueError, parse_token, text)

    def test_hosts_are_taken(self):
        for host in HOSTS:
            with self.subTest(host=host):
                self.assertEqual(parse_host(host), host)

    def test_bad_hosts_are_refused(self):
        for host in BAD_HOSTS:
            with self.subTest(host=host):
                self.assertRaises(ValueError, parse_host, host)


def make_app():
    app = Recorder()

    @app.route('/<path:path>', methods=['GET', 'POST'])
    async def view(request, path):
        return path + ':' + request.body.decode()

    return app


class TestConversations(unittest.TestCase):
    def test_trailers_at_the_limit_are_taken(self):
        self.addCleanup(setattr, Request, 'max_header_size',
                        Request.max_header_size)
        Request.max_header_size = 40
        for trailers in (b'X: ' + b'y' * 37 + b'\r\n', b'X: y\r\n' * 10):
            with self.subTest(trailers=trailers):
                got = run(converse(make_app(), CHUNKED + b'1\r\nx\r\n0\r\n' +
                                   trailers + b'\r\n'))
                self.assertEqual(got[-3:], b'p:x')

    def test_trailers_one_byte_over_the_limit_are_refused(self):
        self.addCleanup(setattr, Request, 'max_header_size',
                        Request.max_header_size)
        Request.max_header_size = 40
        for trailers in (b'X: ' + b'y' * 38 + b'\r\n',
                         b'X: y\r\n' * 9 + b'X: yz\r\n'):
            with self.subTest(trailers=trailers):
                got = run(converse(make_app(), CHUNKED + b'1\r\nx\r\n0\r\n' +
                                   trailers + b'\r\n'))
                self.assertEqual(got[:13], b'HTTP/1.1 400 ')

    def test_requests_after_bad_chunks_are_not_answered(self):
        got = run(converse(
            make_app(), CHUNKED + b'1\r\nxyz\r\n0\r\n\r\n'
            b'GET /b HTTP/1.1\r\nHost: a\r\n\r\n'))
        self.assertEqual(got[:13], b'HTTP/1.1 400 ')
        self.assertEqual(got.count(b'HTTP/1.1 '), 1)

    def test_nothing_is_answered_to_nothing(self):
        """S10: a client that only connected was answered 400."""
        app = make_app()
        ran = []
        app.after_error_request(lambda request, response: ran.append(1))
        for pieces in ([], [b''], [b'\r\n'], [b'\r']):
            with self.subTest(pieces=pieces):
                self.assertEqual(run(converse(app, *pieces)), b'')
        self.assertEqual(ran, [])
        self.assertEqual(app.counters['requests'], 0)

    def test_nothing_is_answered_after_a_request_that_was_refused(self):
        for head in (b'GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n',
                     b'GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n',
                     b'GET / HTTP/1.1\r\n\r\n',
                     b'GET / HTTP/2.0\r\n\r\n'):
            with self.subTest(head=head):
                got = run(converse(
                    make_app(), head + b'GET /b HTTP/1.1\r\nHost: a\r\n\r\n'))
                self.assertEqual(got[:10], b'HTTP/1.1 4' if b'2.0' not in head
                                 else b'HTTP/1.1 5')
                self.assertIn(b'\r\nConnection: close\r\n', got)
                self.assertEqual(got.count(b'HTTP/1.1 '), 1)

    def test_body_that_nobody_wants_is_not_asked_for(self):
        app = Recorder()
        got = run(converse(
            app, b'POST /unknown HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n'
            b'Expect: 100-continue\r\n\r\n'))
        self.assertEqual(got[:13], b'HTTP/1.1 404 ')
        self.assertIn(b'\r\nConnection: close\r\n', got)

    def test_unknown_expectation_is_refused(self):
        got = run(converse(make_app(), b'GET /a HTTP/1.1\r\nHost: a\r\n'
                                       b'Expect: x\r\n\r\n'))
        self.assertEqual(got[:13], b'HTTP/1.1 417 ')

    def test_chunks_at_the_limit_are_taken(self):
        self.addCleanup(setattr, Request, 'max_content_length',
                        Request.max_content_length)
        Request.max_content_length = 5
        for body in (b'5\r\nhello\r\n0\r\n\r\n',
                     b'3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n'):
            with self.subTest(body=body):
                got = run(converse(make_app(), CHUNKED + body))
                self.assertEqual(got[-7:], b'p:hello')

    def test_chunks_one_byte_over_the_limit_are_refused(self):
        self.addCleanup(setattr, Request, 'max_content_length',
                        Request.max_content_length)
        Request.max_content_length = 5
        for body in (b'6\r\nhello!\r\n0\r\n\r\n',
                     b'3\r\nhel\r\n3\r\nlo!\r\n0\r\n\r\n'):
            with self.subTest(body=body):
                got = run(converse(make_app(), CHUNKED + body))
                self.assertEqual(got[:13], b'HTTP/1.1 413 ')
                self.assertIn(b'Request.max_content_length', got)


def sorted_lines(data):
    # Headers come in any order on a board.
    return sorted(data.split(b'\r\n'))


class TestResponseHeads(unittest.TestCase):
    def encode(self, res, version='1.1', size=0, keep_alive=True):
        head, size, keep_alive, chunked = encode_head(
            res, version, size, keep_alive)
        self.assertEqual(head[-4:], b'\r\n\r\n')
        head = without_date(head)
        return sorted_lines(head[:-4]), size, keep_alive, chunked

    def test_head_tells_the_length(self):
        self.assertEqual(self.encode(Response('hello'), size=5), ([
            b'Content-Length: 5', b'Content-Type: text/plain; charset=UTF-8',
            b'HTTP/1.1 200 OK'], 5, True, False))

    def test_start_line_comes_first(self):
        head = encode_head(Response('', 404, {'A': 'b'}), '1.1', 0, True)[0]
        self.assertEqual(head[:24], b'HTTP/1.1 404 Not Found\r\n')

    def test_date_is_told_once(self):
        for headers, count in (({}, 1), ({'date': 'x'}, 1)):
            head = encode_head(Response('', 200, headers), '1.1', 0, True)[0]
            self.assertEqual(head.lower().count(b'\r\ndate: '), count)

    def test_date_is_not_told_while_the_clock_is_not_set(self):
        class Clock:
            gmtime = staticmethod(time.gmtime)

            @staticmethod
            def time():
                return 0

        # boards: their module cannot be changed; CPython: it is cached for a
        # second, by another module
        owner, name, value = (core, 'time', Clock) \
            if hasattr(time, 'ticks_ms') else (time, 'time', Clock.time)
        self.addCleanup(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, value)
        head = encode_head(Response(''), '1.1', 0, True)[0]
        self.assertFalse(b'Date' in head, head)

    def test_unknown_length_is_chunked(self):
        lines, size, keep_alive, chunked = self.encode(
            Response(iter('a')), size=None)
        self.assertIn(b'Transfer-Encoding: chunked', lines)
        self.assertFalse([line for line in lines if b'Length' in line])
        self.assertEqual((size, keep_alive, chunked), (None, True, True))

    def test_unknown_length_in_version_1_0_closes(self):
        lines, size, keep_alive, chunked = self.encode(
            Response(iter('a')), version='1.0', size=None)
        self.assertIn(b'Connection: close', lines)
        self.assertFalse([line for line in lines if b'Transfer' in line])
        self.assertEqual((size, keep_alive, chunked), (None, False, False))

    def test_version_1_0_is_answered_in_kind(self):
        lines = self.encode(Response(''), version='1.0', keep_alive=True)[0]
        self.assertIn(b'HTTP/1.0 200 OK', lines)
        self.assertIn(b'Connection: keep-alive', lines)

    def test_later_version_is_answered_as_1_1(self):
        self.assertIn(b'HTTP/1.1 200 OK',
                      self.encode(Response(''), version='1.2')[0])

    def test_close_is_told(self):
        self.assertIn(b'Connection: close',
                      self.encode(Response(''), keep_alive=False)[0])

    def test_response_may_ask_for_close(self):
        for value in ('close', 'Close'):
            lines, size, keep_alive, chunked = self.encode(
                Response('', 200, {'connection': value}))
            self.assertEqual(lines.count(b'Connection: close'), 1)
            self.assertFalse(keep_alive)

    def test_response_cannot_ask_for_more_than_the_request(self):
        lines, size, keep_alive, chunked = self.encode(
            Response('', 200, {'Connection': 'keep-alive'}), keep_alive=False)
        self.assertEqual([line for line in lines if b'onnection' in line],
                         [b'Connection: close'])
        self.assertFalse(keep_alive)

    def test_framing_headers_of_the_handler_are_dropped(self):
        for name in ('Transfer-Encoding', 'transfer-encoding', 'Keep-Alive'):
            lines = self.encode(Response('', 200, {name: 'x'}))[0]
            self.assertFalse([line for line in lines if b': x' in line])

    def test_statuses_without_a_body_have_no_length_and_no_type(self):
        for status in (101, 204, 304):
            with self.subTest(status=status):
                lines = self.encode(Response(b'', status))[0]
                self.assertEqual(len(lines), 1, lines)

    def test_interim_statuses_are_no_answers(self):
        for status in (100, 102, 103, 199):
            with self.subTest(status=status):
                self.assertRaises(ValueError, encode_head,
                                  Response(b'', status), '1.1', 0, True)

    def test_own_length_must_be_that_of_the_body(self):
        res = Response('hello', 200, {'Content-Length': '5'})
        self.assertIn(b'Content-Length: 5', self.encode(res, size=5)[0])
        for value in ('4', '6', '-5', 'x', ''):
            with self.subTest(value=value):
                res = Response('hello', 200, {'Content-Length': value})
                self.assertRaises(ValueError, encode_head, res, '1.1', 5, True)

    def test_own_length_of_a_stream_is_told(self):
        lines, size, keep_alive, chunked = self.encode(
            Response(iter('a'), 200, {'Content-Length': '7'}), size=None)
        self.assertIn(b'Content-Length: 7', lines)
        self.assertEqual((size, keep_alive, chunked), (7, True, False))

    def test_list_is_sent_as_several_headers(self):
        lines = self.encode(Response('', 200, {'Set-Cookie': ['a', 'b']}))[0]
        self.assertIn(b'Set-Cookie: a', lines)
        self.assertIn(b'Set-Cookie: b', lines)

    def test_numbers_are_sent_as_text(self):
        self.assertIn(b'X: 5', self.encode(Response('', 200, {'X': 5}))[0])

    def test_own_reason_is_told(self):
        self.assertIn(b'HTTP/1.1 200 FINE',
                      self.encode(Response('', reason='FINE'))[0])

    def test_unknown_status_has_an_empty_reason(self):
        self.assertIn(b'HTTP/1.1 299 ', self.encode(Response('', 299))[0])

    def test_what_would_split_the_response_is_refused(self):
        """S21: header values, names and reasons were written verbatim."""
        typed = Response('')
        typed.default_content_type = 'text/html\r\nX: b'
        for res in (typed,
                    Response('', 200, {'X': 'a\r\nY: b'}),
                    Response('', 200, {'X': 'a\nb'}),
                    Response('', 200, {'X': 'a\rb'}),
                    Response('', 200, {'X': 'a\0b'}),
                    Response('', 200, {'X': ['a', 'b\r\n']}),
                    Response('', 200, {'X\r\nY': 'a'}),
                    Response('', 200, {'X Y': 'a'}),
                    Response('', 200, {'': 'a'}),
                    Response('', 200, {'X:': 'a'}),
                    Response('', 200, None, 'a\r\nX: b'),
                    Response('', 20), Response('', 600)):
            with self.subTest(headers=res.headers):
                self.assertRaises(ValueError, encode_head, res, '1.1', 0, True)

    def test_upgrade_keeps_its_connection_header(self):
        res = Response(None, 101, {'Connection': 'Upgrade', 'Upgrade': 'x'})
        lines = self.encode(res, keep_alive=False)[0]
        self.assertIn(b'Connection: Upgrade', lines)
        self.assertFalse(b'Connection: close' in lines)


class TestText(unittest.TestCase):
    def test_escapes_are_decoded(self):
        for text, expected in (
                ('', ''), ('abc', 'abc'), ('a+b', 'a b'), ('a%20b', 'a b'),
                ('%2F', '/'), ('%2f%%', '/%%'), ('100%', '100%'),
                ('%%', '%%'), ('%25', '%'), ('%2B', '+'),
                ('dot%e2%80%a2dot', 'dot\u2022dot'), ('\u2022', '\u2022'),
                ('%3Ffoo%3Dbar%26x', '?foo=bar&x')):
            with self.subTest(text=text):
                self.assertEqual(urldecode(text), expected)
                self.assertEqual(urldecode(text.encode()), expected)

    def test_plus_is_kept_in_paths(self):
        self.assertEqual(urldecode('a+b%20c', False), 'a+b c')

    def test_bad_escapes_are_refused(self):
        """S38: signs and spaces were taken for digits."""
        for text in ('%4', '%4%41', '%zz', '%+1', '% 1', '%-1', '%1 ', '%u00',
                     '%ff', '%e2%82', '%80'):
            with self.subTest(text=text):
                self.assertRaises(ValueError, urldecode, text)

    @unittest.skipIf(LENIENT_UTF8, 'the UTF-8 decoder takes more than UTF-8')
    def test_overlong_sequences_and_surrogates_are_refused(self):
        for text in ('%c0%af', '%e0%80%af', '%ed%a0%80', '%f4%90%80%80'):
            with self.subTest(text=text):
                self.assertRaises(ValueError, urldecode, text)

    def test_overlong_slash_is_no_slash(self):
        app = make_app()
        got = run(converse(app, b'GET /..%c0%af.. HTTP/1.0\r\n\r\n'))
        self.assertFalse(got.endswith(b'../..:'), got)

    def test_text_is_encoded(self):
        for text, expected in (
                ('', ''), ('abc', 'abc'), ('?foo=bar&x', '%3Ffoo%3Dbar%26x'),
                ('/?foo=bar', '/%3Ffoo%3Dbar'), ('a b', 'a%20b'),
                ('+', '%2B'), ('%', '%25'), ('#', '%23'),
                ('\r\n', '%0D%0A'), ('"', '%22'), ('\u2022', '%E2%80%A2'),
                ('\x7f', '%7F'), ('\0', '%00')):
            with self.subTest(text=text):
                self.assertEqual(urlencode(text), expected)

    def test_decoding_undoes_encoding(self):
        """S38: + became %252B."""
        text = ''.join([chr(i) for i in range(300)]) + '\u20ac\U0001f600'
        self.assertEqual(urldecode(urlencode(text)), text)

    def test_cookies_are_parsed(self):
        for text, expected in (
                ('a=b', {'a': 'b'}),
                ('a=b; c=d', {'a': 'b', 'c': 'd'}),
                ('foo=bar;nothing;abc=def;',
                 {'foo': 'bar', 'nothing': '', 'abc': 'def', '': ''}),
                (' a = b ', {'a': 'b'}),
                ('a=b=c', {'a': 'b=c'}),
                ('a="b"', {'a': 'b'}),
                ('a=""; b= "c d" ', {'a': '', 'b': 'c d'}),
                ('a="', {'a': '"'}),
                ('a="b', {'a': '"b'}),
                ('a=b"', {'a': 'b"'}),
                ('a=b"c"', {'a': 'b"c"'}),
                ('a="b\\"c\\\\"', {'a': 'b"c\\'}),
                ('a="\\"', {'a': '\\'}),
                ('=a', {'': 'a'})):
            with self.subTest(text=text):
                self.assertEqual(parse_cookies(text), expected)

    def test_times_are_dates(self):
        for seconds, expected in (
                (0, 'Thu, 01 Jan 1970 00:00:00 GMT'),
                (784111777, 'Sun, 06 Nov 1994 08:49:37 GMT'),
                (951782399.9, 'Mon, 28 Feb 2000 23:59:59 GMT'),
                (951782400, 'Tue, 29 Feb 2000 00:00:00 GMT'),
                (1767225599, 'Wed, 31 Dec 2025 23:59:59 GMT')):
            with self.subTest(seconds=seconds):
                self.assertEqual(http_date(seconds), expected)


class TestMakeResponse(unittest.TestCase):
    def check(self, result, body, status, headers=None):
        res = make_response(result)
        self.assertEqual(res.body, body)
        self.assertEqual(res.status_code, status)
        self.assertEqual(res.headers, headers or {})

    def test_body(self):
        self.check('hello', b'hello', 200)

    def test_body_of_bytes(self):
        self.check(b'hello', b'hello', 200)

    def test_empty_body(self):
        self.check('', b'', 200)

    def test_nothing(self):
        self.check(None, b'', 204)

    def test_status(self):
        self.check(201, b'', 201)

    def test_status_in_a_tuple(self):
        """S35: a tuple of one element was an error."""
        self.check((202,), b'', 202)

    def test_body_in_a_tuple(self):
        self.check(('hello',), b'hello', 200)

    def test_status_and_headers(self):
        self.check((204, {'X': 'y'}), b'', 204, {'X': 'y'})

    def test_body_and_status(self):
        self.check(('hello', 201), b'hello', 201)

    def test_body_and_headers(self):
        self.check(('hello', {'X': 'y'}), b'hello', 200, {'X': 'y'})

    def test_body_status_and_headers(self):
        self.check(('hello', 201, {'X': 'y'}), b'hello', 201, {'X': 'y'})

    def test_nothing_with_a_status(self):
        res = make_response((None, 404))
        self.assertEqual(res.status_code, 404)

    def test_dict(self):
        self.check({'a': 1}, b'{"a": 1}', 200,
                   {'Content-Type': 'application/json; charset=UTF-8'})

    def test_list_with_a_status(self):
        self.check(([1], 201), b'[1]', 201,
                   {'Content-Type': 'application/json; charset=UTF-8'})

    def test_response_is_copied(self):
        res = Response('a', 201, {'X': 'y'})
        copy = make_response(res)
        self.assertEqual((copy.body, copy.status_code), (b'a', 201))
        copy.headers['Z'] = 'w'
        copy.status_code = 500
        self.assertEqual(res.headers, {'X': 'y'})
        self.assertEqual(res.status_code, 201)

    def test_response_that_has_been_sent_is_itself(self):
        res = Response.already_handled
        self.assertIs(make_response(res), res)

    def test_headers_are_copied(self):
        headers = NoCaseDict({'X': 'y'})
        make_response(('a', headers)).headers['Z'] = 'w'
        self.assertEqual(headers, {'X': 'y'})


if __name__ == '__main__':
    unittest.main()

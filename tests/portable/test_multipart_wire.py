"""The multipart parser: bytes to events, with no I/O."""

import unittest

from microdot.multipart import (
    MultipartError,
    MultipartParser,
    parse_options,
    parse_part_head,
)
from peers import single_bytes, ways_to_cut

NEEDS_EVENT_LOOP = False

DISPOSITION = b'Content-Disposition: form-data; name="a"'
PART = b'--b\r\n' + DISPOSITION + b'\r\n\r\n'
FILE = b'--b\r\n' + DISPOSITION + b'; filename="f.txt"\r\n' \
    b'Content-Type: text/plain\r\n\r\n'
END = b'\r\n--b--\r\n'


def parse(pieces, boundary='b', max_parts=8, max_header_size=256):
    """Return the parts of a body as a list of (name, filename, content), or
    the status that it is refused with. Checks that little is held."""
    parser = MultipartParser(boundary, max_parts, max_header_size)
    parts = []
    try:
        for piece in pieces:
            parser.feed(piece)
            take(parser, parts)
            most = max(max_header_size + 3, len(boundary) + 4)
            if len(parser._data) > most:
                raise AssertionError('%d bytes held' % len(parser._data))
        parser.close()
    except MultipartError as exc:
        for _ in range(2):
            try:
                parser.next_event()
            except MultipartError as again:
                if again is not exc:
                    raise
            else:
                raise AssertionError('an error that is not final')
        return exc.status_code
    return [(name, filename, b''.join(content))
            for name, filename, content in parts]


def take(parser, parts):
    while True:
        event = parser.next_event()
        if event is None:
            break
        if isinstance(event, tuple):
            parts.append(event[:2] + ([],))
        elif event:
            parts[-1][2].append(event)
        else:
            parts[-1][2].append(b'')


# (name, body, boundary, parts)
VALID = [
    ('no part', b'--b--\r\n', 'b', []),
    ('no part, no line end', b'--b--', 'b', []),
    ('empty field', PART + END, 'b', [('a', None, b'')]),
    ('a field', PART + b'x' + END, 'b', [('a', None, b'x')]),
    ('no line end after the last delimiter', PART + b'x\r\n--b--', 'b',
     [('a', None, b'x')]),
    ('a file', FILE + b'x\r\ny' + END, 'b', [('a', 'f.txt', b'x\r\ny')]),
    ('two', PART + b'1\r\n' + FILE + b'2' + END, 'b',
     [('a', None, b'1'), ('a', 'f.txt', b'2')]),
    ('line ends around content', PART + b'\r\n\r\nx\r\n\r\n' + END, 'b',
     [('a', None, b'\r\n\r\nx\r\n\r\n')]),
    ('nearly a delimiter',
     PART + b'\r\r\n\r\n-\r\n--\r\n--a--b\n--b\r--b--b' + END, 'b',
     [('a', None, b'\r\r\n\r\n-\r\n--\r\n--a--b\n--b\r--b--b')]),
    ('boundary inside a line', PART + b'x--b\r\nx--b--' + END, 'b',
     [('a', None, b'x--b\r\nx--b--')]),
    ('padding', PART.replace(b'--b', b'--b \t ') + b'x\r\n--b--  \r\n', 'b',
     [('a', None, b'x')]),
    ('text before and after',
     b'Dear reader\r\n--c\r\n' + PART + b'x' + END + b'\r\n--b\r\nz', 'b',
     [('a', None, b'x')]),
    ('boundary with all that is allowed',
     (PART + b'x' + END).replace(b'--b', b"--0aZ'()+_,-./:=? b"),
     "0aZ'()+_,-./:=? b", [('a', None, b'x')]),
    ('boundary of 70', (PART + b'x' + END).replace(b'--b', b'--' + b'=' * 70),
     '=' * 70, [('a', None, b'x')]),
    ('boundary that ends in dashes',
     (PART + b'x' + END).replace(b'--b', b'--b--'), 'b--',
     [('a', None, b'x')]),
]

# (name, body, status)
REFUSED = [
    ('nothing', b'', 400),
    ('a line end', b'\r\n', 400),
    ('no boundary', b'hello\r\n', 400),
    ('another boundary', (PART + b'x' + END).replace(b'--b', b'--c'), 400),
    ('cut in the first delimiter', b'--', 400),
    ('cut after the first delimiter', b'--b', 400),
    ('cut after the line of it', b'--b\r\n', 400),
    ('cut in the head', b'--b\r\n' + DISPOSITION, 400),
    ('cut after the head', PART, 400),
    ('cut in the content', PART + b'x', 400),
    ('cut before the last delimiter', PART + b'x\r\n', 400),
    ('cut in the last delimiter', PART + b'x\r\n--b-', 400),
    ('bare LF', (PART + b'x' + END).replace(b'\r\n', b'\n'), 400),
    ('bare CR', (PART + b'x' + END).replace(b'\r\n', b'\r'), 400),
    ('text after a boundary', PART + b'x\r\n--boundary\r\n' + END, 400),
    ('dash after a boundary', PART + b'x\r\n--b-\r\n' + END, 400),
    ('text after padding', PART.replace(b'--b', b'--b x') + END, 400),
    ('no head', b'--b\r\n\r\nx' + END, 400),
    ('no head, much content', b'--b\r\n\r\n' + b'x' * 1000 + END, 400),
    ('no disposition', b'--b\r\nContent-Type: a/b\r\n\r\nx' + END, 400),
    ('two dispositions', b'--b\r\n' + DISPOSITION + b'\r\n' + DISPOSITION +
     b'\r\n\r\nx' + END, 400),
    ('another disposition', PART.replace(b'form-data', b'attachment') + END,
     400),
    ('no name', PART.replace(b'; name="a"', b'') + END, 400),
    ('two names', PART.replace(b'"a"', b'"a"; name="b"') + END, 400),
    ('names in both cases', PART.replace(b'"a"', b'"a"; NAME="b"') + END, 400),
    ('quote without end', PART.replace(b'"a"', b'"a') + END, 400),
    ('text after a quote', PART.replace(b'"a"', b'"a"b') + END, 400),
    ('quote in a token', PART.replace(b'"a"', b'a"b"') + END, 400),
    ('space in a token', PART.replace(b'"a"', b'a b') + END, 400),
    ('no value', PART.replace(b'="a"', b'') + END, 400),
    ('empty token', PART.replace(b'"a"', b'') + END, 400),
    ('space before a colon', PART.replace(b'tion:', b'tion :') + END, 400),
    ('no colon', PART.replace(b'\r\n\r\n', b'\r\nX\r\n\r\n') + END, 400),
    ('folded line', PART.replace(b'; name', b';\r\n name') + END, 400),
    ('NUL in a name', PART.replace(b'"a"', b'"a\0"') + END, 400),
    ('DEL in a name', PART.replace(b'"a"', b'"a\x7f"') + END, 400),
    ('CR in a name', PART.replace(b'"a"', b'"a\rb"') + END, 400),
    ('LF in a name', PART.replace(b'"a"', b'"a\nb"') + END, 400),
    ('control character in a file name',
     FILE.replace(b'"f.txt"', b'"f\x1b.txt"') + END, 400),
    ('coding', PART.replace(b'\r\n\r\n', b'\r\nContent-Transfer-Encoding: '
                            b'base64\r\n\r\n') + END, 400),
    ('delimiter in a head', b'--b\r\nX: y\r\n' + PART + b'x' + END, 400),
    ('head without end', b'--b\r\n' + b'X: ' + b'y' * 1000, 413),
    ('many short lines', b'--b\r\n' + b'X:\r\n' * 100 + END, 413),
    ('padding without end', b'--b' + b' ' * 1000, 413),
    ('nine parts', PART.join([b''] + [b'\r\n'] * 9) + END[2:], 413),
]


class TestBodies(unittest.TestCase):
    def test_valid_in_any_pieces(self):
        for name, body, boundary, parts in VALID:
            for pieces in ways_to_cut(body):
                with self.subTest(name=name, cut=len(pieces[0])):
                    self.assertEqual(parse(pieces, boundary), parts)

    def test_refused_in_any_pieces(self):
        for name, body, status in REFUSED:
            ways = ways_to_cut(body) if len(body) < 200 else [
                [body], single_bytes(body),
                [body[:100], body[100:]]]
            for pieces in ways:
                with self.subTest(name=name, cut=len(pieces and pieces[0])):
                    self.assertEqual(parse(pieces), status)

    def test_every_truncation_is_refused(self):
        for name, body, boundary, _ in VALID:
            end = body.find(b'--' + boundary.encode() + b'--') + \
                len(boundary) + 4
            for size in range(end):
                with self.subTest(name=name, size=size):
                    self.assertEqual(parse([body[:size]], boundary), 400)

    def test_pieces_in_pieces(self):
        body = FILE + b'\r\n--x' * 20 + END
        for size in range(2, 40):
            with self.subTest(size=size):
                self.assertEqual(
                    parse([body[i:i + size]
                           for i in range(0, len(body), size)]),
                    [('a', 'f.txt', b'\r\n--x' * 20)])

    def test_empty_pieces(self):
        body = PART + b'x' + END
        pieces = [b'']
        for i in range(len(body)):
            pieces += [body[i:i + 1], b'']
        self.assertEqual(parse(pieces), [('a', None, b'x')])

    def test_content_is_given_as_it_comes(self):
        parser = MultipartParser('b', 1, 100)
        parser.feed(PART)
        self.assertEqual(parser.next_event()[0], 'a')
        for piece, given in ((b'12', b'12'), (b'3\r', b'3'), (b'4', b'\r4'),
                             (b'\r\n--', None), (b'x', b'\r\n--x')):
            parser.feed(piece)
            self.assertEqual(parser.next_event(), given)
            self.assertIsNone(parser.next_event())
        self.assertFalse(parser.done)
        parser.feed(END)
        self.assertEqual(parser.next_event(), b'')
        self.assertIsNone(parser.next_event())
        self.assertTrue(parser.done)
        parser.feed(PART)
        self.assertIsNone(parser.next_event())
        parser.close()

    def test_what_is_wrong_is_refused_at_once(self):
        for body in (b'--bx\r', b'--b-x', b'--b\n\n', b'--b\r\n\r\n',
                     b'--b \rx\r\n\r\n', b'--b\r\nX\r\n\r\n'):
            parser = MultipartParser('b', 1, 100)
            parser.feed(body)
            with self.subTest(body=body):
                with self.assertRaises(MultipartError) as raised:
                    parser.next_event()
                self.assertEqual(raised.exception.status_code, 400)

    def test_boundaries_that_are_refused(self):
        for boundary in ('', '=' * 71, 'a ', ' ', 'a"b', 'a\\b', 'a\r\nb',
                         'a;b', 'a*b', '\u20ac', 'a\0'):
            with self.subTest(boundary=boundary):
                with self.assertRaises(MultipartError) as raised:
                    MultipartParser(boundary, 8, 256)
                self.assertEqual(raised.exception.status_code, 400)


class TestLimits(unittest.TestCase):
    def test_parts(self):
        for parts, status in ((8, None), (9, 413), (100, 413)):
            body = PART.join([b''] + [b'\r\n'] * parts) + END[2:]
            with self.subTest(parts=parts):
                result = parse([body])
                self.assertEqual(result if status else len(result),
                                 status or parts)

    def test_head(self):
        # the line end after the boundary counts
        size = len(DISPOSITION) + 2
        for limit, status in ((size, None), (size - 1, 413), (10, 413)):
            for pieces in ways_to_cut(PART + b'x' + END):
                result = parse(pieces, max_header_size=limit)
                self.assertEqual(result, status or [('a', None, b'x')])

    def test_error_names_the_limit(self):
        for body, name in ((b'--b\r\n' + b'x' * 300, b'max_header_size'),
                           (PART + b'\r\n' + PART, b'max_parts')):
            parser = MultipartParser('b', 1, 256)
            parser.feed(body)
            with self.assertRaises(MultipartError) as raised:
                take(parser, [])
            self.assertEqual(raised.exception.reason,
                             'See FormDataIter.' + name.decode())


class TestPartHeads(unittest.TestCase):
    def head(self, rest, more=''):
        return parse_part_head((
            '\r\nContent-Disposition: form-data; ' + rest + more).encode())

    def test_names(self):
        for rest, name in (
                ('name="a"', 'a'), ('name=a', 'a'), ('NAME=a', 'a'),
                ('name=""', ''), ('name="a;b=c"', 'a;b=c'),
                ('name="a\\"b"', 'a"b'), ('name="a\\\\"', 'a\\'),
                ('name="a\\\\\\"b"', 'a\\"b'), ('name="a\\b"', 'a\\b'),
                ('name="\u20ac"', '\u20ac'), ('name="a%22b"', 'a"b'),
                ('name="a%0D%0Ab%20%"', 'a\r\nb%20%'),
                ('name="dir\\"', 'dir\\'), ('name="a\\" ; x="b"', 'a\\'),
                ('name="a\\"; b"', 'a"; b'),
                ('name="\\"', '\\'), ('name="a\\"b\\"', 'a"b\\'),
                ('  name = a', None), ('x=y ;name=a ; ', 'a'),
                (';;name=a;', 'a'), (';name=a', 'a'), ('name="a" ;x=";"', 'a'),
                ('name="a"\t', 'a'), ("name*=UTF-8''a", None)):
            with self.subTest(rest=rest):
                if name is None:
                    with self.assertRaises(ValueError):
                        self.head(rest)
                else:
                    self.assertEqual(self.head(rest)[:2], (name, None))

    def test_text_that_is_not_utf_8_is_taken_byte_by_byte(self):
        self.assertEqual(
            parse_part_head(b'\r\n' + DISPOSITION.replace(b'a"', b'\xe9"'))[0],
            '\xe9')

    def test_file_names(self):
        for rest, filename in (
                ('filename="a.txt"', 'a.txt'), ('filename=a.txt', 'a.txt'),
                ('filename=""', ''), ('filename="a; b.txt"', 'a; b.txt'),
                ('filename="a\\"b.txt"', 'a"b.txt'),
                ('filename="a%22b.txt"', 'a"b.txt'),
                ('filename="a%0Ab.txt"', 'a%0Ab.txt'),
                ('filename="tmp\\"', ''),
                ("filename*=UTF-8''a%2522", 'a%22'),
                ('filename="\u20ac.txt"', '\u20ac.txt'),
                ('filename="../../etc/passwd"', 'passwd'),
                ('filename="/etc/passwd"', 'passwd'),
                ('filename="C:\\dir\\a.txt"', 'a.txt'),
                ('filename="\\\\\\\\host\\dir\\a.txt"', 'a.txt'),
                ('filename="..\\\\..\\\\a.txt"', 'a.txt'),
                ('filename=".."', ''), ('filename="."', ''),
                ('filename="a/.."', ''), ('filename="a/"', ''),
                ('filename="..."', '...'),
                ("filename*=UTF-8''%e2%82%ac%20.txt", '\u20ac .txt'),
                ("filename*=utf-8'en'a+b", 'a+b'),
                ("filename=b; filename*=utf-8''a", 'a'),
                ("filename*=utf-8''a; filename=b", 'a'),
                ("filename*=utf-8''..%2f..%2fa", 'a'),
                ("filename*=utf-8''..%5Ca", 'a'),
                ("filename=b; filename*=koi8-r''%C1", 'b'),
                ('filename=b; filename*=a', 'b'),
                ("filename*=koi8-r''%C1", None),
                ('filename*=a', None), ("filename*=utf-8'a", None),
                ("filename*=utf-8''%zz", None),
                ("filename*=utf-8''%C3", None),
                ("filename*=utf-8''a%00", None),
                ("filename*=utf-8''a%0d", None),
                ("filename*=utf-8''a%0A", None)):
            with self.subTest(rest=rest):
                if filename is None:
                    with self.assertRaises(ValueError):
                        self.head('name=a; ' + rest)
                else:
                    self.assertEqual(self.head('name=a; ' + rest)[:2],
                                     ('a', filename))

    def test_headers(self):
        for coding in ('7bit', '8BIT', 'binary'):
            headers = self.head('name=a', '\r\nX-Y:\r\nCONTENT-type: \ta/b; c '
                                '\r\nContent-Transfer-Encoding: ' + coding)[2]
            self.assertEqual(headers, {
                'content-disposition': 'form-data; name=a', 'x-y': '',
                'content-type': 'a/b; c',
                'content-transfer-encoding': coding})


class TestOptions(unittest.TestCase):
    def test_values(self):
        for text, kind, options in (
                ('', '', {}), ('a/b', 'a/b', {}), (' A/B ;', 'a/b', {}),
                ('a/b;boundary=c', 'a/b', {'boundary': 'c'}),
                ('a/b; charset=utf-8; Boundary="c d"', 'a/b',
                 {'charset': 'utf-8', 'boundary': 'c d'}),
                ('a;b=c/d=?', 'a', {'b': 'c/d=?'})):
            with self.subTest(text=text):
                self.assertEqual(parse_options(text), (kind, options))

    def test_refused(self):
        for text in ('a;b', 'a;=c', 'a;b=', 'a;b="', 'a;b="c', 'a;b="c"d',
                     'a;b=c;b=d', 'a;b=c;B=d', 'a; b =c', 'a;b c=d',
                     'a;b=c d', 'a;b="\\"c', 'a;b="\\\\\\"c'):
            with self.subTest(text=text):
                with self.assertRaises(ValueError):
                    parse_options(text)

"""Properties of the multipart parser, which hold for any bytes of a peer."""

import asyncio

from hypothesis import example, given, settings
from hypothesis import strategies as st

from microdot.microdot import HTTPException, Microdot, Request
from microdot.multipart import (
    FileUpload,
    FormDataIter,
    MultipartError,
    MultipartParser,
    parse_options,
    parse_part_head,
)

# How long an example takes says nothing here.
settings.register_profile('multipart', deadline=None)
settings.load_profile('multipart')

BOUNDARY = st.text(
    "0123456789aZ'()+_,-./:=? ", min_size=1, max_size=70).filter(
        lambda text: text[-1] != ' ')
# Bytes that are nearly a form, so that more than the first check is met.
WORDS = st.sampled_from([
    b'--b', b'--b--', b'\r\n', b'\r\n--b', b'\r\n--b\r\n', b'\r\n--b--\r\n',
    b'--b\r\n', b'\r\n\r\n', b'\r', b'\n', b'-', b'--', b' ', b'\t', b':',
    b'Content-Disposition: form-data; name="a"', b'Content-Disposition: ',
    b'form-data', b'; name=a', b'; filename="f"', b"; filename*=utf-8''%c3",
    b'Content-Type: text/plain', b'Content-Transfer-Encoding: base64', b'"',
    b'\\', b'\\"', b'=', b';', b'\0', b'\x7f', b'\xe9', b'\xe2\x82\xac',
    b'hello', b'--b\r\nContent-Disposition: form-data; name=x\r\n\r\n'])
NEARLY = st.lists(WORDS | st.binary(max_size=4), max_size=30).map(b''.join)
ANY_BYTES = st.binary(max_size=300) | NEARLY
NAME = st.text(st.characters(
    codec='utf-8', exclude_categories=('Cc', 'Cs')), max_size=12)
CONTENT = st.binary(max_size=60) | st.lists(WORDS, max_size=6).map(b''.join)
PARTS = st.lists(st.tuples(NAME, st.none() | NAME, CONTENT), max_size=5)
MAX_PARTS = 6
MAX_HEADER = 200


def cut(data, places):
    """Return bytes in pieces, cut at some places."""
    places = sorted({place % (len(data) + 1) for place in places})
    return [data[start:end] for start, end in
            zip([0, *places], [*places, len(data)], strict=True)]


def parse(pieces, boundary='b', max_parts=MAX_PARTS,
          max_header_size=MAX_HEADER):
    """Return all parts and the error that ended them, or ``None``."""
    parts = []
    open_part = False
    error = None
    try:
        parser = MultipartParser(boundary, max_parts, max_header_size)
        for piece in pieces:
            parser.feed(piece)
            while (event := parser.next_event()) is not None:
                if isinstance(event, tuple):
                    assert not open_part
                    open_part = True
                    parts.append([event, b''])
                else:
                    assert open_part
                    open_part = bool(event)
                    parts[-1][1] += event
            assert len(parser._data) <= max(max_header_size + 3,
                                            len(boundary) + 4)
        parser.close()
        assert not open_part
    except MultipartError as exc:
        error = exc.status_code, exc.reason
    assert len(parts) <= max_parts
    return parts, error


def quote(text):
    return text.replace('\\', '\\\\').replace('"', '\\"')


def encode(parts, boundary):
    """Return a form as a browser sends it."""
    body = b''
    for name, filename, content in parts:
        head = 'Content-Disposition: form-data; name="%s"' % quote(name)
        if filename is not None:
            head += '; filename="%s"' % quote(filename)
        body += b'--%s\r\n%s\r\n\r\n%s\r\n' % (
            boundary.encode(), head.encode(), content)
    return body + b'--%s--\r\n' % boundary.encode()


@given(ANY_BYTES, st.lists(st.integers(0, 1000), max_size=8))
@example(b'--b\r\n\r\n', [])
def test_any_bytes_in_any_pieces_give_the_same(data, places):
    whole = parse([data])
    assert parse(cut(data, places)) == whole
    assert parse([data[i:i + 1] for i in range(len(data))]) == whole
    if whole[1]:
        assert whole[1][0] in (400, 413)
        # more of the same does not make it a form
        if whole[1][0] == 413:
            assert parse([data, b'--b--'])[1] == whole[1]


@given(PARTS, BOUNDARY, st.lists(st.integers(0, 2000), max_size=8),
       st.binary(max_size=20))
def test_what_is_encoded_is_parsed(parts, boundary, places, epilogue):
    delimiter = b'\r\n--' + boundary.encode()
    parts = [part for part in parts if delimiter not in
             b'\r\n' + part[2] + b'\r\n--' + boundary.encode()[:-1]]
    data = encode(parts, boundary) + epilogue
    found, error = parse(cut(data, places), boundary, 5, 8000)
    assert error is None
    assert [(event[0], event[1], content) for event, content in found] == [
        (name, filename if filename is None else basename(filename), content)
        for name, filename, content in parts]


def basename(filename):
    name = filename.replace('\\', '/').rpartition('/')[2]
    return '' if name in ('.', '..') else name


@given(PARTS, st.integers(0, 2000))
def test_every_truncation_is_refused(parts, size):
    parts = [part for part in parts if b'--b' not in part[2]]
    data = encode(parts, 'b')
    end = len(data) - len(b'\r\n')
    assert parse([data[:size % end]], 'b', 5, 8000)[1] == (
        400, 'Malformed form')


@given(ANY_BYTES | st.binary().map(
    lambda data: b'\r\nContent-Disposition: form-data; name=' + data))
def test_any_head_gives_a_part_or_value_error(data):
    try:
        name, filename, headers = parse_part_head(data)
    except ValueError:
        return
    assert isinstance(name, str)
    assert not any(byte in '\r\n\0' for byte in name)
    if filename is not None:
        assert not set(filename) & set('/\\\r\n\0')
        assert filename not in ('.', '..')
    assert headers['content-disposition'].lower().startswith('form-data')


@given(st.text(max_size=60) | st.lists(st.sampled_from(
    [';', '=', '"', '\\', ' ', '\t', 'a', 'b', 'name']), max_size=20).map(
        ''.join))
def test_any_text_gives_options_or_value_error(text):
    try:
        kind, options = parse_options(text)
    except ValueError:
        return
    assert kind == kind.strip(' \t')
    for name in options:
        assert name and name == name.lower()


@given(st.text(max_size=20), st.text(max_size=20))
def test_quoted_options_come_back(first, second):
    text = 'form-data; a="%s"; b="%s"' % (quote(first), quote(second))
    if '\0' not in text:
        assert parse_options(text) == ('form-data',
                                       {'a': first, 'b': second})


@given(st.text(max_size=300))
def test_safe_names_are_safe(filename):
    name = FileUpload(filename, None, None).safe_name
    assert 0 < len(name) <= 64
    assert set(name) <= set(
        'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.')
    assert name[0] not in '.-' and name[-1] != '.'
    # a second time it changes nothing
    assert FileUpload(name, None, None).safe_name == name


class Stream:
    """A body of given pieces."""

    def __init__(self, pieces):
        self.pieces = [piece for piece in pieces if piece]

    async def read(self, n):
        data = self.pieces.pop(0) if self.pieces else b''
        if len(data) > n:
            self.pieces.insert(0, data[n:])
        return data[:n]


@given(ANY_BYTES, st.sampled_from([
    'b', '"b"', 'b; charset=x', '"', '', 'c']) | st.text(max_size=10),
       st.lists(st.integers(0, 500), max_size=4), st.integers(1, 50))
def test_any_request_gives_values_or_a_named_error(data, boundary, places,
                                                   size):
    async def run():
        request = Request(
            Microdot(), None, 'POST', '/', '1.1',
            {'Content-Type': 'multipart/form-data; boundary=' + boundary})
        request.source = Stream(cut(data, places))
        form = FormDataIter(request)
        form.buffer_size = size
        async for _, value in form:
            if isinstance(value, FileUpload):
                await value.read(size)
            else:
                assert isinstance(value, str)

    try:
        asyncio.run(run())
    except HTTPException as exc:
        assert exc.status_code in (400, 413)

"""What holds for all WebSocket frames, compressed ones, and what the guide
says of WebSockets and events."""

import ast
import asyncio
import os
import pathlib
import re
import subprocess
import sys
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interpreters
from microdot import Microdot, websocket
from microdot._deflate import Deflate, Inflate, negotiate, parse_offer
from microdot.sse import SSE, encode_event
from microdot.test_client import TestClient, TestResponse
from microdot.websocket import (
    FrameParser,
    Utf8,
    WebSocket,
    WebSocketError,
    with_websocket,
)

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'portable'))
import frames  # noqa: E402
import serving  # noqa: E402

TOP = pathlib.Path(__file__).resolve().parents[2]
TAIL = b'\0\0\xff\xff'


def test_heads_are_parsed_as_by_microdot_2_7():
    for head, expected in (
            (b'\x81\x85', (True, 1, True, 5)),
            (b'\x02\x7e', (False, 2, False, -2)),
            (b'\x80\xff', (True, 0, True, -8))):
        assert WebSocket._parse_frame_header(head) == expected
    with pytest.raises(WebSocketError) as context:
        WebSocket._parse_frame_header(b'\x83\x80')
    assert context.value.code == 1002
    assert WebSocket._encode_websocket_frame(1, '\xe4') == b'\x81\x02\xc3\xa4'


def test_frames_are_processed_as_by_microdot_2_7():
    ws = WebSocket(None)
    ws.closed = True
    for opcode, expected in (
            (1, (None, 'foo')), (2, (None, b'foo')),
            (9, (10, b'foo')), (10, (None, None))):
        assert ws._process_websocket_frame(opcode, b'foo') == expected
    with pytest.raises(WebSocketError) as context:
        ws._process_websocket_frame(8, b'')
    assert context.value.code == 1005


def test_repr_tells_path_and_state():
    async def handler(request, ws):
        told.append(repr(ws))
        await ws.close(4001)
        told.append(repr(ws))

    def client():
        yield

    told = [repr(WebSocket(None))]
    app = Microdot()
    app.get('/chat/<room>')(with_websocket(
        lambda request, ws, room: handler(request, ws)))
    asyncio.run(TestClient(app).websocket("/chat/a'b", client))
    assert told == [
        '<WebSocket, new>', '<WebSocket "/chat/a\'b", open>',
        '<WebSocket "/chat/a\'b", closed: 4001>']


@pytest.mark.parametrize('first', ['_deflate', 'asgi', 'websocket'])
def test_order_of_imports_does_not_matter(first):
    code = 'import microdot.%s; from microdot import websocket as w; ' \
        'assert w.WebSocket.direct is None, w.FrameParser(0, None)' % first
    subprocess.run([sys.executable, '-c', code], check=True,
                   env=dict(os.environ, PYTHONPATH=str(TOP / 'src')))


def read(pieces, max_length=0, inflate=None):
    """Return the events that come of pieces, and the code of the refusal that
    ends them, or ``None``."""
    parser = FrameParser(max_length, inflate)
    events = []
    try:
        for piece in pieces:
            parser.feed(piece)
            while True:
                event = parser.next_event()
                if event is None:
                    break
                events.append(event)
    except WebSocketError as exc:
        return events, exc.code
    return events, None


def cut(data, places):
    """Return data in pieces."""
    places = sorted({place % (len(data) + 1) for place in places})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)])]


# -------------------------------------------------------------- properties

places = st.lists(st.integers(0, 5000), max_size=8)
masks = st.binary(min_size=4, max_size=4)


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=300), masks,
                          places), max_size=4), places)
def test_what_was_sent_is_read(messages, cuts):
    wire = b''
    expected = []
    for is_text, payload, mask, fragments in messages:
        if is_text:
            payload = payload.decode('latin-1').encode()
        pieces = cut(payload, fragments)
        for i, piece in enumerate(pieces):
            wire += frames.frame(0 if i else 1 if is_text else 2, piece,
                                 i == len(pieces) - 1, mask=mask)
        expected.append((1 if is_text else 2, payload))
    assert read(cut(wire, cuts)) == (expected, None)


@given(st.binary(max_size=400), places)
def test_any_bytes_are_read_alike_however_they_arrive(wire, cuts):
    whole = read([wire], 100)
    assert read(cut(wire, cuts), 100) == whole
    assert whole[1] in (None, 1002, 1007, 1009)


@given(st.binary(max_size=40), places)
def test_utf8_is_what_python_takes_for_it(data, cuts):
    check = Utf8()
    try:
        for piece in cut(data, cuts):
            check.decode(piece)
        check.decode(b'', True)
        valid = True
    except ValueError:
        valid = False
    try:
        data.decode()
        assert valid
    except UnicodeDecodeError:
        assert not valid


def test_utf8_of_every_character():
    for number in range(0x110000):
        if number & 0xf800 != 0xd800:
            Utf8().decode(chr(number).encode(), True)


@given(st.text(max_size=60), st.text(max_size=10), st.text(max_size=10))
def test_an_event_is_one_event(data, event, event_id):
    try:
        wire = encode_event(data, event, event_id)
    except ValueError:
        assert re.search('[\r\n\0]', event + event_id)
        return
    res = TestResponse()
    res.headers['Content-Type'] = 'text/event-stream'
    res.body = b'data: before\n\n' + wire + b'data: after\n\n'
    lines = re.sub('\r\n?', '\n', data).encode()
    # (no data is no event)
    assert [each['data'] for each in res.events] == [
        b'before', *([lines] if lines else []), b'after']


# ------------------------------------------------------------- compression

OFFERS = (
    ('permessage-deflate', {}),
    ('permessage-deflate; client_max_window_bits',
     {'client_max_window_bits': 15}),
    (' PerMessage-Deflate ;server_max_window_bits="10" ',
     {'server_max_window_bits': 10}),
    ('permessage-deflate; server_no_context_takeover; '
     'client_no_context_takeover',
     {'server_no_context_takeover': True, 'client_no_context_takeover': True}),
    ('permessage-deflate; client_max_window_bits=8',
     {'client_max_window_bits': 8}),
    ('', None),
    ('permessage-bzip2', None),
    ('x-webkit-deflate-frame', None),
    ('permessage-deflate; unknown', None),
    ('permessage-deflate; server_max_window_bits', None),
    ('permessage-deflate; server_max_window_bits=7', None),
    ('permessage-deflate; server_max_window_bits=16', None),
    ('permessage-deflate; server_max_window_bits=010', None),
    ('permessage-deflate; server_max_window_bits=10; '
     'server_max_window_bits=10', None),
    ('permessage-deflate; client_max_window_bits=x', None),
    ('permessage-deflate; server_no_context_takeover=1', None),
    ('permessage-deflate;', None),
)


@pytest.mark.parametrize('text, offer', OFFERS)
def test_offers(text, offer):
    assert parse_offer(text) == offer


@pytest.mark.parametrize('header, value', (
    ('permessage-deflate', '; server_max_window_bits=12'),
    ('permessage-deflate; client_max_window_bits',
     '; server_max_window_bits=12; client_max_window_bits=12'),
    ('permessage-deflate; client_max_window_bits=9; server_max_window_bits=9',
     '; server_max_window_bits=9; client_max_window_bits=9'),
    ('permessage-deflate; server_no_context_takeover',
     '; server_max_window_bits=12; server_no_context_takeover'),
    ('bad, permessage-deflate; x=y, permessage-deflate',
     '; server_max_window_bits=12'),
    # zlib has no such window; the next offer is taken
    ('permessage-deflate; server_max_window_bits=8, permessage-deflate',
     '; server_max_window_bits=12'),
    ('permessage-deflate; server_max_window_bits=8', None),
    ('', None), (',,;,', None)))
def test_negotiation(header, value):
    found = negotiate(header)
    assert (found and found[0]) == (value and 'permessage-deflate' + value)


def compress(data, bits=15):
    """Return what a client sends."""
    z = zlib.compressobj(wbits=-bits)
    return z.compress(data) + z.flush(zlib.Z_SYNC_FLUSH)


def deflated(data):
    return compress(data)[:-4]


# name, the payload of a compressed text, the code to close with
HOSTILE = (
    ('no compressed data', b'\xff' * 20, 1007),
    ('bad block type', b'\x06', 1007),
    ('stored block with a wrong length', b'\x00\x05\x00\x05\x00abcde', 1007),
    ('reference before the beginning', b'\x4b\x04\x42\x00', 1007),
    ('compressed text that is not UTF-8', deflated(b'\xff\xfe'), 1007),
    ('one byte over the limit', deflated(b'x' * 1001), 1009),
    ('bomb', deflated(b'x' * 10000000), 1009),
    ('bomb of what does not compress', deflated(os.urandom(2000)), None),
    ('many last blocks', b'\x03\x00' * 1000, 1007),
    ('last block, and no more than its tail', b'\x03\x00\x00', 'ok'),
    ('empty', b'\x00', 'ok'),
    ('as much as is allowed', deflated(b'x' * 1000), 'ok'),
)


@pytest.mark.parametrize('name, payload, code', HOSTILE)
@pytest.mark.parametrize('pieces', (1, 7))
def test_hostile_compression(name, payload, code, pieces):
    wire = frames.frame(1, payload, rsv=4)
    size = len(wire) // pieces + 1
    wire = [wire[i:i + size] for i in range(0, len(wire), size)]
    events, refused = read(wire, 1000, Inflate(15, False))
    if code == 'ok':
        assert len(events) == 1 and refused is None
    else:
        assert events == [] and refused in (code, 1009, 1007)
        assert code is None or refused == code


def test_what_two_blocks_become_has_the_limit_of_one():
    for first in (3, 5, 9):
        last = zlib.compressobj(wbits=-15)
        block = last.compress(b'x' * first) + last.flush()
        for most, expected in ((5, min(first + 20, 5)), (0, first + 20)):
            data = Inflate(15, False).decompress(
                block + deflated(b'y' * 20), True, most)
            assert data == (b'x' * first + b'y' * 20)[:expected]


def test_a_bomb_takes_no_memory():
    bomb = deflated(bytes(50000000))
    wire = frames.frame(2, bomb, rsv=4)
    tracemalloc.start()
    try:
        assert read([wire], 1000, Inflate(15, False)) == ([], 1009)
        assert tracemalloc.get_traced_memory()[1] < 500000
    finally:
        tracemalloc.stop()


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=500), min_size=1, max_size=5),
       st.booleans(), st.integers(9, 15), places)
def test_compressed_messages_come_back(messages, forget, bits, cuts):
    deflate = Deflate(bits, forget)
    inflate = Inflate(bits, forget)
    wire = b''.join([frames.frame(2, deflate.compress(message), rsv=4)
                     for message in messages])
    assert read(cut(wire, cuts), 0, inflate) == (
        [(2, message) for message in messages], None)


def test_messages_stand_alone_if_that_was_agreed_on():
    for forget in (False, True):
        deflate = Deflate(12, forget)
        messages = [deflate.compress(b'abc' * 20) for _ in range(2)]
        assert (messages[0] == messages[1]) is forget
        inflate = Inflate(12, forget)
        assert inflate.decompress(messages[0], True, 0) == b'abc' * 20
        # and no window is kept in between
        assert (inflate._zlib is None) is forget
        assert (deflate._zlib is None) is forget


@given(st.binary(max_size=200), places)
def test_any_bytes_are_decompressed_alike(payload, cuts):
    wire = frames.frame(2, payload, rsv=4)
    whole = read([wire], 100, Inflate(15, False))
    assert whole[1] in (None, 1007, 1009)
    events, code = read(cut(wire, cuts), 100, Inflate(15, False))
    # a limit may be noticed before a mistake, or the other way round
    assert (events, code is None) == (whole[0], whole[1] is None)


def test_fragments_are_compressed_as_a_whole():
    data = deflated(b'Hello' * 100)
    wire = frames.frame(1, data[:3], False, rsv=4) + frames.frame(
        frames.PING) + frames.frame(0, data[3:])
    assert read([wire], 0, Inflate(15, False)) == (
        [(9, b''), (1, b'Hello' * 100)], None)
    # only the first fragment says so
    wire = frames.frame(1, data[:3], False, rsv=4) + frames.frame(
        0, data[3:], rsv=4)
    assert read([wire], 0, Inflate(15, False)) == ([], 1002)


def test_what_was_not_agreed_on_is_refused():
    assert read([frames.frame(1, deflated(b'x'), rsv=4)]) == ([], 1002)
    assert read([frames.frame(9, b'', rsv=4)], 0, Inflate(15, False)) == (
        [], 1002)


def test_bombs_over_a_socket():
    app = Microdot()

    @app.get('/')
    @with_websocket(compress=True)
    async def echo(request, ws):
        async for message in ws:
            await ws.send(message)

    async def test():
        async with serving.Server(app) as server:
            for payload, code in ((deflated(bytes(10000000)), 1009),
                                  (b'\xff' * 20, 1007)):
                ws = frames.Frames(await server.connect())
                await ws.open('/', b'Sec-WebSocket-Extensions: '
                              b'permessage-deflate\r\n')
                await ws.send(1, payload, rsv=4)
                assert (await ws.closed())[0] == code
                await ws.client.close()

    asyncio.run(test())


def test_who_breaks_the_rules_need_not_wait_for_the_end(monkeypatch):
    monkeypatch.setattr(websocket, '_GRACE', 60)
    app = Microdot()

    @app.get('/')
    @with_websocket
    async def echo(request, ws):
        async for message in ws:
            await ws.send(message)

    async def test():
        async with serving.Server(app) as server:
            ws = frames.Frames(await server.connect())
            await ws.open()
            await ws.send(3)
            assert (await ws.closed())[0] == 1002
            assert await ws.client.closed()
            await ws.client.close()
            await server.idle()

    asyncio.run(test())


# --------------------------------------------------------------- the guide

def table(page, name):
    """Return the rows of a table, as lists of cells."""
    lines = (TOP / 'docs' / 'guide' / page).read_text().split('\n')
    rows = []
    for line in lines[lines.index('   :name: ' + name):]:
        if line.startswith('   * - '):
            rows.append([line[7:].strip('`')])
        elif line.startswith('     - '):
            rows[-1].append(line[7:].strip('`'))
        elif rows and line and not line.startswith(' '):
            break
    return rows[1:]


LIMITS = {row[0]: row for page, name in (
    ('websocket.rst', 'limits-of-websocket'), ('sse.rst', 'limits-of-sse'))
    for row in table(page, name)}


def test_limits_are_all_listed():
    numbers = {
        '%s.%s' % (cls.__name__, name)
        for cls in (*WebSocket.__mro__[:2], SSE)
        for name, value in vars(cls).items()
        if name[0] != '_' and name.islower() and type(value) in (int, float)}
    assert set(LIMITS) == numbers


@pytest.mark.parametrize('name', LIMITS)
def test_limits_are_as_listed(name):
    cls, _, attribute = name.partition('.')
    value = getattr({'SSE': SSE, 'WebSocket': WebSocket}[cls], attribute)
    assert value == int(LIMITS[name][4])


@pytest.mark.parametrize(
    'board', [each for each in interpreters.find() if each.is_micropython],
    ids=lambda board: board.name)
def test_limits_of_boards_are_as_listed(board):
    code = ('from microdot.websocket import WebSocket\n'
            'from microdot.sse import SSE\n') + '\n'.join(
        'print("%s", %s)' % (name, name) for name in LIMITS)
    result = subprocess.run(
        board.command + ['-c', code], capture_output=True, text=True,
        timeout=20, env=dict(os.environ, MICROPYPATH='%s:.frozen' % (
            TOP / 'src')))
    assert result.stdout.split('\n')[:-1] == [
        '%s %s' % (name, row[3]) for name, row in LIMITS.items()], (
            result.stderr)


@pytest.mark.parametrize('argument, value, sent',
                         table('sse.rst', 'hostile-events'))
def test_hostile_events(argument, value, sent):
    value = ast.literal_eval(value)
    kwargs = {'data': 'x', argument: value}
    if argument == 'comment':
        kwargs = {'data': value, 'comment': True}
    if sent == 'ValueError':
        with pytest.raises(ValueError):
            encode_event(**kwargs)
    else:
        assert encode_event(**kwargs) == ast.literal_eval(sent).encode()

"""JSON of what CPython has and boards have not."""
import asyncio
import dataclasses
import datetime
import decimal
import enum
import json
import uuid
import weakref

import pytest

from microdot import Microdot, Response, html, json_response
from microdot._cpython import application, data
from microdot.microdot import dump_json
from microdot.test_client import TestClient


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No application of another test: it may be under debug, and there until
    garbage is collected."""
    applications = weakref.WeakValueDictionary()
    for module in data, application:
        monkeypatch.setattr(module, 'applications', applications)


class Colour(enum.Enum):
    RED = 'r'


@dataclasses.dataclass
class Item:
    name: str
    size: float = 1.5
    parts: set = dataclasses.field(default_factory=set)


VALUES = [
    (datetime.datetime(2024, 5, 6, 7, 8, 9), '2024-05-06T07:08:09'),
    (datetime.date(2024, 5, 6), '2024-05-06'),
    (datetime.time(7, 8), '07:08:00'),
    (uuid.UUID(int=5), '00000000-0000-0000-0000-000000000005'),
    (decimal.Decimal('1.10'), '1.10'),
    (Colour.RED, 'r'),
    ({3}, [3]),
    (frozenset((4,)), [4]),
    (Item('a', parts={Colour.RED}), {'name': 'a', 'size': 1.5,
                                     'parts': ['r']}),
    (Item('a', float('nan')), {'name': 'a', 'size': None, 'parts': []}),
]


@pytest.mark.parametrize('value, expected', VALUES)
def test_objects_have_a_form(value, expected):
    assert json.loads(dump_json({'a': [value]})) == {'a': [expected]}
    assert json.loads(json_response(value).body) == expected


@pytest.mark.parametrize('value, expected', VALUES)
def test_slowly_too(value, expected):
    assert json.loads(data.slow_json([value, 'x'])) == [expected, 'x']


def test_what_has_none_is_an_error_that_says_so():
    with pytest.raises(TypeError, match='object has no form in JSON'):
        dump_json([object()])


def test_the_encoder_is_asked_last(monkeypatch):
    asked = []

    def encode(value):
        asked.append(value)
        return {'at': datetime.date(2024, 5, 6)}

    monkeypatch.setattr(Response, 'json_encoder', encode)
    one = object()
    assert json.loads(dump_json([one, {1}])) == [{'at': '2024-05-06'}, [1]]
    assert asked == [one]


def test_lists_in_themselves_are_refused():
    value = []
    value.append(value)
    with pytest.raises(ValueError, match='Circular'):
        dump_json(value)


def test_halves_of_characters_are_escaped():
    assert dump_json(['\ud800', '\xfc']) == b'["\\ud800", "\\u00fc"]'


def test_keys_may_be_numbers_also_such_as_json_has_not():
    assert json.loads(dump_json({1: 2, float('inf'): 3})) == {
        '1': 2, 'Infinity': 3}


def test_handlers_may_return_dataclasses():
    app = Microdot()
    app.get('/a')(lambda request: Item('x'))
    app.get('/b')(lambda request: (Item('x'), 201, {'X': 'y'}))
    app.get('/c')(lambda request: html('x'))
    client = TestClient(app)

    def get(path):
        return asyncio.run(client.get(path))

    res = get('/a')
    assert (res.status_code, res.json) == (
        200, {'name': 'x', 'size': 1.5, 'parts': []})
    res = get('/b')
    assert (res.status_code, res.headers['X'], res.json['name']) == (
        201, 'y', 'x')
    assert get('/c').text == 'x'


@pytest.mark.parametrize('dump', [
    dump_json, data.slow_json,
    data.fast_json(data.slow_json)])
@pytest.mark.parametrize('value, said', [
    ({'a': [1, {'b c': float('nan')}, float('inf')]},
     "nan: null is sent for body['a'][1]['b c']"),
    ([None, -float('inf')], '-inf: null is sent for body[1]'),
    ({'a': Item('x', float('nan'))}, "null is sent for body['a']['size']"),
    ([(1, float('inf'))], 'null is sent for body[0][1]'),
    ({5: float('nan')}, 'null is sent for body[5]'),
    ({'nan': [None, 'null', 1.5]}, '')])
def test_under_debug_a_number_that_json_lacks_is_named(
        dump, value, said, caplog, monkeypatch):
    app = Microdot()
    dump(value)
    assert not caplog.records
    monkeypatch.setattr(app, 'debug', True)
    dump(value)
    assert len(caplog.records) == bool(said)
    assert said in caplog.text


def test_a_handlers_answer_is_looked_at_once(caplog, monkeypatch):
    app = Microdot()
    monkeypatch.setattr(app, 'debug', True)

    @app.get('/')
    async def index(request):
        return {'a': [float('nan'), float('nan')]}

    res = asyncio.run(TestClient(app).get('/'))
    assert json.loads(res.body) == {'a': [None, None]}
    assert [record.getMessage() for record in caplog.records] == [
        "JSON has no form for nan: null is sent for body['a'][0]"]


def test_applications_need_not_be_hashable():
    class Equal(Microdot):
        __hash__ = None

    assert Equal().routes == []


class Orjson:
    """As orjson has it: null for what is no number, and no word of it."""
    asked = 0

    @classmethod
    def dumps(cls, value, default):
        cls.asked += 1
        if not isinstance(value, dict):
            raise TypeError('on purpose')
        return json.dumps(data.finite(value)).encode()


def test_with_orjson_too(caplog, monkeypatch):
    monkeypatch.setattr(Orjson, 'asked', 0)
    app = Microdot()
    monkeypatch.setattr(data, 'orjson', Orjson)
    dump = data.with_orjson(data.slow_json)
    value = {'a': float('nan')}
    assert dump(value) == b'{"a": null}'
    assert not caplog.records
    monkeypatch.setattr(app, 'debug', True)
    assert dump({'a': None}) == b'{"a": null}'
    assert not caplog.records
    assert dump(value) == b'{"a": null}'
    assert "null is sent for body['a']" in caplog.text
    assert dump([1]) == b'[1]'
    assert Orjson.asked == 4

"""Validation on CPython: classes, and what holds of any rule and value."""

import dataclasses
import datetime
import decimal
import enum
import json
import re
import time
import types
import typing
import uuid

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import run
from microdot import Microdot, _models, validation
from microdot.fields import from_pairs, set_bounds
from microdot.multipart import with_form_data
from microdot.test_client import TestClient
from microdot.validation import (
    Field,
    check,
    spec_of,
    with_body,
    with_form,
    with_query,
)

UTC = datetime.timezone.utc


class Color(enum.Enum):
    RED = 'red'
    ONE = 1


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0
    hidden: int = dataclasses.field(default=5, init=False)


@dataclasses.dataclass
class Tree:
    name: str
    kids: 'list[Tree]' = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Even:
    number: int

    def __post_init__(self):
        if self.number % 2:
            raise ValueError('must be even')


class Movie(typing.TypedDict, total=False):
    title: str
    year: typing.Annotated[int, Field(min=1888)]


@attrs.define
class Crate:
    size: int
    _label: str = 'none'


class Packed(msgspec.Struct):
    a: int
    b: list[str] = []
    c: typing.Annotated[int, msgspec.Meta(ge=3)] = 5


class Renamed(msgspec.Struct, rename='camel'):
    first_name: str


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    a: int


class Model(pydantic.BaseModel):
    a: int
    b: list[str] = []
    when: datetime.datetime | None = None


@dataclasses.dataclass
class Holder:
    packed: Packed
    model: Model


@dataclasses.dataclass
class Left:
    x: 'Left | Right | None' = None
    left: int = 0


@dataclasses.dataclass
class Right:
    x: 'Left | Right | None' = None
    right: int = 0


VALID = [
    (datetime.datetime, '2030-01-31T12:30:05Z',
     datetime.datetime(2030, 1, 31, 12, 30, 5, tzinfo=UTC)),
    (datetime.datetime, '2030-01-31t12:30:05.25+01:00',
     datetime.datetime(2030, 1, 31, 11, 30, 5, 250000, tzinfo=UTC)),
    (datetime.datetime, '2030-01-31 12:30',
     datetime.datetime(2030, 1, 31, 12, 30)),
    (datetime.date, '2030-01-31', datetime.date(2030, 1, 31)),
    (datetime.time, '12:30:05.5', datetime.time(12, 30, 5, 500000)),
    (uuid.UUID, '12345678-1234-5678-1234-567812345678',
     uuid.UUID('12345678123456781234567812345678')),
    (decimal.Decimal, '1.50', decimal.Decimal('1.50')),
    (decimal.Decimal, 1.5, decimal.Decimal('1.5')),
    (decimal.Decimal, 3, decimal.Decimal(3)),
    (Color, 'red', Color.RED),
    (Color, 1, Color.ONE),
    (typing.Literal['a', 1], 1, 1),
    (int | None, None, None),
    (typing.Optional[int], 3, 3),
    (int | str, 'a', 'a'),
    (int | list[int], [1], [1]),
    (str | None | list[str], None, None),
    (list[int], [1, 2], [1, 2]),
    (list, [1, 'a'], [1, 'a']),
    (set[int], [1, 1, 2], {1, 2}),
    (frozenset[str], ['a'], frozenset('a')),
    (tuple[int, ...], [1, 2], (1, 2)),
    (dict[str, int], {'a': 1}, {'a': 1}),
    (dict[Color, int], {'red': 1}, {Color.RED: 1}),
    (typing.Any, {'a': None}, {'a': None}),
    (None, None, None),
    (typing.Annotated[str, Field(max=3)], 'abc', 'abc'),
    (Field(list[int], max=2), [1, 2], [1, 2]),
    (Field(decimal.Decimal, min=0), '0.1', decimal.Decimal('0.1')),
    (Field(datetime.date, min=datetime.date(2030, 1, 1)), '2030-01-01',
     datetime.date(2030, 1, 1)),
    (Point, {'x': 1}, Point(1)),
    (Point, {'x': 1, 'y': 2, 'z': 3}, Point(1, 2)),
    (list[Point], [{'x': 1}], [Point(1)]),
    ({'p?': Point}, {'p': {'x': 1}}, {'p': Point(1)}),
    (Tree, {'name': 'a', 'kids': [{'name': 'b'}]}, Tree('a', [Tree('b')])),
    (Even, {'number': 2}, Even(2)),
    (Movie, {}, {}),
    (Movie, {'title': 'M', 'year': 1931}, {'title': 'M', 'year': 1931}),
    (Crate, {'size': 1, 'label': 'x'}, Crate(1, 'x')),
    (Packed, {'a': 1, 'b': ['x']}, Packed(1, ['x'])),
    (Renamed, {'firstName': 'Ada'}, Renamed('Ada')),
    (Model, {'a': 1, 'when': '2030-01-31T00:00:00Z'},
     Model(a=1, when=datetime.datetime(2030, 1, 31, tzinfo=UTC))),
    (Holder, {'packed': {'a': 1}, 'model': {'a': 2}},
     Holder(Packed(1), Model(a=2))),
    (Left, {'x': {'right': 1}}, Left(Left())),
]
INVALID = [
    (datetime.datetime, '2030-02-30T00:00:00Z', [], 'must be a date and time'),
    (datetime.datetime, '2030-01-31', [], 'must be a date and time'),
    (datetime.datetime, 5, [], 'must be a date and time'),
    (datetime.date, '20300131', [], 'must be a date'),
    (datetime.date, '2030-W01-1', [], 'must be a date'),
    (datetime.date, '２030-01-31', [], 'must be a date'),
    (datetime.time, '25:00', [], 'must be a time'),
    (uuid.UUID, '{12345678-1234-5678-1234-567812345678}', [],
     'must be a UUID'),
    (uuid.UUID, '1' * 32, [], 'must be a UUID'),
    (decimal.Decimal, 'NaN', [], 'must be a number'),
    (decimal.Decimal, '1e999999999', [], 'must be a number'),
    (decimal.Decimal, float('inf'), [], 'must be a number'),
    (decimal.Decimal, True, [], 'must be a number'),
    (decimal.Decimal, '1' * 101, [], 'must be a number'),
    (float, float('nan'), [], 'must be a number'),
    (float, 10 ** 400, [], 'must be a number'),
    (Color, True, [], 'must be red or 1'),
    (Color, 'RED', [], 'must be red or 1'),
    (Color, [], [], 'must be red or 1'),
    (typing.Literal['a', 1], True, [], 'must be a or 1'),
    (int | None, 'x', [], 'must be an integer'),
    (int | str, None, [], 'must be an integer or text'),
    (int | list[int], ['a'], [0], 'must be an integer'),
    (Point | None, {'x': 'a'}, ['x'], 'must be an integer'),
    (set[int], 'ab', [], 'must be a list'),
    (set[object], [[]], [], 'has items that no set may have'),
    (dict[str, int], {'a': 'x'}, ['a'], 'must be an integer'),
    (dict[str, int], [], [], 'must be an object'),
    (None, 0, [], 'must be null'),
    (typing.Annotated[str, Field(max=3)], 'abcd', [], 'length is over 3'),
    (Field(decimal.Decimal, min=0), '-1', [], 'is under 0'),
    (Field(datetime.date, max=datetime.date(2030, 1, 1)), '2030-01-02', [],
     'is over 2030-01-01'),
    (Point, {}, ['x'], 'is missing'),
    (Point, [], [], 'must be an object'),
    (Tree, {'name': 'a', 'kids': [{'name': 1}]}, ['kids', 0, 'name'],
     'must be text'),
    (Even, {'number': 3}, [], 'must be even'),
    ([Even], [{'number': 3}], [0], 'must be even'),
    (Movie, {'year': 1800}, ['year'], 'is under 1888'),
    (Crate, {}, ['size'], 'is missing'),
    (Packed, {'a': 'x'}, ['a'], 'must be an integer'),
    (Packed, {'a': 1, 'c': 2}, ['c'], 'Expected `int` >= 3'),
    (Packed, {'a': 1, 'b': ['x', 2]}, ['b', 1], 'must be text'),
    (Renamed, {'first_name': 'Ada'}, ['firstName'], 'is missing'),
    (Strict, {'a': 1, 'b': 2}, [],
     'Object contains unknown field `b`'),
    (Holder, {'packed': {'a': 'x'}, 'model': {'a': 2}}, ['packed', 'a'],
     'must be an integer'),
]


def name(value):
    return getattr(value, '__name__', type(value).__name__)


@pytest.mark.parametrize('rule, value, expected', VALID, ids=name)
def test_a_value_that_fits_is_made(rule, value, expected):
    assert check(value, rule) == (expected, [])
    assert type(check(value, rule)[0]) is type(expected)


@pytest.mark.parametrize('rule, value, at, error', INVALID, ids=name)
def test_a_fault_is_told_with_its_place(rule, value, at, error):
    assert check(value, rule)[1] == [{'at': at, 'error': error}]


def test_all_faults_of_classes_are_told_at_once():
    value = {'a': 'x', 'b': [1, 'y', 2]}
    assert [fault['at'] for fault in check(value, Packed)[1]] == [
        ['a'], ['b', 0], ['b', 2]]
    assert [fault['at'] for fault in check(value, Model)[1]] == [
        ['a'], ['b', 0], ['b', 2]]
    assert len(check([{'x': ''}, {}, {'x': 1, 'y': ''}],
                     list[Point])[1]) == 3


@pytest.mark.parametrize('rule', [
    bytes, complex, object(), 5, [int, str], [], tuple[int, str],
    {1: int}, {'a': bytes}, list[bytes], dict[str, bytes], bytes | None])
def test_what_is_no_rule_is_refused_when_it_is_given(rule):
    with pytest.raises(ValueError):
        with_body(rule)


@pytest.mark.parametrize('rule', [int, [int], {'a': {'b': int}},
                                  {'a': [Point]}, Holder])
def test_queries_and_forms_have_no_objects_in_them(rule):
    for decorator in (with_query, with_form):
        with pytest.raises(ValueError):
            decorator(rule)


def test_an_unknown_word_for_extra_is_refused():
    with pytest.raises(ValueError):
        with_body({}, extra='allow')
    for rule in (Model, Packed):
        with pytest.raises(ValueError):
            with_body(rule, extra='forbid')


def test_a_name_that_is_not_known_is_refused():
    @dataclasses.dataclass
    class Odd:
        a: 'Nowhere'  # noqa: F821

    with pytest.raises(ValueError, match='Odd'):
        with_body(Odd)


def test_spec_of_finds_what_a_handler_takes():
    @with_query({'a?': int})
    @with_body(Point, extra='forbid')
    def handler(request, body, query):
        pass

    assert spec_of(handler) == {'query': ({'a?': int}, 'ignore'),
                                'body': (Point, 'forbid')}
    assert spec_of(run) == spec_of(5) == spec_of(None) == {}


@pytest.mark.parametrize('levels, deep', [(31, False), (32, True),
                                          (300, True)])
def test_the_depth_of_classes_is_bounded(levels, deep):
    # (each node takes two levels: itself, and the list of its kids)
    assert Field.max_depth == 32
    value = {'name': 'x'}
    for _ in range(levels // 2):
        value = {'name': 'x', 'kids': [value]}
    faults = check(value, Tree)[1]
    assert bool(faults) is deep
    if deep:
        assert [fault['error'] for fault in faults] == ['is too deep']


@pytest.mark.parametrize('levels, deep', [(2, False), (3, False), (4, True),
                                          (50, True)])
def test_the_depth_of_lists_is_bounded(monkeypatch, levels, deep):
    monkeypatch.setattr(Field, 'max_depth', 3)
    rule = []
    rule.append(rule)
    faults = check(json.loads('[' * levels + ']' * levels), rule)[1]
    assert faults == ([{'at': [0, 0, 0], 'error': 'is too deep'}]
                      if deep else [])


def test_unknown_keys_can_be_forbidden():
    rule = {'a': {'b?': int}}
    assert check({'a': {'b': 1}}, rule, 'forbid')[1] == []
    faults = check({'a': {'c': 1}, 'b?': 2, 'd': 3}, rule, 'forbid')[1]
    assert {(*fault['at'], fault['error']) for fault in faults} == {
        ('a', 'c', 'is unknown'), ('b?', 'is unknown'), ('d', 'is unknown')}


def test_long_unknown_keys_are_told_in_part():
    assert check({'x' * 1000: 1}, {}, 'forbid')[1] == [
        {'at': ['x' * 64], 'error': 'is unknown'}]


@pytest.mark.parametrize('count, told', [(2, 2), (3, 3), (4, 3), (500, 3)])
def test_the_number_of_unknown_keys_that_are_told_is_bounded(
        monkeypatch, count, told):
    monkeypatch.setattr(Field, 'max_faults', 3)
    value = {'x%d' % i: 0 for i in range(count)}
    assert len(check(value, {'a?': int}, 'forbid')[1]) == told


@pytest.mark.parametrize('where', ['query', 'form'])
def test_unknown_names_in_queries_and_forms_can_be_forbidden(where):
    app = Microdot()
    decorator = with_query if where == 'query' else with_form

    @app.post('/')
    @decorator({'name': str}, 'forbid')
    async def index(request, **kwargs):
        return 'ok'

    pairs = 'name=a&other=1'
    res = run(TestClient(app).post(
        '/?' + pairs, body=pairs,
        headers={'Content-Type': 'application/x-www-form-urlencoded'}))
    assert res.json == {'errors': [
        {'at': [where, 'other'], 'error': 'is unknown'}]}


def test_unions_of_classes_that_hold_each_other_take_bounded_time():
    value = {'x': 'wrong'}
    for _ in range(25):
        value = {'x': value}
    start = time.process_time()
    faults = check(value, Left)[1]
    assert faults
    assert time.process_time() - start < 1


def test_the_tries_of_unions_are_bounded(monkeypatch):
    monkeypatch.setattr(Field, 'max_tries', 10)
    rule = [int | str]
    assert check([1] * 10, rule)[1] == []
    assert check([1] * 11, rule)[1] == [
        {'at': [10], 'error': 'is too complex'}]
    assert len(check([1] * 1000, rule)[1]) == Field.max_faults


@pytest.mark.parametrize('query, expected', [
    ('x=1', Point(1)), ('x=1&y=2', Point(1, 2)), ('x=a', None)])
def test_a_query_becomes_an_object(query, expected):
    app = Microdot()

    @app.get('/')
    @with_query(Point)
    async def index(request, query):
        assert query == expected
        return 'ok'

    res = run(TestClient(app).get('/?' + query))
    assert res.status_code == (200 if expected else 422)


@dataclasses.dataclass
class Page:
    tags: list[str] = dataclasses.field(default_factory=list)
    number: int | None = None
    day: datetime.date | None = None
    color: Color | None = None
    exact: bool = False


class PageModel(pydantic.BaseModel):
    tags: list[str] = []
    number: int | None = None


class PagePacked(msgspec.Struct):
    tags: list[str] = []
    number: int | None = None


def test_a_query_has_lists_dates_and_choices():
    app = Microdot()

    @app.get('/')
    @with_query(Page)
    async def index(request, query):
        assert query == Page(['a', 'b'], None, datetime.date(2030, 1, 31),
                             Color.ONE, True)
        return 'ok'

    res = run(TestClient(app).get(
        '/?tags=a&tags=b&number=&day=2030-01-31&color=1&exact=on'))
    assert (res.status_code, res.text) == (200, 'ok')


@pytest.mark.parametrize('rule', [PageModel, PagePacked])
def test_a_query_becomes_an_object_of_other_libraries(rule):
    app = Microdot()

    @app.get('/')
    @with_query(rule)
    async def index(request, query):
        assert query == rule(tags=['a', 'b'], number=3)
        return 'ok'

    client = TestClient(app)
    assert run(client.get('/?tags=a&tags=b&number=3')).text == 'ok'
    res = run(client.get('/?number=x'))
    assert res.status_code == 422
    assert res.json['errors'][0]['at'] == ['query', 'number']


BODIES = [
    ('{"a": 1}', 200), ('\ufeff{"a": 1}', 200), ('', 400), ('{"a": 1', 400),
    ('{"a"}', 400), ('{"a": NaN}', 400), ('{"a": 1, "b": [Infinity]}', 400),
    (b'{"a": "\xff"}', 400), ('{"a": 1, "b": ["\\ud800"]}', 400),
    ('[' * 5000, 400), ('{"a": "x"}', 422), ('null', 422), ('[]', 422)]


@pytest.mark.parametrize('rule', [
    {'a': int, 'b?': [str]}, Packed, Model], ids=name)
@pytest.mark.parametrize('body, status', BODIES,
                         ids=[str(i) for i in range(len(BODIES))])
@pytest.mark.parametrize('plain', [False, True])
def test_bodies_are_answered_alike_by_all_kinds_of_rules(
        rule, body, status, plain, monkeypatch):
    if plain:
        monkeypatch.setattr(_models, 'orjson', None)
    app = Microdot()

    @app.post('/')
    @with_body(rule)
    async def index(request, body):
        return 'ok'

    res = run(TestClient(app).post('/', body=body, headers={
        'Content-Type': 'application/json'}))
    assert res.status_code == status, res.text


def test_what_is_not_json_is_answered_with_line_and_column():
    app = Microdot()

    @app.post('/')
    @with_body({})
    async def index(request, body):
        pass

    res = run(TestClient(app).post('/', body='{"a":\n  x}', headers={
        'Content-Type': 'application/json'}))
    assert res.status_code == 400
    assert 'line 2, column 3' in res.text


def test_faults_are_part_of_a_problem_where_errors_are_json():
    app = Microdot()
    app.json_errors = True

    @app.post('/')
    @with_body({'a': int})
    async def index(request, body):
        pass

    res = run(TestClient(app).post('/', body={'a': 'x'}))
    assert res.status_code == 422
    assert res.headers['Content-Type'].startswith('application/problem+json')
    assert res.json['title'] == 'Unprocessable Content'
    assert res.json['status'] == 422
    assert res.json['errors'] == [
        {'at': ['body', 'a'], 'error': 'must be an integer'}]


def test_a_body_that_was_left_on_the_stream_is_413(monkeypatch):
    from microdot import Request
    monkeypatch.setattr(Request, 'max_body_length', 5)
    app = Microdot()

    @app.post('/')
    @with_body(object)
    async def index(request, body):
        return 'ok'

    for size, status in ((5, 200), (6, 413), (1000, 413)):
        res = run(TestClient(app).post('/', body='1' * size, headers={
            'Content-Type': 'application/json'}))
        assert res.status_code == status


# ---- Properties -----------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(
        max_size=5) | st.sampled_from(['a', 'b', 'red', '2030-01-31']),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(['a', 'b', 'c', 'name', 'x', 'y']), inner,
        max_size=4), max_leaves=12)
bounds = st.none() | st.integers(0, 3)


def fields(rules):
    return st.builds(
        lambda rule, low, high, default: Field(
            rule, min=low, max=high, default=default),
        rules, bounds, bounds, st.sampled_from([..., None]))


portable_rules = st.recursive(
    st.sampled_from([str, int, float, bool, object, ('a', 'b'), (1, True)])
    | fields(st.sampled_from([str, int, float])),
    lambda inner: st.lists(inner, min_size=1, max_size=1) | st.dictionaries(
        st.sampled_from(['a', 'b?', 'c', 'x?']), inner, max_size=3)
    | fields(st.lists(inner, min_size=1, max_size=1)), max_leaves=6)
classes = st.sampled_from([
    Point, Tree, Even, Movie, Crate, Packed, Model, Holder, Left, Color,
    datetime.date, datetime.datetime, uuid.UUID, decimal.Decimal,
    int | None, int | str | list[Point], dict[str, int], set[int],
    typing.Literal['a', 1], Page])


def is_fault(fault):
    return set(fault) == {'at', 'error'} and isinstance(
        fault['error'], str) and all(
            type(key) in (str, int) for key in fault['at'])


@settings(max_examples=300, deadline=None)
@given(json_values, portable_rules | classes | classes.map(lambda one: [one])
       | classes.map(lambda one: {'a?': one}))
def test_any_value_and_any_rule_give_a_value_or_faults(value, rule):
    before = json.dumps(value)
    result, faults = check(value, rule)
    assert len(faults) <= Field.max_faults
    assert all(is_fault(fault) for fault in faults)
    json.dumps(faults)
    assert json.dumps(value) == before
    if not faults and rule in (str, int, bool):
        assert type(result) is rule


def on_board(rule):
    """Return a rule with fields as boards have them."""
    if isinstance(rule, Field):
        field = types.SimpleNamespace()
        set_bounds(field, on_board(rule.rule), rule.min, rule.max,
                   default=rule.default)
        return field
    if isinstance(rule, list):
        return [on_board(rule[0])]
    if isinstance(rule, dict):
        return {key: on_board(rule[key]) for key in rule}
    return rule


def in_words(faults):
    """Return the faults that a board tells, in the words of CPython."""
    words = {kind.__name__: word for kind, word in _models.NAMES.items()}
    for fault in faults:
        start, _, last = fault['error'].rpartition(' ')
        fault['error'] = (start + ' ' + words.get(last, last)).strip()
        fault['at'] = fault['at'][1:]
    return faults


# (on boards, True is no int)
@settings(max_examples=500, deadline=None)
@given(json_values.filter(lambda value: not re.search(
    'True|False', repr(value))), portable_rules)
def test_boards_and_cpython_find_the_same(value, rule):
    faults = []
    expected = validation.check_value(value, on_board(rule), ['body'], faults)
    result, found = check(value, rule)
    assert sorted(found, key=repr) == sorted(in_words(faults), key=repr)
    if not faults:
        assert repr(result) == repr(expected)


# (what becomes True or False is no int on boards alone)
texts = st.text(max_size=4).filter(
    lambda text: text not in ('true', 'false', 'on')) | st.sampled_from(
        ['1', '-2', '1.5', 'a', 'NaN', '1e999', '[1]', 'null'])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(['a', 'b', 'c']), texts, max_size=3),
       st.dictionaries(st.sampled_from(['a', 'b?', 'c?']), st.sampled_from(
           [str, int, float, bool, ('a', 'b'), (1, 2), Field(int, min=0),
            Field(int, default=None), Field(str, default=None)]),
           max_size=3))
def test_boards_and_cpython_find_the_same_in_queries(pairs, rule):
    faults = []
    board = on_board(rule)
    expected = validation.check_value(
        from_pairs(pairs, board), board, ['query'], faults)
    found = _models.Faults()
    result = _models.Maker('ignore', text=True).make(rule)(pairs, found, 1)
    assert sorted(found, key=repr) == sorted(in_words(faults), key=repr)
    if not faults:
        assert repr(result) == repr(expected)


@dataclasses.dataclass
class Tagged:
    tags: list[str]
    sizes: set[int]


class TaggedModel(pydantic.BaseModel):
    tags: list[str]
    sizes: set[int]


class TaggedStruct(msgspec.Struct):
    tags: list[str]
    sizes: set[int]


@pytest.mark.parametrize('rule', [Tagged, TaggedModel, TaggedStruct])
def test_classes_get_all_values_of_a_form_with_files(rule):
    app = Microdot()
    got = []

    @app.post('/')
    @with_form_data
    @with_form(rule)
    async def index(request, form):
        got.append((form.tags, form.sizes, request.form.getlist('tags'),
                    request.form.getlist('sizes', type=int),
                    request.form.getlist('none'), dict(request.form)))

    res = run(TestClient(app).post(
        '/', files={'f': ('x', b'abc')},
        form={'tags': ['a', 'b'], 'sizes': ['1', '2']}))
    assert res.status_code == 204
    assert got == [(['a', 'b'], {1, 2}, ['a', 'b'], [1, 2], [],
                    {'tags': 'a', 'sizes': '1'})]


Positive = typing.Annotated[int, Field(min=1)]
NOON = datetime.datetime(2031, 2, 28, 12)


@pytest.mark.parametrize('rule, value, error', [
    # the bounds of a union are those of its members
    (typing.Annotated[int | None, Field(min=1)], 0, 'is under 1'),
    (typing.Annotated[typing.Optional[str], Field(max=3)], 'abcd',
     'length is over 3'),
    (typing.Annotated[typing.Optional[str], Field(max=3, pattern='[a-z]+')],
     'AB', 'is malformed'),
    (typing.Annotated[list[int] | None, Field(max=1)], [1, 2],
     'length is over 1'),
    (typing.Annotated[int | bool, Field(max=3)], 4, 'is over 3'),
    (typing.Annotated[int | str, Field(max=3)], 'abcd', 'length is over 3'),
    (Field(typing.Optional[int], min=1), 0, 'is under 1'),
    # fields around each other
    (typing.Annotated[Positive, Field(max=9)], 0, 'is under 1'),
    (typing.Annotated[Positive, Field(max=9)], 10, 'is over 9'),
    (typing.Annotated[Positive, Field(min=5)], 4, 'is under 5'),
    (Field(Field(int, min=1), max=3), 0, 'is under 1'),
    (Field(Positive, max=3), 4, 'is over 3'),
    # objects of any keys
    (typing.Annotated[dict[str, int], Field(min=1)], {}, 'length is under 1'),
    # one of the two has an offset, and Python compares them not
    (Field(datetime.datetime, min=NOON), '2031-02-28T12:00:00Z',
     'must have no offset from UTC'),
    (Field(datetime.datetime,
           max=NOON.replace(tzinfo=datetime.timezone.utc)),
     '2031-02-28T12:00:00', 'must have an offset from UTC'),
    (Field(datetime.time, min=datetime.time(8)), '09:00+01:00',
     'must have no offset from UTC'),
])
def test_no_bound_is_left_out(rule, value, error):
    assert check(value, rule)[1] == [{'at': [], 'error': error}]


@pytest.mark.parametrize('rule, value', [
    (typing.Annotated[int | None, Field(min=1)], None),
    (typing.Annotated[int | None, Field(min=1)], 1),
    (typing.Annotated[int | bool, Field(max=3)], True),
    (typing.Annotated[int | str, Field(max=3)], 'abc'),
    (typing.Annotated[Positive, Field(max=9)], 9),
])
def test_what_is_within_the_bounds_of_a_union_or_an_alias_is_taken(
        rule, value):
    assert check(value, rule) == (value, [])


def test_the_default_of_an_alias_and_of_a_union_is_kept():
    Page = typing.Annotated[int, Field(min=1, default=1)]
    rule = {'page': typing.Annotated[Page, Field(max=9)],
            'size': typing.Annotated[int | None, Field(max=9, default=None)],
            'more': typing.Annotated[int | str, Field(max=9, default=2)]}
    assert check({}, rule) == ({'page': 1, 'size': None, 'more': 2}, [])


@pytest.mark.parametrize('rule, text', [
    (Field(min=1), 'an unnamed rule'),
    (Field(bool, min=1), "<class 'bool'>"),
    (Field(dict, max=1), "<class 'dict'>"),
    (Field(('a', 'b'), max=1), "('a', 'b')"),
    (typing.Annotated[bool | None, Field(min=1)], 'bool'),
    (typing.Annotated[typing.Literal['a'], Field(max=1)], 'Literal'),
    (Field(int, max=3, pattern='[0-9]'), 'a pattern is for text'),
    (Field(int, min='1'), 'the min of'),
    (Field(str, max=2.5), 'the max of'),
    (Field(datetime.date, min='2031-01-01'), 'of the type date'),
    ((), 'nothing to choose from'),
    (enum.Enum('Empty', []), 'nothing to choose from'),
])
def test_bounds_that_nothing_would_check_are_refused(rule, text):
    with pytest.raises(ValueError) as exc:
        with_body({'a': rule})
    assert text in str(exc.value)


@dataclasses.dataclass
class Habit:
    count: int = Field(min=1)


@attrs.define
class AttrsHabit:
    count: int = Field(min=1)


class ModelHabit(pydantic.BaseModel):
    count: int = Field(min=1)


@pytest.mark.parametrize('rule', [Habit, AttrsHabit, ModelHabit])
def test_a_field_as_default_is_refused_since_it_would_bound_nothing(rule):
    with pytest.raises(ValueError) as exc:
        with_body(rule)
    assert 'write count: Annotated[int, Field(...)]' in str(exc.value)


@pytest.mark.parametrize('rule, sent, got', [
    (dict[int, str], {'1': 'a', '-2': 'b'}, {1: 'a', -2: 'b'}),
    (dict[float, int], {'1.5': 1}, {1.5: 1}),
    (dict[typing.Literal[1, 2], int], {'2': 1}, {2: 1}),
    (dict[datetime.date, int], {'2031-02-28': 1},
     {datetime.date(2031, 2, 28): 1}),
    (dict[str, int], {'1': 1, 'true': 2}, {'1': 1, 'true': 2}),
    (typing.Dict, {'a': [1]}, {'a': [1]}),
])
def test_keys_of_an_object_may_be_numbers(rule, sent, got):
    assert check(sent, rule) == (got, [])


def test_a_key_of_an_object_that_is_no_number_is_a_fault():
    assert check({'one': 'a'}, dict[int, str])[1] == [
        {'at': ['one'], 'error': 'must be an integer'}]


def test_requests_do_not_share_what_is_in_a_default():
    rule = {'a': Field(dict, default={'items': []})}
    value, _ = check({}, rule)
    value['a']['items'].append(1)
    assert check({}, rule)[0] == {'a': {'items': []}}


@pytest.mark.parametrize('decorator, name', [
    (with_body, 'body'), (with_query, 'query'), (with_form, 'form')])
def test_a_handler_that_does_not_take_the_value_is_refused(decorator, name):
    def other(request, data):
        return data

    def alone(request):
        return 'x'

    def turned(body, request):
        return body

    for handler in (other, alone, turned):
        with pytest.raises(TypeError) as exc:
            decorator({'a': str})(handler)
        text = str(exc.value)
        assert text.startswith('handler test_a_handler')
        assert 'does not take %s, which with_%s hands it' % (name, name) \
            in text
        assert text.endswith('write: def %s(request, %s)' % (
            handler.__name__, name))


def test_a_handler_that_may_take_the_value_is_decorated():
    def keywords(request, **kwargs):
        return kwargs

    def named(request, *, body):
        return body

    def several(request, id, query, body):
        return body

    class View:
        def method(self, request, body):
            return body

    for handler in (keywords, named, several, View.method,
                    with_query({'b': str})(several)):
        with_body({'a': str})(handler)


class Size(enum.Enum):
    SMALL = 's'
    LARGE = 'l'


@pytest.mark.parametrize('rule', [
    typing.Literal[Size.SMALL, 'm'], (Size.SMALL, 'm')])
def test_members_of_enumerations_may_be_choices(rule):
    assert check('s', rule) == (Size.SMALL, [])
    assert check('m', rule) == ('m', [])
    assert check('l', rule)[1] == [{'at': [], 'error': 'must be s or m'}]
    assert check(1.5, int | typing.Literal[Size.SMALL])[1] == [
        {'at': [], 'error': 'must be an integer or s'}]


@dataclasses.dataclass
class Started:
    name: str
    seed: dataclasses.InitVar[int]
    step: dataclasses.InitVar[int] = 2
    total: int = dataclasses.field(init=False)

    def __post_init__(self, seed, step):
        self.total = seed + step


def test_what_only_the_start_of_a_dataclass_gets_is_taken():
    assert check({'name': 'a', 'seed': 1}, Started)[0].total == 3
    assert check({'name': 'a', 'seed': 1, 'step': 5}, Started)[0].total == 6
    assert check({'name': 'a', 'step': 'x', 'total': 5}, Started)[1] == [
        {'at': ['seed'], 'error': 'is missing'},
        {'at': ['step'], 'error': 'must be an integer'}]

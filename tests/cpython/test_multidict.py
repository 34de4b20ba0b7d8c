"""What a MultiDict has on CPython only."""
from microdot.microdot import MultiDict, parse_pairs


def make():
    return parse_pairs('a=1&b=2&a=3', None, 10)


def test_pairs_are_one_for_each_value():
    assert make().items_list() == [('a', '1'), ('a', '3'), ('b', '2')]
    assert MultiDict().items_list() == []


def test_values_are_taken_out():
    found = make()
    assert found.poplist('a') == ['1', '3']
    assert found.poplist('a') == []
    assert found.items_list() == [('b', '2')]


def test_values_are_replaced():
    found = make()
    found.setlist('a', ['x', 'y'])
    found.setlist('b', [])
    found.setlist('c', iter('z'))
    assert found.to_dict(flat=False) == {'a': ['x', 'y'], 'c': ['z']}


def test_a_plain_dict_has_the_first_values():
    found = make()
    assert found.to_dict() == {'a': '1', 'b': '2'}
    assert type(found.to_dict()) is dict
    lists = found.to_dict(flat=False)
    lists['a'].append('4')
    assert found.getlist('a') == ['1', '3']

"""NoCaseDict, MultiDict and AsyncBytesIO."""

import unittest

from helpers import heap_kb, run
from microdot import _streams
from microdot.microdot import (
    AsyncBytesIO,
    Microdot,
    MultiDict,
    NoCaseDict,
    mro,
)
from peers import converse

NEEDS_EVENT_LOOP = False


class TestNoCaseDict(unittest.TestCase):
    def test_all_values_of_a_key(self):
        d = NoCaseDict({'One': 'a, b', 'Two': ['c', 'd'], 'Three': ()})
        for key, values in (('one', ['a, b']), ('TWO', ['c', 'd']),
                            ('three', []), ('four', [])):
            self.assertEqual(d.getlist(key), values)
        d.getlist('two').append('e')
        self.assertEqual(d['two'], ['c', 'd'])

    def test_all_lines_of_a_header(self):
        app = Microdot()
        got = []

        @app.get('/')
        async def view(request):
            request.headers['X-Changed'] = 'new'
            for name in ('x-one', 'X-Two', 'X-Three', 'X-Changed', 'X-Empty',
                         'Cookie', 'Host'):
                got.append(request.headers.getlist(name))
            return ''

        run(converse(app, b'GET / HTTP/1.1\r\nHost: a\r\nX-One: 1, 2\r\n'
                     b'X-Two: 3\r\nX-ONE: 4\r\nX-Changed: 5\r\nX-One:\r\n'
                     b'X-Changed: 6\r\nX-Empty:\r\nCookie: a=b\r\n\r\n'))
        self.assertEqual(got, [['1, 2', '4', ''], ['3'], [], ['new'], [''],
                               ['a=b'], ['a']])

    def test_keys_of_any_case_are_one(self):
        d = NoCaseDict()
        for key in ('One', 'one', 'ONE', 'One'):
            d[key] = key + '!'
        self.assertEqual(list(d.items()), [('One', 'One!')])

    def test_spelling_set_first_is_shown(self):
        """S36: a key in lower case was stored a second time."""
        d = NoCaseDict()
        d['one'] = 1
        d['One'] = 2
        self.assertEqual(list(d.items()), [('one', 2)])

    def test_values_are_found_by_any_case(self):
        d = NoCaseDict({'Content-Type': 'x'})
        for key in ('content-type', 'CONTENT-TYPE', 'Content-Type'):
            self.assertEqual(d[key], 'x')
            self.assertEqual(d.get(key), 'x')
            self.assertTrue(key in d)

    def test_missing_key_is_an_error(self):
        with self.assertRaises(KeyError):
            NoCaseDict()['x']

    def test_missing_key_gives_the_default(self):
        self.assertIsNone(NoCaseDict().get('x'))
        self.assertEqual(NoCaseDict().get('x', 5), 5)
        self.assertFalse('x' in NoCaseDict())

    def test_falsy_values_are_found(self):
        self.assertEqual(NoCaseDict({'X': ''}).get('x', 5), '')

    def test_any_case_deletes(self):
        d = NoCaseDict({'One': 1, 'Two': 2})
        del d['ONE']
        self.assertEqual(list(d.items()), [('Two', 2)])
        self.assertEqual(list(d.values()), [2])
        self.assertFalse('one' in d)

    def test_deleted_spelling_is_forgotten(self):
        """S36: deleting kept the spelling."""
        d = NoCaseDict({'One': 1})
        del d['one']
        d['ONE'] = 2
        self.assertEqual(list(d.items()), [('ONE', 2)])

    def test_deleting_a_missing_key_is_an_error(self):
        d = NoCaseDict()
        with self.assertRaises(KeyError):
            del d['x']

    def test_update_merges_without_regard_to_case(self):
        d = NoCaseDict({'One': 1, 'Two': 2})
        d.update({'ONE': 3, 'Three': 4})
        self.assertEqual(d, {'One': 3, 'Two': 2, 'Three': 4})

    def test_update_takes_its_own_kind(self):
        d = NoCaseDict({'One': 1})
        d.update(NoCaseDict({'one': 2}))
        self.assertEqual(d, {'One': 2})

    def test_update_takes_pairs_and_keywords(self):
        """S36: it took neither."""
        d = NoCaseDict()
        d.update([('One', 1)], two=2)
        d.update(ONE=3)
        self.assertEqual(d, {'One': 3, 'two': 2})

    def test_pop_takes_any_case(self):
        """S36: pop() was case-sensitive."""
        d = NoCaseDict({'One': 1})
        self.assertEqual(d.pop('ONE'), 1)
        self.assertEqual(len(d), 0)
        self.assertFalse('one' in d)

    def test_pop_of_a_missing_key(self):
        self.assertEqual(NoCaseDict().pop('x', 5), 5)
        self.assertIsNone(NoCaseDict().pop('x', None))
        self.assertRaises(KeyError, NoCaseDict().pop, 'x')

    def test_setdefault_takes_any_case(self):
        """S36: setdefault() was case-sensitive."""
        d = NoCaseDict({'One': 1})
        self.assertEqual(d.setdefault('ONE', 2), 1)
        self.assertEqual(d.setdefault('Two', 2), 2)
        self.assertEqual(d, {'One': 1, 'Two': 2})

    def test_copy_is_of_its_own_kind_and_apart(self):
        """S36: copy() gave a plain dict."""
        d = NoCaseDict({'One': 1})
        other = d.copy()
        other['ONE'] = 2
        other['Two'] = 3
        self.assertEqual(d, {'One': 1})
        self.assertEqual(other, {'One': 2, 'Two': 3})

    def test_it_is_a_dict_of_the_stored_spellings(self):
        d = NoCaseDict({'One': 1})
        self.assertTrue(isinstance(d, dict))
        self.assertEqual(d, {'One': 1})
        self.assertFalse(d == {'one': 1})
        self.assertEqual(dict(d.items()), {'One': 1})

    def test_initial_dict_is_copied(self):
        initial = {'One': 1}
        NoCaseDict(initial)['Two'] = 2
        self.assertEqual(initial, {'One': 1})

    def test_keymap_tells_the_spellings(self):
        self.assertEqual(NoCaseDict({'One': 1, 'two': 2}).keymap,
                         {'one': 'One', 'two': 'two'})


class TestMultiDict(unittest.TestCase):
    def test_values_are_added(self):
        d = MultiDict()
        d['a'] = 1
        d['a'] = 2
        self.assertEqual(d['a'], 1)
        self.assertEqual(d.getlist('a'), [1, 2])

    def test_as_a_dict_it_shows_lists(self):
        d = MultiDict({'a': 1, 'b': 2})
        d['a'] = 3
        self.assertEqual(d, {'a': [1, 3], 'b': [2]})
        self.assertTrue(isinstance(d, dict))
        self.assertEqual(dict(d.items()), {'a': [1, 3], 'b': [2]})

    def test_update_adds_values(self):
        d = MultiDict({'a': 1})
        d.update({'a': 2, 'b': 3})
        d.update([('b', 4)], c=5)
        self.assertEqual(d, {'a': [1, 2], 'b': [3, 4], 'c': [5]})

    def test_setdefault_adds_what_is_missing(self):
        d = MultiDict({'a': 1})
        self.assertEqual(d.setdefault('a', 2), 1)
        self.assertEqual(d.setdefault('b', 2), 2)
        self.assertEqual(d, {'a': [1], 'b': [2]})

    def test_missing_key_is_an_error(self):
        with self.assertRaises(KeyError):
            MultiDict()['a']

    def test_missing_key_gives_the_default(self):
        d = MultiDict()
        self.assertIsNone(d.get('a'))
        self.assertEqual(d.get('a', 5), 5)
        self.assertEqual(d.get('a', default='5', type=int), '5')
        self.assertEqual(d.getlist('a'), [])

    def test_get_gives_the_first(self):
        d = MultiDict({'a': '1'})
        d['a'] = '2'
        self.assertEqual(d.get('a'), '1')

    def test_values_are_converted(self):
        d = MultiDict({'a': '1'})
        d['a'] = '2'
        self.assertEqual(d.get('a', type=int), 1)
        self.assertEqual(d.getlist('a', type=int), [1, 2])

    def test_bad_value_gives_the_default(self):
        """S36: get() raised, which made bad input an error 500."""
        d = MultiDict({'a': 'x'})
        self.assertIsNone(d.get('a', type=int))
        self.assertEqual(d.get('a', 5, int), 5)

    def test_bad_value_in_a_list_is_an_error(self):
        d = MultiDict({'a': 'x'})
        self.assertRaises(ValueError, d.getlist, 'a', int)

    def test_initial_dict_is_copied(self):
        initial = {'a': 1}
        MultiDict(initial)['a'] = 2
        self.assertEqual(initial, {'a': 1})


class TestAsyncBytesIO(unittest.TestCase):
    def test_read_takes_all(self):
        stream = AsyncBytesIO(b'hello')
        self.assertEqual(run(stream.read()), b'hello')
        self.assertEqual(run(stream.read()), b'')

    def test_read_takes_some(self):
        stream = AsyncBytesIO(b'hello')
        self.assertEqual(run(stream.read(2)), b'he')
        self.assertEqual(run(stream.read(9)), b'llo')

    def test_readline(self):
        stream = AsyncBytesIO(b'one\r\ntwo')
        self.assertEqual(run(stream.readline()), b'one\r\n')
        self.assertEqual(run(stream.readline()), b'two')
        self.assertEqual(run(stream.readline()), b'')

    def test_readexactly_may_be_short(self):
        stream = AsyncBytesIO(b'hello')
        self.assertEqual(run(stream.readexactly(2)), b'he')
        self.assertEqual(run(stream.readexactly(9)), b'llo')

    def test_readuntil_keeps_the_separator(self):
        """S38: it called a method that does not exist."""
        stream = AsyncBytesIO(b'one, two')
        self.assertEqual(run(stream.readuntil(b', ')), b'one, ')
        self.assertEqual(run(stream.readuntil(b', ')), b'two')

    def test_readuntil_reads_a_line_by_default(self):
        stream = AsyncBytesIO(b'one\ntwo\n')
        self.assertEqual(run(stream.readuntil()), b'one\n')

    def test_awrite(self):
        stream = _streams.AsyncBytesIO(b'')
        run(stream.awrite(b'hel'))
        run(stream.awrite(b'lo'))
        run(stream.aclose())
        self.assertEqual(stream.stream.getvalue(), b'hello')

    def test_it_is_an_iterator_of_pieces(self):
        data = b'0123456789' * (10000 if heap_kb() > 500 else 2000)

        async def read():
            pieces = size = 0
            async for piece in AsyncBytesIO(data):
                self.assertTrue(data.startswith(piece, size))
                pieces += 1
                size += len(piece)
            return pieces, size

        pieces, size = run(read())
        self.assertTrue(pieces > 1)
        self.assertEqual(size, len(data))


class A:
    pass


class B(A):
    pass


class C(A):
    pass


class D(B, C):
    pass


class TestMro(unittest.TestCase):
    def test_closest_class_comes_first(self):
        order = list(mro(D))
        self.assertEqual(order[:4], [D, B, C, A])
        self.assertIs(order[-1], object)

    def test_classes_of_the_interpreter(self):
        order = list(mro(IndexError))
        self.assertEqual(order[:3], [IndexError, LookupError, Exception])


if __name__ == '__main__':
    unittest.main()

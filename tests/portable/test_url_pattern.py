"""URLPattern."""

import sys
import unittest

from helpers import heap_kb
from microdot.microdot import Microdot, URLPattern

NEEDS_EVENT_LOOP = False

UUID = '12345678-9abc-def0-1234-56789abcdef0'


def value_of(kind, text):
    """Return what a handler gets: boards have text that was checked."""
    if sys.implementation.name != 'cpython':
        return text
    import datetime
    import uuid
    return uuid.UUID(text) if kind == 'uuid' \
        else datetime.date.fromisoformat(text)


# pattern, path, arguments or None
MATCHES = [
    ('/', '/', {}), ('/', '', None), ('/', 'foo', None), ('/', '//', None),
    ('/', '/foo', None),
    ('', '/', {}),
    ('/foo', '/foo', {}), ('/foo', '/', None), ('/foo', '/foo/', None),
    ('/foo', 'foo', None), ('/foo', '//foo', None), ('/foo', '/foo/bar', None),
    ('/foo', '/fo', None), ('/foo', '/fooo', None), ('/foo', '/Foo', None),
    ('foo', '/foo', {}), ('//foo', '/foo', {}),
    ('/foo/', '/foo/', {}), ('/foo/', '/foo', None), ('/foo/', '/foo//', None),
    ('/foo/bar', '/foo/bar', {}), ('/foo/bar', '/foo/bar/baz', None),
    ('/foo//bar', '/foo//bar', {}), ('/foo//bar', '/foo/bar', None),
    ('/foo.txt', '/foo.txt', {}), ('/foo.txt', '/fooxtxt', None),
    ('/a+b(c)[d]^$*?', '/a+b(c)[d]^$*?', {}), ('/a>b', '/a>b', {}),

    ('/<arg>', '/foo', {'arg': 'foo'}), ('/<arg>', '/', None),
    ('/<arg>', '//', None), ('/<arg>', '', None), ('/<arg>', '/foo/', None),
    ('/<arg>', '/foo/bar', None), ('/<arg>', 'foo/', None),
    ('/<arg>', 'foo', None), ('/<arg>', '/a b\n', {'arg': 'a b\n'}),
    ('/<arg>/', '/foo/', {'arg': 'foo'}), ('/<arg>/', '/', None),
    ('/<arg>/', '//', None), ('/<arg>/', '/foo', None),
    ('/<arg>/', '/foo/bar', None), ('/<arg>/', 'foo/', None),
    ('/<string:arg>', '/foo', {'arg': 'foo'}),
    ('/<string:arg>', '/123', {'arg': '123'}),
    ('/foo/<arg>', '/foo/bar', {'arg': 'bar'}), ('/foo/<arg>', '/foo', None),
    ('/foo/<arg>', '/foo/', None), ('/foo/<arg>', '/bar/foo', None),
    ('/foo/<arg>/bar', '/foo/x/bar', {'arg': 'x'}),
    ('/foo/<arg>/bar', '/foo//bar', None),
    ('/foo/<arg>/bar', '/foo/x/baz', None),
    ('/<a>/<b>', '/x/y', {'a': 'x', 'b': 'y'}),

    ('/users/<int:id>', '/users/123', {'id': 123}),
    ('/users/<int:id>', '/users/-123', {'id': -123}),
    ('/users/<int:id>', '/users/0', {'id': 0}),
    ('/users/<int:id>', '/users/007', {'id': 7}),
    ('/users/<int:id>', '/users/', None),
    ('/users/<int:id>', '/users/-', None),
    ('/users/<int:id>', '/users/--123', None),
    ('/users/<int:id>', '/users/1-23', None),
    ('/users/<int:id>', '/users/+123', None),
    ('/users/<int:id>', '/users/123abc', None),
    ('/users/<int:id>', '/users/abc123', None),
    ('/users/<int:id>', '/users/1_000', None),
    ('/users/<int:id>', '/users/ 1', None),
    ('/users/<int:id>', '/users/1\n', None),
    ('/users/<int:id>', '/users/0x1', None),
    ('/users/<int:id>', '/users/\u0661', None),
    ('/users/<int:id>', '/users/123/', None),
    ('/users/<int:id>', '/users/123/a', None),
    ('/users/<int:id>/', '/users/123/', {'id': 123}),
    ('/users/<int:id>/', '/users/123', None),
    ('/users/<int:id>/a/<int:other>', '/users/1/a/2', {'id': 1, 'other': 2}),
    ('/users/<int:id>', '/users/' + '1' * 5000, None),

    ('/<float:x>', '/1.5', {'x': 1.5}), ('/<float:x>', '/-0.25', {'x': -0.25}),
    ('/<float:x>', '/3', {'x': 3.0}), ('/<float:x>', '/1.', None),
    ('/<float:x>', '/.5', None), ('/<float:x>', '/1.5.5', None),
    ('/<float:x>', '/1e5', None), ('/<float:x>', '/nan', None),
    ('/<float:x>', '/inf', None), ('/<float:x>', '/-', None),
    ('/<float:x>', '/1.-5', None), ('/<float:x>', '/' + '1' * 5000, None),

    ('/users/<path:path>', '/users/123', {'path': '123'}),
    ('/users/<path:path>', '/users/123/', {'path': '123/'}),
    ('/users/<path:path>', '/users/a/b/c', {'path': 'a/b/c'}),
    ('/users/<path:path>', '/users//a', {'path': '/a'}),
    ('/users/<path:path>', '/users/', None),
    ('/users/<path:path>', '/users', None),
    ('/users/<path:path>', '/', None),
    ('/<path:path>/foo', '/a/foo', {'path': 'a'}),
    ('/<path:path>/foo', '/a/foo/foo', {'path': 'a/foo'}),
    ('/<path:path>/foo', '/foo/foo', {'path': 'foo'}),
    ('/<path:path>/foo', '/foo', None), ('/<path:path>/foo', '/a/fooo', None),
    ('/<path:path>/foo', '/a/foo/', None),
    ('/a/<path:path>/b/c/d', '/', None), ('/a/<path:path>/b/c/d', '/a', None),
    ('/a/<path:path>/b/c/d', '/a/b/c/d', None),
    ('/a/<path:path>/b/c/d', '/a/x/b/c/d', {'path': 'x'}),
    ('/foo/<path:path>/<int:id>/bar/<name>', '/foo/abc/def/123/bar/test',
     {'path': 'abc/def', 'id': 123, 'name': 'test'}),
    ('/foo/<path:path>/<int:id>/bar/<name>', '/foo/123/bar/test', None),
    ('/<path:path>', '/' + 'a/' * 1000, {'path': 'a/' * 1000}),

    ('/<re:[ab]+:x>', '/abba', {'x': 'abba'}),
    ('/<re:[ab]+:x>', '/abc', None), ('/<re:[ab]+:x>', '/cab', None),
    ('/<re:[ab]+:x>', '/ab/', None), ('/<re:[ab]+:x>', '/ab/ab', None),
    ('/<re:[ab]+:x>', '/ab\n', None),
    ('/<re:a|b:x>', '/a', {'x': 'a'}), ('/<re:a|b:x>', '/ab', None),
    ('/<re:a|b:x>', '/bc', None),
    ('/<re:[0-9]+:[0-9]+:x>', '/12:34', {'x': '12:34'}),
    ('/<re:(a)(b):x>/<y>', '/ab/c', {'x': 'ab', 'y': 'c'}),
    ('/<re:[ab]+:x>', '/' + 'a' * 3000, None),

    ('/user-<id>', '/user-5', {'id': '5'}), ('/user-<id>', '/user-', None),
    ('/user-<id>', '/user', None), ('/user-<id>', '/users-5', None),
    ('/<name>.json', '/a.b.json', {'name': 'a.b'}),
    ('/<name>.json', '/.json', None), ('/<name>.json', '/a.jsonx', None),
    ('/v<int:major>.x', '/v12.x', {'major': 12}),
    ('/v<int:major>.x', '/vv.x', None),
    ('/aa<x>aa', '/aaa', None), ('/aa<x>aa', '/aaaaa', {'x': 'a'}),
    ('/f-<path:p>.txt', '/f-a/b.txt', {'p': 'a/b'}),
    # several parameters: the shortest text for all but the last
    ('/<a>-<b>', '/x-y', {'a': 'x', 'b': 'y'}),
    ('/<a>-<b>', '/x-y-z', {'a': 'x', 'b': 'y-z'}),
    ('/<a>-<b>', '/x', None), ('/<a>-<b>', '/x-', None),
    ('/<a>-<b>', '/-x', None), ('/<a>-<b>', '/--x', {'a': '-', 'b': 'x'}),
    ('/<a>-<b>', '/x-y/z', None), ('/<a>-<b>', '/x-\0', {'a': 'x', 'b': '/'}),
    ('/<a>-<b>', '/' + 'x' * 1000 + '-y', {'a': 'x' * 1000, 'b': 'y'}),
    ('/<a>-<b>', '/' + '-' * 2000, {'a': '-', 'b': '-' * 1998}),
    ('/<int:a>-<int:b>', '/1--2', {'a': 1, 'b': -2}),
    ('/<int:a>-<int:b>', '/1-b', None), ('/<int:a>-<int:b>', '/a-1', None),
    ('/<int:a>-<b>', '/' + '-' * 2000, None),
    ('/<a>..<b>...<c>', '/x..y..z...c', {'a': 'x', 'b': 'y..z', 'c': 'c'}),
    ('/a<x>b<y>c/<z>', '/a1b2c/3', {'x': '1', 'y': '2', 'z': '3'}),
    ('/a<x>b<y>c/<z>', '/a1b2d/3', None), ('/a<x>b<y>c', '/abbc', None),
    ('/<path:p>/<a>.<b>', '/x/y/f.txt', {'p': 'x/y', 'a': 'f', 'b': 'txt'}),
    ('/<re:a>b|c:x>-<re:[<>]:y>', '/a>b-<', {'x': 'a>b', 'y': '<'}),
    ('/<x>-<re:[0-9]+:y>', '/a-1-2', None),
    ('/<re:[a-c-]+:x>-<y>', '/a-b-y', {'x': 'a', 'y': 'b-y'}),
    # a type takes more than the shortest, where it has to
    ('/<date:d>-<x>', '/2031-02-03-a',
     {'d': value_of('date', '2031-02-03'), 'x': 'a'}),
    ('/<any(a, b,c-d):x>', '/a', {'x': 'a'}),
    ('/<any(a, b,c-d):x>', '/b', {'x': 'b'}),
    ('/<any(a, b,c-d):x>', '/c-d', {'x': 'c-d'}),
    ('/<any(a, b,c-d):x>', '/c', None), ('/<any(a,b):x>', '/A', None),
    ('/<any(a,b):x>', '/a,b', None),
    ('/x<any(a,b):x>.<any(css,js):y>', '/xa.js', {'x': 'a', 'y': 'js'}),
    ('/<uuid:u>', '/' + UUID, {'u': value_of('uuid', UUID)}),
    ('/<uuid:u>', '/' + UUID.upper(), {'u': value_of('uuid', UUID.upper())}),
    ('/u-<uuid:u>.x', '/u-' + UUID + '.x', {'u': value_of('uuid', UUID)}),
    ('/<uuid:u>', '/{' + UUID + '}', None),
    ('/<uuid:u>', '/' + UUID.replace('-', ''), None),
    ('/<uuid:u>', '/g' + UUID[1:], None), ('/<uuid:u>', '/' + UUID[1:], None),
    ('/<uuid:u>', '/' + UUID[:19] + '0' + UUID[20:22] + '-', None),
    ('/<date:d>', '/2031-02-03', {'d': value_of('date', '2031-02-03')}),
    ('/<date:d>', '/2032-02-29', {'d': value_of('date', '2032-02-29')}),
    ('/<date:d>', '/2000-02-29', {'d': value_of('date', '2000-02-29')}),
    ('/<date:d>', '/9999-12-31', {'d': value_of('date', '9999-12-31')}),
    ('/<date:d>', '/2031-02-29', None), ('/<date:d>', '/2100-02-29', None),
    ('/<date:d>', '/2031-04-31', None), ('/<date:d>', '/2031-01-32', None),
    ('/<date:d>', '/2031-13-01', None), ('/<date:d>', '/2031-00-01', None),
    ('/<date:d>', '/2031-01-00', None), ('/<date:d>', '/0000-01-01', None),
    ('/<date:d>', '/20310203', None), ('/<date:d>', '/2031-2-3', None),
    ('/<date:d>', '/2031-W05-1', None),
    ('/<date:d>', '/2031-02-3\u0663', None),
    ('/<date:d>', '/2031-02-03T', None), ('/<date:d>', '/+031-02-03', None),
]

BAD_PATTERNS = [
    '/<foo', '/<', '/<>', '/<int:>', '/<:foo>', '/<nope:foo>', '/<foo>/<foo>',
    '/<path:a>/<path:b>', '/<a><b>', '/a<b', '/><', '/<re:x>x<y>',
    '/<bad type:foo>', '/<a>-<a>', '/<a>/<b>-<a>', '/<a>-<path:b>',
    '/<path:a>-<b>', '/<a>-<nope:b>', '/<a>-<b', '/<a>-<>',
    '/<a>-<int:>', '/<any(a,b):>', '/<any(a,b:x>', '/<a>-<', '/<a>><b>',
]


class TestMatching(unittest.TestCase):
    def test_paths_match_or_not(self):
        for pattern, path, expected in MATCHES:
            with self.subTest(pattern=pattern, path=path[:40]):
                self.assertEqual(URLPattern(pattern).match(path), expected)

    def test_pattern_may_be_used_again(self):
        pattern = URLPattern('/<a>/<path:b>')
        for i in range(2):
            self.assertEqual(pattern.match('/x/y/z'), {'a': 'x', 'b': 'y/z'})
            self.assertIsNone(pattern.match('/x'))

    def test_arguments_are_new_each_time(self):
        for text, path in (('/foo', '/foo'), ('/<a>', '/x')):
            pattern = URLPattern(text)
            pattern.match(path)['more'] = 1
            self.assertFalse('more' in pattern.match(path))

    def test_literals_are_no_expressions(self):
        """S32: '/foo.txt' also matched '/fooxtxt'."""
        self.assertIsNone(URLPattern('/foo.txt').match('/fooxtxt'))

    def test_groups_do_not_shift_arguments(self):
        """S32: a group in an expression shifted those after it."""
        self.assertEqual(URLPattern('/<re:(a|b)c:x>/<y>').match('/bc/d'),
                         {'x': 'bc', 'y': 'd'})

    def test_parameter_inside_a_segment(self):
        """S32: it was silently taken as text."""
        self.assertEqual(URLPattern('/user-<id>').match('/user-7'),
                         {'id': '7'})

    def test_very_long_paths_are_matched_or_not(self):
        # boards: an expression would run out of stack
        long = '/' + 'a' * (20000 if heap_kb() > 500 else 3000)
        self.assertEqual(URLPattern('/<x>').match(long), {'x': long[1:]})
        self.assertEqual(URLPattern('/<path:x>').match(long), {'x': long[1:]})
        self.assertIsNone(URLPattern('/foo/<x>').match(long))
        self.assertIsNone(URLPattern('/foo').match(long))
        self.assertIsNone(URLPattern('/<re:(?:a|b)*:x>').match(long))

    def test_encoded_slash_does_not_separate(self):
        # as a request has it until its route is found
        self.assertEqual(URLPattern('/<x>/<y>').match('/a\0b/c'),
                         {'x': 'a/b', 'y': 'c'})


class TestCompiling(unittest.TestCase):
    def test_bad_patterns_are_refused(self):
        for text in BAD_PATTERNS:
            with self.subTest(pattern=text):
                self.assertRaises(ValueError, URLPattern(text).compile)

    def test_bad_patterns_are_refused_at_registration(self):
        """S32: they were found by the first request."""
        for text in BAD_PATTERNS:
            with self.subTest(pattern=text):
                app = Microdot()
                with self.assertRaises(ValueError):
                    app.get(text)(lambda request: '')
                self.assertEqual(app.routes, [])

    def test_pattern_is_kept_as_it_was(self):
        for text in ('/', 'foo', '/<int:a>/'):
            self.assertEqual(URLPattern(text).url_pattern, text)


class TestTypes(unittest.TestCase):
    def setUp(self):
        self.addCleanup(setattr, URLPattern, 'segment_parsers',
                        dict(URLPattern.segment_parsers))

    def test_type_with_a_pattern(self):
        URLPattern.register_type('hex', '[0-9a-f]+')
        pattern = URLPattern('/<hex:x>')
        self.assertEqual(pattern.match('/c0de'), {'x': 'c0de'})
        self.assertIsNone(pattern.match('/xyz'))
        self.assertIsNone(pattern.match('/c0dex'))

    def test_type_with_a_parser(self):
        URLPattern.register_type('even', parser=parse_even)
        pattern = URLPattern('/<even:x>/a')
        self.assertEqual(pattern.match('/4/a'), {'x': 4})
        self.assertIsNone(pattern.match('/5/a'))
        self.assertIsNone(pattern.match('/4/5/a'))

    def test_type_with_a_pattern_and_a_parser(self):
        URLPattern.register_type('hex', '[0-9a-f]+', lambda text: int(text,
                                                                      16))
        pattern = URLPattern('/<hex:x>')
        self.assertEqual(pattern.match('/1f'), {'x': 31})
        self.assertIsNone(pattern.match('/1g'))

    def test_type_without_either_is_a_string(self):
        URLPattern.register_type('any')
        self.assertEqual(URLPattern('/<any:x>').match('/a'), {'x': 'a'})
        self.assertIsNone(URLPattern('/<any:x>').match('/a/b'))

    def test_falsy_value_matches(self):
        URLPattern.register_type('zero', parser=lambda text: 0)
        self.assertEqual(URLPattern('/<zero:x>').match('/a'), {'x': 0})

    def test_type_may_be_replaced(self):
        URLPattern.register_type('thing', '[0-9]+')
        self.assertIsNone(URLPattern('/<thing:x>').match('/a'))
        URLPattern.register_type('thing', '[a-z]+')
        self.assertEqual(URLPattern('/<thing:x>').match('/a'), {'x': 'a'})

    def test_a_parser_that_raises_a_value_error_does_not_match(self):
        URLPattern.register_type('hex', parser=parse_hex)
        for pattern in ('/<hex:x>', '/<hex:x>.txt', '/<hex:x>.<y>'):
            with self.subTest(pattern=pattern):
                self.assertIsNone(URLPattern(pattern).match('/g.txt'))
        self.assertEqual(URLPattern('/<hex:x>').match('/1f'), {'x': 31})
        self.assertEqual(URLPattern('/<hex:x>.<y>').match('/1f.t'),
                         {'x': 31, 'y': 't'})

    def test_another_exception_of_a_parser_is_raised(self):
        URLPattern.register_type('bad', parser=parse_none)
        self.assertRaises(TypeError, URLPattern('/<bad:x>').match, '/a')


def parse_hex(text):
    return int(text, 16)


def parse_none(text):
    return int(None)


def parse_even(text):
    value = int(text)
    return None if value % 2 else value


if __name__ == '__main__':
    unittest.main()

"""Validation: what handlers get, and what is answered instead."""

import sys
import unittest

from helpers import change, run
from microdot.microdot import Microdot
from microdot.multipart import with_form_data
from microdot.test_client import TestClient
from microdot.validation import Field, with_body, with_form, with_query

NEEDS_EVENT_LOOP = False
FORM = 'application/x-www-form-urlencoded'
#: Values of one name that a form with files has, at most two here.
MOST = 2 if sys.implementation.name == 'cpython' else 1
#: What CPython calls the types that boards call by their names.
WORDS = {} if sys.implementation.name == 'cpython' else {
    'must be an integer': 'must be int', 'must be a number': 'must be float',
    'must be a list': 'must be list', 'must be an object': 'must be dict',
    'must be true/false': 'must be bool'}
#: (name, rule, what is sent, what the handler gets)
VALID = (
    ('text', str, '"ä"', 'ä'),
    ('empty text', str, '""', ''),
    ('an integer', int, '-12', -12),
    ('zero', int, '0', 0),
    ('a number', float, '1.5', 1.5),
    ('an integer for a number', float, '2', 2.0),
    ('true', bool, 'true', True),
    ('false', bool, 'false', False),
    ('an object of any kind', dict, '{"a": [1]}', {'a': [1]}),
    ('a list of any kind', list, '[1, "a"]', [1, 'a']),
    ('anything', object, 'null', None),
    ('anything else', object, '[{}]', [{}]),
    ('a list', [str], '["a", "b"]', ['a', 'b']),
    ('an empty list', [int], '[]', []),
    ('lists in a list', [[int]], '[[1], []]', [[1], []]),
    ('a choice', ('a', 'b'), '"b"', 'b'),
    ('a choice of numbers', (1, 2), '2', 2),
    ('a field', Field(int), '3', 3),
    ('the least', Field(int, min=3), '3', 3),
    ('the greatest', Field(int, max=3), '3', 3),
    ('zero as the greatest', Field(int, max=0), '0', 0),
    ('the shortest', Field(str, min=2), '"ab"', 'ab'),
    ('the longest', Field(str, max=2), '"ab"', 'ab'),
    ('the longest list', Field([int], max=2), '[1, 2]', [1, 2]),
    ('what matches', Field(str, max=5, pattern='[a-c]+'), '"abc"', 'abc'),
    ('null for a default of None', Field(int, default=None), 'null', None),
    ('an empty object', {}, '{}', {}),
    ('an object', {'a': int, 'b?': str}, '{"a": 1, "b": "x"}',
     {'a': 1, 'b': 'x'}),
    ('an object without what is optional', {'a': int, 'b?': str}, '{"a": 1}',
     {'a': 1}),
    ('an object in an object', {'a': {'b': [int]}}, '{"a": {"b": [1]}}',
     {'a': {'b': [1]}}),
    ('objects in a list', [{'a': int}], '[{"a": 1}, {"a": 2}]',
     [{'a': 1}, {'a': 2}]),
    ('unknown keys', {'a': int}, '{"a": 1, "b": 2}', {'a': 1}),
    ('a default', {'a': Field(int, default=7)}, '{}', {'a': 7}),
    ('a default of None', {'a': Field(int, default=None)}, '{}',
     {'a': None}),
)
#: (name, rule, what is sent, where it is wrong, why)
INVALID = (
    ('a number for text', str, '1', [], 'must be text'),
    ('null for text', str, 'null', None, None),
    ('text for an integer', int, '"1"', [], 'must be an integer'),
    ('true for an integer', int, 'true', [], 'must be an integer'),
    ('a fraction for an integer', int, '1.5', [], 'must be an integer'),
    ('true for a number', float, 'true', [], 'must be a number'),
    ('text for a number', float, '"nan"', [], 'must be a number'),
    ('what is no number any more', float, '1e400', [], 'must be a number'),
    ('one for true', bool, '1', [], 'must be true/false'),
    ('text for true', bool, '"true"', [], 'must be true/false'),
    ('a list for an object', dict, '[]', [], 'must be an object'),
    ('text for a list', [str], '"a"', [], 'must be a list'),
    ('an object for a list', list, '{}', [], 'must be a list'),
    ('no choice', ('a', 'b'), '"c"', [], 'must be a or b'),
    ('true for a choice of one', (1, 2), 'true', [], 'must be 1 or 2'),
    ('text for a choice of one', (1, 2), '"1"', [], 'must be 1 or 2'),
    ('a list for a choice', ('a', 'b'), '["a"]', [], 'must be a or b'),
    ('an item', [str], '["a", "b", 3]', [2], 'must be text'),
    ('one under', Field(int, min=3), '2', [], 'is under 3'),
    ('one over', Field(int, max=3), '4', [], 'is over 3'),
    ('far over', Field(int, max=3), '4' * 50, [], 'is over 3'),
    ('over zero', Field(int, max=0), '1', [], 'is over 0'),
    ('a text too short', Field(str, min=2), '"a"', [], 'length is under 2'),
    ('a text too long', Field(str, max=2), '"abc"', [], 'length is over 2'),
    ('a list too long', Field([int], max=1), '[1, 2]', [],
     'length is over 1'),
    ('what matches not', Field(str, max=5, pattern='[a-c]+'), '"abd"', [],
     'is malformed'),
    ('what matches in part', Field(str, max=5, pattern='a|b'), '"ab"', [],
     'is malformed'),
    ('a newline after a match', Field(str, max=5, pattern='a'), '"a\\n"', [],
     'is malformed'),
    ('too long to be matched', Field(str, max=2, pattern='a+'), '"aaa"', [],
     'length is over 2'),
    ('a missing key', {'a': int}, '{}', ['a'], 'is missing'),
    ('null for a key', {'a': int}, '{"a": null}', ['a'],
     'must be an integer'),
    ('null for what is optional', {'a?': int}, '{"a": null}', ['a'],
     'must be an integer'),
    ('deep inside', {'a': [{'b': [int]}]}, '{"a": [{"b": [1, 2, "x"]}]}',
     ['a', 0, 'b', 2], 'must be an integer'),
)
INTEGER = WORDS.get('must be an integer', 'must be an integer')


def make_client(decorator):
    app = Microdot()

    @app.post('/')
    @decorator
    async def index(request, **kwargs):
        assert len(kwargs) == 1
        app.got.append(list(kwargs.items())[0])
        return 'ok'

    app.got = []
    return TestClient(app)


def post(client, body, content_type='application/json', path='/'):
    return run(client.post(path, headers={'Content-Type': content_type},
                           body=body))


def get_faults(res):
    """Return the faults of an answer, by where they are."""
    return {'/'.join(map(str, fault['at'])): fault['error']
            for fault in res.json['errors']}


class TestValidation(unittest.TestCase):
    def test_handlers_get_what_a_rule_allows(self):
        for name, rule, body, expected in VALID:
            if body == 'null':
                continue  # see the next test
            with self.subTest(name=name):
                client = make_client(with_body(rule))
                res = post(client, body)
                self.assertEqual((res.status_code, res.text), (200, 'ok'))
                self.assertEqual(client.app.got, [('body', expected)])
                self.assertIs(type(client.app.got[0][1]), type(expected))

    def test_values_below_a_key_are_checked_as_well(self):
        for name, rule, body, expected in VALID:
            with self.subTest(name=name):
                client = make_client(with_body({'key': rule}))
                res = post(client, '{"key": %s}' % body)
                self.assertEqual((res.status_code, res.text), (200, 'ok'))
                self.assertEqual(client.app.got,
                                 [('body', {'key': expected})])

    def test_faults_are_answered_with_422(self):
        for name, rule, body, at, error in INVALID:
            if at is None:
                continue
            with self.subTest(name=name):
                client = make_client(with_body(rule))
                res = post(client, body)
                self.assertEqual(res.status_code, 422)
                self.assertEqual(res.json, {'errors': [
                    {'at': ['body'] + at, 'error': WORDS.get(error, error)}]})
                self.assertEqual(client.app.got, [])

    def test_all_faults_are_told_at_once(self):
        client = make_client(with_body(
            {'name': str, 'age?': int, 'tags': [str], 'kind': ('a', 'b')}))
        res = post(client, '{"name": 1, "age": true, "tags": ["a", 1, 2]}')
        self.assertEqual(res.status_code, 422)
        self.assertEqual(get_faults(res), {
            'body/name': 'must be text', 'body/age': INTEGER,
            'body/tags/1': 'must be text', 'body/tags/2': 'must be text',
            'body/kind': 'is missing'})

    def test_the_number_of_faults_is_bounded(self):
        change(self, Field, 'max_faults', 3)
        for count, told in ((2, 2), (3, 3), (4, 3), (500, 3)):
            with self.subTest(count=count):
                client = make_client(with_body(
                    {'a?': Field([int], max=500), 'b?': int}))
                res = post(client, '{"a": [%s]}' % ','.join(['""'] * count))
                self.assertEqual(len(res.json['errors']), told)

    def test_the_length_of_texts_and_lists_is_bounded(self):
        change(self, Field, 'max_length', 5)
        for rule, at, over, far in (
                (str, '"abcde"', '"abcdef"', '"' + 'x' * 2000 + '"'),
                ([int], '[1,2,3,4,5]', '[1,2,3,4,5,6]',
                 '[' + '1,' * 999 + '1]'),
                (Field(list), '[1,2,3,4,5]', '[1,2,3,4,5,6]',
                 '[' + '1,' * 999 + '1]')):
            with self.subTest(rule=rule):
                client = make_client(with_body(rule))
                self.assertEqual(post(client, at).status_code, 200)
                for body in (over, far):
                    self.assertEqual(post(client, body).json, {'errors': [
                        {'at': ['body'], 'error': 'length is over 5'}]})

    def test_other_types_are_answered_with_415(self):
        client = make_client(with_body({}))
        for content_type in ('text/plain', FORM, 'application/jsonp'):
            with self.subTest(content_type=content_type):
                res = post(client, '{}', content_type)
                self.assertEqual(res.status_code, 415)
        self.assertEqual(run(client.post('/', body=b'{}')).status_code, 415)
        for content_type in ('application/json', 'Application/JSON ; a=b',
                             'application/merge-patch+json'):
            with self.subTest(content_type=content_type):
                res = post(client, '{}', content_type)
                self.assertEqual(res.status_code, 200)

    def test_what_is_not_json_is_answered_with_400(self):
        client = make_client(with_body(object))
        # (boards take some of what is not quite JSON)
        for body in ('', 'x', '[1]]', 'NaN', '[NaN]', "{'a': 1}"):
            with self.subTest(body=body):
                res = post(client, body)
                self.assertEqual(res.status_code, 400)

    def test_defaults_are_not_shared(self):
        client = make_client(with_body({'a': Field([int], default=[])}))
        for _ in range(2):
            post(client, '{}')
            self.assertEqual(client.app.got.pop(), ('body', {'a': []}))
            post(client, '{}')
            client.app.got.pop()[1]['a'].append(1)

    def test_a_pattern_needs_a_bound(self):
        for most in (None, 0, Field.max_pattern + 1, 10 ** 9):
            with self.subTest(max=most), self.assertRaises(ValueError):
                Field(str, max=most, pattern='a')
        Field(str, max=Field.max_pattern, pattern='a')

    def test_plain_handlers_are_called_as_well(self):
        app = Microdot()

        @app.post('/<int:id>')
        @with_body({'a': int})
        def index(request, id, body):
            return {'id': id, 'a': body['a']}

        res = post(TestClient(app), '{"a": 2}', path='/1')
        self.assertEqual(res.json, {'id': 1, 'a': 2})

    def test_methods_are_called_as_well(self):
        class View:
            @with_body({'a': int})
            async def post(self, request, body):
                return {'a': body['a'], 'own': self.own}

        app = Microdot()
        view = View()
        view.own = 3

        @app.post('/')
        async def index(request):
            return await view.post(request)

        self.assertEqual(post(TestClient(app), '{"a": 2}').json,
                         {'a': 2, 'own': 3})

    def test_a_handler_for_422_sees_the_faults(self):
        app = Microdot()

        @app.post('/')
        @with_body(str)
        async def index(request, body):
            return 'ok'

        @app.errorhandler(422)
        async def invalid(request):
            return request.error.reason['errors'][0]['error'], 400

        res = post(TestClient(app), '1')
        self.assertEqual((res.status_code, res.text), (400, 'must be text'))


class TestPairs(unittest.TestCase):
    RULE = {'name': str, 'age?': int, 'weight?': float, 'active?': bool,
            'tags?': [str], 'sizes?': Field([int], max=2), 'kind?': ('a', 'b'),
            'level?': (1, 2), 'page': Field(int, min=1, default=1),
            'size': Field(int, default=None)}
    #: (pairs, what the handler gets beside its defaults)
    VALID = (
        ('name=a', {'name': 'a'}),
        ('name=', {'name': ''}),
        ('name=%C3%A4+b', {'name': 'ä b'}),
        ('name=1', {'name': '1'}),
        ('name=a&name=b', {'name': 'a'}),
        ('name=a&age=12', {'name': 'a', 'age': 12}),
        ('name=a&age=-1', {'name': 'a', 'age': -1}),
        ('name=a&weight=1.5', {'name': 'a', 'weight': 1.5}),
        ('name=a&weight=2', {'name': 'a', 'weight': 2.0}),
        ('name=a&active=true', {'name': 'a', 'active': True}),
        ('name=a&active=on', {'name': 'a', 'active': True}),
        ('name=a&active=false', {'name': 'a', 'active': False}),
        ('name=a&tags=x', {'name': 'a', 'tags': ['x']}),
        ('name=a&tags=x&tags=y', {'name': 'a', 'tags': ['x', 'y']}),
        ('name=a&sizes=1&sizes=2', {'name': 'a', 'sizes': [1, 2]}),
        ('name=a&kind=b', {'name': 'a', 'kind': 'b'}),
        ('name=a&level=2', {'name': 'a', 'level': 2}),
        ('name=a&page=3', {'name': 'a', 'page': 3}),
        ('name=a&other=1', {'name': 'a'}),
        ('name=a&size=', {'name': 'a', 'size': None}),
        ('name=a&size=5', {'name': 'a', 'size': 5}),
    )
    INVALID = (
        ('', 'name', 'is missing'),
        ('name=a&age=', 'age', 'must be an integer'),
        ('name=a&age=x', 'age', 'must be an integer'),
        ('name=a&age=1.5', 'age', 'must be an integer'),
        ('name=a&age=1_0', 'age', 'must be an integer'),
        ('name=a&age=true', 'age', 'must be an integer'),
        ('name=a&age=on', 'age', 'must be an integer'),
        ('name=a&age=null', 'age', 'must be an integer'),
        ('name=a&size=null', 'size', 'must be an integer'),
        ('name=a&weight=nan', 'weight', 'must be a number'),
        ('name=a&weight=NaN', 'weight', 'must be a number'),
        ('name=a&weight=Infinity', 'weight', 'must be a number'),
        ('name=a&weight=1e999', 'weight', 'must be a number'),
        ('name=a&active=1', 'active', 'must be true/false'),
        ('name=a&active=maybe', 'active', 'must be true/false'),
        ('name=a&sizes=1&sizes=x', 'sizes/1', 'must be an integer'),
        ('name=a&sizes=1&sizes=2&sizes=3', 'sizes', 'length is over 2'),
        ('name=a&kind=c', 'kind', 'must be a or b'),
        ('name=a&level=3', 'level', 'must be 1 or 2'),
        ('name=a&page=0', 'page', 'is under 1'),
    )

    def send(self, where, pairs):
        if where == 'query':
            client = make_client(with_query(self.RULE))
            res = run(client.post('/?' + pairs))
        else:
            client = make_client(with_form(self.RULE))
            res = post(client, pairs, FORM)
        return res, client.app.got

    def test_handlers_get_what_a_rule_allows(self):
        for where in ('query', 'form'):
            for pairs, expected in self.VALID:
                with self.subTest(where=where, pairs=pairs):
                    res, got = self.send(where, pairs)
                    self.assertEqual(res.status_code, 200)
                    wanted = {'page': 1, 'size': None}
                    for name in expected:
                        wanted[name] = expected[name]
                    self.assertEqual(got, [(where, wanted)])
                    self.assertIs(type(got[0][1].get('active', True)), bool)

    def test_faults_are_answered_with_422(self):
        for where in ('query', 'form'):
            for pairs, at, error in self.INVALID:
                if where == 'form' and not pairs:
                    continue
                with self.subTest(where=where, pairs=pairs):
                    res, got = self.send(where, pairs)
                    self.assertEqual(res.status_code, 422)
                    self.assertEqual(get_faults(res), {
                        where + '/' + at: WORDS.get(error, error)})
                    self.assertEqual(got, [])

    def test_bodies_that_are_no_form_are_answered_with_415(self):
        client = make_client(with_form(self.RULE))
        for content_type in ('text/plain', 'application/json'):
            res = post(client, '{}', content_type)
            self.assertEqual(res.status_code, 415)

    def test_forms_with_files_give_all_values_of_a_name(self):
        app = Microdot()
        got = []

        @app.post('/')
        @with_form_data
        @with_form({'tags': [str], 'sizes?': [int], 'one': str})
        async def index(request, form):
            got.append((form['tags'], form['sizes'], form['one'],
                        request.files['tags'].size))

        res = run(TestClient(app).post(
            '/', files={'tags': ('x', b'abc')},
            form={'tags': ['a', 'b'], 'sizes': ['1', '2'], 'one': ['c', 'd']}))
        self.assertEqual(res.status_code, 204)
        # (a board has a dict)
        self.assertEqual(got, [(['a', 'b'][:MOST], [1, 2][:MOST], 'c', 3)])

    def test_query_and_body_go_together(self):
        app = Microdot()

        @app.post('/')
        @with_query({'a': int})
        @with_body({'b': int})
        async def index(request, query, body):
            return {'a': query['a'], 'b': body['b']}

        client = TestClient(app)
        self.assertEqual(post(client, '{"b": 2}', path='/?a=1').json,
                         {'a': 1, 'b': 2})
        self.assertEqual(get_faults(post(client, '{"b": ""}', path='/?a=1')),
                         {'body/b': INTEGER})
        self.assertEqual(get_faults(post(client, '{"b": 2}', path='/?a=b')),
                         {'query/a': INTEGER})

"""OpenAPI: the document is valid, and says what the application does."""

import dataclasses
import datetime
import decimal
import enum
import functools
import importlib.util
import json
import sys
import typing
import uuid

import msgspec
import pydantic
import pytest
from openapi_spec_validator import validate

import microdot.cli
import servers
from browser import browser, needs_browser  # noqa: F401
from helpers import run
from microdot import Microdot, password
from microdot.auth import BasicAuth, TokenAuth
from microdot.login import Login
from microdot.multipart import with_form_data
from microdot.openapi import (
    OpenAPI,
    Schemas,
    describe,
    document_of,
    parse_pattern,
)
from microdot.session import Session, with_session
from microdot.sse import with_sse
from microdot.static import static
from microdot.test_client import TestClient
from microdot.validation import Field, with_body, with_form, with_query
from microdot.views import View
from microdot.websocket import WebSocket, with_websocket
from servers import TOP

EXAMPLES = sorted(TOP.glob('examples/*/*.py'))


class Color(enum.Enum):
    RED = 'red'
    BLUE = 2


@dataclasses.dataclass
class Node:
    """A node of a tree."""

    name: typing.Annotated[str, Field(min=1, max=9, pattern='[a-z]+')]
    color: Color = Color.RED
    kids: 'list[Node]' = dataclasses.field(default_factory=list)
    when: datetime.datetime | None = None


class Reply(pydantic.BaseModel):
    text: str
    inner: 'list[Reply]' = []


class Packed(msgspec.Struct):
    a: int
    b: list[str] = []


def operation(app, method='get', path='/'):
    document = document_of(app)
    validate(document)
    return document['paths'][path][method]


@pytest.mark.parametrize('rule, schema', [
    (str, {'type': 'string'}),
    (int, {'type': 'integer'}),
    (float, {'type': 'number'}),
    (bool, {'type': 'boolean'}),
    (dict, {'type': 'object'}),
    (object, {}),
    ([int], {'type': 'array', 'items': {'type': 'integer'}}),
    (('a', 'b'), {'enum': ['a', 'b'], 'type': 'string'}),
    ((1, 'b'), {'enum': [1, 'b'], 'type': ['integer', 'string']}),
    ({'a': int, 'b?': str}, {
        'type': 'object', 'required': ['a'],
        'properties': {'a': {'type': 'integer'}, 'b': {'type': 'string'}}}),
    (Field(int, min=1, max=5), {'type': 'integer', 'minimum': 1,
                                'maximum': 5}),
    (Field(str, min=1, max=5, pattern='a|b'), {
        'type': 'string', 'minLength': 1, 'maxLength': 5,
        'pattern': '^(?:a|b)$'}),
    (Field([int], max=2), {'type': 'array', 'items': {'type': 'integer'},
                           'maxItems': 2}),
    (Field(int, default=3), {'type': 'integer', 'default': 3}),
    (Field(int, default=None), {'type': ['integer', 'null'],
                                'default': None}),
    (datetime.datetime, {'type': 'string', 'format': 'date-time'}),
    (uuid.UUID, {'type': 'string', 'format': 'uuid'}),
    (int | None, {'type': ['integer', 'null']}),
    (int | str, {'anyOf': [{'type': 'integer'}, {'type': 'string'}]}),
    (typing.Literal['x', 2] | None, {'anyOf': [
        {'enum': ['x', 2], 'type': ['integer', 'string']},
        {'type': 'null'}]}),
    (dict[str, int], {'type': 'object',
                      'additionalProperties': {'type': 'integer'}}),
    (tuple[int, ...], {'type': 'array', 'items': {'type': 'integer'}}),
])
def test_a_rule_becomes_a_schema(rule, schema):
    assert Schemas().make(rule) == schema


def test_unknown_keys_are_forbidden_where_the_rule_says_so():
    schema = Schemas().make({'a': {'b?': int}}, 'forbid')
    assert schema['additionalProperties'] is False
    assert schema['properties']['a']['additionalProperties'] is False


def test_classes_become_components_once_also_where_they_hold_themselves():
    schemas = Schemas()
    assert schemas.make(Node) == schemas.make(Node) == {
        '$ref': '#/components/schemas/Node'}
    assert schemas.components == {
        'Node': {
            'type': 'object', 'description': 'A node of a tree.',
            'required': ['name'], 'properties': {
                'name': {'type': 'string', 'minLength': 1, 'maxLength': 9,
                         'pattern': '^(?:[a-z]+)$'},
                'color': {'allOf': [{'$ref': '#/components/schemas/Color'}],
                          'default': 'red'},
                'kids': {'type': 'array', 'items': {
                    '$ref': '#/components/schemas/Node'}},
                'when': {'type': ['string', 'null'], 'format': 'date-time',
                         'default': None}}},
        'Color': {'enum': ['red', 2], 'type': ['integer', 'string']}}


def test_classes_of_one_name_are_told_apart():
    schemas = Schemas()
    other = dataclasses.make_dataclass('Node', [('x', int)])
    assert schemas.make(Node) != schemas.make(other)
    assert set(schemas.components) == {'Node', 'Color', 'Node_2'}


@pytest.mark.parametrize('rule', [b'', object(), complex, {1: int}])
def test_what_is_no_rule_is_refused(rule):
    with pytest.raises(ValueError):
        Schemas().make(rule)


@pytest.mark.parametrize('pattern, path, schemas', [
    ('/', '/', {}),
    ('/a/<b>', '/a/{b}', {'b': {'type': 'string'}}),
    ('/a/<int:b>.json', '/a/{b}.json', {'b': {'type': 'integer'}}),
    ('/<float:a>', '/{a}', {'a': {'type': 'number'}}),
    ('/<uuid:a>', '/{a}', {'a': {'type': 'string', 'format': 'uuid'}}),
    ('/<date:a>', '/{a}', {'a': {'type': 'string', 'format': 'date'}}),
    ('/<any(x,y):a>', '/{a}', {'a': {'type': 'string', 'enum': ['x', 'y']}}),
    ('/<re:[a-z]+:a>', '/{a}', {'a': {'type': 'string',
                                      'pattern': '^(?:[a-z]+)$'}}),
    ('/<a>-<b>', '/{a}-{b}', {'a': {'type': 'string'},
                              'b': {'type': 'string'}}),
])
def test_a_pattern_becomes_a_path(pattern, path, schemas):
    assert parse_pattern(pattern) == (path, schemas)


def test_a_docstring_becomes_summary_and_description():
    app = Microdot()

    @app.get('/')
    @describe(tags=['a'])
    async def index(request):
        """Get all
        of it.

        There is *more* of it.
        """

    found = operation(app)
    assert found['summary'] == 'Get all of it.'
    assert found['description'] == 'There is *more* of it.'
    assert found['tags'] == ['a']
    assert found['operationId'] == 'index'
    assert found['responses'] == {'200': {'description': 'OK'}}


def test_bodies_are_described_with_their_errors():
    app = Microdot()

    @app.post('/<int:id>')
    @with_query({'q?': str, 'page': Field(int, min=1, default=1)})
    @with_body(Node, extra='forbid')
    @describe(responses={201: Node, 409: 'It exists', 503: None})
    async def index(request, id, body, query):
        pass

    found = operation(app, 'post', '/{id}')
    assert found['requestBody'] == {'required': True, 'content': {
        'application/json': {'schema': {
            '$ref': '#/components/schemas/Node'}}}}
    assert [(one['name'], one['in'], one['required'])
            for one in found['parameters']] == [
        ('id', 'path', True), ('q', 'query', False),
        ('page', 'query', False)]
    assert {status: answer['description']
            for status, answer in found['responses'].items()} == {
        '201': 'Created', '400': 'The request cannot be read',
        '404': 'No such path, or nothing there',
        '409': 'It exists', '413': 'The body is too large',
        '415': 'The body is of another type',
        '422': 'What was sent does not fit', '503': 'Service Unavailable'}
    assert found['responses']['422']['content']['application/json'][
        'schema'] == {'$ref': '#/components/schemas/Faults'}


@pytest.mark.parametrize('rule', [Reply, Packed])
def test_classes_of_other_libraries_are_described(rule):
    app = Microdot()

    @app.post('/')
    @with_body(rule)
    async def index(request, body):
        pass

    operation(app, 'post')
    assert rule.__name__ in document_of(app)['components']['schemas']


def test_a_return_type_describes_the_answer():
    app = Microdot()

    @app.get('/')
    async def index(request) -> list[Node]:
        pass

    @app.get('/text')
    async def text(request) -> str:
        pass

    @app.get('/other')
    async def other(request) -> complex:
        pass

    assert operation(app)['responses']['200']['content'] == {
        'application/json': {'schema': {'type': 'array', 'items': {
            '$ref': '#/components/schemas/Node'}}}}
    assert operation(app, path='/text')['responses'] == {
        '200': {'description': 'OK'}}
    assert operation(app, path='/other')['responses'] == {
        '200': {'description': 'OK'}}


def test_forms_uploads_and_events_are_described():
    app = Microdot()

    @app.post('/form')
    @with_form({'a': int})
    async def form(request, form):
        pass

    @app.post('/upload')
    @with_form_data
    @with_form({'a': int})
    async def upload(request, form):
        pass

    @app.post('/files')
    @with_form_data
    async def files(request):
        pass

    @app.get('/events')
    @with_sse
    async def events(request, sse):
        pass

    assert list(operation(app, 'post', '/form')['requestBody']['content']) \
        == ['application/x-www-form-urlencoded']
    assert list(operation(app, 'post', '/upload')['requestBody']['content']) \
        == list(operation(app, 'post', '/files')['requestBody']['content']) \
        == ['multipart/form-data']
    assert list(operation(app, path='/events')['responses']['200'][
        'content']) == ['text/event-stream']


def test_credentials_are_described():
    app = Microdot()
    basic = BasicAuth(realm='Here')
    token = TokenAuth(header='X-Token')
    bearer = TokenAuth()
    login = Login(login_url='/in')
    Session(app, 'secret' * 8)

    @app.get('/basic')
    @basic
    async def one(request):
        pass

    @app.get('/token')
    @token
    async def two(request):
        pass

    @app.get('/optional')
    @bearer.optional
    async def three(request):
        pass

    @app.get('/scope')
    @bearer.requires('admin')
    async def four(request):
        pass

    @app.get('/login')
    @login
    async def five(request):
        pass

    @app.get('/session')
    @with_session
    async def six(request, session):
        pass

    @app.get('/none')
    @describe(security=[])
    @basic
    async def seven(request):
        pass

    found = {path: item['get'] for path, item in
             document_of(app)['paths'].items()}
    validate(document_of(app))
    assert {path: one.get('security') for path, one in found.items()} == {
        '/basic': [{'basic': []}], '/token': [{'x-token': []}],
        '/optional': [{}, {'bearer': []}], '/scope': [{'bearer': []}],
        '/login': [{'session': []}], '/session': [{}, {'session': []}],
        '/none': None}
    assert {path: [status for status in one['responses'] if status != '200']
            for path, one in found.items()} == {
        '/basic': ['401'], '/token': ['401'], '/optional': [],
        '/scope': ['401', '403'], '/login': ['302'], '/session': [],
        '/none': ['401']}
    assert document_of(app)['components']['securitySchemes'] == {
        'basic': {'type': 'http', 'scheme': 'basic', 'description': 'Here'},
        'x-token': {'type': 'apiKey', 'in': 'header', 'name': 'X-Token'},
        'bearer': {'type': 'http', 'scheme': 'bearer'},
        'session': {'type': 'apiKey', 'in': 'cookie', 'name': 'session',
                    'description': 'The cookie of a session'}}


def test_credentials_of_a_whole_application_are_described():
    app = Microdot()
    TokenAuth().initialize(app)
    app.get('/')(run)
    assert operation(app)['security'] == [{'bearer': []}]


def test_what_is_optional_where_something_is_required():
    app = Microdot()
    auth = TokenAuth()
    basic = BasicAuth()
    auth.initialize(app)
    app.get('/')(auth.optional(run))
    app.get('/more')(basic.optional(run))
    app.get('/both')(basic(run))
    assert [operation(app, path=path)['security']
            for path in ('/', '/more', '/both')] == [
        [{'bearer': []}], [{'bearer': []}, {'bearer': [], 'basic': []}],
        [{'bearer': [], 'basic': []}]]
    validate(document_of(app))


def test_an_empty_value_of_a_query_may_stand_for_null():
    app = Microdot()

    @app.get('/')
    @with_query({'a': Field(bool, default=None), 'b?': int | None,
                 'c?': int | str | None, 'd?': int, 'e?': str,
                 'f?': Field(int, default=1)})
    async def view(request, query):
        return query

    validate(document_of(app))
    found = {one['name']: one.get('allowEmptyValue', False)
             for one in operation(app)['parameters']}
    assert found == {'a': True, 'b': True, 'c': True, 'd': False,
                     'e': False, 'f': False}
    for name in 'abcdf':
        res = run(TestClient(app).get('/?%s=' % name))
        assert (res.status_code == 200) == found[name]


def everywhere(app, except_=()):
    login = Login(login_url='/in?lang=en')
    Session(app, 'secret' * 8)
    login.required_everywhere(app, except_)
    for path in ('/in', '/', '/about', '/static/css/a', '/files/<path:name>',
                 '/items/<int:id>', '/<name>'):
        app.get(path)(lambda request, **args: '')
    app.get('/named', name='hello')(run)

    @app.get('/signed')
    @BasicAuth()
    async def signed(request):
        pass


@pytest.mark.parametrize('local', [False, True])
def test_a_login_that_is_needed_everywhere_is_described(local):
    app = Microdot()
    inner = Microdot()
    everywhere(inner, except_=[
        '/x/about', '/x/static/*', 'hello', '/x/files/open/*', '/x/items/7',
        '/elsewhere'])
    app.mount(inner, '/x', local=local)
    app.get('/outer')(run)
    found = {path: item['get'] for path, item in
             document_of(app)['paths'].items()}
    validate(document_of(app))
    guarded = [{'session': []}]
    assert {path: one.get('security') for path, one in found.items()} == {
        '/x/in': guarded, '/x/': guarded, '/x/about': None,
        '/x/static/css/a': None, '/x/files/{name}': [{}, *guarded],
        '/x/items/{id}': [{}, *guarded], '/x/{name}': [{}, *guarded],
        '/x/named': None, '/x/signed': [{'session': [], 'basic': []}],
        # without local, the hooks of a mounted application are for all
        '/outer': None if local else guarded}
    for path, one in found.items():
        assert ('302' in one['responses']) == ('security' in one), path


def test_the_login_page_needs_no_login():
    app = Microdot()
    everywhere(app)
    paths = document_of(app)['paths']
    assert 'security' not in paths['/in']['get']
    assert paths['/about']['get']['security'] == [{'session': []}]


def test_a_hook_that_comes_later_is_described():
    app = Microdot()
    app.get('/')(run)
    assert 'security' not in operation(app)
    api = OpenAPI(app)
    assert 'security' not in api.document()['paths']['/']['get']
    TokenAuth().initialize(app)
    assert api.document()['paths']['/']['get']['security'] == [{'bearer': []}]


def test_mounted_applications_are_described():
    app = Microdot()
    sub = Microdot()

    @sub.get('/<int:id>')
    async def index(request, id):
        pass

    app.mount(sub, url_prefix='/sub')
    assert list(document_of(app)['paths']) == ['/sub/{id}']
    assert list(document_of(sub)['paths']) == ['/{id}']


@pytest.mark.parametrize('host, server', [
    ('api.example.com', {'url': '//api.example.com/'}),
    ('<name>.example.com', {'url': '//{name}.example.com/', 'variables': {
        'name': {'default': 'www'}}}),
    ('<any(a,b):x>.org', {'url': '//{x}.org/', 'variables': {
        'x': {'default': 'a', 'enum': ['a', 'b']}}})])
def test_a_route_of_one_host_says_so(host, server):
    app = Microdot()
    api = Microdot()

    @api.get('/')
    async def index(request, **kwargs):
        pass

    app.mount(api, host=host)
    assert operation(app)['servers'] == [server]


def test_a_path_is_rather_described_for_all_hosts():
    app = Microdot()
    for number, host in enumerate(('a.example', 'b.example', None)):
        one = Microdot()
        one.get('/', name='n%d' % number)(lambda request: '')
        app.mount(one, host=host)
    assert operation(app)['operationId'] == 'n2'
    assert 'servers' not in operation(app)


def test_the_methods_of_a_view_are_described():
    app = Microdot()

    def anything(handler):
        @functools.wraps(handler)
        async def wrapper(request, **kwargs):
            return await handler(request, **kwargs)
        return wrapper

    @app.route('/items/<int:id>')
    class Item(View):
        async def get(self, request, id):
            """Show an item."""

        @describe(summary='Drop it', tags=['items'])
        async def delete(self, request, id):
            pass

        @with_body({'name': str})
        async def put(self, request, id, body):
            pass

    item = document_of(app)['paths']['/items/{id}']
    assert sorted(item) == ['delete', 'get', 'put']
    assert item['get']['summary'] == 'Show an item.'
    assert item['delete']['summary'] == 'Drop it'
    assert item['delete']['tags'] == ['items']
    assert item['put']['requestBody']['required']
    assert item['get']['parameters'][0]['schema'] == {'type': 'integer'}
    assert len({one['operationId'] for one in item.values()}) == 3


def test_what_openapi_does_not_know_is_left_out():
    app = Microdot()
    static(app, '/files', str(TOP / 'docs'))
    OpenAPI(app)

    @app.get('/ws')
    @with_websocket
    async def echo(request, ws):
        pass

    @app.get('/hidden')
    @describe(hidden=True)
    async def hidden(request):
        pass

    @app.route('/', methods=['QUERY', 'REPORT', 'GET'])
    async def index(request):
        pass

    paths = document_of(app)['paths']
    assert [path for path in paths if 'files' not in path] == ['/']
    assert list(paths['/']) == ['get']


def test_the_first_of_two_routes_that_match_the_same_is_described():
    app = Microdot()

    @app.get('/<a>')
    async def first(request, a):
        pass

    @app.route('/<b>', methods=['GET', 'POST'])
    async def second(request, b):
        pass

    paths = document_of(app)['paths']
    validate(document_of(app))
    assert list(paths) == ['/{a}']
    assert paths['/{a}']['get']['operationId'] == 'first'
    assert paths['/{a}']['post']['operationId'] == 'second'
    assert paths['/{a}']['post']['parameters'][0]['name'] == 'a'


def test_ids_of_operations_are_unique():
    app = Microdot()

    @app.route('/', methods=['GET', 'POST', 'PUT'])
    async def index(request):
        pass

    app.get('/b')(index)
    found = [one['operationId'] for item in document_of(app)['paths'].values()
             for one in item.values()]
    assert len(set(found)) == 4
    assert found[0] == 'index'


@pytest.mark.parametrize('arguments', [
    {'responses': {'abc': None}}, {'responses': {99: None}},
    {'responses': {600: 'x'}}, {'tags': 'text'}])
def test_a_wrong_description_is_refused(arguments):
    with pytest.raises(ValueError):
        describe(**arguments)


def test_the_document_is_served_and_follows_the_routes():
    app = Microdot()
    OpenAPI(app, title='Shöp', version='2', description='About')

    async def main():
        async with TestClient(app) as client:
            first = await client.get('/openapi.json')
            app.get('/new')(run)
            return first, await client.get('/openapi.json')

    first, second = run(main())
    assert first.headers['Content-Type'] == 'application/json'
    assert first.json == {
        'openapi': '3.1.0', 'paths': {}, 'servers': [{'url': '/'}],
        'info': {'title': 'Shöp', 'version': '2', 'description': 'About'}}
    assert list(second.json['paths']) == ['/new']


def test_a_prefix_is_named_as_server():
    app = Microdot()
    sub = Microdot()
    OpenAPI(sub)
    app.mount(sub, url_prefix='/sub')
    res = run(TestClient(app).get('/sub/openapi.json'))
    assert res.json['servers'] == [{'url': '/sub'}]


@pytest.mark.parametrize('docs, parts, document', [
    ('/docs', 'docs/docs.js', 'openapi.json'),
    ('/api/docs', 'docs/docs.js', '../openapi.json')])
def test_the_page_names_its_parts_relatively(docs, parts, document):
    app = Microdot()
    OpenAPI(app, title='<b>"&', docs=docs)
    res = run(TestClient(app).get(docs))
    assert res.status_code == 200
    assert '<title>&lt;b>&quot;&amp;</title>' in res.text
    assert 'src="%s"' % parts in res.text
    assert 'data-document="%s"' % document in res.text
    for name in ('docs.js', 'docs.css'):
        res = run(TestClient(app).get(docs + '/' + name))
        assert res.status_code == 200
        assert '://' not in res.text
        again = run(TestClient(app).get(docs + '/' + name, headers={
            'If-None-Match': res.headers['ETag']}))
        assert again.status_code == 304


def test_there_is_no_page_if_it_is_not_wanted():
    app = Microdot()
    OpenAPI(app, docs=None)
    assert run(TestClient(app).get('/docs')).status_code == 404


# ---- The command ----------------------------------------------------------

APP = '''
from microdot import Microdot
app = Microdot()
@app.get('/items')
async def items(request):
    """List."""
app.run()
'''


def test_the_command_writes_the_document(tmp_path, capsys):
    (tmp_path / 'described.py').write_text(APP)
    name = str(tmp_path / 'described.py')
    assert microdot.cli.main(['openapi', name]) == 0
    document = json.loads(capsys.readouterr().out)
    validate(document)
    assert document['paths']['/items']['get']['summary'] == 'List.'
    target = tmp_path / 'out.json'
    for words in (['-o', str(target)], ['--out=' + str(target)]):
        assert microdot.cli.main(['openapi', name, *words]) == 0
        assert json.loads(target.read_text()) == document
        target.unlink()
    sys.modules.pop('described')
    sys.path.remove(str(tmp_path))


@pytest.mark.parametrize('words, text', [
    (['-o'], 'needs a file'), (['--what'], '--what is not expected'),
    (['a', 'b'], 'b is not expected'), (['nothing_here'], 'nothing_here')])
def test_the_command_says_what_is_wrong(words, text, capsys):
    assert microdot.cli.main(['openapi', *words]) == 2
    assert text in capsys.readouterr().err


# ---- Examples -------------------------------------------------------------

@pytest.mark.parametrize('path', EXAMPLES, ids=lambda path: path.stem)
def test_the_documents_of_all_examples_are_valid(path, monkeypatch, tmp_path):
    if 'def ' not in path.read_text() or 'Microdot(' not in path.read_text():
        pytest.skip('no application')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(path.parent))
    monkeypatch.setattr(sys, 'argv', [str(path)])
    # examples set these, which other tests look at
    for owner, limit in ((password, 'default_iterations'),
                         (WebSocket, 'max_message_length')):
        monkeypatch.setattr(owner, limit, getattr(owner, limit))
    spec = importlib.util.spec_from_file_location('example_' + path.stem,
                                                  path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    try:
        spec.loader.exec_module(module)
    except ImportError as exc:
        pytest.skip('only for boards: %s' % exc)
    apps = [value for value in vars(module).values()
            if isinstance(value, Microdot)]
    for app in apps:
        validate(document_of(app))


# ---- The page -------------------------------------------------------------

PAGE = '''
import sys
from microdot import Microdot
from microdot.openapi import OpenAPI
from microdot.validation import with_body
app = Microdot()
OpenAPI(app, title='Shop')
@app.after_request
async def strict(request, response):
    response.headers['Content-Security-Policy'] = "default-src 'self'"
@app.post('/items/<name>')
@with_body({'count': int})
async def add(request, name, body):
    """Add items."""
    return {'name': name, 'count': body['count']}
app.run(sys.argv[1], int(sys.argv[2]))
'''


@needs_browser
def test_a_browser_sends_a_request(browser, tmp_path):  # noqa: F811
    script = tmp_path / 'page.py'
    script.write_text(PAGE)
    with servers.serve(servers.running(), script=script,
                       before=['127.0.0.1']) as server:
        page = browser.open('http://127.0.0.1:%d/docs#add' % server.port)
        page.wait_for('document.querySelector("#add .send") !== null')
        page.fill('#add [data-name=name]', "a b/c'")
        page.fill('#add textarea', '{"count": 3}')
        page.click('#add .send')
        page.wait_for('document.querySelector("#add .status") !== null')
        text = page.text
        assert '200 OK' in text
        assert '"name": "a b/c\'"' in text
        assert "--data-raw '{\"count\": 3}'" in text
        page.fill('#add textarea', '{"count": "many"}')
        page.click('#add .send')
        page.wait_for('document.querySelector(".status.bad") !== null')
        assert 'must be an integer' in page.text
        page.close()


@needs_browser
def test_the_page_fits_a_phone_and_is_used_by_keyboard(
        browser, tmp_path):  # noqa: F811
    script = tmp_path / 'page.py'
    script.write_text(PAGE)
    with servers.serve(servers.running(), script=script,
                       before=['127.0.0.1']) as server:
        page = browser.open('http://127.0.0.1:%d/docs' % server.port)
        page.send('Emulation.setDeviceMetricsOverride', width=390, height=844,
                  deviceScaleFactor=1, mobile=True)
        page.wait_for('document.querySelector(".operation") !== null')

        def press(key, code, modifiers=0, text=None):
            for kind in ('keyDown', 'keyUp'):
                page.send('Input.dispatchKeyEvent', type=kind, key=key,
                          windowsVirtualKeyCode=code, modifiers=modifiers,
                          **({'text': text} if text and kind == 'keyDown'
                             else {}))

        press('/', 191, text='/')
        page.wait_for('document.activeElement.id === "find"')
        assert page.evaluate('document.activeElement.value') == ''
        page.evaluate('document.querySelector("#add summary").focus()')
        press('Enter', 13, text='\r')
        page.wait_for('document.querySelector("#add textarea") !== null')
        assert page.evaluate('document.documentElement.scrollWidth') <= 390
        page.evaluate('document.querySelector("#add textarea").focus()')
        press('Enter', 13, modifiers=2)
        page.wait_for('document.querySelector("#add .status") !== null')
        assert page.evaluate('document.documentElement.scrollWidth') <= 390
        assert '200 OK' in page.text
        # a link leads to what the search has hidden
        page.fill('#find', 'no such thing')
        page.wait_for('document.querySelector("#add").hidden')
        assert 'Nothing is like that.' in page.text
        page.evaluate('location.hash = "add"')
        page.wait_for('!document.querySelector("#add").hidden')
        assert 'Nothing is like that.' not in page.text
        page.close()


def test_decimals_are_numbers_or_text():
    kinds = [one['type'] for one in Schemas().make(decimal.Decimal)['anyOf']]
    assert kinds == ['number', 'string']


def test_bounds_of_unions_aliases_and_objects_are_described():
    alias = typing.Annotated[int, Field(min=1)]
    for rule, schema in (
            (typing.Annotated[int | None, Field(min=1)],
             {'type': ['integer', 'null'], 'minimum': 1}),
            (Field(typing.Optional[int], min=1, default=None),
             {'type': ['integer', 'null'], 'minimum': 1, 'default': None}),
            (typing.Annotated[alias, Field(max=9)],
             {'type': 'integer', 'minimum': 1, 'maximum': 9}),
            (typing.Annotated[dict[str, int], Field(min=1, max=2)],
             {'type': 'object', 'additionalProperties': {'type': 'integer'},
              'minProperties': 1, 'maxProperties': 2})):
        assert Schemas().make(rule) == schema


def test_wrong_arguments_are_refused_where_they_are_written():
    def handler(request):
        return 'x'

    with pytest.raises(TypeError) as exc:
        describe(handler)
    assert 'write: @describe()' in str(exc.value)
    with pytest.raises(ValueError) as exc:
        describe(responses=[201])
    assert 'a dict by status code' in str(exc.value)
    for arguments in ({'title': 5}, {'version': 1.0}):
        with pytest.raises(TypeError) as exc:
            OpenAPI(None, **arguments)
        assert 'is text' in str(exc.value)


def test_the_handler_is_named_whose_answer_is_no_rule():
    app = Microdot()

    @app.get('/')
    @describe(responses={200: object()})
    def index(request):
        return 'x'

    with pytest.raises(ValueError) as exc:
        OpenAPI(app).document()
    assert 'index (' in str(exc.value)
    assert 'is no rule' in str(exc.value)


def test_members_of_enumerations_and_of_the_start_of_a_class_are_described():
    @dataclasses.dataclass
    class Started:
        color: typing.Literal[Color.RED]
        seed: dataclasses.InitVar[int]
        step: dataclasses.InitVar[int] = 2

    schemas = Schemas()
    schemas.make(Started)
    schema = schemas.components['Started']
    assert schema['required'] == ['color', 'seed']
    assert schema['properties']['color'] == {'enum': ['red'],
                                             'type': 'string'}
    assert schema['properties']['seed'] == {'type': 'integer'}
    assert schema['properties']['step']['type'] == 'integer'
    json.dumps(schema)


#: The names of handlers that are those of parts of the page too.
OWN = ('about', 'find', 'keys', 'operations', 'raw', 'schemes', 'state',
       'version')

OWN_PAGE = """
import sys

from microdot import Microdot
from microdot.openapi import OpenAPI

app = Microdot()
OpenAPI(app, title='Shop', description='What it is for')

for name in %r:
    @app.get('/' + name, name=name)
    async def view(request):
        return 'x'

app.run(sys.argv[1], int(sys.argv[2]))
""" % (OWN,)


@needs_browser
def test_handlers_may_have_the_names_of_parts_of_the_page(
        browser, tmp_path):  # noqa: F811
    script = tmp_path / 'own.py'
    script.write_text(OWN_PAGE)
    with servers.serve(servers.running(), script=script,
                       before=['127.0.0.1']) as server:
        page = browser.open('http://127.0.0.1:%d/docs#state' % server.port)
        page.wait_for('document.querySelector(".operation .send") !== null')
        assert page.evaluate(
            '[...document.querySelectorAll(".operation")].map('
            'one => one.querySelector(".path").textContent)') == [
                '/' + name for name in OWN]
        assert page.evaluate(
            'document.querySelector(".operation[open] .path").textContent'
        ) == '/state'
        assert page.evaluate(
            'new Set([...document.querySelectorAll("[id]")].map('
            'one => one.id)).size == '
            'document.querySelectorAll("[id]").length')
        assert 'What it is for' in page.text
        page.close()

"""Templates in Jinja's syntax, by themselves and as responses."""

import asyncio
import gc
import itertools
import os
import pathlib
import subprocess
import sys

import jinja2
import pytest

from microdot.flash import flash
from microdot.jinja import Template
from microdot.microdot import Microdot
from microdot.security import SecurityHeaders
from microdot.session import Session
from microdot.static import static
from microdot.test_client import TestClient

TOP = pathlib.Path(__file__).resolve().parents[2]

#: Names that must not lead anywhere.
NAMES = ('', '.', '..', '../secret.txt', 'a/../../secret.txt',
         '/../secret.txt', '..\\secret.txt', 'folder/..\\..\\secret.txt',
         'C:\\secret.txt', 'missing.html', 'folder', 'x' * 5000,
         '%2e%2e/secret.txt', 'page.html/../../secret.txt',
         'page.html\0.txt', 'folder//../../secret.txt')
#: What strangers send in the hope that it becomes markup or a template.
HOSTILE = ('<script>alert(1)</script>', '" onload="alert(1)',
           "' onload='alert(1)", '</title><script>', '&lt;script&gt;',
           '{{ 7 * 7 }}', '{% include "/etc/passwd" %}', '{# x #}',
           '{{ "".__class__.__mro__ }}', '\0<b>', '<' * 2000,
           'a\r\nSet-Cookie: x=y')


@pytest.fixture
def folder(tmp_path):
    """The folder of the templates; a file beside it is none of theirs."""
    (tmp_path / 'secret.txt').write_text('secret')
    folder = tmp_path / 'templates'
    (folder / 'folder').mkdir(parents=True)
    (folder / 'hello.txt').write_text('Hello, {{ name }}!\n')
    (folder / 'page.html').write_text(
        '<p>{{ value }}</p><a title="{{ value }}">')
    (folder / 'fails.txt').write_text(
        '{% for i in range(9) %}{{ 1 // (5 - i) }} {% endfor %}')
    yield folder
    Template.jinja_env = None
    Template.contexts.clear()


@pytest.fixture
def template(folder):
    """The class, after it was told of the folder."""
    Template.initialize(str(folder))
    return Template


async def collect(pieces):
    return ''.join([piece async for piece in pieces])


def test_all_four_ways(folder):
    Template.initialize(str(folder))
    template = Template('hello.txt')
    assert template.name == 'hello.txt'
    assert template.render(name='foo') == 'Hello, foo!'
    assert template.render({'name': 'foo'}) == 'Hello, foo!'
    assert ''.join(template.generate(name='foo')) == 'Hello, foo!'

    Template.initialize(str(folder), enable_async=True)
    template = Template('hello.txt')
    assert asyncio.run(template.render_async(name='foo')) == 'Hello, foo!'
    assert asyncio.run(
        collect(template.generate_async(name='foo'))) == 'Hello, foo!'


def test_small_pieces_are_joined(template, folder):
    (folder / 'many.txt').write_text(
        '{% for i in range(1000) %}{{ i }},{% endfor %}')
    pieces = list(template('many.txt').generate())
    assert ''.join(pieces) == ''.join('%d,' % i for i in range(1000))
    assert 10 < len(pieces) < 50


def test_closing_the_pieces_ends_the_template(template, folder):
    (folder / 'endless.txt').write_text(
        '{% for item in items %}{{ item }}{% endfor %}')
    items = itertools.count()
    pieces = template('endless.txt').generate(items=items)
    assert next(pieces).startswith('0123')
    pieces.close()
    assert list(pieces) == []
    assert next(items) < 100


@pytest.mark.filterwarnings(
    'ignore:coroutine', 'ignore::pytest.PytestUnraisableExceptionWarning')
def test_with_await_enabled_a_coroutine_cannot_render_at_once(folder):
    Template.initialize(str(folder), enable_async=True)

    async def handler():
        return Template('hello.txt').render(name='foo')

    with pytest.raises(RuntimeError):
        asyncio.run(handler())
    gc.collect()  # Jinja's own coroutine, which is not awaited


def test_templates_may_await(folder):
    async def name():
        await asyncio.sleep(0)
        return 'foo'

    (folder / 'wait.txt').write_text('{{ name() }}')
    Template.initialize(str(folder), enable_async=True)
    assert asyncio.run(
        Template('wait.txt').render_async(name=name)) == 'foo'


def test_the_async_ways_must_be_enabled(template):
    with pytest.raises(RuntimeError, match='async'):
        asyncio.run(template('hello.txt').render_async(name='foo'))
    with pytest.raises(RuntimeError, match='async'):
        asyncio.run(collect(template('hello.txt').generate_async(name='foo')))


def test_the_first_use_looks_in_templates(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert Template('hello.txt').render(name='foo') == 'Hello, foo!'
    assert isinstance(Template.jinja_env, jinja2.Environment)


def test_options_are_those_of_the_environment(folder):
    Template.initialize(str(folder), variable_start_string='[[',
                        variable_end_string=']]', keep_trailing_newline=True)
    (folder / 'own.txt').write_text('[[ name ]] {{ name }}\n')
    assert Template('own.txt').render(name='foo') == 'foo {{ name }}\n'
    Template.initialize(loader=jinja2.DictLoader({'a.html': '{{ x }}'}),
                        autoescape=False)
    assert Template('a.html').render(x='<') == '<'


def test_several_folders_are_searched_in_order(folder, tmp_path):
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'hello.txt').write_text('other')
    (tmp_path / 'other' / 'more.txt').write_text('more')
    Template.initialize([str(folder), tmp_path / 'other'])
    assert Template('hello.txt').render(name='foo') == 'Hello, foo!'
    assert Template('more.txt').render() == 'more'


def test_arguments_for_get_template_are_passed_on(template):
    assert template('hello.txt', globals={'name': 'bar'}).render() == \
        'Hello, bar!'


def test_filters_and_globals_can_be_added(template, folder):
    template.jinja_env.filters['shout'] = str.upper
    template.jinja_env.globals['site'] = 'here'
    (folder / 'own.txt').write_text('{{ site|shout }}')
    assert template('own.txt').render() == 'HERE'


@pytest.mark.parametrize('name, escaped', [
    ('a.html', True), ('a.HTM', True), ('a.xml', True), ('a.xhtml', True),
    ('a.svg', True), ('a.html.j2', True), ('a.jinja', True),
    ('a.jinja2', True), ('a', True), ('a.txt/b', True),
    ('a.txt', False), ('a.txt.j2', False), ('a.json.jinja', False),
    ('a.csv', False), ('a.html/b.txt', False)])
def test_what_may_be_html_is_escaped(template, folder, name, escaped):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text('{{ x }}')
    assert template(name).render(x='<') == ('&lt;' if escaped else '<')


def test_templates_from_strings_are_escaped(template):
    text = template.jinja_env.from_string('{{ x }}').render(x='<')
    assert text == '&lt;'


@pytest.mark.parametrize('value', HOSTILE)
def test_a_value_never_becomes_markup_or_template(template, value):
    text = template('page.html').render(value=value)
    escaped = str(jinja2.utils.markupsafe.escape(value))
    assert not set('<>"\'') & set(escaped)
    assert text == '<p>%s</p><a title="%s">' % (escaped, escaped)


@pytest.mark.parametrize('name', NAMES)
def test_no_name_leads_out_of_the_folder(template, name):
    try:
        text = template(name).render()
    except (jinja2.TemplateNotFound, OSError, ValueError):
        return
    pytest.fail('it gave %r' % text[:99])


def test_an_absolute_name_is_below_the_folder(template, folder):
    with pytest.raises(jinja2.TemplateNotFound):
        template(str(folder.parent / 'secret.txt'))


def test_a_missing_template_is_named(template):
    with pytest.raises(jinja2.TemplateNotFound, match='missing.html'):
        template('missing.html')


def test_a_part_does_not_lead_out_of_the_folder(template, folder):
    (folder / 'own.html').write_text('{% include name %}')
    for name in ('../secret.txt', str(folder.parent / 'secret.txt')):
        with pytest.raises(jinja2.TemplateNotFound):
            template('own.html').render(name=name)


@pytest.mark.parametrize('text, line', [
    ('{{', 1), ('\n{{ x', 2), ('{% if x %}', 1), ('{% endif %}', 1),
    ('\n\n{% nothing %}', 3), ('{{ x | nothing }}', 1), ('{% for %}', 1),
    ('{# x', 1)])
def test_mistakes_are_named_with_their_line(template, folder, text, line):
    (folder / 'bad.html').write_text(text)
    with pytest.raises(jinja2.TemplateSyntaxError) as caught:
        template('bad.html')
    assert caught.value.name.endswith('bad.html')
    assert caught.value.lineno == line


# ----------------------------------------------------------------- responses

@pytest.fixture
def app(folder):
    """An application that answers with templates."""
    app = Microdot()
    Template.initialize(str(folder), enable_async=True)
    sync = jinja2.Environment(loader=jinja2.FileSystemLoader(str(folder)))

    @app.get('/<kind>/<name>')
    async def render(request, kind, name):
        template = Template(name)
        if kind in ('render', 'generate'):
            template.template = sync.get_template(name)
        result = getattr(template, kind)(name='foo')
        if kind == 'render_async':
            result = await result
        return result

    @app.get('/named')
    def named(request):
        return Template(request.args['name']).render()

    return app


def get(app, path):
    return asyncio.run(TestClient(app).get(path))


@pytest.mark.parametrize('kind', [
    'render', 'render_async', 'generate', 'generate_async'])
def test_views_return_what_templates_give(app, kind):
    response = get(app, '/%s/hello.txt' % kind)
    assert response.status_code == 200
    assert response.text == 'Hello, foo!'


@pytest.mark.parametrize('kind', ['render', 'render_async'])
def test_an_error_before_the_first_piece_is_500(app, kind):
    response = get(app, '/%s/fails.txt' % kind)
    assert response.status_code == 500
    assert response.text == 'Internal server error'


@pytest.mark.parametrize('kind', ['generate', 'generate_async'])
def test_an_error_in_the_middle_cuts_the_response(app, kind):
    errors = []
    app.log_exception = lambda request, error: errors.append(error)
    with pytest.raises(Exception):
        get(app, '/%s/fails.txt' % kind)
    assert [type(error) for error in errors] == [ZeroDivisionError]


@pytest.mark.parametrize('name', [
    '../secret.txt', '%2e%2e%2fsecret.txt', '/etc/passwd', 'missing.html',
    '..%5csecret.txt', 'page.html%00.txt'])
def test_a_name_from_the_request_gives_no_file_away(app, name):
    response = get(app, '/named?name=' + name)
    assert response.status_code == 500
    assert response.text == 'Internal server error'


# ---------------------------------------------------------------- responses

def respond(app, path='/', **kwargs):
    return asyncio.run(TestClient(app, **kwargs).get(path))


made = itertools.count()


def make_app(folder, text, **context):
    """An application that answers with a template."""
    # (one that is written again is not read again where the clock of files
    # has not moved on)
    name = 'made%d.html' % next(made)
    (folder / name).write_text(text)
    app = Microdot()

    @app.get('/')
    async def index(request):
        return Template(name).response(request, **context)

    @app.get('/items/<int:number>')
    async def item(request, number):
        return Template(name).response(request, 201, number=number)

    return app


def test_a_response_is_html(template, folder):
    res = respond(make_app(folder, '<p>{{ a }}', a='<\xfc>'))
    assert res.status_code == 200
    assert res.headers['Content-Type'] == 'text/html; charset=UTF-8'
    assert res.text == '<p>&lt;\xfc&gt;'
    assert int(res.headers['Content-Length']) == len(res.body)
    res = respond(make_app(folder, '{{ number }}'), '/items/5')
    assert (res.status_code, res.text) == (201, '5')


def test_templates_know_the_request_and_routes(template, folder):
    text = '{{ request.path }} {{ url_for("item", number=5) }}'
    app = make_app(folder, text)
    assert respond(app).text == '/ /items/5'
    outer = Microdot()
    outer.mount(app, '/shop', name='shop')

    @outer.get('/')
    async def index(request):
        request.root_path = '/root'
        return Template('prefixed.html').response(request)

    (folder / 'prefixed.html').write_text(
        '{{ url_for("shop:item", number=5) }}')
    assert respond(outer).text == '/root/shop/items/5'


def test_templates_take_messages(template, folder):
    app = make_app(folder, '{% for category, text in get_flashed() %}'
                           '{{ category }}: {{ text }};{% endfor %}')
    Session(app, 'key')

    @app.post('/')
    async def save(request):
        flash(request, 'Saved', 'success')
        return 'saved'

    async def talk():
        client = TestClient(app)
        await client.post('/')
        return [(await client.get('/')).text for _ in range(2)]

    assert asyncio.run(talk()) == ['success: Saved;', '']


def test_a_nonce_is_made_where_it_is_used(template, folder):
    for text in ('{{ csp_nonce }}', '{{ csp_nonce() }}', 'none'):
        app = make_app(folder, text)
        SecurityHeaders(app, csp="script-src 'self' 'unsafe-inline'")
        res = respond(app)
        policy = res.headers['Content-Security-Policy']
        if text == 'none':
            assert 'nonce' not in policy
        else:
            assert len(res.text) == 24
            assert "'nonce-%s'" % res.text in policy


def test_a_program_can_add_names(template, folder):
    @Template.context
    def add(request):
        return {'site': 'site of ' + request.path, 'a': 'added',
                'request': 'another'}

    app = make_app(folder, '{{ site }}, {{ a }}, {{ request }}', a='given')
    assert respond(app).text == 'site of /, given, another'
    assert callable(add)


def test_with_await_enabled_it_is_rendered_while_it_is_sent(folder):
    Template.initialize(folder, enable_async=True)

    async def slow():
        await asyncio.sleep(0)
        return 'slow'

    app = make_app(folder, '{{ slow() }}', slow=slow)
    res = respond(app)
    assert res.text == 'slow'
    assert res.headers['Content-Type'] == 'text/html; charset=UTF-8'


# ------------------------------------------------------------------ folders

PROGRAM = """\
import asyncio
from microdot import Microdot
from microdot.%s import Template
from microdot.static import static
from microdot.test_client import TestClient

app = Microdot()
static(app, '/static', 'public')

@app.get('/')
def index(request):
    return Template('page.html').response(request)

async def main():
    client = TestClient(app)
    for path in '/', '/static/a.txt':
        print((await client.get(path)).text)

asyncio.run(main())
"""


@pytest.mark.parametrize('kind', ('jinja', 'utemplate'))
def test_folders_are_found_beside_the_program(tmp_path, kind):
    for name in ('program', 'elsewhere'):
        folder = tmp_path / name
        (folder / 'templates').mkdir(parents=True)
        (folder / 'public').mkdir()
        (folder / 'templates' / 'page.html').write_text('page of ' + name)
        (folder / 'public' / 'a.txt').write_text('file of ' + name)
    (tmp_path / 'nowhere').mkdir()
    (tmp_path / 'program' / 'app.py').write_text(PROGRAM % kind)
    for current, found in (('program', 'program'), ('nowhere', 'program'),
                           ('elsewhere', 'elsewhere')):
        result = subprocess.run(
            [sys.executable, str(tmp_path / 'program' / 'app.py')],
            cwd=tmp_path / current, capture_output=True, text=True,
            timeout=60, env=dict(os.environ, PYTHONPATH=os.pathsep.join(
                (str(TOP / 'src'), str(TOP / 'libs' / 'micropython')))))
        assert result.stdout == 'page of %s\nfile of %s\n' % (found, found), (
            result.stderr)


def test_a_folder_that_is_nowhere_is_named_as_it_was_given():
    with pytest.raises(ValueError, match='^no folder no_such_folder$'):
        static(Microdot(), '/static', 'no_such_folder')

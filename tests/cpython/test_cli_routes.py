"""``microdot routes``: what it says of each route."""
import functools
import io

from microdot import Microdot
from microdot.cli import routes
from microdot.cli.terminal import Terminal


def make():
    app = Microdot()
    blog = Microdot()
    comments = Microdot()

    @comments.get('/<int:id>')
    async def show(request, id):
        return 'comment'

    @blog.get('/')
    async def index(request, id=None):
        return 'posts'

    blog.get('/<int:id>', name='post')(index)

    @app.get('/')
    async def home(request):
        return 'home'

    app.get('/part')(functools.partial(home))
    blog.mount(comments, '/comments', name='talk')
    app.mount(blog, '/blog', local=True, name='blog')
    app.mount(comments, '/recent')
    return app


def rows_of(app):
    return {row['pattern']: row for row in routes.route_rows(app)}


def test_names_are_those_that_url_for_takes():
    app = make()
    rows = rows_of(app)
    assert {pattern: row['name'] for pattern, row in rows.items()
            if pattern != '/part'} == {
        '/': 'home', '/blog/': 'blog:index', '/blog/<int:id>': 'blog:post',
        '/blog/comments/<int:id>': 'blog:talk:show',
        '/recent/<int:id>': 'show'}
    for pattern, row in rows.items():
        if pattern != '/part':  # a partial function has no name
            args = {'id': 5} if 'id' in pattern else {}
            assert app.url_for(row['name'], **args) == \
                pattern.replace('<int:id>', '5')


def test_the_function_is_named_where_the_route_has_another_name():
    lines = routes.table(routes.route_rows(make()), Terminal(io.StringIO()))
    found = {line.split()[1]: line.split()[2:] for line in lines.split('\n')}
    for pattern, name, function in (
            ('/', 'home', ''), ('/blog/', 'blog:index', ''),
            ('/blog/<int:id>', 'blog:post', 'make.<locals>.index'),
            ('/recent/<int:id>', 'show', '')):
        assert found[pattern][0] == name
        assert found[pattern][1] == function if function \
            else 'test_cli_routes.py:' in found[pattern][1]


def test_functions_are_told_with_file_and_line():
    row = rows_of(make())['/blog/<int:id>']
    assert row['handler'] == 'make.<locals>.index'
    assert row['file'].endswith('test_cli_routes.py')
    assert row['line'] == make.__code__.co_firstlineno + 9

"""The pages for developers: what they show, and to whom."""
import asyncio
import dataclasses
import html
import json
import logging
import re
import sys

import pytest

from microdot import Microdot, Response, debug
from microdot.microdot import HTTPException
from microdot.test_client import TestClient

MARKUP = '<script>alert("&\'")</script>'
HTML = {'Accept': 'text/html,*/*'}


class Odd(Exception):
    pass


class Unshowable:
    def __repr__(self):
        raise OSError('no')


def application():
    app = Microdot()
    debug.install(app)
    app.log_exception = lambda request, exc: None

    @app.get('/fails/<name>')
    async def fails(request, name):
        value = MARKUP  # noqa: F841
        password = 'hunter2'  # noqa: F841
        unshowable = Unshowable()  # noqa: F841
        data = {'api_key': 'hunter2', MARKUP: MARKUP}  # noqa: F841
        nested = [{'Cookie': 'hunter2'}]  # noqa: F841
        try:
            raise KeyError(MARKUP)
        except KeyError as exc:
            raise Odd(MARKUP) from exc

    @app.get('/aborts')
    async def aborts(request):
        raise HTTPException(418, 'short and stout')

    @app.get('/own')
    async def own(request):
        return 'mine', 404

    return app


def get(path='/fails/x', headers=HTML, host='localhost:5000', app=None,
        addr=('127.0.0.1', 1234)):
    app = app or application()

    async def other_peer(request, call_next):
        # the test client has one address
        request.client_addr = addr
        return await call_next(request)

    app.wrap_dispatch(other_peer, outermost=True)
    return asyncio.run(TestClient(app, host=host).get(path, headers=headers))


def test_a_browser_gets_a_page():
    res = get()
    assert res.status_code == 500
    assert res.headers['Content-Type'] == 'text/html; charset=UTF-8'
    text = html.unescape(res.text)
    assert 'Odd at GET /fails/x' in text
    assert 'Caused by' in text and 'KeyError' in text
    assert 'raise Odd(MARKUP) from exc' in text
    assert '(hidden)' in text
    assert '<Unshowable instance at' in text
    assert debug.__file__ not in text.partition('<textarea')[0]


def test_markup_in_every_value_is_escaped():
    path = '/fails/%3Cscript%3E?x=<script>'
    res = get(path, {**HTML, 'X-Odd': MARKUP, 'User-Agent': MARKUP,
                     'Referer': MARKUP})
    page = res.text
    assert page.count('<script') == 1  # its own
    assert page.count('</textarea>') == 1
    assert 'alert(' not in re.sub(r'&lt;script&gt;alert\(', '', page)
    assert page.count('&lt;script&gt;alert(') >= 8


def test_markup_in_a_path_that_nothing_matches_is_escaped():
    app = application()
    app.get('/routes/<re:[^<]*:x>')(lambda request, x: '')
    page = get('/%3Cscript%3Ealert(1)%3C/script%3E', app=app).text
    assert page.count('<script') == 1
    assert '&lt;script&gt;alert(1)' in page
    assert '&lt;re:[^&lt;]*' in page


def test_secrets_are_hidden():
    res = get('/fails/x?token=hunter2&q=1', {
        **HTML, 'Cookie': 'a=hunter2', 'Authorization': 'Basic hunter2',
        'X-Api-Key': 'hunter2'})
    text = res.text
    # (the source of this file has it too)
    text = re.sub(r'<span class="row.*?</span>', '', text)
    assert 'hunter2' not in text
    assert 'Authorization' not in text.partition('<h2>Request')[2]


def test_the_environment_is_not_shown(monkeypatch):
    monkeypatch.setenv('MICRODOT_TEST_VALUE', 'swordfish')
    for accept in ('text/html', 'application/json', '*/*'):
        assert 'swordfish' not in get(headers={'Accept': accept}).text


def test_it_names_no_other_site():
    assert not re.findall(r'(?:src|href|url|action)\s*[=(]', get(
        headers={'Accept': 'text/html'}).text.partition('<body>')[0])
    assert '//' not in re.sub(r'<(style|script).*?</\1>|<pre>.*?</pre>', '',
                              get('/no').text, flags=re.S)


def test_its_policy_allows_its_own_script_alone():
    res = get()
    policy = res.headers['Content-Security-Policy']
    nonce = re.search("script-src 'nonce-([^']+)'", policy).group(1)
    assert '<script nonce="%s">' % nonce in res.text
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert nonce not in get().headers['Content-Security-Policy']
    assert res.headers['Cache-Control'] == 'no-store'


def test_curl_gets_text():
    res = get('/fails/x?key=hunter2', {'Accept': '*/*'})
    assert res.headers['Content-Type'] == 'text/plain; charset=UTF-8'
    assert res.text.startswith('GET /fails/x?key=(hidden)\n')
    assert 'Traceback (most recent call last)' in res.text
    assert 'Odd: ' + MARKUP in res.text
    assert 'call_next' not in res.text


def test_json_clients_get_json():
    data = get(headers={'Accept': 'application/json'}).json
    assert data['exception'] == 'Odd' and data['message'] == MARKUP
    assert data['frames'][-1]['function'].endswith('fails')
    json.dumps(data)


@pytest.mark.parametrize('peer', [
    None, '/run/app.sock', ('10.0.0.1', 1), ('8.8.8.8', 1), ('::2', 1),
    ('1270.0.0.1', 1), ('127.0.0.1.example.com', 1)])
def test_other_peers_get_nothing(peer):
    res = get(addr=peer)
    assert (res.status_code, res.text) == (500, 'Internal server error')
    assert get('/no', addr=peer).text == 'Not found'


@pytest.mark.parametrize('peer', ['127.0.0.1', '127.9.8.7', '::1',
                                  '::ffff:127.0.0.1'])
def test_loopback_peers_get_it(peer):
    assert 'Odd' in get(addr=(peer, 1)).text


@pytest.mark.parametrize('host', [
    'example.com', 'example.com:5000', 'localhost.example.com',
    '127.0.0.1.example.com', '10.0.0.1', '[::2]', 'xlocalhost'])
def test_other_hosts_get_nothing(host):
    assert get(host=host).text == 'Internal server error'


@pytest.mark.parametrize('host', ['localhost', 'LOCALHOST:80', '127.0.0.1',
                                  '127.0.0.1:5000', '[::1]:5000'])
def test_own_hosts_get_it(host):
    assert 'Odd' in get(host=host).text


@pytest.mark.parametrize('header', [
    'Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto',
    'X-Forwarded-Anything', 'X-Real-IP', 'Via'])
def test_who_comes_through_a_proxy_gets_nothing(header):
    res = get(headers={**HTML, header: '127.0.0.1'})
    assert res.text == 'Internal server error'


@pytest.mark.parametrize('origin,shown', [
    ('http://localhost:5000', True), ('https://example.com', False),
    ('null', False), ('http://localhost:5001', False)])
def test_pages_of_other_sites_get_nothing(origin, shown):
    res = get(headers={**HTML, 'Origin': origin})
    assert ('Odd' in res.text) == shown


def test_a_middleware_cannot_make_a_client_local():
    app = application()

    @app.middleware
    async def forge(request, call_next):
        request.client_addr = ('127.0.0.1', 1)
        return await call_next(request)

    assert get(app=app, addr=('8.8.8.8', 1)).text == 'Internal server error'


def test_an_exception_is_logged_once():
    app = application()
    logged = []
    app.log_exception = lambda request, exc: logged.append(exc)
    get(app=app)
    assert [type(exc) for exc in logged] == [Odd]


def test_what_is_meant_is_left_alone():
    assert get('/aborts').text == 'short and stout'
    assert get('/own').text == 'mine'


def test_an_own_handler_for_404_is_left_alone():
    app = application()
    app.errorhandler(404)(lambda request: ('lost', 404))
    assert get('/no', app=app).text == 'lost'


def test_404_has_the_routes_and_the_nearest():
    text = get('/abort', {'Accept': '*/*'}).text
    assert 'Nearest: /aborts\n' in text
    assert 'GET /fails/<name>  application.fails (' in text
    data = get('/abort', {'Accept': 'application/json'})
    assert data.status_code == 404 and data.json['nearest'] == ['/aborts']
    page = get('/abort').text
    assert 'Did you mean <code><a href="/aborts">/aborts</a></code>' in page
    assert 'There are no routes' in get('/', app=bare()).text


@pytest.mark.parametrize('pattern, method, link', [
    ('/gr\xfc\xdfe/"a"?', 'GET', '/gr%C3%BC%C3%9Fe/%22a%22%3F'),
    ('/<name>', 'GET', None), ('//other.example/', 'GET', None),
    ('/x', 'POST', None)])
def test_routes_that_a_browser_can_follow_are_links(pattern, method, link):
    app = bare()
    app.route(pattern, methods=[method])(lambda request, **args: 'x')
    page = get('/un/known', app=app).text
    assert re.findall('<a href="(.*?)"', page) == ([link] if link else [])
    if link:
        assert get(link, app=app).text == 'x'


@pytest.mark.parametrize('path, pattern', [
    ('/itmes/3', '/items/<int:id>'), ('/items/three', '/items/<int:id>'),
    ('/itemz', '/items'), ('/user/ada/post/7', '/users/<name>/posts/<id>'),
    ('/flies/a/b', '/files/<path:p>'), ('/nothing/like/it', None),
    ('/', None), ('', None)])
def test_the_nearest_has_the_parameters_of_the_path(path, pattern):
    near = debug.nearest(path, [
        '/items/<int:id>', '/users/<name>/posts/<id>', '/items',
        '/files/<path:p>', '/<a>-<b>/x', '/items/<int:id>'])
    assert near[:1] == ([pattern] if pattern else [])
    assert len(near) == len(set(near)) <= 3


def bare():
    app = Microdot()
    debug.install(app)
    return app


def test_the_icon_that_browsers_ask_for_is_no_error():
    assert get('/favicon.ico').status_code == 204
    app = application()
    app.get('/favicon.ico')(lambda request: 'icon')
    assert get('/favicon.ico', app=app).text == 'icon'


def test_it_is_installed_once():
    app = Microdot()
    assert debug.install(app) is debug.install(app)
    assert len(app.wrappers) == 1


def test_values_are_short_and_few():
    assert len(debug.show('x', 'a' * 10 ** 6)) <= debug.MAX_VALUE
    assert len(debug.show('x', [['y' * 50] * 50] * 50)) <= debug.MAX_VALUE
    loop = []
    loop.append(loop)
    assert debug.show('x', loop)
    endless = {}
    endless['a'] = endless
    assert debug.show('x', endless)


def test_a_deep_recursion_is_shown_at_both_ends():
    def deep():
        deep()

    try:
        deep()
    except RecursionError as exc:
        frames = debug.frames_of(exc)
    assert frames.count(None) == 1
    assert len(frames) == debug.MAX_FRAMES + 1


def test_a_file_that_is_not_python_is_shown(tmp_path):
    path = tmp_path / 'broken.py'
    path.write_text('if 1:\n\tx = (<b>)\nlast = 3\n')

    def load():
        compile(path.read_text(), str(path), 'exec')

    try:
        load()
    except SyntaxError as exc:
        frames = debug.frames_of(exc)
        page = debug.error_response(asked(), exc).body.decode()
    assert [frame.name for frame in frames][-1:] == ['invalid syntax']
    last = frames[-1]
    assert (last.path, last.line, last.own) == (str(path), 2, True)
    assert last.source == [
        (1, 'if 1:'), (2, '\tx = (<b>)'), ('', '\t     ^'),
        (3, 'last = 3')]
    assert '<i>2</i>\tx = (&lt;b&gt;)</span>' in page
    assert '<span class="row now"><i></i>\t     ^</span>' in page


@pytest.mark.parametrize('filename, line, offset', [
    (None, None, None), ('<string>', 1, 1), ('nowhere.py', 7, 3),
    ('nowhere.py', 7, None), ('nowhere.py', None, 3), (__file__, 1, 10 ** 9),
    (__file__, 10 ** 9, 1), (__file__, 1, 0), (__file__, 1, -1)])
def test_a_syntax_error_without_its_file_is_shown(filename, line, offset):
    exc = SyntaxError('odd', (filename, line, offset, None))
    assert 'odd' in debug.error_response(asked(), exc).body.decode()


def asked():
    """A request of a browser."""
    found = []
    app = Microdot()
    app.get('/')(found.append)
    asyncio.run(TestClient(app).get('/', headers=HTML))
    return found[0]


@pytest.mark.skipif(sys.version_info < (3, 11), reason='no groups')
def test_a_group_shows_what_is_in_it():
    group = BaseExceptionGroup('several', [  # noqa: F821
        ValueError('<1>'), KeyError('second'),
        BaseExceptionGroup('inner', [OSError('third')])])  # noqa: F821
    assert [str(exc) for exc, _ in debug.chain_of(group)] == [
        str(group), '<1>', "'second'", str(group.exceptions[2])]
    page = debug.error_response(asked(), group).body.decode()
    assert page.count('One of them is') == 3
    assert '&lt;1&gt;' in page and '<1>' not in page
    many = BaseExceptionGroup('many', [ValueError()] * 100)  # noqa: F821
    assert len(debug.chain_of(many)) == debug.MAX_CHAIN


def test_a_template_is_shown_with_its_own_values(tmp_path):
    jinja2 = pytest.importorskip('jinja2')
    (tmp_path / 'a.html').write_text('<p>\n{{ user.name.first }}')
    template = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(tmp_path))).get_template('a.html')
    try:
        template.render(user=None, dict='mine')
    except jinja2.UndefinedError as exc:
        frame, = [each for each in debug.frames_of(exc)
                  if each.path.endswith('a.html')]
    assert (frame.name, frame.line, frame.own) == ('template', 2, True)
    assert dict(frame.values) == {'user': 'None', 'dict': "'mine'"}
    assert frame.source == [(1, '<p>'), (2, '{{ user.name.first }}')]


def test_a_circle_of_exceptions_ends():
    one, two = ValueError(1), ValueError(2)
    one.__cause__, two.__cause__ = two, one
    assert [exc for exc, _ in debug.chain_of(one)] == [one, two]


def test_an_exception_that_cannot_be_shown_is():
    class Bad(Exception):
        def __str__(self):
            raise RuntimeError

    assert debug.message_of(Bad()) == '(str() raised RuntimeError)'


def test_a_handler_that_blocks_is_named_once(caplog):
    watch = debug.BlockWatch()

    def handler():
        watch.look(sys._getframe())
        watch.look(sys._getframe())

    with caplog.at_level(logging.WARNING, 'microdot'):
        handler()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1
    assert 'more than 100 ms' in lines[0] and 'test_debug.py' in lines[0]


def test_the_watch_sees_what_blocks(monkeypatch):
    watch = debug.BlockWatch(0.01)
    seen = []

    async def main():
        await watch.start()
        try:
            # blocks until the other thread has looked
            looked = __import__('threading').Event()
            monkeypatch.setattr(watch, 'look', lambda frame: (
                seen.append(frame.f_code.co_filename), looked.set()))
            assert looked.wait(10)
        finally:
            await watch.stop()

    asyncio.run(main())
    assert seen


def test_answers_that_go_well_are_left_alone():
    app = application()
    body = Response('<p>', 200, {'Content-Type': 'text/html'})
    app.get('/well')(lambda request: body)
    assert get('/well', app=app).text == '<p>'


@dataclasses.dataclass
class Account:
    name: str
    api_token: str
    pin: int


def test_secrets_within_objects_are_hidden():
    account = Account('ada', 'hun"t\'er2', 1234)
    assert debug.show('account', account) == \
        "Account(name='ada', api_token=(hidden), pin=1234)"
    assert 'hunter2' not in debug.show('accounts', [
        Account('ada', 'hunter2' * 100, 1)])
    for text in ('Options(password=None, a=1)', 'f(my_key=1)', "x(key='a')"):
        class Shown:
            def __repr__(self):
                return text
        assert '(hidden)' in debug.show('value', Shown())
    assert debug.show('value', 'a = monkey') == "'a = monkey'"


def wrong_application():
    app = Microdot()
    debug.install(app)

    @app.get('/one')
    async def one(request):
        value = 1
        return {value}

    @app.get('/two')
    async def two(request):
        if request.args:
            return 'x'
        return object()

    return app


def test_a_wrong_result_is_shown_by_its_handler(caplog):
    app = wrong_application()
    for path, line in (('/one', 'return {value}'),
                       ('/two', "@app.get('/two')")):
        page = get(path, app=app).text
        assert re.search(r'<span class="row now"><i>\d+</i> *' + re.escape(
            html.escape(line)), page)
        assert '_mistakes.py' not in page
        assert '<h1>handler wrong_application.' in page
        assert '<p>A handler may return text,' in page
        assert 'Wrong result at GET ' + path in page
        text = get(path, headers={}, app=app).text
        assert 'Traceback' not in text
        assert 'a handler may return text' in text
        frame, = get(path, headers={'Accept': 'application/json'},
                     app=app).json['frames']
        assert frame['file'] == __file__


def test_the_log_begins_with_the_program(caplog):
    app = Microdot()
    debug.install(app)

    @app.get('/')
    async def fails(request):
        raise LookupError('on purpose')

    with caplog.at_level(logging.ERROR, 'microdot'):
        asyncio.run(TestClient(app).get('/'))
    record, = caplog.records
    assert record.exc_info[2].tb_frame.f_code is fails.__code__
    assert record.exc_info[1].__traceback__.tb_frame.f_code is not \
        fails.__code__

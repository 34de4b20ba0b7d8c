"""The features of the framework, a handler or a few for each: what
``test_rows.py`` asks of every server.

``python rows.py PORT`` serves it with the built-in server; servers for ASGI
and WSGI import ``asgi_app`` and ``wsgi_app``.
"""
import asyncio
import dataclasses
import datetime
import decimal
import enum
import json
import os
import pathlib
import sys
import tempfile
import threading
import uuid

import prometheus_client

import microdot.asgi
import microdot.wsgi
from microdot import (
    Microdot,
    Response,
    abort,
    html,
    json_response,
    redirect,
    send_file,
)
from microdot.auth import BasicAuth
from microdot.compress import Compress, no_compress
from microdot.config import CommaSeparated, Config, Secret
from microdot.flash import flash, get_flashed
from microdot.foreign import asgi_app as from_asgi
from microdot.foreign import wsgi_app as from_wsgi
from microdot.hosts import RedirectHTTPS, TrustedHosts
from microdot.jinja import Template
from microdot.login import Login
from microdot.microdot import HTTPException
from microdot.proxies import TrustedProxies
from microdot.session import Session
from microdot.static import static
from microdot.stores import MemoryStore
from microdot.views import View, WebSocketView
from microdot.websocket import WebSocketClose, with_websocket

HERE = pathlib.Path(__file__).resolve().parent
CREATED = datetime.datetime(2026, 1, 2, 3, 4, 5)


class Color(enum.Enum):
    RED = 'red'


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Own:
    pass


def own_form(value):
    if isinstance(value, Own):
        return 'own'
    raise TypeError('no form')


def add_answers(app):
    app.get('/html')(lambda request: (
        '<p>ü', {'Content-Type': 'text/html'}))
    app.get('/html-of')(lambda request: html('<p>ü', 201, {'X-A': 'b'}))
    app.get('/svg')(lambda request: (
        '<svg/>', {'Content-Type': 'image/svg+xml'}))
    app.get('/png')(lambda request: (b'x', {'Content-Type': 'image/png'}))
    app.get('/null')(lambda request: json_response(None))
    app.get('/string')(lambda request: json_response('ü', 202))
    app.get('/umlaut')(lambda request: {'a': 'ü'})
    app.get('/point')(lambda request: Point(1, 2))
    app.get('/own')(lambda request: {'a': Own()})
    app.get('/nan')(lambda request: {'a': float('nan'), 'b': float('inf')})
    app.get('/set')(lambda request: {1})
    app.get('/swapped')(lambda request: (404, 'x'))
    app.get('/nothing')(lambda request: None)
    app.get('/etag')(lambda request: Response('tagged').etag())
    app.get('/abort/<int:status>')(lambda request, status: abort(status))

    @app.get('/types')
    async def types(request):
        return {'datetime': CREATED, 'date': CREATED.date(),
                'time': CREATED.time(), 'uuid': uuid.UUID(int=1),
                'decimal': decimal.Decimal('1.50'), 'enum': Color.RED,
                'set': {1}, 'dataclass': Point(1, 2)}


def add_requests(app):
    app.get('/key')(lambda request: request.args['q'])
    app.post('/form-key')(lambda request: request.form['q'])
    app.post('/member')(lambda request: request.json['q'])
    app.get('/version')(lambda request: [request.http_version])
    app.get('/cookie-key')(lambda request: request.cookies['q'])
    app.get('/header-key')(lambda request: request.headers['X-Q'])
    app.post('/json')(lambda request: request.get_json())
    app.post('/maybe')(lambda request: json_response(request.json))
    app.get('/strict')(lambda request: [
        request.args.get('page', 1, type=int, strict=True)])
    app.get('/lax')(lambda request: [request.args.get('page', 1, type=int)])
    app.get('/urls')(lambda request: [
        request.absolute_url, request.base_url, request.host, request.url])
    app.post('/fields')(lambda request: [
        request.form.items_list(), request.form.to_dict(flat=True)])
    app.post('/small', max_content_length=10)(lambda request: request.body)

    app.max_bodies = 4000
    app.post('/length')(lambda request: [len(request.body)])
    app.get('/kept')(lambda request: [app.body_bytes])

    holding, released = threading.Event(), threading.Event()

    @app.post('/hold')
    def hold(request):
        released.clear()
        holding.set()
        try:
            # (a test that fails must not leave the server waiting)
            return [len(request.body), released.wait(20)]
        finally:
            holding.clear()

    app.get('/holding')(lambda request: [holding.is_set()])
    app.post('/release')(lambda request: released.set())

    @app.post('/save', max_body_length=100)
    async def save(request):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, 'saved')
            path.write_text('old')
            status = 200
            try:
                await request.save(path, max_size=10)
            except HTTPException as exc:
                status = exc.status_code
            # (what is half written would be there too)
            return {each.name: each.read_text()
                    for each in path.parent.iterdir()}, status

    async def read_late(request):
        try:
            app.g.late = (await request.stream.read()).decode()
        except RuntimeError as exc:
            app.g.late = str(exc)

    @app.post('/late', max_body_length=10)
    async def late(request):
        app.g.late = None
        request.after_response(read_late, request)
        return 'early'

    app.get('/late')(lambda request: [app.g.late])

    @app.errorhandler(413)
    async def too_large(request):
        return 'too large', 413

    @app.errorhandler(416)
    async def no_part(request):
        return 'no such part', 416

    @app.after_error_request
    async def refused(request, response):
        response.headers['X-Refused'] = str(response.status_code)


def add_routes(app):
    app.get('/uuid/<uuid:id>')(lambda request, id: type(id).__name__)
    app.get('/date/<date:d>')(lambda request, d: [d.year, d.month])
    app.get('/any/<any(a,b):x>')(lambda request, x: x)
    app.get('/two/<a>-<b>')(lambda request, a, b: [a, b])
    app.get('/files/<path:path>', name='files')(lambda request, path: path)
    app.get('/built')(lambda request: [
        request.url_for('files', path='/css/a.css'),
        app.url_for('files', path='a b'), request.url_for('chat')])

    async def shout(request, call_next):
        response = await call_next(request)
        response.headers['X-Shout'] = 'yes'
        return response

    app.get('/loud', middleware=[shout])(lambda request: 'loud')

    @app.middleware(before_routing=True)
    async def old_paths(request, call_next):
        if request.path.startswith('/old/'):
            request.path = request.path[4:]
        return await call_next(request)

    @app.before_request
    async def before(request):
        request.g.hooked = True

    @app.after_request
    async def after(request, response):
        # (that of what no route matches would have no attribute)
        response.headers['X-Hooked'] = str(request.g.hooked)

    @app.route('/item/<int:id>')
    class Item(View):
        async def get(self, request, id):
            return 'item %d' % id

        def put(self, request, id):
            return 'put %d' % id

    secure = Microdot()
    RedirectHTTPS(secure, hsts=60)
    secure.get('/')(lambda request: 'secure')
    app.mount(secure, host='secure.example.com', local=True)
    api = Microdot()
    api.get('/')(lambda request: 'api')
    app.mount(api, host='api.example.com')
    people = Microdot()
    people.get('/home')(lambda request, name: 'home of ' + name)
    app.mount(people, host='<name>.example.com')
    app.get('/')(lambda request: 'index')


def add_state(app):
    Session(app, 'a key that is long enough for tests', store=MemoryStore())

    @app.get('/count')
    async def count(request):
        request.session['count'] = request.session.get('count', 0) + 1
        request.session.save()
        return [request.session['count']]

    @app.get('/flash')
    async def flashing(request):
        flash(request, 'Saved', 'success')
        return redirect('/flashed')

    app.get('/flashed')(lambda request: get_flashed(request))

    @app.get('/bake')
    async def bake(request):
        response = Response('')
        response.set_cookie('a', 'b c', max_age=datetime.timedelta(days=1))
        response.set_cookie('d', 'e', max_age=90.5)
        return response

    app.get('/eat')(lambda request: request.cookies)

    @app.post('/switch')
    async def switch(request):
        app.json_errors = not app.json_errors
        return [app.json_errors]


def add_files(app):
    static(app, '/static', HERE)
    static(app, '/both', [HERE.parent / 'files', HERE], not_found='page.py')
    static(app, '/page', HERE, fallback='page.py')

    @app.get('/download')
    async def download(request):
        return send_file(HERE / 'page.py', download_name='März.pdf')

    @app.get('/inline')
    async def inline(request):
        return send_file(HERE / 'page.py', download_name='a.py',
                         disposition='inline')

    @app.get('/file')
    async def file(request):
        return send_file(HERE / 'page.py')

    @app.get('/hello/<name>')
    async def hello(request, name):
        return Template('hello.html').response(request, 203, name=name)

    @app.get('/large')
    async def large(request):
        return 'A long text. ' * 100

    @app.get('/raw')
    @no_compress
    async def raw(request):
        return 'A long text. ' * 100

    @app.get('/pieces')
    async def pieces(request):
        async def body():
            for piece in 'ab', 'c' * 600:
                yield piece
        return body(), {'Content-Type': 'text/plain'}


    async def upper(request, call_next):
        response = await call_next(request)
        response.map_pieces(bytes.upper)
        return response

    app.get('/upper', middleware=[upper])(lambda request: 'loud')
    app.get('/upper/file', middleware=[upper])(file)
    app.get('/upper/large', middleware=[upper])(large)
    app.get('/upper/pieces', middleware=[upper])(pieces)


async def asgi_chat(receive, send):
    await send({'type': 'websocket.accept', 'subprotocol': 'rows'})
    while True:
        message = await receive()
        if message.get('text') == 'close':
            return await send({'type': 'websocket.close', 'code': 4000,
                               'reason': 'so long'})
        if message['type'] == 'websocket.receive':
            await send(dict(message, type='websocket.send'))
        elif message['type'] == 'websocket.disconnect':
            return


async def asgi_other(scope, receive, send):
    if scope['type'] == 'websocket':
        await receive()
        if scope['path'].endswith('/chat'):
            return await asgi_chat(receive, send)
        return await send({'type': 'websocket.close'})
    body, more = b'', True
    while more:
        message = await receive()
        body += message.get('body', b'')
        more = message.get('more_body')
    await send({'type': 'http.response.start', 'status': 203,
                'headers': [(b'content-type', b'application/json'),
                            (b'x-other', b'a'), (b'x-other', b'b')]})
    await send({'type': 'http.response.body', 'more_body': True,
                'body': b'["asgi", '})
    await send({'type': 'http.response.body', 'body': json.dumps([
        scope['method'], scope['root_path'], scope['path'],
        scope['query_string'].decode(), body.decode()]).encode()[1:]})


def wsgi_other(environ, start_response):
    body = environ['wsgi.input'].read(
        int(environ.get('CONTENT_LENGTH') or 0))
    start_response('203 Other', [
        ('Content-Type', 'application/json'),
        ('X-Other', 'a'), ('X-Other', 'b')])
    yield b'["wsgi", '
    yield json.dumps([
        environ['REQUEST_METHOD'], environ['SCRIPT_NAME'],
        environ['PATH_INFO'], environ['QUERY_STRING'],
        body.decode()]).encode()[1:]


def add_others(app):
    app.mount(from_asgi(asgi_other), '/asgi')
    app.mount(from_wsgi(wsgi_other), '/wsgi')
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Gauge('rows', 'of a table', registry=registry).set(7)
    app.mount(from_asgi(prometheus_client.make_asgi_app(registry)),
              '/prometheus/asgi')
    app.mount(from_wsgi(prometheus_client.make_wsgi_app(registry)),
              '/prometheus/wsgi')


def add_settings(app):
    os.environ['ROWS_PLACE'] = 'environment'
    config = Config(HERE / 'rows_pages' / 'settings.txt', prefix='ROWS_')
    app.get('/config')(lambda request: [
        config('PLACE'), config('COUNT', cast=int),
        config('NAMES', cast=CommaSeparated),
        repr(config('KEY', cast=Secret)), config('MISSING', default='none')])
    app.get('/config/<name>')(lambda request, name: [
        config(name, cast=int)])


def add_users(app):
    login = Login('/log-in')
    login.max_account_failures = 2

    @app.get('/try/<name>/<password>')
    async def attempt(request, name, password):
        user = await login.attempt(request, name,
                                   lambda: password == 'right' and name)
        return user or 'wrong'

    @login.user_loader
    async def load(id):
        return None

    inside = Microdot()
    login.required_everywhere(inside, except_=['/inside/about'])
    inside.get('/')(lambda request: 'inside')
    inside.get('/about')(lambda request: 'about it')
    app.mount(inside, '/inside', local=True)
    auth = BasicAuth()

    @auth.authenticate
    async def check(request, name, password):
        return name if password == 'right' else None

    @app.get('/private')
    @auth.requires(redirect='log_in')
    async def private(request):
        return 'for ' + request.g.current_user

    app.get('/log-in', name='log_in')(lambda request: 'who?')


def add_chat(app):
    @app.get('/chat')
    @with_websocket
    async def chat(request, ws):
        async for text in ws.iter_text():
            if text == 'close':
                raise WebSocketClose(4000, 'so long')
            await ws.send_json({'text': text})

    @app.route('/talk')
    class Talk(WebSocketView):
        async def on_connect(self, request, ws):
            await ws.send('welcome')

        async def on_receive(self, request, ws, message):
            await ws.send(message.upper())


def make_app(Application):
    Response.json_encoder = own_form
    Template.initialize(HERE / 'rows_pages')
    app = Application()
    TrustedHosts(app, ['*.example.com', 'example.com'], lan=True)
    app.middleware(TrustedProxies('127.0.0.1'))
    Compress(app)
    for add in (add_answers, add_requests, add_routes, add_state, add_files,
                add_others, add_settings, add_users, add_chat):
        add(app)

    @app.lifespan
    async def lifespan():
        app.g.alive = asyncio.current_task().get_name()
        yield

    app.get('/alive')(lambda request: [hasattr(app.g, 'alive')])

    @app.get('/who')
    async def who(request):
        return [request.client_addr[0], request.scheme]

    return app


app = make_app(Microdot)
asgi_app = make_app(microdot.asgi.Microdot)
wsgi_app = make_app(microdot.wsgi.Microdot)

if __name__ == '__main__':
    app.run('127.0.0.1', int(sys.argv[1]))

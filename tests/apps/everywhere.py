"""One application for every server: what the tests of the adapters serve.

``app``, ``asgi_app`` and ``wsgi_app`` differ only in who can call them. Each
appends a line to the file that ``$EVERYWHERE_LOG`` names when it starts and
when it stops. With ``$EVERYWHERE_FAILS`` it cannot start. Run with a port, it
is served by the built-in server; with ``wsgiref`` and a port, by that of the
standard library.
"""

import asyncio
import os
import pathlib
import sys
from binascii import crc32

from microdot import Microdot, Request, Response, abort, asgi, redirect, wsgi
from microdot.csrf import CSRF
from microdot.proxies import TrustedProxies
from microdot.session import MemoryStore, Session
from microdot.sse import with_sse
from microdot.validation import Field, with_body, with_form, with_query
from microdot.views import View
from microdot.websocket import websocket_upgrade, with_websocket

LOG = os.environ.get('EVERYWHERE_LOG')
FILE = pathlib.Path(__file__).parents[1] / 'files' / 'cert.pem'


def log(text):
    """Append a line to the file for that."""
    if LOG:
        with open(LOG, 'a') as file:
            file.write(text + '\n')


class Teapot(Exception):
    """What an error handler knows of."""


def make_app(kind):
    """Make the application.

    :param kind: the class: ``Microdot`` of one of the modules.
    """
    app = kind()
    gate = {}
    child = Microdot()

    @app.on_startup
    async def start():
        app.gate = asyncio.Event()
        log('started')

    @app.on_startup
    def start_too():
        log('started too')

    @child.on_startup
    async def start_child():
        if 'EVERYWHERE_FAILS' in os.environ:
            raise RuntimeError('no sensor')

    @app.on_shutdown
    def stop():
        log('stopped')

    app.middleware(TrustedProxies('127.0.0.1', host=True))

    @app.middleware
    async def count(request, call_next):
        response = await call_next(request)
        response.headers['X-Middleware'] = request.method
        return response

    @app.before_request
    async def before(request):
        request.g.before = 'before'
        if request.path == '/refused':
            return 'refused', 403

    @app.after_request
    async def after(request, response):
        response.headers['X-After'] = request.g.before

    @app.after_error_request
    async def after_error(request, response):
        response.headers['X-After-Error'] = 'yes'

    @app.errorhandler(Teapot)
    async def teapot(request, exc):
        return {'teapot': str(exc)}, 418

    @app.errorhandler(410)
    def gone(request):
        return 'gone\n', 410, {'X-Gone': 'long ago'}

    @app.get('/')
    async def index(request):
        return 'hello'

    @app.get('/sync')
    def sync(request):
        return 'sync'

    @app.get('/json')
    async def json(request):
        return {'a': [1, 2, 'ü']}

    @app.get('/bytes')
    async def in_bytes(request):
        return b'\x00\xff', 201, {'Content-Type': 'application/octet-stream'}

    @app.get('/empty')
    async def empty(request):
        return None

    @app.get('/status/<int:status>')
    async def status(request, status):
        return status

    @app.get('/abort/<int:status>')
    async def aborted(request, status):
        abort(status, 'sorry', {'X-Why': 'so'})

    @app.get('/error')
    async def error(request):
        raise RuntimeError('on purpose')

    @app.get('/teapot')
    async def make_tea(request):
        raise Teapot('short')

    @app.get('/headers')
    async def headers(request):
        response = Response('x', 200, {
            'X-Int': 5, 'x-lower': 'a  b', 'X-List': ['a', 'b'],
            'X-Unicode': 'ü', 'X-Empty': ''})
        response.set_cookie('a', 'b', path='/', http_only=True)
        response.set_cookie('c', 'd', max_age=5, same_site='Lax')
        request.g._vary = {'Cookie'}
        return response

    @app.get('/injection')
    async def injection(request):
        return 'x', {'X-Bad': 'a\r\nX-Evil: b'}

    @app.get('/bad-status')
    async def bad_status(request):
        return 'x', 42

    @app.get('/dated')
    async def dated(request):
        return 'x', {'Date': 'Thu, 01 Jan 1970 00:00:00 GMT'}

    @app.get('/reason')
    async def reason(request):
        return Response('x', 200, reason='Fine')

    @app.get('/redirect')
    async def elsewhere(request):
        return redirect('/a b?c=ü')

    @app.route('/echo', methods=['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
    async def echo(request):
        return {
            'method': request.method, 'url': request.url,
            'path': request.path, 'query': request.query_string,
            'args': {key: request.args.getlist(key) for key in request.args},
            'scheme': request.scheme, 'host': request.headers.get('Host'),
            'client': request.client_addr[0],
            'cookies': request.cookies, 'body': request.body.decode(),
            'x': request.headers.get('X-Test'),
            'names': sorted(name for name in request.headers
                            if name[:2] == 'X-')}

    @app.post('/form')
    def form(request):
        return {key: request.form.getlist(key) for key in request.form}

    @app.post('/post-json')
    async def post_json(request):
        return [request.json]

    @app.post('/validated')
    @with_query({'page': Field(int, default=1)})
    @with_body({'name': str, 'tags?': [str]})
    async def validated(request, query, body):
        return [query, body]

    @app.post('/validated-plain')
    @with_form({'a': [int], 'b?': bool})
    def validated_plain(request, form):
        return form

    @app.get('/path/<name>')
    async def one(request, name):
        return [name, request.path, request.url]

    @app.get('/paths/<path:name>')
    async def many(request, name):
        return [name, request.path, request.url]

    @app.get('/int/<int:number>')
    async def number(request, number):
        return str(number + 1)

    @app.get('/url')
    async def url(request):
        return [request.url_for('one', name='a/b ü'), app.url_for('index')]

    @app.get('/refused')
    async def refused(request):
        return 'never'

    @app.get('/async-stream')
    async def async_stream(request):
        async def pieces():
            for piece in 'one ', b'', b'two ', bytearray(b'three'):
                await asyncio.sleep(0)
                yield piece
        return pieces()

    @app.get('/sync-stream')
    def sync_stream(request):
        return (piece for piece in ('one ', b'two ', memoryview(b'three')))

    @app.get('/known-stream')
    async def known_stream(request):
        return iter(['ab', 'cd']), {'Content-Length': 4}

    @app.get('/file')
    async def file(request):
        return Response.send_file(FILE, content_type='text/plain', max_age=60)

    @app.get('/missing-file')
    async def missing_file(request):
        return Response.send_file('missing')

    @app.post('/upload', max_content_length=8 * 1024 * 1024)
    async def upload(request):
        size = total = 0
        async for piece in request.stream:
            size += len(piece)
            total = crc32(piece, total)
        return [size, total]

    @app.post('/unread', max_content_length=8 * 1024 * 1024)
    async def unread(request):
        return 'unread'

    @app.post('/copy', max_content_length=8 * 1024 * 1024)
    async def copy(request):
        async def pieces():
            async for piece in request.stream:
                yield piece
        return pieces()

    @app.get('/events')
    @with_sse
    async def events(request, sse):
        await sse.send('one')
        await sse.send({'two': 2}, event='two')

    # What takes several requests, or tells of another one:

    @app.get('/large/<int:count>')
    async def large(request, count):
        async def pieces():
            for i in range(count):
                yield b'%07d\n' % i + b'.' * 65528
        return pieces()

    @app.get('/gated')
    async def gated(request):
        async def pieces():
            app.gate.clear()
            yield 'first '
            await app.gate.wait()
            yield 'second'
        return pieces()

    @app.get('/open')
    async def open_gate(request):
        app.gate.set()
        return 'open'

    @app.get('/waiting')
    async def waiting(request):
        async def pieces():
            try:
                gate['waiting'] = True
                yield 'first'
                await asyncio.sleep(60)
            finally:
                gate['waiting'] = False
        return pieces()

    @app.get('/endless')
    async def endless(request):
        async def pieces():
            try:
                gate['endless'] = True
                while True:
                    yield bytes(10000)
                    await asyncio.sleep(0.001)
            finally:
                gate['endless'] = False
        return pieces()

    @app.get('/left')
    async def left(request):
        gate['left'] = False
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)
        gate['left'] = True
        return 'to nobody'

    @app.get('/state/<name>')
    async def state(request, name):
        return str(gate.get(name))

    @app.get('/broken')
    async def broken(request):
        async def pieces():
            yield 'whole so far'
            raise RuntimeError('on purpose')
        return pieces()

    @app.get('/afterwards')
    async def afterwards(request):
        request.after_response(log, 'afterwards')
        return 'before'

    @app.get('/slow')
    async def slow(request):
        gate['slow'] = True
        await asyncio.sleep(0.3)
        return 'slow'

    @app.get('/meet/<place>')
    async def meet(request, place):
        place = 'meeting at ' + place
        gate[place] = gate.get(place, 0) + 1
        for _ in range(1000):
            if gate[place] > 3:
                break
            await asyncio.sleep(0.01)
        return str(gate[place])

    @app.get('/shutdown')
    async def shutdown(request):
        app.shutdown()
        return 'bye'

    @app.get('/ws')
    @with_websocket
    async def ws(request, ws):
        async for message in ws:
            if message == 'bye':
                break
            await ws.send(message)

    @app.get('/ws-options')
    async def ws_options(request):
        ws = await websocket_upgrade(
            request, protocols=['b', 'a'], headers={'X-Extra': 'yes'})
        await ws.send('%s %s %s' % (ws.protocol, request.scheme,
                                    request.args.get('q')))
        await ws.close(4000, 'enough')
        return ''

    @app.get('/ws-error')
    @with_websocket
    async def ws_error(request, ws):
        await ws.send('soon')
        raise RuntimeError('on purpose')

    @app.get('/ws-unclosed')
    async def ws_unclosed(request):
        ws = await websocket_upgrade(request)
        await ws.send('soon')
        raise RuntimeError('on purpose')

    @app.get('/ws-denied')
    async def ws_denied(request):
        return {'denied': True}, 401, {'WWW-Authenticate': 'Basic'}

    @app.get('/ws-waiting')
    @with_websocket
    async def ws_waiting(request, ws):
        gate['ws'] = True
        try:
            await asyncio.sleep(60)
        finally:
            gate['ws'] = False

    # A class as handler, with a session that the server keeps:

    shop = Microdot()
    CSRF(shop)
    Session(shop, 'a key of tests', store=MemoryStore())

    @shop.route('/')
    class Basket(View):
        async def get(self, request):
            return dict(request.session)

        def post(self, request):
            request.session.update(request.json)
            request.session.save()
            return ''

        async def delete(self, request):
            request.session.delete()
            return ''

    app.mount(shop, '/shop', local=True)

    @child.get('/')
    async def child_index(request):
        return ['child', request.url_prefix, request.path]

    @child.errorhandler(404)
    async def child_404(request):
        return 'the child has no such thing', 404

    app.mount(child, '/child', local=True)
    return app


#: Bytes of a body; in a test's own process, the test sees to it.
LIMIT = 16 * 1024
if LOG:
    Request.max_content_length = Request.max_body_length = LIMIT
app = make_app(Microdot)
asgi_app = make_app(asgi.Microdot)
wsgi_app = make_app(wsgi.Microdot)


def serve_wsgiref(port):
    from wsgiref.simple_server import WSGIRequestHandler, make_server
    from wsgiref.validate import validator

    class Handler(WSGIRequestHandler):
        def log_message(self, *args):
            pass

    with make_server('127.0.0.1', port, validator(wsgi_app),
                     handler_class=Handler) as server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == '__main__':
    if sys.argv[1] == 'wsgiref':
        serve_wsgiref(int(sys.argv[2]))
    else:
        app.run('127.0.0.1', int(sys.argv[1]))

"""A program as users write it, for type checkers to compare with the stubs.

It is not run: ``tools/check.py types`` has mypy and pyright read it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from typing import Any

from typing_extensions import assert_type

from microdot import (
    Microdot,
    Request,
    Response,
    URLPattern,
    abort,
    redirect,
    send_file,
    validation,
)
from microdot.auth import BasicAuth, TokenAuth
from microdot.cors import CORS
from microdot.csrf import CSRF
from microdot.jinja import Template
from microdot.login import Login
from microdot.microdot import HTTPException, MultiDict, NoCaseDict
from microdot.multipart import (
    FileUpload,
    FormDataIter,
    MultipartParser,
    getlist,
    with_form_data,
)
from microdot.openapi import OpenAPI, describe, document_of
from microdot.password import check_password, hash_password
from microdot.session import Session, SessionDict, with_session
from microdot.sse import SSE, with_sse
from microdot.stores import FolderStore, MemoryStore
from microdot.test_client import (
    SyncClient,
    TestClient,
    TestResponse,
    WebSocketClosed,
)
from microdot.validation import Field, spec_of, with_body, with_query
from microdot.websocket import WebSocket, WebSocketError, with_websocket

app = Microdot()
Request.max_content_length = 1024 * 1024
app.max_connections = 4
URLPattern.register_type('id', '[a-z]+', parser=str.upper)


@app.before_request
async def authenticate(request: Request) -> Response | None:
    if 'Authorization' not in request.headers:
        abort(401, headers={'WWW-Authenticate': 'Basic'})
    request.g.user = request.cookies.get('user')
    return None


@app.get('/')
async def index(request: Request) -> tuple[str, int, dict[str, str]]:
    assert_type(request.args, MultiDict[str])
    assert_type(request.headers, NoCaseDict[str])
    assert_type(request.args.get('page', 1, type=int), int)
    assert_type(request.args.get('page', type=int), int | None)
    assert_type(request.args.get('q'), str | None)
    assert_type(request.args.get('q', ''), str)
    assert_type(request.args['q'], str)
    assert_type(request.args.getlist('n', int), list[int])
    assert_type(request.headers['Host'], str)
    assert_type(request.cookies, dict[str, str])
    assert_type(request.json, Any)
    assert_type(request.form, MultiDict[str] | None)
    return 'hello', 200, {'Cache-Control': 'no-store'}


@app.post('/upload', max_content_length=1024 * 1024)
async def upload(request: Request) -> dict[str, int]:
    size = 0
    async for piece in request.stream:
        assert_type(piece, bytes)
        size += len(piece)
    return {'size': size}


@app.route('/<int:number>', methods=['GET', 'POST'])
def sync(request: Request, number: int) -> Response:
    @request.after_request
    def add_header(request: Request, response: Response) -> None:
        response.headers['X-Number'] = str(number)

    response = Response('text')
    response.set_cookie('name', 'value', http_only=True, same_site='Lax')
    return response


@app.get('/old')
async def old(request: Request) -> Response:
    return redirect('/')


@app.get('/file')
async def file(request: Request) -> Response:
    return send_file('file.txt', max_age=60)


@app.get('/stream')
async def stream(request: Request) -> AsyncIterator[str]:
    async def pieces() -> AsyncIterator[str]:
        yield 'piece'
    return pieces()


sessions = Session(app, ['new key', b'old key'], max_age=60, rolling=True)
login = Login(keep=['lang'])
basic = BasicAuth(realm='here')
tokens = TokenAuth('X-Key')


@app.get('/session')
@with_session
async def session_view(request: Request, session: SessionDict) -> str:
    session['a'] = 1
    session.save()
    assert_type(session.expires, float | None)
    assert_type(sessions.decode(sessions.encode({'a': 1})), dict[str, Any])
    assert_type(request.session, SessionDict)
    session.renew()
    return ''


Session(app, 'key', store=MemoryStore())
Session(app, 'key', store=FolderStore('sessions'))
app.before_request(login.required_everywhere(except_=['/', '/static/*']))


@app.get('/template')
async def template(request: Request) -> Response:
    response = Response('text')
    response.set_cookie('a', 'b', max_age=timedelta(days=1), expires=0.5)
    return Template('page.html').response(request, 404, name='Ada')


@Template.context
def add_user(request: Request) -> dict[str, Any]:
    return {'user': request.g.current_user}


@login.user_loader
async def load(user_id: str) -> str | None:
    return None


@app.post('/login')
async def log_in(request: Request) -> Response:
    hashed = await hash_password('secret', 1000)
    assert_type(await check_password('secret', hashed), bool)
    return await login.login_user(request, request, remember=7)


@basic.authenticate
async def check(request: Request, username: str, password: str) -> str | None:
    return None


@tokens.scopes
def scopes(request: Request, user: str) -> list[str]:
    return ['read']


@app.get('/private')
@login.fresh
@basic.optional
@tokens.requires('read', status_code=404)
def private(request: Request) -> str:
    return 'private'


@app.errorhandler(404)
async def not_found(request: Request) -> tuple[str, int]:
    return 'none', 404


@app.errorhandler(ValueError)
async def bad_value(request: Request, exc: ValueError) -> tuple[str, int]:
    return str(exc), 400


@app.on_startup
async def start() -> None:
    sub = Microdot()
    app.mount(sub, '/sub', local=True)


async def main() -> None:
    server = await app.start_server(port=0, start_serving=False)
    assert_type(server.is_serving(), bool)
    asyncio.get_running_loop().call_later(1, app.shutdown)
    await server.serve_forever()


assert_type(HTTPException(404).reason, str)
# Decorators return the function as it was.
decorated: Callable[[], Coroutine[Any, Any, None]] = start


async def test_index() -> None:
    async with TestClient(app, cookies={'user': 'ada'}) as client:
        response = await client.get('/', headers={'Authorization': 'x'})
        assert_type(response.status_code, int)
        assert_type(response.headers['Content-Type'], Any)
        assert_type(response.text, str | None)
        response = await client.post('/upload', body=b'abc', timeout=1)
        assert response.json['size'] == 3
        await client.put('/form', form={'tag': ['a', 'b']})


# ------------------------------------------- uploads, and other sites' pages

cors = CORS(app, allowed_origins=['https://example.com'], max_age=600)
csrf = CSRF(app, cors=cors, allow_subdomains=True)


@app.post('/photos', max_content_length=1024 * 1024)
async def photos(request: Request) -> str:
    async for name, value in FormDataIter(request):
        assert_type(name, str)
        if isinstance(value, FileUpload):
            assert_type(await value.read(512), bytes)
            await value.save('/tmp/' + value.safe_name)
        else:
            assert_type(value, str)
    return 'done'


@app.post('/form')
@csrf.exempt
@with_form_data
async def form(request: Request) -> list[str]:
    values = getlist(request, 'a')
    assert_type(values, list[str | FileUpload])
    return [value for value in values if isinstance(value, str)]


def parse_form(data: bytes) -> None:
    parser = MultipartParser('b', max_parts=10, max_header_size=1024)
    parser.feed(data)
    event = parser.next_event()
    if isinstance(event, tuple):
        assert_type(event, tuple[str, str | None, dict[str, str]])
    elif event is not None:
        assert_type(event, bytes)


def ask() -> None:
    with TestClient(app, headers={'X': 'y'}, client=('192.0.2.1', 5000),
                    base_url='https://example.com/api',
                    auth=('ada', 'x')) as client:
        assert_type(client, SyncClient)
        response = client.get('/', follow_redirects=True)
        assert_type(response.raise_for_status(), TestResponse)
        assert_type(response.url, str | None)
        assert_type(response.cookies, dict[str, str])
        assert_type(response.history, list[TestResponse])
        with client.websocket_connect('/echo') as ws:
            ws.send('hello')
            assert_type(ws.subprotocol, str | None)
            try:
                print(ws.receive(timeout=1))
            except WebSocketClosed as closed:
                assert_type(closed.code, int)
                assert_type(closed.response, TestResponse | None)


@app.get('/echo')
@with_websocket
async def echo(request: Request, ws: WebSocket) -> None:
    async for message in ws:
        assert_type(message, str | bytes)
        await ws.send(message)


@app.get('/rooms/<int:room>')
@with_websocket(origins=['self'], protocols=['chat'], compress=True)
async def talk(request: Request, ws: WebSocket, room: int) -> None:
    try:
        await ws.send_json({'room': room, 'got': await ws.receive_json()})
    except WebSocketError as exc:
        assert_type(exc.code, int)
        assert_type(ws.protocol, str | None)


@app.get('/events')
@with_sse
async def events(request: Request, sse: SSE) -> None:
    assert_type(sse.last_event_id, str | None)
    assert_type(await sse.send({'a': 1}, event='e', event_id=7), bool)


OpenAPI(app, title='Shop', version='1.0')


@app.post('/items')
@with_query({'page': Field(int, min=1, default=1)})
@with_body({'name': Field(str, max=80), 'kind': ('a', 'b')}, extra='forbid')
@describe(summary='Add', responses={201: {'id': int}, 409: None}, tags=['a'])
async def add_item(
        request: Request, body: dict[str, Any], query: dict[str, Any]
) -> tuple[dict[str, int], int]:
    _, faults = validation.check({'a': 1}, {'a': int})
    assert_type(faults, list[dict[str, Any]])
    assert_type(document_of(app), dict[str, Any])
    return {'id': len(spec_of(add_item))}, 201

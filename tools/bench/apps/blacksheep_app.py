"""BlackSheep, for uvicorn."""
from blacksheep import Application, Response, StreamedContent, text
from blacksheep import json as json_response

from settings import DATA, FILE, PARAM, PIECE, PIECES, STATIC, TEXT

app = Application()
router = app.router


@router.get('/')
async def plain():
    return text(TEXT)


@router.get('/json')
async def json():
    return json_response(DATA)


@router.post('/echo')
async def echo(request):
    return json_response(await request.json())


@router.post('/length')
async def length(request):
    return text(str(len(await request.read())))


@router.get('/file')
async def file():
    async def pieces():
        with open(FILE, 'rb') as opened:
            while True:
                piece = opened.read(64 * 1024)
                if not piece:
                    break
                yield piece
    return Response(200, content=StreamedContent(
        b'application/octet-stream', pieces))


@router.get('/stream')
async def stream():
    async def pieces():
        for _ in range(PIECES):
            yield PIECE.encode()
    return Response(200, content=StreamedContent(b'text/plain', pieces))


def add_routes(number):
    if number < STATIC:
        @router.get('/static%d' % number)
        async def static():
            return text(str(number))

    if number < PARAM:
        @router.get('/param%d/{int:value}' % number)
        async def param(value: int):
            return text(str(value))


for number in range(max(STATIC, PARAM)):
    add_routes(number)

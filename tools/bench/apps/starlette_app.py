"""Starlette, for uvicorn."""
from starlette.applications import Starlette
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    StreamingResponse,
)
from starlette.routing import Route

from settings import DATA, FILE, PARAM, PIECE, PIECES, STATIC, TEXT


async def text(request):
    return PlainTextResponse(TEXT)


async def json(request):
    return JSONResponse(DATA)


async def echo(request):
    return JSONResponse(await request.json())


async def length(request):
    return PlainTextResponse(str(len(await request.body())))


async def file(request):
    return FileResponse(FILE, media_type='application/octet-stream')


async def stream(request):
    async def pieces():
        for _ in range(PIECES):
            yield PIECE
    return StreamingResponse(pieces(), media_type='text/plain')


def static_route(number):
    async def static(request):
        return PlainTextResponse(str(number))
    return Route('/static%d' % number, static)


def param_route(number):
    async def param(request):
        return PlainTextResponse(str(request.path_params['value']))
    return Route('/param%d/{value:int}' % number, param)


app = Starlette(routes=[
    Route('/', text),
    Route('/json', json),
    Route('/echo', echo, methods=['POST']),
    Route('/length', length, methods=['POST']),
    Route('/file', file),
    Route('/stream', stream),
    *[route(number) for number in range(max(STATIC, PARAM))
      for route, count in ((static_route, STATIC), (param_route, PARAM))
      if number < count],
])

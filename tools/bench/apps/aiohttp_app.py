"""aiohttp with its own server. Usage: ``aiohttp_app.py PORT``."""
import sys

from aiohttp import web

from settings import DATA, FILE, PARAM, PIECE, PIECES, STATIC, TEXT


async def text(request):
    return web.Response(text=TEXT)


async def json(request):
    return web.json_response(DATA)


async def echo(request):
    return web.json_response(await request.json())


async def length(request):
    return web.Response(text=str(len(await request.read())))


async def file(request):
    return web.FileResponse(FILE)


async def stream(request):
    response = web.StreamResponse()
    response.content_type = 'text/plain'
    await response.prepare(request)
    for _ in range(PIECES):
        await response.write(PIECE.encode())
    await response.write_eof()
    return response


def static_route(number):
    async def static(request):
        return web.Response(text=str(number))
    return web.get('/static%d' % number, static)


def param_route(number):
    async def param(request):
        return web.Response(text=str(int(request.match_info['value'])))
    return web.get(r'/param%d/{value:\d+}' % number, param)


app = web.Application(client_max_size=4 * 1024 * 1024)
app.add_routes([
    web.get('/', text), web.get('/json', json), web.post('/echo', echo),
    web.post('/length', length), web.get('/file', file),
    web.get('/stream', stream),
    *[route(number) for number in range(max(STATIC, PARAM))
      for route, count in ((static_route, STATIC), (param_route, PARAM))
      if number < count]])

if __name__ == '__main__':
    web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]),
                access_log=None, print=None)

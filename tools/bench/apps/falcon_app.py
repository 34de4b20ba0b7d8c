"""Falcon's ASGI application, for uvicorn."""
import falcon
import falcon.asgi

from settings import DATA, FILE, PARAM, PIECE, PIECES, STATIC, TEXT


class Text:
    async def on_get(self, request, response):
        response.content_type = falcon.MEDIA_TEXT
        response.text = TEXT


class Json:
    async def on_get(self, request, response):
        response.media = DATA


class Echo:
    async def on_post(self, request, response):
        response.media = await request.get_media()


class Length:
    async def on_post(self, request, response):
        response.content_type = falcon.MEDIA_TEXT
        response.text = str(len(await request.stream.read()))


class File:
    async def on_get(self, request, response):
        async def pieces():
            with open(FILE, 'rb') as opened:
                while True:
                    piece = opened.read(64 * 1024)
                    if not piece:
                        break
                    yield piece
        response.content_type = 'application/octet-stream'
        response.content_length = 1024 * 1024
        response.stream = pieces()


class Stream:
    async def on_get(self, request, response):
        async def pieces():
            for _ in range(PIECES):
                yield PIECE.encode()
        response.content_type = falcon.MEDIA_TEXT
        response.stream = pieces()


class Static:
    def __init__(self, number):
        self.number = number

    async def on_get(self, request, response):
        response.content_type = falcon.MEDIA_TEXT
        response.text = str(self.number)


class Param:
    async def on_get(self, request, response, value):
        response.content_type = falcon.MEDIA_TEXT
        response.text = str(value)


app = falcon.asgi.App()
app.add_route('/', Text())
app.add_route('/json', Json())
app.add_route('/echo', Echo())
app.add_route('/length', Length())
app.add_route('/file', File())
app.add_route('/stream', Stream())
for number in range(max(STATIC, PARAM)):
    if number < STATIC:
        app.add_route('/static%d' % number, Static(number))
    if number < PARAM:
        app.add_route('/param%d/{value:int}' % number, Param())

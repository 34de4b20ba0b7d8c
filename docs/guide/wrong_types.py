from microdot import Microdot, Request

app = Microdot()


@app.get('/numbers')
async def numbers(request: Request) -> set[int]:
    return {1, 2}


@app.get('/name')
async def name(request: Request) -> str:
    found = request.headers.get('X-Name')
    return found.upper()

"""Starlette with msgspec, for uvicorn."""
import msgspec
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

import rules

decode = msgspec.json.Decoder(rules.make('msgspec')).decode


async def validated(request):
    try:
        body = decode(await request.body())
    except msgspec.ValidationError as exc:
        return JSONResponse({'error': str(exc)}, 422)
    return JSONResponse({'count': len(body.items)})


app = Starlette(routes=[Route('/validated', validated, methods=['POST'])])

"""This project, with bodies that are checked.

Usage: ``validated_app.py PORT dataclass|msgspec|pydantic|dict [asyncio]``.
"""
import asyncio
import sys

import rules
from microdot import Microdot
from microdot.validation import with_body

app = Microdot()
rule = rules.make(sys.argv[2])


@app.post('/validated')
@with_body(rule)
async def validated(request, body):
    items = body['items'] if isinstance(body, dict) else body.items
    return {'count': len(items)}


if __name__ == '__main__':
    if 'asyncio' in sys.argv:
        asyncio.run(app.start_server('127.0.0.1', int(sys.argv[1])))
    else:
        app.run('127.0.0.1', int(sys.argv[1]))

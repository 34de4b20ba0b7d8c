"""FastAPI with pydantic, for uvicorn."""
from fastapi import FastAPI

import rules

Items = rules.make('pydantic')
app = FastAPI()


@app.post('/validated')
async def validated(body: Items):
    return {'count': len(body.items)}

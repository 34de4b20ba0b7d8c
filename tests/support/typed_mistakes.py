"""What type checkers find in a program, as ``docs/guide/types.rst`` says.

It is not run: ``tools/check.py types`` has mypy and pyright read it, and each
of them says so where a comment hides nothing.
"""
from microdot import Microdot, Request, Response
from microdot.login import Login

app = Microdot()
login = Login()


@app.get('/set')  # type: ignore[type-var]
async def returns_a_set(request: Request) -> set[int]:
    return {1}


@app.get('/float')  # type: ignore[type-var]
def returns_a_float(request: Request) -> float:
    return 1.5


@app.get('/swapped')  # type: ignore[type-var]
async def returns_the_status_first(request: Request) -> tuple[int, str]:
    return 404, 'x'


@app.get('/first')  # type: ignore[type-var]
async def takes_something_else(name: str) -> str:
    return name


@app.get('/header')
async def uses_what_may_be_missing(request: Request) -> str:
    found = request.headers.get('X-Name')
    return found.upper()  # type: ignore[union-attr]


@app.post('/login')
async def logs_in_for_seven_days(request: Request) -> Response:
    return await login.login_user(
        request, request, remember='7')  # type: ignore[arg-type]

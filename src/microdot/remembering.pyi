from typing import Any

from .login import Login
from .microdot import Request
from .session import Session

def keys_of(sessions: Session) -> list[bytes]: ...
def remember_user(
    login: Login, request: Request, user_id: Any, days: bool | float,
) -> None: ...
async def find_user(login: Login, request: Request) -> Any: ...

default_iterations: int

async def hash_password(
    password: str, iterations: int | None = None) -> str: ...

# Of peers, so of any type.
async def check_password(password: object, hashed: str | None) -> bool: ...

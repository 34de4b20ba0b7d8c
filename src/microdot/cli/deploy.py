"""``microdot deploy``: the module of that name, under the command."""
from __future__ import annotations


def command(words: list[str]) -> int:
    """Put an application on a board; see :mod:`microdot.deploy`."""
    from ..deploy import main
    status: int = main(words)
    return status

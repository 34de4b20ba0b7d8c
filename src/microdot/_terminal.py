"""Where colours are shown: the command and the log both ask."""
from __future__ import annotations

import os
from typing import TextIO


def has_colours(stream: TextIO) -> bool:
    """Tell whether *stream* is a terminal that shows colours, and whether
    nobody asked for none (https://no-color.org)."""
    environ = os.environ
    if environ.get('NO_COLOR') or environ.get('TERM') == 'dumb':
        return False
    if os.name == 'nt' and not (environ.get('WT_SESSION') or
                                environ.get('TERM')):
        return False  # a console that is not known to obey
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False

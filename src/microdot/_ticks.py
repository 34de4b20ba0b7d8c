"""The clock of boards, for modules that are written for it."""
import time


def ticks_ms():
    """Return milliseconds of a clock that is not set."""
    return time.perf_counter() * 1000


def ticks_diff(later, earlier):
    """Return the milliseconds between two times."""
    return later - earlier

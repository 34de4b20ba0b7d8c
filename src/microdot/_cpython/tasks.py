"""Tasks and futures of asyncio."""
import asyncio
import sys
from typing import Any

if sys.version_info >= (3, 12):
    def start_task(coro, loop):
        # The first step runs at once: most requests need no second one.
        return asyncio.Task(coro, loop=loop, eager_start=True)
else:
    def start_task(coro, loop):
        return loop.create_task(coro)


def is_cancelled():
    """Tell whether somebody has cancelled the task that runs, rather than
    what it has awaited. Before Python 3.11 nobody knows."""
    task: Any = asyncio.current_task()
    return not hasattr(task, 'cancelling') or task.cancelling()


def count_cancels(task):
    """Return how often a task has been cancelled, without those that were
    taken back. Before Python 3.11 nobody knows: 0."""
    return task.cancelling() if hasattr(task, 'cancelling') else 0


def take_back(task, count):
    """Take back that a task was cancelled so many times; return how often it
    has been besides. Before Python 3.11 nobody knows: 0."""
    if hasattr(task, 'uncancel'):
        for _ in range(count):
            task.uncancel()
    return count_cancels(task)


def settle(future, result=None, error=None):
    """Set the outcome of a future, unless nobody waits for it any more."""
    if not future.done():
        if error:
            future.set_exception(error)
        else:
            future.set_result(result)

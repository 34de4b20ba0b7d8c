"""Async generators around the serving of an application. CPython only:
boards have none.
"""
import asyncio
import contextlib
import inspect
from typing import Any

from ._mistakes import describe, named


class Lifespan:
    """What runs an async generator function around serving: up to its
    ``yield`` when that begins, and the rest when it ends.

    :param app: what the function gets, if it takes an argument.
    :raises TypeError: it is no such function, or takes more.
    """
    def __init__(self, app, function):
        self.args: tuple[Any, ...] = ()
        if inspect.isasyncgenfunction(function):
            self.enter = contextlib.asynccontextmanager(function)
        elif inspect.isasyncgenfunction(
                getattr(function, '__wrapped__', None)):
            self.enter = function  # asynccontextmanager() is around it
        else:
            raise TypeError(
                'a lifespan is an async generator with one yield, such as: '
                'async def lifespan(): ...; yield; ...; this is %s' % (
                    describe(function) if callable(function)
                    else named(function)))
        try:
            inspect.signature(function).bind()
        except TypeError:
            self.args = app,
            try:
                inspect.signature(function).bind(app)
            except TypeError as exc:
                raise TypeError('a lifespan takes the application or nothing, '
                                'and not what %s does: %s' % (
                                    describe(function), exc)) from None
        # Those that run, of several servers in one process too. Each has a
        # task: what it opens, such as a group of tasks, has to be closed by
        # the one that has opened it.
        self.running = []

    async def start(self):
        """Run the function up to its ``yield``.

        :raises Exception: what it has raised.
        """
        started = asyncio.Event()
        leave = asyncio.Event()
        task = asyncio.create_task(self._run(started, leave))
        waiting = asyncio.create_task(started.wait())
        try:
            await asyncio.wait((task, waiting),
                               return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait((task,))
            raise
        finally:
            waiting.cancel()
        if not started.is_set():
            task.result()
        self.running.append((task, leave))

    async def _run(self, started, leave):
        async with self.enter(*self.args):
            started.set()
            await leave.wait()

    async def stop(self):
        """Run the rest, if the first part has ended well.

        :raises Exception: what it has raised.
        """
        if self.running:
            task, leave = self.running.pop()
            leave.set()
            await task

"""What is to be done again and again, while the server runs."""
import asyncio
import time

from .microdot import invoke_handler

if hasattr(time, 'ticks_ms'):
    def _left(start, seconds):
        return seconds - time.ticks_diff(time.ticks_ms(), start) / 1000
    _now = time.ticks_ms
else:
    def _left(start, seconds):
        return seconds - (time.monotonic() - start)
    _now = time.monotonic


def every(app, seconds, at_start=False):
    """Decorator: call a function, or coroutine, without arguments each so
    many seconds, from when the application is started until it is shut down.
    A coroutine is cancelled then.

    An error is logged, and the function called again the next time. It is
    never called while it runs: what would be missed is left out.

    :param at_start: whether to call it at the start, too.
    :raises ValueError: *seconds* is not above 0.
    """
    if not seconds > 0:
        raise ValueError('seconds is above 0, not %r' % seconds)

    def decorated(f):
        tasks = []

        async def repeat():
            due = at_start
            while True:
                start = _now()
                if due:
                    try:
                        await invoke_handler(f)
                    except Exception as exc:
                        app.log_exception(None, exc)
                due = True
                left = _left(start, seconds)
                while left <= 0:
                    left += seconds
                await asyncio.sleep(left)

        async def start():
            if not tasks:
                tasks.append(asyncio.create_task(repeat()))

        async def stop():
            if tasks:
                task = tasks.pop()
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError:
                    pass

        app.on_startup(start)
        app.on_shutdown(stop)
        return f
    return decorated

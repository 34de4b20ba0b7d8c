"""What is to be done again and again, while the server runs."""
import asyncio

from .microdot import invoke_handler

try:
    from time import ticks_diff, ticks_ms
except ImportError:
    from ._ticks import ticks_diff, ticks_ms


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
        raise ValueError('seconds > 0, not %r' % seconds)

    def decorated(f):
        tasks = []

        async def run():
            left = not at_start and seconds
            while True:
                while left > 0:
                    # (a week is too long for the ticks of a board)
                    await asyncio.sleep(min(left, 8000))
                    left -= 8000
                start = ticks_ms()
                try:
                    await invoke_handler(f)
                except Exception as exc:
                    app.log_exception(None, exc)
                left = ticks_diff(start, ticks_ms()) / 1000
                while left <= 0:
                    left += seconds

        async def start():
            if not tasks:
                tasks.append(asyncio.create_task(run()))

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

"""The event loop of a program that serves, and signals."""
import _thread
import asyncio
import functools
import os
import signal
import sys
import threading
import time


def run_loop(app, main):
    """Run a coroutine to its end. SIGINT and SIGTERM shut the application
    down; a second one cancels the coroutine, and ends the process where
    something blocks that, see :class:`SecondSignal`."""
    second = SecondSignal()

    async def guarded():
        loop = asyncio.get_running_loop()
        task = loop.create_task(main)
        seen: list[bool] = []

        def stop():
            if seen or not app.servers:
                for server in app.servers:
                    server.hurried = True
                task.cancel()
            seen.append(True)
            app.shutdown()

        restore = [restorer for number in STOPPING
                   for restorer in handle_signal(loop, number, stop,
                                                 second)]
        try:
            await task
        except asyncio.CancelledError:
            if not seen:
                raise
        finally:
            for restorer in restore:
                restorer()
            second.loop_ended = True

    try:
        import uvloop
    except ImportError:
        uvloop = None
    try:
        if uvloop and sys.version_info >= (3, 11):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(guarded())
        else:
            asyncio.run(guarded())
    except (OSError, ValueError) as exc:
        if not hasattr(exc, 'why_not_started') or \
                threading.current_thread() is not threading.main_thread():
            raise  # (nobody would hear of SystemExit in another thread)
        # on stderr, with exit status 1 and without a traceback
        raise SystemExit('microdot: ' + exc.why_not_started) from exc
    finally:
        second.release()


#: Signals that shut an application down.
STOPPING = [getattr(signal, name) for name in ('SIGINT', 'SIGTERM', 'SIGBREAK')
            if hasattr(signal, name)]
# Seconds that a second signal leaves to whatever has to end.
_SECOND_S = 0.7
# Seconds that the line which tells of it may take.
_SAYING_S = 1


class SecondSignal:
    """Ends the process a moment after a second signal, where it goes on then:
    the event loop or a thread that it waits for may block. It is told by the
    interpreter, since a loop that blocks tells nothing."""

    def __init__(self):
        self.count = 0
        self.loop_ended = self.all_ended = False
        # What handles each signal, also after release(). (Asked before the
        # loop runs: asyncio.run() has a handler of its own meanwhile.)
        self.before = {number: signal.getsignal(number)
                       for number in STOPPING}
        self.previous = {}  # of those that are watched

    def watch(self, number, then=None):
        """Be told of a signal, from now on.

        :param then: called each time too.
        :raises ValueError: this is not the main thread.
        """

        def handle(number, frame):
            self.count += 1
            if self.count == 2:
                # (no Thread: its start takes locks that may be held here)
                _thread.start_new_thread(self._end, (number,))
            elif self.loop_ended and self.count == 1:
                self.release()
                signal.raise_signal(number)
            if then:
                then()

        signal.signal(number, handle)
        self.previous[number] = self.before[number]

    def release(self):
        """Be told of no signal any more: all has ended."""
        self.all_ended = True
        for number, previous in self.previous.items():
            if previous is not None:
                signal.signal(number, previous)
        self.previous = {}

    def _end(self, number):
        time.sleep(_SECOND_S)
        if not self.all_ended:
            # What blocks may be stderr, which nobody reads any more.
            said = _thread.allocate_lock()
            said.acquire()
            _thread.start_new_thread(self._say, (said,))
            said.acquire(timeout=_SAYING_S)
            os._exit(128 + number)

    @staticmethod
    def _say(said):
        try:
            os.write(2, b'microdot: ended by a second signal, as something '
                     b'blocks that\n')
        except OSError:
            pass  # there is no stderr, and the process ends all the same
        finally:
            said.release()


def handle_signal(loop, number, function, second):
    """Have a function called in the event loop when a signal comes; return a
    list of functions that undo that: none where it cannot be done.

    :param second: a :class:`SecondSignal`, which is told of it too.
    """
    try:
        loop.add_signal_handler(number, function)
        second.watch(number)
    except NotImplementedError:
        # Windows
        try:
            second.watch(number, functools.partial(
                loop.call_soon_threadsafe, function))
        except ValueError:
            return []  # not in this thread
        return [functools.partial(second.watch, number)]
    except (ValueError, RuntimeError):
        return []  # not in this thread

    def restore():
        loop.remove_signal_handler(number)
        second.watch(number)

    return [restore]


def tls_context(certificate, key):
    """Make an ``SSLContext`` for a server of two files in PEM form."""
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context

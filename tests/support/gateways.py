"""Every server that the applications of ``everywhere.py`` and ``rows.py`` run
on."""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile

import servers

APPS = pathlib.Path(__file__).resolve().parents[1] / 'apps'

#: The command lines, after the interpreter; ``PORT`` is put in.
COMMANDS = {
    'built-in': ['everywhere.py', 'PORT'],
    'uvicorn': [
        '-m', 'uvicorn', 'everywhere:asgi_app', '--port', 'PORT', '--http',
        'httptools', '--timeout-graceful-shutdown', '5'],
    'uvicorn-h11': [
        '-m', 'uvicorn', 'everywhere:asgi_app', '--port', 'PORT', '--http',
        'h11', '--ws', 'wsproto', '--timeout-graceful-shutdown', '5'],
    'hypercorn': [
        '-m', 'hypercorn', 'everywhere:asgi_app', '--bind', '127.0.0.1:PORT',
        '--graceful-timeout', '5'],
    'granian': [
        '-m', 'granian', 'everywhere:asgi_app', '--interface', 'asgi',
        '--port', 'PORT', '--workers-kill-timeout', '5'],
    'daphne': [
        '-m', 'daphne', 'everywhere:asgi_app', '--port', 'PORT'],
    'gunicorn-sync': [
        '-m', 'gunicorn', 'everywhere:wsgi_app', '--bind', '127.0.0.1:PORT',
        '--worker-class', 'sync', '--graceful-timeout', '5'],
    'gunicorn-threads': [
        '-m', 'gunicorn', 'everywhere:wsgi_app', '--bind', '127.0.0.1:PORT',
        '--worker-class', 'gthread', '--threads', '8',
        # (it closes connections after 2 seconds otherwise)
        '--keep-alive', '20', '--graceful-timeout', '5'],
    'waitress': [
        '-m', 'waitress', '--listen', '127.0.0.1:PORT', '--threads', '8',
        'everywhere:wsgi_app'],
    'wsgiref': ['everywhere.py', 'wsgiref', 'PORT'],
}
ASGI = ['uvicorn', 'uvicorn-h11', 'hypercorn', 'granian', 'daphne']
WSGI = ['gunicorn-sync', 'gunicorn-threads', 'waitress', 'wsgiref']


class Gateway(servers.Child):
    """A server that runs the application."""

    def __init__(self, kind, process, port, output, log):
        super().__init__(process, port, output)
        self.kind = kind
        self._log = log

    def log(self):
        """Return the lines that the application has logged."""
        return self._log.read_text().split('\n')[:-1]

    def wait_for(self, name, value):
        """Wait until ``/state`` tells a value of a name."""
        servers.wait_until(
            lambda: self.get('/state/' + name) == value.encode(),
            '%s to be %s' % (name, value))

    def request(self, data):
        """Send a request, and return all that is answered until the server
        closes the connection."""
        with self.connect() as sock:
            sock.sendall(data)
            return servers.read_all(sock)


@contextlib.contextmanager
def serve(kind, *options, fails=False, app='everywhere'):
    """Run a server for the time of a ``with`` statement.

    :param options: more words for its command line.
    :param app: the module of the application, in ``tests/apps``.
    :param fails: whether the application cannot start: waits for its end.
    :return: a :class:`Gateway`; it is killed in the end if it still runs.
    """
    port = servers.free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / 'log'
        log.touch()
        env = dict(os.environ, EVERYWHERE_LOG=str(log), PYTHONPATH=str(
            servers.TOP / 'src'), PYTHONDONTWRITEBYTECODE='1', HOME=folder)
        if fails:
            env['EVERYWHERE_FAILS'] = 'yes'
        words = COMMANDS[kind]
        command = [sys.executable] + [
            word.replace('PORT', str(port)).replace('everywhere', app)
            for word in (*words[:2], *options, *words[2:])]
        with open(pathlib.Path(folder) / 'output', 'w+') as output:
            # a group of its own, whose leader shutdown() will end
            process = subprocess.Popen(
                command, cwd=APPS, env=env,
                stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True)
            gateway = Gateway(kind, process, port, output, log)
            try:
                if fails:
                    gateway.wait(servers.START_S)
                    yield gateway
                    return
                servers.wait_until(
                    lambda: process.poll() is not None
                    or servers.is_listening(port), kind + ' to listen',
                    servers.START_S)
                if process.poll() is not None:
                    raise AssertionError(
                        'the server ended: ' + gateway.output)
                yield gateway
            finally:
                if process.poll() is None:
                    process.terminate()
                    try:
                        process.wait(servers.PATIENCE_S)
                    except subprocess.TimeoutExpired:
                        process.kill()
                        process.wait()
                        raise AssertionError(
                            'the server does not end: ' + gateway.output)

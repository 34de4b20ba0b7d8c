"""A ``redis-server`` of a test's own, on a unix socket."""

import contextlib
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest

import programs


class RedisServer:
    """``with RedisServer() as server``: ``server.url`` is where it is."""

    def __init__(self, *options):
        self.options = options
        self.process = None

    def __enter__(self):
        # (a short name: paths of sockets have a limit)
        self.folder = tempfile.mkdtemp(prefix='redis')
        self.path = str(pathlib.Path(self.folder) / 's')
        self.url = self.url_for('')
        self.start()
        return self

    def url_for(self, user):
        """Return its URL with a user and password, such as ``':secret@'``.
        Where the machine pauses it, it has more than the 2 seconds that
        stores and limiters wait."""
        return 'unix://%s%s?socket_timeout=60' % (user, self.path)

    def start(self):
        """Start it, again."""
        command, environment = programs.find('redis-server')
        self.process = subprocess.Popen(
            [*command, '--port', '0', '--unixsocket', self.path,
             '--dir', self.folder, '--save', '', '--appendonly', 'yes',
             '--appendfsync', 'always', *self.options],
            env=environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        import redis
        client = redis.Redis.from_url(self.url)
        end = time.monotonic() + 20
        while True:
            try:
                client.ping()
                break
            except redis.AuthenticationError:
                break
            except (redis.ConnectionError, redis.ResponseError):
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.01)
        client.close()

    def kill(self):
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def __exit__(self, *args):
        with contextlib.suppress(OSError):
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def redis_server():
    """A running :class:`RedisServer`; skipped where there is none."""
    pytest.importorskip('redis')
    try:
        programs.fetch('redis-server')
    except programs.FetchError as error:
        pytest.skip('redis-server: %s' % error)
    with RedisServer() as server:
        yield server

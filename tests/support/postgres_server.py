"""A PostgreSQL of a test's own, on a unix socket."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

import programs

#: Seconds for it to start, and to stop.
PATIENCE = 60
#: Whom it runs as where the tests are run by root, which it refuses.
NOBODY = 65534
#: Nothing is kept for after the test.
OPTIONS = ('listen_addresses=', 'fsync=off', 'max_connections=20')


class PostgresServer:
    """``with PostgresServer() as server``: ``server.url`` is where it is."""

    def __init__(self):
        self.process = None

    def __enter__(self):
        # (a short name: paths of sockets have a limit)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='pg'))
        self.url = 'postgresql:///postgres?user=test&host=%s' % self.folder
        command, self.environment = programs.find('postgres')
        self.programs = pathlib.Path(command[0]).parent
        self.user = {}
        if os.geteuid() == 0:
            self._become_nobody()
        try:
            subprocess.run(
                [self.programs / 'initdb', '-D', self.folder / 'data',
                 '-A', 'trust', '-U', 'test', '-E', 'UTF8', '--no-sync'],
                env=self.environment, check=True, timeout=PATIENCE,
                stdout=subprocess.DEVNULL, cwd=self.folder, **self.user)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _become_nobody(self):
        self.user = {'user': NOBODY, 'group': NOBODY, 'extra_groups': []}
        os.chown(self.folder, NOBODY, NOBODY)
        root = programs.folder_of('postgres')
        if root in self.programs.parents:
            # The cache is in root's home, which nobody else can enter.
            shutil.copytree(root, self.folder / 'programs', symlinks=True)
            self.programs = (self.folder / 'programs'
                             / self.programs.relative_to(root))
            self.environment = {
                name: value.replace(str(root), str(self.folder / 'programs'))
                for name, value in self.environment.items()}

    def start(self):
        """Start it, again."""
        self.process = subprocess.Popen(
            [self.programs / 'postgres', '-D', self.folder / 'data',
             '-k', self.folder,
             *(word for option in OPTIONS for word in ('-c', option))],
            env=self.environment, cwd=self.folder, stderr=subprocess.DEVNULL,
            **self.user)
        import psycopg
        end = time.monotonic() + PATIENCE
        while True:
            try:
                psycopg.connect(self.url).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def run(self, statement):
        """Carry out a statement."""
        import psycopg
        with psycopg.connect(self.url) as connection:
            connection.execute(statement)

    def stop(self):
        """End it, and the connections that it has, at once."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(PATIENCE)

    def __exit__(self, *args):
        try:
            if self.process is not None and self.process.poll() is None:
                self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def postgres_server():
    """A running :class:`PostgresServer`; skipped where there is none."""
    pytest.importorskip('psycopg_pool')
    try:
        programs.fetch('postgres')
    except programs.FetchError as error:
        pytest.skip('postgres: %s' % error)
    with PostgresServer() as server:
        yield server

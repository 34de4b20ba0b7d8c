"""An MQTT broker of a test's own, on a port of loopback."""

import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

import check
import programs

#: Seconds for it to start, and to stop.
PATIENCE = 20


class Broker:
    """``with Broker() as broker``: ``broker.port`` is where it is."""

    def __init__(self):
        self.process = None

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='mqtt'))
        self.port = check.free_port()
        self.start()
        return self

    def start(self):
        """Start it, again."""
        settings = self.folder / 'settings'
        settings.write_text('listener %d 127.0.0.1\nallow_anonymous true\n'
                            'user root\n' % self.port)
        command, environment = programs.find('mosquitto')
        self.process = subprocess.Popen(
            [*command, '-c', str(settings)], env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(('127.0.0.1', self.port)).close()
                return
            except ConnectionRefusedError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.01)

    def kill(self):
        """End it at once."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def __exit__(self, *args):
        try:
            self.kill()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def mqtt_broker():
    """A running :class:`Broker`; skipped where there is none."""
    pytest.importorskip('aiomqtt')
    try:
        programs.fetch('mosquitto')
    except programs.FetchError as error:
        pytest.skip('mosquitto: %s' % error)
    with Broker() as server:
        yield server

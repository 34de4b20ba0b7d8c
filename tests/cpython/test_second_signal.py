"""A second signal ends the process, whatever blocks."""
import os
import signal
import socket
import subprocess
import sys

import pytest

import servers

PROGRAM = """
import asyncio
import sys
import time
from microdot import Microdot
from microdot._cpython import running

app = Microdot()

def block():
    print('blocked', flush=True)
    time.sleep(60)

@app.get('/handler')
def handler(request):
    block()

@app.get('/generator')
async def generator(request):
    def pieces():
        block()
        yield 'never'
    return pieces()

@app.get('/thread')
async def thread(request):
    await asyncio.to_thread(block)

@app.get('/loop')
async def loop(request):
    block()

@app.get('/busy')
async def busy(request):
    print('blocked', flush=True)
    while True:
        pass

@app.get('/log')
async def log(request):
    print('blocked', flush=True)
    while True:
        sys.stderr.write('more than anybody reads')

@app.get('/stubborn')
async def stubborn(request):
    print('blocked', flush=True)
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

@app.get('/')
async def nothing(request):
    print('blocked', flush=True)
    await asyncio.sleep(60)

running._SECOND_S = float(sys.argv[2])
app.run('127.0.0.1', int(sys.argv[1]), banner=False)
print('ended', flush=True)
"""


def stopped(path, numbers, seconds, stderr=subprocess.PIPE):
    """Return exit status and output of a program that has had a request for
    *path* and then these signals, and so many seconds to end by itself."""
    port = servers.free_port()
    child = subprocess.Popen(
        [sys.executable, '-c', PROGRAM, str(port), str(seconds)],
        stdout=subprocess.PIPE, stderr=stderr, text=True,
        env={**os.environ, 'PYTHONPATH': str(servers.TOP / 'src')})
    try:
        servers.wait_until(lambda: servers.is_listening(port), 'the server',
                           servers.START_S)
        with socket.create_connection(('127.0.0.1', port)) as sock:
            sock.sendall(b'GET %s HTTP/1.1\r\nHost: a\r\n\r\n' %
                         path.encode())
            assert child.stdout.readline() == 'blocked\n'
            for number in numbers:
                # (different ones: the system does not count)
                child.send_signal(number)
            output, errors = child.communicate(timeout=30)
    finally:
        child.kill()
        child.wait()
    return child.returncode, output, errors


@pytest.mark.skipif(os.name != 'posix', reason='signals')
@pytest.mark.parametrize('path', [
    '/thread', '/loop', '/busy', '/stubborn'])
def test_what_cannot_be_ended_does_not_keep_the_process(path):
    status, output, errors = stopped(path, (signal.SIGINT, signal.SIGTERM),
                                     0.7)
    assert status in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    assert 'ended by a second signal' in errors
    assert 'Traceback' not in errors


@pytest.mark.skipif(os.name != 'posix', reason='signals')
def test_stderr_that_nobody_reads_does_not_keep_the_process():
    reader, writer = os.pipe()
    try:
        status, output, errors = stopped(
            '/log', (signal.SIGINT, signal.SIGTERM), 0.1, writer)
    finally:
        os.close(reader)
        os.close(writer)
    assert status in (128 + signal.SIGINT, 128 + signal.SIGTERM)


@pytest.mark.skipif(os.name != 'posix', reason='signals')
@pytest.mark.parametrize('path', ['/', '/handler', '/generator'])
def test_what_can_be_ended_lets_the_program_end(path):
    # (it needs less than a tenth of a second, but the machine may pause it)
    status, output, errors = stopped(path, (signal.SIGTERM, signal.SIGINT),
                                     60)
    assert (status, output) == (0, 'ended\n')
    assert 'second signal' not in errors

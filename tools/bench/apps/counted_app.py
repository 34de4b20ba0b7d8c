"""What ``workers.py`` serves: small answers, and a count of its requests.

On SIGUSR1 each process writes how many it has answered into the folder
``BENCH_COUNTS``, under its own number, so that nothing is counted in the
requests themselves.
"""
import os
import pathlib
import signal
import time

from microdot import Microdot

FOLDER = pathlib.Path(os.environ['BENCH_COUNTS'])

app = Microdot()


@app.get('/')
async def text(request):
    return 'Hello, World!'


@app.get('/work')
async def work(request):
    until = time.process_time() + float(request.args.get('ms', '1')) / 1000
    while time.process_time() < until:
        pass
    return 'done'


def tell(number, frame):
    path = FOLDER / str(os.getpid())
    written = path.with_suffix('.new')
    written.write_text(str(app.counters['requests']))
    written.rename(path)


signal.signal(signal.SIGUSR1, tell)

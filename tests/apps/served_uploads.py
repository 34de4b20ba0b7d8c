"""An application that takes uploads, served on every interpreter.

Run with ``PORT [FOLDER]`` as arguments; temporary files go to the folder.
"""
import gc
import sys
from binascii import crc32

from microdot import Microdot, Request
from microdot.multipart import FileUpload, FormDataIter, with_form_data

# What is printed is compared with what each interpreter prints.
# The core alone, and a board's, print no banner.
QUIET = {'banner': False} if 'banner' in getattr(getattr(
    Microdot.run, '__code__', None), 'co_varnames', ()) else {}

app = Microdot()
app.sweep_interval = 0.1
LIMIT = 4 * 1024 * 1024


async def checksum(upload):
    size = check = 0
    while True:
        piece = await upload.read(1024)
        if not piece:
            return [upload.filename, size, check]
        size += len(piece)
        check = crc32(piece, check)


@app.get('/')
async def index(request):
    return 'hello'


@app.get('/impatient')
async def impatient(request):
    app.stall_timeout = 0.2
    return 'soon'


@app.get('/memory')
async def memory(request):
    gc.collect()
    return '%d' % gc.mem_alloc()


@app.post('/stream', max_content_length=LIMIT)
async def stream(request):
    found = []
    async for name, value in FormDataIter(request):
        if isinstance(value, FileUpload):
            value = await checksum(value)
        elif len(value) > 100:
            value = len(value)
        found.append([name, value])
    return found


@app.post('/form', max_content_length=LIMIT)
@with_form_data
async def form(request):
    found = sorted([list(pair) for pair in (request.form or {}).items()])
    for name in sorted(request.files or {}):
        found.append([name, await checksum(request.files[name])])
    return found


def main(port, folder='', small=False):
    FileUpload.temp_dir = folder
    if small:
        # as docs/start/board.rst says
        gc.collect()
        gc.threshold(4096)
        # forms need not be in memory before they are parsed
        Request.max_body_length = 1024
    app.run('127.0.0.1', int(port), **QUIET)


if __name__ == '__main__':
    main(*sys.argv[1:])

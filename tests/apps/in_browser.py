"""What ``test_in_a_browser.py`` looks at with a browser.

Run with ``PORT FOLDER CODING`` as arguments: the folder holds the pages and
files, the coding is the only one in which answers are compressed.
"""
import asyncio
import pathlib
import sys

from microdot import Microdot, html, redirect, send_file
from microdot.compress import Compress
from microdot.flash import flash, get_flashed
from microdot.session import Session
from microdot.static import static

FOLDER = pathlib.Path(sys.argv[2])

app = Microdot()
Compress(app, codings=sys.argv[3:])
Session(app, 'a key that is long enough for tests')

#: Lets one more piece of the stream go.
turn = asyncio.Semaphore(0)
#: ``Range`` of what was asked of the recording, and the status of the answer.
ranges = []


@app.get('/stream')
async def stream(request):
    async def pieces():
        for piece in 'eins ', 'zwei ', 'dreißig':
            await turn.acquire()
            yield piece
        await turn.acquire()
    return pieces(), {'Content-Type': 'text/plain'}


@app.post('/next')
async def let_go(request):
    turn.release()


@app.get('/download')
async def download(request):
    return send_file(FOLDER / 'report', content_type='application/pdf',
                     download_name='März 2.pdf')


@app.get('/messages')
async def messages(request):
    return html('<form method=post><button>Save</button></form>' + ''.join(
        '<p class=%s>%s</p>' % each for each in get_flashed(request)))


@app.post('/messages')
async def save(request):
    flash(request, 'Saved', 'success')
    return redirect('/messages', 303)


@app.middleware
async def watch_ranges(request, call_next):
    response = await call_next(request)
    if request.path == '/tone.wav':
        ranges.append([request.headers.get('Range'), response.status_code])
    return response


app.get('/ranges')(lambda request: ranges)
static(app, '/', FOLDER, fallback='index.html')

if __name__ == '__main__':
    app.run('127.0.0.1', int(sys.argv[1]))

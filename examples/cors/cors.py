"""An API, and a page of another origin that may use it.

Board: any with Wi-Fi, such as Pico W or ESP32. Wiring: none.
Flash: 38 KB. Heap: 78 KB.

Put it on a board, from the top of the repository, with the package installed
as ``docs/start/board.rst`` says, which prints its address::

    $ microdot deploy examples/cors --wifi "NAME" --main --start

Or on a computer, with nothing installed, either of::

    PYTHONPATH=src python3 examples/cors/cors.py
    MICROPYPATH=src:.frozen micropython examples/cors/cors.py

The API listens on port 5000, the page on port 5001, which makes it another
origin; append a host and two ports to change that. Open
http://127.0.0.1:5001/ in a browser, which shows what the API answers; from
http://localhost:5001/, which is not allowed, it shows an error. On a board
open http://ADDRESS:5001/ instead. Or use another terminal::

    $ curl -i -H "Origin: http://127.0.0.1:5001" http://127.0.0.1:5000/
    HTTP/1.1 200 OK
    Access-Control-Allow-Credentials: true
    Access-Control-Allow-Origin: http://127.0.0.1:5001
    Vary: Origin
    ...
"""
import asyncio
import sys

from microdot import Microdot, send_file
from microdot.cors import CORS

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Another origin</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Another origin</h1>
<p>The page has asked the other server, which answered:</p>
<p class="card" id="answer" role="status">asking&hellip;</p>
</main>
<script>
  const api = 'http://%s:%d/'
  const answer = document.getElementById('answer')
  fetch(api, {method: 'PUT', credentials: 'include'})
    .then(response => response.json())
    .then(value => answer.innerText = value.greeting)
    .catch(error => answer.innerText = 'refused')
</script>
"""

# (the folder of this program, on boards too)
HERE = __file__.replace('\\', '/').rpartition('/')[0] or '.'

api = Microdot()
cors = CORS(api, allow_credentials=True)
pages = Microdot()


def find_address():
    """Return the address of a board in its network, or of any computer for
    itself."""
    try:
        import network  # here, or else deploy would leave connecting to us
    except ImportError:
        return '127.0.0.1'
    return network.WLAN(network.STA_IF).ifconfig()[0]


@api.route('/', methods=['GET', 'PUT'])
async def greet(request):
    @request.after_request
    async def remember(request, response):
        response.set_cookie('seen', 'yes')

    return {'greeting': 'welcome back' if 'seen' in request.cookies
            else 'welcome'}


@pages.get('/')
async def index(request):
    return PAGE % pages.api, {'Content-Type': 'text/html; charset=UTF-8'}


@pages.get('/style.css')
async def style(request):
    return send_file(HERE + '/style.css', max_age=3600)


async def serve(host, port, page_port):
    address = find_address()
    cors.allowed_origins = ['http://%s:%d' % (address, page_port)]
    pages.api = address, port
    task = asyncio.create_task(
        pages.start_server(host, page_port, debug=True))
    try:
        await api.start_server(host, port, debug=True)
    finally:
        task.cancel()


def main(host='0.0.0.0', port='5000', second_port='5001'):
    asyncio.run(serve(host, int(port), int(second_port)))


if __name__ == '__main__':
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass

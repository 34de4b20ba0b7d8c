"""A bank account, and a page of another site that wants its money.

Board: any with Wi-Fi, such as Pico W or ESP32. Wiring: none.
Flash: 33 KB. Heap: 78 KB.

Put it on a board, from the top of the repository, with the package installed
as ``docs/start/board.rst`` says, which prints its address::

    $ microdot deploy examples/csrf --wifi "NAME" --main --start

Or on a computer, with nothing installed, either of::

    PYTHONPATH=src python3 examples/csrf/csrf.py
    MICROPYPATH=src:.frozen micropython examples/csrf/csrf.py

The bank listens on port 5000 and the other site on port 5001; append a host
and two ports to change that. Open http://localhost:5000/ in a browser and
send some money, then open http://127.0.0.1:5001/ and see its button answered
with ``Forbidden``. On a board open http://ADDRESS:5000/ and
http://ADDRESS:5001/ instead. Or use another terminal::

    $ curl -d amount=10 -H "Sec-Fetch-Site: same-origin" \
http://localhost:5000/send
    90 left
    $ curl -d amount=10 -H "Sec-Fetch-Site: cross-site" \
http://localhost:5000/send
    Forbidden
"""
import asyncio
import sys

from microdot import Microdot, send_file
from microdot.csrf import CSRF

BANK = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bank</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Bank</h1>
<div class="card">
  <p class="faint">You have</p>
  <p class="big">%d</p>
</div>
<form class="row" method="post" action="/send">
  <label>Amount <input name="amount" value="10" inputmode="numeric"></label>
  <button>Send</button>
</form>
</main>
"""
OTHER = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Another site</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Another site</h1>
<p>Its button sends a form to the bank, in the name of who clicks.</p>
<form method="post" action="http://%s:%d/send">
  <input type="hidden" name="amount" value="10">
  <button>See cats</button>
</form>
</main>
"""
HTML = {'Content-Type': 'text/html; charset=UTF-8'}

# (the folder of this program, on boards too)
HERE = __file__.replace('\\', '/').rpartition('/')[0] or '.'

bank = Microdot()
csrf = CSRF(bank)
other = Microdot()
bank.money = 100


def find_address():
    """Return the address of a board in its network, or the name of any
    computer for itself."""
    try:
        import network  # here, or else deploy would leave connecting to us
    except ImportError:
        return 'localhost'
    return network.WLAN(network.STA_IF).ifconfig()[0]


@bank.get('/')
async def account(request):
    return BANK % bank.money, HTML


@bank.get('/style.css')
@other.get('/style.css')
async def style(request):
    return send_file(HERE + '/style.css', max_age=3600)


@bank.post('/send')
async def send(request):
    bank.money -= request.form.get('amount', 0, type=int)
    return '%d left\n' % bank.money


@bank.post('/report')
@csrf.exempt
async def report(request):
    # for other servers' pages, and changes nothing
    return 'thank you\n'


@other.get('/')
async def cats(request):
    return OTHER % other.bank, HTML


async def serve(host, port, other_port):
    other.bank = find_address(), port
    task = asyncio.create_task(
        other.start_server(host, other_port, debug=True))
    try:
        await bank.start_server(host, port, debug=True)
    finally:
        task.cancel()


def main(host='0.0.0.0', port='5000', second_port='5001'):
    asyncio.run(serve(host, int(port), int(second_port)))


if __name__ == '__main__':
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass

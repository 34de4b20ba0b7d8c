"""A bank account, and a page of another site that wants its money.

From the top of the repository, with nothing installed, either of::

    PYTHONPATH=src python3 examples/csrf/csrf.py
    MICROPYPATH=src:.frozen micropython examples/csrf/csrf.py

The bank listens on port 5000 and the other site on port 5001; append a host
and two ports to change that. Open http://localhost:5000/ in
a browser and send some money, then open http://127.0.0.1:5001/ and see its
button answered with ``Forbidden``. Or use another terminal::

    $ curl -d amount=10 -H "Sec-Fetch-Site: same-origin" \
http://localhost:5000/send
    90 left
    $ curl -d amount=10 -H "Sec-Fetch-Site: cross-site" \
http://localhost:5000/send
    Forbidden
"""
import asyncio
import sys

from microdot import Microdot
from microdot.csrf import CSRF

BANK = """<!doctype html>
<meta charset="UTF-8">
<title>bank</title>
<p>You have %d.</p>
<form method="post" action="/send">
  <input name="amount" value="10">
  <button>Send</button>
</form>
"""
OTHER = """<!doctype html>
<meta charset="UTF-8">
<title>another site</title>
<form method="post" action="http://localhost:%d/send">
  <input type="hidden" name="amount" value="10">
  <button>See cats</button>
</form>
"""
HTML = {'Content-Type': 'text/html; charset=UTF-8'}

bank = Microdot()
csrf = CSRF(bank)
other = Microdot()
other.bank_port = 5000
bank.money = 100


@bank.get('/')
async def account(request):
    return BANK % bank.money, HTML


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
    return OTHER % other.bank_port, HTML


async def serve(host, port, other_port):
    other.bank_port = port
    task = asyncio.create_task(other.start_server(host, other_port))
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

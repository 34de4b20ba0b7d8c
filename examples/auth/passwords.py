"""Pages for which the browser asks for a name and a password.

Board: any with Wi-Fi, such as Pico W or ESP32. Wiring: none.
Flash: 50 KB. Heap: 78 KB.

Put it on a board, from the top of the repository, with the package installed
as ``docs/start/board.rst`` says, which prints its address::

    $ microdot deploy examples/auth/passwords.py --wifi "NAME" --main --start

Or on a computer, with nothing installed, either of::

    PYTHONPATH=src python3 examples/auth/passwords.py
    MICROPYPATH=src:libs/micropython:.frozen micropython \
examples/auth/passwords.py

It listens on port 5000 of all addresses; append a host and a port to change
that. Open http://127.0.0.1:5000/ in a browser, or use another terminal::

    $ curl http://127.0.0.1:5000/
    Hello, stranger!
    $ curl -u ada:lovelace http://127.0.0.1:5000/
    Hello, ada!
    $ curl -u ada:lovelace http://127.0.0.1:5000/private
    Nobody else knows.
    $ curl -u grace:hopper http://127.0.0.1:5000/private
    This is for ada.

Names and passwords can be read on the way, so a server that is for more than
a trial needs TLS.
"""
import sys

from microdot import Microdot, password
from microdot.auth import BasicAuth

# Few, for boards: see docs/guide/auth.rst. A server should not change the
# default.
password.default_iterations = 1000
# Made by hash_password(). The passwords are lovelace and hopper.
USERS = {
    'ada': 'pbkdf2_sha256$1000$ScQ/VbqxHIqQ2q9/ZtsvOFND$'
           'jAC6D9Lwb6EgVDAvLtteYwsL9Gzr7/z8oYFqyLdjQFY=',
    'grace': 'pbkdf2_sha256$1000$VNIl5rT1+tRlZwjfTbchNUS5$'
             '4wFVuPECLBZ85dS1g+AV9aVXIl19jyq8bJk3auYId1w=',
}

app = Microdot()
auth = BasicAuth('examples')


@auth.authenticate
async def check(request, username, secret):
    if await password.check_password(secret, USERS.get(username)):
        return username


@app.get('/')
@auth.optional
async def index(request):
    return 'Hello, %s!\n' % (request.g.current_user or 'stranger')


@app.get('/private')
@auth
async def private(request):
    if request.g.current_user != 'ada':
        return 'This is for ada.\n', 403
    return 'Nobody else knows.\n'


def main(host='0.0.0.0', port='5000'):
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

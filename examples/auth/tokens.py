"""An API whose clients exchange a password for a token.

Board: any with Wi-Fi, such as Pico W or ESP32. Wiring: none.
Flash: 50 KB. Heap: 88 KB.

Put it on a board, from the top of the repository, with the package installed
as ``docs/start/board.rst`` says, which prints its address::

    $ microdot deploy examples/auth/tokens.py --wifi "NAME" --main --start

Or on a computer, with nothing installed, either of::

    PYTHONPATH=src python3 examples/auth/tokens.py
    MICROPYPATH=src:libs/micropython:.frozen micropython \
examples/auth/tokens.py

It listens on port 5000 of all addresses; append a host and a port to change
that. From another terminal::

    $ TOKEN=$(curl -X POST -u ada:lovelace http://127.0.0.1:5000/token)
    $ curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:5000/lamp
    {"lamp": "off"}
    $ curl -X PUT -H "Authorization: Bearer $TOKEN" \
http://127.0.0.1:5000/lamp/on
    {"lamp": "on"}

The user grace, whose password is hopper, may look at the lamp but not switch
it. A token is valid for an hour, and until the server is started anew.
"""
import os
import sys

from microdot import Microdot, password
from microdot.auth import BasicAuth, TokenAuth
from microdot.session import encode_jwt, now, parse_jwt

# Few, for boards: see docs/guide/auth.rst. A server should not change the
# default.
password.default_iterations = 1000
# Made by hash_password(). The passwords are lovelace and hopper.
USERS = {
    'ada': ('pbkdf2_sha256$1000$ScQ/VbqxHIqQ2q9/ZtsvOFND$'
            'jAC6D9Lwb6EgVDAvLtteYwsL9Gzr7/z8oYFqyLdjQFY=',
            'look switch'),
    'grace': ('pbkdf2_sha256$1000$VNIl5rT1+tRlZwjfTbchNUS5$'
              '4wFVuPECLBZ85dS1g+AV9aVXIl19jyq8bJk3auYId1w=',
              'look'),
}
KEY = os.urandom(32)

app = Microdot()
app.lamp = 'off'
passwords = BasicAuth()
tokens = TokenAuth()


@passwords.authenticate
async def check(request, username, secret):
    hashed, _ = USERS.get(username, (None, None))
    if await password.check_password(secret, hashed):
        return username


@tokens.authenticate
async def find(request, token):
    # what is not a token, or not one any more, has no subject
    username = parse_jwt(token, [KEY]).get('sub')
    return username if username in USERS else None


@tokens.scopes
async def scopes(request, username):
    return USERS[username][1]


@app.post('/token')
@passwords
async def token(request):
    return encode_jwt({
        'sub': request.g.current_user, 'exp': now() + 3600}, KEY)


@app.get('/lamp')
@tokens.requires('look')
async def look(request):
    return {'lamp': app.lamp}


@app.put('/lamp/<re:on|off:state>')
@tokens.requires('switch')
async def switch(request, state):
    app.lamp = state
    return {'lamp': app.lamp}


def main(host='0.0.0.0', port='5000'):
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

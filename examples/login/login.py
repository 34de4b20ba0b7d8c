"""Pages for users who log in by a form, and can be remembered.

Board: any with Wi-Fi, such as Pico W or ESP32. Wiring: none.
Flash: 51 KB. Heap: 98 KB.

Put it on a board, from the top of the repository, with the package installed
as ``docs/start/board.rst`` says, which prints its address::

    $ microdot deploy examples/login --wifi "NAME" --main --start

Or on a computer, with nothing installed, either of::

    PYTHONPATH=src python3 examples/login/login.py
    MICROPYPATH=src:libs/micropython:.frozen micropython \
examples/login/login.py

It listens on port 5000 of all addresses and keeps the key that signs the
cookies in the file ``login.key``, so that users stay logged in when it is
started anew; append a host, a port and a name of the file to change that.
Open http://127.0.0.1:5000/ in a browser. There are the users ada, with the
password lovelace, and grace, with hopper. Or use another terminal::

    $ curl -i http://127.0.0.1:5000/
    HTTP/1.1 302 Found
    Location: /login?next=/

Passwords can be read on the way, so a server that is for more than a trial
needs TLS.
"""
import os
import sys

from microdot import Microdot, password, redirect, send_file
from microdot.csrf import CSRF
from microdot.login import Login
from microdot.session import Session

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>%s</h1>
%s
</main>
"""
LOGIN = """<p role="alert">%s</p>
<form class="card column" method="post">
  <label>Name <input name="name" autocomplete="username" required></label>
  <label>Password <input name="password" type="password"
    autocomplete="current-password" required></label>
  <label class="check"><input name="remember" type="checkbox"> Remember me
  </label>
  <div><button>Log in</button></div>
</form>"""
HOME = """<p>You are logged in as %s.</p>
<p><a href="/password">Change the password</a>
<form method="post" action="/logout"><button>Log out</button></form>"""
PASSWORD = """<p role="alert">%s</p>
<form class="card column" method="post">
  <label>New password <input name="password" type="password"
    autocomplete="new-password" required></label>
  <div><button>Change</button></div>
</form>"""
BYE = '<p>You are logged out. <a href="/">Log in again</a>'


class User:
    def __init__(self, id, password):
        self.id = id
        self.password = password


# Few, for boards: see docs/guide/auth.rst. A server should not change the
# default.
password.default_iterations = 1000
# Made by hash_password().
USERS = {
    'ada': User('ada', 'pbkdf2_sha256$1000$ScQ/VbqxHIqQ2q9/ZtsvOFND$'
                       'jAC6D9Lwb6EgVDAvLtteYwsL9Gzr7/z8oYFqyLdjQFY='),
    'grace': User('grace', 'pbkdf2_sha256$1000$VNIl5rT1+tRlZwjfTbchNUS5$'
                           '4wFVuPECLBZ85dS1g+AV9aVXIl19jyq8bJk3auYId1w='),
}

# (the folder of this program, on boards too)
HERE = __file__.replace('\\', '/').rpartition('/')[0] or '.'

app = Microdot()
CSRF(app)  # or another site could log its visitors in, and out
sessions = Session(app)
login = Login()


def page(title, content, status=200):
    return PAGE % (title, title, content), status, {
        'Content-Type': 'text/html; charset=UTF-8',
        # nobody finds it with the Back button of a shared computer
        'Cache-Control': 'no-store'}


@login.user_loader
async def load(user_id):
    return USERS.get(user_id)


@app.get('/style.css')
async def style(request):
    return send_file(HERE + '/style.css', max_age=3600)


@app.get('/login')
async def ask(request):
    return page('Log in', LOGIN % '')


@app.post('/login')
async def log_in(request):
    form = request.form or {}
    user = USERS.get(form.get('name'))

    async def check():
        # takes as long where there is no such user
        return await password.check_password(
            form.get('password'), user.password if user else None)

    # 429 after too many that failed
    if not await login.attempt(request, form.get('name'), check):
        return page('Log in', LOGIN % 'Wrong name or password.', 403)
    return await login.login_user(request, user, 'remember' in form)


@app.post('/logout')
async def log_out(request):
    await login.logout_user(request)
    return page('Bye', BYE)


@app.get('/')
@login
async def home(request):
    return page('Home', HOME % request.g.current_user.id)


@app.get('/password')
@login.fresh
async def ask_for_password(request):
    return page('Change the password', PASSWORD % '')


@app.post('/password')
@login.fresh
async def change_password(request):
    secret = (request.form or {}).get('password', '')
    if len(secret) < 6:
        return page('Change the password',
                    PASSWORD % 'At least six characters.', 422)
    user = request.g.current_user
    user.password = await password.hash_password(secret)
    return redirect('/')


def load_key(path):
    """Return the key in a file, or make one that nobody else has."""
    try:
        with open(path, 'rb') as file:
            return file.read()
    except OSError:
        key = os.urandom(32)
        if hasattr(os, 'umask'):  # other users of a computer may not read it
            os.umask(0o077)
        with open(path, 'wb') as file:
            file.write(key)
        return key


@app.on_startup
def find_key():
    # (main() has it already; microdot run and others do not call that)
    sessions.secret_key = sessions.secret_key or load_key('login.key')


def main(host='0.0.0.0', port='5000', path='login.key'):
    sessions.secret_key = load_key(path)
    app.run(host, int(port), debug=True)


if __name__ == '__main__':
    main(*sys.argv[1:])

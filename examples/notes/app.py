"""Notes: logins, a database and live updates in one small application.

Install the package and Jinja in a virtual environment, then run it from this
folder::

    pip install jinja2
    microdot run --reload --debug

Open http://127.0.0.1:5000/ in a browser, make an account and write notes. Open
a second window: it follows. The tutorial in the documentation builds this
application step by step. Its tests run by ``python -m unittest``.

The notes are in the file ``notes.sqlite`` of this folder. The variable
``NOTES_DATABASE`` names another file, and ``NOTES_SECRET_KEY`` the key that
signs sessions; without one, everybody has to log in after each start.
"""
import asyncio
import os
import pathlib

import database

from microdot import Microdot, abort, redirect
from microdot.config import Config
from microdot.csrf import CSRF
from microdot.jinja import Template
from microdot.login import Login
from microdot.metrics import Health
from microdot.password import check_password, hash_password
from microdot.pubsub import Hub
from microdot.security import SecurityHeaders
from microdot.session import Session
from microdot.sse import with_sse
from microdot.static import static
from microdot.validation import Field, with_form

FOLDER = pathlib.Path(__file__).parent

config = Config(FOLDER / '.env', prefix='NOTES_')
database.path = config('DATABASE', default=str(FOLDER / 'notes.sqlite'))

app = Microdot()
app.on_startup(database.create)
CSRF(app)
SecurityHeaders(app, csp="default-src 'self'")
Session(app, config('SECRET_KEY', default=None) or os.urandom(32))
Health(app, checks=[database.is_there])
login = Login()
hub = Hub()
Template.initialize(FOLDER / 'templates')
static(app, '/static', FOLDER / 'static')


def page(request, name, status=200, **values):
    """Render a template; it knows the user as well."""
    user = getattr(request.g, 'current_user', None)
    return Template(name).response(request, status, user=user, **values)


# ---------------------------------------------------------------------- users

# What the forms of both pages have.
NAME_AND_PASSWORD = {'name': Field(str, min=1, max=80),
                     'password': Field(str, max=200)}


@login.user_loader
def load_user(user_id):
    return database.find_user(user_id)


@app.get('/signup')
async def show_signup(request):
    return page(request, 'signup.html')


@app.post('/signup')
@with_form(NAME_AND_PASSWORD)
async def sign_up(request, form):
    if len(form['password']) < 8:
        return page(request, 'signup.html', 422,
                    error='The password needs 8 characters or more.')
    hashed = await hash_password(form['password'])
    user = await asyncio.to_thread(database.add_user, form['name'], hashed)
    if user is None:
        return page(request, 'signup.html', 409, error='This name is taken.')
    return await login.login_user(request, user)


@app.get('/login')
async def show_login(request):
    return page(request, 'login.html')


@app.post('/login')
@with_form(NAME_AND_PASSWORD)
async def log_in(request, form):
    async def check():
        user = await asyncio.to_thread(
            database.find_user_by_name, form['name'])
        hashed = user.password if user else None
        # Takes as long if there is no such user.
        if await check_password(form['password'], hashed):
            return user

    user = await login.attempt(request, form['name'], check)
    if user is None:
        return page(request, 'login.html', 403,
                    error='Wrong name or password.')
    return await login.login_user(request, user)


@app.post('/logout')
async def log_out(request):
    await login.logout_user(request)
    return redirect('/login')


# ---------------------------------------------------------------------- notes

def tell(user):
    """Tell the open pages of a user that the notes have changed."""
    hub.publish('user/%d' % user.id, 'changed')


@app.get('/')
@login
def index(request):
    notes = database.list_notes(request.g.current_user.id)
    return page(request, 'notes.html', notes=notes)


@app.get('/list')
@login
def show_list(request):
    notes = database.list_notes(request.g.current_user.id)
    return page(request, 'list.html', notes=notes)


@app.post('/notes')
@login
@with_form({'text': Field(str, min=1, max=500)})
def add(request, form):
    user = request.g.current_user
    database.add_note(user.id, form['text'])
    tell(user)
    return redirect('/')


@app.post('/notes/<int:note_id>/delete')
@login
def delete(request, note_id):
    user = request.g.current_user
    if not database.delete_note(user.id, note_id):
        abort(404)
    tell(user)
    return redirect('/')


@app.get('/events')
@login
@with_sse
async def events(request, sse):
    await hub.forward(sse, 'user/%d' % request.g.current_user.id)


if __name__ == '__main__':
    app.run(host='127.0.0.1')

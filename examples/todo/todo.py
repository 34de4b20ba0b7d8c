"""A to-do service with tokens, pages, filters and a document, on SQLite.

    $ PYTHONPATH=src python3 examples/todo/todo.py

Append host, port and a file. Open http://127.0.0.1:5000, or type::

    $ curl --json '{"name": "ada"}' http://127.0.0.1:5000/users
    {"name": "ada", "token": "..."}
    $ curl --json '{"title": "Buy milk"}' -H "Authorization: Bearer ..." \
http://127.0.0.1:5000/todos
    {"id": 1, "title": "Buy milk", "tags": [], "done": false, "due": null}
"""
import contextlib
import datetime
import hashlib
import json
import secrets
import sqlite3
import sys

from microdot import Microdot, abort, redirect
from microdot.auth import TokenAuth
from microdot.openapi import OpenAPI, describe
from microdot.validation import Field, with_body, with_query

TABLES = """pragma journal_mode = wal;
create table if not exists users (id integer primary key,
    name text unique not null, token blob unique not null);
create table if not exists todos (id integer primary key,
    user integer not null, title text, tags text, done integer, due text);"""
COLUMNS = 'id, title, tags, done, due'
TODO = {'id': int, 'title': str, 'tags': [str], 'done': bool,
        'due': datetime.date | None}
MINE = ' where user = :user and id = :id '
TITLE, TAG = Field(str, min=1, max=200), Field(str, min=1, max=30)
NEW = {'title': TITLE, 'tags': Field([TAG], max=10, default=[]),
       'done': Field(bool, default=False),
       'due': Field(datetime.date, default=None)}
CHANGE = {'title?': TITLE, 'tags?': Field([TAG], max=10), 'done?': bool,
          'due?': datetime.date | None}
sqlite3.register_adapter(list, json.dumps)
sqlite3.register_adapter(datetime.date, str)
app = Microdot()
OpenAPI(app, title='To do')
app.get('/')(describe(hidden=True)(lambda request: redirect('/docs')))
app.g.path = 'todo.db'
auth = TokenAuth(realm='What POST /users gives')


def sql(statement, **values):
    # Plain handlers run in threads: each statement has its own connection.
    connection = sqlite3.connect(app.g.path, timeout=10)
    with contextlib.closing(connection), connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(statement, values)]


def todos(statement, request, **values):
    values['user'] = request.g.current_user
    rows = abs(values.get('id', 0)) < 2 ** 63 and sql(statement, **values)
    if not rows and 'id' in values:
        abort(404, 'There is no such thing to do')
    for row in rows:
        row.update(tags=json.loads(row['tags']), done=bool(row['done']))
    return rows


@app.on_startup
def prepare():
    with contextlib.closing(sqlite3.connect(app.g.path)) as connection:
        connection.executescript(TABLES)


@auth.authenticate
def know(request, token):
    digest = hashlib.sha256(token.encode()).digest()
    for row in sql('select id from users where token = :token', token=digest):
        return row['id']


@app.post('/users')
@with_body({'name': Field(str, min=1, max=40)})
@describe(responses={201: {'name': str, 'token': str}, 409: 'Name is taken'})
def add_user(request, body):
    """Add a user. The token is shown this once."""
    token = secrets.token_urlsafe()
    added = sql('insert into users (name, token) values (:name, :token) '
                'on conflict do nothing returning name', name=body['name'],
                token=hashlib.sha256(token.encode()).digest())
    return ({**added[0], 'token': token}, 201) if added else abort(409)


@app.get('/todos')
@auth
@with_query({'done': Field(bool, default=None),
             'tag': Field(str, max=30, default=None),
             'page': Field(int, min=1, max=10000, default=1)})
@describe(responses={200: {'items': [TODO]}})
def list_todos(request, query):
    """List what is to be done, 20 at a time."""
    return {'items': todos(
        'select ' + COLUMNS + ' from todos where user = :user '
        'and (:done is null or done = :done) and (:tag is null or :tag in '
        '(select value from json_each(tags))) order by id limit 20 '
        'offset (:page - 1) * 20', request, **query)}


@app.post('/todos')
@auth
@with_body(NEW, extra='forbid')
@describe(responses={201: TODO})
def add_todo(request, body):
    """Add something to do."""
    return todos('insert into todos (user, title, tags, done, due) values '
                 '(:user, :title, :tags, :done, :due) returning ' + COLUMNS,
                 request, **body)[0], 201


@app.get('/todos/<int:id>')
@auth
@describe(responses={200: TODO})
def get_todo(request, id):
    """Get one thing to do."""
    return todos('select ' + COLUMNS + ' from todos' + MINE, request, id=id)[0]


@app.patch('/todos/<int:id>')
@auth
@with_body(CHANGE, extra='forbid')
@describe(responses={200: TODO})
def change_todo(request, id, body):
    """Change what is given, and leave the rest."""
    changes = ''.join(', %s = :%s' % (key, key) for key in body)
    return todos('update todos set id = id' + changes + MINE + 'returning ' +
                 COLUMNS, request, id=id, **body)[0]


@app.delete('/todos/<int:id>')
@auth
@describe(responses={204: 'It is gone'})
def delete_todo(request, id):
    """Delete something."""
    todos('delete from todos' + MINE + 'returning ' + COLUMNS, request, id=id)
    return '', 204


if __name__ == '__main__':
    host, port, app.g.path = sys.argv[1:] or ['127.0.0.1', 5000, 'todo.db']
    app.run(host, int(port))

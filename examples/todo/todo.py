"""A to-do service: bodies that are checked, SQLite, pages, filters, tokens,
and a document that describes all of it. From the top of the repository::

    PYTHONPATH=src python3 examples/todo/todo.py

It listens on port 5000 of this computer and keeps everything in ``todo.db``;
append a host, a port and a name of the file to change that. Try each request
at http://127.0.0.1:5000/docs, or in another terminal::

    $ curl --json '{"name": "ada"}' http://127.0.0.1:5000/users
    {"name": "ada", "token": "..."}
    $ curl --json '{"title": "Buy milk"}' -H "Authorization: Bearer ..." \
http://127.0.0.1:5000/todos
    {"id": 1, "title": "Buy milk", "tags": [], "done": false, "due": null}
"""
import contextlib
import dataclasses
import datetime
import hashlib
import json
import secrets
import sqlite3
import sys
from typing import Annotated

from microdot import Microdot, abort
from microdot.auth import TokenAuth
from microdot.openapi import OpenAPI, describe
from microdot.validation import Field, with_body, with_query

Title = Annotated[str, Field(min=1, max=200)]
Tag = Annotated[str, Field(min=1, max=30)]
Tags = Annotated[list[Tag], Field(max=10)]
TABLES = """pragma journal_mode = wal;
create table if not exists users (id integer primary key,
    name text unique not null, token blob unique not null);
create table if not exists todos (id integer primary key, user integer
    not null references users, title text, tags text, done integer, due text);
"""
COLUMNS = 'id, title, tags, done, due'
app = Microdot()
app.g.path = 'todo.db'
auth = TokenAuth(realm='What POST /users gives')
OpenAPI(app, title='To do', version='1.0')


@dataclasses.dataclass
class NewTodo:
    title: Title
    tags: Tags = dataclasses.field(default_factory=list)
    done: bool = False
    due: datetime.date | None = None


@dataclasses.dataclass
class Todo(NewTodo):
    id: int = 0


@dataclasses.dataclass
class Filter:
    done: bool | None = None
    tag: Tag | None = None
    q: Annotated[str, Field(max=100)] = ''
    page: Annotated[int, Field(min=1, max=10000)] = 1
    size: Annotated[int, Field(min=1, max=100)] = 20


def sql(statement, **values):
    # Plain handlers run in threads: each statement has its own connection.
    for key, value in values.items():
        if isinstance(value, list):
            values[key] = json.dumps(value)
        elif isinstance(value, datetime.date):
            values[key] = value.isoformat()
    connection = sqlite3.connect(app.g.path, timeout=10)
    with contextlib.closing(connection), connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(statement, values)]


def todos(rows):
    for row in rows:
        row.update(tags=json.loads(row['tags']), done=bool(row['done']))
    return rows or abort(404, 'There is no such thing to do')


@app.on_startup
def prepare():
    with contextlib.closing(sqlite3.connect(app.g.path)) as connection:
        connection.executescript(TABLES)


@auth.authenticate
def know(request, token):
    rows = sql('select id from users where token = :token',
               token=hashlib.sha256(token.encode()).digest())
    return rows and rows[0]['id']


@app.errorhandler(OverflowError)
def too_large(request, exc):
    return 'There is no such number', 404  # over 64 bits, in SQLite


@app.post('/users')
@with_body({'name': Field(str, min=1, max=40)})
@describe(responses={201: {'name': str, 'token': str}, 409: 'Name is taken'})
def add_user(request, body):
    """Add a user. The token is shown this once."""
    token = secrets.token_urlsafe()
    if not sql('insert into users (name, token) values (:name, :token) '
               'on conflict do nothing returning id', **body,
               token=hashlib.sha256(token.encode()).digest()):
        abort(409, 'The name is taken')
    return {'name': body['name'], 'token': token}, 201


@app.get('/todos')
@auth
@with_query(Filter)
@describe(responses={200: {'items': [Todo], 'total': int, 'pages': int}})
def list_todos(request, query):
    """List what is to be done, a page at a time."""
    where = (' from todos where user = :user and (:done is null or done = '
             ':done) and (:tag is null or exists (select 1 from json_each('
             'tags) where value = :tag)) and instr(lower(title), lower(:q))')
    values = dict(vars(query), user=request.g.current_user,
                  skip=(query.page - 1) * query.size)
    rows = sql('select ' + COLUMNS + where + ' order by id limit :size '
               'offset :skip', **values)
    total = sql('select count(*) as total' + where, **values)[0]['total']
    return {'items': rows and todos(rows), 'total': total,
            'pages': -(-total // query.size)}


@app.post('/todos')
@auth
@with_body(NewTodo, extra='forbid')
@describe(responses={201: Todo})
def add_todo(request, body):
    """Add something to do."""
    return todos(sql('insert into todos (user, title, tags, done, due) values '
                     '(:user, :title, :tags, :done, :due) returning ' +
                     COLUMNS, user=request.g.current_user, **vars(body)))[0], \
        201


@app.get('/todos/<int:id>')
@auth
@describe(responses={200: Todo})
def get_todo(request, id):
    """Get one thing to do."""
    return todos(sql('select ' + COLUMNS + ' from todos where user = :user '
                     'and id = :id', user=request.g.current_user, id=id))[0]


@app.patch('/todos/<int:id>')
@auth
@with_body({'title?': Title, 'tags?': Tags, 'done?': bool,
            'due?': datetime.date | None}, extra='forbid')
@describe(responses={200: Todo})
def change_todo(request, id, body):
    """Change what is given, and leave the rest."""
    changes = ', '.join('%s = :%s' % (key, key) for key in ('id', *body))
    return todos(sql('update todos set ' + changes + ' where user = :user '
                     'and id = :id returning ' + COLUMNS,
                     user=request.g.current_user, id=id, **body))[0]


@app.delete('/todos/<int:id>')
@auth
@describe(responses={204: 'It is gone'})
def delete_todo(request, id):
    """Delete something."""
    todos(sql('delete from todos where user = :user and id = :id returning ' +
              COLUMNS, user=request.g.current_user, id=id))
    return '', 204


if __name__ == '__main__':
    host, port, app.g.path = (sys.argv[1:] + [
        '127.0.0.1', '5000', 'todo.db'][len(sys.argv) - 1:])[:3]
    app.run(host, int(port))
